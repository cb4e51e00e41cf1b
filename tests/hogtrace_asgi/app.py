"""The ASGI applications that the tests serve: FastAPI, Starlette, and one without a framework."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

import tests.patience  # noqa: F401 - for its effect
from hogtrace_asgi import HogTraceMiddleware
from tests.rendezvous import meet, meet_async

# Typed so, or a type checker would find what the server is to find.
WRONG: dict[str, Any] = {"probs": []}

PROBES = str(Path(__file__).parent / "probes.hogtrace")


def settings() -> dict[str, Any]:
    """Give the settings; events go to the file that the environment names."""
    options = {"path": os.environ["EVENTS_PATH"]}
    return {
        "probes": [PROBES],
        "exporter": {"BACKEND": "hogtrace.exporters.JSONLinesExporter", "OPTIONS": options},
    }


def identify(request: Request | WebSocket) -> str:
    """Give the client's name, which a probe keeps too."""
    return str(dict(request.scope["headers"])[b"x-client"].decode())


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def answer(text: str, status: int = 200) -> Response:
    """Make an answer; a place for a probe on what it is."""
    return PlainTextResponse(text, status)


async def meeting(request: Request) -> Response:
    """Overlap with other requests in one loop."""
    client = identify(request)
    work(client)
    await meet_async(Path(request.headers["X-Place"]), client, int(request.headers["X-Count"]))
    work(client)
    return answer(client, 203)


async def plain(request: Request) -> Response:
    """Say whether Starlette has made its object for the headers, as it does when they are read."""
    work(identify(request))
    return answer(str("_headers" in request.__dict__))


async def failing(request: Request) -> Response:
    """Fail."""
    work(identify(request))
    raise RuntimeError("the application's own failure")


async def parts(client: str) -> AsyncIterator[bytes]:
    """Give a body in many parts; the client that leaves gets one without end."""
    for number in range(200) if client != "cut" else count():
        work(client)
        await asyncio.sleep(0)
        yield b"%d\n" % number * 1000


async def streaming(request: Request) -> Response:
    """Answer with a long stream."""
    return StreamingResponse(parts(identify(request)), media_type="text/plain")


def later(client: str) -> None:
    """Work after the answer, in a thread."""
    work(client)


async def background(request: Request) -> Response:
    """Answer, and work after that."""
    client = identify(request)
    return PlainTextResponse(client, background=BackgroundTask(later, client))


async def talk(socket: WebSocket) -> None:
    """Work for each message of a connection."""
    client = identify(socket)
    await socket.accept()
    async for text in socket.iter_text():
        work(client)
        await socket.send_text(text.upper())


def sync_meeting(request: Request) -> Response:
    """Overlap with other requests in threads."""
    client = identify(request)
    work(client)
    meet(Path(request.headers["X-Place"]), client, int(request.headers["X-Count"]))
    work(client)
    return answer(client, 203)


ROUTES = [
    Route("/meet", meeting),
    Route("/sync/meet", sync_meeting),
    Route("/plain", plain),
    Route("/fail", failing),
    Route("/stream", streaming),
    Route("/background", background),
    WebSocketRoute("/talk", talk),
]


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Say in the log that the application's own lifespan ran."""
    print("application: up", flush=True)
    yield
    print("application: down", flush=True)


def make_starlette() -> Starlette:
    """Make a Starlette application with another one of the same kind mounted in it."""
    middleware = [Middleware(HogTraceMiddleware, **settings())]
    inner = Starlette(routes=ROUTES, middleware=middleware)
    return Starlette(routes=[*ROUTES, Mount("/inner", inner)], middleware=middleware, lifespan=lifespan)


async def client_of(request: Request) -> str:
    """Depend on the request, as FastAPI's applications do."""
    return identify(request)


def make_fastapi() -> FastAPI:
    """Make a FastAPI application, with an endpoint of each kind."""
    app = FastAPI(lifespan=lifespan)
    app.add_middleware(HogTraceMiddleware, **settings())

    @app.get("/items/{number}", status_code=203)
    async def item(number: int, client: str = Depends(client_of)) -> dict[str, int]:
        work(client)
        await asyncio.sleep(0)
        work(client)
        return {"number": number}

    @app.get("/sync/{number}")
    def sync_item(number: int, client: str = Depends(client_of)) -> dict[str, int]:
        work(client)
        return {"number": number}

    return app


def make_wrong_starlette() -> Starlette:
    """Make an application with a setting that does not exist."""
    return Starlette(routes=ROUTES, middleware=[Middleware(HogTraceMiddleware, **WRONG)])


def make_wrong_fastapi() -> FastAPI:
    """Make the same in FastAPI."""
    app = FastAPI()
    app.add_middleware(HogTraceMiddleware, **WRONG)
    return app
