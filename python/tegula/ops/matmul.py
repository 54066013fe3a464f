# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Matrix product with an epilogue on the accumulator.

    c = activation(a·b + bias)

a [.., M, K], b [.., K, N], bias [N], c [.., M, N]; leading axes are batches and stretch as NumPy's do. Any
strides. Sums and the epilogue are in f32 (f64 for f64); the result is rounded once. Activations: gelu
½x(1 + erf(x/√2)) and its tanh form (Hendrycks and Gimpel 2016), silu x·sigmoid(x), relu max(x, 0).

The backward keeps a, b and, with an activation, z = a·b + bias rounded to a's dtype (relu: the result itself):

    dz = dc · activation'(z),   da = dz·bᵀ,   db = aᵀ·dz,   dbias = Σ dz over the rows
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tegula as tg
from tegula import A, In, Opt, Out, T, Tile, U, fn, tile
from tegula.errors import LaunchError
from tegula.language.dtypes import acc_of
from tegula.ops._host import Argument, Registers, element_bytes, empty, floating, parameter, registers, same
from tegula.ops._sums import column_sums
from tegula.ops._torch import Operator, in_graph, plan


def identity(x: Tile) -> Tile:
    """x"""
    return x


def gelu(x: Tile) -> Tile:
    """½x(1 + erf(x/√2))"""
    return 0.5 * x * (1.0 + tg.erf(x * 0.5**0.5))


def gelu_tanh(x: Tile) -> Tile:
    """½x(1 + tanh(√(2/π)(x + 0.044715x³)))"""
    return 0.5 * x * (1.0 + tg.tanh((2.0 / math.pi) ** 0.5 * (x + 0.044715 * x * x * x)))


def silu(x: Tile) -> Tile:
    """x·sigmoid(x)"""
    return x * tg.sigmoid(x)


def relu(x: Tile) -> Tile:
    """max(x, 0)"""
    return tg.maximum(x, 0.0)


@tg.kernel
def matmul_tiles(
    a: Opt[In[T, "G? B? M K"]],
    b: Opt[In[T, "G? B? K N"]],
    c: Out[T, "G B M N"],
    bias: Opt[In[U, "N"]] = None,
    z: Opt[Out[T, "G B M N"]] = None,
    at: Opt[In[T, "G? B? K M"]] = None,
    bt: Opt[In[T, "G? B? N K"]] = None,
    *,
    epilogue: fn = identity,
    BM: tile = 256,
    BN: tile = 256,
    BK: tile = 128,
):
    """An instance owns a [BM, BN] tile of c and streams K in steps of BK.

    at, bt: in place of a and b, their transposes: tiles are read along the rows that are given, and turned on chip.
    """
    G, B, M, N = c.shape
    left, right = at if a is None else a, bt if b is None else b
    assert left is not None and right is not None
    K = left.shape[2 if a is None else 3]
    m, n, j, i = tg.grid((M, BM), (N, BN), B, G, order="grouped:8")
    left, right = left[i, j], right[i, j]
    acc = tg.zeros((BM, BN), A)
    for k in tg.stream(0, K, BK, label="k"):
        x = tg.load(left, (k, m)).T if a is None else tg.load(left, (m, k))  # [BM, BK]
        y = tg.load(right, (n, k)).T if b is None else tg.load(right, (k, n))  # [BK, BN]
        acc = tg.dot(x, y, acc)
    if bias is not None:
        acc = acc + tg.load(bias, (n,)).to(A)[None, :]
    if z is not None:  # what the epilogue is taken of, for the backward
        tg.store(z[i, j], (m, n), acc.to(T))
    tg.store(c[i, j], (m, n), epilogue(acc).to(T))


@tg.kernel
def activation_gradient(
    z: In[T, "G B M N"],
    dc: In[T, "G B M N"],
    dz: Out[T, "G B M N"],
    *,
    slope: fn = identity,
    BM: tile = 16,
    BN: tile = 256,
):
    """dz = dc · slope(z)."""
    G, B, M, N = z.shape
    m, n, b, g = tg.grid((M, BM), (N, BN), B, G)
    zt, d = tg.load(z[g, b], (m, n)).to(A), tg.load(dc[g, b], (m, n)).to(A)
    tg.store(dz[g, b], (m, n), (d * slope(zt)).to(T))


def relu_slope(c: Tile) -> Tile:
    """The derivative of relu from its result; 0 at 0."""
    return tg.where(c <= 0.0, 0.0, tg.full(c.shape, 1.0, c.dtype))


ACTIVATIONS: dict[str | None, Callable[[Tile], Tile]] = {
    None: identity,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "relu": relu,
}

SLOPES: dict[str | None, Callable[[Tile], Tile]] = {
    "gelu": lambda z: tg.grad(gelu)(z),
    "gelu_tanh": lambda z: tg.grad(gelu_tanh)(z),
    "silu": lambda z: tg.grad(silu)(z),
    "relu": relu_slope,
}

ROWS = (256, 192, 128, 96, 64, 32, 16, 8)
COLUMNS = (256, 192, 128, 64, 32)


