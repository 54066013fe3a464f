#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What stands in the innermost loops of the shipped operators: scalar arithmetic, spills, calls.

Fast code has none of the three there: floating point is on vectors, accumulators stay in
registers, and elementary functions are vector arithmetic. For each operator, in each element
type, the assembly is cut into blocks, its natural loops are found, and in loops that hold no
other loop these are counted:

* *scalar*: floating-point arithmetic on one element (moves and broadcasts are none);
* *spills*: vector registers stored to or read from the stack, by %rsp, or by %rbp in a function
  that makes it its frame pointer;
* *calls*, but for those of a function that stands in the same assembly: its loops are looked at
  where they are.

Exceptions stand in `EXCEPTIONS` and `NARROW_EXCEPTIONS`, each with its reason. The exit status is 1 if a count is not 0
and not excepted, or if an exception is not needed any more.

usage: utils/asm_stats.py [--target x86-64-v3|x86-64-v4|native] [--match RE] [--file ASM] [--verbose]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

LIBM = "the C library computes functions of f64"
EXCEPTIONS: dict[tuple[str, str], str] = {
    (f"{name} f64{form}", kind): reason
    for name, form in (("attention", ""), ("matmul", " gelu"), ("matmul", " silu"))
    for kind, reason in (("calls", LIBM), ("spills", f"{LIBM}; vectors that live across a call go to the stack"))
}
"""(start of the operator's name, kind) to the reason why it may stand there."""

FEW = "AVX2 has 16 registers and masks are vectors: LLVM keeps a few invariant ones on the stack"
NARROW_EXCEPTIONS: dict[tuple[str, str], str] = {
    (name, "spills"): FEW
    for name in ("attention f32", "attention bf16", "attention f16", "matmul f32 gelu", "matmul bf16 gelu")
}
"""Further ones for x86-64-v3."""


@dataclass
class Block:
    """Instructions that run one after another, and where control goes then."""

    label: str
    code: list[str] = field(default_factory=list[str])
    next: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its header's label, and its instructions."""

    function: str
    header: str
    code: tuple[str, ...]
    framed: bool = False  # %rbp points to the function's frame

    def without_calls_of(self, known: Container[str]) -> Loop:
        """The loop without calls of functions whose code is known."""

        def inner(line: str) -> bool:
            return line.startswith("call") and line.split()[-1].strip('"').removesuffix("@PLT") in known

        return replace(self, code=tuple(line for line in self.code if not inner(line)))

    def matching(self, what: re.Pattern[str]) -> list[str]:
        """Instructions that match; without a frame pointer %rbp is a register like any other."""
        text = self.code if self.framed else (line.replace("(%rbp", "(%r*") for line in self.code)
        return [line for line, seen in zip(self.code, text, strict=True) if what.search(seen)]


# Arithmetic ends in ss or sd; integer vectors start with p, moves and broadcasts compute nothing.
SCALAR = re.compile(r"^(?!v?(?:p|mov|broadcast))\w*s[sd]\b")
SPILL = re.compile(r"\(%r[sb]p[,)].*%[xyz]mm|%[xyz]mm.*\(%r[sb]p[,)]")
CALL = re.compile(r"^call")
KINDS = {"scalar": SCALAR, "spills": SPILL, "calls": CALL}


def functions(assembly: str) -> Iterator[tuple[str, list[Block]]]:
    """Functions of AT&T assembly, cut into blocks."""
    name, blocks = "", list[Block]()
    for raw in assembly.splitlines():
        line = raw.split("#", 1)[0].strip()
        if match := re.match(r"^([\w.$\"]+):$", line):
            label = match[1]
            if label.startswith(".L"):
                if blocks and label.startswith((".LBB", ".L_", ".LJ")):
                    fall_through(blocks, label)
                    blocks.append(Block(label))
            else:
                if blocks:
                    yield name, blocks
                name, blocks = label, [Block(label)]
        elif line and not line.startswith(".") and blocks:
            words = line.split(None, 1)
            blocks[-1].code.append(" ".join(words))
            if words[0].startswith("j") and len(words) > 1:
                blocks[-1].next.append(words[1].strip())
                after = f"{blocks[-1].label}+{len(blocks)}"
                if words[0] != "jmp":
                    blocks[-1].next.append(after)
                blocks.append(Block(after))
            elif words[0].startswith("ret") or words[0] == "ud2":
                blocks.append(Block(f"{blocks[-1].label}+{len(blocks)}"))
    if blocks:
        yield name, blocks


def fall_through(blocks: list[Block], label: str) -> None:
    """The last block runs on into `label`, unless it ended with a jump or return."""
    last = blocks[-1]
    ended = last.code and (last.code[-1].split()[0] in ("jmp", "ud2") or last.code[-1].startswith("ret"))
    if not ended:
        last.next.append(label)


def innermost(name: str, blocks: list[Block]) -> Iterator[Loop]:
    """The natural loops that hold no other."""
    by_label = {block.label: block for block in blocks}
    before: dict[str, set[str]] = {label: set() for label in by_label}
    for block in blocks:
        for label in block.next:
            if label in before:
                before[label].add(block.label)
    dominators = dominance(blocks, before)
    framed = "movq %rsp, %rbp" in blocks[0].code
    loops: dict[str, set[str]] = {}
    for block in blocks:
        for header in block.next:
            if header in dominators.get(block.label, set()):
                loops.setdefault(header, {header}).update(body(header, block.label, before))
    for header, labels in loops.items():
        if not any(other != header and other in labels for other in loops):
            code = (line for block in blocks if block.label in labels for line in block.code)
            yield Loop(name, header, tuple(code), framed)


