"""Whose events a tracer's are, by settings and by OpenTelemetry's variables."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest

import hogtrace
from hogtrace import ConfigError, Settings, Tracer
from hogtrace._engine import Resource
from hogtrace.exporters import MemoryExporter
from hogtrace.resource import resource
from hogtrace.types import Report

HOST = socket.gethostname()
VARIABLES = {
    "OTEL_SERVICE_NAME": "otel shop",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,service.version=1%2C2%20%C3%A9,deployment.environment.name=prod",
}


def told(**given: Any) -> tuple[str | None, str | None, str | None]:
    """Give service, release and environment."""
    found = resource(**given)
    return found.service, found.release, found.environment


def test_nothing_is_said() -> None:
    """Without settings and variables there is the machine alone."""
    assert resource(environ={}) == Resource(host=HOST)


def test_arguments_win_over_the_variables() -> None:
    """Each for itself; a variable counts where there is no argument."""
    assert told(environ=VARIABLES) == ("otel shop", "1,2 é", "prod")
    assert told(environ=VARIABLES, service="a", release="b", environment="c") == ("a", "b", "c")
    assert told(environ=VARIABLES, release="b") == ("otel shop", "b", "prod")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service.name=a", ("a", None, None)),
        (" service.name = a , service.version = 2", ("a", "2", None)),
        ("deployment.environment=old", (None, None, "old")),
        ("deployment.environment=old,deployment.environment.name=new", (None, None, "new")),
        ("service.name", (None, None, None)),
        ("service.name=,service.version=%ff,deployment.environment=a%0ab", (None, None, None)),
        ("service.name=a=b,,=,x", ("a=b", None, None)),
        (f"service.name={'x' * 256},service.version={'x' * 255}", (None, "x" * 255, None)),
        ("service.name=%zz", ("%zz", None, None)),
    ],
)
def test_attributes_of_opentelemetry(text: str, expected: object) -> None:
    """What can be understood counts, the rest is passed over."""
    assert told(environ={"OTEL_RESOURCE_ATTRIBUTES": text, "OTEL_SERVICE_NAME": " "}) == expected


def test_wrong_names_are_errors() -> None:
    """All of them are told at once, and none is shown."""
    with pytest.raises(ConfigError, match="release is of type int; it must be a text of 1 to 255") as caught:
        resource(service="a\nb", release=5, environment="")  # type: ignore[arg-type]  # what must fail
    assert len(caught.value.problems) == 3
    assert "a\nb" not in str(caught.value)
    with pytest.raises(ConfigError, match="SERVICE in here is empty, too long or not printable"):
        Settings.load({"SERVICE": "x" * 256}, where="here")


def place(order: int) -> int:
    """Be probed."""
    return order


@pytest.mark.parametrize("shared", [False, True])
def test_events_of_a_tracer_say_it(monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    """Events say what the tracer was told, by arguments or by settings, and the name of the machine."""
    monkeypatch.setenv("HOGTRACE_RELEASE", "from the environment")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    exporter = MemoryExporter()
    settings = Settings.load({"SERVICE": "shop", "EXPORTER": exporter})
    assert (settings.service, settings.release, settings.environment) == ("shop", "from the environment", None)
    tracer = Tracer.shared(settings) if shared else Tracer(exporter=exporter, service="shop", release="2")
    with tracer:
        tracer.install(hogtrace.compile(f"fn:{__name__}.place:entry {{ capture(order); }}"))
        sys.modules[__name__].place(1)
    (event,) = exporter.events
    release = "from the environment" if shared else "2"
    assert (event.service, event.release, event.environment, event.host) == ("shop", release, "test", HOST)


def test_reports_of_a_tracer_say_it() -> None:
    """What a tracer tells of itself says the same."""
    reports: list[Report] = []

    class Reported(MemoryExporter):
        def report(self, report: Report) -> None:
            reports.append(report)

    with Tracer(exporter=Reported(), service="shop", release="2") as tracer:
        tracer.install(hogtrace.compile(f"fn:{__name__}.place:entry {{ capture(order); }}"))
        sys.modules[__name__].place(1)
    assert (reports[-1].service, reports[-1].release, reports[-1].host) == ("shop", "2", HOST)
