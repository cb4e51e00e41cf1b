"""Events sent to a server on loopback that speaks PostHog's batch endpoint."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from hogtrace import CaptureEvent, ConfigError, Tracer, compile, request_scope
from hogtrace.errors import ExportError, PartialExportError, RetryError, UnknownOutcomeError
from hogtrace.events import Mark, read_posthog
from hogtrace.exporters import PostHogExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.attempts import once_connected
from tests.hogtrace.exporters.samples import ODD_VALUES, START, make_event, make_events
from tests.hogtrace.unhurried import put_in_batches
from tests.loopback import HANG_UP, PostHandler, PostServer, serving

KEY = "phc_s3cret"
OK = (200, {}, b'{"status": 1}')


class PostHog(PostServer):
    """Takes batches as PostHog does; `answers` are the next answers, and then it takes everything."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.bodies: list[dict[str, Any]] = []
        self.encodings: list[str | None] = []
        self.held: threading.Event | None = None

    def messages(self) -> list[dict[str, Any]]:
        """Give all that came, message by message."""
        return [message for body in self.bodies for message in body["batch"]]

    def events(self) -> list[CaptureEvent]:
        """Give the events in it."""
        return [read_posthog(message["properties"]) for message in self.messages()]


class Handler(PostHandler):
    """Reads a batch and answers as it was told."""

    def take(self, raw: bytes) -> None:
        """Keep the batch, if it is one."""
        server = self.server
        assert isinstance(server, PostHog)
        encoding = self.headers.get("Content-Encoding")
        body = json.loads(gzip.decompress(raw) if encoding == "gzip" else raw)
        assert self.path == "/batch/"
        server.encodings.append(encoding)
        server.bodies.append(body)
        if server.held is not None:
            server.held.wait(100)
        self.answer(*(server.answers.pop(0) if server.answers else OK))


@pytest.fixture
def server() -> Iterator[PostHog]:
    """Give a server that listens."""
    with serving(PostHog()) as server:
        yield server


def export(server: PostHog, events: Any, **options: Any) -> None:
    """Export events once, with an exporter of their own."""
    exporter = PostHogExporter(KEY, host=server.url, **{"timeout": 60, **options})
    try:
        exporter.export(events)
    finally:
        exporter.close()


@pytest.mark.parametrize("compress", [True, False])
def test_batches_arrive_and_can_be_read_back(server: PostHog, compress: bool) -> None:
    """Each batch is one request with the project's key; the properties hold all of the events."""
    exporter = PostHogExporter(KEY, host=server.url + "/", compress=compress, properties={"team": "shop"})
    events = [make_event(1, values=ODD_VALUES), *make_events(3)]
    exporter.export(events)
    exporter.export([make_event(9, values={"half": "\ud800"}, request={"path": "/\udcff"}, id="0" * 32)])
    exporter.close()
    assert server.events()[:4] == [CaptureEvent.from_dict(event.to_dict()) for event in events]
    assert server.events()[4].values["half"] == "\ud800"
    assert server.encodings == ["gzip" if compress else None] * 2
    assert [body["api_key"] for body in server.bodies] == [KEY, KEY]
    assert server.messages()[4]["properties"]["hogtrace_values"] == {"half": "\\ud800"}
    assert all(message["properties"]["team"] == "shop" for message in server.messages())


def test_a_message(server: PostHog) -> None:
    """It is named, timed and identified as PostHog wants it; the id makes a second copy no second event."""
    event = make_event(request_id="r-1", values={"total": 12}, request={"path": "/orders"})
    export(server, [event])
    (message,) = server.messages()
    assert message["event"] == "hogtrace capture"
    assert message["distinct_id"] == "r-1"
    assert UUID(message["uuid"]).hex == event.id
    assert datetime.fromisoformat(message["timestamp"]).timestamp() == START
    properties = message["properties"]
    assert properties["hogtrace_probe"] == "shop.orders.place:entry"
    assert properties["hogtrace_values"] == {"total": 12}
    assert properties["hogtrace_request"] == {"path": "/orders"}
    assert properties["$process_person_profile"] is False
    assert properties["$geoip_disable"] is True
    assert properties["$lib"] == "hogtrace"


