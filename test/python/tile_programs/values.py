# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Steps that make values element by element, or give them another shape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tile_programs.form import FLOATS, Sort
from tile_programs.memory import INTEGERS, LARGEST, span

if TYPE_CHECKING:
    from tile_programs.draw import Drawer


# ---- pairs of values that fit each other


def fit(d: Drawer, shapes: list[tuple[int, ...]]) -> tuple[list[str], tuple[int, ...]] | None:
    """How to write values so that their ranks agree and their axes stretch, and the shape they stretch to."""
    rank = max(len(s) for s in shapes)
    ways: list[list[tuple[str, tuple[int, ...]]]] = []
    for s in shapes:
        if len(s) in (0, rank):
            ways.append([("", s)])
            continue
        options: list[tuple[str, tuple[int, ...]]] = []
        for places in itertools.combinations(range(rank), len(s)):
            sizes = iter(s)
            full = tuple(next(sizes) if i in places else 1 for i in range(rank))
            key = ", ".join(":" if i in places else "None" for i in range(rank))
            options.append((f"[{key}]", full))
        d.rng.shuffle(options)  # type: ignore[arg-type]
        ways.append(options)
    for choice in itertools.product(*ways):
        full = [s for _, s in choice if s]
        out: list[int] = []
        for sizes in zip(*full, strict=True):
            n = max(sizes)
            if any(k not in (1, n) for k in sizes):
                break
            out.append(n)
        if len(out) == rank and math.prod(out) <= LARGEST:
            return [f"{{{i}}}{suffix}" for i, (suffix, _) in enumerate(choice)], tuple(out)
    return None


Pair = tuple[list[str], tuple[str, ...], tuple[Sort, ...], tuple[int, ...]]


def pair(d: Drawer, fits: Callable[[Sort], bool]) -> Pair | None:
    """Two values of one kind, one of them a tile."""
    first = d.find(lambda s: s.tile and fits(s))
    if first is None:
        return None
    kind = first[1].kind
    for _ in range(8):
        second = d.find(lambda s: s.kind == kind and s.kind not in ("span", "state") and fits(s))
        if second is None:
            return None
        two = [first, second] if d.chance(0.5) else [second, first]
        fitted = fit(d, [s.shape for _, s in two])
        if fitted is not None:
            return fitted[0], tuple(n for n, _ in two), tuple(s for _, s in two), fitted[1]
    return None


# ---- elementwise

# text, bound of the result from the operand's, whether exact operands give exact results
UNARY: list[tuple[str, Callable[[float], float], bool]] = [
    ("tg.tanh({0})", lambda b: 1.0, False),
    ("tg.sin({0})", lambda b: 1.0, False),
    ("tg.cos({0})", lambda b: 1.0, False),
    ("tg.sigmoid({0})", lambda b: 1.0, False),
    ("tg.erf({0})", lambda b: 1.0, False),
    ("tg.exp(tg.minimum({0}, 1.0))", lambda b: 2.75, False),
    ("tg.exp2(tg.minimum({0}, 1.0))", lambda b: 2.0, False),
    ("tg.log1p({0} * {0})", lambda b: b, False),
    ("tg.log2({0} * {0} + 1.0)", lambda b: b, False),
    ("tg.log({0} * {0} + 1.0)", lambda b: b, False),
    ("tg.sqrt({0} * {0} + 1.0)", lambda b: b + 1.0, False),
    ("tg.rsqrt({0} * {0} + 1.0)", lambda b: 1.0, False),
    ("tg.softplus({0})", lambda b: b + 1.0, False),
    ("tg.log_sigmoid({0})", lambda b: b + 1.0, False),
    ("tg.abs({0})", lambda b: b, True),
    ("-{0}", lambda b: b, True),
    ("{0} + 0.5", lambda b: b + 0.5, True),
    ("1.0 - {0}", lambda b: b + 1.0, True),
    ("{0} * 0.75", lambda b: b, False),
]
DISCONTINUOUS: list[tuple[str, Callable[[float], float]]] = [
    ("tg.floor({0})", lambda b: b + 1.0),
    ("tg.sign({0})", lambda b: 1.0),
]
INTEGER_UNARY = [
    "-{0}", "tg.abs({0})", "{0} + 3", "{0} * 5", "{0} // 3", "{0} % 7", "{0} >> 2", "{0} << 1", "{0} & 12", "{0} ^ 5",
    "{0} | 8", "~{0}",
]  # fmt: skip
INTEGER_BINARY = [
    "{0} + {1}", "{0} - {1}", "{0} * {1}", "tg.maximum({0}, {1})", "tg.minimum({0}, {1})", "{0} & {1}", "{0} | {1}",
    "{0} ^ {1}", "{0} // (abs({1}) + 1)", "{0} % (abs({1}) + 2)", "{0} << ({1} & 7)", "{0} >> ({1} & 7)",
]  # fmt: skip


