"""Whole requests through Django, sync and async: where the request's variables go with them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.testing import WebsocketCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import path

import hogtrace_asgi
from hogtrace import RequestLocalStore, current_store
from hogtrace.testing import CapturedEvents
from tests.hogtrace_django import views

# Django looks after its database connections at the end of each request.
pytestmark = pytest.mark.django_db(transaction=True)

OURS = "hogtrace_django.middleware.HogTraceMiddleware"
HERE = "tests.hogtrace_django.test_requests"

# The two places in Django that call views; `$req.client` says whose request it is.
MARK = """
fn:django.core.handlers.base.BaseHandler._get_response:entry { $req.client = arg1.headers["X-Client"]; }
fn:django.core.handlers.base.BaseHandler._get_response_async:entry { $req.client = arg1.headers["X-Client"]; }
"""
WORK = "fn:tests.hogtrace_django.views.work:entry { capture(client, kept=$req.client); }"


def sync_only(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """Make a middleware that is sync alone, so that Django needs a thread for it under ASGI."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        views.work(request.META["HTTP_X_CLIENT"])
        return get_response(request)

    return middleware


def async_only(get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> Any:
    """Make a middleware that is async alone."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        views.work(request.META["HTTP_X_CLIENT"])
        return await get_response(request)

    return middleware


sync_only.async_capable = False  # type: ignore[attr-defined]  # as Django's decorators do
async_only.sync_capable = False  # type: ignore[attr-defined]  # the same
async_only.async_capable = True  # type: ignore[attr-defined]  # the same


def get_sync(path: str, client: str = "x") -> HttpResponse:
    """Send a request as a WSGI server does."""
    return Client(raise_request_exception=False).get(path, headers={"X-Client": client})


def get_async(path: str, client: str = "x") -> HttpResponse:
    """Send a request as an ASGI server does, in a loop of its own."""

    async def get() -> Any:
        return await AsyncClient(raise_request_exception=False).get(path, headers={"X-Client": client})

    return asyncio.run(get())


both = pytest.mark.parametrize("get", [get_sync, get_async], ids=["sync", "async"])
Get = Callable[..., HttpResponse]


@pytest.fixture
def work(hogtrace: CapturedEvents) -> CapturedEvents:
    """Let each request be marked with its client, and work be captured."""
    hogtrace.probe(MARK)
    hogtrace.probe(WORK)
    return hogtrace


@both
@pytest.mark.parametrize("path", ["/plain", "/failing", "/mixed", "/async/everywhere"])
@pytest.mark.parametrize("between", ["none", "sync", "async", "both"])
def test_variables_follow_the_request(work: CapturedEvents, get: Get, path: str, between: str) -> None:
    """Through sync and async views, middleware of either kind between, threads, tasks and failures."""
    middleware = {
        "none": [OURS],
        "sync": [OURS, f"{HERE}.sync_only"],
        "async": [OURS, f"{HERE}.async_only"],
        "both": [OURS, f"{HERE}.async_only", f"{HERE}.sync_only", f"{HERE}.async_only"],
    }[between]
    with override_settings(MIDDLEWARE=middleware):
        assert get(path, "ada").status_code == (500 if path == "/failing" else 200)
    own = {"/plain": 1, "/failing": 1, "/mixed": 3, "/async/everywhere": 3}[path]
    # A middleware's own work comes before the mark.
    assert (
        work.values
        == [{"client": "ada", "kept": None}] * (len(middleware) - 1) + [{"client": "ada", "kept": "ada"}] * own
    )
    assert len({event.request_id for event in work}) == 1
    assert current_store() is None


def test_a_middleware_before_ours_is_outside(work: CapturedEvents) -> None:
    """That is what the check W002 warns of: its events belong to no request."""
    with override_settings(MIDDLEWARE=[f"{HERE}.sync_only", OURS]):
        get_sync("/plain", "ada")
    assert [event.request_id is None for event in work] == [True, False]


def test_work_that_outlives_its_request(work: CapturedEvents) -> None:
    """A background task reads what was there; what it writes is dropped and counted."""
    work.probe("fn:tests.hogtrace_django.views.late:entry { $req.late = client; }")

    stores: list[RequestLocalStore] = []

    async def main() -> None:
        response = await AsyncClient().get("/async/outliving", headers={"X-Client": "ada"})
        assert response.status_code == 200
        response.close()
        gate, task, store = views.outlives.pop()
        stores.append(store)
        gate.set()
        await task

    asyncio.run(main())
    assert work.values == [{"client": "ada", "kept": "ada"}] * 2
    assert len({event.request_id for event in work}) == 1
    assert (stores[0].closed, stores[0].dropped_writes, stores[0].all()) == (True, 1, {"client": "ada"})


@both
def test_what_runs_on_commit_is_in_the_request(work: CapturedEvents, get: Get) -> None:
    """The hooks of a transaction are called while the view runs."""
    assert get("/committing", "ada").status_code == 200
    assert work.one().values == {"client": "ada", "kept": "ada"}


@both
def test_streams_files_and_heads(work: CapturedEvents, get: Get) -> None:
    """A stream's parts are made in the request; HEAD makes none; a file's scope ends with it."""
    response: Any = get("/streaming", "ada")
    assert work.values == []
    parts = response.streaming_content

    async def begin() -> list[bytes]:
        return [part async for part in parts]

    got = asyncio.run(begin()) if hasattr(parts, "__aiter__") else list(parts)
    assert len(got) == 1000
    response.close()
    assert work.values == [{"client": "ada", "kept": "ada"}] * 1000
    work.clear()
    head: Any = Client().head("/streaming", headers={"X-Client": "eve"})
    head.close()
    assert work.values == []
    file: Any = Client().head("/file", headers={"X-Client": "eve"})
    assert isinstance(file, FileResponse)
    file.close()
    assert work.one().values == {"client": "eve", "kept": "eve"}


@override_settings(ROOT_URLCONF="tests.hogtrace_django.rest")
def test_views_of_the_rest_framework(hogtrace: CapturedEvents) -> None:
    """A method of a view class, and a function behind `@api_view`, are targets like any other."""
    hogtrace.probe(
        """
        fn:tests.hogtrace_django.rest.Orders.post:exit {
            capture(shop, method=request.method, data=request.data, status=retval.status_code,
                    id=request.headers["X-Request-ID"]);
        }
        fn:tests.hogtrace_django.rest.total:exit { capture(query=request.query_params, data=retval.data); }
        """
    )
    headers = {"X-Request-ID": "r-1"}
    answer = Client().post("/orders/one", {"item": "tea"}, content_type="application/json", headers=headers)
    assert answer.json() == {"shop": "one", "item": "tea"}
    assert Client().get("/total?n=21").json() == {"total": 42}
    assert [event.errors for event in hogtrace] == [[], []]
    assert hogtrace.values == [
        {"shop": "one", "method": "POST", "data": {"item": "tea"}, "status": 201, "id": "r-1"},
        {"query": {"n": ["21"]}, "data": {"total": 42}},
    ]
    assert [event.request["path"] for event in hogtrace] == ["/orders/one", "/total"]


class Chat(WebsocketConsumer):
    """Answers what it is told."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer once."""
        views.work(str(text_data))
        self.send(str(text_data))


def test_inside_a_router_of_channels(hogtrace: CapturedEvents) -> None:
    """Django's requests are as ever; with the ASGI middleware around the router a connection is one request, too."""
    hogtrace.probe("fn:tests.hogtrace_django.test_requests.Chat.receive:entry { $req.client = text_data; }")
    hogtrace.probe(MARK)
    hogtrace.probe(WORK)
    router = ProtocolTypeRouter(
        {"http": views.asgi(), "websocket": URLRouter([path("chat", Chat.as_asgi())])}  # type: ignore[dict-item]
    )
    app: Any = hogtrace_asgi.HogTraceMiddleware(router, probes=[], exporter="memory", framework="channels")

    async def main() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            assert (await http.get("/async/everywhere", headers={"X-Client": "ada"})).status_code == 200
        socket = WebsocketCommunicator(app, "/chat")
        assert (await socket.connect(timeout=60))[0]
        for word in ("one", "two"):
            await socket.send_to(text_data=word)
            assert await socket.receive_from(timeout=60) == word
        await socket.disconnect(timeout=60)

    asyncio.run(main())
    assert hogtrace.values == [{"client": "ada", "kept": "ada"}] * 3 + [
        {"client": word, "kept": word} for word in ("one", "two")
    ]
    assert [event.request["method"] for event in hogtrace] == ["GET"] * 3 + ["WEBSOCKET"] * 2
    assert len({event.request_id for event in hogtrace}) == 2
    assert {event.request["framework"] for event in hogtrace} == {"channels"}


def test_a_live_server(work: CapturedEvents, live_server: Any) -> None:
    """Requests that Django's live server answers in its threads are apart, and seen by the test's probes."""

    def get(name: str) -> int:
        return httpx.get(
            f"{live_server.url}/plain", headers={"X-Client": name}, timeout=60, trust_env=False
        ).status_code

    names = [f"client-{index}" for index in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(get, names)) == {200}
    assert sorted(values["client"] for values in work.values) == names
    assert all(values["client"] == values["kept"] for values in work.values)


def stores() -> int:
    """Count the stores that are there."""
    gc.collect()
    return sum(type(one) is RequestLocalStore for one in gc.get_objects())


def serve_sync(number: int) -> None:
    """Answer so many requests with Django's WSGI handler, every tenth of them streamed, every eleventh a failure."""
    handler = WSGIHandler()
    environ = RequestFactory(headers={"X-Client": "x"})._base_environ()  # type: ignore[attr-defined]
    for index in range(number):
        where = "/streaming" if index % 1000 == 0 else "/failing" if index % 11 == 0 else "/plain"
        body = handler({**environ, "PATH_INFO": where}, lambda *_given: None)  # type: ignore[arg-type]
        if index % 2000 == 0:
            next(iter(body))
        else:
            for _ in body:
                pass
        body.close()  # type: ignore[attr-defined]


def serve_async(number: int) -> None:
    """Do the same with the ASGI handler, in one loop."""

    async def main() -> None:
        handler = ASGIHandler()
        scope = AsyncRequestFactory()._base_scope(path="/async/everywhere", headers=[(b"x-client", b"x")])  # type: ignore[attr-defined]
        quiet = asyncio.Event()

        async def once() -> None:
            messages = iter([{"type": "http.request", "body": b""}])

            async def receive() -> Any:
                for message in messages:
                    return message
                await quiet.wait()
                return None

            async def send(message: Any) -> None:
                sent.append(message["type"])

            sent: list[str] = []
            await handler(dict(scope), receive, send)  # type: ignore[arg-type]
            assert sent == ["http.response.start", "http.response.body"]

        for _ in range(number):
            await once()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("serve", "number"),
    [
        pytest.param(serve_sync, 2_000, id="sync"),
        pytest.param(serve_async, 100, id="async"),
        pytest.param(serve_sync, 100_000, id="sync-long", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param(serve_async, 20_000, id="async-long", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_no_store_outlives_its_request(
    hogtrace: CapturedEvents, serve: Callable[[int], None], number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """However many requests there were, no more stores are left than before, with probes that set variables."""
    caplog.set_level("CRITICAL", "django.request")
    hogtrace.probe(MARK)
    before = stores()
    serve(number)
    # Those of tests before this one may go meanwhile; and a thread of a pool lets go of its work after it is done.
    deadline = time.monotonic() + 60
    while stores() > before:
        assert time.monotonic() < deadline, (stores(), before)
        time.sleep(0.01)
