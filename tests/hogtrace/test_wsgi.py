"""The WSGI middleware, called as a server calls it, and under gunicorn."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from hogtrace import ConfigError, RequestLocalStore, current_store
from hogtrace.config import Settings
from hogtrace.exporters import MemoryExporter
from hogtrace.request_store import CARRIER_KEY
from hogtrace.wsgi import HogTraceMiddleware
from tests.servers import gunicorn, read_events


def environ_for(path: str = "/", **more: Any) -> WSGIEnvironment:
    """Give what a server gives with a GET of `path`."""
    environ: WSGIEnvironment = {"PATH_INFO": path, "SCRIPT_NAME": "", **more}
    setup_testing_defaults(environ)
    return environ


def ignore(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
    """Take the start of a response."""
    return lambda data: None


@pytest.fixture
def wrap() -> Iterator[Callable[[WSGIApplication], HogTraceMiddleware]]:
    """Give a function that wraps an application, with events in memory."""
    wrapped: list[HogTraceMiddleware] = []

    def wrap(app: WSGIApplication) -> HogTraceMiddleware:
        middleware = HogTraceMiddleware(app, exporter=MemoryExporter())
        wrapped.append(middleware)
        return middleware

    yield wrap
    for middleware in wrapped:
        if middleware.tracer is not None:
            middleware.tracer.stop()


Wrap = Callable[[WSGIApplication], HogTraceMiddleware]


def test_the_scope_is_current_while_code_of_the_application_runs(wrap: Wrap) -> None:
    """In the call, in each part of the body and in its close, and never in between; it ends with the body."""
    current: list[RequestLocalStore | None] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            current.append(current_store())
            for part in (b"a", b"b"):
                current.append(current_store())
                yield part

        def close(self) -> None:
            current.append(current_store())
            assert current[0] is not None
            assert not current[0].closed

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        current.append(current_store())
        start_response("200 OK", [])
        return Body()

    body = wrap(app)(environ_for(), ignore)
    for part in body:
        assert part in (b"a", b"b")
        assert current_store() is None
    body.close()  # type: ignore[attr-defined]
    store = current[0]
    assert store is not None
    assert current == [store] * 5
    assert store.closed
    assert current_store() is None


def test_the_middleware_keeps_to_the_letter_of_wsgi(wrap: Wrap) -> None:
    """The standard library's validator stands on both sides and has no complaint."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    body = validator(wrap(validator(app)))(environ_for(QUERY_STRING=""), ignore)
    assert list(body) == [b"hello"]
    body.close()  # type: ignore[attr-defined]


def test_a_length_is_kept_and_none_is_made_up(wrap: Wrap) -> None:
    """Servers take the length of a one-part list for the Content-Length; a generator has none."""
    sized = wrap(lambda environ, start_response: [b"hello"])(environ_for(), ignore)
    assert len(sized) == 1  # type: ignore[arg-type]
    unsized = wrap(lambda environ, start_response: iter([b"hello"]))(environ_for(), ignore)
    assert not hasattr(unsized, "__len__")
    assert list(unsized) == [b"hello"]


def test_the_servers_file_wrapper_is_passed_through(wrap: Wrap) -> None:
    """The very object, which the server may send without Python; its close ends the request."""
    seen: list[RequestLocalStore | None] = []

    class File(io.BytesIO):
        def close(self) -> None:
            if not self.closed:
                seen.append(current_store())
            super().close()

    made = FileWrapper(File(b"x" * 20_000))

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(current_store())
        return made

    environ = environ_for(**{"wsgi.file_wrapper": FileWrapper})
    body = wrap(app)(environ, ignore)
    assert body is made
    store = seen[0]
    assert store is not None
    assert not store.closed
    made.close()
    assert seen == [store, store]
    assert store.closed


