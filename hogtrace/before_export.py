"""What the application does to its events before they are exported: functions that change them or leave them out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from hogtrace._engine import CaptureEvent
from hogtrace.errors import ConfigError
from hogtrace.outages import Outage

__all__ = ["BeforeExport", "build_hooks", "read_hooks", "sift"]

BeforeExport: TypeAlias = Callable[[CaptureEvent], CaptureEvent | None]
"""Takes an event and gives that or another one to export, or None to leave it out."""


def read_hooks(value: object, where: str = "BEFORE_EXPORT") -> tuple[BeforeExport | str, ...]:
    """Understand a setting: a function, the dotted path of one, or a list of these, in the order of their calls.

    None is no function. Raises `ConfigError`, which begins with `where`, for anything else.
    """
    if value is None:
        return ()
    entries: list[Any] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    for entry in entries:
        is_path = isinstance(entry, str) and "." in entry.strip(".")
        if not is_path and not callable(entry):
            shown = repr(entry) if isinstance(entry, str) else f"an object of {type(entry).__qualname__}"
            raise ConfigError(f"{where} holds {shown}; it must be a function, its dotted path, or a list of them")
        try:
            hash(entry)
        except TypeError:
            raise ConfigError(
                f"{where} holds an object of {type(entry).__qualname__}, which has no hash; give a function"
            ) from None
    return tuple(entries)


def build_hooks(hooks: Sequence[BeforeExport | str], where: str = "BEFORE_EXPORT") -> tuple[BeforeExport, ...]:
    """Give the functions that `hooks`, from `read_hooks`, name. Raises `ConfigError` if one is not there."""
    return tuple(_found(hook, where) if isinstance(hook, str) else hook for hook in hooks)


def _found(path: str, where: str) -> BeforeExport:
    module, _, name = path.rpartition(".")
    try:
        hook = getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ConfigError(f"{where}: the module {module} has no {name!r}; name a function") from None
    except Exception as error:
        raise ConfigError(f"{where}: cannot import {module}: {type(error).__name__}: {error}") from None
    if not callable(hook):
        raise ConfigError(f"{where}: {path} cannot be called; name a function")
    found: BeforeExport = hook
    return found


def sift(
    events: Sequence[CaptureEvent], hooks: Sequence[BeforeExport], outage: Outage
) -> tuple[list[CaptureEvent], dict[str, list[CaptureEvent]]]:
    """Call `hooks` with each of `events`; give what is to be exported, and what is not, by cause.

    One for which a function raises, or gives something else, is among the latter; `outage` tells of the first.
    """
    kept: list[CaptureEvent] = []
    gone: dict[str, list[CaptureEvent]] = {"filtered": [], "filter_failed": []}
    for event in events:
        try:
            result = _passed(event, hooks)
        except BaseException as error:
            gone["filter_failed"].append(event)
            outage.begin(error, "fails, and events for which it does are dropped")
            continue
        if result is None:
            gone["filtered"].append(event)
        else:
            kept.append(result)
    return kept, gone


def _passed(event: CaptureEvent, hooks: Sequence[BeforeExport]) -> CaptureEvent | None:
    for hook in hooks:
        result = hook(event)
        if result is None:
            return None
        if not isinstance(result, CaptureEvent):
            raise TypeError(f"it gave an object of {type(result).__qualname__}, not an event or None")
        event = result
    return event
