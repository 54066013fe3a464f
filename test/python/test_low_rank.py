# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The low-rank operators against their float64 formulas, on every path, and what they promise about memory."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import tegula as tg
from on_path import OnPath
from operators import DTYPES, call, covering, numpy_of, torch_of, verify
from tegula import ops
from tegula.errors import LaunchError, Remark
from tegula.ops._host import tile_bytes
from tegula.ops.low_rank import (
    absorbing_is_cheaper,
    low_rank_attention_fwd,
    low_rank_ffn_columns,
    low_rank_ffn_rows,
    plan,
)
from tegula.ops.matmul import ACTIVATIONS, silu
from tegula.testing import Evaluation, oracles

# ---- Feed-forward

FFN: dict[str, list[Any]] = {
    # M, H, R1, E, R2, N
    "sizes": [
        (1, 1, 1, 1, 1, 1),
        (5, 33, 10, 70, 17, 33),
        (64, 64, 16, 128, 32, 64),
        (130, 48, 7, 300, 40, 50),
        (1, 40, 24, 129, 3, 20),
        (257, 20, 48, 31, 9, 140),
    ],
    "batch": [(), (3,), (2, 2)],
    "dtype": list(DTYPES),
    "activation": ["gelu", "gelu_tanh", "silu", "relu"],
    "bias": ["none", "same", "accumulator", "first alone", "second alone"],
    "layout": ["dense", "factors transposed", "every second", "batches apart", "rows stretched"],
    "kind": ["numpy", "torch"],
    "gated": [False, True],
}


@functools.cache
def ffn_cases() -> list[dict[str, Any]]:
    """The covering array; a gated network has no biases."""
    return covering(FFN, lambda c: not c.get("gated") or c.get("bias", "none") == "none", seed=4)


def laid_out(x: Any, layout: str) -> Any:
    """The same values under other strides."""
    match layout:
        case "every second":
            wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        case "batches apart":  # [.., M, H] cut out of [.., 2M, H]
            wide = np.full((*x.shape[:-2], 2 * x.shape[-2], x.shape[-1]), np.nan, x.dtype)
            wide[..., : x.shape[-2], :] = x
            return wide[..., : x.shape[-2], :]
        case "rows stretched":
            return np.lib.stride_tricks.as_strided(x[..., :1, :], x.shape, (*x.strides[:-2], 0, x.strides[-1]))
        case _:
            return x


def factor(rng: np.random.Generator, dtype: str, *shape: int) -> Any:
    """A matrix that keeps the size of numbers."""
    return (rng.standard_normal(shape) / np.sqrt(shape[-2])).astype(DTYPES[dtype])


