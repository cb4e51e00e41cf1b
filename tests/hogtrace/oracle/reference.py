"""What CPython makes of an expression, and which of the engine's answers agree with that.

The language's own meanings are few: `and` and `or` give `True` or `False`, `== None` means `is None`, `%` formats
nothing, and what is over a limit is an error. All else is what `eval` gives.
"""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.hogtrace.oracle.trees import Tree

BITS, BYTES, ITEMS = 4096, 65_536, 8192
"""The limits of what the engine builds: an integer, a string, a sequence."""

KINDS: list[tuple[type[BaseException], str]] = [
    (TypeError, "type"),
    (ZeroDivisionError, "arithmetic"),
    (OverflowError, "arithmetic"),
    (LookupError, "lookup"),
    (AttributeError, "attribute"),
    (ValueError, "value"),
    (MemoryError, "limit"),
    (RecursionError, "limit"),
]
"""The kind of the engine's error for each exception of CPython's."""


class Outcome(NamedTuple):
    """A value, or the kind of an error and its message."""

    value: Any = None
    kind: str | None = None
    message: str = ""

    def __str__(self) -> str:
        return f"{self.kind} error: {self.message}" if self.kind else f"{type(self.value).__name__} {shown(self.value)}"


class OverLimitError(Exception):
    """CPython would give a value, or take very long, but it is over a limit of the language."""


def shown(value: object) -> str:
    """Give the text of a value, cut where it is long."""
    text = ascii(value)
    return text if len(text) < 200 else f"{text[:150]} … ({len(text)} characters)"


def _multiply(left: Any, right: Any) -> Any:
    for one, times in [(left, right), (right, left)]:
        if isinstance(one, str | bytes | bytearray | list | tuple) and isinstance(times, int):
            if len(one) * times > 2 * BYTES and abs(times) < 2**63:
                raise OverLimitError
            return one * times
    return left * right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes | bytearray):
        raise TypeError("% is arithmetic")
    return left % right


def _str(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 2 * 10_000:
        raise OverLimitError  # each element is touched, and may be a container in turn
    return str(value)


def _round(number: Any, *digits: Any) -> Any:
    if type(number) in {int, bool} and digits and isinstance(digits[0], int) and digits[0] < -2000:
        return 0
    return round(number, *digits)


def _on_text(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: method(*arguments)


def _name(value: object) -> str:
    return type(value).__name__


_FUNCTIONS = {
    "__builtins__": {},
    "_multiply": _multiply,
    "_modulo": _modulo,
    "abs": abs,
    "bool": bool,
    "endswith": _on_text(str.endswith),
    "float": float,
    "int": int,
    "len": len,
    "lower": _on_text(str.lower),
    "max": max,
    "min": min,
    "round": _round,
    "startswith": _on_text(str.startswith),
    "str": _str,
    "type": _name,
}


def evaluated(tree: Tree, operands: Mapping[str, Any]) -> Outcome:
    """Give what CPython makes of an expression."""
    with warnings.catch_warnings():
        # It warns of `1 is None` and of `5[0]`, and of the text of bytes where it was told to.
        warnings.simplefilter("ignore")
        code = compile(tree.python(), "<expression>", "eval")
        try:
            return Outcome(eval(code, {**_FUNCTIONS, **operands}))  # noqa: S307 - our own text
        except OverLimitError:
            return Outcome(None, "limit", "over a limit")
        except Exception as error:
            kind = next((kind for exception, kind in KINDS if isinstance(error, exception)), "none")
            if isinstance(error, KeyError) and isinstance(error.args[0], slice):
                kind = "type"  # a dict cannot be sliced; since 3.12 CPython looks for the slice as a key
            return Outcome(None, kind, f"{type(error).__name__}: {error}")


def agree(expected: Outcome, got: Outcome, tree: Tree, operands: Mapping[str, Any]) -> bool:
    """Tell whether the engine's outcome is CPython's, or a limit that really stands against it."""
    if got.kind == "limit":
        return expected.kind == "limit" or is_large_on_the_way(tree, operands)
    if expected.kind is not None or got.kind is not None:
        return expected.kind == got.kind
    if isinstance(got.value, float) and math.isnan(got.value):
        # A NaN that was given is that object; one that was computed is another.
        given = any(expected.value is value for value in operands.values())
        return isinstance(expected.value, float) and (not given or got.value is expected.value)
    return same(expected.value, got.value)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, types and signs of zero and the order of dicts included."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return sorted(map(ascii, one)) == sorted(map(ascii, other))
    if isinstance(one, float | complex):
        return repr(one) == repr(other)
    return bool(one == other)


def is_large_on_the_way(tree: Tree, operands: Mapping[str, Any]) -> bool:
    """Tell whether anything that is evaluated on the way to the result is near a limit of the language."""
    return any(is_large(outcome.value) or outcome.kind == "limit" for outcome in _ways(tree, operands))


def _ways(tree: Tree, operands: Mapping[str, Any]) -> Iterator[Outcome]:
    if tree.kind != "members":
        yield evaluated(tree, operands)
        if tree.kind == "call" and tree.word == "int":
            text = evaluated(tree.parts[0], operands).value
            if isinstance(text, str | bytes | bytearray) and len(text) > 4300:
                yield Outcome(None, "limit")
    for part in tree.parts:
        yield from _ways(part, operands)


def is_large(value: Any) -> bool:
    """Tell whether working with a value may touch too much: more than a third of what one operation may."""
    with contextlib.suppress(RecursionError):
        return _weight(value, 0) > 3000
    return True


def _weight(value: Any, depth: int) -> float:
    """Count elements; bytes and bits in parts of what is allowed."""
    if depth > 25:
        return math.inf
    if isinstance(value, int):
        return 1 if value.bit_length() <= BITS else math.inf
    if isinstance(value, str):
        widest = max(value, default="")
        width = 1 if widest < "\u0100" else 2 if widest < "\U00010000" else 4
        return len(value) * width / 8 if len(value) * width > 64 else 1
    if isinstance(value, bytes | bytearray):
        return len(value) / 8 if len(value) > 64 else 1
    if isinstance(value, dict):
        return 1 + sum(_weight(part, depth + 1) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return 1 + sum(_weight(part, depth + 1) for part in value)
    return 1
