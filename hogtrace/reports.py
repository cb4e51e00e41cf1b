"""What processes said of themselves last, read back from where their exporter keeps it."""

from __future__ import annotations

import os
from contextlib import closing

from hogtrace.exporters.sqlite_processes import read_processes
from hogtrace.forms.sqlite_store import open_store
from hogtrace.types import Report

__all__ = ["read_reports"]


def read_reports(path: str | os.PathLike[str]) -> list[Report]:
    """Give the latest report of each tracer of each process that writes to the file at `path`, the oldest tracer first.

    Raises `OSError` for a file that is not there, and `ValueError` for one that is not a `SQLiteExporter`'s.
    """
    try:
        connection = open_store(path)
    except ValueError as error:
        raise ValueError(f"{error}; what processes do is kept in SQLite files, where EXPORTER is 'sqlite'") from error
    with closing(connection):
        return read_processes(connection)