def test_times_and_ids_that_posthog_cannot_have(server: PostHog) -> None:
    """An event of the year 10^292, or with an id of somebody's own, is sent all the same."""
    events = [make_event(timestamp=1e300), make_event(id="mine"), make_event(id="mine")]
    export(server, events)
    first, second, third = server.messages()
    assert "timestamp" not in first
    assert UUID(second["uuid"]) == UUID(third["uuid"])
    assert server.events() == events


@pytest.mark.parametrize(
    ("event", "person", "expected", "profile"),
    [
        ({"values": {"user": "ada"}}, True, "ada", True),
        ({"values": {"user": "ada"}}, False, "ada", False),
        ({"values": {"user": 17}}, True, "17", True),
        ({"values": {"user": None}, "request": {"user": "eve"}}, True, "eve", True),
        ({"values": {}, "request": {"user": "eve"}}, True, "eve", True),
        ({"values": {"user": ""}}, True, "r-1", False),
        ({"values": {"user": True}}, True, "r-1", False),
        ({"values": {"user": ["ada"]}}, True, "r-1", False),
        ({"values": {"user": "a" * 300}}, True, "r-1", False),
        ({"values": {"user": "a" * 5000}}, True, "r-1", False),
        ({"values": {}, "request_id": None}, True, "hogtrace", False),
    ],
)
def test_who_it_was(server: PostHog, event: dict[str, Any], person: bool, expected: str, profile: bool) -> None:
    """The distinct id is what was captured under a name, then what is known of the request, then the request's."""
    export(server, [make_event(**{"request_id": "r-1", **event})], distinct_id="user", person_profiles=person)
    (message,) = server.messages()
    assert message["distinct_id"] == expected
    assert message["properties"].get("$process_person_profile", True) is profile


def place(order: object) -> object:
    """Be looked into."""
    return order


def test_a_request_variable_as_distinct_id(server: PostHog) -> None:
    """A probe that captures it makes it the event's; a secret is nobody's id."""
    with Tracer(
        exporter=PostHogExporter(KEY, host=server.url, distinct_id="user", event="{point} of {function}"),
        max_overhead=None,
    ) as tracer:
        tracer.install(
            compile(
                f"fn:{__name__}.place:entry {{ $req.who = arg0; $req.password = arg0; }}\n"
                f"fn:{__name__}.place:exit {{ capture(user=$req.who); capture(user=$req.password); }}"
            )
        )
        with request_scope(request_id="r-1", path="/place"):
            place("ada")
        assert tracer.flush(60)
        assert tracer.status().exported == 3
    *_, ended = server.messages()
    assert [message["distinct_id"] for message in server.messages()] == ["ada", "r-1", "r-1"]
    assert ended["properties"]["hogtrace_kind"] == "request"
    assert server.messages()[0]["event"] == f"exit of {__name__}.place"
    assert isinstance(server.events()[1].values["user"], Mark)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_taken_later(server: PostHog, status: int) -> None:
    """An overloaded server gets the batch again, when it says so; one attempt is one request."""
    server.answers = [(status, {"Retry-After": "7"}, b"no, s3cret")]
    with pytest.raises(RetryError, match=f"answered {status}") as caught:
        export(server, make_events(2))
    assert caught.value.after == 7.0
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_what_is_not_wanted(server: PostHog, status: int) -> None:
    """It is dropped; what the server says beyond the status is not repeated."""
    server.answers = [(status, {"Location": server.url}, b"no, s3cret")]
    with pytest.raises(ExportError, match=f"answered {status}$") as caught:
        export(server, make_events(2))
    assert type(caught.value) is ExportError
    assert len(server.bodies) == 1


