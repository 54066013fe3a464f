# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tiles and index scalars, with the shape and dtype rules of LANGUAGE 1.3.

A tile is a NumPy array with a dtype of the language. Printing one prints its numbers, so a kernel
can be inspected with `print` or a debugger where it stands. Floating point scalars are tiles of rank
0; integer scalars are `Index`, a Python int that remembers to be known at launch or run time only, so
that a tile size made of it is refused as the tracer refuses it.

`Dual` carries a value and its derivative through the same operators: it is what `tg.grad` runs on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, NoReturn
from typing import cast as typed

import numpy as np

from tegula.errors import ControlError, DTypeError, ShapeError, Site, StaticError, TegulaError
from tegula.language.dtypes import DType, Kind, i1
from tegula.testing.numpy_language.numerics import Array, Numerics, memory_dtype

_HERE = str(Path(__file__).parent)


def author_site() -> tuple[Site, ...]:
    """Places of the author's frames that led here, innermost first, up to the evaluation's own."""
    sites: list[Site] = []
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_HERE):
            if sites:
                break
        else:
            positions = list(code.co_positions())
            at = frame.f_lasti // 2
            line, end, column, end_column = positions[at] if at < len(positions) else (frame.f_lineno, None, 0, 0)
            line = line or frame.f_lineno
            sites.append(Site(code.co_filename, line, column or 0, end or line, end_column or 0, code.co_name))
        frame = frame.f_back
    return tuple(sites)


def fail(kind: type[TegulaError], message: str) -> NoReturn:
    """Raises an error of the language at the author's line."""
    raise kind(message, author_site())


class Index(int):
    """An integer scalar that is known at launch or run time: arithmetic keeps it so."""

    def __add__(self, other: int, /) -> Any:
        return _index(int.__add__(self, other))

    def __radd__(self, other: int, /) -> Any:
        return _index(int.__radd__(self, other))

    def __sub__(self, other: int, /) -> Any:
        return _index(int.__sub__(self, other))

    def __rsub__(self, other: int, /) -> Any:
        return _index(int.__rsub__(self, other))

    def __mul__(self, other: int, /) -> Any:
        return _index(int.__mul__(self, other))

    def __rmul__(self, other: int, /) -> Any:
        return _index(int.__rmul__(self, other))

    def __floordiv__(self, other: int, /) -> Any:
        return _index(int.__floordiv__(self, other))

    def __rfloordiv__(self, other: int, /) -> Any:
        return _index(int.__rfloordiv__(self, other))

    def __mod__(self, other: int, /) -> Any:
        return _index(int.__mod__(self, other))

    def __rmod__(self, other: int, /) -> Any:
        return _index(int.__rmod__(self, other))

    def __neg__(self) -> Any:
        return Index(int.__neg__(self))


def _index(value: Any) -> Any:
    return value if value is NotImplemented else Index(value)


def static_size(n: object, what: str) -> int:
    """A size known while tracing, at least 1."""
    if isinstance(n, Index):
        fail(StaticError, f"{what} must be static: it comes from a tile or const parameter, a `$` dim or a number")
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        fail(StaticError, f"{what} must be an integer, got {type(n).__name__}")
    if n < 1:
        fail(ShapeError, f"{what} is {n}: a tile size is at least 1")
    return int(typed("int", n))


class Domain(Enum):
    """The dtypes that an operator takes."""

    ANY = auto()
    NUMBER = auto()  # not i1
    FLOAT = auto()
    INTEGER = auto()
    BITS = auto()  # integers and i1


@dataclass(frozen=True, slots=True)
class Operator:
    """An elementwise operator of two operands."""

    symbol: str
    function: Callable[[Any, Any], Any]
    domain: Domain
    compares: bool = False


