"""Trust lists: what probes may read in mode `safe` although the rules alone refuse it.

An entry names a type, an attribute and a reader. Packages bring readers over what their framework stores
already; those run none of its code. The reader `call`, which is what a pair without a reader means, runs the
accessor itself: that is for users to decide, and a tracer's status lists such entries.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Final

from hogtrace.errors import ConfigError
from hogtrace.types import TrustEntry

__all__ = ["READERS", "check_names", "read_entries", "read_entry", "vouched"]

READERS: Final = (
    "stored",
    "cached",
    "wsgi_headers",
    "asgi_headers",
    "header_list",
    "header_store",
    "header_dict",
    "item",
    "first_values",
    "last_values",
    "status_line",
    "status_phrase",
    "header",
    "first_of_query",
    "last_of_query",
    "wsgi_text",
    "asgi_url",
    "address",
    "namespace",
    "joined",
    "thread_local",
    "lazy_object",
    "context_proxy",
    "instead",
    "call",
)
"""How a trusted attribute can be read; `docs/safety.md` tells what each takes."""

_WITHOUT_ARGUMENT: Final = ("cached", "context_proxy", "call")
_FOR_ALL: Final = ("context_proxy", "lazy_object", "namespace")
_WITH_ARGUMENT: Final = ("stored", "item", "thread_local", "lazy_object", "instead")
_NAME: Final = r"[^\W\d]\w*"
_TYPE: Final = re.compile(rf"{_NAME}(\.({_NAME}|<locals>))*\.{_NAME}")
# What comes after the first name may be an index or the key of a dict.
_PATH: Final = re.compile(rf"{_NAME}(\.[\w-]+)*")
_FORM: Final = "an entry is ('package.Type', 'attribute') or 'package.Type.attribute'"


def read_entries(entries: object, where: str) -> tuple[TrustEntry, ...]:
    """Read a list of entries. Raises `ConfigError`, which begins with `where`, for what is none."""
    if isinstance(entries, str | bytes) or not isinstance(entries, Iterable):
        raise ConfigError(f"{where} is {_kind(entries)}; it must be a list of (type, attribute) pairs")
    return tuple(read_entry(entry, where) for entry in entries)


def read_entry(entry: object, where: str) -> TrustEntry:
    """Read one entry: a tuple of two to four texts, or `package.Type.attribute`.

    Raises `ConfigError`, which begins with `where`, for what could never hold.
    """
    if isinstance(entry, str):
        entry = entry.rpartition(".")[::2]
    if not isinstance(entry, Sequence) or not 2 <= len(entry) <= 4:
        raise ConfigError(f"{where} holds {_kind(entry)}; {_FORM}")
    if not all(isinstance(part, str) for part in entry):
        raise ConfigError(f"{where} holds a pair with something else than text; {_FORM}")
    found = TrustEntry(*entry)
    attribute = found.attribute in ("[]", "*") or found.attribute.isidentifier()
    if not (attribute and _TYPE.fullmatch(found.type)):
        raise ConfigError(f"{where} holds {'.'.join(entry[:2])!r}; {_FORM}")
    subject = f"{where}: the entry for {found.type}.{found.attribute}"
    if found.attribute.startswith("__") and found.attribute.endswith("__"):
        raise ConfigError(f"{subject} can never hold: the language has no names with two underscores at both ends")
    if found.reader not in READERS:
        raise ConfigError(
            f"{subject} names the reader {found.reader!r}; it must be one of {', '.join(map(repr, READERS))}"
        )
    if found.attribute == "*" and found.reader not in _FOR_ALL:
        raise ConfigError(f"{subject}: the attribute '*' goes together with the readers {', '.join(_FOR_ALL)}")
    if found.attribute != "*" and found.reader in _FOR_ALL[:2]:
        raise ConfigError(f"{subject}: the reader {found.reader!r} goes together with the attribute '*'")
    if found.reader in _WITHOUT_ARGUMENT and found.argument:
        raise ConfigError(f"{subject} has the argument {found.argument!r}; the reader {found.reader!r} takes none")
    if found.reader in _WITH_ARGUMENT and not found.argument:
        raise ConfigError(f"{subject} needs an argument: {_argument(found.reader)}")
    if found.argument and found.reader != "instead" and not _PATH.fullmatch(found.argument):
        raise ConfigError(f"{subject} has the argument {found.argument!r}; it must be a dotted path of attributes")
    return found


def _argument(reader: str) -> str:
    match reader:
        case "instead":
            return "what can be read in its place"
        case "thread_local":
            return "the name of the variable"
        case _:
            return "the dotted path to the stored value"


def check_names(entries: Iterable[TrustEntry], where: str) -> None:
    """Check that entries name classes as these name themselves, as far as their modules are imported.

    The lists of the framework packages hold for several releases of a framework, one of which may lack a class; they
    are not checked. Raises `ConfigError` with all that is wrong. Reads dicts of modules and classes, and runs nothing
    of theirs.
    """
    known = set(vouched())
    problems = [problem for entry in entries if entry not in known and (problem := _misnamed(entry.type))]
    if problems:
        raise ConfigError(*(f"{where} names {problem}" for problem in problems))


def vouched() -> tuple[TrustEntry, ...]:
    """Give the trust lists of those of HogTrace's packages for frameworks that the process has imported."""
    modules = [sys.modules.get(f"{package}.trust") for package in _PACKAGES]
    return tuple(entry for module in modules if module is not None for entry in module.TRUST)


_PACKAGES: Final = ("hogtrace_django", "hogtrace_flask", "hogtrace_asgi")


def _misnamed(name: str) -> str | None:
    """Say what is wrong with the name of a class, if its module is there to tell."""
    module, rest = _module_of(name)
    if module is None or "<locals>" in rest:
        return None
    found: object = module
    for part in rest:
        scope = type.__dict__["__dict__"].__get__(found) if isinstance(found, type) else vars(module)
        if part not in scope:
            # It may be a module that is not imported, or a name that its module makes later or when it is asked.
            is_open = found is module and (
                ("__path__" in scope and len(rest) > 1) or "__getattr__" in scope or _is_initializing(module)
            )
            return None if is_open else f"{name}, but {_shown(found)} has no {part!r}"
        found = scope[part]
        if not isinstance(found, type):
            return f"{name}, which is no class"
    real = ".".join(type.__dict__[part].__get__(found) for part in ("__module__", "__qualname__"))
    if real == name:
        return None
    return f"{name}, which is only another name of the class {real}; name it so"


def _module_of(name: str) -> tuple[ModuleType | None, list[str]]:
    """Give the innermost imported module that a dotted name begins with, and the rest of the name."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:length]))
        if type(module) is ModuleType:
            return module, parts[length:]
    return None, []


def _is_initializing(module: ModuleType) -> bool:
    return bool(getattr(vars(module).get("__spec__"), "_initializing", False))


def _shown(found: object) -> str:
    if isinstance(found, ModuleType):
        return f"the module {vars(found)['__name__']}"
    return f"the class {type.__dict__['__qualname__'].__get__(found)}"


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
