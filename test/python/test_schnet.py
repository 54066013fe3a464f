# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tegula.ops.schnet against its float64 formula, and the laws that energies and forces obey."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import schnet_formula as formula
import tegula as tg
import torch
from on_path import OnPath
from operators import DTYPES, call, covering, numpy_of, torch_of
from tegula.errors import LaunchError
from tegula.ops import schnet
from tegula.ops.schnet import kernels, layer
from tegula.ops.schnet.graph import BLOCK, NOWHERE
from tegula.testing import Evaluation, check

VARIANTS = ("schnetpack", "pyg", "cgschnet")

FACTORS: dict[str, list[Any]] = {
    "dtype": list(DTYPES),
    "activation": ["ssp", "tanh", "silu"],
    "basis": ["gaussian", "expnormal"],
    "envelope": ["cosine", "open"],
    "enveloped_basis": [False, True],
    "last bias": [True, False],
    "sizes": [(23, 32, 16, 32), (40, 12, 10, 20), (9, 96, 50, 64), (70, 1, 2, 1), (17, 130, 33, 40)],  # N, F, K, Hd
    "edges": ["pairs", "directed", "repeated", "shifted", "graph"],
    "kind": ["numpy", "torch"],
}


@functools.cache
def cases() -> list[dict[str, Any]]:
    """The covering array."""
    return covering(FACTORS, seed=3)


