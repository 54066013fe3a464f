# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who is near whom: edges, as the kernels walk them.

An edge (j → i, s) says that node i hears from the image of node j at positions[j] + s. An edge and its
reverse (i → j, -s) have one distance, hence one filter, and the filter is nearly all the work: so edges
are kept as *pairs* {i, j, s}, i ≤ j, each once, with how often either direction was given.

What a pair adds falls to two nodes. So that no kernel writes what another one writes, nodes are cut into
*blocks* of at most BLOCK, pairs are sorted by the blocks of their two ends, and the pairs between two
blocks are a *task*: it sums what its pairs add to either block, in two *slabs* of BLOCK rows of its own.
The slabs of a block are then added up (`kernels.add_slabs`). A protein of 374 beads with 28 544 edges has
21 tasks, whose slabs hold 2 688 rows.

Tasks pay where nodes that are near have numbers that are near. A *part* is a range of nodes that no edge
leaves: a system of a batch, or less. Where the pairs of a part are scattered over so many tasks that
slabs would hold more rows than half its pairs, or six per node, its pairs are listed twice, once for
each end, and a task has the pairs of one block, and one slab that counts.

Parts are cut into blocks from their first node on, and pairs are sorted by (i, j, s): the order of a
node's sums depends on its part alone. Results have the same bits in any order of the edges, and whatever
else is in the batch.
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

BLOCK = 64
"""Nodes of a block."""
NOWHERE = 2**31 - 1
"""In place of a block's first node: what falls to this end of a task's pairs is not summed."""


@tg.views
class Edges:
    """Pairs by task; see `Pairs`, whose fields these are."""

    ptr: In[i32, "W1"]
    left: In[i32, "W"]
    right: In[i32, "W"]
    one: In[i32, "E"]
    other: In[i32, "E"]
    shift: Opt[In[A, "E 3"]]
    heard: Opt[In[A, "E"]]
    told: Opt[In[A, "E"]]


@tg.views
class Blocks:
    """Which slabs belong to which block; see `Pairs`."""

    start: In[i32, "B1"]
    ptr: In[i32, "B1"]
    slab: In[i32, "L"]


def edges_of(*views: Any) -> Edges:
    """The views of `Edges`, of any kind of array."""
    return cast("Any", Edges)(*views)


def blocks_of(*views: Any) -> Blocks:
    """The views of `Blocks`, of any kind of array."""
    return cast("Any", Blocks)(*views)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs by task, and blocks; see the top of this file."""

    ptr: Ints  # [W + 1] the pairs of task w are [ptr[w], ptr[w + 1])
    left: Ints  # [W] the first node of the block of `one`; its slab is 2w
    right: Ints  # [W] the first node of the block of `other`, whose slab is 2w + 1; or NOWHERE
    one: Ints  # [E]
    other: Ints  # [E]
    shift: Floats | None  # [E, 3] added to the position of `other`; None: all zero
    heard: Floats | None  # [E] how often the edge (other → one) was given; None: once each
    told: Floats | None  # [E] how often its reverse (one → other) was given; None: once each
    start: Ints  # [B + 1] the nodes of block b are [start[b], start[b + 1])
    slabs: Ints  # [B + 1] its slabs are slab[slabs[b]: slabs[b + 1]]
    slab: Ints  # [L]

    @property
    def tasks(self) -> int:
        """How many tasks."""
        return len(self.left)

    @functools.cached_property
    def in_f32(self) -> Edges:
        """For kernels that sum in f32."""
        parts = (None if x is None else x.astype(np.float32) for x in (self.shift, self.heard, self.told))
        return edges_of(self.ptr, self.left, self.right, self.one, self.other, *parts)

    @functools.cached_property
    def in_f64(self) -> Edges:
        """For kernels that sum in f64."""
        return edges_of(self.ptr, self.left, self.right, self.one, self.other, self.shift, self.heard, self.told)

    @functools.cached_property
    def blocks(self) -> Blocks:
        """Which slabs belong to which block."""
        return blocks_of(self.start, self.slabs, self.slab)


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges between nodes, ready for the kernels; see the top of this file."""

    nodes: int
    edge_index: NDArray[np.int64]  # [2, E] sources and destinations, sorted by (destination, source, shift)
    edge_shift: Floats | None  # [E, 3]
    pairs: Pairs

    @property
    def edges(self) -> int:
        """How many directed edges."""
        return self.edge_index.shape[1]

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
    src, dst, shift = src[order], dst[order], None if shift is None else shift[order]
    return Graph(nodes, np.stack([src, dst]), shift, _pairs(nodes, _distinct(nodes, src, dst, shift)))


