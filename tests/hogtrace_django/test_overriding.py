"""`override_settings(HOGTRACE=…)`: while it lasts, the process has those probes and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, SimpleTestCase, override_settings

import hogtrace
from hogtrace.exporters import MemoryExporter
from hogtrace_django.conf import get_tracer
from tests.hogtrace_django import views
from tests.looking import captures

PROBE = "fn:tests.hogtrace_django.views.work:entry { capture(client); }"
# On a busy machine a probe may be over its budget; it stays in.
PROBED = {"PROBES": [PROBE], "MAX_OVERHEAD": None}


def get(name: str = "x") -> None:
    """Send a request with a client of its own, as each test has."""
    assert Client().get("/plain", headers={"X-Client": name}).status_code == 200


def clients(exporter: MemoryExporter, tracer: hogtrace.Tracer | None) -> list[Any]:
    """Give what has been captured of the clients so far."""
    assert tracer is not None
    assert tracer.flush(60)
    return [event.values["client"] for event in captures(exporter)]


@pytest.fixture
def base() -> Iterator[MemoryExporter]:
    """Let the settings of the project, as far as the test sees them, have a probe."""
    exporter = MemoryExporter()
    with override_settings(HOGTRACE={**PROBED, "EXPORTER": exporter}):
        yield exporter


def test_an_override_brings_its_probes_and_takes_them_away() -> None:
    """With the next client; at the end nothing of it is left."""
    original = views.work.__code__
    exporter = MemoryExporter()
    with override_settings(HOGTRACE={**PROBED, "EXPORTER": exporter}):
        get("inside")
        assert views.work.__code__ is not original
        tracer = get_tracer()
    assert views.work.__code__ is original
    get("outside")
    # The end of the override has exported what waited.
    assert [event.values["client"] for event in captures(exporter)] == ["inside"]
    assert tracer is not None
    with pytest.raises(RuntimeError, match="stopped"):
        tracer.install(hogtrace.compile(PROBE))


def test_what_is_overridden_is_out_meanwhile(base: MemoryExporter) -> None:
    """And in again afterwards, with the tracer that it had."""
    get("before")
    tracer = get_tracer()
    inner, innermost = MemoryExporter(), MemoryExporter()
    with override_settings(HOGTRACE={**PROBED, "EXPORTER": inner}):
        get("inside")
        with override_settings(HOGTRACE={**PROBED, "EXPORTER": innermost}):
            get("innermost")
            assert clients(innermost, get_tracer()) == ["innermost"]
        get("inside again")
        assert clients(inner, get_tracer()) == ["inside", "inside again"]
    get("after")
    assert get_tracer() is tracer
    assert clients(base, tracer) == ["before", "after"]


@pytest.mark.parametrize("settings", [{"DISABLED": True}, {"PROBS": []}], ids=["disabled", "wrong"])
def test_an_override_may_only_take_away(base: MemoryExporter, settings: dict[str, Any]) -> None:
    """To disable HogTrace takes out what is in; so do settings that nobody can follow."""
    client = Client()
    client.get("/plain", headers={"X-Client": "before"})
    with override_settings(HOGTRACE=settings):
        assert client.get("/plain", headers={"X-Client": "inside"}).status_code == 200
    client.get("/plain", headers={"X-Client": "after"})
    assert clients(base, get_tracer()) == ["before", "after"]


def test_an_override_with_equal_settings_changes_nothing(base: MemoryExporter) -> None:
    """Equal settings share a tracer."""
    get("before")
    tracer = get_tracer()
    with override_settings(HOGTRACE={**PROBED, "EXPORTER": base}):
        get("inside")
        assert get_tracer() is tracer
    get("after")
    assert clients(base, tracer) == ["before", "inside", "after"]


def test_a_tracer_that_was_stopped_is_made_anew(base: MemoryExporter) -> None:
    """Whoever stops it by hand does not spoil the tests that come after."""
    get("before")
    tracer = get_tracer()
    assert tracer is not None
    with override_settings(HOGTRACE={"EXPORTER": MemoryExporter()}):
        tracer.stop()
    get("after")
    assert get_tracer() is not tracer
    assert clients(base, get_tracer()) == ["before", "after"]


@override_settings(HOGTRACE={**PROBED, "EXPORTER": "memory"})
class TestOfDjango(SimpleTestCase):
    """The same on a test case of Django's, with its own client."""

    def test_the_probe_is_in(self) -> None:
        """The class's settings hold, and a block inside of a test may change them."""
        self.client.get("/plain", headers={"X-Client": "case"})
        tracer = get_tracer()
        assert tracer is not None
        assert tracer.status().probes[0].fired == 1
        with self.settings(HOGTRACE={"DISABLED": True}):
            self.client.get("/plain", headers={"X-Client": "case"})
        self.client.get("/plain", headers={"X-Client": "case"})
        assert tracer.status().probes[0].fired == 1