def points(rng: np.random.Generator, count: int, spread: float = 1.6) -> Any:
    """Positions: one node is alone, two are on one line with a third."""
    p = rng.standard_normal((count, 3)) * spread
    if count > 4:
        p[count // 2] += 60
        p[1] = 0.5 * (p[0] + p[2])
    return p


@pytest.mark.parametrize("number", range(len(cases())))
def test_cfconv(number: int) -> None:
    c = cases()[number]
    rng = np.random.default_rng(number)
    (N, F, K, H), dtype = c["sizes"], DTYPES[c["dtype"]]
    sums = np.float64 if c["dtype"] == "f64" else np.float32
    cutoff = 2.5
    pos = points(rng, N).astype(sums)
    edges, _ = formula.near_pairs(pos.astype(np.float64), cutoff)
    shift = None
    match c["edges"]:
        case "directed":
            edges = edges[:, rng.random(edges.shape[1]) < 0.6]
        case "repeated":
            edges = np.concatenate([edges, edges[:, ::3]], axis=1)
        case "shifted":
            shift = (rng.standard_normal((edges.shape[1], 3)) * 0.3).astype(sums)
        case _:
            pass
    edges = edges[:, rng.permutation(edges.shape[1])] if shift is None else edges
    x = rng.standard_normal((N, F)).astype(dtype)
    x[:2] *= 3
    w1, w2 = rng.standard_normal((K, H)) * (2 / K) ** 0.5, rng.standard_normal((H, F)) * (2 / H) ** 0.5
    inputs: dict[str, Any] = {
        "x": x, "positions": pos, "w1": w1.astype(dtype), "b1": (rng.standard_normal(H) * 0.3).astype(sums),
        "w2": w2.astype(dtype),
    }  # fmt: skip
    if c["last bias"]:
        inputs["b2"] = (rng.standard_normal(F) * 0.3).astype(dtype)
    if c["kind"] == "torch":
        inputs = {n: torch_of(a) for n, a in inputs.items()}
    options: dict[str, Any] = {n: c[n] for n in ("activation", "basis", "envelope", "enveloped_basis")}
    options |= {"cutoff": cutoff, "num_radial": K}
    given: Any = schnet.Graph.of(edges, N) if c["edges"] == "graph" else edges
    if c["kind"] == "torch" and c["edges"] != "graph":
        given = torch_of(np.ascontiguousarray(edges))

    def op(b2: Any = None, **named: Any) -> Any:
        return call(schnet.cfconv, edge_index=given, edge_shift=shift, b2=b2, **named, **options)

    def oracle(**named: Any) -> Any:
        return formula.cfconv(edge_index=edges, edge_shift=shift, **named, **options)

    check(op, oracle, inputs, seed=7)


# ---- the network


def system(variant: Any, dtype: str = "f64", nodes: int = 14, seed: int = 0, **sizes: Any) -> tuple[Any, Any, Any]:
    """A small model, the kinds of some nodes, and their positions."""
    rng = np.random.default_rng(seed)
    shape = {"hidden": 20, "filters": 12, "blocks": 3, "radial": 9, "cutoff": 2.5} | sizes
    model = schnet.Model.xavier(variant, kinds=3, seed=seed, dtype=dtype, **shape)
    return model, rng.integers(0, 3, nodes), points(rng, nodes, 1.3).astype(model.embedding.dtype)


@pytest.mark.parametrize("edges", ["pairs", "directed", "repeated", "box"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_energy_and_forces(variant: str, edges: str) -> None:
    """Energies are the formula's; forces its central differences, to 1e-6; they sum to nothing."""
    model, kinds, pos = system(variant)
    rng = np.random.default_rng(5)
    if edges == "box":
        pos = rng.random((14, 3)) * 5.2
    pairs, shift = formula.near_pairs(pos, 2.5, [5.2] * 3 if edges == "box" else None)
    if edges == "directed":
        keep = rng.random(pairs.shape[1]) < 0.7
        pairs, shift = pairs[:, keep], shift[keep]
    if edges == "repeated":
        pairs, shift = np.concatenate([pairs, pairs[:, 3:9]], axis=1), np.concatenate([shift, shift[3:9]])
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, pairs, edge_shift=shift)
    want = formula.energy(model, kinds, pos, pairs, shift)
    np.testing.assert_allclose(energy, want, rtol=1e-12)
    wanted = formula.forces(model, kinds, pos, pairs, shift)
    assert np.abs(wanted).max() > 0.05
    assert np.abs(force - wanted).max() <= 1e-6 * max(1, np.abs(wanted).max())
    assert np.abs(force.sum(axis=0)).max() <= 1e-10
    if edges == "box":
        graph = schnet.radius_graph(pos, 2.5, box=[5.2] * 3)
        again, force_again = call(schnet.energy_and_forces, model, kinds, pos, graph)
        np.testing.assert_allclose(again, energy, rtol=1e-12)
        np.testing.assert_allclose(force_again, force, atol=1e-12)


@pytest.mark.parametrize("dtype", ["f64", "f32", "bf16"])
def test_interaction(dtype: str) -> None:
    """The block against its formula; x is not written."""
    model, _, pos = system("cgschnet", dtype)
    block, exact = model.blocks[0], model.to("f64").blocks[0]
    x = np.random.default_rng(2).standard_normal((14, 20)).astype(pos.dtype)
    edges, _ = formula.near_pairs(pos.astype(np.float64), 2.5)
    options = {"cutoff": 2.5, "activation": "tanh", "basis": "expnormal", "enveloped_basis": True}
    before = x.copy()
    found = call(schnet.interaction, x, pos, edges, block, **options)
    y = formula.cfconv(
        x.astype(np.float64) @ exact.wa, pos.astype(np.float64), edges, exact.w1, exact.b1, exact.w2, num_radial=9,
        **options,
    )  # fmt: skip
    want = x + np.tanh(y @ exact.wb + exact.bb) @ exact.wc + exact.bc
    assert np.abs(found - want).max() <= {"f64": 1e-13, "f32": 2e-6, "bf16": 3e-2}[dtype] * np.abs(want).max()
    assert (x == before).all()
    assert found.dtype == x.dtype
    assert np.abs(want - x).max() > 0.1
    with pytest.raises(LaunchError, match=r"'x' has shape \[14, 19\], expected \[nodes, 20\]"):
        call(schnet.interaction, x[:, 1:], pos, edges, block, **options)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
def test_dtypes(dtype: str, pooling: str) -> None:
    """Weights of every dtype, one to three systems at once; the error of f32 is that of f32."""
    variant = dataclasses.replace(schnet.Variant.of("schnetpack"), pooling=pooling)
    model, kinds, pos = system(variant, dtype, nodes=24, hidden=33, filters=50)
    batch = np.repeat([0, 1, 3], [9, 11, 4])
    graph = schnet.radius_graph(pos, 2.5, batch=batch)
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, graph, batch=batch)
    exact = model.to("f64")
    if pooling == "mean":  # the formula divides by the nodes of a system, and system 2 has none
        used = np.repeat([0, 1, 2], [9, 11, 4])
        want = np.insert(formula.energy(exact, kinds, pos.astype(np.float64), edges_of(graph), batch=used), 2, 0)
    else:
        want = formula.energy(exact, kinds, pos.astype(np.float64), edges_of(graph), batch=batch)
    _, forces = call(schnet.energy_and_forces, exact, kinds, pos.astype(np.float64), graph, batch=batch)
    tolerance = {"f64": 1e-12, "f32": 3e-6, "f16": 3e-3, "bf16": 3e-2}[dtype]
    assert np.abs(energy - want).max() <= tolerance * np.abs(want).max()
    assert np.abs(force - forces).max() <= 3 * tolerance * np.abs(forces).max()
    assert energy[2] == 0
    assert energy.dtype == force.dtype == pos.dtype


def edges_of(graph: schnet.Graph) -> Any:
    """[2, E] of a graph."""
    return graph.edge_index


def rotation(rng: np.random.Generator) -> Any:
    """A random rotation."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


@pytest.mark.parametrize("variant", VARIANTS)
def test_symmetries(variant: str) -> None:
    """Rotation, translation and permutation, in f64."""
    model, kinds, pos = system(variant)
    rng = np.random.default_rng(8)

    def run(k: Any, p: Any) -> Any:
        return call(schnet.energy_and_forces, model, k, p, schnet.radius_graph(p, 2.5))

    energy, force = run(kinds, pos)
    turn = rotation(rng)
    turned, turned_force = run(kinds, pos @ turn.T + [3.0, -7.0, 11.0])
    np.testing.assert_allclose(turned, energy, rtol=1e-12)
    np.testing.assert_allclose(turned_force, force @ turn.T, atol=1e-11)
    order = rng.permutation(len(kinds))
    moved, moved_force = run(kinds[order], pos[order])
    np.testing.assert_allclose(moved, energy, rtol=1e-13)
    np.testing.assert_allclose(moved_force, force[order], atol=1e-13)


# ---- bits


@pytest.mark.parametrize(("dtype", "table"), [("f32", False), ("bf16", False), ("f32", True)])
def test_bits_do_not_depend_on_order_threads_or_batch(dtype: str, table: bool) -> None:
    """Any order of the edges, any number of threads, alone or among others: the same bits."""
    model, _, _ = system("cgschnet", dtype, filters=40, hidden=24, radial=21)
    if table:
        model = call(model.tabulated, 100)
    rng = np.random.default_rng(2)
    sizes = [19, 1, 33, 7, 26]
    systems = [points(rng, n).astype(model.embedding.dtype) for n in sizes]
    kinds = [rng.integers(0, 3, n) for n in sizes]
    batch = np.repeat(np.arange(len(sizes)), sizes)
    pos, kind = np.concatenate(systems), np.concatenate(kinds)
    graph = schnet.radius_graph(pos, 2.5, batch=batch)
    energy, force = call(schnet.energy_and_forces, model, kind, pos, graph, batch=batch)
    again = call(schnet.energy_and_forces, model, kind, pos, graph, batch=batch)
    assert (again[0] == energy).all()
    assert (again[1] == force).all()
    with tg.threads(1):
        again = call(schnet.energy_and_forces, model, kind, pos, graph, batch=batch)
    assert (again[0] == energy).all()
    assert (again[1] == force).all()
    edges = edges_of(graph)
    edges = edges[:, rng.permutation(edges.shape[1])]
    again = call(schnet.energy_and_forces, model, kind, pos, edges, batch=batch)
    assert (again[0] == energy).all()
    assert (again[1] == force).all()
    for n, own in enumerate(systems):
        alone = call(schnet.energy_and_forces, model, kinds[n], own, schnet.radius_graph(own, 2.5))
        assert alone[0][0] == energy[n]
        assert (alone[1] == force[batch == n]).all()
    x = rng.standard_normal((len(pos), 24)).astype(np.float32)
    weights = (x[:9, :24] / 5, x[0], x[:24] / 5, x[1])
    options = {"cutoff": 2.5, "num_radial": 9}
    whole = call(schnet.cfconv, x, pos.astype(np.float32), graph, *weights, **options)
    part = call(
        schnet.cfconv, x[20:53], systems[2].astype(np.float32), schnet.radius_graph(systems[2], 2.5), *weights,
        **options,
    )  # fmt: skip
    assert (whole[20:53] == part).all()


# ---- corners


def test_degrees() -> None:
    """No edges, one edge, and more than several tiles of them."""
    rng = np.random.default_rng(4)
    n = 90
    pos = np.concatenate([rng.random((n, 3)), [[50.0, 0, 0], [70.0, 0, 0], [71.0, 0, 0]]])
    model, _, _ = system("schnetpack")
    graph = schnet.radius_graph(pos, 2.5)
    degree = np.bincount(edges_of(graph)[1], minlength=graph.nodes)
    assert sorted(set(degree.tolist())) == [0, 1, n - 1]
    kinds = rng.integers(0, 3, len(pos))
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, graph)
    np.testing.assert_allclose(energy, formula.energy(model, kinds, pos, edges_of(graph)), rtol=1e-12)
    assert (force[n] == 0).all()
    assert np.abs(force.sum(axis=0)).max() < 1e-8


def test_nothing() -> None:
    """No nodes, no edges."""
    model, kinds, pos = system("pyg")
    empty = np.zeros((2, 0), np.int64)
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, empty)
    np.testing.assert_allclose(energy, formula.energy(model, kinds, pos, empty), rtol=1e-12)
    assert (force == 0).all()
    energy, force = call(schnet.energy_and_forces, model, kinds[:0], pos[:0], empty)
    assert energy.tolist() == [0]
    assert force.shape == (0, 3)
    w = np.ones((3, 2)), np.ones(2), np.ones((2, 5)), np.ones(5)
    y = call(schnet.cfconv, np.ones((4, 5)), np.zeros((4, 3)), empty, *w, cutoff=1.0, num_radial=3)
    assert (y == 0).all()
    assert call(schnet.cfconv, np.ones((0, 5)), np.zeros((0, 3)), empty, *w, cutoff=1.0, num_radial=3).shape == (0, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_the_cutoff(dtype: Any) -> None:
    """At the cutoff an edge weighs nothing, just below it next to nothing; the open envelope goes on."""
    model, _, _ = system("schnetpack")
    b = model.to("f32" if dtype is np.float32 else "f64").blocks[0]
    x = np.ones((2, 12), dtype)
    for below in (0, 1):
        d = dtype(2.5) if not below else np.nextafter(dtype(2.5), dtype(0))
        pos = np.array([[0, 0, 0], [d, 0, 0]], dtype)
        y = call(schnet.cfconv, x, pos, [[0], [1]], b.w1, b.b1, b.w2, b.b2, cutoff=2.5, num_radial=9)
        assert np.abs(y).max() <= 1e-13
        assert len(edges_of(schnet.radius_graph(pos, 2.5))[0]) == 2 * below
    far = np.array([[0, 0, 0], [4.0, 0, 0]], dtype)
    y = call(schnet.cfconv, x, far, [[0], [1]], b.w1, b.b1, b.w2, b.b2, cutoff=2.5, num_radial=9)
    assert (y == 0).all()
    y = call(schnet.cfconv, x, far, [[0], [1]], b.w1, b.b1, b.w2, b.b2, cutoff=2.5, num_radial=9, envelope="open")
    assert np.abs(y).max() > 1e-3


def test_nan_stays_where_it_is_heard() -> None:
    """A NaN position reaches the nodes that hear it, and no other."""
    model, kinds, pos = system("schnetpack", blocks=1)
    graph = schnet.radius_graph(pos, 2.5)
    _, force = call(schnet.energy_and_forces, model, kinds, pos, graph)
    heard = set(edges_of(graph)[1][edges_of(graph)[0] == 3].tolist()) | {3}
    poisoned = pos.copy()
    poisoned[3] = np.nan
    _, found = call(schnet.energy_and_forces, model, kinds, poisoned, graph)
    reached = set(np.flatnonzero(np.isnan(found).any(axis=1)).tolist())
    second = {int(i) for n in heard for i in edges_of(graph)[1][edges_of(graph)[0] == n]}
    assert heard <= reached <= heard | second
    rest = sorted(set(range(len(pos))) - heard - second)
    assert rest
    assert (found[rest] == force[rest]).all()


# ---- other graphs


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_scattered_graphs(dtype: str) -> None:
    """Edges between nodes of distant numbers: the formula, and the same bits alone, among others and in any order."""
    rng = np.random.default_rng(12)
    edges, n = formula.scattered(rng, 700, 2), 700
    model, kinds, pos = system("schnetpack", dtype, nodes=n, blocks=2)
    graph = schnet.Graph.of(edges, n)
    assert (graph.pairs.right == NOWHERE).all()
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, graph)
    exact = model.to("f64")
    tolerance = {"f64": 1e-12, "f32": 1e-4}[dtype]  # 700 energies of both signs
    want = formula.energy(exact, kinds, pos.astype(np.float64), edges)
    np.testing.assert_allclose(energy, want, rtol=tolerance)
    twice = np.concatenate([edges, edges[:, rng.permutation(edges.shape[1])] + n], axis=1)
    batch = np.repeat([0, 1], n)
    both = call(schnet.energy_and_forces, model, np.tile(kinds, 2), np.tile(pos, (2, 1)), twice, batch=batch)
    assert (both[0] == energy).all()
    assert (both[1] == np.tile(force, (2, 1))).all()
    if dtype == "f64":
        assert np.abs(force.sum(axis=0)).max() <= 1e-10


@pytest.mark.parametrize("times", [1, 3])
def test_nan_is_not_heard_backwards(times: int) -> None:
    """An edge in one direction: what its destination holds does not reach its source."""
    model, _, _ = system("schnetpack")
    b, x = model.blocks[0], np.ones((2, 12))
    x[1] = np.nan
    y = call(
        schnet.cfconv, x, np.eye(2, 3), [[0] * times, [1] * times], b.w1, b.b1, b.w2, b.b2, cutoff=2.5, num_radial=9
    )
    assert (y[0] == 0).all()
    assert np.isfinite(y[1]).all()


# ---- tables


@pytest.mark.parametrize("variant", ["schnetpack", "cgschnet"])
def test_table(variant: str) -> None:
    """The error falls as cubic interpolation's does, is as stated, and forces are exact derivatives."""
    model, kinds, pos = system(variant)
    graph = schnet.radius_graph(pos, 2.5)
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, graph)
    errors = []
    for points_ in (128, 256, 512):
        table = call(model.tabulated, points_)
        stated = max(t.error for t in table.tables)
        energy_t, force_t = call(schnet.energy_and_forces, table, kinds, pos, graph)
        error = np.abs(force_t - force).max() / np.abs(force).max()
        print(f"{variant}, {points_} points: stated {stated:.1e}, forces differ by {error:.1e}")
        assert error <= 5 * stated
        np.testing.assert_allclose(energy_t, energy, rtol=5 * stated)
        errors.append(stated)
    assert errors[0] / errors[2] > 40
    coarse, step = call(model.tabulated, 20), 1e-6
    _, force = call(schnet.energy_and_forces, coarse, kinds, pos, graph)
    for at in [(0, 0), (1, 2), (5, 1), (13, 0)]:
        up, down = pos.copy(), pos.copy()
        up[at] += step
        down[at] -= step
        rise = [call(schnet.energy_and_forces, coarse, kinds, p, graph)[0][0] for p in (up, down)]
        assert abs(-(rise[0] - rise[1]) / (2 * step) - force[at]) < 1e-7
    assert np.abs(force.sum(axis=0)).max() < 1e-12


