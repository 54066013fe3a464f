# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Checks operators on a GPU, captures golden vectors, times attention and matmul: at most eight minutes.

On a machine with a compiler, once per build, everything that the GPU's machine needs:

    .venv/bin/python -m benchmarks.gpu.run --pack .gpu

On the machine with the GPU, which needs Python, PyTorch and its driver, and may have no compiler:

    python3 .gpu/run.py --out $OUT

Without a GPU, the same steps at tiny sizes with the simulator in its place (no times):

    .venv/bin/python -m benchmarks.gpu.run --dry-run sm_80 --out /tmp/gpu

Results: a table on stdout, `gpu.json`, and `gpu.svg` where there are times. The exit status is 1 if a check
or a golden vector is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ARCHIVE = "tegula.tar.xz"
MINUTES = 8


def pack(folder: Path) -> None:
    """This script, and an archive of the library, the package, the benchmark and the golden vectors' PTX."""
    from tegula.runtime import find_library

    from benchmarks.gpu import golden

    root = HERE.parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    vectors = golden.prepare(folder)
    with tarfile.open(folder / ARCHIVE, "w:xz", preset=1) as archive:
        archive.add(find_library(), "python/tegula/lib/libtegula.so")
        for path in sorted([*root.glob("python/tegula/**/*.py"), *root.glob("benchmarks/gpu/*.py")]):
            archive.add(path, str(path.relative_to(root)))
        archive.add(root / "benchmarks/__init__.py", "benchmarks/__init__.py")
        archive.add(vectors, "golden.json")
    vectors.unlink()
    (folder / "run.py").write_text(HERE.read_text())
    print(f"{folder}: {sum(p.stat().st_size for p in folder.iterdir()) / 2**20:.1f} MiB")


def unpack() -> Path:
    """The folder with the package and the benchmark: the checkout, or what the archive beside this script holds."""
    archive = HERE.parent / ARCHIVE
    if not archive.is_file():
        return HERE.parents[2]
    folder = HERE.parent / "unpacked"
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def first_line(e: Exception) -> str:
    """What an error says, in one line."""
    return str(e).splitlines()[0] if str(e) else type(e).__name__


def check_all(device: str, tiny: bool, deadline: float, only: str) -> list[dict[str, Any]]:
    """Every operator and dtype; what cannot be compiled or run says why."""

    from tegula.errors import CompileError

    from benchmarks.gpu.checks import checks

    rows: list[dict[str, Any]] = []
    for check in checks(device, tiny):
        if not check.name.startswith(only):
            continue
        if time.monotonic() > deadline:
            rows.append({"name": check.name, "dtype": check.dtype, "ok": None, "why": "no time left"})
            continue
        try:
            rows.append(check.run())
        except CompileError as e:  # refused is not wrong, and not right either
            rows.append({"name": check.name, "dtype": check.dtype, "ok": None, "why": first_line(e)})
        except Exception as e:
            rows.append({"name": check.name, "dtype": check.dtype, "ok": False, "why": first_line(e)})
        row = rows[-1]
        said = f"error {row['error']:.1e}" if "error" in row else row["why"]
        word = "refused" if row["ok"] is None else "ok" if row["ok"] else "WRONG"
        print(f"  {row['name']:28} {row['dtype']:5} {word:8} {said}", flush=True)
    return rows


