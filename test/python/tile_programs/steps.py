# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""The steps that a program is drawn from. Each takes the drawer, adds statements, and says whether it could."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
