"""Events for several exporters, none of which waits for another."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from hogtrace._engine import CaptureEvent
from hogtrace.errors import ConfigError
from hogtrace.pipeline import Pipeline
from hogtrace.reporting import Reporter
from hogtrace.types import Exporter, ExporterStatus

__all__ = ["FanOutExporter"]

# Seconds that `close` takes at most, where no tracer says how long it may take.
_CLOSE_WITHIN: Final = 5.0


class FanOutExporter:
    """Hands each event to all of `exporters`, each of which has a queue, a thread, attempts and accounts of its own.

    So one that is slow, hangs or fails costs the others nothing. The queue of each is bounded like the tracer's own
    (QUEUE_EVENTS, QUEUE_BYTES); they share the events, of which there is one copy. `Status.exporters` has the
    accounts of each. They belong to this one from then on; one that is such a collection itself counts as what it
    holds.

    Raises `ConfigError` if there are none, if one is no exporter, or if one comes twice.
    """

    exporters: tuple[Exporter, ...]
    """Those that events go to."""

    def __init__(self, *exporters: Exporter) -> None:
        flat: list[Exporter] = []
        for exporter in exporters:
            flat += exporter.exporters if isinstance(exporter, FanOutExporter) else [exporter]
        if not flat:
            raise ConfigError("FanOutExporter: it needs one exporter or more")
        for exporter in flat:
            if isinstance(exporter, type) or not isinstance(exporter, Exporter):
                raise ConfigError(
                    f"FanOutExporter: {_named(exporter)} is no exporter, which is an object with export(events) and "
                    "close()"
                )
        if len({id(exporter) for exporter in flat}) < len(flat):
            raise ConfigError("FanOutExporter: the same exporter is given twice; each is called by one thread alone")
        self.exporters = tuple(flat)
        self._branches: tuple[Pipeline, ...] = ()

    def __repr__(self) -> str:
        return f"<hogtrace.FanOutExporter to {', '.join(type(exporter).__name__ for exporter in self.exporters)}>"

    def open_branches(self, *, reporter: Reporter | None = None, **options: Any) -> tuple[Pipeline, ...]:
        """Give a pipeline for each of the exporters, made with `options`: what a tracer asks for.

        Those that take reports get those of `reporter`.
        """
        if self._branches:
            raise ConfigError("FanOutExporter: it belongs to a tracer already; make another one")
        reporter = reporter or Reporter()
        self._branches = tuple(
            Pipeline(exporter, reporter=reporter.to(exporter), **options) for exporter in self.exporters
        )
        return self._branches

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Queue `events` for each of the exporters."""
        for branch in self._branches or self.open_branches():
            branch.take_over(events)

    def flush(self, timeout: float) -> bool:
        """Have all of them export what they were given within `timeout` seconds; give whether they have."""
        deadline = monotonic() + timeout
        latches = [branch.begin_flush(deadline) for branch in self._branches]
        return all(latch.wait() for latch in latches)

    def close(self) -> None:
        """Have all of them export what they were given, for 5 seconds at most, and close them."""
        deadline = monotonic() + _CLOSE_WITHIN
        for branch in self._branches or self.open_branches():
            branch.begin_stop(deadline)
        for branch in self._branches:
            branch.end_stop(deadline)

    def accounts(self) -> tuple[ExporterStatus, ...]:
        """Say how each of them does, and what became of what it was given."""
        return tuple(status for branch in self._branches for status in branch.exporters())


def _named(exporter: object) -> str:
    return f"the class {exporter.__qualname__}" if isinstance(exporter, type) else f"a {type(exporter).__qualname__}"
