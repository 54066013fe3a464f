# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Golden vectors: one small kernel per instruction, run on the chip, beside what the simulator makes of it.

Each kernel is one warp: every lane loads its registers, does one instruction, and stores what it got. The
machine that has a compiler but no GPU makes PTX and the simulator's answer (`prepare`); the machine that has
a GPU runs the PTX and compares (`capture`).
"""

from __future__ import annotations

import ctypes
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tegula.runtime import Library, find_library

LANES = 32


@dataclass(frozen=True)
class Kernel:
    """An instruction as an LLVM call: registers in and out of a lane, and how inputs are drawn."""

    name: str
    call: str  # in terms of %a0, %a1, …; defines %r
    inputs: tuple[str, ...]  # LLVM types
    outputs: tuple[str, ...]
    declare: str
    kind: str = "bits"  # "bf16", "f16", "f32": what the inputs' bytes are
    tolerance: float = 0.0  # 0: bit by bit; else of f32 results, relative to the largest


def _mma(name: str, kind: str, a: int, b: int, register: str) -> Kernel:
    arguments = ", ".join([f"{register} %a{i}" for i in range(a + b)] + [f"float %a{a + b + i}" for i in range(4)])
    types = ", ".join([register] * (a + b) + ["float"] * 4)
    result = "{float, float, float, float}"
    call = f"%r = call {result} @{name}({arguments})"
    inputs = (register,) * (a + b) + ("float",) * 4
    return Kernel(name, call, inputs, ("float",) * 4, f"declare {result} @{name}({types})", kind, 1e-6)


def _lanes(name: str, call: str, result: str, types: str, inputs: tuple[str, ...], kind: str = "bits") -> Kernel:
    function = f"llvm.nvvm.{name}"
    return Kernel(function, f"%r = {call}", inputs, (result,), f"declare {result} @{function}({types})", kind)


KERNELS = (
    _mma("llvm.nvvm.mma.m16n8k16.row.col.bf16", "bf16", 4, 2, "i32"),
    _mma("llvm.nvvm.mma.m16n8k8.row.col.bf16", "bf16", 2, 1, "i32"),
    _mma("llvm.nvvm.mma.m16n8k16.row.col.f32.f32", "f16", 4, 2, "<2 x half>"),
    _mma("llvm.nvvm.mma.m16n8k8.row.col.tf32", "f32", 4, 2, "i32"),
    *(
        _lanes(
            f"shfl.sync.{way}.i32",
            f"call i32 @llvm.nvvm.shfl.sync.{way}.i32(i32 -1, i32 %a0, i32 {by}, i32 {clamp})",
            "i32",
            "i32, i32, i32, i32",
            ("i32",),
        )
        for way, by, clamp in (("bfly", 5, 31), ("idx", 7, 31), ("up", 3, 0), ("down", 3, 31))
    ),
    *(
        _lanes(
            f"redux.sync.{way}", f"call i32 @llvm.nvvm.redux.sync.{way}(i32 %a0, i32 -1)", "i32", "i32, i32", ("i32",)
        )
        for way in ("add", "and", "or", "xor", "min", "max", "umin", "umax")
    ),
    _lanes(
        "match.any.sync.i32",
        "call i32 @llvm.nvvm.match.any.sync.i32(i32 -1, i32 %a0)",
        "i32",
        "i32, i32",
        ("i32",),
    ),
    Kernel(
        "llvm.nvvm.ex2.approx.f32",
        "%r = call float @llvm.nvvm.ex2.approx.f32(float %a0)",
        ("float",),
        ("float",),
        "declare float @llvm.nvvm.ex2.approx.f32(float)",
        "f32",
        1e-6,
    ),
)


def module(kernel: Kernel) -> str:
    """The kernel as an LLVM module."""
    lines = ["  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()"]

    def place(array: str, count: int, i: int) -> list[str]:
        return [
            f"  %{array}n{i} = mul i32 %t, {count}",
            f"  %{array}m{i} = add i32 %{array}n{i}, {i}",
            f"  %{array}p{i} = getelementptr i32, ptr addrspace(1) %{array}, i32 %{array}m{i}",
        ]

    for i, type_ in enumerate(kernel.inputs):
        lines += [
            *place("in", len(kernel.inputs), i),
            f"  %a{i} = load {type_}, ptr addrspace(1) %inp{i}, align 4",
        ]
    lines.append("  " + kernel.call)
    for i, type_ in enumerate(kernel.outputs):
        value = "%r"
        if len(kernel.outputs) > 1:
            lines.append(f"  %r{i} = extractvalue {{{', '.join(kernel.outputs)}}} %r, {i}")
            value = f"%r{i}"
        lines += [
            *place("out", len(kernel.outputs), i),
            f"  store {type_} {value}, ptr addrspace(1) %outp{i}, align 4",
        ]
    body = "\n".join(lines)
    return f"""target triple = "nvptx64-nvidia-cuda"
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
{kernel.declare}
define ptx_kernel void @golden(ptr addrspace(1) %in, ptr addrspace(1) %out) {{
{body}
  ret void
}}
"""


def draw(kernel: Kernel, seed: int) -> np.ndarray:
    """Inputs as 32-bit words, lane by lane."""
    numbers = np.random.default_rng(seed)
    words = np.empty((LANES, len(kernel.inputs)), np.uint32)
    for i, type_ in enumerate(kernel.inputs):
        if kernel.kind == "bits":
            words[:, i] = numbers.integers(0, 8, LANES) if "match" in kernel.name else numbers.integers(0, 2**32, LANES)
        elif type_ == "float" or kernel.kind == "f32":
            words[:, i] = numbers.standard_normal(LANES).astype(np.float32).view(np.uint32)
            if "tf32" in kernel.name and type_ != "float":
                words[:, i] &= 0xFFFFE000  # what is below is not read
        elif kernel.kind == "f16":
            words[:, i] = numbers.standard_normal((LANES, 2)).astype(np.float16).view(np.uint32)[:, 0]
        else:
            wide = numbers.standard_normal((LANES, 2)).astype(np.float32).view(np.uint32) >> 16
            words[:, i] = wide[:, 0] | wide[:, 1] << 16
    return words


class Buffer(ctypes.Structure):
    """`tegula_simulated_buffer`."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("element_bytes", ctypes.c_uint32),
        ("rank", ctypes.c_uint32),
        ("sizes", ctypes.c_void_p),
        ("read_only", ctypes.c_int32),
        ("undefined", ctypes.c_int32),
    ]


