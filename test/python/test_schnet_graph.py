# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lists of edges, radius graphs, and what the kernels walk: pairs by task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import schnet_formula as formula
from tegula.ops import schnet
from tegula.ops.schnet.graph import BLOCK, NOWHERE


@pytest.mark.parametrize("box", [None, [5.0, 6.5, 7.25]])
def test_radius_graph(box: Any) -> None:
    """The pairs that trying all of them finds, systems apart; positions may lie outside the box."""
    rng = np.random.default_rng(6)
    pos = rng.random((60, 3)) * 9 - 2
    batch = np.repeat([0, 1, 2], [20, 0, 40])[:60]
    graph = schnet.radius_graph(pos, 2.5, box=box, batch=batch)
    found = set()
    for n in np.unique(batch):
        own = np.flatnonzero(batch == n)
        wrapped = pos[own]
        if box is None:
            pairs, shift = formula.near_pairs(wrapped, 2.5)
        else:  # near images of positions up to two boxes away
            pairs, shift = formula.near_pairs(wrapped, 2.5, box)
        found |= {
            (int(own[s]), int(own[t]), *np.round(v, 9).tolist()) for s, t, v in zip(*pairs, shift + 0.0, strict=True)
        }
    shifts = graph.edge_shift if graph.edge_shift is not None else np.zeros((graph.edges, 3))
    got = {(int(s), int(t), *np.round(v, 9).tolist()) for s, t, v in zip(*graph.edge_index, shifts, strict=True)}
    assert got == found
    assert graph.pairs.heard is None
    assert graph.pairs.told is None


def test_graph_of_any_order() -> None:
    """Edges sorted by destination, source and shift, whatever came in; pairs hold both directions."""
    edges = [[1, 0, 2, 1, 1, 2, 2], [0, 1, 0, 0, 0, 2, 2]]
    shift = np.array([[2.0, 0, 0], [0, 0, 0], [0, 0, 0], [-1, 0, 0], [2, 0, 0], [0, 3, 0], [0, -3, 0]])
    graph = schnet.Graph.of(edges, 3, shift)
    assert graph.edge_index.tolist() == [[1, 1, 1, 2, 0, 2, 2], [0, 0, 0, 0, 1, 2, 2]]
    assert graph.edge_shift is not None
    assert graph.edge_shift[:, 0].tolist() == [-1, 2, 2, 0, 0, 0, 0]
    assert graph.edges == 7
    p = graph.pairs
    assert p.heard is not None
    assert p.told is not None
    assert p.shift is not None
    got = list(zip(p.one.tolist(), p.other.tolist(), p.shift[:, :2].tolist(), p.heard, p.told))
    assert got == [
        (0, 1, [-1, 0], 1, 0), (0, 1, [0, 0], 0, 1), (0, 1, [2, 0], 2, 0), (0, 2, [0, 0], 1, 0), (2, 2, [0, 3], 1, 1),
    ]  # fmt: skip
    assert p.tasks == 1


def test_tasks() -> None:
    """Every direction of every edge falls to one slab that counts; slabs hold few rows, or one per node and side."""
    rng = np.random.default_rng(9)
    local = schnet.radius_graph(np.arange(300.0)[:, None] * [1, 0, 0], 9.5)
    parts = [np.asarray(local.edge_index), formula.scattered(rng, 2000) + 300, np.array([[2300, 2302], [2301, 2303]])]
    graph = schnet.Graph.of(np.concatenate(parts, axis=1), 2310)
    p = graph.pairs
    assert (np.diff(p.start) <= BLOCK).all()
    assert p.start[[0, -1]].tolist() == [0, 2310]
    assert 300 in p.start
    found: list[Any] = []
    for w in range(p.tasks):
        at = slice(p.ptr[w], p.ptr[w + 1])
        one, other = p.one[at], p.other[at]
        heard, told = (np.ones(len(one)) if x is None else x[at] for x in (p.heard, p.told))
        assert ((0 <= one - p.left[w]) & (one - p.left[w] < BLOCK)).all()
        found += [(i, j) for i, j, n in zip(one.tolist(), other.tolist(), heard) for _ in range(int(n))]
        assert (p.right[w] == NOWHERE) == (300 <= one[0] < 2300)
        if p.right[w] != NOWHERE:
            assert ((0 <= other - p.right[w]) & (other - p.right[w] < BLOCK)).all()
            found += [(j, i) for i, j, n in zip(one.tolist(), other.tolist(), told) for _ in range(int(n))]
    assert sorted(found) == sorted(zip(*graph.edge_index[::-1].tolist()))
    assert 2 * p.tasks * BLOCK <= 6 * 2310
    assert sorted(p.slab.tolist()) == sorted(
        [2 * w for w in range(p.tasks)] + [2 * w + 1 for w in range(p.tasks) if p.right[w] != NOWHERE]
    )
