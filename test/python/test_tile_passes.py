# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Passes of the tile level keep results, bit by bit: masked streams with and without them, on the plain path.

One kernel per visiting order and per way of bounding the stream; run-time windows of every kind, also
such that leave rows or whole tiles without a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import plain_loops
import pytest
from plain_loops import Loaded, load

Array = np.ndarray[Any, Any]
ROWS, KEYS, WIDTH = 4, 8, 3
ORDERS, BOUNDS = ("up", "down", "any"), ("tight", "loose")
TILE = "canonicalize,cse,tegula-split-streams,tegula-hoist-loads,canonicalize,cse"

ATTEND = """
tegula.kernel @attend_{order}_{bounds}(in %q: memref<?x3xf64>, in %k: memref<?x3xf64>, in %v: memref<?x3xf64>,
    out %o: memref<?x3xf64>, out %lse: memref<?xf64>, %left: index, %right: index) {{
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %M = memref.dim %q, %c0 : memref<?x3xf64>
  %N = memref.dim %k, %c0 : memref<?x3xf64>
  tegula.grid (%m) to (%M) step (4) {{
    %off = arith.subi %N, %M : index
    %mo = arith.addi %m, %off : index
    %first = arith.subi %mo, %left : index
    %tight_lo = arith.maxsi %first, %c0 : index
    %e0 = arith.addi %mo, %c4 : index
    %e1 = arith.addi %e0, %right : index
    %tight_hi = arith.minsi %N, %e1 : index
    %loose_lo = arith.constant 0 : index
    %loose_hi = arith.addi %N, %c0 : index
    %qt = tegula.load %q[%m, %c0] : memref<?x3xf64> -> tensor<4x3xf64>
    %s0 = tegula.softmax_init : !tegula.softmax<4x3xf64>
    %st = tegula.stream %n = %{bounds}_lo to %{bounds}_hi step 8 order {order}
        iter_args(%s = %s0) -> (!tegula.softmax<4x3xf64>) {{
      %kt = tegula.load %k[%n, %c0] upto [%{bounds}_hi, %c3] : memref<?x3xf64> -> tensor<8x3xf64>
      %vt = tegula.load %v[%n, %c0] upto [%{bounds}_hi, %c3] : memref<?x3xf64> -> tensor<8x3xf64>
      %x = tegula.dot %qt, trans %kt : tensor<4x3xf64>, tensor<8x3xf64> -> tensor<4x8xf64>
      %j = tegula.iota %n : tensor<8xi32>
      %jb = tegula.broadcast %j dims [1] : tensor<8xi32> -> tensor<4x8xi32>
      %hi32 = arith.index_cast %{bounds}_hi : index to i32
      %his = tensor.splat %hi32 : tensor<8xi32>
      %below = arith.cmpi slt, %j, %his : tensor<8xi32>
      %zeros = arith.constant dense<0> : tensor<8xi32>
      %above = arith.cmpi sge, %j, %zeros : tensor<8xi32>
      %valid = arith.andi %above, %below : tensor<8xi1>
      %in = tegula.broadcast %valid dims [1] : tensor<8xi1> -> tensor<4x8xi1>
      %i = tegula.iota %m : tensor<4xi32>
      %i1 = tegula.reshape %i : tensor<4xi32> -> tensor<4x1xi32>
      %off32 = arith.index_cast %off : index to i32
      %offs = tensor.splat %off32 : tensor<4x1xi32>
      %io = arith.addi %i1, %offs : tensor<4x1xi32>
      %ib = tegula.broadcast %io dims [0, 1] : tensor<4x1xi32> -> tensor<4x8xi32>
      %rel = arith.subi %jb, %ib : tensor<4x8xi32>
      %zero = arith.constant 0 : i32
      %l32 = arith.index_cast %left : index to i32
      %nl = arith.subi %zero, %l32 : i32
      %ls = tensor.splat %nl : tensor<4x8xi32>
      %ge = arith.cmpi sge, %rel, %ls : tensor<4x8xi32>
      %r32 = arith.index_cast %right : index to i32
      %rs = tensor.splat %r32 : tensor<4x8xi32>
      %le = arith.cmpi sle, %rel, %rs : tensor<4x8xi32>
      %k0 = arith.andi %in, %ge : tensor<4x8xi1>
      %keep = arith.andi %k0, %le : tensor<4x8xi1>
      %ninf = arith.constant dense<0xFFF0000000000000> : tensor<4x8xf64>
      %w = arith.select %keep, %x, %ninf : tensor<4x8xi1>, tensor<4x8xf64>
      %s1 = tegula.softmax_update %s, %w, %vt : !tegula.softmax<4x3xf64>, tensor<4x8xf64>, tensor<8x3xf64>
      tegula.yield %s1 : !tegula.softmax<4x3xf64>
    }}
    %ot, %l = tegula.softmax_finish %st : !tegula.softmax<4x3xf64> -> tensor<4x3xf64>, tensor<4xf64>
    tegula.store %ot, %o[%m, %c0] : tensor<4x3xf64>, memref<?x3xf64>
    tegula.store %l, %lse[%m] : tensor<4xf64>, memref<?xf64>
    tegula.yield
  }}
  tegula.return
}}
"""

