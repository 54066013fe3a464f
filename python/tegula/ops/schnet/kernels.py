# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels over edges, forwards and backwards. No array here has the size of the list of edges, but the list.

An instance owns a task of `graph`: the pairs between two blocks of nodes, which it walks in tiles of BE. What a
pair needs is read where it lies (positions and features of its two ends) or made on chip (distance, basis,
filter), once for both directions, and used up at once; `segment_sum` adds what falls to either end into an
accumulator of that block, in the order of the list. `add_slabs` then adds up what the tasks of a block found.

Forwards, for a pair {i, j} at a distance d:

    y[i] += h[j]·f(d),    y[j] += h[i]·f(d)

Backwards, from gy = ∂E/∂y:

    ∂E/∂h[i] += gy[j]·f(d),    ∂E/∂x[i] += g·(x[i] - x[j] - s)/d,    and j alike, with the other sign,
    g = ∂E/∂d = Σ_f u[f]·f'(d)[f],    u = gy[i]·h[j] + gy[j]·h[i]

each term as often as its direction was given.
"""

from __future__ import annotations

from typing import Any

import tegula as tg
from tegula import A, In, InOut, Opt, Out, Span, T, Tile, U, const, fn, tile
from tegula.ops.schnet.filters import (
    Network,
    hidden,
    interpolated,
    interpolated_and_slope,
    network,
    network_and_slope,
    network_pull,
    pad16,
    resident,
)
from tegula.ops.schnet.functions import cosine, gaussian, ssp, ssp_slope
from tegula.ops.schnet.graph import Blocks, Edges


def geometry(pos: Any, edges: Edges, e: Span, i: Tile, j: Tile) -> tuple[Tile, Tile]:
    """The vectors from nodes j to nodes i [BE, 3], and their lengths [BE]."""
    xyz = tg.span(3)
    r = tg.load(pos, (i, xyz)) - tg.load(pos, (j, xyz))
    if edges.shift is not None:
        r = r - tg.load(edges.shift, (e, xyz))
    return r, tg.sqrt(tg.maximum((r * r).sum(axis=1), 1e-24))


def counted(x: Tile, times: Any, e: Span) -> Tile:
    """x [BE, F'], as often as a direction was given; None is once each. NaN is not heard where nothing is."""
    if times is None:
        return x
    n = tg.load(times, (e,))[:, None]
    return tg.where(n > 0.0, x * n, 0.0)


def listen(w: int, pos: Any, h: Any, edges: Edges, slabs: Any, BE: int, value: Any) -> None:
    """What the pairs of task w add to y; `value` is the filter, a function of d."""
    f, rows = pad16(h.shape[1]), tg.span(slabs.shape[1])
    lo, hi = tg.load(edges.ptr, (w,)), tg.load(edges.ptr, (w + 1,))
    left, right = tg.load(edges.left, (w,)), tg.load(edges.right, (w,))
    own, theirs = tg.zeros((rows.size, f.size), A), tg.zeros((rows.size, f.size), A)
    for e in tg.stream(lo, hi, BE, label="edges"):
        i, j = tg.load(edges.one, (e,), pad=-1), tg.load(edges.other, (e,), pad=-1)
        _, d = geometry(pos, edges, e, i, j)
        at = value(d)
        own = tg.segment_sum(own, counted(tg.load(h, (j, f)).to(A) * at, edges.heard, e), i - left)
        theirs = tg.segment_sum(theirs, counted(tg.load(h, (i, f)).to(A) * at, edges.told, e), j - right)
    tg.store(slabs[2 * w], (rows, f), own)
    tg.store(slabs[2 * w + 1], (rows, f), theirs)


def listen_back(
    w: int, pos: Any, h: Any, gy: Any, edges: Edges, gh: Any, gpos: Any, more: bool, BE: int, value: Any, pull: Any
) -> None:
    """What the pairs of task w add to ∂E/∂h, if it is wanted, and to ∂E/∂x; with `more`, to what gpos holds.

    value: a function of d: the filter, where ∂E/∂h is wanted, and what else `pull` needs.
    pull: a function of u and that: ∂E/∂d.
    """
    f, xyz, rows = pad16(h.shape[1]), tg.span(3), tg.span(gpos.shape[1])
    lo, hi = tg.load(edges.ptr, (w,)), tg.load(edges.ptr, (w + 1,))
    left, right = tg.load(edges.left, (w,)), tg.load(edges.right, (w,))
    own, theirs = tg.zeros((rows.size, f.size), A), tg.zeros((rows.size, f.size), A)
    if more:
        here, there = tg.load(gpos[2 * w], (rows, xyz)), tg.load(gpos[2 * w + 1], (rows, xyz))
    else:
        here, there = tg.zeros((rows.size, 3), A), tg.zeros((rows.size, 3), A)
    for e in tg.stream(lo, hi, BE, label="edges"):
        i, j = tg.load(edges.one, (e,), pad=-1), tg.load(edges.other, (e,), pad=-1)
        r, d = geometry(pos, edges, e, i, j)
        at = value(d)
        gi = counted(tg.load(gy, (i, f)).to(A), edges.heard, e)
        gj = counted(tg.load(gy, (j, f)).to(A), edges.told, e)
        if gh is not None:
            own = tg.segment_sum(own, gj * at[0], i - left)
            theirs = tg.segment_sum(theirs, gi * at[0], j - right)
        along = pull(gi * tg.load(h, (j, f)).to(A) + gj * tg.load(h, (i, f)).to(A), at)
        force = (along / d)[:, None] * r
        here, there = tg.segment_sum(here, force, i - left), tg.segment_sum(there, -force, j - right)
    if gh is not None:
        tg.store(gh[2 * w], (rows, f), own)
        tg.store(gh[2 * w + 1], (rows, f), theirs)
    tg.store(gpos[2 * w], (rows, xyz), here)
    tg.store(gpos[2 * w + 1], (rows, xyz), there)


def by_slope(u: Tile, at: tuple[Tile, Tile]) -> Tile:
    """∂E/∂d from u [BE, F'] and value and slope of the filter."""
    return (u * at[1]).sum(axis=1)


@tg.kernel
def add_slabs(slabs: In[A, "S $R $F"], blocks: Blocks, y: Out[U, "N $F"], *, BM: tile = 16):
    """The rows of nodes: what the slabs of their block hold for them, added up."""
    b, m = tg.grid(blocks.start.shape[0] - 1, (slabs.shape[1], BM))
    f, first = pad16(y.shape[1]), tg.cast(tg.load(blocks.start, (b,)), tg.index)
    acc = tg.zeros((BM, f.size), A)
    for s in tg.stream(tg.load(blocks.ptr, (b,)), tg.load(blocks.ptr, (b + 1,))):
        acc = acc + tg.load(slabs[tg.load(blocks.slab, (s,))], (m, f))
    tg.store(y, (m.shift(first).clip(tg.load(blocks.start, (b + 1,))), f), acc.to(U))


@tg.kernel
def cfconv_fwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    edges: Edges,
    flt: Network,
    slabs: Out[A, "S $R $F"],
    gamma: A,
    alpha: A,
    rc: A,
    *,
    act: fn = ssp,
    basis: fn = gaussian,
    cut: fn = cosine,
    BE: tile = 32,
):
    """What tasks add to y of h, with the filter's network in the kernel."""
    w, weights = tg.grid(edges.left.shape[0]), resident(flt)

    def at(d: Tile) -> Tile:
        return network(d, weights, (gamma, alpha, rc), act, basis, cut)

    listen(w, pos, h, edges, slabs, BE, at)


