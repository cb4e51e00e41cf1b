"""No store outlives its request: what is left of many requests, in each kind of application."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hogtrace import RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.wsgi import HogTraceMiddleware as WSGIMiddleware
from hogtrace_asgi import HogTraceMiddleware as ASGIMiddleware
from hogtrace_flask import HogTrace
from tests.hogtrace.test_wsgi import environ_for, ignore

# A variable that holds an object of the application's, and one of the call; nothing is captured.
PROBES = [
    f"fn:{__name__}.serve:entry {{ $req.kept = kept; $call.kept = kept; }}",
    f"fn:{__name__}.serve:exit / $call.kept == None / {{ capture(1); }}",
]

# On a busy machine a probe may be over its budget; it stays in.
OPTIONS: dict[str, Any] = {"probes": PROBES, "max_overhead": None}


class Kept:
    """What the requests' variables hold."""


class Watch:
    """The stores and the objects in them that are alive."""

    def __init__(self) -> None:
        self.stores: weakref.WeakSet[RequestLocalStore] = weakref.WeakSet()
        self.objects: weakref.WeakSet[Kept] = weakref.WeakSet()
        self.most = 0
        self.served = 0

    def serve(self) -> None:
        """Serve one request: its store is watched, and keeps an object."""
        store = current_store()
        assert store is not None
        kept = Kept()
        self.stores.add(store)
        self.objects.add(kept)
        serve(kept)
        assert store.get("kept") is kept
        self.served += 1
        self.most = max(self.most, len(self.stores))


def serve(kept: Kept) -> None:
    """Do nothing; here a probe sets the request's variable."""


def wsgi(watch: Watch, count: int) -> Any:
    """Send requests to a WSGI application, one after the other."""

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        watch.serve()
        start_response("200 OK", [])
        return [b"x"]

    middleware = WSGIMiddleware(app, **OPTIONS, exporter=MemoryExporter())
    for _ in range(count):
        body: Any = middleware(environ_for(), ignore)
        assert list(body) == [b"x"]
        body.close()
    return middleware.tracer


def flask(watch: Watch, count: int) -> Any:
    """Do the same with Flask, with a streamed body."""
    app = Flask(__name__)

    @app.get("/")
    def view() -> Any:
        def parts() -> Any:
            watch.serve()
            yield b"x"

        return app.response_class(parts())

    HogTrace(app, **OPTIONS, exporter=MemoryExporter())
    for _ in range(count):
        body: Any = app(environ_for(), ignore)
        assert b"".join(body) == b"x"
        body.close()
    return app.extensions["hogtrace"].tracer


async def receive() -> Any:
    """Give the end of an empty request."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: Any) -> None:
    """Take what the application sends."""


def asgi_scope() -> dict[str, Any]:
    """Give what a server gives with a request."""
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}


async def in_batches(app: Any, count: int) -> None:
    """Send requests to an ASGI application, ten at a time."""
    for _ in range(count // 10):
        await asyncio.gather(*(asyncio.create_task(app(asgi_scope(), receive, send)) for _ in range(10)))


def asgi(watch: Watch, count: int) -> Any:
    """Send requests to an ASGI application, with tasks that outlive them."""

    async def main() -> Any:
        tasks: set[asyncio.Task[None]] = set()

        async def later() -> None:
            await asyncio.sleep(0)
            store = current_store()
            assert store is not None
            assert store.has("kept")

        async def app(_scope: Any, _receive: Any, _send: Any) -> None:
            watch.serve()
            task = asyncio.create_task(later())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(0)

        middleware = ASGIMiddleware(app, **OPTIONS, exporter=MemoryExporter())
        await in_batches(middleware, count)
        await asyncio.gather(*tasks)
        return middleware.tracer

    return asyncio.run(main())


def starlette(watch: Watch, count: int) -> Any:
    """Do the same with Starlette."""

    async def endpoint(_request: Request) -> PlainTextResponse:
        watch.serve()
        return PlainTextResponse("x")

    app = ASGIMiddleware(Starlette(routes=[Route("/", endpoint)]), **OPTIONS, exporter=MemoryExporter())
    asyncio.run(in_batches(app, count))
    return app.tracer


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [500, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("send_to", [wsgi, flask, asgi, starlette])
def test_many_requests_leave_nothing(send_to: Callable[[Watch, int], Any], count: int) -> None:
    """Neither stores nor what was in them; and never more are alive than requests are being answered, or soon after."""
    watch = Watch()
    tracer = send_to(watch, count)
    assert [probe.fired for probe in tracer.status().probes] == [count, 0]
    assert watch.served == count
    tracer.stop(60)
    gc.collect()
    assert len(watch.stores) == len(watch.objects) == 0
    # What is in cycles waits for the collector.
    assert watch.most < 500
