# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Low rank products, transforms and reductions into memory on both paths, against NumPy in float64."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pytest
from core_kernels import BF16, NAMES, Array, Kernels, any_view, compiled, one_instance, poisoned

SEED = secrets.randbits(32)
TOLERANCE: dict[Any, float] = {np.float64: 1e-13, np.float32: 1e-5, np.float16: 2e-3, BF16: 2e-2}


def tile(shape: tuple[int, ...], name: str) -> str:
    return f"tensor<{''.join(f'{n}x' for n in shape)}{name}>"


def wide(dtype: Any) -> Any:
    return np.float64 if dtype is np.float64 else np.float32


def whole(op: str, rank: int) -> str:
    return f"{op}[{', '.join(['%c0'] * rank)}]"


def kernel(
    name: str, inputs: list[tuple[tuple[int, ...], Any]], outputs: list[tuple[tuple[int, ...], Any]], op: str
) -> str:
    """A kernel that loads %x0, %x1, ..., does `op` and stores %y0, ...; views have any strides."""
    views = [any_view(np.zeros((1,) * len(shape), dtype)) for shape, dtype in (*inputs, *outputs)]
    args = [f"{'in' if i < len(inputs) else 'out'} %a{i}: {view}" for i, view in enumerate(views)]
    lines: list[str] = []
    for i, (shape, dtype) in enumerate(inputs):
        at, to = whole(f"%a{i}", len(shape)), tile(shape, NAMES[dtype])
        lines.append(f"%x{i} = tegula.load {at} : {views[i]} -> {to}")
    lines.append(op)
    for i, (shape, dtype) in enumerate(outputs):
        at, view = whole(f"%a{len(inputs) + i}", len(shape)), views[len(inputs) + i]
        lines.append(f"tegula.store %y{i}, {at} : {tile(shape, NAMES[dtype])}, {view}")
    return one_instance(name, args, "\n".join(lines))


def close(got: Array, want: Array, tolerance: float) -> None:
    """By the root of the mean square of what is wanted."""
    assert np.isfinite(got.astype(np.float64)).all()
    scale = np.sqrt(np.mean(np.abs(want) ** 2)) + 1e-300
    assert np.sqrt(np.mean(np.abs(got.astype(np.float64) - want) ** 2)) <= tolerance * scale


# -- low rank products --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LowRank:
    """x [.., M, K] · u [.., K, R] · v [.., R, N]."""

    x: tuple[int, ...]
    u: tuple[int, ...]
    v: tuple[int, ...]
    dtype: Any
    trans: tuple[bool, bool] = (False, False)
    association: str = ""

    def name(self) -> str:
        extents = "_".join("x".join(map(str, s)) for s in (self.x, self.u, self.v))
        return f"low_rank_{extents}_{NAMES[self.dtype]}_{self.trans[0]:d}{self.trans[1]:d}{self.association}"

    def shapes(self) -> list[tuple[int, ...]]:
        u, v = ((*s[:-2], s[-1], s[-2]) if t else s for s, t in zip((self.u, self.v), self.trans))
        return [self.x, u, v]

    def result(self) -> tuple[int, ...]:
        batch = [max(sizes) for sizes in zip(self.x[:-2], self.u[:-2], self.v[:-2])]
        return (*batch, self.x[-2], self.v[-1])

    def text(self) -> str:
        name = NAMES[self.dtype]
        flags = ["trans " * t for t in self.trans]
        types = ", ".join(tile(s, name) for s in self.shapes())
        choice = f" association {self.association}" * bool(self.association)
        out = (self.result(), wide(self.dtype))
        op = f"%y0 = tegula.low_rank_dot %x0, {flags[0]}%x1, {flags[1]}%x2{choice} : {types} -> {tile(*_named(out))}"
        return kernel(self.name(), [(s, self.dtype) for s in self.shapes()], [out], op)


def _named(out: tuple[tuple[int, ...], Any]) -> tuple[tuple[int, ...], str]:
    return out[0], NAMES[out[1]]


LOW_RANK = [
    *(
        LowRank((13, 20), (20, 5), (5, 37), dtype, trans, association)
        for dtype in (np.float64, BF16)
        for trans in ((False, False), (True, False), (False, True), (True, True))
        for association in ("left", "right")
    ),
    LowRank((40, 6), (6, 30), (30, 3), np.float32),
    LowRank((3, 7, 8), (1, 8, 2), (3, 2, 17), np.float16),
    LowRank((1, 7, 8), (1, 8, 2), (4, 2, 17), np.float64),
]

