"""Files of lines that are rotated, by one process and by several."""

from __future__ import annotations

import gzip
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hogtrace import CaptureEvent, ConfigError
from hogtrace.events import Follower, read_jsonl
from hogtrace.exporters import JSONLinesExporter, jsonl
from hogtrace.exporters.rotation import Compression
from hogtrace.forms.rotated_files import compressed_name_of, name_of, rotated_numbers
from tests.hogtrace.exporters.samples import make_event, make_events, numbers

LINE = len(make_event(1).to_json()) + 1


def exported(path: Path, batches: int, **options: Any) -> None:
    """Export so many batches of one event."""
    exporter = JSONLinesExporter(path, **options)
    for number in range(batches):
        exporter.export([make_event(number)])
    exporter.close()


def rotated_files(path: Path) -> dict[int, Path]:
    """Give the rotated files by their numbers."""
    found = {}
    for number in rotated_numbers(path):
        both = name_of(path, number), compressed_name_of(path, number)
        found[number] = next(file for file in both if file.exists())
    return found


def names(path: Path) -> list[str]:
    """Give the names of the files in the directory of `path`."""
    return sorted(file.name for file in path.parent.iterdir())


def test_no_file_is_larger_than_max_bytes(tmp_path: Path) -> None:
    """The newest files stay, the events come back in order."""
    path = tmp_path / "events.jsonl"
    exported(path, 20, max_bytes=3 * LINE + 5, keep=2)
    assert names(path) == ["events.jsonl", "events.jsonl.000005", "events.jsonl.000006"]
    assert all(file.stat().st_size <= 3 * LINE + 5 for file in tmp_path.iterdir())
    assert numbers(list(read_jsonl(path))) == list(range(12, 20))
    assert numbers(list(read_jsonl(path, rotated=False))) == [18, 19]
    assert numbers(list(read_jsonl(tmp_path / "events.jsonl.000005"))) == [12, 13, 14]


def test_a_batch_is_never_split(tmp_path: Path) -> None:
    """One that is larger than a file has a file of its own."""
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path, max_bytes=2 * LINE)
    for batch in ([0], [1, 2, 3, 4], [5]):
        exporter.export([make_event(number) for number in batch])
    exporter.close()
    found = [numbers(list(read_jsonl(file))) for file in rotated_files(path).values()]
    assert [*found, numbers(list(read_jsonl(path, rotated=False)))] == [[0], [1, 2, 3, 4], [5]]


@pytest.mark.parametrize(("keep", "left"), [(0, 0), (1, 1), (None, 9)])
def test_keep_says_how_many_files_stay(tmp_path: Path, keep: int | None, left: int) -> None:
    """None at all, one, or all of them."""
    path = tmp_path / "events.jsonl"
    exported(path, 10, max_bytes=1, keep=keep)
    assert len(rotated_files(path)) == left
    assert numbers(list(read_jsonl(path))) == list(range(10))[-left - 1 :]


def test_the_age_is_that_of_the_first_event(tmp_path: Path) -> None:
    """A restart does not make a file young again, and a clock that was put back does not keep it for ever."""
    path = tmp_path / "events.jsonl"
    now = time.time()
    for number, age in enumerate([5000, 4000, 100, 50, 4000, -7200]):
        exporter = JSONLinesExporter(path, max_age=3600)
        exporter.export([make_event(number, timestamp=now - age)])
        exporter.close()
    assert [numbers(list(read_jsonl(file))) for file in rotated_files(path).values()] == [[0], [1]]
    assert numbers(list(read_jsonl(path, rotated=False))) == [2, 3, 4, 5]
    path.write_text(make_event(6, timestamp=now + 7200).to_json() + "\n")
    exporter = JSONLinesExporter(path, max_age=3600)
    exporter.export([make_event(7)])
    exporter.close()
    assert numbers(list(read_jsonl(path, rotated=False))) == [7]


