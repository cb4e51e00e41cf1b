"""The Django middleware, called as Django calls it."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings

from hogtrace import RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.wsgi import HogTraceMiddleware as WSGIMiddleware
from hogtrace_django.middleware import HogTraceMiddleware

# Django looks after its database connections when a response is closed.
pytestmark = pytest.mark.django_db(transaction=True)

MEMORY = {"EXPORTER": {"BACKEND": "hogtrace.exporters.MemoryExporter"}}

Respond = Callable[[HttpRequest], HttpResponseBase]


def store_now() -> RequestLocalStore:
    """Give the current store, which must be there."""
    store = current_store()
    assert store is not None
    return store


def respond_sync(respond: Respond, request: HttpRequest | None = None) -> HttpResponseBase:
    """Send a request through the middleware to `respond`, as a WSGI handler does."""
    return cast("HttpResponseBase", HogTraceMiddleware(respond)(request or RequestFactory().get("/here")))


async def respond_async(respond: Respond, request: HttpRequest | None = None) -> HttpResponseBase:
    """Do the same as an ASGI handler does."""

    async def get_response(request: HttpRequest) -> HttpResponseBase:
        await asyncio.sleep(0)
        return respond(request)

    middleware = HogTraceMiddleware(get_response)
    return await cast("Awaitable[HttpResponseBase]", middleware(request or AsyncRequestFactory().get("/here")))


def respond_in_loop(respond: Respond, request: HttpRequest | None = None) -> HttpResponseBase:
    """Do the same in a loop of its own."""
    return asyncio.run(respond_async(respond, request))


both = pytest.mark.parametrize("send", [respond_sync, respond_in_loop], ids=["sync", "async"])
Send = Callable[..., HttpResponseBase]


def test_the_middleware_is_what_its_handler_is() -> None:
    """One class serves both kinds, and says which one an instance is."""

    async def get_response(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert iscoroutinefunction(HogTraceMiddleware(get_response))
    assert not iscoroutinefunction(HogTraceMiddleware(lambda _request: HttpResponse()))
    assert HogTraceMiddleware.sync_capable
    assert HogTraceMiddleware.async_capable


@both
def test_the_scope_lasts_from_request_to_close(send: Send) -> None:
    """It is current while the response is made, open until that is closed, and describes the request."""
    stores: list[RequestLocalStore] = []

    def respond(_request: HttpRequest) -> HttpResponse:
        stores.append(store_now())
        return HttpResponse("x")

    response = send(respond)
    (store,) = stores
    assert store.info == {"method": "GET", "path": "/here", "framework": "django"}
    assert store.request_id
    assert not store.closed
    assert current_store() is None
    response.close()
    assert store.closed


@both
def test_the_path_has_no_query(send: Send) -> None:
    """What stands after the question mark may be secret."""

    def respond(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(store_now().info["path"])

    factory = RequestFactory() if send is respond_sync else AsyncRequestFactory()
    response = send(respond, factory.get("/reset?token=1"))
    assert cast("HttpResponse", response).content == b"/reset"
    response.close()


@both
@pytest.mark.parametrize(("sent", "used"), [("r-1", True), ("not sane", False)])
def test_a_request_id_from_the_client_is_used_if_sane(send: Send, sent: str, used: bool) -> None:
    """`X-Request-ID` is the request's id, unless it could do harm."""
    ids: list[str | None] = []

    def respond(_request: HttpRequest) -> HttpResponse:
        ids.append(store_now().request_id)
        return HttpResponse()

    factory = RequestFactory() if send is respond_sync else AsyncRequestFactory()
    send(respond, factory.get("/", headers={"X-Request-ID": sent})).close()
    assert ids[0]
    assert (ids[0] == sent) is used


@both
def test_an_exception_ends_the_scope(send: Send) -> None:
    """Django turns exceptions into responses further in; one that comes through is passed on as it is."""
    stores: list[RequestLocalStore] = []
    failure = RuntimeError("the application's own")

    def respond(_request: HttpRequest) -> HttpResponse:
        stores.append(store_now())
        raise failure

    with pytest.raises(RuntimeError) as caught:
        send(respond)
    assert caught.value is failure
    assert stores[0].closed


def test_a_stream_is_made_inside_the_scope() -> None:
    """Each part, and the end by close, has the store current; between the parts nothing is."""
    stores: list[RequestLocalStore] = []

    def parts() -> Iterator[bytes]:
        try:
            while True:
                stores.append(store_now())
                yield b"x"
        finally:
            stores.append(store_now())

    response = cast("StreamingHttpResponse", respond_sync(lambda _request: StreamingHttpResponse(parts())))
    body = iter(response)
    for _ in range(3):
        assert next(body) == b"x"
        assert current_store() is None
    assert not stores[0].closed
    response.close()
    assert stores == [stores[0]] * 4
    assert stores[0].closed


