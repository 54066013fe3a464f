# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.matmul against its float64 formula."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from operators import DTYPES, call, covering, numpy_of, torch_of, verify
from tegula import ops
from tegula._compiler.environment import environment
from tegula.errors import LaunchError
from tegula.ops.matmul import tiles
from tegula.testing import oracles

FACTORS: dict[str, list[Any]] = {
    "sizes": [(1, 1, 1), (5, 7, 3), (64, 64, 64), (130, 33, 257), (1, 300, 40), (257, 1, 65), (33, 129, 1)],
    "batch": [((), ()), ((3,), ()), ((3,), (3,)), ((), (2,)), ((2, 3), (2, 1)), ((2, 1, 3), (1, 2, 3)), ((2, 2), ())],
    "activation": [None, "gelu", "gelu_tanh", "silu", "relu"],
    "dtype": list(DTYPES),
    "layout": ["dense", "a transposed", "b transposed", "every second", "stretched"],
    "bias": ["none", "same", "accumulator"],
    "kind": ["numpy", "torch"],
}


@functools.cache
def cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(FACTORS, seed=2)


def laid_out(x: Any, layout: str, name: str) -> Any:
    """The same values under other strides."""
    if layout == f"{name} transposed":
        return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if layout == "every second":
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == "stretched":
        return np.lib.stride_tricks.as_strided(x[..., :1, :], x.shape, (*x.strides[:-2], 0, x.strides[-1]))
    return x


@pytest.mark.parametrize("number", range(len(cases())))
def test_pairwise(number: int) -> None:
    c = cases()[number]
    rng = np.random.default_rng(number)
    (M, K, N), (over_a, over_b) = c["sizes"], c["batch"]
    dtype = DTYPES[c["dtype"]]
    a = laid_out(rng.standard_normal((*over_a, M, K)).astype(dtype), c["layout"], "a")
    b = laid_out(rng.standard_normal((*over_b, K, N)).astype(dtype), c["layout"], "b")
    inputs: dict[str, Any] = {"a": a, "b": b}
    if c["bias"] != "none":
        wide = np.float64 if c["dtype"] == "f64" else np.float32
        inputs["bias"] = rng.standard_normal(N).astype(dtype if c["bias"] == "same" else wide)
    if c["kind"] == "torch":
        inputs = {k: torch_of(v) for k, v in inputs.items()}
    verify(ops.matmul, oracles.matmul, inputs | {"activation": c["activation"]})


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("sizes", [(512, 300, 400), (300, 4097, 200), (1023, 64, 1025)])
def test_larger(dtype: str, sizes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    M, K, N = sizes
    a, b = (rng.standard_normal(s).astype(DTYPES[dtype]) for s in ((M, K), (K, N)))
    verify(ops.matmul, oracles.matmul, {"a": a, "b": b}, draws=3)


def test_long_sums_keep_their_digits() -> None:
    # One long chain of f32 additions, as plain loops have it, loses three bits more than sums of blocks.
    rng = np.random.default_rng(1)
    a, b = rng.random((16, 65536)).astype(np.float32), rng.random((65536, 32)).astype(np.float32)
    c = numpy_of(call(ops.matmul, a, b))
    want = a.astype(np.float64) @ b.astype(np.float64)
    assert np.abs(c / want - 1).max() < (3e-6 if environment().options.path == "sched" else 2e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: str) -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(s).astype(DTYPES[dtype]) for s in ((20, 40), (40, 50)))
    a[3, 39], a[4, 0], b[5, 7], b[39, 49] = np.nan, np.inf, -np.inf, np.inf
    for activation in (None, "relu", "gelu", "gelu_tanh", "silu"):
        verify(ops.matmul, oracles.matmul, {"a": a, "b": b, "activation": activation})
    big = np.full((4, 4), 200.0, DTYPES[dtype])
    c = numpy_of(call(ops.matmul, big, big))
    assert (c == (np.inf if dtype == "f16" else 160000)).all() or dtype == "bf16"


@pytest.mark.parametrize("sizes", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty(sizes: tuple[int, int, int]) -> None:
    M, K, N = sizes
    a, b, bias = np.ones((2, M, K), np.float32), np.ones((K, N), np.float32), np.ones(N, np.float32)
    c = call(ops.matmul, a, b, bias=bias)
    assert c.shape == (2, M, N)
    assert (c == 1 + K).all()


def test_stretched_batches_and_rows() -> None:
    rng = np.random.default_rng(3)
    a = np.broadcast_to(rng.standard_normal((1, 5, 6)), (4, 5, 6))
    b = rng.standard_normal((6, 7))
    np.testing.assert_allclose(call(ops.matmul, a, b), a @ b, rtol=1e-13, atol=1e-14)


def test_tiles_depend_on_sizes_and_fit() -> None:
    for m in (1, 8, 100, 768, 4096):
        for n in (1, 33, 768, 4096):
            bm, bn, bk = tiles(1, m, n, 512)
            assert bm <= max(8, 2 * m)
            assert bn <= max(32, 2 * n)
            assert 4 * (bm * bn + bk * bn) <= 3 * 2**18
    assert tiles(1, 4096, 4096, 4096) == (256, 256, 256)


def refused() -> list[tuple[dict[str, Any], str]]:
    """Arguments that do not fit, and what the error says."""
    a, b = np.zeros((3, 4), np.float32), np.zeros((4, 5), np.float32)
    good: dict[str, Any] = {"a": a, "b": b}

    def but(**changes: Any) -> dict[str, Any]:
        return good | changes

    return [
        (but(a=a[0]), "'a' has 1 axes, expected at least 2"),
        (but(b=b.astype(np.float16)), "'b' holds f16, 'a' holds f32"),
        (but(a=a.astype(np.int32)), "'a' holds i32, expected f64"),
        (but(b=b.T), "4 columns and 5 rows differ"),
        (but(a=np.zeros((2, 3, 4), "f"), b=np.zeros((3, 4, 5), "f")), r"batches \[2\] of 'a' and \[3\] of 'b' differ"),
        (but(bias=np.zeros(4, np.float32)), r"'bias' has shape \[4\], expected \[5\]"),
        (but(bias=np.zeros(5, np.float64)), "'bias' holds f64, expected f32"),
        (but(bias=torch_of(np.zeros(5, np.float32))), "'bias' is a torch array"),
        (but(activation="swish"), "'activation' is 'swish', expected None, 'gelu'"),
        (but(b=torch_of(b)), "'b' is a torch array, 'a' a numpy one"),
        (but(a=3.0), "'a' is a Python float"),
    ]


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    named, text = refused()[number]
    with pytest.raises(LaunchError, match=text) as caught:
        call(ops.matmul, **named)
    assert caught.value.message.startswith("matmul: ")
