# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Calls of every operator, small and odd, that together use all of its features: what runs as GPU code in tests.

A case makes its arguments from a random generator and a dtype, and says which function they are for and which formula
of `tegula.testing` it must agree with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import schnet_formula as formula
from operators import DTYPES, torch_of
from tegula import ops
from tegula.ops import schnet
from tegula.testing import gradients, oracles

Draw = Callable[..., Any]
"""Normal numbers of the case's dtype: `draw(3, 4)`, or `draw(3, 4, dtype=..., scale=...)`."""


@dataclass(frozen=True)
class Call:
    """An operator, its formula, and the arguments of both."""

    op: Callable[..., Any]
    oracle: Callable[..., Any]
    inputs: Mapping[str, Any]


CASES: dict[str, Callable[[np.random.Generator, str], Call]] = {}


def case(make: Callable[..., Call]) -> Callable[..., Call]:
    """Registers a function of (draw, dtype, rng) under its name."""

    def build(rng: np.random.Generator, dtype: str) -> Call:
        def draw(*shape: int, dtype: str = dtype, scale: float = 1.0) -> Any:
            return (rng.standard_normal(shape) * scale).astype(DTYPES[dtype])

        return make(draw, dtype, rng)

    CASES[make.__name__] = build
    return make


def sums(dtype: str) -> str:
    """What sums are kept in."""
    return "f64" if dtype == "f64" else "f32"


