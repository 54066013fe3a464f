#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Fits the polynomials of ``expand-vector-math`` and writes its coefficient table.

Each polynomial is the one of least maximal weighted error (Remez exchange in float64 on a
dense grid). Coefficients are rounded to float32 one by one from the lowest order up, and the
rest is fitted again each time, so that what the rounding did is made good by what follows.
The error printed, and written beside the coefficients, is that of the rounded polynomial in
exact arithmetic, in units of 2^-24 (half an ulp at 1) relative to the function.

usage: .venv/bin/python utils/fit_math.py            print the table
       .venv/bin/python utils/fit_math.py --write    rewrite lib/Conversion/VectorMath/Coefficients.h
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[Any]
HEADER = Path(__file__).resolve().parent.parent / "lib/Conversion/VectorMath/Coefficients.h"
LN2 = math.log(2.0)
LOG2E = 1 / LN2
LOG2E_LO = LOG2E - float(np.float32(LOG2E))
LN2_HI = math.floor(LN2 * 2**16) / 2**16
ERF_SLOPE = 2 / math.sqrt(math.pi)
ERF_SLOPE_LO = ERF_SLOPE - float(np.float32(ERF_SLOPE))
CONSTANTS = (
    ("kLog2e", "log2(e)", LOG2E),
    ("kLog2eLo", "What log2(e), rounded to f32, lacks", LOG2E_LO),
    ("kErfSlopeLo", "What the slope of erf at 0, rounded to f32, lacks", ERF_SLOPE_LO),
    ("kLn2Hi", "ln(2) cut to 16 bits: whole multiples are exact", LN2_HI),
    ("kLn2Lo", "What kLn2Hi lacks", LN2 - LN2_HI),
)


@dataclass(frozen=True)
class Fit:
    """A polynomial in `x` of order `degree`, close to `target` on [lo, hi].

    `weight` turns the polynomial's error into the relative error of the function that it
    serves. Coefficients listed in `exact` (lowest order first) are given, not fitted.
    """

    name: str
    meaning: str
    target: Callable[[F64], F64]
    weight: Callable[[F64], F64]
    lo: float
    hi: float
    degree: int
    exact: tuple[float, ...] = ()


def remez(target: F64, weight: F64, basis: F64) -> F64:
    """Coefficients c that minimise max |weight (target - basis c)| over the grid."""
    points, count = len(target), len(basis[0])
    # Start where the weight is: a point of almost no weight would ask for a wild polynomial.
    share = np.cumsum(weight) / np.sum(weight)
    quantiles = (1 - np.cos(np.pi * (np.arange(count + 1) + 0.5) / (count + 1))) / 2
    rows = [int(np.argmax(share >= q)) for q in quantiles]
    coefficients: F64 = np.zeros(count)
    for _ in range(60):
        signs = np.array([(-1.0) ** k for k in range(count + 1)])
        solution = np.linalg.solve(np.column_stack([basis[rows], signs / weight[rows]]), target[rows])
        coefficients, level = solution[:count].astype(np.float64), abs(float(solution[count]))
        error = weight * (target - basis @ coefficients)
        # The extremum of each stretch of one sign; of too many, the smallest go: alone at an
        # end, inside together with a neighbour, so that signs still alternate.
        edges = [0, *(k for k in range(1, points) if error[k - 1] * error[k] < 0), points]
        peaks = [a + int(np.argmax(np.abs(error[a:b]))) for a, b in zip(edges, edges[1:], strict=False)]
        while len(peaks) > count + 1:
            size = [abs(float(error[k])) for k in peaks]
            least = size.index(min(size))
            if len(peaks) == count + 2 or least in (0, len(peaks) - 1):
                del peaks[0 if size[0] < size[-1] else -1]
            else:
                first = least if size[least + 1] < size[least - 1] else least - 1
                del peaks[first : first + 2]
        if len(peaks) < count + 1:
            raise ArithmeticError(f"{len(peaks)} extrema for {count} coefficients")
        rows = peaks
        if float(np.max(np.abs(error))) <= level * (1 + 1e-9):
            break
    return coefficients


def grid(fit: Fit) -> F64:
    """Points of [lo, hi], denser at the ends; 0 itself would divide by 0 in some targets."""
    middle, half = (fit.lo + fit.hi) / 2, (fit.hi - fit.lo) / 2
    points = [middle - half * math.cos(math.pi * k / 8000) for k in range(8001)]
    return np.array([x for x in points if abs(x) > 1e-6])


def solve(fit: Fit) -> tuple[tuple[float, ...], float]:
    """The float32 coefficients, lowest order first, and the maximal weighted error."""
    x = grid(fit)
    target, weight = fit.target(x), fit.weight(x)
    powers = np.vander(x, fit.degree + 1, increasing=True)
    done = [float(np.float32(c)) for c in fit.exact]
    while len(done) <= fit.degree:
        # x^k in front of what is still free moves into target and weight: with it, the
        # powers would be no Chebyshev system on an interval around 0.
        front = x ** len(done)
        known = powers[:, : len(done)] @ np.array(done) if done else np.zeros_like(x)
        free = remez((target - known) / front, np.abs(weight * front), powers[:, : fit.degree + 1 - len(done)])
        done.append(float(np.float32(free[0])))
    error = float(np.max(np.abs(weight * (target - powers @ np.array(done)))))
    return tuple(done), error


