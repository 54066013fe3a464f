#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Breaks IR in many small ways and checks that a tool answers each with diagnostics, never a crash.

The inputs are printed in generic form, where nothing is hidden, and one to three edits are made to
it: an operand, type, number, attribute, block argument, line or whole region is dropped, doubled or
exchanged. All mutants of an input run in one process; after a crash each runs by itself, and those
that crash are printed.

usage: utils/mutate_ir.py [--count N] [--seed S] INPUT.mlir ... -- tegula-opt [flags]
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

TYPES = (
    "index", "i1", "i32", "i64", "i128", "f32", "f64", "bf16", "none", "tensor<0xf32>", "tensor<4xf32>",
    "tensor<?xf32>", "tensor<*xf32>", "tensor<f32>", "tensor<64xi32>", "tensor<128x64xf32>", "tensor<4x4x4xi8>",
    "memref<?xf32>", "memref<*xf32>", "memref<f32>", "memref<?x64xbf16, strided<[?, 1], offset: ?>>", "vector<4xf32>",
    "!tegula.softmax<4x4xf32>", "!tegula.softmax<128x64xf32>", "tuple<>",
)  # fmt: skip
NUMBERS = ("-1", "0", "1", "2", "7", "64", "2147483648", "9223372036854775807", "-9223372036854775808")
ATTRIBUTES = ("unit", '"text"', "[]", "0 : i64", "-1 : i32", "array<i64>", "array<i64: 9, -9>", "array<i32: 1>", "f32")
# Not the element of `array<i64: 1>`: upstream's parser crashes on `array<index: 1>`.
TYPE = re.compile(
    r"(?<![\w%#.])(?<!array<)(?:index|[if]\d+|bf16|(?:tensor|memref|!tegula\.softmax)<[^<>]*(?:<[^<>]*>[^<>]*)?>)(?!\w)"
)

Edit = Callable[[list[str], random.Random], None]


def replace_match(lines: list[str], rng: random.Random, pattern: re.Pattern[str], choices: Sequence[str]) -> None:
    """Exchanges one match of a pattern, in a line that has one."""
    candidates = [i for i, line in enumerate(lines) if pattern.search(line)]
    if candidates:
        i = rng.choice(candidates)
        match = rng.choice(list(pattern.finditer(lines[i])))
        lines[i] = lines[i][: match.start()] + rng.choice(choices) + lines[i][match.end() :]


def change_type(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, TYPE, TYPES)


def change_number(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, re.compile(r"(?<![\w%#.])-?\d+(?![\w.])"), NUMBERS)


def change_value(lines: list[str], rng: random.Random) -> None:
    values = [v for line in lines for v in re.findall(r"%[\w#]+", line)]
    replace_match(lines, rng, re.compile(r"%[\w#]+"), values)


def change_op(lines: list[str], rng: random.Random) -> None:
    names = [n for line in lines for n in re.findall(r'"[a-z]+\.[\w.]+"\(', line)]
    replace_match(lines, rng, re.compile(r'"[a-z]+\.[\w.]+"\('), names)


def change_attribute(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, re.compile(r"(?<= = )(?:#[^,}]*|array<[^>]*>|\"[^\"]*\"|-?\d+ : \w+)"), ATTRIBUTES)


def drop_attributes(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, re.compile(r" <\{.*?\}>"), ("",))


def drop_attribute(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, re.compile(r"\w+ = (?:#[^,}]*|array<[^>]*>|\"[^\"]*\"|-?\d+ : \w+)(?:, )?"), ("",))


def drop_operand(lines: list[str], rng: random.Random) -> None:
    """Drops the first operand of an op and its type."""
    pattern = re.compile(r"\"\((%[\w#]+)(?:, )?(.*?)\) ?(.*: \()(.*)\) -> ")
    candidates = [i for i, line in enumerate(lines) if pattern.search(line)]
    if candidates:
        i = rng.choice(candidates)
        lines[i] = re.sub(r"\"\(%[\w#]+(?:, )?", '"(', lines[i], count=1)
        head, _, tail = lines[i].rpartition(" : (")
        lines[i] = head + " : (" + re.sub(TYPE, "", tail, count=1).removeprefix(", ")


def drop_line(lines: list[str], rng: random.Random) -> None:
    del lines[rng.randrange(len(lines))]


def double_line(lines: list[str], rng: random.Random) -> None:
    i = rng.randrange(len(lines))
    lines.insert(rng.randrange(len(lines)), lines[i])


def drop_block_argument(lines: list[str], rng: random.Random) -> None:
    replace_match(lines, rng, re.compile(r"(?<=\^bb\d\()%\w+: [^,)]*(?:, )?"), ("",))


def empty_region(lines: list[str], rng: random.Random) -> None:
    """Drops everything inside one region."""
    starts = [i for i, line in enumerate(lines) if line.endswith("({")]
    if starts:
        start = rng.choice(starts)
        indent = len(lines[start]) - len(lines[start].lstrip())
        ends = (i for i in range(start, len(lines)) if lines[i].startswith(" " * indent + "})"))
        end = next(ends, start)
        del lines[start + 1 : end]


EDITS: tuple[Edit, ...] = (
    change_type, change_type, change_number, change_value, change_op, change_attribute, drop_attributes,
    drop_attribute, drop_operand, drop_line, double_line, drop_block_argument, empty_region,
)  # fmt: skip


def mutants(text: str, count: int, rng: random.Random) -> list[str]:
    found: list[str] = []
    for _ in range(count):
        lines = text.splitlines()
        for _ in range(rng.randint(1, 3)):
            rng.choice(EDITS)(lines, rng)
        found.append("\n".join(lines) + "\n")
    return found


def crashes(command: list[str], text: str) -> bool:
    run = subprocess.run([*command, "-split-input-file", "-"], input=text, capture_output=True, text=True)
    return run.returncode not in (0, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("inputs", nargs="+")
    split = sys.argv.index("--")
    options = parser.parse_args(sys.argv[1:split])
    command = sys.argv[split + 1 :]
    failed = 0
    for path in options.inputs:
        generic = [command[0], "-mlir-print-op-generic", "-mlir-print-local-scope", path]
        text = subprocess.run(generic, capture_output=True, text=True, check=True).stdout
        parts = mutants(text, options.count, random.Random(f"{options.seed} {path.rpartition('/')[2]}"))
        if not crashes(command, "\n// -----\n".join(parts)):
            continue
        for part in parts:
            if crashes(command, part):
                failed += 1
                print(f"// crash, from {path}\n{part}\n// -----")
    print(f"{options.count} mutants of each of {len(options.inputs)} inputs, {failed} crashes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
