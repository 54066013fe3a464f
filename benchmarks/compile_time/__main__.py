# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How long the first call takes: attention, from the Python call to the first result.

    python -m benchmarks.compile_time [--repeat N] [--out FOLDER]

Each measurement is a new process that has imported ``tegula.ops`` and made its tensors;
there is no cache between processes. *cold* is the first call of the process, *second* the
first call of another specialisation in the same process, *again* a call that finds its
kernel. The same small case through PyTorch's ``torch.compile`` is no peer here and is not
run. The floor holds for the median of *cold*.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness

FLOOR = 0.6
"""Seconds that a cold compile of attention may take."""

CASES = (
    ("f32 d64", "float32", 64, False),
    ("f32 d64 causal", "float32", 64, True),
    ("f32 d128 causal", "float32", 128, True),
    ("bf16 d64 causal", "bfloat16", 64, True),
    ("f16 d64 causal", "float16", 64, True),
    ("f64 d64 causal", "float64", 64, True),
)

CHILD = """
import json, sys, time
dtype, dim, causal = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
start = time.perf_counter()
import torch
loaded = time.perf_counter()
import tegula.ops as ops
imported = time.perf_counter()
q, k, v = (torch.randn(1, 2, 64, dim).to(getattr(torch, dtype)) for _ in range(3))
def call(**extra):
    start = time.perf_counter()
    float(ops.attention(q, k, v, causal=causal, **extra).float().sum())
    return time.perf_counter() - start
torch.ones(4, dtype=q.dtype).float().sum()
cold = call()
again = min(call() for _ in range(20))
second = call(softcap=20.0)
print(json.dumps(dict(import_s=imported - loaded, cold=cold, again=again, second=second)))
"""


@dataclass(frozen=True)
class Result:
    """Medians over the processes, in seconds."""

    name: str
    import_s: float
    cold: float
    cold_worst: float
    second: float
    again: float
    processes: int

    @property
    def verdict(self) -> str:
        return "ok" if self.cold <= FLOOR else "above"


def run(name: str, dtype: str, dim: int, causal: bool, repeat: int) -> Result:
    command = [sys.executable, "-c", CHILD, dtype, str(dim), str(causal)]
    measured: list[dict[str, float]] = []
    for _ in range(repeat):
        child = subprocess.run(command, cwd=harness.ROOT, capture_output=True, text=True)
        if child.returncode != 0:
            raise RuntimeError(f"{name}: the measuring process failed\n{child.stderr}")
        measured.append(json.loads(child.stdout.splitlines()[-1]))

    def median(key: str) -> float:
        return statistics.median(entry[key] for entry in measured)

    worst = max(entry["cold"] for entry in measured)
    return Result(name, median("import_s"), median("cold"), worst, median("second"), median("again"), repeat)


def plot(path: Path, results: list[Result]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plt: Any = pyplot
    figure, axes = plt.subplots(figsize=(7, 0.9 + 0.4 * len(results)), layout="constrained")
    where = list(range(len(results)))
    axes.barh([w - 0.18 for w in where], [r.cold for r in results], height=0.34, label="cold", color="#3a7d44")
    axes.barh([w + 0.18 for w in where], [r.second for r in results], height=0.34, label="second", color="#9bc1a2")
    axes.axvline(FLOOR, color="black", linewidth=0.8, label="floor")
    axes.set_yticks(where, [r.name for r in results], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("seconds from the call to the first result")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="processes for each case")
    parser.add_argument("--out", type=Path, default=harness.ROOT / "build/benchmarks/compile_time")
    options = parser.parse_args()
    results = [run(*case, options.repeat) for case in CASES]
    print(f"{'attention':20} {'import':>8} {'cold':>8} {'worst':>8} {'second':>8} {'again':>10}  floor {FLOOR} s")
    for r in results:
        print(
            f"{r.name:20} {r.import_s * 1e3:5.0f} ms {r.cold * 1e3:5.0f} ms {r.cold_worst * 1e3:5.0f} ms "
            f"{r.second * 1e3:5.0f} ms {r.again * 1e6:7.1f} µs  {r.verdict}"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    entries = [{**asdict(r), "verdict": r.verdict} for r in results]
    document = {"machine": harness.machine(), "floor": FLOOR, "rows": entries}
    (options.out / "compile_time.json").write_text(json.dumps(document, indent=1) + "\n")
    plot(options.out / "compile_time.png", results)
    print(f"wrote {options.out}/compile_time.json, compile_time.png")
    return 1 if any(r.verdict != "ok" for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
