#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the operators' kernels are as machine code of GPUs: docs/gpu-code.md.

Every operator is called for each element type, and each head size where it has one, as its users call it, with a
compiler that only notes the programs. These are then compiled down to the code that a driver loads, taken apart, and
looked at (`gpu_audit`): registers, spills, private and shared memory, what the assembler says beside its figures, and
for products in 16 bits the instructions of the main loop.

Promised is: nothing spills, nothing is private to a lane, no message, at most 256 registers; but for what
`EXCEPTIONS` lists with its figures. A kernel that the compiler refuses is an exception too.

usage: utils/gpu_table.py [--check] [--sample N --seed SEED] [--only PATTERN] [--jobs N] [--list | --loops]
       --check     writes nothing: the exit status says whether the promises hold
       --sample    looks at N calls of operators, drawn by the seed
       --list      prints the exceptions that the kernels need today, as `EXCEPTIONS` has them
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "utils")]

import gpu_audit  # noqa: E402
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
import tegula as tg  # noqa: E402
from gpu_exceptions import EXCEPTIONS  # noqa: E402
from tegula import ops  # noqa: E402
from tegula._compiler.backend import ArgDesc, Options  # noqa: E402
from tegula.ops import schnet  # noqa: E402

TARGETS = ("sm_80", "gfx942")
DTYPES: dict[str, Any] = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
HEADS = (64, 128, 256)
MOST_REGISTERS = 256
PAGE = ROOT / "docs/gpu-code.md"


# ---- which kernels there are


@dataclass
class Notes:
    """A compiler that makes nothing of programs but a note; also the module, the kernel and the launch."""

    programs: dict[str, str] = field(default_factory=dict[str, str])
    text: str = ""

    def compile(self, text: str, target: str, options: Options, /) -> Notes:
        self.text = text
        return self

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        raise NotImplementedError

    def kernel(self, name: str, /) -> Notes:
        known = [k for k in self.programs if k.split("#")[0] == name]
        if self.text not in (self.programs[k] for k in known):
            self.programs[name + (f"#{len(known) + 1}" if known else "")] = self.text
        return self

    def prepare(self, args: Sequence[ArgDesc], /) -> Notes:
        return self

    def launch(self, packed: bytes, threads: int, /) -> None:
        """Results stay as they were allocated."""

    def simulate(self, packed: bytes, seed: int, check: bool, /) -> None:
        """As `launch`."""

    def arena_bytes(self) -> int:
        return 0


Make = Callable[..., Any]
"""Zeros of a shape, of the case's dtype or another."""


def through_torch(op: Callable[..., Any], *arrays: Any, **options: Any) -> None:
    """An operator and its derivative."""
    torch: Any = import_module("torch")

    def tensor(x: Any) -> Any:
        if x.dtype == DTYPES["bf16"]:
            return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16).requires_grad_()
        return torch.from_numpy(x).requires_grad_()

    result = op(*map(tensor, arrays), **options)
    result.backward(torch.zeros_like(result))


def attention(z: Make, d: int) -> None:
    q, k = z(2, 4, 512, d), z(2, 2, 512, d)
    through_torch(ops.attention, q, k, k, causal=True)


def low_rank_attention(z: Make, d: int) -> None:
    p, v = z(2, 4, 512, 32), z(4, 32, d)
    for form in ("absorbed", "rebuilt"):
        ops.low_rank_attention(p, v, p, v, p, v, causal=True, form=form)


def product(a: Any, b: Any, bias: Any) -> Any:
    return ops.matmul(a, b, bias=bias, activation="gelu")


def matmul(z: Make) -> None:
    through_torch(product, z(512, 768), z(768, 1024), z(1024))


def layer_norm(z: Make) -> None:
    through_torch(ops.layer_norm, z(512, 1024), z(1024), z(1024))


def rms_norm(z: Make) -> None:
    through_torch(ops.rms_norm, z(512, 1024), z(1024))


def low_rank_ffn(z: Make) -> None:
    ops.low_rank_ffn(z(512, 512), z(512, 64), z(64, 1024), z(1024, 64), z(64, 512), b1=z(1024), b2=z(512))


def low_rank_swiglu(z: Make) -> None:
    u, v = z(512, 64), z(64, 1024)
    ops.low_rank_swiglu(z(512, 512), u, v, u, v, z(1024, 64), z(64, 512))


def fft_conv(z: Make) -> None:
    through_torch(ops.fft_conv, z(2, 4, 1024), z(4, 1024))


def butterfly(z: Make) -> None:
    ops.butterfly(z(4, 2, 256), [z(2, 2, 16, 16)] * 2)


