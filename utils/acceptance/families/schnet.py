# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SchNet message passing."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from acceptance import PYTHON, Points, need, pytest, python, run, speed

point = Points()
TESTS = "test/python/test_schnet.py"

SYSTEM = """
import numpy as np
from tegula.ops import schnet
rng = np.random.default_rng({seed})
x = rng.standard_normal((30, 3)) * 1.4
kinds = rng.integers(0, 3, 30)
def network(variant):
    return schnet.Model.xavier(
        variant, kinds=3, hidden=20, filters=12, blocks=2, radial=9, cutoff=2.5, seed={seed}, dtype="f64")
def run(model, x):
    return schnet.energy_and_forces(model, kinds, x, schnet.radius_graph(x, 2.5))
"""

FORCES = """
worst = net = 0.0
for variant in ("schnetpack", "pyg", "cgschnet"):
    model, graph = network(variant), schnet.radius_graph(x, 2.5)
    force = schnet.energy_and_forces(model, kinds, x, graph)[1]
    for at in [(n, n % 3) for n in range(30)]:
        step = np.zeros_like(x)
        step[at] = 1e-5
        up, down = (schnet.energy_and_forces(model, kinds, p, graph)[0][0] for p in (x + step, x - step))
        worst = max(worst, abs((down - up) / 2e-5 - force[at]))
    net = max(net, np.abs(force.sum(axis=0)).max())
print(worst, net)
"""

DRIFT = """
model, v, dt, totals = network("schnetpack"), rng.standard_normal(x.shape) * 0.2, 5e-3, []
energy, force = run(model, x)
for _ in range(200):
    totals.append(energy[0] + 0.5 * (v * v).sum())
    v = v + dt / 2 * force
    x = x + dt * v
    energy, force = run(model, x)
    v = v + dt / 2 * force
print(np.abs(np.array(totals) - totals[0]).max(), 0.5 * (v * v).sum())
"""


@point("schnet.forces", "forces are central differences of the energy to 1e-6 in f64, and sum to 1e-10 at most")
def _() -> str:
    worst, net = map(float, python(SYSTEM.format(seed=11) + FORCES).split())
    return need(worst <= 1e-6 and net <= 1e-10, f"three variants: differ by {worst:.1e}, sum {net:.1e}")


@point("schnet.nve", "the drift of 200 steps of NVE", cheap=False)
def _() -> str:
    drift, kinetic = map(float, python(SYSTEM.format(seed=12) + DRIFT).split())
    return need(drift < 1e-3 * kinetic, f"{drift:.1e} of a kinetic energy of {kinetic:.2f}")


@point(
    "schnet.edges",
    "nothing of the size of the edges is written: the forward kernels store sums of blocks of nodes alone",
)
def _() -> str:
    found = python(
        SYSTEM.format(seed=1) + "from tegula.ops.schnet import kernels, layer\n"
        "x = rng.standard_normal((400, 3)) * 2.6\n"
        "m, g = network('schnetpack'), schnet.radius_graph(x[np.argsort(x[:, 0])], 2.5)\n"
        "h, f, t = np.zeros((400, 12)), m.filter(0), m.tabulated(50).tables[0]\n"
        "e, slabs = f.edges(g.pairs), np.zeros((2 * g.pairs.tasks, 64, 12))\n"
        "texts = [kernels.cfconv_fwd.ir('tegula', x, h, e, f.weights, slabs, **f.forwards),\n"
        "  kernels.cfconv_table_fwd.ir('tegula', x, h, e, t.rows, slabs, 2.5, t.last)]\n"
        "print(*[s.count('out %') for s in texts], 64 * len(slabs), len(g.pairs.one))"
    )
    outputs, rows, pairs = found[:3], *map(int, found.split()[2:])
    return need(
        outputs == "1 1" and 2 * rows <= pairs, f"{outputs} outputs of two kernels, {rows} rows for {pairs} pairs"
    )


def tested(which: str) -> str:
    return pytest(TESTS, "-k", which)


point.add(
    "schnet.formula", "cfconv agrees with its formula: dtypes, odd sizes, every activation, basis and envelope",
    lambda: tested("test_cfconv or dtypes or degrees or nothing or cutoff"), cheap=False,
)  # fmt: skip
point.add(
    "schnet.bits", "equal bits in any order of edges, on any threads, alone and in a batch",
    lambda: tested("bits"), cheap=False,
)  # fmt: skip
point.add(
    "schnet.laws", "rotation, translation, permutation; periodic boxes; tables with their stated error",
    lambda: pytest(TESTS, "test/python/test_schnet_graph.py", "-k", "symmetries or box or graph or table or tasks"),
    cheap=False,
)  # fmt: skip
point.add(
    "schnet.gradients", "PyTorch differentiates cfconv and the energy (gradcheck in f64)",
    lambda: tested("gradient"), cheap=False,
)  # fmt: skip


@point("schnet.protein", "examples/protein_forces.py on ubiquitin and its 116 models", cheap=False)
def _() -> str:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "rows.json"
        run(PYTHON, "examples/protein_forces.py", "--out", folder, "--summary", summary, timeout=300)
        rows = json.loads(summary.read_text())
        picture = (Path(folder) / "protein_forces.png").stat().st_size
    values = {row["what"]: row["value"] for row in rows}
    same = values["models alone and in the batch"]
    return need(
        all(row["good"] for row in rows) and picture > 10_000,
        f"f64 to PyTorch {values['energy and forces, f64 to PyTorch f64']}; {same}",
    )


@point("schnet.memory", "at least 10 times less memory than PyTorch for energies and forces", cheap=False)
def _() -> str:
    ours, theirs = (
        float(run(PYTHON, "-m", "benchmarks.cpu.schnet", party, "8", timeout=300).split()[-1])
        for party in ("ours", "theirs")
    )
    return need(theirs >= 10 * ours, f"8 replicas of ubiquitin: {ours:.0f} MiB, PyTorch {theirs:.0f} MiB")


point.add(
    "schnet.speed",
    "energies and forces at least 2 (1 replica), 4 (8), 5 (tables) times as fast as PyTorch",
    partial(speed, "schnet"),
    cheap=False,
)
