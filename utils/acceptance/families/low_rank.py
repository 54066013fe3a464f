# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The low-rank family."""

from __future__ import annotations

import json
import re
import tempfile
from functools import partial
from pathlib import Path

from acceptance import PYTHON, ROOT, Points, need, pytest, python, run, speed

point = Points()
TESTS = "test/python/test_low_rank.py"

SETUP = """
import numpy as np, tegula as tg
from tegula import ops
rng = np.random.default_rng(0)
f = lambda *s: rng.standard_normal(s) / s[-2] ** 0.5
"""


@point(
    "low_rank.tests",
    "float64 oracles over types, sizes, strides, kinds; errors; loops, fast path and evaluation",
    cheap=False,
)
def _() -> str:
    return pytest(TESTS, "-k", "not stored")


@point("low_rank.memory", "no scores, keys, values or array of the wide axis is stored", cheap=False)
def _() -> str:
    return pytest(TESTS, "-k", "stored")


@point("low_rank.forms", "absorbed and rebuilt attention are equal to 1e-12 in f64, a fully masked first tile included")
def _() -> str:
    figure = python(
        SETUP
        + """
p = [f(2, 3, n, 20) if i % 2 == 0 else f(3, 20, 32) for n in (70, 300, 300) for i in (0, 1)]
mask = np.arange(300) >= np.array([[260], [0]])
a, b = (ops.low_rank_attention(*p, key_mask=mask, causal=True, form=w) for w in ("absorbed", "rebuilt"))
print(np.abs(a - b).max() / np.abs(b).max())
"""
    )
    return need(float(figure) <= 1e-12, f"apart by {figure}")


@point("low_rank.one-pass", "four products and one kernel: nothing is computed twice where the ranks fit on chip")
def _() -> str:
    figure = python(
        SETUP
        + """
from tegula.ops._host import tile_bytes
from tegula.ops.low_rank import low_rank_ffn_rows, plan
from tegula.ops.matmul import gelu
a = [z.astype(np.float32) for z in (f(1, 64, 384), f(384, 96), f(96, 1536), f(1536, 96), f(96, 384), f(1, 64, 384))]
text = low_rank_ffn_rows.ir("sched", *a, activation=gelu)
p = plan(1, 2048, (384,), 3072, 384, 4, tile_bytes())
print(text.count("sched.mma"), p.recompute(768, (384,), 3072, 384, 768))
"""
    )
    return need(figure == "4 1.0", f"products and recompute factor: {figure}")


@point("low_rank.split", "where they do not fit, the least split is taken, and a remark says what it costs")
def _() -> str:
    figure = python(
        SETUP
        + """
import warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    x, u1, v1, u2, v2 = (z.astype(np.float32) for z in (f(20, 16), f(16, 40), f(40, 64), f(64, 15000), f(15000, 16)))
    ops.low_rank_ffn(x, u1, v1, u2, v2)
print(seen[0].category.__name__, seen[0].message)
"""
    )
    found = re.search(r"(\d+) blocks of \d+, with ([\d.]+) times", figure)
    return need(figure.startswith("Remark") and found, figure)


@point("low_rank.mlir", "the kernels as text run on both paths", cheap=False)
def _() -> str:
    return pytest("test/python/test_examples_mlir.py", "-k", "low_rank")


@point("low_rank.tutorial", "the tutorial 'write your own fused operator' runs and prints what it says", cheap=False)
def _() -> str:
    return pytest("test/python/test_docs.py", "-k", "fused-operator")


@point("low_rank.example", "MiniLM in factors: peak activations at most 30 % of the unfused form", cheap=False)
def _() -> str:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run(PYTHON, ROOT / "examples/compress_encoder.py", "--summary", file.name, timeout=300)
        rows = json.loads(Path(file.name).read_text())
    peaks = [row["value"] for row in rows if "peak activations, fused" in row["what"]]
    parts = [int(part) for value in peaks for part in re.findall(r"\((\d+)%\)", value)]
    return need(parts and max(parts) <= 30 and all(row["good"] for row in rows), f"at most {max(parts)} %")


point.add(
    "low_rank.speed",
    "low_rank_ffn: at most 1.3 times its part of the dense work, at ranks d/8 to d/2",
    partial(speed, "low_rank"),
    cheap=False,
)
