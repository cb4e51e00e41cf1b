"""What probes read of Django's requests and responses, and that nothing of Django runs for it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import django
import pytest
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotFound,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.http.request import HttpHeaders
from django.http.response import HttpResponseBase
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import resolve
from django.utils.datastructures import CaseInsensitiveMapping, MultiValueDict
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

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


def form_request(factory: RequestFactory) -> Any:
    """Give a request with a form, a query, cookies, a user, and what Django's routing has found."""
    data = {"colour": "red", "password": "p"}
    request = factory.post("/plain?q=1&q=2&token=x", data=data, headers={"Cookie": "sessionid=abc; theme=dark"})
    request.resolver_match = resolve("/plain")
    return request


forms = pytest.mark.parametrize("factory", [RequestFactory(), AsyncRequestFactory()], ids=["wsgi", "asgi"])
LAZY = ["POST", "FILES", "COOKIES", "body"]


@forms
@pytest.mark.parametrize("name", LAZY)
def test_what_django_has_not_parsed_yet_is_not_parsed(factory: RequestFactory, name: str) -> None:
    """A probe that asks for it gets an error, the request stays as it was, and its body unread."""
    request = form_request(factory)
    before = dict(request.__dict__)
    with pytest.raises(LookupError):
        read(request, f"arg0.{name}", TRUST)
    assert request.__dict__ == before
    assert request.POST["colour"] == "red"


