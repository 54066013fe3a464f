# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward and backward together, beside PyTorch's own operators and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tegula.ops as ops
import torch
from torch.nn import functional

from benchmarks.harness import Case

Tensor = torch.Tensor
Call = Callable[..., Tensor]

SEED = 40
FLOOR = 0.0  # nothing is promised yet
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}


def leaves(dtype: torch.dtype, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Tensors that require grad, the same in every run; ordinary ones also under inference mode."""
    with torch.inference_mode(False):
        generator = torch.Generator().manual_seed(SEED)
        return [torch.randn(*s, generator=generator).to(dtype).requires_grad_() for s in shapes]


def step(call: Call, args: Sequence[Tensor], flow: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    """The result and its gradients, as a computation of one call."""

    def run() -> tuple[Tensor, ...]:
        with torch.inference_mode(False), torch.enable_grad():
            y = call(*args)
            return (y.detach(), *torch.autograd.grad(y, args, flow))

    return run


def difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference of the result or a gradient, relative to its largest element."""
    pairs = zip(ours, theirs, strict=True)
    return max(float((a.float() - b.float()).abs().max() / b.float().abs().max()) for a, b in pairs)


def case(name: str, ours: Call, theirs: Call, args: Sequence[Tensor], flops: float | None) -> Case:
    with torch.inference_mode(False):
        flow = torch.randn(theirs(*args).shape, generator=torch.Generator().manual_seed(SEED + 1)).to(args[0].dtype)
    tolerance = TOLERANCE[args[0].dtype]
    return Case("training", name, step(ours, args, flow), step(theirs, args, flow), FLOOR, flops, difference, tolerance)


def cases(quick: bool) -> Iterator[Case]:
    """Attention, a product with gelu, and layer norm."""
    for dtype in (torch.float32, torch.bfloat16):
        short = str(dtype).removeprefix("torch.").replace("float", "f")
        for heads, dim in ((12, 64), (8, 128)):
            for causal in (False, True):
                for n in (512,) if quick else (512, 2048):

                    def ours(q: Tensor, k: Tensor, v: Tensor, causal: bool = causal) -> Any:
                        return ops.attention(q, k, v, causal=causal)

                    def theirs(q: Tensor, k: Tensor, v: Tensor, causal: bool = causal) -> Tensor:
                        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

                    name = f"attention {short} h{heads} d{dim} S{n}{' causal' if causal else ''}"
                    # Two products forward; three in each backward kernel and one more for dv.
                    flops = 2.0 * heads * n**2 * dim * (2 + 7) * (0.5 if causal else 1.0)
                    yield case(name, ours, theirs, leaves(dtype, *[(1, heads, n, dim)] * 3), flops)
        m, k, n = 512, 768, 3072
        yield case(
            f"matmul gelu {short} {m}x{k}x{n}", our_layer, their_layer, leaves(dtype, (m, k), (k, n), (n,)),
            6.0 * m * k * n,
        )  # fmt: skip
    # Not in bf16: PyTorch adds up the gradients of weights in bf16 there, and is wrong by 10 % after 4096 rows.
    yield case(
        "layer_norm f32 4096x768", ops.layer_norm, their_norm,
        leaves(torch.float32, (4096, 768), (768,), (768,)), None,
    )  # fmt: skip


def our_layer(a: Tensor, b: Tensor, c: Tensor) -> Any:
    return ops.matmul(a, b, bias=c, activation="gelu")


def their_layer(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return functional.gelu(torch.addmm(c, a, b))


def their_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], w, b)
