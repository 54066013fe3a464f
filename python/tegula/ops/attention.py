# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scaled dot-product attention with an online softmax.

For each batch b, query head h and query i, over the keys j that query i sees:

    s[j] = softcap · tanh(q[i]·k[j] · scale / softcap) + bias[i, j]        (without softcap: q[i]·k[j] · scale)
    o[i] = Σ_j exp(s[j]) v[j] / Σ_j exp(s[j]),       lse[i] = ln Σ_j exp(s[j])

A query that sees no key gives o = 0 and lse = -inf. Keys are streamed in tiles, with a running maximum,
sum and weighted value (Milakov and Gimelshein 2018; Rabe and Staats 2021; Dao et al. 2022): no
[seq, seq] array exists, and memory beyond the result is a tile per thread.

The backward keeps q, k, v, o and lse, and computes p again (Dao 2023): with delta[i] = do[i]·o[i] - dlse[i],

    dv[j] = Σ_i p[i, j] do[i],   ds[i, j] = p[i, j] (do[i]·v[j] - delta[i]),   dk[j] = scale Σ_i ds[i, j] q[i],
    dq[i] = scale Σ_j ds[i, j] k[j]

ds is times softcap's derivative, where there is one. dk and dv are summed by one kernel over the queries and dq
by another over the keys, each in a fixed order: equal inputs give equal bits.

Shapes: q [batch, heads, queries, head_dim], k [batch, kv_heads, keys, head_dim], v [batch, kv_heads, keys,
value_dim] with heads a multiple of kv_heads (grouped-query attention: head h reads kv head h // (heads /
kv_heads)). Any strides. Queries are aligned to the end of the keys: query i sits at key i + keys - queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, View, i1, index, tile
from tegula.errors import LaunchError
from tegula.language import dtypes
from tegula.ops._host import (
    Argument,
    Registers,
    argument,
    element_bytes,
    empty,
    floating,
    registers,
    same,
    tile_bytes,
)
from tegula.ops._torch import Operator, in_graph, plan

Q = In[T, "B H M $D"]
K = In[T, "B HK N $D"]
V = In[T, "B HK N $DV"]
O = In[T, "B H M $DV"]
L = In[A, "B H M"]
Bias = Opt[In[U, "B? H? M? N?"]]
Mask = Opt[In[i1, "B? H? M? N?"]]


def pad16(n: int) -> Span:
    """n columns, rounded up: the rest loads as 0 and is not stored."""
    return tg.span(tg.round_up(n, 16))


def head(x: View | None, b: int, h: int) -> View | None:
    """What an optional view holds for a head."""
    return None if x is None else x[b, h]


def visible(m: Span, n: Span, off: int, left: int | None, right: int | None, mask: View | None = None) -> Tile:
    """Which keys of n the rows of m see. [BM, BN] or [1, BN]

    But for the mask it is affine in both, so that streams are split on it.
    """
    keep = n.valid[None, :]
    distance = n.ids[None, :] - (m.ids[:, None] + off)
    if left is not None:
        keep = keep & (distance >= -left)
    if right is not None:
        keep = keep & (distance <= right)
    return keep if mask is None else keep & tg.load(mask, (m, n))


def bias_of(bias: View | None, b: int, h: int, m: Span, n: Span) -> Tile | None:
    """What is added to the scores of the rows of m and the keys of n. [BM, BN]"""
    return None if bias is None else tg.load(bias[b, h], (m, n)).to(A)


def keys_of(m: Span, off: int, end: int, left: int | None, right: int | None) -> tuple[int, int]:
    """The keys [lo, hi) that some row of m can see."""
    lo = 0 if left is None else max(m.start + off - left, 0)
    hi = end if right is None else min(m.start + m.size + off + right, end)
    return lo, hi


