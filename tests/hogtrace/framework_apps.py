"""One small application in each WSGI framework that has no package of ours, and what serves them with HogTrace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import bottle
import falcon
from pyramid.config import Configurator
from pyramid.request import Request as PyramidRequest
from pyramid.response import Response as PyramidResponse

from hogtrace import _state
from hogtrace.exporters import JSONLinesExporter
from hogtrace.wsgi import HogTraceMiddleware

PROBES = """
fn:tests.hogtrace.framework_apps.identify:entry { $req.client = arg0.headers["X-Client"]; }
fn:tests.hogtrace.framework_apps.work:entry { capture(sent=arg0, kept=$req.client); }
fn:tests.hogtrace.framework_apps.answer:exit { capture(status=retval.status_code, client=$req.client); }
fn:tests.hogtrace.framework_apps.parts:exit { capture(stream=$req.client, closed=exception != None); }
"""


def identify(request: Any) -> str:
    """Give the client's name, which a probe keeps too."""
    # Falcon shows the names of headers in capitals, and has a method that ignores case.
    get = getattr(request, "get_header", None) or request.headers.get
    return str(get("X-Client"))


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def answer(response: Any) -> Any:
    """Give the framework's response back; a place for a probe."""
    return response


def parts(client: str) -> Iterator[bytes]:
    """Give a body in many parts; the client that leaves gets one without end."""
    for number in range(100) if client != "cut" else count():
        work(client)
        yield b"%d\n" % number * 1000


def make_bottle() -> bottle.Bottle:
    """Make the application in Bottle."""
    app = bottle.Bottle()

    @app.get("/work")
    def working() -> Any:
        client = identify(bottle.BaseRequest(bottle.request.environ))
        work(client)
        return answer(bottle.HTTPResponse(client, 203))

    @app.get("/stream")
    def streaming() -> Iterator[bytes]:
        return parts(identify(bottle.BaseRequest(bottle.request.environ)))

    @app.get("/fail")
    def failing() -> None:
        work(identify(bottle.BaseRequest(bottle.request.environ)))
        raise RuntimeError("the application's own failure")

    return app


def make_falcon() -> Any:
    """Make the application in Falcon."""
    app = falcon.App()

    class Working:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            client = identify(request)
            work(client)
            response.text, response.status = client, falcon.HTTP_203
            answer(response)

    class Streaming:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            response.stream = parts(identify(request))

    class Failing:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            work(identify(request))
            raise RuntimeError("the application's own failure")

    app.add_route("/work", Working())
    app.add_route("/stream", Streaming())
    app.add_route("/fail", Failing())
    return app


def make_pyramid() -> Any:
    """Make the application in Pyramid."""

    def working(request: PyramidRequest) -> PyramidResponse:
        client = identify(request)
        work(client)
        return answer(PyramidResponse(client, status=203))

    def streaming(request: PyramidRequest) -> PyramidResponse:
        return PyramidResponse(app_iter=parts(identify(request)))

    def failing(request: PyramidRequest) -> PyramidResponse:
        work(identify(request))
        raise RuntimeError("the application's own failure")

    with Configurator() as config:
        for name, view in (("work", working), ("stream", streaming), ("fail", failing)):
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name)
        return config.make_wsgi_app()


MAKERS = {"bottle": make_bottle, "falcon": make_falcon, "pyramid": make_pyramid}

if "EVENTS_PATH" in os.environ:
    # A busy machine may take its time to end, and for what the probes do.
    _state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 30  # type: ignore[misc]  # constants
    application = HogTraceMiddleware(
        MAKERS[os.environ["FRAMEWORK"]](),
        framework=os.environ["FRAMEWORK"],
        probes=[PROBES],
        exporter=JSONLinesExporter(os.environ["EVENTS_PATH"]),
        batch_delay=0.1,
        max_overhead=None,
    )
