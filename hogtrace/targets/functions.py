"""What stands behind a name: the function whose own code runs, past descriptors and decorators."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType, WrapperDescriptorType
from typing import Any, Final, cast

from hogtrace.targets.stored import (
    MISSING,
    bases,
    class_names,
    from_class,
    function_qualname,
    is_class,
    own,
    own_values,
)

ACCESSORS: Final[Mapping[str, Any]] = {name: vars(property)[name] for name in ("fget", "fset", "fdel")}
"""The functions of a property, by the segment that names each; the slots they are kept in."""

_INNER: Final[tuple[tuple[type, str, Any], ...]] = (
    (staticmethod, "", vars(staticmethod)["__func__"]),
    (classmethod, "", vars(classmethod)["__func__"]),
    (property, "", vars(property)["fget"]),
    (functools.partial, ".func", vars(functools.partial)["func"]),
)
_PLAIN: Final = frozenset((str, int, float, bool, bytes, type(None), tuple, list, dict, set, frozenset))
# How far, and at how many values, the function behind a decorator that left no trace is looked for.
_DEPTH: Final = 6
_VALUES: Final = 500
_ITEMS: Final = 20
_MEMBERS: Final = 50


@dataclass(frozen=True, slots=True)
class Behind:
    """The function that a value leads to; `via` is the way there, as Python would write it after the name.

    With `rivals` there are several that it may as well be, and `function` is only the first of them.
    """

    function: FunctionType
    via: str = ""
    rivals: tuple[FunctionType, ...] = ()


def behind(value: object, qualname: str, namespace: Mapping[str, object]) -> Behind | None:
    """Give the function whose code stands behind a value, which a module has as `qualname`.

    Where a function on the way was itself defined as `qualname`, it is that one: `functools.wraps` is also
    used to borrow the name and text of a function that is not the one decorated. A decorator that leaves no
    `__wrapped__` is seen through where it keeps exactly one function that was defined as `qualname`: in a
    closure variable, or in the object that it makes. `namespace` is the module's; a function
    of it comes before those of others.
    """
    function, way = None, ""
    path = ""
    seen = set()
    while id(value) not in seen:
        seen.add(id(value))
        if type(value) is FunctionType:
            function, way = value, path
            if value.__code__.co_qualname == qualname:
                return Behind(function, way)
            # An exact function: this reads its dict, and does not create one.
            inner, step = getattr(value, "__wrapped__", None), ".__wrapped__"
        elif is_plain(value) or is_class(value):
            break
        else:
            inner, step = _inner(value)
        if inner is None:
            hidden = _hidden(value, qualname)
            chosen = [found for found in hidden if found.function.__globals__ is namespace] or hidden
            if chosen:
                rivals = tuple(found.function for found in chosen) if len(chosen) > 1 else ()
                return Behind(chosen[0].function, path + chosen[0].via, rivals)
            break
        value, path = inner, path + step
    return None if function is None else Behind(function, way)


def is_plain(value: object) -> bool:
    """Whether a value is neither called nor a descriptor, so that no function stands behind it."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    for base in bases(kind):
        names = class_names(base)
        if "__call__" in names or "__get__" in names:
            return False
    return True


def held(value: object) -> object:
    """Give what decorators, descriptors and partials hold at the innermost; None where `value` is none of them."""
    inner = None
    seen = {id(value)}
    while (below := _inner(value if inner is None else inner)[0]) is not None and id(below) not in seen:
        seen.add(id(below))
        inner = below
    return inner


def _inner(value: object) -> tuple[object, str]:
    """Give what a decorator, a descriptor or a bound method holds, read from its slots or its own dict."""
    kind = type(value)
    if kind is MethodType:
        return cast(MethodType, value).__func__, ""
    for known, step, slot in _INNER:
        if issubclass(kind, known):
            return slot.__get__(value), step
    if issubclass(kind, (type, ModuleType)):
        return None, ""
    # The second is where Celery's lazy tasks keep the real one.
    for name in ("__wrapped__", "__thing"):
        found = own(value, name)
        if found is not MISSING:
            return found, f".{name}"
    if from_class(value, "__get__") is not MISSING:
        # Descriptors of frameworks and of the standard library keep what they decorate by the names of its own.
        for name in ("func", "fget"):
            found = own(value, name)
            if found is not MISSING:
                return found, f".{name}"
    return None, ""


def _hidden(value: object, qualname: str) -> list[Behind]:
    """Give the functions that were defined as `qualname` and that a wrapper keeps somewhere, the nearest first."""
    found: list[Behind] = []
    # What made its code with `exec` gave it that name later; so do some decorators with their wrappers.
    renamed: list[Behind] = []
    seen = {id(value)}
    level: list[tuple[object, str]] = [(value, "")]
    for _ in range(_DEPTH):
        below = []
        for holder, path in level:
            for inner, step in _held(holder):
                if id(inner) in seen or len(seen) > _VALUES:
                    continue
                seen.add(id(inner))
                if is_plain(inner):
                    continue
                if type(inner) is FunctionType:
                    if inner.__code__.co_qualname == qualname:
                        found.append(Behind(inner, path + step))
                        continue
                    if function_qualname(inner) == qualname and getattr(inner, "__wrapped__", None) is None:
                        renamed.append(Behind(inner, path + step))
                below.append((inner, path + step))
        level = below
    return found or renamed


def _held(holder: object) -> Iterator[tuple[object, str]]:
    """Give what a wrapper keeps: closure variables of a function, attributes of an object that can be called.

    Of a class that it keeps, the functions: what makes views of functions makes a class for each, too.
    """
    kind = type(holder)
    if kind is FunctionType:
        function = cast(FunctionType, holder)
        inner = getattr(function, "__wrapped__", None)
        if inner is not None:
            yield inner, ".__wrapped__"
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            yield content, f".__closure__[{name}]"
        return
    if is_class(holder):
        for name, inner in tuple(class_names(holder).items())[:_MEMBERS]:
            if type(name) is str and type(inner) is FunctionType:
                yield inner, f".{name}"
        return
    if issubclass(kind, ModuleType):
        return
    inner, step = _inner(holder)
    if inner is not None:
        yield inner, step
        return
    call = from_class(holder, "__call__")
    if type(call) is WrapperDescriptorType:
        # Made in C, as those of wrapt: what it holds, the collector knows.
        step = ".__wrapped__" if from_class(holder, "__wrapped__") is not MISSING else ".<held>"
        for inner in gc.get_referents(holder):
            if type(inner) in (FunctionType, MethodType, staticmethod, classmethod, functools.partial, kind):
                yield inner, step
        return
    if type(call) is not FunctionType:
        return
    for name in ("__wrapped__", "run"):
        inner = from_class(holder, name)
        if inner is not MISSING:
            yield inner, f".{name}"
    for name, inner in own_values(holder):
        if type(inner) is tuple or type(inner) is list:
            for index, item in enumerate(tuple(inner[:_ITEMS])):
                yield item, f".{name}[{index}]"
        else:
            yield inner, f".{name}"
