# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""A thousand random programs: plain loops, x86 and the NumPy evaluation agree. A failure prints the reduced program.

`python -m tile_programs SEED` repeats one by hand (with this folder on PYTHONPATH).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import tegula as tg
from tegula._compiler.backend import Module, Options, default_backend
from tile_programs.draw import program
from tile_programs.form import count, source
from tile_programs.reduce import reduced, report
from tile_programs.run import OPEN_FAULTS, TARGETS, Target, arguments, difference, failure, kernel_of, outputs

PROGRAMS, BATCH = 1000, 20


@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_programs_agree(first: int) -> None:
    for seed in range(first, first + BATCH):
        drawn = program(seed)
        found = failure(drawn)
        if found is not None:
            pytest.fail(report(drawn, found), pytrace=False)


@pytest.mark.parametrize("target", [t for t in TARGETS if t.refuses], ids=lambda t: t.name)
def test_what_gpus_take(target: Target) -> None:
    """Four of five programs reach each GPU's code: a limit that refuses more is no agreement."""
    taken, drawn = 0, [p for p in map(program, range(120)) if target.takes(p)]
    for p in drawn:
        try:
            kernel_of(p).on(target.backend)(*arguments(p))
            taken += 1
        except tg.errors.CompileError as e:
            assert target.is_refusal(e), e
    assert 5 * taken >= 4 * len(drawn), f"{taken} of {len(drawn)}"


@pytest.mark.parametrize("seed", OPEN_FAULTS)
def test_open_faults(seed: int) -> None:
    """What is listed as wrong is still wrong: what is mended leaves the list and is held from then on."""
    target = next(t for t in TARGETS if t.name == ("sm_80", "gfx942")[seed % 4])
    found = failure(program(seed), (replace(target, takes=lambda _: True),))
    assert found is not None and OPEN_FAULTS[seed] in found[1], found


# ---- the generator itself


# Constructs, and how many of a thousand programs hold each at least.
CONSTRUCTS = {
    r"for \w+ in tg\.stream": 500, r"\n {8}for \w+": 60, r"order='down'": 50, r"order='any'": 50,
    r"    if \w+:": 30, r"tg\.dot\(": 100,
    r"tg\.softmax_update": 50, r"tg\.softmax_merge": 3, r"tg\.softmax_finish": 50, r"\.sum\(": 30, r"\.max\(": 30,
    r"tg\.argmax": 5, r"tg\.cumsum": 60, r"\.permute\(|\.T": 100, r"\.reshape": 40, r"tg\.concat": 40,
    r"\w\[\d*:\d": 20, r"tg\.where": 80, r"\.valid": 10, r"\.shift\(": 100, r"\.clip\(": 100, r"pad=": 100,
    r"tg\.exp\(": 10, r"\[i64": 100, r"\[i1": 100, r"\.to\(i8\)": 5, r"u64\)": 3,
    r"tg\.load\(\w+, \(.*\bv\d+": 40, r"tg\.store\(\w+, \((.*, )?j\d+,": 40, r"tg\.segment_sum": 40,
    r"tg\.segment_ids": 15, r"tg\.low_rank_dot": 20, r"tg\.fft": 20, r"tg\.ifft": 10, r"keep=\(": 5, r"rows=": 5,
    r"tg\.reduce_store\(.*ordered": 20, r"tg\.reduce_store\(.*atomic": 20,
}  # fmt: skip


def test_what_is_drawn() -> None:
    texts = [source(program(seed)) for seed in range(PROGRAMS)]
    for construct, least in CONSTRUCTS.items():
        holds = sum(re.search(construct, text) is not None for text in texts)
        assert holds >= least, f"{construct} in {holds} programs"
    drawn = [program(seed) for seed in range(100)]
    assert {p.dtype for p in drawn} == {"f64", "f32", "bf16", "f16"}
    layouts = {a.layout for p in drawn for a in p.arguments}
    assert layouts == {"dense", "transposed", "strided", "rows", "offset", "reversed", "broadcast"}
    assert program(7) == program(7) != replace(program(8), seed=7)


def test_arguments_do_not_change() -> None:
    drawn = program(3)
    for a, b in zip(arguments(drawn), arguments(drawn), strict=True):
        np.testing.assert_array_equal(a.astype(np.float64), b.astype(np.float64))


# ---- a target that is wrong is found, and the program that shows it is small


class Wrong:
    """Plain loops, of a program in which every float sum has become a difference."""

    def compile(self, text: str, target: str, options: Options, /) -> Module:
        wrong = text.replace('"arith.addf"', '"arith.subf"')
        return default_backend().compile(wrong, target, replace(options, path="loops"))

    def emit(self, text: str, target: str, level: str, options: Options, /) -> str:
        raise NotImplementedError


def test_a_wrong_target_is_found_and_its_program_reduced() -> None:
    targets = (Target("wrong", Wrong()),)
    wrong = ((p, f) for p, f in ((program(s), failure(program(s), targets)) for s in range(60)) if f is not None)
    drawn, found = next((p, f) for p, f in wrong if count(p.body) > 12)
    assert found[0] == "wrong"
    text = report(drawn, found, targets)
    small = text[text.index("@tg.kernel") :]
    assert f"seed {drawn.seed}" in text and "reduced from" in text
    assert re.search(r" \+ |softplus|log_sigmoid|sum", small)
    assert small.count("\n") <= 14, text
    assert failure(drawn) is None


def test_reduction_keeps_what_matters() -> None:
    drawn = next(p for p in map(program, range(500)) if "tg.tanh" in source(p) and count(p.body) > 15)
    small = reduced(drawn, lambda p: "tg.tanh" in source(p))
    assert count(small.body) <= 8 < count(drawn.body)
    assert "tg.tanh" in source(small) and failure(small) is None


def test_differences() -> None:
    drawn = next(p for p in map(program, range(100)) if any(a.access == "Out" and a.kind == "T" for a in p.arguments))
    name = next(a.name for a in drawn.arguments if a.access == "Out" and a.kind == "T")
    want = outputs(
        drawn, lambda *arrays: [a.fill(1) for a, b in zip(arrays, drawn.arguments, strict=True) if b.access != "In"]
    )
    assert difference(drawn, want, want) is None
    for wrong in (1.5, np.nan, np.inf):
        got = {n: x.copy() for n, x in want.items()}
        got[name].reshape(-1)[-1] = wrong
        assert (difference(drawn, got, want) or "").startswith(name)
        assert (difference(drawn, want, got) or "").startswith(name)
