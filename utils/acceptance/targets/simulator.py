# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The simulator: kernels of both vendors, interpreted and checked."""

from __future__ import annotations

from acceptance import Points, lit, pytest

point = Points()


@point("simulator.tool", "kernels from files: values, traffic, and a report for each kind of fault", cheap=False)
def _() -> str:
    return lit(r"Simulator/")


@point("simulator.amd", "each instruction of AMD's machines against its documented meaning", cheap=False)
def _() -> str:
    return pytest("test/python/test_simulator_amd.py")
