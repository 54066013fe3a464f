# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How things are timed here: peers interleaved, a peak probe around each case, medians.

A *case* is one computation that two parties can do. Both are called in turn, in one
process, on one OpenMP team, so that a slow moment hits both; the medians are compared.
Before and after, a probe measures what the FMA units give. If the two readings differ by
more than 5 %, somebody else was using the machine or its clock moved: the case is measured
again, a few times, and then its ratio is *refused*, not reported.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DRIFT = 0.05
"""The largest difference between the probe's two readings at which a ratio stands."""


@dataclass(frozen=True)
class Case:
    """One computation, done by both parties; each call returns its result."""

    group: str
    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    floor: float
    """The least ratio theirs / ours of times that the project promises."""
    flops: float | None = None
    """Floating-point operations of one call, where the count is meaningful."""
    agree: Callable[[Any, Any], float] | None = None
    """The largest relative difference of the two results; above `tolerance` the case is wrong."""
    tolerance: float = 0.0


@dataclass(frozen=True)
class Row:
    """What was measured for a case. Times are seconds for one call, rates GFLOP/s."""

    group: str
    name: str
    floor: float
    ours: float
    theirs: float
    peak_before: float
    peak_after: float
    calls: int
    flops: float | None
    error: str | None = None

    @property
    def ratio(self) -> float | None:
        """Their time over ours, or None where it is refused."""
        return None if self.error or self.drift > DRIFT else self.theirs / self.ours

    @property
    def drift(self) -> float:
        low, high = sorted((self.peak_before, self.peak_after))
        return (high - low) / high

    @property
    def needed(self) -> float | None:
        """The part of the peak that reaching the floor takes here; above 1 nobody can."""
        if self.flops is None:
            return None
        return self.floor * self.flops / self.theirs * 1e-9 / max(self.peak_before, self.peak_after)

    @property
    def verdict(self) -> str:
        if self.error:
            return f"WRONG: {self.error}"
        if self.ratio is None:
            return f"refused: peak {self.peak_before:.0f} → {self.peak_after:.0f}"
        return "ok" if self.ratio >= self.floor else "below"


class Peak:
    """The probe `peak.c`, compiled for this machine."""

    def __init__(self, threads: int) -> None:
        out = ROOT / "build/benchmarks"
        out.mkdir(parents=True, exist_ok=True)
        library = out / "peak.so"
        source = Path(__file__).with_name("peak.c")
        if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
            command = ["clang-22", "-O2", "-march=native", "-shared", "-fPIC", "-pthread", source, "-o", library]
            subprocess.run(command, check=True)
        self._call: Any = ctypes.CDLL(str(library)).tegula_peak_gflops
        self._call.restype = ctypes.c_double
        self._call.argtypes = [ctypes.c_int, ctypes.c_double]
        self.threads = threads

    def __call__(self, seconds: float = 0.1) -> float:
        """GFLOP/s of all threads together. Waits first: OpenMP's workers spin after a call."""
        time.sleep(0.05)
        rate = float(self._call(self.threads, seconds))
        if rate <= 0:
            raise RuntimeError("the peak probe could not start its threads")
        return rate


def measure(case: Case, peak: Peak, *, seconds: float = 1.0, attempts: int = 4) -> Row:
    """Measures a case until the probe is steady around it, at most `attempts` times.

    `seconds` is about what each party's calls take together; there are between 7 and 41.
    """
    if case.agree is not None:
        difference = case.agree(case.ours(), case.theirs())
        if not difference <= case.tolerance:
            text = f"differs by {difference:.1e}, allowed {case.tolerance:.0e}"
            return Row(case.group, case.name, case.floor, 0.0, 0.0, 1.0, 1.0, 0, case.flops, text)
    row = _once(case, peak, seconds)
    while row.drift > DRIFT and (attempts := attempts - 1) > 0:
        row = _once(case, peak, seconds)
    return row


def _once(case: Case, peak: Peak, seconds: float) -> Row:
    def clock(call: Callable[[], Any]) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    longest = max(clock(case.ours), clock(case.theirs), clock(case.ours), clock(case.theirs))
    calls = max(7, min(41, int(seconds / max(longest, 1e-6))))
    before = peak()
    for call in (case.ours, case.theirs):  # both teams awake, caches as a caller finds them
        call()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(calls):
        first = turn % 2 == 0
        for party in (first, not first):
            (ours if party else theirs).append(clock(case.ours if party else case.theirs))
    after = peak()
    return Row(
        case.group, case.name, case.floor, statistics.median(ours), statistics.median(theirs), before, after, calls,
        case.flops,
    )  # fmt: skip


def machine() -> dict[str, str | int]:
    """What the numbers hold for."""
    cpu = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
        elif line.startswith("model\t") or line.startswith("cpu family"):
            cpu += f" ({' '.join(line.split())})"
        elif not line:
            break
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "date": time.strftime("%F %T UTC", time.gmtime()),
    }


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each."""
    head = ("PyTorch", 10), ("Tegula", 10), ("ratio", 6), ("floor", 6), ("GFLOP/s", 8), ("of peak", 8), ("needed", 7)
    lines = [f"{'case':38} " + " ".join(f"{name:>{width}}" for name, width in head) + "  verdict"]
    for row in rows:
        name = f"{row.group} {row.name}"
        if row.error:
            lines.append(f"{name:38} {'':61} {row.verdict}")
            continue
        peak = (row.peak_before + row.peak_after) / 2
        rate = None if row.flops is None else row.flops / row.ours * 1e-9
        columns = (
            f"{row.theirs * 1e3:7.3f} ms",
            f"{row.ours * 1e3:7.3f} ms",
            f"{_number(row.ratio, '.2f'):>6}",
            f"{row.floor:6.2f}",
            f"{_number(rate, '.0f'):>8}",
            f"{_number(rate and rate / peak, '.0%'):>8}",
            f"{_number(row.needed, '.0%'):>7}",
        )
        lines.append(f"{name:38} " + " ".join(columns) + f"  {row.verdict}")
    return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def write_json(path: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Everything that was measured, for other tools."""
    entries = [{**asdict(row), "ratio": row.ratio, "needed": row.needed, "verdict": row.verdict} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **about, "rows": entries}, indent=1, ensure_ascii=False) + "\n")


def plot(path: Path, rows: Sequence[Row], title: str) -> None:
    """One bar a case: the ratio, with its floor as a tick."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plt: Any = pyplot
    shown = [row for row in rows if row.ratio is not None]
    if not shown:
        print(f"{path.name}: nothing to draw, every ratio was refused", file=sys.stderr)
        return
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.26 * len(shown)), layout="constrained")
    where = list(range(len(shown)))
    ratios = [row.ratio or 0.0 for row in shown]
    axes.barh(where, ratios, color=["#3a7d44" if row.verdict == "ok" else "#b5651d" for row in shown], height=0.7)
    axes.scatter([row.floor for row in shown], where, marker="|", s=90, color="black", label="floor", zorder=3)
    axes.axvline(1.0, color="grey", linewidth=0.8)
    axes.set_yticks(where, [f"{row.group} {row.name}" for row in shown], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("PyTorch's time / Tegula's time")
    axes.set_title(title, fontsize=9)
    axes.legend(loc="lower right", fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
