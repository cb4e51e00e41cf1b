"""What a probe sees of an object: a function to hand it to, with a probe on it that reads an expression."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import hogtrace
from hogtrace.exporters import MemoryExporter
from hogtrace.types import TrustEntry


def look(subject: object) -> object:
    """Give `subject` back; a place for a probe, where it is `arg0` and `retval`."""
    return subject


def captures(exporter: MemoryExporter) -> list[hogtrace.CaptureEvent]:
    """Give what was captured, without the records of requests."""
    return [event for event in exporter.events if event.kind == "capture"]


def read(subject: object, expression: str, trust: Sequence[TrustEntry]) -> Any:
    """Give what a probe in mode `safe` captures of `expression`, about `arg0`.

    Raises `LookupError` with the probe's own error if it could not be read.
    """
    program = hogtrace.compile(f"fn:tests.looking.look:entry {{ capture(value={expression}); }}")
    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, max_overhead=None, trust=trust) as tracer:
        tracer.install(program)
        look(subject)
        assert tracer.flush(60)
        (event,) = exporter.events
    if event.errors:
        raise LookupError(event.errors[0]["message"])
    return event.values["value"]


def check_names(trust: Sequence[TrustEntry]) -> None:
    """Check that the types of `trust` exist under the names they are matched by, and have what is read."""
    for entry in trust:
        module, _, name = entry.type.rpartition(".")
        found = getattr(import_module(module), name)
        assert (found.__module__, found.__qualname__) == (module, name)
        names = {"[]": "__getitem__", "*": "__getattr__"}
        assert hasattr(found, names.get(entry.attribute, entry.attribute)), entry
