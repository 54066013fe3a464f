# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.simulate`: kernels and operators as a GPU's code, run by the simulator on the caller's arrays."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tegula._compiler.backend import ArgDesc, ArrayDesc, CompileFailed, SimulationFailed, target_facts
from tegula._compiler.environment import compiling_for
from tegula._compiler.ops import Op, walk
from tegula.errors import LaunchError
from tegula.language.annotations import Access
from tegula.language.dtypes import BY_NAME


@dataclass(frozen=True, slots=True)
class Simulation:
    """How the launches of a block of code are simulated."""

    seed: int
    seeds: int
    check: bool


# None: as by default, where TEGULA_TARGET asks for the simulator.
SIMULATION: ContextVar[Simulation | None] = ContextVar("tegula_simulation", default=None)


@contextmanager
def simulate(target: str, *, seed: int = 1, seeds: int = 1, check: bool = True) -> Generator[None]:
    """Kernels launched inside are compiled for a GPU and run in its simulator, on the caller's arrays.

        with tg.simulate("sm_80"):
            tg.ops.attention(q, k, v)

    `tg.target` describes that GPU meanwhile. It holds for the code inside, in this thread or task, and nests.

    Args:
        target: A GPU, "sm_80" or "gfx942".
        seed: What a GPU leaves open, the order of blocks and warps and the arrival of copies, is drawn from it.
            The same seed gives the same run of each launch.
        seeds: Each launch runs with so many seeds, from `seed` on, on the same inputs; results that are not
            bitwise equal are an error, unless the kernel adds up in any order.
        check: Look for data races too; it takes a little longer.

    Raises:
        LaunchError: There is no GPU of that name.
        SimulationError: Inside, at a launch: what the simulator has found, at the author's line.
    """
    if seeds < 1 or seed < 0:
        raise LaunchError(f"simulate: {seeds} seeds from {seed} on: at least 1, from 0 on")
    wanted = f"simulate:{target}"
    try:
        target_facts(wanted)
    except CompileFailed as e:
        raise LaunchError("simulate: " + "; ".join(d.message for d in e.diagnostics)) from None
    token = SIMULATION.set(Simulation(seed, seeds, check))
    try:
        with compiling_for(wanted):
            yield
    finally:
        SIMULATION.reset(token)


@dataclass(frozen=True, slots=True)
class _Written:
    """A view that a kernel writes: which word is its address, and what it reaches from there."""

    name: str
    word: int
    low: int
    bytes: int

    @staticmethod
    def of(word: int, desc: ArrayDesc) -> _Written:
        spans = [(n - 1) * s for n, s in zip(desc.sizes, desc.strides)]
        width = BY_NAME[desc.dtype].bytes
        reached = 0 if 0 in desc.sizes else (sum(abs(s) for s in spans) + 1) * width
        return _Written(desc.name, word, sum(s for s in spans if s < 0) * width, reached)


def simulated_launch(
    kernel: str, record: Any, descs: Sequence[ArgDesc], accesses: Mapping[str, Access], op: Op
) -> Callable[[bytes, int], None]:
    """A launch in the simulator, as the code around the call wants it."""
    written = [
        _Written.of(i, d) for i, d in enumerate(descs) if isinstance(d, ArrayDesc) and accesses[d.name] is not Access.IN
    ]
    any_order = any(o.name == "tegula.reduce_store" for o in walk(op))

    def launch(packed: bytes, _threads: int) -> None:
        how = SIMULATION.get() or Simulation(1, 1, True)
        words = struct.unpack(f"<{len(packed) // 8}Q", packed)
        before = [_read(w, words) for w in written] if how.seeds > 1 else []
        first: list[bytes] = []
        for seed in range(how.seed, how.seed + how.seeds):
            for w, data in zip(written, before if seed > how.seed else ()):
                ctypes.memmove(words[w.word] + w.low, data, w.bytes)
            record.simulate(packed, seed, how.check)
            if how.seeds == 1 or any_order:
                continue
            results = [_read(w, words) for w in written]
            first = first or results
            for w, a, b in zip(written, first, results):
                if a != b:
                    raise SimulationFailed(
                        f"kernel '{kernel}' gives another '{w.name}' with seed {seed} than with seed {how.seed}: its "
                        "result depends on what a GPU leaves open"
                    )

    return launch


def _read(view: _Written, words: Sequence[int]) -> bytes:
    return ctypes.string_at(words[view.word] + view.low, view.bytes)
