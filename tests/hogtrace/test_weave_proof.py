"""Woven code of real libraries, proved to be the original code with the hooks and nothing else."""

import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from hogtrace.lines import SourceReader, every_spot
from hogtrace.weave import LineCall, Plan, WeaveError, weave
from hogtrace.weave.tables import Handler, read_handlers
from tests.hogtrace.weaving.hooks import Quiet
from tests.hogtrace.weaving.verifier import all_slots, check_depths, decode, functions, verify

LIBRARY = Path(os.__file__).parent
SAMPLE = [
    "argparse.py",
    "asyncio/base_events.py",
    "ast.py",
    "contextlib.py",
    "dataclasses.py",
    "functools.py",
    "inspect.py",
    "logging/__init__.py",
    "pickle.py",
    "subprocess.py",
    "traceback.py",
    "typing.py",
    "unittest/mock.py",
]


def compiled(path: Path) -> CodeType | None:
    """Compile a file, or give None where that cannot be done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None  # some of CPython's tests are made of such files


def plans(code: CodeType) -> Iterator[Plan]:
    """Give a plan without loads, one that enters nothing, two that leave nothing, and one that loads everything."""
    yield Plan((), ())
    yield Plan((), (), enters=False)
    yield Plan((), (), leaves=False)
    yield Plan(tuple(all_slots(code)), (), leaves=False)
    yield Plan(tuple(all_slots(code)), tuple(all_slots(code)))


def plans_with_lines(code: CodeType, reader: SourceReader) -> Iterator[Plan]:
    """Give plans with a hook at every line: alone, and with a token that it is handed and all values everywhere."""
    try:
        spots = every_spot(code, reader)
    except WeaveError as error:
        # Some code has no `def`: that of comprehensions, annotations, type parameters and aliases.
        if code.co_name.startswith("<") or "does not begin a function" in error.reason:
            return
        raise
    slots = tuple(all_slots(code))
    alone = tuple(LineCall(Quiet(), spot.arrivals) for spot in spots)
    yield Plan((), (), enters=False, leaves=False, lines=alone)
    yield Plan(slots, slots, lines=tuple(LineCall(Quiet(), spot.arrivals, slots, token=True) for spot in spots))


def prove(code: CodeType, hook: object) -> int:
    """Weave every function in a module's code and verify it; give how many there were."""
    count = 0
    reader = SourceReader()
    for function in functions(code):
        for plan in (*plans(function), *plans_with_lines(function, reader)):
            verify(function, weave(function, hook, plan), hook, plan)
        count += 1
    return count


@pytest.mark.parametrize("name", SAMPLE)
def test_functions_of_the_standard_library(name: str) -> None:
    """Modules with much code of every kind."""
    code = compiled(LIBRARY / name)
    assert code is not None
    assert prove(code, Quiet()) > 10


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_function_of_the_standard_library() -> None:
    """All of it, the tests included where they are there."""
    hook = Quiet()
    count = 0
    for path in sorted(LIBRARY.rglob("*.py")):
        if "site-packages" not in path.parts and (code := compiled(path)) is not None:
            count += prove(code, hook)
    assert count > 10_000


@pytest.mark.parametrize("package", ["django", "flask", "starlette", "pytest", "hogtrace"])
def test_functions_of_frameworks(package: str) -> None:
    """One file in twenty-five of what applications are made of."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    hook = Quiet()
    for path in sorted(Path(spec.origin).parent.rglob("*.py"))[::25]:
        code = compiled(path)
        if code is not None:
            prove(code, hook)


def test_weaving_woven_code() -> None:
    """Code that is woven already is as good as any."""
    code = compiled(LIBRARY / "contextlib.py")
    assert code is not None
    inner, outer = Quiet(), Quiet()
    for function in functions(code):
        for plan in plans(function):
            woven = weave(function, inner, plan)
            twice = weave(woven, outer, plan)
            check_depths(twice)
            assert twice.co_consts[len(woven.co_consts)] is outer


def test_the_bytecode_library_reads_the_same() -> None:
    """Another decoder finds the same instructions and handlers in woven code."""
    bytecode = pytest.importorskip("bytecode")
    code = compiled(LIBRARY / "functools.py")
    assert code is not None
    for function in functions(code):
        for plan in plans(function):
            woven = weave(function, Quiet(), plan)
            read = bytecode.ConcreteBytecode.from_code(woven)
            assert [
                (instruction.name, 0 if instruction.arg is bytecode.UNSET else instruction.arg)
                for instruction in read
                if instruction.name != "CACHE"
            ] == [(instruction.name, instruction.argument) for instruction in decode(woven)]
            assert [
                Handler(
                    entry.start_offset,
                    entry.stop_offset + 1,
                    entry.target,
                    entry.stack_depth,
                    entry.push_lasti,
                )
                for entry in read.exception_table
            ] == read_handlers(woven.co_exceptiontable)
