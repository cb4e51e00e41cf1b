"""Bottle's requests and responses, and `bottle.request` and `bottle.response`, which are each thread's own."""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["BOTTLE"]

_REQUEST: Final = "bottle.BaseRequest"
_RESPONSE: Final = "bottle.BaseResponse"

BOTTLE: Final[tuple[TrustEntry, ...]] = (
    TrustEntry("bottle.LocalRequest", "environ", "thread_local", "var"),
    *(
        TrustEntry("bottle.LocalResponse", name, "thread_local", "var")
        for name in ("_status_code", "_status_line", "_headers", "body")
    ),
    TrustEntry(_REQUEST, "headers", "wsgi_headers", "environ"),
    TrustEntry(_REQUEST, "method", "stored", "environ.REQUEST_METHOD"),
    TrustEntry(_REQUEST, "path", "stored", "environ.PATH_INFO"),
    TrustEntry(_REQUEST, "query_string", "stored", "environ.QUERY_STRING"),
    TrustEntry(_REQUEST, "query", "last_of_query", "environ.QUERY_STRING"),
    TrustEntry(_REQUEST, "GET", "last_of_query", "environ.QUERY_STRING"),
    TrustEntry(_REQUEST, "url_args", "stored", "environ.route.url_args"),
    # Only once the application has read them.
    *(
        TrustEntry(_REQUEST, name, "stored", f"environ.bottle.request.{name}")
        for name in ("forms", "params", "json", "files", "cookies")
    ),
    TrustEntry(_REQUEST, "POST", "stored", "environ.bottle.request.post"),
    TrustEntry(_REQUEST, "remote_addr", "instead", '.environ["REMOTE_ADDR"]'),
    TrustEntry(_REQUEST, "content_type", "instead", '.environ["CONTENT_TYPE"]'),
    TrustEntry(_REQUEST, "content_length", "instead", '.headers["Content-Length"]'),
    TrustEntry(_REQUEST, "url", "instead", ".path"),
    TrustEntry("bottle.MultiDict", "[]", "last_values", "dict"),
    TrustEntry(_RESPONSE, "status_code", "stored", "_status_code"),
    TrustEntry(_RESPONSE, "status_line", "stored", "_status_line"),
    TrustEntry(_RESPONSE, "status", "stored", "_status_line"),
    TrustEntry(_RESPONSE, "headers", "header_dict", "_headers"),
    TrustEntry(_RESPONSE, "content_type", "instead", '.headers["Content-Type"]'),
    TrustEntry(_RESPONSE, "content_length", "instead", '.headers["Content-Length"]'),
)
"""All of it."""
