# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every op on the plain path, one kernel each, against NumPy: exactly, or at float64 to 1e-12.

All kernels are in one module, which is compiled once. Structured ops are also decomposed first: that
the two ways agree is what makes each a test of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from plain_loops import Loaded, load

f64, f32, f16, bf16 = np.float64, np.float32, np.float16, ml_dtypes.bfloat16
i8, i32, i64, i1 = np.int8, np.int32, np.int64, np.bool_
NAMES = {f64: "f64", f32: "f32", f16: "f16", bf16: "bf16", i8: "i8", i32: "i32", i64: "i64", i1: "i1"}
Array = np.ndarray[Any, Any]
rng = np.random.default_rng(7)


def elem(x: Array) -> str:
    return NAMES[x.dtype.type]


def dims(x: Array) -> str:
    return "".join(f"{n}x" for n in x.shape) + elem(x)


def tile(x: Array) -> str:
    return f"tensor<{dims(x)}>"


def view(x: Array) -> str:
    return f"memref<{dims(x)}>"


def normal(*shape: int, dtype: Any = f64) -> Array:
    return np.asarray(rng.standard_normal(shape)).astype(dtype)


def integers(*shape: int, dtype: Any = i32, lo: int = -9, hi: int = 9) -> Array:
    return rng.integers(lo, hi, shape).astype(dtype)


@dataclass(frozen=True)
class Case:
    """A kernel whose body makes %y0, %y1, ... of %x0, %x1, ..., and what it must give."""

    name: str
    body: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    tolerance: float

    def text(self) -> str:
        xs, ys = list(enumerate(self.inputs)), list(enumerate(self.outputs))
        args = [f"in %a{i}: {view(x)}" for i, x in xs] + [f"out %o{i}: {view(y)}" for i, y in ys]
        lines = [f"tegula.kernel @{self.name}({', '.join(args)}) {{", "  %c0 = arith.constant 0 : index"]
        lines += ["  %one = arith.constant 1 : index", "  tegula.grid (%g) to (%one) step (1) {"]

        def at(x: Array) -> str:
            return f"[{', '.join(['%c0'] * x.ndim)}]"

        lines += [f"    %x{i} = tegula.load %a{i}{at(x)} : {view(x)} -> {tile(x)}" for i, x in xs]
        lines += [f"    {line}" for line in self.body.strip().split("\n")]
        lines += [f"    tegula.store %y{i}, %o{i}{at(y)} : {tile(y)}, {view(y)}" for i, y in ys]
        return "\n".join([*lines, "    tegula.yield", "  }", "  tegula.return", "}"])

    def run(self, kernels: Loaded) -> None:
        results = [np.frombuffer(b"\xa5" * y.nbytes, y.dtype).reshape(y.shape).copy() for y in self.outputs]
        kernels.launch(self.name, 1, *(np.ascontiguousarray(x).reshape(x.shape) for x in self.inputs), *results)
        for result, expected in zip(results, self.outputs, strict=True):
            assert_close(result, expected, self.tolerance)


def assert_close(result: Array, expected: Array, tolerance: float) -> None:
    """Bits (of numbers that are no NaN) where the tolerance is 0, else relative to the largest number."""
    if expected.dtype.kind in "bi":
        np.testing.assert_array_equal(result, expected)
        return
    a, b = result.astype(f64), expected.astype(f64)
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    if tolerance == 0:
        np.testing.assert_array_equal(a[finite], b[finite])
        np.testing.assert_array_equal(np.signbit(a[finite]), np.signbit(b[finite]))
    elif finite.any():
        assert np.abs(a[finite] - b[finite]).max() <= tolerance * max(np.abs(b[finite]).max(), 1.0)


CASES: dict[str, Case] = {}


def case(name: str, body: str, inputs: Sequence[Array], outputs: Sequence[Array], tolerance: float = 0.0) -> None:
    assert name not in CASES
    CASES[name] = Case(name, body, tuple(inputs), tuple(np.asarray(y) for y in outputs), tolerance)


# -- rounding -----------------------------------------------------------------------------------------------------

PRECISION = {f16: (11, -14, 65504.0), bf16: (8, -126, 3.3895313892515355e38), f32: (24, -126, 3.4028234663852886e38)}


