# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The filter: F weights of an edge from its length, f(d) = (act(basis(d)·w1 + b1)·w2 + b2)·envelope(d).

It comes in two forms with one interface, a function of d [BE] for the value [BE, F] and one for value
and slope df/dd: the network itself, and a table of value and slope at even distances, read by cubic
Hermite interpolation (two rows per edge, no product). The slope of the network is carried through it
forwards (each product is done twice, with the same weights); where the value is not wanted, what pulls at
the value is carried backwards through the second product instead, and that is done once. The slope of the
table is the exact derivative of its interpolant, so that forces are the gradient of an energy in both forms.
"""

from __future__ import annotations

from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, fn, tile
from tegula.ops.schnet.functions import Scalar, cosine, gaussian, ssp, ssp_slope


def pad16(n: int) -> Span:
    """n columns, rounded up: the rest loads as 0 and is not stored."""
    return tg.span(tg.round_up(n, 16))


@tg.views
class Network:
    """The weights of a filter network, and the centres of its basis."""

    w1: In[T, "$K $G"]
    b1: In[A, "$G"]
    w2: In[T, "$G $F"]
    b2: Opt[In[A, "$F"]]
    mu: In[A, "$K"]


def resident(p: Network) -> Any:
    """The weights as tiles, loaded once for all edges of an instance; columns are padded with 0."""
    k, g, f = tg.span(p.w1.shape[0]), pad16(p.w1.shape[1]), pad16(p.w2.shape[1])
    b2 = None if p.b2 is None else tg.load(p.b2, (f,))[None, :]
    mu = tg.load(p.mu, (k,))[None, :]
    return tg.load(p.w1, (k, g)), tg.load(p.b1, (g,))[None, :], tg.load(p.w2, (g, f)), b2, mu


def network(d: Tile, weights: Any, shape: Any, act: Any, basis: Any, cut: Any) -> Tile:
    """The value at d [BE], of shape [BE, F']; shape is (gamma, alpha, rc)."""
    w1, b1, w2, b2, mu = weights
    z = tg.dot(basis(d[:, None], mu, *shape).to(T), w1) + b1
    w = tg.dot(act(z).to(T), w2)
    return (w if b2 is None else w + b2) * cut(d, shape[2])[:, None]


def hidden(
    d: Tile, weights: Any, shape: Any, act: Any, slope: Any, basis: Any, cut: Any
) -> tuple[Tile, Tile, Tile, Tile]:
    """At d [BE]: the hidden layer act(z) and its slope act'(z)·dz/dd, [BE, G']; the envelope and its slope, [BE, 1]."""
    w1, b1, _, _, mu = weights
    column, rc = d[:, None], shape[2]
    z = tg.dot(basis(column, mu, *shape).to(T), w1) + b1
    dz = tg.dot(tg.grad(basis)(column, mu, *shape).to(T), w1)
    return act(z), slope(z) * dz, cut(d, rc)[:, None], tg.grad(cut)(d, rc)[:, None]


def network_and_slope(weights: Any, at: tuple[Tile, Tile, Tile, Tile]) -> tuple[Tile, Tile]:
    """Value and slope, each [BE, F'], from `hidden`."""
    (_, _, w2, b2, _), (a, da, c, dc) = weights, at
    w, dw = tg.dot(a.to(T), w2), tg.dot(da.to(T), w2)
    w = w if b2 is None else w + b2
    return w * c, dw * c + w * dc


def network_pull(u: Tile, weights: Any, at: tuple[Tile, Tile, Tile, Tile]) -> Tile:
    """Σ_f u[f]·f'(d)[f] of u [BE, F'], from `hidden`: in one product instead of two."""
    (_, _, w2, b2, _), (a, da, c, dc) = weights, at
    found = (tg.dot(u.to(T), w2.T) * (a * dc + da * c)).sum(axis=1)
    return found if b2 is None else found + ((u * b2) * dc).sum(axis=1)


def place(d: Tile, rc: Scalar, last: Scalar) -> tuple[Tile, Tile, Tile]:
    """The table's interval that holds d [BE], how far into it d lies (0 to 1), and whether d is below rc."""
    x = tg.minimum(d, rc) * ((last + 1.0) / rc)
    k = tg.minimum(tg.floor(x), last)
    return k.to(tg.i32), (x - k)[:, None], (d < rc)[:, None]


def corners(table: Any, k: Tile) -> tuple[Tile, Tile, Tile, Tile]:
    """Value and slope (times the step) at both ends of interval k [BE], each [BE, F']."""
    f = table.shape[1] // 4
    parts = [tg.load(table[:, n * f : (n + 1) * f], (k, tg.span(f))) for n in range(4)]
    return parts[0], parts[1], parts[2], parts[3]


def interpolated(d: Tile, table: Any, rc: Scalar, last: Scalar) -> Tile:
    """The value at d [BE], of shape [BE, F']; `last` is the number of the last interval."""
    k, t, near = place(d, rc, last)
    p, m, q, n = corners(table, k)
    u = 1.0 - t
    here = u * u * ((1.0 + 2.0 * t) * p + t * m) + t * t * ((3.0 - 2.0 * t) * q - u * n)
    return tg.where(near, here, 0.0)


def interpolated_and_slope(d: Tile, table: Any, rc: Scalar, last: Scalar) -> tuple[Tile, Tile]:
    """Value and slope at d [BE], each [BE, F']."""
    k, t, near = place(d, rc, last)
    p, m, q, n = corners(table, k)
    u = 1.0 - t
    here = u * u * ((1.0 + 2.0 * t) * p + t * m) + t * t * ((3.0 - 2.0 * t) * q - u * n)
    slope = 6.0 * t * u * (q - p) + u * (1.0 - 3.0 * t) * m + t * (3.0 * t - 2.0) * n
    return tg.where(near, here, 0.0), tg.where(near, slope * ((last + 1.0) / rc), 0.0)


@tg.kernel
def filter_rows(
    d: In[A, "M"],
    flt: Network,
    w: Out[A, "M $F"],
    dw: Out[A, "M $F"],
    gamma: A,
    alpha: A,
    rc: A,
    *,
    act: fn = ssp,
    slope: fn = ssp_slope,
    basis: fn = gaussian,
    cut: fn = cosine,
    BM: tile = 32,
):
    """Value and slope of the network at given distances: what a table is made of."""
    m = tg.grid((d.shape[0], BM))
    weights = resident(flt)
    at = hidden(tg.load(d, (m,)), weights, (gamma, alpha, rc), act, slope, basis, cut)
    value, change = network_and_slope(weights, at)
    tg.store(w, (m, pad16(w.shape[1])), value)
    tg.store(dw, (m, pad16(w.shape[1])), change)
