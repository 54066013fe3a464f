# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`@tg.kernel`: a function that is traced, compiled and launched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, overload

from tegula._compiler.backend import (
    ArgDesc,
    ArrayDesc,
    Backend,
    CompiledKernel,
    CompileFailed,
    Diagnostic,
    LaunchFailed,
    Position,
    ScalarDesc,
    default_backend,
    device_backend,
    resolved,
)
from tegula._compiler.environment import Environment, chip, compiling_for, environment, is_simulated
from tegula._compiler.ops import walk
from tegula._frontend.device import Device, common_device, current_stream, target_of
from tegula._frontend.dispatch import THREADS, Dispatch, Prepared, check_scalar, packer, refused
from tegula._frontend.schedule import Schedule, parse
from tegula._frontend.signature import REQUIRED, Bound, Signature, bind, signature_of
from tegula._frontend.simulation import simulated_launch
from tegula._frontend.specialise import Options, Specialised, specialise
from tegula._frontend.trace import INTERCEPT, sites
from tegula.errors import CompileError, KernelError, LaunchError, Note, Site
from tegula.language.annotations import Static, ViewSpec
from tegula.language.dtypes import DType

# A kernel keeps this many specialisations; then it starts again. Only closures that capture ever
# new values get there.
_CAPACITY = 1024

LEVELS = ("tegula", "generic", "sched", "loops", "nvvm", "rocdl", "llvm", "ptx", "asm")


@dataclass(frozen=True, slots=True)
class ArtifactKey:
    """What a compiled module depends on, and the device that has it; None: the process."""

    text: str  # SHA-256 of the program without locations
    environment: Environment
    device: Device | None = None


