"""What befalls files and directories while they are written: the application goes on, and the accounts balance."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hogtrace import CaptureEvent, ConfigError
from hogtrace.events import read_jsonl, read_sqlite
from hogtrace.exporters import JSONLinesExporter, SQLiteExporter, jsonl
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_event
from tests.hogtrace.pipelines import PRELUDE, accounts, put, until
from tests.hogtrace.unhurried import be_patient

FileExporter = JSONLinesExporter | SQLiteExporter
ROOT = Path(__file__).parents[3]

KINDS: dict[str, Callable[[Path], FileExporter]] = {
    "lines": lambda path: JSONLinesExporter(path),
    "rotated": lambda path: JSONLinesExporter(path, max_bytes=20_000, keep=None, compress="gzip", fsync="batch"),
    "sqlite": lambda path: SQLiteExporter(path, timeout=0.05),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each of the exporters that write files."""
    return str(request.param)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a directory with a file system of its own, of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def read(path: Path) -> list[int]:
    """Give the numbers of the events in a file of either kind, in its order."""
    with path.open("rb") as file:
        is_store = file.read(6) == b"SQLite"
    events: list[CaptureEvent] = read_sqlite(path) if is_store else list(read_jsonl(path))
    return [event.values["number"] for event in events]


def capture(pipeline: Pipeline, begin: int, end: int) -> None:
    """Capture so many events of about a kilobyte, and have the exporter try them."""
    put(pipeline, [make_event(number, values={"number": number, "ballast": "x" * 900}) for number in range(begin, end)])
    pipeline.flush(0.2)


def settled(pipeline: Pipeline) -> tuple[int, dict[str, int]]:
    """Wait until nothing is under way; give how many were exported, and how many dropped."""
    deadline = time.monotonic() + 60
    while pipeline.queue.queued:
        assert time.monotonic() < deadline, "it does not work again"
        pipeline.flush(1)
    captured, exported, _, dropped = accounts(pipeline)
    assert captured == exported + sum(dropped.values())
    return exported, dropped


def test_a_full_disk(kind: str, small_disk: Path) -> None:
    """What does not fit waits, and goes into the file once there is room; no line is torn, no row is lost."""
    path = small_disk / "events"
    pipeline = Pipeline(KINDS[kind](path), batch_size=50)
    ballast = small_disk / "ballast"
    capture(pipeline, 0, 50)
    assert settled(pipeline) == (50, {})
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    capture(pipeline, 50, 200)
    until(lambda: pipeline.exporters()[0].state == "failing")
    assert accounts(pipeline)[2] > 0, "the disk is not full"
    if kind != "sqlite":
        assert read(path) == list(range(len(read(path)))), "what was not taken left something behind"
    ballast.unlink()
    exported, dropped = settled(pipeline)
    assert (exported, dropped) == (200, {})
    assert pipeline.stop(60)
    assert read(path) == list(range(200))


def test_a_disk_that_stays_full_costs_what_is_captured_then(kind: str, small_disk: Path) -> None:
    """After its time a batch is given up, and counted; nothing of it is in the file."""
    path = small_disk / "events"
    pipeline = Pipeline(KINDS[kind](path), batch_size=50, export_timeout=0.2)
    be_patient(pipeline)
    ballast = small_disk / "ballast"
    capture(pipeline, 0, 50)
    assert settled(pipeline) == (50, {})
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    capture(pipeline, 50, 200)
    exported, dropped = settled(pipeline)
    assert 50 <= exported < 200
    assert dropped == {"exporter_failed": 200 - exported}
    ballast.unlink()
    capture(pipeline, 200, 250)
    assert settled(pipeline)[0] == exported + 50
    assert pipeline.stop(60)
    found = read(path)
    assert len(found) == exported + 50
    assert found[-50:] == list(range(200, 250))


def test_a_disk_that_becomes_read_only(kind: str, small_disk: Path) -> None:
    """Each batch fails and is counted until it can be written to again."""
    path = small_disk / "events"
    exporter = KINDS[kind](path)
    pipeline = Pipeline(exporter, batch_size=50)
    capture(pipeline, 0, 50)
    assert settled(pipeline) == (50, {})
    exporter.rest()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    capture(pipeline, 50, 100)
    assert settled(pipeline) == (50, {"exporter_failed": 50})
    with pytest.raises(ConfigError, match=r"[Rr]ead-?only|not writable"):
        KINDS[kind](small_disk / "other")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    capture(pipeline, 100, 150)
    assert settled(pipeline) == (100, {"exporter_failed": 50})
    assert pipeline.stop(60)
    assert read(path) == [*range(50), *range(100, 150)]


def test_a_directory_that_goes_and_comes_back(kind: str, tmp_path: Path) -> None:
    """It is not made again by us; what is captured meanwhile is counted."""
    place = tmp_path / "deep"
    place.mkdir()
    pipeline = Pipeline(KINDS[kind](place / "events"), batch_size=50)
    capture(pipeline, 0, 50)
    assert settled(pipeline) == (50, {})
    shutil.rmtree(place)
    capture(pipeline, 50, 100)
    assert settled(pipeline) == (50, {"exporter_failed": 50})
    place.mkdir()
    capture(pipeline, 100, 150)
    assert settled(pipeline) == (100, {"exporter_failed": 50})
    assert pipeline.stop(60)
    assert read(place / "events") == list(range(100, 150))


