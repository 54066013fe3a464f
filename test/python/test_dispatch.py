# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""What a call does before the compiled code runs: keys, caches, packing, arrays of every kind."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from fake_backend import FakeBackend
from tegula import A, In, InOut, Opt, Out, T, bf16, const, f16, f32, f64, fn, i1, i32, index, tile, u64
from tegula._compiler.backend import ArrayDesc, ScalarDesc
from tegula.errors import LaunchError, TegulaError


@tg.kernel
def axpy(x: In[T, "N"], y: InOut[T, "N"], a: A, shift: Opt[index] = None, w: Opt[In[A, "N"]] = None, *, B: tile = 8):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,)).to(A) * a
    if w is not None:
        t = t * tg.load(w, (m,))
    if shift is not None:
        t = t + tg.cast(shift, A)
    tg.store(y, (m,), tg.load(y, (m,)) + t.to(T))


def on() -> tuple[tg.Kernel, FakeBackend]:
    backend = FakeBackend()
    return axpy.on(backend), backend


def test_a_second_call_compiles_and_prepares_nothing() -> None:
    kernel, backend = on()
    x, y = np.zeros(10, np.float32), np.zeros(10, np.float32)
    kernel(x, y, 2.0)
    kernel(x, y, 3.0)
    kernel(y, x, a=4.0)
    assert (len(backend.texts), backend.prepared, len(backend.launches)) == (1, 1, 3)
    first, second, third = backend.launches
    assert first.args == (
        ArrayDesc("x", "f32", (10,), (1,)),
        ArrayDesc("y", "f32", (10,), (1,)),
        ScalarDesc("a", "f32"),
    )
    assert first.packed == struct.pack("<QQf4x", x.ctypes.data, y.ctypes.data, 2.0)
    assert second.packed == struct.pack("<QQf4x", x.ctypes.data, y.ctypes.data, 3.0)
    assert third.packed == struct.pack("<QQf4x", y.ctypes.data, x.ctypes.data, 4.0)


def test_other_sizes_prepare_and_do_not_compile() -> None:
    kernel, backend = on()
    for n in (10, 11, 12):
        kernel(np.zeros(n, np.float32), np.zeros(n, np.float32), 2.0)
    assert (len(backend.texts), backend.prepared) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: dict(x=x.astype("f8"), y=y.astype("f8")),
        lambda x, y: dict(x=np.zeros(20, "f4")[::2], y=y),
        lambda x, y: dict(shift=3),
        lambda x, y: dict(w=x),
        lambda x, y: dict(B=16),
        lambda x, y: dict(x=np.frombuffer(bytearray(44), np.uint8)[4:44].view("f4"), y=y),
    ],
    ids=["dtype", "stride", "scalar presence", "view presence", "tile", "alignment"],
)
def test_what_makes_another_specialisation(change: Any) -> None:
    kernel, backend = on()
    x, y = np.zeros(10, np.float32), np.zeros(10, np.float32)
    kernel(x, y, a=2.0)
    kernel(**{"x": x, "y": y, "a": 2.0} | change(x, y))
    kernel(**{"x": x, "y": y, "a": 2.0} | change(x, y))
    assert len(backend.texts) == 2
    assert backend.prepared == 2


def test_optional_arguments_are_packed_in_order() -> None:
    kernel, backend = on()
    x, y, w = (np.zeros(10, np.float32) for _ in range(3))
    for _ in range(2):  # slow, then fast
        kernel(x, y, 2.0, 7, w)
        kernel(x, y, 2.0, None, w)
        kernel(x, y, 2.0, -1)
    for both, view, scalar in (backend.launches[:3], backend.launches[3:]):
        assert both.packed == struct.pack("<QQf4xqQ", x.ctypes.data, y.ctypes.data, 2.0, 7, w.ctypes.data)
        assert view.packed == struct.pack("<QQf4xQ", x.ctypes.data, y.ctypes.data, 2.0, w.ctypes.data)
        assert scalar.packed == struct.pack("<QQf4xq", x.ctypes.data, y.ctypes.data, 2.0, -1)
    assert len(backend.launches) == 6 and backend.prepared == 3


@tg.kernel
def scalars(y: Out[T, "N"], a: f64, b: f32, c: f16, d: bf16, e: i1, f: i32, g: u64, h: index):
    m = tg.grid((y.shape[0], 4))
    tg.store(y, (m,), 0.0)


