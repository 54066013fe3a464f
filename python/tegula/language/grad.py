# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.grad`: the derivative of a pointwise helper in one argument, by forward mode.

The helper is run on a fresh argument; every op that it appended which depends on that argument gets
a tangent by the rule for its kind; then the fresh argument is replaced by the real one. There is no
op of its own: the derivative is ordinary elementwise code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tegula._compiler.ops import Block, Enum, Op, Value, walk
from tegula._frontend.trace import current, fail, made_at
from tegula.errors import ControlError, DTypeError
from tegula.language.elementwise import compare, where
from tegula.language.math import LN2, cos, exp, sign, sin
from tegula.language.shapes import stretch
from tegula.language.values import OPERAND, Scalar, Tile, constant_scalar, describe, like, scalar_op, splat, tile_op

# The tangent of a value, or None where it is zero.
Tangent = Any


def _sum(a: Tangent, b: Tangent) -> Tangent:
    return b if a is None else a if b is None else a + b


def _times(a: Tangent, factor: Any) -> Tangent:
    return None if a is None else a * factor


def _negative(a: Tangent) -> Tangent:
    return None if a is None else -a


def _mul(op: Op, d: Sequence[Tangent]) -> Tangent:
    x, y = op.operands
    return _sum(_times(d[0], y), _times(d[1], x))


def _div(op: Op, d: Sequence[Tangent]) -> Tangent:
    y: Any = op.operands[1]
    left = None if d[0] is None else d[0] / y
    return _sum(left, None if d[1] is None else -(d[1] * op.results[0]) / y)


def _select(op: Op, d: Sequence[Tangent]) -> Tangent:
    condition: Any = op.operands[0]
    return where(condition, *[_like(op.results[0], 0) if t is None else t for t in d[1:]])


def _extremum(op: Op, d: Sequence[Tangent]) -> Tangent:
    """The tangent of the side that was chosen; of the first where they are equal."""
    x, y = op.operands
    first = compare(">=" if op.name == "arith.maximumf" else "<=", x, y)
    zero = _like(op.results[0], 0)
    return where(first, *[zero if t is None else t for t in d])


def _structural(op: Op, d: Sequence[Tangent]) -> Tangent:
    """Ops that are linear in their one operand: the same op on the tangent."""
    result = op.results[0]
    assert isinstance(result, Tile)
    return tile_op(op.name, [d[0]], result.shape, result.dtype, op.attrs)


def _extract(op: Op, d: Sequence[Tangent]) -> Tangent:
    result = op.results[0]
    assert isinstance(result, Scalar)
    return scalar_op(op.name, [d[0]], result.dtype, op.attrs)


def _reduce(op: Op, d: Sequence[Tangent]) -> Tangent:
    if op.attr("kind") != Enum("combine", "add"):
        _no_rule(op)
    return _structural(op, d)


def _cast(op: Op, d: Sequence[Tangent]) -> Tangent:
    result: Any = op.results[0]
    tangent: Any = d[0]
    return tangent.to(result.dtype)


def _splat(op: Op, d: Sequence[Tangent]) -> Tangent:
    result: Any = op.results[0]
    return stretch(d[0], result.shape)


def _unary(rule: Callable[[Any, Any], Any]) -> Callable[[Op, Sequence[Tangent]], Tangent]:
    """A rule from the derivative as a function of operand and result."""

    def tangent(op: Op, d: Sequence[Tangent]) -> Tangent:
        return d[0] * rule(op.operands[0], op.results[0])

    return tangent


