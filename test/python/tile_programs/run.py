# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Runs a program everywhere and compares.

A further target joins by one entry in `TARGETS`: a backend, and which programs it takes.
"""

from __future__ import annotations

import linecache
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import tegula as tg
from tegula._compiler.backend import Backend, Module, Options, default_backend
from tegula.testing import Evaluation

from tile_programs.form import Argument, Program, source

NUMPY: dict[str, Any] = {
    "f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "i1": np.bool_,
    "i32": np.int32, "i64": np.int64,
}  # fmt: skip
# How far two correct evaluations of one program may be apart, by T. Values are below about 10.
TOLERANCE = {"f64": 1e-10, "f32": 2e-4, "f16": 4e-2, "bf16": 2.5e-1}


@dataclass(frozen=True)
class Compiled:
    """The compiler of this installation by one path, for one target."""

    path: str
    target: str | None = None  # None: this machine

    def compile(self, text: str, target: str, options: Options, /) -> Module:
        """Compiles."""
        return default_backend().compile(text, self.target or target, replace(options, path=self.path))

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        """The program at a level."""
        return default_backend().emit(text, self.target or target, level, replace(options, path=self.path))


@dataclass(frozen=True)
class Target:
    """What runs programs: a name, a backend, and which programs it takes."""

    name: str
    backend: Backend
    takes: Callable[[Program], bool] = lambda program: True
    refuses: tuple[str, ...] = ()  # what it says of programs that it does not take yet

    def is_refusal(self, error: Exception) -> bool:
        """Whether the error says that the target does not take the program yet."""
        return isinstance(error, tg.errors.CompileError) and any(words in str(error) for words in self.refuses)


# Diagnostics of constructs that GPU targets do not take yet; everything else must agree.
GPU_LIMITS = (
    "atomicrmw",  # of floats with NaN: not modelled by the simulator
    "not a function of 'trips'",  # operands of multiply-adds lie in rings, also where loops hang on data
)

# Programs whose GPU code the simulator does not know to run, by seed, and what it says: held to stay as listed until
# they run (`test_open_faults`).
OPEN_FAULTS = {
    828: "a constant operand of this form is not modelled",
    981: "vector.reduce.fmaximum",  # f16, not modelled by the simulator
}


def is_for_gpu(program: Program, part: int) -> bool:
    """A quarter of the programs, but those whose faults are known."""
    return program.seed % 4 == part and program.seed not in OPEN_FAULTS


# Every program runs as plain loops and on x86: one half for this machine, the other for AVX2. A quarter
# each runs as GPU code in the simulator, with all of its checks.
TARGETS = (
    Target("loops", Compiled("loops")),
    Target("x86", Compiled("sched"), lambda program: program.seed % 2 == 0),
    Target("x86-64-v3", Compiled("sched", "x86-64-v3"), lambda program: program.seed % 2 == 1),
    Target("sm_80", Compiled("sched", "simulate:sm_80"), partial(is_for_gpu, part=0), GPU_LIMITS),
    Target("gfx942", Compiled("sched", "simulate:gfx942"), partial(is_for_gpu, part=1), GPU_LIMITS),
)


def kernel_of(program: Program) -> tg.Kernel:
    """The kernel, made from its text as if that were a file."""
    text = source(program)
    name = f"<tile program {program.seed}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"__name__": "tile_program"}
    exec(compile(text, name, "exec"), scope)
    return scope["kernel"]


# ---- arguments


def dtype_of(kind: str, dtype: str) -> Any:
    """The NumPy dtype of a kind where T stands for `dtype`."""
    return NUMPY[{"T": dtype, "A": "f64" if dtype == "f64" else "f32"}.get(kind, kind)]


def laid_out(values: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in memory of another shape."""
    if values.size == 0 or values.ndim == 0 or layout == "dense":
        return values.copy()
    match layout:
        case "transposed":
            return np.asfortranarray(values)
        case "strided":
            wide = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
            out = wide[..., ::2]
        case "rows":
            wide = np.zeros((*values.shape[:-1], values.shape[-1] + 3), values.dtype)
            out = wide[..., : values.shape[-1]]
        case "reversed":
            out = np.zeros(values.shape, values.dtype)[::-1]
        case "offset":
            wide = np.zeros(values.size + 1, values.dtype)
            out = wide[1:].reshape(values.shape)
        case _:  # "broadcast": every row is the first one
            return np.broadcast_to(values[:1].copy(), values.shape)
    out[...] = values
    return out


