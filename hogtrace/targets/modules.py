"""The modules that are imported, and how far their import has come."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

# The slot of the built-in type itself, which no subclass can redefine.
_DICT: Any = vars(ModuleType)["__dict__"]


def module_names(module: object) -> Mapping[str, object]:
    """Give a module's own names, as they are stored, or nothing for an object that is no module."""
    return cast("Mapping[str, object]", _DICT.__get__(module)) if issubclass(type(module), ModuleType) else {}


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


def imported_modules(only: str | None = None) -> Iterator[tuple[str, ModuleType]]:
    """Give the imported modules whose bodies have begun to run, in the order of their names, or the one named."""
    known = sys.modules
    names: tuple[object, ...] = (only,)
    if only is None:
        names = tuple(dict.keys(cast("dict[object, object]", known))) if issubclass(type(known), dict) else ()
    for name in sorted(name for name in names if type(name) is str):
        module = imported_module(name)
        if module is not None:
            yield name, module


def imported_module(name: str) -> ModuleType | None:
    """Give the module of that name, if it is imported and its body has begun to run."""
    module = stand_in(name)
    # `isinstance` would ask the object for its class; `type` asks nothing, and narrows nothing for type checkers.
    return module if issubclass(type(module), ModuleType) and is_executed(module) else None  # type: ignore[return-value]


def stand_in(name: str) -> object | None:
    """Give what `sys.modules` holds under a name: a module, or what an application has put in its place."""
    known = sys.modules
    return dict.get(known, name) if issubclass(type(known), dict) else None
