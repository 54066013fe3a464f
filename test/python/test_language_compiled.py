# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: E501
# pyright: basic
"""The kernels of the language page, traced, compiled and run, against the formulas of test_numpy_language.

The NumPy evaluation there and the compiled programs here share the formulas and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tegula as tg
import test_numpy_language as page
from on_path import OnPath
from tegula._compiler.backend import Backend

# Kernels that need an op of a later version: they are evaluated, and prepare what the others work on.
LATER = frozenset({"moba_route", "head_route", "bitmap_spmm"})


@dataclass
class Compiled(page.Harness):
    """Runs kernels compiled."""

    backend: Backend = OnPath("loops")

    def run(self, kernel: Any, *args: Any, **named: Any) -> Any:
        if kernel.name in LATER:
            return page.Harness.run(self, kernel, *args, **named)
        return kernel.on(self.backend)(*args, **named)


@pytest.fixture(params=[(d, p) for p in ("loops", "sched") for d in ("f64", "f32", "bf16", "f16")], ids="-".join)
def h(request: pytest.FixtureRequest) -> Compiled:
    dtype, path = request.param
    return Compiled(dtype, False, backend=OnPath(path))


@pytest.mark.parametrize("kw", page.FORWARD, ids=lambda kw: "-".join(kw) or "plain")
def test_attention_forward(h: Compiled, kw: dict[str, Any]) -> None:
    page.test_attention_forward(h, kw)


def test_attention_packed(h: Compiled) -> None:
    page.test_attention_packed(h)


@pytest.mark.parametrize("kw", [{}, {"right": 0}, {"left": 6, "right": 1}, {"right": 0, "softcap": 1.5}], ids=str)
def test_attention_backward(h: Compiled, kw: dict[str, Any]) -> None:
    page.test_attention_backward(h, kw)


def test_paged_decode_and_merge(h: Compiled) -> None:
    page.test_paged_decode_and_merge(h)


def test_matmul_with_epilogue(h: Compiled) -> None:
    page.test_matmul_with_epilogue(h)


def test_layer_norm(h: Compiled) -> None:
    page.test_layer_norm(h)


@pytest.mark.parametrize("absorb", [False, True])
def test_low_rank_attention(h: Compiled, absorb: bool) -> None:
    page.test_low_rank_attention(h, absorb)


def test_low_rank_ffn(h: Compiled) -> None:
    page.test_low_rank_ffn(h)


@pytest.mark.parametrize("fs, L, gated, keep", [((8, 8), 32, True, None), ((4, 4, 8), 50, False, (2, 3, 8))])
def test_fft_convolution(h: Compiled, fs: tuple[int, ...], L: int, gated: bool, keep: tuple[int, ...] | None) -> None:
    page.test_fft_convolution(h, fs, L, gated, keep)


def test_learned_butterfly(h: Compiled) -> None:
    page.test_learned_butterfly(h)


def test_gated_linear_attention(h: Compiled) -> None:
    page.test_gated_linear_attention(h)


def test_mlstm(h: Compiled) -> None:
    page.test_mlstm(h)


@pytest.mark.parametrize(("BR", "BE"), [(4, 8), (2, 64), (8, 16)])
def test_schnet_forward(h: Compiled, BR: int, BE: int) -> None:
    page.test_schnet_forward(h, BR, BE)


@pytest.fixture(params=["loops", "sched"])
def path(request: pytest.FixtureRequest) -> Backend:
    return OnPath(request.param)


def test_schnet_forces(path: Backend) -> None:
    page.schnet_forces(Compiled("f64", False, backend=path))


def test_mixture_of_block_attention(path: Backend) -> None:
    page.mixture_of_block_attention(Compiled("f64", False, backend=path))


def test_partial_sums(path: Backend) -> None:
    page.bitmap_sparse_product(Compiled("f64", False, backend=path))


def test_head_with_packed_keys(path: Backend) -> None:
    page.head_with_packed_keys(Compiled("f32", False, backend=path))


def test_levels() -> None:
    import language_kernels as K

    spec = tg.Spec((64, 64), tg.f32)
    kernel = K.matmul.on(OnPath("loops"))
    assert "tegula.kernel @matmul(in %a: memref<?x?xf32, strided<[?, 1], offset: ?>> align" in kernel.ir(
        "tegula", spec, spec, spec
    )
    assert "define " in kernel.ir("llvm", spec, spec, spec)
    assert "matmul" in kernel.ir("asm", spec, spec, spec)


def test_a_require_that_fails_names_the_condition() -> None:
    import language_kernels as K

    q, k = np.zeros((1, 3, 5, 8), np.float32), np.zeros((1, 2, 5, 8), np.float32)
    with pytest.raises(tg.TegulaError, match="H must be a multiple of HK"):
        K.attention_fwd.on(OnPath("loops"))(q, k, k, q.copy(), np.zeros((1, 3, 5), np.float32), 0.5)


def test_an_output_that_overlaps_is_refused() -> None:
    import language_kernels as K

    a = np.zeros((8, 8), np.float32)
    with pytest.raises(tg.TegulaError, match="'c'"):
        K.matmul.on(OnPath("loops"))(a, a.copy(), a)


def test_empty_arrays_launch_nothing() -> None:
    import language_kernels as K

    q, k = np.zeros((1, 2, 0, 8), np.float32), np.zeros((1, 2, 5, 8), np.float32)
    K.attention_fwd.on(OnPath("loops"))(q, k, k, q.copy(), np.zeros((1, 2, 0), np.float32), 0.5)
    q, o, lse = np.ones((1, 2, 5, 8), np.float32), np.ones((1, 2, 5, 8), np.float32), np.ones((1, 2, 5), np.float32)
    none = k[:, :, :0]
    K.attention_fwd.on(OnPath("loops"))(q, none, none, o, lse, 0.5)
    assert (o == 0).all() and (lse == -np.inf).all()


def test_a_softmax_scale_must_be_positive() -> None:
    import language_kernels as K

    q, k = np.ones((1, 2, 1, 8), np.float32), np.ones((3, 64, 1, 8), np.float32)
    table, lens = np.zeros((1, 2), np.int32), np.array([5], np.int32)
    o, lse = np.zeros((1, 2, 1, 1, 8), np.float32), np.zeros((1, 2, 1, 1), np.float32)
    kernel = K.decode_split.on(OnPath("loops"))
    kernel(q, k, k, table, lens, o, lse, 0.5)
    assert np.isfinite(o).all()
    with pytest.raises(tg.TegulaError, match="'scale' must be greater than 0"):
        kernel(q, k, k, table, lens, o, lse, -0.5)
