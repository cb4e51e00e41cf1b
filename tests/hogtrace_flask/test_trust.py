"""What probes read of Werkzeug's and Flask's requests and responses, and that nothing of them runs for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, current_app, g, jsonify, request
from flask.wrappers import Request
from werkzeug.datastructures import EnvironHeaders, Headers, MultiDict
from werkzeug.local import LocalProxy
from werkzeug.sansio import response as sansio
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from hogtrace.exporters import MemoryExporter
from hogtrace.testing import capture_events
from hogtrace_flask import TRUST, HogTrace
from tests.looking import check_names, read


def fail(_self: Any, *_given: Any) -> Any:
    """Stand in for code of Werkzeug's that must not run."""
    raise AssertionError("code of Werkzeug ran")


def seal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything fail that Werkzeug runs when headers and statuses are read."""
    for kind in (Headers, EnvironHeaders):
        for name in ("__getitem__", "_get_key", "__len__", "__iter__", "__contains__"):
            monkeypatch.setattr(kind, name, fail, raising=False)
    for name in ("status_code", "status"):
        monkeypatch.setattr(sansio.Response, name, property(fail))


requests = pytest.mark.parametrize("kind", [WerkzeugRequest, Request])


def make_request(kind: type[WerkzeugRequest]) -> WerkzeugRequest:
    """Give a POST with three headers."""
    headers = [("X-Request-ID", "r-1"), ("Authorization", "Basic c2VjcmV0")]
    return kind(
        EnvironBuilder("/here", method="POST", data=b"x", content_type="text/plain", headers=headers).get_environ()
    )


@requests
@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_headers_of_a_request(kind: type[WerkzeugRequest], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header is read in any spelling, and the request is as it was."""
    request = make_request(kind)
    seal(monkeypatch)
    before = dict(request.__dict__)
    assert read(request, f'arg0.headers["{name}"]', TRUST) == "r-1"
    assert read(request, 'arg0.headers["content-type"]', TRUST) == "text/plain"
    assert read(request, '"x-request-id" in arg0.headers', TRUST) is True
    assert read(request, '"X-Other" in arg0.headers', TRUST) is False
    assert read(request, 'arg0.headers["Authorization"]', TRUST) == "[redacted]"
    assert request.__dict__ == before


def test_a_header_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it is an error of the expression that names it."""
    request = make_request(Request)
    seal(monkeypatch)
    with pytest.raises(LookupError, match="X-Other"):
        read(request, 'arg0.headers["X-Other"]', TRUST)


def test_without_the_list_nothing_is_read() -> None:
    """Items of Werkzeug's own mapping are behind its own code."""
    with pytest.raises(LookupError, match="Headers"):
        read(make_request(Request), 'arg0.headers["X-Request-ID"]', ())
    with pytest.raises(LookupError, match="status_code"):
        read(Response("x"), "arg0.status_code", ())


@requests
def test_method_and_path_are_plain(kind: type[WerkzeugRequest]) -> None:
    """They need no entry."""
    assert read(make_request(kind), "arg0.method", ()) == "POST"
    assert read(make_request(kind), "arg0.path", ()) == "/here"


