# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products, scans, the running softmax, segments: each the plain formula of LANGUAGE 1.4 in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tegula.errors import AccessError, DTypeError, ShapeError, StaticError
from tegula.language.dtypes import DType, acc_of, f32, i8, i32, u64
from tegula.testing.numpy_language.numerics import Array, Numerics
from tegula.testing.numpy_language.values import Tile, fail, literal, normal_axis, static_size
from tegula.testing.numpy_language.views import Span, View


def need_tile(x: Any, what: str) -> Tile:
    """The operand as a tile."""
    if not isinstance(x, Tile):
        fail(DTypeError, f"{what} is {type(x).__name__}: expected a tile")
    return x


def dot(x: Any, y: Any, acc: Any = None, precision: str = "ieee", label: str | None = None) -> Tile:
    """[.., M, K] · [.., K, N] + acc; batch axes are equal or 1."""
    a, b = need_tile(x, "the first operand of tg.dot"), need_tile(y, "the second operand of tg.dot")
    if a.dtype is not b.dtype:
        fail(DTypeError, f"dot of {a.dtype} and {b.dtype}: cast one side explicitly")
    if not a.dtype.is_float and a.dtype is not i8:
        fail(DTypeError, f"dot of {a.dtype}: operands are floats or i8")
    if len(a.shape) != len(b.shape) or len(a.shape) < 2:
        fail(ShapeError, f"dot of {list(a.shape)} and {list(b.shape)}: ranks are equal and at least 2")
    if a.shape[-1] != b.shape[-2]:
        fail(ShapeError, f"dot of {list(a.shape)} and {list(b.shape)}: contracted sizes differ")
    for p, q in zip(a.shape[:-2], b.shape[:-2], strict=True):
        if p != q and 1 not in (p, q):
            fail(ShapeError, f"dot of {list(a.shape)} and {list(b.shape)}: batch sizes differ")
    if precision not in ("ieee", "tf32", "tf32x3"):
        fail(StaticError, f"precision {precision!r}: expected 'ieee', 'tf32' or 'tf32x3'")
    if precision != "ieee" and a.dtype is not f32:
        fail(DTypeError, f"precision {precision!r} needs f32 operands, got {a.dtype}")
    result = i32 if a.dtype is i8 else acc_of(a.dtype)
    kind = a.numerics.storage(result)
    left, right = a.data.astype(kind, copy=False), b.data.astype(kind, copy=False)
    if precision == "tf32" and not a.numerics.wide:
        left, right = _tf32(left), _tf32(right)
    out = a.like(left @ right, result)
    if acc is None:
        return out
    c = need_tile(acc, "the accumulator of tg.dot")
    if c.dtype is not result:
        fail(DTypeError, f"the accumulator is {c.dtype}: a dot of {a.dtype} gives {result}")
    if c.shape != out.shape:
        fail(ShapeError, f"the accumulator is {list(c.shape)}: the dot gives {list(out.shape)}")
    return c + out


