# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""What `expand-vector-math` makes is right: run on this computer, for two levels of x86-64.

Errors in ulp over every exponent, special values, 16-bit floats bit for bit, and no call
in what LLVM makes of it. docs/math.md has the measured errors.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"utils/{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


errors = _load("math_errors")
DTYPES = {
    "f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
}  # fmt: skip
LEVELS = tuple(errors.LANES)
ORDERS = {"maximumf": np.maximum, "minimumf": np.minimum, "maxnumf": np.fmax, "minnumf": np.fmin}
ARITHMETIC = {"addf": np.add, "subf": np.subtract, "mulf": np.multiply, "divf": np.divide, **ORDERS}
CONVERSIONS = [(a, b) for w in ("f32", "f64") for n in ("bf16", "f16") for a, b in ((w, n), (n, w))]
INTEGERS = ("i8", "i16", "i32", "i64")


def vector(n: int, element: str) -> str:
    return f"vector<{n}x{element}>" if n else element


def rotated(n: int, element: str) -> str:
    """%r = the lanes of %x, each one place further."""
    places = ", ".join(str((i + 1) % n) for i in range(n))
    kind = vector(n, element)
    return f"%r = vector.shuffle %x, %x [{places}] : {kind}, {kind}\n"


def chained(n: int, steps: list[str]) -> str:
    """%y from %x, each step made of the value before it."""
    kind = vector(n, "f32")
    body = f"%a0 = arith.addf %x, %neg0 : {kind}\n"
    numbers = {"neg0": -0.0, "half": 0.5, "one": 1.0, "five": 5.0, "ten": 10.0}
    for name, number in numbers.items():
        value = f"dense<{number}>" if n else f"{number}"
        body = f"%{name} = arith.constant {value} : {kind}\n" + body
    for i, step in enumerate(steps):
        target = "%y" if i == len(steps) - 1 else f"%a{i + 1}"
        body += f"{target} = {step.format(f'%a{i}')} : {kind}\n"
    return body


RANGED = {
    "softplus": ["math.absf {0}", "arith.negf {0}", "math.exp {0}", "math.fma {0}, %half, %half", "math.log {0}"],
    "hypotenuse": ["math.fma {0}, {0}, %one", "math.sqrt {0}", "arith.minimumf {0}, %ten", "math.log {0}"],
    "bell": ["arith.mulf {0}, {0}", "arith.negf {0}", "math.exp {0}", "tegula.exp2 {0}"],
    "clipped": ["arith.maximumf %neg0, {0}", "arith.minimumf {0}, %ten", "math.exp {0}", "math.log {0}"],
    "wave": ["math.sin {0}", "arith.addf {0}, %five", "math.log {0}", "tegula.exp2 {0}"],
}
"""Chains in which the range of a function's argument is known; each op alone knows nothing."""


