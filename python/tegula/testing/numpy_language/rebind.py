# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs an author's function with the names of `tegula` meaning the evaluation's.

The author's module says `import tegula as tg` or `from tegula import T, where`. A function is copied
with the same code object (so breakpoints, tracebacks and `print` work as ever) over globals in which
those names are replaced; so are the functions that it reaches through globals, closures, defaults and
containers, as far as they are plain Python outside of the package and of the usual libraries. Nothing
of the author's is changed.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any
from typing import cast as typed

from tegula.testing.numpy_language.language import unsupported

# Functions of these packages never call the language themselves; what is passed to them was rebound before.
_LIBRARIES = frozenset({"numpy", "scipy", "torch", "ml_dtypes", "pytest", "_pytest", "hypothesis"})
_OURS = ("tegula.language", "tegula._frontend", "tegula._compiler", "tegula.runtime", "tegula.errors", "tegula.testing")


class _Namespace(types.ModuleType):
    """Stands for the module `tegula`: the evaluation's names, then the package's own, rebound."""

    def __init__(self, names: Mapping[str, Any], rebinder: Rebinder) -> None:
        super().__init__("tegula")
        self.__dict__.update(names)
        self.__dict__["_rebinder"] = rebinder

    def __getattr__(self, name: str) -> Any:
        package = sys.modules.get("tegula")
        if name.startswith("__") or package is None or not hasattr(package, name):
            raise AttributeError(name) if name.startswith("__") else unsupported(name)
        rebinder: Rebinder = self.__dict__["_rebinder"]
        return rebinder.convert(getattr(package, name))


class _Library(types.ModuleType):
    """Stands for a module of the author's: its attributes, rebound when they are asked for."""

    def __init__(self, module: types.ModuleType, rebinder: Rebinder) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module
        self.__dict__["_rebinder"] = rebinder

    def __getattr__(self, name: str) -> Any:
        rebinder: Rebinder = self.__dict__["_rebinder"]
        return rebinder.convert(getattr(self.__dict__["_module"], name))


def is_launchable(x: object) -> bool:
    """Whether an object is a kernel or a program of the package."""
    return type(x).__module__.partition(".")[0] == "tegula" and isinstance(
        getattr(x, "__wrapped__", None), types.FunctionType
    )


def _is_authors(module: str | None) -> bool:
    if module is None:
        return True
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names and top != "__main__":
        return False
    return top not in _LIBRARIES and not module.startswith(_OURS)


def _is_authors_function(f: types.FunctionType) -> bool:
    if _is_authors(f.__module__):
        return True
    # What a docstring of the package defines is its reader's.
    return f.__module__.startswith(_OURS) and f.__code__.co_filename.startswith("<doctest")


class Rebinder:
    """Copies functions over the names of one launch; a function is copied once."""

    def __init__(self, names: Mapping[str, Any], launch: Callable[[Any], Callable[..., Any]]) -> None:
        self._launch = launch
        self._namespace = _Namespace(names, self)
        self._known: dict[int, Any] = {}
        self._kept: list[Any] = []  # ids in `_known` stay valid as long as their objects live
        self._globals: dict[int, dict[str, Any]] = {}
        package = sys.modules["tegula"]
        self._remember(package, self._namespace)
        for name, replacement in names.items():
            original = getattr(package, name, None)
            if callable(original):
                self._remember(original, replacement)

    def _remember(self, original: Any, replacement: Any) -> Any:
        self._known[id(original)] = replacement
        self._kept.append(original)
        return replacement

    def convert(self, x: Any) -> Any:
        """What stands for `x` while the kernel is evaluated; `x` itself where nothing needs replacing."""
        if isinstance(x, bool | int | float | str | bytes | None.__class__):
            return x
        if id(x) in self._known:
            return self._known[id(x)]
        if isinstance(x, types.FunctionType):
            return self._function(x) if _is_authors_function(x) else x
        if isinstance(x, types.ModuleType):
            return self._module(x)
        if is_launchable(x):
            return self._remember(x, self._launch(x))
        if isinstance(x, types.MethodType):
            return types.MethodType(self.convert(x.__func__), x.__self__)
        if isinstance(x, functools.partial):
            p = typed("functools.partial[Any]", x)
            return functools.partial(
                self.convert(p.func),
                *(self.convert(a) for a in p.args),
                **{k: self.convert(v) for k, v in p.keywords.items()},
            )
        if isinstance(x, functools._lru_cache_wrapper):  # pyright: ignore[reportPrivateUsage]
            return self.convert(typed("Any", x).__wrapped__)  # a cache hands out values of another launch
        return self._container(x)

    def _module(self, module: types.ModuleType) -> Any:
        name = module.__name__
        if not _is_authors(name) and not name.startswith("tegula.language"):
            return module
        return self._remember(module, _Library(module, self))

    def _container(self, x: Any) -> Any:
        if type(x) in (list, tuple):
            items = [self.convert(v) for v in x]
            return x if all(a is b for a, b in zip(items, x, strict=True)) else type(x)(items)
        if type(x) is dict:
            entries = typed("dict[Any, Any]", x)
            pairs = {k: self.convert(v) for k, v in entries.items()}
            return entries if all(pairs[k] is v for k, v in entries.items()) else pairs
        call = vars(typed("type[Any]", type(x))).get("__call__")
        if isinstance(call, types.FunctionType) and _is_authors_function(call):
            return types.MethodType(self.convert(call), x)
        return x

    def _function(self, f: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in f.__closure__ or ())
        new = types.FunctionType(f.__code__, self._scope(f), f.__name__, None, cells or None)
        self._remember(f, new)  # before its parts: a function may reach itself
        new.__qualname__, new.__module__, new.__doc__ = f.__qualname__, f.__module__, f.__doc__
        new.__annotations__ = f.__annotations__
        new.__dict__.update({k: v for k, v in f.__dict__.items() if k != "__wrapped__"})
        for cell, old in zip(cells, f.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.convert(old.cell_contents)
            except ValueError:  # an empty cell stays empty
                continue
        new.__defaults__ = None if f.__defaults__ is None else tuple(self.convert(d) for d in f.__defaults__)
        if f.__kwdefaults__:
            new.__kwdefaults__ = {k: self.convert(v) for k, v in f.__kwdefaults__.items()}
        self._fill(f.__code__, f.__globals__, new.__globals__)
        return new

    def _scope(self, f: types.FunctionType) -> dict[str, Any]:
        old = f.__globals__
        if id(old) not in self._globals:
            self._globals[id(old)] = dict(old)
            self._kept.append(old)
        return self._globals[id(old)]

    def _fill(self, code: types.CodeType, old: Mapping[str, Any], new: dict[str, Any]) -> None:
        """Replaces the globals that a code object and those nested in it name."""
        for name in code.co_names:
            if name in old and new.get(name) is old[name]:
                new[name] = self.convert(old[name])
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._fill(constant, old, new)
