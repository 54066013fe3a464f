# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.fft`, `tg.ifft` and `tg.butterfly`: a transform as dense products with twiddles between them.

The digits of a position are its coordinates in `factors`. A stage contracts the first digit with a DFT
matrix, multiplies by twiddles, and goes on with the other digits; 1/√n per stage keeps it orthonormal.
Frequencies come out digit-reversed; `keep` cuts each digit of a frequency to its first values, and
`rows` says that only the first so many values of the first digit of a position are not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from tegula.errors import DTypeError, ShapeError
from tegula.language.dtypes import DType
from tegula.language.values import Cx
from tegula.testing.numpy_language.numerics import Array
from tegula.testing.numpy_language.structured import dot
from tegula.testing.numpy_language.values import Tile, fail

Constant = Callable[[Array, Any], Any]


def _map(f: Callable[[Any], Any], x: Any) -> Cx:
    return Cx(f(x[0]), None if x[1] is None else f(x[1]))


def _times(x: Any, y: Any) -> Cx:
    if x[1] is None:
        return Cx(x[0] * y[0], x[0] * y[1])
    return Cx(x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0])


def _dot(x: Any, y: Any) -> Cx:
    if x[1] is None:
        return Cx(dot(x[0], y[0]), dot(x[0], y[1]))
    if y[1] is None:
        return Cx(dot(x[0], y[0]), dot(x[1], y[0]))
    return Cx(dot(x[0], y[0]) - dot(x[1], y[1]), dot(x[0], y[1]) + dot(x[1], y[0]))


class Transform:
    """Stages over factor matrices in the storage dtype; twiddles are in the accumulation dtype."""

    def __init__(self, constant: Constant, storage: Any, accumulator: Any) -> None:
        self.constant, self.storage, self.accumulator = constant, storage, accumulator

    def dft(self, n: int, sign: int) -> Cx:
        """The orthonormal DFT matrix of n points."""
        z: Any = np.exp(sign * 2j * np.pi / n * np.outer(np.arange(n), np.arange(n))) / n**0.5
        return Cx(self.constant(z.real, self.storage), self.constant(z.imag, self.storage))

    def twiddle(self, n: int, m: int, sign: int) -> Cx:
        """Factors between a stage of n points and the m points below it."""
        z: Any = np.exp(sign * 2j * np.pi / (n * m) * np.outer(np.arange(n), np.arange(m)))
        return Cx(self.constant(z.real, self.accumulator), self.constant(z.imag, self.accumulator))

    def forward(self, x: Any, matrices: Sequence[Any], factors: Sequence[int], keep: Sequence[int]) -> Cx:
        """[R, rows·rest] to [R, prod(keep)]."""
        x, count = _map(lambda t: t.to(self.storage), x), x[0].shape[0]
        (n, *rest), (k, *kept) = factors, keep
        if not rest:
            return _dot(x, _map(lambda t: t[:, :k], matrices[0]))
        width = prod(rest)
        rows = x[0].shape[1] // width
        parts = _map(lambda t: t.reshape(count, rows, width), x)
        y = _dot(_map(lambda t: t[None, :k, :rows], matrices[0]), parts)
        y = _times(y, _map(lambda t: t[None, :k], self.twiddle(n, width, -1)))
        below = self.forward(_map(lambda t: t.reshape(count * k, width), y), matrices[1:], rest, kept)
        return _map(lambda t: t.reshape(count, k * prod(kept)), below)

    def inverse(self, y: Any, factors: Sequence[int], keep: Sequence[int], rows: int) -> Cx:
        """[R, prod(keep)] to [R, rows·rest]."""
        y, count = _map(lambda t: t.to(self.storage), y), y[0].shape[0]
        (n, *rest), (k, *kept) = factors, keep
        if not rest:
            return _dot(y, _map(lambda t: t[:k, :rows], self.dft(n, +1)))
        width = prod(rest)
        z = self.inverse(_map(lambda t: t.reshape(count * k, prod(kept)), y), rest, kept, rest[0])
        parts = _map(lambda t: t.reshape(count, k, width), z)
        parts = _times(parts, _map(lambda t: t[None, :k], self.twiddle(n, width, +1)))
        matrix = _map(lambda t: t[None, :rows, :k], self.dft(n, +1))
        x = _dot(matrix, _map(lambda t: t.to(self.storage), parts))
        return _map(lambda t: t.reshape(count, rows * width), x)


def operand_dtype(x: Any, what: str) -> DType:
    """The dtype of a complex tile's parts."""
    if not isinstance(x, Cx):
        fail(DTypeError, f"{what} of {type(x).__name__}: expected tg.Cx(re, im)")
    for part in x:
        if part is not None and (not isinstance(part, Tile) or not part.dtype.is_float):
            fail(DTypeError, f"{what}: the parts of its operand are float tiles")
        if part is not None and (part.shape != x.re.shape or part.dtype is not x.re.dtype):
            fail(ShapeError, f"{what}: the parts of its operand differ")
    dtype: DType = x.re.dtype
    return dtype


def check_sizes(x: Any, size: int, what: str) -> None:
    """A transform acts on tiles [R, size]."""
    if len(x[0].shape) != 2 or x[0].shape[1] != size:
        fail(ShapeError, f"{what} of {list(x[0].shape)}: expected [rows, {size}]")
