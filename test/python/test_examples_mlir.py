# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels under examples/mlir, run by tegulac, against the formulas of the operators."""

from __future__ import annotations

import functools
import pathlib
import re
import shlex
import subprocess
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import schnet_formula as formula
from tegula.ops import schnet
from tegula.testing import check, gradients, oracles

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "mlir"
BF16 = ml_dtypes.bfloat16


class Runner:
    """A kernel of a file as a function of arrays; 16-bit floats travel as f32."""

    def __init__(self, tegulac: str, folder: pathlib.Path, path: str) -> None:
        self.tegulac, self.folder, self.path = tegulac, folder, path

    def __call__(self, name: str, outputs: dict[str, tuple[tuple[int, ...], Any]], **inputs: Any) -> tuple[Any, ...]:
        command = [self.tegulac, str(EXAMPLES / f"{name}.mlir"), "--run", f"--path={self.path}"]
        for key, value in inputs.items():
            if isinstance(value, np.ndarray):
                np.save(self.folder / f"{key}.npy", value.astype(np.int32 if value.dtype.kind == "i" else np.float32))
                command.append(f"--input={key}={self.folder / key}.npy")
            else:
                command.append(f"--bind={key}={value}")
        for key, (shape, _) in outputs.items():
            command += [f"--bind={key}=" + "x".join(map(str, shape)), f"--output={key}={self.folder / key}.npy"]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return tuple(np.load(self.folder / f"{key}.npy").astype(dtype) for key, (_, dtype) in outputs.items())


@pytest.fixture(params=["loops", "sched"])
def run(request: pytest.FixtureRequest, tegulac: str, tmp_path: pathlib.Path) -> Runner:
    """One path through the compiler."""
    return Runner(tegulac, tmp_path, request.param)


def test_fft_conv(run: Runner) -> None:
    rng = np.random.default_rng(8)
    u, k = rng.standard_normal((5, 3, 30)).astype(np.float32), (rng.standard_normal((3, 32)) / 5).astype(np.float32)
    twisted = np.fft.fft(k * np.exp(1j * np.pi * np.arange(32) / 64))
    order = (np.arange(4)[:, None] + 4 * np.arange(8)[None, :]).reshape(-1)
    spectrum = twisted[:, order]

    def op(u: Any, k: Any) -> Any:
        kre, kim = spectrum.real, spectrum.imag
        return run("fft_conv", {"y": (u.shape, np.float32)}, u=u, kre=kre, kim=kim)[0]

    y, want = op(u, k), oracles.fft_conv(u, k)
    assert np.sqrt(np.mean((y - want) ** 2) / np.mean(want**2)) < 1e-6


def test_attention(run: Runner) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(s).astype(BF16) for s in ((2, 4, 100, 64), (2, 2, 170, 64), (2, 2, 170, 64)))
    outputs = {"o": (q.shape, BF16), "lse": (q.shape[:3], np.float32)}

    def op(**inputs: Any) -> Any:
        return run("attention", outputs, **inputs, scale=0.125, right=0)

    check(op, lambda **x: oracles.attention(**x, causal=True, return_lse=True), {"q": q, "k": k, "v": v}, seed=1)


def test_matmul(run: Runner) -> None:
    rng = np.random.default_rng(1)
    a, b, bias = (rng.standard_normal(s).astype(np.float32) for s in ((150, 257), (257, 200), 200))

    def op(**inputs: Any) -> Any:
        return run("matmul", {"c": ((150, 200), np.float32)}, **inputs)

    check(op, lambda **x: oracles.matmul(**x, activation="gelu"), {"a": a, "b": b, "bias": bias}, seed=1)


def test_layer_norm(run: Runner) -> None:
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((50, 384)) * 2 + 1).astype(BF16)
    weight, bias = rng.standard_normal((2, 384)).astype(np.float32)

    def op(**inputs: Any) -> Any:
        return run("layer_norm", {"y": (x.shape, BF16)}, **inputs, eps=1e-5)

    check(op, oracles.layer_norm, {"x": x, "weight": weight, "bias": bias}, seed=1)


def test_rms_norm(run: Runner) -> None:
    rng = np.random.default_rng(3)
    x, weight = rng.standard_normal((50, 1000)).astype(np.float32), rng.standard_normal(1000).astype(np.float32)

    def op(**inputs: Any) -> Any:
        return run("rms_norm", {"y": (x.shape, np.float32)}, **inputs, eps=1e-6)

    check(op, oracles.rms_norm, {"x": x, "weight": weight}, seed=1)


