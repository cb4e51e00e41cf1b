"""What probes may read of requests and responses of ASGI frameworks although it lies behind accessors.

Each entry is a reader over what is stored already; none runs the framework's accessor, which would keep a new
object in the request. Types are matched by name, so no framework need be there. `response.status_code`,
`request.scope` and `websocket.scope` are plain attributes of Starlette's and need no entry.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

_STARLETTE: Final = (
    # Both Request and WebSocket. Once the application has read it, the property keeps its result in
    # `_headers`; the scope says the same.
    TrustEntry("starlette.requests.HTTPConnection", "headers", "asgi_headers", "scope"),
    TrustEntry("starlette.requests.HTTPConnection", "path_params", "item", "scope.path_params"),
    # Only once the application has read it.
    TrustEntry("starlette.requests.HTTPConnection", "query_params", "stored", "_query_params"),
    TrustEntry("starlette.requests.Request", "method", "item", "scope.method"),
    TrustEntry("starlette.responses.Response", "headers", "header_list", "raw_headers"),
    # What a function is given that was handed `request.headers` itself; MutableHeaders is a subclass.
    TrustEntry("starlette.datastructures.Headers", "[]", "header_list", "_list"),
    # Query parameters and forms.
    TrustEntry("starlette.datastructures.ImmutableMultiDict", "[]", "stored", "_dict"),
)

_LITESTAR: Final = (
    TrustEntry("litestar.connection.base.ASGIConnection", "headers", "asgi_headers", "scope"),
    TrustEntry("litestar.connection.base.ASGIConnection", "path_params", "item", "scope.path_params"),
    TrustEntry("litestar.connection.request.Request", "method", "item", "scope.method"),
)

# Quart's requests and responses are Werkzeug's; `quart.request` and `quart.g` are proxies of Werkzeug's.
_QUART: Final = (
    TrustEntry("werkzeug.datastructures.headers.Headers", "[]", "header_list", "_list"),
    TrustEntry("werkzeug.sansio.response.Response", "status_code", "stored", "_status_code"),
    TrustEntry("werkzeug.sansio.response.Response", "status", "stored", "_status"),
    TrustEntry("werkzeug.sansio.request.Request", "args", "cached"),
    TrustEntry("werkzeug.sansio.request.Request", "cookies", "cached"),
    TrustEntry("werkzeug.datastructures.structures.MultiDict", "[]", "first_values"),
    TrustEntry("werkzeug.local.LocalProxy", "*", "context_proxy"),
    # From Quart 0.23 on one context holds all; before, requests and WebSockets had one each.
    TrustEntry("quart.ctx.AppContext", "request", "stored", "_request"),
    TrustEntry("quart.ctx.AppContext", "websocket", "stored", "_websocket"),
    TrustEntry("quart.ctx.RequestContext", "request", "stored", "request_websocket"),
    TrustEntry("quart.ctx.WebsocketContext", "websocket", "stored", "request_websocket"),
)

_FALCON: Final = (
    TrustEntry("falcon.asgi.request.Request", "headers", "asgi_headers", "scope"),
    TrustEntry("falcon.response.Response", "status_code", "status_line", "status"),
    TrustEntry("falcon.response.Response", "headers", "stored", "_headers"),
)

TRUST: Final[tuple[TrustEntry, ...]] = (*_STARLETTE, *_LITESTAR, *_QUART, *_FALCON)
