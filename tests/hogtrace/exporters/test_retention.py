"""How long events stay in a SQLite file, and how large it becomes."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hogtrace import CaptureEvent, ConfigError
from hogtrace.errors import RetryError
from hogtrace.events import Follower, read_sqlite
from hogtrace.exporters import SQLiteExporter, retention, sqlite
from tests.hogtrace.exporters.samples import START, make_event, numbers

MIB = 1 << 20


def heavy(first: int, count: int, size: int = 1000) -> list[CaptureEvent]:
    """Give events of about a kilobyte or more."""
    ballast = ["x" * 1000] * (size // 1000)
    return [
        make_event(number, request_id=f"{number * 7919 % 10_007:05}", values={"number": number, "ballast": ballast})
        for number in range(first, first + count)
    ]


def export_all(exporter: SQLiteExporter, batches: Iterator[int]) -> None:
    """Export batches of a hundred events."""
    for first in batches:
        exporter.export(heavy(first, 100))


def test_events_are_deleted_when_the_newest_is_so_much_younger(tmp_path: Path) -> None:
    """Not by the clock of a machine on which it was put forward, unless all clocks of it were."""
    path = tmp_path / "events.sqlite"
    for begun in range(3):
        exporter = SQLiteExporter(path, max_age=3600)
        exporter.export([make_event(begun, timestamp=START + begun * 3000)])
        exporter.close()
    assert numbers(read_sqlite(path)) == [1, 2]
    exporter = SQLiteExporter(path, max_age=None)
    exporter.export([make_event(3, timestamp=START + 1e6)])
    exporter.close()
    assert numbers(read_sqlite(path)) == [1, 2, 3]


def test_a_clock_far_ahead_deletes_nothing_of_today(tmp_path: Path) -> None:
    """An event from the future does not make the others old."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    exporter.export([make_event(1, timestamp=time.time()), make_event(2, timestamp=9e9)])
    exporter.close()
    assert numbers(read_sqlite(path)) == [1, 2]


def test_the_file_stays_below_its_size_while_it_is_written(tmp_path: Path) -> None:
    """Five times as much is written as fits; at every moment the newest events are there, and the oldest are not."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, max_bytes=2 * MIB)
    largest = 0
    for first in range(0, 8000, 200):
        exporter.export(heavy(first, 200))
        largest = max(largest, path.stat().st_size)
    exporter.close()
    kept = numbers(read_sqlite(path))
    assert kept == list(range(kept[0], 8000))
    # To within a batch, of 200 times a kilobyte and its part of the indexes.
    assert largest <= 2 * MIB + 400_000
    assert path.stat().st_size <= 2 * MIB
    assert sum(len(event.to_json()) for event in read_sqlite(path)) > MIB, "it deletes more than it must"


def test_a_file_that_is_to_be_smaller_becomes_smaller(tmp_path: Path) -> None:
    """A lower bound than before is reached in steps, and the disk has its space back."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, max_bytes=None)
    exporter.export(heavy(0, 3000))
    exporter.close()
    assert path.stat().st_size > 3 * MIB
    exporter = SQLiteExporter(path, max_bytes=MIB)
    for number in range(3000, 3100):
        exporter.export(heavy(number, 1))
    exporter.close()
    assert path.stat().st_size <= MIB
    kept = numbers(read_sqlite(path))
    assert kept == list(range(kept[0], 3100))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_large_events_do_not_take_all_others_with_them(tmp_path: Path) -> None:
    """What is deleted is reckoned by its size, not by a number of rows."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, max_bytes=MIB)
    for number in range(60):
        exporter.export(heavy(number, 1, size=50_000))
    exporter.close()
    assert path.stat().st_size <= MIB + 60_000
    assert len(read_sqlite(path)) > 10


def test_the_newest_row_always_stays(tmp_path: Path) -> None:
    """By the number of their row followers know what they have seen; no number comes twice."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, max_age=0.001)
    follower = Follower(path)
    for number in range(4):
        exporter.export([make_event(100 * number, values={"number": number})])
        assert numbers(follower.poll()) == [number]
    exporter.close()
    assert numbers(read_sqlite(path)) == [3]


