# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The continuous-filter convolution of SchNet as an operator, and the interaction block around it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula.errors import LaunchError
from tegula.language.dtypes import DType, acc_of
from tegula.ops._host import Argument, argument, empty, floating, parameter, registers
from tegula.ops._torch import Operator, in_graph, plan
from tegula.ops.schnet.filters import Network
from tegula.ops.schnet.functions import ACTIVATIONS, BASES, ENVELOPES, Centres, centres
from tegula.ops.schnet.graph import BLOCK, Blocks, Edges, Graph, Pairs, blocks_of, edges_of
from tegula.ops.schnet.kernels import add_slabs, cfconv_bwd, cfconv_fwd
from tegula.ops.schnet.nodes import Layer, project, update


def tiles(width: int) -> dict[str, int]:
    """From the width of the features and the target: a node's bits must not depend on what else is in the batch."""
    if registers(4) is not None:  # what an edge has of the features stays in registers
        return {"BE": 32 if width <= 32 else 16}
    return {"BE": 64 if width <= 64 else 32}


def network_of(*views: Any) -> Network:
    """The weights as the kernels take them."""
    return cast("Any", Network)(*views)


def choice(op: str, name: str, value: Any, known: Any) -> Any:
    """The function of a name."""
    if value not in known:
        raise LaunchError(f"{op}: '{name}' is {value!r}, expected {', '.join(map(repr, known))}")
    return known[value]


def graph_of(op: str, edges: Any, nodes: int, shift: Any) -> Graph:
    """The graph, from what a caller gives for it."""
    if not isinstance(edges, Graph):
        return Graph.of(edges, nodes, shift)
    if shift is not None:
        raise LaunchError(f"{op}: a Graph holds its shifts, 'edge_shift' comes with edges [2, edges]")
    if edges.nodes != nodes:
        raise LaunchError(f"{op}: the graph has {edges.nodes} nodes, 'positions' {nodes}")
    return edges


def places(op: str, positions: Any, accumulator: DType, nodes: int, *, graph: bool = False) -> Argument:
    """The positions of nodes: [N, 3], of the dtype that sums are kept in."""
    found = floating(op, "positions", positions, "[nodes, 3]", 2, graph=graph)
    if found.shape != (nodes, 3):
        raise LaunchError(f"{op}: 'positions' has shape {list(found.shape)}, expected [{nodes}, 3]")
    if found.dtype is not accumulator:
        raise LaunchError(f"{op}: 'positions' holds {found.dtype}, expected {accumulator}")
    return found


