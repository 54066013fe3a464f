# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The generic form of MLIR: text that needs no knowledge of any op's own syntax.

`print_module` yields the program twice: with locations, for the compiler, and without, for keys
and for reading.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from tegula._compiler.ops import (
    Arg,
    Args,
    Attr,
    Attrs,
    Dense,
    Enum,
    FastMath,
    Groups,
    Int,
    Ints,
    Number,
    Op,
    Places,
    Roles,
    Rows,
    ScheduleRing,
    ScheduleRole,
    ScheduleRow,
    Segments,
    Splat,
    Str,
    Symbol,
    TileType,
    Unit,
    Value,
)
from tegula.errors import Site
from tegula.language.dtypes import DType, f64, i1

Locate = Callable[[Places], list[Site]]


class Text(NamedTuple):
    """A module as text."""

    plain: str
    located: str


# Infinities and NaN have no decimal spelling in MLIR.
_SPECIAL = {
    "f64": ("0x7FF0000000000000", "0xFFF0000000000000", "0x7FF8000000000000"),
    "f32": ("0x7F800000", "0xFF800000", "0x7FC00000"),
    "f16": ("0x7C00", "0xFC00", "0x7E00"),
    "bf16": ("0x7F80", "0xFF80", "0x7FC0"),
}


def _number(value: float | int | bool, dtype: DType) -> str:
    if dtype is i1:
        return "true" if value else "false"
    if not dtype.is_float:
        return str(int(value))
    value = float(value)
    if math.isnan(value) or math.isinf(value):
        plus, minus, nan = _SPECIAL[dtype.name]
        return nan if math.isnan(value) else plus if value > 0 else minus
    if dtype is not f64:  # a decimal that rounds to the same f32, short enough to read
        try:
            short = repr(float(f"{value:.9g}"))
            if struct.pack("<f", float(short)) == struct.pack("<f", value):
                return _point(short)
        except OverflowError:
            plus, minus, _ = _SPECIAL[dtype.name]
            return plus if value > 0 else minus
    return _point(repr(value))


def _point(text: str) -> str:
    """MLIR wants a point in every float."""
    return text if "." in text else text.replace("e", ".0e") if "e" in text else text + ".0"


@lru_cache(maxsize=1024)
def _string(text: str) -> str:
    out = [c if " " <= c <= "~" and c not in '"\\' else "".join(f"\\{b:02X}" for b in c.encode()) for c in text]
    return '"' + "".join(out) + '"'


def _list(values: tuple[int, ...]) -> str:
    return ", ".join([str(n) for n in values])


def _arg(arg: Arg) -> str:
    align = f" align {arg.align}" if arg.align != 1 else ""
    multiples = f" multiples [{_list(arg.multiples)}]" if arg.multiples else ""
    return f"#tegula.arg<{arg.access} {_string(arg.name)}{align}{multiples}>"


def _row(row: ScheduleRow) -> str:
    flags = "".join([f" {flag} {amount}" if amount else f" {flag}" for flag, amount in row.flags])
    phase = "" if row.phase is None else f" phase {_string(row.phase)}"
    return f"<{row.role} {row.stage} {_labels(row.labels)}{flags}{phase}>"


def _ring(ring: ScheduleRing) -> str:
    return f"<{ring.name} {ring.kind} {ring.depth} {_labels(ring.labels)}>"


def _role(role: ScheduleRole) -> str:
    regs = f" regs {role.regs}" if role.regs else ""
    return f"#tegula.role<{role.name} {role.unit} {role.members}{regs}>"


def _labels(labels: tuple[str, ...]) -> str:
    return " + ".join([_string(n) for n in labels])


def _rows(attr: Rows) -> str:
    rings = f" rings [{', '.join([_ring(r) for r in attr.rings])}]" if attr.rings else ""
    return f"#tegula.schedule<[{', '.join([_row(r) for r in attr.rows])}]{rings}>"


def _number_text(attr: Number) -> str:
    text = _number(attr.value, attr.dtype)
    return text if attr.dtype is i1 else f"{text} : {attr.dtype.mlir}"


# How each kind of attribute is written; a unit attribute is its name alone.
_WRITE: dict[type, Callable[[Any], str]] = {
    Int: lambda a: f"{a.value} : i64",
    Str: lambda a: _string(a.value),
    Symbol: lambda a: f"@{a.name}",
    Ints: lambda a: f"array<i64: {_list(a.values)}>" if a.values else "array<i64>",
    Groups: lambda a: "[" + ", ".join(f"[{', '.join(f'{axis} : i64' for axis in g)}]" for g in a.axes) + "]",
    Segments: lambda a: f"array<i32: {_list(a.sizes)}>",
    Enum: lambda a: f"#tegula.{a.mnemonic}<{a.case}>" if a.own else f"#tegula<{a.mnemonic} {a.case}>",
    FastMath: lambda a: f"#arith.fastmath<{a.flags}>",
    Number: _number_text,
    Splat: lambda a: f"dense<{_number(a.value, a.type.dtype)}> : {a.type.text}",
    Dense: lambda a: f"{_dense(a.data, a.type)} : {a.type.text}",
    Args: lambda a: f"[{', '.join([_arg(x) for x in a.args])}]",
    Rows: _rows,
    Roles: lambda a: f"[{', '.join([_role(r) for r in a.roles])}]",
    Unit: lambda _: "",
}


