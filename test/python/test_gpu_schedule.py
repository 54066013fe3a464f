# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Hand-written schedules of GPU kernels: the planner's object, and errors at the line of the text."""

from __future__ import annotations

import numpy as np
import pytest
import tegula as tg
from tegula import In, Out, T
from tegula._frontend.kernel import Kernel
from tegula.errors import ScheduleError


def product(a: In[T, "M K"], b: In[T, "K N"], c: Out[T, "M N"]):
    m, n = tg.grid((a.shape[0], 64), (b.shape[1], 64))
    acc = tg.zeros((64, 64), tg.f32)
    for k in tg.stream(0, a.shape[1], 64, label="k"):
        x = tg.load(a, (m, k))
        y = tg.load(b, (k, n))
        acc = tg.dot(x, y, acc)
    tg.store(c, (m, n), acc.to(T))


TEXT = """schedule @product for sm_80
  roles    all warps 4 regs 255
  channels ring fifo 4 : x y
  stream k
    all 0  x
    all 0  y                phase fetch
    all 3  acc              ahead 1 phase multiply
"""
THROUGH_REGISTERS = """schedule @product for gfx942
  roles    all warps 4
  channels ring sync 1 : x.put y.put
  stream k
    all 0  x
    all 0  y
    all 1  acc
    all 0  x.put
    all 0  y.put
"""
SPEC = tg.Spec((128, 128), tg.bf16)


def scheduled(text: str) -> Kernel:
    kernel = tg.kernel(product)
    kernel.schedule(text)
    return kernel


def test_the_schedule_is_the_planners_object() -> None:
    text = scheduled(TEXT).ir("generic", SPEC, SPEC, SPEC, target="sm_80")
    assert "roles = [#tegula.role<all warps 4 regs 255>]" in text
    assert (
        '#tegula.schedule<[<all 0 "x">, <all 0 "y" phase "fetch">, <all 3 "acc" ahead 1 phase "multiply">] '
        'rings [<ring fifo 4 "x" + "y">]>'
    ) in text
    # Another target's calls do not see it.
    assert "schedule" not in scheduled(TEXT).ir("generic", SPEC, SPEC, SPEC, target="gfx942")


@pytest.mark.parametrize(("text", "chip"), [(TEXT, "sm_80"), (THROUGH_REGISTERS, "gfx942")])
def test_results_are_those_without_it(text: str, chip: str) -> None:
    text = text.replace(" phase fetch", "").replace(" phase multiply", "")
    depth = "buf<4 x 64x64xbf16" if chip == "sm_80" else "buf<64x64xbf16"
    assert depth in scheduled(text).ir("sched", SPEC, SPEC, SPEC, target=chip)
    import ml_dtypes

    numbers = np.random.default_rng()
    a, b = (numbers.standard_normal((100, 100)).astype(ml_dtypes.bfloat16) for _ in range(2))
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    results = [np.full((100, 100), np.nan, ml_dtypes.bfloat16) for _ in range(2)]
    with tg.simulate(chip, seeds=2):
        for kernel, c in zip((scheduled(text), tg.kernel(product)), results):
            kernel(a, b, c)
    np.testing.assert_array_equal(*results)
    wanted = a.astype(np.float64) @ b.astype(np.float64)
    assert np.abs(results[0].astype(np.float64) - wanted).max() < 0.01 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("all 0  y", "load 0  y", 6, "role 'load' is none of the kernel's"),
        ("all warps 4", "all warp 4", 2, "is no 'NAME warps N regs R'"),
        ("all warps 4 regs 255", "all warps 4 | all warps 1", 2, "role 'all' is named twice"),
        ("fifo 4 : x y", "pipe 4 : x y", 3, "is no 'NAME KIND DEPTH : LABELS'"),
        ("fifo 4 : x y", "fifo 0 : x y", 3, "is no 'NAME KIND DEPTH : LABELS'"),
        (": x y", ": x z", 3, "without a row"),
        (": x y", ": z", 3, "holds no label that has a row"),
        ("all 0  x", "all 0  z", 5, "label 'z' labels nothing in stream 'k'"),
        ("ahead 1", "ahed 1", 7, "flag 'ahed 1"),
        ("ahead 1", "ahead 1 ahead 2", 7, "is there twice"),
        ("  roles    all warps 4 regs 255\n", "", 1, "has a line 'roles'"),
    ],
)
def test_what_does_not_fit_is_an_error_at_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ScheduleError, match=message) as caught:
        scheduled(TEXT.replace(old, new, 1)).ir("generic", SPEC, SPEC, SPEC, target="sm_80")
    assert caught.value.line == line
