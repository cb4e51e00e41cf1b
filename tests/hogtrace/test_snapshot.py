"""The bounded copies that captures take: what is kept, what is cut and marked, and that nothing runs."""

import collections
import datetime
import decimal
import enum
import gc
import pathlib
import sys
import threading
import time
import types
import uuid
import zoneinfo
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from tests.hogtrace.evaluation import evaluate, fire

HERE = __name__


def copied(value: object) -> Any:
    """Give the copy that a capture takes of `value`."""
    return evaluate("v", v=value).value


class Empty:
    """An object without anything."""


class Node:
    """An object with fields."""

    kind = "of the class"

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    @property
    def computed(self) -> None:
        """Code of the application."""
        raise AssertionError("a property ran")

    def __repr__(self) -> str:
        raise AssertionError("__repr__ ran")


class Slotted:
    """An object with slots."""

    __slots__ = ("_hidden", "empty", "filled")

    def __init__(self) -> None:
        self.filled, self._hidden = 1, 2


class Both(Slotted):
    """An object with slots and a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = 3


@dataclass
class Order:
    """A dataclass."""

    number: int
    lines: list[str]


@dataclass(slots=True)
class Line:
    """A dataclass with slots."""

    text: str


class Login(NamedTuple):
    """A tuple with names."""

    user: str
    age: int


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Flags(enum.IntFlag):
    """An enumeration of numbers."""

    ONE = 1
    TWO = 2


class OwnZone(datetime.tzinfo):
    """A time zone of the application."""

    def utcoffset(self, moment: object) -> datetime.timedelta:
        """Fail: this is code of the application."""
        raise AssertionError("utcoffset ran")


class TestKinds:
    """Each kind of value."""

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            5,
            2**100,
            -0.0,
            1e300,
            "é☃",
            "a\ud800",
            b"\x00",
            (1,),
            [1],
            {1},
            frozenset({1}),
            {"a": (1,)},
            {(1, 2): 3},
        ],
        ids=repr,
    )
    def test_built_in_values_keep_their_types(self, value: object) -> None:
        """What is built in comes back as it is."""
        assert repr(copied(value)) == repr(value)

    @pytest.mark.parametrize(
        ("value", "name", "text"),
        [
            (datetime.datetime.fromisoformat("2024-01-02T03:04:05"), "datetime.datetime", "2024-01-02T03:04:05"),
            (
                datetime.datetime.fromisoformat("2024-01-02T03:04:05.000060"),
                "datetime.datetime",
                "2024-01-02T03:04:05.000060",
            ),
            (
                datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
                "datetime.datetime",
                "2024-07-01T00:00:00+02:00",
            ),
            (
                datetime.datetime(2024, 7, 1, tzinfo=datetime.timezone(-datetime.timedelta(hours=3, minutes=30))),
                "datetime.datetime",
                "2024-07-01T00:00:00-03:30",
            ),
            (
                datetime.datetime(2024, 7, 1, tzinfo=OwnZone()),
                "datetime.datetime",
                f"2024-07-01T00:00:00[{HERE}.OwnZone]",
            ),
            (datetime.date(2024, 1, 2), "datetime.date", "2024-01-02"),
            (datetime.time(3, 4), "datetime.time", "03:04:00"),
            (datetime.timedelta(days=-2, seconds=1, microseconds=5), "datetime.timedelta", "-2 days, 0:00:01.000005"),
            (zoneinfo.ZoneInfo("UTC"), "zoneinfo.ZoneInfo", "UTC"),
            (decimal.Decimal("1.50"), "decimal.Decimal", "1.50"),
            (decimal.Decimal("-Infinity"), "decimal.Decimal", "-Infinity"),
            (uuid.UUID("12345678-1234-5678-1234-567812345678"), "uuid.UUID", "12345678-1234-5678-1234-567812345678"),
            (pathlib.PurePosixPath("/a") / "b", "pathlib.PurePosixPath", "/a/b"),
            (1 - 2j, "complex", "(1-2j)"),
            (Order, "type", f"{HERE}.Order"),
            (int, "type", "int"),
            (sys, "module", "sys"),
            (copied, "function", "copied"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_told_by_a_text(self, value: object, name: str, text: str) -> None:
        """What has one text that everybody knows is told by it."""
        copy = copied(value)
        assert copy.pop("$type").replace("pathlib._local", "pathlib") == name
        assert copy == {"$value": text}

    def test_enumerations(self) -> None:
        """A member is told by its class, its value and its name."""
        assert copied(Color.RED) == {"$type": f"{HERE}.Color", "$value": "red", "$name": "RED"}
        assert copied(Flags.TWO) == {"$type": f"{HERE}.Flags", "$value": 2, "$name": "TWO"}

    def test_objects(self) -> None:
        """An object is told by its type's name and what it stores; its class and its properties are not looked at."""
        assert copied(Node(a=1, b=[2])) == {"$type": f"{HERE}.Node", "a": 1, "b": [2]}
        assert copied(Empty()) == {"$type": f"{HERE}.Empty"}
        assert copied(object()) == {"$type": "object"}

    def test_slots(self) -> None:
        """What slots hold is kept, in all classes of the object; empty ones are not there."""
        assert copied(Slotted()) == {"$type": f"{HERE}.Slotted", "filled": 1, "_hidden": 2}
        assert copied(Both()) == {"$type": f"{HERE}.Both", "extra": 3, "filled": 1, "_hidden": 2}

    def test_dataclasses(self) -> None:
        """A dataclass is an object, with slots or without."""
        assert copied(Order(7, ["x"])) == {"$type": f"{HERE}.Order", "number": 7, "lines": ["x"]}
        assert copied(Line("x")) == {"$type": f"{HERE}.Line", "text": "x"}

    def test_named_tuples(self) -> None:
        """A tuple with names keeps them."""
        assert copied(Login("ann", 30)) == {"$type": f"{HERE}.Login", "user": "ann", "age": 30}

    def test_exceptions(self) -> None:
        """An exception is told by its message, its arguments and what it stores."""
        error = ValueError("no", 1)
        error.code = 7  # type: ignore[attr-defined]
        assert copied(error) == {"$type": "ValueError", "$message": "('no', 1)", "$args": ("no", 1), "code": 7}
        assert copied(KeyError("k"))["$message"] == "'k'"
        assert copied(FileNotFoundError(2, "gone", "f"))["$message"] == "[Errno 2] gone: 'f'"

    def test_exceptions_of_the_application(self) -> None:
        """Of an exception with a text of its own the code is not run."""

        class Failed(Exception):
            def __str__(self) -> str:
                raise AssertionError("__str__ ran")

        name = f"{HERE}.{Failed.__qualname__}"
        assert copied(Failed("why")) == {"$type": name, "$message": "why", "$args": ("why",)}
        assert copied(Failed(Empty())) == {"$type": name, "$args": ({"$type": f"{HERE}.Empty"},)}

    def test_subclasses_of_containers(self) -> None:
        """A subclass of a container is that container, by what it stores."""
        assert copied(collections.OrderedDict(a=1)) == {"a": 1}
        assert copied(collections.Counter("aab")) == {"a": 2, "b": 1}
        assert copied(collections.deque([1, 2])) == [1, 2]
        assert copied({"a": 1}.keys()) == ["a"]
        assert copied({"a": 1}.items()) == [("a", 1)]
        assert copied(range(1, 9, 2)) == {"$type": "range", "start": 1, "stop": 9, "step": 2}

    def test_objects_of_other_libraries(self) -> None:
        """What is of no known kind is told by its type alone."""
        assert copied(threading.Lock()) == {"$type": "_thread.lock"}
        assert copied(iter([])) == {"$type": "list_iterator"}
        assert copied(types.MappingProxyType({"a": 1})) == {"$type": "mappingproxy"}

    def test_keys_of_every_type(self) -> None:
        """Keys keep their types; those that cannot be keys once they are copied are told by a text."""
        assert copied({1: 1, None: 2, (1, 2): 3}) == {1: 1, None: 2, (1, 2): 3}
        keys = list(copied({Color.RED: 1, uuid.UUID(int=1): 2, Empty(): 3, Empty(): 4}))
        assert len(keys) == 4
        assert all(isinstance(key, str) for key in keys)
        (member,) = copied({Empty()})
        assert member == {"$type": f"{HERE}.Empty"}


