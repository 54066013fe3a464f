# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Steps that read and write memory, and where: spans, indices, numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tile_programs.form import FLOATS, Do, Let, Sort

if TYPE_CHECKING:
    from tile_programs.draw import Drawer

INTEGERS = ("i32", "i64")
LARGEST = 4096  # elements of a tile

# ---- spans, indices, numbers


def span(d: Drawer) -> tuple[str, int]:
    """A span in scope, moved or clipped, or a new one."""
    found = d.find(lambda s: s.kind == "span") if d.chance(0.6) else None
    if found is None:
        size = d.size()
        text = d.one(
            [f"tg.span({size})", f"tg.span({d.integer(0, 3)}, {size})", f"tg.span(0, {size}, {d.integer(0, size)})"]
        )
        return d.let(text, (), Sort("span", (size,)), "s"), size
    name, sort = found
    if d.chance(0.3):
        move = d.one([f"{{0}}.shift({d.integer(-3, 3)})", f"{{0}}.clip({d.integer(0, 12)})"])
        name = d.let(move, (name,), sort, "s")
    return name, sort.shape[0]


def number(d: Drawer) -> tuple[str, int, int]:
    """A bound of a stream, and what it lies between: a number, the size of an axis, or data."""
    how = d.integer(0, 3)
    if how == 0 and d.arguments:
        a = d.one(d.arguments)
        axis = d.integer(0, len(a.sizes) - 1)
        n = a.sizes[axis]
        return d.let(f"{a.name}.shape[{axis}]", (), Sort("index", ()), "k"), n, n
    if how == 1:
        name = d.argument("In", "i32", (d.integer(1, 4),), "small")
        return d.let(f"tg.load({name}, ({{0}} % {name}.shape[0],))", (index(d),), Sort("i32", ()), "k"), 0, 9
    n = d.integer(0, 12)
    return d.let(str(n), (), Sort("index", ()), "k"), n, n


def index(d: Drawer) -> str:
    """An index that is not negative."""
    found = d.find(lambda s: s.kind in ("index", "span"))
    if found is None:
        return d.let(str(d.integer(0, 3)), (), Sort("index", ()), "k")
    name, sort = found
    return name if sort.kind == "index" else d.let("max({0}.start, 0)", (name,), Sort("index", ()), "k")


# ---- memory


def load(d: Drawer, by: str | None = None, length: int = 0) -> bool:
    """A tile from a new argument, or from one that is there; `by` names an index tile of `length` for one axis."""
    kind = d.one(["T", "T", "T", "A", "i32", "i32", "i64", "i1"])
    rank = d.one([1, 2, 2, 2, 3])
    spans: list[tuple[str, int]] = []
    while len(spans) < rank:
        spans.append(span(d))
    shape = [n for _, n in spans]
    at = d.integer(0, rank - 1) if by is not None else -1
    if by is not None:
        shape[at] = length
    if math.prod(shape) > LARGEST:
        return False
    coordinates = [f"{{{i}}}" for i in range(rank)]
    uses = [by if i == at and by is not None else name for i, (name, _) in enumerate(spans)]
    sizes = [max(1, n + d.integer(-2, 2)) if d.chance(0.98) else 0 for n in shape]
    if d.chance(0.25):  # an axis of an index
        place = d.integer(0, rank)
        size = d.integer(1, 4)
        sizes.insert(place, size)
        coordinates.insert(place, f"{{{rank}}} % {size}")
        uses.append(index(d))
    name = d.argument("In", kind, tuple(sizes))
    view = name
    if min(sizes) > 1 and len(sizes) == rank and d.chance(0.2):  # a part of the view, whose bounds count
        axis = d.integer(0, rank - 1)
        n = sizes[axis]
        low = d.integer(0, n - 1)
        part = d.one([f"{low}:", f":{low + 1}", f"{low}:{d.integer(low + 1, n)}", f"{{{rank}}} % {n}:"])
        if "%" in part:
            uses.append(index(d))
        view = f"{name}[{':, ' * axis}{part}]"
    pad = d.one([0, 1, -2]) if d.chance(0.3) and kind != "i1" else 0
    padding = f", pad={pad if kind not in FLOATS else float(pad)}" if pad else ""
    text = f"tg.load({view}, ({', '.join(coordinates)},){padding})"
    d.let(text, tuple(uses), Sort(kind, tuple(shape), bound=4.0))
    return True