class Argument(ctypes.Structure):
    """`tegula_simulated_argument`."""

    _fields_ = [("buffer", ctypes.c_int32), ("bits", ctypes.c_uint64)]


class Simulation(ctypes.Structure):
    """`tegula_simulation`."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("kernel", ctypes.c_char_p),
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared_bytes", ctypes.c_uint64),
        ("buffers", ctypes.POINTER(Buffer)),
        ("buffer_count", ctypes.c_size_t),
        ("arguments", ctypes.POINTER(Argument)),
        ("argument_count", ctypes.c_size_t),
        ("seed", ctypes.c_uint64),
        ("no_races", ctypes.c_int32),
    ]


class LaunchInfo(ctypes.Structure):
    """`tegula_gpu_launch_info`."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        *((name, ctypes.c_uint32) for name in ("blocks_x", "blocks_y", "blocks_z", "threads", "shared_bytes")),
        ("stream", ctypes.c_void_p),
    ]


def simulated(library: Library, text: str, words: np.ndarray, outputs: int) -> np.ndarray:
    """What the simulator makes of a kernel."""
    out = np.zeros((LANES, outputs), np.uint32)
    buffers = (Buffer * 2)(
        Buffer(b"in", words.ctypes.data, words.nbytes, 4, 0, None, 1, 0),
        Buffer(b"out", out.ctypes.data, out.nbytes, 4, 0, None, 0, 1),
    )
    arguments = (Argument * 2)(Argument(0, 0), Argument(1, 0))
    given = Simulation(
        ctypes.sizeof(Simulation), b"golden", (1, 1, 1), (LANES, 1, 1), 0, buffers, 2, arguments, 2, 1, 0
    )
    function = library.dll.tegula_simulate
    pointer = ctypes.c_void_p
    function.restype, function.argtypes = pointer, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, pointer, pointer]
    counters = pointer()
    data = text.encode()
    said = library.diagnostics(function(data, len(data), b"golden.ll", ctypes.byref(given), ctypes.byref(counters)))
    if not counters.value:
        raise RuntimeError("; ".join(d.message for d in said))
    library.dll.tegula_bytes_free(counters)
    return out


