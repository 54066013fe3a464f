# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Where the tests find the tools."""

from __future__ import annotations

import os

import pytest
from built import tool


@pytest.fixture(scope="session")
def tegula_opt() -> str:
    """The path of tegula-opt: TEGULA_OPT, or what a build of this checkout has made."""
    return os.environ.get("TEGULA_OPT") or str(tool("tegula-opt"))


@pytest.fixture(scope="session")
def tegulac() -> str:
    """The path of tegulac, as a build of this checkout has made it."""
    return str(tool("tegulac"))
