"""Callables of every kind, each with a use of it and with the calls that a probe has to see in that.

A row's target is a name in the module that has the row. What a probe captures of an object is compared by the short
text that `shown` makes of it: `<Box>` for an instance of `Box`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call as probes at its entry and exit see it; `error` is the name of the exception's type."""

    args: tuple[object, ...] = ()
    retval: object = None
    kwargs: Mapping[str, object] = field(default_factory=dict)
    error: str = "NoneType"


@dataclass(frozen=True)
class Row:
    """A target, a use of what it names, and the calls of it in that use, in the order of their beginnings."""

    target: str
    use: Callable[[], object]
    calls: tuple[Call, ...]


Rows = list[Row]


def row(target: str, use: Callable[[], object], *calls: Call) -> Row:
    """Make a row."""
    return Row(target, use, calls)


def shown(value: Any) -> Any:
    """Give a captured value with short texts in the place of objects, and lists in that of tuples in tuples."""
    if isinstance(value, dict):
        if "$type" in value:
            name = value.get("$value")
            return f"<{(name if isinstance(name, str) else value['$type']).rpartition('.')[2]}>"
        return {shown(key): shown(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(shown(one) for one in value)
    return value
