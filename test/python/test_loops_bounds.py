# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bounds, checks and requirements on the plain path: what is read and written, and what stops a launch."""

from __future__ import annotations

import resource
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from plain_loops import Loaded, load

f64, bf16, i64, i1 = np.float64, ml_dtypes.bfloat16, np.int64, np.bool_
NAMES = {f64: "f64", bf16: "bf16", i1: "i1"}
Array = np.ndarray[Any, Any]

WINDOW = "memref<?x?x{0}, strided<[?, ?], offset: ?>>"
MEMORY = """
tegula.kernel @window_{0}(in %a: {1}, inout %b: {1}, %i: index, %j: index, %hi: index, %hj: index, %p: {0}) {{
  %one = arith.constant 1 : index
  tegula.grid (%g) to (%one) step (1) {{
    %t = tegula.load %a[%i, %j] upto [%hi, %hj] pad %p : {0} : {1} -> tensor<5x4x{0}>
    tegula.store %t, %b[%j, %i] upto [%hj, %hi] : tensor<5x4x{0}>, {1}
    %u = tegula.load %a[%j, %i] : {1} -> tensor<5x4x{0}>
    tegula.store %u, %b[%i, %j] : tensor<5x4x{0}>, {1}
    tegula.yield
  }}
  tegula.return
}}
"""
CHECKED = """
tegula.kernel @checked(in %n: memref<?xi64>, out %y: memref<?xi64>, %limit: index) {
  %c0 = arith.constant 0 : index
  %size = memref.dim %n, %c0 : memref<?xi64>
  %ok = arith.cmpi sle, %size, %limit : index
  tegula.require %ok, "at most limit entries"
  tegula.grid (%g) to (%size) step (1) {
    %v = memref.load %n[%g] : memref<?xi64>
    %zero = arith.constant 0 : i64
    %positive = arith.cmpi sge, %v, %zero : i64
    tegula.check %positive, "entries are at least 0"
    memref.store %v, %y[%g] : memref<?xi64>
    tegula.yield
  }
  tegula.return
}
"""


def read(a: Array, i: int, j: int, hi: int, hj: int, pad: Any) -> Array:
    """A 5x4 tile, element by element."""
    out = np.full((5, 4), pad, a.dtype)
    for r in range(5):
        for c in range(4):
            if 0 <= i + r < min(hi, a.shape[0]) and 0 <= j + c < min(hj, a.shape[1]):
                out[r, c] = a[i + r, j + c]
    return out


def write(b: Array, i: int, j: int, hi: int, hj: int, t: Array) -> None:
    for r in range(5):
        for c in range(4):
            if 0 <= i + r < min(hi, b.shape[0]) and 0 <= j + c < min(hj, b.shape[1]):
                b[i + r, j + c] = t[r, c]


LEAVES_EARLY = """
tegula.kernel @leaves_early(in %x: memref<?xf64>, out %y: memref<?xf64>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : index
  %two = arith.constant 2 : index
  tegula.grid (%g) to (%one) step (1) {
    %t = tegula.load %x[%c0] : memref<?xf64> -> tensor<131072xf64>
    tegula.stream %k = %c0 to %two step 1 {
      %u = arith.addf %t, %t : tensor<131072xf64>
      %first = arith.cmpi eq, %k, %c0 : index
      tegula.check %first, "one trip"
      tegula.store %u, %y[%c0] : tensor<131072xf64>, memref<?xf64>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
"""


@pytest.fixture(scope="module")
def memory() -> Loaded:
    kinds = [MEMORY.format(name, WINDOW.format(name)) for name in ("f64", "bf16", "i1")]
    return load("\n".join([*kinds, CHECKED, LEAVES_EARLY]), "tegula-to-loops")


@pytest.mark.parametrize("dtype", [f64, bf16, i1], ids=NAMES.get)
def test_windows(memory: Loaded, dtype: Any) -> None:
    """Offsets before, in and after strided views of any size, inside arrays whose other elements must not change."""
    draw = np.random.default_rng(3)
    for _ in range(150):
        rows, cols = (int(n) for n in draw.integers(0, 9, 2))
        i, j = (int(n) for n in draw.integers(-6, 10, 2))
        hi, hj = (int(n) for n in draw.integers(-2, 12, 2))
        down, right = (int(n) for n in draw.integers(1, 4, 2))
        inside = (slice(2, 2 + rows * down, down), slice(1, 1 + cols * right, right))
        a = (
            (draw.standard_normal((32, 32)) > 0).astype(dtype)
            if dtype is i1
            else draw.standard_normal((32, 32)).astype(dtype)
        )
        b = np.zeros((32, 32), dtype)
        expected, part = b.copy(), a[inside]
        target = expected[inside]
        pad = dtype(True) if dtype is i1 else dtype(-3.5)
        write(target, j, i, hj, hi, read(part, i, j, hi, hj, pad))
        write(target, i, j, 99, 99, read(part, j, i, 99, 99, dtype(0)))
        memory.launch(f"window_{NAMES[dtype]}", 1, part, b[inside], i, j, hi, hj, (dtype, pad))
        np.testing.assert_array_equal(b, expected)


def test_checks_and_requirements_stay(memory: Loaded) -> None:
    y = np.zeros(3, i64)
    memory.launch("checked", 1, np.array([4, 5, 6]), y, 3)
    assert y.tolist() == [4, 5, 6]
    with pytest.raises(ValueError, match="requirement 1"):
        memory.launch("checked", 1, np.array([4, 5, 6]), y, 2)
    with pytest.raises(RuntimeError, match="check 1"):
        memory.launch("checked", 1, np.array([1, -1, 2]), y, 3)
    assert y.tolist() == [1, 5, 6]
    memory.launch("checked", 1, np.zeros(0, i64), y, 2)


def test_failed_check_frees(memory: Loaded) -> None:
    """500 launches that stop in the middle would leak a gigabyte."""
    x, y = np.ones(4), np.zeros(4)
    before = 0
    for _ in range(500):
        with pytest.raises(RuntimeError, match="check 1"):
            memory.launch("leaves_early", 1, x, y)
        before = before or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (y == 2).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
