# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products of f32 and f64 as GPU code: by multiply-adds, by units of these types, by tf32 once and three times."""

from __future__ import annotations

import secrets
from typing import Any, Literal

import numpy as np
import pytest
import tegula as tg
from numpy.typing import NDArray
from tegula import In, Out, T, const, tile

Precision = Literal["ieee", "tf32", "tf32x3"]

# What the rounding of inputs is worth by the rule of tegula.testing.check, of the root of the sum of squares.
F32_ERROR = 2 * np.sqrt(2 / 3) * 2.0**-22


@tg.kernel
def product(
    a: In[T, "X Y"],
    b: In[T, "Z W"],
    c: Out[T, "M N"],
    *,
    ta: const,
    tb: const,
    precision: const,
    BM: tile = 64,
    BN: tile = 64,
    BK: tile = 32,
) -> None:
    m, n = tg.grid((c.shape[0], BM), (c.shape[1], BN))
    acc = tg.zeros((BM, BN), c.dtype)
    for k in tg.stream(0, a.shape[0] if ta else a.shape[1], BK):
        left = tg.load(a, (k, m)).T if ta else tg.load(a, (m, k))
        right = tg.load(b, (n, k)).T if tb else tg.load(b, (k, n))
        acc = tg.dot(left, right, acc, precision=precision)
    tg.store(c, (m, n), acc)


@tg.kernel
def chain(q: In[T, "M 40"], k: In[T, "N 40"], v: In[T, "N 24"], o: Out[T, "M 24"], *, precision: const) -> None:
    """(q kᵀ)² v: the first product's result is an operand of the second."""
    m = tg.grid((q.shape[0], 64))
    rows = tg.load(q, (m, tg.span(0, 40)))
    acc = tg.zeros((64, 24), q.dtype)
    for n in tg.stream(0, k.shape[0], 32):
        s = tg.dot(rows, tg.load(k, (n, tg.span(0, 40))).T, precision=precision)
        acc = tg.dot(s * s, tg.load(v, (n, tg.span(0, 24))), acc, precision=precision)
    tg.store(o, (m, tg.span(0, 24)), acc)


def draw(*shapes: tuple[int, int], dtype: Any) -> list[NDArray[Any]]:
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def judge(got: NDArray[Any], exact: NDArray[Any], scale: NDArray[Any], precision: str, chip: str) -> None:
    share = np.abs(got.astype(np.float64) - exact) / scale
    error = np.sqrt((share**2).mean())
    if got.dtype == np.float64:
        assert share.max() < 1e-14
    elif precision == "tf32" and chip.startswith("sm_"):
        assert 2.0**-16 < error < 2.0**-11  # the unit's, and no better
    else:
        assert error < F32_ERROR
        assert share.max() < 6 * F32_ERROR
    swapped = np.abs(np.roll(got, 1, axis=0) - exact) / scale
    assert swapped.max() > 0.1


CASES: list[tuple[str, Any, Precision]] = [
    *((chip, dtype, "ieee") for chip in ("sm_80", "sm_86", "gfx90a", "gfx942") for dtype in (np.float32, np.float64)),
    *((chip, np.float32, p) for chip in ("sm_80", "gfx942") for p in ("tf32", "tf32x3")),
]


@pytest.mark.parametrize("ta, tb", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("chip, dtype, precision", CASES)
def test_product(chip: str, dtype: Any, precision: Precision, ta: bool, tb: bool) -> None:
    a, b = draw((77, 53), (53, 90), dtype=dtype)
    c = np.full((77, 90), np.nan, dtype)
    with tg.simulate(chip):
        product(
            np.ascontiguousarray(a.T) if ta else a,
            np.ascontiguousarray(b.T) if tb else b,
            c,
            ta=ta,
            tb=tb,
            precision=precision,
        )
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    judge(c, wide_a @ wide_b, np.sqrt(wide_a**2 @ wide_b**2), precision, chip)


@pytest.mark.parametrize("chip, dtype, precision", CASES)
def test_result_as_an_operand(chip: str, dtype: Any, precision: Precision) -> None:
    q, k, v = draw((70, 40), (50, 40), (50, 24), dtype=dtype)
    o = np.full((70, 24), np.nan, dtype)
    with tg.simulate(chip):
        chain(q, k, v, o, precision=precision)
    wide = [x.astype(np.float64) for x in (q, k, v)]
    s = wide[0] @ wide[1].T
    # What s errs by, twice, and the second product's own.
    scale = 4 * np.sqrt(s**2 * (wide[0] ** 2 @ wide[1].T ** 2) @ wide[2] ** 2) + np.sqrt(s**4 @ wide[2] ** 2)
    judge(o, s**2 @ wide[2], scale, precision, chip)


@pytest.mark.parametrize("chip", ["sm_80", "gfx942"])
def test_infinities_and_nan_are_where_they_belong(chip: str) -> None:
    a, b = draw((16, 24), (24, 16), dtype=np.float32)
    a[3, 5], a[7, 2], b[4, 9] = np.inf, np.nan, -np.inf
    c = np.full((16, 16), 0, np.float32)
    with tg.simulate(chip):
        product(a, b, c, ta=False, tb=False, precision="ieee", BM=16, BN=16, BK=16)
    with np.errstate(all="ignore"):
        want = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(c), np.isnan(want))
    np.testing.assert_array_equal(np.isposinf(c), np.isposinf(want))
    np.testing.assert_array_equal(np.isneginf(c), np.isneginf(want))
