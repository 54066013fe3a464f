# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722, F821
# pyright: basic
"""Hand-written schedules: read, attached for their target, obeyed by the compiler, and refused with the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import language_kernels as K
import numpy as np
import pytest
import tegula as tg
from tegula import A, In, Out, T, tile
from tegula._compiler.backend import resolved
from tegula.errors import ScheduleError, TegulaError

HOST = resolved("native").split("+")[0]
ROWS = """\
    all 0  kt                            pack n32t   # keys, turned
    all 0  vt                            pack n32
    all 0  s                             panel 8
    all 0  st.max+st.exp+st.sum          in place
    all 0  st.dot                        panel 8
"""


def text(rows: str = ROWS, head: str = "", target: str = HOST, lines: str = "  roles    all warps 1\n") -> str:
    return f"schedule @attention_fwd for {target} {head}\n{lines}  stream keys\n{rows}"


def attention(*schedules: str | Path) -> tg.Kernel:
    kernel = tg.kernel(K.attention_fwd.fn)
    for schedule in schedules:
        kernel.schedule(schedule)
    return kernel


def arguments(n: int = 70) -> tuple[Any, ...]:
    r = np.random.default_rng(0)
    q, k, v = (r.standard_normal((1, 2, m, 16)).astype(np.float32) for m in (33, n, n))
    return q, k, v, np.full((1, 2, 33, 16), np.nan, np.float32), np.full((1, 2, 33), np.nan, np.float32), 0.25


def ir(kernel: tg.Kernel, level: str = "generic", **kwargs: Any) -> str:
    return kernel.ir(level, *arguments(), **kwargs)


def test_rows_go_on_their_stream() -> None:
    written = ir(attention(text()))
    want = (
        '<all 0 "kt" pack_t 32>, <all 0 "vt" pack 32>, <all 0 "s" panel 8>, '
        '<all 0 "st.max" + "st.exp" + "st.sum" in_place>, <all 0 "st.dot" panel 8>'
    )
    found = re.search(r"schedule = #tegula\.schedule<\[(.*?)\]>", written)
    assert found is not None and found[1] == want, written
    assert "schedule" in ir(attention(text()), "tegula")


def test_the_compiler_obeys_and_results_stay() -> None:
    plain, planned, other = attention(), attention(text()), attention(text(ROWS.replace("panel 8", "panel 4")))
    assert ir(planned, "asm") == ir(plain, "asm")  # what the planner would have written itself
    results = []
    for kernel in (plain, planned, other):
        args = arguments()
        kernel(*args)
        results.append(args[3:5])
    for o, lse in results[1:]:
        np.testing.assert_allclose(o, results[0][0], rtol=1e-5)
        np.testing.assert_allclose(lse, results[0][1], rtol=1e-5)


def test_what_a_schedule_is_for() -> None:
    for schedule in (text(target="sm_90a"), text(head="tiles BM 64 BN 64")):
        assert "schedule" not in ir(attention(schedule))
    chosen = attention(text(target="sm_90a"), text(head="tiles BM 64 BN 32 kernel attention_x86"))
    assert "#tegula.schedule" in ir(chosen, BM=64, BN=32)
    # Labels of another target's schedule are that target's business.
    assert "schedule" not in ir(attention(text("    mma 3  q  async, turn\n", target="sm_90a", lines="")))


def test_a_file_and_what_the_tool_prints(tmp_path: Path) -> None:
    file = tmp_path / "attention.schedule"
    printed = text(head="   grid 128 1 1").replace("stream keys", "stream keys  step 64  order any")
    part = printed[printed.index("  stream") :]
    file.write_text(f"# two parts of one stream, equal\n\n{printed}{part}")
    assert ir(attention(file)) == ir(attention(text()))
    with pytest.raises(ScheduleError, match="line 3 of the schedule: it is of kernel 'attention_fwd', not of 'matmul'"):
        tg.kernel(K.matmul.fn).schedule(file)


@tg.kernel
def low_rank(x: In[T, "M $K"], u: In[T, "$K $R"], v: In[T, "$R N"], y: Out[A, "M N"], *, B: tile = 8):
    m = tg.grid((x.shape[0], B))
    k, r = tg.span(x.shape[1]), tg.span(u.shape[1])
    for n in tg.stream(0, v.shape[1], B, label="columns"):
        p = tg.low_rank_dot(
            tg.load(x, (m, k), label="xt"), tg.load(u, (k, r), label="ut"), tg.load(v, (r, n), label="vt")
        )
        tg.store(y, (m, n), p)


def test_parts_of_structured_ops() -> None:
    kernel = tg.kernel(low_rank.fn)
    rows = "\n".join(f"  all 0 {n}" for n in ("xt", "ut", "vt", "p.mid", "p.out", "store"))
    kernel.schedule(f"schedule @low_rank for {HOST}\n stream columns\n{rows}\n")
    a = [np.zeros(s, np.float32) for s in ((9, 4), (4, 2), (2, 11), (9, 11))]
    assert '<all 0 "p.mid">, <all 0 "p.out">' in kernel.ir("generic", *a)


WRONG: list[tuple[str, int, str]] = [
    ("", 1, "it begins with 'schedule @KERNEL for TARGET'"),
    ("  stream keys\n", 1, "it begins with 'schedule @KERNEL for TARGET'"),
    ("schedule attention_fwd\n", 1, "expected 'schedule @KERNEL for TARGET'"),
    (text(head="tiles BX 3"), 1, "'BX' is no block size of the kernel (it has BM, BN)"),
    (text(head="bytes 3"), 1, "'bytes' where 'tiles', 'grid' or 'kernel' is expected"),
    (f"schedule @attention_fwd for {HOST}\n    all 0 kt\n", 2, "a row before the first 'stream'"),
    (text().replace("stream keys", "stream"), 3, "expected 'stream LABEL'"),
    (text().replace("stream keys", "stream keys depth 2"), 3, "'depth' where 'step N' or 'order O' is expected"),
    (text("    kt pack n32\n"), 4, "expected 'ROLE STAGE LABEL+LABEL FLAG'"),
    (text() + "  stream keys\n    all 0 kt\n", 9, "stream 'keys' has other rows on line 3"),
    # found when a kernel is traced
    (text(ROWS.replace("  kt ", "  ktt")), 4, "label 'ktt' labels nothing in stream 'keys' (it has kt, vt, s, st.max"),
    (text(ROWS.replace("st.dot", "st")), 8, "label 'st' labels nothing in stream 'keys'"),
    (text(ROWS + "    all 0  kt\n"), 9, "label 'kt' of stream 'keys' has two rows"),
    (text(ROWS.replace("    all 0  s   ", "#")), 3, "label 's' of stream 'keys' has no row"),
    (text().replace("stream keys", "stream rows"), 3, "kernel 'attention_fwd' has no stream 'rows' (it has 'keys')"),
    (text().replace("stream keys", "stream keys step 32"), 3, "stream 'keys' has step 64, the schedule says 32"),
    (text(ROWS.replace("all 0  s", "mma 0  s")), 6, "role 'mma': the only role here is 'all'"),
    (text(ROWS.replace("in place", "async")), 7, "flag 'async' is none of pack n32, pack n32t, panel 8, in place"),
    (text(lines="  roles    load warps 1 | mma groups 2\n"), 2, f"{HOST} has one role: 'roles all warps 1'"),
    (text(lines="  channels kv tx 2 : kt vt\n"), 2, f"a channel of {HOST} is 'NAME sync 1 : LABELS'"),
]


@pytest.mark.parametrize("schedule, line, message", WRONG, ids=range(len(WRONG)))
def test_mistakes(schedule: str, line: int, message: str) -> None:
    with pytest.raises(TegulaError) as caught:
        ir(attention(schedule))
    assert type(caught.value) is ScheduleError
    assert caught.value.message.startswith(f"line {line} of the schedule: {message}"), caught.value
    assert caught.value.line == line and caught.value.file == "<schedule of attention_fwd>"
    if schedule:
        assert "^" in str(caught.value)
