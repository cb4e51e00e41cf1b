"""System checks: what is wrong with the settings is said by `manage.py check` and at start, not by a request.

- `hogtrace.E001`: a setting is unknown or wrong, or names what is not there, such as an exporter.
- `hogtrace.E002`: a probe file does not compile; the compiler's own report is the message.
- `hogtrace.E003`: a probe file is not there or cannot be read.
- `hogtrace.W001`: the application is installed, and the middleware is not in MIDDLEWARE.
- `hogtrace.W002`: middleware that may run code of the application stands before ours.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from hogtrace import CompileError, ConfigError, Settings
from hogtrace.before_export import build_hooks
from hogtrace.exporter_setting import ExporterSetting
from hogtrace.trust import check_names
from hogtrace_django.conf import WHERE, load_settings
from hogtrace_django.middleware import HogTraceMiddleware

__all__ = ["MAY_STAND_BEFORE", "TAG", "check_middleware", "check_settings"]

TAG: Final = "hogtrace"
"""The tag of these checks, for `manage.py check --tag hogtrace`."""

MAY_STAND_BEFORE: Final = frozenset(
    (
        # They answer by themselves or change the finished response, and run nothing of the application.
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "corsheaders.middleware.CorsMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        # It keeps responses, and is told to stand first by Django's documentation.
        "django.middleware.cache.UpdateCacheMiddleware",
        # It measures, and is to stand first by its own documentation.
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
    )
)
"""Middleware that may stand before ours with nothing lost."""


_DEFAULT: Final = ExporterSetting.read("sqlite")


def check_settings(**_what: Any) -> list[checks.CheckMessage]:
    """Give the errors of `settings.HOGTRACE` and of the programs that it names, without installing any.

    Django hands every check what part of the project it is about; that changes nothing here.
    """
    try:
        hogtrace = load_settings()
    except ConfigError as error:
        return [checks.Error(problem, id="hogtrace.E001") for problem in error.problems]
    if hogtrace.disabled:
        return []
    problems = list(_problems(hogtrace))
    if problems:
        return [checks.Error(problem, id="hogtrace.E001") for problem in problems]
    try:
        hogtrace.programs()
    except CompileError as error:
        return [checks.Error(str(error), hint="docs/language.md has the language.", id="hogtrace.E002")]
    except ConfigError as error:
        return [checks.Error(problem, id="hogtrace.E003") for problem in error.problems]
    return []


def _problems(hogtrace: Settings) -> Iterator[str]:
    """Give what is wrong with settings that are right by themselves: what they name is not there, or takes no such."""
    looks: list[Callable[[], object]] = [
        lambda: check_names(hogtrace.trust, "TRUST"),
        lambda: (hogtrace.exporter or _DEFAULT).check(where=f"EXPORTER in {WHERE}"),
        lambda: build_hooks(hogtrace.before_export, f"BEFORE_EXPORT in {WHERE}"),
    ]
    for look in looks:
        try:
            look()
        except ConfigError as error:
            yield from error.problems


def check_middleware(**_what: Any) -> list[checks.CheckMessage]:
    """Warn if HogTrace's middleware is not in `settings.MIDDLEWARE`, or stands where part of a request is outside."""
    place = next((place for place, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)), None)
    if place is None:
        return [
            checks.Warning(
                "hogtrace_django is installed, but its middleware is not in MIDDLEWARE: no probe will fire.",
                hint="Add 'hogtrace_django.middleware.HogTraceMiddleware' to MIDDLEWARE, first.",
                id="hogtrace.W001",
            )
        ]
    before = [path for path in settings.MIDDLEWARE[:place] if path not in MAY_STAND_BEFORE]
    if before:
        return [
            checks.Warning(
                f"{', '.join(before)} {'stands' if len(before) == 1 else 'stand'} before HogTrace's middleware: what "
                "runs there belongs to no request, so that $req variables set in it are lost.",
                hint=f"Put {settings.MIDDLEWARE[place]!r} first in MIDDLEWARE.",
                id="hogtrace.W002",
            )
        ]
    return []


def _is_ours(path: str) -> bool:
    try:
        middleware = import_string(path)
    except ImportError:
        # Somebody else's mistake, which Django itself reports.
        return False
    return isinstance(middleware, type) and issubclass(middleware, HogTraceMiddleware)
