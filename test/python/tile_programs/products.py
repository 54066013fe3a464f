# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Steps along axes: reductions, running sums, products, transforms, segments."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from tile_programs.form import FLOATS, Let, Sort
from tile_programs.memory import LARGEST

if TYPE_CHECKING:
    from tile_programs.draw import Drawer


# ---- reductions and products


def reduce(d: Drawer) -> bool:
    """One axis less, or of size 1."""
    found = d.find(lambda s: s.tile and s.kind != "i1")
    if found is None:
        return False
    name, sort = found
    axis = d.integer(0, len(sort.shape) - 1)
    n = sort.shape[axis]
    if (sort.exact or not sort.floating) and d.chance(0.15):
        shape = sort.shape[:axis] + sort.shape[axis + 1 :]
        d.let(f"tg.argmax({{0}}, axis={axis})", (name,), Sort("i32", shape))
        return True
    keep = d.chance(0.5)
    shape = sort.shape[:axis] + ((1,) if keep else ()) + sort.shape[axis + 1 :]
    op = d.one(["sum", "max", "min"])
    text = f"{{0}}.{op}(axis={axis}{', keep=True' if keep else ''})"
    if op == "sum" and sort.floating:
        text += f" * {1 / n}"
        d.let(text, (name,), replace(sort, shape=shape, exact=False))
    else:
        d.let(text, (name,), replace(sort, shape=shape))
    return True


def scan(d: Drawer) -> bool:
    """A running sum."""
    found = d.find(lambda s: s.tile and s.kind != "i1")
    if found is None:
        return False
    name, sort = found
    axis = d.integer(0, len(sort.shape) - 1)
    flags = ", reverse=True" * d.chance(0.4) + ", exclusive=True" * d.chance(0.4)
    text = f"tg.cumsum({{0}}, axis={axis}{flags})"
    if sort.floating:
        d.let(f"{text} * {1 / sort.shape[axis]}", (name,), replace(sort, exact=False))
    else:
        d.let(text, (name,), sort)
    return True


def operands(d: Drawer, kinds: tuple[str, ...]) -> tuple[list[str], tuple[str, ...], tuple[Sort, Sort]] | None:
    """Two tiles of rank 2 or 3 whose product exists, perhaps turned."""
    first = d.find(lambda s: s.tile and s.kind in kinds and len(s.shape) in (2, 3))
    if first is None:
        return None
    kind, rank = first[1].kind, len(first[1].shape)
    for _ in range(10):
        second = d.find(lambda s: s.tile and s.kind == kind and len(s.shape) == rank)
        assert second is not None
        two = [first, second] if d.chance(0.5) else [second, first]
        texts, shapes = [], []
        for i, (_, s) in enumerate(two):
            turned = d.chance(0.5)
            texts.append(f"{{{i}}}.T" if turned else f"{{{i}}}")
            shapes.append((*s.shape[:-2], s.shape[-1], s.shape[-2]) if turned else s.shape)
        if shapes[0][-1] != shapes[1][-2] or any(
            p != q and 1 not in (p, q) for p, q in zip(shapes[0][:-2], shapes[1][:-2], strict=True)
        ):
            continue
        sorts = tuple(replace(s, shape=shape) for (_, s), shape in zip(two, shapes, strict=True))
        return texts, tuple(n for n, _ in two), (sorts[0], sorts[1])
    return None


def dot(d: Drawer) -> bool:
    """A product, perhaps on top of an accumulator."""
    found = operands(d, FLOATS)
    if found is None:
        return False
    (x, y), uses, (a, b) = found
    batch = tuple(max(p, q) for p, q in zip(a.shape[:-2], b.shape[:-2], strict=True))
    shape = (*batch, a.shape[-2], b.shape[-1])
    if math.prod(shape) > LARGEST or math.prod(shape) * a.shape[-1] > 40000:
        return False
    bound = a.bound * b.bound * a.shape[-1]
    acc = d.find(lambda s: s.kind == "A" and s.shape == shape) if d.chance(0.4) else None
    text = f"tg.dot({x}, {y}, {{2}})" if acc else f"tg.dot({x}, {y})"
    if acc:
        uses, bound = (*uses, acc[0]), bound + acc[1].bound
    sort = Sort("A", shape, False, bound)
    d.bounded(d.let(text, uses, sort), sort, 4.0)
    return True


def integer_dot(d: Drawer) -> bool:
    """A product of i8."""
    found = operands(d, ("i32",))
    if found is None:
        return False
    texts, uses, (a, b) = found
    batch = tuple(max(p, q) for p, q in zip(a.shape[:-2], b.shape[:-2], strict=True))
    shape = (*batch, a.shape[-2], b.shape[-1])
    if math.prod(shape) > LARGEST or math.prod(shape) * a.shape[-1] > 40000:
        return False
    x, y = (f"({t[:3]} % 16 - 8).to(i8){t[3:]}" for t in texts)
    d.let(f"tg.dot({x}, {y})", uses, Sort("i32", shape))
    return True


