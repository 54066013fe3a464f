# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.attention against its float64 formula: a pairwise covering array of cases, and named corners."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tegula as tg
from operators import DTYPES, call, covering, numpy_of, torch_of, verify
from tegula import ops
from tegula.errors import LaunchError
from tegula.testing import oracles

FACTORS: dict[str, list[Any]] = {
    "head_dim": [1, 32, 40, 64, 80, 96, 128, 192, 256],
    "lengths": [(1, 1), (1, 147), (5, 3), (33, 64), (64, 33), (96, 130), (130, 257)],
    "mask": ["none", "causal", (3, 2), (0, 0), (-2, None), (None, -1), (20, None), ("causal", (7, 5))],
    "dtype": list(DTYPES),
    "heads": [(2, 2), (4, 2), (3, 1)],
    "bias": ["none", "full", "row of keys, f32", "mask", "mask of keys"],
    "layout": ["dense", "heads inside", "every second", "batch stretched"],
    "value_dim": ["same", 24],
    "softcap": [None, 5.0],
    "scale": [None, 0.3],
    "kind": ["numpy", "torch"],
    "lse": [True, False],
}


@functools.cache
def cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(FACTORS, seed=1)


def test_covering_array_covers() -> None:
    rows = cases()
    assert len(rows) <= 400
    names = list(FACTORS)
    for a in names:
        for b in names:
            if a != b:
                for x in FACTORS[a]:
                    for y in FACTORS[b]:
                        assert any(r[a] is x and r[b] is y or (r[a] == x and r[b] == y) for r in rows), (a, x, b, y)


def laid_out(x: Any, layout: str) -> Any:
    """The same values of [batch, heads, seq, dim] under other strides."""
    match layout:
        case "heads inside":
            return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
        case "every second":
            wide = np.full((*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3]), np.nan, x.dtype)
            wide[:, :, ::2, ::2] = x
            return wide[:, :, ::2, ::2]
        case "batch stretched":
            return np.lib.stride_tricks.as_strided(x[:1], x.shape, (0, *x.strides[1:]))
        case _:
            return x


def draw(
    rng: np.random.Generator,
    dtype: str,
    heads: tuple[int, int],
    lengths: tuple[int, int],
    dims: tuple[int, int],
    batch: int = 2,
) -> tuple[Any, Any, Any]:
    """q, k, v; the first and last keys carry weight, so that dropping one shows."""
    (H, HK), (M, N), (D, DV) = heads, lengths, dims
    q = rng.standard_normal((batch, H, M, D))
    k = rng.standard_normal((batch, HK, N, D))
    v = rng.standard_normal((batch, HK, N, DV))
    if N:
        v[:, :, [0, -1]] *= 4
    return tuple(z.astype(DTYPES[dtype]) for z in (q, k, v))  # type: ignore[return-value]


@pytest.mark.parametrize("number", range(len(cases())))
def test_pairwise(number: int) -> None:
    c = cases()[number]
    rng = np.random.default_rng(number)
    D = c["head_dim"]
    (H, _), (M, N) = c["heads"], c["lengths"]
    q, k, v = draw(rng, c["dtype"], c["heads"], c["lengths"], (D, D if c["value_dim"] == "same" else c["value_dim"]))
    q, k, v = (laid_out(z, c["layout"]) for z in (q, k, v))
    options: dict[str, Any] = {"softcap": c["softcap"], "scale": c["scale"], "return_lse": c["lse"]}
    mask = c["mask"]
    if mask == "causal" or mask[0] == "causal":
        options["causal"] = True
    if mask not in ("none", "causal"):
        options["window"] = mask[1] if mask[0] == "causal" else mask
    match c["bias"]:
        case "full":
            options["bias"] = rng.standard_normal((2, H, M, N)).astype(DTYPES[c["dtype"]])
        case "row of keys, f32":
            options["bias"] = rng.standard_normal((1, H, 1, N)).astype(np.float32)
        case "mask":
            options["bias"] = rng.random((2, 1, M, N)) < 0.7
        case "mask of keys":
            options["bias"] = rng.random((2, 1, 1, N)) < 0.7
    inputs: dict[str, Any] = {"q": q, "k": k, "v": v}
    if "bias" in options:
        inputs["bias"] = options.pop("bias")
    if c["kind"] == "torch":
        inputs = {n: torch_of(np.ascontiguousarray(x) if n == "bias" else x) for n, x in inputs.items()}

    def op(**named: Any) -> Any:
        return call(ops.attention, **named, **options)

    def oracle(**named: Any) -> Any:
        return oracles.attention(**named, **options)

    verify_plain(op, oracle, inputs)


