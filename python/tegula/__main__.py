# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m tegula FILE.py`: a kernel of a file as MLIR text. `tegulac` reads `.py` files with it.

No arrays are needed: `--bind` says what a call would have said. `D=64` is the size of the axes named
D, `T=bf16` a dtype variable, `bias=2x64` the sizes of a view (an optional one is absent otherwise),
`scale=0.5` a scalar, `BM=32` a tile size. Axes default to 64, dtype variables to f32, floats to 1,
other scalars to 0. The first lines of the text repeat sizes and scalars for whoever runs it.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tegula._frontend.arrays import Spec
from tegula._frontend.kernel import Kernel
from tegula._frontend.signature import REQUIRED, Parameter
from tegula.errors import TegulaError
from tegula.language.annotations import ScalarSpec, Static, ViewSpec
from tegula.language.dtypes import BY_NAME, DType, DTypeVar, acc_of, f32

DEFAULT_SIZE = 64


class _Unusable(Exception):
    """The command line does not fit the file."""


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise _Unusable(f"--bind: '{text}' is no number") from None


def _dtype_named(text: str) -> DType:
    if text not in BY_NAME:
        raise _Unusable(f"--bind: '{text}' is no dtype, expected one of {', '.join(BY_NAME)}")
    return BY_NAME[text]


class _Binding:
    """What `--bind` says of the parameters of one kernel."""

    def __init__(self, kernel: Kernel, bound: Mapping[str, str]) -> None:
        self.kernel = kernel
        self.bound = bound
        self.used: set[str] = set()
        self.notes: list[str] = []

    def get(self, name: str) -> str | None:
        """The bound text of a name, which counts as used then."""
        if name in self.bound:
            self.used.add(name)
        return self.bound.get(name)

    def dtype(self, spec: DType | DTypeVar) -> DType:
        """A dtype, or what its variable is bound to; the accumulator's follows from T."""
        if isinstance(spec, DType):
            return spec
        text = self.get(spec.name)
        if text is not None:
            return _dtype_named(text)
        return f32 if spec.of is None else acc_of(self.dtype(spec.of))

    def sizes(self, name: str, spec: ViewSpec) -> tuple[int, ...]:
        """Sizes of a view, by its own name or by those of its axes."""
        text = self.get(name)
        if text is not None:
            sizes = tuple(int(_number(part)) for part in text.split("x"))
            if len(sizes) != len(spec.dims):
                raise _Unusable(f"--bind {name}={text}: the view has {len(spec.dims)} axes")
            return sizes
        out: list[int] = []
        for dim in spec.dims:
            size = self.get(dim.name)
            if dim.number is not None:
                out.append(dim.number)
            else:
                out.append(DEFAULT_SIZE if size is None else int(_number(size)))
        return tuple(out)

    def view(self, name: str, spec: ViewSpec) -> Spec | None:
        """A described array, or None for an optional one that is not bound."""
        if spec.optional and name not in self.bound:
            return None
        sizes = self.sizes(name, spec)
        self.notes.append(f"{name}={'x'.join(map(str, sizes))}")
        return Spec(sizes, self.dtype(spec.dtype))

    def scalar(self, parameter: Parameter, spec: ScalarSpec) -> Any:
        """A number, or None for an optional one that is not bound."""
        text = self.get(parameter.name)
        if text is not None:
            value = _number(text)
        elif parameter.default is not REQUIRED or spec.optional:
            value = None if parameter.default is REQUIRED else parameter.default
        else:
            value = 1.0 if self.dtype(spec.dtype).is_float else 0
        if value is not None:
            self.notes.append(f"{parameter.name}={value}")
        return value

    def arguments(self) -> dict[str, Any]:
        """A value for each parameter; those that have a default and are not bound are left out."""
        out: dict[str, Any] = {}
        for parameter in self.kernel.signature.parameters:
            spec = parameter.spec
            if isinstance(spec, ViewSpec):
                out[parameter.name] = self.view(parameter.name, spec)
            elif isinstance(spec, ScalarSpec):
                out[parameter.name] = self.scalar(parameter, spec)
            elif isinstance(spec, Static):
                text = self.get(parameter.name)
                if text is not None:
                    out[parameter.name] = _number(text)
            else:
                views = {path.split(".")[1]: self.view(path, v) for path, v in parameter.views.items()}
                out[parameter.name] = spec(**views)
        unknown = sorted(set(self.bound) - self.used)
        if unknown:
            raise _Unusable(f"--bind: kernel '{self.kernel.name}' has nothing named {', '.join(unknown)}")
        return out


def _find_kernel(path: str, name: str | None) -> Kernel:
    try:
        scope = runpy.run_path(path, run_name="__tegula__")
    except (TegulaError, FileNotFoundError, SyntaxError):
        raise
    except Exception as e:  # whatever the file's own code raises while it is read
        lines = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == path]
        place = f"{path}:{lines[-1].lineno}: " if lines else ""
        raise _Unusable(f"{place}{type(e).__name__}: {e}") from None
    kernels = {k.name: k for k in scope.values() if isinstance(k, Kernel)}
    # Kernels that the file defines come before those that it imports.
    own = {n: k for n, k in kernels.items() if Path(k.fn.__code__.co_filename).resolve() == Path(path).resolve()}
    if name is not None:
        if name not in kernels:
            raise _Unusable(f"{path} has no kernel '{name}', only: {', '.join(kernels) or 'none'}")
        return kernels[name]
    candidates = own or kernels
    if len(candidates) != 1:
        raise _Unusable(f"say which kernel of {path} with --kernel: {', '.join(candidates) or 'it has none'}")
    return next(iter(candidates.values()))


def main(argv: Sequence[str]) -> int:
    """Runs the command; messages go to standard error."""
    parser = argparse.ArgumentParser(prog="python -m tegula", description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--kernel")
    parser.add_argument("--bind", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(argv)
    pairs: list[str] = options.bind
    bound = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    try:
        binding = _Binding(_find_kernel(options.file, options.kernel), bound)
        text = binding.kernel.ir("generic", locations=True, **binding.arguments())
    except (TegulaError, _Unusable) as e:
        print(e if isinstance(e, TegulaError) else f"error: {e}", file=sys.stderr)
        return 1
    except FileNotFoundError as e:
        print(f"error: {e.filename}: no such file", file=sys.stderr)
        return 1
    except SyntaxError as e:
        line = (e.text or "").rstrip("\n")
        caret = " " * max((e.offset or 1) - 1, 0) + "^"
        print(f"{e.filename}:{e.lineno}:{e.offset}: error: {e.msg}\n{line}\n{caret}", file=sys.stderr)
        return 1
    print("// tegulac: " + " ".join(binding.notes))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
