"""What probes may read of Werkzeug's and Flask's requests and responses although it lies behind accessors.

Each entry is a reader over what is stored already; none runs Werkzeug's accessor. `request.headers`,
`.method` and `.path` and `response.headers` are plain attributes and need no entry, but what they hold is a
class of Werkzeug's own.
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
)
