"""Hooks of lines in woven code: what they are handed, what they see, and what an exception in one does."""

# The functions to be woven are there for their shapes.
# ruff: noqa: B007, B904, PT012

import sys
import traceback
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest

from hogtrace.errors import WeaveError
from hogtrace.lines import SourceReader, Spot, every_spot, find_spot
from hogtrace.weave import Arrival, LineCall, Plan, weave
from tests.hogtrace.lines.marks import LineRecorder
from tests.hogtrace.weaving.hooks import Quiet, Recorder


def spot(function: Callable[..., Any], below: int) -> Spot:
    """Give the spot of a line."""
    assert isinstance(function, FunctionType)
    return find_spot(function.__code__, below, SourceReader())


def put(function: Callable[..., Any], hooks: dict[int, object], **more: Any) -> Recorder:
    """Weave hooks of lines into a function; `more` is what the plan and each of its lines has beside them."""
    assert isinstance(function, FunctionType)
    hook = Recorder()
    token = more.pop("token", False)
    loads = more.pop("loads", ())
    lines = tuple(
        LineCall(one, spot(function, below).arrivals, loads, token=token) for below, one in sorted(hooks.items())
    )
    plan = Plan((), (), enters=token, leaves=token, lines=lines)
    function.__code__ = weave(function.__code__, hook, plan)
    return hook


def test_what_a_line_is_handed() -> None:
    """None without anything, the values in a tuple, and the hook of the function for one that has none."""

    def f(a: int) -> int:
        b = a
        del a
        return b

    seen: list[int] = []
    slots = (0, 1)
    hooks = {below: LineRecorder(below, seen) for below in (1, 2, 3)}
    original = f.__code__
    put(f, hooks)
    assert f(5) == 5
    assert seen == [1, 2, 3]
    assert [hook.handed for hook in hooks.values()] == [[None]] * 3
    f.__code__ = original
    hooks = {below: LineRecorder(below, seen) for below in (1, 2, 3)}
    own = put(f, hooks, loads=slots)
    assert f(5) == 5
    assert [hook.handed for hook in hooks.values()] == [[(5, own)], [(5, 5)], [(own, 5)]]


def test_the_token_is_that_of_the_call() -> None:
    """From below whatever lies on the stack: iterators, the exits of `with`, an exception that is handled."""

    class Token:
        def __init__(self, number: int) -> None:
            self.number = number

        def __setitem__(self, *_: object) -> None:
            pass

        def __delitem__(self, _: object) -> None:
            pass

    class Hook:
        count = 0

        def __getitem__(self, _: object) -> Token:
            self.count += 1
            return Token(self.count)

    def f(n: int) -> int:
        for i in [n]:
            for _ in "a":
                try:
                    raise KeyError
                except KeyError:
                    with pytest.raises(ValueError, match="x"):
                        n = n and f(n - 1)
                        raise ValueError("x")
        return n

    seen: list[int] = []
    line = LineRecorder(7, seen)
    call = LineCall(line, spot(f, 7).arrivals, (0,), token=True)
    f.__code__ = weave(f.__code__, Hook(), Plan((), (), lines=(call,)))
    f(2)
    handed: list[Any] = line.handed
    assert [(token.number, n) for token, n in handed] == [(1, 2), (2, 1), (3, 0)]


def test_an_exception_of_a_hook_is_raised_by_the_line() -> None:
    """The function's own handlers see it, and the traceback shows the line; signal handlers may raise like that."""

    class Interrupted(Exception):
        pass

    class Raising:
        def __delitem__(self, _: object) -> None:
            raise Interrupted

    def f(log: list[object]) -> list[object]:
        for i in range(2):
            try:
                log.append(i)
            except Interrupted as error:
                log.append(error.__traceback__.tb_lineno)  # type: ignore[union-attr]
                continue
            finally:
                log.append("finally")
        return log

    first = f.__code__.co_firstlineno
    original = f.__code__
    put(f, {3: Raising()})
    assert f([]) == [first + 3, "finally", first + 3, "finally"]
    f.__code__ = original
    put(f, {9: Raising()}, token=True)
    with pytest.raises(Interrupted) as caught:
        f([])
    assert traceback.extract_tb(caught.value.__traceback__)[-2].lineno == first + 9
    assert caught.value.__context__ is None


