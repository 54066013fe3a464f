# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The simulator: kernels of both vendors, interpreted and checked."""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

from acceptance import DEV, ROOT, Points, lit, need, pytest, run

point = Points()


@point("simulator.tool", "kernels from files: values, traffic, and a report for each kind of fault", cheap=False)
def _() -> str:
    return lit(r"Simulator/")


@point("simulator.amd", "each instruction of AMD's machines against its documented meaning", cheap=False)
def _() -> str:
    return pytest("test/python/test_simulator_amd.py")


@point("simulator.nvidia", "each instruction of NVIDIA's machines against the PTX manual", cheap=False)
def _() -> str:
    return run(DEV / "bin/TegulaUnitTests", "--gtest_filter=Simulator*", "--gtest_brief=1").strip().splitlines()[-1]


@point("simulator.kernel", "a kernel compiled from C++: result, bytes, planted faults, no false alarm", cheap=False)
def _() -> str:
    return pytest("test/python/test_simulator.py")


@point("simulator.instructions", "the status of each instruction is listed, as the tables have it")
def _() -> str:
    run(sys.executable, "utils/reference.py", "--check")
    page = (ROOT / "docs/reference/simulator-instructions.md").read_text(encoding="utf-8")
    return next(line for line in page.splitlines() if line.startswith("on chip:"))


@point("simulator.speed", "512 x 512 x 64, one head, one seed: at most 50 ms of one core, checks on", cheap=False)
def _() -> str:
    rows = {"type": "bf16", "shape": [512, 64], "access": "read"}
    buffers: list[dict[str, object]] = [
        {"name": name, "init": {"random": seed}, **rows} for seed, name in enumerate("qkv")
    ]
    buffers.append({"name": "o", "type": "bf16", "shape": [512, 64], "init": "undefined"})
    launch = {
        "kernel": "attention", "grid": [8], "block": [128], "dynamic_shared": 40960, "buffers": buffers,
        "arguments": [*({"buffer": b["name"]} for b in buffers), {"i32": 512}, {"f32": 0.18}],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        module, file = Path(folder) / "kernel.ll", Path(folder) / "launch.json"
        file.write_text(json.dumps(launch))
        flags = ["--target=nvptx64-nvidia-cuda", "-march=sm_80", "-O2", "-g1", "-S", "-emit-llvm"]
        run("/usr/lib/llvm-22/bin/clang++", *flags, "test/Simulator/Inputs/attention.cpp", "-o", module)
        output = run(DEV / "bin/tegula-sim", module, "--launch", file, "--seeds=10", "--time")
    times = [float(time) for time in re.findall(r"^seed \d+: ([\d.]+) ms", output, re.MULTILINE)]
    middle = statistics.median(times)
    return need(len(times) == 10 and middle <= 50, f"median of {len(times)} seeds {middle:.1f} ms")
