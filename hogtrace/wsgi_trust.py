"""What probes may read of requests and responses of WSGI frameworks that have no package of ours.

Each entry is a reader over what is stored already; none runs the framework's accessor. Types are matched by name,
so no framework need be there.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

_BOTTLE: Final = (
    TrustEntry("bottle.BaseRequest", "headers", "wsgi_headers", "environ"),
    TrustEntry("bottle.BaseRequest", "method", "item", "environ.REQUEST_METHOD"),
    TrustEntry("bottle.BaseResponse", "status_code", "stored", "_status_code"),
)

_FALCON: Final = (
    TrustEntry("falcon.request.Request", "headers", "wsgi_headers", "env"),
    TrustEntry("falcon.response.Response", "status_code", "status_line", "status"),
    # A dict of lower-case names.
    TrustEntry("falcon.response.Response", "headers", "stored", "_headers"),
)

# Pyramid's requests and responses are WebOb's.
_PYRAMID: Final = (
    TrustEntry("webob.request.BaseRequest", "headers", "wsgi_headers", "environ"),
    TrustEntry("webob.request.BaseRequest", "method", "item", "environ.REQUEST_METHOD"),
    TrustEntry("webob.response.Response", "headers", "header_list", "_headerlist"),
    TrustEntry("webob.response.Response", "status_code", "status_line", "_status"),
    TrustEntry("webob.response.Response", "status_int", "status_line", "_status"),
    TrustEntry("webob.response.Response", "status", "stored", "_status"),
)

TRUST: Final[tuple[TrustEntry, ...]] = (*_BOTTLE, *_FALCON, *_PYRAMID)
