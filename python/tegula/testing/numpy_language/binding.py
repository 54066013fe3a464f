# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From the arguments of a call to views and scalars: names of sizes, dtype variables, presence, overlap."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from typing import cast as typed

import numpy as np

from tegula.errors import LaunchError
from tegula.language.annotations import Access, Dim, ScalarSpec, Static, ViewSpec, evaluate, group_of
from tegula.language.dtypes import BY_NAME, DType, DTypeVar
from tegula.testing.numpy_language.numerics import Array, Numerics, dtype_of_array, memory_dtype
from tegula.testing.numpy_language.values import Index, Tile, as_scalar
from tegula.testing.numpy_language.views import View


def as_array(x: Any, what: str) -> Array:
    """A NumPy array over the caller's memory: of an array, a CPU tensor of PyTorch, or anything with DLPack."""
    if isinstance(x, np.ndarray):
        return typed("Array", x)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        tensor = x.detach()
        if tensor.device.type != "cpu":
            raise LaunchError(f"{what} is on {tensor.device}: the evaluation takes CPU tensors")
        name = str(tensor.dtype).removeprefix("torch.")
        special = {"bfloat16": "bf16", "float8_e4m3fn": "f8e4m3", "float8_e5m2": "f8e5m2"}.get(name)
        if special is None:
            return tensor.numpy()
        bits = tensor.view(torch.int16 if special == "bf16" else torch.int8)
        return bits.numpy().view(memory_dtype(BY_NAME[special]))
    if hasattr(x, "__dlpack__"):
        return np.from_dlpack(x)
    raise LaunchError(f"{what} is {type(x).__name__}: expected an array")


def parameters(function: types.FunctionType) -> dict[str, Any]:
    """Annotations of a function's parameters, as objects."""
    signature = inspect.signature(function)
    scope = function.__globals__
    return {name: evaluate(p.annotation, scope) for name, p in signature.parameters.items()}


def is_kernel(function: types.FunctionType) -> bool:
    """Whether a function has views among its parameters."""
    try:
        specs = parameters(function).values()
    except Exception:  # an annotation of a host function that does not evaluate
        return False
    return any(isinstance(s, ViewSpec) or group_of(s) is not None for s in specs)


@dataclass(frozen=True, slots=True)
class _Array:
    """One array argument."""

    name: str
    spec: ViewSpec
    data: Array


