# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parameters of a kernel, and what one call binds them to.

Binding finds dtypes and sizes, checks names of axes, and makes the key of the specialisation:
everything that is known while tracing, and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any, cast

import numpy as np

from tegula._frontend.arrays import Array, describe
from tegula.errors import KernelError, LaunchError, Site
from tegula.language.annotations import Access, Dim, ScalarSpec, Static, ViewSpec, evaluate, group_of
from tegula.language.dtypes import DType, DTypeVar, acc_of

ParamSpec = ViewSpec | ScalarSpec | Static | type


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the function; `spec` is a class where it is a group of views."""

    name: str
    spec: ParamSpec
    default: Any
    keyword_only: bool

    @property
    def views(self) -> dict[str, ViewSpec]:
        """The views that it stands for, by the name that messages use."""
        if isinstance(self.spec, ViewSpec):
            return {self.name: self.spec}
        group = group_of(self.spec)
        return {f"{self.name}.{k}": v for k, v in group.items()} if group is not None else {}


class _Required:
    """Stands for the default of a parameter that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()

# Flags of a code object with *args, **kwargs.
CO_VARARGS, CO_VARKEYWORDS = 4, 8


def _captured(fn: FunctionType) -> dict[str, Any]:
    """Captured variables that have a value: annotations may name them."""
    out: dict[str, Any] = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()):
        try:
            out[name] = cell.cell_contents
        except ValueError:  # an empty cell
            pass
    return out


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a kernel, in order."""

    function: str
    parameters: tuple[Parameter, ...]

    @property
    def arguments(self) -> tuple[tuple[str, ViewSpec | ScalarSpec], ...]:
        """Views and scalars in the order of the kernel's arguments; absent ones are left out there."""
        out: list[tuple[str, ViewSpec | ScalarSpec]] = []
        for p in self.parameters:
            out.extend(p.views.items())
            if isinstance(p.spec, ScalarSpec):
                out.append((p.name, p.spec))
        return tuple(out)


def definition(fn: FunctionType) -> Site:
    """Where a function is defined."""
    code = fn.__code__
    return Site(code.co_filename, code.co_firstlineno, 0, code.co_firstlineno, 1, code.co_name)


def signature_of(fn: FunctionType) -> Signature:
    """Reads the annotations of a kernel."""
    out: list[Parameter] = []
    code = fn.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:count]
    if code.co_flags & (CO_VARARGS | CO_VARKEYWORDS):
        star = code.co_varnames[count]
        raise KernelError(f"kernel '{fn.__name__}' has a parameter *{star}: name each argument", [definition(fn)])
    scope = {**fn.__globals__, **_captured(fn)}
    positional = names[: code.co_argcount]
    given = fn.__defaults__ or ()
    defaults = {**dict(zip(positional[len(positional) - len(given) :], given)), **(fn.__kwdefaults__ or {})}
    for name in names:
        spec = evaluate(fn.__annotations__.get(name), scope)
        if isinstance(spec, (DType, DTypeVar)):
            spec = ScalarSpec(spec)
        if not isinstance(spec, (ViewSpec, ScalarSpec, Static)) and group_of(spec) is None:
            raise KernelError(
                f"parameter '{name}' of kernel '{fn.__name__}' has no annotation that says what it is "
                "(In, Out, InOut, Opt, a dtype, const, tile, fn or a @tg.views class)",
                [definition(fn)],
            )
        assert isinstance(spec, (ViewSpec, ScalarSpec, Static, type))
        out.append(Parameter(name, spec, defaults.get(name, REQUIRED), name not in positional))
    return Signature(fn.__name__, tuple(out))


# ---- binding


@dataclass(frozen=True, slots=True)
class BoundArray:
    """One present view argument."""

    name: str
    spec: ViewSpec
    array: Array  # with stretched axes at their full size, stride 0


@dataclass(frozen=True, slots=True)
class Bound:
    """One call, bound: the values by parameter, arrays, dtypes, sizes of axes, and the key."""

    values: Mapping[str, Any]
    arrays: Mapping[str, BoundArray]
    scalars: Mapping[str, Any]
    dtypes: Mapping[str, DType]
    sizes: Mapping[str, int]
    aligned: bool
    key: tuple[Any, ...]


