"""Bottle, Falcon and Pyramid in the WSGI middleware: what probes read of them, and each under a real server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import bottle
import falcon
import pytest
import webob.request
import webob.response
from pyramid.config import Configurator
from pyramid.request import Request as PyramidRequest
from pyramid.response import Response as PyramidResponse

from hogtrace import current_store
from hogtrace.exporters import MemoryExporter
from hogtrace.testing import CapturedEvents
from hogtrace.wsgi import TRUST, HogTraceMiddleware
from tests.hogtrace.test_wsgi import environ_for, ignore
from tests.looking import check_names, read
from tests.servers import Server, granian, gunicorn, read_events, wait_for_events, waitress


def fail(_self: Any, *_given: Any) -> Any:
    """Stand in for code of a framework's that must not run."""
    raise AssertionError("code of the framework ran")


REQUESTS: list[Callable[[dict[str, Any]], Any]] = [bottle.BaseRequest, falcon.Request, PyramidRequest]
SEALED = [
    (bottle.BaseRequest, "headers"),
    (bottle.BaseRequest, "method"),
    (falcon.Request, "headers"),
    (webob.request.BaseRequest, "headers"),
    (webob.request.BaseRequest, "method"),
    (bottle.BaseResponse, "status_code"),
    (falcon.Response, "status_code"),
    (falcon.Response, "headers"),
    (webob.response.Response, "headers"),
    (webob.response.Response, "status_code"),
    (webob.response.Response, "status"),
]


@pytest.fixture
def seal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what lets all accessors fail that the list stands for."""

    def seal() -> None:
        for kind, name in SEALED:
            monkeypatch.setattr(kind, name, property(fail))

    return seal


@pytest.mark.parametrize("make", REQUESTS)
def test_headers_and_method_of_a_request(make: Callable[[dict[str, Any]], Any], seal: Callable[[], None]) -> None:
    """They are read where the server has put them, and the framework keeps nothing new."""
    headers = {"HTTP_X_REQUEST_ID": "r-1", "HTTP_AUTHORIZATION": "Basic c2VjcmV0", "CONTENT_TYPE": "text/plain"}
    environ = environ_for(REQUEST_METHOD="PUT", **headers)
    request = make(environ)
    seal()
    before = dict(environ)
    assert read(request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"
    assert read(request, 'arg0.headers["content-type"]', TRUST) == "text/plain"
    assert read(request, '"X-Other" in arg0.headers', TRUST) is False
    assert read(request, 'arg0.headers["Authorization"]', TRUST) == "[redacted]"
    assert read(request, "arg0.method", TRUST) == "PUT"
    assert environ == before


def falcon_response(status: Any) -> falcon.Response:
    """Make one with a status, as responders do."""
    response = falcon.Response()
    response.status = status
    return response


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (bottle.HTTPResponse("x", 418), 418),
        (bottle.HTTPResponse("x", "404 Gone Fishing"), 404),
        (falcon_response(falcon.HTTP_203), 203),
        (falcon_response(404), 404),
        (PyramidResponse("x", status=404), 404),
        (PyramidResponse("x", status="299 Fine"), 299),
    ],
)
def test_status_of_a_response(response: Any, status: int, seal: Callable[[], None]) -> None:
    """Each kind of response tells its status."""
    seal()
    assert read(response, "arg0.status_code", TRUST) == status


@pytest.mark.parametrize("response", [PyramidResponse("x"), falcon.Response()])
def test_headers_of_a_response(response: Any, seal: Callable[[], None]) -> None:
    """Those of Pyramid are read in any spelling, those of Falcon in lower case."""
    (response.headers.update if isinstance(response, PyramidResponse) else response.set_headers)({"x-made": "here"})
    seal()
    assert read(response, 'arg0.headers["x-made"]', TRUST) == "here"


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    check_names(TRUST)


def serve_gevent(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
    """Serve with gunicorn's gevent worker, which runs each request in a greenlet."""
    return gunicorn(app, directory, worker="gevent", **options)


