"""What probes may read of requests and responses of ASGI frameworks although it lies behind accessors.

Each entry is a reader over what is stored already; none runs the framework's accessor, which would keep a new
object in the request. Types are matched by name, so no framework need be there. `response.status_code`,
`request.scope` and `websocket.scope` are plain attributes of Starlette's and need no entry.
"""

from typing import Final

from hogtrace.trusted.falcon import FALCON_ASGI
from hogtrace.trusted.werkzeug import WERKZEUG
from hogtrace.types import TrustEntry

__all__ = ["TRUST"]


def _connection(type_name: str, query: str) -> tuple[TrustEntry, ...]:
    """Give what the requests and WebSockets of a framework have of their scope."""
    return (
        TrustEntry(type_name, "headers", "asgi_headers", "scope"),
        TrustEntry(type_name, "url", "asgi_url", "scope"),
        TrustEntry(type_name, "query_params", query, "scope.query_string"),
        TrustEntry(type_name, "client", "address", "scope.client"),
        TrustEntry(type_name, "state", "namespace", "scope.state"),
        *(TrustEntry(type_name, name, "stored", f"scope.{name}") for name in ("path_params", "user", "auth")),
        # Once the application has read them.
        TrustEntry(type_name, "cookies", "stored", "_cookies"),
        TrustEntry(type_name, "session", "instead", '.scope["session"]["…"]'),
        TrustEntry(type_name, "base_url", "instead", '.headers["Host"]'),
    )


_STARLETTE: Final = (
    # Both Request and WebSocket. Once the application has read the headers, the property keeps its result in
    # `_headers`; the scope says the same.
    *_connection("starlette.requests.HTTPConnection", "last_of_query"),
    TrustEntry("starlette.requests.HTTPConnection", "app", "stored", "scope.app"),
    TrustEntry("starlette.requests.Request", "method", "stored", "scope.method"),
    TrustEntry("starlette.responses.Response", "headers", "header_list", "raw_headers"),
    # What a function is given that was handed `request.headers` itself; MutableHeaders is a subclass.
    TrustEntry("starlette.datastructures.Headers", "[]", "header_list", "_list"),
    # Query parameters and forms, where a function is handed them.
    TrustEntry("starlette.datastructures.ImmutableMultiDict", "[]", "stored", "_dict"),
    # `request.state` and `app.state`, where a function is handed them.
    TrustEntry("starlette.datastructures.State", "*", "namespace", "_state"),
)

_LITESTAR: Final = (
    *_connection("litestar.connection.base.ASGIConnection", "first_of_query"),
    TrustEntry("litestar.connection.base.ASGIConnection", "app", "stored", "scope.litestar_app"),
    TrustEntry("litestar.connection.base.ASGIConnection", "route_handler", "stored", "scope.route_handler"),
    TrustEntry("litestar.connection.request.Request", "method", "stored", "scope.method"),
    TrustEntry("litestar.connection.request.Request", "content_type", "instead", '.headers["Content-Type"]'),
    TrustEntry("litestar.connection.request.Request", "content_length", "instead", '.headers["Content-Length"]'),
    TrustEntry("litestar.datastructures.state.ImmutableState", "*", "namespace", "_state"),
)

# Quart's requests and responses are Werkzeug's; `quart.request` and `quart.g` are proxies of Werkzeug's.
_QUART: Final = (
    *WERKZEUG,
    TrustEntry("quart.wrappers.base.BaseRequestWebsocket", "endpoint", "stored", "url_rule.endpoint"),
    # From Quart 0.23 on one context holds all; before, requests and WebSockets had one each.
    TrustEntry("quart.ctx.AppContext", "request", "stored", "_request"),
    TrustEntry("quart.ctx.AppContext", "websocket", "stored", "_websocket"),
    TrustEntry("quart.ctx.RequestContext", "request", "stored", "request_websocket"),
    TrustEntry("quart.ctx.WebsocketContext", "websocket", "stored", "request_websocket"),
)

TRUST: Final[tuple[TrustEntry, ...]] = (*_STARLETTE, *_LITESTAR, *_QUART, *FALCON_ASGI)
"""All of it."""
