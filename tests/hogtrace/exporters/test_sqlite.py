"""The exporter that writes into a SQLite file."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hogtrace import ConfigError
from hogtrace.errors import RetryError
from hogtrace.events import read_sqlite
from hogtrace.exporters import SQLiteExporter
from hogtrace.forms.sqlite_store import SCHEMA_VERSION
from tests.hogtrace.exporters.samples import ODD_VALUES, START, make_event, make_events, numbers

REQUEST = {"method": "POST", "path": "/orders/"}


def query(path: Path, text: str) -> list[tuple[Any, ...]]:
    """Ask the file something, as a user would with the `sqlite3` command."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(text).fetchall()


def store(path: Path, *batches: Any) -> None:
    """Export `batches` with an exporter of their own."""
    exporter = SQLiteExporter(path)
    for batch in batches:
        exporter.export(batch)
    exporter.close()


def test_events_come_back_as_they_went(tmp_path: Path) -> None:
    """Every kind of value survives the file, to the last bit of the time."""
    path = tmp_path / "events.sqlite"
    errors = [{"field": "none", "kind": "attribute", "message": "no 'x'", "line": 1, "column": 2}]
    events = [
        make_event(0, timestamp=START + 0.1234567, values=ODD_VALUES, request_id="r1", request=REQUEST, errors=errors),
        make_event(200, values={}),
    ]
    store(path, events)
    assert [event.to_dict() for event in read_sqlite(path)] == [event.to_dict() for event in events]


def test_an_event_is_stored_once(tmp_path: Path) -> None:
    """A batch that is exported again, after a failure half-way, doubles nothing."""
    path = tmp_path / "events.sqlite"
    events = make_events(3)
    store(path, events[:2], events)
    assert query(path, "SELECT count(*) FROM events") == [(3,)]


def test_the_tables_answer_plain_questions(tmp_path: Path) -> None:
    """Times read as times, values are in reach, and each request is one row of its view."""
    path = tmp_path / "events.sqlite"
    store(
        path,
        [
            make_event(0, request_id="r1", request=REQUEST, values={"user": "ann", "cart": {"total": 12.5}}),
            make_event(
                40,
                request_id="r1",
                request=REQUEST,
                values={"user": "bob"},
                errors=[{"field": None, "kind": "k", "message": "m", "line": None, "column": None}],
            ),
            make_event(50),
        ],
    )
    assert query(path, "SELECT time, probe, json_extract(fields, '$.cart.total') FROM events LIMIT 1") == [
        ("2023-11-14 22:13:20.250", "shop.orders.place:entry", 12.5)
    ]
    assert query(path, "SELECT field, value FROM captures WHERE method = 'POST' ORDER BY timestamp") == [
        ("user", "ann"),
        ("cart", '{"total":12.5}'),
        ("user", "bob"),
    ]
    assert query(
        path,
        "SELECT request_id, method, path, started, milliseconds, events, events_with_errors FROM requests",
    ) == [("r1", "POST", "/orders/", "2023-11-14 22:13:20.250", 40.0, 2, 1)]


def test_a_request_is_told_by_its_record(tmp_path: Path) -> None:
    """Where the record of a request is there, it says how the request ended and how long it took."""
    path = tmp_path / "events.sqlite"
    ended = make_event(
        100,
        point="request",
        program="hogtrace",
        probe="request",
        target="request",
        request_id="r1",
        request=REQUEST | {"route": "/orders/"},
        values={"status": 201, "duration": 0.125, "captured": 1, "errors": 0},
    )
    store(path, [make_event(40, request_id="r1", request=REQUEST), ended, make_event(50, request_id="r2")])
    question = "SELECT method, route, status, started, milliseconds, events, timestamp FROM requests ORDER BY 1 DESC"
    assert query(path, question) == [
        ("POST", "/orders/", 201, "2023-11-14 22:13:20.225", 125.0, 1, START + 0.1 - 0.125),
        (None, None, None, "2023-11-14 22:13:20.300", 0.0, 1, START + 0.05),
    ]
    assert query(path, "SELECT kind, route, status FROM events ORDER BY timestamp") == [
        ("capture", None, None),
        ("capture", None, None),
        ("request", "/orders/", 201),
    ]
    assert query(path, "SELECT DISTINCT field FROM captures") == [("number",)]
    assert read_sqlite(path)[-1] == ended


