# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a program becomes when it is recorded: launches, allocations and guards, then ops."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tegula._compiler.ops import (
    Arg,
    Args,
    Attrs,
    Block,
    DenseViewType,
    Int,
    Ints,
    Number,
    Op,
    Places,
    Segments,
    Str,
    Symbol,
    Value,
    drop_dead,
)
from tegula._frontend.arrays import Array, Spec, contiguous, dtype_of, framework_of, numpy_dtype, torch_dtype
from tegula._frontend.signature import bind
from tegula._frontend.sizes import Formula, Guard, Real, Size, formula_of
from tegula._frontend.specialise import specialise
from tegula._frontend.trace import places
from tegula.errors import LaunchError
from tegula.language.annotations import Access, ScalarSpec, Static, ViewSpec
from tegula.language.dtypes import DType, DTypeVar, acc_of, f64, i1, i64, index
from tegula.language.values import Scalar, View

_DYNAMIC = -(1 << 63)  # MLIR's mark for "given by an operand"


class Host:
    """Where a running program allocates: the kind of array of its arguments, and its dtype variables."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.framework = next((f for f in map(framework_of, values) if f is not None), "numpy")
        # The first tensor says where; launches refuse arrays that are elsewhere.
        self.tensor = next((v for v in values if framework_of(v) == "torch"), None)
        first = next((d for d in (dtype_of(v, "argument") for v in values) if d.is_float), None)
        self.dtypes = {} if first is None else {"T": first, "A": acc_of(first)}

    def resolve(self, dtype: Any) -> DType:
        if isinstance(dtype, DType):
            return dtype
        if isinstance(dtype, DTypeVar):
            found = self.dtypes.get(dtype.name)
            if found is None:
                raise LaunchError(f"dtype variable {dtype.name} is not bound: no argument is a float array")
            return found
        raise LaunchError(f"expected a dtype, got {dtype!r}")

    def empty(self, shape: Sequence[int], dtype: Any, label: str) -> Any:
        type_ = self.resolve(dtype)
        if self.framework == "torch":
            device = None if self.tensor is None else self.tensor.device
            return sys.modules["torch"].empty(tuple(shape), dtype=torch_dtype(type_), device=device)
        return np.empty(tuple(shape), numpy_dtype(type_))


class ShapesOnly(Host):
    """Allocates, and takes launches without doing anything: for the shapes of results alone.

    Arguments may be fake tensors, sizes may be symbols: both belong to PyTorch.
    """

    def launch(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Nothing runs."""


@dataclass(eq=False)
class HostArray:
    """An array of a program that is being recorded."""

    name: str
    shape: tuple[Any, ...]
    dtype: DType
    array: Array
    value: Value | None = None


@dataclass(frozen=True, eq=False)
class Stretched:
    """An array of which a launch sees some axes of size 1 at another size, all of it one element."""

    array: HostArray
    sizes: tuple[Any, ...]  # of the stretched axes; None where an axis is as it is


