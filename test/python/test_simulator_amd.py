# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""AMD's instructions in the simulator, each against a statement of its meaning made from documents.

Fragments of matrix instructions follow AMD's matrix instruction calculator (``register layouts``),
lane exchanges the CDNA 3 instruction set guide and LLVM's AMDGPU usage guide. Neither shares a
line with the simulator: operands are dealt to lanes here by the published formulas.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from built import tool

Array = npt.NDArray[Any]
TYPES = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "int32": "i32", "int64": "i64"}
LAYOUT = (
    "e-m:e-p:64:64-p1:64:64-p2:32:32-p3:32:32-p4:64:64-p5:32:32-p6:32:32-p7:160:256:256:32-p8:128:128:128:48"
    "-p9:192:256:256:32-i64:64-v16:16-v24:32-v32:32-v48:64-v96:128-v192:256-v256:256-v512:512-v1024:1024"
    "-v2048:2048-n32:64-S32-A5-G1-ni:7:8:9"
)
HEAD = f'target triple = "amdgcn-amd-amdhsa"\ntarget datalayout = "{LAYOUT}"\n'


@dataclass(frozen=True)
class Buffer:
    """A buffer of a launch: what it holds before, or what it must hold after."""

    name: str
    values: Array
    is_result: bool = False
    tolerance: float = 0.0