@tg.kernel
def attention_fwd(
    q: Q,
    k: K,
    v: V,
    o: Out[T, "B H M $DV"],
    scale: A,
    lse: Opt[Out[A, "B H M"]] = None,
    left: Opt[index] = None,
    right: Opt[index] = None,
    softcap: Opt[A] = None,
    bias: Bias = None,
    mask: Mask = None,
    *,
    BM: tile = 128,
    BN: tile = 256,
):
    """An instance owns BM queries of one head and streams the keys that they see in tiles of BN."""
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    tg.require(H % HK == 0, "the heads of 'q' must be a multiple of the heads of 'k'")
    m, h, b = tg.grid((M, BM), H, B, order="heavy_first")
    hk, off, d, e = h // (H // HK), N - M, pad16(D), pad16(DV)
    qt = tg.load(q[b, h], (m, d))  # [BM, D'], stays on chip
    st = tg.softmax_init(BM, e.size)  # running maximum, sum, and [BM, DV'] weighted values
    lo, hi = keys_of(m, off, N, left, right)
    for n in tg.stream(lo, hi, BN, order="any", label="keys"):
        kt, vt = tg.load(k[b, hk], (n, d)), tg.load(v[b, hk], (n, e))  # [BN, D'], [BN, DV']
        s = tg.dot(qt, kt.T) * scale  # [BM, BN], natural logarithms
        if softcap is not None:
            s = softcap * tg.tanh(s / softcap)
        bt = bias_of(bias, b, h, m, n)
        s = s if bt is None else s + bt
        keep = visible(m, n, off, left, right, head(mask, b, h))
        st = tg.softmax_update(st, tg.where(keep, s, -tg.inf), vt)  # NaN behind a mask does not show
    ot, ls = tg.softmax_finish(st)
    tg.store(o[b, h], (m, e), ot.to(T))
    if lse is not None:
        tg.store(lse[b, h], (m,), ls)


@tg.kernel
def row_dot(o: O, do: O, delta: Out[A, "B H M"], dlse: Opt[L] = None, *, BM: tile = 64):
    """delta = Σ o·do - dlse, row by row."""
    B, H, M, DV = o.shape
    m, h, b = tg.grid((M, BM), H, B)
    x, y = (tg.load(z[b, h], (m, pad16(DV))).to(A) for z in (o, do))
    d = (x * y).sum(axis=1)
    if dlse is not None:
        d = d - tg.load(dlse[b, h], (m,))
    tg.store(delta[b, h], (m,), d)


def p_ds(
    qt: Tile,
    kt: Tile,
    vt: Tile,
    dot: Tile,
    ls: Tile,
    dl: Tile,
    bt: Tile | None,
    keep: Tile,
    scale: Any,
    softcap: Any,
) -> tuple[Tile, Tile]:
    """p and ds of a tile: queries qt [BM, D'] with do, lse and delta, keys kt [BN, D'] and vt. [BM, BN] both"""

    def cap(s: Any) -> Any:
        return s if softcap is None else softcap * tg.tanh(s / softcap)

    raw = tg.dot(qt, kt.T) * scale
    s = cap(raw)
    if bt is not None:
        s = s + bt
    # A row without keys has lse -inf, and rows behind the last one +inf: both give 0.
    shift = tg.where(ls == -tg.inf, tg.inf, ls)
    p = tg.where(keep, tg.exp(s - shift[:, None]), 0.0)
    ds = p * (tg.dot(dot, vt.T) - dl[:, None])
    if softcap is not None:
        ds = tg.where(keep, ds * tg.grad(cap)(raw), 0.0)
    return p, ds


@tg.kernel
def attention_dkdv(
    q: Q,
    k: K,
    v: V,
    do: O,
    lse: L,
    delta: L,
    dk: Out[T, "B HK N $D"],
    dv: Out[T, "B HK N $DV"],
    scale: A,
    left: Opt[index] = None,
    right: Opt[index] = None,
    softcap: Opt[A] = None,
    bias: Bias = None,
    mask: Mask = None,
    *,
    BM: tile = 64,
    BN: tile = 128,
):
    """An instance owns BN keys of one kv head and streams the queries that see them, of every head that reads it."""
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    n, hk, b = tg.grid((N, BN), HK, B, order="heavy_first")
    d, e, off, group = pad16(D), pad16(DV), N - M, H // HK
    kt, vt = tg.load(k[b, hk], (n, d)), tg.load(v[b, hk], (n, e))
    dkt, dvt = tg.zeros((BN, d.size), A), tg.zeros((BN, e.size), A)
    lo = 0 if right is None else max(n.start - off - right, 0)
    hi = M if left is None else min(n.start + BN - off + left, M)
    for h in tg.stream(hk * group, hk * group + group):
        for m in tg.stream(lo, hi, BM, order="any", label="rows"):
            qt, dot = tg.load(q[b, h], (m, d)), tg.load(do[b, h], (m, e))
            ls, dl = tg.load(lse[b, h], (m,), pad=tg.inf), tg.load(delta[b, h], (m,))
            keep = visible(m, n, off, left, right, head(mask, b, h))
            p, ds = p_ds(qt, kt, vt, dot, ls, dl, bias_of(bias, b, h, m, n), keep, scale, softcap)
            dvt, dkt = tg.dot(p.to(T).T, dot, dvt), tg.dot(ds.to(T).T, qt, dkt)
    tg.store(dk[b, hk], (n, d), (dkt * scale).to(T))
    tg.store(dv[b, hk], (n, e), dvt.to(T))


