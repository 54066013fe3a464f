# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the documents show is run: Python blocks in order, as one file, and what they print is compared.

A ``text`` block directly after a ``python`` block is what it prints; ``...`` stands for anything.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/training.md",
    "docs/tutorials/first-operator.md",
    "docs/tutorials/fused-operator.md",
    "docs/schnet.md",
    "docs/fft_conv.md",
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "-- end of block --"


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each fenced block of a page."""
    return [(m[1], m[2]) for m in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]


def expected(page: str) -> list[str | None]:
    """What each Python block prints, or None where the page does not say."""
    found = blocks(page)
    after = [*found[1:], ("", "")]
    return [text if kind == "text" else None for (kind0, _), (kind, text) in zip(found, after) if kind0 == "python"]


def matches(want: str, got: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in want.strip().split("..."))
    return re.fullmatch(pattern, got.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES)
def test_page_runs_and_prints_what_it_says(page: str, tmp_path: Path) -> None:
    code = [text for kind, text in blocks(page) if kind == "python"]
    assert code, f"{page} has no Python block"
    script = tmp_path / "page.py"  # kernels are read from files
    script.write_text("".join(f"{text}\nprint({MARK!r})\n" for text in code))
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split(MARK)
    for number, (want, got) in enumerate(zip(expected(page), printed), 1):
        if want is not None:
            assert matches(want, got), f"{page}, Python block {number} printed\n{got}\nand the page says\n{want}"


def test_a_wrong_print_is_noticed() -> None:
    assert matches("a\n...\nb\n", "a\n1\n2\nb\n") and matches("ShapeError - ...", "ShapeError - x\n")
    assert not matches("a\n", "b\n") and not matches("a\n...\nb\n", "a\n1\nc\n")


def test_example_of_the_readme_is_short() -> None:
    code = next(text for kind, text in blocks("README.md") if kind == "python")
    assert sum(1 for line in code.splitlines() if line.strip()) <= 32


LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    missing = [m[1] for m in LINK.finditer((ROOT / page).read_text()) if not ((ROOT / page).parent / m[1]).exists()]
    assert not missing, f"{page} links to {missing}"


PATHS = re.compile(r"`((?:python|lib|include|tools|test|docs|utils|benchmarks|examples|cmake)/[\w./-]*[\w/])`")


@pytest.mark.parametrize("page", ["README.md", "docs/Tour.md", "docs/architecture.md"])
def test_paths_that_a_page_names_exist(page: str) -> None:
    missing = [m[1] for m in PATHS.finditer((ROOT / page).read_text()) if not (ROOT / m[1]).exists()]
    assert not missing, f"{page} names {missing}"
