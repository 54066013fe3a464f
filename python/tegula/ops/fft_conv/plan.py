# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The host side of FFT convolution: arguments, plans, the derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import tegula as tg
from tegula import A
from tegula.errors import LaunchError
from tegula.language.dtypes import DType, acc_of, f32
from tegula.ops._host import Argument, argument, empty, floating, parameter, same
from tegula.ops._torch import Operator, in_graph, plan
from tegula.ops.fft_conv.factors import Layout, layout
from tegula.ops.fft_conv.kernels import overlap_kernel, skip_grad_kernel
from tegula.ops.fft_conv.launch import Gates, convolve, filter_grads, spectra

MODES = ("causal", "circular", "bidirectional")


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """A filter's spectrum, and how signals of one length are transformed: what `fft_conv` takes in place of k."""

    mode: str
    length: int
    channels: int
    taps: int
    band: tuple[float, float] | None
    dtype: DType  # of the spectrum
    framework: str
    layout: Layout
    re: Any  # [channels, bins], or [channels, outer factor, bins]
    im: Any

    @property
    def size(self) -> int:
        """Points of the transform."""
        return self.layout.size


def fft_conv_plan(k: Any, L: int, mode: str = "causal", *, band: tuple[float, float] | None = None) -> FilterPlan:
    """The spectrum of a filter for signals of length L, computed once.

    Args:
        k: as in `fft_conv`.
        L: length of the signals.
        mode: as in `fft_conv`.
        band: (low, high), frequencies in cycles per point, from 0 to 0.5: the spectrum is zero outside, and
            blocks of the transforms that lie outside are not computed. The spectrum is that of a transform of
            `size` points (of the plan) then, around which the filter wraps.

    Raises:
        LaunchError: arguments that do not fit, by name.
    """
    name = "fft_conv_plan"
    if band is not None and not 0 <= band[0] < band[1] <= 0.5:
        raise LaunchError(f"{name}: 'band' is {band!r}, expected frequencies 0 <= low < high <= 0.5")
    return _plan(name, _taps(name, k, mode), L, mode, band, None)


def _plan(
    name: str, k: Argument, L: int, mode: str, band: tuple[float, float] | None, dtype: DType | None
) -> FilterPlan:
    """A plan whose spectrum has a dtype, by default what sums of k's dtype are kept in."""
    if type(L) is not int or L < 0:
        raise LaunchError(f"{name}: 'L' is {L!r}, expected a length")
    _period_fits(name, k, L, mode)
    taps = min(k.shape[-1], L)  # those that reach past a signal's end meet nothing
    found = layout_of(name, mode, L, taps, band)
    dtype = dtype or acc_of(k.dtype)

    def make(shape: Any, kind: DType) -> Any:
        return empty(k, shape, kind)

    re, im = spectra(make, found, *directions(k.value, mode, taps), dtype)
    return FilterPlan(mode, L, k.shape[-2], taps, band, dtype, k.framework, found, re, im)


def layout_of(name: str, mode: str, length: int, taps: int, band: tuple[float, float] | None = None) -> Layout:
    """How signals are convolved; an error where no transform is large enough."""
    found = layout(mode, max(length, 1), max(taps, 1), band)
    if found is None:
        what = "signals" if band is None else "with 'band', signals"
        raise LaunchError(f"{name}: {what} of {length} are longer than the largest transform")
    return found


def _taps(name: str, k: Any, mode: str, graph: bool = False) -> Argument:
    """A filter's taps, of the axes that the mode takes."""
    if mode not in MODES:
        raise LaunchError(f"{name}: 'mode' is {mode!r}, expected {', '.join(map(repr, MODES))}")
    both = mode == "bidirectional"
    expected = "[2, channels, taps]" if both else "[channels, taps]"
    array = floating(name, "k", k, expected, 2 + both, graph=graph)
    if both and array.shape[0] != 2:
        raise LaunchError(f"{name}: 'k' has shape {list(array.shape)}, expected {expected}")
    return array


def _period_fits(name: str, k: Argument, L: int, mode: str) -> None:
    if mode == "circular" and k.shape[-1] > L:
        raise LaunchError(f"{name}: 'k' has {k.shape[-1]} taps, more than the signal's period of {L}")


def directions(k: Any, mode: str, taps: int) -> tuple[Any, Any]:
    """The taps that look back, and those that look ahead."""
    return (k[0, :, :taps], k[1, :, :taps]) if mode == "bidirectional" else (k[:, :taps], None)


# ---- as an operator of PyTorch's, with a derivative


