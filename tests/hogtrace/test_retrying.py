"""Batches that the exporter asks to have again later."""

from __future__ import annotations

import _thread
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from hogtrace import CaptureEvent, batches, delivery, worker
from hogtrace._engine import EventQueue
from hogtrace.batches import Batch
from hogtrace.errors import RetryError
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_events, numbers
from tests.hogtrace.pipelines import accounts, put, run, until, worker_clock


class Busy:
    """An exporter that asks for a batch again as long as `answers` has errors left, and notes each attempt."""

    def __init__(self, *answers: BaseException) -> None:
        self.answers = list(answers)
        self.attempts: list[list[int]] = []
        self.taken: list[int] = []
        self.closed = threading.Event()

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Raise the next answer, or take the events."""
        self.attempts.append(numbers(events))
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


class Clock:
    """A clock that goes on as it does, and can be moved forward."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return time.monotonic() + self.moved


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock by which batches are offered again; how long anybody waits for that is real time."""
    clock = Clock()
    for module in (batches, delivery, worker):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses begin with a hundredth of a second."""
    monkeypatch.setattr(batches, "_FIRST_PAUSE", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_batch_is_offered_again_until_it_is_taken(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """The same events in the same order, then what came meanwhile; said once, and again when it works."""
    exporter = Busy(*[RetryError("no answer")] * 4)
    pipeline = pipe(exporter, batch_size=3, batch_delay=3600)
    put(pipeline, make_events(3))
    until(lambda: len(exporter.attempts) >= 5)
    put(pipeline, make_events(8)[3:])
    assert pipeline.flush(60)
    assert exporter.attempts[:5] == [[0, 1, 2]] * 5
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


class Sparing:
    """An exporter that takes the first of a batch, refuses the second, and asks for the others again, `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.attempts: list[list[int]] = []

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take what it takes."""
        self.attempts.append(numbers(events))
        if len(self.attempts) <= self.times:
            raise RetryError("busy", taken=events[:1], lost=events[1:2])

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.usefixtures("quick")
def test_of_a_batch_in_parts_the_rest_is_offered_again(pipe: Pipe) -> None:
    """What was taken counts as exported at once, what is not wanted as dropped, and neither comes again."""
    exporter = Sparing(2)
    pipeline = pipe(exporter, batch_size=7, batch_delay=60)
    put(pipeline, make_events(7))
    assert pipeline.flush(60)
    assert exporter.attempts == [[0, 1, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6], [4, 5, 6]]
    assert accounts(pipeline) == (7, 5, 0, {"exporter_failed": 2})


@pytest.mark.usefixtures("quick")
def test_a_batch_of_which_nothing_is_left_is_settled(pipe: Pipe) -> None:
    """An exporter may ask for the rest of a batch that has none."""
    exporter = Sparing(1)
    pipeline = pipe(exporter, batch_size=2, batch_delay=60)
    put(pipeline, make_events(2))
    assert pipeline.flush(60)
    assert exporter.attempts == [[0, 1]]
    assert accounts(pipeline) == (2, 1, 0, {"exporter_failed": 1})


def test_the_rest_has_the_time_of_its_batch() -> None:
    """That a part was taken gives the others no more time, nor does it lose what was taken."""
    queue = EventQueue(10, 1 << 20, on_first=int)
    for event in make_events(5):
        queue.put(event)
    batch = Batch(queue, queue.take(5))
    batch._begun -= 100
    rest = batch.rest(batch.taken[:2], batch.taken[2:3])
    assert rest is not None
    assert rest.taken == batch.taken[3:]
    assert not rest.postpone(None, timeout=30)
    rest.settle(dropped=2, cause="exporter_failed")
    batch.settle(exported=5)
    assert (queue.captured, queue.exported, queue.queued, queue.dropped) == (5, 2, 0, {"exporter_failed": 3})


def test_what_the_exporter_says_is_kept_to(pipe: Pipe, clock: Clock) -> None:
    """A flush does not shorten a time that the exporter has named."""
    exporter = Busy(RetryError("429", after=200))
    pipeline = pipe(exporter, export_timeout=3600)
    put(pipeline, make_events(1))
    until(lambda: exporter.attempts)
    assert not pipeline.flush(0.05)
    clock.moved = 100
    assert not pipeline.flush(0.05)
    assert accounts(pipeline) == (1, 0, 1, {})
    assert len(exporter.attempts) == 1
    clock.moved = 200
    assert pipeline.flush(60)
    assert exporter.taken == [0]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses take an hour."""
    monkeypatch.setattr(batches, "_FIRST_PAUSE", 7200.0)
    monkeypatch.setattr(batches, "_LONGEST_PAUSE", 7200.0)


@pytest.mark.usefixtures("slow")
def test_a_flush_shortens_a_pause(pipe: Pipe) -> None:
    """Somebody waits, so the next attempt is made at once; if it fails, the flush goes on waiting."""
    exporter = Busy(RetryError("no"), RetryError("no"))
    pipeline = pipe(exporter, export_timeout=36_000)
    put(pipeline, make_events(1))
    until(lambda: exporter.attempts)
    answers: list[bool] = []
    flush = threading.Thread(target=lambda: answers.append(pipeline.flush(100)))
    flush.start()
    until(lambda: len(exporter.attempts) == 2)
    assert answers == []
    assert pipeline.flush(60)
    flush.join(60)
    assert answers == [True]
    assert (exporter.taken, len(exporter.attempts)) == ([0], 3)


@pytest.mark.usefixtures("slow")
def test_a_flush_that_comes_during_an_attempt_shortens_the_pause_after_it(pipe: Pipe) -> None:
    """The attempt began before anybody waited; if it fails, there is another one at once."""
    entered, go = threading.Event(), threading.Event()

    class Late(Busy):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            entered.set()
            assert go.wait(60)
            super().export(events)

    exporter = Late(RetryError("no"))
    pipeline = pipe(exporter, export_timeout=36_000)
    put(pipeline, make_events(1))
    assert entered.wait(60)
    latch = pipeline.begin_flush(time.monotonic() + 60)
    assert not latch.is_open
    go.set()
    assert latch.wait()
    assert (exporter.taken, len(exporter.attempts)) == ([0], 2)


@pytest.mark.usefixtures("quick")
def test_after_its_time_a_batch_is_dropped_and_counted(pipe: Pipe, clock: Clock) -> None:
    """What came after it is tried in its turn."""

    class Slow(Busy):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            if self.answers:
                clock.moved += 400
            super().export(events)

    exporter = Slow(*[RetryError("no answer")] * 1000)
    pipeline = pipe(exporter, export_timeout=1000, batch_size=2, batch_delay=3600)
    put(pipeline, make_events(4))
    until(lambda: accounts(pipeline)[3] == {"exporter_failed": 4})
    assert exporter.attempts == [[0, 1]] * 3 + [[2, 3]] * 3
    exporter.answers.clear()
    put(pipeline, make_events(1))
    assert pipeline.flush(60)
    assert accounts(pipeline) == (5, 1, 0, {"exporter_failed": 4})


def test_the_queue_stays_bounded_while_a_batch_waits(pipe: Pipe) -> None:
    """Capturing goes on and costs nobody anything; what does not fit is counted."""
    exporter = Busy(RetryError("no answer", after=1000))
    pipeline = pipe(exporter, max_events=10, batch_size=5, batch_delay=3600, export_timeout=3600)
    put(pipeline, make_events(5))
    until(lambda: exporter.attempts)
    put(pipeline, make_events(100))
    assert accounts(pipeline) == (105, 0, 15, {"queue_full": 90})
    clock = worker_clock(pipeline)
    used = time.clock_gettime(clock)
    time.sleep(0.3)
    assert time.clock_gettime(clock) - used < 0.1
    assert pipeline.stop(60)
    # It asked for none before a time that is after the end, so it gets none.
    assert accounts(pipeline) == (105, 0, 0, {"queue_full": 90, "exporter_failed": 5, "stopped": 10})
    assert len(exporter.attempts) == 1
    assert exporter.closed.is_set()


@pytest.mark.usefixtures("quick")
def test_a_stop_tries_as_long_as_it_may(pipe: Pipe) -> None:
    """Pauses that fit into its time are made; all is exported, and the exporter closed."""
    exporter = Busy(*[RetryError("no answer")] * 3)
    pipeline = pipe(exporter, batch_delay=3600)
    put(pipeline, make_events(3))
    assert pipeline.stop(60)
    assert exporter.taken == [0, 1, 2]
    assert exporter.closed.is_set()
    assert accounts(pipeline) == (3, 3, 0, {})


def test_forks_leave_what_waits_with_the_parent() -> None:
    """The child has nothing of it, the parent offers it again without being asked, and no fork waits for it."""
    text, _ = run(
        "from hogtrace import batches, delivery, worker\n"
        "from hogtrace.errors import RetryError\n"
        "moved = 0\n"
        "batches.monotonic = delivery.monotonic = worker.monotonic = lambda: time.monotonic() + moved\n"
        "class Busy(MemoryExporter):\n"
        "    answers = [RetryError('no', after=200)]\n"
        "    fork_timeout = 1000\n"
        "    def export(self, events):\n"
        "        if self.answers: raise self.answers.pop()\n"
        "        super().export(events)\n"
        "exporter = Busy()\n"
        "pipeline = Pipeline(exporter, batch_delay=3600, batch_size=5, export_timeout=3600)\n"
        "put(pipeline, range(5))\n"
        "while Busy.answers: time.sleep(0.01)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    put(pipeline, [7])\n"
        "    pipeline.flush(60)\n"
        "    os._exit(len(exporter.events))\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1\n"
        "assert not exporter.events\n"
        # Its thread waits by a clock that was moved, so it is woken, if it is there.
        "moved = 200; pipeline._worker._wake()\n"
        "deadline = time.monotonic() + 60\n"
        "while pipeline.queue.queued and time.monotonic() < deadline: time.sleep(0.01)\n"
        "print(len(exporter.events), pipeline.queue.queued)"
    )
    # The log may say after it that the exporter works again.
    assert "5 0" in text.splitlines()


def test_the_end_of_the_process_does_not_wait_for_an_attempt_that_comes_later() -> None:
    """What would be tried after the end is dropped; the process ends."""
    text, took = run(
        "from hogtrace.errors import RetryError\n"
        "_state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 100\n"
        "class Busy(MemoryExporter):\n"
        "    def export(self, events): attempted.set(); raise RetryError('no', after=1000)\n"
        "attempted = threading.Event()\n"
        "pipeline = Pipeline(Busy(), batch_delay=0.01, export_timeout=3600)\n"
        "put(pipeline, range(5)); assert attempted.wait(60)\n"
        "print('end')"
    )
    assert took < 50
    assert "Busy cannot export now: RetryError: no" in text


def test_without_threads_nobody_waits_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, a flush makes one attempt and gives up after its time, which costs none."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    exporter = Busy(RetryError("429", after=1000), RetryError("no"))
    pipeline = Pipeline(exporter, batch_delay=0.01, export_timeout=3600)
    put(pipeline, make_events(2))
    used = time.thread_time()
    assert not pipeline.flush(0.5)
    assert not pipeline.flush(0.1)
    assert time.thread_time() - used < 0.3
    assert len(exporter.attempts) == 1
    assert accounts(pipeline) == (2, 0, 2, {})
    assert pipeline.stop(60)
    assert exporter.closed.is_set()
    assert accounts(pipeline) == (2, 0, 0, {"exporter_failed": 2})
