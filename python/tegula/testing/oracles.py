# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The shipped operators as plain NumPy formulas, written apart from their kernels.

Each takes float64 arrays (or `tegula.testing.rounding.Rounded` ones) and materialises everything:
they are for comparing, not for speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def erf(x: Array) -> Array:
    """The error function, elementwise."""
    return np.vectorize(math.erf, otypes=[np.float64])(x) + np.zeros_like(x)  # the sum has the class of x


ACTIVATIONS: dict[str | None, Callable[[Any], Any]] = {
    None: lambda x: x,
    "gelu": lambda x: 0.5 * x * (1 + erf(x * 0.5**0.5)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x * x * x))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
}


def visible(m: int, n: int, causal: bool, window: tuple[int | None, int | None] | None) -> NDArray[np.bool_]:
    """Which of n keys each of m queries sees; the diagonal is aligned to the bottom right."""
    left, right = window or (None, None)
    if causal:
        right = 0 if right is None else min(right, 0)
    distance = np.arange(n)[None, :] - (np.arange(m)[:, None] + n - m)
    keep = np.ones((m, n), np.bool_)
    if left is not None:
        keep &= distance >= -left
    if right is not None:
        keep &= distance <= right
    return keep


def attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    scale: float | None = None,
    causal: bool = False,
    window: tuple[int | None, int | None] | None = None,
    softcap: float | None = None,
    bias: Array | None = None,
    return_lse: bool = False,
) -> Any:
    """softmax(softcap(q·kᵀ·scale) + bias, over the visible keys) · v, and the log of the sum of weights."""
    groups = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
    s = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * np.tanh(s / softcap)
    keep: Any = np.broadcast_to(visible(q.shape[2], k.shape[2], causal, window), s.shape)
    if bias is not None and bias.dtype == np.bool_:
        keep = keep & bias
    elif bias is not None:
        s = s + bias
    s = np.where(keep, s, -np.inf)
    top: Any = s.max(axis=-1, keepdims=True, initial=-np.inf)
    p: Any = np.where(np.isneginf(s), 0, np.exp(s - np.where(top == -np.inf, 0, top)))
    total = p.sum(axis=-1, keepdims=True)
    none = total == 0
    o: Any = np.where(none, 0, (p @ v) / np.where(none, 1, total))
    if not return_lse:
        return o
    return o, np.where(none, -np.inf, top + np.log(np.where(none, 1, total)))[..., 0]


def matmul(a: Array, b: Array, *, bias: Array | None = None, activation: str | None = None) -> Array:
    """activation(a·b + bias)."""
    x = a @ b
    return ACTIVATIONS[activation](x if bias is None else x + bias)


def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5) -> Array:
    """(x - mean) / √(variance + eps) · weight + bias, over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    y = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(x: Array, weight: Array | None = None, *, eps: float = 1e-6) -> Array:
    """x / √(mean of squares + eps) · weight, over the last axis."""
    y = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return y if weight is None else y * weight


def butterfly(x: Array, factors: list[Array]) -> tuple[Array, Array]:
    """Real and imaginary part of a chain of matrices [2, channels, n, n] and twiddle factors, in float64."""
    y = np.asarray(x, np.float64).astype(np.complex128)
    batch, channels, points = y.shape
    y = y.reshape(batch, channels, 1, points)
    for f in factors:
        re, im = np.asarray(f, np.float64)
        n, w = re.shape[-1], y.shape[-1] // re.shape[-1]
        y = np.einsum("cdj,bcrjm->bcrdm", re + 1j * im, y.reshape(batch, channels, -1, n, w))
        y = y * np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(w)) / (n * w))
        y = y.reshape(batch, channels, -1, w)
    y = y.reshape(batch, channels, points)
    return y.real, y.imag


def fft_conv(
    u: Array,
    k: Array,
    *,
    pre_gate: Array | None = None,
    post_gate: Array | None = None,
    mode: str = "causal",
    skip: Array | None = None,
) -> Array:
    """The convolution of each channel, tap by tap, in float64."""
    x = np.asarray(u, np.float64)
    x = x if pre_gate is None else x * np.asarray(pre_gate, np.float64)
    length, taps = x.shape[-1], np.asarray(k, np.float64)
    z = np.zeros_like(x) if skip is None else np.asarray(skip, np.float64)[:, None] * x
    for s in range(taps.shape[-1]):
        if mode == "circular":
            z = z + taps[:, s, None] * np.roll(x, s, axis=-1)
            continue
        back, ahead = (taps[0], taps[1]) if mode == "bidirectional" else (taps, None)
        if s < length:
            z[..., s:] += back[:, s, None] * x[..., : length - s]
        if ahead is not None and s + 1 < length:
            z[..., : length - s - 1] += ahead[:, s, None] * x[..., s + 1 :]
    return z if post_gate is None else z * np.asarray(post_gate, np.float64)


def low_rank_ffn(
    x: Array,
    u1: Array,
    v1: Array,
    u2: Array,
    v2: Array,
    *,
    b1: Array | None = None,
    b2: Array | None = None,
    activation: str = "gelu",
) -> Array:
    """activation(x·u1·v1 + b1)·u2·v2 + b2."""
    t = x @ u1 @ v1
    y = ACTIVATIONS[activation](t if b1 is None else t + b1) @ u2 @ v2
    return y if b2 is None else y + b2


def low_rank_swiglu(
    x: Array,
    gate_u: Array,
    gate_v: Array,
    up_u: Array,
    up_v: Array,
    down_u: Array,
    down_v: Array,
    *,
    activation: str = "silu",
) -> Array:
    """(activation(x·gate_u·gate_v) · (x·up_u·up_v))·down_u·down_v."""
    return (ACTIVATIONS[activation](x @ gate_u @ gate_v) * (x @ up_u @ up_v)) @ down_u @ down_v


def low_rank_attention(
    pq: Array,
    vq: Array,
    pk: Array,
    vk: Array,
    pv: Array,
    vv: Array,
    *,
    bq: Array | None = None,
    bk: Array | None = None,
    bv: Array | None = None,
    key_mask: Array | None = None,
    scale: float | None = None,
    causal: bool = False,
    form: str | None = None,
) -> Array:
    """`attention` of p·v + b for queries, keys and values, over the keys of the mask; `form` is a matter of speed."""
    pairs = ((pq, vq, bq), (pk, vk, bk), (pv, vv, bv))
    q, k, v = (p @ w if b is None else p @ w + b[:, None] for p, w, b in pairs)
    seen = None if key_mask is None else (key_mask != 0)[:, None, None, :]
    return attention(q, k, v, bias=seen, scale=scale, causal=causal)
