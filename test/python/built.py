# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a build of this checkout has made. A test that needs a tool fails without it; it is not skipped."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ("release", "dev")


def tool(name: str) -> Path:
    """A command line tool: of the preset that was built last, of those that ship or are tested."""
    found = [path for preset in PRESETS if (path := ROOT / "build" / preset / "bin" / name).is_file()]
    assert found, f"{name} is not built: run `make`"
    return max(found, key=lambda path: path.stat().st_mtime)
