# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the process's environment says, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from tegula._compiler.backend import Options


@dataclass(frozen=True, slots=True)
class Environment:
    """Part of the key of everything that is compiled, but for `threads`.

    TEGULA_TARGET: "native" (default), "x86-64-v3", "x86-64-v4"; "simulate:sm_80" or "simulate:gfx942"
    (and a seed, "simulate:sm_80:7") to run a GPU's code in the simulator.
    TEGULA_PATH: "sched" (default), or "loops" for plain scalar loops.
    TEGULA_DEBUG: "1" adds run-time checks of coordinates.
    TEGULA_NUM_THREADS: threads of a launch; 0 (default) means as many as the process may use.
    """

    target: str = "native"
    options: Options = Options()
    threads: int = 0


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment as it was when it was first asked for."""
    get = os.environ.get
    threads = get("TEGULA_NUM_THREADS", "0")
    options = Options(debug_checks=get("TEGULA_DEBUG", "0") == "1", path=get("TEGULA_PATH", "sched"))
    return Environment(get("TEGULA_TARGET", "native"), options, int(threads) if threads.isdigit() else 0)