def test_a_file_of_something_else_has_the_age_of_its_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be read from its first line; it is rotated all the same."""
    path = tmp_path / "events.jsonl"
    path.write_text("hello\n")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    exporter = JSONLinesExporter(path, max_age=3600)
    exporter.export(make_events(1))
    now += 3599
    exporter.export(make_events(1))
    assert not rotated_files(path)
    now += 1
    exporter.export(make_events(1))
    exporter.close()
    assert len(rotated_files(path)) == 1


def test_rotated_files_are_compressed(tmp_path: Path) -> None:
    """With gzip, under the mode of the file; each event is there once, in order."""
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path, max_bytes=3 * LINE, compress="gzip")
    path.chmod(0o640)
    for number in range(11):
        exporter.export([make_event(number)])
    exporter.close()
    assert names(path) == ["events.jsonl", *(f"events.jsonl.00000{number}.gz" for number in (1, 2, 3))]
    with gzip.open(tmp_path / "events.jsonl.000002.gz") as lines:
        assert len(lines.readlines()) == 3
    assert (tmp_path / "events.jsonl.000001.gz").stat().st_mode & 0o777 == 0o640
    assert numbers(list(read_jsonl(path))) == list(range(11))
    assert numbers(list(read_jsonl(tmp_path / "events.jsonl.000002.gz"))) == [3, 4, 5]


def test_a_large_file_is_compressed_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches go on meanwhile; until it is whole the compressed file has no name of its own."""
    monkeypatch.setattr(jsonl, "_SLICE", 0)
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path, max_bytes=500_000, compress="gzip")
    exporter.export([make_event(number, values={"number": number, "ballast": "x" * 1000}) for number in range(1000)])
    steps = 999
    while not (tmp_path / "events.jsonl.000001.gz").exists():
        steps += 1
        exporter.export([make_event(steps)])
        assert numbers(list(read_jsonl(path))) == list(range(steps + 1))
    exporter.close()
    assert steps > 1002
    assert names(path) == ["events.jsonl", "events.jsonl.000001.gz"]


def test_what_a_process_left_uncompressed_the_next_one_compresses(tmp_path: Path) -> None:
    """Half a compressed file is no file; the next start begins it anew."""
    path = tmp_path / "events.jsonl"
    exported(path, 3, max_bytes=1)
    (tmp_path / "events.jsonl.000001.gz.part").write_bytes(b"half")
    assert numbers(list(read_jsonl(path))) == [0, 1, 2]
    exported(path, 2, max_bytes=10 * LINE, compress="gzip")
    assert names(path) == ["events.jsonl", "events.jsonl.000001.gz", "events.jsonl.000002.gz"]
    assert numbers(list(read_jsonl(path))) == [0, 1, 2, 0, 1]


def test_two_processes_do_not_compress_one_file(tmp_path: Path) -> None:
    """The second leaves it to the first; should it be deleted meanwhile, nothing of it comes back."""
    path = tmp_path / "events.jsonl"
    exported(path, 2, max_bytes=1)
    (source,) = rotated_files(path).values()
    first = Compression(source)
    with pytest.raises(BlockingIOError):
        Compression(source)
    source.unlink()
    assert first.advance(60)
    assert names(path) == ["events.jsonl"]


def test_what_cannot_be_rotated_or_compressed_costs_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and tried again: the file grows, or stays as it is, until the fault is over."""
    path = tmp_path / "events.jsonl"

    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    exporter = JSONLinesExporter(path, max_bytes=1, compress="gzip")
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "hogtrace"):
        patched.setattr(Path, "rename", fail)
        for number in range(3):
            exporter.export([make_event(number)])
        assert names(path) == ["events.jsonl"]
        assert [record.getMessage() for record in caplog.records] == [
            f"JSONLinesExporter cannot rotate {path}: Operation not permitted"
        ]
        patched.setattr(Path, "rename", Path.replace)
        patched.setattr(jsonl, "Compression", fail)
        exporter.export([make_event(3)])
        exporter.export([make_event(4)])
        assert "cannot tidy up after" in caplog.records[-1].getMessage()
        assert len(caplog.records) == 2
    exporter.export([make_event(5)])
    exporter.close()
    assert numbers(list(read_jsonl(path))) == list(range(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_bytes": 0}, "max_bytes is 0; it must be a whole number of 1 or more, or None"),
        ({"max_bytes": True}, "max_bytes is True"),
        ({"max_bytes": "10M"}, "max_bytes is '10M'"),
        ({"max_age": -1}, "max_age is -1; it must be a number of seconds above 0"),
        ({"max_age": float("inf")}, "max_age is inf; it must be a number of seconds above 0"),
        ({"max_bytes": 1, "keep": -1}, "keep is -1; it must be a whole number of 0 or more, or None for all"),
        ({"max_bytes": 1, "compress": "zip"}, "compress is 'zip'; it must be False or 'gzip'"),
        ({"compress": "gzip"}, "compress is for files that are rotated; give max_bytes or max_age"),
        ({"fsync": "always"}, "fsync is 'always'; it must be 'never', 'batch' or 'close'"),
    ],
    ids=str,
)
def test_wrong_options_are_errors_at_start(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Each says what is wrong and what would be right; no file is made."""
    with pytest.raises(ConfigError, match="JSONLinesExporter: ") as caught:
        JSONLinesExporter(tmp_path / "events.jsonl", **options)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_rotated_is_an_error_at_start(tmp_path: Path) -> None:
    """A device, and a link, behind which the file would stay."""
    with pytest.raises(ConfigError, match=r"/dev/null is no file that can be rotated"):
        JSONLinesExporter("/dev/null", max_bytes=1)
    (tmp_path / "link").symlink_to(tmp_path / "events.jsonl")
    with pytest.raises(ConfigError, match=r"is a symbolic link, which cannot be rotated; name .*events\.jsonl"):
        JSONLinesExporter(tmp_path / "link", max_bytes=1)


