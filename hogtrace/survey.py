"""What would become of the probes of some settings, here and now: they are installed for a moment and looked at.

This is what `manage.py hogtrace check` and the like report, before any request is served.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from itertools import groupby
from typing import Literal, NamedTuple, cast

from hogtrace.config import Settings
from hogtrace.exporter_setting import ExporterSetting
from hogtrace.exporters import MemoryExporter
from hogtrace.tracer import Tracer
from hogtrace.types import ProbeStatus, TrustEntry

__all__ = ["Line", "Surveyed", "Verdict", "report", "survey"]

Verdict = Literal["installed", "waiting", "missing", "refused"]
"""What would become of a probe: installed; waiting for a module that exists and is not imported yet; its target is
nowhere to be found; its target cannot be probed."""


class Line(NamedTuple):
    """One line of a report."""

    kind: Literal["heading", "good", "warning", "bad", "detail"]
    """What it says, for the choice of a colour; a `detail` belongs to the line above it."""
    text: str
    """The line, without its end."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One probe, and what would become of it."""

    status: ProbeStatus
    """What the tracer said of it: its program, target and point, the functions that it sits in, warnings."""
    verdict: Verdict
    """What would become of it."""

    @property
    def is_wrong(self) -> bool:
        """Whether it could never fire as things are."""
        return self.verdict in ("missing", "refused")


def survey(settings: Settings, *, trust: Iterable[TrustEntry] = ()) -> tuple[Surveyed, ...]:
    """Install what PROBES names into the functions that are imported now, look, and take it out again.

    Nothing is exported, and the tracer that the process may have for these settings is left alone. `trust` is what a
    framework's package vouches for. Raises `ConfigError` and `CompileError` for settings and programs that are wrong.
    """
    here = replace(settings, exporter=ExporterSetting(instance=MemoryExporter()))
    with Tracer._from_settings(here, tuple(trust)) as tracer:
        probes = tracer.status().probes
    return tuple(Surveyed(probe, _verdict(probe)) for probe in probes)


def report(probes: Sequence[Surveyed], *, detailed: bool = False) -> Iterator[Line]:
    """Say of each of `probes` what would become of it, program by program, and give the numbers at the end.

    With `detailed` the functions that each would sit in are named.
    """
    names = {id(probe): f"{probe.status.target}:{probe.status.point}" for probe in probes}
    width = max(map(len, names.values()), default=0)
    for program, group in groupby(probes, key=lambda probe: probe.status.program):
        yield Line("heading", program)
        for probe in group:
            kind: Literal["good", "warning", "bad"] = "good"
            if probe.is_wrong:
                kind = "bad"
            elif probe.status.warnings or probe.verdict == "waiting":
                kind = "warning"
            note = _note(probe)
            yield Line(kind, f"  {probe.verdict:<9}  {names[id(probe)]:<{width}}  {note}".rstrip())
            for warning in probe.status.warnings:
                yield Line("warning", f"             warning: {warning}")
            if detailed:
                for function in probe.status.functions:
                    yield Line("detail", f"             in {function}")
    counts = Counter(probe.verdict for probe in probes)
    total = f"{len(probes)} probe{'' if len(probes) == 1 else 's'}"
    shares = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    yield Line("heading", f"{total}: {shares}" if probes else "PROBES names no probe")


def _note(probe: Surveyed) -> str:
    if probe.verdict != "installed":
        return probe.status.reason or ""
    functions = len(probe.status.functions)
    return f"in {functions} functions" if functions != 1 else ""


def _verdict(probe: ProbeStatus) -> Verdict:
    if probe.state == "installed":
        return "installed"
    if probe.state == "pending":
        return "waiting" if _may_come(probe.target) else "missing"
    return "refused"


def _may_come(target: str) -> bool:
    """Whether a target lies in a module that could be imported and is not; found without running any of it."""
    path: Sequence[str] | None = None
    name, waits = "", False
    *outer, _function = parts = target.split(".")
    for part in parts:
        if "*" in part:
            # It may select in any module of the package so far.
            return waits or (path is not None and (part == "**" or part in outer))
        name = f"{name}.{part}" if name else part
        module = sys.modules.get(name)
        if module is not None:
            path = getattr(module, "__path__", None)
        else:
            spec = _find(name, path)
            if spec is None:
                return waits
            path, waits = spec.submodule_search_locations, True
        if path is None:
            return waits
    return waits


def _find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is not None and (spec := find(name, path)) is not None:
            return cast("ModuleSpec", spec)
    return None
