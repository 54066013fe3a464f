# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: E501, F722
# pyright: basic
"""What index tiles, segments, low rank products, transforms and reductions into memory are written as."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tegula as tg
from tegula import In, InOut, Out, T, f32, fn, i32, i64


@tg.kernel
def probe(
    x: In[f32, "M $N"], c: In[f32, "B M $N"], j: In[i32, "E"], y: Out[f32, "M $N"], z: InOut[f32, "M $N"],
    k: InOut[i64, "M"], *, f: fn,
):  # fmt: skip
    m = tg.grid((x.shape[0], 4))
    f(x, c, tg.load(j, (tg.span(4),), pad=-1, label="j"), y, z, k, m, tg.span(8))


def text(f: Callable[..., Any]) -> str:
    a, b = np.zeros((10, 8), np.float32), np.zeros((3, 10, 8), np.float32)
    return probe.ir("generic", a, b, np.zeros(6, np.int32), a, a, np.zeros(10, np.int64), f=f)


def gather(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    rows = tg.load(x, (j, n), pad=1.5)
    tg.store(y, (m, n), rows)


def gather_columns(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    turned = tg.load(c, (2, m.clip(7), j), label="turned")
    tg.store(y, (m, tg.span(4)), turned)


def scatter(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    tg.store(y, (j, n), tg.load(x, (m, n)))


def segments(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    seg = tg.segment_ids(j, m)
    tg.store(y, (m, n), tg.segment_sum(tg.zeros((4, 8), f32), tg.load(x, (m, n)), seg))


def low_rank(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    t = tg.load(x, (m, n))
    tg.store(y, (m, n), tg.low_rank_dot(t, t.T, t))


def transform(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    spectrum = tg.fft(tg.Cx(tg.load(x, (m, n))), (4, 4), rows=2, keep=(4, 3))
    tg.store(y, (m, n), tg.ifft(spectrum, (4, 4), rows=2, keep=(4, 3)).re)


def learned(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    t = tg.load(x, (m, n))
    f = [tg.Cx(t[:2, :2], t[:2, 2:4]), tg.Cx(t[:, :4])]
    tg.store(y, (m, n), tg.butterfly(tg.Cx(t, t), f).im)


def reduced(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
    tg.reduce_store(z, (m, n), tg.load(x, (m, n)), how="atomic")
    tg.reduce_store(k, (m.start,), tg.cast(m.start, i64), op="max")


WRITTEN: list[tuple[Callable[..., Any], list[str]]] = [
    (
        gather,
        [
            r'"tegula\.gather"\(%0, %(\w+), %\w+, %\w+\) <\{operandSegmentSizes = array<i32: 1, 1, 1, 0, 1>, axis = 0 : i64, label = "rows"\}>'
            r" : \(memref<\?x8xf32, strided<\[\?, 1\], offset: \?>>, index, tensor<4xi32>, f32\) -> tensor<4x8xf32>"
        ],
    ),
    (
        gather_columns,
        [
            r'"memref\.subview"\(%1, %\w+\) .*static_offsets = array<i64: 2, 0, 0>',
            r'"tegula\.gather"\(%\w+, %\w+, %\w+, %\w+\) <\{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>, axis = 1 : i64, label = "turned"\}>'
            r" : \(memref<.*>, index, tensor<4xi32>, index\) -> tensor<4x4xf32>",
        ],
    ),
    (
        scatter,
        [
            r'"tegula\.scatter"\(%\w+, %3, %\w+, %\w+\) <\{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>, axis = 0 : i64, label = "store"\}>'
            r" : \(tensor<4x8xf32>, memref<.*>, index, tensor<4xi32>\) -> \(\)"
        ],
    ),
    (
        segments,
        [
            r'"tegula\.segment_ids"\(%\w+, %\w+\) : \(tensor<4xi32>, index\) -> tensor<4xi32>',
            r'"tegula\.segment_sum"\(%\w+, %\w+, %\w+\) <\{label = "sum"\}> : \(tensor<4x8xf32>, tensor<4xi32>, tensor<4x8xf32>\) -> tensor<4x8xf32>',
            r"must have fewer than 2\^31 elements",
        ],
    ),
    (
        low_rank,
        [r'"tegula\.low_rank_dot"\(%(\w+), %\1, %\1\) <\{trans_u, label = "dot"\}> : .* -> tensor<4x8xf32>'],
    ),
    (
        transform,
        [
            r'%(\w+):2 = "tegula\.butterfly"\(%\w+\) <\{dft = array<i64: 4, 4>, keep = array<i64: 4, 3>, operandSegmentSizes = array<i32: 1, 0, 0>, rows = 2 : i64, label = "spectrum.1"\}> : \(tensor<4x8xf32>\) -> \(tensor<4x12xf32>, tensor<4x12xf32>\)',
            r'"tegula\.butterfly"\(%(\w+)#0, %\1#1\) <\{dft = array<i64: 4, 4>, keep = array<i64: 4, 3>, operandSegmentSizes = array<i32: 1, 1, 0>, rows = 2 : i64, inverse, label = "fft"\}> : .* -> \(tensor<4x8xf32>, tensor<4x8xf32>\)',
        ],
    ),
    (
        learned,
        [
            r'"tegula\.butterfly"\(%(\w+), %\1, %\w+, %\w+, %\w+, %\w+\) <\{dft = array<i64: 2, 4>, keep = array<i64: 2, 4>, operandSegmentSizes = array<i32: 1, 1, 4>, rows = 2 : i64',
        ],
    ),
    (
        reduced,
        [
            r'"tegula\.reduce_store"\(%\w+, %4, %\w+, %\w+\) <\{how = #tegula<reduce_how atomic>, kind = #tegula<combine add>, operandSegmentSizes = array<i32: 1, 1, 2, 0>, label = "store"\}>',
            r'"memref\.subview"\(%5, %\w+\)',
            r'"tegula\.reduce_store"\(%\w+, %\w+, %\w+\) <\{how = #tegula<reduce_how ordered>, kind = #tegula<combine max>, operandSegmentSizes = array<i32: 1, 1, 1, 0>, label = "store.1"\}> : \(tensor<1xi64>, memref<1xi64',
        ],
    ),
]


@pytest.mark.parametrize("f, patterns", WRITTEN, ids=[f.__name__ for f, _ in WRITTEN])
def test_text(f: Callable[..., Any], patterns: list[str]) -> None:
    written = text(f)
    for pattern in patterns:
        assert re.search(pattern, written), f"{pattern}\n{written}"


def test_what_has_an_effect_stays_and_the_rest_goes() -> None:
    def dropped(x: Any, c: Any, j: Any, y: Any, z: Any, k: Any, m: Any, n: Any) -> None:
        tg.segment_sum(tg.zeros((4, 8), f32), tg.load(x, (j, n)), tg.segment_ids(j, m))
        tg.fft(tg.Cx(tg.load(x, (m, n))), (8,))
        tg.store(y, (j, n), 0.0)

    written = text(dropped)
    assert "tegula.scatter" in written
    assert not re.search(r"tegula\.(gather|segment_sum|segment_ids|butterfly)", written)


def test_storage_dtype_of_transforms() -> None:
    @tg.kernel
    def there(x: In[T, "M $N"], y: Out[f32, "M $N"]):
        m, n = tg.grid((x.shape[0], 4)), tg.span(8)
        tg.store(y, (m, n), tg.fft(tg.Cx(tg.load(x, (m, n))), (8,)).re)

    written = there.ir("generic", tg.Spec((4, 8), tg.bf16), tg.Spec((4, 8), tg.f32))
    assert "(tensor<4x8xbf16>) -> (tensor<4x8xf32>, tensor<4x8xf32>)" in written
