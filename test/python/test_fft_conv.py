# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.fft_conv against sums over taps in float64.

The error is the RMS of the difference over the RMS of what is right, so that zeros score 1. For half precision
the rounding of the result alone is a good part of what is allowed.
"""

from __future__ import annotations

import functools
import math
import re
import secrets
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tegula as tg
from on_path import OnPath
from operators import DTYPES, call, covering, numpy_of, torch_of
from tegula import ops
from tegula.errors import LaunchError
from tegula.ops.fft_conv import fft_conv_plan, fft_conv_step
from tegula.ops.fft_conv.factors import Layout, layout
from tegula.ops.fft_conv.launch import Gates, convolve, filter_grads, spectra
from tegula.ops.fft_conv.transform import Transform
from tegula.testing import Evaluation, oracles

GATES = {"f64": 1e-13, "f32": 1e-6, "f16": 2e-3, "bf16": 1e-2}
FACTORS: dict[str, list[Any]] = {
    "sizes": [(1, 1), (7, 3), (16, 40), (64, 64), (67, 67), (101, 150), (128, 1), (250, 250), (515, 100)],
    "mode": ["causal", "circular", "bidirectional"],
    "dtype": list(DTYPES),
    "filter": ["same", "f32", "plan"],
    "rows": [(1, 1), (3, 2), (2, 5), (5, 1)],
    "gates": ["none", "pre", "post", "both"],
    "skip": [False, True],
    "layout": ["dense", "transposed", "every second", "stretched"],
    "scale": [1.0, 0.02, 0.0005],
    "kind": ["numpy", "torch"],
}


def generator() -> np.random.Generator:
    """Fresh numbers in every run; the seed is shown where a test fails."""
    seed = secrets.randbits(32)
    print(f"seed={seed}", file=sys.stderr)
    return np.random.default_rng(seed)


def fits(case: dict[str, Any]) -> bool:
    """Whether the values of a case, which may be partial, go together."""
    length, taps = case.get("sizes", (1, 1))
    return not (case.get("mode") == "circular" and taps > length)


@functools.cache
def cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(FACTORS, fits, seed=4)


def relative_rms(y: Any, want: Any, spacing: float = 0.0) -> float:
    """The error of y as a share of what is right, beyond half of `spacing`."""
    beyond = np.maximum(np.abs(y - want) - spacing / 2, 0)
    return float(np.sqrt(np.mean(beyond**2) / np.mean(want**2)))


def least_spacing(y: Any) -> float:
    """The spacing of the numbers around 0, which no rounding of a result can be finer than."""
    is_half = str(y.dtype).removeprefix("torch.") == "float16"
    return float(np.finfo(np.float16).smallest_subnormal) if is_half else 0.0


def agree(y: Any, want: Any, gate: float) -> None:
    """y is right, and the same comparison refuses zeros and exchanged rows."""
    got = numpy_of(y)
    assert got.shape == want.shape
    spacing = least_spacing(y)
    assert relative_rms(got, want, spacing) <= gate
    assert relative_rms(0 * got, want, spacing) > gate
    first = want[..., :1, :] if want.shape[-2] > 1 else want[:1]
    if not np.array_equal(np.broadcast_to(first, want.shape), want):  # rows of stretched signals are alike
        assert relative_rms(got[::-1, ::-1], want, spacing) > gate


def laid_out(x: Any, layout: str) -> Any:
    """The same values under other strides, or, for "stretched", the first batch entry's everywhere."""
    if layout == "transposed":
        return np.ascontiguousarray(x.T).T
    if layout == "every second":
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == "stretched":
        return np.lib.stride_tricks.as_strided(x[:1], x.shape, (0, *x.strides[1:]))
    return x


