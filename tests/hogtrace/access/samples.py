"""Objects of ordinary classes that the tests of access read."""

import dataclasses
import enum
import functools
from typing import Any, ClassVar, NamedTuple

from tests.hogtrace.evaluation import Outcome


class Plain:
    """An object with what an ordinary class has."""

    constant = "of the class"
    table: ClassVar[dict[str, int]] = {"a": 1}

    def __init__(self) -> None:
        self.name = "stored"
        self.constant = "of the instance"

    @property
    def computed(self) -> str:
        """Code of the application."""
        raise AssertionError("a property ran")

    @functools.cached_property
    def cached(self) -> str:
        """Code of the application, once."""
        return "cached"

    def method(self) -> None:
        """Do nothing."""

    @staticmethod
    def static() -> None:
        """Do nothing."""


class Slotted:
    """An object without a dict."""

    __slots__ = ("empty", "filled")

    def __init__(self) -> None:
        self.filled = 1


class Fallback:
    """An object that is asked for what it does not store."""

    def __init__(self) -> None:
        self.stored = 1

    def __getattr__(self, name: str) -> str:
        raise AssertionError(f"__getattr__({name!r}) ran")


class Guarded:
    """An object that is asked for everything."""

    def __init__(self) -> None:
        self.stored = 1

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"__getattribute__({name!r}) ran")


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Level(enum.IntEnum):
    """An enumeration of numbers."""

    HIGH = 3


class Name(str):
    """A string that overrides nothing."""


class Items(list[Any]):
    """A list that overrides nothing."""


class Members(set[Any]):
    """A set that overrides nothing."""


class Pair(tuple[Any, ...]):
    """A tuple that overrides nothing."""


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


@dataclasses.dataclass
class Money:
    """A class with a comparison in Python."""

    amount: int


def refused(outcome: Outcome, *parts: str) -> None:
    """Check that it was refused, with all of `parts` in the message."""
    assert outcome.kind == "refused", outcome
    assert outcome.message is not None
    for part in parts:
        assert part in outcome.message
