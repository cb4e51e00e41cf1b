"""The types that cross HogTrace's rooms: what an exporter is, what may be trusted, and what a status says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeAlias, runtime_checkable

from hogtrace._engine import CaptureEvent
from hogtrace.metrics import Metric, metrics_of
from hogtrace.outages import ExporterState
from hogtrace.status_text import status_text

__all__ = [
    "Budget",
    "Exporter",
    "ExporterState",
    "ExporterStatus",
    "Metric",
    "Point",
    "ProbeState",
    "ProbeStatus",
    "Report",
    "Status",
    "TrustEntry",
]

Point: TypeAlias = Literal["entry", "exit"]
"""The ends of a call at which a probe fires: when its body begins, or when it ends. A probe at a line has the point
`entry+N`, any string of that form."""

ProbeState: TypeAlias = Literal["pending", "installed", "refused", "tripped", "removed", "failed"]
"""What has become of a probe: waiting for its target; in place; its target cannot be probed; taken out for a while
because it took too much time; taken out; taken out because the engine failed in it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What probes may take of the application's time."""

    one: float
    """The share of a thread's time that one probe may take."""
    all: float | None
    """The share that all of a tracer's probes may take together; None is any share."""
    pause: float
    """For how many seconds a probe that took more is out the first time."""


@runtime_checkable
class Exporter(Protocol):
    """Where events go. Any object with these two methods is an exporter.

    Both are called from HogTrace's worker thread or from the thread that flushes or stops, never from two
    threads at a time, and never from a thread that is running a probe. An exporter that cannot do its work
    says so when it is made.

    It may also define `rest()`, called as `export` is when nothing comes for a while or the process is about
    to fork, where it should close what cannot be shared with a child; `after_fork()`, called in the child
    after `os.fork`, where it should let go, without closing it, of what the parent still uses; `flush(timeout)`,
    called as `export` is when somebody flushes, where one that only queues what it is given should send it, within
    `timeout` seconds, and give False if it could not; and the attribute `fork_timeout`, the seconds that a fork waits
    for a batch in flight if 0.05 are too few.

    And it may define `report(report)`, called likewise with a `Report`: soon after probes were installed or events
    begin to come, every REPORT_INTERVAL seconds while they come and for a while after, when none comes any more, and
    before `close()`. What it raises is logged once, and costs no event.
    """

    def export(self, events: Sequence[CaptureEvent]) -> object:
        """Take a batch of events, in the order in which they were captured. What it returns is ignored.

        Raises anything: the whole batch then counts as dropped, cause `exporter_failed`.
        """

    def close(self) -> object:
        """Let go of everything; nothing is exported after this."""


