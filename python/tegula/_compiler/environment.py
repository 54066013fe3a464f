# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the process's environment says, read once, and the target that a block of code chooses instead."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache

from tegula._compiler.backend import Options

# What the code around a call says about its target; None: the process's own.
TARGET: ContextVar[str | None] = ContextVar("tegula_target", default=None)


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


def environment() -> Environment:
    """The process's environment, with the target of the code around the call."""
    target = TARGET.get()
    return process() if target is None else replace(process(), target=target)


@contextmanager
def compiling_for(target: str) -> Generator[None]:
    """What is compiled inside is for this target."""
    token = TARGET.set(target)
    try:
        yield
    finally:
        TARGET.reset(token)


def is_simulated(target: str) -> bool:
    """Whether the simulator runs the code of this target."""
    return target.startswith("simulate:")


def chip(target: str) -> str:
    """The target without what says that it is simulated: "sm_80" of "simulate:sm_80:7"."""
    words = target.split(":")
    return words[1] if words[0] == "simulate" and len(words) > 1 else target


@lru_cache(maxsize=1)
def process() -> Environment:
    """The environment as it was when it was first asked for."""
    get = os.environ.get
    threads = get("TEGULA_NUM_THREADS", "0")
    options = Options(debug_checks=get("TEGULA_DEBUG", "0") == "1", path=get("TEGULA_PATH", "sched"))
    return Environment(get("TEGULA_TARGET", "native"), options, int(threads) if threads.isdigit() else 0)
