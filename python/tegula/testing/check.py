# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Does an operator compute what its formula says, as exactly as its precision can?

The formula is an *oracle*: a NumPy function. The operator may err as much as the same formula does in
the input's precision. Rows are the last axis of an output. For row i

* r_i is the root mean square (RMS) error of the oracle when it rounds to the input dtype after every
  array operation (`Rounded`);
* c_i is the RMS, over some draws, of oracle(x·(1 + δ)) - oracle(x) in float64, |δ| ≤ ½ eps of the
  input dtype (f32: 4 eps): what the rounding of the inputs is worth, which grows with the logits of a
  softmax;
* t_i = 2 max(r_i, c_i) + ulp(largest magnitude of the row).

For 16-bit inputs the RMS error of each row is at most t_i; where a row is a combination of few rows (`rank`), it is
the mean of as few errors, and t_i grows by 1 + 2 / sqrt(rank). For f32 rows are pooled: t is 2 max over all r_i and
c_i, plus 2 ulp of the largest magnitude. No element errs by more than 6 t, with the t of full rank. f64 agrees to
1e-12 of the row's largest magnitude (or 2 c_i, if the formula amplifies rounding that much). NaN and
infinities are exactly where the oracle has them.

The check checks itself: it must reject an output of zeros, and one with two rows swapped. An oracle
that is zero, or whose rows are all alike, cannot show anything and needs other inputs.
"""

from __future__ import annotations

import functools
import inspect
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from typing import cast as typed

import numpy as np
from numpy.typing import NDArray

from tegula._frontend.simulation import simulate
from tegula.errors import LaunchError
from tegula.language.annotations import Access, ViewSpec
from tegula.language.dtypes import DType
from tegula.testing.numpy_language.binding import as_array, is_kernel, parameters
from tegula.testing.numpy_language.numerics import Numerics, dtype_of_array, memory_dtype
from tegula.testing.numpy_language.rebind import is_launchable
from tegula.testing.rounding import Rounded

Array = NDArray[Any]


class CheckFailed(AssertionError):
    """The operator differs from its oracle, or the check could not have noticed if it did."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one output compares: the largest error as a share of what is allowed (at most 1 passes)."""

    name: str
    row: float
    element: float
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether the output is accepted."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found: one verdict per output, and the seed of its draws."""

    verdicts: tuple[Verdict, ...]
    seed: int

    def __str__(self) -> str:
        shares = ", ".join(
            f"{v.name}: rows {v.row:.2f}, elements {v.element:.2f} of the allowance" for v in self.verdicts
        )
        return f"{shares} (seed {self.seed})"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an output may differ by: exact values, and an error per row."""

    exact: Array  # float64, rows × columns
    rows: Array  # t_i
    out: np.dtype[Any]
    slack: float = 1.0  # how many t_i the RMS of a row may be

    def judge(self, result: Any, name: str) -> Verdict:
        """Compares an output."""
        got = np.asarray(result).astype(np.float64).reshape(self.exact.shape)
        with np.errstate(all="ignore"):
            want = self.exact.astype(self.out).astype(np.float64)  # beyond the dtype's range it is an infinity
        odd = ~np.isfinite(want)
        same = np.where(np.isnan(want), np.isnan(got), got == want)
        if not same[odd].all() or not np.isfinite(got[~odd]).all():
            r, c = np.argwhere(np.where(odd, ~same, ~np.isfinite(got)))[0]
            return Verdict(
                name, np.inf, np.inf, f"{name}: row {r} column {c} is {got[r, c]}, expected {self.exact[r, c]}"
            )
        error = np.where(odd, 0.0, np.abs(got - np.where(odd, 0.0, self.exact)))
        rms = _row_rms(error, ~odd)
        by_row, by_element = _share(rms, self.slack * self.rows), _share(error, 6 * self.rows[:, None])
        worst_row, worst_element = by_row.max(initial=0.0), by_element.max(initial=0.0)
        message = ""
        if worst_row > 1:
            r = int(by_row.argmax())
            message = f"{name}: RMS error of row {r} is {rms[r]:.3g}, allowed {self.slack * self.rows[r]:.3g}"
        elif worst_element > 1:
            r, c = np.unravel_index(int(by_element.argmax()), error.shape)
            allowed = f"allowed error {6 * self.rows[r]:.3g}"
            message = f"{name}: row {r} column {c} is {got[r, c]:.8g}, expected {self.exact[r, c]:.8g}, {allowed}"
        return Verdict(name, float(worst_row), float(worst_element), message)


def _share(error: Array, allowed: Array) -> Array:
    """error / allowed, with 0 / 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error == 0, 0.0, error / allowed)


