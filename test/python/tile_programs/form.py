# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""What a program is: a tree of statements over named values, and its text as a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

FLOATS = ("T", "A")


@dataclass(frozen=True)
class Sort:
    """What a name holds: a tile, a scalar (shape ()), a span ("span", its size) or a softmax state ("state").

    `exact` values are equal bit by bit whoever computes them. `bound` is above the magnitude of any element
    of a float: ops scale by it, so that rounding errors neither grow nor drown what is compared.
    """

    kind: str
    shape: tuple[int, ...]
    exact: bool = True
    bound: float = 4.0

    @property
    def tile(self) -> bool:
        """Whether it is a tile."""
        return self.kind not in ("span", "state") and self.shape != ()

    @property
    def floating(self) -> bool:
        """Whether its elements are floats."""
        return self.kind in FLOATS

    def like(self, other: Sort) -> bool:
        """Whether one may stand where the other does, as far as the language is concerned."""
        return self.kind == other.kind and self.shape == other.shape


@dataclass(frozen=True)
class Let:
    """A name for an expression: `text` with `{0}`, `{1}`, … for the names that it uses."""

    name: str
    text: str
    uses: tuple[str, ...]
    sort: Sort


@dataclass(frozen=True)
class Do:
    """A statement with an effect: a store."""

    text: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Carried:
    """A name that goes through a stream or a branch: its value before, and the values that its blocks give it."""

    name: str
    first: str
    next: tuple[str, ...]
    sort: Sort


@dataclass(frozen=True)
class Loop:
    """A stream."""

    name: str
    text: str
    uses: tuple[str, ...]
    sort: Sort
    carried: tuple[Carried, ...]
    body: Block


@dataclass(frozen=True)
class Branch:
    """An `if` on a scalar that is known at run time."""

    condition: str
    carried: tuple[Carried, ...]
    then: Block
    other: Block


Statement = Let | Do | Loop | Branch
Block = tuple[Statement, ...]


@dataclass(frozen=True)
class Argument:
    """A view: access, kind, the sizes and names of its axes, how it lies in memory, and what is in it."""

    name: str
    access: str
    kind: str
    sizes: tuple[int, ...]
    dims: tuple[str, ...]
    layout: str = "dense"
    content: str = "floats"
    exact: bool = True


@dataclass(frozen=True)
class Program:
    """A kernel: arguments, the grid, and statements. `dtype` is what T stands for.

    The float arguments of a `special` one hold NaN, infinities and -0.
    """

    seed: int
    dtype: str
    arguments: tuple[Argument, ...]
    grid: str
    body: Block
    special: bool = False


def names_of(block: Block) -> Iterator[str]:
    """Every name that a block uses, at any depth."""
    for s in block:
        match s:
            case Let() | Do():
                yield from s.uses
            case Loop():
                yield from s.uses
                yield from (n for c in s.carried for n in (c.first, *c.next))
                yield from names_of(s.body)
            case Branch():
                yield s.condition
                yield from (n for c in s.carried for n in (c.first, *c.next))
                yield from names_of(s.then)
                yield from names_of(s.other)


def count(block: Block) -> int:
    """How many statements a block has, at any depth."""
    total = 0
    for s in block:
        match s:
            case Let() | Do():
                total += 1
            case Loop():
                total += 1 + count(s.body)
            case Branch():
                total += 1 + count(s.then) + count(s.other)
    return total


# ---- dead code: what nobody reads is not worth compiling


def trimmed(program: Program) -> Program:
    """The program without dead statements, dead carried names and unused arguments."""
    body = _live(program.body, set())
    text = " ".join((program.grid, *_texts(body)))
    arguments = tuple(
        a for a in program.arguments if f"{a.name}," in text or f"{a.name}[" in text or f"{a.name}." in text
    )
    if not any(a.kind == "T" for a in arguments):  # something must say what T is
        arguments = (*arguments, Argument("t0", "In", "T", (1,), ("_",)))
    return replace(program, body=body, arguments=arguments)


def _texts(block: Block) -> Iterator[str]:
    for s in block:
        match s:
            case Let() | Do():
                yield s.text
            case Loop():
                yield s.text
                yield from _texts(s.body)
            case Branch():
                yield from _texts(s.then)
                yield from _texts(s.other)


