# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/reference says what the definitions of ops and passes say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference"


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "utils" / "reference.py", *args]
    return subprocess.run(command, capture_output=True, text=True)


def test_is_up_to_date() -> None:
    done = run("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_stale_pages_are_found_and_written(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(PAGES, folder)
    page = folder / "tegula.md"
    page.write_text(page.read_text().replace("tegula.gather", "tegula.gathers"))
    (folder / "gone.md").write_text("no definition makes this\n")
    done = run("--check", "--folder", folder)
    assert done.returncode == 1 and "tegula.md" in done.stdout and "gone.md" in done.stdout
    assert run("--folder", folder).returncode == 0
    assert run("--check", "--folder", folder).returncode == 0
    assert not (folder / "gone.md").exists()
