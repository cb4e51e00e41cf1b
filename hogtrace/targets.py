"""From a probe's target to the functions that it selects, in the modules that are imported now.

Nothing is imported here and no code of the application runs: modules, classes and what decorators leave
behind are read from where CPython stores them, past `__getattr__`, properties and metaclasses.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import ModuleSpec
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Final, cast

__all__ = ["Found", "Match", "Target", "is_executed", "is_importing", "module_names"]

LOCALS: Final = "<locals>"
"""The segment that stands between a function and one that is defined in it."""

_IN_C = (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
_ALIASES = (MethodType, functools.partial, functools.partialmethod)
"""What gives a function another name without defining one."""
_SEGMENT = re.compile(r"[^\W\d]\w*|[\w*]*\*[\w*]*|<locals>")

# The slots of the built-in types themselves, which no subclass can redefine.
_MODULE_DICT: Any = vars(ModuleType)["__dict__"]
_TYPE_DICT: Any = vars(type)["__dict__"]
_TYPE_MRO: Any = vars(type)["__mro__"]
_TYPE_NAME: Any = vars(type)["__name__"]
_TYPE_QUALNAME: Any = vars(type)["__qualname__"]
_INNER: dict[type, Any] = {
    staticmethod: vars(staticmethod)["__func__"],
    classmethod: vars(classmethod)["__func__"],
    property: vars(property)["fget"],
    functools.partial: vars(functools.partial)["func"],
}


@dataclass(frozen=True, slots=True)
class Match:
    """One function that a target selects: the module and the dotted name in it where it was found."""

    function: FunctionType
    module: str
    qualname: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a target selects now.

    `waiting` says what an import may still bring, or is None; `refused` says why the target, as things are,
    can not be probed, or is None. Both are sentences for a probe's status.
    """

    functions: list[Match]
    waiting: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A dotted path to functions as it stands in a probe: `a.b.C.m`, `a.*.make_*`, `a.**`."""

    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a target. Raises `ValueError` for text that is none."""
        segments = tuple(text.split("."))
        for segment in segments:
            if not _SEGMENT.fullmatch(segment) or ("**" in segment and segment != "**"):
                raise ValueError(f"{text!r} is not a target: {segment!r} is no name, and no pattern for names")
        if LOCALS in (segments[0], segments[-1]) or (len(segments) == 1 and segments[0] != "**"):
            raise ValueError(f"{text!r} is not a target: write module.function")
        return cls(segments)

    def __str__(self) -> str:
        return ".".join(self.segments)

    @property
    def is_wildcard(self) -> bool:
        """Whether it may select any number of functions."""
        return any("*" in segment for segment in self.segments)

    def concerns(self, module: str) -> bool:
        """Whether the import of `module` may change what `find` gives."""
        return _leads(self.segments, module.split("."))

    def find(self, limit: int | None = None) -> Found:
        """Look for the functions in the modules that are imported now.

        `limit` bounds how many a wildcard may select; above it none is given, and the target is refused. None
        bounds nothing.
        """
        if LOCALS in self.segments:
            return Found([], refused=f"{self}: functions inside of functions cannot be probed yet")
        if self.is_wildcard:
            return self._find_all(limit)
        return self._find_one()

    def _find_all(self, limit: int | None) -> Found:
        pattern = _compile(self.segments)
        matches: dict[int, Match] = {}
        for name, module in _modules():
            if self.concerns(name):
                for match in _functions(self.segments, name, module_names(module)):
                    if pattern.fullmatch(f"{match.module}.{match.qualname}"):
                        # A function with two names counts once, under the one that it was defined by.
                        known = matches.get(id(match.function))
                        if known is None or match.qualname == match.function.__code__.co_qualname != known.qualname:
                            matches[id(match.function)] = match
        if limit is not None and len(matches) > limit:
            return Found([], refused=f"{self} selects {len(matches):,} functions, above the limit of {limit:,}")
        if matches:
            return Found(list(matches.values()), waiting="waits for more modules to be imported")
        return Found([], waiting=f"no function that is imported so far is selected by {self}")

    def _find_one(self) -> Found:
        reports = []
        for length in range(len(self.segments) - 1, 0, -1):
            name = ".".join(self.segments[:length])
            module = _module(name)
            if module is None:
                continue
            found = _walk(name, module, self.segments[length:])
            if found.functions:
                return found
            reports.append(found)
        if not reports:
            return Found([], waiting=f"module {_expected_module(self.segments)} is not imported yet")
        # A package's attribute may share its name with a module below it; then the module's report comes
        # first, unless the attribute says something definite.
        return next((report for report in reports if report.refused), reports[0])


