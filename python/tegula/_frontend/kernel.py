# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`@tg.kernel`: a function that is traced, compiled and launched."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, overload

from tegula._frontend.signature import Bound, Signature, bind, signature_of
from tegula._frontend.specialise import Specialised, specialise


class Kernel:
    """A kernel. Call it with arrays; `ir` shows what it becomes."""

    def __init__(self, fn: FunctionType, repeatable: bool = False) -> None:
        self.fn = fn
        self.name = fn.__name__
        self.repeatable = repeatable
        self.signature: Signature = signature_of(fn)
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn
        self._specialised: dict[tuple[Any, ...], Specialised] = {}

    def specialise(self, bound: Bound) -> Specialised:
        """The traced form for what a call has bound, from the cache if it is there."""
        found = self._specialised.get(bound.key)
        if found is None:
            found = self._specialised[bound.key] = specialise(self.fn, self.signature, bound)
        return found

    def ir(self, level: str, /, *args: Any, locations: bool = False, **kwargs: Any) -> str:
        """The program for example arguments (arrays, or `tg.Spec`s) at a level: "tegula", "sched", "llvm", "asm"."""
        found = self.specialise(bind(self.signature, args, kwargs))
        return found.text.located if locations else found.text.plain

    def __repr__(self) -> str:
        return f"<tegula kernel {self.name}>"


@overload
def kernel(fn: Callable[..., Any], /) -> Kernel: ...
@overload
def kernel(*, repeatable: bool = False) -> Callable[[Callable[..., Any]], Kernel]: ...
def kernel(fn: Any = None, /, *, repeatable: bool = False) -> Any:
    """Makes a kernel of a function whose parameters are annotated."""
    if fn is not None:
        return Kernel(fn, repeatable)
    return lambda f: Kernel(f, repeatable)
