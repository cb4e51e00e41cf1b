"""The way from the queue to the exporter, with every fault on it that can be made here."""

from __future__ import annotations

import _thread
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hogtrace import CaptureEvent
from hogtrace import worker as worker_module
from hogtrace.events import read_jsonl, read_sqlite
from hogtrace.exporters import MemoryExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_event, make_events, numbers
from tests.hogtrace.pipelines import PRELUDE, accounts, put, run, until, worker_clock


class Gate:
    """An exporter that hangs in each batch until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.closed = 0
        self.events: list[CaptureEvent] = []

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take the events, once the gate is open."""
        self.entered.set()
        self.open.wait(100)
        self.events.extend(events)

    def close(self) -> None:
        """Count how often that happens."""
        self.closed += 1


class Moody:
    """An exporter that does in each batch what `mood` does at that time."""

    def __init__(self, mood: Callable[[], object]) -> None:
        self.mood = mood
        self.batches: list[list[int]] = []
        self.closed = 0

    def export(self, events: Sequence[CaptureEvent]) -> object:
        """Have the mood, then take the events."""
        result = self.mood()
        self.batches.append(numbers(events))
        return result

    def close(self) -> None:
        """Count how often that happens."""
        self.closed += 1


def fail(error: BaseException) -> Callable[[], object]:
    """Give a mood that raises `error`."""

    def mood() -> object:
        raise error

    return mood


@pytest.fixture
def pipe() -> Iterator[Callable[..., Pipeline]]:
    """Give a function that makes pipelines, which are stopped after the test."""
    made: list[Pipeline] = []

    def pipe(exporter: Any, **options: Any) -> Pipeline:
        made.append(Pipeline(exporter, **{"batch_delay": 0.05, "export_timeout": 3600, **options}))
        return made[-1]

    yield pipe
    for pipeline in made:
        if isinstance(pipeline.exporter, Gate):
            pipeline.exporter.open.set()
        pipeline.stop(60)


Pipe = Callable[..., Pipeline]


def test_events_arrive_on_their_own_after_the_delay(pipe: Pipe) -> None:
    """Nobody has to flush."""
    exporter = MemoryExporter()
    pipeline = pipe(exporter)
    for number in range(3):
        pipeline.queue.put(make_event(number))
        until(lambda expected=number + 1: len(exporter.events) == expected)
    assert numbers(exporter.events) == [0, 1, 2]


def test_batches_keep_the_order_and_their_size(pipe: Pipe) -> None:
    """No batch is larger than it may be, and a full one does not wait for the delay."""
    exporter = Moody(lambda: None)
    pipeline = pipe(exporter, batch_size=10, batch_delay=3600)
    put(pipeline, make_events(35))
    until(lambda: sum(map(len, exporter.batches)) > 25)
    assert pipeline.flush(60)
    assert [number for batch in exporter.batches for number in batch] == list(range(35))
    assert max(map(len, exporter.batches)) <= 10


def test_flush_waits_for_what_was_captured_before(pipe: Pipe) -> None:
    """However long the delay."""
    exporter = MemoryExporter()
    pipeline = pipe(exporter, batch_delay=3600)
    assert pipeline.flush(60)
    for number in range(20):
        pipeline.queue.put(make_event(number))
        assert pipeline.flush(60)
        assert numbers(exporter.events) == list(range(number + 1))
    assert accounts(pipeline) == (20, 20, 0, {})


