"""What processes say of themselves, in the SQLite file of their events."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hogtrace.errors import RetryError
from hogtrace.events import read_sqlite
from hogtrace.exporters import SQLiteExporter
from hogtrace.processes import birth_of, host_name
from hogtrace.reports import read_reports
from hogtrace.types import ProbeStatus, Report, Status, TrustEntry
from tests.hogtrace.exporters.samples import make_event

DAY = 86_400.0


def make_report(number: int = 0, /, **given: Any) -> Report:
    """Give a report of this process; `number` tells it from others, `given` replaces what it says."""
    values = {
        "status": Status(captured=number),
        "id": f"{number:032x}",
        "process": os.getpid(),
        "birth": birth_of(os.getpid()),
        "host": host_name(),
        "started": 1000.0 + number,
        "time": time.time(),
    }
    return Report(**{**values, **given})


def ended_process() -> dict[str, Any]:
    """Give the number and birth of a process that does not run any more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        birth = birth_of(process.pid)
        process.communicate(b"\n")
    return {"process": process.pid, "birth": birth}


def ids(path: Path) -> set[int]:
    """Give the numbers of the reports that are there."""
    return {int(report.id, 16) for report in read_reports(path)}


def test_a_report_comes_back_as_it_went(tmp_path: Path) -> None:
    """All of it, odd names too; several in the order in which their tracers began."""
    probe = ProbeStatus(
        program="p",
        probe="q",
        target="m.\ud800",
        point="exit",
        state="tripped",
        reason="it took\nlong",
        sites=2,
        hits=2**60,
        functions=("a", "b"),
        warnings=("w",),
        dropped={"queue_full": 1},
        spent=0.1,
        overhead=0.02,
        trips=1,
        back_in=2.5,
    )
    trusted = (TrustEntry("a.B", "c"),)
    status = Status(
        probes=(probe,), captured=9, exported=7, queued=1, dropped={"x": 1}, access="python", trusted_calls=trusted
    )
    whose = {"service": "shop", "release": "1", "environment": "live", "exporter": "SQLiteExporter", "ended": True}
    reports = [make_report(2, status=status, **whose), make_report(1, host=None, birth=None)]
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    for report in reports:
        exporter.report(report)
    exporter.close()
    assert read_reports(exporter.path) == reports[::-1]


def test_the_latest_report_is_kept_and_events_are_left_alone(tmp_path: Path) -> None:
    """One row for a tracer in a process, which plain SQL can ask."""
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    exporter.export([make_event()])
    probe = ProbeStatus(program="p", probe="q", target="m.f", point="exit", state="installed", hits=5)
    for captured in (1, 2):
        exporter.report(make_report(7, status=Status(probes=(probe,), captured=captured)))
    exporter.rest()
    exporter.export([make_event(1)])
    exporter.close()
    with closing(sqlite3.connect(exporter.path)) as connection:
        rows = connection.execute("SELECT captured, json_extract(probes, '$[0].hits') FROM processes").fetchall()
    assert rows == [(2, 5)]
    assert len(read_sqlite(exporter.path)) == 2


def test_of_a_wildcard_a_hundred_functions_are_named(tmp_path: Path) -> None:
    """How many there are is kept."""
    names = tuple(f"m.f{number}" for number in range(1000))
    probe = ProbeStatus(
        program="p", probe="q", target="m.*", point="exit", state="installed", functions=names, sites=1000
    )
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    exporter.report(make_report(status=Status(probes=(probe,))))
    exporter.close()
    (told,) = read_reports(exporter.path)[0].status.probes
    assert told == replace(probe, functions=names[:100])


def test_who_is_long_gone_is_forgotten(tmp_path: Path) -> None:
    """After a day, or a week where it cannot be known; what runs stays, however long it has said nothing."""
    now = time.time()
    gone = ended_process()
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    elsewhere = {"host": "elsewhere"}
    reports = [
        make_report(1, time=now - 100 * DAY),
        make_report(2, time=now - 2 * DAY, ended=True),
        make_report(3, time=now - DAY / 2, ended=True),
        make_report(4, time=now - 2 * DAY, **gone),
        make_report(5, time=now - DAY / 2, **gone),
        make_report(6, time=now - 2 * DAY, **elsewhere),
        make_report(7, time=now - 8 * DAY, **elsewhere),
        make_report(8, time=now - 2 * DAY, ended=True, **elsewhere),
    ]
    for report in reports:
        exporter.report(replace(report, time=now))
    with closing(sqlite3.connect(exporter.path)) as connection, connection:
        times = [(report.time, report.id) for report in reports]
        connection.executemany("UPDATE processes SET updated = ? WHERE id = ?", times)
    assert ids(exporter.path) == {1, 2, 3, 4, 5, 6, 7, 8}
    # Not by one that has reported before: nothing new grows the table.
    exporter.report(make_report(1, time=now - 100 * DAY))
    assert ids(exporter.path) == {1, 2, 3, 4, 5, 6, 7, 8}
    exporter.report(make_report(9))
    exporter.close()
    assert ids(exporter.path) == {1, 3, 5, 6, 9}


def test_processes_that_come_and_go_all_day_do_not_fill_the_table(tmp_path: Path) -> None:
    """About a hundred of the latest are kept, and those that run."""
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    now = time.time()
    exporter.report(make_report(0, time=now - 1000))
    for number in range(1, 131):
        exporter.report(make_report(number, time=now - 500 + number, ended=True))
    exporter.close()
    assert ids(exporter.path) == {0, *range(30, 131)}


def test_a_file_without_such_a_table_has_no_reports(tmp_path: Path) -> None:
    """As one that was made before there were any; what is no store of HogTrace is refused."""
    path = tmp_path / "events.sqlite"
    SQLiteExporter(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE processes")
    assert read_reports(path) == []
    with pytest.raises(FileNotFoundError):
        read_reports(tmp_path / "absent")


def test_rows_that_are_no_reports_are_said_to_be_so(tmp_path: Path) -> None:
    """A `ValueError`, not a crash."""
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    exporter.report(make_report())
    exporter.close()
    for probes in ("no JSON", json.dumps([{"program": 1}]), "1"):
        with closing(sqlite3.connect(exporter.path)) as connection, connection:
            connection.execute("UPDATE processes SET probes = ?", (probes,))
        with pytest.raises(ValueError, match="the table processes holds what is no status"):
            read_reports(exporter.path)


def test_a_report_that_cannot_be_stored_spoils_nothing(tmp_path: Path) -> None:
    """Another process holds the file: the report fails after its time, events go on afterwards."""
    exporter = SQLiteExporter(tmp_path / "events.sqlite", timeout=0.05)
    with closing(sqlite3.connect(exporter.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryError):
            exporter.report(make_report())
        other.execute("ROLLBACK")
    exporter.export([make_event()])
    exporter.report(make_report())
    exporter.close()
    assert (len(read_sqlite(exporter.path)), len(read_reports(exporter.path))) == (1, 1)
