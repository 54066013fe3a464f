# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The names of `tegula` in an evaluation: what a kernel's `tg.load` means while it is evaluated.

A kernel is run once to reach its grid (the launch part), then once for each instance, in shuffled
order. Nothing here is global: an evaluation has its own `Language`, and threads of a resident grid find
their instance in a `threading.local` of it.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any
from typing import cast as typed

import numpy as np

from tegula.errors import AccessError, ControlError, DTypeError, KernelError, LaunchError, StaticError
from tegula.language.annotations import Access
from tegula.language.dtypes import A, acc_of, f32, i32
from tegula.testing.numpy_language import fourier, math, structured, views
from tegula.testing.numpy_language.numerics import Array, Numerics, memory_dtype
from tegula.testing.numpy_language.values import (
    Index,
    Tile,
    as_scalar,
    author_site,
    concrete,
    fail,
    literal,
    static_size,
)
from tegula.testing.numpy_language.views import Span


class GridReached(BaseException):
    """Ends the launch part. Not an `Exception`, so that no handler of the author's swallows it."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a grid: its coordinates, and its number in ascending order of coordinates."""

    at: tuple[int, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one instance adds to an `InOut` element through `reduce_store`."""

    instance: int
    order: int
    place: views.Place
    value: Array
    op: str


_COMBINE: dict[str, np.ufunc] = {"add": np.add, "max": np.maximum, "min": np.minimum}


class Launch:
    """One launch of a kernel; or, without instances, the run of a host function."""

    def __init__(self, numerics: Numerics, repeatable: bool = False) -> None:
        self.numerics = numerics
        self.repeatable = repeatable
        self.extents: tuple[int, ...] = ()
        self.resident = False
        self.barrier: threading.Barrier | None = None
        self.lock = threading.Lock()
        self.contributions: list[Contribution] = []

    def finish(self) -> None:
        """Applies what `reduce_store` collected, by ascending instance."""
        for c in sorted(self.contributions, key=lambda c: (c.instance, c.order)):
            _combine(c.op, c.place, c.value)


class _Here(threading.local):
    """What the calling thread runs: a launch, an instance of its grid (None: the launch part), and where in it."""

    launch: Launch | None = None
    instance: Instance | None = None
    inside: bool = False


_BOUND = """
    grid require stream barrier span load store reduce_store full zeros iota constant cast softmax_init topk_init
    fft ifft butterfly     empty empty_like save
"""
_STRUCTURED = """
    dot low_rank_dot argmax cumsum concat softmax_state softmax_update softmax_merge softmax_parts softmax_finish
    segment_ids segment_sum topk_update topk_finish tril_inverse expand_bitmap
"""
_ELEMENTWISE = """
    exp exp2 log log1p log2 tanh erf sqrt rsqrt sin cos sigmoid softplus log_sigmoid floor sign maximum minimum where
"""


class Language:
    """The constructs of the language; `shuffle` orders instances and `order="any"` streams."""

    def __init__(self, shuffle: random.Random) -> None:
        self.shuffle = shuffle
        self._here = _Here()
        self._levels = itertools.count()

    # Running instances.

    def run(self, launch: Launch, instance: Instance | None, body: Callable[[], Any]) -> Any:
        """Runs a kernel's body as one instance (None: its launch part), or a host function."""
        here = self._here
        before = here.launch, here.instance, here.inside
        here.launch, here.instance, here.inside = launch, instance, False
        try:
            return body()
        finally:
            here.launch, here.instance, here.inside = before

    @property
    def in_kernel(self) -> bool:
        """Whether the calling thread runs a kernel."""
        return self._here.inside

    @property
    def numerics(self) -> Numerics:
        """Of the launch that the calling thread runs."""
        return Numerics() if self._here.launch is None else self._here.launch.numerics

    def _inside(self, what: str) -> tuple[Launch, Instance]:
        here = self._here
        if here.launch is None or here.instance is None or not here.inside:
            fail(KernelError, f"{what} before tg.grid: the launch part uses sizes and scalars only")
        return here.launch, here.instance

    # Program structure.

    def grid(self, *axes: Any, order: str | None = None, resident: bool = False) -> Any:
        """Coordinates of this instance: an index for an extent, a span for (extent, block)."""
        launch, instance = self._here.launch, self._here.instance
        if launch is None:
            fail(KernelError, "tg.grid outside of a kernel")
        if self._here.inside:
            fail(KernelError, "a second tg.grid")
        if not axes:
            fail(KernelError, "tg.grid without axes")
        if order is not None and order != "heavy_first" and not order.removeprefix("grouped:").isdigit():
            fail(StaticError, f"grid order {order!r}: expected 'grouped:8' or 'heavy_first'")
        pairs = [typed("tuple[Any, Any]", a) if isinstance(a, tuple) else (a, None) for a in axes]
        blocks = [None if b is None else static_size(b, "a block of the grid") for _, b in pairs]
        self._here.inside = True
        if instance is None:
            launch.extents = tuple(-(-int(e) // (b or 1)) for (e, _), b in zip(pairs, blocks, strict=True))
            launch.resident = resident
            raise GridReached
        out = [
            Index(at) if b is None else Span(Index(at * b), b, Index(e), self.numerics)
            for at, (e, _), b in zip(instance.at, pairs, blocks, strict=True)
        ]
        return out[0] if len(out) == 1 else tuple(out)

    def require(self, condition: Any, message: str) -> None:
        """A condition of the launch part."""
        if self._here.inside:
            fail(KernelError, "tg.require after tg.grid")
        if not bool(condition):
            raise LaunchError(message, author_site())

    def stream(
        self, lo: Any, hi: Any, block: int | None = None, order: str = "up", label: str | None = None
    ) -> Iterator[Any]:
        """Spans [lo, lo + block), ... clipped to hi; indices without a block."""
        self._inside("tg.stream")
        if order not in ("up", "down", "any"):
            fail(StaticError, f"stream order {order!r}: expected 'up', 'down' or 'any'")
        step = 1 if block is None else static_size(block, "the block of a stream")
        first, end = int(lo), int(hi)
        starts = list(range(first, end, step))
        if order == "down":
            starts.reverse()
        if order == "any":
            self.shuffle.shuffle(starts)
        return self._spans(starts, block, Index(end))

    def _spans(self, starts: Sequence[int], block: int | None, end: int) -> Iterator[Any]:
        for at in starts:
            yield Index(at) if block is None else Span(Index(at), block, end, self.numerics)

    def barrier(self) -> None:
        """All instances' stores before it are visible to all loads after it."""
        barrier = self._inside("tg.barrier")[0].barrier
        if barrier is None:
            fail(KernelError, "tg.barrier needs tg.grid(..., resident=True)")
        barrier.wait()

    # Memory.

    def span(self, start: Any, size: Any = None, limit: Any = None) -> Span:
        """`span(n)` or `span(start, n, limit=None)`."""
        return views.span_of(start, size, limit, self.numerics)

    def load(self, view: Any, at: Any, pad: Any = 0, label: str | None = None) -> Any:
        """A tile, or a scalar where all coordinates are scalars."""
        self._inside("tg.load")
        return views.load(view, at, pad, self.numerics)

    def store(self, view: Any, at: Any, value: Any, label: str | None = None) -> None:
        """A tile into a view."""
        views.store(view, at, value, self._inside("tg.store")[1].number)

    def reduce_store(
        self, view: Any, at: Any, value: Any, op: str = "add", how: str = "ordered", label: str | None = None
    ) -> None:
        """view ← op(view, value) from several instances."""
        launch, instance = self._inside("tg.reduce_store")
        place = views.locate(view, at, "reduce_store")
        if place.part.access is not Access.INOUT:
            fail(AccessError, f"reduce_store to '{place.part.name}', which is not InOut")
        if op not in _COMBINE or how not in ("ordered", "two_pass", "atomic"):
            fail(ControlError, f"reduce_store op {op!r}, how {how!r}")
        if how == "atomic" and op == "add" and place.part.dtype.is_float and launch.repeatable:
            fail(DTypeError, f"an atomic sum of {place.part.dtype} in a repeatable kernel")
        data = views.stored_value(place, value)[place.tile]
        with launch.lock:
            if how == "atomic":
                _combine(op, place, data)
            else:
                order = len(launch.contributions)
                launch.contributions.append(Contribution(instance.number, order, place, data.copy(), op))

    # Making tiles and scalars.

    def full(self, shape: Any, x: Any, dtype: Any) -> Tile:
        """A tile of one value."""
        extents = typed("Sequence[Any]", shape) if isinstance(shape, tuple | list) else (shape,)
        sizes = tuple(static_size(n, "a tile size") for n in extents)
        kind = concrete(dtype, self.numerics)
        number = x.to(kind).data if isinstance(x, Tile) else literal(int(x) if isinstance(x, Index) else x, kind)
        return Tile(np.full(sizes, number), kind, self.numerics)

    def zeros(self, shape: Any, dtype: Any) -> Tile:
        """A tile of zeros."""
        return self.full(shape, 0, dtype)

    def iota(self, n: Any) -> Tile:
        """0, 1, ... as an i32 tile."""
        return Tile(np.arange(static_size(n, "the size of tg.iota")), i32, self.numerics)

    def constant(self, array: Any, dtype: Any) -> Tile:
        """A NumPy array known while tracing, as a tile."""
        return Tile(np.asarray(array), concrete(dtype, self.numerics), self.numerics)

    def cast(self, x: Any, dtype: Any) -> Any:
        """A scalar of another dtype."""
        kind = concrete(dtype, self.numerics)
        if isinstance(x, Tile):
            if x.shape:
                return x.to(kind)
            return x.to(kind) if kind.is_float else as_scalar(x.data.item(), kind, self.numerics)
        if not isinstance(x, int | float | np.number):
            fail(DTypeError, f"tg.cast of {type(x).__name__}")
        return as_scalar(x, kind, self.numerics)

    # The running softmax and the constructs that need the launch's numerics.

    def softmax_init(self, rows: Any, columns: Any) -> structured.SoftmaxState:
        """The empty softmax."""
        return structured.softmax_init(rows, columns, self.numerics, self.numerics.resolve(A) or f32)

    def topk_init(self, rows: int, k: int) -> structured.TopK:
        """No value seen yet."""
        return structured.topk_init(rows, k, self.numerics)

    def _transform(self, x: Any, what: str) -> fourier.Transform:
        """For a complex operand: matrices have its dtype."""
        dtype = fourier.operand_dtype(x, what)
        return fourier.Transform(self.constant, dtype, acc_of(dtype))

    def fft(self, x: Any, factors: Any, rows: int | None = None, keep: Any = None, label: str | None = None) -> Any:
        """Orthonormal transform of `Cx` [R, rows·rest]; frequencies in digit-reversed order."""
        stages, first = self._transform(x, "tg.fft"), factors[0] if rows is None else rows
        fourier.check_sizes(x, first * prod(factors[1:]), "tg.fft")
        return stages.forward(x, [stages.dft(n, -1) for n in factors], factors, keep or factors)

    def ifft(self, y: Any, factors: Any, rows: int | None = None, keep: Any = None, label: str | None = None) -> Any:
        """The inverse of `fft`."""
        stages = self._transform(y, "tg.ifft")
        fourier.check_sizes(y, prod(keep or factors), "tg.ifft")
        return stages.inverse(y, factors, keep or factors, factors[0] if rows is None else rows)

    def butterfly(self, x: Any, factors: Any, label: str | None = None) -> Any:
        """The stages of `fft` with learned matrices, a `Cx` per factor."""
        stages = self._transform(x, "tg.butterfly")
        for m in factors:
            if fourier.operand_dtype(m, "a factor of tg.butterfly") is not stages.storage:
                fail(DTypeError, f"a factor of tg.butterfly is {m[0].dtype}, its operand {stages.storage}")
        sizes = [m[0].shape[0] for m in factors]
        fourier.check_sizes(x, prod(sizes), "tg.butterfly")
        return stages.forward(x, factors, sizes, sizes)

    # Host functions.

    def empty(self, shape: Sequence[int], dtype: Any) -> Array:
        """An array for a result or workspace of a program, filled with NaN."""
        kind = concrete(dtype, self.numerics)
        memory = np.dtype(np.float64) if self.numerics.wide and kind.is_float else memory_dtype(kind)
        return np.full(tuple(shape), np.nan if kind.is_float else 0).astype(memory)

    def empty_like(self, x: Any, shape: Sequence[int] | None = None) -> Any:
        """An array like another one."""
        data = np.asarray(x)
        return np.full(data.shape if shape is None else tuple(shape), np.nan).astype(data.dtype)

    def save(self, *arrays: Any) -> tuple[Any, ...]:
        """What the derivative of a program needs."""
        return arrays

    def names(self) -> dict[str, Any]:
        """Every name of `tegula` that means something else while a kernel is evaluated."""
        scalars = {"cdiv": cdiv, "round_up": round_up, "round_down": round_down}
        return (
            {name: getattr(self, name) for name in _BOUND.split()}
            | {name: getattr(structured, name) for name in _STRUCTURED.split()}
            | {name: getattr(math, name) for name in _ELEMENTWISE.split()}
            | scalars
            | {"abs": math.absolute, "grad": math.grad_with(self._levels)}
        )


def cdiv(a: int, b: int) -> int:
    """Quotient rounded up."""
    return -(-a // b)


def round_up(a: int, b: int) -> int:
    """The multiple of b that is not below a."""
    return cdiv(a, b) * b


def round_down(a: int, b: int) -> int:
    """The multiple of b that is not above a."""
    return a // b * b


def _combine(op: str, place: views.Place, value: Array) -> None:
    function = _COMBINE[op]
    data = place.part.data
    if all(isinstance(m, slice) for m in place.memory):
        data[place.memory] = function(data[place.memory], value)
    else:
        function.at(data, place.memory, value)


def unsupported(name: str) -> ControlError:
    """The error for a name that neither the evaluation nor the package knows."""
    return ControlError(f"the NumPy evaluation has no tegula.{name}", author_site())
