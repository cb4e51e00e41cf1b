"""The same events out through every exporter, and back by the readers of `hogtrace.events`."""

from __future__ import annotations

import gzip
import json
import logging
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import hogtrace
from hogtrace import CaptureEvent
from hogtrace.events import Mark, read_jsonl, read_lines, read_otlp, read_posthog, read_sqlite
from hogtrace.exporters import (
    HTTPExporter,
    JSONLinesExporter,
    LoggingExporter,
    MemoryExporter,
    OTLPExporter,
    PostHogExporter,
    SQLiteExporter,
)
from tests.hogtrace.exporters.otlp_servers import grpc_receiver, http_receiver
from tests.hogtrace.exporters.samples import ODD_VALUES, START
from tests.loopback import PostHandler, PostServer, serving

Way = Callable[[Sequence[CaptureEvent]], Sequence[CaptureEvent]]

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # half surrogate pairs and all
NAMES = st.text(max_size=12)
# An event says that a float is no number, not which of those that are none.
FLOATS = st.floats().map(lambda number: math.nan if math.isnan(number) else number)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | FLOATS
    | TEXTS
    | st.binary(max_size=12)
    | st.datetimes()
    | st.decimals()
    | st.uuids()
    | st.sampled_from(["[redacted]", "…cycle (a.b)", "$type", "…truncated (5 items)"])
)
KEYS = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.sampled_from(["$type", "$int", "password"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(KEYS, inner, max_size=4),
        st.frozensets(st.integers() | TEXTS, max_size=3),
    ),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {
        "timestamp": st.floats(0, 2**33) | st.floats(allow_nan=False, allow_infinity=False),
        "program": NAMES,
        "probe": NAMES,
        "target": NAMES,
        "function": NAMES,
        "point": st.sampled_from(["entry", "exit", "entry+7", "request"]),
        "values": st.dictionaries(NAMES, VALUES, max_size=4),
    },
    optional={
        "request_id": NAMES,
        "request": st.dictionaries(
            NAMES | st.sampled_from(["method", "path", "route", "status"]),
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
            max_size=4,
        ),
        "process": st.integers(1, 2**31 - 1),
        "thread": st.integers(0, 2**64 - 1),
        "thread_name": NAMES,
        "task": NAMES,
        "service": NAMES,
        "release": NAMES,
        "environment": NAMES,
        "host": NAMES,
        "trace_id": st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}"),
        "span_id": st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}"),
        "errors": st.lists(
            st.fixed_dictionaries(
                {
                    "field": st.none() | NAMES,
                    "kind": st.sampled_from(["lookup", "limit"]),
                    "message": NAMES,
                    "line": st.none() | st.integers(1, 2**31),
                    "column": st.none() | st.integers(1, 2**31),
                }
            ),
            max_size=2,
        ),
    },
)


class _Server(PostServer):
    def __init__(self) -> None:
        super().__init__(_Handler)
        self.bodies: list[bytes] = []


class _Handler(PostHandler):
    def take(self, body: bytes) -> None:
        """Keep the body, and say yes in JSON."""
        server = self.server
        assert isinstance(server, _Server)
        server.bodies.append(gzip.decompress(body))
        self.answer(body=b"{}")


