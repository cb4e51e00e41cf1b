"""Events sent by OTLP to real receivers on loopback, over HTTP and gRPC."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.trace import TracerProvider

import hogtrace
from hogtrace import CaptureEvent, ConfigError
from hogtrace.errors import ExportError, PartialExportError, RetryError, UnknownOutcomeError
from hogtrace.events import read_otlp
from hogtrace.exporters import OTLPExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.attempts import once_connected
from tests.hogtrace.exporters.otlp_servers import PROTOBUF, Answer, Kept, grpc_receiver, http_receiver, refusing
from tests.hogtrace.exporters.samples import ODD_VALUES, START, make_event, make_events
from tests.hogtrace.unhurried import put_in_batches

HTTP, GRPC = "http/protobuf", "grpc"
RECEIVERS = {HTTP: http_receiver, GRPC: grpc_receiver}

Code = grpc.StatusCode


@pytest.fixture(params=[HTTP, GRPC])
def protocol(request: pytest.FixtureRequest) -> str:
    """Each protocol."""
    return str(request.param)


@pytest.fixture
def receiver(protocol: str) -> Iterator[Kept]:
    """Give a server that speaks the protocol."""
    with RECEIVERS[protocol]() as kept:
        yield kept


@pytest.fixture
def http() -> Iterator[Kept]:
    """Give a server that speaks OTLP over HTTP."""
    with http_receiver() as kept:
        yield kept


def exporter_to(kept: Kept, protocol: str, **options: Any) -> OTLPExporter:
    """Give an exporter to a receiver."""
    return OTLPExporter(endpoint=kept.url, protocol=protocol, **options)  # type: ignore[arg-type]


def export(kept: Kept, protocol: str, events: Any, **options: Any) -> None:
    """Export events once, with an exporter of their own."""
    exporter = exporter_to(kept, protocol, **options)
    try:
        exporter.export(events)
    finally:
        exporter.close()


def attributes(items: Any) -> dict[str, Any]:
    """Give the attributes of a record or a resource that are plain values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "", None) for item in items}


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_batches_arrive_and_can_be_read_back(receiver: Kept, protocol: str, compression: str) -> None:
    """Each batch is one request; its records hold all of the events."""
    exporter = exporter_to(receiver, protocol, headers={"X-Key": "k3y"}, compression=compression)
    events = [make_event(1, values=ODD_VALUES), *make_events(20)]
    exporter.export(events)
    exporter.export([make_event(30, id="0" * 32)])
    exporter.close()
    assert receiver.events() == [CaptureEvent.from_dict(event.to_dict()) for event in events] + [
        make_event(30, id="0" * 32)
    ]
    assert len(receiver.logs) == 2
    assert receiver.headers[0]["x-key"] == "k3y"
    if protocol == HTTP:
        assert receiver.headers[0]["path"] == "/v1/logs"
        assert receiver.headers[0].get("content-encoding") == (None if compression == "none" else "gzip")
        assert (receiver.sizes[0] < receiver.logs[0].ByteSize() / 2) == (compression == "gzip")


def test_deflate(http: Kept) -> None:
    """HTTP has a third way to compress."""
    export(http, HTTP, make_events(3), compression="deflate")
    assert http.headers[0]["content-encoding"] == "deflate"
    assert len(http.events()) == 3


def test_records_speak_the_language_of_opentelemetry(http: Kept) -> None:
    """Names are those of the semantic conventions where there are some; the values are the body."""
    event = make_event(
        values={"total": 12, "note": None, "pair": (1, {"a": True})},
        request_id="r-1",
        request={"method": "POST", "path": "/orders/7", "route": "/orders/{id}", "framework": "django"},
        process=4711,
        thread=99,
    )
    export(http, HTTP, [event], resource={"team": "shop"}, logger="probes")
    (of_resource,) = http.logs[0].resource_logs
    resource = attributes(of_resource.resource.attributes)
    assert (resource["process.pid"], resource["team"], resource["telemetry.sdk.language"]) == (4711, "shop", "python")
    (scope,) = of_resource.scope_logs
    assert (scope.scope.name, scope.scope.version) == ("probes", hogtrace.__version__)
    (record,) = scope.log_records
    assert record.event_name == "hogtrace.capture"
    assert record.time_unix_nano == int(START * 1000) * 10**6
    assert record.severity_text == "INFO"
    found = attributes(record.attributes)
    assert found["log.record.uid"] == event.id
    assert found["code.function.name"] == "shop.orders.place"
    assert found["thread.id"] == 99
    assert found["http.request.method"] == "POST"
    assert found["url.path"] == "/orders/7"
    assert found["http.route"] == "/orders/{id}"
    assert found["hogtrace.request.framework"] == "django"
    assert found["hogtrace.request_id"] == "r-1"
    assert found["hogtrace.probe"] == "shop.orders.place:entry"
    assert "hogtrace.json" not in found
    body = {item.key: item.value for item in record.body.kvlist_value.values}
    assert list(body) == ["total", "note", "pair"]
    assert body["total"].int_value == 12
    assert body["note"].WhichOneof("value") is None
    assert body["pair"].array_value.values[1].kvlist_value.values[0].key == "a"


