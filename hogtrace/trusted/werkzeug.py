"""Werkzeug's requests, responses and mappings, which are Flask's and Quart's as well."""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["WERKZEUG"]

_REQUEST: Final = "werkzeug.sansio.request.Request"
_RESPONSE: Final = "werkzeug.sansio.response.Response"

WERKZEUG: Final[tuple[TrustEntry, ...]] = (
    # A WSGI request's headers are a view of the environ; the list that it inherits stays empty.
    TrustEntry("werkzeug.datastructures.headers.EnvironHeaders", "[]", "wsgi_headers", "environ"),
    TrustEntry("werkzeug.datastructures.headers.Headers", "[]", "header_list", "_list"),
    # Dicts of lists, of which Werkzeug gives the first value.
    TrustEntry("werkzeug.datastructures.structures.MultiDict", "[]", "first_values"),
    TrustEntry(_REQUEST, "args", "first_of_query", "query_string"),
    TrustEntry(_REQUEST, "content_type", "header", "headers._list"),
    TrustEntry("werkzeug.wrappers.request.Request", "content_type", "header", "environ"),
    # Only once the application has read them.
    *(
        TrustEntry(_REQUEST, name, "cached")
        for name in ("cookies", "full_path", "url", "base_url", "host", "user_agent")
    ),
    *(TrustEntry("werkzeug.wrappers.request.Request", name, "cached") for name in ("form", "files")),
    TrustEntry("werkzeug.wrappers.request.Request", "data", "stored", "_cached_data"),
    TrustEntry("werkzeug.wrappers.request.Request", "json", "stored", "_cached_json.0"),
    TrustEntry("werkzeug.wrappers.request.Request", "values", "instead", '.args["…"] or .form["…"]'),
    TrustEntry(_REQUEST, "mimetype", "instead", ".content_type"),
    TrustEntry(_REQUEST, "is_json", "instead", ".content_type"),
    TrustEntry(_REQUEST, "is_secure", "instead", ".scheme"),
    TrustEntry(_REQUEST, "content_length", "instead", '.headers["Content-Length"]'),
    TrustEntry(_RESPONSE, "status_code", "stored", "_status_code"),
    TrustEntry(_RESPONSE, "status", "stored", "_status"),
    TrustEntry(_RESPONSE, "content_type", "header", "headers._list"),
    TrustEntry(_RESPONSE, "location", "header", "headers._list"),
    TrustEntry(_RESPONSE, "mimetype", "instead", ".content_type"),
    TrustEntry(_RESPONSE, "content_length", "instead", '.headers["Content-Length"]'),
    TrustEntry("werkzeug.wrappers.response.Response", "data", "joined", "response"),
    TrustEntry("werkzeug.wrappers.response.Response", "json", "instead", ".data"),
    # `flask.request`, `flask.g`, `flask.current_app`, `quart.request` and so on as names of a module.
    TrustEntry("werkzeug.local.LocalProxy", "*", "context_proxy"),
)
"""What Flask and Quart share."""