def arithmetic(n: int):
    """Loops of everything but the functions."""
    Loop = errors.Loop
    for a, b in CONVERSIONS:
        op = "truncf" if DTYPES[a](0).itemsize > DTYPES[b](0).itemsize else "extf"
        yield Loop(f"{a}_to_{b}", f"%y = arith.{op} %x : {vector(n, a)} to {vector(n, b)}", a, b, n)
    for i in INTEGERS:
        for t in ("f64", "f32", "f16", "bf16"):
            for sign in "su":
                to_float = f"%y = arith.{sign}itofp %x : {vector(n, i)} to {vector(n, t)}"
                yield Loop(f"{sign}{i}_to_{t}", to_float, i, t, n)
                yield Loop(
                    f"{t}_to_{sign}{i}", f"%y = arith.fpto{sign}i %x : {vector(n, t)} to {vector(n, i)}", t, i, n
                )
    for t in ("f64", "f32", "f16", "bf16"):
        kind, mask = vector(n, t), vector(n, "i1")
        yield Loop(f"negf_{t}", f"%y = arith.negf %x : {kind}", t, t, n)
        if t != "f64":
            yield Loop(f"exp_{t}", f"%y = math.exp %x : {kind}", t, t, n)
        if not n:
            continue
        for op in ARITHMETIC:
            yield Loop(f"{op}_{t}", f"{rotated(n, t)} %y = arith.{op} %x, %r : {kind}", t, t, n)
        yield Loop(
            f"select_{t}",
            f"{rotated(n, t)} %c = arith.cmpf olt, %x, %r : {kind}\n %y = arith.select %c, %x, %r : {mask}, {kind}",
            t, t, n,
        )  # fmt: skip
        yield Loop(
            f"chain_{t}",
            f"{rotated(n, t)} %s = arith.addf %x, %r : {kind}\n %p = arith.mulf %s, %r : {kind}\n"
            f"%y = arith.subf %p, %x : {kind}",
            t, t, n,
        )  # fmt: skip
        for op in ORDERS:
            row = f"%q = vector.reduction <{op}>, %x : {kind} into {t}\n %y = vector.broadcast %q : {t} to {kind}"
            yield Loop(f"row_{op}_{t}", row, t, t, n)
        split = f"%m = vector.shape_cast %x : {kind} to vector<2x{n // 2}x{t}>\n %one = arith.constant 1.0 : {t}\n"
        rows = (
            f"{split} %start = vector.broadcast %one : {t} to vector<2x{t}>\n"
            f"%q = vector.multi_reduction <maximumf>, %m, %start [1] : vector<2x{n // 2}x{t}> to vector<2x{t}>\n"
            f"%wide = vector.broadcast %q : vector<2x{t}> to vector<{n // 2}x2x{t}>\n"
            f"%c = vector.transpose %wide, [1, 0] : vector<{n // 2}x2x{t}> to vector<2x{n // 2}x{t}>\n"
            f"%y = vector.shape_cast %c : vector<2x{n // 2}x{t}> to {kind}"
        )
        yield Loop(f"rows_{t}", rows, t, t, n)
    for name, steps in RANGED.items():
        yield Loop(name, chained(n, steps), "f32", "f32", n)
        for i, step in enumerate(steps):
            yield Loop(f"{name}_{i}", chained(n, [step]), "f32", "f32", n)


@pytest.fixture(scope="module", params=LEVELS)
def machine(request: pytest.FixtureRequest, tegula_opt: str):
    """Every loop on vectors, for one level; what this computer cannot run is only compiled."""
    n = errors.LANES[request.param]
    return errors.Machine([*errors.loops(n), *arithmetic(n)], request.param, tegula_opt)


@pytest.fixture(scope="module")
def scalars(tegula_opt: str):
    """The same on scalars."""
    return errors.Machine([*errors.loops(0), *arithmetic(0)], "x86-64-v3", tegula_opt)


def call(machine, name: str, x, dtype):
    if machine.library is None:
        pytest.skip("this computer lacks the level's instructions")
    with np.errstate(all="ignore"):
        return machine.call(name, x, dtype)


def assert_same(got, want, *arguments) -> None:
    """Bit for bit but for zeros' signs and NaNs' payloads."""
    with np.errstate(invalid="ignore"):  # signalling NaNs become quiet
        got, want = np.asarray(got).astype(np.float64), np.asarray(want).astype(np.float64)
    bad = ~((got == want) | (np.isnan(got) & np.isnan(want)))
    assert not bad.any(), [(a[bad][:5], got[bad][:5], want[bad][:5]) for a in arguments]


def test_nothing_calls(machine, scalars) -> None:
    for compiled in (machine, scalars):
        assert compiled.undefined == []
        for name in compiled.loops:
            assert not [line for line in compiled.instructions(name) if line.startswith("call")], name


@pytest.mark.parametrize("name", errors.FUNCTIONS)
def test_errors_in_ulp(name: str, machine) -> None:
    f = errors.FUNCTIONS[name]
    x = errors.sweep(250, seed=3)
    got = errors.measure(f, x, call(machine, name, x, np.float32))
    assert len(got.wrong) == 0, got.wrong[:8]
    assert 0.3 < got.largest <= f.bound <= 4, got


@pytest.mark.parametrize("name", RANGED)
def test_known_ranges_change_no_bit(name: str, machine) -> None:
    x = np.concatenate([errors.sweep(60, seed=8), np.linspace(-12, 12, 4096, dtype=np.float32)])
    got = call(machine, name, x, np.float32)
    want = x
    for i in range(len(RANGED[name])):
        want = call(machine, f"{name}_{i}", want, np.float32)
    assert_same(got, want, x)
    assert np.unique(got[np.isfinite(got)]).size > 100