def unary(d: Drawer) -> bool:
    """A function of one float tile."""
    found = d.find(lambda s: s.tile and s.floating)
    if found is None:
        return False
    name, sort = found
    if sort.exact and d.chance(0.2):
        text, bound = d.one(DISCONTINUOUS)
        d.let(text, (name,), replace(sort, bound=bound(sort.bound)))
        return True
    text, bound, exact = d.one(UNARY)
    d.let(text, (name,), replace(sort, bound=bound(sort.bound), exact=exact and sort.exact))
    return True


def binary(d: Drawer) -> bool:
    """Two floats."""
    found = pair(d, lambda s: s.floating)
    if found is None:
        return False
    (x, y), uses, (a, b), shape = found
    kind, exact = a.kind, a.exact and b.exact
    how = d.integer(0, 5)
    if how == 0:
        text, sort = f"{x} + {y}", Sort(kind, shape, exact, a.bound + b.bound)
    elif how == 1:
        text, sort = f"{x} - {y}", Sort(kind, shape, exact, a.bound + b.bound)
    elif how == 2:
        factor = min(1.0, 2.0 ** math.floor(math.log2(4.0 / (a.bound * b.bound))))
        text = f"{x} * {y}" + (f" * {factor}" if factor < 1 else "")
        sort = Sort(kind, shape, False, a.bound * b.bound * factor)
    elif how == 3:
        text, sort = f"{x} / (tg.abs({y}) + 1.0)", Sort(kind, shape, False, a.bound)
    else:
        text = f"tg.{d.one(['maximum', 'minimum'])}({x}, {y})"
        sort = Sort(kind, shape, exact, max(a.bound, b.bound))
    d.bounded(d.let(text, uses, sort), sort, 8.0)
    return True


def integer(d: Drawer) -> bool:
    """One or two integers."""
    found = pair(d, lambda s: s.kind in INTEGERS)
    if found is None:
        return False
    (x, y), uses, (a, _), shape = found
    if d.chance(0.4):
        one = next((n, s) for n, s in zip(uses, found[2], strict=True) if s.tile)
        d.let(d.one(INTEGER_UNARY), (one[0],), Sort(a.kind, one[1].shape))
    else:
        d.let(d.one(INTEGER_BINARY).format(x, y), uses, Sort(a.kind, shape))
    return True


def compare(d: Drawer) -> bool:
    """A mask from exact values."""
    found = pair(d, lambda s: s.kind in INTEGERS or (s.floating and s.exact))
    if found is None:
        return False
    (x, y), uses, _, shape = found
    d.let(f"{x} {d.one(['<', '<=', '>', '>=', '==', '!='])} {y}", uses, Sort("i1", shape))
    return True


def logic(d: Drawer) -> bool:
    """Masks combined."""
    found = pair(d, lambda s: s.kind == "i1" and s.tile)
    if found is None:
        return False
    (x, y), uses, _, shape = found
    if d.chance(0.3):
        d.let("~{0}", uses[:1], found[2][0])
    else:
        d.let(f"{x} {d.one(['&', '|', '^'])} {y}", uses, Sort("i1", shape))
    return True


def affine(d: Drawer) -> bool:
    """A mask that hangs on positions: what streams are split by."""
    rows, m = span(d)
    cols, n = span(d)
    if m * n > LARGEST:
        return False
    k = d.integer(-2, 4)
    text = d.one([f"{{1}}.ids[None, :] <= {{0}}.ids[:, None] + {k}", f"{{1}}.ids[None, :] - {{0}}.ids[:, None] >= {k}",
                  "{1}.valid[None, :] & {0}.valid[:, None]"])  # fmt: skip
    d.let(text, (rows, cols), Sort("i1", (m, n)))
    return True


def where(d: Drawer) -> bool:
    """One of two values by a mask."""
    mask = d.find(lambda s: s.kind == "i1" and s.tile)
    found = pair(d, lambda s: s.kind != "i1")
    if mask is None or found is None:
        return False
    _, uses, (a, b), _ = found
    fitted = fit(d, [mask[1].shape, a.shape, b.shape])
    if fitted is None:
        return False
    c, x, y = fitted[0]
    sort = Sort(a.kind, fitted[1], a.exact and b.exact, max(a.bound, b.bound))
    if sort.floating and d.chance(0.3):
        uses, y = uses[:1], "0.25"
        full = fit(d, [mask[1].shape, a.shape])
        if full is None:
            return False
        (c, x), sort = full[0], replace(sort, shape=full[1], exact=a.exact, bound=max(a.bound, 0.25))
    d.let(f"tg.where({c}, {x}, {y})", (mask[0], *uses), sort)
    return True