class TrustEntry(NamedTuple):
    """One thing that probes may read although reading it needs more than a look into stored attributes."""

    type: str
    """The type's qualified name, as in `django.http.request.HttpRequest`; it holds for its subclasses too."""
    attribute: str
    """The attribute that may be read, `[]` for item access on the object itself, or `*` for whatever it stands for."""
    reader: str = "call"
    """How it is read: `call` runs the attribute's own code; the others look at what is already stored."""
    argument: str = ""
    """What the reader needs to know: mostly the dotted path to the stored value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStatus:
    """What one installed probe is doing, at one moment."""

    program: str
    """The name of the program it belongs to."""
    probe: str
    """Its id, unique in the program."""
    target: str
    """The function or pattern it names."""
    point: str
    """`entry`, `exit` or `entry+N`."""
    state: ProbeState
    """What has become of it."""
    reason: str | None = None
    """Why it is in that state, or what else there is to know; None if there is nothing to say."""
    sites: int = 0
    """How many functions it sits in."""
    hits: int = 0
    """How many times one of them was reached."""
    fired: int = 0
    """How many times its predicate passed."""
    not_passed: int = 0
    """How many times its predicate gave anything but True."""
    failed: int = 0
    """How many times its predicate could not be evaluated."""
    skipped: int = 0
    """How many hits were not looked at, because the thread was inside HogTrace itself."""
    throttled: int = 0
    """How many hits were not looked at, because its predicate kept failing: after 1,000 failures in a row only one hit
    in 100 is looked at, until one does not fail."""
    sampled_out: int = 0
    """How many hits its `sample` left out."""
    captured: int = 0
    """How many events it made."""
    errors: int = 0
    """How many errors its expressions met."""
    first_error: str | None = None
    """The first of them."""
    last_error: str | None = None
    """The latest of them."""
    dropped_writes: int = 0
    """How many of its writes to `$req` went nowhere, because there was no request, or it was over."""
    functions: tuple[str, ...] = ()
    """The functions that it sits in: the name under which each was found, the way to it behind decorators, and what
    it is called where it was defined, if that is another name."""
    warnings: tuple[str, ...] = ()
    """What it reads that its functions do not have, known before they are called, with what may have been meant."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many of its events were given up, by cause: `queue_full`, `exporter_failed`, …"""
    spent: float | None = None
    """About how many seconds of the application's threads its hits have taken, estimated from those that were timed;
    None where nothing is timed (`max_overhead=None`)."""
    overhead: float | None = None
    """About which share it took of a thread's time in the last second or two, of that thread where it took most; None
    where nothing is timed."""
    trips: int = 0
    """How many times it was taken out because it took too much time."""
    back_in: float | None = None
    """In how many seconds it is put back; None if it is not tripped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStatus:
    """How one exporter does, and what became of the events that were to go to it, at one moment.

    `captured == exported + queued + sum(dropped.values())`.
    """

    name: str
    """Its class."""
    state: ExporterState = "working"
    """`working`; `failing`, since it raised the last time; or `hanging`, since a call has taken EXPORT_TIMEOUT."""
    captured: int = 0
    """How many events were for it: those of the tracer, or, where it is one of several, those handed over to it."""
    exported: int = 0
    """How many of them it has taken."""
    queued: int = 0
    """How many wait for it, or are with it at this moment."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many were given up, by cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a tracer is doing, at one moment. `str()` gives it as a table.

    Whenever no probe is running, `captured == exported + queued + sum(dropped.values())`.
    """

    probes: tuple[ProbeStatus, ...] = ()
    """Every probe installed, in order of installation."""
    captured: int = 0
    """How many events were made in this process."""
    exported: int = 0
    """How many of them the exporter has taken."""
    queued: int = 0
    """How many wait for it, or are with it at this moment."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many were given up, by cause: `queue_full`, `exporter_failed`, …"""
    access: Literal["safe", "python"] = "safe"
    """Whether reads run no code of the application, or do as Python does."""
    trusted_calls: tuple[TrustEntry, ...] = ()
    """Entries of the trust list that run the accessor they name, in mode `safe` too."""
    exporters: tuple[ExporterStatus, ...] = ()
    """How the exporter does; where there are several, how each does, with accounts of its own. What has been handed
    over to these counts as exported in the tracer's."""

    def __str__(self) -> str:
        return status_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can say, by the names of the fields."""
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "probes": [_plain(probe) for probe in self.probes],
            "dropped": dict(self.dropped),
            "trusted_calls": [list(entry) for entry in self.trusted_calls],
            "exporters": [
                {**{field.name: getattr(one, field.name) for field in fields(one)}, "dropped": dict(one.dropped)}
                for one in self.exporters
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Undo `to_dict`; names that it does not know are passed over.

        Raises `KeyError`, `TypeError` or `ValueError` for what is no status.
        """
        given = _known(cls, values)
        given["probes"] = tuple(_probe_status(probe) for probe in values["probes"])
        given["trusted_calls"] = tuple(TrustEntry(*entry) for entry in values["trusted_calls"])
        given["exporters"] = tuple(ExporterStatus(**_known(ExporterStatus, one)) for one in values.get("exporters", ()))
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a tracer says of itself to an exporter that has the method `report`.

    The tracer's accounts are those of one process: what was captured before a fork is its parent's.
    """

    status: Status
    """What it does. The last report has the probes as they were before they were taken out, with their last counts."""
    id: str
    """Which tracer of which process it is of, 32 hexadecimal digits: the latest report with an id is the one that
    counts."""
    process: int
    """The process's number."""
    birth: str | None = None
    """What tells the process from others that get its number, here or elsewhere; None where the system does not say.
    See `hogtrace.processes`."""
    host: str | None = None
    """The name of its host."""
    service: str | None = None
    """The setting SERVICE, or what OpenTelemetry's variables say."""
    release: str | None = None
    """The setting RELEASE, or the same."""
    environment: str | None = None
    """The setting ENVIRONMENT, or the same."""
    exporter: str = ""
    """The name of the exporter's class."""
    started: float
    """Since when it counts: when the tracer was made, or its process forked. Unix time in seconds."""
    time: float
    """When the report was made. Unix time in seconds."""
    ended: bool = False
    """Whether it is the last one: the tracer was stopped, or the process came to its end."""

    def metrics(self) -> list[Metric]:
        """Give it as figures, named as OpenTelemetry's metrics are."""
        return metrics_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can say, by the names of the fields."""
        return {**{field.name: getattr(self, field.name) for field in fields(self)}, "status": self.status.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Undo `to_dict`, as `Status.from_dict` does."""
        return cls(**{**_known(cls, values), "status": Status.from_dict(values["status"])})


def _plain(probe: ProbeStatus) -> dict[str, Any]:
    values: dict[str, Any] = {field.name: getattr(probe, field.name) for field in fields(probe)}
    return {
        **values,
        **{name: list(values[name]) for name in ("functions", "warnings")},
        "dropped": dict(probe.dropped),
    }


def _probe_status(values: Mapping[str, Any]) -> ProbeStatus:
    given = _known(ProbeStatus, values)
    return ProbeStatus(**{**given, **{name: tuple(given[name]) for name in ("functions", "warnings")}})


def _known(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
