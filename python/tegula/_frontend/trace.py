# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The trace in progress: where ops go, where they came from, and errors at the author's line."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NoReturn, Protocol

from tegula._compiler.ops import Attrs, Block, Op, Places, Value
from tegula._frontend.rewrite import REWRITES, THUNK
from tegula.errors import ControlError, DTypeError, KernelError, MemberError, Note, ScopeError, Site, TegulaError
from tegula.language.dtypes import DType, DTypeVar, acc_of

# The file name of generated functions.
DISPATCH_FILE = "<tegula dispatch>"


def _own_files() -> frozenset[str]:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = {os.path.join(root, name) for name in ("__init__.py", "errors.py")} | {DISPATCH_FILE}
    for folder in ("language", "_frontend", "_compiler", "runtime"):
        path = os.path.join(root, folder)
        if os.path.isdir(path):
            files.update(os.path.join(path, name) for name in os.listdir(path))
    return frozenset(files)


# Files whose frames are never an author's.
OWN_FILES = _own_files()


class Trace:
    """One specialisation being traced. Values of one trace cannot be used in another."""

    __slots__ = (
        "block",
        "constant_ops",
        "constants",
        "dims",
        "dtypes",
        "ended",
        "entry",
        "failed",
        "functions",
        "grid_places",
        "repeatable",
        "root",
    )

    def __init__(self, dtypes: dict[str, DType], root: CodeType, repeatable: bool = False) -> None:
        self.dtypes = dtypes  # dtype variables, by name
        self.repeatable = repeatable  # whether equal inputs must give equal bits
        self.root = root  # the frame that starts the trace: what lies above is the host's
        self.entry = Block()
        self.block = self.entry
        self.constants: dict[tuple[object, ...], Value] = {}
        self.constant_ops: list[Op] = []
        self.dims: dict[str, Value] = {}
        self.grid_places: Places | None = None  # of the grid, once it is open
        self.ended: dict[str, Site] = {}  # names that ended with a stream
        self.failed: TegulaError | None = None
        self.functions: dict[CodeType, FunctionType] = {}  # the author's functions that ran

    @property
    def in_grid(self) -> bool:
        """Whether the grid is open: before it is the launch part."""
        return self.grid_places is not None

    def launch(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Kernels are not called from kernels."""
        fail(ControlError, f"kernel '{kernel.name}' called inside a kernel: launches belong to programs")

    def close(self) -> None:
        """Ends the trace: nothing of it can be used by another."""
        block: Block | None = self.block
        while block is not None:
            block.open = False
            block = block.parent


_CURRENT: ContextVar[Trace | None] = ContextVar("tegula_trace", default=None)


class Interceptor(Protocol):
    """What takes launches over while it is set: a trace (which refuses them), or a program being recorded."""

    def launch(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A kernel was called."""
        ...


INTERCEPT: ContextVar[Interceptor | None] = ContextVar("tegula_intercept", default=None)


def current() -> Trace:
    """The trace in progress; an error outside a kernel."""
    trace = _CURRENT.get()
    if trace is None:
        raise KernelError("a construct of the language is used outside a kernel that is being traced", _outside())
    return trace


def tracing() -> Trace | None:
    """The trace in progress, if there is one."""
    return _CURRENT.get()


@contextmanager
def in_progress(trace: Trace) -> Generator[None]:
    """Makes it the trace in progress, and ends it."""
    current_token, intercept_token = _CURRENT.set(trace), INTERCEPT.set(trace)
    try:
        yield
    finally:
        trace.close()
        _CURRENT.reset(current_token)
        INTERCEPT.reset(intercept_token)


# ---- places


def places() -> Places:
    """The author's frames at this point, innermost first, as raw code positions: decoded only when printed."""
    trace = _CURRENT.get()
    root = trace.root if trace is not None else None
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    out: list[tuple[CodeType, int]] = []
    own = OWN_FILES
    while frame is not None:
        code = frame.f_code
        if code.co_filename not in own:
            out.append((code, frame.f_lasti))
        elif code is root:
            break
        frame = frame.f_back
    return tuple(out)


def _outside() -> list[Site]:
    """The nearest frame that is not ours, where no trace is in progress."""
    return sites(places()[:1])


_SCOPES = ("<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>")


def sites(at: Places) -> list[Site]:
    """Places as source ranges.

    The frame of a comprehension, or of a thunk that the rewriter made, stands for the frame of the
    function that it is written in, with a sharper position.
    """
    out: list[Site] = []
    sharper: Site | None = None
    for code, offset in at:
        site = _site(code, offset)
        if sharper is not None:
            if sharper.file == site.file:
                out.append(Site(*_range(sharper), function=site.function))
                inside = _inside(sharper, site)
                sharper = None
                if inside:
                    continue
            else:
                out.append(sharper)
                sharper = None
        if code.co_name in _SCOPES or code.co_varnames[:1] == (THUNK,):
            sharper = site
        else:
            out.append(site)
    if sharper is not None:
        out.append(sharper)
    return out


def _range(site: Site) -> tuple[str, int, int, int, int]:
    return site.file, site.line, site.column, site.end_line, site.end_column


def _inside(inner: Site, outer: Site) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= (
        outer.end_line,
        outer.end_column,
    )


@lru_cache(maxsize=1024)
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())


