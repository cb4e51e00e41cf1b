"""Exporters that do not come back: noticed after EXPORT_TIMEOUT, waited for, and called by one thread alone."""

from __future__ import annotations

import _thread
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from hogtrace import CaptureEvent, Settings
from hogtrace.errors import RetryError
from hogtrace.events import read_jsonl
from hogtrace.exporters import JSONLinesExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_event, make_events, numbers
from tests.hogtrace.pipelines import accounts, put, run, until
from tests.hogtrace.unhurried import be_patient


class Moody(JSONLinesExporter):
    """Writes to a file; in the calls of which `moods` has the number it hangs first, or raises afterwards."""

    def __init__(self, path: Path, *hanging: int, error: BaseException | None = None) -> None:
        super().__init__(path)
        self.hanging = hanging
        self.error = error
        self.gate = threading.Event()
        self.calls = 0
        self.inside = 0
        self.most_inside = 0

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Hang or not, then write."""
        number = self.calls
        self.calls += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            if number in self.hanging:
                self.gate.wait(100)
                if self.error is not None:
                    raise self.error
            super().export(events)
        finally:
            self.inside -= 1


def test_after_its_time_the_batch_is_given_up_and_the_exporter_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted as unknown, said once; new events wait within their bound, and go when the call has come back."""
    exporter = Moody(tmp_path / "a.jsonl", 0)
    pipeline = Pipeline(exporter, batch_size=5, batch_delay=60, max_events=20, export_timeout=0.2)
    put(pipeline, make_events(5))
    until(lambda: accounts(pipeline)[3] == {"unknown": 5})
    be_patient(pipeline)
    (status,) = pipeline.exporters()
    assert status.state == "hanging"
    put(pipeline, [make_event(number) for number in range(5, 105)])
    assert not pipeline.flush(0.3)
    assert accounts(pipeline) == (105, 0, 20, {"unknown": 5, "queue_full": 80})
    assert exporter.calls == 1
    exporter.gate.set()
    assert pipeline.flush(60)
    assert pipeline.exporters()[0].state == "working"
    assert accounts(pipeline) == (105, 20, 0, {"unknown": 5, "queue_full": 80})
    assert exporter.most_inside == 1
    assert pipeline.stop(60)
    # What was given up has arrived all the same: that is what unknown means.
    assert numbers(list(read_jsonl(tmp_path / "a.jsonl"))) == list(range(25))
    messages = [record.getMessage() for record in caplog.records if record.name == "hogtrace"]
    assert messages == [
        "Moody has not come back for 0.2 s: what it has in hand counts as unknown, and it gets nothing more until it "
        "does",
        "Moody works again",
    ]


@pytest.mark.parametrize("error", [OSError("late"), RetryError("late"), RetryError("late", after=0.01), SystemExit(1)])
def test_what_it_raises_when_it_comes_back_changes_no_account(tmp_path: Path, error: BaseException) -> None:
    """A batch is settled once; one that was given up is not offered again."""
    exporter = Moody(tmp_path / "a.jsonl", 0, error=error)
    pipeline = Pipeline(exporter, batch_size=5, batch_delay=60, export_timeout=0.1)
    put(pipeline, make_events(5))
    until(lambda: accounts(pipeline)[3] == {"unknown": 5})
    be_patient(pipeline)
    exporter.gate.set()
    until(lambda: not exporter.inside)
    put(pipeline, [make_event(9)])
    assert pipeline.flush(60)
    assert pipeline.stop(60)
    assert accounts(pipeline) == (6, 1, 0, {"unknown": 5})
    assert numbers(list(read_jsonl(tmp_path / "a.jsonl"))) == [9]