# A recurrence that notices every change of order, and stores with a limit.
RAGGED = """
tegula.kernel @ragged_{order}(in %x: memref<?xf64>, in %w: memref<8xf64>, out %y: memref<?xf64>,
    out %z: memref<8xf64>, %lo: index, %hi: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {{
    %a0 = arith.constant dense<1.0> : tensor<8xf64>
    %r = tegula.stream %n = %lo to %hi step 8 order {order} iter_args(%a = %a0) -> (tensor<8xf64>) {{
      %t = tegula.load %x[%n] upto [%hi] : memref<?xf64> -> tensor<8xf64>
      %wt = tegula.load %w[%c0] : memref<8xf64> -> tensor<8xf64>
      %e = math.exp %wt : tensor<8xf64>
      %j = tegula.iota %n : tensor<8xi32>
      %hi32 = arith.index_cast %hi : index to i32
      %his = tensor.splat %hi32 : tensor<8xi32>
      %out = arith.cmpi sle, %his, %j : tensor<8xi32>
      %p = arith.mulf %t, %e : tensor<8xf64>
      %f = arith.select %out, %a0, %p : tensor<8xi1>, tensor<8xf64>
      tegula.store %f, %y[%n] upto [%hi] : tensor<8xf64>, memref<?xf64>
      %half = arith.constant dense<0.5> : tensor<8xf64>
      %b = arith.mulf %a, %half : tensor<8xf64>
      %c = arith.addf %b, %f : tensor<8xf64>
      tegula.yield %c : tensor<8xf64>
    }}
    tegula.store %r, %z[%c0] : tensor<8xf64>, memref<8xf64>
    tegula.yield
  }}
  tegula.return
}}
"""


def module() -> str:
    attends = (ATTEND.format(order=o, bounds=b) for o, b in product(ORDERS, BOUNDS))
    return "".join([*attends, *(RAGGED.format(order=o) for o in ("up", "down"))])


@pytest.fixture(scope="module")
def kernels() -> Iterator[tuple[Loaded, Loaded]]:
    """The kernels as written, and after the passes."""
    yield load(module(), "canonicalize,cse,tegula-to-loops"), load(module(), f"{TILE},tegula-to-loops")


def test_streams_are_split() -> None:
    """What is compared below is not the same twice: each stream has become three, or two."""
    split = plain_loops.tegula_opt(module(), TILE)
    for order, bounds in product(ORDERS, BOUNDS):
        kernel = split.split(f"@attend_{order}_{bounds}(")[1].split("tegula.return")[0]
        assert kernel.count("tegula.stream") == 3
        assert kernel.count("arith.select") == 2
    assert split.split("@ragged_up(")[1].split("tegula.return")[0].count("tegula.stream") == 2


