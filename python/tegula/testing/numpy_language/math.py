# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Elementwise functions, selection, and `tg.grad`.

Each function is one line of a table: its NumPy form, stable over its whole range, and its derivative
written in the language itself, so that derivatives of derivatives follow.
"""

from __future__ import annotations

import math as _math
from collections.abc import Callable, Iterator
from typing import Any
from typing import cast as typed

import numpy as np

from tegula.errors import ControlError, DTypeError, ShapeError
from tegula.language.dtypes import i1
from tegula.testing.numpy_language.numerics import Array
from tegula.testing.numpy_language.values import (
    MAXIMUM,
    MINIMUM,
    Dual,
    Index,
    Tile,
    Value,
    elementwise,
    fail,
    is_zero,
    operands,
    parts,
    stretched,
    top_level,
)

LOG2E = _math.log2(_math.e)
LN2 = _math.log(2)

Unary = Callable[[Any], Any]


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))  # at most 1: nothing overflows
    return np.where(x >= 0, 1.0, e) / (1 + e)


def _erf(x: Any) -> Any:
    a = np.asarray(x)
    return np.vectorize(_math.erf, otypes=[np.float64])(a).astype(a.dtype)


def _function(name: str, numpy: Unary, slope: Callable[[Any, Any], Any] | None) -> Unary:
    """A function of one tile; `slope(x, f(x))` is its derivative, None where it is 0 almost everywhere."""

    def apply(x: Any) -> Any:
        if isinstance(x, Dual):
            value = apply(x.value)
            if slope is None or is_zero(x.derivative):
                return Dual(value, 0, x.level)
            return Dual(value, slope(x.value, value) * x.derivative, x.level)
        if isinstance(x, Index) or not isinstance(x, Tile | int | float | np.number):
            fail(DTypeError, f"tg.{name} of {type(x).__name__}: it takes a float tile or scalar")
        if not isinstance(x, Tile):  # a number known while tracing
            return float(numpy(float(typed("Any", x))))
        if not x.dtype.is_float and not (name == "abs" or name == "sign"):
            fail(DTypeError, f"tg.{name} of {x.dtype}: cast to a float first")
        return x.like(numpy(x.wide()))

    apply.__name__ = apply.__qualname__ = name
    return apply


exp = _function("exp", np.exp, lambda x, v: v)
_exp2 = _function("exp2", np.exp2, lambda x, v: v * LN2)
log = _function("log", np.log, lambda x, v: 1.0 / x)
log2 = _function("log2", np.log2, lambda x, v: LOG2E / x)
log1p = _function("log1p", np.log1p, lambda x, v: 1.0 / (x + 1.0))
tanh = _function("tanh", np.tanh, lambda x, v: 1.0 - v * v)
erf = _function("erf", _erf, lambda x, v: 2.0 / _math.sqrt(_math.pi) * exp(-(x * x)))
sqrt = _function("sqrt", np.sqrt, lambda x, v: 0.5 / v)
rsqrt = _function("rsqrt", lambda x: 1 / np.sqrt(x), lambda x, v: -0.5 * v / x)
sin = _function("sin", np.sin, lambda x, v: cos(x))
cos = _function("cos", np.cos, lambda x, v: -sin(x))
sigmoid = _function("sigmoid", _sigmoid, lambda x, v: v * (1.0 - v))
softplus = _function("softplus", lambda x: np.logaddexp(0, x), lambda x, v: sigmoid(x))
log_sigmoid = _function("log_sigmoid", lambda x: -np.logaddexp(0, -x), lambda x, v: sigmoid(-x))
floor = _function("floor", np.floor, None)
sign = _function("sign", np.sign, None)
absolute = _function("abs", np.abs, lambda x, v: sign(x))


def exp2(x: Any, policy: str | None = None) -> Any:
    """2 to the power of x. `policy` says which unit computes it and changes rounding at most."""
    if policy not in (None, "hw", "poly", "mix"):
        fail(ControlError, f"exp2 policy {policy!r}: expected 'hw', 'poly' or 'mix'")
    return _exp2(x)


def maximum(x: Any, y: Any) -> Any:
    """The larger of two values; NaN if either is."""
    return _extremum(MAXIMUM, x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of two values; NaN if either is."""
    return _extremum(MINIMUM, x, y)


def _extremum(op: Any, x: Any, y: Any) -> Any:
    if isinstance(x, Dual) or isinstance(y, Dual):
        first = x >= y if op is MAXIMUM else x <= y
        return where(first, x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return op.function(x, y).item()
    return elementwise(op, x, y)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y. What is not chosen never shows, NaN included."""
    if isinstance(x, Dual) or isinstance(y, Dual):
        level = top_level(x, y)
        (a, da), (b, db) = parts(x, level), parts(y, level)
        flat = is_zero(da) and is_zero(db)
        slope = 0 if flat else where(condition, 0.0 if is_zero(da) else da, 0.0 if is_zero(db) else db)
        return Dual(where(condition, a, b), slope, level)
    if not isinstance(condition, Tile):
        if isinstance(condition, bool | np.bool_):  # a scalar of launch time
            return x if condition else y
        fail(DTypeError, f"the condition of tg.where is {type(condition).__name__}: expected i1")
    if condition.dtype is not i1:
        fail(DTypeError, f"the condition of tg.where is {condition.dtype}: expected i1")
    if not isinstance(x, Tile) and not isinstance(y, Tile):
        fail(DTypeError, "tg.where of two literals has no dtype: write tg.full for one of them")
    model, (a, b) = operands("tg.where", x, y)
    shape = stretched(condition.shape, *(t.shape for t in (x, y) if isinstance(t, Tile)))
    chosen = typed("Array", np.where(condition.data, a, b))
    return model.like(np.broadcast_to(chosen, shape))


def grad_with(levels: Iterator[int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`tg.grad`: the derivative of a pointwise function in its first argument; `levels` ascend."""

    def grad(f: Callable[..., Any]) -> Callable[..., Any]:
        def derivative(x: Any, *rest: Any, **named: Any) -> Any:
            if not isinstance(x, Value):
                fail(DTypeError, "tg.grad differentiates in a tile")
            level = next(levels)
            out = f(Dual(x, _filled(x, 1.0), level), *rest, **named)
            slope = parts(out, level)[1]
            if is_zero(slope):
                return _filled(x, 0.0)
            if tuple(slope.shape) != tuple(out.shape):
                fail(ShapeError, "tg.grad of a function that is not pointwise")
            return slope

        return derivative

    return grad


def _filled(x: Any, number: float) -> Tile:
    while isinstance(x, Dual):
        x = x.value
    return x.like(np.full_like(x.data, number))
