# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic, reportMissingImports=false, reportIndexIssue=false
"""Matmul and attention in the manner of Triton's tutorials (03, 06): peers for `races`, not timed anywhere else."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl


@triton.autotune(
    [
        triton.Config({"BM": 128, "BN": 256, "BK": 64}, num_stages=3, num_warps=8),
        triton.Config({"BM": 128, "BN": 128, "BK": 64}, num_stages=4, num_warps=4),
    ],
    key=["M", "N", "K"],
)
@triton.jit
def _matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    pid = tl.program_id(0)
    columns = tl.cdiv(N, BN)
    group = 8 * columns
    first = pid // group * 8
    rows = min(tl.cdiv(M, BM) - first, 8)
    i, j = first + pid % group % rows, pid % group // rows
    m, n, k = i * BM + tl.arange(0, BM), j * BN + tl.arange(0, BN), tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        x = tl.load(a + m[:, None] * K + (start + k)[None, :])
        y = tl.load(b + (start + k)[:, None] * N + n[None, :])
        acc = tl.dot(x, y, acc)
    tl.store(c + m[:, None] * N + n[None, :], acc.to(tl.bfloat16))


def matmul(a: Any, b: Any) -> Any:
    """a·b of contiguous bf16 whose sizes are multiples of the blocks."""
    (m, k), n = a.shape, b.shape[1]
    c = torch.empty(m, n, device=a.device, dtype=a.dtype)
    _matmul[lambda o: (triton.cdiv(m, o["BM"]) * triton.cdiv(n, o["BN"]),)](a, b, c, m, n, k)
    return c


@triton.autotune(
    [
        triton.Config({"BM": 128, "BN": bn}, num_stages=stages, num_warps=warps)
        for bn in (64, 128)
        for stages, warps in ((3, 4), (3, 8))
    ],
    key=["N", "D", "CAUSAL"],
)
@triton.jit
def _attention(q, k, v, o, scale, N, D: tl.constexpr, CAUSAL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    start = tl.program_id(0) * BM
    base = tl.program_id(1).to(tl.int64) * N * D
    m, n, d = start + tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, D)
    x = tl.load(q + base + m[:, None] * D + d[None, :])
    top, total = tl.full((BM,), float("-inf"), tl.float32), tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for at in range(0, start + BM if CAUSAL else N, BN):
        y = tl.load(k + base + (at + n)[None, :] * D + d[:, None])
        s = tl.dot(x, y) * scale
        if CAUSAL:
            s = tl.where(m[:, None] >= (at + n)[None, :], s, float("-inf"))
        higher = tl.maximum(top, tl.max(s, 1))
        p = tl.math.exp2(s - higher[:, None])
        factor = tl.math.exp2(top - higher)
        total = total * factor + tl.sum(p, 1)
        z = tl.load(v + base + (at + n)[:, None] * D + d[None, :])
        acc = tl.dot(p.to(tl.bfloat16), z, acc * factor[:, None])
        top = higher
    tl.store(o + base + m[:, None] * D + d[None, :], (acc / total[:, None]).to(tl.bfloat16))


def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
    """Attention of contiguous bf16 [B, H, N, D] whose length is a multiple of the blocks."""
    batch, heads, length, d = q.shape
    o = torch.empty_like(q)
    grid = lambda c: (triton.cdiv(length, c["BM"]), batch * heads)  # noqa: E731
    _attention[grid](q, k, v, o, d**-0.5 * 1.4426950408889634, length, d, causal)
    return o
