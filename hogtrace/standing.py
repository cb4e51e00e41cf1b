"""How all processes stand that report to one place: what `hogtrace status` tells of them, together and one by one."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any, Final, Literal

from hogtrace import display
from hogtrace.processes import birth_of, is_running
from hogtrace.reports import read_reports
from hogtrace.status_text import events_text, notes_text, probe_table
from hogtrace.types import ProbeState, ProbeStatus, Report, Status

__all__ = ["Standing", "standing_text", "standing_values", "standings", "status_of"]

_WORST_FIRST: Final[tuple[ProbeState, ...]] = ("failed", "refused", "tripped", "pending", "installed", "removed")

_ADDED_UP: Final = (
    *("hits", "fired", "not_passed", "failed", "skipped", "throttled", "sampled_out", "captured", "errors"),
    *("dropped_writes", "trips"),
)

_SHOWN: Final = 3
"""How many different notes of one probe are shown."""

_QUIET: Final = 60.0
"""Seconds after which it is said that a report is old."""

_Standing = Literal["running", "unknown", "gone", "ended"]

_WORDS: Final[dict[_Standing, str]] = {
    "running": "running",
    "unknown": "not to be seen from here",
    "gone": "gone",
    "ended": "ended",
}

_ALIVE: Final = ("running", "unknown")


@dataclass(frozen=True, slots=True)
class Standing:
    """What one tracer of one process said last, and what is known of that process."""

    report: Report
    """What it said."""
    state: _Standing
    """Whether its process runs; `unknown` on another host, in another container, or where the system does not tell;
    `gone` if it does not and never said that it ended; `ended` if it said so."""
    age: float
    """How old that is, in seconds."""

    @property
    def process(self) -> tuple[str | None, int, str | None]:
        """Which process it is of, in a form that can be compared."""
        return self.report.host, self.report.process, self.report.birth

    def __str__(self) -> str:
        report = self.report
        named = [report.service, report.release, report.environment]
        name = f" ({', '.join(filter(None, named))})" if any(named) else ""
        place = f" on {report.host}" if report.host else ""
        return f"process {report.process}{place}{name}: {_WORDS[self.state]}, said {_ago(self.age)}"


def status_of(
    path: str | os.PathLike[str],
    *,
    detailed: bool = False,
    everything: bool = False,
    as_json: bool = False,
    width: int | None = None,
) -> str:
    """Tell how the processes stand that write to the file at `path`: what every `hogtrace status` prints.

    Long lines are folded to `width` columns; None, or JSON, is not folded.

    The process that asks is left out. Raises what `read_reports` raises.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"there is no file {os.fspath(path)}: no process has written it yet. Start the server; if it runs, see "
            "that it runs in this directory, or name the file by an absolute path"
        )
    own = (os.getpid(), birth_of(os.getpid()))
    others = [report for report in read_reports(path) if (report.process, report.birth) != own]
    found = standings(others, now=time())
    if as_json:
        return json.dumps(standing_values(found, everything=everything), indent=2)
    return display.hanging(standing_text(found, detailed=detailed, everything=everything), width)


def standings(reports: Iterable[Report], *, now: float) -> list[Standing]:
    """Find out how the processes of `reports` stand at the time `now`, Unix time in seconds."""
    return [Standing(report, _state(report), max(0.0, now - report.time)) for report in reports]


def standing_text(found: Sequence[Standing], *, detailed: bool = False, everything: bool = False) -> str:
    """Tell how processes stand: all probes, summed up, then the processes of which there is something to say.

    With `detailed` each process follows with the status that it gave. Processes that have ended are left out, unless
    `everything` is asked for or there are none that may run.
    """
    shown = _shown(found, everything=everything)
    if not shown:
        return (
            "no process has said anything yet; each does within a second or two of having probes installed, unless "
            "REPORT_INTERVAL is None"
        )
    lines = [_heading(shown, len(found) - len(shown))]
    merged = list(_merged(shown))
    standing = len(_processes(_standing(shown)))
    if merged:
        lines += probe_table([probe for probe, _ in merged], [_states(counts, standing) for _, counts in merged])
    else:
        lines.append("no probes")
    for probe, _ in merged:
        lines += notes_text(probe, everywhere=True)
    lines += events_text(_total(shown))
    lines += _remarks(shown)
    if detailed:
        for one in shown:
            lines += ["", str(one), str(one.report.status)]
    return "\n".join(lines)


def standing_values(found: Sequence[Standing], *, everything: bool = False) -> dict[str, Any]:
    """Give the same for machines, as what JSON can say.

    `processes` has for each tracer of each process its report, its `state` and its `age`; `probes` each probe, summed
    up, with how many processes it is in which state; the accounts are sums, too.
    """
    shown = _shown(found, everything=everything)
    total = _total(shown)
    return {
        "captured": total.captured,
        "exported": total.exported,
        "queued": total.queued,
        "dropped": dict(total.dropped),
        "probes": [
            {
                **{name: getattr(probe, name) for name in ("program", "probe", "target", "point", *_ADDED_UP)},
                "dropped": dict(probe.dropped),
                "overhead": probe.overhead,
                "states": dict(counts),
            }
            for probe, counts in _merged(shown)
        ],
        "processes": [{"state": one.state, "age": one.age, **one.report.to_dict()} for one in shown],
    }


