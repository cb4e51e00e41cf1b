"""The record that ends a request in which something was captured: when there is one, and what it says."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import hogtrace
from hogtrace import CaptureEvent, RequestLocalStore, Tracer, current_store, request_scope
from hogtrace.exporters import MemoryExporter
from hogtrace.request_store import scope_for
from hogtrace.testing import CapturedEvents
from tests.looking import captures

WORK = f"fn:{__name__}.work:entry {{ capture(number); }}"


def work(number: int) -> None:
    """Do nothing; a place for a probe."""


def records(exporter: MemoryExporter) -> list[CaptureEvent]:
    """Give the records of requests."""
    return [event for event in exporter.events if event.kind == "request"]


Make = Callable[..., tuple[Tracer, MemoryExporter]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Give a function that makes a tracer with a probe on `work`, and its exporter."""
    tracers: list[Tracer] = []

    def make(
        probe: str = WORK, exporter: MemoryExporter | None = None, **options: Any
    ) -> tuple[Tracer, MemoryExporter]:
        exporter = exporter or MemoryExporter()
        tracer = Tracer(exporter=exporter, max_overhead=None, **options)
        tracers.append(tracer)
        tracer.install(hogtrace.compile(probe))
        return tracer, exporter

    yield make
    for tracer in tracers:
        tracer.stop()


def test_a_request_ends_with_its_record(hogtrace: CapturedEvents) -> None:
    """It says what the request was, how long it took, how it ended, and how much was captured in it."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(number, gone=number.gone); }}")
    with request_scope(request_id="r-1", method="GET", path="/x", framework="test") as store:
        work(1)
        work(2)
        store.status = 204
        assert hogtrace.requests == []
    assert [event.values["number"] for event in hogtrace] == [1, 2]
    (record,) = hogtrace.requests
    duration = record.values["duration"]
    assert 0 < duration < 60
    assert record.values == {
        "method": "GET",
        "path": "/x",
        "route": None,
        "status": 204,
        "duration": duration,
        "captured": 2,
        "errors": 2,
    }
    assert list(record.values) == ["method", "path", "route", "status", "duration", "captured", "errors"]
    assert (record.kind, record.point, record.probe, record.target, record.function, record.program) == (
        "request",
        "request",
        "request",
        "request",
        "request",
        "hogtrace",
    )
    assert (record.request_id, record.request) == ("r-1", {"method": "GET", "path": "/x", "framework": "test"})
    assert (record.process, record.thread) == (os.getpid(), threading.get_ident())
    assert record.errors == []
    again = CaptureEvent.from_json(record.to_json())
    assert again == record
    assert json.loads(record.to_json())["kind"] == "request"


def test_a_request_without_captures_has_none(hogtrace: CapturedEvents) -> None:
    """Neither one in which nothing ran, nor one whose probes did not pass."""
    hogtrace.probe(f"fn:{__name__}.work:entry / number > 1 / {{ capture(number); }}")
    with request_scope(framework="test"):
        pass
    with request_scope(framework="test"):
        work(1)
    work(2)
    assert hogtrace.requests == []
    assert len(hogtrace) == 1


def test_a_scope_that_says_nothing_of_itself_has_none(hogtrace: CapturedEvents) -> None:
    """Only what tells what it is, is a request to tell of."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(number); }}")
    with request_scope():
        work(1)
    with request_scope(request_id="r-2"):
        work(2)
    assert hogtrace.requests == []
    assert len(hogtrace) == 2


