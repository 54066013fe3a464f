# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a traced name holds: tiles, scalars, views, softmax states.

These are the SSA values themselves. An operator checks its operands at the author's line and
appends one op (`elementwise.py`); what Python would need a number for (`if`, `float`, `range`)
raises, and says what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, cast

import numpy as np

from tegula._compiler.ops import (
    Attrs,
    Block,
    Dense,
    Number,
    Op,
    Splat,
    Type,
    Value,
    scalar_type,
    state_type,
    tile_type,
    view_type,
)
from tegula._frontend.trace import current, emit, fail, lookup_known, made_at, no_member, places
from tegula.errors import ControlError, DTypeError, ShapeError, StaticError
from tegula.language.annotations import Access
from tegula.language.dtypes import DType, Kind, i1, index

Real = int | float | bool


class _Operand(Value):
    """Tiles and scalars: what arithmetic is defined on. Results are typed for authors in `__init__.pyi`."""

    __slots__ = ("dtype",)

    dtype: DType
    __hash__ = object.__hash__

    def __add__(self, other: object) -> Any:
        return elementwise.binary("+", self, other)

    def __radd__(self, other: object) -> Any:
        return elementwise.binary("+", other, self)

    def __sub__(self, other: object) -> Any:
        return elementwise.binary("-", self, other)

    def __rsub__(self, other: object) -> Any:
        return elementwise.binary("-", other, self)

    def __mul__(self, other: object) -> Any:
        return elementwise.binary("*", self, other)

    def __rmul__(self, other: object) -> Any:
        return elementwise.binary("*", other, self)

    def __truediv__(self, other: object) -> Any:
        return elementwise.binary("/", self, other)

    def __rtruediv__(self, other: object) -> Any:
        return elementwise.binary("/", other, self)

    def __floordiv__(self, other: object) -> Any:
        return elementwise.binary("//", self, other)

    def __rfloordiv__(self, other: object) -> Any:
        return elementwise.binary("//", other, self)

    def __mod__(self, other: object) -> Any:
        return elementwise.binary("%", self, other)

    def __rmod__(self, other: object) -> Any:
        return elementwise.binary("%", other, self)

    def __and__(self, other: object) -> Any:
        return elementwise.binary("&", self, other)

    def __rand__(self, other: object) -> Any:
        return elementwise.binary("&", other, self)

    def __or__(self, other: object) -> Any:
        return elementwise.binary("|", self, other)

    def __ror__(self, other: object) -> Any:
        return elementwise.binary("|", other, self)

    def __xor__(self, other: object) -> Any:
        return elementwise.binary("^", self, other)

    def __rxor__(self, other: object) -> Any:
        return elementwise.binary("^", other, self)

    def __lshift__(self, other: object) -> Any:
        return elementwise.binary("<<", self, other)

    def __rlshift__(self, other: object) -> Any:
        return elementwise.binary("<<", other, self)

    def __rshift__(self, other: object) -> Any:
        return elementwise.binary(">>", self, other)

    def __rrshift__(self, other: object) -> Any:
        return elementwise.binary(">>", other, self)

    def __lt__(self, other: object) -> Any:
        return elementwise.compare("<", self, other)

    def __le__(self, other: object) -> Any:
        return elementwise.compare("<=", self, other)

    def __gt__(self, other: object) -> Any:
        return elementwise.compare(">", self, other)

    def __ge__(self, other: object) -> Any:
        return elementwise.compare(">=", self, other)

    def __eq__(self, other: object) -> Any:
        return elementwise.compare("==", self, other)

    def __ne__(self, other: object) -> Any:
        return elementwise.compare("!=", self, other)

    def __neg__(self) -> Any:
        return elementwise.negate(_operand(self))

    def __invert__(self) -> Any:
        return elementwise.invert(_operand(self))

    def __abs__(self) -> Any:
        return elementwise.absolute(self)

    def __matmul__(self, other: object) -> Any:
        fail(ControlError, "'@' is not in the language: tg.dot(x, y)")

    __rmatmul__ = __matmul__

    def __pow__(self, other: object) -> Any:
        fail(ControlError, "'**' on a traced value: multiply, or tg.exp2(y * tg.log2(x))")

    __rpow__ = __pow__

    def to(self, dtype: object) -> Any:
        """The value in another element type, rounded to nearest even."""
        return elementwise.convert(_operand(self), dtype)

    def bitcast(self, dtype: object) -> Any:
        """The same bits under another element type."""
        return elementwise.bitcast(_operand(self), dtype)

    # -- what needs a number that is known only at run time

    def _unknown(self, what: str, instead: str) -> NoReturn:
        notes = [made_at(self, "the value comes from here")] if self.op is not None else []
        fail(ControlError, f"{what} of a {describe(self)}, whose value is known only at run time: {instead}", *notes)

    def __bool__(self) -> bool:
        self._unknown(
            "the truth",
            "use tg.where for tiles; 'while', 'assert', comprehensions and an 'if' that holds return, break or "
            "continue need a static condition",
        )

    def __float__(self) -> float:
        self._unknown("float()", "tg.cast(x, dtype)")

    def __int__(self) -> int:
        self._unknown("int()", "tg.cast(x, dtype)")

    def __index__(self) -> int:
        self._unknown("the Python integer", "range, shapes and slices of tiles take static numbers")

    def __iter__(self) -> Iterator[Any]:
        self._unknown("iteration", "slice it, x[i:i + 1], over a static range")

    def __contains__(self, other: object) -> bool:
        self._unknown("'in'", "compare elementwise")

    def __array__(self, *_: object, **__: object) -> Any:
        self._unknown("the NumPy array", "tg functions take traced values")

    def __setitem__(self, key: object, value: object) -> None:
        self._unknown("item assignment", "tiles are values: tg.where, tg.concat")

    def __getattr__(self, name: str) -> Any:
        raise no_member(describe(self), name)

    def __repr__(self) -> str:
        return f"<{describe(self)}>"


