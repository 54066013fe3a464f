# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722, F821, UP037
"""The NumPy evaluation itself: names, order, poison, rounding, and the rules that it holds programs to."""

from __future__ import annotations

import math
from typing import Any

import language_kernels as K
import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from tegula.errors import (
    AccessError,
    ControlError,
    DTypeError,
    KernelError,
    LaunchError,
    ShapeError,
    StaticError,
    TegulaError,
)
from tegula.language.dtypes import A, T, bf16, f32, i1, i32, i64
from tegula.testing import Evaluation, evaluate


@tg.kernel
def double(x: tg.In[T, "N"], y: tg.Out[T, "N"], *, B: tg.tile = 4):
    n = tg.grid((x.shape[0], B))
    tg.store(y, (n,), tg.load(x, (n,)) * 2.0)


def test_names_reach_through_closures_containers_and_defaults() -> None:
    def made(factor: float) -> Any:
        shift = [lambda t: t + factor]

        def inner(t: Any, more: Any = tg.exp) -> Any:
            return more(shift[0](t))

        return inner

    import functools

    for helper in (made(1.0), functools.partial(made(1.0)), functools.lru_cache(made(1.0))):
        got = Evaluation(seed=0).helper(helper, [0.5])
        assert got == pytest.approx(math.exp(1.5))


def test_grad_of_every_function_and_of_grad() -> None:
    run = Evaluation(seed=0)
    x, step = np.array([0.3, 1.7]), 1e-6
    functions = [
        tg.exp, tg.exp2, tg.log, tg.log2, tg.log1p, tg.tanh, tg.erf, tg.sqrt, tg.rsqrt, tg.sin, tg.cos, tg.sigmoid,
        tg.softplus, tg.log_sigmoid, tg.abs, lambda t: tg.maximum(t, 1.0) * t,
        lambda t: tg.where(t > 1.0, t * t, 2.0 / t),
        lambda t: (3.0 - t) / (t + 1.0), lambda t: -t * t.to(tg.f64),
    ]  # fmt: skip
    for f in functions:
        got = run.helper(lambda t, f=f: tg.grad(f)(t), x)
        want = (run.helper(f, x + step) - run.helper(f, x - step)) / 2 / step
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)
    second = run.helper(lambda t: tg.grad(lambda u: tg.grad(tg.tanh)(u))(t), x)
    np.testing.assert_allclose(second, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2), rtol=1e-12)
    mixed = run.helper(lambda t: tg.grad(lambda u: u * tg.grad(lambda w: u + w)(u))(t), x)
    np.testing.assert_array_equal(mixed, [1.0, 1.0])


def test_order_any_and_instances_are_shuffled_by_the_seed() -> None:
    seen: list[list[int]] = []

    @tg.kernel
    def visit(y: tg.Out[f32, "N"]):
        n = tg.grid(y.shape[0])
        seen[-1].append(n)
        for k in tg.stream(0, 100, 10, order="any"):
            seen[-1].append(100 + k.start)
        tg.store(y, (n,), 0.0)

    for seed in (1, 1, 2):
        seen.append([])
        Evaluation(seed=seed)(visit, np.zeros(8, np.float32))
    assert seen[0] == seen[1] != seen[2]
    assert seen[0] != sorted(seen[0])


