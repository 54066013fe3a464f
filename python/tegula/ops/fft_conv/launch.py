# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The launches that make up a convolution, and its derivatives: one kernel, or three around memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tegula as tg
from tegula.ops.fft_conv.factors import Layout
from tegula.ops.fft_conv.kernels import conv_kernel, filter_grad_kernel, filter_kernel, overlap_kernel, rows_kernel
from tegula.ops.fft_conv.outer import (
    inner_filter_kernel,
    inner_grad_kernel,
    inner_kernel,
    outer_inverse_kernel,
    outer_kernel,
)

Make = Callable[[Sequence[int], Any], Any]
"""Allocates an array of a shape and a dtype."""


@dataclass(frozen=True, slots=True)
class Gates:
    """What goes with a signal: it is multiplied by `pre`, its result by `post`; `skip` of it is added to that."""

    pre: Any = None
    post: Any = None
    skip: Any = None


def batches(layout: Layout, batch: int, channels: int) -> int:
    """Batch entries of an instance, from sizes alone: results must not depend on the number of threads."""
    step = 1 if layout.twisted else 2
    share = max(1, batch * channels // 16)  # enough instances to share out
    return step * tg.cdiv(min(share, batch), step)


def columns(layout: Layout) -> int:
    """Columns of an instance of the outer kernels."""
    return max(16, min(256, 8192 // layout.outer // 16 * 16))


def outer_forward(make: Make, layout: Layout, u: Any, pre: Any, dtype: Any, offset: bool = False) -> tuple[Any, Any]:
    """A signal's transform along the outer factor."""
    B, C, L = u.shape
    halves = B if layout.twisted else tg.cdiv(B, 2)
    re, im = (make((halves, C, layout.outer, layout.transform.size), dtype) for _ in range(2))
    length = 2 * L if layout.wrap else L
    outer_kernel(
        u, re, im, pre, rows=layout.rows(length), twisted=layout.twisted, wrap=layout.wrap, offset=offset,
        BM=columns(layout),
    )  # fmt: skip
    return re, im


def spectra(make: Make, layout: Layout, k: Any, ahead: Any, dtype: Any) -> tuple[Any, Any]:
    """The spectra [channels, ..] of filters [channels, taps]; `ahead` are taps that look ahead."""
    C, taps = k.shape
    t = layout.transform
    if layout.outer == 1:
        re, im = (make((C, t.bins), dtype) for _ in range(2))
        filter_kernel(k, re, im, ahead, t=t, rows=layout.rows(taps))
        return re, im
    plain = Layout(t, layout.outer, layout.twisted)
    both: list[Any] = []
    for part in (k, ahead):
        both += (None, None) if part is None else outer_filter(make, plain, part, dtype)
    re, im, fre, fim = both
    inner_filter_kernel(re, im, fre, fim, t=t, twisted=layout.twisted, scale=math.sqrt(layout.size))
    return re, im


def outer_filter(make: Make, layout: Layout, k: Any, dtype: Any) -> tuple[Any, Any]:
    """Filters [channels, taps] along the outer factor: a signal of one batch entry."""
    re, im = outer_forward(make, layout, k[None], None, dtype)
    return re[0], im[0]


def convolve(
    make: Make, layout: Layout, u: Any, spectrum: tuple[Any, Any], y: Any, gates: Gates, dtype: Any,
    adjoint: bool = False,
) -> None:  # fmt: skip
    """y = (spectrum * (u · pre) + skip · u · pre) · post"""
    B, C, L = u.shape
    t = layout.transform
    if layout.blocks:
        overlap_kernel(u, *spectrum, y, gates.pre, gates.post, gates.skip, t=t, adjoint=adjoint)
    elif t.apart:
        share = batches(layout, B, C)
        rows = (make((C, tg.cdiv(B, share), t.factors[0], t.width), dtype) for _ in range(2))
        rows_kernel(
            u, *spectrum, y, *rows, gates.pre, gates.post, gates.skip, t=t, rows=layout.rows(L), adjoint=adjoint,
            BS=share,
        )  # fmt: skip
    elif layout.outer == 1:
        conv_kernel(
            u, *spectrum, y, gates.pre, gates.post, gates.skip, t=t, rows=layout.rows(2 * L if layout.wrap else L),
            adjoint=adjoint, wrap=layout.wrap, BS=batches(layout, B, C),
        )  # fmt: skip
    else:
        re, im = outer_forward(make, layout, u, gates.pre, dtype)
        inner_kernel(re, im, *spectrum, t=t, adjoint=adjoint)
        offset = layout.wrap and not adjoint
        own = (u, gates.pre) if gates.skip is not None else (None, None)
        outer_inverse_kernel(
            re, im, y, *own, gates.post, gates.skip, rows=layout.rows(2 * L if offset else L),
            twisted=layout.twisted, offset=offset, BM=columns(layout),
        )  # fmt: skip


def filter_grads(make: Make, layout: Layout, u: Any, dy: Any, dk: Any, ahead: Any, gates: Gates, dtype: Any) -> None:
    """The derivative with respect to filters: dk [channels, taps] of u's signals and dy's results."""
    L, (C, taps), t = u.shape[2], dk.shape, layout.transform
    if layout.outer == 1:
        rows = t.factors[0] if layout.blocks else layout.rows(2 * L if layout.wrap else L)
        filter_grad_kernel(
            u, dy, dk, gates.pre, gates.post, ahead, t=t, rows=rows, taps=layout.rows(taps), wrap=layout.wrap,
            blocks=layout.blocks,
        )  # fmt: skip
        return
    x = outer_forward(make, layout, u, gates.pre, dtype)
    g = outer_forward(make, layout, dy, gates.post, dtype, offset=layout.wrap)
    d = [make((1, C, layout.outer, t.size), dtype) for _ in range(2 if ahead is None else 4)]
    inner_grad_kernel(*x, *g, *(z[0] for z in d), t=t, twisted=layout.twisted)
    for i, out in enumerate((dk,) if ahead is None else (dk, ahead)):
        outer_inverse_kernel(
            d[2 * i], d[2 * i + 1], out[None], rows=layout.rows(taps), twisted=layout.twisted,
            scale=math.sqrt(layout.size), BM=columns(layout),
        )  # fmt: skip
