"""`CaptureEvent`: what it holds, its JSON form, and the way back."""

import base64
import copy
import json
import math
import os
import pickle
import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from hogtrace._engine import ROW_COLUMNS, CaptureEvent, encode_lines, encode_rows
from tests.hogtrace.evaluation import fire

KEYS = [
    "schema", "id", "timestamp", "program", "probe", "target", "function", "point", "request_id", "request", "process",
    "thread", "values", "errors", "kind", "service", "release", "environment", "host", "thread_name", "task",
    "trace_id", "span_id",
]  # fmt: skip


def made(**changes: Any) -> CaptureEvent:
    """Make an event with all that it must have."""
    fields: dict[str, Any] = {
        "timestamp": 1700000000.25,
        "program": "p.hogtrace",
        "probe": "app.f:entry",
        "target": "app.*",
        "function": "app.f",
        "point": "entry",
        "id": "id-1",
        "request_id": "request-1",
        "request": {"method": "GET", "port": 80},
        "process": 7,
        "thread": 8,
        "values": {"a": 1},
        "errors": [{"field": "b", "kind": "type", "message": "no", "line": 1, "column": None}],
        "kind": "capture",
        "service": "shop",
        "release": "1.2.3",
        "environment": "production",
        "host": "web-1",
        "thread_name": "worker 1",
        "task": "Task-4",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
    }
    return CaptureEvent(**(fields | changes))


