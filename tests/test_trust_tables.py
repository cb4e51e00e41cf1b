"""What a person first writes about requests and responses, tried in real applications of every framework."""

from __future__ import annotations

import asyncio
import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import bottle
import falcon
import falcon.asgi
import flask
import httpx
import litestar
import pytest
import quart
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils.functional import SimpleLazyObject
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pyramid.config import Configurator
from pyramid.response import Response as PyramidResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request as RESTRequest
from rest_framework.response import Response as RESTResponse
from rest_framework.views import APIView
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import hogtrace_asgi
import hogtrace_flask
from hogtrace import wsgi
from hogtrace.types import TrustEntry
from hogtrace_django.trust import TRUST as DJANGO_TRUST
from tests.measuring import ALWAYS, LATER, Measurement, table
from tests.servers import ROOT

TARGET = "/items/7?q=caf%C3%A9+1&q=two&empty="
HEADERS = {"X-Request-ID": "r-1", "X-Name": "here", "Cookie": "theme=dark", "User-Agent": "test"}

RESPONSE = [
    "response.status_code",
    'response.headers["content-type"]',
    '"X-Other" in response.headers',
]

DJANGO = [
    "request.method",
    "request.path",
    "request.path_info",
    "request.content_type",
    "request.content_params",
    "request.encoding",
    'request.headers["X-Request-ID"]',
    '"X-Other" in request.headers',
    'request.META["REMOTE_ADDR"]',
    "request.scheme",
    'request.GET["q"]',
    '"r" in request.GET',
    'request.query_params["q"]',
    'request.POST["colour"]',
    'request.data["colour"]',
    'request.FILES["file"].name',
    "request.body",
    'request.COOKIES["theme"]',
    "request.resolver_match.route",
    "request.resolver_match.url_name",
    "request.resolver_match.view_name",
    'request.resolver_match.kwargs["number"]',
    "request.user.username",
    "request.accepted_types",
    *RESPONSE,
    'response["Content-Type"]',
    "response.reason_phrase",
    "response.content",
    "response.charset",
    "response.data",
]

WSGI = [
    "request.method",
    "request.path",
    "request.path_info",
    'request.headers["X-Request-ID"]',
    '"X-Other" in request.headers',
    'request.environ["REQUEST_METHOD"]',
    "request.content_type",
    "request.mimetype",
    "request.content_length",
    "request.query_string",
    'request.args["q"]',
    'request.query["q"]',
    'request.GET["q"]',
    'request.params["empty"]',
    'request.form["colour"]',
    'request.forms["colour"]',
    'request.POST["colour"]',
    'request.files["file"].filename',
    "request.data",
    "request.json",
    'request.media["colour"]',
    'request.cookies["theme"]',
    "request.scheme",
    "request.host",
    "request.url",
    "request.full_path",
    "request.remote_addr",
    "request.user_agent.string",
    "request.endpoint",
    "request.url_rule.rule",
    "request.blueprint",
    'request.view_args["number"]',
    'request.url_args["number"]',
    'request.matchdict["number"]',
    "request.matched_route.name",
    "request.uri_template",
    *RESPONSE,
    "response.status",
    "response.content_type",
    "response.mimetype",
    "response.content_length",
    "response.body",
    "response.data",
    "response.text",
]

ASGI = [
    "request.method",
    "request.path",
    "request.url.path",
    "request.url.query",
    'request.headers["X-Request-ID"]',
    '"X-Other" in request.headers',
    'request.scope["path"]',
    'request.query_params["q"]',
    'request.args["q"]',
    'request.params["empty"]',
    'request.path_params["number"]',
    'request.view_args["number"]',
    "request.endpoint",
    'request.cookies["theme"]',
    "request.client.host",
    "request.remote_addr",
    "request.state.user_id",
    "request.user.username",
    'request.session["x"]',
    "request.content_type",
    "request.query_string",
    *RESPONSE,
    "response.media_type",
    "response.body",
    "response.content",
    "response.text",
    "response.status",
]


class Bench:
    """Where the handlers of an application put their requests and responses to be measured."""

    def __init__(self, expressions: Sequence[str], trust: Sequence[TrustEntry]) -> None:
        self.expressions = expressions
        self.trust = trust
        self.outcomes: list[Measurement | Exception] = []

    def measure(self, request: object, response: object) -> None:
        """Try all expressions."""
        try:
            self.outcomes.append(Measurement(self.expressions, self.trust, request, response))
        except Exception as error:
            self.outcomes.append(error)


class User:
    """Somebody who is logged in."""

    def __init__(self) -> None:
        self.username = "ada"


def prepare(scope: Any) -> None:
    """Do what middleware for users and sessions does."""
    scope.setdefault("state", {})["user_id"] = 7
    scope["user"] = User()
    scope["session"] = {"x": 1}


CURRENT: list[Bench] = []


def django_view(request: Any, number: int) -> Any:
    """Answer as a view does."""
    request.user = SimpleLazyObject(User)
    response = HttpResponse(b"answer", status=201, content_type="text/plain")
    CURRENT[-1].measure(request, response)
    return response