def verify_plain(op: Any, oracle: Any, inputs: dict[str, Any], **options: Any) -> Any:
    """`verify` for a function that already decides how to run."""
    from tegula.testing import check

    return check(op, oracle, inputs, seed=7, **options)


CORNERS = [(0, 5), (5, 0), (1, 1), (3, 3), (1, 147), (113, 203), (799, 3), (1023, 1024)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", CORNERS, ids=lambda x: f"{x[0]}x{x[1]}")
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_corners(dtype: str, lengths: tuple[int, int], causal: bool) -> None:
    rng = np.random.default_rng(sum(lengths))
    q, k, v = draw(rng, dtype, (2, 1), lengths, (64, 64), batch=1)
    report = verify(
        ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "causal": causal, "return_lse": True}, draws=4
    )
    assert len(report.verdicts) == 2
    if lengths == (5, 0):
        o, lse = call(ops.attention, q, k, v, return_lse=True)
        assert (o == 0).all()
        assert (lse == -np.inf).all()


@pytest.mark.parametrize("causal", [False, True])
def test_long(causal: bool) -> None:
    q, k, v = draw(np.random.default_rng(0), "f32", (1, 1), (4224, 4224), (64, 64), batch=1)
    verify(ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "causal": causal}, draws=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["large", "small", "outliers", "far apart"])
def test_magnitudes(dtype: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    q, k, v = draw(rng, dtype, (2, 2), (70, 90), (32, 32))
    match kind:
        case "large":
            q, v = q * q.dtype.type(12), v * v.dtype.type(1000)
        case "small":
            v = (v.astype(np.float64) * (1e-30 if dtype in ("f64", "f32", "bf16") else 1e-4)).astype(v.dtype)
        case "outliers":
            k = np.where(rng.random(k.shape) < 0.001, k.dtype.type(20), k)
        case _:  # a running maximum that grows late, and far
            k = k * np.linspace(0.01, 4, k.shape[2])[:, None].astype(k.dtype)
            k = k.astype(q.dtype)
    verify(ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "return_lse": True})


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_behind_a_bound_or_a_mask_never_shows(dtype: str) -> None:
    rng = np.random.default_rng(4)
    q, k, v = draw(rng, dtype, (4, 2), (37, 50), (24, 24))

    def behind(x: Any) -> Any:
        wide = np.full((*x.shape[:2], x.shape[2] + 99, x.shape[3] + 8), np.nan, x.dtype)
        wide[:, :, : x.shape[2], : x.shape[3]] = x
        return wide[:, :, : x.shape[2], : x.shape[3]]

    want = call(ops.attention, q, k, v, causal=True, return_lse=True)
    got = call(ops.attention, *(behind(z) for z in (q, k, v)), causal=True, return_lse=True)
    for a, b in zip(want, got, strict=True):
        assert np.isfinite(numpy_of(b)).all()
        assert (numpy_of(a) == numpy_of(b)).all()
    # Masked keys, and bias behind a mask: only the values of a masked key may not be NaN.
    keep = rng.random((2, 1, 1, 50)) < 0.6
    poisoned = np.where(np.swapaxes(keep, -1, -2), k, k.dtype.type(np.nan))
    want = call(ops.attention, q, k, v, bias=keep)
    assert (numpy_of(call(ops.attention, q, poisoned, v, bias=keep)) == numpy_of(want)).all()
    bias = np.zeros((1, 1, 37, 50), np.float32)
    bias[:, :, ~oracles.visible(37, 50, True, None)] = np.nan
    want = call(ops.attention, q, k, v, causal=True)
    np.testing.assert_allclose(numpy_of(call(ops.attention, q, k, v, causal=True, bias=bias)), numpy_of(want))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinities_are_where_the_formula_has_them(dtype: str) -> None:
    rng = np.random.default_rng(5)
    q, k, v = draw(rng, dtype, (2, 2), (20, 70), (16, 16))
    q[0, 1, 3, 2] = np.nan
    v[1, 0, 66, 5] = np.inf
    bias = np.zeros((2, 2, 20, 70), DTYPES[dtype])
    bias[0, 0, 4] = -np.inf  # no key left
    bias[0, 0, 5, 1:] = -np.inf  # one key left
    bias[1, 1, 6, 69] = np.inf
    inputs = {"q": q, "k": k, "v": v, "bias": bias, "return_lse": True}
    verify(ops.attention, oracles.attention, inputs)
    o, lse = call(ops.attention, **inputs)
    assert np.isnan(numpy_of(o)[0, 1, 3]).all()
    assert (numpy_of(o)[0, 0, 4] == 0).all()
    assert numpy_of(lse)[0, 0, 4] == -np.inf
    assert (numpy_of(o)[0, 0, 5] == numpy_of(v)[0, 0, 0]).all()
    assert np.isnan(numpy_of(o)[1, 1, 6]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_the_finite_minimum_stay_finite(dtype: str) -> None:
    import ml_dtypes

    rng = np.random.default_rng(6)
    q, k, v = draw(rng, dtype, (2, 2), (9, 33), (16, 16))
    low = float(ml_dtypes.finfo(DTYPES[dtype]).min)
    bias = np.zeros((2, 1, 9, 33), DTYPES[dtype])
    bias[0, :, :4] = low  # rows that hold nothing else, as the masks of Hugging Face have them
    bias[1, :, :, 20:] = low  # padding
    verify(ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "bias": bias})
    o = numpy_of(call(ops.attention, q, k, v, bias=bias))
    assert np.isfinite(o).all()
    cut = numpy_of(call(ops.attention, q[1:], k[1:, :, :20], v[1:, :, :20]))
    np.testing.assert_allclose(
        o[1:], cut, rtol=2 * float(ml_dtypes.finfo(DTYPES[dtype]).eps), atol=1e-6 * abs(cut).max()
    )


