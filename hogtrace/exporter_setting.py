"""Which exporter is wanted, and how it is made: a name, a dotted path with options, or an object."""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Self, cast

from hogtrace._engine import Redaction
from hogtrace.errors import ConfigError, HogTraceError
from hogtrace.exporters import FanOutExporter, SQLiteExporter
from hogtrace.types import Exporter

__all__ = ["EXPORTERS", "ExporterSetting", "build_exporter"]

EXPORTERS: Final[Mapping[str, str]] = {
    "console": "hogtrace.exporters.ConsoleExporter",
    "http": "hogtrace.exporters.HTTPExporter",
    "jsonl": "hogtrace.exporters.JSONLinesExporter",
    "logging": "hogtrace.exporters.LoggingExporter",
    "memory": "hogtrace.exporters.MemoryExporter",
    "otlp": "hogtrace.exporters.OTLPExporter",
    "posthog": "hogtrace.exporters.PostHogExporter",
    "sqlite": "hogtrace.exporters.SQLiteExporter",
}
"""Short names of exporters, and what they stand for."""

_SHORT_NAMES: Final = {path: name for name, path in EXPORTERS.items()}
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_OPEN_NOTHING: Final = frozenset(
    EXPORTERS[name] for name in ("console", "http", "logging", "memory", "otlp", "posthog")
)
"""Those of ours that may be made to see whether they can be."""

_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")

_log = logging.getLogger("hogtrace")


class ExporterSetting:
    """Which exporter is wanted: an object, or a class by its dotted path and the options to make it with, or several.

    The options may be secrets, so neither `repr` nor an error shows them. Equal if the object is the same, or
    path and options are equal, or all of several are.
    """

    __slots__ = ("backend", "instance", "options", "several")

    backend: str | None
    """The dotted path, or None if there is an object, or several."""
    instance: Exporter | None
    """The object, or None if there is a path."""
    options: Mapping[str, object]
    """What to call the class with."""
    several: tuple[ExporterSetting, ...]
    """The settings of several exporters, each of which gets all events; empty if it is one."""

    def __init__(
        self,
        *,
        backend: str | None = None,
        options: Mapping[str, object] | None = None,
        instance: Exporter | None = None,
        several: Sequence[ExporterSetting] = (),
    ) -> None:
        self.backend = backend
        self.options = dict(options or {})
        self.instance = instance
        self.several = tuple(several)

    def __repr__(self) -> str:
        if self.several:
            return f"<exporters: {', '.join(map(repr, self.several))}>"
        if self.instance is not None:
            return f"<exporter: an object of {type(self.instance).__qualname__}>"
        names = f" with {', '.join(sorted(self.options))}" if self.options else ""
        return f"<exporter: {self.backend}{names}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExporterSetting):
            return NotImplemented
        return (
            self.instance is other.instance
            and self.backend == other.backend
            and self.options == other.options
            and self.several == other.several
        )

    def __hash__(self) -> int:
        return hash((id(self.instance), self.backend, tuple(sorted(self.options)), self.several))

    @classmethod
    def read(cls, value: object, *, where: str = "EXPORTER") -> Self:
        """Understand a setting: an exporter, a short name, a dotted path, BACKEND and OPTIONS, or a list of these.

        Raises `ConfigError`, which begins with `where`, for anything else.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(backend=_backend(value, where))
        if isinstance(value, Mapping):
            return cls._read_mapping(value, where)
        if isinstance(value, list | tuple):
            if not value:
                raise ConfigError(f"{where} is an empty list; name an exporter, or leave it out for SQLite")
            several = [cls.read(one, where=_part(where, index)) for index, one in enumerate(value)]
            return several[0] if len(several) == 1 else cls(several=several)
        if isinstance(value, type):
            raise ConfigError(f"{where} is the class {value.__qualname__}; give an object of it, or its dotted path")
        missing = [name for name in ("export", "close") if not callable(getattr(value, name, None))]
        if missing:
            raise ConfigError(
                f"{where} is an object of {type(value).__qualname__}, which has no method "
                f"{' and no '.join(missing)}; "
                "an exporter has export(events) and close()"
            )
        return cls(instance=cast("Exporter", value))

    @classmethod
    def _read_mapping(cls, value: Mapping[object, object], where: str) -> Self:
        for name in value:
            if name not in ("BACKEND", "OPTIONS"):
                raise ConfigError(f"{where} has the unknown key {name!r}; it takes BACKEND and OPTIONS")
        backend, options = value.get("BACKEND"), value.get("OPTIONS", {})
        if not isinstance(backend, str):
            raise ConfigError(f"{where} has no BACKEND; name one of {_quoted(EXPORTERS)}, or a dotted path")
        if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
            raise ConfigError(f"{_part(where, 'OPTIONS')} must be a mapping of the exporter's options by name")
        return cls(backend=_backend(backend, _part(where, "BACKEND")), options=options)

    def build(self, *, where: str = "EXPORTER") -> Exporter:
        """Give the exporter, made anew if it was named by path.

        Raises `ConfigError`, which begins with `where`, if there is none there or it cannot start.
        """
        if self.several:
            return self._build_several(where)
        if self.instance is not None:
            return self.instance
        problem, made = self._attempt()
        # Outside of any `except`: the cause's own text, traceback and locals may hold what the options hold.
        if problem is not None:
            raise ConfigError(f"{where}: {problem}")
        return cast("Exporter", made)

    def check(self, *, where: str = "EXPORTER") -> None:
        """See that the exporter is there and takes its options, as far as one can without opening anything.

        A file that is made by a check would belong to whoever checks. Raises `ConfigError`, which begins with `where`
        and has all that is wrong.
        """
        if self.several:
            problems: list[str] = []
            for index, setting in enumerate(self.several):
                try:
                    setting.check(where=_part(where, index))
                except ConfigError as error:
                    problems += error.problems
            if problems:
                raise ConfigError(*problems)
        elif self.backend in _OPEN_NOTHING:
            self.build(where=where).close()
        elif self.instance is None:
            problem, found = self._find()
            if problem is None and callable(found):
                problem = self._misfit(found)
            if problem is not None:
                raise ConfigError(f"{where}: {problem}")

    def _build_several(self, where: str) -> Exporter:
        made: list[Exporter] = []
        try:
            for index, setting in enumerate(self.several):
                made.append(setting.build(where=_part(where, index)))
            return FanOutExporter(*made)
        except ConfigError:
            for setting, exporter in zip(self.several, made, strict=False):
                if exporter is not setting.instance:
                    exporter.close()
            raise

    def _find(self) -> tuple[str, None] | tuple[None, object]:
        backend = self.backend or ""
        module_name, _, name = backend.rpartition(".")
        try:
            found = getattr(importlib.import_module(module_name), name)
        except AttributeError:
            return f"the module {module_name} has no {name!r}; name an exporter's class", None
        except Exception as error:
            return f"cannot import {module_name}: {type(error).__name__}: {error}", None
        if not callable(found):
            if self.options:
                return f"{backend} is not a class, so it takes no OPTIONS; name an exporter's class", None
            if not _is_exporter(found):
                return self._no_exporter(), None
        return None, found

    def _misfit(self, kind: Callable[..., object]) -> str | None:
        """Say which option `kind` does not take, or which one it needs; None if they fit, or it does not tell."""
        try:
            parameters = inspect.signature(kind).parameters
        except (TypeError, ValueError):
            return None
        name = _SHORT_NAMES.get(self.backend or "", self.backend)
        named = {key: one for key, one in parameters.items() if one.kind in _NAMED}
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            for option in self.options:
                if option not in named:
                    nearest = next(iter(difflib.get_close_matches(option, named, n=1)), None)
                    takes = f"it takes {', '.join(named)}" if named else "it takes none"
                    return f"{name} has no option {option!r}; " + (f"did you mean {nearest!r}?" if nearest else takes)
        for key, one in named.items():
            if one.default is inspect.Parameter.empty and key not in self.options:
                form = f'{{"BACKEND": "{name}", "OPTIONS": {{"{key}": …}}}}'
                return f"{name} needs the option {key!r}; write {form}"
        return None

    def _attempt(self) -> tuple[str, None] | tuple[None, object]:
        problem, made = self._find()
        if problem is not None:
            return problem, None
        if callable(made):
            problem = self._misfit(made)
            if problem is not None:
                return problem, None
            try:
                made = made(**self.options)
            except HogTraceError as error:
                return str(error), None
            except Exception as error:
                return f"{self.backend} cannot start: {type(error).__name__}: {self._without_options(error)}", None
        if not _is_exporter(made):
            return self._no_exporter(), None
        return None, made

    def _no_exporter(self) -> str:
        return f"{self.backend} gives no exporter, which has export(events) and close()"

    def _without_options(self, error: Exception) -> str:
        """Give the error's message without the values of the options, any of which may be a secret."""
        message = Redaction().scrub(str(error))
        for text in sorted(set(_texts(self.options)), key=len, reverse=True):
            message = message.replace(text, "…")
        return message