def rounded(x: Array, dtype: Any) -> Array:
    """Numbers of any type rounded once to `dtype`, to nearest even: in 80-bit floats, which hold all inputs."""
    if dtype is f64:
        return x.astype(f64)
    digits, least, largest = PRECISION[dtype]
    wide = x.astype(np.longdouble)
    exponent = np.frexp(np.where(np.isfinite(wide) & (wide != 0), wide, 1))[1] - 1
    quantum = np.ldexp(np.longdouble(1), np.maximum(exponent, least) - digits + 1)
    with np.errstate(all="ignore"):
        near = np.rint(wide / quantum) * quantum
        near = np.where(np.abs(near) > largest, np.copysign(np.inf, wide), near)
        return np.where(np.isfinite(wide), np.copysign(near, wide), wide).astype(f64).astype(dtype)


def hard_floats() -> Array:
    """Numbers beside the midpoints of every 16-bit type, at all magnitudes, and the special ones."""
    bits = rng.integers(0, 2**16, 400).astype(np.uint16)
    parts: list[Array] = []
    with np.errstate(all="ignore"):
        for dtype in (f16, bf16):
            here = bits.view(dtype).astype(f64)
            above = (bits + np.uint16(1)).view(dtype).astype(f64)
            middle = (here + above) / 2
            parts += [here, middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]
        parts.append(rng.standard_normal(400) * np.exp2(rng.integers(-160, 160, 400)))
        tiny = [0.0, -0.0, 2.0**-149, 2.0**-150, 2.0**-151, 2.0**-25, 3e-8, -1e-320, 65519.999999, 65520.0, 3.39e38]
        parts.append(np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, *tiny]))
    return np.concatenate(parts)


HARD = hard_floats()
with np.errstate(all="ignore"):
    for to in (f32, f16, bf16):
        expected = rounded(HARD, to)
        kind = f"tensor<{HARD.size}x"
        case(
            f"f64_to_{NAMES[to]}",
            f"%y0 = arith.truncf %x0 : {kind}f64> to {kind}{NAMES[to]}>",
            [HARD],
            [expected],
        )
        case(
            f"{NAMES[to]}_to_f64",
            f"%y0 = arith.extf %x0 : {kind}{NAMES[to]}> to {kind}f64>",
            [expected],
            [expected.astype(f64)],
        )
    for to in (f16, bf16):
        singles = HARD.astype(f32)
        body = f"%y0 = arith.truncf %x0 : {tile(singles)} to tensor<{HARD.size}x{NAMES[to]}>"
        case(f"f32_to_{NAMES[to]}", body, [singles], [rounded(singles, to)])

LONG = np.concatenate(
    [
        rng.integers(-(2**63), 2**63, 300),
        (rng.integers(0, 2**9, 300) << rng.integers(0, 54, 300)) + rng.integers(-1, 2, 300),
        np.array([0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 2**54 + 2**46 + 1, 65519, 65520, 257, 258, 259]),
    ]
).astype(i64)
for to in (f64, f32, f16, bf16):
    for source in (i64, i32, i8, i1):
        numbers = LONG.astype(source)
        unsigned = numbers.view({i64: np.uint64, i32: np.uint32, i8: np.uint8, i1: i1}[source])
        result = f"tensor<{LONG.size}x{NAMES[to]}>"
        if source is not i1:
            y = numbers.astype(f64) if to is f64 else rounded(numbers, to)
            body = f"%y0 = arith.sitofp %x0 : {tile(numbers)} to {result}"
            case(f"signed_{NAMES[source]}_to_{NAMES[to]}", body, [numbers], [y])
        y = unsigned.astype(f64) if to is f64 else rounded(unsigned, to)
        body = f"%y0 = arith.uitofp %x0 : {tile(numbers)} to {result}"
        case(f"unsigned_{NAMES[source]}_to_{NAMES[to]}", body, [numbers], [y])

# -- elementwise --------------------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 3e4, 1e-3, 7.0])
LEFT, RIGHT = (np.ascontiguousarray(x) for x in np.meshgrid(SPECIAL, SPECIAL, indexing="ij"))


BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "math.copysign": np.copysign,
}
with np.errstate(all="ignore"):
    for op, function in BINARY.items():
        for dtype in (f64, f32, f16, bf16):
            x, y = LEFT.astype(dtype), RIGHT.astype(dtype)
            # 16-bit floats are computed in f32, and rounded after each op.
            wide = f64 if dtype is f64 else f32
            z = rounded(np.asarray(function(x.astype(wide), y.astype(wide)), wide), dtype)
            # Which zero is the larger is left open, as in NumPy.
            tolerance = 1e-30 if "imumf" in op else 0.0
            case(f"{op.replace('.', '_')}_{NAMES[dtype]}", f"%y0 = {op} %x0, %x1 : {tile(x)}", [x, y], [z], tolerance)

POSITIVE = np.abs(rng.standard_normal((3, 40))) + 1e-3
ANY = np.concatenate([rng.standard_normal((2, 40)) * 5, np.resize(SPECIAL, (1, 40))])
UNARY: dict[str, tuple[Callable[[Array], Array], Array]] = {
    "math.exp": (np.exp, ANY),
    "math.exp2": (np.exp2, ANY),
    "tegula.exp2": (np.exp2, ANY),
    "math.expm1": (np.expm1, ANY),
    "math.log": (np.log, POSITIVE),
    "math.log1p": (np.log1p, POSITIVE),
    "math.log2": (np.log2, POSITIVE),
    "math.tanh": (np.tanh, ANY),
    "math.sqrt": (np.sqrt, POSITIVE),
    "math.rsqrt": (lambda x: 1 / np.sqrt(x), POSITIVE),
    "math.sin": (np.sin, POSITIVE),
    "math.cos": (np.cos, POSITIVE),
    "math.absf": (np.abs, ANY),
    "math.floor": (np.floor, ANY),
    "math.ceil": (np.ceil, ANY),
    "arith.negf": (np.negative, ANY),
}
with np.errstate(all="ignore"):
    for op, (one, domain) in UNARY.items():
        exact = op in ("math.absf", "math.floor", "math.ceil", "arith.negf")
        for dtype, tolerance in ((f64, 1e-13), (f32, 1e-6), (bf16, 8e-3)):
            x = domain.astype(dtype)
            y = np.asarray(one(x.astype(f64))).astype(dtype)
            # Relative to the largest number: cut what would hide the others.
            x, y = np.where(np.abs(y) > 1e6, 1, x).astype(dtype), np.where(np.abs(y) > 1e6, one(np.ones(())), y)
            body = f"%y0 = {op} %x0 : {tile(x)}"
            name = f"{op.replace('.', '_')}_{NAMES[dtype]}"
            case(name, body, [x], [y.astype(dtype)], 0 if exact and dtype is not bf16 else tolerance)

erf = np.vectorize(__import__("math").erf)
x = normal(5, 7)
case("math_erf", "%y0 = math.erf %x0 : tensor<5x7xf64>", [x], [erf(x)], 1e-13)
x, y, z = normal(4, 5, dtype=bf16), normal(4, 5, dtype=bf16), normal(4, 5, dtype=bf16)
fused = rounded((x.astype(f64) * y.astype(f64) + z.astype(f64)).astype(f32), bf16)
case("math_fma_bf16", "%y0 = math.fma %x0, %x1, %x2 : tensor<4x5xbf16>", [x, y, z], [fused])

with np.errstate(all="ignore"):
    for dtype in (f64, bf16):
        x, y = LEFT.astype(dtype), RIGHT.astype(dtype)
        for predicate, compare in (
            ("olt", np.less),
            ("oeq", np.equal),
            ("une", np.not_equal),
            ("oge", np.greater_equal),
        ):
            body = f"%y0 = arith.cmpf {predicate}, %x0, %x1 : {tile(x)}"
            case(f"cmpf_{predicate}_{NAMES[dtype]}", body, [x, y], [compare(x.astype(f64), y.astype(f64))])

