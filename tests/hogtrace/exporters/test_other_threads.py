"""What other threads do while events are encoded and written: they run, for the global lock is not held."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hogtrace._engine import encode_lines, encode_rows
from hogtrace.exporters import JSONLinesExporter, SQLiteExporter
from hogtrace.exporters.appending import SharedFile
from tests.hogtrace.exporters.samples import make_event

EVENTS = [make_event(number, values={"number": number, "text": "x\n" * 200_000}) for number in range(40)]


@pytest.fixture
def ticks() -> Iterator[list[int]]:
    """Give a count that another thread goes on with whenever it may; nobody is made to let it."""
    count, done = [0], threading.Event()

    def tick() -> None:
        while not done.is_set():
            count[0] += 1
            time.sleep(0.0002)

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=tick)
    thread.start()
    sys.setswitchinterval(100)
    try:
        yield count
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()


def runs_meanwhile(
    ticks: list[int], work: Callable[[], object], seconds: float = 60, clear: Callable[[], object] = int
) -> bool:
    """Say whether the other thread ran during `work`, in one of many tries: a busy machine seldom lets it.

    `clear` is what to do before each.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        clear()
        before = ticks[0]
        work()
        if ticks[0] > before:
            return True
    return False


def test_it_would_be_noticed(ticks: list[int]) -> None:
    """Of work that holds the lock the other thread sees nothing."""
    assert not runs_meanwhile(ticks, lambda: sum(range(100_000)), 0.1)


@pytest.mark.parametrize("encode", [encode_lines, encode_rows])
def test_encoding(ticks: list[int], encode: Callable[[Any], object]) -> None:
    """Lines of JSON, which are also what is sent over HTTP, and rows."""
    assert runs_meanwhile(ticks, lambda: encode(EVENTS))


def test_writing(ticks: list[int], tmp_path: Path) -> None:
    """The bytes of a batch into a file."""
    path = tmp_path / "lines"
    data, file = encode_lines(EVENTS), SharedFile(path)
    assert runs_meanwhile(ticks, lambda: file.append(data), clear=lambda: os.truncate(path, 0))
    file.close()


@pytest.mark.parametrize("make", [JSONLinesExporter, SQLiteExporter])
def test_exporting(ticks: list[int], make: Callable[[Path], Any], tmp_path: Path) -> None:
    """A whole batch, by the exporters of files."""
    path = tmp_path / "file"
    exporter = make(path)
    # A store has each event once.
    clear = partial(os.truncate, path, 0) if make is JSONLinesExporter else int
    assert runs_meanwhile(ticks, lambda: exporter.export(EVENTS), clear=clear)
    exporter.close()
