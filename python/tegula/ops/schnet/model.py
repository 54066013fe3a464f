# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole SchNet networks: energies and forces.

    x = embedding[kind];  for each block: h = x·wa, y = cfconv(h), x += act(y·wb + bb)·wc + bc
    energy of a system = Σ (or mean) over its nodes of out(x·w1 + b1)·w2 + b2;   force = -∂energy/∂position

Implementations differ in what they call SchNet; a `Variant` says which one is meant:

    name        from                     activation  last bias  envelope        basis      readout
    schnetpack  Schütt et al. 2018       ssp         yes        cosine          Gaussian   silu, sum
    pyg         PyTorch Geometric        ssp         yes        cosine, open    Gaussian   ssp, sum
    cgschnet    Husic et al. 2020, mlcg  tanh        no         cosine, twice   expnormal  tanh, no last bias, sum

Kept for the backward pass are h and y of each block, [nodes, F]; filters are made again there.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula._frontend.arrays import numpy_dtype
from tegula.errors import LaunchError
from tegula.language.dtypes import BY_NAME, DType, acc_of
from tegula.ops._host import argument, empty
from tegula.ops._torch import in_graph
from tegula.ops.schnet.filters import filter_rows
from tegula.ops.schnet.functions import ACTIVATIONS, BASES, ENVELOPES, Centres, centres
from tegula.ops.schnet.graph import BLOCK, Graph
from tegula.ops.schnet.kernels import add_slabs, cfconv_bwd, cfconv_fwd, cfconv_table_bwd, cfconv_table_fwd
from tegula.ops.schnet.layer import Block, Filter, graph_of, network_of, places, tiles
from tegula.ops.schnet.nodes import readout, scale, start, total, update, update_bwd

Array = NDArray[Any]


@dataclass(frozen=True)
class Variant:
    """Which network is called SchNet; see the table at the top of this file."""

    activation: str = "ssp"
    basis: str = "gaussian"
    envelope: str = "cosine"
    enveloped_basis: bool = False
    filter_bias: bool = True
    out_activation: str = "ssp"
    out_bias: bool = True
    pooling: str = "sum"

    def __post_init__(self) -> None:
        known = {
            "activation": ACTIVATIONS, "basis": {b for b, _ in BASES}, "envelope": ENVELOPES,
            "out_activation": ACTIVATIONS, "pooling": ("sum", "mean"),
        }  # fmt: skip
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise LaunchError(
                    f"schnet: '{name}' is {getattr(self, name)!r}, expected {', '.join(map(repr, sorted(names)))}"
                )

    @staticmethod
    def of(name: str) -> Variant:
        """The variant of an implementation: "schnetpack", "pyg" or "cgschnet"."""
        if name == "schnetpack":
            return Variant(out_activation="silu")
        if name == "pyg":
            return Variant(envelope="open")
        if name == "cgschnet":
            return Variant(
                activation="tanh", basis="expnormal", enveloped_basis=True, filter_bias=False, out_activation="tanh",
                out_bias=False,
            )  # fmt: skip
        raise LaunchError(f"schnet: variant {name!r} is none of schnetpack, pyg, cgschnet")


@dataclass(frozen=True, eq=False)
class Readout:
    """The weights from features to a node's energy."""

    w1: Array  # [H, M]
    b1: Array  # [M]
    w2: Array  # [M]
    b2: float


@dataclass(frozen=True, eq=False)
class Table:
    """A block's filter at even distances from 0 to the cutoff; see `filters`."""

    rows: Array  # [intervals, 4F'] value and slope times the step, at both ends of each interval
    error: float
    """The largest difference from the network between the points, of value or slope, relative to the largest
    value or slope."""

    @property
    def last(self) -> float:
        """The number of the last interval."""
        return len(self.rows) - 1.0