def _through_memory(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
    exporter = MemoryExporter()
    exporter.export(events)
    exporter.close()
    return exporter.events


def _through_lines(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
    with tempfile.TemporaryDirectory() as directory:
        exporter = JSONLinesExporter(Path(directory, "events.jsonl"))
        exporter.export(events)
        exporter.close()
        return list(read_jsonl(exporter.path))


def _through_sqlite(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "events.sqlite")
        exporter = SQLiteExporter(path, max_age=None)
        exporter.export(events)
        exporter.close()
        found = {event.id: event for event in read_sqlite(path)}
        # They come by their times.
        return [found.pop(event.id) for event in events] + list(found.values())


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[CaptureEvent] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what machines read of it, as a formatter that writes JSON does."""
        self.events.append(CaptureEvent.from_dict(json.loads(json.dumps(getattr(record, "hogtrace")))))  # noqa: B009


def _through_logging(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
    logger, handler = logging.getLogger("tests.round_trip"), _Records()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        LoggingExporter("tests.round_trip").export(events)
    finally:
        logger.removeHandler(handler)
    return handler.events


@pytest.fixture(scope="module")
def ways() -> Iterator[Mapping[str, Way]]:
    """Give every way out and back, by name."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(_Server()))
        otlp = {
            "http/protobuf": stack.enter_context(http_receiver()),
            "grpc": stack.enter_context(grpc_receiver()),
        }
        senders = {name: OTLPExporter(endpoint=kept.url, protocol=name) for name, kept in otlp.items()}  # type: ignore[arg-type]
        http = HTTPExporter(server.url)
        posthog = PostHogExporter("phc_key", host=server.url)
        for exporter in (*senders.values(), http, posthog):
            stack.callback(exporter.close)

        def through_http(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
            http.export(events)
            return list(read_lines(server.bodies.pop()))

        def through_posthog(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
            posthog.export(events)
            batch = json.loads(server.bodies.pop())["batch"]
            return [read_posthog(message["properties"]) for message in batch]

        def through_otlp(name: str) -> Way:
            def through(events: Sequence[CaptureEvent]) -> Sequence[CaptureEvent]:
                senders[name].export(events)
                found = {event.id: event for event in read_otlp(otlp[name].logs.pop().SerializeToString())}
                # They come resource by resource.
                return [found.pop(event.id) for event in events] + list(found.values())

            return through

        yield {
            "memory": _through_memory,
            "jsonl": _through_lines,
            "sqlite": _through_sqlite,
            "logging": _through_logging,
            "http": through_http,
            "posthog": through_posthog,
            **{f"otlp over {name}": through_otlp(name) for name in otlp},
        }


def _strictly(events: Sequence[CaptureEvent]) -> list[tuple[str, list[str]]]:
    """Give events so that 1, 1.0 and True are apart, and with the order of their values."""
    return [(json.dumps(event.to_dict(), sort_keys=True), list(event.values)) for event in events]


def _check(ways: Mapping[str, Way], events: Sequence[CaptureEvent]) -> None:
    expected = [CaptureEvent.from_dict(event.to_dict()) for event in events]
    assert _strictly(expected) == _strictly(events)
    for name, way in ways.items():
        back = list(way(events))
        assert _strictly(back) == _strictly(expected), name
        if name != "memory":  # which keeps tuples and the like, as the events had them
            assert back == expected, name


PLAIN = {"timestamp": START, "program": "p", "probe": "m.f:entry", "target": "m.f", "function": "m.f", "point": "entry"}


# Each example is sent eight ways, so a smaller one is not looked for.
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(FIELDS, min_size=1, max_size=3))
@example([{**PLAIN, "values": ODD_VALUES}])
@example([{**PLAIN, "values": {}, "thread": thread} for thread in (2**63 - 1, 2**63, 2**64 - 1)])
@example([{**PLAIN, "values": {"half": "\ud800", "names": {"\udfff": 1}, "$type": "x"}}])
@example([{**PLAIN, "values": {}, "service": "shop", "host": "h"}, {**PLAIN, "values": {}}])
@example(
    [
        {
            **PLAIN,
            "point": "request",
            "values": {"status": 200, "duration": 0.25, "captured": 3, "errors": 0},
            "request_id": "r",
            "request": {"method": "GET", "path": "/", "route": None, "framework": "asgi"},
        }
    ]
)
def test_what_goes_out_comes_back(ways: Mapping[str, Way], made: list[dict[str, Any]]) -> None:
    """Whatever an event holds, each exporter gives it all, and each reader reads it all."""
    _check(ways, [CaptureEvent(**fields) for fields in made])


class Order:
    """Something to look into."""

    def __init__(self) -> None:
        self.password = "hunter2"  # noqa: S105
        self.lines = [["tea", 2], ["milk", 1]]
        self.first = self.lines[0]
        self.parent = self
        self.note = "n" * 2000


def place(order: Order, session_token: str) -> Order:
    """Be looked into."""
    return order


def test_what_probes_capture_comes_back(ways: Mapping[str, Way]) -> None:
    """Secrets stay hidden, marks stay marks, and errors stay with their events, along every way."""
    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, copy_items=1, max_overhead=None) as tracer:
        tracer.install(
            hogtrace.compile(
                f"fn:{__name__}.place:exit {{ $req.seen = 1;"
                " capture(order=arg0, token=arg1, seen=$req.seen, missing=order.nothing, seconds=duration); }"
            )
        )
        with hogtrace.request_scope(request_id="r-1", method="POST", path="/orders", framework="test"):
            place(Order(), "s3cret")
    (event,) = [event for event in exporter.events if event.kind == "capture"]
    assert event.errors[0]["kind"] == "attribute"
    _check(ways, exporter.events)
    for name, way in ways.items():
        (back,) = [event for event in way(exporter.events) if event.kind == "capture"]
        order = back.values["order"]
        assert isinstance(order["parent"], Mark), name
        assert (order["password"], back.values["token"]) == ("[redacted]", "[redacted]"), name
        assert "hunter2" not in back.to_json(), name
        assert back.errors == event.errors, name
