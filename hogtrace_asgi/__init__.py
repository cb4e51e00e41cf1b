"""HogTrace for ASGI applications: a request scope for each request, and the probes of the settings.

    app.add_middleware(HogTraceMiddleware, probes=["probes.hogtrace"])

That is for Starlette and FastAPI; any ASGI application can be wrapped: `HogTraceMiddleware(app, probes=[…])`.
"""

from hogtrace_asgi.middleware import HogTraceMiddleware
from hogtrace_asgi.trust import TRUST

__all__ = ["TRUST", "HogTraceMiddleware"]
