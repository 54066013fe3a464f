# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722, F821, UP037
# pyright: basic
"""Random tile programs: straight-line steps before, inside and after a stream.

A program is data, a tuple of steps that kernels take as a static parameter and unroll while they are
traced. Every value is a tile of one of four shapes: full [BM, BN], a column [BM, 1], a row [1, BN] or
one element [1, 1]; its kind is "t" (T), "f" (A), "i" (i32) or "b" (i1). What a program draws never
leaves the range in which its ops are well conditioned, so that two correct evaluations agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tegula as tg
from tegula import A, In, Out, T, const, i32, index, tile

Step = tuple[str, tuple[int, ...], tuple[int, ...]]
Shape = tuple[bool, bool]
Sort = tuple[Shape, str]

FULL, COLUMN, ROW = (True, True), (True, False), (False, True)


@dataclass(frozen=True)
class Rule:
    """An op: what it takes, what it gives, and how it is written."""

    takes: tuple[str, ...]
    gives: str
    write: Callable[..., Any]
    shape: Callable[..., Shape | None] = lambda *shapes: joined(*shapes)
    numbers: int = 0


def joined(*shapes: Shape) -> Shape:
    """The shape that elementwise operands stretch to."""
    return any(s[0] for s in shapes), any(s[1] for s in shapes)


def only(wanted: Shape, given: Shape) -> Callable[..., Shape | None]:
    """An op of one shape."""
    return lambda shape, *_: given if shape == wanted else None


def rotate(x: Any, k: int, axis: int) -> Any:
    """Static slices put together again."""
    k = k % x.shape[axis]
    if k == 0:
        return x
    first, second = (x[k:], x[:k]) if axis == 0 else (x[:, k:], x[:, :k])
    return tg.concat([first, second], axis)


def reshuffle(x: Any) -> Any:
    """Through another shape and back, with the axes exchanged on the way."""
    m, n = x.shape
    return x.reshape(m, 1, n).permute(2, 0, 1).reshape(n, m).T


# What is exact in any order: no sums, no functions.
EXACT = {
    "add": Rule(("t", "t"), "t", lambda x, y: x + y),
    "sub": Rule(("t", "t"), "t", lambda x, y: x - y),
    "mul": Rule(("t", "t"), "t", lambda x, y: x * y),
    "scale": Rule(("t",), "t", lambda x, k: x * (0.25 * k - 1), numbers=1),
    "neg": Rule(("t",), "t", lambda x: -x),
    "abs": Rule(("t",), "t", lambda x: tg.abs(x)),
    "maximum": Rule(("t", "t"), "t", lambda x, y: tg.maximum(x, y)),
    "minimum": Rule(("t", "t"), "t", lambda x, y: tg.minimum(x, y)),
    "where": Rule(("b", "t", "t"), "t", lambda c, x, y: tg.where(c, x, y)),
    "where_i": Rule(("b", "i", "i"), "i", lambda c, x, y: tg.where(c, x, y)),
    "less": Rule(("t", "t"), "b", lambda x, y: x < y),
    "at_least": Rule(("i", "i"), "b", lambda x, y: x >= y),
    "and": Rule(("b", "b"), "b", lambda x, y: x & y),
    "or": Rule(("b", "b"), "b", lambda x, y: x | y),
    "not": Rule(("b",), "b", lambda x: ~x),
    "add_i": Rule(("i", "i"), "i", lambda x, y: x + y),
    "mul_i": Rule(("i", "i"), "i", lambda x, y: x * y),
    "div_i": Rule(("i", "i"), "i", lambda x, y: x // tg.maximum(tg.abs(y), 1)),
    "mod_i": Rule(("i",), "i", lambda x, k: x % (k + 2), numbers=1),
    "to_wide": Rule(("t",), "f", lambda x: x.to(A)),
    "to_narrow": Rule(("f",), "t", lambda x: x.to(T)),
    "to_int": Rule(("t",), "i", lambda x: tg.maximum(tg.minimum(x, 100.0), -100.0).to(i32)),
    "from_int": Rule(("i",), "t", lambda x: (x % 16).to(T)),
    "from_bit": Rule(("b",), "t", lambda x: x.to(T)),
    "add_f": Rule(("f", "f"), "f", lambda x, y: x + y),
    "mul_f": Rule(("f", "f"), "f", lambda x, y: x * y),
    "row_max": Rule(("t",), "t", lambda x: x.max(1, keep=True), only(FULL, COLUMN)),
    "column_min": Rule(("t",), "t", lambda x: x.min(0, keep=True), only(FULL, ROW)),
    "count": Rule(("b",), "i", lambda x: x.to(i32).sum(1, keep=True), only(FULL, COLUMN)),
    "argmax": Rule(("t",), "i", lambda x: tg.argmax(x, 1)[:, None], only(FULL, COLUMN)),
    "running": Rule(("i",), "i", lambda x, k: tg.cumsum(x % 8, k % 2, k % 4 > 1, k > 3), only(FULL, FULL), numbers=1),
    "rotate": Rule(("t",), "t", lambda x, k: rotate(x, k, 1), only(FULL, FULL), numbers=1),
    "rotate_bits": Rule(("b",), "b", lambda x, k: rotate(x, k, 0), only(FULL, FULL), numbers=1),
    "reshuffle": Rule(("t",), "t", reshuffle, only(FULL, FULL)),
}
# In float64, where only rounding differs: bounded by tanh, so that errors stay small.
SMOOTH = EXACT | {
    "add": Rule(("t", "t"), "t", lambda x, y: tg.tanh(x + y)),
    "mul": Rule(("t", "t"), "t", lambda x, y: tg.tanh(x * y)),
    "add_f": Rule(("f", "f"), "f", lambda x, y: tg.tanh(x + y)),
    "mul_f": Rule(("f", "f"), "f", lambda x, y: tg.tanh(x * y)),
    "exp": Rule(("f",), "f", lambda x: tg.exp(tg.minimum(x, 1.0))),
    "exp2": Rule(("f",), "f", lambda x: tg.exp2(tg.minimum(x, 1.0))),
    "log1p": Rule(("f",), "f", lambda x: tg.log1p(x * x)),
    "sqrt": Rule(("f",), "f", lambda x: tg.sqrt(x * x + 1.0)),
    "rsqrt": Rule(("f",), "f", lambda x: tg.rsqrt(x * x + 1.0)),
    "sigmoid": Rule(("f",), "f", lambda x: tg.sigmoid(x)),
    "softplus": Rule(("f",), "f", lambda x: tg.softplus(x)),
    "erf": Rule(("f",), "f", lambda x: tg.erf(x)),
    "sin": Rule(("f",), "f", lambda x: tg.sin(x)),
    "cos": Rule(("f",), "f", lambda x: tg.cos(x)),
    "divide": Rule(("f", "f"), "f", lambda x, y: x / (tg.abs(y) + 1.0)),
    "row_sum": Rule(("f",), "f", lambda x: x.sum(1, keep=True) * 0.125, only(FULL, COLUMN)),
    "column_sum": Rule(("f",), "f", lambda x: x.sum(0, keep=True) * 0.125, only(FULL, ROW)),
    "cumsum": Rule(
        ("f",), "f", lambda x, k: tg.tanh(tg.cumsum(x, k % 2, k % 4 > 1, k > 3)), only(FULL, FULL), numbers=1
    ),
    "gram": Rule(
        ("t", "t", "t"),
        "f",
        lambda x, y, z: tg.tanh(tg.dot(tg.dot(x, y.T).to(T), z)),
        lambda *shapes: FULL if all(s == FULL for s in shapes) else None,
    ),
    "outer": Rule(("t", "t"), "f", lambda x, y: tg.dot(x, y), lambda x, y: FULL if x == COLUMN and y == ROW else None),
}
RULES = {"exact": EXACT, "smooth": SMOOTH}
# Plain containers of functions, which the NumPy evaluation sees through.
WRITE = {flavour: {op: rule.write for op, rule in rules.items()} for flavour, rules in RULES.items()}


def perform(flavour: str, steps: tuple[Step, ...], values: list[Any]) -> list[Any]:
    """The values after all steps. Runs while a kernel is traced."""
    values = list(values)
    for op, operands, numbers in steps:
        values.append(WRITE[flavour][op](*(values[i] for i in operands), *numbers))
    return values


def draw(rng: np.random.Generator, flavour: str, sorts: list[Sort], count: int) -> tuple[tuple[Step, ...], list[Sort]]:
    """`count` steps on values of those sorts, and the sorts after them. Late values are used more often."""
    rules, sorts, steps = RULES[flavour], list(sorts), []
    names = sorted(rules)
    while len(steps) < count:
        op = names[rng.integers(len(names))]
        rule = rules[op]
        operands = []
        for kind in rule.takes:
            able = [i for i, (_, k) in enumerate(sorts) if k == kind]
            if able:
                operands.append(able[int(len(able) * np.sqrt(rng.random()))])
        if len(operands) < len(rule.takes):
            continue
        shape = rule.shape(*(sorts[i][0] for i in operands))
        if shape is None:
            continue
        steps.append((op, tuple(operands), tuple(int(n) for n in rng.integers(0, 8, rule.numbers))))
        sorts.append((shape, rule.gives))
    return tuple(steps), sorts


def last(sorts: list[Sort], shape: Shape, kind: str) -> int:
    """The latest value of that sort."""
    return max(i for i, sort in enumerate(sorts) if sort == (shape, kind))


@dataclass(frozen=True)
class Program:
    """Steps before, inside and after the stream, and which values leave each part."""

    flavour: str
    before: tuple[Step, ...]
    inside: tuple[Step, ...]
    carried: tuple[int, int, int]
    weights: int
    after: tuple[Step, ...]
    results: tuple[int, int, int]
    order: str


def program(seed: int, flavour: str) -> Program:
    """The program of a seed."""
    rng = np.random.default_rng(seed)
    outside: list[Sort] = [(FULL, "t"), (FULL, "i"), (COLUMN, "i"), (COLUMN, "t"), (FULL, "b")]
    before, known = draw(rng, flavour, outside, int(rng.integers(3, 12)))
    # Inside: what is known, then the carried (T, A and i32 tiles) and the two tiles of this trip.
    here: list[Sort] = [*known, (FULL, "t"), (FULL, "f"), (FULL, "i"), (FULL, "t"), (ROW, "i")]
    inside, there = draw(rng, flavour, here, int(rng.integers(4, 16)))
    carried = (last(there, FULL, "t"), last(there, FULL, "f"), last(there, FULL, "i"))
    weights = last(there, FULL, "f")
    behind: list[Sort] = [*known, (FULL, "t"), (FULL, "f"), (FULL, "i"), (FULL, "f")]
    after, end = draw(rng, flavour, behind, int(rng.integers(2, 10)))
    results = (last(end, FULL, "t"), last(end, FULL, "f"), last(end, FULL, "i"))
    return Program(flavour, before, inside, carried, weights, after, results, ["up", "down"][rng.integers(2)])


@tg.kernel
def run(
    x: In[T, "M N"],
    y: In[T, "K N"],
    z: In[i32, "M N"],
    p: Out[T, "M N"],
    q: Out[A, "M N"],
    r: Out[i32, "M N"],
    lo: index,
    hi: index,
    *,
    plan: const,
    BM: tile = 4,
    BN: tile = 8,
):
    """Rows of x and z stay, blocks of rows of y pass by."""
    m = tg.grid((x.shape[0], BM))
    n = tg.span(BN)
    xt, zt = tg.load(x, (m, n)), tg.load(z, (m, n), pad=3)
    ids = m.ids[:, None]
    known = perform(plan.flavour, plan.before, [xt, zt, ids, (ids % 8).to(T), zt > ids])
    a, b, c = xt, xt.to(A), zt
    st = tg.softmax_init(BM, BN)
    for k in tg.stream(lo, hi, BM, order=plan.order):
        yt = tg.load(y, (k, n), pad=0.5)
        values = perform(plan.flavour, plan.inside, [*known, a, b, c, yt, n.ids[None, :] + k.start])
        if plan.flavour == "smooth":
            # [BM, BN] weights of BN keys; the values are BN rows, made of what has come by.
            keys = tg.dot(xt.T, yt).to(T)
            st = tg.softmax_update(st, tg.where(n.ids[None, :] < hi, values[plan.weights], -tg.inf), keys, scale=0.5)
        a, b, c = values[plan.carried[0]], values[plan.carried[1]], values[plan.carried[2]]
    mean, lse = tg.softmax_finish(st)
    if plan.flavour == "smooth":
        mean = tg.tanh(mean) + tg.where(lse > -tg.inf, lse, 0.0)[:, None]
    values = perform(plan.flavour, plan.after, [*known, a, b, c, mean])
    tg.store(p, (m, n), values[plan.results[0]])
    tg.store(q, (m, n), values[plan.results[1]])
    tg.store(r, (m, n), values[plan.results[2]])