def of_dtype(x: Any, dtype: DType) -> Any:
    """An array as NumPy's, of a dtype that sums are kept in."""
    data: Any = x.detach().double().numpy() if hasattr(x, "detach") else x
    return np.ascontiguousarray(data, np.float64 if dtype.name == "f64" else np.float32)


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter network ready to be launched: its weights, and which functions it is made of."""

    weights: Network
    forwards: dict[str, Any]  # what the kernels take by name: scalars and functions
    backwards: dict[str, Any]  # these, and the derivative of the activation

    @staticmethod
    def of(weights: Network, made: Centres, cutoff: float, activation: str, basis: Any, envelope: Any) -> Filter:
        """From its parts."""
        numbers = {"gamma": made.gamma, "alpha": made.alpha, "rc": cutoff}
        names = ACTIVATIONS[activation]
        forwards = {**numbers, "act": names["act"], "basis": basis, "cut": envelope}
        return Filter(weights, forwards, {**forwards, "slope": names["slope"]})

    def edges(self, pairs: Pairs) -> Edges:
        """Pairs as its kernels take them."""
        mu: Any = self.weights.mu
        return pairs.in_f64 if mu.dtype == np.float64 else pairs.in_f32


Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Block:
    """The weights of an interaction block; matrices are [inputs, outputs]."""

    wa: Array  # [H, F]
    w1: Array  # [K, G] filter
    b1: Array  # [G]
    w2: Array  # [G, F]
    b2: Array | None  # [F]
    wb: Array  # [F, H]
    bb: Array  # [H]
    wc: Array  # [H, H]
    bc: Array  # [H]

    @functools.cached_property
    def layer(self) -> Layer:
        """The part around the cfconv, as the kernels take it."""
        return cast("Any", Layer)(self.wb, self.bb, self.wc, self.bc)


def cfconv(
    x: Any,
    positions: Any,
    edge_index: Any,
    w1: Any,
    b1: Any,
    w2: Any,
    b2: Any,
    *,
    cutoff: float,
    num_radial: int,
    activation: str = "ssp",
    edge_shift: Any = None,
    basis: str = "gaussian",
    envelope: str = "cosine",
    enveloped_basis: bool = False,
) -> Any:
    """Continuous-filter convolution (Schütt et al. 2017): y[i] = Σ over edges (j → i) of x[j]·f(d).

    f(d) = (act(basis(d)·w1 + b1)·w2 + b2)·envelope(d), with d the distance from node j, or its image at
    positions[j] + edge_shift, to node i. Everything about an edge happens in one kernel; no array of
    the size of the edges is made. Equal inputs give equal bits, in any order of the edges.

    Args:
        x: [nodes, F], f64, f32, f16 or bf16.
        positions: [nodes, 3], f64 for f64, else f32.
        edge_index: [2, edges] integers, sources and destinations; or a `Graph`.
        w1, b1, w2, b2: [num_radial, Hd], [Hd], [Hd, F], [F]; matrices of x's dtype, biases also of that of
            positions; b2 may be None.
        cutoff: where the envelope reaches 0.
        num_radial: K, the functions of the basis.
        activation: "ssp" (softplus - ln 2), "tanh" or "silu".
        edge_shift: [edges, 3] added to the source's position, for periodic boxes.
        basis: "gaussian" or "expnormal"; see `functions`.
        envelope: "cosine", or "open", which is not masked beyond the cutoff and trusts the edges.
        enveloped_basis: whether the envelope multiplies the basis too.

    Returns:
        y [nodes, F] of x's dtype and kind.

    Raises:
        LaunchError: arguments that do not fit, by name; a weight that requires grad.

    >>> import numpy as np
    >>> x, w1, w2 = np.array([[1.0], [2.0]]), np.zeros((4, 3)), np.zeros((3, 1))
    >>> positions = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    >>> cfconv(x, positions, [[0], [1]], w1, np.zeros(3), w2, np.ones(1), cutoff=4.0, num_radial=4)
    array([[0. ],
           [0.5]])
    """
    op = "cfconv"
    xs = floating(op, "x", x, "[nodes, F]", 2, graph=True)
    if len(xs.shape) != 2:
        raise LaunchError(f"{op}: 'x' has {len(xs.shape)} axes, expected [nodes, F]")
    acc = acc_of(xs.dtype)
    at = places(op, positions, acc, xs.shape[0], graph=True)
    flt = filter_of(
        op, xs, w1, b1, w2, b2, cutoff, num_radial, activation=activation, basis=basis, envelope=envelope,
        enveloped_basis=enveloped_basis,
    )  # fmt: skip
    graph = graph_of(op, edge_index, xs.shape[0], edge_shift)
    if in_graph(xs, at):
        names = {"activation": activation, "basis": basis, "envelope": envelope, "enveloped_basis": enveloped_basis}
        return in_torch(flt, names, x, positions, graph)
    y = empty(xs, xs.shape, xs.dtype)
    if xs.shape[0] * xs.shape[1]:
        forward(make_as(flt), flt, positions, x, flt.edges(graph.pairs), graph.pairs.blocks, y)
    return y


def interaction(
    x: Any,
    positions: Any,
    edge_index: Any,
    block: Block,
    *,
    cutoff: float,
    activation: str = "ssp",
    edge_shift: Any = None,
    basis: str = "gaussian",
    envelope: str = "cosine",
    enveloped_basis: bool = False,
) -> Any:
    """An interaction block: x + act(y·wb + bb)·wc + bc with y = cfconv(x·wa); see `cfconv` for the arguments.

    Args:
        x: [nodes, H], f64 or f32, of positions' dtype. Matrices of the block may be f16 or bf16 with f32.
        block: the weights.

    Returns:
        [nodes, H] of x's dtype and kind.
    """
    op = "interaction"
    xs = floating(op, "x", x, "[nodes, H]", 2)
    width, filters = block.wa.shape
    if xs.shape[1:] != (width,):
        raise LaunchError(f"{op}: 'x' has shape {list(xs.shape)}, expected [nodes, {width}]")
    weight = argument(op, "block.wa", block.wa)
    if acc_of(weight.dtype) is not xs.dtype:
        raise LaunchError(f"{op}: 'x' holds {xs.dtype}, expected {acc_of(weight.dtype)} for weights of {weight.dtype}")
    places(op, positions, xs.dtype, xs.shape[0])
    graph = graph_of(op, edge_index, xs.shape[0], edge_shift)
    features = Argument(block.wa, weight.dtype, (xs.shape[0], filters), "numpy")
    flt = filter_of(
        op, features, block.w1, block.b1, block.w2, block.b2, cutoff, len(block.w1), activation=activation,
        basis=basis, envelope=envelope, enveloped_basis=enveloped_basis,
    )  # fmt: skip
    result, h = empty(xs, xs.shape, xs.dtype), np.empty((xs.shape[0], filters), block.wa.dtype)
    result[...] = x
    y = np.empty(h.shape, block.bb.dtype)
    if xs.shape[0]:
        project(x, block.wa, h)
        forward(make_as(flt), flt, positions, h, flt.edges(graph.pairs), graph.pairs.blocks, y)
        update(result, y, block.layer, act=ACTIVATIONS[activation]["act"])
    return result


def filter_of(
    op: str,
    xs: Argument,
    w1: Any,
    b1: Any,
    w2: Any,
    b2: Any,
    cutoff: float,
    num_radial: int,
    *,
    activation: str,
    basis: str,
    envelope: str,
    enveloped_basis: bool,
) -> Filter:
    """A filter network from its parts, each checked."""
    acc, width = acc_of(xs.dtype), xs.shape[1]
    if not cutoff > 0:
        raise LaunchError(f"{op}: 'cutoff' is {cutoff}, expected a positive number")
    if num_radial < 1:
        raise LaunchError(f"{op}: 'num_radial' is {num_radial}, expected at least 1")
    first = argument(op, "w1", w1)
    hidden = first.shape[1] if len(first.shape) == 2 else 0
    parameter(op, "w1", w1, xs, xs.dtype, (num_radial, hidden))
    parameter(op, "b1", b1, xs, acc, (hidden,))
    parameter(op, "w2", w2, xs, xs.dtype, (hidden, width))
    if hidden == 0:
        raise LaunchError(f"{op}: 'w1' has no columns")
    if b2 is not None:
        parameter(op, "b2", b2, xs, acc, (width,))
    choice(op, "activation", activation, ACTIVATIONS)
    which = choice(op, "basis", basis, {b: BASES[b, bool(enveloped_basis)] for b, _ in BASES})
    cut = choice(op, "envelope", envelope, ENVELOPES)
    made = centres(basis, num_radial, float(cutoff))
    mu = of_dtype(made.mu, acc)
    weights = network_of(w1, of_dtype(b1, acc), w2, None if b2 is None else of_dtype(b2, acc), mu)
    return Filter.of(weights, made, float(cutoff), activation, which, cut)


Make = Callable[[tuple[int, ...]], Any]
"""Allocates an array of a shape, of the dtype that sums are kept in."""


def make_as(flt: Filter) -> Make:
    """Allocates NumPy's arrays for a filter's kernels."""
    dtype = flt.weights.mu.dtype
    return lambda shape: np.empty(shape, cast("Any", dtype))


def slabs_of(edges: Edges, width: int) -> tuple[int, int, int]:
    """The shape of all slabs."""
    return 2 * edges.left.shape[0], BLOCK, width


def forward(make: Make, flt: Filter, positions: Any, h: Any, edges: Edges, blocks: Blocks, y: Any) -> None:
    """Writes y."""
    slabs = make(slabs_of(edges, h.shape[1]))
    cfconv_fwd(positions, h, edges, flt.weights, slabs, **flt.forwards, **plan(tiles, h.shape[1]))
    add_slabs(slabs, blocks, y)


def backward(
    make: Make, flt: Filter, positions: Any, h: Any, gy: Any, edges: Edges, blocks: Blocks, gh: Any, gpos: Any
) -> None:
    """Writes gh, if any, and gpos."""
    pulls, slabs = make(slabs_of(edges, 3)), None if gh is None else make(slabs_of(edges, h.shape[1]))
    cfconv_bwd(positions, h, gy, edges, flt.weights, slabs, pulls, **flt.backwards, **plan(tiles, h.shape[1]))
    add_slabs(pulls, blocks, gpos)
    if gh is not None:
        add_slabs(slabs, blocks, gh)


# For PyTorch's graph. Operators take tensors and plain values, so the graph's arrays stand one by one.


def _filter(
    weights: tuple[Any, ...], numbers: tuple[float, ...], names: tuple[str, str, str], enveloped: bool
) -> Filter:
    gamma, alpha, cutoff = numbers
    activation, basis, envelope = names
    made = Centres(weights[-1], gamma, alpha)
    which = BASES[(basis, enveloped)]
    return Filter.of(network_of(*weights), made, cutoff, activation, which, ENVELOPES[envelope])


@tg.program
def schnet_cfconv(
    x: Any,
    positions: Any,
    w1: Any,
    b1: Any,
    w2: Any,
    mu: Any,
    ptr: Any,
    left: Any,
    right: Any,
    one: Any,
    other: Any,
    start: Any,
    slabs: Any,
    slab: Any,
    b2: Any = None,
    shift: Any = None,
    heard: Any = None,
    told: Any = None,
    *,
    gamma: float,
    alpha: float,
    cutoff: float,
    activation: str,
    basis: str,
    envelope: str,
    enveloped_basis: bool,
) -> Any:
    """`cfconv`; from `ptr` on, and `shift`, `heard` and `told`: the arrays of a `Graph`'s `Pairs`."""
    weights, names = (w1, b1, w2, b2, mu), (activation, basis, envelope)
    edges, blocks = (ptr, left, right, one, other, shift, heard, told), (start, slabs, slab)
    y, flt = tg.empty_like(x), _filter(weights, (gamma, alpha, cutoff), names, enveloped_basis)
    forward(_like(positions), flt, positions, x, edges_of(*edges), blocks_of(*blocks), y)
    return y, tg.save(x, positions, *weights, *edges, *blocks)