def attend(loaded: Loaded, name: str, q: Array, k: Array, v: Array, left: int, right: int) -> tuple[Array, Array]:
    o, lse = np.full((len(q), WIDTH), 7.0), np.full(len(q), 7.0)
    loaded.launch(name, 1, q, k, v, o, lse, left, right)
    return o, lse


def reference(q: Array, k: Array, v: Array, left: int, right: int) -> tuple[Array, Array]:
    relative = np.arange(len(k))[None, :] - (np.arange(len(q))[:, None] + len(k) - len(q))
    x = np.where((relative >= -left) & (relative <= right), q @ k.T, -np.inf)
    m = x.max(axis=1, initial=-np.inf, keepdims=True)
    p = np.exp(x - np.where(np.isinf(m), 0.0, m))
    total = p.sum(axis=1)
    seen = total > 0
    o = np.where(seen[:, None], p @ v / np.where(seen, total, 1.0)[:, None], 0.0)
    return o, np.where(seen, m[:, 0] + np.log(np.where(seen, total, 1.0)), -np.inf)


WINDOWS = (
    (1000, 1000),
    (1000, 0),
    (0, 0),
    (3, 2),
    (12, 9),
    (40, -3),
    (-3, 40),
    (-2, -2),
    (0, 1000),
    (-30, 33),
    (17, -9),
)


@pytest.mark.parametrize("rows, keys", [(1, 1), (4, 8), (5, 40), (13, 13), (30, 71), (9, 4), (64, 64), (0, 5), (3, 0)])
def test_masked_streams(kernels: tuple[Loaded, Loaded], rows: int, keys: int) -> None:
    rng = np.random.default_rng(rows * 100 + keys)
    q, k, v = (rng.standard_normal((n, WIDTH)) for n in (rows, keys, keys))
    plain, passed = kernels
    for order, bounds, (left, right) in product(ORDERS, BOUNDS, WINDOWS):
        name = f"attend_{order}_{bounds}"
        want, got = (attend(loaded, name, q, k, v, left, right) for loaded in (plain, passed))
        for a, b, exact in zip(want, got, reference(q, k, v, left, right), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name} {left} {right}")
            np.testing.assert_allclose(a, exact, rtol=1e-12, atol=1e-12, err_msg=f"{name} {left} {right}")


@pytest.mark.parametrize("rescaling", ["", "tegula-set-rescaling,", "tegula-set-rescaling{threshold=1},"])
def test_policy_and_decomposition(rescaling: str) -> None:
    """In f32, with exponentials as powers of two and the state in parts, within rounding of the formula."""
    text = ATTEND.format(order="any", bounds="tight").replace("0xFFF0000000000000", "0xFF800000").replace("f64", "f32")
    loaded = load(text, f"{TILE},tegula-set-exp-policy,{rescaling}tegula-decompose,canonicalize,cse,tegula-to-loops")
    rng = np.random.default_rng(5)
    q, k, v = (rng.standard_normal((n, WIDTH)).astype(np.float32) for n in (21, 50, 50))
    for left, right in WINDOWS:
        o, lse = np.full((len(q), WIDTH), 7.0, np.float32), np.full(len(q), 7.0, np.float32)
        loaded.launch("attend_any_tight", 1, q, k, v, o, lse, left, right)
        for got, exact in zip(
            (o, lse), reference(*(x.astype(np.float64) for x in (q, k, v)), left, right), strict=True
        ):
            np.testing.assert_allclose(got, exact, rtol=2e-6, atol=2e-6, err_msg=f"{left} {right}")


@pytest.mark.parametrize("order", ["up", "down"])
def test_ragged_recurrence(kernels: tuple[Loaded, Loaded], order: str) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal(50), rng.standard_normal(KEYS)
    for lo, hi in product((0, 3, 20), (0, 7, 8, 11, 24, 43, 50)):
        results: list[Array] = []
        for loaded in kernels:
            y, z = np.full(50, 7.0), np.zeros(KEYS)
            loaded.launch(f"ragged_{order}", 1, x, w, y, z, lo, hi)
            results.append(np.concatenate([y, z]))
        np.testing.assert_array_equal(*results, err_msg=f"{lo} {hi}")