class Recording(Host):
    """Collects allocations, launches and guards of one run."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(values)
        self.guards: list[Guard] = []
        self.allocated: list[HostArray] = []
        self.launches: list[tuple[str, list[tuple[Any, DType | None]], Places]] = []
        self.kernels: dict[str, tuple[str, Op]] = {}  # text without its name -> (symbol, op)
        self.symbols: dict[str, int] = {}

    def note(self, guard: Guard) -> None:
        if guard not in self.guards and not _constant(guard.formula):
            self.guards.append(guard)

    def empty(self, shape: Sequence[int], dtype: Any, label: str) -> Any:
        type_ = self.resolve(dtype)
        sizes = tuple(int(n) for n in shape)
        array = Array(type_, sizes, contiguous(sizes), 0, None, True, False, "spec")
        made = HostArray(f"{label}{len(self.allocated)}", tuple(shape), type_, array)
        self.allocated.append(made)
        return made

    def launch(self, kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Records one launch of a kernel."""
        signature = kernel.signature
        handles: dict[str, Any] = {}
        plain = {name: _spec(value) for name, value in kwargs.items()}
        bound = bind(signature, args, plain)
        for p in signature.parameters:
            value = kwargs.get(p.name)
            if isinstance(p.spec, ScalarSpec):
                handles[p.name] = bound.values[p.name] if value is None else value
            elif isinstance(p.spec, ViewSpec):
                handles[p.name] = value
            elif not isinstance(p.spec, Static):
                handles.update({path: getattr(value, path.split(".")[1], None) for path in p.views})
        views = {name: spec for name, spec in signature.arguments if name in bound.arrays}
        for name, spec in views.items():
            self._check_view(name, handles[name], spec)
        handles |= {name: self._stretched(name, handles, bound.arrays[name].array, views) for name in views}
        name, scalars = self._kernel(kernel, bound)
        operands = [
            (handles[n], scalars.get(n)) for n, _ in signature.arguments if n in bound.arrays or n in bound.scalars
        ]
        self.launches.append((name, operands, places()))

    def _check_view(self, name: str, handle: Any, spec: ViewSpec) -> None:
        if not isinstance(handle, HostArray):
            raise LaunchError(f"'{name}' is an array that the program did not get as an argument or allocate")
        for dim, size in zip(spec.dims, handle.shape):
            if dim.static and isinstance(size, Size):
                self.note(Guard(Formula("==", (size.formula, Formula("const", (int(size),)))), True))

    def _stretched(self, name: str, handles: dict[str, Any], bound: Array, views: dict[str, ViewSpec]) -> Any:
        """The array as the launch sees it. That an axis of it is 1, or is not, is a guard."""
        handle: HostArray = handles[name]
        sizes: list[Any] = []
        for dim, have, seen in zip(views[name].dims, handle.shape, bound.shape):
            if dim.stretch and isinstance(have, Size):
                self.note(Guard(Formula("==", (have.formula, Formula("const", (1,)))), int(have) == 1))
            sizes.append(None if int(have) == seen else self._size_of(dim.name, handles, views))
        return Stretched(handle, tuple(sizes)) if any(n is not None for n in sizes) else handle

    def _size_of(self, name: str, handles: dict[str, Any], views: dict[str, ViewSpec]) -> Any:
        """The size that an axis of that name has where it is not stretched."""
        for other, spec in views.items():
            array = handles[other].array if isinstance(handles[other], Stretched) else handles[other]
            for dim, size in zip(spec.dims, array.shape):
                if dim.name == name and not dim.stretch:
                    return size
        return next(
            size
            for other, spec in views.items()
            for dim, size in zip(spec.dims, handles[other].shape)
            if dim.name == name and int(size) != 1
        )

    def _kernel(self, kernel: Any, bound: Any) -> tuple[str, dict[str, DType]]:
        found = specialise(kernel.fn, kernel.signature, bound, options=kernel.options())
        known = self.kernels.get(found.text.plain)
        if known is not None:
            return known[0], found.scalars
        count = self.symbols.get(kernel.name, 0)
        self.symbols[kernel.name] = count + 1
        symbol = f"{kernel.name}_{count}" if count else kernel.name
        if count:
            named = specialise(kernel.fn, kernel.signature, bound, symbol, kernel.options())
            self.kernels[found.text.plain] = (symbol, named.op)
        else:
            self.kernels[found.text.plain] = (symbol, found.op)
        return symbol, found.scalars


def _constant(formula: Formula) -> bool:
    return formula.op == "const" or (formula.op not in ("dim", "scalar") and all(_constant(a) for a in formula.args))


def _spec(value: Any) -> Any:
    """A handle as the array that binding looks at."""
    if isinstance(value, HostArray):
        a = value.array
        return Spec(a.shape, a.dtype, a.strides)
    if isinstance(value, Size):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return value


# ---- from a recording to a program