class Kernel:
    """A kernel. Call it with arrays; `ir` shows what it becomes."""

    def __init__(
        self,
        fn: FunctionType,
        repeatable: bool = False,
        backend: Backend | None = None,
        schedules: tuple[Schedule, ...] = (),
    ) -> None:
        self.fn = fn
        self.schedules = schedules
        self.name = fn.__name__
        self.repeatable = repeatable
        self.signature: Signature = signature_of(fn)
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__
        self.__qualname__ = fn.__qualname__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn
        self._backend = backend
        self._specialised: dict[tuple[Any, ...], Specialised] = {}
        self._compiled: dict[ArtifactKey, CompiledKernel] = {}
        self._dispatch = Dispatch(self.signature, self._miss)
        # Calling the object calls the generated function: a method that passes the arguments on
        # would cost a tenth of the call.
        cls: Any = type("Kernel", (Kernel,), {"__call__": staticmethod(self._dispatch.call)})
        self.__class__ = cls

    def on(self, backend: Backend) -> Kernel:
        """The same kernel, compiled and run by another backend."""
        return Kernel(self.fn, self.repeatable, backend, self.schedules)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Launches the kernel."""
        self._dispatch.call(*args, **kwargs)

    def clear(self) -> None:
        """Forgets all specialisations: globals that they had frozen are read again."""
        self._dispatch.cache.clear()
        self._specialised.clear()
        self._compiled.clear()

    def schedule(self, source: str | Path, /) -> None:
        """Adds hand-written schedules, as text or as a file: what runs faster, and gives the same results.

        The first one that serves a call's target and block sizes is used. `tegulac --print-schedule` prints
        the form; a label that the kernel does not have is an error when it is compiled for that target.

        Raises:
            ScheduleError: The text cannot be read, or is of another kernel.
        """
        tiles = [p.name for p in self.signature.parameters if p.spec is Static.TILE]
        self.schedules = (*self.schedules, *parse(source, self.name, tiles))
        self.clear()

    def options(self) -> Options:
        """What every specialisation of this kernel is traced with."""
        if not self.schedules:
            return Options(self.repeatable)
        return Options(self.repeatable, self.schedules, resolved(environment().target))

    def arena_bytes(self) -> int:
        """The most scratch bytes that a thread needs, of all that has been compiled so far."""
        return max((k.arena_bytes() for k in self._compiled.values()), default=0)

    # -- what a call needs when the generated function does not know it

    def _miss(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        positional = [p.name for p in self.signature.parameters if not p.keyword_only]
        if len(args) > len(positional):
            raise LaunchError(f"{self.name}: {len(args)} positional arguments, it takes {len(positional)}")
        given = {n: v for n, v in (*zip(positional, args), *kwargs.items()) if v is not REQUIRED}
        intercept = INTERCEPT.get()
        if intercept is not None:
            intercept.launch(self, (), given)
            return
        bound = bind(self.signature, (), given)
        self._check_grad(bound)
        prepared = self.prepare(bound)
        self._dispatch.keep(key, prepared)
        words = [
            bound.arrays[name].array.address if name in bound.arrays else bound.scalars[name]
            for name, _ in self._present(bound)
        ]
        try:
            prepared.launch(prepared.pack(*words), THREADS.get())
        except LaunchFailed as e:
            raise refused(e) from None

    def _check_grad(self, bound: Bound) -> None:
        needy = [b.name for b in bound.arrays.values() if b.array.needs_grad]
        torch = sys.modules.get("torch")
        if needy and torch is not None and torch.is_grad_enabled():
            raise LaunchError(
                f"{self.name}: '{needy[0]}' requires grad, and this kernel has no backward: call it under "
                "torch.no_grad(), or detach the tensor"
            )

    def _present(self, bound: Bound) -> list[tuple[str, bool]]:
        """(name, is a view) of each argument of the specialised kernel."""
        return [
            (name, isinstance(spec, ViewSpec))
            for name, spec in self.signature.arguments
            if name in bound.arrays or name in bound.scalars
        ]

    def prepare(self, bound: Bound) -> Prepared:
        """The launch for what a call has bound: traced, compiled for where its arrays are, and laid out."""
        try:
            device = common_device((a.name, a.array.device) for a in bound.arrays.values())
            target = None if device is None else target_of(device)
        except LaunchError as e:
            raise LaunchError(f"{self.name}: {e.message}") from None
        if target is None:
            return self._prepare(bound, None)
        if is_simulated(environment().target):
            raise LaunchError(f"{self.name}: tensors are on {device}: the simulator works on the process's memory")
        with compiling_for(target):
            return self._prepare(bound, device)

    def _prepare(self, bound: Bound, device: Device | None) -> Prepared:
        found = self.specialise(bound)
        descs: list[ArgDesc] = []
        slots: list[DType | None] = []
        for name, is_view in self._present(bound):
            if is_view:
                array = bound.arrays[name].array
                descs.append(ArrayDesc(name, array.dtype.name, array.shape, array.strides))
                slots.append(None)
            else:
                dtype = found.scalars[name]
                check_scalar(self.name, name, dtype, bound.scalars[name])
                descs.append(ScalarDesc(name, dtype.name))
                slots.append(dtype)
        try:
            record: Any = self.compiled(found, device).prepare(descs)
        except LaunchFailed as e:
            raise refused(e) from None
        launch: Callable[[bytes, int], None] = record.launch
        if device is not None:
            launch = device_launch(record, device)
        elif is_simulated(environment().target):
            accesses = {name: a.spec.access for name, a in bound.arrays.items()}
            launch = simulated_launch(self.name, record, descs, accesses, found.op)
        return Prepared(packer(slots), launch, record)

    def specialise(self, bound: Bound) -> Specialised:
        """The traced form for what a call has bound, from the cache if it is there."""
        # Schedules are of a target; without them a trace serves all.
        key = (bound.key, environment().target if self.schedules else None)
        found = self._specialised.get(key)
        if found is not None and not found.is_current:
            self.clear()  # a global that the trace has read is another one now
            found = None
        if found is None:
            if len(self._specialised) >= _CAPACITY:
                self.clear()
            found = self._specialised[key] = specialise(self.fn, self.signature, bound, options=self.options())
        return found

    def compiled(self, found: Specialised, device: Device | None = None) -> CompiledKernel:
        """The compiled form of a traced one; equal texts are compiled once."""
        import hashlib  # late, as all that a bare import does not need

        env = environment()
        key = ArtifactKey(hashlib.sha256(found.text.plain.encode()).hexdigest(), env, device)
        kernel = self._compiled.get(key)
        if kernel is None:
            try:
                if device is not None:
                    module = device_backend().compile_on(found.text.located, env.target, env.options, device.ordinal)
                else:
                    backend = self._backend or default_backend()
                    module = backend.compile(found.text.located, env.target, env.options)
            except CompileFailed as e:
                raise translate(e.diagnostics, found) from None
            kernel = self._compiled[key] = module.kernel(self.name)
        return kernel

    def ir(self, level: str, /, *args: Any, locations: bool = False, target: str = "", **kwargs: Any) -> str:
        """The program for example arguments (arrays, or `tg.Spec`s) at a level.

        "generic" is the text that the front end emits, and needs no compiler; "tegula" is the same
        in the dialect's own syntax; then "sched", "loops" (CPUs), "nvvm" and "ptx" (NVIDIA), "rocdl" (AMD),
        "llvm" and "asm". `target`: what it is compiled for, "sm_80"; that of the code around the call otherwise.
        """
        if level not in LEVELS:
            raise LaunchError(f"{self.name}: level {level!r} is none of {', '.join(LEVELS)}")
        if target:
            with compiling_for(target):
                return self.ir(level, *args, locations=locations, **kwargs)
        found = self.specialise(bind(self.signature, args, kwargs))
        text = found.text.located if locations else found.text.plain
        if level == "generic":
            return text
        env = environment()
        try:
            return (self._backend or default_backend()).emit(text, chip(env.target), level, env.options)
        except CompileFailed as e:
            raise translate(e.diagnostics, found) from None

    def __repr__(self) -> str:
        return f"<tegula kernel {self.name}>"


def device_launch(record: Any, device: Device) -> Callable[[bytes, int], None]:
    """Puts the kernel on PyTorch's current stream of the device."""

    def launch(packed: bytes, _threads: int) -> None:
        record.launch_on(packed, current_stream(device))

    return launch


