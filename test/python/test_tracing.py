# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""The text that kernels become: parsed and verified by tegula-opt, and looked at where it matters."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import language_kernels as K
import language_program as P
import numpy as np
import pytest
import tegula as tg
from tegula import A, In, Out, T, U, bf16, f16, f32, f64, i1, i8, i32, i64, index, tile
from tegula._compiler.ops import (
    Arg,
    Args,
    Dense,
    Enum,
    FastMath,
    Int,
    Ints,
    Number,
    Segments,
    Splat,
    Str,
    Symbol,
    tile_type,
)
from tegula._compiler.text import attribute


def s(*shape: int) -> tg.Spec:
    return tg.Spec(shape, bf16)


def f(*shape: int) -> tg.Spec:
    return tg.Spec(shape, f32)


def i(*shape: int) -> tg.Spec:
    return tg.Spec(shape, i32)


Q, KEYS, VALUES, OUT, LSE = s(2, 4, 150, 64), s(2, 2, 209, 64), s(2, 2, 209, 80), s(2, 4, 150, 80), f(2, 4, 150)
FORWARD = (Q, KEYS, VALUES, OUT, LSE, 0.3)
DKDV = (Q, KEYS, VALUES, OUT, LSE, LSE, KEYS, VALUES, 0.3)
DQ = (Q, KEYS, VALUES, OUT, LSE, LSE, Q, 0.3)
FLAGS: list[dict[str, Any]] = [{}, {"right": 0}, {"left": 2, "right": 1, "softcap": 1.5}]

LOW_RANK = (
    (s(2, 4, 50, 10), s(4, 10, 64), f(4, 64), s(2, 4, 60, 10), s(4, 10, 64), f(4, 64), s(2, 4, 60, 10))
    + (s(4, 10, 80), f(4, 80), s(2, 4, 50, 80), 0.3)
)  # fmt: skip
FILTER = K.Filter(s(10, 48), f(48), s(48, 48), f(48), f(10))

# Every kernel of the language page that uses only what this version has.
CALLS: list[tuple[tg.Kernel, tuple[Any, ...], dict[str, Any]]] = [
    *[(K.attention_fwd, FORWARD, flags) for flags in FLAGS],
    (K.attention_fwd, FORWARD, {"bias": s(1, 4, 1, 209), "kv_len": i(2), "sink": f(4)}),
    (K.attention_packed, (s(14, 4, 64), s(32, 2, 64), s(32, 2, 80), i(4), i(4), s(14, 4, 80), 9, 0.3), {"right": 0}),
    (K.row_dot, (OUT, OUT, LSE), {}),
    *[(K.attention_dkdv, DKDV, flags) for flags in FLAGS],
    *[(K.attention_dq, DQ, flags) for flags in FLAGS],
    (
        K.decode_split,
        (s(2, 8, 2, 64), s(9, 64, 2, 64), s(9, 64, 2, 80), i(2, 5), i(2), f(2, 8, 2, 3, 80), f(2, 8, 2, 3), 0.3),
        {},
    ),
    (K.merge_splits, (f(2, 8, 2, 3, 80), f(2, 8, 2, 3), s(2, 8, 2, 80), f(2, 8, 2)), {}),
    (K.matmul, (s(100, 70), s(70, 90), s(100, 90)), {}),
    (K.matmul, (s(100, 70), s(70, 90), s(100, 90), f(90)), {"epilogue": lambda x: tg.maximum(x, 0.0)}),
    (K.layer_norm, (s(100, 70), f(70), f(70), s(100, 70), 1e-5), {}),
    (K.low_rank_ffn, (s(99, 70), s(70, 10), s(10, 200), f(200), s(200, 12), s(12, 70), f(70), s(99, 70)), {}),
    *[(K.low_rank_attention, LOW_RANK, {"absorb": absorb}) for absorb in (False, True)],
    (K.cfconv_fwd, (f(99, 3), s(99, 48), i(100), i(700), FILTER, f(99, 48), 0.5, 5.0), {}),
    (K.cfconv_bwd_dst, (f(99, 3), s(99, 48), f(99, 48), i(100), i(700), FILTER, f(700), f(99, 3), 0.5, 5.0), {}),
    (
        K.cfconv_bwd_src,
        (f(99, 3), f(99, 48), i(100), i(700), i(700), FILTER, f(700), f(99, 48), f(99, 3), 0.5, 5.0),
        {},
    ),
    (K.block_means, (s(2, 99, 32), f(2, 2, 32)), {}),
    (
        K.moba_attend,
        (s(2, 99, 32), s(2, 99, 32), s(2, 99, 48), i(2, 3), i(2, 297), f(2, 297, 48), f(2, 297), 0.3),
        {"KK": 3},
    ),
    (K.moba_merge, (f(2, 99, 3, 48), f(2, 99, 3), s(2, 99, 48)), {}),
    (K.sum_partials, (f(3, 99, 70), s(99, 70)), {}),
    (K.head_probe, (s(5, 48), s(40, 4, 48), i(40, 4), i(5, 7), tg.Spec((5,), i64)), {}),
    (K.fft_conv, (s(3, 5, 1000), f(5, 1024), f(5, 1024), s(3, 5, 1000)), {}),
    (K.fft_conv, (s(3, 5, 60), f(5, 6), f(5, 6), s(3, 5, 60)), {"factors": (4, 4, 8), "keep": (1, 2, 3)}),
    (K.butterfly_conv, (s(3, 5, 64), s(2, 5, 8, 8), s(2, 5, 8, 8), f(5, 64), f(5, 64), s(3, 5, 64)), {}),
    (
        K.gla_fwd,
        (s(2, 99, 3, 32), s(2, 99, 3, 32), s(2, 99, 3, 48), f(2, 99, 3, 32), f(2, 3, 32, 48), s(2, 99, 3, 48))
        + (f(2, 3, 32, 48), 0.3),
        {},
    ),
    (
        K.mlstm_fwd,
        (s(2, 3, 99, 32), s(2, 3, 99, 32), s(2, 3, 99, 48), f(2, 3, 99), f(2, 3, 99), s(2, 3, 99, 48), 1e-6),
        {},
    ),
]