def test_a_file_wrapper_that_takes_no_attribute_ends_the_scope(wrap: Wrap) -> None:
    """A wrapper written in C cannot be told apart when it closes, and runs no code of the application."""
    stores: list[RequestLocalStore | None] = []

    class Sealed(list[bytes]):
        __slots__ = ()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        return Sealed([b"x"])

    body = wrap(app)(environ_for(**{"wsgi.file_wrapper": Sealed}), ignore)
    assert list(body) == [b"x"]
    assert stores[0] is not None
    assert stores[0].closed


def test_an_exception_goes_through_unchanged(wrap: Wrap) -> None:
    """The server sees the application's own exception object, and the request is over."""
    failure = RuntimeError("the application's own")
    stores: list[RequestLocalStore | None] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        raise failure

    with pytest.raises(RuntimeError) as caught:
        wrap(app)(environ_for(), ignore)
    assert caught.value is failure
    assert failure.__context__ is None
    assert stores[0] is not None
    assert stores[0].closed


def test_an_exception_in_the_body_goes_through_too(wrap: Wrap) -> None:
    """The request ends when the server closes the body, as it must."""
    stores: list[RequestLocalStore | None] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        yield b"a"
        stores.append(current_store())
        raise RuntimeError("in the middle")

    body = wrap(app)(environ_for(), ignore)
    with pytest.raises(RuntimeError, match="in the middle"):
        list(body)
    store = stores[0]
    assert store is not None
    assert not store.closed
    body.close()  # type: ignore[attr-defined]
    assert store.closed


def test_a_body_that_cannot_be_closed_ends_the_request(wrap: Wrap) -> None:
    """What its `close()` raises goes to the server; nothing is current after it."""
    stores: list[RequestLocalStore | None] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def close(self) -> None:
            stores.append(current_store())
            raise OSError("cannot be closed")

    body = wrap(lambda environ, start_response: Body())(environ_for(), ignore)
    with pytest.raises(OSError, match="cannot be closed"):
        body.close()  # type: ignore[attr-defined]
    assert stores[0] is not None
    assert stores[0].closed
    assert current_store() is None


def test_a_body_that_is_dropped_ends_the_request(wrap: Wrap) -> None:
    """When the collector finds it, in a circle of its own making, nobody closes it any more."""
    stores: list[RequestLocalStore | None] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        return given[0]

    given: list[list[Any]] = [[b"a"]]
    body = wrap(app)(environ_for(), ignore)
    assert next(iter(body)) == b"a"
    given[0].append(body)
    given.clear()
    assert stores[0] is not None
    del body
    assert not stores[0].closed
    gc.collect()
    assert stores[0].closed


@pytest.mark.parametrize(
    ("place", "status"), [("before", 500), ("call", 500), ("first part", 500), ("later", 201), ("end", 201)]
)
def test_a_failure_is_the_status_if_nothing_was_sent(wrap: Wrap, place: str, status: int) -> None:
    """The server answers 500 as long as it can, whatever `start_response` was told."""
    stores: list[RequestLocalStore | None] = []

    def fail(where: str) -> None:
        if where == place:
            raise RuntimeError(place)

    def parts(start_response: StartResponse) -> Iterator[bytes]:
        fail("before")
        start_response("201 Created", [])
        fail("first part")
        yield b""
        yield b"a"
        fail("later")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        if place == "call":
            start_response("201 Created", [])
        fail("call")
        return parts(start_response)

    if place == "end":
        body = wrap(app)(environ_for(), ignore)
        assert list(body) == [b"", b"a"]
        body.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(RuntimeError, match=place):
            list(wrap(app)(environ_for(), ignore))
    assert stores[0] is not None
    assert stores[0].status == status


def test_the_request_is_described(wrap: Wrap) -> None:
    """Method, path without the query, framework, and the client's request id if it is sane."""
    stores: list[RequestLocalStore] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        store = current_store()
        assert store is not None
        stores.append(store)
        return []

    middleware = wrap(app)
    path = "/caf\u00e9".encode().decode("latin-1")
    middleware(environ_for(path, SCRIPT_NAME="/shop", QUERY_STRING="password=1", HTTP_X_REQUEST_ID="r-1"), ignore)
    middleware(environ_for(HTTP_X_REQUEST_ID="not sane"), ignore)
    assert stores[0].request_id == "r-1"
    assert stores[0].info == {"method": "GET", "path": "/shop/caf\u00e9", "framework": "wsgi"}
    assert stores[1].request_id not in (None, "not sane")


