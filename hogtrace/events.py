"""Captured events: what they are, and how to read back what was exported."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from hogtrace._engine import ROW_COLUMNS, CaptureEvent, Mark
from hogtrace.forms.posthog_properties import event_of
from hogtrace.forms.rotated_files import compressed_name_of, name_of, rotated_numbers
from hogtrace.forms.sqlite_store import open_store

__all__ = [
    "CaptureEvent",
    "Follower",
    "Mark",
    "read_jsonl",
    "read_lines",
    "read_otlp",
    "read_posthog",
    "read_sqlite",
]


_SQLITE: Final = b"SQLite format 3\0"
"""What a SQLite file begins with."""

_GZIP: Final = b"\x1f\x8b"
"""What a file compressed with gzip begins with."""

_HEAD: Final = 80
"""Bytes of a file of lines that tell it from others: the id of its first event is among them."""

_TAIL: Final = 1 << 20  # bytes

# What of a row is the event's field of that name as it stands; what is derived of others is left out.
_STORED: Final = tuple(
    name for name in ROW_COLUMNS if name not in ("method", "path", "route", "status", "fields", "errors", "request")
)

_SELECT: Final = f"SELECT rowid, {', '.join(_STORED)}, request, fields, errors FROM events"  # noqa: S608 - all ours


def read_jsonl(
    path: str | os.PathLike[str], *, skip_broken: bool = False, rotated: bool = True
) -> Iterator[CaptureEvent]:
    """Give the events that a `JSONLinesExporter` has written to `path`, in the order in which it wrote them.

    Those in files that it has rotated come first, compressed or not, unless `rotated` is False; `path` may be one of
    these files, too. A last line that is still being written is left out. Raises `OSError` for a file that cannot be
    read, and `ValueError` naming the line for one that is not an event; with `skip_broken` such lines are passed over.
    """
    path = Path(path)
    done, found = 0, False
    while True:
        with ExitStack() as stack:
            # Opened before one looks for rotated files: should it become one of them, it is seen there or here.
            current = _open_lines(path)
            if current is not None:
                stack.enter_context(current)
            later = [number for number in rotated_numbers(path) if number > done] if rotated else []
            if not later:
                if current is not None:
                    yield from _read_events(path, current, skip_broken)
                elif not found:
                    raise FileNotFoundError(f"there is no file {path}")
                return
        for number in later:
            done = number
            file = _open_rotated(path, number)
            if file is not None:
                found = True
                with file:
                    yield from _read_events(Path(file.name), file, skip_broken)


def read_lines(body: bytes) -> Iterator[CaptureEvent]:
    """Give the events in the body of a request that an `HTTPExporter` has made, once it is decompressed.

    Raises `ValueError` naming the line for one that is not an event.
    """
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                event = CaptureEvent.from_json(line.decode())
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"line {number}: not an event: {error}") from error
            yield event


def read_otlp(data: bytes) -> Iterator[CaptureEvent]:
    """Give the events in an `ExportLogsServiceRequest` of OTLP, as an `OTLPExporter` sends it.

    Records of others are left out. Raises `ValueError` for bytes that are no such request, and for records of ours that
    are no events, and `ImportError` if the extra `otlp` is not installed.
    """
    from hogtrace.forms.otlp_records import read_records

    return read_records(data)


def read_posthog(properties: Mapping[str, object]) -> CaptureEvent:
    """Give the event that a `PostHogExporter` has sent, from the properties under which PostHog keeps it.

    Raises `ValueError` for properties that are not an event's.
    """
    return event_of(properties)


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
    with closing(open_store(path)) as connection:
        rows = connection.execute(query, (*values, -1 if limit is None else limit)).fetchall()
    return [_event(row) for row in reversed(rows)]


class Follower:
    """Gives the events of a file as they are written, a `SQLiteExporter`'s or a `JSONLinesExporter`'s.

    `newest` is how many of those that are there already the first `poll` gives, of a file of lines from its last
    MiB; `request` takes those of requests whose id begins with it; `probe` those with that text in the probe's id,
    its target, or the function's name. The file may come later, be rotated, and be moved away and made anew.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, request: str | None = None, probe: str | None = None, newest: int = 10
    ) -> None:
        self.path = Path(path)
        self._request = request
        self._probe = probe
        self._newest = newest
        self._file: tuple[int, int] | None = None
        self._head = b""
        self._rotated = 0  # the number of the latest file that had been rotated at the last look
        self._read_to: int | None = None  # a byte, or a row; None before the first look
        self._looked = False

    def poll(self) -> list[CaptureEvent]:
        """Give what has come since the last time, oldest first.

        Raises `OSError` for a file that cannot be read, and `ValueError` for one that holds no events; a file that is
        not there has none yet.
        """
        looked, self._looked = self._looked, True
        file, rotated = self._look()
        with ExitStack() as stack:
            head, status = b"", None
            if file is not None:
                stack.enter_context(file)
                head, status = file.read(_HEAD), os.fstat(file.fileno())
            events = self._poll_rotated(rotated) if looked else []
            self._rotated = rotated.stop - 1
            if file is None or status is None:
                return events
            is_store = head.startswith(_SQLITE)
            if self._file != (status.st_dev, status.st_ino) or not (is_store or head.startswith(self._head)):
                self._file = (status.st_dev, status.st_ino)
                # What another file took the place of has been read; all of the new one has not.
                self._read_to = 0 if looked else None
            if not is_store:
                events += self._poll_lines(file, status.st_size)
                # Now, for what came after the first look has been read, too.
                self._head = os.pread(file.fileno(), _HEAD, 0)
                return events
        return self._poll_rows()

    def _look(self) -> tuple[BinaryIO | None, range]:
        """Give what is at the path, and what had been rotated while it was there."""
        while True:
            try:
                file = self.path.open("rb")
            except FileNotFoundError:
                return None, rotated_numbers(self.path)
            rotated = rotated_numbers(self.path)
            try:
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file, rotated
            except FileNotFoundError:
                pass
            file.close()

    def _poll_rotated(self, rotated: range) -> list[CaptureEvent]:
        """Give the rest of what was read last, if it has been rotated since, and all that was rotated after it."""
        events = []
        for number in rotated:
            file = _open_rotated(self.path, number) if number > self._rotated else None
            if file is not None:
                with file:
                    if self._read_to and self._head and file.read(len(self._head)) == self._head:
                        file.seek(self._read_to)
                    else:
                        file.seek(0)
                    events += [event for event in self._read(file.read().split(b"\n")) if self._fits(event)]
                self._file, self._head, self._read_to = None, b"", 0
        return events

    def _poll_lines(self, file: BinaryIO, size: int) -> list[CaptureEvent]:
        first = self._read_to is None
        begin = max(0, size - _TAIL) if self._read_to is None else self._read_to
        if begin > size:  # a batch that did not fit on the disk was taken back
            begin = size
        file.seek(begin)
        # A last line that is still being written waits for the next time.
        data, end, _rest = file.read().rpartition(b"\n")
        self._read_to = begin + len(data) + len(end) if end else begin
        lines = data.split(b"\n")
        if first and begin:
            del lines[0]  # the end of a line
        events = [event for event in self._read(lines) if self._fits(event)]
        return events[max(0, len(events) - self._newest) :] if first else events

    def _read(self, lines: Sequence[bytes]) -> list[CaptureEvent]:
        events, broken = [], None
        for line in filter(None, lines):
            try:
                events.append(CaptureEvent.from_json(line.decode()))
            except (ValueError, KeyError, TypeError) as error:
                # One that a full disk has cut short must not end the watch.
                broken = error
        if broken is not None and not events:
            raise ValueError(f"{self.path} holds lines that are not events: {broken}") from broken
        return events

    def _fits(self, event: CaptureEvent) -> bool:
        if self._request is not None and not (event.request_id or "").startswith(self._request):
            return False
        names = (event.probe, event.target, event.function)
        return self._probe is None or any(self._probe in name for name in names)

    def _poll_rows(self) -> list[CaptureEvent]:
        conditions, values = _conditions(self._request, self._probe)
        query = f"{_SELECT} WHERE {conditions} AND rowid > ? ORDER BY rowid DESC LIMIT ?"
        with closing(open_store(self.path)) as connection:
            (last,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM events").fetchone()
            window = (0, self._newest) if self._read_to is None else (self._read_to, -1)
            rows = connection.execute(query, (*values, *window)).fetchall()
        # A row that came between the two questions is the newest of those that were given.
        self._read_to = max([last, *(row[0] for row in rows[:1])])
        return [_event(row) for row in reversed(rows)]


def _open_lines(path: Path) -> BinaryIO | None:
    """Open a file of lines, compressed or not; None if it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if file.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
        return file
    file.close()
    return cast("BinaryIO", gzip.open(path))


def _open_rotated(path: Path, number: int) -> BinaryIO | None:
    """Open a rotated file, which may be compressed at any time; None if it is deleted."""
    file = _open_lines(name_of(path, number))
    return _open_lines(compressed_name_of(path, number)) if file is None else file


def _read_events(path: Path, lines: BinaryIO, skip_broken: bool) -> Iterator[CaptureEvent]:
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if not line.strip() or not line.endswith(b"\n"):
                continue
            try:
                event = CaptureEvent.from_json(line.decode())
            except (ValueError, KeyError, TypeError) as error:
                if skip_broken:
                    continue
                raise ValueError(f"{path}:{number}: not an event: {error}") from error
            yield event
    except EOFError:
        raise ValueError(f"{path}:{number}: the compressed file is cut short") from None


def _conditions(request: str | None, probe: str | None) -> tuple[str, list[str]]:
    conditions, values = ["1"], []
    if request is not None:
        conditions.append("substr(request_id, 1, length(?)) = ?")
        values += [request] * 2
    if probe is not None:
        conditions.append("(instr(probe, ?) OR instr(target, ?) OR instr(function, ?))")
        values += [probe] * 3
    return " AND ".join(conditions), values


def _event(row: tuple[object, ...]) -> CaptureEvent:
    _rowid, *columns, request, values, errors = row
    stored: dict[str, Any] = dict(zip(_STORED, columns, strict=True))
    return CaptureEvent.from_dict(
        {
            "schema": 1,
            **stored,
            "thread": stored["thread"] % 2**64,  # SQLite's numbers have a sign
            "request": json.loads(str(request)),
            "values": json.loads(str(values)),
            "errors": json.loads(str(errors)),
        }
    )
