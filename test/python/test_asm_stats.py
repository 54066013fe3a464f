# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""No scalar arithmetic, spill or call in the innermost loops of the shipped operators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "utils/asm_stats.py"

OUTER = """
f:
.LBB0_1:                                # outer
\tvaddss\t%xmm0, %xmm1, %xmm0           # in no innermost loop
\txorl\t%eax, %eax
.LBB0_2:
{inner}
\taddq\t$1, %rax
\tcmpq\t%rax, %rcx
\tjne\t.LBB0_2
\tcallq\tg
\tdecq\t%rdx
\tjne\t.LBB0_1
\tretq
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    "inner, counts",
    [
        (
            "\tvfmadd231ps\t(%rsi,%rax), %zmm1, %zmm2\n\tvbroadcastss\t(%rdi), %zmm3\n\tvpmaxsd\t%ymm1, %ymm2, %ymm3",
            "0 0 0",
        ),
        ("\tvmovss\t(%rsi), %xmm1\n\tvfmadd231ss\t(%rsi,%rax), %xmm1, %xmm2", "1 0 0"),
        ("\tvmovups\t%zmm1, 64(%rsp)\n\tvmovaps\t(%rsp), %ymm2\n\tmovq\t8(%rsp), %rdi", "0 2 0"),
        ("\tcallq\texpf@PLT", "0 0 1"),
    ],
)
def test_counts(tmp_path: Path, inner: str, counts: str) -> None:
    file = tmp_path / "a.s"
    file.write_text(OUTER.replace("{inner}", inner))
    result = run("--file", file)
    row = next(line for line in result.stdout.splitlines() if line.startswith("a.s"))
    assert row.split()[1:] == ["1", *counts.split()], result.stdout
    assert result.returncode == (0 if counts == "0 0 0" else 1)


@pytest.mark.parametrize("target", ["x86-64-v4"])
def test_products(target: str) -> None:
    """What holds today; `utils/accept.py language --only run.asm-stats` is about all operators."""
    result = run("--target", target, "--match", "matmul f(32|16|64) (plain|relu)|matmul bf16 (plain|relu)")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("matmul") == 8
