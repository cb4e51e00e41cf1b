"""The route of ASGI requests, and the records that they end with."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from quart import Quart
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from hogtrace import RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.testing import CapturedEvents
from hogtrace_asgi import HogTraceMiddleware


def work(place: str) -> str:
    """Do nothing; a place for a probe."""
    return place


@pytest.fixture
def captured(hogtrace: CapturedEvents) -> CapturedEvents:
    """Let the work be captured."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(place); }}")
    return hogtrace


@pytest.fixture
def send() -> Iterator[Any]:
    """Give a function that sends a request to an application with HogTrace around it, and gives what it sent."""
    exporter = MemoryExporter()
    tracers = []

    def send(app: Any, path: str, *, method: str = "GET", fail_after: int = 1_000_000, **more: Any) -> list[Any]:
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            # As servers do; Quart waits for it from 0.23 on.
            await answered.wait()
            return {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            if len(sent) >= fail_after:
                raise OSError("the client is gone")
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()
            await asyncio.sleep(0)

        answered = asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [],
            "server": ("test", 80),
            "client": ("test", 1),
            **more,
        }
        wrapped = HogTraceMiddleware(app, exporter=exporter)
        tracers.append(wrapped.tracer)
        asyncio.run(wrapped(scope, receive, take))
        return sent

    yield send
    for tracer in tracers:
        assert tracer is not None
        tracer.stop()


def only(captured: CapturedEvents) -> tuple[Any, Any, Any]:
    """Give route, status and number of events of the one record that there is, and forget it."""
    (event,) = captured.requests
    values = event.values
    captured.clear()
    assert values["duration"] > 0
    return values["route"], values["status"], values["captured"]


def starlette() -> Starlette:
    """Make an application with mounts."""

    async def item(request: Request) -> PlainTextResponse:
        return PlainTextResponse(work(request.url.path), status_code=203)

    async def stream(_request: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for number in range(1000):
                yield work(str(number))

        return StreamingResponse(parts())

    async def file(_request: Request) -> FileResponse:
        work("file")
        return FileResponse(__file__)

    async def fail(_request: Request) -> PlainTextResponse:
        raise LookupError(work("fail"))

    inner = [Route("/items/{number:int}", item), Mount("/deeper", routes=[Route("/{name}", item)])]
    routes = [
        *inner,
        Route("/stream", stream),
        Route("/file", file),
        Route("/fail", fail),
        Mount("/mounted", app=Starlette(routes=inner)),
    ]
    return Starlette(routes=routes)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/items/7", ("/items/{number:int}", 203, 1)),
        ("/deeper/x", ("/deeper/{name}", 203, 1)),
        ("/mounted/items/7", ("/mounted/items/{number:int}", 203, 1)),
        ("/mounted/deeper/x", ("/mounted/deeper/{name}", 203, 1)),
        ("/stream", ("/stream", 200, 1000)),
        ("/file", ("/file", 200, 1)),
    ],
)
def test_starlette(captured: CapturedEvents, send: Any, path: str, expected: tuple[Any, ...]) -> None:
    """A mounted application's route has the path that it is mounted at before it."""
    send(starlette(), path)
    assert {event.request["route"] for event in captured} == {expected[0]}
    assert only(captured) == expected


def test_what_has_no_route_has_none(captured: CapturedEvents, send: Any) -> None:
    """A path that leads nowhere, in a mounted application too: a mount is no route."""
    app = starlette()

    async def at_work(scope: Any, receive: Any, to: Any) -> None:
        async def sending(message: Any) -> None:
            work("sending")
            await to(message)

        await app(scope, receive, sending)

    for path in ("/nowhere", "/mounted/nowhere"):
        send(at_work, path)
        assert only(captured) == (None, 404, 2)


