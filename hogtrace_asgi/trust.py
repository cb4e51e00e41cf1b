"""What probes may read of Starlette's and FastAPI's requests and responses although it lies behind accessors.

Each entry is a reader over what is stored already; none runs Starlette's accessor, which would keep a new
object in the request. Types are matched by name, so Starlette need not be there. `response.status_code`,
`request.scope` and `websocket.scope` are plain attributes and need no entry.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

TRUST: Final[tuple[TrustEntry, ...]] = (
    # Both Request and WebSocket. Once the application has read it, the property keeps its result in
    # `_headers`; the scope says the same.
    TrustEntry("starlette.requests.HTTPConnection", "headers", "asgi_headers", "scope"),
    TrustEntry("starlette.responses.Response", "headers", "header_list", "raw_headers"),
    # What a function is given that was handed `request.headers` itself; MutableHeaders is a subclass.
    TrustEntry("starlette.datastructures.Headers", "[]", "header_list", "_list"),
)
