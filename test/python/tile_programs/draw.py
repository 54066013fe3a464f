# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Draws a program from a seed: its grid, streams and branches, and what leaves it. The rest is drawn in `steps`.

A value of a float kind has a bound on its magnitude, and ops scale where it would grow: rounding errors
of two correct evaluations then stay near the rounding of one. What is not continuous (comparisons, floor,
argmax, conversion to integers) takes exact values only: those that no rounding has touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tile_programs import memory, states, steps
from tile_programs.form import Argument, Block, Branch, Carried, Let, Loop, Program, Sort, Statement, trimmed

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 33, 40, 64)
DTYPES = ("f64", "f64", "f32", "f32", "bf16", "f16")
LAYOUTS = ("dense", "dense", "transposed", "strided", "rows", "offset", "reversed", "broadcast")


# Steps whose results on NaN and infinities hang on what is skipped, or on an order that is free.
SENSITIVE = frozenset({"softmax", "low_rank", "transform"})


class Drawer:
    """The program being drawn: names in scope, innermost last, and the block that statements go to."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.seed = seed
        self.rng = np.random.default_rng([seed, 7])
        self.dtype = str(self.rng.choice(DTYPES))
        self.special = self.chance(0.12)
        self.without = without | SENSITIVE if self.special else without
        self.sizes = [int(n) for n in self.rng.choice(SIZES, 3, replace=False)]
        self.arguments: list[Argument] = []
        self.scope: list[tuple[str, Sort]] = []
        self.block: list[Statement] = []
        self.hidden: set[str] = set()
        self.instances: list[tuple[str, Sort, int]] = []  # of the grid: name, index or span, how many instances
        self.grid = ""
        self.depth = 0
        self.names = 0

    # -- chance

    def chance(self, p: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < p)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one(self, items: Any) -> Any:
        """One of the items."""
        return items[int(self.rng.integers(len(items)))]

    def size(self) -> int:
        """A size of a tile's axis: few per program, so that tiles fit each other."""
        return self.one(self.sizes)

    # -- names

    def fresh(self, letter: str) -> str:
        """A name that is not used yet."""
        self.names += 1
        return f"{letter}{self.names}"

    def find(self, fits: Callable[[Sort], bool]) -> tuple[str, Sort] | None:
        """A name in scope whose sort fits; late ones are likelier."""
        able = [(n, s) for n, s in self.scope if n not in self.hidden and fits(s)]
        return able[int(len(able) * np.sqrt(self.rng.random()))] if able else None

    def let(self, text: str, uses: tuple[str, ...], sort: Sort, letter: str = "v") -> str:
        """Adds a statement, and what it makes to the scope."""
        name = self.fresh(letter)
        self.block.append(Let(name, text, uses, sort))
        self.scope.append((name, sort))
        return name

    def bounded(self, name: str, sort: Sort, bound: float) -> str:
        """The value itself, or scaled, with a magnitude below the bound."""
        if sort.bound <= bound or not sort.floating:
            return name
        return self.let(f"{{0}} * {scale(sort.bound, bound)}", (name,), replace(sort, exact=False, bound=bound))

    # -- arguments

    def argument(
        self, access: str, kind: str, sizes: tuple[int, ...], content: str = "floats", exact: bool = True
    ) -> str:
        """A new argument; some of its axes have sizes that are known while tracing.

        Not 1: MLIR 22.1 mistakes such an axis for one that an index drops, where strides do not tell them apart.
        """
        name = self.fresh({"In": "x", "Out": "o", "InOut": "q"}[access])
        dims = tuple(f"{'$' if n > 1 and self.chance(0.3) else ''}{name}d{i}" for i, n in enumerate(sizes))
        layouts = [n for n in LAYOUTS if (access == "In" and content == "floats") or n != "broadcast"]
        self.arguments.append(Argument(name, access, kind, sizes, dims, self.one(layouts), content, exact))
        return name

    def extent(self, n: int) -> str:
        """A size as an expression: a number, or the size of an axis that has it."""
        able = [f"{a.name}.shape[{i}]" for a in self.arguments for i, s in enumerate(a.sizes) if s == n]
        return self.one(able) if able and self.chance(0.8) else str(n)

    # -- the parts of a program

    def draw(self) -> Program:
        """The whole program."""
        self.make_grid()
        for _ in range(self.integer(2, 3)):
            memory.load(self)
        for _ in range(self.integer(3, 7)):
            self.statement()
        self.results()
        program = Program(self.seed, self.dtype, tuple(self.arguments), self.grid, tuple(self.block), self.special)
        return trimmed(program)

    def make_grid(self) -> None:
        """One or two axes, of spans or of indices."""
        axes: list[str] = []
        for _ in range(self.integer(1, 2)):
            name = self.fresh("g")
            if self.chance(0.6):
                block = self.size()
                extent = self.integer(1, 2 * block + 1) if self.chance(0.98) else 0
                self.argument("In", "T", (extent, self.size()))
                axes.append(f"({self.extent(extent)}, {block})")
                self.instances.append((name, Sort("span", (block,)), -(-extent // block)))
            else:
                extent = self.integer(1, 3)
                axes.append(self.extent(extent))
                self.instances.append((name, Sort("index", ()), extent))
        self.scope += [(name, sort) for name, sort, _ in self.instances]
        self.grid = f"{', '.join(n for n, _, _ in self.instances)} = tg.grid({', '.join(axes)})"

    def statement(self) -> None:
        """One step, or a stream, or a branch."""
        nested = self.depth < 2 and self.chance((0.35, 0.15)[self.depth])
        if nested and (self.stream() if self.chance(0.8) else self.branch()):
            return
        for _ in range(50):
            if steps.step(self):
                return

    def inside(self, more: list[tuple[str, Sort]], low: int, high: int) -> tuple[Block, list[tuple[str, Sort]]]:
        """A block of statements, and the names that are in scope at its end."""
        outer_block, outer_scope = self.block, self.scope
        self.block, self.scope = [], [*outer_scope, *more]
        self.depth += 1
        for _ in range(self.integer(low, high)):
            self.statement()
        self.depth -= 1
        return self.close(outer_block, outer_scope)

    def close(self, block: list[Statement], scope: list[tuple[str, Sort]]) -> tuple[Block, list[tuple[str, Sort]]]:
        """Ends an inner block."""
        made, inner = tuple(self.block), self.scope
        self.block, self.scope = block, scope
        return made, inner

    def stream(self) -> bool:
        """A stream with carried values; sometimes one that may run in any order."""
        order = self.one(["up", "up", "down", *["any"] * ("any" not in self.without)])
        lo, low, _ = memory.number(self)
        hi, _, high = memory.number(self)
        block = self.size() if self.chance(0.75) else None
        sort = Sort("index", ()) if block is None else Sort("span", (block,))
        if block is None:
            text, trips = f"tg.stream({{0}}, min({{1}}, {{0}} + 5), order='{order}')", 5
        else:
            text, trips = f"tg.stream({{0}}, {{1}}, {block}, order='{order}')", max(0, -(-(high - low) // block))
        name = self.fresh("n")
        starts = steps.carried(self, order)
        if not starts:
            return False
        inner = [(self.fresh("c"), first, sort_) for first, sort_ in starts]
        scope_before = self.scope
        block_before = self.block
        self.block, self.scope = [], [*scope_before, (name, sort)]
        if order == "any":
            self.hidden |= {n for n, _, _ in inner}
        self.scope += [(n, s) for n, _, s in inner]
        self.depth += 1
        for _ in range(self.integer(2, 5)):
            self.statement()
        nexts, sorts = steps.advance(self, inner, order, trips, len(scope_before))
        self.hidden -= {n for n, _, _ in inner}
        self.depth -= 1
        body, _ = self.close(block_before, scope_before)
        through = tuple(
            Carried(n, first, (next_,), s) for (n, first, _), next_, s in zip(inner, nexts, sorts, strict=True)
        )
        self.block.append(Loop(name, text, (lo, hi), sort, through, body))
        self.scope += [(c.name, c.sort) for c in through]
        return True

    def branch(self) -> bool:
        """An `if` that gives one or two names values on both sides."""
        found = self.find(lambda s: s.kind in ("i32", "index") and s.shape == ())
        start = self.find(lambda s: s.tile and s.kind != "i1")
        if found is None or start is None:
            return False
        condition = self.let(f"{{0}} {self.one(['>', '<=', '!='])} {self.integer(0, 2)}", (found[0],), Sort("i1", ()))
        self.scope.pop()  # a truth value of its own is of little use elsewhere
        first, sort = start
        blocks: list[Block] = []
        values: list[str] = []
        worst = sort
        for _ in range(2):
            made, scope = self.inside([], 1, 2)
            able = [(n, s) for n, s in scope if s.like(sort) and n not in self.hidden]
            value, value_sort = able[-1] if able else start
            worst = joined(worst, value_sort)
            blocks.append(made)
            values.append(value)
        name = self.fresh("b")
        self.block.append(Branch(condition, (Carried(name, first, tuple(values), worst),), blocks[0], blocks[1]))
        self.scope.append((name, worst))
        return True

    def results(self) -> None:
        """Stores of the last values, of different sorts."""
        state = self.find(lambda s: s.kind == "state")
        if state is not None:
            states.finish(self, *state)
        tiles = [(n, s) for n, s in self.scope if s.tile]
        chosen: list[tuple[str, Sort]] = []
        for n, s in reversed(tiles or [steps.any_tile(self)]):
            if len(chosen) < 3 and (len(chosen) < 1 or self.chance(0.5)) and all(s != t for _, t in chosen):
                chosen.append((n, s))
        for n, s in chosen:
            memory.store(self, n, s)
        if "reduce_store" not in self.without and self.chance(0.15):
            memory.reduce_store(self)


def scale(bound: float, wanted: float) -> float:
    """The largest power of two that brings a bound down to the wanted one."""
    return float(2.0 ** np.floor(np.log2(wanted / bound)))


def joined(a: Sort, b: Sort) -> Sort:
    """The sort of a value that is either."""
    return replace(a, exact=a.exact and b.exact, bound=max(a.bound, b.bound))


def program(seed: int, without: frozenset[str] = frozenset()) -> Program:
    """The program of a seed, drawn without some of the steps."""
    return Drawer(seed, without).draw()