def test_a_table_is_a_cubic_hermite_spline() -> None:
    """SciPy's, through the network's values and slopes, in every interval and at the points; 0 beyond."""
    from scipy.interpolate import CubicHermiteSpline

    model, _, _ = system("schnetpack")
    table = call(model.tabulated, 6).tables[0]
    d = np.concatenate([np.linspace(0, 2.5, 6)[1:], np.random.default_rng(0).random(40) * 2.5, [2.6, 9.0]])
    pos = np.zeros((2 * len(d), 3))
    pos[1::2, 0] = d
    edges = np.stack([np.arange(0, len(pos), 2), np.arange(1, len(pos), 2)])
    y = np.full((len(pos), 12), np.nan)
    graph = schnet.Graph.of(edges, len(pos))
    slabs, pairs = np.full((2 * graph.pairs.tasks, BLOCK, 12), np.nan), graph.pairs
    call(kernels.cfconv_table_fwd, pos, np.ones_like(y), pairs.in_f64, table.rows, slabs, 2.5, table.last, BE=16)
    call(kernels.add_slabs, slabs, pairs.blocks, y)
    ends = np.concatenate([table.rows[:, :32], table.rows[-1:, 32:]])
    spline: Any = CubicHermiteSpline(np.linspace(0, 2.5, 6), ends[:, :12], ends[:, 16:28] / 0.5)
    want = np.where(d[:, None] < 2.5, spline(np.minimum(d, 2.5)), 0)
    np.testing.assert_allclose(y[1::2], want, atol=1e-13)
    network = model.blocks[0]
    exact = formula.cfconv(
        np.ones_like(y), pos, edges, network.w1, network.b1, network.w2, network.b2, cutoff=2.5, num_radial=9
    )
    np.testing.assert_allclose(y[1:9:2], exact[1:9:2], atol=1e-12)