@tg.kernel
def cfconv_bwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    gy: In[U, "N $F"],
    edges: Edges,
    flt: Network,
    gh: Opt[Out[A, "S $R $F"]],
    gpos: InOut[A, "S $R 3"],
    gamma: A,
    alpha: A,
    rc: A,
    *,
    act: fn = ssp,
    slope: fn = ssp_slope,
    basis: fn = gaussian,
    cut: fn = cosine,
    more: const = False,
    BE: tile = 32,
):
    """What tasks add to ∂E/∂h and ∂E/∂x, with the filter's network in the kernel."""
    w, weights, shape = tg.grid(edges.left.shape[0]), resident(flt), (gamma, alpha, rc)

    def inside(d: Tile) -> Any:
        return hidden(d, weights, shape, act, slope, basis, cut)

    def value_and_slope(d: Tile) -> tuple[Tile, Tile]:
        return network_and_slope(weights, inside(d))

    def backwards(u: Tile, at: Any) -> Tile:
        return network_pull(u, weights, at)

    if gh is None:  # nothing needs the value of the filter: one product fewer
        listen_back(w, pos, h, gy, edges, gh, gpos, more, BE, inside, backwards)
    else:
        listen_back(w, pos, h, gy, edges, gh, gpos, more, BE, value_and_slope, by_slope)


@tg.kernel
def cfconv_table_fwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    edges: Edges,
    table: In[A, "P $F4"],
    slabs: Out[A, "S $R $F"],
    rc: A,
    last: A,
    *,
    BE: tile = 32,
):
    """What tasks add to y of h, with the filter read from a table."""
    w = tg.grid(edges.left.shape[0])

    def at(d: Tile) -> Tile:
        return interpolated(d, table, rc, last)

    listen(w, pos, h, edges, slabs, BE, at)


@tg.kernel
def cfconv_table_bwd(
    pos: In[A, "N 3"],
    h: In[T, "N $F"],
    gy: In[U, "N $F"],
    edges: Edges,
    table: In[A, "P $F4"],
    gh: Opt[Out[A, "S $R $F"]],
    gpos: InOut[A, "S $R 3"],
    rc: A,
    last: A,
    *,
    more: const = False,
    BE: tile = 32,
):
    """What tasks add to ∂E/∂h and ∂E/∂x, with the filter read from a table."""
    w = tg.grid(edges.left.shape[0])

    def at(d: Tile) -> tuple[Tile, Tile]:
        return interpolated_and_slope(d, table, rc, last)

    listen_back(w, pos, h, gy, edges, gh, gpos, more, BE, at, by_slope)