def test_scalars_are_packed_by_dtype() -> None:
    backend = FakeBackend()
    kernel = scalars.on(backend)
    y = np.zeros(4, np.float32)
    for _ in range(2):
        kernel(y, 0.1, 0.1, 0.1, 1.01171875, True, -5, 2**63, np.int64(-7))
    expected = struct.pack("<Qdf4xe6xQ?7xqQq", y.ctypes.data, 0.1, 0.1, 0.1, 0x3F82, True, -5, 2**63, -7)
    assert [launch.packed for launch in backend.launches] == [expected, expected]
    for at, value, text in [
        (5, 1.5, "expected an integer"),
        (7, -1, "out of range of u64"),
        (2, "x", "expected a number"),
    ]:
        args: list[Any] = [0.1, 0.1, 0.1, 0.1, True, 1, 1, 1]
        args[at - 1] = value
        with pytest.raises(LaunchError, match=text):
            kernel(y, *args)


def test_torch_and_numpy_share_what_is_compiled() -> None:
    import torch

    kernel, backend = on()
    x = np.zeros(12, np.float32)
    t = torch.zeros(12)
    kernel(x, x.copy(), 1.0)
    kernel(t, t.clone(), 1.0)
    kernel(torch.nn.Parameter(t, requires_grad=False), t, 2.0)
    assert len(backend.texts) == 1
    assert backend.launches[2].packed == struct.pack("<QQf4x", t.data_ptr(), t.data_ptr(), 2.0)


def test_dtypes_of_every_framework() -> None:
    import torch

    pairs = [
        (np.float64, torch.float64, "f64"),
        (np.float32, torch.float32, "f32"),
        (np.float16, torch.float16, "f16"),
        (ml_dtypes.bfloat16, torch.bfloat16, "bf16"),
    ]
    for numpy_dtype, torch_dtype, name in pairs:
        kernel, backend = on()
        kernel(np.zeros(8, numpy_dtype), np.zeros(8, numpy_dtype), 1.0)
        kernel(torch.zeros(8, dtype=torch_dtype), torch.zeros(8, dtype=torch_dtype), 1.0)
        assert [launch.args[0].dtype for launch in backend.launches] == [name, name]
        assert len(backend.texts) == 1


class Foreign:
    """An array of some other library: nothing but DLPack."""

    def __init__(self, array: np.ndarray, old: bool = False) -> None:
        self.array = array
        self.old = old

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.old and kwargs:
            raise TypeError("max_version")
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("old", [False, True])
def test_dlpack(old: bool) -> None:
    kernel, backend = on()
    x, y = np.zeros((2, 10), np.float32)[1], np.zeros(20, np.float32)[::2]
    kernel(Foreign(x, old), Foreign(y, old), 1.0)
    (launch,) = backend.launches
    assert launch.words[:2] == [x.ctypes.data, y.ctypes.data]
    assert launch.args[:2] == (ArrayDesc("x", "f32", (10,), (1,)), ArrayDesc("y", "f32", (10,), (2,)))


def test_read_only_dlpack_is_not_written() -> None:
    kernel, _ = on()
    y = np.zeros(10, np.float32)
    y.flags.writeable = False
    with pytest.raises(TegulaError, match="read only|no DLPack capsule"):
        kernel(np.zeros(10, np.float32), Foreign(y), 1.0)


def test_arrays_that_are_refused() -> None:
    import torch

    kernel, _ = on()
    x = np.zeros(10, np.float32)
    for bad, text in [
        (np.zeros(10, ">f4"), "holds NumPy >f4, which is no element type here"),
        (np.zeros(10, np.complex64), "holds NumPy"),
        (
            np.frombuffer(bytearray(60), np.dtype([("a", "f4"), ("b", "i2")]))["a"],
            "no multiples of its elements' 4 bytes",
        ),
        (torch.zeros(10, device="meta"), "is on device meta: kernels run on CPUs, and on GPUs"),
        (torch.zeros(10).to_sparse(), "has layout torch.sparse_coo: it takes dense tensors"),
        (torch.zeros(10, dtype=torch.complex64).conj().imag, "lazily conjugated or negated"),
        (torch.zeros(10, dtype=torch.int16), "holds torch.int16"),
        ("text", "is a Python str"),
    ]:
        with pytest.raises(LaunchError, match=text):
            kernel(bad, x, 1.0)