# ---- the paths of the compiler


@pytest.mark.parametrize(("variant", "dtype"), [("schnetpack", "f64"), ("cgschnet", "f32"), ("schnetpack", "bf16")])
def test_plain_loops_and_the_evaluation_agree(variant: str, dtype: str) -> None:
    """The fast path, plain loops and the NumPy evaluation: one meaning, on outputs that hold NaN at first."""
    model, _, pos = system(variant, dtype, filters=24, radial=7, nodes=19)
    rng = np.random.default_rng(3)
    edges = edges_of(schnet.radius_graph(pos, 2.5))
    graph = schnet.Graph.of(edges[:, rng.random(edges.shape[1]) < 0.8], 19)
    flt, table = model.filter(0), call(model.tabulated, 30).tables[0]
    h = rng.standard_normal((19, 24)).astype(model.blocks[0].w1.dtype)
    gy = rng.standard_normal((19, 24)).astype(pos.dtype)
    pairs, blocks, tiles = flt.edges(graph.pairs), graph.pairs.blocks, {"BE": 16}
    tolerance = {"f64": 1e-12, "f32": 2e-5, "bf16": 2e-2}[dtype]

    def run(launch: Any) -> list[Any]:
        def slabs(width: int) -> Any:
            return np.full((2 * graph.pairs.tasks, BLOCK, width), np.nan, pos.dtype)

        y, z, gh, th, gp, tp, up = (slabs(w) for w in (24, 24, 24, 24, 3, 3, 3))
        launch(kernels.cfconv_fwd, pos, h, pairs, flt.weights, y, **flt.forwards, **tiles)
        launch(kernels.cfconv_bwd, pos, h, gy, pairs, flt.weights, gh, gp, **flt.backwards, **tiles)
        up[...] = gp
        launch(kernels.cfconv_bwd, pos, h, gy, pairs, flt.weights, None, up, **flt.backwards, more=True, **tiles)
        launch(kernels.cfconv_table_fwd, pos, h, pairs, table.rows, z, 2.5, table.last, **tiles)
        launch(kernels.cfconv_table_bwd, pos, h, gy, pairs, table.rows, th, tp, 2.5, table.last, **tiles)
        total = np.full((19, 24), np.nan, pos.dtype)
        launch(kernels.add_slabs, gh, blocks, total)
        return [y, z, gh, th, gp, tp, up, total]

    fast = run(lambda kernel, *args, **named: call(kernel, *args, **named))
    plain = run(lambda kernel, *args, **named: kernel.on(OnPath("loops"))(*args, **named))
    evaluated = run(lambda kernel, *args, **named: Evaluation(seed=1)(kernel, *args, **named))
    for a, b, c in zip(fast, plain, evaluated, strict=True):
        assert np.isfinite(a).all()
        assert np.abs(a - b).max() <= tolerance * np.abs(a).max()
        assert np.abs(a - c).max() <= tolerance * np.abs(a).max()
    if dtype != "bf16":  # with gh, the slope is carried forwards; without it, backwards
        np.testing.assert_allclose(fast[6], 2 * fast[4], rtol=1e-4, atol=tolerance * np.abs(fast[4]).max())