def _layouts(mode: str, low: float, high: float, length: int, taps: int) -> dict[str, Layout]:
    band = None if (low, high) == (0.0, 0.5) else (low, high)
    return {"layout": layout_of("fft_conv", mode, length, min(taps, length), band)}


@tg.program(name="fft_conv")
def fft_conv_program(
    u: Any,
    k: Any = None,
    re: Any = None,
    im: Any = None,
    pre_gate: Any = None,
    post_gate: Any = None,
    skip: Any = None,
    *,
    mode: str = "causal",
    taps: int,
    low: float = 0.0,
    high: float = 0.5,
) -> Any:
    """y, from taps or from a plan's spectrum."""
    y = tg.empty_like(u)
    for found in plan(partial(_layouts, mode, low, high), u.shape[2], taps).values():
        spectrum = (re, im)
        if k is not None:
            spectrum = spectra(tg.empty, found, *directions(k, mode, min(taps, u.shape[2])), A)
        convolve(tg.empty, found, u, spectrum, y, Gates(pre_gate, post_gate, skip), A)
    return y, tg.save(u, k, re, im, pre_gate, post_gate, skip)


@fft_conv_program.backward
def _(
    saved: Any, dy: Any, *, mode: str, taps: int, low: float, high: float, needs: tuple[bool, ...]
) -> Any:  # fmt: skip
    """With g = dy · post, and the transposed filter of g: du, dk, dpre, dpost and dskip."""
    u, k, re, im, pre, post, skip = saved
    du = tg.empty_like(u) if needs[0] else None
    dk = tg.empty_like(k) if needs[1] else None
    dpre, dpost = (None if x is None or not needs[i] else tg.empty_like(x) for i, x in ((4, pre), (5, post)))
    dskip = tg.empty_like(skip) if skip is not None and needs[6] else None
    for found in plan(partial(_layouts, mode, low, high), u.shape[2], taps).values():
        used = min(taps, u.shape[2])
        spectrum = (re, im)
        if k is not None:
            spectrum = spectra(tg.empty, found, *directions(k, mode, used), A)
        if du is not None:
            convolve(tg.empty, found, dy, spectrum, du, Gates(post, pre, skip), A, adjoint=True)
        if dpre is not None:
            convolve(tg.empty, found, dy, spectrum, dpre, Gates(post, u, skip), A, adjoint=True)
        if dpost is not None:
            convolve(tg.empty, found, u, spectrum, dpost, Gates(pre, dy, skip), A)
        if dk is not None:
            dk[..., used:] = 0
            filter_grads(tg.empty, found, u, dy, *directions(dk, mode, used), Gates(pre, post), A)
        if dskip is not None:
            skip_grad_kernel(u, dy, dskip, pre, post)
    return du, dk, None, None, dpre, dpost, dskip


