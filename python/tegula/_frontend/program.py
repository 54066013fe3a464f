# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`@tg.program`: a host function of allocations, launches and arithmetic on sizes.

Called, it runs: `tg.empty` allocates an array of the kind that the arguments have, kernels launch.
Recorded (`ir`), it becomes a `tegula.program`: arguments, guards, workspace and launches, the unit
that is shipped. Arrays that it returns or saves are `out` arguments there; the others are workspace.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType
from typing import Any, cast

import numpy as np

from tegula._compiler.ops import Arg, Args, Block, DenseViewType, Int, Number, Op, Places, Str, Symbol, Value, drop_dead
from tegula._compiler.text import Text, print_module
from tegula._frontend.arrays import Array, Spec, contiguous, describe, numpy_dtype, torch_dtype
from tegula._frontend.signature import bind
from tegula._frontend.sizes import Formula, Guard, Real, Size, formula_of
from tegula._frontend.specialise import specialise
from tegula._frontend.trace import INTERCEPT, places, sites
from tegula.errors import KernelError, LaunchError, UnsupportedError
from tegula.language.annotations import Access, ScalarSpec, Static, ViewSpec
from tegula.language.dtypes import DType, DTypeVar, acc_of, f64, i1, i64, index
from tegula.language.values import Scalar, View


class Saved(tuple[Any, ...]):
    """What a program keeps for its derivative."""

    __slots__ = ()


def save(*arrays: Any) -> Saved:
    """Marks the arrays that the derivative needs; the last value that a program returns."""
    return Saved(arrays)


# ---- allocation


class _Host:
    """Where a running program allocates: the kind of array of its arguments, and its dtype variables."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.framework = next((a.framework for a in arrays if a.framework != "spec"), "numpy")
        first = next((a.dtype for a in arrays if a.dtype.is_float), None)
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
            return sys.modules["torch"].empty(tuple(shape), dtype=torch_dtype(type_))
        return np.empty(tuple(shape), numpy_dtype(type_))


_HOST: ContextVar[_Host | None] = ContextVar("tegula_host", default=None)


def _host(what: str) -> _Host:
    host = _HOST.get()
    if host is None:
        raise KernelError(f"tg.{what} outside a program")
    return host


def empty(shape: Any, dtype: Any) -> Any:
    """An uninitialised array of the kind that the program's arguments have."""
    return _host("empty").empty(tuple(shape), dtype, "t")


def empty_like(x: Any, shape: Any = None) -> Any:
    """An uninitialised array with the dtype of `x`, and its shape unless another is given."""
    host = _host("empty_like")
    if isinstance(x, HostArray):
        return host.empty(x.shape if shape is None else tuple(shape), x.dtype, "t")
    array = describe(x, "x")
    return host.empty(array.shape if shape is None else tuple(shape), array.dtype, "t")


# ---- recording


@dataclass(eq=False)
class HostArray:
    """An array of a program that is being recorded."""

    name: str
    shape: tuple[Any, ...]
    dtype: DType
    array: Array
    value: Value | None = None