# ---- PyTorch's autograd


@pytest.mark.parametrize("edges", ["pairs", "directed"])
def test_gradients(edges: str) -> None:
    """gradcheck in f64: cfconv in x and positions, the energy in positions; forces are its negative gradient."""
    model, kinds, pos = system("schnetpack", nodes=9, blocks=2)
    rng = np.random.default_rng(1)
    pairs, _ = formula.near_pairs(pos, 2.5)
    if edges == "directed":
        pairs = pairs[:, rng.random(pairs.shape[1]) < 0.7]
    at: Any = torch.tensor(pos, requires_grad=True)
    x: Any = torch.tensor(rng.standard_normal((9, 12)), requires_grad=True)
    b = model.blocks[0]
    weights = [torch_of(w) for w in (b.w1, b.b1, b.w2, b.b2)]

    def conv(x: Any, at: Any) -> Any:
        return call(schnet.cfconv, x, at, pairs, *weights, cutoff=2.5, num_radial=9)

    assert torch.autograd.gradcheck(conv, (x, at))
    assert torch.autograd.gradcheck(lambda x: conv(x, at.detach()), (x,))
    batch = np.repeat([0, 1], [4, 5])
    inside = pairs[:, batch[pairs[0]] == batch[pairs[1]]]

    def energy(at: Any) -> Any:
        return call(schnet.energy, model, kinds, at, inside, batch=batch)

    assert torch.autograd.gradcheck(energy, (at,))
    found = energy(at)
    assert (found.detach() == energy(at.detach())).all()
    (gradient,) = torch.autograd.grad(found.sum(), at, retain_graph=True)
    (again,) = torch.autograd.grad(found.sum(), at)
    assert (gradient == again).all()
    energies, force = call(schnet.energy_and_forces, model, kinds, at.detach(), inside, batch=batch)
    assert (energies == found.detach()).all()
    assert (force == -gradient).all()


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_gradients_of_other_dtypes(dtype: str) -> None:
    """As f64 has them, as far as the dtype goes."""
    model, _, pos = system("schnetpack", dtype, nodes=9)
    graph = schnet.radius_graph(pos, 2.5)
    rng = np.random.default_rng(1)
    values = rng.standard_normal((9, 12)).astype(model.blocks[0].w1.dtype)
    found: list[Any] = []
    for kind in (model, model.to("f64")):
        b = kind.blocks[0]
        x = torch_of(values.astype(b.w1.dtype)).requires_grad_()
        at = torch_of(pos.astype(b.b1.dtype)).requires_grad_()
        weights = [torch_of(w) for w in (b.w1, b.b1, b.w2, b.b2)]
        y = call(schnet.cfconv, x, at, graph, *weights, cutoff=2.5, num_radial=9)
        found.append([numpy_of(g) for g in torch.autograd.grad((y.double() ** 2).sum(), (x, at))])
    for a, b in zip(*found, strict=True):
        assert np.abs(a - b).max() <= {"f32": 1e-5, "f16": 1e-2, "bf16": 8e-2}[dtype] * np.abs(b).max()


