"""The views, and the URLs, of the Django application that the tests serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from hogtrace import current_store
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


outlives: list[tuple[Any, ...]] = []
"""What lets the tasks of `outliving` go on, the tasks, and their requests' stores."""


async def outliving(request: HttpRequest) -> HttpResponse:
    """Start a task that works before and after the end of its request."""
    client = _client(request)
    gate = asyncio.Event()

    async def work_twice() -> None:
        work(client)
        await gate.wait()
        work(client)
        late(client)

    outlives.append((gate, asyncio.create_task(work_twice()), current_store()))
    await asyncio.sleep(0)
    return HttpResponse(client)


def late(client: str) -> None:
    """Do nothing; a place for a probe that writes."""


def mixed(request: HttpRequest) -> HttpResponse:
    """Go from a sync view to async code, and from there to a thread."""
    client = _client(request)

    async def inner() -> None:
        work(client)
        await sync_to_async(work)(client)

    async_to_sync(inner)()
    work(client)
    return HttpResponse(client)


def committing(request: HttpRequest) -> HttpResponse:
    """Work when the transaction is committed, which is before the response is there."""
    client = _client(request)
    with transaction.atomic():
        transaction.on_commit(lambda: work(client))
    return HttpResponse(client)


urlpatterns = [
    path("plain", plain),
    path("failing", failing),
    path("meeting", meeting),
    path("streaming", streaming),
    path("file", file),
    path("mixed", mixed),
    path("committing", committing),
    path("async/outliving", outliving),
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
