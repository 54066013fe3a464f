# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.fft_conv against sums over taps in float64.

The error is the RMS of the difference over the RMS of what is right, so that zeros score 1. For half precision
the rounding of the result alone is a good part of what is allowed.
"""

from __future__ import annotations

import functools
import secrets
import sys
from typing import Any

import numpy as np
import pytest
from operators import DTYPES, call, covering, numpy_of, torch_of
from tegula import ops
from tegula.errors import LaunchError
from tegula.ops.fft_conv import fft_conv_plan
from tegula.testing import oracles

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


def relative_rms(y: Any, want: Any) -> float:
    """The error of y as a share of what is right."""
    return float(np.sqrt(np.mean((y - want) ** 2) / np.mean(want**2)))


def agree(y: Any, want: Any, gate: float) -> None:
    """y is right, and the same comparison refuses zeros and exchanged rows."""
    got = numpy_of(y)
    assert got.shape == want.shape
    assert relative_rms(got, want) <= gate
    assert relative_rms(0 * got, want) > gate
    first = want[..., :1, :] if want.shape[-2] > 1 else want[:1]
    if not np.array_equal(np.broadcast_to(first, want.shape), want):  # rows of stretched signals are alike
        assert relative_rms(got[::-1, ::-1], want) > gate


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
        (but(skip=np.zeros(2, np.float32)), r"'skip' has shape \[2\], expected \[3\]"),
    ]


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    named, text = refused()[number]
    with pytest.raises(LaunchError, match=text):
        call(ops.fft_conv, **named)
