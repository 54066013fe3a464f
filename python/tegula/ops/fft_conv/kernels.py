# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels of FFT convolution whose transform fits on chip."""

from __future__ import annotations

import tegula as tg
from tegula import A, In, InOut, Opt, Out, Span, T, Tile, U, View, const, tile
from tegula.ops.fft_conv.transform import (
    Complex,
    Transform,
    both,
    filtered,
    first_stage,
    last_stage,
    signal,
    spectrum,
    step_ahead,
)


def load_signal(u: View, gate: View | None, b: Span, n: Span) -> Tile:
    """Rows of a signal, gated; zero where there is none."""
    x = tg.load(u, (b, n)).to(A)
    return x if gate is None else x * tg.load(gate, (b, n)).to(A)


def channel(x: View | None, c: int) -> View | None:
    """What an optional view holds for a channel."""
    return None if x is None else x[:, c]


def finished(z: Tile, x: Tile | None, skip: View | None, post: View | None, c: int, at: tuple[Span, Span]) -> Tile:
    """(z + skip · x) · post"""
    if skip is not None and x is not None:
        z = z + tg.cast(tg.load(skip, (c,)), A) * x
    return z if post is None else z * tg.load(post[:, c], at).to(A)


@tg.kernel
def conv_kernel(
    u: In[T, "B C L"],
    kre: In[A, "C $K"],
    kim: In[A, "C $K"],
    y: Out[T, "B C L"],
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    skip: Opt[In[U, "C"]] = None,
    *,
    t: const,
    rows: const,
    adjoint: const = False,
    wrap: const = False,
    BB: tile = 1,
    BS: tile = 1,
):
    """An instance owns BS batch entries of a channel, and transforms BB (twisted) or 2 BB (in pairs) at once.

    rows: of the first factor that hold the signal; the rest is zero.
    adjoint: the transposed convolution, which the derivative needs.
    wrap: the signal is repeated once behind its end, and what comes of its second period is kept.
    """
    B, C, L = u.shape
    tg.require(L <= rows * t.width, "the signal is longer than the transform")
    parts = 1 if t.twisted else 2
    c, s = tg.grid(C, (B, BS))
    n, bins = tg.span(rows * t.width), tg.span(t.bins)
    again = n.shift(-L)
    at = again if wrap and not adjoint else n
    kf = Complex(*(tg.load(z[c], (bins,))[None, :] for z in (kre, kim)))  # stays on chip for all batch entries
    end = min(s.start + BS, B)
    for b in tg.stream(s.start, end, parts * BB):
        halves = [tg.span(b.start + i * BB, BB, limit=end) for i in range(parts)]
        x = [load_signal(u[:, c], channel(pre, c), h, n) for h in halves]
        if wrap:
            x = [a + load_signal(u[:, c], channel(pre, c), h, again) for a, h in zip(x, halves)]
        z = filtered(Complex(*x), kf, t, rows, adjoint)
        for h, part, own in zip(halves, (z.re, z.im), x):
            assert part is not None
            tg.store(y[:, c], (h, at), finished(part, own, skip, post, c, (h, at)).to(T))


@tg.kernel
def overlap_kernel(
    u: In[T, "B C L"],
    kre: In[A, "C $K"],
    kim: In[A, "C $K"],
    y: Out[T, "B C L"],
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    skip: Opt[In[U, "C"]] = None,
    before: Opt[In[A, "B C $N"]] = None,
    after: Opt[Out[A, "B C $N"]] = None,
    *,
    t: const,
    adjoint: const = False,
):
    """A causal convolution by overlap and add: blocks of t.size points, twisted, in the order of time.

    The real part of a block's result falls on the block, the imaginary part on the next one, and is carried. (The
    adjoint goes back in time, and its imaginary part, negative, falls on the block before.)

    before, after: what earlier signals add to the points of this one from its first on; what this one adds to
        those behind its end.
    """
    B, C, L = u.shape
    c, b = tg.grid(C, B)
    one, n, bins = tg.span(b, 1), tg.span(t.size), tg.span(t.bins)
    kf = Complex(*(tg.load(z[c], (bins,))[None, :] for z in (kre, kim)))
    tail = tg.zeros((1, t.size), A) if before is None else tg.load(before[:, c], (one, n))
    last = tail
    for m in tg.stream(0, L, t.size, order="down" if adjoint else "up", label="blocks"):
        x = load_signal(u[:, c], channel(pre, c), one, m)
        ahead, behind = both(filtered(Complex(x), kf, t, t.factors[0], adjoint))
        last = ahead + tail
        tail = -behind if adjoint else behind
        tg.store(y[:, c], (one, m), finished(last, x, skip, post, c, (one, m)).to(T))
    if after is not None:  # the last block may end early: what is behind the end begins within it
        r = L - max(tg.cdiv(L, t.size) - 1, 0) * t.size
        tg.store(after[:, c], (one, n.shift(-r)), last)
        tg.store(after[:, c], (one, n.shift(t.size - r)), tail)


def filter_scale(t: Transform) -> Tile | float:
    """√N, which the scaled transforms lack, and 0 outside the band."""
    mask = t.mask()
    return t.size**0.5 if mask is None else tg.constant(t.size**0.5 * mask[None], A)


