"""The ASGI middleware: pure ASGI 3, no dependency."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any, Final, TypeAlias, Unpack

from hogtrace import Settings, Tracer
from hogtrace.options import Options, settings_from
from hogtrace.request_store import RequestScope, RouteWays, scope_for
from hogtrace_asgi.trust import TRUST

__all__ = ["HogTraceMiddleware"]

_Scope: TypeAlias = MutableMapping[str, Any]
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

# Seconds that the events of the last requests have to be exported in when the server shuts the application
# down.
_FLUSH_TIMEOUT: Final = 5.0

# The method in which Starlette and FastAPI, each in its own, put their middleware together, in their first call. An
# exception that comes from there is swallowed at start by servers that take it for "no lifespan support", and then
# fails each request.
_LATE_BUILDER: Final = "build_middleware_stack"

_FRAMEWORKS: Final = ("fastapi", "starlette", "litestar", "quart", "falcon")

# In the scope: the route of FastAPI with the prefixes of its routers, and as it was written; that of Starlette from 1.0
# on; the path of Litestar. What is mounted is a route that has no endpoint, until it has found one of its own.
_ROUTES: Final = RouteWays(
    ("fastapi", "effective_route_context", "?endpoint", "path"),
    ("route", "?endpoint", "path"),
    ("path_template",),
    mounts=("root_path", "app_root_path"),
)

_logger = logging.getLogger("hogtrace")


class HogTraceMiddleware:
    """Wraps an ASGI application: a request scope for each request or WebSocket, and the probes.

    The scope is current in the application's call and ends when the call returns, so a background task that
    runs in the call is inside. Lifespan messages pass through; at shutdown the events that wait are exported.

    `app` is the application. The settings come ready made as `settings`, or by name in lower case
    (`probes=[…]`, `exporter=…`, …). `framework` is what events call the application's framework; None asks
    the request's scope, and else the application.

    Raises `ConfigError` for a setting that is wrong, and `CompileError` for a program that does not compile.
    Starlette and FastAPI put their middleware together only in their first call, too late to raise; there the
    error fails the lifespan start-up, which ends the server.
    """

    tracer: Tracer | None
    """The tracer that holds the probes; None if HogTrace is disabled by its settings, or these are wrong."""

    def __init__(
        self,
        app: _App,
        settings: Settings | None = None,
        *,
        framework: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.app = app
        self.framework = framework
        # What is wrapped may be a method, as Quart's `asgi_app`.
        self._name = _framework_of(getattr(app, "__self__", app)) or "asgi"
        # The class of the application in the last request's scope, and what it is called: mostly it is the same again.
        self._last: tuple[type, str] = (type(None), self._name)
        self.tracer = None
        self._error: Exception | None = None
        try:
            settings = settings_from(settings, options, where="HogTraceMiddleware(…)")
            if not settings.disabled:
                self.tracer = Tracer.shared(settings, trust=TRUST)
        except Exception as error:
            if not _is_built_late(sys._getframe(1)):
                raise
            self._error = error
            _logger.critical("HogTrace is off, its configuration is wrong: %s", error)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one connection, as ASGI has it."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        opened = self._open(scope) if self.tracer is not None and kind in ("http", "websocket") else None
        if opened is None:
            await self.app(scope, receive, send)
            return
        with opened:
            try:
                await self.app(scope, receive, opened.answering(send))
            except Exception as error:
                if kind == "http":
                    opened.failed(error)
                raise

    def _open(self, scope: _Scope) -> RequestScope | None:
        request_id, traceparent = _headers(scope, b"x-request-id", b"traceparent")
        return scope_for(
            scope,
            request_id=request_id,
            traceparent=traceparent,
            method=scope.get("method") or "WEBSOCKET",
            path=scope.get("path", ""),
            framework=self.framework or self._framework_in(scope),
            routes=_ROUTES,
        )

    def _framework_in(self, scope: _Scope) -> str:
        app = scope.get("app")
        known, name = self._last
        if type(app) is not known:
            name = _framework_of(app) or self._name
            self._last = type(app), name
        return name

    async def _lifespan(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if self._error is not None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": f"HogTrace: {self._error}"})
            return
        tracer = self.tracer

        async def flush_and_send(message: _Message) -> None:
            if tracer is not None and message["type"] in (
                "lifespan.shutdown.complete",
                "lifespan.shutdown.failed",
            ):
                # The tracer may be shared with other applications of the process, so it is not stopped here.
                await _flush(tracer)
            await send(message)

        await self.app(scope, receive, flush_and_send)


async def _flush(tracer: Tracer) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Another kind of loop, as trio's. Nothing else runs at this end, so it may wait.
        tracer.flush(_FLUSH_TIMEOUT)
    else:
        await asyncio.to_thread(tracer.flush, _FLUSH_TIMEOUT)


def _is_built_late(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != _LATE_BUILDER:
        frame = frame.f_back
    return frame is not None


def _headers(scope: _Scope, *names: bytes) -> list[str | None]:
    """Give the values of these headers; of one that comes more than once all of them, with commas, as in WSGI."""
    found: dict[bytes, str] = {}
    for key, value in scope.get("headers") or ():
        # Bytes, by ASGI. What a server makes of it otherwise is between it and the application.
        if key in names and isinstance(value, bytes | bytearray | memoryview):
            text = bytes(value).decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text
    return [found.get(name) for name in names]


def _framework_of(app: object) -> str | None:
    """Name the framework of an application; Starlette's and FastAPI's put themselves into the scope."""
    for base in type(app).__mro__:
        root = str(base.__module__).partition(".")[0]
        if root in _FRAMEWORKS:
            return root
    return None
