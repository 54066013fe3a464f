# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""What the lowering to x86 owes to numbers and to odd views, beside the operators."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from core_kernels import any_view, compiled, one_instance, poisoned
from on_path import OnBothPaths
from tegula import In, InOut, Out, T

SEED = 20261124


@tg.kernel
def product(a: In[T, "M K"], b: In[T, "K N"], c: Out[tg.f32, "M N"], *, K: tg.tile):
    """One dot over all of K."""
    m, n, k = tg.grid((a.shape[0], 24)), tg.span(40), tg.span(K)
    tg.store(c, (m, n), tg.dot(tg.load(a, (m, k)), tg.load(b, (k, n))).to(tg.f32))


@tg.kernel
def product_onto(a: In[T, "M K"], b: In[T, "K N"], s: In[tg.f32, "M"], c: InOut[tg.f32, "M N"], *, K: tg.tile):
    """c·s + a·b: the rescaled accumulator belongs to the first block of sums only."""
    m, n, k = tg.grid((a.shape[0], 24)), tg.span(40), tg.span(K)
    scaled = tg.load(c, (m, n)) * tg.load(s, (m,))[:, None]
    tg.store(c, (m, n), tg.dot(tg.load(a, (m, k)), tg.load(b, (k, n)), acc=scaled))


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["f32", "bf16"])
@pytest.mark.parametrize("depth", [512, 513, 771, 1024, 1025, 1537, 7000])
def test_error_of_a_long_dot(dtype, depth: int) -> None:
    """Sums of positive numbers: one f32 chain over 7000 is off by 4e-6, 28 of 256 by a tenth of it."""
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    a, b = rng.random((24, depth)).astype(dtype), rng.random((depth, 40)).astype(dtype)
    want = a.astype(np.float64) @ b.astype(np.float64)
    c = np.full((24, 40), np.nan, np.float32)
    product(a, b, c, K=depth)
    # The widest chain has 512 products, and there are few blocks beside it.
    np.testing.assert_allclose(c, want, rtol=1.3e-6 if depth <= 512 else 8e-7, atol=0)
    start, scale = rng.standard_normal((24, 40)).astype(np.float32), rng.standard_normal(24).astype(np.float32)
    c = start.copy()
    product_onto(a, b, scale, c, K=depth)
    np.testing.assert_allclose(c, start * scale[:, None].astype(np.float64) + want, rtol=1.3e-6, atol=1e-6)


def one_of_many(x: In[T, "$A N M"], y: Out[T, "$A N"]):
    """A column of each plane: an axis that stays, with one that goes behind it."""
    n = tg.grid((x.shape[1], 8))
    tg.store(y, (tg.span(x.shape[0]), n), tg.load(x[:, :, 1], (tg.span(x.shape[0]), n)) + 1)


def one_of_many_inside(x: In[T, "B $A N M"], y: Out[T, "B $A N"], k: tg.i32):
    """The same behind an axis that goes as well, at a place that is not known."""
    n = tg.grid((x.shape[2], 8))
    tile = tg.load(x[1, :, :, k], (tg.span(x.shape[1]), n))
    tg.store(y[1], (tg.span(x.shape[1]), n), tile + 1)


@pytest.mark.parametrize("axis", [1, 2])
def test_axes_of_size_one_that_stay(axis: int) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    wide = rng.standard_normal((3, axis, 13, 10)).astype(np.float32)
    y = np.full((axis, 13), np.nan, np.float32)
    OnBothPaths(one_of_many)(wide[0, :, :, ::2], y)
    np.testing.assert_array_equal(y, wide[0, :, :, 2] + 1)
    y = np.full((3, axis, 13), np.nan, np.float32)
    OnBothPaths(one_of_many_inside)(wide, y, 4)
    np.testing.assert_array_equal(y[1], wide[1, :, :, 4] + 1)
    assert np.isnan(y[[0, 2]]).all()


@tg.kernel(repeatable=True)
def counted(x: In[T, "M N"], y: InOut[T, "N"]):
    """Rows added up from as many instances."""
    m, n = tg.grid((x.shape[0], 1)), tg.span(16)
    tg.reduce_store(y, (n,), tg.load(x, (m, n)).sum(axis=0), how="two_pass")


def test_repeatable_kernels_say_so() -> None:
    """The IR refuses what would break the promise, whoever wrote it; two passes are the order of instances here."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((400, 16)).astype(np.float32)
    want = np.zeros(16, np.float32)
    for row in x:
        want += row
    for threads in (1, 2):
        y = np.zeros(16, np.float32)
        with tg.threads(threads):
            counted(x, y)
        np.testing.assert_array_equal(y, want)
    assert "tegula.repeatable" in counted.ir("tegula", x, y)


@pytest.mark.parametrize("path", ["loops", "sched"])
@pytest.mark.parametrize("function", ["log1p", "expm1"])
def test_f64_near_zero(function: str, path: str) -> None:
    """Within 2 ulp of the C library: log(1 + x) and exp(x) - 1 keep 6 of 16 digits at 1e-10."""
    tens = 10.0 ** np.arange(-300, 3)
    x = np.concatenate([tens, -tens[tens < 1], [0.0, -0.0, np.inf, np.nan]])
    x = np.concatenate([x, np.ones(-len(x) % 64)])
    n, view = len(x), any_view(x)
    t = f"tensor<{n}xf64>"
    body = f"""
    %t = tegula.load %x[%c0] : {view} -> {t}
    %r = math.{function} %t : {t}
    tegula.store %r, %y[%c0] : {t}, {view}
"""
    y = poisoned(x.shape, np.float64)
    compiled(one_instance("near_zero", [f"in %x: {view}", f"out %y: {view}"], body), path).launch("near_zero", x, y)
    with np.errstate(all="ignore"):
        want = {"log1p": np.log1p, "expm1": np.expm1}[function](x)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(want))
    good = np.isfinite(want)
    assert (np.abs(y[good] - want[good]) <= 2 * np.spacing(np.abs(want[good]))).all()
    assert (np.signbit(y) == np.signbit(want))[~np.isnan(want)].all()
