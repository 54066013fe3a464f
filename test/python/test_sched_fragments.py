# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ops on fragments, run as plain loops against NumPy: a kernel for each, compiled together."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import plain_loops
import pytest

Array = np.ndarray[Any, Any]
ROWS, COLS = 8, 6
X, I = f"!sched.frag<{ROWS}x{COLS}xf32>", f"!sched.frag<{ROWS}xi32>"
VIEWS = """!v = memref<?x?xf32, strided<[?, 1], offset: ?>>
!i = memref<?xi32, strided<[?], offset: ?>>
"""
KERNEL = """
sched.kernel @{name}(in %x: !v, in %ids: !i, inout %y: !v, %s: f32, %on: i1) target "generic" {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c5 = arith.constant 5 : index
  tegula.grid (%g) to (%c1) step (1) order sequential {{
    sched.role @all warps 1 {{
      %f = sched.load %x[%c0, %c0] : !v -> {x}
      %j = sched.load %ids[%c0] : !i -> {i}
{body}
    }}
    tegula.yield
  }}
  tegula.return
}}
"""


def store(value: str, shape: str) -> str:
    return f"sched.store {value} to %y[%c0, %c0] : !sched.frag<{shape}xf32>, !v"


BODIES = {
    "cut": f"%r = sched.cut %f at [1, 2] perm [1, 0] : {X} -> !sched.frag<3x5xf32>\n" + store("%r", "3x5"),
    "concat": f"%r = sched.concat %f, %f axis 1 : {X}, {X} -> !sched.frag<8x12xf32>\n" + store("%r", "8x12"),
    "reshape": f"%r = sched.reshape %f : {X} -> !sched.frag<4x12xf32>\n" + store("%r", "4x12"),
    "scan": f"%r = sched.scan max %f axis 0 : {X} -> {X}\n" + store("%r", "8x6"),
    "take": f"""
      %a = sched.argmax %f axis 1 : {X} -> {I}
      %r = sched.map domain [8, 6] along 1 ins(%u = %f, %v = %a : {X}, {I}) -> {X} {{
        %t = sched.take %u by %v : tensor<8x6xf32>, tensor<8xi32> -> tensor<8x6xf32>
        sched.yield %t : tensor<8x6xf32>
      }}
      """
    + store("%r", "8x6"),
    "segments": f"""
      %h = sched.load %x[%c0] by %j : {I} pad %s : f32 : !v -> {X}
      %a = sched.segment_sum %f by %j acc %h : {X}, {I}, {X}
      """
    + store("%a", "8x6"),
    "load": "%t = sched.load %x[%c0, %c1] trans upto [%c5, %c5] pad %s : f32 where %on : !v -> !sched.frag<6x8xf32>\n"
    + store("%t", "6x8"),
    "store": f"sched.store %f to %y[%c0, %c0] upto [%c5, %c2] where %on : {X}, !v",
    "scatter": f"""
      %z = sched.splat %s : f32 -> {X}
      sched.store %z to %y[%c0, %c0] : {X}, !v
      sched.scatter %f to %y[%c0] by %j axis 0 : {X}, !v, {I}
      sched.reduce_store add %z to %y[%c0, %c0] : {X}, !v
      """,
    "when": f"""
      %r = sched.map domain [8, 6] ins(%u = %f : {X}) when %on -> {X} {{
        %d = arith.addf %u, %u : tensor<8x6xf32>
        sched.yield %d : tensor<8x6xf32>
      }}
      """
    + store("%r", "8x6"),
    "flights": f"""
      %t = sched.mma async trans %f, %f : {X}, {X} -> !sched.flight<6x6xf32>
      %u = sched.mma async trans %f, %f acc %t : {X}, {X} -> !sched.flight<6x6xf32>
      %r = sched.mma_wait %u inflight 0 retire(%f : {X}) : !sched.flight<6x6xf32>
      """
    + store("%r", "6x6"),
}


@functools.cache
def loaded() -> plain_loops.Loaded:
    kernels = (KERNEL.format(name=name, x=X, i=I, body=body) for name, body in BODIES.items())
    return plain_loops.load(VIEWS + "".join(kernels), "tegula-to-loops")


def run(name: str, result: tuple[int, int], on: bool = True) -> tuple[Array, Array, Array]:
    """x, ids and what the kernel leaves in y, which begins as NaN."""
    seed = int(np.random.default_rng().integers(2**32))
    print("seed", seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, COLS)).astype(np.float32)
    ids = rng.permutation(np.arange(-1, ROWS - 1)).astype(np.int32)
    y = np.full(result, np.nan, np.float32)
    loaded().launch(name, 1, x, ids, y, (np.float32, 0.5), (np.bool_, on))
    return x, ids, y


def test_cut_swaps_axes() -> None:
    x, _, y = run("cut", (3, 5))
    np.testing.assert_array_equal(y, x[1:6, 2:5].T)


def test_concat() -> None:
    x, _, y = run("concat", (8, 12))
    np.testing.assert_array_equal(y, np.concatenate([x, x], axis=1))


def test_reshape() -> None:
    x, _, y = run("reshape", (4, 12))
    np.testing.assert_array_equal(y, x.reshape(4, 12))


def test_scan() -> None:
    x, _, y = run("scan", (8, 6))
    np.testing.assert_array_equal(y, np.maximum.accumulate(x, axis=0))


def test_argmax_and_take() -> None:
    x, _, y = run("take", (8, 6))
    np.testing.assert_array_equal(y, x[x.argmax(axis=1)])


def test_load_by_index_and_segment_sum() -> None:
    x, ids, y = run("segments", (8, 6))
    want = np.where(ids[:, None] >= 0, x[ids], np.float32(0.5))
    for row, target in zip(x, ids, strict=True):
        if target >= 0:
            want[target] += row
    np.testing.assert_allclose(y, want, rtol=1e-6)


@pytest.mark.parametrize("on", [True, False])
def test_load_transposed_up_to_a_limit(on: bool) -> None:
    x, _, y = run("load", (6, 8), on)
    want = np.full((6, 8), 0.5, np.float32)
    if on:
        want[:4, :5] = x[:5, 1:5].T
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("on", [True, False])
def test_store_where_and_upto(on: bool) -> None:
    x, _, y = run("store", (8, 6), on)
    want = np.full((8, 6), np.nan, np.float32)
    if on:
        want[:5, :2] = x[:5, :2]
    np.testing.assert_array_equal(y, want)


def test_scatter_and_reduce_store() -> None:
    x, ids, y = run("scatter", (8, 6))
    want = np.full((8, 6), 0.5, np.float32)
    for row, target in zip(x, ids, strict=True):
        if target >= 0:
            want[target] = row
    np.testing.assert_array_equal(y, want + np.float32(0.5))


@pytest.mark.parametrize("on", [True, False])
def test_map_when(on: bool) -> None:
    x, _, y = run("when", (8, 6), on)
    np.testing.assert_array_equal(y, 2 * x if on else x)


def test_flights_and_transposed_factors() -> None:
    x, _, y = run("flights", (6, 6))
    np.testing.assert_allclose(y, 2 * x.T @ x, rtol=1e-5, atol=1e-6)
