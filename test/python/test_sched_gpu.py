# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scheduled kernels of test/Dialect/Sched/listings as GPU code, run by the simulator against NumPy.

The module that runs is the one that goes to the backend. Fresh numbers at each run, several seeds
of the simulator: each is another interleaving of warps and another landing of copies.
"""

from __future__ import annotations

import math
import re
import secrets
import sys
from pathlib import Path

import gpu_launch
import numpy as np
import pytest
from test_sched_listings import BF16, F32, I32, LISTINGS, attention, check, to_bf16

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "utils"))

import gpu_audit  # noqa: E402

SM80, GFX942 = "sm_80", "gfx942"


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], gpu_launch.DeviceKernel]:
    """Kernels by listing and target, filled by `load`."""
    return {}


def load(
    kernels: dict[tuple[str, str], gpu_launch.DeviceKernel], name: str, target: str, folder: Path
) -> gpu_launch.DeviceKernel:
    key = (name, target)
    if key not in kernels:
        folder = folder / name
        folder.mkdir()
        kernels[key] = gpu_launch.compile_kernel((LISTINGS / f"{name}.mlir").read_text(), target, folder)
    return kernels[key]


def fresh() -> tuple[np.random.Generator, int]:
    seed = secrets.randbits(32)
    print("seed", seed)
    return np.random.default_rng(seed), seed


LISTED = [("matmul_sm80", SM80), ("matmul_gfx942", GFX942)]


@pytest.mark.parametrize("shape", [(128, 128, 64), (130, 40, 200), (5, 130, 0), (129, 64, 72)], ids=str)
@pytest.mark.parametrize("name, target", LISTED)
def test_matmul(
    kernels: dict[tuple[str, str], gpu_launch.DeviceKernel],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    target: str,
    shape: tuple[int, int, int],
) -> None:
    m, n, k = shape
    rng, seed = fresh()
    a, b = rng.standard_normal((m, k)).astype(BF16), rng.standard_normal((k, n)).astype(BF16)
    c = np.full((m, n), np.nan, F32)
    kernel = load(kernels, name, target, tmp_path_factory.getbasetemp())
    kernel.launch(-(-m // 128) * -(-n // 128), a, b, c, out=(2,), seed=seed)
    check(c, a.astype(np.float64) @ b.astype(np.float64), 1e-5)


ATTENTIONS = [("attention_sm80", SM80), ("attention_gfx942", GFX942)]
# Queries, keys, offset of the first query.
SOFTMAXES = [(128, 128, 0), (130, 70, 3), (70, 40, -30), (5, 0, 0), (3, 129, 1000)]


@pytest.mark.parametrize("shape", SOFTMAXES, ids=str)
@pytest.mark.parametrize("name, target", ATTENTIONS)
def test_attention(
    kernels: dict[tuple[str, str], gpu_launch.DeviceKernel],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    target: str,
    shape: tuple[int, int, int],
) -> None:
    queries, keys, off = shape
    rng, seed = fresh()
    q, k, v = (rng.standard_normal((rows, 64)).astype(BF16) for rows in (queries, keys, keys))
    o, lse = np.full((queries, 64), np.nan, F32), np.full(queries, np.nan, F32)
    scale = 1 / math.sqrt(64)
    kernel = load(kernels, name, target, tmp_path_factory.getbasetemp())
    kernel.launch(
        -(-queries // 128), q, k, v, o, lse, off, ("f32", scale), ("f32", scale / math.log(2)), out=(3, 4), seed=seed
    )
    want_o, want_lse = attention(q, k, v, off, scale, narrow=True)
    check(o, want_o, 2**-7)
    check(lse, want_lse, 1e-4)


def test_low_rank_ffn(
    kernels: dict[tuple[str, str], gpu_launch.DeviceKernel], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, hidden, inner = 70, 100, 136
    rng, seed = fresh()
    sizes = {"x": (rows, hidden), "u1": (hidden, 64), "v1": (64, inner), "u2": (inner, 64), "v2": (64, hidden)}
    x, u1, v1, u2, v2 = ((rng.standard_normal(s) / math.sqrt(s[1])).astype(BF16) for s in sizes.values())
    b1, b2 = rng.standard_normal(inner).astype(F32), rng.standard_normal(hidden).astype(F32)
    y = np.full((rows, hidden), np.nan, F32)
    kernel = load(kernels, "low_rank_ffn_sm80", SM80, tmp_path_factory.getbasetemp())
    kernel.launch(-(-rows // 64), x, u1, v1, b1, u2, v2, b2, y, out=(7,), seed=seed)
    wide = {name: array.astype(np.float64) for name, array in zip(sizes, (x, u1, v1, u2, v2), strict=True)}
    e = to_bf16(wide["x"] @ wide["u1"]) @ wide["v1"] + b1
    gelu = to_bf16(0.5 * e * (1 + np.vectorize(math.erf)(e / math.sqrt(2))))
    check(y, to_bf16(gelu @ wide["u2"]) @ wide["v2"] + b2, 2**-7)


MOVES = [(SM80, "v4c16w32", "row8", "2"), (GFX942, "v4c16", "v2c8.row", "1")]


@pytest.mark.parametrize("target, layout, statistics, rows", MOVES)
def test_moves(tmp_path: Path, target: str, layout: str, statistics: str, rows: str) -> None:
    """Cuts, concatenation, scan, column sums, argmax, reshape, gather and segment sum, one after the other."""
    text = kernel_text("moves", LAYOUT=layout, STATISTICS=statistics, ROWS=rows, TARGET=target)
    kernel = gpu_launch.compile_kernel(text, target, tmp_path)
    rng, seed = fresh()
    m = 32
    x, table = rng.standard_normal((m, 16)).astype(F32), rng.standard_normal((20, 16)).astype(F32)
    x[3, 5] = x[3, 9] = 9  # the first of two largest
    ids = rng.integers(-1, 20, m).astype(I32)
    y, back, sums = (np.full((m, 16), np.nan, F32) for _ in range(3))
    best = np.full(m, -7, I32)
    kernel.launch(1, x, ids, table, y, back, best, sums, out=(3, 4, 5, 6), seed=seed)
    turned = np.concatenate([x[:, 8:], x[:, :8]], axis=1).astype(np.float64)
    scan = np.flip(np.cumsum(np.flip(turned, 1), axis=1), 1) - turned
    check(y, scan + scan.sum(axis=0), 1e-5)
    assert np.array_equal(back, x.reshape(16, 32).T)
    assert np.array_equal(best, x.argmax(axis=1))
    gathered = np.where(ids[:, None] >= 0, table[np.maximum(ids, 0)], 0).astype(np.float64)
    want = np.zeros((m, 16))
    np.add.at(want, ids[ids >= 0], gathered[ids >= 0])
    check(sums, want, 1e-5)


def kernel_text(name: str, **edits: object) -> str:
    """A kernel of `gpu_kernels` with words replaced."""
    text = (Path(__file__).parent / "gpu_kernels" / f"{name}.mlir").read_text()
    for old, new in edits.items():
        text = text.replace(old, str(new))
    return text


def test_functions(tmp_path: Path) -> None:
    """Elementary functions of f64, which no library gives: relative errors of a few units in the last place."""
    kernel = gpu_launch.compile_kernel(kernel_text("functions", ELEM="f64", TARGET=SM80), SM80, tmp_path)
    rng, seed = fresh()
    x = np.concatenate([
        rng.standard_normal(40) * 10, rng.standard_normal(40), rng.standard_normal(20) * 1e-5,
        rng.uniform(-700, 700, 20),
        [0.0, -np.inf, np.inf, np.nan, 1e-310, -745.0, 709.7, 1.0],
    ]).reshape(8, 16)  # fmt: skip
    results = [np.full_like(x, -7) for _ in range(9)]
    kernel.launch(1, x, *results, out=tuple(range(1, 10)), seed=seed)
    with np.errstate(all="ignore"):
        functions = (np.exp, np.exp2, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tanh, np.vectorize(math.erf))
        for function, got in zip(functions, results, strict=True):
            want = function(x)
            assert np.array_equal(np.isnan(got), np.isnan(want)), function
            same = np.isnan(want) | (got == want)
            error = np.abs(got - want) / np.maximum(np.abs(want), 1e-300)
            assert np.where(same, 0, error).max() < 2e-15, (function, x.ravel()[np.where(same, 0, error).argmax()])


EXAMPLES = ROOT / "examples" / "mlir"


@pytest.mark.parametrize("target", [SM80, GFX942])
def test_attention_as_an_author_writes_it(tmp_path: Path, target: str) -> None:
    """examples/mlir/attention.mlir, scheduled by the planner: grouped heads, causal, ragged."""
    kernel = gpu_launch.compile_kernel((EXAMPLES / "attention.mlir").read_text(), target, tmp_path)
    rng, seed = fresh()
    heads, shared, queries, keys = 2, 1, 70, 150
    q = rng.standard_normal((1, heads, queries, 64)).astype(BF16)
    k, v = (rng.standard_normal((1, shared, keys, 64)).astype(BF16) for _ in range(2))
    o, lse = np.full(q.shape, np.nan, BF16), np.full((1, heads, queries), np.nan, F32)
    kernel.launch(heads, q, k, v, o, lse, ("f32", 0.125), 0, out=(3, 4), seed=seed)
    for head in range(heads):
        want, want_lse = attention(q[0, head], k[0, 0], v[0, 0], keys - queries, 0.125, narrow=True)
        check(o[0, head], want, 2**-6)
        check(lse[0, head], want_lse, 1e-4)


@pytest.mark.parametrize("target", [SM80, GFX942])
def test_matmul_as_an_author_writes_it(tmp_path: Path, target: str) -> None:
    """examples/mlir/matmul.mlir in f32, whose products are multiply-adds."""
    kernel = gpu_launch.compile_kernel((EXAMPLES / "matmul.mlir").read_text(), target, tmp_path)
    rng, seed = fresh()
    a, b, bias = (rng.standard_normal(s).astype(F32) for s in ((70, 37), (37, 50), (50,)))
    c = np.full((70, 50), np.nan, F32)
    kernel.launch(1, a, b, bias, c, out=(3,), seed=seed)
    x = a.astype(np.float64) @ b.astype(np.float64) + bias
    check(c, x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))), 1e-5)


@pytest.mark.parametrize(
    "name, target, products",
    [
        ("matmul_sm80", SM80, 128),
        ("attention_sm80", SM80, 128),
        ("low_rank_ffn_sm80", SM80, None),
        ("matmul_gfx942", GFX942, 16),
        ("attention_gfx942", GFX942, 32),
    ],
)
def test_machine_code(tmp_path: Path, tegulac: str, name: str, target: str, products: int | None) -> None:
    """Nothing spills, and the main loop has the products that the schedule implies."""
    text = (LISTINGS / f"{name}.mlir").read_text()
    aligned = tmp_path / f"{name}.mlir"
    aligned.write_text(re.sub(r"(in %\w+: !view)", r"\1 align 16 multiples [8, 1]", text))
    compiled = gpu_audit.compile_kernel(aligned, target, tegulac)
    assert gpu_audit.faults(compiled) == []
    if products is None:
        return
    loop = compiled.kernel(name).main_loop
    assert loop and loop.count("product") == products


@pytest.mark.parametrize("name, barriers, phases, ahead", [("matmul_gfx942", 1, 1, 2), ("attention_gfx942", 2, 2, 3)])
def test_declared_order(tmp_path: Path, tegulac: str, name: str, barriers: int, phases: int, ahead: int) -> None:
    """Fragments are loaded as far ahead as declared, and waits count: they drain at barriers and phase ends."""

    def main_loop(text: str) -> gpu_audit.Loop:
        file = tmp_path / f"{name}.mlir"
        file.write_text(re.sub(r"(in %\w+: !view)", r"\1 align 16 multiples [8, 1]", text))
        loop = gpu_audit.compile_kernel(file, GFX942, tegulac).kernel(name).main_loop
        assert loop
        return loop

    text = (LISTINGS / f"{name}.mlir").read_text()
    loop = main_loop(text)
    assert loop.lookahead() >= ahead
    assert loop.count("barrier") == barriers
    assert loop.waits("lgkmcnt") <= barriers + phases
    # What was fetched lands before its last piece is put, on the path of whole tiles and on that of ragged ones.
    assert loop.waits("vmcnt") <= 2
    undeclared = main_loop(re.sub(r"sched\.phase @(qk|pv|dot)", "sched.phase @any", re.sub(r" ahead \d", "", text)))
    assert undeclared.lookahead() < loop.lookahead()
