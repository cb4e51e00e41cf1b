"""From Django's settings to HogTrace's, and to the tracer that they ask for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.conf import settings

from hogtrace import Settings, Tracer
from hogtrace_django.trust import TRUST

if TYPE_CHECKING:
    from hogtrace_django.apps import HogTraceConfig

__all__ = ["WHERE", "get_tracer", "load_settings"]

WHERE = "settings.HOGTRACE"
"""How messages name the place of the settings."""


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Give what `settings.HOGTRACE` and the `HOGTRACE_*` environment variables say; these are `environ`, if given.

    If AUTODISCOVER is on, the probe files of the installed applications are among the probes. Raises `ConfigError`
    for a setting that is unknown, of a wrong kind, or cannot be followed.
    """
    hogtrace = Settings.load(getattr(settings, "HOGTRACE", {}), where=WHERE, environ=environ)
    return hogtrace.discovered(config.path for config in apps.get_app_configs())


def get_tracer() -> Tracer | None:
    """Give the tracer that these settings ask for, its probes installed; None if they disable HogTrace.

    The first call in a process makes it; the middleware does that when Django loads it. Raises `ConfigError`
    and `CompileError` for settings and programs that are wrong.
    """
    hogtrace = load_settings()
    if hogtrace.disabled:
        return None
    tracer = Tracer.shared(hogtrace, trust=TRUST)
    if apps.is_installed("hogtrace_django"):
        cast("HogTraceConfig", apps.get_app_config("hogtrace_django")).overriding.use(hogtrace, tracer)
    return tracer