def graph(z: Make) -> None:
    """Energies and forces of the network; `cfconv` is its kernel."""
    dtype = next(n for n, kind in DTYPES.items() if z(1).dtype == kind)
    model = schnet.Model.xavier(
        "schnetpack", kinds=3, seed=1, dtype=dtype, hidden=64, filters=64, blocks=2, radial=25, cutoff=2.5
    )
    rng = np.random.default_rng(1)
    places = (rng.random((40, 3)) * 6).astype(np.float64 if dtype == "f64" else np.float32)
    schnet.energy_and_forces(model, rng.integers(0, 3, 40), places, schnet.radius_graph(places, 2.5))


PLAIN: dict[str, Callable[[Make], None]] = {
    "matmul": matmul, "layer_norm": layer_norm, "rms_norm": rms_norm, "low_rank_ffn": low_rank_ffn,
    "low_rank_swiglu": low_rank_swiglu, "fft_conv": fft_conv, "butterfly": butterfly, "schnet": graph,
}  # fmt: skip
WITH_HEADS: dict[str, Callable[[Make, int], None]] = {
    "attention": attention, "low_rank_attention": low_rank_attention,
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Key:
    """A kernel that an operator launches for an element type (and a head size), on a target."""

    operator: str
    kernel: str
    dtype: str
    head: int  # 0: the operator has no heads
    target: str

    def __str__(self) -> str:
        return " ".join(str(x) for x in (self.operator, self.kernel, self.dtype, self.head or "-", self.target))


@dataclass(frozen=True)
class Call:
    """An operator, called for an element type (and a head size) on a target."""

    operator: str
    dtype: str
    head: int
    target: str

    def kernels(self) -> list[tuple[Key, str]]:
        """The kernels that the call launches and that this process has not yet seen, as text."""

        def zeros(*shape: int) -> Any:
            return np.zeros(shape, DTYPES[self.dtype])

        notes = Notes()
        with tg.simulate(self.target), patch("tegula._frontend.kernel.default_backend", return_value=notes):
            if self.head:
                WITH_HEADS[self.operator](zeros, self.head)
            else:
                PLAIN[self.operator](zeros)
        names = self.operator, self.dtype, self.head, self.target
        return [(Key(names[0], kernel, *names[1:]), text) for kernel, text in notes.programs.items()]


def calls() -> list[Call]:
    """All of them."""
    heads = [(n, 0) for n in PLAIN] + [(n, d) for n in WITH_HEADS for d in HEADS]
    return [Call(n, dtype, d, target) for target in TARGETS for dtype in DTYPES for n, d in heads]


# ---- what becomes of them


@dataclass(frozen=True)
class Row:
    """A kernel's machine code, or why there is none."""

    key: Key
    refusal: str = ""
    registers: int = 0
    spills: int = 0
    private: int = 0
    shared: int = 0
    threads: int = 0
    messages: tuple[str, ...] = ()
    loop: str = ""

    @property
    def promise(self) -> str:
        """What the code falls short of, with figures: nothing, as a rule."""
        if self.refusal:
            return "refused"
        over = self.registers if self.registers > MOST_REGISTERS else 0
        figures = {"spills": self.spills, "private": self.private, "registers": over, "messages": len(self.messages)}
        return " ".join(f"{what} {n}" for what, n in figures.items() if n)


def compiled(key: Key, text: str, tegulac: Path) -> Row:
    """Compiles a kernel for its target, and looks at it."""
    vendor = "nvvm" if key.target.startswith("sm_") else "rocdl"
    with tempfile.TemporaryDirectory() as folder:
        source, lowered = Path(folder) / "kernel.mlir", Path(folder) / "lowered.mlir"
        source.write_text(text)
        command = [tegulac, source, f"--target={key.target}", f"--emit={vendor}", "-o", lowered]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode:
            found = re.search(r"error: (.*)", done.stderr)
            return Row(key, refusal=found[1] if found else done.stderr.strip()[:200] or f"signal {-done.returncode}")
        entry = re.search(r"tegula\.device_entry .* threads (\d+) shared (\d+)", lowered.read_text())
        threads, shared = (int(entry[1]), int(entry[2])) if entry else (0, 0)
        try:
            made = gpu_audit.compile_kernel(lowered, key.target, tegulac)
        except gpu_audit.CompileError as e:
            return Row(key, refusal=str(e).splitlines()[0])
    r = made.resources[0]
    return Row(key, "", r.registers, r.spills, r.stack, shared, threads, made.messages, loop_of(made))


def loop_of(made: gpu_audit.Compiled) -> str:
    """The instructions of the main loop by class."""
    loop = made.kernels[0].main_loop
    if loop is None:
        return ""
    kinds = gpu_audit.SASS_CLASSES if made.target.startswith("sm_") else gpu_audit.AMD_CLASSES
    wanted = ("copy", "global load", "shared store", "matrix load", "shared load", "product", "exp", "barrier")
    return ", ".join(f"{k} {loop.count(k)}" for k in wanted if k in kinds and loop.count(k))


def table(found: Iterable[tuple[Key, str]], tegulac: Path, jobs: int) -> list[Row]:
    """All rows, in order."""

    def one(kernel: tuple[Key, str]) -> Row:
        return compiled(*kernel, tegulac)

    with ThreadPoolExecutor(jobs) as pool:
        return sorted(pool.map(one, found), key=lambda row: row.key)


def broken(rows: Iterable[Row]) -> list[str]:
    """Promises that do not hold: kernels that fall short of them and are no exception, or are worse than listed."""
    found: list[str] = []
    for row in rows:
        allowed = EXCEPTIONS.get(str(row.key), "")
        if row.promise and not covers(allowed, row.promise):
            found.append(
                f"{row.key}: {row.promise} {row.refusal}".rstrip() + (f" (listed: {allowed})" if allowed else "")
            )
    return found


def covers(allowed: str, found: str) -> bool:
    """Whether each figure that is found is allowed, and no smaller there. Where none is made, good code may be."""
    if "refused" in (allowed, found):
        return allowed == "refused" and found in ("refused", "")
    most = dict(zip(allowed.split()[::2], map(int, allowed.split()[1::2]), strict=True))
    return all(int(n) <= most.get(what, 0) for what, n in zip(found.split()[::2], found.split()[1::2], strict=True))


# ---- the page

HEAD = """<!-- Made by utils/gpu_table.py; edit that. -->

# The operators as GPU code

Each kernel that an operator launches, by element type and head size, as `ptxas` (sm_80) and LLVM (gfx942) make it:
registers of a lane, bytes of shared memory of a block. *spills* and bytes of *private* memory are 0 and no assembler
has a message, and a lane has at most 256 registers, but for the exceptions, which stand in brackets, are listed in
`utils/gpu_exceptions.py` with their figures, and are checked: `utils/gpu_table.py --check`. For gfx942 *registers*
counts both kinds, and spills without private memory are scalars that moved into lanes of a vector. A kernel that
several operators share is listed once. No GPU has run these; the simulator has.
"""


def page(rows: Sequence[Row]) -> str:
    """The table as a page."""
    by: dict[tuple[str, str, str, int], dict[str, Row]] = {}
    for row in rows:
        k = row.key
        by.setdefault((k.operator, k.kernel, k.dtype, k.head), {})[k.target] = row
    good = sum(not row.promise for row in rows)
    out = [HEAD, f"{len(rows)} kernels, {good} without an exception.\n"]
    out += ["| operator | kernel | type | head | " + " | ".join(f"{t} registers | shared" for t in TARGETS) + " |"]
    out += ["|---|---|---|---|" + "---|---|" * len(TARGETS)]
    for (operator, kernel, dtype, head), cells in sorted(by.items()):
        words = [operator, kernel, dtype, str(head or "")]
        for target in TARGETS:
            row = cells.get(target)
            words += ["", ""] if row is None else [figure(row), str(row.shared or "")]
        out.append("| " + " | ".join(words) + " |")
    out += [
        "\n## Main loops of products in 16 bits\n",
        "| operator | kernel | type | head | target | a trip |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join(out + loops(rows)) + "\n"


def loops(rows: Sequence[Row]) -> list[str]:
    """A line for each main loop of a product in 16 bits: what a trip holds."""
    return [
        f"| {k.operator} | {k.kernel} | {k.dtype} | {k.head or ''} | {k.target} | {row.loop} |"
        for row in rows
        if (k := row.key).operator in ("matmul", "attention") and k.dtype in ("f16", "bf16") and row.loop
    ]


def figure(row: Row) -> str:
    """Registers, and what falls short."""
    return "refused" if row.refusal else f"{row.registers}" + (f" ({row.promise})" if row.promise else "")


def main() -> int:
    parser = argparse.ArgumentParser(description="the operators' kernels as GPU code")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--loops", action="store_true")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tegulac", type=Path, default=ROOT / "build/release/bin/tegulac")
    options = parser.parse_args()
    chosen = calls()
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    found = [one for call in chosen for one in call.kernels() if re.search(options.only, str(one[0]))]
    rows = table(found, options.tegulac, options.jobs)
    if options.list:
        for row in rows:
            if row.promise:
                print(f'    "{row.key}": "{row.promise}",' + (f"  # {row.refusal}" if row.refusal else ""))
        return 0
    if options.loops:
        print(*loops(rows), sep="\n")
        return 0
    wrong = broken(rows)
    for line in wrong:
        print(line)
    for row in rows:
        if str(row.key) in EXCEPTIONS and not row.promise:
            print(f"{row.key}: is no exception any more")
    good = sum(not row.promise for row in rows)
    print(f"{len(rows)} kernels, {good} without an exception, {len(wrong)} promises broken")
    if not (options.check or options.sample or options.only):
        PAGE.write_text(page(rows), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