def test_windows_of_any_integer_clamp() -> None:
    q, k, v = draw(np.random.default_rng(7), "f64", (1, 1), (12, 20), (8, 8))
    everything = numpy_of(call(ops.attention, q, k, v))
    for window in [(10**12, 10**12), (None, 2**40), (2**62, None), (None, None), [50, 50]]:
        assert (numpy_of(call(ops.attention, q, k, v, window=window)) == everything).all()
    for window in [(-(10**12), None), (None, -(10**12)), (-30, 30)]:
        o, lse = call(ops.attention, q, k, v, window=window, return_lse=True)
        assert (o == 0).all()
        assert (lse == -np.inf).all()
    both = numpy_of(call(ops.attention, q, k, v, window=(3, 5), causal=True))
    assert (both == numpy_of(call(ops.attention, q, k, v, window=(3, 0)))).all()
    assert (both != numpy_of(call(ops.attention, q, k, v, window=(3, 5)))).any()


@pytest.mark.parametrize("dims", [(1, 1), (3, 5), (17, 130), (512, 512), (64, 512), (512, 16)])
def test_head_dims(dims: tuple[int, int]) -> None:
    q, k, v = draw(np.random.default_rng(8), "f32", (2, 1), (40, 70), dims, batch=1)
    verify(ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "return_lse": True})


def test_scales_of_any_sign() -> None:
    q, k, v = draw(np.random.default_rng(9), "f32", (2, 2), (20, 30), (8, 8))
    for scale in (-0.5, 0.0, 3, np.float32(0.25)):
        verify(ops.attention, oracles.attention, {"q": q, "k": k, "v": v, "scale": scale}, controls=scale != 0)


def test_results_repeat_bit_for_bit() -> None:
    q, k, v = draw(np.random.default_rng(10), "bf16", (4, 2), (150, 300), (40, 40))
    runs = [numpy_of(call(ops.attention, q, k, v, causal=True)) for _ in range(3)]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] == runs[2]).all()


def test_results_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(14)
    q, k, v = draw(rng, "f32", (4, 2), (300, 400), (40, 40))
    a, b = rng.standard_normal((300, 500)).astype(np.float32), rng.standard_normal((500, 400)).astype(np.float32)
    runs: list[list[Any]] = []
    for n in (1, 2, 3, 16):
        with tg.threads(n):
            runs.append([call(ops.attention, q, k, v, causal=True), call(ops.matmul, a, b), call(ops.layer_norm, a)])
    for other in runs[1:]:
        assert all(numpy_of(x).tobytes() == numpy_of(y).tobytes() for x, y in zip(runs[0], other, strict=True))