class Authentication(BaseAuthentication):
    """Everybody is one and the same."""

    def authenticate(self, request: RESTRequest) -> Any:
        """Say who it is."""
        return User(), None


class RESTView(APIView):
    """A view of the REST framework."""

    authentication_classes = (Authentication,)

    def post(self, request: RESTRequest, number: int) -> RESTResponse:
        """Answer."""
        response = RESTResponse({"a": 1}, status=201, headers={"Content-Type": "text/plain"})
        CURRENT[-1].measure(request, response)
        return response


urlpatterns = [path("items/<int:number>", django_view, name="item")]


def django_app(bench: Bench, patterns: str = __name__) -> Any:
    """Make an application of Django's."""

    def application(environ: Any, start_response: Any) -> Any:
        CURRENT.append(bench)
        with override_settings(ROOT_URLCONF=patterns):
            # Without the signals around it, at which Django sees to its database connections.
            response = WSGIHandler().get_response(WSGIRequest(environ))
        CURRENT.pop()
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    return application


class RESTPatterns:
    """What the REST framework's view is reached by."""

    urlpatterns: ClassVar = [path("items/<int:number>", RESTView.as_view(), name="item")]


def rest_app(bench: Bench) -> Any:
    """Make one with the REST framework."""
    return django_app(bench, RESTPatterns)  # type: ignore[arg-type]


def flask_app(bench: Bench) -> Any:
    """Make an application of Flask's."""
    app = flask.Flask(__name__)

    @app.post("/items/<int:number>")
    def item(number: int) -> Any:
        response = flask.make_response("answer", 201)
        bench.measure(flask.request._get_current_object(), response)  # type: ignore[attr-defined]
        return response

    return app


def bottle_app(bench: Bench) -> Any:
    """Make an application of Bottle's."""
    app = bottle.Bottle()

    @app.post("/items/<number:int>")
    def item(number: int) -> Any:
        bottle.response.status = 201
        bottle.response.set_header("Content-Type", "text/plain")
        bench.measure(bottle.request, bottle.response)
        return "answer"

    return app


def pyramid_app(bench: Bench) -> Any:
    """Make an application of Pyramid's."""

    def view(request: Any) -> Any:
        response = PyramidResponse("answer", status=201)
        bench.measure(request, response)
        return response

    with Configurator() as config:
        config.add_route("item", "/items/{number}")
        config.add_view(view, route_name="item")
        return config.make_wsgi_app()


class FalconItem:
    """A resource of Falcon's."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def on_post(self, request: falcon.Request, response: falcon.Response, number: int) -> None:
        """Answer."""
        response.status = falcon.HTTP_201
        response.text = "answer"
        response.content_type = "text/plain"
        self.bench.measure(request, response)


class AsyncFalconItem:
    """The same under ASGI."""

    def __init__(self, bench: Bench) -> None:
        self.inner = FalconItem(bench)

    async def on_post(self, request: Any, response: Any, number: int) -> None:
        """Answer."""
        self.inner.on_post(request, response, number)


def falcon_app(bench: Bench) -> Any:
    """Make an application of Falcon's."""
    app = falcon.App()
    app.add_route("/items/{number:int}", FalconItem(bench))
    return app


def async_falcon_app(bench: Bench) -> Any:
    """Make an async one."""
    app = falcon.asgi.App()
    app.add_route("/items/{number:int}", AsyncFalconItem(bench))
    return app


def starlette_app(bench: Bench) -> Any:
    """Make an application of Starlette's."""

    async def item(request: StarletteRequest) -> PlainTextResponse:
        prepare(request.scope)
        response = PlainTextResponse("answer", 201)
        bench.measure(request, response)
        return response

    return Starlette(routes=[Route("/items/{number:int}", item, methods=["POST"])])


def fastapi_app(bench: Bench) -> Any:
    """Make an application of FastAPI's."""
    app = FastAPI()

    @app.post("/items/{number}")
    def item(number: int, request: StarletteRequest) -> Any:
        prepare(request.scope)
        response = JSONResponse({"a": 1}, 201)
        bench.measure(request, response)
        return response

    return app


def litestar_app(bench: Bench) -> Any:
    """Make an application of Litestar's."""

    async def item(request: litestar.Request[Any, Any, Any]) -> litestar.Response[str]:
        prepare(request.scope)
        response = litestar.Response("answer", status_code=201, headers={"content-type": "text/plain"})
        bench.measure(request, response)
        return response

    return litestar.Litestar([litestar.post("/items/{number:int}")(item)])


def quart_app(bench: Bench) -> Any:
    """Make an application of Quart's."""
    app = quart.Quart(__name__)

    @app.post("/items/<int:number>")
    async def item(number: int) -> Any:
        response = await quart.make_response("answer", 201)
        bench.measure(quart.request._get_current_object(), response)  # type: ignore[attr-defined]
        return response

    return app


