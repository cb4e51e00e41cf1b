"""The ASGI middleware, called as a server calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from hogtrace import CompileError, ConfigError, RequestLocalStore, Settings, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.request_store import CARRIER_KEY
from hogtrace_asgi import HogTraceMiddleware

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Wrap = Callable[..., HogTraceMiddleware]


def http_scope(path: str = "/", **headers: str) -> dict[str, Any]:
    """Give what a server gives with a GET of `path`; underscores in names of headers stand for hyphens."""
    raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"token=1", "headers": raw}


async def receive() -> Message:
    """Give the end of an empty request."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def ignore(_message: Message) -> None:
    """Take what the application sends."""


def lifespan_of(app: App, *messages: str) -> list[Message]:
    """Send `messages` to the application's lifespan, and give what it sends."""
    sent: list[Message] = []

    async def main() -> None:
        queue = [{"type": f"lifespan.{message}"} for message in messages]

        async def receive() -> Message:
            return queue.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    asyncio.run(main())
    return sent


@pytest.fixture
def wrap() -> Iterator[Wrap]:
    """Give a function that wraps an application, with events in memory."""
    wrapped: list[HogTraceMiddleware] = []

    def wrap(app: App, **options: Any) -> HogTraceMiddleware:
        middleware = HogTraceMiddleware(app, **{"exporter": MemoryExporter(), **options})
        wrapped.append(middleware)
        return middleware

    yield wrap
    for middleware in wrapped:
        if middleware.tracer is not None:
            middleware.tracer.stop()


def store_now() -> RequestLocalStore:
    """Give the current store, which must be there."""
    store = current_store()
    assert store is not None
    return store


def test_the_scope_lasts_as_long_as_the_call(wrap: Wrap) -> None:
    """It is current in the application's call, also when it sends, and ends when the call returns."""
    stores: list[RequestLocalStore] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        stores.append(store_now())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})
        stores.append(store_now())
        assert not stores[0].closed

    async def main() -> None:
        await wrap(app)(http_scope("/here", X_Request_ID="r-1"), receive, ignore)
        assert current_store() is None

    asyncio.run(main())
    assert stores[0] is stores[1]
    assert stores[0].closed
    assert stores[0].request_id == "r-1"
    assert stores[0].info == {"method": "GET", "path": "/here", "framework": "asgi"}


def test_an_exception_goes_through_unchanged(wrap: Wrap) -> None:
    """The server sees the application's own exception object, and the request is over."""
    failure = RuntimeError("the application's own")
    stores: list[RequestLocalStore] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        stores.append(store_now())
        raise failure

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(wrap(app)(http_scope(), receive, ignore))
    assert caught.value is failure
    assert stores[0].closed


def test_a_request_that_is_cancelled_is_over(wrap: Wrap) -> None:
    """A client that goes away ends the scope too."""
    stores: list[RequestLocalStore] = []

    async def main() -> None:
        begun = asyncio.Event()

        async def app(_scope: Any, _receive: Any, _send: Any) -> None:
            stores.append(store_now())
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(wrap(app)(http_scope(), receive, ignore))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert stores[0].closed


def test_requests_that_overlap_keep_their_variables(wrap: Wrap) -> None:
    """Two tasks meet inside the application, and each reads what it wrote."""

    async def main() -> dict[str, Any]:
        seen: dict[str, Any] = {}
        arrived = asyncio.Event()

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            store_now().set("path", scope["path"])
            if scope["path"] == "/second":
                arrived.set()
            await arrived.wait()
            seen[scope["path"]] = store_now().get("path")

        middleware = wrap(app)
        await asyncio.gather(*(middleware(http_scope(path), receive, ignore) for path in ("/first", "/second")))
        return seen

    assert asyncio.run(main()) == {"/first": "/first", "/second": "/second"}


def test_a_request_inside_another_requests_context_is_its_own(wrap: Wrap) -> None:
    """A server that begins a task inside the request before it, as with pipelining, does not mix them."""
    stores: list[RequestLocalStore] = []

    async def main() -> None:
        tasks: list[asyncio.Future[None]] = []
        begun = asyncio.Event()

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            stores.append(store_now())
            if scope["path"] == "/first":
                tasks.append(asyncio.ensure_future(middleware(http_scope("/second"), receive, ignore)))
                await begun.wait()
            begun.set()

        middleware = wrap(app)
        await middleware(http_scope("/first"), receive, ignore)
        await tasks[0]

    asyncio.run(main())
    assert [store.info["path"] for store in stores] == ["/first", "/second"]


