# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Transforms beyond what fits on chip: the first factor has kernels of its own, the rest is one in between.

A signal of P·M points, seen as [P, M], is transformed along P and multiplied by twiddle factors (`outer_kernel`);
each of the P rows is then convolved on chip (`inner_kernel`), and `outer_inverse_kernel` undoes the first. Between
them the signal is in memory, as [batch, channels, P, M] real and imaginary parts in what sums are kept in. The twist
is part of the outer kernels.
"""

from __future__ import annotations

import math

import numpy as np

import tegula as tg
from tegula import A, In, InOut, Opt, Out, Span, T, Tile, U, View, const, tile
from tegula.ops.fft_conv.kernels import channel, finished, load_signal
from tegula.ops.fft_conv.transform import (
    Complex,
    Waves,
    both,
    constants,
    contract,
    dft,
    filtered,
    root,
    signal,
    spectrum,
    step_ahead,
)


def outer_matrix(P: int, rows: int, twisted: bool) -> Waves:
    """The outer factor's matrix [P, rows], with the twist of whole rows."""
    matrix = dft(P)[:, :rows]
    return matrix * root(-np.arange(rows) / (4 * P))[None, :] if twisted else matrix


def outer_twiddles(P: int, M: int, m: Span, twisted: bool) -> Complex:
    """exp(-2πi·(4d - τ)·m / 4PM) for rows d and columns m; τ is 1 if twisted. The products are exact."""
    d = tg.iota(P)[:, None] * 4 - (1 if twisted else 0)
    e = d * m.ids[None, :]
    e = tg.where(e > 2 * P * M, e - 4 * P * M, e)
    angle = e.to(A) * (-2 * math.pi / (4 * P * M))
    return Complex(tg.cos(angle), tg.sin(angle))


def load_part(u: View, gate: View | None, b: Span, c: int, m: Span, at: int, L: int, wrap: bool, offset: bool) -> Tile:
    """Columns m of the row that begins at `at`, [1, BM]."""
    n = tg.span(m.start + at, m.size)
    places = [n.shift(-L)] if offset else [n, n.shift(-L)] if wrap else [n]
    x = None
    for s in places:
        z = load_signal(u[:, c], channel(gate, c), b, s)
        x = z if x is None else x + z
    assert x is not None
    return x


@tg.kernel
def outer_kernel(
    u: In[U, "B C L"],
    re: Out[T, "B2 C $P $M"],
    im: Out[T, "B2 C $P $M"],
    pre: Opt[In[U, "B C L"]] = None,
    *,
    rows: const,
    twisted: const,
    wrap: const = False,
    offset: const = False,
    BM: tile = 128,
):
    """The outer factor. An instance owns BM columns of a signal, or of a pair of them.

    wrap: the signal is repeated once behind its end; offset: it is that second period alone.
    """
    (_, C, L), (B2, _, P, M) = u.shape, re.shape
    m, c, b = tg.grid((M, BM), C, B2)
    parts: list[Tile] = []
    for i in range(1 if twisted else 2):
        own = tg.span(b, 1) if twisted else tg.span(2 * b + i, 1)
        x = tg.concat([load_part(u, pre, own, c, m, j * M, L, wrap, offset) for j in range(rows)], axis=0)
        parts.append(x)
    y = contract(constants(outer_matrix(P, rows, twisted)), Complex(*parts), left=True)
    y = y * outer_twiddles(P, M, m, twisted)
    for part, out in zip(both(y), (re, im)):
        tg.store(out[b, c], (tg.span(P), m), part.to(T))


@tg.kernel
def outer_inverse_kernel(
    re: In[A, "B2 C $P $M"],
    im: In[A, "B2 C $P $M"],
    y: Out[T, "B C L"],
    own: Opt[In[T, "B C L"]] = None,
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    skip: Opt[In[U, "C"]] = None,
    *,
    rows: const,
    twisted: const,
    offset: const = False,
    scale: const = 1.0,
    BM: tile = 128,
):
    """The inverse of the outer factor, and what follows it; `own` and `pre` are the signal that `skip` goes with."""
    (_, C, L), (B2, _, P, M) = y.shape, re.shape
    m, c, b = tg.grid((M, BM), C, B2)
    z = Complex(*(tg.load(v[b, c], (tg.span(P), m)) for v in (re, im)))
    z = outer_twiddles(P, M, m, twisted).conjugate_times(z)
    z = contract(constants(outer_matrix(P, rows, twisted).conj().T), z, left=True)
    for i, part in enumerate((z.re,) if twisted else (z.re, z.im)):
        assert part is not None
        h = tg.span(b, 1) if twisted else tg.span(2 * b + i, 1)
        for j in range(rows):
            n = tg.span(m.start + j * M, m.size)
            at = n.shift(-L) if offset else n
            x = part[j : j + 1] if scale == 1.0 else part[j : j + 1] * scale
            mine = None if skip is None or own is None else load_part(own, pre, h, c, m, j * M, L, False, offset)
            tg.store(y[:, c], (h, at), finished(x, mine, skip, post, c, (h, at)).to(T))