SQUARES = (128, 64, 32)


@functools.lru_cache(maxsize=4096)  # a pure function of sizes
def register_tiles(batches: int, m: int, n: int, k: int, size: int, room: Registers) -> tuple[int, int, int]:
    """BM, BN and BK where the sums stay in registers: steps cost nothing, so a row of one is at most 128 bytes.

    The time of each choice is estimated for many workers, in multiply-adds; a tile's operands are read once per tile.
    """
    most = 128 // size
    bk = next((s for s in (16, 32, 64) if s <= most and k <= s), most)
    best, chosen = math.inf, (SQUARES[-1], SQUARES[-1], min(bk, 16))
    for bm in SQUARES:
        for bn in SQUARES:
            step = bk
            while step > 16 and 3 * (bm + bn) * step * size > room.streamed:
                step //= 2
            kept = bm * bn * max(size, 4) + ((bm + bn) * step * size if size <= 2 else 0)
            count = batches * tg.cdiv(m, bm) * tg.cdiv(n, bn)
            one = bm * bn * k * (1 + 32 / bm + 32 / bn)
            cost = sum(one * tg.cdiv(count, w) * w for w in (16, 32, 64, 128))
            if kept <= room.kept and cost < best:
                best, chosen = cost, (bm, bn, step)
    return chosen


@functools.lru_cache(maxsize=4096)  # a pure function of four sizes
def tiles(batches: int, m: int, n: int, k: int) -> tuple[int, int, int]:
    """BM, BN and BK where tiles lie in memory, from sizes alone: results must not depend on the number of threads.

    The largest tiles read each operand least often. They lose where they stick out of the matrix, and
    where there are too few to share out evenly, whatever the number of workers; so the time of each
    choice is estimated for 1 to 16 workers, in multiply-adds: those of a tile, what packing a tile of b
    costs its few rows and a tile of a its few columns, and a microsecond to hand a tile out.
    """
    best, bm_best, bn_best = math.inf, ROWS[-1], COLUMNS[-1]
    for bm in ROWS:
        for bn in COLUMNS:
            count = batches * tg.cdiv(m, bm) * tg.cdiv(n, bn)
            one = bm * bn * k * (1 + 10 / bm + 6 / bn) + 150_000
            cost = sum(one * tg.cdiv(count, w) * w for w in (1, 2, 4, 8, 16))
            if cost < best:
                best, bm_best, bn_best = cost, bm, bn
    # Every step reads and writes all sums once, so few steps, but none with a part cut off.
    bk = next((s for s in (16, 32, 64) if k <= s), 0) or next((s for s in (384, 256) if k % s == 0), 128)
    return bm_best, bn_best, bk


def tiles_of(batches: int, m: int, n: int, k: int, size: int) -> dict[str, int]:
    """BM, BN and BK for elements of `size` bytes on the target."""
    room = registers(size)
    bm, bn, bk = tiles(batches, m, n, k) if room is None else register_tiles(batches, m, n, k, size, room)
    return {"BM": bm, "BN": bn, "BK": bk}


def multiply(a: Any, b: Any, c: Any, by_columns: bool = False, **epilogue: Any) -> None:
    """c = a·b of four axes, b read as its strides suit; with `by_columns` c = a·bᵀ."""
    (G, B, M, N), K = c.shape, a.shape[3]
    sizes = plan(tiles_of, G * B, M, N, K, element_bytes(c))
    if not sizes:
        return  # only shapes are looked at
    if _is_turned(b):
        b, by_columns = b.swapaxes(2, 3), not by_columns
    given = (None, b) if by_columns else (b, None)
    matmul_tiles(a, given[0], c, bt=given[1], **epilogue, **sizes)


def _is_turned(b: Any) -> bool:
    """Whether b is denser along its columns; the arrays of a recorded program are rows."""
    if isinstance(b, np.ndarray):
        return b.strides[2] < b.strides[3]
    return hasattr(b, "stride") and b.stride(2) < b.stride(3)


@tg.program(name="matmul")
def matmul_program(a: Any, b: Any, bias: Any = None, *, activation: str | None = None) -> Any:
    """c of a [G, B, M, K] and b [G, B, K, N]."""
    c = tg.empty_like(a, shape=(*a.shape[:3], b.shape[3]))
    z = None if activation in (None, "relu") else tg.empty_like(c)
    multiply(a, b, c, bias=bias, z=z, epilogue=ACTIVATIONS[activation])
    return c, tg.save(a, b, bias, c if activation == "relu" else z)


@matmul_program.backward
def _(saved: Any, dc: Any, *, activation: str | None, needs: tuple[bool, ...]) -> Any:
    a, b, bias, z = saved
    (G, B, M, K), N = a.shape, b.shape[3]
    da = db = dbias = None
    dz = dc
    if activation is not None:
        dz = tg.empty_like(z)
        activation_gradient(z, dc, dz, slope=SLOPES[activation])
    if needs[0]:
        da = tg.empty_like(a)
        multiply(dz, b, da, by_columns=True)
    if needs[1]:
        db = tg.empty_like(b)
        matmul_tiles(None, dz, db, at=a, **plan(tiles_of, G * B, K, N, M, element_bytes(db)))
    if needs[2]:
        dbias = tg.empty_like(bias)
        column_sums(dz, dbias)
    return da, db, dbias


