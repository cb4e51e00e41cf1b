"""What probes read of Werkzeug's and Flask's requests and responses, and that nothing of them runs for it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.wrappers import Request
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.sansio import response as sansio
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from hogtrace_flask import TRUST
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


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    check_names(TRUST)
