"""Makes mutants: copies of a source file with one small mistake each.

A mutant is an edit of the source, so that everything around the mistake stays as it is, line numbers included. Texts
are not mutated, and neither is code that only type checkers read or that coverage is not asked for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

Edit = tuple[int, int, str, str]
"""Where an edit starts and ends, in bytes; the new text; and the kind of mistake."""

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
BOOLEAN = {ast.And: ("and", "or"), ast.Or: ("or", "and")}

NEGATED_ELSEWHERE = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
"""A condition with one of these is negated by the mutation of the comparison."""

TYPES = {"TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "cast"}
"""Functions that exist for type checkers."""

IN_ONE_ORDER = {"isinstance", "issubclass", "getattr", "setattr", "hasattr", "enumerate"}
"""Functions that raise at once if their arguments are swapped."""

ALWAYS_NEEDED = {"property", "staticmethod", "classmethod", "define", "frozen", "contextmanager", "final", "override"}
"""Decorators without which nothing works, and decorators that do nothing at run time."""


@attrs.frozen
class Mutant:
    """One mistake in one file.

    Attributes:
        file: The file, from the root of the tree.
        where: The function or class: ``for_each.fixup``; an empty text for the file itself.
        line: The number of its first line that changes.
        kind: The kind of mistake.
        before: The lines that change, as one line.
        after: The same with the mistake.
        source: The whole file with the mistake.
    """

    file: str
    where: str
    line: int
    kind: str
    before: str
    after: str
    source: bytes = attrs.field(repr=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the mutant when lines above it have come or gone."""
        return f"{self.file} {self.where}".rstrip(), self.before, self.after


def mutants_of(root: Path, file: str) -> list[Mutant]:
    """Return all mutants of a file, in the order of its lines."""
    source = (root / file).read_bytes()
    tree = ast.parse(source)
    unmutated = ast.dump(tree)
    found: dict[tuple[int, int, str], Mutant] = {}
    for start, end, text, kind in _Edits(source, tree):
        mutated = source[:start] + text.encode() + source[end:]
        try:
            if ast.dump(ast.parse(mutated)) == unmutated:
                continue
        except SyntaxError:
            continue
        first = source.rfind(b"\n", 0, start) + 1
        last = len(source) - (source + b"\n").find(b"\n", end)
        before, after = _one_line(source[first : len(source) - last]), _one_line(mutated[first : len(mutated) - last])
        line = 1 + source.count(b"\n", 0, start)
        mutant = Mutant(file, _where(tree, line), line, kind, before, after, mutated)
        found.setdefault((start, end, text), mutant)
    return [found[edit] for edit in sorted(found)]


