# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722, F821, UP037
"""`tegula.testing.check` accepts what is right in its precision and rejects what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from tegula import In, Out, T, tile
from tegula.errors import LaunchError
from tegula.testing import CheckFailed, Evaluation, check
from tegula.testing.oracles import ACTIVATIONS, attention, layer_norm, matmul, rms_norm
from tegula.testing.rounding import Rounded

DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def inputs(dtype: str, seed: int, *shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(DTYPES[dtype]) for s in shapes]


def honest(x: Any) -> Any:
    """The dtype in which an honest implementation computes."""
    return x.astype(np.float64 if x.dtype == np.float64 else np.float32)


def softmax_product(x: Any, v: Any) -> Any:
    """The oracle of these tests: softmax(x)·v."""
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return (p / p.sum(axis=-1, keepdims=True)) @ v


def implementation(x: Any, v: Any) -> Any:
    """An honest implementation."""
    return softmax_product(honest(x), honest(v)).astype(x.dtype)


@each_dtype
def test_an_honest_implementation_passes(dtype: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        m, n, d = (int(z) for z in rng.integers(1, 70, 3))
        x, v = inputs(dtype, seed, (m, n), (n, d))
        x = (x * rng.choice([1, 1, 8])).astype(x.dtype)
        report = check(implementation, softmax_product, {"x": x, "v": v}, seed=seed, controls=False)
        assert 0 <= report.verdicts[0].row <= 1


def fault(name: str) -> Callable[[Any, Any], Any]:
    """A faulty implementation of softmax(x)·v."""

    def faulty(x: Any, v: Any) -> Any:
        y = implementation(x, v)
        match name:
            case "zeros":
                return np.zeros_like(y)
            case "a zero row":
                y[3] = 0
            case "a zero element":
                y[np.unravel_index(np.abs(honest(y)).argmax(), y.shape)] = 0
            case "two rows swapped":
                y[[2, 5]] = y[[5, 2]]
            case "shifted by a row":
                y = np.roll(y, 1, axis=0)
            case "last key dropped":
                return implementation(x[:, :-1], v[:-1])
            case "one percent":
                y = (honest(y) * 1.02).astype(y.dtype)
            case "NaN":
                y[1, 1] = np.nan
            case "infinity":
                y[1, 1] = np.inf
            case _:
                raise AssertionError(name)
        return y

    return faulty


FAULTS = [
    "zeros", "a zero row", "a zero element", "two rows swapped", "shifted by a row", "last key dropped", "one percent",
    "NaN", "infinity",
]  # fmt: skip


@each_dtype
@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(dtype: str, name: str) -> None:
    for seed in range(5):
        x, v = inputs(dtype, seed, (33, 20), (20, 16))
        x[:, -1] = 2  # the last key has weight
        with pytest.raises(CheckFailed):
            check(fault(name), softmax_product, {"x": x, "v": v}, seed=seed)


def test_lower_precision_is_found() -> None:
    x, v = inputs("f32", 0, (33, 20), (20, 16))
    with pytest.raises(CheckFailed, match="allowed"):
        half = lambda x, v: implementation(x.astype(np.float16), v.astype(np.float16)).astype(np.float32)  # noqa: E731
        check(half, softmax_product, {"x": x, "v": v}, seed=0)
    x, v = inputs("f64", 0, (33, 20), (20, 16))
    with pytest.raises(CheckFailed, match="allowed"):
        single = lambda x, v: implementation(x.astype("f"), v.astype("f")).astype(np.float64)  # noqa: E731
        check(single, softmax_product, {"x": x, "v": v}, seed=0)


def test_rows_of_low_rank_err_as_one_number() -> None:
    """A row is a number times v: its error is no mean, but a wrong row is found where rows of all sizes stand."""
    rng = np.random.default_rng(13)
    scales = 2.0 ** rng.integers(-8, 3, (400, 1))
    x, v = (scales * rng.standard_normal((400, 40))).astype(np.float16), rng.standard_normal((1, 24)).astype(np.float16)

    def oracle(x: Any, v: Any) -> Any:
        return x.mean(axis=-1, keepdims=True) * v

    def by(error: float) -> Callable[..., Any]:
        """An implementation that rounds the number, of which the smallest one is off by that."""

        def op(x: Any, v: Any) -> Any:
            middle = honest(x).mean(axis=-1, keepdims=True).astype(x.dtype).astype(np.float32)
            middle[np.abs(middle).argmin()] += error
            return (middle * honest(v)).astype(x.dtype)

        return op

    check(by(0), oracle, {"x": x, "v": v}, seed=1, draws=32, rank=1)
    with pytest.raises(CheckFailed, match="RMS error of row"):
        check(by(5e-4), oracle, {"x": x, "v": v}, seed=1, draws=32, rank=1)


def test_f64_at_1e12() -> None:
    x, v = inputs("f64", 0, (33, 20), (20, 16))
    with pytest.raises(CheckFailed):
        check(lambda x, v: implementation(x, v) * (1 + 1e-10), softmax_product, {"x": x, "v": v}, seed=0)
    check(lambda x, v: implementation(x, v) * (1 + 1e-13), softmax_product, {"x": x, "v": v}, seed=0)


@each_dtype
def test_special_values_are_compared_exactly(dtype: str) -> None:
    x, v = inputs(dtype, 1, (9, 6), (6, 4))
    x[2, 1], x[4, 0], x[5, 5] = np.nan, -np.inf, np.inf
    v[3, 2] = -np.inf
    check(implementation, softmax_product, {"x": x, "v": v}, seed=0)

    def hides_nan(x: Any, v: Any) -> Any:
        y = implementation(x, v)
        y[2] = 0
        return y

    def other_sign(x: Any, v: Any) -> Any:
        y = implementation(x, v)
        y[np.isneginf(honest(y))] = np.inf
        return y

    for bad in (hides_nan, other_sign):
        with pytest.raises(CheckFailed, match="expected"):
            check(bad, softmax_product, {"x": x, "v": v}, seed=0)


def test_beyond_the_range_of_the_dtype_an_infinity_is_right() -> None:
    x = np.float16([[6e4, 1.0], [2.0, 3.0]])
    with np.errstate(over="ignore"):
        check(lambda x: x + x, lambda x: x + x, {"x": x}, seed=0)
        with pytest.raises(CheckFailed):
            check(lambda x: np.minimum(x + x, np.float16(65504)), lambda x: x + x, {"x": x}, seed=0)


def test_a_written_input_a_wrong_shape_and_a_missing_result_are_found() -> None:
    def writes(x: Any, v: Any) -> Any:
        y = implementation(x, v)
        x[0, 0] += 1
        return y

    x, v = inputs("f32", 0, (5, 4), (4, 3))
    with pytest.raises(CheckFailed, match="wrote its input 'x'"):
        check(writes, softmax_product, {"x": x, "v": v}, seed=0)
    with pytest.raises(CheckFailed, match="expected"):
        check(lambda x, v: implementation(x, v)[:, :2], softmax_product, {"x": x, "v": v}, seed=0)
    with pytest.raises(CheckFailed, match="oracle gives 1"):
        check(lambda x, v: (implementation(x, v), x), softmax_product, {"x": x, "v": v}, seed=0)


def test_controls_refuse_inputs_that_show_nothing() -> None:
    # Huge, badly conditioned logits allow so much that rows could be swapped unseen.
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((8, 4)) * 0.01 + 3e4).astype(ml_dtypes.bfloat16)
    v = np.full((4, 3), 1.0, ml_dtypes.bfloat16) * rng.standard_normal((4, 1)).astype(ml_dtypes.bfloat16)
    big = np.concatenate([x, -x], axis=1)
    with pytest.raises(CheckFailed, match="could be swapped|would pass"):
        check(implementation, softmax_product, {"x": big, "v": np.concatenate([v, -v])}, seed=0)


def test_the_seed_is_printed_and_decides(capsys: pytest.CaptureFixture[str]) -> None:
    x, v = inputs("f32", 0, (5, 4), (4, 3))
    first = check(implementation, softmax_product, {"x": x, "v": v})
    assert f"seed={first.seed}" in capsys.readouterr().err
    again = check(implementation, softmax_product, {"x": x, "v": v}, seed=first.seed)
    other = check(implementation, softmax_product, {"x": x, "v": v}, seed=first.seed + 1)
    assert again.verdicts == first.verdicts != other.verdicts
    assert "allowance" in str(first)


@tg.kernel
def scaled(x: tg.In[T, "N D"], y: tg.Out[T, "N D"], *, skip: tg.const = 0):
    n, d = tg.grid((x.shape[0] - skip, 4)), tg.span(8)
    tg.store(y, (n, d), tg.load(x, (n, d)) * 3.0)


@each_dtype
def test_kernels_get_poisoned_outputs(dtype: str) -> None:
    (x,) = inputs(dtype, 0, (13, 8))
    run = Evaluation(seed=1, poison=False)  # the check fills them
    check(scaled, lambda x: x * 3.0, {"x": x}, seed=0, run=run)
    with pytest.raises(CheckFailed, match="is nan"):
        check(scaled, lambda x, skip: x * 3.0, {"x": x, "skip": 3}, seed=0, run=run)


def test_rounded_arrays_round_each_operation() -> None:
    bf16 = np.dtype(ml_dtypes.bfloat16)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 6, 6)).astype(bf16)
    x, y = Rounded.of(a, bf16), Rounded.of(b, bf16)
    rounded = lambda z: np.asarray(z, np.float64).astype(bf16).astype(np.float64)  # noqa: E731
    A, B = a.astype(np.float64), b.astype(np.float64)
    assert (np.asarray(x * y + x) == rounded(rounded(A * B) + A)).all()
    assert (np.asarray((x @ y).sum(axis=0)) == rounded(rounded(A @ B).sum(axis=0))).all()
    assert (np.asarray(np.where(x > 0, np.exp(x), y)) == np.where(A > 0, rounded(np.exp(A)), B)).all()
    assert (np.asarray(np.einsum("ij,jk->ik", x, y)) == rounded(A @ B)).all()
    z = x.copy()
    z += y
    assert (np.asarray(z) == rounded(A + B)).all()
    assert (np.asarray(np.concatenate([x, y]).mean(axis=-1)) != np.concatenate([A, B]).mean(axis=-1)).any()


def test_oracles_against_pytorch() -> None:
    import torch

    rng = np.random.default_rng(0)
    q, k, v = (torch.from_numpy(rng.standard_normal(s)) for s in ((2, 4, 9, 8), (2, 2, 13, 8), (2, 2, 13, 6)))
    for causal in (False, True):
        k4, v4 = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        mask = torch.ones(9, 13, dtype=torch.bool).tril(13 - 9) if causal else None
        want = torch.nn.functional.scaled_dot_product_attention(q, k4, v4, attn_mask=mask)
        got, lse = attention(q.numpy(), k.numpy(), v.numpy(), causal=causal, return_lse=True)
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-12)
        s = q @ k4.mT / 8**0.5
        s = s if mask is None else s.masked_fill(~mask, -torch.inf)
        np.testing.assert_allclose(lse, torch.logsumexp(s, -1).numpy(), rtol=1e-12)
    x, w, b = (torch.from_numpy(rng.standard_normal(s)) for s in ((5, 7), (7,), (7,)))
    want = torch.nn.functional.layer_norm(x, (7,), w, b, 1e-5)
    np.testing.assert_allclose(layer_norm(x.numpy(), w.numpy(), b.numpy()), want.numpy(), rtol=1e-11)
    want = torch.nn.functional.rms_norm(x, (7,), w, 1e-6)
    np.testing.assert_allclose(rms_norm(x.numpy(), w.numpy()), want.numpy(), rtol=1e-12)
    F = torch.nn.functional
    peers = {"gelu": F.gelu, "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"), "silu": F.silu, "relu": F.relu}
    for name, f in peers.items():
        np.testing.assert_allclose(ACTIVATIONS[name](x.numpy()), f(x).numpy(), rtol=1e-12, atol=1e-15)
        got = matmul(x.numpy(), x.mT.numpy(), bias=x[:, 0].numpy(), activation=name)
        np.testing.assert_allclose(got, f(x @ x.mT + x[:, 0]).numpy(), rtol=1e-12, atol=1e-14)


@tg.kernel
def doubled(x: In[T, "M N"], y: Out[T, "M N"], *, B: tile = 16):
    M, N = x.shape
    m, n = tg.grid((M, B), (N, B))
    tg.store(y, (m, n), 2.0 * tg.load(x, (m, n)))


def test_targets() -> None:
    """The same call on the CPU and as two GPUs' code; a verdict for each, and a failure says where."""
    inputs = {"x": np.random.default_rng(0).standard_normal((20, 33)).astype(np.float32)}
    report = check(doubled, lambda x: 2 * x, inputs, targets=["native", "sm_80", "gfx942"])
    assert [v.name for v in report.verdicts] == ["y on native", "y on sm_80", "y on gfx942"]

    def wrong_on_gpus(x: Any) -> Any:
        return 2 * x if tg.target.vector_bytes <= 64 else x

    check(wrong_on_gpus, lambda x: 2 * x, inputs, targets=["native"])
    with pytest.raises(CheckFailed, match="the result on sm_80: RMS error"):
        check(wrong_on_gpus, lambda x: 2 * x, inputs, targets=["native", "sm_80"])
    with pytest.raises(LaunchError, match="unknown target"):
        check(doubled, lambda x: 2 * x, inputs, targets=["sm_1"])
