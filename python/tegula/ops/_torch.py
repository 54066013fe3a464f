# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An operator as one of PyTorch's: `torch.ops.tegula.NAME`, with a fake kernel and a derivative.

An operator gets a differentiable path in three steps:

1. A `@tg.program` with a backward: positional parameters are tensors (`Any`, or `Any = None` for one that
   may be absent), keyword-only ones are `float`, `int`, `bool` or `str`, or one of these `| None`. Tile sizes
   come from `plan(choice, *sizes)`, which chooses nothing while only shapes are looked at.
2. `OP = Operator(program, results=n, saved=k)`: the program returns n arrays, and makes at most k arrays only
   to save them.
3. The public function looks at its arguments with `graph=True` (`argument`, `floating`, `parameter` of
   `_host`); where `in_graph` says that PyTorch must see the call it returns `OP(...)`, else it goes its direct
   way, which costs less per call.

The fake kernel is the program with its launches left out, so the two cannot disagree. The derivative is an
operator too (`NAME_backward`), so that a compiler can trace it. Registration happens at the first call: torch
is optional, and importing `tegula.ops` does not import it.

Which arrays a program saves, and for which arguments it has gradients, may depend on what is absent and on
truth values and words among the keywords, not on sizes: PyTorch traces once for many sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tegula._frontend.program import Program, plan
from tegula.ops._host import Argument

if TYPE_CHECKING:
    from tegula.ops._registration import Registration


def in_graph(*arguments: Argument | None) -> bool:
    """Whether PyTorch must see the call: a tensor requires grad, is fake, or the call is being compiled."""
    if any(a is not None and a.graph for a in arguments):
        return True
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


class Operator:
    """A program as an operator of PyTorch's, under the program's name."""

    def __init__(self, program: Any, *, results: int = 1, saved: int = 0) -> None:
        self.program: Program = program
        self.results = results
        self.saved = saved
        self._registration: Registration | None = None

    def __call__(self, *tensors: Any, **keywords: Any) -> Any:
        """The program's results, through PyTorch's dispatcher."""
        torch = sys.modules["torch"]
        if torch.compiler.is_compiling():
            _register(self)
            overload = getattr(torch.ops.tegula, self.program.name).default
        else:
            overload = self.overload
        found = overload(*tensors, **keywords)
        if self.results + self.saved == 1:
            return found
        results: Sequence[Any] = found
        return results[0] if self.results == 1 else tuple(results[: self.results])

    @property
    def overload(self) -> Any:
        """`torch.ops.tegula.NAME.default`, registered at the first use."""
        if self._registration is None:
            from tegula.ops._registration import Registration  # late: it imports torch

            self._registration = Registration(self.program, self.results, self.saved)
        return self._registration.overload


def _register(operator: Operator) -> bool:
    return operator.overload is not None


# The first call may be one that torch.compile traces: it runs this function and takes the result as a constant, as
# with torch.compiler.assume_constant_result (which would import torch).
_register.__dict__["_dynamo_marked_constant"] = True


__all__ = ["Operator", "in_graph", "plan"]
