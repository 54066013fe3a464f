# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""One line per diagnostic of the language: the class and the text that an expression gives."""

from __future__ import annotations

import functools
import importlib.util
import linecache
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tegula as tg
from fake_backend import FakeBackend
from tegula import A, In, InOut, Opt, Out, T, f32, f64, fn, i1, i32, index, tile, u64
from tegula.errors import (
    AccessError,
    CarriedError,
    ControlError,
    DTypeError,
    KernelError,
    LaunchError,
    ShapeError,
    SourceError,
    StaticError,
    TegulaError,
    UnsupportedError,
)


@dataclass
class Things:
    """What the expressions below work on."""

    x: Any  # view [N] f64
    v: Any  # view [M, 8] f64, In
    y: Any  # view [N] f64, Out
    z: Any  # view [N] f64, InOut
    u: Any  # view [N] u64, InOut
    m: Any  # span of 4
    i: Any  # index scalar
    s: Any  # f64 scalar
    t: Any  # tile [4] f64
    w: Any  # tile [4, 8] f64
    n: Any  # tile [4] i32
    st: Any  # softmax state [4, 8] f64


@tg.kernel(repeatable=True)
def probe(
    x: In[f64, "N"], v: In[f64, "M $K"], y: Out[f64, "N"], z: InOut[f64, "N"], u: InOut[u64, "N"], s: f64,
    absent: Opt[i32] = None, *, f: fn, B: tile = 4,
):  # fmt: skip
    m = tg.grid((x.shape[0], B))
    t, w = tg.load(x, (m,)), tg.load(v, (m, tg.span(8)))
    f(Things(x, v, y, z, u, m, m.start, s, t, w, m.ids, tg.softmax_init(4, 8)))
    tg.store(y, (m,), t)


def trace(f: Any) -> str:
    x = np.zeros(10)
    return probe.ir("generic", x, np.zeros((10, 8)), x, x, x.astype(np.uint64), 1.0, f=f)


