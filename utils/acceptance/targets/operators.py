# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every operator as GPU code: right in the simulator, sound as machine code, made quickly."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from acceptance import PYTHON, TEGULAC, Points, need, pytest, run

point = Points()

TARGETS = ("sm_80", "gfx942")
OPERATORS = {
    "attention": "attention and not low_rank", "matmul": "matmul", "norms": "layer_norm or rms_norm",
    "low_rank": "low_rank", "fft_conv": "fft_conv", "butterfly": "butterfly", "schnet": "schnet or network",
}  # fmt: skip
LOOPS = {
    "sm_80": ("copy", "matrix load", "product"),
    "gfx942": ("global load", "shared store", "shared load", "product"),
}
SECONDS = 0.6


def correct(operator: str, target: str) -> str:
    """Runs an operator's cases for a target; the figure says what is refused."""
    figure = pytest("test/python/test_gpu_operators.py", "-k", f"({OPERATORS[operator]}) and {target}")
    refused = run(PYTHON, "-c", COUNT, target, OPERATORS[operator].split(" and ")[0])
    return f"{figure}, {refused.strip()} of them refusals that are listed"


COUNT = """
import sys
sys.path.insert(0, "test/python")
from test_gpu_operators import REFUSED
words = sys.argv[2].split(" or ")
print(sum(any(w in n for w in words) and t == sys.argv[1] for n, _, t in REFUSED))
"""

for _operator in OPERATORS:
    for _target in TARGETS:
        point.add(
            f"operators.{_operator}.{_target}",
            f"{_operator}, forward and backward, f64 to bf16, as {_target} code in the simulator, by the CPU's rule",
            lambda operator=_operator, target=_target: correct(operator, target),
            cheap=False,
        )


def table(*options: str) -> str:
    """The closing line of utils/gpu_table.py."""
    return run(PYTHON, "utils/gpu_table.py", "--check", *options, timeout=1200).strip().splitlines()[-1]


@point("operators.table", "every kernel of every operator as machine code: 0 spills, private bytes and messages, "
       "but for exceptions with figures", cheap=False)  # fmt: skip
def _() -> str:
    return table()


@point("operators.table.sample", "a few of them")
def _() -> str:
    return table("--sample=2", "--seed=5")


@point(
    "operators.instructions", "main loops of bf16 products hold the copies, matrix loads and products of the schedule"
)
def _() -> str:
    said = run(PYTHON, "utils/gpu_table.py", "--loops", "--only", "(attention_fwd|matmul_tiles) bf16", timeout=300)
    rows = re.findall(
        r"^\| (\w+) \| (attention_fwd|matmul_tiles) \| bf16 \| (\d*) \| (sm_80|gfx942) \| (.*) \|$", said, re.M
    )
    need(len(rows) == 8, f"{len(rows)} main loops listed, expected 8")
    for operator, _, head, target, loop in rows:
        missing = [kind for kind in LOOPS[target] if f"{kind} " not in loop]
        need(not missing, f"{operator} {head} on {target} lacks {', '.join(missing)}: {loop}")
    return f"{len(rows)} main loops"


@point("operators.compile-time", f"attention from tiles to a cubin in at most {SECONDS} s, cold", cheap=False)
def _() -> str:
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):
            begin = time.perf_counter()
            run(TEGULAC, "examples/mlir/attention.mlir", "--target=sm_80", "--emit=cubin", "-o", Path(folder) / "cubin")
            times.append(time.perf_counter() - begin)
    return need(min(times) <= SECONDS, f"{min(times):.2f} s, the best of {len(times)}")
