"""What probes may read of Django's requests and responses although Django keeps it behind accessors.

Each entry is a reader over what is stored already. None of them runs Django's accessor: that would fill
`request.__dict__` and could change what the application sees. `HttpResponse.status_code`, `request.path`,
`request.method` and `request.META` are plain attributes and need no entry.
"""

from typing import Final

from hogtrace.types import TrustEntry

__all__ = ["TRUST"]

_REQUEST: Final = "django.http.request.HttpRequest"
_RESPONSE: Final = "django.http.response.HttpResponse"
_REST: Final = "rest_framework.request.Request"

TRUST: Final[tuple[TrustEntry, ...]] = (
    # A cached property over META, which WSGI and ASGI requests both have. Read once by the application, it is
    # a plain attribute, and what it holds is the second mapping below.
    TrustEntry(_REQUEST, "headers", "wsgi_headers", "META"),
    # The mappings behind `request.headers` and `response.headers`: lower-case name to (name, value). An entry
    # ends where a subclass defines the accessor anew, as this one does.
    TrustEntry("django.utils.datastructures.CaseInsensitiveMapping", "[]", "header_store", "_store"),
    TrustEntry("django.http.request.HttpHeaders", "[]", "header_store", "_store"),
    # The parameters of the query string, by our own parser until Django has parsed them; from then on GET is a plain
    # attribute, and what it holds is the next mapping, of which Django gives the last value.
    *(
        TrustEntry(f"django.core.handlers.{kind}", "GET", "last_of_query", "META.QUERY_STRING")
        for kind in ("wsgi.WSGIRequest", "asgi.ASGIRequest")
    ),
    TrustEntry("django.utils.datastructures.MultiValueDict", "[]", "last_values"),
    # Parsed forms and read bodies, once the application has asked for them; before, there is nothing to read.
    # (COOKIES is a plain attribute from then on.)
    *(
        TrustEntry(f"django.core.handlers.{kind}", attribute, "stored", path)
        for kind in ("wsgi.WSGIRequest", "asgi.ASGIRequest")
        for attribute, path in (("POST", "_post"), ("FILES", "_files"))
    ),
    TrustEntry("django.core.files.uploadedfile.UploadedFile", "name", "stored", "_name"),
    TrustEntry(_REQUEST, "body", "stored", "_body"),
    TrustEntry(_REQUEST, "encoding", "stored", "_encoding"),
    # A setting has a say in it (SECURE_PROXY_SSL_HEADER), which is not in the request.
    TrustEntry(_REQUEST, "scheme", "instead", '.META["wsgi.url_scheme"], or under ASGI .scope["scheme"],'),
    # `request.user` and what else Django looks up when it is asked for: once that is done.
    TrustEntry("django.utils.functional.LazyObject", "*", "lazy_object", "_wrapped"),
    TrustEntry("django.db.models.base.Model", "pk", "instead", ".id"),
    *(
        TrustEntry("django.contrib.auth.base_user.AbstractBaseUser", name, "instead", ".id, which is None for nobody,")
        for name in ("is_authenticated", "is_anonymous")
    ),
    # `response["Content-Type"]`: Django's older spelling of `response.headers["Content-Type"]`.
    TrustEntry(f"{_RESPONSE}Base", "[]", "header_store", "headers._store"),
    TrustEntry(f"{_RESPONSE}Base", "reason_phrase", "status_phrase", "_reason_phrase"),
    TrustEntry(f"{_RESPONSE}Base", "charset", "instead", '.headers["Content-Type"]'),
    TrustEntry(_RESPONSE, "content", "joined", "_container"),
    TrustEntry(_RESPONSE, "text", "instead", ".content"),
    # Django REST framework's request, which hands on to Django's what it does not know.
    *(
        TrustEntry(_REST, name, "stored", f"_request.{name}")
        for name in ("method", "path", "path_info", "content_params", "encoding", "body", "COOKIES", "META")
    ),
    TrustEntry(_REST, "resolver_match", "stored", "_request.resolver_match"),
    TrustEntry(_REST, "content_type", "stored", "_request.META.CONTENT_TYPE"),
    *(TrustEntry(_REST, name, "stored", "_request.GET") for name in ("query_params", "GET")),
    # Once the application has asked for the data; the user and the token once the request has been authenticated.
    TrustEntry(_REST, "data", "stored", "_full_data"),
    *(TrustEntry(_REST, name, "stored", f"_{name.lower()}") for name in ("FILES", "user", "auth")),
    TrustEntry(_REST, "headers", "wsgi_headers", "_request.META"),
    TrustEntry(_REST, "POST", "instead", ".data"),
    TrustEntry(_REST, "scheme", "instead", '.META["wsgi.url_scheme"]'),
)
"""All of it."""
