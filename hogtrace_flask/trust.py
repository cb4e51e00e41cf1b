"""What probes may read of Werkzeug's and Flask's requests and responses although it lies behind accessors.

Each entry is a reader over what is stored already; none runs Werkzeug's accessor. `request.headers`,
`.method` and `.path` and `response.headers` are plain attributes and need no entry, but what they hold is a
class of Werkzeug's own. `request.url_rule` and `.view_args` are plain attributes as well.
"""

from typing import Final

from hogtrace.trusted.werkzeug import WERKZEUG
from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

TRUST: Final[tuple[TrustEntry, ...]] = (
    *WERKZEUG,
    TrustEntry("flask.wrappers.Request", "endpoint", "stored", "url_rule.endpoint"),
    *(TrustEntry("flask.wrappers.Request", name, "instead", ".endpoint") for name in ("blueprint", "blueprints")),
)
