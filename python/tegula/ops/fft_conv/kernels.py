# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels of FFT convolution whose transform fits on chip."""

from __future__ import annotations

import tegula as tg
from tegula import A, In, Opt, Out, Span, T, Tile, U, View, const, tile
from tegula.ops.fft_conv.transform import Complex, signal, spectrum


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
    wrap: the signal is repeated once, behind its end, and the second period of the result is kept.
    """
    B, C, L = u.shape
    tg.require(L <= rows * (t.size // t.factors[0]), "the signal is longer than the transform")
    parts = 1 if t.twisted else 2
    c, s = tg.grid(C, (B, BS))
    n, bins = tg.span(rows * (t.size // t.factors[0])), tg.span(t.bins)
    at = n.shift(-L) if wrap else n
    kf = Complex(*(tg.load(z[c], (bins,))[None, :] for z in (kre, kim)))  # stays on chip for all batch entries
    end = min(s.start + BS, B)
    for b in tg.stream(s.start, end, parts * BB):
        halves = [tg.span(b.start + i * BB, BB, limit=end) for i in range(parts)]
        x = [load_signal(u[:, c], None if pre is None else pre[:, c], h, n) for h in halves]
        if wrap:
            again = [load_signal(u[:, c], None if pre is None else pre[:, c], h, at) for h in halves]
            x = [a + z for a, z in zip(x, again)]
        f = spectrum(Complex(*x), t)
        z = signal(kf.conjugate_times(f) if adjoint else f * kf, t, rows)
        for h, part, own in zip(halves, (z.re, z.im), x):
            assert part is not None
            if skip is not None:
                part = part + tg.cast(tg.load(skip, (c,)), A) * own
            if post is not None:
                part = part * tg.load(post[:, c], (h, at)).to(A)
            tg.store(y[:, c], (h, at), part.to(T))


def load_signal(u: View, gate: View | None, b: Span, n: Span) -> Tile:
    """Rows of the signal, gated: zero where there is none."""
    x = tg.load(u, (b, n)).to(A)
    return x if gate is None else x * tg.load(gate, (b, n)).to(A)


@tg.kernel
def filter_kernel(
    k: In[U, "C K"],
    kre: Out[T, "C $F"],
    kim: Out[T, "C $F"],
    back: Opt[In[U, "C K"]] = None,
    turn: Opt[In[T, "2 $F"]] = None,
    *,
    t: const,
    rows: const,
):
    """The spectra of filters: of taps that look back, and of `back` that look ahead.

    turn: what a step back is worth at each position of a spectrum.
    """
    c = tg.grid(k.shape[0])
    n, f, one = tg.span(rows * (t.size // t.factors[0])), tg.span(t.bins), tg.span(c, 1)
    z = spectrum(Complex(tg.load(k, (one, n)).to(A)), t)
    if back is not None and turn is not None:
        step = Complex(*(tg.load(turn[i], (f,))[None, :] for i in range(2)))
        z = z + spectrum(Complex(tg.load(back, (one, n)).to(A)), t).conjugate_times(step)
    for part, out in zip((z.re, z.im), (kre, kim)):
        assert part is not None
        tg.store(out, (one, f), (part * t.size**0.5).to(T))
