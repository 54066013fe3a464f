# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels over edges, forwards and backwards. No array here has the size of the list of edges, but the list.

An instance owns BR nodes and walks their edges in tiles of BE: a tile may hold the edges of many nodes,
and the edges of a node may fill many tiles; `segment_sum` adds both into one accumulator, in the order
of the list. What an edge needs is read where it lies (positions and features of its two ends) or made on
chip (distance, basis, filter), and used up at once.

Forwards, over the edges that a node hears (`Graph.into`):

    y[i] = Σ_(j→i) h[j]·f(d)

Backwards, from gy = ∂E/∂y, over edges and reverses (`Graph.around`). An edge (j → i) and its reverse
have one distance d, so what both contribute to ∂E/∂d has one slope f'(d), and everything that node i
receives is in its own row:

    ∂E/∂h[i] = Σ_j gy[j]·f(d),    ∂E/∂x[i] = Σ_j (Σ_f (gy[i]·h[j] + gy[j]·h[i])·f'(d))·(x[i] - x[j] - s)/d
"""

from __future__ import annotations

from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, fn, tile
from tegula.ops.schnet.filters import (
    Network,
    interpolated,
    interpolated_and_slope,
    network,
    network_and_slope,
    pad16,
    resident,
)
from tegula.ops.schnet.functions import cosine, gaussian, ssp, ssp_slope
from tegula.ops.schnet.graph import Edges

LAST = 2**31 - 1


def span_of(edges: Edges, rows: Span, n: int) -> tuple[int, int, Tile]:
    """The edges [lo, hi) of a span of rows, and where each row ends."""
    lo, hi = tg.load(edges.ptr, (rows.start,)), tg.load(edges.ptr, (min(rows.start + rows.size, n),))
    return lo, hi, tg.load(edges.ptr, (rows.shift(1),), pad=LAST)


def ends_of(edges: Edges, e: Span, ends: Tile, rows: Span) -> tuple[Tile, Tile, Tile]:
    """For a tile of edges: each one's row among `rows`, that node, and the node at the other end; -1 is none."""
    seg = tg.segment_ids(ends, e)
    return seg, tg.where(e.valid, seg + rows.start, -1), tg.load(edges.other, (e,), pad=-1)


def geometry(pos: Any, edges: Edges, e: Span, i: Tile, j: Tile) -> tuple[Tile, Tile]:
    """The vectors from nodes j to nodes i [BE, 3], and their lengths [BE]."""
    xyz = tg.span(3)
    r = tg.load(pos, (i, xyz)) - tg.load(pos, (j, xyz))
    if edges.shift is not None:
        r = r - tg.load(edges.shift, (e, xyz))
    return r, tg.sqrt(tg.maximum((r * r).sum(axis=1), 1e-24))


def listen(pos: Any, h: Any, edges: Edges, y: Any, rows: Span, BE: int, value: Any) -> None:
    """y of a span of nodes; `value` is the filter, a function of d."""
    N, f = h.shape[0], pad16(h.shape[1])
    lo, hi, ends = span_of(edges, rows, N)
    acc = tg.zeros((rows.size, f.size), A)
    for e in tg.stream(lo, hi, BE, label="edges"):
        seg, i, j = ends_of(edges, e, ends, rows)
        _, d = geometry(pos, edges, e, i, j)
        acc = tg.segment_sum(acc, tg.load(h, (j, f)).to(A) * value(d), seg)
    tg.store(y, (rows, f), acc.to(U))


def listen_back(
    pos: Any, h: Any, gy: Any, edges: Edges, gh: Any, gpos: Any, more: Any, rows: Span, BE: int, value_and_slope: Any
) -> None:
    """∂E/∂h and ∂E/∂x of a span of nodes; `more` is added to the latter."""
    N, f, xyz = h.shape[0], pad16(h.shape[1]), tg.span(3)
    lo, hi, ends = span_of(edges, rows, N)
    acc, pull = tg.zeros((rows.size, f.size), A), tg.zeros((rows.size, 3), A)
    for e in tg.stream(lo, hi, BE, label="edges"):
        seg, i, j = ends_of(edges, e, ends, rows)
        r, d = geometry(pos, edges, e, i, j)
        w, dw = value_and_slope(d)
        gi, gj = tg.load(gy, (i, f)).to(A), tg.load(gy, (j, f)).to(A)
        into, back = gi * tg.load(h, (j, f)).to(A), gj * tg.load(h, (i, f)).to(A)
        if edges.heard is not None:
            into = into * tg.load(edges.heard, (e,))[:, None]
        if edges.told is not None:
            told = tg.load(edges.told, (e,))[:, None]
            back, gj = back * told, gj * told
        if gh is not None:
            acc = tg.segment_sum(acc, gj * w, seg)
        along = ((into + back) * dw).sum(axis=1)  # ∂E/∂d, of both directions
        pull = tg.segment_sum(pull, (along / d)[:, None] * r, seg)
    if gh is not None:
        tg.store(gh, (rows, f), acc.to(U))
    if more is not None:
        pull = pull + tg.load(more, (rows, xyz))
    tg.store(gpos, (rows, xyz), pull)


@tg.kernel
def cfconv_fwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    edges: Edges,
    flt: Network,
    y: Out[U, "N $F"],
    gamma: A,
    alpha: A,
    rc: A,
    *,
    act: fn = ssp,
    basis: fn = gaussian,
    cut: fn = cosine,
    BR: tile = 8,
    BE: tile = 32,
):
    """y of h, with the filter's network in the kernel."""
    rows = tg.grid((h.shape[0], BR))
    weights = resident(flt)

    def at(d: Tile) -> Tile:
        return network(d, weights, (gamma, alpha, rc), act, basis, cut)

    listen(pos, h, edges, y, rows, BE, at)


