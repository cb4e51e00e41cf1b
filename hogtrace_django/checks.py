"""System checks: what is wrong with the settings is said by `manage.py check` and at start, not by a request.

- `hogtrace.E001`: a setting is wrong.
- `hogtrace.E002`: a probe file does not compile; the compiler's own report is the message.
- `hogtrace.W001`: the application is installed, and the middleware is not in MIDDLEWARE.
"""

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from hogtrace import CompileError, HogTraceError
from hogtrace_django.conf import load_settings
from hogtrace_django.middleware import HogTraceMiddleware

__all__ = ["check_middleware", "check_settings"]


def check_settings(**_what: Any) -> list[checks.CheckMessage]:
    """Give the errors of `settings.HOGTRACE` and of the programs that it names, without installing any.

    Django hands every check what part of the project it is about; that changes nothing here.
    """
    try:
        hogtrace = load_settings()
        if not hogtrace.disabled:
            hogtrace.programs()
    except CompileError as error:
        return [checks.Error(str(error), hint="docs/language.md has the language.", id="hogtrace.E002")]
    except HogTraceError as error:
        return [checks.Error(str(error), id="hogtrace.E001")]
    return []


def check_middleware(**_what: Any) -> list[checks.CheckMessage]:
    """Warn if nothing in `settings.MIDDLEWARE` is HogTrace's middleware, since no probe is installed then."""
    if any(_is_ours(path) for path in settings.MIDDLEWARE):
        return []
    return [
        checks.Warning(
            "hogtrace_django is installed, but its middleware is not in MIDDLEWARE: no probe will fire.",
            hint="Add 'hogtrace_django.middleware.HogTraceMiddleware' to MIDDLEWARE, first.",
            id="hogtrace.W001",
        )
    ]


def _is_ours(path: str) -> bool:
    try:
        middleware = import_string(path)
    except ImportError:
        # Somebody else's mistake, which Django itself reports.
        return False
    return isinstance(middleware, type) and issubclass(middleware, HogTraceMiddleware)
