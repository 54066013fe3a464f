# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types and dtype variables."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What arithmetic an element type has."""

    FLOAT = "float"
    INT = "int"
    UINT = "uint"
    INDEX = "index"


class DType:
    """An element type. There is one object per type: compare with `is`."""

    __slots__ = ("bits", "kind", "mlir", "name")

    def __init__(self, name: str, kind: Kind, bits: int, mlir: str | None = None) -> None:
        self.name = name
        self.kind = kind
        self.bits = bits
        self.mlir = mlir or name

    @property
    def is_float(self) -> bool:
        """Whether its arithmetic is that of floats."""
        return self.kind is Kind.FLOAT

    @property
    def bytes(self) -> int:
        """Bytes of one element in memory (`i1` takes one)."""
        return max(1, self.bits // 8)

    def __repr__(self) -> str:
        return self.name


f64 = DType("f64", Kind.FLOAT, 64)
f32 = DType("f32", Kind.FLOAT, 32)
f16 = DType("f16", Kind.FLOAT, 16)
bf16 = DType("bf16", Kind.FLOAT, 16)
f8e4m3 = DType("f8e4m3", Kind.FLOAT, 8, "f8E4M3FN")
f8e5m2 = DType("f8e5m2", Kind.FLOAT, 8, "f8E5M2")
i1 = DType("i1", Kind.INT, 1)
i8 = DType("i8", Kind.INT, 8)
i32 = DType("i32", Kind.INT, 32)
i64 = DType("i64", Kind.INT, 64)
u64 = DType("u64", Kind.UINT, 64, "i64")  # signless in IR, with unsigned ops
index = DType("index", Kind.INDEX, 64)

DTYPES = (f64, f32, f16, bf16, f8e4m3, f8e5m2, i1, i8, i32, i64, u64, index)
BY_NAME = {t.name: t for t in DTYPES}


class DTypeVar:
    """A dtype that a call binds: `T`, `U`, or `acc(T)`, what sums of T are kept in."""

    __slots__ = ("name", "of")

    def __init__(self, name: str, of: DTypeVar | None = None) -> None:
        self.name = name
        self.of = of

    def __repr__(self) -> str:
        return self.name


DTypeLike = DType | DTypeVar


def acc_of(dtype: DType) -> DType:
    """f64 for f64, else f32."""
    return f64 if dtype is f64 else f32


def acc(dtype: DTypeLike) -> DTypeLike:
    """What sums of `dtype` are kept in; of a variable, another variable."""
    return acc_of(dtype) if isinstance(dtype, DType) else DTypeVar(f"acc({dtype.name})", dtype)


T = DTypeVar("T")
U = DTypeVar("U")
A = DTypeVar("A", T)
