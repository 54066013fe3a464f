# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m tegula` on a file with a kernel, and `tegulac` on top of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tegula.__main__ import main

SOURCE = """
import tegula as tg
from tegula import A, In, Opt, Out, T, tile

@tg.kernel
def scale(x: In[T, "M $D"], y: Out[T, "M $D"], f: A, bias: Opt[In[A, "D"]] = None, *, BM: tile = 16):
    m = tg.grid((x.shape[0], BM))
    d = tg.span(x.shape[1])
    t = tg.load(x, (m, d)).to(A) * f
    if bias is not None:
        t = t + tg.load(bias, (d,))[None, :]
    tg.store(y, (m, d), t.to(T))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scale.py"
    path.write_text(SOURCE)
    return path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Status, output and errors of one command."""
    status = main(args)
    out, err = capsys.readouterr()
    return status, out, err


def test_defaults(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, str(source))
    assert status == 0
    assert out.startswith("// tegulac: x=64x64 y=64x64 f=1.0\n")
    assert "memref<?x64xf32" in out and "tensor<16x64xf32>" in out


def test_bindings(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binds = ["T=bf16", "D=32", "M=3", "f=2", "BM=8", "bias=32"]
    status, out, _ = run(capsys, str(source), *(word for b in binds for word in ("--bind", b)))
    assert status == 0
    assert out.startswith("// tegulac: x=3x32 y=3x32 f=2 bias=32\n")
    assert "tensor<8x32xbf16>" in out and 'in "bias"' in out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--bind", "Q=3"], "kernel 'scale' has nothing named Q"),
        (["--bind", "T=f12"], "'f12' is no dtype"),
        (["--bind", "D=many"], "'many' is no number"),
        (["--bind", "x=3"], "--bind x=3: the view has 2 axes"),
        (["--kernel", "none"], "has no kernel 'none', only: scale"),
        (["--bind", "y=1x32", "--bind", "x=2x64"], "M is 2 in axis 0 of 'x' and 1 in axis 0 of 'y'"),
    ],
)
def test_mistakes(source: Path, capsys: pytest.CaptureFixture[str], args: list[str], text: str) -> None:
    status, out, err = run(capsys, str(source), *args)
    assert status == 1 and not out
    assert text in err


def test_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "/nowhere/none.py")
    assert status == 1 and "no such file" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef f(:\n", "{path}:2:7: error: invalid syntax\ndef f(:\n      ^\n"),
        ("\nimport nomodule\n", "error: {path}:2: ModuleNotFoundError: No module named 'nomodule'\n"),
        ("def f():\n    return 1 / 0\n\nf()\n", "error: {path}:2: ZeroDivisionError: division by zero\n"),
        ("x = 1\n", "error: say which kernel of {path} with --kernel: it has none\n"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    path = tmp_path / "faulty.py"
    path.write_text(text)
    assert run(capsys, str(path)) == (1, "", message.format(path=path))


def test_tegulac_runs_a_python_file(source: Path, tmp_path: Path, tegulac: str) -> None:
    x = np.arange(96, dtype=np.float32).reshape(3, 32)
    np.save(tmp_path / "x.npy", x)
    command = [tegulac, str(source), "--path=loops", "--run", f"--python={sys.executable}"]
    command += ["--bind=D=32,M=3,f=0.5", f"--input=x={tmp_path / 'x.npy'}", f"--output=y={tmp_path / 'y.npy'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("y : 3x32xf32 min 0 max 47.5")
    assert np.array_equal(np.load(tmp_path / "y.npy"), x * np.float32(0.5))
