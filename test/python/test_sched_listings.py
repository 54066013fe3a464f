# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scheduled kernels of test/Dialect/Sched/listings, run as plain loops against NumPy.

Ten kernels for four machines, as an author or the planner would schedule them. Shapes: no keys, no
depth, one row, ragged ends, shifted causal masks, rows that see nothing, nodes without edges.
"""

from __future__ import annotations

import functools
import math
import zlib
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import plain_loops
import pytest

LISTINGS = Path(__file__).resolve().parents[1] / "Dialect" / "Sched" / "listings"
BF16, F32, I32 = ml_dtypes.bfloat16, np.float32, np.int32
Array = np.ndarray[Any, Any]

MATMULS = ("matmul_x86", "matmul_sm80", "matmul_gfx942", "matmul_sm90")
ATTENTIONS = ("attention_x86", "attention_sm80", "attention_gfx942", "attention_sm90")
PRODUCTS = ((1, 1, 1), (128, 128, 64), (130, 40, 200), (129, 257, 65), (5, 130, 0))
# Queries, keys, offset of the first query.
SOFTMAXES = ((1, 1, 0), (128, 256, 128), (130, 70, 3), (100, 300, 200), (70, 40, -30), (5, 0, 0), (3, 129, 1000))
GRAPHS = ((4, 0), (1, 3), (10, 150), (9, 400))
FEED_FORWARDS = ((1, 64, 64), (70, 100, 200), (64, 10, 130))


@functools.cache
def loaded(name: str) -> plain_loops.Loaded:
    return plain_loops.load((LISTINGS / f"{name}.mlir").read_text(), "tegula-to-loops")


def random(name: str, shape: tuple[int, ...]) -> np.random.Generator:
    """Fresh numbers for each kernel and shape; the seed is in the report of a failure."""
    seed = zlib.crc32(f"{name}{shape}".encode())
    print("seed", seed)
    return np.random.default_rng(seed)


def poisoned(*shape: int) -> Array:
    return np.full(shape, np.nan, F32)


def to_bf16(x: Array) -> Array:
    return x.astype(BF16).astype(np.float64)


def check(got: Array, want: Array, eps: float) -> None:
    """Each element within `eps` of its row's largest; zeros and exchanged rows fail."""

    def close(a: Array, b: Array) -> bool:
        finite = np.isfinite(b)
        if not np.array_equal(np.isfinite(a), finite) or not np.array_equal(a[~finite], b[~finite]):
            return False
        a, b = np.where(finite, a, 0), np.where(finite, b, 0)
        return bool((np.abs(a - b) <= eps * (np.abs(b).max(axis=-1, keepdims=True, initial=0) + 1e-3)).all())

    got, want = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (got, want))
    assert close(got, want)
    calm = np.where(np.isfinite(want), want, 0)
    if np.abs(calm).max(initial=0) > 0.1:
        assert not close(np.zeros_like(got), want)
    if len(want) > 1 and np.abs(calm - np.roll(calm, 1, axis=0)).max(initial=0) > 0.1:
        assert not close(np.roll(got, 1, axis=0), want)


