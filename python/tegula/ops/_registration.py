# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `Operator` does at its first call: two operators of PyTorch's, a program and its derivative.

    tegula::NAME(Tensor x, Tensor? b=None, *, float scale) -> (Tensor, Tensor)
    tegula::NAME_backward(Tensor?[] saved, Tensor?[] grads, bool[] needs, *, float scale) -> Tensor[]

The first returns the program's results, then the arrays that it made only to save them (an empty one for each
that a call did not make). Where each saved array is, among the arguments or the results, is its *layout*.
Only imported with torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import FunctionType
from typing import Any, cast

import torch

from tegula._frontend.autograd import Derivative, Result, not_again
from tegula._frontend.program import Program, Saved
from tegula.errors import KernelError, LaunchError

_TYPES = {"float": "float", "int": "SymInt", "bool": "bool", "str": "str"}

# Where an array is: ("input", i), ("output", i), or nowhere.
Place = tuple[str, int] | None
Layout = tuple[Place, ...]


class Registration:
    """The two operators of one program."""

    def __init__(self, program: Program, results: int, saved: int) -> None:
        self.program = program
        self.results = results
        self.outputs = results + saved
        self.derivative = Derivative.of(program)
        self._saved: dict[Any, Layout] = {}
        self._gradients: dict[Any, Layout] = {}
        tensors, keywords, self.defaults = _signature(program.fn)
        self.names = tuple(tensors)
        returns = "Tensor" if self.outputs == 1 else f"({', '.join(['Tensor'] * self.outputs)})"
        forward = ", ".join([*tensors.values(), *keywords])
        backward = ", ".join(["Tensor?[] saved", "Tensor?[] grads", "bool[] needs", *keywords])
        name = f"tegula::{program.name}"
        library: Any = torch.library
        library.define(name, f"({forward}) -> {returns}")
        library.impl(name, ("cpu", "cuda"), self._forward)
        library.register_fake(name, self._forward_fake)
        library.register_autograd(name, self._backward, setup_context=self._keep)
        library.define(f"{name}_backward", f"({backward}) -> Tensor[]")
        library.impl(f"{name}_backward", ("cpu", "cuda"), self._run_derivative)
        library.register_fake(f"{name}_backward", self._derivative_fake)
        library.register_autograd(f"{name}_backward", self._refuse)
        self.overload: Any = getattr(torch.ops.tegula, program.name).default
        self.backward: Any = getattr(torch.ops.tegula, f"{program.name}_backward").default

    # -- forward

    def _forward(self, *tensors: Any, **keywords: Any) -> Any:
        tensors = _distinct(tensors)
        return self._results(self.program.forward(*tensors, **keywords), tensors, keywords)

    def _forward_fake(self, *tensors: Any, **keywords: Any) -> Any:
        tensors = _distinct(tensors)
        return self._results(self.program.forward_shapes(*tensors, **keywords), tensors, keywords)

    def _key(self, tensors: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """What a layout may depend on. The dispatcher leaves out what equals its default."""
        given = {**self.defaults, **keywords}
        flags = tuple((n, v if type(v) in (bool, str, tuple) else v is None) for n, v in given.items())
        present = tuple(t is not None for t in tensors)
        return present + (False,) * (len(self.names) - len(present)), flags

    def _results(self, found: tuple[tuple[Any, ...], Saved], tensors: Any, keywords: dict[str, Any]) -> Any:
        results, saved = found
        if len(results) != self.results:
            raise LaunchError(f"{self.program.name}: {len(results)} results, {self.results} were announced")
        outputs = list(results)
        layout: list[Place] = []
        for array in saved:
            place = None if array is None else _find(array, ("input", tensors), ("output", outputs))
            if array is not None and place is None:
                place = ("output", len(outputs))
                outputs.append(array)
            layout.append(place)
        if len(outputs) > self.outputs:
            raise LaunchError(
                f"{self.program.name}: saves {len(outputs) - self.results} arrays of its own, "
                f"{self.outputs - self.results} were announced"
            )
        self._note(self._saved, self._key(tensors, keywords), tuple(layout))
        while len(outputs) < self.outputs:
            outputs.append(torch.empty(0))
        return outputs[0] if self.outputs == 1 else tuple(outputs)

    def _note(self, layouts: dict[Any, Layout], key: Any, layout: Layout) -> None:
        if layouts.setdefault(key, layout) != layout:
            raise LaunchError(f"{self.program.name}: what it saves or differentiates depends on sizes")

    # -- autograd

    def _keep(self, ctx: Any, inputs: tuple[Any, ...], output: Any, keyword_only_inputs: Any = None) -> None:
        keywords: dict[str, Any] = dict(keyword_only_inputs or {})
        outputs: tuple[Any, ...] = (output,) if self.outputs == 1 else tuple(output)
        layout = self._saved[self._key(inputs, keywords)]
        arrays = {"input": inputs, "output": outputs}
        ctx.save_for_backward(*[arrays[p[0]][p[1]] for p in layout if p is not None])
        ctx.layout = layout
        ctx.keywords = keywords
        ctx.results = [Result.of(r) for r in outputs[: self.results]]
        ctx.mark_non_differentiable(*outputs[self.results :])
        ctx.set_materialize_grads(False)

    def _backward(self, ctx: Any, *grads: Any) -> Any:
        if all(g is None for g in grads):
            return (None,) * len(ctx.needs_input_grad)
        kept = ctx.saved_tensors
        rest = iter(kept)
        saved = [None if p is None else next(rest) for p in ctx.layout]
        given = [bool(n) for n in ctx.needs_input_grad]  # without arguments left out at the end
        needs = given + [False] * (len(self.names) - len(given))
        flowing = list(self.derivative.filled(grads[: self.results], ctx.results))
        with torch.no_grad():
            made = self.backward(saved, flowing, needs, **ctx.keywords)
        layout = self._gradients[self._key((*saved, *flowing), {**ctx.keywords, "needs": tuple(needs)})]
        arrays = {"input": flowing, "output": made}
        gradients = [None if p is None else arrays[p[0]][p[1]] for p in layout[: len(given)]]
        return tuple(not_again(self.program.name, gradients, (*kept, *flowing)))

    def _run_derivative(self, saved: Any, grads: Any, needs: Any, **keywords: Any) -> Any:
        given, grads = self.derivative.keywords({**self.defaults, **keywords}, needs), _distinct(grads)
        return self._made(self.program.derivative(Saved(saved), *grads, **given), saved, grads, needs, keywords)

    def _derivative_fake(self, saved: Any, grads: Any, needs: Any, **keywords: Any) -> Any:
        given, grads = self.derivative.keywords({**self.defaults, **keywords}, needs), _distinct(grads)
        return self._made(self.program.derivative_shapes(Saved(saved), *grads, **given), saved, grads, needs, keywords)

    def _made(self, found: Any, saved: Any, grads: Any, needs: Any, keywords: dict[str, Any]) -> list[Any]:
        gradients = self.derivative.gradients(found, self.names, needs)
        outputs: list[Any] = []
        layout: list[Place] = []
        for gradient in gradients:
            place = None if gradient is None else _find(gradient, ("input", grads), ("output", outputs))
            if gradient is not None and place is None:
                place = ("output", len(outputs))
                outputs.append(gradient)
            layout.append(place)
        self._note(self._gradients, self._key((*saved, *grads), {**keywords, "needs": tuple(needs)}), tuple(layout))
        return outputs

    def _refuse(self, ctx: Any, *grads: Any) -> Any:
        raise LaunchError(f"{self.program.name}: has no second derivative")


def _find(array: Any, *lists: tuple[str, Sequence[Any]]) -> Place:
    """Where an array is, by identity."""
    for what, arrays in lists:
        for i, other in enumerate(arrays):
            if other is array:
                return (what, i)
    return None


def _distinct(tensors: Sequence[Any]) -> tuple[Any, ...]:
    """The tensors, each another object: `f(x, x)` has the layout of `f(x, y)`."""
    out: list[Any] = []
    for t in tensors:
        out.append(t.detach() if t is not None and any(t is other for other in out) else t)
    return tuple(out)


def _signature(fn: FunctionType) -> tuple[dict[str, str], list[str], dict[str, Any]]:
    """The tensors of the schema, by name; its keywords, and their defaults."""
    tensors: dict[str, str] = {}
    keywords: list[str] = []
    defaults: dict[str, Any] = {}
    for name, p in inspect.signature(fn).parameters.items():
        if p.kind is p.KEYWORD_ONLY:
            default = "" if p.default is p.empty else f"={_literal(p.default)}"
            star = "" if keywords else "*, "
            keywords.append(f"{star}{_type(fn, name, p.annotation)} {name}{default}")
            if p.default is not p.empty:
                defaults[name] = p.default
        elif p.default is None:
            tensors[name] = f"Tensor? {name}=None"
        else:
            tensors[name] = f"Tensor {name}"
    return tensors, keywords, defaults


def _type(fn: FunctionType, name: str, annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else cast(str, annotation.__name__)
    words = [word.strip() for word in text.split("|")]
    kinds = [word for word in words if word != "None"]
    if len(kinds) != 1 or kinds[0] not in _TYPES:
        raise KernelError(
            f"{fn.__name__}: '{name}' is {text}: an operator takes {', '.join(_TYPES)}, or one of them | None"
        )
    return _TYPES[kinds[0]] + ("?" if "None" in words else "")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