def _row_rms(x: Array, where: Array) -> Array:
    """RMS of each row over the elements that count."""
    count = np.maximum(where.sum(axis=-1), 1)
    scale = np.abs(np.where(where, x, 0)).max(axis=-1, keepdims=True, initial=0.0)  # squares do not overflow
    unit = np.where(where, x, 0) / np.where(scale == 0, 1, scale)
    return np.sqrt((unit * unit).sum(axis=-1) / count) * scale[..., 0]


def _rows(x: Any) -> Array:
    data = np.asarray(x, np.float64)
    if data.ndim == 0:
        return data.reshape(1, 1)
    return data.reshape(-1, data.shape[-1]) if data.size else data.reshape(0, 1)


def _ulp(magnitude: Array, dtype: np.dtype[Any]) -> Array:
    """Spacing of numbers of a dtype at a magnitude."""
    info = _finfo(dtype)
    floor = np.maximum(magnitude, float(info.smallest_normal))
    return 2.0 ** np.floor(np.log2(floor)) * float(info.eps)


def _finfo(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return typed("Any", np.finfo)(dtype)
    import ml_dtypes

    return typed("Any", ml_dtypes.finfo)(dtype)


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(typed("Any", x)) if isinstance(x, tuple | list) else (x,)


def _float_inputs(inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Arrays among the inputs as NumPy arrays."""
    arrays = {k: as_array(v, k) for k, v in inputs.items() if isinstance(v, np.ndarray) or hasattr(v, "__dlpack__")}
    return {k: v for k, v in arrays.items() if _is_float(v)}


def _is_float(x: Array) -> bool:
    dtype = dtype_of_array(x)
    return dtype is not None and dtype.is_float


def allowances(
    oracle: Callable[..., Any],
    inputs: Mapping[str, Any],
    dtype: np.dtype[Any],
    outs: tuple[np.dtype[Any], ...],
    rng: np.random.Generator,
    draws: int = 8,
    rank: int | None = None,
) -> tuple[Allowance, ...]:
    """What each output of the oracle may differ by, for inputs of `dtype`."""
    floats = _float_inputs(inputs)
    plain = {k: as_array(v, k) if hasattr(v, "__dlpack__") else v for k, v in inputs.items()}

    def run(replace: Mapping[str, Any]) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return tuple(_rows(np.asarray(y)) for y in _tuple(oracle(**{**plain, **replace})))

    exact = run({k: v.astype(np.float64) for k, v in floats.items()})
    rounded = run({k: Rounded.of(v, dtype) for k, v in floats.items()})
    eps = float(_finfo(dtype).eps)
    delta = 0.5 * eps if dtype.itemsize <= 2 else 4 * eps
    squares = [np.zeros(len(y)) for y in exact]
    for _ in range(draws):
        moved = run({k: _moved(v, rng.uniform(-delta, delta, v.shape)) for k, v in floats.items()})
        for total, x, y in zip(squares, moved, exact, strict=True):
            total += _difference(x, y) ** 2 / draws
    if len(exact) != len(outs):
        raise CheckFailed(f"the oracle gives {len(exact)} results, the operator {len(outs)}")
    return tuple(
        _allowance(y, _difference(r, y), np.sqrt(c), dtype, out, rank)
        for y, r, c, out in zip(exact, rounded, squares, outs, strict=True)
    )


def _moved(x: Array, by: Array) -> Array:
    """x·(1 + by) in float64; the largest numbers of a dtype stand for infinity and stay."""
    exact = x.astype(np.float64)
    huge = np.abs(exact) > float(_finfo(x.dtype).max) / 2
    return np.where(huge, exact, exact * (1 + np.where(huge, 0, by)))


def _difference(x: Array, y: Array) -> Array:
    """Row RMS of x - y where both are finite."""
    both = np.isfinite(x) & np.isfinite(y)
    return _row_rms(np.where(both, x, 0) - np.where(both, y, 0), both)


def _allowance(
    exact: Array, r: Array, c: Array, dtype: np.dtype[Any], out: np.dtype[Any], rank: int | None
) -> Allowance:
    size = np.abs(np.where(np.isfinite(exact), exact, 0)).max(axis=-1, initial=0.0)
    if dtype == np.float64:
        return Allowance(exact, np.maximum(1e-12 * size, 2 * c), out)
    if dtype.itemsize <= 2:
        slack = 1 + 2 / np.sqrt(rank) if rank else 1.0
        return Allowance(exact, 2 * np.maximum(r, c) + _ulp(size, out), out, slack)
    one = 2 * np.maximum(r, c).max(initial=0.0) + 2 * _ulp(size.max(initial=0.0), out)
    return Allowance(exact, np.full(len(exact), one), out)


def _controls(allowed: Allowance, result: Array, name: str) -> str:
    """Faults that the check must see; the text of one it does not see, else nothing."""
    with np.errstate(all="ignore"):
        want = allowed.exact.astype(allowed.out).astype(np.float64)
    finite = np.where(np.isfinite(want), want, 0)
    if np.any(finite != 0) and allowed.judge(np.where(np.isfinite(want), 0, want), name).passed:
        return f"{name}: an output of zeros would pass; the inputs show nothing"
    size = np.abs(finite).max(axis=-1, initial=0.0)
    eps = float(_finfo(allowed.out).eps)
    best, pair = 0.0, (0, 0)
    # Rows far apart are easiest to tell; comparing with a few rows finds such a pair.
    few: list[int] = np.unique(np.linspace(0, len(finite) - 1, 9).astype(int)).tolist() if len(finite) else []
    for a in few:
        apart = _row_rms(finite - finite[a], np.isfinite(want) & np.isfinite(want[a]))
        scaled = apart / np.maximum(np.maximum(size, size[a]), 1e-300)
        b = int(scaled.argmax())
        if scaled[b] > max(best, 8 * eps):
            best, pair = float(scaled[b]), (a, b)
    if best == 0.0:
        return ""  # one row, or rows that are alike
    swapped = result.copy()
    swapped[[pair[0], pair[1]]] = swapped[[pair[1], pair[0]]]
    if allowed.judge(swapped, name).passed:
        return f"{name}: rows {pair[0]} and {pair[1]} could be swapped; the inputs show too little"
    return ""


def check(
    op: Any,
    oracle: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    seed: int | None = None,
    dtype: DType | None = None,
    draws: int = 8,
    rank: int | None = None,
    controls: bool = True,
    run: Callable[..., Any] | None = None,
    targets: Sequence[str] = (),
) -> Report:
    """Compares an operator or a kernel with its oracle, by the rule at the top of this file.

        check(kernel, oracle, inputs, targets=["native", "sm_80", "gfx942"])

    Args:
        op: a function of `inputs` that returns an array or a tuple of arrays; or a kernel, whose `Out`
            arguments that `inputs` lacks are made here, sized by the names of their axes, and filled
            with NaN.
        oracle: the formula, in NumPy, of the same names; float arrays arrive as float64 (or `Rounded`).
        inputs: arguments by name: arrays (NumPy or PyTorch), numbers, anything else.
        seed: of the draws; None draws one. It is printed.
        dtype: the precision to hold the operator to; by default that of the first float array.
        draws: how many perturbations of the inputs c_i is taken over.
        rank: how many rows each row of a 16-bit result is a combination of, where these are few (a product of rank 1
            gives multiples of one row): a row's error is then a mean of few numbers, and strays as they do.
        controls: whether to also see that faulty outputs are rejected.
        run: how to call the operator, such as `Evaluation()`; by default it is simply called.
        targets: where it is run, one after the other: "native", or a GPU, in its simulator (`tegula.simulate`). By
            default it is run where calls run anyway.

    Raises:
        CheckFailed: an output differs, an input was written, or a control passed.
    """
    if seed is None:
        seed = secrets.randbits(32)
    name = getattr(op, "__name__", type(op).__name__)
    print(f"tegula.testing: check of {name} with seed={seed}", file=sys.stderr)
    floats = _float_inputs(inputs)
    if dtype is None:
        found = [dtype_of_array(v) for v in floats.values()]
        if not found or found[0] is None:
            raise CheckFailed(f"{name} has no float array among its inputs: pass dtype=")
        dtype = found[0]
    before = {k: as_array(v, k).copy() for k, v in inputs.items() if hasattr(v, "__dlpack__")}
    rng = np.random.default_rng(seed)
    allowed: tuple[Allowance, ...] = ()
    verdicts: list[Verdict] = []
    for target in targets or ("",):
        with simulate(target, seed=1 + seed % 2**16) if target not in ("", "native") else nullcontext():
            results = _call(op, inputs, run)
        for k, old in before.items():
            if as_array(inputs[k], k).tobytes() != old.tobytes():
                raise CheckFailed(f"{name} wrote its input '{k}'")
        arrays = {k: as_array(v, k) for k, v in results.items()}
        if not allowed:
            outs = tuple(v.dtype for v in arrays.values())
            allowed = allowances(oracle, inputs, memory_dtype(dtype), outs, rng, draws, rank)
        for (key, data), a in zip(arrays.items(), allowed, strict=True):
            where = f"{key} on {target}" if target else key
            verdicts.append(_verdict(name, where, _rows(data.astype(np.float64)), a, controls, seed))
    return Report(tuple(verdicts), seed)


def _verdict(name: str, key: str, rows: Array, allowed: Allowance, controls: bool, seed: int) -> Verdict:
    """How a result compares; raises CheckFailed where it does not."""
    if rows.shape != allowed.exact.shape:
        raise CheckFailed(f"{name}: {key} has {rows.shape[0]} rows of {rows.shape[1]}, expected {allowed.exact.shape}")
    verdict = allowed.judge(rows, key)
    missed = _controls(allowed, rows, key) if controls and verdict.passed else ""
    if not verdict.passed or missed:
        raise CheckFailed(f"{name}: {verdict.message or missed} (seed {seed})")
    return verdict


def _call(op: Any, inputs: Mapping[str, Any], run: Callable[..., Any] | None) -> dict[str, Any]:
    """Results by name."""
    call: Callable[..., Any] = op if run is None else functools.partial(run, op)
    function = op.__wrapped__ if is_launchable(op) else op
    if inspect.isfunction(function) and is_kernel(function):
        made = _outputs(function, inputs)
        call(**inputs, **made)
        return made
    values = _tuple(call(**inputs))
    return {f"result {i}" if len(values) > 1 else "the result": v for i, v in enumerate(values)}


def _outputs(function: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs that a kernel needs and `inputs` lacks, filled with NaN."""
    specs = {k: s for k, s in parameters(function).items() if isinstance(s, ViewSpec)}
    sizes: dict[str, int] = {}
    types: dict[str, DType] = {}
    for k, s in specs.items():
        if inputs.get(k) is None:
            continue
        data = as_array(inputs[k], k)
        found = dtype_of_array(data)
        if found is not None:
            types.setdefault(s.dtype.name, found)
        for d, n in zip(s.dims, data.shape, strict=True):
            sizes[d.name] = max(n, sizes.get(d.name, 0)) if d.stretch else n
    made: dict[str, Any] = {}
    for k, s in specs.items():
        if k in inputs or s.access is not Access.OUT:
            continue
        unknown = [d.name for d in s.dims if d.number is None and d.name not in sizes]
        dtype = Numerics(types=types).resolve(s.dtype)
        if unknown or dtype is None:
            raise LaunchError(f"output '{k}' cannot be made: nothing binds {', '.join(unknown) or s.dtype}")
        shape = [d.number if d.number is not None else sizes[d.name] for d in s.dims]
        made[k] = np.full(shape, np.nan if dtype.is_float else 0).astype(memory_dtype(dtype))
    return made