@dataclass(frozen=True, eq=False)
class Model:
    """A network: its weights, in NumPy arrays. Biases, embedding and w2 of the readout are of what sums are kept in."""

    variant: Variant
    cutoff: float
    embedding: Array  # [kinds, H]
    blocks: tuple[Block, ...]
    readout: Readout
    tables: tuple[Table, ...] | None = None

    @staticmethod
    def xavier(
        variant: str | Variant = "pyg",
        *,
        kinds: int,
        hidden: int = 128,
        filters: int = 128,
        blocks: int = 6,
        radial: int = 50,
        cutoff: float = 10.0,
        seed: int,
        dtype: str = "f32",
    ) -> Model:
        """Weights drawn at random, Glorot uniform as the implementations initialise them; biases small, not zero.

        The draw is the same for every dtype. These weights mean nothing: they are for measuring and testing.
        """
        kind = variant if isinstance(variant, Variant) else Variant.of(variant)
        rng = np.random.default_rng(seed)

        def matrix(rows: int, columns: int) -> Array:
            bound = (6 / (rows + columns)) ** 0.5
            return rng.uniform(-bound, bound, (rows, columns))

        def bias(count: int) -> Array:
            return rng.uniform(-0.1, 0.1, count)

        def block() -> Block:
            return Block(
                matrix(hidden, filters), matrix(radial, filters), bias(filters), matrix(filters, filters),
                bias(filters) if kind.filter_bias else None, matrix(filters, hidden), bias(hidden),
                matrix(hidden, hidden), bias(hidden),
            )  # fmt: skip

        half = max(hidden // 2, 1)
        out = Readout(
            matrix(hidden, half), bias(half), matrix(half, 1)[:, 0], float(bias(1)[0]) if kind.out_bias else 0.0
        )
        embedding = rng.standard_normal((kinds, hidden))
        model = Model(kind, float(cutoff), embedding, tuple(block() for _ in range(blocks)), out)
        return model.to(dtype)

    def to(self, dtype: str) -> Model:
        """The same weights, matrices in another dtype: "f64", "f32", "f16" or "bf16"."""
        matrices, sums = _numpy(BY_NAME[dtype]), _numpy(acc_of(BY_NAME[dtype]))

        def convert(x: Any) -> Any:
            return x.astype(matrices if x.ndim == 2 else sums) if hasattr(x, "astype") else x

        def each(part: Any) -> Any:
            values = {f.name: convert(getattr(part, f.name)) for f in dataclasses.fields(part)}
            return type(part)(**values)

        return Model(
            self.variant, self.cutoff, self.embedding.astype(sums), tuple(each(b) for b in self.blocks),
            each(self.readout),
        )  # fmt: skip

    def tabulated(self, points: int = 1024) -> Model:
        """The same network with each filter read from a table; `tables[...].error` says how exact it is.

        A table is masked at the cutoff, whatever the variant's envelope.
        """
        if points < 3:
            raise LaunchError(f"schnet: a table of {points} points, expected at least 3")
        made = tuple(_tabulate(self.filter(n), self.cutoff, points) for n in range(len(self.blocks)))
        return dataclasses.replace(self, tables=made)

    def filter(self, block: int) -> Filter:
        """A block's filter network, ready to be launched."""
        return self._filters[block]

    @functools.cached_property
    def _filters(self) -> tuple[Filter, ...]:
        kind = self.variant
        basis, cut = BASES[(kind.basis, kind.enveloped_basis)], ENVELOPES[kind.envelope]

        def of(b: Block) -> Filter:
            made: Centres = centres(kind.basis, b.w1.shape[0], self.cutoff)
            weights = network_of(b.w1, b.b1, b.w2, b.b2, made.mu.astype(b.b1.dtype))
            return Filter.of(weights, made, self.cutoff, kind.activation, basis, cut)

        return tuple(of(b) for b in self.blocks)

    @functools.cached_property
    def sums(self) -> DType:
        """What sums are kept in: f64 or f32."""
        return BY_NAME["f64" if self.embedding.dtype == np.float64 else "f32"]


def _numpy(dtype: DType) -> np.dtype[Any]:
    return np.dtype(numpy_dtype(dtype))


def _tabulate(flt: Filter, cutoff: float, points: int) -> Table:
    """Value and slope at the points; the error is taken between them, where it is largest."""
    sums = flt.weights.mu.dtype
    width = flt.weights.w2.shape[1]

    def at(d: Array) -> tuple[Array, Array]:
        value, slope = (np.empty((len(d), width), sums) for _ in range(2))
        filter_rows(d.astype(sums), flt.weights, value, slope, **flt.backwards)
        return value, slope

    d = np.linspace(0.0, cutoff, points)
    step = cutoff / (points - 1)
    value, slope = at(d)
    padded = -(-width // 16) * 16
    corners = np.zeros((points, 2, padded), sums)
    corners[:, 0, :width], corners[:, 1, :width] = value, slope * step
    rows = np.concatenate([corners[:-1], corners[1:]], axis=1).reshape(points - 1, 4 * padded)
    p, m, q, n = (c[:, :width] for c in np.split(rows, 4, axis=1))
    t = (3 - 3**0.5) / 6  # where the slope is off most; the value is so half way
    u = 1 - t
    error = max(
        _relative((p + q) / 2 + (m - n) / 8, at(d[:-1] + step / 2)[0]),
        _relative((6 * t * u * (q - p) + u * (1 - 3 * t) * m + t * (3 * t - 2) * n) / step, at(d[:-1] + t * step)[1]),
    )
    return Table(rows, error)


def _relative(x: Array, y: Array) -> float:
    largest = np.abs(y).max(initial=0.0)
    return float(np.abs(x - y).max(initial=0.0) / (largest or 1.0))


@dataclass(frozen=True)
class Systems:
    """Which nodes belong to which system."""

    ptr: NDArray[np.int32]  # [systems + 1]
    weight: Array | None  # [nodes] 1 / nodes of the system, where energies are means


def systems_of(op: str, batch: Any, nodes: int, model: Model) -> Systems:
    """The systems of a batch vector."""
    number = np.zeros(nodes, np.int64) if batch is None else np.asarray(batch)
    if number.shape != (nodes,) or number.dtype.kind not in "iu":
        raise LaunchError(f"{op}: 'batch' is {number.dtype} {list(number.shape)}, expected integers [{nodes}]")
    if nodes and ((np.diff(number) < 0).any() or number[0] < 0):
        raise LaunchError(f"{op}: 'batch' is not ascending from 0")
    count = int(number[-1]) + 1 if nodes else int(batch is None)
    sizes = np.bincount(number, minlength=count)
    ptr = np.zeros(count + 1, np.int32)
    np.cumsum(sizes, out=ptr[1:])
    weight = None
    if model.variant.pooling == "mean":
        weight = (1.0 / sizes[number]).astype(model.embedding.dtype)
    return Systems(ptr, weight)


def kinds_of(op: str, kinds: Any, model: Model) -> NDArray[np.int32]:
    """Which embedding each node has."""
    found = np.asarray(kinds)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise LaunchError(f"{op}: 'kinds' is {found.dtype} {list(found.shape)}, expected integers [nodes]")
    count = len(model.embedding)
    if found.size and not (0 <= found.min() and found.max() < count):
        raise LaunchError(f"{op}: 'kinds' has a number outside [0, {count})")
    return np.ascontiguousarray(found.astype(np.int32))


def energy_and_forces(
    model: Model,
    kinds: Any,
    positions: Any,
    edge_index: Any,
    *,
    batch: Any = None,
    edge_shift: Any = None,
) -> tuple[Any, Any]:
    """The energy of each system, and the force on each node.

    Args:
        model: the network.
        kinds: [nodes] integers, which embedding each node has.
        positions: [nodes, 3], f64 for a model in f64, else f32.
        edge_index: a `Graph`, such as `radius_graph` gives; or [2, edges] sources and destinations.
        batch: [nodes] integers, ascending: which system each node belongs to; by default all to one.
        edge_shift: [edges, 3], with [2, edges]; see `cfconv`.

    Returns:
        energies [systems] and forces [nodes, 3], of positions' dtype and kind.

    >>> import numpy as np
    >>> sizes = {"hidden": 8, "filters": 8, "blocks": 1, "radial": 4}
    >>> model = Model.xavier("schnetpack", kinds=1, **sizes, cutoff=3.0, seed=0, dtype="f64")
    >>> energy, forces = energy_and_forces(model, [0, 0], np.array([[0.0, 0, 0], [1.0, 0, 0]]), [[0, 1], [1, 0]])
    >>> energy.shape, bool((forces[0] == -forces[1]).all()), bool((forces[:, 1:] == 0).all())
    ((1,), True, True)
    """
    op = "energy_and_forces"
    found = _task(op, model, kinds, positions, edge_index, batch, edge_shift, graph=False)
    at = argument(op, "positions", positions)
    energy = empty(at, (len(found.systems.ptr) - 1,), at.dtype)
    tape = forward(found, positions, energy)
    force = empty(at, at.shape, at.dtype)
    np.negative(backward(found, positions, tape, None), out=force if at.framework == "numpy" else force.numpy())
    return energy, force


def energy(
    model: Model, kinds: Any, positions: Any, edge_index: Any, *, batch: Any = None, edge_shift: Any = None
) -> Any:
    """The energy of each system; see `energy_and_forces`.

    PyTorch differentiates it in positions, once. Its gradient is the negative force; where forces are all
    that is wanted, `energy_and_forces` is the direct way.
    """
    op = "energy"
    found = _task(op, model, kinds, positions, edge_index, batch, edge_shift, graph=True)
    at = argument(op, "positions", positions, graph=True)
    if in_graph(at):
        return network(positions, task=found)
    result = empty(at, (len(found.systems.ptr) - 1,), at.dtype)
    forward(found, positions, result)
    return result


@dataclass(frozen=True, eq=False)
class Task:
    """All but the positions."""

    model: Model
    kinds: NDArray[np.int32]
    graph: Graph
    systems: Systems


@dataclass(frozen=True, eq=False)
class Tape:
    """What the backward pass needs: h and y of each block, and the gradient at the top."""

    hs: tuple[Array, ...]
    ys: tuple[Array, ...]
    top: Array


def _task(
    op: str, model: Model, kinds: Any, positions: Any, edges: Any, batch: Any, shift: Any, *, graph: bool
) -> Task:
    kind = kinds_of(op, kinds, model)
    places(op, positions, model.sums, len(kind), graph=graph)
    return Task(model, kind, graph_of(op, edges, len(kind), shift), systems_of(op, batch, len(kind), model))


@tg.program
def network(positions: Any, *, task: Task) -> Any:
    """`energy`, for PyTorch's graph."""
    result = tg.empty((len(task.systems.ptr) - 1,), task.model.sums)
    return result, tg.save(positions, forward(task, positions, result))


@network.backward
def network_backward(saved: Any, grad: Any, *, task: Task) -> Any:
    """The gradient of positions."""
    positions, tape = saved
    found, gpos = backward(task, positions, tape, grad.contiguous()), tg.empty_like(positions)
    gpos.numpy()[...] = found
    return gpos


def forward(task: Task, positions: Any, energy: Any) -> Tape:
    """Writes the energy of each system."""
    model, sums = task.model, task.model.embedding.dtype
    blocks, nodes, out = model.blocks, len(task.kinds), model.readout
    act, act_out = ACTIVATIONS[model.variant.activation]["act"], ACTIVATIONS[model.variant.out_activation]
    x = np.empty((nodes, model.embedding.shape[1]), sums)
    hs = tuple(np.empty((nodes, b.wa.shape[1]), b.wa.dtype) for b in blocks)
    ys = tuple(np.empty((nodes, b.wa.shape[1]), sums) for b in blocks)
    tape = Tape(hs, ys, np.empty_like(x))
    if blocks:
        start(task.kinds, model.embedding, blocks[0].wa, x, hs[0])
    else:
        x[...] = model.embedding[task.kinds]
    slabs = Slabs.of(task)
    for n, block in enumerate(blocks):
        _listen(task, n, positions, hs[n], slabs.features, ys[n])
        above = n + 1 < len(blocks)
        update(x, ys[n], block.layer, blocks[n + 1].wa if above else None, hs[n + 1] if above else None, act=act)
    e = np.empty(nodes, sums)
    readout(x, out.w1, out.b1, out.w2, e, tape.top, out.b2, task.systems.weight, **act_out)
    total(e, task.systems.ptr, energy)
    return tape


def backward(task: Task, positions: Any, tape: Tape, grad: Any) -> Array:
    """The gradient of positions [nodes, 3]; `grad` is that of the energies, ones if None."""
    model, blocks, gx = task.model, task.model.blocks, tape.top.copy()
    act, nodes = ACTIVATIONS[model.variant.activation], len(task.kinds)
    if not blocks:
        return np.zeros((nodes, 3), gx.dtype)
    if grad is not None:
        scale(gx, grad, task.systems.ptr)
    slabs = Slabs.of(task)
    gh: Array | None = None
    for n in range(len(blocks) - 1, -1, -1):
        gy = np.empty_like(tape.ys[n])
        update_bwd(gx, tape.ys[n], blocks[n].layer, gy, gh, None if gh is None else blocks[n + 1].wa, **act)
        _listen_back(task, n, positions, tape.hs[n], gy, slabs, last=n == len(blocks) - 1)
        if n:
            gh = np.empty_like(gy)
            add_slabs(slabs.features, task.graph.pairs.blocks, gh)
    found = np.empty((nodes, 3), gx.dtype)
    add_slabs(slabs.pulls, task.graph.pairs.blocks, found)
    return found


@dataclass(frozen=True, eq=False)
class Slabs:
    """What tasks find, before it is added up; used by one block after another."""

    features: Array  # [slabs, BLOCK, F]
    pulls: Array  # [slabs, BLOCK, 3] adds up over the blocks

    @staticmethod
    def of(task: Task) -> Slabs:
        """For a network's graph."""
        count, sums = 2 * task.graph.pairs.tasks, task.model.embedding.dtype
        width = task.model.blocks[0].wa.shape[1] if task.model.blocks else 0
        return Slabs(np.empty((count, BLOCK, width), sums), np.empty((count, BLOCK, 3), sums))


def _listen(task: Task, n: int, positions: Any, h: Array, slabs: Array, y: Array) -> None:
    """Block n's cfconv."""
    model, pairs = task.model, task.graph.pairs
    flt, size = model.filter(n), tiles(h.shape[1])
    if model.tables is None:
        cfconv_fwd(positions, h, flt.edges(pairs), flt.weights, slabs, **flt.forwards, **size)
    else:
        table = model.tables[n]
        cfconv_table_fwd(positions, h, flt.edges(pairs), table.rows, slabs, model.cutoff, table.last, **size)
    add_slabs(slabs, pairs.blocks, y)


def _listen_back(task: Task, n: int, positions: Any, h: Array, gy: Array, slabs: Slabs, *, last: bool) -> None:
    """The derivative of block n's cfconv; that of the first block's features is of no use."""
    model = task.model
    flt, size = model.filter(n), {"more": not last, **tiles(h.shape[1])}
    ends = positions, h, gy, flt.edges(task.graph.pairs)
    out = slabs.features if n else None, slabs.pulls
    if model.tables is None:
        cfconv_bwd(*ends, flt.weights, *out, **flt.backwards, **size)
    else:
        table = model.tables[n]
        cfconv_table_bwd(*ends, table.rows, *out, model.cutoff, table.last, **size)
