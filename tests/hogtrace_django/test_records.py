"""The route of Django's requests, and the records that they end with."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import include, path, re_path

import hogtrace_asgi
from hogtrace import current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.testing import CapturedEvents
from hogtrace.wsgi import HogTraceMiddleware as WSGIMiddleware
from hogtrace_django.middleware import HogTraceMiddleware
from tests.hogtrace_django import views

# Django looks after its database connections at the end of each request.
pytestmark = pytest.mark.django_db(transaction=True)

OURS = "hogtrace_django.middleware.HogTraceMiddleware"


def work(place: str) -> str:
    """Do nothing; a place for a probe."""
    return place


def item(_request: HttpRequest, number: int) -> HttpResponse:
    """Answer from a sync view."""
    store = current_store()
    assert store is not None
    store.describe(user_kind="staff")
    return HttpResponse(work(str(number)), status=203)


async def async_item(_request: HttpRequest, number: int) -> HttpResponse:
    """Answer from an async view."""
    return HttpResponse(work(str(number)), status=203)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a stream."""

    def parts() -> Iterator[bytes]:
        for part in "abc":
            yield work(part).encode()

    async def async_parts() -> AsyncIterator[bytes]:
        for part in parts():
            yield part

    return StreamingHttpResponse(async_parts() if isinstance(request, ASGIRequest) else parts())


def failing_stream(_request: HttpRequest) -> StreamingHttpResponse:
    """Fail in the first part of a stream."""

    def parts() -> Iterator[bytes]:
        raise LookupError(work("x"))
        yield b""

    return StreamingHttpResponse(parts())


async def failing_async_stream(_request: HttpRequest) -> StreamingHttpResponse:
    """Fail in the second part of an async one."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError(work("x"))

    return StreamingHttpResponse(parts())


def file(_request: HttpRequest) -> FileResponse:
    """Answer with a file."""
    work("file")
    return FileResponse(Path(__file__).open("rb"))


def fail(_request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise LookupError(work("fail"))


def gone(_request: HttpRequest) -> HttpResponse:
    """Find nothing."""
    raise Http404(work("gone"))


inner = [
    path("items/<int:number>", item),
    path("async/<int:number>", async_item),
    re_path(r"^old/(?P<number>\d+)$", item),
]
urlpatterns = [
    path("shop/<slug:shop>/", include([path("", lambda _request, **_more: HttpResponse(work("all")))])),
    path("api/", include(inner)),
    path("stream", stream),
    path("failing-stream", failing_stream),
    path("failing-async-stream", failing_async_stream),
    path("file", file),
    path("fail", fail),
    path("gone", gone),
    path("", lambda _request: HttpResponse(work("home"))),
]


@pytest.fixture
def captured(hogtrace: CapturedEvents) -> Iterator[CapturedEvents]:
    """Serve the views of this module, and let their work be captured."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(place); }}")
    with override_settings(ROOT_URLCONF=__name__):
        yield hogtrace


def get_sync(where: str, method: str = "GET") -> int:
    """Send a request as a WSGI server does, and give the status."""
    response: Any = Client(raise_request_exception=False).generic(method, where)
    if response.streaming:
        list(response)
    response.close()
    return int(response.status_code)


def get_async(where: str, method: str = "GET") -> int:
    """Send it as an ASGI server does."""

    async def get() -> int:
        response: Any = await AsyncClient(raise_request_exception=False).generic(method, where)
        if response.streaming and response.is_async:
            async for _ in response:
                pass
        elif response.streaming:
            list(response)
        await asyncio.to_thread(response.close)
        return int(response.status_code)

    return asyncio.run(get())


both = pytest.mark.parametrize("get", [get_sync, get_async], ids=["sync", "async"])
Get = Callable[..., int]


