"""What other code builds on, spelled out: a change here is a change of an interface, and wants a commit of its own.

The types are frozen in `typed_use.py`, which the type checker reads; the `Host` trait by the host in the tests of the
language core; the store's semantics in `tests/test_request_store.py`.
"""

import dataclasses
import json
import pickle
from typing import Any

import hogtrace
import hogtrace.errors
import hogtrace.events
import hogtrace.exporters
from hogtrace import CaptureEvent, ProbeStatus, Status, TrustEntry
from hogtrace._engine import EventQueue, TrustList
from hogtrace.events import Mark
from hogtrace.types import Metric, Report


def test_the_fields_of_an_event() -> None:
    """An event as JSON has exactly these fields, in this order, of these types."""
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit")
    kinds = {name: type(value).__name__ for name, value in json.loads(event.to_json()).items()}
    assert kinds == {
        "schema": "int",
        "id": "str",
        "timestamp": "float",
        "program": "str",
        "probe": "str",
        "target": "str",
        "function": "str",
        "point": "str",
        "request_id": "NoneType",
        "request": "dict",
        "process": "int",
        "thread": "int",
        "values": "dict",
        "errors": "list",
        "kind": "str",
        "service": "NoneType",
        "release": "NoneType",
        "environment": "NoneType",
        "host": "NoneType",
        "thread_name": "NoneType",
        "task": "NoneType",
        "trace_id": "NoneType",
        "span_id": "NoneType",
    }
    assert list(kinds) == list(event.to_dict())
    assert event.to_dict()["schema"] == 1


def test_the_kinds_of_events() -> None:
    """There are captures, and the records that end requests."""
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit")
    assert event.kind == "capture"
    ended = event.replace(point="request", kind="request")
    assert (ended.kind, ended.point, ended.id) == ("request", "request", event.id)


def test_the_fields_of_an_error() -> None:
    """What went wrong in an event is told by these names."""
    error: dict[str, Any] = {"field": "x", "kind": "attribute", "message": "no", "line": 1, "column": 2}
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit", errors=[error])
    assert event.errors == json.loads(event.to_json())["errors"] == [error]


def test_marks() -> None:
    """What stands for what was left out is a string of a class of its own; these are the forms."""
    assert issubclass(Mark, str)
    values = {"a": list(range(200)), "b": {str(n): n for n in range(200)}, "c": "x" * 2000}
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit", values=values)
    assert isinstance(event.values["a"][-1], Mark)
    assert event.values["a"][-1] == "…truncated (200 items)"
    assert event.values["b"]["…truncated"] == "200 items"
    assert event.values["c"].endswith("…truncated (2000 characters)")


def test_the_counters() -> None:
    """A probe's counters, and the accounts of a tracer."""
    assert [field.name for field in dataclasses.fields(ProbeStatus)] == [
        "program",
        "probe",
        "target",
        "point",
        "state",
        "reason",
        "sites",
        "hits",
        "fired",
        "not_passed",
        "failed",
        "skipped",
        "throttled",
        "sampled_out",
        "captured",
        "errors",
        "first_error",
        "last_error",
        "dropped_writes",
        "functions",
        "warnings",
        "dropped",
        "spent",
        "overhead",
        "trips",
        "back_in",
    ]
    assert [field.name for field in dataclasses.fields(Status)] == [
        "probes",
        "captured",
        "exported",
        "queued",
        "dropped",
        "access",
        "trusted_calls",
        "exporters",
    ]


def test_the_fields_of_a_report() -> None:
    """What an exporter with the method `report` is told, and one of its metrics."""
    assert [field.name for field in dataclasses.fields(Report)] == [
        *("status", "id", "process", "birth", "host", "service", "release", "environment", "exporter"),
        *("started", "time", "ended"),
    ]
    assert Metric._fields == ("name", "unit", "description", "value", "attributes", "kind")


def test_the_accounts_of_a_queue_balance() -> None:
    """Captured is exported, queued (in flight too) and dropped, at every step."""
    queue = EventQueue(2, on_first=lambda: None)
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit")

    def balance() -> tuple[int, int, int, dict[str, int]]:
        assert queue.captured == queue.exported + queue.queued + sum(queue.dropped.values())
        return queue.captured, queue.exported, queue.queued, queue.dropped

    assert [queue.put(event) for _ in range(3)] == [True, True, False]
    assert balance() == (3, 0, 2, {"queue_full": 1})
    queue.take(2)
    assert balance() == (3, 0, 2, {"queue_full": 1})
    queue.settle(exported=1)
    queue.settle(dropped=1, cause="exporter_failed")
    assert balance() == (3, 1, 0, {"queue_full": 1, "exporter_failed": 1})


def test_the_trust_interface() -> None:
    """An entry names a type, an attribute or `[]`, a reader and its argument; these are the readers."""
    assert TrustEntry._fields == ("type", "attribute", "reader", "argument")
    assert TrustEntry("a.B", "c") == ("a.B", "c", "call", "")
    readers = ["stored", "wsgi_headers", "asgi_headers", "header_list", "header_store", "call"]
    readers += ["cached", "item", "first_values", "last_values", "status_line", "context_proxy"]
    readers += ["header_dict", "status_phrase", "header", "first_of_query", "last_of_query", "wsgi_text", "asgi_url"]
    readers += ["address", "namespace", "joined", "thread_local", "lazy_object", "instead"]
    entries = [("a.B", "[]", reader, "" if reader == "call" else "x") for reader in readers]
    assert TrustList(entries).entries == entries


def test_the_public_names() -> None:
    """The package has these names."""
    assert set(hogtrace.__all__) >= {
        "CaptureEvent",
        "CompileError",
        "ProbeExecutor",
        "Program",
        "RequestLocalStore",
        "Tracer",
        "compile",
        "compile_file",
        "current_store",
        "execute_probe",
        "exporters",
        "format",
        "request_scope",
    }
    for name in hogtrace.__all__:
        assert getattr(hogtrace, name) is not None


def test_what_exporters_tell_of_a_batch() -> None:
    """Exporters of others raise these, and readers of others have these names."""
    event = CaptureEvent(timestamp=1.5, program="p", probe="m.f:exit", target="m.f", point="exit")
    error = hogtrace.errors.PartialExportError("some were refused", [event], cause="unknown")
    assert (str(error), error.lost, error.cause) == ("some were refused", (event,), "unknown")
    assert isinstance(error, hogtrace.errors.ExportError)
    copied = pickle.loads(pickle.dumps(hogtrace.errors.PartialExportError("all", [])))  # noqa: S301
    assert (str(copied), copied.lost, copied.cause) == ("all", (), "exporter_failed")
    readers = {"read_jsonl", "read_lines", "read_otlp", "read_posthog", "read_sqlite"}
    assert readers <= set(hogtrace.events.__all__)
    assert {"OTLPExporter", "PostHogExporter", "HTTPExporter"} <= set(hogtrace.exporters.__all__)
