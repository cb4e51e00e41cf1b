"""What probes may read of Django's requests and responses although Django keeps it behind accessors.

Each entry is a reader over what is stored already. None of them runs Django's accessor: that would fill
`request.__dict__` and could change what the application sees. `HttpResponse.status_code`, `request.path`,
`request.method` and `request.META` are plain attributes and need no entry.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

TRUST: Final[tuple[TrustEntry, ...]] = (
    # A cached property over META, which WSGI and ASGI requests both have. Read once by the application, it is
    # a plain attribute, and what it holds is the second mapping below.
    TrustEntry("django.http.request.HttpRequest", "headers", "wsgi_headers", "META"),
    # The mappings behind `request.headers` and `response.headers`: lower-case name to (name, value). An entry
    # ends where a subclass defines the accessor anew, as this one does.
    TrustEntry("django.utils.datastructures.CaseInsensitiveMapping", "[]", "header_store", "_store"),
    TrustEntry("django.http.request.HttpHeaders", "[]", "header_store", "_store"),
    # `response["Content-Type"]`: Django's older spelling of `response.headers["Content-Type"]`.
    TrustEntry("django.http.response.HttpResponseBase", "[]", "header_store", "headers._store"),
)
