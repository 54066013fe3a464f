# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Views and spans: narrowing, loads, stores."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from tegula._compiler.ops import Attrs, Enum, Groups, Int, Ints, Segments, Value
from tegula._frontend.trace import current, emit, fail, lookup_known, made_at, no_member
from tegula.errors import (
    AccessError,
    ControlError,
    DTypeError,
    KernelError,
    ShapeError,
    StaticError,
    UnsupportedError,
)
from tegula.language.annotations import Access
from tegula.language.dtypes import DType, i1, i32, index, u64
from tegula.language.elementwise import binary, cast, compare, minimum
from tegula.language.shapes import stretch
from tegula.language.values import (
    OPERAND,
    Scalar,
    Tile,
    View,
    as_number,
    constant_scalar,
    describe,
    scalar_op,
    shape_text,
    splat,
    static_int,
    tile_op,
)

_DYNAMIC = -(1 << 63)  # MLIR's mark for "given by an operand"


def as_index(value: object) -> Scalar:
    """A number or an integer scalar as an `index` scalar."""
    if isinstance(value, Scalar):
        if value.dtype.is_float or value.dtype is i1:
            fail(DTypeError, f"expected an index, got a {describe(value)}")
        return cast(value, index)
    number = as_number(value)
    if number is None or isinstance(number, (bool, float)):
        fail(DTypeError, f"expected an index, got {describe(value)}")
    return constant_scalar(number, index)


# ---- spans


class Span:
    """Where a tile sits in an index space: a run-time start, a static size, a run-time limit."""

    __slots__ = ("limit", "size", "start")

    def __init__(self, start: Any, size: object, limit: Any = None) -> None:
        self.start = start
        self.size = static_int(size, "the size of a span")
        self.limit = limit
        if self.size < 1:
            fail(ShapeError, f"a span of size {self.size}: sizes are at least 1")

    def leaves(self) -> tuple[Any, ...]:
        """What changes when a span is carried."""
        return (self.start, self.size, self.limit)

    @property
    def ids(self) -> Tile:
        """start, start + 1, … as an i32 tile."""
        return tile_op("tegula.iota", [as_index(self.start)], (self.size,), i32)

    @property
    def valid(self) -> Tile:
        """Whether each id is in [0, limit)."""
        start = self.start
        keep: Any = None
        if isinstance(start, Scalar) and not start.nonneg or isinstance(start, int) and start < 0:
            keep = compare(">=", self.ids, 0)
        if self.limit is not None:
            below = compare("<", self.ids, self.limit)
            keep = below if keep is None else binary("&", keep, below)
        return splat((self.size,), True, i1) if keep is None else keep

    def shift(self, by: Any) -> Span:
        """Start and limit moved."""
        return Span(self.start + by, self.size, None if self.limit is None else self.limit + by)

    def clip(self, limit: Any) -> Span:
        """The limit lowered."""
        return Span(self.start, self.size, limit if self.limit is None else minimum(self.limit, limit))

    def __getattr__(self, name: str) -> Any:
        raise no_member("span", name)

    def _no_number(self) -> NoReturn:
        fail(DTypeError, "a span is no number: write .start, .size or .ids")

    def __add__(self, other: object) -> NoReturn:
        self._no_number()

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __mod__ = __add__
    __lt__ = __le__ = __gt__ = __ge__ = __add__

    def __repr__(self) -> str:
        return f"<span of {self.size}>"


def span(start: Any, size: object = None, limit: Any = None) -> Span:
    """`span(n)`: n elements from 0; `span(start, n, limit=None)`."""
    return Span(0, start, limit) if size is None else Span(start, size, limit)


