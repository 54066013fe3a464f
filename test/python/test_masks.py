# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Masks are tiles of i1: any comparison, and `&`, `|`, `^`, `~`, `==`, `!=` and `where` of others.

What is affine in the stream's position may leave parts of the stream unmasked or unrun; the rest is computed in
every trip. Both must give what NumPy gives, on both paths.
"""

from __future__ import annotations

import operator

import numpy as np
import pytest
import tegula as tg
from on_path import OnBothPaths, OnPath
from tegula import In, Out, T
from tegula.errors import ControlError, DTypeError

SEED = 20261125

# Functions of query ids, key ids and a Boolean per pair.
MASKS = {
    "causal": lambda i, j, b: j <= i,
    "prefix": lambda i, j, b: (j <= i) | (j < 21),
    "sink and window": lambda i, j, b: (j <= i) & ((j > i - 9) | (j < 3)),
    "gap": lambda i, j, b: (j <= i - 20) | (j >= i + 5),
    "both sides": lambda i, j, b: (j < 8) | (j >= 40) | (i > 30),
    "diagonal": lambda i, j, b: j == i,
    "not the diagonal": lambda i, j, b: j != i,
    "diagonals": lambda i, j, b: (j == i) | (j == 0) | (j == i - 7),
    "one key": lambda i, j, b: (j == 17) & (j <= i),
    "negated": lambda i, j, b: ~(j <= i),
    "negated or": lambda i, j, b: ~((j <= i) | (j > 30)),
    "negated and": lambda i, j, b: ~((j <= i) & (j > i - 9)),
    "negated twice": lambda i, j, b: ~(~(j <= i) | ~(j > i - 9)),
    "exclusive": lambda i, j, b: (j <= i) ^ (j < 8),
    "equal masks": lambda i, j, b: (j <= i) == (j < 8),
    "unequal masks": lambda i, j, b: (j <= i) != (j < 8),
    "parity": lambda i, j, b: j % 2 == i % 2,
    "blocks": lambda i, j, b: j // 16 == i // 16,
    "dilated": lambda i, j, b: (j <= i) & ((i - j) % 3 == 0),
    "data": lambda i, j, b: b,
    "data or causal": lambda i, j, b: b | (j <= i),
    "neither": lambda i, j, b: ~(b | (j <= i)),
    "data and window": lambda i, j, b: (b != (j <= i)) & ~(j > i + 6),
    "always": lambda i, j, b: j == j,
    "never": lambda i, j, b: (j < i) & (j > i),
}


def masked(mask):
    """Attention in which `mask` says which keys count."""

    def kernel(
        q: In[T, "M $D"], k: In[T, "N D"], v: In[T, "N $C"], b: In[tg.i1, "M N"], o: Out[T, "M C"],
        *, BM: tg.tile = 16, BN: tg.tile = 16,
    ):  # fmt: skip
        m, d, c = tg.grid((q.shape[0], BM)), tg.span(q.shape[1]), tg.span(v.shape[1])
        qt = tg.load(q, (m, d))
        state = tg.softmax_init(BM, v.shape[1])
        for n in tg.stream(0, k.shape[0], BN, order="any"):
            s = tg.dot(qt, tg.load(k, (n, d)).T)
            keep = mask(m.ids[:, None], n.ids[None, :], tg.load(b, (m, n)))
            s = tg.where(keep & n.valid[None, :], s, float("-inf"))
            state = tg.softmax_update(state, s, tg.load(v, (n, c)))
        result, _ = tg.softmax_finish(state)
        tg.store(o, (m, c), result.to(T))

    return kernel


@pytest.mark.parametrize("name", MASKS)
def test_of_a_softmax(name: str) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    M, N, D, C = 37, 53, 8, 24
    q, k, v = (rng.standard_normal(shape) for shape in ((M, D), (N, D), (N, C)))
    b = rng.random((M, N)) < 0.4
    keep = np.broadcast_to(MASKS[name](np.arange(M)[:, None], np.arange(N)[None, :], b), (M, N))
    p = np.exp(q @ k.T) * keep
    total = p.sum(1, keepdims=True)
    want = p @ v / np.where(total > 0, total, 1)
    o = np.full((M, C), np.nan)
    OnBothPaths(masked(MASKS[name]))(q, k, v, b, o)
    np.testing.assert_allclose(o, want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("f", [operator.and_, operator.or_, operator.xor, operator.eq, operator.ne])
def test_stored_and_loaded(f) -> None:
    """Masks are bytes in memory, and numbers by `.to`."""

    def kernel(x: In[tg.i1, "M N"], y: In[tg.i1, "M N"], o: Out[tg.i1, "M N"], n: Out[tg.i32, "M"], s: Out[T, "M N"]):
        m, c = tg.grid((x.shape[0], 4)), tg.span(0, 80, limit=x.shape[1])
        a, b = tg.load(x, (m, c)), tg.load(y, (m, c))
        r = f(a, ~b)
        tg.store(o, (m, c), r)
        tg.store(n, (m,), (r & c.valid[None, :]).to(tg.i32).sum(1))
        tg.store(s, (m, c), tg.where(r, r.to(T) + 1, -2))

    rng = np.random.default_rng(SEED)
    x, y = rng.random((2, 5, 70)) < 0.5
    for dtype in (np.float32, np.float64, np.float16):
        o, n, s = np.zeros((5, 70), bool), np.zeros(5, np.int32), np.zeros((5, 70), dtype)
        OnBothPaths(kernel)(x, y, o, n, s)
        want = f(x, ~y)
        np.testing.assert_array_equal(o, want)
        np.testing.assert_array_equal(n, want.sum(1))
        np.testing.assert_array_equal(s, np.where(want, 2, -2))


def test_comparisons_of_floats() -> None:
    """A NaN is equal to nothing, and unequal to everything."""

    def kernel(x: In[T, "M N"], y: In[T, "M N"], o: Out[tg.i32, "M N"]):
        m, c = tg.grid((x.shape[0], 4)), tg.span(80)
        a, b = tg.load(x, (m, c)), tg.load(y, (m, c))
        r = [a == b, a != b, a < b, a <= b, a > b, a >= b, ~(a == b), ~(a < b), (a == b) | (a < b), (a < b) ^ (a > b)]
        tg.store(o, (m, c), sum((bit.to(tg.i32) << k for k, bit in enumerate(r)), tg.zeros((4, 80), tg.i32)))

    rng = np.random.default_rng(SEED)
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0])
    a, b = values[rng.integers(0, 7, (2, 5, 70))]
    bits = [a == b, a != b, a < b, a <= b, a > b, a >= b, ~(a == b), ~(a < b), (a == b) | (a < b), (a < b) ^ (a > b)]
    want = sum(bit.astype(np.int32) << k for k, bit in enumerate(bits))
    for dtype in (np.float32, np.float64, np.float16):
        o = np.zeros((5, 70), np.int32)
        OnBothPaths(kernel)(a.astype(dtype), b.astype(dtype), o)
        np.testing.assert_array_equal(o, want)


def test_what_a_mask_may_not_do() -> None:
    """Masks are no numbers, and no single answer: refused at the author's line."""

    def added(x: In[tg.i1, "M N"], o: Out[tg.i1, "M N"]):
        m, c = tg.grid((x.shape[0], 4)), tg.span(80)
        t = tg.load(x, (m, c))
        tg.store(o, (m, c), t + t)

    def reduced(x: In[tg.i1, "M N"], o: Out[tg.i1, "M"]):
        m, c = tg.grid((x.shape[0], 4)), tg.span(80)
        tg.store(o, (m,), tg.load(x, (m, c)).max(1))

    def asked(x: In[tg.i1, "M N"], o: Out[tg.i1, "M N"]):
        m, c = tg.grid((x.shape[0], 4)), tg.span(80)
        t = tg.load(x, (m, c))
        if t:
            tg.store(o, (m, c), t)

    x = np.zeros((4, 80), bool)
    with pytest.raises(DTypeError, match="i1"):
        tg.kernel(added)(x, x.copy())
    with pytest.raises(DTypeError, match=r"\.to\(i32\) first"):
        tg.kernel(reduced)(x, x[:, 0].copy())
    with pytest.raises(ControlError):
        tg.kernel(asked)(x, x.copy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("ahead", [-70, -5, 0, 3, 40])
def test_blocks_that_a_mask_takes_out(dtype, ahead: int) -> None:
    """Products behind a mask are not computed; what the buffer held before, here NaN, does not come through."""

    def kernel(a: In[T, "M $K"], b: In[T, "N K"], o: Out[tg.f32, "M N"], ahead: tg.i32, *, BM: tg.tile = 40):
        m, n, k = tg.grid((a.shape[0], BM)), tg.span(96), tg.span(a.shape[1])
        # Of NaN alone, and of the size of the next product.
        s = tg.dot(tg.load(a, (m, k)) + float("nan"), tg.load(b, (n, k)).T).to(tg.f32)
        tg.store(o, (m, n), tg.where(s == s, s, 0.0))
        p = tg.dot(tg.load(a, (m, k)), tg.load(b, (n, k)).T).to(tg.f32)
        keep = (n.ids[None, :] <= m.ids[:, None] + ahead) & (n.ids[None, :] > m.ids[:, None] + ahead - 60)
        tg.store(o, (m, n), tg.where(keep, p * 2, -1.0))

    rng = np.random.default_rng(SEED)
    a, b = rng.standard_normal((83, 20)).astype(dtype), rng.standard_normal((91, 20)).astype(dtype)
    i, j = np.arange(83)[:, None], np.arange(91)[None, :]
    product = a.astype(np.float64) @ b.astype(np.float64).T
    want = np.where((j <= i + ahead) & (j > i + ahead - 60), 2 * product, -1)
    for path in ("loops", "sched"):
        o = np.full((83, 91), np.nan, np.float32)
        tg.kernel(kernel).on(OnPath(path))(a, b, o, ahead)
        np.testing.assert_allclose(o, want, rtol=2e-5, atol=2e-5)