def test_a_file_that_is_deleted_and_one_that_a_directory_replaces(kind: str, tmp_path: Path) -> None:
    """The one is made again, the other is waited for, event by event in the accounts."""
    path = tmp_path / "events"
    pipeline = Pipeline(KINDS[kind](path), batch_size=50)

    def delete() -> None:
        for file in tmp_path.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    capture(pipeline, 0, 50)
    assert settled(pipeline) == (50, {})
    delete()
    capture(pipeline, 50, 100)
    assert settled(pipeline) == (100, {})
    assert read(path) == list(range(50, 100))
    delete()
    path.mkdir()
    capture(pipeline, 100, 150)
    assert settled(pipeline) == (100, {"exporter_failed": 50})
    delete()
    capture(pipeline, 150, 200)
    assert settled(pipeline) == (150, {"exporter_failed": 50})
    assert pipeline.stop(60)
    assert read(path) == list(range(150, 200))


def test_a_file_that_another_process_holds(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost: it is waited for, in the background, and tried again."""
    monkeypatch.setattr(jsonl, "_LOCK_TIMEOUT", 0.05)
    path = tmp_path / "events"
    pipeline = Pipeline(KINDS[kind](path), batch_size=50)
    capture(pipeline, 0, 15)
    assert settled(pipeline) == (15, {})
    holder = (
        "import fcntl, sqlite3, sys\n"
        "file = open(sys.argv[1], 'rb')\n"
        "if file.read(6) == b'SQLite':\n"
        "    held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "    held.execute('BEGIN IMMEDIATE')\n"
        "else:\n"
        "    fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGSTOP)
        capture(pipeline, 15, 100)
        assert accounts(pipeline)[1:3] == (15, 85)
        process.send_signal(signal.SIGCONT)
        process.kill()
    assert settled(pipeline) == (100, {})
    assert pipeline.stop(60)
    assert read(path) == list(range(100))


def test_strings_of_every_kind(kind: str, tmp_path: Path) -> None:
    """Lone surrogates, line ends, null characters and long strings leave one event one event."""
    path = tmp_path / "events"
    texts = ["\ud800", "a\nb\r\nc\u2028d", "\x00", "x" * 1_000_000, '"}\n{"schema": 1', "\x1b[31m", "🦔" * 5000]
    pipeline = Pipeline(KINDS[kind](path), batch_size=50, max_bytes=1 << 30)
    put(
        pipeline,
        [
            make_event(number, request_id=str(number), request={"path": text}, values={"number": number, "text": text})
            for number, text in enumerate(texts * 10)
        ],
    )
    assert pipeline.flush(60)
    assert settled(pipeline) == (70, {})
    assert pipeline.stop(60)
    assert read(path) == list(range(70))
    if kind != "sqlite":
        assert all(event.values["text"][:9] == texts[n % 7][:9] for n, event in enumerate(read_jsonl(path)))


FORKS = """
kind, path = sys.argv[1], sys.argv[2]
from tests.hogtrace.exporters.test_file_faults import KINDS
from pathlib import Path
_state.FORK_TIMEOUT = 60
pipeline = Pipeline(KINDS[kind](Path(path)), batch_size=20, batch_delay=0.001)
children, count, child_count = [], 0, 0
for fork in range(5):
    put(pipeline, range(count, count + 200))
    count += 200
    child = os.fork()
    if child == 0:
        put(pipeline, range(100_000 + fork * 100, 100_000 + fork * 100 + 20))
        assert pipeline.stop(60)
        queue = pipeline.queue
        assert queue.captured == 20 == queue.exported + sum(queue.dropped.values())
        os._exit(queue.exported)
    children.append(child)
for child in children:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 20), code
    child_count += code
assert pipeline.stop(60)
queue = pipeline.queue
assert queue.captured == count == queue.exported + sum(queue.dropped.values())
print(queue.exported, child_count)
"""


def test_forks_in_the_middle_of_batches(kind: str, tmp_path: Path) -> None:
    """Parent and children write what they count as written, each line once and whole."""
    path = tmp_path / "events"
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + FORKS, kind, path], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parents, childrens = map(int, done.stdout.split())
    found = read(path)
    assert len(found) == len(set(found))
    assert len([number for number in found if number < 100_000]) == parents == 1000
    assert len([number for number in found if number >= 100_000]) == childrens
    assert childrens >= 50


AS_SOMEBODY = """
import os, sys
from pathlib import Path
from hogtrace import ConfigError
from tests.hogtrace.exporters.test_file_faults import KINDS
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for path in sys.argv[2:]:
    try:
        KINDS[sys.argv[1]](Path(path)).close()
    except ConfigError as error:
        print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_directory_that_this_user_may_not_write_to(kind: str) -> None:
    """That is an error at start, and names the directory or the file."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        missing, present = Path(place) / "missing", Path(place) / "present"
        present.touch()
        present.chmod(0o666)
        script = [sys.executable, "-c", AS_SOMEBODY, kind, missing, present]
        done = subprocess.run(script, capture_output=True, text=True, timeout=100, check=True)
        assert str(missing) in done.stdout
        # A file of lines that is there already needs no directory, unless it is rotated.
        assert (str(present) in done.stdout) is (kind != "lines")
