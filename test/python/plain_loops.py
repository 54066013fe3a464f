# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs kernels given as MLIR text along the plain path, with nothing but command line tools.

`tegula-opt` makes loops and functions, LLVM's own tools make a shared object, `ctypes` calls it as
`tegula/Runtime/HostABI.h` says. The library, its JIT and its front end take no part, so that a test
of the oracle does not lean on what the oracle is for.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from built import tool

LLVM = Path("/usr/lib/llvm-22/bin")
TO_FUNCTIONS = (
    "canonicalize,cse,convert-kernel-to-func,expand-strided-metadata,lower-affine,arith-expand,convert-scf-to-cf,"
    "convert-assert-to-exit,convert-math-to-llvm,convert-math-to-libm,convert-arith-to-llvm,finalize-memref-to-llvm,"
    "convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts"
)
Scalar = tuple[type[np.generic], Any]


def tegula_opt(text: str, passes: str) -> str:
    """The text after `passes`."""
    command = [tool("tegula-opt"), f"--pass-pipeline=builtin.module({passes})"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    return done.stdout


@dataclass(frozen=True)
class Loaded:
    """A shared object with kernels."""

    library: ctypes.CDLL

    def launch(self, name: str, rank: int, *args: np.ndarray[Any, Any] | Scalar | int) -> None:
        """Runs all instances; `rank` is the grid's. A scalar is a pair (type, value), an int an `index`."""
        words = argument_block(args)
        block = ctypes.c_void_p(words.ctypes.data)
        counts = (ctypes.c_int64 * rank)()
        refused = self.library[f"{name}.bind"](block, counts)
        if refused:
            raise ValueError(f"requirement {refused} of {name} does not hold")
        total = int(np.prod(counts, dtype=np.int64))
        failed = self.library[f"{name}.run"](block, None, ctypes.c_int64(0), ctypes.c_int64(total))
        if failed:
            raise RuntimeError(f"check {failed} of {name} failed")


def load(text: str, passes: str) -> Loaded:
    """Compiles a module of kernels; `passes` must leave plain loops."""
    functions = tegula_opt(text, f"{passes},{TO_FUNCTIONS}")
    functions = "\n".join(line for line in functions.split("\n") if "tegula.entry" not in line)
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "kernels.so"
        llvm = subprocess.run(
            [LLVM / "mlir-translate", "--mlir-to-llvmir"], input=functions, capture_output=True, text=True
        )
        assert llvm.returncode == 0, llvm.stderr[:4000]
        clang = [LLVM / "clang", "-O1", "-march=native", "-shared", "-fPIC", "-w", "-x", "ir", "-", "-o", shared, "-lm"]
        made = subprocess.run(clang, input=llvm.stdout, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[:4000]
        return Loaded(ctypes.CDLL(str(shared)))


def argument_block(args: Sequence[np.ndarray[Any, Any] | Scalar | int]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The line of 8-byte words that a kernel reads."""
    words: list[int] = []
    for arg in args:
        if isinstance(arg, np.ndarray):
            words += [arg.ctypes.data, *arg.shape, *(s // arg.itemsize for s in arg.strides)]
        elif isinstance(arg, tuple):
            data = np.asarray(arg[1], arg[0]).tobytes()
            words.append(int.from_bytes(data.ljust(8, b"\0"), "little"))
        else:
            words.append(arg)
    return np.array([w % 2**64 for w in words], np.uint64)
