# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: B007, B018, E501, F841
# pyright: basic
"""User mistakes about control flow, launches and source: the class, the text, and the author's line with a caret."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tegula as tg
from fake_backend import FakeBackend
from mistakes import Case, Mistakes, X, Y, shows, vector
from tegula import A, In, Opt, Out, T, f64, fn, index, tile
from tegula._compiler.backend import Diagnostic, Position
from tegula.errors import (
    CompileError,
    ControlError,
    KernelError,
    LaunchError,
    MemberError,
    ScopeError,
    ShapeError,
    SourceError,
    StaticError,
    TegulaError,
    UnsupportedError,
)

wrong = Mistakes()


# ---- scope


@wrong(
    ScopeError, "'t' is first assigned inside a stream and ended with it: assign it before the stream to carry it out"
)
def after_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        t = tg.load(x, (n,))
    tg.store(y, (m,), t)  # <-


class Box:
    v: Any


def put(box, v):
    setattr(box, "v", v)  # noqa: B010


@wrong(ScopeError, "a value made inside a stream is used after it")
def leak(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    box = Box()
    for n in tg.stream(0, x.shape[0], B):
        put(box, tg.load(x, (n,)))
    tg.store(y, (m,), box.v)  # <-


KEPT: list[Any] = []


def keep(t):
    KEPT.append(t)
    return KEPT[0]


@wrong(ScopeError, "a value of another trace: kept in a global, an attribute or a cache of a helper")
def kept(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = keep(tg.load(x, (m,)))
    tg.store(y, (m,), t)  # <-


kept.ir("generic", vector(), vector())


@wrong(ScopeError, "name 'undefined' has no value here")
def undefined_name(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), undefined)  # <-


# ---- static


@wrong(StaticError, "a tile size must be static: a tile or const parameter, a '$' axis or a Python number")
def dynamic_size(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.zeros((x.shape[0],), f64)  # <-


@wrong(StaticError, "a slice of a tile has static bounds")
def dynamic_slice(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,))[m.start :]  # <-


@wrong(StaticError, "the size of a span must be static")
def dynamic_span(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.span(0, x.shape[0])  # <-


@wrong(
    StaticError,
    "a view is narrowed by an index or a slice, not by Python Span <span of 4>; pass a span as a coordinate",
)
def narrow_by_span(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    x[m]  # <-


@wrong(StaticError, "a block size of the grid must be static")
def dynamic_block(x: X, y: Y, *, B: tile = 4):
    tg.grid((x.shape[0], x.shape[0]))  # <-


@wrong(StaticError, "the block of a stream must be static")
def dynamic_stream_block(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, 3, x.shape[0]):  # <-
        pass


@wrong(StaticError, "a tile is indexed by None or a static slice, not by Python int 0: write 0:1")
def tile_by_number(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,))[0]  # <-


# ---- control


@wrong(ControlError, "'if' on a tile [4] i1: use tg.where, or reduce it to a scalar")
def if_tile(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    if t > 0.0:  # <-
        t = t + 1.0


@wrong(ControlError, "'if' on a scalar index: compare it, x != 0")
def if_index(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    k = 0
    if m.start:  # <-
        k = 1


@wrong(ControlError, "float() of a tile [4] f64, whose value is known only at run time: tg.cast(x, dtype)")
def to_float(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    float(tg.load(x, (m,)))  # <-


@wrong(ControlError, "int() of a tile [4] f64")
def to_int(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    int(tg.load(x, (m,)))  # <-


@wrong(ControlError, "iteration of a tile [4] f64")
def iterate(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    [a for a in tg.load(x, (m,))]  # <-


@wrong(ControlError, "item assignment of a tile [4] f64")
def assign_item(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    t[0:1] = t[1:2]  # <-


@wrong(ControlError, "the truth of a scalar i1, whose value is known only at run time")
def early_return(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    if m.start > 3:  # <-
        return
    tg.store(y, (m,), tg.load(x, (m,)))


@wrong(ControlError, "the truth of a scalar i1, whose value is known only at run time")
def run_time_while(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    k = m.start
    while k > 0:  # <-
        k = k - 1


@wrong(ControlError, "the Python integer of a scalar index")
def run_time_range(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for _ in range(x.shape[0]):  # <-
        pass


@wrong(ControlError, "list 'seen' is changed inside a stream: tracing runs the body once")
def append(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    seen = []
    for n in tg.stream(0, x.shape[0], B):  # <-
        seen.append(tg.load(x, (n,)))


@wrong(ControlError, "dict 'seen' is changed inside a run-time 'if'")
def append_in_branch(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    seen = {}
    if m.start > 3:  # <-
        seen.update(a=1)


@wrong(ControlError, "tg.stream must stand in a 'for' statement")
def stream_in_comprehension(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    [tg.load(x, (n,)) for n in tg.stream(0, x.shape[0], B)]  # <-


@wrong(ControlError, "'**' on a traced value: multiply")
def power(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)) ** 2  # <-


@wrong(ControlError, "'@' is not in the language: tg.dot(x, y)")
def matmul_operator(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    t = tg.load(x, (m,))
    t @ t  # <-


@wrong(ControlError, "tg.grad of a helper with a stream or a run-time 'if'")
def grad_of_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))

    def f(t):
        for n in tg.stream(0, 3):
            t = t + t
        return t

    tg.store(y, (m,), tg.grad(f)(tg.load(x, (m,))))  # <-


@wrong(ControlError, "tg.grad: no derivative rule for tegula.reduce")
def grad_without_rule(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.grad(lambda t: t * t.max(axis=0))(tg.load(x, (m,))))  # <-


@wrong(ControlError, "order 'sideways' of a stream is none of up, down, any")
def stream_order(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, 3, order="sideways"):  # <-
        pass


@wrong(ControlError, "order 'grouped' of a grid is none of linear, grouped:N, heavy_first")
def grid_order(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B), order="grouped")  # <-


@wrong(ControlError, "kernel 'append' called inside a kernel: launches belong to programs")
def nested_kernel(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    append(x, y)  # <-


def swallow(x):
    try:
        return x[0, 0]  # <-
    except TegulaError:
        return x


@wrong(ShapeError, "2 indices for 'x' of rank 1")
def swallowed(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(swallow(x), (m,)))


# ---- the form of a kernel


@wrong(KernelError, "kernel 'no_grid' has no tg.grid", marked=False)
def no_grid(x: X, y: Y, *, B: tile = 4):
    tg.require(x.shape[0] > 0, "empty")


@wrong(KernelError, "load of 'x' before tg.grid: the launch part may use sizes, strides and scalars only")
def early_load(x: X, y: Y, *, B: tile = 4):
    c = tg.load(x, (0,))  # <-
    m = tg.grid((x.shape[0], B))


@wrong(KernelError, "a stream before tg.grid: the launch part holds sizes and requirements only")
def early_stream(x: X, y: Y, *, B: tile = 4):
    for n in tg.stream(0, x.shape[0], B):  # <-
        pass


@wrong(KernelError, "tg.require after tg.grid: the host checks it before the launch")
def late_require(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.require(x.shape[0] > 3, "short")  # <-


@wrong(KernelError, "a second tg.grid")
def two_grids(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.grid(3)  # <-


@wrong(KernelError, "kernel 'returns' returns a value: results go to Out views", marked=False)
def returns(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    return tg.load(x, (m,))


# ---- the launch


@wrong(LaunchError, "dims: N is 10 in axis 0 of 'x' and 9 in axis 0 of 'y'", vector(10), vector(9), marked=False)
def dims(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "ndim: 'x' has rank 2, its annotation names 1 axes (N)", np.zeros((3, 3)), vector(), marked=False)
def ndim(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "missing: missing a required argument: 'y'", vector(), marked=False)
def missing(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "required: argument 'x' is required (its annotation has no Opt)", None, vector(), marked=False)
def required(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "dtype: 'x' holds f32, expected f64", np.zeros(4, np.float32), vector(4), marked=False)
def dtype(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "no_array: 'x' is a Python list", [1.0], vector(), marked=False)
def no_array(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "number: axis 1 of 'x' has size 4, expected 3", np.zeros((5, 4)), vector(5), marked=False)
def number(x: In[f64, "N 3"], y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "variable: T is f64 in 'x' and f32 in 'y'", vector(), np.zeros(10, np.float32), marked=False)
def variable(x: In[T, "N"], y: Out[T, "N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(
    LaunchError,
    "accumulation: 'y' holds f32, expected A = f64 (T is f64 in 'x')",
    vector(),
    np.zeros(10, np.float32),
    marked=False,
)
def accumulation(x: In[T, "N"], y: Out[A, "N"], *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


@wrong(LaunchError, "require: B is even")
def static_require(x: X, y: Y, *, B: tile = 4):
    tg.require(B % 2 == 1, "B is even")  # <-


@wrong(LaunchError, "scalar: 's' is 0.5, expected an integer (index)", vector(), vector(), 0.5, marked=False)
def scalar(x: X, y: Y, s: index, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))


# ---- source


@wrong(SourceError, "'break' inside a stream: every position runs (bound the stream instead)")
def break_in_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        if B > 2:
            break  # <-


@wrong(SourceError, "'return' inside a stream")
def return_in_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        return  # <-


@wrong(SourceError, "a stream has no 'else'")
def else_of_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        pass
    else:
        m = 1  # <-


@wrong(SourceError, "'try' around or inside a stream: there is nothing to catch at run time")
def try_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    try:  # <-
        for n in tg.stream(0, x.shape[0], B):
            pass
    except ValueError:
        pass


@wrong(SourceError, "'with' around or inside a stream: a context has no meaning at run time")
def with_in_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        with np.errstate():  # <-
            pass


@wrong(SourceError, "'del' inside a stream: names that the body makes end with it anyway")
def del_in_stream(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    for n in tg.stream(0, x.shape[0], B):
        t = 1
        del t  # <-


@wrong(SourceError, "':=' in traced code: write an assignment")
def walrus(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    z = (w := m)  # <-


@wrong(SourceError, "assignment to an attribute in traced code is a side effect")
def attribute(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    x.name = 3  # <-


@wrong(SourceError, "'global' in traced code: assignments outside the function are side effects")
def global_name(x: X, y: Y, *, B: tile = 4):
    global COUNT  # <-
    m = tg.grid((x.shape[0], B))
    COUNT = 1


@wrong(SourceError, "a class inside traced code is not supported")
def class_inside(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))

    class C:  # <-
        pass


# ---- members


@wrong(MemberError, "a tile [4] f64 has no member 'mean'")
def member_of_tile(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.load(x, (m,)).mean()  # <-


@wrong(MemberError, "a view of 'x' has no member 'size'")
def member_of_view(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.size, B))  # <-


@wrong(MemberError, "a span has no member 'stop'")
def member_of_span(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    m.stop  # <-


@wrong(MemberError, "tegula has no 'softmax_updat': did you mean 'softmax_update'?")
def misspelt(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.softmax_updat(tg.load(x, (m,)))  # <-


# ---- not in this version


@wrong(UnsupportedError, "tg.barrier is not in this version yet")
def later(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B), resident=True)
    tg.barrier()  # <-


@pytest.mark.parametrize("case", wrong.cases, ids=lambda c: c.kernel.name)
def test_mistake(case: Case) -> None:
    shows(case, swallow)


def test_annotation_errors() -> None:
    with pytest.raises(KernelError, match="parameter 'x' of kernel 'f' has no annotation that says what it is"):

        @tg.kernel
        def f(x, y: Y):
            pass

    with pytest.raises(KernelError, match=r"kernel 'g' has a parameter \*xs: name each argument"):

        @tg.kernel
        def g(*xs: X):
            pass

    with pytest.raises(KernelError, match="tg.kernel takes a function, not a Python type"):
        tg.kernel(Box)
    with pytest.raises(KernelError, match="In takes a dtype and the names of the axes"):
        In["N"]
    with pytest.raises(KernelError, match="Opt takes a view annotation or a dtype"):
        Opt[3]
    with pytest.raises(KernelError, match=r"'\$N\?' is no axis"):
        In[T, "$N?"]


def test_outside_a_kernel() -> None:
    with pytest.raises(KernelError, match="a construct of the language is used outside a kernel") as caught:
        tg.zeros((3,), f64)
    assert caught.value.file == __file__


@tg.kernel
def copy(x: X, y: Y, *, B: tile = 4):
    m = tg.grid((x.shape[0], B))
    tg.store(y, (m,), tg.load(x, (m,)))


def test_refused_launch() -> None:
    with pytest.raises(LaunchError, match="'y' overlaps 'x'"):
        copy.on(FakeBackend(refuse="'y' overlaps 'x'"))(vector(), vector())
    backend = FakeBackend()
    kernel = copy.on(backend)
    x, y = vector(), vector()
    kernel(x, y)
    backend.refuse = "again"
    with pytest.raises(LaunchError, match="again"):
        kernel(x, y)
    assert backend.prepared == 1


def test_compiler_diagnostics_come_back_at_the_authors_lines() -> None:
    line = copy.fn.__code__.co_firstlineno + 3
    here = Position(__file__, line, 23, line, 36)
    caller = Position(__file__, line, 5, line, 37)
    note = Diagnostic("note", "the buffer is made here", (caller,))
    backend = FakeBackend(
        diagnostics=(
            Diagnostic("remark", "chose 8 rows"),
            Diagnostic("error", "tile does not fit: 4 MiB of 2 MiB", (here, caller), (note,)),
            Diagnostic("error", "second", ()),
        )
    )
    with pytest.raises(CompileError) as caught:
        copy.on(backend)(vector(), vector())
    error = caught.value
    assert error.message == "tile does not fit: 4 MiB of 2 MiB"
    assert (error.file, error.line, error.column) == (__file__, line, 23)
    assert f"    tg.store(y, (m,), tg.load(x, (m,)))\n      | {' ' * 22}{'^' * 13}\n" in str(error)
    assert "  called from copy, " in str(error)
    assert len(error.sites) == 2
    assert [n.text for n in error.notes] == ["the buffer is made here", "second"]


def test_torch_input_that_requires_grad() -> None:
    import torch

    x, y = torch.zeros(8, dtype=torch.float64, requires_grad=True), torch.zeros(8, dtype=torch.float64)
    backend = FakeBackend()
    kernel = copy.on(backend)
    with pytest.raises(LaunchError, match="copy: 'x' requires grad, and this kernel has no backward"):
        kernel(x, y)
    with torch.no_grad():
        kernel(x, y)
    with pytest.raises(LaunchError, match="requires grad"):  # the prepared launch must not hide it
        kernel(x, y)
    assert len(backend.launches) == 1


def test_read_only_output() -> None:
    x, y = vector(), vector()
    kernel = copy.on(FakeBackend())
    kernel(x, y)
    y.flags.writeable = False
    with pytest.raises(LaunchError, match="copy: 'y' is read only, and the kernel writes to it"):
        kernel(x, y)


def test_unknown_level() -> None:
    with pytest.raises(LaunchError, match="level 'sass' is none of tegula, generic"):
        copy.ir("sass", vector(), vector())


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tegula._compiler.backend import default_backend

    monkeypatch.setitem(sys.modules, "tegula.runtime", None)
    default_backend.cache_clear()
    with pytest.raises(CompileError, match="the compiled library of Tegula is not installed"):
        tg.Kernel(copy.fn)(vector(), vector())
    default_backend.cache_clear()


def test_hasattr_does_not_end_the_trace() -> None:
    def probe(t: Any) -> Any:
        return t.mean(axis=0) if hasattr(t, "mean") else t + 1.0

    @tg.kernel
    def probes(x: X, y: Y, *, f: fn, B: tile = 4):
        m = tg.grid((x.shape[0], B))
        tg.store(y, (m,), f(tg.load(x, (m,))))

    assert "arith.addf" in probes.ir("generic", vector(), vector(), f=probe)
