# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels over nodes: embedding, the layer around a cfconv, the readout, and their derivatives.

start       x = embedding[type],  h = x·wa
update      x += act(y·wb + bb)·wc + bc,  then h = x·wa of the next block
readout     e = (act(x·w1 + b1)·w2 + b2)·weight,  and ∂E/∂x, which needs nothing else
update_bwd  ∂E/∂x += ∂E/∂h·waᵀ of the block above, then ∂E/∂y = ((∂E/∂x·wcᵀ)·act'(y·wb + bb))·wbᵀ
"""

from __future__ import annotations

import tegula as tg
from tegula import A, In, InOut, Opt, Out, T, fn, i32, tile
from tegula.ops.schnet.filters import pad16
from tegula.ops.schnet.functions import ssp, ssp_slope


@tg.views
class Layer:
    """The weights of the layer around a cfconv."""

    wb: In[T, "$F $H"]
    bb: In[A, "$H"]
    wc: In[T, "$H $H"]
    bc: In[A, "$H"]


@tg.kernel
def start(
    kinds: In[i32, "N"],
    embedding: In[A, "Z $H"],
    wa: In[T, "$H $F"],
    x: Out[A, "N $H"],
    h: Out[T, "N $F"],
    *,
    BM: tile = 32,
):
    """x = embedding[kinds], h = x·wa."""
    m, c, f = tg.grid((kinds.shape[0], BM)), pad16(wa.shape[0]), pad16(wa.shape[1])
    xt = tg.load(embedding, (tg.load(kinds, (m,), pad=-1), c))
    tg.store(x, (m, c), xt)
    tg.store(h, (m, f), tg.dot(xt.to(T), tg.load(wa, (c, f))).to(T))


@tg.kernel
def project(x: In[A, "N $H"], wa: In[T, "$H $F"], h: Out[T, "N $F"], *, BM: tile = 32):
    """h = x·wa."""
    m, c, f = tg.grid((x.shape[0], BM)), pad16(wa.shape[0]), pad16(wa.shape[1])
    tg.store(h, (m, f), tg.dot(tg.load(x, (m, c)).to(T), tg.load(wa, (c, f))).to(T))


@tg.kernel
def update(
    x: InOut[A, "N $H"],
    y: In[A, "N $F"],
    layer: Layer,
    wa: Opt[In[T, "$H $F"]] = None,
    h: Opt[Out[T, "N $F"]] = None,
    *,
    act: fn = ssp,
    BM: tile = 32,
):
    """x += act(y·wb + bb)·wc + bc; with `wa`, also h = x·wa."""
    m, c, f = tg.grid((x.shape[0], BM)), pad16(x.shape[1]), pad16(y.shape[1])
    u = tg.dot(tg.load(y, (m, f)).to(T), tg.load(layer.wb, (f, c))) + tg.load(layer.bb, (c,))[None, :]
    v = tg.dot(act(u).to(T), tg.load(layer.wc, (c, c))) + tg.load(layer.bc, (c,))[None, :]
    xt = tg.load(x, (m, c)) + v
    tg.store(x, (m, c), xt)
    if wa is not None and h is not None:
        tg.store(h, (m, f), tg.dot(xt.to(T), tg.load(wa, (c, f))).to(T))


@tg.kernel
def update_bwd(
    gx: InOut[A, "N $H"],
    y: In[A, "N $F"],
    layer: Layer,
    gy: Out[A, "N $F"],
    gh: Opt[In[A, "N $F"]] = None,
    wa: Opt[In[T, "$H $F"]] = None,
    *,
    act: fn = ssp,
    slope: fn = ssp_slope,
    BM: tile = 32,
):
    """gx += gh·waᵀ, gy = ((gx·wcᵀ)·act'(y·wb + bb))·wbᵀ."""
    m, c, f = tg.grid((gx.shape[0], BM)), pad16(gx.shape[1]), pad16(y.shape[1])
    g = tg.load(gx, (m, c))
    if gh is not None and wa is not None:
        g = tg.dot(tg.load(gh, (m, f)).to(T), tg.load(wa, (c, f)).T, g)
        tg.store(gx, (m, c), g)
    wb = tg.load(layer.wb, (f, c))
    u = tg.dot(tg.load(y, (m, f)).to(T), wb) + tg.load(layer.bb, (c,))[None, :]
    gu = tg.dot(g.to(T), tg.load(layer.wc, (c, c)).T) * slope(u)
    tg.store(gy, (m, f), tg.dot(gu.to(T), wb.T))


@tg.kernel
def readout(
    x: In[A, "N $H"],
    w1: In[T, "$H $M"],
    b1: In[A, "$M"],
    w2: In[A, "$M"],
    e: Out[A, "N"],
    gx: Out[A, "N $H"],
    b2: A,
    weight: Opt[In[A, "N"]] = None,
    *,
    act: fn = ssp,
    slope: fn = ssp_slope,
    BM: tile = 32,
):
    """Each node's energy, and its gradient in x."""
    rows, c, k = tg.grid((x.shape[0], BM)), pad16(w1.shape[0]), pad16(w1.shape[1])
    w, top = tg.load(w1, (c, k)), tg.load(w2, (k,))[None, :]
    z = tg.dot(tg.load(x, (rows, c)).to(T), w) + tg.load(b1, (k,))[None, :]
    et = (act(z) * top).sum(axis=1) + b2
    g = tg.dot((slope(z) * top).to(T), w.T)
    if weight is not None:
        by = tg.load(weight, (rows,))
        et, g = et * by, g * by[:, None]
    tg.store(e, (rows,), et)
    tg.store(gx, (rows, c), g)


@tg.kernel
def total(e: In[A, "N"], ptr: In[i32, "G1"], energy: Out[A, "G"], *, BN: tile = 64):
    """energy[g] = Σ e[n] over the nodes of system g, in their order."""
    g = tg.grid(energy.shape[0])
    acc = tg.zeros((1,), A)
    for n in tg.stream(tg.load(ptr, (g,)), tg.load(ptr, (g + 1,)), BN):
        acc = acc + tg.load(e, (n,)).sum(axis=0)
    tg.store(energy[g : g + 1], (tg.span(1),), acc)


@tg.kernel
def scale(gx: InOut[A, "N $H"], by: In[A, "G"], ptr: In[i32, "G1"], *, BN: tile = 32):
    """gx[n] *= by[g] over the nodes of system g."""
    g, c = tg.grid(by.shape[0]), pad16(gx.shape[1])
    factor = tg.load(by, (g,))
    for n in tg.stream(tg.load(ptr, (g,)), tg.load(ptr, (g + 1,)), BN):
        tg.store(gx, (n, c), tg.load(gx, (n, c)) * factor)