def _where(tree: ast.AST, line: int) -> str:
    """Return the qualified name of the function or class in which a line is."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.stmt | ast.ExceptHandler):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
        if first <= line <= (node.end_lineno or 0):
            inner = _where(node, line)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                return f"{node.name}.{inner}".rstrip(".")
            return inner
    return ""


def _one_line(lines: bytes) -> str:
    return " ".join(lines.decode().split())


class _Edits:
    """The edits that make mutants of a source."""

    def __init__(self, source: bytes, tree: ast.Module) -> None:
        self._source = source
        self._tree = tree
        self._lines = source.splitlines(keepends=True)
        self._offsets = [0]
        for line in self._lines:
            self._offsets.append(self._offsets[-1] + len(line))

    def __iter__(self) -> Iterator[Edit]:
        return self._visit(self._tree)

    def _start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._offsets[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offsets[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _visit(self, node: ast.AST) -> Iterator[Edit]:
        if self._is_left_alone(node):
            return
        make = EDITS.get(type(node))
        if make:
            yield from make(self, node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "type_comment", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._visit(child)

    def _is_left_alone(self, node: ast.AST) -> bool:
        if isinstance(node, ast.stmt) and b"pragma: no cover" in self._lines[node.lineno - 1]:
            return True
        match node:
            case ast.JoinedStr() | ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec" | "NewType")):
                return True
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
                return True
            case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                return any(_last_name(decorator) == "overload" for decorator in decorators)
            case ast.ClassDef(bases=bases):
                return any(_last_name(base) == "Protocol" for base in bases)
        return False

    def _operator(
        self, left: ast.expr, right: ast.expr, operator: ast.AST, table: Mapping[Any, tuple[str, str]], kind: str
    ) -> Iterator[Edit]:
        """Replace the operator between two operands."""
        if type(operator) not in table:
            return
        old, new = table[type(operator)]
        start = self._end(left)
        between = self._source[start : self._start(right)].decode()
        pattern = r"\s+".join(map(re.escape, old.split()))
        found = re.search(rf"\b{pattern}\b" if old[0].isalpha() else pattern, between)
        if found and "#" not in between:
            yield start + found.start(), start + found.end(), new, kind

    def _compare(self, node: ast.Compare) -> Iterator[Edit]:
        operands = [node.left, *node.comparators]
        for left, right, operator in zip(operands, operands[1:], node.ops, strict=False):
            yield from self._operator(left, right, operator, COMPARISONS, "comparison")

    def _boolean(self, node: ast.BoolOp) -> Iterator[Edit]:
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from self._operator(left, right, node.op, BOOLEAN, "boolean")
        # An operand may be in parentheses, which belong to it and to the whole, but to no node of the operand.
        for _, end, *_ in self._operator(node.values[0], node.values[1], node.op, BOOLEAN, ""):
            spaces = len(self._source[end:]) - len(self._source[end:].lstrip())
            yield self._start(node), end + spaces, "", "operand removed"
        for start, *_ in self._operator(node.values[-2], node.values[-1], node.op, BOOLEAN, ""):
            yield len(self._source[:start].rstrip()), self._end(node), "", "operand removed"

    def _arithmetic(self, node: ast.BinOp) -> Iterator[Edit]:
        yield from self._operator(node.left, node.right, node.op, ARITHMETIC, "arithmetic")

    def _unary(self, node: ast.UnaryOp) -> Iterator[Edit]:
        start = self._start(node)
        yield start, start + (3 if isinstance(node.op, ast.Not) else 1), "", "operator removed"

    def _constant(self, node: ast.Constant) -> Iterator[Edit]:
        if isinstance(node.value, bool | int):
            new = not node.value if isinstance(node.value, bool) else node.value + 1
            yield self._start(node), self._end(node), str(new), "constant"

    def _condition(self, node: ast.If | ast.IfExp) -> Iterator[Edit]:
        yield from self._negated(node.test)

    def _comprehension(self, node: ast.comprehension) -> Iterator[Edit]:
        for test in node.ifs:
            yield from self._negated(test)

    def _negated(self, test: ast.expr) -> Iterator[Edit]:
        match test:
            case ast.UnaryOp(op=ast.Not()):
                return
            case ast.Compare(ops=[operator]) if isinstance(operator, NEGATED_ELSEWHERE):
                return
        yield self._start(test), self._end(test), f"not ({self._text(test)})", "condition"

    def _return(self, node: ast.Return) -> Iterator[Edit]:
        if node.value is None:
            yield from self._removed(node)
        elif not isinstance(node.value, ast.Constant) or node.value.value not in (None, True, False):
            yield self._start(node.value), self._end(node.value), "None", "return value"

    def _removed(self, node: ast.stmt) -> Iterator[Edit]:
        yield self._start(node), self._end(node), "pass", "statement removed"

    def _expression(self, node: ast.Expr) -> Iterator[Edit]:
        if isinstance(node.value, ast.Call | ast.Await):
            yield from self._removed(node)

    def _assignment(self, node: ast.Assign) -> Iterator[Edit]:
        # Without the assignment of a variable, the next line would end in a NameError: any test finds that.
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            yield from self._removed(node)

    def _jump(self, node: ast.Break | ast.Continue) -> Iterator[Edit]:
        yield self._start(node), self._end(node), "continue" if isinstance(node, ast.Break) else "break", "jump"

    def _call(self, node: ast.Call) -> Iterator[Edit]:
        if _last_name(node.func) in TYPES:
            return
        if len(node.args) > 1 and _last_name(node.func) not in IN_ONE_ORDER:
            first, second = node.args[:2]
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                between = self._source[self._end(first) : self._start(second)].decode()
                swapped = self._text(second) + between + self._text(first)
                yield self._start(first), self._end(second), swapped, "arguments swapped"
        arguments: list[ast.expr | ast.keyword] = sorted([*node.args, *node.keywords], key=self._start)
        for number, argument in enumerate(arguments):
            if isinstance(argument, ast.keyword) and argument.arg:
                if number:
                    yield self._end(arguments[number - 1]), self._end(argument), "", "argument removed"
                elif len(arguments) > 1:
                    yield self._start(argument), self._start(arguments[1]), "", "argument removed"
                else:
                    yield self._start(argument), self._end(argument), "", "argument removed"

    def _decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Edit]:
        for decorator in node.decorator_list:
            if _last_name(decorator) not in ALWAYS_NEEDED:
                at = self._source.rfind(b"@", 0, self._start(decorator))
                yield at, self._end(decorator), "", "decorator removed"


def _last_name(node: ast.expr) -> str:
    """Return ``define`` for ``attrs.define``, ``attrs.define(...)`` and the like."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


EDITS: dict[type, Callable[[_Edits, Any], Iterator[Edit]]] = {
    ast.Compare: _Edits._compare,
    ast.BoolOp: _Edits._boolean,
    ast.BinOp: _Edits._arithmetic,
    ast.UnaryOp: _Edits._unary,
    ast.Constant: _Edits._constant,
    ast.If: _Edits._condition,
    ast.IfExp: _Edits._condition,
    ast.comprehension: _Edits._comprehension,
    ast.Return: _Edits._return,
    ast.Raise: _Edits._removed,
    ast.Delete: _Edits._removed,
    ast.AugAssign: _Edits._removed,
    ast.Expr: _Edits._expression,
    ast.Assign: _Edits._assignment,
    ast.Break: _Edits._jump,
    ast.Continue: _Edits._jump,
    ast.Call: _Edits._call,
    ast.FunctionDef: _Edits._decorators,
    ast.AsyncFunctionDef: _Edits._decorators,
    ast.ClassDef: _Edits._decorators,
}
"""For each kind of node, the method that makes its edits."""