def _order(nodes: int, row: Any, other: Any, shift: Floats | None) -> Any:
    """What sorts by (row, other, shift); edges that are alike in all stay as they are."""
    key = row * nodes + other
    if shift is None:
        return np.argsort(key, kind="stable")
    return np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], key))


@dataclass(frozen=True, eq=False)
class _List:
    """Pairs, sorted by (one, other, shift)."""

    one: Any
    other: Any
    shift: Floats | None
    heard: Floats
    told: Floats

    def of(self, which: Any) -> _List:
        """Some of them, in an order."""
        shift = None if self.shift is None else self.shift[which]
        return _List(self.one[which], self.other[which], shift, self.heard[which], self.told[which])

    def turned(self) -> _List:
        """The same pairs, seen from the other end; not sorted."""
        return _List(self.other, self.one, None if self.shift is None else 0.0 - self.shift, self.told, self.heard)

    def and_then(self, more: _List) -> _List:
        """With others behind them; not sorted."""
        shift = None if self.shift is None or more.shift is None else np.concatenate([self.shift, more.shift])
        one, other, heard, told = (
            np.concatenate(both)
            for both in zip(
                (self.one, self.other, self.heard, self.told),
                (more.one, more.other, more.heard, more.told),
                strict=True,
            )
        )
        return _List(one, other, shift, heard, told)


def _distinct(nodes: int, src: Any, dst: Any, shift: Floats | None) -> _List:
    """The pairs of a list of edges. The smaller node comes first; of a node and its own image, the greater shift."""
    turned = dst > src
    if shift is not None:
        x, y, z = shift.T
        turned |= (dst == src) & ((x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0)))))
        shift = np.where(turned[:, None], 0.0 - shift, shift)
    one, other = cast("Any", np.where(turned, src, dst)), cast("Any", np.where(turned, dst, src))
    order = _order(nodes, one, other, shift)
    one, other, turned, shift = one[order], other[order], turned[order], None if shift is None else shift[order]
    first = ~_repeats(one * nodes + other, shift)
    group, count = np.cumsum(first) - 1, int(first.sum())
    heard, told = (np.bincount(group[way], minlength=count).astype(np.float64) for way in (~turned, turned))
    return _List(one[first], other[first], None if shift is None else shift[first], heard, told)


def _repeats(key: Any, shift: Floats | None) -> NDArray[np.bool_]:
    """Which edges of a sorted list equal the one before."""
    same = np.zeros(len(key), np.bool_)
    same[1:] = key[1:] == key[:-1]
    if shift is not None:
        same[1:] &= (shift[1:] == shift[:-1]).all(axis=1)
    return same


def _parts(nodes: int, pairs: _List) -> Any:
    """The first nodes of the parts, and behind them the number of nodes."""
    reach = np.arange(nodes)
    reach[pairs.one] = np.maximum(reach[pairs.one], pairs.other)  # sorted: a node's last pair reaches farthest
    closed = np.maximum.accumulate(reach) == np.arange(nodes)
    return np.concatenate([[0], np.flatnonzero(closed) + 1])


def _starts(parts: Any) -> Any:
    """The first nodes of blocks, and behind them the number of nodes; a part that is cut begins a block."""
    found = [0]
    for begin, end in zip(parts[:-1].tolist(), parts[1:].tolist(), strict=True):
        if end - found[-1] > BLOCK and begin > found[-1]:
            found.append(begin)
        found.extend(range(found[-1] + BLOCK, end, BLOCK))
    return np.array([*found, int(parts[-1])] if parts[-1] > 0 else [0])


