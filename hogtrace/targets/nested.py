"""Functions inside of functions: found as the constants of the code that defines them.

A nested function's code object is compiled once, with the enclosing function's. What lies between the two is
a path of code objects: bodies of local classes, other functions, and, on some versions of CPython, code that
has no place in a target, which is looked through: comprehensions, and what holds type parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import CO_NEWLOCALS, CO_OPTIMIZED
from types import CodeType
from typing import Final

from hogtrace.targets.pattern import LOCALS

Path = tuple[CodeType, ...]
"""The code objects from below an enclosing function to a nested one, the outermost first."""

_SEEN_THROUGH: Final = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "__annotate__")


def nested_definitions(code: CodeType) -> Iterator[tuple[str, Path]]:
    """Give each function and each class that is defined in `code`, at any depth.

    Each comes with its name as a target has it behind the enclosing function's `<locals>`, as in `inner`,
    `C.method`, `inner.<locals>.deep`, and with the path that ends in its own code.
    """
    pending: list[tuple[str, Path]] = [("", (code,))]
    while pending:
        prefix, path = pending.pop(0)
        for inner in path[-1].co_consts:
            if type(inner) is not CodeType:
                continue
            below = (*path, inner)
            if inner.co_name in _SEEN_THROUGH or inner.co_name.startswith("<generic parameters"):
                pending.append((prefix, below))
            else:
                yield prefix + inner.co_name, below[1:]
                step = f"{LOCALS}." if is_function(inner) else ""
                pending.append((f"{prefix}{inner.co_name}.{step}", below))


def is_function(code: CodeType) -> bool:
    """Whether `code` is a function's, and not a class's or module's body."""
    return code.co_flags & (CO_OPTIMIZED | CO_NEWLOCALS) == CO_OPTIMIZED | CO_NEWLOCALS
