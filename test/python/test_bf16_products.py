# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products of bf16, which some targets form from pairs of neighbours along K: every form of the
operands, odd sizes, and numbers that are not finite."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from tegula import A, In, Out, T, ops, tile

bf16 = ml_dtypes.bfloat16


@tg.kernel
def forms(
    a: In[T, "M K"],
    at: In[T, "K M"],
    b: In[T, "K N"],
    bt: In[T, "N K"],
    c: Out[A, "F M N"],
    *,
    BM: tile = 19,
    BN: tile = 35,
    BK: tile = 7,
):
    """a·b with each operand in memory, transposed in memory, and computed on chip."""
    (M, K), N = a.shape, b.shape[1]
    m, n = tg.grid((M, BM), (N, BN))
    sums = [tg.zeros((BM, BN), A) for _ in range(6)]
    for k in tg.stream(0, K, BK):
        x, xt = tg.load(a, (m, k)), tg.load(at, (k, m))
        y, yt = tg.load(b, (k, n)), tg.load(bt, (n, k))
        lefts, rights = (x, xt.T, x * 2.0, (xt * 2.0).T), (y, yt.T, y * 2.0, (yt * 2.0).T)
        pairs = [(0, 0), (0, 1), (1, 0), (1, 3), (2, 2), (3, 3)]
        sums = [tg.dot(lefts[i], rights[j], s) for (i, j), s in zip(pairs, sums, strict=True)]
    for i, s in enumerate(sums):
        tg.store(c[i], (m, n), s)


FACTORS = (1, 1, 1, 2, 4, 4)
"""What the products of `forms` are multiples of."""


@pytest.mark.parametrize("sizes", [(19, 7, 35), (40, 29, 36), (3, 1, 2), (64, 64, 64)])
@pytest.mark.parametrize("tiles", [(19, 35, 7), (32, 64, 16), (8, 16, 33)])
def test_every_form_of_the_operands(sizes: tuple[int, int, int], tiles: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    (M, K, N), (BM, BN, BK) = sizes, tiles
    a, b = rng.standard_normal((M, K)).astype(bf16), rng.standard_normal((K, N)).astype(bf16)
    turned = [np.ascontiguousarray(x.T) for x in (a, b)]
    c = np.full((len(FACTORS), M, N), np.nan, np.float32)
    forms(a, turned[0], b, turned[1], c, BM=BM, BN=BN, BK=BK)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    for factor, sums in zip(FACTORS, c, strict=True):
        # Products of bf16 are exact in f32; only sums are rounded.
        np.testing.assert_allclose(sums, factor * exact, rtol=0, atol=factor * 1e-6 * (1 + K))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("K", [1, 6, 7, 33])
def test_nothing_beside_the_operands_is_read(K: int, transposed: bool) -> None:
    # An odd K has no partner for its last element: what lies there must not be multiplied.
    rng = np.random.default_rng(K)
    wide_a, wide_b = np.full((5, K + 3), np.nan, bf16), np.full((K + 3, 40), np.nan, bf16)
    if transposed:
        wide_b = np.full((40, K + 3), np.nan, bf16).T
    a, b = wide_a[:, :K], wide_b[:K, :37]
    a[:], b[:] = rng.standard_normal(a.shape), rng.standard_normal(b.shape)
    c: Any = ops.matmul(a, b)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(c.astype(np.float64), exact, rtol=2**-8, atol=1e-5)


def test_numbers_that_are_not_finite() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((9, 35)).astype(bf16), rng.standard_normal((35, 33)).astype(bf16)
    b[34] = np.abs(b[34].astype(np.float32)) + 1  # positive
    a[2, 3], a[4, 34], a[5, 34], a[6, 0], a[6, 34] = np.nan, np.inf, -np.inf, 1e38, 0
    c: Any = ops.matmul(a, b)
    c = c.astype(np.float32)
    assert np.isnan(c[2]).all()
    assert (c[4] == np.inf).all() and (c[5] == -np.inf).all()
    assert np.isfinite(np.delete(c, [2, 4, 5], axis=0)).all()
    both = a.copy()
    both[0, 7], both[0, 8] = np.inf, np.inf
    b[7], b[8] = 1, -1
    c = ops.matmul(both, b)
    assert np.isnan(c.astype(np.float32)[0]).all()  # inf - inf
