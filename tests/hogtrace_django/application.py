"""The ASGI application as an attribute, for servers that take no factory."""

from tests.hogtrace_django.views import asgi

application = asgi()