def test_events_with_errors_are_warnings(http: Kept) -> None:
    """Somebody whose probe cannot read what it wants finds them by their severity."""
    error = {"field": "a", "kind": "lookup", "message": "no key 'a'", "line": 1, "column": 2}
    event = make_event(values={"a": None}, errors=[error])
    export(http, HTTP, [event])
    (record,) = http.logs[0].resource_logs[0].scope_logs[0].log_records
    assert record.severity_text == "WARN"
    assert http.events() == [event]
    assert http.events()[0].errors == [error]


@pytest.mark.parametrize(
    "given",
    [
        {"values": {"a": "half \ud800"}},
        {"request": {"path": "/\udcff"}},
        {"timestamp": -1.5},
        {"timestamp": 1e300},
        {"timestamp": 1e-12},
        {"id": "an id of somebody's own"},
        {"request": {"method": 3, "path": None, "": 1.5, "deep.er": True}},
    ],
)
def test_what_has_no_place_in_a_record_is_not_lost(http: Kept, given: dict[str, Any]) -> None:
    """Half surrogates, odd times and the like come back as they were."""
    event = make_event(**given)
    export(http, HTTP, [event])
    assert http.events() == [event]


def test_what_is_deep_is_not_lost(http: Kept) -> None:
    """Parsers of Protocol Buffers go 100 messages deep, so what is deeper is there as text."""
    deep: Any = "ground"
    for _ in range(50):
        deep = {"down": deep}
    fields = make_event().to_dict() | {"values": {"deep": deep}}
    event = CaptureEvent.from_dict(fields)
    export(http, HTTP, [event])
    assert http.events() == [event]


def test_several_processes_in_one_batch(receiver: Kept, protocol: str) -> None:
    """Each has a resource of its own."""
    export(receiver, protocol, [make_event(number, process=number % 2 + 1) for number in range(6)])
    pids = [attributes(part.resource.attributes)["process.pid"] for part in receiver.logs[0].resource_logs]
    assert sorted(pids) == [1, 2]
    assert sorted(event.values["number"] for event in receiver.events()) == list(range(6))


