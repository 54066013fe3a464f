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
x[j], fewer operations where the target moves slices cheaply. The last stage is always a product.

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
        found, step = np.zeros(1, np.int64), 1
        for n, digits in zip(self.factors, self.kept, strict=True):
            found = (found[:, None] + step * np.array(digits)[None, :]).reshape(-1)
            step *= n
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

    @property
    def parts(self) -> tuple[Tile, Tile]:
        """Both parts, with zeros where there is none."""
        zero = tg.zeros(self.shape, A)
        return zero if self.re is None else self.re, zero if self.im is None else self.im

    def reshape(self, *shape: int) -> Complex:
        """The same elements in another shape."""
        return Complex(*(None if z is None else z.reshape(*shape) for z in (self.re, self.im)))

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
    (fr, fi), xr, xi = f.parts, x.re, x.im

    def dot(a: Tile, b: Tile, acc: Tile | None = None) -> Tile:
        return tg.dot(a, b, acc) if left else tg.dot(b, a, acc)

    assert xr is not None
    if xi is None:
        return Complex(dot(fr, xr), dot(fi, xr))
    return Complex(dot(fr, xr) - dot(fi, xi), dot(fi, xr, dot(fr, xi)))


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
    re, im = zip(*(z.parts for z in rows), strict=True)
    return Complex(tg.concat(re, axis=1), tg.concat(im, axis=1))


def step_ahead(t: Transform) -> Complex:
    """What one step ahead in time is worth at each position of a spectrum, [1, bins]."""
    return constants(root(-(t.frequencies() - (0.25 if t.twisted else 0.0)) / t.size)[None])


# ---- transforms


def _ends(t: Transform, stage: int, rows: int) -> tuple[Waves, Waves | None]:
    """A stage's matrix [digits, rows] and its twiddle factors [digits, w]; the last stage has none."""
    n, digits = t.factors[stage], list(t.kept[stage])
    w = math.prod(t.factors[stage + 1 :])
    matrix = dft(n)[digits, :rows]
    twiddles = root(np.outer(digits, np.arange(w)) / (n * w))
    if t.twisted and stage == 0:  # θ^(j·w + m) = θ^(j·w) · θ^m
        matrix = matrix * root(-np.arange(rows) / (4 * n))[None, :]
        twiddles = twiddles * root(-np.arange(w) / (4 * n * w))[None, :]
    return matrix, twiddles if w > 1 else None


def _twist(t: Transform, stage: int, x: list[Complex], sign: int) -> list[Complex]:
    """θ^(j·w) times the rows x[j] of the first stage, or that with the opposite sign."""
    if not (t.twisted and stage == 0):
        return x
    return [z.scaled(complex(root(-sign * j / (4 * t.factors[0])))) for j, z in enumerate(x)]


def spectrum(x: Complex, t: Transform, stage: int = 0) -> Complex:
    """The spectra of the rows of x: [R, rows·w] with rows ≤ n, the rest being zero, gives [R, bins]."""
    n, digits, (R, points) = t.factors[stage], t.kept[stage], x.shape
    w = math.prod(t.factors[stage + 1 :])
    rows = points // w
    matrix, twiddles = _ends(t, stage, rows)
    if twiddles is None:
        return contract(constants(matrix.T), x, left=False)
    x = x.reshape(R, rows, w)
    if t.butterflies[stage]:
        parts = _twist(t, stage, [x.row(j) for j in range(rows)], 1)
        sums = butterfly_sums(parts + [Complex(None)] * (n - rows), -1)
        y = joined([twiddled(sums[d], twiddles[i] / math.sqrt(n)) for i, d in enumerate(digits)])
    else:
        y = contract(constants(matrix[None]), x, left=True) * constants(twiddles[None])
    y = spectrum(y.reshape(R * len(digits), w), t, stage + 1)
    return y.reshape(R, len(digits) * y.shape[1])


def signal(y: Complex, t: Transform, rows: int, stage: int = 0) -> Complex:
    """The inverse of `spectrum`: [R, bins] gives the first `rows`·w points, [R, rows·w].

    What uses only `.re` of the result leaves half of the last contraction without a use, and it is dropped.
    """
    n, digits, (R, bins) = t.factors[stage], t.kept[stage], y.shape
    w = math.prod(t.factors[stage + 1 :])
    matrix, twiddles = _ends(t, stage, rows)
    if twiddles is None:
        return contract(constants(matrix.conj()), y, left=False)
    y = signal(y.reshape(R * len(digits), bins // len(digits)), t, t.factors[stage + 1], stage + 1)
    y = y.reshape(R, len(digits), w)
    if t.butterflies[stage]:
        parts = [Complex(None)] * n
        for i, d in enumerate(digits):
            parts[d] = twiddled(y.row(i), twiddles[i].conj() / math.sqrt(n))
        x = joined(_twist(t, stage, butterfly_sums(parts, 1)[:rows], -1))
    else:
        x = contract(constants(matrix.conj().T[None]), y * constants(twiddles.conj()[None]), left=True)
    return x.reshape(R, rows * w)