def module_names(module: object) -> Mapping[str, object]:
    """Give a module's own names, as they are stored, or nothing for an object that is no module."""
    return cast("Mapping[str, object]", _MODULE_DICT.__get__(module)) if issubclass(type(module), ModuleType) else {}


def is_executed(module: object) -> bool:
    """Whether a module's body has begun to run; one that waits for its first use has not."""
    if type(module).__name__ != "_LazyModule" or type(module).__module__ != "importlib.util":
        return True
    spec = module_names(module).get("__spec__")
    state = spec.loader_state if type(spec) is ModuleSpec else None
    return type(state) is dict and bool(state.get("is_loading"))


def is_importing(module: object) -> bool:
    """Whether the import of a module is under way, and its body may still run."""
    spec = module_names(module).get("__spec__")
    return type(spec) is ModuleSpec and bool(getattr(spec, "_initializing", False))


# Names and patterns


def _compile(segments: tuple[str, ...]) -> re.Pattern[str]:
    """Turn a target into the pattern for the full names that it selects."""
    names = [re.escape(segment).replace(r"\*", "[^.]*") for segment in segments]
    *leading, last = (
        r"(?:[^.]+\.)*" if segment == "**" else name + r"\." for segment, name in zip(segments, names, strict=True)
    )
    last = r"(?:[^.]+\.)*[^.]+" if segments[-1] == "**" else names[-1]
    return re.compile("".join(leading) + last)


def _leads(pattern: tuple[str, ...], names: list[str]) -> bool:
    """Whether a longer name that begins with `names` can match the pattern."""
    for position, name in enumerate(names):
        if position == len(pattern):
            return False
        segment = pattern[position]
        if segment == "**":
            return True
        if segment != name and not ("*" in segment and _segment(segment).fullmatch(name)):
            return False
    return len(names) < len(pattern)


@functools.lru_cache(maxsize=256)
def _segment(segment: str) -> re.Pattern[str]:
    return re.compile(re.escape(segment).replace(r"\*", ".*"))


# Modules


def _modules() -> Iterator[tuple[str, ModuleType]]:
    """Give the imported modules whose bodies have begun to run, in the order of their names."""
    for name in sorted(name for name in tuple(sys.modules) if type(name) is str):
        module = _module(name)
        if module is not None:
            yield name, module


def _module(name: str) -> ModuleType | None:
    module = sys.modules.get(name)
    return module if issubclass(type(module), ModuleType) and is_executed(module) else None


def _expected_module(segments: tuple[str, ...]) -> str:
    """Guess which part of a target names its module: what stands before classes and the function."""
    names = list(segments[:-1])
    while len(names) > 1 and names[-1][:1].isupper():
        names.pop()
    return ".".join(names)


# What stands behind a name


def _walk(module_name: str, module: ModuleType, names: tuple[str, ...]) -> Found:
    """Follow `names` through the attributes of a module and its classes to a function."""
    path = module_name
    holder: object = module
    for name in names:
        if (kind := type(holder)) is not FunctionType and not issubclass(kind, (type, ModuleType)):
            return Found([], refused=f"{path} is {_article(_name(kind))} object, which has no functions of its own")
        if kind is FunctionType:
            return Found([], refused=f"{path} is a function; what is defined in it is {path}.{LOCALS}.{name}")
        namespace = _namespace(holder)
        value = namespace.get(name, _MISSING)
        if value is _MISSING and issubclass(kind, type) and name.startswith("__") and not name.endswith("__"):
            value = namespace.get(f"_{_TYPE_NAME.__get__(holder).lstrip('_')}{name}", _MISSING)
        if value is _MISSING:
            return _missing(path, holder, namespace, name, names)
        path, holder = f"{path}.{name}", value
    qualname = ".".join(names)
    function = _function(holder, qualname)
    if function is None:
        return Found([], refused=_refusal(path, holder))
    return Found([Match(function, module_name, qualname)])


def _missing(path: str, holder: object, namespace: Mapping[str, object], name: str, names: tuple[str, ...]) -> Found:
    if issubclass(type(holder), type):
        for base in _TYPE_MRO.__get__(holder)[1:]:
            if name in _TYPE_DICT.__get__(base):
                return Found([], refused=f"{path} inherits {name!r}; its code is {_name(base)}.{name}")
    elif is_importing(holder):
        return Found([], waiting=f"module {path} is still being imported")
    elif "__path__" in namespace and name != names[-1] and not _similar(name, namespace):
        return Found([], waiting=f"module {path}.{name} is not imported yet")
    similar = _similar(name, namespace)
    hint = f" (did you mean {similar!r}?)" if similar else ""
    return Found([], waiting=f"{path} has no {name!r}{hint}")


