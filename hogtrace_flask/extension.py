"""The Flask extension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Unpack

from flask import Flask

from hogtrace import ConfigError, Settings, Tracer
from hogtrace.following import environment
from hogtrace.options import Options
from hogtrace.wsgi import HogTraceMiddleware
from hogtrace_flask.cli import commands, is_asked
from hogtrace_flask.reloading import is_watcher
from hogtrace_flask.trust import TRUST

__all__ = ["HogTrace", "Registration"]

_NAME: Final = "hogtrace"
_PREFIX: Final = "HOGTRACE_"


@dataclass(frozen=True, slots=True)
class Registration:
    """What HogTrace keeps in `app.extensions["hogtrace"]` of an application."""

    extension: HogTrace
    """The extension that was initialised with the application."""
    settings: Settings
    """The settings, as read from `app.config`, the extension's defaults and the environment."""
    tracer: Tracer | None
    """The tracer that holds the probes; None if the settings say that HogTrace is disabled, or this process only
    watches files for the development server."""

    def switched_on(self, app: Flask) -> Settings:
        """Read the settings as they would be without the switch HOGTRACE_DISABLED in the environment.

        Raises `ConfigError` for one that is wrong.
        """
        return self.extension._settings(app, environment())

    def changed(self, app: Flask) -> list[str]:
        """Name the settings that are others now than when `init_app` read them, which has no effect.

        Raises `ConfigError` for one that is wrong.
        """
        now = self.extension._settings(app)
        return [
            field.name.upper()
            for field in fields(now)
            if getattr(now, field.name) != getattr(self.settings, field.name)
        ]


class HogTrace:
    """The extension: `HogTrace(app)`, or `HogTrace()` and `init_app(app)` in an application factory.

    `defaults` are settings by name in lower case (`probes=[…]`, `exporter=…`, …), for applications whose
    `app.config` does not name them as `HOGTRACE_PROBES`, `HOGTRACE_EXPORTER`, …

    It wraps `app.wsgi_app`, so that streaming and teardown are inside the request scope. Middleware that is
    put around `app.wsgi_app` later is outside.
    """

    def __init__(self, app: Flask | None = None, **defaults: Unpack[Options]) -> None:
        self._defaults = defaults
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the settings of `app`, install its probes, and open a request scope for each of its requests.

        Raises `ConfigError` for a setting that is wrong, `CompileError` for a probe file that does not
        compile, and `RuntimeError` if the application has HogTrace already.
        """
        if _NAME in app.extensions:
            raise RuntimeError(
                f"HogTrace is already registered with the Flask application {app.name!r}: "
                "use either HogTrace(app) or init_app(app), and only once"
            )
        settings = self._settings(app)
        tracer = None
        if not settings.disabled and is_watcher():
            # What is wrong is said all the same.
            settings.programs()
        elif not settings.disabled:
            # A process that only asks about others does not tell them of itself, however long it takes.
            own = replace(settings, report_interval=None) if is_asked() else settings
            middleware = HogTraceMiddleware(app.wsgi_app, own, framework="flask", framework_trust=TRUST)
            tracer = middleware.tracer
            app.wsgi_app = middleware  # type: ignore[method-assign]  # what Flask's documentation asks for
        app.extensions[_NAME] = Registration(self, settings, tracer)
        app.cli.add_command(commands)

    def _settings(self, app: Flask, environ: Mapping[str, str] | None = None) -> Settings:
        named: dict[str, Any] = {name.upper(): value for name, value in self._defaults.items()}
        # By themselves first, so that a message says where the mistake is.
        settings = Settings.load(named, where="HogTrace(…)", environ=environ)
        if settings.disabled:
            return settings
        misspelt = [name for name in app.config if not name.startswith(_PREFIX) and name.upper().startswith(_PREFIX)]
        if misspelt:
            raise ConfigError(
                *(f"{name!r} in app.config is not read; write {name.upper()!r}, in capitals" for name in misspelt)
            )
        named.update(
            (name.removeprefix(_PREFIX), value) for name, value in app.config.items() if name.startswith(_PREFIX)
        )
        settings = Settings.load(named, where="app.config", environ=environ)
        return settings.discovered([app.root_path, *(blueprint.root_path for blueprint in app.blueprints.values())])
