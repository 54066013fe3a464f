# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the examples have in common: the rows of figures at the end, and where they go."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """A figure of a run: what it is, its text, and whether it is as promised."""

    what: str
    value: str
    good: bool = True


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--summary FILE``, for `demo.py`'s one table."""
    parser.add_argument("--summary", type=Path, metavar="FILE", help="also write the closing rows to FILE, as JSON")


def close(rows: Sequence[Row], file: Path | None) -> int:
    """Prints the rows, writes them to `file` if there is one; the exit status: 1 if a row is off."""
    width = max(len(row.what) for row in rows)
    print("\nsummary")
    for row in rows:
        print(f"  {'ok  ' if row.good else 'BAD '} {row.what:{width}}  {row.value}")
    if file is not None:
        file.write_text(json.dumps([row._asdict() for row in rows]), encoding="utf-8")
    return 0 if all(row.good for row in rows) else 1
