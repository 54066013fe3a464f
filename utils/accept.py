#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Is what was promised true here? One ``PASS id figure`` or ``FAIL id figure`` line per point.

A list of points (``language``, ``families``, ``targets``: three of the project's four) is everything that was asked
for and that a command can check; each point is checked by running the real thing. What is not built
yet fails. ``--cheap`` leaves out the points that take long or want an idle machine, and those that
``make check`` runs as suites of their own.

usage: .venv/bin/python utils/accept.py {language,families,targets} … [--cheap] [--only PREFIX …] [--list]
"""

from __future__ import annotations

import argparse
import sys
import time

from acceptance import Failed, Point
from acceptance.families import POINTS as FAMILIES
from acceptance.language import POINTS as LANGUAGE
from acceptance.targets import POINTS as TARGETS

LISTS: dict[str, tuple[Point, ...]] = {"language": LANGUAGE, "families": FAMILIES, "targets": TARGETS}


def check(point: Point) -> bool:
    """Checks one point and prints its line."""
    start = time.monotonic()
    try:
        verdict, figure = "PASS", point.check()
    except Failed as failure:
        verdict, figure = "FAIL", str(failure)
    except Exception as error:  # a check that breaks is a point that is not shown
        verdict, figure = "FAIL", f"{type(error).__name__}: {error}"
    figure = " ".join(figure.split()) or "?"
    print(f"{verdict} {point.id} {figure[:300]} [{time.monotonic() - start:.1f} s]", flush=True)
    return verdict == "PASS"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", nargs="+", choices=sorted(LISTS), metavar="list", help=" or ".join(sorted(LISTS)))
    parser.add_argument("--cheap", action="store_true", help="only what is quick and needs no idle machine")
    parser.add_argument("--only", nargs="+", default=[""], help="only points whose id starts so")
    parser.add_argument("--list", dest="show", action="store_true", help="name the points and stop")
    options = parser.parse_args()
    chosen = [point for name in options.lists for point in LISTS[name]]
    points = [p for p in chosen if p.id.startswith(tuple(options.only)) and (p.cheap or not options.cheap)]
    if options.show:
        for point in points:
            print(f"{point.id:32} {'cheap' if point.cheap else 'full ':5} {point.text}")
        return 0
    if not points:
        parser.error("no point has that id")
    results = [check(point) for point in points]
    print(f"{' and '.join(options.lists)}: {sum(results)} of {len(results)} points hold")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
