# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Shapes of tiles: broadcasting, slices, reshapes, reductions, scans, and making tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from tegula._compiler.ops import Enum, Int, Ints, Segments, Splat, Unit
from tegula._frontend.trace import fail, made_at, resolve
from tegula.errors import DTypeError, ShapeError, StaticError
from tegula.language.dtypes import DType, bf16, f16, f32, f64, i1, i8, i32, i64, index, u64
from tegula.language.values import (
    OPERAND,
    Operand,
    Scalar,
    Tile,
    as_number,
    constant_scalar,
    dense,
    describe,
    scalar_op,
    shape_text,
    splat,
    static_int,
    static_shape,
    tile_op,
)

# ---- stretching


def broadcast(tile: Tile, dims: Sequence[int], shape: tuple[int, ...]) -> Tile:
    """Axis i of the tile becomes axis `dims[i]` of the result; the others, and axes of size 1, are stretched."""
    op = tile.op
    if op is not None and op.name == "tegula.broadcast":  # a broadcast of a broadcast is one op
        inner = op.attr("dims")
        source = op.operands[0]
        if isinstance(inner, Ints) and isinstance(source, Tile) and source.block.open:
            tile, dims = source, [dims[i] for i in inner.values]
    return tile_op("tegula.broadcast", [tile], shape, tile.dtype, (("dims", Ints(tuple(dims))),))


def stretch(value: Operand, shape: tuple[int, ...]) -> Tile:
    """A scalar, or a tile of the same rank with axes of size 1, in a larger shape."""
    if isinstance(value, Scalar):
        return tile_op("tensor.splat", [value], shape, value.dtype)
    if value.shape == shape:
        return value
    number = splat_value(value)
    if number is not None:
        return splat(shape, number, value.dtype)
    return broadcast(value, range(len(shape)), shape)


def splat_value(tile: Tile) -> float | int | bool | None:
    """The number that all elements are, where that is known while tracing."""
    if tile.op is None or tile.op.name != "arith.constant":
        return None
    attr = tile.op.attr("value")
    return attr.value if isinstance(attr, Splat) else None


# ---- subscripts and reshapes


def subscript(tile: Tile, key: object) -> Tile:
    """`x[:, None]` inserts an axis of size 1; a slice with static bounds cuts."""
    keys = cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)
    if sum(k is not None for k in keys) > len(tile.shape):
        fail(ShapeError, f"{sum(k is not None for k in keys)} indices for a {describe(tile)}")
    out: list[int] = []
    dims: list[int] = []
    low: list[int] = []
    sizes: list[int] = []
    axis = 0
    for k in keys:
        if k is None:
            out.append(1)
            continue
        if not isinstance(k, slice):
            write = f": write {k}:{k + 1}" if type(k) is int else ""
            fail(StaticError, f"a tile is indexed by None or a static slice, not by {describe(k)}{write}")
        start, size = _bounds(tile, cast("slice[Any, Any, Any]", k), axis)
        low.append(start)
        sizes.append(size)
        dims.append(len(out))
        out.append(size)
        axis += 1
    for n in tile.shape[axis:]:
        low.append(0)
        sizes.append(n)
        dims.append(len(out))
        out.append(n)
    if tuple(sizes) != tile.shape:
        attrs = (
            ("operandSegmentSizes", Segments((1, 0, 0, 0))),
            ("static_offsets", Ints(tuple(low))),
            ("static_sizes", Ints(tuple(sizes))),
            ("static_strides", Ints((1,) * len(low))),
        )
        tile = tile_op("tensor.extract_slice", [tile], tuple(sizes), tile.dtype, attrs)
    return tile if len(out) == len(tile.shape) else broadcast(tile, dims, tuple(out))


def _bounds(tile: Tile, k: slice[Any, Any, Any], axis: int) -> tuple[int, int]:
    for bound in (k.start, k.stop, k.step):
        if isinstance(bound, Scalar):
            fail(StaticError, "a slice of a tile has static bounds", made_at(bound, "this bound is known at run time"))
    start, stop, step = k.indices(tile.shape[axis])
    if step != 1:
        fail(StaticError, "a slice of a tile has step 1")
    if stop <= start:
        fail(ShapeError, f"empty slice {start}:{stop} of axis {axis} of a {describe(tile)}")
    return start, stop - start


