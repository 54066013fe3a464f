#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs every suite on what is built, goes on after failures, and counts.

``make check`` builds first and then runs this. The table at the end says per suite what
passed, failed and was skipped; the last line, ``N passed, N failed``, is what continuous
integration reads. The exit status is 0 only if every suite ran, held at least one test, and
failed none. A suite that crashes counts as one failure.

usage: .venv/bin/python utils/check.py [suite ...]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv/bin/python"
LIT = Path("/usr/lib/llvm-22/bin/lit")
REPORTS = ROOT / "build/reports"


@dataclass(frozen=True)
class Counts:
    """What a suite reported."""

    passed: int
    failed: int
    skipped: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A command, and how to read what it reported."""

    name: str
    what: str
    command: tuple[str | Path, ...]
    read: Callable[[str], Counts]
    env: dict[str, str] = field(default_factory=dict[str, str])


def read_junit(path: Path) -> Callable[[str], Counts]:
    """Reads the file that lit, GoogleTest and pytest write in JUnit's form."""

    def read(_: str) -> Counts:
        passed = skipped = 0
        failures: list[str] = []
        for case in ET.parse(path).iter("testcase"):
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failures.append(name)
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                skipped += 1
            else:
                passed += 1
        return Counts(passed, len(failures), skipped, tuple(failures))

    return read


def read_lines(output: str) -> Counts:
    """Reads ``PASS id figure`` and ``FAIL id figure`` lines."""
    passed = re.findall(r"^PASS (.*)$", output, re.MULTILINE)
    failures = re.findall(r"^FAIL (.*)$", output, re.MULTILINE)
    return Counts(len(passed), len(failures), 0, tuple(failures))


def read_status(output: str) -> Counts:
    """One test, which passes if the command does: `run` looks at the exit status."""
    return Counts(1, 0)


def suites() -> tuple[Suite, ...]:
    lit, shipped, py = REPORTS / "lit.xml", REPORTS / "lit-release.xml", REPORTS / "pytest.xml"
    return (
        Suite("style", "the rules of the house", (PYTHON, "utils/check_style.py"), read_lines),
        Suite("ruff", "Python lint", (PYTHON, "-m", "ruff", "check", "-q", "."), read_status),
        Suite("pyright", "Python types, strict", (PYTHON, "-m", "pyright"), read_status),
        Suite(
            "lit", "ops, passes and tools, one file each",
            ("ninja", "-C", ROOT / "build/dev", "check-tegula"),
            read_junit(lit), {"LIT_OPTS": f"-sv --xunit-xml-output={lit}"},
        ),
        Suite(
            "lit-release", "what ships: C API and tools, statically linked",
            (LIT, "-sv", "--filter=CAPI/|Tools/", f"--xunit-xml-output={shipped}", ROOT / "build/release/test"),
            read_junit(shipped),
        ),
        Suite(
            "pytest", "front end, errors, operators, documents",
            (PYTHON, "-m", "pytest", "test/python", "-q", "-n", str(os.cpu_count() or 1), f"--junitxml={py}"),
            read_junit(py),
        ),
        Suite("accept", "what was promised, as far as it is cheap to check",
              (PYTHON, "utils/accept.py", "language", "families", "targets", "--cheap"), read_lines),
    )  # fmt: skip


def run(suite: Suite) -> Counts:
    """Runs one suite, showing its output as it comes."""
    print(f"\n== {suite.name}: {suite.what}", flush=True)
    lines: list[str] = []
    with subprocess.Popen(
        [str(word) for word in suite.command], cwd=ROOT, env={**os.environ, **suite.env},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    try:
        counts = suite.read("".join(lines))
    except (OSError, ET.ParseError) as error:
        return Counts(0, 1, 0, (f"{suite.name}: no report ({error})",))
    if counts.passed + counts.failed == 0:
        return Counts(0, 1, counts.skipped, (f"{suite.name}: ran no test",))
    if process.returncode != 0 and counts.failed == 0:
        passed = 0 if suite.read is read_status else counts.passed
        return Counts(passed, 1, counts.skipped, (f"{suite.name}: exit status {process.returncode}",))
    return counts


def main() -> int:
    every = suites()
    parser = argparse.ArgumentParser(description="run the suites and count")
    parser.add_argument("suite", nargs="*", help=f"which ({', '.join(s.name for s in every)}); all if none")
    wanted: list[str] = parser.parse_args().suite
    if unknown := set(wanted) - {s.name for s in every}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.glob("*.xml"):
        old.unlink()
    results: list[tuple[Suite, Counts, float]] = []
    for suite in every:
        if not wanted or suite.name in wanted:
            start = time.monotonic()
            results.append((suite, run(suite), time.monotonic() - start))
    print(f"\n{'suite':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for suite, counts, seconds in results:
        print(f"{suite.name:12} {counts.passed:7} {counts.failed:7} {counts.skipped:8} {seconds:8.0f}")
    for _, counts, _ in results:
        for failure in counts.failures:
            print(f"failed: {failure}")
    failed = sum(counts.failed for _, counts, _ in results)
    print(f"\n{sum(counts.passed for _, counts, _ in results)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
