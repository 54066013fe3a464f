# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products and the running softmax."""

from __future__ import annotations

from typing import Any

from tegula._compiler.ops import Attr, Enum, Ints, Segments, Unit, Value
from tegula._frontend.trace import current, emit, fail, made_at, resolve
from tegula.errors import ControlError, DTypeError, ShapeError
from tegula.language.dtypes import A, acc_of, f32, f64, i8, i32
from tegula.language.elementwise import cast
from tegula.language.shapes import stretch
from tegula.language.values import Scalar, State, Tile, as_number, describe, shape_text, static_shape, tile_op


def dot(a: Any, b: Any, acc: Any = None, precision: str = "ieee", label: str | None = None) -> Tile:
    """[.., M, K] · [.., K, N] + acc -> [.., M, N]; batch axes are equal or 1, the result f32, f64 or i32."""
    for t in (a, b):
        if not isinstance(t, Tile):
            fail(ShapeError, f"dot of {describe(t)}, which is not a tile")
    _check_dot(a, b)
    shape = (*[max(p, q) for p, q in zip(a.shape[:-2], b.shape[:-2])], a.shape[-2], b.shape[-1])
    dtype = acc_of(a.dtype) if a.dtype.is_float else i32
    operands: list[Value] = []
    attrs: list[tuple[str, Attr]] = []
    for t, name in ((a, "trans_a"), (b, "trans_b")):
        source = _transposed(t)
        if source is not None:
            attrs.append((name, Unit()))
        operands.append(t if source is None else source)
    if acc is not None:
        _check_acc(acc, shape, dtype)
        operands.append(acc)
    if precision not in ("ieee", "tf32", "tf32x3"):
        fail(ControlError, f"precision {precision!r} of dot is none of ieee, tf32, tf32x3")
    if precision != "ieee":
        if a.dtype is not f32:
            fail(DTypeError, f"precision {precision!r} of a dot of {a.dtype}: it concerns f32 only")
        attrs.append(("precision", Enum("precision", precision, own=True)))
    return tile_op("tegula.dot", operands, shape, dtype, tuple(attrs), label)


def _check_dot(a: Tile, b: Tile, what: str = "dot") -> None:
    if a.dtype is not b.dtype:
        fail(
            DTypeError,
            f"{what} of {a.dtype} and {b.dtype}: cast one side explicitly",
            made_at(a, f"{describe(a)} from here"),
            made_at(b, f"{describe(b)} from here"),
        )
    if not a.dtype.is_float and a.dtype is not i8:
        fail(DTypeError, f"{what} of {a.dtype}: floats and i8 have products")
    shapes = f"{shape_text(a.shape)} and {shape_text(b.shape)}"
    if len(a.shape) != len(b.shape) or len(a.shape) < 2:
        fail(ShapeError, f"{what} of ranks {len(a.shape)} and {len(b.shape)} ({shapes}): equal ranks of at least 2")
    if a.shape[-1] != b.shape[-2]:
        fail(
            ShapeError,
            f"{what} contracts {a.shape[-1]} with {b.shape[-2]}: {shapes}",
            made_at(a, "first operand"),
            made_at(b, "second operand"),
        )
    if any(p != q and 1 not in (p, q) for p, q in zip(a.shape[:-2], b.shape[:-2])):
        fail(ShapeError, f"batch axes of {what}: {shapes}")


def _check_acc(acc: object, shape: tuple[int, ...], dtype: object) -> None:
    if not isinstance(acc, Tile):
        fail(ShapeError, f"acc of dot is {describe(acc)}, not a tile")
    if acc.dtype is not dtype:
        fail(DTypeError, f"acc of dot is {acc.dtype}, the result is {dtype}", made_at(acc, "acc comes from here"))
    if acc.shape != shape:
        fail(
            ShapeError,
            f"acc of dot is {shape_text(acc.shape)}, the result is {shape_text(shape)}",
            made_at(acc, "acc comes from here"),
        )


