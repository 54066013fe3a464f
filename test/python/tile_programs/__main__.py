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
from tile_programs.run import failure


def one(seed: int) -> int:
    """Runs one program and says what came out."""
    drawn = program(seed)
    print(source(drawn), flush=True)
    found = failure(drawn)
    print("all agree" if found is None else report(drawn, found))
    return found is not None


def hunt(first: int, last: int) -> int:
    """Runs each seed in a process of its own: a crash or a hang is a finding like any other."""
    bad = 0
    for seed in range(first, last):
        command = [sys.executable, "-m", "tile_programs", str(seed)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            print(f"seed {seed}: no end after 300 s", flush=True)
            bad += 1
            continue
        if done.returncode:
            print(f"seed {seed}: exit status {done.returncode}\n{done.stdout}{done.stderr[-2000:]}", flush=True)
            bad += 1
    print(f"{last - first} programs, {bad} findings")
    return bad > 0


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:]]
    sys.exit(one(numbers[0]) if len(numbers) == 1 else hunt(numbers[0], numbers[1]))