@tg.kernel
def inner_kernel(
    re: InOut[A, "B C P $M"],
    im: InOut[A, "B C P $M"],
    kre: In[A, "C P $M"],
    kim: In[A, "C P $M"],
    *,
    t: const,
    adjoint: const = False,
):
    """Each row of a signal, transformed, multiplied by its part of the filter's spectrum, and back."""
    B, C, P, _ = re.shape
    c, p, b = tg.grid(C, P, B)
    n, one = tg.span(t.size), tg.span(p, 1)
    kf, x = (Complex(*(tg.load(v, (one, n)) for v in pair)) for pair in ((kre[c], kim[c]), (re[b, c], im[b, c])))
    z = filtered(x, kf, t, t.factors[0], adjoint)
    for part, out in zip(both(z), (re, im)):
        tg.store(out[b, c], (one, n), part)


@tg.kernel
def inner_filter_kernel(
    re: InOut[A, "C P $M"],
    im: InOut[A, "C P $M"],
    fre: Opt[In[A, "C P $M"]] = None,
    fim: Opt[In[A, "C P $M"]] = None,
    *,
    t: const,
    twisted: const,
    scale: const,
):
    """The rows of a filter become its spectrum; fre and fim are those of the taps that look ahead."""
    C, P, _ = re.shape
    c, p = tg.grid(C, P)
    n, one = tg.span(t.size), tg.span(p, 1)
    z = spectrum(Complex(tg.load(re[c], (one, n)), tg.load(im[c], (one, n))), t)
    if fre is not None and fim is not None:
        f = spectrum(Complex(tg.load(fre[c], (one, n)), tg.load(fim[c], (one, n))), t)
        z = z + f.conjugate_times(outer_step(P, p, twisted, t.size) * step_ahead(t))
    for part, out in zip(both(z), (re, im)):
        tg.store(out[c], (one, n), part * scale)


def outer_step(P: int, p: int, twisted: bool, M: int) -> Complex:
    """What a step ahead is worth in row p, besides what it is worth within the row, [1, 1]."""
    angle = (tg.span(p, 1).ids[:, None].to(A) - (0.25 if twisted else 0.0)) * (2 * math.pi / M) / tg.cast(P, A)
    return Complex(tg.cos(angle), tg.sin(angle))


@tg.kernel
def inner_grad_kernel(
    re: In[A, "B C P $M"],
    im: In[A, "B C P $M"],
    gre: In[A, "B C P $M"],
    gim: In[A, "B C P $M"],
    dre: Out[A, "C P $M"],
    dim: Out[A, "C P $M"],
    fre: Opt[Out[A, "C P $M"]] = None,
    fim: Opt[Out[A, "C P $M"]] = None,
    *,
    t: const,
    twisted: const,
):
    """Rows of the derivative with respect to a filter, summed over the batch; fre and fim for taps that look ahead."""
    B, C, P, _ = re.shape
    c, p = tg.grid(C, P)
    n, one = tg.span(t.size), tg.span(p, 1)
    zero = tg.zeros((1, t.size), A)
    total = (zero, zero)
    for b in tg.stream(0, B):
        x, g = (Complex(*(tg.load(v[b, c], (one, n)) for v in pair)) for pair in ((re, im), (gre, gim)))
        d = spectrum(x, t).conjugate_times(spectrum(g, t))
        a, e = both(d)
        total = (total[0] + a, total[1] + e)
    d = Complex(*total)
    for part, out in zip(both(signal(d, t, t.factors[0])), (dre, dim)):
        tg.store(out[c], (one, n), part)
    if fre is not None and fim is not None:
        d = d.conjugate_times(outer_step(P, p, twisted, t.size) * step_ahead(t))
        for part, out in zip(both(signal(d, t, t.factors[0])), (fre, fim)):
            tg.store(out[c], (one, n), part)
