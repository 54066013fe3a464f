# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rings of operands whose rows are 64 to 176 columns: the simulator counts their bank conflicts.

A matmul's operands lie along the depth and across it; attention's keys are read by rows and its values by columns.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import gpu_launch
import numpy as np
import pytest
from test_sched_listings import BF16, F32, check

COLUMNS = (64, 80, 96, 128, 176)
TARGETS = ("sm_80", "gfx942")

HEAD = """
!v = memref<?x{D}xbf16, strided<[?, 1], offset: ?>>
!c = memref<?x{D}xf32, strided<[?, 1], offset: ?>>
"""

# C = A B^T: both operands are read along their rows.
MATMUL = """
!a = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!r = memref<?x?xf32, strided<[?, 1], offset: ?>>
tegula.kernel @rows(in %a: !a align 16 multiples [8, 1], in %b: !a align 16 multiples [8, 1], out %c: !r) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !r
  %N = memref.dim %c, %c1 : !r
  %K = memref.dim %a, %c1 : !a
  tegula.grid (%m, %n) to (%M, %N) step (64, 64) {
    %zero = arith.constant dense<0.0> : tensor<64x64xf32>
    %acc = tegula.stream %k = %c0 to %K step {D} iter_args(%s = %zero) -> (tensor<64x64xf32>) {
      %at = tegula.load %a[%m, %k] : !a -> tensor<64x{D}xbf16>
      %bt = tegula.load %b[%n, %k] : !a -> tensor<64x{D}xbf16>
      %d = tegula.dot %at, trans %bt acc %s : tensor<64x{D}xbf16>, tensor<64x{D}xbf16> -> tensor<64x64xf32>
      tegula.yield %d : tensor<64x64xf32>
    }
    tegula.store %acc, %c[%m, %n] : tensor<64x64xf32>, !r
    tegula.yield
  }
  tegula.return
}
"""

# O = (Q K^T) V: K is read along its rows, V across them.
CHAIN = """
tegula.kernel @chain(in %q: !v align 16 multiples [8, 1], in %k: !v align 16 multiples [8, 1],
    in %v: !v align 16 multiples [8, 1], out %o: !c) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !v
  %N = memref.dim %k, %c0 : !v
  tegula.grid (%m) to (%M) step (64) {
    %qt = tegula.load %q[%m, %c0] : !v -> tensor<64x{D}xbf16>
    %zero = arith.constant dense<0.0> : tensor<64x{D}xf32>
    %r = tegula.stream %n = %c0 to %N step 32 iter_args(%sum = %zero) -> (tensor<64x{D}xf32>) {
      %kt = tegula.load %k[%n, %c0] : !v -> tensor<32x{D}xbf16>
      %vt = tegula.load %v[%n, %c0] : !v -> tensor<32x{D}xbf16>
      %s = tegula.dot %qt, trans %kt : tensor<64x{D}xbf16>, tensor<32x{D}xbf16> -> tensor<64x32xf32>
      %p = arith.truncf %s : tensor<64x32xf32> to tensor<64x32xbf16>
      %d = tegula.dot %p, %vt acc %sum : tensor<64x32xbf16>, tensor<32x{D}xbf16> -> tensor<64x{D}xf32>
      tegula.yield %d : tensor<64x{D}xf32>
    }
    tegula.store %r, %o[%m, %c0] : tensor<64x{D}xf32>, !c
    tegula.yield
  }
  tegula.return
}
"""


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(BF16)


def compiled(text: str, columns: int, target: str, folder: Path) -> gpu_launch.DeviceKernel:
    return gpu_launch.compile_kernel((HEAD + text).replace("{D}", str(columns)), target, folder)


def check_conflicts(counters: dict[str, Any], target: str) -> None:
    """None where matrices are read 16 bytes a lane. Reads of 8 bytes meet two rows in a bank, and stores of a turned
    tile more: those of gfx942 are checked for their values only."""
    assert counters["shared_phases_min"] > 0
    if target == "sm_80":
        assert counters["shared_phases"] == counters["shared_phases_min"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("columns", COLUMNS)
def test_matmul(columns: int, target: str, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = np.random.default_rng(seed)
    a, b, c = draw(rng, 64, 2 * columns), draw(rng, 64, 2 * columns), np.full((64, 64), np.nan, F32)
    counters = compiled(MATMUL, columns, target, tmp_path).launch(1, a, b, c, out=(2,), seed=seed)["counters"]
    check(c, a.astype(np.float64) @ b.astype(np.float64).T, 1e-5)
    check_conflicts(counters, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("columns", COLUMNS)
def test_chain(columns: int, target: str, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = np.random.default_rng(seed)
    q, k, v = draw(rng, 64, columns), draw(rng, 64, columns), draw(rng, 64, columns)
    o = np.full((64, columns), np.nan, F32)
    counters = compiled(CHAIN, columns, target, tmp_path).launch(1, q, k, v, o, out=(3,), seed=seed)["counters"]
    s = (q.astype(np.float64) @ k.astype(np.float64).T).astype(BF16).astype(np.float64)
    check(o, s @ v.astype(np.float64), 2**-7)
    # 176 columns are too many for four warps: eight exchange the first product's result through scratch.
    if columns < 176:
        check_conflicts(counters, target)
