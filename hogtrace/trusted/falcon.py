"""Falcon's requests and responses, under WSGI and ASGI."""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["FALCON", "FALCON_ASGI"]

_REQUEST: Final = "falcon.request.Request"
_RESPONSE: Final = "falcon.response.Response"

FALCON: Final[tuple[TrustEntry, ...]] = (
    TrustEntry(_REQUEST, "headers", "wsgi_headers", "env"),
    TrustEntry(_REQUEST, "params", "stored", "_params"),
    TrustEntry(_REQUEST, "remote_addr", "stored", "env.REMOTE_ADDR"),
    TrustEntry(_REQUEST, "scheme", "stored", "env.wsgi.url_scheme"),
    # Only once the application has read it.
    TrustEntry(_REQUEST, "media", "stored", "_media"),
    TrustEntry(_REQUEST, "host", "instead", '.headers["Host"]'),
    *(TrustEntry(_REQUEST, name, "instead", ".path") for name in ("uri", "url", "relative_uri")),
    TrustEntry(_REQUEST, "content_length", "instead", '.headers["Content-Length"]'),
    TrustEntry(_RESPONSE, "status_code", "status_line", "status"),
    TrustEntry(_RESPONSE, "headers", "header_dict", "_headers"),
    TrustEntry(_RESPONSE, "media", "stored", "_media"),
    TrustEntry(_RESPONSE, "data", "stored", "_data"),
    TrustEntry(_RESPONSE, "content_type", "instead", '.headers["Content-Type"]'),
    TrustEntry(_RESPONSE, "content_length", "instead", '.headers["Content-Length"]'),
)
"""Those of both kinds, as far as they are the same class."""

FALCON_ASGI: Final[tuple[TrustEntry, ...]] = (
    *FALCON,
    TrustEntry("falcon.asgi.request.Request", "headers", "asgi_headers", "scope"),
    TrustEntry("falcon.asgi.request.Request", "media", "stored", "_media"),
    TrustEntry("falcon.asgi.request.Request", "remote_addr", "instead", '.scope["client"][0]'),
    TrustEntry("falcon.asgi.request.Request", "scheme", "instead", '.scope["scheme"]'),
)
"""The same with what ASGI requests have of their own."""
