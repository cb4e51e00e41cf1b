"""Where captured events can go.

An exporter is any object with `export(events)` and `close()`; see `hogtrace.types.Exporter`.
"""

from hogtrace.exporters.console import ConsoleExporter
from hogtrace.exporters.jsonl import JSONLinesExporter
from hogtrace.exporters.memory import MemoryExporter
from hogtrace.exporters.sqlite import SQLiteExporter

__all__ = ["ConsoleExporter", "JSONLinesExporter", "MemoryExporter", "SQLiteExporter"]
