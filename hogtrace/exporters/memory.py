"""Events kept in a list: for tests and for looking at them in place."""

from __future__ import annotations

from collections.abc import Sequence

from hogtrace._engine import CaptureEvent

__all__ = ["MemoryExporter"]


class MemoryExporter:
    """Keeps every event in `events`, in the order in which they came."""

    events: list[CaptureEvent]
    """What has been exported so far."""

    def __init__(self) -> None:
        self.events = []

    def __repr__(self) -> str:
        return f"<hogtrace.MemoryExporter: {len(self.events)} events>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Keep `events`."""
        self.events.extend(events)

    def clear(self) -> None:
        """Forget all that was kept."""
        self.events.clear()

    def close(self) -> None:
        """Do nothing: what was kept can still be read."""
