"""Events followed as they are written."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hogtrace import CaptureEvent
from hogtrace.events import Follower
from hogtrace.exporters import JSONLinesExporter, SQLiteExporter
from tests.hogtrace.exporters.samples import make_event

Exporter = JSONLinesExporter | SQLiteExporter


@pytest.fixture(params=[JSONLinesExporter, SQLiteExporter])
def kind(request: pytest.FixtureRequest) -> Callable[[Path], Exporter]:
    """Give each of the exporters whose files can be followed."""
    make: Callable[[Path], Exporter] = request.param
    return make


def events(*numbers: int, **fields: Any) -> list[CaptureEvent]:
    """Make events that can be told apart."""
    return [make_event(number, values={"n": number}, **fields) for number in numbers]


def numbers(found: list[CaptureEvent]) -> list[int]:
    """Give what tells events apart."""
    return [event.values["n"] for event in found]


def test_what_is_there_and_what_comes(kind: Callable[[Path], Exporter], tmp_path: Path) -> None:
    """First the newest, then each event once, in order."""
    exporter = kind(tmp_path / "events")
    exporter.export(events(*range(20)))
    follower = Follower(tmp_path / "events", newest=3)
    assert numbers(follower.poll()) == [17, 18, 19]
    assert follower.poll() == []
    exporter.export(events(20, 21))
    exporter.export(events(22))
    assert numbers(follower.poll()) == [20, 21, 22]
    assert follower.poll() == []
    assert Follower(tmp_path / "events", newest=0).poll() == []
    assert len(Follower(tmp_path / "events", newest=100).poll()) == 23
    exporter.close()


def test_a_file_that_comes_later(kind: Callable[[Path], Exporter], tmp_path: Path) -> None:
    """All of it is new."""
    follower = Follower(tmp_path / "events", newest=0)
    assert follower.poll() == []
    exporter = kind(tmp_path / "events")
    exporter.export(events(1, 2))
    assert numbers(follower.poll()) == [1, 2]
    exporter.close()


def test_a_file_that_is_moved_away(kind: Callable[[Path], Exporter], tmp_path: Path) -> None:
    """The one that takes its place is read from its beginning."""
    exporter = kind(tmp_path / "events")
    exporter.export(events(1))
    follower = Follower(tmp_path / "events")
    assert numbers(follower.poll()) == [1]
    exporter.close()
    (tmp_path / "events").rename(tmp_path / "events.1")
    assert follower.poll() == []
    exporter = kind(tmp_path / "events")
    exporter.export(events(2, 3))
    assert numbers(follower.poll()) == [2, 3]
    exporter.close()


def test_requests_and_probes_are_chosen(kind: Callable[[Path], Exporter], tmp_path: Path) -> None:
    """Among what is there, and among what comes."""
    exporter = kind(tmp_path / "events")
    follower = Follower(tmp_path / "events", request="aa", probe="pay", newest=1)
    chosen = {"request_id": "aabb", "function": "shop.pay"}
    for first in (0, 10):
        exporter.export(events(first, **chosen) + events(first + 1, function="shop.pay"))
        exporter.export(events(first + 2, request_id="aabb") + events(first + 3, **chosen))
        exporter.export(events(first + 4))
        assert numbers(follower.poll()) == ([3] if first == 0 else [10, 13])
    exporter.close()


def test_a_line_that_is_being_written(tmp_path: Path) -> None:
    """It is given when it is whole; a line that is broken for good is passed over."""
    path = tmp_path / "events"
    one, two = (event.to_json().encode() + b"\n" for event in events(1, 2))
    path.write_bytes(one + two[:30])
    follower = Follower(path)
    assert numbers(follower.poll()) == [1]
    assert follower.poll() == []
    with path.open("ab") as file:
        file.write(two[30:] + two[:30] + b"\n" + one)
    assert numbers(follower.poll()) == [2, 1]


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    """What is written then is read from the beginning."""
    path = tmp_path / "events"
    exporter = JSONLinesExporter(path)
    exporter.export(events(1, 2))
    follower = Follower(path)
    assert len(follower.poll()) == 2
    path.write_bytes(b"")
    exporter.export(events(3))
    assert numbers(follower.poll()) == [3]
    exporter.close()


def test_the_end_of_a_long_file(tmp_path: Path) -> None:
    """Of a file of lines that is longer than a MiB only the end is looked at first; no half line is met."""
    path = tmp_path / "events"
    exporter = JSONLinesExporter(path)
    exporter.export([make_event(number, values={"n": number, "text": "x" * 1000}) for number in range(2000)])
    exporter.close()
    assert numbers(Follower(path, newest=2).poll()) == [1998, 1999]
    assert 500 < len(Follower(path, newest=5000).poll()) < 2000


@pytest.mark.parametrize("data", [b"hello\nworld\n", b"{}\n", b"SQLite format 3\0" + bytes(100)])
def test_a_file_of_something_else(tmp_path: Path, data: bytes) -> None:
    """A file without events is an error that names it."""
    (tmp_path / "events").write_bytes(data)
    with pytest.raises(ValueError, match="events"):
        Follower(tmp_path / "events").poll()


def test_the_command_prints_until_it_is_interrupted(kind: Callable[[Path], Exporter], tmp_path: Path) -> None:
    """`hogtrace tail` waits for the file, prints what comes, and ends quietly at an interrupt."""
    path = tmp_path / "events"
    # Whoever runs the tests in the background has had the interrupt ignored.
    script = (
        "import signal\nfrom hogtrace.cli import main\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nmain()"
    )
    command = [sys.executable, "-c", script, "tail", str(path), "--interval", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        guard = threading.Timer(100, process.kill)
        guard.start()
        try:
            assert process.stderr.readline() == f"waiting for {path}, which is not there yet\n"
            exporter = kind(path)
            for number in (1, 2):
                exporter.export(events(number, function="shop.pay"))
                assert "shop.pay" in process.stdout.readline()
                assert process.stdout.readline().split() == ["n", str(number)]
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60) == ("", "")
            assert process.returncode == 0
            exporter.close()
        finally:
            guard.cancel()
            process.kill()
