"""What goes by OTLP through a real collector arrives behind it as it was sent, also if it is killed meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import hogtrace
from hogtrace import CaptureEvent
from hogtrace.exporters import OTLPExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.collector import Collector
from tests.hogtrace.exporters.otlp_servers import Kept, grpc_receiver, http_receiver
from tests.hogtrace.exporters.samples import ODD_VALUES, make_event, make_events, numbers

PROTOCOLS = ["http/protobuf", "grpc"]


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """Each protocol."""
    return str(request.param)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Give what stands behind the collector, and gets what it hands on."""
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def collector(kept: Kept, tmp_path: Path) -> Iterator[Collector]:
    """Give a collector."""
    with Collector(kept, "http", tmp_path) as running:
        yield running


def exporter_to(collector: Collector, protocol: str, **options: Any) -> OTLPExporter:
    """Give an exporter to the collector."""
    return OTLPExporter(endpoint=collector.url(protocol), protocol=protocol, **options)  # type: ignore[arg-type]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what the collector does in its own time."""
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)


def texts(items: Any) -> dict[str, Any]:
    """Give the attributes of a resource or a figure that are texts and numbers."""
    return {item.key: item.value.string_value or item.value.int_value for item in items}


@pytest.mark.parametrize(("compression", "onwards"), [("none", "grpc"), ("gzip", "http")])
def test_events_arrive_as_they_were_sent(protocol: str, compression: str, onwards: str, tmp_path: Path) -> None:
    """Each field of each event, in order, and what is known of the resource; whatever the collector speaks itself."""
    request = {"method": "GET", "path": "/orders/7", "route": "/orders/{id}", "framework": "flask", "seconds": 0.5}
    where = {"service": "till", "release": "1.2", "environment": "test", "host": "till-1", "process": 4711}
    error = {"field": "a", "kind": "lookup", "message": "no key 'a'", "line": 1, "column": 2}
    events = [
        make_event(1, values=ODD_VALUES, trace_id="ab" * 16, span_id="cd" * 8, request_id="r-1", request=request),
        make_event(2, values={"text": "half \ud800"}),
        make_event(3, point="request", values={"status": 404, "duration": 0.25}, request=request, **where),
        make_event(4, values={"a": None}, errors=[error], thread=99, thread_name="worker", **where),
        make_event(5, values={"deep": {"er": [[[[[[1]]]]]]}, "empty": [{}, [], "", b""]}, timestamp=-1.5),
        *make_events(500),
    ]
    sent = [CaptureEvent.from_dict(event.to_dict()) for event in events]
    receiver = grpc_receiver if onwards == "grpc" else http_receiver
    with receiver() as behind, Collector(behind, onwards, tmp_path) as collector:
        exporter = exporter_to(collector, protocol, compression=compression, resource={"team": "shop"})
        exporter.export(events)
        exporter.close()
        wait_until(lambda: len(behind.events()) >= len(sent))
        arrived = {event.id: event for event in behind.events()}
        assert [arrived.get(event.id) for event in sent] == sent
        assert len(behind.events()) == len(sent)
        resources = [texts(part.resource.attributes) for request in behind.logs for part in request.resource_logs]
    assert {resource["team"] for resource in resources} == {"shop"}
    (told,) = [resource for resource in resources if resource["process.pid"] == 4711]
    assert (told["service.name"], told["service.version"], told["host.name"]) == ("till", "1.2", "till-1")


def place(order: object) -> object:
    """Be looked into."""
    return order


def test_captures_and_figures_of_a_tracer_arrive(collector: Collector, kept: Kept, protocol: str) -> None:
    """What is captured within a span has its ids, and what HogTrace says of itself comes as metrics."""
    spans = TracerProvider().get_tracer("shop")
    with hogtrace.Tracer(exporter=exporter_to(collector, protocol), service="till", report_interval=1.0) as tracer:
        tracer.install(hogtrace.compile(f"fn:{__name__}.place:entry {{ capture(order=arg0); }}", name="orders"))
        with spans.start_as_current_span("place") as span, hogtrace.request_scope(request_id="r-7", path="a job"):
            place(17)
        place(18)
    wait_until(lambda: len(kept.events()) >= 3)
    first, record, second = sorted(kept.events(), key=lambda event: event.timestamp)
    context = span.get_span_context()
    assert (first.trace_id, first.span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert (first.request_id, record.request_id, second.request_id) == ("r-7", "r-7", None)
    assert (first.values, second.values, second.trace_id) == ({"order": 17}, {"order": 18}, None)
    assert (record.kind, record.service, record.host) == ("request", "till", socket.gethostname())

    def figures() -> dict[str, Any]:
        """Give each metric's point that came last."""
        scopes = [
            scope for request in kept.metrics for part in request.resource_metrics for scope in part.scope_metrics
        ]
        metrics = [metric for scope in scopes for metric in scope.metrics]
        return {metric.name: getattr(metric, metric.WhichOneof("data")).data_points[-1] for metric in metrics}

    wait_until(lambda: "hogtrace.events.exported" in figures() and figures()["hogtrace.events.exported"].as_int == 3)
    last = figures()
    assert last["hogtrace.events.captured"].as_int == last["hogtrace.events.exported"].as_int == 3
    assert last["hogtrace.probe.hits"].as_int == 2
    assert texts(last["hogtrace.probe.hits"].attributes)["hogtrace.program"] == "orders"
    assert texts(kept.metrics[-1].resource_metrics[0].resource.attributes)["service.name"] == "till"


def test_what_is_too_large_for_it_goes_in_halves(kept: Kept, tmp_path: Path) -> None:
    """Its words for a message that is larger than it takes are understood, though OTLP has others."""
    long = {f"text{part}": "x" * 1000 for part in range(60)}
    events = [make_event(number, values=long) for number in range(60)]
    with Collector(kept, "http", tmp_path, "--otlp-grpc-max-recv-msg-size-mib", "1") as collector:
        exporter = exporter_to(collector, "grpc")
        exporter.export(events)
        exporter.close()
        wait_until(lambda: len(kept.events()) >= len(events))
    assert sorted(event.timestamp for event in kept.events()) == [event.timestamp for event in events]


@pytest.mark.parametrize("ends", [Collector.stop, Collector.kill])
def test_a_collector_that_ends_and_comes_back(
    collector: Collector, kept: Kept, protocol: str, ends: Callable[[Collector], None]
) -> None:
    """In the middle of the traffic: the accounts balance; what comes while it is away is exported when it is back."""
    pipeline = Pipeline(exporter_to(collector, protocol), batch_size=7, batch_delay=0.01)
    queue = pipeline.queue

    def put(wanted: range) -> None:
        """Have events come, some at a time."""
        for number in wanted:
            pipeline.queue.put(make_event(number))
            time.sleep(0.0005)

    put(range(300))
    ends(collector)
    # What is in flight is settled: from here on all that is offered is offered to nobody.
    wait_until(lambda: queue.exported + sum(queue.dropped.values()) + queue.queued == 300)
    put(range(300, 600))
    collector.start()
    put(range(600, 700))
    assert pipeline.flush(60)
    assert (queue.captured, queue.queued) == (700, 0)
    unknown = queue.dropped.get("unknown", 0)
    assert queue.exported + unknown == 700, queue.dropped
    assert unknown <= 7
    assert pipeline.stop(20)
    collector.stop()
    arrived = numbers(kept.events())
    assert len(arrived) == len(set(arrived))
    if ends is Collector.stop:
        assert queue.exported <= len(arrived) <= 700
    # What it had taken when it was killed is gone with it; what came when it was away is not.
    assert set(range(300, 700)) - set(arrived) == set()
