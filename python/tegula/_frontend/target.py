# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`tg.target`: the facts that block sizes and programs may be chosen by."""

from __future__ import annotations

from tegula._compiler.backend import CompileFailed, Target, target_facts
from tegula._compiler.environment import environment
from tegula._frontend.trace import fail, tracing
from tegula.errors import LaunchError, StaticError


def host_target() -> Target:
    """The target that kernels are compiled for (TEGULA_TARGET). A kernel may not ask: it means one thing everywhere."""
    if tracing() is not None:
        fail(
            StaticError,
            "tg.target inside a kernel: only block sizes and programs may depend on the target; pass what follows "
            "from it as a tile parameter",
        )
    try:
        return target_facts(environment().target)
    except CompileFailed as e:
        raise LaunchError("; ".join(d.message for d in e.diagnostics)) from None
