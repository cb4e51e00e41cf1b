"""Flask with HogTrace under a real server, with requests that overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server, eventlet, granian, gunicorn, read_events, read_requests

# Servers on a busy machine.
pytestmark = pytest.mark.timeout(600)

THREADS = {"workers": 2, "threads": 4}

needs_eventlet = pytest.mark.skipif(find_spec("eventlet") is None, reason="eventlet is not installed")


@pytest.mark.parametrize(
    ("serve", "options"),
    [
        (gunicorn, {**THREADS, "preload": False}),
        pytest.param(gunicorn, {**THREADS, "preload": True}, marks=pytest.mark.slow),
        # Requests that overlap need a process each.
        pytest.param(gunicorn, {"workers": 4, "worker": "sync"}, marks=pytest.mark.slow),
        pytest.param(gunicorn, {"workers": 2, "worker": "gevent"}, marks=pytest.mark.slow),
        pytest.param(granian, {**THREADS, "interface": "wsgi", "factory": True}, marks=pytest.mark.slow),
        pytest.param(eventlet, {}, marks=[pytest.mark.slow, needs_eventlet]),
    ],
    ids=["gthread", "gthread-preload", "sync", "gevent", "granian", "eventlet"],
)
def test_under_a_server(
    tmp_path: Path, serve: Callable[..., AbstractContextManager[Server]], options: dict[str, Any]
) -> None:
    """In threads, processes and greenlets variables stay with their request, to its teardown and its stream's end."""
    path = tmp_path / "events.jsonl"
    app = "tests.hogtrace_flask.app:create_app" + ("" if options.get("factory") else "()")
    with serve(app, tmp_path, env={"EVENTS_PATH": str(path)}, **options) as server:

        def get(url: str, name: str, place: str = "") -> tuple[int, str]:
            headers = {
                "X-Client": name,
                "X-Request-ID": name,
                "X-Place": str(tmp_path / place),
                "X-Count": "4",
            }
            with server.client() as http:
                answer = http.get(url, headers=headers)
            return answer.status_code, answer.text

        rounds = [[f"{number}-{index}" for index in range(4)] for number in range(3)]
        with ThreadPoolExecutor(4) as pool:
            for number, names in enumerate(rounds):
                answers = pool.map(get, ["/meet"] * 4, names, [f"round-{number}"] * 4)
                assert list(answers) == [(203, name) for name in names]
        assert get("/file", "file") == (200, (Path(__file__).parent / "app.py").read_text())
        assert get("/fail", "fail")[0] == 500
        assert get("/stream", "whole")[1].endswith("999\n")
        with server.client() as http, http.stream("GET", "/stream", headers={"X-Client": "cut"}) as stream:
            next(stream.iter_raw())
        server.stop()

    events = read_events(path)
    values = [event["values"] for event in events]
    work = [captured for captured in values if "sent" in captured]
    names = [name for names in rounds for name in names]
    assert [captured for captured in work if captured["sent"] != captured["kept"]] == []
    assert {captured["sent"] for captured in work} == {*names, "file", "fail", "whole", "cut"}
    assert {captured["client"]: captured["status"] for captured in values if "status" in captured} == dict.fromkeys(
        names, 203
    ) | {"file": 200, "fail": 500, "whole": 200, "cut": 200}
    ends = [captured for captured in values if "stream" in captured]
    assert sorted((captured["stream"], captured["closed"]) for captured in ends) == [
        ("cut", True),
        ("whole", False),
    ]
    # Each request is torn down inside its scope, a streamed one after its stream.
    torn_down = {captured["torn_down"] for captured in values if "torn_down" in captured}
    assert torn_down == {*names, "file", "fail", "whole", "cut"}
    for name in names:
        assert Counter(event["request_id"] for event in events)[name] == 4
    assert {event["request"]["framework"] for event in events} == {"flask"}
    # Each ends with one record, by the process that answered it, a stream too when its client has left.
    records = {record["request_id"]: record for record in read_requests(path)}
    assert len(records) == len(read_requests(path)) == len({event["request_id"] for event in events})
    counts = Counter(event["request_id"] for event in events)
    assert {name: record["values"]["captured"] for name, record in records.items()} == counts
    for name in names:
        assert (records[name]["values"]["route"], records[name]["values"]["status"]) == ("/meet", 203)
    if options.get("worker") != "gevent" and serve is not eventlet:
        assert len({(event["process"], event["thread"]) for event in events}) > 1
