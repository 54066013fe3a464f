# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tegula: fused tile programs, written in Python. `import tegula as tg`."""

from tegula._frontend.arrays import Spec
from tegula._frontend.dispatch import threads
from tegula._frontend.kernel import Kernel, kernel
from tegula._frontend.program import Program, empty, empty_like, program, save
from tegula._frontend.simulation import simulate
from tegula._frontend.target import host_target
from tegula._frontend.trace import no_construct
from tegula.errors import TegulaError
from tegula.language.annotations import In, InOut, Opt, Out, const, fn, tile, views
from tegula.language.control import (
    barrier,
    expand_bitmap,
    grid,
    require,
    stream,
    topk_finish,
    topk_init,
    topk_update,
    tril_inverse,
)
from tegula.language.dtypes import (
    A,
    DType,
    T,
    U,
    acc,
    bf16,
    f8e4m3,
    f8e5m2,
    f16,
    f32,
    f64,
    i1,
    i8,
    i32,
    i64,
    index,
    u64,
)
from tegula.language.elementwise import absolute as abs
from tegula.language.elementwise import bitcast, cast, maximum, minimum, where
from tegula.language.fourier import butterfly, fft, ifft
from tegula.language.grad import grad
from tegula.language.math import (
    LN2,
    LOG2E,
    cos,
    erf,
    exp,
    exp2,
    floor,
    inf,
    log,
    log1p,
    log2,
    log_sigmoid,
    rsqrt,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    tanh,
)
from tegula.language.memory import Span, cdiv, load, reduce_store, round_down, round_up, span, store
from tegula.language.segments import segment_ids, segment_sum
from tegula.language.shapes import argmax, concat, constant, cumsum, full, iota, zeros
from tegula.language.structured import (
    dot,
    low_rank_dot,
    softmax_finish,
    softmax_init,
    softmax_merge,
    softmax_parts,
    softmax_state,
    softmax_update,
)
from tegula.language.values import Cx, Scalar, State, Tile, View


def __getattr__(name: str) -> object:
    """`tg.ops`, `tg.testing` and `tg.target` on first use; for anything else, an error at the author's line."""
    if name in ("ops", "testing"):
        from importlib import import_module

        return import_module(f"tegula.{name}")
    if name == "target":
        return host_target()
    raise no_construct(name, __all__)


__all__ = [
    "A", "abs", "acc", "argmax", "barrier", "bf16", "bitcast", "butterfly", "cast", "cdiv", "concat", "const",
    "constant", "cos", "cumsum", "Cx", "dot", "DType", "empty", "empty_like", "erf", "exp", "exp2", "expand_bitmap",
    "f16", "f32", "f64", "f8e4m3", "f8e5m2", "fft", "floor", "fn", "full", "grad", "grid", "i1", "i32", "i64", "i8",
    "ifft", "In", "index", "inf", "InOut", "iota", "Kernel", "kernel", "LN2", "load", "log", "log1p", "log2", "LOG2E",
    "log_sigmoid", "low_rank_dot", "maximum", "minimum", "Opt", "Out", "Program", "program", "reduce_store", "require",
    "round_down", "round_up", "rsqrt", "save", "Scalar", "segment_ids", "segment_sum", "sigmoid", "sign", "simulate",
    "sin", "softmax_finish", "softmax_init", "softmax_merge", "softmax_parts", "softmax_state", "softmax_update",
    "softplus", "Span", "span", "Spec", "sqrt", "State", "store", "stream", "T", "tanh", "TegulaError", "threads",
    "Tile", "tile", "topk_finish", "topk_init", "topk_update", "tril_inverse", "U", "u64", "View", "views", "where",
    "zeros",
]  # fmt: skip
