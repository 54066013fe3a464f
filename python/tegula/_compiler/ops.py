# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ops, values and blocks as a trace records them, with typed attributes.

An `Op` is one operation of the program, by its MLIR name. Values are produced by ops or are block
arguments; the proxies that authors hold (`language/values.py`) are subclasses of `Value`, so a
recorded operand and the thing an author adds to another are one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from types import CodeType
from typing import NamedTuple

from tegula.language.dtypes import DType, index

# The author's frames at one op, innermost first: (code object, offset of the instruction).
Places = tuple[tuple[CodeType, int], ...]


# ---- types


class TileType:
    """A tile: static shape and element type. Interned: compare with `is`."""

    __slots__ = ("dtype", "shape", "text")

    def __init__(self, shape: tuple[int, ...], dtype: DType) -> None:
        self.shape = shape
        self.dtype = dtype
        self.text = f"tensor<{''.join(f'{n}x' for n in shape)}{dtype.mlir}>"


class ScalarType:
    """A scalar. `u64` and `i64` are two types here and one in IR."""

    __slots__ = ("dtype", "text")

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.text = dtype.mlir


class ViewType:
    """A strided view of device memory; None stands for a size or stride known at launch."""

    __slots__ = ("dtype", "shape", "strides", "text")

    def __init__(self, shape: tuple[int | None, ...], strides: tuple[int | None, ...], dtype: DType) -> None:
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        sizes = "".join(f"{'?' if n is None else n}x" for n in shape)
        steps = ", ".join("?" if n is None else str(n) for n in strides)
        # A byte in memory holds one i1.
        self.text = f"memref<{sizes}{dtype.mlir}, strided<[{steps}], offset: ?>>"


class DenseViewType:
    """Row-major memory whose sizes are known at launch: the workspace of a program."""

    __slots__ = ("dtype", "text")

    def __init__(self, rank: int, dtype: DType) -> None:
        self.dtype = dtype
        self.text = f"memref<{'?x' * rank}{dtype.mlir}>"


class StateType:
    """A running softmax over `rows` rows and `cols` value columns."""

    __slots__ = ("cols", "dtype", "rows", "text")

    def __init__(self, rows: int, cols: int, dtype: DType) -> None:
        self.rows = rows
        self.cols = cols
        self.dtype = dtype
        self.text = f"!tegula.softmax<{rows}x{cols}x{dtype.mlir}>"


Type = TileType | ScalarType | ViewType | DenseViewType | StateType


@cache
def tile_type(shape: tuple[int, ...], dtype: DType) -> TileType:
    """The one type object of this shape and element type."""
    return TileType(shape, dtype)


@cache
def scalar_type(dtype: DType) -> ScalarType:
    """The one type object of scalars of this element type."""
    return ScalarType(dtype)


@cache
def view_type(shape: tuple[int | None, ...], strides: tuple[int | None, ...], dtype: DType) -> ViewType:
    """The one type object of views like this."""
    return ViewType(shape, strides, dtype)


@cache
def state_type(rows: int, cols: int, dtype: DType) -> StateType:
    """The one type object of softmax states like this."""
    return StateType(rows, cols, dtype)


# ---- attributes


class Int(NamedTuple):
    """A 64-bit integer attribute."""

    value: int


class Str(NamedTuple):
    """A string attribute."""

    value: str


class Symbol(NamedTuple):
    """A reference to a kernel of the same module."""

    name: str


class Ints(NamedTuple):
    """A dense array of 64-bit integers."""

    values: tuple[int, ...]


class Groups(NamedTuple):
    """Axes that become one axis each (`reassociation`)."""

    axes: tuple[tuple[int, ...], ...]


class Segments(NamedTuple):
    """How many operands each operand group has (`operandSegmentSizes`)."""

    sizes: tuple[int, ...]


class Unit(NamedTuple):
    """Present or absent."""


class Enum(NamedTuple):
    """An enum attribute of the tegula dialect; `own` if its format brings its own angle brackets."""

    mnemonic: str
    case: str
    own: bool = False


class FastMath(NamedTuple):
    """The liberties an arith or math op may take."""

    flags: str


class Number(NamedTuple):
    """A scalar constant."""

    value: float | int | bool
    dtype: DType


class Splat(NamedTuple):
    """A tile all of whose elements are one number."""

    value: float | int | bool
    type: TileType


class Dense(NamedTuple):
    """A tile's elements, row-major, as little-endian bytes (`i1`: one byte each)."""

    data: bytes
    type: TileType


class Arg(NamedTuple):
    """Access, name and promises of one kernel or program argument."""

    access: str
    name: str
    align: int = 1
    multiples: tuple[int, ...] = ()


class Args(NamedTuple):
    """The arguments of a kernel or program."""

    args: tuple[Arg, ...]


class ScheduleRow(NamedTuple):
    """One row of a stream's schedule: who issues which anchors, how late, by which flags, in which phase."""

    role: str
    stage: int
    labels: tuple[str, ...]
    flags: tuple[tuple[str, int], ...]
    phase: str | None


class ScheduleRing(NamedTuple):
    """A ring between the loads of a stream and those who read them."""

    name: str
    kind: str
    depth: int
    labels: tuple[str, ...]


class Rows(NamedTuple):
    """The schedule of a stream."""

    rows: tuple[ScheduleRow, ...]
    rings: tuple[ScheduleRing, ...] = ()


class ScheduleRole(NamedTuple):
    """Members of one role of a kernel: warps, or groups of four; `regs` 0 is whatever the target gives."""

    name: str
    unit: str
    members: int
    regs: int


class Roles(NamedTuple):
    """The roles of a grid."""

    roles: tuple[ScheduleRole, ...]


