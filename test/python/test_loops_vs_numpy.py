# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Random programs, scheduled and then run as plain loops by LLVM's own tools, are what the NumPy evaluation says.

`test_tile_programs` runs a thousand through the library. Here its JIT takes no part, and what `tegula-to-loops`
makes of the buffers and maps of a schedule is compared, with structured ops decomposed.
"""

from __future__ import annotations

import re

import numpy as np
import plain_loops
import pytest
from tegula.testing import Evaluation
from tile_programs.draw import program
from tile_programs.form import Program, source
from tile_programs.run import difference, kernel_of, outputs

# Structured ops decomposed, streams split, tiles in buffers: all that can still be run as plain loops.
SCHEDULED = (
    "tegula-split-streams,canonicalize,tegula-decompose,canonicalize,cse,sched-plan,sched-order-anchors,"
    "sched-form-maps,sched-materialize,canonicalize,cse,tegula-to-loops"
)
COUNT = 30


def chosen() -> dict[int, Program]:
    """By seed, programs in f64 with a stream in them."""
    found: dict[int, Program] = {}
    for seed in range(5000, 6000):
        drawn = program(seed)
        if drawn.dtype == "f64" and not drawn.special and "tg.stream" in source(drawn):
            found[seed] = drawn
        if len(found) == COUNT:
            break
    return found


PROGRAMS = chosen()


@pytest.fixture(scope="module")
def scheduled() -> plain_loops.Loaded:
    """All of them in one module."""
    texts = []
    for seed, drawn in PROGRAMS.items():
        text = kernel_of(drawn).ir("tegula", *plain_arguments(drawn))
        texts.append(plain_loops.tegula_opt(text, "canonicalize").replace("@kernel(", f"@kernel_{seed}("))
    kernels = "\n".join(text.strip().removeprefix("module {").removesuffix("}") for text in texts)
    return plain_loops.load(kernels, SCHEDULED)


def plain_arguments(drawn: Program) -> list[np.ndarray]:
    """Arrays that specialise the kernel."""
    found: list[np.ndarray] = []
    outputs(drawn, lambda *arrays: found.extend(arrays))
    return found


@pytest.mark.parametrize("seed", PROGRAMS)
def test_scheduled(scheduled: plain_loops.Loaded, seed: int) -> None:
    drawn = PROGRAMS[seed]
    rank = len(re.findall(r"\bg\d+\b", drawn.grid.partition(" = ")[0]))
    want = outputs(drawn, lambda *arrays: Evaluation(seed=seed, poison=False)(kernel_of(drawn), *arrays))
    got = outputs(drawn, lambda *arrays: scheduled.launch(f"kernel_{seed}", rank, *arrays))
    found = difference(drawn, got, want)
    assert found is None, f"{found}\n{source(drawn)}"
