# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Streams and run-time branches: one pass of the author's body, in the author's frame.

A region is entered with the author's `locals()`. Names that the body assigns and that exist before
are carried: their values become block arguments (streams) or are merged (branches). Structures —
tuples, lists, dicts, `Cx`, spans — are carried by their leaves; static leaves must not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from tegula._compiler.ops import Block, Enum, Int, Op, Str, Value
from tegula._frontend.trace import current, escaped, fail, made_at, places, resolve
from tegula.errors import CarriedError, ControlError, Note, Site
from tegula.language.control import Stream
from tegula.language.dtypes import A, DType, i1, index
from tegula.language.memory import Span
from tegula.language.values import OPERAND, Cx, Scalar, Tile, View, as_number, constant_scalar, describe, like

Frame = dict[str, Any]
Rebuild = Callable[[Iterator[Any]], Any]


def flatten(value: Any, leaves: list[Any]) -> Rebuild:
    """Appends the leaves of a static structure; returns how to rebuild it from an iterator of leaves."""
    if isinstance(value, Value):
        leaves.append(value)
        return next
    return _flatten(value, cast(Any, type)(value), leaves)


def _flatten(value: Any, kind: Any, leaves: list[Any]) -> Rebuild:
    if kind is Cx or (tuple in kind.__mro__ and hasattr(kind, "_make")):
        parts = [flatten(v, leaves) for v in value]
        return lambda it: kind(*[p(it) for p in parts])
    if any(kind is k for k in (tuple, list)):
        parts = [flatten(v, leaves) for v in value]
        return lambda it: kind([p(it) for p in parts])
    if kind is dict:
        named = {k: flatten(v, leaves) for k, v in value.items()}
        return lambda it: {k: p(it) for k, p in named.items()}
    if kind is Span:
        parts = [flatten(v, leaves) for v in value.leaves()]
        return lambda it: Span(*[p(it) for p in parts])
    leaves.append(value)
    return next


def _same_static(a: object, b: object) -> bool:
    """Whether a static leaf is what it was. Values are compared by identity: `==` on them is traced."""
    if a is b:
        return True
    if isinstance(a, Value) or isinstance(b, Value) or type(a) is not type(b):
        return False
    try:
        return bool(a == b)
    except Exception:  # an object whose comparison fails, such as an array, has changed
        return False


# ---- lists, dicts and sets that a region would change behind the trace's back


def _contents(value: Any) -> list[Any]:
    return list(cast("dict[Any, Any]", value).values()) if type(value) is dict else list(value)


def _watch(frame: Frame, names: Sequence[str]) -> list[tuple[str, Any, list[Any]]]:
    return [
        (name, value, _contents(value))
        for name, value in frame.items()
        if cast(Any, type(value)) in (list, dict, set) and name not in names
    ]


def _check_unchanged(watched: list[tuple[str, Any, list[Any]]], what: str) -> None:
    for name, value, old in watched:
        new = _contents(value)
        if len(new) != len(old) or any(a is not b for a, b in zip(old, new)):
            fail(
                ControlError,
                f"{type(value).__name__} '{name}' is changed inside {what}: tracing runs the body once, whatever "
                f"happens at run time; assign the name instead ({name} = …)",
            )


def _append(block: Block, op: Op) -> None:
    block.ops.append(op)


# ---- streams


