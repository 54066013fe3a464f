# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The seam between the front end and the compiler: a protocol of four small classes.

The front end hands over MLIR text and gets back a module of compiled kernels. For each kernel and
each combination of sizes and strides it asks for a *record* once; a launch then passes the record
and one packed block of bytes. `tegula.runtime` implements the protocol over the C API; tests
implement it in a few lines.

Packed bytes: one 8-byte little-endian slot per argument of the specialised kernel, in its order.
A view's slot is its address. A scalar's slot holds f64 as a double, f32 as a float in the low four
bytes, f16 and bf16 as their bits in the low two bytes, i1 as 0 or 1, other integers and `index` as
a sign-extended 64-bit integer; unused bytes are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Position:
    """A range of source text. Lines count from 1, columns from 1; `end_column` is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message of the compiler. `sites` holds the place and then its call sites, innermost first."""

    severity: str  # "error", "warning", "remark" or "note"
    message: str
    sites: tuple[Position, ...] = ()
    notes: tuple[Diagnostic, ...] = ()


class CompileFailed(Exception):
    """Raised by `Backend.compile` and `Backend.emit`; the front end translates it to the author's lines."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = tuple(diagnostics)


class LaunchFailed(Exception):
    """Raised by a launch that is refused (a `require`, an alias, a promise) or that fails while it runs.

    `sites` is the author's place where the runtime knows it, `notes` are further places.
    """

    def __init__(self, message: str, sites: tuple[Position, ...] = (), notes: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.sites = sites
        self.notes = notes


class SimulationFailed(LaunchFailed):
    """What the simulator of a GPU has found while a kernel ran in it."""


@dataclass(frozen=True, slots=True)
class ArrayDesc:
    """Sizes and strides (in elements) of one array argument; the address comes with each launch."""

    name: str
    dtype: str
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScalarDesc:
    """A scalar argument; its value comes with each launch."""

    name: str
    dtype: str


ArgDesc = ArrayDesc | ScalarDesc


@dataclass(frozen=True, slots=True)
class Options:
    """What changes the code that is made; part of the key of a compiled module."""

    debug_checks: bool = False
    path: str = "sched"  # "sched": the fast path; "loops": plain scalar loops


class Record(Protocol):
    """A launch whose sizes and strides are fixed. Kept alive by the front end as long as it may run."""

    def launch(self, packed: bytes, threads: int, /) -> None:
        """Runs the kernel; `threads` 0 means as many as the process may use. Raises LaunchFailed.

        Called from several threads at once; `packed` is not kept.
        """
        ...


class CompiledKernel(Protocol):
    """One kernel of a module."""

    def prepare(self, args: Sequence[ArgDesc], /) -> Record:
        """Lays out the launch for these arguments, one descriptor per argument of the kernel."""
        ...

    def arena_bytes(self) -> int:
        """Scratch bytes that each thread of a launch needs."""
        ...


class Module(Protocol):
    """A compiled module."""

    def kernel(self, name: str, /) -> CompiledKernel:
        """The kernel of that name; the front end asks only for kernels it has put in."""
        ...


class Backend(Protocol):
    """A compiler and its runtime."""

    def compile(self, text: str, target: str, options: Options, /) -> Module:
        """Compiles MLIR text (generic form, with locations) for a target such as "native"."""
        ...

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        """The program at a level: "tegula", "sched", "loops", "llvm" or "asm"."""
        ...


@lru_cache(maxsize=1)
def default_backend() -> Backend:
    """The compiler of this installation: `tegula.runtime.backend()`, which loads the library.

    Called on the first compile, never on import. The import is late for the same reason.
    """
    try:
        module: Any = import_module("tegula.runtime")
        backend: Backend = module.backend()
    except ImportError as e:
        message = f"the compiled library of Tegula is not installed: {e}"
        raise CompileFailed([Diagnostic("error", message)]) from None
    return backend


class DeviceRecord(Record, Protocol):
    """A launch of a GPU's kernel, or of its simulator."""

    def launch_on(self, packed: bytes, stream: int, /) -> None:
        """Puts the kernel on a stream and waits for nothing. Raises LaunchFailed."""
        ...

    def simulate(self, packed: bytes, seed: int, races: bool, /) -> None:
        """Runs the kernel in the simulator. Raises LaunchFailed."""
        ...


class DeviceBackend(Backend, Protocol):
    """A backend that knows GPUs; the records of its kernels are `DeviceRecord`s."""

    def compile_on(self, text: str, target: str, options: Options, ordinal: int, /) -> Module:
        """As `compile`, loaded on device `ordinal` of the target's driver."""
        ...

    def device_target(self, api: str, ordinal: int, /) -> str:
        """The target whose code a device of "cuda" or "hip" runs. Raises CompileFailed."""
        ...


def device_backend() -> DeviceBackend:
    """`default_backend`, which knows GPUs."""
    backend: Any = default_backend()
    found: DeviceBackend = backend
    return found


def device_target(api: str, ordinal: int) -> str:
    """The target of a device. Raises CompileFailed: no driver, no device, or too old a device."""
    return device_backend().device_target(api, ordinal)


@dataclass(frozen=True, slots=True)
class Target:
    """What code is made for: its name with features, and facts that block sizes may be chosen by.

    Bytes are of one core. `on_chip_bytes` is what the tiles of an instance can stay in: the L2 cache of a CPU,
    the shared memory of a GPU. `sum_bytes` is what its sums can take: half of the registers of a GPU's block.
    `lanes` run in lockstep, 1 on a CPU; a vector of a GPU is a register of all of them.
    """

    name: str
    on_chip_bytes: int
    l1_bytes: int
    vector_bytes: int
    vector_registers: int
    sum_bytes: int
    lanes: int


@lru_cache(maxsize=32)
def target_facts(target: str) -> Target:
    """The facts of a target, such as "native". Raises CompileFailed if there is none of that name."""
    module: Any = import_module("tegula.runtime")
    facts: Target = module.backend().describe(target)
    return facts


@lru_cache(maxsize=32)
def resolved(target: str) -> str:
    """A target by its name in the table, with its features: what "native" is on this machine."""
    module: Any = import_module("tegula.runtime")
    name: str = module.backend().resolve(target)
    return name