class _Binder:
    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.arrays: dict[str, BoundArray] = {}
        self.dtypes: dict[str, DType] = {}
        self.bound_by: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.owner: dict[str, tuple[str, int]] = {}

    def fail(self, message: str) -> LaunchError:
        return LaunchError(f"{self.signature.function}: {message}")

    def dtype(self, name: str, spec: ViewSpec, array: Array) -> None:
        """First pass: a variable takes the dtype of the first argument that has it."""
        want = spec.dtype
        if isinstance(want, DType):
            if array.dtype is not want:
                raise self.fail(f"'{name}' holds {array.dtype}, expected {want}")
        elif want.of is None:
            self.variable(name, want.name, array.dtype)

    def variable(self, name: str, variable: str, got: DType) -> None:
        have = self.dtypes.setdefault(variable, got)
        by = self.bound_by.setdefault(variable, name)
        if have is not got:
            raise self.fail(f"{variable} is {have} in '{by}' and {got} in '{name}'")

    def accumulation(self) -> None:
        """Second pass: A follows T; without T the first array annotated A binds it."""
        for name, bound in self.arrays.items():
            want = bound.spec.dtype
            if not isinstance(want, DTypeVar) or want.of is None:
                continue
            of, got = want.of.name, bound.array.dtype
            if of in self.dtypes:
                expected = acc_of(self.dtypes[of])
                if got is not expected:
                    raise self.fail(
                        f"'{name}' holds {got}, expected {want} = {expected} ({of} is {self.dtypes[of]} in "
                        f"'{self.bound_by[of]}')"
                    )
            else:
                if not got.is_float or acc_of(got) is not got:
                    raise self.fail(f"'{name}' holds {got}: {want} is f32 or f64")
                self.variable(name, want.name, got)
        if "A" not in self.dtypes and "T" not in self.dtypes:
            first = next((b for b in self.arrays.values() if b.array.dtype.is_float), None)
            if first is not None:
                self.dtypes["A"] = acc_of(first.array.dtype)

    def axes(self) -> None:
        """Names of axes that occur twice have one size; `N?` may be 1 and is stretched."""
        for stretched in (False, True):  # sizes come from the axes that may not be stretched
            for name, bound in self.arrays.items():
                for axis, (dim, size) in enumerate(zip(bound.spec.dims, bound.array.shape)):
                    if dim.stretch is stretched and not (stretched and size == 1 and dim.name in self.sizes):
                        self.axis(name, axis, dim, size)
        for name, bound in list(self.arrays.items()):
            array = bound.array
            if any(d.stretch and n != self.sizes[d.name] for d, n in zip(bound.spec.dims, array.shape)):
                pairs = [
                    (self.sizes[d.name], 0) if d.stretch and n != self.sizes[d.name] else (n, s)
                    for d, n, s in zip(bound.spec.dims, array.shape, array.strides)
                ]
                array = replace(array, shape=tuple(n for n, _ in pairs), strides=tuple(s for _, s in pairs))
                self.arrays[name] = BoundArray(name, bound.spec, array)

    def axis(self, name: str, axis: int, dim: Dim, size: int) -> None:
        if dim.number is not None:
            if size != dim.number:
                raise self.fail(f"axis {axis} of '{name}' has size {size}, expected {dim.number}")
        elif not dim.free:
            have = self.sizes.setdefault(dim.name, size)
            by, at = self.owner.setdefault(dim.name, (name, axis))
            if have != size:
                raise self.fail(f"{dim.name} is {have} in axis {at} of '{by}' and {size} in axis {axis} of '{name}'")
        if dim.static and size < 1:
            raise self.fail(f"axis {axis} of '{name}' has size 0: the size of a '$' axis is at least 1")


