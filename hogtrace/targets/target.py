"""The look for what a target selects now, and what is said where that is nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Final, cast

from hogtrace import _state
from hogtrace.targets import pattern
from hogtrace.targets.functions import ACCESSORS, behind
from hogtrace.targets.modules import imported_module, imported_modules, is_importing, module_names, stand_in
from hogtrace.targets.nested import Path, is_function, nested_definitions
from hogtrace.targets.pattern import LOCALS
from hogtrace.targets.refusals import (
    ambiguity,
    hint,
    inheritance,
    no_holder,
    nothing_inside,
    refusal,
    similar,
    with_article,
)
from hogtrace.targets.stored import (
    MISSING,
    bases,
    class_names,
    class_qualname,
    full_name,
    function_module,
    function_qualname,
    is_class,
    names_of,
    short_name,
)

_ALIASES: Final = (MethodType, functools.partial, functools.partialmethod)
"""What gives a function another name without defining one."""
_OWN: Final = frozenset(("hogtrace", "hogtrace_asgi", "hogtrace_django", "hogtrace_flask"))
"""HogTrace's own packages: a wildcard that does not name one does not mean them."""


@dataclass(frozen=True, slots=True)
class Match:
    """One function that a target selects: the module and the dotted name in it where it was found.

    `via` is the way from that name to the function, as in `.__wrapped__`. With a `path`, what is selected is not
    `function` itself: it is the code at the end of the path, which `function` defines when it runs.
    """

    function: FunctionType
    module: str
    qualname: str
    via: str = ""
    path: Path = ()

    @property
    def name(self) -> str:
        """The full name by which it was found."""
        return f"{self.module}.{self.qualname}"

    @property
    def code(self) -> CodeType:
        """The code that is selected, as it is without probes."""
        return self.path[-1] if self.path else _state.original_code(self.function)

    @property
    def place(self) -> str:
        """Where it is, for people: the name, the way behind it, and what it is called where it was defined."""
        if self.path:
            return f"{self.name}:{self.code.co_firstlineno}"
        last = self.qualname.rpartition(".")[2]
        qualname = self.qualname.removesuffix(f".{last}") if last in ACCESSORS else self.qualname
        module = function_module(self.function)
        defined = self.function.__code__.co_qualname
        if module == self.module and qualname in (defined, function_qualname(self.function)):
            return self.name + self.via
        return f"{self.name}{self.via} (defined as {module}.{defined})"


@dataclass(frozen=True, slots=True)
class Found:
    """What a target selects now.

    `waiting` says what an import may still bring, or is None; `refused` says why the target, as things are,
    can not be probed, or is None. Both are sentences for a probe's status.
    """

    functions: list[Match]
    waiting: str | None = None
    refused: str | None = None
    too_many: bool = False
    """Whether it is refused for what it selects, which is above the limit."""


@dataclass(frozen=True, slots=True)
class Target:
    """A dotted path to functions as it stands in a probe: `a.b.C.m`, `a.*.make_*`, `a.**`, `a.f.<locals>.g`."""

    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a target. Raises `ValueError` for text that is none."""
        return cls(pattern.split(text))

    def __str__(self) -> str:
        return ".".join(self.segments)

    @property
    def is_wildcard(self) -> bool:
        """Whether it may select any number of functions."""
        return pattern.is_pattern(self.segments)

    def concerns(self, module: str) -> bool:
        """Whether the import of `module` may change what `find` gives."""
        return _leads(self.segments, module)

    def find(self, limit: int | None = None, *, module: str | None = None) -> Found:
        """Look for the functions in the modules that are imported now.

        `limit` bounds how many a wildcard may select; above it none is given, and the target is refused. None
        bounds nothing. With `module` a wildcard looks into the module of that name alone.
        """
        outer, inner = self._halves()
        found = self._find_all(outer, module) if pattern.is_pattern(outer) else _find_one(outer)
        if inner:
            found = self._inside(found, inner)
        if limit is not None and self.is_wildcard and len(found.functions) > limit:
            return self.too_many(len(found.functions), limit)
        return found

    def too_many(self, count: int, limit: int) -> Found:
        """Give what is found where a wildcard selects more than it may."""
        return Found([], refused=f"{self} selects {count:,} functions, above the limit of {limit:,}", too_many=True)

    def _halves(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give what names a function of a module, and what names a function inside of that one."""
        if LOCALS not in self.segments:
            return self.segments, ()
        place = self.segments.index(LOCALS)
        return self.segments[:place], self.segments[place + 1 :]

    def _find_all(self, segments: tuple[str, ...], only: str | None) -> Found:
        names = pattern.compiled(segments)
        matches: dict[int, Match] = {}
        for name, module in imported_modules(only):
            if _leads(segments, name):
                for match in _functions(segments, name, module_names(module)):
                    if names.fullmatch(match.name):
                        # A function with two names counts once, under the one that it was defined by.
                        known = matches.get(id(match.function))
                        if known is None or match.qualname == match.function.__code__.co_qualname != known.qualname:
                            matches[id(match.function)] = match
        if matches:
            return Found(list(matches.values()), waiting="waits for more modules to be imported")
        return Found([], waiting=f"no function that is imported so far is selected by {self}")

    def _inside(self, found: Found, segments: tuple[str, ...]) -> Found:
        """Give what is selected inside of the functions found."""
        names = pattern.compiled(segments)
        matches: dict[int, Match] = {}
        for match in found.functions:
            for name, path in nested_definitions(match.code):
                if names.fullmatch(name) and is_function(path[-1]):
                    qualname = f"{match.qualname}.{LOCALS}.{name}"
                    matches.setdefault(id(path[-1]), replace(match, qualname=qualname, path=path))
        if matches or not found.functions:
            return replace(found, functions=list(matches.values()))
        if pattern.is_pattern(self.segments[: self.segments.index(LOCALS)]):
            return Found([], waiting=f"no function that is imported so far is selected by {self}")
        return Found([], refused=nothing_inside(found.functions[0].name, found.functions[0].code, ".".join(segments)))