BODIES: list[dict[str, Any]] = [
    {"json": {"colour": "red"}},
    {"data": {"colour": "red"}, "files": {"file": ("file.txt", b"text")}},
]


def send(application: Any, body: dict[str, Any]) -> None:
    """Send a request to a WSGI application."""
    with httpx.Client(transport=httpx.WSGITransport(application), base_url="http://test") as http:
        assert http.post(TARGET, headers=HEADERS, **body).status_code == 201


def send_async(application: Any, body: dict[str, Any]) -> None:
    """Send a request to an ASGI application."""

    async def main() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as http:
            return (await http.post(TARGET, headers=HEADERS, **body)).status_code

    assert asyncio.run(main()) == 201


class Page(NamedTuple):
    """A page of the documentation, and what its table is about."""

    expressions: list[str]
    trust: tuple[TrustEntry, ...]
    send: Callable[[Any, dict[str, Any]], None]
    apps: dict[str, Callable[[Bench], Any]]

    def measured(self, framework: str) -> Measurement:
        """Try the expressions in an application of the framework, with a request of JSON and one with a form."""
        bench = Bench(self.expressions, self.trust)
        app = self.apps[framework](bench)
        for body in BODIES:
            self.send(app, body)
        for outcome in bench.outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        first, second = bench.outcomes
        assert isinstance(first, Measurement)
        assert isinstance(second, Measurement)
        return first.merged(second)


PAGES = {
    "django.md": Page(DJANGO, DJANGO_TRUST, send, {"Django": django_app, "REST framework": rest_app}),
    "flask.md": Page(
        WSGI,
        (*hogtrace_flask.TRUST, *wsgi.TRUST),
        send,
        {"Flask": flask_app, "Bottle": bottle_app, "Falcon": falcon_app, "Pyramid": pyramid_app},
    ),
    "asgi.md": Page(
        ASGI,
        hogtrace_asgi.TRUST,
        send_async,
        {
            "Starlette": starlette_app,
            "FastAPI": fastapi_app,
            "Litestar": litestar_app,
            "Quart": quart_app,
            "Falcon": async_falcon_app,
        },
    ),
}

FRAMEWORKS = [(page, framework) for page, about in PAGES.items() for framework in about.apps]
# What the seed program reads.
SEED = ('request.headers["X-Request-ID"]', "response.status_code")


@functools.cache
def measured(page: str, framework: str) -> Measurement:
    """Try all expressions of a page in an application of a framework, once in a process."""
    return PAGES[page].measured(framework)


@pytest.mark.parametrize(("page", "framework"), FRAMEWORKS)
def test_the_seed_program_reads_every_framework(page: str, framework: str) -> None:
    """The header of a request and the status of a response, by the same expressions, as the handler has them."""
    found = measured(page, framework).found
    assert [found[expression] for expression in SEED] == [ALWAYS, ALWAYS]


@pytest.mark.parametrize(("page", "framework"), FRAMEWORKS)
def test_refusals_name_the_accessor_and_what_allows_it(page: str, framework: str) -> None:
    """What is not read is named, with the reason and the line for `TRUST`; a lazy object can only be left alone."""
    for expression, message in measured(page, framework).refusals.items():
        attribute = expression.split(".")[1].split("[")[0]
        if "has not been looked up yet" in message:
            assert expression == "request.user.username"
            continue
        assert f".{attribute}` " in message, (expression, message)
        assert "reading it" in message or "would run for it" in message
        assert f'"{attribute}", "call") to TRUST' in message


@pytest.mark.parametrize(("page", "framework"), FRAMEWORKS)
def test_what_a_refusal_offers_instead_can_be_read(page: str, framework: str) -> None:
    """The expression in the refusal works on the same object."""
    about, measurement = PAGES[page], measured(page, framework)
    offers = {
        f"{expression.split('.')[0]}{offer.replace('…', 'q')}"
        for expression, message in measurement.refusals.items()
        for found in re.findall(r"; (\..*) can be read instead", message)
        for offer in found.split(", ")[0].split(" or ")[:1]
    }
    bench = Bench(sorted(offers), about.trust)
    app = about.apps[framework](bench)
    for body in BODIES:
        about.send(app, body)
    for offer in offers:
        found = {outcome.found.get(offer, ALWAYS) for outcome in bench.outcomes if isinstance(outcome, Measurement)}
        assert found <= {ALWAYS, LATER}, offer
        assert len(bench.outcomes) == len(BODIES)


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_the_page(page: str) -> None:
    """The page says what was found; `HOGTRACE_WRITE_DOCS=1` writes it."""
    file = ROOT / "docs" / page
    text = file.read_text()
    made = table(PAGES[page].expressions, {name: measured(page, name) for name in PAGES[page].apps})
    if "HOGTRACE_WRITE_DOCS" in os.environ:
        text = re.sub(r"(?m)^\| expression \|.*\n(\|.*\n)*", lambda _: made, text)
        file.write_text(text)
    assert made in text
