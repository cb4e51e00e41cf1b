"""How the processes stand that report to one file: together, one by one, and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hogtrace.exporters import SQLiteExporter
from hogtrace.processes import birth_of, host_name
from hogtrace.reports import read_reports
from hogtrace.standing import standing_text, standing_values, standings, status_of
from hogtrace.types import ProbeStatus, Report, Status

NOW = 1_700_000_000.0
HERE = {"process": os.getpid(), "birth": birth_of(os.getpid()), "host": host_name()}
GONE: dict[str, Any] = {**HERE, "birth": f"{str(HERE['birth']).rpartition(' ')[0]} 0"}
ELSEWHERE: dict[str, Any] = {"process": 7, "birth": "a b 1", "host": "web-2"}


def probe_status(**given: Any) -> ProbeStatus:
    """Give the status of a probe, `given` replacing what it says."""
    values = {"program": "shop.hogtrace", "probe": "shop.place:entry", "target": "shop.place", "point": "entry"}
    return ProbeStatus(**{**values, "state": "installed", "sites": 1, "functions": ("shop.place",), **given})


def report(*probes: ProbeStatus, age: float = 3.0, **given: Any) -> Report:
    """Give the report of a process, this one unless told otherwise."""
    captured = sum(probe.captured for probe in probes)
    values = {"status": Status(probes=probes, captured=captured, exported=captured), "id": str(id(probes))}
    return Report(**{**values, **HERE, "started": 1.0, "time": NOW - age, **given})


def lines(*reports: Report, **options: bool) -> list[str]:
    """Give the text about processes with these reports."""
    return standing_text(standings(reports, now=NOW), **options).splitlines()


def test_probes_of_all_processes_are_summed_up() -> None:
    """One row for each: in how many processes it is in which state, and its counts together."""
    busy = probe_status(hits=1200, fired=1200, captured=1200)
    assert lines(
        report(busy, process=1, host="a"),
        report(probe_status(hits=3, fired=3, captured=3), process=2, age=12, host="b"),
    ) == [
        "2 processes: 2 not to be seen from here; said 3 s to 12 s ago",
        "state                sites  hits  fired  captured  errors  probe",
        "installed in 2 of 2      1  1203   1203      1203       0  shop.place:entry  shop.hogtrace",
        "events: 1203 captured, 1203 exported, 0 queued, 0 dropped",
        "process 1 on a: not to be seen from here, said 3 s ago",
        "process 2 on b: not to be seen from here, said 12 s ago",
    ]


def test_processes_that_differ_are_told_apart() -> None:
    """A probe that waits, or is refused, in some; each reason once, and what to do."""
    shown = lines(
        report(probe_status(hits=5, fired=5, captured=5)),
        report(probe_status(state="pending", reason="module shop is not imported yet", sites=0), **ELSEWHERE),
        report(
            probe_status(state="pending", reason="module shop is not imported yet", sites=0),
            **{**ELSEWHERE, "process": 8},
        ),
    )
    assert shown[0] == "3 processes: 1 running, 2 not to be seen from here; said 3 s ago"
    assert shown[2].startswith("installed in 1 of 3, pending in 2      1     5      5         5       0  shop.place")
    assert "shop.place:entry: note: module shop is not imported yet" in shown
    assert [line for line in shown if ": next: it is put in when that is there" in line]


def test_who_is_gone_counts_for_what_was_captured_and_not_for_what_is_in_place() -> None:
    """It was killed, so nobody knows what it did last; its events are there."""
    probe = probe_status(hits=2, fired=2, captured=2)
    shown = lines(report(probe), report(probe, age=600, service="shop", release="1.2", **GONE))
    assert shown[0] == "2 processes: 1 running, 1 gone; said 3 s to 10 min ago"
    assert shown[2].startswith("installed in 1 of 1      1     4 ")
    assert shown[-1] == (
        f"process {os.getpid()} on {host_name()} (shop, 1.2): gone, said 10 min ago; it was killed or it crashed, and "
        "what it did since then is not known"
    )
    only = probe_status(probe="other", target="shop.pay", hits=1)
    assert [line for line in lines(report(probe), report(only, **GONE)) if line.startswith("gone in 1")]


def test_who_has_ended_is_left_out_unless_there_is_nobody_else() -> None:
    """Its counts are those of an earlier start of the application."""
    old = report(probe_status(hits=9, fired=9, captured=9), ended=True, id="1", **ELSEWHERE)
    new = report(probe_status(hits=1, fired=1, captured=1))
    assert lines(old, new)[0] == "1 process: 1 running; said 3 s ago; 1 more has ended (--all)"
    assert "events: 1 captured, 1 exported, 0 queued, 0 dropped" in lines(old, new)
    everything = lines(old, new, everything=True)
    assert everything[0] == "2 processes: 1 running, 1 ended; said 3 s ago"
    assert "events: 10 captured, 10 exported, 0 queued, 0 dropped" in everything
    assert everything[2].startswith("installed in 1 of 1 ")
    gone = report(probe_status(hits=2, fired=2, captured=2), **GONE)
    assert lines(old, gone)[0] == "2 processes: 1 gone, 1 ended; said 3 s ago"
    assert lines(old)[0] == "1 process: 1 ended; said 3 s ago"
    assert lines(old)[2].startswith("installed in 1 of 1 ")


def test_two_tracers_of_a_process_are_one_process() -> None:
    """Their probes are summed up, too; it runs as long as one of them."""
    probe = probe_status(hits=1, fired=1, captured=1)
    shown = lines(report(probe, id="1"), report(probe, id="2"))
    assert shown[0] == "1 process with 2 tracers: 1 running; said 3 s ago"
    assert shown[2].startswith("installed in 1 of 1      1     2 ")
    assert (
        "1 process with 2 tracers: 1 running;" in lines(report(id="1"), report(id="2", ended=True), everything=True)[0]
    )


def test_it_says_when_what_was_said_is_old() -> None:
    """A quiet process says nothing, and its hits are not known."""
    assert not [line for line in lines(report(probe_status(hits=1, fired=1, captured=1))) if "is not known" in line]
    old = lines(report(probe_status(hits=1, fired=1, captured=1), age=3600 * 5))
    assert "said 5 h ago" in old[0]
    assert old[-1].startswith("a process in which nothing is captured says nothing for that long")


def test_a_probe_that_is_hit_nowhere_is_said_to_be() -> None:
    """The advice is not about one process."""
    (advice,) = [line for line in lines(report(probe_status())) if ": next: " in line]
    assert advice.endswith("call the function and see that the target is what is really called")


def test_details_are_the_status_of_each_process() -> None:
    """As `str(Status)` gives it, below the sum."""
    probe = probe_status(hits=2, fired=1, not_passed=1, captured=1, first_error="no 'x'", errors=1)
    one = report(probe, release="1.2")
    shown = "\n".join(lines(one, detailed=True))
    assert shown.endswith(f"process {os.getpid()} on {host_name()} (1.2): running, said 3 s ago\n{one.status}")


def test_everything_is_there_for_machines() -> None:
    """Sums, and what each process said."""
    probe = probe_status(hits=2, fired=2, captured=2, dropped={"queue_full": 1})
    values = standing_values(standings([report(probe), report(probe, **ELSEWHERE)], now=NOW))
    assert json.loads(json.dumps(values)) == values
    assert values["captured"] == 4
    (told,) = values["probes"]
    assert (told["hits"], told["states"], told["dropped"]) == (4, {"installed": 2}, {"queue_full": 2})
    assert [(one["state"], one["age"], one["process"]) for one in values["processes"]] == [
        ("running", 3.0, os.getpid()),
        ("unknown", 3.0, 7),
    ]
    assert Report.from_dict(values["processes"][0]) == report(probe, id=values["processes"][0]["id"])


def test_nobody_and_nothing() -> None:
    """Both are said."""
    assert lines()[0].startswith("no process has said anything yet")
    assert lines(report())[1] == "no probes"


def test_who_asks_is_left_out(tmp_path: Path) -> None:
    """A command that loads the application has its probes, too, for a moment."""
    exporter = SQLiteExporter(tmp_path / "events.sqlite")
    exporter.report(report(probe_status()))
    assert len(read_reports(exporter.path)) == 1
    assert status_of(exporter.path).startswith("no process has said anything yet")
    exporter.report(report(probe_status(), id="other", process=1, birth=None))
    assert status_of(exporter.path).startswith("1 process: ")
    assert len(json.loads(status_of(exporter.path, as_json=True))["processes"]) == 1
    exporter.close()


def test_what_keeps_no_status_is_told_from_what_does(tmp_path: Path) -> None:
    """A file of JSON lines has none; the message says which files do."""
    path = tmp_path / "events.jsonl"
    path.write_text("{}\n" * 100)
    with pytest.raises(ValueError, match="kept in SQLite files, where EXPORTER is 'sqlite'"):
        status_of(path)
