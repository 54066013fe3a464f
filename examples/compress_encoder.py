#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""all-MiniLM-L6-v2 compressed: weights become pairs of thin matrices, run by the low-rank kernels.

In each layer the weights of queries, keys and values (one matrix) and both feed-forward weights are replaced
by their best approximation of a rank, best for the inputs that the layer really sees: with C the covariance
of its inputs over some text, the singular value decomposition of √C·W gives the factors (as in SVD-LLM, Wang
et al. 2024), and the bias makes up for what is lost of the inputs' mean. The text is Python's own manual
(pydoc), which has nothing to do with the sentences that the result is judged by. All heads share their left
factor: x·u is one array of [tokens, rank], and queries, keys and values never are arrays.

The unfused form is the same factors with an array for every product, for scores and for weights. What the
fused one has instead is a few tiles a thread, and they are counted.

usage: compress_encoder.py [--repeat N] [--summary FILE]

Prints accuracy, memory and time for each rank; the exit status is not 0 if anything is off.
"""

from __future__ import annotations

import argparse
import os
import pydoc_data.topics
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from _minilm import (
    HEADS,
    LONGEST,
    SENTENCES,
    Layer,
    Model,
    add_norm_rows,
    encode,
    encode_torch,
    files,
    pairs_found,
    read,
    tensor_of,
    timed,
    tokens,
)
from _summary import Row, add_option, close
from tegula import ops
from tegula.ops.attention import attention_fwd
from tegula.ops.low_rank import low_rank_attention_fwd, low_rank_ffn_rows
from tegula.ops.matmul import matmul_tiles
from tegula.ops.norm import layer_norm_rows

RANKS = (320, 256, 192, 128)
"""Of weights whose full rank is 384."""

FLOOR = {320: 0.93, 256: 0.83, 192: 0.65, 128: 0.45}
"""What the mean cosine must not fall below: a kernel that is wrong gives about 0."""

KERNELS = (
    add_norm_rows,
    attention_fwd,
    layer_norm_rows,
    low_rank_attention_fwd,
    low_rank_ffn_rows,
    matmul_tiles,
)
"""What the networks are made of."""


# ---- Compression


class Inputs:
    """Mean and covariance of what goes into a weight."""

    def __init__(self) -> None:
        self.count: int = 0
        self.sum: Any = 0.0
        self.squares: Any = 0.0

    def add(self, x: Any) -> None:
        """Takes rows of inputs in."""
        self.count += len(x)
        self.sum = self.sum + x.sum(axis=0, dtype=np.float64)
        self.squares = self.squares + ops.matmul(x.T, x).astype(np.float64)

    def factor(self, weight: Any, bias: Any) -> Factors:
        """A weight's factors W·v and vᵀ: v are the directions of the outputs' covariance WᵀCW, largest first."""
        mean = self.sum / self.count
        covariance = self.squares / self.count - np.outer(mean, mean)
        rows, columns = weight.shape
        if rows >= columns:
            v = np.linalg.eigh(weight.T @ covariance @ weight)[1].T[::-1]
        else:  # the same from the smaller side, by √C·W = a·s·v
            size, axes = np.linalg.eigh(covariance)
            half = (axes * np.sqrt(np.maximum(size, 1e-9 * size[-1]))).T @ weight
            v = np.linalg.eigh(half @ half.T)[1].T[::-1] @ half
            v /= np.linalg.norm(v, axis=1, keepdims=True)
        return Factors(weight @ v.T, v, weight, bias, mean)


@dataclass(frozen=True)
class Factors:
    """u·v = weight, in the order of importance, and the mean of the inputs."""

    u: Any
    v: Any
    weight: Any
    bias: Any
    mean: Any

    def cut(self, rank: int) -> tuple[Any, Any, Any]:
        """The first columns of u and rows of v, and the bias with which the outputs' mean stays what it was."""
        u, v = self.u[:, :rank], self.v[:rank]
        bias = self.bias + self.mean @ self.weight - self.mean @ u @ v
        return u.astype(np.float32), v.astype(np.float32), bias.astype(np.float32)


