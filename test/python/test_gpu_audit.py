# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The audit of GPU machine code finds what a kernel holds, and bites on planted faults."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "utils"))

import gpu_audit  # noqa: E402
from gpu_audit import AMD_CLASSES, SASS_CLASSES, Compiled, CompileError, Loop, compile_kernel, faults  # noqa: E402

KERNELS = Path(__file__).parent / "gpu_kernels"


def build(tmp_path: Path, tegulac: str, name: str, target: str, *edits: tuple[str, str]) -> Compiled:
    """A kernel of `gpu_kernels`, with edits that must apply, as machine code."""
    text = (KERNELS / f"{name}.mlir").read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    source = tmp_path / f"{name}.mlir"
    source.write_text(text)
    return compile_kernel(source, target, tegulac)


def main_loop(compiled: Compiled) -> Loop:
    loop = compiled.kernel("product").main_loop
    assert loop
    return loop


@pytest.mark.parametrize("target", ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_120a"])
def test_nvidia_product(tmp_path: Path, tegulac: str, target: str) -> None:
    compiled = build(tmp_path, tegulac, "product_nvidia", target)
    assert faults(compiled) == []
    loop = main_loop(compiled)
    assert (loop.count("copy"), loop.count("matrix load"), loop.count("product")) == (1, 1, 1)
    assert loop.count("product", r"HMMA\.16816\.F32\.BF16") == 1
    kinds = [k for k in SASS_CLASSES if k not in ("arithmetic", "exp")]
    assert loop.order(kinds) == "copy, commit, wait, barrier, matrix load, product, barrier"


@pytest.mark.parametrize("target", ["gfx90a", "gfx942"])
def test_amd_product(tmp_path: Path, tegulac: str, target: str) -> None:
    compiled = build(tmp_path, tegulac, "product_amd", target)
    assert faults(compiled) == []
    (kernel,) = compiled.resources
    assert (kernel.shared, kernel.arguments, kernel.threads) == (1024, 20, 128)
    assert main_loop(compiled).order(AMD_CLASSES) == (
        "global load, wait, shared store, wait, barrier, shared load, wait, product, barrier"
    )


def test_a_barrier_without_its_fence_waits_for_nothing(tmp_path: Path, tegulac: str) -> None:
    """Two fences fewer: the wait for the store is gone, and the order says so."""
    fences = tuple(
        (f'  llvm.fence syncscope("workgroup") {kind} {{llvm.mmra = #local}}\n', "") for kind in ("release", "acquire")
    )
    order = main_loop(build(tmp_path, tegulac, "product_amd", "gfx942", *fences)).order(AMD_CLASSES)
    assert "shared store, barrier" in order


def keeping(count: int) -> tuple[tuple[str, str], ...]:
    """Edits after which each lane holds so many more values over the main loop."""
    loads = "".join(f"\n  %keep{i} = llvm.load volatile %x : !llvm.ptr<1> -> i32" for i in range(count))
    stores = "".join(f"\n  llvm.store volatile %keep{i}, %y : i32, !llvm.ptr<1>" for i in range(count))
    return ("\n  %offset =", loads + "\n  %offset ="), ("\n^done:", "\n^done:" + stores)


@pytest.mark.parametrize(
    "name, target, limit",
    [
        ("product_nvidia", "sm_80", ("nvvm.reqntid", "nvvm.maxnreg = 32 : i32, nvvm.reqntid")),
        ("product_amd", "gfx942", ('"128,128"', '"1024,1024"')),
    ],
)
def test_spills_are_found(tmp_path: Path, tegulac: str, name: str, target: str, limit: tuple[str, str]) -> None:
    assert any(
        "registers spill" in found for found in faults(build(tmp_path, tegulac, name, target, limit, *keeping(160)))
    )


def test_accumulators_used_as_storage_are_found(tmp_path: Path, tegulac: str) -> None:
    ask = ("rocdl.kernel", 'passthrough = [["amdgpu-agpr-alloc", "32,32"]], rocdl.kernel')
    found = faults(build(tmp_path, tegulac, "product_amd", "gfx942", ask))
    assert any("accumulation registers" in fault for fault in found)
    assert any("class 'accumulator move'" in fault for fault in found)


@pytest.mark.parametrize("name, target", [("product_nvidia", "sm_80"), ("product_amd", "gfx942")])
def test_private_memory_is_found(tmp_path: Path, tegulac: str, name: str, target: str) -> None:
    """An array of a lane that is read at a place known only at run time."""
    space, cast = ("", "%array") if target == "sm_80" else ("<5>", "%array")
    array = f"""
  %eight = llvm.mlir.constant(8 : i32) : i32
  %array = llvm.alloca %eight x i32 : (i32) -> !llvm.ptr{space}
  %mine = llvm.getelementptr {cast}[%lane] : (!llvm.ptr{space}, i32) -> !llvm.ptr{space}, i32
  %its = llvm.getelementptr {cast}[%n] : (!llvm.ptr{space}, i32) -> !llvm.ptr{space}, i32
  llvm.store volatile %lane, %mine : i32, !llvm.ptr{space}
  %value = llvm.load volatile %its : !llvm.ptr{space} -> i32
  llvm.store %value, %y : i32, !llvm.ptr<1>
  %offset ="""
    found = faults(build(tmp_path, tegulac, name, target, ("\n  %offset =", array)))
    assert any("bytes of private memory" in fault for fault in found)
    assert any("class 'local'" in fault for fault in found)


def test_what_the_assembler_says_is_a_fault(tmp_path: Path, tegulac: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An assembler that adds a line of the kind that it says when it slows code down."""
    real = gpu_audit.nvdisasm().with_name("ptxas")
    said = "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized"
    fake = tmp_path / "ptxas"
    fake.write_text(f'#!/bin/sh\n"{real}" "$@"\nstatus=$?\necho "{said}" >&2\nexit $status\n')
    fake.chmod(0o755)
    monkeypatch.setenv("TEGULA_PTXAS", str(fake))
    (fault,) = faults(build(tmp_path, tegulac, "product_nvidia", "sm_80"))
    assert "(C7510)" in fault


def test_a_kernel_that_does_not_compile(tmp_path: Path, tegulac: str) -> None:
    with pytest.raises(CompileError, match="no level 'hsaco'|no code is made of"):
        build(tmp_path, tegulac, "product_nvidia", "gfx942")


def test_the_command(
    tmp_path: Path, tegulac: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(KERNELS / "product_amd.mlir")
    monkeypatch.setattr(sys, "argv", ["gpu_audit.py", source, "--target=gfx942", "--order", f"--tegulac={tegulac}"])
    assert gpu_audit.main() == 0
    said = capsys.readouterr().out
    assert "registers" in said and "product 1" in said and "FAULT" not in said
