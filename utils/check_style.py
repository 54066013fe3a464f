#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the rules of the house that a script can check.

Prints one ``PASS rule figure`` or ``FAIL rule figure`` line per rule, each failure preceded by
``path:line: message`` lines. Sizes are reported and fail nothing. A line may be excused where
it stands, with its reason, on it or just above: ``style: allow(rule) because …``.

usage: utils/check_style.py [--root FOLDER] [--sizes] [rule ...]
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CPP, TD = (".cpp", ".h", ".c"), (".td",)
AIMS = {"lib": 500, "include": 500, "python": 400, "test": 300}
"""Lines that a file aims at staying under; twice that wants a reason."""

CHIPS = r"(?:sm_\d+[af]?|gfx\d{3,}|avx(?:2|512)?|x86-64-v\d|znver\d|skylake|sapphire|zen\d|[HB]\d00|MI\d{3})"
CHIP_HOMES = (
    r"^include/tegula-c/"
    r"|^(?:lib|include/tegula)/(?:Target/|Conversion/\w+To(?:NVVM|ROCDL|X86)/|Simulator/(?:NVVM|AMDGPU)/)"
)
OPERATORS = r"(?:attention|schnet|cfconv|layer_?norm|rms_?norm|\bgla\b|mlstm|mamba|delta_?net|monarch|moba)"


