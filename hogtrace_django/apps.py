"""The Django application, which brings the system checks."""

from django.apps import AppConfig
from django.core.checks import register

__all__ = ["HogTraceConfig"]


class HogTraceConfig(AppConfig):
    """What `hogtrace_django` in `INSTALLED_APPS` stands for.

    It installs no probes: that is done where requests are served, by the middleware, so that `manage.py
    migrate` or the parent process of the autoreloader is left alone.
    """

    name = "hogtrace_django"
    verbose_name = "HogTrace"

    def ready(self) -> None:
        """Register the system checks."""
        from hogtrace_django.checks import check_middleware, check_settings

        register(check_settings)
        register(check_middleware)
