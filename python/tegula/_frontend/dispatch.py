# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The call of a kernel: one generated Python function per kernel, unrolled over its parameters.

What it looks up is the *level 0* key: dtype, shape and strides of each array, the low bits of all
addresses, presence, static values, and the target that the code around the call has chosen. The
entry is a prepared launch; only addresses and scalars are packed per call. All else goes to
`slow`, which binds, specialises, compiles and prepares.

For `f(x: In[T, "N"], y: Out[T, "N"], s: Opt[A] = None, *, B: tile = 4)` and NumPy arrays:

    def f(x, y, s=None, *extra, B=…, **unknown):            # in truth our names begin with _t_
        rec = key = None
        if intercept() is None and not extra and not unknown:
            try:
                if type(x) is ndarray and type(y) is ndarray and y.flags.writeable:
                    p0 = address of x
                    p1 = address of y
                    key = (x.dtype, x.shape, x.strides, y.dtype, …, s is None, static(B), (p0 | p1) & 15, target())
                elif … the same for torch, and for tensors on GPUs with their device …
                if key is not None:
                    rec = cache.get(key)
                    if rec is not None:
                        words = [p0, p1]
                        if s is not None: words.append(s)
                        packed = rec.pack(*words)
            except unusual: rec = None
        if rec is None: return slow(key, (x, y, s, *extra), {'B': B, **unknown})
        try: rec.launch(packed, threads())
        except launch_failed as e: raise refused(e) from None
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType
from typing import Any, cast

import numpy as np

from tegula._compiler.backend import LaunchFailed, Position, Record, SimulationFailed
from tegula._compiler.environment import TARGET, process
from tegula._frontend.signature import REQUIRED, Parameter, Signature, value_key
from tegula._frontend.trace import DISPATCH_FILE, INTERCEPT
from tegula.errors import LaunchError, Note, SimulationError, Site
from tegula.language.annotations import Access, ScalarSpec, Static, ViewSpec
from tegula.language.dtypes import DType, Kind, bf16, f16, f32, f64, i1

THREADS: ContextVar[int] = ContextVar("tegula_threads", default=process().threads)

# Level 0 holds this many prepared launches of a kernel; then it starts again.
_CAPACITY = 4096


@contextmanager
def threads(count: int) -> Generator[None]:
    """Launches inside use this many threads. Results do not depend on it."""
    if count < 1:
        raise LaunchError(f"{count} threads: at least 1")
    token = THREADS.set(count)
    try:
        yield
    finally:
        THREADS.reset(token)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A launch whose sizes are fixed: how to pack addresses and scalars, and what to call then."""

    pack: Callable[..., bytes]
    launch: Callable[[bytes, int], None]
    record: Record


# ---- packing


def slot(dtype: DType) -> str:
    """The `struct` format of a scalar in the packed block: eight bytes."""
    if dtype is f64:
        return "d"
    if dtype is f32:
        return "f4x"
    if dtype is f16:
        return "e6x"
    return "Q" if dtype.kind is Kind.UINT or dtype is bf16 else "q"


def _bf16_bits(value: float) -> int:
    bits = int(np.float32(value).view(np.uint32))
    return 0x7FC0 if value != value else (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def packer(slots: list[DType | None]) -> Callable[..., bytes]:
    """Packs one value per argument; None stands for an address."""
    form = struct.Struct("<" + "".join("Q" if d is None else slot(d) for d in slots))
    if not any(d is bf16 for d in slots):
        return form.pack

    def pack(*values: Any) -> bytes:
        return form.pack(*[_bf16_bits(v) if d is bf16 else v for d, v in zip(slots, values)])

    return pack


def check_scalar(function: str, name: str, dtype: DType, value: Any) -> None:
    """A LaunchError if the number does not fit the dtype."""
    whole = isinstance(value, int)
    if not dtype.is_float and not whole:
        raise LaunchError(f"{function}: '{name}' is {value!r}, expected an integer ({dtype})")
    if dtype is i1 and value not in (0, 1):
        raise LaunchError(f"{function}: '{name}' is {value!r}, expected a truth value")
    try:
        packer([dtype])(value)
    except (struct.error, OverflowError):
        raise LaunchError(f"{function}: '{name}' is {value!r}, out of range of {dtype}") from None


def refused(failure: LaunchFailed) -> LaunchError | SimulationError:
    """What the runtime refused, or the simulator found, as an author's error."""
    sites = [_site(p) for p in failure.sites]
    notes = [Note(n.message, _site(n.sites[0]) if n.sites else None) for n in failure.notes]
    kind = SimulationError if isinstance(failure, SimulationFailed) else LaunchError
    return kind(failure.message, sites, notes)