@tg.kernel
def attention_dq(
    q: Q,
    k: K,
    v: V,
    do: O,
    lse: L,
    delta: L,
    dq: Out[T, "B H M $D"],
    scale: A,
    left: Opt[index] = None,
    right: Opt[index] = None,
    softcap: Opt[A] = None,
    bias: Bias = None,
    mask: Mask = None,
    *,
    BM: tile = 128,
    BN: tile = 64,
):
    """An instance owns BM queries of one head and streams the keys that they see."""
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    m, h, b = tg.grid((M, BM), H, B, order="heavy_first")
    d, e, off, hk = pad16(D), pad16(DV), N - M, h // (H // HK)
    qt, dot, acc = tg.load(q[b, h], (m, d)), tg.load(do[b, h], (m, e)), tg.zeros((BM, d.size), A)
    ls, dl = tg.load(lse[b, h], (m,), pad=tg.inf), tg.load(delta[b, h], (m,))
    lo, hi = keys_of(m, off, N, left, right)
    for n in tg.stream(lo, hi, BN, order="any", label="keys"):
        kt, vt = tg.load(k[b, hk], (n, d)), tg.load(v[b, hk], (n, e))
        keep = visible(m, n, off, left, right, head(mask, b, h))
        _, ds = p_ds(qt, kt, vt, dot, ls, dl, bias_of(bias, b, h, m, n), keep, scale, softcap)
        acc = tg.dot(ds.to(T), kt, acc)
    tg.store(dq[b, h], (m, d), (acc * scale).to(T))


PACKING = 20
"""What reading and packing all keys costs an instance, in rows of queries; measured on AVX-512."""


def tiles(queries: int, keys: int, width: int, causal: bool, heads: int = 0) -> tuple[int, int]:
    """BM and BN where tiles lie in memory, from sizes and the target: not from the number of threads.

    Tiles of k, v, q and the accumulator together stay below three quarters of a core's memory; masked or
    short streams take narrower tiles, so that less of a tile is cut off. Each instance reads and packs
    all keys, which costs as much as `PACKING` rows of queries: with as many `heads` (of all batches; 0: not
    known), an unmasked stream takes more rows if 1 to 16 workers have enough instances on average.
    """
    bm = next((n for n in (16, 32, 64) if queries <= n), 128)
    bn = next((n for n in (16, 32, 64) if keys <= n), 128 if causal or keys <= 256 else 256)
    if heads and bm == 128 and not causal:

        def cost(rows: int) -> int:
            count = heads * tg.cdiv(queries, rows)
            return sum((rows + PACKING) * tg.cdiv(count, w) * w for w in (1, 2, 4, 8, 16))

        most = tg.target.on_chip_bytes
        bm = min((rows for rows in (512, 256, 128) if rows == 128 or 2 * rows * width <= most), key=cost)
        bn = min(bn, 128) if bm == 512 else bn
    while bn > 32 and 4 * (bn + bm) * width > tile_bytes():
        bn //= 2
    return bm, bn


SHAPES = ((128, 64), (64, 64), (64, 32), (32, 32), (32, 16), (16, 16))


def register_tiles(
    owned: int,
    streamed: int,
    row: int,
    scores: int,
    step: int,
    size: int,
    room: Registers,
    *,
    made: int = 0,
    fixed: int = 0,
) -> tuple[int, int]:
    """Rows of an instance and of a step where what it keeps is in registers, for elements of `size` bytes.

    A row that is owned keeps `row` bytes; `scores` tiles of rows by steps are alive at a time; `fixed` bytes stay. A
    row of a step is `step` bytes, `made` more are computed of it, and the memory that steps pass through holds two
    steps, with a tile of scores where multiply-adds read them from there.
    """
    rows, columns = (next((n for n in (16, 32, 64) if length <= n), 128) for length in (owned, streamed))
    most = room.kept * 2 // (1 + scores)  # more products have their operands there too
    for r, c in SHAPES:
        kept = r * (row + scores * c * (max(size, 4) + size)) + c * made + fixed
        passing = 2 * c * step + (r * c * size if size > 2 else 0)
        if r <= rows and c <= columns and kept <= most and passing <= room.streamed:
            return r, c
    return SHAPES[-1]


