"""Lines that are found in code, and those that are not: lambdas, comprehensions, code without columns."""

import ast
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from hogtrace.errors import WeaveError
from hogtrace.lines import SourceReader, every_spot, find_spot
from hogtrace.weave.flow import Flow
from tests.hogtrace.lines import samples


def code_of(function: Callable[..., Any]) -> CodeType:
    """Give a function's code."""
    code: CodeType = function.__code__  # type: ignore[attr-defined]
    return code


def test_lambdas_on_one_line_are_told_apart() -> None:
    """By where their instructions come from; the body is the statement."""
    first, second, long = (lambda a: a + 1, lambda a: a - 1, lambda a: (
        a
        * 2
    ))  # fmt: skip
    for function, below in ((first, 0), (second, 0), (long, 1)):
        (spot,) = every_spot(code_of(function), SourceReader())
        assert spot == find_spot(code_of(function), below, SourceReader())
        assert len(spot.arrivals) == 1
    with pytest.raises(WeaveError, match=r"no statement starts at entry\+2"):
        find_spot(code_of(long), 2, SourceReader())


def test_raw_strings_have_expressions_where_others_have_names() -> None:
    """What stands behind a backslash is nothing special there."""

    def told(AMPERSAND: str) -> tuple[str, str, str]:  # noqa: N803 - the name of a character, too
        raw = rf"\N{AMPERSAND}\d{AMPERSAND}"
        named = f"\N{AMPERSAND}{AMPERSAND}"
        return (
            raw,
            named,
            rf"""
            \N{AMPERSAND}""",
        )

    assert len(every_spot(code_of(told), SourceReader())) == 3


def test_comprehensions_have_no_statements() -> None:
    """What runs as a function of its own without being one is refused."""
    generator = (one for one in ())
    with pytest.raises(WeaveError, match="made of no statements"):
        find_spot(generator.gi_code, 0, SourceReader())


def test_code_without_columns() -> None:
    """Under `-X no_debug_ranges` statements are told apart by their lines: nearly all spots are the same."""
    tree = ast.parse(Path(samples.__file__).read_text())
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    for name in names:
        code = code_of(getattr(samples, name))
        spots = every_spot(code, SourceReader())
        bare = every_spot(code.replace(co_linetable=without_columns(code)), SourceReader())
        assert {spot.line for spot in bare} == {spot.line for spot in spots}, name


def without_columns(code: CodeType) -> bytes:
    """Give a line table that has lines only."""
    table = bytearray()
    line = code.co_firstlineno
    for own, *_ in code.co_positions():
        if own is None:
            table.append(128 | 15 << 3)
            continue
        table.append(128 | 13 << 3)
        change = own - line
        number = change << 1 if change >= 0 else -change << 1 | 1
        while number >= 64:
            table.append(number & 63 | 64)
            number >>= 6
        table.append(number)
        line = own
    return bytes(table)


def test_a_source_that_no_python_can_read(tmp_path: Path) -> None:
    """It is said so, whether the text or its encoding is at fault."""
    path = tmp_path / "source.py"
    code = compile("def f():\n    return 1\n", str(path), "exec").co_consts[0]
    assert isinstance(code, CodeType)
    assert every_spot(code, SourceReader()) == []
    path.write_text("def f(:")
    with pytest.raises(WeaveError, match="no source that this Python can parse: SyntaxError"):
        find_spot(code, 1, SourceReader())
    path.write_bytes(b"# coding: nonsense\n")
    with pytest.raises(WeaveError, match="no encoding that can be read"):
        find_spot(code, 1, SourceReader())


def test_stacks_that_no_compiler_leaves() -> None:
    """Code whose stack depends on the way taken has no depths."""

    def f(a: int) -> int:
        while a:
            a -= 1
        return a

    units = bytearray(code_of(f).co_code)
    load = next(step for step in Flow.of(code_of(f)).steps.values() if step.name.startswith("LOAD_"))
    del units[2 * load.first : 2 * load.following]
    with pytest.raises(WeaveError, match="stack is not as compilers leave it"):
        print(Flow.of(code_of(f).replace(co_code=bytes(units))).depths)
