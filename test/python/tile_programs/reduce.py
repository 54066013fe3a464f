# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Makes a failing program small: statements and values go while it still fails, for the same target.

Each trial makes one change that leaves a program: an effect is dropped, a stream or a branch is replaced by
the values it starts with, a value by another one of its kind and shape or by one that needs no other. What
is dead after a change goes with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tile_programs.form import (
    Block,
    Branch,
    Carried,
    Do,
    Let,
    Loop,
    Program,
    Sort,
    Statement,
    count,
    renamed,
    source,
    trimmed,
)
from tile_programs.run import TARGETS, Target, failure

Fails = Callable[[Program], bool]


def simple(sort: Sort) -> str | None:
    """An expression of that sort that uses nothing."""
    if sort.kind == "state":
        return f"tg.softmax_init({sort.shape[0]}, {sort.shape[1]})"
    if sort.kind == "span":
        return f"tg.span({sort.shape[0]})"
    if sort.kind == "index":
        return "1"
    if sort.kind == "distinct":
        return f"tg.iota({sort.shape[0]})"
    if not sort.tile:
        return None
    value = {"T": "0.5", "A": "0.5", "i1": "True"}.get(sort.kind, "1")
    return f"tg.full({sort.shape}, {value}, {sort.kind})"


def changes(block: Block, known: tuple[tuple[str, Sort], ...] = ()) -> Iterator[Block]:
    """Every block that is this one with one change; the large changes first."""
    scope = known
    later: list[Block] = []
    for i, s in enumerate(block):
        before, after = block[:i], block[i + 1 :]

        def without(names: dict[str, str], before: Block = before, after: Block = after) -> Block:
            return (*before, *renamed(after, names))

        match s:
            case Do():
                yield without({})
            case Loop():
                yield without({c.name: c.first for c in s.carried})
                yield (*before, *_once(s), *renamed(after, _ends(s)))
                inner = (*scope, (s.name, s.sort), *((c.name, c.sort) for c in s.carried))
                for body, ends in _inside(s.body, [c.next[0] for c in s.carried], inner):
                    through = tuple(replace(c, next=(n,)) for c, n in zip(s.carried, ends, strict=True))
                    later.append((*before, replace(s, body=body, carried=through), *after))
                later += [(*before, t, *after) for t in _fewer(s)]
                scope = (*scope, *((c.name, c.sort) for c in s.carried))
            case Branch():
                yield without({c.name: c.first for c in s.carried})
                for i, side in enumerate((s.then, s.other)):
                    yield (*before, *side, *renamed(after, {c.name: c.next[i] for c in s.carried}))
                inner = (*scope, *((c.name, c.sort) for c in s.carried))
                for then, ends in _inside(s.then, [c.next[0] for c in s.carried], inner):
                    through = tuple(replace(c, next=(n, c.next[1])) for c, n in zip(s.carried, ends, strict=True))
                    later.append((*before, replace(s, then=then, carried=through), *after))
                for other, ends in _inside(s.other, [c.next[1] for c in s.carried], inner):
                    through = tuple(replace(c, next=(c.next[0], n)) for c, n in zip(s.carried, ends, strict=True))
                    later.append((*before, replace(s, other=other, carried=through), *after))
                scope = inner
            case Let():
                twins = [n for n, t in scope if t.like(s.sort)]
                if twins:
                    yield without({s.name: twins[0]})
                text = simple(s.sort)
                if text is not None and (s.uses or "tg.load" in s.text) and text != s.text:
                    later.append((*before, Let(s.name, text, (), s.sort), *after))
                scope = (*scope, (s.name, s.sort))
    yield from later


def _once(s: Loop) -> Block:
    """The body of a stream, run for one trip."""
    first = {c.name: c.first for c in s.carried}
    return (Let(s.name, simple(s.sort) or "1", (), s.sort), *renamed(s.body, first))


def _ends(s: Loop) -> dict[str, str]:
    """What stands for the carried names after one trip."""
    first = {c.name: c.first for c in s.carried}
    return {c.name: first.get(c.next[0], c.next[0]) for c in s.carried}


def _inside(
    block: Block, ends: list[str], known: tuple[tuple[str, Sort], ...]
) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """The changes of an inner block, and the names that then leave it."""
    for changed in changes((*block, Do("", tuple(ends))), known):
        last = changed[-1] if changed else None
        if isinstance(last, Do) and not last.text:
            yield changed[:-1], last.uses


def _fewer(s: Loop) -> Iterator[Statement]:
    """A stream with one carried name less: the name keeps what it starts with."""
    for c in s.carried:
        rest: tuple[Carried, ...] = tuple(o for o in s.carried if o is not c)
        yield replace(s, carried=rest, body=(Let(c.name, c.first, (), c.sort), *s.body))


def reduced(program: Program, fails: Fails, seconds: float = 60.0) -> Program:
    """The smallest program found in that time that still fails."""
    end = time.monotonic() + seconds
    tried: set[str] = set()
    while True:
        for body in changes(program.body):
            if time.monotonic() > end:
                return program
            smaller = trimmed(replace(program, body=body))
            text = source(smaller)
            if text in tried:
                continue
            tried.add(text)
            if len(text) < len(source(program)) and fails(smaller):
                program = smaller
                break
        else:
            return program


def report(
    program: Program,
    found: tuple[str, str],
    targets: tuple[Target, ...] = TARGETS,
    seconds: float = 60.0,
    run: Callable[[Program, tuple[Target, ...]], tuple[str, str] | None] = failure,
) -> str:
    """What failed, and the reduced program that still does: on the same target, with the same kind of error."""
    name, text = found
    kind = text.split(":")[0] if re.match(r"\w*(Error|Crash|Hang):", text) else ""
    alone = tuple(t for t in targets if t.name == name) or targets

    def fails(smaller: Program) -> bool:
        now = run(smaller, alone)
        return now is not None and now[0] == name and now[1].startswith(kind)

    small = reduced(program, fails, seconds)
    last = run(small, alone) or found
    return (
        f"seed {program.seed} (T = {program.dtype}) on {name}: {text}\n"
        f"reduced from {count(program.body)} statements to {count(small.body)}: {last[1]}\n\n{source(small)}"
    )
