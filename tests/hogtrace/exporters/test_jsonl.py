"""The exporter that appends lines of JSON to a file."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hogtrace import ConfigError
from hogtrace.errors import RetryError
from hogtrace.events import read_jsonl
from hogtrace.exporters import JSONLinesExporter, jsonl
from tests.hogtrace.exporters.samples import ODD_VALUES, make_event, make_events, numbers


def test_events_come_back_as_they_went(tmp_path: Path) -> None:
    """Every kind of value survives the file, and each event is one line whatever its strings hold."""
    path = tmp_path / "events.jsonl"
    event = make_event(values=ODD_VALUES, request_id="r1", request={"path": "/\n"})
    exporter = JSONLinesExporter(path)
    more = make_events(2)
    exporter.export([event])
    exporter.export(more)
    exporter.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    assert all(line.endswith(b"}\n") for line in lines)
    assert json.loads(lines[0]) == event.to_dict()
    assert [back.to_dict() for back in read_jsonl(path)] == [one.to_dict() for one in (event, *more)]


def test_what_is_in_the_file_stays(tmp_path: Path) -> None:
    """A restart goes on where the last run ended."""
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        exporter = JSONLinesExporter(path)
        exporter.export(make_events(1))
        exporter.close()
        exporter.close()
    assert len(list(read_jsonl(path))) == 2


def test_a_file_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    """Log rotation needs no signal."""
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path)
    exporter.export([make_event(1)])
    path.rename(tmp_path / "old.jsonl")
    exporter.export([make_event(2)])
    path.unlink()
    exporter.export([make_event(3)])
    exporter.close()
    assert numbers(list(read_jsonl(tmp_path / "old.jsonl"))) == [1]
    assert numbers(list(read_jsonl(path))) == [3]


def test_a_path_that_cannot_be_written_is_an_error_at_start(tmp_path: Path) -> None:
    """The message names the file, the reason and the way out."""
    with pytest.raises(ConfigError, match=r"cannot write to .*none/x\.jsonl: No such file .* name a file in"):
        JSONLinesExporter(tmp_path / "none" / "x.jsonl")
    with pytest.raises(ConfigError, match="Is a directory"):
        JSONLinesExporter(tmp_path)


WRITER = """
import sys
from hogtrace.exporters import JSONLinesExporter
from tests.hogtrace.exporters.samples import make_event
exporter = JSONLinesExporter(sys.argv[1])
for batch in range(50):
    exporter.export([
        make_event(number, values={"number": number, "writer": sys.argv[2], "ballast": "x" * 3000})
        for number in range(batch * 10, batch * 10 + 10)
    ])
exporter.close()
"""


def test_several_processes_may_write_one_file(tmp_path: Path) -> None:
    """No line is torn or lost, and each writer's lines stay in order."""
    path = tmp_path / "events.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(number)]) for number in range(4)]
    assert [writer.wait(100) for writer in writers] == [0] * 4
    events = list(read_jsonl(path))
    for number in range(4):
        mine = [event for event in events if event.values["writer"] == str(number)]
        assert numbers(mine) == list(range(500))


FULL_DISK = """
import os, resource, sys
from hogtrace.exporters import JSONLinesExporter
from tests.hogtrace.exporters.samples import make_event
exporter = JSONLinesExporter(sys.argv[1])
exporter.export([make_event(1)])
size = os.path.getsize(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    exporter.export([make_event(2)])
except OSError:
    pass
else:
    sys.exit("no error")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
exporter.export([make_event(3)])
"""


def test_what_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    """A batch that could not be written whole leaves nothing behind; the next one follows the one before."""
    path = tmp_path / "events.jsonl"
    subprocess.run([sys.executable, "-c", FULL_DISK, path], check=True, timeout=100)
    assert numbers(list(read_jsonl(path))) == [1, 3]


def test_a_line_that_a_killed_process_left_spoils_no_other(tmp_path: Path) -> None:
    """What comes after it stands on a line of its own, and the broken one is named, or passed over if asked for."""
    path = tmp_path / "events.jsonl"
    exporter, other = JSONLinesExporter(path), JSONLinesExporter(path)
    exporter.export([make_event(1)])
    with path.open("ab") as file:
        file.write(b'{"schema": 1')
    other.export([make_event(2)])
    exporter.export([make_event(3)])
    exporter.close()
    other.close()
    assert path.read_bytes().count(b"\n") == 4
    assert numbers(list(read_jsonl(path, skip_broken=True))) == [1, 2, 3]
    with pytest.raises(ValueError, match=r"events\.jsonl:2: not an event"):
        list(read_jsonl(path))


def test_pipes_and_devices_are_written_to(tmp_path: Path) -> None:
    """They have no end to look at and cannot be locked."""
    reading, writing = os.pipe()
    exporter = JSONLinesExporter(f"/proc/self/fd/{writing}", fsync="batch")
    exporter.export(make_events(2))
    exporter.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert [json.loads(line)["values"]["number"] for line in pipe] == [0, 1]
    full = JSONLinesExporter("/dev/full")
    with pytest.raises(RetryError, match="no space for /dev/full"):
        full.export(make_events(1))
    full.close()


def test_a_pipe_that_nobody_reads_is_an_error_at_start(tmp_path: Path) -> None:
    """The application does not wait until somebody does."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"cannot write to .*pipe"):
        JSONLinesExporter(path)


def test_a_file_that_another_process_keeps_locked_is_offered_the_batch_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that was stopped half-way stops no other for good, and costs no event."""
    monkeypatch.setattr(jsonl, "_LOCK_TIMEOUT", 0.05)
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RetryError, match=r"has held .*events\.jsonl for 0\.05 seconds"):
            exporter.export([make_event(1)])
    exporter.export([make_event(1)])
    exporter.close()
    assert numbers(list(read_jsonl(path))) == [1]


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    """Reading along does not fail at the end of the file."""
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path)
    exporter.export([make_event(1)])
    with path.open("ab") as file:
        file.write(b'\n{"schema": 1')
    assert numbers(list(read_jsonl(path))) == [1]
    exporter.close()


def test_the_file_is_no_business_of_child_processes(tmp_path: Path) -> None:
    """A program that the application starts does not inherit it."""
    exporter = JSONLinesExporter(tmp_path / "events.jsonl")
    shown = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True, timeout=100
    )
    exporter.close()
    assert "events.jsonl" not in shown.stdout
