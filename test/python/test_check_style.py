# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every rule of utils/check_style.py finds its breach, and an excuse silences it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "utils/check_style.py"
LICENCE = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"
PASS_TD = 'def FooBarPass : Pass<"tegula-foo-bar"> {\n  let summary = "s";\n  let description = [{\n%s  }];\n}\n'
PASS_TEXT = "**Requires** a **Guarantees** b **Fails when** c\n"
OP_TD = 'def Tegula_DotOp : Tegula_Op<"dot", []> {\n  let summary = "s";\n'
OP_TD += "  let description = [{\n%s  }];\n  let hasVerifier = 1;\n}\n"
OP_TEXT = "C1: one\n```mlir\n```\n"

BREACHES: dict[str, dict[str, str]] = {
    "pass-names": {"include/P.td": LICENCE + PASS_TD % PASS_TEXT, "lib/FooBar.cpp": LICENCE},
    "pass-docs": {"include/P.td": LICENCE + PASS_TD % "**Requires** a **Fails when** c\n"},
    "op-docs": {"include/O.td": LICENCE + OP_TD % "what it does\n```mlir\n```\n"},
    "op-tests": {"include/O.td": LICENCE + OP_TD % OP_TEXT},
    "forbidden-calls": {"lib/A.cpp": LICENCE + "static int count = 0;\n"},
    "chip-names": {"lib/Transforms/A.cpp": LICENCE + "// only on sm_90a\n"},
    "operator-names": {"lib/A.cpp": LICENCE + "void lowerAttention();\n"},
    "diagnostics-tested": {"lib/A.cpp": LICENCE + 'return op.emitOpError("has no pudding");\n'},
    "licence-headers": {"lib/A.cpp": "int x;\n"},
    "python-state": {"python/a.py": "cache = {}\n"},
}


def run(root: Path, rule: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, "--root", root, rule], capture_output=True, text=True)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("rule", BREACHES)
def test_rule_finds_its_breach(tmp_path: Path, rule: str) -> None:
    write(tmp_path, BREACHES[rule])
    result = run(tmp_path, rule)
    assert result.returncode == 1 and f"FAIL style.{rule} 1 findings" in result.stdout, result.stdout + result.stderr


def test_other_breaches_of_one_rule(tmp_path: Path) -> None:
    write(tmp_path, {"lib/A.cpp": 'getenv("A"); op->getAttr("b"); op->getAttrOfType<IntegerAttr>("c");\n'})
    assert "FAIL style.forbidden-calls 3 findings" in run(tmp_path, "forbidden-calls").stdout


def test_what_is_right_passes(tmp_path: Path) -> None:
    write(tmp_path, {
        "include/P.td": LICENCE + PASS_TD % PASS_TEXT + OP_TD % OP_TEXT,
        "lib/FooBar.cpp": LICENCE + 'static const int limit = 3;\nstatic int twice(int x) { return 2 * x; }\n'
        'return op.emitOpError("has no pudding");\n',
        "lib/Target/X86/Chips.cpp": LICENCE + '"x86-64-v4"\n',
        "test/tegula-foo-bar.mlir": "// expected-error {{has no pudding}}\n",
        "test/Dialect/Tegula/dot.mlir": "",
        "python/a.py": "# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\nTABLE = {1: 2}\n",
    })  # fmt: skip
    for rule in BREACHES:
        assert run(tmp_path, rule).returncode == 0, rule


def test_an_excuse_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, {"lib/A.cpp": "// style: allow(chip) the example names one\n// only on sm_90a\n"})
    assert run(tmp_path, "chip-names").returncode == 0