class Writer:
    """Writes the recorded program as ops."""

    def __init__(self, name: str, recording: Recording) -> None:
        self.name = name
        self.recording = recording
        self.entry = Block()
        self.block = self.entry
        self.args: list[Arg] = []
        self.known: dict[Formula, Value] = {}
        self.arrays: dict[str, Value] = {}
        self.scalars: dict[str, Scalar] = {}

    def argument(self, handle: HostArray, access: Access) -> None:
        rank = len(handle.shape)
        view = View((None,) * rank, (None,) * rank, handle.dtype, access, handle.name, None, self.entry)
        self.entry.args.append(view)
        self.args.append(Arg(access.value, handle.name))
        self.arrays[handle.name] = view
        handle.value = view

    def scalar(self, name: str, dtype: DType) -> None:
        scalar = Scalar(dtype, None, self.entry)
        self.entry.args.append(scalar)
        self.args.append(Arg("value", name))
        self.scalars[name] = scalar

    def op(self, name: str, operands: Sequence[Value], dtype: DType, attrs: Any = ()) -> Scalar:
        op = Op(name, operands, attrs)
        self.block.ops.append(op)
        scalar = Scalar(dtype, op, self.block)
        op.results.append(scalar)
        return scalar

    def formula(self, formula: Formula) -> Scalar:
        found = self.known.get(formula)
        if found is None:
            found = self.known[formula] = self._formula(formula)
        assert isinstance(found, Scalar)
        return found

    def _formula(self, formula: Formula) -> Scalar:
        match formula:
            case Formula("const", (value,)):
                dtype = index if isinstance(value, int) else f64
                return self.op("arith.constant", (), dtype, (("value", Number(value, dtype)),))
            case Formula("dim", (name, axis)):
                return self.op("memref.dim", (self.arrays[name], self.formula(Formula("const", (axis,)))), index)
            case Formula("scalar", (name,)):
                return self.scalars[name]
            case Formula(op, (a, b)):
                return self._arithmetic(op, self.formula(a), self.formula(b))
            case _:
                raise AssertionError(f"formula {formula}")

    def _arithmetic(self, op: str, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype is not y.dtype:
            x, y = self.convert(x, f64), self.convert(y, f64)
        real = x.dtype.is_float
        if op in _COMPARE:
            predicate = _COMPARE[op][real]
            return self.op(f"arith.cmp{'f' if real else 'i'}", (x, y), i1, (("predicate", Int(predicate)),))
        if op == "%":
            quotient = self.op("arith.floordivsi", (x, y), index)
            return self.op("arith.subi", (x, self.op("arith.muli", (quotient, y), index)), index)
        names = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordivs"}
        return self.op(f"arith.{names[op]}{'f' if real else 'i'}", (x, y), x.dtype)

    def convert(self, x: Scalar, dtype: DType) -> Scalar:
        """A program's number in the dtype that a kernel's argument has."""
        if x.dtype is dtype:
            return x
        if not x.dtype.is_float and dtype.is_float:
            x = self.op("arith.sitofp", (self.op("arith.index_cast", (x,), i64),), f64)
            return self.convert(x, dtype)
        if x.dtype.is_float and dtype.is_float:
            return self.op("arith.truncf" if dtype.bits < x.dtype.bits else "arith.extf", (x,), dtype)
        if x.dtype.is_float:
            raise LaunchError(f"a float is passed to an argument of {dtype}")
        return self.op("arith.index_cast", (x,), dtype)

    def guards(self) -> list[Value]:
        out: list[Value] = []
        for guard in self.recording.guards:
            value = self.formula(guard.formula)
            if not guard.holds:
                true = self.op("arith.constant", (), i1, (("value", Number(True, i1)),))
                value = self.op("arith.xori", (value, true), i1)
            out.append(value)
        return out

    def workspace(self, handle: HostArray) -> None:
        sizes = [self.formula(formula_of(n)) for n in handle.shape]
        op = Op("tegula.workspace", sizes)
        self.block.ops.append(op)
        view = _dense_view(handle, op, self.block)
        op.results.append(view)
        handle.value = view

    def stretched(self, handle: Stretched) -> Value:
        """A view of the array with stride 0 along its stretched axes."""
        source = handle.array.value
        assert source is not None
        sizes = [self.formula(formula_of(b if a is None else a)) for a, b in zip(handle.sizes, handle.array.shape)]
        rank = len(sizes)
        steps = tuple(1 if n is None else 0 for n in handle.sizes)
        attrs: Attrs = (
            ("operandSegmentSizes", Segments((1, 0, rank, 0))),
            ("static_offsets", Ints((0,) * rank)),
            ("static_sizes", Ints((_DYNAMIC,) * rank)),
            ("static_strides", Ints(steps)),
        )
        op = Op("memref.subview", [source, *sizes], attrs)
        self.block.ops.append(op)
        strides = tuple(None if n else 0 for n in steps)
        view = View((None,) * rank, strides, handle.array.dtype, Access.IN, handle.array.name, op, self.block)
        op.results.append(view)
        return view

    def launches(self) -> None:
        for name, operands, at in self.recording.launches:
            values: list[Value] = []
            for handle, dtype in operands:
                if isinstance(handle, Stretched):
                    values.append(self.stretched(handle))
                elif isinstance(handle, HostArray):
                    assert handle.value is not None
                    values.append(handle.value)
                else:
                    assert dtype is not None
                    values.append(self.convert(self.formula(formula_of(handle)), dtype))
            self.block.ops.append(Op("tegula.launch", values, (("kernel", Symbol(name)),), (), at))

    def write(self, returned: list[HostArray]) -> Op:
        guards = self.guards()
        variant = None
        if guards:
            body = Block(self.entry)
            variant = Op("tegula.variant", guards, (), (body,))
            self.entry.ops.append(variant)
            self.block = body
        for handle in self.recording.allocated:
            if handle not in returned:
                self.workspace(handle)
        self.launches()
        if variant is not None:
            self.block.ops.append(Op("tegula.yield"))
        self.entry.ops.append(Op("tegula.return"))
        drop_dead(self.entry)
        attrs = (("args", Args(tuple(self.args))), ("sym_name", Str(self.name)))
        return Op("tegula.program", (), attrs, (self.entry,))


_COMPARE = {"==": (0, 1), "!=": (1, 13), "<": (2, 4), "<=": (3, 5), ">": (4, 2), ">=": (5, 3)}


def _dense_view(handle: HostArray, op: Op, block: Block) -> Value:
    return Value(DenseViewType(len(handle.shape), handle.dtype), op, block)
