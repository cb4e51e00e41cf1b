"""The table `processes` in a SQLite file: what each process that writes there has said of itself last."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from hogtrace.processes import is_running
from hogtrace.types import Report

__all__ = ["PROCESSES", "read_processes", "store_report"]

PROCESSES: Final = """
CREATE TABLE IF NOT EXISTS processes (
    id          TEXT PRIMARY KEY,  -- one tracer in one process
    process     INTEGER NOT NULL,
    birth       TEXT,              -- what tells it from others of that number
    host        TEXT,
    service     TEXT,
    release     TEXT,
    environment TEXT,
    exporter    TEXT NOT NULL,
    started     REAL NOT NULL,     -- Unix time in seconds
    updated     REAL NOT NULL,     -- the same
    ended       INTEGER NOT NULL,  -- 1 after the last report
    captured    INTEGER NOT NULL,
    exported    INTEGER NOT NULL,
    queued      INTEGER NOT NULL,
    dropped     TEXT NOT NULL,     -- JSON object: how many by cause
    access      TEXT NOT NULL,
    trusted     TEXT NOT NULL,     -- JSON array: what probes may run
    probes      TEXT NOT NULL      -- JSON array: state, reason, hits, …
)
"""
"""What makes the table."""

_COLUMNS: Final = (
    "id, process, birth, host, service, release, environment, exporter, started, updated, ended, captured, exported, "
    "queued, dropped, access, trusted, probes"
)
_STORE: Final = f"INSERT OR REPLACE INTO processes ({_COLUMNS}) VALUES ({', '.join('?' * (_COLUMNS.count(',') + 1))})"  # noqa: S608 - all ours

_FUNCTIONS: Final = 100
"""How many functions of one probe are named; a wildcard may have a thousand."""

_DAY: Final = 86_400.0
_WEEK: Final = 7 * _DAY
_KEPT: Final = 100
"""So many of the latest are kept for a day or a week, whatever became of them."""


def store_report(connection: sqlite3.Connection, report: Report) -> None:
    """Store `report` in place of an earlier one of its process and tracer; at the first, forget who is long gone.

    To be called in a transaction. Those are: of processes that have ended, or do not run any more, what they said more
    than a day ago; of processes of which that cannot be known, more than a week ago; and what is not among the latest
    100, if it is known that they do not run.
    """
    if connection.execute("SELECT 1 FROM processes WHERE id = ?", (report.id,)).fetchone() is None:
        _forget(connection, report.time)
    status = report.status.to_dict()
    for probe in status["probes"]:
        del probe["functions"][_FUNCTIONS:]
    whose = (report.id, report.process, report.birth, report.host, report.service, report.release, report.environment)
    when = (report.started, report.time, int(report.ended))
    counts = (status["captured"], status["exported"], status["queued"], _json(status["dropped"]))
    rights = (status["access"], _json(status["trusted_calls"]))
    connection.execute(_STORE, (*whose, report.exporter, *when, *counts, *rights, _json(status["probes"])))


def read_processes(connection: sqlite3.Connection) -> list[Report]:
    """Give what all processes have said last, in the order in which they began; none if there is no such table.

    Raises `ValueError` for rows that are not what `store_report` makes.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'processes'").fetchone() is None:
        return []
    rows = connection.execute(f"SELECT {_COLUMNS} FROM processes ORDER BY started, id").fetchall()  # noqa: S608 - ours
    return [_report(dict(zip(_COLUMNS.split(", "), row, strict=True))) for row in rows]


def _report(row: dict[str, Any]) -> Report:
    try:
        status = {
            **row,
            "dropped": json.loads(row["dropped"]),
            "trusted_calls": json.loads(row["trusted"]),
            "probes": json.loads(row["probes"]),
        }
        return Report.from_dict({**row, "time": row["updated"], "ended": bool(row["ended"]), "status": status})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the table processes holds what is no status: {error}") from error


def _forget(connection: sqlite3.Connection, now: float) -> None:
    rows = connection.execute("SELECT id, process, host, birth, updated, ended FROM processes ORDER BY updated DESC")
    for number, (key, process, host, birth, updated, ended) in enumerate(rows.fetchall()):
        age = now - updated
        if age < _DAY and number < _KEPT:
            continue
        running = False if ended else is_running(process, host=host, birth=birth)
        if running is False or (running is None and age > _WEEK):
            connection.execute("DELETE FROM processes WHERE id = ?", (key,))


def _json(value: object) -> str:
    # A lone surrogate, as an odd name may have one, is no UTF-8; escaped it is.
    return json.dumps(value, ensure_ascii=True)
