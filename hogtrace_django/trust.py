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
    # Parsed forms and read bodies, once the application has asked for them; before, there is nothing to read. (GET
    # and COOKIES are plain attributes from then on.)
    *(
        TrustEntry(f"django.core.handlers.{kind}", attribute, "stored", path)
        for kind in ("wsgi.WSGIRequest", "asgi.ASGIRequest")
        for attribute, path in (("POST", "_post"), ("FILES", "_files"))
    ),
    TrustEntry("django.http.request.HttpRequest", "body", "stored", "_body"),
    TrustEntry("django.http.request.HttpRequest", "encoding", "stored", "_encoding"),
    # `response["Content-Type"]`: Django's older spelling of `response.headers["Content-Type"]`.
    TrustEntry("django.http.response.HttpResponseBase", "[]", "header_store", "headers._store"),
    # Django REST framework's request, which hands on to Django's what it does not know.
    *(
        TrustEntry("rest_framework.request.Request", attribute, "stored", path)
        for attribute, path in (
            ("method", "_request.method"),
            ("path", "_request.path"),
            ("META", "_request.META"),
            ("resolver_match", "_request.resolver_match"),
            ("query_params", "_request.GET"),
            # Until the application asks for the data, it is the class `Empty`; the user and the token are not there
            # before the request has been authenticated.
            ("data", "_full_data"),
            ("user", "_user"),
            ("auth", "_auth"),
        )
    ),
    TrustEntry("rest_framework.request.Request", "headers", "wsgi_headers", "_request.META"),
)