def draw(rng: np.random.Generator, c: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """A signal, a filter and the other arguments of a case."""
    (L, K), (B, H), dtype = c["sizes"], c["rows"], DTYPES[c["dtype"]]
    u = (c["scale"] * rng.standard_normal((B, H, L))).astype(dtype)
    k = rng.standard_normal((2, H, K) if c["mode"] == "bidirectional" else (H, K)) / K**0.5
    k = k.astype(np.float32 if c["filter"] == "f32" else dtype)
    named: dict[str, Any] = {}
    for gate in ("pre", "post"):
        if c["gates"] in (gate, "both"):
            named[f"{gate}_gate"] = laid_out(rng.standard_normal((B, H, L)).astype(dtype), c["layout"])
    if c["skip"]:
        named["skip"] = rng.standard_normal(H).astype(dtype)
    return laid_out(u, c["layout"]), k, named


@pytest.mark.parametrize("number", range(len(cases())))
def test_pairwise(number: int) -> None:
    c = cases()[number]
    u, k, named = draw(generator(), c)
    want = oracles.fft_conv(u, k, mode=c["mode"], **named)
    if c["kind"] == "torch":
        u, k, named = torch_of(u), torch_of(k), {n: torch_of(x) for n, x in named.items()}
    filters = fft_conv_plan(k, u.shape[-1], c["mode"]) if c["filter"] == "plan" else k
    y = call(ops.fft_conv, u, filters, mode=c["mode"], **named)
    assert type(y) is type(u)
    assert y.dtype == u.dtype
    agree(y, want, GATES[c["dtype"]])


@pytest.mark.parametrize("mode", ["causal", "circular", "bidirectional"])
def test_a_plan_is_reused(mode: str) -> None:
    rng = generator()
    L = 300
    k = rng.standard_normal((2, 3, 90) if mode == "bidirectional" else (3, 90)).astype(np.float32) / 90**0.5
    plan = fft_conv_plan(k, L, mode)
    for batch in (1, 4):
        u = rng.standard_normal((batch, 3, L)).astype(np.float32)
        agree(call(ops.fft_conv, u, plan, mode=mode), oracles.fft_conv(u, k, mode=mode), 1e-6)


# ---- every way to lay a convolution out, whatever the sizes at which it pays


TURNED = Transform((4, 4, 4, 2), (False, True, True, True), True, turn=2)
APART = Transform((4, 16, 4, 4), (False, False, True, True), True, turn=2, apart=True)
PLAIN, TWISTED = Transform((4, 16), (False, False), False), Transform((4, 2, 16), (False, True, False), True)
LAYOUTS: list[tuple[Layout, str, int, int]] = [
    (Layout(TWISTED, twisted=True), "causal", 120, 128),
    (Layout(TWISTED, twisted=True), "bidirectional", 128, 128),
    (Layout(TWISTED, twisted=True, blocks=True), "causal", 300, 128),
    (Layout(TWISTED, twisted=True, blocks=True), "causal", 256, 50),
    (Layout(PLAIN), "circular", 64, 64),
    (Layout(TURNED, twisted=True), "bidirectional", 125, 128),
    (Layout(APART, twisted=True), "causal", 1000, 1024),
    (Layout(APART, twisted=True), "bidirectional", 700, 300),
    (Layout(Transform((4, 4, 8), (True, True, True), False, turn=2)), "circular", 128, 60),
    (Layout(PLAIN, wrap=True), "circular", 31, 20),
    (Layout(PLAIN, outer=8), "circular", 512, 300),
    (Layout(PLAIN, outer=8, wrap=True), "circular", 251, 100),
    (Layout(PLAIN, outer=8, twisted=True), "causal", 500, 300),
    (Layout(PLAIN, outer=6, twisted=True), "bidirectional", 384, 384),
]


@pytest.mark.parametrize(("how", "mode", "L", "K"), LAYOUTS)
def test_every_layout_and_its_derivatives(how: Layout, mode: str, L: int, K: int) -> None:
    rng = generator()
    B, C = 3, 2

    def make(shape: Any, dtype: Any) -> Any:
        return np.full(shape, np.nan)

    def taps(k: Any) -> Any:
        return (k[0], k[1]) if mode == "bidirectional" else (k, None)

    u, v, dy, pre, post = rng.standard_normal((5, B, C, L))
    k, q = rng.standard_normal((2, 2, C, K) if mode == "bidirectional" else (2, C, K)) / K**0.5
    gates = Gates(pre, post, rng.standard_normal(C))
    named = {"pre_gate": pre, "post_gate": post, "mode": mode}
    y, du, dk = np.full_like(u, np.nan), np.full_like(u, np.nan), np.full_like(k, np.nan)
    spectrum = spectra(make, how, *taps(k), tg.f64)
    convolve(make, how, u, spectrum, y, gates, tg.f64)
    agree(y, oracles.fft_conv(u, k, skip=gates.skip, **named), 1e-13)
    # Linear in u and in k: <dy, op(v)> is what the gradients are for.
    convolve(make, how, dy, spectrum, du, Gates(post, pre, gates.skip), tg.f64, adjoint=True)
    want = np.vdot(dy, oracles.fft_conv(v, k, skip=gates.skip, **named))
    np.testing.assert_allclose(np.vdot(du, v), want, rtol=0, atol=1e-11)
    filter_grads(make, how, u, dy, *taps(dk), gates, tg.f64)
    want = np.vdot(dy, oracles.fft_conv(u, q, **named))
    np.testing.assert_allclose(np.vdot(dk, q), want, rtol=0, atol=1e-11)


def test_layouts_by_size() -> None:
    assert layout("causal", 1024, 1024) == layout("bidirectional", 1024, 1024)
    assert layout("causal", 100_000, 300).blocks
    assert layout("causal", 32 * 1024, 32 * 1024).outer == 1
    assert layout("causal", 4 * 2**20, 4 * 2**20).outer == 128
    assert layout("circular", 4096, 4096) == Layout(layout("circular", 4096, 1).transform)
    assert layout("circular", 4099, 1).wrap  # a prime
    assert layout("causal", 2**24, 2**24) is None
    for length in (1, 2, 31, 64, 65, 100, 1000, 4096, 5000, 32768):
        for mode in ("causal", "circular"):
            found = layout(mode, length, length)
            assert found.size >= length
            assert found.size <= (2 if found.wrap else 1) * length * 1.35 + 16


@pytest.mark.parametrize("path", ["loops", "sched", "numpy"])
@pytest.mark.parametrize("t", [TWISTED, TURNED, replace(PLAIN, twisted=True)])
def test_three_meanings(path: str, t: Transform) -> None:
    """The kernels by plain loops, by the fast path, and evaluated in NumPy."""
    from tegula.ops.fft_conv import kernels

    def run(kernel: Any, *args: Any, **named: Any) -> None:
        if path == "numpy":
            Evaluation()(kernel, *args, **named)
        else:
            kernel.on(OnPath(path))(*args, **named)

    rng = generator()
    u, k = rng.standard_normal((2, 2, t.size - 3)), rng.standard_normal((2, t.size)) / t.size**0.5
    pre, skip, (re, im) = rng.standard_normal(u.shape), rng.standard_normal(2), np.full((2, 2, t.size), np.nan)
    y, dk = np.full_like(u, np.nan), np.full_like(k, np.nan)
    run(kernels.filter_kernel, k, re, im, t=t, rows=t.factors[0])
    run(kernels.conv_kernel, u, re, im, y, pre, None, skip, t=t, rows=t.factors[0], BS=2)
    agree(y, oracles.fft_conv(u, k, pre_gate=pre, skip=skip), 1e-13)
    run(kernels.filter_grad_kernel, u, pre, dk, t=t, rows=t.factors[0], taps=t.factors[0])
    want = np.vdot(pre, oracles.fft_conv(u, k))
    np.testing.assert_allclose(np.vdot(dk, k), want, rtol=0, atol=1e-11)


# ---- streams, bands


@pytest.mark.parametrize("parts", [[300], [128, 128], [1, 127, 128, 5], [200, 0, 77]])
def test_a_signal_in_parts_is_the_signal(parts: list[int]) -> None:
    rng = generator()
    B, C, L = 2, 3, sum(parts)
    u, pre, post = rng.standard_normal((3, B, C, L)).astype(np.float32)
    k, skip = (rng.standard_normal((C, 100)) / 10).astype(np.float32), rng.standard_normal(C).astype(np.float32)
    plan, state, done = fft_conv_plan(k, 128), None, 0
    out: list[Any] = []
    for n in parts:
        at = slice(done, done + n)
        y, state = fft_conv_step(u[..., at], plan, state, pre_gate=pre[..., at], post_gate=post[..., at], skip=skip)
        out.append(y)
        done += n
    agree(np.concatenate(out, axis=2), oracles.fft_conv(u, k, pre_gate=pre, post_gate=post, skip=skip), 1e-6)


def test_a_long_signal_goes_through_in_blocks() -> None:
    rng = generator()
    u, k = rng.standard_normal((1, 2, 40_000)), rng.standard_normal((2, 200)) / 14
    plan = fft_conv_plan(k.astype(np.float32), 40_000)
    assert plan.layout.blocks
    want = np.fft.irfft(np.fft.rfft(u, 41_000) * np.fft.rfft(k, 41_000), 41_000)[..., :40_000]
    agree(call(ops.fft_conv, u.astype(np.float32), plan), want, 1e-6)


def sums(t: Transform, rows: int) -> int:
    """Multiply-adds of the dot products in the scheduled program of a transform's kernel."""
    from tegula.ops.fft_conv.kernels import conv_kernel

    signal, spectrum = tg.Spec((4, 2, rows * t.width), tg.f32), tg.Spec((2, t.bins), tg.f32)
    text = conv_kernel.ir("sched", signal, spectrum, spectrum, signal, t=t, rows=rows)
    total = 0
    for line in text.splitlines():
        if "sched.mma" in line:
            a, b = ([int(n) for n in s.split("x")[:-1]] for s in re.findall(r"<((?:\d+x)+[a-z]+\d+)", line)[:2])
            total += max(math.prod(a) * b[-1] * (b[0] if len(a) == 3 and a[0] == 1 else 1), 1)
    assert total > 0
    return total


@pytest.mark.parametrize("mode", ["causal", "circular", "bidirectional"])
@pytest.mark.parametrize("band", [(0.0, 0.1), (0.2, 0.3), (0.0, 0.5)])
def test_a_band_of_frequencies(mode: str, band: tuple[float, float]) -> None:
    rng = generator()
    L, C = 512, 2
    u = rng.standard_normal((3, C, L)).astype(np.float32)
    k = (rng.standard_normal((2, C, 60) if mode == "bidirectional" else (C, 60)) / 8).astype(np.float32)
    plan = fft_conv_plan(k, L, mode, band=band)
    N = plan.size
    taps = np.zeros((C, N))
    taps[:, :60] = k[0] if mode == "bidirectional" else k
    if mode == "bidirectional":
        taps[:, N - 60 :] += k[1, :, ::-1]
    frequencies = np.arange(N // 2 + 1) / N
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    want = np.fft.irfft(np.fft.rfft(u.astype(float), N) * np.fft.rfft(taps) * inside, N)[..., :L]
    agree(call(ops.fft_conv, u, plan, mode=mode), want, 1e-6)


def test_a_band_skips_blocks() -> None:
    plan = fft_conv_plan(np.ones((2, 100), np.float32), 1024, "circular", band=(0.0, 0.1))
    part = plan.layout.transform
    whole = replace(part, keep=(), band=None)
    assert part.bins < 0.4 * whole.bins
    rows = plan.layout.rows(1024)
    assert sums(part, rows) < 0.8 * sums(whole, rows)


def test_a_partial_filter_takes_a_smaller_transform() -> None:
    # Taps are few: the signal goes through in blocks, and each block's sums are fewer.
    few, many = (fft_conv_plan(np.ones((2, n), np.float32), 8192) for n in (64, 8192))
    assert few.size * 8 <= many.size


# ---- learned factors


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("sizes", [(5,), (4, 8), (3, 2, 16)])
def test_butterfly_products(sizes: tuple[int, ...], dtype: str, kind: str) -> None:
    rng = generator()
    B, C, N = 5, 3, math.prod(sizes)
    x = rng.standard_normal((B, C, N)).astype(DTYPES[dtype])
    factors = [(rng.standard_normal((2, C, n, n)) / (2 * n) ** 0.5).astype(DTYPES[dtype]) for n in sizes]
    want = oracles.butterfly(x, factors)
    if kind == "torch":
        x, factors = torch_of(x), [torch_of(f) for f in factors]
    for got, exact in zip(call(ops.butterfly, x, factors), want, strict=True):
        agree(got, exact, GATES[dtype])


def test_butterfly_of_fourier_factors_is_the_transform() -> None:
    x = generator().standard_normal((2, 1, 32))
    factors = [np.fft.fft(np.eye(n), norm="ortho") for n in (4, 8)]
    re, im = call(ops.butterfly, x, [np.stack([f.real, f.imag])[:, None] for f in factors])
    order = (np.arange(4)[:, None] + 4 * np.arange(8)[None, :]).reshape(-1)
    np.testing.assert_allclose(re + 1j * im, np.fft.fft(x, norm="ortho")[..., order], atol=1e-13)
    assert call(ops.butterfly, x[:0], [np.zeros((2, 1, 32, 32))])[0].shape == (0, 1, 32)


def test_factors_that_do_not_fit() -> None:
    x, f = np.zeros((2, 3, 8), np.float32), np.zeros((2, 3, 4, 4), np.float32)
    with pytest.raises(LaunchError, match="'factors' holds 4 arrays, expected one to three"):
        call(ops.butterfly, x, [f] * 4)
    with pytest.raises(LaunchError, match=r"'factors\[1\]' has shape \[3, 4, 4\], expected \[2, 3, n, n\]"):
        call(ops.butterfly, x, [f, f[0]])
    with pytest.raises(LaunchError, match=r"'factors\[0\]' holds f64 of numpy, 'x' f32 of numpy"):
        call(ops.butterfly, x, [f.astype(np.float64)])
    with pytest.raises(LaunchError, match="factors of 4 · 4 points make no 8"):
        call(ops.butterfly, x, [f, f])


# ---- derivatives


def test_gradients() -> None:
    import torch

    torch.manual_seed(secrets.randbits(31))
    for mode, (L, K) in (("causal", (9, 5)), ("causal", (20, 25)), ("circular", (8, 8)), ("bidirectional", (11, 4))):
        u, pre, post = (torch.randn(3, 2, L, dtype=torch.float64, requires_grad=True) for _ in range(3))
        shape = (2, 2, K) if mode == "bidirectional" else (2, K)
        k = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        skip = torch.randn(2, dtype=torch.float64, requires_grad=True)

        def op(u: Any, k: Any, pre: Any, post: Any, skip: Any, mode: str = mode) -> Any:
            return ops.fft_conv(u, k, pre_gate=pre, post_gate=post, skip=skip, mode=mode)

        assert torch.autograd.gradcheck(op, (u, k, pre, post, skip))
        plan = fft_conv_plan(k.detach(), L, mode)
        assert torch.autograd.gradcheck(lambda u, p=plan, m=mode: ops.fft_conv(u, p, mode=m), (u,))


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_gradients_are_as_exact_as_results(dtype: str) -> None:

    rng = generator()
    u, dy = (rng.standard_normal((3, 2, 200)).astype(DTYPES[dtype]) for _ in range(2))
    k = (rng.standard_normal((2, 90)) / 9).astype(np.float32)
    x, f = torch_of(u).requires_grad_(), torch_of(k).requires_grad_()
    ops.fft_conv(x, f).backward(torch_of(dy))
    # The transposed filter is the filter, backwards in time.
    agree(x.grad, oracles.fft_conv(dy[..., ::-1], k)[..., ::-1], GATES[dtype])
    want = np.stack(
        [np.sum(dy[..., s:].astype(float) * u[..., : 200 - s].astype(float), axis=(0, 2)) for s in range(90)]
    )
    agree(f.grad, want.T, GATES["f32"])


def test_operator_of_pytorch() -> None:
    import torch
    from tegula.ops.fft_conv.plan import OPERATOR

    u, k = torch.randn(2, 3, 16, requires_grad=True), torch.randn(3, 7, requires_grad=True)
    skip = torch.randn(3, requires_grad=True)
    torch.library.opcheck(OPERATOR.overload, (u, k, None, None, None, None, skip), {"mode": "causal", "taps": 7})


@pytest.mark.parametrize("shape", [(0, 2, 5), (2, 0, 5), (2, 3, 0)])
def test_empty(shape: tuple[int, int, int]) -> None:
    y = call(ops.fft_conv, np.ones(shape, np.float32), np.ones((shape[1], 4), np.float32))
    assert y.shape == shape
    none = call(ops.fft_conv, np.ones((2, 3, 5)), np.ones((3, 0)), skip=np.ones(3))
    assert (none == 1).all()


def test_nothing_leaks_from_the_future() -> None:
    # A transform mixes all points; what comes back to the past is rounding, and grows with the signal.
    rng = generator()
    u, k = rng.standard_normal((1, 2, 400)), rng.standard_normal((2, 400)) / 20
    for dtype, share in ((np.float64, 1e-15), (np.float32, 1e-6)):
        for scale in (1.0, 1e6):
            x = (scale * u).astype(dtype)
            later = x.copy()
            later[..., 250:] = -7 * scale
            y, z = (call(ops.fft_conv, a, k.astype(dtype)) for a in (x, later))
            assert np.abs(y - z)[..., :250].max() <= share * 10 * np.abs(y).max()
            assert np.abs(y - z)[..., 250:].max() > 0.1 * scale


def refused() -> list[tuple[dict[str, Any], str]]:
    """Arguments that do not fit, and what the error says."""
    u, k = np.zeros((2, 3, 8), np.float32), np.zeros((3, 5), np.float32)
    good: dict[str, Any] = {"u": u, "k": k}

    def but(**changes: Any) -> dict[str, Any]:
        return good | changes

    return [
        (but(u=u[0]), r"'u' has 2 axes, expected \[batch, channels, length\]"),
        (but(u=u.astype(np.int32)), "'u' holds i32, expected f64"),
        (but(k=k[0]), r"'k' has 1 axes, expected \[channels, taps\]"),
        (but(k=k.astype(np.float64)), "'k' holds f64, expected f32"),
        (but(k=k[:2]), "'k' has 2 channels, 'u' has 3"),
        (but(k=torch_of(k)), "'k' is a torch array, 'u' a numpy one"),
        (but(k=np.zeros((3, 9), np.float32), mode="circular"), "'k' has 9 taps, more than the signal's period of 8"),
        (but(k=np.zeros((3, 3, 5), np.float32), mode="bidirectional"), r"'k' has shape \[3, 3, 5\], expected \[2, ch"),
        (but(mode="full"), "'mode' is 'full', expected 'causal', 'circular', 'bidirectional'"),
        (but(k=fft_conv_plan(k, 9)), "'k' is a plan for signals of 9, 'u' has 8"),
        (but(k=fft_conv_plan(k, 8), mode="circular"), "'k' is a plan for 'causal', 'mode' is 'circular'"),
        (but(k=fft_conv_plan(k.astype(np.float64), 8)), "'k' is a plan in f64, 'u' holds f32"),
        (but(pre_gate=u[:1]), r"'pre_gate' has shape \[1, 3, 8\], expected \[2, 3, 8\]"),
        (but(post_gate=u.astype(np.float16)), "'post_gate' holds f16, 'u' holds f32"),
        (but(k=torch_of(k).requires_grad_(), u=torch_of(u), pre_gate=u), "'pre_gate' is a numpy array"),
        (but(skip=np.zeros(2, np.float32)), r"'skip' has shape \[2\], expected \[3\]"),
    ]


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    named, text = refused()[number]
    with pytest.raises(LaunchError, match=text):
        call(ops.fft_conv, **named)


def test_plans_and_steps_that_do_not_fit() -> None:
    k = np.zeros((3, 5), np.float32)
    with pytest.raises(LaunchError, match="fft_conv_plan: 'L' is -1, expected a length"):
        fft_conv_plan(k, -1)
    with pytest.raises(LaunchError, match=r"'band' is \(0.3, 0.2\), expected frequencies 0 <= low < high <= 0.5"):
        fft_conv_plan(k, 8, band=(0.3, 0.2))
    with pytest.raises(LaunchError, match="with 'band', signals of 9000000 are longer than the largest transform"):
        fft_conv_plan(k, 9_000_000, band=(0.1, 0.2))
    with pytest.raises(LaunchError, match="signals of 9000000 are longer than the largest transform"):
        fft_conv_plan(np.zeros((1, 9_000_000), np.float32), 9_000_000)
    u = np.zeros((2, 3, 8), np.float32)
    with pytest.raises(LaunchError, match=r"'state' is \[2, 3, 8\] of f64, expected \[2, 3, 8\] of f32"):
        fft_conv_step(u, fft_conv_plan(k, 8), np.zeros((2, 3, 8)))
    with pytest.raises(LaunchError, match="'plan' is of 13 points in several kernels or has a band"):
        fft_conv_step(u, fft_conv_plan(k, 8, band=(0.1, 0.2)))
