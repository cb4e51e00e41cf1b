"""The settings: one schema for every framework and for the environment, with the same names and messages."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from hogtrace._engine import CopyLimits, Program
from hogtrace.before_export import BeforeExport, read_hooks
from hogtrace.errors import ConfigError
from hogtrace.exporter_setting import ExporterSetting, build_exporter
from hogtrace.resource import read_name
from hogtrace.sources import DISCOVERED, load_programs
from hogtrace.trust import read_entries
from hogtrace.types import Budget, Exporter, TrustEntry

__all__ = ["Settings", "copy_limits", "overhead_budget"]

_PREFIX: Final = "HOGTRACE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that can be set, checked. Hashable; equal settings share a tracer. `load` makes one."""

    probes: tuple[str, ...] = ()
    """PROBES: probe files, directories, glob patterns, or programs as text."""
    autodiscover: bool = False
    """AUTODISCOVER: also load the file `probes.hogtrace` of each application, if it has one; see `discovered`."""
    exporter: ExporterSetting | None = None
    """EXPORTER: where events go; None is SQLite at its default path."""
    service: str | None = None
    """SERVICE: the name of the service, which events tell; None is what OpenTelemetry's variables say, if anything."""
    release: str | None = None
    """RELEASE: its release; None likewise."""
    environment: str | None = None
    """ENVIRONMENT: where it is deployed; None likewise."""
    access: Literal["safe", "python"] = "safe"
    """ACCESS: `safe` runs no code of the application; `python` reads as Python does."""
    trust: tuple[TrustEntry, ...] = ()
    """TRUST: what may be read beyond that, as (type, attribute) or `pkg.Type.attribute`."""
    redact: tuple[str, ...] = ()
    """REDACT: further names that are secret."""
    redact_except: tuple[str, ...] = ()
    """REDACT_EXCEPT: names that are not."""
    disabled: bool = False
    """DISABLED: install nothing at all."""
    max_overhead: float | None = 0.01
    """MAX_OVERHEAD: the share of a thread's time that one probe may take; None is any share for all of them."""
    max_total_overhead: float | None = 0.03
    """MAX_TOTAL_OVERHEAD: the share that all probes of a tracer may take together; None is any share."""
    overhead_pause: float = 10.0
    """OVERHEAD_PAUSE: for how many seconds a probe that took more is out the first time; then twice as long."""
    wildcard_limit: int | None = 1000
    """WILDCARD_LIMIT: how many functions one wildcard may select; None is any number."""
    queue_events: int = 10_000
    """QUEUE_EVENTS: how many events may wait for the exporter."""
    queue_bytes: int = 16 * 1024 * 1024
    """QUEUE_BYTES: how many bytes of them."""
    batch_size: int = 512
    """BATCH_SIZE: how many events are exported at a time, at most."""
    batch_delay: float = 1.0
    """BATCH_DELAY: how long an event waits for its batch to fill, in seconds."""
    report_interval: float | None = 10.0
    """REPORT_INTERVAL: seconds from one report of what the probes do to the next, for exporters that keep such; None is
    never."""
    export_timeout: float = 30.0
    """EXPORT_TIMEOUT: for how many seconds a batch is offered again, and one call of the exporter may take."""
    before_export: tuple[BeforeExport | str, ...] = ()
    """BEFORE_EXPORT: functions, or their dotted paths, through which each event passes before it is exported."""
    flush_on_sigterm: bool = True
    """FLUSH_ON_SIGTERM: export what waits when SIGTERM comes, where nobody handles it, or uvicorn does."""
    request_records: bool = True
    """REQUEST_RECORDS: a request in which something was captured ends with an event of its own, its record."""
    copy_depth: int = 3
    """COPY_DEPTH: how deep containers and objects in a captured value are copied."""
    copy_items: int = 100
    """COPY_ITEMS: how many items of one container."""
    copy_characters: int = 1024
    """COPY_CHARACTERS: how many characters of one string, or bytes of one byte string."""
    copy_fields: int = 50
    """COPY_FIELDS: how many fields of one object."""
    copy_values: int = 1000
    """COPY_VALUES: how many values in one event, containers included."""
    copy_bytes: int = 65_536
    """COPY_BYTES: how many bytes in one event."""
    copy_time: float = 0.001
    """COPY_TIME: how long the copies of one run of a probe may take, in seconds."""

    @classmethod
    def load(
        cls,
        mapping: Mapping[str, object] | None,
        *,
        where: str = "settings.HOGTRACE",
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read settings from `mapping` and, for names that it lacks, from `HOGTRACE_<NAME>` variables.

        `where` is what messages call the mapping; `environ` None is the process's environment. In the
        environment lists are separated by commas, and EXPORTER may be a JSON object, or a list of them.
        `HOGTRACE_DISABLED=1` always wins, and then nothing else is looked at.

        Raises `ConfigError` with all that is wrong. It opens no file: that is up to `programs` and
        `build_exporter`.
        """
        environ = os.environ if environ is None else environ
        if environ.get(f"{_PREFIX}DISABLED", "").strip().lower() in _TRUE:
            return cls(disabled=True)
        if mapping is None:
            mapping = {}
        if not isinstance(mapping, Mapping):
            raise ConfigError(f"{where} is {_kind(mapping)}; it must be a mapping of settings by name")
        problems = list(_unknown_names(mapping, environ, where))
        values: dict[str, Any] = {}
        for name, (read, parse) in _SCHEMA.items():
            variable = f"{_PREFIX}{name}"
            try:
                if name in mapping:
                    values[name.lower()] = read(mapping[name], f"{name} in {where}")
                elif environ.get(variable):
                    values[name.lower()] = read(parse(environ[variable], variable), variable)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(*problems)
        return cls(**values)

    def discovered(self, folders: Iterable[str | os.PathLike[str]]) -> Self:
        """Give these settings with what AUTODISCOVER finds in `folders`, those of a framework's applications.

        If it is on, each `probes.hogtrace` there comes after what PROBES names, in the order of the folders, and
        nothing is left to discover; else the settings stay as they are.
        """
        if not self.autodiscover:
            return self
        files = (Path(folder, DISCOVERED) for folder in folders)
        found = tuple(dict.fromkeys(str(file.absolute()) for file in files if file.is_file()))
        return replace(self, probes=self.probes + found, autodiscover=False)

    def programs(self) -> list[Program]:
        """Compile all that PROBES names, in that order.

        Raises `ConfigError` for what cannot be read, and `CompileError` for what does not compile. AUTODISCOVER is a
        `ConfigError`, too, where no framework has told what its applications are.
        """
        if self.autodiscover:
            raise ConfigError(
                "AUTODISCOVER looks into the applications of Django and of Flask, and there are none here; "
                "name the probe files in PROBES"
            )
        return load_programs(self.probes)

    def build_exporter(self) -> Exporter:
        """Give the exporter. Raises `ConfigError` if it cannot start."""
        return build_exporter(self.exporter)


def copy_limits(bounds: Mapping[str, float]) -> CopyLimits:
    """Give the bounds of copies for arguments by their names (`copy_depth` and so on).

    Raises `ConfigError` with all that are out of range.
    """
    problems: list[str] = []
    read: dict[str, Any] = {}
    for name in _COPY_RANGES:
        argument = f"copy_{name}"
        try:
            read[name] = _copy_bound(name)(bounds[argument], argument)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return CopyLimits(**read)


def overhead_budget(
    max_overhead: float | None, max_total_overhead: float | None, overhead_pause: float
) -> Budget | None:
    """Give the budget for arguments of these names; None if there is none.

    Raises `ConfigError` with all that are out of range.
    """
    problems: list[str] = []
    arguments = {
        "max_overhead": max_overhead,
        "max_total_overhead": max_total_overhead,
        "overhead_pause": overhead_pause,
    }
    for name, value in arguments.items():
        try:
            _SCHEMA[name.upper()][0](value, name)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return None if max_overhead is None else Budget(max_overhead, max_total_overhead, overhead_pause)


_TRUE: Final = ("1", "true", "yes", "on")
_FALSE: Final = ("0", "false", "no", "off")

# Below this the governor's own clock would be the most of it.
_LEAST_SHARE: Final = 0.0001

# One pair for each setting: what makes a value of it, and what makes such a value of an environment
# variable's text.
_Read = Callable[[object, str], object]
_Parse = Callable[[str, str], object]


def _names(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise ConfigError(f"{where} is {_kind(value)}; it must be a list of names")
    for name in value:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{where} holds {_kind(name)}; it must be a list of names")
    return tuple(sorted(value)) if isinstance(value, set | frozenset) else tuple(value)


def _probes(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str | os.PathLike):
        value = [value]
    if not isinstance(value, Sequence):
        raise ConfigError(f"{where} is {_kind(value)}; it must be a list of paths, patterns or programs")
    entries = []
    for entry in value:
        if isinstance(entry, Path):
            entry = str(entry)
        if not isinstance(entry, str):
            raise ConfigError(f"{where} holds {_kind(entry)}; it must be a list of paths, patterns or programs")
        entries.append(entry)
    return tuple(entries)


def _exporter(value: object, where: str) -> ExporterSetting | None:
    return None if value is None else ExporterSetting.read(value, where=where)


def _trust(value: object, where: str) -> tuple[TrustEntry, ...]:
    if not isinstance(value, Sequence):
        raise ConfigError(f"{where} is {_kind(value)}; it must be a list of (type, attribute) pairs")
    return read_entries(value, where)


def _choice(*choices: str) -> _Read:
    def read(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in choices:
            shown = repr(value) if isinstance(value, str) else _kind(value)
            raise ConfigError(f"{where} is {shown}; it must be {' or '.join(map(repr, choices))}")
        return value

    return read


def _switch(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} is {_kind(value)}; it must be True or False")
    return value


def _count(least: int, most: int | None = None, *, or_none: bool = False) -> _Read:
    def read(value: object, where: str) -> int | None:
        if value is None and or_none:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not isinstance(value, int) or not whole or value < least or (most is not None and value > most):
            shown = value if whole else _kind(value)
            end = ", or None for no limit" if or_none else ""
            wanted = f"of {least} or more{end}" if most is None else f"from {least} to {most}"
            raise ConfigError(f"{where} is {shown}; it must be a whole number {wanted}")
        return value

    return read


def _share(value: object, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not _LEAST_SHARE <= value <= 1:
        shown = value if isinstance(value, int | float) and not isinstance(value, bool) else _kind(value)
        raise ConfigError(
            f"{where} is {shown}; it must be a share of time from {_LEAST_SHARE:g} to 1, or None for no limit"
        )
    return float(value)


def _seconds(least: float = 0.001, most: float = 3600, *, or_none: bool = False) -> _Read:
    def read(value: object, where: str) -> float | None:
        if value is None and or_none:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            shown = value if isinstance(value, int | float) and not isinstance(value, bool) else _kind(value)
            end = ", or None for never" if or_none else ""
            raise ConfigError(f"{where} is {shown}; it must be a number of seconds from {least:g} to {most:g}{end}")
        return float(value)

    return read


def _parse_text(text: str, where: str) -> str:  # noqa: ARG001 - one of the parsers, which share a signature
    return text.strip()


def _parse_list(text: str, where: str) -> list[str]:  # noqa: ARG001 - the same
    return [part for piece in text.split(",") if (part := piece.strip())]


def _parse_probes(text: str, where: str) -> list[str]:
    return [text] if "{" in text else _parse_list(text, where)


def _parse_exporter(text: str, where: str) -> object:
    text = text.strip()
    if not text.startswith(("{", "[")):
        return _parse_list(text, where) if "," in text else text
    try:
        return json.loads(text)
    except ValueError:
        pass
    # Outside of the `except`, so that the text, which may hold secrets, is not in the error's context.
    raise ConfigError(f'{where} begins with {text[0]} but is not JSON; write {{"BACKEND": …, "OPTIONS": {{…}}}}')


def _parse_switch(text: str, where: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ConfigError(f"{where} is {text!r}; it must be 1 or 0")
    return word in _TRUE


def _parse_number(text: str, where: str) -> object:
    word = text.strip().lower()
    if word == "none":
        return None
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    raise ConfigError(f"{where} is {text!r}; it must be a number")


# Name to least and most, as the engine has them.
_COPY_RANGES: Final = {name: (least, most) for name, least, _, most in CopyLimits.RANGES}


def _copy_bound(name: str) -> _Read:
    least, most = _COPY_RANGES[name]
    return _seconds(least, most) if name == "time" else _count(int(least), int(most))


_SCHEMA: Final[Mapping[str, tuple[_Read, _Parse]]] = {
    "PROBES": (_probes, _parse_probes),
    "AUTODISCOVER": (_switch, _parse_switch),
    "EXPORTER": (_exporter, _parse_exporter),
    "SERVICE": (read_name, _parse_text),
    "RELEASE": (read_name, _parse_text),
    "ENVIRONMENT": (read_name, _parse_text),
    "ACCESS": (_choice("safe", "python"), _parse_text),
    "TRUST": (_trust, _parse_list),
    "REDACT": (_names, _parse_list),
    "REDACT_EXCEPT": (_names, _parse_list),
    "DISABLED": (_switch, _parse_switch),
    "MAX_OVERHEAD": (_share, _parse_number),
    "MAX_TOTAL_OVERHEAD": (_share, _parse_number),
    "OVERHEAD_PAUSE": (_seconds(1), _parse_number),
    "WILDCARD_LIMIT": (_count(1, or_none=True), _parse_number),
    "QUEUE_EVENTS": (_count(1), _parse_number),
    "QUEUE_BYTES": (_count(65_536), _parse_number),
    "BATCH_SIZE": (_count(1), _parse_number),
    "BATCH_DELAY": (_seconds(), _parse_number),
    "REPORT_INTERVAL": (_seconds(0.1, 86_400, or_none=True), _parse_number),
    "EXPORT_TIMEOUT": (_seconds(), _parse_number),
    "BEFORE_EXPORT": (read_hooks, _parse_list),
    "FLUSH_ON_SIGTERM": (_switch, _parse_switch),
    "REQUEST_RECORDS": (_switch, _parse_switch),
    **{f"COPY_{name.upper()}": (_copy_bound(name), _parse_number) for name in _COPY_RANGES},
}


def _unknown_names(mapping: Mapping[str, object], environ: Mapping[str, str], where: str) -> Iterator[str]:
    for name in mapping:
        if name not in _SCHEMA:
            yield f"unknown setting {name!r} in {where}; {_guess(str(name))}"
    # Others may have variables of this prefix (Kubernetes makes some for a service named `hogtrace`), so only
    # what looks like a slip counts.
    for variable in environ:
        name = variable.removeprefix(_PREFIX)
        if name != variable and name not in _SCHEMA and _nearest(name):
            yield f"unknown environment variable {variable}; did you mean {_PREFIX}{_nearest(name)}?"


def _nearest(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name.upper(), _SCHEMA, n=1, cutoff=0.75)), None)


def _guess(name: str) -> str:
    nearest = _nearest(name)
    return f"did you mean {nearest!r}?" if nearest else f"there are {', '.join(_SCHEMA)}"


def _kind(value: object) -> str:
    """Say what a value is without showing it: it may be a secret in the wrong place."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