def test_a_call_that_is_quick_enough_is_nobodys_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The time is that of one call, however long the worker lives."""
    now = time.monotonic() + 1e6
    looks: Counter[int] = Counter()

    def clock() -> float:
        looks[_thread.get_ident()] += 1
        return now

    monkeypatch.setattr("hogtrace.overdue.monotonic", clock)

    class Slow(JSONLinesExporter):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            nonlocal now
            now += 0.04
            # Until the watch has looked at it, some time after that.
            others = looks.total() - looks[_thread.get_ident()]
            until(lambda: looks.total() - looks[_thread.get_ident()] > others + 1)
            super().export(events)

    pipeline = Pipeline(Slow(tmp_path / "a.jsonl"), batch_size=1, batch_delay=0.01, export_timeout=0.05)
    put(pipeline, make_events(25))
    assert pipeline.flush(60)
    assert pipeline.stop(60)
    assert accounts(pipeline) == (25, 25, 0, {})
    assert not caplog.records


def test_the_watching_thread_goes_with_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that captures nothing has no thread of ours, and one that stops its tracer neither."""
    monkeypatch.setattr("hogtrace.worker._IDLE_ROUNDS", 2)
    before = _thread._count()
    pipeline = Pipeline(JSONLinesExporter(tmp_path / "a.jsonl"), batch_delay=0.01)
    for number in range(5):
        pipeline.queue.put(make_event(number))
        until(lambda expected=number + 1: pipeline.queue.exported == expected)
        until(lambda: _thread._count() <= before)
    assert pipeline.stop(60)
    until(lambda: _thread._count() <= before)


def test_closing_that_hangs_is_noticed_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The stop comes back at its deadline."""

    class Stuck(JSONLinesExporter):
        gate = threading.Event()

        def close(self) -> None:
            self.gate.wait(100)
            super().close()

    pipeline = Pipeline(Stuck(tmp_path / "a.jsonl"), export_timeout=0.1)
    be_patient(pipeline)
    put(pipeline, make_events(3))
    assert pipeline.flush(60)
    pipeline._delivery._watch.leave()  # the one that begins with the next call is not patient
    be_patient(pipeline, seconds=0.1)
    # The closing does not come back, and this does.
    assert not pipeline.stop(1.0)
    assert accounts(pipeline) == (3, 3, 0, {})
    until(lambda: "Stuck has not come back for 0.1 s" in caplog.text)
    Stuck.gate.set()
    until(lambda: not pipeline._worker.is_at_work)


def test_forks_while_it_hangs_and_while_it_is_watched(tmp_path: Path) -> None:
    """The child has a watch of its own; the parent's goes on; each accounts for its own."""
    run(
        "class Hang(JSONLinesExporter):\n"
        "    def export(self, events):\n"
        "        if len(events) == 3: gate.wait(100)\n"
        "        super().export(events)\n"
        "gate = threading.Event()\n"
        "pipeline = Pipeline(Hang(sys.argv[1]), batch_size=3, batch_delay=60, export_timeout=0.2)\n"
        "put(pipeline, [1, 2, 3])\n"
        "while not pipeline.queue.dropped.get('unknown'): time.sleep(0.01)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    put(pipeline, [4, 5, 6])\n"
        "    deadline = time.monotonic() + 60\n"
        "    while not pipeline.queue.dropped.get('unknown') and time.monotonic() < deadline: time.sleep(0.01)\n"
        "    pipeline._delivery._watch._timeout = 600\n"
        "    gate.set()\n"
        "    put(pipeline, [7])\n"
        "    done = pipeline.stop(60)\n"
        "    os._exit(0 if done and pipeline.queue.dropped == {'unknown': 3} and pipeline.queue.exported == 1 else 4)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "pipeline._delivery._watch._timeout = 600\n"
        "gate.set()\n"
        "put(pipeline, [8])\n"
        "assert pipeline.stop(60)\n"
        "assert (pipeline.queue.exported, pipeline.queue.dropped) == (1, {'unknown': 3})\n",
        tmp_path / "a.jsonl",
        options=(),
    )
    assert sorted(numbers(list(read_jsonl(tmp_path / "a.jsonl")))) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_it_is_a_setting() -> None:
    """In seconds, as OpenTelemetry's."""
    assert Settings.load({}, environ={}).export_timeout == 30.0
    assert Settings.load({}, environ={"HOGTRACE_EXPORT_TIMEOUT": "2.5"}).export_timeout == 2.5
