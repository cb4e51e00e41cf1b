"""Where captured events can go.

An exporter is any object with `export(events)` and `close()`; see `hogtrace.types.Exporter`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from hogtrace.exporters.console import ConsoleExporter
from hogtrace.exporters.fan_out import FanOutExporter
from hogtrace.exporters.jsonl import JSONLinesExporter
from hogtrace.exporters.log import LoggingExporter
from hogtrace.exporters.memory import MemoryExporter
from hogtrace.exporters.sqlite import SQLiteExporter

if TYPE_CHECKING:
    from hogtrace.exporters.http import HTTPExporter
    from hogtrace.exporters.otlp import OTLPExporter
    from hogtrace.exporters.posthog import PostHogExporter

__all__ = [
    "ConsoleExporter",
    "FanOutExporter",
    "HTTPExporter",
    "JSONLinesExporter",
    "LoggingExporter",
    "MemoryExporter",
    "OTLPExporter",
    "PostHogExporter",
    "SQLiteExporter",
]


_LATER: Final = {
    "HTTPExporter": "hogtrace.exporters.http",
    "OTLPExporter": "hogtrace.exporters.otlp",
    "PostHogExporter": "hogtrace.exporters.posthog",
}
"""Those that need what is much to import for those who have no use for it, and where they are."""


def __getattr__(name: str) -> object:
    if name in _LATER:
        exporter = getattr(import_module(_LATER[name]), name)
        globals()[name] = exporter
        return exporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
