"""The JSON form of events against its published schema, through every way on which events leave the process."""

import collections
import copy
import datetime
import decimal
import enum
import functools
import io
import json
import math
import pathlib
import sqlite3
import threading
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import jsonschema
import numpy
import pytest
from hypothesis import given

from hogtrace import CaptureEvent
from hogtrace._engine import CopyLimits, Redaction
from hogtrace.events import read_jsonl, read_sqlite
from hogtrace.exporters import ConsoleExporter, JSONLinesExporter, MemoryExporter, SQLiteExporter
from tests.hogtrace.evaluation import fire

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "event.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Login(NamedTuple):
    """A tuple with names."""

    user: str
    password: str


class Basket(list[int]):
    """A list with fields."""


def chained() -> BaseException:
    """Give an exception with all that one can have."""
    try:
        try:
            {}["k"]
        except KeyError as error:
            raise ValueError("bad", 1) from error
    except ValueError as error:
        error.add_note("a note")
        return error
    raise AssertionError("nothing was raised")


def cycle() -> list[Any]:
    """Give a list that contains itself, and another list twice."""
    shared = [1]
    made: list[Any] = [shared, shared]
    made.append(made)
    return made


def basket() -> Basket:
    """Give a list with a field."""
    made = Basket([1, 2])
    made.owner = "ann"  # type: ignore[attr-defined]
    return made


VALUES: dict[str, Callable[[], object]] = {
    "scalars": lambda: [None, True, 1, -(2**63), 0.5, "text", ""],
    "big integers": lambda: [2**100, -(2**64)],
    "odd floats": lambda: [float("nan"), float("inf"), float("-inf"), 1e300, -0.0],
    "surrogates": lambda: "a\ud800",
    "bytes": lambda: [b"\x00\xff", bytearray(b"x"), b""],
    "containers": lambda: [(1, 2), {1}, frozenset({2}), collections.deque([3]), {"a": 1}.keys()],
    "dicts": lambda: {"a": {1: 2, None: 3}, "b": {"$type": "lie"}, "c": {(1, 2): Color.RED}},
    "told": lambda: [datetime.datetime.now(datetime.UTC), decimal.Decimal("1.5"), uuid.uuid4(), pathlib.Path("/a")],
    "enumeration": lambda: Color.RED,
    "code": lambda: [chained, [].append, Color, json, functools.partial(int, base=2), object().__repr__],
    "objects": lambda: types.SimpleNamespace(a=1, b=types.SimpleNamespace(**{"$type": 1, "…truncated": 2, "$x": 3})),
    "containers with fields": basket,
    "named tuple": lambda: Login("ann", "hunter2"),
    "exception": chained,
    "group": lambda: ExceptionGroup("all", [ValueError(1), KeyError("k")]),
    "arrays": lambda: [numpy.arange(6).reshape(2, 3), numpy.float64(1), memoryview(b"x"), numpy.zeros(1000)],
    "unread": lambda: [io.BytesIO(), threading.Lock(), ...],
    "cuts": lambda: ["x" * 5000, b"x" * 5000, list(range(500)), {str(n): n for n in range(500)}, [[[[1]]]], 1 << 5000],
    "fields cut": lambda: types.SimpleNamespace(**{f"f{n}": n for n in range(80)}),
    "cycles": cycle,
    "secrets": lambda: {"password": 1, "text": "Bearer abc", "pair": ("token", 2)},
    "look like marks": lambda: ["…cycle (x)", "a…truncated (5 characters)", {"…truncated": "5 items"}, "[redacted]"],
    "control characters": lambda: "a\n\r\t\x00\x1b[31m\u2028",
}


def captured(name: str, **settings: Any) -> CaptureEvent:
    """Give the event of a capture of that value."""
    source = "fn:app.f:entry { capture(v, w=nothing.x); }"
    (event,) = fire(source, v=VALUES[name](), nothing=None, redaction=Redaction(), **settings)
    return event


