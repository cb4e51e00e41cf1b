"""The copies that captures take of values of every kind, and that nothing runs for them."""

import collections
import datetime
import decimal
import enum
import fractions
import http
import ipaddress
import os
import pathlib
import sys
import time
import types
import uuid
import zoneinfo
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from tests.hogtrace.evaluation import evaluate

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
    """A tuple with names, one with a default."""

    user: str
    age: int = 30


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Flags(enum.IntFlag):
    """An enumeration of numbers."""

    ONE = 1
    TWO = 2


class Word(enum.StrEnum):
    """An enumeration of strings."""

    HELLO = "hello"


class Basket(list[int]):
    """A list with a field beside its items."""

    owner = "of the class"


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
            (datetime.UTC, "datetime.timezone", "UTC"),
            (datetime.timezone(datetime.timedelta(hours=2)), "datetime.timezone", "UTC+02:00"),
            (decimal.Decimal("NaN"), "decimal.Decimal", "NaN"),
            (fractions.Fraction(-2, 6), "fractions.Fraction", "-1/3"),
            (fractions.Fraction(4, 2), "fractions.Fraction", "2"),
            (ipaddress.ip_address("10.0.0.1"), "ipaddress.IPv4Address", "10.0.0.1"),
            (ipaddress.ip_address("fe80::1%eth0"), "ipaddress.IPv6Address", "fe80::1%eth0"),
            (ipaddress.ip_network("10.0.0.0/8"), "ipaddress.IPv4Network", "10.0.0.0/8"),
            (ipaddress.ip_interface("::1/64"), "ipaddress.IPv6Interface", "::1/64"),
            (pathlib.PureWindowsPath("c:\\x") / "y", "pathlib.PureWindowsPath", "c:\\x\\y"),
            (Order, "type", f"{HERE}.Order"),
            (int, "type", "int"),
            (sys, "module", "sys"),
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
        assert copied(Flags.ONE | Flags.TWO) == {"$type": f"{HERE}.Flags", "$value": 3, "$name": "ONE|TWO"}
        assert copied(Word.HELLO) == {"$type": f"{HERE}.Word", "$value": "hello", "$name": "HELLO"}
        assert copied(http.HTTPStatus.OK) == {"$type": "http.HTTPStatus", "$value": 200, "$name": "OK"}

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
        assert copied(Login("ann")) == {"$type": f"{HERE}.Login", "user": "ann", "age": 30}

        Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024 - the old form is what is meant
        assert copied(Pair(1, (2,))) == {"$type": f"{HERE}.Pair", "left": 1, "right": (2,)}

    def test_records_of_c(self) -> None:
        """So does one that C made."""
        moment = copied(time.gmtime(0))
        assert (moment["$type"], moment["tm_year"], moment["tm_gmtoff"]) == ("time.struct_time", 1970, 0)
        assert copied(os.stat_result(range(10)))["st_size"] == 6

    def test_names_that_begin_like_ours(self) -> None:
        """A field cannot pass for what the copy itself says."""
        lie = types.SimpleNamespace(**{"$type": "lie", "$value": 1, "…truncated": "9 fields", "a": 2})
        assert copied(lie) == {
            "$type": "types.SimpleNamespace",
            "$$type": "lie",
            "$$value": 1,
            "$…truncated": "9 fields",
            "a": 2,
        }

    def test_odd_dicts(self) -> None:
        """A dict that was put in place of an object's own is read as it is; what has no name is counted."""

        class Hidden(dict[Any, Any]):
            def items(self) -> Any:
                raise AssertionError("items ran")

            __getitem__ = keys = __iter__ = __len__ = items  # type: ignore[assignment]

        node = Node()
        node.__dict__ = Hidden(a=1)
        assert copied(node) == {"$type": f"{HERE}.Node", "a": 1}
        node.__dict__ = {"a": 1, 5: 2, "__private__": 3}
        assert copied(node) == {"$type": f"{HERE}.Node", "a": 1, "…truncated": "2 fields"}

    def test_slots_of_a_base_and_private_names(self) -> None:
        """Names with two underscores before them are shown as Python stores them."""

        class Base:
            __slots__ = ("__own", "never")

            def __init__(self) -> None:
                self.__own = 1

        class Child(Base):
            def __init__(self) -> None:
                super().__init__()
                self.__own = 2

        name = f"{HERE}.{Child.__qualname__}"
        assert copied(Child()) == {"$type": name, "_Base__own": 1, "_Child__own": 2}

    def test_subclasses_of_containers(self) -> None:
        """A subclass of a container is that container, by what it stores."""
        assert copied(collections.OrderedDict(a=1)) == {"a": 1}
        assert copied(collections.Counter("aab")) == {"a": 2, "b": 1}
        assert copied(collections.deque([1, 2])) == [1, 2]
        assert copied({"a": 1}.keys()) == ["a"]
        assert copied({"a": 1}.items()) == [("a", 1)]
        assert copied({"a": 1}.values()) == [1]
        assert copied(collections.OrderedDict(a=1).keys()) == ["a"]
        assert copied(collections.defaultdict(list, a=[1])) == {"a": [1]}
        assert copied(bytearray(b"x")) == b"x"
        assert copied(range(1, 9, 2)) == {"$type": "range", "start": 1, "stop": 9, "step": 2}

    def test_what_is_not_stored_as_usual(self) -> None:
        """What would be told by a text, and has none, says so."""
        odd = uuid.UUID(int=1)
        object.__setattr__(odd, "int", "one")
        why = "what tells it is not stored as its class stores it"
        assert copied(odd) == {"$type": "uuid.UUID", "$unread": why}

    def test_containers_with_fields(self) -> None:
        """Where a subclass stores fields that are not private beside its items, both are shown."""
        basket = Basket([1, 2])
        assert copied(basket) == [1, 2]
        basket._cache = 1  # type: ignore[attr-defined]
        assert copied(basket) == [1, 2]
        basket.owner = "ann"
        assert copied(basket) == {"$type": f"{HERE}.Basket", "$value": [1, 2], "owner": "ann", "_cache": 1}

    def test_containers_of_containers(self) -> None:
        """Containers that Python made of others are objects."""
        chain = collections.ChainMap({"a": 1}, {"b": 2})
        assert copied(chain) == {"$type": "collections.ChainMap", "maps": [{"a": 1}, {"b": 2}]}
        assert copied(collections.UserDict(a=1)) == {"$type": "collections.UserDict", "data": {"a": 1}}

    def test_keys_of_every_type(self) -> None:
        """Keys keep their types; those that cannot be keys once they are copied are told by a text."""
        assert copied({1: 1, None: 2, (1, 2): 3}) == {1: 1, None: 2, (1, 2): 3}
        keys = list(copied({Color.RED: 1, uuid.UUID(int=1): 2, Empty(): 3, Empty(): 4}))
        assert len(keys) == 4
        assert all(isinstance(key, str) for key in keys)
        (member,) = copied({Empty()})
        assert member == {"$type": f"{HERE}.Empty"}