def _leads(segments: tuple[str, ...], module: str) -> bool:
    """Whether functions of a module may be selected."""
    names = module.split(".")
    return pattern.leads(segments, names) and (segments[0] == names[0] or names[0] not in _OWN)


def _find_one(segments: tuple[str, ...]) -> Found:
    reports = []
    for length in range(len(segments) - 1, 0, -1):
        name = ".".join(segments[:length])
        module = imported_module(name)
        if module is None:
            other = stand_in(name)
            if other is not None and not issubclass(type(other), ModuleType):
                kind = with_article(full_name(type(other)))
                reports.append(Found([], waiting=f"what stands for module {name} is {kind} object"))
            continue
        found = _walk(name, module, segments[length:])
        if found.functions:
            return found
        reports.append(found)
    if not reports:
        return Found([], waiting=f"module {_expected_module(segments)} is not imported yet")
    # A package's attribute may share its name with a module below it; then the module's report comes
    # first, unless the attribute says something definite.
    return next((report for report in reports if report.refused), reports[0])


def _expected_module(segments: tuple[str, ...]) -> str:
    """Guess which part of a target names its module: what stands before classes and the function."""
    names = list(segments[:-1])
    while len(names) > 1 and names[-1][:1].isupper():
        names.pop()
    return ".".join(names)


# One name after the other


def _walk(module_name: str, module: ModuleType, names: tuple[str, ...]) -> Found:
    """Follow `names` through the attributes of a module and its classes to a function."""
    path = module_name
    holder: object = module
    accessor = False
    innermost, start = module, 0
    for position, name in enumerate(names):
        if accessor:
            return Found([], refused=f"{path} is one function of a property; nothing is below it")
        if not is_class(holder) and not issubclass(type(holder), ModuleType):
            if not issubclass(type(holder), property) or name not in ACCESSORS:
                return Found([], refused=no_holder(path, holder, name))
            accessor = True
            value = ACCESSORS[name].__get__(holder)
            if value is None:
                kind = {"fget": "getter", "fset": "setter", "fdel": "deleter"}[name]
                return Found([], refused=f"the property {path} has no {kind}")
        else:
            value = _member(holder, name)
            if value is MISSING:
                return _missing(path, holder, name, names)
        path, holder = f"{path}.{name}", value
        if issubclass(type(holder), ModuleType):
            innermost, start = cast(ModuleType, holder), position + 1
    found = behind(holder, ".".join(names[start : len(names) - accessor]), module_names(innermost))
    if found is None:
        return Found([], refused=refusal(path, holder))
    if found.rivals:
        return Found([], refused=ambiguity(path, holder, found))
    return Found([Match(found.function, module_name, ".".join(names), found.via)])


def _member(holder: object, name: str) -> object:
    namespace = names_of(holder)
    value = namespace.get(name, MISSING)
    if value is MISSING and is_class(holder) and name.startswith("__") and not name.endswith("__"):
        value = namespace.get(f"_{short_name(holder).lstrip('_')}{name}", MISSING)
    return value


def _missing(path: str, holder: object, name: str, names: tuple[str, ...]) -> Found:
    namespace = names_of(holder)
    if is_class(holder):
        for base in bases(holder)[1:]:
            if name in class_names(base):
                return Found([], refused=inheritance(path, base, name))
    elif is_importing(holder):
        return Found([], waiting=f"module {path} is still being imported")
    elif "__path__" in namespace and name != names[-1] and not similar(name, namespace):
        return Found([], waiting=f"module {path}.{name} is not imported yet")
    return Found([], waiting=f"{path} has no {name!r}{hint(name, namespace)}")


# All that a module defines


def _functions(segments: tuple[str, ...], module: str, namespace: Mapping[str, object]) -> Iterator[Match]:
    """Give the functions that a module and its own classes define, as far as they may match."""
    pending: list[tuple[str, Mapping[str, object]]] = [("", namespace)]
    while pending:
        prefix, members = pending.pop(0)
        for name, value in tuple(members.items()):
            if type(name) is not str or issubclass(type(value), _ALIASES):
                continue
            qualname = prefix + name
            if is_class(value):
                own = class_names(value)
                is_own = own.get("__module__") == namespace.get("__name__") and class_qualname(value) == qualname
                if is_own and pattern.leads(segments, [*module.split("."), *qualname.split(".")]):
                    pending.append((qualname + ".", own))
                continue
            parts: list[tuple[str, object]] = [(qualname, value)]
            if issubclass(type(value), property):
                parts += [(f"{qualname}.{name}", ACCESSORS[name].__get__(value)) for name in ("fset", "fdel")]
            for full, part in parts:
                found = behind(part, qualname, namespace)
                if found is not None and not found.rivals and _is_defined(found.function, part, qualname, namespace):
                    yield Match(found.function, module, full, found.via)


def _is_defined(function: FunctionType, value: object, qualname: str, namespace: Mapping[str, object]) -> bool:
    """Whether a module defines the function behind a value itself, not by an import, nor inside of another."""
    if function.__code__.co_name.startswith("<"):
        return False
    # Class decorators give the methods that they make the names of the class and its module.
    is_method = "." in qualname and type(value) is FunctionType and function_qualname(value) == qualname
    if LOCALS in function_qualname(function) and not is_method:
        return False
    made, name = function.__module__, namespace.get("__name__")
    return function.__globals__ is namespace or (is_method and type(made) is type(name) is str and made == name)