def validate(form: object) -> None:
    """Fail unless `form` is an event's JSON form."""
    VALIDATOR.validate(form)


class TestForm:
    """The schema itself, and what it says of each kind of value."""

    def test_the_schema_is_one(self) -> None:
        """It follows the rules of its own language, and describes each part of it."""
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        undescribed = [path for path, part in _parts(SCHEMA, "") if "description" not in part and "$ref" not in part]
        assert undescribed == []
        assert SCHEMA["properties"]["schema"] == {"const": 1, "description": "Version of this form."}
        assert SCHEMA["required"] == list(captured("scalars").to_dict())

    @pytest.mark.parametrize("name", VALUES)
    def test_values(self, name: str) -> None:
        """Every kind of value has its form."""
        event = captured(name)
        validate(event.to_dict())
        validate(json.loads(event.to_json()))
        late = captured(name, limits=CopyLimits(time=0.0))
        validate(late.to_dict())

    @pytest.mark.parametrize("name", VALUES)
    def test_one_form_everywhere(self, name: str, tmp_path: Path) -> None:
        """What comes back from each exporter is the same event, byte for byte in its JSON form."""
        event = captured(name)
        memory = MemoryExporter()
        lines, store = JSONLinesExporter(tmp_path / "events.jsonl"), SQLiteExporter(tmp_path / "events.sqlite")
        for exporter in (memory, lines, store):
            exporter.export([event])
            exporter.close()
        (line,) = (tmp_path / "events.jsonl").read_bytes().splitlines()
        assert line == event.to_json().encode()
        validate(json.loads(line))
        connection = sqlite3.connect(tmp_path / "events.sqlite")
        try:
            fields, errors, request = connection.execute("SELECT fields, errors, request FROM events").fetchone()
        finally:
            connection.close()
        form = event.to_dict()
        assert json.loads(fields) == form["values"] or "odd" in name
        validate(form | {"values": json.loads(fields), "errors": json.loads(errors), "request": json.loads(request)})
        (from_memory,), (from_lines,), (from_store,) = (
            memory.events,
            read_jsonl(tmp_path / "events.jsonl"),
            read_sqlite(tmp_path / "events.sqlite"),
        )
        assert from_memory.to_json() == from_lines.to_json() == from_store.to_json() == event.to_json()
        assert from_lines == from_store

    @pytest.mark.parametrize("name", VALUES)
    def test_the_console_shows_every_kind(self, name: str) -> None:
        """It prints plain characters alone, whatever was captured."""
        stream = io.StringIO()
        ConsoleExporter(stream).export([captured(name)])
        assert all(character.isprintable() or character == "\n" for character in stream.getvalue())
        assert stream.getvalue().count("\n") == 3


def _parts(part: Any, path: str) -> Any:
    """Give each property and definition of a schema."""
    for key in ("properties", "$defs"):
        for name, inner in part.get(key, {}).items():
            yield f"{path}/{name}", inner
            yield from _parts(inner, f"{path}/{name}")


class TestWrong:
    """What is not an event is refused."""

    @pytest.mark.parametrize(
        ("path", "wrong"),
        [
            (("schema",), 2),
            (("id",), None),
            (("timestamp",), "now"),
            (("point",), "middle"),
            (("request_id",), 5),
            (("request",), {"a": [1]}),
            (("process",), -1),
            (("thread",), "main"),
            (("values",), []),
            (("values", "v"), {"$set": 5}),
            (("values", "v"), {"$int": "ten"}),
            (("values", "v"), {"$float": "one"}),
            (("values", "v"), {"$bytes": "%"}),
            (("values", "v"), {"$dict": [[1]]}),
            (("values", "v"), {"$unknown": 1}),
            (("values", "v"), {"$type": 5}),
            (("values", "v"), {"$type": "a.B", "$unknown": 1}),
            (("values", "v"), {"$type": "a.B", "…truncated": 5}),
            (("values", "v"), "…cycle"),
            (("errors",), {}),
            (("errors",), [{"field": "v"}]),
            (("errors",), [{"field": None, "kind": "odd", "message": "", "line": 1, "column": 1}]),
            (("errors",), [{"field": None, "kind": "type", "message": "", "line": 0, "column": 1}]),
            (("extra",), 1),
        ],
        ids=repr,
    )
    def test_is_refused(self, path: tuple[str, ...], wrong: object) -> None:
        """One wrong part is enough."""
        form = copy.deepcopy(captured("scalars").to_dict())
        validate(form)
        place = form
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = wrong
        with pytest.raises(jsonschema.ValidationError):
            validate(form)

    @pytest.mark.parametrize("name", list(SCHEMA["properties"]))
    def test_nothing_may_be_missing(self, name: str) -> None:
        """An event has all of its parts."""
        form = captured("scalars").to_dict()
        del form[name]
        with pytest.raises(jsonschema.ValidationError):
            validate(form)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.none() | TEXTS