def low_rank(d: Drawer) -> bool:
    """A product of three."""
    found = operands(d, FLOATS)
    if found is None:
        return False
    (x, y), uses, (a, b) = found
    n = b.shape[-1]
    third = d.find(lambda s: s.tile and s.kind == a.kind and len(s.shape) == len(a.shape) and n in s.shape[-2:])
    if third is None:
        return False
    turned = third[1].shape[-2] != n
    shape3 = third[1].shape if not turned else (*third[1].shape[:-2], third[1].shape[-1], third[1].shape[-2])
    batches = [a.shape[:-2], b.shape[:-2], shape3[:-2]]
    if any(len({k for k in sizes if k != 1}) > 1 for sizes in zip(*batches, strict=True)):
        return False
    batch = tuple(max(sizes) for sizes in zip(*batches, strict=True))
    shape = (*batch, a.shape[-2], shape3[-1])
    if math.prod(shape) > LARGEST or math.prod(shape) * max(n, a.shape[-1]) > 40000:
        return False
    # The value in the middle is rounded to the kind of the operands, in either association.
    bound = a.bound * b.bound * a.shape[-1] * n * third[1].bound
    if max(a.bound * b.bound * a.shape[-1], b.bound * third[1].bound * n) > 30000:
        return False  # f16
    sort = Sort("A", shape, False, bound)
    text = f"tg.low_rank_dot({x}, {y}, {{2}}{'.T' if turned else ''})"
    d.bounded(d.let(text, (*uses, third[0]), sort), sort, 4.0)
    return True


def transform(d: Drawer) -> bool:
    """A Fourier transform and its inverse, of real or complex tiles, some of it cut away."""
    found = d.find(lambda s: s.tile and s.floating and len(s.shape) == 2 and s.shape[1] <= 24)
    if found is None:
        return False
    name, sort = found
    rows, n = sort.shape
    rest = d.one([k for k in range(1, n + 1) if n % k == 0])
    first = n // rest  # `rows` of the first factor
    factors = [first + d.integer(0, 2), rest] if rest > 1 else [n]
    keep = [max(1, k - d.integer(0, 1)) for k in factors]
    cut_rows = f", rows={first}" if factors[0] != first else ""
    cut_keep = f", keep={tuple(keep)}" if keep != factors else ""
    partner = d.find(lambda s: s.like(sort)) if d.chance(0.5) else None
    operand = "tg.Cx({0}, {1})" if partner else "tg.Cx({0})"
    uses = (name, partner[0]) if partner else (name,)
    bound = (sort.bound + (partner[1].bound if partner else 0)) * math.sqrt(first * rest)
    z = d.fresh("z")
    complex_sort = Sort("complex", (), False, bound)
    d.block.append(Let(z, f"tg.fft({operand}, {tuple(factors)}{cut_rows}{cut_keep})", uses, complex_sort))
    back = d.chance(0.5)
    if back:
        again = d.fresh("z")
        text = (
            f"tg.ifft(tg.Cx({{0}}.re.to({sort.kind}), {{0}}.im.to({sort.kind})), {tuple(factors)}{cut_rows}{cut_keep})"
        )
        d.block.append(Let(again, text, (z,), complex_sort))
        z, bound = again, bound * math.sqrt(math.prod(keep))
    shape = (rows, n if back else math.prod(keep))
    part = Sort("A", shape, False, bound)
    d.bounded(d.let(f"{{0}}.{d.one(['re', 'im'])}", (z,), part), part, 4.0)
    return True


def segments(d: Drawer) -> bool:
    """Sums of rows by segment: the ids from the ends of segments, or any numbers."""
    found = d.find(lambda s: s.tile and (s.kind in ("A", "i32", "i64")))
    if found is None:
        return False
    name, sort = found
    edges, count = sort.shape[0], d.size()
    if d.chance(0.5):
        at = d.find(lambda s: s.kind == "span" and s.shape == (edges,))
        where_ = at[0] if at else d.let(f"tg.span({d.integer(0, 4)}, {edges})", (), Sort("span", (edges,)), "s")
        ends = d.argument("In", "i32", (max(1, count - d.integer(0, 1)),), "ends")
        tile = d.let(f"tg.load({ends}, (tg.span({count}),), pad=2 ** 31 - 1)", (), Sort("i32", (count,)))
        ids = d.let("tg.segment_ids({0}, {1})", (tile, where_), Sort("i32", (edges,)))
    else:
        given = d.argument("In", "i32", (edges,), "ids")
        ids = d.let(f"tg.load({given}, (tg.span({edges}),))", (), Sort("i32", (edges,)))
    shape = (count, *sort.shape[1:])
    if math.prod(shape) > LARGEST:
        return False
    acc = d.find(lambda s: s.kind == sort.kind and s.shape == shape) if d.chance(0.5) else None
    if acc is None:
        made = d.let(f"tg.zeros({shape}, {sort.kind})", (), Sort(sort.kind, shape, bound=0.5))
        acc = made, Sort(sort.kind, shape, bound=0.5)
    exact = not sort.floating
    out = Sort(sort.kind, shape, exact, acc[1].bound + edges * sort.bound)
    d.bounded(d.let("tg.segment_sum({0}, {1}, {2})", (acc[0], name, ids), out), out, 8.0)
    return True
