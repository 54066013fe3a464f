# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Elementwise arithmetic: strict shapes, strict dtypes, one op each."""

from __future__ import annotations

from typing import Any, overload

from tegula._compiler.ops import Attr, Attrs, FastMath, Int, Number, Value
from tegula._frontend.trace import fail, made_at, resolve
from tegula.errors import DTypeError, ShapeError
from tegula.language.dtypes import A, DType, Kind, f32, i1, i32, i64, index
from tegula.language.shapes import stretch
from tegula.language.values import (
    OPERAND,
    Operand,
    Scalar,
    Tile,
    as_number,
    constant_scalar,
    describe,
    scalar_op,
    shape_text,
    splat,
    tile_op,
)

# Products and sums of floats may be contracted to fma; nothing else is allowed.
_CONTRACT: Attrs = (("fastmath", FastMath("contract")),)
_FLOAT: dict[str, tuple[str, Attrs]] = {
    "+": ("arith.addf", _CONTRACT),
    "-": ("arith.subf", _CONTRACT),
    "*": ("arith.mulf", _CONTRACT),
    "/": ("arith.divf", ()),
    "max": ("arith.maximumf", ()),
    "min": ("arith.minimumf", ()),
}
_INTEGER = {
    "+": "arith.addi",
    "-": "arith.subi",
    "*": "arith.muli",
    "&": "arith.andi",
    "|": "arith.ori",
    "^": "arith.xori",
    "<<": "arith.shli",
    "max": "arith.maxsi",
    "min": "arith.minsi",
}
# Predicates of arith.cmpf (ordered, but `!=`), arith.cmpi signed and unsigned.
_FLOAT_PREDICATE = {"==": 1, ">": 2, ">=": 3, "<": 4, "<=": 5, "!=": 13}
_SIGNED_PREDICATE = {"==": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
_UNSIGNED_PREDICATE = {"==": 0, "!=": 1, "<": 6, "<=": 7, ">": 8, ">=": 9}


def record(name: str, operands: list[Operand], dtype: DType, attrs: Attrs = (), label: str | None = None) -> Any:
    """An elementwise op on tiles of one shape, or on scalars."""
    last = operands[-1]
    if isinstance(last, Tile):
        return tile_op(name, operands, last.shape, dtype, attrs, label)
    return scalar_op(name, operands, dtype, attrs)


# ---- operands


def common(x: object, y: object, what: str) -> tuple[Operand, Operand] | None:
    """Both operands as tiles of one shape and dtype, or as two scalars; None for foreign objects."""
    if isinstance(x, Tile) and isinstance(y, Tile):
        return _two_tiles(x, y, what)
    if isinstance(x, Tile):
        other = _beside(x, y, what)
        return None if other is None else (x, other)
    if isinstance(y, Tile):
        other = _beside(y, x, what)
        return None if other is None else (other, y)
    return _two_scalars(x, y, what)


def _two_tiles(x: Tile, y: Tile, what: str) -> tuple[Tile, Tile]:
    if x.dtype is not y.dtype:
        fail(
            DTypeError,
            f"{what} of {x.dtype} and {y.dtype}: cast one side explicitly, x.to(…)",
            made_at(x, f"{describe(x)} from here"),
            made_at(y, f"{describe(y)} from here"),
        )
    if x.shape == y.shape:
        return x, y
    if len(x.shape) != len(y.shape):
        low = min(x, y, key=lambda t: len(t.shape))
        hint = "x[None, :] or x[:, None]" if len(low.shape) == 1 else "x[None]"
        fail(
            ShapeError,
            f"{what} of ranks {len(x.shape)} and {len(y.shape)} ({shape_text(x.shape)} and {shape_text(y.shape)}): "
            f"ranks are never padded; write {hint}",
        )
    if any(p != q and p != 1 and q != 1 for p, q in zip(x.shape, y.shape)):
        fail(
            ShapeError,
            f"{what} of shapes {shape_text(x.shape)} and {shape_text(y.shape)}",
            made_at(x, "first"),
            made_at(y, "second"),
        )
    shape = tuple(max(p, q) for p, q in zip(x.shape, y.shape))
    return stretch(x, shape), stretch(y, shape)


def _beside(tile: Tile, other: object, what: str) -> Tile | None:
    """A scalar or a literal beside a tile."""
    if isinstance(other, Scalar):
        if other.dtype is not tile.dtype:
            integers = other.dtype in (index, i32) and not tile.dtype.is_float and tile.dtype is not i1
            if not integers:
                fail(
                    DTypeError,
                    f"{what} of a {describe(tile)} and a {describe(other)}: cast explicitly",
                    made_at(other, "the scalar comes from here"),
                )
            other = cast(other, tile.dtype)
        return stretch(other, tile.shape)
    number = as_number(other)
    if number is None:
        return None
    if isinstance(number, float) and not tile.dtype.is_float:
        fail(DTypeError, f"{what} of the float literal {number!r} and a {describe(tile)}: cast explicitly")
    return splat(tile.shape, number, tile.dtype)


def _two_scalars(x: object, y: object, what: str) -> tuple[Scalar, Scalar] | None:
    if isinstance(x, Scalar) and isinstance(y, Scalar):
        if x.dtype is y.dtype:
            return x, y
        if x.dtype is index and y.dtype is i32:
            return x, cast(y, index)
        if y.dtype is index and x.dtype is i32:
            return cast(x, index), y
        fail(DTypeError, f"{what} of a {describe(x)} and a {describe(y)}: cast explicitly")
    if isinstance(x, Scalar):
        return None if as_number(y) is None else (x, constant_scalar(y, x.dtype))
    if isinstance(y, Scalar):
        return None if as_number(x) is None else (constant_scalar(x, y.dtype), y)
    return None


# ---- operators


def binary(symbol: str, x: object, y: object) -> Any:
    """`x symbol y`, where at least one side is traced."""
    simple = _simplified(symbol, x, y)
    if simple is not None:
        return simple
    pair = common(x, y, symbol if len(symbol) < 3 else f"{symbol}imum")
    if pair is None:
        return NotImplemented
    a, b = pair
    dtype = a.dtype
    if dtype.is_float:
        if symbol not in _FLOAT:
            fail(DTypeError, f"'{symbol}' of a {describe(a)}: it is defined on integers")
        name, attrs = _FLOAT[symbol]
        return record(name, [a, b], dtype, attrs)
    if dtype is i1 and symbol not in ("&", "|", "^"):
        fail(DTypeError, f"'{symbol}' of a {describe(a)}: truth values take &, | and ^")
    if symbol in ("//", "%"):
        return _floor(symbol, a, b)
    if symbol == "/":
        fail(DTypeError, f"'/' of a {describe(a)}: use // or cast to a float")
    unsigned = dtype.kind is Kind.UINT
    if symbol == ">>":
        return record("arith.shrui" if unsigned else "arith.shrsi", [a, b], dtype)
    name = _INTEGER[symbol]
    if unsigned and symbol in ("max", "min"):
        name = f"arith.{symbol}ui"
    result = record(name, [a, b], dtype)
    if isinstance(result, Scalar) and isinstance(a, Scalar) and isinstance(b, Scalar):
        result.nonneg = result.nonneg or _stays_nonneg(symbol, a, b)
    return result


def _stays_nonneg(symbol: str, a: Scalar, b: Scalar) -> bool:
    if symbol == "max":
        return a.nonneg or b.nonneg
    return symbol in ("+", "*", "min") and a.nonneg and b.nonneg


def _simplified(symbol: str, x: object, y: object) -> Any:
    """x + 0, x * 1, x - x and (a + b) - a on integer scalars.

    This much is done while tracing because it makes sizes static again: `m:m + 1` narrows a view
    to one element. All else is left to the compiler.
    """
    if isinstance(x, Scalar) and isinstance(y, Scalar):
        if symbol != "-" or x.dtype.is_float or x.dtype is not y.dtype:
            return None
        if x is y:
            return 0
        if x.op is not None and x.op.name == "arith.addi":
            a, b = x.op.operands
            rest = b if a is y else a if b is y else None
            return None if rest is None else _static_value(rest)
        return None
    scalar, number, left = (x, y, True) if isinstance(x, Scalar) else (y, x, False)
    if not isinstance(scalar, Scalar) or scalar.dtype.is_float or type(number) is not int:
        return None
    if number == 0 and (symbol == "+" or (symbol == "-" and left)):
        return scalar
    return scalar if number == 1 and symbol == "*" else None


def _static_value(value: Value) -> Any:
    attr: Attr | None = value.op.attr("value") if value.op is not None and value.op.name == "arith.constant" else None
    return attr.value if isinstance(attr, Number) else value


def _floor(symbol: str, x: Operand, y: Operand) -> Any:
    """Floor division and its remainder; on sizes, which are never negative, the unsigned ops."""
    dtype = x.dtype
    nonneg = isinstance(x, Scalar) and isinstance(y, Scalar) and x.nonneg and y.nonneg
    if nonneg or dtype.kind is Kind.UINT:
        result = record("arith.divui" if symbol == "//" else "arith.remui", [x, y], dtype)
        if isinstance(result, Scalar):
            result.nonneg = True
        return result
    quotient = record("arith.floordivsi", [x, y], dtype)
    return quotient if symbol == "//" else binary("-", x, binary("*", quotient, y))


def compare(symbol: str, x: object, y: object) -> Any:
    """An elementwise comparison; the result is i1."""
    pair = common(x, y, symbol)
    if pair is None:
        if x is None or y is None or type(y) in (str, tuple, list):
            hint = "; write 'is None'" if y is None else ""
            fail(DTypeError, f"'{symbol}' of {describe(x)} and {describe(y)}{hint}")
        return NotImplemented
    a, b = pair
    if a.dtype.is_float:
        return record("arith.cmpf", [a, b], i1, (("predicate", Int(_FLOAT_PREDICATE[symbol])),))
    unsigned = a.dtype.kind is Kind.UINT or a.dtype is i1
    predicate = (_UNSIGNED_PREDICATE if unsigned else _SIGNED_PREDICATE)[symbol]
    return record("arith.cmpi", [a, b], i1, (("predicate", Int(predicate)),))


def negate(x: Operand) -> Any:
    """-x."""
    if x.dtype.is_float:
        return record("arith.negf", [x], x.dtype)
    if x.dtype is i1 or x.dtype.kind is Kind.UINT:
        fail(DTypeError, f"'-' of a {describe(x)}")
    return binary("-", 0, x)


def invert(x: Operand) -> Any:
    """~x: the negation of truth values, the complement of integers."""
    if x.dtype.is_float or x.dtype is index:
        fail(DTypeError, f"'~' of a {describe(x)}")
    return binary("^", x, 1 if x.dtype is i1 else 2**64 - 1 if x.dtype.kind is Kind.UINT else -1)


def absolute(x: Any) -> Any:
    """|x|."""
    if not isinstance(x, OPERAND):
        return abs(x)
    if x.dtype.is_float:
        return record("math.absf", [x], x.dtype)
    if x.dtype is i1 or x.dtype.kind is Kind.UINT:
        fail(DTypeError, f"abs of a {describe(x)}")
    return maximum(x, negate(x))


def maximum(x: Any, y: Any) -> Any:
    """The larger; NaN wins."""
    return binary("max", x, y) if isinstance(x, OPERAND) or isinstance(y, OPERAND) else max(x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller; NaN wins."""
    return binary("min", x, y) if isinstance(x, OPERAND) or isinstance(y, OPERAND) else min(x, y)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, elementwise."""
    if not isinstance(condition, OPERAND):
        return x if condition else y
    if condition.dtype is not i1:
        fail(DTypeError, f"the condition of where is a {describe(condition)}: compare it, x != 0")
    if not isinstance(x, OPERAND) and not isinstance(y, OPERAND):
        x = _literal(condition, x, y)
    pair = common(x, y, "where")
    if pair is None:
        fail(DTypeError, f"where of {describe(x)} and {describe(y)}")
    a, b = pair
    if isinstance(condition, Scalar):
        return record("arith.select", [condition, a, b], a.dtype)
    if isinstance(a, Scalar):
        a, b = stretch(a, condition.shape), stretch(b, condition.shape)
    if len(a.shape) != len(condition.shape):
        fail(
            ShapeError,
            f"where of ranks {len(condition.shape)} and {len(a.shape)} ({shape_text(condition.shape)} and "
            f"{shape_text(a.shape)}): ranks are never padded",
        )
    if any(p != q and p != 1 and q != 1 for p, q in zip(a.shape, condition.shape)):
        fail(ShapeError, f"where of shapes {shape_text(condition.shape)} and {shape_text(a.shape)}")
    shape = tuple(max(p, q) for p, q in zip(a.shape, condition.shape))
    return record("arith.select", [stretch(condition, shape), stretch(a, shape), stretch(b, shape)], a.dtype)


def _literal(condition: Operand, x: object, y: object) -> Operand:
    """Two literals: the accumulation dtype for floats, i32 (tiles) or index (scalars) for integers."""
    numbers = as_number(x), as_number(y)
    if None in numbers:
        fail(DTypeError, f"where of {describe(x)} and {describe(y)}")
    is_float = any(isinstance(n, float) for n in numbers)
    if isinstance(condition, Tile):
        return splat(condition.shape, x, resolve(A) if is_float else i32)
    return constant_scalar(x, resolve(A) if is_float else index)


# ---- casts


@overload
def cast(x: Tile, dtype: object) -> Tile: ...
@overload
def cast(x: Scalar | float | int, dtype: object) -> Scalar: ...
def cast(x: Any, dtype: object) -> Any:
    """The value in another element type; a number becomes a scalar."""
    return convert(x, dtype)


def convert(x: Any, dtype: object) -> Any:
    """`cast`, for operands of unknown kind."""
    to = resolve(dtype)
    if not isinstance(x, OPERAND):
        return constant_scalar(x, to)
    if x.dtype is to:
        return x
    if isinstance(x, Tile) and to is index:
        fail(DTypeError, "a tile of index: use i32 or i64")
    if to is i1:
        return compare("!=", x, 0.0 if x.dtype.is_float else 0)
    if x.dtype is index and to.is_float:
        return cast(cast(x, i64), to)
    if x.dtype.is_float and to is index:
        return cast(cast(x, i64), index)
    if x.dtype.is_float and to.is_float and x.dtype.bits == to.bits:
        return cast(cast(x, f32), to)  # f16 and bf16 have no direct conversion
    result = record(_cast_op(x.dtype, to), [x], to)
    if isinstance(x, Scalar) and isinstance(result, Scalar):
        result.nonneg = x.nonneg
    return result


def _cast_op(a: DType, b: DType) -> str:
    if a is index or b is index:
        return "arith.index_castui" if a is i1 else "arith.index_cast"
    if a.is_float and b.is_float:
        return "arith.extf" if a.bits < b.bits else "arith.truncf"
    unsigned = Kind.UINT in (a.kind, b.kind)
    if b.is_float:
        return "arith.uitofp" if a.kind is Kind.UINT or a is i1 else "arith.sitofp"
    if a.is_float:
        return "arith.fptoui" if unsigned else "arith.fptosi"
    if a.bits < b.bits:
        return "arith.extui" if a is i1 else "arith.extsi"
    return "arith.trunci" if a.bits > b.bits else "arith.bitcast"


def bitcast(x: Operand, dtype: object) -> Any:
    """The same bits under another element type of the same size."""
    to = resolve(dtype)
    if to is x.dtype:
        return x
    if x.dtype.bits != to.bits or index in (x.dtype, to):
        fail(DTypeError, f"bitcast of {x.dtype} to {to}: the sizes differ")
    return record("arith.bitcast", [x], to)
