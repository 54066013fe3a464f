# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Orthonormal Fourier transforms and learned butterflies of complex tiles, one product per factor.

The digits of a position are its coordinates in `factors`. A stage contracts the first digit and
multiplies by twiddles; the frequencies come out digit-reversed. `rows` says that only the first so many
values of the first digit of a position are not zero (or, in `ifft`, are wanted); `keep` cuts each digit
of a frequency to its first values. What is cut is not computed.

Operands have one float dtype: matrices, and what goes from stage to stage, are rounded to it. Sums,
twiddles and results have its accumulation dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, cast

from tegula._compiler.ops import Attr, Int, Ints, Segments, Unit
from tegula._frontend.trace import current, emit, fail, made_at
from tegula.errors import DTypeError, ShapeError
from tegula.language.dtypes import DType, acc_of
from tegula.language.values import Cx, Tile, describe, shape_text, splat, static_int


def _complex(x: object, what: str) -> list[Tile]:
    """The parts of a complex tile: equal shapes and float dtypes; the imaginary one may be absent."""
    if not isinstance(x, Cx):
        real = f" (tg.Cx(x) for a real {describe(x)})" if isinstance(x, Tile) else ""
        fail(DTypeError, f"{what} is a complex tile, not {describe(x)}{real}")
    parts: list[Any] = [x.re] if x.im is None else [x.re, x.im]
    for t in parts:
        if not isinstance(t, Tile):
            fail(DTypeError, f"{what} has a part that is {describe(t)}, not a tile")
        if not t.dtype.is_float:
            fail(DTypeError, f"{what} is a {describe(t)}: its parts are floats", made_at(t, "it comes from here"))
    if parts[0].type is not parts[-1].type:
        fail(
            ShapeError,
            f"{what} has parts that differ: {describe(parts[0])} and {describe(parts[-1])}",
            made_at(parts[0], "the real part"),
            made_at(parts[-1], "the imaginary part"),
        )
    if len(parts[0].shape) != 2:
        fail(ShapeError, f"{what} is {shape_text(parts[0].shape)}: it takes [signals, positions]")
    return parts


def _items(values: object) -> Sequence[object]:
    """The members of a tuple or list; none of anything else."""
    sequence = isinstance(values, (tuple, list)) and not isinstance(values, Cx)
    return cast("Sequence[object]", values) if sequence else ()


def _sizes(values: object, what: str) -> tuple[int, ...]:
    """Static sizes of at least 1."""
    items = _items(values)
    if not items:
        fail(ShapeError, f"{what} are a tuple of sizes, not {describe(values)}")
    sizes = tuple(static_int(n, f"one of {what}") for n in items)
    if any(n < 1 for n in sizes):
        fail(ShapeError, f"{what} are {shape_text(sizes)}: each is at least 1")
    return sizes


def _transform(
    x: Any,
    factors: object,
    rows: object,
    keep: object,
    what: str,
    learned: Sequence[Tile] = (),
    label: str | None = None,
) -> Cx:
    parts = _complex(x, f"the operand of {what}")
    dft = _sizes(factors, f"the factors of {what}")
    kept = dft if keep is None else _sizes(keep, f"keep of {what}")
    first = dft[0] if rows is None else static_int(rows, f"rows of {what}")
    if len(kept) != len(dft) or any(k > n for k, n in zip(kept, dft)):
        fail(ShapeError, f"keep of {what} is {shape_text(kept)}: each at most its factor of {shape_text(dft)}")
    if not 1 <= first <= dft[0]:
        fail(ShapeError, f"rows of {what} are {first}: 1 to {dft[0]}, the first of the factors {shape_text(dft)}")
    positions, frequencies = first * prod(dft[1:]), prod(kept)
    inverse = what == "ifft"
    here, there = (frequencies, positions) if inverse else (positions, frequencies)
    count, size = parts[0].shape
    if size != here:
        fail(
            ShapeError,
            f"{what} of {shape_text(parts[0].shape)}: with these factors it takes [signals, {here}]",
            made_at(parts[0], "the operand comes from here"),
        )
    attrs: list[tuple[str, Attr]] = [
        ("dft", Ints(dft)),
        ("keep", Ints(kept)),
        ("operandSegmentSizes", Segments((1, len(parts) - 1, len(learned)))),
        ("rows", Int(first)),
    ]
    if inverse:
        attrs.append(("inverse", Unit()))
    op = emit("tegula.butterfly", [*parts, *learned], tuple(attrs), (), label)
    dtype, block = acc_of(parts[0].dtype), current().block
    results = [Tile((count, there), dtype, op, block) for _ in range(2)]
    op.results.extend(results)
    return Cx(*results)


def fft(x: Any, factors: Any, rows: Any = None, keep: Any = None, label: str | None = None) -> Cx:
    """Signals [R, rows·rest] to frequencies [R, prod(keep)], digit-reversed; 1/√n in each stage."""
    return _transform(x, factors, rows, keep, "fft", (), label)


def ifft(y: Any, factors: Any, rows: Any = None, keep: Any = None, label: str | None = None) -> Cx:
    """Frequencies [R, prod(keep)] as `fft` leaves them, to signals [R, rows·rest]. Its inverse where nothing is cut."""
    return _transform(y, factors, rows, keep, "ifft", (), label)


def butterfly(x: Any, factors: Any, label: str | None = None) -> Cx:
    """The stages of `fft` with matrices of one's own: a complex tile [n, n] for each factor."""
    items = _items(factors)
    if not items:
        fail(ShapeError, f"the factors of butterfly are a list of complex tiles, not {describe(factors)}")
    dtype = _complex(x, "the operand of butterfly")[0].dtype
    matrices = [_matrix(m, dtype) for m in items]
    sizes = tuple(m[0].shape[0] for m in matrices)
    return _transform(x, sizes, None, None, "butterfly", [t for m in matrices for t in m], label)


def _matrix(m: object, dtype: DType) -> list[Tile]:
    parts = _complex(m, "a factor of butterfly")
    matrix = parts[0]
    if matrix.shape[0] != matrix.shape[1]:
        fail(ShapeError, f"a factor of butterfly is {shape_text(matrix.shape)}: it is square")
    if matrix.dtype is not dtype:
        fail(
            DTypeError,
            f"a factor of butterfly is {matrix.dtype}, its operand {dtype}: cast one side explicitly",
            made_at(matrix, "the factor comes from here"),
        )
    return parts if len(parts) == 2 else [matrix, splat(matrix.shape, 0.0, dtype)]


__all__ = ["butterfly", "fft", "ifft"]
