# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SchNet as plain NumPy formulas over lists of edges, written apart from the kernels; float64."""

from __future__ import annotations

from typing import Any

import numpy as np

ACTIVATIONS: dict[str, Any] = {
    "ssp": lambda x: np.logaddexp(x, 0 * x) - np.log(2.0),
    "tanh": np.tanh,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def radial(d: Any, count: int, cutoff: float, basis: str, enveloped: bool) -> Any:
    """The basis of distances d [E], [E, count]."""
    if basis == "gaussian":
        mu = np.linspace(0, cutoff, count)
        e = np.exp(-0.5 / (mu[1] - mu[0]) ** 2 * (d[:, None] - mu) ** 2)
    else:
        low = np.exp(-cutoff)
        mu = np.linspace(low, 1, count)
        beta = (2 / count * (1 - low)) ** -2
        e = np.exp(-beta * (np.exp(-5 / cutoff * d[:, None]) - mu) ** 2)
    return e * cosine(d, cutoff, "cosine")[:, None] if enveloped else e


def cosine(d: Any, cutoff: float, envelope: str) -> Any:
    """The envelope of distances."""
    c = 0.5 * np.cos(np.pi * d / cutoff) + 0.5
    return c * (d < cutoff) if envelope == "cosine" else c


def lengths(positions: Any, edges: Any, shift: Any) -> Any:
    """The length of each edge."""
    r = positions[edges[1]] - positions[edges[0]]
    if shift is not None:
        r = r - shift
    return ((r * r).sum(axis=1)) ** 0.5


def cfconv(
    x: Any,
    positions: Any,
    edge_index: Any,
    w1: Any,
    b1: Any,
    w2: Any,
    b2: Any = None,
    *,
    cutoff: float,
    num_radial: int,
    activation: str = "ssp",
    edge_shift: Any = None,
    basis: str = "gaussian",
    envelope: str = "cosine",
    enveloped_basis: bool = False,
) -> Any:
    """Sums of x[source]·filter by destination."""
    edges = np.asarray(edge_index)
    d = lengths(positions, edges, edge_shift)
    w = ACTIVATIONS[activation](radial(d, num_radial, cutoff, basis, enveloped_basis) @ w1 + b1) @ w2
    w = w if b2 is None else w + b2
    message = x[edges[0]] * w * cosine(d, cutoff, envelope)[:, None]
    hot: Any = np.zeros((len(x), edges.shape[1]))
    hot[edges[1], np.arange(edges.shape[1])] = 1
    return hot @ message


def energy(model: Any, kinds: Any, positions: Any, edges: Any, shift: Any = None, batch: Any = None) -> Any:
    """The energy of each system, from a model's weights."""
    kind = model.variant
    x = model.embedding.astype(np.float64)[kinds]
    for b in model.blocks:
        wa, w1, b1, w2, wb, bb, wc, bc = (
            np.asarray(w, np.float64) for w in (b.wa, b.w1, b.b1, b.w2, b.wb, b.bb, b.wc, b.bc)
        )
        b2 = None if b.b2 is None else np.asarray(b.b2, np.float64)
        y = cfconv(
            x @ wa, positions, edges, w1, b1, w2, b2, cutoff=model.cutoff, num_radial=len(w1),
            activation=kind.activation, edge_shift=shift, basis=kind.basis, envelope=kind.envelope,
            enveloped_basis=kind.enveloped_basis,
        )  # fmt: skip
        x = x + ACTIVATIONS[kind.activation](y @ wb + bb) @ wc + bc
    out = model.readout
    w1, b1, w2 = (np.asarray(w, np.float64) for w in (out.w1, out.b1, out.w2))
    e = ACTIVATIONS[kind.out_activation](x @ w1 + b1) @ w2 + out.b2
    number = np.zeros(len(e), np.int64) if batch is None else batch
    total = np.bincount(number, e)
    return total / np.bincount(number) if kind.pooling == "mean" else total


def forces(model: Any, kinds: Any, positions: Any, edges: Any, shift: Any = None, step: float = 1e-5) -> Any:
    """Central differences of the energy of all systems together."""
    found = np.zeros_like(positions)
    for at in np.ndindex(*positions.shape):
        up, down = positions.copy(), positions.copy()
        up[at] += step
        down[at] -= step
        rise = energy(model, kinds, up, edges, shift).sum() - energy(model, kinds, down, edges, shift).sum()
        found[at] = -rise / (2 * step)
    return found


def near_pairs(positions: Any, cutoff: float, box: Any = None) -> tuple[Any, Any]:
    """Edges [2, E] and shifts [E, 3] of all pairs below a cutoff, by trying all of them and all near images."""
    images = np.zeros((1, 3))
    if box is not None:
        images = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * np.asarray(box)
    r = positions[:, None, None] - (positions[None, :, None] + images)
    d = np.sqrt((r * r).sum(axis=-1))
    dst, src, which = np.nonzero((d < cutoff) & (d > 0))
    return np.stack([src, dst]), images[which]


def scattered(rng: np.random.Generator, nodes: int, degree: int = 3) -> Any:
    """Edges between any two of the nodes, both directions of each."""
    src, dst = rng.integers(0, nodes, (2, nodes * degree // 2))
    return np.concatenate([[src, dst], [dst, src]], axis=1)
