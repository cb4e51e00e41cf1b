"""Applications that the tests of SIGTERM serve with real servers: `asgi`, `late`, `django`, `wsgi`.

Each captures the path of every request; where events go is said by the environment.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hogtrace import Settings, Tracer, _state, compile, termination

PROBE = compile("fn:tests.hogtrace.terminated.look_at:entry { capture(path); }")

# How long the end may take is not what these are about: a busy machine may take its time.
_state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = termination._WITHIN = 30  # type: ignore[misc]  # constants

tracers: list[Tracer] = []


def look_at(path: str) -> str:
    """Be what is probed."""
    return path


def watch() -> None:
    """Make the tracer, unless it is there."""
    if not tracers:
        tracers.append(Tracer.shared(Settings.load({"MAX_OVERHEAD": None})))
        tracers[0].install(PROBE)


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"not here: {scope['type']}")
    if scope["path"].startswith("/slow/"):
        print("slow began", flush=True)
        await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
    # After the answer, as background work is.
    look_at(scope["path"])


async def late(scope: Any, receive: Any, send: Any) -> None:
    """Answer, with a tracer that is made at the first request, when the server has its handlers in place."""
    watch()
    await _answer(scope, receive, send)


def __getattr__(name: str) -> Any:
    # An application is made when the server asks for it by name.
    if name not in ("asgi", "wsgi", "django"):
        raise AttributeError(name)
    watch()
    made = {"asgi": lambda: _answer, "wsgi": lambda: _wsgi, "django": _django}[name]()
    globals()[name] = made
    return made


def _wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    look_at(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def _django() -> Any:
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import re_path

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(look_at(request.path))

    settings.configure(
        ROOT_URLCONF=type("urls", (), {"urlpatterns": [re_path("", view)]}),
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="-",  # noqa: S106 - of a test
    )
    return get_asgi_application()
