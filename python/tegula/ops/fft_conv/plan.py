# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The host side of FFT convolution: arguments, plans, launches."""

from __future__ import annotations

import functools
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula.errors import LaunchError
from tegula.language.dtypes import DType, acc_of, f32
from tegula.ops._host import Argument, argument, empty, floating, parameter, same
from tegula.ops.fft_conv.factors import choose, rows_of
from tegula.ops.fft_conv.kernels import conv_kernel, filter_kernel
from tegula.ops.fft_conv.transform import Transform, root

MODES = ("causal", "circular", "bidirectional")


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """A filter's spectrum, and how signals of one length are transformed: what `fft_conv` takes in place of k."""

    mode: str
    length: int
    channels: int
    dtype: DType  # of the spectrum
    framework: str
    transform: Transform
    wrap: bool  # a circular convolution through a linear one of twice the length
    re: Any  # [channels, bins]
    im: Any

    @property
    def size(self) -> int:
        """Points of the transform."""
        return self.transform.size


@functools.lru_cache(maxsize=256)  # a pure function of sizes
def _transform(mode: str, length: int, taps: int) -> tuple[Transform, bool]:
    """The cheapest way to convolve signals of `length` with `taps` taps, and whether signals are repeated."""
    if mode == "circular":
        exact = choose(length, length, twisted=False, exact=True)
        if exact is not None:
            return exact, False
        found, wrap = choose(2 * length, 2 * length, twisted=False), True
    else:
        found, wrap = choose(max(length, taps), length, twisted=True), False
    if found is None:
        raise LaunchError(f"fft_conv: signals of {length} are longer than any transform")
    return found, wrap


def fft_conv_plan(k: Any, L: int, mode: str = "causal") -> FilterPlan:
    """The spectrum of a filter for signals of length L, computed once.

    Args:
        k: as in `fft_conv`.
        L: length of the signals.
        mode: as in `fft_conv`.
    """
    return _plan("fft_conv_plan", k, L, mode, None)


def _plan(name: str, k: Any, L: int, mode: str, dtype: DType | None) -> FilterPlan:
    """A plan whose spectrum has a dtype, or what sums of k's dtype are kept in."""
    if mode not in MODES:
        raise LaunchError(f"{name}: 'mode' is {mode!r}, expected {', '.join(map(repr, MODES))}")
    if type(L) is not int or L < 0:
        raise LaunchError(f"{name}: 'L' is {L!r}, expected a length")
    both = mode == "bidirectional"
    filters = floating(name, "k", k, "[2, channels, taps]" if both else "[channels, taps]", 3 if both else 2)
    if both and filters.shape[0] != 2:
        raise LaunchError(f"{name}: 'k' has shape {list(filters.shape)}, expected [2, channels, taps]")
    C, K = filters.shape[-2:]
    if mode == "circular" and K > L:
        raise LaunchError(f"{name}: 'k' has {K} taps, more than the signal's period of {L}")
    # Taps that reach past a signal's end meet nothing.
    taps = min(K, L)
    t, wrap = _transform(mode, max(L, 1), taps)
    dtype = dtype or acc_of(filters.dtype)
    re, im = (empty(filters, (C, t.bins), dtype) for _ in range(2))
    rows = rows_of(t, taps)
    if both:
        filter_kernel(k[0, :, :taps], re, im, k[1, :, :taps], _like(filters, _step(t), dtype), t=t, rows=rows)
    else:
        filter_kernel(k[:, :taps], re, im, t=t, rows=rows)
    return FilterPlan(mode, L, C, dtype, filters.framework, t, wrap, re, im)


def _step(t: Transform) -> NDArray[np.float64]:
    """What one step back in time is worth at each position of a spectrum."""
    z = root(-(t.frequencies() - (0.25 if t.twisted else 0.0)) / t.size)
    return np.stack([z.real, z.imag])


def _like(model: Argument, values: NDArray[np.float64], dtype: DType) -> Any:
    """A small array of the input's kind."""
    out = empty(model, values.shape, dtype)
    out[...] = values if model.framework == "numpy" else _tensor(values)
    return out


