"""The types that cross HogTrace's rooms: what an exporter is, what may be trusted, and what a status says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from hogtrace._engine import CaptureEvent
from hogtrace.status_text import status_text

__all__ = ["Budget", "Exporter", "Point", "ProbeState", "ProbeStatus", "Status", "TrustEntry"]

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
    after `os.fork`, where it should let go, without closing it, of what the parent still uses; and the
    attribute `fork_timeout`, the seconds that a fork waits for a batch in flight if 0.05 are too few.
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
    """How many of its writes to `$req` went nowhere, because there was no request."""
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

    def __str__(self) -> str:
        return status_text(self)