@pytest.mark.parametrize("number", range(len(ffn_cases())))
def test_ffn_pairwise(number: int) -> None:
    c = ffn_cases()[number]
    rng = np.random.default_rng(number)
    (M, H, R1, E, R2, N), dtype = c["sizes"], c["dtype"]
    names = ("up_u", "up_v", "down_u", "down_v") if c["gated"] else ("u1", "v1", "u2", "v2")
    shapes = dict(zip(names, ((H, R1), (R1, E), (E, R2), (R2, N)), strict=True))
    if c["gated"]:
        shapes |= {"gate_u": (H, R2), "gate_v": (R2, E)}
    inputs = {n: factor(rng, dtype, *shape) for n, shape in shapes.items()}
    if c["layout"] == "factors transposed":
        inputs = {n: np.ascontiguousarray(f.T).T for n, f in inputs.items()}
    x = rng.standard_normal((*c["batch"], M, H)).astype(DTYPES[dtype])
    inputs = {"x": laid_out(x, c["layout"])} | inputs
    kind = dtype if c["bias"] == "same" or dtype == "f64" else "f32"
    if c["bias"] in ("same", "accumulator", "first alone"):
        inputs["b1"] = factor(rng, kind, 1, E)[0]
    if c["bias"] in ("same", "accumulator", "second alone"):
        inputs["b2"] = factor(rng, kind, 1, N)[0]
    if c["kind"] == "torch":
        inputs = {n: torch_of(v) for n, v in inputs.items()}
    op, oracle = (
        (ops.low_rank_swiglu, oracles.low_rank_swiglu) if c["gated"] else (ops.low_rank_ffn, oracles.low_rank_ffn)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", Remark)
        verify(op, oracle, inputs | {"activation": c["activation"]}, draws=4)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("rank", [96, 200])
def test_ffn_of_a_network(dtype: str, rank: int) -> None:
    rng = np.random.default_rng(rank)
    shapes = {"u1": (384, rank), "v1": (rank, 768), "u2": (768, rank), "v2": (rank, 384)}
    inputs = {n: factor(rng, dtype, *shape) for n, shape in shapes.items()}
    inputs["x"] = rng.standard_normal((2, 150, 384)).astype(DTYPES[dtype])
    verify(ops.low_rank_ffn, oracles.low_rank_ffn, inputs, draws=2)


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_large_ranks_that_fit_take_one_kernel(dtype: str) -> None:
    rng = np.random.default_rng(14)
    shapes = {"u1": (20, 4000), "v1": (4000, 70), "u2": (70, 7000), "v2": (7000, 24)}
    inputs = {n: factor(rng, dtype, *shape) for n, shape in shapes.items()}
    inputs["x"] = rng.standard_normal((19, 20)).astype(DTYPES[dtype])
    with warnings.catch_warnings():
        warnings.simplefilter("error", Remark)
        verify(ops.low_rank_ffn, oracles.low_rank_ffn, inputs, draws=2)


@pytest.mark.parametrize("gated", [False, True])
def test_ranks_beyond_the_chip_split_the_last_one_and_say_so(gated: bool) -> None:
    rng = np.random.default_rng(5)
    H, E, N, R1, R2 = 20, 70, 24, 40, 15_000
    shapes = {"u1": (H, R1), "v1": (R1, E), "u2": (E, R2), "v2": (R2, N)}
    if gated:
        names = ("up_u", "up_v", "down_u", "down_v")
        shapes = dict(zip(names, shapes.values(), strict=True)) | {"gate_u": (H, 12), "gate_v": (12, E)}
    inputs = {n: factor(rng, "f32", *shape) for n, shape in shapes.items()}
    inputs["x"] = rng.standard_normal((2, 19, H)).astype(np.float32)
    op, oracle = (ops.low_rank_swiglu, oracles.low_rank_swiglu) if gated else (ops.low_rank_ffn, oracles.low_rank_ffn)
    if not gated:
        inputs["b1"], inputs["b2"] = (rng.standard_normal(n).astype(np.float32) for n in (E, N))
    with pytest.warns(Remark, match=r"ranks .* 15000 do not fit the 768 KiB .* blocks of .* times the multiply-adds"):
        verify(op, oracle, inputs, draws=2)


def test_plans_fit_and_compute_nothing_twice_where_they_can() -> None:
    for m in (1, 8, 100, 1024, 8192):
        for size in (2, 4, 8):
            for inner, e, r2 in (((48,), 1536, 48), ((384,), 3072, 384), ((100, 100), 300, 700), ((2048,), 8192, 2048)):
                p = plan(1, m, inner, e, r2, size, tile_bytes())
                ranks = sum(tg.round_up(r, 16) for r in inner) + tg.round_up(r2, 16)
                assert p.splits == 1
                assert p.recompute(r2, inner, e, r2, r2) == 1
                assert max(size, 4) * p.rows * ranks <= tile_bytes()
                assert p.rows < max(2 * m, 17)
    p = plan(1, 1000, (64,), 4096, 100_000, 4, tile_bytes())
    assert p.splits > 1
    assert p.block * p.splits >= 100_000
    assert 1 < p.recompute(512, (64,), 4096, 100_000, 512) < 1.2
    fewer = plan(1, 1000, (64,), 4096, 100_000, 4, 4 * tile_bytes())
    assert fewer.splits < p.splits  # the least recomputation that the memory allows


@pytest.mark.parametrize("dtype", DTYPES)
def test_ffn_keeps_nan_and_infinities_in_their_rows(dtype: str) -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((20, 30)).astype(DTYPES[dtype])
    x[3, 29], x[17, 0] = np.nan, np.inf
    shapes = {"u1": (30, 10), "v1": (10, 40), "u2": (40, 12), "v2": (12, 30)}
    inputs = {n: factor(rng, dtype, *shape) for n, shape in shapes.items()}
    for activation in ("gelu", "gelu_tanh", "silu", "relu"):
        verify(ops.low_rank_ffn, oracles.low_rank_ffn, {"x": x, **inputs, "activation": activation}, draws=2)
    y = numpy_of(call(ops.low_rank_ffn, x, **inputs))
    assert np.isnan(y[3]).all()
    assert np.isfinite(np.delete(y, (3, 17), axis=0)).all()


@pytest.mark.parametrize("empty", ["M", "H", "E", "N"])
def test_ffn_of_empty_axes(empty: str) -> None:
    n = {"M": 3, "H": 4, "E": 5, "N": 6} | {empty: 0}
    b2 = np.arange(n["N"], dtype=np.float32)
    ones = (np.ones((n[a] if a in n else 2, n[b] if b in n else 2), np.float32) for a, b in ("HR", "RE", "ER", "RN"))
    y = call(ops.low_rank_ffn, np.ones((2, n["M"], n["H"]), np.float32), *ones, b2=b2)
    assert y.shape == (2, n["M"], n["N"])
    if empty in ("H", "E"):
        assert (y == b2).all()


# ---- Attention

ATTENTION: dict[str, list[Any]] = {
    "lengths": [(1, 1), (1, 200), (33, 64), (64, 33), (5, 3), (150, 130)],
    "ranks": [(8, 8, 8), (16, 16, 16), (40, 24, 3), (1, 1, 1), (7, 33, 50)],
    "dims": [(8, 8), (32, 32), (20, 40), (64, 16), (1, 3)],
    "dtype": list(DTYPES),
    "heads": [(2, 3), (1, 1)],  # batch, heads
    "causal": [False, True],
    "mask": ["none", "some keys", "late keys", "one sequence without", "integers"],
    "bias": ["none", "same", "accumulator", "of q and k", "of v"],
    "layout": ["dense", "heads inside", "every second", "heads share"],
    "scale": [None, 0.3],
    "kind": ["numpy", "torch"],
    "form": ["absorbed", "rebuilt", None],
}


@functools.cache
def attention_cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(ATTENTION, seed=5)


def attention_layout(x: Any, layout: str) -> Any:
    """The same values of [batch, heads, seq, rank] under other strides."""
    match layout:
        case "heads inside":
            return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
        case "every second":
            return laid_out(x, "every second")
        case "heads share":
            return np.lib.stride_tricks.as_strided(x[:, :1], x.shape, (x.strides[0], 0, *x.strides[2:]))
        case _:
            return x


def draw(
    rng: np.random.Generator,
    dtype: str,
    batch: int,
    heads: int,
    lengths: tuple[int, int],
    ranks: tuple[int, int, int],
    dims: tuple[int, int],
    biases: str = "qkv",
) -> dict[str, Any]:
    """Inputs of low_rank_attention; the first and last keys carry weight, so that dropping one shows."""
    (M, N), (D, DV) = lengths, dims
    inputs: dict[str, Any] = {}
    for name, length, rank, dim in zip("qkv", (M, N, N), ranks, (D, D, DV), strict=True):
        p = rng.standard_normal((batch, heads, length, rank))
        if name == "v" and N:
            p[:, :, [0, -1]] *= 4
        inputs[f"p{name}"] = p.astype(DTYPES[dtype])
        inputs[f"v{name}"] = factor(rng, dtype, heads, rank, dim)
        if name in biases:
            inputs[f"b{name}"] = rng.standard_normal((heads, dim)).astype(DTYPES[dtype])
    return inputs


@pytest.mark.parametrize("number", range(len(attention_cases())))
def test_attention_pairwise(number: int) -> None:
    c = attention_cases()[number]
    rng = np.random.default_rng(number)
    (batch, heads), (_, N), dtype = c["heads"], c["lengths"], c["dtype"]
    biases = {"none": "", "of q and k": "qk", "of v": "v"}.get(c["bias"], "qkv")
    inputs = draw(rng, dtype, batch, heads, c["lengths"], c["ranks"], c["dims"], biases)
    inputs |= {n: attention_layout(inputs[n], c["layout"]) for n in ("pq", "pk", "pv")}
    if c["bias"] == "accumulator":
        wide = np.float64 if dtype == "f64" else np.float32
        inputs |= {n: inputs[n].astype(wide) for n in ("bq", "bk", "bv")}
    everything = np.ones((batch, N), np.bool_)
    match c["mask"]:
        case "some keys":
            inputs["key_mask"] = rng.random((batch, N)) < 0.6
        case "late keys":  # padding on the left, past the first tile of keys
            inputs["key_mask"] = everything & (np.arange(N) >= 3 * N // 4)
        case "one sequence without":
            inputs["key_mask"] = everything & (np.arange(batch) != 0)[:, None]
        case "integers":
            inputs["key_mask"] = rng.integers(0, 2, (batch, N))
        case _:
            pass
    if c["kind"] == "torch":
        inputs = {n: torch_of(v) for n, v in inputs.items()}
    options = {"causal": c["causal"], "scale": c["scale"], "form": c["form"]}
    # Without a bias a row of rank 1 is one number times a row: as much as it errs, the whole row does.
    one = {"draws": 32, "rank": 1} if c["ranks"] == (1, 1, 1) else {"draws": 4}
    verify(ops.low_rank_attention, oracles.low_rank_attention, inputs | options, **one)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [(1, 300), (70, 300), (300, 70)])
def test_absorbed_and_rebuilt_are_one_function(lengths: tuple[int, int], causal: bool) -> None:
    rng = np.random.default_rng(sum(lengths))
    inputs = draw(rng, "f64", 2, 2, lengths, (24, 20, 40), (32, 48))
    inputs["key_mask"] = np.arange(lengths[1]) >= np.array([[150], [lengths[1]]])  # a tile without keys; no keys
    inputs |= {"causal": causal}
    absorbed, rebuilt = (call(ops.low_rank_attention, **inputs, form=form) for form in ("absorbed", "rebuilt"))
    assert np.abs(absorbed - rebuilt).max() <= 1e-12 * max(np.abs(rebuilt).max(), 1)
    verify(ops.low_rank_attention, oracles.low_rank_attention, inputs)
    assert (absorbed[1] == 0).all()
    if lengths[1] > 150:
        assert (absorbed[0, :, -1] != 0).all()


def test_nan_in_a_masked_key_shows_nowhere_and_in_a_query_in_its_row() -> None:
    inputs = draw(np.random.default_rng(8), "f32", 1, 2, (40, 60), (16, 16, 16), (24, 24))
    mask = np.arange(60) != 7
    want = {form: call(ops.low_rank_attention, **inputs, key_mask=mask[None], form=form) for form in FORMS}
    inputs["pk"][:, :, 7] = np.nan
    inputs["pq"][0, 1, 3, 2] = np.nan
    for form in FORMS:
        o = call(ops.low_rank_attention, **inputs, key_mask=mask[None], form=form)
        assert np.isnan(o[0, 1, 3]).all()
        o[0, 1, 3] = want[form][0, 1, 3]
        assert (o == want[form]).all()


FORMS = ("absorbed", "rebuilt")


@pytest.mark.parametrize("lengths", [(0, 5), (5, 0), (2, 3)])
def test_attention_of_empty_axes(lengths: tuple[int, int]) -> None:
    inputs = draw(np.random.default_rng(9), "f32", 2, 2, lengths, (4, 5, 6), (8, 7))
    for form in FORMS:
        o = call(ops.low_rank_attention, **inputs, form=form)
        assert o.shape == (2, 2, lengths[0], 7)
        assert (o == 0).all() if lengths[1] == 0 else (o != 0).all()


def test_the_cheaper_form_is_taken() -> None:
    assert absorbing_is_cheaper(1, 4096, 16, (128, 128), (64, 64))  # one query: its tile pays for all keys
    assert absorbing_is_cheaper(512, 512, 128, (32, 32), (64, 64))
    assert not absorbing_is_cheaper(512, 512, 128, (256, 256), (32, 32))
    inputs = draw(np.random.default_rng(10), "f32", 1, 1, (64, 64), (96, 96, 96), (16, 16))
    chosen, rebuilt, absorbed = (call(ops.low_rank_attention, **inputs, form=f) for f in (None, *reversed(FORMS)))
    assert (chosen == rebuilt).all()
    assert (chosen != absorbed).any()


def test_the_queries_half_of_the_absorbed_product_leaves_the_stream() -> None:
    p, v, o = tg.Spec((2, 4, 170, 24), tg.f32), tg.Spec((4, 24, 32), tg.f32), tg.Spec((2, 4, 170, 32), tg.f32)
    text = low_rank_attention_fwd.ir("sched", p, v, p, v, p, v, o, 0.2, absorb=True, BM=64, BN=64)
    lines = text.splitlines()
    mid, out = (next(line for line in lines if f'label "s.{half}"' in line) for half in ("mid", "out"))
    assert "64x32xf32" in mid.split("into")[1]  # q·vkᵀ, not vkᵀ·pkᵀ
    assert len(mid) - len(mid.lstrip()) < len(out) - len(out.lstrip())


# ---- Every path


def kernels() -> dict[str, Any]:
    """Kernel and a function that draws its arguments and outputs, by name, in float64."""

    def attention(rng: np.random.Generator, absorb: bool) -> Any:
        i = draw(rng, "f64", 2, 2, (37, 75), (20, 12, 30), (18, 24))
        o, mask = np.full((2, 2, 37, 24), np.nan), rng.random((2, 75)) < 0.6
        args = [i[n] for n in ("pq", "vq", "pk", "vk", "pv", "vv")]
        return (*args, o, 0.3, i["bq"], i["bk"], i["bv"], mask, 0), {"absorb": absorb, "BM": 16, "BN": 32}, o

    def rows(rng: np.random.Generator, activation: str, gated: bool) -> Any:
        sizes = ((50, 10), (10, 70), (70, 20), (20, 45))
        factors, y = [factor(rng, "f64", *s) for s in sizes], np.full((2, 37, 45), np.nan)
        gate = [factor(rng, "f64", 50, 9), factor(rng, "f64", 9, 70)] if gated else [None, None]
        args = (rng.standard_normal((2, 37, 50)), *factors, y, *(rng.standard_normal(n) for n in (70, 45)), *gate)
        return args, {"activation": ACTIVATIONS[activation], "BM": 16, "BK": 32, "BE": 32, "BN": 16}, y

    def columns(rng: np.random.Generator, gated: bool) -> Any:
        sizes = ((37, 45), (45, 70), (70, 50))
        args, s = [factor(rng, "f64", *s) for s in sizes], np.full((37, 50), np.nan)
        gate = [factor(rng, "f64", 37, 9), factor(rng, "f64", 9, 70)] if gated else [None, None]
        named = {"activation": silu, "BM": 16, "BR": 32, "BE": 32, "BK": 16}
        return (*args, s, rng.standard_normal(70), *gate), named, s

    draws: dict[str, Any] = {
        f"attention absorb={a}": (low_rank_attention_fwd, functools.partial(attention, absorb=a)) for a in (True, False)
    }
    for name in ("gelu", "gelu_tanh", "silu", "relu"):
        draws[f"rows {name}"] = (low_rank_ffn_rows, functools.partial(rows, activation=name, gated=False))
    draws["rows gated"] = (low_rank_ffn_rows, functools.partial(rows, activation="silu", gated=True))
    for gated in (False, True):
        draws[f"columns gated={gated}"] = (low_rank_ffn_columns, functools.partial(columns, gated=gated))
    return draws


@pytest.mark.parametrize("path", ["loops", "sched"])
@pytest.mark.parametrize("name", kernels())
def test_loops_fast_path_and_evaluation_agree(name: str, path: str) -> None:
    kernel, arguments = kernels()[name]
    args, named, meant = arguments(np.random.default_rng(1))
    Evaluation(seed=3)(kernel, *args, **named)
    args, named, compiled = arguments(np.random.default_rng(1))
    kernel.on(OnPath(path))(*args, **named)
    assert np.isfinite(meant).all()
    assert np.abs(meant - compiled).max() <= 1e-12 * np.abs(meant).max()


def test_results_repeat_and_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(11)
    attention = draw(rng, "bf16", 2, 3, (150, 300), (24, 24, 24), (32, 32))
    shapes = {"u1": (64, 40), "v1": (40, 200), "u2": (200, 40), "v2": (40, 64)}
    ffn = {n: factor(rng, "f32", *s) for n, s in shapes.items()} | {"x": rng.standard_normal((400, 64), np.float32)}
    runs: list[bytes] = []
    for n in (1, 2, 5):
        with tg.threads(n):
            o, y = call(ops.low_rank_attention, **attention, causal=True), call(ops.low_rank_ffn, **ffn)
        runs.append(o.tobytes() + y.tobytes())
    assert runs[0] == runs[1] == runs[2]


# ---- Arguments


def refused() -> list[tuple[Any, dict[str, Any], str]]:
    """Operators, arguments that do not fit, and what the error says."""
    f = np.zeros
    ffn: dict[str, Any] = {"x": f((3, 8), "f"), "u1": f((8, 2), "f"), "v1": f((2, 9), "f")}
    ffn |= {"u2": f((9, 3), "f"), "v2": f((3, 8), "f")}
    glu: dict[str, Any] = {"x": ffn["x"], "gate_u": f((8, 4), "f"), "gate_v": f((4, 9), "f")}
    glu |= {"up_u": ffn["u1"], "up_v": ffn["v1"], "down_u": ffn["u2"], "down_v": ffn["v2"]}
    att = draw(np.random.default_rng(12), "f32", 2, 2, (5, 7), (3, 4, 6), (8, 9))
    ffn_op, glu_op, att_op = ops.low_rank_ffn, ops.low_rank_swiglu, ops.low_rank_attention
    return [
        (ffn_op, ffn | {"x": f(8, "f")}, "'x' has 1 axes, expected at least 2"),
        (ffn_op, ffn | {"x": f((3, 7), "f")}, "'u1' has 8 rows, expected 7"),
        (ffn_op, ffn | {"v1": f((3, 9), "f")}, "'u1' has 2 columns and 'v1' 3 rows: both are the rank"),
        (ffn_op, ffn | {"u2": f((8, 3), "f")}, "'u2' has 8 rows, expected 9"),
        (ffn_op, ffn | {"u1": f((8, 0), "f"), "v1": f((0, 9), "f")}, "'u1' has rank 0"),
        (ffn_op, ffn | {"u1": f((1, 8, 2), "f")}, r"'u1' has 3 axes, expected \[rows, columns\]"),
        (ffn_op, ffn | {"v2": f((3, 8))}, "'v2' holds f64, 'x' holds f32"),
        (ffn_op, ffn | {"v2": torch_of(f((3, 8), "f"))}, "'v2' is a torch array, 'x' a numpy one"),
        (ffn_op, ffn | {"x": f((3, 8), "i")}, "'x' holds i32, expected f64"),
        (ffn_op, ffn | {"b1": f(8, "f")}, r"'b1' has shape \[8\], expected \[9\]"),
        (ffn_op, ffn | {"b2": f(8)}, "'b2' holds f64, expected f32"),
        (ffn_op, ffn | {"activation": None}, "'activation' is None, expected 'gelu', 'gelu_tanh', 'silu', 'relu'"),
        (ffn_op, {n: z.astype(np.float16) for n, z in ffn.items()} | {"b1": f(9, "f"), "b2": f(8, np.float16)},
         "'b2' holds f16, 'b1' holds f32: convert one"),
        (glu_op, glu | {"gate_v": f((4, 8), "f")}, "'gate_v' has 8 columns, expected 9"),
        (glu_op, glu | {"gate_u": f((7, 4), "f")}, "'gate_u' has 7 rows, expected 8"),
        (glu_op, glu | {"down_u": f((8, 3), "f")}, "'down_u' has 8 rows, expected 9"),
        (glu_op, glu | {"activation": "glu"}, "'activation' is 'glu'"),
        (att_op, att | {"pq": att["pq"][0]}, r"'pq' has 3 axes, expected \[batch, heads, seq, rank\]"),
        (att_op, att | {"vk": att["vk"][0]}, r"'vk' has 2 axes, expected \[heads, rank, head_dim\]"),
        (att_op, att | {"vk": att["vk"][:, :3]}, r"'vk' has shape \[2, 3, 8\], expected \[2, 4, 8\]"),
        (att_op, att | {"pv": att["pv"][:, :, :6]}, r"'pv' has shape \[2, 2, 6, 6\], expected \[2, 2, 7, 6\]"),
        (att_op, att | {"vv": att["vv"].astype(np.float64)}, "'vv' holds f64, 'pq' holds f32"),
        (att_op, att | {"bv": att["bq"]}, r"'bv' has shape \[2, 8\], expected \[2, 9\]"),
        (att_op, att | {"pv": att["pv"][..., :0], "vv": att["vv"][:, :0]}, "'pv' has rank 0"),
        (att_op, att | {"key_mask": f((7, 2), np.bool_)}, r"'key_mask' has shape \[7, 2\], expected \[2, 7\]"),
        (att_op, att | {"key_mask": f((2, 7), "f")}, "'key_mask' holds f32, expected booleans or integers"),
        (att_op, att | {"key_mask": torch_of(f((2, 7), np.bool_))}, "'key_mask' is a torch array"),
        (att_op, att | {"form": "fused"}, "'form' is 'fused', expected 'absorbed', 'rebuilt' or None"),
        (att_op, att | {"pq": 3.0}, "'pq' is a Python float"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(refused())))
def test_arguments_that_do_not_fit(number: int) -> None:
    op, named, text = refused()[number]
    with pytest.raises(LaunchError, match=text) as caught:
        call(op, **named)
    assert caught.value.message.startswith(f"{op.__name__}: ")


def test_tensors_that_require_grad_are_refused() -> None:
    import torch

    x, u, v = torch.zeros(3, 4), torch.zeros(4, 2), torch.zeros(2, 4, requires_grad=True)
    with pytest.raises(LaunchError, match=r"'v1' requires grad.*detach"):
        call(ops.low_rank_ffn, x, u, v, u, v.detach())
    with torch.no_grad():
        assert isinstance(call(ops.low_rank_ffn, x, u, v, u, v), torch.Tensor)


# ---- Memory


def test_scratch_memory_does_not_grow_with_the_problem() -> None:
    rng = np.random.default_rng(13)
    shapes = {"u1": (32, 48), "v1": (48, 128), "u2": (128, 48), "v2": (48, 32)}
    factors = {n: factor(rng, "f32", *s) for n, s in shapes.items()}
    found: list[tuple[int, int]] = []
    for n in (2048, 8192):
        low_rank_ffn_rows.clear()
        low_rank_attention_fwd.clear()
        call(ops.low_rank_ffn, np.ones((n, 32), np.float32), **factors)
        inputs = draw(rng, "f32", 1, 1, (600, n), (16, 16, 16), (32, 32))
        call(ops.low_rank_attention, **inputs)
        found.append((low_rank_ffn_rows.arena_bytes(), low_rank_attention_fwd.arena_bytes()))
    assert found[0] == found[1]
    assert 0 < min(found[0]) <= max(found[0]) <= tile_bytes()


MEMORY = """
import sys, numpy as np
import tegula as tg
from tegula import ops
def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) // 1024
rng = np.random.default_rng(0)
f = lambda *shape: rng.standard_normal(shape).astype(np.float32)
def attention(M, N, D, DV, form):
    p = f(1, 1, M, 16), f(1, 16, D), f(1, 1, N, 16), f(1, 16, D), f(1, 1, N, 16), f(1, 16, DV)
    return lambda q, n: ops.low_rank_attention(
        p[0][:, :, :q], p[1], p[2][:, :, :n], p[3], p[4][:, :, :n], p[5], form=form)
def ffn(M, E):
    x, u1, v1, u2, v2 = f(M, 64), f(64, 16), f(16, E), f(E, 16), f(16, 64)
    return lambda q, n: ops.low_rank_ffn(x[:q], u1, v1, u2, v2)
with tg.threads(2):
    call = eval(sys.argv[1])
    call(64, 512)
    before = peak()
    call(10**6, 10**6)
    print(peak() - before)
"""


@pytest.mark.parametrize(
    ("expression", "avoided"),
    [
        ("attention(6144, 6144, 16, 16, 'absorbed')", 6144 * 6144),  # the scores
        ("attention(64, 16384, 1024, 16, 'absorbed')", 16384 * 1024),  # the keys
        ("attention(64, 16384, 1024, 16, 'rebuilt')", 16384 * 1024),
        ("attention(64, 16384, 16, 1024, 'absorbed')", 16384 * 1024),  # the values
        ("attention(64, 16384, 16, 1024, 'rebuilt')", 16384 * 1024),
        ("ffn(2048, 8192)", 2048 * 8192),  # the wide axis
    ],
)
def test_nothing_of_full_width_is_stored(expression: str, avoided: int) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, expression], capture_output=True, text=True, env=env, check=True
    )
    assert int(ran.stdout) < 12 < avoided * 4 / 2**20 / 4
