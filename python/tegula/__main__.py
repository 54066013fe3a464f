# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m tegula FILE.py`: the MLIR text of a kernel, as `tegulac` reads it.

Arrays are described by bindings: a dtype variable (`T=bf16`, default f32), the size of a named axis
(`D=64`, the default of all), the sizes of an argument (`q=2x4x100x64`), the value of a scalar
(`scale=0.5`), of a `tile` or `const` parameter (`BM=64`). Optional arguments are present if they
are bound. The first line repeats the arguments for `tegulac --run`: `// tegulac: q=2x4x100x64 scale=0.5`.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tegula._frontend.arrays import Spec
from tegula._frontend.kernel import Kernel
from tegula._frontend.signature import bind
from tegula.errors import LaunchError, TegulaError
from tegula.language.annotations import ScalarSpec, Static, ViewSpec, group_of
from tegula.language.dtypes import BY_NAME, DType, DTypeLike, acc_of, f32

_DEFAULT_SIZE = 64


def _load(path: Path) -> ModuleType:
    """Runs a file as a module of its own, beside whose folder it imports."""
    spec = importlib.util.spec_from_file_location(f"tegula_file_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise LaunchError(f"{path}: no Python file")
    sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _choose(module: ModuleType, path: Path, name: str | None) -> Kernel:
    kernels = {n: k for n, k in vars(module).items() if isinstance(k, Kernel)}
    if name is not None:
        if name not in kernels:
            raise LaunchError(f"{path} has no kernel '{name}': {', '.join(kernels) or 'it has none'}")
        return kernels[name]
    own = {n: k for n, k in kernels.items() if k.__module__ == module.__name__}
    if len(own) != 1:
        raise LaunchError(f"{path} has {len(own)} kernels ({', '.join(own)}): say --kernel")
    return next(iter(own.values()))


class _Bindings:
    """Describes the arguments of a kernel."""

    def __init__(self, kernel: Kernel, pairs: dict[str, str]) -> None:
        self.kernel = kernel
        self.pairs = pairs
        self.used: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.notes: list[str] = []

    def get(self, name: str) -> str | None:
        if name in self.pairs:
            self.used.add(name)
        return self.pairs.get(name)

    def dtype(self, dtype: DTypeLike) -> DType:
        if isinstance(dtype, DType):
            return dtype
        named = self.get(dtype.name)
        if named is not None:
            if named not in BY_NAME:
                raise LaunchError(f"{dtype.name}={named}: expected one of {', '.join(BY_NAME)}")
            return BY_NAME[named]
        return f32 if dtype.of is None else acc_of(self.dtype(dtype.of))

    def shape_of(self, name: str, spec: ViewSpec) -> tuple[int, ...] | None:
        """The sizes that an argument is bound to."""
        text = self.get(name)
        if text is None:
            return None
        sizes = text.split("x") if text else []
        if not all(n.isdigit() for n in sizes) or len(sizes) != len(spec.dims):
            raise LaunchError(
                f"{name}={text}: expected {len(spec.dims)} sizes, as in {'x'.join(['64'] * len(spec.dims))}"
            )
        return tuple(int(n) for n in sizes)

    def name_sizes(self) -> None:
        """Sizes of named axes: bound by name, by an argument's sizes, or the default."""
        views = [(n, s) for n, s in self.kernel.signature.arguments if isinstance(s, ViewSpec)]
        for _, spec in views:
            for dim in spec.dims:
                text = self.get(dim.name)
                if text is not None and text.isdigit():
                    self.sizes[dim.name] = int(text)
        for name, spec in views:
            for dim, size in zip(spec.dims, self.shape_of(name, spec) or ()):
                if not dim.stretch or size != 1:
                    self.sizes.setdefault(dim.name, size)

    def view(self, name: str, spec: ViewSpec) -> Spec | None:
        shape = self.shape_of(name, spec)
        if shape is None:
            if spec.optional:
                return None
            shape = tuple(
                d.number if d.number is not None else self.sizes.get(d.name, _DEFAULT_SIZE) for d in spec.dims
            )
        self.notes.append(f"{name}={'x'.join(map(str, shape))}")
        return Spec(shape, self.dtype(spec.dtype))

    def scalar(self, name: str, spec: ScalarSpec) -> Any:
        text = self.get(name)
        if text is None and spec.optional:
            return None
        dtype = self.dtype(spec.dtype)
        try:
            value = ast.literal_eval(text) if text is not None else 1.0 if dtype.is_float else 0
        except (ValueError, SyntaxError):
            raise LaunchError(f"{name}={text}: expected a number") from None
        self.notes.append(f"{name}={value}")
        return value

    def static(self, name: str, default: Any) -> Any:
        text = self.get(name)
        if text is None:
            return default
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text

    def arguments(self) -> dict[str, Any]:
        self.name_sizes()
        out: dict[str, Any] = {}
        for p in self.kernel.signature.parameters:
            if isinstance(p.spec, ViewSpec):
                out[p.name] = self.view(p.name, p.spec)
            elif isinstance(p.spec, ScalarSpec):
                out[p.name] = self.scalar(p.name, p.spec)
            elif isinstance(p.spec, Static):
                value = self.static(p.name, p.default)
                if p.name in self.pairs:
                    out[p.name] = value
            else:
                group = group_of(p.spec) or {}
                make: Any = p.spec
                out[p.name] = make(**{k: self.view(f"{p.name}.{k}", s) for k, s in group.items()})
        unknown = sorted(set(self.pairs) - self.used)
        if unknown:
            raise LaunchError(f"{self.kernel.name} has no argument, axis or dtype variable '{unknown[0]}'")
        return out


def text_of(path: Path, name: str | None, pairs: dict[str, str]) -> str:
    """The program with locations, under a line that repeats its arguments."""
    kernel = _choose(_load(path), path, name)
    bindings = _Bindings(kernel, pairs)
    found = kernel.specialise(bind(kernel.signature, (), bindings.arguments()))
    return f"// tegulac: {' '.join(bindings.notes)}\n{found.text.located}"


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(message.rstrip("\n") + "\n")
    raise SystemExit(1)


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m tegula", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--kernel", help="which one, if the file has several")
    parser.add_argument("--bind", action="append", default=[], metavar="NAME=VALUE")
    line = parser.parse_args(arguments)
    pairs: dict[str, str] = {}
    for pair in line.bind:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            _refuse(f"--bind {pair}: expected name=value")
        pairs[name] = value
    try:
        sys.stdout.write(text_of(line.file, line.kernel, pairs))
    except TegulaError as e:
        _refuse(str(e))


if __name__ == "__main__":
    main(sys.argv[1:])