def _tensor(values: NDArray[np.float64]) -> Any:
    torch: Any = sys.modules["torch"]
    return torch.from_numpy(values)


def fft_conv(
    u: Any,
    k: Any,
    *,
    pre_gate: Any = None,
    post_gate: Any = None,
    mode: str = "causal",
    skip: Any = None,
) -> Any:
    """The convolution of each channel with its filter, as the formula at the top of this package says.

        Args:
            u: [batch, channels, L], f64, f32, f16 or bf16, any strides.
            k: [channels, Lk] of u's dtype or f32, or what `fft_conv_plan` made of it; [2, channels, Lk] if
                "bidirectional": taps that look back from t on, and taps that look ahead from t + 1 on.
            pre_gate, post_gate: of u's shape and dtype.
            mode: "causal", "circular" or "bidirectional".
            skip: [channels], of u's dtype or f32.

        Returns:
            y of u's shape, dtype and kind.

        Raises:
            LaunchError: arguments that do not fit, by name.

        >>> import numpy as np
    from numpy.typing import NDArray
        >>> u, k = np.array([[[1.0, 0.0, 2.0]]]), np.array([[1.0, 0.5]])
        >>> np.round(fft_conv(u, k), 12)
        array([[[1. , 0.5, 2. ]]])
    """
    name = "fft_conv"
    x = floating(name, "u", u, "[batch, channels, length]", 3)
    B, C, L = x.shape
    plan = k if isinstance(k, FilterPlan) else None
    if plan is None:
        filters = argument(name, "k", k)
        if filters.dtype is not x.dtype and filters.dtype is not f32:
            raise LaunchError(f"{name}: 'k' holds {filters.dtype}, expected {x.dtype} or f32")
        plan = _plan(name, k, L, mode, acc_of(x.dtype))
    _fits(name, plan, x, mode)
    for n, gate in (("pre_gate", pre_gate), ("post_gate", post_gate)):
        if gate is not None:
            g = argument(name, n, gate)
            same(name, ("u", x), (n, g))
            if g.shape != x.shape:
                raise LaunchError(f"{name}: '{n}' has shape {list(g.shape)}, expected {list(x.shape)}")
    if skip is not None:
        parameter(name, "skip", skip, x, acc_of(x.dtype), (C,))
    y = empty(x, x.shape, x.dtype)
    if math.prod(x.shape):
        t = plan.transform
        bb, bs = batches(t, B, C)
        rows = rows_of(t, 2 * L if plan.wrap else L)
        conv_kernel(u, plan.re, plan.im, y, pre_gate, post_gate, skip, t=t, rows=rows, wrap=plan.wrap, BB=bb, BS=bs)
    return y


def batches(t: Transform, batch: int, channels: int) -> tuple[int, int]:
    """BB and BS of `conv_kernel`, from sizes alone: results must not depend on the number of threads."""
    step = 1 if t.twisted else 2
    share = max(1, batch * channels // 32)  # enough instances for any machine of this size
    return 1, step * tg.cdiv(min(share, batch), step)


def _fits(name: str, plan: FilterPlan, x: Argument, mode: str) -> None:
    """Whether a plan is one for these signals."""
    _, C, L = x.shape
    if plan.mode != mode:
        raise LaunchError(f"{name}: 'k' is a plan for {plan.mode!r}, 'mode' is {mode!r}")
    if plan.channels != C:
        raise LaunchError(f"{name}: 'k' has {plan.channels} channels, 'u' has {C}")
    if plan.length != L:
        raise LaunchError(f"{name}: 'k' is a plan for signals of {plan.length}, 'u' has {L}")
    if plan.framework != x.framework:
        raise LaunchError(f"{name}: 'k' is a {plan.framework} array, 'u' a {x.framework} one")
    if plan.dtype is not acc_of(x.dtype):
        raise LaunchError(f"{name}: 'k' is a plan in {plan.dtype}, 'u' holds {x.dtype}")