def test_strides_of_axes_of_size_one_do_not_matter() -> None:
    backend = FakeBackend()

    @tg.kernel
    def rows(x: In[T, "M $N"], y: Out[T, "M $N"]):
        i = tg.grid(x.shape[0])
        tg.store(y[i], (tg.span(y.shape[1]),), tg.load(x[i], (tg.span(x.shape[1]),)))

    kernel = rows.on(backend)
    x = np.zeros((1, 8), np.float32)
    odd = np.lib.stride_tricks.as_strided(x, (1, 8), (12, 4))
    kernel(x, x.copy())
    kernel(odd, x.copy())
    assert len(backend.texts) == 1
    assert {launch.args[0].strides for launch in backend.launches} == {(8, 1)}


# ---- static parameters


@tg.kernel
def static(x: In[T, "N"], y: Out[T, "N"], *, c: const = 1, f: fn = lambda t: t, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = f(tg.load(x, (m,)))
    scale = c if isinstance(c, (int, float)) else sum(c)
    tg.store(y, (m,), t * float(scale))


def test_const_values_are_told_apart_by_type() -> None:
    backend = FakeBackend()
    kernel = static.on(backend)
    x = np.zeros(4, np.float32)
    for c in (1, 2, (1, 2), [1, 2], (2, 1), 1.5, True, 1.0):
        for _ in range(2):
            kernel(x, x.copy(), c=c)
    assert len(backend.texts) == 4  # the texts for 1, True and 1.0 are equal, and those for sums of 3
    assert len(kernel._specialised) == 8


def test_a_fresh_lambda_is_traced_once_per_captured_value() -> None:
    backend = FakeBackend()
    kernel = static.on(backend)
    x = np.zeros(4, np.float32)
    for c in (1.0, 2.0, 1.0, 2.0):
        kernel(x, x.copy(), f=lambda t, c=c: t + c)
        kernel(x, x.copy(), f=make_adder(c))
    assert len(kernel._specialised) == 4
    assert len(backend.texts) == 2


def make_adder(c: float) -> Any:
    def add(t: Any) -> Any:
        return t + c

    return add


def test_a_captured_number_that_changes_is_seen() -> None:
    backend = FakeBackend()
    kernel = static.on(backend)
    x = np.zeros(4, np.float32)
    c = 1.0

    def scaled(t: Any) -> Any:
        return t * c

    for value in (1.0, 2.0, 1.0):
        c = value
        for _ in range(2):
            kernel(x, x.copy(), f=scaled)
    assert len(backend.texts) == 2
    assert "dense<2.0>" in backend.texts[1]


LIMIT = 2.0


@tg.kernel
def uses_global(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m,)) * LIMIT)


def test_specialisations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from tegula._frontend import kernel as module

    monkeypatch.setattr(module, "_CAPACITY", 4)
    backend = FakeBackend()
    kernel = static.on(backend)
    x = np.zeros(4, np.float32)
    for c in range(10):
        kernel(x, x.copy(), c=c)
    assert len(backend.launches) == 10
    assert len(kernel._specialised) <= 4 and len(kernel._compiled) <= 4