ADD = Operator("+", np.add, Domain.NUMBER)
SUB = Operator("-", np.subtract, Domain.NUMBER)
MUL = Operator("*", np.multiply, Domain.NUMBER)
DIV = Operator("/", np.divide, Domain.FLOAT)
FLOORDIV = Operator("//", np.floor_divide, Domain.NUMBER)
MOD = Operator("%", np.mod, Domain.NUMBER)
AND = Operator("&", np.bitwise_and, Domain.BITS)
OR = Operator("|", np.bitwise_or, Domain.BITS)
XOR = Operator("^", np.bitwise_xor, Domain.BITS)
SHL = Operator("<<", np.left_shift, Domain.INTEGER)
SHR = Operator(">>", np.right_shift, Domain.INTEGER)
LT = Operator("<", np.less, Domain.ANY, True)
LE = Operator("<=", np.less_equal, Domain.ANY, True)
GT = Operator(">", np.greater, Domain.ANY, True)
GE = Operator(">=", np.greater_equal, Domain.ANY, True)
EQ = Operator("==", np.equal, Domain.ANY, True)
NE = Operator("!=", np.not_equal, Domain.ANY, True)
MAXIMUM = Operator("maximum", np.maximum, Domain.ANY)  # NaN if either is
MINIMUM = Operator("minimum", np.minimum, Domain.ANY)

Literal = int | float | np.number[Any] | np.bool_