def _range_of(node: Any, starts: Any) -> Any:
    """Which of the ranges with these starts hold nodes."""
    return cast("Any", np.searchsorted(starts, node, "right")) - 1


def _scattered(pairs: _List, parts: Any, start: Any, task: Any) -> NDArray[np.bool_]:
    """Which pairs are of parts whose slabs would hold too many rows; `task` numbers the tasks that pairs would have."""
    count = len(parts) - 1
    part = _range_of(pairs.one, parts)
    first = np.unique(task, return_index=True)[1]
    tasks, own = np.bincount(part[first], minlength=count), np.bincount(part, minlength=count)
    cut = np.diff(cast("Any", np.searchsorted(start, parts)))  # 0 where parts share a block
    return (tasks > np.maximum(3 * np.maximum(cut, 1), own / (4 * BLOCK)))[part]


def _pairs(nodes: int, pairs: _List) -> Pairs:
    """Pairs by task."""
    parts = _parts(nodes, pairs)
    start = _starts(parts)
    count = len(start) - 1
    near = _range_of(pairs.one, start) * (count + 1) + _range_of(pairs.other, start)
    apart = _scattered(pairs, parts, start, near)
    if apart.any():
        far = pairs.of(apart)
        far = far.and_then(far.turned())
        key = np.concatenate([near[~apart], _range_of(far.one, start) * (count + 1) + count])
        pairs = pairs.of(~apart).and_then(far)
        order = _order(nodes, pairs.one, pairs.other, pairs.shift)
        pairs, near = pairs.of(order), key[order]
    key, task, size = np.unique(near, return_inverse=True, return_counts=True)
    heavy = np.argsort(-size, kind="stable")  # the most pairs first, so that workers end at about the same time
    number = np.empty_like(heavy)
    number[heavy] = np.arange(len(key))
    pairs = pairs.of(np.argsort(number[task], kind="stable"))
    left, right = key // (count + 1), key % (count + 1)
    both = right < count
    end, place = np.concatenate([left, right[both]]), np.arange(len(key))
    slab = np.concatenate([2 * number, 2 * number[both] + 1])
    order = np.lexsort((np.concatenate([2 * place, 2 * place[both] + 1]), end))  # of a block's slabs, by their blocks
    plain = bool((pairs.heard == 1).all() and (pairs.told == 1).all())
    first = np.where(both, start[np.minimum(right, count - 1)], NOWHERE)
    return Pairs(
        ptr=_sums(size[heavy]), left=_i32(start[left][heavy]), right=_i32(first[heavy]),
        one=_i32(pairs.one), other=_i32(pairs.other), shift=pairs.shift,
        heard=None if plain else pairs.heard, told=None if plain else pairs.told,
        start=_i32(start), slabs=_sums(np.bincount(end, minlength=count)), slab=_i32(slab[order]),
    )  # fmt: skip


def _sums(sizes: Any) -> Ints:
    """Where ranges of these sizes begin, and the last one ends."""
    return _i32(np.concatenate([[0], np.cumsum(sizes)]))


def _i32(x: Any) -> Ints:
    return np.ascontiguousarray(x, np.int32)


def radius_graph(positions: Any, cutoff: float, *, box: Any = None, batch: Any = None) -> Graph:
    """All pairs of nodes closer than a cutoff, by a k-d tree (SciPy's cKDTree).

    Args:
        positions: [N, 3].
        cutoff: pairs at a distance below it are edges, in both directions.
        box: [3], the sides of a periodic box that starts at 0, each at least twice the cutoff (an edge
            then goes to one image); or None.
        batch: [N], ascending: which system each node belongs to; there are no edges between systems.

    >>> graph = radius_graph([[0.0, 0, 0], [1.0, 0, 0], [9.5, 0, 0]], 2.0, box=[10.0, 10.0, 10.0])
    >>> graph.edge_index.tolist()
    [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]
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
