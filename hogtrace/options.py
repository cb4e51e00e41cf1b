"""The settings as keyword arguments, for what takes them in code: the same names, in lower case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from hogtrace.before_export import BeforeExport
from hogtrace.config import Settings
from hogtrace.types import Exporter, TrustEntry

__all__ = ["Options", "settings_from"]


class Options(TypedDict, total=False):
    """What may be set; `Settings` says what each is. A name that is left out is asked of the environment."""

    probes: Sequence[str | Path] | str | Path
    autodiscover: bool
    exporter: Exporter | Mapping[str, object] | str | Sequence[Exporter | Mapping[str, object] | str] | None
    service: str | None
    release: str | None
    environment: str | None
    access: Literal["safe", "python"]
    trust: Sequence[TrustEntry | Sequence[str] | str]
    redact: Sequence[str]
    redact_except: Sequence[str]
    disabled: bool
    max_overhead: float | None
    max_total_overhead: float | None
    overhead_pause: float
    wildcard_limit: int | None
    queue_events: int
    queue_bytes: int
    batch_size: int
    batch_delay: float
    report_interval: float | None
    export_timeout: float
    before_export: BeforeExport | str | Sequence[BeforeExport | str] | None
    flush_on_sigterm: bool
    request_records: bool
    copy_depth: int
    copy_items: int
    copy_characters: int
    copy_fields: int
    copy_values: int
    copy_bytes: int
    copy_time: float


def settings_from(settings: Settings | None, options: Mapping[str, Any], *, where: str) -> Settings:
    """Give `settings`, or if they are None what `options` say; `where` is what messages call the options.

    Raises `ConfigError` for an option that is unknown or wrong, and `TypeError` if both are given.
    """
    if settings is None:
        return Settings.load({name.upper(): value for name, value in options.items()}, where=where)
    if options:
        raise TypeError(f"settings are given twice: as an object and as {', '.join(sorted(options))}")
    return settings
