# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Causal convolutions with a known spectrum, beside the faster of torch.fft and SciPy on real transforms.

N is the size of the peers' transforms, twice the signal's length; ours has N/2 complex points. What bounds it: up to
N = 4K, butterflies in the nearest cache, each stage of which reads and writes the signal and reads its twiddle factors
(about 25 to 35 cycles for 16 points there and back, where the additions alone are half of that); from N = 8K on, the
second cache, through which the signal passes four times. Memory itself is touched twice a signal. No count of
operations is given: the parties do not do the same ones.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from tegula import ops

from benchmarks.harness import Case

Tensor = torch.Tensor
BATCH = 8


def difference(ours: Tensor, theirs: Any) -> float:
    """The RMS of the difference, relative to that of the result."""
    other = torch.as_tensor(theirs)
    return float((ours - other).double().pow(2).mean().sqrt() / other.double().pow(2).mean().sqrt())


def faster(calls: dict[str, Callable[[], Any]]) -> str:
    """Which of some calls takes the least time, the best of three."""

    def once(call: Callable[[], Any]) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return min(calls, key=lambda name: min(once(calls[name]) for _ in range(4)))


def with_torch(u: Tensor, spectrum: Tensor, size: int) -> Tensor:
    """Through PyTorch's transforms."""
    fft: Any = torch.fft
    return fft.irfft(fft.rfft(u, size) * spectrum, size)[..., : size // 2]


def with_scipy(u: Any, spectrum: Any, size: int) -> Any:
    """Through SciPy's, on as many threads."""
    fft: Any = importlib.import_module("scipy.fft")
    threads = torch.get_num_threads()
    return fft.irfft(fft.rfft(u, size, workers=threads) * spectrum, size, workers=threads)[..., : size // 2]


def convolutions(quick: bool) -> Iterator[Case]:
    """f32, batch 8, 8 and 96 channels."""
    fft: Any = torch.fft
    for rows in (64, 768):
        for size in (1024, 16384) if quick else (1024, 2048, 4096, 8192, 16384, 32768, 65536):
            length, channels = size // 2, rows // BATCH
            generator = torch.Generator().manual_seed(size + rows)
            u = torch.randn(BATCH, channels, length, generator=generator)
            k = torch.randn(channels, length, generator=generator) / length**0.5
            plan, spectrum = ops.fft_conv_plan(k, length), fft.rfft(k, size)
            peers: dict[str, Callable[[], Any]] = {
                "torch": partial(with_torch, u, spectrum, size),
                "scipy": partial(with_scipy, u.numpy(), spectrum.numpy(), size),
            }
            peer = faster(peers)
            yield Case(
                "fft_conv", f"{rows} rows N{size} ({peer})", partial(ops.fft_conv, u, plan), peers[peer],
                1.0 if size <= 16384 else 0.7, None, difference, 1e-6,
            )  # fmt: skip
