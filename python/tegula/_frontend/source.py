# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finding the text of a function, and checking that it is the text that was compiled."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable
from types import CodeType

from tegula.errors import Site, SourceError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Index = dict[tuple[str, int], list[FunctionNode]]


class _File:
    """One parsed text. Functions are indexed per statement of the module, when one of them is asked for."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.statements = ast.parse(text, file).body
        self.indexed: dict[int, _Index] = {}

    def functions(self, name: str, line: int) -> list[FunctionNode]:
        for number, statement in enumerate(self.statements):
            first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
            if first <= line <= (statement.end_lineno or first):
                index = self.indexed.get(number)
                if index is None:
                    index = self.indexed[number] = _functions(statement)
                found = index.get((name, line))
                if found is not None:
                    return found
        return []


class Sources:
    """Parsed files: each file is parsed once per text that it has had (a notebook cell is a file)."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def _file(self, file: str) -> _File | None:
        text = "".join(linecache.getlines(file))
        if not text:
            return None
        found = self._files.get(file)
        if found is None or found.text != text:
            found = self._files[file] = _File(text, file)
        return found

    def node(self, code: CodeType) -> FunctionNode | None:
        """The syntax of a code object, or None where there is no text (`exec`, the plain prompt)."""
        file = self._file(code.co_filename)
        if file is None:
            return None
        found = file.functions(code.co_name, code.co_firstlineno)
        if code.co_name == "<lambda>":
            found = _innermost(found, code)
        if not found:
            raise _stale(code)
        if not _same(found[0], code):
            raise _stale(code)
        return found[0]


def _stale(code: CodeType) -> SourceError:
    line = code.co_firstlineno
    return SourceError(
        f"the source of '{code.co_qualname}' is not the text that was imported: the file has changed since",
        [Site(code.co_filename, line, 0, line, 1, code.co_name)],
    )


def _functions(tree: ast.AST) -> _Index:
    """All functions by name and first line, which is a decorator's where there is one."""
    index: _Index = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            line = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            index.setdefault((node.name, line), []).append(node)
        elif isinstance(node, ast.Lambda):
            index.setdefault(("<lambda>", node.lineno), []).append(node)
    return index


def _innermost(lambdas: Iterable[FunctionNode], code: CodeType) -> list[FunctionNode]:
    """Of several lambdas on one line, the smallest whose body holds every position of the code."""
    spans = [
        (line, column, end_line, end_column)
        for line, end_line, column, end_column in code.co_positions()
        if line and end_line and column is not None and end_column is not None and (column, end_column) != (0, 0)
    ]
    if not spans:
        return list(lambdas)[:1]
    low = min((line, column) for line, column, _, _ in spans)
    high = max((end_line, end_column) for _, _, end_line, end_column in spans)

    def size(node: FunctionNode) -> tuple[int, int]:
        body = node.body
        assert isinstance(body, ast.expr)
        return (body.end_lineno or 0) - body.lineno, (body.end_col_offset or 0) - body.col_offset

    inside = [
        node
        for node in lambdas
        if isinstance(node.body, ast.expr)
        and (node.body.lineno, node.body.col_offset) <= low
        and high <= (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    ]
    return sorted(inside, key=size)[:1]


def _same(node: FunctionNode, code: CodeType) -> bool:
    """Whether the text is the one that was compiled, cheaply.

    Arguments must agree, names that the code uses must occur, and the short positions of its
    instructions (names, digits) must be positions of nodes: that notices a shift, and no rule of
    the compiler moves them. Bytecode itself depends on the imports of the module.
    """
    if any(name.startswith("@pytest_ar") for name in code.co_names):
        return True  # pytest has rewritten its asserts
    args = node.args
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    if names != list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
        return False
    own: set[str] = set()
    at: set[tuple[int, int, int, int]] = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Name):
            own.add(n.id)
        elif isinstance(n, ast.Attribute):
            own.add(n.attr)
        elif isinstance(n, ast.alias):
            own.update(n.name.split("."))
            own.add(n.name)
        if isinstance(n, (ast.expr, ast.stmt, ast.arg)):
            at.add((n.lineno, n.end_lineno or 0, n.col_offset, n.end_col_offset or 0))
    if not all(name in own or name.startswith("_") for name in code.co_names if "." not in name):
        return False
    for line, end_line, column, end_column in dict.fromkeys(code.co_positions()):
        short = (
            line is not None
            and line == end_line
            and column is not None
            and end_column is not None
            and 0 < end_column - column <= 2
        )
        if short and (line, end_line, column, end_column) not in at:
            return False
    return True
