# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an author tests an operator with: an eager evaluation of kernels, and a check against an oracle."""

from tegula.testing.check import CheckFailed, Report, check
from tegula.testing.numpy_language import Evaluation, evaluate

__all__ = ["CheckFailed", "Evaluation", "Report", "check", "evaluate"]
