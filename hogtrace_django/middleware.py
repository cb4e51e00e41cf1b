"""The middleware: a request scope around each request, and the installation of the probes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from hogtrace import HogTraceError, Tracer
from hogtrace.request_store import RequestScope, RouteWays, ScopedBody, scope_for
from hogtrace_django.conf import get_tracer

__all__ = ["HogTraceMiddleware"]

_ROUTES: Final = RouteWays(("resolver_match", "route"))

_Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class HogTraceMiddleware:
    """A request scope for each request, and the probes of `settings.HOGTRACE`, installed at Django's start.

    Sync and async in one class: it is of the kind that the handler below it is, so that Django needs no
    thread to bridge them. The scope is current while the response is made and while each part of a streamed
    body is made, never in between; it ends when the response is closed. Stands first in `MIDDLEWARE` to have
    all of the request inside.

    Raises `ImproperlyConfigured` for wrong settings and programs that do not compile, and `MiddlewareNotUsed`
    if the settings say that HogTrace is disabled.
    """

    sync_capable = True
    async_capable = True

    tracer: Tracer
    """The tracer that holds the probes; shared by everything in the process that has equal settings."""

    def __init__(self, get_response: Callable[[HttpRequest], _Answer]) -> None:
        try:
            tracer = get_tracer()
        except HogTraceError as error:
            raise ImproperlyConfigured(str(error)) from error
        if tracer is None:
            raise MiddlewareNotUsed("HogTrace is disabled by its settings")
        self.tracer = tracer
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'async' if self._is_async else 'sync'}>"

    def __call__(self, request: HttpRequest) -> _Answer:
        """Answer one request: the response, or in an async application an awaitable of it."""
        return self._call_async(request) if self._is_async else self._call(request)

    def _call(self, request: HttpRequest) -> HttpResponseBase:
        get_response = cast("Callable[[HttpRequest], HttpResponseBase]", self.get_response)
        scope = _open(request)
        if scope is None:
            return get_response(request)
        try:
            with scope.active():
                response = get_response(request)
        except BaseException as error:
            scope.failed(error)
            scope.close()
            raise
        _end_with(response, scope, request)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        get_response = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", self.get_response)
        scope = _open(request)
        if scope is None:
            return await get_response(request)
        try:
            with scope.active():
                response = await get_response(request)
        except BaseException as error:
            scope.failed(error)
            scope.close()
            raise
        _end_with(response, scope, request)
        return response


def _open(request: HttpRequest) -> RequestScope | None:
    # WSGI's environ is META itself; an ASGI request makes a META of its own, so there the scope is what is
    # handed on.
    carrier = _carrier_of(request)
    return scope_for(
        request.META if carrier is None else carrier,
        request_id=request.META.get("HTTP_X_REQUEST_ID"),
        traceparent=request.META.get("HTTP_TRACEPARENT"),
        method=request.method or "",
        path=request.path,
        framework="django",
        routes=_ROUTES,
        routed=request,
    )


def _carrier_of(request: HttpRequest) -> MutableMapping[str, Any] | None:
    """Give the ASGI scope of a request, if it is one of ASGI."""
    return getattr(request, "scope", None)


def _end_with(response: HttpResponseBase, scope: RequestScope, request: HttpRequest) -> None:
    """Let `scope` end when `response` to `request` is closed, and be current while its body is made and closed."""
    scope.answered(getattr(response, "status_code", None))
    closers: list[Callable[[], object]] | None = getattr(response, "_resource_closers", None)
    if closers is None:
        # Not one of Django's responses: nothing tells when it is done.
        scope.close()
        return
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        # A file is left to the server, which may send it without Python; no code of the application runs in
        # it.
        closers[:] = [_Closer(scope, closer) for closer in closers]
        if response.is_async:
            response.streaming_content = _AsyncBody(cast("AsyncIterable[bytes]", response.streaming_content), scope)
        else:
            parts = cast("Iterable[bytes]", response.streaming_content)
            make = ScopedBody if _carrier_of(request) is None else _SyncBody
            response.streaming_content = make(parts, scope)
    closers.append(_Closer(scope, scope.close))


class _Closer:
    """Something to be done when a response is closed, inside its request's scope.

    A cache that stands outside of this middleware pickles responses. The scope is of no use to the next
    request that gets the copy, so there it becomes a closer that does nothing.
    """

    __slots__ = ("_close", "_scope")

    def __init__(self, scope: RequestScope, close: Callable[[], object]) -> None:
        self._scope = scope
        self._close = close

    def __call__(self) -> None:
        with self._scope.active():
            self._close()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _closer_of_a_copy, ()


def _nothing() -> None:
    """Do nothing."""


def _closer_of_a_copy() -> Callable[[], None]:
    return _nothing


class _SyncBody:
    """A streamed body that an ASGI server is sent, each part of which is made inside the request's scope."""

    def __init__(self, parts: Iterable[bytes], scope: RequestScope) -> None:
        self._parts = iter(parts)
        self._scope = scope

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with self._scope.active():
                return next(self._parts)
        except StopIteration:
            raise
        except Exception:
            # Django has sent the status, and does not close a response that fails here.
            self._scope.close()
            raise


class _AsyncBody:
    """The same for an async body, as views under ASGI make it."""

    def __init__(self, parts: AsyncIterable[bytes], scope: RequestScope) -> None:
        self._parts = aiter(parts)
        self._scope = scope

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            with self._scope.active():
                return await anext(self._parts)
        except StopAsyncIteration:
            raise
        except Exception:
            self._scope.close()
            raise
