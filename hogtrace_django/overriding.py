"""`override_settings(HOGTRACE=…)` in tests: while it lasts, the process has the probes that it names and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.signals import setting_changed

from hogtrace import HogTraceError, Settings, Tracer, TrustEntry

__all__ = ["Overriding"]


class Overriding:
    """Takes probes out and puts them back as tests change `settings.HOGTRACE`.

    The probes of an override come when the next handler is made, as any middleware does: a test client makes one at
    its first request. Those of the settings that are overridden are out meanwhile. At the end of the override its
    tracer is stopped, which exports what waits.
    """

    def __init__(self, load: Callable[[], Settings], trust: Sequence[TrustEntry]) -> None:
        """Take what reads the settings, and what is vouched for in their tracers."""
        self._load = load
        self._trust = trust
        self._tracers: dict[Settings, Tracer] = {}
        self._asleep: set[Settings] = set()
        self._before: list[frozenset[Settings]] = []

    def follow(self) -> None:
        """Begin to follow Django's signal that a setting has changed, which only tests send."""
        setting_changed.connect(self._changed, dispatch_uid="hogtrace_django", weak=False)

    def use(self, settings: Settings, tracer: Tracer) -> None:
        """Note that `tracer` is in use for `settings`, and see to it that its probes are in."""
        if self._tracers.get(settings) is not tracer:
            # A new one has its probes.
            self._asleep.discard(settings)
            self._tracers[settings] = tracer
        elif settings in self._asleep:
            for program in settings.programs():
                tracer.install(program)
            self._asleep.discard(settings)

    def _changed(self, *, setting: str, enter: bool, **_given: Any) -> None:
        if setting != "HOGTRACE":
            return
        known = frozenset(self._tracers)
        if enter:
            self._before.append(known)
            kept = known
        else:
            kept = self._before.pop() if self._before else known
        for settings in known - kept:
            self._asleep.discard(settings)
            self._tracers.pop(settings).stop()
        wanted = self._wanted()
        for settings in kept & known:
            if settings != wanted and settings not in self._asleep:
                self._tracers[settings].uninstall()
                self._asleep.add(settings)
        if wanted is not None and wanted in self._asleep:
            self.use(wanted, Tracer.shared(wanted, trust=self._trust))

    def _wanted(self) -> Settings | None:
        try:
            return self._load()
        except HogTraceError:
            # Whoever makes use of the settings says what is wrong with them.
            return None
