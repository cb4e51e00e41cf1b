"""What tests of applications need: probes for a while, and what they captured, at hand.

    with capture_events("fn:shop.orders.place:exit { capture(retval); }") as captured:
        client.post("/orders")
    assert captured.one().values == {"retval": 3}

With pytest the fixture `hogtrace` is the same without the `with`: `hogtrace.probe(…)`, then `hogtrace.events`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any, Literal

from hogtrace import paint
from hogtrace._engine import CaptureEvent, Program
from hogtrace.account import Account
from hogtrace.errors import CompileError, ConfigError
from hogtrace.exporters import MemoryExporter
from hogtrace.sources import load_programs
from hogtrace.tracer import Tracer
from hogtrace.trust import vouched
from hogtrace.types import ProbeState, ProbeStatus, Status, TrustEntry

__all__ = ["CapturedEvents", "capture_events"]

_SETTLED = 60.0  # seconds; what waits for a list is there long before, unless the machine stands still
_COPY_TIME = 1.0  # seconds; the most that there is
_SHOWN = 50  # events in the report of a test
_ROOM = 1_000_000  # events; a test that captures more looks for something else
_BYTES = 1 << 30


class CapturedEvents:
    """The probes of one test, and what they have captured so far. `capture_events` makes them.

    Events are there as soon as the probed call has come to their probe; nothing has to be flushed.
    """

    def __init__(self, tracer: Tracer, exporter: MemoryExporter) -> None:
        """Take a tracer, and the exporter that it exports to."""
        self._tracer = tracer
        self._exporter = exporter

    def __repr__(self) -> str:
        return f"<hogtrace.testing.CapturedEvents: {len(self._exporter.events)} events>"

    def __str__(self) -> str:
        """Give the latest events as text for people, and the table of the probes."""
        self._tracer.flush(_SETTLED)
        events = self._exporter.events
        before = f"({len(events) - _SHOWN:,} events before these)\n" if len(events) > _SHOWN else ""
        return before + paint.unpainted(Account().tell(events[-_SHOWN:])) + str(self.status())

    def probe(self, source: str | PathLike[str] | Program) -> None:
        """Install a program: its text, the path of a probe file, or one that is compiled already.

        A target whose module is not imported yet binds when it is. Raises `ValueError` for one that cannot be
        probed, with the reason; nothing of the program is installed then. Raises `CompileError` for a program that
        does not compile, and `ConfigError` for a file that cannot be read.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        for program in _programs(source):
            before = len(self._tracer.status().probes)
            installation = self._tracer.install(program)
            if refused := _told(self._tracer.status().probes[before:], "refused"):
                self._tracer.uninstall(installation)
                raise ValueError(refused)

    @property
    def events(self) -> list[CaptureEvent]:
        """What has been captured, in order; without the records of requests.

        Raises `RuntimeError` if events were lost, and `ValueError` for a probe that still waits for its target, since
        that it captured nothing says nothing then.
        """
        __tracebackhide__ = True
        return [event for event in self._all() if event.kind == "capture"]

    @property
    def requests(self) -> list[CaptureEvent]:
        """The records of the requests in which something was captured, in the order in which these ended.

        One is there when its request has ended: where a body is streamed, when that was closed. Raises what `events`
        raises.
        """
        __tracebackhide__ = True
        return [event for event in self._all() if event.kind == "request"]

    def _all(self) -> list[CaptureEvent]:
        __tracebackhide__ = True
        done = self._tracer.flush(_SETTLED)
        status = self._tracer.status()
        if pending := _told(status.probes, "pending"):
            raise ValueError(pending)
        lost = {cause: count for cause, count in status.dropped.items() if count}
        if lost or not done:
            causes = ", ".join(f"{count} {cause}" for cause, count in lost.items()) or "they are still on their way"
            raise RuntimeError(f"not all captured events are here: {causes}")
        return list(self._exporter.events)

    @property
    def values(self) -> list[dict[str, Any]]:
        """The captured values of each event."""
        __tracebackhide__ = True
        return [event.values for event in self.events]

    def one(self) -> CaptureEvent:
        """Give the only event. Raises `AssertionError` if there is another number of them, and shows them."""
        __tracebackhide__ = True
        events = self.events
        if len(events) != 1:
            # An assertion of the test's, not one of this module: `python -O` must not take it out.
            raise AssertionError(f"{len(events)} events were captured, not one\n{self}")
        return events[0]

    def status(self) -> Status:
        """Say what each probe did, and why: `str()` of it is a table."""
        return self._tracer.status()

    def clear(self) -> None:
        """Forget what was captured until now; the probes stay."""
        self._tracer.flush(_SETTLED)
        self._exporter.clear()

    def __len__(self) -> int:
        __tracebackhide__ = True
        return len(self.events)

    def __iter__(self) -> Iterator[CaptureEvent]:
        __tracebackhide__ = True
        return iter(self.events)

    def __getitem__(self, index: int) -> CaptureEvent:
        __tracebackhide__ = True
        return self.events[index]


@contextmanager
def capture_events(
    *probes: str | PathLike[str] | Program,
    access: Literal["safe", "python"] = "safe",
    trust: Iterable[TrustEntry | Sequence[str] | str] = (),
    redact: Iterable[str] = (),
    redact_except: Iterable[str] = (),
) -> Iterator[CapturedEvents]:
    """Install `probes` while the block runs, and give what they capture, which can still be read after it.

    Each is what `CapturedEvents.probe` takes, and raises what that raises. The other arguments are those of
    `Tracer`. What HogTrace's packages for frameworks vouch for is trusted, if the application has imported them;
    `trust` adds to it. No overhead is too much for a test: nothing is taken out because of it, and copies have a
    second, so that what is captured is the same on a slow machine.
    """
    exporter = MemoryExporter()
    tracer = Tracer(
        exporter=exporter,
        access=access,
        trust=(*trust, *vouched()),
        redact=redact,
        redact_except=redact_except,
        max_overhead=None,
        copy_time=_COPY_TIME,
        queue_events=_ROOM,
        queue_bytes=_BYTES,
        flush_on_sigterm=False,
    )
    try:
        captured = CapturedEvents(tracer, exporter)
        for probe in probes:
            captured.probe(probe)
        yield captured
    finally:
        tracer.stop(_SETTLED)


def _programs(source: str | PathLike[str] | Program) -> list[Program]:
    __tracebackhide__ = True
    if isinstance(source, Program):
        return [source]
    text = fspath(source)
    if isinstance(source, str) and text.lstrip().startswith("fn:") and "{" not in text:
        raise ConfigError(f"the probe {text!r} has no body; write {text.strip()} {{ capture(args); }}, for one")
    try:
        return load_programs([text], where="probe")
    except (CompileError, ConfigError) as error:
        # What is wrong is told by the message; the way to it is HogTrace's own.
        failure = error.with_traceback(None)
    raise failure


def _told(probes: Iterable[ProbeStatus], state: ProbeState) -> str:
    return "\n".join(f"{probe.probe} is {state}: {probe.reason}" for probe in probes if probe.state == state)
