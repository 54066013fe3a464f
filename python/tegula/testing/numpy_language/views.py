# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Views of arrays, spans of index spaces, and what moves between them and tiles.

A coordinate is in bounds iff 0 <= i < min(size of the axis, limit of the span); loads give a pad value
elsewhere, stores drop. Who wrote an element of an output is remembered, so that two instances which
write the same one are found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import cast as typed

import numpy as np

from tegula.errors import AccessError, DTypeError, ShapeError, StaticError
from tegula.language.annotations import Access
from tegula.language.dtypes import DType, i1, i32
from tegula.testing.numpy_language.numerics import Array, Numerics
from tegula.testing.numpy_language.values import Index, Tile, Value, as_scalar, fail, literal, static_size


class Span:
    """Where a tile sits in an index space: a start, a static size, and a limit (None: the axis's end)."""

    __slots__ = ("_limit", "numerics", "size", "start")

    def __init__(self, start: int, size: int, limit: int | None, numerics: Numerics) -> None:
        self.start = start
        self.size = size
        self._limit = limit
        self.numerics = numerics

    def __repr__(self) -> str:
        end = "" if self._limit is None else f" below {self._limit}"
        return f"span[{self.start} : +{self.size}{end}]"

    @property
    def limit(self) -> int:
        """First position that does not count."""
        return Index(2**62) if self._limit is None else self._limit

    @property
    def ids(self) -> Tile:
        """Positions, as an i32 tile."""
        if self.start + self.size >= 2**31:
            fail(AccessError, f"positions of {self!r} reach 2**31: .ids are i32")
        return Tile(np.arange(self.start, self.start + self.size), i32, self.numerics)

    @property
    def valid(self) -> Tile:
        """Which positions lie in [0, limit), as an i1 tile."""
        at = np.arange(self.start, self.start + self.size)
        return Tile((at >= 0) & (at < self.limit), i1, self.numerics)

    def shift(self, k: int) -> Span:
        """Start and limit moved by k."""
        return Span(self.start + k, self.size, None if self._limit is None else self._limit + k, self.numerics)

    def clip(self, hi: int) -> Span:
        """The limit lowered to hi."""
        return Span(self.start, self.size, hi if self._limit is None else min(self._limit, hi), self.numerics)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Device memory: a NumPy array that shares the caller's memory, or a part of it."""

    name: str
    data: Array
    dtype: DType
    access: Access
    shape: tuple[int, ...]
    numerics: Numerics
    writers: Array | None = None  # of an Out view: the instance that wrote each element, -1 for none

    def __repr__(self) -> str:
        return f"{self.access.name} view '{self.name}' {list(self.data.shape)} of {self.dtype}\n{self.data}"

    def __getitem__(self, key: Any) -> View:
        keys = typed("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
        if len(keys) > self.data.ndim:
            fail(ShapeError, f"{len(keys)} coordinates for '{self.name}' of rank {self.data.ndim}")
        picked: list[Any] = []
        shape: list[int] = []
        for axis, size in enumerate(self.data.shape):
            k = keys[axis] if axis < len(keys) else slice(None)
            if isinstance(k, slice):
                cut = typed("slice[Any, Any, Any]", k)
                if cut.step is not None:
                    fail(StaticError, "a view's slice has no step")
                low = 0 if cut.start is None else int(cut.start)
                high = size if cut.stop is None else int(cut.stop)
                if not 0 <= low <= high <= size:
                    fail(AccessError, f"slice {low}:{high} outside axis {axis} of '{self.name}' of size {size}")
                picked.append(slice(low, high))
                shape.append(self.shape[axis] if high - low == size else high - low)
            else:
                picked.append(_position(k, size, axis, self.name))
        at = (*picked, ...)  # the ellipsis keeps a view where no axis is left
        writers = None if self.writers is None else self.writers[at]
        return View(self.name, self.data[at], self.dtype, self.access, tuple(shape), self.numerics, writers)


def _position(k: Any, size: int, axis: int, name: str) -> int:
    """A scalar coordinate, checked."""
    if isinstance(k, Span) or (isinstance(k, Tile) and k.shape):
        fail(StaticError, f"'{name}' is narrowed by numbers and slices; spans and tiles are coordinates of tg.load")
    if isinstance(k, bool) or not isinstance(k, int | np.integer | Tile):
        fail(DTypeError, f"a coordinate of '{name}' is {type(k).__name__}: expected an index, a span or an i32 tile")
    at = int(k.__index__())
    if not 0 <= at < size:
        fail(AccessError, f"coordinate {at} outside axis {axis} of '{name}' of size {size}")
    return at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile meets a view: in the tile, in the view (after its scalar axes), and the tile's shape."""

    part: View
    tile: tuple[Any, ...]
    memory: tuple[Any, ...]
    shape: tuple[int, ...]


def locate(view: Any, at: Any, what: str) -> Place:
    """Resolves one coordinate per axis: a span or i32 tile keeps the axis, an index drops it."""
    if not isinstance(view, View):
        absent = "an absent optional argument" if view is None else type(view).__name__
        fail(AccessError, f"{what} of {absent}: expected a view")
    if not isinstance(at, tuple):
        fail(ShapeError, f"the coordinates of a {what} are a tuple, one per axis of '{view.name}'")
    coordinates = typed("tuple[Any, ...]", at)
    if len(coordinates) != view.data.ndim:
        fail(ShapeError, f"{len(coordinates)} coordinates for '{view.name}' of rank {view.data.ndim}")
    kept = [isinstance(c, Span) or (isinstance(c, Tile) and len(c.shape) > 0) for c in coordinates]
    part = view[tuple(slice(None) if k else c for k, c in zip(kept, coordinates, strict=True))] if kept else view
    tile: list[Any] = []
    memory: list[Any] = []
    shape: list[int] = []
    gathers = 0
    for c, size in zip((c for k, c in zip(kept, coordinates, strict=True) if k), part.data.shape, strict=True):
        if isinstance(c, Span):
            low, high = max(c.start, 0), min(c.start + c.size, size, c.limit)
            high = max(high, low)
            tile.append(slice(low - c.start, high - c.start) if high > low else slice(0, 0))
            memory.append(slice(low, high) if high > low else slice(0, 0))
            shape.append(int(c.size))
        else:
            gathers += 1
            if c.dtype is not i32 or len(c.shape) != 1:
                fail(DTypeError, f"an index tile is i32 of rank 1, got {c.dtype} of rank {len(c.shape)}")
            good = np.flatnonzero((c.data >= 0) & (c.data < size))
            tile.append(good)
            memory.append(c.data[good].astype(np.int64))
            shape.append(int(c.shape[0]))
    if gathers > 1:
        fail(AccessError, f"two index tiles in one {what} of '{view.name}': one is allowed")
    return Place(part, tuple(tile), tuple(memory), tuple(shape))


def load(view: Any, at: Any, pad: Any, numerics: Numerics) -> Any:
    """A tile from a view (`pad` where out of bounds), or a scalar where all coordinates are scalars."""
    place = locate(view, at, "load")
    part = place.part
    if part.access is Access.OUT:
        fail(AccessError, f"load from '{part.name}', which is Out: annotate it InOut to read it")
    if not place.shape:
        return as_scalar(part.data[()], part.dtype, numerics)
    tile = np.full(place.shape, literal(_plain(pad, part.dtype), part.dtype), numerics.storage(part.dtype))
    tile[place.tile] = part.data[place.memory]
    return Tile(tile, part.dtype, numerics)


def _plain(x: Any, dtype: DType) -> Any:
    """A pad value as a Python number: a scalar of the view's dtype, or a literal."""
    if isinstance(x, Tile):
        if x.shape or x.dtype is not dtype:
            fail(DTypeError, f"pad is {x.dtype} of rank {len(x.shape)}: expected a scalar of {dtype}")
        return x.data.item()
    if dtype is i1 and x in (0, 1):  # the default of 0 is false
        return bool(x)
    return int(x) if isinstance(x, Index) else x


def stored_value(place: Place, value: Any) -> Array:
    """The array that a store of `value` brings, checked against the place."""
    part = place.part
    if isinstance(value, Tile):
        if value.dtype is not part.dtype:
            hint = f": write .to({part.dtype})"
            fail(DTypeError, f"store of {value.dtype} to '{part.name}' of {part.dtype}{hint}")
        if value.shape and value.shape != place.shape:
            fail(ShapeError, f"store of {list(value.shape)} to coordinates of {list(place.shape)} of '{part.name}'")
        return np.broadcast_to(value.data, place.shape)
    if isinstance(value, Value):
        fail(DTypeError, "a store inside tg.grad")
    number = int(value) if isinstance(value, Index) and not part.dtype.is_float else value
    return np.broadcast_to(np.asarray(literal(number, part.dtype)), place.shape)


def store(view: Any, at: Any, value: Any, instance: int) -> None:
    """A tile into a view; what is out of bounds is dropped."""
    place = locate(view, at, "store")
    part = place.part
    if part.access is Access.IN:
        fail(AccessError, f"store to '{part.name}', which is In")
    data = stored_value(place, value)[place.tile]
    for index in place.memory:
        if not isinstance(index, slice) and len(np.unique(index)) != len(index):
            fail(AccessError, f"the index tile of a store to '{part.name}' names an element twice")
    if part.writers is not None:
        before = np.unique(part.writers[place.memory])
        others = [int(w) for w in before if w not in (-1, instance)]
        if others:
            fail(AccessError, f"two instances of the grid store the same element of '{part.name}'")
        part.writers[place.memory] = instance
    with np.errstate(all="ignore"):  # rounding to the array's dtype may overflow to inf
        part.data[place.memory] = data


def span_of(start: Any, size: Any, limit: Any, numerics: Numerics) -> Span:
    """`tg.span(n)` or `tg.span(start, n, limit=None)`."""
    if size is None:
        start, size = 0, start
    end = None if limit is None else Index(limit)
    return Span(Index(start), static_size(size, "the size of a span"), end, numerics)
