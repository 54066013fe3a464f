# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feed-forward networks and attention whose weight matrices are products of two thin ones.

A weight W [H, E] of rank R is kept as U [H, R] and V [R, E]. The operators here never store what has
the full width in between:

    low_rank_ffn        y = act(x·u1·v1 + b1)·u2·v2 + b2
    low_rank_swiglu     y = (silu(x·gu·gv) · (x·uu·uv))·du·dv
    low_rank_attention  softmax(q·kᵀ·scale)·v with q = pq·vq + bq, k = pk·vk + bk, v = pv·vv + bv

The feed-forward kernels own some rows each, keep x·u1 and the rank-sized sum in front of v2 on chip, and
stream the wide axis between them: no product is computed twice, and nothing of width E is in memory
(FlashSVD, arXiv 2508.01506, recomputes x·u1·v1 for every tile of R2).

Attention streams pk and pv. In its *absorbed* form neither keys nor values are made at all:

    q·(pk·vk + bk)ᵀ = (q·vkᵀ)·pkᵀ + q·bk      the last term is one number per query: the softmax drops it
    Σ_j w[j] (pv[j]·vv + bv) = (Σ_j w[j] pv[j])·vv + bv      weights sum to one

so a key costs R numbers and 2·R multiply-adds, instead of D. The *rebuilt* form makes tiles of k and v on
chip and throws them away: cheaper where D is well below R. Both are the same function.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, View, const, fn, i1, index, tile
from tegula.errors import LaunchError, Remark
from tegula.language import dtypes
from tegula.ops._host import (
    Argument,
    argument,
    empty,
    floating,
    instance_bytes,
    parameter,
    registers,
    same,
    tile_bytes,
)
from tegula.ops.attention import keys_of, pad16, register_tiles, tiles, visible
from tegula.ops.matmul import ACTIVATIONS, gelu, matmul, multiply, rows_are_even

# ---- Feed-forward


def wide_tile(p: Tile, v: View, bias: View | None, r: Span, c: Span) -> Tile:
    """Columns c of p·v + bias. [BM, BE]"""
    t = tg.dot(p, tg.load(v, (r, c)))
    return t if bias is None else t + tg.load(bias, (c,)).to(A)[None, :]


@tg.kernel
def low_rank_ffn_rows(
    x: In[T, "B M H"],
    u1: In[T, "H $R1"],
    v1: In[T, "$R1 E"],
    u2: In[T, "E $R2"],
    v2: In[T, "$R2 N"],
    y: Out[T, "B M N"],
    b1: Opt[In[U, "E"]] = None,
    b2: Opt[In[U, "N"]] = None,
    gate_u: Opt[In[T, "H $RG"]] = None,
    gate_v: Opt[In[T, "$RG E"]] = None,
    *,
    activation: fn = gelu,
    BM: tile = 128,
    BK: tile = 128,
    BE: tile = 128,
    BN: tile = 128,
):
    """An instance owns BM rows, from x to y. With a gate: activation(x·gate_u·gate_v) multiplies x·u1·v1."""
    (B, M, H), E, N, R1, R2 = x.shape, v1.shape[1], v2.shape[1], u1.shape[1], u2.shape[1]
    m, b = tg.grid((M, BM), B)
    r1, r2, rg = pad16(R1), pad16(R2), pad16(1 if gate_u is None else gate_u.shape[1])
    p, g, acc = (tg.zeros((BM, r.size), A) for r in (r1, rg, r2))
    for c in tg.stream(0, H, BK, label="inner"):
        xt = tg.load(x[b], (m, c))
        p = tg.dot(xt, tg.load(u1, (c, r1)), p)
        if gate_u is not None:
            g = tg.dot(xt, tg.load(gate_u, (c, rg)), g)
    p, g = p.to(T), g.to(T)
    for c in tg.stream(0, E, BE, label="wide"):  # columns past E add nothing: u2's rows load as 0
        t = wide_tile(p, v1, b1, r1, c)
        t = activation(t) if gate_v is None else activation(wide_tile(g, gate_v, None, rg, c)) * t
        acc = tg.dot(t.to(T), tg.load(u2, (c, r2)), acc)
    out = acc.to(T)
    for c in tg.stream(0, N, BN, label="outer"):
        tg.store(y[b], (m, c), wide_tile(out, v2, b2, r2, c).to(T))


