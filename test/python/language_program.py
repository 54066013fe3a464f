# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa
# fmt: off
"""The language page's example of a program (section 1.4), word for word.

They are in the page's dense style, and the style checks leave this file alone. Do not edit: a test of
the language is worth something only as long as these are the page's own kernels.
"""
from language_kernels import *
from language_kernels import tg, A
@tg.program
def attention(q, k, v, *, scale: float, causal: bool = False):
    o, lse = tg.empty_like(q, shape=(*q.shape[:3], v.shape[3])), tg.empty(q.shape[:3], A)
    attention_fwd(q, k, v, o, lse, scale, right=0 if causal else None)
    return o, tg.save(q, k, v, o, lse)                    # public results, then what the derivative needs
@attention.backward
def _(saved, do, *, scale: float, causal: bool = False):
    q, k, v, o, lse = saved
    dq, dk, dv, delta = tg.empty_like(q), tg.empty_like(k), tg.empty_like(v), tg.empty_like(lse)
    row_dot(o, do, delta)
    args = dict(scale=scale, right=0 if causal else None)
    attention_dkdv(q, k, v, do, lse, delta, dk, dv, **args)
    attention_dq(q, k, v, do, lse, delta, dq, **args)
    return dq, dk, dv
