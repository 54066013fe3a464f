# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Every operator as GPU code in the simulator, by the rule that holds on CPUs.

The module that runs is the one that goes to the backend. Three draws of fresh numbers, each run with another seed of
the simulator: another interleaving of warps and another landing of copies.
"""

from __future__ import annotations

import re
import secrets
from contextlib import AbstractContextManager, nullcontext

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
ORDER = 1 + secrets.randbits(16)
"""The simulator's seed in this process, which counts up with each launch: one for all, so that code is made once."""

REFUSALS: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    # message, cases, types, targets
    ("not a function of 'trips'", ("schnet_cfconv", "schnet_cfconv_directed"), ("f64", "f32"), ("sm_80",)),
    ("not a function of 'trips'", ("network schnetpack", "network pyg"), ("f64", "f32"), ("sm_80",)),
]
"""What is refused today, and a part of the message. What is listed must be refused, so the list can only be true."""

REFUSED = {(n, d, t): message for message, names, types, on in REFUSALS for n in names for d in types for t in on}


def fresh() -> int:
    seed = secrets.randbits(32)
    print("seed", seed, "of the simulator", ORDER)
    return seed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, dtype: str, target: str) -> None:
    with refusal(name, dtype, target):
        run(name, dtype, target, SEEDS)


def refusal(name: str, dtype: str, target: str) -> AbstractContextManager[object]:
    """Expects the refusal that is listed, or none."""
    message = REFUSED.get((name, dtype, target))
    return nullcontext() if message is None else pytest.raises(CompileError, match=re.escape(message))


def run(name: str, dtype: str, target: str, times: int) -> None:
    for _ in range(times):
        seed = fresh()
        c = CASES[name](np.random.default_rng(seed), dtype)
        with tg.simulate(target, seed=ORDER):
            check(c.op, c.oracle, c.inputs, seed=seed, draws=3)


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
    with refusal(f"network {variant}", dtype, target) as refused, tg.simulate(target, seed=ORDER):
        energy, force = schnet.energy_and_forces(model, kinds, at, graph)
    if refused is not None:
        return
    if variant == "table":
        wanted, forces = schnet.energy_and_forces(exact, kinds, wide, graph)
    else:
        wanted = formula.energy(exact, kinds, wide, graph.edge_index)
        forces = formula.forces(exact, kinds, wide, graph.edge_index)
    assert np.abs(forces).max() > 0.05
    assert np.abs(energy - wanted).max() <= TOLERANCE[dtype] * np.abs(wanted).max()
    assert np.abs(force - forces).max() <= max(3 * TOLERANCE[dtype], 1e-6) * np.abs(forces).max()
