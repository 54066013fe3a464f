# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""The steps that a program is drawn from, and what goes through a stream. Each step takes the drawer, adds
statements, and says whether it could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tile_programs.form import Sort
from tile_programs.memory import gather, load, scalar
from tile_programs.products import dot, integer_dot, low_rank, reduce, scan, segments, transform
from tile_programs.states import new_state, softmax, updated
from tile_programs.values import (
    affine,
    binary,
    cast,
    compare,
    concat,
    cut,
    integer,
    logic,
    make,
    reshape,
    turn,
    unary,
    where,
)

if TYPE_CHECKING:
    from tile_programs.draw import Drawer


# ---- what goes through a stream


def any_tile(d: Drawer) -> tuple[str, Sort]:
    """Some tile; there is always one after this."""
    found = d.find(lambda s: s.tile)
    if found is None:
        while not load(d):
            pass
        return d.scope[-1]
    return found


def carried(d: Drawer, order: str) -> list[tuple[str, Sort]]:
    """The values that a stream starts with."""
    out: list[tuple[str, Sort]] = []
    for _ in range(d.integer(1, 3)):
        if d.chance(0.25) and "softmax" not in d.without:
            state = d.find(lambda s: s.kind == "state") or new_state(d)
            if state is not None:
                out.append(state)
            continue
        found = d.find(lambda s: s.tile and (s.kind != "i1" or order != "any"))
        if found is None:
            continue
        name, sort = found
        if sort.floating:
            name = d.bounded(name, sort, 4.0)
            sort = replace(sort, exact=False, bound=4.0)
        out.append((name, sort))
    return out


def advance(
    d: Drawer, inner: list[tuple[str, str, Sort]], order: str, trips: int, outside: int
) -> tuple[list[str], list[Sort]]:
    """The next values of the carried ones, and what they are after the stream.

    The first `outside` names of the scope were there before the stream: what it makes itself comes first.
    """
    names: list[str] = []
    sorts: list[Sort] = []
    own = {n for n, _, _ in inner}
    for name, _, sort in inner:
        if sort.kind == "state":
            next_, after = updated(d, name, sort) or name, sort
        else:
            able = [(n, s) for n, s in d.scope[outside:] if s.like(sort) and n not in own and n not in names]
            found = d.one(able[-3:]) if able else None
            if order == "any":
                next_, after = combined(d, name, sort, found, trips)
            elif found is None:
                text = {"i1": "~{0}", "T": "-{0}", "A": "0.5 - {0} * 0.5"}.get(sort.kind, "{0} + 1")
                next_, after = d.let(text, (name,), sort), sort
            else:
                next_, after = d.bounded(found[0], found[1], 4.0), sort
        if order == "any":
            d.hidden.add(next_)  # it hangs on a carried value: only the next trip may read it
        names.append(next_)
        sorts.append(after)
    return names, sorts


def combined(d: Drawer, name: str, sort: Sort, found: tuple[str, Sort] | None, trips: int) -> tuple[str, Sort]:
    """An associative update, as `order="any"` demands."""
    one = "1" if not sort.floating else "0.125"
    value = "{1}" if found else one
    uses = (name,)
    bound = 4.0
    if found:
        uses = (name, d.bounded(found[0], found[1], 1.0))
    if found and d.chance(0.4):
        text = f"tg.maximum({{0}}, {value})"
    else:
        text, bound = f"{{0}} + {value}", 4.0 + trips
    after = replace(sort, bound=bound)
    return d.let(text, uses, after), after


STEPS: list[tuple[Callable[[Any], bool], float]] = [
    (load, 3.0), (gather, 1.5), (scalar, 0.7), (unary, 4.5), (binary, 6.0), (integer, 2.0), (compare, 1.5),
    (logic, 0.8), (affine, 1.0), (where, 2.0), (cast, 2.0), (make, 1.0), (turn, 1.2), (reshape, 1.2), (cut, 1.2),
    (concat, 1.2), (reduce, 3.5), (scan, 1.2), (dot, 3.0), (integer_dot, 0.5), (low_rank, 0.7), (transform, 1.2),
    (segments, 1.5), (softmax, 2.0),
]  # fmt: skip


def step(d: Drawer) -> bool:
    """One of the steps; statements of one that could not be finished stay, and are dead."""
    able = [(f, w) for f, w in STEPS if f.__name__ not in d.without]
    total = sum(w for _, w in able)
    at = d.rng.random() * total
    for f, w in able:
        at -= w
        if at < 0:
            return f(d)
    return False
