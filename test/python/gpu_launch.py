# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scheduled kernels compiled for a GPU and run by the simulator, called as docs/gpu_abi.md says."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from built import tool

Array = np.ndarray[Any, Any]
Scalar = tuple[str, float]
"""Type and value, as in ("f32", 0.5); an integer alone is an index."""
TYPES = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32"}


def tegulac(text: str, target: str, level: str, folder: Path) -> str:
    """The program at a level, as text."""
    source = folder / "kernel.mlir"
    source.write_text(text)
    command = [tool("tegulac"), source, f"--target={target}", f"--emit={level}", "-o", folder / level]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return (folder / level).read_text()


@dataclass(frozen=True)
class DeviceKernel:
    """One kernel as the simulator loads it, and what its entry tells a launcher."""

    name: str
    code: Path
    views: tuple[str, ...]
    """Types of the arguments."""
    threads: int
    shared: int
    dynamic: bool

    def launch(
        self, grid: int, *arguments: Array | int | Scalar, out: tuple[int, ...], seed: int = 1, option: str = ""
    ) -> dict[str, Any]:
        """Runs it; arguments at positions `out` start undefined and get the result. Gives the counters."""
        folder = self.code.parent
        buffers: list[dict[str, Any]] = []
        passed: list[dict[str, Any]] = []
        for i, (argument, kind) in enumerate(zip(arguments, self.views, strict=True)):
            if isinstance(argument, tuple):
                passed.append({argument[0]: float(argument[1])})
                continue
            if isinstance(argument, int):
                passed.append({"i64": argument})
                continue
            name = f"a{i}"
            array = np.ascontiguousarray(argument)
            array.tofile(folder / f"{name}.in")
            size = {"type": TYPES[str(array.dtype)], "shape": list(array.shape) or [1]}
            if 0 in array.shape:  # memory of nothing
                size["shape"] = [1]
                init: Any = "undefined"
            else:
                init = "undefined" if i in out else {"file": f"{name}.in"}
            access = {} if i in out else {"access": "read"}
            buffers.append({"name": name, **size, "init": init, **access})
            passed.append({"buffer": name})
            extents, strides = open_axes(kind)
            passed += [{"i64": array.shape[axis]} for axis in extents]
            passed += [{"i64": array.strides[axis] // array.itemsize} for axis in strides]
        description = {
            "kernel": self.name, "grid": [grid], "block": [self.threads],
            "dynamic_shared": self.shared if self.dynamic else 0, "buffers": buffers, "arguments": passed,
        }  # fmt: skip
        (folder / "launch.json").write_text(json.dumps(description))
        command = [tool("tegula-sim"), self.code, "--launch", folder / "launch.json", f"--seed={seed}", "--json"]
        command += [option] if option else []
        command += [f"--dump=a{i}={folder}/a{i}.out" for i in out]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        for i in out:
            array = arguments[i]
            assert isinstance(array, np.ndarray)
            if array.size:
                array[...] = np.fromfile(folder / f"a{i}.out", dtype=array.dtype)[: array.size].reshape(array.shape)
        return json.loads(run.stdout)


def open_axes(kind: str) -> tuple[list[int], list[int]]:
    """Axes of a view whose sizes, and whose strides, its type leaves open."""
    match = re.fullmatch(r"memref<((?:[\d?]+x)*)\w+(?:, strided<\[([^\]]*)\].*>)?>", kind)
    assert match, kind
    sizes = match[1].split("x")[:-1]
    strides = [s.strip() for s in match[2].split(",")] if match[2] else []
    return [i for i, s in enumerate(sizes) if s == "?"], [i for i, s in enumerate(strides) if s == "?"]


def compile_kernel(text: str, target: str, folder: Path) -> DeviceKernel:
    """The only kernel of a program, compiled for a GPU."""
    vendor = "nvvm" if target.startswith("sm_") else "rocdl"
    lowered = tegulac(text, target, vendor, folder)
    entry = re.search(r"tegula\.device_entry @(\w+) args .* types \[(.*)\] threads (\d+) shared (\d+)", lowered)
    assert entry, "no entry was left"
    tegulac(text, target, "llvm", folder)
    code = folder / "kernel.ll"
    (folder / "llvm").rename(code)
    types = re.findall(r"memref<(?:[^<>]|<[^<>]*>)*>|\w+", entry[2])
    return DeviceKernel(entry[1], code, tuple(types), int(entry[3]), int(entry[4]), vendor == "nvvm")
