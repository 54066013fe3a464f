# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the host side of operators shares: looking at arguments, making results of their kind."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tegula._frontend.arrays import Array, describe, numpy_dtype
from tegula.errors import LaunchError
from tegula.language.dtypes import DType


def argument(op: str, name: str, value: Any) -> Array:
    """Describes an array argument; refuses what the operator cannot take, by name."""
    try:
        array = describe(value, name)
    except LaunchError as e:
        raise LaunchError(f"{op}: {e.message}") from None
    if array.framework not in ("numpy", "torch"):
        raise LaunchError(f"{op}: '{name}' is {type(value).__name__}: it takes a NumPy array or a torch tensor")
    if array.needs_grad and sys.modules["torch"].is_grad_enabled():
        raise LaunchError(
            f"{op}: '{name}' requires grad, and {op} has no backward yet: call it under torch.no_grad(), "
            f"or pass {name}.detach()"
        )
    return array


def floating(op: str, name: str, value: Any, rank: str, axes: int) -> Array:
    """An argument of floats with at least (or exactly, where `rank` names them) some axes."""
    array = argument(op, name, value)
    exact = "[" in rank
    if len(array.shape) < axes or (exact and len(array.shape) != axes):
        raise LaunchError(f"{op}: '{name}' has {len(array.shape)} axes, expected {rank}")
    if not array.dtype.is_float:
        raise LaunchError(f"{op}: '{name}' holds {array.dtype}, expected f64, f32, f16 or bf16")
    return array


def same(op: str, first: tuple[str, Array], *others: tuple[str, Array]) -> None:
    """All arguments have one dtype, and come from one library."""
    name, model = first
    for other, array in others:
        if array.dtype is not model.dtype:
            raise LaunchError(f"{op}: '{other}' holds {array.dtype}, '{name}' holds {model.dtype}: convert one of them")
        if array.framework != model.framework:
            raise LaunchError(f"{op}: '{other}' is a {array.framework} array, '{name}' a {model.framework} one")


def parameter(op: str, name: str, value: Any, model: Array, accumulator: DType, shape: tuple[int, ...]) -> None:
    """A weight or bias: of the input's dtype or what sums are kept in, of one shape, of one library."""
    array = argument(op, name, value)
    if array.framework != model.framework:
        raise LaunchError(f"{op}: '{name}' is a {array.framework} array, the input a {model.framework} one")
    if array.dtype is not model.dtype and array.dtype is not accumulator:
        kinds = " or ".join(dict.fromkeys((str(model.dtype), str(accumulator))))
        raise LaunchError(f"{op}: '{name}' holds {array.dtype}, expected {kinds}")
    if array.shape != shape:
        raise LaunchError(f"{op}: '{name}' has shape {list(array.shape)}, expected {list(shape)}")


def empty(model: Array, shape: Sequence[int], dtype: DType) -> Any:
    """An uninitialised result of the input's kind."""
    if model.framework == "numpy":
        return np.empty(tuple(shape), numpy_dtype(dtype))
    torch = sys.modules["torch"]
    names = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
    return torch.empty(tuple(shape), dtype=names[dtype.name])
