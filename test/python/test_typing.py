# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""The stub: in step with the module, and what strict checkers find with it."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tegula as tg

STUB = Path(tg.__file__).with_suffix(".pyi")

RIGHT = """
from typing import Any

import tegula as tg
from tegula import A, In, Opt, Out, Scalar, Span, T, Tile, U, View, fn, i32, index, tile

Q = In[T, "B H M $D"]
K = In[T, "B HK N $D"]
V = In[T, "B HK N $DV"]

def no_mod(s: Tile, b: int, h: int, i: Tile, j: Tile) -> Tile:
    return s

def visible(m: Span, n: Span, off: int, left: int | None, right: int | None) -> Tile:
    rel, keep = n.ids[None, :] - (m.ids[:, None] + off), n.valid[None, :]
    if left is not None:
        keep = keep & (rel >= -left)
    return keep if right is None else keep & (rel <= right)

def keys_of(m: Span, off: int, end: int, left: int | None, right: int | None) -> tuple[int, int]:
    lo = 0 if left is None else max(m.start + off - left, 0)
    return lo, end if right is None else min(m.start + m.size + off + right, end)

def pad16(n: int) -> Span:
    return tg.span(tg.round_up(n, 16))

def attend(q: View, k: View, v: View, m: Span, end: int, scale: Scalar, sink: Scalar | None, mod: fn, BN: int) -> tuple[Tile, Tile]:
    d, dv = pad16(q.shape[1]), pad16(v.shape[1])
    qt = tg.load(q, (m, d))
    st = tg.softmax_init(m.size, dv.size)
    lo, hi = keys_of(m, 0, end, None, 0)
    for n in tg.stream(lo, hi, BN, order="any", label="keys"):
        kt, vt = tg.load(k, (n, d)), tg.load(v, (n, dv))
        s = mod(tg.dot(qt, kt.T) * scale, 0, 0, m.ids[:, None], n.ids[None, :])
        st = tg.softmax_update(st, tg.where(visible(m, n, 0, None, 0), s, -tg.inf), vt)
    if sink is not None:
        one = tg.full((m.size,), 1.0, A)
        st = tg.softmax_merge(st, tg.softmax_state(one * sink, one, tg.zeros((m.size, dv.size), A)))
    return tg.softmax_finish(st)

@tg.kernel
def attention_fwd(
    q: Q, k: K, v: V, o: Out[T, "B H M $DV"], scale: A, right: Opt[index] = None, bias: Opt[In[U, "B? H? M? N?"]] = None,
    kv_len: Opt[In[i32, "B"]] = None, sink: Opt[In[A, "H"]] = None, *, mod: fn = no_mod, BM: tile = 128, BN: tile = 64,
):
    (_, H, M, _), (_, HK, N, DV) = q.shape, v.shape
    tg.require(H % HK == 0, "H must be a multiple of HK")
    m, h, b = tg.grid((M, BM), H, q.shape[0])
    hk, end = h // (H // HK), N if kv_len is None else tg.load(kv_len, (b,))
    bias = None if bias is None else bias[b, h]
    z = None if sink is None else tg.load(sink, (h,))
    ot, _ = attend(q[b, h], k[b, hk], v[b, hk], m, end, scale, z, mod, BN)
    tg.store(o[b, h], (m, pad16(DV)), ot.to(T))

@tg.views
class Weights:
    w: In[T, "$K $N"]
    b: Opt[In[A, "$N"]] = None

def run(x: Any, w: Any, o: Any) -> str:
    attention_fwd(x, x, x, o, 0.5, right=0, BM=64)
    print(Weights(w=w))
    return attention_fwd.ir("asm", x, x, x, o, 0.5)
"""

WRONG = {
    "m + 1": "Operator",
    "tg.load(x, m)": "cannot be assigned",
    "m.idz": "idz",
    "tg.dot(t, t).sums(axis=1)": "sums",
    "i.ids": "ids",
    "tg.grid((8, 2), (8, 2))[0] * 2": "Operator",
    "tg.softmax_update(t, t, t)": "cannot be assigned",
}


def pyright(path: Path) -> list[str]:
    """Messages of a strict check."""
    tool = Path(sys.executable).with_name("pyright")
    program = str(tool) if tool.exists() else shutil.which("pyright")
    if program is None:
        pytest.skip("pyright is not installed")
    (path.parent / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "extraPaths": [str(STUB.parents[1])], "pythonVersion": "3.11"})
    )
    done = subprocess.run(
        [program, "--outputjson", "--pythonpath", sys.executable, "-p", str(path.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)["generalDiagnostics"]
    return [f"{d['range']['start']['line'] + 1}: {d['message']}" for d in report if d["severity"] == "error"]


def test_stub_names_what_the_module_has() -> None:
    tree = ast.parse(STUB.read_text())
    defined: set[str] = set()
    exported: list[str] = []
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                exported = [e.value for e in elements if isinstance(e, ast.Constant)]
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                defined.add(name)
            case ast.ImportFrom(names=names):
                defined.update(n.asname or n.name for n in names)
            case _:
                pass
    assert exported == tg.__all__
    assert set(exported) <= defined
    assert all(hasattr(tg, name) for name in exported)


def test_strict_check_passes_on_an_annotated_kernel(tmp_path: Path) -> None:
    path = tmp_path / "right.py"
    path.write_text(RIGHT)
    assert pyright(path) == []


def test_strict_check_finds_mistakes(tmp_path: Path) -> None:
    lines = ["import tegula as tg", "from tegula import In, T", "", "@tg.kernel", 'def f(x: In[T, "M $N"]):']
    lines += ["    m, i = tg.grid((x.shape[0], 8), 3)", "    t = tg.load(x, (m, tg.span(4)))", "    print(m, i, t)"]
    start = len(lines) + 1
    lines += [f"    print({expression})" for expression in WRONG]
    path = tmp_path / "wrong.py"
    path.write_text("\n".join(lines) + "\n")
    found = pyright(path)
    for number, (expression, text) in enumerate(WRONG.items(), start):
        assert any(m.startswith(f"{number}: ") and text in m for m in found), (expression, found)
    assert {m.split(":")[0] for m in found} == {str(n) for n in range(start, start + len(WRONG))}
