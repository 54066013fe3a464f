# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of GPUs, code down to what a driver loads, its audits, and the drivers."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from acceptance import DEV, LIBRARY, PYTHON, ROOT, TEGULAC, Failed, Points, lit, need, pytest, python, run

point = Points()

KERNELS = ROOT / "test/python/gpu_kernels"
NVIDIA = ("sm_80", "sm_86", "sm_89", "sm_90a", "sm_120a")
AMD = ("gfx90a", "gfx942")


def unit(pattern: str) -> str:
    """Runs the unit tests that match; none may fail or be skipped."""
    said = run(DEV / "bin/TegulaUnitTests", f"--gtest_filter={pattern}")
    passed = re.search(r"\[  PASSED  \] (\d+) test", said)
    return need(passed and int(passed[1]) and "SKIPPED" not in said, f"{passed[1] if passed else 0} unit tests pass")


@point(
    "backends.table", "seven GPUs in one table: limits, matrix units, copies and rates as documents say", cheap=False
)
def _() -> str:
    return unit("GpuInfo.*")


@point(
    "backends.levels",
    "a kernel at every level of both vendors; what a target has not is refused with a message",
    cheap=False,
)
def _() -> str:
    return lit(r"Target/(NVPTX/|AMDGPU/|invalid)")


@point("backends.rows", "the same kernel is machine code of every row, without a spill or a complaint")
def _() -> str:
    figures: list[str] = []
    for name, rows in (("product_nvidia", NVIDIA), ("product_amd", AMD)):
        for row in rows:
            said = run(PYTHON, "utils/gpu_audit.py", KERNELS / f"{name}.mlir", f"--target={row}")
            found = re.search(r"registers +(\d+) spills 0 stack 0", said)
            figures.append(f"{row} {found[1]}" if found else "")
            need(found and "FAULT" not in said, f"{row}: {said.strip()}")
    return "registers: " + ", ".join(figures)


@point(
    "backends.audit", "spills, private memory, accumulators as storage and assembler messages are found when planted"
)
def _() -> str:
    return pytest("test/python/test_gpu_audit.py")


@point("backends.self-contained", "the library with both backends and the linker needs libc and libm only")
def _() -> str:
    names = re.findall(r"^\s*(\S+?\.so\S*)", run("ldd", LIBRARY), re.MULTILINE)
    others = [n for n in names if not re.match(r"(linux-vdso|libm|libc|.*ld-linux)", n)]
    return need(not others, f"{LIBRARY.stat().st_size / 1e6:.0f} MB, {' '.join(others) or 'nothing else'}")


@point("backends.no-ptxas", "without NVIDIA's assembler PTX is made all the same, and a cubin is refused with advice")
def _() -> str:
    with tempfile.TemporaryDirectory() as folder:
        # A copy outside the checkout finds nothing by itself.
        alone = Path(folder) / "tegulac"
        alone.write_bytes(TEGULAC.read_bytes())
        alone.chmod(0o755)
        kernel, env = KERNELS / "product_nvidia.mlir", {"PATH": folder, "TEGULA_PTXAS": ""}
        text = run(alone, kernel, "--target=sm_80", "--emit=ptx", env=env)
        need(".target sm_80" in text, "no PTX")
        said = run(alone, kernel, "--target=sm_80", "--emit=cubin", env=env, ok=False)
    return need("install nvidia-cuda-nvcc from PyPI" in said, said.strip().splitlines()[-1])


OPEN = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
lib.tegula_gpu_open.restype = ctypes.c_void_p
lib.tegula_diagnostics_get.restype = ctypes.c_void_p
lib.tegula_diagnostic_message.restype = ctypes.c_char_p
gpu = ctypes.c_void_p()
said = lib.tegula_gpu_open(sys.argv[2].encode(), -1, ctypes.byref(gpu))
if gpu:
    print("device")
else:
    first = ctypes.c_void_p(lib.tegula_diagnostics_get(ctypes.c_void_p(said), 0))
    print(lib.tegula_diagnostic_message(first).decode())
"""


@point("backends.no-driver", "real loaders: no CUDA driver and no HIP device are messages, and nothing is printed")
def _() -> str:
    cuda, hip = (python(OPEN, str(LIBRARY), api) for api in ("cuda", "hip"))
    if "device" == cuda or "device" == hip:
        raise Failed("this machine has a device: the point is about machines that have none")
    need(cuda.startswith(("found no CUDA driver", "the CUDA driver finds no device")), cuda)
    return need(hip == "the HIP runtime finds no device", f"{cuda}; {hip}")


@point(
    "backends.drivers", "launches go to the caller's stream and context, wait for nothing; each refusal has its message"
)
def _() -> str:
    return unit("GpuDevice.*:FakeDriver.*")


@point(
    "backends.simulated",
    "a program for simulate:CHIP launches like any other; what the simulator finds is a message",
    cheap=False,
)
def _() -> str:
    return unit("Simulated.*")


SIMULATE = """
import numpy as np, tegula as tg
a, b = (np.random.default_rng().standard_normal((72, 72)).astype(np.float32) for _ in range(2))
for chip in ("sm_80", "gfx942"):
    with tg.simulate(chip, seeds=3):
        c = tg.ops.matmul(a, b)
        print(chip, tg.target.lanes, bool(np.abs(c - a.astype(float) @ b).max() < 1e-4), end="; ")
"""


@point(
    "backends.simulate",
    "tg.simulate runs the same operator calls as code of a GPU, with several seeds, on NumPy arrays",
)
def _() -> str:
    said = python(SIMULATE)
    return need(said == "sm_80 32 True; gfx942 64 True; ", said)


@point("backends.devices", "artifacts for real GPUs; tensors decide the target, the device and the stream")
def _() -> str:
    return pytest("test/python/test_gpu_devices.py")


@point("backends.benchmark", "the GPU benchmark, dry: the simulator in the GPU's place, nothing timed", cheap=False)
def _() -> str:
    return pytest("test/python/test_gpu_benchmark.py")


@point("backends.help", "tegulac --help shows our options and no others; --print-targets prints the table")
def _() -> str:
    options = [line for line in run(TEGULAC, "--help").splitlines() if line.lstrip().startswith("--")]
    strange = [line for line in options if "mlir-" in line or "amdgpu" in line or "nvptx" in line]
    rows = json.loads(run(TEGULAC, "--print-targets"))
    return need(
        not strange and {"sm_80", "gfx942"} <= {r["name"] for r in rows}, f"{len(options)} options, {len(rows)} GPUs"
    )
