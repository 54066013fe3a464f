# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which factors a transform gets: those of the least estimated time, from sizes alone."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

from tegula.ops.fft_conv.transform import BUTTERFLIES, Transform

LANES = 16
LAST = (16, 32)
MIDDLE = (2, 4, 8, 16)
FIRST = 64
ON_CHIP = 32 * 1024
"""Points that one kernel transforms; beyond, the first factor is split off into kernels of its own."""


def cost(t: Transform, rows: int) -> float:
    """Time per signal, in cycles of one multiply-add unit for 16 lanes; of one point there and back.

    A product with an n-point matrix is 4n multiply-adds for complex points and 2n for real ones, each way; what is
    left over is measured: loading, the product of spectra, the twiddles of a stage and its slices.
    """
    (first, *middle), total = t.factors, 100.0
    if len(t.factors) == 1:
        return t.size * (total + (4 if t.twisted else 8) * math.ceil(first / LANES) * LANES)
    used = rows / first
    total += 60.0 if t.butterflies[0] else (4 if t.twisted else 8) * first * used
    for n, butterflies in zip(middle[:-1], t.butterflies[1:-1], strict=True):
        total += 60.0 if butterflies else 8 * n + 50
    total += 8 * math.ceil(middle[-1] / LANES) * LANES
    return t.size * total / (1 if t.twisted else 2)


def candidates(points: int, twisted: bool, exact: bool) -> Iterator[Transform]:
    """Transforms of at least `points` points, or of exactly that many."""
    if points <= FIRST:
        yield Transform((max(points, 1),), (False,), twisted)
    for length in range(3):
        for middle in itertools.combinations_with_replacement(sorted(MIDDLE, reverse=True), length):
            for last in range(2, FIRST + 1) if exact else LAST:
                rest = math.prod(middle) * last
                first = -(-points // rest)
                if not 2 <= first <= FIRST or (exact and first * rest != points):
                    continue
                products = (False, *(n in BUTTERFLIES and last >= LANES for n in middle), False)
                yield Transform((first, *middle, last), products, twisted)
                if first in BUTTERFLIES and last >= LANES:
                    yield Transform((first, *middle, last), (True, *products[1:]), twisted)


def rows_of(t: Transform, length: int) -> int:
    """How many rows of the first factor hold `length` points."""
    return max(1, min(t.factors[0], -(-length // (t.size // t.factors[0]))))


@functools.lru_cache(maxsize=1024)  # a pure function of sizes
def choose(points: int, length: int, twisted: bool, exact: bool = False) -> Transform | None:
    """The cheapest transform of `points` points (or more) for signals of `length`; None if there is none."""
    return min(
        (t for t in candidates(points, twisted, exact) if t.size <= ON_CHIP),
        key=lambda t: cost(t, rows_of(t, length)),
        default=None,
    )