def _live(block: Block, used: set[str]) -> Block:
    kept: list[Statement] = []
    for s in reversed(block):
        match s:
            case Do():
                used.update(s.uses)
            case Let():
                if s.name not in used:
                    continue
                used.update(s.uses)
            case Loop():
                live = _live_loop(s, used)
                if live is None:
                    continue
                s = live
            case Branch():
                carried = tuple(c for c in s.carried if c.name in used)
                then, other = ({c.next[i] for c in carried} for i in range(2))
                s = replace(s, carried=carried, then=_live(s.then, then), other=_live(s.other, other))
                if not carried and not s.then and not s.other:
                    continue
                used.update(then | other | {s.condition} | {c.first for c in carried})
        kept.append(s)
    return tuple(reversed(kept))


def _live_loop(s: Loop, used: set[str]) -> Loop | None:
    live = {c.name for c in s.carried if c.name in used}
    while True:
        inside = {n for c in s.carried if c.name in live for n in c.next}
        body = _live(s.body, inside)
        more = {c.name for c in s.carried if c.name in inside} - live
        if not more:
            break
        live |= more
    carried = tuple(c for c in s.carried if c.name in live)
    if not carried and not body:
        return None
    used.update(inside, s.uses, (c.first for c in carried))
    return replace(s, carried=carried, body=body)


# ---- text


def source(program: Program) -> str:
    """The program as a kernel called `kernel`."""
    wanted = ", ".join(f'{a.name}: {a.access}[{a.kind}, "{" ".join(a.dims)}"]' for a in program.arguments)
    head = [
        "import tegula as tg",
        "from tegula import A, In, InOut, Out, T, i1, i8, i32, i64, u64",
        "",
        "",
        "@tg.kernel",
        f"def kernel({wanted}):",
        f"    {program.grid}",
    ]
    return "\n".join([*head, *_lines(program.body, "    ")]) + "\n"


def _lines(block: Block, pad: str) -> Iterator[str]:
    for s in block:
        match s:
            case Let():
                yield f"{pad}{s.name} = {s.text.format(*s.uses)}"
            case Do():
                yield f"{pad}{s.text.format(*s.uses)}"
            case Loop():
                yield from (f"{pad}{c.name} = {c.first}" for c in s.carried)
                yield f"{pad}for {s.name} in {s.text.format(*s.uses)}:"
                yield from _lines(s.body, pad + "    ")
                yield from _ends(s.carried, 0, pad, not s.body)
            case Branch():
                yield from (f"{pad}{c.name} = {c.first}" for c in s.carried)
                yield f"{pad}if {s.condition}:"
                yield from _lines(s.then, pad + "    ")
                yield from _ends(s.carried, 0, pad, not s.then)
                yield f"{pad}else:"
                yield from _lines(s.other, pad + "    ")
                yield from _ends(s.carried, 1, pad, not s.other)


def _ends(carried: tuple[Carried, ...], which: int, pad: str, empty: bool) -> Iterator[str]:
    """The assignments that end a block, all at once: a name may be another's next value."""
    if carried:
        targets, values = ", ".join(c.name for c in carried), ", ".join(c.next[which] for c in carried)
        yield f"{pad}    {targets} = {values}"
    elif empty:
        yield f"{pad}    pass"


def renamed(block: Block, names: dict[str, str]) -> Block:
    """The block with other names in the places where names are used."""

    def new(name: str) -> str:
        return names.get(name, name)

    def through(carried: tuple[Carried, ...]) -> tuple[Carried, ...]:
        return tuple(replace(c, first=new(c.first), next=tuple(new(n) for n in c.next)) for c in carried)

    out: list[Any] = []
    for s in block:
        match s:
            case Let() | Do():
                out.append(replace(s, uses=tuple(new(n) for n in s.uses)))
            case Loop():
                uses = tuple(new(n) for n in s.uses)
                out.append(replace(s, uses=uses, carried=through(s.carried), body=renamed(s.body, names)))
            case Branch():
                then, other = renamed(s.then, names), renamed(s.other, names)
                condition = new(s.condition)
                out.append(Branch(condition, through(s.carried), then, other))
    return tuple(out)