@dataclass(frozen=True)
class Watched(Layer):
    """A layer that remembers what goes into its weights."""

    into: tuple[Inputs, Inputs, Inputs]
    mask: Any

    def attend(self, x: Any, mask: Any) -> Any:
        """As `Layer`'s."""
        self.into[0].add(x[self.mask])
        return super().attend(x, mask)

    def feed_forward(self, x: Any) -> Any:
        """As `Layer`'s."""
        self.into[1].add(x[self.mask])
        up = ops.matmul(x, self.up, bias=self.up_bias, activation="gelu")
        self.into[2].add(up[self.mask])
        return ops.matmul(up, self.down, bias=self.down_bias)


def watched(model: Model, ids: Any, mask: Any) -> tuple[Watched, ...]:
    """The layers of a model, with the inputs of their weights over some text."""
    layers = tuple(Watched(**vars(layer), into=(Inputs(), Inputs(), Inputs()), mask=mask) for layer in model.layers)
    encode(replace(model, layers=layers), ids, mask)
    return layers


@dataclass(frozen=True)
class Compressor:
    """The factors of a layer, from which any rank is cut."""

    layer: Layer
    qkv: Factors
    up: Factors
    down: Factors

    @staticmethod
    def of(layer: Watched) -> Compressor:
        """From what the layer saw."""
        first, second, third = layer.into
        dense = Layer(**{n: w for n, w in vars(layer).items() if n not in ("into", "mask")})
        return Compressor(
            dense,
            first.factor(layer.qkv, layer.qkv_bias),
            second.factor(layer.up, layer.up_bias),
            third.factor(layer.down, layer.down_bias),
        )

    def cut(self, kind: type[Thin], rank: int) -> Thin:
        """The layer with factors of a rank."""
        u, v, bias = self.qkv.cut(rank)
        (u1, v1, b1), (u2, v2, b2) = self.up.cut(rank), self.down.cut(rank)
        heads = np.ascontiguousarray(v.reshape(rank, 3, HEADS, -1).transpose(1, 2, 0, 3))
        return kind(
            **vars(self.layer), u=u, v=tuple(heads), b=tuple(bias.reshape(3, HEADS, -1)), ffn=(u1, v1, u2, v2),
            b1=b1, b2=b2,
        )  # fmt: skip


@dataclass(frozen=True)
class Thin(Layer):
    """A layer in factors; its wide weights are not read."""

    u: Any
    """[width, rank]: the left factor of queries, keys and values of all heads."""
    v: tuple[Any, Any, Any]
    """[heads, rank, head_dim] each."""
    b: tuple[Any, Any, Any]
    """[heads, head_dim] each."""
    ffn: tuple[Any, Any, Any, Any]
    b1: Any
    b2: Any

    def numbers(self) -> int:
        """How many numbers the factors have."""
        return sum(x.size for x in (self.u, *self.v, *self.ffn))

    def part(self, x: Any) -> Any:
        """x in the factors' space, seen from each head: [batch, heads, length, rank], heads a step of 0 apart."""
        p = ops.matmul(x, self.u)
        return np.broadcast_to(p[:, None], (len(p), HEADS, *p.shape[1:]))

    def heads(self, x: Any, mask: Any) -> Any:
        """What each head finds."""
        p, (vq, vk, vv), (bq, bk, bv) = self.part(x), self.v, self.b
        return ops.low_rank_attention(p, vq, p, vk, p, vv, bq=bq, bk=bk, bv=bv, key_mask=mask)

    def attend(self, x: Any, mask: Any) -> Any:
        """As `Layer`'s, through the low-rank kernel."""
        return self.project(self.heads(x, mask))

    def feed_forward(self, x: Any) -> Any:
        """As `Layer`'s, through the low-rank kernel."""
        return ops.low_rank_ffn(x, *self.ffn, b1=self.b1, b2=self.b2)


@dataclass(frozen=True)
class Unfused(Thin):
    """The same factors, every product and the softmax with a result in memory."""

    def heads(self, x: Any, mask: Any) -> Any:
        """As `Thin`'s."""
        p = self.part(x)
        q, k, v = (p @ f for f in self.v)
        for made, bias in zip((q, k, v), self.b, strict=True):
            made += bias[:, None]
        scores = q @ k.swapaxes(-1, -2)
        scores *= q.shape[-1] ** -0.5
        scores += np.where(mask, np.float32(0), np.float32(-np.inf))[:, None, None, :]
        return softmax(scores) @ v

    def feed_forward(self, x: Any) -> Any:
        """As `Thin`'s."""
        u1, v1, u2, v2 = self.ffn
        up = ops.matmul(ops.matmul(x, u1), v1, bias=self.b1, activation="gelu")
        return ops.matmul(ops.matmul(up, u2), v2, bias=self.b2)


