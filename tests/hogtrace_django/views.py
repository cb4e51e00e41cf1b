"""The views, and the URLs, of the Django application that the tests serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from tests.rendezvous import meet, meet_async


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def _client(request: HttpRequest) -> str:
    # Not `request.headers`, which Django would then keep in the request.
    return str(request.META["HTTP_X_CLIENT"])


def plain(request: HttpRequest) -> JsonResponse:
    """Say what the request has in its `__dict__` that Django puts there when somebody reads `headers`."""
    work(_client(request))
    return JsonResponse({"headers were read": "headers" in request.__dict__})


def failing(request: HttpRequest) -> HttpResponse:
    """Fail."""
    work(_client(request))
    raise RuntimeError("the application's own failure")


def meeting(request: HttpRequest) -> HttpResponse:
    """Overlap with other requests."""
    client = _client(request)
    work(client)
    meet(Path(request.META["HTTP_X_PLACE"]), client, int(request.META["HTTP_X_COUNT"]))
    work(client)
    return HttpResponse(client, status=203)


def parts(client: str) -> Iterator[bytes]:
    """Give a body in many parts; the client that leaves gets one without end."""
    for number in range(1000) if client != "cut" else count():
        work(client)
        yield b"%d\n" % number * 1000


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a long stream."""
    return StreamingHttpResponse(parts(_client(request)), content_type="text/plain")


def file(request: HttpRequest) -> FileResponse:
    """Answer with a file."""
    work(_client(request))
    return FileResponse(Path(__file__).open("rb"))


async def async_meeting(request: HttpRequest) -> HttpResponse:
    """Overlap with other requests in one event loop."""
    client = _client(request)
    work(client)
    await meet_async(Path(request.META["HTTP_X_PLACE"]), client, int(request.META["HTTP_X_COUNT"]))
    work(client)
    return HttpResponse(client, status=203)


async def async_everywhere(request: HttpRequest) -> HttpResponse:
    """Work in every place that an async view can send work to."""
    client = _client(request)

    async def in_task() -> None:
        work(client)

    async with asyncio.TaskGroup() as group:
        group.create_task(in_task())
        group.create_task(asyncio.to_thread(work, client))
        group.create_task(sync_to_async(work)(client))
    return HttpResponse(client)


async def async_parts(client: str) -> AsyncIterator[bytes]:
    """Do the same, with other tasks running in between."""
    for number in range(200) if client != "cut" else count():
        work(client)
        await asyncio.sleep(0)
        yield b"%d\n" % number * 1000


async def async_streaming(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a long stream."""
    return StreamingHttpResponse(async_parts(_client(request)), content_type="text/plain")


urlpatterns = [
    path("plain", plain),
    path("failing", failing),
    path("meeting", meeting),
    path("streaming", streaming),
    path("file", file),
    path("async/meeting", async_meeting),
    path("async/everywhere", async_everywhere),
    path("async/streaming", async_streaming),
]


def wsgi() -> WSGIHandler:
    """Make the WSGI application."""
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def asgi() -> ASGIHandler:
    """Make the ASGI application."""
    from django.core.asgi import get_asgi_application

    return get_asgi_application()