def wide_stream(p: View, v: View, m: Span, c: Span, BK: int) -> Tile:
    """Rows m and columns c of p·v, the rank streamed. [BM, BE]"""
    t = tg.zeros((m.size, c.size), A)
    for k in tg.stream(0, v.shape[0], BK, label="rank"):
        t = tg.dot(tg.load(p, (m, k)), tg.load(v, (k, c)), t)
    return t


@tg.kernel
def low_rank_ffn_columns(
    p: In[T, "M R1"],
    v1: In[T, "R1 E"],
    u2: In[T, "E R2"],
    s: Out[T, "M R2"],
    b1: Opt[In[U, "E"]] = None,
    g: Opt[In[T, "M RG"]] = None,
    gate_v: Opt[In[T, "RG E"]] = None,
    *,
    activation: fn = gelu,
    BM: tile = 64,
    BR: tile = 256,
    BE: tile = 128,
    BK: tile = 128,
):
    """activation(p·v1 + b1)·u2 for ranks that do not fit on chip: an instance owns BR columns of the second rank."""
    M, E, R2 = p.shape[0], v1.shape[1], s.shape[1]
    m, r = tg.grid((M, BM), (R2, BR))
    acc = tg.zeros((BM, BR), A)
    for c in tg.stream(0, E, BE, label="wide"):
        t = wide_stream(p, v1, m, c, BK)
        if b1 is not None:
            t = t + tg.load(b1, (c,)).to(A)[None, :]
        t = activation(t) if g is None or gate_v is None else activation(wide_stream(g, gate_v, m, c, BK)) * t
        acc = tg.dot(t.to(T), tg.load(u2, (c, r)), acc)
    tg.store(s, (m, r), acc.to(T))


ROWS = (256, 192, 128, 96, 64, 48, 32, 16)
WIDE = (128, 64, 32, 16)


@dataclass(frozen=True, slots=True)
class Plan:
    """Tile sizes of a feed-forward network, and in how many blocks of columns the second rank is computed."""

    rows: int
    wide: int
    splits: int
    block: int
    """Columns of a block, a multiple of 16; the whole second rank where `splits` is 1."""

    def recompute(self, H: int, inner: Sequence[int], E: int, R2: int, N: int) -> float:
        """Multiply-adds over the least that the formula needs: the wide product is made once per block."""
        ranks = sum(inner)
        least = H * ranks + ranks * E + E * R2 + R2 * N
        return 1 + (self.splits - 1) * ranks * E / max(least, 1)


@functools.lru_cache(maxsize=4096)  # a pure function of sizes
def plan(batches: int, m: int, inner: tuple[int, ...], e: int, r2: int, size: int, on_chip: int) -> Plan:
    """How a network of ranks `inner` (one, or two with a gate) and `r2` over m rows of `size` bytes a number is cut.

    From sizes alone: results must not depend on the number of threads. The time of each choice of rows is
    estimated for 1 to 8 workers, in multiply-adds; factors are packed once per tile of rows, so a short tile
    pays more for them. Tiles take at most `on_chip` bytes. Where not even the accumulators of the fewest rows
    fit, the second rank is cut into as few blocks as do.
    """
    acc = max(size, 4)
    ranks, last = sum(tg.round_up(r, 16) for r in inner), tg.round_up(r2, 16)
    columns = [w for w in WIDE if w <= max(16, tg.round_up(e, 16))]

    def need(bm: int, be: int) -> int:
        """Bytes of the accumulators, the tile between them, and the factors' tiles."""
        return acc * bm * (ranks + last + len(inner) * be) + size * be * (ranks + last)

    best, chosen = math.inf, None
    for bm in ROWS:
        be = next((w for w in columns if need(bm, w) <= on_chip), None)
        if be is None or (bm > 16 and bm >= 2 * m):
            continue
        count = batches * tg.cdiv(m, bm)
        work = (bm + 14) * (1 + 4 / be) * (ranks + last) * max(e, 1) + 150_000
        cost = sum(work * tg.cdiv(count, w) * w for w in (1, 2, 4, 8))
        if cost < best:
            best, chosen = cost, Plan(bm, be, 1, last)
    if chosen is not None:
        return chosen
    few = ROWS[-1]
    if acc * few * (ranks + last) <= on_chip:
        return Plan(few, columns[-1], 1, last)
    splits = tg.cdiv(acc * few * last, on_chip)
    return Plan(few, columns[-1], splits, tg.round_up(tg.cdiv(last, splits), 16))


