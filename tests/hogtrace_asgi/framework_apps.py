"""One small application in each ASGI framework, wrapped as its users do: Litestar, Quart, Falcon and none at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import falcon
import falcon.asgi
import litestar
import quart
from litestar.response import Response as LitestarResponse
from litestar.response import Stream

from hogtrace.exporters import JSONLinesExporter
from hogtrace_asgi import HogTraceMiddleware

PROBES = """
fn:tests.hogtrace_asgi.framework_apps.identify:entry {
    $req.client = arg0.headers["X-Client"];
    capture(id=arg0.headers["X-Request-ID"], method=arg0.method);
}
fn:tests.hogtrace_asgi.framework_apps.work:entry { capture(sent=arg0, kept=$req.client); }
fn:tests.hogtrace_asgi.framework_apps.answer:exit { capture(status=retval.status_code, client=$req.client); }
fn:tests.hogtrace_asgi.framework_apps.parts:exit { capture(stream=$req.client, closed=exception != None); }
"""


def identify(request: Any) -> str:
    """Give the client's name, which a probe keeps too."""
    # Falcon has a method that ignores case.
    get = getattr(request, "get_header", None) or request.headers.get
    return str(get("x-client"))


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def answer(response: Any) -> Any:
    """Give the framework's response back; a place for a probe."""
    return response


async def parts(client: str) -> AsyncIterator[bytes]:
    """Give a body in some parts."""
    for number in range(20):
        work(client)
        await asyncio.sleep(0)
        yield b"%d\n" % number


def make_litestar() -> Any:
    """Make the application in Litestar."""

    @litestar.get("/work")
    async def working(request: litestar.Request[Any, Any, Any]) -> LitestarResponse[str]:
        client = identify(request)
        work(client)
        return answer(LitestarResponse(client, status_code=203))  # type: ignore[no-any-return]

    @litestar.get("/stream")
    async def streaming(request: litestar.Request[Any, Any, Any]) -> Stream:
        return Stream(parts(identify(request)))

    @litestar.get("/fail")
    async def failing(request: litestar.Request[Any, Any, Any]) -> None:
        work(identify(request))
        raise RuntimeError("the application's own failure")

    return litestar.Litestar([working, streaming, failing])


def make_quart() -> Any:
    """Make the application in Quart."""
    app = quart.Quart(__name__)

    @app.get("/work")
    async def working() -> Any:
        client = identify(quart.request)
        work(client)
        return answer(quart.Response(client, 203))

    @app.get("/stream")
    async def streaming() -> Any:
        return parts(identify(quart.request)), 200

    @app.get("/fail")
    async def failing() -> Any:
        work(identify(quart.request))
        raise RuntimeError("the application's own failure")

    return app


def make_falcon() -> Any:
    """Make the application in Falcon."""

    class Working:
        async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
            client = identify(request)
            work(client)
            response.text, response.status = client, falcon.HTTP_203
            answer(response)

    class Streaming:
        async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
            response.stream = parts(identify(request))

    class Failing:
        async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
            work(identify(request))
            raise RuntimeError("the application's own failure")

    app = falcon.asgi.App()
    app.add_route("/work", Working())
    app.add_route("/stream", Streaming())
    app.add_route("/fail", Failing())
    return app


class Connection:
    """What an application without a framework hands to its functions."""

    def __init__(self, scope: Any) -> None:
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        # As a probe spells it.
        self.headers |= {"X-Client": self.headers["x-client"], "X-Request-ID": self.headers["x-request-id"]}
        self.method = scope["method"]


class Answer:
    """An answer of such an application."""

    def __init__(self, text: str, status_code: int) -> None:
        self.text = text
        self.status_code = status_code


def make_plain() -> Any:
    """Make the application without a framework; it does not know the lifespan protocol."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"no {scope['type']} here")
        client = identify(Connection(scope))
        if scope["path"] != "/stream":
            work(client)
        if scope["path"] == "/fail":
            raise RuntimeError("the application's own failure")
        status = 200
        if scope["path"] == "/work":
            status = answer(Answer(client, 203)).status_code
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        if scope["path"] == "/stream":
            async for part in parts(client):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": client.encode()})

    return app


MAKERS = {"litestar": make_litestar, "quart": make_quart, "falcon": make_falcon, "asgi": make_plain}


def wrapped(framework: str, **options: Any) -> tuple[Any, HogTraceMiddleware]:
    """Give the application of a framework, in HogTrace as the framework's users put it, and the middleware."""
    app = MAKERS[framework]()
    if framework == "quart":
        middleware = HogTraceMiddleware(app.asgi_app, probes=[PROBES], **options)
        app.asgi_app = middleware
        return app, middleware
    middleware = HogTraceMiddleware(app, probes=[PROBES], **options)
    return middleware, middleware


if "EVENTS_PATH" in os.environ:
    application = wrapped(os.environ["FRAMEWORK"], exporter=JSONLinesExporter(os.environ["EVENTS_PATH"]))[0]
