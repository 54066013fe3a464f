# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What rewritten code calls. The module itself is the `__tg` of rewritten functions."""

from __future__ import annotations

import builtins
import functools
import operator
import sys
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, cast

from tegula._frontend.regions import Branch, Frame, Loop
from tegula._frontend.rewrite import REWRITES
from tegula._frontend.trace import fail, tracing
from tegula.errors import ControlError, Site
from tegula.language.control import Stream
from tegula.language.elementwise import binary, invert, maximum, minimum
from tegula.language.values import OPERAND, describe

branch = Branch


def enter(
    stream: object,
    names: tuple[str, ...],
    targets: tuple[str, ...],
    frame: Frame,
    place: tuple[str, int, int, int, int, str],
) -> Loop:
    """Opens the region of a stream."""
    if not isinstance(stream, Stream):
        fail(ControlError, f"tg.stream gave {describe(stream)}")
    return Loop(stream, names, targets, frame, Site(*place))


def and_(a: Any, more: Callable[[], Any]) -> Any:
    """`a and b`: a static left side short-cuts."""
    if isinstance(a, OPERAND):
        return _logic("&", a, more())
    return more() if a else a


def or_(a: Any, more: Callable[[], Any]) -> Any:
    """`a or b`."""
    if isinstance(a, OPERAND):
        return _logic("|", a, more())
    return a if a else more()


def _logic(symbol: str, a: Any, b: Any) -> Any:
    result = binary(symbol, a, b)
    if result is NotImplemented:
        word = "and" if symbol == "&" else "or"
        fail(ControlError, f"'{word}' of a {describe(a)} and {describe(b)}")
    return result


def not_(a: Any) -> Any:
    """`not a`."""
    return invert(a) if isinstance(a, OPERAND) else not a


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "In": lambda a, b: a in b,
    "NotIn": lambda a, b: a not in b,
}


def chain(ops: tuple[str, ...], left: Any, *rights: Callable[[], Any]) -> Any:
    """`a < b <= c`."""
    result: Any = True
    for op, more in zip(ops, rights):
        right = more()
        holds = _COMPARE[op](left, right)
        result = holds if result is True else result & holds
        if not isinstance(result, OPERAND) and not result:
            return result
        left = right
    return result


def choose(condition: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """`a if c else b`: with a run-time condition both sides are evaluated."""
    if not isinstance(condition, OPERAND):
        return then() if condition else other()
    region = Branch(condition, ("the value",), {})
    for arm in region:
        region.leave({"the value": then() if arm else other()})
    return region["the value"]


# ---- callees


def call(f: Any) -> Any:
    """The callee, rewritten if it is an author's."""
    kind = cast(Any, type(f))
    if kind is FunctionType:
        return _rewritten(f)
    if kind is MethodType:
        function = f.__func__
        new = call(function)
        return f if new is function else MethodType(new, f.__self__)
    if kind is BuiltinFunctionType or kind is type:
        return _BUILTINS.get(f, f)
    if kind is functools.partial:
        return functools.partial(call(f.func), *f.args, **f.keywords)
    if isinstance(f, _LRU):
        return call(f.__wrapped__)  # a cache would hand out values of another trace
    method = kind.__dict__.get("__call__")
    if type(method) is FunctionType:  # an object with __call__
        new = _rewritten(method)
        return f if new is method else MethodType(new, f)
    return f


def _rewritten(f: FunctionType) -> FunctionType:
    trace = tracing()
    if trace is not None:
        trace.functions[f.__code__] = f
    return REWRITES.function(f, sys.modules["tegula"], sys.modules[__name__])


_LRU = type(functools.lru_cache(lambda: None))


def _largest(*values: Any, **options: Any) -> Any:
    if options or not any(isinstance(v, OPERAND) for v in values):
        return builtins.max(*values, **options)
    return functools.reduce(maximum, values)


def _smallest(*values: Any, **options: Any) -> Any:
    if options or not any(isinstance(v, OPERAND) for v in values):
        return builtins.min(*values, **options)
    return functools.reduce(minimum, values)


def _map(f: Any, *values: Iterable[Any]) -> Any:
    return map(call(f), *values)


def _filter(f: Any, values: Iterable[Any]) -> Any:
    return filter(call(f), values)


def _reduce(f: Any, *values: Any) -> Any:
    return functools.reduce(call(f), *values)


# By identity of the function object, so that shadowing a name is safe.
_BUILTINS: dict[Any, Any] = {
    builtins.max: _largest,
    builtins.min: _smallest,
    builtins.map: _map,
    builtins.filter: _filter,
    functools.reduce: _reduce,
}