OPERATOR = Operator(fft_conv_program)


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
        y of u's shape, dtype and kind. All arguments but a plan may require grad.

    Raises:
        LaunchError: arguments that do not fit, by name.

    >>> import numpy as np
    >>> u, k = np.array([[[1.0, 0.0, 2.0]]]), np.array([[1.0, 0.5]])
    >>> np.round(fft_conv(u, k), 12)
    array([[[1. , 0.5, 2. ]]])
    """
    name = "fft_conv"
    x = floating(name, "u", u, "[batch, channels, length]", 3, graph=True)
    L = x.shape[2]
    known = k if isinstance(k, FilterPlan) else None
    filters = None if known is not None else _filters(name, k, x, mode)
    if known is not None:
        _plan_fits(name, known, x, mode)
    gates = _gates(name, x, pre_gate, post_gate, skip)
    if x.framework == "torch" and in_graph(x, filters, *gates):
        taps = known.taps if known is not None else filters.shape[-1] if filters is not None else 0
        low, high = (0.0, 0.5) if known is None or known.band is None else known.band
        taken = (k, None, None) if known is None else (None, known.re, known.im)
        return OPERATOR(u, *taken, pre_gate, post_gate, skip, mode=mode, taps=taps, low=low, high=high)
    y = empty(x, x.shape, x.dtype)
    if math.prod(x.shape):
        if known is None:
            assert filters is not None
            known = _plan(name, filters, L, mode, None, acc_of(x.dtype))

        def make(shape: Any, kind: DType) -> Any:
            return empty(x, shape, kind)

        convolve(make, known.layout, u, (known.re, known.im), y, Gates(pre_gate, post_gate, skip), known.dtype)
    return y


def fft_conv_step(
    u: Any,
    plan: FilterPlan,
    state: Any = None,
    *,
    pre_gate: Any = None,
    post_gate: Any = None,
    skip: Any = None,
) -> tuple[Any, Any]:
    """The next part of a causal convolution of a signal that arrives in parts.

    Args:
        u: [batch, channels, any number of points].
        plan: `fft_conv_plan(k, block)` with a block not shorter than the filter.
        state: of the part before; None at the beginning.
        pre_gate, post_gate, skip: as in `fft_conv`.

    Returns:
        y of u's shape, and the state for the next part, [batch, channels, plan.size] in what sums are kept in.

    >>> import numpy as np
    >>> plan = fft_conv_plan(np.array([[1.0, 0.5]]), 2)
    >>> y, state = fft_conv_step(np.array([[[1.0, 2.0, 4.0]]]), plan)
    >>> z, state = fft_conv_step(np.array([[[8.0]]]), plan, state)
    >>> [float(v) for v in np.round(np.concatenate([y, z], axis=2), 12).ravel()]
    [1.0, 2.5, 5.0, 10.0]
    """
    name = "fft_conv_step"
    x = floating(name, "u", u, "[batch, channels, length]", 3)
    B, C, L = x.shape
    _plan_fits(name, plan, x, "causal", any_length=True)
    found = plan.layout
    if not found.twisted or found.outer != 1 or plan.band is not None:
        raise LaunchError(f"{name}: 'plan' is of {plan.size} points in several kernels or has a band: take a smaller L")
    _gates(name, x, pre_gate, post_gate, skip, graph=False)
    y, after = empty(x, x.shape, x.dtype), empty(x, (B, C, plan.size), plan.dtype)
    if state is not None:
        before = argument(name, "state", state)
        if before.shape != after.shape or before.dtype is not plan.dtype or before.framework != x.framework:
            raise LaunchError(
                f"{name}: 'state' is {list(before.shape)} of {before.dtype}, "
                f"expected {[B, C, plan.size]} of {plan.dtype}"
            )
    if L == 0:
        after[...] = 0 if state is None else state
    elif B * C:
        overlap_kernel(
            u, plan.re, plan.im, y, pre_gate, post_gate, skip, state, after, t=found.transform
        )  # fmt: skip
    return y, after


def _filters(name: str, k: Any, x: Argument, mode: str) -> Argument:
    """Taps, if they go with signals."""
    filters = _taps(name, k, mode, graph=True)
    if filters.framework != x.framework:
        raise LaunchError(f"{name}: 'k' is a {filters.framework} array, 'u' a {x.framework} one")
    if filters.dtype is not x.dtype and filters.dtype is not f32:
        raise LaunchError(f"{name}: 'k' holds {filters.dtype}, expected {x.dtype} or f32")
    _period_fits(name, filters, x.shape[2], mode)
    if filters.shape[-2] != x.shape[1]:
        raise LaunchError(f"{name}: 'k' has {filters.shape[-2]} channels, 'u' has {x.shape[1]}")
    return filters


def _gates(name: str, x: Argument, pre: Any, post: Any, skip: Any, graph: bool = True) -> list[Argument]:
    """The other arguments, if they go with signals."""
    found: list[Argument] = []
    for n, gate in (("pre_gate", pre), ("post_gate", post)):
        if gate is not None:
            g = argument(name, n, gate, graph=graph)
            same(name, ("u", x), (n, g))
            if g.shape != x.shape:
                raise LaunchError(f"{name}: '{n}' has shape {list(g.shape)}, expected {list(x.shape)}")
            found.append(g)
    if skip is not None:
        found.append(parameter(name, "skip", skip, x, acc_of(x.dtype), (x.shape[1],), graph=graph))
    return found


def _plan_fits(name: str, known: FilterPlan, x: Argument, mode: str, any_length: bool = False) -> None:
    """Whether a plan is one for these signals."""
    _, C, L = x.shape
    if known.mode != mode:
        raise LaunchError(f"{name}: 'k' is a plan for {known.mode!r}, 'mode' is {mode!r}")
    if known.channels != C:
        raise LaunchError(f"{name}: 'k' has {known.channels} channels, 'u' has {C}")
    if known.length != L and not any_length:
        raise LaunchError(f"{name}: 'k' is a plan for signals of {known.length}, 'u' has {L}")
    if known.framework != x.framework:
        raise LaunchError(f"{name}: 'k' is a {known.framework} array, 'u' a {x.framework} one")
    if known.dtype is not acc_of(x.dtype):
        raise LaunchError(f"{name}: 'k' is a plan in {known.dtype}, 'u' holds {x.dtype}")
