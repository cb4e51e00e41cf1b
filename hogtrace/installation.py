"""A program in place: each of its probes, where it sits, and what a status says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from time import monotonic
from typing import Final

from hogtrace._engine import LinkedProbe, Program
from hogtrace.governor import Trips
from hogtrace.placing import Placement
from hogtrace.types import Budget, ProbeState, ProbeStatus

__all__ = ["Installation", "InstalledProbe", "with_counts_of"]

_STANDING: Final = ("state", "reason", "sites", "functions", "warnings", "back_in")
"""What a status says of where a probe sits; it is no more once the probe is taken out."""


@dataclass(eq=False, slots=True)
class InstalledProbe:
    """One probe of an installation."""

    program: str
    """The name of its program."""
    linked: LinkedProbe
    """What counts."""
    placement: Placement
    """Where it sits."""
    state: ProbeState = "pending"
    """What has become of it."""
    reason: str | None = None
    """Why."""
    trips: Trips = field(default_factory=Trips)
    """How often it took too much time, and until when it is out."""

    def status(self, budget: Budget | None) -> ProbeStatus:
        """Say what it does at this moment; `budget` is what it may take, if that is bounded."""
        linked = self.linked
        now = monotonic()
        is_out = self.state == "tripped"
        functions = () if is_out else self.placement.functions
        reasons = [linked.defect or (None if is_out else self.reason)]
        if budget is not None:
            reasons.append(self.trips.reason(budget, now))
        return ProbeStatus(
            program=self.program,
            probe=linked.probe.id,
            target=linked.probe.spec.specifier,
            point=linked.point,
            state="failed" if linked.defect and self.state == "installed" else self.state,
            reason="; ".join(filter(None, reasons)) or None,
            sites=len(functions),
            hits=linked.hits,
            fired=linked.passed,
            not_passed=linked.not_passed,
            failed=linked.failed,
            skipped=linked.skipped,
            throttled=linked.throttled,
            sampled_out=linked.sampled_out,
            captured=linked.captured,
            errors=linked.errors,
            first_error=linked.first_error,
            last_error=linked.last_error,
            dropped_writes=linked.dropped_writes,
            functions=functions,
            warnings=self.placement.warnings,
            dropped=linked.dropped,
            spent=linked.spent,
            overhead=linked.overhead,
            trips=self.trips.count,
            back_in=None if self.trips.until is None else max(0.0, self.trips.until - now),
        )


class Installation:
    """One program in place, as :meth:`Tracer.install` gives it; hand it to :meth:`Tracer.uninstall`."""

    def __init__(self, program: Program, probes: Sequence[InstalledProbe]) -> None:
        self.program = program
        self._probes = tuple(probes)

    def __repr__(self) -> str:
        states = ", ".join(f"{probe.linked.probe.id} {probe.state}" for probe in self._probes)
        return f"<hogtrace.Installation of {self.program.name!r}: {states or 'no probes'}>"


def with_counts_of(later: ProbeStatus, before: ProbeStatus) -> ProbeStatus:
    """Give the status `before`, which a probe had while it was in place, with the counts of `later`."""
    counts = {one.name: getattr(later, one.name) for one in fields(later) if one.name not in _STANDING}
    return replace(before, **counts)
