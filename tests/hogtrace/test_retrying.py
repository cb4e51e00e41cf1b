"""Batches that the exporter asks to have again later."""

from __future__ import annotations

import _thread
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from hogtrace import CaptureEvent, batches
from hogtrace.batches import Batch
from hogtrace.errors import RetryError
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_events, numbers
from tests.hogtrace.pipelines import accounts, put, run, until


class Busy:
    """An exporter that asks for a batch again as long as `answers` has errors left, and notes each attempt."""

    def __init__(self, *answers: BaseException) -> None:
        self.answers = list(answers)
        self.attempts: list[tuple[float, list[int]]] = []
        self.taken: list[int] = []
        self.closed = threading.Event()

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Raise the next answer, or take the events."""
        self.attempts.append((time.monotonic(), numbers(events)))
        if self.answers:
            # What an exporter does to its list must not show in the next attempt.
            if isinstance(events, list):
                events.clear()
            raise self.answers.pop(0)
        self.taken += numbers(events)

    def close(self) -> None:
        """Note it."""
        self.closed.set()


@pytest.fixture
def pipe() -> Iterator[Callable[..., Pipeline]]:
    """Give a function that makes pipelines, which are stopped after the test."""
    made: list[Pipeline] = []

    def pipe(exporter: Any, **options: Any) -> Pipeline:
        made.append(Pipeline(exporter, **{"batch_delay": 0.01, **options}))
        return made[-1]

    yield pipe
    for pipeline in made:
        pipeline.stop(0)


Pipe = Callable[..., Pipeline]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses begin with a hundredth of a second."""
    monkeypatch.setattr(batches, "_FIRST_PAUSE", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_batch_is_offered_again_until_it_is_taken(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """The same events in the same order, then what came meanwhile; said once, and again when it works."""
    exporter = Busy(*[RetryError("no answer")] * 4)
    pipeline = pipe(exporter, batch_size=3)
    put(pipeline, make_events(3))
    until(lambda: len(exporter.attempts) >= 2)
    put(pipeline, make_events(8)[3:])
    until(lambda: len(exporter.taken) == 8)
    assert [batch for _, batch in exporter.attempts[:5]] == [[0, 1, 2]] * 5
    assert exporter.taken == list(range(8))
    assert accounts(pipeline) == (8, 8, 0, {})
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "Busy cannot export now: RetryError: no answer",
        "Busy works again",
    ]


def test_the_pause_doubles_with_chance_and_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """From half a second to half a minute, of which up to a half is left out, until the time for one batch is over."""
    now = 100.0
    monkeypatch.setattr(batches, "monotonic", lambda: now)
    pauses = []
    for _ in range(200):
        now = 100.0
        batch = Batch(None, [])  # type: ignore[arg-type]  # it is never settled
        waits = []
        while batch.postpone(None, timeout=100.0):
            waits.append(batch.next_attempt - now)
            now = batch.next_attempt
        assert now - 100.0 >= 100.0
        pauses.append(waits[:8])
    for position, longest in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        column = [waits[position] for waits in pauses]
        assert longest / 2 <= min(column) < max(column) <= longest
        assert max(column) - min(column) > longest / 4


def test_what_the_exporter_says_is_kept_to(pipe: Pipe) -> None:
    """A flush does not shorten a time that the exporter has named."""
    exporter = Busy(RetryError("429", after=0.3))
    pipeline = pipe(exporter)
    put(pipeline, make_events(1))
    until(lambda: exporter.attempts)
    assert not pipeline.flush(0.05)
    assert accounts(pipeline) == (1, 0, 1, {})
    assert pipeline.flush(20)
    (first, _), (second, _) = exporter.attempts
    assert second - first >= 0.3


def test_a_flush_shortens_a_pause(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits, so the next attempt is made at once; if it fails, the flush goes on waiting."""
    monkeypatch.setattr(batches, "_FIRST_PAUSE", 1000.0)
    monkeypatch.setattr(batches, "_LONGEST_PAUSE", 1000.0)
    exporter = Busy(RetryError("no"), RetryError("no"))
    pipeline = pipe(exporter)
    put(pipeline, make_events(2))
    until(lambda: len(exporter.attempts) == 1)
    assert not pipeline.flush(0.1)
    assert len(exporter.attempts) == 2
    assert pipeline.flush(20)
    assert exporter.taken == [0, 1]


@pytest.mark.usefixtures("quick")
def test_after_its_time_a_batch_is_dropped_and_counted(pipe: Pipe) -> None:
    """What came after it is tried in its turn."""
    exporter = Busy(*[RetryError("no answer")] * 1000)
    pipeline = pipe(exporter, export_timeout=0.1, batch_size=2)
    put(pipeline, make_events(4))
    until(lambda: accounts(pipeline)[3] == {"exporter_failed": 4})
    assert [0, 1] in [batch for _, batch in exporter.attempts]
    assert exporter.attempts[-1][1] == [2, 3]
    exporter.answers.clear()
    put(pipeline, make_events(1))
    assert pipeline.flush(20)
    assert accounts(pipeline) == (5, 1, 0, {"exporter_failed": 4})


def test_the_queue_stays_bounded_while_a_batch_waits(pipe: Pipe) -> None:
    """Capturing goes on and costs nobody anything; what does not fit is counted."""
    exporter = Busy(RetryError("no answer", after=1000))
    pipeline = pipe(exporter, max_events=10, batch_size=5, export_timeout=3600)
    put(pipeline, make_events(5))
    until(lambda: exporter.attempts)
    put(pipeline, make_events(100))
    assert accounts(pipeline) == (105, 0, 15, {"queue_full": 90})
    used = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - used < 0.2
    assert pipeline.stop(5)
    # It asked for none before a time that is after the end, so it gets none.
    assert accounts(pipeline) == (105, 0, 0, {"queue_full": 90, "exporter_failed": 5, "stopped": 10})
    assert len(exporter.attempts) == 1
    assert exporter.closed.is_set()


@pytest.mark.usefixtures("quick")
def test_a_stop_tries_as_long_as_it_may(pipe: Pipe) -> None:
    """Pauses that fit into its time are made; all is exported, and the exporter closed."""
    exporter = Busy(*[RetryError("no answer")] * 3)
    pipeline = pipe(exporter, batch_delay=60)
    put(pipeline, make_events(3))
    assert pipeline.stop(30)
    assert exporter.taken == [0, 1, 2]
    assert exporter.closed.is_set()
    assert accounts(pipeline) == (3, 3, 0, {})


def test_forks_leave_what_waits_with_the_parent() -> None:
    """The child has nothing of it, the parent offers it again without being asked, and no fork waits for it."""
    text, _ = run(
        "from hogtrace.errors import RetryError\n"
        "class Busy(MemoryExporter):\n"
        "    answers = [RetryError('no', after=1.0)]\n"
        "    def export(self, events):\n"
        "        if self.answers: raise self.answers.pop()\n"
        "        super().export(events)\n"
        "exporter = Busy()\n"
        "pipeline = Pipeline(exporter, batch_delay=0.01)\n"
        "put(pipeline, range(5))\n"
        "while Busy.answers: time.sleep(0.01)\n"
        "began = time.monotonic()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    put(pipeline, [7])\n"
        "    pipeline.flush(10)\n"
        "    os._exit(len(exporter.events))\n"
        "assert time.monotonic() - began < 0.8\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1\n"
        "deadline = time.monotonic() + 20\n"
        "while pipeline.queue.queued and time.monotonic() < deadline: time.sleep(0.01)\n"
        "print(len(exporter.events), pipeline.queue.queued)"
    )
    # The log may say after it that the exporter works again.
    assert "5 0" in text.splitlines()


def test_the_end_of_the_process_does_not_wait_for_an_attempt_that_comes_later() -> None:
    """What would be tried after the end is dropped; the process ends."""
    text, took = run(
        "from hogtrace.errors import RetryError\n"
        "class Busy(MemoryExporter):\n"
        "    def export(self, events): raise RetryError('no', after=1000)\n"
        "pipeline = Pipeline(Busy(), batch_delay=0.01)\n"
        "put(pipeline, range(5)); time.sleep(0.2)\n"
        "@atexit.register\n"
        "def account(): print(pipeline.queue.dropped, pipeline.queue.queued)\n"
        "print('end')"
    )
    assert took < 5
    assert "Busy cannot export now: RetryError: no" in text


def test_without_threads_nobody_waits_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, a flush makes one attempt and gives up after its time, which costs none."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    exporter = Busy(RetryError("429", after=1000), RetryError("no"))
    pipeline = Pipeline(exporter, batch_delay=0.01, export_timeout=3600)
    put(pipeline, make_events(2))
    used = time.process_time()
    assert not pipeline.flush(0.5)
    assert not pipeline.flush(0.1)
    assert time.process_time() - used < 0.3
    assert len(exporter.attempts) == 1
    assert accounts(pipeline) == (2, 0, 2, {})
    assert pipeline.stop(5)
    assert exporter.closed.is_set()
    assert accounts(pipeline) == (2, 0, 0, {"exporter_failed": 2})
