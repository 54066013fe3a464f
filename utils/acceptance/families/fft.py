# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Butterflies and FFT convolutions."""

from __future__ import annotations

from acceptance import Points

point = Points()
