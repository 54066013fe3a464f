# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tracing one specialisation of a kernel to a recorded op, and to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from tegula._compiler.ops import Arg, Args, Attrs, Block, Op, Str, Unit, drop_dead, walk
from tegula._compiler.text import Text, print_module
from tegula._frontend import calls
from tegula._frontend import trace as tracing
from tegula._frontend.launch_checks import add_launch_checks
from tegula._frontend.schedule import Schedule, attach
from tegula._frontend.signature import Bound, BoundArray, Signature, definition, unit_axis, value_key
from tegula._frontend.trace import Trace, label_of, resolve, sites
from tegula.errors import ControlError, KernelError, Note, ScopeError, TegulaError
from tegula.language.annotations import ScalarSpec, ViewSpec, group_of
from tegula.language.dtypes import DType, index
from tegula.language.elementwise import compare
from tegula.language.values import Scalar, View, constant_scalar, scalar_op


@dataclass(frozen=True, slots=True)
class Global:
    """A number, text, dtype or array that the trace has read from a module, frozen in what it made."""

    scope: dict[str, Any]
    name: str
    key: Any

    @property
    def is_current(self) -> bool:
        """Whether it still has that value."""
        return self.name in self.scope and value_key(self.scope[self.name]) == self.key


def _globals_of(functions: Iterable[FunctionType]) -> tuple[Global, ...]:
    """The globals of these kinds that the functions name. Functions and modules are not followed."""
    found: dict[tuple[int, str], Global] = {}
    for fn in functions:
        scope = fn.__globals__
        for name in _names(fn.__code__):
            value = scope.get(name)
            if isinstance(value, (bool, int, float, str, tuple, np.ndarray, DType)):
                found.setdefault((id(scope), name), Global(scope, name, value_key(value)))
    return tuple(found.values())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@dataclass(frozen=True, slots=True)
class Specialised:
    """A traced kernel: the op, its text, the dtypes of its scalar arguments by name, and the globals it read."""

    op: Op
    text: Text
    scalars: dict[str, DType]
    globals: tuple[Global, ...]

    @property
    def is_current(self) -> bool:
        """Whether the globals are what they were."""
        return all(g.is_current for g in self.globals)


@dataclass(frozen=True, slots=True)
class Options:
    """What a kernel says about all its specialisations; `target` is asked for only where there are schedules."""

    repeatable: bool = False
    schedules: tuple[Schedule, ...] = ()
    target: str = ""