def low_rank_dot(x: Any, u: Any, v: Any, label: str | None = None) -> Tile:
    """x [.., M, K] · u [.., K, R] · v [.., R, N] -> [.., M, N], in either association.

    The value in the middle is rounded to the operands' dtype. The half that does not depend on a stream
    may be computed once, outside it.
    """
    for t in (x, u, v):
        if not isinstance(t, Tile):
            fail(ShapeError, f"low_rank_dot of {describe(t)}, which is not a tile")
    _check_dot(x, u, "low_rank_dot")
    _check_dot(u, v, "low_rank_dot")
    if not x.dtype.is_float:
        fail(DTypeError, f"low_rank_dot of {x.dtype}: the value in the middle is rounded, so operands are floats")
    if any(p != q and 1 not in (p, q) for p, q in zip(x.shape[:-2], v.shape[:-2])):
        fail(ShapeError, f"batch axes of low_rank_dot: {shape_text(x.shape)} and {shape_text(v.shape)}")
    batch = [max(sizes) for sizes in zip(x.shape[:-2], u.shape[:-2], v.shape[:-2])]
    operands: list[Value] = [x]
    attrs: list[tuple[str, Attr]] = []
    for t, name in ((u, "trans_u"), (v, "trans_v")):
        source = _transposed(t)
        if source is not None:
            attrs.append((name, Unit()))
        operands.append(t if source is None else source)
    shape = (*batch, x.shape[-2], v.shape[-1])
    return tile_op("tegula.low_rank_dot", operands, shape, acc_of(x.dtype), tuple(attrs), label)


def _transposed(tile: Tile) -> Tile | None:
    """The tile of which this one is `.T`: dot reads it as it lies."""
    if tile.op is None or tile.op.name != "tegula.transpose":
        return None
    n = len(tile.shape)
    source = tile.op.operands[0]
    if tile.op.attr("perm") != Ints((*range(n - 2), n - 1, n - 2)) or not isinstance(source, Tile):
        return None
    return source if source.block.open else None


# ---- softmax


def _state(name: str, operands: list[Any], rows: int, cols: int, attrs: Any = (), label: str | None = None) -> State:
    op = emit(name, operands, attrs, (), label)
    state = State(rows, cols, operands[0].dtype if operands else resolve(A), op, current().block)
    op.results.append(state)
    return state


def _want_state(value: object, what: str) -> None:
    if not isinstance(value, State):
        fail(ShapeError, f"{what} of {describe(value)}, which is not a softmax state")


def softmax_init(rows: object, cols: object) -> State:
    """The empty softmax over `rows` rows and `cols` value columns."""
    r, c = static_shape((rows, cols))
    return _state("tegula.softmax_init", [], r, c)


def softmax_update(state: Any, x: Any, v: Any, scale: Any = 1, mult: Any = None, label: str | None = None) -> State:
    """Takes in natural-log weights scale·x [rows, N] and values v [N, cols]; `mult` multiplies the weights."""
    _want_state(state, "softmax_update")
    for t, name in ((x, "weights"), (v, "values")):
        if not isinstance(t, Tile):
            fail(ShapeError, f"the {name} of softmax_update are {describe(t)}, not a tile")
    dtype = state.dtype
    if x.dtype is not dtype:
        fail(DTypeError, f"log-weights are {x.dtype}, the softmax state is {dtype}", made_at(x, "they come from here"))
    if not v.dtype.is_float or (v.dtype is f64) != (dtype is f64):
        fail(DTypeError, f"values are {v.dtype} for a softmax state of {dtype}", made_at(v, "they come from here"))
    fits = len(x.shape) == 2 and len(v.shape) == 2 and (x.shape[0], x.shape[1], v.shape[1]) == (
        state.rows, v.shape[0], state.cols,
    )  # fmt: skip
    if not fits:
        fail(
            ShapeError,
            f"softmax_update of weights {shape_text(x.shape)} and values {shape_text(v.shape)} into a state "
            f"[{state.rows}, {state.cols}]",
            made_at(x, "weights"),
            made_at(v, "values"),
        )
    number = as_number(scale)
    if number is not None and number <= 0:
        fail(ShapeError, f"scale of softmax_update is {number}: it must be greater than 0")
    scales: list[Any] = [] if number == 1 else [cast(scale, dtype) if number is not None else _scale(scale, dtype)]
    mults = [] if mult is None else [_mult(mult, x)]
    segments = Segments((1, 1, 1, len(scales), len(mults)))
    operands: list[Any] = [state, x, v, *scales, *mults]
    attrs = (("operandSegmentSizes", segments),)
    return _state("tegula.softmax_update", operands, state.rows, state.cols, attrs, label)


