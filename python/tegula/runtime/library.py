# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`libtegula.so` through `ctypes`: types, signatures, diagnostics as values.

A handle is an `int` (an address) here; who owns it says `backend`.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from tegula._compiler.backend import Diagnostic, Position

API_VERSION = 1

DTYPES = {
    name: code
    for code, names in enumerate(
        [("f64",), ("f32",), ("f16",), ("bf16",), ("i1",), ("i8",), ("i32",), ("i64", "u64"), ("index",)]
        + [("f8e4m3", "f8E4M3FN"), ("f8e5m2", "f8E5M2")]
    )
    for name in names
}
SEVERITIES = ("note", "remark", "warning", "error")


class CPosition(Structure):
    """`tegula_position`."""

    _fields_ = [
        ("file", c_char_p),
        ("line", c_uint32),
        ("column", c_uint32),
        ("end_line", c_uint32),
        ("end_column", c_uint32),
    ]


class COptions(Structure):
    """`tegula_options`."""

    _fields_ = [("size", c_size_t), ("target", c_char_p), ("path", c_char_p)]


class CDescriptor(Structure):
    """`tegula_descriptor`."""

    _fields_ = [
        ("dtype", c_int),
        ("rank", c_uint32),
        ("sizes", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
    ]


class CTargetFacts(Structure):
    """`tegula_target_facts`."""

    _fields_ = [
        ("size", c_size_t),
        ("on_chip_bytes", c_int64),
        ("l1_bytes", c_int64),
        ("vector_bytes", c_int64),
        ("vector_registers", c_int64),
        ("sum_bytes", c_int64),
        ("lanes", c_int64),
    ]


class CLaunchOptions(Structure):
    """`tegula_launch_options`."""

    _fields_ = [
        ("size", c_size_t),
        ("threads", c_int32),
        ("no_races", c_int32),
        ("stream", c_void_p),
        ("seed", c_uint64),
        ("has_seed", c_int32),
    ]


# Result and parameters of every function that is used.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "tegula_api_version": (c_int, []),
    "tegula_version": (c_char_p, []),
    "tegula_diagnostics_count": (c_size_t, [c_void_p]),
    "tegula_diagnostics_get": (c_void_p, [c_void_p, c_size_t]),
    "tegula_diagnostics_free": (None, [c_void_p]),
    "tegula_diagnostic_severity": (c_int, [c_void_p]),
    "tegula_diagnostic_message": (c_char_p, [c_void_p]),
    "tegula_diagnostic_site_count": (c_size_t, [c_void_p]),
    "tegula_diagnostic_site": (CPosition, [c_void_p, c_size_t]),
    "tegula_diagnostic_note_count": (c_size_t, [c_void_p]),
    "tegula_diagnostic_note": (c_void_p, [c_void_p, c_size_t]),
    "tegula_bytes_data": (c_void_p, [c_void_p]),
    "tegula_bytes_size": (c_size_t, [c_void_p]),
    "tegula_bytes_free": (None, [c_void_p]),
    "tegula_compile": (c_void_p, [c_char_p, c_size_t, c_char_p, POINTER(COptions), POINTER(c_void_p)]),
    "tegula_emit": (c_void_p, [c_char_p, c_size_t, c_char_p, c_char_p, POINTER(COptions), POINTER(c_void_p)]),
    "tegula_artifact_serialize": (c_void_p, [c_void_p, POINTER(c_void_p)]),
    "tegula_artifact_deserialize": (c_void_p, [c_char_p, c_size_t, POINTER(c_void_p)]),
    "tegula_artifact_free": (None, [c_void_p]),
    "tegula_artifact_target": (c_char_p, [c_void_p]),
    "tegula_module_load": (c_void_p, [c_void_p, POINTER(c_void_p)]),
    "tegula_module_load_on": (c_void_p, [c_void_p, c_int, POINTER(c_void_p)]),
    "tegula_module_find": (c_void_p, [c_void_p, c_char_p]),
    "tegula_module_free": (None, [c_void_p]),
    "tegula_kernel_arena_bytes": (ctypes.c_uint64, [c_void_p]),
    "tegula_prepare": (c_void_p, [c_void_p, POINTER(CDescriptor), c_size_t, POINTER(c_void_p)]),
    "tegula_launch": (c_void_p, [c_void_p, c_char_p, c_int]),
    "tegula_launch_with": (c_void_p, [c_void_p, c_char_p, POINTER(CLaunchOptions)]),
    "tegula_target_describe": (c_void_p, [c_char_p, c_void_p, POINTER(c_void_p)]),
    "tegula_gpu_open": (c_void_p, [c_char_p, c_int, POINTER(c_void_p)]),
    "tegula_gpu_target": (c_char_p, [c_void_p]),
    "tegula_gpu_free": (None, [c_void_p]),
    "tegula_record_free": (None, [c_void_p]),
}