def test_several_processes_keep_one_file_small(tmp_path: Path) -> None:
    """Each deletes what it finds; none fails, and what is left is the end of what each wrote."""
    path = tmp_path / "events.sqlite"
    script = (
        "import sys\nfrom hogtrace.exporters import SQLiteExporter\n"
        "from tests.hogtrace.exporters.test_retention import heavy\n"
        "exporter = SQLiteExporter(sys.argv[1], timeout=60, max_bytes=1 << 20)\n"
        "for first in range(0, 3000, 50):\n"
        "    exporter.export(heavy(int(sys.argv[2]) * 10_000 + first, 50))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, path, str(number)]) for number in range(3)]
    assert [writer.wait(100) for writer in writers] == [0] * 3
    assert path.stat().st_size <= MIB + 300_000
    left = numbers(read_sqlite(path))
    for number in range(3):
        mine = [one - number * 10_000 for one in left if one // 10_000 == number]
        assert mine == list(range(mine[0], 3000)) if mine else True
    assert left


def test_a_reader_that_does_not_end_does_not_let_the_log_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the greatest size on events wait for it; when it has gone the log is written back and cut."""
    monkeypatch.setattr(sqlite, "_LOG_BYTES", MIB)
    path = tmp_path / "events.sqlite"
    log = path.with_name("events.sqlite-wal")
    exporter = SQLiteExporter(path, timeout=0.05, max_bytes=MIB)
    exporter.export(heavy(0, 10))
    batches = iter(range(10, 100_000, 100))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(RetryError, match="cannot be written back, because a process has been reading"):
            export_all(exporter, batches)
        assert MIB < log.stat().st_size < 2 * MIB
    exporter.export(heavy(next(batches), 100))
    assert log.stat().st_size <= MIB
    exporter.close()


def test_the_default_is_bounded() -> None:
    """Two weeks and half a gigabyte: nobody who names no exporter fills a disk."""
    bounds = retention.Retention(14 * 86_400, 512 * MIB)
    defaults = SQLiteExporter.__init__.__kwdefaults__
    assert (defaults["max_age"], defaults["max_bytes"]) == (bounds.max_age, bounds.max_bytes)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((14 * 86_400, 512 * MIB), "kept for 14 days up to 512 MiB"),
        ((36 * 3600, None), "kept for 36 hours"),
        ((600, 3 << 30), "kept for 10 minutes up to 3 GiB"),
        ((90, None), "kept for 90 seconds"),
        ((None, MIB), "kept up to 1 MiB"),
        ((None, None), "kept for good"),
    ],
    ids=str,
)
def test_the_bounds_in_words(bounds: Any, words: str) -> None:
    """What the log says at the start."""
    assert str(retention.Retention(*bounds)) == words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_age": 0}, "max_age is 0; it must be a number of seconds above 0, or None for no bound"),
        ({"max_age": float("nan")}, "max_age is nan; it must be a number of seconds above 0"),
        ({"max_age": float("inf")}, "max_age is inf; it must be a number of seconds above 0"),
        ({"timeout": float("nan")}, "timeout is nan; it must be a number of seconds of 0 or more, and at most 86,400"),
        ({"timeout": 1e9}, "timeout is 1000000000.0; it must be a number of seconds of 0 or more, and at most 86,400"),
        ({"max_age": "14 days"}, "max_age is '14 days'"),
        ({"max_bytes": 1000}, "max_bytes is 1000; it must be a whole number of 1048576 or more, or None"),
        ({"max_bytes": 1e9}, "max_bytes is 1000000000.0"),
        ({"max_bytes": True}, "max_bytes is True"),
        ({"timeout": -1}, "timeout is -1; it must be a number of seconds of 0 or more"),
    ],
    ids=str,
)
def test_wrong_options_are_errors_at_start(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Each says what is wrong and what would be right; no file is made."""
    with pytest.raises(ConfigError, match="SQLiteExporter: ") as caught:
        SQLiteExporter(tmp_path / "events.sqlite", **options)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_deleted_costs_no_new_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody may hold the file between the two; that is said once, and done later."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, timeout=0.05, max_age=1)
    exporter.export([make_event(0)])
    apply = retention.Retention.apply

    def hold(self: retention.Retention, connection: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self._next_look = 0
            apply(self, connection)

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "hogtrace"):
        patched.setattr(retention.Retention, "apply", hold)
        exporter.export([make_event(1, timestamp=START + 100)])
        exporter.export([make_event(2, timestamp=START + 100)])
    assert [record.getMessage() for record in caplog.records] == [
        f"SQLiteExporter cannot delete old events of {path}: database is locked"
    ]
    assert numbers(read_sqlite(path)) == [0, 1, 2]
    exporter.export([make_event(3, timestamp=START + 100)])
    exporter.close()
    assert sorted(numbers(read_sqlite(path))) == [1, 2, 3]


def test_reading_goes_on_while_events_are_deleted(tmp_path: Path) -> None:
    """No reader meets an error or half of anything."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, max_bytes=MIB)
    exporter.export(heavy(0, 100))
    problems: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = numbers(read_sqlite(path))
            if found != list(range(found[0], found[-1] + 1)):
                problems.append(str(found))

    reader = threading.Thread(target=read)
    reader.start()
    for first in range(100, 2500, 50):
        exporter.export(heavy(first, 50))
    done.set()
    reader.join()
    exporter.close()
    assert problems == []