_RULES: dict[str, Callable[[Op, Sequence[Tangent]], Tangent]] = {
    "arith.addf": lambda _, d: _sum(d[0], d[1]),
    "arith.subf": lambda _, d: _sum(d[0], _negative(d[1])),
    "arith.mulf": _mul,
    "arith.divf": _div,
    "arith.negf": lambda _, d: -d[0],
    "arith.maximumf": _extremum,
    "arith.minimumf": _extremum,
    "arith.select": _select,
    "arith.extf": _cast,
    "arith.truncf": _cast,
    "math.exp": _unary(lambda x, y: y),
    "math.exp2": _unary(lambda x, y: y * LN2),
    "tegula.exp2": _unary(lambda x, y: y * LN2),
    "math.log": _unary(lambda x, y: 1.0 / x),
    "math.log2": _unary(lambda x, y: (1.0 / LN2) / x),
    "math.log1p": _unary(lambda x, y: 1.0 / (x + 1.0)),
    "math.tanh": _unary(lambda x, y: 1.0 - y * y),
    "math.sqrt": _unary(lambda x, y: 0.5 / y),
    "math.rsqrt": _unary(lambda x, y: -0.5 * y / x),
    "math.sin": _unary(lambda x, y: cos(x)),
    "math.cos": _unary(lambda x, y: -sin(x)),
    "math.erf": _unary(lambda x, y: 2.0 / math.pi**0.5 * exp(-(x * x))),
    "math.absf": _unary(lambda x, y: sign(x)),
    "tegula.broadcast": _structural,
    "tegula.reshape": _structural,
    "tegula.transpose": _structural,
    "tegula.scan": _structural,
    "tensor.extract_slice": _structural,
    "tensor.extract": _extract,
    "tensor.splat": _splat,
    "tegula.reduce": _reduce,
}
# Piecewise constant: their derivative is 0.
_FLAT = frozenset({"arith.cmpf", "arith.cmpi", "arith.fptosi", "arith.fptoui", "math.floor", "tegula.argmax"})


def _no_rule(op: Op) -> Any:
    fail(ControlError, f"tg.grad: no derivative rule for {op.name}", _op_note(op))


def _op_note(op: Op) -> Any:
    return made_at(op.results[0], "the op comes from here") if op.results else made_at(None, "an op without a result")


def _like(value: Any, number: float) -> Any:
    """A number in the type of a value."""
    if isinstance(value, Tile):
        return splat(value.shape, number, value.dtype)
    return constant_scalar(number, value.dtype)


def grad(f: Any, wrt: int = 0) -> Callable[..., Any]:
    """The derivative of a pointwise helper in the argument at position `wrt`."""
    from tegula._frontend.calls import call

    traced: Callable[..., Any] = call(f)

    def derivative(*args: Any) -> Any:
        if not -len(args) <= wrt < len(args):
            fail(ControlError, f"tg.grad with respect to argument {wrt} of {len(args)}")
        x = args[wrt]
        if not isinstance(x, OPERAND) or not x.dtype.is_float:
            fail(DTypeError, f"tg.grad with respect to {describe(x)}: it takes a float tile or scalar")
        block = current().block
        start = len(block.ops)
        fresh = like(x, None, block)
        inputs = list(args)
        inputs[wrt] = fresh
        y = traced(*inputs)
        if not isinstance(y, OPERAND):
            fail(ControlError, f"tg.grad of a helper that returns {describe(y)}: one tile or scalar")
        recorded = block.ops[start:]
        tangents: dict[Value, Tangent] = {fresh: _like(x, 1.0)}
        for op in recorded:
            _differentiate(op, tangents)
        dy = tangents.get(y)
        _replace(block, start, fresh, x)
        return _like(y, 0.0) if dy is None else dy

    return derivative


def _differentiate(op: Op, tangents: dict[Value, Tangent]) -> None:
    if op.regions:
        if any(v in tangents for inner in walk(op) for v in inner.operands):
            fail(ControlError, "tg.grad of a helper with a stream or a run-time 'if'", _op_note(op))
        return
    found = [tangents.get(v) for v in op.operands]
    if op.name in _FLAT or all(t is None for t in found):
        return
    rule = _RULES.get(op.name)
    if rule is None:
        _no_rule(op)
        return
    tangent = rule(op, found)
    if tangent is not None:
        tangents[op.results[0]] = tangent


def _replace(block: Block, start: int, fresh: Value, real: Value) -> None:
    """Puts the real argument where the fresh one was used."""
    for outer in block.ops[start:]:
        for op in walk(outer):
            if any(v is fresh for v in op.operands):
                op.operands = [real if v is fresh else v for v in op.operands]
    block.known = {key: value for key, value in block.known.items() if id(fresh) not in key}
