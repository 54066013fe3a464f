# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fourier transforms of tiles, cut into factors: plain language, traced inline into the kernels.

A transform of N = n0·n1·…·np points is a chain of stages. With w = n1·…·np, n = j·w + m and k = d + n0·k',

    X[d + n0·k'] = Σ_m  ω_w^(m·k')  ·  ω_N^(d·m)  ·  Σ_j ω_n0^(j·d) x[j·w + m],       ω_n = exp(-2πi/n)

so a stage contracts the first axis of x as [n0, w], multiplies by twiddle factors and leaves transforms
of w points for the next. Results stay where the stages leave them, digits reversed: position
(d0, d1, …) holds frequency d0 + n0·(d1 + n1·(…)). A pointwise product does not mind, and the inverse
undoes it, so nothing is permuted. This is the Monarch form of the transform (Dao et al. 2022; Fu et al.
2023). Each stage is scaled by 1/√n, so that magnitudes stay what they are at any size.

A stage is a product with a constant matrix, or, for 2, 4 and 8, *butterflies*: sums of the slices
x[j], fewer operations than a product has. As points within a row become few, a *turn* exchanges the axes once:
the remaining stages find the digits of the earlier ones behind their points, as lanes that they do not touch.

A *twisted* transform multiplies x[t] by θ^t, θ = exp(πi/2N), before. Products of twisted spectra are
convolutions modulo x^N = i instead of x^N = 1: what a cyclic one wraps around and adds in, this one adds to
the imaginary part. For real signals the real part is the linear convolution, without padding to 2N
(Nussbaumer's right-angle convolution). The weights go into the first factor and its twiddles.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula import A, Tile

Waves = NDArray[np.complex128]
BUTTERFLIES = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class Transform:
    """How a transform is cut: its factors, which of them are butterflies, and which digits are kept."""

    factors: tuple[int, ...]
    butterflies: tuple[bool, ...]
    twisted: bool
    turn: int | None = None  # the stage before which rows and columns change places
    apart: bool = False  # the first stage, a product, leaves rows that are finished one by one, its digit outermost
    keep: tuple[tuple[int, ...], ...] = ()  # by factor, the digits that are computed; () is all of them
    band: tuple[float, float] | None = None  # of the frequencies, in cycles per point, beyond which spectra are zero

    @property
    def size(self) -> int:
        """Points of a signal."""
        return math.prod(self.factors)

    @property
    def kept(self) -> tuple[tuple[int, ...], ...]:
        """The digits of each factor that are computed."""
        return self.keep or tuple(tuple(range(n)) for n in self.factors)

    @property
    def bins(self) -> int:
        """Points of a spectrum."""
        return math.prod(len(d) for d in self.kept)

    @property
    def width(self) -> int:
        """Points of a row of the first factor."""
        return self.size // self.factors[0]

    def row(self) -> Transform:
        """What the first stage leaves to do of each row."""
        turn = None if self.turn is None else self.turn - 1
        return Transform(self.factors[1:], self.butterflies[1:], False, turn)

    def banded(self, low: float, high: float) -> Transform:
        """The same, without the digits that no frequency of a band has."""
        inside = np.flatnonzero(_within(np.arange(self.size), self.size, low, high))
        keep: list[tuple[int, ...]] = []
        for n in self.factors:
            keep.append(tuple(int(d) for d in np.unique(inside % n)))
            inside = inside // n
        return replace(self, keep=tuple(keep), band=(low, high))

    def mask(self) -> NDArray[np.bool_] | None:
        """Which positions of a spectrum lie in the band."""
        return None if self.band is None else _within(self.frequencies(), self.size, *self.band)

    def frequencies(self) -> NDArray[np.int64]:
        """The frequency at each position of a spectrum."""
        if self.apart:
            n = self.factors[0]
            return (np.arange(n)[:, None] + n * self.row().frequencies()[None, :]).reshape(-1)
        axes, step = [np.zeros(1, np.int64)], 1
        for n, digits in zip(self.factors, self.kept, strict=True):
            axes.append(step * np.array(digits))
            step *= n
        turn = 0 if self.turn is None else self.turn
        found = np.zeros(1, np.int64)
        for digits in (*axes[turn + 1 :], *axes[1 : turn + 1]):
            found = (found[:, None] + digits[None, :]).reshape(-1)
        return found


def _within(bins: NDArray[np.int64], size: int, low: float, high: float) -> NDArray[np.bool_]:
    """Whether the frequencies of bins lie in a band, in cycles per point from 0 to 0.5, or mirror it."""
    folded = np.minimum(bins, size - bins) / size  # of integers: a bin and its mirror image give the same number
    return (folded >= low) & (folded <= high)


def root(exponent: Any) -> Waves:
    """exp(-2πi·exponent)"""
    return np.exp(-2j * np.pi * np.asarray(exponent))


def dft(n: int) -> Waves:
    """The matrix of a transform of n points, [frequency, time], scaled by 1/√n."""
    j = np.arange(n)
    return root(np.outer(j, j) % n / n) / math.sqrt(n)


def constants(z: Waves) -> Complex:
    """A constant complex tile."""
    return Complex(tg.constant(np.ascontiguousarray(z.real), A), tg.constant(np.ascontiguousarray(z.imag), A))


# ---- complex tiles


@dataclass(frozen=True, slots=True)
class Complex:
    """A complex tile as two real ones; a part that is None is known to be zero, and costs nothing."""

    re: Tile | None
    im: Tile | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both parts."""
        part = self.im if self.re is None else self.re
        assert part is not None
        return part.shape

    def reshape(self, *shape: int) -> Complex:
        """The same elements in another shape."""
        return Complex(*(None if z is None else z.reshape(*shape) for z in (self.re, self.im)))

    def permute(self, *axes: int) -> Complex:
        """The same elements with axes in another order."""
        return Complex(*(None if z is None else z.permute(*axes) for z in (self.re, self.im)))

    def row(self, j: int) -> Complex:
        """[R, n, w] at [:, j], as [R, 1, w]."""
        return Complex(*(None if z is None else z[:, j : j + 1, :] for z in (self.re, self.im)))

    def __add__(self, y: Complex) -> Complex:
        return Complex(_plus(self.re, y.re), _plus(self.im, y.im))

    def __sub__(self, y: Complex) -> Complex:
        return Complex(_minus(self.re, y.re), _minus(self.im, y.im))

    def __mul__(self, y: Complex) -> Complex:
        return Complex(
            _minus(_times(self.re, y.re), _times(self.im, y.im)), _plus(_times(self.re, y.im), _times(self.im, y.re))
        )

    def conjugate_times(self, y: Complex) -> Complex:
        """conj(self) · y"""
        return Complex(
            _plus(_times(self.re, y.re), _times(self.im, y.im)), _minus(_times(self.re, y.im), _times(self.im, y.re))
        )

    def scaled(self, z: complex) -> Complex:
        """self · z for a number z, with as few products as it takes."""
        a, b = z.real, z.imag
        if abs(b) < 1e-15:
            return self if a == 1 else Complex(_times(self.re, a), _times(self.im, a))
        if abs(a) < 1e-15:
            turned = Complex(_minus(None, self.im), self.re) if b > 0 else Complex(self.im, _minus(None, self.re))
            return turned.scaled(complex(abs(b)))
        return Complex(_minus(_times(self.re, a), _times(self.im, b)), _plus(_times(self.re, b), _times(self.im, a)))


def both(x: Complex) -> tuple[Tile, Tile]:
    """Both parts, with zeros where there is none."""
    zero = tg.zeros(x.shape, A)
    return zero if x.re is None else x.re, zero if x.im is None else x.im


def _plus(x: Tile | None, y: Tile | None) -> Tile | None:
    if x is None or y is None:
        return y if x is None else x
    return x + y


def _minus(x: Tile | None, y: Tile | None) -> Tile | None:
    if y is None:
        return x
    return -y if x is None else x - y


def _times(x: Tile | None, y: Tile | float | None) -> Tile | None:
    return None if x is None or y is None else x * y


def contract(f: Complex, x: Complex, left: bool) -> Complex:
    """f·x if `left`, else x·f: four real products, or two if x is real."""
    (fr, fi), xr, xi = both(f), x.re, x.im

    def dot(a: Tile, b: Tile, acc: Tile | None = None) -> Tile:
        return tg.dot(a, b, acc) if left else tg.dot(b, a, acc)

    assert xr is not None
    if xi is None:
        return Complex(dot(fr, xr), dot(fi, xr))
    return Complex(dot(fr, xr, dot(-fi, xi)), dot(fi, xr, dot(fr, xi)))


def butterfly_sums(x: list[Complex], sign: int) -> list[Complex]:
    """The unscaled transform of a list of tiles, its length a power of two; sign is that of the exponent."""
    n = len(x)
    if n == 1:
        return x
    even, odd = butterfly_sums(x[::2], sign), butterfly_sums(x[1::2], sign)
    turned = [z.scaled(cmath.rect(1.0, sign * 2 * math.pi * k / n)) for k, z in enumerate(odd)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]


def twiddled(x: Complex, factors: Waves) -> Complex:
    """x [R, 1, w] times a row of factors."""
    if np.all(factors == factors[0].real):
        return x.scaled(complex(factors[0].real))
    return x * constants(factors[None, None, :])


def joined(rows: list[Complex]) -> Complex:
    """Tiles [R, 1, w] below each other: [R, n, w]."""
    re, im = zip(*(both(z) for z in rows), strict=True)
    return Complex(tg.concat(re, axis=1), tg.concat(im, axis=1))


def step_ahead(t: Transform) -> Complex:
    """What one step ahead in time is worth at each position of a spectrum, [1, bins]."""
    return constants(root(-(t.frequencies() - (0.25 if t.twisted else 0.0)) / t.size)[None])


# ---- transforms


def _ends(t: Transform, stage: int, rows: int, lanes: int) -> tuple[Waves, Waves | None]:
    """A stage's matrix [digits, rows] and its twiddle factors [digits, w · lanes]; the last stage has none."""
    n, digits = t.factors[stage], list(t.kept[stage])
    w = math.prod(t.factors[stage + 1 :])
    matrix = dft(n)[digits, :rows]
    twiddles = root(np.outer(digits, np.arange(w)) / (n * w))
    if t.twisted and stage == 0:  # θ^(j·w + m) = θ^(j·w) · θ^m
        matrix = matrix * root(-np.arange(rows) / (4 * n))[None, :]
        twiddles = twiddles * root(-np.arange(w) / (4 * n * w))[None, :]
    return matrix, np.repeat(twiddles, lanes, axis=1) if w > 1 else None


def _twist(t: Transform, stage: int, x: list[Complex], sign: int) -> list[Complex]:
    """θ^(j·w) times the rows x[j] of the first stage, or that with the opposite sign."""
    if not (t.twisted and stage == 0):
        return x
    return [z.scaled(complex(root(-sign * j / (4 * t.factors[0])))) for j, z in enumerate(x)]


def _lanes(t: Transform, stage: int) -> int:
    """Digits that come after the points of a stage: those found before the turn."""
    return math.prod(len(d) for d in t.kept[: t.turn]) if t.turn is not None and stage >= t.turn else 1


def spectrum(x: Complex, t: Transform) -> Complex:
    """The spectra of the rows of x: [R, rows·w] with rows ≤ n0, the rest being zero, gives [R, bins]."""
    R, points = x.shape
    if t.apart:
        return spectrum(first_stage(x, t).reshape(R * t.factors[0], t.width), t.row()).reshape(R, t.bins)
    rows, found = points // t.width, 1
    for stage, (n, digits) in enumerate(zip(t.factors, t.kept, strict=True)):
        lanes, w = _lanes(t, stage), math.prod(t.factors[stage + 1 :])
        if stage == t.turn:
            x, found = x.reshape(R, found, n * w).permute(0, 2, 1), 1
        matrix, twiddles = _ends(t, stage, rows, lanes)
        if w * lanes == 1:
            x = contract(constants(matrix.T), x.reshape(R * found, rows), left=False)
        else:
            x = x.reshape(R * found, rows, w * lanes)
            if t.butterflies[stage]:
                parts = _twist(t, stage, [x.row(j) for j in range(rows)], 1) + [Complex(None)] * (n - rows)
                sums = [butterfly_sums(parts, -1)[d] for d in digits]
                x = joined([_turned(z, twiddles, i, n) for i, z in enumerate(sums)])
            else:
                x = contract(constants(matrix[None]), x, left=True)
                x = x if twiddles is None else x * constants(twiddles[None])
        found *= len(digits)
        rows = t.factors[stage + 1] if w > 1 else 1
    return x.reshape(R, t.bins)


def signal(y: Complex, t: Transform, rows: int) -> Complex:
    """The inverse of `spectrum`: [R, bins] gives the first `rows`·w points, [R, rows·w].

    What uses only `.re` of the result leaves half of the last contraction without a use, and it is dropped.
    """
    R, left = y.shape[0], t.bins
    if t.apart:
        row, P = t.row(), t.factors[0]
        y = signal(y.reshape(R * P, t.width), row, row.factors[0])
        return last_stage(y.reshape(R, P, t.width), t, rows)
    for stage, (n, digits) in reversed(list(enumerate(zip(t.factors, t.kept, strict=True)))):
        lanes, w = _lanes(t, stage), math.prod(t.factors[stage + 1 :])
        count = rows if stage == 0 else n
        matrix, twiddles = _ends(t, stage, count, lanes)
        twiddles = None if twiddles is None else twiddles.conj()
        left = left // (len(digits) * lanes) if w == 1 else left // len(digits)
        if w * lanes == 1:
            y = contract(constants(matrix.conj()), y.reshape(R * left, len(digits)), left=False)
        else:
            y = y.reshape(R * left, len(digits), w * lanes)
            if t.butterflies[stage]:
                parts = [Complex(None)] * n
                for i, d in enumerate(digits):
                    parts[d] = _turned(y.row(i), twiddles, i, n)
                y = joined(_twist(t, stage, butterfly_sums(parts, 1)[:count], -1))
            else:
                y = y if twiddles is None else y * constants(twiddles[None])
                y = contract(constants(matrix.conj().T[None]), y, left=True)
        if stage == t.turn:
            y, left = y.reshape(R, n * w, lanes).permute(0, 2, 1), lanes
    return y.reshape(R, rows * t.width)


def filtered(x: Complex, kf: Complex, t: Transform, rows: int, adjoint: bool) -> Complex:
    """Signals convolved with the filter whose spectrum is kf; `adjoint` is the transposed convolution."""
    f = spectrum(x, t)
    return signal(kf.conjugate_times(f) if adjoint else f * kf, t, rows)


def first_stage(x: Complex, t: Transform) -> Complex:
    """The first stage of `spectrum`, a product: [R, rows·w] gives [R, n0, w]."""
    R, points = x.shape
    matrix, twiddles = _ends(t, 0, points // t.width, 1)
    assert twiddles is not None
    return contract(constants(matrix[None]), x.reshape(R, points // t.width, t.width), left=True) * constants(
        twiddles[None]
    )


def last_stage(y: Complex, t: Transform, rows: int) -> Complex:
    """The last stage of `signal`, a product: [R, n0, w] gives [R, rows·w]."""
    matrix, twiddles = _ends(t, 0, rows, 1)
    assert twiddles is not None
    x = contract(constants(matrix.conj().T[None]), y * constants(twiddles.conj()[None]), left=True)
    return x.reshape(y.shape[0], rows * t.width)


def _turned(x: Complex, twiddles: Waves | None, row: int, n: int) -> Complex:
    """A row of a stage of butterflies, times its twiddle factors if there are any, scaled by 1/√n."""
    if twiddles is None:
        return x.scaled(complex(n**-0.5))
    return twiddled(x, twiddles[row] / math.sqrt(n))
