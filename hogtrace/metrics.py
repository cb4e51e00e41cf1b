"""What a tracer says of itself as metrics: the accounts of its events and the counts of its probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from hogtrace.types import ProbeStatus, Report

__all__ = ["Metric", "metrics_of"]

_EVENTS: Final = {
    "captured": "Events that were captured",
    "exported": "Events that the exporter has taken",
}

_COUNTS: Final = {
    "hits": ("{hit}", "Calls that came to the probe"),
    "fired": ("{hit}", "Hits whose predicate passed"),
    "not_passed": ("{hit}", "Hits whose predicate gave anything but True"),
    "failed": ("{hit}", "Hits whose predicate could not be evaluated"),
    "sampled_out": ("{hit}", "Hits that the probe's sample left out"),
    "skipped": ("{hit}", "Hits inside HogTrace or another probe"),
    "throttled": ("{hit}", "Hits not looked at, because the predicate kept failing"),
    "captured": ("{event}", "Events that the probe made"),
    "errors": ("{error}", "Errors that the probe's expressions met"),
    "dropped_writes": ("{write}", "Writes to $req that went nowhere, because there was no request"),
    "trips": ("{trip}", "Times that the probe was taken out because it took too much time"),
}


class Metric(NamedTuple):
    """One figure at one moment, named and measured as OpenTelemetry's conventions have it."""

    name: str
    """Its name, as in `hogtrace.events.captured`."""
    unit: str
    """Its unit: `{event}` and the like, `s`, or `1` for a share."""
    description: str
    """What it counts or measures."""
    value: int | float
    """How much it was. A counter's is the sum since `Report.started`."""
    attributes: Mapping[str, str]
    """What it is of: `hogtrace.program`, `hogtrace.probe`, `hogtrace.cause`; and `hogtrace.installation`, a number from
    2 on, where a program is installed more than once. Name and attributes together are unique."""
    kind: Literal["counter", "gauge"]
    """`counter` for what only grows while the tracer lives, unless a program is taken out; `gauge` for what goes up and
    down."""


def metrics_of(report: Report) -> list[Metric]:
    """Give the figures of `report`: those of the events, then those of each probe."""
    status = report.status
    metrics = [
        Metric(f"hogtrace.events.{name}", "{event}", text, getattr(status, name), {}, "counter")
        for name, text in _EVENTS.items()
    ]
    metrics.append(
        Metric("hogtrace.events.queued", "{event}", "Events that wait for the exporter", status.queued, {}, "gauge")
    )
    metrics += _dropped("hogtrace.events.dropped", "Events that were given up", status.dropped, {})
    named: dict[tuple[str, str], int] = {}
    for probe in status.probes:
        # A program that is in twice has its probes twice.
        key = (probe.program, probe.probe)
        named[key] = named.get(key, 0) + 1
        attributes = {"hogtrace.program": probe.program, "hogtrace.probe": probe.probe}
        if named[key] > 1:
            attributes["hogtrace.installation"] = str(named[key])
        metrics += _of_probe(probe, attributes)
    return metrics


def _of_probe(probe: ProbeStatus, attributes: Mapping[str, str]) -> Iterator[Metric]:
    for name, (unit, text) in _COUNTS.items():
        yield Metric(f"hogtrace.probe.{name}", unit, text, getattr(probe, name), attributes, "counter")
    yield from _dropped("hogtrace.probe.dropped", "Events of the probe that were given up", probe.dropped, attributes)
    is_in = int(probe.state == "installed")
    yield Metric("hogtrace.probe.installed", "1", "1 where the probe is in place, else 0", is_in, attributes, "gauge")
    yield Metric("hogtrace.probe.sites", "{function}", "Functions that it sits in", probe.sites, attributes, "gauge")
    if probe.spent is not None:
        text = "Time of the application's threads that the probe has taken, estimated"
        yield Metric("hogtrace.probe.spent", "s", text, probe.spent, attributes, "counter")
    if probe.overhead is not None:
        text = "Share of a thread's time that the probe took in the last second or two, where that was most"
        yield Metric("hogtrace.probe.overhead", "1", text, probe.overhead, attributes, "gauge")


def _dropped(name: str, text: str, counts: Mapping[str, int], attributes: Mapping[str, str]) -> Iterator[Metric]:
    for cause, count in sorted(counts.items()):
        yield Metric(name, "{event}", text, count, {**attributes, "hogtrace.cause": cause}, "counter")