def _site(p: Position) -> Site:
    return Site(p.file, p.line, p.column - 1, p.end_line, p.end_column - 1)


# ---- the generated function


class Dispatch:
    """The generated function of one kernel with its level 0 cache."""

    def __init__(self, signature: Signature, slow: Callable[..., None]) -> None:
        self.cache: dict[Any, Prepared] = {}
        self._slow = slow
        self._scope: dict[str, Any] = {
            "_t_intercept": INTERCEPT.get,
            "_t_threads": THREADS.get,
            "_t_target": TARGET.get,
            "_t_launch_failed": LaunchFailed,
            "_t_unusual": (TypeError, AttributeError, RuntimeError, OverflowError, KeyError, struct.error),
            "_t_cache": self.cache,
            "_t_ndarray": np.ndarray,
            "_t_tensors": frozenset[type](),
            "_t_grad_enabled": _false,
            "_t_refused": refused,
            "_t_slow": self.slow,
            "_t_static": _static_key,
            "_t_function": _function_key,
            "_t_truth": {False: 0, True: 1},
            "_t_word": ctypes.c_size_t.from_address,
        }
        source = _source(signature, self._scope)
        exec(compile(source, DISPATCH_FILE, "exec"), self._scope)
        self.call: Callable[..., None] = self._scope[signature.function]

    def slow(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Everything that the generated function does not know."""
        torch = sys.modules.get("torch")
        if torch is not None and not self._scope["_t_tensors"] and hasattr(torch, "is_grad_enabled"):
            self._scope["_t_tensors"] = frozenset({torch.Tensor, torch.nn.Parameter})
            self._scope["_t_grad_enabled"] = torch.is_grad_enabled
        self._slow(key, args, kwargs)

    def keep(self, key: Any, prepared: Prepared) -> None:
        """Enters a prepared launch at level 0."""
        if key is None:
            return
        if len(self.cache) >= _CAPACITY:
            self.cache.clear()
        try:
            self.cache[key] = prepared
        except TypeError:  # a static value that cannot be hashed: bound afresh on every call
            pass


def _false() -> bool:
    return False


_SIMPLE = frozenset({int, str, bool, float, type(None)})


def _static_key(value: Any) -> Any:
    """`1`, `1.0` and `True` are one key to a dict, and three programs."""
    kind = cast(Any, type(value))
    return (kind, value) if kind in _SIMPLE else value_key(value)


def _function_key(value: Any) -> Any:
    """A function that captures nothing is its own key; captured values may change between calls."""
    return value if type(value) is FunctionType and value.__closure__ is None else value_key(value)


def _source(signature: Signature, scope: dict[str, Any]) -> str:
    """The text of the function. All names of ours begin with `_t_`: parameters may have any name."""
    views: list[tuple[str, ViewSpec]] = []
    prelude: list[str] = []
    for p in signature.parameters:
        for path, spec in p.views.items():
            name = path.replace(".", "__")
            if name != path:
                prelude.append(f"{name} = {path}")
            views.append((name, spec))
    addresses = [f"_t_p{i}" for i in range(len(views))]
    low_bits = f"({' | '.join(addresses) or '0'}) & 15"
    body: list[str] = []
    for kind in ("numpy", "torch", "device"):
        body.append(f"{'if' if kind == 'numpy' else 'elif'} {_condition(kind, views)}:")
        key: list[str] = []
        for address, (name, spec) in zip(addresses, views):
            code, part = _one_view(kind, name, spec, address)
            body.append(f"    {code}")
            key.append(part)
        body.append(f"    _t_key = ({', '.join([*key, *_key_tail(signature), low_bits, '_t_target()'])},)")
    positional = ", ".join(p.name for p in signature.parameters if not p.keyword_only)
    keywords = "".join(f"{p.name!r}: {p.name}, " for p in signature.parameters if p.keyword_only)
    pad = "\n                "
    return f"""\
def {signature.function}({_parameters(signature, scope)}):
    _t_rec = _t_key = None
    if _t_intercept() is None and not _t_extra and not _t_unknown:
        try:
                {pad.join([*prelude, *body])}
                if _t_key is not None:
                    _t_rec = _t_cache.get(_t_key)
                    if _t_rec is not None:
                        {_words(signature, views).replace(chr(10), pad + "        ")}
        except _t_unusual:
            _t_rec = None
    if _t_rec is None:
        return _t_slow(_t_key, ({positional}{"," if positional else ""} *_t_extra), {{{keywords}**_t_unknown}})
    try:
        _t_rec.launch(_t_packed, _t_threads())
    except _t_launch_failed as e:
        raise _t_refused(e) from None
"""


def _parameters(signature: Signature, scope: dict[str, Any]) -> str:
    """The author's parameters. Missing ones are marked, and others collected, so that binding can name them."""
    out: list[str] = []
    star = False
    scope["_t_missing"] = REQUIRED
    for p in signature.parameters:
        if p.keyword_only and not star:
            out.append("*_t_extra")
            star = True
        optional = isinstance(p.spec, (ViewSpec, ScalarSpec)) and p.spec.optional
        default = "None" if optional else "_t_missing"
        if p.default is not REQUIRED:
            default = f"_t_default_{p.name}"
            scope[default] = p.default
        out.append(f"{p.name}={default}")
    return ", ".join([*out, *(() if star else ("*_t_extra",)), "**_t_unknown"])


def _condition(kind: str, views: list[tuple[str, ViewSpec]]) -> str:
    tests: list[str] = []
    for name, spec in views:
        if kind == "numpy":
            test = f"type({name}) is _t_ndarray"
            if spec.access is not Access.IN:
                test += f" and {name}.flags.writeable"
        else:
            place = "is_cpu" if kind == "torch" else "is_cuda"
            test = f"type({name}) in _t_tensors and {name}.{place} and not {name}.is_neg()"
        tests.append(f"({name} is None or {test})" if spec.optional else test)
    if kind != "numpy" and views:
        grads = " or ".join(
            f"({n} is not None and {n}.requires_grad)" if s.optional else f"{n}.requires_grad" for n, s in views
        )
        tests.append(f"not (({grads}) and _t_grad_enabled())")
    return " and ".join(tests) or ("True" if kind == "numpy" else "False")


def _one_view(kind: str, name: str, spec: ViewSpec, address: str) -> tuple[str, str]:
    """Statement that reads the address, and the part of the key."""
    if kind == "numpy":
        read, part = _ADDRESS.format(name), f"{name}.dtype, {name}.shape, {name}.strides"
    else:
        read, part = f"{name}.data_ptr()", f"{name}.dtype, {name}.shape, {name}.stride()"
        part += f", {name}.device" if kind == "device" else ""
    if spec.optional:
        return f"{address} = 0 if {name} is None else {read}", f"None if {name} is None else ({part})"
    return f"{address} = {read}", part


def _address_expression() -> str:
    """How the address of a NumPy array is read.

    The public way builds a dictionary, 0.8 µs an array. The data pointer is the first member of the
    C struct, behind the object's head: every compiled extension relies on that. It is tried once.
    """
    public = "{0}.__array_interface__['data'][0]"
    if sys.implementation.name != "cpython":  # elsewhere id() is no address
        return public
    probe = np.ones(2)[1:]
    offset = object.__basicsize__
    if ctypes.c_size_t.from_address(id(probe) + offset).value == probe.__array_interface__["data"][0]:
        return f"_t_word(id({{0}}) + {offset}).value"
    return public


_ADDRESS = _address_expression()


def _key_tail(signature: Signature) -> list[str]:
    out: list[str] = []
    for p in signature.parameters:
        if isinstance(p.spec, ScalarSpec) and p.spec.optional:
            out.append(f"{p.name} is None")
        elif p.spec is Static.FN:
            out.append(f"_t_function({p.name})")
        elif isinstance(p.spec, Static):
            out.append(f"_t_static({p.name})")
    return out


def _words(signature: Signature, views: list[tuple[str, ViewSpec]]) -> str:
    """Statements that pack the addresses and scalars of present arguments."""
    number = {name: i for i, (name, _) in enumerate(views)}
    slots: list[tuple[str, str | None]] = []
    for p in signature.parameters:
        slots += _slots(p, number)
    if all(condition is None for _, condition in slots):
        return f"_t_packed = _t_rec.pack({', '.join(word for word, _ in slots)})"
    lead = 0
    while slots[lead][1] is None:
        lead += 1
    lines = [f"_t_words = [{', '.join(word for word, _ in slots[:lead])}]"]
    for word, condition in slots[lead:]:
        lines.append(f"_t_words.append({word})" if condition is None else f"if {condition}: _t_words.append({word})")
    return "\n".join([*lines, "_t_packed = _t_rec.pack(*_t_words)"])


def _slots(p: Parameter, number: dict[str, int]) -> list[tuple[str, str | None]]:
    """(value, condition of its presence) of each argument that a parameter stands for."""
    if isinstance(p.spec, ScalarSpec):
        word = f"_t_truth[{p.name}]" if p.spec.dtype is i1 else p.name
        return [(word, f"{p.name} is not None" if p.spec.optional else None)]
    out: list[tuple[str, str | None]] = []
    for path, spec in p.views.items():
        name = path.replace(".", "__")
        out.append((f"_t_p{number[name]}", f"{name} is not None" if spec.optional else None))
    return out
