"""The statements of one function, and the lines on which they begin."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hogtrace.lines.source import FunctionNode, start_line, statement_parts

Place = tuple[int, int]
"""A line, from 1, and a column in bytes of UTF-8, from 0."""


_COMPUTING = (ast.Assign, ast.AugAssign, ast.Delete, ast.Expr, ast.Import, ast.ImportFrom, ast.Raise)


class While(NamedTuple):
    """What a `while` loop adds to its statement."""

    body: Place
    """Where its body begins."""
    endless: bool
    """Whether there is no test, as in `while True`."""
    breaks: frozenset[Place]
    """Where its own `break` statements begin."""


class Statement(NamedTuple):
    """One statement of a function, from where it begins to behind its end."""

    begin: Place
    end: Place
    lines: tuple[int, ...]
    """The lines that name it: where it begins, and for a decorated definition the `def` or `class` line too."""
    loop: While | None
    """What is known of a `while` loop."""
    computes: bool
    """Whether it cannot but be compiled to instructions that do something."""


class Inner(NamedTuple):
    """A function or a class that is defined inside of a function: its lines are its own."""

    kind: str
    name: str
    first: int
    last: int


class Statements(NamedTuple):
    """What a function is made of."""

    line: int
    """The `def` line, or that of the `lambda`."""
    last: int
    own: Sequence[Statement]
    """Its statements, in the order in which they begin."""
    inner: Sequence[Inner]
    places: frozenset[Place]
    """Where anything in the function begins that instructions can be of."""


def read_statements(node: FunctionNode) -> Statements:
    """Give the statements of a function; the body of a lambda is one statement."""
    own: list[Statement] = []
    inner: list[Inner] = []
    if isinstance(node, ast.Lambda):
        own.append(_statement(node.body))
    else:
        waiting = list(statement_parts(node))
        while waiting:
            one = waiting.pop()
            own.append(_statement(one))
            match one:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    kind = "class" if isinstance(one, ast.ClassDef) else "function"
                    inner.append(Inner(kind, one.name, one.body[0].lineno, one.end_lineno or one.lineno))
                case _:
                    waiting.extend(statement_parts(one))
    own.sort()
    return Statements(node.lineno, node.end_lineno or node.lineno, own, inner, frozenset(_places(node)))


def _statement(node: ast.stmt | ast.expr) -> Statement:
    begin = (node.lineno, node.col_offset)
    lines: tuple[int, ...] = (node.lineno,)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
        first = start_line(node)
        begin, lines = (first, 0), (first, node.lineno)
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    computes = isinstance(node, _COMPUTING) and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant | ast.Name)
    )
    return Statement(begin, end, lines, _loop(node) if isinstance(node, ast.While) else None, computes)


def _loop(node: ast.While) -> While:
    breaks = []
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Break):
            breaks.append((one.lineno, one.col_offset))
        elif isinstance(one, ast.For | ast.AsyncFor | ast.While):
            waiting.extend(one.orelse)
        elif not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting.extend(statement_parts(one))
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    return While((node.body[0].lineno, node.body[0].col_offset), endless, frozenset(breaks))


def _places(function: ast.AST) -> Iterator[Place]:
    for node in ast.walk(function):
        if isinstance(node, ast.stmt | ast.expr | ast.excepthandler | ast.pattern | ast.keyword | ast.arg | ast.alias):
            yield node.lineno, node.col_offset
            if isinstance(node, ast.Attribute) and node.end_col_offset is not None:
                # A call in a chain over several lines is where its name is.
                yield node.end_lineno or 0, node.end_col_offset - len(node.attr.encode())
