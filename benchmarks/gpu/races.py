# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Attention and matmul beside what others have: times by device events, TFLOP/s by the field's convention.

4·B·H·M·N·D operations for attention forward, half of it where it is causal; 2·M·N·K for matmul.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import tegula as tg
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass(frozen=True)
class Race:
    """One computation and who does it; a peer that is not there is None."""

    name: str
    flops: float
    runners: dict[str, Callable[[], Any] | None]


def races(device: str, tiny: bool) -> Iterator[Race]:
    """What is timed, with fresh inputs."""
    tokens, lengths = (256, (64,)) if tiny else (16384, (1024, 4096, 16384))
    for d in (64,) if tiny else (64, 128):
        for length in lengths:
            for causal in (False, True):
                heads = 2 if tiny else 2048 // d
                yield _attention(device, tokens // length, heads, length, d, causal)
    for m, n, k in ((96, 80, 64),) if tiny else ((4096, 4096, 4096), (8192, 8192, 8192), (16384, 1024, 4096)):
        a, b = (torch.randn(*shape, device=device, dtype=torch.bfloat16) for shape in ((m, k), (k, n)))
        runners: dict[str, Callable[[], Any] | None] = {
            "tegula": _bind(tg.ops.matmul, a, b),
            "cublas": _bind(torch.matmul, a, b),
        }
        runners["triton"] = _triton("matmul", device, a, b)
        yield Race(f"matmul {m}x{n}x{k} bf16", 2.0 * m * n * k, runners)


def _attention(device: str, batch: int, heads: int, length: int, d: int, causal: bool) -> Race:
    q, k, v = (torch.randn(batch, heads, length, d, device=device, dtype=torch.bfloat16) for _ in range(3))

    def peer(backend: SDPBackend) -> Callable[[], Any]:
        def run() -> Any:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

        return run

    runners: dict[str, Callable[[], Any] | None] = {
        "tegula": lambda: tg.ops.attention(q, k, v, causal=causal),
        "cudnn": peer(SDPBackend.CUDNN_ATTENTION),
        "flash": peer(SDPBackend.FLASH_ATTENTION),
        "triton": _triton("attention", device, q, k, v, causal),
    }
    flops = 4.0 * batch * heads * length * length * d / (2 if causal else 1)
    return Race(f"attention {batch}x{heads}x{length}x{d} bf16{' causal' if causal else ''}", flops, runners)


def _bind(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: function(*args)


def _triton(name: str, device: str, *args: Any) -> Callable[[], Any] | None:
    """A kernel in the manner of Triton's tutorials, where Triton and a device are."""
    if device == "cpu":
        return None
    with suppress(ImportError):
        from benchmarks.gpu import triton_peers

        return _bind(getattr(triton_peers, name), *args)
    return None


def on_device(run: Callable[[], Any], budget_ms: float = 300.0) -> float:
    """Milliseconds of one call: the median of events around single calls, after a warm-up, with a cold L2."""
    run()
    torch.cuda.synchronize()
    flush = torch.empty(64 << 20, dtype=torch.int32, device="cuda")
    times: list[float] = []
    spent = 0.0
    while len(times) < 5 or (spent < budget_ms and len(times) < 200):
        flush.zero_()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
        spent += times[-1]
    return statistics.median(times)


def timed(race: Race, clock: Callable[[Callable[[], Any]], float] | None) -> dict[str, Any]:
    """Milliseconds and TFLOP/s of each runner; without a clock they only run. What fails says why."""
    row: dict[str, Any] = {"name": race.name, "flops": race.flops, "ms": {}, "tflops": {}, "failed": {}}
    for who, run in race.runners.items():
        if run is None:
            row["failed"][who] = "not available"
            continue
        try:
            if clock is None:
                run()
                continue
            ms = clock(run)
        except Exception as e:  # a peer that refuses is a fact of the table, not the end of it
            row["failed"][who] = str(e).splitlines()[0] if str(e) else type(e).__name__
            continue
        row["ms"][who], row["tflops"][who] = ms, race.flops / ms * 1e-9
    return row