@tg.kernel
def cfconv_bwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    gy: In[U, "N $F"],
    edges: Edges,
    flt: Network,
    gh: Opt[Out[U, "N $F"]],
    gpos: Out[A, "N 3"],
    more: Opt[In[A, "N 3"]],
    gamma: A,
    alpha: A,
    rc: A,
    *,
    act: fn = ssp,
    slope: fn = ssp_slope,
    basis: fn = gaussian,
    cut: fn = cosine,
    BR: tile = 8,
    BE: tile = 32,
):
    """∂E/∂h and ∂E/∂x, with the filter's network in the kernel."""
    rows = tg.grid((h.shape[0], BR))
    weights, shape = resident(flt), (gamma, alpha, rc)

    def at(d: Tile) -> tuple[Tile, Tile]:
        return network_and_slope(d, weights, shape, act, slope, basis, cut)

    listen_back(pos, h, gy, edges, gh, gpos, more, rows, BE, at)


@tg.kernel
def cfconv_table_fwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    edges: Edges,
    table: In[A, "P $F4"],
    y: Out[U, "N $F"],
    rc: A,
    last: A,
    *,
    BR: tile = 8,
    BE: tile = 32,
):
    """y of h, with the filter read from a table."""
    rows = tg.grid((h.shape[0], BR))

    def at(d: Tile) -> Tile:
        return interpolated(d, table, rc, last)

    listen(pos, h, edges, y, rows, BE, at)


@tg.kernel
def cfconv_table_bwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    gy: In[U, "N $F"],
    edges: Edges,
    table: In[A, "P $F4"],
    gh: Opt[Out[U, "N $F"]],
    gpos: Out[A, "N 3"],
    more: Opt[In[A, "N 3"]],
    rc: A,
    last: A,
    *,
    BR: tile = 8,
    BE: tile = 32,
):
    """∂E/∂h and ∂E/∂x, with the filter read from a table."""
    rows = tg.grid((h.shape[0], BR))

    def at(d: Tile) -> tuple[Tile, Tile]:
        return interpolated_and_slope(d, table, rc, last)

    listen_back(pos, h, gy, edges, gh, gpos, more, rows, BE, at)