def json_response() -> Response:
    """Give what a JSON view answers."""
    with Flask(__name__).app_context():
        return jsonify({"a": 1})


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (WerkzeugResponse("x", 418), 418),
        (Response("x", 203), 203),
        (Response("x", "404 Gone Fishing"), 404),
        (json_response(), 200),
    ],
)
def test_status_and_headers_of_a_response(response: Any, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of response tells its status and headers."""
    response.headers["X-Made"] = "here"
    line = response.status
    seal(monkeypatch)
    assert read(response, "arg0.status_code", TRUST) == status
    assert read(response, "arg0.status", TRUST) == line
    assert read(response, 'arg0.headers["x-made"]', TRUST) == "here"
    assert read(response, '"X-Other" in arg0.headers', TRUST) is False


def test_parameters_and_forms_that_are_parsed_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read once the application has read them, as Werkzeug gives them, and nothing is parsed before."""
    environ = EnvironBuilder("/?q=1&q=2", method="POST", data={"name": "ada", "password": "pw"}).get_environ()
    sent = Request(environ)
    assert read(sent, 'arg0.args["q"]', TRUST) == "1"
    for name in ("form", "cookies"):
        with pytest.raises(LookupError, match="cached property without a value"):
            read(sent, f'arg0.{name}["q"]', TRUST)
    assert (sent.args["q"], sent.form["name"]) == ("1", "ada")
    assert not sent.cookies
    monkeypatch.setattr(MultiDict, "__getitem__", fail)
    assert read(sent, 'arg0.args["q"]', TRUST) == "1"
    assert read(sent, '"r" in arg0.args', TRUST) is False
    assert read(sent, '"r" in arg0.cookies', TRUST) is False
    assert read(sent, 'arg0.form["name"]', TRUST) == "ada"
    assert read(sent, 'arg0.form["password"]', TRUST) == "[redacted]"


def test_what_the_url_matched() -> None:
    """The rule and its values are plain; the endpoint is read from the rule."""
    app = Flask(__name__)
    app.add_url_rule("/items/<int:number>", "item")
    with app.test_request_context("/items/7"):
        sent = request._get_current_object()  # type: ignore[attr-defined]
        assert read(sent, "arg0.endpoint", TRUST) == "item"
        assert read(sent, "arg0.url_rule.rule", TRUST) == "/items/<int:number>"
        assert read(sent, 'arg0.view_args["number"]', TRUST) == 7
    with pytest.raises(LookupError, match="endpoint"):
        read(Request(EnvironBuilder().get_environ()), "arg0.endpoint", TRUST)


@contextmanager
def sealed_proxies() -> Iterator[None]:
    """Let everything fail that a proxy runs, for a while: Flask itself needs it again."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("__getattr__", "__getitem__", "__contains__", "__len__", "__bool__", "__eq__", "__str__"):
            patch.setattr(LocalProxy, name, fail)
        yield


def test_the_globals_of_flask() -> None:
    """`request`, `g` and `current_app` are read as what they stand for here, and the proxies do not run."""
    app = Flask("shop")
    with app.test_request_context("/here", method="PUT", headers={"X-Request-ID": "r-1"}):
        g.user = "ada"
        with sealed_proxies():
            assert read(request, "arg0.method", TRUST) == "PUT"
            assert read(request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"
            assert read(g, "arg0.user", TRUST) == "ada"
            assert read(current_app, "arg0.import_name", TRUST) == "shop"
            with pytest.raises(LookupError, match=r"_AppCtxGlobals\.nobody.*__getattr__"):
                read(g, "arg0.nobody", TRUST)
            with pytest.raises(LookupError, match="cached property"):
                read(request, "arg0.form", TRUST)
            with pytest.raises(LookupError, match="LocalProxy"):
                read(request, "arg0.method", ())


def test_the_globals_of_flask_outside_of_any_request() -> None:
    """They stand for nothing there, which is an error of the expression."""
    with sealed_proxies(), pytest.raises(LookupError, match="stands for nothing here"):
        read(request, "arg0.method", TRUST)


class Calls:
    """A function's stand-in that counts its calls."""

    count = 0

    def __call__(self) -> Any:
        """Count."""
        self.count += 1
        return self


def test_a_proxy_of_something_else_is_left_alone() -> None:
    """A proxy over a function would have to call it."""
    calls = Calls()
    with pytest.raises(LookupError, match="no proxy of a context variable"):
        read(LocalProxy(calls), "arg0.count", TRUST)
    assert calls.count == 0


def test_the_seed_example_in_a_view() -> None:
    """Headers of the global request and the status of the response, in one program on a Flask application."""
    app = Flask(__name__)
    app.add_url_rule("/", "view", view, methods=["POST"])
    probes = f"""
    fn:{__name__}.view:entry {{ $req.request_id = request.headers["X-Request-ID"]; }}
    fn:flask.app.Flask.finalize_request:exit {{ capture(id=$req.request_id, status=retval.status_code); }}
    """
    with capture_events(probes, trust=TRUST) as captured:
        HogTrace(app, exporter=MemoryExporter())
        app.test_client().post("/", headers={"X-Request-ID": "r-9"}).close()
        app.extensions["hogtrace"].tracer.stop()
    assert captured.one().values == {"id": "r-9", "status": 201}


def view() -> tuple[str, int]:
    """Answer; the module has Flask's `request` among its names."""
    assert request.method == "POST"
    return "made", 201


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    check_names(TRUST)
