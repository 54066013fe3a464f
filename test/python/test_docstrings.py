# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The examples in the docstrings of operators and of the testing package run as they stand."""

from __future__ import annotations

import doctest
import importlib

import pytest

TESTING = ["tegula.testing.rounding", "tegula.testing.numpy_language.evaluation"]
OPERATORS = ["tegula.ops.attention", "tegula.ops.matmul", "tegula.ops.norm"]


@pytest.mark.parametrize("name", TESTING + OPERATORS)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0
