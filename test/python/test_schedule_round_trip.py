# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""What `tegulac --print-schedule` prints of a kernel, the kernel takes back: for the kernels of all operators."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from tegula import In, Out, T
from tegula._compiler.backend import resolved
from tegula._frontend.kernel import Kernel
from tegula.ops.attention import attention_dkdv, attention_dq, attention_fwd
from tegula.ops.matmul import ACTIVATIONS, matmul_tiles

HOST = resolved("native")


@tg.kernel
def exponentials(x: In[T, "M N"], y: Out[tg.f32, "M"]):
    """A pass makes an anchor of e^x in 16 bits, which nobody has named."""
    m = tg.grid((x.shape[0], 8))
    total = tg.zeros((8,), tg.f32)
    for n in tg.stream(0, x.shape[1], 32, label="columns"):
        total = total + tg.exp(tg.load(x, (m, n))).to(tg.f32).sum(axis=1)
    tg.store(y, (m,), total)


def calls(dtype: Any) -> Iterator[tuple[Kernel, tuple[Any, ...], dict[str, Any]]]:
    """Kernels of operators that have streams, with arguments."""

    def x(*shape: int, dtype: Any = dtype) -> Any:
        return np.zeros(shape, dtype)

    f32 = np.float32
    q, k, lse = x(1, 2, 70, 16), x(1, 2, 130, 16), x(1, 2, 70, dtype=f32)
    for named in ({}, {"right": 0}, {"softcap": 2.0, "left": 20, "right": 3}):
        yield attention_fwd, (q, k, k, q, 0.25, lse), {**named, "BM": 32, "BN": 64}
    yield attention_dq, (q, k, k, q, lse, lse, q, 0.25, None, 0), {"BM": 32, "BN": 64}
    yield attention_dkdv, (q, k, k, q, lse, lse, k, k, 0.25), {"BM": 32, "BN": 64}
    a, b = x(1, 1, 70, 300), x(1, 1, 300, 50)
    for epilogue in ACTIVATIONS.values():
        yield matmul_tiles, (a, b, x(1, 1, 70, 50), x(50)), {"epilogue": epilogue, "BM": 64, "BN": 64, "BK": 64}
    yield exponentials, (x(9, 70), x(9, dtype=f32)), {}


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["f32", "bf16"])
def test_what_is_printed_is_taken(dtype: Any, tegulac: str, tmp_path: Path) -> None:
    names: set[str] = set()
    for kernel, args, kwargs in calls(dtype):
        file = tmp_path / "kernel.mlir"
        file.write_text(kernel.ir("generic", *args, **kwargs))
        command = [tegulac, file, f"--target={HOST}", "--emit=sched", "--print-schedule", "-o", tmp_path / "out"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "  stream " in printed, kernel.name
        again = tg.kernel(kernel.fn)
        again.schedule(printed)
        assert "#tegula.schedule<" in again.ir("generic", *args, **kwargs), printed
        assert again.ir("sched", *args, **kwargs), printed
        names.add(kernel.name)
    assert len(names) == 5, names
