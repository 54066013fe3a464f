# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The protocol of `tegula._compiler.backend` over `libtegula`."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_int64, sizeof

from tegula._compiler.backend import (
    ArgDesc,
    ArrayDesc,
    CompileFailed,
    Diagnostic,
    LaunchFailed,
    Options,
    SimulationFailed,
    Target,
)
from tegula.runtime.library import DTYPES, CDescriptor, CLaunchOptions, COptions, CTargetFacts, Library


class LibraryRecord:
    """A prepared launch; owns its handle."""

    __slots__ = ("_handle", "_launch", "_library")

    def __init__(self, library: Library, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._launch = library.dll.tegula_launch

    def launch(self, packed: bytes, threads: int, /) -> None:
        """Runs the kernel. Raises LaunchFailed if it is refused or fails."""
        failure = self._launch(self._handle, packed, threads)
        if failure:
            raise _launch_failed(self._library.diagnostics(failure))

    def launch_on(self, packed: bytes, stream: int, /) -> None:
        """Puts the kernel on a GPU's stream. Raises LaunchFailed if it is refused."""
        self._launch_with(packed, CLaunchOptions(sizeof(CLaunchOptions), stream=stream))

    def simulate(self, packed: bytes, seed: int, races: bool, /) -> None:
        """Runs the kernel in the simulator. Raises LaunchFailed for what it finds."""
        self._launch_with(packed, CLaunchOptions(sizeof(CLaunchOptions), no_races=not races, seed=seed, has_seed=1))

    def _launch_with(self, packed: bytes, options: CLaunchOptions) -> None:
        failure = self._library.dll.tegula_launch_with(self._handle, packed, options)
        if failure:
            raise _launch_failed(self._library.diagnostics(failure))

    def __del__(self) -> None:
        self._library.dll.tegula_record_free(self._handle)


class LibraryKernel:
    """A kernel of a module, which it keeps alive."""

    __slots__ = ("_handle", "_library", "_module")

    def __init__(self, library: Library, module: LibraryModule, handle: int) -> None:
        self._library = library
        self._module = module
        self._handle = handle

    def prepare(self, args: Sequence[ArgDesc], /) -> LibraryRecord:
        """Lays out a launch. Raises LaunchFailed where the arguments do not fit the kernel."""
        # The arrays live as long as `kept` does: until the call has returned.
        kept: list[object] = []
        descriptors = (CDescriptor * len(args))()
        for descriptor, arg in zip(descriptors, args):
            descriptor.dtype = DTYPES[arg.dtype]
            if isinstance(arg, ArrayDesc):
                array = c_int64 * len(arg.sizes)
                sizes, strides = array(*arg.sizes), array(*arg.strides)
                kept += [sizes, strides]
                descriptor.rank, descriptor.sizes, descriptor.strides = len(arg.sizes), sizes, strides
        handle, messages = self._library.call("tegula_prepare", self._handle, descriptors, len(args))
        if handle is None:
            raise _launch_failed(messages)
        return LibraryRecord(self._library, handle)

    def arena_bytes(self) -> int:
        """Scratch bytes that each thread of a launch needs."""
        return int(self._library.dll.tegula_kernel_arena_bytes(self._handle))


class LibraryModule:
    """A program in memory; owns its handle."""

    __slots__ = ("_handle", "_library")

    def __init__(self, library: Library, handle: int) -> None:
        self._library = library
        self._handle = handle

    def kernel(self, name: str, /) -> LibraryKernel:
        """The kernel of that name. Raises KeyError if there is none."""
        handle = self._library.dll.tegula_module_find(self._handle, name.encode())
        if not handle:
            raise KeyError(name)
        return LibraryKernel(self._library, self, handle)

    def __del__(self) -> None:
        self._library.dll.tegula_module_free(self._handle)


class LibraryBackend:
    """Compiles and loads through `libtegula`."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def compile(self, text: str, target: str, options: Options, /) -> LibraryModule:
        """Compiles MLIR text and loads it. Raises CompileFailed."""
        return self.compile_on(text, target, options, -1)

    def compile_on(self, text: str, target: str, options: Options, ordinal: int, /) -> LibraryModule:
        """As `compile`, loaded on device `ordinal` of a GPU's driver. Raises CompileFailed."""
        artifact, messages = self._compiler("tegula_compile", text, (), target, options)
        if artifact is None:
            raise CompileFailed(messages)
        try:
            module, messages = self._library.call("tegula_module_load_on", artifact, ordinal)
        finally:
            self._library.dll.tegula_artifact_free(artifact)
        if module is None:
            raise CompileFailed(messages)
        return LibraryModule(self._library, module)

    def resolve(self, target: str, /) -> str:
        """A target by its name in the table, with its features. Raises CompileFailed if there is none."""
        artifact, messages = self._compiler("tegula_compile", "module {}", (), target, Options())
        if artifact is None:
            raise CompileFailed(messages)
        try:
            name: bytes = self._library.dll.tegula_artifact_target(artifact)
            return name.decode()
        finally:
            self._library.dll.tegula_artifact_free(artifact)

    def describe(self, target: str, /) -> Target:
        """The facts of a target. Raises CompileFailed if there is none of that name."""
        facts = CTargetFacts(sizeof(CTargetFacts))
        name, messages = self._library.call("tegula_target_describe", target.encode(), addressof(facts))
        if name is None:
            raise CompileFailed(messages)
        text = self._library.take_bytes(name).decode()
        return Target(
            text,
            facts.on_chip_bytes,
            facts.l1_bytes,
            facts.vector_bytes,
            facts.vector_registers,
            facts.sum_bytes,
            facts.lanes,
        )

    def device_target(self, api: str, ordinal: int, /) -> str:
        """The target whose code a device of "cuda" runs. Raises CompileFailed."""
        gpu, messages = self._library.call("tegula_gpu_open", api.encode(), ordinal)
        if gpu is None:
            raise CompileFailed(messages)
        try:
            name: bytes = self._library.dll.tegula_gpu_target(gpu)
            return name.decode()
        finally:
            self._library.dll.tegula_gpu_free(gpu)

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        """The program at a level, as text. Raises CompileFailed."""
        output, messages = self._compiler("tegula_emit", text, (level.encode(),), target, options)
        if output is None:
            raise CompileFailed(messages)
        return self._library.take_bytes(output).decode(errors="replace")

    def build(self, text: str, target: str, options: Options, /) -> bytes:
        """The artifact of a program, as bytes for `load`. Raises CompileFailed."""
        artifact, messages = self._compiler("tegula_compile", text, (), target, options)
        if artifact is None:
            raise CompileFailed(messages)
        try:
            data, messages = self._library.call("tegula_artifact_serialize", artifact)
        finally:
            self._library.dll.tegula_artifact_free(artifact)
        if data is None:
            raise CompileFailed(messages)
        return self._library.take_bytes(data)

    def load(self, artifact: bytes, /) -> LibraryModule:
        """Loads what `build` has made. Raises CompileFailed where it is damaged or does not fit."""
        handle, messages = self._library.call("tegula_artifact_deserialize", artifact, len(artifact))
        if handle is None:
            raise CompileFailed(messages)
        try:
            module, messages = self._library.call("tegula_module_load", handle)
        finally:
            self._library.dll.tegula_artifact_free(handle)
        if module is None:
            raise CompileFailed(messages)
        return LibraryModule(self._library, module)

    def _compiler(
        self, function: str, text: str, middle: tuple[bytes, ...], target: str, options: Options
    ) -> tuple[int | None, tuple[Diagnostic, ...]]:
        data = text.encode()
        given = COptions(sizeof(COptions), target.encode(), options.path.encode())
        return self._library.call(function, data, len(data), b"program", *middle, given)


def _launch_failed(messages: tuple[Diagnostic, ...]) -> LaunchFailed:
    if not messages:
        return LaunchFailed("the launch failed without a message")
    first = messages[0]
    # tegula.h: what the simulator finds begins so; all else is a refusal.
    kind = SimulationFailed if first.message.startswith("in the simulator of ") else LaunchFailed
    return kind(first.message, first.sites, first.notes)
