"""Faults of the pipeline itself, each against an exporter that really writes or sends, with accounts to the event."""

from __future__ import annotations

import ctypes
import json
import logging
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hogtrace.events import read_jsonl
from hogtrace.exporters import HTTPExporter, JSONLinesExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_event, make_events, numbers
from tests.hogtrace.pipelines import accounts, put, run, until
from tests.loopback import PostHandler, PostServer, serving


class Receiver(PostServer):
    """Keeps the numbers of the events that are posted; takes `delay` seconds for each batch."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.delay = 0.0
        self.numbers: list[int] = []


class Handler(PostHandler):
    """Reads a batch."""

    def take(self, body: bytes) -> None:
        """Keep what it holds, and answer."""
        assert isinstance(self.server, Receiver)
        self.server.numbers += [json.loads(line)["values"]["number"] for line in body.splitlines()]
        time.sleep(self.server.delay)
        self.answer()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Give a server that listens."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(Receiver()) as server:
        yield server


def test_a_burst_into_a_queue_that_cannot_hold_it(receiver: Receiver) -> None:
    """100,000 events as fast as they come: what was taken arrives once and in order, the rest is counted."""
    pipeline = Pipeline(HTTPExporter(receiver.url, compress=False, timeout=60))
    events = make_events(1000)
    for _ in range(100):
        put(pipeline, events)
    assert pipeline.stop(120)
    captured, exported, queued, dropped = accounts(pipeline)
    assert (captured, queued) == (100_000, 0)
    assert dropped in ({}, {"queue_full": 100_000 - exported})
    assert exported >= 10_000
    assert len(receiver.numbers) == exported


def test_a_burst_into_a_queue_that_can_hold_it(tmp_path: Path) -> None:
    """All 100,000 events are in the file, from several threads."""
    path = tmp_path / "events.jsonl"
    pipeline = Pipeline(JSONLinesExporter(path), max_events=200_000, max_bytes=1 << 30)

    def work(base: int) -> None:
        put(pipeline, [make_event(number) for number in range(base, base + 25_000)])

    threads = [threading.Thread(target=work, args=(base,)) for base in range(0, 100_000, 25_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.stop(120)
    assert accounts(pipeline) == (100_000, 100_000, 0, {})
    with path.open(encoding="utf-8") as lines:
        assert sorted(json.loads(line)["values"]["number"] for line in lines) == list(range(100_000))


def test_an_event_at_the_size_limit(tmp_path: Path) -> None:
    """One that just fits is exported; where the queue has room for a byte less, it is dropped and counted."""
    event = make_event(values={"number": 0, "text": "x" * 200_000})
    measure = Pipeline(JSONLinesExporter(tmp_path / "measure.jsonl"), batch_delay=3600)
    measure.queue.put(event)
    size = measure.queue.waiting_bytes
    assert measure.stop(60)
    for room, expected in [(size, (2, 2, 0, {})), (size - 1, (2, 1, 0, {"queue_full": 1}))]:
        path = tmp_path / f"{room}.jsonl"
        pipeline = Pipeline(JSONLinesExporter(path), max_bytes=room)
        pipeline.queue.put(event)
        assert pipeline.flush(60)
        pipeline.queue.put(make_event(1))
        assert pipeline.stop(60)
        assert accounts(pipeline) == expected
        assert numbers(list(read_jsonl(path))) == ([0, 1] if room == size else [1])


def test_the_end_of_the_process_with_a_full_queue(receiver: Receiver) -> None:
    """What fits into the queue has been sent when the process is gone; what did not is counted."""
    text, _ = run(
        "from hogtrace.exporters import HTTPExporter\n"
        "class Counted(HTTPExporter):\n"
        "    def close(self):\n"
        "        super().close()\n"
        "        queue = pipeline.queue\n"
        "        dropped = queue.dropped\n"
        "        assert queue.captured == queue.exported + queue.queued + sum(dropped.values())\n"
        "        print('sent', queue.exported, dropped)\n"
        "pipeline = Pipeline(Counted(sys.argv[1], compress=False, timeout=60), batch_delay=3600)\n"
        "put(pipeline, range(12_000))\n"
        "print('end')\n",
        receiver.url,
    )
    match = re.search(r"sent (\d+) \{('queue_full': (\d+))?\}", text)
    assert match is not None, text
    sent, full = int(match[1]), int(match[3] or 0)
    assert sent >= 10_000
    assert sent + full == 12_000
    assert len(receiver.numbers) == len(set(receiver.numbers)) == sent
    assert receiver.numbers[:10_000] == list(range(10_000))


def test_a_fork_in_the_middle_of_a_batch(receiver: Receiver) -> None:
    """The batch that the parent is sending is the parent's: nothing is sent twice, and nothing is lost."""
    receiver.delay = 0.2
    run(
        "from hogtrace.exporters import HTTPExporter\n"
        "class Sending(HTTPExporter):\n"
        "    def export(self, events):\n"
        "        sending.set()\n"
        "        super().export(events)\n"
        "sending = threading.Event()\n"
        "pipeline = Pipeline(Sending(sys.argv[1], compress=False, timeout=60), batch_delay=0.01)\n"
        "for round in range(8):\n"
        "    sending.clear()\n"
        "    put(pipeline, range(round * 10, round * 10 + 10))\n"
        "    assert sending.wait(60)\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        put(pipeline, [1000 + round])\n"
        "        done = pipeline.stop(60)\n"
        "        os._exit(0 if done and (pipeline.queue.captured, pipeline.queue.exported) == (1, 1) else 4)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "assert pipeline.stop(60)\n"
        "assert (pipeline.queue.captured, pipeline.queue.exported) == (80, 80)\n",
        receiver.url,
        options=(),
    )
    assert sorted(receiver.numbers) == [*range(80), *range(1000, 1008)]


