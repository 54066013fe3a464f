# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hand-written schedules: the text that `tegulac --print-schedule` prints, beside a kernel, never in it.

    schedule @attention_fwd for x86-64-v4    tiles BM 128 BN 64
      roles    all warps 1
      stream keys
        all 0  kt                            pack n32t
        all 0  vt                            pack n32
        all 0  s                             panel 8
        all 0  st.max+st.exp+st.sum          in place
        all 0  st.dot                        panel 8

and of a GPU

    schedule @matmul for sm_80    tiles BM 128 BN 128 BK 64
      roles    all warps 4 regs 255
      channels ring0 fifo 3 : at bt
      stream k
        all 0  at                            phase fetch
        all 0  bt
        all 2  acc                           ahead 1 phase product

A header; who runs the kernel; rings with their depth and the loads that fill them; then for each stream one
row per anchor in the order of issue: role, stage, labels, flags and the phase that it opens or belongs to.
Deleting a schedule changes speed only. A schedule with `tiles` serves the calls that have these block sizes.

`parse` checks the form when a schedule is given, `attach` the labels when a kernel is traced for its target.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tegula._compiler.backend import CompileFailed, target_facts
from tegula._compiler.ops import (
    Block,
    Int,
    Ints,
    Op,
    Roles,
    Rows,
    ScheduleRing,
    ScheduleRole,
    ScheduleRow,
    Str,
    walk,
)
from tegula.errors import ScheduleError, Site


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a schedule's text."""

    file: str
    number: int
    text: str

    def fail(self, message: str) -> NoReturn:
        """An error at this line, with a caret below it."""
        stripped = self.text.strip()
        start = self.text.index(stripped) if stripped else 0
        end = start + len(stripped)
        site = Site(self.file, self.number, len(self.text[:start].encode()), self.number, len(self.text[:end].encode()))
        raise ScheduleError(f"line {self.number} of the schedule: {message}", [site])


@dataclass(frozen=True, slots=True)
class Row:
    """One row: who issues which anchors together, how many iterations late, and how."""

    role: str
    stage: int
    labels: tuple[str, ...]
    flag: str
    place: Place