def test_outputs_are_poisoned_and_the_seed_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    @tg.kernel
    def half(y: tg.Out[f32, "N"], z: tg.Out[i32, "N"]):
        n = tg.grid((y.shape[0] // 2, 4))
        tg.store(y, (n,), tg.full((4,), 1.0, f32))
        tg.store(z, (n,), tg.full((4,), 1, i32))

    y, z = np.zeros(10, np.float32), np.zeros(10, np.int32)
    evaluate(half, y, z)
    assert np.isnan(y[5:]).all()
    assert (y[:5] == 1).all()
    assert (z[5:] == np.iinfo(np.int32).min).all()
    assert "seed=" in capsys.readouterr().err


def test_values_round_to_their_dtype() -> None:
    x = np.array([1.0, 3.0], ml_dtypes.bfloat16)

    def add(t: Any) -> Any:
        return (t + 2.0**-8) + 2.0**-8, t.to(f32) + 2.0**-8  # in bf16 1 + 2^-8 is a tie and rounds to 1

    rounded, single = Evaluation(seed=0).helper(add, x)
    assert rounded[0] == 1.0
    assert rounded.dtype == ml_dtypes.bfloat16
    assert single[0] == np.float32(1.0 + 2.0**-8)
    wide, _ = Evaluation(wide=True, seed=0).helper(add, x)
    assert wide[0] == 1.0 + 2.0**-7
    products = Evaluation(seed=0).helper(lambda a, b: tg.dot(a, b), x[None], x[:, None])
    assert products.dtype == np.float32
    assert products == 10.0


def test_torch_tensors_share_memory() -> None:
    import torch

    x, y = torch.arange(6, dtype=torch.bfloat16), torch.zeros(12, dtype=torch.bfloat16)[::2]
    Evaluation(seed=0)(double, x, y)
    assert torch.equal(y, x * 2)


def test_reduce_store_is_ordered_by_instance() -> None:
    @tg.kernel
    def total(x: tg.In[f32, "N"], y: tg.InOut[f32, "1"], *, how: tg.const = "ordered"):
        n = tg.grid(x.shape[0])
        tg.reduce_store(y, (tg.span(1),), tg.full((1,), 1.0, f32) * tg.load(x, (n,)), how=how)

    x = np.float32([1e8, 1.0, -1e8, 1.0])
    for seed in range(5):
        y = np.zeros(1, np.float32)
        Evaluation(seed=seed)(total, x, y)
        assert y[0] == ((np.float32(1e8) + np.float32(1)) - np.float32(1e8)) + np.float32(1)


# Rules: each breach is an error of its class, at the author's line.


def breaches() -> list[tuple[type[TegulaError], Any, str]]:
    def z(*shape: int, dtype: Any = f32) -> Any:
        return tg.zeros(shape, dtype)

    return [
        (ShapeError, lambda: z(2, 3) + z(2), r"ranks differ: \[2, 3\] and \[2\].*x\[:, None\]"),
        (ShapeError, lambda: z(2, 3) * z(2, 4), r"sizes differ"),
        (ShapeError, lambda: tg.dot(z(2, 3), z(4, 5)), "contracted"),
        (ShapeError, lambda: tg.dot(z(2, 3), z(3, 5), z(5)), "accumulator"),
        (ShapeError, lambda: z(4)[1:9], "outside an axis of size 4"),
        (ShapeError, lambda: z(4).reshape(3), "numbers of elements"),
        (ShapeError, lambda: z(0), "at least 1"),
        (ShapeError, lambda: tg.concat([z(2, 3), z(3, 3)], axis=1), "concat"),
        (ShapeError, lambda: tg.softmax_update(tg.softmax_init(4, 8), z(4, 3), z(2, 8)), "softmax_update"),
        (DTypeError, lambda: z(2) + z(2, dtype=bf16), "f32 and bf16: cast"),
        (DTypeError, lambda: tg.dot(z(2, 2), z(2, 2, dtype=bf16)), "dot of f32 and bf16"),
        (DTypeError, lambda: z(2, dtype=i32) + 1.5, "float 1.5 beside i32"),
        (DTypeError, lambda: z(2, dtype=i32) / 2, "write //"),
        (DTypeError, lambda: z(2, dtype=i32) + 2**40, "does not fit i32"),
        (DTypeError, lambda: tg.exp(z(2, dtype=i32)), "cast to a float"),
        (DTypeError, lambda: z(2) & z(2), "does not act on f32"),
        (DTypeError, lambda: tg.where(z(2), z(2), 0.0), "expected i1"),
        (DTypeError, lambda: tg.where(z(2) > 0.0, 1.0, 0.0), "no dtype"),
        (DTypeError, lambda: z(2).to("f32"), "no dtype"),
        (DTypeError, lambda: tg.softmax_update(tg.softmax_init(2, 2), z(2, 2, dtype=bf16), z(2, 2)), "log-weights"),
        (DTypeError, lambda: tg.dot(z(2, 2, dtype=i64), z(2, 2, dtype=i64)), "floats or i8"),
        (DTypeError, lambda: z(2, dtype=i1).sum(axis=0), "reduction of i1"),
        (DTypeError, lambda: z(2, dtype=bf16).bitcast(i32), "sizes differ"),
        (ControlError, lambda: 1 if z(2) > 0.0 else 0, "the truth"),
        (ControlError, lambda: list(z(2)), "iterated"),
        (ControlError, lambda: float(z(1).sum(axis=0)), "cast"),
        (ControlError, lambda: z(2) ** 2, r"\*\*"),
        (StaticError, lambda: z(4)[0], "write 0:1"),
        (StaticError, lambda: tg.dot(z(2, 2), z(2, 2), precision="x"), "precision"),
        (ControlError, lambda: tg.exp2(z(2), policy="fast"), "policy"),
    ]


@pytest.mark.parametrize("number", range(len(breaches())))
def test_rules_of_tiles(number: int) -> None:
    kind, body, text = breaches()[number]
    with pytest.raises(kind, match=text) as caught:
        Evaluation(seed=0).helper(body)
    assert type(caught.value) is kind
    assert caught.value.file == __file__
    assert "lambda: " in str(caught.value)  # the line, with a caret below it


def in_kernel(body: Any, **named: Any) -> None:
    """Runs a body in a kernel with an input of 5, an output of 5 and an index tile."""

    @tg.kernel
    def k(x: tg.In[f32, "N"], y: tg.Out[f32, "N"], j: tg.In[i32, "M"], *, body: tg.fn = body):
        n = tg.grid((x.shape[0], 4))
        body(x, y, n, tg.load(j, (tg.span(4),), pad=-1))

    Evaluation(seed=0)(k, np.zeros(5, np.float32), np.zeros(5, np.float32), np.int32([0, 1, 1]), **named)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (AccessError, lambda x, y, n, j: tg.load(y, (n,)), "Out"),
        (AccessError, lambda x, y, n, j: tg.store(x, (n,), tg.zeros((4,), f32)), "In"),
        (AccessError, lambda x, y, n, j: tg.load(x, (5,)), "coordinate 5 outside axis 0 of 'x' of size 5"),
        (AccessError, lambda x, y, n, j: x[2:6], "slice 2:6"),
        (AccessError, lambda x, y, n, j: tg.load(None, (n,)), "absent optional"),
        (AccessError, lambda x, y, n, j: tg.store(y, (j,), tg.zeros((4,), f32)), "twice"),
        (AccessError, lambda x, y, n, j: tg.store(y, (tg.span(1),), tg.zeros((1,), f32)), "two instances"),
        (AccessError, lambda x, y, n, j: tg.reduce_store(y, (n,), tg.zeros((4,), f32)), "not InOut"),
        (ShapeError, lambda x, y, n, j: tg.store(y, (n,), tg.zeros((3,), f32)), r"store of \[3\]"),
        (ShapeError, lambda x, y, n, j: tg.load(x, (n, n)), "2 coordinates for 'x' of rank 1"),
        (DTypeError, lambda x, y, n, j: tg.store(y, (n,), tg.zeros((4,), bf16)), r"\.to\(f32\)"),
        (DTypeError, lambda x, y, n, j: tg.zeros((4,), f32) * x.shape[0], "index beside f32"),
        (StaticError, lambda x, y, n, j: tg.zeros((x.shape[0],), f32), "must be static"),
        (StaticError, lambda x, y, n, j: x[n], "spans and tiles are coordinates"),
        (StaticError, lambda x, y, n, j: tg.span(n.start), "must be static"),
        (KernelError, lambda x, y, n, j: tg.grid(3), "second"),
        (KernelError, lambda x, y, n, j: tg.require(True, ""), "after tg.grid"),
        (KernelError, lambda x, y, n, j: tg.barrier(), "resident"),
    ],
)
def test_rules_of_kernels(kind: type[TegulaError], body: Any, text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        in_kernel(body)
    assert caught.value.file == __file__


def test_operators_on_either_side() -> None:
    """What Python has a reflected form of, the evaluation has too; `abs` as well."""
    t = np.int32([1, -2, 3])
    for f, want in [
        (lambda x: 64 >> abs(x), 64 >> abs(t)),
        (lambda x: 3 << abs(x), 3 << abs(t)),
        (lambda x: 7 // abs(x) - 5 % abs(x), 7 // abs(t) - 5 % abs(t)),
        (lambda x: (6 & x) | (1 ^ x), (6 & t) | (1 ^ t)),
    ]:
        np.testing.assert_array_equal(Evaluation(seed=0).helper(f, t), want)


def test_gathers_pad_and_scatters_drop() -> None:
    @tg.kernel
    def pick(x: tg.In[f32, "N 3"], j: tg.In[i32, "M"], y: tg.Out[f32, "M 3"], z: tg.Out[f32, "N 3"]):
        m, c = tg.grid((j.shape[0], 4)), tg.span(3)
        at = tg.load(j, (m,), pad=-1)
        rows = tg.load(x, (at, c), pad=7.0)
        tg.store(y, (m, c), rows)
        tg.store(z, (at, c), rows)

    x, j = np.arange(15, dtype=np.float32).reshape(5, 3), np.int32([3, -1, 0, 9, 4, 1])
    y, z = np.zeros((6, 3), np.float32), np.zeros((5, 3), np.float32)
    Evaluation(seed=0)(pick, x, j, y, z)
    good = (j >= 0) & (j < 5)
    assert (y == np.where(good[:, None], x[np.where(good, j, 0)], 7)).all()
    assert np.isnan(z[2]).all()
    assert (z[[0, 1, 3, 4]] == x[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (lambda x: (x, x), "overlaps"),
        (lambda x: (x, np.zeros(3, np.float32)), "N is 6 in 'x' and 3 in axis 0 of 'y'"),
        (lambda x: (x, np.zeros(6)), "holds f64, expected f32"),
        (lambda x: (x[None], np.zeros(6, np.float32)), "rank 2"),
        (lambda x: (x, None), "required"),
        (lambda x: (x,), "missing"),
        (lambda x: (x, [0.0] * 6), "expected an array"),
        (lambda x: (x, x.astype(np.complex64)), "does not have"),
    ],
)
def test_launches_that_are_refused(args: Any, text: str) -> None:
    with pytest.raises(LaunchError, match=text):
        Evaluation(seed=0)(double, *args(np.zeros(6, np.float32)))


def test_require_and_missing_grid() -> None:
    with pytest.raises(LaunchError, match="H must be a multiple of HK"):
        z = np.zeros((1, 3, 2, 4), np.float32)
        Evaluation(seed=0)(K.attention_fwd, z, z[:, :2], z[:, :2], z.copy(), np.zeros((1, 3, 2), np.float32), 1.0)

    @tg.kernel
    def none(x: tg.In[f32, "N"]):
        pass

    @tg.kernel
    def early(x: tg.In[f32, "N"]):
        tg.load(x, (0,))

    with pytest.raises(KernelError, match=r"has no tg\.grid"):
        Evaluation(seed=0)(none, np.zeros(2, np.float32))
    with pytest.raises(KernelError, match=r"before tg\.grid"):
        Evaluation(seed=0)(early, np.zeros(2, np.float32))


def test_zero_extents_and_zero_trips() -> None:
    y = np.zeros(0, np.float32)
    Evaluation(seed=0)(double, y.copy(), y)
    a, b, c = np.zeros((3, 0), np.float32), np.zeros((0, 2), np.float32), np.ones((3, 2), np.float32)
    Evaluation(seed=0)(K.matmul, a, b, c, BM=8, BN=8, BK=8)
    assert (c == 0).all()


def test_unused_dtype_variable() -> None:
    with pytest.raises(DTypeError, match="no argument binds"):
        Evaluation(seed=0).helper(lambda: tg.zeros((2,), A))
