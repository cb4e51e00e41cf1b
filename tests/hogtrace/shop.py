"""A small application for the tracer's tests: every kind of function that probes go into."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any


class Refused(Exception):
    """An order that is not taken."""


def place(order: str, count: int = 1, *, gift: bool = False) -> str:
    """Take an order."""
    if count < 1:
        raise Refused(order)
    label = f"{count}x{order}"
    return label + (" (gift)" if gift else "")


def nothing() -> None:
    """Return nothing."""


def rebinds(value: object) -> object:
    """Forget the argument while it runs."""
    value = [value, "rebound"]
    return value[1]


def factorial(n: int) -> int:
    """Recurse."""
    return 1 if n < 2 else n * factorial(n - 1)


def log_in(name: str, password: str) -> bool:
    """Take a secret."""
    return bool(name and password)


async def fetch(key: str) -> str:
    """Be a coroutine."""
    return key.upper()


def numbers(stop: int) -> Iterator[int]:
    """Be a generator."""
    yield from range(stop)


async def pages(stop: int) -> AsyncIterator[int]:
    """Be an async generator."""
    for page in range(stop):
        yield page


def loud(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate, as a well-behaved decorator does."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@loud
def decorated(a: int) -> int:
    """Stand behind a decorator."""
    return a + 1


def counter() -> Callable[[], int]:
    """Make a closure."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return count

    return step


class Basket:
    """Methods of each kind."""

    size = 3

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def add(self, item: str) -> str:
        """Be a plain method."""
        return f"{self.owner}:{item}"

    @staticmethod
    def price(amount: int) -> int:
        """Be a static method."""
        return amount * 2

    @classmethod
    def empty(cls, owner: str) -> "Basket":
        """Be a class method."""
        return cls(owner)

    @property
    def label(self) -> str:
        """Be a property."""
        return self.owner.title()