@lru_cache(maxsize=8192)
def _site(code: CodeType, offset: int) -> Site:
    line, end_line, column, end_column = _positions(code)[offset // 2]
    first = line or code.co_firstlineno
    return Site(code.co_filename, first, column or 0, end_line or first, end_column or 0, code.co_name)


def label_of(at: Places) -> str | None:
    """The variable that the innermost enclosing assignment gives the value to."""
    for code, offset in at:
        names = REWRITES.names.get(code)
        if names:
            site = _site(code, offset)
            name = names.get((site.line, site.column, site.end_line, site.end_column))
            if name is not None:
                return name
    return None


# ---- errors


def error(cls: type[TegulaError], message: str, *notes: Note) -> TegulaError:
    """An error at the author's line. It ends the trace even if the author's code catches it."""
    failure = cls(message, sites(places()), notes)
    trace = _CURRENT.get()
    if trace is not None and trace.failed is None:
        trace.failed = failure
    return failure


def no_member(what: str, name: str) -> MemberError:
    """The error for `x.name`. It does not end the trace: `hasattr` asks like this too."""
    return MemberError(f"a {what} has no member '{name}'", sites(places()))


def no_construct(name: str, names: Sequence[str]) -> AttributeError:
    """The error for `tg.name`, with the name that was perhaps meant."""
    if name.startswith("__") or _CURRENT.get() is None:
        return AttributeError(f"module 'tegula' has no attribute '{name}'", name=name)
    from difflib import get_close_matches

    close = get_close_matches(name, names, 1)
    hint = f": did you mean '{close[0]}'?" if close else ""
    return MemberError(f"tegula has no '{name}'{hint}", sites(places()))


def fail(cls: type[TegulaError], message: str, *notes: Note) -> NoReturn:
    """Raises `error(…)`."""
    raise error(cls, message, *notes)


def made_at(value: object, text: str) -> Note:
    """A note that points to where a value was made."""
    op = value.op if isinstance(value, Value) else None
    return Note(text, _first(op.places) if op is not None else None)


def _first(at: Places) -> Site | None:
    found = sites(at)
    return found[0] if found else None


def place_note(at: Places, text: str) -> Note:
    """A note that points to a place."""
    return Note(text, _first(at))


# ---- recording


def emit(
    name: str,
    operands: Sequence[Value] = (),
    attrs: Attrs = (),
    regions: tuple[Block, ...] = (),
    label: str | None = None,
) -> Op:
    """Appends one op to the block being traced. Results are added by the caller, who knows their kinds."""
    trace = _CURRENT.get()
    if trace is None:
        trace = current()
    if trace.failed is not None:
        raise trace.failed
    for operand in operands:
        if not operand.block.open:
            escaped(operand)
    op = Op(name, operands, attrs, regions, places())
    op.label = label
    trace.block.ops.append(op)
    return op


def lookup_known(key: tuple[object, ...]) -> Value | None:
    """A value that an equal op of this block, or of one around it, has already made."""
    block: Block | None = current().block
    while block is not None:
        found = block.known.get(key)
        if found is not None:
            return found
        block = block.parent
    return None


def escaped(value: Value) -> NoReturn:
    """The error for a value whose region is closed."""
    block = value.block
    if block.kind in ("", "grid"):
        fail(ScopeError, "a value of another trace: kept in a global, an attribute or a cache of a helper")
    fail(
        ScopeError,
        f"a value made inside a {block.kind} is used after it; only names that exist before and are assigned "
        "inside are carried out",
        made_at(value, "the value was made here"),
        place_note(block.places, f"inside this {block.kind}"),
    )


def resolve(dtype: object) -> DType:
    """The dtype that a variable stands for in this trace."""
    if type(dtype) is DType:
        return dtype
    if type(dtype) is DTypeVar:
        trace = current()
        bound = trace.dtypes.get(dtype.name)
        if bound is None and dtype.of is not None:
            inner = trace.dtypes.get(dtype.of.name) if dtype.of.of is None else resolve(dtype.of)
            bound = acc_of(inner) if inner is not None else None
        if bound is None:
            fail(DTypeError, f"dtype variable {dtype.name} is not bound: no argument that is present has it")
        return bound
    fail(DTypeError, f"expected a dtype, got {dtype!r}")
