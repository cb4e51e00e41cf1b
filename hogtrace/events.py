"""Captured events: what they are, and how to read back what was exported."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from hogtrace._engine import CaptureEvent, Mark
from hogtrace.exporters.sqlite import APPLICATION_ID, SCHEMA_VERSION

__all__ = ["CaptureEvent", "Mark", "read_jsonl", "read_sqlite"]


_SELECT: Final = """
SELECT id, timestamp, program, probe, target, function, point, request_id, request, process, thread,
       fields, errors
FROM events
"""


def read_jsonl(path: str | os.PathLike[str], *, skip_broken: bool = False) -> Iterator[CaptureEvent]:
    """Give the events that a `JSONLinesExporter` has written to `path`, in the order of the file.

    A last line that is still being written is left out. Raises `OSError` for a file that cannot be read, and
    `ValueError` naming the line for one that is not an event; with `skip_broken` such lines are passed over.
    """
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or not line.endswith(b"\n"):
                continue
            try:
                event = CaptureEvent.from_json(line.decode())
            except (ValueError, KeyError, TypeError) as error:
                if skip_broken:
                    continue
                raise ValueError(f"{os.fspath(path)}:{number}: not an event: {error}") from error
            yield event


def read_sqlite(
    path: str | os.PathLike[str],
    *,
    request: str | None = None,
    probe: str | None = None,
    limit: int | None = None,
) -> list[CaptureEvent]:
    """Give the events in the file at `path` that a `SQLiteExporter` has written, oldest first.

    `request` takes those of requests whose id begins with it; `probe` those with that text in the probe's id,
    its target, or the function's name; `limit` the newest so many.

    Raises `OSError` for a file that is not there, and `ValueError` for one that is not HogTrace's.
    """
    conditions, values = _conditions(request, probe)
    query = f"{_SELECT} WHERE {conditions} ORDER BY timestamp DESC, rowid DESC LIMIT ?"
    with closing(_open(path)) as connection:
        rows = connection.execute(query, (*values, -1 if limit is None else limit)).fetchall()
    return [_event(row) for row in reversed(rows)]


def _conditions(request: str | None, probe: str | None) -> tuple[str, list[str]]:
    conditions, values = ["1"], []
    if request is not None:
        conditions.append("substr(request_id, 1, length(?)) = ?")
        values += [request] * 2
    if probe is not None:
        conditions.append("(instr(probe, ?) OR instr(target, ?) OR instr(function, ?))")
        values += [probe] * 3
    return " AND ".join(conditions), values


def _open(path: str | os.PathLike[str]) -> sqlite3.Connection:
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {os.fspath(path)}")
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ValueError(f"{os.fspath(path)} cannot be read as SQLite: {error}") from error
    if application == APPLICATION_ID and version == SCHEMA_VERSION:
        return connection
    connection.close()
    if application != APPLICATION_ID:
        raise ValueError(f"{os.fspath(path)} holds no events of HogTrace")
    raise ValueError(f"{os.fspath(path)} has tables of version {version}; this HogTrace reads version {SCHEMA_VERSION}")


def _event(row: tuple[object, ...]) -> CaptureEvent:
    names = ("id", "timestamp", "program", "probe", "target", "function", "point", "request_id")
    *columns, request, process, thread, fields, errors = row
    return CaptureEvent.from_dict(
        {
            "schema": 1,
            **dict(zip(names, columns, strict=True)),
            "request": json.loads(str(request)),
            "process": process,
            "thread": thread,
            "values": json.loads(str(fields)),
            "errors": json.loads(str(errors)),
        }
    )
