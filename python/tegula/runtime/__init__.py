# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler and its runtime: `libtegula` behind the protocol of `tegula._compiler.backend`.

Pure Python over the C interface (`include/tegula-c/tegula.h`) through `ctypes`: one wheel serves
every CPython, and no LLVM is installed.
"""

from __future__ import annotations

from functools import lru_cache

from tegula.runtime.backend import LibraryBackend
from tegula.runtime.library import Library, find_library

__all__ = ["Library", "LibraryBackend", "backend", "find_library"]


@lru_cache(maxsize=1)
def backend() -> LibraryBackend:
    """The backend of this installation; the library is loaded at the first call."""
    return LibraryBackend(Library(find_library()))