@pytest.mark.parametrize("edges", ["pairs", "directed"])
def test_the_operator_passes_opcheck(edges: str) -> None:
    """Schema, fake kernel, autograd and traced forms of `torch.ops.tegula.schnet_cfconv`."""
    model, _, pos = system("schnetpack", "f32", nodes=9)
    b, rng = model.blocks[0], np.random.default_rng(1)
    pairs, shift = formula.near_pairs(pos, 2.5)
    if edges == "directed":
        keep = rng.random(pairs.shape[1]) < 0.7
        pairs, shift = pairs[:, keep], shift[keep]
    graph = schnet.Graph.of(pairs, 9, shift if edges == "directed" else None)
    e, p = graph.pairs.in_f32, graph.pairs
    x, mu = rng.standard_normal((9, 12)).astype(np.float32), np.linspace(0, 2.5, 9, dtype=np.float32)
    arrays = [
        x, pos, b.w1, b.b1, b.w2, mu,
        p.ptr, p.left, p.right, p.one, p.other, p.start, p.slabs, p.slab, b.b2, e.shift, e.heard, e.told,
    ]  # fmt: skip
    args = [None if a is None else torch_of(a) for a in arrays]
    for n in (0, 1):
        args[n].requires_grad_()
    options = {
        "gamma": -5.0, "alpha": 0.0, "cutoff": 2.5, "activation": "ssp", "basis": "gaussian", "envelope": "cosine",
        "enveloped_basis": False,
    }  # fmt: skip
    checked = torch.library.opcheck(layer.OPERATOR.overload, tuple(args), options)
    assert set(checked.values()) == {"SUCCESS"}