@both
@pytest.mark.parametrize(
    ("where", "route", "status", "count"),
    [
        ("/api/items/7", "api/items/<int:number>", 203, 1),
        ("/api/async/7", "api/async/<int:number>", 203, 1),
        ("/api/old/7", r"api/old/(?P<number>\d+)$", 203, 1),
        ("/shop/tea/", "shop/<slug:shop>/", 200, 1),
        ("/stream", "stream", 200, 3),
        ("/file", "file", 200, 1),
        ("/fail", "fail", 500, 1),
        ("/gone", "gone", 404, 1),
        ("/", "", 200, 1),
    ],
)
def test_a_request_ends_with_its_record(
    captured: CapturedEvents, get: Get, where: str, route: str, status: int, count: int
) -> None:
    """When its response is closed; the route has what includes it before it, as Django tells it."""
    assert get(where) == status
    (record,) = captured.requests
    values = record.values
    assert values.pop("duration") > 0
    assert values == {
        "method": "GET",
        "path": where,
        "route": route,
        "status": status,
        "captured": count,
        "errors": 0,
    }
    assert {event.request["route"] for event in captured} == {route}
    assert {event.request_id for event in captured} == {record.request_id}


@both
def test_the_answer_to_head(captured: CapturedEvents, get: Get) -> None:
    """As that to GET."""
    assert get("/api/items/7", method="HEAD") == 203
    (record,) = captured.requests
    assert (record.values["method"], record.values["status"]) == ("HEAD", 203)
    assert record.request["user_kind"] == "staff"


def before(get_response: Any) -> Any:
    """Make a middleware that works before the URL is resolved, and when nothing was found."""

    def middleware(request: HttpRequest) -> HttpResponse:
        work("before")
        response: HttpResponse = get_response(request)
        work("after")
        return response

    return middleware


@both
def test_the_route_is_known_from_when_it_is_resolved(captured: CapturedEvents, get: Get) -> None:
    """What middleware captures before that has none, and a path that leads nowhere has none at all."""
    with override_settings(MIDDLEWARE=[OURS, f"{__name__}.before"]):
        get("/api/items/7")
        assert get("/nowhere") == 404
    route = "api/items/<int:number>"
    assert [event.request.get("route") for event in captured] == [None, route, route, None, None]
    assert [(record.values["route"], record.values["status"]) for record in captured.requests] == [
        (route, 203),
        (None, 404),
    ]


def test_an_error_that_leaves_the_middleware(captured: CapturedEvents) -> None:
    """Where nobody makes an answer of it; the server answers 500."""

    def respond(_request: HttpRequest) -> HttpResponse:
        raise LookupError(work("x"))

    with pytest.raises(LookupError):
        HogTraceMiddleware(respond)(RequestFactory().get("/"))
    assert [record.values["status"] for record in captured.requests] == [500]


@pytest.mark.parametrize(("parts", "status"), [([], 500), ([b""], 500), ([b"x"], 200)])
def test_a_stream_that_fails_under_wsgi(captured: CapturedEvents, parts: list[bytes], status: int) -> None:
    """The server answers 500 as long as it has sent nothing; the record comes when it closes the body."""

    def body() -> Iterator[bytes]:
        yield from parts
        raise LookupError(work("x"))

    response: Any = HogTraceMiddleware(lambda _request: StreamingHttpResponse(body()))(RequestFactory().get("/"))
    with pytest.raises(LookupError):
        list(response)
    assert captured.requests == []
    response.close()
    assert [record.values["status"] for record in captured.requests] == [status]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("where", ["/failing-stream", "/failing-async-stream"])
def test_a_stream_that_fails_under_asgi(captured: CapturedEvents, where: str) -> None:
    """The status is sent before the body. Django does not close such a response: the request ends where it fails."""
    messages: list[Any] = []
    received = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return received.pop() if received else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)

    async def main() -> None:
        application: Any = ASGIHandler()
        scope = {"type": "http", "method": "GET", "path": where, "query_string": b"", "headers": []}
        gc.disable()
        try:
            with pytest.raises(LookupError):
                await application(scope, receive, send)
            assert [record.values["status"] for record in captured.requests] == [200]
        finally:
            gc.enable()

    # Neither does Django close the file that it has of the request's body.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(asyncio.wait_for(main(), 60))
        gc.collect()
    assert messages[0]["status"] == 200


