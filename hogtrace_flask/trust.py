"""What probes may read of Werkzeug's and Flask's requests and responses although it lies behind accessors.

Each entry is a reader over what is stored already; none runs Werkzeug's accessor. `request.headers`,
`.method` and `.path` and `response.headers` are plain attributes and need no entry, but what they hold is a
class of Werkzeug's own. `request.url_rule` and `.view_args` are plain attributes as well.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

TRUST: Final[tuple[TrustEntry, ...]] = (
    # A request's headers are a view of the environ; the list that it inherits stays empty.
    TrustEntry("werkzeug.datastructures.headers.EnvironHeaders", "[]", "wsgi_headers", "environ"),
    TrustEntry("werkzeug.datastructures.headers.Headers", "[]", "header_list", "_list"),
    TrustEntry("werkzeug.sansio.response.Response", "status_code", "stored", "_status_code"),
    TrustEntry("werkzeug.sansio.response.Response", "status", "stored", "_status"),
    # Only once the application has read them. They are dicts of lists, of which Werkzeug gives the first value.
    TrustEntry("werkzeug.sansio.request.Request", "args", "cached"),
    TrustEntry("werkzeug.sansio.request.Request", "cookies", "cached"),
    TrustEntry("werkzeug.wrappers.request.Request", "form", "cached"),
    TrustEntry("werkzeug.datastructures.structures.MultiDict", "[]", "first_values"),
    TrustEntry("flask.wrappers.Request", "endpoint", "stored", "url_rule.endpoint"),
    # `flask.request`, `flask.g` and `flask.current_app` as names of a module.
    TrustEntry("werkzeug.local.LocalProxy", "*", "context_proxy"),
)