EXPRESSIONS: list[tuple[type[TegulaError], str, Any]] = [
    # elementwise
    (DTypeError, "'&' of a tile [4] f64: it is defined on integers", lambda k: k.t & k.t),
    (DTypeError, "'//' of a scalar f64: it is defined on integers", lambda k: k.s // 2.0),
    (DTypeError, "'-' of a tile [4] u64", lambda k: -k.n.to(u64)),
    (DTypeError, "'~' of a tile [4] f64", lambda k: ~k.t),
    (DTypeError, "abs of a tile [4] i1", lambda k: tg.abs(k.t > 0.0)),
    (DTypeError, "sign of a tile [4] i1", lambda k: tg.sign(k.t > 0.0)),
    (DTypeError, "'<' of tile [4] f64 and Python str 'a'", lambda k: k.t < "a"),
    (DTypeError, "'==' of tile [4] f64 and Python NoneType None; write 'is None'", lambda k: k.t == None),  # noqa: E711
    (DTypeError, "+ of a tile [4] f64 and a scalar index: cast explicitly", lambda k: k.t + k.i),
    (DTypeError, "+ of a scalar f64 and a scalar index: cast explicitly", lambda k: k.s + k.i),
    (DTypeError, "+ of a tile [4] i1 and", lambda k: (k.t > 0.0) + k.i),
    (DTypeError, "the float 0.5 beside an integer (index): cast explicitly", lambda k: k.i + 0.5),
    (DTypeError, "the float literal 0.5 in a tile of i32: cast explicitly", lambda k: tg.full((4,), 0.5, i32)),
    (DTypeError, "expected a number of f64, got Python str 'a'", lambda k: tg.full((4,), "a", f64)),
    (DTypeError, "expected a scalar f64, got Python str 'a'", lambda k: tg.cast("a", f64)),
    (DTypeError, "2 is no i1", lambda k: tg.full((4,), 2, i1)),
    (DTypeError, "-1 is out of range of u64", lambda k: tg.full((4,), -1, u64)),
    (DTypeError, "a tile of index: use i32 or i64", lambda k: tg.zeros((4,), index)),
    (DTypeError, "a tile of index: use i32 or i64", lambda k: k.n.to(index)),
    (ShapeError, "where of shapes [4, 8] and [3, 8]", lambda k: tg.where(k.w > 0.0, tg.zeros((3, 8), f64), 0.0)),
    (DTypeError, "where of Python str 'a' and Python int 1", lambda k: tg.where(k.t > 0.0, "a", 1)),
    (DTypeError, "where of scalar f64 and Python str 'a'", lambda k: tg.where(k.s > 0.0, k.s, "a")),
    (DTypeError, "exp of Python str 'a': it takes tiles, scalars and numbers", lambda k: tg.exp("a")),
    (DTypeError, "exp2 of a tile [4] i32: cast it to a float", lambda k: tg.exp2(k.n)),
    (ControlError, "policy 'fast' of exp2 is none of hw, poly, mix", lambda k: tg.exp2(k.t, policy="fast")),
    (ControlError, "'and' of a scalar i1 and Python str 'a'", lambda k: k.s > 0.0 and "a"),
    (ControlError, "'in' of a tile [4] f64", lambda k: 1.0 in k.t),
    (ControlError, "the NumPy array of a tile [4] f64", lambda k: np.asarray(k.t)),
    # tiles
    (ShapeError, "3 indices for a tile [4, 8] f64", lambda k: k.w[:, :, :1]),
    (StaticError, "a slice of a tile has step 1", lambda k: k.t[::2]),
    (ShapeError, "permute of a tile [4, 8] f64 by [0, 0]: each axis once", lambda k: k.w.permute(0, 0)),
    (ShapeError, ".T of a tile [4] f64: there is no second axis", lambda k: k.t.T),
    (ShapeError, "cumsum of scalar f64, which is not a tile", lambda k: tg.cumsum(k.s, axis=0)),
    (ShapeError, "axis 1 of a tile [4] f64", lambda k: tg.argmax(k.t, axis=1)),
    (StaticError, "an axis is an integer, not Python float 0.5", lambda k: k.t.sum(axis=0.5)),
    (DTypeError, "a reduction of a tile [4] i1: .to(i32) first", lambda k: (k.t > 0.0).sum(axis=0)),
    (ShapeError, "concat of no tiles", lambda k: tg.concat([], axis=0)),
    (ShapeError, "concat of scalar f64, which is not a tile", lambda k: tg.concat([k.s], axis=0)),
    (DTypeError, "concat of f64 and i32: cast one side explicitly", lambda k: tg.concat([k.t, k.n], axis=0)),
    (ShapeError, "full of a tile [4] f64: the value is a number or a scalar", lambda k: tg.full((4,), k.t, f64)),
    (DTypeError, "iota of f32: i32 or i64", lambda k: tg.iota(4, f32)),
    (ShapeError, "iota has one axis, not [4, 2]", lambda k: tg.iota((4, 2))),
    (ShapeError, "a tile has sizes of at least 1, not [4, 0]", lambda k: tg.zeros((4, 0), f64)),
    (StaticError, "a tile size is an integer, not Python str 'a'", lambda k: tg.zeros(("a",), f64)),
    (DTypeError, "a constant of NumPy dtype complex128", lambda k: tg.constant(np.ones(3) * 1j, f64)),
    (DTypeError, "a constant of NumPy dtype float64 as i32: convert it explicitly", lambda k: tg.constant(np.ones(3), i32)),
    (DTypeError, "a constant of f8e4m3: not supported", lambda k: tg.constant(np.ones(3), tg.f8e4m3)),
    (ShapeError, "a constant of shape [0]: tile sizes are at least 1", lambda k: tg.constant(np.ones(0), f64)),
    # views and spans
    (DTypeError, "expected an index, got a scalar f64", lambda k: tg.load(k.x, (k.s,))),
    (DTypeError, "expected an index, got Python float 0.5", lambda k: tg.load(k.x, (0.5,))),
    (StaticError, "a slice of a view has no step", lambda k: k.x[::2]),
    (StaticError, "a view is narrowed by an index or a slice of indices, not by tile [4] i32", lambda k: k.x[k.n :]),
    (ShapeError, "slice 5:3 of axis 1 of 'v' is empty or out of range", lambda k: k.v[:, 5:3]),
    (ShapeError, "a span of size 0: sizes are at least 1", lambda k: tg.span(0)),
    (StaticError, "the size of a span is an integer, not Python float 2.0", lambda k: tg.span(2.0)),
    (ControlError, "iteration over a view ('x'): write a stream over one of its axes", lambda k: list(k.x)),
    (ControlError, "the truth of a view ('x'): write 'is not None' to ask for its presence", lambda k: bool(k.x)),
    (ShapeError, "store of a tile [4] f64 to one element of 'y'", lambda k: tg.store(k.y, (k.i,), k.t)),
    (DTypeError, "store of i32 to 'y', which holds f64: x.to(f64)", lambda k: tg.store(k.y, (0,), tg.cast(1, i32))),
    (DTypeError, "pad of i32 for 'x', which holds f64", lambda k: tg.load(k.x, (k.m,), pad=tg.cast(1, i32))),
    (AccessError, "store of tile [4] f64, which is not a view", lambda k: tg.store(k.t, (k.m,), k.t)),
    # index tiles
    (DTypeError, "an index tile is i32 of rank 1, not a tile [4] f64", lambda k: tg.load(k.x, (k.t,))),
    (DTypeError, "an index tile is i32 of rank 1, not a tile [4, 1] i32", lambda k: tg.load(k.x, (k.n[:, None],))),
    (AccessError, "two index tiles in one load of 'v': one is allowed", lambda k: tg.load(k.v, (k.n, k.n))),
    (DTypeError, "pad of i32 for 'x', which holds f64", lambda k: tg.load(k.x, (k.n,), pad=tg.cast(1, i32))),
    (ShapeError, "store of [8] where the coordinates span [4] of 'y'", lambda k: tg.store(k.y, (k.n,), tg.zeros((8,), f64))),
    (DTypeError, "store of i32 to 'y', which holds f64: x.to(f64)", lambda k: tg.store(k.y, (k.n,), k.n)),
    (AccessError, "store to 'x', which is In (read only)", lambda k: tg.store(k.x, (k.n,), k.t)),
    (AccessError, "load from 'y', which is Out (write only)", lambda k: tg.load(k.y, (k.n,))),
    # reduce_store
    (AccessError, "reduce_store to 'y', which is not InOut", lambda k: tg.reduce_store(k.y, (k.m,), k.t)),
    (ControlError, "op 'mul' of reduce_store is none of add, max, min", lambda k: tg.reduce_store(k.z, (k.m,), k.t, op="mul")),
    (ControlError, "how 'fast' of reduce_store is none of ordered, two_pass, atomic", lambda k: tg.reduce_store(k.z, (k.m,), k.t, how="fast")),
    (DTypeError, "reduce_store add atomic of f64 to 'z' in a repeatable kernel", lambda k: tg.reduce_store(k.z, (k.m,), k.t, how="atomic")),
    (DTypeError, "reduce_store max of u64 to 'u'", lambda k: tg.reduce_store(k.u, (k.m,), k.n.to(u64), op="max")),
    (DTypeError, "store of i32 to 'z', which holds f64: x.to(f64)", lambda k: tg.reduce_store(k.z, (k.m,), k.n)),
    (ShapeError, "store of [8] where the coordinates span [4] of 'z'", lambda k: tg.reduce_store(k.z, (k.m,), tg.zeros((8,), f64))),
    (ShapeError, "store of a tile [4] f64 to one element of 'z'", lambda k: tg.reduce_store(k.z, (k.i,), k.t)),
    (UnsupportedError, "reduce_store with an index tile is not in this version yet", lambda k: tg.reduce_store(k.z, (k.n,), k.t)),
    # segments
    (DTypeError, "the ends of segment_ids are an i32 tile of rank 1, not tile [4] f64", lambda k: tg.segment_ids(k.t, k.m)),
    (DTypeError, "the ends of segment_ids are an i32 tile of rank 1, not scalar index", lambda k: tg.segment_ids(k.i, k.m)),
    (DTypeError, "segment_ids takes the span of a stream, not tile [4] i32", lambda k: tg.segment_ids(k.n, k.n)),
    (ShapeError, "segment_sum of scalar f64, which is not a tile", lambda k: tg.segment_sum(k.w, k.s, k.n)),
    (DTypeError, "segment_sum of i32 into f64: cast one side explicitly", lambda k: tg.segment_sum(k.t, k.n, k.n)),
    (DTypeError, "segment_sum of a tile [4] i1: .to(i32) first", lambda k: tg.segment_sum(k.t > 0.0, k.t > 0.0, k.n)),
    (DTypeError, "the ids of segment_sum are i32, not f64", lambda k: tg.segment_sum(k.w, k.w, k.t)),
    (ShapeError, "segment_sum of [4, 8] by [4] into [4]: it takes [E, …], [E] and [R, …]", lambda k: tg.segment_sum(k.t, k.w, k.n)),
    (ShapeError, "segment_sum of [4, 8] by [2] into [4, 8]", lambda k: tg.segment_sum(k.w, k.w, k.n[:2])),
    # low rank
    (ShapeError, "low_rank_dot of scalar f64, which is not a tile", lambda k: tg.low_rank_dot(k.w, k.w.T, k.s)),
    (DTypeError, "low_rank_dot of f64 and f32: cast one side explicitly", lambda k: tg.low_rank_dot(k.w, k.w.T, tg.zeros((4, 8), f32))),
    (ShapeError, "low_rank_dot contracts 4 with 8: [8, 4] and [8, 4]", lambda k: tg.low_rank_dot(k.w, k.w.T, k.w.T)),
    (ShapeError, "low_rank_dot of ranks 2 and 1 ([8, 4] and [4]): equal ranks of at least 2", lambda k: tg.low_rank_dot(k.w, k.w.T, k.t)),
    (DTypeError, "low_rank_dot of i8: the value in the middle is rounded, so operands are floats", lambda k: tg.low_rank_dot(*[tg.zeros((4, 4), tg.i8)] * 3)),
    (ShapeError, "batch axes of low_rank_dot: [2, 4, 4] and [3, 4, 4]", lambda k: tg.low_rank_dot(*[tg.zeros((n, 4, 4), f64) for n in (2, 1, 3)])),
    # transforms
    (DTypeError, "the operand of fft is a complex tile, not tile [4, 8] f64 (tg.Cx(x) for a real tile [4, 8] f64)", lambda k: tg.fft(k.w, (8,))),
    (DTypeError, "the operand of ifft has a part that is scalar f64, not a tile", lambda k: tg.ifft(tg.Cx(k.w, k.s), (8,))),
    (DTypeError, "the operand of fft is a tile [4] i32: its parts are floats", lambda k: tg.fft(tg.Cx(k.n), (8,))),
    (ShapeError, "the operand of fft has parts that differ: tile [4, 8] f64 and tile [8, 4] f64", lambda k: tg.fft(tg.Cx(k.w, k.w.T), (8,))),
    (ShapeError, "the operand of fft is [4]: it takes [signals, positions]", lambda k: tg.fft(tg.Cx(k.t), (4,))),
    (ShapeError, "fft of [4, 8]: with these factors it takes [signals, 16]", lambda k: tg.fft(tg.Cx(k.w), (4, 4))),
    (ShapeError, "fft of [4, 8]: with these factors it takes [signals, 12]", lambda k: tg.fft(tg.Cx(k.w), (4, 4), rows=3)),
    (ShapeError, "ifft of [4, 8]: with these factors it takes [signals, 6]", lambda k: tg.ifft(tg.Cx(k.w), (4, 4), keep=(2, 3))),
    (ShapeError, "rows of fft are 5: 1 to 4, the first of the factors [4, 4]", lambda k: tg.fft(tg.Cx(k.w), (4, 4), rows=5)),
    (ShapeError, "keep of fft is [2]: each at most its factor of [4, 4]", lambda k: tg.fft(tg.Cx(k.w), (4, 4), keep=(2,))),
    (ShapeError, "keep of fft is [2, 5]: each at most its factor of [4, 4]", lambda k: tg.fft(tg.Cx(k.w), (4, 4), keep=(2, 5))),
    (ShapeError, "the factors of fft are a tuple of sizes, not Python int 8", lambda k: tg.fft(tg.Cx(k.w), 8)),
    (ShapeError, "the factors of fft are [0, 8]: each is at least 1", lambda k: tg.fft(tg.Cx(k.w), (0, 8))),
    (StaticError, "one of the factors of fft must be static", lambda k: tg.fft(tg.Cx(k.w), (k.i, 8))),
    (StaticError, "rows of fft must be static", lambda k: tg.fft(tg.Cx(k.w), (8,), rows=k.i)),
    (ShapeError, "the factors of butterfly are a list of complex tiles, not Python tuple ()", lambda k: tg.butterfly(tg.Cx(k.w), ())),
    (DTypeError, "a factor of butterfly is a complex tile, not Python int 8", lambda k: tg.butterfly(tg.Cx(k.w), (8,))),
    (ShapeError, "a factor of butterfly is [4, 8]: it is square", lambda k: tg.butterfly(tg.Cx(k.w), [tg.Cx(k.w)])),
    (DTypeError, "a factor of butterfly is f32, its operand f64: cast one side explicitly", lambda k: tg.butterfly(tg.Cx(k.w), [tg.Cx(tg.zeros((8, 8), f32))])),
    (ShapeError, "butterfly of [4, 8]: with these factors it takes [signals, 4]", lambda k: tg.butterfly(tg.Cx(k.w), [tg.Cx(tg.zeros((4, 4), f64))])),
    (UnsupportedError, "tg.tril_inverse is not in this version yet", lambda k: tg.tril_inverse(k.w)),
    # products and softmax
    (ShapeError, "dot of scalar f64, which is not a tile", lambda k: tg.dot(k.s, k.w)),
    (DTypeError, "dot of i32: floats and i8 have products", lambda k: tg.dot(tg.zeros((4, 4), i32), tg.zeros((4, 4), i32))),
    (ShapeError, "batch axes of dot: [2, 4, 4] and [3, 4, 4]", lambda k: tg.dot(tg.zeros((2, 4, 4), f64), tg.zeros((3, 4, 4), f64))),
    (ShapeError, "acc of dot is Python int 0, not a tile", lambda k: tg.dot(k.w, k.w.T, 0)),
    (DTypeError, "acc of dot is f32, the result is f64", lambda k: tg.dot(k.w, k.w.T, tg.zeros((4, 4), f32))),
    (ControlError, "precision 'tf16' of dot is none of ieee, tf32, tf32x3", lambda k: tg.dot(k.w, k.w.T, precision="tf16")),
    (DTypeError, "precision 'tf32' of a dot of f64: it concerns f32 only", lambda k: tg.dot(k.w, k.w.T, precision="tf32")),
    (ShapeError, "softmax_finish of tile [4] f64, which is not a softmax state", lambda k: tg.softmax_finish(k.t)),
    (ShapeError, "the weights of softmax_update are scalar f64, not a tile", lambda k: tg.softmax_update(k.st, k.s, k.w)),
    (DTypeError, "values are f32 for a softmax state of f64", lambda k: tg.softmax_update(k.st, k.w, tg.zeros((8, 8), f32))),
    (ShapeError, "scale of softmax_update is -1: it must be greater than 0", lambda k: tg.softmax_update(k.st, k.w, tg.zeros((8, 8), f64), scale=-1)),
    (DTypeError, "scale of softmax_update is a scalar index, the softmax state is f64", lambda k: tg.softmax_update(k.st, k.w, tg.zeros((8, 8), f64), scale=k.i)),
    (ShapeError, "mult of softmax_update is tile [4] f64, the weights are a tile [4, 8] f64", lambda k: tg.softmax_update(k.st, k.w, tg.zeros((8, 8), f64), mult=k.t)),
    (ShapeError, "mult of softmax_update is [4, 2], the weights [4, 8]", lambda k: tg.softmax_update(k.st, k.w, tg.zeros((8, 8), f64), mult=tg.zeros((4, 2), f64))),
    (ShapeError, "softmax_merge of a softmax state [4, 8] and a softmax state [4, 4]", lambda k: tg.softmax_merge(k.st, tg.softmax_init(4, 4))),
    (ShapeError, "softmax_state of [4], [4], [4]: it takes [R], [R] and [R, C]", lambda k: tg.softmax_state(k.t, k.t, k.t)),
    (ShapeError, "softmax_state of scalar f64, which is not a tile", lambda k: tg.softmax_state(k.s, k.t, k.w)),
    (DTypeError, "softmax_state of i32: its parts are f64", lambda k: tg.softmax_state(k.n, k.t, k.w)),
    # derivatives
    (ControlError, "tg.grad with respect to argument 1 of 1", lambda k: tg.grad(lambda t: t, 1)(k.t)),
    (DTypeError, "tg.grad with respect to tile [4] i32: it takes a float tile or scalar", lambda k: tg.grad(lambda t: t)(k.n)),
    (ControlError, "tg.grad of a helper that returns Python tuple (): one tile or scalar", lambda k: tg.grad(lambda t: ())(k.t)),
    # streams
    (StaticError, "the block of a stream is an integer, not Python float 2.0", lambda k: tg.stream(0, 8, 2.0)),
    (ShapeError, "the block of a stream is 0: it is at least 1", lambda k: tg.stream(0, 8, 0)),
    (KernelError, "tg.require after tg.grid", lambda k: tg.require(k.s > 0.0, "no")),
]  # fmt: skip


@pytest.mark.parametrize("error, text, f", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_expression(error: type[TegulaError], text: str, f: Any) -> None:
    with pytest.raises(TegulaError) as caught:
        trace(f)
    assert type(caught.value) is error, caught.value
    assert text in caught.value.message
    assert caught.value.sites[0].file == __file__
    assert caught.value.sites[0].function == "<lambda>"


# ---- the form of a kernel


def kernel_error(f: Any, *args: Any, **kwargs: Any) -> TegulaError:
    with pytest.raises(TegulaError) as caught:
        tg.kernel(f).ir("generic", *(args or (np.zeros(10),)), **kwargs)
    return caught.value


def test_grid_and_require() -> None:
    def grid_in_branch(x: In[f64, "N"]):
        if x.shape[0] > 3:
            tg.grid(3)

    def no_axis(x: In[f64, "N"]):
        tg.grid()

    def triple(x: In[f64, "N"]):
        tg.grid((1, 2, 3))

    def zero_block(x: In[f64, "N"]):
        tg.grid((x.shape[0], 0))

    def require_index(x: In[f64, "N"]):
        tg.require(x.shape[0], "empty")

    def require_in_branch(x: In[f64, "N"]):
        if x.shape[0] > 3:
            tg.require(x.shape[0] < 9, "long")

    for f, text in [
        (require_in_branch, "tg.require under a run-time 'if': require 'not condition or requirement' instead"),
        (grid_in_branch, "tg.grid under a run-time 'if'"),
        (no_axis, "tg.grid without an axis"),
        (triple, "an axis of the grid is an extent, or (extent, block), not Python tuple (1, 2, 3)"),
        (require_index, "tg.require of a scalar index: it takes a truth value"),
    ]:
        error = kernel_error(f)
        assert type(error) is KernelError and text in error.message
    error = kernel_error(zero_block)
    assert type(error) is ShapeError and "a block size of the grid is 0: it is at least 1" in error.message


def test_branches_with_other_structures() -> None:
    def f(x: In[f64, "N"]):
        i = tg.grid(x.shape[0])
        t = (1, 2)
        if i > 3:
            t = (1,)

    error = kernel_error(f)
    assert type(error) is CarriedError and "'t' has another structure in each branch: 1 and 2 values" in error.message


def test_recursion_without_end() -> None:
    def helper(n: Any) -> Any:
        return helper(n + 1)

    def f(x: In[f64, "N"]):
        tg.grid(x.shape[0])
        helper(0)

    error = kernel_error(f)
    assert type(error) is ControlError and "recursion without a static end" in error.message


def test_asynchronous_code() -> None:
    async def later(t: Any) -> Any:
        return t

    def f(x: In[f64, "N"]):
        tg.grid(x.shape[0])
        later(1)

    error = kernel_error(f)
    assert type(error) is SourceError and "traced code cannot be asynchronous" in error.message


def test_views_class() -> None:
    with pytest.raises(KernelError, match="'b' of @tg.views class Bad is not annotated with a view"):

        @tg.views
        class Bad:
            a: In[f64, "N"]
            b: int


# ---- calls


def call_error(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(LaunchError) as caught:
        simple.on(FakeBackend())(*args, **kwargs)
    return caught.value.message


@tg.kernel
def simple(x: In[T, "N $K"], y: Out[A, "N"], flag: i1, c: f32 = 1.0, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m, tg.span(x.shape[1]))).to(A).sum(axis=1))


def test_calls_that_do_not_fit() -> None:
    x, y = np.zeros((4, 8), np.float32), np.zeros(4, np.float32)
    assert call_error(x, y, True, 1.0, 5) == "simple: 5 positional arguments, it takes 4"
    assert call_error(x, y, True, D=5) == "simple: got an unexpected argument 'D'"
    with pytest.raises(TypeError, match=r"simple\(\) got multiple values for argument 'x'"):
        simple(x, y, True, x=x)
    with pytest.raises(LaunchError, match="simple: multiple values for argument 'x'"):
        simple.ir("generic", x, y, True, x=x)
    assert call_error(x, y, 2) == "simple: 'flag' is 2, expected a truth value"
    assert call_error(x, y, None) == "simple: argument 'flag' is required (its annotation has no Opt)"
    assert call_error(x, y, True, 1e300) == "simple: 'c' is 1e+300, out of range of f32"
    assert call_error(np.zeros((4, 0), np.float32), y, True) == (
        "simple: axis 1 of 'x' has size 0: the size of a '$' axis is at least 1"
    )
    assert call_error(x.astype(np.int32), y.astype(np.int32), True) == (
        "simple: 'y' holds i32, expected A = f32 (T is i32 in 'x')"
    )


def test_accumulation_dtype_alone() -> None:
    @tg.kernel
    def f(y: Out[A, "N"]):
        tg.grid(y.shape[0])

    with pytest.raises(LaunchError, match="f: 'y' holds i32: A is f32 or f64"):
        f.on(FakeBackend())(np.zeros(4, np.int32))


class BadDLPack:
    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        if self.capsule is None:
            raise BufferError("not today")
        return self.capsule


def test_dlpack_that_does_not_work() -> None:
    y = np.zeros(4, np.float32)
    assert call_error(BadDLPack(None), y, True) == "simple: 'x' gave no DLPack capsule: not today"
    assert call_error(BadDLPack(3), y, True) == "simple: 'x' gave a DLPack capsule of an unknown kind"
    small = BadDLPack(np.zeros((4, 8), np.int16).__dlpack__())
    assert call_error(small, y, True) == "simple: 'x' holds DLPack type 0 of 16 bits: no element type here"


def test_compiler_without_a_message() -> None:
    from tegula._frontend.kernel import translate

    found = simple.specialise(_bound())
    assert translate((), found).message == "the compiler failed without a message"


def _bound() -> Any:
    from tegula._frontend.signature import bind

    return bind(simple.signature, (tg.Spec((4, 8), f32), tg.Spec((4,), f32), True), {})


# ---- programs


def test_programs() -> None:
    with pytest.raises(KernelError, match="tg.empty outside a program"):
        tg.empty((3,), f32)
    with pytest.raises(KernelError, match="tg.program takes a function"):
        tg.program(functools.partial(print))

    outside = np.zeros(4, np.float32)

    @tg.program
    def stray(x: Any) -> Any:
        simple(x, outside, True)

    @tg.program
    def typed(x: Any, *, c: float) -> Any:
        y = tg.empty((x.shape[0],), A)
        flagged(x, y, c)
        return y

    @tg.program
    def untyped(x: Any) -> Any:
        return tg.empty(x.shape, T)

    @tg.program
    def wrong_dtype(x: Any) -> Any:
        return tg.empty(x.shape, float)

    x = tg.Spec((4, 8), f32)
    for program, args, kwargs, error, text in [
        (stray, (x,), {}, LaunchError, "'y' is an array that the program did not get as an argument or allocate"),
        (typed, (x,), {"c": 1.0}, LaunchError, "a float is passed to an argument of i32"),
        (
            untyped,
            (tg.Spec((4,), i32),),
            {},
            LaunchError,
            "dtype variable T is not bound: no argument is a float array",
        ),
        (wrong_dtype, (x,), {}, LaunchError, "expected a dtype, got <class 'float'>"),
    ]:
        with pytest.raises(TegulaError) as caught:
            program.ir("generic", *args, **kwargs)
        assert type(caught.value) is error and text in caught.value.message, caught.value


@tg.kernel
def flagged(x: In[T, "N $K"], y: Out[A, "N"], c: i32):
    m = tg.grid((x.shape[0], 4))
    tg.store(y, (m,), 0.0)


# ---- source


def test_source_that_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "changing.py"
    text = (
        "import tegula as tg\n"
        "from tegula import In, Out, T\n"
        "@tg.kernel\n"
        'def f(x: In[T, "N"], y: Out[T, "N"]):\n'
        "    m = tg.grid((x.shape[0], 4))\n"
        "    tg.store(y, (m,), tg.load(x, (m,)))\n"
    )
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("changing", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text(text.replace("m = ", "mm = ").replace("(m,)", "(mm,)"))
    linecache.checkcache(str(path))
    x = np.zeros(4)
    with pytest.raises(SourceError, match="the source of 'f' is not the text that was imported") as caught:
        module.f.ir("generic", x, x)
    assert caught.value.line == 3
    path.write_text("\n\n" + text)
    linecache.checkcache(str(path))
    with pytest.raises(SourceError, match="the file has changed since"):
        module.f.ir("generic", x, x)
    path.write_text(text)
    linecache.checkcache(str(path))
    assert module.f.ir("generic", x, x).startswith('"tegula.kernel"')


def test_scope_of_other_traces_in_threads() -> None:
    import threading

    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                probe.clear()
                trace(lambda k: k.t + 1.0)
        except BaseException as e:
            errors.append(e)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