def mlir(tool: str, text: str, *flags: str) -> str:
    """The text through tegula-opt, which verifies it."""
    done = subprocess.run([tool, *flags], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    return done.stdout


@pytest.mark.parametrize("kernel, args, kwargs", CALLS, ids=[f"{k.name}-{n}" for n, (k, _, _) in enumerate(CALLS)])
def test_language_page_parses_and_verifies(
    tegula_opt: str, kernel: tg.Kernel, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    text = kernel.ir("generic", *args, locations=True, **kwargs)
    printed = mlir(tegula_opt, text)
    assert f"tegula.kernel @{kernel.name}(" in printed
    assert "unregistered" not in printed


def test_all_dtypes_parse(tegula_opt: str) -> None:
    for dtype in (f64, f32, f16, bf16):
        a = f64 if dtype is f64 else f32
        q, lse = tg.Spec((1, 2, 5, 8), dtype), tg.Spec((1, 2, 5), a)
        mlir(tegula_opt, K.attention_fwd.ir("generic", q, q, q, q, lse, 0.5, right=0, locations=True))


def test_causal_attention_is_the_listing_of_the_page(tegula_opt: str) -> None:
    q, k, v = s(2, 4, 150, 64), s(2, 2, 209, 64), s(2, 2, 209, 64)
    printed = mlir(tegula_opt, K.attention_fwd.ir("generic", q, k, v, q, LSE, 0.3, right=0))
    body = printed[printed.index("tegula.grid") :]
    for part in (
        r"tegula\.grid \(%\w+, %\w+, %\w+\) to \(%\w+, %\w+, %\w+\) step \(128, 1, 1\)",
        r"arith\.divui",  # sizes are never negative
        r'tegula\.load %\w+\[%\w+, %c0\] label "qt"',
        r"tegula\.softmax_init : .*<128x64xf32>",
        r'tegula\.stream %\w+ = %c0 to %\w+ step 64 order any label "keys" iter_args',
        r'tegula\.load %\w+\[%\w+, %c0\] upto \[%\w+, %c64\] label "kt"',
        r'tegula\.load %\w+\[%\w+, %c0\] upto \[%\w+, %c64\] label "vt"',
        r'tegula\.dot %\w+, trans %\w+ label "s"',
        r"arith\.select",
        r'tegula\.softmax_update %\w+, %\w+, %\w+ label "st"',
        r"tegula\.softmax_finish",
        r'tegula\.store %\w+, %\w+\[%\w+, %c0\] label "store"',
    ):
        assert re.search(part, body), f"{part}\n{body}"
    assert body.count("tegula.load") == 3
    assert "arith.remui" in printed
    assert "tegula.require %" in printed and '"H must be a multiple of HK"' in printed


def test_matmul_text() -> None:
    text = K.matmul.ir("generic", s(100, 72), s(72, 96), s(100, 96))
    assert (
        text
        == """\
"tegula.kernel"() <{args = [#tegula.arg<in "a" align 16 multiples [8, 1]>, #tegula.arg<in "b" align 16 multiples [8, 1]>, #tegula.arg<out "c" align 16 multiples [8, 1]>], sym_name = "matmul"}> ({
^bb0(%0: memref<?x?xbf16, strided<[?, 1], offset: ?>>, %1: memref<?x?xbf16, strided<[?, 1], offset: ?>>, %2: memref<?x?xbf16, strided<[?, 1], offset: ?>>):
  %3 = "arith.constant"() <{value = 0 : index}> : () -> index
  %4 = "arith.constant"() <{value = 1 : index}> : () -> index
  %5 = "arith.constant"() <{value = dense<0.0> : tensor<128x128xf32>}> : () -> tensor<128x128xf32>
  %6 = "memref.dim"(%0, %3) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %7 = "memref.dim"(%0, %4) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %8 = "memref.dim"(%1, %3) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %9 = "arith.cmpi"(%7, %8) <{predicate = 0 : i64}> : (index, index) -> i1
  "tegula.require"(%9) <{message = "K differs between 'a' and 'b'"}> : (i1) -> ()
  %10 = "memref.dim"(%1, %4) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %11 = "memref.dim"(%2, %3) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %12 = "arith.cmpi"(%6, %11) <{predicate = 0 : i64}> : (index, index) -> i1
  "tegula.require"(%12) <{message = "M differs between 'a' and 'c'"}> : (i1) -> ()
  %13 = "memref.dim"(%2, %4) : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index) -> index
  %14 = "arith.cmpi"(%10, %13) <{predicate = 0 : i64}> : (index, index) -> i1
  "tegula.require"(%14) <{message = "N differs between 'b' and 'c'"}> : (i1) -> ()
  "tegula.grid"(%6, %10) <{steps = array<i64: 128, 128>, group = 8 : i64, order = #tegula<grid_order grouped>}> ({
  ^bb0(%15: index, %16: index):
    %17 = "tegula.stream"(%3, %7, %5) <{step = 64 : i64}> ({
    ^bb0(%18: index, %19: tensor<128x128xf32>):
      %20 = "tegula.load"(%0, %15, %18) <{operandSegmentSizes = array<i32: 1, 2, 0, 0>, label = "acc"}> : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index, index) -> tensor<128x64xbf16>
      %21 = "tegula.load"(%1, %18, %16) <{operandSegmentSizes = array<i32: 1, 2, 0, 0>, label = "acc.1"}> : (memref<?x?xbf16, strided<[?, 1], offset: ?>>, index, index) -> tensor<64x128xbf16>
      %22 = "tegula.dot"(%20, %21, %19) <{label = "acc.2"}> : (tensor<128x64xbf16>, tensor<64x128xbf16>, tensor<128x128xf32>) -> tensor<128x128xf32>
      "tegula.yield"(%22) : (tensor<128x128xf32>) -> ()
    }) : (index, index, tensor<128x128xf32>) -> tensor<128x128xf32>
    %23 = "arith.truncf"(%17) : (tensor<128x128xf32>) -> tensor<128x128xbf16>
    "tegula.store"(%23, %2, %15, %16) <{operandSegmentSizes = array<i32: 1, 1, 2, 0>, label = "store"}> : (tensor<128x128xbf16>, memref<?x?xbf16, strided<[?, 1], offset: ?>>, index, index) -> ()
    "tegula.yield"() : () -> ()
  }) : (index, index) -> ()
  "tegula.return"() : () -> ()
}) : () -> ()
"""
    )  # noqa: E501


def test_places_are_the_authors(tegula_opt: str) -> None:
    text = K.attention_fwd.ir("generic", *FORWARD, locations=True)
    (dot,) = [line for line in text.split("\n") if '"tegula.dot"' in line]
    (name,) = re.findall(r"loc\((#loc\d+)\)", dot)
    (where,) = [line for line in text.split("\n") if line.startswith(f"{name} = ")]
    ranges = re.findall(r'"([^"]+)":(\d+):(\d+) to :(\d+)', where)
    functions = [K.scores, K.attend, K.attention_fwd.fn]
    assert len(ranges) == 3
    for (file, line, column, end), function in zip(ranges, functions):
        code = function.__code__
        assert file == code.co_filename
        lines = {n for _, _, n in code.co_lines() if n}
        assert int(line) in lines
        source = open(file).read().split("\n")[int(line) - 1]
        inner = source[int(column) - 1 : int(end) - 1]
        assert inner in ("tg.dot(qt, kt.T)", "scores(qt, kt, scale, softcap, mod, b, h, m, n)") or inner.startswith(
            "attend("
        )
    printed = mlir(tegula_opt, text, "--mlir-print-debuginfo")
    assert "callsite(" in printed


def test_retracing_gives_the_same_text() -> None:
    first = K.gla_fwd.ir("generic", *CALLS[-2][1])
    K.gla_fwd.clear()
    assert K.gla_fwd.ir("generic", *CALLS[-2][1]) == first


@tg.kernel
def labels(x: In[f64, "M $N"], y: Out[f64, "M $N"], *, B: tile = 4):
    m, n = tg.grid((x.shape[0], B)), tg.span(x.shape[1])
    a, b = tg.load(x, (m, n)), tg.load(x, (m, n), label="mine")
    a = tg.load(x, (m, n)) + a
    c = tg.exp2(a, policy="poly").sum(axis=1, keep=True)
    tg.store(y, (m, n), b + c, label="out")
    tg.store(y, (m, n), tg.load(x, (m, n)))


def test_labels() -> None:
    text = labels.ir("generic", np.zeros((4, 8)), np.zeros((4, 8)))
    assert re.findall(r'label = "([^"]+)"', text) == ["a", "mine", "a.1", "c", "c.1", "out", "load", "store"]
    assert "policy = #tegula.exp_policy<poly>" in text


@tg.kernel
def facts(a: In[T, "M N?"], b: In[U, "M $K"], c: Out[A, "_ 3"], n: index, flag: i1):
    tg.require(n > 0, "n must be positive")
    i = tg.grid(a.shape[0], order="heavy_first", resident=True)
    tg.store(c, (i, 0), tg.cast(tg.load(a, (i, 0)), A))


def test_promises_and_types_follow_the_call() -> None:
    def first(*args: Any) -> str:
        return facts.ir("generic", *args).split("\n")[0] + facts.ir("generic", *args).split("\n")[1]

    a, b, c = np.zeros((4, 8), np.float32), np.zeros((4, 5)), np.zeros((9, 3), np.float32)
    text = first(tg.Spec((4, 8), f32), tg.Spec((4, 4), f64), tg.Spec((9, 3), f32), 1, True)
    assert "align" not in text  # rows of c are no multiples of 16 bytes
    text = first(tg.Spec((4, 8), f32), tg.Spec((4, 4), f64), tg.Spec((9, 3), f32, (4, 1)), 1, True)
    assert '#tegula.arg<in "a" align 16 multiples [4, 1]>, #tegula.arg<in "b" align 16 multiples [2, 1]>' in text
    assert '#tegula.arg<value "n">, #tegula.arg<value "flag">' in text
    assert "%0: memref<?x?xf32, strided<[?, 1], offset: ?>>" in text
    assert "%1: memref<?x4xf64, strided<[?, 1], offset: ?>>" in text
    assert "%2: memref<?x3xf32, strided<[?, 1], offset: ?>>, %3: index, %4: i1" in text
    text = first(a.T[:4], b, c, 1, True)
    assert "%0: memref<?x?xf32, strided<[1, ?], offset: ?>>" in text
    text = facts.ir("generic", a, b, c, 1, True)
    assert "steps = array<i64: 1>, order = #tegula<grid_order heavy_first>, resident}>" in text


def test_launch_checks_are_found_in_the_body(tegula_opt: str) -> None:
    def requires(kernel: tg.Kernel, *args: Any, **kwargs: Any) -> list[str]:
        printed = mlir(tegula_opt, kernel.ir("generic", *args, **kwargs))
        return [m for m in re.findall(r'tegula\.require %\w+, "([^"]+)"', printed) if "differs" not in m]

    ids = "must have fewer than 2^31 elements: positions are 32 bit"
    heads = "H must be a multiple of HK"
    assert requires(K.matmul, s(8, 8), s(8, 8), s(8, 8)) == []  # no positions
    assert requires(K.attention_fwd, *FORWARD) == [heads, f"axis 2 of 'k' {ids}"]
    assert requires(K.attention_fwd, *FORWARD, right=0) == [heads, f"axis 2 of 'q' {ids}", f"axis 2 of 'k' {ids}"]
    decode = (s(2, 8, 2, 64), s(9, 64, 2, 64), s(9, 64, 2, 80), i(2, 5), i(2), f(2, 8, 2, 3, 80), f(2, 8, 2, 3), 0.3)
    assert requires(K.decode_split, *decode)[-1] == "'scale' must be greater than 0: it scales the weights of a softmax"


def test_a_stretched_axis_has_stride_zero() -> None:
    from tegula._frontend.signature import bind

    bound = bind(K.attention_fwd.signature, FORWARD, {"bias": s(1, 4, 1, 209)})
    assert bound.arrays["bias"].array.shape == (2, 4, 150, 209)
    assert bound.arrays["bias"].array.strides == (0, 209, 0, 1)


def test_attributes() -> None:
    t = tile_type((2, 2), i1)
    for attr, text in [
        (Int(5), "5 : i64"),
        (Str('a "b" \\ é\n'), '"a \\22b\\22 \\5C \\C3\\A9\\0A"'),
        (Symbol("f"), "@f"),
        (Ints(()), "array<i64>"),
        (Ints((1, -2)), "array<i64: 1, -2>"),
        (Segments((1, 0)), "array<i32: 1, 0>"),
        (Enum("combine", "add"), "#tegula<combine add>"),
        (Enum("precision", "tf32", own=True), "#tegula.precision<tf32>"),
        (FastMath("contract"), "#arith.fastmath<contract>"),
        (Number(1, index), "1 : index"),
        (Number(True, i1), "true"),
        (Number(0.1, f64), "0.1 : f64"),
        (Number(0.1, f32), "0.1 : f32"),
        (Number(1 / 3, f64), "0.3333333333333333 : f64"),
        (Number(1e300, f64), "1.0e+300 : f64"),
        (Number(1e300, f32), "0x7F800000 : f32"),
        (Number(-0.0, f32), "-0.0 : f32"),
        (Number(float("inf"), f16), "0x7C00 : f16"),
        (Number(-float("inf"), bf16), "0xFF80 : bf16"),
        (Number(float("nan"), f64), "0x7FF8000000000000 : f64"),
        (Splat(2, tile_type((3,), i8)), "dense<2> : tensor<3xi8>"),
        (Dense(b"\x01\x00\x00\x01", t), "dense<[[true, false], [false, true]]> : tensor<2x2xi1>"),
        (Dense(b"\x01\x00\x00\x00", tile_type((1,), i32)), 'dense<"0x01000000"> : tensor<1xi32>'),
        (
            Args((Arg("in", "q"), Arg("out", "y", 16, (8, 1)))),
            '[#tegula.arg<in "q">, #tegula.arg<out "y" align 16 multiples [8, 1]>]',
        ),
    ]:
        assert attribute(attr) == text


@tg.kernel
def constants(y: Out[T, "2 3"]):
    i = tg.grid(1)
    table = tg.constant(np.array([[1.0, -0.0, 1 / 3], [np.nan, 1.00390625, 1.01171875]]), T)
    flags = tg.constant(np.array([[True, False, True]]), i1)
    more = tg.constant(np.arange(3), i64)[None, :].to(i32).to(T)
    tg.store(y, (tg.span(2), tg.span(3)), tg.where(flags, table, more))


def test_constants_round_to_nearest_even(tegula_opt: str) -> None:
    printed = mlir(tegula_opt, constants.ir("generic", tg.Spec((2, 3), bf16)))
    # 1.00390625 and 1.01171875 lie between two bf16: ties go to the even one.
    assert "dense<[[1.000000e+00, -0.000000e+00, 3.339840e-01], [0x7FC0, 1.000000e+00, 1.015630e+00]]>" in printed
    for dtype in (f64, f32, f16):
        mlir(tegula_opt, constants.ir("generic", tg.Spec((2, 3), dtype)))


# ---- programs


def test_program_records_launches_guards_and_outputs(tegula_opt: str) -> None:
    text = P.attention.ir("generic", Q, KEYS, VALUES, scale=0.3, causal=True, locations=True)
    printed = mlir(tegula_opt, text)
    program = printed[printed.index("tegula.program") :]
    assert re.search(r"@attention\(in %q: .*, in %k: .*, in %v: .*, out %t0: .*, out %t1: .*, %scale: f64\)", program)
    assert program.count("arith.cmpi eq") == 3  # the head dims
    assert "tegula.variant(" in program
    assert "tegula.launch @attention_fwd(%q, %k, %v, %t0, %t1, " in program
    assert "tegula.workspace" not in program


def test_backward_program_has_workspace(tegula_opt: str) -> None:
    text = P.attention.ir("generic", Q, KEYS, VALUES, scale=0.3, backward=True, locations=True)
    printed = mlir(tegula_opt, text)
    program = printed[printed.index("tegula.program") :]
    assert program.count("tegula.launch") == 3
    assert program.count("tegula.workspace") == 1
    assert re.findall(r"tegula\.launch @(\w+)", program) == ["row_dot", "attention_dkdv", "attention_dq"]
    names = ", in ".join(f"%{n}: memref<[^>]*>[^>]*>" for n in ("saved0", "saved1", "saved2", "saved3", "saved4", "do"))
    assert re.search(rf"@attention_backward\(in {names}, out %t0", program)
    assert "arith.constant 0 : index" in program and "%scale: f64" in program
    with pytest.raises(tg.TegulaError, match="program 'twice' has no backward"):
        twice.ir("generic", tg.Spec((4, 4), f32), c=3.0, rows=2, backward=True)


@tg.kernel
def add(x: In[T, "M N"], b: In[T, "M? N?"], y: Out[T, "M N"], *, B: tile = 4):
    m, n = tg.grid((x.shape[0], B), (x.shape[1], B))
    tg.store(y, (m, n), tg.load(x, (m, n)) + tg.load(b, (m, n)))


@tg.program
def add_rows(x: Any, b: Any) -> Any:
    y = tg.empty_like(x)
    add(x, b, y)
    return y


@pytest.mark.parametrize("shape", [(1, 7), (5, 1), (1, 1), (5, 7)])
def test_stretched_arguments_of_a_recorded_program(tegula_opt: str, tmp_path: Path, shape: tuple[int, int]) -> None:
    x, b = np.arange(35, dtype=np.float32).reshape(5, 7), 100 * np.arange(1, 36, dtype=np.float32).reshape(5, 7)
    b = b[: shape[0], : shape[1]].copy()
    (tmp_path / "program.mlir").write_text(add_rows.ir("generic", x, b))
    np.save(tmp_path / "x.npy", x)

    def run(b: np.ndarray) -> str:
        np.save(tmp_path / "b.npy", b)
        tegulac = Path(tegula_opt).parent / "tegulac"
        command = f"{tegulac} program.mlir --run --kernel=add_rows --input x=x.npy --input b=b.npy --bind t0=5x7"
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    printed = run(b).partition("= [")[2].rstrip("]\n")
    np.testing.assert_array_equal([float(n) for n in printed.split(",")], (x + b).reshape(-1))
    # Which axes are stretched is a guard of the variant.
    other = np.zeros((5, 7) if shape != (5, 7) else (1, 7), np.float32)
    assert "no variant of program 'add_rows' fits this call" in run(other)


@tg.kernel
def scale_rows(x: In[T, "M N"], y: Out[T, "M N"], c: A, *, B: tile = 4):
    m, n = tg.grid((x.shape[0], B), (x.shape[1], B))
    tg.store(y, (m, n), (tg.load(x, (m, n)).to(A) * c).to(T))


@tg.program
def twice(x: Any, *, c: float, rows: int, fast: bool = False) -> Any:
    y = tg.empty_like(x)
    if x.shape[0] > 2 * rows:
        tmp = tg.empty((x.shape[0], x.shape[1]), T)
        scale_rows(x, tmp, c * 0.5)
        scale_rows(tmp, y, c, B=8)
    else:
        scale_rows(x, y, c * c)
    return y


def test_program_guards_and_arithmetic(tegula_opt: str) -> None:
    text = twice.ir("generic", tg.Spec((10, 4), f32), c=3.0, rows=2)
    program = mlir(tegula_opt, text).partition("tegula.program")[2]
    assert "arith.muli" in program and "arith.cmpi sgt" in program
    assert "arith.mulf" in program and "arith.truncf" in program
    assert re.findall(r"tegula\.launch @(\w+)", program) == ["scale_rows", "scale_rows_1"]
    text = twice.ir("generic", tg.Spec((4, 4), f32), c=3.0, rows=2)
    program = mlir(tegula_opt, text).partition("tegula.program")[2]
    assert "arith.xori" in program  # the guard that does not hold
    assert re.findall(r"tegula\.launch @(\w+)", program) == ["scale_rows"]