@pytest.mark.parametrize("name", errors.FUNCTIONS)
def test_scalars_are_vectors_of_one(name: str, machine, scalars) -> None:
    x = errors.sweep(20, seed=4)
    assert_same(call(machine, name, x, np.float32), call(scalars, name, x, np.float32), x)


def test_ends_of_the_range(machine) -> None:
    """Exact values, where the formulas end."""
    inf, nan = np.inf, np.nan
    cases = {
        "exp": [(0, 1), (-0.0, 1), (-inf, 0), (inf, inf), (-104, 0), (88.8, inf), (-3e38, 0), (nan, nan)],
        "exp2": [(-149, 2.0**-149), (-150.1, 0), (127, 2.0**127), (128, inf), (-inf, 0), (3, 8), (nan, nan)],
        "weights": [(0, 1), (-inf, 0), (-1000, 0), (128, inf), (inf, inf), (-126, 2.0**-126), (10, 1024), (nan, nan)],
        "expm1": [(-inf, -1), (inf, inf), (-0.0, -0.0), (1e-40, 1e-40), (nan, nan)],
        "log": [(0, -inf), (-0.0, -inf), (-1, nan), (-inf, nan), (inf, inf), (1, 0), (nan, nan)],
        "log2": [(2.0**-149, -149), (2.0**127, 127), (0.5, -1), (8, 3), (0, -inf), (-1e-40, nan), (inf, inf), (1, 0)],
        "log1p": [(-1, -inf), (-1.5, nan), (-0.0, -0.0), (1e-40, 1e-40), (inf, inf), (-inf, nan), (nan, nan)],
        "tanh": [(inf, 1), (-inf, -1), (-0.0, -0.0), (1e-40, 1e-40), (20, 1), (nan, nan)],
        "erf": [(inf, 1), (-inf, -1), (-0.0, -0.0), (5, 1), (nan, nan)],
        "sin": [(-0.0, -0.0), (1e-40, 1e-40), (inf, nan), (-inf, nan), (2.0**50, nan), (nan, nan)],
        "cos": [(0, 1), (1e-40, 1), (inf, nan), (2.0**50, nan), (nan, nan)],
        "rsqrt": [(0, inf), (-0.0, -inf), (inf, 0), (4, 0.5), (-1, nan), (nan, nan)],
    }  # fmt: skip
    assert cases.keys() == errors.FUNCTIONS.keys()
    for name, pairs in cases.items():
        x, want = (errors.padded(np.array(column, np.float32)) for column in zip(*pairs, strict=True))
        got = call(machine, name, x, np.float32)[: len(pairs)]
        np.testing.assert_array_equal(got, want[: len(pairs)], err_msg=name)
        signs = ~np.isnan(got)
        assert (np.signbit(got) == np.signbit(want[: len(pairs)]))[signs].all(), name


def test_nan_of_any_payload_stays_nan(machine) -> None:
    """Those whose low bits would be taken for an exponent among them."""
    payloads = np.concatenate([np.arange(1, 512), np.arange(0x400000, 0x400200), np.arange(0x7FFE00, 0x800000)])
    bits = (0x7F800000 | payloads).astype(np.uint32)
    x = errors.padded(np.concatenate([bits, bits | np.uint32(1 << 31), [bits[0]]]))
    x[x == 0] = bits[0]
    for name in [*errors.FUNCTIONS, "row_maximumf_f32", "row_minimumf_f32", "maximumf_f32", "exp_f32"]:
        assert np.isnan(call(machine, name, x.view(np.float32), np.float32)).all(), name
    bf16 = call(machine, "f32_to_bf16", x.view(np.float32), np.uint16)
    assert ((bf16 & 0x7FC0) == 0x7FC0).all(), "quiet"


# ---------------------------------------------------------------------------------------
# 16-bit floats
# ---------------------------------------------------------------------------------------


def rounded_to_16_bits(x, dtype):
    """f64 rounded once to nearest even: to whole multiples of the last place, which is exact."""
    digits, smallest, limit = (8, -133, 2.0**128) if dtype is ml_dtypes.bfloat16 else (11, -24, 2.0**16)
    with np.errstate(all="ignore"):
        size = np.abs(x)
        exponent = np.floor(np.log2(np.where(size > 0, size, 1)))
        exponent += np.exp2(exponent + 1) <= size
        exponent -= np.exp2(exponent) > size
        place = np.exp2(np.maximum(exponent - digits + 1, smallest))
        result = np.rint(x / place) * place
        result = np.where(np.abs(result) >= limit, np.copysign(np.inf, x), result)
        return np.where(np.isfinite(x), result, x)