def simulate(
    folder: Path, body: str, buffers: list[Buffer], threads: int = 64, seeds: int = 2, options: tuple[str, ...] = ()
) -> str:
    """Runs ``kernel`` of an LLVM module on buffers; returns what went wrong, or the counters.

    The body may use ``%lane`` (the lane's number) and each buffer by its name.
    """
    parameters = ", ".join(f"ptr addrspace(1) %{b.name}" for b in buffers)
    define, _, declarations = body.partition("\n---\n")
    text = (
        HEAD
        + f"""
define amdgpu_kernel void @kernel({parameters}) #0 {{
  %lane = call i32 @llvm.amdgcn.workitem.id.x()
{define}
}}
declare i32 @llvm.amdgcn.workitem.id.x()
{declarations}
attributes #0 = {{ "amdgpu-flat-work-group-size"="{threads},{threads}" }}
"""
    )
    (folder / "kernel.ll").write_text(text)
    described: list[dict[str, Any]] = []
    for buffer in buffers:
        file = folder / f"{buffer.name}.bin"
        file.write_bytes(np.ascontiguousarray(buffer.values).tobytes())
        content = {"file": file.name}
        entry: dict[str, Any] = {
            "name": buffer.name, "type": TYPES[buffer.values.dtype.name], "shape": list(buffer.values.shape),
        }  # fmt: skip
        if buffer.is_result:
            entry |= {"init": "undefined", "expect": content, "tolerance": buffer.tolerance}
        else:
            entry |= {"init": content, "access": "read"}
        described.append(entry)
    launch = {
        "kernel": "kernel", "grid": [1, 1, 1], "block": [threads, 1, 1], "buffers": described,
        "arguments": [{"buffer": b.name} for b in buffers],
    }  # fmt: skip
    (folder / "launch.json").write_text(json.dumps(launch))
    command = [tool("tegula-sim"), folder / "kernel.ll", "--launch", folder / "launch.json", f"--seeds={seeds}"]
    done = subprocess.run([str(c) for c in command] + list(options), capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout
    return done.stderr or f"exit status {done.returncode}"


def holds(folder: Path, body: str, buffers: list[Buffer], **more: Any) -> None:
    """The kernel runs without a report and its results are as stated, on both kinds of host."""
    for options in ((), ("--narrow-host",)):
        said = simulate(folder, body, buffers, options=options, **more)
        assert "error" not in said, said


# Matrix instructions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Product:
    """A matrix instruction: its name, the edge of the result, k, and neighbours along k in a lane."""

    name: str
    dtype: Any
    vector: str
    edge: int
    k: int
    own: int

    @property
    def sums(self) -> Any:
        """The type of C and of the result."""
        return np.float64 if self.dtype is np.float64 else np.float32


PRODUCTS = (
    Product("f32.32x32x8f16", np.float16, "<4 x half>", 32, 8, 4),
    Product("f32.16x16x16f16", np.float16, "<4 x half>", 16, 16, 4),
    Product("f32.32x32x8bf16.1k", ml_dtypes.bfloat16, "<4 x i16>", 32, 8, 4),
    Product("f32.16x16x16bf16.1k", ml_dtypes.bfloat16, "<4 x i16>", 16, 16, 4),
    Product("f32.32x32x2f32", np.float32, "float", 32, 2, 1),
    Product("f32.16x16x4f32", np.float32, "float", 16, 4, 1),
    Product("f32.32x32x16.f16", np.float16, "<8 x half>", 32, 16, 8),
    Product("f32.16x16x32.f16", np.float16, "<8 x half>", 16, 32, 8),
    Product("f32.32x32x16.bf16", ml_dtypes.bfloat16, "<8 x bfloat>", 32, 16, 8),
    Product("f32.16x16x32.bf16", ml_dtypes.bfloat16, "<8 x bfloat>", 16, 32, 8),
    Product("f64.16x16x4f64", np.float64, "double", 16, 4, 1),
)


def operand(p: Product, matrix: Array) -> Array:
    """Rows of A (columns of B, transposed) as lanes hold them: lane l has row l % edge."""
    lanes = np.arange(64)[:, None]
    return matrix[lanes % p.edge, p.own * (lanes // p.edge) + np.arange(p.own)[None, :]]


def result(p: Product, matrix: Array) -> Array:
    """The result as lanes hold it: groups of four rows, dealt to the parts of the wave in turn."""
    lanes, registers = np.arange(64)[:, None], np.arange(p.edge * p.edge // 64)[None, :]
    parts = 64 // p.edge
    if p.dtype is np.float64:
        return matrix[lanes // p.edge + 4 * registers, lanes % p.edge]
    rows = 4 * (lanes // p.edge) + registers % 4 + 4 * parts * (registers // 4)
    return matrix[rows, lanes % p.edge]


def product_body(p: Product) -> str:
    count = p.edge * p.edge // 64
    bits = p.own * np.dtype(p.dtype).itemsize
    sums = "double" if p.sums is np.float64 else "float"
    return f"""
  %ia = mul i32 %lane, {bits}
  %pa = getelementptr i8, ptr addrspace(1) %a, i32 %ia
  %pb = getelementptr i8, ptr addrspace(1) %b, i32 %ia
  %ic = mul i32 %lane, {np.dtype(p.sums).itemsize * count}
  %pc = getelementptr i8, ptr addrspace(1) %c, i32 %ic
  %pd = getelementptr i8, ptr addrspace(1) %d, i32 %ic
  %va = load {p.vector}, ptr addrspace(1) %pa, align 4
  %vb = load {p.vector}, ptr addrspace(1) %pb, align 4
  %vc = load <{count} x {sums}>, ptr addrspace(1) %pc, align 4
  %vd = call <{count} x {sums}> @llvm.amdgcn.mfma.{p.name}({p.vector} %va, {p.vector} %vb,
    <{count} x {sums}> %vc, i32 0, i32 0, i32 0)
  store <{count} x {sums}> %vd, ptr addrspace(1) %pd, align 4
  ret void
---
declare <{count} x {sums}> @llvm.amdgcn.mfma.{p.name}({p.vector}, {p.vector}, <{count} x {sums}>,
  i32 immarg, i32 immarg, i32 immarg)
"""


@pytest.mark.parametrize("p", PRODUCTS, ids=lambda p: p.name)
def test_mfma(tmp_path: Path, p: Product) -> None:
    """Small integers, so that every order of summation gives the same."""
    seed = np.random.SeedSequence().generate_state(1)[0]
    print("seed", seed)
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-8, 9, (p.edge, p.k)).astype(p.dtype) for _ in range(2))
    c = rng.integers(-100, 100, (p.edge, p.edge)).astype(p.sums)
    d = a.astype(p.sums) @ b.astype(p.sums).T + c
    buffers = [
        Buffer("a", operand(p, a)), Buffer("b", operand(p, b)), Buffer("c", result(p, c)),
        Buffer("d", result(p, d), is_result=True),
    ]  # fmt: skip
    holds(tmp_path, product_body(p), buffers)
    wrong = d.copy()
    wrong[[0, 1]] = wrong[[1, 0]]
    assert "result" in simulate(
        tmp_path, product_body(p), [*buffers[:3], Buffer("d", result(p, wrong), is_result=True)]
    )


def test_an_undefined_operand_spoils_its_row_only(tmp_path: Path) -> None:
    """Row 3 of A is undefined: the stores of row 3 are reported, those of the others are not."""
    p = PRODUCTS[1]
    a = np.ones((16, 16), p.dtype)
    body = product_body(p).replace(
        "%vb = load",
        "%bad = icmp eq i32 %lane, 3\n  %va2 = select i1 %bad, <4 x half> undef, <4 x half> %va\n  %vb = load",
    ).replace("<4 x half> %va,", "<4 x half> %va2,")  # fmt: skip
    row = "\n  %e = extractelement <4 x float> %vd, i32 REGISTER\n  store float %e, ptr addrspace(1) %pd, align 4"
    store = "\n  store <4 x float> %vd, ptr addrspace(1) %pd, align 4"
    zero = Buffer("c", np.zeros((64, 4), np.float32))
    for register, is_bad in ((3, True), (2, False)):
        text = body.replace(store, row.replace("REGISTER", str(register)))
        buffers = [Buffer("a", operand(p, a)), Buffer("b", operand(p, a)), zero]
        said = simulate(
            tmp_path, text, [*buffers, Buffer("d", np.zeros((64, 4), np.float32), is_result=True, tolerance=99)]
        )
        # Lanes 0 to 15 hold rows 0 to 3.
        assert ("uninitialised" in said and "lane" in said) == is_bad, said


# Lanes of a wave -------------------------------------------------------------------------------

LANES = np.arange(64)


def lane_body(call: str, declaration: str) -> str:
    """``out[lane] = call``, where ``%x`` is ``in[lane]``."""
    return f"""
  %px = getelementptr i32, ptr addrspace(1) %in, i32 %lane
  %po = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  %x = load i32, ptr addrspace(1) %px, align 4
{call}
  store i32 %r, ptr addrspace(1) %po, align 4
  ret void
---
{declaration}
"""


DPP = "declare i32 @llvm.amdgcn.update.dpp.i32(i32, i32, i32 immarg, i32 immarg, i32 immarg, i1 immarg)"
OLD = -7


def dpp(control: int, rows: int = 15, banks: int = 15, bound: bool = False) -> str:
    return (
        f"  %r = call i32 @llvm.amdgcn.update.dpp.i32(i32 {OLD}, i32 %x, i32 {control}, i32 {rows}, i32 {banks}, "
        f"i1 {str(bound).lower()})"
    )


def take(source: Callable[[int], int | None], none: int = OLD) -> Callable[[Array], Array]:
    """Each lane takes from the lane that `source` names, or `none`."""

    def apply(x: Array) -> Array:
        sources = [source(int(i)) for i in LANES]
        return np.array([none if s is None else x[s] for s in sources], np.int32)

    return apply


def within_row(shift: int) -> Callable[[int], int | None]:
    return lambda i: i + shift if 0 <= i % 16 + shift < 16 else None


BPERMUTE = "declare i32 @llvm.amdgcn.ds.bpermute(i32, i32)"
EXCHANGES: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "quad_perm 1,0,3,2": (dpp(0b10110001), DPP, take(lambda i: i ^ 1)),
    "quad_perm 2,3,0,1": (dpp(0b01001110), DPP, take(lambda i: i ^ 2)),
    "quad_perm 3,2,1,0": (dpp(0b00011011), DPP, take(lambda i: i ^ 3)),
    "row_half_mirror": (dpp(0x141), DPP, take(lambda i: i ^ 7)),
    "row_mirror": (dpp(0x140), DPP, take(lambda i: i ^ 15)),
    "row_ror 8": (dpp(0x128), DPP, take(lambda i: i ^ 8)),
    "row_ror 3": (dpp(0x123), DPP, take(lambda i: i // 16 * 16 + (i % 16 - 3) % 16)),
    "row_shl 2": (dpp(0x102), DPP, take(within_row(2))),
    "row_shr 5": (dpp(0x115), DPP, take(within_row(-5))),
    "row_shr 5, bound": (dpp(0x115, bound=True), DPP, take(within_row(-5), none=0)),
    "row_bcast15": (dpp(0x142, rows=0b1010), DPP, take(lambda i: i // 16 * 16 - 1 if i // 16 % 2 else None)),
    "row_bcast31": (dpp(0x143, rows=0b1100), DPP, take(lambda i: 31 if i >= 32 else None)),
    "row_newbcast 5": (dpp(0x155), DPP, take(lambda i: i // 16 * 16 + 5)),
    "bank mask": (dpp(0x140, banks=0b0001), DPP, take(lambda i: i ^ 15 if i % 16 < 4 else None)),
    "ds_swizzle xor 16": (
        "  %r = call i32 @llvm.amdgcn.ds.swizzle(i32 %x, i32 16415)",
        "declare i32 @llvm.amdgcn.ds.swizzle(i32, i32 immarg)", take(lambda i: i ^ 16),
    ),
    "ds_swizzle and 24": (
        "  %r = call i32 @llvm.amdgcn.ds.swizzle(i32 %x, i32 24)",
        "declare i32 @llvm.amdgcn.ds.swizzle(i32, i32 immarg)", take(lambda i: i & 56),
    ),
    "ds_swizzle quads": (
        "  %r = call i32 @llvm.amdgcn.ds.swizzle(i32 %x, i32 32795)",
        "declare i32 @llvm.amdgcn.ds.swizzle(i32, i32 immarg)", take(lambda i: i ^ 3),
    ),
    "ds_bpermute": (
        """  %other = xor i32 %lane, 32
  %at = shl i32 %other, 2
  %r = call i32 @llvm.amdgcn.ds.bpermute(i32 %at, i32 %x)""",
        BPERMUTE, take(lambda i: i ^ 32),
    ),
    "ds_permute": (
        "  %add = add i32 %lane, 5\n  %at = shl i32 %add, 2\n  %r = call i32 @llvm.amdgcn.ds.permute(i32 %at, i32 %x)",
        "declare i32 @llvm.amdgcn.ds.permute(i32, i32)", take(lambda i: (i - 5) % 64),
    ),
    "readfirstlane": (
        "  %r = call i32 @llvm.amdgcn.readfirstlane.i32(i32 %x)",
        "declare i32 @llvm.amdgcn.readfirstlane.i32(i32)", take(lambda i: 0),
    ),
    "readlane": (
        "  %r = call i32 @llvm.amdgcn.readlane.i32(i32 %x, i32 37)",
        "declare i32 @llvm.amdgcn.readlane.i32(i32, i32)", take(lambda i: 37),
    ),
    "mbcnt": (
        """  %low = call i32 @llvm.amdgcn.mbcnt.lo(i32 -1, i32 0)
  %r = call i32 @llvm.amdgcn.mbcnt.hi(i32 -1, i32 %low)""",
        "declare i32 @llvm.amdgcn.mbcnt.lo(i32, i32)\ndeclare i32 @llvm.amdgcn.mbcnt.hi(i32, i32)",
        lambda x: LANES.astype(np.int32),
    ),
    "ballot": (
        """  %odd = trunc i32 %x to i1
  %all = call i64 @llvm.amdgcn.ballot.i64(i1 %odd)
  %wide = zext i32 %lane to i64
  %mine = lshr i64 %all, %wide
  %bit = trunc i64 %mine to i32
  %r = and i32 %bit, 1""",
        "declare i64 @llvm.amdgcn.ballot.i64(i1)", lambda x: x & 1,
    ),
    "perm": (
        "  %y = xor i32 %x, -1\n  %r = call i32 @llvm.amdgcn.perm(i32 %x, i32 %y, i32 84017153)",
        "declare i32 @llvm.amdgcn.perm(i32, i32, i32)",
        # Selector 0x05020001: bytes 1, 0, 2 of the second operand, byte 1 of the first.
        lambda x: _bytes(~x)[:, [1, 0, 2]].astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16], np.uint32)
        + (_bytes(x)[:, 1].astype(np.uint32) << 24),
    ),
}  # fmt: skip


def _bytes(x: Array) -> Array:
    return np.ascontiguousarray(x.astype(np.int32)).view(np.uint8).reshape(-1, 4)


@pytest.mark.parametrize("name", EXCHANGES)
def test_lanes_exchange_values(tmp_path: Path, name: str) -> None:
    call, declaration, meaning = EXCHANGES[name]
    x = np.random.default_rng().integers(-(2**31), 2**31, 64).astype(np.int32)
    expected = meaning(x).astype(np.uint32).view(np.int32)
    holds(tmp_path, lane_body(call, declaration), [Buffer("in", x), Buffer("out", expected, is_result=True)])


def test_half_of_a_wave(tmp_path: Path) -> None:
    """Under a branch: the first active lane, no bits of the others, and 0 from an inactive lane."""
    body = """
  %px = getelementptr i32, ptr addrspace(1) %in, i32 %lane
  %x = load i32, ptr addrspace(1) %px, align 4
  %p1 = getelementptr i32, ptr addrspace(1) %first, i32 %lane
  %p2 = getelementptr i64, ptr addrspace(1) %bits, i32 %lane
  %p3 = getelementptr i32, ptr addrspace(1) %other, i32 %lane
  store i32 0, ptr addrspace(1) %p1, align 4
  store i64 0, ptr addrspace(1) %p2, align 8
  store i32 0, ptr addrspace(1) %p3, align 4
  %upper = icmp uge i32 %lane, 40
  br i1 %upper, label %then, label %done
then:
  %f = call i32 @llvm.amdgcn.readfirstlane.i32(i32 %x)
  %b = call i64 @llvm.amdgcn.ballot.i64(i1 true)
  %swapped = xor i32 %lane, 32
  %at = shl i32 %swapped, 2
  %o = call i32 @llvm.amdgcn.ds.bpermute(i32 %at, i32 %x)
  store i32 %f, ptr addrspace(1) %p1, align 4
  store i64 %b, ptr addrspace(1) %p2, align 8
  store i32 %o, ptr addrspace(1) %p3, align 4
  br label %done
done:
  ret void
---
declare i32 @llvm.amdgcn.readfirstlane.i32(i32)
declare i64 @llvm.amdgcn.ballot.i64(i1)
declare i32 @llvm.amdgcn.ds.bpermute(i32, i32)
"""
    x = np.arange(1, 65, dtype=np.int32)
    active = LANES >= 40
    mask = np.uint64(sum(1 << int(i) for i in LANES[active])).view(np.int64)
    buffers = [
        Buffer("in", x), Buffer("first", np.where(active, x[40], 0).astype(np.int32), is_result=True),
        Buffer("bits", np.where(active, mask, 0).astype(np.int64), is_result=True),
        Buffer("other", np.zeros(64, np.int32), is_result=True),
    ]  # fmt: skip
    holds(tmp_path, body, buffers)


@pytest.mark.parametrize(
    "name, meaning", [("exp2", np.exp2), ("log", np.log2), ("rcp", np.reciprocal)], ids=["exp2", "log", "rcp"]
)
def test_approximations(tmp_path: Path, name: str, meaning: Callable[[Array], Array]) -> None:
    body = lane_body(
        f"""  %f = bitcast i32 %x to float
  %g = call float @llvm.amdgcn.{name}.f32(float %f)
  %r = bitcast float %g to i32""",
        f"declare float @llvm.amdgcn.{name}.f32(float)",
    )
    x = np.random.default_rng().uniform(0.1, 20, 64).astype(np.float32)
    expected = meaning(x.astype(np.float64)).astype(np.float32)
    holds(tmp_path, body, [Buffer("in", x), Buffer("out", expected, is_result=True)])


def test_round_to_zero(tmp_path: Path) -> None:
    body = lane_body(
        """  %f = bitcast i32 %x to float
  %m = fneg float %f
  %h = call <2 x half> @llvm.amdgcn.cvt.pkrtz(float %f, float %m)
  %r = bitcast <2 x half> %h to i32""",
        "declare <2 x half> @llvm.amdgcn.cvt.pkrtz(float, float)",
    )
    x = np.random.default_rng().uniform(1, 1000, 64).astype(np.float32)
    half = x.astype(np.float16)
    down = np.where(half.astype(np.float32) > x, np.nextafter(half, np.float16(0)), half)
    expected = np.stack([down, -down], axis=1).astype(np.float16).view(np.int32).ravel()
    holds(tmp_path, body, [Buffer("in", x), Buffer("out", expected, is_result=True)])


# Memory ----------------------------------------------------------------------------------------

RSRC = """
  %rsrc = call ptr addrspace(8) @llvm.amdgcn.make.buffer.rsrc.p8.p1(ptr addrspace(1) %in,
    i16 0, i64 RECORDS, i32 159744)
"""
RSRC_DECLARATION = (
    "declare ptr addrspace(8) @llvm.amdgcn.make.buffer.rsrc.p8.p1(ptr addrspace(1), i16, i64, i32)\n"
    "declare <4 x i32> @llvm.amdgcn.raw.ptr.buffer.load.v4i32(ptr addrspace(8), i32, i32, i32 immarg)\n"
    "declare void @llvm.amdgcn.raw.ptr.buffer.store.i32(i32, ptr addrspace(8), i32, i32, i32 immarg)\n"
    "declare void @llvm.amdgcn.raw.ptr.buffer.load.lds(ptr addrspace(8), ptr addrspace(3), i32 immarg, i32, i32, "
    "i32 immarg, i32 immarg)\n"
    "declare void @llvm.amdgcn.s.barrier()\ndeclare void @llvm.amdgcn.s.waitcnt(i32 immarg)\n"
)


def test_buffer_loads_give_zero_out_of_range(tmp_path: Path) -> None:
    """Rows of 16 bytes; the number of bytes ends inside one, so that part of it is zero."""
    records = 40 * 16 + 8
    body = (
        RSRC.replace("RECORDS", str(records))
        + f"""
  %o = shl i32 %lane, 4
  %masked = icmp eq i32 %lane, 5
  %voffset = select i1 %masked, i32 -2147483648, i32 %o
  %v = call <4 x i32> @llvm.amdgcn.raw.ptr.buffer.load.v4i32(ptr addrspace(8) %rsrc, i32 %voffset, i32 0, i32 0)
  %p = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %v, ptr addrspace(1) %p, align 16
  ret void
---
{RSRC_DECLARATION}"""
    )
    x = np.arange(1, 257, dtype=np.int32).reshape(64, 4)
    expected = np.where(np.arange(256).reshape(64, 4) * 4 + 4 <= records, x, 0)
    expected[5] = 0
    holds(tmp_path, body, [Buffer("in", x), Buffer("out", expected.astype(np.int32), is_result=True)])


def test_buffer_stores_vanish_out_of_range(tmp_path: Path) -> None:
    body = (
        RSRC.replace("RECORDS", "200").replace("%in", "%out")
        + f"""
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 -1, ptr addrspace(1) %p, align 4
  %o = shl i32 %lane, 2
  call void @llvm.amdgcn.raw.ptr.buffer.store.i32(i32 %lane, ptr addrspace(8) %rsrc, i32 %o, i32 0, i32 0)
  ret void
---
{RSRC_DECLARATION}"""
    )
    expected = np.where(LANES < 50, LANES, -1).astype(np.int32)
    holds(tmp_path, body, [Buffer("out", expected, is_result=True)])


def test_an_offset_of_all_lanes_must_not_decide(tmp_path: Path) -> None:
    """Chips do not agree whether it takes part in the range check: a report."""
    body = (
        RSRC.replace("RECORDS", "1024")
        + f"""
  %o = shl i32 %lane, 4
  %v = call <4 x i32> @llvm.amdgcn.raw.ptr.buffer.load.v4i32(ptr addrspace(8) %rsrc, i32 %o, i32 64, i32 0)
  %p = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %v, ptr addrspace(1) %p, align 16
  ret void
---
{RSRC_DECLARATION}"""
    )
    x = np.zeros((64, 4), np.int32)
    said = simulate(tmp_path, body, [Buffer("in", x), Buffer("out", x, is_result=True, tolerance=1)])
    assert "which chips do not agree on" in said


def test_a_descriptor_beyond_its_buffer(tmp_path: Path) -> None:
    body = (
        RSRC.replace("RECORDS", "4096")
        + f"""
  %o = shl i32 %lane, 5
  %v = call <4 x i32> @llvm.amdgcn.raw.ptr.buffer.load.v4i32(ptr addrspace(8) %rsrc, i32 %o, i32 0, i32 0)
  %p = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %v, ptr addrspace(1) %p, align 16
  ret void
---
{RSRC_DECLARATION}"""
    )
    x = np.zeros((64, 4), np.int32)
    assert "out-of-bounds" in simulate(tmp_path, body, [Buffer("in", x), Buffer("out", x, is_result=True, tolerance=1)])


def copy_body(wait: str, barrier: bool = True) -> str:
    """Wave 0 and wave 1 each copy their 256 bytes to shared memory, and each reads the other's."""
    return (
        RSRC.replace("RECORDS", "512")
        + f"""
  %wave = lshr i32 %lane, 6
  %base = shl i32 %wave, 8
  %uniform = call i32 @llvm.amdgcn.readfirstlane.i32(i32 %base)
  %lds = getelementptr i8, ptr addrspace(3) @lds, i32 %uniform
  %o = shl i32 %lane, 2
  call void @llvm.amdgcn.raw.ptr.buffer.load.lds(ptr addrspace(8) %rsrc, ptr addrspace(3) %lds,
    i32 4, i32 %o, i32 0, i32 0, i32 0)
{wait}
{"  call void @llvm.amdgcn.s.barrier()" if barrier else ""}
  %swapped = xor i32 %lane, 64
  %q = getelementptr i32, ptr addrspace(3) @lds, i32 %swapped
  %v = load i32, ptr addrspace(3) %q, align 4
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %v, ptr addrspace(1) %p, align 4
  ret void
---
@lds = internal addrspace(3) global [512 x i8] undef, align 16
declare i32 @llvm.amdgcn.readfirstlane.i32(i32)
{RSRC_DECLARATION}"""
    )


WAIT_ALL = "  call void @llvm.amdgcn.s.waitcnt(i32 3952)"  # vmcnt(0), the other counters at their most


def test_copies_to_shared_memory(tmp_path: Path) -> None:
    x = np.random.default_rng().integers(0, 1000, 128).astype(np.int32)
    result = Buffer("out", np.concatenate([x[64:], x[:64]]), is_result=True)
    holds(tmp_path, copy_body(WAIT_ALL), [Buffer("in", x), result], threads=128, seeds=6)


@pytest.mark.parametrize("wait, barrier", [("", True), (WAIT_ALL, False)], ids=["no wait", "no barrier"])
def test_a_copy_read_too_early(tmp_path: Path, wait: str, barrier: bool) -> None:
    x = np.arange(128, dtype=np.int32)
    buffers = [Buffer("in", x), Buffer("out", x, is_result=True, tolerance=1e9)]
    said = simulate(tmp_path, copy_body(wait, barrier), buffers, threads=128, seeds=6)
    assert "race" in said or "uninitialised" in said, said


def test_waves_meet_at_a_barrier(tmp_path: Path) -> None:
    """Four waves write shared memory and read it in reverse order behind the barrier."""
    body = """
  %q = getelementptr i32, ptr addrspace(3) @lds, i32 %lane
  store i32 %lane, ptr addrspace(3) %q, align 4
  fence syncscope("workgroup") release
  call void @llvm.amdgcn.s.barrier()
  fence syncscope("workgroup") acquire
  %m = sub i32 255, %lane
  %r = getelementptr i32, ptr addrspace(3) @lds, i32 %m
  %v = load i32, ptr addrspace(3) %r, align 4
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %lane
  store i32 %v, ptr addrspace(1) %p, align 4
  ret void
---
@lds = internal addrspace(3) global [1024 x i8] undef, align 16
declare void @llvm.amdgcn.s.barrier()
"""
    expected = np.arange(255, -1, -1, dtype=np.int32)
    holds(tmp_path, body, [Buffer("out", expected, is_result=True)], threads=256, seeds=4)
    missing = body.replace("  call void @llvm.amdgcn.s.barrier()\n", "", 1)
    assert "race" in simulate(
        tmp_path, missing, [Buffer("out", expected, is_result=True, tolerance=1e9)], threads=256, seeds=4
    )


@pytest.mark.parametrize(
    "swizzle, factor", [("0", 8), ("%lane", 1)], ids=["rows of 128 bytes", "chunks exchanged by row"]
)
def test_bank_conflicts_of_wide_reads(tmp_path: Path, swizzle: str, factor: int) -> None:
    """ds_read_b128 of a column of 16-byte pieces: 8 conflicts, or none with the piece xor the row."""
    body = f"""
  %row = and i32 %lane, 63
  %start = shl i32 %row, 7
  %key = and i32 {swizzle}, 7
  %chunk = shl i32 %key, 4
  %at = or i32 %start, %chunk
  %q = getelementptr i8, ptr addrspace(3) @lds, i32 %at
  store <4 x i32> zeroinitializer, ptr addrspace(3) %q, align 16
  %v = load <4 x i32>, ptr addrspace(3) %q, align 16
  %p = getelementptr <4 x i32>, ptr addrspace(1) %out, i32 %lane
  store <4 x i32> %v, ptr addrspace(1) %p, align 16
  ret void
---
@lds = internal addrspace(3) global [8192 x i8] undef, align 128
"""
    said = simulate(
        tmp_path, body, [Buffer("out", np.zeros((64, 4), np.int32), is_result=True)], options=("--counters",)
    )
    counters = dict(line.split() for line in said.splitlines() if len(line.split()) == 2)
    assert int(counters["shared_phases"]) == factor * int(counters["shared_phases_min"]), said
