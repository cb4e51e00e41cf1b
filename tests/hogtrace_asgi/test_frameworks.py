"""Litestar, Quart, Falcon and applications without a framework: one program works on all of them."""

from __future__ import annotations

import asyncio
from typing import Any

import falcon.asgi
import httpx
import litestar
import pytest
import quart
import quart.wrappers.request
from litestar.connection import ASGIConnection

from hogtrace import CaptureEvent
from hogtrace.exporters import MemoryExporter
from hogtrace_asgi import TRUST
from tests.hogtrace_asgi.framework_apps import MAKERS, wrapped
from tests.looking import captures, check_names, read


def fail(_self: Any, *_given: Any) -> Any:
    """Stand in for code of a framework's that must not run."""
    raise AssertionError("code of the framework ran")


def events_of(framework: str) -> list[CaptureEvent]:
    """Send one request of each kind to the application of a framework, and give what was captured."""
    exporter = MemoryExporter()
    app, middleware = wrapped(framework, exporter=exporter, max_overhead=None)

    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return [
                await http.get(f"/{name}", headers={"X-Client": name, "X-Request-ID": f"r-{name}"})
                for name in ("work", "stream", "fail")
            ]

    worked, streamed, failed = asyncio.run(main())
    assert (worked.status_code, worked.text) == (203, "work")
    assert streamed.text.endswith("19\n")
    assert failed.status_code == 500
    assert middleware.tracer is not None
    assert middleware.tracer.flush(60)
    middleware.tracer.stop()
    return captures(exporter)


@pytest.mark.parametrize("framework", MAKERS)
def test_the_seed_program(framework: str) -> None:
    """Headers of the request and status of the response, by the same expressions in every framework."""
    events = events_of(framework)
    assert [event.errors for event in events if event.errors] == []
    values = [event.values for event in events]
    assert [found["id"] for found in values if "id" in found] == ["r-work", "r-stream", "r-fail"]
    assert {found["method"] for found in values if "method" in found} == {"GET"}
    work = [(found["sent"], found["kept"]) for found in values if "sent" in found]
    assert work == [("work", "work"), *[("stream", "stream")] * 20, ("fail", "fail")]
    assert [found for found in values if "status" in found] == [{"status": 203, "client": "work"}]
    assert [found for found in values if "stream" in found] == [{"stream": "stream", "closed": False}]
    assert {event.request_id for event in events} == {"r-work", "r-stream", "r-fail"}
    assert {event.request["framework"] for event in events} == {framework}


def http_scope() -> dict[str, Any]:
    """Give a request's scope."""
    return {
        "type": "http",
        "method": "PUT",
        "path": "/here",
        "path_params": {"number": 7},
        "headers": [(b"x-request-id", b"r-1"), (b"authorization", b"Basic c2VjcmV0")],
        "query_string": b"",
    }


def test_litestar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of Litestar's is read from its scope, and its properties do not run."""
    request: Any = litestar.Request(http_scope())  # type: ignore[arg-type]
    before = dict(request.scope)
    for kind, name in ((ASGIConnection, "headers"), (ASGIConnection, "path_params"), (litestar.Request, "method")):
        monkeypatch.setattr(kind, name, property(fail))
    assert read(request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"
    assert read(request, 'arg0.headers["Authorization"]', TRUST) == "[redacted]"
    assert read(request, 'arg0.path_params["number"]', TRUST) == 7
    assert read(request, "arg0.method", TRUST) == "PUT"
    assert request.scope == before


def test_falcon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of Falcon's is read from its scope."""
    request = falcon.asgi.Request(http_scope(), fail)
    for kind, name in (
        (falcon.asgi.Request, "headers"),
        (falcon.Response, "status_code"),
        (falcon.Response, "headers"),
    ):
        monkeypatch.setattr(kind, name, property(fail))
    assert read(request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"
    assert read(request, "arg0.method", ()) == "PUT"
    response = falcon.asgi.Response()
    response.set_header("X-Made", "here")
    response.status = 404
    assert read(response, "arg0.status_code", TRUST) == 404
    assert read(response, 'arg0.headers["x-made"]', TRUST) == "here"


def test_the_globals_of_quart() -> None:
    """`quart.request` is read as what it stands for, here and now."""
    app = quart.Quart(__name__)

    async def main() -> None:
        async with app.test_request_context("/here", method="PUT", headers={"X-Request-ID": "r-1"}):
            assert read(quart.request, "arg0.method", TRUST) == "PUT"
            assert read(quart.request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"

    asyncio.run(main())
    with pytest.raises(LookupError, match="stands for nothing here"):
        read(quart.request, "arg0.method", TRUST)


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    contexts = [entry for entry in TRUST if entry.type.startswith("quart.ctx.")]
    check_names([entry for entry in TRUST if entry not in contexts])
    # Releases differ in which of them there are.
    there = [
        entry for entry in contexts if hasattr(getattr(quart.ctx, entry.type.rpartition(".")[2], None), entry.attribute)
    ]
    assert {entry.attribute for entry in there} == {"request", "websocket"}
