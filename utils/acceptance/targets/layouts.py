# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who holds which element: atoms, conversions, swizzles."""

from __future__ import annotations

import re

from acceptance import DEV, Points, need, run

point = Points()

FREE = (
    ("m16n8k16.D [2, 8] warps [4, 1]", "m16n8k16.A [2, 4] warps [4, 1]"),
    ("mfma32.D [2, 1] warps [1, 4]", "mfma32.B [8, 1] warps [1, 4]"),
    ("mfma32.D^T [1, 2] warps [4, 1]", "mfma32.B^T [1, 8] warps [4, 1]"),
    ("wgmma.D [1, 22]", "wgmma.A [1, 11]"),
    ("m16n8k16.D [1, 10] tile [16, 70]", "m16n8k16.A [1, 5] tile [16, 70]"),
)
"""Results that are operands of the next product, 80 and 176 columns among them."""


def ask(*words: str) -> str:
    return run(DEV / "bin/tegula-layout", *words)


@point("layouts.tests", "maps, atoms, conversions, banks: against published maps and brute force", cheap=False)
def _() -> str:
    suites = "LinearMap*:Atom*:*/AtomTest*:LayoutTest*:Conversion*:Bank*:Storage*:Matrix*:Vector*:Solver*:Document*"
    said = run(DEV / "bin/TegulaUnitTests", f"--gtest_filter={suites}", timeout=300)
    passed = re.search(r"\[  PASSED  \] (\d+) test", said)
    return need(passed and int(passed[1]) >= 70 and "SKIPPED" not in said, f"{passed[1] if passed else 0} tests pass")


@point("layouts.free", "a product's result is the next one's operand by renaming alone", cheap=False)
def _() -> str:
    for source, target in FREE:
        said = ask("convert", source, "to", target, "bits", "16")
        need(said.startswith("free\n"), f"{source} -> {target}: {said.splitlines()[0]}")
    return f"{len(FREE)} conversions free"


@point("layouts.swizzle", "a swizzle without conflicts for rows of 64, 80, 96, 128 and 176 elements", cheap=False)
def _() -> str:
    figures: list[str] = []
    for cols in (64, 80, 96, 128, 176):
        layouts = f"m16n8k16.A [1, {cols // 16}] warps [4, 1], m16n8k16.B [4, {cols // 8}]"
        plain, best = ask("solve", f"64x{cols}", "of", "2", "read", layouts).splitlines()
        before, after = (int(line.split(" of them conflicts")[0].split()[-1]) for line in (plain, best))
        need(before > 0 and after == 0, f"{cols}: {best}")
        figures.append(f"{cols}: {before} -> {after}")
    return "conflicts " + ", ".join(figures)
