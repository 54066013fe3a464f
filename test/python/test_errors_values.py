# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""User mistakes about values: the class, the text, and the author's line with a caret."""

from __future__ import annotations

import numpy as np
import pytest
import tegula as tg
from fake_backend import FakeBackend
from mistakes import XM, YM, Case, Mistakes, X, Y, matrices, shows
from tegula import In, InOut, Opt, Out, U, f32, f64, i32, tile
from tegula.errors import (
    AccessError,
    CarriedError,
    DTypeError,
    ShapeError,
)

wrong = Mistakes()


# ---- shapes


@wrong(
    ShapeError,
    "- of ranks 2 and 1 ([4, 8] and [4]): ranks are never padded; write x[None, :] or x[:, None]",
    *matrices(),
)
def rank(x: XM, y: YM, *, B: tile = 4):
    m, k = tg.grid((x.shape[0], B)), tg.span(x.shape[1])
    t = tg.load(x, (m, k))
    tg.store(y, (m, k), t - t.sum(axis=1))  # <-


@wrong(ShapeError, "+ of shapes [4] and [8]")
def sizes(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    t + tg.zeros((8,), f64)  # <-


@wrong(ShapeError, "dot contracts 4 with 8: [1, 4] and [8, 4]")
def contraction(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.dot(t[None, :], tg.zeros((8, 4), f64))  # <-


@wrong(ShapeError, "dot of ranks 1 and 2")
def dot_ranks(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.dot(t, t[:, None])  # <-


@wrong(ShapeError, "acc of dot is [4, 4], the result is [4, 8]")
def dot_acc(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.dot(tg.zeros((4, 2), f64), tg.zeros((2, 8), f64), tg.zeros((4, 4), f64))  # <-


@wrong(ShapeError, "store of [2] where the coordinates span [4] of 'y'")
def store_shape(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.store(y, (m,), t[:2])  # <-


@wrong(ShapeError, "softmax_update of weights [4, 8] and values [4, 4] into a state [4, 4]")
def softmax_shapes(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    st = tg.softmax_init(4, 4)
    tg.softmax_update(st, tg.zeros((4, 8), f64), tg.zeros((4, 4), f64))  # <-


@wrong(ShapeError, "2 coordinates for 'x' of rank 1")
def coordinates(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m, m))  # <-


@wrong(ShapeError, "coordinates are a tuple, one per axis of 'x'")
def bare_coordinate(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, m)  # <-


@wrong(ShapeError, "2 indices for 'x' of rank 1")
def narrow_rank(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    x[0, 1]  # <-


@wrong(ShapeError, "index 9 is outside axis 1 of size 8 of 'x': nothing wraps around", *matrices())
def narrow_range(x: XM, y: YM, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    x[:, 9]  # <-


@wrong(ShapeError, "empty slice 3:3 of axis 0 of a tile [4] f64")
def empty_slice(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,))[3:3]  # <-


@wrong(ShapeError, "reshape of [4] to [3, 2]: the sizes differ")
def reshape(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)).reshape(3, 2)  # <-


@wrong(ShapeError, "concat of [4, 2] and [3, 2] along axis 1")
def concat(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.concat([tg.zeros((4, 2), f64), tg.zeros((3, 2), f64)], axis=1)  # <-


@wrong(ShapeError, "axis 2 of a tile [4] f64")
def axis(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)).sum(axis=2)  # <-


@wrong(ShapeError, "where of ranks 1 and 2")
def where_ranks(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.where(t > 0.0, t[:, None], 0.0)  # <-


# ---- dtypes


def scaled(t, w):
    return tg.dot(t, w.to(f32))  # <-


@wrong(DTypeError, "dot of f64 and f32: cast one side explicitly", np.zeros((8, 8)), np.zeros((8, 8)))
def dot_dtype(x: XM, y: YM, *, B: tile = 8):
    m, k = tg.grid((x.shape[0], B)), tg.span(x.shape[1])
    t = tg.load(x, (m, k))
    u = scaled(t, t)
    tg.store(y, (m, k), u)


@wrong(DTypeError, "+ of f64 and f32: cast one side explicitly, x.to(…)")
def mixed(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    t + t.to(f32)  # <-


@wrong(DTypeError, "+ of the float literal 0.5 and a tile [4] i32: cast explicitly")
def literal(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    m.ids + 0.5  # <-


@wrong(DTypeError, "store of f32 to 'y', which holds f64: x.to(f64)")
def store_dtype(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.store(y, (m,), t.to(f32))  # <-


@wrong(DTypeError, "an index tile is i32 of rank 1, not a tile [4] f64")
def index_tile(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.load(x, (t,))  # <-


@wrong(DTypeError, "dtype variable U is not bound: no argument that is present has it")
def unbound(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)).to(U)  # <-


@wrong(DTypeError, "log-weights are f32, the softmax state is f64")
def softmax_dtype(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.softmax_update(tg.softmax_init(4, 4), tg.zeros((4, 8), f32), tg.zeros((8, 4), f64))  # <-


@wrong(DTypeError, "'/' of a tile [4] i32: use // or cast to a float")
def integer_division(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    m.ids / 2  # <-


@wrong(DTypeError, "exp of a tile [4] i32: cast it to a float")
def math_of_integers(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.exp(m.ids)  # <-


@wrong(DTypeError, "bitcast of f64 to i32: the sizes differ")
def bitcast(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)).bitcast(i32)  # <-


@wrong(DTypeError, "expected a dtype, got <class 'float'>")
def no_dtype(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.zeros((4,), float)  # <-


@wrong(DTypeError, "the condition of where is a tile [4] f64: compare it, x != 0")
def where_condition(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    tg.where(t, t, 0.0)  # <-


@wrong(DTypeError, "'+' of a tile [4] i1: truth values take &, | and ^")
def truth_arithmetic(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,)) > 0.0
    t + t  # <-


@wrong(DTypeError, "300 is out of range of i8")
def literal_range(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.full((4,), 300, tg.i8)  # <-


@wrong(DTypeError, "a span is no number: write .start, .size or .ids")
def span_arithmetic(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    m + 1  # <-


# ---- carried values


@wrong(CarriedError, "carried 'acc' is tile [4] f64 before the stream and tile [4] f32 after its body")
def carried(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    acc = tg.zeros((B,), f64)
    for n in tg.stream(0, x.shape[0], B):  # <-
        acc = acc.to(f32) + tg.load(x, (n,)).to(f32)
    tg.store(y, (m,), acc)


@wrong(CarriedError, "'count' is Python int 0 before the stream and Python int 1 after its body; make it a scalar")
def static_carried(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    count = 0
    for n in tg.stream(0, x.shape[0], B):  # <-
        count = count + 1


@wrong(CarriedError, "'a' changes its structure in the stream: 1 values before, 2 after")
def structure(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    a = (t,)
    for n in tg.stream(0, x.shape[0], B):  # <-
        a = (t, t)


@wrong(CarriedError, "'t' is tile [4] f64 if the condition holds and tile [4] f32 otherwise")
def branch_types(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    if m.start > 3:  # <-
        t = t + 1.0
    else:
        t = t.to(f32)


@wrong(CarriedError, "'x' is view of 'x' before the stream and view of 'x' after its body")
def view_rebound(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):  # <-
        x = x[1:]


# ---- access


@wrong(AccessError, "load from 'y', which is Out (write only): declare it InOut")
def load_out(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(y, (m,)))  # <-


@wrong(AccessError, "store to 'x', which is In (read only)")
def store_in(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(x, (m,), tg.load(x, (m,)))  # <-


@wrong(AccessError, "load of Python NoneType None, which is not a view: the optional argument is absent")
def absent(x: X, y: Y, b: Opt[X] = None, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(b, (m,))  # <-


# ---- index tiles, segments, reductions into memory


@wrong(AccessError, "two index tiles in one load of 'x': one is allowed", *matrices())
def two_index_tiles(x: In[f64, "M N"], y: Out[f64, "M N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m.ids, m.ids))  # <-


@wrong(DTypeError, "segment_sum of f32 into f64: cast one side explicitly")
def segments_of_another_dtype(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    acc = tg.zeros((2,), f64)
    for e in tg.stream(0, x.shape[0], B):
        acc = tg.segment_sum(acc, tg.load(x, (e,)).to(f32), e.ids)  # <-
    tg.store(y, (tg.span(2),), acc)


@tg.kernel(repeatable=True)
def atomic_sum(x: X, y: InOut[f64, "N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.reduce_store(y, (m,), tg.load(x, (m,)), op="add", how="atomic")  # <-


wrong(DTypeError, "reduce_store add atomic of f64 to 'y' in a repeatable kernel: a sum of floats depends")(atomic_sum)


@pytest.mark.parametrize("case", wrong.cases, ids=lambda c: c.kernel.name)
def test_mistake(case: Case) -> None:
    shows(case, scaled)


def test_call_sites_are_shown() -> None:
    with pytest.raises(DTypeError) as caught:
        dot_dtype.on(FakeBackend())(np.zeros((8, 8)), np.zeros((8, 8)))
    error = caught.value
    assert [s.function for s in error.sites] == ["scaled", "dot_dtype"]
    assert [n.text for n in error.notes] == ["tile [8, 8] f64 from here", "tile [8, 8] f32 from here"]
    assert "  called from dot_dtype, " in str(error)
    assert sum(set(line) == set("      | ^") for line in str(error).split("\n")) == 4