class TestFields:
    """What an event tells."""

    def test_copies_are_equal(self) -> None:
        """Pickled for another process, in the form of `to_dict`, or copied in this one."""
        event = made(values={"a": [1, math.inf, b"x"], "half": "\ud800"})
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
        assert copy.copy(event) is copy.deepcopy(event) is event

    def test_gives_back_what_it_was_made_of(self) -> None:
        """Each field is what was given."""
        event = made()
        assert event.id == "id-1"
        assert event.timestamp == 1700000000.25
        assert (event.program, event.probe, event.target) == ("p.hogtrace", "app.f:entry", "app.*")
        assert (event.function, event.point) == ("app.f", "entry")
        assert (event.request_id, event.request) == ("request-1", {"method": "GET", "port": 80})
        assert (event.process, event.thread) == (7, 8)
        assert event.values == {"a": 1}
        assert event.errors == [{"field": "b", "kind": "type", "message": "no", "line": 1, "column": None}]
        assert event.kind == "capture"
        assert (event.service, event.release, event.environment) == ("shop", "1.2.3", "production")
        assert (event.host, event.thread_name, event.task) == ("web-1", "worker 1", "Task-4")
        assert (event.trace_id, event.span_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")

    def test_defaults(self) -> None:
        """What is not given is taken from the process and the thread, or empty."""
        event = CaptureEvent(timestamp=1.5, program="p", probe="b", target="t", point="exit")
        assert event.function == "t"
        assert event.process == os.getpid()
        assert event.thread == threading.get_ident()
        assert (event.request_id, event.request, event.values, event.errors) == (None, {}, {}, [])
        assert len(event.id) == 32
        assert event.kind == "capture"
        assert {event.to_dict()[name] for name in KEYS[-8:]} == {None}

    def test_the_record_of_a_request(self) -> None:
        """Its kind and its point are `request`, and neither is without the other."""
        event = made(point="request", kind="request")
        assert (event.kind, event.point) == ("request", "request")
        assert CaptureEvent.from_json(event.to_json()) == event
        assert CaptureEvent(timestamp=1.5, program="p", probe="b", target="t", point="request").kind == "request"
        for point, kind in [("entry", "request"), ("request", "capture"), ("entry", "other")]:
            with pytest.raises(ValueError, match="kind"):
                made(point=point, kind=kind)

    @pytest.mark.parametrize("digits", ["", "0" * 32, "0" * 16, "f" * 31, "f" * 33, "+" + "f" * 31, "g" * 32, "é" * 16])
    def test_ids_of_traces(self, digits: str) -> None:
        """An id of a trace or span is so many hexadecimal digits, not all of them 0."""
        with pytest.raises(ValueError, match="trace_id: 32"):
            made(trace_id=digits)
        with pytest.raises(ValueError, match="span_id: 16"):
            made(span_id=digits)

    @pytest.mark.parametrize("timestamp", [float("nan"), float("inf"), float("-inf")])
    def test_no_moment(self, timestamp: float) -> None:
        """A time that no backend has a place for is refused, before a batch fails for it or loses it."""
        with pytest.raises(ValueError, match="timestamp: a finite number"):
            made().replace(timestamp=timestamp)

    def test_what_is_no_field(self) -> None:
        """A name that no field has is refused, and so is an event without what it must have."""
        with pytest.raises(TypeError, match="'colour'"):
            made(colour="red")
        with pytest.raises(TypeError, match="'colour'"):
            made().replace(colour="red")
        with pytest.raises(TypeError, match="timestamp"):
            CaptureEvent(program="p", probe="b", target="t", point="exit")  # type: ignore[call-arg]  # what must fail

    def test_a_wrong_point(self) -> None:
        """There are entry, exit, and lines counted from the entry."""
        with pytest.raises(ValueError, match="entry"):
            made(point="middle")
        with pytest.raises(ValueError, match="entry"):
            made(point="entry+03")
        assert CaptureEvent.from_json(made(point="entry+3").to_json()).point == "entry+3"

    def test_cannot_be_changed(self) -> None:
        """What the properties give are copies."""
        event = made()
        event.values["a"] = 2
        event.errors.clear()
        event.request["method"] = "POST"
        assert event == made()
        with pytest.raises(AttributeError):
            event.id = "other"  # type: ignore[misc]  # what must fail

    def test_an_event_of_a_probe(self) -> None:
        """An event that a probe makes tells when, where and in what process it happened."""
        before = time.time()
        (event,) = fire("fn:app.*:entry { capture(x, y=1); }", x="seen")
        assert before <= event.timestamp <= time.time()
        assert event.probe == "app.*:entry"
        assert event.target == "app.*"
        assert event.function == "app.f"
        assert event.process == os.getpid()
        assert event.thread == threading.get_ident()
        assert event.request_id is None
        assert event.values == {"x": "seen", "y": 1}

    def test_errors_of_a_probe(self) -> None:
        """A field that fails is None, and the event tells where and why; the other fields are kept."""
        (event,) = fire("fn:app.f:entry {\n  capture(a=1, b=x.y);\n}", x=5)
        assert event.values == {"a": 1, "b": None}
        (error,) = event.errors
        assert error["field"] == "b"
        assert error["kind"] == "attribute"
        assert error["message"] == "'int' object has no attribute 'y'"
        assert error["line"] == 2

    def test_equality(self) -> None:
        """Events with equal fields are equal, and equal in sets; with anything else they are not."""
        assert made() == made()
        assert len({made(), made()}) == 1
        assert made() != made(values={"a": 2})
        assert made() != made(id="id-2")
        assert made() != made(point="request", kind="request")
        for name in KEYS[-6:]:
            assert made() != made(**{name: None}), name
        assert made() != "id-1"

    def test_replaced_fields(self) -> None:
        """An event with other fields is like the first in all others, which stays as it was."""
        values = {"a": (1, {2}), "b": b"x"}
        event = made(values=values)
        changes: dict[str, Any] = {
            "timestamp": 2.0,
            "program": "q",
            "probe": "app.g:exit",
            "target": "app.g",
            "function": "app.G.g",
            "point": "exit",
            "id": "id-2",
            "request_id": "request-2",
            "request": {"path": "/"},
            "process": 1,
            "thread": 2,
            "values": {"b": {1, 2}},
            "errors": [],
            "service": None,
            "release": "2",
            "environment": "test",
            "host": "web-2",
            "thread_name": None,
            "task": None,
            "trace_id": None,
            "span_id": "0000000000000001",
        }
        for name, value in changes.items():
            changed = event.replace(**{name: value})
            assert getattr(changed, name) == value, name
            assert changed != event, name
            assert changed.replace(**{name: getattr(event, name)}) == event, name
        assert event.replace() == event
        assert event.replace(**changes) == made(**changes)
        assert event.values == values
        with pytest.raises(ValueError, match="entry"):
            event.replace(point="middle")

    def test_replaced_with_nothing(self) -> None:
        """None gives what an event has that is made without the field."""
        event = made().replace(id=None, function=None, process=None, thread=None, values=None, errors=None)
        assert len(event.id) == 32
        assert (event.function, event.values, event.errors) == ("app.*", {}, [])
        assert (event.process, event.thread) == (os.getpid(), threading.get_ident())
        outside = made().replace(request_id=None, request=None)
        assert outside == CaptureEvent.from_dict(outside.to_dict())
        assert (outside.request_id, outside.request) == (None, {})

    def test_size(self) -> None:
        """The size grows with what is captured."""
        small, large = made(), made(values={"a": "x" * 1000})
        assert 1000 <= large.size - small.size <= 1100

    def test_repr(self) -> None:
        """The representation shows no values."""
        assert repr(made(values={"secret": "x"})) == "<CaptureEvent id-1 app.f:entry>"


class TestIds:
    """Ids of events."""

    def test_are_unique_in_threads(self) -> None:
        """Threads that make events at the same time make no id twice."""
        ids: list[str] = []

        def make() -> None:
            ids.extend(
                [CaptureEvent(timestamp=1.0, program="", probe="", target="", point="exit").id for _ in range(2000)]
            )

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(ids)) == len(ids) == 8000

    def test_sort_by_time(self) -> None:
        """Later events have greater ids."""

        def new_id(timestamp: float) -> str:
            return CaptureEvent(timestamp=timestamp, program="", probe="", target="", point="exit").id

        assert new_id(1.0) < new_id(2.0) < new_id(1700000000.0) < new_id(1700000000.001)

    def test_differ_after_a_fork(self) -> None:
        """A child of a fork makes other ids than its parent, and knows its own number."""

        def sample() -> list[Any]:
            events = [CaptureEvent(timestamp=1.0, program="", probe="", target="", point="exit") for _ in range(100)]
            return [[event.id for event in events], events[0].process]

        children = []
        for _ in range(3):
            reading, writing = os.pipe()
            process = os.fork()
            if process == 0:
                os.write(writing, json.dumps(sample()).encode())
                os._exit(0)
            os.close(writing)
            with os.fdopen(reading) as pipe:
                children.append((process, *json.loads(pipe.read())))
            os.waitpid(process, 0)
        ids = [event_id for _, ids, _ in children for event_id in ids] + sample()[0]
        assert len(set(ids)) == 400
        assert all(process == told for process, _, told in children)


