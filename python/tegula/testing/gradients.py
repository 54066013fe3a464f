# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The derivatives of the shipped operators as plain NumPy formulas, written apart from their kernels.

As in `oracles`, arrays are float64 or `Rounded`. `d` before a name is the gradient that flows into it, or out of
it. The tests compare these formulas with PyTorch's autograd of the operators' formulas.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.testing.oracles import erf, visible

Array = NDArray[Any]


def attention(
    q: Array,
    k: Array,
    v: Array,
    do: Array,
    dlse: Array | None = None,
    *,
    scale: float | None = None,
    causal: bool = False,
    window: tuple[int | None, int | None] | None = None,
    softcap: float | None = None,
    bias: Array | None = None,
) -> tuple[Array, Array, Array]:
    """dq, dk, dv."""
    heads, groups = k.shape[1], q.shape[1] // k.shape[1]
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    wide_k, wide_v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
    s = q @ np.swapaxes(wide_k, -1, -2) * factor
    slope: Any = 1.0
    if softcap is not None:
        t = np.tanh(s / softcap)
        s, slope = softcap * t, 1 - t * t
    keep: Any = np.broadcast_to(visible(q.shape[2], k.shape[2], causal, window), s.shape)
    if bias is not None and bias.dtype == np.bool_:
        keep = keep & bias
    elif bias is not None:
        s = s + bias
    s = np.where(keep, s, -np.inf)
    top: Any = s.max(axis=-1, keepdims=True, initial=-np.inf)
    weight: Any = np.where(np.isneginf(s), 0, np.exp(s - np.where(top == -np.inf, 0, top)))
    total = weight.sum(axis=-1, keepdims=True)
    p: Any = weight / np.where(total == 0, 1, total)
    delta = (do * (p @ wide_v)).sum(axis=-1, keepdims=True)
    if dlse is not None:
        delta = delta - dlse[..., None]
    ds: Any = np.where(keep, p * (do @ np.swapaxes(wide_v, -1, -2) - delta) * slope, 0)

    def by_group(x: Any) -> Any:
        return x.reshape(x.shape[0], heads, groups, *x.shape[2:]).sum(axis=2)

    dk, dv = by_group(np.swapaxes(ds, -1, -2) @ q), by_group(np.swapaxes(p, -1, -2) @ do)
    return (ds @ wide_k) * factor, dk * factor, dv


def _slope(z: Any, activation: str | None) -> Any:
    """The derivative of an activation."""
    if activation == "gelu":
        return 0.5 * (1 + erf(z * 0.5**0.5)) + z * np.exp(-0.5 * z * z) / (2 * math.pi) ** 0.5
    if activation == "gelu_tanh":
        c = (2 / math.pi) ** 0.5
        t = np.tanh(c * (z + 0.044715 * z * z * z))
        return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)
    if activation == "silu":
        sigmoid = 1 / (1 + np.exp(-z))
        return sigmoid * (1 + z * (1 - sigmoid))
    return np.where(z > 0, 1.0, 0.0) if activation == "relu" else 1.0


def matmul(
    a: Array, b: Array, dc: Array, *, bias: Array | None = None, activation: str | None = None
) -> tuple[Array, ...]:
    """da, db, and dbias if there is a bias."""
    z = a @ b
    dz = dc * _slope(z if bias is None else z + bias, activation)
    da, db = dz @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ dz
    found = _shrunk(da, a.shape), _shrunk(db, b.shape)
    return found if bias is None else (*found, dz.reshape(-1, dz.shape[-1]).sum(axis=0))


def _shrunk(x: Any, shape: tuple[int, ...]) -> Any:
    """Sums over the axes along which an operand was stretched."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n != x.shape[i]), keepdims=True)


def layer_norm(
    x: Array, dy: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5
) -> tuple[Array, ...]:
    """dx, then dweight and dbias as far as they are given."""
    centred = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    unit = centred * r
    g = dy if weight is None else dy * weight
    dx = r * (g - g.mean(axis=-1, keepdims=True) - unit * (g * unit).mean(axis=-1, keepdims=True))
    weights = () if weight is None else ((dy * unit).reshape(-1, x.shape[-1]).sum(axis=0),)
    return (dx, *weights) if bias is None else (dx, *weights, dy.reshape(-1, x.shape[-1]).sum(axis=0))


def rms_norm(x: Array, dy: Array, weight: Array | None = None, *, eps: float = 1e-6) -> tuple[Array, ...]:
    """dx, then dweight if it is given."""
    r = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    unit = x * r
    g = dy if weight is None else dy * weight
    dx = r * (g - unit * (g * unit).mean(axis=-1, keepdims=True))
    return (dx,) if weight is None else (dx, (dy * unit).reshape(-1, x.shape[-1]).sum(axis=0))