@tg.kernel
def filter_kernel(
    k: In[U, "C K"],
    kre: Out[T, "C $F"],
    kim: Out[T, "C $F"],
    ahead: Opt[In[U, "C K"]] = None,
    *,
    t: const,
    rows: const,
):
    """The spectra of filters: of taps that look back, and of those that look ahead."""
    c = tg.grid(k.shape[0])
    n, bins, one = tg.span(rows * t.width), tg.span(t.bins), tg.span(c, 1)
    z = spectrum(Complex(tg.load(k, (one, n)).to(A)), t)
    if ahead is not None:
        z = z + spectrum(Complex(tg.load(ahead, (one, n)).to(A)), t).conjugate_times(step_ahead(t))
    scale = filter_scale(t)
    for part, out in zip(both(z), (kre, kim)):
        tg.store(out, (one, bins), (part * scale).to(T))


@tg.kernel
def filter_grad_kernel(
    u: In[T, "B C L"],
    dy: In[T, "B C L"],
    dk: Out[U, "C K"],
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    ahead: Opt[Out[U, "C K"]] = None,
    *,
    t: const,
    rows: const,
    taps: const,
    wrap: const = False,
    blocks: const = False,
):
    """The derivative with respect to the taps: the correlation of x and dy, summed over the batch.

    blocks: a twisted signal longer than the transform; dy's next block is the imaginary part of each.
    rows, taps: of the first factor, that hold a signal (or a block of it) and the taps.
    """
    B, C, L = u.shape
    parts = 1 if t.twisted else 2
    c = tg.grid(C)
    n, one = tg.span(rows * t.width), tg.span(c, 1)
    zero = tg.zeros((1, t.bins), A)
    total = (zero, zero)
    gates = channel(pre, c), channel(post, c)
    for b in tg.stream(0, B, parts):
        for m in tg.stream(0, L, rows * t.width):
            halves = [tg.span(b.start + i, 1, limit=B) for i in range(parts)]
            at, again = n.shift(m.start), n.shift(m.start - L)
            x = [load_signal(u[:, c], gates[0], h, at) for h in halves]
            g = [load_signal(dy[:, c], gates[1], h, again if wrap else at) for h in halves]
            if wrap:
                x = [a + load_signal(u[:, c], gates[0], h, again) for a, h in zip(x, halves)]
            if blocks:
                g.append(load_signal(dy[:, c], gates[1], halves[0], n.shift(m.start + rows * t.width)))
            d = spectrum(Complex(*x), t).conjugate_times(spectrum(Complex(*g), t))
            re, im = both(d)
            total = (total[0] + re, total[1] + im)
    scale = filter_scale(t)
    d = Complex(total[0] * scale, total[1] * scale)
    s = tg.span(taps * t.width)
    back = signal(d, t, taps).re
    assert back is not None
    tg.store(dk, (one, s), back.to(U))
    if ahead is not None:
        front = signal(d.conjugate_times(step_ahead(t)), t, taps).re
        assert front is not None
        tg.store(ahead, (one, s), front.to(U))


@tg.kernel
def skip_grad_kernel(
    u: In[T, "B C L"],
    dy: In[T, "B C L"],
    dskip: Out[U, "C"],
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    *,
    BL: tile = 512,
):
    """Σ x · dy over batch and time."""
    B, C, L = u.shape
    c = tg.grid(C)
    total = tg.zeros((1,), A)
    for b in tg.stream(0, B, 1):
        for n in tg.stream(0, L, BL):
            x = load_signal(u[:, c], channel(pre, c), b, n)
            g = load_signal(dy[:, c], channel(post, c), b, n)
            total = total + (x * g).sum(axis=1)
    tg.store(dskip, (tg.span(c, 1),), total.to(U))


@tg.kernel
def rows_kernel(
    u: In[T, "B C L"],
    kre: In[A, "C $K"],
    kim: In[A, "C $K"],
    y: Out[T, "B C L"],
    re: InOut[A, "C S $P $M"],
    im: InOut[A, "C S $P $M"],
    pre: Opt[In[T, "B C L"]] = None,
    post: Opt[In[T, "B C L"]] = None,
    skip: Opt[In[U, "C"]] = None,
    *,
    t: const,
    rows: const,
    adjoint: const = False,
    BS: tile = 1,
):
    """As `conv_kernel` for one twisted signal at a time, the first factor apart: rows take turns in the nearest cache.

    re, im: where an instance keeps the rows between the first stage and the last.
    t: its first factor is the first stage's, the rest is the transform of a row.
    """
    B, C, L = u.shape
    tg.require(L <= rows * t.width, "the signal is longer than the transform")
    P, M = re.shape[2:]
    inner, n, p, m = t.row(), tg.span(rows * t.width), tg.span(P), tg.span(M)
    s, c = tg.grid((B, BS), C)
    own = [v[c, s.start // BS] for v in (re, im)]
    for b in tg.stream(s.start, min(s.start + BS, B), 1):
        x = load_signal(u[:, c], channel(pre, c), b, n)
        head = both(first_stage(Complex(x), t))
        tg.store(own[0], (p, m), head[0].reshape(P, M))
        tg.store(own[1], (p, m), head[1].reshape(P, M))
        for j in tg.stream(0, P, 1, label="rows"):
            row, at = Complex(*(tg.load(v, (j, m)) for v in own)), tg.span(j.start * M, M)
            kf = Complex(*(tg.load(z[c], (at,))[None, :] for z in (kre, kim)))
            z = both(filtered(row, kf, inner, inner.factors[0], adjoint))
            tg.store(own[0], (j, m), z[0])
            tg.store(own[1], (j, m), z[1])
        y_re = last_stage(Complex(*(tg.load(v, (p, m))[None] for v in own)), t, rows).re
        assert y_re is not None
        tg.store(y[:, c], (b, n), finished(y_re, x, skip, post, c, (b, n)).to(T))
