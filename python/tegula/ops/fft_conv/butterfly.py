# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Butterfly products: the chain of a Fourier transform, with learned matrices in place of its own.

For factors F0 [n0, n0], F1 [n1, n1], … (complex, by channel) and x of N = n0·n1·… points, seen as [n0, w],

    X = butterfly(x; F0, F1, …):  y = (F0 · x) ∘ T,  T[d, m] = exp(-2πi·d·m / N);  row d of X is butterfly(y[d]; F1, …)

so that with F_i[d, j] = exp(-2πi·d·j / n_i) / √n_i it is the orthonormal transform, digits reversed (FlashButterfly,
Fu et al. 2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tegula as tg
from tegula import Cx, In, Opt, Out, T, View, tile
from tegula.errors import LaunchError
from tegula.language.dtypes import acc_of
from tegula.ops._host import argument, empty, floating


def load_factor(f: View, c: int, turned: bool) -> Cx:
    """A channel's matrix, [n, n], or its transpose."""
    n = tg.span(f.shape[2])
    re, im = (tg.load(f[i, c], (n, n)) for i in range(2))
    return Cx(re.T, im.T) if turned else Cx(re, im)


@tg.kernel
def butterfly_kernel(
    x: In[T, "B C $N"],
    f0: In[T, "2 C $P $P"],
    re: Out[T, "B C $N"],
    im: Out[T, "B C $N"],
    f1: Opt[In[T, "2 C $Q $Q"]] = None,
    f2: Opt[In[T, "2 C $S $S"]] = None,
    *,
    BB: tile = 4,
):
    """An instance owns BB batch entries of a channel."""
    B, C, N = x.shape
    c, b = tg.grid(C, (B, BB))
    n = tg.span(N)
    given = [f for f in (f0, f1, f2) if f is not None]
    factors = [load_factor(f, c, i == len(given) - 1) for i, f in enumerate(given)]  # the last stage is x·F, not F·x
    y = tg.butterfly(Cx(tg.load(x[:, c], (b, n))), factors)
    assert y.im is not None
    tg.store(re[:, c], (b, n), y.re.to(T))
    tg.store(im[:, c], (b, n), y.im.to(T))


def butterfly(x: Any, factors: Sequence[Any]) -> Any:
    """The butterfly product of each channel of x, as the formula at the top of this file says.

    Args:
        x: [batch, channels, N], f64, f32, f16 or bf16.
        factors: one to three arrays [2, channels, n, n] of x's dtype, real and imaginary parts, whose n multiply to N.

    Returns:
        The pair of real and imaginary parts, each of x's shape, dtype and kind.

    Raises:
        LaunchError: arguments that do not fit, by name.

    >>> import numpy as np
    >>> f = np.array([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    >>> re, im = butterfly(np.array([[[1.0, 2.0, 3.0, 4.0]]]), [np.stack([f, 0 * f])[:, None]] * 2)
    >>> (re[0, 0] + 1j * im[0, 0]).round(9)  # frequencies 0, 2, 1, 3
    array([ 5.+0.j, -1.+0.j, -1.+1.j, -1.-1.j])
    """
    name = "butterfly"
    a = floating(name, "x", x, "[batch, channels, N]", 3)
    B, C, N = a.shape
    if not 1 <= len(factors) <= 3:
        raise LaunchError(f"{name}: 'factors' holds {len(factors)} arrays, expected one to three")
    sizes: list[int] = []
    for i, f in enumerate(factors):
        z = argument(name, f"factors[{i}]", f)
        n = z.shape[-1] if z.shape else 0
        if z.shape != (2, C, n, n):
            raise LaunchError(f"{name}: 'factors[{i}]' has shape {list(z.shape)}, expected [2, {C}, n, n]")
        if z.dtype is not a.dtype or z.framework != a.framework:
            raise LaunchError(
                f"{name}: 'factors[{i}]' holds {z.dtype} of {z.framework}, 'x' {a.dtype} of {a.framework}"
            )
        sizes.append(n)
    if math.prod(sizes) != N:
        raise LaunchError(f"{name}: factors of {' · '.join(map(str, sizes))} points make no {N}")
    re, im = (empty(a, a.shape, a.dtype) for _ in range(2))
    if B * C * N:
        first, *rest = factors
        fit = max(1, 2**16 // (N * acc_of(a.dtype).bytes))  # rows whose tiles stay near
        butterfly_kernel(x, first, re, im, *rest, BB=next(n for n in (8, 4, 2, 1) if n <= max(1, min(fit, B))))
    return re, im
