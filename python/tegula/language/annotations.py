# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Annotations of kernel parameters: `In[T, "B H M $D"]`, `Opt[…]`, `tile`, `const`, `fn`, `@views`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from typing import Any

from tegula.errors import KernelError
from tegula.language.dtypes import DType, DTypeLike, DTypeVar


class Access(Enum):
    """What a kernel may do with an argument."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"


@dataclasses.dataclass(frozen=True, slots=True)
class Dim:
    """One axis of an annotation: `M`, `$D` (static), `3` (that size), `_` (free), `N?` (N, or 1 and stretched)."""

    name: str
    static: bool = False
    number: int | None = None
    stretch: bool = False

    @property
    def free(self) -> bool:
        """Whether its size is compared with nothing."""
        return self.name == "_"


@dataclasses.dataclass(frozen=True, slots=True)
class ViewSpec:
    """A view parameter."""

    access: Access
    dtype: DTypeLike
    dims: tuple[Dim, ...]
    optional: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ScalarSpec:
    """A scalar parameter."""

    dtype: DTypeLike
    optional: bool = False


class Static(Enum):
    """Parameters known while tracing."""

    CONST = "const"
    TILE = "tile"
    FN = "fn"


def _dim(text: str) -> Dim:
    if text.isdigit():
        return Dim(text, static=True, number=int(text))
    name = text.removeprefix("$").removesuffix("?")
    if not (name.isidentifier() or name == "_") or (text.startswith("$") and text.endswith("?")):
        raise KernelError(f"'{text}' is no axis: write a name, $name, name?, a number or _")
    return Dim(name, static=text.startswith("$"), stretch=text.endswith("?"))


class _View:
    """`In`, `Out`, `InOut`: subscripted with a dtype and the names of the axes."""

    __slots__ = ("access", "name")

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self.access = access

    def __getitem__(self, key: object) -> ViewSpec:
        match key:
            case (DType() | DTypeVar() as dtype, str(dims)):
                return ViewSpec(self.access, dtype, tuple(_dim(d) for d in dims.split()))
            case _:
                raise KernelError(f'{self.name} takes a dtype and the names of the axes: {self.name}[T, "M N"]')

    def __repr__(self) -> str:
        return self.name


class _Optional:
    """`Opt[…]`: the argument may be None; its presence is known while tracing."""

    __slots__ = ()

    def __getitem__(self, spec: object) -> ViewSpec | ScalarSpec:
        if isinstance(spec, ViewSpec):
            return dataclasses.replace(spec, optional=True)
        if isinstance(spec, (DType, DTypeVar)):
            return ScalarSpec(spec, optional=True)
        raise KernelError("Opt takes a view annotation or a dtype")

    def __repr__(self) -> str:
        return "Opt"


In = _View("In", Access.IN)
Out = _View("Out", Access.OUT)
InOut = _View("InOut", Access.INOUT)
Opt = _Optional()
const, tile, fn = Static.CONST, Static.TILE, Static.FN


def evaluate(annotation: object, scope: dict[str, Any]) -> object:
    """An annotation as an object; `from __future__ import annotations` leaves text."""
    return eval(annotation, scope) if isinstance(annotation, str) else annotation


def views(cls: type) -> type:
    """Groups annotated views into one parameter: the class becomes a frozen dataclass of them."""
    import sys

    scope = dict(vars(sys.modules[cls.__module__])) if cls.__module__ in sys.modules else {}
    group: dict[str, ViewSpec] = {}
    for name, annotation in cls.__annotations__.items():
        spec = evaluate(annotation, scope)
        if not isinstance(spec, ViewSpec):
            raise KernelError(f"'{name}' of @tg.views class {cls.__name__} is not annotated with a view")
        group[name] = spec
    make: Any = dataclasses.dataclass(frozen=True, eq=False)
    made: type = make(cls)
    type.__setattr__(made, "__tegula_views__", group)
    return made


def group_of(spec: object) -> dict[str, ViewSpec] | None:
    """The views of a `@tg.views` class, or None."""
    found: dict[str, ViewSpec] | None = getattr(spec, "__tegula_views__", None) if isinstance(spec, type) else None
    return found


Fn = Callable[..., Any]
