# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722
# pyright: basic
"""Facts of the target: for block sizes and programs, not for kernels."""

from __future__ import annotations

import numpy as np
import pytest
import tegula as tg
from tegula import In, Out, T, tile
from tegula._compiler.backend import CompileFailed, resolved, target_facts
from tegula.errors import StaticError


def test_facts() -> None:
    assert tg.target.name == resolved("native")
    assert tg.target.on_chip_bytes > tg.target.l1_bytes > 1024
    small, large = target_facts("x86-64-v3"), target_facts("x86-64-v4")
    assert (small.name, small.vector_bytes, small.vector_registers) == ("x86-64-v3", 32, 16)
    assert (large.vector_bytes, large.vector_registers) == (64, 32)
    with pytest.raises(CompileFailed, match="z80"):
        target_facts("z80")


@tg.kernel
def double(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 64):
    n = tg.grid((x.shape[0], B))
    tg.store(y, (n,), tg.load(x, (n,)) * 2.0)


@tg.program
def doubled(x: np.ndarray) -> np.ndarray:
    y = tg.empty_like(x)
    double(x, y, B=min(tg.target.on_chip_bytes // 1024, 256))
    return y


@tg.kernel
def curious(x: In[T, "N"], y: Out[T, "N"]):
    n = tg.grid((x.shape[0], tg.target.vector_bytes))
    tg.store(y, (n,), 0.0)


def test_programs_may_ask_and_kernels_may_not() -> None:
    x = np.arange(1000.0)
    np.testing.assert_array_equal(doubled(x), 2 * x)
    with pytest.raises(StaticError, match="tg.target inside a kernel: only block sizes and programs") as caught:
        curious(x, x.copy())
    assert caught.value.file == __file__ and "^" in str(caught.value)