@dataclass(frozen=True, slots=True)
class StreamRows:
    """The rows of one stream; `step` is the block that they were written for, if the text says so."""

    label: str
    step: int | None
    rows: tuple[Row, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Schedule:
    """A kernel's schedule for one target."""

    kernel: str
    target: str
    tiles: tuple[tuple[str, int], ...]
    roles: tuple[ScheduleRole, ...]
    rings: tuple[ScheduleRing, ...]
    roles_place: Place | None
    rings_place: Place | None
    streams: tuple[StreamRows, ...]
    place: Place

    def serves(self, target: str, values: Mapping[str, Any]) -> bool:
        """Whether it is for that target (features after a '+' may be more) and these block sizes."""
        (level, *features), (wanted, *needed) = target.split("+"), self.target.split("+")
        known = level == wanted and set(needed) <= set(features)
        return known and all(values.get(name) == n for name, n in self.tiles)


# ---- text


_HEADER = re.compile(r"schedule\s+@(\w+)\s+for\s+(\S+)\s*(.*)$")
_ROW = re.compile(r"(\w+)\s+(\d+)\s+(\S+)\s*(.*)$")


def parse(source: str | Path, kernel: str, parameters: Sequence[str]) -> tuple[Schedule, ...]:
    """The schedules of a text, or of a file, for a kernel with these block sizes."""
    if isinstance(source, Path):
        name, text = str(source), source.read_text()
    else:
        name, text = f"<schedule of {kernel}>", source
        # Errors show the line, as for a file.
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    places = [Place(name, i + 1, line) for i, line in enumerate(text.splitlines())]
    lines = [p for p in places if p.text.split("#")[0].strip()]
    starts = [i for i, p in enumerate(lines) if p.text.strip().startswith("schedule")]
    if not lines or starts[:1] != [0]:
        (lines or [Place(name, 1, "")])[0].fail("it begins with 'schedule @KERNEL for TARGET'")
    ends = [*starts[1:], len(lines)]
    return tuple(_schedule(lines[a:b], kernel, parameters) for a, b in zip(starts, ends))


def _schedule(lines: list[Place], kernel: str, parameters: Sequence[str]) -> Schedule:
    head = lines[0]
    match = _HEADER.match(_code(head))
    if match is None:
        head.fail("expected 'schedule @KERNEL for TARGET'")
    name, target, options = match.groups()
    if name != kernel:
        head.fail(f"it is of kernel '{name}', not of '{kernel}'")
    tiles = _tiles(head, options, parameters)
    roles: Place | None = None
    channels: Place | None = None
    streams: list[StreamRows] = []
    rows: list[Row] = []
    for place in [*lines[1:], None]:
        words = _code(place).split() if place is not None else ["stream"]
        if words[0] == "stream" and streams:
            streams[-1] = StreamRows(streams[-1].label, streams[-1].step, tuple(rows), streams[-1].place)
            rows = []
        if place is None:
            break
        match words[0]:
            case "roles":
                roles = place
            case "channels":
                channels = place
            case "stream":
                streams.append(_stream(place, words))
            case _:
                if not streams:
                    place.fail("a row before the first 'stream'")
                rows.append(_row(place))
    members = () if roles is None else _roles(roles)
    rings = () if channels is None else _rings(channels)
    return Schedule(kernel, target, tiles, members, rings, roles, channels, _once(streams), head)


_ROLE = re.compile(r"(\w+)\s+(warps|groups)\s+(\d+)(?:\s+regs\s+(\d+))?")
_RING = re.compile(r"(\w+)\s+(tx|arrive|fifo|sync)\s+(\d+)\s*:\s*(\S.*)")


def _roles(place: Place) -> tuple[ScheduleRole, ...]:
    """`roles load warps 1 regs 24 | mma groups 2 regs 240`"""
    found: dict[str, ScheduleRole] = {}
    for part in _code(place).removeprefix("roles").split("|"):
        match = _ROLE.fullmatch(part.strip())
        if match is None or match[3] == "0":
            place.fail(f"role '{part.strip()}' is no 'NAME warps N regs R' or 'NAME groups N regs R'")
        name, unit, members, regs = match.groups()
        if name in found:
            place.fail(f"role '{name}' is named twice")
        found[name] = ScheduleRole(name, unit, int(members), int(regs or 0))
    return tuple(found.values())


def _rings(place: Place) -> tuple[ScheduleRing, ...]:
    """`channels kc fifo 2 : kt | vc fifo 2 : vt`"""
    found: dict[str, ScheduleRing] = {}
    for part in _code(place).removeprefix("channels").split("|"):
        match = _RING.fullmatch(part.strip())
        if match is None or match[3] == "0":
            place.fail(f"channel '{part.strip()}' is no 'NAME KIND DEPTH : LABELS' of kind tx, arrive, fifo or sync")
        name, kind, depth, labels = match.groups()
        if name in found:
            place.fail(f"channel '{name}' is named twice")
        found[name] = ScheduleRing(name, kind, int(depth), tuple(labels.split()))
    return tuple(found.values())


def _code(place: Place) -> str:
    return place.text.split("#")[0].strip()


def _tiles(head: Place, options: str, parameters: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """`tiles BM 128 BN 64`. What the planner prints of a grid, and the name of a `sched.kernel`, decide nothing."""
    words = options.split()
    tiles: list[tuple[str, int]] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "kernel":
            at += 1
        elif word == "grid":
            while at < len(words) and words[at].isdigit():
                at += 1
        elif word == "tiles":
            while at + 1 < len(words) and words[at + 1].isdigit():
                if words[at] not in parameters:
                    head.fail(
                        f"'{words[at]}' is no block size of the kernel (it has {', '.join(parameters) or 'none'})"
                    )
                tiles.append((words[at], int(words[at + 1])))
                at += 2
        else:
            head.fail(f"'{word}' where 'tiles', 'grid' or 'kernel' is expected")
    return tuple(tiles)


def _stream(place: Place, words: list[str]) -> StreamRows:
    if len(words) < 2:
        place.fail("expected 'stream LABEL'")
    step: int | None = None
    rest = words[2:]
    while rest:
        key, value, *rest = (*rest, "")
        rest = [w for w in rest if w]
        if key == "step" and value.isdigit():
            step = int(value)
        elif key != "order" or not value:
            place.fail(f"'{key}' where 'step N' or 'order O' is expected")
    return StreamRows(words[1], step, (), place)


def _row(place: Place) -> Row:
    match = _ROW.match(_code(place))
    if match is None:
        place.fail("expected 'ROLE STAGE LABEL+LABEL FLAG'")
    role, stage, labels, flag = match.groups()
    return Row(role, int(stage), tuple(labels.split("+")), " ".join(flag.split()), place)


def _once(streams: list[StreamRows]) -> tuple[StreamRows, ...]:
    """Streams by label. What is printed after a stream was split has equal parts: they are one here."""
    found: dict[str, StreamRows] = {}
    for s in streams:
        have = found.setdefault(s.label, s)
        if [(r.role, r.stage, r.labels, r.flag) for r in have.rows] != [
            (r.role, r.stage, r.labels, r.flag) for r in s.rows
        ]:
            s.place.fail(f"stream '{s.label}' has other rows on line {have.place.number}")
    return tuple(found.values())


# ---- attaching


# Ops that become several: what their parts are called.
_INNER = {
    "tegula.softmax_update": (".max", ".exp", ".sum", ".dot"),
    "tegula.low_rank_dot": (".mid", ".out"),
}
_FLAG = re.compile(
    r"(?P<pack>pack) [nk]?(?P<width>\d+)(?P<turned>t?)|(?P<counted>panel|ahead|lag|into|onto)(?: (?P<amount>\d+))?"
    r"|(?P<plain>in place|direct|async|turn|pass|finish|transposed)|phase (?P<phase>\w+)"
)
_OF_GPUS = frozenset({"async", "lag", "turn", "pass", "finish", "transposed"})


def attach(entry: Block, schedule: Schedule) -> None:
    """Puts roles on the grid, rings and rows on streams. What does not fit is an error at its line."""
    on_gpu = _is_gpu(schedule)
    _check_roles(schedule, on_gpu)
    ops = [op for outer in entry.ops for op in walk(outer)]
    streams = [op for op in ops if op.name == "tegula.stream"]
    labels = [_label(op) for op in streams]
    homeless = {ring.name for ring in schedule.rings}
    for rows in schedule.streams:
        if rows.label not in labels:
            have = ", ".join(f"'{n}'" for n in labels if n != "-") or "none with a label"
            rows.place.fail(f"kernel '{schedule.kernel}' has no stream '{rows.label}' (it has {have})")
        homes = [op for op, label in zip(streams, labels) if label == rows.label]
        fitted = [_fitted(rows, op, schedule.roles, on_gpu) for op in homes]
        mine = {label for row in rows.rows for label in row.labels}
        rings = tuple(ring for ring in schedule.rings if mine & set(ring.labels))
        for ring in rings:
            if ring.name not in homeless or not set(ring.labels) <= mine:
                assert schedule.rings_place is not None
                schedule.rings_place.fail(f"channel '{ring.name}' holds labels of several streams, or without a row")
            homeless.discard(ring.name)
        for op, found in zip(homes, fitted):
            # A CPU's ring of one slot is what it has anyway.
            op.attrs = (*op.attrs, ("schedule", Rows(found, rings if on_gpu else ())))
    if homeless:
        assert schedule.rings_place is not None
        schedule.rings_place.fail(f"channel '{min(homeless)}' holds no label that has a row")
    if on_gpu:
        grid = next(op for op in ops if op.name == "tegula.grid")
        grid.attrs = (*grid.attrs, ("roles", Roles(schedule.roles)))


def _is_gpu(schedule: Schedule) -> bool:
    try:
        return target_facts(schedule.target).lanes > 1
    except CompileFailed as e:
        schedule.place.fail("; ".join(d.message for d in e.diagnostics))


def _label(stream: Op) -> str:
    """The label of a stream, as `--print-schedule` shows it."""
    if stream.label is not None:
        return stream.label
    found = stream.attr("label")
    return found.value if isinstance(found, Str) else "-"


def _check_roles(schedule: Schedule, on_gpu: bool) -> None:
    """A CPU has one role of one thread, and a ring of one slot; a GPU's schedule says who runs it."""
    roles, rings = schedule.roles_place, schedule.rings_place
    if on_gpu and roles is None:
        schedule.place.fail(f"a schedule for {schedule.target} has a line 'roles', such as 'roles all warps 4'")
    if on_gpu:
        return
    if roles is not None and schedule.roles != (ScheduleRole("all", "warps", 1, 0),):
        roles.fail(f"{schedule.target} has one role: 'roles all warps 1'")
    if rings is not None and any((r.kind, r.depth) != ("sync", 1) for r in schedule.rings):
        rings.fail(f"a channel of {schedule.target} is 'NAME sync 1 : LABELS'")


def _fitted(given: StreamRows, stream: Op, roles: Sequence[ScheduleRole], on_gpu: bool) -> tuple[ScheduleRow, ...]:
    step = stream.attr("step")
    if given.step is not None and step != Int(given.step):
        now = step.value if isinstance(step, Int) else "unknown"
        given.place.fail(f"stream '{given.label}' has step {now}, the schedule says {given.step}")
    anchors = list(_anchors(stream.regions[0]))
    # The second half of a load that goes through registers.
    halves = {f"{name}.put" for name in _loads(stream.regions[0])} if on_gpu else set[str]()
    seen: set[str] = set()
    out: list[ScheduleRow] = []
    for row in given.rows:
        for label in row.labels:
            if label not in anchors and label not in halves:
                have = ", ".join(anchors)
                row.place.fail(f"label '{label}' labels nothing in stream '{given.label}' (it has {have})")
            if label in seen:
                row.place.fail(f"label '{label}' of stream '{given.label}' has two rows")
            seen.add(label)
        if not on_gpu and row.role != "all":
            row.place.fail(f"role '{row.role}': the only role here is 'all'")
        if on_gpu and row.role not in [r.name for r in roles]:
            row.place.fail(f"role '{row.role}' is none of the kernel's (it has {', '.join(r.name for r in roles)})")
        flags, phase = _flags(row, on_gpu)
        out.append(ScheduleRow(row.role, row.stage, row.labels, flags, phase))
    for label in anchors:
        if label not in seen:
            given.place.fail(f"label '{label}' of stream '{given.label}' has no row")
    return tuple(out)


def _flags(row: Row, on_gpu: bool) -> tuple[tuple[tuple[str, int], ...], str | None]:
    """The flags of a row, each once, and its phase."""
    flags: dict[str, int] = {}
    phase: str | None = None
    rest = row.flag
    while rest:
        match = _FLAG.match(rest)
        name = "" if match is None else _flag_name(match)
        whole = match is not None and rest[match.end() : match.end() + 1] in ("", " ")
        if match is None or not whole or (not on_gpu and (name in _OF_GPUS or match["phase"])):
            known = "pack n32, pack n32t, panel 8, in place, into, onto, ahead 1, direct"
            if on_gpu:
                known += ", async, lag 1, turn, pass, finish, transposed, phase NAME"
            row.place.fail(f"flag '{rest}' is none of {known}")
        if name in flags or (match["phase"] and phase):
            row.place.fail(f"flag '{match[0]}' is there twice")
        if match["phase"]:
            phase = match["phase"]
        else:
            flags[name] = int(match["width"] or match["amount"] or 0)
        rest = rest[match.end() :].lstrip()
    return tuple(flags.items()), phase


def _flag_name(match: re.Match[str]) -> str:
    """A flag's name in the dialect; "" of a phase."""
    if match["pack"]:
        return "pack_t" if match["turned"] else "pack"
    word: str = match["counted"] or match["plain"] or ""
    return word.replace(" ", "_")


def _loads(block: Block) -> Iterator[str]:
    """The labels of loads of a stream's body."""
    for op in block.ops:
        if op.name == "tegula.stream":
            continue
        if op.name in ("tegula.load", "tegula.gather") and op.label is not None:
            yield op.label
        for region in op.regions:
            yield from _loads(region)


def _anchors(block: Block) -> Iterator[str]:
    """The labels of a stream's body: not those of the streams inside it."""
    for op in block.ops:
        if op.name == "tegula.stream":
            continue
        if op.label is not None:
            inner = _INNER.get(op.name, ())
            if op.name == "tegula.butterfly":
                factors = op.attr("dft")
                inner = tuple(f".stage{i}" for i in range(len(factors.values))) if isinstance(factors, Ints) else ()
            yield from [op.label + suffix for suffix in inner] or [op.label]
        for region in op.regions:
            yield from _anchors(region)
