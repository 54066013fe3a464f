# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Segments of a stream: which one a position belongs to, and sums over them in the order of positions."""

from __future__ import annotations

from typing import Any

from tegula._frontend.trace import fail, made_at
from tegula.errors import DTypeError, ShapeError
from tegula.language.dtypes import i1, i32
from tegula.language.memory import Span, as_index
from tegula.language.values import Tile, describe, shape_text, tile_op


def segment_ids(ends: Any, e: Any) -> Tile:
    """For each position of the span e the segment that holds it: how many of the (ascending) ends are not beyond it."""
    if not isinstance(ends, Tile) or ends.dtype is not i32 or len(ends.shape) != 1:
        fail(DTypeError, f"the ends of segment_ids are an i32 tile of rank 1, not {describe(ends)}")
    if not isinstance(e, Span):
        fail(DTypeError, f"segment_ids takes the span of a stream, not {describe(e)}")
    return tile_op("tegula.segment_ids", [ends, as_index(e.start)], (e.size,), i32)


def segment_sum(acc: Any, x: Any, seg: Any, label: str | None = None) -> Tile:
    """acc[seg[e]] += x[e] for e = 0, 1, …; ids outside the accumulator are ignored."""
    for t in (acc, x, seg):
        if not isinstance(t, Tile):
            fail(ShapeError, f"segment_sum of {describe(t)}, which is not a tile")
    if acc.dtype is not x.dtype:
        fail(
            DTypeError,
            f"segment_sum of {x.dtype} into {acc.dtype}: cast one side explicitly",
            made_at(x, f"{describe(x)} from here"),
            made_at(acc, f"{describe(acc)} from here"),
        )
    if x.dtype is i1:
        fail(DTypeError, f"segment_sum of a {describe(x)}: .to(i32) first")
    if seg.dtype is not i32:
        fail(DTypeError, f"the ids of segment_sum are i32, not {seg.dtype}", made_at(seg, "they come from here"))
    if seg.shape != x.shape[:1] or len(acc.shape) != len(x.shape) or acc.shape[1:] != x.shape[1:]:
        fail(
            ShapeError,
            f"segment_sum of {shape_text(x.shape)} by {shape_text(seg.shape)} into {shape_text(acc.shape)}: it takes "
            "[E, …], [E] and [R, …]",
            made_at(x, "the summands"),
            made_at(seg, "the ids"),
        )
    return tile_op("tegula.segment_sum", [x, seg, acc], acc.shape, acc.dtype, (), label)


__all__ = ["segment_ids", "segment_sum"]