BITS = rng.random((6, 9)) < 0.5
x, y = normal(6, 9, dtype=bf16), normal(6, 9, dtype=bf16)
select = "%y0 = arith.select %x0, %x1, %x2 : tensor<6x9xi1>, tensor<6x9xbf16>"
case("select_tiles", select, [BITS, x, y], [np.where(BITS, x, y)])
body = "%f = arith.constant false\n%y0 = arith.select %f, %x0, %x1 : tensor<6x9xbf16>"
case("select_by_scalar", body, [x, y], [y])
body = "%z = arith.andi %x0, %x1 : tensor<6x9xi1>\n%y0 = arith.xori %z, %x0 : tensor<6x9xi1>"
case("logic_i1", body, [BITS, ~BITS | (x > 0)], [(BITS & (~BITS | (x > 0))) ^ BITS])
x = normal(4, 4, dtype=f32)
case("bitcast", "%y0 = arith.bitcast %x0 : tensor<4x4xf32> to tensor<4x4xi32>", [x], [x.view(i32)])
x = np.array([-2.5, 3.99, 0.0, -0.0, 1e6])
case("fptosi", "%y0 = arith.fptosi %x0 : tensor<5xf64> to tensor<5xi32>", [x], [x.astype(i32)])
x = normal(6, 3, dtype=bf16) * bf16(20)
case("fptosi_bf16", "%y0 = arith.fptosi %x0 : tensor<6x3xbf16> to tensor<6x3xi64>", [x], [x.astype(f64).astype(i64)])

