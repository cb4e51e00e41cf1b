"""Why a target cannot be probed, and what to name instead: the sentences of a probe's status."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Final, cast

from hogtrace.targets.functions import ACCESSORS, Behind, held
from hogtrace.targets.nested import is_function, nested_definitions
from hogtrace.targets.pattern import LOCALS
from hogtrace.targets.stored import bases, class_names, full_name, function_module, is_class

_IN_C: Final = (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
_C_FUNCTION: Final = "implemented in C; only functions written in Python can be probed, such as one that calls it"
_SHOWN: Final = 8
"""How many names a sentence lists."""


def similar(name: str, known: Iterable[object]) -> str | None:
    """Give the name among `known` that may have been meant by `name`, or None."""
    names = [one for one in tuple(known) if type(one) is str]
    return next(iter(get_close_matches(name, names, 1)), None)


def hint(name: str, known: Iterable[object]) -> str:
    """Ask, behind a sentence, whether a similar name was meant; nothing where there is none."""
    found = similar(name, known)
    return f" (did you mean {found!r}?)" if found else ""


def with_article(noun: str) -> str:
    """Give a noun with its indefinite article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def no_holder(path: str, holder: object, name: str) -> str:
    """Say why nothing is found by a name below a value."""
    kind = type(holder)
    if kind is FunctionType:
        return f"{path} is a function; what is defined in it is {path}.{LOCALS}.{name}"
    if issubclass(kind, property):
        present = [one for one, slot in ACCESSORS.items() if slot.__get__(holder) is not None]
        return f"{path} is a property; its functions are {', '.join(f'{path}.{one}' for one in present)}"
    what = f"{path} is {with_article(full_name(kind))} object, which has no functions of its own"
    for base in bases(kind):
        value = class_names(base).get(name)
        if value is not None and _is_python(value):
            return f"{what}; name that of its class, {full_name(base)}.{name}"
    return what


def inheritance(path: str, base: type, name: str) -> str:
    """Say that a class does not define a name itself, and which of its bases does."""
    also = f", which is {_C_FUNCTION}" if type(class_names(base)[name]) in _IN_C else ""
    return f"{path} inherits {name!r}; its code is {full_name(base)}.{name}{also}"


def refusal(path: str, value: object) -> str:
    """Say why a value, to which no function belongs, cannot be probed."""
    kind = type(value)
    if value is None:
        return f"{path} is None, not a function"
    if is_class(value):
        return _class(path, value)
    if issubclass(kind, ModuleType):
        return f"{path} is a module; name one of its functions, or {path}.* for all of them"
    if kind in _IN_C:
        return f"{path} is {_C_FUNCTION}"
    if kind is MemberDescriptorType:
        return f"{path} is a slot for values, not a function"
    for name in ("run", "__call__"):
        for base in bases(kind):
            if type(class_names(base).get(name)) is FunctionType:
                runs = "calling it runs" if name == "__call__" else "its work is done by"
                return f"{path} is {with_article(full_name(kind))} object; {runs} {full_name(base)}.{name}"
    what = f"{path} is {with_article(full_name(kind))} object"
    inner = held(value)
    if is_class(inner):
        return f"{what} that calls a class; {_class(full_name(inner), inner)}"
    if type(inner) in _IN_C:
        return f"{what} that calls {_c_name(inner)}, which is {_C_FUNCTION}"
    return f"{what}, not a function"


def _class(path: str, cls: object) -> str:
    """Say that a class is none of its functions, and which it has."""
    members = [(name, value) for name, value in tuple(class_names(cls).items()) if type(name) is str]
    defined = [name for name, value in members if _is_python(value)]
    if not defined and any(type(value) in _IN_C for _, value in members):
        return f"{path} is a class whose functions are {_C_FUNCTION}"
    what = f"{path} is a class; name one of its functions, such as {path}.__init__ or {path}.__call__"
    return f"{what}; it defines {_listed(defined) or 'none itself'}"


def _is_python(value: object) -> bool:
    """Whether a value that a class holds is a function in Python, or holds one."""
    inner = value if type(value) is FunctionType else held(value)
    return type(inner) is FunctionType


def _c_name(function: object) -> str:
    """Give the name of a function in C."""
    name: object = cast(BuiltinFunctionType, function).__name__
    return name if type(name) is str else "a function"


def ambiguity(path: str, value: object, found: Behind) -> str:
    """Say which functions stand behind a decorated name, where there is more than one that it may mean."""
    places = [f"{one.__code__.co_filename}:{one.__code__.co_firstlineno}" for one in found.rivals[:_SHOWN]]
    more = f" and {len(found.rivals) - _SHOWN} more" if len(found.rivals) > _SHOWN else ""
    wrapper = ""
    if type(value) is FunctionType:
        wrapper = f", or name the wrapper, {function_module(value)}.{value.__code__.co_qualname}"
    return (
        f"{path} is decorated, and {len(found.rivals)} functions of that name stand behind it "
        f"({', '.join(places)}{more}); give the decorator functools.wraps{wrapper}"
    )


def nothing_inside(name: str, code: CodeType, wanted: str) -> str:
    """Say what the function `name` defines instead of what was asked for."""
    definitions = list(nested_definitions(code))
    for known, path in definitions:
        if known == wanted and not is_function(path[-1]):
            methods = [one for one, below in definitions if is_function(below[-1]) and one.startswith(f"{wanted}.")]
            also = f": {_listed(methods)}" if methods else ""
            return f"{name}.{LOCALS}.{wanted} is a class; name one of its functions{also}"
        if wanted.startswith(f"{known}.") and not wanted.startswith(f"{known}.{LOCALS}.") and is_function(path[-1]):
            outer = f"{name}.{LOCALS}.{known}"
            return f"{outer} is a function; what is defined in it is {outer}.{LOCALS}{wanted.removeprefix(known)}"
    names = [known for known, path in definitions if is_function(path[-1])]
    if not names:
        return f"{name} defines no function inside of it"
    return f"{name} defines no {wanted!r} inside of it{hint(wanted, names) or f': {_listed(names)}'}"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
