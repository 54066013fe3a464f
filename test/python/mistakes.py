# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Kernels with one mistake each, and what their error must say: `# <-` marks the line that it must point to."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tegula as tg
from fake_backend import FakeBackend
from tegula import In, Out, f64
from tegula.errors import (
    TegulaError,
)

X = In[f64, "N"]
Y = Out[f64, "N"]
XM = In[f64, "M $K"]
YM = Out[f64, "M $K"]


@dataclass
class Case:
    kernel: tg.Kernel
    error: type[TegulaError]
    text: str
    args: tuple[Any, ...]
    marked: bool


def vector(n: int = 10) -> np.ndarray:
    return np.zeros(n)


class Mistakes:
    """The cases of a file, in order."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def __call__(
        self, error: type[TegulaError], text: str, *args: Any, marked: bool = True
    ) -> Callable[[Any], tg.Kernel]:
        """Enters a kernel as a case; arguments are two vectors unless given."""

        def enter(f: Any) -> tg.Kernel:
            kernel = f if isinstance(f, tg.Kernel) else tg.kernel(f)
            self.cases.append(Case(kernel, error, text, args or (vector(), vector()), marked))
            return kernel

        return enter


def matrices() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((4, 8)), np.zeros((4, 8))


def marked_line(case: Case, error: TegulaError, helpers: tuple[Any, ...]) -> int:
    """The line of the file that `# <-` marks: in the kernel, or in the helper that the error names."""
    for code in (f.__code__ for f in (case.kernel.fn, *helpers)):
        if error.sites[0].function in (code.co_name, "<listcomp>"):
            lines = sorted({line for _, _, line in code.co_lines() if line})
            for line in range(code.co_firstlineno, lines[-1] + 6):
                if "# <-" in linecache.getline(code.co_filename, line):
                    return line
    raise AssertionError(f"no mark for {error}")


def shows(case: Case, *helpers: Any) -> None:
    """The mistake is shown as it should; `helpers` are functions that a mark may be in."""
    file = case.kernel.fn.__code__.co_filename
    with pytest.raises(TegulaError) as caught:
        case.kernel.on(FakeBackend())(*case.args)
    error = caught.value
    assert type(error) is case.error, error
    assert case.text in error.message
    if case.marked:
        assert error.line == marked_line(case, error, helpers), str(error)
        assert error.file == file
        shown = linecache.getline(file, error.line).rstrip("\n")
        lines = str(error).split("\n")
        assert lines[1] == f" --> {error.file}:{error.line}:{error.column}"
        assert lines[2].endswith(f" | {shown}")
        assert lines[3].startswith("      | ") and lines[3].strip("| ").strip("^") == ""
