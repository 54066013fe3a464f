# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler of this installation by one of its paths, whatever the environment says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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


class OnBothPaths:
    """A kernel that runs along both paths, one after the other, with equal results; the last ones stay."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.paths = [tg.kernel(f).on(OnPath(path)) for path in ("loops", "sched")]
        self.ir = self.paths[0].ir

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        arrays = [a for a in (*args, *kwargs.values()) if isinstance(a, np.ndarray)]
        before = [a.copy() for a in arrays]
        results: list[list[np.ndarray[Any, Any]]] = []
        for kernel in self.paths:
            for a, b in zip(arrays, before):
                a[...] = b
            kernel(*args, **kwargs)
            results.append([a.copy() for a in arrays])
        for plain, fast in zip(*results):
            np.testing.assert_allclose(fast.astype(np.float64), plain.astype(np.float64), rtol=1e-12, atol=1e-14)
