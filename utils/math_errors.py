#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what ``expand-vector-math`` makes, and measures its errors in ulp.

Each function is compiled in a loop over an array for one of LLVM's x86-64 levels, with
LLVM's own tools, and called through ctypes. The sweep takes some mantissas of every
exponent of both signs; ``--all`` takes every float of the exponents where the function is
neither its argument nor constant (minutes). References are float64 functions of NumPy and of
the C library.

usage: .venv/bin/python utils/math_errors.py [--all] [--level x86-64-v4] [function ...]
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import math
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LLVM = Path("/usr/lib/llvm-22/bin")
LANES = {"x86-64-v3": 8, "x86-64-v4": 16}

LOWER = (
    "expand-vector-math,canonicalize,cse,convert-vector-to-scf,convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "convert-math-to-llvm,convert-vector-to-llvm,convert-index-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,"
    "convert-func-to-llvm,convert-cf-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts"
)
OPTIMISE = (
    "function(early-cse<memssa>,simplifycfg,instcombine,loop(loop-rotate),"
    "loop-mssa(licm),instcombine,early-cse<memssa>)"
)


@dataclass(frozen=True)
class Loop:
    """`body`, which makes %y of %x, over an array: vectors of `lanes`, or scalars if 0."""

    name: str
    body: str
    source: str = "f32"
    result: str = "f32"
    lanes: int = 16

    def text(self) -> str:
        i, o, n = self.source, self.result, self.lanes
        load = f"vector.load %a[%i] : memref<?x{i}>, vector<{n}x{i}>" if n else f"memref.load %a[%i] : memref<?x{i}>"
        store = (
            f"vector.store %y, %b[%i] : memref<?x{o}>, vector<{n}x{o}>"
            if n
            else f"memref.store %y, %b[%i] : memref<?x{o}>"
        )
        return f"""
        func.func @{self.name}(%a: memref<?x{i}>, %b: memref<?x{o}>) {{
          %zero = arith.constant 0 : index
          %step = arith.constant {n or 1} : index
          %end = memref.dim %a, %zero : memref<?x{i}>
          scf.for %i = %zero to %end step %step {{
            %x = {load}
            {self.body}
            {store}
          }}
          return
        }}"""


class Machine:
    """Loops compiled for one level: called by name, and their instructions."""

    def __init__(self, loops: Sequence[Loop], level: str, opt: str) -> None:
        def pipe(*command: str | Path, data: bytes = b"") -> bytes:
            done = subprocess.run([str(word) for word in command], input=data, capture_output=True)
            if done.returncode != 0:
                raise RuntimeError(f"{command[0]}: {done.stderr.decode()[:2000]}")
            return done.stdout

        self.loops = {loop.name: loop for loop in loops}
        with tempfile.TemporaryDirectory() as folder:
            object_file, library = Path(folder) / "loops.o", Path(folder) / "loops.so"
            data = "".join(loop.text() for loop in loops).encode()
            data = pipe(opt, f"--pass-pipeline=builtin.module({LOWER})", data=data)
            data = pipe(LLVM / "mlir-translate", "--mlir-to-llvmir", data=data)
            data = pipe(LLVM / "opt", f"-passes={OPTIMISE}", data=data)
            pipe(LLVM / "llc", f"-mcpu={level}", "-relocation-model=pic", "-filetype=obj", "-o", object_file, data=data)
            pipe(LLVM / "ld.lld", "-shared", "-o", library, object_file)
            self.undefined = pipe(LLVM / "llvm-nm", "-u", object_file).decode().split()
            self.assembly = pipe(LLVM / "llvm-objdump", "-d", "--no-show-raw-insn", object_file).decode()
            self.library = ctypes.CDLL(str(library)) if runs(level) and not self.undefined else None

    def instructions(self, name: str) -> list[str]:
        """The disassembled lines of one loop's function."""
        match = re.search(rf"<{name}>:\n(.*?)(?:\n\n|\Z)", self.assembly, re.DOTALL)
        assert match
        return [line.split("\t", 1)[1] for line in match[1].splitlines() if "\t" in line]

    def call(self, name: str, x: Any, dtype: Any) -> Any:
        """The loop's results; `x` has a multiple of its lanes."""
        assert self.library and len(x) % (self.loops[name].lanes or 1) == 0 and x.flags.c_contiguous
        y = np.zeros(len(x), dtype)
        pointer, index = ctypes.c_void_p, ctypes.c_int64

        def view(array: Any) -> list[Any]:
            return [pointer(array.ctypes.data), pointer(array.ctypes.data), index(0), index(len(array)), index(1)]

        getattr(self.library, name)(*view(x), *view(y))
        return y