CASTS: dict[str, list[tuple[str, str, float]]] = {
    "T": [("{0}.to(A)", "A", 0.0), ("({0} * 4.0).to(i32)", "i32", 0.0)],
    "A": [("{0}.to(T)", "T", 0.0), ("({0} * 4.0).to(i64)", "i64", 0.0)],
    "i32": [("({0} % 16).to(T)", "T", 16.0), ("({0} % 16).to(A)", "A", 16.0), ("{0}.to(i64)", "i64", 0.0),
            ("{0} % 3 == 0", "i1", 0.0), ("({0} % 9).to(i8).to(i32)", "i32", 0.0)],
    "i64": [("{0}.to(i32)", "i32", 0.0), ("({0} % 8).to(A)", "A", 8.0), ("({0} & 1023).to(u64).to(i64)", "i64", 0.0)],
    "i1": [("{0}.to(T)", "T", 1.0), ("{0}.to(i32)", "i32", 0.0), ("{0}.to(A)", "A", 1.0)],
}  # fmt: skip


def cast(d: Drawer) -> bool:
    """Another element type. Only exact floats become integers."""
    found = d.find(lambda s: s.tile)
    if found is None:
        return False
    name, sort = found
    text, kind, bound = d.one(CASTS[sort.kind])
    if sort.floating and kind not in FLOATS and (d.special or not sort.exact):
        return False
    d.let(text, (name,), Sort(kind, sort.shape, sort.exact or not sort.floating, bound or sort.bound))
    return True


def make(d: Drawer) -> bool:
    """A tile from nothing: positions, one value, a constant."""
    n = d.size()
    how = d.integer(0, 3)
    if how == 0:
        d.let(f"tg.iota({n})", (), Sort("i32", (n,)))
    elif how == 1:
        name, size = span(d)
        d.let("{0}.ids", (name,), Sort("i32", (size,)))
    elif how == 2:
        kind = d.one(["T", "A", "i32"])
        value = d.integer(-3, 3)
        text = f"tg.full(({n}, {d.sizes[0]}), {value if kind == 'i32' else value / 2}, {kind})"
        if n * d.sizes[0] > LARGEST:
            return False
        d.let(text, (), Sort(kind, (n, d.sizes[0]), bound=2.0))
    else:
        kind = d.one(["T", "A"])
        values = [d.integer(-8, 8) / 4 for _ in range(n)]
        d.let(f"tg.constant({values}, {kind})", (), Sort(kind, (n,), bound=2.0))
    return True


# ---- shapes


def turn(d: Drawer) -> bool:
    """Axes exchanged."""
    found = d.find(lambda s: s.tile and len(s.shape) > 1)
    if found is None:
        return False
    name, sort = found
    axes = [int(i) for i in d.rng.permutation(len(sort.shape))]
    if d.chance(0.5):
        axes = [*range(len(axes) - 2), len(axes) - 1, len(axes) - 2]
        text = "{0}.T"
    else:
        text = f"{{0}}.permute({', '.join(map(str, axes))})"
    d.let(text, (name,), replace(sort, shape=tuple(sort.shape[i] for i in axes)))
    return True


def reshape(d: Drawer) -> bool:
    """The same elements under another shape."""
    found = d.find(lambda s: s.tile)
    if found is None:
        return False
    name, sort = found
    total = math.prod(sort.shape)
    divisors = [k for k in range(1, total + 1) if total % k == 0 and (k in d.sizes or k < 5)]
    a = d.one(divisors)
    shape = d.one([(total,), (a, total // a), (total // a, a), (a, 1, total // a), (1, *sort.shape)])
    if len(shape) > 3:
        return False
    d.let(f"{{0}}.reshape{shape}", (name,), replace(sort, shape=shape))
    return True


def cut(d: Drawer) -> bool:
    """A static slice."""
    found = d.find(lambda s: s.tile and max(s.shape) > 1)
    if found is None:
        return False
    name, sort = found
    axis = d.one([i for i, n in enumerate(sort.shape) if n > 1])
    n = sort.shape[axis]
    low = d.integer(0, n - 1)
    high = d.integer(low + 1, n)
    key = ", ".join(f"{low}:{high}" if i == axis else ":" for i in range(axis + 1))
    shape = tuple(high - low if i == axis else k for i, k in enumerate(sort.shape))
    d.let(f"{{0}}[{key}]", (name,), replace(sort, shape=shape))
    return True


def concat(d: Drawer) -> bool:
    """Two tiles, or a tile and itself, one after the other."""
    first = d.find(lambda s: s.tile)
    if first is None:
        return False
    name, sort = first
    axis = d.integer(0, len(sort.shape) - 1)

    def fits(s: Sort) -> bool:
        same = len(s.shape) == len(sort.shape) and all(
            p == q for i, (p, q) in enumerate(zip(s.shape, sort.shape, strict=True)) if i != axis
        )
        return s.kind == sort.kind and s.tile and same

    other, other_sort = d.find(fits) or first
    n = sort.shape[axis] + other_sort.shape[axis]
    shape = tuple(n if i == axis else k for i, k in enumerate(sort.shape))
    if math.prod(shape) > LARGEST:
        return False
    exact, bound = sort.exact and other_sort.exact, max(sort.bound, other_sort.bound)
    d.let(f"tg.concat([{{0}}, {{1}}], axis={axis})", (name, other), Sort(sort.kind, shape, exact, bound))
    return True