def test_attention_gradients(run: Runner) -> None:
    rng = np.random.default_rng(4)
    q, k, v, do = (rng.standard_normal((2, h, n, 64)).astype(BF16) for h, n in ((4, 100), (2, 170), (2, 170), (4, 100)))

    def op(**inputs: Any) -> Any:
        o, lse = oracles.attention(*(inputs[n].astype(np.float64) for n in "qkv"), causal=True, return_lse=True)
        delta = (o * inputs["do"].astype(np.float64)).sum(axis=-1)
        inputs |= {"lse": lse, "delta": delta, "scale": 0.125, "right": 0}
        (dq,) = run("attention_dq", {"dq": (q.shape, BF16)}, **inputs)
        return dq, *run("attention_dkdv", {"dk": (k.shape, BF16), "dv": (v.shape, BF16)}, **inputs)

    check(op, lambda **x: gradients.attention(**x, causal=True), {"q": q, "k": k, "v": v, "do": do}, seed=1)


def test_layer_norm_gradients(run: Runner) -> None:
    rng = np.random.default_rng(5)
    x, dy = rng.standard_normal((2, 50, 384)).astype(BF16)
    weight = rng.standard_normal(384).astype(np.float32)
    sums = {n: ((4, 384), np.float32) for n in ("dweight", "dbias")}

    def op(**inputs: Any) -> Any:
        found = run("layer_norm_gradients", {"dx": (x.shape, BF16), **sums}, **inputs, eps=1e-5, chunk=13)
        return found[0], found[1].sum(axis=0), found[2].sum(axis=0)

    check(op, lambda **a: gradients.layer_norm(**a, bias=0), {"x": x, "dy": dy, "weight": weight}, seed=1)


def factors(rng: np.random.Generator, shapes: dict[str, tuple[int, ...]], dtype: Any) -> dict[str, Any]:
    """Matrices that keep the size of numbers."""
    return {n: (rng.standard_normal(s) / s[-2] ** 0.5).astype(dtype) for n, s in shapes.items()}


def test_low_rank_ffn(run: Runner) -> None:
    rng = np.random.default_rng(4)
    inputs = factors(rng, {"u1": (150, 96), "v1": (96, 300), "u2": (300, 96), "v2": (96, 150)}, np.float32)
    inputs |= {"x": rng.standard_normal((130, 150)).astype(np.float32)}
    inputs |= {"b1": rng.standard_normal(300).astype(np.float32), "b2": rng.standard_normal(150).astype(np.float32)}

    def op(**named: Any) -> Any:
        return run("low_rank_ffn", {"y": ((130, 150), np.float32)}, **named)

    check(op, oracles.low_rank_ffn, inputs, seed=1, draws=2)


def test_low_rank_attention(run: Runner) -> None:
    rng = np.random.default_rng(5)
    inputs = factors(rng, {n: (3, 32, 64) for n in ("vq", "vk", "vv")}, BF16)
    inputs |= {n: rng.standard_normal((2, 3, 100, 32)).astype(BF16) for n in ("pq", "pk", "pv")}

    def op(**named: Any) -> Any:
        return run("low_rank_attention", {"o": ((2, 3, 100, 64), BF16)}, **named, scale=0.125)

    check(op, functools.partial(oracles.low_rank_attention, causal=True), inputs, seed=1, draws=2)


def test_cfconv(run: Runner) -> None:
    rng = np.random.default_rng(4)
    pos = rng.standard_normal((37, 3)).astype(np.float32) * 2
    graph = schnet.radius_graph(pos, 2.5)
    w1, w2 = (rng.standard_normal((rows, 128)).astype(BF16) * BF16(0.2) for rows in (64, 128))
    b1, b2 = rng.standard_normal((2, 128)).astype(np.float32) * 0.3
    x = rng.standard_normal((37, 128)).astype(BF16)
    mu = np.linspace(0, 2.5, 64).astype(np.float32)
    edges = graph.edge_index
    ptr = np.searchsorted(edges[1], np.arange(38)).astype(np.int32)

    def op(x: Any, positions: Any, **weights: Any) -> Any:
        given = {"h": x, "pos": positions, **weights, "mu": mu, "ptr": ptr, "src": edges[0].astype(np.int32)}
        return run("cfconv", {"y": ((37, 128), np.float32)}, **given, gamma=-0.5 / float(mu[1]) ** 2, rc=2.5)

    def oracle(**inputs: Any) -> Any:
        return formula.cfconv(edge_index=edges, cutoff=2.5, num_radial=64, **inputs)

    check(op, oracle, {"x": x, "positions": pos, "w1": w1, "b1": b1, "w2": w2, "b2": b2}, seed=1)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.mlir")), ids=lambda f: f.stem)
def test_the_command_in_the_file_works(file: pathlib.Path, tegulac: str, tmp_path: pathlib.Path) -> None:
    found = re.search(r"^//   (tegulac .*(?:\n//     .*)*)", file.read_text(), re.MULTILINE)
    assert found, "the file says how to run it"
    command = shlex.split(found.group(1).replace("\\\n//", ""))
    command = [tegulac, str(file), "--path=loops", *command[2:]]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.glob("*.npy"))