class Loop:
    """What `for … in tg.stream(…)` becomes."""

    def __init__(
        self, stream: Stream, names: tuple[str, ...], targets: tuple[str, ...], frame: Frame, site: Site
    ) -> None:
        trace = current()
        self.stream = stream
        self.site = site
        self.block = Block(trace.block, "stream", places())
        self.position = Scalar(index, None, self.block, nonneg=stream.lo.nonneg)
        self.block.args.append(self.position)
        self.ending = names + tuple(t for t in targets if t not in names)
        # Per carried name: leaves before the stream, leaves inside it, how to rebuild.
        self.before: dict[str, list[Any]] = {}
        self.inside: dict[str, list[Any]] = {}
        self.rebuild: dict[str, Rebuild] = {}
        for name in names:
            if name not in frame or name in targets or name == "_":
                continue
            leaves: list[Any] = []
            self.rebuild[name] = flatten(frame[name], leaves)
            self.before[name] = leaves
            self.inside[name] = [self._argument(leaf) for leaf in leaves]
        self.now: Frame = {n: self.rebuild[n](iter(a)) for n, a in self.inside.items()}
        self.watched = _watch(frame, names)

    def _argument(self, leaf: Any) -> Any:
        if not isinstance(leaf, Value) or isinstance(leaf, View):
            return leaf
        if not leaf.block.open:
            escaped(leaf)
        argument = like(leaf, None, self.block)
        self.block.args.append(argument)
        return argument

    def __contains__(self, name: str) -> bool:
        return name in self.now

    def __getitem__(self, name: str) -> Any:
        return self.now[name]

    def __iter__(self) -> Iterator[Any]:
        current().block = self.block
        yield self.stream.element(self.position)

    def leave(self, frame: Frame) -> None:
        """Checks what the body made of the carried names, and closes the region."""
        _check_unchanged(self.watched, "a stream")
        trace = current()
        slots: list[tuple[str, int]] = []
        yielded: list[Value] = []
        for name, arguments in self.inside.items():
            leaves: list[Any] = []
            flatten(frame.get(name), leaves)
            if len(leaves) != len(arguments):
                fail(
                    CarriedError,
                    f"'{name}' changes its structure in the stream: {len(arguments)} values before, "
                    f"{len(leaves)} after",
                    Note("the stream", self.site),
                )
            for i, (argument, leaf) in enumerate(zip(arguments, leaves)):
                if argument is self.before[name][i]:
                    self._check_static(name, argument, leaf)
                    continue
                yielded.append(self._next(name, self.before[name][i], argument, leaf))
                slots.append((name, i))
        _append(self.block, Op("tegula.yield", yielded))
        for name in self.ending:
            if name not in self.before:
                trace.ended[name] = self.site
        self.block.open = False
        assert self.block.parent is not None
        trace.block = self.block.parent
        self._record(slots)

    def _check_static(self, name: str, before: object, after: object) -> None:
        if _same_static(before, after):
            return
        number = as_number(before)
        hint = ""
        if number is not None and not isinstance(number, bool):
            kind = "A" if isinstance(number, float) else "index"
            hint = f"; make it a scalar before the stream: tg.cast({number!r}, {kind})"
        notes = [Note("the stream", self.site)]
        if isinstance(after, Value):
            notes.append(made_at(after, f"'{name}' gets another value here"))
        fail(
            CarriedError,
            f"'{name}' is {describe(before)} before the stream and {describe(after)} after its body{hint}",
            *notes,
        )

    def _next(self, name: str, before: Value, argument: Value, after: Any) -> Value:
        if isinstance(argument, Scalar) and as_number(after) is not None:
            after = constant_scalar(after, argument.dtype)
        if not isinstance(after, Value) or after.type is not argument.type:
            notes = [made_at(before, "before")]
            if isinstance(after, Value):
                notes.append(made_at(after, "in the body"))
            fail(
                CarriedError,
                f"carried '{name}' is {describe(argument)} before the stream and {describe(after)} after its body",
                *notes,
            )
        if not after.block.open:
            escaped(after)
        return after

    def _record(self, slots: list[tuple[str, int]]) -> None:
        stream = self.stream
        outer = current().block
        attrs: list[tuple[str, Any]] = []
        if stream.label is not None:
            attrs.append(("label", Str(stream.label)))
        if stream.order != "up":
            attrs.append(("order", Enum("stream_order", stream.order)))
        attrs.append(("step", Int(stream.block or 1)))
        initial = [self.before[name][i] for name, i in slots]
        self.block.args[1:] = [self.inside[name][i] for name, i in slots]
        op = Op("tegula.stream", [stream.lo, stream.hi, *initial], tuple(attrs), (self.block,), self.block.places)
        _append(outer, op)
        after = {name: list(leaves) for name, leaves in self.before.items()}
        for (name, i), value in zip(slots, initial):
            after[name][i] = like(value, op, outer)
            op.results.append(after[name][i])
        self.now = {name: self.rebuild[name](iter(leaves)) for name, leaves in after.items()}


# ---- branches


