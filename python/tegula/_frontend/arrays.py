# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays of the host: NumPy, torch, anything with DLPack, and bare shapes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tegula._frontend.device import Device, device_of
from tegula.errors import LaunchError
from tegula.language.dtypes import DType, bf16, f16, f32, f64, i1, i8, i32, i64, u64


@dataclass(frozen=True, slots=True)
class Spec:
    """An array that is only described: `kernel.ir("tegula", tg.Spec((128, 64), tg.bf16), …)`.

    Strides count elements; row-major by default. A described array counts as aligned.
    """

    shape: tuple[int, ...]
    dtype: DType
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """An array argument as the front end sees it; strides count elements, those of axes of size ≤ 1 are normal."""

    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    address: int
    owner: Any  # keeps the memory alive
    writable: bool
    needs_grad: bool
    framework: str  # "numpy", "torch", "dlpack" or "spec"
    device: Device | None = None  # None: the process's memory


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides."""
    out: list[int] = []
    step = 1
    for n in reversed(shape):
        out.append(step)
        step *= max(n, 1)
    return tuple(reversed(out))


def _normal(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The stride of an axis of size 1 never matters: it becomes what it would be if the axis were dense."""
    if all(n > 1 for n in shape):
        return strides
    out = list(strides)
    step = 1
    for axis in reversed(range(len(shape))):
        if shape[axis] <= 1:
            out[axis] = step
        step = abs(out[axis]) * max(shape[axis], 1)
    return tuple(out)


_NUMPY = {"float64": f64, "float32": f32, "float16": f16, "bfloat16": bf16, "bool": i1, "int8": i8, "int32": i32,
          "int64": i64, "uint64": u64}  # fmt: skip


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """The NumPy dtype that holds it; bf16 needs the package ml_dtypes."""
    if dtype is bf16:
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(next(name for name, d in _NUMPY.items() if d is dtype))


def describe(value: Any, name: str) -> Array:
    """An argument as an array, or a LaunchError that names it."""
    if isinstance(value, Spec):
        strides = value.strides or contiguous(value.shape)
        return Array(value.dtype, value.shape, _normal(value.shape, strides), 0, None, True, False, "spec")
    if isinstance(value, np.ndarray):
        return _numpy(cast("np.ndarray[Any, Any]", value), name)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _torch(value, name)
    if hasattr(value, "__dlpack__"):
        return _dlpack(value, name)
    raise LaunchError(f"'{name}' is a Python {type(value).__name__}: it takes a NumPy array, a torch tensor or DLPack")


def _numpy(value: np.ndarray[Any, Any], name: str) -> Array:
    dtype = _NUMPY.get(value.dtype.name)
    if dtype is None or not value.dtype.isnative:
        raise LaunchError(f"'{name}' holds NumPy {value.dtype.str}, which is no element type here")
    size = value.dtype.itemsize
    if any(s % size for s in value.strides):
        raise LaunchError(f"'{name}' has strides {value.strides} that are no multiples of its elements' {size} bytes")
    shape = tuple(int(n) for n in value.shape)
    strides = _normal(shape, tuple(s // size for s in value.strides))
    address: int = value.__array_interface__["data"][0]
    return Array(dtype, shape, strides, address, value, bool(value.flags.writeable), False, "numpy")


def _torch(value: Any, name: str) -> Array:
    try:
        device = device_of(value)
    except LaunchError as e:
        raise LaunchError(f"'{name}' {e.message}") from None
    if value.layout is not sys.modules["torch"].strided:
        raise LaunchError(f"'{name}' has layout {value.layout}: it takes dense tensors")
    dtype = TORCH.get(str(value.dtype))
    if dtype is None:
        raise LaunchError(f"'{name}' holds {value.dtype}, which is no element type here")
    if value.is_conj() or value.is_neg():
        raise LaunchError(f"'{name}' is a lazily conjugated or negated tensor: call resolve_neg()")
    shape = tuple(int(n) for n in value.shape)
    strides = _normal(shape, tuple(int(s) for s in value.stride()))
    try:
        address: int = value.data_ptr()
    except RuntimeError:
        raise LaunchError(
            f"'{name}' is a tensor without memory: torch.func and torch.vmap make such, and so do fake tensors"
        ) from None
    return Array(dtype, shape, strides, address, value, True, bool(value.requires_grad), "torch", device)


TORCH = {"torch.float64": f64, "torch.float32": f32, "torch.float16": f16, "torch.bfloat16": bf16, "torch.bool": i1,
          "torch.int8": i8, "torch.int32": i32, "torch.int64": i64, "torch.uint64": u64}  # fmt: skip


class _DLTensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _DLVersioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _DLTensor),
    )


# (type code, bits) -> dtype
_DLPACK = {(0, 8): i8, (0, 32): i32, (0, 64): i64, (1, 64): u64, (2, 16): f16, (2, 32): f32, (2, 64): f64,
           (4, 16): bf16, (6, 8): i1}  # fmt: skip


def _dlpack(value: Any, name: str) -> Array:
    """Reads the capsule in place; it is kept until the launch has returned and frees itself then."""
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:
        capsule = value.__dlpack__()
    except Exception as e:
        raise LaunchError(f"'{name}' gave no DLPack capsule: {e}") from None
    api: Any = ctypes.pythonapi
    api.PyCapsule_IsValid.argtypes = api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    read_only = False
    if api.PyCapsule_IsValid(capsule, b"dltensor_versioned"):
        versioned = _DLVersioned.from_address(api.PyCapsule_GetPointer(capsule, b"dltensor_versioned"))
        tensor, read_only = versioned.tensor, bool(versioned.flags & 1)
    elif api.PyCapsule_IsValid(capsule, b"dltensor"):
        tensor = _DLTensor.from_address(api.PyCapsule_GetPointer(capsule, b"dltensor"))
    else:
        raise LaunchError(f"'{name}' gave a DLPack capsule of an unknown kind")
    if tensor.device_type not in (1, 3):  # plain or pinned host memory
        raise LaunchError(f"'{name}' is on DLPack device {tensor.device_type}: on a GPU, arrays are torch tensors")
    dtype = _DLPACK.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if dtype is None:
        raise LaunchError(f"'{name}' holds DLPack type {tensor.code} of {tensor.bits} bits: no element type here")
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else contiguous(shape)
    address = (tensor.data or 0) + tensor.byte_offset
    return Array(dtype, shape, _normal(shape, strides), address, capsule, not read_only, False, "dlpack")


def dtype_of(value: Any, name: str) -> DType:
    """The dtype alone; the address may be unknown, as that of a fake tensor is."""
    if isinstance(value, np.ndarray):
        found = _NUMPY.get(cast("np.ndarray[Any, Any]", value).dtype.name)
        return describe(value, name).dtype if found is None else found  # describe says what is wrong
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        dtype = TORCH.get(str(value.dtype))
        if dtype is None:
            raise LaunchError(f"'{name}' holds {value.dtype}, which is no element type here")
        return dtype
    return describe(value, name).dtype


def framework_of(value: Any) -> str | None:
    """Whose array it is: "numpy", "torch" or "dlpack"; None for one that is only described."""
    if isinstance(value, np.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return "torch"
    return None if isinstance(value, Spec) else "dlpack"


def torch_dtype(dtype: DType) -> Any:
    """The torch dtype that holds it."""
    name = next(name for name, d in TORCH.items() if d is dtype)
    return getattr(sys.modules["torch"], name.removeprefix("torch."))


__all__ = ["TORCH", "Array", "Spec", "contiguous", "describe", "dtype_of", "framework_of", "numpy_dtype", "torch_dtype"]