OPERATOR = Operator(matmul_program, saved=1)


def matmul(a: Any, b: Any, *, bias: Any = None, activation: str | None = None) -> Any:
    """activation(a·b + bias).

    Args:
        a: [.., M, K], f64, f32, f16 or bf16.
        b: [.., K, N] of a's dtype; a transposed view is fine.
        bias: [N], of a's dtype or f32 (f64 for f64).
        activation: "gelu", "gelu_tanh", "silu", "relu" or None.

    Returns:
        c [.., M, N] of a's dtype and kind.

    Raises:
        LaunchError: arguments that do not fit, by name.

    >>> import numpy as np
    >>> matmul(np.eye(2), np.array([[1.0, -2.0], [3.0, -4.0]]), activation="relu")
    array([[1., 0.],
           [3., 0.]])
    """
    name = "matmul"
    x, y = (floating(name, n, z, "at least 2", 2, graph=True) for n, z in (("a", a), ("b", b)))
    same(name, ("a", x), ("b", y))
    if activation not in ACTIVATIONS:
        raise LaunchError(f"{name}: 'activation' is {activation!r}, expected {', '.join(map(repr, ACTIVATIONS))}")
    (M, K), (K2, N) = x.shape[-2:], y.shape[-2:]
    if K != K2:
        raise LaunchError(
            f"{name}: 'a' is {list(x.shape)} and 'b' is {list(y.shape)}: {K} columns and {K2} rows differ"
        )
    batch = _broadcast(x.shape[:-2], y.shape[:-2])
    given = None if bias is None else parameter(name, "bias", bias, x, acc_of(x.dtype), (N,), graph=True)
    if x.framework == "torch" and in_graph(x, y, given):
        return _in_graph(a, b, bias, activation, batch)
    c = empty(x, (*batch, M, N), x.dtype)
    if math.prod(c.shape):
        a4, b4, c4 = _four_axes(a, b, c, x, y, batch)
        multiply(a4, b4, c4, bias=bias, epilogue=ACTIVATIONS[activation])
    return c


def _broadcast(p: tuple[int, ...], q: tuple[int, ...]) -> tuple[int, ...]:
    """The batch of both; sizes may be PyTorch's symbols, which NumPy does not take."""
    rank = max(len(p), len(q))
    pairs = list(zip((1,) * (rank - len(p)) + p, (1,) * (rank - len(q)) + q, strict=True))
    if any(m != n and m != 1 and n != 1 for m, n in pairs):
        raise LaunchError(f"matmul: batches {list(p)} of 'a' and {list(q)} of 'b' differ")
    return tuple(n if m == 1 else m for m, n in pairs)


def _in_graph(a: Any, b: Any, bias: Any, activation: str | None, batch: tuple[int, ...]) -> Any:
    """The product as PyTorch's operator: reshaping and stretching are PyTorch's too, with their derivatives."""
    (M, K), N = a.shape[-2:], b.shape[-1]
    if len(b.shape) == 2:
        a4, b4 = a.reshape(1, 1, math.prod(batch) * M, K), b[None, None]
    else:
        two = (math.prod(batch[:-1]), batch[-1])
        a4, b4 = (x.expand(*batch, *x.shape[-2:]).reshape(*two, *x.shape[-2:]) for x in (a, b))
    return OPERATOR(a4, b4, bias, activation=activation).reshape(*batch, M, N)


def _four_axes(a: Any, b: Any, c: Any, x: Argument, y: Argument, batch: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The operands with two batch axes. One matrix b for all of a is one product with more rows."""
    (M, K), N = x.shape[-2:], y.shape[-1]
    if len(y.shape) == 2 and rows_are_even(x):
        rows = math.prod(x.shape[:-1])
        return a.reshape(1, 1, rows, K), b[None, None], c.reshape(1, 1, rows, N)
    if len(batch) > 2:  # merged; copies only where the strides do not allow that
        expand = np.broadcast_to if x.framework == "numpy" else _expand
        outer = math.prod(batch[:-1])
        a, b = expand(a, (*batch, M, K)), expand(b, (*batch, K, N))
        return tuple(z.reshape(outer, batch[-1], *z.shape[-2:]) for z in (a, b, c))  # type: ignore[return-value]

    def pad(z: Any) -> Any:
        return z.reshape(*(1,) * (4 - len(z.shape)), *z.shape)

    return pad(a), pad(b), pad(c)


def _expand(x: Any, shape: tuple[int, ...]) -> Any:
    return x.expand(shape)


def rows_are_even(x: Argument) -> bool:
    """Whether the rows of all batches are one sequence of equal steps."""
    step = x.strides[-2] * x.shape[-2]
    for n, s in zip(reversed(x.shape[:-2]), reversed(x.strides[:-2]), strict=True):
        if n != 1 and s != step:
            return False
        step *= n
    return True
