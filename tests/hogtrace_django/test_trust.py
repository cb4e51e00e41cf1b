"""What probes read of Django's requests and responses, and that nothing of Django runs for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotFound,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.request import HttpHeaders
from django.http.response import HttpResponseBase
from django.test import AsyncRequestFactory, RequestFactory
from django.utils.datastructures import CaseInsensitiveMapping

from hogtrace_django.trust import TRUST
from tests.looking import check_names, read

HEADERS = {"X-Request-ID": "r-1", "Authorization": "Basic c2VjcmV0"}


def wsgi_request() -> HttpRequest:
    """Give a request as a WSGI server's."""
    return RequestFactory().post("/", data=b"x", content_type="text/plain", headers=HEADERS)


def asgi_request() -> HttpRequest:
    """Give a request as an ASGI server's."""
    return AsyncRequestFactory().post("/", data=b"x", content_type="text/plain", headers=HEADERS)


def bare_request() -> HttpRequest:
    """Give a request as tests make it by hand."""
    request = HttpRequest()
    request.META.update({"HTTP_X_REQUEST_ID": "r-1", "CONTENT_TYPE": "text/plain", "HTTP_AUTHORIZATION": "x"})
    return request


requests = pytest.mark.parametrize("make", [wsgi_request, asgi_request, bare_request])
Make = Callable[[], HttpRequest]


def fail(_self: Any, *_given: Any) -> Any:
    """Stand in for code of Django's that must not run."""
    raise AssertionError("code of Django ran")


def seal_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the methods of Django's header mappings fail."""
    for kind in (CaseInsensitiveMapping, HttpHeaders):
        for name in ("__getitem__", "__len__", "__iter__", "__contains__"):
            monkeypatch.setattr(kind, name, fail, raising=False)


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything fail that Django runs when headers are read."""
    monkeypatch.setattr(HttpRequest, "headers", property(fail))
    seal_mappings(monkeypatch)


@pytest.mark.usefixtures("sealed")
@requests
@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_headers_of_a_request(make: Make, name: str) -> None:
    """A header is read in any spelling, and Django keeps no mapping of headers afterwards."""
    request = make()
    before = dict(request.__dict__)
    assert read(request, f'arg0.headers["{name}"]', TRUST) == "r-1"
    assert read(request, 'arg0.headers["content-type"]', TRUST) == "text/plain"
    assert request.__dict__ == before
    assert "headers" not in request.__dict__


@pytest.mark.usefixtures("sealed")
@requests
def test_headers_as_a_whole(make: Make) -> None:
    """They are captured as a mapping, `in` and `len` work, and what is secret is not shown."""
    request = make()
    headers = read(request, "arg0.headers", TRUST)
    named = {name.lower(): value for name, value in headers.items()}
    assert named["x-request-id"] == "r-1"
    assert named["authorization"] == "[redacted]"
    assert read(request, 'arg0.headers["Authorization"]', TRUST) == "[redacted]"
    assert read(request, '"X-Request-ID" in arg0.headers', TRUST) is True
    assert read(request, '"X-Other" in arg0.headers', TRUST) is False
    assert read(request, "len(arg0.headers)", TRUST) == len(headers)
    assert "headers" not in request.__dict__


@requests
def test_headers_that_django_has_made_already(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the application has read them, the mapping that Django keeps is read."""
    request = make()
    assert request.headers["X-Request-ID"] == "r-1"
    assert "headers" in request.__dict__
    seal_mappings(monkeypatch)
    assert read(request, 'arg0.headers["x-request-id"]', TRUST) == "r-1"
    assert read(request, '"X-Request-ID" in arg0.headers', TRUST) is True


def test_a_header_that_is_not_there() -> None:
    """Reading it is an error of the expression that names it."""
    with pytest.raises(LookupError, match="X-Other"):
        read(wsgi_request(), 'arg0.headers["X-Other"]', TRUST)


def test_without_the_list_nothing_is_read() -> None:
    """The refusal says which accessor it is and what would allow it."""
    with pytest.raises(LookupError, match="headers"):
        read(wsgi_request(), 'arg0.headers["X-Request-ID"]', ())


def test_method_and_path_are_plain() -> None:
    """They need no entry."""
    assert read(wsgi_request(), "arg0.method", ()) == "POST"
    assert read(asgi_request(), "arg0.path", ()) == "/"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (HttpResponse("x"), 200),
        (HttpResponse("x", status=418), 418),
        (HttpResponseNotFound("x"), 404),
        (JsonResponse({}), 200),
        (StreamingHttpResponse([b"x"], status=203), 203),
        (FileResponse([b"x"]), 200),
    ],
    ids=lambda value: type(value).__name__,
)
def test_status_and_headers_of_a_response(response: Any, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of response tells its status, and its headers by both spellings."""
    response["X-Made"] = "here"
    seal_mappings(monkeypatch)
    monkeypatch.setattr(HttpResponseBase, "__getitem__", fail)
    monkeypatch.setattr(HttpResponseBase, "__contains__", fail)
    assert read(response, "arg0.status_code", TRUST) == status
    assert read(response, 'arg0.headers["x-made"]', TRUST) == "here"
    assert read(response, 'arg0["X-Made"]', TRUST) == "here"
    assert read(response, '"X-Other" in arg0', TRUST) is False


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    check_names(TRUST)
