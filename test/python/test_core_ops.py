# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Gathers, scatters and segments on both paths against NumPy, bit for bit.

All kernels of a path are one module, which is compiled once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from core_kernels import BF16, NAMES, Array, Kernels, any_view, compiled, one_instance, poisoned, row_view

SEED = secrets.randbits(32)
DTYPES = [np.float64, np.float32, np.float16, BF16, np.int8, np.int32, np.int64, np.bool_]


def dims(shape: tuple[int, ...], name: str) -> str:
    return "".join(f"{n}x" for n in shape) + name


@dataclass(frozen=True)
class Indexed:
    """One gather, or scatter, of a tile; `rows`: the view's last axis is contiguous."""

    tile: tuple[int, ...]
    axis: int
    dtype: Any
    rows: bool = True
    upto: bool = False
    pad: bool = False

    def name(self, op: str) -> str:
        flags = "r" * self.rows + "u" * self.upto + "p" * self.pad
        return f"{op}_{'_'.join(map(str, self.tile))}_axis{self.axis}_{NAMES[self.dtype]}_{flags}"

    def text(self, op: str) -> str:
        x = np.zeros((1,) * len(self.tile), self.dtype)
        view = row_view(x) if self.rows else any_view(x)
        flat = any_view(x)
        count, rank = self.tile[self.axis], len(self.tile)
        at = [f"%at{i}" for i in range(rank - 1)]
        hi = [f"%hi{i}" for i in range(rank - 1)]
        upto = f" upto [{', '.join(hi)}]" if self.upto else ""
        tile = f"tensor<{dims(self.tile, NAMES[self.dtype])}>"
        by = f"tensor<{count}xi32>"
        zeros = ", ".join(["%c0"] * rank)
        access = f"[{', '.join(at)}] by %ids axis {self.axis}{upto}"
        args = [f"{a}: index" for a in at + hi]
        load = f"%ids = tegula.load %j[%c0] : memref<?xi32> -> {by}"
        if op == "gather":
            pad = f" pad %p : {NAMES[self.dtype]}" if self.pad else ""
            args = [f"in %x: {view}", "in %j: memref<?xi32>", f"out %y: {flat}", f"%p: {NAMES[self.dtype]}", *args]
            body = f"{load}\n%t = tegula.gather %x{access}{pad} : {view}, {by} -> {tile}"
            body += f"\ntegula.store %t, %y[{zeros}] : {tile}, {flat}"
        else:
            args = [f"out %x: {view}", "in %j: memref<?xi32>", f"in %y: {flat}", f"%p: {NAMES[self.dtype]}", *args]
            body = f"{load}\n%t = tegula.load %y[{zeros}] : {flat} -> {tile}"
            body += f"\ntegula.scatter %t, %x{access} : {tile}, {view}, {by}"
        return one_instance(self.name(op), args, body)


INDEXED = [
    *(Indexed((9, 40), 0, dtype, pad=True) for dtype in DTYPES),
    *(Indexed((9, 40), 1, dtype, pad=True) for dtype in DTYPES),
    *(Indexed((37,), 0, dtype) for dtype in (np.float64, np.float32, BF16, np.int32, np.bool_)),
    Indexed((37,), 0, np.float32, rows=False),
    Indexed((64, 3), 0, np.float32, upto=True),
    Indexed((5, 33), 0, np.float32, rows=False, upto=True, pad=True),
    Indexed((33, 5), 1, np.float64, rows=False),
    Indexed((3, 8, 20), 1, np.float32, upto=True, pad=True),
    Indexed((3, 8, 20), 1, BF16, upto=True, pad=True),
    Indexed((3, 8, 20), 0, np.float16, upto=True),
    Indexed((3, 8, 20), 2, np.int64, upto=True, pad=True),
    Indexed((2, 3, 4, 17), 2, np.float32, upto=True),
    Indexed((1, 1), 0, np.float64),
]