def test_a_websocket_is_one_scope(wrap: Wrap) -> None:
    """The scope lasts as long as the connection."""
    stores: list[RequestLocalStore] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            stores.append(store_now())

    async def main() -> None:
        messages = ["connect", "receive", "receive", "disconnect"]

        async def receive() -> Message:
            return {"type": f"websocket.{messages.pop(0)}"}

        await wrap(app)({"type": "websocket", "path": "/talk", "headers": []}, receive, ignore)

    asyncio.run(main())
    assert stores == [stores[0]] * 3
    assert stores[0].info == {"method": "WEBSOCKET", "path": "/talk", "framework": "asgi"}
    assert stores[0].closed


def test_a_wrapped_application_in_a_wrapped_application_is_one_request(wrap: Wrap) -> None:
    """The inner one joins, and the outer one ends the scope."""
    stores: list[RequestLocalStore] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        stores.append(store_now())

    inner = wrap(app)

    async def mount(scope: Any, receive: Any, send: Any) -> None:
        stores.append(store_now())
        await inner(dict(scope), receive, send)
        assert not store_now().closed

    scope = http_scope()
    asyncio.run(wrap(mount)(scope, receive, ignore))
    assert stores[0] is stores[1] is scope[CARRIER_KEY]
    assert stores[0].closed


@pytest.mark.parametrize(("kind", "name"), [(Starlette, "starlette"), (FastAPI, "fastapi")])
def test_the_framework_is_named(kind: type[Starlette], name: str) -> None:
    """Starlette's applications put themselves into the scope, subclasses too; an argument comes first."""

    class Own(kind):  # type: ignore[misc,valid-type]
        pass

    async def serve(app: App, scope: dict[str, Any]) -> None:
        await app(scope, receive, ignore)

    for own_name in (None, "mine"):
        exporter = MemoryExporter()
        app = Own()
        app.add_middleware(HogTraceMiddleware, exporter=exporter, framework=own_name)
        scope = http_scope("/nowhere")
        asyncio.run(serve(app, scope))
        assert scope[CARRIER_KEY].info["framework"] == (own_name or name)


def test_an_application_whose_class_has_an_odd_module(wrap: Wrap) -> None:
    """It is of no framework that is known; the request goes on."""
    odd = type("Odd", (), {"__module__": None})()
    seen: list[object] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope[CARRIER_KEY].info["framework"])

    asyncio.run(wrap(app)({**http_scope(), "app": odd}, receive, ignore))
    assert seen == ["asgi"]


def test_lifespan_passes_through_and_exports_what_waits(wrap: Wrap) -> None:
    """The application sees both messages, and no event waits any more when its shutdown is complete."""
    seen: list[str] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        for message in ("startup", "shutdown"):
            seen.append((await receive())["type"])
            assert current_store() is None
            await send({"type": f"lifespan.{message}.complete"})

    exporter = MemoryExporter()
    probe = "fn:tests.hogtrace_asgi.test_middleware.http_scope:entry { capture(path=arg0); }"
    middleware = wrap(app, exporter=exporter, probes=[probe], batch_delay=60)
    http_scope("/before")
    sent = lifespan_of(middleware, "startup", "shutdown")
    assert seen == ["lifespan.startup", "lifespan.shutdown"]
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert [event.values for event in exporter.events] == [{"path": "/before"}]


