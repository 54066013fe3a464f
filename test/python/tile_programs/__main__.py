# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""By hand: `python -m tile_programs SEED`, or `python -m tile_programs FIRST LAST` for a hunt."""

from __future__ import annotations

import subprocess
import sys

from tile_programs.draw import program
from tile_programs.form import source
from tile_programs.reduce import report
from tile_programs.run import isolated

AT_ONCE = 100


def one(seed: int) -> int:
    """Runs one program, each target in a process of its own, and says what came out."""
    drawn = program(seed)
    print(source(drawn), flush=True)
    found = isolated(drawn)
    print("all agree" if found is None else report(drawn, found, seconds=300, run=isolated))
    return found is not None


def hunt(first: int, last: int) -> int:
    """Runs a range in processes of their own; those that fail or crash, one by one."""
    bad: list[int] = []
    check = "import sys; from tile_programs.draw import program; from tile_programs.run import failure; "
    check += "print(*(s for s in range({}, {}) if print('at', s, file=sys.stderr) or failure(program(s))))"
    at = first
    while at < last:
        end = min(at + AT_ONCE, last)
        command = [sys.executable, "-c", check.format(at, end)]
        done = subprocess.run(command, capture_output=True, text=True)
        bad += [int(s) for s in done.stdout.split()]
        if done.returncode:  # a crash: go on behind it, and look again at what came before
            end = max(int(line[3:]) for line in done.stderr.split("\n") if line.startswith("at ")) + 1
            bad += [s for s in range(at, end) if isolated(program(s))]
        at = end
    for seed in bad:
        one(seed)
    print(f"{last - first} programs, {len(bad)} failures: {bad}")
    return bool(bad)


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:]]
    sys.exit(one(numbers[0]) if len(numbers) == 1 else hunt(numbers[0], numbers[1]))
