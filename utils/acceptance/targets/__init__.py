# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The points of *targets*: code for NVIDIA and AMD from the same programs. A file per area."""

from __future__ import annotations

from acceptance import Point
from acceptance.targets import backends, code, layouts, operators, proofs, scheduled, simulator

AREAS = (backends, code, layouts, operators, proofs, scheduled, simulator)
POINTS: tuple[Point, ...] = tuple(found for area in AREAS for found in area.point.all())
