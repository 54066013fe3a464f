# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""How lit runs the tests of the compiler.

Features: `release` (static, what ships) or `dev` (shared MLIR), `assertions`
where our own are on, `asan`, and `tool-NAME` for every built tool, so that a
test of a tool that this build does not make is skipped and said to be so.
"""

import os
import sys

import lit.formats

config.name = "Tegula"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".py"]
# Python tests run under pytest; Unit holds GoogleTest, run through Unit/run.test.
config.excludes = ["lit.cfg.py", "python", "Inputs", "CMakeLists.txt"]
config.test_source_root = os.path.join(config.tegula_src_root, "test")
config.test_exec_root = os.path.join(config.tegula_obj_root, "test")

tools = os.path.join(config.tegula_obj_root, "bin")
config.environment["PATH"] = os.pathsep.join([tools, config.llvm_tools_dir, config.environment.get("PATH", "")])
config.substitutions.append(("%src", config.tegula_src_root))
config.substitutions.append(("%obj", config.tegula_obj_root))
config.substitutions.append(("%tools", tools))
config.substitutions.append(("%python", sys.executable))

config.available_features.add("release" if config.tegula_static == "ON" else "dev")
if config.tegula_assertions == "ON":
    config.available_features.add("assertions")
if config.tegula_sanitize:
    config.available_features.add("asan")
for name in sorted(os.listdir(tools)) if os.path.isdir(tools) else []:
    config.available_features.add("tool-" + name)