def test_what_has_no_gradient_says_so() -> None:
    model, kinds, pos = system("pyg", nodes=6)
    graph = schnet.radius_graph(pos, 2.5)
    at: Any = torch.tensor(pos, requires_grad=True)
    b = model.blocks[0]
    weights = [torch_of(w) for w in (b.w1, b.b1, b.w2, b.b2)]
    x = torch.ones(6, 12, dtype=torch.float64)
    for n in range(4):
        given = [w.clone().requires_grad_() if n == i else w for i, w in enumerate(weights)]
        with pytest.raises(LaunchError, match=f"'{('w1', 'b1', 'w2', 'b2')[n]}' requires grad"):
            call(schnet.cfconv, x, at, graph, *given, cutoff=2.5, num_radial=9)
    with pytest.raises(LaunchError, match="'positions' requires grad"):
        call(schnet.energy_and_forces, model, kinds, at, graph)
    energy = call(schnet.energy, model, kinds, at, graph)
    (gradient,) = torch.autograd.grad(energy.sum(), at, create_graph=True)
    with pytest.raises(LaunchError, match="no second derivative"):
        gradient.sum().backward()


# ---- dynamics


def test_energy_is_conserved() -> None:
    """200 steps of NVE (velocity Verlet): the total energy stays."""
    model, kinds, pos = system("schnetpack", nodes=20, blocks=1)
    pos[10] -= 60
    velocity, dt, steps = np.random.default_rng(1).standard_normal(pos.shape) * 0.2, 5e-3, 200
    velocity -= velocity.mean(axis=0)
    totals = []
    energy, force = call(schnet.energy_and_forces, model, kinds, pos, schnet.radius_graph(pos, 2.5))
    kinetic = 0.5 * float((velocity**2).sum())
    for _ in range(steps):
        totals.append(float(energy[0]) + 0.5 * float((velocity**2).sum()))
        velocity += dt / 2 * force
        pos = pos + dt * velocity
        energy, force = call(schnet.energy_and_forces, model, kinds, pos, schnet.radius_graph(pos, 2.5))
        velocity += dt / 2 * force
    drift = np.abs(np.array(totals) - totals[0]).max()
    print(f"NVE, {steps} steps: energy {totals[0]:.6f}, kinetic {kinetic:.3f} at first, largest drift {drift:.1e}")
    assert drift < 1e-4 * kinetic
    assert np.abs(velocity.sum(axis=0)).max() < 1e-12


