# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a Python function to one that can be traced.

Only what Python cannot intercept is rewritten: `for … in tg.stream(…)`, `if` on a value, `and`,
`or`, `not`, `a if c else b`, chained comparisons, and calls, so that the callee is rewritten too.
Everything else runs as CPython runs it, on proxies. The rewritten body stays in the author's frame:
names, positions, globals, cells and defaults are the original's. What a stream becomes:

    __tg1 = __tg.enter(tg.stream(0, K, BK), ('acc',), ('k',), locals(), <place>)
    for k in __tg1:                                   # once
        if 'acc' in __tg1: acc = __tg1['acc']         # its block argument
        acc = …
        __tg1.leave(locals())                         # checks types, closes the region
    if 'acc' in __tg1: acc = __tg1['acc']             # the result
    else: acc = None; del acc                         # likewise k: names first assigned inside end here
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, NoReturn, TypeVar, cast

from tegula._frontend.source import FunctionNode, Sources
from tegula.errors import Site, SourceError

RUNTIME, LOCALS, THUNK = "__tg", "__tg_locals", "__tg_thunk"

# Modules whose functions run as they are.
_AS_IS = frozenset(sys.stdlib_module_names) | {"numpy", "scipy", "torch", "jax", "ml_dtypes", "pytest", "_pytest"}
_OWN = ("tegula.language", "tegula._frontend", "tegula._compiler", "tegula.runtime", "tegula.errors")

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_PLAIN_CALLS = (builtins.range, builtins.zip, builtins.len, builtins.enumerate, builtins.tuple, builtins.list)

# (line, column, end line, end column) of an expression -> name of the variable that it is assigned to
Names = dict[tuple[int, int, int, int], str]
_Node = TypeVar("_Node", bound=ast.AST)


# ---- questions about syntax


