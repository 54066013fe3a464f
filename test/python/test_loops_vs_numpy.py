# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Random programs on both paths of the compiler and in the NumPy evaluation, which share nothing.

Smooth programs at float64 agree to 1e-12. Exact ones (no sums of floats, no functions) agree in every
bit at every type, 16-bit floats rounded after each op.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import plain_loops
import pytest
from random_programs import Program, program, run
from tegula.testing import Evaluation
from test_language_compiled import OnPath

DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
# Structured ops decomposed, streams split, tiles in buffers: all that can still be run as plain loops.
SCHEDULED = (
    "tegula-split-streams,canonicalize,tegula-decompose,canonicalize,cse,sched-plan,sched-order-anchors,"
    "sched-form-maps,sched-materialize,canonicalize,cse,tegula-to-loops"
)


def tiles(seed: int) -> dict[str, int]:
    """Sizes of tiles, mostly none that a machine likes."""
    rng = np.random.default_rng([seed, 98])
    return {"BM": int(rng.choice([1, 3, 4, 7, 16])), "BN": int(rng.choice([1, 5, 8, 17, 40]))}


def arguments(seed: int, dtype: str) -> list[Any]:
    """Arrays of any size, some of them not contiguous, and bounds of the stream."""
    rng = np.random.default_rng([seed, 99])
    m, k = (int(n) for n in rng.integers(1, 21, 2))
    n = int(rng.integers(1, tiles(seed)["BN"] + 1))
    x, y = (rng.standard_normal((2 * rows, n)).astype(DTYPES[dtype])[::2] for rows in (m, k))
    z = rng.integers(-20, 20, (n, m)).astype(np.int32).T
    a = np.float64 if dtype == "f64" else np.float32
    p, q, r = np.zeros((m, n), x.dtype), np.zeros((m, n), a), np.zeros((m, n), np.int32)
    return [x, y, z, p, q, r, int(rng.integers(0, 3)), int(rng.integers(0, k + 3))]


def evaluated(seed: int, plan: Program, args: list[Any]) -> list[Any]:
    """The outputs in NumPy."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        Evaluation(seed=1)(run, *copies, plan=plan, **tiles(seed))
    return copies[3:6]


def compare(got: list[Any], want: list[Any], exact: bool) -> None:
    for a, b in zip(got, want, strict=True):
        if exact or b.dtype.kind == "i":
            np.testing.assert_array_equal(a.astype(np.float64), b.astype(np.float64))
        else:
            assert np.isfinite(b).all() and np.abs(a - b).max() <= 1e-12 * max(np.abs(b).max(), 1)


PATHS = pytest.mark.parametrize("path", ["loops", "sched"])


@PATHS
@pytest.mark.parametrize("seed", range(20))
def test_smooth(seed: int, path: str) -> None:
    plan, args = program(seed, "smooth"), arguments(seed, "f64")
    want = evaluated(seed, plan, args)
    run.on(OnPath(path))(*args, plan=plan, **tiles(seed))
    compare(args[3:6], want, exact=False)


@PATHS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(6))
def test_exact(seed: int, dtype: str, path: str) -> None:
    plan, args = program(seed, "exact"), arguments(seed, dtype)
    want = evaluated(seed, plan, args)
    run.on(OnPath(path))(*args, plan=plan, **tiles(seed))
    compare(args[3:6], want, exact=True)


SCHEDULED_SEEDS = range(100, 112)


@pytest.fixture(scope="module")
def scheduled() -> plain_loops.Loaded:
    """Smooth programs, scheduled and then run as plain loops, in one module."""
    texts = []
    for seed in SCHEDULED_SEEDS:
        text = run.ir("tegula", *arguments(seed, "f64"), plan=program(seed, "smooth"), **tiles(seed))
        texts.append(plain_loops.tegula_opt(text, "canonicalize").replace("@run(", f"@run_{seed}("))
    kernels = "\n".join(text.strip().removeprefix("module {").removesuffix("}") for text in texts)
    return plain_loops.load(kernels, SCHEDULED)


@pytest.mark.parametrize("seed", SCHEDULED_SEEDS)
def test_scheduled(scheduled: plain_loops.Loaded, seed: int) -> None:
    args = arguments(seed, "f64")
    want = evaluated(seed, program(seed, "smooth"), args)
    scheduled.launch(f"run_{seed}", 1, *args)
    compare(args[3:6], want, exact=False)