def test_an_error_that_leaves_the_application(captured: CapturedEvents, send: Any) -> None:
    """The server answers 500 then; an answer that was begun stays what it was."""

    async def app(scope: Any, _receive: Any, to: Any) -> None:
        work(scope["path"])
        if scope["path"] == "/begun":
            await to({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    async def cancelled(_scope: Any, _receive: Any, _to: Any) -> None:
        work("cancelled")
        raise asyncio.CancelledError

    for path, status in (("/", 500), ("/begun", 200)):
        with pytest.raises(LookupError):
            send(app, path)
        assert only(captured) == (None, status, 1)
    with pytest.raises(asyncio.CancelledError):
        send(cancelled, "/")
    assert only(captured) == (None, None, 1)
    with pytest.raises(LookupError):
        send(starlette(), "/fail")
    assert only(captured) == ("/fail", 500, 1)


def test_a_client_that_goes_away(captured: CapturedEvents, send: Any) -> None:
    """The request ends when the application's call does; the status is what had been sent."""
    with pytest.raises(ClientDisconnect):
        send(starlette(), "/stream", fail_after=5)
    route, status, count = only(captured)
    assert (route, status) == ("/stream", 200)
    assert 1 <= count < 1000


def test_fastapi(captured: CapturedEvents, send: Any) -> None:
    """Routers that are included have their prefixes, mounted applications their paths."""
    app, sub = FastAPI(), FastAPI()
    items, outer = APIRouter(prefix="/items"), APIRouter(prefix="/outer")

    @items.get("/{number}", status_code=203)
    def item(number: int) -> str:
        return work(str(number))

    @app.get("/plain/{name:path}")
    async def plain(name: str) -> str:
        raise HTTPException(418, work(name))

    sub.include_router(items)
    outer.include_router(items)
    for router in (items, outer):
        app.include_router(router, prefix="/v1")
    app.mount("/sub", sub)
    expected = {
        "/plain/a/b": ("/plain/{name:path}", 418, 1),
        "/v1/items/7": ("/v1/items/{number}", 203, 1),
        "/v1/outer/items/7": ("/v1/outer/items/{number}", 203, 1),
        "/sub/items/7": ("/sub/items/{number}", 203, 1),
    }
    for path, record in expected.items():
        send(app, path)
        assert only(captured) == record


def test_a_websocket_ends_with_the_code_that_closes_it(captured: CapturedEvents) -> None:
    """One record a connection; if the client closes it the status is unknown."""
    app = FastAPI()

    @app.websocket("/chat/{room}")
    async def chat(socket: WebSocket, room: str) -> None:
        await socket.accept()
        work(await socket.receive_text())
        if room == "closed":
            await socket.close(4001)

    wrapped = HogTraceMiddleware(app, exporter=MemoryExporter())
    for room, status in (("closed", 4001), ("left", None)):
        messages: list[Any] = [{"type": "websocket.receive", "text": room}, {"type": "websocket.connect"}]

        async def receive(messages: list[Any] = messages) -> Any:
            return messages.pop() if messages else {"type": "websocket.disconnect", "code": 1001}

        async def take(_message: Any) -> None:
            await asyncio.sleep(0)

        path = f"/chat/{room}"
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "root_path": ""}
        asyncio.run(wrapped(scope, receive, take))
        assert only(captured) == ("/chat/{room}", status, 1)
    assert wrapped.tracer is not None
    wrapped.tracer.stop()


def test_litestar(captured: CapturedEvents, send: Any) -> None:
    """As Litestar writes it."""

    @get("/items/{number:int}", sync_to_thread=False)
    def item(request: LitestarRequest[Any, Any, Any]) -> str:
        return work(str(request.path_params["number"]))

    send(Litestar([item], openapi_config=None), "/items/7")
    assert only(captured) == ("/items/{number}", 200, 1)


def test_what_keeps_no_route_may_be_told_it(captured: CapturedEvents, send: Any) -> None:
    """Quart leaves none in the scope; one line of the application's says it."""
    app = Quart(__name__)

    @app.get("/items/<int:number>")
    async def item(number: int) -> tuple[str, int]:
        return work(str(number)), 203

    send(app, "/items/7")
    assert only(captured) == (None, 203, 1)

    @app.before_request
    async def tell() -> None:
        from quart import request

        store = current_store()
        assert store is not None
        store.describe(route=request.url_rule.rule)

    # Quart takes no more hooks once it has served.
    send(app, "/items/7")
    assert only(captured) == ("/items/<int:number>", 203, 1)


def test_nested_applications_have_one_record(captured: CapturedEvents, send: Any) -> None:
    """The outer one's."""
    inner = HogTraceMiddleware(starlette(), exporter=MemoryExporter())
    send(Starlette(routes=[Mount("/inner", app=inner)]), "/inner/items/7")
    assert only(captured) == ("/inner/items/{number:int}", 203, 1)
    assert inner.tracer is not None
    inner.tracer.stop()


def test_a_request_is_freed_by_counting(captured: CapturedEvents) -> None:
    """The scope knows the store, and the store knows the scope until the end."""
    stores: list[weakref.ref[RequestLocalStore]] = []

    async def app(scope: Any, _receive: Any, to: Any) -> None:
        store = current_store()
        assert store is not None
        stores.append(weakref.ref(store))
        if scope["path"] == "/work":
            work("x")
        await to({"type": "http.response.start", "status": 200, "headers": []})

    async def take(_message: Any) -> None:
        await asyncio.sleep(0)

    wrapped = HogTraceMiddleware(app, exporter=MemoryExporter())

    async def main() -> None:
        for path in ("/", "/work"):
            await wrapped({"type": "http", "method": "GET", "path": path, "headers": []}, take, take)
            assert stores[-1]() is None, path

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
    assert only(captured) == (None, 200, 1)
    assert wrapped.tracer is not None
    wrapped.tracer.stop()