class TestCuts:
    """What is too much is cut, and marked where it is cut."""

    def test_strings(self) -> None:
        """A string keeps its first 1,024 characters."""
        assert copied("é" * 1024) == "é" * 1024
        assert copied("é" * 5000) == "é" * 1024 + "…truncated (5000 characters)"
        assert copied("\ud800" * 5000) == "\ud800" * 1024 + "…truncated (5000 characters)"

    def test_bytes(self) -> None:
        """A byte string keeps its first 1,024 bytes, beside a mark that bytes cannot hold."""
        assert copied(b"x" * 1024) == b"x" * 1024
        assert copied(b"x" * 5000) == {"$type": "bytes", "$value": b"x" * 1024, "…truncated": "5000 bytes"}
        assert copied(bytearray(b"x" * 5000))["…truncated"] == "5000 bytes"

    def test_sequences(self) -> None:
        """A container keeps its first 100 items."""
        assert copied(list(range(100))) == list(range(100))
        assert copied(list(range(250))) == [*range(100), "…truncated (250 items)"]
        assert copied(tuple(range(250))) == (*range(100), "…truncated (250 items)")
        assert len(copied(set(range(250)))) == 101

    def test_dicts(self) -> None:
        """A dict keeps its first 100 items, and has one more for the mark."""
        copy = copied({str(n): n for n in range(250)})
        assert copy.pop("…truncated") == "250 items"
        assert copy == {str(n): n for n in range(100)}

    def test_fields(self) -> None:
        """An object keeps its first 50 fields."""
        copy = copied(Node(**{f"f{n}": n for n in range(80)}))
        assert copy.pop("…truncated") == "80 fields"
        assert copy == {"$type": f"{HERE}.Node"} | {f"f{n}": n for n in range(50)}

    def test_depth(self) -> None:
        """Containers and objects nest three deep."""
        assert copied([[[1]]]) == [[[1]]]
        assert copied([[[[1, 2]]]]) == [[["…truncated (list of 2 items)"]]]
        assert copied({"a": {"b": {"c": {"d": 1}}}}) == {"a": {"b": {"c": "…truncated (dict of 1 items)"}}}
        assert copied([[[Node()]]]) == [[[f"…truncated ({HERE}.Node)"]]]
        assert copied([[[[], {}, ()]]]) == [[[[], {}, ()]]]

    def test_cycles(self) -> None:
        """What contains itself is marked where it comes again; what only comes twice is not."""
        cycle: list[Any] = [1]
        cycle.append(cycle)
        assert copied(cycle) == [1, "…cycle"]
        node = Node()
        node.me = node
        assert copied(node)["me"] == "…cycle"
        twice = [1]
        assert copied([twice, twice]) == [[1], [1]]

    def test_integers(self) -> None:
        """An integer that is too long to be written out is told by its size."""
        assert copied(2**4000) == 2**4000
        assert copied(2**5000) == "…truncated (integer of 5001 bits)"

    def test_nodes(self) -> None:
        """One copy has at most 1,000 values, however they are spread."""

        def count(value: Any) -> int:
            if isinstance(value, dict):
                return 1 + sum(map(count, value.values()))
            return 1 + sum(map(count, value)) if isinstance(value, list | tuple) else 1

        copy = copied([[[n] * 50 for n in range(100)] for _ in range(100)])
        assert 500 <= count(copy) <= 1200

    def test_bytes_of_an_event(self) -> None:
        """One event takes at most 64 KiB, and fields that come too late are still there."""
        large = {f"key {n}": "☃" * 5000 for n in range(90)}
        (event,) = fire("fn:app.f:entry { capture(a=v, b=v, c=5, d=v); }", v=large)
        assert 30_000 < event.size < 66_000
        assert event.values["c"] == 5
        assert event.values["d"] == "…truncated (dict of 90 items)"
        assert event.values["a"]["…truncated"] == "90 items"