def dominance(blocks: list[Block], before: dict[str, set[str]]) -> dict[str, set[str]]:
    """For each block that is reached, the blocks that every way to it passes."""
    entry = blocks[0].label
    found: dict[str, set[str]] = {entry: {entry}}
    changed = True
    while changed:
        changed = False
        for block in blocks[1:]:
            ways = [found[p] for p in before[block.label] if p in found]
            if ways:
                new = ways[0].intersection(*ways[1:]) | {block.label}
                if new != found.get(block.label):
                    found[block.label], changed = new, True
    return found


def body(header: str, tail: str, before: dict[str, set[str]]) -> set[str]:
    """The blocks from which `tail` is reached without passing `header`."""
    found, work = {header}, [tail]
    while work:
        label = work.pop()
        if label not in found:
            found.add(label)
            work.extend(before[label])
    return found


def operators() -> Iterator[tuple[str, str]]:
    """(name, assembly) of the shipped operators, in the sizes that their functions choose."""
    import ml_dtypes
    import numpy as np
    from tegula.ops.attention import attention_fwd
    from tegula.ops.attention import tiles as attention_tiles
    from tegula.ops.matmul import ACTIVATIONS, matmul_tiles
    from tegula.ops.matmul import tiles as product_tiles
    from tegula.ops.norm import layer_norm_rows, rms_norm_rows, rows_of

    types: dict[str, Any] = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16, "f64": np.float64}
    for short, dtype in types.items():

        def zeros(*shape: int, dtype: Any = dtype) -> Any:
            return np.zeros(shape, dtype)

        for dim in (64, 128):
            q, lse = zeros(1, 2, 512, dim), np.zeros((1, 2, 512), np.float64 if short == "f64" else np.float32)
            for causal in (False, True):
                bm, bn = attention_tiles(512, 512, dim, causal)
                named: dict[str, Any] = {"right": 0} if causal else {}
                text = attention_fwd.ir("asm", q, q, q, q, 0.125, lse, BM=bm, BN=bn, **named)
                yield f"attention {short} d{dim}{' causal' if causal else ''}", text
        bm, bn, bk = product_tiles(1, 768, 768, 768)
        a, bias = zeros(1, 1, 768, 768), zeros(768)
        for activation, epilogue in ACTIVATIONS.items():
            text = matmul_tiles.ir("asm", a, a, a, bias, epilogue=epilogue, BM=bm, BN=bn, BK=bk)
            yield f"matmul {short} {activation or 'plain'}", text
        x, w = zeros(64, 384), zeros(384)
        yield f"layer_norm {short}", layer_norm_rows.ir("asm", x, x, 1e-5, w, w, BR=rows_of(384))
        yield f"rms_norm {short}", rms_norm_rows.ir("asm", x, x, 1e-6, w, BR=rows_of(384))


def excepted(exceptions: dict[tuple[str, str], str], name: str, kind: str) -> tuple[str, str] | None:
    return next((key for key in exceptions if name.startswith(key[0]) and kind == key[1]), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="native")
    parser.add_argument("--file", type=Path, help="look at this assembly instead of the shipped operators")
    parser.add_argument("--match", default="", help="only operators whose name matches this expression")
    parser.add_argument("--verbose", action="store_true", help="show the instructions")
    options = parser.parse_args()
    os.environ["TEGULA_TARGET"] = options.target
    sys.path.insert(0, str(ROOT / "python"))
    sources = [(options.file.name, options.file.read_text())] if options.file else operators()
    print(f"{options.target + ', innermost loops':36} {'loops':>6} " + " ".join(f"{kind:>7}" for kind in KINDS))
    exceptions = EXCEPTIONS | (NARROW_EXCEPTIONS if options.target == "x86-64-v3" else {})
    bad, total, used = 0, 0, set[tuple[str, str]]()
    for name, assembly in sources:
        if not re.search(options.match, name):
            continue
        found = dict(functions(assembly))
        loops = [loop for function, blocks in found.items() for loop in innermost(function, blocks)]
        loops = [loop.without_calls_of(found) for loop in loops]
        total += len(loops)
        counts: list[str] = []
        for kind, what in KINDS.items():
            lines = [(loop, line) for loop in loops for line in loop.matching(what)]
            key = excepted(exceptions, name, kind) if lines else None
            if key is not None:
                used.add(key)
            bad += 0 if key is not None else len(lines)
            counts.append(f"{len(lines)}{'*' if key else ''}")
            if options.verbose:
                for loop, line in lines:
                    print(f"    {loop.function} {loop.header}: {line}")
        print(f"{name:36} {len(loops):6} " + " ".join(f"{count:>7}" for count in counts), flush=True)
    for key in used:
        print(f"* {key[0]}, {key[1]}: {exceptions[key]}")
    stale = [] if options.file or options.match else [key for key in exceptions if key not in used]
    for key in stale:
        print(f"exception {key} is not needed any more")
    print(f"{total} innermost loops, {bad} instructions that should not be there")
    return 1 if bad or stale or not total else 0


if __name__ == "__main__":
    sys.exit(main())
