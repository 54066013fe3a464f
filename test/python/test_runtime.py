# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tegula.runtime`: the compiler behind the backend protocol, on kernels that are loops already."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from tegula._compiler.backend import ArgDesc, ArrayDesc, Backend, CompileFailed, LaunchFailed, Options, ScalarDesc
from tegula.runtime import LibraryBackend, backend, find_library
from tegula.runtime.library import Library

LOOPS = Options(path="loops")

ADD = """
tegula.kernel @axpy(in %x: memref<?xf32, strided<[?]>>, inout %y: memref<?xf32>, %a: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32, strided<[?]>>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  tegula.require %same, "'x' and 'y' differ" loc(callsite("op.py":3:5 to :17 at "user.py":9:1 to :20))
  tegula.grid (%i) to (%n) step (1) {
    %u = memref.load %x[%i] : memref<?xf32, strided<[?]>>
    %v = memref.load %y[%i] : memref<?xf32>
    %p = arith.mulf %u, %a : f32
    %s = arith.addf %p, %v : f32
    memref.store %s, %y[%i] : memref<?xf32>
    tegula.yield
  }
  tegula.return
}
"""


def descs(x: np.ndarray, y: np.ndarray) -> list[ArgDesc]:
    """Descriptors of an `axpy` launch."""
    return [
        ArrayDesc("x", "f32", x.shape, (x.strides[0] // 4,)),
        ArrayDesc("y", "f32", y.shape, (1,)),
        ScalarDesc("a", "f32"),
    ]


def pack(x: np.ndarray, y: np.ndarray, a: float) -> bytes:
    """The packed block of an `axpy` launch."""
    return struct.pack("<QQf4x", x.ctypes.data, y.ctypes.data, a)


def test_is_a_backend() -> None:
    found: Backend = backend()
    assert found is backend()


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_launch(threads: int) -> None:
    x, y = np.arange(2000, dtype=np.float32)[::2], np.ones(1000, np.float32)
    record = backend().compile(ADD, "native", LOOPS).kernel("axpy").prepare(descs(x, y))
    record.launch(pack(x, y, 0.5), threads)
    assert np.array_equal(y, x * np.float32(0.5) + 1)


def test_record_outlives_its_module() -> None:
    x, y = np.ones(8, np.float32), np.ones(8, np.float32)
    module = backend().compile(ADD, "native", LOOPS)
    record = module.kernel("axpy").prepare(descs(x, y))
    del module
    record.launch(pack(x, y, 1.0), 1)
    assert (y == 2).all()


def test_requirement_has_its_place() -> None:
    x, y = np.ones(8, np.float32), np.ones(9, np.float32)
    record = backend().compile(ADD, "native", LOOPS).kernel("axpy").prepare(descs(x, y))
    with pytest.raises(LaunchFailed, match="'x' and 'y' differ") as failure:
        record.launch(pack(x, y, 1.0), 1)
    assert [(s.file, s.line, s.column, s.end_column) for s in failure.value.sites] == [
        ("op.py", 3, 5, 17),
        ("user.py", 9, 1, 20),
    ]


def test_overlap_is_refused() -> None:
    x = np.ones(8, np.float32)
    record = backend().compile(ADD, "native", LOOPS).kernel("axpy").prepare(descs(x, x))
    with pytest.raises(LaunchFailed, match="argument 'y' is written and overlaps argument 'x' in memory"):
        record.launch(pack(x, x, 1.0), 1)


def test_prepare_refuses() -> None:
    x, y = np.ones(8, np.float32), np.ones(8, np.float32)
    kernel = backend().compile(ADD, "native", LOOPS).kernel("axpy")
    with pytest.raises(LaunchFailed, match="argument 'x' must be f32, got f64"):
        kernel.prepare([ArrayDesc("x", "f64", (8,), (1,)), *descs(x, y)[1:]])
    with pytest.raises(LaunchFailed, match="must have rank 1"):
        kernel.prepare([ArrayDesc("x", "f32", (2, 4), (4, 1)), *descs(x, y)[1:]])
    with pytest.raises(KeyError):
        backend().compile(ADD, "native", LOOPS).kernel("none")


def test_compile_failure_has_its_place() -> None:
    text = ADD.replace("arith.mulf %u, %a : f32", 'arith.mulf %u, %n : f32 loc("op.py":7:9)')
    with pytest.raises(CompileFailed, match="expects different type") as failure:
        backend().compile(text, "native", LOOPS)
    first = failure.value.diagnostics[0]
    assert first.severity == "error"
    assert first.sites[0].file == "program" and first.sites[0].line == 11
    assert first.notes and first.notes[0].severity == "note"


def test_unknown_target() -> None:
    with pytest.raises(CompileFailed, match="unknown target 'pdp-11'"):
        backend().compile(ADD, "pdp-11", LOOPS)


@pytest.mark.parametrize(
    ("level", "text"),
    [("tegula", "tegula.kernel @axpy"), ("loops", "tegula.grid"), ("llvm", "@axpy.run("), ("asm", "axpy.run:")],
)
def test_emit(level: str, text: str) -> None:
    assert text in backend().emit(ADD, "x86-64-v3", level, LOOPS)


def test_artifact() -> None:
    data = backend().build(ADD, "native", LOOPS)
    x, y = np.ones(8, np.float32), np.ones(8, np.float32)
    backend().load(data).kernel("axpy").prepare(descs(x, y)).launch(pack(x, y, 2.0), 1)
    assert (y == 3).all()
    with pytest.raises(CompileFailed, match="cut short"):
        backend().load(data[:-1])


def test_many_threads_share_a_record() -> None:
    kernel = backend().compile(ADD, "native", LOOPS).kernel("axpy")
    x = np.arange(512, dtype=np.float32)
    ys = [np.zeros(512, np.float32) for _ in range(4)]
    record = kernel.prepare(descs(x, ys[0]))

    def work(y: np.ndarray) -> None:
        for _ in range(50):
            record.launch(pack(x, y, 1.0), 2)

    threads = [threading.Thread(target=work, args=(y,)) for y in ys]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for y in ys:
        assert np.array_equal(y, 50 * x)


def test_find_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEGULA_LIBRARY", str(tmp_path / "none.so"))
    with pytest.raises(ImportError, match="TEGULA_LIBRARY names no file"):
        find_library()
    monkeypatch.delenv("TEGULA_LIBRARY")
    assert find_library().name == "libtegula.so"


def test_foreign_library_is_refused() -> None:
    libc = Path("/lib/x86_64-linux-gnu/libc.so.6")
    with pytest.raises(ImportError, match="has no function tegula_"):
        LibraryBackend(Library(libc))
