# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Normalisation over the last axis.

    layer_norm: y = (x - mean(x)) / √(var(x) + eps) · weight + bias        (Ba, Kiros and Hinton 2016)
    rms_norm:   y = x / √(mean(x²) + eps) · weight                         (Zhang and Sennrich 2019)

Their derivatives, with u the normalised row, r = 1 / √(..) and g = dy · weight:

    layer_norm: dx = r (g - mean(g) - u mean(g u)),  dweight = Σ dy u,  dbias = Σ dy
    rms_norm:   dx = r (g - u mean(g u)),            dweight = Σ dy u

The row is normalised again, so nothing but the inputs is kept. Sums over the rows are taken in two steps, in an
order that depends on their number alone.

x [.., H], weight and bias [H], y [.., H]. Computed in f32 (f64 for f64) and rounded once; the variance is
that of the centred values, so a large mean costs no digits.
"""

from __future__ import annotations

import math
from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, View, const, index, tile
from tegula.errors import LaunchError
from tegula.language.dtypes import acc_of
from tegula.ops._host import Argument, empty, floating, parameter
from tegula.ops._sums import column_sums, parts_of
from tegula.ops._torch import Operator, in_graph, plan


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


@tg.kernel
def norm_gradients(
    x: In[T, "R $H"],
    dy: In[T, "R $H"],
    dx: Out[T, "R $H"],
    eps: A,
    parts: index,
    chunk: index,
    weight: Opt[In[U, "$H"]] = None,
    dweight: Opt[Out[A, "G B P $H"]] = None,
    dbias: Opt[Out[A, "G B P $H"]] = None,
    *,
    centre: const = True,
    BR: tile = 8,
):
    """An instance owns `chunk` rows: dx, and what they add to the sums. Without `centre` the mean stays."""
    R, H = x.shape
    p, c = tg.grid(parts), row_of(H)
    dw, db = tg.zeros((c.size,), A), tg.zeros((c.size,), A)
    for r in tg.stream(p * chunk, min(p * chunk + chunk, R), BR, label="rows"):
        xt, d = tg.load(x, (r, c)).to(A), tg.load(dy, (r, c)).to(A)
        if centre:
            xt = xt - xt.sum(axis=1, keep=True) / H
            if c.size != H:  # the columns behind a row count for nothing
                xt = tg.where(c.valid[None, :], xt, 0.0)
        scale = tg.rsqrt((xt * xt).sum(axis=1, keep=True) / H + eps)
        u = xt * scale
        g = affine(d, c, weight, None)
        t = g - u * ((g * u).sum(axis=1, keep=True) / H)
        if centre:
            t = t - g.sum(axis=1, keep=True) / H
        tg.store(dx, (r, c), (scale * t).to(T))
        if dweight is not None:
            # Rows behind the last one are 0, and u is NaN there if eps is 0.
            dw = dw + tg.where(r.valid[:, None], d * u, 0.0).sum(axis=0)
        if dbias is not None:
            db = db + d.sum(axis=0)
    if dweight is not None:
        tg.store(dweight[0, 0, p], (c,), dw)
    if dbias is not None:
        tg.store(dbias[0, 0, p], (c,), db)


def rows_of(h: int) -> int:
    """BR, from the length of a row alone: about 8 KiB of f32, so that rows stay in L1 through the passes."""
    return max(1, 2 ** int(math.log2(2048 / h))) if h <= 2048 else 1


def tiles(h: int) -> dict[str, int]:
    """Rows of a tile."""
    return {"BR": rows_of(h)}


@tg.program(name="layer_norm")
def layer_norm_program(x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
    """y of x [R, H]."""
    y = tg.empty_like(x)
    layer_norm_rows(x, y, eps, weight, bias, **plan(tiles, x.shape[1]))
    return y, tg.save(x, weight, bias)


@layer_norm_program.backward
def _(saved: Any, dy: Any, *, eps: float, needs: tuple[bool, ...]) -> Any:
    x, weight, bias = saved
    return _gradients(x, dy, eps, weight, weight if needs[1] else None, bias if needs[2] else None, True)


@tg.program(name="rms_norm")
def rms_norm_program(x: Any, weight: Any = None, *, eps: float) -> Any:
    """y of x [R, H]."""
    y = tg.empty_like(x)
    rms_norm_rows(x, y, eps, weight, **plan(tiles, x.shape[1]))
    return y, tg.save(x, weight)


@rms_norm_program.backward
def _(saved: Any, dy: Any, *, eps: float, needs: tuple[bool, ...]) -> Any:
    x, weight = saved
    return _gradients(x, dy, eps, weight, weight if needs[1] else None, None, False)[:2]


def _gradients(x: Any, dy: Any, eps: float, weight: Any, like_dw: Any, like_db: Any, centre: bool) -> tuple[Any, ...]:
    """dx, and the sums that are wanted: those with an array of their kind."""
    dx = tg.empty_like(x)
    share = plan(parts_of, x.shape[0]) or {"parts": 1, "chunk": 1}
    sums: list[Any] = [
        None if like is None else tg.empty((1, 1, share["parts"], x.shape[1]), A) for like in (like_dw, like_db)
    ]
    norm_gradients(x, dy, dx, eps, *share.values(), weight, *sums, centre=centre, **plan(tiles, x.shape[1]))
    out: list[Any] = [dx]
    for like, partial in zip((like_dw, like_db), sums, strict=True):
        out.append(None if like is None else tg.empty_like(like))
        if like is not None:
            column_sums(partial, out[-1])
    return tuple(out)


LAYER_NORM = Operator(layer_norm_program)
RMS_NORM = Operator(rms_norm_program)


def layer_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Normalises rows to mean 0 and variance 1, then scales and shifts.

    Args:
        x: [.., H], f64, f32, f16 or bf16; rows of any strides, copied only where they have no common step.
        weight: [H], of x's dtype or f32 (f64 for f64); bias alike, and of weight's dtype.
        eps: added to the variance.

    Returns:
        y like x.

    Raises:
        LaunchError: arguments that do not fit, by name.

    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    array = floating("layer_norm", "x", x, "at least 1", 1, graph=True)
    h = array.shape[-1]
    given = [
        None if value is None else parameter("layer_norm", n, value, array, acc_of(array.dtype), (h,), graph=True)
        for n, value in (("weight", weight), ("bias", bias))
    ]
    if weight is not None and bias is not None and weight.dtype != bias.dtype:
        raise LaunchError(f"layer_norm: 'weight' holds {weight.dtype}, 'bias' {bias.dtype}: convert one of them")
    if array.framework == "torch" and in_graph(array, *given):
        return _in_graph(LAYER_NORM, x, array, weight, bias, eps=float(eps))
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
    array = floating("rms_norm", "x", x, "at least 1", 1, graph=True)
    h = array.shape[-1]
    given = None
    if weight is not None:
        given = parameter("rms_norm", "weight", weight, array, acc_of(array.dtype), (h,), graph=True)
    if array.framework == "torch" and in_graph(array, given):
        return _in_graph(RMS_NORM, x, array, weight, eps=float(eps))
    rows, y, flat = _rows(x, array)
    if math.prod(array.shape):
        rms_norm_rows(rows, flat, float(eps), weight, BR=rows_of(h))
    return y


def _in_graph(operator: Operator, x: Any, array: Argument, *weights: Any, eps: float) -> Any:
    """The operator on x as rows, in the form of x."""
    h = array.shape[-1]
    if h == 0:
        raise LaunchError(f"{operator.program.name}: 'x' has rows of length 0, which have no gradient")
    return operator(x.reshape(math.prod(array.shape[:-1]), h), *weights, eps=eps).reshape(array.shape)


def _rows(x: Any, array: Argument) -> tuple[Any, Any, Any]:
    """x as rows, the result, and the result as rows."""
    h = array.shape[-1]
    y = empty(array, array.shape, array.dtype)
    if not math.prod(array.shape):
        return x, y, y
    return x.reshape(-1, h), y, y.reshape(-1, h)