def test_kind_of_the_result() -> None:
    import torch

    q, k, v = draw(np.random.default_rng(11), "bf16", (2, 2), (5, 7), (8, 8))
    o, lse = call(ops.attention, q, k, v, return_lse=True)
    assert isinstance(o, np.ndarray)
    assert (o.dtype, lse.dtype) == (q.dtype, np.float32)
    ot, lt = call(ops.attention, *(torch_of(z) for z in (q, k, v)), return_lse=True)
    assert (ot.dtype, lt.dtype) == (torch.bfloat16, torch.float32)
    assert (numpy_of(ot) == numpy_of(o)).all()


def refused() -> list[tuple[dict[str, Any], str]]:
    """Arguments that do not fit, and what the error says."""
    q, k, v = draw(np.random.default_rng(12), "f32", (4, 2), (5, 7), (8, 6))
    good: dict[str, Any] = {"q": q, "k": k, "v": v}

    def but(**changes: Any) -> dict[str, Any]:
        return good | changes

    return [
        (but(q=q[0]), r"'q' has 3 axes, expected \[batch, heads, seq, head_dim\]"),
        (but(k=k.astype(np.float64)), "'k' holds f64, 'q' holds f32"),
        (but(q=q.astype(np.int32)), "'q' holds i32, expected f64"),
        (but(k=k[:, :, :, :5]), r"'k' has shape \[2, 2, 7, 5\], expected \[2, 2, 7, 8\]"),
        (but(v=v[:, :, :6]), r"'v' has shape \[2, 2, 6, 6\], expected \[2, 2, 7, 6\]"),
        (but(v=v[:1]), r"'v' has shape"),
        (but(q=q[:, :3]), "3 heads of 'q' are no multiple of the 2 heads of 'k'"),
        (but(q=torch_of(q)), "'k' is a numpy array, 'q' a torch one"),
        (but(q=q.tolist()), "'q' is a Python list"),
        (but(q=q[..., :0], k=k[..., :0]), "head_dim 0"),
        (but(window=3), "expected \\(left, right\\)"),
        (but(window=(1.5, None)), "pair of integers"),
        (but(window=(True, None)), "pair of integers"),
        (but(softcap=0.0), "'softcap' is 0.0, expected a positive"),
        (but(softcap=-1.0), "positive"),
        (but(bias=np.zeros((2, 4, 5, 6), np.float32)), r"'bias' has shape \[2, 4, 5, 6\]"),
        (but(bias=np.zeros((4, 5, 7), np.float32)), "'bias' has shape"),
        (but(bias=np.zeros((1, 1, 1, 1), np.float16)), "'bias' holds f16, expected f32"),
        (but(bias=np.zeros((1, 1, 1, 1), np.int32)), "'bias' holds i32"),
        (but(bias=torch_of(np.zeros((1, 1, 1, 1), np.float32))), "'bias' is a torch array"),
    ]


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    named, text = refused()[number]
    with pytest.raises(LaunchError, match=text) as caught:
        call(ops.attention, **named)
    assert caught.value.message.startswith("attention: ")


def test_a_bias_that_requires_grad_is_refused() -> None:
    import torch

    q, k, v = (torch_of(z) for z in draw(np.random.default_rng(13), "f32", (1, 1), (3, 3), (4, 4)))
    bias = torch.zeros(1, 1, 3, 3, requires_grad=True)
    with pytest.raises(LaunchError, match=r"'bias' requires grad, and attention has no gradient for a bias.*detach"):
        call(ops.attention, q, k, v, bias=bias)
    with torch.no_grad():
        assert call(ops.attention, q, k, v, bias=bias).shape == v.shape


MEMORY = """
import sys, numpy as np
from operators import call
import tegula as tg
from tegula import ops
def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) // 1024
S = int(sys.argv[1])
x = np.random.default_rng(0).standard_normal((1, 1, S, 64)).astype(np.float32)
call(ops.attention, x[:, :, :512], x[:, :, :512], x[:, :, :512])
o = np.zeros_like(x)
before = peak()
o[...] = call(ops.attention, x, x, x)
print(peak() - before)
"""


def test_no_array_of_all_scores_exists() -> None:
    length = 6144
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, str(length)], capture_output=True, text=True, check=True, env=_path()
    )
    scores = length * length * 4 / 2**20
    assert int(ran.stdout) < 24 < scores / 4


def _path() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
