# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""A whole kernel for tensor cores in the simulator: its result, its traffic, and faults that it is made to have.

The kernel is compiled from C++ (test/Simulator/Inputs/attention.cpp), so nothing here was written by Tegula.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from built import tool
from ml_dtypes import bfloat16

ROOT = Path(__file__).resolve().parents[2]
CLANG = "/usr/lib/llvm-22/bin/clang++"
SOURCE = ROOT / "test/Simulator/Inputs/attention.cpp"
ROWS, KEYS, D = 128, 256, 64


def compiled(folder: Path, fault: int) -> Path:
    """The kernel as LLVM IR, with a fault planted."""
    out = folder / f"attention{fault}.ll"
    command = [CLANG, "--target=nvptx64-nvidia-cuda", "-march=sm_80", "-O2", "-g1", "-S", "-emit-llvm"]
    subprocess.run([*command, f"-DFAULT={fault}", str(SOURCE), "-o", str(out)], check=True)
    return out


class Case:
    """Fresh inputs, and what the kernel should make of them in float64."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seed = int(np.random.SeedSequence().entropy) % 2**32
        numbers = np.random.default_rng(self.seed)
        shapes = {"q": (ROWS, D), "k": (KEYS, D), "v": (KEYS, D)}
        self.inputs = {name: numbers.standard_normal(shape).astype(bfloat16) for name, shape in shapes.items()}
        for name, data in self.inputs.items():
            data.tofile(folder / f"{name}.bin")
        buffers = [
            {"name": name, "type": "bf16", "shape": list(shape), "init": {"file": f"{name}.bin"}, "access": "read"}
            for name, shape in shapes.items()
        ]
        buffers.append({"name": "o", "type": "bf16", "shape": [ROWS, D], "init": "undefined"})
        arguments = [{"buffer": b["name"]} for b in buffers] + [{"i32": KEYS}, {"f32": float(np.log2(np.e) / 8)}]
        launch = {"kernel": "attention", "grid": [ROWS // 64], "block": [128], "dynamic_shared": 5 * 64 * D * 2}
        (folder / "launch.json").write_text(json.dumps({**launch, "buffers": buffers, "arguments": arguments}))

    def run(self, module: Path, *options: str) -> tuple[dict[str, object], np.ndarray]:
        """The report and the output of a run."""
        command = [str(tool("tegula-sim")), str(module), "--launch", str(self.folder / "launch.json"), "--json"]
        run = subprocess.run(
            [*command, f"--dump=o={self.folder / 'o.bin'}", *options], capture_output=True, text=True, timeout=120
        )
        assert run.returncode in (0, 1), run.stderr
        output = np.fromfile(self.folder / "o.bin", dtype=bfloat16).reshape(ROWS, D)
        return json.loads(run.stdout), output.astype(np.float64)

    def error(self, output: np.ndarray) -> float:
        """The largest difference from float64, where the values have about unit size."""
        q, k, v = (self.inputs[name].astype(np.float64) for name in "qkv")
        scores = q @ k.T / 8
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return float(np.abs(weights @ v / weights.sum(axis=1, keepdims=True) - output).max())


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("simulator"))


def kinds(report: dict) -> set[str]:
    return {entry["kind"] for entry in report["reports"]}


def test_result_and_counters(case: Case) -> None:
    module = compiled(case.folder, 0)
    report, output = case.run(module, "--seeds=10")
    assert not report["reports"], report["reports"]
    assert case.error(output) < 0.02, f"seed {case.seed}"
    # Controls: the comparison can fail.
    assert case.error(np.zeros_like(output)) > 0.1
    assert case.error(output[::-1]) > 0.1
    counters = report["counters"]
    blocks, tiles = ROWS // 64, KEYS // 64
    traffic = {b["name"]: b for b in counters["buffers"]}
    assert traffic["q"]["bytes_loaded"] == ROWS * D * 2
    assert traffic["k"]["bytes_loaded"] == traffic["v"]["bytes_loaded"] == blocks * KEYS * D * 2
    assert traffic["o"]["bytes_stored"] == ROWS * D * 2
    assert traffic["k"]["sectors_loaded"] == blocks * KEYS * D * 2 // 32
    # 4 warps; 2 products of 64 x 64 x 64 per tile, each warp a quarter, 16 x 8 x 16 at a time.
    assert counters["matrix_ops"] == {"m16n8k16.bf16": blocks * tiles * 2 * 4 * 32}
    assert counters["shared_phases"] == counters["shared_phases_min"], "bank conflicts"
    # Per tile one for each score, and one for each of two rows of a lane to rescale.
    assert counters["exponentials"] == blocks * tiles * (64 * 64 + 128 * 2)
    assert counters["async_bytes"] == ROWS * D * 2 + 2 * blocks * KEYS * D * 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(1, {"race-async"}), (2, {"race-async", "race"}), (4, {"out-of-bounds"}), (5, {"uninitialised"})],
)
def test_faults_are_found(case: Case, fault: int, expected: set[str]) -> None:
    report, _ = case.run(compiled(case.folder, fault))
    assert kinds(report) & expected, report["reports"]
    first = report["reports"][0]
    assert first["sites"][0]["file"].endswith("attention.cpp") and first["sites"][0]["line"] > 0


def test_barrier_that_is_not_needed(case: Case) -> None:
    """The barrier at the top of the next iteration orders what the removed one did: nothing must be reported."""
    report, output = case.run(compiled(case.folder, 3), "--seeds=10")
    assert not report["reports"], report["reports"]
    assert case.error(output) < 0.02, f"seed {case.seed}"


def test_wrong_layout_is_a_wrong_result(case: Case) -> None:
    """Rows and columns exchanged break no rule; only the result shows it."""
    report, output = case.run(compiled(case.folder, 6))
    assert not report["reports"], report["reports"]
    assert case.error(output) > 0.1