def test_a_worker_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often, and wherever it was: the accounts balance, and nothing is exported that was not counted."""
    # What dies in the middle of `logging` leaves a lock of it behind, on which everybody would wait for ever.
    monkeypatch.setattr(logging.getLogger("hogtrace"), "disabled", True)
    path = tmp_path / "events.jsonl"
    pipeline = Pipeline(JSONLinesExporter(path), batch_delay=0.001, batch_size=20, max_events=1_000_000)
    chance = random.Random(5)  # noqa: S311 - nothing is secret here
    count = 0
    for _ in range(300):
        put(pipeline, [make_event(number) for number in range(count, count + 20)])
        count += 20
        time.sleep(chance.random() * 0.002)
        server = pipeline._worker._server
        if server is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(server), ctypes.py_object(SystemExit))
    until(lambda: pipeline.flush(1))
    captured, exported, queued, dropped = accounts(pipeline)
    assert (captured, queued) == (count, 0)
    assert set(dropped) <= {"unknown", "exporter_failed"}
    put(pipeline, [make_event(-1)])
    assert pipeline.stop(60)
    written = Counter(numbers(list(read_jsonl(path))))
    assert written[-1] == 1
    assert max(written.values()) == 1
    # Of a batch during which the worker died nobody knows: it may be there, and not be counted as exported.
    assert exported <= written.total() - 1 <= count


def test_a_flush_is_answered_although_the_worker_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is not forgotten by the thread that goes on."""
    path = tmp_path / "events.jsonl"
    pipeline = Pipeline(JSONLinesExporter(path), batch_delay=3600, batch_size=5)
    hand_over = pipeline._delivery.hand_over
    deaths = [MemoryError(), SystemExit()]

    def die(due: int) -> bool:
        if deaths:
            raise deaths.pop()
        return hand_over(due)

    monkeypatch.setattr(pipeline._delivery, "hand_over", die)
    put(pipeline, make_events(12))
    assert pipeline.flush(60)
    assert accounts(pipeline) == (12, 12, 0, {})
    assert pipeline.stop(60)
    assert numbers(list(read_jsonl(path))) == list(range(12))


def test_the_clock_may_be_set_back(tmp_path: Path) -> None:
    """Delays, time-outs and pauses are told by a clock that nobody sets: here the other one runs backwards."""
    path = tmp_path / "events.jsonl"
    run(
        "from hogtrace.errors import RetryError\n"
        "now = [2e9]\n"
        "def back(): now[0] -= 3600; return now[0]\n"
        "time.time, time.time_ns = back, lambda: int(back() * 1e9)\n"
        "class Busy(JSONLinesExporter):\n"
        "    answers = [RetryError('no'), RetryError('no', after=0.2)]\n"
        "    def export(self, events):\n"
        "        if self.answers: raise self.answers.pop()\n"
        "        super().export(events)\n"
        "pipeline = Pipeline(Busy(sys.argv[1]), batch_delay=0.05, export_timeout=3600)\n"
        "put(pipeline, range(10))\n"
        "deadline = time.monotonic() + 60\n"
        "while pipeline.queue.exported < 10 and time.monotonic() < deadline: time.sleep(0.01)\n"
        "put(pipeline, range(10, 20))\n"
        "assert pipeline.flush(60)\n"
        "assert (pipeline.queue.exported, pipeline.queue.dropped) == (20, {})\n",
        path,
    )
    assert numbers(list(read_jsonl(path))) == list(range(20))


def test_accounts_balance_while_others_work(tmp_path: Path) -> None:
    """Whoever asks gets counts of one moment, however busy the queue and its worker are."""
    pipeline = Pipeline(JSONLinesExporter(tmp_path / "a.jsonl"), batch_delay=0.001, batch_size=3, max_events=50)
    stop = threading.Event()

    def work() -> None:
        events = make_events(20)
        while not stop.is_set():
            put(pipeline, events)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(500):
            counts = pipeline.accounts()
            assert counts["captured"] == counts["exported"] + counts["queued"] + sum(counts["dropped"].values())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        pipeline.stop(60)
