# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Listing (g) of the language page, messages over CSR edges, on both paths against float64."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_kernels import BF16, Array, Kernels, compiled, poisoned

LISTING = (Path(__file__).resolve().parents[2] / "test" / "Dialect" / "Tegula" / "listing-g.mlir").read_text()
SEED = secrets.randbits(32)


def in_f64(text: str) -> str:
    """The listing with T = f64; casts between T and f32 go."""
    text = re.sub(r"\bbf16\b|\bf32\b", "f64", text.replace("xbf16", "xf64").replace("xf32", "xf64"))
    for cast in re.findall(r"(%\w+) = arith\.(?:truncf|extf) (%\w+) : [^%\n]*", text):
        text = re.sub(rf"{re.escape(cast[0])} = arith\.(?:truncf|extf) [^%\n]*%\w+ : [^%\n]*", "", text, count=1)
        text = re.sub(rf"{re.escape(cast[0])}(?!\w)", cast[1], text)
    return text


@pytest.fixture(scope="module", params=["loops", "sched"])
def kernels(request: pytest.FixtureRequest) -> dict[str, Kernels]:
    return {"f64": compiled(in_f64(LISTING), request.param), "bf16": compiled(LISTING, request.param)}


def graph(rng: np.random.Generator, n: int, edges: int) -> tuple[Array, Array]:
    """Row pointers and sources; some rows have no edge, one has many, sources may be -1."""
    degrees = rng.multinomial(edges, rng.dirichlet(np.full(n, 0.2)))
    return np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32), rng.integers(-1, n, edges).astype(np.int32)


def oracle(pos: Array, h: Array, ptr: Array, src: Array, weights: list[Array], gamma: float, rc: float) -> Array:
    """The same formulas, edge by edge; -1 reads zeros."""
    w1, b1, w2, b2, mu = (w.astype(np.float64) for w in weights)
    pos, h = (np.vstack([x.astype(np.float64), np.zeros((1, x.shape[1]))]) for x in (pos, h))
    dst = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    d = np.sqrt(np.maximum(((pos[dst] - pos[src]) ** 2).sum(axis=1), 1e-24))
    basis = np.exp(gamma * (d[:, None] - mu) ** 2)
    z = basis @ w1 + b1
    act = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) - np.float32(0.693147182)
    cut = np.where(d < rc, 0.5 * np.cos(d / rc * np.float32(3.14159274)) + 0.5, 0)
    messages = h[src] * (act @ w2 + b2) * cut[:, None]
    out = np.zeros((len(ptr) - 1, h.shape[1]))
    np.add.at(out, dst, messages)
    return out


@pytest.mark.parametrize("n, edges", [(1, 1), (9, 300), (7, 0), (30, 64), (5, 500)])
def test_messages(kernels: dict[str, Kernels], n: int, edges: int) -> None:
    print("seed", SEED)
    rng = np.random.default_rng([SEED, n])
    for name, dtype, acc, tolerance in (("f64", np.float64, np.float64, 1e-7), ("bf16", BF16, np.float32, 0.03)):
        ptr, src = graph(rng, n, edges)
        pos, mu = (rng.standard_normal((n, 3)) * 2).astype(acc), np.linspace(0, 5, 64).astype(acc)
        h = rng.standard_normal((n, 128)).astype(dtype)
        w1, w2 = ((rng.standard_normal(s) / s[0] ** 0.5).astype(dtype) for s in ((64, 128), (128, 128)))
        b1, b2 = (rng.standard_normal(128).astype(acc) for _ in range(2))
        y = poisoned((n, 128), acc)
        args: list[Any] = [pos, h, ptr, src, w1, b1, w2, b2, mu]
        kernels[name].launch("cfconv_fwd", *args, y, acc(-1.5), acc(4.0))
        want = oracle(pos, h, ptr, src, [w1, b1, w2, b2, mu], -1.5, 4.0)
        assert np.abs(y - want).max() <= tolerance * max(np.abs(want).max(), 1e-30)
        assert (y[np.diff(ptr) == 0] == 0).all()


def test_bits_do_not_depend_on_the_rest(kernels: dict[str, Kernels]) -> None:
    """A graph alone gives what it gives behind another one."""
    rng = np.random.default_rng(SEED)
    (ptr_a, src_a), (ptr_b, src_b) = graph(rng, 11, 190), graph(rng, 8, 150)
    pos = (rng.standard_normal((19, 3)) * 2).astype(np.float32)
    h = rng.standard_normal((19, 128)).astype(BF16)
    w1, w2 = (rng.standard_normal(s).astype(BF16) for s in ((64, 128), (128, 128)))
    rest = [w1, np.ones(128, np.float32), w2, np.ones(128, np.float32), np.linspace(0, 5, 64).astype(np.float32)]
    y, alone = poisoned((19, 128), np.float32), poisoned((8, 128), np.float32)
    ptr = np.concatenate([ptr_a, ptr_a[-1] + ptr_b[1:]])
    src = np.concatenate([src_a, np.where(src_b < 0, -1, src_b + 11)]).astype(np.int32)
    scalars = [np.float32(-1.0), np.float32(4.0)]
    kernels["bf16"].launch("cfconv_fwd", pos, h, ptr, src, *rest, y, *scalars)
    kernels["bf16"].launch("cfconv_fwd", pos[11:], h[11:], ptr_b, src_b, *rest, alone, *scalars)
    assert y[11:].tobytes() == alone.tobytes()
