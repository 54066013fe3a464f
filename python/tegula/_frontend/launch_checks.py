# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the host has to check before a launch because the body relies on it.

Positions (`span.ids`) are 32 bit, so sizes that bound them must be below 2^31; the scale of a
softmax must be greater than 0. The checks are found in the traced body and written into the launch
part as `tegula.require`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tegula._compiler.ops import Block, Int, Number, Op, Places, Segments, Str, Value, walk
from tegula.language.dtypes import i1, index
from tegula.language.values import Scalar, View

_LIMIT = 2**31
# Predicates: signed less than of cmpi, ordered greater than of cmpf.
_BELOW, _ABOVE = 2, 2


def add_launch_checks(entry: Block, names: list[str], at: Places) -> None:
    """Adds the checks in front of the grid; `names` are the arguments', `at` is the kernel's place."""
    grid = next(i for i, op in enumerate(entry.ops) if op.name == "tegula.grid")
    checks: list[Op] = []
    for view, axis, size in _bounding_sizes(entry):
        message = f"axis {axis} of '{view.argument}' must have fewer than 2^31 elements: positions are 32 bit"
        checks += _require(entry, size, "arith.cmpi", _BELOW, Number(_LIMIT, index), message, at)
    argument = dict(zip(entry.args, names))
    for scale in _scales(entry):
        name = argument[scale]
        message = f"'{name}' must be greater than 0: it scales the weights of a softmax"
        checks += _require(entry, scale, "arith.cmpf", _ABOVE, Number(0.0, scale.dtype), message, at)
    entry.ops[grid:grid] = checks


def _require(
    entry: Block, value: Scalar, compare: str, predicate: int, bound: Number, message: str, at: Places
) -> list[Op]:
    constant = Op("arith.constant", (), (("value", bound),), (), at)
    constant.results.append(Scalar(bound.dtype, constant, entry))
    holds = Op(compare, [value, constant.results[0]], (("predicate", Int(predicate)),), (), at)
    holds.results.append(Scalar(i1, holds, entry))
    return [constant, holds, Op("tegula.require", holds.results, (("message", Str(message)),), (), at)]


def _bounding_sizes(entry: Block) -> Iterator[tuple[View, int, Scalar]]:
    """Sizes of arguments that a position can reach: backwards from `iota`, through streams and the grid."""
    bounds: dict[Value, list[Value]] = {}  # of positions: what they run between
    todo: list[Value] = []
    for outer in entry.ops:
        for op in walk(outer):
            if op.name == "tegula.grid":
                bounds.update((arg, [extent]) for arg, extent in zip(op.regions[0].args, op.operands))
            elif op.name == "tegula.stream":
                bounds[op.regions[0].args[0]] = op.operands[:2]
            elif op.name == "tegula.iota":
                todo += op.operands
            elif op.name == "tegula.segment_ids":
                todo.append(op.operands[1])
    seen: set[Value] = set()
    found: list[tuple[View, int, Scalar]] = []
    while todo:
        value = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        todo += bounds.get(value, ())
        if value.op is None:
            continue
        if value.op.name != "memref.dim":
            todo += value.op.operands
            continue
        view, axis = value.op.operands
        constant = axis.op.attr("value") if axis.op is not None else None
        if isinstance(view, View) and isinstance(constant, Number) and isinstance(value, Scalar):
            found.append((view, int(constant.value), value))
    order = {op: i for i, op in enumerate(entry.ops)}
    yield from sorted(found, key=lambda item: order[item[2].op] if item[2].op is not None else -1)


def _scales(entry: Block) -> Iterator[Scalar]:
    """Scalar arguments that scale the weights of a softmax."""
    seen: set[Value] = set()
    for outer in entry.ops:
        for op in walk(outer):
            segments = op.attr("operandSegmentSizes")
            if op.name != "tegula.softmax_update" or not isinstance(segments, Segments) or not segments.sizes[3]:
                continue
            scale = op.operands[3]
            if isinstance(scale, Scalar) and scale.op is None and scale.block is entry and scale not in seen:
                seen.add(scale)
                yield scale