def erfc(x: F64) -> F64:
    return np.array([math.erfc(v) for v in x])


def erf(x: F64) -> F64:
    return np.array([math.erf(v) for v in x])


def fits() -> tuple[Fit, ...]:
    """Every table of the pass. Intervals are a little wider than the reduction leaves them."""
    half, ln2_half = 0.5 + 1e-6, LN2 / 2 + 1e-6
    sqrt_lo, sqrt_hi = math.sqrt(0.5) - 1 - 1e-6, math.sqrt(2) - 1 + 1e-6
    quarter = (math.pi / 4 + 1e-6) ** 2
    exps = tuple(
        Fit(
            f"kExp2Degree{d}", "2^x on [-1/2, 1/2]",
            np.exp2, lambda x: 1 / np.exp2(x), -half, half, d, (1.0,),
        )
        for d in range(3, 8)
    )  # fmt: skip
    return exps + (
        Fit(
            "kExpm1", "(e^x - 1 - x) / x^2 on [-ln2/2, ln2/2], weighed for e^x - 1",
            lambda x: (np.expm1(x) - x) / (x * x), lambda x: np.abs(x * x / np.expm1(x)),
            -ln2_half, ln2_half, 4,
        ),
        Fit(
            "kLog", "log(1 + x) / x on [sqrt(1/2) - 1, sqrt(2) - 1]",
            lambda x: np.log1p(x) / x, lambda x: x / np.log1p(x), sqrt_lo, sqrt_hi, 9, (1.0,),
        ),
        Fit(
            "kLog2", "log2(1 + x) / x - kLog2eLo on [sqrt(1/2) - 1, sqrt(2) - 1]",
            lambda x: np.log1p(x) / (x * LN2) - LOG2E_LO, lambda x: x * LN2 / np.log1p(x),
            sqrt_lo, sqrt_hi, 9, (LOG2E,),
        ),
        Fit(
            "kErf",
            "-log(1 - erf(x)) / x - kErfSlopeLo on [0, 4], weighed for erf",
            lambda x: -np.log(erfc(x)) / x - ERF_SLOPE_LO,
            lambda x: x * erfc(x) / erf(x),
            1e-3,
            4.0,
            8,
            (ERF_SLOPE,),
        ),
        Fit(
            "kSin", "(sin(x) - x) / x^3 in terms of x^2, |x| <= pi/4",
            lambda s: (np.sin(np.sqrt(s)) / np.sqrt(s) - 1) / s, lambda s: s * np.sqrt(s) / np.sin(np.sqrt(s)),
            1e-3, quarter, 2,
        ),
        Fit(
            "kCos", "(cos(x) - 1 + x^2/2) / x^4 in terms of x^2, |x| <= pi/4",
            lambda s: (np.cos(np.sqrt(s)) - 1 + s / 2) / (s * s), lambda s: s * s / np.cos(np.sqrt(s)),
            1e-2, quarter, 2,
        ),
    )  # fmt: skip


PREAMBLE = """\
//===- Coefficients.h - Polynomials of expand-vector-math -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Written by utils/fit_math.py --write, which fits them: do not edit. Lowest order
// first. Errors are relative to the function, coefficients rounded as they stand.

#ifndef TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H
#define TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H

namespace tegula::vectormath {
"""

POSTAMBLE = """
} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H
"""


def literal(value: float) -> str:
    """The shortest decimal that is this float32, as C++."""
    return f"{np.float32(value)!s}f"


def table() -> str:
    """The header's text."""
    text = PREAMBLE
    for fit in fits():
        coefficients, error = solve(fit)
        text += f"\n/// {fit.meaning}.\n/// Order {fit.degree}, error {error:.2e} = {error * 2**24:.3f} half ulp.\n"
        text += f"inline constexpr float {fit.name}[] = {{\n"
        for i in range(0, len(coefficients), 5):
            text += "    " + ", ".join(map(literal, coefficients[i : i + 5])) + ",\n"
        text += "};\n"
    for name, meaning, value in CONSTANTS:
        text += f"\n/// {meaning}.\ninline constexpr float {name} = {literal(value)};\n"
    return text + POSTAMBLE


def main() -> None:
    parser = argparse.ArgumentParser(description="fit the polynomials of expand-vector-math")
    parser.add_argument("--write", action="store_true", help=f"rewrite {HEADER.name}")
    text = table()
    print(text, end="")
    if parser.parse_args().write:
        HEADER.write_text(text)


if __name__ == "__main__":
    main()