def test_what_runs_there_has_columns(tmp_path: Path) -> None:
    """Service, host, thread's name, task and trace are in reach of a query, and come back."""
    path = tmp_path / "events.sqlite"
    told = {
        "service": "shop",
        "release": "1.2",
        "environment": "test",
        "host": "web-1",
        "thread_name": "worker",
        "task": "Task-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
    }
    store(path, [make_event(1, **told), make_event(2)])
    columns = ", ".join(told)
    rows = query(path, f"SELECT {columns} FROM events ORDER BY timestamp")  # noqa: S608 - our own names
    assert rows == [tuple(told.values()), (None,) * len(told)]
    assert [event.trace_id for event in read_sqlite(path)] == [told["trace_id"], None]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("request_id = 'r' ORDER BY timestamp", "events_by_request"),
        ("probe = 'p' ORDER BY timestamp", "events_by_probe"),
        ("timestamp > 1", "events_by_time"),
        ("id = 'x'", "sqlite_autoindex_events_1"),
    ],
)
def test_the_usual_questions_use_an_index(tmp_path: Path, condition: str, index: str) -> None:
    """By request, by probe, by time: none of them reads the whole table or sorts it."""
    path = tmp_path / "events.sqlite"
    store(path)
    question = f"EXPLAIN QUERY PLAN SELECT * FROM events WHERE {condition}"  # noqa: S608 - our own conditions
    plan = " ".join(row[3] for row in query(path, question))
    assert index in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


def test_reading_back_takes_only_what_is_asked_for(tmp_path: Path) -> None:
    """By the beginning of a request's id, by a part of the probe, and the newest so many; oldest first."""
    path = tmp_path / "events.sqlite"
    store(
        path,
        [
            make_event(2, request_id="abc"),
            make_event(0, request_id="abd", probe="p_%", target="t", function="f"),
            make_event(1, request_id="xyz"),
        ],
    )
    assert numbers(read_sqlite(path)) == [0, 1, 2]
    assert numbers(read_sqlite(path, request="ab")) == [0, 2]
    assert numbers(read_sqlite(path, probe="orders")) == [1, 2]
    assert numbers(read_sqlite(path, probe="_%")) == [0]
    assert numbers(read_sqlite(path, limit=2)) == [1, 2]


def test_text_that_is_no_unicode_is_stored_as_escapes(tmp_path: Path) -> None:
    """The path of an odd request may hold lone surrogates, which no file takes as they are."""
    path = tmp_path / "events.sqlite"
    store(
        path,
        [make_event(request_id="r", request={"method": "GET", "path": "/\udcff"}, values={"x": "\ud800"})],
    )
    assert query(path, "SELECT path FROM events") == [("/\\udcff",)]
    assert len(read_sqlite(path)) == 1


def test_the_file_is_made_at_start_and_not_held_open(tmp_path: Path) -> None:
    """What is wrong with the path shows at start; a process that forks later has nothing open yet."""
    path = tmp_path / "events.sqlite"
    SQLiteExporter(path)
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    files = [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir()]
    assert not any(file.startswith(str(path)) for file in files)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _: None, "there is no directory"),
        (lambda path: path.mkdir(parents=True), "it is a directory"),
        (
            lambda path: (path.parent.mkdir(), path.write_text("this is a letter " * 100)),
            "a file of another kind",
        ),
        (lambda path: _foreign(path), "is the database of something else"),
        (lambda path: _marked(path, 99), "has tables of version 99"),
        (lambda path: _marked(path, 1), "version 1, .* writes version 2: move the file away, or name another path"),
    ],
    ids=["no directory", "a directory", "text", "foreign", "newer", "older"],
)
def test_a_path_that_cannot_be_used_is_an_error_at_start(tmp_path: Path, make: Any, expected: str) -> None:
    """The message names the file, the reason and the way out, and nothing of the file is touched."""
    path = tmp_path / "deeper" / "events.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ConfigError, match=expected) as caught:
        SQLiteExporter(path)
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def _foreign(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE auth_user (id INTEGER)")


def _marked(path: Path, version: int) -> None:
    path.parent.mkdir()
    store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_reading_what_is_not_ours_is_an_error_that_says_so(tmp_path: Path) -> None:
    """A missing file is not made by looking at it."""
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_sqlite(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    _foreign(tmp_path / "d" / "x.sqlite")
    with pytest.raises(ValueError, match="holds no events of HogTrace"):
        read_sqlite(tmp_path / "d" / "x.sqlite")
    text = tmp_path / "letter"
    text.write_text("dear all " * 200)
    with pytest.raises(ValueError, match="cannot be read as SQLite"):
        read_sqlite(text)
    _marked(tmp_path / "e" / "x.sqlite", 99)
    with pytest.raises(ValueError, match="version 99"):
        read_sqlite(tmp_path / "e" / "x.sqlite")


def test_a_file_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    """Clearing up under a running application costs no later event."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    exporter.export([make_event(1)])
    for file in tmp_path.iterdir():
        file.rename(tmp_path / f"old-{file.name}")
    exporter.export([make_event(2)])
    exporter.close()
    assert numbers(read_sqlite(path)) == [2]


def test_a_locked_file_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    """The batch is asked for again after the time-out; once the lock is gone, it is stored."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path, timeout=0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(RetryError, match="locked"):
            exporter.export([make_event(1)])
        assert time.monotonic() - begun > 0.15
        other.execute("ROLLBACK")
    exporter.export([make_event(1)])
    exporter.close()
    assert numbers(read_sqlite(path)) == [1]


WRITER = """
import sys
from hogtrace.exporters import SQLiteExporter
from tests.hogtrace.exporters.samples import make_event
exporter = SQLiteExporter(sys.argv[1], timeout=60, max_bytes=1 << 20)
for batch in range(int(sys.argv[3])):
    exporter.export([make_event(number, values={"number": number, "writer": sys.argv[2], "ballast": sys.argv[4:]})
                     for number in range(batch * 10, batch * 10 + 10)])
    print(batch * 10 + 9, flush=True)
exporter.close()
"""


def test_several_processes_may_make_and_write_one_file(tmp_path: Path) -> None:
    """All start at once on a file that is not there; nothing fails, nothing is lost."""
    path = tmp_path / "events.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(number), "30"], stdout=subprocess.DEVNULL)
        for number in range(4)
    ]
    assert [writer.wait(100) for writer in writers] == [0] * 4
    events = read_sqlite(path)
    for number in range(4):
        assert numbers([event for event in events if event.values["writer"] == str(number)]) == list(range(300))


@pytest.mark.parametrize("attempts", [4, pytest.param(60, marks=pytest.mark.slow)], ids=["short", "long"])
def test_killing_a_writer_leaves_a_sound_file(tmp_path: Path, attempts: int) -> None:
    """Whatever it was doing: the file checks out, what was committed is there, the next process goes on with it.

    The file is at its greatest size, so that old events are deleted and pages given back all the time.
    """
    path = tmp_path / "events.sqlite"
    for attempt in range(attempts):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(attempt), "100000", "x" * 1000], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline())]
            time.sleep(random.uniform(0, 0.3))  # noqa: S311 - nothing is secret
            writer.send_signal(signal.SIGKILL)
            told += map(int, writer.stdout.read().split(b"\n")[:-1])
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        mine = numbers([event for event in read_sqlite(path) if event.values["writer"] == str(attempt)])
        # The oldest may be deleted by now; what it was told to have, up to the last, it has.
        assert mine == list(range(mine[0], mine[-1] + 1))
        assert mine[-1] >= told[-1]
        assert mine[-1] % 10 == 9
    assert path.stat().st_size < (1 << 20) + 100_000