def prepare(folder: Path, llc: str = "/usr/lib/llvm-22/bin/llc", seed: int = 1) -> Path:
    """PTX, inputs and the simulator's answers of all kernels, as a file for `capture`."""
    library = Library(find_library())
    found = []
    for kernel in KERNELS:
        text, words = module(kernel), draw(kernel, seed)
        ptx = subprocess.run([llc, "-mcpu=sm_80", "-O2"], input=text, capture_output=True, text=True, check=True).stdout
        answer = simulated(library, text, words, len(kernel.outputs))
        found.append({"name": kernel.name, "ptx": ptx, "in": words.tolist(), "simulator": answer.tolist()})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "golden.json"
    path.write_text(json.dumps(found))
    return path


def capture(path: Path, device: str) -> list[dict[str, Any]]:
    """Runs each kernel on the chip: its answer, and whether the simulator's is the same."""
    import torch

    library = Library(find_library())
    dll, pointer = library.dll, ctypes.c_void_p
    dll.tegula_gpu_load.restype = dll.tegula_gpu_launch.restype = pointer
    dll.tegula_gpu_load.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t, pointer]
    dll.tegula_gpu_launch.argtypes = [pointer, ctypes.c_char_p, pointer, pointer]
    gpu, said = library.call("tegula_gpu_open", b"cuda", -1)
    if gpu is None:
        raise RuntimeError("; ".join(d.message for d in said))
    tolerances = {k.name: k.tolerance for k in KERNELS}
    rows = []
    for case in json.loads(path.read_text()):
        code = pointer()
        image = case["ptx"].encode()
        said = library.diagnostics(dll.tegula_gpu_load(gpu, image, len(image), ctypes.byref(code)))
        if not code.value:
            raise RuntimeError("; ".join(d.message for d in said))
        want = np.array(case["simulator"], np.uint32)
        source = torch.from_numpy(np.array(case["in"], np.uint32).view(np.int32)).to(device)
        target = torch.zeros(want.shape, dtype=torch.int32, device=device)
        addresses = [ctypes.c_uint64(t.data_ptr()) for t in (source, target)]
        arguments = (pointer * 2)(*(ctypes.addressof(a) for a in addresses))
        info = LaunchInfo(ctypes.sizeof(LaunchInfo), 1, 1, 1, LANES, 0, torch.cuda.current_stream().cuda_stream)
        said = library.diagnostics(dll.tegula_gpu_launch(code, b"golden", ctypes.byref(info), arguments))
        if said:
            raise RuntimeError("; ".join(d.message for d in said))
        got = target.cpu().numpy().view(np.uint32)
        dll.tegula_gpu_module_free(code)
        rows.append({"name": case["name"], "chip": got.tolist(), "same": same(got, want, tolerances[case["name"]])})
    dll.tegula_gpu_free(gpu)
    return rows


def same(got: np.ndarray, want: np.ndarray, tolerance: float) -> bool:
    """Bit by bit, or as f32 within a tolerance of the largest."""
    if tolerance == 0:
        return bool((got == want).all())
    a, b = got.view(np.float32).astype(np.float64), want.view(np.float32).astype(np.float64)
    return bool(np.abs(a - b).max() <= tolerance * np.abs(b).max())
