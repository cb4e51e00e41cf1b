"""What a tracer says of itself as metrics."""

from __future__ import annotations

import json

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter
from hogtrace.types import Metric, ProbeStatus, Report, Status, TrustEntry
from tests.hogtrace import shop


def make_report(*probes: ProbeStatus, **given: object) -> Report:
    """Give a report of `probes`; `given` are fields of its status."""
    status = Status(probes=probes, **given)  # type: ignore[arg-type]
    return Report(status=status, id="0" * 32, process=7, started=1.0, time=2.0)


def probe_status(**given: object) -> ProbeStatus:
    """Give the status of a probe, `given` replacing what it says."""
    values = {"program": "shop.hogtrace", "probe": "p1", "target": "shop.place", "point": "entry"}
    return ProbeStatus(**{**values, "state": "installed", **given})  # type: ignore[arg-type]


def value(report: Report, name: str, **attributes: str) -> int | float:
    """Give the value of the one metric of that name with those attributes."""
    wanted = {f"hogtrace.{key}": text for key, text in attributes.items()}
    (metric,) = [one for one in report.metrics() if one.name == name and one.attributes == wanted]
    return metric.value


def test_the_accounts_are_metrics() -> None:
    """Counters of what was captured, exported and dropped by cause, and a gauge of what waits."""
    report = make_report(captured=9, exported=4, queued=2, dropped={"queue_full": 2, "stopped": 1})
    assert report.metrics()[0] == Metric(
        "hogtrace.events.captured", "{event}", "Events that were captured", 9, {}, "counter"
    )
    assert value(report, "hogtrace.events.exported") == 4
    assert value(report, "hogtrace.events.queued") == 2
    assert value(report, "hogtrace.events.dropped", cause="queue_full") == 2
    assert value(report, "hogtrace.events.dropped", cause="stopped") == 1
    assert {metric.name: metric.kind for metric in report.metrics()} == {
        "hogtrace.events.captured": "counter",
        "hogtrace.events.exported": "counter",
        "hogtrace.events.queued": "gauge",
        "hogtrace.events.dropped": "counter",
    }


def test_each_probe_has_metrics_of_its_own() -> None:
    """They name the program and the probe; what is not measured is not said."""
    probe = probe_status(hits=5, fired=3, captured=3, dropped={"queue_full": 1}, spent=0.25, overhead=0.01)
    report = make_report(probe, probe_status(probe="p2", state="pending"))
    of = {"program": "shop.hogtrace", "probe": "p1"}
    assert value(report, "hogtrace.probe.hits", **of) == 5
    assert value(report, "hogtrace.probe.fired", **of) == 3
    assert value(report, "hogtrace.probe.dropped", cause="queue_full", **of) == 1
    assert value(report, "hogtrace.probe.spent", **of) == 0.25
    assert value(report, "hogtrace.probe.overhead", **of) == 0.01
    assert value(report, "hogtrace.probe.installed", **of) == 1
    assert value(report, "hogtrace.probe.installed", program="shop.hogtrace", probe="p2") == 0
    assert "p2" not in [one.attributes["hogtrace.probe"] for one in report.metrics() if one.name.endswith("overhead")]


def test_names_and_attributes_are_unique() -> None:
    """A program that is installed twice has two figures of everything, and both are told apart."""
    report = make_report(probe_status(hits=1), probe_status(hits=2))
    keys = [(metric.name, tuple(metric.attributes.items())) for metric in report.metrics()]
    assert len(set(keys)) == len(keys)
    assert value(report, "hogtrace.probe.hits", program="shop.hogtrace", probe="p1", installation="2") == 2


def test_every_count_of_a_probe_is_a_metric() -> None:
    """What a status counts, its metrics do."""
    counts = {name for name, kind in ProbeStatus.__annotations__.items() if kind == "int"}
    names = {metric.name.removeprefix("hogtrace.probe.") for metric in make_report(probe_status()).metrics()}
    assert counts <= names


def test_a_report_goes_through_json_and_back() -> None:
    """Nothing of it is lost, of a real tracer's neither; what a later version adds is passed over."""
    with Tracer(exporter=MemoryExporter(), trust=[TrustEntry("a.B", "c")]) as tracer:
        tracer.install(hogtrace.compile(f"fn:{shop.__name__}.*:entry {{ capture(args); }} fn:absent.f:entry {{ }}"))
        status = tracer.status()
    assert status.probes[0].functions
    report = Report(status=status, id="a" * 32, process=7, birth="b", host="h", started=1.5, time=2.5, ended=True)
    values = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(values) == report
    values["status"]["probes"][0]["new"] = values["status"]["new"] = values["new"] = 1
    assert Report.from_dict(values) == report
