# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who is near whom: lists of edges, sorted, by node.

An edge (j → i, s) says that node i hears from the image of node j at positions[j] + s. Edges are kept
twice over, each time as compressed rows (a range of edges per node):

    into    sorted by (i, j, s): what each node hears; the forward pass walks these.
    around  sorted by (i, j, s): the same edges and their reverses (i → j, -s) without repetition, with
            how often each direction was given; the backward pass walks these. Both directions of a
            pair have one distance, hence one filter: a row holds all that its node needs, so that no
            kernel writes another's rows. Where the edges come in pairs, as those of a radius graph
            do, this is `into` itself.

Sums run in the order of the list, which depends on the set of edges alone: results have the same bits
whatever the order in which edges were given.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula import A, In, Opt, i32
from tegula.errors import LaunchError

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@tg.views
class Edges:
    """Edges by node; see `Rows`, whose fields these are."""

    ptr: In[i32, "N1"]
    other: In[i32, "E"]
    shift: Opt[In[A, "E 3"]]
    heard: Opt[In[A, "E"]]
    told: Opt[In[A, "E"]]


def edges_of(*views: Any) -> Edges:
    """The views of `Edges`, of any kind of array."""
    return cast("Any", Edges)(*views)


@dataclass(frozen=True, eq=False)
class Rows:
    """Edges by node: those of node i are [ptr[i], ptr[i + 1])."""

    ptr: Ints  # [N + 1]
    other: Ints  # [E] the node at the other end
    shift: Floats | None  # [E, 3] added to the other end's position; None: all zero
    heard: Floats | None  # [E] how often the edge (other → node) was given; None: once each
    told: Floats | None  # [E] how often its reverse (node → other) was given; None: once each

    @property
    def count(self) -> int:
        """How many edges."""
        return len(self.other)

    @functools.cached_property
    def in_f32(self) -> Edges:
        """For kernels that sum in f32."""
        parts = (None if x is None else x.astype(np.float32) for x in (self.shift, self.heard, self.told))
        return edges_of(self.ptr, self.other, *parts)

    @functools.cached_property
    def in_f64(self) -> Edges:
        """For kernels that sum in f64."""
        return edges_of(self.ptr, self.other, self.shift, self.heard, self.told)


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges between nodes, ready for the kernels; see the top of this file."""

    nodes: int
    into: Rows
    around: Rows

    @property
    def edges(self) -> int:
        """How many directed edges."""
        return self.into.count

    @staticmethod
    def of(edge_index: Any, nodes: int, edge_shift: Any = None) -> Graph:
        """From [2, E] sources and destinations, and shifts [E, 3] of the sources."""
        pairs = np.asarray(edge_index)
        if pairs.ndim != 2 or pairs.shape[0] != 2:
            raise LaunchError(f"schnet: 'edge_index' has shape {list(pairs.shape)}, expected [2, edges]")
        if pairs.dtype.kind not in "iu":
            raise LaunchError(f"schnet: 'edge_index' holds {pairs.dtype}, expected integers")
        if pairs.size and not (0 <= pairs.min() and pairs.max() < nodes):
            raise LaunchError(f"schnet: 'edge_index' names node {_outside(pairs, nodes)} of {nodes} nodes")
        if pairs.shape[1] >= 2**30 or nodes >= 2**31:
            raise LaunchError(f"schnet: {pairs.shape[1]} edges of {nodes} nodes are more than 32-bit rows hold")
        src, dst = pairs.astype(np.int64)
        shift: Floats | None = None
        if edge_shift is not None:
            given = np.asarray(edge_shift)
            if given.shape != (len(src), 3):
                raise LaunchError(f"schnet: 'edge_shift' has shape {list(given.shape)}, expected {[len(src), 3]}")
            if given.dtype.kind != "f":
                raise LaunchError(f"schnet: 'edge_shift' holds {given.dtype}, expected floats")
            shift = given.astype(np.float64) + 0.0  # -0 becomes 0
        return _graph(nodes, src, dst, shift)


def _outside(pairs: Any, nodes: int) -> int:
    return int(pairs[(pairs < 0) | (pairs >= nodes)][0])


def _graph(nodes: int, src: Any, dst: Any, shift: Floats | None) -> Graph:
    order = _order(nodes, dst, src, shift)
    src, dst = src[order], dst[order]
    shift = None if shift is None else shift[order]
    into = _rows(nodes, dst, src, shift)
    return Graph(nodes, into, _around(nodes, into, src, dst, shift))


def _order(nodes: int, row: Any, other: Any, shift: Floats | None) -> Any:
    """What sorts by (row, other, shift); edges that are alike in all stay as they are."""
    key = row * nodes + other
    if shift is None:
        return np.argsort(key, kind="stable")
    return np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], key))


def _rows(nodes: int, row: Any, other: Any, shift: Any, heard: Any = None, told: Any = None) -> Rows:
    """Compressed rows of edges that are sorted."""
    ptr = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=nodes), out=ptr[1:])
    return Rows(ptr.astype(np.int32), other.astype(np.int32), shift, heard, told)


def _around(nodes: int, into: Rows, src: Any, dst: Any, shift: Floats | None) -> Rows:
    """The edges and their reverses, from edges that are sorted."""
    back = None if shift is None else 0.0 - shift
    order = _order(nodes, src, dst, back)
    key, reverse = dst * nodes + src, (src * nodes + dst)[order]
    alike = np.array_equal(key, reverse)
    if alike and shift is not None and back is not None:
        alike = np.array_equal(shift, back[order])
    if alike and not _repeats(key, shift).any():
        return into
    row, other = np.concatenate([dst, src]), np.concatenate([src, dst])
    both = None if shift is None or back is None else np.concatenate([shift, back])
    order = _order(nodes, row, other, both)
    row, other, both = row[order], other[order], None if both is None else both[order]
    given = order < len(src)  # as an edge, not as a reverse
    first = ~_repeats(row * nodes + other, both)
    group = np.cumsum(first) - 1
    heard, told = (
        np.bincount(group[which], minlength=int(first.sum())).astype(np.float64) for which in (given, ~given)
    )
    return _rows(nodes, row[first], other[first], None if both is None else both[first], heard, told)


def _repeats(key: Any, shift: Floats | None) -> NDArray[np.bool_]:
    """Which edges of a sorted list equal the one before."""
    same = np.zeros(len(key), np.bool_)
    same[1:] = key[1:] == key[:-1]
    if shift is not None:
        same[1:] &= (shift[1:] == shift[:-1]).all(axis=1)
    return same


def radius_graph(positions: Any, cutoff: float, *, box: Any = None, batch: Any = None) -> Graph:
    """All pairs of nodes closer than a cutoff, by a k-d tree (SciPy's cKDTree).

    Args:
        positions: [N, 3].
        cutoff: pairs at a distance below it are edges, in both directions.
        box: [3], the sides of a periodic box that starts at 0, each at least twice the cutoff (an edge
            then goes to one image); or None.
        batch: [N], ascending: which system each node belongs to; there are no edges between systems.

    >>> graph = radius_graph([[0.0, 0, 0], [1.0, 0, 0], [9.5, 0, 0]], 2.0, box=[10.0, 10.0, 10.0])
    >>> graph.into.ptr.tolist(), graph.into.other.tolist()
    ([0, 2, 4, 6], [1, 2, 0, 2, 0, 1])
    """
    points = np.asarray(positions, np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise LaunchError(f"radius_graph: 'positions' has shape {list(points.shape)}, expected [nodes, 3]")
    if not np.isfinite(points).all():
        raise LaunchError("radius_graph: 'positions' holds numbers that are not finite")
    if not cutoff > 0:
        raise LaunchError(f"radius_graph: 'cutoff' is {cutoff}, expected a positive number")
    sides = None if box is None else _sides(box, cutoff)
    cKDTree = _tree()
    found: list[Any] = [np.zeros((0, 2), np.int64)]
    for start, end in _systems(batch, len(points)):
        own = points[start:end]
        tree: Any = cKDTree(own if sides is None else own - np.floor(own / sides) * sides, boxsize=sides)
        found.append(tree.query_pairs(cutoff, output_type="ndarray").astype(np.int64) + start)
    pairs = np.concatenate(found)
    dst, src = np.concatenate([pairs, pairs[:, ::-1]]).T
    away, shift = points[src] - points[dst], None
    if sides is not None:
        shift = -np.round(away / sides) * sides + 0.0
        away = away + shift
    near = (away * away).sum(axis=1) < cutoff * cutoff  # the tree takes the cutoff itself in
    return _graph(len(points), src[near], dst[near], None if shift is None else shift[near])


def _tree() -> Any:
    """SciPy's tree; late, because the package needs SciPy for nothing else."""
    try:
        spatial: Any = importlib.import_module("scipy.spatial")
    except ImportError:
        raise LaunchError("radius_graph: this needs SciPy; or give the edges yourself") from None
    return spatial.cKDTree


def _sides(box: Any, cutoff: float) -> Floats:
    sides = np.asarray(box, np.float64)
    if sides.shape != (3,):
        raise LaunchError(f"radius_graph: 'box' has shape {list(sides.shape)}, expected [3]")
    if not (sides >= 2 * cutoff).all():
        raise LaunchError(f"radius_graph: 'box' is {sides.tolist()}: sides are at least twice the cutoff, {2 * cutoff}")
    return sides


def _systems(batch: Any, nodes: int) -> list[tuple[int, int]]:
    """The range of nodes of each system that has any."""
    if batch is None:
        return [(0, nodes)] if nodes else []
    number = np.asarray(batch)
    if number.shape != (nodes,) or number.dtype.kind not in "iu":
        raise LaunchError(f"radius_graph: 'batch' is {number.dtype} {list(number.shape)}, expected integers [{nodes}]")
    if (np.diff(number) < 0).any():
        raise LaunchError("radius_graph: 'batch' is not ascending")
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), nodes] if nodes else [0]
    return list(zip(cuts[:-1], cuts[1:], strict=True))