def _similar(name: str, namespace: Iterable[object]) -> str | None:
    names = [known for known in tuple(namespace) if type(known) is str]
    return next(iter(get_close_matches(name, names, 1)), None)


def _refusal(path: str, value: object) -> str:
    """Say why a value, to which no function belongs, cannot be probed."""
    kind = type(value)
    if issubclass(kind, type):
        return f"{path} is a class; name one of its functions, such as {path}.__init__ or {path}.__call__"
    if issubclass(kind, ModuleType):
        return f"{path} is a module; name one of its functions, or {path}.* for all of them"
    if kind in _IN_C:
        return f"{path} is implemented in C; only functions written in Python can be probed"
    call = next((base for base in _TYPE_MRO.__get__(kind) if "__call__" in _TYPE_DICT.__get__(base)), None)
    if call is not None and type(_TYPE_DICT.__get__(call)["__call__"]) is FunctionType:
        return f"{path} is {_article(_name(kind))} object; calling it runs {_name(call)}.__call__"
    return f"{path} is {_article(_name(kind))} object, not a function"


def _function(value: object, qualname: str) -> FunctionType | None:
    """Give the function whose code stands behind a value, past all decorators.

    Where a function on the way was itself defined as `qualname`, it is that one: `functools.wraps` is also
    used to borrow the name and text of a function that is not the one decorated.
    """
    function = None
    seen = set()
    while id(value) not in seen:
        seen.add(id(value))
        if type(value) is FunctionType:
            function = value
            if value.__code__.co_qualname == qualname:
                break
            # An exact function: this reads its dict, and does not create one.
            value = getattr(value, "__wrapped__", None)
        else:
            value = _inner(value)
    return function


def _inner(value: object) -> object:
    """Give what a decorator, a descriptor or a bound method holds, read from its slots or its own dict."""
    kind = type(value)
    if kind is MethodType:
        return cast(MethodType, value).__func__
    for known, slot in _INNER.items():
        if issubclass(kind, known):
            return slot.__get__(value)
    if issubclass(kind, (type, ModuleType)):
        return None
    own = _own_dict(value)
    if "__wrapped__" in own:
        return own["__wrapped__"]
    if not any("__get__" in _TYPE_DICT.__get__(base) for base in _TYPE_MRO.__get__(kind)):
        return None
    # Descriptors of frameworks and of the standard library keep what they decorate by the names of its own.
    return own.get("func", own.get("fget"))


def _own_dict(value: object) -> Mapping[str, object]:
    for base in _TYPE_MRO.__get__(type(value)):
        slot = _TYPE_DICT.__get__(base).get("__dict__")
        if slot is not None:
            return cast("Mapping[str, object]", slot.__get__(value)) if type(slot) is GetSetDescriptorType else {}
    return {}


def _functions(pattern: tuple[str, ...], module: str, namespace: Mapping[str, object]) -> Iterator[Match]:
    """Give the functions that a module and its own classes define, as far as they may match."""
    pending: list[tuple[str, Mapping[str, object]]] = [("", namespace)]
    while pending:
        prefix, members = pending.pop(0)
        for name, value in tuple(members.items()):
            if type(name) is not str or issubclass(type(value), _ALIASES):
                continue
            qualname = prefix + name
            if issubclass(type(value), type):
                own = _TYPE_DICT.__get__(value)
                is_own = (
                    own.get("__module__") == namespace.get("__name__") and _TYPE_QUALNAME.__get__(value) == qualname
                )
                if is_own and _leads(pattern, [*module.split("."), *qualname.split(".")]):
                    pending.append((qualname + ".", own))
                continue
            function = _function(value, qualname)
            if function is None or function.__globals__ is not namespace:
                continue
            if LOCALS not in function.__qualname__ and not function.__code__.co_name.startswith("<"):
                yield Match(function, module, qualname)


def _namespace(holder: object) -> Mapping[str, object]:
    slot = _TYPE_DICT if issubclass(type(holder), type) else _MODULE_DICT
    return cast("Mapping[str, object]", slot.__get__(holder))


def _name(cls: type) -> str:
    module = _TYPE_DICT.__get__(cls).get("__module__")
    qualname = _TYPE_QUALNAME.__get__(cls)
    return qualname if module in (None, "builtins") or type(module) is not str else f"{module}.{qualname}"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


_MISSING: Final = object()
