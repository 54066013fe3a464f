# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Steps of running softmaxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tile_programs.form import Let, Sort
from tile_programs.memory import LARGEST

if TYPE_CHECKING:
    from tile_programs.draw import Drawer


# ---- softmax


def weights(d: Drawer, rows: int, cols: int) -> tuple[str, str, str] | None:
    """Log-weights [rows, N] of kind A and values [N, cols], as the operands of an update; some weights are −∞."""
    values = d.find(lambda s: s.floating and s.tile and len(s.shape) == 2 and s.shape[1] == cols)
    if values is None:
        return None
    n = values[1].shape[0]
    w = d.find(lambda s: s.kind == "A" and s.shape == (rows, n))
    if w is None:
        part = d.find(lambda s: s.kind == "A" and s.shape in ((n,), (1, n), (rows, 1)))
        if part is not None:
            text = "{0}[None, :]" if len(part[1].shape) == 1 else "{0}"
            sort = Sort("A", (rows, n), part[1].exact, part[1].bound)
            w = d.let(f"tg.zeros(({rows}, {n}), A) + {text}", (part[0],), sort), sort
        else:
            given = d.argument("In", "A", (rows, n))
            sort = Sort("A", (rows, n))
            w = d.let(f"tg.load({given}, (tg.span({rows}), tg.span({n})))", (), sort), sort
    name = w[0]
    mask = d.find(lambda s: s.kind == "i1" and s.shape in ((rows, n), (1, n), (rows, 1)))
    if mask is not None and d.chance(0.7):
        name = d.fresh("w")
        d.block.append(Let(name, "tg.where({0}, {1}, -tg.inf)", (mask[0], w[0]), Sort("A", (rows, n))))
    scale = d.one(["", ", scale=0.5", ", scale=2.0"])
    return name, values[0], scale


def updated(d: Drawer, state: str, sort: Sort) -> str | None:
    """A softmax state after one more tile."""
    rows, cols = sort.shape
    found = weights(d, rows, cols)
    if found is None:
        return None
    w, v, scale = found
    return d.let(f"tg.softmax_update({{0}}, {{1}}, {{2}}{scale})", (state, w, v), sort, "t")


def new_state(d: Drawer) -> tuple[str, Sort] | None:
    """An empty state that fits values in scope."""
    values = d.find(lambda s: s.floating and s.tile and len(s.shape) == 2)
    if values is None:
        return None
    scores = d.find(lambda s: s.kind == "A" and len(s.shape) == 2 and s.shape[1] == values[1].shape[0])
    rows = scores[1].shape[0] if scores else d.size()
    sort = Sort("state", (rows, values[1].shape[1]))
    if rows * values[1].shape[1] > LARGEST:
        return None
    return d.let(f"tg.softmax_init({rows}, {values[1].shape[1]})", (), sort, "t"), sort


def finish(d: Drawer, name: str, sort: Sort) -> None:
    """What a state stands for, or its parts; both are finite where no weight came in."""
    rows, cols = sort.shape
    parts = d.fresh("p")
    if d.chance(0.8):
        d.block.append(Let(parts, "tg.softmax_finish({0})", (name,), Sort("tuple", ())))
        d.let("tg.where({0}[1] > -tg.inf, {0}[1], 0.0)", (parts,), Sort("A", (rows,), False, 32.0))
        d.let("{0}[0]", (parts,), Sort("A", (rows, cols), False, 8.0))
    else:
        d.block.append(Let(parts, "tg.softmax_parts({0})", (name,), Sort("tuple", ())))
        d.let("tg.where({0}[0] > -tg.inf, {0}[0], 0.0)", (parts,), Sort("A", (rows,), False, 32.0))
        d.let("{0}[2] / ({0}[1] + 0.125)[:, None]", (parts,), Sort("A", (rows, cols), False, 8.0))


def softmax(d: Drawer) -> bool:
    """A state: updated, merged, or read."""
    found = d.find(lambda s: s.kind == "state")
    if found is None:
        made = new_state(d)
        if made is None:
            return False
        found = made
    name, sort = found
    how = d.integer(0, 3)
    if how == 0:
        return updated(d, name, sort) is not None
    if how == 1:
        other = d.find(lambda s: s.like(sort))
        if other is None:
            return False
        d.let("tg.softmax_merge({0}, {1})", (name, other[0]), sort, "t")
        return True
    rows, cols = sort.shape
    if how == 2:
        finish(d, name, sort)
        return True
    m = d.find(lambda s: s.kind == "A" and s.shape == (rows,))
    acc = d.find(lambda s: s.kind == "A" and s.shape == (rows, cols))
    if m is None or acc is None:
        return False
    text = "tg.softmax_state({0}, {0} * {0} + 0.5, {1})"
    d.let(text, (m[0], acc[0]), sort, "t")
    return True