def corners(dtype):
    """Every value of a 16-bit type, the middles between neighbours, and both sides of them, in f64."""
    with np.errstate(all="ignore"):
        values = np.sort(np.arange(1 << 16, dtype=np.uint16).view(dtype).astype(np.float64))
        values = values[np.isfinite(values)]
        middles = (values[:-1] + values[1:]) / 2
        around = [
            values,
            middles,
            np.nextafter(middles, np.inf),
            np.nextafter(middles, -np.inf),
            np.nextafter(values, 0),
        ]
        ends = [np.inf, -np.inf, np.nan, 3.4e38, 3.3962e38, 65519.999, 65520.0, 1e300, -1e300, 1e-300, 1e39, 2.0**-134]
        return errors.padded(np.concatenate([*around, ends]))


@pytest.mark.parametrize("narrow", ["bf16", "f16"])
def test_conversions_round_once_to_nearest_even(narrow: str, machine) -> None:
    dtype = DTYPES[narrow]
    x = corners(dtype)
    assert_same(call(machine, f"f64_to_{narrow}", x, dtype), rounded_to_16_bits(x, dtype), x)
    with np.errstate(all="ignore"):
        single = x.astype(np.float32)
    want = rounded_to_16_bits(single.astype(np.float64), dtype)
    assert_same(call(machine, f"f32_to_{narrow}", single, dtype), want, single)
    every = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):
        for wide in ("f32", "f64"):
            assert_same(call(machine, f"{narrow}_to_{wide}", every, DTYPES[wide]), every.astype(np.float64))


@pytest.mark.parametrize("integer", INTEGERS)
@pytest.mark.parametrize("sign", "su")
def test_integers_round_once(integer: str, sign: str, machine) -> None:
    kind = np.dtype(DTYPES[integer] if sign == "s" else f"u{DTYPES[integer](0).itemsize}")
    info, rng = np.iinfo(kind), np.random.default_rng(5)
    x = rng.integers(info.min, info.max, 4096, dtype=kind, endpoint=True)
    # Ties of 16-bit floats at every magnitude, and their neighbours.
    odd = rng.integers(64, 2048, 4096) * 2 + 1
    places = [(int(a) << int(b)) + d for a, b in zip(odd, rng.integers(0, 53, 4096), strict=True) for d in (-1, 0, 1)]
    fitting = [v for v in [*places, *(-p for p in places)] if info.min <= v <= info.max]
    shifted = x >> rng.integers(0, info.bits, 4096).astype(kind)
    x = errors.padded(np.concatenate([x, shifted, np.array([info.min, info.max, *fitting], kind)]))

    def once(value: int, digits: int, limit: float) -> float:
        cut = max(abs(value).bit_length() - digits, 0)
        kept, rest = abs(value) >> cut, abs(value) & ((1 << cut) - 1)
        kept += cut > 0 and (rest * 2 > 1 << cut or (rest * 2 == 1 << cut and kept & 1 == 1))
        size = float(kept << cut)
        return float(np.copysign(np.inf if size >= limit else size, value))

    for t, digits, limit in (("bf16", 8, 2.0**128), ("f16", 11, 2.0**16), ("f32", 24, 2.0**128), ("f64", 53, 1e300)):
        got = call(machine, f"{sign}{integer}_to_{t}", x, DTYPES[t])
        assert_same(got, [once(v, digits, limit) for v in x.tolist()], x)


@pytest.mark.parametrize("integer", INTEGERS)
def test_floats_to_integers(integer: str, machine) -> None:
    """Towards zero; what does not fit has no value."""
    rng = np.random.default_rng(6)
    for t in ("f64", "f32", "f16", "bf16"):
        for sign in "su":
            kind = np.dtype(DTYPES[integer] if sign == "s" else f"u{DTYPES[integer](0).itemsize}")
            top = min(float(np.iinfo(kind).max) / 2, 60000)
            x = rng.uniform(0 if sign == "u" else -top, top, 1024) * 2.0 ** rng.integers(-16, 1, 1024)
            x = x.astype(DTYPES[t])
            got = call(machine, f"{t}_to_{sign}{integer}", x, kind)
            np.testing.assert_array_equal(got, np.trunc(x.astype(np.float64)).astype(kind))


