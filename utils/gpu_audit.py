#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What stands in GPU machine code: registers, spills, and the instructions that a schedule implies.

A kernel is compiled by ``tegulac`` down to the code that a driver loads (cubin, HSACO), which is
then disassembled by tools that had no part in making it (NVIDIA's ``nvdisasm``, LLVM's
``llvm-objdump``). Faults that make every kernel bad are found by `faults`:

* the assembler said anything beyond its figures, such as ``(C7510)``: a request was ignored;
* registers spilled, or memory private to a lane is in use (``LDL``, ``STL``, ``scratch_``);
* AMD: accumulation registers serve as storage, or something outside the kernel is called;
* a hot loop moves single lanes' values to the scalar unit and back (AMD).

What a schedule implies is counted by class of instruction, in the whole kernel or in its main
loop, the innermost one with products; `Loop.order` writes the loop as classes in order.

usage: utils/gpu_audit.py FILE.mlir --target sm_80|gfx942|… [--order] [--tegulac PATH]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OBJDUMP = Path("/usr/lib/llvm-22/bin/llvm-objdump")

SASS_CLASSES = {
    "copy": r"LDGSTS",
    "matrix load": r"LDSM",
    "product": r"(HMMA|IMMA|DMMA|HGMMA)",
    "commit": r"LDGDEPBAR",
    "wait": r"DEPBAR|SYNCS",
    "barrier": r"BAR\.SYNC|BAR\.ARV|WARPSYNC",
    "exp": r"MUFU\.EX2",
    "shuffle": r"SHFL",
    "shared load": r"LDS\b|LDS\.",
    "shared store": r"STS\b|STS\.|STSM",
    "global load": r"LDG\b|LDG\.",
    "global store": r"STG\b|STG\.",
    "local": r"LDL|STL",
    "arithmetic": r"(FFMA|FADD|FMUL|FMNMX|DFMA|DADD|DMUL)",
}
"""Classes of NVIDIA's instructions, by opcode."""

AMD_CLASSES = {
    "product": r"v_s?mfmac?_|v_wmma",
    "copy": r"(buffer|global)_load_\w+ .*\blds\b|global_load_lds",
    "global load": r"(buffer|global)_load",
    "global store": r"(buffer|global)_store",
    "shared load": r"ds_read",
    "shared store": r"ds_write",
    "shuffle": r"ds_bpermute|ds_swizzle|v_permlane",
    "wait": r"s_waitcnt",
    "barrier": r"s_barrier",
    "exp": r"v_exp_f32",
    "accumulator move": r"v_accvgpr",
    "lane move": r"v_readlane|v_writelane|v_readfirstlane",
    "local": r"scratch_",
    "call": r"s_swappc|s_setpc",
    "invalidate": r"buffer_inv|buffer_wbinvl1|gl0_inv|global_inv",
    "arithmetic": r"v_(pk_)?(fma|add|mul|max|min|exp|sub)\w*_f(16|32|64)",
}
"""Classes of AMD's instructions, by text; the first that matches counts."""


@dataclass(frozen=True)
class Resources:
    """What the assembler says of one kernel (`KernelResources` of the compiler)."""

    kernel: str
    registers: int
    accumulators: int
    scalars: int
    spills: int
    stack: int
    shared: int
    arguments: int
    barriers: int
    threads: int = 0


@dataclass(frozen=True)
class Instruction:
    """One instruction: its text, its class, and where it branches to, as an index."""

    text: str
    kind: str
    target: int | None = None


def _count(code: Iterable[Instruction], kind: str, pattern: str) -> int:
    return sum(i.kind == kind and bool(re.search(pattern, i.text)) for i in code)


@dataclass(frozen=True)
class Loop:
    """Instructions between a branch back and its target."""

    code: tuple[Instruction, ...]

    def count(self, kind: str, pattern: str = "") -> int:
        return _count(self.code, kind, pattern)

    def order(self, kinds: Iterable[str]) -> str:
        """The loop as runs of classes, in order: ``wait, barrier, shared load 3, product 2``."""
        wanted = set(kinds)
        runs = groupby(i.kind for i in self.code if i.kind in wanted)
        return ", ".join(f"{kind} {n}" if n > 1 else kind for kind, n in ((k, len(list(g))) for k, g in runs))

    def waits(self, counter: str, at_most: int = 0) -> int:
        """AMD: waits until no more than so many of the counter's operations fly (``vmcnt``, ``lgkmcnt``)."""
        found = (re.search(rf"{counter}\((\d+)\)", i.text) for i in self.code if i.kind == "wait")
        return sum(m is not None and int(m[1]) <= at_most for m in found)

    def lookahead(self) -> int:
        """The most loads from shared memory in flight while a product starts, since the last barrier."""
        flying = most = 0
        for i in self.code:
            if i.kind == "shared load":
                flying += 1
            elif i.kind == "wait" and (m := re.search(r"lgkmcnt\((\d+)\)", i.text)):
                flying = min(flying, int(m[1]))
            elif i.kind == "product":
                most = max(most, flying)
        return most


