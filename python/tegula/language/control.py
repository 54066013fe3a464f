# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The grid, streams, and what the host checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tegula._compiler.ops import Attr, Block, Enum, Int, Ints, Op, Str, Unit
from tegula._frontend.trace import current, emit, fail, place_note, places
from tegula.errors import ControlError, KernelError, LaunchError, ShapeError, UnsupportedError
from tegula.language.dtypes import i1, index
from tegula.language.memory import Span, as_index
from tegula.language.values import Scalar, Tile, describe, static_int

ORDERS = ("up", "down", "any")


class Stream:
    """What `tg.stream` returns: only a `for` statement that the front end has rewritten can run it."""

    __slots__ = ("block", "hi", "label", "limit", "lo", "order")

    def __init__(self, lo: Any, hi: Any, block: object, order: str, label: str | None) -> None:
        if order not in ORDERS:
            fail(ControlError, f"order {order!r} of a stream is none of up, down, any")
        self.block = None if block is None else static_int(block, "the block of a stream")
        if self.block is not None and self.block < 1:
            fail(ShapeError, f"the block of a stream is {self.block}: it is at least 1")
        self.lo = as_index(lo)
        self.hi = as_index(hi)
        self.limit = self.hi if isinstance(hi, Scalar) else hi
        self.order = order
        self.label = label

    def element(self, position: Scalar) -> Scalar | Span:
        """What the loop variable is: the index, or the span that begins there."""
        return position if self.block is None else Span(position, self.block, self.limit)

    def __iter__(self) -> Iterator[Any]:
        fail(
            ControlError,
            "tg.stream must stand in a 'for' statement of a function whose source the front end can read (not in a "
            "comprehension, not through a variable, not in exec'ed text)",
        )


def stream(lo: Any, hi: Any, block: object = None, order: str = "up", label: str | None = None) -> Stream:
    """A loop over the spans of `block` elements from lo to hi; without a block, over indices."""
    if not current().in_grid:
        fail(KernelError, "a stream before tg.grid: the launch part holds sizes and requirements only")
    return Stream(lo, hi, block, order, label)


def grid(*axes: Any, order: str | None = None, resident: bool = False) -> Any:
    """The instances of the kernel: an (extent, block) pair gives a span, an extent an index."""
    trace = current()
    if trace.grid_places is not None:
        fail(KernelError, "a second tg.grid", place_note(trace.grid_places, "the first one"))
    if trace.block is not trace.entry:
        fail(KernelError, "tg.grid under a run-time 'if'")
    if not axes:
        fail(KernelError, "tg.grid without an axis")
    extents: list[Scalar] = []
    blocks: list[int | None] = []
    for axis in axes:
        pair = _pair(axis)
        if len(pair) not in (1, 2):
            fail(KernelError, f"an axis of the grid is an extent, or (extent, block), not {describe(axis)}")
        extents.append(as_index(pair[0]))
        blocks.append(static_int(pair[1], "a block size of the grid") if len(pair) == 2 else None)
        block_size = blocks[-1]
        if block_size is not None and block_size < 1:
            fail(ShapeError, f"a block size of the grid is {block_size}: it is at least 1")
    at = places()
    body = Block(trace.entry, "grid", at)
    attrs: list[tuple[str, Attr]] = [("steps", Ints(tuple(1 if b is None else b for b in blocks)))]
    attrs += _grid_order(order)
    if resident:
        attrs.append(("resident", Unit()))
    trace.entry.ops.append(Op("tegula.grid", extents, tuple(attrs), (body,), at))
    trace.block, trace.grid_places = body, at
    out: list[Any] = []
    for block, extent in zip(blocks, extents):
        start = Scalar(index, None, body, nonneg=True)
        body.args.append(start)
        out.append(start if block is None else Span(start, block, extent))
    return out[0] if len(out) == 1 else tuple(out)


def _pair(axis: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", axis) if type(axis) is tuple else (axis,)


def _grid_order(order: str | None) -> list[tuple[str, Attr]]:
    match (order or "linear").split(":"):
        case ["linear"]:
            return []
        case ["heavy_first"]:
            return [("order", Enum("grid_order", "heavy_first"))]
        case ["grouped", size] if size.isdigit() and int(size) > 0:
            return [("group", Int(int(size))), ("order", Enum("grid_order", "grouped"))]
        case _:
            fail(ControlError, f"order {order!r} of a grid is none of linear, grouped:N, heavy_first")


def require(condition: Any, message: str) -> None:
    """A condition that the host checks before the launch; a static one is checked here."""
    if current().in_grid:
        fail(KernelError, "tg.require after tg.grid: the host checks it before the launch")
    if current().block is not current().entry:
        fail(KernelError, "tg.require under a run-time 'if': require 'not condition or requirement' instead")
    if isinstance(condition, Tile) or (isinstance(condition, Scalar) and condition.dtype is not i1):
        fail(KernelError, f"tg.require of a {describe(condition)}: it takes a truth value")
    if isinstance(condition, Scalar):
        emit("tegula.require", [condition], (("message", Str(message)),))
    elif not condition:
        fail(LaunchError, f"require: {message}")


def _later(name: str) -> Any:
    def function(*_: object, **__: object) -> Any:
        fail(UnsupportedError, f"tg.{name} is not in this version yet")

    function.__name__ = function.__qualname__ = name
    return function


barrier = _later("barrier")
expand_bitmap = _later("expand_bitmap")
topk_finish = _later("topk_finish")
topk_init = _later("topk_init")
topk_update = _later("topk_update")
tril_inverse = _later("tril_inverse")
