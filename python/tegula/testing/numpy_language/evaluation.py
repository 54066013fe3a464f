# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs kernels, programs and helpers eagerly in NumPy."""

from __future__ import annotations

import inspect
import random
import secrets
import sys
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from typing import cast as typed

import numpy as np

from tegula.errors import KernelError, LaunchError
from tegula.language.dtypes import BY_NAME, DType
from tegula.testing.numpy_language.binding import Binder, as_array, host_types, is_kernel
from tegula.testing.numpy_language.language import GridReached, Instance, Language, Launch
from tegula.testing.numpy_language.numerics import Array, Numerics, dtype_of_array
from tegula.testing.numpy_language.rebind import Rebinder, is_launchable
from tegula.testing.numpy_language.values import Index, Tile


def _no_types() -> Mapping[str, DType | str]:
    return {}


@dataclass(frozen=True)
class Evaluation:
    """An eager run of the language in NumPy: independent of the tracer, of MLIR and of the compiler.

    `evaluation(kernel, *args, **named)` launches a kernel (outputs are written in place), runs a
    program, or runs a host function such as `tegula.ops.attention`, whose launches are then
    evaluated. Rules of the language that only a trace can check (carried names, run-time branches)
    are not checked; shapes, dtypes, bounds, access, and who writes what, are.

    Attributes:
        wide: hold every float as float64 (checks the formula, not the rounding).
        seed: orders the instances of a grid and the spans of `order="any"` streams. None draws one
            and prints it on stderr.
        poison: fill `Out` arguments with NaN (integers: the smallest) before a launch.
        types: dtypes that variables stand for whatever the arrays hold, such as `{"T": "bf16"}`;
            float arrays of any dtype then fit.
    """

    wide: bool = False
    seed: int | None = None
    poison: bool = True
    types: Mapping[str, DType | str] = field(default_factory=_no_types)

    def __call__(self, f: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        return _Run(self, getattr(f, "__name__", "a function")).call(f, args, named)

    def helper(self, f: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        """Runs a helper on tiles: arrays and lists become tiles, and tiles in the result become arrays."""
        run = _Run(self, getattr(f, "__name__", "a helper"))
        numerics = Numerics(self.wide, self.bound())

        def tile(x: Any) -> Any:
            if not isinstance(x, np.ndarray | list):
                return x
            data: Array = np.asarray(typed("Any", x))
            dtype = dtype_of_array(data)
            if dtype is None:
                raise LaunchError(f"an argument holds {data.dtype}, which the language does not have")
            return Tile(data, dtype, numerics)

        def array(x: Any) -> Any:
            if isinstance(x, tuple | list):
                items = [array(v) for v in typed("list[Any]", x)]
                return items if isinstance(x, list) else tuple(items)
            return x.data if isinstance(x, Tile) else x

        function = run.rebinder.convert(f)
        body = run.body(function, [tile(a) for a in args], {k: tile(v) for k, v in named.items()})
        return array(run.language.run(Launch(numerics), None, body))

    def bound(self) -> dict[str, DType]:
        """`types` as dtypes."""
        return {k: BY_NAME[v] if isinstance(v, str) else v for k, v in self.types.items()}


def evaluate(f: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    """Runs a kernel, a program or a host function eagerly in NumPy, rounding as the dtypes say.

    Breakpoints and `print` in the kernel work: tiles print their numbers. See `Evaluation` for options.

    >>> import numpy as np, tegula as tg
    >>> from tegula import In, Out, f32
    >>> @tg.kernel
    ... def double(x: In[f32, "N"], y: Out[f32, "N"]):
    ...     n = tg.grid((x.shape[0], 4))
    ...     tg.store(y, (n,), tg.load(x, (n,)) * 2.0)
    >>> y = np.empty(6, np.float32)
    >>> Evaluation(seed=1)(double, np.arange(6, dtype=np.float32), y)
    >>> y
    array([ 0.,  2.,  4.,  6.,  8., 10.], dtype=float32)
    """
    return Evaluation()(f, *args, **named)


class _Run:
    """One call: its shuffle, its names, its rebound functions."""

    def __init__(self, options: Evaluation, name: str) -> None:
        seed = options.seed
        if seed is None:
            seed = secrets.randbits(32)
            print(f"tegula.testing: {name} evaluated with seed={seed}", file=sys.stderr)
        self.options = options
        self.language = Language(random.Random(seed))
        self.rebinder = Rebinder(self.language.names(), self._launcher)

    def call(self, f: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Launches a kernel or runs a host function."""
        wrapped: Any = f.__wrapped__ if is_launchable(f) else f
        if isinstance(wrapped, types.FunctionType) and is_kernel(wrapped):
            return self._launch(wrapped, args, named, bool(getattr(f, "repeatable", False)))
        function = self.rebinder.convert(wrapped)
        try:
            arguments = inspect.signature(wrapped).bind(*args, **named).arguments
        except TypeError as e:
            raise LaunchError(str(e)) from None
        numerics = Numerics(self.options.wide, host_types(arguments) | self.options.bound())
        return self.language.run(Launch(numerics), None, lambda: function(*args, **named))

    def body(self, function: Any, args: Any, named: Mapping[str, Any]) -> Callable[[], Any]:
        """A call to run later, with floating point warnings off: NaN and inf are values here."""

        def run() -> Any:
            with np.errstate(all="ignore"):
                return function(*args, **named)

        return run

    def _launcher(self, kernel: Any) -> Callable[..., Any]:
        def launch(*args: Any, **named: Any) -> Any:
            return self.call(kernel, args, named)

        return launch

    def _launch(
        self, function: types.FunctionType, args: tuple[Any, ...], named: dict[str, Any], repeatable: bool
    ) -> None:
        if self.language.in_kernel:
            raise KernelError(f"kernel '{function.__name__}' called inside a kernel: launches belong to programs")
        binder = Binder(function, self.options.wide, self.options.bound(), self.options.poison)
        bound, numerics = binder.bind(args, named)
        for name, value in bound.arguments.items():  # callbacks
            if callable(value) or isinstance(value, tuple | list | dict):
                bound.arguments[name] = self.rebinder.convert(value)
        body = self.body(self.rebinder.convert(function), bound.args, bound.kwargs)
        launch = Launch(numerics, repeatable)
        try:
            self.language.run(launch, None, body)
        except GridReached:
            pass
        else:
            raise KernelError(f"kernel '{function.__name__}' has no tg.grid")
        instances = [Instance(tuple(at), n) for n, at in enumerate(np.ndindex(*launch.extents))]
        self.language.shuffle.shuffle(instances)
        if launch.resident:
            self._together(launch, instances, body)
        else:
            for instance in instances:
                self._one(launch, instance, body)
        launch.finish()

    def _one(self, launch: Launch, instance: Instance, body: Callable[[], Any]) -> None:
        if self.language.run(launch, instance, body) is not None:
            raise KernelError("a kernel returns nothing: store its results")

    def _together(self, launch: Launch, instances: list[Instance], body: Callable[[], Any]) -> None:
        """All instances at once, one thread each: what `resident=True` promises."""
        launch.barrier = barrier = threading.Barrier(max(1, len(instances)))
        errors: list[BaseException] = []

        def go(instance: Instance) -> None:
            try:
                self._one(launch, instance, body)
            except BaseException as e:
                errors.append(e)
                barrier.abort()

        threads = [threading.Thread(target=go, args=(i,)) for i in instances]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        real = [e for e in errors if not isinstance(e, threading.BrokenBarrierError)]
        if errors:
            raise (real or errors)[0]


__all__ = ["Evaluation", "Index", "as_array", "evaluate"]
