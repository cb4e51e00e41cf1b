"""The Starlette application of the tests, made when this is imported, for servers that take no factory."""

from tests.hogtrace_asgi.app import make_starlette

application = make_starlette()
