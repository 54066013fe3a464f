# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A backend that compiles nothing and remembers what it was asked: what the front end is tested against."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from tegula._compiler.backend import ArgDesc, ArrayDesc, CompileFailed, Diagnostic, LaunchFailed, Options


@dataclass
class Launch:
    """One launch: which kernel, with what descriptors, addresses and scalars, on how many threads."""

    kernel: str
    args: Sequence[ArgDesc]
    packed: bytes
    threads: int

    @property
    def words(self) -> list[int]:
        """The packed block as 64-bit words."""
        return list(struct.unpack(f"<{len(self.packed) // 8}q", self.packed))


@dataclass
class FakeBackend:
    """Also the module and the kernel; `refuse` and `diagnostics` make launches and compiles fail."""

    texts: list[str] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    prepared: int = 0
    refuse: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    name: str = ""

    def compile(self, text: str, target: str, options: Options, /) -> FakeBackend:
        if self.diagnostics:
            raise CompileFailed(self.diagnostics)
        self.texts.append(text)
        return self

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        return f"{level} for {target}\n{text}"

    def kernel(self, name: str, /) -> FakeBackend:
        self.name = name
        return self

    def prepare(self, args: Sequence[ArgDesc], /) -> FakeRecord:
        self.prepared += 1
        return FakeRecord(self, self.name, tuple(args))

    def arena_bytes(self) -> int:
        return 0


@dataclass
class FakeRecord:
    """A prepared launch."""

    backend: FakeBackend
    kernel: str
    args: tuple[ArgDesc, ...]

    def launch(self, packed: bytes, threads: int, /) -> None:
        if self.backend.refuse:
            raise LaunchFailed(self.backend.refuse)
        self.backend.launches.append(Launch(self.kernel, self.args, packed, threads))


def sizes(launch: Launch) -> dict[str, tuple[int, ...]]:
    """Sizes of the array arguments by name."""
    return {a.name: a.sizes for a in launch.args if isinstance(a, ArrayDesc)}
