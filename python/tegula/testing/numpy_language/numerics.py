# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The two ways in which the evaluation treats floating point numbers.

*Rounding* (the default): each value has the precision of its dtype. Elementwise operations on 16-bit
floats compute in f32 and round once, as LANGUAGE 1.3 says; `ml_dtypes` supplies bf16 and the 8-bit
formats. *Wide*: every float is a float64, whatever its dtype; the dtype is still tracked and checked.
Wide evaluation tells a wrong formula (errors near 1) from rounding (errors near the dtype's eps).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.language.dtypes import BY_NAME, DType, DTypeVar, acc_of

try:
    import ml_dtypes
except ImportError:  # bf16 and f8 are then unknown; everything else works
    ml_dtypes = None

Array = NDArray[Any]

_NUMPY = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "u64": np.dtype(np.uint64),
    "index": np.dtype(np.int64),
}
_EXTENDED = {"bf16": "bfloat16", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2"}


def memory_dtype(dtype: DType) -> np.dtype[Any]:
    """The NumPy dtype that holds elements of `dtype` in memory."""
    if dtype.name in _NUMPY:
        return _NUMPY[dtype.name]
    if ml_dtypes is None:
        raise ImportError(f"NumPy arrays of {dtype} need the package ml_dtypes")
    return np.dtype(getattr(ml_dtypes, _EXTENDED[dtype.name]))


def dtype_of_array(array: Array) -> DType | None:
    """The language's dtype of a NumPy array's elements; None if it has none."""
    for name, numpy in _NUMPY.items():
        if numpy == array.dtype:
            return BY_NAME[name]
    if ml_dtypes is not None:
        for name, text in _EXTENDED.items():
            if array.dtype == np.dtype(getattr(ml_dtypes, text)):
                return BY_NAME[name]
    return None


def _no_types() -> Mapping[str, DType]:
    return {}


@dataclass(frozen=True, slots=True)
class Numerics:
    """How floats are held, as float64 throughout (`wide`) or rounded, and what dtype variables stand for."""

    wide: bool = False
    types: Mapping[str, DType] = field(default_factory=_no_types)

    def resolve(self, dtype: object) -> DType | None:
        """The dtype that `dtype` or a variable stands for; None where it stands for none."""
        if isinstance(dtype, DTypeVar):
            bound = self.types.get(dtype.name)
            if bound is None and dtype.of is not None:
                base = self.types.get(dtype.of.name)
                return None if base is None else acc_of(base)
            return bound
        return dtype if isinstance(dtype, DType) else None

    def storage(self, dtype: DType) -> np.dtype[Any]:
        """The NumPy dtype that holds values of `dtype` in tiles."""
        return np.dtype(np.float64) if self.wide and dtype.is_float else memory_dtype(dtype)

    def compute(self, dtype: DType) -> np.dtype[Any]:
        """The NumPy dtype in which one elementwise operation on `dtype` computes."""
        if not self.wide and dtype.is_float and dtype.bits < 32:
            return np.dtype(np.float32)
        return self.storage(dtype)