def _here(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Nodes that belong to this scope: the bodies of nested functions are left out."""
    todo = list(nodes)[::-1]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            todo.extend(list(ast.iter_child_nodes(node))[::-1])


def assigned(statements: Sequence[ast.AST]) -> list[str]:
    """Names that the statements bind, in order.

    `xs[i] = v` counts as an assignment of `xs`: lists are carried by value. Targets of
    comprehensions have their own scope.
    """
    inner: set[int] = set()
    for node in _here(statements):
        if isinstance(node, _COMPREHENSIONS):
            inner.update(id(t) for g in node.generators for t in ast.walk(g.target))
    names: dict[str, None] = {}
    for node in _here(statements):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in inner:
                names[name] = None
            case ast.Subscript(ctx=ast.Store()):
                base = node.value
                while isinstance(base, ast.Subscript):
                    base = base.value
                if isinstance(base, ast.Name):
                    names[base.id] = None
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names[name] = None
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names[name] = None
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(((a.asname or a.name).split(".")[0], None) for a in aliases)
            case _:
                pass
    return list(names)


def _leaves(statements: Sequence[ast.stmt]) -> ast.AST | None:
    """The first statement that leaves the block: return, yield, or break or continue of a loop around it."""

    def search(node: ast.AST, in_loop: bool) -> ast.AST | None:
        if isinstance(node, _FUNCTIONS):
            return None
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
            return node
        if isinstance(node, (ast.Break, ast.Continue)) and not in_loop:
            return node
        for child in ast.iter_child_nodes(node):
            found = search(child, in_loop or isinstance(node, (ast.For, ast.While)))
            if found is not None:
                return found
        return None

    return next((found for s in statements if (found := search(s, False)) is not None), None)


def _plainly_static(test: ast.expr) -> bool:
    """Tests that cannot depend on a run-time value, whatever the operands are."""
    match test:
        case ast.Constant():
            return True
        case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
            return True
        case ast.BoolOp(values=values):
            return all(_plainly_static(v) for v in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _plainly_static(operand)
        case ast.Call(func=ast.Name(id="isinstance" | "callable" | "hasattr" | "len")):
            return True
        case _:
            return False


# ---- building syntax


def _constant(value: object) -> ast.expr:
    """A constant of any type: a code object can hold tuples, though no source text can spell them so."""
    make: Any = ast.Constant
    return make(value)


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])


def _thunk(body: ast.expr) -> ast.expr:
    """A lambda whose frame is known as ours by its one argument."""
    arguments = _no_arguments()
    arguments.kwonlyargs = [ast.arg(THUNK)]
    arguments.kw_defaults = [ast.Constant(None)]
    return ast.Lambda(arguments, body)


def _placed(new: _Node, old: ast.AST) -> _Node:
    """Gives new nodes the place of `old`; nodes that were there before keep theirs."""
    for node in ast.walk(new):
        if isinstance(node, (ast.expr, ast.stmt, ast.arg)) and getattr(node, "lineno", None) is None:
            ast.copy_location(node, old)
    return new


def _header(statement: ast.stmt, last: ast.expr) -> ast.stmt:
    """The header of a statement, on one line: CPython moves a call that spans lines to its last one."""
    one_line = last.end_lineno == statement.lineno
    return ast.Pass(
        lineno=statement.lineno,
        col_offset=statement.col_offset,
        end_lineno=statement.lineno,
        end_col_offset=last.end_col_offset if one_line else statement.col_offset + 3,
    )


def _rebind(region: str, names: Sequence[str], drop: bool) -> list[ast.stmt]:
    """`if 'x' in region: x = region['x']`, and with `drop` else unbind x."""
    out: list[ast.stmt] = []
    for name in names:
        put = ast.Assign([ast.Name(name, ast.Store())], ast.Subscript(_load(region), ast.Constant(name), ast.Load()))
        gone: list[ast.stmt] = []
        if drop:
            gone = [
                ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)),
                ast.Delete([ast.Name(name, ast.Del())]),
            ]
        out.append(ast.If(ast.Compare(ast.Constant(name), [ast.In()], [_load(region)]), [put], gone))
    return out


class _Rewriter(ast.NodeTransformer):
    def __init__(self, file: str, function: str, lookup: Callable[[str], object], language: ModuleType) -> None:
        self.file = file
        self.function = function
        self.lookup_outer = lookup
        self.language = language
        self.count = 0
        self.used = False
        self.in_stream = False
        self.shadowed: list[set[str]] = []
        self.names: Names = {}

    # -- pieces

    def lookup(self, name: str) -> object:
        return None if any(name in s for s in self.shadowed) else self.lookup_outer(name)

    def fail(self, node: ast.AST, message: str) -> NoReturn:
        assert isinstance(node, (ast.expr, ast.stmt))
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        if end_line != node.lineno:
            end_line, end_column = node.lineno, node.col_offset + 1
        raise SourceError(message, [Site(self.file, node.lineno, node.col_offset, end_line, end_column, self.function)])

    def runtime(self, name: str, *args: ast.expr) -> ast.expr:
        self.used = True
        return ast.Call(ast.Attribute(_load(RUNTIME), name, ast.Load()), list(args), [])

    def locals(self) -> ast.expr:
        self.used = True
        return ast.Call(_load(LOCALS), [], [])

    def fresh(self) -> str:
        self.count += 1
        return f"__tg{self.count}"

    def method(self, region: str, name: str, *args: ast.expr) -> ast.stmt:
        return ast.Expr(ast.Call(ast.Attribute(_load(region), name, ast.Load()), list(args), []))

    def block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in statements:
            new: Any = self.visit(s)
            out.extend(cast("list[ast.stmt]", new) if isinstance(new, list) else [] if new is None else [new])
        return out

    def resolves_to_stream(self, call: ast.expr) -> bool:
        match call:
            case ast.Call(func=ast.Name(id=name)):
                return self.lookup(name) is self.language.stream
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                return getattr(self.lookup(name), attr, None) is self.language.stream
            case _:
                return False

    def holds_stream(self, statements: Sequence[ast.stmt]) -> bool:
        return any(isinstance(n, ast.For) and self.resolves_to_stream(n.iter) for n in _here(statements))

    # -- statements

    def visit_For(self, node: ast.For) -> Any:
        if not self.resolves_to_stream(node.iter):
            return self.generic_visit(node)
        if node.orelse:
            self.fail(node.orelse[0], "a stream has no 'else'")
        bad = _leaves(node.body)
        if bad is not None:
            word = type(bad).__name__.lower().replace("yieldfrom", "yield")
            self.fail(bad, f"'{word}' inside a stream: every position runs (bound the stream instead)")
        targets = assigned([node.target])
        names, region = assigned(node.body), self.fresh()
        outer, self.in_stream = self.in_stream, True
        iterable: ast.expr = self.visit(node.iter)
        body = self.block(node.body)
        self.in_stream = outer
        place = (node.lineno, node.col_offset, node.iter.end_lineno, node.iter.end_col_offset)
        enter = self.runtime(
            "enter",
            iterable,
            _constant(tuple(names)),
            _constant(tuple(targets)),
            self.locals(),
            _constant((self.file, *place, self.function)),
        )
        end = self.method(region, "leave", self.locals())
        out: list[ast.stmt] = [
            ast.Assign([ast.Name(region, ast.Store())], enter),
            ast.For(node.target, _load(region), [*_rebind(region, names, False), *body, end], []),
            *_rebind(region, names + [t for t in targets if t not in names], True),
        ]
        header = _header(node, node.iter)
        return [_placed(s, header) for s in out]

    def visit_If(self, node: ast.If) -> Any:
        # A branch that is left by return, break or continue needs a static test: the truth of a
        # traced value raises, at the author's line.
        if _plainly_static(node.test) or _leaves(node.body) is not None or _leaves(node.orelse) is not None:
            return self.generic_visit(node)
        names, region, arm = assigned([*node.body, *node.orelse]), self.fresh(), self.fresh()
        test: ast.expr = self.visit(node.test)
        body, other = self.block(node.body), self.block(node.orelse)
        enter = self.runtime("branch", test, _constant(tuple(names)), self.locals())
        again = ast.If(
            ast.Attribute(_load(region), "second", ast.Load()), _rebind(region, names, True) or [ast.Pass()], []
        )
        merge = ast.If(
            ast.Attribute(_load(region), "dynamic", ast.Load()), _rebind(region, names, True) or [ast.Pass()], []
        )
        end = self.method(region, "leave", self.locals())
        out: list[ast.stmt] = [
            ast.Assign([ast.Name(region, ast.Store())], enter),
            ast.For(ast.Name(arm, ast.Store()), _load(region), [again, ast.If(_load(arm), body, other), end], []),
            merge,
        ]
        header = _header(node, node.test)
        return [_placed(s, header) for s in out]

    def visit_Delete(self, node: ast.Delete) -> Any:
        if self.in_stream:
            self.fail(node, "'del' inside a stream: names that the body makes end with it anyway")
        return self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> Any:
        if self.in_stream or self.holds_stream([*node.body, *node.orelse, *node.finalbody]):
            self.fail(node, "'try' around or inside a stream: there is nothing to catch at run time")
        return self.generic_visit(node)

    def visit_With(self, node: ast.With) -> Any:
        if self.in_stream or self.holds_stream(node.body):
            self.fail(node, "'with' around or inside a stream: a context has no meaning at run time")
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> Any:
        word = type(node).__name__.lower()
        self.fail(node, f"'{word}' in traced code: assignments outside the function are side effects")

    visit_Nonlocal = visit_Global

    def _asynchronous(self, node: ast.AST) -> Any:
        self.fail(node, "traced code cannot be asynchronous")

    visit_Await = visit_AsyncFor = visit_AsyncWith = visit_AsyncFunctionDef = _asynchronous

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.fail(node, "a class inside traced code is not supported")

    def assign_to(self, targets: Sequence[ast.expr], value: ast.expr | None) -> None:
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    self.fail(part, "assignment to an attribute in traced code is a side effect")
            if value is not None:
                self.note(target, value)

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.assign_to(node.targets, node.value)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.assign_to([node.target], node.value)
        return self.generic_visit(node)

    visit_AugAssign = visit_AnnAssign  # type: ignore[assignment]

    def note(self, target: ast.expr, value: ast.expr) -> None:
        """Enters every expression of the value under the name that it is assigned to."""
        match target, value:
            case ast.Name(id=name), _:
                for part in _here([value]):
                    if isinstance(part, ast.expr):
                        at = (part.lineno, part.col_offset, part.end_lineno or 0, part.end_col_offset or 0)
                        self.names[at] = name
            case ((ast.Tuple(elts=left) | ast.List(elts=left)), (ast.Tuple(elts=right) | ast.List(elts=right))):
                if len(left) == len(right) and not any(isinstance(e, ast.Starred) for e in (*left, *right)):
                    for a, b in zip(left, right):
                        self.note(a, b)
            case _:
                pass

    def nested(self, node: ast.FunctionDef | ast.Lambda) -> set[str]:
        args = node.args
        names = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if a}
        return names | set(assigned(node.body)) if isinstance(node, ast.FunctionDef) else names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        outer, self.in_stream = self.in_stream, False
        self.shadowed.append(self.nested(node))
        node.body = self.block(node.body)
        self.shadowed.pop()
        self.in_stream = outer
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        self.shadowed.append(self.nested(node))
        node.body = self.visit(node.body)
        self.shadowed.pop()
        return node

    # -- expressions

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        self.fail(node, "':=' in traced code: write an assignment")

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        if _plainly_static(node):
            return self.generic_visit(node)
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        values: list[ast.expr] = [self.visit(v) for v in node.values]
        result = values[-1]
        for value in values[-2::-1]:
            result = self.runtime(name, value, _thunk(result))
        return _placed(result, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if not isinstance(node.op, ast.Not) or _plainly_static(node):
            return self.generic_visit(node)
        return _placed(self.runtime("not_", self.visit(node.operand)), node)

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if len(node.ops) == 1:
            return node
        ops = tuple(type(op).__name__ for op in node.ops)
        rest = [_thunk(c) for c in node.comparators]
        return _placed(self.runtime("chain", _constant(ops), node.left, *rest), node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if _plainly_static(node.test):
            return self.generic_visit(node)
        test: ast.expr = self.visit(node.test)
        arms = _thunk(self.visit(node.body)), _thunk(self.visit(node.orelse))
        return _placed(self.runtime("choose", test, *arms), node)

    def visit_Call(self, node: ast.Call) -> Any:
        callee = node.func
        self.generic_visit(node)
        match callee:
            case ast.Attribute(value=ast.Name(id=name)) if self.lookup(name) is self.language:
                return node  # tg.dot(…)
            case ast.Name(id="super"):
                return node
            case ast.Name(id=name) if any(self.lookup(name) is plain for plain in _PLAIN_CALLS):
                return node
            case _:
                node.func = _placed(self.runtime("call", node.func), callee)
                return node


# ---- from syntax to code


class Entry:
    """A rewritten code object. A cell is a position in the original's closure, or a fixed cell."""

    __slots__ = ("cells", "code")

    def __init__(self, code: CodeType, cells: tuple[int | CellType, ...]) -> None:
        self.code = code
        self.cells = cells


class Rewrites:
    """Code object -> rewritten code, or None where the function runs as it is.

    The one process-wide mutable object of the front end. It may be: code objects are immutable, an
    entry depends on nothing else but the text of the file, and two threads that race compute the
    same entry.
    """

    def __init__(self) -> None:
        self.entries: dict[CodeType, Entry | None] = {}
        self.names: dict[CodeType, Names] = {}
        self.sources = Sources()

    def function(self, fn: FunctionType, language: ModuleType, runtime: ModuleType) -> FunctionType:
        """The function to call instead of `fn` while tracing; `fn` itself if it runs as it is."""
        code = fn.__code__
        try:
            entry = self.entries[code]
        except KeyError:
            entry = self.entries[code] = self._make(fn, language, runtime)
        if entry is None:
            return fn
        cells = fn.__closure__ or ()
        closure = tuple([cells[c] if type(c) is int else c for c in entry.cells])
        new = FunctionType(entry.code, fn.__globals__, fn.__name__, fn.__defaults__, closure)  # type: ignore[arg-type]
        new.__kwdefaults__ = fn.__kwdefaults__
        return new

    def _make(self, fn: FunctionType, language: ModuleType, runtime: ModuleType) -> Entry | None:
        code = fn.__code__
        module = str(fn.__globals__.get("__name__") or "")
        if module.split(".")[0] in _AS_IS or module.startswith(_OWN):
            return None
        found = self.sources.node(code)
        if found is None:
            return None  # without text it runs as it is: proxies explain what cannot work then
        node = _copy(found)
        rewriter = _Rewriter(code.co_filename, code.co_name, _lookup(fn), language)
        statement = _bare(node, rewriter)
        self._mark(code, rewriter.names, entry=False)
        if not rewriter.used:
            return None
        inner = _compile(statement, node, code)
        self._mark(inner, rewriter.names)
        fixed = {RUNTIME: CellType(runtime), LOCALS: CellType(locals)}
        free = list(code.co_freevars)
        return Entry(inner, tuple(fixed.get(n) or free.index(n) for n in inner.co_freevars))

    def _mark(self, code: CodeType, names: Names, entry: bool = True) -> None:
        """Rewritten code, and the functions nested in it, are not rewritten again."""
        if entry:
            self.entries[code] = None
        self.names[code] = names
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._mark(constant, names, entry)


def _copy(node: _Node) -> _Node:
    """A copy of a tree; several times as fast as copy.deepcopy."""
    new: Any = node.__class__.__new__(node.__class__)
    fields = new.__dict__
    for name, value in node.__dict__.items():
        if isinstance(value, ast.AST):
            value = _copy(value)
        elif type(value) is list:
            value = [_copy(v) if isinstance(v, ast.AST) else v for v in cast("list[Any]", value)]
        fields[name] = value
    return new


def _lookup(fn: FunctionType) -> Callable[[str], object]:
    """What a name means in the function, as far as that is known before it runs."""
    code = fn.__code__
    local = {*code.co_varnames, *code.co_cellvars}
    free = dict(zip(code.co_freevars, fn.__closure__ or ()))

    def lookup(name: str) -> object:
        if name in local:
            return None
        if name in free:
            try:
                return free[name].cell_contents
            except ValueError:  # an empty cell
                return None
        return fn.__globals__.get(name, getattr(builtins, name, None))

    return lookup


def _bare(node: FunctionNode, rewriter: _Rewriter) -> ast.stmt:
    """The rewritten function as a statement, without decorators, annotations and default values."""
    args = node.args
    for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if a is not None:
            a.annotation = None
    args.defaults = [ast.Constant(None) for _ in args.defaults]
    args.kw_defaults = [d and ast.Constant(None) for d in args.kw_defaults]
    if isinstance(node, ast.AsyncFunctionDef):
        rewriter.fail(node, "traced code cannot be asynchronous")
    if isinstance(node, ast.Lambda):
        node.body = rewriter.visit(node.body)
        return ast.copy_location(ast.Expr(node), node)
    node.body = rewriter.block(node.body)
    node.decorator_list, node.returns = [], None
    # Not its own name: that must stay a global or a cell of the original (recursive helpers).
    node.name = "__tg_fn"
    return node


def _compile(statement: ast.stmt, node: FunctionNode, code: CodeType) -> CodeType:
    """Compiles the function with the original's free variables, and ours, as free variables."""
    body: list[ast.stmt] = [statement]
    owner = code.co_qualname.rpartition(".")[0].rpartition(".")[2]
    if owner and owner != "<locals>" and any(_mangled(name, owner) for name in code.co_names):
        body = [ast.ClassDef(owner, [], [], body, [], **_type_params())]  # private names are mangled as before
    names = [RUNTIME, LOCALS, *code.co_freevars]
    arguments = _no_arguments()
    arguments.args = [ast.arg(n) for n in names]
    outer = ast.FunctionDef("__outer", arguments, body, [], **_type_params())
    module = ast.Module([ast.copy_location(outer, node)], [])
    ast.fix_missing_locations(module)
    future = code.co_flags & 0x1FF0000  # the __future__ imports of the original
    top = compile(module, code.co_filename, "exec", flags=future, dont_inherit=True)
    inner = _find(top, node)
    # Never co_firstlineno: the line table is relative to it.
    return inner.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _type_params() -> dict[str, Any]:
    return {"type_params": []} if sys.version_info >= (3, 12) else {}


def _mangled(name: str, owner: str) -> bool:
    return name.startswith(f"_{owner.lstrip('_')}__") and not name.endswith("__")


def _find(code: CodeType, node: FunctionNode) -> CodeType:
    wanted = "<lambda>" if isinstance(node, ast.Lambda) else "__tg_fn"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            return constant if constant.co_name == wanted else _find(constant, node)
    raise AssertionError("the compiled function is not in its own module")


REWRITES = Rewrites()
