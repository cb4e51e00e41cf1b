"""Starlette and FastAPI with HogTrace under a real server, with requests that overlap."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import starlette
from websockets.sync.client import connect

from tests.servers import (
    ANSWER_WITHIN,
    Server,
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

# Before 1.0 Starlette does not keep which route it has found.
TELLS_ROUTES = int(starlette.__version__.partition(".")[0]) >= 1


def pipeline(server: Server, path: str, names: list[str]) -> bytes:
    """Send one request for each of `names` at once on one connection, and give all that comes back."""
    url = urlsplit(server.url)
    assert url.port
    with socket.create_connection(("127.0.0.1", url.port), ANSWER_WITHIN) as connection:
        for number, name in enumerate(names):
            last = number == len(names) - 1
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Client: {name}\r\n"
                f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n".encode()
            )
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def kept(events: list[dict[str, Any]]) -> set[str]:
    """Check that each piece of work saw its own request's variable, and give all the clients that worked."""
    work = [event["values"] for event in events if "sent" in event["values"]]
    assert [values for values in work if values["sent"] != values["kept"]] == []
    return {values["sent"] for values in work}


def test_starlette_under_uvicorn(tmp_path: Path) -> None:
    """In tasks and threads variables stay with their request, on every path that a request can take."""
    path = tmp_path / "events.jsonl"
    env = {"EVENTS_PATH": str(path)}
    with uvicorn("tests.hogtrace_asgi.app:make_starlette", tmp_path, factory=True, env=env) as server:
        rounds = [[f"{number}-{index}" for index in range(4)] for number in range(3)]
        for number, names in enumerate(rounds):
            overlap(server, "/meet", tmp_path / f"round-{number}", names)
        overlap(server, "/sync/meet", tmp_path / "sync", ["sync-0", "sync-1"])
        overlap(server, "/inner/meet", tmp_path / "inner", ["inner-0", "inner-1"])
        assert pipeline(server, "/plain", ["pipe-0", "pipe-1", "pipe-2"]).count(b"False") == 3
        with server.client() as http:
            # The probe read a header before, and Starlette's property was not what it read.
            assert http.get("/plain", headers={"X-Client": "plain"}).text == "False"
            assert http.get("/background", headers={"X-Client": "background"}).text == "background"
            assert http.get("/fail", headers={"X-Client": "fail"}).status_code == 500
            assert http.get("/stream", headers={"X-Client": "whole"}).text.endswith("199\n")
            with http.stream("GET", "/stream", headers={"X-Client": "cut"}) as stream:
                next(stream.iter_raw())
        wait_for_events(path, lambda events: any(event["values"].get("stream") == "cut" for event in events))
        server.stop()
        assert "application: up" in server.log
        assert "application: down" in server.log

    events = read_events(path)
    names = [name for names in rounds for name in names]
    others = [
        "sync-0",
        "sync-1",
        "inner-0",
        "inner-1",
        "pipe-0",
        "pipe-1",
        "pipe-2",
        "plain",
        "background",
        "fail",
    ]
    assert kept(events) == {*names, *others, "whole", "cut"}
    statuses = {event["values"]["client"]: event for event in events if "status" in event["values"]}
    assert {statuses[name]["values"]["status"] for name in names} == {203}
    assert statuses["plain"]["values"]["kind"].startswith("text/plain")
    streams = {event["values"]["stream"]: event["values"]["closed"] for event in events if "stream" in event["values"]}
    assert streams == {"whole": False, "cut": True}
    for name in names:
        assert Counter(event["request_id"] for event in events)[name] == 3
    assert {event["request"]["framework"] for event in events} == {"starlette"}
    records = {record["request_id"]: record["values"] for record in read_requests(path)}
    counts = Counter(event["request_id"] for event in events)
    assert {name: values["captured"] for name, values in records.items()} == counts
    assert {values["path"]: values["status"] for values in records.values()} == {
        **dict.fromkeys(("/meet", "/sync/meet", "/inner/meet"), 203),
        **dict.fromkeys(("/plain", "/background", "/stream"), 200),
        "/fail": 500,
    }
    # The paths have no parameters, so each is its own route.
    for values in records.values():
        assert values["route"] == (values["path"] if TELLS_ROUTES else None)
    # The mounted application's middleware joined the request of the outer one.
    assert statuses["inner-0"]["request"]["path"] == "/inner/meet"
    # Requests that shared a connection are requests of their own.
    piped = {event["request_id"] for event in events if str(event["values"].get("sent")).startswith("pipe")}
    assert len(piped) == 3


def test_fastapi_under_uvicorn(tmp_path: Path) -> None:
    """Dependencies and endpoints, sync and async, are in one scope."""
    path = tmp_path / "events.jsonl"
    env = {"EVENTS_PATH": str(path)}
    with uvicorn("tests.hogtrace_asgi.app:make_fastapi", tmp_path, factory=True, env=env) as server:
        with ThreadPoolExecutor(8) as pool, server.client() as http:

            def get(number: int) -> int:
                kind = "sync" if number % 2 else "items"
                answer = http.get(f"/{kind}/{number}", headers={"X-Client": f"c{number}"})
                assert answer.json() == {"number": number}
                return answer.status_code

            assert Counter(pool.map(get, range(40))) == {200: 20, 203: 20}
        server.stop()

    events = read_events(path)
    assert kept(events) == {f"c{number}" for number in range(40)}
    assert {event["request"]["framework"] for event in events} == {"fastapi"}
    assert len({event["request_id"] for event in events}) == 40