def _tf32(x: Array) -> Array:
    """f32 rounded to 10 bits of fraction, to nearest even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0xFFF + (bits >> 13 & 1)) & np.uint32(0xFFFFE000)
    return np.where(np.isfinite(x), rounded.view(np.float32), x)


def low_rank_dot(x: Any, u: Any, v: Any, label: str | None = None) -> Tile:
    """(x·u)·v, or x·(u·v): equal up to rounding; here the first."""
    return dot(dot(x, u).to(need_tile(x, "the first operand of tg.low_rank_dot").dtype), v)


def argmax(x: Any, axis: int) -> Tile:
    """The smallest position of the maximum; NaN counts as the maximum."""
    t = need_tile(x, "the operand of tg.argmax")
    return t.like(np.argmax(t.wide(), normal_axis(axis, len(t.shape))), i32)


def cumsum(x: Any, axis: int, reverse: bool = False, exclusive: bool = False) -> Tile:
    """Running sum along an axis; `exclusive`: of the elements before; `reverse`: from the other end."""
    t = need_tile(x, "the operand of tg.cumsum")
    axis = normal_axis(axis, len(t.shape))
    data = np.flip(t.wide(), axis) if reverse else t.wide()
    sums = np.cumsum(data, axis, dtype=data.dtype)
    if exclusive:
        sums = np.roll(sums, 1, axis)
        sums[tuple(0 if a == axis else slice(None) for a in range(sums.ndim))] = 0
    return t.like(np.flip(sums, axis) if reverse else sums)


def concat(tiles: Sequence[Any], axis: int) -> Tile:
    """Tiles one after the other along an axis."""
    xs = [need_tile(t, "an operand of tg.concat") for t in tiles]
    if not xs:
        fail(ShapeError, "tg.concat of nothing")
    axis = normal_axis(axis, len(xs[0].shape))
    for t in xs[1:]:
        if t.dtype is not xs[0].dtype:
            fail(DTypeError, f"concat of {xs[0].dtype} and {t.dtype}: cast one side explicitly")
        if len(t.shape) != len(xs[0].shape) or any(
            p != q for a, (p, q) in enumerate(zip(t.shape, xs[0].shape, strict=True)) if a != axis
        ):
            fail(ShapeError, f"concat of {list(xs[0].shape)} and {list(t.shape)} along axis {axis}")
    return xs[0].like(np.concatenate([t.data for t in xs], axis))


# The running softmax: a state (m, l, acc) stands for sum l·e^m of weights and acc·e^m of weighted values.


@dataclass(frozen=True, slots=True)
class SoftmaxState:
    """Running maximum [R], sum of weights [R] and weighted values [R, C], relative to the maximum."""

    m: Tile
    total: Tile
    acc: Tile


def softmax_init(rows: Any, columns: Any, numerics: Numerics, dtype: DType) -> SoftmaxState:
    """The empty softmax."""
    r, c = static_size(rows, "the rows of a softmax"), static_size(columns, "the columns of a softmax")
    low = Tile(np.full(r, -np.inf), dtype, numerics)
    return SoftmaxState(low, low.like(np.zeros(r)), low.like(np.zeros((r, c))))


def softmax_state(m: Any, total: Any, acc: Any) -> SoftmaxState:
    """A state from its parts."""
    tm, tl, ta = need_tile(m, "m"), need_tile(total, "l"), need_tile(acc, "acc")
    if tm.dtype is not tl.dtype or tm.dtype is not ta.dtype:
        fail(DTypeError, f"a softmax state of {tm.dtype}, {tl.dtype} and {ta.dtype}: they are one dtype")
    if len(tm.shape) != 1 or tl.shape != tm.shape or len(ta.shape) != 2 or ta.shape[0] != tm.shape[0]:
        fail(ShapeError, f"a softmax state of {list(tm.shape)}, {list(tl.shape)} and {list(ta.shape)}")
    return SoftmaxState(tm, tl, ta)


def _exp_difference(x: Array, m: Array) -> Array:
    """exp(x - m), and 0 where x is -inf, whatever m is."""
    none = np.isneginf(x)
    return np.where(none, 0, np.exp(np.where(none, 0, x) - np.where(np.isneginf(m), 0, m))).astype(x.dtype)


def softmax_update(
    state: Any, x: Any, v: Any, scale: Any = 1.0, mult: Any = None, label: str | None = None
) -> SoftmaxState:
    """Takes in a tile of log-weights scale·x [R, N] and values [N, C]."""
    st, t, values = _state(state), need_tile(x, "the log-weights"), need_tile(v, "the values")
    if t.dtype is not st.m.dtype:
        fail(DTypeError, f"log-weights are {t.dtype}: expected {st.m.dtype}, the dtype of the state")
    if acc_of(values.dtype) is not st.m.dtype:
        fail(DTypeError, f"values of {values.dtype} for a state of {st.m.dtype}")
    if len(t.shape) != 2 or len(values.shape) != 2 or t.shape[1] != values.shape[0] or t.shape[0] != st.m.shape[0]:
        fail(ShapeError, f"softmax_update of {list(st.acc.shape)} by {list(t.shape)} and {list(values.shape)}")
    if values.shape[1] != st.acc.shape[1]:
        fail(ShapeError, f"values have {values.shape[1]} columns, the state has {st.acc.shape[1]}")
    factor: Any = scale
    if isinstance(scale, Tile):
        if scale.shape or scale.dtype is not t.dtype:
            fail(DTypeError, f"scale is {scale.dtype} of rank {len(scale.shape)}: expected a scalar of {t.dtype}")
        factor = scale.data.item()
    factor = literal(factor, t.dtype)
    if not factor > 0:
        fail(ShapeError, f"scale is {factor}: it must be greater than 0")
    w = t.data * t.data.dtype.type(factor)
    m = np.maximum(st.m.data, w.max(axis=1))
    p = _exp_difference(w, m[:, None])
    if mult is not None:
        signed = need_tile(mult, "mult")
        fits = len(signed.shape) == 2 and all(p in (1, q) for p, q in zip(signed.shape, t.shape, strict=True))
        if signed.dtype is not t.dtype or not fits:
            fail(ShapeError, f"mult is {signed.dtype} {list(signed.shape)}: expected {t.dtype} {list(t.shape)}")
        p = p * signed.data
    decay = _exp_difference(st.m.data, m)
    rounded = t.like(p).to(values.dtype)  # l sums p before it is rounded
    acc = dot(rounded, values, st.acc.like(decay[:, None] * st.acc.data))
    return SoftmaxState(st.m.like(m), st.total.like(decay * st.total.data + p.sum(axis=1)), acc)


def _state(x: Any) -> SoftmaxState:
    if not isinstance(x, SoftmaxState):
        fail(DTypeError, f"{type(x).__name__} where a softmax state is needed")
    return x


def softmax_merge(a: Any, b: Any) -> SoftmaxState:
    """The softmax over the keys of both states."""
    s, t = _state(a), _state(b)
    if s.acc.shape != t.acc.shape or s.m.dtype is not t.m.dtype:
        fail(ShapeError, f"merge of {s.m.dtype} {list(s.acc.shape)} and {t.m.dtype} {list(t.acc.shape)}")
    m = np.maximum(s.m.data, t.m.data)
    p, q = _exp_difference(s.m.data, m), _exp_difference(t.m.data, m)
    return SoftmaxState(
        s.m.like(m),
        s.total.like(p * s.total.data + q * t.total.data),
        s.acc.like(p[:, None] * s.acc.data + q[:, None] * t.acc.data),
    )


def softmax_parts(state: Any) -> tuple[Tile, Tile, Tile]:
    """m, l and acc, with the exact maximum."""
    st = _state(state)
    return st.m, st.total, st.acc


def softmax_finish(state: Any) -> tuple[Tile, Tile]:
    """(acc / l, m + ln l), or (0, -inf) where l is 0."""
    st = _state(state)
    none = st.total.data == 0  # false for NaN, which stays
    total = np.where(none, 1, st.total.data).astype(st.total.data.dtype)
    out = np.where(none[:, None], 0, st.acc.data / total[:, None])
    return st.acc.like(out), st.m.like(np.where(none, -np.inf, st.m.data + np.log(total)))


# Segments.


def segment_ids(ends: Any, e: Any) -> Tile:
    """For each position of the span the number of `ends` that are not beyond it."""
    t = need_tile(ends, "the ends of tg.segment_ids")
    if t.dtype is not i32 or len(t.shape) != 1:
        fail(DTypeError, f"the ends of tg.segment_ids are {t.dtype} of rank {len(t.shape)}: expected i32 of rank 1")
    if not isinstance(e, Span):
        fail(DTypeError, "tg.segment_ids needs the span of a stream")
    return t.like((t.data[:, None] <= e.ids.data[None, :]).sum(axis=0))


def segment_sum(acc: Any, x: Any, seg: Any, label: str | None = None) -> Tile:
    """acc[segments[e]] += x[e], one after the other; ids outside the accumulator are dropped."""
    total, t, ids = need_tile(acc, "the accumulator"), need_tile(x, "the operand"), need_tile(seg, "the ids")
    if total.dtype is not t.dtype:
        fail(DTypeError, f"segment_sum of {t.dtype} into {total.dtype}: cast one side explicitly")
    if ids.dtype is not i32 or ids.shape != t.shape[:1] or total.shape[1:] != t.shape[1:]:
        fail(ShapeError, f"segment_sum of {list(t.shape)} by {ids.dtype} {list(ids.shape)} into {list(total.shape)}")
    out = total.wide().copy()
    rows = t.wide()
    for e, r in enumerate(ids.data):
        if 0 <= r < out.shape[0]:
            out[r] += rows[e]
    return total.like(out)


# Constructs that LANGUAGE marks LATER; they are here because its kernels use them.


@dataclass(frozen=True, slots=True)
class TopK:
    """The k largest values of each row so far, and their ids (-1: empty slot)."""

    values: Array
    ids: Array
    numerics: Numerics


def topk_init(rows: int, k: int, numerics: Numerics) -> TopK:
    """No value seen yet."""
    return TopK(np.full((rows, k), -np.inf), np.full((rows, k), -1), numerics)


def topk_update(best: TopK, x: Tile, ids: Tile, ties: str = "low") -> TopK:
    """Takes in a tile [R, N]; of equal values the one of lower (or higher) id comes first."""
    values = np.concatenate([best.values, x.data.astype(np.float64)], axis=1)
    all_ids = np.concatenate([best.ids, np.broadcast_to(ids.data[None], x.shape)], axis=1)
    key = -all_ids if ties == "high" else all_ids
    order = np.lexsort((key, -values), axis=1)[:, : best.values.shape[1]]
    top = np.take_along_axis(values, order, axis=1)
    chosen = np.where(np.isneginf(top), -1, np.take_along_axis(all_ids, order, axis=1))
    return TopK(top, chosen, best.numerics)


def topk_finish(best: TopK) -> tuple[Tile, Tile]:
    """Values and ids, largest first."""
    return Tile(best.values, f32, best.numerics), Tile(best.ids, i32, best.numerics)


def tril_inverse(x: Any) -> Tile:
    """(I + the strictly lower triangle of x)^-1."""
    t = need_tile(x, "the operand of tg.tril_inverse")
    return t.like(np.linalg.inv(np.eye(t.shape[-1]) + np.tril(t.data, -1)))


def expand_bitmap(bits: Any, values: Any, base: int, shape: tuple[int, int]) -> Tile:
    """A dense tile from 8×8 words of 64 bits and the values of their set bits, from `base` on."""
    words = need_tile(bits, "the bitmap")
    if words.dtype is not u64 or not isinstance(values, View):
        fail(DTypeError, f"expand_bitmap of {words.dtype}: expected u64 words and a view of values")
    out = np.zeros(shape, values.numerics.storage(values.dtype))
    at = int(base)
    for (a, b), word in np.ndenumerate(words.data):
        for bit in range(64):
            if int(word) >> bit & 1:
                if at >= values.data.shape[0]:
                    fail(AccessError, f"the bitmap has more set bits than '{values.name}' has values")
                out[8 * a + bit // 8, 8 * b + bit % 8] = values.data[at]
                at += 1
    return Tile(out, values.dtype, values.numerics)
