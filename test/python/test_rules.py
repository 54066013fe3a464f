# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""The rules of tracing, executed: control flow, helpers, carried structures, derivatives.

Every kernel here is compiled and run, and compared with NumPy.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from on_path import OnBothPaths as kernel
from tegula import Cx, In, Out, T, U, const, f64, fn, i32, index, tile

X = In[f64, "N"]
Y = Out[f64, "N"]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def run(kernel_: Any, x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """Calls a kernel with an output like its input."""
    y = np.full_like(x, np.nan)
    kernel_(x, y, *args, **kwargs)
    return y


# ---- run-time branches


@kernel
def branches(x: X, y: Y, s: f64, n: index, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t, extra = tg.load(x, (m,)), 0.0
    if s > 0.0 and n < 3:
        t = t * s
        extra = 2.0
        if n == 1:
            t = t + 1.0
    else:
        t = t - s
    tg.store(y, (m,), t + extra)


@pytest.mark.parametrize("s, n", [(2.0, 1), (2.0, 2), (2.0, 5), (-1.0, 0)])
def test_run_time_if(s: float, n: int) -> None:
    x = numbers(10)
    expected = x * s + 2 + (n == 1) if s > 0 and n < 3 else x - s
    np.testing.assert_allclose(run(branches, x, s, n), expected)


@kernel
def stream_in_branch(x: In[f64, "M N"], y: Out[f64, "M"], flag: In[i32, "M"], *, B: tile = 4):
    M, N = x.shape
    i = tg.grid(M)
    acc = tg.zeros((B,), f64)
    if tg.load(flag, (i,)) != 0:
        for n in tg.stream(0, N, B):
            acc = acc + tg.load(x[i], (n,))
    tg.store(y, (i,), acc.sum(axis=0))


def test_stream_in_branch_on_data() -> None:
    x, flag, y = numbers(3, 10), np.array([1, 0, 1], np.int32), np.zeros(3)
    stream_in_branch(x, y, flag)
    np.testing.assert_allclose(y, x.sum(1) * flag)


@kernel
def branch_in_stream(x: X, y: Out[f64, "1"], at_: Out[i32, "1"]):
    i = tg.grid(1)
    best, at = tg.load(x, (i,)), tg.cast(0, index)
    for n in tg.stream(1, x.shape[0]):
        v = tg.load(x, (n,))
        if v > best:
            best, at = v, n
        best = best if v > 0.0 else best * 1.0
    tg.store(y, (i,), best)
    tg.store(at_, (i,), tg.cast(at, i32))


def test_branch_in_stream() -> None:
    x, y, at = numbers(17), np.zeros(1), np.zeros(1, np.int32)
    branch_in_stream(x, y, at)
    assert y[0] == x.max()
    assert at[0] == x.argmax()


@kernel
def conditions(x: X, y: Y, a: index, b: index, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    low = 0 <= a < b <= 7
    t = t * (2.0 if low else 3.0)
    if not (a == 1 or b == 2):
        t = t + 1.0
    tg.store(y, (m,), t)


@pytest.mark.parametrize("a, b", [(1, 3), (3, 1), (0, 8), (3, 2), (0, 7)])
def test_conditions(a: int, b: int) -> None:
    x = numbers(9)
    expected = x * (2.0 if 0 <= a < b <= 7 else 3.0) + (not (a == 1 or b == 2))
    np.testing.assert_allclose(run(conditions, x, a, b), expected)


@kernel
def static_control(x: X, y: Y, *, B: tile = 4, mode: const = "double"):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    a = 1 if B < 0 else 2
    while a < 4:
        a += 1
    for j in range(6):
        if j == 1:
            continue
        if j == 5:
            break
        if 2 <= j < 5:
            t = t + 1.0
    match mode:
        case "double":
            t = t * 2.0
        case other:
            t = t * float(other)
    tg.store(y, (m,), t)


def test_static_control_flow_is_python() -> None:
    x = numbers(10)
    np.testing.assert_allclose(run(static_control, x), (x + 3) * 2)
    np.testing.assert_allclose(run(static_control, x, mode=5.0), (x + 3) * 5)


# ---- streams in helpers


def row_sum(v, N, B, f):
    acc = tg.zeros((B,), f64)
    for n in tg.stream(0, N, B):
        acc += f(tg.load(v, (n,)))
    return acc.sum(axis=0)


class Scale:
    def __init__(self, c):
        self.c = c
        self.__private = 1.0

    def __call__(self, x):
        return x * self.c * self.__private

    def method(self, v, N, B):
        return row_sum(v, N, B, self)


def doubled(g):
    @functools.wraps(g)
    def wrapper(*args, **kwargs):
        return g(*args, **kwargs) * 2.0

    return wrapper


@doubled
def decorated(v, N, B):
    return row_sum(v, N, B, lambda t: t)


@kernel
def helpers(x: In[f64, "M N"], y: Out[f64, "M 7"], *, B: tile = 4):
    (M, N), op = x.shape, Scale(3.0)
    i = tg.grid(M)
    fs = [lambda t: t + 0.0, lambda t: t * t]
    parts = [row_sum(x[i], N, B, f) for f in fs]
    parts += [op.method(x[i], N, B), decorated(x[i], N, B)]
    parts += [functools.partial(row_sum, B=B, f=lambda t: -t)(x[i], N)]
    parts += [(lambda v: row_sum(v, N, B, lambda t: t))(x[i])]
    parts += list(map(lambda v: row_sum(v, N, B, lambda t: t + 0.0), [x[i]]))
    for j, p in enumerate(parts):
        tg.store(y, (i, j), p)


def test_streams_in_helpers() -> None:
    x, y = numbers(3, 12), np.zeros((3, 7))
    helpers(x, y)
    s = x.sum(1)
    np.testing.assert_allclose(y, np.stack([s, (x * x).sum(1), 3 * s, 2 * s, -s, s, s], 1))


# ---- carried structures


class Pair(NamedTuple):
    a: Any
    b: Any


@kernel
def structures(x: X, y: Out[f64, "8"], *, B: tile = 4):
    i = tg.grid(1)
    z = Cx(tg.zeros((B,), f64), tg.zeros((B,), f64))
    sums, named = [tg.zeros((B,), f64)] * 2, {"n": tg.cast(0, index)}
    pair, span = Pair(tg.zeros((B,), f64), 3), tg.span(tg.cast(0, index), B)
    _ = 1.0
    for n in tg.stream(0, x.shape[0], B):
        t = tg.load(x, (n,))
        z = Cx(z.re + t, z.im - t)
        for j in range(2):
            sums[j] = sums[j] + t * float(j + 1)
        named = {"n": named["n"] + 1}
        pair = Pair(pair.a + t, pair.b)
        span = span.shift(B)
        _, unused = t, n
    tg.store(y, (6,), tg.cast(named["n"], f64))
    tg.store(y, (7,), tg.cast(span.start, f64))
    for j, v in enumerate((z.re, z.im, *sums, pair.a, pair.a * float(pair.b))):
        tg.store(y, (j,), v.sum(axis=0))


def test_carried_structures() -> None:
    x, y = numbers(10), np.zeros(8)
    structures(x, y)
    s = x.sum()
    np.testing.assert_allclose(y, [s, -s, s, 2 * s, s, 3 * s, 3, 12])


@kernel
def unread(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    acc = tg.zeros((B,), f64)
    for n in tg.stream(0, x.shape[0], B, order="any"):
        t = tg.load(x, (n,))
        acc = acc + t
    tg.store(y, (m,), acc)


def test_a_name_that_the_body_reuses_is_not_carried() -> None:
    text = unread.ir("generic", numbers(8), numbers(8))
    (line,) = [line for line in text.split("\n") if '"tegula.stream"' in line]
    operands = line.split("(")[1].split(")")[0]
    assert operands.count(",") == 2  # lo, hi and one carried value


@kernel
def some_are_dead(x: X, y: Y, *, B: tile = 4):
    """Of four carried names one is read at the end, and it alone through both streams."""
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    a, b = t, t + 1.0
    for i in tg.stream(0, 3):
        c, d = b, a
        for j in tg.stream(0, 2):
            c, d = -d, -c
        b = c * 0.5
        a = d
    tg.store(y, (m,), b)


def test_dead_carried_values_of_nested_streams() -> None:
    x = numbers(6)
    a, b = x, x + 1.0
    for _ in range(3):
        c, d = b, a
        for _ in range(2):
            c, d = -d, -c
        a, b = d, c * 0.5
    np.testing.assert_allclose(run(some_are_dead, x), b)


@kernel
def counted(j: In[i32, "N"], y: Out[i32, "N"]):
    """The accumulator is also what the rows are named by."""
    i = tg.grid(1)
    t = tg.load(j, (tg.span(9),))
    tg.store(y, (tg.span(9),), tg.segment_sum(t, tg.full((9,), 1, i32), t))


def test_an_accumulator_that_is_read_as_well() -> None:
    j = np.array([1, 1, 2, 3, 4, 5, 6, 7, 8], np.int32)
    want, y = j.copy(), np.zeros_like(j)
    np.add.at(want, j, 1)
    counted(j, y)
    np.testing.assert_array_equal(y, want)


@kernel
def beyond(x: In[i32, "$M N"], y: Out[i32, "P Q"]):
    """A tile that leaves a static extent at a static offset."""
    i = tg.grid(1)
    t = tg.load(x, (tg.span(1, 64), tg.span(1, 64)))
    tg.store(y, (tg.span(64), tg.span(64)), t & 12)


def test_static_offset_beyond_a_static_extent() -> None:
    x, y = np.arange(64 * 65, dtype=np.int32).reshape(64, 65), np.full((64, 64), -1, np.int32)
    beyond(x, y)
    want = np.zeros((64, 64), np.int32)
    want[:63] = x[1:, 1:] & 12
    np.testing.assert_array_equal(y, want)


@kernel
def limited(x: X, y: Y):
    """Static limits of spans, on axes whose sizes are known at launch only."""
    i = tg.grid(1)
    t = tg.load(x, (tg.span(0, 8, 5),))
    tg.store(y, (tg.span(0, 8, 7),), t + 1.0)


def test_static_limit_on_a_dynamic_axis() -> None:
    x = numbers(9)
    np.testing.assert_array_equal(run(limited, x), [*(x[:5] + 1.0), 1.0, 1.0, np.nan, np.nan])


@kernel
def nested(x: In[f64, "M N"], y: Out[f64, "1"], *, B: tile = 4):
    M, N = x.shape
    o = tg.grid(1)
    acc = tg.zeros((B,), f64)
    for i in tg.stream(0, M, order="down"):
        row = tg.zeros((B,), f64)
        for n in tg.stream(0, N, B):
            row = row + tg.load(x[i], (n,))
        acc = acc * 0.5 + row
    tg.store(y, (o,), acc.sum(axis=0))


def test_nested_streams_downwards() -> None:
    x, y, expected = numbers(5, 10), np.zeros(1), 0.0
    nested(x, y)
    for row in x[::-1]:
        expected = expected * 0.5 + row.sum()
    np.testing.assert_allclose(y, expected)


@kernel
def floors(x: X, y: Out[f64, "2"], lo: index):
    i = tg.grid(1)
    a, b = tg.cast(0.0, f64), tg.cast(0.0, f64)
    for n in tg.stream(lo, 5):
        a, b = a + tg.cast(n // 2, f64), b + tg.cast(n % 3, f64)
    tg.store(y, (i,), a)
    tg.store(y, (1,), b)


def test_division_of_negative_positions_floors() -> None:
    y = np.zeros(2)
    floors(numbers(4), y, -5)
    np.testing.assert_allclose(y, [sum(n // 2 for n in range(-5, 5)), sum(n % 3 for n in range(-5, 5))])


# ---- callbacks


def make(c):
    return (lambda x: x * c, lambda x: x + c)


@kernel
def callbacks(x: X, y: Y, *, f: fn = lambda x: x, g: fn = lambda x: -x, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), g(f(tg.load(x, (m,)))))


def test_two_lambdas_on_a_line_are_told_apart() -> None:
    x = numbers(10)
    f, g = make(3.0)
    np.testing.assert_allclose(run(callbacks, x, f=f, g=g), x * 3 + 3)
    np.testing.assert_allclose(run(callbacks, x), -x)
    f, g = make(4.0)  # the same code, another captured number
    np.testing.assert_allclose(run(callbacks, x, f=f, g=g), x * 4 + 4)


@functools.lru_cache
def cached(n):
    return tg.zeros((n,), f64) + 1.0


@kernel
def uses_cache(x: X, y: Y, *, f: fn, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), f(tg.load(x, (m,))) + cached(B))


def test_cached_helper_is_traced_anew() -> None:
    x = numbers(10)
    for c in (2.0, 3.0):
        np.testing.assert_allclose(run(uses_cache, x, f=lambda t, c=c: t * c), x * c + 1)


def test_function_without_source_runs_as_it_is() -> None:
    scope: dict[str, Any] = {"tg": tg}
    exec("f = lambda x: tg.exp(x) * 2.0", scope)
    x = numbers(10)
    np.testing.assert_allclose(run(callbacks, x, f=scope["f"], g=lambda x: x), np.exp(x) * 2)


# ---- derivatives


@kernel
def derivative(x: X, y: Y, *, f: fn, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.grad(f)(tg.load(x, (m,))))


HELPERS = {
    "product": lambda t: tg.tanh(t) * t,
    "sigmoid": lambda t: tg.sigmoid(t),
    "quotient": lambda t: tg.softplus(t) / (1.0 + t * t),
    "log_sigmoid": lambda t: tg.log_sigmoid(t) - t,
    "select": lambda t: tg.where(t > 0.0, t * t, tg.exp(t)),
    "maximum": lambda t: tg.maximum(t, 0.5) * 2.0 + 3.0,
    "minimum": lambda t: tg.minimum(0.5 * t, t * t + 0.1),
    "twice": lambda t: tg.grad(lambda u: tg.exp(u) * u)(t) * t,
    "gelu": lambda t: 0.5 * t * (1.0 + tg.erf(t * 0.5**0.5)),
    "roots": lambda t: tg.sqrt(t * t + 1.0) * tg.rsqrt(t * t + 2.0),
    "waves": lambda t: tg.sin(t) * tg.cos(2.0 * t),
    "logs": lambda t: tg.log(t * t + 1.0) + tg.log2(t * t + 2.0) + tg.log1p(t * t),
    "powers": lambda t: tg.exp2(t) - tg.abs(t) + tg.floor(t),
    "shapes": lambda t: t.reshape(2, 2).T[:, None, :].reshape(4) * 3.0,
    "constant": lambda t: t * 0.0 + 1.0,
    "casts": lambda t: (t * t).to(tg.f32).to(f64),
}


@pytest.mark.parametrize("name", HELPERS)
def test_derivatives(name: str) -> None:
    f, x, e = HELPERS[name], numbers(8) * 1.5, 1e-5
    got = run(derivative, x, f=f)
    if name == "shapes":  # the derivative with respect to the tile, applied to ones
        np.testing.assert_allclose(got, np.full(8, 3.0))
        return
    low, high = run(callbacks, x - e, f=f, g=lambda t: t), run(callbacks, x + e, f=f, g=lambda t: t)
    tolerance = 1e-1 if name == "casts" else 1e-7
    np.testing.assert_allclose(got, (high - low) / (2 * e), atol=tolerance)


@kernel
def grad_of_other_arguments(x: X, y: Y, c: f64, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    weighted = lambda a, b: a * b * b  # noqa: E731
    tg.store(y, (m,), tg.grad(weighted, 1)(c, t) + tg.grad(lambda s: t * s * s)(c))


def test_derivative_in_another_argument_and_of_a_scalar() -> None:
    x = numbers(8)
    np.testing.assert_allclose(run(grad_of_other_arguments, x, 3.0), 2 * 3.0 * x + 2 * 3.0 * x)


# ---- arithmetic


@kernel
def signs(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.sign(tg.load(x, (m,))))


def test_sign_keeps_nan_and_zero() -> None:
    x = np.array([-2.0, 3.0, 0.0, -0.0, np.nan, np.inf, -np.inf, 1e-300])
    np.testing.assert_array_equal(run(signs, x), np.sign(x))


@kernel
def integers(x: In[i32, "N"], y: Out[i32, "N"], *, f: fn, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), f(tg.load(x, (m,))))


@pytest.mark.parametrize(
    "f, expected",
    [
        (lambda t: t // 3, lambda v: v // 3),
        (lambda t: t % 3, lambda v: v % 3),
        (lambda t: -t, lambda v: -v),
        (lambda t: ~t, lambda v: ~v),
        (lambda t: (t << 2) >> 1, lambda v: (v << 2) >> 1),
        (lambda t: (t & 6) | 1, lambda v: (v & 6) | 1),
        (lambda t: t ^ 5, lambda v: v ^ 5),
        (lambda t: tg.abs(t), abs),
        (lambda t: tg.maximum(t, 2) - tg.minimum(t, -2), lambda v: np.maximum(v, 2) - np.minimum(v, -2)),
        (lambda t: tg.where(t > 0, 1, 0), lambda v: (v > 0).astype(np.int32)),
        (lambda t: t.to(f64).to(i32), lambda v: v),
        (lambda t: (t != 0).to(i32), lambda v: (v != 0).astype(np.int32)),
        (lambda t: t.to(tg.i64).to(i32), lambda v: v),
        (lambda t: t.to(tg.i8).to(i32), lambda v: v),
        (lambda t: tg.sign(t), np.sign),
    ],
    ids=range(15),
)
def test_integer_arithmetic(f: Any, expected: Any) -> None:
    x = np.array([-7, -3, -1, 0, 1, 2, 5, 9], np.int32)
    y = np.zeros_like(x)
    integers(x, y, f=f)
    np.testing.assert_array_equal(y, expected(x))


@kernel
def shapes(x: In[f64, "$M $K"], y: Out[f64, "6 4"]):
    i = tg.grid(1)
    t = tg.load(x, (tg.span(4), tg.span(6)))
    upper = tg.concat([t[:2, 3:], t[2:, :3]], axis=0)  # [4, 3]
    both = tg.concat([upper, upper.permute(0, 1)], axis=1)  # [4, 6]
    shifted = both + tg.iota(6)[None, :].to(f64) - t.max(axis=0, keep=True) + t.min(axis=1, keep=True)
    scanned = tg.cumsum(tg.cumsum(shifted, axis=0), axis=1, reverse=True, exclusive=True)
    tg.store(y, (tg.span(6), tg.span(4)), scanned.T.reshape(2, 3, 4).permute(1, 0, 2).reshape(6, 4))
    tg.store(y, (i, i), t.sum(axis=0).sum(axis=0))


def test_shapes() -> None:
    x, y = numbers(4, 6), np.zeros((6, 4))
    shapes(x, y)
    upper = np.concatenate([x[:2, 3:], x[2:, :3]])
    both = np.concatenate([upper, upper], 1) + np.arange(6) - x.max(0, keepdims=True) + x.min(1, keepdims=True)
    scan = both.cumsum(0)
    scan = np.flip(np.cumsum(np.flip(scan, 1), 1), 1) - scan
    expected = scan.T.reshape(2, 3, 4).transpose(1, 0, 2).reshape(6, 4).copy()
    expected[0, 0] = x.sum()
    np.testing.assert_allclose(y, expected)


@kernel
def positions(x: In[T, "M $N"], y: Out[i32, "M"]):
    i = tg.grid(x.shape[0])
    t = tg.load(x, (tg.span(i, 1), tg.span(x.shape[1])))
    tg.store(y, (tg.span(i, 1),), tg.argmax(t, axis=1))


def test_argmax() -> None:
    x, y = numbers(5, 7), np.zeros(5, np.int32)
    positions(x, y)
    np.testing.assert_array_equal(y, x.argmax(1))


@kernel
def bounds(x: X, y: Y, lo: index, hi: index, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    s = tg.span(m.start, B, limit=hi).shift(0)
    inner = tg.load(x, (tg.span(m.start + lo, B),), pad=-1.0)
    clipped = tg.load(x, (m.clip(hi),), pad=2.0)
    tg.store(y, (m,), inner + clipped + tg.where(s.valid, 10.0, 0.0).to(f64))


@pytest.mark.parametrize("lo, hi", [(0, 10), (-3, 4), (5, 0), (12, 7)])
def test_bounds_and_pads(lo: int, hi: int) -> None:
    x = numbers(10)
    at = np.arange(10) + lo
    inner = np.where((at >= 0) & (at < 10), x[np.clip(at, 0, 9)], -1.0)
    clipped = np.where(np.arange(10) < hi, x, 2.0)
    np.testing.assert_allclose(run(bounds, x, lo, hi), inner + clipped + np.where(np.arange(10) < hi, 10.0, 0.0))


# ---- every function, every cast

FUNCTIONS = {
    "exp": np.exp, "exp2": np.exp2, "log": np.log, "log1p": np.log1p, "log2": np.log2, "tanh": np.tanh,
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "sin": np.sin, "cos": np.cos, "floor": np.floor,
    "abs": np.abs, "sign": np.sign, "erf": np.vectorize(math.erf), "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)), "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    x = np.linspace(0.1, 3, 37)
    np.testing.assert_allclose(run(callbacks, x, f=getattr(tg, name), g=lambda t: t), FUNCTIONS[name](x), rtol=1e-12)


DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "i8": np.int8,
          "i32": np.int32, "i64": np.int64, "u64": np.uint64, "i1": np.bool_}  # fmt: skip


@kernel
def cast(x: In[T, "N"], y: Out[U, "N"], *, B: tile = 16):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m,)).to(U))


@pytest.mark.parametrize("source", DTYPES)
def test_casts(source: str) -> None:
    for name, dtype in DTYPES.items():
        if name != source:
            x = np.array([0, 1, 2, 3, 5, 7, 100, 1]).astype(DTYPES[source])
            y = np.zeros(8, dtype)
            cast(x, y)
            np.testing.assert_array_equal(y.astype(np.float64), x.astype(dtype).astype(np.float64), err_msg=name)


def test_literals_and_scalars_keep_their_dtype() -> None:
    for dtype in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
        x, y = np.arange(6).astype(dtype), np.zeros(6, dtype)
        scaled(x, y, 0.5)
        np.testing.assert_array_equal(y.astype(np.float64), np.arange(6) * 0.5 + 1)


@kernel
def scaled(x: In[T, "N"], y: Out[T, "N"], s: T, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m,)) * s + tg.cast(1.0, T))