def softmax(scores: Any) -> Any:
    """Over the last axis, with one array for the result."""
    weights = scores - scores.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


# ---- Measuring


def manual(words: int, count: int) -> list[str]:
    """Pieces of Python's manual, of so many words each, from all over it."""
    text = " ".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics)).split()
    return [" ".join(text[i : i + words]) for i in range(0, len(text) - words, len(text) // count)][:count]


def peak(call: Callable[[], Any]) -> int:
    """Bytes of arrays that a call has at once beyond what it was given, and what kernels keep as scratch memory."""
    call()  # compiled now: what follows allocates for the result alone
    threads = len(os.sched_getaffinity(0))
    scratch = threads * sum(kernel.arena_bytes() for kernel in KERNELS)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    call()
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return highest - before + scratch


def cosine(a: Any, b: Any) -> tuple[float, float]:
    """Mean and least cosine of embeddings in pairs."""
    each = (a * b).sum(axis=1)
    return float(each.mean()), float(each.min())


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeat", type=int, default=5, help="how often each network is timed")
    add_option(arguments)
    options = arguments.parse_args()

    folder = files()
    weights = read(folder / "model.safetensors")
    model = Model.read(weights)
    tensors = {name: tensor_of(w) for name, w in weights.items()}
    found = [Compressor.of(layer) for layer in watched(model, *tokens(folder, manual(64, 64)))]
    thin = {r: tuple(c.cut(Thin, r) for c in found) for r in RANKS}
    networks = {r: replace(model, layers=layers) for r, layers in thin.items()}
    ids, mask = tokens(folder, SENTENCES)
    many, many_mask = tokens(folder, manual(LONGEST, 8))
    print(f"{len(SENTENCES)} sentences for accuracy; {many.size} tokens in {len(many)} pieces for memory and time")

    rows: list[Row] = []
    dense = encode(model, ids, mask)
    dense_numbers = sum(w.size for c in found for w in (c.layer.qkv, c.layer.up, c.layer.down))
    for rank, network in networks.items():
        got = encode(network, ids, mask)
        unfused = replace(model, layers=tuple(c.cut(Unfused, rank) for c in found))
        apart = float(np.abs(encode(unfused, ids, mask) - got).max())
        mean, least = cosine(got, dense)
        small, large = (
            peak(lambda n=network: encode(n, many, many_mask)),
            peak(lambda n=unfused: encode(n, many, many_mask)),
        )
        numbers = sum(layer.numbers() for layer in thin[rank]) / dense_numbers
        near = f"{pairs_found(got)} of {len(SENTENCES)}"
        title = f"rank {rank}, {numbers:.0%} of the numbers"
        rows += [
            Row(f"{title}: cosine to dense, nearest paraphrases", f"{mean:.3f} (least {least:.3f}), {near}",
                mean > FLOOR[rank]),
            Row(f"rank {rank}: difference to the unfused form", f"{apart:.1e}", apart < 1e-4),
            Row(f"rank {rank}: peak activations, fused / unfused",
                f"{small / 2**20:.1f} / {large / 2**20:.1f} MiB ({small / large:.0%})", small <= 0.3 * large),
        ]  # fmt: skip
    memory = peak(lambda: encode(model, many, many_mask))
    rows.append(Row("dense, Tegula: peak activations", f"{memory / 2**20:.1f} MiB"))
    many_t, many_mask_t = tensor_of(many), tensor_of(many_mask)
    with torch.inference_mode():
        calls: list[Callable[[], Any]] = [lambda n=n: encode(n, many, many_mask) for n in (model, *networks.values())]
        calls.append(lambda: encode_torch(tensors, many_t, many_mask_t))
        ours, *times, theirs = timed(options.repeat, *calls)
    rows.append(Row(f"time of {many.size} tokens, dense Tegula", f"{ours:.0f} ms"))
    rows.append(Row(f"dense PyTorch {torch.__version__}", f"{theirs:.0f} ms ({theirs / ours:.2f} of dense Tegula's)"))
    rows += [Row(f"rank {r}", f"{t:.0f} ms ({t / ours:.2f})") for r, t in zip(RANKS, times, strict=True)]
    return close(rows, options.summary)


if __name__ == "__main__":
    sys.exit(main())