def test_an_async_stream_is_made_inside_the_scope() -> None:
    """The same for an async body, with another request's stream running in turns with it."""

    async def parts(seen: list[RequestLocalStore]) -> AsyncIterator[bytes]:
        for _ in range(3):
            seen.append(store_now())
            await asyncio.sleep(0)
            seen.append(store_now())
            yield b"x"

    async def serve() -> list[RequestLocalStore]:
        seen: list[RequestLocalStore] = []
        response = cast(
            "StreamingHttpResponse", await respond_async(lambda _request: StreamingHttpResponse(parts(seen)))
        )
        assert response.is_async
        async for part in response:
            assert part == b"x"
            assert current_store() is None
        assert not seen[0].closed
        response.close()
        assert seen[0].closed
        assert seen == [seen[0]] * 6
        return seen

    async def main() -> None:
        first, second = await asyncio.gather(serve(), serve())
        assert first[0] is not second[0]

    asyncio.run(main())


def test_a_file_is_left_to_the_server() -> None:
    """Its body is not wrapped, so the server's file wrapper still finds the file; closing ends the scope."""
    stores: list[RequestLocalStore] = []
    file = Path(__file__).open("rb")  # noqa: SIM115 - the response closes it

    def respond(_request: HttpRequest) -> FileResponse:
        stores.append(store_now())
        return FileResponse(file)

    response = cast("FileResponse", respond_sync(respond))
    assert cast("object", response.file_to_stream) is file
    assert type(vars(response)["_iterator"]).__name__ == "callable_iterator"
    response.close()
    assert file.closed
    assert stores[0].closed


@both
def test_a_response_that_is_not_djangos_ends_the_scope(send: Send) -> None:
    """Nothing tells when it is done, and the scope does not leak."""
    stores: list[RequestLocalStore] = []

    class Other:
        status_code = 200

    def respond(_request: HttpRequest) -> Any:
        stores.append(store_now())
        return Other()

    assert isinstance(send(respond), Other)
    assert stores[0].closed


def test_a_response_can_be_pickled() -> None:
    """A cache outside of the middleware keeps responses; the copy has nothing of the request that made it."""
    response = cast("HttpResponse", respond_sync(lambda _request: HttpResponse("kept")))
    copy = pickle.loads(pickle.dumps(response))  # noqa: S301
    assert copy.content == b"kept"
    copy.close()
    response.close()


@both
def test_the_middleware_twice_is_one_request(send: Send) -> None:
    """The inner one joins the outer one's scope."""
    stores: list[RequestLocalStore] = []

    def view(_request: HttpRequest) -> HttpResponse:
        stores.append(store_now())
        return HttpResponse()

    def respond(request: HttpRequest) -> HttpResponseBase:
        stores.append(store_now())
        return respond_sync(view, request)

    response = send(respond)
    assert stores[0] is stores[1]
    assert not stores[0].closed
    response.close()
    assert stores[0].closed


def test_the_middleware_joins_a_wsgi_middleware() -> None:
    """Django inside an application that HogTrace wraps is one request with it."""
    stores: list[RequestLocalStore] = []

    def view(_request: HttpRequest) -> HttpResponse:
        stores.append(store_now())
        return HttpResponse("x")

    def app(environ: Any, _start_response: Any) -> Any:
        stores.append(store_now())
        return respond_sync(view, RequestFactory().request(**environ))

    outer = WSGIMiddleware(app, exporter=MemoryExporter(), framework="outer")
    environ = RequestFactory()._base_environ()  # type: ignore[attr-defined]
    # The factory copies what it is given; the store travels in the copy too.
    body = outer(environ, lambda *_given: None)  # type: ignore[arg-type]
    assert list(body) == [b"x"]
    body.close()  # type: ignore[attr-defined]
    assert stores[0] is stores[1]
    assert stores[0].info["framework"] == "outer"
    assert stores[0].closed
    assert outer.tracer is not None
    outer.tracer.stop()


def test_with_the_test_client() -> None:
    """Django's own clients, sync and async, go through the middleware and end the scope."""
    assert Client().get("/plain", headers={"X-Client": "a"}).json() == {"headers were read": False}

    async def get() -> Any:
        return await AsyncClient().get("/plain", headers={"X-Client": "a"})

    assert asyncio.run(get()).json() == {"headers were read": False}


@override_settings(HOGTRACE={"DISABLED": True})
def test_disabled_means_not_used() -> None:
    """Django leaves a middleware out that says so, at no cost for requests."""
    with pytest.raises(MiddlewareNotUsed):
        HogTraceMiddleware(lambda _request: HttpResponse())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"PROBS": []}, r"(?s)settings\.HOGTRACE.*PROBES"),
        ({**MEMORY, "PROBES": ["no/such/file.hogtrace"]}, "no/such/file.hogtrace"),
        ({**MEMORY, "PROBES": ["fn:a.b:entry { capture(x=retval); }"]}, "HT"),
        ("probes.hogtrace", r"settings\.HOGTRACE"),
    ],
    ids=["unknown", "missing file", "does not compile", "no mapping"],
)
def test_wrong_settings_are_an_error_at_start(settings: Any, message: str) -> None:
    """Django does not come up, and says what is wrong."""
    with (
        override_settings(HOGTRACE=settings),
        pytest.raises(ImproperlyConfigured, match=message),
    ):
        HogTraceMiddleware(lambda _request: HttpResponse())
