# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Normalisation over the last axis.

    layer_norm: y = (x - mean(x)) / √(var(x) + eps) · weight + bias        (Ba, Kiros and Hinton 2016)
    rms_norm:   y = x / √(mean(x²) + eps) · weight                         (Zhang and Sennrich 2019)

x [.., H], weight and bias [H], y [.., H]. Computed in f32 (f64 for f64) and rounded once; the variance is
that of the centred values, so a large mean costs no digits.
"""

from __future__ import annotations

import math
from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, View, tile
from tegula.errors import LaunchError
from tegula.language.dtypes import acc_of
from tegula.ops._host import Argument, empty, floating, parameter


def row_of(n: int) -> Span:
    """The n columns of a row, rounded up to 32; the rest loads as 0 and is not stored."""
    return tg.span(0, tg.round_up(n, 32), limit=n)


def affine(y: Tile, c: Span, weight: View | None, bias: View | None) -> Tile:
    """y · weight + bias, as far as they are given. y: [BR, H']"""
    if weight is not None:
        y = y * tg.load(weight, (c,)).to(A)[None, :]
    if bias is not None:
        y = y + tg.load(bias, (c,)).to(A)[None, :]
    return y


@tg.kernel
def layer_norm_rows(
    x: In[T, "R $H"],
    y: Out[T, "R $H"],
    eps: A,
    weight: Opt[In[U, "$H"]] = None,
    bias: Opt[In[U, "$H"]] = None,
    *,
    BR: tile = 8,
):
    """An instance owns BR rows."""
    R, H = x.shape
    r, c = tg.grid((R, BR)), row_of(H)
    xt = tg.load(x, (r, c)).to(A)
    centred = xt - xt.sum(axis=1, keep=True) / H
    if c.size != H:  # the columns behind a row count for nothing
        centred = tg.where(c.valid[None, :], centred, 0.0)
    yt = centred * tg.rsqrt((centred * centred).sum(axis=1, keep=True) / H + eps)
    tg.store(y, (r, c), affine(yt, c, weight, bias).to(T))


@tg.kernel
def rms_norm_rows(x: In[T, "R $H"], y: Out[T, "R $H"], eps: A, weight: Opt[In[U, "$H"]] = None, *, BR: tile = 8):
    """An instance owns BR rows."""
    R, H = x.shape
    r, c = tg.grid((R, BR)), row_of(H)
    xt = tg.load(x, (r, c)).to(A)
    yt = xt * tg.rsqrt((xt * xt).sum(axis=1, keep=True) / H + eps)
    tg.store(y, (r, c), affine(yt, c, weight, None).to(T))


def rows_of(h: int) -> int:
    """BR, from the length of a row alone: about 8 KiB of f32, so that a tile stays in L1 through its passes."""
    return max(4, 2 ** int(math.log2(2048 / h))) if h <= 512 else 4


def layer_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Normalises rows to mean 0 and variance 1, then scales and shifts.

    Args:
        x: [.., H], f64, f32, f16 or bf16; rows of any strides, copied only where they have no common step.
        weight: [H], of x's dtype or f32 (f64 for f64); bias alike, and of weight's dtype.
        eps: added to the variance.

    Returns:
        y like x.

    Raises:
        LaunchError: arguments that do not fit, by name; a tensor that requires grad.

    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    array = floating("layer_norm", "x", x, "at least 1", 1)
    h = array.shape[-1]
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None:
            parameter("layer_norm", name, value, array, acc_of(array.dtype), (h,))
    if weight is not None and bias is not None and weight.dtype != bias.dtype:
        raise LaunchError(f"layer_norm: 'weight' holds {weight.dtype}, 'bias' {bias.dtype}: convert one of them")
    rows, y, flat = _rows(x, array)
    if math.prod(array.shape):
        layer_norm_rows(rows, flat, float(eps), weight, bias, BR=rows_of(h))
    return y


def rms_norm(x: Any, weight: Any = None, *, eps: float = 1e-6) -> Any:
    """Scales rows to a mean square of 1, then by weight. Arguments as `layer_norm` has them.

    >>> import numpy as np
    >>> rms_norm(np.array([[3.0, -3.0]]), eps=0.0)
    array([[ 1., -1.]])
    """
    array = floating("rms_norm", "x", x, "at least 1", 1)
    h = array.shape[-1]
    if weight is not None:
        parameter("rms_norm", "weight", weight, array, acc_of(array.dtype), (h,))
    rows, y, flat = _rows(x, array)
    if math.prod(array.shape):
        rms_norm_rows(rows, flat, float(eps), weight, BR=rows_of(h))
    return y


def _rows(x: Any, array: Argument) -> tuple[Any, Any, Any]:
    """x as rows, the result, and the result as rows."""
    h = array.shape[-1]
    y = empty(array, array.shape, array.dtype)
    if not math.prod(array.shape):
        return x, y, y
    return x.reshape(-1, h), y, y.reshape(-1, h)