def tiles_of_queries(
    m: int, n: int, d: int, dv: int, causal: bool, size: int, heads: int = 0, again: bool = False
) -> dict[str, int]:
    """Tiles where an instance owns queries and streams keys; `again` for dq, which computes the weights again."""
    d, dv, acc, room = tg.round_up(d, 16), tg.round_up(dv, 16), max(size, 4), registers(size)
    if room is None:
        bm, bn = tiles(m, n, d + dv, causal, heads)
    else:
        row = acc * d + size * (d + dv) if again else acc * dv + size * d
        bm, bn = register_tiles(m, n, row, 1 + again, size * (d + dv), size, room)
    return {"BM": bm, "BN": bn}


def tiles_of_rows(dv: int, size: int) -> dict[str, int]:
    """Rows of `row_dot`: two tiles of them, and their product, lie in registers or near the core."""
    room, row = registers(size), 2 * (max(size, 4) + size) * tg.round_up(dv, 16)
    return {} if room is None else {"BM": next((n for n in (64, 32) if n * row <= room.kept), 16)}


def tiles_of_keys(m: int, n: int, d: int, dv: int, causal: bool, size: int) -> dict[str, int]:
    """Tiles where an instance owns keys and streams queries: two inputs and two accumulators, the same sizes."""
    width, room = tg.round_up(d, 16) + tg.round_up(dv, 16), registers(size)
    if room is None:
        bn, bm = tiles(n, m, 2 * width, causal)
    else:
        bn, bm = register_tiles(n, m, (max(size, 4) + size) * width, 3, size * width, size, room)
    return {"BM": bm, "BN": bn}


@tg.program(name="attention")
def attention_program(
    q: Any,
    k: Any,
    v: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: float,
    left: int | None = None,
    right: int | None = None,
    softcap: float | None = None,
) -> Any:
    """o and lse. A bias is one of values, a mask one of truth values."""
    o, lse = tg.empty_like(q, shape=(*q.shape[:3], v.shape[3])), tg.empty(q.shape[:3], A)
    sizes = q.shape[2], k.shape[2], q.shape[3], v.shape[3], left is not None or right is not None, element_bytes(q)
    heads = q.shape[0] * q.shape[1]
    attention_fwd(q, k, v, o, scale, lse, left, right, softcap, bias, mask, **plan(tiles_of_queries, *sizes, heads))
    return o, lse, tg.save(q, k, v, bias, mask, o, lse)


@attention_program.backward
def _(
    saved: Any,
    do: Any,
    dlse: Any = None,
    *,
    scale: float,
    left: int | None,
    right: int | None,
    softcap: float | None,
    needs: tuple[bool, ...],
) -> Any:
    """dq, dk and dv; the bias is read again, and has no gradient."""
    q, k, v, bias, mask, o, lse = saved
    delta = tg.empty_like(lse)
    row_dot(o, do, delta, dlse, **plan(tiles_of_rows, v.shape[3], element_bytes(o)))
    sizes = q.shape[2], k.shape[2], q.shape[3], v.shape[3], left is not None or right is not None, element_bytes(q)
    args = scale, left, right, softcap, bias, mask
    dq = dk = dv = None
    if needs[1] or needs[2]:
        dk, dv = tg.empty_like(k), tg.empty_like(v)
        attention_dkdv(q, k, v, do, lse, delta, dk, dv, *args, **plan(tiles_of_keys, *sizes))
    if needs[0]:
        dq = tg.empty_like(q)
        attention_dq(q, k, v, do, lse, delta, dq, *args, **plan(tiles_of_queries, *sizes, 0, True))
    return dq, dk, dv