class Recording(_Host):
    """Collects allocations, launches and guards of one run."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        super().__init__(arrays)
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
        operands: list[tuple[Any, DType | None]] = []
        for name, spec in signature.arguments:
            if name in bound.arrays:
                self._check_view(name, handles[name], bound.arrays[name].array, spec)
                operands.append((handles[name], None))
        name, scalars = self._kernel(kernel, bound)
        operands = [
            (handles[n], scalars.get(n)) for n, _ in signature.arguments if n in bound.arrays or n in bound.scalars
        ]
        self.launches.append((name, operands, places()))

    def _check_view(self, name: str, handle: Any, array: Array, spec: Any) -> None:
        if not isinstance(handle, HostArray):
            raise LaunchError(f"'{name}' is an array that the program did not get as an argument or allocate")
        if array.shape != handle.array.shape:
            raise UnsupportedError(f"'{name}' is stretched: a recorded program cannot do that yet")
        for dim, size in zip(spec.dims, handle.shape):
            if dim.static and isinstance(size, Size):
                self.note(Guard(Formula("==", (size.formula, Formula("const", (int(size),)))), True))

    def _kernel(self, kernel: Any, bound: Any) -> tuple[str, dict[str, DType]]:
        found = specialise(kernel.fn, kernel.signature, bound)
        known = self.kernels.get(found.text.plain)
        if known is not None:
            return known[0], found.scalars
        count = self.symbols.get(kernel.name, 0)
        self.symbols[kernel.name] = count + 1
        symbol = f"{kernel.name}_{count}" if count else kernel.name
        if count:
            named = specialise(kernel.fn, kernel.signature, bound, symbol)
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


class _Writer:
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

    def launches(self) -> None:
        for name, operands, at in self.recording.launches:
            values: list[Value] = []
            for handle, dtype in operands:
                if isinstance(handle, HostArray):
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


class Program:
    """A host function that runs, and that can be recorded."""

    def __init__(self, fn: FunctionType) -> None:
        self.fn = fn
        self.name = fn.__name__
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn
        self._backward: FunctionType | None = None

    def backward(self, fn: FunctionType) -> FunctionType:
        """Registers the program of the derivative: `fn(saved, *grads, **parameters)`."""
        self._backward = fn
        return fn

    # -- running

    def forward(self, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], Saved]:
        """Runs; returns the results and what the derivative needs."""
        return _split(self._run(self.fn, args, kwargs))

    def derivative(self, saved: Saved, *grads: Any, **kwargs: Any) -> Any:
        """Runs the derivative on what `forward` has saved."""
        if self._backward is None:
            raise LaunchError(f"program '{self.name}' has no backward")
        return self._run(self._backward, (saved, *grads), kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        results, _ = self.forward(*args, **kwargs)
        return results[0] if len(results) == 1 else results or None

    def _run(self, fn: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        arrays = [describe(a, f"argument {i}") for i, a in enumerate(_flat((args, kwargs))) if _is_array(a)]
        torch = sys.modules.get("torch")
        if torch is not None and torch.is_grad_enabled() and any(a.needs_grad for a in arrays):
            raise LaunchError(
                f"{self.name}: an argument requires grad, and programs are not differentiated by torch yet: call it "
                "under torch.no_grad(), or detach the tensor"
            )
        token = _HOST.set(_Host(arrays))
        try:
            return fn(*args, **kwargs)
        finally:
            _HOST.reset(token)

    # -- recording

    def record(self, *args: Any, **kwargs: Any) -> Text:
        """The program for an example call, as text: its kernels, then the `tegula.program`."""
        return self._record(self.fn, self.name, args, kwargs)

    def ir(self, level: str, /, *args: Any, locations: bool = False, **kwargs: Any) -> str:
        """The recorded program for example arguments; "generic" is the text that the front end emits."""
        from tegula._compiler.backend import default_backend
        from tegula._compiler.environment import environment

        text = self.record(*args, **kwargs)
        chosen = text.located if locations else text.plain
        if level == "generic":
            return chosen
        env = environment()
        return default_backend().emit(chosen, env.target, level, env.options)

    def _record(self, fn: FunctionType, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Text:
        import inspect  # late: it takes a few milliseconds

        call = inspect.signature(fn).bind(*args, **kwargs)
        call.apply_defaults()
        arrays = [describe(a, n) for n, a in _named(call.arguments) if _is_array(a)]
        recording = Recording(arrays)
        handles: list[HostArray] = []
        scalars: list[tuple[str, DType]] = []
        scope = fn.__globals__
        for p in inspect.signature(fn).parameters.values():
            value = call.arguments[p.name]
            annotation = eval(p.annotation, scope) if isinstance(p.annotation, str) else p.annotation
            call.arguments[p.name] = _symbolic(p.name, value, annotation, recording, handles, scalars)
        tokens = _HOST.set(recording), INTERCEPT.set(recording)
        try:
            result = fn(*call.args, **call.kwargs)
        finally:
            _HOST.reset(tokens[0])
            INTERCEPT.reset(tokens[1])
        results, saved = _split(result)
        returned = [h for h in (*results, *saved) if isinstance(h, HostArray) and h in recording.allocated]
        writer = _Writer(name, recording)
        for handle in handles:
            writer.argument(handle, Access.IN)
        for handle in dict.fromkeys(returned):
            writer.argument(handle, Access.OUT)
        for scalar, dtype in scalars:
            writer.scalar(scalar, dtype)
        program = writer.write(returned)
        return print_module([*[op for _, op in recording.kernels.values()], program], sites)


def _symbolic(
    name: str,
    value: Any,
    annotation: Any,
    recording: Recording,
    handles: list[HostArray],
    scalars: list[tuple[str, DType]],
) -> Any:
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        kind: Any = type(items)
        return kind([_symbolic(f"{name}{i}", v, None, recording, handles, scalars) for i, v in enumerate(items)])
    if _is_array(value):
        array = describe(value, name)
        shape = tuple(Size(n, Formula("dim", (name, i)), recording.note) for i, n in enumerate(array.shape))
        handle = HostArray(name, shape, array.dtype, array)
        handles.append(handle)
        return handle
    if annotation is float and isinstance(value, (int, float)):
        scalars.append((name, f64))
        return Real(float(value), Formula("scalar", (name,)), recording.note)
    if annotation is int and isinstance(value, int):
        scalars.append((name, index))
        return Size(value, Formula("scalar", (name,)), recording.note)
    return value


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Spec)) or hasattr(value, "__dlpack__")


def _named(arguments: Any) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for name, value in arguments.items():
        if isinstance(value, tuple):
            items = cast("tuple[Any, ...]", value)
            out += [(f"{name}{i}", v) for i, v in enumerate(items)]
        else:
            out.append((name, value))
    return out


def _flat(value: Any) -> list[Any]:
    """The leaves of tuples, lists and dicts."""
    if isinstance(value, dict):
        return _flat(tuple(cast("dict[Any, Any]", value).values()))
    if isinstance(value, (tuple, list)):
        return [x for v in cast("tuple[Any, ...]", value) for x in _flat(v)]
    return [value]


def _split(result: Any) -> tuple[tuple[Any, ...], Saved]:
    """Results, and what is saved: the last value, if it was made by `tg.save`."""
    if isinstance(result, Saved):
        return (), result
    if not isinstance(result, tuple):
        return (() if result is None else (result,)), Saved()
    items = cast("tuple[Any, ...]", result)
    if items and isinstance(items[-1], Saved):
        return items[:-1], items[-1]
    return items, Saved()


def program(fn: Callable[..., Any], /) -> Program:
    """Makes a program of a host function."""
    if not isinstance(fn, FunctionType):
        raise KernelError("tg.program takes a function")
    return Program(fn)
