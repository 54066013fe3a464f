# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scheduled level: its ops, the ten kernels of four machines, and their plain meaning."""

from __future__ import annotations

from acceptance import Points, lit, need, pytest

point = Points()


@point("scheduled.examples", "the example of every op and attribute parses, verifies and round-trips", cheap=False)
def _() -> str:
    return lit("Dialect/Sched/examples")


@point("scheduled.listings", "ten scheduled kernels for four machines parse, verify and round-trip", cheap=False)
def _() -> str:
    figure = lit("Dialect/Sched/listings/")
    return need(figure.startswith("10 "), figure)


@point("scheduled.refusals", "each local rule of a scheduled op has a refusal, at the author's line", cheap=False)
def _() -> str:
    return lit("Dialect/Sched/.*-invalid")


@point(
    "scheduled.loops",
    "the ten kernels give what NumPy gives: no keys, one row, ragged ends, shifted masks",
    cheap=False,
)
def _() -> str:
    return pytest("test/python/test_sched_listings.py")


@point("scheduled.fragments", "ops on fragments give what NumPy gives", cheap=False)
def _() -> str:
    return pytest("test/python/test_sched_fragments.py")
