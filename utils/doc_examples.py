#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the examples of op and attribute descriptions as one MLIR file.

Every ``def`` of an op (or attribute with a text form) in the .td files given must hold one
```` ```mlir ```` block that uses it. What an example needs is said in its first line:

    // given %x: tensor<4xf32>            operands, as arguments of a function
    // in a grid, given %inside: i1       or of a kernel: in its launch part, its grid, or as its body
    // in a program, given %n: index      or of a program; a kernel @copy exists beside it
    // in an instance                     or of a scheduled kernel: in its grid, or in a role
    // in a role                          with a ring %ch, a buffer %local and a constant %c0

Examples that begin with a kernel, program or entry stand as they are. The parts are separated by
``// -----`` for ``tegula-opt -split-input-file``.

usage: utils/doc_examples.py DIALECT FILE.td ...
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from string import Template

COPY = """tegula.kernel @copy(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %zero = arith.constant 0 : index
  %size = memref.dim %x, %zero : memref<?xf32>
  tegula.grid (%i) to (%size) step (64) {
    tegula.yield
  }
  tegula.return
}
"""
ONE = "%one_instance = arith.constant 1 : index\n"
GRID = "tegula.grid (%instance) to (%one_instance) step (1) {\n$inside  tegula.yield\n}\n"
KERNEL = "tegula.kernel @example($args) {\n"
SCHEDULED = 'sched.kernel @example($args) target "generic" {\n'
CHANNEL = "!ring = !sched.buf<2 x 64x64xf32, shared>\n!chan = !sched.chan<fifo, !ring>\n"
ROLE = """%c0 = arith.constant 0 : index
%ring = sched.alloc : !ring
%local = sched.alloc : !sched.buf<64x64xf32, local>
%ch = sched.channel %ring kind fifo : !ring
sched.role @all warps 4 {
$code}
"""
PLACES = {
    "": "func.func @example($args) {\n$code  return\n}\n",
    "a kernel": KERNEL + "$code  tegula.return\n}\n",
    "a launch part": KERNEL + "$code" + ONE + GRID.replace("$inside", "") + "tegula.return\n}\n",
    "a grid": KERNEL + ONE + GRID.replace("$inside", "$code") + "tegula.return\n}\n",
    "an instance": SCHEDULED + ONE + GRID.replace("$inside", "$code") + "tegula.return\n}\n",
    "a role": CHANNEL + SCHEDULED + ONE + GRID.replace("$inside", ROLE) + "tegula.return\n}\n",
    "a program": COPY + "tegula.program @example($args) {\n$code  tegula.return\n}\n",
}
"""Where an example may stand, as the text around it."""

HEAD = re.compile(r"// (?:in (?P<place>an? [a-z ]+?))?(?:, )?(?:given (?P<args>.*))?\n")
DEFINITION = re.compile(r'^def (\w+) : (?:\w+Op|\w+_Attr)<"(\w+)"(?:, "(\w+)")?', re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One example and the place that it comes from."""

    name: str
    path: Path
    line: int
    code: str

    def wrapped(self) -> str:
        code = textwrap.dedent(self.code)
        if code.startswith("#"):
            return f"func.func private @example() attributes {{example = {code.strip()}}}\n"
        if re.match(r"(tegula|sched)\.(kernel|program|entry|program_entry|device_entry) ", code):
            return (COPY if "@copy" in code else "") + code
        head = HEAD.match(code)
        place, args = (head["place"] or "", head["args"] or "") if head else ("", "")
        if place not in PLACES:
            raise SystemExit(f"{self.path}:{self.line}: nothing is known of '{place}'")
        return Template(PLACES[place]).substitute(args=args, code=code)


def examples(path: Path, dialect: str) -> list[Example]:
    """The examples of one file; an op without one is an error."""
    text = path.read_text(encoding="utf-8")
    found: list[Example] = []
    starts = list(DEFINITION.finditer(text))
    for start, end in zip(starts, [*(m.start() for m in starts[1:]), len(text)], strict=True):
        line = text.count("\n", 0, start.start()) + 1
        body = text[start.start() : end]
        blocks = re.findall(r"```mlir\n(.*?)```", body, re.DOTALL)
        is_op = start[1].endswith("Op")
        name = f"{dialect}.{start[2] if is_op else start[3]}"
        used = re.compile(rf"(?:^|[^\w.]){'#' if not is_op else ''}{re.escape(name)}\b")
        if len(blocks) != 1 or not used.search(blocks[0]):
            raise SystemExit(f"{path}:{line}: {name} needs one example that uses it")
        found.append(Example(name, path, line, blocks[0]))
    return found


def main() -> int:
    dialect, *names = sys.argv[1:]
    parts = [e for name in names for e in examples(Path(name), dialect)]
    print("\n// -----\n\n".join(f"// {e.name}, {e.path.name}\n{e.wrapped()}" for e in parts), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