def low_rank_ffn(
    x: Any,
    u1: Any,
    v1: Any,
    u2: Any,
    v2: Any,
    *,
    b1: Any = None,
    b2: Any = None,
    activation: str = "gelu",
) -> Any:
    """activation(x·u1·v1 + b1)·u2·v2 + b2.

    Args:
        x: [.., M, H], f64, f32, f16 or bf16.
        u1, v1: [H, R1] and [R1, E] of x's dtype, the factors of the first weight.
        u2, v2: [E, R2] and [R2, N], those of the second; N is H as a rule.
        b1, b2: [E] and [N], both of x's dtype or both f32 (f64 for f64).
        activation: "gelu", "gelu_tanh", "silu" or "relu".

    Returns:
        y [.., M, N] of x's dtype and kind.

    Raises:
        LaunchError: arguments that do not fit, by name; a tensor that requires grad.

    Warns:
        Remark: the ranks are too large for the chip's memory, and part of the work is done more than once.

    >>> import numpy as np
    >>> u, v = np.array([[1.0], [2.0]]), np.array([[1.0, -1.0]])  # rank 1
    >>> low_rank_ffn(np.eye(2), u, v, u, v, activation="relu")
    array([[ 1., -1.],
           [ 2., -2.]])
    """
    return _feed_forward("low_rank_ffn", ("u1", "v1", "u2", "v2"), x, (u1, v1, u2, v2), (), (b1, b2), activation)


def low_rank_swiglu(
    x: Any,
    gate_u: Any,
    gate_v: Any,
    up_u: Any,
    up_v: Any,
    down_u: Any,
    down_v: Any,
    *,
    activation: str = "silu",
) -> Any:
    """(activation(x·gate_u·gate_v) · (x·up_u·up_v))·down_u·down_v.

    Args:
        x: [.., M, H], f64, f32, f16 or bf16.
        gate_u, gate_v: [H, RG] and [RG, E] of x's dtype, the factors of the gate's weight.
        up_u, up_v: [H, R1] and [R1, E], those of what is gated.
        down_u, down_v: [E, R2] and [R2, N], those of the last weight; N is H as a rule.
        activation: "silu", "gelu", "gelu_tanh" or "relu", of the gate.

    Returns:
        y [.., M, N] of x's dtype and kind.

    Raises:
        LaunchError: arguments that do not fit, by name; a tensor that requires grad.

    Warns:
        Remark: the ranks are too large for the chip's memory, and part of the work is done more than once.

    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> low_rank_swiglu(np.array([[3.0], [-3.0]]), one, one, one, one, one, one, activation="relu")
    array([[9.],
           [0.]])
    """
    names = ("up_u", "up_v", "down_u", "down_v")
    factors = (up_u, up_v, down_u, down_v)
    return _feed_forward("low_rank_swiglu", names, x, factors, (gate_u, gate_v), (None, None), activation)


