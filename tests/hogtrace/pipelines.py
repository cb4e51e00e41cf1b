"""What the tests of pipelines share: events put and counted, and scripts run in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from hogtrace import CaptureEvent
from hogtrace.pipeline import Pipeline

__all__ = ["PRELUDE", "accounts", "put", "run", "until", "worker_clock"]


def put(pipeline: Pipeline, events: Sequence[CaptureEvent]) -> None:
    """Capture `events`."""
    for event in events:
        pipeline.queue.put(event)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `condition` holds; a machine that stands still for a while is no reason to give up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)


def accounts(pipeline: Pipeline) -> tuple[int, int, int, dict[str, int]]:
    """Give captured, exported, queued and dropped, after seeing that they balance."""
    counts = pipeline.accounts()
    assert counts["captured"] == counts["exported"] + counts["queued"] + sum(counts["dropped"].values())
    dropped = {cause: count for cause, count in counts["dropped"].items() if count}
    return counts["captured"], counts["exported"], counts["queued"], dropped


def worker_clock(pipeline: Pipeline) -> int:
    """Give the clock of the processor's time that the thread has which exports now; it must not end meanwhile."""
    thread = pipeline._worker._server
    assert thread is not None
    return time.pthread_getcpuclockid(thread)


def run(script: str, *arguments: object, options: Sequence[str] = ("-W", "error")) -> tuple[str, float]:
    """Run `script` in a new process; give what it wrote, and how long it took to end after `print("end")`."""
    with subprocess.Popen(
        [sys.executable, *options, "-u", "-c", PRELUDE + script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        text, ending = "", time.monotonic()
        for line in process.stdout:
            text += line
            if line == "end\n":
                ending = time.monotonic()
        code = process.wait(100)
    took = time.monotonic() - ending
    assert code == 0, text
    return text, took


PRELUDE = """
import atexit, multiprocessing, os, sys, threading, time
from hogtrace import _state
from hogtrace.exporters import JSONLinesExporter, MemoryExporter, SQLiteExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_event, make_events

# How long the end waits for an exporter is what one test is about; in the others a busy machine may take its time.
usual = _state.EXIT_PATIENCE, _state.EXIT_TIMEOUT
_state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 100

def put(pipeline, numbers):
    for number in numbers:
        pipeline.queue.put(make_event(number, values={"number": number, "pid": os.getpid()}))
"""
