"""The route of Flask's requests, and the records that they end with."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, send_file
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from hogtrace import RequestLocalStore, current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.testing import CapturedEvents
from hogtrace_flask import HogTrace
from tests.hogtrace.test_wsgi import environ_for, ignore


def work(place: str) -> str:
    """Do nothing; a place for a probe."""
    return place


@pytest.fixture
def app(hogtrace: CapturedEvents) -> Iterator[Flask]:
    """Give an application whose requests work in each place, and let the work be captured."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(place); }}")
    app = Flask(__name__)
    items = Blueprint("items", __name__, url_prefix="/items")

    @app.url_value_preprocessor
    def resolved(_endpoint: str | None, _values: Any) -> None:
        work("resolved")

    @items.get("/<int:number>")
    def item(number: int) -> tuple[str, int]:
        store = current_store()
        assert store is not None
        store.describe(user_kind="staff")
        return work(str(number)), 203

    @items.get("/fail")
    def fail() -> str:
        raise LookupError(work("fail"))

    @items.get("/abort")
    def refuse() -> str:
        return abort(418)

    @items.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            for part in "abc":
                yield work(part).encode()

        return Response(parts())

    @items.get("/file")
    def file() -> Response:
        return send_file(__file__)

    app.register_blueprint(items)
    HogTrace(app, exporter=MemoryExporter())
    yield app
    app.extensions["hogtrace"].tracer.stop()


def record(hogtrace: CapturedEvents) -> dict[str, Any]:
    """Give the values of the one record that there is, but for the time."""
    (event,) = hogtrace.requests
    values = event.values
    assert values.pop("duration") > 0
    return values


@pytest.mark.parametrize(
    ("path", "route", "status", "captured"),
    [
        ("/items/7", "/items/<int:number>", 203, 2),
        ("/items/fail", "/items/fail", 500, 2),
        ("/items/abort", "/items/abort", 418, 1),
        ("/items/stream", "/items/stream", 200, 4),
        ("/items/file", "/items/file", 200, 1),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_ends_with_its_record(
    app: Flask, hogtrace: CapturedEvents, path: str, route: str, status: int, captured: int, method: str
) -> None:
    """When its body is closed; views, errors, streams, files."""
    if path == "/items/stream" and method == "HEAD":
        captured = 1
    with app.test_client().open(path, method=method, headers={"X-Request-ID": "r"}, buffered=False) as answer:
        assert hogtrace.requests == []
        assert (answer.status_code, bool(answer.data)) == (status, method == "GET")
    assert record(hogtrace) == {
        "method": method,
        "path": path,
        "route": route,
        "status": status,
        "captured": captured,
        "errors": 0,
    }
    assert {event.request["route"] for event in hogtrace} == {route}
    assert {event.request_id for event in (*hogtrace, *hogtrace.requests)} == {"r"}


def test_what_the_view_says_is_in_the_record(app: Flask, hogtrace: CapturedEvents) -> None:
    """Beside what is known of every request."""
    with app.test_client().get("/items/7"):
        pass
    assert [event.request.get("user_kind") for event in hogtrace] == [None, "staff"]
    assert hogtrace.requests[0].request == {
        "method": "GET",
        "path": "/items/7",
        "framework": "flask",
        "route": "/items/<int:number>",
        "user_kind": "staff",
    }


def test_what_has_no_route_has_none(app: Flask, hogtrace: CapturedEvents) -> None:
    """A path that leads nowhere is answered all the same."""
    app.register_error_handler(404, lambda _error: (work("nowhere"), 404))
    with app.test_client().get("/nowhere"):
        pass
    assert [event.request.get("route") for event in hogtrace] == [None, None]
    values = record(hogtrace)
    assert (values["route"], values["status"]) == (None, 404)


def test_a_stream_that_is_the_first_to_capture_has_the_route(app: Flask, hogtrace: CapturedEvents) -> None:
    """Flask has let go of its request by then."""
    app.url_value_preprocessors.clear()
    with app.test_client().get("/items/stream") as answer:
        assert answer.text == "abc"
    assert [event.request["route"] for event in hogtrace] == ["/items/stream"] * 3


def test_a_client_that_goes_away(app: Flask, hogtrace: CapturedEvents) -> None:
    """The server closes the body before its end; the status is what had been sent."""
    body: Any = app(environ_for("/items/stream"), ignore)
    assert next(iter(body)) == b"a"
    body.close()
    values = record(hogtrace)
    assert (values["status"], values["captured"]) == (200, 2)


def test_an_application_that_is_mounted_joins(app: Flask, hogtrace: CapturedEvents) -> None:
    """One record, of the outer one, with the route of the application that answers."""
    outer = Flask("outer")
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/inner": app})  # type: ignore[method-assign]
    HogTrace(outer, exporter=app.extensions["hogtrace"].settings.exporter)
    with Client(outer).get("/inner/items/7") as answer:
        assert answer.status_code == 203
    values = record(hogtrace)
    assert (values["path"], values["route"], values["status"], values["captured"]) == (
        "/inner/items/7",
        "/items/<int:number>",
        203,
        2,
    )
    outer.extensions["hogtrace"].tracer.stop()


def test_an_error_that_leaves_the_application(app: Flask, hogtrace: CapturedEvents) -> None:
    """The server answers 500 then."""
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(LookupError):
        app(environ_for("/items/fail"), ignore)
    values = record(hogtrace)
    assert (values["route"], values["status"]) == ("/items/fail", 500)


def test_a_request_is_freed_by_counting(app: Flask, hogtrace: CapturedEvents) -> None:
    """The environ knows the store, and the store knows the environ until the end.

    Not so where Flask answers an exception: that keeps the request until the collector comes, with HogTrace or without.
    """
    stores: list[weakref.ref[RequestLocalStore]] = []

    @app.before_request
    def watch() -> None:
        store = current_store()
        assert store is not None
        stores.append(weakref.ref(store))

    # What is made once, at the first request, is made.
    list(app(environ_for("/items/7"), ignore))
    gc.collect()
    gc.disable()
    try:
        for path in ("/items/7", "/items/stream"):
            body: Any = app(environ_for(path), ignore)
            for _ in body:
                pass
            body.close()
            del body
            assert stores[-1]() is None, path
        # A body that the server forgets to close.
        list(app(environ_for("/items/7"), ignore))
        assert stores[-1]() is None
    finally:
        gc.enable()
    assert len(hogtrace.requests) == 4
