"""WebOb's requests and responses, which are Pyramid's."""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["WEBOB"]

_REQUEST: Final = "webob.request.BaseRequest"
_RESPONSE: Final = "webob.response.Response"

WEBOB: Final[tuple[TrustEntry, ...]] = (
    TrustEntry(_REQUEST, "headers", "wsgi_headers", "environ"),
    *(
        TrustEntry(_REQUEST, name, "stored", f"environ.{key}")
        for name, key in (
            ("method", "REQUEST_METHOD"),
            ("scheme", "wsgi.url_scheme"),
            ("query_string", "QUERY_STRING"),
            ("remote_addr", "REMOTE_ADDR"),
            ("remote_user", "REMOTE_USER"),
        )
    ),
    TrustEntry(_REQUEST, "path_info", "wsgi_text", "environ.PATH_INFO"),
    TrustEntry(_REQUEST, "GET", "last_of_query", "environ.QUERY_STRING"),
    TrustEntry(_REQUEST, "params", "instead", '.GET["…"]'),
    TrustEntry(_REQUEST, "host", "instead", '.headers["Host"]'),
    TrustEntry(_REQUEST, "client_addr", "instead", ".remote_addr"),
    TrustEntry(_REQUEST, "content_type", "instead", '.headers["Content-Type"]'),
    TrustEntry(_REQUEST, "content_length", "instead", '.headers["Content-Length"]'),
    *(TrustEntry(_REQUEST, name, "instead", ".path_info") for name in ("path", "url", "path_url", "path_qs")),
    TrustEntry(_RESPONSE, "headers", "header_list", "_headerlist"),
    TrustEntry(_RESPONSE, "status_code", "status_line", "_status"),
    TrustEntry(_RESPONSE, "status_int", "status_line", "_status"),
    TrustEntry(_RESPONSE, "status", "stored", "_status"),
    TrustEntry(_RESPONSE, "location", "header", "_headerlist"),
    TrustEntry(_RESPONSE, "body", "joined", "_app_iter"),
    TrustEntry(_RESPONSE, "text", "instead", ".body"),
    *(TrustEntry(_RESPONSE, name, "instead", '.headers["Content-Type"]') for name in ("content_type", "charset")),
    TrustEntry(_RESPONSE, "content_length", "instead", '.headers["Content-Length"]'),
)
"""All of it."""