class _Slot:
    """Stands for a merged value until the branch op exists."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Branch:
    """What `if` becomes: one pass with a static truth, or one pass per arm with a run-time condition."""

    def __init__(self, condition: Any, names: tuple[str, ...], frame: Frame) -> None:
        self.condition = condition
        self.names = names
        self.second = False
        self.dynamic = isinstance(condition, OPERAND)
        self.now: Frame = {}
        if not self.dynamic:
            return
        if isinstance(condition, Tile):
            fail(ControlError, f"'if' on a {describe(condition)}: use tg.where, or reduce it to a scalar")
        if condition.dtype is not i1:
            fail(ControlError, f"'if' on a {describe(condition)}: compare it, x != 0")
        self.now = {n: frame[n] for n in names if n in frame}
        self.outer = current().block
        self.places = places()
        self.blocks: list[Block] = []
        self.arms: list[Frame] = []
        self.watched = _watch(frame, names)

    def __contains__(self, name: str) -> bool:
        return name in self.now

    def __getitem__(self, name: str) -> Any:
        return self.now[name]

    def __iter__(self) -> Iterator[bool]:
        if not self.dynamic:
            yield bool(self.condition)
            return
        for arm in (True, False):
            self.second = not arm
            block = Block(self.outer, "branch", self.places)
            self.blocks.append(block)
            current().block = block
            yield arm
        self._merge()

    def leave(self, frame: Frame) -> None:
        """Keeps what the arm has assigned, and closes its block."""
        if not self.dynamic:
            return
        _check_unchanged(self.watched, "a run-time 'if'")
        trace = current()
        arm = {n: frame[n] for n in self.names if n in frame}
        for value in arm.values():
            leaves: list[Any] = []
            flatten(value, leaves)
            for leaf in leaves:
                if isinstance(leaf, Value) and not leaf.block.open:
                    escaped(leaf)
        self.arms.append(arm)
        trace.block.open = False
        trace.block = self.outer

    def _merge(self) -> None:
        then, other = self.arms
        merged: dict[str, tuple[Rebuild, list[Any]]] = {}
        left: list[Value] = []
        right: list[Value] = []
        for name in self.names:
            if name not in then or name not in other:
                continue
            a: list[Any] = []
            b: list[Any] = []
            rebuild = flatten(then[name], a)
            flatten(other[name], b)
            if len(a) != len(b):
                fail(CarriedError, f"'{name}' has another structure in each branch: {len(a)} and {len(b)} values")
            leaves: list[Any] = []
            for u, v in zip(a, b):
                if _same_static(u, v):
                    leaves.append(u)
                    continue
                u, v = _merged(name, u, v)
                leaves.append(_Slot(len(left)))
                left.append(u)
                right.append(v)
            merged[name] = (rebuild, leaves)
        for block, values in zip(self.blocks, (left, right)):
            _append(block, Op("scf.yield", values))
        op = Op("scf.if", [self.condition], (), tuple(self.blocks), self.places)
        _append(self.outer, op)
        op.results.extend(like(v, op, self.outer) for v in left)
        self.now = {
            name: rebuild(iter([op.results[s.number] if isinstance(s, _Slot) else s for s in leaves]))
            for name, (rebuild, leaves) in merged.items()
        }


def _merged(name: str, u: Any, v: Any) -> tuple[Value, Value]:
    """Two leaves that differ, as values of one type."""
    if not isinstance(u, Value) and not isinstance(v, Value) and as_number(u) is not None and as_number(v) is not None:
        is_float = any(isinstance(n, float) for n in (u, v))
        dtype: DType = resolve(A) if is_float else index
        return constant_scalar(u, dtype), constant_scalar(v, dtype)
    if isinstance(v, Scalar) and as_number(u) is not None:
        u = constant_scalar(u, v.dtype)
    if isinstance(u, Scalar) and as_number(v) is not None:
        v = constant_scalar(v, u.dtype)
    fits = isinstance(u, Value) and isinstance(v, Value) and u.type is v.type and not isinstance(u, View)
    if not fits:
        fail(
            CarriedError,
            f"'{name}' is {describe(u)} if the condition holds and {describe(v)} otherwise",
            *[made_at(x, text) for x, text in ((u, "if it holds"), (v, "otherwise")) if isinstance(x, Value)],
        )
    return u, v
