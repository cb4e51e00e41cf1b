"""The exporter that keeps events in a list."""

from __future__ import annotations

from hogtrace.exporters import MemoryExporter
from tests.hogtrace.exporters.samples import make_events, numbers


def test_events_are_kept_in_order_until_they_are_cleared() -> None:
    """Batch after batch; closing takes nothing away."""
    exporter = MemoryExporter()
    exporter.export(make_events(2))
    exporter.export(make_events(1))
    exporter.close()
    assert numbers(exporter.events) == [0, 1, 0]
    assert repr(exporter) == "<hogtrace.MemoryExporter: 3 events>"
    exporter.clear()
    assert exporter.events == []