class TestBounds:
    """Copies end soon, whatever they are of."""

    @pytest.mark.parametrize("kind", ["deep", "string", "bytes", "dict", "list", "decimal", "int", "wide"])
    def test_enormous_values(self, kind: str) -> None:
        """A value of any size is copied within 10 ms."""
        value: Any = {
            "deep": lambda: __import__("functools").reduce(lambda inner, _: [inner], range(1_000_000), 1),
            "string": lambda: "x" * 200_000_000,
            "bytes": lambda: b"x" * 200_000_000,
            "dict": lambda: dict.fromkeys(range(1_000_000)),
            "list": lambda: [None] * 10_000_000,
            "decimal": lambda: decimal.Decimal("1" * 1_000_000),
            "int": lambda: 1 << 10_000_000,
            "wide": lambda: [[["x" * 1024] * 100] * 100] * 100,
        }[kind]()
        copied(value)
        best = min(_seconds(lambda: copied(value)) for _ in range(3))
        assert best < 0.05
        if kind == "deep":
            # The interpreter itself ends such a list by recursion.
            while isinstance(value, list):
                (value,) = value

    def test_nothing_is_kept_alive(self) -> None:
        """A copy holds no reference to what it was made of."""
        node = Node(items=[1, 2], name="x")
        before = sys.getrefcount(node)
        for _ in range(100):
            copied(node)
        gc.collect()
        assert sys.getrefcount(node) == before

    def test_a_later_change_is_not_seen(self) -> None:
        """A copy is of the moment at which it was taken."""
        items = [1]
        (event,) = fire("fn:app.f:entry { capture(v); }", v=items)
        items.append(2)
        assert event.values == {"v": [1]}


def _seconds(action: Any) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