def test_what_waits_is_exported_in_the_loop_of_another_library(wrap: Wrap) -> None:
    """Without asyncio, as under trio, the end waits for it all the same."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    exporter = MemoryExporter()
    probe = "fn:tests.hogtrace_asgi.test_middleware.http_scope:entry { capture(path=arg0); }"
    middleware = wrap(app, exporter=exporter, probes=[probe], batch_delay=60)
    http_scope("/before")
    with pytest.raises(StopIteration):
        middleware({"type": "lifespan"}, receive, ignore).send(None)
    assert [event.values for event in exporter.events] == [{"path": "/before"}]


@pytest.mark.parametrize(
    "headers", [None, [(b"x-request-id", "text"), ("x-request-id", b"r-1"), (b"traceparent", None)]]
)
def test_a_server_that_hands_over_what_are_no_headers(wrap: Wrap, headers: object) -> None:
    """That is between it and the application: the request has an id that was made up."""
    seen: list[str | None] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        store = current_store()
        assert store is not None
        seen.append(store.request_id)

    asyncio.run(wrap(app)({**http_scope(), "headers": headers}, receive, ignore))
    assert [len(identity or "") for identity in seen] == [32]


def test_an_application_without_lifespan_says_so(wrap: Wrap) -> None:
    """Its refusal reaches the server, which then knows."""

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        raise ValueError(f"no {scope['type']} here")

    with pytest.raises(ValueError, match="no lifespan here"):
        lifespan_of(wrap(app), "startup")


def test_disabled_means_out_of_the_way() -> None:
    """No scope is opened and no tracer made."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        assert current_store() is None

    middleware = HogTraceMiddleware(app, disabled=True)
    assert middleware.tracer is None
    asyncio.run(middleware(http_scope(), receive, ignore))


async def nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """Be an application that does nothing."""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"probs": []}, ConfigError, "did you mean 'PROBES'"),
        ({"probes": ["no/such/file.hogtrace"]}, ConfigError, "no/such/file.hogtrace"),
        ({"probes": ["fn:a.b:entry { capture(x=retval); }"]}, CompileError, "HT"),
        ({"exporter": {"BACKEND": "sqlite", "OPTIONS": {"path": "/no/such/x"}}}, ConfigError, "no directory /no/such"),
    ],
)
def test_a_wrong_setting_is_an_error_at_construction(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Nothing is wrapped with a setting that would be ignored."""
    with pytest.raises(error, match=message):
        HogTraceMiddleware(nothing, **{"exporter": MemoryExporter(), **options})


def test_settings_come_in_one_way_only() -> None:
    """An object and names at the same time would hide one of them."""
    settings = Settings.load({"EXPORTER": MemoryExporter()}, where="test")
    with pytest.raises(TypeError, match="given twice"):
        HogTraceMiddleware(nothing, settings, probes=[])


class OwnMiddleware(HogTraceMiddleware):
    """One with an initialiser of its own."""

    def __init__(self, app: Any, **given: Any) -> None:
        super().__init__(app, **given)


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
@pytest.mark.parametrize("middleware", [HogTraceMiddleware, OwnMiddleware])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"probs": []}, "did you mean 'PROBES'"),
        ({"exporter": {"BACKEND": "jsonl", "OPTIONS": {"path": "/no/such/x"}}}, "cannot write to /no/such/x"),
    ],
)
def test_where_middleware_is_built_late_the_start_up_fails(
    kind: type[Starlette],
    middleware: type[HogTraceMiddleware],
    wrong: dict[str, Any],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Starlette builds it in its first call: the server is told to stop, and no request is made to fail."""
    app = kind()
    app.add_middleware(middleware, **wrong)
    (sent,) = lifespan_of(app, "startup")
    assert sent["type"] == "lifespan.startup.failed"
    assert message in sent["message"]
    assert "configuration is wrong" in caplog.text

    async def serve() -> list[Message]:
        answers: list[Message] = []

        async def send(message: Message) -> None:
            answers.append(message)

        await app(http_scope("/nowhere"), receive, send)
        return answers

    assert asyncio.run(serve())[0]["status"] == 404


def test_a_header_that_comes_twice_is_no_id(wrap: Wrap) -> None:
    """Nobody can say which of the two is meant; so it is in WSGI, where the server puts a comma between them."""
    stores: list[RequestLocalStore] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        stores.append(store_now())

    scope = http_scope(X_Request_ID="r-1", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    scope["headers"].append((b"x-request-id", b"r-2"))
    asyncio.run(wrap(app)(scope, receive, ignore))
    assert [store.request_id for store in stores] == ["4bf92f3577b34da6a3ce929d0e0e4736"]
