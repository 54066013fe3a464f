# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Tensors on a GPU, without one: against real loaders, and against a CUDA driver that writes down what it is asked.

The driver is test/Unit/Runtime/FakeCuda.c under the name that the system's has, in a process of its own; tensors
are the CPU's that say they are elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLANG = "/usr/lib/llvm-22/bin/clang"

PRELUDE = """
import ctypes, sys, torch
import tegula as tg
from tegula import In, Out, T, tile
from tegula._frontend import kernel as kernels

class OnGpu(torch.Tensor):
    device = property(lambda self: torch.device("cuda", getattr(self, "number", 0)))
    is_cpu, is_cuda = property(lambda self: False), property(lambda self: True)

def gpu(tensor, number=0):
    made = tensor.as_subclass(OnGpu)
    made.number = number
    return made

@tg.kernel
def double(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 64):
    n = tg.grid((x.shape[0], B))
    tg.store(y, (n,), tg.load(x, (n,)) * 2)

x, y = gpu(torch.zeros(1000)), gpu(torch.zeros(1000))
"""

LOG = """
class Fake(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("devices", "capability", "init", "load", "launch", "allocate")] + [
        ("current", ctypes.c_void_p), ("shared", ctypes.c_void_p), ("log", ctypes.c_char * 4096)]

fake = Fake.in_dll(ctypes.CDLL("libcuda.so.1"), "fake")
kernels.current_stream = lambda device: 0x40 + device.ordinal
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the driver that takes notes."""
    folder = tmp_path_factory.mktemp("driver")
    source = ROOT / "test/Unit/Runtime/FakeCuda.c"
    subprocess.run([CLANG, "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True)
    return folder


def run(body: str, driver: Path | None = None) -> str:
    """What a script prints."""
    environment = {**os.environ}
    if driver is not None:
        environment["LD_LIBRARY_PATH"] = f"{driver}:{environment.get('LD_LIBRARY_PATH', '')}"
    prelude = PRELUDE + (LOG if driver is not None else "")
    command = [sys.executable, "-c", prelude + body]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


CATCH = """
try:
    {}
    print("no error")
except tg.TegulaError as e:
    print(type(e).__name__, e)
"""


def test_without_a_driver_the_call_says_so() -> None:
    said = run(CATCH.format("double(x, y)"))
    assert said.startswith("LaunchError error: double: cuda:0: found no CUDA driver: libcuda.so.1"), said


def test_a_launch_goes_to_the_current_stream_and_waits_for_nothing(driver: Path) -> None:
    said = run("double(x, y)\nfake.log = b''\ndouble(x, y)\nprint(fake.log.decode())", driver)
    # 1000 / 64 instances, in the device's context; the driver knows no call that waits, copies or allocates.
    assert said.strip().startswith("push launch(16x1x1, ") and said.count("launch(") == 1, said
    assert "stream 0x40," in said and said.strip().endswith("pop"), said
    assert set(said.replace("(", " ").split()) & {"allocate", "free", "load", "find", "retain"} == set(), said


def test_the_target_is_the_devices(driver: Path) -> None:
    body = """
@tg.program
def twice(x):
    print(tg.target.name, tg.target.lanes)
    t = tg.empty_like(x)
    print(type(t).__name__)
    return x
# PyTorch of a CPU allocates on no GPU: only where it is asked for matters.
made = torch.empty
torch.empty = lambda shape, dtype, device: print("empty on", device) or made(shape, dtype=dtype)
twice(x)
print(tg.target.lanes)
"""
    said = run(body, driver).split("\n")
    assert said[0].startswith("sm_80 32") and said[1] == "empty on cuda:0" and said[3] == "1", said


def test_tensors_of_several_places_are_refused(driver: Path) -> None:
    said = run(CATCH.format("double(x, torch.zeros(1000))"), driver)
    assert "double: 'x' is on cuda:0 and 'y' on cpu: all arrays of a call are on one device" in said
    said = run(CATCH.format("double(x, gpu(torch.zeros(1000), 1))"), driver)
    assert "'x' is on cuda:0 and 'y' on cuda:1" in said


def test_what_a_device_is_too_old_or_missing_for(driver: Path) -> None:
    said = run("fake.capability = 75" + CATCH.format("double(x, y)"), driver)
    assert "compute capability 7.5, which is older than any that code is made for" in said
    said = run("fake.devices = 0" + CATCH.format("double(x, y)"), driver)
    assert "the CUDA driver finds no device" in said
    said = run(CATCH.format("double(gpu(x, 3), gpu(y, 3))"), driver)
    assert "there is no CUDA device 3: the driver has 1" in said


def test_the_simulator_does_not_take_tensors_of_a_gpu(driver: Path) -> None:
    said = run("def call():\n    with tg.simulate('sm_80'): double(x, y)\n" + CATCH.format("call()"), driver)
    assert "tensors are on cuda:0: the simulator works on the process's memory" in said


def test_an_artifact_holds_what_the_driver_loads() -> None:
    body = """
from tegula._compiler.backend import CompileFailed, Options, default_backend
spec = tg.Spec((64,), tg.f32)
text = double.ir("generic", spec, spec)
for target, mark in (("sm_80", b"double"), ("gfx942", b"amdhsa.kernels")):
    data = default_backend().build(text, target, Options())
    print(target, data.startswith(b"TEGULA"), mark in data and (b"\\x7fELF" in data))
    try:
        default_backend().load(data)
    except CompileFailed as e:
        print(e)
"""
    said = run(body).split("\n")
    assert said[0] == "sm_80 True True" and said[1].startswith("found no CUDA driver"), said
    # Debian's HIP runtime, which utils/setup.sh installs.
    assert said[2] == "gfx942 True True" and said[3] == "the HIP runtime finds no device", said