def _scale(scale: object, dtype: object) -> Scalar:
    if not isinstance(scale, Scalar) or scale.dtype is not dtype:
        fail(DTypeError, f"scale of softmax_update is a {describe(scale)}, the softmax state is {dtype}: tg.cast it")
    return scale


def _mult(mult: object, x: Tile) -> Tile:
    if not isinstance(mult, Tile) or mult.dtype is not x.dtype or len(mult.shape) != 2:
        fail(ShapeError, f"mult of softmax_update is {describe(mult)}, the weights are a {describe(x)}")
    if any(p not in (1, q) for p, q in zip(mult.shape, x.shape)):
        fail(ShapeError, f"mult of softmax_update is {shape_text(mult.shape)}, the weights {shape_text(x.shape)}")
    return stretch(mult, x.shape)


def softmax_merge(a: Any, b: Any) -> State:
    """The softmax over the keys of both states."""
    _want_state(a, "softmax_merge")
    _want_state(b, "softmax_merge")
    if a.type is not b.type:
        fail(ShapeError, f"softmax_merge of a {describe(a)} and a {describe(b)}")
    return _state("tegula.softmax_merge", [a, b], a.rows, a.cols)


def softmax_state(m: Any, l: Any, acc: Any) -> State:  # noqa: E741
    """A state from maximum [R], sum [R] and weighted values [R, C]."""
    for t in (m, l, acc):
        if not isinstance(t, Tile):
            fail(ShapeError, f"softmax_state of {describe(t)}, which is not a tile")
        if t.dtype is not resolve(A):
            fail(
                DTypeError, f"softmax_state of {t.dtype}: its parts are {resolve(A)}", made_at(t, "it comes from here")
            )
    if len(acc.shape) != 2 or m.shape != acc.shape[:1] or l.shape != acc.shape[:1]:
        shapes = ", ".join(shape_text(t.shape) for t in (m, l, acc))
        fail(ShapeError, f"softmax_state of {shapes}: it takes [R], [R] and [R, C]")
    return _state("tegula.softmax_state", [m, l, acc], *acc.shape)


def _parts(name: str, state: State, shapes: list[tuple[int, ...]]) -> tuple[Tile, ...]:
    op = emit(name, [state])
    block = current().block
    tiles = tuple(Tile(shape, state.dtype, op, block) for shape in shapes)
    op.results.extend(tiles)
    return tiles


def softmax_parts(state: Any) -> tuple[Tile, ...]:
    """(maximum [R], sum [R], weighted values [R, C]) with the exact maximum."""
    _want_state(state, "softmax_parts")
    rows, cols = state.rows, state.cols
    return _parts("tegula.softmax_parts", state, [(rows,), (rows,), (rows, cols)])


def softmax_finish(state: Any) -> tuple[Tile, ...]:
    """(weighted mean [R, C], log of the sum of weights [R]); 0 and -inf where no weight came in."""
    _want_state(state, "softmax_finish")
    return _parts("tegula.softmax_finish", state, [(state.rows, state.cols), (state.rows,)])