OPERATOR = Operator(attention_program, results=2)


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    scale: float | None = None,
    causal: bool = False,
    window: tuple[int | None, int | None] | None = None,
    softcap: float | None = None,
    bias: Any = None,
    return_lse: bool = False,
) -> Any:
    """Attention of q over k and v, as the formula at the top of this file says.

    Args:
        q: [batch, heads, queries, head_dim], f64, f32, f16 or bf16; k and v alike, see there.
        scale: of q·k; 1 / √head_dim by default.
        causal: query i sees keys up to its own position.
        window: (left, right): query i sees keys from `left` before to `right` behind its own position,
            inclusive; None is unbounded, a negative side leaves out its own position. With `causal`
            the right side is at most 0.
        softcap: bounds scores to (-softcap, softcap).
        bias: added to the scores after softcap, of q's dtype or f32; or boolean, True where a key is seen.
            [batch, heads, queries, keys], where any axis may be 1.
        return_lse: also return lse [batch, heads, queries], f64 for f64 and else f32.

    Returns:
        o [batch, heads, queries, value_dim] of q's dtype and kind, in memory in the order of q's axes; with
        `return_lse` the pair (o, lse).

    Raises:
        LaunchError: arguments that do not fit, by name; a bias that requires grad.

    >>> import numpy as np
    >>> q = np.zeros((1, 1, 2, 4), np.float32)
    >>> v = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    >>> attention(q, q, v, causal=True)[0, 0]
    array([[0., 1., 2., 3.],
           [2., 3., 4., 5.]], dtype=float32)
    """
    name = "attention"
    axes = "[batch, heads, seq, head_dim]"
    x, y, z = (floating(name, n, a, axes, 4, graph=True) for n, a in (("q", q), ("k", k), ("v", v)))
    same(name, ("q", x), ("k", y), ("v", z))
    (B, H, M, D), HK, N, DV = x.shape, y.shape[1], y.shape[2], z.shape[3]
    for n, got, want in (("k", y.shape, (B, HK, N, D)), ("v", z.shape, (B, HK, N, DV))):
        if got != want:
            raise LaunchError(f"{name}: '{n}' has shape {list(got)}, expected {list(want)} (q is {list(x.shape)})")
    if D == 0:
        raise LaunchError(f"{name}: 'q' has head_dim 0")
    if HK == 0 or H % HK:
        raise LaunchError(f"{name}: the {H} heads of 'q' are no multiple of the {HK} heads of 'k'")
    left, right = _window(causal, window, M + N)
    if softcap is not None and not softcap > 0:
        raise LaunchError(f"{name}: 'softcap' is {softcap}, expected a positive number")
    scale = float(D**-0.5 if scale is None else scale)
    given = None if bias is None else _bias(bias, x, (B, H, M, N))
    kind = "mask" if given is not None and given.dtype is dtypes.i1 else "bias"
    masks: dict[str, Any] = {} if bias is None else {kind: bias}
    if x.framework == "torch" and in_graph(x, y, z, given):
        if DV == 0:
            raise LaunchError(f"{name}: 'v' has value_dim 0, which has no gradient")
        o, lse = OPERATOR(q, k, v, **masks, scale=scale, left=left, right=right, softcap=softcap)
        return (o, lse) if return_lse else o
    if H > 1 and M > 1 and x.strides[1] < x.strides[2]:  # heads side by side in a row, and so in o
        o = empty(x, (B, M, H, DV), x.dtype).swapaxes(1, 2)
    else:
        o = empty(x, (B, H, M, DV), x.dtype)
    lse = empty(x, (B, H, M), dtypes.acc_of(x.dtype)) if return_lse else None
    if B * H * M * DV:
        sizes = tiles_of_queries(M, N, D, DV, left is not None or right is not None, x.dtype.bytes, B * H)
        attention_fwd(q, k, v, o, scale, lse, left, right, softcap, **masks, **sizes)
    return (o, lse) if return_lse else o


def _window(causal: bool, window: Any, far: int) -> tuple[int | None, int | None]:
    """Both sides, with causality in the right one; `far` is beyond every key, and keeps numbers small."""
    sides: list[int | None] = []
    pair = (None, None) if window is None else window
    if not isinstance(pair, tuple | list) or len(cast("Sequence[Any]", pair)) != 2:
        raise LaunchError(f"attention: 'window' is {window!r}, expected (left, right)")
    for side in cast("Sequence[Any]", pair):
        if side is not None and (isinstance(side, bool) or not isinstance(side, int)):
            raise LaunchError(f"attention: 'window' is {window!r}, expected a pair of integers or None")
        sides.append(None if side is None else max(-far, min(side, far)))
    left, right = sides
    if causal:
        right = 0 if right is None else min(right, 0)
    return left, right


def _bias(bias: Any, q: Argument, shape: tuple[int, int, int, int]) -> Argument:
    """A bias or a mask; refused where it does not fit."""
    array = argument("attention", "bias", bias, graph=True)
    if array.graph and bias.requires_grad:
        raise LaunchError(
            "attention: 'bias' requires grad, and attention has no gradient for a bias: call it under "
            "torch.no_grad(), or pass bias.detach()"
        )
    if array.framework != q.framework:
        raise LaunchError(f"attention: 'bias' is a {array.framework} array, 'q' a {q.framework} one")
    if array.dtype not in (dtypes.i1, q.dtype, dtypes.f32):
        raise LaunchError(f"attention: 'bias' holds {array.dtype}, expected {q.dtype}, f32 or booleans")
    if len(array.shape) != 4 or any(n not in (1, want) for n, want in zip(array.shape, shape, strict=True)):
        raise LaunchError(
            f"attention: 'bias' has shape {list(array.shape)}, expected {list(shape)} or 1 along any axis"
        )
    return array