def bind(signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
    """Binds one call. Raises LaunchError, naming the arguments that do not fit."""
    binder = _Binder(signature)
    values = _values(signature, args, kwargs)
    scalars: dict[str, Any] = {}
    for p in signature.parameters:
        value = values[p.name]
        if isinstance(p.spec, ScalarSpec):
            if value is not None:
                scalars[p.name] = _scalar(signature, p.name, value)
            elif not p.spec.optional:
                raise binder.fail(f"argument '{p.name}' is required (its annotation has no Opt)")
            continue
        for path, spec in p.views.items():
            got = value if path == p.name else getattr(value, path.split(".")[1], None)
            if got is None:
                if not spec.optional:
                    raise binder.fail(f"argument '{path}' is required (its annotation has no Opt)")
                continue
            array = _array(binder, path, spec, got)
            binder.arrays[path] = BoundArray(path, spec, array)
            binder.dtype(path, spec, array)
    binder.accumulation()
    binder.axes()
    aligned = all(_aligned(b.array) for b in binder.arrays.values())
    key = (
        aligned,
        *[_array_key(b) for b in binder.arrays.values()],
        tuple(scalars),
        *[value_key(values[p.name]) for p in signature.parameters if isinstance(p.spec, Static)],
    )
    return Bound(values, binder.arrays, scalars, binder.dtypes, binder.sizes, aligned, key)


def _values(signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    name = signature.function
    positional = [p for p in signature.parameters if not p.keyword_only]
    if len(args) > len(positional):
        raise LaunchError(f"{name}: {len(args)} positional arguments, it takes {len(positional)}")
    values = dict(zip((p.name for p in positional), args))
    known = {p.name for p in signature.parameters}
    for key, value in kwargs.items():
        if key not in known:
            raise LaunchError(f"{name}: got an unexpected argument '{key}'")
        if key in values:
            raise LaunchError(f"{name}: multiple values for argument '{key}'")
        values[key] = value
    for p in signature.parameters:
        if p.name not in values:
            optional = isinstance(p.spec, (ViewSpec, ScalarSpec)) and p.spec.optional
            if p.default is REQUIRED and not optional:
                raise LaunchError(f"{name}: missing a required argument: '{p.name}'")
            values[p.name] = None if p.default is REQUIRED else p.default
    return values


def _array(binder: _Binder, name: str, spec: ViewSpec, value: Any) -> Array:
    try:
        array = describe(value, name)
    except LaunchError as e:
        raise binder.fail(e.message) from None
    if len(array.shape) != len(spec.dims):
        names = " ".join(("$" if d.static and d.number is None else "") + d.name for d in spec.dims)
        raise binder.fail(f"'{name}' has rank {len(array.shape)}, its annotation names {len(spec.dims)} axes ({names})")
    if spec.access is not Access.IN and not array.writable:
        raise binder.fail(f"'{name}' is read only, and the kernel writes to it")
    return array


def _scalar(signature: Signature, name: str, value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)) or getattr(value, "ndim", None) == 0:
        return cast(Any, value).item()
    raise LaunchError(f"{signature.function}: '{name}' is a Python {type(value).__name__}, expected a number")


# ---- keys


def _aligned(array: Array) -> bool:
    """Base and outer strides are multiples of 16 bytes."""
    size = array.dtype.bytes
    return array.address % 16 == 0 and all(s * size % 16 == 0 for s in array.strides[:-1])


def _array_key(bound: BoundArray) -> tuple[Any, ...]:
    array = bound.array
    static = tuple(n for d, n in zip(bound.spec.dims, array.shape) if d.static and d.number is None)
    return bound.name, array.dtype, static, unit_axis(array)


def unit_axis(array: Array) -> int | None:
    """The axis whose elements are neighbours in memory: the last one if it is so, as that of a transpose is not."""
    dense = (i for i in reversed(range(len(array.strides))) if array.strides[i] == 1)
    return next(dense, None)


class _Identity:
    """A key by identity that keeps its object alive."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def value_key(value: Any) -> Any:
    """A static value as a key: numbers and structures by value, functions by code and captured values."""
    match value:
        case None | str() | DType():
            return value
        case bool() | int() | float():
            return (type(value), repr(value))
        case tuple() | list():
            items = cast("tuple[Any, ...]", value)
            return (type(items), tuple(value_key(v) for v in items))
        case dict():
            named = cast("dict[Any, Any]", value)
            return (dict, tuple((k, value_key(v)) for k, v in named.items()))
        case FunctionType():
            return _function_key(value, ())
        case MethodType():
            return (MethodType, _function_key(value.__func__, ()), _Identity(value.__self__))
        case functools.partial():
            return (functools.partial, value_key(value.func), value_key(value.args), value_key(value.keywords))
        case np.ndarray():
            array = cast("np.ndarray[Any, Any]", value)
            return (np.ndarray, array.shape, array.dtype.str, array.tobytes())
        case _:
            return _Identity(value)


def _function_key(fn: FunctionType, seen: tuple[FunctionType, ...]) -> Any:
    if fn in seen:  # a function that captures itself
        return seen.index(fn)
    cells: list[Any] = []
    for cell in fn.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:
            cells.append(None)
            continue
        inner = isinstance(content, FunctionType)
        cells.append(_function_key(content, (*seen, fn)) if inner else value_key(content))
    defaults = value_key(fn.__defaults__), value_key(fn.__kwdefaults__)
    # The globals matter as well: the same text in two modules names two things.
    return (fn.__code__, _Identity(fn.__globals__), defaults, tuple(cells))


Function = Callable[..., Any]
