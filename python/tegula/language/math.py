# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mathematical functions of tiles, scalars and Python numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tegula._compiler.ops import Attr, Enum
from tegula._frontend.trace import fail
from tegula.errors import ControlError, DTypeError
from tegula.language.dtypes import Kind, i1
from tegula.language.elementwise import absolute, compare, maximum, minimum, record, where
from tegula.language.values import OPERAND, Tile, as_number, constant_scalar, describe, splat

inf = math.inf
LOG2E = math.log2(math.e)
LN2 = math.log(2)


def _static(name: str, x: object, compute: Callable[[float], float]) -> float:
    number = as_number(x)
    if number is None:
        fail(DTypeError, f"{name} of {describe(x)}: it takes tiles, scalars and numbers")
    return compute(number)


def _unary(name: str, compute: Callable[[float], float], doc: str) -> Callable[[Any], Any]:
    op = f"math.{name}"

    def function(x: Any) -> Any:
        if not isinstance(x, OPERAND):
            return _static(name, x, compute)
        if not x.dtype.is_float:
            fail(DTypeError, f"{name} of a {describe(x)}: cast it to a float")
        return record(op, [x], x.dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


exp = _unary("exp", math.exp, "e to the power of x; exp(-inf) is exactly 0.")
log = _unary("log", math.log, "Natural logarithm.")
log1p = _unary("log1p", math.log1p, "log(1 + x), exact near 0.")
log2 = _unary("log2", math.log2, "Logarithm to base 2.")
tanh = _unary("tanh", math.tanh, "Hyperbolic tangent.")
erf = _unary("erf", math.erf, "Error function.")
sqrt = _unary("sqrt", math.sqrt, "Square root.")
rsqrt = _unary("rsqrt", lambda x: 1.0 / math.sqrt(x), "1 / sqrt(x).")
sin = _unary("sin", math.sin, "Sine.")
cos = _unary("cos", math.cos, "Cosine.")
floor = _unary("floor", math.floor, "Largest integer not above x, as a float.")


def exp2(x: Any, policy: str | None = None) -> Any:
    """2 to the power of x. `policy` says which unit computes it: "hw", "poly" or "mix"."""
    if not isinstance(x, OPERAND):
        return _static("exp2", x, lambda n: 2.0**n)
    if not x.dtype.is_float:
        fail(DTypeError, f"exp2 of a {describe(x)}: cast it to a float")
    if policy is None:
        return record("math.exp2", [x], x.dtype)
    if policy not in ("hw", "poly", "mix"):
        fail(ControlError, f"policy {policy!r} of exp2 is none of hw, poly, mix")
    attr: tuple[tuple[str, Attr], ...] = (("policy", Enum("exp_policy", policy, own=True)),)
    return record("tegula.exp2", [x], x.dtype, attr)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow."""
    return minimum(x, 0.0) - log1p(exp(-absolute(x)))


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN and the sign of zero stay."""
    if not isinstance(x, OPERAND):
        return _static("sign", x, lambda n: math.copysign(1.0, n) if n else n)
    if x.dtype is i1 or x.dtype.kind is Kind.UINT:
        fail(DTypeError, f"sign of a {describe(x)}")
    one = 1.0 if x.dtype.is_float else 1
    return where(compare(">", x, 0 * one), _ones(x, one), where(compare("<", x, 0 * one), _ones(x, -one), x))


def _ones(x: Any, value: float | int) -> Any:
    """That number in the type of x."""
    return splat(x.shape, value, x.dtype) if isinstance(x, Tile) else constant_scalar(value, x.dtype)


__all__ = [
    "LN2", "LOG2E", "absolute", "cos", "erf", "exp", "exp2", "floor", "inf", "log", "log1p",
    "log2", "log_sigmoid", "maximum", "minimum", "rsqrt", "sigmoid", "sign", "sin", "softplus", "sqrt", "tanh", "where",
]  # fmt: skip