def runs(level: str) -> bool:
    """Whether this computer has the level's instructions."""
    needed = {"x86-64-v3": {"avx2", "fma", "f16c"}, "x86-64-v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
    match = re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match is not None and needed[level] <= set(match[1].split())


@dataclass(frozen=True)
class Function:
    """An f32 function: its op, a float64 reference, and where `--all` looks."""

    op: str
    reference: Callable[[Any], Any]
    low: float
    """Below this magnitude the function is simple: 1, x, or the like."""
    high: float
    """Above this magnitude it is constant, or refused."""
    bound: float
    """The error, in ulp, that tests allow."""
    lowest: float = -math.inf
    highest: float = math.inf
    limited: bool = False
    """Whether results are only meant between `lowest` and `highest`, not NaN or infinite outside."""


def within(reference: Callable[[Any], Any], limit: float) -> Callable[[Any], Any]:
    return lambda x: np.where(np.abs(x) < limit, reference(x), np.nan)


def erf(x: Any) -> Any:
    torch: Any = importlib.import_module("torch")  # its float64 erf is within an ulp; NumPy has none
    return torch.erf(torch.from_numpy(x)).numpy()


FUNCTIONS = {
    "exp": Function("math.exp", np.exp, 2**-26, 106, 1.0),
    "exp2": Function("math.exp2", np.exp2, 2**-26, 152, 1.0),
    "weights": Function("tegula.exp2", np.exp2, 2**-26, 128, 1.0, -126.49, 127.49, limited=True),
    "expm1": Function("math.expm1", np.expm1, 2**-26, 90, 2.0),
    "tanh": Function("math.tanh", np.tanh, 2**-14, 10, 3.0),
    "erf": Function("math.erf", erf, 2**-26, 4, 2.0),
    "log": Function("math.log", np.log, 0, math.inf, 2.0, 0),
    "log2": Function("math.log2", np.log2, 0, math.inf, 2.0, 0),
    "log1p": Function("math.log1p", np.log1p, 2**-26, math.inf, 2.5, -1),
    "sin": Function("math.sin", within(np.sin, 2.0**50), 2**-14, 2**50, 2.5),
    "cos": Function("math.cos", within(np.cos, 2.0**50), 2**-14, 2**50, 2.5),
    "rsqrt": Function("math.rsqrt", lambda x: 1 / np.sqrt(x), 0, math.inf, 2.0, 0),
}


def loops(lanes: int) -> list[Loop]:
    """One loop per function, on vectors of `lanes` (scalars if 0)."""
    kind = f"vector<{lanes}xf32>" if lanes else "f32"
    return [Loop(name, f"%y = {f.op} %x : {kind}", lanes=lanes) for name, f in FUNCTIONS.items()]


def padded(x: Any, lanes: int = 16) -> Any:
    return np.ascontiguousarray(np.concatenate([x, np.zeros(-len(x) % lanes, x.dtype)]))


def sweep(mantissas: int, seed: int = 0) -> Any:
    """Every exponent of both signs, with some mantissas; zeros, infinities, NaNs of both
    kinds; and numbers spread evenly where functions bend."""
    rng = np.random.default_rng(seed)
    some = np.concatenate([rng.integers(0, 1 << 23, mantissas), [0, 1, 1 << 22, (1 << 23) - 1, 0x3504F3, 0x3504F4]])
    bits = ((np.arange(256) << 23)[:, None] | some[None, :]).astype(np.uint32).reshape(-1)
    bits = np.concatenate([bits, bits | np.uint32(1 << 31)])
    ramps = [np.linspace(-r, r, 1 << 18, dtype=np.float32) for r in (1.5, 12.0, 160.0)]
    return padded(np.concatenate([bits.view(np.float32), *ramps]))


def every(f: Function) -> Iterator[Any]:
    """Every float of the exponents between the function's limits."""
    lowest, highest = np.array([f.low, min(f.high, 3.4e38)], np.float32).view(np.uint32)
    for sign in (0, 1 << 31):
        if sign and f.lowest >= 0:
            continue
        for start in range(int(lowest) >> 20 << 20, int(highest) + 1, 1 << 20):
            yield (np.arange(start, start + (1 << 20), dtype=np.int64) | sign).astype(np.uint32).view(np.float32)


@dataclass(frozen=True)
class Errors:
    """Of one array: the largest error in ulp and where, the mean, and what is wrong outright."""

    largest: float
    where: float
    mean: float
    wrong: Any
    """Arguments whose result should be a NaN, an infinity or a zero of some sign, and is not."""


def measure(f: Function, x: Any, y: Any) -> Errors:
    """Errors of the results `y` for the arguments `x`."""
    with np.errstate(all="ignore"):
        exact: Any = f.reference(x.astype(np.float64))
        rounded: Any = exact.astype(np.float32)
        finite: Any = np.isfinite(rounded)
        # Where the last place of a float ends: spacing() of a power of two is the upper one.
        ulp = np.spacing(np.abs(np.where(finite, rounded, 1))).astype(np.float64)
        error = np.where(finite, np.abs(y.astype(np.float64) - np.where(finite, exact, 1)) / ulp, 0)
        meant: Any = (x >= f.lowest) & (x <= f.highest) | np.isnan(x) | (not f.limited)
        both_nan: Any = np.isnan(rounded) & np.isnan(y)
        same_sign: Any = np.signbit(y) == np.signbit(rounded)
        fine: Any = (finite & np.isfinite(y) & same_sign) | (~finite & (both_nan | (y == rounded)))
        wrong: Any = meant & ~fine
        error = np.where(meant & ~wrong, error, 0)
        at = int(np.argmax(error))
        return Errors(
            float(error[at]),
            float(x[at]),
            float(error[meant & finite].mean() if (meant & finite).any() else 0),
            x[wrong],
        )


def count_ops(name: str, opt: str) -> int:
    """How many ops on vectors a function becomes; constants and bitcasts are free."""
    text = next(loop for loop in loops(16) if loop.name == name).text()
    done = subprocess.run(
        [opt, "--expand-vector-math", "--cse"], input=text, capture_output=True, text=True, check=True
    )
    body = [line for line in done.stdout.splitlines() if re.search(r"= (arith|math)\..*vector", line)]
    return sum(not re.search(r"arith\.(constant|bitcast)", line) for line in body)


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the functions of expand-vector-math")
    parser.add_argument("--all", action="store_true", help="every float where the function bends (minutes)")
    parser.add_argument("--level", choices=tuple(LANES), default="x86-64-v4" if runs("x86-64-v4") else "x86-64-v3")
    parser.add_argument("--opt", default=str(ROOT / "build/dev/bin/tegula-opt"))
    parser.add_argument("function", nargs="*", help=", ".join(FUNCTIONS))
    arguments = parser.parse_args()
    lanes = LANES[arguments.level]
    machine = Machine(loops(lanes), arguments.level, arguments.opt)
    print("| function | ops | max ulp | at | mean ulp | arguments |")
    print("|---|---|---|---|---|---|")
    for name in arguments.function or FUNCTIONS:
        f = FUNCTIONS[name]
        arrays = every(f) if arguments.all else iter([sweep(4000)])
        total, mean, worst = 0, 0.0, Errors(0, 0, 0, np.zeros(0))
        for x in arrays:
            errors = measure(f, x, machine.call(name, x, np.float32))
            worst = max(worst, errors, key=lambda e: (len(e.wrong), e.largest))
            total, mean = total + len(x), mean + errors.mean * len(x)
        wrong = f" WRONG at {worst.wrong[:3]}" if len(worst.wrong) else ""
        print(
            f"| `{f.op}` | {count_ops(name, arguments.opt)} | {worst.largest:.2f} | {worst.where:.9g} "
            f"| {mean / total:.2f} | {total:,} |{wrong}",
            flush=True,
        )


if __name__ == "__main__":
    main()