# An event says that a float is no number, not which of those that are none.
FLOATS = st.floats().map(lambda number: math.nan if math.isnan(number) else number)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXTS
# Sets have one member at most: a copy of a larger one may have another order, and is another event then.
PLAIN = st.recursive(
    SCALARS | st.binary(max_size=20) | st.sets(st.integers(), max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.integers(), inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.fixed_dictionaries(
    {
        "field": NAMES,
        "kind": st.sampled_from(SCHEMA["$defs"]["error"]["properties"]["kind"]["enum"]),
        "message": TEXTS,
        "line": st.none() | st.integers(1, 2**32 - 1),
        "column": st.none() | st.integers(1, 2**32 - 1),
    }
)
POINTS = st.sampled_from(["entry", "exit", "entry+1", "entry+120", "request"])


def digits(count: int) -> st.SearchStrategy[str | None]:
    """Give ids of so many hexadecimal digits, or none."""
    return st.none() | st.integers(1, 16**count - 1).map(lambda number: f"{number:0{count}x}")


EVENTS = st.fixed_dictionaries(
    {
        "timestamp": st.floats(allow_nan=False, allow_infinity=False),
        "program": TEXTS,
        "probe": TEXTS,
        "target": TEXTS,
        "point": POINTS,
        "function": TEXTS,
        "id": TEXTS.filter(bool),
        "request_id": NAMES,
        "request": st.dictionaries(TEXTS, SCALARS, max_size=4),
        "process": st.integers(0, 2**32 - 1),
        "thread": st.integers(0, 2**64 - 1),
        "values": st.dictionaries(TEXTS, PLAIN, max_size=4),
        "errors": st.lists(ERRORS, max_size=3),
        "service": NAMES,
        "release": NAMES,
        "environment": NAMES,
        "host": NAMES,
        "thread_name": NAMES,
        "task": NAMES,
        "trace_id": digits(32),
        "span_id": digits(16),
    }
).map(lambda fields: CaptureEvent(**fields, kind="request" if fields["point"] == "request" else "capture"))


class TestAnyEvent:
    """What holds for every event, whatever is in its fields."""

    @given(EVENTS)
    def test_fits_the_schema(self, event: CaptureEvent) -> None:
        """Its JSON form is valid, and the same as an object and as text."""
        form = event.to_dict()
        assert repr(json.loads(event.to_json())) == repr(form)
        validate(form)

    @given(EVENTS)
    def test_comes_back(self, event: CaptureEvent) -> None:
        """It is the same when it is read back, and when nothing is replaced in it."""
        assert CaptureEvent.from_dict(event.to_dict()) == event
        assert CaptureEvent.from_json(event.to_json()) == event
        assert event.replace() == event

    @given(EVENTS, EVENTS)
    def test_becomes_any_other(self, event: CaptureEvent, other: CaptureEvent) -> None:
        """With the fields of another one it is that one."""
        names = set(SCHEMA["properties"]) - {"schema"}
        assert event.replace(**{name: getattr(other, name) for name in names}) == other
        assert (event == other) == (event.to_json() == other.to_json())
