# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The NumPy evaluation, plain loops and the fast path agree on every shipped kernel, at f64 to 1e-12.

The three share the text of a kernel and nothing else: the evaluation never traces, and the loops share
no lowering with the fast path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tegula._compiler.backend import Module, Options
from tegula.ops.attention import attention_fwd
from tegula.ops.matmul import ACTIVATIONS, matmul_tiles
from tegula.ops.norm import layer_norm_rows, rms_norm_rows
from tegula.runtime import backend
from tegula.testing import Evaluation


class Path:
    """The compiler of this installation by one of its paths, whatever the environment says."""

    def __init__(self, path: str) -> None:
        self.path = path

    def compile(self, text: str, target: str, options: Options, /) -> Module:
        """Compiles by this path."""
        return backend().compile(text, target, replace(options, path=self.path))

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        """The program at a level."""
        return backend().emit(text, target, level, replace(options, path=self.path))


def attention_case(rng: np.random.Generator, **options: Any) -> tuple[tuple[Any, ...], dict[str, Any], list[Any]]:
    """Arguments of attention_fwd and its outputs."""
    B, H, HK, M, N, D, DV = 2, 4, 2, 37, 75, 20, 24
    q, k, v = rng.standard_normal((B, H, M, D)), rng.standard_normal((B, HK, N, D)), rng.standard_normal((B, HK, N, DV))
    o, lse = np.full((B, H, M, DV), np.nan), np.full((B, H, M), np.nan)
    if options.get("bias"):
        options["bias"] = rng.standard_normal((1, H, M, N))
    if options.get("mask"):
        options["mask"] = rng.random((B, 1, 1, N)) < 0.6
    return (q, k, v, o, 0.3, lse), {**options, "BM": 16, "BN": 32}, [o, lse]


ATTENTION: list[dict[str, Any]] = [
    {},
    {"right": 0},
    {"left": 9, "right": 3},
    {"left": -3, "right": 50},
    {"softcap": 2.0, "right": 0},
    {"bias": True},
    {"mask": True, "right": 1},
]


def cases() -> dict[str, Any]:
    """Kernel and a function that draws its arguments, by name."""

    def matmul_case(rng: np.random.Generator, activation: str | None) -> Any:
        a, b = rng.standard_normal((2, 1, 37, 70)), rng.standard_normal((1, 3, 70, 45))
        bias, c = rng.standard_normal(45), np.full((2, 3, 37, 45), np.nan)
        return (a, b, c, bias), {"epilogue": ACTIVATIONS[activation], "BM": 16, "BN": 32, "BK": 32}, [c]

    def norm_case(rng: np.random.Generator, parameters: int) -> Any:
        x, y = rng.standard_normal((21, 100)), np.full((21, 100), np.nan)
        return (x, y, 1e-5, *rng.standard_normal((parameters, 100))), {"BR": 4}, [y]

    found: dict[str, Any] = {}
    for options in ATTENTION:
        found["attention " + " ".join(options)] = (attention_fwd, lambda rng, o=options: attention_case(rng, **o))
    for name in ACTIVATIONS:
        found[f"matmul {name}"] = (matmul_tiles, lambda rng, a=name: matmul_case(rng, a))
    for parameters in (0, 1, 2):
        found[f"layer_norm {parameters}"] = (layer_norm_rows, lambda rng, p=parameters: norm_case(rng, p))
    for parameters in (0, 1):
        found[f"rms_norm {parameters}"] = (rms_norm_rows, lambda rng, p=parameters: norm_case(rng, p))
    return found


@pytest.mark.parametrize("path", ["loops", "sched"])
@pytest.mark.parametrize("name", cases())
def test_agree(name: str, path: str) -> None:
    kernel, draw = cases()[name]
    args, named, meant = draw(np.random.default_rng(1))
    Evaluation(seed=3)(kernel, *args, **named)
    args, named, compiled = draw(np.random.default_rng(1))
    kernel.on(Path(path))(*args, **named)
    for a, b in zip(meant, compiled, strict=True):
        assert np.isfinite(a).any()
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
        finite = np.isfinite(a)
        assert np.abs(a[finite] - b[finite]).max() <= 1e-12 * np.abs(a[finite]).max()
