# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The low-rank feed-forward network beside the dense one, both by Tegula.

Dense and factored weights are the same matrices, so the results agree. With rank R the factored form has
R·(H + E) / (H·E) of the dense multiply-adds, and its time is promised to be at most 1.3 times that part of the
dense time. What bounds it: the products run at the dense ones' rate, near the peak; the activation of the wide
axis is the same work in both, and weighs the more the smaller the rank (at H = 384 and R = H / 8 about a fifth
of the time); factors are packed once per tile of rows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import tegula.ops as ops
import torch

from benchmarks.harness import Case

SLACK = 1.3
"""Time over its part of the multiply-adds, at most."""

NETWORKS = (("MiniLM", 384, 1536), ("BERT", 768, 3072))
DIVISORS = (8, 4, 3, 2)


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, relative to the largest element."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def matrix(seed: int, rows: int, columns: int) -> torch.Tensor:
    """A matrix that keeps the size of numbers, the same in every run."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) / rows**0.5


def dense(x: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> Any:
    """The network with its whole weights."""
    return ops.matmul(ops.matmul(x, w1, bias=b1, activation="gelu"), w2, bias=b2)


def feed_forward(quick: bool) -> Iterator[Case]:
    """2048 rows in f32, ranks from an eighth of the width to half of it."""
    rows = 2048
    for name, H, E in NETWORKS[:1] if quick else NETWORKS:
        x, b1, b2 = matrix(1, 1, rows * H).reshape(rows, H), matrix(2, 1, E)[0], matrix(3, 1, H)[0]
        for divisor in (8, 2) if quick else DIVISORS:
            rank = H // divisor
            u1, v1, u2, v2 = (
                matrix(10 + i, *s) for i, s in enumerate(((H, rank), (rank, E), (E, rank), (rank, H)))
            )  # fmt: skip
            part = rank * (H + E) / (H * E)
            yield Case(
                "low_rank_ffn", f"{name} rank {rank}: {part:.0%} of the dense work",
                functools.partial(ops.low_rank_ffn, x, u1, v1, u2, v2, b1=b1, b2=b2),
                functools.partial(dense, x, u1 @ v1, u2 @ v2, b1, b2),
                1 / (SLACK * part), 4.0 * rows * rank * (H + E), difference, 1e-4,
            )  # fmt: skip
