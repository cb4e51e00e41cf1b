"""`stack()`: the frames around a probe, in woven functions and over a frame in hand."""

import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest

import hogtrace
from hogtrace import RequestLocalStore, Tracer, execute_probe
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.evaluation import evaluate

HERE = __name__


class Failed(Exception):
    """What `plain` raises."""


def plain(fail: bool = False) -> str:
    """Return from its fourth line, or raise from its third."""
    if fail:
        raise Failed
    return "done"


def caller() -> str:
    """Call on its second line."""
    return plain()


def count_down(n: int) -> int:
    """Recurse."""
    return 0 if n == 0 else 1 + count_down(n - 1)


def recurse_for_ever(depth: int) -> int:
    """Recurse until the interpreter stops it; give how deep that was."""
    try:
        return recurse_for_ever(depth + 1)
    except RecursionError:
        return depth


def numbers() -> Iterator[int]:
    """Yield from two lines."""
    yield 1
    yield 2


async def fetch() -> str:
    """Await once."""
    await asyncio.sleep(0)
    return "fetched"


async def pages() -> AsyncIterator[int]:
    """Be an async generator."""
    yield 1
    await asyncio.sleep(0)
    yield 2


class Shop:
    """A method, for its name."""

    def open(self) -> str:
        """Be called."""
        return plain()


class Bench:
    """A tracer with its exporter."""

    def __init__(self) -> None:
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None)

    def probe(self, text: str) -> None:
        """Install a program; `HERE.` in it stands for this module."""
        self.tracer.install(hogtrace.compile(text.replace("HERE.", f"{HERE}.")))

    def stacks(self) -> list[list[str]]:
        """Give the `stack` of each event."""
        assert self.tracer.flush(60)
        assert [event.errors for event in self.exporter.events] == [[]] * len(self.exporter.events)
        return [event.values["stack"] for event in self.exporter.events]


@pytest.fixture
def bench() -> Generator[Bench]:
    """Give a tracer that is stopped after the test."""
    made = Bench()
    with made.tracer:
        yield made


def line(function: Callable[..., Any], offset: int = 0) -> str:
    """Give the text of a frame of `function`, at the line `offset` below its `def`."""
    assert isinstance(function, FunctionType)
    code: CodeType = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno + offset} {code.co_qualname}"


def here(offset: int = 0) -> str:
    """Give the text of the calling frame, at its line `offset` lines from now."""
    frame = sys._getframe(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno + offset} {frame.f_code.co_qualname}"


def test_entry_and_exit_of_a_function(bench: Bench) -> None:
    """The probed function is first, at the line where it is; its callers follow."""
    bench.probe("fn:HERE.plain:entry { capture(stack=stack(3)); } fn:HERE.plain:exit { capture(stack=stack(3)); }")
    expected = here(1)
    caller()
    assert bench.stacks() == [
        [line(plain), line(caller, 2), expected],
        [line(plain, 4), line(caller, 2), expected],
    ]


def test_exit_by_an_exception(bench: Bench) -> None:
    """An exception leaves from the line that raised it, and its traceback stays as it was."""
    bench.probe("fn:HERE.plain:exit { capture(stack=stack(1)); }")
    with pytest.raises(Failed) as caught:
        plain(fail=True)
    assert bench.stacks() == [[line(plain, 3)]]
    assert [entry.name for entry in caught.traceback] == ["test_exit_by_an_exception", "plain"]


def test_methods_have_their_qualified_names(bench: Bench) -> None:
    """A frame names its function as Python does."""
    bench.probe("fn:HERE.Shop.open:entry { capture(stack=stack(1)); }")
    Shop().open()
    (stack,) = bench.stacks()
    assert stack[0].endswith(" Shop.open")


def test_generators_and_coroutines(bench: Bench) -> None:
    """Their frames are those that run now: whoever resumed them last is around them."""
    bench.probe(
        "fn:HERE.numbers:entry { capture(stack=stack(2)); } fn:HERE.numbers:exit { capture(stack=stack(2)); }"
        "fn:HERE.fetch:entry { capture(stack=stack(1)); } fn:HERE.fetch:exit { capture(stack=stack(1)); }"
        "fn:HERE.pages:entry { capture(stack=stack(1)); } fn:HERE.pages:exit { capture(stack=stack(64)); }"
    )
    generator = numbers()
    first = here(1)
    next(generator)
    next(generator)
    last = here(1)
    assert next(generator, None) is None

    async def visit() -> None:
        await fetch()
        async for _ in pages():
            pass

    asyncio.run(visit())
    stacks = bench.stacks()
    assert stacks[:4] == [
        [line(numbers), first],
        [line(numbers, 3), last],
        [line(fetch)],
        [line(fetch, 3)],
    ]
    assert stacks[4] == [line(pages)]
    # At most 64, and the event loop's frames are among them.
    assert stacks[5][0] == line(pages, 4)
    assert any(frame.endswith(" test_generators_and_coroutines") for frame in stacks[5])