@pytest.mark.parametrize("status", [None, "200", SimpleNamespace()])
def test_a_status_that_is_none(captured: CapturedEvents, status: Any) -> None:
    """A response may have anything there; the request goes on."""

    def respond(_request: HttpRequest) -> HttpResponse:
        response = HttpResponse(work("x"))
        response.status_code = status
        return response

    response: Any = HogTraceMiddleware(respond)(RequestFactory().get("/"))
    response.close()
    assert [record.values["status"] for record in captured.requests] == [None]


def test_a_response_that_another_stands_in_for(captured: CapturedEvents) -> None:
    """Middleware outside of ours answers that nothing was modified, and drops ours without closing it."""
    conditional = "django.middleware.http.ConditionalGetMiddleware"
    gc.disable()
    try:
        with override_settings(MIDDLEWARE=[conditional, OURS]):
            first = Client().get("/")
            first.close()
            again = Client().get("/", headers={"If-None-Match": first.headers["ETag"]})
            assert again.status_code == 304
            again.close()
        # Ours answered 200, and ended without the collector.
        assert [record.values["status"] for record in captured.requests] == [200, 200]
    finally:
        gc.enable()


def test_inside_of_other_middleware_there_is_one_record(captured: CapturedEvents) -> None:
    """That of the outermost, which has Django's route."""
    wsgi: Any = WSGIMiddleware(WSGIHandler(), exporter=MemoryExporter())
    environ = RequestFactory()._base_environ(PATH_INFO="/api/items/7")
    answers: list[str] = []
    body = wsgi(environ, lambda status, _headers, _error=None: answers.append(status))
    assert b"".join(body) == b"7"
    body.close()

    asgi: Any = hogtrace_asgi.HogTraceMiddleware(views.asgi(), exporter=MemoryExporter(), framework="outer")
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/async/7", "headers": [], "query_string": b""}
    asyncio.run(asgi(scope, receive, send))
    assert (answers, sent[0]["status"]) == (["203 Non-Authoritative Information"], 203)
    assert [
        (record.request["framework"], record.values["route"], record.values["status"], record.values["captured"])
        for record in captured.requests
    ] == [("wsgi", "api/items/<int:number>", 203, 1), ("outer", "api/async/<int:number>", 203, 1)]
    for middleware in (wsgi, asgi):
        middleware.tracer.stop()


def test_an_async_request_needs_no_thread(captured: CapturedEvents) -> None:
    """All of it, the record too, is made on the thread of the loop."""
    threads: list[int] = []

    async def main() -> None:
        threads.append(threading.get_ident())
        response = await AsyncClient().get("/api/async/7")
        assert response.status_code == 203

    asyncio.run(main())
    (event,) = captured
    assert event.thread == threads[0]
    assert len(captured.requests) == 1


@pytest.mark.parametrize("captures", [True, False])
def test_a_request_is_freed_by_counting(captured: CapturedEvents, captures: bool) -> None:
    """The request knows the store, and the store knows the request until the end."""
    requests: list[weakref.ref[HttpRequest]] = []

    def respond(request: HttpRequest) -> HttpResponse:
        requests.append(weakref.ref(request))
        request.resolver_match = SimpleNamespace(route="x/<y>")  # type: ignore[assignment]
        return HttpResponse(work("x") if captures else "x")

    middleware: Any = HogTraceMiddleware(respond)
    environ = RequestFactory()._base_environ()
    # What is made once is made.
    middleware(WSGIRequest(dict(environ))).close()
    gc.collect()
    gc.disable()
    try:
        response = middleware(WSGIRequest(dict(environ)))
        response.close()
        assert requests[-1]() is None
        # One that nobody closes.
        response = middleware(WSGIRequest(dict(environ)))
        del response
        assert requests[-1]() is None
    finally:
        gc.enable()
    assert [record.values["route"] for record in captured.requests] == ["x/<y>"] * 3 * captures