FORK = """
import os, sys
from hogtrace.exporters import SQLiteExporter
from tests.hogtrace.exporters.samples import make_event
exporter = SQLiteExporter(sys.argv[1])
exporter.export([make_event(0)])
exporter.rest()
if os.fork() == 0:
    exporter.after_fork()
    exporter.export([make_event(1)])
    exporter.close()
    os._exit(0)
os.wait()
exporter.export([make_event(2)])
exporter.close()
"""


def test_parent_and_child_of_a_fork_each_have_a_connection(tmp_path: Path) -> None:
    """Nothing is open at the fork, and both write afterwards."""
    path = tmp_path / "events.sqlite"
    subprocess.run([sys.executable, "-W", "error", "-c", FORK, path], check=True, timeout=100)
    assert numbers(read_sqlite(path)) == [0, 1, 2]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


FORK_IN_BATCH = """
import os, sys
from hogtrace.exporters import SQLiteExporter
from tests.hogtrace.exporters.samples import make_event
exporter = SQLiteExporter(sys.argv[1])
exporter.export([make_event(0)])
if os.fork() == 0:
    exporter.after_fork()
    try:
        exporter.export([make_event(1)])
    except RuntimeError:
        os._exit(0)
    os._exit(4)
assert os.wait()[1] == 0
exporter.export([make_event(2)])
exporter.close()
"""


def test_a_child_that_was_forked_in_the_middle_of_a_batch_does_not_write(tmp_path: Path) -> None:
    """It would believe to hold the parent's locks, and spoil the file; it fails instead, and is counted."""
    path = tmp_path / "events.sqlite"
    subprocess.run([sys.executable, "-W", "error", "-c", FORK_IN_BATCH, path], check=True, timeout=100)
    assert numbers(read_sqlite(path)) == [0, 2]


FULL_DISK = """
import resource, sqlite3, sys
from hogtrace.exporters import SQLiteExporter
from tests.hogtrace.exporters.samples import make_event
exporter = SQLiteExporter(sys.argv[1])
exporter.export([make_event(1)])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    exporter.export([make_event(number, values={"ballast": "x" * 1000}) for number in range(1000)])
except sqlite3.Error:
    pass
else:
    sys.exit("no error")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
exporter.export([make_event(3)])
exporter.close()
"""


def test_a_full_disk_costs_the_batch_and_no_more(tmp_path: Path) -> None:
    """The batch fails as a whole; with space again the exporter goes on."""
    path = tmp_path / "events.sqlite"
    subprocess.run([sys.executable, "-c", FULL_DISK, path], check=True, timeout=100)
    assert numbers(read_sqlite(path)) == [1, 3]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_one_event_at_the_limit_of_its_size_is_stored(tmp_path: Path) -> None:
    """64 KiB of text are one row."""
    path = tmp_path / "events.sqlite"
    values = {f"text{number}": "x" * 1000 for number in range(60)}
    store(path, [make_event(values=values)])
    assert read_sqlite(path)[0].values == values
