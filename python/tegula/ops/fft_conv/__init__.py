# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Long convolutions through the Fourier transform (FlashFFTConv, Fu et al. 2023; H3; long convolutions).

For signals u [batch, channels, L] and filters k [channels, Lk], with x = u · pre_gate,

    causal           z[t] = Σ_s k[s] x[t - s]                                     (x is zero outside 0 … L - 1)
    circular         z[t] = Σ_s k[s] x[(t - s) mod L]
    bidirectional    z[t] = Σ_s k[0, s] x[t - s] + Σ_s k[1, s] x[t + 1 + s]          (k is [2, channels, Lk])

    y = (z + skip · x) · post_gate

One kernel loads a signal, transforms it, multiplies by the filter's spectrum, transforms back and stores: no
spectrum of a signal is ever in memory. Any lengths; sums are in f32 (f64 for f64) whatever the signal's dtype.
"""

from __future__ import annotations

from tegula.ops.fft_conv.butterfly import butterfly
from tegula.ops.fft_conv.plan import FilterPlan, fft_conv, fft_conv_plan, fft_conv_step

__all__ = ["FilterPlan", "butterfly", "fft_conv", "fft_conv_plan", "fft_conv_step"]
