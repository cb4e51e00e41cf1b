"""The codecs of exception and line tables, and the table of versions against CPython's own."""

import argparse
import dis
import inspect
import opcode
import random
import sys
from typing import Any

import pytest

from hogtrace.weave.instructions import VERSION, VERSIONS, argument_at, encode, prefix
from hogtrace.weave.tables import Handler, carve, read_handlers, stretch_lines, write_handlers

assert VERSION is not None


def test_handlers_survive_the_round_trip() -> None:
    """Numbers of one, two and more digits of six bits."""
    handlers = [
        Handler(0, 1, 63, 0, False),
        Handler(1, 65, 64, 1, True),
        Handler(100, 5000, 4096, 31, True),
        Handler(5000, 300_000, 262_144, 40, False),
    ]
    assert read_handlers(write_handlers(handlers)) == handlers


def test_handlers_are_written_as_the_compiler_writes_them() -> None:
    """What is read from compiled code is written back byte by byte."""
    tables = [
        function.__code__.co_exceptiontable
        for function in vars(random.Random).values()
        if hasattr(function, "__code__")
    ]
    tables.append(test_every_jump_of_this_version_is_known.__code__.co_exceptiontable)
    for table in tables:
        assert write_handlers(read_handlers(table)) == table


@pytest.mark.parametrize(
    ("holes", "expected"),
    [
        ([], [(2, 8), (10, 20)]),
        ([(0, 2), (8, 10), (20, 22)], [(2, 8), (10, 20)]),
        ([(4, 6)], [(2, 4), (6, 8), (10, 20)]),
        ([(2, 3), (7, 8)], [(3, 7), (10, 20)]),
        ([(0, 30)], []),
        ([(7, 11), (12, 13), (19, 25)], [(2, 7), (11, 12), (13, 19)]),
        ([(2, 8)], [(10, 20)]),
    ],
)
def test_carve_takes_holes_out(holes: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """Inside, at the edges, across, all of it."""
    handlers = [Handler(2, 8, 100, 1, True), Handler(10, 20, 200, 2, False)]
    assert [(handler.start, handler.end) for handler in carve(handlers, holes)] == expected


@pytest.mark.parametrize(
    "function",
    [argparse.ArgumentParser._parse_known_args, inspect.getframeinfo, random.Random.sample, "far apart"],
)
def test_lines_stretch_at_every_place(function: Any) -> None:
    """New units take the location of the unit that they come to; those without a line split an entry."""
    if function == "far apart":
        space: dict[str, Any] = {}
        source = "def f(x):\n  a = x" + "\n" * 500 + "  b = (x +\n" + "\n" * 90 + " x)\n  return " + " " * 200 + "a"
        exec(source, space)  # noqa: S102 - no file could stand this
        function = space["f"]
    code = function.__code__
    size = len(code.co_code) // 2
    positions = list(code.co_positions())
    nowhere = (None, None, None, None)
    generator = random.Random(1)  # noqa: S311
    for _ in range(100):
        places = sorted(generator.sample(range(size), 4))
        blank = places[0], generator.randrange(1, 20)
        grown = [(unit, generator.randrange(1, 20)) for unit in places[generator.randrange(2) :]]
        tail = generator.randrange(30)
        table = stretch_lines(code.co_linetable, size, grown, blank, tail)
        more = dict(grown)
        expected: list[Any] = []
        for unit, place in enumerate(positions):
            if unit == blank[0]:
                expected += [nowhere] * blank[1]
            expected += [place] * (1 + more.get(unit, 0))
        expected += [nowhere] * tail
        stretched = code.replace(co_code=bytes((dis.opmap["NOP"], 0)) * len(expected), co_linetable=table)
        assert list(stretched.co_positions()) == expected


@pytest.mark.parametrize("argument", [0, 1, 255, 256, 65_535, 65_536, 16_777_216])
def test_long_arguments_are_read_as_they_are_written(argument: int) -> None:
    """One prefix for every eight bits."""
    code = encode("NOP") + encode("LOAD_CONST", argument)
    last = len(code) // 2 - 1
    assert argument_at(code, last) == (argument, 1)
    assert len(prefix(argument)) // 2 == last - 1


def _caches(name: str) -> int:
    entries: Any = opcode._inline_cache_entries  # type: ignore[attr-defined]
    return int(entries.get(name, 0) if isinstance(entries, dict) else entries[opcode.opmap[name]])


def test_every_jump_of_this_version_is_known() -> None:
    """The table names exactly the jumps that CPython has; all of them are relative."""
    assert VERSION is not None
    real = {name for name, op in dis.opmap.items() if op in opcode.hasjrel and op < 256}
    real = {name for name in real if not name.startswith("INSTRUMENTED_")}
    assert {*VERSION.forward, *VERSION.backward} == real
    assert not opcode.hasjabs
    assert not set(VERSION.forward) & set(VERSION.backward)


def test_caches_of_this_version_are_right() -> None:
    """The table's caches are CPython's, for all that jumps and all that is inserted."""
    assert VERSION is not None
    inserted = "LOAD_CONST LOAD_FAST LOAD_DEREF BUILD_TUPLE COPY SWAP DELETE_SUBSCR STORE_SUBSCR RERAISE POP_TOP"
    inserted += f" RETURN_VALUE {VERSION.subscript[0]} {VERSION.checked_load}"
    for name in (*VERSION.forward, *VERSION.backward, *inserted.split()):
        assert VERSION.caches.get(name, 0) == _caches(name), name


def test_every_store_of_this_version_is_known() -> None:
    """No instruction binds or unbinds a local that the table does not name."""
    assert VERSION is not None
    names = [name for name in dis.opmap if dis.opmap[name] < 256 and not name.startswith("INSTRUMENTED_")]
    stores = {name for name in names if name.startswith(("STORE_FAST", "DELETE_FAST", "STORE_DEREF", "DELETE_DEREF"))}
    # What is only a form of another instruction at run time never shows in co_code.
    compiled = {name for name in stores if "__" not in name and "MAYBE_NULL" not in name}
    assert compiled == {*VERSION.stores, *VERSION.pairs}


def test_the_subscript_of_this_version() -> None:
    """The argument of BINARY_OP that stands for an item."""
    assert VERSION is not None
    name, argument = VERSION.subscript
    if name == "BINARY_OP":
        assert opcode._nb_ops[argument][1] == "[]"  # type: ignore[attr-defined]
    assert (name == "BINARY_OP") == (sys.version_info >= (3, 14))


def test_each_supported_version_is_in_the_table() -> None:
    """3.11 to 3.14."""
    assert sorted(VERSIONS) == [(3, 11), (3, 12), (3, 13), (3, 14)]
