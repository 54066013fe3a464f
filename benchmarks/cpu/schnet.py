# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SchNet energies and forces of ubiquitin beside eager PyTorch, and the memory of both.

The network and the formula in PyTorch are those of examples/protein_forces.py: 374 beads, 28 544 edges,
128 features and filters, 6 blocks, 50 Gaussians. Replicas are the crystal structure with its atoms moved
a little. Both parties are given the list of edges; building it is not timed.

What bounds it: the two products of the filter network. With K = 50 and F = 128 they are 45.6 kFLOP a
pair of nodes and block forwards, and twice that backwards (value and slope, made again; three quarters of
it in the first block, whose features need no gradient). PyTorch makes both directions of a pair.
Everything else about a pair stays in the first-level cache. With tables no product is left, and reading
four rows of the table a pair (2 KiB, from the second-level cache) bounds it.

usage: python -m benchmarks.cpu.schnet ours|theirs REPLICAS
    prints the MiB that one call takes at its peak; what `memory` runs
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tegula.ops import schnet

from benchmarks import harness
from benchmarks.harness import Case

REPLICAS = (1, 8)
FLOORS = {1: 2.0, 8: 4.0}
TABLE_FLOOR, MEMORY_FLOOR = 5.0, 10.0


@functools.cache
def example() -> Any:
    """examples/protein_forces.py."""
    sys.path.insert(0, str(harness.ROOT / "examples"))
    import protein_forces

    return protein_forces


@dataclass(frozen=True)
class Setup:
    """Replicas, a network, and how each party computes energies and forces."""

    model: schnet.Model
    system: Any
    torch_inputs: tuple[Any, ...]
    network: Any

    @staticmethod
    def of(replicas: int, beads: int | None = None) -> Setup:
        """The crystal structure or its first beads, and the same moved by about 0.1 Å for the other replicas."""
        made = example()
        one = made.read(made.FILES / "pdb1ubi.pdb", made.BEADS)
        positions, kinds, residues = one.positions[:beads], one.kinds[:beads], one.residues[:beads]
        rng = np.random.default_rng(3)
        moved: list[Any] = [positions + 0.1 * min(n, 1) * rng.standard_normal(positions.shape) for n in range(replicas)]
        number = np.repeat(np.arange(replicas), len(kinds))
        all_beads = made.Beads(np.concatenate(moved), np.tile(kinds, replicas), np.tile(residues, replicas), number)
        model = schnet.Model.xavier("pyg", kinds=25, cutoff=made.CUTOFF, seed=made.SEED)
        system = made.System.of(all_beads)
        tensor = made.tensor_of
        inputs = (
            tensor(all_beads.kinds), tensor(all_beads.positions.astype(np.float32)), tensor(system.graph.edge_index),
            tensor(all_beads.batch), replicas,
        )  # fmt: skip
        return Setup(model, system, inputs, made.SchNetTorch(model))

    def ours(self, model: schnet.Model) -> Any:
        """Forces, as a tensor."""
        return example().tensor_of(self.system.ours(model)[1])

    def theirs(self) -> Any:
        """Forces by PyTorch. `inference_mode` would forbid their gradient."""
        with torch.inference_mode(False), torch.enable_grad():
            z, pos, edges, batch, count = (x.clone() if isinstance(x, torch.Tensor) else x for x in self.torch_inputs)
            return self.network.energy_and_forces(z, pos, edges, batch, count)[1]

    @property
    def flops(self) -> float:
        """Of the filters' products, forwards and backwards; in the first block one less."""
        pairs, blocks = len(self.system.graph.pairs.one), self.model.blocks
        return 2.0 * pairs * sum(3 * (b.w1.size + b.w2.size) - (b.w2.size if b is blocks[0] else 0) for b in blocks)


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference of two forces, relative to the largest force."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def cases(quick: bool) -> Iterator[Case]:
    """One replica and eight, with filters as networks and as tables."""
    for replicas in REPLICAS:
        with torch.inference_mode(False):
            setup = Setup.of(replicas)
        table = setup.model.tabulated(1024)
        name = f"1UBI x{replicas}"
        yield Case(
            "schnet", f"{name} network", lambda s=setup: s.ours(s.model), lambda s=setup: s.theirs(),
            FLOORS[replicas], setup.flops, difference, 1e-4,
        )  # fmt: skip
        yield Case(
            "schnet", f"{name} tables", lambda s=setup, t=table: s.ours(t), lambda s=setup: s.theirs(),
            TABLE_FLOOR, None, difference, 5e-4,
        )  # fmt: skip


# ---- memory


def grown(party: str, replicas: int) -> float:
    """MiB that the process grows by, at its peak, during one call. Compilation and set-up are done before."""
    small, setup = Setup.of(1, beads=20), Setup.of(replicas)

    def call(of: Setup) -> None:
        if party == "ours":
            of.ours(of.model)
        else:
            of.theirs()

    def status(field: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

    call(small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size again
    before = status("VmRSS:")
    call(setup)
    return status("VmHWM:") - before


def memory(replicas: int) -> tuple[float, float]:
    """What each party grows by, in processes of their own."""

    def run(party: str) -> float:
        command = [sys.executable, "-m", "benchmarks.cpu.schnet", party, str(replicas)]
        done = subprocess.run(command, cwd=harness.ROOT, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])

    return run("ours"), run("theirs")


if __name__ == "__main__":
    print(f"{grown(sys.argv[1], int(sys.argv[2])):.2f}")