VALUES = {
    "none": (None, None),
    "true": (True, True),
    "int": (-5, -5),
    "edge": (-(2**63), -(2**63)),
    "big": (2**64, {"$int": "18446744073709551616"}),
    "negative": (-(2**63) - 1, {"$int": "-9223372036854775809"}),
    "float": (0.1, 0.1),
    "tiny": (5e-324, 5e-324),
    "huge": (1.7e308, 1.7e308),
    "round": (1e22, 1e22),
    "zero": (-0.0, -0.0),
    "nan": (math.nan, {"$float": "nan"}),
    "inf": (math.inf, {"$float": "inf"}),
    "-inf": (-math.inf, {"$float": "-inf"}),
    "str": ('a "b" \\ \n\t\x00\x7f é ☃ 🐗', 'a "b" \\ \n\t\x00\x7f é ☃ 🐗'),
    "surrogate": ("a\ud800b\udfffé", "a\ud800b\udfffé"),
    "bytes": (b"\x00\xffab", {"$bytes": base64.b64encode(b"\x00\xffab").decode()}),
    "list": ([1, [2]], [1, [2]]),
    "tuple": ((1, (2,)), [1, [2]]),
    "set": ({1}, {"$set": [1]}),
    "frozenset": (frozenset({"a"}), {"$set": ["a"]}),
    "dict": ({"a": {"b": 1}}, {"a": {"b": 1}}),
    "empty": ({}, {}),
    "keys": ({1: "a", None: "b"}, {"$dict": [[1, "a"], [None, "b"]]}),
    "dollar": ({"$set": [1]}, {"$dict": [["$set", [1]]]}),
}