@pytest.mark.parametrize("shape", PRODUCTS, ids=str)
@pytest.mark.parametrize("name", MATMULS)
def test_matmul(name: str, shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    rng = random(name, shape)
    dtype = F32 if name == "matmul_x86" else BF16
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    c = poisoned(m, n)
    if name == "matmul_sm90":  # persistent: a grid of two workers
        loaded(name).launch(name, 1, a, b, c, 2)
    else:
        loaded(name).launch(name, 2, a, b, c)
    check(c, a.astype(np.float64) @ b.astype(np.float64), 1e-5)


def attention(q: Array, k: Array, v: Array, off: int, scale: float, narrow: bool) -> tuple[Array, Array]:
    """Causal attention with a shift: query i sees keys up to i + off."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    s = scale * q @ k.T
    seen: Array = np.greater_equal.outer(np.arange(len(q)) + off, np.arange(len(k)))
    s = np.where(seen, s, -np.inf)
    m = s.max(axis=1, initial=-np.inf)
    e = np.exp(s - np.where(np.isfinite(m), m, 0)[:, None])
    l = e.sum(axis=1)
    p = to_bf16(e) if narrow else e
    empty = l == 0
    with np.errstate(divide="ignore"):
        return p @ v / np.where(empty, 1, l)[:, None], np.where(empty, -np.inf, m + np.log(l))


@pytest.mark.parametrize("shape", SOFTMAXES, ids=str)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention(name: str, shape: tuple[int, int, int]) -> None:
    queries, keys, off = shape
    rng = random(name, shape)
    dtype = F32 if name == "attention_x86" else BF16
    q, k, v = (rng.standard_normal((rows, 64)).astype(dtype) for rows in (queries, keys, keys))
    o, lse = poisoned(queries, 64), poisoned(queries)
    scale = 1 / math.sqrt(64)
    loaded(name).launch(name, 1, q, k, v, o, lse, off, (F32, scale), (F32, scale / math.log(2)))
    want_o, want_lse = attention(q, k, v, off, scale, narrow=dtype == BF16)
    # P is rounded to bf16 against a maximum that may still grow: half an ulp each time.
    check(o, want_o, 2**-7 if dtype == BF16 else 1e-5)
    check(lse, want_lse, 1e-5)


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))) - math.log(2)


@pytest.mark.parametrize("shape", GRAPHS, ids=str)
def test_cfconv(shape: tuple[int, int]) -> None:
    nodes, edges = shape
    rng = random("cfconv", shape)
    pos, h = rng.standard_normal((nodes, 3)).astype(F32), rng.standard_normal((nodes, 128)).astype(BF16)
    ends = np.sort(rng.integers(0, nodes, edges))  # some nodes get none, some many
    ptr = np.searchsorted(ends, np.arange(nodes + 1)).astype(I32)
    src = rng.integers(0, nodes, edges).astype(I32)
    w1, w2 = ((rng.standard_normal(s) / 8).astype(BF16) for s in ((64, 128), (128, 128)))
    b1, b2 = (rng.standard_normal(128).astype(F32) for _ in range(2))
    mu = np.linspace(0, 5, 64).astype(F32)
    gamma, rc = -10.0, 3.0
    y = poisoned(nodes, 128)
    loaded("cfconv_sm90").launch(
        "cfconv_sm90", 1, pos, h, ptr, src, w1, b1, w2, b2, mu, y, (F32, gamma), (F32, rc)
    )  # fmt: skip
    d = np.sqrt(np.maximum(((pos[ends] - pos[src]).astype(np.float64) ** 2).sum(axis=1), 1e-24))
    basis = to_bf16(np.exp(gamma * (d[:, None] - mu) ** 2))
    middle = to_bf16(softplus(basis @ w1.astype(np.float64) + b1))
    envelope = np.where(d < rc, 0.5 * np.cos(np.pi * d / rc) + 0.5, 0)
    message = (middle @ w2.astype(np.float64) + b2) * h.astype(np.float64)[src] * envelope[:, None]
    want = np.zeros((nodes, 128))
    np.add.at(want, ends, message)
    check(y, want, 2**-7)


@pytest.mark.parametrize("shape", FEED_FORWARDS, ids=str)
def test_low_rank_ffn(shape: tuple[int, int, int]) -> None:
    rows, hidden, inner = shape
    rng = random("ffn", shape)
    sizes = {"x": (rows, hidden), "u1": (hidden, 64), "v1": (64, inner), "u2": (inner, 64), "v2": (64, hidden)}
    x, u1, v1, u2, v2 = ((rng.standard_normal(s) / math.sqrt(s[1])).astype(BF16) for s in sizes.values())
    b1, b2 = rng.standard_normal(inner).astype(F32), rng.standard_normal(hidden).astype(F32)
    y = poisoned(rows, hidden)
    loaded("low_rank_ffn_sm80").launch("low_rank_ffn_sm80", 1, x, u1, v1, b1, u2, v2, b2, y)
    wide = {name: array.astype(np.float64) for name, array in zip(sizes, (x, u1, v1, u2, v2), strict=True)}
    e = to_bf16(wide["x"] @ wide["u1"]) @ wide["v1"] + b1
    gelu = to_bf16(0.5 * e * (1 + np.vectorize(math.erf)(e / math.sqrt(2))))
    check(y, to_bf16(gelu @ wide["u2"]) @ wide["v2"] + b2, 2**-7)
