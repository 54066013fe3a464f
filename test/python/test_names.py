# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels and programs may be called anything: what is made of them meets no other symbol."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tegula as tg
from built import tool
from on_path import OnBothPaths
from tegula import In, Out

# Functions of the C library that plain loops call, others that it has, what a linker or LLVM
# knows, words of PTX and of C, names that end as parts of others do, and no identifiers at all.
NAMES = [
    "log1p", "log1pf", "exp", "expf", "erff", "expm1f", "sinf", "memcpy", "memset", "malloc", "free", "aligned_alloc",
    "main", "_start", "_init", "printf", "abort", "dlopen", "__truncsfbf2", "_GLOBAL_OFFSET_TABLE_",
    "llvm", "llvm.exp.f32", "WARP_SZ", "add", "tid", "vprintf", "__nv_expf", "int", "tegula", "program",
    "f", "f_shared", "f_zeros", "f_table0", "f.bind", "f.run", "f.instance", "f.program", "a b", "größe", "2d", "$f",
    "",
]  # fmt: skip


def kernel(name: str) -> str:
    """A kernel that needs elementary functions, a table, and memory that is shared on GPUs."""
    return f"""tegula.kernel @"{name}"(in %x: memref<?x16xf32>, out %y: memref<?x16xf32>) {{
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x16xf32>
  tegula.grid (%i) to (%n) step (16) {{
    %t = tegula.load %x[%i, %c0] : memref<?x16xf32> -> tensor<16x16xf32>
    %a = math.log1p %t : tensor<16x16xf32>
    %b = math.exp %a : tensor<16x16xf32>
    %c = math.erf %b : tensor<16x16xf32>
    %d = math.sin %c : tensor<16x16xf32>
    %e = math.expm1 %d : tensor<16x16xf32>
    %u = tegula.transpose %e perm [1, 0] : tensor<16x16xf32> -> tensor<16x16xf32>
    tegula.store %u, %y[%i, %c0] : tensor<16x16xf32>, memref<?x16xf32>
    tegula.yield
  }}
  tegula.return
}}
"""


def program(name: str, launched: str) -> str:
    """A program of one launch."""
    return f"""tegula.program @"{name}"(in %x: memref<?x16xf32>, out %y: memref<?x16xf32>) {{
  tegula.launch @"{launched}"(%x, %y) : memref<?x16xf32>, memref<?x16xf32>
  tegula.return
}}
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them at once, so that they could meet each other too."""
    path = tmp_path_factory.mktemp("names") / "all.mlir"
    path.write_text("".join(map(kernel, NAMES)))
    return path


def run(*command: object) -> str:
    """What a command prints, if it has no complaint."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]
    return done.stdout


@pytest.mark.parametrize("path", ["loops", "sched"])
def test_all_names_in_one_module(module: Path, tmp_path: Path, path: str) -> None:
    x = np.linspace(0.1, 1, 128, dtype=np.float32).reshape(8, 16)
    np.save(tmp_path / "x.npy", x)
    want = None
    for name in ("log1pf", "llvm", "f.run", "größe", "main"):
        run(
            tool("tegulac"), module, f"--path={path}", "--run", f"--kernel={name}",
            "--input", f"x={tmp_path / 'x.npy'}", "--output", f"y={tmp_path / 'y.npy'}", "--bind", "y=8x16",
        )  # fmt: skip
        got = np.load(tmp_path / "y.npy")
        assert np.isfinite(got).all() and got.any()
        want = got if want is None else want
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("target", ["sm_80:cubin", "gfx942:hsaco"])
def test_all_names_on_gpus(module: Path, tmp_path: Path, target: str) -> None:
    chip, level = target.split(":")
    run(tool("tegulac"), module, f"--target={chip}", f"--emit={level}", "-o", tmp_path / "code")
    code = (tmp_path / "code").read_bytes()
    assert b"f$shared" in code or b"f_shared" in code
    assert b"llvm$2Eexp$2Ef32" in code and b"$_WARP_SZ" in code


@pytest.mark.parametrize("name", ["exp", "expf", "llvm", "f.bind", "malloc"])
def test_names_of_programs(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p.mlir"
    path.write_text(kernel("f") + program(name, "f"))
    run(tool("tegulac"), path, "--run", f"--kernel={name}", "--bind", "x=8x16", "--bind", "y=8x16")


def test_names_of_python_functions() -> None:
    """The C library's `expf`, and a letter that no assembler takes."""

    def expf(x: In[tg.f32, "N"], y: Out[tg.f32, "N"]) -> None:
        n = tg.grid((x.shape[0], 16))
        tg.store(y, (n,), tg.exp(tg.load(x, (n,))))

    def größe(x: In[tg.f64, "N"], y: Out[tg.f64, "N"]) -> None:
        n = tg.grid((x.shape[0], 16))
        tg.store(y, (n,), tg.log1p(tg.load(x, (n,))))

    x = np.linspace(0, 1, 21)
    y = np.zeros_like(x)
    OnBothPaths(größe)(x, y)
    np.testing.assert_allclose(y, np.log1p(x), rtol=1e-14)
    z = np.zeros(21, np.float32)
    for kernel_path in OnBothPaths(expf).paths:
        kernel_path(x.astype(np.float32), z)
        np.testing.assert_allclose(z, np.exp(x), rtol=1e-6)