class TestJSON:
    """The JSON form."""

    def test_shape(self) -> None:
        """The form has all fields, in order, and the number of the schema."""
        data = made().to_dict()
        assert list(data) == KEYS
        assert data["schema"] == 1
        assert data["request"] == {"method": "GET", "port": 80}
        assert data["errors"] == made().errors

    @pytest.mark.parametrize("name", VALUES)
    def test_values(self, name: str) -> None:
        """Each kind of value keeps its type in `values`, and has its JSON form in `to_dict` and `to_json` alike."""
        value, form = VALUES[name]
        event = made(values={"v": value})
        assert repr(event.values["v"]) == repr(value)
        assert repr(event.to_dict()["values"]["v"]) == repr(form)
        assert repr(json.loads(event.to_json())) == repr(event.to_dict())

    @pytest.mark.parametrize("name", VALUES)
    def test_there_and_back(self, name: str) -> None:
        """What was written is read back with its type, but for tuples and frozen sets."""
        event = made(values={"v": VALUES[name][0]})
        again = CaptureEvent.from_json(event.to_json())
        assert again.to_json() == event.to_json()
        assert again == CaptureEvent.from_dict(event.to_dict())
        if name not in {"tuple", "frozenset"}:
            assert again == event
            assert repr(again.values) == repr(event.values)

    def test_is_one_line_of_utf_8(self) -> None:
        """The text has no line breaks and no lone surrogates."""
        text = made(values={"v": "a\n\r\u2028\ud800"}, program="p\n").to_json()
        assert "\n" not in text
        assert "\r" not in text
        text.encode("utf-8")

    def test_objects(self) -> None:
        """An object of the application becomes its type's name and its fields."""

        class Point:
            def __init__(self) -> None:
                self.x = 1

        event = made(values={"p": Point()})
        assert event.values["p"] == {"$type": f"{__name__}.{Point.__qualname__}", "x": 1}
        assert event.to_dict()["values"] == event.values
        assert CaptureEvent.from_dict(event.to_dict()) == event

    def test_any_mapping_is_read(self) -> None:
        """`from_dict` takes any mapping."""
        data: Mapping[str, Any] = MappingProxyType(made().to_dict())
        assert CaptureEvent.from_dict(data) == made()

    def test_optional_parts(self) -> None:
        """Request, values and errors may be missing."""
        data = made().to_dict()
        for name in ["schema", "request", "request_id", "values", "errors", *KEYS[-9:]]:
            del data[name]
        event = CaptureEvent.from_dict(data)
        assert event.kind == "capture"
        assert {event.to_dict()[name] for name in KEYS[-8:]} == {None}
        assert (event.request_id, event.request, event.values, event.errors) == (None, {}, {}, [])

    @pytest.mark.parametrize(
        "change",
        [
            {"schema": 2},
            {"point": "middle"},
            {"process": -1},
            {"timestamp": "now"},
            {"values": []},
            {"values": {"v": {"$int": "ten"}}},
            {"values": {"v": {"$float": "one"}}},
            {"values": {"v": {"$bytes": "%"}}},
            {"values": {"v": {"$dict": [1]}}},
            {"values": {"v": object()}},
            {"errors": [{"kind": "type"}]},
            {"kind": "other"},
            {"kind": "request"},
            {"service": 5},
            {"trace_id": "f"},
            {"id": None},
        ],
        ids=repr,
    )
    def test_what_is_no_event(self, change: dict[str, Any]) -> None:
        """Data of another form is refused."""
        with pytest.raises((ValueError, TypeError, OverflowError)):
            CaptureEvent.from_dict(made().to_dict() | change)

    @pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"id":'])
    def test_what_is_no_json(self, text: str) -> None:
        """Text of another form is refused."""
        with pytest.raises((ValueError, TypeError)):
            CaptureEvent.from_json(text)

    def test_deep_data(self) -> None:
        """Data that nests too deep is refused before it can do harm."""
        deep: Any = 1
        for _ in range(200):
            deep = [deep]
        with pytest.raises(ValueError, match="deep"):
            CaptureEvent.from_dict(made().to_dict() | {"values": {"v": deep}})

    def test_every_float_comes_back(self) -> None:
        """Floats of every size are written so that the same float is read."""
        floats = [10.0**n * 1.2345678901234567 for n in range(-300, 300, 7)]
        event = made(values={str(n): f for n, f in enumerate(floats[:60])})
        assert list(json.loads(event.to_json())["values"].values()) == floats[:60]


class TestManyAtATime:
    """The forms in which exporters write many events at a time."""

    def test_lines(self) -> None:
        """Each event is a line, just as `to_json` has it."""
        events = [made(values={"v": value}) for value, _ in VALUES.values()]
        text = "".join(event.to_json() + "\n" for event in events)
        assert encode_lines(events) == text.encode()
        assert encode_lines(tuple(events)) == text.encode()
        assert encode_lines([]) == b""

    def test_rows(self) -> None:
        """Each event is a row of these columns."""
        event = made(values={"v": 2**64}, request={"method": "GET", "path": "/\udcff", "route": "/{id}", "status": 5})
        (row,) = encode_rows([event])
        told = dict(zip(ROW_COLUMNS, row, strict=True))
        form = event.to_dict()
        assert json.loads(str(told.pop("fields"))) == form.pop("values")
        for name in ["errors", "request"]:
            assert json.loads(str(told.pop(name))) == form.pop(name)
        assert [told.pop(name) for name in ["method", "path", "route", "status"]] == ["GET", "/\\udcff", "/{id}", None]
        assert form.pop("schema") == 1
        assert told == form

    def test_rows_of_what_is_not_there(self) -> None:
        """What an event does not have is None, and what is no text is shown as Python shows it."""
        events = [
            CaptureEvent(timestamp=1.5, program="p", probe="b", target="t", point="exit"),
            made(request={"method": True, "path": 5, "route": None}),
            made(point="request", kind="request", values={"status": 404}),
            made(point="request", kind="request", values={"status": "odd"}),
        ]
        rows = [dict(zip(ROW_COLUMNS, row, strict=True)) for row in encode_rows(events)]
        told = [tuple(row[name] for name in ["method", "path", "route", "status"]) for row in rows]
        assert told == [
            (None, None, None, None),
            ("True", "5", None, None),
            ("GET", None, None, 404),
            ("GET", *[None] * 3),
        ]
        assert rows[0]["trace_id"] is rows[0]["service"] is rows[0]["task"] is None

    def test_what_is_no_event(self) -> None:
        """Anything but a sequence of events is refused."""
        for encode in (encode_lines, encode_rows):
            with pytest.raises(TypeError):
                encode([made(), "event"])  # type: ignore[list-item]  # what must fail
            with pytest.raises(TypeError):
                encode("events")  # type: ignore[arg-type]  # what must fail
