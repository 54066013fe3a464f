# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler of this installation by one of its paths, whatever the environment says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import tegula as tg
from tegula._compiler.backend import Module, Options, default_backend


@dataclass(frozen=True)
class OnPath:
    """`loops`: plain scalar loops; `sched`: the fast path."""

    path: str

    def compile(self, text: str, target: str, options: Options, /) -> Module:
        return default_backend().compile(text, target, replace(options, path=self.path))

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        return default_backend().emit(text, target, level, replace(options, path=self.path))


def kernel_on(path: str) -> Callable[[Callable[..., Any]], tg.Kernel]:
    """`tg.kernel`, for one path."""
    return lambda f: tg.kernel(f).on(OnPath(path))
