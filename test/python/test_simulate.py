# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.simulate`: the same calls, as a GPU's code in the simulator."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tegula as tg
import torch
from tegula import In, Out, T, tile
from tegula.errors import LaunchError, SimulationError

CHIPS = ("sm_80", "gfx942")


@tg.kernel
def double(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 64) -> None:
    n = tg.grid((x.shape[0], B))
    tg.store(y, (n,), tg.load(x, (n,)) * 2)


@tg.kernel
def all_to_one(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 64) -> None:
    n = tg.grid((x.shape[0], B))
    tg.store(y, (tg.span(0, B),), tg.load(x, (n,)))


@pytest.mark.parametrize("chip", CHIPS)
def test_a_kernel_runs_as_the_code_of_the_gpu(chip: str) -> None:
    x = np.random.default_rng().standard_normal(1000).astype(np.float32)
    y = np.full_like(x, np.nan)
    with tg.simulate(chip):
        double(x, y)
        assert tg.target.name.startswith(f"simulate:{chip}")
    np.testing.assert_array_equal(y, x * 2)
    assert not tg.target.name.startswith("simulate")
    double(x, y)  # the CPU's again
    assert not np.isnan(y).any()


@pytest.mark.parametrize("chip", CHIPS)
def test_operators_and_their_backward_run(chip: str) -> None:
    torch.manual_seed(int(np.random.default_rng().integers(1 << 30)))
    a, b = (torch.randn(64, 64, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    with tg.simulate(chip):
        out = tg.ops.matmul(a, b)
        out.float().square().sum().backward()
    want_a, want_b = (x.detach().double().requires_grad_() for x in (a, b))
    want = want_a @ want_b
    want.square().sum().backward()
    for got, wanted in zip([out, a.grad, b.grad], [want, want_a.grad, want_b.grad]):
        assert got is not None and wanted is not None
        assert (got.double() - wanted).abs().max() < 0.02 * wanted.abs().max()


@pytest.mark.parametrize("chip", CHIPS)
def test_what_the_simulator_finds_is_an_error_at_the_authors_line(chip: str) -> None:
    x = np.random.default_rng().standard_normal(256).astype(np.float32)
    with tg.simulate(chip), pytest.raises(SimulationError, match="race") as caught:
        all_to_one(x, np.empty_like(x))
    assert caught.value.file is not None and Path(caught.value.file).name == Path(__file__).name


def test_an_unknown_gpu_is_an_error() -> None:
    with pytest.raises(LaunchError, match="sm_81"), tg.simulate("sm_81"):
        pass


def test_simulations_nest_and_stay_in_their_thread() -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(tg.target.name)

    with tg.simulate("sm_80"):
        other = threading.Thread(target=look)
        other.start()
        other.join()
        with tg.simulate("gfx942"):
            look()
        look()
    look()
    cpu, inner, outer, after = seen
    assert cpu == after and "gfx942" in inner and "sm_80" in outer


def test_ir_of_another_target_needs_no_simulation() -> None:
    spec = tg.Spec((64,), tg.f32)
    assert ".target sm_80" in double.ir("ptx", spec, spec, target="sm_80")
    assert "rocdl" in double.ir("rocdl", spec, spec, target="gfx942")
    assert "sched.kernel" in double.ir("sched", spec, spec, target="sm_80")
