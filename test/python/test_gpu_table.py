# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""The promises of docs/gpu-code.md hold for a few calls of operators, drawn anew each time."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "utils"))

import gpu_table  # noqa: E402
from gpu_table import Key, Row, broken, covers  # noqa: E402


def test_a_sample_holds(tegulac: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seed = secrets.randbits(32)
    monkeypatch.setattr(sys, "argv", ["gpu_table", "--check", "--sample=4", f"--seed={seed}", f"--tegulac={tegulac}"])
    failed = gpu_table.main()
    said = capsys.readouterr().out
    assert not failed, f"seed {seed}: {said}"
    assert "promises broken" in said


def test_what_falls_short_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key("matmul", "matmul_tiles", "bf16", 0, "sm_80")
    sound = Row(key, registers=255)
    assert broken([sound]) == []
    for worse in (
        Row(key, spills=4), Row(key, private=8), Row(key, registers=257), Row(key, messages=("(C7510) ignored",)),
        Row(key, refusal="no"),
    ):  # fmt: skip
        assert len(broken([worse])) == 1
    monkeypatch.setitem(gpu_table.EXCEPTIONS, str(key), "spills 4 private 8")
    assert broken([Row(key, spills=4), Row(key, spills=3, private=8)]) == []
    assert len(broken([Row(key, spills=5), Row(key, spills=4, registers=300), Row(key, refusal="no")])) == 3
    assert covers("refused", "refused") and covers("refused", "") and not covers("spills 9", "refused")
    assert not covers("refused", "spills 9")


def test_the_page_lists_every_call() -> None:
    page = gpu_table.PAGE.read_text(encoding="utf-8")
    for call in gpu_table.calls():
        assert f"| {call.operator} |" in page
    for key in gpu_table.EXCEPTIONS:
        operator, kernel, dtype, head, _ = key.split(" ")
        assert f"| {operator} | {kernel} | {dtype} | {head.replace('-', '')} |" in page, key
