# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`@tg.program`: a host function of allocations, launches and arithmetic on sizes.

Called, it runs: `tg.empty` allocates an array of the kind that the arguments have, kernels launch.
With a second function, its derivative (`@program.backward`), calls on tensors that require grad take
part in PyTorch's autograd.
Recorded (`ir`), it becomes a `tegula.program`: arguments, guards, workspace and launches, the unit
that is shipped. Arrays that it returns or saves are `out` arguments there; the others are workspace.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from tegula._compiler.backend import default_backend
from tegula._compiler.environment import chip, compiling_for, environment
from tegula._compiler.text import Text, print_module
from tegula._frontend.arrays import Spec, describe, dtype_of
from tegula._frontend.device import device_of, target_of
from tegula._frontend.recording import Host, HostArray, Recording, ShapesOnly, Writer
from tegula._frontend.sizes import Formula, Real, Size
from tegula._frontend.trace import INTERCEPT, sites
from tegula.errors import KernelError, LaunchError
from tegula.language.annotations import Access
from tegula.language.dtypes import DType, f64, index

if TYPE_CHECKING:
    from tegula._frontend.autograd import Differentiable


class Saved(tuple[Any, ...]):
    """What a program keeps for its derivative."""

    __slots__ = ()


def save(*arrays: Any) -> Saved:
    """Marks the arrays that the derivative needs; the last value that a program returns."""
    return Saved(arrays)


# ---- allocation


_HOST: ContextVar[Host | None] = ContextVar("tegula_host", default=None)


def _host(what: str) -> Host:
    host = _HOST.get()
    if host is None:
        raise KernelError(f"tg.{what} outside a program")
    return host


def empty(shape: Any, dtype: Any) -> Any:
    """An uninitialised array of the kind that the program's arguments have."""
    return _host("empty").empty(tuple(shape), dtype, "t")


def empty_like(x: Any, shape: Any = None) -> Any:
    """An uninitialised array with the dtype of `x`, and its shape unless another is given."""
    host = _host("empty_like")
    shape = x.shape if shape is None else shape
    return host.empty(tuple(shape), x.dtype if isinstance(x, HostArray) else dtype_of(x, "x"), "t")


def plan(choice: Callable[..., dict[str, Any]], *sizes: int) -> dict[str, Any]:
    """The keywords of a launch that `choice` makes of sizes; none where nothing will be launched.

    Sizes may be PyTorch's symbols then, and comparing them would tie the traced graph to these sizes.
    """
    return {} if isinstance(INTERCEPT.get(), ShapesOnly) else choice(*sizes)


