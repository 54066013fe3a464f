# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random tile programs: drawn, written as Python, run by every target and by the NumPy evaluation, compared, reduced.

`form` says what a program is and writes it as the text of a kernel, `draw` draws one from a seed, in `steps`
(`memory`, `values`, `products`, `states`), `run` makes its arguments and compares, `reduce` makes a failing one
small. By hand:

    python -m tile_programs 17              one program: its text, and whether all agree
    python -m tile_programs 0 1000          a range, each in a process of its own, so that a crash is a finding
"""