class Value:
    """Operators shared by tiles and duals."""

    __array_ufunc__ = None  # NumPy scalars defer to the methods below
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __add__(self, other: Any) -> Any:
        return elementwise(ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return elementwise(ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return elementwise(SUB, self, other)

    def __rsub__(self, other: Any) -> Any:
        return elementwise(SUB, other, self)

    def __mul__(self, other: Any) -> Any:
        return elementwise(MUL, self, other)

    def __rmul__(self, other: Any) -> Any:
        return elementwise(MUL, other, self)

    def __truediv__(self, other: Any) -> Any:
        return elementwise(DIV, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise(DIV, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return elementwise(FLOORDIV, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return elementwise(FLOORDIV, other, self)

    def __mod__(self, other: Any) -> Any:
        return elementwise(MOD, self, other)

    def __rmod__(self, other: Any) -> Any:
        return elementwise(MOD, other, self)

    def __and__(self, other: Any) -> Any:
        return elementwise(AND, self, other)

    def __rand__(self, other: Any) -> Any:
        return elementwise(AND, other, self)

    def __or__(self, other: Any) -> Any:
        return elementwise(OR, self, other)

    def __ror__(self, other: Any) -> Any:
        return elementwise(OR, other, self)

    def __xor__(self, other: Any) -> Any:
        return elementwise(XOR, self, other)

    def __rxor__(self, other: Any) -> Any:
        return elementwise(XOR, other, self)

    def __lshift__(self, other: Any) -> Any:
        return elementwise(SHL, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return elementwise(SHL, other, self)

    def __rshift__(self, other: Any) -> Any:
        return elementwise(SHR, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return elementwise(SHR, other, self)

    def __lt__(self, other: Any) -> Any:
        return elementwise(LT, self, other)

    def __le__(self, other: Any) -> Any:
        return elementwise(LE, self, other)

    def __gt__(self, other: Any) -> Any:
        return elementwise(GT, self, other)

    def __ge__(self, other: Any) -> Any:
        return elementwise(GE, self, other)

    def __eq__(self, other: object) -> Any:
        return elementwise(EQ, self, other)

    def __ne__(self, other: object) -> Any:
        return elementwise(NE, self, other)

    def __neg__(self) -> Any:
        return elementwise(SUB, -0.0 if dtype_of(self).is_float else 0, self)

    def __abs__(self) -> Any:
        from tegula.testing.numpy_language.math import absolute  # functions are built on values

        return absolute(self)

    def __pow__(self, other: Any) -> NoReturn:
        fail(ControlError, "`**` does not act on tiles: write a product, or exp and log")

    def __matmul__(self, other: Any) -> NoReturn:
        fail(ControlError, "`@` does not act on tiles: write tg.dot")

    def __iter__(self) -> Iterator[Any]:
        fail(ControlError, "a tile cannot be iterated over: write static slices")

    def __contains__(self, item: object) -> NoReturn:
        fail(ControlError, "`in` does not act on tiles")


class Tile(Value):
    """An immutable array of static shape with a dtype of the language; rank 0 is a scalar."""

    __slots__ = ("_dtype", "data", "numerics")

    def __init__(self, data: Array, dtype: DType, numerics: Numerics) -> None:
        self.data: Array = np.asarray(data).astype(numerics.storage(dtype), copy=False)
        self._dtype = dtype
        self.numerics = numerics

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.data.shape)
        return f"tile<{shape}{'x' if shape else ''}{self._dtype}>\n{self.data}"

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Static shape."""
        return self.data.shape

    def like(self, data: Array, dtype: DType | None = None) -> Tile:
        """A tile of the same evaluation."""
        return Tile(data, dtype or self._dtype, self.numerics)

    def wide(self) -> Array:
        """The numbers in the dtype in which one operation computes."""
        return self.data.astype(self.numerics.compute(self._dtype), copy=False)

    def __getitem__(self, key: Any) -> Tile:
        keys = typed("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
        axis = 0
        for k in keys:
            if k is None:
                continue
            if not isinstance(k, slice):
                fail(
                    StaticError, "a tile is indexed by None and static slices only: write 0:1 to keep an axis of size 1"
                )
            if axis >= len(self.shape):
                fail(ShapeError, f"too many slices for a tile of rank {len(self.shape)}")
            cut = typed("slice[Any, Any, Any]", k)
            for bound in (cut.start, cut.stop):
                if isinstance(bound, Index | Value):
                    fail(StaticError, "the bounds of a tile's slice must be static")
                if bound is not None and not -self.shape[axis] <= bound <= self.shape[axis]:
                    fail(ShapeError, f"slice bound {bound} outside an axis of size {self.shape[axis]}")
            if cut.step is not None:
                fail(StaticError, "a tile's slice has no step")
            if len(range(*cut.indices(self.shape[axis]))) == 0:
                fail(ShapeError, f"slice {cut.start}:{cut.stop} of an axis of size {self.shape[axis]} is empty")
            axis += 1
        return self.like(self.data[keys])

    @property
    def T(self) -> Tile:
        """Last two axes swapped."""
        if len(self.shape) < 2:
            fail(ShapeError, f".T of a tile of rank {len(self.shape)}")
        return self.like(np.swapaxes(self.data, -1, -2))

    def permute(self, *axes: int) -> Tile:
        """Axis i of the result is axis `axes[i]`."""
        if sorted(axes) != list(range(len(self.shape))):
            fail(ShapeError, f"permute{axes} of a tile of rank {len(self.shape)}")
        return self.like(self.data.transpose(axes))

    def reshape(self, *shape: int) -> Tile:
        """The same elements in row-major order."""
        sizes = tuple(static_size(n, "a tile size") for n in shape)
        if int(np.prod(sizes, dtype=np.int64)) != self.data.size:
            fail(ShapeError, f"reshape of {list(self.shape)} to {list(sizes)}: numbers of elements differ")
        return self.like(self.data.reshape(sizes))

    def bitcast(self, dtype: object) -> Tile:
        """The same bits as another dtype of that width."""
        dtype = concrete(dtype, self.numerics)
        if dtype.bits != self._dtype.bits:
            fail(DTypeError, f"bitcast of {self._dtype} to {dtype}: the sizes differ")
        bits = np.ascontiguousarray(self.data.astype(memory_dtype(self._dtype)))
        return self.like(bits.view(memory_dtype(dtype)), dtype)

    def to(self, dtype: object) -> Tile:
        """Conversion, to nearest even; floats to integers truncate."""
        target = concrete(dtype, self.numerics)
        return self if target is self._dtype else self.like(self.wide(), target)

    def sum(self, axis: int, keep: bool = False) -> Tile:
        """Sum along one axis. f16 and bf16 add in f32 and round once."""
        return self._reduce(np.add.reduce, axis, keep)

    def max(self, axis: int, keep: bool = False) -> Tile:
        """Maximum along one axis; NaN if one is."""
        return self._reduce(np.maximum.reduce, axis, keep)

    def min(self, axis: int, keep: bool = False) -> Tile:
        """Minimum along one axis; NaN if one is."""
        return self._reduce(np.minimum.reduce, axis, keep)

    def _reduce(self, function: Callable[..., Any], axis: int, keep: bool) -> Tile:
        if self._dtype is i1:
            fail(DTypeError, "a reduction of i1: convert to an integer first")
        axis = normal_axis(axis, len(self.shape))
        return self.like(function(self.wide(), axis=axis, keepdims=keep))

    def __invert__(self) -> Tile:
        if self._dtype.is_float:
            fail(DTypeError, f"`~` of {self._dtype}")
        return self.like(~self.data)

    def _scalar(self, what: str) -> Any:
        if self.data.ndim:
            fail(ControlError, f"{what} of a tile: it holds {self.data.size} values at run time")
        return self.data.item() if self._dtype.bits != 16 else float(self.data)

    def __bool__(self) -> bool:
        return bool(self._scalar("the truth"))

    def __index__(self) -> int:
        if self._dtype.is_float:
            fail(DTypeError, f"{self._dtype} where an integer is needed: cast explicitly")
        return int(self._scalar("an integer"))

    def __float__(self) -> float:
        fail(ControlError, "float() of a value of run time: write tg.cast")

    def __len__(self) -> int:
        if not self.shape:
            fail(ControlError, "len() of a scalar")
        return self.shape[0]


class Dual(Value):
    """A value and its derivative in direction of one input: forward-mode differentiation.

    Each use of `tg.grad` has a `level`, later ones higher; to a level, duals of lower levels are
    constants, so nested derivatives do not mix (d/dx x·d/dy(x + y) is 1).
    """

    __slots__ = ("derivative", "level", "value")

    def __init__(self, value: Any, derivative: Any, level: int) -> None:
        self.value = value
        self.derivative = derivative  # same shape as value, or the number 0
        self.level = level

    @property
    def dtype(self) -> DType:
        """Element type of the value."""
        return dtype_of(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Static shape of the value."""
        return self.value.shape

    def map(self, f: Callable[[Any], Any]) -> Dual:
        """A linear function of the value acts on the derivative likewise."""
        return Dual(f(self.value), self.derivative if is_zero(self.derivative) else f(self.derivative), self.level)

    def __getitem__(self, key: Any) -> Dual:
        return self.map(lambda x: x[key])

    @property
    def T(self) -> Dual:
        """Last two axes swapped."""
        return self.map(lambda x: x.T)

    def reshape(self, *shape: int) -> Dual:
        """The same elements in row-major order."""
        return self.map(lambda x: x.reshape(*shape))

    def permute(self, *axes: int) -> Dual:
        """Axis i of the result is axis `axes[i]`."""
        return self.map(lambda x: x.permute(*axes))

    def to(self, dtype: object) -> Dual:
        """Conversion."""
        return self.map(lambda x: x.to(dtype))

    def sum(self, axis: int, keep: bool = False) -> Dual:
        """Sum along one axis."""
        return self.map(lambda x: x.sum(axis, keep))


def concrete(dtype: object, numerics: Numerics) -> DType:
    """The dtype that a name of the language stands for in this launch."""
    found = numerics.resolve(dtype)
    if found is None:
        fail(DTypeError, f"{dtype!r} is no dtype, or a variable that no argument binds")
    return found


def is_zero(derivative: Any) -> bool:
    """Whether a derivative is the number 0: the value does not depend on the input."""
    return isinstance(derivative, int | float) and derivative == 0


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from 0, checked."""
    if not -rank <= axis < rank:
        fail(ShapeError, f"axis {axis} of a tile of rank {rank}")
    return axis % rank


def dtype_of(x: Any) -> DType:
    """Element type of a tile or dual."""
    return x.dtype


def literal(x: Any, dtype: DType) -> Any:
    """A Python number beside a value of `dtype`, checked: literals take the tile's dtype."""
    if isinstance(x, np.generic):
        x = typed("Any", x).item()
    if isinstance(x, bool):
        if dtype is not i1:
            fail(DTypeError, f"a bool beside {dtype}: cast explicitly")
        return x
    if isinstance(x, int):
        if dtype.is_float:
            if isinstance(x, Index):
                fail(DTypeError, f"an index beside {dtype}: write tg.cast(x, {dtype})")
            return x
        if dtype is i1:
            fail(DTypeError, "an integer beside i1: cast explicitly")
        low, high = (0, 2**64 - 1) if dtype.kind is Kind.UINT else (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1)
        if not low <= x <= high:
            fail(DTypeError, f"{x} does not fit {dtype}")
        return int(x)
    if isinstance(x, float):
        if not dtype.is_float:
            fail(DTypeError, f"the float {x!r} beside {dtype}: cast explicitly")
        return x
    fail(DTypeError, f"{typed('type[Any]', type(x)).__name__} is no operand of a tile")


def stretched(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of elementwise operands: equal ranks, size 1 stretches, scalars go with anything."""
    ranked = [s for s in shapes if s]
    if not ranked:
        return ()
    first = ranked[0]
    for other in ranked[1:]:
        if len(other) != len(first):
            low = first if len(first) < len(other) else other
            hint = "x[:, None] or x[None, :]" if len(low) == 1 else "x[None]"
            fail(ShapeError, f"ranks differ: {list(first)} and {list(other)}; insert an axis, such as {hint}")
        merged: list[int] = []
        for p, q in zip(first, other, strict=True):
            if p != q and 1 not in (p, q):
                fail(ShapeError, f"sizes differ: {list(first)} and {list(other)}")
            merged.append(max(p, q))
        first = tuple(merged)
    return first


def operands(what: str, *xs: Any) -> tuple[Tile, list[Any]]:
    """Checks dtypes and shapes of elementwise operands; the model tile, and the arrays or numbers."""
    tiles = [x for x in xs if isinstance(x, Tile)]
    if not tiles:
        fail(DTypeError, f"{what} needs a tile among its operands")
    model = tiles[0]
    for t in tiles[1:]:
        if t.dtype is not model.dtype:
            fail(DTypeError, f"{what} of {model.dtype} and {t.dtype}: cast one side explicitly")
    stretched(*(t.shape for t in tiles))
    return model, [x.wide() if isinstance(x, Tile) else literal(x, model.dtype) for x in xs]


def _in_domain(domain: Domain, dtype: DType) -> bool:
    match domain:
        case Domain.ANY:
            return True
        case Domain.NUMBER:
            return dtype is not i1
        case Domain.FLOAT:
            return dtype.is_float
        case Domain.INTEGER:
            return not dtype.is_float and dtype is not i1
        case Domain.BITS:
            return not dtype.is_float


def elementwise(op: Operator, x: Any, y: Any) -> Any:
    """One operator on two operands, at least one of them a tile or a dual."""
    if isinstance(x, Dual) or isinstance(y, Dual):
        return _dual(op, x, y)
    model, (a, b) = operands(f"`{op.symbol}`", x, y)
    if not _in_domain(op.domain, model.dtype):
        hint = ": write //" if op is DIV else ""
        fail(DTypeError, f"`{op.symbol}` does not act on {model.dtype}{hint}")
    if op in (FLOORDIV, MOD) and not model.dtype.is_float and np.any(np.asarray(b) == 0):
        fail(ControlError, f"`{op.symbol}` by zero")
    return model.like(op.function(a, b), i1 if op.compares else model.dtype)


def top_level(*xs: Any) -> int:
    """The highest level among duals; there is at least one."""
    return max(x.level for x in xs if isinstance(x, Dual))


def parts(x: Any, level: int) -> tuple[Any, Any]:
    """Value and derivative as one level sees them."""
    return (x.value, x.derivative) if isinstance(x, Dual) and x.level == level else (x, 0)


def plus(x: Any, y: Any) -> Any:
    """Sum of two derivatives, either of which may be the number 0."""
    return y if is_zero(x) else x if is_zero(y) else x + y


def times(x: Any, derivative: Any) -> Any:
    """Product of a value and a derivative, which may be the number 0."""
    return 0 if is_zero(derivative) else x * derivative


def _dual(op: Operator, x: Any, y: Any) -> Any:
    level = top_level(x, y)
    (a, da), (b, db) = parts(x, level), parts(y, level)
    value = elementwise(op, a, b) if isinstance(a, Value) or isinstance(b, Value) else op.function(a, b)
    if op.compares:
        return value
    if op is ADD:
        slope = plus(da, db)
    elif op is SUB:
        slope = plus(da, 0 if is_zero(db) else -db)
    elif op is MUL:
        slope = plus(times(b, da), times(a, db))
    elif op is DIV:
        slope = plus(0 if is_zero(da) else da / b, 0 if is_zero(db) else -(value / b) * db)
    elif is_zero(da) and is_zero(db):
        slope = 0
    else:
        fail(ControlError, f"`{op.symbol}` has no derivative")
    return Dual(value, slope, level)


def as_scalar(x: Any, dtype: DType, numerics: Numerics) -> Any:
    """A scalar of the language: `Index` for integers, a tile of rank 0 for floats."""
    if dtype.is_float:
        return Tile(np.asarray(float(x)), dtype, numerics)
    return bool(x) if dtype is i1 else Index(x)
