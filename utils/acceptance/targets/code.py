# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scheduled kernels as GPU code: what the simulator runs, and what the assemblers say."""

from __future__ import annotations

from acceptance import Points, lit, pytest

point = Points()

TEST = "test/python/test_sched_gpu.py"


@point("code.conversion", "scheduled ops become instructions of both vendors; what has no code is refused", cheap=False)
def _() -> str:
    return lit(r"Conversion/SchedTo(NVVM|ROCDL)")


@point("code.listings", "matmul, attention, low_rank_ffn: scheduled by hand or the planner, as NumPy", cheap=False)
def _() -> str:
    return pytest(TEST, "-k", "matmul or attention or low_rank")


@point("code.moves", "scans, gathers, segment sums, and elementary functions in f64", cheap=False)
def _() -> str:
    return pytest(TEST, "-k", "moves or functions")


@point(
    "code.products",
    "f32 and f64 by multiply-adds and matrix units, tf32 once and three times, on four chips",
    cheap=False,
)
def _() -> str:
    return pytest("test/python/test_gpu_products.py")


@point("code.machine", "nothing spills, and main loops hold the products of the schedule", cheap=False)
def _() -> str:
    return pytest(TEST, "-k", "machine_code")


@point(
    "code.order",
    "gfx942: fragments loaded as far ahead as declared, waits that count, drains at phase ends",
    cheap=False,
)
def _() -> str:
    return pytest(TEST, "-k", "declared_order")


@point("code.programs", "random tile programs: what GPUs take is right, and they take nearly all", cheap=False)
def _() -> str:
    return pytest("test/python/test_tile_programs.py", "-k", "what_gpus_take")


@point(
    "code.exchanges",
    "fragments change hands within a warp by shuffles and DPP, without scratch or barrier",
    cheap=False,
)
def _() -> str:
    return lit(r"Conversion/SchedTo(NVVM|ROCDL)/.*shuffle")
