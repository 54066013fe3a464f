# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors that an author sees: one base class with file, line, caret and call sites.

A subclass says which rule was broken, so that tests and callers can tell them apart:

>>> raise ShapeError("sizes differ")
Traceback (most recent call last):
    ...
tegula.errors.ShapeError: error: sizes differ
"""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Site(NamedTuple):
    """A range of the author's source. Lines count from 1, columns from 0; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that explains an error, or a remark without a place."""

    text: str
    site: Site | None = None


class TegulaError(Exception):
    """Base of all errors of this package: a message, the author's place, its call sites, and notes.

    `sites` is innermost first: the place, then the calls that led to it.
    """

    def __init__(self, message: str, sites: Sequence[Site] = (), notes: Sequence[Note] = ()) -> None:
        self.message = message
        self.sites = tuple(sites)
        self.notes = tuple(notes)
        super().__init__(_render(message, self.sites, self.notes))

    @property
    def site(self) -> Site | None:
        """The innermost place in the author's source, if one is known."""
        return self.sites[0] if self.sites else None

    @property
    def file(self) -> str | None:
        """File of the place."""
        return self.sites[0].file if self.sites else None

    @property
    def line(self) -> int | None:
        """Line of the place, from 1."""
        return self.sites[0].line if self.sites else None

    @property
    def column(self) -> int | None:
        """Column of the place, from 1."""
        return self.sites[0].column + 1 if self.sites else None


class Remark(UserWarning):
    """What an operator chose to do where that costs something; a result is as right as without it."""


class ShapeError(TegulaError):
    """Ranks, sizes or the number of coordinates do not fit."""


class DTypeError(TegulaError):
    """Dtypes do not fit; nothing is promoted silently."""


class CarriedError(TegulaError):
    """A name carried through a stream, or merged by a run-time `if`, changes type or structure."""


class AccessError(TegulaError):
    """A load from `Out`, a store to `In`, or the use of an absent optional argument."""


class ScopeError(TegulaError):
    """A value is used outside the stream, branch or trace that made it."""


class StaticError(TegulaError):
    """A run-time value stands where one known while tracing is needed."""


class ControlError(TegulaError):
    """Python control flow or a side effect that cannot be traced."""


class KernelError(TegulaError):
    """The form of a kernel is wrong: no grid, two grids, a load before it, a returned value."""


class LaunchError(TegulaError):
    """A call does not fit the kernel: names of sizes, ranks, dtypes, missing arguments, `require`."""


class SourceError(TegulaError):
    """The source holds syntax that cannot be traced, or is not the text that was imported."""


class UnsupportedError(TegulaError):
    """A construct of the language that this version does not have yet."""


class MemberError(TegulaError, AttributeError):
    """A tile, scalar, view or span has no such member."""


class ScheduleError(TegulaError):
    """A hand-written schedule cannot be read, or does not fit its kernel; the place is a line of the schedule."""


class SimulationError(TegulaError):
    """A kernel did something wrong while it ran in the simulator of a GPU: a race, an access out of bounds."""


class CompileError(TegulaError):
    """The compiler refused the program; its diagnostics, at the author's lines."""


def _excerpt(site: Site, head: str) -> list[str]:
    """The line of the place with a caret under its range."""
    line = linecache.getline(site.file, site.line).rstrip("\n")
    if not line:
        return [f"{head} {site.file}:{site.line}"]
    # Columns of code objects count UTF-8 bytes; carets count characters.
    raw = line.encode()
    start = len(raw[: site.column].decode(errors="ignore"))
    end = len(raw[: site.end_column].decode(errors="ignore")) if site.end_line == site.line else len(line)
    return [
        f"{head} {site.file}:{site.line}:{site.column + 1}",
        f"{site.line:5d} | {line}",
        "      | " + " " * start + "^" * max(1, end - start),
    ]


def _render(message: str, sites: tuple[Site, ...], notes: tuple[Note, ...]) -> str:
    out = [f"error: {message}"]
    for i, site in enumerate(sites):
        caller = f"  called from {site.function}," if site.function else "  called from"
        out += _excerpt(site, caller if i else " -->")
    for note in notes:
        out.append(f"note: {note.text}")
        if note.site is not None:
            out += _excerpt(note.site, " -->")
    return "\n".join(out)