def test_as_many_as_asked_for(bench: Bench) -> None:
    """16 unless told otherwise, at most 64, and no more than there are."""
    bench.probe(
        "fn:HERE.count_down:entry / n == 0 / {"
        "capture(stack=stack()); capture(stack=stack(64)); capture(stack=stack(1)); }"
    )
    count_down(100)
    stacks = bench.stacks()
    assert [len(stack) for stack in stacks] == [16, 64, 1]
    assert stacks[1][1:] == [line(count_down, 2)] * 63
    assert stacks[1][:16] == stacks[0]
    assert len(evaluate("stack(64)").value) <= 64


def test_a_computed_count_out_of_range_is_an_error() -> None:
    """What the compiler cannot see the run does."""
    assert len(evaluate("stack(n + 1)", n=1).value) == 2
    for n in (0, -1, 65, 10**30, True, 1.5, "2", None):
        value, kind, message = evaluate("stack(n)", n=n)
        assert value is None
        assert (kind, message and message.startswith("stack() ")) in {("value", True), ("type", True)}, n


def test_at_the_recursion_limit(bench: Bench) -> None:
    """A function that recurses for ever is stopped where it would be without the probe, which saw it all."""
    bare = recurse_for_ever(0)
    bench.probe(
        "fn:HERE.recurse_for_ever:entry / len(stack(64)) > 70 / { } fn:HERE.recurse_for_ever:exit / stack() == 1 / { }"
    )
    assert recurse_for_ever(0) == bare
    for probe in bench.tracer.status().probes:
        assert probe.hits == probe.not_passed + probe.failed
        assert probe.hits >= bare


def test_a_frame_in_hand() -> None:
    """`execute_probe` begins at the frame that it is given, at its current line."""
    program = hogtrace.compile("fn:m.f:exit { capture(stack=stack(2)); }")

    def inner() -> object:
        return execute_probe(program, program.probes[0], sys._getframe(), RequestLocalStore())

    expected = here(1)
    assert inner() == {"stack": [line(inner, 1), expected]}
    frame = sys._getframe()
    result = execute_probe(program, program.probes[0], frame, RequestLocalStore())
    assert result is not None
    assert result["stack"][0] == here(-2)


def test_long_names_are_cut_and_odd_ones_harmless() -> None:
    """A frame's text is bounded: of a file the end is kept. Names that no UTF-8 can hold do no harm."""
    program = hogtrace.compile("fn:m.f:exit { capture(stack=stack(1)); }")

    class Hostile(str):
        def __str__(self) -> str:
            raise AssertionError("__str__ ran")

        def __format__(self, spec: str) -> str:
            raise AssertionError("__format__ ran")

    def run(filename: str, name: str) -> str:
        def body() -> object:
            return execute_probe(program, program.probes[0], sys._getframe(), RequestLocalStore())

        body.__code__ = body.__code__.replace(co_filename=filename, co_qualname=name)
        result = body()
        assert isinstance(result, dict)
        (text,) = result["stack"]
        assert isinstance(text, str)
        return text

    long = run("/very" + "é" * 5000 + "/end.py", "Outer." + "x" * 5000)
    assert len(long.encode()) < 1024
    assert long.startswith("…")
    assert "/end.py:" in long
    assert long.endswith("x…")
    assert run("odd\udcff.py", "f\ud800").startswith("odd")
    assert run(Hostile("own.py"), Hostile("own")).startswith("own.py:")


def test_frames_are_not_kept(bench: Bench) -> None:
    """What a function's locals hold is let go when it returns, as without the probe."""

    class Thing:
        pass

    bench.probe("fn:HERE.plain:entry { $req.s = stack(); capture(stack=stack()); }")
    references = []

    def hold() -> None:
        thing = Thing()
        references.append(weakref.ref(thing))
        plain()

    gc.disable()
    try:
        with hogtrace.request_scope():
            hold()
            assert references[0]() is None
    finally:
        gc.enable()
    assert len(bench.stacks()) == 1
