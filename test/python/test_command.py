# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""`python -m tegula`: what tegulac reads from a .py file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tegula.__main__ import main

HERE = Path(__file__).parent
FILE = '''
import tegula as tg
from tegula import A, In, Opt, Out, T, const, f32, index, tile

@tg.views
class Pair:
    w: In[T, "$K $N"]
    b: Opt[In[A, "$N"]] = None

@tg.kernel
def linear(x: In[T, "M $K"], p: Pair, y: Out[T, "M $N"], c: A, k: Opt[index] = None, *, mode: const = "a", B: tile = 4):
    m, i, n = tg.grid((x.shape[0], B)), tg.span(x.shape[1]), tg.span(y.shape[1])
    t = tg.dot(tg.load(x, (m, i)), tg.load(p.w, (i, n)))
    if mode == "b":
        t = t * c
    tg.store(y, (m, n), t.to(T))
'''


def text(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(list(arguments))
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 1
    return capsys.readouterr().err


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "linear.py"
    path.write_text(FILE)
    return str(path)


def test_defaults(capsys: pytest.CaptureFixture[str], file: str) -> None:
    out = text(capsys, file)
    assert out.startswith('// tegulac: x=64x64 p.w=64x64 y=64x64 c=1.0\n"tegula.kernel"')
    assert "tensor<64x64xf32>" in out and "linear.py" in out
    assert "arith.mulf" not in out


def test_bindings(capsys: pytest.CaptureFixture[str], file: str) -> None:
    binds = ["T=bf16", "K=8", "y=10x6", "p.b=6", "c=0.5", "k=3", "mode=b", "B=16"]
    out = text(capsys, file, "--kernel", "linear", *[a for b in binds for a in ("--bind", b)])
    assert out.startswith("// tegulac: x=10x8 p.w=8x6 p.b=6 y=10x6 c=0.5 k=3\n")
    assert "tensor<16x8xbf16>" in out and "arith.mulf" in out


def test_refusals(capsys: pytest.CaptureFixture[str], file: str) -> None:
    assert "expected one of f64, f32" in refused(capsys, file, "--bind", "T=f31")
    assert "x=3: expected 2 sizes, as in 64x64" in refused(capsys, file, "--bind", "x=3")
    assert "linear has no argument, axis or dtype variable 'z'" in refused(capsys, file, "--bind", "z=3")
    assert "c=x: expected a number" in refused(capsys, file, "--bind", "c=x")
    assert "--bind c: expected name=value" in refused(capsys, file, "--bind", "c")
    assert "has no kernel 'f': linear" in refused(capsys, file, "--kernel", "f")
    assert "no Python file" in refused(capsys, file + "x")
    several = str(HERE / "language_kernels.py")
    assert re.search(r"has \d+ kernels \(attention_fwd, .*\): say --kernel", refused(capsys, several))
    assert "K is 8 in axis 1 of 'x' and 9" in refused(capsys, file, "--bind", "x=4x8", "--bind", "p.w=9x6")


def test_text_is_what_tegula_opt_reads(capsys: pytest.CaptureFixture[str], tegula_opt: str) -> None:
    kernels = str(HERE / "language_kernels.py")
    out = text(capsys, kernels, "--kernel", "attention_fwd", "--bind", "right=0", "--bind", "T=f16")
    done = subprocess.run([tegula_opt], input=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
