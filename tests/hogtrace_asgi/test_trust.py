"""What probes read of Starlette's requests and responses, and that nothing of Starlette runs for it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

from hogtrace_asgi import TRUST
from tests.looking import check_names, read


def fail(_self: Any, *_given: Any) -> Any:
    """Stand in for code of Starlette's that must not run."""
    raise AssertionError("code of Starlette ran")


def seal_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the methods of Starlette's header mappings fail."""
    for kind in (Headers, MutableHeaders):
        for name in ("__getitem__", "__len__", "__iter__", "__contains__", "items", "keys", "values"):
            monkeypatch.setattr(kind, name, fail, raising=False)


def seal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything fail that Starlette runs when headers are read."""
    seal_mappings(monkeypatch)
    monkeypatch.setattr(HTTPConnection, "headers", property(fail))
    monkeypatch.setattr(Response, "headers", property(fail))


async def never() -> Any:
    """Stand in for a connection that nobody reads."""


async def never_sent(_message: Any) -> None:
    """Stand in for one that nobody writes to."""


def make(kind: type[HTTPConnection[Any]]) -> HTTPConnection[Any]:
    """Make a request or a WebSocket with three headers."""
    headers = [
        (b"x-request-id", b"r-1"),
        (b"authorization", b"Basic c2VjcmV0"),
        (b"x-name", "caf\u00e9".encode("latin-1")),
    ]
    scope = {
        "type": "websocket" if kind is WebSocket else "http",
        "method": "POST",
        "path": "/",
        "headers": headers,
    }
    return WebSocket(scope, never, never_sent) if kind is WebSocket else kind(scope)


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do so for all of a test."""
    seal(monkeypatch)


kinds = pytest.mark.parametrize("kind", [HTTPConnection, Request, WebSocket])


@pytest.mark.usefixtures("sealed")
@kinds
@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_headers_of_a_request(kind: type[HTTPConnection[Any]], name: str) -> None:
    """A header is read in any spelling, and Starlette keeps no new object in the request."""
    request = make(kind)
    before = dict(request.__dict__)
    assert read(request, f'arg0.headers["{name}"]', TRUST) == "r-1"
    assert read(request, 'arg0.headers["X-Name"]', TRUST) == "caf\u00e9"
    assert read(request, '"x-request-id" in arg0.headers', TRUST) is True
    assert read(request, '"X-Other" in arg0.headers', TRUST) is False
    assert read(request, "len(arg0.headers)", TRUST) == 3
    assert read(request, 'arg0.headers["Authorization"]', TRUST) == "[redacted]"
    assert request.__dict__ == before


@pytest.mark.usefixtures("sealed")
def test_headers_as_a_whole() -> None:
    """They are captured as a mapping, in which what is secret is not shown."""
    headers = read(make(Request), "arg0.headers", TRUST)
    assert {name.lower(): value for name, value in headers.items()} == {
        "x-request-id": "r-1",
        "authorization": "[redacted]",
        "x-name": "caf\u00e9",
    }


def test_headers_that_the_application_hands_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is given `request.headers` itself can be probed as well."""
    request = make(Request)
    handed = request.headers
    seal_mappings(monkeypatch)
    assert read(handed, 'arg0["X-Request-ID"]', TRUST) == "r-1"
    assert read(handed, '"X-Other" in arg0', TRUST) is False
    assert read(request, 'arg0.headers["X-Request-ID"]', TRUST) == "r-1"


@pytest.mark.usefixtures("sealed")
def test_a_header_that_is_not_there() -> None:
    """Reading it is an error of the expression that names it."""
    with pytest.raises(LookupError, match="X-Other"):
        read(make(Request), 'arg0.headers["X-Other"]', TRUST)


def test_without_the_list_nothing_is_read() -> None:
    """The refusal names the accessor."""
    with pytest.raises(LookupError, match="headers"):
        read(make(Request), 'arg0.headers["X-Request-ID"]', ())


def test_method_and_path_are_in_the_scope() -> None:
    """The scope is plain, so they need no entry."""
    assert read(make(Request), 'arg0.scope["method"]', ()) == "POST"
    assert read(make(Request), 'arg0.scope["path"]', ()) == "/"


async def parts() -> Any:
    """Give the body of a stream."""
    yield b"x"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (Response("x", 418), 418),
        (PlainTextResponse("x"), 200),
        (JSONResponse({}, 203), 203),
        (HTMLResponse("x", 404), 404),
        (RedirectResponse("/there"), 307),
        (StreamingResponse(parts(), 206), 206),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("touched", [False, True])
def test_status_and_headers_of_a_response(
    response: Any, status: int, touched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of response tells its status and headers, whether the application has read them or not."""
    if touched:
        response.headers["X-Made"] = "here"
    else:
        response.raw_headers[:] = [(b"x-made", b"here")]
    seal(monkeypatch)
    assert read(response, "arg0.status_code", TRUST) == status
    assert read(response, 'arg0.headers["X-Made"]', TRUST) == "here"
    assert read(response, '"X-Other" in arg0.headers', TRUST) is False


def test_the_entries_name_what_there_is() -> None:
    """A type or attribute that a release renames is noticed here; those of others in `test_frameworks.py`."""
    check_names([entry for entry in TRUST if entry.type.startswith("starlette.")])