class Scalar(_Operand):
    """A scalar: `index`, a loaded element, an argument. `nonneg` says that it is known to be ≥ 0."""

    __slots__ = ("nonneg",)

    def __init__(self, dtype: DType, op: Op | None, block: Block, nonneg: bool = False) -> None:
        Value.__init__(self, scalar_type(dtype), op, block)
        self.dtype = dtype
        self.nonneg = nonneg

    @property
    def shape(self) -> tuple[int, ...]:
        """A scalar has rank 0."""
        return ()


class Tile(_Operand):
    """An immutable tile of static shape."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...], dtype: DType, op: Op | None, block: Block) -> None:
        Value.__init__(self, tile_type(shape, dtype), op, block)
        self.shape = shape
        self.dtype = dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: object) -> Any:
        return shapes.subscript(self, key)

    @property
    def T(self) -> Any:
        """The tile with its last two axes swapped."""
        return shapes.swap(self)

    def reshape(self, *shape: Any) -> Any:
        """The same elements in row-major order under another shape."""
        return shapes.reshape(self, shape)

    def permute(self, *axes: Any) -> Any:
        """The tile with axis i taken from axis `axes[i]`."""
        return shapes.permute(self, axes)

    def sum(self, axis: int, keep: bool = False) -> Any:
        """Sum over one axis."""
        return shapes.reduce("add", self, axis, keep)

    def max(self, axis: int, keep: bool = False) -> Any:
        """Maximum over one axis; NaN wins."""
        return shapes.reduce("max", self, axis, keep)

    def min(self, axis: int, keep: bool = False) -> Any:
        """Minimum over one axis; NaN wins."""
        return shapes.reduce("min", self, axis, keep)


class State(Value):
    """The opaque running softmax."""

    __slots__ = ("cols", "dtype", "rows")

    def __init__(self, rows: int, cols: int, dtype: DType, op: Op | None, block: Block) -> None:
        Value.__init__(self, state_type(rows, cols, dtype), op, block)
        self.rows = rows
        self.cols = cols
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"<{describe(self)}>"


class View(Value):
    """Device memory: an argument or a part of one. Sizes are numbers, or `index` scalars known at launch."""

    __slots__ = ("access", "argument", "dtype", "shape", "strides")

    def __init__(
        self,
        shape: Sequence[int | Scalar | None],
        strides: tuple[int | None, ...],
        dtype: DType,
        access: Access,
        argument: str,
        op: Op | None,
        block: Block,
    ) -> None:
        static = tuple([n if type(n) is int else None for n in shape])
        Value.__init__(self, view_type(static, strides, dtype), op, block)
        self.shape: tuple[Any, ...] = tuple(shape)
        self.strides = strides
        self.dtype = dtype
        self.access = access
        self.argument = argument

    def __getitem__(self, key: object) -> Any:
        return memory.narrow(self, key)

    def __getattr__(self, name: str) -> Any:
        raise no_member(describe(self), name)

    def __iter__(self) -> Iterator[Any]:
        fail(ControlError, f"iteration over a view ('{self.argument}'): write a stream over one of its axes")

    def __bool__(self) -> bool:
        fail(ControlError, f"the truth of a view ('{self.argument}'): write 'is not None' to ask for its presence")

    def __repr__(self) -> str:
        return f"<{describe(self)}>"


class Cx(tuple[Any, Any]):
    """A complex tile: a static pair of real ones. `im=None` means that it is known to be real."""

    __slots__ = ()

    def __new__(cls, re: Any, im: Any = None) -> Cx:
        return cast(Any, tuple).__new__(cls, (re, im))

    @property
    def re(self) -> Any:
        """Real part."""
        return self[0]

    @property
    def im(self) -> Any:
        """Imaginary part, or None."""
        return self[1]


Operand = Tile | Scalar
OPERAND = (Tile, Scalar)


def _operand(value: _Operand) -> Any:
    """There are no other operands than tiles and scalars."""
    return value


def shape_text(shape: Sequence[object]) -> str:
    """A shape as messages show it."""
    return f"[{', '.join(str(n) for n in shape)}]"


def describe(value: object) -> str:
    """A value as messages name it."""
    match value:
        case Tile():
            return f"tile {shape_text(value.shape)} {value.dtype}"
        case Scalar():
            return f"scalar {value.dtype}"
        case State():
            return f"softmax state [{value.rows}, {value.cols}]"
        case View():
            return f"view of '{value.argument}'"
        case _:
            text = repr(value)
            return f"Python {type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"


def like(value: Value, op: Op | None, block: Block) -> Value:
    """A fresh value of the same kind and type: a block argument or the result of a region."""
    match value:
        case Tile():
            return Tile(value.shape, value.dtype, op, block)
        case Scalar():
            return Scalar(value.dtype, op, block)
        case State():
            return State(value.rows, value.cols, value.dtype, op, block)
        case _:
            raise AssertionError(f"{describe(value)} is not carried")


# ---- making values


def tile_op(
    name: str,
    operands: Sequence[Value],
    shape: tuple[int, ...],
    dtype: DType,
    attrs: Attrs = (),
    label: str | None = None,
) -> Tile:
    """Records an op with one tile as its result."""
    op = emit(name, operands, attrs, (), label)
    tile = Tile(shape, dtype, op, current().block)
    op.results.append(tile)
    return tile


def scalar_op(name: str, operands: Sequence[Value], dtype: DType, attrs: Attrs = ()) -> Scalar:
    """Records an op with one scalar as its result. Equal index arithmetic shares a value."""
    key = (name, dtype, attrs, *[id(v) for v in operands])
    share = dtype is index and name.startswith(("arith.", "memref.dim"))
    if share:
        found = lookup_known(key)
        if found is not None:
            assert isinstance(found, Scalar)
            return found
    op = emit(name, operands, attrs)
    block = current().block
    scalar = Scalar(dtype, op, block)
    op.results.append(scalar)
    if share:
        block.known[key] = scalar
    return scalar


def _constant(key: tuple[object, ...], attr: Number | Splat | Dense, make: type[Any], *parts: object) -> Any:
    """Constants live in the entry block, equal ones once."""
    trace = current()
    if trace.failed is not None:
        raise trace.failed
    found = trace.constants.get(key)
    if found is None:
        op = Op("arith.constant", (), (("value", attr),), (), places())
        found = make(*parts, op, trace.entry)
        op.results.append(found)
        trace.constants[key] = found
        trace.constant_ops.append(op)
    return found


def constant_scalar(value: object, dtype: DType) -> Scalar:
    """A Python number as a scalar of that dtype."""
    number = as_number(value)
    if number is None:
        fail(DTypeError, f"expected a scalar {dtype}, got {describe(value)}")
    if not dtype.is_float and isinstance(number, float):
        fail(DTypeError, f"the float {number!r} beside an integer ({dtype}): cast explicitly")
    if dtype.is_float:
        number = float(number)
    else:
        _check_range(number, dtype)
    scalar: Scalar = _constant((repr(number), dtype), Number(number, dtype), Scalar, dtype)
    scalar.nonneg = number >= 0
    return scalar


def splat(shape: tuple[int, ...], value: object, dtype: DType) -> Tile:
    """A tile all of whose elements are one Python number."""
    number = as_number(value)
    if number is None:
        fail(DTypeError, f"expected a number of {dtype}, got {describe(value)}")
    if not dtype.is_float and isinstance(number, float):
        fail(DTypeError, f"the float literal {number!r} in a tile of {dtype}: cast explicitly")
    if dtype.is_float:
        number = float(number)
    else:
        _check_range(number, dtype)
    attr = Splat(number, tile_type(shape, dtype))
    return _constant((repr(number), shape, dtype), attr, Tile, shape, dtype)


def _check_range(number: Real, dtype: DType) -> None:
    if dtype is i1:
        if number not in (0, 1, -1):
            fail(DTypeError, f"{number} is no i1")
        return
    low, high = (0, 2**64) if dtype.kind is Kind.UINT else (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1))
    if not low <= number < high:
        fail(DTypeError, f"{number} is out of range of {dtype}")


def dense(array: np.ndarray[Any, Any], data: bytes, dtype: DType) -> Tile:
    """A tile of given elements."""
    shape = tuple(int(n) for n in array.shape)
    return _constant((data, shape, dtype), Dense(data, tile_type(shape, dtype)), Tile, shape, dtype)


def as_number(value: object) -> Real | None:
    """A Python or NumPy number as a Python number; None for anything else."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return cast(Any, value).item()
    return None


def static_int(value: object, what: str) -> int:
    """A static size; the error says what it is the size of."""
    if isinstance(value, _Operand):
        fail(
            StaticError,
            f"{what} must be static: a tile or const parameter, a '$' axis or a Python number",
            made_at(value, "this one is known only at launch or run time"),
        )
    number = as_number(value)
    if number is None or isinstance(number, (bool, float)):
        fail(StaticError, f"{what} is an integer, not {describe(value)}")
    return number


def static_shape(shape: object) -> tuple[int, ...]:
    """A static tile shape, from one size or several."""
    sizes = cast("tuple[Any, ...]", shape) if isinstance(shape, (tuple, list)) else (shape,)
    out = tuple(static_int(n, "a tile size") for n in sizes)
    if any(n < 1 for n in out):
        fail(ShapeError, f"a tile has sizes of at least 1, not {shape_text(out)}")
    return out


def type_of(value: Value) -> Type:
    """The IR type of a value."""
    return value.type


# Operators and classes need each other; the classes come first.
from tegula.language import elementwise, memory, shapes  # noqa: E402
