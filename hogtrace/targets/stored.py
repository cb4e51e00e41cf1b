"""Reading what CPython stores in objects, through the slots of the built-in types: no code of a class runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Final, cast

from hogtrace.targets.modules import module_names

MISSING: Final = object()
"""What stands for a name that is not there."""

# The slots of the built-in types themselves, which no subclass can redefine.
_DICT: Any = vars(type)["__dict__"]
_MRO: Any = vars(type)["__mro__"]
_NAME: Any = vars(type)["__name__"]
_QUALNAME: Any = vars(type)["__qualname__"]


def function_qualname(function: FunctionType) -> str:
    """Give a function's dotted name as it says it, or nothing where that is no plain string."""
    name: object = function.__qualname__
    return name if type(name) is str else ""


def function_module(function: FunctionType) -> str:
    """Give the name of the module that a function was defined in, or nothing where that is no plain string."""
    name = function.__globals__.get("__name__")
    return name if type(name) is str else ""


def is_class(value: object) -> bool:
    """Whether a value is a class, whatever it says of itself."""
    return issubclass(type(value), type)


def class_names(cls: object) -> Mapping[str, object]:
    """Give what a class itself defines."""
    return cast("Mapping[str, object]", _DICT.__get__(cls))


def bases(cls: object) -> tuple[type, ...]:
    """Give a class and what it inherits from, in the order of a lookup."""
    return cast("tuple[type, ...]", _MRO.__get__(cls))


def short_name(cls: object) -> str:
    """Give a class's name."""
    return str(_NAME.__get__(cls))


def class_qualname(cls: object) -> str:
    """Give a class's dotted name in its module."""
    return str(_QUALNAME.__get__(cls))


def full_name(cls: object) -> str:
    """Give a class's name with its module's, unless it is a built-in one."""
    module = class_names(cls).get("__module__")
    qualname = class_qualname(cls)
    return qualname if module in (None, "builtins") or type(module) is not str else f"{module}.{qualname}"


def names_of(holder: object) -> Mapping[str, object]:
    """Give what a module or a class defines."""
    return class_names(holder) if is_class(holder) else module_names(holder)


def from_class(value: object, name: str) -> object:
    """Give what a value's class or one of its bases stores under a name, or `MISSING`."""
    for base in bases(type(value)):
        found = class_names(base).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def own(value: object, name: str) -> object:
    """Give what a value itself stores under a name, in its dict or a slot, or `MISSING`."""
    found = from_class(value, name)
    try:
        if type(found) is MemberDescriptorType:
            return found.__get__(value)
        if found is not MISSING or issubclass(type(value), (type, ModuleType)):
            return own_names(value).get(name, MISSING)
        # With no class that knows the name, this looks into the dict, and runs nothing.
        return object.__getattribute__(value, name)
    except (AttributeError, TypeError):
        return MISSING


def own_names(value: object) -> Mapping[str, object]:
    """Give an instance's own dict, or nothing where its class hides it."""
    slot = from_class(value, "__dict__")
    return cast("Mapping[str, object]", slot.__get__(value)) if type(slot) is GetSetDescriptorType else {}


def own_values(value: object) -> Iterator[tuple[str, object]]:
    """Give what an instance holds, in its dict and its slots, with the names."""
    for name, held in tuple(own_names(value).items()):
        if type(name) is str:
            yield name, held
    for base in bases(type(value)):
        for name, slot in tuple(class_names(base).items()):
            if type(slot) is MemberDescriptorType:
                try:
                    yield name, slot.__get__(value)
                except (AttributeError, TypeError):
                    continue