@pytest.mark.parametrize("kind", ["fastapi", pytest.param("starlette", marks=pytest.mark.slow)])
def test_a_wrong_setting_ends_the_server_at_start(tmp_path: Path, kind: str) -> None:
    """Starlette and FastAPI build their middleware in their first call; the server ends there and says why."""
    with uvicorn(f"tests.hogtrace_asgi.app:make_wrong_{kind}", tmp_path, factory=True) as server:
        assert server.process.wait(ANSWER_WITHIN) != 0
        assert "did you mean 'PROBES'?" in server.log
        assert "Application startup failed" in server.log


Serve = Callable[..., AbstractContextManager[Server]]


def uvicorn_worker(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
    """Serve with gunicorn and uvicorn's worker."""
    return gunicorn(app, directory, worker="uvicorn.workers.UvicornWorker", **options)


def asgi_worker(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
    """Serve with gunicorn and its own worker for ASGI."""
    return gunicorn(app, directory, worker="asgi", **options)


def with_websockets(library: str) -> Serve:
    """Give uvicorn with that implementation of WebSockets."""

    def serve(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
        return uvicorn(app, directory, options=["--ws", library], **options)

    serve.__name__ = f"uvicorn-{library}"
    return serve


def talk(server: Server, name: str) -> None:
    """Send three messages on one connection, and take what comes back."""
    url = server.url.replace("http", "ws")
    headers = {"X-Client": name, "X-Request-ID": name}
    with connect(f"{url}/talk", additional_headers=headers, open_timeout=ANSWER_WITHIN, proxy=None) as connection:
        for text in ("a", "b", "c"):
            connection.send(text)
            assert connection.recv(ANSWER_WITHIN) == text.upper()


@pytest.mark.parametrize(
    "serve",
    [
        with_websockets("wsproto"),
        pytest.param(with_websockets("websockets"), marks=pytest.mark.slow),
        pytest.param(with_websockets("websockets-sansio"), marks=pytest.mark.slow),
        pytest.param(hypercorn, marks=pytest.mark.slow),
        pytest.param(daphne, marks=pytest.mark.slow),
        pytest.param(granian, marks=pytest.mark.slow),
        pytest.param(uvicorn_worker, marks=pytest.mark.slow),
        pytest.param(asgi_worker, marks=pytest.mark.slow),
    ],
    ids=lambda serve: serve.__name__,
)
def test_requests_and_websockets_under_each_server(tmp_path: Path, serve: Serve) -> None:
    """A WebSocket is one request from its handshake to its end; requests that overlap beside it stay apart."""
    path = tmp_path / "events.jsonl"
    with serve("tests.hogtrace_asgi.served:application", tmp_path, env={"EVENTS_PATH": str(path)}) as server:
        overlap(server, "/meet", tmp_path / "async", [f"async-{number}" for number in range(4)])
        overlap(server, "/sync/meet", tmp_path / "sync", ["sync-0", "sync-1"])
        names = [f"socket-{number}" for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(talk, [server] * 4, names))
        with server.client() as http:
            assert http.get("/stream", headers={"X-Client": "whole"}).text.endswith("199\n")
            assert http.get("/background", headers={"X-Client": "background"}).text == "background"
            assert http.get("/fail", headers={"X-Client": "fail"}).status_code == 500
        wait_for_events(path, lambda events: len(kept(events)) == 13)
        server.stop()

    events = read_events(path)
    assert kept(events) >= set(names)
    talked = [event for event in events if event["values"].get("sent") in names]
    assert Counter(event["request_id"] for event in talked) == dict.fromkeys(names, 3)
    assert {event["request"]["method"] for event in talked} == {"WEBSOCKET"}
    assert {event["request"]["path"] for event in talked} == {"/talk"}


@pytest.mark.parametrize("lifespan", ["on", pytest.param("off", marks=pytest.mark.slow)])
def test_uvicorn_loses_nothing_at_its_end(tmp_path: Path, lifespan: str) -> None:
    """It dies of SIGTERM without Python's own exit: the stop of the lifespan exports what waits, or the signal does."""
    path = tmp_path / "events.jsonl"
    env = {"EVENTS_PATH": str(path), "HOGTRACE_BATCH_DELAY": "60"}
    options = ["--lifespan", lifespan]
    with uvicorn("tests.hogtrace_asgi.served:application", tmp_path, options=options, env=env) as server:
        with server.client() as http:
            assert http.get("/plain", headers={"X-Client": "last"}).status_code == 200
        server.stop()
    assert kept(read_events(path)) == {"last"}
