"""Request scopes and probes for any WSGI application.

    application = HogTraceMiddleware(application, probes=["probes.hogtrace"])

Frameworks with a package of their own (Django, Flask) bring their trust lists; use that where there is one. What may
be read of Bottle, Falcon and Pyramid is known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Unpack

from hogtrace.config import Settings
from hogtrace.options import Options, settings_from
from hogtrace.request_store import RequestScope, RouteWays, ScopedBody, scope_for
from hogtrace.tracer import Tracer
from hogtrace.trusted.bottle import BOTTLE
from hogtrace.trusted.falcon import FALCON
from hogtrace.trusted.webob import WEBOB
from hogtrace.types import TrustEntry

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["TRUST", "HogTraceMiddleware"]

TRUST: Final[tuple[TrustEntry, ...]] = (*BOTTLE, *FALCON, *WEBOB)
"""What probes may read of Bottle, Falcon and Pyramid, whose requests are WebOb's."""
# In the environ: Werkzeug's request, which is Flask's, and the route of Bottle. Falcon and Pyramid leave nothing there.
_ROUTES: Final = RouteWays(("werkzeug.request", "url_rule", "rule"), ("bottle.route", "rule"))


class HogTraceMiddleware:
    """Wraps a WSGI application: a request scope for each request, and the probes of its settings.

    The scope is current while the application's call runs, while each part of the body is made, and while the
    body is closed; it ends after the body's `close()`. Exceptions, the body's length and the server's own
    file wrapper pass through as they are.

    `app` is the application. The settings come ready made as `settings`, or by name in lower case
    (`probes=[…]`, `exporter=…`, …). `framework` is what events call the application's framework;
    `framework_trust` are the entries of its trust list; those of Bottle, Falcon and Pyramid if none are given.

    Raises `ConfigError` for a setting that is wrong, and `CompileError` for a probe file that does not
    compile.
    """

    tracer: Tracer | None
    """The tracer that holds the probes; None if the settings say that HogTrace is disabled."""

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings | None = None,
        *,
        framework: str = "wsgi",
        framework_trust: Iterable[TrustEntry] = TRUST,
        **options: Unpack[Options],
    ) -> None:
        settings = settings_from(settings, options, where="HogTraceMiddleware(…)")
        self.app = app
        self.framework = framework
        self.tracer = None if settings.disabled else Tracer.shared(settings, trust=tuple(framework_trust))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it."""
        scope = self._scope(environ) if self.tracer is not None else None
        if scope is None:
            return self.app(environ, start_response)
        try:
            with scope.active():
                body = self.app(environ, scope.answering(start_response))
        except BaseException as error:
            # Whatever `start_response` was told, nothing of it is sent before a part of the body is.
            scope.failed(error, begun=False)
            scope.close()
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            _end_with_file(body, scope)
            return body
        return _SizedBody(body, scope) if hasattr(body, "__len__") else ScopedBody(body, scope)

    def _scope(self, environ: WSGIEnvironment) -> RequestScope | None:
        return scope_for(
            environ,
            request_id=environ.get("HTTP_X_REQUEST_ID"),
            traceparent=environ.get("HTTP_TRACEPARENT"),
            method=str(environ.get("REQUEST_METHOD", "")),
            path=_path(environ),
            framework=self.framework,
            routes=_ROUTES,
        )


def _path(environ: WSGIEnvironment) -> str:
    """Give the path of the request as the client knows it; WSGI keeps UTF-8 in latin-1 clothes."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    if path.isascii():
        return path
    try:
        return path.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return path


class _SizedBody(ScopedBody):
    """A body of known length, from which servers learn that it has one part only."""

    def __len__(self) -> int:
        return len(self.body)  # type: ignore[arg-type]  # made of bodies that have a length


def _end_with_file(body: Any, scope: RequestScope) -> None:
    """End `scope` when `body`, an object that the server recognises by its type, is closed."""
    close = getattr(body, "close", None)

    def close_all() -> None:
        try:
            if close is not None:
                with scope.active():
                    close()
        finally:
            scope.close()

    try:
        body.close = close_all
    except (AttributeError, TypeError):
        # A type in C has no room for it. No code of the application runs in such a body; the request may end
        # here.
        scope.close()