def _state(report: Report) -> _Standing:
    if report.ended:
        return "ended"
    running = is_running(report.process, host=report.host, birth=report.birth)
    return "unknown" if running is None else "running" if running else "gone"


def _shown(found: Sequence[Standing], *, everything: bool) -> Sequence[Standing]:
    if everything or not any(one.state in _ALIVE for one in found):
        return found
    return [one for one in found if one.state != "ended"]


def _standing(shown: Sequence[Standing]) -> Sequence[Standing]:
    """Give those of which it counts where a probe sits: the ones that may run, if there are any."""
    return [one for one in shown if one.state in _ALIVE] or shown


def _processes(shown: Iterable[Standing]) -> set[tuple[str | None, int, str | None]]:
    return {one.process for one in shown}


def _heading(shown: Sequence[Standing], left_out: int) -> str:
    # A process with several tracers may have ended one of them.
    states = {one.process: one.state for state in reversed(_WORDS) for one in shown if one.state == state}
    counts = Counter(states.values())
    parts = ", ".join(f"{counts[state]} {word}" for state, word in _WORDS.items() if counts[state])
    ages = sorted(one.age for one in shown)
    said = (
        f"said {_ago(ages[0])}" if _time(ages[0]) == _time(ages[-1]) else f"said {_time(ages[0])} to {_ago(ages[-1])}"
    )
    tracers = f" with {len(shown)} tracers" if len(shown) > len(states) else ""
    more = f"; {left_out} more {'has' if left_out == 1 else 'have'} ended (--all)" if left_out else ""
    return f"{len(states)} process{'' if len(states) == 1 else 'es'}{tracers}: {parts}; {said}{more}"


def _remarks(shown: Sequence[Standing]) -> Iterator[str]:
    for one in shown:
        if one.state == "gone":
            yield f"{one}; it was killed or it crashed, and what it did since then is not known"
    for one in shown:
        if one.state == "unknown":
            yield str(one)
    if any(one.state in _ALIVE and one.age > _QUIET for one in shown):
        yield (
            "a process in which nothing is captured says nothing for that long: hits since then are not counted here"
        )


def _merged(shown: Sequence[Standing]) -> Iterator[tuple[ProbeStatus, Counter[str]]]:
    """Give each probe once, summed up, with how many processes it is in which state."""
    found: dict[tuple[str, str], list[tuple[Standing, ProbeStatus]]] = {}
    for one in shown:
        for probe in one.report.status.probes:
            found.setdefault((probe.program, probe.probe), []).append((one, probe))
    standing = _standing(shown)
    for each in found.values():
        # Where it sits is told of processes that may run.
        now = [(one, probe) for one, probe in each if one in standing]
        probes = [probe for _, probe in each]
        if not now:
            yield _sum(probes, probes, "removed"), Counter(gone=len(_processes(one for one, _ in each)))
            continue
        states: dict[ProbeState, set[object]] = {}
        for one, probe in now:
            states.setdefault(probe.state, set()).add(one.process)
        worst = min(states, key=_WORST_FIRST.index)
        counts = {state: len(states[state]) for state in reversed(_WORST_FIRST) if state in states}
        yield _sum(probes, [probe for _, probe in now], worst), Counter(counts)


def _sum(probes: Sequence[ProbeStatus], now: Sequence[ProbeStatus], state: ProbeState) -> ProbeStatus:
    reasons = _different(probe.reason for probe in now)
    errors = _different(error for probe in probes for error in (probe.first_error, probe.last_error))
    spent = [probe.spent for probe in probes if probe.spent is not None]
    overheads = [probe.overhead for probe in now if probe.overhead is not None]
    sums: dict[str, Any] = {name: sum(getattr(probe, name) for probe in probes) for name in _ADDED_UP}
    return replace(
        now[0],
        **sums,
        state=state,
        reason="; ".join(reasons[:_SHOWN]) or None,
        sites=max(probe.sites for probe in now),
        functions=max((probe.functions for probe in now), key=len),
        warnings=tuple(_different(warning for probe in now for warning in probe.warnings)),
        first_error=errors[0] if errors else None,
        last_error=errors[-1] if errors else None,
        dropped=_added(probe.dropped for probe in probes),
        spent=sum(spent) if spent else None,
        overhead=max(overheads) if overheads else None,
        back_in=min((probe.back_in for probe in now if probe.back_in is not None), default=None),
    )


def _total(shown: Sequence[Standing]) -> Status:
    statuses = [one.report.status for one in shown]
    return Status(
        captured=sum(status.captured for status in statuses),
        exported=sum(status.exported for status in statuses),
        queued=sum(status.queued for status in statuses),
        dropped=_added(status.dropped for status in statuses),
    )


def _added(counts: Iterable[Any]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _different(texts: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(filter(None, texts)))


def _states(counts: Counter[str], processes: int) -> str:
    (first, count), *others = counts.items()
    return ", ".join([f"{first} in {count} of {processes}", *(f"{state} in {count}" for state, count in others)])


def _ago(seconds: float) -> str:
    return f"{_time(seconds)} ago"


def _time(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
