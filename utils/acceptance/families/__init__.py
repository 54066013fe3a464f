# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The points of *families*: four operator families on real data."""

from __future__ import annotations

from acceptance import Point
from acceptance.families import core, docs, fft, low_rank, schnet, training

POINTS: tuple[Point, ...] = tuple(
    found for area in (core, training, low_rank, fft, schnet, docs) for found in area.point.all()
)
