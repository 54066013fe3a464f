#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples on real input, one after the other, and closes with one table of their figures.

usage: demo.py [NAME …]     all examples, or those named (without .py)

Each example is a process of its own. The exit status is not 0 if one of them fails or a figure is off.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _summary import Row

HERE = Path(__file__).resolve().parent
EXAMPLES = ("sentence_embeddings", "compress_encoder", "reverb", "protein_forces")


def run(name: str, folder: Path) -> list[Row]:
    """Runs an example; its figures, and how it ended."""
    print(f"==== {name}", flush=True)
    file = folder / f"{name}.json"
    start = time.monotonic()
    status = subprocess.run((sys.executable, HERE / f"{name}.py", "--summary", file), check=False).returncode
    rows = [Row(**row) for row in json.loads(file.read_text(encoding="utf-8"))] if file.exists() else []
    ended = f"exit status {status}, {time.monotonic() - start:.1f} s"
    return [*rows, Row("the whole example", ended, status == 0 and bool(rows))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXAMPLES))
    names = parser.parse_args().names or EXAMPLES
    if unknown := sorted(set(names) - set(EXAMPLES)):
        parser.error(f"no example is called {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as folder:
        found = {name: run(name, Path(folder)) for name in names}
    width = max(len(row.what) for rows in found.values() for row in rows)
    print("\n==== summary")
    for name, rows in found.items():
        print(name)
        for row in rows:
            print(f"  {'ok  ' if row.good else 'BAD '} {row.what:{width}}  {row.value}")
    return 0 if all(row.good for rows in found.values() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
