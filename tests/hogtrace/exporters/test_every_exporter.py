"""The same faults for every exporter, with what it really writes to or sends to: accounts balance to the event.

Faults of disks are in `test_file_faults`, what servers answer by a status in the exporters' own tests.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hogtrace import Tracer, compile, request_scope
from hogtrace.exporter_setting import EXPORTERS, ExporterSetting
from hogtrace.exporters import MemoryExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.every import EVERY, NETWORK, Place, Proxy, place_of, told
from tests.hogtrace.exporters.samples import make_event, numbers
from tests.hogtrace.pipelines import accounts, put, run, until

every = pytest.mark.parametrize("name", EVERY)


def _seldom(name: str, is_slow: bool, *more: str) -> Any:
    """Give a parameter whose test runs with the long ones, if it is one."""
    return pytest.param(name, *more, marks=[pytest.mark.slow] if is_slow else [])


def test_every_exporter_is_here() -> None:
    """One that is new is tried like the others."""
    assert {name.partition(" ")[0] for name in EVERY} - {"several"} == set(EXPORTERS)


@pytest.fixture
def place(name: str, tmp_path: Path) -> Iterator[Place]:
    """Give where an exporter writes to."""
    with place_of(name, tmp_path) as (found, _):
        yield found


class At:
    """A pipeline to an exporter in this process."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self._place = place
        self._screen = io.StringIO()
        # The console writes there, and has the stream of the moment.
        monkeypatch.setattr(sys, "stderr", self._screen)
        self.pipeline = Pipeline(ExporterSetting.read(place.setting).build(), **options)

    def arrived(self) -> list[int]:
        """Give the numbers of what has arrived."""
        exporter = self.pipeline.exporter
        if isinstance(exporter, MemoryExporter):
            return numbers(exporter.events)
        return self._place.numbers() or told(self._screen.getvalue())

    def end(self) -> tuple[int, int, int, dict[str, int]]:
        """Stop it; give its accounts, after seeing that those of each of several balance, too."""
        assert self.pipeline.stop(120)
        for status in self.pipeline.exporters():
            assert status.captured == status.exported + status.queued + sum(status.dropped.values())
        return accounts(self.pipeline)


@every
@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)], ids=["short", "long"])
def test_a_burst(place: Place, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """All of it arrives once and in order; what a queue cannot hold is counted."""
    at = At(place, monkeypatch, max_events=count, max_bytes=1 << 30)
    put(at.pipeline, [make_event(number) for number in range(count)])
    assert at.end() == (count, count, 0, {})
    assert at.arrived() == list(range(count))


@every
def test_a_burst_that_does_not_fit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken arrives, the rest is counted."""
    at = At(place, monkeypatch, max_events=100, batch_delay=60, batch_size=1000)
    put(at.pipeline, [make_event(number) for number in range(2000)])
    captured, exported, queued, dropped = at.end()
    assert (captured, queued, dropped) == (2000, 0, {"queue_full": 2000 - exported})
    found = at.arrived()
    assert len(found) == exported >= 100
    assert found == sorted(set(found))


@every
def test_an_event_at_the_limit_of_its_size(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KiB of text among small ones, and one in which each of a thousand values is odd."""
    at = At(place, monkeypatch)
    large = make_event(1, values={"number": 1, "text": "x" * 65_536})
    odd = make_event(2, values={"number": 2, **{f"v{n}": ["\ud800", {"\x00": b"\xff"}] for n in range(333)}})
    put(at.pipeline, [make_event(0), large, odd, make_event(3)])
    assert at.end() == (4, 4, 0, {})
    assert at.arrived() == [0, 1, 2, 3]


@every
def test_a_worker_that_dies(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it takes a batch, before it sends it, or when it has sent it: another one goes on, nothing comes twice."""
    at = At(place, monkeypatch, batch_size=5, batch_delay=0.001, max_events=1_000_000)
    deaths = Deaths()
    workers = at.pipeline._branches or (at.pipeline,)
    for worker in workers:
        monkeypatch.setattr(worker._delivery, "hand_over", deaths.before(worker._delivery.hand_over))
        monkeypatch.setattr(worker.exporter, "export", deaths.around(worker.exporter.export))
    for begin in range(0, 300, 10):
        put(at.pipeline, [make_event(number) for number in range(begin, begin + 10)])
        time.sleep(0.002)
    until(lambda: at.pipeline.flush(1), 100)
    deaths.chance = None
    put(at.pipeline, [make_event(1000)])
    captured, _, queued, _ = at.end()
    assert deaths.count > 5
    assert (captured, queued) == (301, 0)
    for status in at.pipeline.exporters():
        # An exporter that raises has failed; of one that had done its work by then, that is not true, but safe.
        assert set(status.dropped) <= {"unknown", "exporter_failed"}
        assert status.dropped
    arrived = at.arrived()
    assert len(arrived) == len(set(arrived))
    assert at.pipeline.exporters()[0].exported <= len(arrived) < 301
    assert 1000 in arrived


class Deaths:
    """Ends threads in the middle of what they do."""

    def __init__(self) -> None:
        self.chance: random.Random | None = random.Random(11)  # noqa: S311 - nothing is secret here
        self.count = 0

    def strike(self) -> None:
        """Raise, once in so many times, what no thread survives."""
        if self.chance is not None and self.chance.random() < 0.15:
            self.count += 1
            raise self.chance.choice([SystemExit, MemoryError, KeyboardInterrupt])

    def before(self, do: Callable[..., Any]) -> Callable[..., Any]:
        """Give what dies before it does `do`."""

        def dying(*given: Any, **options: Any) -> Any:
            self.strike()
            return do(*given, **options)

        return dying

    def around(self, do: Callable[..., Any]) -> Callable[..., Any]:
        """Give what dies before it does `do`, or after that."""

        def dying(*given: Any) -> None:
            self.strike()
            do(*given)
            self.strike()

        return dying


@every
def test_the_clock_is_set_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an hour at each look at it: events go out in their time, in their order."""
    now = [2e9]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    monkeypatch.setattr(time, "time_ns", lambda: int(back() * 1e9))
    at = At(place, monkeypatch, batch_delay=0.01)
    for begin in range(0, 30, 10):
        put(at.pipeline, [make_event(number, timestamp=back()) for number in range(begin, begin + 10)])
        until(lambda end=begin + 10: at.pipeline.queue.exported == end)
    assert at.end() == (30, 30, 0, {})
    assert sorted(at.arrived()) == list(range(30))


SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "event.schema.json").read_text(encoding="utf-8"))


