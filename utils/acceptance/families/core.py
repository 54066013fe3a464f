# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rest of the core: gathers, segments, low-rank products, butterflies, and the random programs."""

from __future__ import annotations

from acceptance import PYTHON, ROOT, Points, lit, need, pytest, run

point = Points()


@point("core.ops", "each op of the rest of the core: text form, diagnostics, canonical form")
def _() -> str:
    names = "gather|scatter|reduce[-_]store|low[-_]rank[-_]dot|butterfly|segment[-_]ids|segment[-_]sum"
    return lit(rf"Dialect/(Tegula|Sched)/(canonicalize-)?({names})(-invalid)?\.mlir")


@point("core.malformed", "broken IR of these ops gets diagnostics, never a crash")
def _() -> str:
    return lit(r"Dialect/Tegula/malformed\.test")


@point("core.listing-g", "listing (g) of the language parses, verifies and round-trips")
def _() -> str:
    return lit(r"Dialect/Tegula/listing-g\.mlir")


@point("core.listing-g.runs", "and runs on both paths; bits do not depend on what else is in the batch")
def _() -> str:
    return pytest("test/python/test_listing_g.py")


@point("core.indexed", "gathers, scatters and segments on both paths, bit for bit")
def _() -> str:
    return pytest("test/python/test_core_ops.py")


@point("core.structured", "low rank products, butterflies and reductions into memory on both paths")
def _() -> str:
    return pytest("test/python/test_core_structured.py")


@point("core.association", "the cheaper association is chosen, and the half that is invariant leaves its stream")
def _() -> str:
    return lit(r"Transforms/tegula-set-association\.mlir")


@point("core.reference", "the reference of ops and passes is generated and up to date")
def _() -> str:
    run(PYTHON, "utils/reference.py", "--check")
    pages = sorted(path.name for path in (ROOT / "docs/reference").glob("*.md"))
    return need({"passes.md", "sched.md", "tegula.md"} <= set(pages), " ".join(pages))


@point("core.page", "every kernel of the language page without a LATER op, on both paths, in four element types")
def _() -> str:
    return pytest("test/python/test_language_compiled.py")


@point(
    "core.page.f64",
    "these in f64 are within 1e-12 of formulas; the NumPy evaluation is held to the same ones",
    cheap=False,
)
def _() -> str:
    compiled = pytest("test/python/test_language_compiled.py", "-k", "f64 or schnet or mixture or partial")
    evaluated = pytest("test/python/test_numpy_language.py", "test/python/test_numpy_evaluation.py")
    return f"compiled: {compiled}; evaluated: {evaluated}"


@point(
    "core.programs",
    "1000 random programs agree on loops, on x86 and in NumPy; a wrong target is found",
    cheap=False,
)
def _() -> str:
    return pytest("test/python/test_tile_programs.py", "-n", "auto")


@point("core.programs.reach", "what random programs are drawn from: every construct, element type and memory layout")
def _() -> str:
    return pytest("test/python/test_tile_programs.py", "-k", "not agree")


@point("core.text", "what the front end emits for them, and every mistake: class, text, line and caret")
def _() -> str:
    return pytest(
        "test/python/test_core_text.py",
        "test/python/test_error_table.py",
        "test/python/test_errors.py",
        "test/python/test_errors_values.py",
    )


@point("core.schedule", "hand-written schedules: attached, obeyed, and refused with the schedule's line")
def _() -> str:
    return pytest("test/python/test_schedule.py")