def time_all(device: str, tiny: bool, deadline: float, only: str) -> list[dict[str, Any]]:
    """The races; without a GPU they run and nothing is timed."""
    from benchmarks.gpu.races import on_device, races, timed

    rows: list[dict[str, Any]] = []
    for race in races(device, tiny):
        if not race.name.startswith(only):
            continue
        if time.monotonic() > deadline:
            break
        rows.append(timed(race, None if device == "cpu" else on_device))
        row = rows[-1]
        said = "  ".join(f"{who} {rate:.0f}" for who, rate in row["tflops"].items()) or "not timed"
        failed = "".join(f"; {who}: {why}" for who, why in row["failed"].items())
        print(f"  {row['name']:40} TFLOP/s {said}{failed}", flush=True)
    return rows


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of TFLOP/s as SVG, one group per race; nothing but text, so that any machine draws it."""
    colours = {"tegula": "#c0532c", "cudnn": "#76b900", "flash": "#5677b8", "triton": "#8a6fb0", "cublas": "#76b900"}
    most = max((r for row in rows for r in row["tflops"].values()), default=1.0)
    lines, y = [], 30
    for row in rows:
        lines.append(f'<text x="10" y="{y}" font-size="12">{row["name"]}</text>')
        for who, rate in row["tflops"].items():
            y += 16
            bar = f'<rect x="70" y="{y - 10}" width="{rate / most * 480:.1f}" height="12" fill="{colours[who]}"/>'
            lines.append(f'<text x="10" y="{y}" font-size="11">{who}</text>{bar}')
            lines.append(f'<text x="{76 + rate / most * 480:.1f}" y="{y}" font-size="11">{rate:.0f}</text>')
        y += 24
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{y}" font-family="sans-serif">'
    path.write_text("\n".join([head, '<text x="10" y="14" font-size="12">TFLOP/s</text>', *lines, "</svg>"]))


def main() -> int:
    """Runs what the arguments say."""
    parser = argparse.ArgumentParser(description="Checks and times operators on a GPU.")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="make what the GPU's machine needs")
    parser.add_argument("--dry-run", metavar="TARGET", help="the simulator of a GPU in its place, at tiny sizes")
    parser.add_argument("--out", type=Path, default=Path("."), help="where gpu.json and gpu.svg go")
    parser.add_argument("--only", default="", metavar="PREFIX", help="checks and races whose names begin so")
    options = parser.parse_args()
    start = time.monotonic()
    root = unpack()
    sys.path[:0] = [str(root), str(root / "python")]
    if options.pack is not None:
        pack(options.pack)
        return 0
    options.out.mkdir(parents=True, exist_ok=True)

    import tegula as tg
    import torch

    from benchmarks.gpu import golden

    torch.manual_seed(torch.seed() % 2**31)
    device, place = "cuda", contextlib.nullcontext()
    if options.dry_run:
        device, place = "cpu", tg.simulate(options.dry_run)
    elif not torch.cuda.is_available():
        print("no GPU: --dry-run TARGET runs the same steps in the simulator")
        return 2
    name = f"simulator of {options.dry_run}" if options.dry_run else torch.cuda.get_device_name()
    result: dict[str, Any] = {"device": name, "torch": torch.__version__, "seed": torch.initial_seed()}
    tiny = bool(options.dry_run)
    with place:
        print(f"{name}: operators beside PyTorch in float64")
        result["checks"] = check_all(device, tiny, start + 60 * MINUTES / 2, options.only)
        print("instructions beside the simulator")
        if options.dry_run:  # the answers of the simulator, which the chip's will be held against
            path = golden.prepare(options.out)
            result["golden"] = [{"name": c["name"], "same": None} for c in json.loads(path.read_text())]
        elif torch.version.hip:
            result["golden"] = []
        else:
            result["golden"] = golden.capture(root / "golden.json", device)
        for row in result["golden"]:
            print(f"  {row['name']:44} {'not compared' if row['same'] is None else 'same' if row['same'] else 'OTHER'}")
        print("attention and matmul")
        result["races"] = time_all(device, tiny, start + 60 * (MINUTES - 0.5), options.only)
    (options.out / "gpu.json").write_text(json.dumps(result, indent=1))
    if any(row["tflops"] for row in result["races"]):
        plot(result["races"], options.out / "gpu.svg")
    wrong = [r["name"] for r in [*result["checks"]] if r["ok"] is False]
    wrong += [r["name"] for r in result["golden"] if r["same"] is False]
    print(f"{len(wrong)} wrong" + (": " + ", ".join(wrong) if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
