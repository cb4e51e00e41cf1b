"""The SQLite file that holds events: its tables, and how it is opened to be read."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION", "open_store"]

SCHEMA_VERSION: Final = 2
"""The version of the tables, kept in the file as SQLite's `user_version`."""

APPLICATION_ID: Final = 0x486F6754
"""What marks a SQLite file as HogTrace's (`HogT`), kept in it as SQLite's `application_id`."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    id          TEXT PRIMARY KEY,
    timestamp   REAL NOT NULL,  -- Unix time in seconds
    time        TEXT AS (strftime('%Y-%m-%d %H:%M:%f', timestamp, 'unixepoch')) VIRTUAL,  -- UTC
    kind        TEXT NOT NULL,  -- capture, or request: the record that ends one
    program     TEXT NOT NULL,
    probe       TEXT NOT NULL,
    target      TEXT NOT NULL,
    function    TEXT NOT NULL,
    point       TEXT NOT NULL,
    request_id  TEXT,
    method      TEXT,
    path        TEXT,
    route       TEXT,
    status      INTEGER,        -- of a request that has ended
    process     INTEGER NOT NULL,
    thread      INTEGER NOT NULL,  -- 2**64 less, where it is 2**63 or more
    thread_name TEXT,
    task        TEXT,
    trace_id    TEXT,
    span_id     TEXT,
    service     TEXT,
    release     TEXT,
    environment TEXT,
    host        TEXT,
    fields      TEXT NOT NULL,  -- JSON object: what was captured
    errors      TEXT NOT NULL,  -- JSON array: what could not be
    request     TEXT NOT NULL   -- JSON object: what is known of the request
);
CREATE INDEX IF NOT EXISTS events_by_time ON events (timestamp);
CREATE INDEX IF NOT EXISTS events_by_request ON events (request_id, timestamp);
CREATE INDEX IF NOT EXISTS events_by_probe ON events (probe, timestamp);
CREATE VIEW IF NOT EXISTS captures AS
    SELECT events.time, events.probe, events.function, events.point, events.request_id,
           events.method, events.path, events.route, field.key AS field, field.value AS value,
           events.timestamp, events.id AS event_id
    FROM events, json_each(events.fields) AS field WHERE events.kind = 'capture';
CREATE VIEW IF NOT EXISTS requests AS
    SELECT request_id, max(method) AS method, max(path) AS path, max(route) AS route, max(status) AS status,
           strftime('%Y-%m-%d %H:%M:%f', min(begun), 'unixepoch') AS started,
           round(coalesce(max(duration), max(timestamp) - min(timestamp)) * 1000, 3) AS milliseconds,
           sum(kind = 'capture') AS events, sum(kind = 'capture' AND errors <> '[]') AS events_with_errors,
           min(begun) AS timestamp
    FROM (SELECT *, timestamp - coalesce(duration, 0) AS begun FROM
             (SELECT *, CASE kind WHEN 'request' THEN json_extract(fields, '$.duration') END AS duration FROM events))
    WHERE request_id IS NOT NULL GROUP BY request_id
"""
"""What makes the tables and views: statements, with a semicolon and the end of a line between them."""


def open_store(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """Open a file that a `SQLiteExporter` has written, to read it only.

    Raises `OSError` for a file that is not there, and `ValueError` for one that is not HogTrace's.
    """
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