def with_options(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function, under its own name."""
    return functools.update_wrapper(functools.partial(function, **options), function)


def gradient(op: Callable[..., Any], flows: Mapping[str, int], **options: Any) -> Callable[..., Any]:
    """A function of an operator's arguments and of the gradients of its results, `flows` by name and position.

    It gives the gradients of the float arguments, through PyTorch's autograd.
    """

    def run(**named: Any) -> Any:
        import torch

        given = {n: torch_of(x).clone() for n, x in named.items()}
        leaves = {n: x.requires_grad_() for n, x in given.items() if n not in flows and x.is_floating_point()}
        leaves.pop("bias" if op is ops.attention else "", None)
        arguments = {n: x if n in leaves else x.detach() for n, x in given.items() if n not in flows}
        found = op(**arguments, **options)
        results = found if isinstance(found, tuple) else (found,)
        return torch.autograd.grad(
            [results[i] for i in flows.values()], list(leaves.values()), [given[n] for n in flows]
        )

    return functools.update_wrapper(run, op)


# ---- products


@case
def matmul_gelu(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"a": draw(2, 37, 45), "b": draw(45, 29), "bias": draw(29, dtype=sums(dtype))}
    return Call(with_options(ops.matmul, activation="gelu"), with_options(oracles.matmul, activation="gelu"), inputs)


@case
def matmul_turned(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"a": draw(1, 3, 50, 19).swapaxes(-1, -2), "b": draw(2, 1, 33, 50).swapaxes(-1, -2)}
    return Call(with_options(ops.matmul, activation="silu"), with_options(oracles.matmul, activation="silu"), inputs)


@case
def matmul_large(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return Call(ops.matmul, oracles.matmul, {"a": draw(130, 200), "b": draw(200, 136), "bias": draw(136)})


@case
def matmul_backward(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"a": draw(35, 20), "b": draw(20, 27), "bias": draw(27), "dc": draw(35, 27)}
    return Call(
        gradient(ops.matmul, {"dc": 0}, activation="gelu_tanh"),
        with_options(gradients.matmul, activation="gelu_tanh"),
        inputs,
    )


# ---- norms


@case
def layer_norm(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(7, 100) * 3 + 1, "weight": draw(100), "bias": draw(100)}
    return Call(ops.layer_norm, oracles.layer_norm, {n: x.astype(DTYPES[dtype]) for n, x in inputs.items()})


@case
def layer_norm_strided(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(3, 5, 66)[..., ::2], "weight": draw(33, dtype=sums(dtype))}
    return Call(ops.layer_norm, oracles.layer_norm, inputs)


@case
def rms_norm(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return Call(ops.rms_norm, oracles.rms_norm, {"x": draw(9, 129), "weight": draw(129)})


@case
def layer_norm_backward(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(37, 50), "weight": draw(50), "bias": draw(50), "dy": draw(37, 50)}
    return Call(gradient(ops.layer_norm, {"dy": 0}), gradients.layer_norm, inputs)


@case
def rms_norm_backward(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(5, 64), "weight": draw(64), "dy": draw(5, 64)}
    return Call(gradient(ops.rms_norm, {"dy": 0}), gradients.rms_norm, inputs)


# ---- attention


def attention(inputs: Mapping[str, Any], **options: Any) -> Call:
    return Call(with_options(ops.attention, **options), with_options(oracles.attention, **options), inputs)


@case
def attention_causal(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"q": draw(1, 2, 33, 40), "k": draw(1, 1, 45, 40), "v": draw(1, 1, 45, 24)}
    return attention(inputs, causal=True)


@case
def attention_window(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"q": draw(2, 2, 19, 16), "k": draw(2, 2, 70, 16), "v": draw(2, 2, 70, 16), "bias": draw(2, 2, 19, 70)}
    return attention(inputs, window=(20, 3), softcap=5.0, scale=0.3)


@case
def attention_mask(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    q, k, v = (draw(1, n, 3, 17).transpose(0, 2, 1, 3) for n in (21, 50, 50))  # heads inside
    return attention({"q": q, "k": k, "v": v, "bias": rng.random((1, 1, 21, 50)) < 0.7}, return_lse=True)


@case
def attention_large(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return attention({"q": draw(1, 1, 130, 64), "k": draw(1, 1, 200, 64), "v": draw(1, 1, 200, 64)})


@case
def attention_backward(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"q": draw(1, 2, 20, 32), "k": draw(1, 1, 37, 32), "v": draw(1, 1, 37, 16), "do": draw(1, 2, 20, 16)}
    return Call(gradient(ops.attention, {"do": 0}, causal=True), with_options(gradients.attention, causal=True), inputs)


@case
def attention_backward_biased(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {
        "q": draw(1, 1, 33, 16), "k": draw(1, 1, 20, 16), "v": draw(1, 1, 20, 16), "bias": draw(1, 1, 1, 20),
        "do": draw(1, 1, 33, 16), "dlse": draw(1, 1, 33, dtype=sums(dtype)),
    }  # fmt: skip
    options: dict[str, Any] = {"softcap": 4.0, "window": (25, 14)}
    return Call(
        gradient(ops.attention, {"do": 0, "dlse": 1}, return_lse=True, **options),
        with_options(gradients.attention, **options),
        inputs,
    )


# ---- low rank


def factors(draw: Draw, **shapes: tuple[int, ...]) -> dict[str, Any]:
    """Matrices that keep the size of numbers."""
    return {n: draw(*shape, scale=shape[-2] ** -0.5) for n, shape in shapes.items()}


@case
def low_rank_ffn(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(2, 11, 33), **factors(draw, u1=(33, 10), v1=(10, 70), u2=(70, 17), v2=(17, 33))}
    return Call(ops.low_rank_ffn, oracles.low_rank_ffn, inputs | {"b1": draw(70), "b2": draw(33)})


@case
def low_rank_swiglu(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    made = factors(draw, gate_u=(33, 9), gate_v=(9, 50), up_u=(33, 20), up_v=(20, 50), down_u=(50, 12), down_v=(12, 40))
    return Call(ops.low_rank_swiglu, oracles.low_rank_swiglu, {"x": draw(21, 33), **made})


def low_rank_attention(draw: Draw, dtype: str, form: str, **more: Any) -> Call:
    made = factors(draw, vq=(2, 8, 16), vk=(2, 9, 16), vv=(2, 7, 20))
    inputs = {"pq": draw(1, 2, 21, 8), "pk": draw(1, 2, 30, 9), "pv": draw(1, 2, 30, 7), **made}
    inputs |= {"bq": draw(2, 16), "bk": draw(2, 16), "bv": draw(2, 20)}
    options = {"form": form, **more}
    return Call(
        with_options(ops.low_rank_attention, **options), with_options(oracles.low_rank_attention, **options), inputs
    )


@case
def low_rank_attention_absorbed(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return low_rank_attention(draw, dtype, "absorbed", causal=True)


@case
def low_rank_attention_rebuilt(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    made = low_rank_attention(draw, dtype, "rebuilt")
    return Call(made.op, made.oracle, {**made.inputs, "key_mask": rng.random((1, 30)) < 0.7})


# ---- convolutions by Fourier transforms


def fft_conv(inputs: Mapping[str, Any], **options: Any) -> Call:
    return Call(with_options(ops.fft_conv, **options), with_options(oracles.fft_conv, **options), inputs)


@case
def fft_conv_causal(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    u, pre, post = (draw(2, 3, 67) for _ in range(3))
    return fft_conv({"u": u, "k": draw(3, 40, scale=40**-0.5), "pre_gate": pre, "post_gate": post, "skip": draw(3)})


@case
def fft_conv_circular(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return fft_conv({"u": draw(3, 2, 64), "k": draw(2, 20, scale=20**-0.5, dtype=sums(dtype))}, mode="circular")


@case
def fft_conv_bidirectional(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return fft_conv({"u": draw(1, 2, 250), "k": draw(2, 2, 250, scale=250**-0.5)}, mode="bidirectional")


@case
def fft_conv_blocks(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return fft_conv({"u": draw(1, 1, 1000), "k": draw(1, 30, scale=30**-0.5)})


@case
def fft_conv_backward(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    def oracle(u: Any, k: Any, dy: Any) -> Any:
        # A convolution turned around is one with the order of time reversed.
        du = np.flip(oracles.fft_conv(np.flip(dy, -1), k), -1)
        dk = sum(
            np.stack([(dy[b, :, s:] * u[b, :, : u.shape[-1] - s]).sum(axis=-1) for s in range(k.shape[-1])], axis=-1)
            for b in range(u.shape[0])
        )
        return du, dk

    inputs = {"u": draw(2, 2, 50), "k": draw(2, 20, scale=20**-0.5), "dy": draw(2, 2, 50)}
    return Call(gradient(ops.fft_conv, {"dy": 0}), oracle, inputs)


@case
def butterfly(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    inputs = {"x": draw(3, 2, 64), "f0": draw(2, 2, 4, 4, scale=0.5), "f1": draw(2, 2, 16, 16, scale=0.25)}
    return Call(lambda x, f0, f1: ops.butterfly(x, [f0, f1]), lambda x, f0, f1: oracles.butterfly(x, [f0, f1]), inputs)


# ---- graphs


def points(rng: np.random.Generator, count: int) -> Any:
    """Positions; one node is alone."""
    at = rng.standard_normal((count, 3)) * 1.4
    at[count // 2] += 60
    return at


def cfconv(draw: Draw, dtype: str, rng: np.random.Generator, keep: float, **options: Any) -> Call:
    nodes, features, radial, hidden = 23, 33, 10, 20
    at = points(rng, nodes).astype(DTYPES[sums(dtype)])
    edges, _ = formula.near_pairs(at.astype(np.float64), 2.5)
    edges = edges[:, rng.random(edges.shape[1]) < keep]
    edges = np.concatenate([edges, edges[:, :3]], axis=1) if keep < 1 else edges
    inputs = {
        "x": draw(nodes, features), "positions": at, "w1": draw(radial, hidden, scale=(2 / radial) ** 0.5),
        "b1": draw(hidden, dtype=sums(dtype), scale=0.3), "w2": draw(hidden, features, scale=(2 / hidden) ** 0.5),
        "b2": draw(features, scale=0.3),
    }  # fmt: skip
    named: dict[str, Any] = {"edge_index": edges, "cutoff": 2.5, "num_radial": radial, **options}
    return Call(with_options(schnet.cfconv, **named), with_options(formula.cfconv, **named), inputs)


@case
def schnet_cfconv(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    return cfconv(draw, dtype, rng, 1.0)


@case
def schnet_cfconv_directed(draw: Draw, dtype: str, rng: np.random.Generator) -> Call:
    options = {"activation": "tanh", "basis": "expnormal", "envelope": "open", "enveloped_basis": True}
    return cfconv(draw, dtype, rng, 0.6, **options)