def random(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    if dtype is np.bool_:
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind == "i":
        return rng.integers(-100, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def every_other(case: Indexed, whole: Array, sizes: tuple[int, ...]) -> Array:
    """Every other row, and of views that are not rows every other column."""
    steps = [2 if not case.rows or a + 1 < len(sizes) else 1 for a in range(len(sizes))]
    return whole[tuple(slice(0, step * n, step) for step, n in zip(steps, sizes))]


def draw(rng: np.random.Generator, case: Indexed, distinct: bool) -> tuple[Any, ...]:
    """A view, indices (some of them out of bounds), offsets and limits."""
    sizes = tuple(int(rng.integers(0, 2 * n + 3)) for n in case.tile)
    whole = random(rng, tuple(2 * n for n in sizes), case.dtype)
    x = every_other(case, whole, sizes)
    count, size = case.tile[case.axis], x.shape[case.axis]
    if distinct:
        ids = rng.permutation(np.arange(-3, max(size, count) + 3))[:count]
    else:
        ids = rng.integers(-3, size + 3, count)
    ids[rng.random(count) < 0.1] = -1
    ids[: count // 8] = [-(2**31), 2**31 - 1][: count // 8] if count < 16 else [-(2**31)] * (count // 8)
    others = [a for a in range(x.ndim) if a != case.axis]
    at = [int(rng.integers(-2, 4)) if rng.random() < 0.7 else 0 for _ in others]
    hi = [int(rng.integers(0, x.shape[a] + 3)) for a in others]
    return x, ids.astype(np.int32), at, hi


def coordinates(case: Indexed, x: Array, ids: Array, at: list[int], hi: list[int]) -> tuple[list[Array], Array]:
    """For each element of the tile its coordinates, and whether they are in bounds."""
    grids = np.meshgrid(*(np.arange(n) for n in case.tile), indexing="ij")
    others = iter(zip(at, hi))
    coords: list[Array] = []
    inside = np.ones(case.tile, bool)
    for axis, grid in enumerate(grids):
        if axis == case.axis:
            coord, limit = ids.astype(np.int64)[grid], x.shape[axis]
        else:
            offset, bound = next(others)
            coord, limit = grid + offset, min(x.shape[axis], bound) if case.upto else x.shape[axis]
        coords.append(coord)
        inside &= (coord >= 0) & (coord < limit)
    return coords, inside


@pytest.fixture(scope="module", params=["loops", "sched", "sched x86-64-v3"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    path, _, target = request.param.partition(" ")
    texts = [case.text(op) for case in INDEXED for op in ("gather", "scatter")]
    texts += [case.text() for case in SEGMENTS]
    return compiled("\n".join(texts), path, target or "native")


@pytest.mark.parametrize("case", INDEXED, ids=lambda c: c.name("gather"))
def test_gather(kernels: Kernels, case: Indexed) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    for _ in range(8):
        x, ids, at, hi = draw(rng, case, distinct=False)
        y = poisoned(case.tile, case.dtype)
        pad = random(rng, (1,), case.dtype)[0]
        kernels.launch(case.name("gather"), x, ids, y, pad, *at, *hi)
        coords, inside = coordinates(case, x, ids, at, hi)
        want = np.full(case.tile, pad if case.pad else np.zeros((), case.dtype), case.dtype)
        want[inside] = x[tuple(c[inside] for c in coords)]
        assert y.tobytes() == want.tobytes()


@pytest.mark.parametrize("case", INDEXED, ids=lambda c: c.name("scatter"))
def test_scatter(kernels: Kernels, case: Indexed) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED + 1)
    for _ in range(8):
        x, ids, at, hi = draw(rng, case, distinct=True)
        y = random(rng, case.tile, case.dtype)
        want = x.base.copy()
        got = x.base
        part = every_other(case, want, x.shape)
        coords, inside = coordinates(case, x, ids, at, hi)
        part[tuple(c[inside] for c in coords)] = y[inside]
        kernels.launch(case.name("scatter"), x, ids, y, np.zeros(1, case.dtype)[0], *at, *hi)
        assert got.tobytes() == want.tobytes()  # what is beside the view as well


# -- segments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segments:
    """Sums over the rows of a stream of tiles of BE elements; the result's bits must not depend on BE."""

    rows: int
    shape: tuple[int, ...]
    step: int
    dtype: Any

    def name(self) -> str:
        return f"segments_{self.rows}_{'_'.join(map(str, self.shape)) or 'flat'}_by{self.step}_{NAMES[self.dtype]}"

    def text(self) -> str:
        x = np.zeros((1,) * (1 + len(self.shape)), self.dtype)
        view, name = any_view(x), NAMES[self.dtype]
        tile = f"tensor<{dims((self.step, *self.shape), name)}>"
        acc = f"tensor<{dims((self.rows, *self.shape), name)}>"
        zeros = ", %c0" * len(self.shape)
        body = f"""%big = arith.constant 1000 : index
%ends = tegula.load %e[%c0] : memref<?xi32> -> tensor<{self.rows}xi32>
%start = tegula.load %a[%c0{zeros}] : {view} -> {acc}
%r = tegula.stream %n = %lo to %hi step {self.step} iter_args(%acc = %start) -> ({acc}) {{
  %seg = tegula.segment_ids %ends, %n : tensor<{self.rows}xi32> -> tensor<{self.step}xi32>
  tegula.store %seg, %i[%n] upto [%hi] : tensor<{self.step}xi32>, memref<?xi32>
  %t = tegula.load %x[%n{zeros}] upto [%hi{", %big" * len(self.shape)}] : {view} -> {tile}
  %s = tegula.segment_sum %t by %seg acc %acc : {tile}, tensor<{self.step}xi32>, {acc}
  tegula.yield %s : {acc}
}}
tegula.store %r, %y[%c0{zeros}] : {acc}, {view}"""
        args = [f"in %x: {view}", "in %e: memref<?xi32>", f"in %a: {view}", f"out %y: {view}", "out %i: memref<?xi32>"]
        return one_instance(self.name(), [*args, "%lo: index", "%hi: index"], body)


SEGMENTS = [
    *(Segments(4, (40,), step, dtype) for step in (7, 64) for dtype in (np.float32, BF16, np.int32)),
    *(Segments(4, (3,), step, np.float64) for step in (1, 16)),
    *(Segments(9, (), step, dtype) for step in (5, 48) for dtype in (np.float16, np.int8)),
    *(Segments(1, (2, 5), step, np.float32) for step in (3, 20)),
]


def summed(x: Array, ids: Array, acc: Array) -> Array:
    """Row by row, each sum rounded to the element type."""
    total = acc.copy()
    wide = np.float32 if acc.dtype.itemsize == 2 else acc.dtype
    with np.errstate(over="ignore"):
        for row, segment in zip(x, ids):
            if 0 <= segment < len(total):
                total[segment] = (total[segment].astype(wide) + row.astype(wide)).astype(acc.dtype)
    return total


@pytest.mark.parametrize("case", SEGMENTS, ids=Segments.name)
def test_segments(kernels: Kernels, case: Segments) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED + 2)
    for lo, hi in ((0, 90), (13, 14), (5, 69), (7, 7)):
        degrees = rng.multinomial(rng.integers(0, hi - lo + 2), np.ones(case.rows) / case.rows)
        degrees[rng.integers(0, case.rows)] = 0  # a segment without elements
        ends = (lo + np.cumsum(degrees)).astype(np.int32)
        x = random(rng, (hi, *case.shape), case.dtype)
        if case.dtype is np.float32 and hi > ends[-1]:
            x[ends[-1] :] = np.nan  # behind the last segment: nobody's
        acc = random(rng, (case.rows, *case.shape), case.dtype)
        y, ids = poisoned(acc.shape, case.dtype), poisoned((hi,), np.int32)
        kernels.launch(case.name(), x, ends, acc, y, ids, lo, hi)
        want = (ends[:, None] <= np.arange(lo, hi)).sum(axis=0)
        np.testing.assert_array_equal(ids[lo:], want)
        assert y.tobytes() == summed(x[lo:], want, acc).tobytes()
