"""Applications of several frameworks in one process: whose tracer is whose."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asgiref.wsgi import WsgiToAsgi
from django.test import override_settings
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.routing import Mount
from werkzeug.sansio.response import Response as WerkzeugResponse

from hogtrace import Tracer, _state
from hogtrace.exporters import MemoryExporter
from hogtrace.wsgi import HogTraceMiddleware as WSGIMiddleware
from hogtrace_asgi import HogTraceMiddleware as ASGIMiddleware
from hogtrace_django.conf import get_tracer
from hogtrace_flask import HogTrace
from tests.looking import captures

PROBE = "fn:tests.test_applications.work:entry { capture(arg0); }"


def work(what: Any) -> None:
    """Do nothing; a place for a probe."""


def begin(who: str) -> None:
    """Do nothing; a place for another."""


def wsgi_app(_environ: Any, _start_response: Any) -> list[bytes]:
    """Work."""
    work("wsgi")
    return []


async def asgi_app(_scope: Any, _receive: Any, _send: Any) -> None:
    """Work."""
    work("asgi")


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop all tracers that a test has made; on a busy machine no probe is taken out for its overhead."""
    monkeypatch.setenv("HOGTRACE_MAX_OVERHEAD", "none")
    before = set(map(id, _state.tracers.values()))
    yield
    for tracer in [tracer for tracer in _state.tracers.values() if id(tracer) not in before]:
        tracer.stop()


def flask_tracer(**settings: Any) -> Tracer:
    """Give the tracer of a new Flask application with these settings."""
    app = Flask(__name__)
    HogTrace(app, **settings)
    tracer = app.extensions["hogtrace"].tracer
    assert isinstance(tracer, Tracer)
    return tracer


def test_equal_settings_are_one_tracer_in_all_frameworks() -> None:
    """A function that applications of several frameworks use is captured once a call, not once a framework."""
    exporter = MemoryExporter()
    with override_settings(HOGTRACE={"PROBES": [PROBE], "EXPORTER": exporter}):
        tracer = get_tracer()
        assert tracer is not None
        options: dict[str, Any] = {"probes": [PROBE], "exporter": exporter}
        wsgi, asgi = WSGIMiddleware(wsgi_app, **options), ASGIMiddleware(asgi_app, **options)
        assert wsgi.tracer is asgi.tracer is flask_tracer(**options) is tracer

        wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: lambda _: None)
        asyncio.run(asgi({"type": "http", "method": "GET", "path": "/", "headers": []}, nothing, nothing))
        assert tracer.flush(60)
    assert [(event.values["arg0"], event.request["framework"]) for event in captures(exporter)] == [
        ("wsgi", "wsgi"),
        ("asgi", "asgi"),
    ]


async def nothing(*_given: Any) -> Any:
    """Stand in for what a server gives to send and to receive with."""


def test_a_flask_application_in_an_asgi_application_is_one_request() -> None:
    """An adapter of asgiref's, in the thread of which the inner application joins the outer one's request."""
    exporter = MemoryExporter()
    options: dict[str, Any] = {
        "probes": [
            "fn:tests.test_applications.begin:entry { $req.who = arg0; }",
            "fn:tests.test_applications.work:entry { capture(arg0, who=$req.who); }",
        ],
        "exporter": exporter,
    }
    inner = Flask(__name__)

    @inner.get("/app/<int:number>")
    def answer(number: int) -> tuple[str, int]:
        work(f"flask {number}")
        return "", 203

    HogTrace(inner, **options)

    async def begun(scope: Any, receive: Any, send: Any) -> None:
        begin("outer")
        work("starlette")
        await Starlette(routes=[Mount("/mounted", WsgiToAsgi(inner))])(scope, receive, send)

    outer = ASGIMiddleware(begun, framework="starlette", **options)

    async def main() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://test") as http:
            return (await http.get("/mounted/app/7")).status_code

    assert asyncio.run(main()) == 203
    assert outer.tracer is not None
    assert outer.tracer.flush(60)
    whats = ["starlette", "flask 7"]
    assert [event.values for event in captures(exporter)] == [{"arg0": what, "who": "outer"} for what in whats]
    (record,) = [event for event in exporter.events if event.kind == "request"]
    assert {event.request_id for event in exporter.events} == {record.request_id}
    assert record.request == {
        "method": "GET",
        "path": "/mounted/app/7",
        "framework": "starlette",
        "route": "/app/<int:number>",
    }
    assert (record.values["status"], record.values["captured"]) == (203, 2)


def test_a_shared_tracer_knows_what_each_framework_vouches_for() -> None:
    """What the second package vouches for holds for probes that the first has installed."""
    exporter = MemoryExporter()
    probes = [
        'fn:tests.test_applications.work:entry { capture(id=arg0.headers["X-Request-ID"]); }',
        "fn:tests.test_applications.work:entry { capture(status=arg0.status_code); }",
    ]
    first = flask_tracer(probes=probes, exporter=exporter)
    second = ASGIMiddleware(asgi_app, probes=probes, exporter=exporter).tracer
    assert second is first
    work(StarletteRequest({"type": "http", "headers": [(b"x-request-id", b"r-1")]}))
    work(WerkzeugResponse(418))
    assert first.flush(60)
    assert [event.values for event in exporter.events if not event.errors] == [{"id": "r-1"}, {"status": 418}]
    assert [probe.state for probe in first.status().probes] == ["installed", "installed"]


def test_the_same_application_twice_counts_on() -> None:
    """Where a package brings nothing new the probes stay as they are, with their counts."""
    options: dict[str, Any] = {"probes": [PROBE], "exporter": MemoryExporter()}
    tracer = flask_tracer(**options)
    work("once")
    assert flask_tracer(**options) is tracer
    assert [probe.fired for probe in tracer.status().probes] == [1]


def test_other_settings_are_another_tracer_and_both_fire() -> None:
    """Each application has its own events."""
    exporters = MemoryExporter(), MemoryExporter()
    first = flask_tracer(probes=[PROBE], exporter=exporters[0])
    second = ASGIMiddleware(asgi_app, probes=[PROBE], exporter=exporters[1]).tracer
    assert second is not None
    assert second is not first
    work("both")
    assert first.flush(60)
    assert second.flush(60)
    assert [[event.values for event in exporter.events] for exporter in exporters] == [[{"arg0": "both"}]] * 2
    first.stop()
    work("one")
    assert second.flush(60)
    assert [len(exporter.events) for exporter in exporters] == [1, 2]
