# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs in PyTorch's autograd. Imported by the first call that needs it: torch is optional.

A program with a backward that is called with a tensor that requires grad becomes one node of the graph.
The node keeps what `tg.save` marked, and runs the derivative program when gradients arrive.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch

from tegula.errors import KernelError, LaunchError

if TYPE_CHECKING:
    from tegula._frontend.program import Program


@dataclass(frozen=True, slots=True)
class Derivative:
    """How a derivative program wants to be called, from its signature."""

    program: Program
    optional: tuple[bool, ...]  # per gradient: None is welcome where nothing flows in
    needs: bool  # it asks which gradients are wanted

    @staticmethod
    def of(program: Program) -> Derivative:
        fn = program.derivative_function
        parameters = list(inspect.signature(fn).parameters.values())
        grads = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        needs = any(p.kind is p.KEYWORD_ONLY and p.name == "needs" for p in parameters)
        return Derivative(program, tuple(p.default is None for p in grads), needs)

    def filled(self, grads: Sequence[Any], results: Sequence[Result | None]) -> tuple[Any, ...]:
        """The gradients, with zeros where the derivative expects an array and none flows in."""
        count = len(self.optional)
        if len(grads) > count and any(g is not None for g in grads[count:]):
            raise LaunchError(
                f"{self.program.name}: a gradient flows into result {count}, and its backward takes {count} gradients"
            )
        return tuple(
            r.zeros() if g is None and r is not None and not optional else g
            for g, r, optional in zip(grads, results, self.optional)
        )

    def keywords(self, keywords: dict[str, Any], needs: Sequence[bool]) -> dict[str, Any]:
        """The keywords of its call."""
        return {**keywords, "needs": tuple(needs)} if self.needs else keywords

    def gradients(self, found: Any, names: Sequence[str], needs: Sequence[bool]) -> list[Any]:
        """One gradient per argument, of what the derivative has returned."""
        given = cast("tuple[Any, ...]", found) if isinstance(found, tuple) else (found,)
        if len(given) > len(names):
            raise LaunchError(
                f"{self.program.name}: its backward returns {len(given)} gradients for {len(names)} arguments"
            )
        out = [*given, *[None] * (len(names) - len(given))]
        for i, (name, needed) in enumerate(zip(names, needs)):
            if needed and out[i] is None:
                raise LaunchError(f"{self.program.name}: '{name}' requires grad, and the backward has none for it")
        return [g if needed else None for g, needed in zip(out, needs)]


@dataclass(frozen=True, slots=True)
class Result:
    """What a gradient of a result looks like."""

    shape: tuple[Any, ...]
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of(value: Any) -> Result | None:
        """None for what has no gradient."""
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return None
        return Result(tuple(value.shape), value.dtype, value.device)

    def zeros(self) -> torch.Tensor:
        return torch.zeros(self.shape, dtype=self.dtype, device=self.device)


@dataclass(slots=True)
class _Call:
    """One call: the program, its arguments with places for the tensors, and what is kept."""

    program: Program
    derivative: Derivative
    counts: list[tuple[Any, int]]  # per positional argument: the type of a tuple or None, the number of leaves
    names: tuple[str, ...]
    keywords: dict[str, Any]
    results: tuple[Result | None, ...] = ()
    saved: tuple[Any, ...] = ()  # what is no tensor, and None in the place of each tensor
    where: list[int] = field(default_factory=list[int])  # the places of the tensors

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """The positional arguments again."""
        out: list[Any] = []
        at = 0
        for kind, count in self.counts:
            part = tuple(leaves[at : at + count])
            out.append(part[0] if kind is None else kind(part) if kind in (tuple, list) else kind(*part))
            at += count
        return out


class _Node(torch.autograd.Function):
    """The node of one call; its inputs are the leaves of the positional arguments."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *leaves: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        results, saved = call.program.forward(*call.arguments(leaves), **call.keywords)
        call.where = [i for i, v in enumerate(saved) if isinstance(v, torch.Tensor)]
        call.saved = tuple(None if isinstance(v, torch.Tensor) else v for v in saved)
        call.results = tuple(Result.of(r) for r in results)
        ctx.save_for_backward(*[saved[i] for i in call.where])
        ctx.set_materialize_grads(False)
        ctx.call = call
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        from tegula._frontend.program import Saved

        call: _Call = ctx.call
        if all(g is None for g in grads):
            return (None,) * (len(call.names) + 1)
        kept = ctx.saved_tensors
        saved = list(call.saved)
        for i, tensor in zip(call.where, kept):
            saved[i] = tensor
        needs = ctx.needs_input_grad[1:]
        flowing = call.derivative.filled(grads, call.results)
        with torch.no_grad():
            found = call.program.derivative(Saved(saved), *flowing, **call.derivative.keywords(call.keywords, needs))
            gradients = call.derivative.gradients(found, call.names, needs)
        return (None, *not_again(call.program.name, gradients, (*kept, *flowing)))


class _End(torch.autograd.Function):
    """Gradients in a graph that may not be differentiated again: it says so instead of being cut."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *tensors: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.name = name
        return tuple(t.detach() for t in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise LaunchError(f"{ctx.name}: has no second derivative")


def not_again(name: str, gradients: Sequence[Any], sources: Sequence[Any]) -> list[Any]:
    """The gradients; under `create_graph=True` with an end that refuses to be differentiated."""
    if not torch.is_grad_enabled():
        return list(gradients)
    made = [g for g in gradients if g is not None]
    end: Any = cast(Any, _End).apply(name, len(made), *made, *sources)
    ends = iter(end)
    return [None if g is None else next(ends) for g in gradients]


class Differentiable:
    """A program whose calls are nodes of the graph."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.derivative = Derivative.of(program)
        self.signature = inspect.signature(program.fn)
        for name, p in self.signature.parameters.items():
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise KernelError(f"{program.name}: a program with a backward names its parameters: no *{name}")

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as e:
            raise LaunchError(f"{self.program.name}: {e}") from None
        bound.apply_defaults()
        keywords: dict[str, Any] = {}
        leaves: list[Any] = []
        names: list[str] = []
        counts: list[tuple[Any, int]] = []  # (type of the tuple, or None; number of leaves)
        for key, parameter in self.signature.parameters.items():
            value = bound.arguments[key]
            if parameter.kind is parameter.KEYWORD_ONLY:
                keywords[key] = value
                self._refuse_grad(key, "a keyword argument", value)
            elif isinstance(value, (tuple, list)):
                members = tuple(cast("Sequence[Any]", value))
                leaves += members
                names += [f"{key}[{i}]" for i in range(len(members))]
                counts.append((cast(Any, type(cast(Any, value))), len(members)))
            else:
                leaves.append(value)
                names.append(key)
                counts.append((None, 1))
        for name, leaf in zip(names, leaves):
            if not isinstance(leaf, torch.Tensor):
                self._refuse_grad(name, f"what a {type(leaf).__name__} holds", leaf)
        call = _Call(self.program, self.derivative, counts, tuple(names), keywords)
        results: Any = cast(Any, _Node).apply(call, *leaves)
        return results[0] if len(results) == 1 else results or None

    def _refuse_grad(self, name: str, what: str, value: Any) -> None:
        from tegula._frontend.program import needs_grad

        if needs_grad(value):
            raise LaunchError(f"{self.program.name}: '{name}' requires grad, and {what} has no gradient: detach it")
