"""Two ways to have a file tell which of its statements begin: by marks written into the source, and by woven hooks."""

import ast
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from hogtrace.lines import SourceReader, every_spot
from hogtrace.weave import LineCall, Plan, weave
from tests.hogtrace.weaving.hooks import Recorder

MARK = "mark_that_a_statement_begins"


class LineRecorder:
    """A hook of a line, which notes that it was called, and with what."""

    def __init__(self, line: int, seen: list[int]) -> None:
        self.line, self.seen = line, seen
        self.handed: list[object] = []

    def __delitem__(self, handed: object) -> None:
        self.seen.append(self.line)
        self.handed.append(handed)


class _Marker(ast.NodeTransformer):
    """Puts a call before the first statement of each line that does anything."""

    def __init__(self) -> None:
        self.lines: set[int] = set()

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, name, [one for statement in statements for one in self._marked(statement)])
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.firsts: set[int] = set()
        for function in ast.walk(node):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                firsts: dict[int, ast.stmt] = {}
                for one in sorted(_own(function), key=lambda one: (one.lineno, one.col_offset)):
                    if not _idle(one):
                        firsts.setdefault(one.lineno, one)
                self.firsts |= {id(one) for one in firsts.values()}
        return self.generic_visit(node)

    def _marked(self, statement: ast.stmt) -> list[ast.stmt]:
        if id(statement) not in self.firsts:
            return [statement]
        first = statement.lineno
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and statement.decorator_list:
            first = statement.decorator_list[0].lineno
        self.lines.add(first)
        mark = ast.parse(f"{MARK}({first})").body[0]
        return [ast.copy_location(mark, statement), statement]


def _own(node: ast.AST) -> Iterator[ast.stmt]:
    """Give the statements of a function that are not those of another in it, or of a class."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, ast.stmt):
            yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _own(one)


def _idle(statement: ast.stmt) -> bool:
    """Whether a statement is compiled to nothing, as far as the samples go."""
    if isinstance(statement, ast.Global | ast.Nonlocal):
        return True
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return isinstance(statement.value.value, str)
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value == "never"
    )


def marked(source: str, filename: str, seen: list[int]) -> tuple[dict[str, Any], set[int]]:
    """Run a source with marks; give its namespace, and the lines that have one."""
    marker = _Marker()
    tree = ast.fix_missing_locations(marker.visit(ast.parse(source)))
    return _run(compile(tree, filename, "exec"), seen), marker.lines


def woven(
    source: str, filename: str, seen: list[int], plan: Callable[[CodeType, list[LineCall]], Plan]
) -> tuple[dict[str, Any], set[int]]:
    """Run a source with a hook at every line; give its namespace, and the lines that have one."""
    reader = SourceReader()
    lines: set[int] = set()

    def change(code: CodeType) -> CodeType:
        consts = tuple(change(one) if isinstance(one, CodeType) else one for one in code.co_consts)
        changed = code.replace(co_consts=consts)
        if code.co_flags & 3 != 3 or code.co_name.startswith("<"):
            return changed
        calls = [LineCall(LineRecorder(spot.line, seen), spot.arrivals) for spot in every_spot(code, reader)]
        lines.update(call.hook.line for call in calls)  # type: ignore[attr-defined]
        return weave(changed, Recorder(), plan(code, calls))

    return _run(change(compile(source, filename, "exec")), seen), lines


def _run(code: CodeType, seen: list[int]) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "samples", MARK: seen.append}
    exec(code, space)  # noqa: S102 - that is what these are for
    return space