def build_exporter(exporter: object = None, *, where: str = "EXPORTER") -> Exporter:
    """Give the exporter that `exporter` describes, as `ExporterSetting.read` has it; of several, one for them all.

    None is `SQLiteExporter` at its default path, which is then logged. Raises `ConfigError`, which begins
    with `where`, for what is no exporter or cannot start.
    """
    if exporter is None:
        default = SQLiteExporter()
        _log.info("no exporter is named, so captured events go to SQLite: %s (%s)", default.path, default.retention)
        return default
    return ExporterSetting.read(exporter, where=where).build(where=where)


def _is_exporter(found: object) -> bool:
    return all(callable(getattr(found, method, None)) for method in ("export", "close"))


def _part(where: str, key: object) -> str:
    """Name a part of what is set at `where`, which may be `EXPORTER in settings.HOGTRACE`."""
    name, among, place = where.partition(" in ")
    return f"{name}[{key!r}]{among}{place}"


def _backend(name: str, where: str) -> str:
    if name in EXPORTERS:
        return EXPORTERS[name]
    if _DOTTED.fullmatch(name):
        return name
    nearest = next(iter(difflib.get_close_matches(name, EXPORTERS, n=1)), None)
    guess = f"did you mean {nearest!r}?" if nearest else f"name one of {_quoted(EXPORTERS)}, or a dotted path"
    raise ConfigError(f"{where} is {Redaction().scrub(name)!r}, which is no exporter; {guess}")


def _texts(value: object) -> Iterator[str]:
    """Give every text in the options that may have found its way into a message."""
    if isinstance(value, str):
        if len(value) > 2:
            yield value
            yield repr(value)[1:-1]
    elif isinstance(value, bytes):
        yield repr(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence | set | frozenset):
        for item in value:
            yield from _texts(item)


def _quoted(names: object) -> str:
    return ", ".join(map(repr, cast("Sequence[str]", names)))
