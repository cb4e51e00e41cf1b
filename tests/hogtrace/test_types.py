"""What a status says, and what counts as an exporter."""

from __future__ import annotations

import pytest

from hogtrace.exporters import MemoryExporter
from hogtrace.types import Exporter, ProbeStatus, Status, TrustEntry


def probe_status(**given: object) -> ProbeStatus:
    """Give the status of a probe, `given` replacing what it says."""
    values = {"program": "shop.hogtrace", "probe": "p1", "target": "shop.place", "point": "entry"}
    return ProbeStatus(**{**values, "state": "installed", **given})  # type: ignore[arg-type]


def test_a_status_prints_as_an_aligned_table() -> None:
    """One line a probe, the numbers under each other, then the account of the events."""
    status = Status(
        probes=(
            probe_status(sites=1, hits=12_000, fired=7, captured=7),
            probe_status(target="shop.pay", state="pending", reason="module shop is not imported yet"),
        ),
        captured=7,
        exported=4,
        queued=1,
        dropped={"queue_full": 2},
    )
    assert str(status) == (
        "state      sites   hits  fired  captured  errors  probe\n"
        "installed      1  12000      7         7       0  shop.place:entry  shop.hogtrace\n"
        "pending        0      0      0         0       0  shop.pay:entry  shop.hogtrace\n"
        "p1: note: module shop is not imported yet\n"
        "events: 7 captured, 4 exported, 1 queued, 2 dropped (2 queue_full)"
    )


def test_a_status_says_where_a_probe_sits_and_what_it_cannot_read() -> None:
    """A few of its functions, and each warning; the target itself is not named again."""
    alone = probe_status(functions=("shop.place",))
    assert "in:" not in str(Status(probes=(alone,)))
    many = probe_status(functions=tuple(f"shop.f{number}" for number in range(8)), warnings=("no arg7", "no self"))
    lines = str(Status(probes=(many,))).splitlines()
    assert "p1: in: shop.f0, shop.f1, shop.f2, shop.f3, shop.f4 and 3 more" in lines
    assert lines.index("p1: warning: no arg7") < lines.index("p1: warning: no self")


def test_a_status_shows_the_latest_error_on_one_line() -> None:
    """A message of several lines does not tear the table."""
    assert "p1: last error: no key 'x' in d" in str(Status(probes=(probe_status(last_error="no key 'x'\n  in d"),)))


def test_a_status_without_probes_says_so() -> None:
    """An empty tracer prints as one, not as an empty table."""
    assert str(Status()) == "no probes\nevents: 0 captured, 0 exported, 0 queued, 0 dropped"


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