@dataclass(frozen=True)
class Finding:
    """One breach of a rule."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """The files of a checkout, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        folders = ("lib", "include", "tools", "test", "python", "utils", "benchmarks", "examples", "cmake")
        found = (p for folder in folders for p in (self.root / folder).rglob("*") if p.is_file())
        return tuple(sorted(p.relative_to(self.root).as_posix() for p in found if "__pycache__" not in p.parts))

    def under(self, pattern: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(p for p in self.paths if re.match(pattern, p) and p.endswith(suffixes))

    def text(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def excused(self, path: str, line: int, rule: str) -> bool:
        lines = self.text(path).splitlines()
        return any(f"style: allow({rule})" in text for text in lines[max(0, line - 2) : line])

    def search(self, rule: str, paths: tuple[str, ...], pattern: str, text: str, flags: int = 0) -> Iterator[Finding]:
        """A finding for every match that is not excused; `{}` in `text` is the match."""
        expression = re.compile(pattern, flags)
        for path in paths:
            content = self.text(path)
            for match in expression.finditer(content):
                line = content.count("\n", 0, match.start()) + 1
                if not self.excused(path, line, rule):
                    yield Finding(path, line, text.format(match.group(0).strip()))


@dataclass(frozen=True)
class Definition:
    """A pass or an op in a .td file."""

    path: str
    line: int
    name: str
    """The TableGen name, without the dialect's prefix and without Op or Pass."""
    mnemonic: str
    body: str


def definitions(tree: Tree, kind: str) -> Iterator[Definition]:
    """The passes (kind ``Pass``) or ops (kind ``Op``) of every .td file."""
    head = r'^def (?:\w+?_)?(\w+?)Pass\s*:\s*(?:\w*Pass)<\s*"([\w-]+)"'
    if kind == "Op":
        head = r'^def (?:\w+?_)(\w+?)Op\s*:\s*\w+Op\w*<\s*"([\w.]+)"'
    for path in tree.under("include/", TD):
        text = tree.text(path)
        for match in re.finditer(head, text, re.MULTILINE):
            end = re.search(r"^\}", text[match.start() :], re.MULTILINE)
            body = text[match.start() : match.start() + (end.start() if end else 0)]
            yield Definition(path, text.count("\n", 0, match.start()) + 1, match[1], match[2], body)


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def pass_names(tree: Tree) -> Iterator[Finding]:
    """One identifier, three spellings: definition, file, flag and test."""
    for p in definitions(tree, "Pass"):
        if not p.mnemonic.endswith(kebab(p.name)):
            yield Finding(p.path, p.line, f"flag '{p.mnemonic}' of {p.name}Pass does not end in '{kebab(p.name)}'")
        # A conversion has a folder, named by its two ends, for its sources and its tests.
        name = p.name.removeprefix("Convert")
        for place, pattern in (
            ("file", rf"lib/(.*/)?(Convert)?{name}\.cpp$"),
            ("test", rf"test/(.*/)?{p.mnemonic}\.mlir$|test/Conversion/{name}/.*\.mlir$"),
        ):
            if not any(re.match(pattern, path) for path in tree.paths):
                yield Finding(p.path, p.line, f"{p.name}Pass has no {place} matching {pattern}")


def pass_docs(tree: Tree) -> Iterator[Finding]:
    """A pass says what it requires, guarantees, and when it fails."""
    for p in definitions(tree, "Pass"):
        for word in ("let summary", "let description", "**Requires**", "**Guarantees**", "**Fails when**"):
            if word not in p.body:
                yield Finding(p.path, p.line, f"{p.name}Pass has no '{word}'")


def op_docs(tree: Tree) -> Iterator[Finding]:
    """An op has a summary, labelled constraints and an example."""
    for op in definitions(tree, "Op"):
        verified = "Verifier = 1" in op.body  # others are constrained by their types alone
        for word in ("let summary", "let description", "```mlir", *(("C1",) if verified else ())):
            if word not in op.body:
                yield Finding(op.path, op.line, f"op '{op.mnemonic}' has no '{word}'")


def op_tests(tree: Tree) -> Iterator[Finding]:
    """An op of the tile level is findable among the tests by its name."""
    for op in definitions(tree, "Op"):
        dialect = "Sched" if "/Sched/" in op.path else "Tegula"
        name = op.mnemonic.replace(".", "_").replace("_", "[-_]")
        pattern = rf"test/Dialect/{dialect}/(?:{name}|{name}-invalid)\.mlir$"
        if dialect == "Tegula" and not any(re.match(pattern, path) for path in tree.paths):
            yield Finding(op.path, op.line, f"op '{op.mnemonic}' has no test/Dialect/{dialect}/{op.mnemonic}.mlir")


def forbidden_calls(tree: Tree) -> Iterator[Finding]:
    """No hidden input, no hidden state, no attributes looked up by a string."""
    cpp = tree.under("lib/", CPP)
    yield from tree.search("call", cpp, r"\bgetenv\s*\(|\bcl::opt\b|\breport_fatal_error\b", "'{}' in lib/")
    lookup = r"\b(?:get|set|has|remove)(?:Discardable|Inherent)?Attr(?:OfType(?:<[^>]*>)?)?\(\s*\""
    yield from tree.search("attr", cpp, lookup, "attribute looked up by a string: '{}'")
    immutable = r"(?!const\b|constexpr\b|inline\b|thread_local const\b)"
    state = rf"^[ \t]*static {immutable}(?:[\w:]+(?:<[^;(]*>)?[ *&]+)+\w+(?: = |;|\{{)"
    yield from tree.search("static", cpp, state, "mutable static: '{}'", re.MULTILINE)


def chip_names(tree: Tree) -> Iterator[Finding]:
    """Nothing above the targets names a chip. Examples may, and the C API says what a user can write."""
    paths = tuple(p for p in tree.under("(?:lib|include)/", CPP + TD) if not re.match(CHIP_HOMES, p))
    for finding in tree.search("chip", paths, rf"\b{CHIPS}\b", "names a chip: '{}'", re.IGNORECASE):
        above = tree.text(finding.path).splitlines()[: finding.line]
        if sum(line.strip().startswith("```") for line in above) % 2 == 0:
            yield finding


def operator_names(tree: Tree) -> Iterator[Finding]:
    """The compiler knows tiles and streams, not operators."""
    paths = tree.under("(?:lib|include)/", CPP + TD)
    yield from tree.search("operator", paths, OPERATORS, "names an operator: '{}'", re.IGNORECASE)


def diagnostics_tested(tree: Tree) -> Iterator[Finding]:
    """Every diagnostic literal is expected by some test."""
    tests = "\n".join(tree.text(p) for p in tree.under("test/", (".mlir", ".py", ".cpp", ".c", ".test")))
    for path in tree.under("lib/", CPP):
        text = tree.text(path)
        for match in re.finditer(r"\b(?:emit(?:Op)?Error|emitDiagnostic)\w*\(", text):
            statement = text[match.end() : text.find(";", match.end())]
            literals = [re.sub(r"\\(.)", r"\1", s) for s in re.findall(r'"((?:[^"\\]|\\.)*)"', statement)]
            longest = max((s.strip() for s in literals), key=len, default="")
            line = text.count("\n", 0, match.start()) + 1
            if len(longest) > 3 and longest not in tests and not tree.excused(path, line, "diagnostic"):
                yield Finding(path, line, f"no test expects '{longest}'")


def licence_headers(tree: Tree) -> Iterator[Finding]:
    """Each source file says its licence at the top."""
    for path in tree.under("(?:lib|include|tools|python|utils|benchmarks|examples)/", CPP + TD + (".py", ".sh")):
        if "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception" not in tree.text(path)[:900]:
            yield Finding(path, 1, "no licence header")


def python_state(tree: Tree) -> Iterator[Finding]:
    """No module-level mutable state, and the environment is read in one place."""
    empty = ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp
    makers = {"dict", "list", "set", "defaultdict", "OrderedDict", "WeakKeyDictionary", "WeakValueDictionary", "deque"}
    for path in tree.under("python/", (".py",)):
        for node in ast.parse(tree.text(path)).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [t.id for t in targets if isinstance(t, ast.Name)]
            call = node.value.func if isinstance(node.value, ast.Call) else None
            made = call.id if isinstance(call, ast.Name) else call.attr if isinstance(call, ast.Attribute) else ""
            mutable = isinstance(node.value, empty) or made in makers
            # A table in capitals that is a constant by name is one unless something changes it.
            constant = all(n.isupper() or n.startswith("__") for n in names) and isinstance(node.value, empty)
            if mutable and not constant and not tree.excused(path, node.lineno, "state"):
                yield Finding(path, node.lineno, f"mutable module state: {', '.join(names)}")
    elsewhere = tuple(p for p in tree.under("python/", (".py",)) if not p.endswith("/_compiler/environment.py"))
    yield from tree.search("environ", elsewhere, r"\bos\.(?:environ|getenv)\b", "reads '{}'")


RULES: dict[str, Callable[[Tree], Iterator[Finding]]] = {
    "pass-names": pass_names,
    "pass-docs": pass_docs,
    "op-docs": op_docs,
    "op-tests": op_tests,
    "forbidden-calls": forbidden_calls,
    "chip-names": chip_names,
    "operator-names": operator_names,
    "diagnostics-tested": diagnostics_tested,
    "licence-headers": licence_headers,
    "python-state": python_state,
}


def long_files(tree: Tree) -> Iterator[Finding]:
    """Files past twice their aim. Reported only."""
    for path in tree.paths:
        aim = AIMS.get(path.partition("/")[0])
        lines = tree.text(path).count("\n") if aim and path.endswith((*CPP, *TD, ".py", ".mlir")) else 0
        if aim and lines > 2 * aim:
            yield Finding(path, lines, f"{lines} lines, aim {aim}")


def main() -> int:
    parser = argparse.ArgumentParser(description="check the rules of the house")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--sizes", action="store_true", help="also list files past twice their aim")
    parser.add_argument("rule", nargs="*", help=f"which ({', '.join(RULES)}); all if none")
    options = parser.parse_args()
    if unknown := set(options.rule) - set(RULES):
        parser.error(f"no such rule: {', '.join(sorted(unknown))}")
    tree = Tree(options.root)
    failed = False
    for name, rule in RULES.items():
        if options.rule and name not in options.rule:
            continue
        findings = list(rule(tree))
        for finding in findings:
            print(finding)
        print(f"{'FAIL' if findings else 'PASS'} style.{name} {len(findings)} findings")
        failed |= bool(findings)
    if options.sizes:
        for finding in long_files(tree):
            print(f"size: {finding}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
