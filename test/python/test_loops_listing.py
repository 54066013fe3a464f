# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Listing (a) of the language page on the plain path, at every level from which it can be taken there."""

from __future__ import annotations

import re
import time
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from built import ROOT
from plain_loops import Loaded, load
from test_loops_vs_numpy import SCHEDULED

LISTING = (ROOT / "test" / "Dialect" / "Tegula" / "listing-a.mlir").read_text()
LEVELS = {
    "tiles": "tegula-to-loops",
    "canonical": "canonicalize,cse,tegula-to-loops",
    "split": "tegula-split-streams,tegula-hoist-loads,canonicalize,tegula-to-loops",
    "decomposed": "tegula-decompose,canonicalize,tegula-to-loops",
    "scheduled": SCHEDULED,
}


def in_f64(text: str) -> str:
    """The listing with T = f64; the rounding of the result goes."""
    text = re.sub(r"\bbf16\b|\bf32\b", "f64", text.replace("xbf16", "xf64").replace("xf32", "xf64"))
    text = text.replace("0xFF800000", "0xFFF0000000000000")
    text, count = re.subn(r"%ob = arith.truncf %ot : .*", "", text)
    assert count == 1
    return text.replace("%ob", "%ot")


def attention(q: Any, k: Any, v: Any, scale: float, right: int) -> tuple[Any, Any]:
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
    m, n = q.shape[2], k.shape[2]
    x = q @ k.swapaxes(-1, -2) * scale
    x = np.where(np.arange(n)[None] - np.arange(m)[:, None] - (n - m) <= right, x, -np.inf)
    p = np.exp(x - np.maximum(x.max(-1, keepdims=True, initial=-np.inf), -1e300))
    with np.errstate(all="ignore"):
        total = p.sum(-1, keepdims=True)
        lse = np.log(total[..., 0]) + np.maximum(x.max(-1, initial=-np.inf), -1e300)
        return np.where(total > 0, p @ v / total, 0), np.where(total[..., 0] > 0, lse, -np.inf)


@pytest.fixture(scope="module", params=LEVELS)
def kernels(request: pytest.FixtureRequest) -> dict[str, Loaded]:
    passes = LEVELS[request.param]
    return {"f64": load(in_f64(LISTING), passes), "bf16": load(LISTING, passes)}


SHAPES = [
    (2, 4, 2, 19, 37),
    (1, 1, 1, 1, 1),
    (1, 2, 1, 130, 300),
    (1, 1, 1, 5, 0),
    (1, 2, 2, 300, 130),
    (1, 1, 1, 0, 9),
]


@pytest.mark.parametrize("right", [0, -3, 7, 2**30])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_attention(kernels: dict[str, Loaded], shape: tuple[int, ...], right: int) -> None:
    b, h, hk, m, n = shape
    rng = np.random.default_rng(11)
    for name, dtype, acc, tolerance in (
        ("f64", np.float64, np.float64, 1e-12),
        ("bf16", ml_dtypes.bfloat16, np.float32, 0.02),
    ):
        q, k, v = (
            rng.standard_normal((b, heads, 64, rows)).astype(dtype) for heads, rows in ((h, m), (hk, n), (hk, n))
        )
        # Rows come from a transposed array: only the last axis is contiguous.
        q, k, v = (np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 1, 3) for x in (q, k, v))
        o, lse = np.full((b, h, m, 64), np.nan, dtype), np.full((b, h, m), np.nan, acc)
        scale = acc(0.125)
        kernels[name].launch("attention_fwd", 3, q, k, v, o, lse, (acc, scale), right)
        want, want_lse = attention(q, k, v, float(scale), right)
        assert np.abs(o.astype(np.float64) - want).max(initial=0) <= tolerance
        seen = np.isfinite(want_lse)
        assert (lse[~seen] == -np.inf).all()
        assert np.abs(lse[seen] - want_lse[seen]).max(initial=0) <= (1e-12 if name == "f64" else 1e-3)


def test_requirement(kernels: dict[str, Loaded]) -> None:
    """H = 3 is no multiple of HK = 2; and HK = 0 must not divide the host's process away."""
    q, lse = np.zeros((1, 3, 4, 64)), np.zeros((1, 3, 4))
    with pytest.raises(ValueError, match="requirement 1"):
        k = np.zeros((1, 2, 4, 64))
        kernels["f64"].launch("attention_fwd", 3, q, k, k, q.copy(), lse, (np.float64, 1.0), 0)
    none = np.zeros((1, 0, 0, 64))
    o = np.ones_like(q)
    kernels["f64"].launch("attention_fwd", 3, q, none, none, o, lse, (np.float64, 1.0), 0)
    assert (o == 0).all() and (lse == -np.inf).all()


def test_is_fast_enough_to_be_used(kernels: dict[str, Loaded]) -> None:
    """1024 queries by 1024 keys take well under a second; ten are the limit on a busy machine."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((1, 1, 1024, 64)).astype(ml_dtypes.bfloat16) for _ in range(3))
    o, lse = q.copy(), np.zeros((1, 1, 1024), np.float32)
    before = time.monotonic()
    kernels["bf16"].launch("attention_fwd", 3, q, k, v, o, lse, (np.float32, 0.125), 2**20)
    assert time.monotonic() - before < 10
