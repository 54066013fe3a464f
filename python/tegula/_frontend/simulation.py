# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.simulate`: kernels and operators as a GPU's code, run by the simulator on the caller's arrays."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tegula._compiler.backend import CompileFailed, target_facts
from tegula._compiler.environment import compiling_for
from tegula.errors import LaunchError


@contextmanager
def simulate(target: str, *, seed: int = 1) -> Generator[None]:
    """Kernels launched inside are compiled for a GPU and run in its simulator, on the caller's arrays.

        with tg.simulate("sm_80"):
            tg.ops.attention(q, k, v)

    `tg.target` describes that GPU meanwhile. It holds for the code inside, in this thread or task, and nests.

    Raises:
        LaunchError: There is no GPU of that name.
        SimulationError: Inside, at a launch: what the simulator has found, at the author's line.
    """
    wanted = f"simulate:{target}:{seed}"
    try:
        target_facts(wanted)
    except CompileFailed as e:
        raise LaunchError("; ".join(d.message for d in e.diagnostics)) from None
    with compiling_for(wanted):
        yield