def make(argument: Argument, program: Program, rng: np.random.Generator) -> np.ndarray:
    """An argument's array: what is in it hangs on its content, outputs are poisoned."""
    kind, shape = dtype_of(argument.kind, program.dtype), argument.sizes
    floating = argument.kind in ("T", "A")
    match argument.access, argument.content:
        case "Out", _:
            values = np.full(shape, np.nan if floating else 77)
        case "InOut", _:
            values = rng.integers(-3, 4, shape)
        case _, "small":
            values = rng.integers(0, 10, shape)
        case _, "ids":
            values = rng.integers(-1, shape[0] + 2, shape)
        case _, "ends":
            values = np.sort(rng.integers(0, 20, shape))
        case _, "distinct":
            values = rng.permutation(np.arange(-2, shape[0] + 2))[: shape[0]]
        case _:
            if floating:
                values = np.clip(rng.standard_normal(shape), -4, 4)
                if program.special:
                    odd = rng.choice([np.nan, np.inf, -np.inf, -0.0, 0.0], shape)
                    values = np.where(rng.random(shape) < 0.1, odd, values)
            else:
                values = rng.integers(0, 2, shape) if argument.kind == "i1" else rng.integers(-20, 21, shape)
    return laid_out(np.asarray(values).astype(kind), argument.layout)


def arguments(program: Program) -> list[np.ndarray]:
    """Fresh arrays for all arguments: those of one seed and name are always the same."""
    return [make(a, program, np.random.default_rng([program.seed, *a.name.encode()])) for a in program.arguments]


# ---- running and comparing


def outputs(program: Program, run: Callable[..., Any]) -> dict[str, np.ndarray]:
    """What a run leaves in the outputs."""
    arrays = arguments(program)
    run(*arrays)
    return {a.name: x for a, x in zip(program.arguments, arrays, strict=True) if a.access != "In"}


def difference(program: Program, got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> str | None:
    """The first output that differs by more than two correct evaluations may, in words."""
    for a in program.arguments:
        if a.access == "In":
            continue
        x, y = got[a.name], want[a.name]
        if x.dtype.kind in "biu":
            off = x != y
            apart = "integers"
        else:
            x, y = x.astype(np.float64), y.astype(np.float64)
            finite = np.isfinite(y)
            scale = np.abs(y[finite]).max(initial=1.0)
            limit = 0.0 if a.exact else TOLERANCE[program.dtype] * scale
            with np.errstate(invalid="ignore"):
                off = np.where(finite, ~(np.abs(x - y) <= limit), ~((x == y) | (np.isnan(x) & np.isnan(y))))
            apart = f"limit {limit:.1e}"
        if off.any():
            at = tuple(int(i) for i in np.argwhere(off)[0])
            return f"{a.name}{list(at)} is {x[at]}, expected {y[at]} ({int(off.sum())} of {off.size}, {apart})"
    return None


def failure(program: Program, targets: tuple[Target, ...] = TARGETS) -> tuple[str, str] | None:
    """The target that disagrees with the evaluation or refuses the program, and how; None if all agree.

    The evaluation itself may be the one that fails: its name is "numpy".
    """
    try:
        kernel = kernel_of(program)
        want = outputs(program, lambda *arrays: Evaluation(seed=program.seed, poison=False)(kernel, *arrays))
    except Exception as e:  # whatever it is, it is a finding
        return "numpy", f"{type(e).__name__}: {e}"
    for target in targets:
        if not target.takes(program):
            continue
        try:
            got = outputs(program, kernel.on(target.backend))
        except Exception as e:
            if target.is_refusal(e):
                continue
            return target.name, f"{type(e).__name__}: {e}"
        found = difference(program, got, want)
        if found is not None:
            return target.name, found
    return None


def isolated(program: Program, targets: tuple[Target, ...] = TARGETS, seconds: float = 120.0) -> tuple[str, str] | None:
    """`failure` in a process of its own: a crash or a hang of a target is a failure like any other."""
    for target in targets:
        child = "import pickle, sys; from tile_programs.run import child; child(pickle.load(sys.stdin.buffer))"
        data = pickle.dumps((program, target.name))
        try:
            done = subprocess.run([sys.executable, "-c", child], input=data, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return target.name, f"Hang: no end after {seconds:.0f} s"
        if done.returncode:
            tail = done.stderr.decode(errors="replace")[-1500:]
            return target.name, f"Crash: exit status {done.returncode}\n{tail}"
        found: tuple[str, str] | None = pickle.loads(done.stdout)
        if found is not None:
            return found
    return None


def child(work: tuple[Program, str]) -> None:
    """What a process of `isolated` does."""
    program, name = work
    found = failure(program, tuple(t for t in TARGETS if t.name == name))
    sys.stdout.buffer.write(pickle.dumps(found))
