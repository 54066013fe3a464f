# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""utils/new.py makes what the rules of the house ask for, where they look for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("include/tegula", "lib/Transforms", "lib/Conversion", "lib/Dialect", "test/Transforms", "test/Conversion")


def copy_of_the_tree(folder: Path) -> None:
    for name in (*FOLDERS, "test/Dialect", "test/Integration"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, folder / name)


def new(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "utils/new.py", "--root", folder, *words]
    return subprocess.run(command, capture_output=True, text=True)


def findings(folder: Path, rule: str) -> str:
    command = [sys.executable, ROOT / "utils/check_style.py", "--root", folder, rule]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_new_pass_is_found_under_its_name(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    before = findings(tmp_path, "pass-names")
    made = new(tmp_path, "pass", "tegula", "FuseManyThings", "fuses things")
    assert made.returncode == 0, made.stderr
    assert findings(tmp_path, "pass-names") == before
    assert "tegula-fuse-many-things" in (tmp_path / "include/tegula/Transforms/Passes.td").read_text()
    assert "  FuseManyThings.cpp\n" in (tmp_path / "lib/Transforms/CMakeLists.txt").read_text()
    assert len((tmp_path / "lib/Transforms/FuseManyThings.cpp").read_text().splitlines()[0]) == 80
    (tmp_path / "test/Transforms/tegula-fuse-many-things.mlir").unlink()
    assert findings(tmp_path, "pass-names") != before


def test_a_new_op_has_documentation_and_tests(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    before = [findings(tmp_path, rule) for rule in ("op-docs", "op-tests")]
    made = new(tmp_path, "op", "take_along", "Memory", "takes elements along an axis")
    assert made.returncode == 0, made.stderr
    assert [findings(tmp_path, rule) for rule in ("op-docs", "op-tests")] == before
    assert "TakeAlongOp::verify" in (tmp_path / "lib/Dialect/Tegula/IR/MemoryOps.cpp").read_text()
    again = new(tmp_path, "op", "take_along", "Memory", "once more")
    assert again.returncode != 0
    assert "exists already" in again.stderr