@schnet_cfconv.backward
def schnet_cfconv_backward(
    saved: Any,
    gy: Any,
    *,
    gamma: float,
    alpha: float,
    cutoff: float,
    activation: str,
    basis: str,
    envelope: str,
    enveloped_basis: bool,
    needs: tuple[bool, ...],
) -> Any:
    """The gradients of x and positions."""
    x, positions, *weights = saved[:7]
    edges, blocks = edges_of(*saved[7:15]), blocks_of(*saved[15:])
    flt = _filter(tuple(weights), (gamma, alpha, cutoff), (activation, basis, envelope), enveloped_basis)
    gx, gpos = tg.empty_like(x) if needs[0] else None, tg.empty_like(positions)
    backward(_like(positions), flt, positions, x, gy.contiguous(), edges, blocks, gx, gpos)
    return gx, gpos


def _like(positions: Any) -> Make:
    return lambda shape: tg.empty_like(positions, shape=shape)


OPERATOR = Operator(schnet_cfconv)


def in_torch(flt: Filter, names: dict[str, Any], x: Any, positions: Any, graph: Graph) -> Any:
    """`cfconv` as an operator of PyTorch's."""
    w, e, pairs = flt.weights, flt.edges(graph.pairs), graph.pairs
    arrays = (
        w.w1, w.b1, w.w2, w.mu, e.ptr, e.left, e.right, e.one, e.other, pairs.start, pairs.slabs, pairs.slab, w.b2,
        e.shift, e.heard, e.told,
    )  # fmt: skip
    numbers = {"gamma": flt.forwards["gamma"], "alpha": flt.forwards["alpha"], "cutoff": flt.forwards["rc"]}
    return OPERATOR(x, positions, *map(tensor, arrays), **numbers, **names)


def tensor(x: Any) -> Any:
    """An array of NumPy's as a tensor over the same memory; others as they are."""
    return sys.modules["torch"].from_numpy(x) if isinstance(x, np.ndarray) else x
