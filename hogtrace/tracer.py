"""The tracer: puts programs into the running application, takes them out, and says what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic, thread_time
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from hogtrace import _state, imports, placing, termination
from hogtrace._engine import LinkedProbe, Program, Redaction, TrustList
from hogtrace.before_export import BeforeExport, build_hooks, read_hooks
from hogtrace.config import Settings, copy_limits, overhead_budget
from hogtrace.errors import ConfigError
from hogtrace.exporter_setting import ExporterSetting, build_exporter
from hogtrace.governor import Governor
from hogtrace.installation import Installation, InstalledProbe, with_counts_of
from hogtrace.pipeline import Pipeline
from hogtrace.placing import Placement
from hogtrace.reporting import Reporter
from hogtrace.resource import resource
from hogtrace.sources import compile_file
from hogtrace.targets import Target
from hogtrace.trust import check_names, read_entries
from hogtrace.types import Budget, Exporter, ProbeStatus, Status, TrustEntry

__all__ = ["Tracer"]

_Exporter: TypeAlias = Exporter | ExporterSetting | Mapping[str, object] | str

_PLACED: Final = frozenset(("pending", "installed", "refused"))
"""The states of a probe that is to sit wherever its target leads."""

_FINAL_PATIENCE: Final = 0.5  # seconds
"""How long the last report waits for whoever is at work on the probes."""


class Tracer:
    """Programs in, events out: one exporter, one queue, and any number of installed programs.

    ``exporter`` is an object with ``export(events)`` and ``close()``, a mapping
    ``{"BACKEND": "dotted.path", "OPTIONS": {…}}``, a short name (``"console"``, ``"jsonl"``, ``"sqlite"``,
    ``"memory"``), a list of such exporters, or None for SQLite at its default path. ``service``, ``release`` and
    ``environment`` say whose events they are; None is what OpenTelemetry's variables say. ``access`` is ``"safe"`` or
    ``"python"``. ``trust`` adds entries to what may be read in mode ``safe``. ``redact`` and ``redact_except`` add
    names to the list of secrets and take names off it. ``wildcard_limit`` bounds how many functions one wildcard may
    select; None switches that off. ``queue_events`` and ``queue_bytes`` bound what waits for the exporter;
    ``batch_size`` (events) and ``batch_delay`` (seconds) say when a batch is due. An exporter that takes reports of
    what the tracer does gets one every ``report_interval`` seconds while there is something to export; None is never.
    For ``export_timeout`` seconds a batch is offered again to an exporter that asks for that, and for as long one call
    of it may take. ``before_export`` is a function, or several, or their dotted paths: each takes an event and gives
    that or another, or None to leave it out. With ``flush_on_sigterm`` what waits is exported when SIGTERM ends the
    process and nobody else handles it. With ``request_records`` each request in which a probe of this tracer captured
    something ends with one more event, its record.

    ``copy_depth``, ``copy_items``, ``copy_characters`` and ``copy_fields`` bound the copy of each captured value,
    ``copy_values`` and ``copy_bytes`` that of a whole event, and ``copy_time`` (seconds) is how long the copies of one
    run of a probe may take. What is over a bound is cut, and marked where it is cut.

    ``max_overhead`` is the share of a thread's time that one probe may take in a second, ``max_total_overhead`` that
    of all probes of this tracer. A probe that is over is taken out for ``overhead_pause`` seconds, the next time for
    twice as long, up to 64 times; then it is put back. With ``max_overhead`` None nothing is measured, and no probe is
    ever taken out; with ``max_total_overhead`` None each counts for itself alone.

    A context manager: leaving it stops the tracer. Raises :class:`~hogtrace.errors.ConfigError` for an argument
    that cannot be followed, or an exporter that cannot start.
    """

    def __init__(
        self,
        *,
        exporter: _Exporter | Sequence[_Exporter] | None = None,
        service: str | None = None,
        release: str | None = None,
        environment: str | None = None,
        access: str = "safe",
        max_overhead: float | None = 0.01,
        max_total_overhead: float | None = 0.03,
        overhead_pause: float = 10.0,
        wildcard_limit: int | None = 1000,
        trust: Iterable[TrustEntry | Sequence[str] | str] = (),
        redact: Iterable[str] = (),
        redact_except: Iterable[str] = (),
        queue_events: int = 10_000,
        queue_bytes: int = 16 * 1024 * 1024,
        batch_size: int = 512,
        batch_delay: float = 1.0,
        report_interval: float | None = 10.0,
        export_timeout: float = 30.0,
        before_export: BeforeExport | str | Sequence[BeforeExport | str] | None = (),
        flush_on_sigterm: bool = True,
        request_records: bool = True,
        copy_depth: int = 3,
        copy_items: int = 100,
        copy_characters: int = 1024,
        copy_fields: int = 50,
        copy_values: int = 1000,
        copy_bytes: int = 65_536,
        copy_time: float = 0.001,
    ) -> None:
        if access not in ("safe", "python"):
            raise ConfigError(f"access is {access!r}; it must be 'safe' or 'python'")
        self._budget = overhead_budget(max_overhead, max_total_overhead, overhead_pause)
        self._access: Literal["safe", "python"] = "python" if access == "python" else "safe"
        self._limits = copy_limits(
            {
                "copy_depth": copy_depth,
                "copy_items": copy_items,
                "copy_characters": copy_characters,
                "copy_fields": copy_fields,
                "copy_values": copy_values,
                "copy_bytes": copy_bytes,
                "copy_time": copy_time,
            }
        )
        self._wildcard_limit = wildcard_limit
        own = read_entries(trust, "trust")
        check_names(own, "trust")
        self._vouch((), own)
        self._redaction = Redaction(add=list(redact), remove=list(redact_except))
        whose = resource(service=service, release=release, environment=environment)
        origin = {name: getattr(whose, name) for name in ("service", "release", "environment")}
        hooks = build_hooks(read_hooks(before_export, "before_export"), "before_export")
        built = build_exporter(exporter)
        self._pipeline = Pipeline(
            built,
            resource=whose,
            max_events=queue_events,
            max_bytes=queue_bytes,
            batch_size=batch_size,
            batch_delay=batch_delay,
            reporter=Reporter(built, self._look, interval=report_interval, origin=origin),
            export_timeout=export_timeout,
            before_export=hooks,
            request_records=request_records,
        )
        if flush_on_sigterm:
            termination.flush_on_sigterm(self)
        self._governor = None if self._budget is None else Governor(self._budget, self._tend)
        self._installations: list[Installation] = []
        self._reported: tuple[ProbeStatus, ...] = ()
        self._last: list[tuple[InstalledProbe, ProbeStatus]] = []
        self._watching: Callable[[imports.Callback], None] | None = None
        self._stopped = False

    @classmethod
    def shared(cls, settings: Settings, *, trust: Iterable[TrustEntry] = ()) -> Tracer:
        """Give the process's one tracer for these settings, made and loaded with their probes at the first call.

        ``trust`` is what a framework package vouches for. Packages of several frameworks in one process, with equal
        settings, share a tracer that knows what all of them vouch for. Raises
        :class:`~hogtrace.errors.ConfigError` or :class:`~hogtrace.errors.CompileError` for settings that cannot be
        followed.
        """
        framework = tuple(trust)
        with _state.sharing:
            tracer = _state.tracers.get(settings)
            if tracer is None:
                tracer = _state.tracers[settings] = cls._from_settings(settings, framework)
            else:
                tracer._vouch_also(framework)
            return tracer

    @classmethod
    def _from_settings(cls, settings: Settings, trust: Sequence[TrustEntry]) -> Tracer:
        check_names(settings.trust, "TRUST")
        programs = settings.programs()
        tracer = cls(
            exporter=settings.exporter,
            service=settings.service,
            release=settings.release,
            environment=settings.environment,
            access=settings.access,
            max_overhead=settings.max_overhead,
            max_total_overhead=settings.max_total_overhead,
            overhead_pause=settings.overhead_pause,
            wildcard_limit=settings.wildcard_limit,
            redact=settings.redact,
            redact_except=settings.redact_except,
            queue_events=settings.queue_events,
            queue_bytes=settings.queue_bytes,
            batch_size=settings.batch_size,
            batch_delay=settings.batch_delay,
            report_interval=settings.report_interval,
            export_timeout=settings.export_timeout,
            before_export=build_hooks(settings.before_export),
            flush_on_sigterm=settings.flush_on_sigterm,
            request_records=settings.request_records,
            copy_depth=settings.copy_depth,
            copy_items=settings.copy_items,
            copy_characters=settings.copy_characters,
            copy_fields=settings.copy_fields,
            copy_values=settings.copy_values,
            copy_bytes=settings.copy_bytes,
            copy_time=settings.copy_time,
        )
        tracer._vouch(trust, settings.trust)
        for program in programs:
            tracer.install(program)
        return tracer

    def _vouch(self, framework: Sequence[TrustEntry], own: Sequence[TrustEntry]) -> None:
        """Take over what a framework's package vouches for, and what the user does, whose entries come first."""
        self._trusted = (*own, *framework)
        self._trust = TrustList(self._trusted)

    def _vouch_also(self, more: Sequence[TrustEntry]) -> None:
        """Take over what one more framework's package vouches for, also for the probes that are in already.

        These are linked anew and begin to count anew: it happens while the applications of a process are put together.
        """
        new = tuple(entry for entry in more if entry not in self._trusted)
        if not new:
            return
        with _state.lock:
            self._vouch(new, self._trusted)
            for installation in self._installations:
                self._remove(installation._probes)
                installation._probes = self._link(installation.program)
                self._bind(installation._probes)
            self._watch()

    def install(self, program: Program) -> Installation:
        """Put the probes of ``program`` into the functions that their targets select.

        A target that is not there yet is *pending* and binds when its module is imported; one that can never be
        probed is *refused*. Neither raises: :meth:`status` says which, and why. Raises ``RuntimeError`` once the
        tracer is stopped.
        """
        with _state.lock:
            if self._stopped:
                raise RuntimeError("this tracer is stopped; make a new one")
            installation = Installation(program, self._link(program))
            self._installations.append(installation)
            self._bind(installation._probes)
            self._watch()
        self._pipeline.report_soon()
        return installation

    def load(self, path: str | Path) -> Installation:
        """Compile the probe file at ``path`` and install it.

        Raises :class:`~hogtrace.errors.CompileError` for a file that does not compile, and ``OSError`` for one that
        cannot be read.
        """
        return self.install(compile_file(path))

    def uninstall(self, what: Installation | Program | None = None) -> None:
        """Take out an installation, every installation of a program, or, given None, everything.

        It takes effect at once, in calls that are running too; the functions get their identical original code
        back. What is not installed (any more) is no error.
        """
        with _state.lock:
            gone: list[InstalledProbe] = []
            for installation in list(self._installations):
                if what is None or what is installation or what is installation.program:
                    self._installations.remove(installation)
                    gone += installation._probes
            self._remove(gone)
            self._watch()
        if gone:
            self._pipeline.report_soon()

    def rebind(self) -> None:
        """Look again for what the targets select, and probe what is new: a function that was put under a name since.

        Imports and reloads are noticed without it, and :meth:`status` does the same for targets without wildcards.
        What was found before stays probed for as long as it lives.
        """
        with _state.lock:
            self._bind(self._installed())
            self._watch()

    def status(self) -> Status:
        """Say what each probe does and why, and what became of the events. Printing it gives a table.

        Targets without wildcards are looked for anew, as :meth:`rebind` does.
        """
        with _state.lock:
            self._tend()
            self._bind(probe for probe in self._installed() if not probe.placement.target.is_wildcard)
            self._watch()
            probes = tuple(status for _, status in self._probe_statuses())
        return self._status(probes)

    def _look(self, *, final: bool) -> Status | None:
        """Give the status for a report, as it was found the last time; the `final` one as it was before the end."""
        # The thread that exports does not wait for one that weaves, or imports.
        if _state.lock.acquire(timeout=_FINAL_PATIENCE) if final else _state.lock.acquire(blocking=False):
            try:
                last = [with_counts_of(probe.status(self._budget), before) for probe, before in self._last]
                now = [status for _, status in self._probe_statuses()]
                self._reported = (*last, *now)
            finally:
                _state.lock.release()
        elif not final:
            return None
        return self._status(self._reported)

    def _status(self, probes: tuple[ProbeStatus, ...]) -> Status:
        return Status(
            probes=probes,
            **self._pipeline.accounts(),
            access=self._access,
            trusted_calls=tuple(entry for entry in self._trusted if entry.reader == "call"),
            exporters=self._pipeline.exporters(),
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Export what waits; give whether all of it was dealt with within ``timeout`` seconds."""
        return self._pipeline.flush(timeout)

    def stop(self, timeout: float = 5.0) -> None:
        """Take everything out, export what waits for at most ``timeout`` seconds, and close the exporter."""
        with _state.lock:
            self._last += self._probe_statuses()
            self.uninstall()
            self._stopped = True
        if self._governor is not None:
            deadline = monotonic() + timeout
            self._governor.begin_stop(deadline)
            self._governor.end_stop(deadline)
        with _state.sharing:
            for key in [key for key, tracer in _state.tracers.items() if tracer is self]:
                del _state.tracers[key]
        self._pipeline.stop(timeout)
        termination.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _link(self, program: Program) -> tuple[InstalledProbe, ...]:
        linked = [
            LinkedProbe(
                program,
                probe,
                self._pipeline.queue,
                access=self._access,
                trust=self._trust,
                redaction=self._redaction,
                limits=self._limits,
                governor=None if self._governor is None else self._governor.engine,
            )
            for probe in program.probes
        ]
        return tuple(
            InstalledProbe(program.name, one, Placement(one, Target.parse(one.probe.spec.specifier))) for one in linked
        )

    def _bind(self, probes: Iterable[InstalledProbe], *, module: str | None = None) -> None:
        """Look for the targets of ``probes``, and weave what is found and not woven yet.

        With ``module``, the one that has been imported, wildcards look into that one alone.
        """
        placed = [probe for probe in probes if probe.state in _PLACED]
        placing.place([probe.placement for probe in placed], self._wildcard_limit, module=module)
        changed = False
        for probe in placed:
            changed |= probe.state != probe.placement.state
            probe.state = probe.placement.state
            probe.reason = probe.placement.reason
        if changed:
            self._pipeline.report_soon()

    def _remove(self, probes: Sequence[InstalledProbe]) -> None:
        placing.remove([probe.placement for probe in probes])
        for probe in probes:
            probe.state = "removed"

    def _tend(self, is_interrupted: Callable[[], bool] = lambda: False) -> float | None:
        """Take out what was tripped, and put back what was out for its time.

        Gives the seconds until something is to be put back, or None if nothing is out. It stops between two probes
        when ``is_interrupted`` says so.
        """
        governor = self._governor
        if governor is None:
            return None
        waits: list[float] = []
        with _state.lock:
            governor.engine.take_call()
            for probe in self._installed():
                if is_interrupted():
                    return 0.0
                if probe.linked.tripped is None:
                    continue
                if probe.trips.until is None:
                    self._take_out(probe, probe.linked.tripped, governor.budget)
                elif probe.trips.until <= monotonic():
                    self._put_back(probe)
                if probe.trips.until is not None:
                    waits.append(probe.trips.until - monotonic())
        return max(0.0, min(waits)) if waits else None

    def _take_out(self, probe: InstalledProbe, taken: tuple[float, float | None], budget: Budget) -> None:
        # The time of the processor: what this thread waits for costs the application nothing.
        began = thread_time()
        placing.take_out([probe.placement])
        probe.trips.trip(budget, taken, monotonic(), effort=thread_time() - began)
        probe.state = "tripped"
        self._pipeline.report_soon()

    def _put_back(self, probe: InstalledProbe) -> None:
        placing.put_back(probe.placement)
        probe.state = probe.placement.state
        self._bind([probe])
        self._watch()
        # Only now: it is to be judged by what it costs in the application.
        probe.trips.put_back(monotonic())
        probe.linked.restore()
        self._pipeline.report_soon()

    def _watch(self) -> None:
        """Follow imports while something waits for one; otherwise reloads alone, while there is anything to bind."""
        probes = self._installed()
        waits = any(probe.placement.waits for probe in probes)
        wanted = imports.watch if waits else imports.watch_reloads if probes else None
        if wanted is not self._watching:
            imports.unwatch(self._imported)
            if wanted is not None:
                wanted(self._imported)
            self._watching = wanted

    def _imported(self, module: str) -> None:
        with _state.lock:
            concerned = [probe for probe in self._installed() if probe.placement.target.concerns(module)]
            self._bind(concerned, module=module)
            self._watch()

    def _probe_statuses(self) -> list[tuple[InstalledProbe, ProbeStatus]]:
        return [(probe, probe.status(self._budget)) for probe in self._installed()]

    def _installed(self) -> list[InstalledProbe]:
        return [probe for installation in self._installations for probe in installation._probes]