def cdiv(a: Any, b: Any) -> Any:
    """a / b rounded up."""
    if isinstance(a, int) and isinstance(b, int):
        return -(-a // b)
    return (a + (b - 1)) // b


def round_up(a: Any, b: Any) -> Any:
    """The smallest multiple of b that is not below a."""
    return cdiv(a, b) * b


def round_down(a: Any, b: Any) -> Any:
    """The largest multiple of b that is not above a."""
    return a // b * b


# ---- narrowing


def narrow(view: View, key: object) -> View:
    """`x[i, lo:hi, :]`: an index drops its axis, a slice moves the origin and the bounds."""
    keys = typing.cast("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
    rank = len(view.shape)
    if len(keys) > rank:
        fail(ShapeError, f"{len(keys)} indices for '{view.argument}' of rank {rank}")
    offsets: list[Any] = []
    sizes: list[Any] = []
    kept: list[int] = []
    for axis in range(rank):
        k: object = keys[axis] if axis < len(keys) else slice(None)
        if isinstance(k, slice):
            low, length = _slice(view, typing.cast("slice[Any, Any, Any]", k), axis)
            offsets.append(low)
            sizes.append(length)
            kept.append(axis)
        else:
            offsets.append(_position(view, k, axis))
            sizes.append(1)
    same = all(type(o) is int and o == 0 for o in offsets) and len(kept) == rank
    if same and all(a is b for a, b in zip(sizes, view.shape)):
        return view
    # A subview does not say which axes of size 1 it drops: where one stays that stands before one that goes, only
    # the first axes are dropped by it. The others then join the axis before them.
    first = kept[0] if kept else rank
    unclear = any(type(sizes[axis]) is int and sizes[axis] == 1 for axis in kept)
    if not unclear or kept == list(range(first, rank)):
        return _subview(view, offsets, sizes, kept)
    whole = _subview(view, offsets, sizes, list(range(first, rank)))
    cuts = [*kept, rank]
    return _joined(whole, [list(range(low - first, high - first)) for low, high in zip(cuts[:-1], cuts[1:])])


def _position(view: View, k: object, axis: int) -> Any:
    if isinstance(k, Scalar):
        return as_index(k)
    number = as_number(k)
    if number is None or isinstance(number, (bool, float)):
        from_load = isinstance(k, (Span, Tile))
        hint = "; pass a span as a coordinate of tg.load" if from_load else ""
        fail(StaticError, f"a view is narrowed by an index or a slice, not by {describe(k)}{hint}")
    size = view.shape[axis]
    if number < 0 or (isinstance(size, int) and number >= size):
        at = f" of size {size}" if isinstance(size, int) else ""
        fail(ShapeError, f"index {number} is outside axis {axis}{at} of '{view.argument}': nothing wraps around")
    return number


def _slice(view: View, k: slice[Any, Any, Any], axis: int) -> tuple[Any, Any]:
    if k.step is not None:
        fail(StaticError, "a slice of a view has no step")
    size = view.shape[axis]
    for bound in (k.start, k.stop):
        if bound is not None and not isinstance(bound, (Scalar, int)):
            fail(StaticError, f"a view is narrowed by an index or a slice of indices, not by {describe(bound)}")
    low: Any = 0 if k.start is None else as_index(k.start) if isinstance(k.start, Scalar) else k.start
    if k.stop is None and type(low) is int and low == 0:
        return 0, size
    high: Any = size if k.stop is None else as_index(k.stop) if isinstance(k.stop, Scalar) else k.stop
    if isinstance(low, int) and isinstance(high, int):
        if not 0 <= low < high or (isinstance(size, int) and high > size):
            fail(ShapeError, f"slice {low}:{high} of axis {axis} of '{view.argument}' is empty or out of range")
        return low, high - low
    length = binary("-", high, low)
    if isinstance(length, Scalar):
        length.nonneg = True
    return low, length


def _joined(view: View, groups: list[list[int]]) -> View:
    """The view with the axes of each group as one: all but a group's first are of size 1."""
    key = ("memref.collapse_shape", id(view), *[len(g) for g in groups])
    found = lookup_known(key)
    if isinstance(found, View):
        return found
    op = emit("memref.collapse_shape", [view], (("reassociation", Groups(tuple(tuple(g) for g in groups))),))
    block = current().block
    shape, strides = [view.shape[g[0]] for g in groups], tuple(view.strides[g[0]] for g in groups)
    result = View(shape, strides, view.dtype, view.access, view.argument, op, block)
    op.results.append(result)
    block.known[key] = result
    return result


def _subview(view: View, offsets: list[Any], sizes: list[Any], kept: list[int]) -> View:
    operands: list[Any] = [view]
    static: list[tuple[int, ...]] = []
    counts: list[int] = []
    for numbers in (offsets, sizes):
        dynamic = [n for n in numbers if isinstance(n, Scalar)]
        operands += dynamic
        counts.append(len(dynamic))
        static.append(tuple(_DYNAMIC if isinstance(n, Scalar) else int(n) for n in numbers))
    key = ("memref.subview", *[id(v) for v in operands], *static, *kept)
    found = lookup_known(key)
    if isinstance(found, View):
        return found
    attrs: Attrs = (
        ("operandSegmentSizes", Segments((1, *counts, 0))),
        ("static_offsets", Ints(static[0])),
        ("static_sizes", Ints(static[1])),
        ("static_strides", Ints((1,) * len(offsets))),
    )
    op = emit("memref.subview", operands, attrs)
    block = current().block
    shape, strides = [sizes[axis] for axis in kept], tuple(view.strides[axis] for axis in kept)
    result = View(shape, strides, view.dtype, view.access, view.argument, op, block)
    op.results.append(result)
    block.known[key] = result
    return result


# ---- loads and stores


Coordinate = Span | Tile


def _access(view: object, at: Any, what: str) -> tuple[View, tuple[Any, ...]]:
    """Checks view and coordinates: all of them indices, or none, for axes with an index are narrowed away."""
    if not isinstance(view, View):
        absent = ": the optional argument is absent" if view is None else ""
        fail(AccessError, f"{what} of {describe(view)}, which is not a view{absent}")
    if not current().in_grid:
        fail(
            KernelError,
            f"{what} of '{view.argument}' before tg.grid: the launch part may use sizes, strides and scalars only",
        )
    if not isinstance(at, tuple):
        fail(ShapeError, f"coordinates are a tuple, one per axis of '{view.argument}': write (…,)")
    coordinates = typing.cast("tuple[Any, ...]", at)
    if len(coordinates) != len(view.shape):
        fail(ShapeError, f"{len(coordinates)} coordinates for '{view.argument}' of rank {len(view.shape)}")
    tiles: list[Tile] = []
    for c in coordinates:
        if isinstance(c, Tile):
            if c.dtype is not i32 or len(c.shape) != 1:
                fail(DTypeError, f"an index tile is i32 of rank 1, not a {describe(c)}")
            tiles.append(c)
        elif not isinstance(c, Span):
            as_index(c)
    if len(tiles) > 1:
        first, second = (made_at(t, f"the {n} one") for t, n in zip(tiles, ("first", "second")))
        fail(AccessError, f"two index tiles in one {what} of '{view.argument}': one is allowed", first, second)
    kept = [isinstance(c, (Span, Tile)) for c in coordinates]
    if any(kept) and not all(kept):
        view = narrow(view, tuple(slice(None) if k else c for k, c in zip(kept, coordinates)))
        coordinates = tuple(c for k, c in zip(kept, coordinates) if k)
    return view, coordinates


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a tile sits in a view: an offset and, if some axis needs it, a limit per span; perhaps an index tile."""

    offsets: list[Scalar]
    limits: list[Scalar]
    shape: tuple[int, ...]
    by: list[Tile]  # the index tile, if there is one
    axis: int  # the axis that it indexes

    @property
    def operands(self) -> list[Value]:
        """In the order of the ops' operands."""
        return [*self.offsets, *self.by, *self.limits]

    def attrs(self, first: tuple[int, ...], last: tuple[int, ...] = ()) -> Attrs:
        """How many operands each group has, and the axis of the index tile."""
        groups = (*first, len(self.offsets), *[1 for _ in self.by], len(self.limits), *last)
        axis = (("axis", Int(self.axis)),) if self.by else ()
        return (("operandSegmentSizes", Segments(groups)), *axis)


def _box(view: View, coordinates: Sequence[Coordinate]) -> _Box:
    offsets: list[Scalar] = []
    limits: list[Any] = []
    shape: list[int] = []
    by: list[Tile] = []
    axis = 0
    needed = False
    for n, (c, size) in enumerate(zip(coordinates, view.shape)):
        if isinstance(c, Tile):
            by.append(c)
            axis = n
            shape.append(c.shape[0])
            continue
        offsets.append(as_index(c.start))
        shape.append(c.size)
        limit = size if c.limit is None else c.limit
        # A limit that is the size of its axis says nothing.
        needed = needed or not (limit is size or (type(limit) is int and type(size) is int and limit == size))
        limits.append(limit)
    return _Box(offsets, [as_index(n) for n in limits] if needed else [], tuple(shape), by, axis)


def load(view: Any, at: Any, pad: Any = 0, label: str | None = None) -> Any:
    """A tile from a view, `pad` where a coordinate is out of bounds; a scalar if all coordinates are indices.

    A coordinate that is an i32 tile gathers: row e of the result is the row of the view that it names.
    """
    if isinstance(view, View) and view.access is Access.OUT:
        fail(AccessError, f"load from '{view.argument}', which is Out (write only): declare it InOut")
    v, coordinates = _access(view, at, "load")
    if not any(isinstance(c, (Span, Tile)) for c in coordinates):
        return scalar_op("memref.load", [v, *[as_index(c) for c in coordinates]], v.dtype)
    box = _box(v, coordinates)
    pads: list[Scalar] = []
    number = as_number(pad)
    if number is None or number != 0 or str(number).startswith("-"):
        pads = [pad if isinstance(pad, Scalar) else constant_scalar(pad, v.dtype)]
        if pads[0].dtype is not v.dtype:
            fail(DTypeError, f"pad of {pads[0].dtype} for '{v.argument}', which holds {v.dtype}: tg.cast(pad, …)")
    name = "tegula.gather" if box.by else "tegula.load"
    return tile_op(name, [v, *box.operands, *pads], box.shape, v.dtype, box.attrs((1,), (len(pads),)), label)


def store(view: Any, at: Any, value: Any, label: str | None = None) -> None:
    """A tile into a view; what is out of bounds is dropped.

    A coordinate that is an i32 tile scatters; its indices are distinct.
    """
    if isinstance(view, View) and view.access is Access.IN:
        fail(AccessError, f"store to '{view.argument}', which is In (read only)")
    v, coordinates = _access(view, at, "store")
    if not any(isinstance(c, (Span, Tile)) for c in coordinates):
        scalar = _scalar_to_store(v, value)
        emit("memref.store", [scalar, v, *[as_index(c) for c in coordinates]])
        return
    box = _box(v, coordinates)
    tile = _tile_to_store(v, value, box.shape)
    name = "tegula.scatter" if box.by else "tegula.store"
    emit(name, [tile, v, *box.operands], box.attrs((1, 1)), (), label)


def reduce_store(
    view: Any, at: Any, value: Any, op: str = "add", how: str = "ordered", label: str | None = None
) -> None:
    """view ← op(view, value), from several instances of the grid.

    `ordered`: by ascending instance, repeatable; `two_pass`: partial results and a sum in a fixed order;
    `atomic`: in any order, which is repeatable for integers, `max` and `min` only.
    """
    if isinstance(view, View) and view.access is not Access.INOUT:
        fail(AccessError, f"reduce_store to '{view.argument}', which is not InOut")
    v, coordinates = _access(view, at, "reduce_store")
    if op not in ("add", "max", "min"):
        fail(ControlError, f"op {op!r} of reduce_store is none of add, max, min")
    if how not in ("ordered", "two_pass", "atomic"):
        fail(ControlError, f"how {how!r} of reduce_store is none of ordered, two_pass, atomic")
    _check_reduction(v.argument, v.dtype, op, how)
    if any(isinstance(c, Tile) for c in coordinates):
        fail(UnsupportedError, "reduce_store with an index tile is not in this version yet")
    if not any(isinstance(c, Span) for c in coordinates):  # one element: a tile of one, at a checked place
        scalar, last = _scalar_to_store(v, value), coordinates[-1]
        v = narrow(v, (*coordinates[:-1], slice(last, last + 1)))
        coordinates, value = (Span(0, 1),), stretch(scalar, (1,))
    box = _box(v, coordinates)
    tile = _tile_to_store(v, value, box.shape)
    attrs = (("how", Enum("reduce_how", how)), ("kind", Enum("combine", op)), *box.attrs((1, 1)))
    emit("tegula.reduce_store", [tile, v, *box.operands], attrs, (), label)


def _check_reduction(name: str, dtype: DType, op: str, how: str) -> None:
    if dtype is i1 or (dtype is u64 and op != "add"):
        fail(DTypeError, f"reduce_store {op} of {dtype} to '{name}': numbers with a sign have one")
    if how == "atomic" and op == "add" and dtype.is_float and current().repeatable:
        fail(
            DTypeError,
            f"reduce_store add atomic of {dtype} to '{name}' in a repeatable kernel: a sum of floats depends on its "
            "order; how='ordered' or how='two_pass'",
        )


def _scalar_to_store(view: View, value: Any) -> Scalar:
    if isinstance(value, Tile):
        fail(ShapeError, f"store of a {describe(value)} to one element of '{view.argument}'")
    scalar = value if isinstance(value, Scalar) else constant_scalar(value, view.dtype)
    if scalar.dtype is not view.dtype:
        fail(
            DTypeError,
            f"store of {scalar.dtype} to '{view.argument}', which holds {view.dtype}: x.to({view.dtype})",
            made_at(scalar, f"{describe(scalar)} from here"),
        )
    return scalar


def _tile_to_store(view: View, value: Any, shape: tuple[int, ...]) -> Tile:
    if not isinstance(value, OPERAND):
        return splat(shape, value, view.dtype)
    if value.dtype is not view.dtype:
        fail(
            DTypeError,
            f"store of {value.dtype} to '{view.argument}', which holds {view.dtype}: x.to({view.dtype})",
            made_at(value, f"{describe(value)} from here"),
        )
    if isinstance(value, Scalar):
        return stretch(value, shape)
    if value.shape != shape:
        fail(
            ShapeError,
            f"store of {shape_text(value.shape)} where the coordinates span {shape_text(shape)} of '{view.argument}'",
            made_at(value, "the tile comes from here"),
        )
    return value


__all__ = [
    "Span", "as_index", "cdiv", "load", "narrow", "reduce_store", "round_down", "round_up", "span", "store",
]  # fmt: skip
