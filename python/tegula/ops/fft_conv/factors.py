# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which factors a transform gets: those of the least estimated time, from sizes alone."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import tegula as tg
from tegula.ops.fft_conv.transform import BUTTERFLIES, Transform

LANES = 16
LAST = (16, 32)
MIDDLE = (2, 4, 8, 16)
GROUPS = ((), (4,), (8,), (4, 4), (8, 4), (8, 8), (8, 4, 4), (8, 8, 4), (8, 8, 8))
FIRST = 64
ON_CHIP = 32 * 1024  # points that one kernel transforms on any x86, whose caches are no hard limit
BYTES = 32  # of a point: a signal, what a stage makes of it, its spectrum, twiddle factors
INNER = 8192  # points of what is left of a larger transform
OUTER = 128
SMALLEST_BLOCK = 512

# Measured on x86, in cycles for 16 points there and back: loads, stores and the product of spectra; butterflies by
# radix, with their twiddles; the twiddles of a product; a turn; rows finished one by one.
BASE, BUTTERFLY, TWIDDLE, TURN, APART = 50.0, {2: 18.0, 4: 25.0, 8: 34.0}, 30.0, 20.0, 110.0
NEAR, FAR, FAR_APART = 2048, 8.0, 22.0  # points in the nearest cache; what each doubling adds to all that moves data


def cost(t: Transform, rows: int) -> float:
    """Time per signal, in cycles of one multiply-add unit for 16 lanes.

    A product with an n-point matrix is 4n multiply-adds for complex points and 2n for real ones, each way.
    """
    doublings = max(0.0, math.log2(t.size / NEAR))
    far = 0.0 if t.apart else FAR * doublings
    total = APART + FAR_APART * (doublings - 1) if t.apart else BASE + 2 * far
    if t.turn is not None:
        total += TURN + far
    for stage, (n, butterflies) in enumerate(zip(t.factors, t.butterflies, strict=True)):
        last = stage == len(t.factors) - 1
        if butterflies:
            total += BUTTERFLY[n] + far
        elif stage == 0:
            total += (4 if t.twisted else 8) * n * rows / n + (0 if last else TWIDDLE)
        elif last and t.turn is None:  # columns fill up a vector
            total += 8 * math.ceil(n / LANES) * LANES * len(t.kept[-1]) / n
        else:
            total += 8 * n * len(t.kept[stage]) / n + (0 if last else TWIDDLE)
    return t.size * total / (1 if t.twisted else 2)


def candidates(points: int, twisted: bool, exact: bool) -> Iterator[Transform]:
    """Transforms of at least `points` points, or of exactly that many."""
    if points <= FIRST:
        yield Transform((max(points, 1),), (False,), twisted)
    for before, after in itertools.product(GROUPS, GROUPS):
        rest = math.prod((*before, *after))
        step = LANES // math.gcd(LANES, math.prod(before))  # lanes behind the turn come in whole vectors
        first = -(-points // rest // step) * step if not exact else points // rest
        if (
            math.prod(after) >= LANES
            and 2 <= first <= FIRST
            and not (exact and (first * rest != points or first % step))
        ):
            t = Transform(
                (first, *before, *after), (False, *(True for _ in (*before, *after))), twisted, 1 + len(before)
            )
            yield t
            if twisted and t.size > NEAR >= 2 * t.width and math.prod(before) % LANES == 0:
                yield replace(t, apart=True)
    for length in range(3):
        for middle in itertools.combinations_with_replacement(sorted(MIDDLE, reverse=True), length):
            for last in range(2, FIRST + 1) if exact else LAST:
                rest = math.prod(middle) * last
                first = -(-points // rest)
                if 2 <= first <= FIRST and not (exact and first * rest != points):
                    products = (False, *(n in BUTTERFLIES and last >= LANES for n in middle), False)
                    yield Transform((first, *middle, last), products, twisted)


def rows_of(t: Transform, length: int) -> int:
    """How many rows of the first factor hold `length` points."""
    return max(1, min(t.factors[0], -(-length // (t.size // t.factors[0]))))


@dataclass(frozen=True, slots=True)
class Layout:
    """How signals of one length are convolved."""

    transform: Transform  # the part on chip
    outer: int = 1  # the factor that kernels of their own transform, around the part on chip
    twisted: bool = False  # of the whole
    wrap: bool = False  # a period is repeated, and the linear convolution's second period kept
    blocks: bool = False  # overlap and add

    @property
    def size(self) -> int:
        """Points of the whole transform."""
        return self.outer * self.transform.size

    def rows(self, length: int) -> int:
        """How many rows of the first factor hold `length` points."""
        width = self.transform.width if self.outer == 1 else self.transform.size
        return max(1, min(self.size // width, -(-length // width)))


def on_chip() -> int:
    """Points that one kernel transforms here; beyond, an outer factor is split off into kernels of its own."""
    return max(ON_CHIP, tg.target.on_chip_bytes // BYTES)


@functools.lru_cache(maxsize=1024)  # a pure function of sizes
def choose(
    points: int, length: int, twisted: bool, exact: bool = False, band: tuple[float, float] | None = None
) -> Transform | None:
    """The cheapest transform of `points` points (or more) for signals of `length`; None if there is none."""
    most = ON_CHIP if points <= ON_CHIP else on_chip()
    found = (t for t in candidates(points, twisted, exact) if t.size <= most)
    return min(
        found if band is None else (t.banded(*band) for t in found),
        key=lambda t: cost(t, rows_of(t, length)),
        default=None,
    )


def split(points: int, twisted: bool, exact: bool) -> Layout | None:
    """The same beyond what fits on chip: an outer factor of at most OUTER, and the rest."""
    least, best = -(-points // on_chip()), min(OUTER, -(-points // INNER))
    for outer in (*range(best, OUTER + 1), *range(best - 1, least - 1, -1)):
        if exact and points % outer:
            continue
        inner = choose(-(-points // outer), -(-points // outer), False, exact)
        if inner is not None:
            return Layout(inner, outer, twisted)
    return None


@functools.lru_cache(maxsize=1024)  # a pure function of sizes
def layout(mode: str, length: int, taps: int, band: tuple[float, float] | None = None) -> Layout | None:
    """The cheapest way to convolve signals of `length` with `taps` taps; None beyond the largest transform.

    A band of frequencies belongs to a cyclic transform: signals get as many zeros behind them as taps reach.
    """
    if band is not None:
        exact = mode == "circular"
        t = choose(length if exact else length + taps, length, False, exact=exact, band=band)
        return None if t is None else Layout(t)
    if mode == "circular":
        t = choose(length, length, False, exact=True)
        if t is not None:
            return Layout(t)
        t = choose(2 * length, 2 * length, False)
        if t is not None:
            return Layout(t, wrap=True)
        found = split(length, False, exact=True)
        if found is None:
            found = split(2 * length, False, exact=False)
            found = found and replace(found, wrap=True)
        return found
    points = max(length, taps)
    whole = choose(points, length, True)
    found = None if whole is None else Layout(whole, twisted=True)
    if mode == "causal":  # or blocks, not shorter than the filter
        best = math.inf if whole is None else cost(whole, rows_of(whole, length))
        size = max(taps, SMALLEST_BLOCK)
        while size <= ON_CHIP and size < length:
            t = choose(size, size, True)
            if t is not None and not t.apart and cost(t, t.factors[0]) * -(-length // t.size) < best:
                best = cost(t, t.factors[0]) * -(-length // t.size)
                found = Layout(t, twisted=True, blocks=True)
            size *= 2
    return found or split(points, True, exact=False)