def gather(d: Drawer) -> bool:
    """A load by an index tile that holds repetitions, −1, and what is out of range."""
    at, n = span(d)
    ids = d.argument("In", "i32", (max(1, n + d.integer(-2, 2)),), "ids")
    by = d.let(f"tg.load({ids}, ({{0}},), pad=-1)", (at,), Sort("i32", (n,)))
    return load(d, by, n)


def scalar(d: Drawer) -> bool:
    """One element."""
    kind = d.one(["T", "A", "i32"])
    size = d.integer(1, 5)
    name = d.argument("In", kind, (size,), "floats" if kind != "i32" else "small")
    d.let(f"tg.load({name}, ({{0}} % {size},))", (index(d),), Sort(kind, (), bound=4.0))
    return True


def store(d: Drawer, name: str, sort: Sort) -> None:
    """A tile to a new output: an axis of the grid's is stored along it, and other grid axes get one of their own."""
    shape = list(sort.shape)
    texts: list[str] = []
    uses: list[str] = [name]
    sizes: list[int] = []
    free = list(range(len(shape)))
    along: dict[int, tuple[str, int]] = {}
    scatter = -1
    leading: list[tuple[str, int]] = []
    for g, g_sort, instances in d.instances:
        able = [i for i in free if g_sort.kind == "span" and shape[i] == g_sort.shape[0]]
        if able and d.chance(0.7):
            axis = d.one(able)
            free.remove(axis)
            along[axis] = (g, instances * g_sort.shape[0] + d.integer(-2, 1))
        else:
            leading.append((g if g_sort.kind == "index" else f"{g}.start // {g_sort.shape[0]}", instances))
    if free and not along and "scatter" not in d.without and d.chance(0.15):
        scatter = d.one(free)
    for g, instances in leading:
        texts.append(f"{{{len(uses)}}}" + g[len(g.split(".")[0]) :])
        uses.append(g.split(".")[0])
        sizes.append(instances)
    for axis, n in enumerate(shape):
        if axis in along:
            g, size = along[axis]
            texts.append(f"{{{len(uses)}}}")
            uses.append(g)
            sizes.append(max(1, size))
        elif axis == scatter:
            ids = d.argument("In", "i32", (n,), "distinct")
            by = d.fresh("j")  # in no scope: nothing else is as distinct
            d.block.append(Let(by, f"tg.load({ids}, (tg.span({n}),))", (), Sort("distinct", (n,))))
            texts.append(f"{{{len(uses)}}}")
            uses.append(by)
            sizes.append(n)
        else:
            texts.append(d.one([f"tg.span({n})", f"tg.span(0, {n}, {max(1, n - 1)})"]))
            sizes.append(max(1, n + d.integer(-1, 1)))
    out = d.argument("Out", sort.kind, tuple(sizes), exact=sort.exact)
    d.block.append(Do(f"tg.store({out}, ({', '.join(texts)},), {{0}})", tuple(uses)))


def reduce_store(d: Drawer) -> bool:
    """A value that all instances combine into one place."""
    found = d.find(lambda s: s.tile and (s.kind in ("i32", "i64", "A")))
    if found is None:
        return False
    name, sort = found
    op = d.one(["add", "max", "min"])
    if sort.kind == "A" and op == "add":
        how, exact = "ordered", False
    else:
        how, exact = d.one(["ordered", "atomic"]), sort.exact or not sort.floating
    spans = ", ".join(f"tg.span({n})" for n in sort.shape)
    sizes = tuple(max(1, n + d.integer(-1, 1)) for n in sort.shape)
    out = d.argument("InOut", sort.kind, sizes, exact=exact)
    d.block.append(Do(f"tg.reduce_store({out}, ({spans},), {{0}}, op='{op}', how='{how}')", (name,)))
    return True