def find_library() -> Path:
    """Path of `libtegula.so`: TEGULA_LIBRARY, else in this package, else a build of the checkout.

    Raises:
        ImportError: There is none, or TEGULA_LIBRARY names no file.
    """
    package = Path(__file__).resolve().parent.parent
    # style: allow(environ) it says where the compiler is, before there is one to have settings.
    given = os.environ.get("TEGULA_LIBRARY")
    if given:
        if not Path(given).is_file():
            raise ImportError(f"TEGULA_LIBRARY names no file: {given}")
        return Path(given)
    build = package.parent.parent / "build"
    places = [package / "lib", build / "release" / "lib", build / "dev" / "lib"]
    for place in places:
        path = place / "libtegula.so"
        if path.is_file():
            return path
    raise ImportError("libtegula.so is in none of " + ", ".join(map(str, places)) + ": build it with `make`")


class Library:
    """The loaded library. Calls release the GIL; all of them may run at the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        dll = ctypes.CDLL(str(path))
        for name, (result, parameters) in _SIGNATURES.items():
            try:
                function = getattr(dll, name)
            except AttributeError:
                raise ImportError(f"{path} has no function {name}: it is of another version") from None
            function.restype = result
            function.argtypes = parameters
        if dll.tegula_api_version() != API_VERSION:
            raise ImportError(f"{path} has interface {dll.tegula_api_version()}, this package needs {API_VERSION}")
        self.dll: Any = dll

    def diagnostics(self, handle: int | None) -> tuple[Diagnostic, ...]:
        """The messages behind a handle, which is freed."""
        if not handle:
            return ()
        dll = self.dll
        try:
            count = dll.tegula_diagnostics_count(handle)
            return tuple(self._diagnostic(dll.tegula_diagnostics_get(handle, i)) for i in range(count))
        finally:
            dll.tegula_diagnostics_free(handle)

    def _diagnostic(self, handle: int) -> Diagnostic:
        dll = self.dll
        sites: list[Any] = [
            dll.tegula_diagnostic_site(handle, i) for i in range(dll.tegula_diagnostic_site_count(handle))
        ]
        notes = [dll.tegula_diagnostic_note(handle, i) for i in range(dll.tegula_diagnostic_note_count(handle))]
        return Diagnostic(
            SEVERITIES[int(dll.tegula_diagnostic_severity(handle))],
            dll.tegula_diagnostic_message(handle).decode(errors="replace"),
            tuple(Position(s.file.decode(errors="replace"), s.line, s.column, s.end_line, s.end_column) for s in sites),
            tuple(self._diagnostic(note) for note in notes),
        )

    def call(self, name: str, *args: Any) -> tuple[int | None, tuple[Diagnostic, ...]]:
        """Calls a function that can fail: its result (None if it failed) and its diagnostics."""
        result = c_void_p()
        messages = getattr(self.dll, name)(*args, byref(result))
        return result.value, self.diagnostics(messages)

    def take_bytes(self, handle: int) -> bytes:
        """The content of a `tegula_bytes`, which is freed."""
        dll = self.dll
        try:
            return ctypes.string_at(dll.tegula_bytes_data(handle), dll.tegula_bytes_size(handle))
        finally:
            dll.tegula_bytes_free(handle)
