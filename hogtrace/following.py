"""Events as they come, on a terminal: what every `hogtrace tail` prints."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import time
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from hogtrace.account import Layout
from hogtrace.errors import ConfigError
from hogtrace.events import Follower
from hogtrace.exporter_setting import EXPORTERS, ExporterSetting
from hogtrace.exporters import ConsoleExporter, JSONLinesExporter, SQLiteExporter

__all__ = ["environment", "follow", "status_file", "watched_file"]


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


def follow(
    follower: Follower,
    *,
    interval: float = 0.5,
    out: _Stream | None = None,
    err: _Stream | None = None,
    colour: bool | None = None,
    layout: Layout = "tree",
) -> None:
    """Print to `out` what `follower` gives, every `interval` seconds, until `KeyboardInterrupt`.

    `out` and `err` are the standard streams if they are None. Says on `err` if there is no file yet. `colour` None
    means: if `out` is a terminal. `layout` is that of `ConsoleExporter`. Raises what `Follower.poll` raises.
    """
    console = ConsoleExporter(sys.stdout if out is None else out, colour, layout)
    if not follower.path.exists():
        (sys.stderr if err is None else err).write(f"waiting for {follower.path}, which is not there yet\n")
    while True:
        if events := follower.poll():
            console.export(events)
        time.sleep(interval)


def environment() -> dict[str, str]:
    """Give the environment's variables without the switch HOGTRACE_DISABLED.

    With it nothing is read of the settings; but what other processes write can be looked at all the same.
    """
    return {name: text for name, text in os.environ.items() if name != "HOGTRACE_DISABLED"}


def watched_file(exporter: ExporterSetting | None) -> Path:
    """Give the file that an exporter writes events to, so that they can be followed; None is the default exporter.

    Of several it is the first that writes one.
    Neither the exporter nor the file is made. Raises `ConfigError` for an exporter that writes no such file.
    """
    return _file(exporter, (SQLiteExporter, JSONLinesExporter), _NO_EVENTS)


def status_file(exporter: ExporterSetting | None) -> Path:
    """Give the file in which an exporter keeps what processes say of themselves, as `watched_file` does."""
    return _file(exporter, (SQLiteExporter,), _NO_STATUS)


_File: TypeAlias = type[SQLiteExporter] | type[JSONLinesExporter]


def _file(exporter: ExporterSetting | None, kinds: tuple[_File, ...], refusal: str) -> Path:
    if exporter is None:
        return _path(SQLiteExporter, ExporterSetting(backend=EXPORTERS["sqlite"]))
    if exporter.several:
        problems = []
        for one in exporter.several:
            try:
                return _file(one, kinds, refusal)
            except ConfigError as error:
                problems.append(str(error))
        raise ConfigError(*problems)
    if exporter.instance is not None:
        if isinstance(exporter.instance, kinds):
            return exporter.instance.path
        raise ConfigError(refusal.format(type(exporter.instance).__name__))
    backend = exporter.backend or ""
    module, _, name = backend.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise ConfigError(f"EXPORTER: cannot import {backend}: {type(error).__name__}: {error}") from None
    if not (isinstance(kind, type) and issubclass(kind, kinds)):
        raise ConfigError(refusal.format(name))
    return _path(kind, exporter)


def _path(kind: _File, exporter: ExporterSetting) -> Path:
    try:
        given = inspect.signature(kind).bind(**exporter.options)
    except TypeError:
        given = None
    if given is not None:
        given.apply_defaults()
    path = None if given is None else given.arguments.get("path")
    if not isinstance(path, str | Path):
        raise ConfigError(f"EXPORTER['OPTIONS'] does not say which path {kind.__name__} writes to")
    return Path(path).absolute()


_NO_EVENTS: Final = (
    "events go to {}, which writes no file that can be followed; that can be done where EXPORTER is 'sqlite' or 'jsonl'"
)

_NO_STATUS: Final = (
    "events go to {}, which keeps no status of the processes; that is done where EXPORTER is 'sqlite'; every process "
    "has its own: tracer.status()"
)
