"""From Django's settings to HogTrace's, and to the tracer that they ask for."""

from django.conf import settings

from hogtrace import Settings, Tracer
from hogtrace_django.trust import TRUST

__all__ = ["WHERE", "get_tracer", "load_settings"]

WHERE = "settings.HOGTRACE"
"""How messages name the place of the settings."""


def load_settings() -> Settings:
    """Give what `settings.HOGTRACE` and the `HOGTRACE_*` environment variables say.

    Raises `ConfigError` for a setting that is unknown, of a wrong kind, or cannot be followed.
    """
    return Settings.load(getattr(settings, "HOGTRACE", {}), where=WHERE)


def get_tracer() -> Tracer | None:
    """Give the tracer that these settings ask for, its probes installed; None if they disable HogTrace.

    The first call in a process makes it; the middleware does that when Django loads it. Raises `ConfigError`
    and `CompileError` for settings and programs that are wrong.
    """
    hogtrace = load_settings()
    return None if hogtrace.disabled else Tracer.shared(hogtrace, trust=TRUST)