class _Tracer:
    def __init__(self, fn: FunctionType, signature: Signature, bound: Bound, name: str, options: Options) -> None:
        self.fn = fn
        self.options = options
        self.signature = signature
        self.bound = bound
        self.name = name
        self.trace = Trace(dict(bound.dtypes), _run.__code__, options.repeatable)
        self.args: list[Arg] = []
        self.views: list[tuple[View, BoundArray]] = []
        self.scalars: dict[str, DType] = {}

    def specialise(self) -> Op:
        outer = tracing.tracing()
        if outer is not None:
            raise KernelError(f"kernel '{self.fn.__name__}' is traced inside another trace")
        try:
            with tracing.in_progress(self.trace):
                call = self.arguments()
                self.sizes()
                self.body(call)
                return self.finish()
        except TegulaError as failure:
            # The first error is the one that counts, even if the author's code caught it. Its text
            # is the traceback.
            raise (self.trace.failed or failure).with_traceback(None) from None

    # -- arguments

    def arguments(self) -> dict[str, Any]:
        """Block arguments in the order of the parameters; None for absent ones."""
        call: dict[str, Any] = {}
        for p in self.signature.parameters:
            value = self.bound.values[p.name]
            if isinstance(p.spec, ViewSpec):
                call[p.name] = self.view(p.name)
            elif isinstance(p.spec, ScalarSpec):
                call[p.name] = None if value is None else self.scalar(p.name, p.spec)
            elif (group := group_of(p.spec)) is not None:
                call[p.name] = p.spec(**{k: self.view(f"{p.name}.{k}") for k in group})  # type: ignore[operator]
            else:
                call[p.name] = value
        return call

    def view(self, name: str) -> View | None:
        bound = self.bound.arrays.get(name)
        if bound is None:
            return None
        array, spec = bound.array, bound.spec
        shape = [n if d.static else None for d, n in zip(spec.dims, array.shape)]
        rank, unit = len(shape), unit_axis(array)
        strides = tuple(1 if axis == unit else None for axis in range(rank))
        view = View(shape, strides, array.dtype, spec.access, name, None, self.trace.entry)
        self.trace.entry.args.append(view)
        align, multiples = 1, ()
        if self.bound.aligned:
            align = 16
            step = max(1, 16 // array.dtype.bytes)
            multiples = (*(step,) * (rank - 1), 1) if rank else ()
        # A view of a group is `group.view` to the author; the dialect wants one word.
        self.args.append(Arg(spec.access.value, name.replace(".", "__"), align, multiples))
        self.views.append((view, bound))
        return view

    def scalar(self, name: str, spec: ScalarSpec) -> Scalar:
        dtype = resolve(spec.dtype)
        scalar = Scalar(dtype, None, self.trace.entry)
        self.trace.entry.args.append(scalar)
        self.args.append(Arg("value", name))
        self.scalars[name] = dtype
        return scalar

    def sizes(self) -> None:
        """One value per name of an axis; where a name occurs again, the host checks that sizes agree."""
        owner: dict[str, str] = {}
        for view, bound in self.views:
            shape: list[Any] = list(view.shape)
            for axis, dim in enumerate(bound.spec.dims):
                if dim.static:
                    continue
                size = scalar_op("memref.dim", [view, constant_scalar(axis, index)], index)
                size.nonneg = True
                first = None if dim.free else self.trace.dims.get(dim.name)
                if first is None:
                    shape[axis] = size
                    if not dim.free:
                        self.trace.dims[dim.name] = size
                        owner[dim.name] = bound.name
                    continue
                shape[axis] = first
                message = f"{dim.name} differs between '{owner[dim.name]}' and '{bound.name}'"
                tracing.emit("tegula.require", [compare("==", first, size)], (("message", Str(message)),))
            view.shape = tuple(shape)

    # -- body

    def body(self, call: dict[str, Any]) -> None:
        positional = [call[p.name] for p in self.signature.parameters if not p.keyword_only]
        keywords = {p.name: call[p.name] for p in self.signature.parameters if p.keyword_only}
        try:
            result = _run(calls.call(self.fn), positional, keywords)
        except NameError as e:
            raise _unbound(e, self.trace) from None
        except RecursionError:
            raise ControlError("recursion without a static end", [definition(self.fn)]) from None
        if self.trace.failed is not None:
            raise self.trace.failed
        if result is not None:
            raise KernelError(
                f"kernel '{self.fn.__name__}' returns a value: results go to Out views", [definition(self.fn)]
            )
        if not self.trace.in_grid:
            raise KernelError(f"kernel '{self.fn.__name__}' has no tg.grid", [definition(self.fn)])

    def finish(self) -> Op:
        trace = self.trace
        trace.block.ops.append(Op("tegula.yield"))
        trace.entry.ops = [*trace.constant_ops, *trace.entry.ops, Op("tegula.return")]
        drop_dead(trace.entry)
        place = ((self.fn.__code__, 0),)
        add_launch_checks(trace.entry, [a.name for a in self.args], place)
        attrs: Attrs = (("args", Args(tuple(self.args))), ("sym_name", Str(self.name)))
        if self.options.repeatable:
            attrs = (*attrs, ("tegula.repeatable", Unit()))
        op = Op("tegula.kernel", (), attrs, (trace.entry,), place)
        _name_anchors(trace.entry)
        values = self.bound.values
        for schedule in self.options.schedules:
            if schedule.serves(self.options.target, values):
                attach(trace.entry, schedule)
                break
        return op


def _run(fn: Any, positional: list[Any], keywords: dict[str, Any]) -> Any:
    """The frame below which all frames are the author's or ours; what lies above is the host's."""
    return fn(*positional, **keywords)


# Ops that a schedule can name, and what they are called where no assignment gives them a name.
_ANCHORS = {
    "tegula.load": "load",
    "tegula.store": "store",
    "tegula.gather": "load",
    "tegula.scatter": "store",
    "tegula.reduce_store": "store",
    "tegula.dot": "dot",
    "tegula.low_rank_dot": "dot",
    "tegula.butterfly": "fft",
    "tegula.segment_sum": "sum",
    "tegula.reduce": "reduce",
    "tegula.exp2": "exp2",
    "tegula.softmax_update": "softmax",
}


def _name_anchors(entry: Block) -> None:
    """Labels: an explicit one, else the variable that is assigned; repeated ones get .1, .2, …"""
    used: dict[str, int] = {}
    for outer in entry.ops:
        for op in walk(outer):
            if op.name not in _ANCHORS:
                continue
            label = op.label or label_of(op.places) or _ANCHORS[op.name]
            count = used.get(label, 0)
            used[label] = count + 1
            op.label = f"{label}.{count}" if count else label


def _unbound(e: NameError, trace: Trace) -> TegulaError:
    """A name that ended with its stream, or one that never had a value."""
    found: list[Any] = []
    tb = e.__traceback__
    while tb is not None:
        found.append((tb.tb_frame.f_code, tb.tb_lasti))
        tb = tb.tb_next
    at = sites(tuple((code, offset) for code, offset in reversed(found) if code.co_filename not in tracing.OWN_FILES))
    name = e.name or (str(e).split("'")[1] if "'" in str(e) else "?")
    if name in trace.ended:
        return ScopeError(
            f"'{name}' is first assigned inside a stream and ended with it: assign it before the stream to carry "
            "it out",
            at,
            [Note("the stream", trace.ended[name])],
        )
    return ScopeError(f"name '{name}' has no value here", at)


def specialise(
    fn: FunctionType, signature: Signature, bound: Bound, name: str | None = None, options: Options = Options()
) -> Specialised:
    """Traces the kernel for what the call has bound."""
    tracer = _Tracer(fn, signature, bound, name or fn.__name__, options)
    op = tracer.specialise()
    frozen = _globals_of(tracer.trace.functions.values())
    return Specialised(op, print_module([op], sites), tracer.scalars, frozen)
