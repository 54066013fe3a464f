# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the host side of operators shares: looking at arguments, making results of their kind.

An operator looks at dtypes and shapes only, to name what does not fit and to size its results; the
kernel's own binding looks at addresses, strides and alignment.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tegula as tg
from tegula._frontend.arrays import TORCH, describe, dtype_of, numpy_dtype
from tegula._frontend.recording import HostArray
from tegula.errors import LaunchError
from tegula.language.dtypes import BY_NAME, DType


def tile_bytes() -> int:
    """Bytes that the tiles of an instance may take: three quarters of what the target keeps near a core."""
    return tg.target.on_chip_bytes * 3 // 4


@dataclass(frozen=True, slots=True)
class Registers:
    """Where registers hold whole tiles: the bytes that an instance may keep there, and those that it may stream past.

    Results, sums and what is carried stay in registers; the tiles that they are made of pass through shared memory.
    """

    kept: int
    streamed: int


def registers(size: int) -> Registers | None:
    """The room of an instance whose elements have `size` bytes; None where tiles lie in memory near the core.

    An instance has the registers of several vector units. Matrix units, which take elements of two bytes, have each
    element of an operand in one register; products of wider ones are multiply-adds of lanes, which hold copies of
    what they share, and take a seventh of that.
    """
    unit = tg.target.vector_bytes * tg.target.vector_registers
    if unit < 2**14:
        return None
    return Registers(5 * unit if size <= 2 else unit * 3 // 4, tg.target.on_chip_bytes)


def instance_bytes(size: int) -> int:
    """Bytes that all tiles of an instance may take together, wherever they lie."""
    room = registers(size)
    return tile_bytes() if room is None else min(room.kept, room.streamed)


def element_bytes(x: Any) -> int:
    """Bytes of an element of an array, or of one of a program that is being recorded."""
    return (x.dtype if isinstance(x, HostArray) else dtype_of(x, "x")).bytes


@dataclass(frozen=True, slots=True)
class Argument:
    """An array argument of an operator."""

    value: Any
    dtype: DType
    shape: tuple[int, ...]
    framework: str  # "numpy" or "torch"
    graph: bool = False  # PyTorch must see what is done with it: see `_torch`

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides in elements."""
        if self.framework == "torch":
            return tuple(self.value.stride())
        return tuple(s // self.value.itemsize for s in self.value.strides)


@functools.cache
def _numpy_dtypes() -> dict[np.dtype[Any], DType]:
    """Dtypes by NumPy's; a constant, made at the first call because bf16 may need another package."""
    names = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i1": np.bool_, "i32": np.int32, "i64": np.int64}
    found = {np.dtype(kind): BY_NAME[name] for name, kind in names.items()}
    try:
        found[numpy_dtype(BY_NAME["bf16"])] = BY_NAME["bf16"]
    except ImportError:  # without ml_dtypes no NumPy array holds bf16
        pass
    return found


def argument(op: str, name: str, value: Any, *, graph: bool = False) -> Argument:
    """Looks at an array argument; refuses what the operator cannot take, by name.

    With `graph` the operator has a backward, and takes what is part of a graph of PyTorch's.
    """
    if type(value) is np.ndarray:
        dtype = _numpy_dtypes().get(value.dtype)
        if dtype is not None:
            return Argument(value, dtype, value.shape, "numpy")
    torch: Any = sys.modules.get("torch")
    tensor: Any = value
    if torch is not None and isinstance(tensor, torch.Tensor):
        needs_grad = tensor.requires_grad and torch.is_grad_enabled()
        if needs_grad and not graph:
            raise LaunchError(
                f"{op}: '{name}' requires grad, and {op} has no gradient for it: call it under torch.no_grad(), "
                f"or pass {name}.detach()"
            )
        dual = torch.autograd.forward_ad
        if dual._current_level >= 0 and dual.unpack_dual(tensor).tangent is not None:
            raise LaunchError(f"{op}: '{name}' has a tangent, and {op} has no derivative in forward mode")
        dtype = TORCH.get(str(tensor.dtype))
        if dtype is not None and (tensor.is_cpu or tensor.is_cuda) and tensor.layout is torch.strided:
            seen = needs_grad or (graph and type(tensor) not in (torch.Tensor, torch.nn.Parameter))
            return Argument(tensor, dtype, tuple(tensor.shape), "torch", seen)
    try:  # another dtype, device or kind: the front end says what is wrong, or takes it
        array = describe(value, name)
    except LaunchError as e:
        raise LaunchError(f"{op}: {e.message}") from None
    if array.framework not in ("numpy", "torch"):
        raise LaunchError(f"{op}: '{name}' is {type(value).__name__}: it takes a NumPy array or a torch tensor")
    return Argument(value, array.dtype, array.shape, array.framework)


def floating(op: str, name: str, value: Any, rank: str, axes: int, *, graph: bool = False) -> Argument:
    """An argument of floats with at least (or exactly, where `rank` names them) some axes."""
    array = argument(op, name, value, graph=graph)
    exact = "[" in rank
    if len(array.shape) < axes or (exact and len(array.shape) != axes):
        raise LaunchError(f"{op}: '{name}' has {len(array.shape)} axes, expected {rank}")
    if not array.dtype.is_float:
        raise LaunchError(f"{op}: '{name}' holds {array.dtype}, expected f64, f32, f16 or bf16")
    return array


def same(op: str, first: tuple[str, Argument], *others: tuple[str, Argument]) -> None:
    """All arguments have one dtype, and come from one library."""
    name, model = first
    for other, array in others:
        if array.dtype is not model.dtype:
            raise LaunchError(f"{op}: '{other}' holds {array.dtype}, '{name}' holds {model.dtype}: convert one of them")
        if array.framework != model.framework:
            raise LaunchError(f"{op}: '{other}' is a {array.framework} array, '{name}' a {model.framework} one")


def parameter(
    op: str,
    name: str,
    value: Any,
    model: Argument,
    accumulator: DType,
    shape: tuple[int, ...],
    *,
    graph: bool = False,
) -> Argument:
    """A weight or bias: of the input's dtype or what sums are kept in, of one shape, of one library."""
    array = argument(op, name, value, graph=graph)
    if array.framework != model.framework:
        raise LaunchError(f"{op}: '{name}' is a {array.framework} array, the input a {model.framework} one")
    if array.dtype is not model.dtype and array.dtype is not accumulator:
        kinds = " or ".join(dict.fromkeys((str(model.dtype), str(accumulator))))
        raise LaunchError(f"{op}: '{name}' holds {array.dtype}, expected {kinds}")
    if array.shape != shape:
        raise LaunchError(f"{op}: '{name}' has shape {list(array.shape)}, expected {list(shape)}")
    return array


def empty(model: Argument, shape: Sequence[int], dtype: DType) -> Any:
    """An uninitialised result of the input's kind."""
    if model.framework == "numpy":
        return np.empty(shape, model.value.dtype if dtype is model.dtype else numpy_dtype(dtype))
    torch = sys.modules["torch"]
    if dtype is model.dtype:
        return torch.empty(shape, dtype=model.value.dtype, device=model.value.device)
    narrow = torch.float64 if dtype.name == "f64" else torch.float32
    return torch.empty(shape, dtype=narrow, device=model.value.device)
