"""The tracer: puts programs into the running application, takes them out, and says what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Self
from weakref import WeakSet

from hogtrace import _state, imports, sites
from hogtrace._engine import LinkedProbe, Program, Redaction, TrustList
from hogtrace.config import ExporterSetting, Settings, build_exporter
from hogtrace.errors import ConfigError, WeaveError
from hogtrace.pipeline import Pipeline
from hogtrace.sources import compile_file, load_programs
from hogtrace.targets import Match, Target
from hogtrace.types import Exporter, ProbeState, ProbeStatus, Status, TrustEntry

__all__ = ["Installation", "Tracer"]

_NO_LINES = "probes at lines cannot be installed yet, only at entry and exit; execute_probe can run them over a frame"


@dataclass(eq=False, slots=True)
class _Installed:
    """One probe of an installation: its target, where it sits, and what to say of it."""

    linked: LinkedProbe
    target: Target
    state: ProbeState = "pending"
    reason: str | None = None
    functions: WeakSet[FunctionType] = field(default_factory=WeakSet)
    waits: bool = True


class Installation:
    """One program in place, as :meth:`Tracer.install` gives it; hand it to :meth:`Tracer.uninstall`."""

    def __init__(self, program: Program, probes: Sequence[_Installed]) -> None:
        self.program = program
        self._probes = tuple(probes)

    def __repr__(self) -> str:
        states = ", ".join(f"{probe.linked.probe.id} {probe.state}" for probe in self._probes)
        return f"<hogtrace.Installation of {self.program.name!r}: {states or 'no probes'}>"


class Tracer:
    """Programs in, events out: one exporter, one queue, and any number of installed programs.

    ``exporter`` is an object with ``export(events)`` and ``close()``, a mapping
    ``{"BACKEND": "dotted.path", "OPTIONS": {…}}``, a short name (``"console"``, ``"jsonl"``, ``"sqlite"``,
    ``"memory"``), or None for SQLite at its default path. ``access`` is ``"safe"`` or ``"python"``. ``trust`` adds
    entries to what may be read in mode ``safe``. ``redact`` and ``redact_except`` add names to the list of secrets
    and take names off it. ``wildcard_limit`` bounds how many functions one wildcard may select; None switches that
    off. ``queue_events`` and ``queue_bytes`` bound what waits for the exporter; ``batch_size`` (events) and
    ``batch_delay`` (seconds) say when a batch is due.

    ``max_overhead`` is the share of time that probes may take. Nothing enforces one yet, so it takes only None.

    A context manager: leaving it stops the tracer. Raises :class:`~hogtrace.errors.ConfigError` for an argument
    that cannot be followed, or an exporter that cannot start.
    """

    def __init__(
        self,
        *,
        exporter: Exporter | ExporterSetting | Mapping[str, object] | str | None = None,
        access: str = "safe",
        max_overhead: None = None,
        wildcard_limit: int | None = 1000,
        trust: Iterable[TrustEntry | Sequence[str]] = (),
        redact: Iterable[str] = (),
        redact_except: Iterable[str] = (),
        queue_events: int = 10_000,
        queue_bytes: int = 16 * 1024 * 1024,
        batch_size: int = 512,
        batch_delay: float = 1.0,
    ) -> None:
        if access not in ("safe", "python"):
            raise ConfigError(f"access is {access!r}; it must be 'safe' or 'python'")
        if max_overhead is not None:
            raise ConfigError("max_overhead: no overhead budget is enforced yet; pass None")
        self._access = access
        self._wildcard_limit = wildcard_limit
        self._trust = TrustList([TrustEntry(*entry) for entry in trust])
        self._redaction = Redaction(add=list(redact), remove=list(redact_except))
        self._pipeline = Pipeline(
            build_exporter(exporter),
            max_events=queue_events,
            max_bytes=queue_bytes,
            batch_size=batch_size,
            batch_delay=batch_delay,
        )
        self._installations: list[Installation] = []
        self._watching = False
        self._stopped = False

    @classmethod
    def shared(cls, settings: Settings, *, trust: Iterable[TrustEntry] = ()) -> Tracer:
        """Give the process's one tracer for these settings, made and loaded with their probes at the first call.

        ``trust`` is what a framework package vouches for; it is part of what makes tracers equal. Raises
        :class:`~hogtrace.errors.ConfigError` or :class:`~hogtrace.errors.CompileError` for settings that cannot be
        followed.
        """
        entries = (*trust, *settings.trust)
        with _state.sharing:
            tracer = _state.tracers.get((settings, entries))
            if tracer is None:
                tracer = _state.tracers[settings, entries] = cls._from_settings(settings, entries)
            return tracer

    @classmethod
    def _from_settings(cls, settings: Settings, trust: Sequence[TrustEntry]) -> Tracer:
        programs = load_programs(settings.probes)
        tracer = cls(
            exporter=settings.exporter,
            access=settings.access,
            wildcard_limit=settings.wildcard_limit,
            trust=trust,
            redact=settings.redact,
            redact_except=settings.redact_except,
            queue_events=settings.queue_events,
            queue_bytes=settings.queue_bytes,
            batch_size=settings.batch_size,
            batch_delay=settings.batch_delay,
        )
        for program in programs:
            tracer.install(program)
        return tracer

    def install(self, program: Program) -> Installation:
        """Put the probes of ``program`` into the functions that their targets select.

        A target that is not there yet is *pending* and binds when its module is imported; one that can never be
        probed is *refused*. Neither raises: :meth:`status` says which, and why. Raises ``RuntimeError`` once the
        tracer is stopped.
        """
        with _state.lock:
            if self._stopped:
                raise RuntimeError("this tracer is stopped; make a new one")
            installation = Installation(program, [self._link(program, index) for index in range(len(program.probes))])
            self._installations.append(installation)
            self._bind(installation._probes)
            self._watch()
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
            for installation in list(self._installations):
                if what is None or what is installation or what is installation.program:
                    self._installations.remove(installation)
                    for probe in installation._probes:
                        self._remove(probe)
            self._watch()

    def status(self) -> Status:
        """Say what each probe does and why, and what became of the events. Printing it gives a table."""
        with _state.lock:
            probes = tuple(
                self._probe_status(installation.program, probe)
                for installation in self._installations
                for probe in installation._probes
            )
        queue = self._pipeline.queue
        return Status(
            probes=probes,
            captured=queue.captured,
            exported=queue.exported,
            queued=queue.queued,
            dropped=queue.dropped,
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Export what waits; give whether all of it was dealt with within ``timeout`` seconds."""
        return self._pipeline.flush(timeout)

    def stop(self, timeout: float = 5.0) -> None:
        """Take everything out, export what waits for at most ``timeout`` seconds, and close the exporter."""
        with _state.lock:
            self.uninstall()
            self._stopped = True
        with _state.sharing:
            for key in [key for key, tracer in _state.tracers.items() if tracer is self]:
                del _state.tracers[key]
        self._pipeline.stop(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _link(self, program: Program, index: int) -> _Installed:
        probe = program.probes[index]
        linked = LinkedProbe(
            program,
            probe,
            self._pipeline.queue,
            access=self._access,
            trust=self._trust,
            redaction=self._redaction,
        )
        return _Installed(linked, Target.parse(probe.spec.specifier))

    def _bind(self, probes: Iterable[_Installed]) -> None:
        """Look for the targets of ``probes`` and weave what is found and not woven yet."""
        wanted: dict[FunctionType, tuple[str, list[_Installed]]] = {}
        for probe in probes:
            if probe.linked.point not in ("entry", "exit"):
                probe.state, probe.reason, probe.waits = "refused", _NO_LINES, False
                continue
            found = probe.target.find(self._wildcard_limit)
            probe.waits = found.waiting is not None
            probe.reason = found.refused or found.waiting
            if found.refused is not None:
                probe.state = "refused"
            elif not found.functions and not probe.functions:
                probe.state = "pending"
            for match in found.functions:
                wanted.setdefault(match.function, (_full_name(match), []))[1].append(probe)
        # One weave for all the probes of a function, in the order of the source.
        for function, (name, chosen) in wanted.items():
            self._attach(function, name, chosen)

    def _attach(self, function: FunctionType, name: str, probes: Sequence[_Installed]) -> None:
        new = [probe for probe in probes if not sites.carries(function, probe.linked)]
        if not new:
            return
        try:
            kept = sites.attach(function, name, [probe.linked for probe in new]).kept_names
        except WeaveError as error:
            for probe in new:
                probe.reason = f"{name}: {error.reason}"
                if not probe.functions:
                    probe.state = "refused"
            return
        for probe in new:
            probe.functions.add(function)
            probe.state = "installed"
            if kept and probe.linked.point == "exit":
                probe.reason = f"{name}: {', '.join(kept)} kept alive until the call ends, for an exit probe"

    def _remove(self, probe: _Installed) -> None:
        # First of all silence it: frames that are running keep the woven code to their end.
        probe.linked.enabled = False
        probe.state = "removed"
        for function in list(probe.functions):
            try:
                sites.detach(function, [probe.linked])
            except WeaveError:
                # Somebody else's code stands in the function now; it is not ours to undo.
                continue
        probe.functions.clear()

    def _watch(self) -> None:
        """Follow imports while something waits for one, and not otherwise."""
        waiting = any(probe.waits for installation in self._installations for probe in installation._probes)
        if waiting and not self._watching:
            imports.watch(self._imported)
        elif self._watching and not waiting:
            imports.unwatch(self._imported)
        self._watching = waiting

    def _imported(self, module: str) -> None:
        with _state.lock:
            self._bind(
                probe
                for installation in self._installations
                for probe in installation._probes
                if probe.waits and probe.target.concerns(module)
            )
            self._watch()

    def _probe_status(self, program: Program, probe: _Installed) -> ProbeStatus:
        linked = probe.linked
        return ProbeStatus(
            program=program.name,
            probe=linked.probe.id,
            target=linked.probe.spec.specifier,
            point=linked.point,
            state=probe.state,
            reason=probe.reason,
            sites=len(probe.functions),
            hits=linked.hits,
            fired=linked.passed,
            not_passed=linked.not_passed,
            failed=linked.failed,
            skipped=linked.skipped,
            sampled_out=linked.sampled_out,
            captured=linked.captured,
            errors=linked.errors,
            last_error=linked.last_error,
            dropped_writes=linked.dropped_writes,
        )


def _full_name(match: Match) -> str:
    return f"{match.module}.{match.qualname}"