@pytest.mark.parametrize("element", ["bf16", "f16", "f32", "f64"])
def test_arithmetic_rounds_after_each_op(element: str, machine) -> None:
    dtype, n = DTYPES[element], next(iter(machine.loops.values())).lanes
    wide = np.float64 if element == "f64" else np.float32
    rng = np.random.default_rng(7)
    x = (rng.standard_normal(1 << 14) * 2.0 ** rng.integers(-9, 9, 1 << 14)).astype(dtype)
    special = rng.random(len(x)) < 0.08
    x[special] = rng.choice(np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1], dtype), special.sum())

    def round_(value):
        return value.astype(dtype).astype(wide)

    with np.errstate(all="ignore"):
        a = x.astype(wide)
        b = np.roll(a.reshape(-1, n), -1, axis=1).reshape(-1)
        for op, reference in ARITHMETIC.items():
            assert_same(call(machine, f"{op}_{element}", x, dtype), round_(reference(a, b)), a, b)
        assert_same(call(machine, f"select_{element}", x, dtype), np.where(a < b, a, b), a, b)
        assert_same(call(machine, f"chain_{element}", x, dtype), round_(round_(round_(a + b) * b) - a), a, b)
        negated = call(machine, f"negf_{element}", x, dtype)
        assert_same(negated, -a)
        assert (np.signbit(negated) != np.signbit(x)).all()
        for op, reference in ORDERS.items():
            want = np.repeat(reference.reduce(a.reshape(-1, n), axis=1), n)
            assert_same(call(machine, f"row_{op}_{element}", x, dtype), want, a)
        halves = np.maximum(np.maximum.reduce(a.reshape(-1, n // 2), axis=1), 1)
        assert_same(call(machine, f"rows_{element}", x, dtype), np.repeat(halves, n // 2), a)


@pytest.mark.parametrize("element", ["bf16", "f16"])
def test_narrow_functions_are_f32_functions_rounded(element: str, machine) -> None:
    dtype = DTYPES[element]
    x = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):
        single = call(machine, "exp", x.astype(np.float32), np.float32)
        assert_same(call(machine, f"exp_{element}", x, dtype), single.astype(dtype), x)


# ---------------------------------------------------------------------------------------
# Cost and coefficients
# ---------------------------------------------------------------------------------------


def test_weights_cost_thirteen_instructions(machine) -> None:
    """The loop of tegula.exp2: load with clamp, 12 more, store, and what moves a constant."""
    lines = machine.instructions("weights")
    start = next(i for i, line in enumerate(lines) if line.startswith("vmaxps"))
    body = [line.split()[0] for line in lines[start : next(i for i, s in enumerate(lines) if s.startswith("vmovups"))]]
    assert body.count("vmovaps") <= 1
    assert sorted(word for word in body if word != "vmovaps") == sorted(
        ["vmaxps", "vminps", "vaddps", "vaddps", "vsubps", *["vfmadd213ps"] * 6, "vpslld", "vmulps"]
    )


@pytest.mark.parametrize(
    ("name", "most"), [("exp", 20), ("exp2", 19), ("tanh", 21), ("erf", 28), ("log", 30), ("sin", 27)]
)
def test_functions_stay_cheap(name: str, most: int, tegula_opt: str) -> None:
    assert errors.count_ops(name, tegula_opt) <= most


def test_coefficients_are_those_of_the_fit() -> None:
    """The committed table is what utils/fit_math.py writes (a last digit may differ elsewhere)."""
    import re

    fit = _load("fit_math")
    number = r"-?\d+\.?\d*(?:e[-+]?\d+)?(?=f\b)"
    want, got = (
        np.array([float(v) for v in re.findall(number, text)]) for text in (fit.table(), fit.HEADER.read_text())
    )
    np.testing.assert_allclose(got, want, rtol=1e-4)
    for f in fit.fits():
        coefficients, error = fit.solve(f)
        assert len(coefficients) == f.degree + 1
        assert error < (2e-4 if "Degree3" in f.name else 4e-6 if "Degree4" in f.name else 1e-7)
