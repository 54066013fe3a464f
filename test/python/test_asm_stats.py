# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""No scalar arithmetic, spill or call in the innermost loops of the shipped operators."""

from __future__ import annotations

import re
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
        ("\tvmovups\t%zmm1, 64(%rbp)\n\tvmovups\t4096(%rbp,%rax,4), %zmm2", "0 0 0"),
    ],
)
def test_counts(tmp_path: Path, inner: str, counts: str) -> None:
    file = tmp_path / "a.s"
    file.write_text(OUTER.replace("{inner}", inner))
    result = run("--file", file)
    row = next(line for line in result.stdout.splitlines() if line.startswith("a.s"))
    assert row.split()[1:] == ["1", *counts.split()], result.stdout
    assert result.returncode == (0 if counts == "0 0 0" else 1)


def test_frame_pointer(tmp_path: Path) -> None:
    """%rbp is the stack only where the function says so."""
    file = tmp_path / "a.s"
    text = OUTER.replace("{inner}", "\tvmovups\t%zmm1, -64(%rbp)")
    file.write_text(text.replace("f:\n", "f:\n\tpushq\t%rbp\n\tmovq\t%rsp, %rbp\n"))
    assert run("--file", file).returncode == 1


@pytest.mark.parametrize(
    "target, match, count",
    [
        ("x86-64-v4", "f32|bf16", 22),
        ("x86-64-v4+avx512bf16", "attention bf16|matmul bf16 (plain|gelu)$", 6),
        ("x86-64-v4", "norm f", 6),
        ("x86-64-v3", "norm (f32|f64)|matmul f32|attention bf16 d64", 11),
    ],
)
def test_operators(target: str, match: str, count: int) -> None:
    """A part of what `utils/accept.py language --only run.asm-stats` looks at."""
    result = run("--target", target, "--match", match)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(re.findall("^(?:attention|matmul|layer_norm|rms_norm) ", result.stdout, re.M)) == count