@dataclass(frozen=True)
class Kernel:
    """The machine code of one kernel."""

    name: str
    code: tuple[Instruction, ...]

    def count(self, kind: str, pattern: str = "") -> int:
        return _count(self.code, kind, pattern)

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """Innermost loops, in the order of the code."""
        spans = {(i.target, at) for at, i in enumerate(self.code) if i.target is not None and i.target <= at}
        spans = {(first, last) for first, last in spans if last > first}  # not the jump to itself at the end
        inner = [s for s in spans if not any(o != s and o[0] >= s[0] and o[1] <= s[1] for o in spans)]
        return tuple(Loop(self.code[first : last + 1]) for first, last in sorted(inner))

    @property
    def main_loop(self) -> Loop | None:
        """The innermost loop with most products, if any has one."""
        best = max(self.loops, key=lambda loop: loop.count("product"), default=None)
        return best if best and best.count("product") else None


@dataclass(frozen=True)
class Compiled:
    """A program's machine code for one target, and what was said while it was made."""

    target: str
    resources: tuple[Resources, ...]
    messages: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    image: bytes

    def kernel(self, name: str) -> Kernel:
        return next(k for k in self.kernels if k.name == name)


class CompileError(RuntimeError):
    """The compiler or a disassembler failed; the text is what it said."""


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise CompileError(f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def _classify(text: str, classes: dict[str, str]) -> str:
    return next((kind for kind, pattern in classes.items() if re.match(pattern, text)), "")


def parse_sass(listing: str) -> tuple[Kernel, ...]:
    """Kernels of ``nvdisasm -c``: sections ``.text.NAME``, labels, and an address before each instruction."""
    kernels: list[Kernel] = []
    for section in re.split(r"^//-+ \.text\.", listing, flags=re.MULTILINE)[1:]:
        texts: list[str] = []
        labels: dict[str, int] = {}
        for line in section.splitlines():
            if found := re.match(r"\s*(\.L_x_\d+):", line):
                labels[found[1]] = len(texts)
            elif found := re.match(r"\s+/\*[0-9a-f]+\*/\s+(.*?)\s*;", line):
                texts.append(found[1])
        code: list[Instruction] = []
        for text in texts:
            # What never runs (a filler) is of no class; other guards do not matter.
            bare = "" if text.startswith("@!PT") else re.sub(r"^@!?U?P\w+\s+", "", text)
            jump = re.match(r"BRA\b.*?(\.L_x_\d+)", bare)
            code.append(Instruction(text, _classify(bare, SASS_CLASSES), labels.get(jump[1]) if jump else None))
        kernels.append(Kernel(section.split()[0], tuple(code)))
    return tuple(kernels)


def parse_amd(listing: str) -> tuple[Kernel, ...]:
    """Kernels of ``llvm-objdump -d``: ``<NAME>:``, an address behind each instruction, jumps by offset."""
    kernels: list[Kernel] = []
    for section in re.split(r"^[0-9a-f]+ <", listing, flags=re.MULTILINE)[1:]:
        name = section.split(">")[0]
        lines = re.findall(r"^\s+(\S.*?)\s*//\s*([0-9A-F]+): *(.*)$", section, re.MULTILINE)
        index = {int(address, 16): at for at, (_, address, _) in enumerate(lines)}
        start = min(index, default=0)
        code: list[Instruction] = []
        for text, _, rest in lines:
            jump = re.match(r"s_c?branch", text) and re.search(r"<[^>+]*(?:\+0x([0-9a-f]+))?>", rest)
            target = index.get(start + int(jump[1] or "0", 16)) if jump else None
            code.append(Instruction(text, _classify(text, AMD_CLASSES), target))
        kernels.append(Kernel(name, tuple(code)))
    return tuple(kernels)


def parse_resources(said: str) -> tuple[tuple[Resources, ...], tuple[str, ...]]:
    """Figures and further messages of ``tegulac --print-resources``."""
    figures = re.compile(
        r"remark: kernel (\S+): registers (\d+) \((\d+) accumulators, (\d+) scalar\), spills (\d+), stack (\d+), "
        r"shared (\d+), arguments (\d+), barriers (\d+)(?:, threads (\d+))?"
    )
    found: list[Resources] = []
    messages: list[str] = []
    for line in said.splitlines():
        if match := figures.fullmatch(line.strip()):
            found.append(Resources(match[1], *(int(n or 0) for n in match.groups()[1:])))
        elif line.strip():
            messages.append(line.strip())
    return tuple(found), tuple(messages)


def nvdisasm() -> Path:
    """NVIDIA's disassembler, from the test requirements."""
    found = sorted((ROOT / ".venv/lib").glob("*/site-packages/nvidia/cu13/bin/nvdisasm"))
    if not found:
        raise CompileError("no nvdisasm in .venv/: utils/setup.sh installs it")
    return found[0]


def compile_kernel(
    source: Path, target: str, tegulac: Path | str = ROOT / "build/release/bin/tegulac", options: Iterable[str] = ()
) -> Compiled:
    """Compiles a file down to machine code and takes that apart again."""
    is_nvidia = target.startswith("sm_")
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / ("kernel.cubin" if is_nvidia else "kernel.hsaco")
        level = image.suffix[1:]
        done = _run(
            [tegulac, source, f"--target={target}", f"--emit={level}", "--print-resources", "-o", image, *options]
        )
        resources, messages = parse_resources(done.stderr)
        if is_nvidia:
            kernels = parse_sass(_run([nvdisasm(), "-c", image]).stdout)
        else:
            kernels = parse_amd(_run([OBJDUMP, "-d", f"--mcpu={target}", image]).stdout)
        return Compiled(target, resources, messages, kernels, image.read_bytes())


def faults(compiled: Compiled, most_registers: int = 256) -> list[str]:
    """What is wrong with the code whatever it computes; empty if it is sound."""
    found = [f"the assembler says: {message}" for message in compiled.messages]
    for r in compiled.resources:
        for what, number, limit in (
            ("registers spill", r.spills, 0), ("bytes of private memory", r.stack, 0),
            ("accumulation registers", r.accumulators, 0), ("registers", r.registers, most_registers),
        ):  # fmt: skip
            if number > limit:
                found.append(f"{r.kernel}: {number} {what}" + (f", {limit} allowed" if limit else ""))
    for kernel in compiled.kernels:
        for kind in ("local", "accumulator move", "call", "invalidate"):
            if number := kernel.count(kind):
                found.append(f"{kernel.name}: {number} instructions of class '{kind}'")
        if kernel.main_loop and (number := kernel.main_loop.count("lane move")):
            found.append(f"{kernel.name}: {number} instructions of class 'lane move' in the main loop")
    return found


def table(compiled: Compiled) -> str:
    """One line per kernel for a note: figures, and counts of the main loop (or of all of it)."""
    lines: list[str] = []
    for r in compiled.resources:
        kernel = compiled.kernel(r.kernel)
        body = kernel.main_loop or kernel
        where = "loop" if kernel.main_loop else "all"
        kinds = [k for k in (SASS_CLASSES if compiled.target.startswith("sm_") else AMD_CLASSES) if body.count(k)]
        lines.append(
            f"{compiled.target:8} {r.kernel:24} registers {r.registers:3} spills {r.spills} stack {r.stack} "
            f"shared {r.shared} | {where}: " + ", ".join(f"{k} {body.count(k)}" for k in kinds)
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--order", action="store_true", help="the main loop as classes of instructions")
    parser.add_argument("--tegulac", type=Path, default=ROOT / "build/release/bin/tegulac")
    options = parser.parse_args()
    try:
        compiled = compile_kernel(options.file, options.target, options.tegulac)
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(compiled))
    for kernel in compiled.kernels if options.order else ():
        if kernel.main_loop:
            print(f"{kernel.name}: {kernel.main_loop.order(SASS_CLASSES if 'sm_' in options.target else AMD_CLASSES)}")
    found = faults(compiled)
    for fault in found:
        print(f"FAULT {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
