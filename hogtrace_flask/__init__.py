"""HogTrace for Flask: a request scope for each request, and the probes that the configuration names.

    app = Flask(__name__)
    app.config["HOGTRACE_PROBES"] = ["probes.hogtrace"]
    HogTrace(app)

Or `HogTrace()` and its `init_app(app)` in an application factory.
"""

from hogtrace_flask.extension import HogTrace, Registration
from hogtrace_flask.trust import TRUST

__all__ = ["TRUST", "HogTrace", "Registration"]
