# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Butterflies and FFT convolutions."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from acceptance import PYTHON, ROOT, Points, need, pytest, python, run, speed

point = Points()
TESTS = "test/python/test_fft_conv.py"


point.add(
    "fft.tests", "fft_conv in three modes, four dtypes, gates, skip, odd sizes, empties, strides, against sums",
    lambda: pytest(TESTS, "-k", "pairwise or empty or layout or leaks or fit"),
)  # fmt: skip
point.add("fft.streams", "overlap and add, signals in parts", lambda: pytest(TESTS, "-k", "parts or blocks"))
point.add("fft.bands", "bands and partial filters skip blocks", lambda: pytest(TESTS, "-k", "band or partial"))
point.add("fft.gradients", "gradcheck in f64, opcheck", lambda: pytest(TESTS, "-k", "gradients or operator"))
point.add("fft.butterfly", "chains of learned matrices", lambda: pytest(TESTS, "-k", "butterfly or factors"))


@point("fft.error", "relative RMS against float64 at scales 1, 0.02, 0.0005: f32 1e-6, f16 2e-3, bf16 1e-2")
def _() -> str:
    figures = python(
        "import numpy as np, ml_dtypes\n"
        "from tegula import ops\n"
        "rng = np.random.default_rng()\n"
        "out, good = [], True\n"
        "for dtype, gate in ((np.float32, 1e-6), (np.float16, 2e-3), (ml_dtypes.bfloat16, 1e-2)):\n"
        "  worst = 0\n"
        "  for L in (64, 1000, 4096, 16384):\n"
        "    for scale in (1, 0.02, 0.0005):\n"
        "      u = (scale * rng.standard_normal((3, 2, L))).astype(dtype)\n"
        "      g = rng.standard_normal((2, 3, 2, L)).astype(dtype)\n"
        "      k = (rng.standard_normal((2, L)) / L**.5).astype(np.float32)\n"
        "      y = ops.fft_conv(u, k, pre_gate=g[0], post_gate=g[1]).astype(float)\n"
        "      x, h, post = u.astype(float) * g[0].astype(float), k.astype(float), g[1].astype(float)\n"
        "      want = np.fft.irfft(np.fft.rfft(x, 2 * L) * np.fft.rfft(h, 2 * L))[..., :L] * post\n"
        "      worst = max(worst, np.sqrt(np.mean((y - want) ** 2) / np.mean(want ** 2)))\n"
        "  out.append(f'{np.dtype(dtype).name} {worst:.1e}')\n"
        "  good &= worst <= gate\n"
        "print('; '.join(out), good)\n"
    )
    return need(figures.endswith("True"), figures)


@point("fft.large", "a transform of 2^20 points, in three kernels")
def _() -> str:
    outer, size, error = python(
        "import numpy as np\n"
        "from tegula import ops\n"
        "L = 2**20\n"
        "rng = np.random.default_rng()\n"
        "u, k = rng.standard_normal((1, 1, L)).astype('f'), (rng.standard_normal((1, L)) / 1024).astype('f')\n"
        "plan = ops.fft_conv_plan(k, L)\n"
        "y = ops.fft_conv(u, plan)\n"
        "want = np.fft.irfft(np.fft.rfft(u.astype(float), 2 * L) * np.fft.rfft(k.astype(float), 2 * L))[..., :L]\n"
        "print(plan.layout.outer, plan.size, np.sqrt(np.mean((y - want) ** 2) / np.mean(want ** 2)))\n"
    ).split()
    return need(
        int(outer) > 1 and float(error) <= 1e-6, f"{size} points, outer factor {outer}, error {float(error):.1e}"
    )


@point("fft.reverb", "examples/reverb.py: a real recording in a room, against SciPy, WAV and spectrogram")
def _() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "summary.json"
        run(PYTHON, ROOT / "examples/reverb.py", "--out", folder, "--summary", file, timeout=120)
        rows = json.loads(file.read_text())
        made = all((Path(folder) / name).stat().st_size > 10_000 for name in ("reverb.wav", "reverb.png"))
    return need(made and all(row["good"] for row in rows), "; ".join(f"{r['what']}: {r['value']}" for r in rows))


point.add(
    "fft.speed",
    "with a known spectrum, at least as fast as the faster of torch.fft and SciPy to 16K, 0.7 times to 64K",
    partial(speed, "fft_conv"),
    cheap=False,
)
