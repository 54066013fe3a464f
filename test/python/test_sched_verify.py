# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: E501
"""Mistakes planted into the listings of scheduled kernels: each is refused, with its message.

A fault is a listing of ``test/Dialect/Sched/listings`` and a few replacements of text. What the
types of slots and channels already exclude is refused by the verifier of an op; those messages
are part of the table too.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LISTINGS = Path(__file__).resolve().parent.parent / "Dialect/Sched/listings"
NAMES = tuple(sorted(path.stem for path in LISTINGS.glob("*.mlir")))


@dataclass(frozen=True)
class Fault:
    """One mistake: what is replaced (the first occurrence of each), and what must be said."""

    name: str
    listing: str
    changes: tuple[tuple[str, str], ...]
    message: str
    remark: bool = False


def fault(name: str, listing: str, message: str, *changes: tuple[str, str], remark: bool = False) -> Fault:
    return Fault(name, listing, changes, message, remark)


V_FILL = """        %wv = sched.acquire %vc : !ch
        %wv0 = sched.part %wv[0] : !acquired
        sched.copy bulk %V[%j0, %c0] upto [%hi, %c64] to %wv0 label "vt" : !view, !q1
        sched.commit %wv : !acquired
"""
K_FILL = V_FILL.replace("%wv", "%wk").replace("%V", "%K").replace("vt", "kt").replace("%vc", "%kc")
PUT = """          %wv = sched.acquire %vc : !ch
          %wvt = sched.part %wv[0] : !acquired
          sched.store %fv trans to %wvt label "vt.put" : !gf, !tile
          sched.commit %wv : !acquired