def attribute(attr: Attr) -> str:
    """An attribute as MLIR writes it."""
    return _WRITE[type(attr)](attr)


def _pairs(attrs: Attrs) -> str:
    parts: list[str] = []
    for name, attr in attrs:
        text = attribute(attr)
        parts.append(f"{name} = {text}" if text else name)
    return ", ".join(parts)


def _dense(data: bytes, type: TileType) -> str:
    if type.dtype is not i1:
        return f'dense<"0x{data.hex().upper()}">'

    # i1 is packed differently from version to version: spelled out.
    def part(shape: tuple[int, ...], start: int) -> str:
        if not shape:
            return "true" if data[start] else "false"
        step = math.prod(shape[1:])
        return f"[{', '.join(part(shape[1:], start + i * step) for i in range(shape[0]))}]"

    return f"dense<{part(type.shape, 0)}>"


class _Printer:
    """Numbers values in order of appearance and collects lines and their locations."""

    def __init__(self, locate: Locate) -> None:
        self.locate = locate
        self.count = 0
        self.names: dict[Value, str] = {}
        self.lines: list[str] = []
        self.locs: list[str] = []
        self.loc_names: dict[Places, str] = {}
        self.loc_lines: list[str] = []

    def define(self, value: Value) -> str:
        name = self.names[value] = f"%{self.count}"
        self.count += 1
        return name

    def results(self, op: Op) -> str:
        if not op.results:
            return ""
        if len(op.results) == 1:
            return f"{self.define(op.results[0])} = "
        base = f"%{self.count}"
        self.count += 1
        for i, v in enumerate(op.results):
            self.names[v] = f"{base}#{i}"
        return f"{base}:{len(op.results)} = "

    def properties(self, op: Op) -> str:
        attrs = tuple((name, attr) for name, attr in op.attrs if "." not in name)
        if op.label is not None and op.attr("label") is None:
            attrs = (*attrs, ("label", Str(op.label)))
        if not attrs:
            return ""
        return f" <{{{_pairs(attrs)}}}>"

    def discardable(self, op: Op) -> str:
        """Attributes that an op carries without knowing them: their names have a dialect."""
        attrs = tuple((name, attr) for name, attr in op.attrs if "." in name)
        return f" {{{_pairs(attrs)}}}" if attrs else ""

    def op(self, op: Op, pad: str) -> None:
        names = self.names
        operands = ", ".join([names[v] for v in op.operands])
        head = f'{pad}{self.results(op)}"{op.name}"({operands}){self.properties(op)}'
        outs = op.results[0].type.text if len(op.results) == 1 else f"({', '.join([v.type.text for v in op.results])})"
        tail = f" : ({', '.join([v.type.text for v in op.operands])}) -> {outs}"
        if not op.regions:
            self.lines.append(head + tail)
            self.locs.append(self.loc(op.places))
            return
        self.open(head + " ({")
        for i, block in enumerate(op.regions):
            if i:
                self.open(f"{pad}}}, {{")
            if block.args:
                self.open(f"{pad}^bb0({', '.join([f'{self.define(a)}: {a.type.text}' for a in block.args])}):")
            for inner in block.ops:
                self.op(inner, pad + "  ")
        self.lines.append(f"{pad}}}){self.discardable(op)}{tail}")
        self.locs.append(self.loc(op.places))

    def open(self, text: str) -> None:
        """A line that has no place of its own."""
        self.lines.append(text)
        self.locs.append("")

    def loc(self, places: Places) -> str:
        name = self.loc_names.get(places)
        if name is None:
            number = f"#loc{len(self.loc_names)}"
            name = self.loc_names[places] = f" loc({number})"
            self.loc_lines.append(f"{number} = loc({_location(self.locate(places))})")
        return name


def _location(sites: list[Site]) -> str:
    text = ""
    for site in reversed(sites):
        end = f"{site.end_line}:{site.end_column + 1}" if site.end_line != site.line else f":{site.end_column + 1}"
        here = f"{_string(site.file)}:{site.line}:{site.column + 1} to {end}"
        text = f"callsite({here} at {text})" if text else here
    return text or "unknown"


def print_module(ops: list[Op], locate: Locate) -> Text:
    """The ops of a module, one after the other."""
    printer = _Printer(locate)
    for op in ops:
        printer.op(op, "")
    located = [line + loc for line, loc in zip(printer.lines, printer.locs)]
    return Text("\n".join(printer.lines) + "\n", "\n".join(located + printer.loc_lines) + "\n")