def test_flush_from_many_threads(pipe: Pipe) -> None:
    """Each gets what it waits for."""
    exporter = MemoryExporter()
    pipeline = pipe(exporter, batch_delay=3600)
    missing: list[int] = []

    def work(base: int) -> None:
        for number in range(base, base + 30):
            pipeline.queue.put(make_event(number))
            if not (pipeline.flush(60) and number in numbers(exporter.events)):
                missing.append(number)

    threads = [threading.Thread(target=work, args=(index * 100,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    assert accounts(pipeline) == (240, 240, 0, {})


def test_a_failing_exporter_costs_events_which_are_counted(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """One log line when it fails, one when it works again, however many batches there are between."""
    exporter = Moody(fail(OSError("no route to https://me:hunter2@host/")))
    pipeline = pipe(exporter)
    for number in range(3):
        pipeline.queue.put(make_event(number))
        assert pipeline.flush(60)
    assert accounts(pipeline) == (3, 0, 0, {"exporter_failed": 3})
    exporter.mood = lambda: None
    for number in range(3, 5):
        pipeline.queue.put(make_event(number))
        assert pipeline.flush(60)
    assert accounts(pipeline) == (5, 2, 0, {"exporter_failed": 3})
    first, second = [record.getMessage() for record in caplog.records if record.name == "hogtrace"]
    assert first.startswith("Moody fails, and its events are dropped until it works again: OSError: no route to")
    assert "hunter2" not in first
    assert second == "Moody works again"


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError(), RecursionError()]
)
def test_no_exception_of_an_exporter_ends_the_worker(pipe: Pipe, error: BaseException) -> None:
    """Not even those that are meant to end the process."""
    exporter = Moody(fail(error))
    pipeline = pipe(exporter)
    put(pipeline, make_events(2))
    assert pipeline.flush(60)
    exporter.mood = lambda: None
    pipeline.queue.put(make_event(7))
    assert pipeline.flush(60)
    assert exporter.batches == [[7]]
    assert accounts(pipeline) == (3, 1, 0, {"exporter_failed": 2})


def test_an_error_that_cannot_be_shown_is_an_error_like_others(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """An exception whose text raises is logged by its type."""

    class ShyError(Exception):
        def __str__(self) -> str:
            raise ValueError

    pipeline = pipe(Moody(fail(ShyError())))
    put(pipeline, make_events(1))
    assert pipeline.flush(60)
    assert "ShyError: (its message cannot be shown)" in caplog.text


def test_a_log_handler_that_raises_costs_nothing(pipe: Pipe) -> None:
    """The application's logging may be broken; the accounts are not."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError(record)

    handler = Broken()
    logging.getLogger("hogtrace").addHandler(handler)
    try:
        pipeline = pipe(Moody(fail(OSError())))
        put(pipeline, make_events(2))
        assert pipeline.flush(60)
        assert accounts(pipeline) == (2, 0, 0, {"exporter_failed": 2})
    finally:
        logging.getLogger("hogtrace").removeHandler(handler)


@pytest.mark.parametrize("nonsense", [False, 17, "no", [None], object()], ids=repr)
def test_what_an_exporter_returns_does_not_matter(pipe: Pipe, nonsense: object) -> None:
    """Only an exception is a failure."""
    pipeline = pipe(Moody(lambda: nonsense))
    put(pipeline, make_events(3))
    assert pipeline.flush(60)
    assert accounts(pipeline) == (3, 3, 0, {})


def test_an_exporter_may_do_what_it_likes_with_its_batch(pipe: Pipe) -> None:
    """The counts do not come from the list that it was given."""

    class Greedy(MemoryExporter):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            assert isinstance(events, list)
            events.clear()

    pipeline = pipe(Greedy())
    put(pipeline, make_events(3))
    assert pipeline.flush(60)
    assert accounts(pipeline) == (3, 3, 0, {})


def test_overload_is_dropped_and_counted(pipe: Pipe) -> None:
    """The queue takes what it may hold, no more; capturing never waits for the exporter."""
    exporter = Gate()
    pipeline = pipe(exporter, max_events=50, batch_size=10)
    pipeline.queue.put(make_event(0))
    assert exporter.entered.wait(60)
    put(pipeline, make_events(200))
    assert accounts(pipeline) == (201, 0, 51, {"queue_full": 150})
    exporter.open.set()
    assert pipeline.flush(60)
    assert accounts(pipeline) == (201, 51, 0, {"queue_full": 150})


def test_a_hanging_exporter_holds_up_nobody(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """Flush and stop come back at their deadlines; what was given up is counted by cause, and only once."""
    exporter = Gate()
    pipeline = pipe(exporter, batch_size=10, batch_delay=3600)
    put(pipeline, make_events(10))
    assert exporter.entered.wait(60)
    put(pipeline, make_events(5))
    begun = time.monotonic()
    assert not pipeline.flush(0.2)
    assert not pipeline.stop(0.2)
    assert time.monotonic() - begun > 0.35
    assert accounts(pipeline) == (15, 0, 0, {"unknown": 10, "stopped": 5})
    assert "Gate did not finish in time" in caplog.text
    assert exporter.closed == 0
    exporter.open.set()
    until(lambda: exporter.closed)
    assert accounts(pipeline) == (15, 0, 0, {"unknown": 10, "stopped": 5})
    assert exporter.closed == 1
    assert len(exporter.events) == 10


def test_stop_exports_what_waits_and_closes_the_exporter_once(pipe: Pipe) -> None:
    """A second stop changes nothing; what is captured later is counted as dropped."""
    exporter = Moody(lambda: None)
    pipeline = pipe(exporter, batch_delay=3600)
    put(pipeline, make_events(3))
    assert pipeline.stop(60)
    assert (exporter.batches, exporter.closed) == ([[0, 1, 2]], 1)
    assert pipeline.stop(60)
    assert pipeline.flush(0)
    pipeline.queue.put(make_event(9))
    until(lambda: not pipeline.queue.queued)
    assert accounts(pipeline) == (4, 3, 0, {"stopped": 1})
    assert (exporter.batches, exporter.closed) == ([[0, 1, 2]], 1)


def test_an_exporter_that_fails_to_close_is_logged(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """Stopping works all the same."""

    class Stuck(MemoryExporter):
        def close(self) -> None:
            raise SystemExit("jammed")

    pipeline = pipe(Stuck())
    assert pipeline.stop(60)
    assert "Stuck failed to close: SystemExit: jammed" in caplog.text


def test_an_exporter_that_flushes_or_stops_its_own_pipeline_does_not_wait_for_itself(pipe: Pipe) -> None:
    """From within the exporter both come back at once; the stop is done after the batch."""
    answers: list[bool] = []
    exporter = Moody(lambda: answers.extend([pipeline.flush(30), pipeline.stop(30)]))
    pipeline = pipe(exporter)
    pipeline.queue.put(make_event(0))
    until(lambda: exporter.closed)
    assert answers == [False, False]
    assert accounts(pipeline) == (1, 1, 0, {})


def test_waiting_costs_no_processor_time(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a worker with nothing to do, nor a flush that waits for a hanging exporter."""
    monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 1_000_000)
    exporter = Gate()
    pipeline = pipe(exporter, batch_delay=0.2)
    idle = pipe(MemoryExporter(), batch_delay=0.2)
    idle.queue.put(make_event())
    pipeline.queue.put(make_event())
    assert exporter.entered.wait(60)
    until(lambda: idle.queue.exported)
    clocks = [time.CLOCK_THREAD_CPUTIME_ID, worker_clock(pipeline), worker_clock(idle)]
    begun = [time.clock_gettime(clock) for clock in clocks]
    assert not pipeline.flush(1.5)
    assert all(time.clock_gettime(clock) - before < 0.15 for clock, before in zip(clocks, begun, strict=True))


def test_the_worker_goes_when_it_is_idle_and_comes_back(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that captures nothing has no thread of ours."""
    monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 2)
    before = _thread._count()
    exporter = MemoryExporter()
    pipeline = pipe(exporter, batch_delay=0.01)
    for number in range(5):
        pipeline.queue.put(make_event(number))
        until(lambda expected=number + 1: len(exporter.events) == expected)
        until(lambda: _thread._count() <= before)


def test_no_event_is_missed_while_the_worker_comes_and_goes(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever moment an event arrives at, it is exported without a flush."""
    monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 1)
    exporter = MemoryExporter()
    pipeline = pipe(exporter, batch_delay=0.001)

    def work() -> None:
        for number in range(300):
            pipeline.queue.put(make_event(number))
            time.sleep(0.0005 * (number % 5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: accounts(pipeline) == (1200, 1200, 0, {}))
    assert len(exporter.events) == 1200


def test_without_threads_flush_and_stop_export_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, events wait until somebody asks for them."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    exporter = Moody(lambda: None)
    pipeline = Pipeline(exporter, batch_delay=0.01)
    put(pipeline, make_events(2))
    assert accounts(pipeline) == (2, 0, 2, {})
    assert pipeline.flush(60)
    pipeline.queue.put(make_event(5))
    assert pipeline.stop(60)
    assert (exporter.batches, exporter.closed) == ([[0, 1], [5]], 1)
    assert accounts(pipeline) == (3, 3, 0, {})


def test_a_burst_of_many_events_is_exported_in_full(pipe: Pipe) -> None:
    """100,000 events in a row, into a queue that holds them, arrive in order."""
    exporter = MemoryExporter()
    pipeline = pipe(exporter, max_events=200_000, max_bytes=1 << 30)
    event = make_event(1)
    for _ in range(100_000):
        pipeline.queue.put(event)
    assert pipeline.flush(60)
    assert accounts(pipeline) == (100_000, 100_000, 0, {})
    assert len(exporter.events) == 100_000


def test_probes_on_what_exporters_use_do_not_feed_themselves() -> None:
    """What the export thread calls is not captured, so three calls of the application are three events."""
    run(
        "import hogtrace, json\n"
        "class Encoder(MemoryExporter):\n"
        "    def export(self, events):\n"
        "        json.dumps([event.to_dict() for event in events])\n"
        "        super().export(events)\n"
        "exporter = Encoder()\n"
        # The last of these programs is captured while it is woven: some 20,000 events.
        "room = {'queue_events': 200_000, 'queue_bytes': 1 << 28}\n"
        "with hogtrace.Tracer(exporter=exporter, max_overhead=None, batch_delay=0.01, **room) as tracer:\n"
        "    for target in ('json.dumps', '__main__.Encoder.export', 'json.**', 'logging.**', 'hogtrace.**'):\n"
        "        tracer.install(hogtrace.compile(f'fn:{target}:entry {{ capture(a=1); }}'))\n"
        "    for _ in range(3): json.dumps({}); time.sleep(0.1)\n"
        "    assert tracer.flush(60)\n"
        "functions = [event.function for event in exporter.events if event.target in ('json.dumps', 'json.**')]\n"
        "assert functions.count('json.dumps') == 6, functions\n"
        "targets = {event.target for event in exporter.events}\n"
        "assert not targets & {'__main__.Encoder.export', 'logging.**'}, targets\n"
        "assert not [event for event in exporter.events if event.function.startswith('hogtrace.exporters')]\n"
    )


def test_the_end_of_the_process_exports_what_waits(tmp_path: Path) -> None:
    """Nobody has to stop anything: thousands of events are in the file after the last line of the program."""
    path = tmp_path / "events.sqlite"
    run(
        "pipeline = Pipeline(SQLiteExporter(sys.argv[1]), batch_delay=3600)\nput(pipeline, range(5000))\nprint('end')",
        path,
    )
    assert numbers(read_sqlite(path)) == list(range(5000))


def test_the_end_of_the_process_exports_what_threads_and_exit_handlers_capture(tmp_path: Path) -> None:
    """Handlers that were registered after ours run before it, and their events count."""
    path = tmp_path / "events.jsonl"
    run(
        "pipeline = Pipeline(JSONLinesExporter(sys.argv[1]), batch_delay=3600)\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), put(pipeline, [1]))).start()\n"
        "atexit.register(put, pipeline, [2])\n",
        path,
    )
    assert numbers(list(read_jsonl(path))) == [1, 2]


def test_a_tracer_that_nobody_keeps_loses_nothing(tmp_path: Path) -> None:
    """Events of a pipeline that is not referred to any more are exported like others."""
    path = tmp_path / "events.jsonl"
    run(
        "import gc\nput(Pipeline(JSONLinesExporter(sys.argv[1]), batch_delay=0.2), [1, 2])\ngc.collect()",
        path,
    )
    assert numbers(list(read_jsonl(path))) == [1, 2]


def test_a_hanging_exporter_does_not_hold_the_end_of_the_process() -> None:
    """The process ends within a second or so, whatever the exporter waits for."""
    text, took = run(
        "_state.EXIT_PATIENCE, _state.EXIT_TIMEOUT = usual\n"
        "class Hang:\n"
        "    def export(self, events): entered.append(1); time.sleep(1000)\n"
        "    def close(self): time.sleep(1000)\n"
        "entered = []\n"
        "pipelines = [Pipeline(Hang(), batch_delay=0.01) for _ in range(3)]\n"
        "for pipeline in pipelines: put(pipeline, range(10))\n"
        "while len(entered) < 3: time.sleep(0.01)\n"
        "print('end')",
    )
    assert took < 60
    assert "did not finish in time" in text


def test_time_in_which_the_process_stands_still_does_not_count_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the end, and wakes up late, goes on waiting: the exporter had no time meanwhile either."""
    released = threading.Event()

    class Slow(MemoryExporter):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            assert released.wait(60)
            super().export(events)

    exporter, waiting, looks = Slow(), threading.get_ident(), 0

    def clock() -> float:
        nonlocal looks
        looks += threading.get_ident() == waiting
        if looks > 3:
            released.set()
        # The first look is at the beginning, the second before the wait, the third after its first bit.
        return time.monotonic() + (1000 if looks >= 3 else 0)

    pipeline = Pipeline(exporter, batch_delay=0.01)
    pipeline.queue.put(make_event(0))
    monkeypatch.setattr("hogtrace.worker.monotonic", clock)
    pipeline.begin_stop(time.monotonic() + 100_000)
    assert pipeline.end_stop(time.monotonic() + 100_000, patience=30)
    assert len(exporter.events) == 1


def test_the_end_in_the_middle_of_everything_is_quiet(tmp_path: Path) -> None:
    """Daemon threads that go on capturing while the interpreter ends do not crash it."""
    for attempt in range(5):
        text, took = run(
            "pipeline = Pipeline(SQLiteExporter(sys.argv[1]), batch_delay=0.001, max_events=500)\n"
            "def work():\n"
            "    while True: put(pipeline, range(5))\n"
            "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
            "_state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 20\n"
            f"time.sleep(0.05 * {attempt})\n"
            "print('end')",
            tmp_path / "events.sqlite",
        )
        # On a busy machine the threads may leave the exporter too little time.
        late = "SQLiteExporter did not finish in time; what it had not taken is dropped\n"
        assert text in ("end\n", f"end\n{late}")
        assert took < 80


FORK = """
# Twenty children write one file; how long a fork waits for each of them is not what this is about.
exporter = SQLiteExporter(sys.argv[1], timeout=60)
exporter.fork_timeout = 60
pipeline = Pipeline(exporter, batch_delay=float(sys.argv[2]), batch_size=7)
children = []
for round in range(20):
    put(pipeline, range(round * 10, round * 10 + 10))
    pid = os.fork()
    if pid == 0:
        put(pipeline, [1000 + round])
        sys.exit(0 if pipeline.queue.captured == 1 else 4)
    children.append(pid)
assert {os.waitpid(pid, 0)[1] for pid in children} == {0}
assert pipeline.flush(60)
queue = pipeline.queue
assert (queue.captured, queue.exported, queue.queued, queue.dropped) == (200, 200, 0, {}), queue.dropped
"""


@pytest.mark.parametrize("delay", [0.001, 0.02, 60])
def test_a_fork_with_a_full_queue_loses_and_doubles_nothing(tmp_path: Path, delay: float) -> None:
    """The parent exports its own, the child its own, and no warning about threads comes from us."""
    path = tmp_path / "events.sqlite"
    text, _ = run(FORK, path, delay)
    assert text == ""
    events = read_sqlite(path)
    assert sorted(numbers(events)) == [*range(200), *range(1000, 1020)]
    assert len({event.id for event in events}) == 220


def test_forks_while_threads_capture_neither_lose_nor_block(tmp_path: Path) -> None:
    """Forks in the middle of captures by other threads; each child captures and ends as it should."""
    path = tmp_path / "events.jsonl"
    run(
        "pipeline = Pipeline(JSONLinesExporter(sys.argv[1]), batch_delay=0.002, max_events=1_000_000)\n"
        "stop, done = threading.Event(), []\n"
        "def work():\n"
        "    count = 0\n"
        "    while not stop.is_set():\n"
        "        put(pipeline, [count]); count += 1; time.sleep(0.0002)\n"
        "    done.append(count)\n"
        "threads = [threading.Thread(target=work) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for round in range(200):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        put(pipeline, [-1])\n"
        "        os._exit(0 if pipeline.stop(60) and pipeline.queue.exported == 1 else 4)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "stop.set()\n"
        "for thread in threads: thread.join()\n"
        "assert pipeline.stop(60)\n"
        "assert pipeline.queue.exported == sum(done), (pipeline.queue.exported, done)\n",
        path,
        options=(),
    )
    events = list(read_jsonl(path))
    assert numbers(events).count(-1) == 200
    assert len({event.id for event in events}) == len(events)


def test_a_child_of_a_child_starts_anew_as_well(tmp_path: Path) -> None:
    """Daemons fork twice."""
    path = tmp_path / "events.jsonl"
    run(
        "pipeline = Pipeline(JSONLinesExporter(sys.argv[1]), batch_delay=3600)\n"
        "put(pipeline, [0])\n"
        "for generation in (1, 2):\n"
        "    pid = os.fork()\n"
        "    if pid: os.waitpid(pid, 0); break\n"
        "    put(pipeline, [generation])\n",
        path,
    )
    assert sorted(numbers(list(read_jsonl(path)))) == [0, 1, 2]


def test_a_fork_does_not_wait_for_a_hanging_exporter() -> None:
    """It goes on after 50 ms; the child has a worker of its own, the parent keeps the batch."""
    run(
        "class Hang(MemoryExporter):\n"
        "    def export(self, events):\n"
        "        entered.set()\n"
        "        while os.getpid() == parent and not go.is_set(): time.sleep(0.01)\n"
        "        super().export(events)\n"
        "parent, go, entered, hang = os.getpid(), threading.Event(), threading.Event(), Hang()\n"
        "pipeline = Pipeline(hang, batch_delay=0.01, export_timeout=3600)\n"
        "put(pipeline, [0]); assert entered.wait(60); put(pipeline, [1])\n"
        # It would wait for ever.
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    put(pipeline, [2])\n"
        "    assert pipeline.flush(60)\n"
        "    os._exit([event.values['number'] for event in hang.events] != [2])\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "go.set()\n"
        "assert pipeline.flush(60)\n"
        "assert [event.values['number'] for event in hang.events] == [0, 1]\n",
        options=(),
    )


def test_an_exporter_may_fork(tmp_path: Path) -> None:
    """The child, which is a copy of the worker, neither exports the batch again nor counts it."""
    path = tmp_path / "events.jsonl"
    run(
        "class Forker(JSONLinesExporter):\n"
        "    def export(self, events):\n"
        "        pid = os.fork()\n"
        "        if pid == 0: return\n"
        "        os.waitpid(pid, 0)\n"
        "        super().export(events)\n"
        "pipeline = Pipeline(Forker(sys.argv[1]), batch_delay=0.01)\n"
        "put(pipeline, [1, 2])\n"
        "assert pipeline.flush(60)\n",
        path,
        options=(),
    )
    assert numbers(list(read_jsonl(path))) == [1, 2]


def test_exporters_hear_of_the_fork_in_the_child_alone() -> None:
    """`after_fork` is called once, before the child captures anything; an error of it is harmless."""

    class Listener(MemoryExporter):
        def after_fork(self) -> None:
            heard.append(os.getpid())
            raise OSError("deaf")

    heard: list[int] = []
    pipeline = Pipeline(Listener())
    pid = os.fork()
    if pid == 0:
        os._exit(0 if heard == [os.getpid()] else 4)
    assert os.waitpid(pid, 0)[1] == 0
    assert heard == []
    assert pipeline.stop(60)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_export_before_they_end(tmp_path: Path, method: str) -> None:
    """They run no exit handlers of Python's, and still nothing of theirs is lost."""
    path = tmp_path / "events.jsonl"
    script = tmp_path / "program.py"
    script.write_text(
        PRELUDE + "def work(path, number):\n"
        "    global pipeline\n"
        "    if multiprocessing.get_start_method() != 'fork':\n"
        "        pipeline = Pipeline(JSONLinesExporter(path), batch_delay=3600)\n"
        "    put(pipeline, [number])\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method(sys.argv[2])\n"
        "    pipeline = Pipeline(JSONLinesExporter(sys.argv[1]), batch_delay=3600)\n"
        "    put(pipeline, [0])\n"
        "    children = [multiprocessing.Process(target=work, args=(sys.argv[1], n)) for n in (1, 2)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0, 0]\n"
    )
    subprocess.run(
        [sys.executable, script, path, method],
        check=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert sorted(numbers(list(read_jsonl(path)))) == [0, 1, 2]