def serve_threads(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
    """Serve with gunicorn's threads."""
    return gunicorn(app, directory, threads=4, **options)


def serve_granian(app: str, directory: Path, **options: Any) -> AbstractContextManager[Server]:
    """Serve with granian, in two processes of four threads."""
    return granian(app, directory, interface="wsgi", workers=2, **options)


def work(number: str) -> str:
    """Do nothing; a place for a probe."""
    return number


def tell(route: str) -> None:
    """Say what the route is, as a hook of the application's may."""
    store = current_store()
    assert store is not None
    store.describe(route=route)


def bottle_app(_told: bool) -> Any:
    """Make an application in Bottle, which keeps its route in the environ."""
    app = bottle.Bottle()
    app.get("/items/<number:int>")(lambda number: bottle.HTTPResponse(work(str(number)), 203))
    return app


def falcon_app(told: bool) -> Any:
    """Make one in Falcon, where middleware may say what the route is."""

    class Items:
        def on_get(self, _request: falcon.Request, response: falcon.Response, number: int) -> None:
            response.text, response.status = work(str(number)), 203

    class Telling:
        def process_resource(self, request: falcon.Request, *_more: Any) -> None:
            tell(str(request.uri_template))

    app = falcon.App(middleware=[Telling()] if told else [])
    app.add_route("/items/{number:int}", Items())
    return app


def pyramid_app(told: bool) -> Any:
    """Make one in Pyramid, where a view may say it."""

    def view(request: PyramidRequest) -> PyramidResponse:
        if told:
            tell(request.matched_route.pattern)
        return PyramidResponse(work(request.matchdict["number"]), status=203)

    config = Configurator()
    config.add_route("item", "/items/{number}")
    config.add_view(view, route_name="item")
    return config.make_wsgi_app()


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(
    ("make", "kept", "route"),
    [
        (bottle_app, "/items/<number:int>", "/items/<number:int>"),
        (falcon_app, None, "/items/{number:int}"),
        (pyramid_app, None, "/items/{number}"),
    ],
    ids=["bottle", "falcon", "pyramid"],
)
def test_routes_and_records(
    hogtrace: CapturedEvents, make: Callable[[bool], Any], kept: str | None, route: str, told: bool
) -> None:
    """Bottle's route is found; the others keep theirs to themselves, and one line says it."""
    hogtrace.probe(f"fn:{__name__}.work:entry {{ capture(number); }}")
    app: Any = HogTraceMiddleware(make(told), exporter=MemoryExporter())
    body = app(environ_for("/items/7"), ignore)
    assert b"".join(body) == b"7"
    assert hogtrace.requests == []
    body.close()
    (event,), (record,) = hogtrace.events, hogtrace.requests
    expected = route if told else kept
    assert (event.request.get("route"), record.values["route"]) == (expected, expected)
    assert (record.values["status"], record.values["captured"]) == (203, 1)
    app.tracer.stop()


@pytest.mark.parametrize(
    ("framework", "serve"),
    [
        pytest.param("bottle", gunicorn, marks=pytest.mark.slow),
        pytest.param("bottle", serve_threads, marks=pytest.mark.slow),
        ("bottle", serve_gevent),
        pytest.param("bottle", waitress, marks=pytest.mark.slow),
        pytest.param("bottle", serve_granian, marks=pytest.mark.slow),
        pytest.param("falcon", gunicorn, marks=pytest.mark.slow),
        pytest.param("falcon", serve_threads, marks=pytest.mark.slow),
        pytest.param("falcon", serve_gevent, marks=pytest.mark.slow),
        pytest.param("falcon", waitress, marks=pytest.mark.slow),
        pytest.param("falcon", serve_granian, marks=pytest.mark.slow),
        pytest.param("pyramid", gunicorn, marks=pytest.mark.slow),
        ("pyramid", serve_threads),
        pytest.param("pyramid", serve_gevent, marks=pytest.mark.slow),
        pytest.param("pyramid", waitress, marks=pytest.mark.slow),
        pytest.param("pyramid", serve_granian, marks=pytest.mark.slow),
    ],
)
def test_under_a_server(framework: str, serve: Callable[..., AbstractContextManager[Server]], tmp_path: Path) -> None:
    """Answers, failures, whole and cut streams, each with its own request's variables."""
    path = tmp_path / "events.jsonl"
    env = {"EVENTS_PATH": str(path), "FRAMEWORK": framework}
    with serve("tests.hogtrace.framework_apps:application", tmp_path, env=env) as server:

        def get(url: str, client: str) -> tuple[int, str]:
            with server.client() as http:
                answer = http.get(url, headers={"X-Client": client, "X-Request-ID": client})
            return answer.status_code, answer.text

        names = [f"client-{number}" for number in range(8)]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(get, ["/work"] * 8, names)) == [(203, name) for name in names]
        assert get("/fail", "fail")[0] == 500
        assert get("/stream", "whole")[1].endswith("99\n")
        with server.client() as http, http.stream("GET", "/stream", headers={"X-Client": "cut"}) as stream:
            next(stream.iter_raw())
        # waitress notices only when it writes that nobody reads.
        wait_for_events(path, lambda events: any(event["values"].get("stream") == "cut" for event in events))
        server.stop()

    events = read_events(path)
    values = [event["values"] for event in events]
    work = [captured for captured in values if "sent" in captured]
    assert [captured for captured in work if captured["sent"] != captured["kept"]] == []
    assert {captured["sent"] for captured in work} == {*names, "fail", "whole", "cut"}
    statuses = {captured["client"]: captured["status"] for captured in values if "status" in captured}
    assert statuses == dict.fromkeys(names, 203)
    streams = {captured["stream"]: captured["closed"] for captured in values if "stream" in captured}
    assert streams == {"whole": False, "cut": True}
    assert {event["request_id"] for event in events if event["values"].get("sent") in names} == set(names)
    assert {event["request"]["framework"] for event in events} == {framework}
