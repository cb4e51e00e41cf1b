"""One expression of a probe, evaluated over given values by the engine alone: no weaving, no exporter."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hogtrace import compile
from hogtrace._engine import CaptureEvent, EventQueue, LinkedProbe, Redaction, Site, TrustList


class Outcome(NamedTuple):
    """What a capture of one expression gave: its value, and why it has none."""

    value: Any
    kind: str | None
    message: str | None


def fire(source: str, /, **settings_and_names: Any) -> list[CaptureEvent]:
    """Run the first probe of `source` once; names other than the settings are the values that it reads."""
    access = settings_and_names.pop("access", "safe")
    trust: Sequence[tuple[str, str, str, str]] = settings_and_names.pop("trust", ())
    redaction = settings_and_names.pop("redaction", None) or Redaction(enabled=False)
    program = compile(source)
    queue = EventQueue(on_first=lambda: None)
    linked = LinkedProbe(program, program.probes[0], queue, access=access, trust=TrustList(trust), redaction=redaction)
    names = [name for _, name in linked.inputs]
    places = [("load", index) for index in range(len(names))]
    site = Site("app.f", [(linked, places)], [], parameters=names, keep=[], loads=(len(names), 0))
    values = tuple(settings_and_names[name] for name in names)
    site[values[0] if len(values) == 1 else values or None]
    return queue.take(10)


def evaluate(expression: str, /, **settings_and_names: Any) -> Outcome:
    """Give the value of `expression`, or the kind and message of its failure."""
    (event,) = fire(f"fn:app.f:entry {{ capture(result={expression}); }}", **settings_and_names)
    for error in event.errors:
        return Outcome(event.values["result"], error["kind"], error["message"])
    return Outcome(event.values["result"], None, None)
