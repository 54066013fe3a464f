# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F841
# pyright: basic
"""Random programs on tiles: plain loops and the fast path agree.

A seed draws a small graph of ops on two tiles of an odd shape. The two paths share the front end and
no lowering.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import tegula as tg
from on_path import OnPath
from tegula import In, Out, T, const

pytest.importorskip("tegula.runtime", reason="the compiled library is not there")


def stretched(d: random.Random, t: Any, u: Any) -> Any:
    axis = d.randint(0, 1)
    total = t.sum(axis=axis, keep=True) * 0.1 if d.random() < 0.5 else t.max(axis=axis, keep=True)
    return u - total


def turned(d: random.Random, t: Any, u: Any) -> Any:
    m, n = t.shape
    return t.reshape(n, m).T if d.random() < 0.5 else t.T.reshape(m, n)


def cut(d: random.Random, t: Any, u: Any) -> Any:
    axis = d.randint(0, 1)
    if t.shape[axis] == 1:
        return t
    a = d.randint(1, t.shape[axis] - 1)
    parts = [t[a:], u[:a]] if axis == 0 else [t[:, a:], u[:, :a]]
    return tg.concat(parts, axis=axis)


def streamed(d: random.Random, t: Any, u: Any) -> Any:
    acc = t
    for _ in tg.stream(0, d.randint(0, 4)):
        acc = acc * 0.5 + u
    return acc


OPS: list[Any] = [
    lambda d, t, u: t + u,
    lambda d, t, u: t * u * 0.5,
    lambda d, t, u: t / (1.0 + tg.abs(u)),
    lambda d, t, u: tg.maximum(t, u) - tg.minimum(t, 0.25),
    lambda d, t, u: tg.where((t > u) & (u > 0.0), t, u * 0.25),
    lambda d, t, u: tg.exp(tg.minimum(t, 1.0)),
    lambda d, t, u: tg.tanh(t),
    lambda d, t, u: tg.dot(tg.dot(t, u.T) * 0.1, t) * 0.1,
    lambda d, t, u: tg.cumsum(t * 0.1, axis=d.randint(0, 1), reverse=d.random() < 0.5, exclusive=d.random() < 0.5),
    lambda d, t, u: (t[None] + u.reshape(1, *u.shape)).reshape(*t.shape),
    lambda d, t, u: t + tg.iota(t.shape[1])[None, :].to(t.dtype) * 0.01,
    stretched,
    turned,
    cut,
    streamed,
]


@tg.kernel
def drawn(x: In[T, "$M $N"], y: In[T, "$M $N"], z: Out[T, "$M $N"], *, seed: const):
    i = tg.grid(1)
    d, at = random.Random(seed), (tg.span(x.shape[0]), tg.span(x.shape[1]))
    tiles = [tg.load(x, at), tg.load(y, at)]
    for _ in range(d.randint(3, 9)):
        tiles.append(d.choice(OPS)(d, d.choice(tiles), d.choice(tiles)))
    tg.store(z, at, tiles[-1] + tiles[-2] * 0.5)


@pytest.mark.parametrize("seed", range(24))
def test_paths_agree(seed: int) -> None:
    d = random.Random(seed + 1000)
    shape = d.choice([1, 2, 3, 5, 8, 16, 17, 20]), d.choice([1, 2, 3, 7, 8, 16, 19, 33])
    dtype = d.choice([np.float32, np.float64])
    r = np.random.default_rng(seed)
    x, y = r.standard_normal(shape).astype(dtype), r.standard_normal(shape).astype(dtype)
    plain, fast = np.full_like(x, np.nan), np.full_like(x, np.nan)
    drawn.on(OnPath("loops"))(x, y, plain, seed=seed)
    drawn.on(OnPath("sched"))(x, y, fast, seed=seed)
    scale = np.abs(plain).max()
    assert np.isfinite(plain).all()
    np.testing.assert_allclose(fast, plain, rtol=0, atol=scale * (1e-4 if dtype == np.float32 else 1e-11))