def test_the_frame_is_at_the_line() -> None:
    """What looks at the frame from a hook finds the line of what comes next."""
    lines: list[int | None] = []

    class Looking:
        def __delitem__(self, _: object) -> None:
            lines.append(sys._getframe(1).f_lineno)

    def f(a: int) -> list[int]:
        if a:
            a += 1
        return [a for _ in range(2)]

    first = f.__code__.co_firstlineno
    put(f, dict.fromkeys((1, 2, 3), Looking()))
    f(1)
    assert lines[:2] == [first + 1, first + 2]
    assert lines[2] in range(first + 3, first + 7)


def test_a_generator_keeps_its_hooks() -> None:
    """Lines fire as the generator goes on, and in each one by itself."""

    def g(n: int) -> Iterator[int]:
        for i in range(n):
            yield i
            n -= 1

    seen: list[int] = []
    put(g, {below: LineRecorder(below, seen) for below in (1, 2, 3)}, token=True)
    one, two = g(2), g(2)
    assert (next(one), next(two), next(one)) == (0, 0, 1)
    assert seen == [1, 2, 1, 2, 3, 2]
    assert list(one) == []
    assert seen[6:] == [3]


def test_lines_of_woven_code_are_found() -> None:
    """Hooks may be woven into code that has some."""

    def f(a: int) -> int:
        while a > 0:
            a -= 1
        return a

    seen: list[int] = []
    original: CodeType = f.__code__
    code = original
    for below in (1, 2, 3):
        reader = SourceReader()
        code = weave(
            code,
            Recorder(),
            Plan((), (), lines=(LineCall(LineRecorder(below, seen), find_spot(code, below, reader).arrivals),)),
        )
    f.__code__ = code
    assert f(2) == 0
    assert seen == [1, 2, 2, 3]


def test_plans_that_cannot_be() -> None:
    """A place that is none, a slot that is none, and a token that is not there."""

    def f(a: int) -> int:
        return a

    (own,) = every_spot(f.__code__, SourceReader())
    for arrival in (Arrival(0, frozenset()), Arrival(own.arrivals[0].unit + 999, frozenset())):
        with pytest.raises(ValueError, match="can be called at unit"):
            weave(f.__code__, Quiet(), Plan((), (), lines=(LineCall(Quiet(), (arrival,)),)))
    with pytest.raises(ValueError, match="no slot"):
        weave(f.__code__, Quiet(), Plan((), (), lines=(LineCall(Quiet(), own.arrivals, (1,)),)))
    with pytest.raises(ValueError, match="token"):
        weave(f.__code__, Quiet(), Plan((), (), leaves=False, lines=(LineCall(Quiet(), own.arrivals, token=True),)))


def test_ways_past_that_cross_are_refused() -> None:
    """Of two hooks at one place, whoever goes past the second goes past the first."""

    def f(a: int) -> int:
        while a:
            if a == 3:
                continue
            a -= 1
        return a

    (loop,) = spot(f, 1).arrivals
    ways = sorted(way for one in every_spot(f.__code__, SourceReader()) for way in (one.arrivals[0].unit,))
    before, after = ways[0] - 1, ways[-1]
    with pytest.raises(WeaveError, match="in each other's way"):
        weave(
            f.__code__,
            Quiet(),
            Plan(
                (),
                (),
                lines=(
                    LineCall(Quiet(), (Arrival(loop.unit, frozenset({after, after + 1})),)),
                    LineCall(Quiet(), (Arrival(loop.unit, frozenset({before})),)),
                ),
            ),
        )