def _spread(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """`f(1, 2)` and `f((1, 2))` alike."""
    first: Any = values[0] if len(values) == 1 else None
    return tuple(first) if type(first) in (tuple, list) else values


def reshape(tile: Tile, shape: tuple[Any, ...]) -> Tile:
    """The same elements in row-major order under another shape."""
    new = static_shape(_spread(shape))
    if math.prod(new) != math.prod(tile.shape):
        fail(ShapeError, f"reshape of {shape_text(tile.shape)} to {shape_text(new)}: the sizes differ")
    return tile if new == tile.shape else tile_op("tegula.reshape", [tile], new, tile.dtype)


def permute(tile: Tile, axes: tuple[Any, ...]) -> Tile:
    """Axis i of the result is axis `axes[i]` of the tile."""
    order = tuple(static_int(a, "an axis") for a in _spread(axes))
    if sorted(order) != list(range(len(tile.shape))):
        fail(ShapeError, f"permute of a {describe(tile)} by {shape_text(order)}: each axis once")
    if order == tuple(range(len(order))):
        return tile
    return tile_op(
        "tegula.transpose", [tile], tuple(tile.shape[i] for i in order), tile.dtype, (("perm", Ints(order)),)
    )


def swap(tile: Tile) -> Tile:
    """The last two axes swapped."""
    n = len(tile.shape)
    if n < 2:
        fail(ShapeError, f".T of a {describe(tile)}: there is no second axis")
    return permute(tile, (*range(n - 2), n - 1, n - 2))


def _axis(tile: Tile, axis: object, what: str) -> int:
    if not isinstance(tile, Tile):  # pyright: ignore[reportUnnecessaryIsInstance]
        fail(ShapeError, f"{what} of {describe(tile)}, which is not a tile")
    n = static_int(axis, "an axis")
    if not -len(tile.shape) <= n < len(tile.shape):
        fail(ShapeError, f"axis {n} of a {describe(tile)}")
    return n % len(tile.shape)


# ---- reductions and scans


def reduce(kind: str, tile: Tile, axis: int, keep: bool = False) -> Tile | Scalar:
    """Combines along one axis; of rank 1 the result is a scalar."""
    n = _axis(tile, axis, f".{'sum' if kind == 'add' else kind}")
    if tile.dtype is i1:
        fail(DTypeError, f"a reduction of a {describe(tile)}: .to(i32) first")
    shape = tile.shape[:n] + tile.shape[n + 1 :]
    attrs = (("axis", Int(n)), ("kind", Enum("combine", kind)))
    result = tile_op("tegula.reduce", [tile], shape, tile.dtype, attrs)
    if keep:
        dims = [i for i in range(len(tile.shape)) if i != n]
        return broadcast(result, dims, (*tile.shape[:n], 1, *tile.shape[n + 1 :]))
    return result if shape else scalar_op("tensor.extract", [result], tile.dtype)


def cumsum(x: Tile, axis: int, reverse: bool = False, exclusive: bool = False) -> Tile:
    """Running sum along an axis; `exclusive` leaves the element itself out, `reverse` starts at the end."""
    n = _axis(x, axis, "cumsum")
    attrs: list[tuple[str, Any]] = [("axis", Int(n)), ("kind", Enum("combine", "add"))]
    if reverse:
        attrs.append(("reverse", Unit()))
    if exclusive:
        attrs.append(("exclusive", Unit()))
    return tile_op("tegula.scan", [x], x.shape, x.dtype, tuple(attrs))


def argmax(x: Tile, axis: int) -> Tile | Scalar:
    """Smallest position of the maximum along an axis, as i32."""
    n = _axis(x, axis, "argmax")
    shape = x.shape[:n] + x.shape[n + 1 :]
    result = tile_op("tegula.argmax", [x], shape, i32, (("axis", Int(n)),))
    return result if shape else scalar_op("tensor.extract", [result], i32)


def concat(tiles: Sequence[Tile], axis: int) -> Tile:
    """Tiles one after the other along an axis."""
    parts = list(tiles)
    if not parts:
        fail(ShapeError, "concat of no tiles")
    for t in parts:
        if not isinstance(t, Tile):  # pyright: ignore[reportUnnecessaryIsInstance]
            fail(ShapeError, f"concat of {describe(t)}, which is not a tile")
    first = parts[0]
    n = _axis(first, axis, "concat")
    size = first.shape[n]
    for t in parts[1:]:
        if t.dtype is not first.dtype:
            fail(DTypeError, f"concat of {first.dtype} and {t.dtype}: cast one side explicitly")
        same = (
            len(t.shape) == len(first.shape)
            and t.shape[:n] + t.shape[n + 1 :] == first.shape[:n] + first.shape[n + 1 :]
        )
        if not same:
            fail(
                ShapeError,
                f"concat of {shape_text(first.shape)} and {shape_text(t.shape)} along axis {n}",
                made_at(first, "first"),
                made_at(t, "second"),
            )
        size += t.shape[n]
    if len(parts) == 1:
        return first
    shape = (*first.shape[:n], size, *first.shape[n + 1 :])
    return tile_op("tegula.concat", parts, shape, first.dtype, (("axis", Int(n)),))


# ---- making tiles


def full(shape: object, value: object, dtype: object) -> Tile:
    """A tile of one value: a number, or a scalar of that dtype."""
    type_, size = resolve(dtype), static_shape(shape)
    if type_ is index:
        fail(DTypeError, "a tile of index: use i32 or i64")
    if isinstance(value, Scalar):
        return stretch(value.to(type_), size)
    if isinstance(value, OPERAND):
        fail(ShapeError, f"full of a {describe(value)}: the value is a number or a scalar")
    number = as_number(value)
    if isinstance(number, float) and not type_.is_float and number.is_integer():
        number = int(number)
    return splat(size, value if number is None else number, type_)


def zeros(shape: object, dtype: object) -> Tile:
    """A tile of zeros."""
    return full(shape, 0, dtype)


def iota(n: object, dtype: object = i32) -> Tile:
    """0, 1, … as an i32 (or i64) tile of rank 1."""
    type_ = resolve(dtype)
    if type_ is not i32 and type_ is not i64:
        fail(DTypeError, f"iota of {type_}: i32 or i64")
    shape = static_shape(n)
    if len(shape) != 1:
        fail(ShapeError, f"iota has one axis, not {shape_text(shape)}")
    return tile_op("tegula.iota", [constant_scalar(0, index)], shape, type_)


_NUMPY = {f64: "<f8", f32: "<f4", f16: "<f2", i1: "?", i8: "i1", i32: "<i4", i64: "<i8", u64: "<u8"}


def constant(array: object, dtype: object) -> Tile:
    """A NumPy array known while tracing, rounded to the dtype."""
    type_ = resolve(dtype)
    values: np.ndarray[Any, Any] = np.asarray(array)
    if values.dtype.kind not in "fiub":
        fail(DTypeError, f"a constant of NumPy dtype {values.dtype}")
    if values.size == 0:
        fail(ShapeError, f"a constant of shape {shape_text(values.shape)}: tile sizes are at least 1")
    if values.dtype.kind == "f" and not type_.is_float:
        fail(DTypeError, f"a constant of NumPy dtype {values.dtype} as {type_}: convert it explicitly")
    if type_ is bf16:
        return dense(values, _bf16(values.astype("<f4")), type_)
    if type_ not in _NUMPY:
        fail(DTypeError, f"a constant of {type_}: not supported")
    data = np.ascontiguousarray(values).astype(_NUMPY[type_])
    if values.size == 1:
        return splat(tuple(int(n) for n in values.shape), data.reshape(-1)[0].item(), type_)
    return dense(values, data.tobytes(), type_)


def _bf16(values: np.ndarray[Any, Any]) -> bytes:
    """Bits of f32 numbers rounded to the nearest bf16, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(values).view("<u4").astype("<u8")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype("<u2").tobytes()


def element_type(value: Operand) -> DType:
    """The dtype of a tile or scalar."""
    return value.dtype
