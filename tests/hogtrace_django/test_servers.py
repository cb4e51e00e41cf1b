"""Django with HogTrace under real servers, with requests that overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django
import pytest

from tests.servers import (
    daphne,
    granian,
    gunicorn,
    hypercorn,
    overlap,
    read_events,
    read_requests,
    uvicorn,
    wait_for_events,
)

# Servers on a busy machine.
pytestmark = pytest.mark.timeout(600)

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.hogtrace_django.settings"}

# Before 5.0 Django does not notice a client that leaves an async stream, which then goes on for ever.
NOTICES_DISCONNECTS = django.VERSION >= (5, 0)


def check_kept(events: Iterable[dict[str, Any]], at_least: Iterable[str]) -> None:
    """Check that each piece of work saw its own request's variable, and that all of `at_least` worked."""
    work = [event["values"] for event in events if "sent" in event["values"]]
    assert [values for values in work if values["sent"] != values["kept"]] == []
    assert {values["sent"] for values in work} >= set(at_least)


def streams(events: Iterable[dict[str, Any]]) -> dict[str, bool]:
    """Give the clients of the streams that ended, and whether they were closed before their end."""
    ends = [event["values"] for event in events if "stream" in event["values"]]
    assert len(ends) == len({values["stream"] for values in ends})
    return {values["stream"]: values["closed"] for values in ends}