def test_clear_reads_globals_again(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend()
    kernel = uses_global.on(backend)
    x = np.zeros(4, np.float32)
    kernel(x, x.copy())
    monkeypatch.setitem(globals(), "LIMIT", 3.0)
    kernel(x, x.copy())
    assert len(backend.texts) == 1
    kernel.clear()
    kernel(x, x.copy())
    assert "dense<3.0>" in backend.texts[1]


def test_a_changed_global_is_seen_by_a_call_of_new_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend()
    kernel = uses_global.on(backend)
    for n in (4, 5, 6):
        kernel(np.zeros(n, np.float32), np.zeros(n, np.float32))
    assert len(backend.texts) == 1
    monkeypatch.setitem(globals(), "LIMIT", 3.0)
    kernel(np.zeros(7, np.float32), np.zeros(7, np.float32))
    kernel(np.zeros(4, np.float32), np.zeros(4, np.float32))
    assert len(backend.texts) == 2 and "dense<3.0>" in backend.texts[1]


@tg.views
class Weights:
    w: In[T, "$K $N"]
    b: Opt[In[A, "$N"]] = None  # type: ignore[assignment]


@tg.kernel
def linear(x: In[T, "M $K"], p: Weights, y: Out[T, "M $N"], *, B: tile = 4):
    m, k, n = tg.grid((x.shape[0], B)), tg.span(x.shape[1]), tg.span(y.shape[1])
    t = tg.dot(tg.load(x, (m, k)), tg.load(p.w, (k, n)))
    if p.b is not None:
        t = t + tg.load(p.b, (n,))[None, :]
    tg.store(y, (m, n), t.to(T))


def test_groups_of_views() -> None:
    backend = FakeBackend()
    kernel = linear.on(backend)
    x, y, w, b = np.zeros((5, 8), "f4"), np.zeros((5, 6), "f4"), np.zeros((8, 6), "f4"), np.zeros(6, "f4")
    for _ in range(2):
        kernel(x, Weights(w, b), y)  # type: ignore[call-arg, arg-type]
        kernel(x, Weights(w), y)  # type: ignore[call-arg, arg-type]
    assert [[a.name for a in launch.args] for launch in backend.launches[:2]] == [
        ["x", "p.w", "p.b", "y"],
        ["x", "p.w", "y"],
    ]
    assert backend.launches[2].words == [x.ctypes.data, w.ctypes.data, b.ctypes.data, y.ctypes.data]
    assert backend.prepared == 2
    assert '#tegula.arg<in "p__w"' in backend.texts[0]
    with pytest.raises(LaunchError, match="linear: K is 8 in axis 1 of 'x' and 7 in axis 0 of 'p.w'"):
        kernel(x, Weights(np.zeros((7, 6), "f4")), y)  # type: ignore[call-arg, arg-type]


@tg.kernel
def names(
    cache: In[T, "N"], key: Out[T, "N"], rec: f32, p0: index, slow: i32 = 1, *, static: const = 1, words: tile = 4
):
    m = tg.grid((cache.shape[0], words))
    tg.store(key, (m,), tg.load(cache, (m,)))


def test_parameters_may_have_any_name() -> None:
    backend = FakeBackend()
    kernel = names.on(backend)
    x, y = np.zeros(4, np.float32), np.zeros(4, np.float32)
    for _ in range(2):
        kernel(x, y, 0.5, 3, slow=7, static="a")
    expected = struct.pack("<QQf4xqq", x.ctypes.data, y.ctypes.data, 0.5, 3, 7)
    assert [launch.packed for launch in backend.launches] == [expected, expected]
    assert backend.prepared == 1


# ---- threads


def test_threads_of_a_launch() -> None:
    kernel, backend = on()
    x, y = np.zeros(10, np.float32), np.zeros(10, np.float32)
    kernel(x, y, 1.0)
    with tg.threads(3):
        kernel(x, y, 1.0)
        with tg.threads(1):
            kernel(x, y, 1.0)
    kernel(x, y, 1.0)
    assert [launch.threads for launch in backend.launches] == [0, 3, 1, 0]
    with pytest.raises(LaunchError, match="0 threads: at least 1"), tg.threads(0):
        pass


def test_calls_from_several_threads() -> None:
    kernel, backend = on()
    arrays = [np.zeros(16, np.float32) for _ in range(8)]

    def work(i: int) -> None:
        for _ in range(200):
            kernel(arrays[i], arrays[i], float(i))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(backend.launches) == 1600
    for launch in backend.launches:
        i = int(struct.unpack("<QQf4x", launch.packed)[2])
        assert launch.words[:2] == [arrays[i].ctypes.data] * 2


# ---- programs, run


@tg.program
def double(x: Any) -> Any:
    y, z = tg.empty_like(x), tg.empty(x.shape, A)
    AXPY(x, y, 2.0)
    return y, tg.save(z)


AXPY = axpy.on(FakeBackend())


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_programs_allocate_in_the_callers_framework(framework: str) -> None:
    import torch

    x: Any = torch.zeros(8, dtype=torch.bfloat16) if framework == "torch" else np.zeros(8, ml_dtypes.bfloat16)
    y = double(x)
    assert type(y) is type(x) and y.dtype == x.dtype and y.shape == x.shape
    (_,), (z,) = double.forward(x)
    assert z.dtype in (torch.float32, np.float32)


def test_program_refuses_what_it_would_cut_off() -> None:
    import torch

    with pytest.raises(LaunchError, match="double: an argument requires grad"):
        double(torch.zeros(8, requires_grad=True))
    with pytest.raises(LaunchError, match="program 'double' has no backward"):
        double.derivative(tg.save(), 1)


# ---- imports


def test_import_needs_neither_torch_nor_the_library() -> None:
    code = """
import sys
for name in ("torch", "ml_dtypes", "tegula.runtime"):
    sys.modules[name] = None
import tegula as tg
from tegula import In, Out, T, tile
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"))
print(copy.ir("generic", tg.Spec((8,), tg.f32), tg.Spec((8,), tg.f32))[:16])
"""
    kernel = """
@tg.kernel
def copy(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m,)))
"""
    path = Path(__file__).with_name("_copy_kernel.txt")
    path.write_text(kernel)
    try:
        env = {**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1])}
        command = [sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    finally:
        path.unlink()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '"tegula.kernel"('