@pytest.mark.parametrize(("fsync", "times"), [("never", 0), ("batch", 4), ("close", 2)])
def test_fsync_waits_for_the_disk_when_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Any, times: int
) -> None:
    """Never, after each batch, or at the end of each file."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    exported(tmp_path / "events.jsonl", 4, max_bytes=2 * LINE, fsync=fsync)
    assert len(synced) == times


def test_a_follower_misses_nothing_of_files_that_are_rotated(tmp_path: Path) -> None:
    """What was written before a rotation and seen after it, in plain and in compressed files, each event once."""
    path = tmp_path / "events.jsonl"
    exporter = JSONLinesExporter(path, max_bytes=2 * LINE, keep=None, compress="gzip")
    follower = Follower(path, newest=100)
    seen: list[int] = []
    for number in range(60):
        exporter.export([make_event(number)])
        if number % 7 == 0 or number in (31, 32, 33):
            seen += numbers(follower.poll())
    seen += numbers(follower.poll())
    exporter.close()
    assert seen == list(range(60))


def test_a_follower_is_not_thrown_back_by_what_is_taken_back(tmp_path: Path) -> None:
    """A file that is shorter but begins as before is the same one."""
    path = tmp_path / "events.jsonl"
    exported(path, 3)
    follower = Follower(path, newest=100)
    assert len(follower.poll()) == 3
    os.truncate(path, 2 * LINE)
    assert follower.poll() == []
    exporter = JSONLinesExporter(path)
    exporter.export([make_event(3)])
    exporter.close()
    assert numbers(follower.poll()) == [3]


WRITER = """
import sys
from hogtrace.exporters import JSONLinesExporter
from tests.hogtrace.exporters.samples import make_event
path, writer, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
exporter = JSONLinesExporter(path, max_bytes=size, keep=None, compress="gzip" if writer % 2 else False)
print("ready", flush=True)
for begin in range(0, count, 10):
    exporter.export([
        make_event(number, values={"number": number, "writer": writer, "ballast": "x" * (number % 97)})
        for number in range(begin, begin + 10)
    ])
exporter.close()
print("done", flush=True)
"""


def started(path: Path, writer: int, count: int, size: int) -> subprocess.Popen[bytes]:
    """Start a process that writes so many events into files of that size."""
    command = [sys.executable, "-c", WRITER, path, *map(str, (writer, count, size))]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def by_writer(events: list[CaptureEvent]) -> dict[int, list[int]]:
    """Give the numbers of each writer's events, in the order in which they are."""
    found: dict[int, list[int]] = {}
    for event in events:
        found.setdefault(event.values["writer"], []).append(event.values["number"])
    return found


@pytest.mark.parametrize(
    ("count", "size"), [(2000, 20_000), pytest.param(20_000, 50_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_several_processes_rotate_one_file(tmp_path: Path, count: int, size: int) -> None:
    """No line is lost, doubled or torn; a follower sees each once; each writer's events are in order."""
    path = tmp_path / "events.jsonl"
    writers = [started(path, number, count, size) for number in range(4)]
    follower = Follower(path, newest=1_000_000)
    seen: list[CaptureEvent] = []
    while any(writer.poll() is None for writer in writers):
        seen += follower.poll()
        time.sleep(0.02)
    seen += follower.poll()
    assert [writer.wait(100) for writer in writers] == [0] * 4
    for writer in writers:
        writer.communicate()
    everything = {number: list(range(count)) for number in range(4)}
    assert by_writer(list(read_jsonl(path))) == everything
    assert by_writer(seen) == everything
    files = rotated_files(path)
    assert list(files) == list(range(1, len(files) + 1))
    assert len(files) >= 4 * count * LINE // size
    assert not list(tmp_path.glob("*.part"))


def test_killing_a_writer_costs_the_others_nothing(tmp_path: Path) -> None:
    """Whatever it was doing, rotating and compressing too; all that it had said was written is there, once."""
    path = tmp_path / "events.jsonl"
    survivor = started(path, 0, 3000, 5000)
    for attempt in range(6):
        with started(path, 1 + attempt, 1_000_000, 5000) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == b"ready\n"
            time.sleep(0.03 * attempt)
            victim.send_signal(signal.SIGKILL)
    assert survivor.communicate(timeout=100)[0] == b"ready\ndone\n"
    found = by_writer(list(read_jsonl(path, skip_broken=True)))
    assert found.pop(0) == list(range(3000))
    for writer, mine in found.items():
        assert mine == list(range(len(mine))), writer
        assert max(Counter(mine).values()) == 1