class Binder:
    """Binds the arguments of one call."""

    def __init__(self, function: types.FunctionType, wide: bool, types_: Mapping[str, DType], poison: bool) -> None:
        self.function = function
        self.name = function.__name__
        self.wide = wide
        self.poison = poison
        self.forced = dict(types_)
        self.types: dict[str, DType] = dict(types_)
        self.sizes: dict[str, tuple[int, str]] = {}

    def bind(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[inspect.BoundArguments, Numerics]:
        """Arguments for the function, and the numerics of the launch."""
        try:
            bound = inspect.signature(self.function).bind(*args, **named)
        except TypeError as e:
            raise LaunchError(f"{self.name}: {e}") from None
        bound.apply_defaults()
        specs = parameters(self.function)
        arrays = list(self._arrays(bound.arguments, specs))
        self._bind_types(arrays)
        self._bind_sizes(arrays)
        numerics = Numerics(self.wide, dict(self.types))
        views = {a.name: self._view(a, numerics) for a in arrays}
        self._refuse_overlap(list(views.values()))
        for view in views.values():
            if view.access is Access.OUT and self.poison:
                _poison(view.data)
        for name, spec in specs.items():
            bound.arguments[name] = self._argument(name, spec, bound.arguments[name], views, numerics)
        return bound, numerics

    def _arrays(self, values: Mapping[str, Any], specs: Mapping[str, Any]) -> Iterator[_Array]:
        for name, spec in specs.items():
            group = group_of(spec)
            members = {f"{name}.{k}": (s, getattr(values[name], k)) for k, s in group.items()} if group else {}
            if isinstance(spec, ViewSpec):
                members[name] = (spec, values[name])
            for full, (s, value) in members.items():
                if value is None:
                    if not s.optional:
                        raise LaunchError(f"{self.name}: argument '{full}' is required")
                    continue
                data = as_array(value, f"{self.name}: argument '{full}'")
                if data.ndim != len(s.dims):
                    dims = " ".join(d.name for d in s.dims)
                    axes = f"its annotation has {len(s.dims)} axes ({dims})"
                    raise LaunchError(f"{self.name}: argument '{full}' has rank {data.ndim}, {axes}")
                yield _Array(full, s, data)

    def _bind_types(self, arrays: list[_Array]) -> None:
        for a in arrays:
            if isinstance(a.spec.dtype, DTypeVar) and a.spec.dtype.of is None and a.spec.dtype.name not in self.types:
                self.types[a.spec.dtype.name] = self._dtype(a)
        for a in arrays:  # a kernel without T binds A by its first array of A
            dtype = a.spec.dtype
            if isinstance(dtype, DTypeVar) and dtype.of is not None and dtype.of.name not in self.types:
                self.types.setdefault(dtype.name, self._dtype(a))
        numerics = Numerics(self.wide, self.types)
        for a in arrays:
            want, got = numerics.resolve(a.spec.dtype), self._dtype(a)
            loose = self.forced and want is not None and want.is_float and got.is_float
            if got is not want and not loose:
                raise LaunchError(f"{self.name}: argument '{a.name}' holds {got}, expected {want} ({a.spec.dtype!r})")

    def _dtype(self, a: _Array) -> DType:
        found = dtype_of_array(a.data)
        if found is None:
            raise LaunchError(
                f"{self.name}: argument '{a.name}' holds {a.data.dtype}, which the language does not have"
            )
        return found

    def _bind_sizes(self, arrays: list[_Array]) -> None:
        pairs = [(a, i, d, n) for a in arrays for i, (d, n) in enumerate(zip(a.spec.dims, a.data.shape, strict=True))]
        for a, i, d, n in sorted(pairs, key=lambda p: p[2].stretch and p[3] == 1):  # stretching axes last
            if d.number is not None:
                if d.number != n:
                    raise LaunchError(f"{self.name}: axis {i} of '{a.name}' has size {n}, expected {d.number}")
            elif not d.free:
                size, where = self.sizes.setdefault(d.name, (n, a.name))
                if size != n and not (d.stretch and n == 1):
                    raise LaunchError(f"{self.name}: {d.name} is {size} in '{where}' and {n} in axis {i} of '{a.name}'")

    def _view(self, a: _Array, numerics: Numerics) -> View:
        def size(d: Dim, n: int) -> int:
            stretched = self.sizes[d.name][0] if d.stretch and n == 1 else n
            return stretched if d.static else Index(stretched)

        shape = tuple(size(d, n) for d, n in zip(a.spec.dims, a.data.shape, strict=True))
        dtype = numerics.resolve(a.spec.dtype)
        assert dtype is not None
        access = a.spec.access
        data = a.data
        if tuple(shape) != data.shape:
            if access is not Access.IN:
                raise LaunchError(f"{self.name}: argument '{a.name}' is written and cannot stretch")
            data = np.broadcast_to(data, tuple(int(n) for n in shape))
        if access is not Access.IN and not data.flags.writeable:
            raise LaunchError(f"{self.name}: argument '{a.name}' is written, and its array is read-only")
        writers = np.full(data.shape, -1, np.int32) if access is Access.OUT else None
        return View(a.name, data, dtype, access, shape, numerics, writers)

    def _refuse_overlap(self, views: list[View]) -> None:
        for v in views:
            for w in views:
                if v is not w and v.access is not Access.IN and np.may_share_memory(v.data, w.data):
                    raise LaunchError(f"{self.name}: '{v.name}' is written and overlaps '{w.name}'")

    def _argument(self, name: str, spec: Any, value: Any, views: Mapping[str, View], numerics: Numerics) -> Any:
        group = group_of(spec)
        if group is not None:
            return spec(**{k: views.get(f"{name}.{k}") for k in group})
        if isinstance(spec, ViewSpec):
            return views.get(name)
        if isinstance(spec, DType | DTypeVar):
            spec = ScalarSpec(spec)
        if isinstance(spec, ScalarSpec):
            return self._scalar(name, spec, value, numerics)
        if spec is Static.TILE and (isinstance(value, bool) or not isinstance(value, int)):
            raise LaunchError(f"{self.name}: tile '{name}' is {value!r}: expected an integer")
        return value

    def _scalar(self, name: str, spec: ScalarSpec, value: Any, numerics: Numerics) -> Any:
        if value is None:
            if not spec.optional:
                raise LaunchError(f"{self.name}: argument '{name}' is required")
            return None
        dtype = numerics.resolve(spec.dtype)
        if dtype is None:
            raise LaunchError(f"{self.name}: no argument binds the dtype {spec.dtype!r} of '{name}'")
        if isinstance(value, Tile):
            value = value.data.item()
        if not isinstance(value, int | float | np.number | np.bool_):
            raise LaunchError(f"{self.name}: argument '{name}' is {type(value).__name__}: expected a number ({dtype})")
        if not dtype.is_float and isinstance(value, float | np.floating):
            raise LaunchError(f"{self.name}: argument '{name}' is the float {value!r}: expected {dtype}")
        return as_scalar(value, dtype, numerics)


def host_types(arguments: Mapping[str, Any]) -> dict[str, DType]:
    """In a host function T is the dtype of the first float array among the arguments."""
    for value in arguments.values():
        if isinstance(value, np.ndarray) or hasattr(value, "__dlpack__"):
            found = dtype_of_array(as_array(value, "an argument"))
            if found is not None and found.is_float:
                return {"T": found}
    return {}


def _poison(data: Array) -> None:
    """Fills an output with what no kernel computes, so that unwritten elements show."""
    dtype = dtype_of_array(data)
    if dtype is None or dtype.bits == 1:
        return
    data[...] = np.nan if dtype.is_float else np.iinfo(data.dtype).min if dtype.name != "u64" else 2**63
