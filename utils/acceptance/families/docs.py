# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Docs, examples and habits."""

from __future__ import annotations

from acceptance import PYTHON, ROOT, Points, need, pytest, run

point = Points()


@point("docs.new", "utils/new.py makes an op and a pass that build upon", cheap=False)
def _() -> str:
    return pytest("test/python/test_new.py")


@point("demo.all", "every example on real input ends well, each in under a minute", cheap=False)
def _() -> str:
    output = run(PYTHON, ROOT / "examples/demo.py", timeout=400)
    ended = [line.split("exit status 0,")[1].strip() for line in output.splitlines() if "the whole example" in line]
    seconds = [float(text.removesuffix(" s")) for text in ended]
    return need(len(seconds) == 4 and max(seconds) < 60, " ".join(ended))