EDGE = {i32: [0, 1, -1, 7, -7, 2**31 - 1, -(2**31)], i64: [0, 1, -1, 7, -7, 2**63 - 1, -(2**63)]}
with np.errstate(all="ignore"):
    for dtype, edges in EDGE.items():
        x, y = (np.ascontiguousarray(v) for v in np.meshgrid(np.array(edges, dtype), np.array(edges, dtype)))
        ux, uy = x.view(f"u{x.itemsize}"), y.view(f"u{y.itemsize}")
        toward_zero = np.where(y == 0, 0, x - np.fmod(x, np.where(y == 0, 1, y)))
        safe = np.where((y == 0) | (y == -1), 1, y)
        quotient = np.where(y == 0, 0, np.where(y == -1, -x, (x - np.fmod(x, safe)) // safe))
        for op, result in {
            "divsi": quotient.astype(dtype),
            "remsi": np.where(y == 0, 0, np.fmod(x, safe)).astype(dtype),
            "floordivsi": np.where(y == 0, 0, np.where(y == -1, -x, x // safe)).astype(dtype),
            "divui": (ux // uy).view(dtype),
            "remui": (ux % uy).view(dtype),
            "addi": x + y,
            "muli": x * y,
            "maxsi": np.maximum(x, y),
            "minui": np.minimum(ux, uy).view(dtype),
        }.items():
            case(f"{op}_{NAMES[dtype]}", f"%y0 = arith.{op} %x0, %x1 : {tile(x)}", [x, y], [result])

x = np.array([0, 5, -5, 2**31 - 1, -(2**31)], i32)
case("math_absi", "%y0 = math.absi %x0 : tensor<5xi32>", [x], [np.abs(x)])

# -- products -----------------------------------------------------------------------------------------------------

for dtype, out, tolerance in ((f64, f64, 1e-14), (f32, f32, 1e-5), (bf16, f32, 1e-5), (f16, f32, 1e-5), (i8, i32, 0)):
    for ta in (False, True):
        for tb in (False, True):
            a = integers(7, 5, dtype=i8, lo=-128, hi=128) if dtype is i8 else normal(7, 5, dtype=dtype)
            b = integers(5, 6, dtype=i8, lo=-128, hi=128) if dtype is i8 else normal(5, 6, dtype=dtype)
            c = integers(7, 6) if dtype is i8 else normal(7, 6, dtype=out)
            wide = i64 if dtype is i8 else f64
            y = (a.astype(wide) @ b.astype(wide) + c).astype(out)
            left, right = (a.T.copy() if ta else a), (b.T.copy() if tb else b)
            body = (
                f"%y0 = tegula.dot {'trans ' * ta}%x0, {'trans ' * tb}%x1 acc %x2 "
                f": {tile(left)}, {tile(right)} -> {tile(c)}"
            )
            case(f"dot_{NAMES[dtype]}_{ta:d}{tb:d}", body, [left, right, c], [y], tolerance)
a, b = normal(3, 1, 4, 5), normal(1, 2, 6, 5)
body = f"%y0 = tegula.dot %x0, trans %x1 : {tile(a)}, {tile(b)} -> tensor<3x2x4x6xf64>"
case("dot_stretched_batch", body, [a, b], [a @ b.swapaxes(-1, -2)], 1e-14)

# -- along an axis ------------------------------------------------------------------------------------------------

WITH_NAN = normal(4, 6, 5)
WITH_NAN[1, 2, 3] = np.nan
WITH_NAN[2, :, 0] = -np.inf
REDUCE = {"add": np.sum, "max": np.max, "min": np.min}
for kind, along in REDUCE.items():
    for axis in range(3):
        x = WITH_NAN
        y = along(x, axis)
        body = f"%y0 = tegula.reduce {kind} %x0 axis {axis} : {tile(x)} -> {tile(y)}"
        case(f"reduce_{kind}_f64_{axis}", body, [x], [y], 1e-14)
        n = integers(4, 6, 5, dtype=i32, lo=-(2**30), hi=2**30)
        y = along(n, axis).astype(i32)
        body = f"%y0 = tegula.reduce {kind} %x0 axis {axis} : {tile(n)} -> {tile(y)}"
        case(f"reduce_{kind}_i32_{axis}", body, [n], [y])
    x = normal(3, 200, dtype=bf16)
    with np.errstate(all="ignore"):
        y = rounded(along(x.astype(f64), 1), bf16)
    body = f"%y0 = tegula.reduce {kind} %x0 axis 1 : {tile(x)} -> {tile(y)}"
    case(f"reduce_{kind}_bf16", body, [x], [y], 2**-8 if kind == "add" else 0)
x = normal(9)
body = "%y0 = tegula.reduce add %x0 axis 0 : tensor<9xf64> -> tensor<f64>"
case("reduce_to_rank_0", body, [x], [np.asarray(x.sum())], 1e-14)

for axis in range(3):
    ties = integers(4, 6, 5, dtype=i32, lo=0, hi=3)
    for x in (WITH_NAN, ties, ties.astype(bf16)):
        y = np.argmax(x.astype(f64) if x.dtype == bf16 else x, axis).astype(i32)
        body = f"%y0 = tegula.argmax %x0 axis {axis} : {tile(x)} -> {tile(y)}"
        case(f"argmax_{elem(x)}_{axis}", body, [x], [y])

SCAN: dict[str, tuple[Callable[..., Array], float]] = {
    "add": (np.cumsum, 0.0),
    "max": (np.maximum.accumulate, -np.inf),
    "min": (np.minimum.accumulate, np.inf),
}
for kind, (running, neutral) in SCAN.items():
    for axis in range(3):
        for reverse in (False, True):
            for exclusive in (False, True):
                x = WITH_NAN
                flipped = np.flip(x, axis) if reverse else x
                y = running(flipped, axis)
                if exclusive:
                    y = np.concatenate([np.full_like(y.take([0], axis), neutral), np.delete(y, -1, axis)], axis)
                y = np.ascontiguousarray(np.flip(y, axis) if reverse else y)
                flags = " reverse" * reverse + " exclusive" * exclusive
                body = f"%y0 = tegula.scan {kind} %x0 axis {axis}{flags} : {tile(x)}"
                case(f"scan_{kind}_{axis}_{reverse:d}{exclusive:d}", body, [x], [y], 1e-14)
x = normal(2, 50, dtype=bf16)
y = rounded(np.cumsum(x.astype(f32), 1), bf16)
case("scan_bf16", f"%y0 = tegula.scan add %x0 axis 1 : {tile(x)}", [x], [y])
x = integers(8, dtype=i64)
body = "%y0 = tegula.scan min %x0 axis 0 exclusive : tensor<8xi64>"
case("scan_i64", body, [x], [np.concatenate([[2**63 - 1], np.minimum.accumulate(x)[:-1]]).astype(i64)])

# -- shapes -------------------------------------------------------------------------------------------------------

x = normal(3, 1, dtype=bf16)
y = np.ascontiguousarray(np.broadcast_to(x[None, :, None, :], (2, 3, 4, 5)))
case("broadcast", f"%y0 = tegula.broadcast %x0 dims [1, 3] : {tile(x)} -> {tile(y)}", [x], [y])
x = normal(2, 3, 4)
y = np.ascontiguousarray(x.transpose(2, 0, 1))
case("transpose", f"%y0 = tegula.transpose %x0 perm [2, 0, 1] : {tile(x)} -> {tile(y)}", [x], [y])
y = x.reshape(4, 1, 6)
case("reshape", f"%y0 = tegula.reshape %x0 : {tile(x)} -> {tile(y)}", [x], [y])
one = normal(1, 1)
case("reshape_to_rank_0", "%y0 = tegula.reshape %x0 : tensor<1x1xf64> -> tensor<f64>", [one], [one.reshape(())])
a, b, c = BITS[:, :2].copy(), BITS[:, 2:3].copy(), BITS[:, 3:].copy()
body = f"%y0 = tegula.concat axis 1 (%x0, %x1, %x2) : {tile(a)}, {tile(b)}, {tile(c)} -> {tile(BITS)}"
case("concat_i1", body, [a, b, c], [BITS])
x = normal(5, 8, 6)
y = np.ascontiguousarray(x[1, 1:8:3, 2:6])
body = f"%y0 = tensor.extract_slice %x0[1, 1, 2] [1, 3, 4] [1, 3, 1] : {tile(x)} to {tile(y)}"
case("slice_with_strides_and_dropped_axis", body, [x], [y])
for dtype in (i32, i64):
    body = f"%s = arith.constant -5 : index\n%y0 = tegula.iota %s : tensor<11x{NAMES[dtype]}>"
    case(f"iota_{NAMES[dtype]}", body, [], [np.arange(-5, 6).astype(dtype)])
body = "%s = arith.constant 1.25 : bf16\n%t = arith.addf %s, %s : bf16\n%y0 = tensor.splat %t : tensor<3x2xbf16>"
case("splat", body, [], [np.full((3, 2), 2.5, bf16)])
body = (
    "%s = tensor.extract %x0[%c0, %one] : tensor<2x3xf64>\n%t = arith.addf %s, %s : f64\n"
    "%y0 = tensor.from_elements %s, %t, %s, %t : tensor<2x2xf64>"
)
x = normal(2, 3)
s = x[0, 1]
case("extract_and_from_elements", body, [x], [np.array([[s, 2 * s], [s, 2 * s]])])
body = (
    "%a = arith.constant dense<[[1.5, -2.0], [0.0, 3.0]]> : tensor<2x2xbf16>\n"
    "%y0 = arith.addf %a, %a : tensor<2x2xbf16>\n"
    "%y1 = arith.constant dense<[true, false, true]> : tensor<3xi1>\n"
    "%y2 = arith.constant dense<[-1, 7]> : tensor<2xi64>\n"
    "%y3 = arith.constant dense<4.5> : tensor<f64>\n%y4 = arith.constant dense<true> : tensor<2xi1>"
)
constants: list[Array] = [np.array([[3, -4], [0, 6]], bf16), np.array([True, False, True]), np.array([-1, 7])]
case("constants", body, [], [*constants, np.asarray(4.5), np.array([True, True])])

# -- control flow -------------------------------------------------------------------------------------------------

T23 = "tensor<2x3xf64>"
a, b = normal(2, 3), normal(2, 3)
for order, sequence in (("", [2, 5, 8]), (" order down", [8, 5, 2])):
    expected = a
    for position in sequence:
        expected = expected * 0.5 + position
    body = f"""%lo = arith.constant 2 : index
%hi = arith.constant 9 : index
%h = arith.constant dense<0.5> : {T23}
%y0 = tegula.stream %n = %lo to %hi step 3{order} iter_args(%c = %x0) -> ({T23}) {{
  %i = arith.index_cast %n : index to i64
  %f = arith.sitofp %i : i64 to f64
  %s = tensor.splat %f : {T23}
  %m = arith.mulf %c, %h : {T23}
  %r = arith.addf %m, %s : {T23}
  tegula.yield %r : {T23}
}}"""
    case(f"stream{order.replace(' ', '_')}", body, [a], [expected], 1e-15)
    # Carried values that change places, a scalar among them, and nothing to do.
    body = f"""%lo = arith.constant 2 : index
%hi = arith.constant 9 : index
%z = arith.constant 0 : i64
%y0, %k, %y1 = tegula.stream %n = %lo to %hi step 3{order} iter_args(%c = %x0, %j = %z, %d = %x1)
    -> ({T23}, i64, {T23}) {{
  %o = arith.constant 10 : i64
  %t = arith.muli %j, %o : i64
  %i = arith.index_cast %n : index to i64
  %u = arith.addi %t, %i : i64
  tegula.yield %d, %u, %c : {T23}, i64, {T23}
}}
%y2 = tensor.from_elements %k : tensor<1xi64>
%y3 = tegula.stream %n = %hi to %lo step 3{order} iter_args(%c = %x0) -> ({T23}) {{
  tegula.yield %x1 : {T23}
}}"""
    digits = int("".join(map(str, sequence)))
    case(f"stream_swap{order.replace(' ', '_')}", body, [a, b], [b, a, np.array([digits]), a])
body = f"""%f = tensor.extract %x2[] : tensor<i1>
%y0, %k, %y1 = scf.if %f -> ({T23}, index, {T23}) {{
  %s = arith.addf %x0, %x1 : {T23}
  scf.yield %s, %one, %x0 : {T23}, index, {T23}
}} else {{
  scf.yield %x1, %c0, %x1 : {T23}, index, {T23}
}}
%i = arith.index_cast %k : index to i64
%y2 = tensor.from_elements %i : tensor<1xi64>"""
case("if_true", body, [a, b, np.asarray(True)], [a + b, a, np.array([1])])
case("if_false", body, [a, b, np.asarray(False)], [b, b, np.array([0])])
body = f"""%three = arith.constant 3 : index
%y0 = scf.for %i = %c0 to %three step %one iter_args(%c = %x0) -> ({T23}) {{
  %r = scf.for %j = %c0 to %i step %one iter_args(%d = %c) -> ({T23}) {{
    %s = arith.addf %d, %x1 : {T23}
    scf.yield %s : {T23}
  }}
  %t = arith.subf %r, %c : {T23}
  scf.yield %t : {T23}
}}"""
expected = a
for i in range(3):
    inner = expected
    for _ in range(i):
        inner = inner + b
    expected = inner - expected
case("nested_for", body, [a, b], [expected], 1e-15)

# -- running softmax ----------------------------------------------------------------------------------------------


def weighted(w: Array, v: Array, mult: Array | None = None) -> tuple[Array, Array, Array]:
    """m, l, acc of rows of log-weights."""
    m = w.max(1)
    base = np.where(np.isneginf(m), 0, m)
    p = np.exp(w - base[:, None]) * (1 if mult is None else mult)
    return m, p.sum(1), p @ v


STATE = "!tegula.softmax<5x4xf64>"
X, V = normal(5, 7) * 4, normal(7, 4)
X[1] = -np.inf
X[2, 3] = np.inf * 0
X[3, ::2] = -np.inf
MULT = normal(5, 7)
X2, V2 = normal(5, 7) * 4, normal(7, 4)
X2[4] = -np.inf
BOTH, BOTH_V = np.concatenate([X, X2], 1), np.concatenate([V, V2])
UPDATE = f"""%s0 = tegula.softmax_init : {STATE}
%c = arith.constant 0.5 : f64
%s1 = tegula.softmax_update %s0, %x0, %x1 scale %c : f64 : {STATE}, tensor<5x7xf64>, tensor<7x4xf64>
"""
PARTS = f" : {STATE}"
with np.errstate(all="ignore"):
    case("softmax_one", f"{UPDATE}%y0, %y1, %y2 = tegula.softmax_parts %s1{PARTS}", [X, V], weighted(X / 2, V), 1e-13)
    body = (
        f"{UPDATE}%s2 = tegula.softmax_update %s1, %x2, %x3 scale %c : f64 : {STATE}, tensor<5x7xf64>, "
        f"tensor<7x4xf64>\n%y0, %y1, %y2 = tegula.softmax_parts %s2{PARTS}"
    )
    case("softmax_two", body, [X, V, X2, V2], weighted(BOTH / 2, BOTH_V), 1e-13)
    body = (
        f"{UPDATE}%s2 = tegula.softmax_update %s0, %x2, %x3 scale %c : f64 : {STATE}, tensor<5x7xf64>, "
        f"tensor<7x4xf64>\n%s3 = tegula.softmax_merge %s1, %s2 : {STATE}\n"
        f"%y0, %y1, %y2 = tegula.softmax_parts %s3{PARTS}"
    )
    case("softmax_merge", body, [X, V, X2, V2], weighted(BOTH / 2, BOTH_V), 1e-13)
    body = (
        f"{UPDATE}%a = tegula.softmax_merge %s1, %s0 : {STATE}\n%b = tegula.softmax_merge %s0, %a : {STATE}\n"
        f"%y0, %y1, %y2 = tegula.softmax_parts %b{PARTS}"
    )
    case("softmax_unit_of_merge", body, [X, V], weighted(X / 2, V), 1e-13)
    body = (
        f"%s0 = tegula.softmax_init : {STATE}\n%s1 = tegula.softmax_update %s0, %x0, %x1 mult %x2 : tensor<5x7xf64> "
        f": {STATE}, tensor<5x7xf64>, tensor<7x4xf64>\n%y0, %y1, %y2 = tegula.softmax_parts %s1{PARTS}"
    )
    case("softmax_mult", body, [X, V, MULT], weighted(X, V, MULT), 1e-13)
    m, total, acc = weighted(X / 2, V)
    out = np.where(total[:, None] == 0, 0, acc / total[:, None])
    lse = np.where(total == 0, -np.inf, m + np.log(total))
    finish = f"tegula.softmax_finish %s1 : {STATE} -> tensor<5x4xf64>, tensor<5xf64>"
    case("softmax_finish", f"{UPDATE}%y0, %y1 = {finish}", [X, V], [out, lse], 1e-13)
    body = f"%s1 = tegula.softmax_state %x0, %x1, %x2 : {STATE}\n%y0, %y1 = {finish}"
    case("softmax_state", body, [m, total, acc], [out, lse], 1e-13)
    body = f"""%s0 = tegula.softmax_init : {STATE}
%s1 = tegula.softmax_state %x2, %x3, %x4 : {STATE}
%two = arith.constant 2 : index
%a, %b = tegula.stream %n = %c0 to %two step 1 iter_args(%s = %s0, %t = %s1) -> ({STATE}, {STATE}) {{
  %u = tegula.softmax_update %s, %x0, %x1 : {STATE}, tensor<5x7xf64>, tensor<7x4xf64>
  tegula.yield %t, %u : {STATE}, {STATE}
}}
%y0, %y1, %y2 = tegula.softmax_parts %a{PARTS}
%y3, %y4, %y5 = tegula.softmax_parts %b{PARTS}"""
    first = weighted(X2, V2)
    again = weighted(np.concatenate([X, X2], 1), BOTH_V)
    case("softmax_states_that_swap", body, [X, V, *first], [*weighted(X, V), *again], 1e-13)
    # 16-bit values: the sum takes p, the accumulator p rounded to the values' type.
    x, v = normal(3, 40, dtype=f32), normal(40, 2, dtype=bf16)
    p = np.exp(x.astype(f64) - x.max(1).astype(f64)[:, None])
    near = rounded(p, bf16).astype(f64)
    body = (
        "%s0 = tegula.softmax_init : !tegula.softmax<3x2xf32>\n%s1 = tegula.softmax_update %s0, %x0, %x1 : "
        "!tegula.softmax<3x2xf32>, tensor<3x40xf32>, tensor<40x2xbf16>\n"
        "%y0, %y1, %y2 = tegula.softmax_parts %s1 : !tegula.softmax<3x2xf32>"
    )
    sums = p.sum(1).astype(f32), (near @ v.astype(f64)).astype(f32)
    case("softmax_bf16_values", body, [x, v], [x.max(1), *sums], 3e-6)


STRUCTURED = {name: c for name, c in CASES.items() if name.startswith("softmax")}


@pytest.fixture(scope="module")
def kernels() -> Loaded:
    return load("\n".join(c.text() for c in CASES.values()), "tegula-to-loops")


@pytest.fixture(scope="module")
def decomposed_kernels() -> Loaded:
    return load("\n".join(c.text() for c in STRUCTURED.values()), "tegula-decompose,tegula-to-loops")


@pytest.mark.parametrize("name", CASES)
def test_op(kernels: Loaded, name: str) -> None:
    CASES[name].run(kernels)


@pytest.mark.parametrize("name", STRUCTURED)
def test_decomposed_op(decomposed_kernels: Loaded, name: str) -> None:
    CASES[name].run(decomposed_kernels)
