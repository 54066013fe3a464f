# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Operators on small and odd sizes, each beside PyTorch in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tegula as tg
import torch
import torch.nn.functional as F

DTYPES = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# ‖out − ref‖ / ‖ref‖ of a result rounded once to the dtype, with room for intermediates of it.
TOLERANCE = {"f64": 1e-12, "f32": 2e-5, "f16": 4e-3, "bf16": 3e-2}


@dataclass(frozen=True)
class Check:
    """An operator's call, and the same in float64: both take the tensors."""

    name: str
    dtype: str
    tensors: tuple[Any, ...]
    ours: Callable[..., Any]
    reference: Callable[..., Any]
    backward: bool = False

    def run(self) -> dict[str, Any]:
        """The relative errors of the results, and of the gradients where there are any."""
        inputs = [t.clone().requires_grad_(self.backward) for t in self.tensors]
        wide = [t.double().requires_grad_(self.backward) for t in self.tensors]
        ours, reference = self.ours(*inputs), self.reference(*wide)
        results = [(ours, reference)]
        if self.backward:
            flow = torch.randn_like(ours)
            ours.backward(flow)
            reference.backward(flow.double())
            results += [(a.grad, b.grad) for a, b in zip(inputs, wide)]
        error = max(difference(a, b) for a, b in results)
        # Controls: nothing, and rows exchanged, must be wrong by more than is allowed.
        tolerance = TOLERANCE[self.dtype]
        zero, turned = difference(torch.zeros_like(ours), reference), difference(ours.flip(-2), reference)
        can_fail = zero > tolerance and turned > tolerance
        return {"name": self.name, "dtype": self.dtype, "error": error, "ok": bool(error <= tolerance and can_fail)}


def difference(a: Any, b: Any) -> float:
    """‖a − b‖ / ‖b‖ in float64; infinite for what is no number."""
    a, b = a.detach().double(), b.detach().double()
    value = float((a - b).norm() / b.norm())
    return value if value == value else float("inf")


def checks(device: str, tiny: bool) -> Iterator[Check]:
    """All operators and dtypes."""
    for name, dtype in DTYPES.items():

        def x(*shape: int, scale: float = 1.0) -> Any:
            return (torch.randn(*shape, dtype=torch.float64) * scale).to(dtype).to(device)  # noqa: B023

        m, n, k = (33, 40, 24) if tiny else (257, 200, 344)
        yield Check("matmul", name, (x(2, m, k), x(2, k, n, scale=k**-0.5)), tg.ops.matmul, torch.matmul)
        yield Check("rms_norm", name, (x(m, k), x(k)), _rms, _rms_reference)
        yield Check("layer_norm", name, (x(m, k), x(k), x(k)), _layer, _layer_reference)
        for d in (64,) if tiny else (64, 96, 128, 256):
            for causal in (False, True):
                q, kv = (1, 2, m, d), (1, 2, m, d)

                def ours(q: Any, k: Any, v: Any, causal: bool = causal) -> Any:
                    return tg.ops.attention(q, k, v, causal=causal)

                def reference(q: Any, k: Any, v: Any, causal: bool = causal) -> Any:
                    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

                mask = " causal" if causal else ""
                yield Check(f"attention d={d}{mask}", name, (x(*q), x(*kv), x(*kv)), ours, reference)
                if not tiny:
                    yield Check(f"attention d={d}{mask} bwd", name, (x(*q), x(*kv), x(*kv)), ours, reference, True)


def _rms(x: Any, w: Any) -> Any:
    return tg.ops.rms_norm(x, w)


def _rms_reference(x: Any, w: Any) -> Any:
    return F.rms_norm(x, (x.shape[-1],), w, eps=1e-6)


def _layer(x: Any, w: Any, b: Any) -> Any:
    return tg.ops.layer_norm(x, w, b)


def _layer_reference(x: Any, w: Any, b: Any) -> Any:
    return F.layer_norm(x, (x.shape[-1],), w, b, eps=1e-5)
