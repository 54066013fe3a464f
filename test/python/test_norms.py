# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.layer_norm and rms_norm against their float64 formulas."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from operators import DTYPES, call, covering, numpy_of, torch_of, verify
from tegula import ops
from tegula.errors import LaunchError
from tegula.testing import oracles

FACTORS: dict[str, list[Any]] = {
    "width": [1, 3, 31, 32, 33, 100, 384, 768, 1000, 5000],
    "rows": [(1,), (7,), (65,), (2, 5), (3, 1, 4), ()],
    "dtype": list(DTYPES),
    "weight": ["none", "same", "accumulator"],
    "bias": [True, False],
    "layout": ["dense", "every second", "last axis strided", "stretched"],
    "kind": ["numpy", "torch"],
    "eps": [1e-5, 1e-12, 0.1],
}


@functools.cache
def cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(FACTORS, seed=3)


def laid_out(x: Any, layout: str) -> Any:
    """The same values under other strides."""
    match layout:
        case "every second" if x.ndim > 1:
            wide = np.full((2 * x.shape[0], *x.shape[1:]), np.nan, x.dtype)
            wide[::2] = x
            return wide[::2]
        case "last axis strided":
            wide = np.full((*x.shape[:-1], 3 * x.shape[-1]), np.nan, x.dtype)
            wide[..., ::3] = x
            return wide[..., ::3]
        case "stretched" if x.ndim > 1:
            return np.lib.stride_tricks.as_strided(x[:1], x.shape, (0, *x.strides[1:]))
        case _:
            return x


@pytest.mark.parametrize("number", range(len(cases())))
def test_pairwise(number: int) -> None:
    c = cases()[number]
    rng = np.random.default_rng(number)
    dtype, wide = DTYPES[c["dtype"]], np.float64 if c["dtype"] == "f64" else np.float32
    x = laid_out((rng.standard_normal((*c["rows"], c["width"])) * 3 + 1).astype(dtype), c["layout"])
    inputs: dict[str, Any] = {"x": x}
    kind = dtype if c["weight"] == "same" else wide
    if c["weight"] != "none":
        inputs["weight"] = (rng.standard_normal(c["width"]) + 2).astype(kind)
    for op, oracle in ((ops.layer_norm, oracles.layer_norm), (ops.rms_norm, oracles.rms_norm)):
        given = dict(inputs)
        if op is ops.layer_norm and c["bias"]:
            given["bias"] = rng.standard_normal(c["width"]).astype(kind)
        if c["kind"] == "torch":
            given = {k: torch_of(v) for k, v in given.items()}
        # A layer norm of one number is 0: nothing for the controls to see.
        verify(op, oracle, given | {"eps": c["eps"]}, controls=c["width"] > 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_magnitudes(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 200))
    offsets = np.linspace(0, 10, 40)[:, None] if dtype in ("f16", "bf16") else np.logspace(0, 4, 40)[:, None]
    # The sum of squares of larger numbers leaves the range of f16, in which the rule's reference computes.
    for z in (x + offsets, x * (10 if dtype == "f16" else 100), x * (0.1 if dtype == "f16" else 0.01)):
        verify(ops.layer_norm, oracles.layer_norm, {"x": z.astype(DTYPES[dtype])})
        verify(ops.rms_norm, oracles.rms_norm, {"x": z.astype(DTYPES[dtype])})


def test_a_large_mean_costs_no_digits() -> None:
    rng = np.random.default_rng(1)
    x = (1000 + rng.standard_normal((8, 512))).astype(np.float32)
    y = numpy_of(call(ops.layer_norm, x))
    # E[x²] - E[x]² would miss by 0.05.
    np.testing.assert_allclose(y, oracles.layer_norm(x.astype(np.float64)), atol=2e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((12, 70)).astype(DTYPES[dtype])
    x[1, 69], x[2, 0], x[3] = np.nan, np.inf, 0
    verify(ops.layer_norm, oracles.layer_norm, {"x": x})
    verify(ops.rms_norm, oracles.rms_norm, {"x": x})
    y = numpy_of(call(ops.layer_norm, x))
    assert np.isnan(y[1]).all()
    assert (y[3] == 0).all()
    assert np.isfinite(y[4:]).all()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0,), (2, 0, 5)])
def test_empty(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    assert call(ops.layer_norm, x).shape == shape
    assert call(ops.rms_norm, x).shape == shape


def refused() -> list[tuple[Any, dict[str, Any], str]]:
    """Arguments that do not fit, and what the error says."""
    x, w = np.zeros((3, 4), np.float32), np.zeros(4, np.float32)
    return [
        (ops.layer_norm, {"x": np.float32(1.0)}, "layer_norm: 'x' is a Python float32"),
        (ops.layer_norm, {"x": x.astype(np.int64)}, "layer_norm: 'x' holds i64, expected f64"),
        (ops.layer_norm, {"x": x, "weight": w[:3]}, r"layer_norm: 'weight' has shape \[3\], expected \[4\]"),
        (ops.layer_norm, {"x": x, "bias": w.astype(np.float64)}, "layer_norm: 'bias' holds f64, expected f32"),
        (
            ops.layer_norm,
            {"x": x.astype(np.float16), "weight": w, "bias": w.astype(np.float16)},
            "layer_norm: 'weight' holds float32, 'bias' float16: convert one of them",
        ),
        (ops.rms_norm, {"x": x, "weight": torch_of(w)}, "rms_norm: 'weight' is a torch array"),
        (ops.rms_norm, {"x": [1.0]}, "rms_norm: 'x' is a Python list"),
    ]


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    op, named, text = refused()[number]
    with pytest.raises(LaunchError, match=text):
        call(op, **named)
