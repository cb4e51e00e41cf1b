"""How long events stay in a SQLite file, and how large it becomes."""

from __future__ import annotations

import sqlite3
import time
from time import monotonic
from typing import Final, NamedTuple

__all__ = ["LEAST_BYTES", "Retention"]

LEAST_BYTES: Final = 1 << 20
"""The least size to which a file can be kept."""

_BUDGET: Final = 0.2  # seconds after a batch, if one step was not enough
_STEP: Final = 1000  # rows or pages
_LONGEST_PAUSE: Final = 60.0  # seconds between two looks at the age

# From these shares of the greatest size on events are deleted, and down to that one.
_FULL: Final = 0.95
_ROOM: Final = 0.9

# The newest row stays, so that row ids only ever grow, by which those who follow the file know what is new.
_DELETE: Final = """
DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE timestamp < ? ORDER BY timestamp LIMIT ?)
AND rowid < (SELECT max(rowid) FROM events)
"""
_PAGES: Final = """
SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class _Size(NamedTuple):
    """The size of a file, in bytes."""

    whole: int
    free: int
    page: int


class Retention:
    """Deletes the oldest events of a file, a few at a time.

    `max_age` is in seconds, counted back from the newest event; `max_bytes` is the size of the file without its log.
    None is no bound.
    """

    def __init__(self, max_age: float | None, max_bytes: int | None) -> None:
        self.max_age = max_age
        self.max_bytes = max_bytes
        self._next_look = 0.0

    def __str__(self) -> str:
        if self.max_age is None and self.max_bytes is None:
            return "kept for good"
        age = "" if self.max_age is None else f" for {_duration(self.max_age)}"
        size = "" if self.max_bytes is None else f" up to {_bytes(self.max_bytes)}"
        return f"kept{age}{size}"

    def apply(self, connection: sqlite3.Connection) -> None:
        """Delete what is too old or too much, for a moment; the rest is left for the next time.

        Raises `sqlite3.Error` if the file cannot be written to.
        """
        deadline = monotonic() + _BUDGET
        if self.max_bytes is not None:
            self._bound_size(connection, self.max_bytes, deadline)
        if self.max_age is not None and monotonic() >= self._next_look:
            self._bound_age(connection, self.max_age, deadline)

    def _bound_age(self, connection: sqlite3.Connection, max_age: float, deadline: float) -> None:
        (newest,) = connection.execute("SELECT max(timestamp) FROM events").fetchone()
        if newest is None:
            return
        oldest = min(newest, time.time()) - max_age
        while _delete(connection, oldest, _STEP) >= _STEP:
            if monotonic() >= deadline:
                return
        self._next_look = monotonic() + min(_LONGEST_PAUSE, max_age / 10)

    def _bound_size(self, connection: sqlite3.Connection, max_bytes: int, deadline: float) -> None:
        size = _size(connection)
        if size.whole - size.free > _FULL * max_bytes:
            while (excess := size.whole - size.free - _ROOM * max_bytes) > 0:
                deleted = _delete(connection, float("inf"), _rows(connection, size, excess))
                size = _size(connection)
                if not deleted or monotonic() >= deadline:
                    break
        # Pages that are free are used again; they are given back only where the file is too large.
        while size.whole > max_bytes and size.free:
            pages = min(_STEP, -((max_bytes - size.whole) // size.page))
            connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
            before, size = size, _size(connection)
            if size.whole >= before.whole or monotonic() >= deadline:
                break


def _rows(connection: sqlite3.Connection, size: _Size, excess: float) -> int:
    """Say about how many rows take that many bytes."""
    first, last = connection.execute("SELECT min(rowid), max(rowid) FROM events").fetchone()
    if first is None:
        return 1
    return min(_STEP, 1 + int(excess / (size.whole - size.free) * (last - first + 1)))


def _delete(connection: sqlite3.Connection, before: float, count: int) -> int:
    return connection.execute(_DELETE, (before, count)).rowcount


def _size(connection: sqlite3.Connection) -> _Size:
    pages, free, page = connection.execute(_PAGES).fetchone()
    return _Size(pages * page, free * page, page)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} seconds"


def _bytes(count: int) -> str:
    return f"{count / (1 << 30):g} GiB" if count >= 1 << 30 else f"{count / (1 << 20):g} MiB"