class Program:
    """A host function that runs, and that can be recorded."""

    def __init__(self, fn: FunctionType, name: str | None = None) -> None:
        self.fn = fn
        self.name = name or fn.__name__
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn
        self._backward: FunctionType | None = None
        self._differentiable: Differentiable | None = None

    def backward(self, fn: FunctionType) -> FunctionType:
        """Registers the program of the derivative: `fn(saved, *grads, **parameters)`.

        `grads` has one entry per result. Where no gradient flows into a result it is zeros, or None if
        that parameter of `fn` has the default None. `fn` returns one gradient per positional parameter of
        the program (per member, where that is a tuple), in order; None where there is none, and the last
        ones may be left out. A keyword parameter `needs` of `fn` receives one truth value per positional
        parameter: whether its gradient is wanted.
        """
        self._backward, self._differentiable = fn, None
        return fn

    @property
    def derivative_function(self) -> FunctionType:
        """What `backward` has registered."""
        if self._backward is None:
            raise LaunchError(f"program '{self.name}' has no backward")
        return self._backward

    # -- running

    def forward(self, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], Saved]:
        """Runs; returns the results and what the derivative needs."""
        return _split(self._run(self.fn, args, kwargs))

    def derivative(self, saved: Saved, *grads: Any, **kwargs: Any) -> Any:
        """Runs the derivative on what `forward` has saved."""
        return self._run(self.derivative_function, (saved, *grads), kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._backward is not None and needs_grad((args, kwargs)):
            from tegula._frontend.autograd import Differentiable  # late: it imports torch

            if self._differentiable is None:
                self._differentiable = Differentiable(self)
            return self._differentiable(args, kwargs)
        results, _ = self.forward(*args, **kwargs)
        return _public(results)

    def _run(self, fn: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        arrays = [a for a in _flat((args, kwargs)) if _is_array(a)]
        if needs_grad((args, kwargs)):
            what = "programs differentiate when they are called" if self._backward else "this program has no backward"
            raise LaunchError(
                f"{self.name}: an argument requires grad, and {what}: call it under torch.no_grad(), or detach the "
                "tensor"
            )
        host = Host(arrays)
        token = _HOST.set(host)
        try:
            with self._on(host):
                return fn(*args, **kwargs)
        finally:
            _HOST.reset(token)

    def _on(self, host: Host) -> AbstractContextManager[None]:
        """Tile sizes that are chosen inside are for where the arrays are."""
        try:
            device = None if host.tensor is None else device_of(host.tensor)
            return nullcontext() if device is None else compiling_for(target_of(device))
        except LaunchError as e:
            raise LaunchError(f"{self.name}: {e.message}") from None

    # -- looking at shapes

    def forward_shapes(self, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], Saved]:
        """As `forward`, but nothing is launched: results have shapes and dtypes, and no values.

        Tensors may be PyTorch's fake ones: addresses are not looked at.
        """
        return _split(self._run_shapes(self.fn, args, kwargs))

    def derivative_shapes(self, saved: Saved, *grads: Any, **kwargs: Any) -> Any:
        """As `derivative`, but nothing is launched."""
        return self._run_shapes(self.derivative_function, (saved, *grads), kwargs)

    def _run_shapes(self, fn: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        host = ShapesOnly([a for a in _flat((args, kwargs)) if _is_array(a)])
        tokens = _HOST.set(host), INTERCEPT.set(host)
        try:
            return fn(*args, **kwargs)
        finally:
            _HOST.reset(tokens[0])
            INTERCEPT.reset(tokens[1])

    # -- recording

    def record(self, *args: Any, **kwargs: Any) -> Text:
        """The program for an example call, as text: its kernels, then the `tegula.program`."""
        return self._record(self.fn, self.name, args, kwargs)

    def record_backward(self, *args: Any, **kwargs: Any) -> Text:
        """The derivative for an example call of the program, as text.

        Its arguments are what the program saves (`saved0`, …) and a gradient for each result (the names of
        the parameters of the derivative), its results the gradients that it returns.
        """
        import inspect  # late: it takes a few milliseconds

        fn = self.derivative_function
        results, saved = self.forward_shapes(*args, **kwargs)
        grads = [Spec(tuple(int(n) for n in r.shape), dtype_of(r, "a result")) for r in results]
        kept = Saved([_as_spec(x) for x in saved])
        call = inspect.signature(self.fn).bind(*args, **kwargs)
        call.apply_defaults()
        wanted = inspect.signature(fn).parameters
        named = {name: value for name, value in call.arguments.items() if name in wanted and name in _keywords(fn)}
        if "needs" in wanted:
            named["needs"] = (True,) * len(call.args)
        return self._record(fn, f"{self.name}_backward", (kept, *grads), named)

    def ir(
        self,
        level: str,
        /,
        *args: Any,
        locations: bool = False,
        backward: bool = False,
        target: str = "",
        **kwargs: Any,
    ) -> str:
        """The recorded program (or its derivative) for example arguments, as `Kernel.ir` has it."""
        if target:
            with compiling_for(target):
                return self.ir(level, *args, locations=locations, backward=backward, **kwargs)
        text = (self.record_backward if backward else self.record)(*args, **kwargs)
        chosen = text.located if locations else text.plain
        if level == "generic":
            return chosen
        env = environment()
        return default_backend().emit(chosen, chip(env.target), level, env.options)

    def _record(self, fn: FunctionType, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Text:
        import inspect  # late: it takes a few milliseconds

        call = inspect.signature(fn).bind(*args, **kwargs)
        call.apply_defaults()
        recording = Recording([a for _, a in _named(call.arguments) if _is_array(a)])
        handles: list[HostArray] = []
        scalars: list[tuple[str, DType]] = []
        scope = fn.__globals__
        for p in inspect.signature(fn).parameters.values():
            value = call.arguments[p.name]
            annotation = eval(p.annotation, scope) if isinstance(p.annotation, str) else p.annotation
            call.arguments[p.name] = _symbolic(p.name, value, annotation, recording, handles, scalars)
        tokens = _HOST.set(recording), INTERCEPT.set(recording)
        try:
            result = fn(*call.args, **call.kwargs)
        finally:
            _HOST.reset(tokens[0])
            INTERCEPT.reset(tokens[1])
        results, saved = _split(result)
        returned = [h for h in (*results, *saved) if isinstance(h, HostArray) and h in recording.allocated]
        writer = Writer(name, recording)
        for handle in handles:
            writer.argument(handle, Access.IN)
        for handle in dict.fromkeys(returned):
            writer.argument(handle, Access.OUT)
        for scalar, dtype in scalars:
            writer.scalar(scalar, dtype)
        program = writer.write(returned)
        return print_module([*[op for _, op in recording.kernels.values()], program], sites)


def _symbolic(
    name: str,
    value: Any,
    annotation: Any,
    recording: Recording,
    handles: list[HostArray],
    scalars: list[tuple[str, DType]],
) -> Any:
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        kind: Any = type(items)
        return kind([_symbolic(f"{name}{i}", v, None, recording, handles, scalars) for i, v in enumerate(items)])
    if _is_array(value):
        array = describe(value, name)
        shape = tuple(Size(n, Formula("dim", (name, i)), recording.note) for i, n in enumerate(array.shape))
        handle = HostArray(name, shape, array.dtype, array)
        handles.append(handle)
        return handle
    if annotation is float and isinstance(value, (int, float)):
        scalars.append((name, f64))
        return Real(float(value), Formula("scalar", (name,)), recording.note)
    if annotation is int and isinstance(value, int):
        scalars.append((name, index))
        return Size(value, Formula("scalar", (name,)), recording.note)
    return value


def needs_grad(value: Any) -> bool:
    """Whether it is or holds a tensor that requires grad, while PyTorch records a graph."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.is_grad_enabled():
        return False
    return any(isinstance(a, torch.Tensor) and a.requires_grad for a in _flat(value))


def _keywords(fn: FunctionType) -> tuple[str, ...]:
    """The keyword parameters of a function."""
    code = fn.__code__
    return code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]


def _as_spec(value: Any) -> Any:
    """An array as what describes it; anything else as it is."""
    if not _is_array(value) or isinstance(value, Spec):
        return value
    return Spec(tuple(int(n) for n in value.shape), dtype_of(value, "a saved array"))


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Spec)) or hasattr(value, "__dlpack__")


def _named(arguments: Any) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for name, value in arguments.items():
        if isinstance(value, tuple):
            items = cast("tuple[Any, ...]", value)
            out += [(f"{name}{i}", v) for i, v in enumerate(items)]
        else:
            out.append((name, value))
    return out


def _flat(value: Any) -> list[Any]:
    """The leaves of tuples, lists and dicts."""
    if isinstance(value, dict):
        return _flat(tuple(cast("dict[Any, Any]", value).values()))
    if isinstance(value, (tuple, list)):
        return [x for v in cast("tuple[Any, ...]", value) for x in _flat(v)]
    return [value]


def _public(results: tuple[Any, ...]) -> Any:
    """What a call gives back: one result as it is, several as a tuple."""
    return results[0] if len(results) == 1 else results or None


def _split(result: Any) -> tuple[tuple[Any, ...], Saved]:
    """Results, and what is saved: the last value, if it was made by `tg.save`."""
    if isinstance(result, Saved):
        return (), result
    if not isinstance(result, tuple):
        return (() if result is None else (result,)), Saved()
    items = cast("tuple[Any, ...]", result)
    if items and isinstance(items[-1], Saved):
        return items[:-1], items[-1]
    return items, Saved()


@overload
def program(fn: Callable[..., Any], /) -> Program: ...
@overload
def program(*, name: str) -> Callable[[Callable[..., Any]], Program]: ...
def program(fn: Any = None, /, *, name: str | None = None) -> Any:
    """Makes a program of a host function; its name is the function's unless another is given."""

    def decorate(f: Any) -> Program:
        if not isinstance(f, FunctionType):
            raise KernelError("tg.program takes a function")
        return Program(f, name)

    return decorate if fn is None else decorate(fn)
