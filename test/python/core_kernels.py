# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Kernels given as MLIR text, run by the library along one of its paths; no front end takes part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from tegula._compiler.backend import ArgDesc, ArrayDesc, Module, Options, ScalarDesc
from tegula.runtime import backend

BF16 = ml_dtypes.bfloat16
NAMES: dict[Any, str] = {
    np.float64: "f64",
    np.float32: "f32",
    np.float16: "f16",
    BF16: "bf16",
    np.int8: "i8",
    np.int32: "i32",
    np.int64: "i64",
    np.bool_: "i1",
}
Array = np.ndarray[Any, Any]
Argument = Array | np.generic | int


def elem(x: Array | np.generic) -> str:
    """The element type of an array, as MLIR writes it."""
    return NAMES[x.dtype.type]


def any_view(x: Array) -> str:
    """The type of a view of any sizes and strides."""
    strides = ", ".join(["?"] * x.ndim)
    return f"memref<{'?x' * x.ndim}{elem(x)}, strided<[{strides}], offset: ?>>"


def row_view(x: Array) -> str:
    """The same with neighbours along the last axis."""
    strides = ", ".join(["?"] * (x.ndim - 1) + ["1"])
    return f"memref<{'?x' * x.ndim}{elem(x)}, strided<[{strides}], offset: ?>>"


@dataclass(frozen=True)
class Kernels:
    """A compiled module."""

    module: Module

    def launch(self, name: str, *args: Argument, threads: int = 0) -> None:
        """Runs a kernel on arrays, NumPy scalars, and ints for `index`."""
        descs: list[ArgDesc] = []
        packed = bytearray()
        for i, arg in enumerate(args):
            if isinstance(arg, np.ndarray):
                strides = tuple(s // arg.itemsize for s in arg.strides)
                descs.append(ArrayDesc(f"a{i}", elem(arg), arg.shape, strides))
                packed += int(arg.ctypes.data).to_bytes(8, "little")
            elif isinstance(arg, np.generic):
                descs.append(ScalarDesc(f"a{i}", elem(arg)))
                packed += arg.tobytes().ljust(8, b"\0")
            else:
                descs.append(ScalarDesc(f"a{i}", "index"))
                packed += int(arg).to_bytes(8, "little", signed=True)
        self.module.kernel(name).prepare(descs).launch(bytes(packed), threads)


def compiled(text: str, path: str, target: str = "native") -> Kernels:
    """Compiles MLIR text along a path."""
    return Kernels(backend().compile(text, target, Options(path=path)))


def one_instance(name: str, args: Sequence[str], body: str) -> str:
    """A kernel of one instance; `body` may use %c0."""
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    return f"""tegula.kernel @{name}({", ".join(args)}) {{
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : index
  tegula.grid (%g) to (%one) step (1) {{
{lines}
    tegula.yield
  }}
  tegula.return
}}
"""


def poisoned(shape: Sequence[int], dtype: Any) -> Array:
    """An output that holds nothing like a result."""
    count = int(np.prod(shape))
    return np.frombuffer(b"\xa5" * (count * np.dtype(dtype).itemsize), dtype).reshape(shape).copy()