def _feed_forward(
    name: str,
    names: tuple[str, str, str, str],
    x: Any,
    factors: tuple[Any, Any, Any, Any],
    gate: tuple[Any, ...],
    biases: tuple[Any, Any],
    activation: str,
) -> Any:
    """Both feed-forward operators: looks at the arguments, and launches."""
    (u1, v1, u2, v2), (b1, b2) = factors, biases
    array = floating(name, "x", x, "at least 2", 2)
    H = array.shape[-1]
    R1, E = _pair(name, array, names[0], u1, names[1], v1, H)
    R2, N = _pair(name, array, names[2], u2, names[3], v2, E)
    inner = (R1,)
    if gate:
        RG, _ = _pair(name, array, "gate_u", gate[0], "gate_v", gate[1], H, E)
        inner = (R1, RG)
    _biases(name, array, b1=(b1, (E,)), b2=(b2, (N,)))
    named = {k: f for k, f in ACTIVATIONS.items() if k is not None}
    if activation not in named:
        raise LaunchError(f"{name}: 'activation' is {activation!r}, expected {', '.join(map(repr, named))}")
    y = empty(array, (*array.shape[:-1], N), array.dtype)
    if not math.prod(y.shape):
        return y
    batches, m = (1, math.prod(array.shape[:-1])) if rows_are_even(array) else (math.prod(array.shape[:-2]), -1)
    x3 = x.reshape(batches, m, H)  # copies only where several batch axes have uneven steps
    y3 = y.reshape(batches, m, N)
    chosen = plan(batches, y3.shape[1], inner, E, R2, array.dtype.bytes, instance_bytes(array.dtype.bytes))
    act = named[activation]
    if chosen.splits == 1:
        most = 128 if registers(array.dtype.bytes) is None else min(chosen.wide, 128 // array.dtype.bytes)
        sizes = {"BM": chosen.rows, "BK": _step(H, most), "BE": chosen.wide, "BN": _step(N, most)}
        low_rank_ffn_rows(x3, u1, v1, u2, v2, y3, b1, b2, *(gate or (None, None)), activation=act, **sizes)
        return y
    _remark(name, inner, R2, chosen, chosen.recompute(H, inner, E, R2, N), instance_bytes(array.dtype.bytes))
    rows = x3.reshape(-1, H)
    s = empty(array, (len(rows), R2), array.dtype)
    sizes = {"BM": chosen.rows, "BR": chosen.block, "BE": chosen.wide}
    g, gate_v = (matmul(rows, gate[0]), gate[1]) if gate else (None, None)
    low_rank_ffn_columns(matmul(rows, u1), v1, u2, s, b1, g, gate_v, activation=act, **sizes)
    multiply(s[None, None], v2[None, None], y.reshape(1, 1, -1, N), bias=b2)
    return y


def _step(n: int, most: int) -> int:
    """A tile along an axis of n."""
    return next((s for s in (16, 32, 64) if n <= s or s == most), most)


def _remark(name: str, inner: Sequence[int], r2: int, chosen: Plan, factor: float, most: int) -> None:
    ranks = " and ".join(map(str, (*inner, r2)))
    warnings.warn(
        f"{name}: accumulators of ranks {ranks} do not fit the {most // 1024} KiB of an instance: the last "
        f"rank is computed in {chosen.splits} blocks of {chosen.block}, with {factor:.2f} times the multiply-adds",
        Remark,
        stacklevel=4,
    )


def _pair(
    name: str, model: Argument, u: str, first: Any, v: str, second: Any, rows: int, columns: int | None = None
) -> tuple[int, int]:
    """Rank and columns of a weight's two factors, which must fit its rows (and columns)."""
    both = [(n, floating(name, n, value, "[rows, columns]", 2)) for n, value in ((u, first), (v, second))]
    same(name, ("x", model), *both)
    (H, R), (R2, E) = (array.shape for _, array in both)
    if rows != H:
        raise LaunchError(f"{name}: '{u}' has {H} rows, expected {rows}")
    if R != R2:
        raise LaunchError(f"{name}: '{u}' has {R} columns and '{v}' {R2} rows: both are the rank")
    if R == 0:
        raise LaunchError(f"{name}: '{u}' has rank 0")
    if columns not in (None, E):
        raise LaunchError(f"{name}: '{v}' has {E} columns, expected {columns}")
    return R, E


def _biases(name: str, model: Argument, **biases: tuple[Any, tuple[int, ...]]) -> None:
    """Vectors of x's dtype or its accumulator's; of one dtype, for a kernel has one name for it."""
    given = {n: value for n, (value, _) in biases.items() if value is not None}
    for n, value in given.items():
        parameter(name, n, value, model, dtypes.acc_of(model.dtype), biases[n][1])
    kinds = {n: argument(name, n, value).dtype for n, value in given.items()}
    if len(set(kinds.values())) > 1:
        (a, x), (b, y) = next((a, b) for a in kinds.items() for b in kinds.items() if a[1] is not b[1])
        raise LaunchError(f"{name}: '{b}' holds {y}, '{a}' holds {x}: convert one of them")


# ---- Attention


@tg.kernel
def low_rank_attention_fwd(
    pq: In[T, "B H M $RQ"],
    vq: In[T, "H $RQ $D"],
    pk: In[T, "B H N $RK"],
    vk: In[T, "H $RK $D"],
    pv: In[T, "B H N $RV"],
    vv: In[T, "H $RV $DV"],
    o: Out[T, "B H M $DV"],
    scale: A,
    bq: Opt[In[U, "H $D"]] = None,
    bk: Opt[In[U, "H $D"]] = None,
    bv: Opt[In[U, "H $DV"]] = None,
    key_mask: Opt[In[i1, "B N"]] = None,
    right: Opt[index] = None,
    *,
    absorb: const = True,
    BM: tile = 64,
    BN: tile = 128,
):
    """An instance owns BM queries of one head and streams the factors of keys and values in tiles of BN."""
    (B, H, M, RQ), (N, RK), (RV, DV), D = pq.shape, pk.shape[2:], vv.shape[1:], vq.shape[2]
    m, h, b = tg.grid((M, BM), H, B, order="heavy_first")
    off, rk, rv, d, e = N - M, pad16(RK), pad16(RV), pad16(D), pad16(DV)
    rq = pad16(RQ)
    qt = tg.dot(tg.load(pq[b, h], (m, rq)), tg.load(vq[h], (rq, d)))  # [BM, D']
    if bq is not None:
        qt = qt + tg.load(bq[h], (d,)).to(A)[None, :]
    qt = qt.to(T)
    fk, fv = tg.load(vk[h], (rk, d)), tg.load(vv[h], (rv, e))  # factors, stay on chip
    st = tg.softmax_init(BM, rv.size if absorb else e.size)
    lo, hi = keys_of(m, off, N, None, right)
    for n in tg.stream(lo, hi, BN, order="any", label="keys"):
        kt, vt = tg.load(pk[b, h], (n, rk)), tg.load(pv[b, h], (n, rv))  # [BN, R'] instead of [BN, D']
        if absorb:  # q·fkᵀ does not depend on the stream: it is made once
            s = tg.low_rank_dot(qt, fk.T, kt.T)
        else:
            kt, vt = tg.dot(kt, fk), tg.dot(vt, fv)
            if bk is not None:
                kt = kt + tg.load(bk[h], (d,)).to(A)[None, :]
            if bv is not None:
                vt = vt + tg.load(bv[h], (e,)).to(A)[None, :]
            vt = vt.to(T)
            s = tg.dot(qt, kt.to(T).T)
        s = s * scale  # [BM, BN], natural logarithms
        keep = visible(m, n, off, None, right)
        if key_mask is not None:
            keep = keep & tg.load(key_mask[b], (n,))[None, :]
        st = tg.softmax_update(st, tg.where(keep, s, -tg.inf), vt)
    ot, lse = tg.softmax_finish(st)
    if absorb:
        ot = tg.dot(ot.to(T), fv)
        if bv is not None:
            ot = ot + tg.load(bv[h], (e,)).to(A)[None, :]
        ot = tg.where(lse[:, None] == -tg.inf, 0.0, ot)  # a query without keys gives 0, not bv
    tg.store(o[b, h], (m, e), ot.to(T))


def absorbing_is_cheaper(m: int, n: int, bm: int, ranks: tuple[int, int], dims: tuple[int, int]) -> bool:
    """Whether the absorbed form takes fewer multiply-adds for m queries, in tiles of bm where rebuilt, and n keys.

    A key costs a query its ranks when absorbed, plus two small products per query; rebuilt it costs its
    dimensions, plus a tile's share of making it.
    """
    per_weight, product = sum(ranks), sum(r * d for r, d in zip(ranks, dims, strict=True))
    absorbed = m * (n * per_weight + product)
    rebuilt = m * n * sum(dims) + tg.cdiv(m, bm) * n * product
    return absorbed <= rebuilt


def rebuilt_tiles(
    m: int, n: int, ranks: tuple[int, int], dims: tuple[int, int], causal: bool, heads: int
) -> tuple[int, int]:
    """BM and BN of the rebuilt form, from sizes and the target.

    Every tile of queries makes all its keys and values again, which costs as much as `share` more queries: tall
    tiles pay, as long as 1 to 16 workers have enough of them on average and they stay on chip.
    """
    r, d = (sum(tg.round_up(size, 16) for size in sizes) for sizes in (ranks, dims))
    bm, bn = tiles(m, n, r + d, causal)
    share = sum(a * b for a, b in zip(ranks, dims, strict=True)) / sum(dims)

    def cost(rows: int) -> float:
        count = heads * tg.cdiv(m, rows)
        return sum((rows + share) * tg.cdiv(count, w) * w for w in (1, 2, 4, 8, 16))

    if bm == 128:
        tall = (256, 128) if causal else (512, 256, 128)
        bm = min((rows for rows in tall if rows == 128 or 4 * rows * d <= tile_bytes() // 3), key=cost)
    return bm, min(bn, 64) if bm > 128 else bn


def attention_tiles(
    m: int, n: int, ranks: tuple[int, int], dims: tuple[int, int], causal: bool, heads: int, size: int, absorb: bool
) -> tuple[int, int]:
    """BM and BN of a form on the target, for elements of `size` bytes."""
    room, acc = registers(size), max(size, 4)
    if room is None and not absorb:
        return rebuilt_tiles(m, n, ranks, dims, causal, heads)
    (rk, rv), (d, dv) = ((tg.round_up(x, 16), tg.round_up(y, 16)) for x, y in (ranks, dims))
    if room is None:
        return tiles(m, n, rk + rv, causal, heads)
    # Every warp holds the factors, of several.
    common: dict[str, int] = {"fixed": 4 * size * (rk * d + rv * dv)}
    if absorb:  # and a row's query, or its result, before or behind the stream
        row = acc * rv + size * rk + (acc + size) * max(d, dv)
    else:
        row, common["made"] = acc * dv + size * d, (acc + size) * (d + dv)
    return register_tiles(m, n, row, 1, size * (rk + rv), size, room, **common)


def low_rank_attention(
    pq: Any,
    vq: Any,
    pk: Any,
    vk: Any,
    pv: Any,
    vv: Any,
    *,
    bq: Any = None,
    bk: Any = None,
    bv: Any = None,
    key_mask: Any = None,
    scale: float | None = None,
    causal: bool = False,
    form: str | None = None,
) -> Any:
    """softmax(q·kᵀ·scale)·v of q = pq·vq + bq, k = pk·vk + bk, v = pv·vv + bv, none of which is stored.

    Args:
        pq: [batch, heads, queries, RQ], f64, f32, f16 or bf16. Heads may share it, by a stride of 0.
        vq: [heads, RQ, D] of pq's dtype.
        pk, vk: [batch, heads, keys, RK] and [heads, RK, D].
        pv, vv: [batch, heads, keys, RV] and [heads, RV, DV].
        bq, bk, bv: [heads, D], [heads, D], [heads, DV], of pq's dtype or f32 (f64 for f64), all of one dtype.
        key_mask: [batch, keys], booleans or integers, true where a key is seen.
        scale: of q·k; 1 / √D by default.
        causal: query i sees keys up to its own position, i + keys - queries.
        form: "absorbed" or "rebuilt", as the top of this file says; None takes the cheaper one.

    Returns:
        o [batch, heads, queries, DV] of pq's dtype and kind; 0 for a query that sees no key.

    Raises:
        LaunchError: arguments that do not fit, by name; a tensor that requires grad.

    >>> import numpy as np
    >>> p, one = np.zeros((1, 1, 2, 1)), np.ones((1, 1, 1))
    >>> pv = np.array([1.0, 3.0]).reshape(1, 1, 2, 1)
    >>> low_rank_attention(p, one, p, one, pv, 2 * one, causal=True)[0, 0, :, 0]
    array([2., 4.])
    """
    name = "low_rank_attention"
    values = {"pq": pq, "pk": pk, "pv": pv}
    factors = {"vq": vq, "vk": vk, "vv": vv}
    a = {n: floating(name, n, value, "[batch, heads, seq, rank]", 4) for n, value in values.items()}
    a |= {n: floating(name, n, value, "[heads, rank, head_dim]", 3) for n, value in factors.items()}
    same(name, *((n, array) for n, array in a.items()))
    model = a["pq"]
    (B, H, M, RQ), D = model.shape, a["vq"].shape[2]
    (N, RK), (RV, DV) = a["pk"].shape[2:], (a["pv"].shape[3], a["vv"].shape[2])
    for n, want in (
        ("vq", (H, RQ, D)),
        ("pk", (B, H, N, RK)),
        ("vk", (H, RK, D)),
        ("pv", (B, H, N, RV)),
        ("vv", (H, RV, DV)),
    ):
        if a[n].shape != want:
            raise LaunchError(
                f"{name}: '{n}' has shape {list(a[n].shape)}, expected {list(want)} (pq is {list(model.shape)})"
            )
    for n, size in (("pq", RQ), ("pk", RK), ("pv", RV)):
        if size == 0:
            raise LaunchError(f"{name}: '{n}' has rank 0")
    if D == 0:
        raise LaunchError(f"{name}: 'vq' has head_dim 0")
    _biases(name, model, bq=(bq, (H, D)), bk=(bk, (H, D)), bv=(bv, (H, DV)))
    if form not in (None, "absorbed", "rebuilt"):
        raise LaunchError(f"{name}: 'form' is {form!r}, expected 'absorbed', 'rebuilt' or None")
    mask = None if key_mask is None else _key_mask(name, key_mask, model, (B, N))
    o = empty(model, (B, H, M, DV), model.dtype)
    if math.prod(o.shape):
        ranks, dims = (RK, RV), (D, DV)
        bm, bn = attention_tiles(M, N, ranks, dims, causal, B * H, model.dtype.bytes, False)
        absorb = form == "absorbed" or (form is None and absorbing_is_cheaper(M, N, bm, ranks, dims))
        if absorb:
            bm, bn = attention_tiles(M, N, ranks, dims, causal, B * H, model.dtype.bytes, True)
        scale = float(D**-0.5 if scale is None else scale)
        right = 0 if causal else None
        low_rank_attention_fwd(
            pq, vq, pk, vk, pv, vv, o, scale, bq, bk, bv, mask, right, absorb=absorb, BM=bm, BN=bn
        )  # fmt: skip
    return o


def _key_mask(name: str, mask: Any, model: Argument, shape: tuple[int, int]) -> Any:
    """The mask as booleans."""
    array = argument(name, "key_mask", mask)
    if array.framework != model.framework:
        raise LaunchError(f"{name}: 'key_mask' is a {array.framework} array, 'pq' a {model.framework} one")
    if array.dtype.is_float:
        raise LaunchError(f"{name}: 'key_mask' holds {array.dtype}, expected booleans or integers")
    if array.shape != shape:
        raise LaunchError(f"{name}: 'key_mask' has shape {list(array.shape)}, expected {list(shape)}")
    return mask if array.dtype is dtypes.i1 else mask != 0
