# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Where the tests find the tools."""

from __future__ import annotations

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tegula_opt() -> str:
    """The path of tegula-opt: TEGULA_OPT, or what a build of this checkout has made."""
    named = os.environ.get("TEGULA_OPT")
    found = [pathlib.Path(named)] if named else [ROOT / "build" / b / "bin" / "tegula-opt" for b in ("release", "dev")]
    for path in found:
        if path.exists():
            return str(path)
    pytest.skip("tegula-opt is not built")
