# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums over the rows of a matrix, as the gradients of weights and biases need them.

The order of additions depends on the number of rows alone: equal inputs give equal bits on any number of threads.
"""

from __future__ import annotations

import tegula as tg
from tegula import A, In, Out, T, U, tile


@tg.kernel
def column_sums(x: In[T, "G B R N"], y: Out[U, "N"], *, BR: tile = 32, BN: tile = 64):
    """y = Σ x[g, b, r], rounded once: an instance owns BN columns and streams the rows of one matrix after another."""
    G, B, R, N = x.shape
    n = tg.grid((N, BN))
    acc = tg.zeros((BN,), A)
    for g in tg.stream(0, G):
        for b in tg.stream(0, B):
            for r in tg.stream(0, R, BR, label="rows"):
                acc = acc + tg.load(x[g, b], (r, n)).to(A).sum(axis=0)
    tg.store(y, (n,), acc.to(U))


def parts_of(rows: int) -> dict[str, int]:
    """How many instances share the rows of a matrix, each with a partial sum, and how many rows each takes.

    64 are enough for as many threads, and few enough to add up; less than 16 rows are not worth an instance.
    """
    parts = min(64, max(tg.cdiv(rows, 16), 1))
    return {"parts": parts, "chunk": tg.cdiv(rows, parts)}
