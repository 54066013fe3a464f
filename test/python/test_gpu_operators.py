# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Every operator as GPU code in the simulator, by the rule that holds on CPUs.

The module that runs is the one that goes to the backend. Three draws of fresh numbers, each with another seed of the
simulator: another interleaving of warps and another landing of copies.
"""

from __future__ import annotations

import secrets

import numpy as np
import pytest
import schnet_formula as formula
import tegula as tg
from gpu_operators import CASES, points, sums
from operators import DTYPES
from tegula.errors import CompileError
from tegula.ops import schnet
from tegula.testing import check

TARGETS = ("sm_80", "gfx942")
SEEDS = 3

REFUSED: dict[tuple[str, str, str], str] = {}
"""What the compiler refuses today: (case, dtype, target), and a part of the message.

A combination that is listed must be refused with that message, so the list can only be true.
"""


def fresh() -> int:
    seed = secrets.randbits(32)
    print("seed", seed)
    return seed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, dtype: str, target: str) -> None:
    refusal = REFUSED.get((name, dtype, target))
    if refusal is not None:
        with tg.simulate(target), pytest.raises(CompileError, match=refusal):
            run(name, dtype, target, 1)
        return
    run(name, dtype, target, SEEDS)


def run(name: str, dtype: str, target: str, times: int) -> None:
    for _ in range(times):
        seed = fresh()
        c = CASES[name](np.random.default_rng(seed), dtype)
        with tg.simulate(target, seed=1 + seed % 2**16):
            check(c.op, c.oracle, c.inputs, seed=seed, draws=3, pooled=c.pooled)


TOLERANCE = {"f64": 1e-12, "f32": 3e-6, "f16": 3e-3, "bf16": 3e-2}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "variant, dtype", [("schnetpack", "f64"), ("pyg", "f32"), ("cgschnet", "bf16"), ("table", "f32")]
)
def test_network(variant: str, dtype: str, target: str) -> None:
    """Energies and forces; those of a table are compared with the table's on the CPU."""
    seed = fresh()
    rng = np.random.default_rng(seed)
    shape = {"hidden": 20, "filters": 12, "blocks": 2, "radial": 9, "cutoff": 2.5}
    kind = "schnetpack" if variant == "table" else variant
    model = schnet.Model.xavier(kind, kinds=3, seed=seed % 1000, dtype=dtype, **shape)
    exact = model.to("f64")
    if variant == "table":
        model, exact = model.tabulated(64), exact.tabulated(64)
    kinds, at = rng.integers(0, 3, 14), points(rng, 14).astype(DTYPES[sums(dtype)])
    graph = schnet.radius_graph(at, 2.5)
    wide = at.astype(np.float64)
    with tg.simulate(target, seed=1 + seed % 2**16):
        energy, force = schnet.energy_and_forces(model, kinds, at, graph)
    if variant == "table":
        wanted, forces = schnet.energy_and_forces(exact, kinds, wide, graph)
    else:
        wanted = formula.energy(exact, kinds, wide, graph.edge_index)
        forces = formula.forces(exact, kinds, wide, graph.edge_index)
    assert np.abs(forces).max() > 0.05
    assert np.abs(energy - wanted).max() <= TOLERANCE[dtype] * np.abs(wanted).max()
    assert np.abs(force - forces).max() <= max(3 * TOLERANCE[dtype], 1e-6) * np.abs(forces).max()
