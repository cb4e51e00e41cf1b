"""The source of functions: files are read and parsed, and no code of the application runs for that."""

import ast
import linecache
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Final, TypeAlias, cast

from hogtrace.errors import WeaveError
from hogtrace.weave.layout import parameter_count

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""What makes a function, in a syntax tree."""

_LAMBDA: Final = "<lambda>"
# The parser warns of escapes that mean nothing, through filters and hooks that belong to the application. What a
# string says does not matter here, only how long it is. A raw string has no escapes; in one with an `f`, what looks
# like a character's name is an expression.
_ESCAPE: Final = re.compile(
    r"""
    (?<!\w) (?: [fF][rR] | [rR][fF] )
        (?: (?P<long>\"{3}|'{3}) (?s:\\.|.)*? (?P=long) | (?P<short>["']) (?:\\.|.)*? (?P=short) )
    | (?P<escape> \\N\{[^}\n]*\} | \\[^\n\r{}\x80-\U0010ffff] | \\(?=[{}\x80-\U0010ffff]) )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Source:
    """The text of a file, and the functions in it by name and first line, decorators included."""

    lines: Sequence[str]
    functions: dict[tuple[str, int], list[FunctionNode]]

    def text(self, line: int) -> str:
        """Give a line, counted from 1, without what surrounds it, and cut where it is long."""
        text = self.lines[line - 1].strip() if line <= len(self.lines) else ""
        return text if len(text) <= 60 else text[:59] + "…"


@dataclass
class SourceReader:
    """Reads sources, each file once; to be used for a short time only, because files change."""

    _read: dict[str, Source | WeaveError | None] = field(default_factory=dict)

    def read(self, code: CodeType) -> Source | None:
        """Give the source of the file that `code` was made of; None where there is none to be had.

        Looked for in the file system, then in what `linecache` has been given as text. Raises `WeaveError` where it
        is there and is no source that Python can parse.
        """
        name = code.co_filename
        if name not in self._read:
            try:
                self._read[name] = _load(name)
            except WeaveError as error:
                self._read[name] = error
        found = self._read[name]
        if isinstance(found, WeaveError):
            raise WeaveError(found.reason)
        return found

    def function(self, code: CodeType) -> tuple[Source, FunctionNode] | None:
        """Give the source of a function, and what it is there; None without a source.

        Raises `WeaveError` where the source does not have it, because the file is not what it was.
        """
        if code.co_name.startswith("<") and code.co_name != _LAMBDA:
            raise WeaveError("it is made of no statements")
        source = self.read(code)
        if source is None:
            return None
        found = source.functions.get((code.co_name, code.co_firstlineno), [])
        if len(found) > 1:
            found = [node for node in found if _holds(node, code)]
        if not found:
            raise changed(code, f"line {code.co_firstlineno} does not begin {_kind(code)} now")
        if len(found) > 1:
            raise WeaveError(f"line {code.co_firstlineno} of {code.co_filename} has several such functions")
        node = found[0]
        if _parameters(node) != code.co_varnames[: parameter_count(code)]:
            raise changed(code, "its parameters are others now")
        known = {*code.co_varnames, *code.co_cellvars, *code.co_freevars, *code.co_names}
        if unknown := _bound(node) - known:
            raise changed(code, f"it has no variable {min(unknown)!r}")
        return source, node


def changed(code: CodeType, how: str) -> WeaveError:
    """Make the error of a source that `code` was not compiled from; `how` says what shows that."""
    return WeaveError(f"its source has changed since it was imported: {how} ({code.co_filename})")


def start_line(node: FunctionNode | ast.ClassDef) -> int:
    """Give the line where a function or a class begins, with its decorators."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def statement_parts(node: ast.AST) -> Iterator[ast.stmt]:
    """Give the statements directly in a statement or a function, whatever clause they stand in."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        for part in getattr(node, name, ()):
            if isinstance(part, ast.stmt):
                yield part
            else:
                yield from part.body  # that of an `except` or `case`


def _load(name: str) -> Source | None:
    text = _text(name)
    if text is None:
        return None
    try:
        tree = ast.parse(_ESCAPE.sub(lambda match: "x" * len(match[0]) if match["escape"] else match[0], text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise WeaveError(f"{name} is no source that this Python can parse: {type(error).__name__}") from None
    functions: dict[tuple[str, int], list[FunctionNode]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            called = _LAMBDA if isinstance(node, ast.Lambda) else node.name
            functions.setdefault((called, start_line(node)), []).append(node)
    return Source(text.splitlines(), functions)


def _text(name: str) -> str | None:
    try:
        path = Path(name)
        if path.is_file():
            with tokenize.open(path) as file:
                return file.read()
    except OSError:
        return None
    except (SyntaxError, UnicodeDecodeError):
        raise WeaveError(f"{name} is in no encoding that can be read") from None
    # An entry that is not read yet, which would take a loader, is shorter.
    entry = cast("dict[str, Any]", linecache.cache).get(name)
    if type(entry) is tuple and len(entry) == 4 and type(entry[2]) is list:
        return "".join(line for line in entry[2] if type(line) is str)
    return None


def _kind(code: CodeType) -> str:
    return "a lambda" if code.co_name == _LAMBDA else f"a function {code.co_name!r}"


def _holds(node: FunctionNode, code: CodeType) -> bool:
    """Whether every instruction of `code`, as far as its column is known, lies in a function's own text."""
    begin, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
    # The first instructions are of the whole line.
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    return all(begin <= place < end for place in places)


def _parameters(node: FunctionNode) -> tuple[str, ...]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    stars = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return tuple(one.arg for one in named + stars)


def _bound(node: FunctionNode) -> set[str]:
    """Give names that the function itself binds or deletes: those that are simple to find and cannot be lost."""
    names: set[str] = set()
    spared: set[str] = set()
    waiting: list[ast.AST] = list(statement_parts(node)) if not isinstance(node, ast.Lambda) else [node.body]
    while waiting:
        one = waiting.pop()
        match one:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(one.name)
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                pass
            case ast.AnnAssign(value=None):
                pass
            case ast.Global() | ast.Nonlocal():
                # What is never run is not compiled, and a name that is only stored there is lost.
                spared.update(one.names)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case _:
                waiting.extend(ast.iter_child_nodes(one))
    return {name for name in names - spared if not name.startswith("__")}
