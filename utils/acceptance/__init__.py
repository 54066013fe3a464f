# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What acceptance lists are made of: points, and ways to run the real thing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv/bin/python"
DEV = ROOT / "build/dev"
RELEASE = ROOT / "build/release"
OPT = RELEASE / "bin/tegula-opt"
TEGULAC = RELEASE / "bin/tegulac"
LIBRARY = RELEASE / "lib/libtegula.so"
LIT = Path("/usr/lib/llvm-22/bin/lit")


class Failed(Exception):
    """The point does not hold; the text is the figure that shows it."""


@dataclass(frozen=True)
class Point:
    """One promise. `check` returns the figure that shows it, or raises `Failed`."""

    id: str
    text: str
    cheap: bool
    check: Callable[[], str]


class Points:
    """Collects the points of a list, in order."""

    def __init__(self) -> None:
        self._points: list[Point] = []

    def __call__(self, id: str, text: str, *, cheap: bool = True) -> Callable[[Callable[[], str]], Callable[[], str]]:
        def add(check: Callable[[], str]) -> Callable[[], str]:
            self.add(id, text, check, cheap=cheap)
            return check

        return add

    def add(self, id: str, text: str, check: Callable[[], str], *, cheap: bool = True) -> None:
        if any(point.id == id for point in self._points):
            raise ValueError(f"two points with id {id}")
        self._points.append(Point(id, text, cheap, check))

    def all(self) -> tuple[Point, ...]:
        return tuple(self._points)


def run(
    *command: str | Path, timeout: float = 120, env: Mapping[str, str] | None = None, cwd: Path = ROOT, ok: bool = True
) -> str:
    """The output, both streams, of a command; `Failed` if it does not exit as `ok` says."""
    words = [str(word) for word in command]
    if "/" in words[0] and not Path(words[0]).exists():
        raise Failed(f"{Path(words[0]).relative_to(ROOT) if words[0].startswith(str(ROOT)) else words[0]} is missing")
    try:
        done = subprocess.run(
            words, cwd=cwd, env={**os.environ, **(env or {})}, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"took more than {timeout:.0f} s") from None
    if done.returncode < 0:
        raise Failed(f"died of signal {-done.returncode}: {_last(done.stdout)}")
    if (done.returncode == 0) != ok:
        raise Failed(f"exit status {done.returncode}: {_last(done.stdout)}")
    return done.stdout


def _last(output: str) -> str:
    """The line of an output that says what went wrong."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b|Error\b", line)]
    return (errors or lines or ["no output"])[-1].strip()


def python(code: str, *arguments: str, timeout: float = 120, env: Mapping[str, str] | None = None) -> str:
    """The last line that a piece of Python prints, in the environment of the checkout."""
    lines = run(PYTHON, "-W", "error::SyntaxWarning", "-c", code, *arguments, timeout=timeout, env=env).splitlines()
    if not lines:
        raise Failed("printed nothing")
    return lines[-1]


def need(condition: object, figure: str) -> str:
    """The figure, or `Failed` with it."""
    if not condition:
        raise Failed(figure)
    return figure


def lit(pattern: str, preset: Path = DEV) -> str:
    """Runs the lit tests whose path matches; at least one must, and all must pass."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "lit.xml"
        run(LIT, "-q", f"--filter={pattern}", f"--xunit-xml-output={report}", preset / "test", timeout=600)
        cases = [case for case in ET.parse(report).iter("testcase") if case.find("skipped") is None]
    return need(cases, f"{len(cases)} lit tests match '{pattern}'") + ", all pass"


def pytest(*arguments: str, timeout: float = 600) -> str:
    """Runs pytest; at least one test must pass, and none fail."""
    output = run(PYTHON, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *arguments, timeout=timeout)
    closing = output.strip().splitlines()[-1].strip("= ")
    return need(re.search(r"\d+ passed", closing), closing)


def needed_libraries(binary: Path) -> set[str]:
    """The shared libraries that a binary names as needed, itself and through others."""
    found = re.findall(r"^\s*(\S+)(?: =>|\s+\(0x)", run("ldd", binary), re.MULTILINE)
    return {Path(name).name for name in found} - {"linux-vdso.so.1", "ld-linux-x86-64.so.2"}


def benchmark(module: str, file: str, *arguments: str) -> list[dict[str, Any]]:
    """The rows that a benchmark writes to `file`, also where some are below their floors."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(PYTHON, "-m", module, "--out", folder, *arguments, timeout=3600, cwd=ROOT)
        except Failed:
            if not (Path(folder) / file).exists():
                raise
        return json.loads((Path(folder) / file).read_text())["rows"]


def speed(group: str, match: str = "") -> str:
    """Cases of `benchmarks.cpu`, each held against its own floor."""
    rows = benchmark("benchmarks.cpu", "cpu.json", "--only", group, *(["--match", match] if match else []))
    wrong = [row for row in rows if row["error"]]
    refused = [row for row in rows if row["ratio"] is None and not row["error"]]
    measured = [row for row in rows if row["ratio"] is not None]
    below = [row for row in measured if row["ratio"] < row["floor"]]
    unreachable = [row for row in below if (row["needed"] or 0) > 1]
    least = min(measured, key=lambda row: row["ratio"] / row["floor"], default=None)
    figure = f"least {least['ratio']:.2f} ({least['name']}, floor {least['floor']:.2f})" if least else "no ratio"
    figure += f"; {len(below)} below ({len(unreachable)} of them need more than the peak of this machine)"
    figure += f", {len(refused)} refused, {len(wrong)} wrong, of {len(rows)}"
    return need(measured and not (wrong or refused or below), figure)
