"""A tracer's status as text for people: a table, and below it, for each probe that needs it, what to know and to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hogtrace.types import ExporterStatus, ProbeStatus, Status

__all__ = ["events_text", "notes_text", "probe_table", "status_text"]

_SHOWN: Final = 5
"""How many functions of one probe are named."""

_COLUMNS: Final = ("sites", "hits", "sampled_out", "fired", "captured", "dropped", "errors", "overhead")
_OFTEN_EMPTY: Final = ("sampled_out", "dropped", "overhead")

_OUTCOMES: Final = {
    "fired": "fired",
    "not_passed": "predicate not True",
    "failed": "predicate failed",
    "sampled_out": "sampled out",
    "skipped": "skipped, inside HogTrace or another probe",
    "throttled": "not looked at, because the predicate kept failing",
}
"""What becomes of hits; each is of one kind."""

_CAUSES: Final = {
    "queue_full": "the exporter takes them slower than they come: sample, narrow the predicate, or raise QUEUE_EVENTS "
    "and QUEUE_BYTES",
    "exporter_failed": "the exporter raised; the logger hogtrace has said what",
    "stopped": "they were still waiting when the tracer was stopped: stop(timeout=…) waits longer",
    "filtered": "BEFORE_EXPORT left them out",
    "filter_failed": "a function of BEFORE_EXPORT raised; the logger hogtrace has said what",
    "unknown": "the exporter had them in hand and did not come back in time: it may have them or not",
}
"""What to know of events that were dropped."""


def status_text(status: Status) -> str:
    """Give `status` as lines of text."""
    lines = probe_table(status.probes, [probe.state for probe in status.probes]) if status.probes else ["no probes"]
    for probe in status.probes:
        lines += notes_text(probe)
    lines += events_text(status)
    lines += _exporter_lines(status.exporters)
    if status.access == "python":
        lines.append('access="python": probes may run code of the application')
    elif status.trusted_calls:
        names = ", ".join(f"{entry.type}.{entry.attribute}" for entry in status.trusted_calls)
        lines.append(f"trusted: probes may run {names}")
    return "\n".join(lines)


def events_text(status: Status) -> list[str]:
    """Give the lines about the events of a tracer: its accounts, and what there is to know of each loss."""
    accounts = (
        f"events: {status.captured} captured, {status.exported} exported, {status.queued} queued, "
        f"{sum(status.dropped.values())} dropped{_in_brackets(_counts(status.dropped))}"
    )
    return [accounts, *(f"dropped {cause}: {_CAUSES[cause]}" for cause in _CAUSES if status.dropped.get(cause))]


def _exporter_lines(exporters: Sequence[ExporterStatus]) -> Iterator[str]:
    """Say how exporters do: of one alone only if it does not work, for the rest has been said."""
    for exporter in exporters:
        if len(exporters) > 1:
            yield (
                f"exporter {exporter.name}: {exporter.state}, {exporter.exported} exported, {exporter.queued} queued, "
                f"{sum(exporter.dropped.values())} dropped{_in_brackets(_counts(exporter.dropped))}"
            )
        elif exporter.state != "working":
            yield f"exporter {exporter.name}: {exporter.state}; the logger hogtrace has said why"


def notes_text(probe: ProbeStatus, *, everywhere: bool = False) -> list[str]:
    """Give the lines of what there is to know of a probe, and to do; `everywhere` if it sums up several processes."""
    return [f"{probe.probe}: {label}: {_one_line(text)}" for label, text in _notes(probe, everywhere=everywhere)]


def probe_table(probes: Sequence[ProbeStatus], states: Sequence[str]) -> list[str]:
    """Give the lines of a table with a row for each probe, which begins with its text in `states`."""
    columns = [name for name in _COLUMNS if name not in _OFTEN_EMPTY or any(getattr(probe, name) for probe in probes)]
    rows: list[tuple[str, ...]] = [("state", *(name.replace("_", " ") for name in columns), "probe")]
    for probe, state in zip(probes, states, strict=True):
        cells = (_cell(getattr(probe, name)) for name in columns)
        rows.append((state, *cells, f"{probe.target}:{probe.point}  {probe.program}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if 0 < index <= len(columns) else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return str(sum(value.values()))
    if isinstance(value, float):
        return f"{value:.1%}"
    return "-" if value is None else str(value)


def _notes(probe: ProbeStatus, *, everywhere: bool) -> Iterator[tuple[str, str]]:
    """Give what is to be said of a probe, each with what kind of thing it is."""
    shown = ", ".join(probe.functions[:_SHOWN])
    # A report may name fewer functions than there are.
    count = max(probe.sites, len(probe.functions))
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    # Where the one function is the target itself, the table has said it.
    if probe.functions and probe.functions != (probe.target,):
        yield "in", shown + more
    if probe.reason:
        yield "note", probe.reason
    for warning in probe.warnings:
        yield "warning", warning
    outcomes = {name: count for name in _OUTCOMES if (count := getattr(probe, name))}
    if len(outcomes) > 1 or (outcomes and not probe.fired):
        yield (
            f"of {probe.hits} hit{'' if probe.hits == 1 else 's'}",
            ", ".join(f"{count} {_OUTCOMES[name]}" for name, count in outcomes.items()),
        )
    if probe.dropped:
        yield "dropped", _counts(probe.dropped)
    if probe.first_error:
        yield "first error", probe.first_error
    if probe.last_error and probe.last_error != probe.first_error:
        yield "last error", probe.last_error
    for advice in _advice(probe, everywhere=everywhere):
        yield "next", advice


def _advice(probe: ProbeStatus, *, everywhere: bool) -> Iterator[str]:
    """Say what to do about a probe that gives nothing, or less than it might."""
    match probe.state:
        case "pending":
            yield (
                "it is put in when that is there; HogTrace imports nothing itself, so see that the name is right, and "
                "that this process imports the module"
            )
        case "refused":
            yield "as things are it cannot sit there: aim it at another function, or do what the note says"
        case "tripped":
            yield (
                "let it do less (sample, a narrower target, a predicate that fails early, fewer or smaller captures), "
                "or raise the budget"
            )
        case "failed":
            yield "this is a defect of HogTrace: report it with the note; the other probes go on"
        case "installed" if not probe.hits:
            when = "has ended" if probe.point == "exit" else "has come"
            who = "" if everywhere else ", in this process (every process has a status of its own)"
            yield (
                f"no call {when} since it is in; call the function{who}{'' if everywhere else ','} and see that the "
                "target is what is really called"
            )
    if probe.hits and not probe.fired:
        yield from _why_none_fired(probe)
    elif probe.fired and not probe.captured:
        yield "it fired and made no event, for it captures nothing: right where it only sets variables"
    if probe.throttled:
        yield (
            "its predicate kept failing, so only one hit in 100 is looked at until one does not fail; ask first "
            "whether the thing is there: / x != None and x.y == 1 /"
        )
    if probe.dropped_writes:
        writes = f"{probe.dropped_writes} write{'' if probe.dropped_writes == 1 else 's'}"
        yield (
            f"{writes} to $req went nowhere, because no request was open: use the framework's middleware, or "
            "request_scope()"
        )


def _why_none_fired(probe: ProbeStatus) -> Iterator[str]:
    if probe.failed and not probe.throttled:
        yield "where the predicate fails it does not fire; the error says what it could not read"
    if probe.not_passed:
        yield (
            "the predicate passes on True alone, not on what counts as true; capture what it compares in a probe "
            "without a predicate"
        )
    if probe.sampled_out and not (probe.failed or probe.not_passed):
        yield "sample has left out all calls so far: wait for more of them, or raise the rate"
    if probe.skipped == probe.hits:
        yield "only HogTrace itself calls it, its exporter or what runs inside of a probe; probes are silent there"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in sorted(counts.items()) if count)


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
