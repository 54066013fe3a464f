# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Derivatives: programs with a backward, torch.autograd, custom ops."""

from __future__ import annotations

from acceptance import Points

point = Points()