@forms
def test_what_django_has_parsed_is_read(factory: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where it is stored, by no code of Django's; and what is secret in it is hidden."""
    request = form_request(factory)
    assert request.GET["q"] == "2"
    assert len(request.POST) == 2
    assert "theme" in request.COOKIES
    before = dict(request.__dict__)
    for name in ("POST", "FILES"):
        monkeypatch.setattr(type(request), name, property(fail, fail))
    for name in ("__getitem__", "__repr__", "get", "items", "__iter__"):
        monkeypatch.setattr(MultiValueDict, name, fail, raising=False)
    assert read(request, "arg0.GET", TRUST) == {"q": ["1", "2"], "token": "[redacted]"}
    assert read(request, "arg0.POST", TRUST) == {"colour": ["red"], "password": "[redacted]"}
    assert read(request, "len(arg0.POST)", TRUST) == 2
    assert read(request, '"q" in arg0.GET', TRUST) is True
    assert read(request, "arg0.FILES", TRUST) == {}
    assert read(request, "arg0.COOKIES", TRUST) == "[redacted]"
    assert read(request, 'arg0.COOKIES["theme"]', TRUST) == "[redacted]"
    assert request.__dict__ == before


@forms
def test_the_query_string_is_parsed_for_the_probe_alone(
    factory: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until Django has parsed it; the request stays as it was. Once it has, or was given another, that is read."""
    request: Any = factory.get("/?q=caf%C3%A9+1&q=%E4&empty=&token=x&&flag&=none&a%3Db=%zz")
    values = {
        "q": ["caf\u00e9 1", "\ufffd"],
        "empty": [""],
        "token": "[redacted]",
        "flag": [""],
        "": ["none"],
        "a=b": ["%zz"],
    }
    before = dict(request.__dict__)
    monkeypatch.setattr(QueryDict, "__init__", fail)
    assert read(request, "arg0.GET", TRUST) == values
    assert read(request, 'arg0.GET["q"]', TRUST) == "\ufffd"
    assert read(request, "len(arg0.GET)", TRUST) == 6
    assert read(request, 'arg0.GET["token"] == "x"', TRUST) is True
    with pytest.raises(LookupError, match="no key 'r'"):
        read(request, 'arg0.GET["r"]', TRUST)
    assert request.__dict__ == before
    monkeypatch.undo()
    assert request.GET.dict() == {key: values[key][-1] for key in values if key != "token"} | {"token": "x"}
    monkeypatch.setattr(MultiValueDict, "__getitem__", fail)
    assert read(request, "arg0.GET", TRUST) == values
    assert read(request, 'arg0.GET["q"]', TRUST) == "\ufffd"
    monkeypatch.undo()
    request.GET = QueryDict("q=other")
    assert read(request, 'arg0.GET["q"]', TRUST) == "other"


def test_the_phrase_and_the_content_of_a_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """The phrase is the one that was given or the usual one; the content is what was written."""
    response = HttpResponse(b"one", status=418)
    response.write(b", two")
    other = HttpResponse(status=599, reason="Gone Fishing")
    unknown = HttpResponse(status=599)
    stream = StreamingHttpResponse([b"x"])
    for kind, name in ((HttpResponseBase, "reason_phrase"), (HttpResponse, "content")):
        monkeypatch.setattr(kind, name, property(fail))
    assert read(response, "arg0.reason_phrase", TRUST) == "I'm a Teapot"
    assert read(other, "arg0.reason_phrase", TRUST) == "Gone Fishing"
    assert read(unknown, "arg0.reason_phrase", TRUST) == "Unknown Status Code"
    assert read(response, "arg0.content", TRUST) == b"one, two"
    with pytest.raises(LookupError, match="content"):
        read(stream, "arg0.content", TRUST)


@forms
def test_a_body_that_was_read_is_read(factory: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that Django keeps."""
    request: Any = factory.post("/", data=b"[1]", content_type="application/json")
    assert request.body == b"[1]"
    monkeypatch.setattr(HttpRequest, "body", property(fail))
    assert read(request, "arg0.body", TRUST) == b"[1]"


@forms
def test_the_route_is_plain(factory: RequestFactory) -> None:
    """What the URL has led to."""
    request = form_request(factory)
    assert read(request, "arg0.resolver_match.route", TRUST) == "plain"
    assert read(request, "arg0.resolver_match.view_name", TRUST) == "tests.hogtrace_django.views.plain"
    assert read(request, "arg0.resolver_match.kwargs", TRUST) == {}
    assert read(request, "arg0.content_type", TRUST) == "multipart/form-data"
    assert read(request, "arg0.encoding", TRUST) is None


@forms
def test_a_lazy_user_is_not_looked_up(factory: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by capturing it, not by reading its fields; once the application has it, both show it."""
    request = form_request(factory)
    asked: list[int] = []

    class User:
        username = "ada"

        def __init__(self) -> None:
            self.id = 7
            asked.append(1)

    request.user = SimpleLazyObject(User)
    assert read(request, "arg0.user", TRUST)["_wrapped"] == {"$type": "object"}
    with pytest.raises(LookupError, match="has not been looked up yet"):
        read(request, "arg0.user.id", TRUST)
    read(request, "arg0", TRUST)
    assert asked == []
    assert request.user.id == 7
    assert read(request, "arg0.user", TRUST)["_wrapped"]["id"] == 7
    monkeypatch.setattr(SimpleLazyObject, "__getattribute__", fail)
    assert read(request, "arg0.user.id", TRUST) == 7
    assert read(request, "arg0.user.username", TRUST) == "ada"
    monkeypatch.undo()
    assert asked == [1]


def test_a_request_of_the_rest_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it hands on to Django's request, and what it has parsed and authenticated, is read; nothing of it runs."""
    original = RequestFactory().post(
        "/x?y=1", data='{"n": 1}', content_type="application/json", headers={"X-Request-ID": "r-1"}
    )

    class Authentication(BaseAuthentication):
        def authenticate(self, request: Request) -> Any:
            return SimpleNamespace(id=7), "a token"

    request: Any = Request(original, parsers=[JSONParser()], authenticators=[Authentication()])
    monkeypatch.setattr(Request, "__getattr__", fail)
    monkeypatch.setattr(Request, "data", property(fail))
    monkeypatch.setattr(Request, "query_params", property(fail))
    assert read(request, "arg0.method", TRUST) == "POST"
    assert read(request, "arg0.path", TRUST) == "/x"
    assert read(request, 'arg0.headers["x-request-id"]', TRUST) == "r-1"
    assert read(request, 'arg0.query_params["y"]', TRUST) == "1"
    for name in ("data", "user", "auth"):
        with pytest.raises(LookupError):
            read(request, f"arg0.{name}", TRUST)
    monkeypatch.undo()
    assert request.data == {"n": 1}
    assert request.user.id == 7
    assert request.query_params["y"] == "1"
    monkeypatch.setattr(Request, "data", property(fail))
    monkeypatch.setattr(Request, "user", property(fail, fail))
    assert read(request, "arg0.data", TRUST) == {"n": 1}
    assert read(request, "arg0.user.id", TRUST) == 7
    assert read(request, "arg0.auth", TRUST) == "[redacted]"
    assert read(request, "arg0.query_params", TRUST) == {"y": ["1"]}


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here."""
    # Those of Django REST framework's request that are Django's are not attributes of the class.
    others = {"scheme"} if django.VERSION >= (5, 2) else {"scheme", "text"}  # responses have `text` since 5.2
    own = [entry for entry in TRUST if not entry.argument.startswith("_request.") and entry.attribute not in others]
    check_names(own)