# -- transforms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transform:
    """A butterfly of `signals` rows."""

    factors: tuple[int, ...]
    dtype: Any
    signals: int = 2
    rows: int = 0
    keep: tuple[int, ...] = ()
    real: bool = False
    inverse: bool = False
    learned: bool = False

    @property
    def first(self) -> int:
        return self.rows or self.factors[0]

    @property
    def kept(self) -> tuple[int, ...]:
        return self.keep or self.factors

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of a row before and after."""
        signal, spectrum = self.first * prod(self.factors[1:]), prod(self.kept)
        return (spectrum, signal) if self.inverse else (signal, spectrum)

    def name(self) -> str:
        flags = "r" * self.real + "i" * self.inverse + "l" * self.learned
        text = "x".join(map(str, self.factors)) + f"_{self.first}_" + "x".join(map(str, self.kept))
        return f"butterfly_{text}_{NAMES[self.dtype]}_{flags}"

    def text(self) -> str:
        name = NAMES[self.dtype]
        before, after = self.sizes
        inputs: list[tuple[tuple[int, ...], Any]] = [((self.signals, before), self.dtype)] * (1 if self.real else 2)
        outputs: list[tuple[tuple[int, ...], Any]] = [((self.signals, after), wide(self.dtype))] * 2
        operands, by, types = ", ".join(f"%x{i}" for i in range(len(inputs))), "", ""
        if self.learned:
            matrices = [((n, n), self.dtype) for n in self.factors for _ in range(2)]
            by = f" by ({', '.join(f'%x{i + len(inputs)}' for i in range(len(matrices)))})"
            types = f" by ({', '.join(tile(s, name) for s, _ in matrices)})"
            inputs = [*inputs, *matrices]
        attrs = f"dft {list(self.factors)} rows {self.first} keep {list(self.kept)}{' inverse' * self.inverse}"
        result = tile((self.signals, after), NAMES[wide(self.dtype)])
        operand = tile((self.signals, before), name)
        op = f"%y0, %y1 = tegula.butterfly {operands}{by} {attrs} : {operand}{types} -> {result}"
        return kernel(self.name(), inputs, outputs, op)

    def want(self, z: Array, matrices: list[Array]) -> Array:
        if self.learned:
            return self.stages(z, matrices)
        axes = tuple(range(len(self.factors) + 1))
        reversed_digits = (0, *axes[:0:-1])
        if not self.inverse:
            signal = np.zeros((self.signals, prod(self.factors)), complex)
            signal[:, : z.shape[1]] = z
            digits = (
                np.fft.fft(signal, norm="ortho").reshape(self.signals, *self.factors[::-1]).transpose(reversed_digits)
            )
            cut = (slice(None), *(slice(0, k) for k in self.kept))
            return digits[cut].reshape(self.signals, -1)
        digits = np.zeros((self.signals, *self.factors), complex)
        digits[(slice(None), *(slice(0, k) for k in self.kept))] = z.reshape(self.signals, *self.kept)
        spectrum = digits.transpose(reversed_digits).reshape(self.signals, -1)
        return np.fft.ifft(spectrum, norm="ortho")[:, : self.sizes[1]]

    def stages(self, z: Array, matrices: list[Array]) -> Array:
        """The stages as sums over digits, two factors."""
        n, w = self.factors
        sign = 1 if self.inverse else -1
        twiddles = np.exp(sign * 2j * np.pi * np.outer(np.arange(n), np.arange(w)) / (n * w))
        f, g = matrices
        x = z.reshape(self.signals, n, w)
        if self.inverse:
            y = np.einsum("rac,cp,ap->rap", x, g, twiddles)
            return np.einsum("ba,rap->rbp", f, y).reshape(self.signals, -1)
        y = np.einsum("ab,rbp,ap->rap", f, x, twiddles)
        return np.einsum("rap,pc->rac", y, g).reshape(self.signals, -1)


TRANSFORMS = [
    *(
        Transform((4, 8), dtype, inverse=inverse)
        for dtype in (np.float64, np.float32, np.float16, BF16)
        for inverse in (False, True)
    ),
    *(
        Transform(factors, np.float64, rows=rows, keep=keep, real=real, inverse=inverse)
        for factors, rows, keep in (
            ((12,), 0, ()),
            ((12,), 5, (7,)),
            ((6, 5), 3, (4, 5)),
            ((4, 3, 5), 2, (3, 3, 2)),
            ((2, 2, 2, 3), 1, (2, 1, 2, 3)),
        )
        for real in (False, True)
        for inverse in (False, True)
    ),
    Transform((3, 8), np.float64, learned=True),
    Transform((3, 8), np.float64, learned=True, real=True),
    Transform((3, 8), np.float64, learned=True, inverse=True),
    Transform((3, 8), BF16, learned=True),
    Transform((1, 16), np.float64, signals=3),
]

# -- reductions into memory ---------------------------------------------------------------------------------------

REDUCED: list[tuple[str, str, Any]] = [
    (kind, how, dtype)
    for kind in ("add", "max", "min")
    for how in ("ordered", "two_pass", "atomic")
    for dtype in (np.int32, np.int64, np.float32, np.float64)
]


def reduce_name(kind: str, how: str, dtype: Any) -> str:
    return f"reduce_{kind}_{how}_{NAMES[dtype]}"


def reduce_text(kind: str, how: str, dtype: Any) -> str:
    """Instance (i, j) of [M, N] reduces 3 numbers x[i, j, ..] into y from j - 1 on, below %hi."""
    x, y, t = any_view(np.zeros((1, 1, 1), dtype)), any_view(np.zeros(1, dtype)), tile((3,), NAMES[dtype])
    return f"""tegula.kernel @{reduce_name(kind, how, dtype)}(in %x: {x}, inout %y: {y}, %hi: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %x, %c0 : {x}
  %n = memref.dim %x, %c1 : {x}
  tegula.grid (%i, %j) to (%m, %n) step (1, 1) order heavy_first {{
    %t3 = tegula.load %x[%i, %j, %c0] : {x} -> {tile((1, 1, 3), NAMES[dtype])}
    %t = tegula.reshape %t3 : {tile((1, 1, 3), NAMES[dtype])} -> {t}
    %at = arith.subi %j, %c1 : index
    tegula.reduce_store {kind} {how} %t, %y[%at] upto [%hi] : {t}, {y}
    tegula.yield
  }}
  tegula.return
}}
"""


@pytest.fixture(scope="module", params=["loops", "sched"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    texts = [case.text() for case in (*LOW_RANK, *TRANSFORMS)]
    texts += [reduce_text(*case) for case in REDUCED]
    return compiled("\n".join(texts), request.param)


@pytest.mark.parametrize("case", LOW_RANK, ids=LowRank.name)
def test_low_rank(kernels: Kernels, case: LowRank) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    x, u, v = (rng.standard_normal(s).astype(case.dtype) for s in case.shapes())
    y = poisoned(case.result(), wide(case.dtype))
    kernels.launch(case.name(), x, u, v, y)
    a, b, c = (t.astype(np.float64) for t in (x, u, v))
    b, c = (t.swapaxes(-1, -2) if swap else t for t, swap in zip((b, c), case.trans))
    if case.association:  # the rounding in the middle is part of the meaning
        middle = ((b @ c) if case.association == "right" else (a @ b)).astype(case.dtype).astype(np.float64)
        want = a @ middle if case.association == "right" else middle @ c
        close(y, want, 2e-3 if case.dtype is BF16 else 1e-13)
    else:
        close(y, a @ b @ c, TOLERANCE[case.dtype])


@pytest.mark.parametrize("case", TRANSFORMS, ids=Transform.name)
def test_butterfly(kernels: Kernels, case: Transform) -> None:
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    before, after = case.sizes
    parts = [rng.standard_normal((case.signals, before)).astype(case.dtype) for _ in range(1 if case.real else 2)]
    matrices = [rng.standard_normal((n, n)).astype(case.dtype) for n in case.factors for _ in range(2)]
    re, im = (poisoned((case.signals, after), wide(case.dtype)) for _ in range(2))
    kernels.launch(case.name(), *parts, *(matrices if case.learned else []), re, im)
    z = parts[0].astype(np.float64) + (0 if case.real else 1j * parts[1].astype(np.float64))
    factors = [a.astype(np.float64) + 1j * b.astype(np.float64) for a, b in zip(matrices[::2], matrices[1::2])]
    want = case.want(z, factors)
    close(re, want.real, TOLERANCE[case.dtype])
    close(im, want.imag, TOLERANCE[case.dtype])


@pytest.mark.parametrize("case", REDUCED, ids=lambda c: reduce_name(*c))
def test_reduce_store(kernels: Kernels, case: tuple[str, str, Any]) -> None:
    kind, how, dtype = case
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    whole_numbers = np.dtype(dtype).kind == "i"
    shapes = [(40, 6, 100), (1, 1, 2), (0, 3, 9), (3, 9, 5)]
    if how != "atomic" and kind == "add" and not whole_numbers:
        shapes.append((4000, 2, 9))  # so many that two threads would share them, and the sum would show it
    for m, n, hi in shapes:
        x = (rng.integers(-1000, 1000, (m, n, 3)) if whole_numbers else rng.standard_normal((m, n, 3))).astype(dtype)
        if m == 3 and kind != "add" and not whole_numbers:
            x[1, 4, 1] = np.nan  # NaN stays
        start = (rng.integers(-9, 9, n + 1) if whole_numbers else rng.standard_normal(n + 1)).astype(dtype)
        want = start.copy()
        function = {"add": np.add, "max": np.maximum, "min": np.minimum}[kind]
        for i, j, k in np.ndindex(m, n, 3):  # by ascending instance
            at = j - 1 + k
            if 0 <= at < min(n + 1, hi):
                want[at] = function(want[at], x[i, j, k])
        for threads in (1, 2):
            y = start.copy()
            kernels.launch(reduce_name(*case), x, y, hi, threads=threads)
            if how != "atomic" or whole_numbers or kind != "add":
                np.testing.assert_array_equal(y, want)
            else:
                np.testing.assert_allclose(y, want, rtol=0, atol=np.finfo(dtype).eps * 100)