# ---- errors


def test_what_does_not_fit_is_named() -> None:
    x, pos = np.ones((4, 5)), np.zeros((4, 3))
    w = {"w1": np.ones((3, 2)), "b1": np.ones(2), "w2": np.ones((2, 5)), "b2": np.ones(5)}
    good: dict[str, Any] = {"x": x, "positions": pos, "edge_index": [[0], [1]], **w, "cutoff": 1.0, "num_radial": 3}
    call(schnet.cfconv, **good)
    for change, text in [
        ({"x": np.ones(4)}, "'x' has 1 axes"),
        ({"x": np.ones((4, 5), np.int64)}, "'x' holds i64"),
        ({"positions": pos.astype(np.float32)}, "'positions' holds f32, expected f64"),
        ({"positions": pos[:3]}, r"'positions' has shape \[3, 3\], expected \[4, 3\]"),
        ({"edge_index": [[0], [4]]}, "names node 4 of 4"),
        ({"edge_index": [[0], [-1]]}, "names node -1 of 4"),
        ({"edge_index": [0, 1]}, "'edge_index' has shape"),
        ({"edge_index": [[0.5], [1.0]]}, "'edge_index' holds float64"),
        ({"edge_shift": np.zeros((2, 3))}, "'edge_shift' has shape"),
        ({"edge_shift": [[0, 0, 0]]}, "'edge_shift' holds int64"),
        ({"edge_index": schnet.Graph.of([[0], [1]], 5)}, "the graph has 5 nodes"),
        ({"edge_index": schnet.Graph.of([[0], [1]], 4), "edge_shift": np.zeros((1, 3))}, "a Graph holds its shifts"),
        ({"w1": np.ones((4, 2))}, "'w1' has shape"),
        ({"w1": np.ones(3)}, "'w1' has shape"),
        ({"b1": np.ones(3)}, "'b1' has shape"),
        ({"w2": np.ones((3, 5))}, "'w2' has shape"),
        ({"b2": np.ones(4)}, "'b2' has shape"),
        ({"w2": np.ones((2, 5), np.float32)}, "'w2' holds f32"),
        ({"cutoff": 0.0}, "'cutoff' is 0.0"),
        ({"cutoff": float("nan")}, "'cutoff' is nan"),
        ({"num_radial": 0}, "'num_radial' is 0"),
        ({"activation": "relu"}, "'activation' is 'relu', expected 'ssp'"),
        ({"basis": "bessel"}, "'basis'"),
        ({"envelope": "step"}, "'envelope' is 'step'"),
    ]:
        with pytest.raises(LaunchError, match=text):
            call(schnet.cfconv, **{**good, **change})


def test_what_does_not_fit_a_model_is_named() -> None:
    model, kinds, pos = system("pyg")
    good: dict[str, Any] = {"model": model, "kinds": kinds, "positions": pos, "edge_index": [[0], [1]]}
    for change, text in [
        ({"kinds": kinds + 1}, "'kinds' has a number outside"),
        ({"kinds": kinds * 1.0}, "'kinds' is float64"),
        ({"positions": pos.astype(np.float32)}, "'positions' holds f32"),
        ({"positions": pos[:3]}, "'positions' has shape"),
        ({"batch": kinds[::-1] * 0 + np.arange(14)[::-1]}, "'batch' is not ascending"),
        ({"batch": np.zeros(3, np.int64)}, "'batch' is"),
    ]:
        with pytest.raises(LaunchError, match=text):
            call(schnet.energy_and_forces, **{**good, **change})
    with pytest.raises(LaunchError, match="variant 'schnet' is none of"):
        schnet.Variant.of("schnet")
    with pytest.raises(LaunchError, match="'pooling' is 'max'"):
        schnet.Variant(pooling="max")
    with pytest.raises(LaunchError, match="a table of 2 points"):
        model.tabulated(2)
    for arguments, text in [
        ({"positions": pos[0]}, "'positions' has shape"),
        ({"cutoff": -1.0}, "'cutoff' is -1.0"),
        ({"box": [5.0, 5.0]}, "'box' has shape"),
        ({"box": [4.0, 9.0, 9.0]}, "at least twice the cutoff"),
        ({"batch": np.arange(14)[::-1]}, "not ascending"),
        ({"batch": np.zeros(3)}, "'batch' is"),
        ({"positions": pos * np.nan}, "not finite"),
    ]:
        with pytest.raises(LaunchError, match=text):
            schnet.radius_graph(**{"positions": pos, "cutoff": 2.5, **arguments})