def test_a_wrapped_application_in_a_wrapped_application_is_one_request(wrap: Wrap) -> None:
    """The inner one joins, and the request lasts until the outer body is closed."""
    stores: list[RequestLocalStore | None] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        return [b"x"]

    inner = wrap(app)

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stores.append(current_store())
        body = inner(environ, start_response)
        body.close()  # type: ignore[attr-defined]
        return [b"y"]

    environ = environ_for()
    body = wrap(dispatch)(environ, ignore)
    assert stores[0] is not None
    assert stores[0] is stores[1] is environ[CARRIER_KEY]
    assert not stores[0].closed
    body.close()  # type: ignore[attr-defined]
    assert stores[0].closed


def test_disabled_means_out_of_the_way() -> None:
    """The application's own body comes back, and no scope is opened."""
    made = [b"x"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert current_store() is None
        return made

    middleware = HogTraceMiddleware(app, disabled=True)
    assert middleware.tracer is None
    assert middleware(environ_for(), ignore) is made


def test_a_wrong_setting_is_an_error_at_once() -> None:
    """Nothing is wrapped with a setting that would be ignored."""
    with pytest.raises(ConfigError, match=r"(?i)PROBS.*did you mean.*PROBES"):
        HogTraceMiddleware(lambda environ, start_response: [], probs=[])


def test_settings_come_in_one_way_only() -> None:
    """An object and names at the same time would hide one of them."""
    settings = Settings.load({"EXPORTER": MemoryExporter()}, where="test")
    with pytest.raises(TypeError, match="given twice"):
        HogTraceMiddleware(lambda environ, start_response: [], settings, probes=[])


@pytest.mark.parametrize("preload", [False, True])
def test_under_gunicorn(tmp_path: Path, preload: bool) -> None:
    """Requests that overlap in threads and processes keep their variables, streams and files come whole."""
    events = tmp_path / "events.jsonl"
    env = {"EVENTS_PATH": str(events)}
    with gunicorn(
        "tests.hogtrace.wsgi_app:application", tmp_path, workers=2, threads=4, preload=preload, env=env
    ) as server:

        def get(path: str, client: str, place: str = "") -> bytes:
            headers = {"X-Client": client, "X-Place": str(tmp_path / place), "X-Count": "4"}
            with server.client() as http:
                return http.get(path, headers=headers).content

        with ThreadPoolExecutor(4) as pool:
            for number in range(3):
                names = [f"meet-{number}-{index}" for index in range(4)]
                answers = pool.map(lambda name, place: get("/meet", name, place), names, [f"m{number}"] * 4)
                assert list(answers) == [name.encode() for name in names]
        assert get("/file", "file") == b"file" * 5000
        assert get("/stream", "whole").endswith(b"999\n")
        assert b"Internal Server Error" in get("/fail", "fail")
        with server.client() as http, http.stream("GET", "/stream", headers={"X-Client": "cut"}) as answer:
            next(answer.iter_raw())
        server.stop()

    captured = read_events(events)
    work = [event["values"] for event in captured if "sent" in event["values"]]
    assert {values["sent"] for values in work} >= {"file", "whole", "fail", "cut", *(f"meet-2-{i}" for i in range(4))}
    assert all(values["sent"] == values["kept"] for values in work)
    streams = {
        event["values"]["stream"]: event["values"]["closed"] for event in captured if "stream" in event["values"]
    }
    assert streams == {"whole": False, "cut": True}
    assert all(event["request"]["framework"] == "wsgi" for event in captured)
    requests = {event["request_id"] for event in captured}
    assert len(requests) == 3 * 4 + 4
    assert len({(event["process"], event["thread"]) for event in captured}) > 1
