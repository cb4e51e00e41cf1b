"""Starlette and FastAPI with HogTrace under a real server, with requests that overlap."""

from __future__ import annotations

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers import Server, read_events, uvicorn


def overlap(server: Server, path: str, place: Path, names: list[str]) -> None:
    """Send one request for each of `names` and have them all wait for each other."""

    def get(name: str) -> tuple[int, str]:
        headers = {"X-Client": name, "X-Request-ID": name, "X-Place": str(place), "X-Count": str(len(names))}
        with server.client() as http:
            answer = http.get(path, headers=headers)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(get, names)) == [(203, name) for name in names]


def pipeline(server: Server, path: str, names: list[str]) -> bytes:
    """Send one request for each of `names` at once on one connection, and give all that comes back."""
    url = urlsplit(server.url)
    assert url.port
    with socket.create_connection(("127.0.0.1", url.port), 20) as connection:
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
    assert {event["values"]["stream"] for event in events if "stream" in event["values"]} >= {"whole"}
    for name in names:
        assert Counter(event["request_id"] for event in events)[name] == 3
    assert {event["request"]["framework"] for event in events} == {"starlette"}
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


def test_a_wrong_setting_ends_the_server_at_start(tmp_path: Path) -> None:
    """Starlette builds its middleware in its first call; the server ends there and says why."""
    with uvicorn("tests.hogtrace_asgi.app:make_wrongly_configured", tmp_path, factory=True) as server:
        assert server.process.wait(20) != 0
        assert "did you mean 'PROBES'?" in server.log
        assert "Application startup failed" in server.log
