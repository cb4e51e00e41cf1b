"""Where captured events can go.

An exporter is any object with `export(events)` and `close()`; see `hogtrace.types.Exporter`.
"""

from typing import TYPE_CHECKING

from hogtrace.exporters.console import ConsoleExporter
from hogtrace.exporters.fan_out import FanOutExporter
from hogtrace.exporters.jsonl import JSONLinesExporter
from hogtrace.exporters.log import LoggingExporter
from hogtrace.exporters.memory import MemoryExporter
from hogtrace.exporters.sqlite import SQLiteExporter

if TYPE_CHECKING:
    from hogtrace.exporters.http import HTTPExporter

__all__ = [
    "ConsoleExporter",
    "FanOutExporter",
    "HTTPExporter",
    "JSONLinesExporter",
    "LoggingExporter",
    "MemoryExporter",
    "SQLiteExporter",
]


def __getattr__(name: str) -> object:
    # The standard library's HTTP and e-mail packages are much to import for those who have no use for them.
    if name == "HTTPExporter":
        from hogtrace.exporters.http import HTTPExporter

        globals()[name] = HTTPExporter
        return HTTPExporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