"""

FAULTS = (
    # Rings and trip counts.
    fault(
        "K and V rings one short", "attention_sm80",
        "ring '%kc' of depth 1 is too short: slot 1 is acquired while slot 0 is still held",
        ("!kv2 = !sched.buf<2 x 64x64", "!kv1s = !sched.buf<1 x 64x64xbf16, shared, swz 128>\n!kv2 = !sched.buf<2 x 64x64"),
        ("!kvch = !sched.chan<fifo, !kv2>", "!kvch = !sched.chan<fifo, !kv1s>"),
        ("%kb = sched.alloc : !kv2", "%kb = sched.alloc : !kv1s"),
        ("%vb = sched.alloc : !kv2", "%vb = sched.alloc : !kv1s"),
        ("%kc = sched.channel %kb kind fifo : !kv2", "%kc = sched.channel %kb kind fifo : !kv1s"),
        ("%vc = sched.channel %vb kind fifo : !kv2", "%vc = sched.channel %vb kind fifo : !kv1s"),
    ),
    fault(
        "matmul ring one short", "matmul_sm80",
        "ring '%ch' of depth 2 is too short: slot 2 is acquired while slot 0 is still held; depth 3 would do",
        ("3 x 128x64", "2 x 128x64"), ("3 x 64x128", "2 x 64x128"),
    ),
    fault(
        "stage counts differ", "matmul_sm90", "buffers of a channel have different stage counts [4, 3]",
        ("4 x 64x128", "3 x 64x128"),
    ),
    fault(
        "missing release of K", "attention_sm90",
        "slot '%k' of '%kc' is waited for and never released in this iteration",
        ("        sched.release %k : !waited\n", ""),
    ),
    fault(
        "missing release, one role", "attention_sm80",
        "slot '%v' of '%vc' is waited for and never released in this iteration",
        ("        sched.release %v : !kvr\n", ""),
    ),
    fault(
        "missing commit", "matmul_sm90",
        "slot '%w' of '%ch' is acquired and never committed in this iteration",
        ("          sched.commit %w : !acquired\n", ""),
    ),
    fault(
        "double release", "attention_gfx942", "release of '%v' which is not an open waited slot",
        ("        sched.release %v : !waited\n", "        sched.release %v : !waited\n" * 2),
    ),
    fault(
        "wait count too large (K)", "attention_sm80",
        "wait on '%kc' allows 2 commits in flight, but only 1 are younger than the awaited one",
        ("%k = sched.wait %kc inflight 1", "%k = sched.wait %kc inflight 2"),
    ),
    fault(
        "wait count too large (ring)", "matmul_sm80",
        "wait on '%ch' allows 2 commits in flight, but only 1 are younger than the awaited one",
        ("%r = sched.wait %ch inflight 1", "%r = sched.wait %ch inflight 2"),
    ),
    fault(
        "wait count too large (index)", "cfconv_sm90",
        "wait on '%jc' allows 2 commits in flight, but only 1 are younger than the awaited one",
        ("%j = sched.wait %jc inflight 1", "%j = sched.wait %jc inflight 2"),
    ),
    fault(
        "prologue too short", "matmul_sm80",
        "wait on '%ch' allows 1 commits in flight, but only 0 are younger than the awaited one",
        ("scf.for %j = %c0 to %c2 step", "scf.for %j = %c0 to %c1 step"),
    ),
    fault(
        "prologue too long", "low_rank_ffn_sm80", "ring '%ch' of depth 3 is too short",
        ("%c2 = arith.constant 2 : index", "%c2 = arith.constant 2 : index\n    %c3 = arith.constant 3 : index"),
        ("scf.for %j = %c0 to %c2 step", "scf.for %j = %c0 to %c3 step"),
    ),
    fault(
        "guard of a leading copy off by one", "attention_sm80",
        "is read although the copy into slot 1 of '%kc' is predicated off",
        ("%on = arith.cmpi slt, %i1, %n : index", "%i2 = arith.addi %i1, %c1 : index\n        %on = arith.cmpi slt, %i2, %n : index"),
    ),
    fault(
        "guard of a leading copy too wide", "attention_sm80",
        "drain of '%vc' drops slot 1, whose copy was not predicated off: trip counts disagree",
        ("to %wv10 where %on", "to %wv10 where %all"),
        ("%on = arith.cmpi slt, %i1, %n : index", "%on = arith.cmpi slt, %i1, %n : index\n        %all = arith.cmpi slt, %i, %n : index"),
    ),
    # Accesses and products.
    fault(
        "read after release", "attention_sm90",
        "access to '%k00' outside its span: the slot of '%kc' was released",
        ("%ts = sched.mma async %q, trans %kt", "%ts = sched.mma async %q, trans %k00"),
    ),
    fault(
        "release before the product is waited for", "attention_sm90",
        "release of a slot of '%kc' while the product '%ts' that reads it may be in flight",
        ("          sched.release %k : !waited\n", ""),
        ("          sched.pass %pp\n", "          sched.release %k : !waited\n          sched.pass %pp\n"),
    ),
    fault(
        "release of V under its product", "attention_sm90",
        "release of a slot of '%vc' while the product '%to' that reads it may be in flight",
        ("          sched.release %v : !waited\n", ""),
        ("          sched.finish %l2 : !rf\n", "          sched.finish %l2 : !rf\n          sched.release %v : !waited\n"),
    ),
    fault(
        "missing retire", "attention_sm90",
        "mma_wait closes the product '%to' but does not retire its operand '%p0': its registers may be reused in flight",
        ("%od = sched.mma_wait %to inflight 0 retire(%pi : !pf)", "%od = sched.mma_wait %to inflight 0"),
    ),
    fault(
        "wrong retire", "attention_sm90", "mma_wait closes the product '%tz' but does not retire its operand",
        ("%oz = sched.mma_wait %tz inflight 0 retire(%pe : !pf)", "%oz = sched.mma_wait %tz inflight 0 retire(%p0 : !pf)"),
    ),
    fault(
        "wait does not cover what it names", "attention_sm90",
        "mma_wait with 1 in flight does not cover '%to', one of the newest 1",
        ("%od = sched.mma_wait %to inflight 0", "%od = sched.mma_wait %to inflight 1"),
    ),
    fault(
        "operand fragment in flight over the back edge", "attention_sm90",
        "operand '%p0' of the product '%to' is in flight over the back edge: retire it, or unroll by the number of live sets",
        ("%od = sched.mma_wait %to inflight 0 retire(%pi : !pf) : !ot", "%od = sched.splat %zero : f32 -> !of"),
    ),
    fault(
        "matmul waits one group late", "matmul_sm90",
        "release of a slot of '%ch' while the product '%t0' that reads it may be in flight",
        ("sched.mma_wait inflight 1\n", "sched.mma_wait inflight 2\n"),
    ),
    fault(
        "asynchronous product on a synchronous target", "attention_gfx942",
        "target gfx942 has no asynchronous product",
        ("%d = sched.mma %kf, %q label \"s\" : !kf, !qf -> !sf", "%dt = sched.mma async %kf, %q label \"s\" : !kf, !qf -> !sched.flight<64x128xf32, #s>\n          %d = sched.mma_wait %dt inflight 0 retire(%kf, %q : !kf, !qf) : !sched.flight<64x128xf32, #s>"),
    ),
    # Two roles.
    fault(
        "producer one trip short", "attention_sm90", "channel '%kc' is out of balance for n = 1: @load.0 acquire 0",
        ("scf.for %i = %c0 to %n step", "scf.for %i = %c0 to %last step"),
    ),
    fault(
        "consumer one trip short", "matmul_sm90", "channel '%ch' is out of balance for u = 1, n = 2: @load.0 acquire 2",
        ("%some = arith.cmpi sgt, %n, %c0", "%last = arith.subi %n, %c1 : index\n    %some = arith.cmpi sgt, %n, %c0"),
        ("scf.for %i = %c1 to %n step", "scf.for %i = %c1 to %last step"),
    ),
    fault(
        "zero trips not guarded", "attention_sm90", "channel '%kc' is out of balance for n = 0: @load.0 acquire 0",
        ("%some = arith.cmpi sgt, %n, %c0", "%some = arith.cmpi sge, %n, %c0"),
    ),
    fault(
        "V before K with a V ring of one", "attention_sm90", "deadlock for n = 2: @load.0 stops at acquire 1 of '%vc'",
        (K_FILL, ""), (V_FILL, V_FILL + K_FILL),
        ("!ch = !sched.chan<tx, !kv2>", "!ch = !sched.chan<tx, !kv2>\n!vch = !sched.chan<tx, !q1>\n!vac = !sched.slot<acquired, !vch>\n!vwa = !sched.slot<waited, !vch>"),
        ("%vb = sched.alloc : !kv2", "%vb = sched.alloc : !q1"),
        ("%vc = sched.channel %vb kind tx : !kv2", "%vc = sched.channel %vb kind tx : !q1"),
        ("%wv = sched.acquire %vc : !ch", "%wv = sched.acquire %vc : !vch"),
        ("sched.part %wv[0] : !acquired", "sched.part %wv[0] : !vac"),
        ("sched.commit %wv : !acquired", "sched.commit %wv : !vac"),
        ("%v = sched.wait %vc : !ch", "%v = sched.wait %vc : !vch"),
        ("sched.part %v[0] : !waited", "sched.part %v[0] : !vwa"),
        ("sched.release %v : !waited", "sched.release %v : !vwa"),
        ("%vz = sched.wait %vc : !ch", "%vz = sched.wait %vc : !vch"),
        ("sched.part %vz[0] : !waited", "sched.part %vz[0] : !vwa"),
        ("sched.release %vz : !waited", "sched.release %vz : !vwa"),
    ),
    fault(
        "late release against a ring of one", "matmul_sm90", "deadlock for u = 1, n = 2: @load.0 stops at acquire 1 of '%ch'",
        ("4 x 128x64", "1 x 128x64"), ("4 x 64x128", "1 x 64x128"),
    ),
    fault(
        "shared buffer outside any channel", "attention_sm80", "belongs to no channel",
        ("%qc = sched.channel", "%xb = sched.alloc : !sched.buf<8x8xf32, shared>\n    %qc = sched.channel"),
    ),
    fault(
        "baton passed twice", "attention_sm90",
        "baton '%pp': every member must take turn and pass alternately, equally often, for n = 2",
        ("          sched.pass %pp\n", "          sched.pass %pp\n" * 2),
    ),
    fault(
        "baton never passed", "attention_sm90",
        "baton '%pp': every member must take turn and pass alternately, equally often, for n = 2",
        ("          sched.pass %pp\n", ""),
    ),
    fault(
        "fifo across roles", "cfconv_sm90",
        "fifo channel '%gc' crosses roles: a counter is seen only by the threads that issued the copies",
        ("!gch = !sched.chan<arrive", "!gch = !sched.chan<fifo"),
        ("%gc = sched.channel %xb, %hb kind arrive", "%gc = sched.channel %xb, %hb kind fifo"),
    ),
    # Copies.
    fault(
        "bulk copy on a target without it", "matmul_sm80", "'bulk' copy",
        ("sched.copy async %A", "sched.copy bulk %A"),
    ),
    fault(
        "async copy into a tx ring", "attention_sm90", "'async' copy completes as",
        ("sched.copy bulk %K", "sched.copy async %K"),
    ),
    fault(
        "kind that the target does not have", "matmul_sm80", "target sm_80 has no 'tx' completion",
        ("!ch = !sched.chan<fifo", "!ch = !sched.chan<tx"), ("kind fifo", "kind tx"), ("inflight 1 ", ""),
        ("sched.copy async %A", "sched.copy bulk %A"), ("sched.copy async %B", "sched.copy bulk %B"),
        ("sched.copy async %A", "sched.copy bulk %A"), ("sched.copy async %B", "sched.copy bulk %B"),
    ),
    fault(
        "missing drain between streams", "low_rank_ffn_sm80", "ring '%ch' of depth 3 is too short",
        ("      sched.drain %ch : !ch\n", ""),
    ),
    fault(
        "index released before it is used", "cfconv_sm90",
        "access to '%j0' outside its span: the slot of '%jc' was released",
        ("        sched.release %j : !jr\n", ""),
        ("        %wg = sched.acquire %gc", "        sched.release %j : !jr\n        %wg = sched.acquire %gc"),
    ),
    fault(
        "store into a counter ring", "attention_gfx942", "a store completes as sync or arrive, but channel",
        ("!ch = !sched.chan<sync", "!ch = !sched.chan<fifo"),
        ("%kc = sched.channel %kb kind sync", "%kc = sched.channel %kb kind fifo"),
        ("%vc = sched.channel %vb kind sync", "%vc = sched.channel %vb kind fifo"),
    ),
    fault(
        "leading copy of the wrong block", "matmul_sm80",
        "copy 'bt' leaves its progression: its occurrences must take consecutive stream positions",
        ("        sched.copy async %B[%k, %c]", "        %k3 = arith.addi %k, %c64 : index\n        sched.copy async %B[%k3, %c]"),
    ),
    fault(
        "fetch to registers guarded too tightly", "matmul_gfx942",
        "is read although the copy into slot 1 of '%ch' is predicated off",
        ("%gb = sched.load %B[%k, %c] where %on", "%i2 = arith.addi %i1, %c1 : index\n          %tight = arith.cmpi slt, %i2, %n : index\n          %gb = sched.load %B[%k, %c] where %tight"),
    ),
    fault(
        "gather by the index of another tile", "cfconv_sm90", "channel '%gc' is out of balance for n = 0: @fetch.0 acquire 1",
        ("      scf.for %j = %c0 to %c2", "      %wx = sched.acquire %gc : !gch\n      %wx0 = sched.part %wx[0] : !gw\n      %wx1 = sched.part %wx[1] : !gw\n      sched.copy async %pos[%c0, %c0] to %wx0 : !pos, !xb\n      sched.copy async %h[%c0, %c0] to %wx1 : !h, !hb\n      sched.commit %wx : !gw\n      scf.for %j = %c0 to %c2"),
    ),
    # Layouts and budgets.
    fault(
        "operand layout of the wrong side", "attention_sm80",
        "operand 'B' has layout m16n8k16.A, the product needs m16n8k16.B",
        ("#b = #sched.layout<m16n8k16.B [4, 8]>", "#b = #sched.layout<m16n8k16.A [4, 4]>"),
    ),
    fault(
        "layout does not cover the tile", "attention_sm80", "covers 128x32, the tile is 128x64",
        ("#q = #sched.layout<m16n8k16.A [2, 4]", "#q = #sched.layout<m16n8k16.A [2, 2]"),
    ),
    fault(
        "conversion is not free", "attention_sm80", "is 'shared', written as 'free'",
        ("!p16 = !sched.frag<128x64xbf16, #s>", "!p16 = !sched.frag<128x64xbf16, #sched.layout<m16n8k16.D [8, 2] warps [1, 4]>>"),
    ),
    fault(
        "warps of operand and result differ", "matmul_sm80",
        "rows of 'A' are spread over warps 1, those of the result over 4",
        ("#a = #sched.layout<m16n8k16.A [2, 4] warps [4, 1]>", "#a = #sched.layout<m16n8k16.A [8, 4]>"),
    ),
    fault(
        "shared memory over budget", "matmul_sm90",
        "shared memory: 262272 bytes of 232448: %ab 8x16384, %bb 8x16384",
        ("4 x 128x64", "8 x 128x64"), ("4 x 64x128", "8 x 64x128"),
    ),
    fault(
        "registers of all roles over the file", "attention_sm90",
        "registers of all roles: 67584 of 64512 (168 at entry x 384 threads)",
        ("@load warps 1 regs 24", "@load warps 1 regs 48"),
    ),
    fault(
        "budget below the live fragments", "attention_sm90", "role @mma needs about",
        ("groups 2 (%g) regs 240", "groups 2 (%g) regs 104"),
    ),
    fault(
        "budget not a multiple of eight", "matmul_sm90",
        "registers of role @mma (228) must be a multiple of 8 in 24..256",
        ("groups 2 (%g) regs 232", "groups 2 (%g) regs 228"),
    ),
    fault(
        "channel op under a condition of data", "cfconv_sm90",
        "channel ops under a condition that is not a function of 'trips'",
        ("        %x = sched.wait %gc : !gch\n", "        %odd = arith.cmpi sgt, %hi, %c2 : index\n        %x = scf.if %odd -> !gr {\n          %xw = sched.wait %gc : !gch\n          scf.yield %xw : !gr\n        } else {\n          %xw = sched.wait %gc : !gch\n          scf.yield %xw : !gr\n        }\n"),
    ),
    # Right and slow.
    fault(
        "finish dropped", "attention_sm90",
        "elementwise work since the product was issued is not pinned before this wait: add 'finish'",
        ("          sched.finish %l2 : !rf\n", ""), remark=True,
    ),
    fault(
        "wait count smaller than possible", "attention_sm80",
        "wait on '%vc' could leave 1 commits in flight, leaves 0",
        ("%v = sched.wait %vc inflight 1", "%v = sched.wait %vc"), remark=True,
    ),
    fault(
        "put behind the product: its acquire needs a barrier", "attention_gfx942",
        "acquire of '%vc' costs a barrier of its own",
        (PUT, ""),
        ("      %o0 = sched.splat", PUT.replace("%fv", "%fv0").replace("%wv", "%wv0") + "      %o0 = sched.splat"),
        ("        scf.yield %o3", PUT.replace("%fv", "%fv1") + "        scf.yield %o3"),
        ("      sched.drain %kc : !ch\n", "      sched.drain %kc : !ch\n      sched.drain %vc : !ch\n"),
        remark=True,
    ),
)  # fmt: skip


def verify(tegula_opt: str, text: str) -> tuple[int, str]:
    done = subprocess.run(
        [tegula_opt, "--sched-verify=remarks", "-o", "/dev/null"],
        input=text, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr


def read(name: str) -> str:
    """A listing without its comments, which quote ops for FileCheck."""
    lines = (LISTINGS / f"{name}.mlir").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("//"))


def plant(planted: Fault) -> str:
    text = read(planted.listing)
    for old, new in planted.changes:
        assert old in text, f"{planted.listing} has no {old!r}"
        text = text.replace(old, new, 1)
    return text


def test_there_are_ten_listings() -> None:
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_listings_are_right_and_not_slow(tegula_opt: str, name: str) -> None:
    assert verify(tegula_opt, read(name)) == (0, "")


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.name)
def test_planted_faults_are_refused(tegula_opt: str, planted: Fault) -> None:
    status, said = verify(tegula_opt, plant(planted))
    assert planted.message in said
    assert f"{'remark' if planted.remark else 'error'}: " in said
    assert (status == 0) == planted.remark
    assert "<stdin>:" in said or "-:" in said  # a place in the text
