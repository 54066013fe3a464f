# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Numbers of a program that is being recorded: ordinary `int`s and `float`s that know their formula.

Arithmetic gives new ones; a comparison returns the example's truth and is noted as a guard, so
ordinary Python on sizes just works, and the program is specialised on what it looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Formula:
    """`op` is "dim" (arguments: array name, axis), "scalar" (name), "const" (number), or an operator."""

    op: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """A comparison that the recording depends on, and how it came out."""

    formula: Formula
    holds: bool


Note = Callable[[Guard], None]


def formula_of(value: Any) -> Formula:
    """The formula of a number; a plain one is a constant."""
    found: Formula | None = getattr(value, "formula", None)
    return found if found is not None else Formula("const", (value,))


class Size(int):
    """A size, or an `int` parameter."""

    formula: Formula
    note: Note

    def __new__(cls, value: int, formula: Formula, note: Note) -> Size:
        self = int.__new__(cls, value)
        self.formula = formula
        self.note = note
        return self

    def _binary(self, op: str, other: Any, compute: Callable[[int, int], int], swap: bool = False) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        a, b = (other, self) if swap else (self, other)
        return Size(compute(int(a), int(b)), Formula(op, (formula_of(a), formula_of(b))), self.note)

    def _compare(self, op: str, other: Any, holds: Any) -> Any:
        if isinstance(other, (int, float)) and holds is not NotImplemented:
            self.note(Guard(Formula(op, (self.formula, formula_of(other))), bool(holds)))
        return holds

    def __add__(self, other: Any) -> Any:
        return self._binary("+", other, int.__add__)

    def __radd__(self, other: Any) -> Any:
        return self._binary("+", other, int.__add__, True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("-", other, int.__sub__)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("-", other, int.__sub__, True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("*", other, int.__mul__)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("*", other, int.__mul__, True)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary("//", other, int.__floordiv__)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary("//", other, int.__floordiv__, True)

    def __mod__(self, other: Any) -> Any:
        return self._binary("%", other, int.__mod__)

    def __rmod__(self, other: Any) -> Any:
        return self._binary("%", other, int.__mod__, True)

    def __neg__(self) -> Any:
        return self._binary("-", 0, int.__sub__, True)

    def __lt__(self, other: Any) -> Any:
        return self._compare("<", other, int.__lt__(self, other))

    def __le__(self, other: Any) -> Any:
        return self._compare("<=", other, int.__le__(self, other))

    def __gt__(self, other: Any) -> Any:
        return self._compare(">", other, int.__gt__(self, other))

    def __ge__(self, other: Any) -> Any:
        return self._compare(">=", other, int.__ge__(self, other))

    def __eq__(self, other: Any) -> Any:
        return self._compare("==", other, int.__eq__(self, other))

    def __ne__(self, other: Any) -> Any:
        return self._compare("!=", other, int.__ne__(self, other))

    def __bool__(self) -> bool:
        return bool(self._compare("!=", 0, int(self) != 0))

    __hash__ = int.__hash__


class Real(float):
    """A `float` parameter: a run-time scalar of the program."""

    formula: Formula
    note: Note

    def __new__(cls, value: float, formula: Formula, note: Note) -> Real:
        self = float.__new__(cls, value)
        self.formula = formula
        self.note = note
        return self

    def _binary(self, op: str, other: Any, compute: Callable[[float, float], float], swap: bool = False) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        a, b = (other, self) if swap else (self, other)
        return Real(compute(float(a), float(b)), Formula(op, (formula_of(a), formula_of(b))), self.note)

    def __add__(self, other: Any) -> Any:
        return self._binary("+", other, float.__add__)

    def __radd__(self, other: Any) -> Any:
        return self._binary("+", other, float.__add__, True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("-", other, float.__sub__)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("-", other, float.__sub__, True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("*", other, float.__mul__)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("*", other, float.__mul__, True)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("/", other, float.__truediv__)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("/", other, float.__truediv__, True)

    def __neg__(self) -> Any:
        return self._binary("-", 0.0, float.__sub__, True)

    def _compare(self, op: str, other: Any, holds: Any) -> Any:
        if isinstance(other, (int, float)) and holds is not NotImplemented:
            self.note(Guard(Formula(op, (self.formula, formula_of(other))), bool(holds)))
        return holds

    def __lt__(self, other: Any) -> Any:
        return self._compare("<", other, float.__lt__(self, other))

    def __le__(self, other: Any) -> Any:
        return self._compare("<=", other, float.__le__(self, other))

    def __gt__(self, other: Any) -> Any:
        return self._compare(">", other, float.__gt__(self, other))

    def __ge__(self, other: Any) -> Any:
        return self._compare(">=", other, float.__ge__(self, other))

    def __eq__(self, other: Any) -> Any:
        return self._compare("==", other, float.__eq__(self, other))

    def __ne__(self, other: Any) -> Any:
        return self._compare("!=", other, float.__ne__(self, other))

    __hash__ = float.__hash__
