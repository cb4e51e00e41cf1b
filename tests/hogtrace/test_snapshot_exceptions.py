"""What a copy tells of an exception: message, arguments, notes, what it came from, where it was raised."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from hogtrace.events import Mark
from tests.hogtrace import hostile
from tests.hogtrace.evaluation import evaluate

HERE = __name__


def copied(value: object) -> Any:
    """Give the copy that a capture takes of `value`."""
    return evaluate("v", v=value).value


def raised(action: Callable[[], object]) -> BaseException:
    """Give the exception that `action` ends with."""
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


class Failed(Exception):
    """An exception with a text of its own."""

    def __str__(self) -> str:
        raise AssertionError("__str__ ran")

    __repr__ = __str__


class Coded(Exception):
    """An exception with slots and fields."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code
        self.why = "because"


class TestMessage:
    """What the exception says."""

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ValueError(), ""),
            (ValueError("no"), "no"),
            (ValueError("no", 1), "('no', 1)"),
            (KeyError("k"), "'k'"),
            (KeyError("it's", 2), """("it's", 2)"""),
            (FileNotFoundError(2, "gone", "f"), "[Errno 2] gone: 'f'"),
            (
                UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
                "'utf-8' codec can't decode byte 0xff in position 0: bad",
            ),
            (StopIteration(3), "3"),
            (SystemExit(2), "2"),
            (ImportError("none", name="x"), "none"),
            (SyntaxError("odd", ("f.py", 1, 2, "text")), "odd"),
            (Failed("why"), "why"),
            (ExceptionGroup("all", [ValueError(1)]), "all"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_as_python_says_it(self, error: BaseException, message: str) -> None:
        """As `str` would, where C makes the text; else what the exception stores."""
        assert copied(error)["$message"] == message

    def test_what_only_the_application_can_say(self) -> None:
        """Of an exception with a text of its own the code is not run, nor of its arguments."""
        assert copied(Failed(Failed("inner"), 1)) == {
            "$type": f"{HERE}.Failed",
            "$args": ({"$type": f"{HERE}.Failed", "$message": "inner", "$args": ("inner",)}, 1),
        }

    def test_fields(self) -> None:
        """What an exception of the application stores is there, in its dict and in slots."""
        assert copied(Coded(7)) == {"$type": f"{HERE}.Coded", "$message": "", "$args": (), "why": "because", "code": 7}

    def test_notes(self) -> None:
        """Notes are kept."""
        error = ValueError("no")
        error.add_note("order 17")
        assert copied(error)["$notes"] == ["order 17"]

    def test_a_long_message_is_cut(self) -> None:
        """With its true length, and without a copy of all of it."""
        copy = copied(ValueError("x" * 1_000_000))
        assert copy["$message"] == "x" * 1024 + "…truncated (1000000 characters)"
        assert isinstance(copy["$message"], Mark)

    def test_hostile_arguments(self) -> None:
        """Arguments of any kind are copied and not asked."""
        objects = hostile.hostile_objects()
        copied(ValueError(*objects.values()))
        copied(objects["exception"])
        error = ValueError("x")
        error.args = (objects["str"],)
        error.__notes__ = objects["list"]  # type: ignore[attr-defined]
        copied(error)
        error.__dict__[5] = objects["int"]  # type: ignore[index]
        error.__cause__ = objects["exception"]
        copied(error)
        assert hostile.touches == []


class TestOrigin:
    """What it came from."""

    def test_cause_and_context(self) -> None:
        """The cause, else the context, as a printed traceback has it."""

        def fail() -> None:
            try:
                try:
                    {}["k"]
                except KeyError as error:
                    raise ValueError("bad") from error
            except ValueError:
                raise RuntimeError("worse")  # noqa: B904 - the context is what is meant

        copy = copied(raised(fail))
        assert copy["$context"]["$message"] == "bad"
        assert copy["$context"]["$cause"]["$message"] == "'k'"
        assert "$context" not in copy["$context"]

    def test_a_suppressed_context_is_not_shown(self) -> None:
        """As a printed traceback does not show it."""

        def fail() -> None:
            try:
                {}["k"]
            except KeyError:
                raise ValueError("bad") from None

        assert set(copied(raised(fail))) == {"$type", "$message", "$args", "$traceback"}

    def test_a_long_chain_ends(self) -> None:
        """Eight are shown, and of the next one type and message."""
        error: BaseException | None = None
        for number in range(100_000):
            outer = ValueError(f"number {number}")
            outer.__cause__ = error
            error = outer
        copy = copied(error)
        for number in range(99_999, 99_991, -1):
            assert copy["$message"] == f"number {number}"
            copy = copy["$cause"]
        assert copy == "…truncated (ValueError: number 99991)"
        assert isinstance(copy, Mark)
        # The interpreter itself ends such a chain by recursion.
        while error is not None:
            inner, error.__cause__ = error.__cause__, None
            error = inner

    def test_a_chain_in_a_circle(self) -> None:
        """It is marked where it comes again."""
        one, two = ValueError("one"), ValueError("two")
        one.__context__, two.__context__ = two, one
        assert copied(one)["$context"]["$context"] == "…cycle (result)"

    def test_groups(self) -> None:
        """A group has its exceptions, and those have theirs."""
        group = ExceptionGroup("all", [ValueError(1), ExceptionGroup("some", [KeyError("k")])])
        first, second = copied(group)["$exceptions"]
        assert first == {"$type": "ValueError", "$message": "1", "$args": (1,)}
        assert second["$exceptions"] == ({"$type": "KeyError", "$message": "'k'", "$args": ("k",)},)

    def test_too_deep(self) -> None:
        """Where an exception is too deep, type and message are still there."""
        assert copied([[[ValueError("no\nway")]]]) == [[["…truncated (ValueError: no way)"]]]
        assert copied([[[Failed("x", "y")]]]) == [[[f"…truncated ({HERE}.Failed)"]]]


def dive(depth: int) -> None:
    """Raise, so many frames below."""
    if depth == 0:
        raise ValueError("deep")
    dive(depth - 1)


class TestTraceback:
    """Where it was raised."""

    def test_frames(self) -> None:
        """File, line and function, the innermost first."""
        frames = copied(raised(lambda: dive(2)))["$traceback"]
        line = dive.__code__.co_firstlineno
        assert frames[0] == f"{__file__}:{line + 3} dive"
        assert frames[1:3] == [f"{__file__}:{line + 4} dive"] * 2
        assert frames[3].endswith(" TestTraceback.test_frames.<locals>.<lambda>")
        assert frames[4].endswith(" raised")
        assert len(frames) == 5

    def test_the_innermost_are_kept(self) -> None:
        """Sixteen of them, and a mark with how many there are."""
        frames = copied(raised(lambda: dive(200)))["$traceback"]
        line = dive.__code__.co_firstlineno
        assert frames == [
            f"{__file__}:{line + 3} dive",
            *[f"{__file__}:{line + 4} dive"] * 15,
            "…truncated (203 frames)",
        ]

    def test_exactly_as_many(self) -> None:
        """At the limit nothing is cut."""
        frames = copied(raised(lambda: dive(13)))["$traceback"]
        assert len(frames) == 16
        assert not isinstance(frames[-1], Mark)
        assert copied(raised(lambda: dive(14)))["$traceback"][16:] == ["…truncated (17 frames)"]

    def test_frames_without_end(self) -> None:
        """A traceback of 100,000 frames is counted, as far as the time of the copy goes."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(110_000)
        try:
            error = raised(lambda: dive(100_000))
        finally:
            sys.setrecursionlimit(limit)
        *frames, mark = copied(error)["$traceback"]
        assert 1 <= len(frames) <= 16
        assert mark.startswith("…truncated (")
        # Unwound step by step: the interpreter ends such a list by recursion.
        trace = error.__traceback__
        while trace is not None:
            inner, trace.tb_next = trace.tb_next, None
            trace = inner

    def test_a_name_without_end(self) -> None:
        """Names of files and functions are cut; of a file the end is kept."""
        code = dive.__code__.replace(co_filename="f" * 10_000, co_qualname="q" * 10_000)
        (frame, *_) = copied(raised(lambda: type(dive)(code, globals())(0)))["$traceback"]
        assert frame == f"…{'f' * 480}:{dive.__code__.co_firstlineno + 3} {'q' * 480}…"
        code = dive.__code__.replace(co_filename="f" * 1_000_000)
        (frame, *_) = copied(raised(lambda: type(dive)(code, globals())(0)))["$traceback"]
        assert frame == f"?:{dive.__code__.co_firstlineno + 3} dive"