Attr = (
    Int
    | Str
    | Symbol
    | Ints
    | Groups
    | Segments
    | Unit
    | Enum
    | FastMath
    | Number
    | Splat
    | Dense
    | Args
    | Rows
    | Roles
)
Attrs = tuple[tuple[str, Attr], ...]


# ---- values, ops, blocks


class Value:
    """An SSA value. `op` is None for a block argument; `block` is the block that it lives in."""

    __slots__ = ("block", "op", "type")

    type: Type

    def __init__(self, type: Type, op: Op | None, block: Block) -> None:
        self.type = type
        self.op = op
        self.block = block


class Op:
    """One recorded operation."""

    __slots__ = ("attrs", "label", "name", "operands", "places", "regions", "results")

    def __init__(
        self,
        name: str,
        operands: Sequence[Value] = (),
        attrs: Attrs = (),
        regions: tuple[Block, ...] = (),
        places: Places = (),
    ) -> None:
        self.name = name
        self.operands = list(operands)
        self.attrs = attrs
        self.regions = regions
        self.places = places
        self.results: list[Value] = []
        self.label: str | None = None  # an explicit `label=`, or what naming makes of the place

    def attr(self, name: str) -> Attr | None:
        """The attribute of that name, if the op has it."""
        return next((a for n, a in self.attrs if n == name), None)


class Block:
    """A list of ops with arguments. `open` while it is being traced: its values may be used then.

    `known` holds the ops of which equal ones share a value (constants, sizes, index arithmetic).
    """

    __slots__ = ("args", "kind", "known", "open", "ops", "parent", "places")

    def __init__(self, parent: Block | None = None, kind: str = "", places: Places = ()) -> None:
        self.args: list[Value] = []
        self.ops: list[Op] = []
        self.open = True
        self.parent = parent
        self.kind = kind
        self.places = places
        self.known: dict[tuple[object, ...], Value] = {}


# ---- dead ops

_EFFECTS = frozenset(
    {
        "tegula.store", "tegula.scatter", "tegula.reduce_store", "tegula.require", "memref.store", "tegula.grid",
        "tegula.launch", "tegula.variant",
    }
)  # fmt: skip
_TERMINATORS = frozenset({"tegula.yield", "scf.yield", "tegula.return"})


def drop_dead(entry: Block) -> None:
    """Drops ops that have neither effects nor uses, and carried values that nobody reads.

    A carried value goes when neither its result nor its argument is read, apart from what computes
    its own next value: it is a name that the body happens to assign.
    """
    live = _Live(entry)
    for op in live.home:
        if op.name in _EFFECTS:
            live.need(op)
    live.follow()
    live.sweep(entry)


class _Live:
    """What is needed, from the effects backwards. Values are found by identity: `==` on them records a comparison."""

    def __init__(self, entry: Block) -> None:
        self.home: dict[Op, Block] = {}  # the block that an op stands in
        self.owner: dict[Block, Op] = {}  # the op that a block belongs to
        self._find(entry)
        self.ops: set[Op] = set()
        self.values: set[int] = set()
        self.todo: list[Value] = []

    def _find(self, block: Block) -> None:
        for op in block.ops:
            self.home[op] = block
            for region in op.regions:
                self.owner[region] = op
                self._find(region)

    def need(self, op: Op | None) -> None:
        """An op is needed, and so are the ones around it. What a stream or a branch yields is asked for one by one."""
        while op is not None and op not in self.ops:
            self.ops.add(op)
            self.todo += op.operands[: {"tegula.stream": 2, "scf.if": 1}.get(op.name, len(op.operands))]
            op = self.owner.get(self.home[op])

    def follow(self) -> None:
        """Everything that needed values hang on."""
        while self.todo:
            value = self.todo.pop()
            if id(value) in self.values:
                continue
            self.values.add(id(value))
            op = value.op or self.owner.get(value.block)
            if op is None:
                continue  # an argument of the kernel
            self.need(op)
            if op.name == "tegula.stream":
                slots = op.results if value.op is not None else op.regions[0].args[1:]
                for i in (i for i, v in enumerate(slots) if v is value):
                    self.todo += [op.operands[2 + i], op.regions[0].ops[-1].operands[i]]
            elif op.name == "scf.if" and value.op is not None:
                for i in (i for i, v in enumerate(op.results) if v is value):
                    self.todo += [region.ops[-1].operands[i] for region in op.regions]

    def sweep(self, block: Block) -> None:
        """Keeps what is needed of a block, and of the blocks in it."""
        block.ops = [op for op in block.ops if op in self.ops or op.name in _TERMINATORS]
        for op in block.ops:
            if op.name == "tegula.stream":
                body = op.regions[0]
                live = [any(id(v) in self.values for v in slot) for slot in zip(op.results, body.args[1:])]
                op.operands[2:] = _pick(op.operands[2:], live)
                body.args[1:] = _pick(body.args[1:], live)
                self._results(op, live)
            elif op.name == "scf.if":
                self._results(op, [id(v) in self.values for v in op.results])
            for region in op.regions:
                self.sweep(region)

    def _results(self, op: Op, live: list[bool]) -> None:
        op.results = _pick(op.results, live)
        for region in op.regions:
            region.ops[-1].operands = _pick(region.ops[-1].operands, live)


def _pick(values: Sequence[Value], live: Sequence[bool]) -> list[Value]:
    return [v for v, keep in zip(values, live) if keep]


def walk(op: Op) -> Iterator[Op]:
    """The op and every op inside it, in program order."""
    yield op
    for region in op.regions:
        for inner in region.ops:
            yield from walk(inner)


INDEX = scalar_type(index)