@pytest.mark.parametrize("answer", [(0, {}, b""), (200, {"Content-Length": "500"}, b"{}"), (200, {}, b"<html>")])
def test_answers_that_say_nothing(server: PostHog, answer: tuple[int, dict[str, str], bytes]) -> None:
    """The batch was sent, and nobody knows what became of it."""
    server.answers = [answer]
    with pytest.raises(UnknownOutcomeError):
        export(server, make_events(2))


def test_a_used_up_quota_is_said(server: PostHog) -> None:
    """PostHog answers 200, and takes nothing."""
    server.answers = [(200, {}, b'{"status": 1, "quota_limited": ["events"]}')]
    with pytest.raises(ExportError, match="quota"):
        export(server, make_events(2))
    server.answers = [(200, {}, b'{"status": 1, "quota_limited": ["recordings"]}')]
    export(server, make_events(2))


def test_nobody_listens_or_somebody_hangs(server: PostHog) -> None:
    """Without a connection nothing was sent; without an answer nobody knows."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        exporter = PostHogExporter(KEY, host=f"http://127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(RetryError, match="no connection"):
            exporter.export(make_events(1))
        exporter.close()
    server.held = threading.Event()
    try:
        with pytest.raises(UnknownOutcomeError, match="did not answer in time"):
            once_connected(lambda: export(server, make_events(1), timeout=0.2))
    finally:
        server.held.set()


def test_batches_that_are_too_large_go_in_halves(server: PostHog) -> None:
    """A server that answers 413 gets less at a time."""
    server.answers = [(413, {}, b""), OK, (413, {}, b"")]
    events = make_events(2)
    with pytest.raises(PartialExportError) as caught:
        export(server, events)
    assert caught.value.lost == (events[1],)
    assert [len(body["batch"]) for body in server.bodies] == [2, 1, 1]


def test_accounts_balance_through_all_of_it(server: PostHog) -> None:
    """What was asked for again arrives once, the rest is counted by its cause."""
    soon = {"Retry-After": "0"}
    server.answers = [(503, soon, b""), (429, soon, b""), OK, (400, {}, b""), (HANG_UP, {}, b"")]
    pipeline = Pipeline(PostHogExporter(KEY, host=server.url, timeout=60), batch_size=8, batch_delay=60)
    put_in_batches(pipeline, make_events(8), 2)
    assert pipeline.flush(60)
    queue = pipeline.queue
    assert (queue.captured, queue.exported, queue.queued) == (8, 4, 0)
    assert queue.dropped == {"exporter_failed": 2, "unknown": 2}
    assert pipeline.stop(60)
    uuids = [message["uuid"] for message in server.messages()]
    assert uuids[0:2] == uuids[2:4] == uuids[4:6]


def test_the_key_is_not_shown(server: PostHog, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by repr, nor by what the package logs, even when it tells everything."""
    exporter = PostHogExporter(KEY, host=server.url)
    assert repr(exporter) == "<hogtrace.PostHogExporter to 127.0.0.1>"
    with caplog.at_level(logging.DEBUG, "posthog"):
        server.answers = [OK, (400, {}, b"")]
        exporter.export(make_events(1))
        with pytest.raises(ExportError):
            exporter.export(make_events(1))
    exporter.close()
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"project_api_key": " "}, "is empty"),
        ({"host": "us.i.posthog.com"}, "must begin with http"),
        ({"host": "https://user:pa55@host"}, "holds a user or a password"),
        ({"event": "{values}"}, "cannot have {values}"),
        ({"event": "{probe.__class__}"}, "cannot have"),
        ({"event": "{probe"}, "is no name"),
        ({"event": ""}, "is empty"),
        ({"properties": {"a": {1}}}, "what JSON can say"),
    ],
)
def test_options_that_will_not_do(options: dict[str, Any], message: str) -> None:
    """They are errors at the start, which do not repeat a password."""
    with pytest.raises(ConfigError, match=message) as caught:
        PostHogExporter(**{"project_api_key": KEY, **options})
    assert "pa55" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_properties_of_others() -> None:
    """What is not an event of HogTrace's is an error."""
    with pytest.raises(ValueError, match="an event"):
        read_posthog({"$lib": "web"})