def statuses(events: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Give the status of the response that Django made for each client."""
    return {event["values"]["client"]: event["values"]["status"] for event in events if "status" in event["values"]}


@pytest.mark.parametrize("preload", [False, True])
def test_under_gunicorn(tmp_path: Path, preload: bool) -> None:
    """In threads and processes variables stay with their request; streams, files and failures are as ever."""
    path = tmp_path / "events.jsonl"
    with gunicorn(
        "tests.hogtrace_django.views:wsgi()",
        tmp_path,
        workers=2,
        threads=4,
        preload=preload,
        env={**SETTINGS, "EVENTS_PATH": str(path)},
    ) as server:
        rounds = [[f"{number}-{index}" for index in range(4)] for number in range(3)]
        for number, names in enumerate(rounds):
            overlap(server, "/meeting", tmp_path / f"sync-{number}", names)
        overlap(server, "/async/meeting", tmp_path / "async", ["async-0", "async-1"])
        with server.client() as http:
            # The probe read a header before the view ran, and Django's cached property was not what it read.
            assert http.get("/plain", headers={"X-Client": "plain"}).json() == {"headers were read": False}
            assert http.get("/failing", headers={"X-Client": "failing"}).status_code == 500
            answer = http.get("/file", headers={"X-Client": "file"})
            assert answer.text == (Path(__file__).parent / "views.py").read_text()
            assert http.get("/streaming", headers={"X-Client": "whole"}).text.endswith("999\n")
            with http.stream("GET", "/streaming", headers={"X-Client": "cut"}) as stream:
                next(stream.iter_raw())
        server.stop()

    events = read_events(path)
    names = [name for names in rounds for name in names]
    check_kept(events, [*names, "async-0", "async-1", "plain", "failing", "file", "whole", "cut"])
    assert streams(events) == {"whole": False, "cut": True}
    found = statuses(events)
    assert found["plain"] == 200
    assert {found[name] for name in names} == {203}
    # The id that a client sent is the request's id, in each of its events.
    for name in names:
        assert Counter(event["request_id"] for event in events)[name] == 3
    assert {event["request"]["framework"] for event in events} == {"django"}
    described = {"path": "/meeting", "method": "GET", "framework": "django", "route": "meeting"}
    assert described in [event["request"] for event in events]
    records = {record["request_id"]: record["values"] for record in read_requests(path)}
    counts = Counter(event["request_id"] for event in events)
    assert {name: values["captured"] for name, values in records.items()} == counts
    assert {(records[name]["route"], records[name]["status"]) for name in names} == {("meeting", 203)}
    assert len({(event["process"], event["thread"]) for event in events}) > 1


def test_under_uvicorn(tmp_path: Path) -> None:
    """In tasks of one loop, and in threads that they use, variables stay with their request."""
    path = tmp_path / "events.jsonl"
    with uvicorn(
        "tests.hogtrace_django.views:asgi",
        tmp_path,
        factory=True,
        env={**SETTINGS, "EVENTS_PATH": str(path)},
    ) as server:
        rounds = [[f"{number}-{index}" for index in range(4)] for number in range(3)]
        for number, names in enumerate(rounds):
            overlap(server, "/async/meeting", tmp_path / f"async-{number}", names)
        # Sync views run in a thread each.
        overlap(server, "/meeting", tmp_path / "sync", ["sync-0", "sync-1", "sync-2"])
        with ThreadPoolExecutor(4) as pool, server.client() as http:

            def stream(name: str) -> bool:
                return http.get("/async/streaming", headers={"X-Client": name}).text.endswith("199\n")

            assert all(pool.map(stream, ["whole-0", "whole-1", "whole-2"]))
        with server.client() as http:
            assert http.get("/async/everywhere", headers={"X-Client": "everywhere"}).text == "everywhere"
            assert http.get("/plain", headers={"X-Client": "plain"}).json() == {"headers were read": False}
            assert http.get("/failing", headers={"X-Client": "failing"}).status_code == 500
            if NOTICES_DISCONNECTS:
                with http.stream("GET", "/async/streaming", headers={"X-Client": "cut"}) as answer:
                    next(answer.iter_raw())
        # uvicorn ends without Python's own exit, and Django has no lifespan in which to export what waits.
        last = ["cut"] if NOTICES_DISCONNECTS else ["whole-0", "whole-1", "whole-2"]
        events = wait_for_events(path, lambda events: streams(events).keys() >= set(last))
        server.stop()

    names = [name for names in rounds for name in names]
    check_kept(
        events,
        [
            *names,
            "sync-0",
            "sync-1",
            "sync-2",
            "everywhere",
            "plain",
            "failing",
            "whole-0",
            "whole-1",
            "whole-2",
            *last,
        ],
    )
    ended = streams(events)
    assert {ended[f"whole-{index}"] for index in range(3)} == {False}
    found = statuses(events)
    assert {found[name] for name in names} == {203}
    everywhere = [event for event in events if event["values"].get("sent") == "everywhere"]
    assert len(everywhere) == 3
    assert len({event["request_id"] for event in everywhere}) == 1


def test_under_gevent(tmp_path: Path) -> None:
    """Greenlets of one thread keep their requests' variables apart, and what waits is exported at the end."""
    path = tmp_path / "events.jsonl"
    with gunicorn(
        "tests.hogtrace_django.views:wsgi()", tmp_path, worker="gevent", env={**SETTINGS, "EVENTS_PATH": str(path)}
    ) as server:
        names = [f"green-{index}" for index in range(8)]
        overlap(server, "/meeting", tmp_path / "green", names)
        with server.client() as http:
            assert http.get("/streaming", headers={"X-Client": "whole"}).text.endswith("999\n")
            assert http.get("/file", headers={"X-Client": "file"}).status_code == 200
        server.stop()

    events = read_events(path)
    check_kept(events, [*names, "whole", "file"])
    assert streams(events) == {"whole": False}
    # All of them met in one process.
    assert len({event["process"] for event in events}) == 1


@pytest.mark.slow
def test_under_gunicorns_sync_workers(tmp_path: Path) -> None:
    """One request after the other in each of two processes, each with its own variables."""
    path = tmp_path / "events.jsonl"
    with gunicorn(
        "tests.hogtrace_django.views:wsgi()", tmp_path, workers=2, env={**SETTINGS, "EVENTS_PATH": str(path)}
    ) as server:
        overlap(server, "/meeting", tmp_path / "meeting", ["one", "other"])
        with server.client() as http:
            answer = http.head("/file", headers={"X-Client": "head"})
            assert (answer.status_code, answer.content) == (200, b"")
            assert http.head("/streaming", headers={"X-Client": "head of a stream"}).status_code == 200
            for index in range(20):
                assert http.get("/plain", headers={"X-Client": f"plain-{index}"}).status_code == 200
        server.stop()
    events = read_events(path)
    check_kept(events, ["one", "other", "head", *(f"plain-{index}" for index in range(20))])
    assert len({event["process"] for event in events}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("serve", [hypercorn, daphne, granian], ids=["hypercorn", "daphne", "granian"])
def test_under_other_asgi_servers(serve: Any, tmp_path: Path) -> None:
    """The same as under uvicorn, as far as variables, streams and failures are concerned."""
    path = tmp_path / "events.jsonl"
    with serve(
        "tests.hogtrace_django.application:application", tmp_path, env={**SETTINGS, "EVENTS_PATH": str(path)}
    ) as server:
        names = [f"async-{index}" for index in range(4)]
        overlap(server, "/async/meeting", tmp_path / "async", names)
        overlap(server, "/meeting", tmp_path / "sync", ["sync-0", "sync-1"])
        with server.client() as http:
            assert http.get("/async/streaming", headers={"X-Client": "whole"}).text.endswith("199\n")
            assert http.get("/async/everywhere", headers={"X-Client": "everywhere"}).text == "everywhere"
            assert http.get("/failing", headers={"X-Client": "failing"}).status_code == 500
            if NOTICES_DISCONNECTS:
                with http.stream("GET", "/async/streaming", headers={"X-Client": "cut"}) as answer:
                    next(answer.iter_raw())
        ends = {"whole", *(["cut"] if NOTICES_DISCONNECTS else [])}
        events = wait_for_events(path, lambda events: streams(events).keys() >= ends)
        server.stop()
    check_kept(events, [*names, "sync-0", "sync-1", "whole", "everywhere", "failing", *ends])
    assert {statuses(events)[name] for name in names} == {203}