# ---- diagnostics of the compiler, at the author's lines


def translate(diagnostics: tuple[Diagnostic, ...], found: Specialised) -> CompileError:
    """The first error as ours, with its notes; further errors follow as notes.

    Positions came with the program; the trace knows in which functions they are.
    """
    functions = {
        (s.file, s.line, s.column): s.function for at in {op.places for op in walk(found.op)} for s in sites(at)
    }

    def site(p: Position) -> Site:
        column = max(p.column - 1, 0)
        function = functions.get((p.file, p.line, column), "")
        return Site(p.file, p.line, column, p.end_line, max(p.end_column - 1, 0), function)

    errors = [d for d in diagnostics if d.severity == "error"] or list(diagnostics)
    if not errors:
        return CompileError("the compiler failed without a message")
    notes: list[Note] = []
    for i, d in enumerate(errors):
        if i:
            notes.append(Note(d.message, site(d.sites[0]) if d.sites else None))
        notes += [Note(n.message, site(n.sites[0]) if n.sites else None) for n in d.notes]
    return CompileError(errors[0].message, [site(p) for p in errors[0].sites], notes)


@overload
def kernel(fn: Callable[..., Any], /) -> Kernel: ...
@overload
def kernel(*, repeatable: bool = False) -> Callable[[Callable[..., Any]], Kernel]: ...
def kernel(fn: Any = None, /, *, repeatable: bool = False) -> Any:
    """Makes a kernel of a function whose parameters are annotated."""

    def decorate(f: Any) -> Kernel:
        if not isinstance(f, FunctionType):
            raise KernelError(f"tg.kernel takes a function, not a Python {type(f).__name__}")
        return Kernel(f, repeatable)

    return decorate if fn is None else decorate(fn)
