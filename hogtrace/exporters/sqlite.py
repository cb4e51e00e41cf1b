"""Events in a SQLite file: the embedded store, made to be queried."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from hogtrace._engine import ROW_COLUMNS, CaptureEvent, encode_rows
from hogtrace.errors import ConfigError, RetryError
from hogtrace.exporters.checks import checked_path, is_number, is_whole
from hogtrace.exporters.retention import LEAST_BYTES, Retention
from hogtrace.exporters.sqlite_processes import PROCESSES, store_report
from hogtrace.forms.sqlite_store import APPLICATION_ID, SCHEMA, SCHEMA_VERSION
from hogtrace.outages import warn
from hogtrace.types import Report

__all__ = ["SQLiteExporter"]

_COLUMNS: Final = ", ".join(ROW_COLUMNS)
_PARAMETERS: Final = f"({', '.join('?' * len(ROW_COLUMNS))})"

# Rows of one statement: older versions of SQLite take 999 values in one.
_ROWS: Final = 999 // len(ROW_COLUMNS)

_DAY: Final = 86_400  # seconds

# What the log may grow to before it is cut again, once what it holds is in the file.
_LOG_BYTES: Final = 16 << 20

# What passes on its own: somebody else writes, or somebody makes room.
_PASSING: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


# Connections that a forked child has from its parent in the middle of a batch. Closing one, or letting it be
# collected, would wait for a thread that the child does not have.
_inherited: list[sqlite3.Connection] = []


class SQLiteExporter:
    """Writes events into the SQLite file at `path`, which is made if it is not there.

    The table `events` has a row for each event, the view `captures` one for each captured value, the view
    `requests` one for each request, and the table `processes` one for each process that writes there, with what its
    probes do. Several processes may write one file: it is in WAL mode, and each waits
    up to `timeout` seconds for the others. An event is stored once, however often it comes.
    `hogtrace.events.read_sqlite` reads it back.

    While it writes it deletes events that are more than `max_age` seconds older than the newest, and the oldest ones
    where the file would become larger than `max_bytes`, to within a batch; None is no bound. The file's log
    (`-wal`) is small, but for as long as somebody reads: then it may become as large as `max_bytes`.

    Raises `ConfigError` for a path that cannot be opened and written to, a file that is something else, one that
    another version of HogTrace has made, and wrong options.
    """

    path: Path
    """The file, as an absolute path."""
    retention: Retention
    """How long events stay; `str()` says it in words."""

    # SQLite keeps in memory which locks the process holds, and a child inherits that belief without the
    # locks: it would write over others. So nothing is open when the process forks, and a batch in flight is
    # waited for.
    fork_timeout = 1.0

    def __init__(
        self,
        path: str | os.PathLike[str] = "hogtrace.sqlite",
        *,
        timeout: float = 5.0,
        max_age: float | None = 14 * _DAY,
        max_bytes: int | None = 512 << 20,
    ) -> None:
        self.path = checked_path(path, "SQLiteExporter")
        _check(timeout=timeout, max_age=max_age, max_bytes=max_bytes)
        self._timeout = timeout
        self.retention = Retention(max_age, max_bytes)
        self._untidy = False
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._forked_in_batch = False
        try:
            # Only a look: the connection that is used belongs to the process that uses it, which may be a
            # fork.
            self._open().close()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"SQLiteExporter: cannot use {self.path}: {error}; {self._advice(error)}") from None

    def __repr__(self) -> str:
        return f"<hogtrace.SQLiteExporter to {str(self.path)!r}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Store `events` in one transaction.

        Raises `RetryError` where the file is locked for longer than `timeout`, the disk is full, or the log cannot be
        written back because somebody reads; `sqlite3.Error` or `OSError` for whatever else they cannot be stored.
        Then none is stored.
        """
        self._write(partial(self._insert, rows=encode_rows(events)))
        self._tidy()

    def report(self, report: Report) -> None:
        """Store what a tracer says of itself, for `hogtrace status`. Raises what `export` raises."""
        self._write(partial(self._store, report=report))

    def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        """Have `write` write into the file that is at the path now."""
        if self._forked_in_batch:
            raise RuntimeError(
                f"the process was forked while its parent wrote to {self.path}, so it cannot write there"
            )
        if self._connection is not None and self._file != self._look():
            # Moved away or deleted; what is written to the old connection would be lost.
            self.close()
        try:
            if self._connection is None:
                self._connection = self._open()
                self._file = self._look()
            self._bound_log(self._connection)
            write(self._connection)
        except sqlite3.Error as error:
            # The file may have been moved, replaced or repaired: begin with a fresh connection next time.
            self.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
                raise RetryError(f"{self.path}: {error}") from None
            raise

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def rest(self) -> None:
        """Close the file until the next batch."""
        self.close()

    def after_fork(self) -> None:
        """Leave the parent's connection alone, should there be one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _inherited.append(connection)
            self._forked_in_batch = True

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
        with _transaction(connection):
            for start in range(0, len(rows), _ROWS):
                some = rows[start : start + _ROWS]
                connection.execute(_insertion(len(some)), tuple(chain.from_iterable(some)))

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        """See that the log, which cannot be written back while somebody reads old pages, does not grow for ever."""
        if self.retention.max_bytes is None:
            return
        most = max(self.retention.max_bytes, _LOG_BYTES)
        log = self.path.with_name(f"{self.path.name}-wal")
        deadline = monotonic() + self._timeout
        while _bytes(log) > most:
            (busy, _written, _copied) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                break
            # It waits for readers, but not for another process that does the same.
            if monotonic() > deadline:
                raise RetryError(f"{log} cannot be written back, because a process has been reading for long")
            sleep(0.01)

    def _tidy(self) -> None:
        """Delete old events; what goes wrong here must not cost the new ones."""
        if self._connection is None:
            return
        try:
            self.retention.apply(self._connection)
        except sqlite3.Error as error:
            self.close()
            if not self._untidy:
                self._untidy = True
                warn("SQLiteExporter cannot delete old events of %s: %s", self.path, error)
        else:
            self._untidy = False

    def _store(self, connection: sqlite3.Connection, report: Report) -> None:
        with _transaction(connection):
            store_report(connection, report)

    def _look(self) -> tuple[int, int] | None:
        """Say which file is at the path: its device and inode."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> sqlite3.Connection:
        # One thread at a time uses it, but not always the same one.
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or see that they are ours and of our version."""
        if _pragma(connection, "application_id") != APPLICATION_ID:
            # So that a file can become smaller again; in one that has tables it changes nothing.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            with _transaction(connection):
                self._create(connection)
        version = _pragma(connection, "user_version")
        if version != SCHEMA_VERSION:
            raise ConfigError(
                f"SQLiteExporter: {self.path} has tables of version {version}, made by another version of "
                f"HogTrace; this one writes version {SCHEMA_VERSION}: move the file away, or name another path"
            )
        self._use_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").fetchall()

    def _create(self, connection: sqlite3.Connection) -> None:
        if _pragma(connection, "application_id") == APPLICATION_ID:
            return  # another process was faster
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:
            raise ConfigError(
                f"SQLiteExporter: {self.path} is the database of something else; "
                "name a path of its own for HogTrace's events"
            )
        for statement in [*SCHEMA.split(";\n"), PROCESSES]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _use_log(self, connection: sqlite3.Connection) -> None:
        # Changing the mode needs the file for itself for a moment, and SQLite does not wait for that on its
        # own.
        deadline = monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if monotonic() > deadline:
                    raise
                sleep(0.01)
            else:
                return

    def _advice(self, error: Exception) -> str:
        directory = self.path.parent
        if not directory.is_dir():
            return f"there is no directory {directory}: make it, or name another path"
        if self.path.is_dir():
            return "it is a directory: name a file in it"
        if not os.access(directory, os.W_OK):
            return f"the directory {directory} is not writable for this user: name another path"
        if "not a database" in str(error):
            return "it is a file of another kind: name another path"
        return "name a path that this user may write to"


def _check(*, timeout: object, max_age: object, max_bytes: object) -> None:
    problems = []
    if not is_number(timeout) or not 0 <= timeout <= _DAY:
        problems.append(f"timeout is {timeout!r}; it must be a number of seconds of 0 or more, and at most {_DAY:,}")
    if max_age is not None and (not is_number(max_age) or max_age <= 0):
        problems.append(f"max_age is {max_age!r}; it must be a number of seconds above 0, or None for no bound")
    if max_bytes is not None and (not is_whole(max_bytes) or max_bytes < LEAST_BYTES):
        problems.append(
            f"max_bytes is {max_bytes!r}; it must be a whole number of {LEAST_BYTES} or more, or None for no bound"
        )
    if problems:
        raise ConfigError(*(f"SQLiteExporter: {problem}" for problem in problems))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Have all of what is done in it stored, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@cache
def _insertion(rows: int) -> str:
    """Give the statement that stores so many events.

    Each statement gives up the interpreter's lock and waits for it again, behind busy threads of the
    application; so there is one for many rows.
    """
    return f"INSERT OR IGNORE INTO events ({_COLUMNS}) VALUES {', '.join([_PARAMETERS] * rows)}"  # noqa: S608 - all ours


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
