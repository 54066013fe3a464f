# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""The GPU benchmark as far as it goes without a GPU: the simulator in its place, at tiny sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import golden

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}"}
    command = [sys.executable, "-m", "benchmarks.gpu.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=ROOT)


def test_dry_run(tmp_path: Path) -> None:
    done = run("--dry-run", "sm_80", "--only", "matmul", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "gpu.json").read_text())
    assert {row["dtype"] for row in result["checks"]} == {"f64", "f32", "f16", "bf16"}
    assert all(row["ok"] for row in result["checks"]), done.stdout
    assert len(result["golden"]) == len(golden.KERNELS)
    # No GPU was there: nothing is timed, and nothing says that a chip agrees.
    assert [row["ms"] for row in result["races"]] == [{}] and not (tmp_path / "gpu.svg").exists()
    assert {row["same"] for row in result["golden"]} == {None}


def test_without_a_gpu_it_says_so() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = run()
    assert done.returncode == 2 and "no GPU" in done.stdout


def test_vectors_are_compared() -> None:
    """A vector that differs in one bit, or by more than rounding, is another one."""
    words = golden.draw(golden.KERNELS[0], 3)
    assert golden.same(words, words.copy(), 0)
    other = words.copy()
    other[3, 1] ^= 1
    assert not golden.same(other, words, 0)
    numbers = words[:, 6:]  # the accumulators, f32
    assert golden.same(numbers, numbers.copy(), 1e-6)
    other = numbers.copy()
    other[0, 0] ^= 1 << 23
    assert not golden.same(other, numbers, 1e-6)
