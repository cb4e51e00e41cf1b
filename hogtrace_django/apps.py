"""The Django application: the system checks, and what follows the settings while Django runs."""

from typing import ClassVar

from django.apps import AppConfig
from django.core.checks import register

from hogtrace_django.conf import load_settings
from hogtrace_django.overriding import Overriding
from hogtrace_django.trust import TRUST

__all__ = ["HogTraceConfig"]


class HogTraceConfig(AppConfig):
    """What `hogtrace_django` in `INSTALLED_APPS` stands for.

    It installs no probes: that is done where requests are served, by the middleware, so that `manage.py
    migrate` or the parent process of the autoreloader is left alone.
    """

    name = "hogtrace_django"
    verbose_name = "HogTrace"

    overriding: ClassVar = Overriding(load_settings, TRUST)
    """Which tracers are in use, for tests that override the settings; INSTALLED_APPS may be one of these."""

    def ready(self) -> None:
        """Register the system checks, and what follows changes of settings and of probe files."""
        from hogtrace_django.checks import TAG, check_middleware, check_settings
        from hogtrace_django.reloading import watch_probe_files

        register(check_settings, TAG)
        register(check_middleware, TAG)
        watch_probe_files()
        self.overriding.follow()
