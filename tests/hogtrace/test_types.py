"""What counts as an exporter, and that a status is a picture."""

from __future__ import annotations

import pytest

from hogtrace.exporters import MemoryExporter
from hogtrace.types import Exporter, Status, TrustEntry


def test_a_status_does_not_change() -> None:
    """It is a picture of one moment."""
    with pytest.raises(AttributeError):
        Status().captured = 3  # type: ignore[misc]


def test_an_exporter_is_whatever_has_the_two_methods() -> None:
    """No base class is asked for."""

    class Own:
        def export(self, events: object) -> list[object]:
            return [events]

        def close(self) -> None: ...

    assert isinstance(Own(), Exporter)
    assert isinstance(MemoryExporter(), Exporter)
    assert not isinstance(object(), Exporter)


def test_a_trust_entry_calls_unless_told_otherwise() -> None:
    """Two names are enough for what a user trusts."""
    assert TrustEntry("app.User", "name") == ("app.User", "name", "call", "")