def place_order(order: int, password: str) -> int:
    """Be looked at."""
    return order


@every
def test_what_is_written_is_what_the_schema_says(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures and the records of requests, as a tracer makes them, wherever they go."""
    program = f"fn:{__name__}.place_order:exit {{ capture(order=arg0, password=arg1, no=arg0.nothing, number=1); }}"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    tracer = Tracer(
        exporter=place.setting, service="shop", release="1.2", environment="test", max_overhead=None, copy_time=1
    )
    with tracer:
        tracer.install(compile(program))
        with request_scope(method="POST", path="/orders", framework="test", request_id="r-1"):
            place_order(17, "s3cret")
        assert tracer.flush(60)
        held = tracer._pipeline.exporter
        forms = [event.to_dict() for event in held.events] if isinstance(held, MemoryExporter) else place.forms()
    if name == "console":
        return
    for form in forms:
        jsonschema.Draft202012Validator(SCHEMA).validate(form)
    capture, record = sorted(forms, key=lambda form: form["kind"])
    assert capture["values"] == {"order": 17, "password": "[redacted]", "no": None, "number": 1}
    assert capture["errors"][0]["field"] == "no"
    assert (record["kind"], record["values"]["captured"], record["values"]["path"]) == ("request", 1, "/orders")
    assert {form["service"] for form in forms} == {"shop"}


LIFE = """
import json
from hogtrace.exporter_setting import ExporterSetting
from tests.hogtrace.exporters.every import configure_logging
setting = json.loads(sys.argv[1])
if "logging" in str(setting): configure_logging(sys.argv[2])
exporter = ExporterSetting.read(setting).build()
pipeline = Pipeline(exporter, batch_size=50, batch_delay=0.001, max_events=1500)
children = 0
for round in range(6):
    put(pipeline, range(round * 200, round * 200 + 200))
    time.sleep(0.003 * round)
    pid = os.fork()
    if not pid:
        put(pipeline, range(100_000 + round * 10, 100_000 + round * 10 + 10))
        done = pipeline.stop(60)
        queue = pipeline.queue
        assert done and queue.captured == 10 == queue.exported + sum(queue.dropped.values())
        os._exit(queue.exported)
    exported = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert 0 <= exported <= 10, exported
    children += exported
assert pipeline.flush(60)
queue = pipeline.queue
assert (queue.captured, queue.exported) == (1200, 1200)
assert all(status.exported == 1200 for status in pipeline.exporters())
for one in (pipeline, *pipeline._branches): one._worker._batch_delay = 60
put(pipeline, range(2000, 4000))
print(f"\\nchildren {children} accepted {2000 - queue.dropped.get('queue_full', 0)}\\n", end="")
print("end")
"""


SHORT_LIFE = """
import json
from hogtrace.exporter_setting import ExporterSetting
pipeline = Pipeline(ExporterSetting.read(json.loads(sys.argv[1])).build(), batch_delay=60)
put(pipeline, range(3))
if len(sys.argv) > 2 and not os.fork():
    put(pipeline, range(3, 5))
elif len(sys.argv) > 2:
    assert os.wait()[1] == 0
print("end")
"""


@pytest.mark.parametrize("forks", [False, True], ids=["alone", "with a child"])
@pytest.mark.parametrize("name", NETWORK)
def test_a_process_that_ends_before_its_first_batch(place: Place, name: str, forks: bool) -> None:
    """What it makes ready at the first batch, as a connection, can be had at the end of the interpreter, too."""
    run(SHORT_LIFE, json.dumps(place.setting), *(["forks"] if forks else []), options=("-W", "ignore"))
    assert sorted(place.numbers()) == list(range(5 if forks else 3))


@pytest.mark.parametrize("name", [_seldom(name, name not in ("console", "posthog", "several")) for name in EVERY])
def test_forks_in_the_middle_of_batches_and_an_end_with_a_full_queue(place: Place, name: str, tmp_path: Path) -> None:
    """Parent and children send each its own, once; what was accepted has arrived when the process is gone."""
    text, _ = run(LIFE, json.dumps(place.setting), tmp_path / name, options=())
    (line,) = [line for line in text.splitlines() if line.startswith("children")]
    _, children, _, accepted = line.split()
    if name == "memory":
        return
    found = place.numbers() or told(text)
    assert len(found) == len(set(found))
    assert [number for number in found if number < 1200] == list(range(1200))
    assert len([number for number in found if number >= 100_000]) == int(children)
    # Neither SQLite nor gRPC can go on in a child that was forked while they were at work; that is counted.
    assert int(children) == 60 or name in ("sqlite", "otlp over grpc")
    last = [number for number in found if 2000 <= number < 100_000]
    # Each of several has a queue of its own, behind the one that accepts.
    assert len(last) >= 1500
    assert len(last) == int(accepted) or name == "several"
    assert last == sorted(last)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what HogTrace has said in the log."""
    return [record.getMessage() for record in caplog.records if record.name == "hogtrace"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        _seldom(name, name == "otlp over grpc" and fault != "garbage", fault)
        for name, fault in product(NETWORK, Proxy.FAULTS)
    ],
)
def test_a_server_that_fails_and_works_again(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing arrives twice, what may have arrived is counted; that it fails is said once, and once that it works."""
    monkeypatch.setattr("hogtrace.batches._FIRST_PAUSE", 0.02)
    with place_of(name, tmp_path, proxy=True) as (place, proxy):
        assert proxy is not None
        at = At(place, monkeypatch, batch_size=5, batch_delay=0.01)
        put(at.pipeline, [make_event(number) for number in range(5)])
        assert at.pipeline.flush(60)
        proxy.break_by(fault)
        with caplog.at_level(logging.INFO):
            put(at.pipeline, [make_event(number) for number in range(5, 15)])
            if fault == "hanging":
                # It hangs until the server hangs up: how long they wait for an answer is in their own tests.
                assert proxy.is_met.wait(60)
            else:
                until(lambda: said(caplog))
            at.pipeline.flush(0.3)
            captured, exported, _, dropped = accounts(at.pipeline)
            assert (captured, exported) == (15, 5)
            assert set(dropped) <= {"unknown"}, "an event was given up that nobody has taken"
            if fault == "refused":
                assert not dropped
            proxy.mend()
            put(at.pipeline, [make_event(number) for number in range(15, 20)])
            until(lambda: at.pipeline.flush(1))
        captured, exported, queued, dropped = at.end()
        assert (captured, queued) == (20, 0)
        found = at.arrived()
        assert len(found) == len(set(found))
        assert set(found) >= {*range(5), *range(15, 20)}
        assert exported <= len(found) <= exported + dropped.get("unknown", 0)
        assert len(said(caplog)) == 2, caplog.text
        assert "works again" in said(caplog)[1]


@pytest.mark.parametrize("name", NETWORK)
def test_an_end_while_a_server_hangs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop keeps to its deadline, and every event has a cause."""
    with place_of(name, tmp_path, proxy=True) as (place, proxy):
        assert proxy is not None
        proxy.break_by("hanging")
        at = At(place, monkeypatch, batch_size=5, batch_delay=0.01)
        put(at.pipeline, [make_event(number) for number in range(30)])
        # The server does not come back, and this does.
        at.pipeline.stop(0.3)
        captured, exported, queued, dropped = accounts(at.pipeline)
        assert (captured, exported, queued) == (30, 0, 0)
        assert sum(dropped.values()) == 30
        proxy.refuse()
        with contextlib.suppress(AssertionError):
            until(lambda: at.pipeline._worker._exporter_closed, 30)
