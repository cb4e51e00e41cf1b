"""What waits in the queue: events of every size, source and request, across the chunks in which they are kept."""

import random
import threading
import time
from typing import Any

import pytest

from hogtrace import RequestLocalStore, compile, request_scope
from hogtrace._engine import CaptureEvent, EventQueue, LinkedProbe, Redaction, Site, TrustList


def queue_of(**bounds: int) -> EventQueue:
    """Make a roomy queue that starts nobody."""
    return EventQueue(**{"max_events": 1_000_000, "max_bytes": 1 << 30, **bounds}, on_first=lambda: None)


def site_of(queue: EventQueue, name: str = "f") -> Site:
    """Make a hook that captures its value `v` in a function of that name."""
    program = compile(f"fn:app.{name}:entry {{ capture(v, name='{name}'); }}")
    linked = LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=Redaction())
    return Site(f"app.{name}", [(linked, [("load", 0)])], [], parameters=["v"], keep=[], loads=(1, 0))


def take(queue: EventQueue, count: int) -> list[CaptureEvent]:
    """Take and settle events."""
    events = queue.take(count)
    queue.settle(exported=len(events))
    return events


@pytest.mark.parametrize("seed", range(5))
def test_order_values_and_accounts(seed: int) -> None:
    """Whatever the sizes, and however many are taken at a time, each event comes out once, in order, as it was."""
    choose = random.Random(seed)  # noqa: S311 - the same at every run
    queue = queue_of()
    site = site_of(queue)
    waiting: list[Any] = []
    bytes_before = 0
    for _ in range(300):
        for _ in range(choose.choice([0, 1, 3, 40, 300])):
            value = choose.choice([1, "two", [3.0] * choose.randrange(100), "☃" * choose.randrange(600)])
            site[value]
            waiting.append(value)
        if choose.random() < 0.02:
            # More than a chunk takes otherwise.
            large = ["x" * 1000] * 40
            site[large]
            waiting.append(large)
        assert queue.waiting == len(waiting)
        bytes_before = queue.waiting_bytes
        events = take(queue, choose.choice([0, 1, 2, 100, 255, 256, 257, 1000]))
        assert [event.values["v"] for event in events] == waiting[: len(events)]
        assert queue.waiting_bytes == bytes_before - sum(event.size for event in events)
        del waiting[: len(events)]
    rest = take(queue, 1_000_000)
    assert [event.values["v"] for event in rest] == waiting
    assert (queue.waiting, queue.waiting_bytes, queue.queued) == (0, 0, 0)
    assert queue.captured == queue.exported


def test_many_sources_and_requests() -> None:
    """Each event knows its own function and request among a hundred others of both."""
    queue = queue_of()
    sites = [site_of(queue, f"f{number}") for number in range(100)]
    stores = [None, *(RequestLocalStore(f"r{number}", {"number": number}) for number in range(100))]
    choose = random.Random(1)  # noqa: S311 - the same at every run
    expected = []
    for number in range(3000):
        place, store = choose.randrange(100), choose.choice(stores)
        if store is None:
            sites[place][number]
        else:
            with request_scope(store):
                sites[place][number]
        expected.append((number, f"app.f{place}", None if store is None else store.request_id))
    events = take(queue, 3000)
    assert [(event.values["v"], event.function, event.request_id) for event in events] == expected
    assert all(event.request == ({"number": int(event.request_id[1:])} if event.request_id else {}) for event in events)
    assert all(event.values["name"] == event.function.removeprefix("app.") for event in events)


def test_made_events_between_captured_ones() -> None:
    """Events that somebody made keep their place among those that probes captured."""
    queue = queue_of()
    site = site_of(queue)
    made = CaptureEvent(timestamp=1.0, program="p", probe="b", target="t", point="entry", values={"v": "made"})
    for number in range(600):
        site[number]
        queue.put(made)
    events = take(queue, 1200)
    assert [event.values["v"] for event in events[::2]] == list(range(600))
    assert events[1::2] == [made] * 600


def test_an_event_tells_when_and_where_it_was_captured() -> None:
    """Time and thread are those of the capture, not of the export."""
    queue = queue_of()
    site = site_of(queue)
    idents: list[int] = []

    def work() -> None:
        site[1]
        idents.append(threading.get_ident())

    before = time.time()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    after = time.time()
    time.sleep(0.05)
    (event,) = take(queue, 1)
    assert before <= event.timestamp <= after
    assert [event.thread] == idents


def test_ids_sort_as_events_were_captured() -> None:
    """Ids begin with the time of the capture, and no two are the same, however events were taken."""
    queue = queue_of()
    site = site_of(queue)
    ids: list[str] = []
    for number in range(3000):
        site[number]
        if number % 7 == 0:
            ids.extend(event.id for event in take(queue, 5))
    ids.extend(event.id for event in take(queue, 3000))
    assert len(set(ids)) == 3000
    times = [int(event_id[:12], 16) for event_id in ids]
    assert times == sorted(times)
    assert abs(times[-1] / 1000 - time.time()) < 60


def test_the_bounds_hold_while_events_are_taken() -> None:
    """What was taken makes room at once, one event for one."""
    queue = queue_of(max_events=10)
    site = site_of(queue)
    for number in range(15):
        site[number]
    assert (queue.waiting, dict(queue.dropped)) == (10, {"queue_full": 5})
    assert [event.values["v"] for event in take(queue, 3)] == [0, 1, 2]
    for number in range(15, 20):
        site[number]
    assert (queue.waiting, dict(queue.dropped)) == (10, {"queue_full": 7})
    assert [event.values["v"] for event in take(queue, 20)] == [3, 4, 5, 6, 7, 8, 9, 15, 16, 17]
    assert queue.captured == queue.exported + 7