@pytest.mark.parametrize("signal", ["", "LOGS_"])
def test_variables_of_opentelemetry(
    receiver: Kept, protocol: str, signal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, protocol, headers, compression and resource come from the environment where nothing is given."""
    path = "/v1/logs" if signal and protocol == HTTP else ""
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", receiver.url + path)
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", protocol)
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}HEADERS", "X-Key=k%203y,other=one")
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=shop,host.name=elsewhere")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "till")
    exporter = OTLPExporter(headers={"Other": "two"})
    event = make_event()
    exporter.export([event])
    exporter.close()
    assert receiver.events() == [event]
    assert receiver.headers[0]["x-key"] == "k 3y"
    assert receiver.headers[0]["other"] == "two"
    resource = attributes(receiver.logs[0].resource_logs[0].resource.attributes)
    assert (resource["team"], resource["service.name"]) == ("shop", "till")


def test_what_stands_in_netrc_is_for_others(http: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would take it in place of the header that was given."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password pa55\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    exporter = exporter_to(http, HTTP, headers={"Authorization": "Bearer k3y"})
    exporter.export(make_events(1))
    exporter.close()
    assert http.headers[0]["authorization"] == "Bearer k3y"


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "0"}, 0.0),
        (502, {}, None),
        (504, {"Retry-After": "soon"}, None),
    ],
)
def test_http_what_may_be_taken_later(http: Kept, status: int, headers: dict[str, str], after: float | None) -> None:
    """An overloaded server gets the batch again, when it says so; one attempt is one request."""
    http.answers = [Answer(status, headers)]
    with pytest.raises(RetryError, match=f"127.0.0.1 answered {status}") as caught:
        export(http, HTTP, make_events(2))
    assert caught.value.after == after
    assert len(http.logs) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 500])
def test_http_what_is_not_wanted(http: Kept, status: int) -> None:
    """It is dropped; a redirect is not followed, for it may lead to anybody."""
    http.answers = [Answer(status, {"Location": http.url}, b"no, k3y")]
    with pytest.raises(ExportError, match=f"answered {status}") as caught:
        export(http, HTTP, make_events(2))
    assert type(caught.value) is ExportError
    assert len(http.logs) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0),  # hangs up
        Answer(-1),  # is not HTTP
        Answer(200, PROTOBUF, b"\x0a", length=500),  # half a response
        Answer(200, PROTOBUF, b"\x00\x01\x02"),  # no message
    ],
)
def test_http_answers_that_say_nothing(http: Kept, answer: Answer) -> None:
    """The batch was sent, and nobody knows what became of it."""
    http.answers = [answer]
    with pytest.raises(UnknownOutcomeError):
        export(http, HTTP, make_events(2))
    assert len(http.logs) == 1


def test_http_any_text_may_say_yes(http: Kept) -> None:
    """Backends that are no collector answer with JSON, or with nothing."""
    for answer in (Answer(200, {"Content-Type": "application/json"}, b"{}"), Answer(204), Answer(202, {}, b"thanks")):
        http.answers = [answer]
        export(http, HTTP, make_events(2))
    assert len(http.events()) == 6


@pytest.mark.parametrize(
    ("code", "retry", "after"),
    [
        (Code.UNAVAILABLE, None, None),
        (Code.UNAVAILABLE, 7.5, 7.5),
        (Code.RESOURCE_EXHAUSTED, 3, 3.0),
        (Code.ABORTED, None, None),
    ],
)
def test_grpc_what_may_be_taken_later(code: Code, retry: float | None, after: float | None) -> None:
    """An overloaded server gets the batch again, when it says so; one attempt is one call."""
    with grpc_receiver() as kept:
        kept.answers = [Answer(code, retry=retry)]
        with pytest.raises(RetryError, match=f"127.0.0.1 answered {code.name}") as caught:
            export(kept, GRPC, make_events(2))
        assert caught.value.after == after
        assert len(kept.logs) == 1


@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED, Code.INTERNAL])
def test_grpc_what_is_not_wanted(code: Code) -> None:
    """It is dropped; what a server says beyond the code is not repeated."""
    with grpc_receiver() as kept:
        kept.answers = [Answer(code)]
        with pytest.raises(ExportError, match=f"answered {code.name}$") as caught:
            export(kept, GRPC, make_events(2))
        assert type(caught.value) is ExportError
        assert len(kept.logs) == 1


def test_grpc_a_connection_that_breaks() -> None:
    """The batch was sent, and nobody knows what became of it."""
    cut = threading.Event()
    with grpc_receiver() as kept, cutting(kept) as url:
        kept.answers = [Answer(held=cut)]
        exporter = OTLPExporter(endpoint=url, protocol="grpc")
        try:
            with pytest.raises(UnknownOutcomeError, match="hung up"):
                exporter.export(make_events(2))
        finally:
            cut.set()
        exporter.close()


def cutting(kept: Kept) -> AbstractContextManager[str]:
    """Stand before a receiver, and cut the connection once it has got something."""
    from contextlib import contextmanager

    @contextmanager
    def proxy() -> Iterator[str]:
        to = int(kept.url.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", 0)) as door:
            thread = threading.Thread(target=_carry, args=(door, to, kept))
            thread.start()
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
            thread.join()

    return proxy()


def _carry(door: socket.socket, to: int, kept: Kept) -> None:
    client, _ = door.accept()
    with client, socket.create_connection(("127.0.0.1", to)) as server:
        for link in (client, server):
            link.settimeout(0.02)
        while not kept.logs:
            for source, target in ((client, server), (server, client)):
                try:
                    target.sendall(source.recv(65536))
                except TimeoutError:
                    continue


def test_nobody_listens(protocol: str) -> None:
    """Without a connection nothing was sent, so it is tried again."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        exporter = OTLPExporter(endpoint=f"http://127.0.0.1:{held.getsockname()[1]}", protocol=protocol)  # type: ignore[arg-type]
        with pytest.raises(RetryError, match=r"no connection to 127\.0\.0\.1"):
            exporter.export(make_events(1))
        exporter.close()


def test_a_server_that_hangs(receiver: Kept, protocol: str) -> None:
    """The time-out bounds the one attempt."""
    over = threading.Event()
    receiver.answers = [Answer(held=over)]
    try:
        with pytest.raises(UnknownOutcomeError, match="did not answer in time"):
            once_connected(lambda: export(receiver, protocol, make_events(1), timeout=0.3))
        # A second one would have been answered.
        assert len(receiver.logs) <= 1
    finally:
        over.set()


def test_grpc_a_connection_that_hangs() -> None:
    """Where a server never gets to speak gRPC, nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = OTLPExporter(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", protocol="grpc", timeout=5)
        with pytest.raises(RetryError, match="no connection"):
            exporter.export(make_events(1))
        exporter.close()


def test_the_exporter_works_again_after_an_outage(protocol: str) -> None:
    """A server that comes back is found again."""
    with socket.socket() as held:
        # The port is nobody else's meanwhile.
        held.bind(("127.0.0.1", 0))
        exporter = OTLPExporter(endpoint=f"http://127.0.0.1:{held.getsockname()[1]}", protocol=protocol)  # type: ignore[arg-type]
        with pytest.raises(RetryError):
            exporter.export(make_events(1))
        exporter.close()
    with RECEIVERS[protocol]() as kept:
        export(kept, protocol, make_events(1))
        assert len(kept.events()) == 1


def test_what_a_server_refuses_of_a_batch(receiver: Kept, protocol: str) -> None:
    """Partial success: the rest counts as exported."""
    answer = Answer(200, PROTOBUF, refusing(2))
    receiver.answers = [answer]
    with pytest.raises(PartialExportError, match="2 events were refused") as caught:
        export(receiver, protocol, make_events(5))
    assert len(caught.value.lost) == 2
    receiver.answers = [answer]
    pipeline = Pipeline(exporter_to(receiver, protocol), batch_size=10, batch_delay=60)
    put_in_batches(pipeline, make_events(10), 5)
    assert pipeline.flush(60)
    assert (pipeline.queue.exported, pipeline.queue.queued) == (8, 0)
    assert pipeline.queue.dropped == {"exporter_failed": 2}
    assert pipeline.stop(60)


def test_batches_that_are_too_large_go_in_halves(http: Kept) -> None:
    """A server that answers 413 gets less at a time; one event that is too large by itself is dropped."""
    large = Answer(413)
    # 4, 2, 1, 1 (too large), 2 (the server is overloaded), and at the next attempt those two alone.
    http.answers = [large, large, Answer(200), large, Answer(503, {"Retry-After": "0"})]
    exporter = exporter_to(http, HTTP)
    events = make_events(4)
    with pytest.raises(RetryError) as caught:
        exporter.export(events)
    assert (caught.value.taken, caught.value.lost) == ((events[0],), (events[1],))
    exporter.export(events[2:])
    exporter.close()
    assert [len(request.resource_logs[0].scope_logs[0].log_records) for request in http.logs] == [4, 2, 1, 1, 2, 2]


def test_grpc_takes_no_large_messages() -> None:
    """What is larger than a server takes is not sent at once."""
    events = [make_event(number, values={f"text{part}": "x" * 1000 for part in range(60)}) for number in range(100)]
    with grpc_receiver() as kept:
        export(kept, GRPC, events)
        assert [event.id for event in kept.events()] == [event.id for event in events]
        assert len(kept.logs) == 2


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (Code.RESOURCE_EXHAUSTED, b"grpc: received message larger than max (6117815 vs. 4194304)"),
        (Code.OUT_OF_RANGE, b"Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes"),
        (Code.RESOURCE_EXHAUSTED, b"gRPC message exceeds maximum size 4194304: 6027014"),
        (Code.RESOURCE_EXHAUSTED, b"Received message exceeds the maximum configured message size."),
    ],
)
def test_grpc_servers_that_take_less(code: Code, text: bytes) -> None:
    """Each kind of server has words of its own for it; then the batch goes in halves."""
    with grpc_receiver() as kept:
        kept.answers = [Answer(code, body=text)]
        export(kept, GRPC, make_events(4))
        assert [len(request.resource_logs[0].scope_logs[0].log_records) for request in kept.logs] == [4, 2, 2]


def test_accounts_balance_through_all_of_it(http: Kept) -> None:
    """What was asked for again arrives once, the rest is counted by its cause."""
    soon = {"Retry-After": "0"}
    http.answers = [
        Answer(503, soon),
        Answer(429, soon),
        Answer(200),
        Answer(400),
        Answer(0),
        Answer(200, PROTOBUF, refusing(1)),
    ]
    pipeline = Pipeline(exporter_to(http, HTTP), batch_size=10, batch_delay=60)
    put_in_batches(pipeline, make_events(10), 2)
    assert pipeline.flush(60)
    queue = pipeline.queue
    assert (queue.captured, queue.exported, queue.queued) == (10, 5, 0)
    assert queue.dropped == {"exporter_failed": 3, "unknown": 2}
    assert pipeline.stop(60)
    assert [event.values["number"] for event in http.events()] == [0, 1, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_opentelemetry_says_nothing_of_failures(
    receiver: Kept, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They are the pipeline's to tell, once; neither the library nor gRPC logs each."""
    busy: Any = 503 if protocol == HTTP else Code.UNAVAILABLE
    wrong: Any = 400 if protocol == HTTP else Code.INVALID_ARGUMENT
    exporter = exporter_to(receiver, protocol)
    with caplog.at_level(logging.INFO):
        for status in (busy, wrong) * 3:
            receiver.answers = [Answer(status)]
            with pytest.raises(ExportError):
                exporter.export(make_events(1))
    exporter.close()
    # Pipelines of other tests may still have something to tell.
    assert [record for record in caplog.records if record.name != "hogtrace"] == []


def test_forks(protocol: str) -> None:
    """Parent and children export on, each its own, over connections of their own."""
    script = """
import os, sys
from hogtrace import _state
from hogtrace.exporters import OTLPExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_events
_state.FORK_TIMEOUT = 60
pipeline = Pipeline(OTLPExporter(endpoint=sys.argv[1], protocol=sys.argv[2]), batch_delay=0.01)
for number in range(4):
    for event in make_events(5): pipeline.queue.put(event)
    if number % 2: assert pipeline.flush(60)
    child = os.fork()
    if not child:
        for event in make_events(3): pipeline.queue.put(event)
        good = pipeline.flush(60) and pipeline.queue.exported == 3
        pipeline.stop(60)
        os._exit(not good)
    assert os.waitpid(child, 0)[1] == 0
assert pipeline.flush(60)
assert pipeline.queue.exported == 20
assert pipeline.stop(60)
"""
    with RECEIVERS[protocol]() as kept:
        done = subprocess.run(
            [sys.executable, "-c", script, kept.url, protocol], capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        events = kept.events()
    assert len({event.id for event in events}) == len(events) == 32
    assert len({event.process for event in events}) == 5


def place(order: object) -> object:
    """Be looked into."""
    return order


def test_spans_and_events_are_joined(http: Kept) -> None:
    """What is captured within a span of the SDK is in its trace; what is not is in none, wherever it is exported."""
    tracer = TracerProvider().get_tracer("shop")
    with hogtrace.Tracer(
        exporter=exporter_to(http, HTTP), service="till", release="1.2", environment="test", max_overhead=None
    ) as probes:
        probes.install(hogtrace.compile(f"fn:{__name__}.place:entry {{ capture(order=arg0); }}"))
        with tracer.start_as_current_span("place") as span:
            place(1)
        place(2)
        with tracer.start_as_current_span("flush"):
            assert probes.flush(60)
    context = span.get_span_context()
    (of_resource,) = http.logs[0].resource_logs
    inside, outside = of_resource.scope_logs[0].log_records
    assert inside.trace_id == context.trace_id.to_bytes(16, "big")
    assert inside.span_id == context.span_id.to_bytes(8, "big")
    assert (outside.trace_id, outside.span_id) == (b"", b"")
    resource = attributes(of_resource.resource.attributes)
    assert (resource["service.name"], resource["service.version"]) == ("till", "1.2")
    assert resource["deployment.environment.name"] == "test"
    assert resource["host.name"] == http.events()[0].host == socket.gethostname()
    assert http.events()[0].trace_id == f"{context.trace_id:032x}"


def test_the_record_of_a_request(http: Kept) -> None:
    """It has a name of its own, and the status under the name that OpenTelemetry has for it."""
    event = make_event(point="request", values={"status": 404, "duration": 0.25}, request={"method": "GET"})
    export(http, HTTP, [event])
    (record,) = http.logs[0].resource_logs[0].scope_logs[0].log_records
    assert record.event_name == "hogtrace.request"
    found = attributes(record.attributes)
    assert (found["http.response.status_code"], found["http.request.method"]) == (404, "GET")
    assert http.events() == [event]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "ftp://host"}, "must begin with http"),
        ({"endpoint": "http:///v1"}, "name a host"),
        ({"endpoint": "https://user:pa55@host"}, "holds a user or a password"),
        ({"protocol": "http/json"}, "none of http/protobuf, grpc"),
        ({"compression": "zstd"}, "no compression 'zstd'"),
        ({"protocol": "grpc", "compression": "deflate"}, "no compression 'deflate'"),
        ({"timeout": 0}, "number of seconds, more than 0"),
        ({"headers": {"a b": "c"}}, "cannot be sent"),
        ({"headers": {"a": "pa55\n"}}, "cannot be sent"),
        ({"headers": {"a": 1}}, "maps names to texts"),
    ],
)
def test_options_that_will_not_do(options: dict[str, Any], message: str) -> None:
    """They are errors at the start, which do not repeat a password."""
    with pytest.raises(ConfigError, match=message) as caught:
        OTLPExporter(**options)
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("PROTOCOL", "http/json"), ("TIMEOUT", "soon"), ("ENDPOINT", "host")])
def test_variables_that_will_not_do(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """They are errors at the start, too."""
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    with pytest.raises(ConfigError, match="OTLPExporter"):
        OTLPExporter()


def test_the_extra_is_not_there() -> None:
    """That is an error at the start, which says what to install; who does not use it does not import it."""
    script = """
import sys
import hogtrace.exporters
assert not [name for name in sys.modules if name.startswith(("opentelemetry", "grpc", "requests", "posthog"))]
for name in ("opentelemetry.exporter", "posthog"): sys.modules[name] = None
from hogtrace.exporter_setting import ExporterSetting
for backend in ("otlp", {"BACKEND": "posthog", "OPTIONS": {"project_api_key": "phc_s3cret"}}):
    try:
        ExporterSetting.read(backend).build()
    except hogtrace.ConfigError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert 'pip install "hogtrace[otlp]"' in first
    assert 'pip install "hogtrace[posthog]"' in second
    assert "s3cret" not in second


def test_records_of_others_are_passed_over() -> None:
    """A file of a collector has what everybody logged; what is no request is an error."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(event_name="login")
    assert list(read_otlp(request.SerializeToString())) == []
    request.resource_logs[0].scope_logs[0].log_records.add(event_name="hogtrace.capture")
    with pytest.raises(ValueError, match="an event"):
        list(read_otlp(request.SerializeToString()))
    with pytest.raises(ValueError, match="not an ExportLogsServiceRequest"):
        list(read_otlp(json.dumps({}).encode() * 9))


def test_own_metrics(receiver: Kept, protocol: str) -> None:
    """The accounts go as OTLP metrics to the same server, as cumulative sums since the start."""
    from hogtrace.types import ProbeStatus, Report, Status

    probe = ProbeStatus(
        probe="shop.f:entry", program="shop.hogtrace", target="shop.f", point="entry", state="installed", hits=7
    )
    status = Status(probes=(probe,), captured=5, exported=3, queued=1, dropped={"unknown": 1})
    report = Report(status=status, id="1" * 32, process=4711, service="shop", started=START, time=START + 10)
    exporter = exporter_to(receiver, protocol)
    exporter.report(report)
    exporter.close()
    ((of_resource,),) = [list(request.resource_metrics) for request in receiver.metrics]
    resource = attributes(of_resource.resource.attributes)
    assert (resource["service.name"], resource["process.pid"]) == ("shop", 4711)
    metrics = {metric.name: metric for metric in of_resource.scope_metrics[0].metrics}
    captured = metrics["hogtrace.events.captured"]
    assert (captured.unit, captured.sum.is_monotonic) == ("{event}", True)
    (point,) = captured.sum.data_points
    assert (point.as_int, point.start_time_unix_nano) == (5, round(START * 10**9))
    (dropped,) = metrics["hogtrace.events.dropped"].sum.data_points
    assert attributes(dropped.attributes) == {"hogtrace.cause": "unknown"}
    (hits,) = metrics["hogtrace.probe.hits"].sum.data_points
    assert (hits.as_int, attributes(hits.attributes)["hogtrace.probe"]) == (7, "shop.f:entry")
    assert metrics["hogtrace.events.queued"].gauge.data_points[0].as_int == 1
    receiver.answers = [Answer(503 if protocol == HTTP else Code.UNAVAILABLE)]
    with pytest.raises(RetryError):
        exporter.report(report)
    exporter.close()