def test_a_request_that_was_sampled_out_has_none(hogtrace: CapturedEvents) -> None:
    """There is a record for each request that is in the sample, and for no other."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ sample 1/4; capture(number); }}")
    for number in range(200):
        with request_scope(request_id=f"r-{number}", framework="test"):
            work(number)
            work(number)
    sampled = {event.request_id for event in hogtrace}
    assert 0 < len(sampled) < 200
    assert [record.values["captured"] for record in hogtrace.requests] == [2] * len(sampled)
    assert {record.request_id for record in hogtrace.requests} == sampled


def test_each_queue_gets_its_own(make: Make) -> None:
    """One for each tracer that has an event of the request, with its own counts."""
    (first, firsts), (second, seconds) = make(), make(f"fn:{__name__}.work:exit / number == 2 / {{ capture(number); }}")
    third, thirds = make(f"fn:{__name__}.work:exit / number == 3 / {{ capture(number); }}")
    with request_scope(framework="test"):
        work(1)
        work(2)
    for tracer in (first, second, third):
        assert tracer.flush(60)
    assert [record.values["captured"] for record in records(firsts)] == [2]
    assert [record.values["captured"] for record in records(seconds)] == [1]
    assert records(thirds) == []


def test_a_record_counts_in_the_tracers_accounts_and_in_no_probes(make: Make) -> None:
    """So that what was captured is what was exported, waits, or was dropped."""
    tracer, exporter = make()
    with request_scope(framework="test"):
        work(1)
    assert tracer.flush(60)
    status = tracer.status()
    assert (status.captured, status.exported, status.queued, sum(status.dropped.values())) == (2, 2, 0, 0)
    assert [probe.captured for probe in status.probes] == [1]
    assert len(exporter.events) == 2


def test_they_can_be_switched_off(make: Make) -> None:
    """By `request_records`."""
    tracer, exporter = make(request_records=False)
    with request_scope(framework="test"):
        work(1)
    assert tracer.flush(60)
    assert [event.kind for event in exporter.events] == ["capture"]


def test_what_a_full_queue_drops_is_not_counted(make: Make) -> None:
    """A record says how many events there are to find; a request of which none was taken has none."""
    busy, free = threading.Event(), threading.Event()

    class Busy(MemoryExporter):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            busy.set()
            assert free.wait(60)
            super().export(events)

    def occupy() -> None:
        # A full queue wakes who takes from it; that one shall be busy.
        assert tracer.flush(60)
        busy.clear()
        free.clear()
        work(-1)
        tracer._pipeline.queue.wake()
        assert busy.wait(60)

    tracer, exporter = make(exporter=Busy(), queue_events=2, batch_delay=3600)
    occupy()
    with request_scope(request_id="full", framework="test"):
        for number in range(4):
            work(number)
    with request_scope(request_id="none", framework="test"):
        work(5)
    # The record of the first found no room either.
    assert tracer.status().dropped == {"queue_full": 4}
    free.set()
    assert tracer.flush(60)
    assert [event.values for event in exporter.events] == [{"number": -1}, {"number": 0}, {"number": 1}]

    occupy()
    with request_scope(framework="test") as store:
        work(6)
        work(7)
        work(8)
        free.set()
        assert tracer.flush(60)
        store.status = 200
    assert tracer.flush(60)
    (record,) = records(exporter)
    assert record.values["captured"] == 2
    status = tracer.status()
    assert status.captured == status.exported + status.queued + sum(status.dropped.values())


def test_what_is_captured_after_the_end_makes_no_other(hogtrace: CapturedEvents) -> None:
    """A task that outlives its request is heard, and the request has ended once."""
    hogtrace.probe(WORK)

    async def main() -> None:
        gate = asyncio.Event()

        async def outlive() -> None:
            await gate.wait()
            work(2)

        scope = request_scope(request_id="r", framework="test")
        with scope:
            work(1)
            task = asyncio.create_task(outlive())
        gate.set()
        await task
        scope.close()

    asyncio.run(main())
    assert [(event.request_id, event.values["number"]) for event in hogtrace] == [("r", 1), ("r", 2)]
    assert [record.values["captured"] for record in hogtrace.requests] == [1]


def test_a_store_of_somebody_elses_has_none(hogtrace: CapturedEvents) -> None:
    """Who makes a store says whether it is a request that ends; a scope that joins one does not end it."""
    hogtrace.probe(WORK)
    store = RequestLocalStore("mine")
    with request_scope(store):
        work(1)
    store.close()
    assert len(hogtrace) == 1
    assert hogtrace.requests == []

    wanted = RequestLocalStore("wanted", record=True)
    with request_scope(wanted):
        work(1)
    assert hogtrace.requests == []
    wanted.close()
    wanted.close()
    assert [record.request_id for record in hogtrace.requests] == ["wanted"]


def test_a_request_in_a_request_has_its_own(hogtrace: CapturedEvents) -> None:
    """Each is counted for itself."""
    hogtrace.probe(WORK)
    with request_scope(request_id="outer", framework="test"):
        work(1)
        with request_scope(request_id="inner", framework="test"):
            work(2)
            work(3)
    assert [(record.request_id, record.values["captured"]) for record in hogtrace.requests] == [
        ("inner", 2),
        ("outer", 1),
    ]


def test_threads_of_one_request_are_counted_together(hogtrace: CapturedEvents) -> None:
    """Whoever captures for it."""
    hogtrace.probe(WORK)

    async def main() -> None:
        with request_scope(framework="test"):
            await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(40)))

    asyncio.run(main())
    assert [record.values["captured"] for record in hogtrace.requests] == [40]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_tells_what_it_has_captured_itself(make: Make, tmp_path: Any) -> None:
    """A fork in the middle of a request: what the parent has captured is told by the parent alone."""
    tracer, exporter = make()
    told = tmp_path / "child"
    quiet = tmp_path / "quiet"
    scope = request_scope(request_id="r", framework="test")
    with scope:
        work(1)
        work(2)
        for captures_in_child, path in ((True, told), (False, quiet)):
            child = os.fork()
            if not child:
                code = 1
                try:
                    if captures_in_child:
                        work(3)
                    scope.close()
                    done = tracer.flush(60)
                    # What the exporter took over from the parent is in its list.
                    new = [event.to_dict() for event in exporter.events if event.process == os.getpid()]
                    path.write_text(json.dumps([done, new]))
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
    assert tracer.flush(60)
    assert [record.values["captured"] for record in records(exporter)] == [2]
    done, new = json.loads(told.read_text())
    assert done
    assert [event["kind"] for event in new] == ["capture", "request"]
    assert new[1]["values"]["captured"] == 1
    assert json.loads(quiet.read_text()) == [True, []]


def test_a_record_hides_what_is_secret(hogtrace: CapturedEvents) -> None:
    """As the events of the request do."""
    hogtrace.probe(WORK)
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    with request_scope(path=f"/x/{key}") as store:
        store.describe(route=f"/r/{key}", api_key="k-1")
        work(1)
    (record,) = hogtrace.requests
    assert key not in record.to_json()
    assert record.values["path"] == "/x/[redacted]"
    assert record.values["route"] == "/r/[redacted]"
    assert record.request["api_key"] == "[redacted]"


def test_a_scope_that_is_forgotten_ends(hogtrace: CapturedEvents) -> None:
    """A response that a server drops without closing it: the request ends with the scope, without the collector."""
    hogtrace.probe(WORK)
    carrier: dict[str, Any] = {}
    scope = scope_for(carrier, request_id="r", method="GET", path="/", framework="test")
    assert scope is not None
    gc.disable()
    try:
        with scope.active():
            work(1)
        store = weakref.ref(scope.store)
        del scope
        assert carrier["hogtrace.store"].closed
        carrier.clear()
        assert store() is None
    finally:
        gc.enable()
    assert [record.request_id for record in hogtrace.requests] == ["r"]


def test_a_request_may_end_inside_of_a_probe(make: Make) -> None:
    """In a finaliser that the run of a probe sets off: nothing waits for anything, and the record is there."""

    class Ends:
        def __init__(self) -> None:
            self.scope = request_scope(request_id="inner", framework="test")

        def __del__(self) -> None:
            self.scope.close()

    tracer, exporter = make(f"fn:{__name__}.work:entry {{ capture(number); $req.held = None; }}")
    with request_scope(request_id="outer", framework="test") as store:
        held = Ends()
        with held.scope.active():
            work(1)
        store.set("held", held)
        del held
        # The write of the probe lets go of the last reference.
        work(2)
    assert tracer.flush(60)
    assert [(record.request_id, record.values["captured"]) for record in records(exporter)] == [
        ("inner", 1),
        ("outer", 1),
    ]
    assert len(captures(exporter)) == 2


def test_the_store_of_a_finished_request_is_free(hogtrace: CapturedEvents) -> None:
    """Nothing of a request that was captured in stays, without the collector."""
    hogtrace.probe(WORK)
    gc.disable()
    try:
        with request_scope(framework="test"):
            work(1)
            store = weakref.ref(current_store())  # type: ignore[arg-type]
        assert store() is None
    finally:
        gc.enable()
    assert len(hogtrace.requests) == 1


LEFT_OPEN = """
import gc, sys
import hogtrace
from hogtrace.request_store import scope_for

class Parcel:
    def __del__(self):
        weigh(self)

def weigh(parcel):
    return 1

tracer = hogtrace.Tracer(exporter="memory", max_overhead=None)
tracer.install(hogtrace.compile("fn:__main__.weigh:exit { capture(retval); }"))
scope = scope_for({}, request_id=None, method="GET", path="/", framework="test")
with scope.active():
    weigh(None)
gc.disable()
parcel = Parcel()
# Only the last collection of all finds them, when the interpreter has no modules any more.
scope_in_a_circle = [scope, parcel]
scope_in_a_circle.append(scope_in_a_circle)
sys.keep = scope_in_a_circle
print("well")
"""


def test_a_request_that_is_open_at_the_very_end_does_no_harm() -> None:
    """Its end, and calls of probed functions by finalisers, come when the interpreter is nearly gone."""
    run = subprocess.run([sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, timeout=100, check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("well\n", "", 0)
