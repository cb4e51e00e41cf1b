"""Copies of what C keeps in its own way: numbers and arrays of numpy, functions, views, locks."""

import _thread
import array
import asyncio
import functools
import io
import itertools
import re
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from hogtrace.events import Mark
from tests.hogtrace.evaluation import evaluate

HERE = __name__
UNREAD = "stored in C"


def copied(value: object) -> Any:
    """Give the copy that a capture takes of `value`."""
    return evaluate("v", v=value).value


def test_numpy_is_not_imported_by_hogtrace() -> None:
    """Nothing of ours imports it, in Python or in Rust."""
    root = Path(__file__).parents[2]
    for folder, pattern in [("hogtrace", "*.py"), ("rust/python/src", "*.rs")]:
        for path in (root / folder).rglob(pattern):
            assert "import numpy" not in path.read_text()
            assert 'import("numpy' not in path.read_text()


class TestNumpyScalars:
    """One value each, told by type and value."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (numpy.int8(-5), -5),
            (numpy.int64(5), 5),
            (numpy.uint64(2**64 - 1), 2**64 - 1),
            (numpy.longlong(7), 7),
            (numpy.float16(1.5), 1.5),
            (numpy.float32(1.5), 1.5),
            (numpy.float64(1.5), 1.5),
            (numpy.longdouble(1.5), 1.5),
            (numpy.float64("inf"), float("inf")),
            (numpy.bool_(True), True),
            (numpy.complex128(1 + 2j), "(1+2j)"),
            (numpy.datetime64("2020-01-02T03:04"), "2020-01-02T03:04"),
            (numpy.timedelta64(5, "D"), "5 days"),
        ],
        ids=repr,
    )
    def test_numbers(self, value: object, expected: object) -> None:
        """The value is Python's."""
        name = type(value).__name__
        assert copied(value) == {"$type": f"numpy.{name}", "$value": expected}
        assert type(copied(value)["$value"]) is type(expected)

    def test_strings(self) -> None:
        """Strings and bytes of numpy derive from Python's, and are those."""
        assert copied(numpy.str_("x")) == "x"
        assert copied(numpy.bytes_(b"x")) == b"x"

    def test_a_subclass(self) -> None:
        """A class that derives from one overrides nothing that the copy asks."""

        class Loud(numpy.float64):
            def __float__(self) -> float:
                raise AssertionError("__float__ ran")

            __repr__ = __str__ = __index__ = __float__  # type: ignore[assignment]

        assert copied(Loud(2.5))["$value"] == 2.5


class TestArrays:
    """Shape, what the items are, and the first of them."""

    @pytest.mark.parametrize(
        ("value", "items", "expected"),
        [
            (array.array("b", [-1, 2]), "int8", [-1, 2]),
            (array.array("H", [65535]), "uint16", [65535]),
            (array.array("q", [-(2**63)]), "int64", [-(2**63)]),
            (array.array("Q", [2**64 - 1]), "uint64", [2**64 - 1]),
            (array.array("f", [0.5]), "float32", [0.5]),
            (array.array("d", [1e300]), "float64", [1e300]),
            (numpy.arange(3), "int64", [0, 1, 2]),
            (numpy.arange(6)[::-2], "int64", [5, 3, 1]),
            (numpy.array([1, 2], dtype=">i4"), "int32", [1, 2]),
            (numpy.array([1.5, float("nan")], dtype="float16")[:1], "float16", [1.5]),
            (numpy.array([True, False]), "bool", [True, False]),
            (numpy.array([1 - 2j]), "complex128", [{"$type": "complex", "$value": "(1-2j)"}]),
            (numpy.array(["ab", "c"]), "str", ["ab", "c"]),
            (numpy.array([b"ab", b"c"]), "bytes", [b"ab", b"c\x00"]),
            (numpy.array([1, [2], None], dtype=object), "object", [1, [2], None]),
            (memoryview(array.array("h", [1, 2])), "int16", [1, 2]),
        ],
        ids=lambda value: str(value).replace("\n", " "),
    )
    def test_one_dimension(self, value: Any, items: str, expected: list[object]) -> None:
        """Every kind of item is what it is in Python."""
        copy = copied(value)
        assert copy.pop("$type") == f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
        assert copy == {"$shape": (len(expected),), "$items": items, "$value": expected}

    def test_more_dimensions(self) -> None:
        """The items stand in one row, the last dimension running fastest; the shape says the rest."""
        grid = numpy.arange(6).reshape(2, 3)
        assert copied(grid)["$shape"] == (2, 3)
        assert copied(grid)["$value"] == [0, 1, 2, 3, 4, 5]
        assert copied(grid.T)["$value"] == [0, 3, 1, 4, 2, 5]
        assert copied(numpy.array(7)) == {"$type": "numpy.ndarray", "$shape": (), "$items": "int64", "$value": [7]}
        assert copied(numpy.zeros((0, 4)))["$value"] == []

    def test_cut(self) -> None:
        """A hundred items, and a mark with how many there are."""
        copy = copied(numpy.zeros((1000, 1000)))
        assert copy["$value"] == [0.0] * 100 + ["…truncated (1000000 items)"]
        assert copied(array.array("i", range(100)))["$value"] == list(range(100))
        assert copied([[[numpy.zeros(3)]]]) == [[["…truncated (numpy.ndarray of 3 items)"]]]

    def test_views_of_bytes(self) -> None:
        """They are bytes."""
        assert copied(memoryview(b"abc"))["$value"] == b"abc"
        cut = copied(memoryview(b"x" * 5000))["$value"]
        assert cut == {"$type": "bytes", "$value": b"x" * 100, "…truncated": "5000 bytes"}

    @pytest.mark.parametrize(
        "value",
        [
            numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
            numpy.array(["2020"], dtype="datetime64[Y]"),
        ],
        ids=["records", "moments"],
    )
    def test_what_has_no_plain_items(self, value: object) -> None:
        """It says so."""
        assert copied(value) == {"$type": "numpy.ndarray", "$unread": "its elements are no plain numbers"}

    def test_a_released_view(self) -> None:
        """A view whose memory is gone is not looked at."""
        view = memoryview(bytearray(b"abc"))
        view.release()
        assert copied(view) == {"$type": "memoryview", "$unread": "its elements are no plain numbers"}

    def test_subclasses(self) -> None:
        """A class that derives from an array overrides nothing that the copy asks."""

        class Loud(numpy.ndarray[Any, Any]):
            def __getitem__(self, key: object) -> Any:
                raise AssertionError("__getitem__ ran")

            def __len__(self) -> int:
                raise AssertionError("__len__ ran")

            def __buffer__(self, flags: int) -> memoryview:
                raise AssertionError("__buffer__ ran")

            def __release_buffer__(self, view: memoryview) -> None:
                raise AssertionError("__release_buffer__ ran")

            __repr__ = __str__ = __iter__ = __len__  # type: ignore[assignment]

        assert copied(numpy.arange(3).view(Loud))["$value"] == [0, 1, 2]

    def test_nothing_is_held(self) -> None:
        """An array can change its size as soon as it is copied."""
        numbers = array.array("i", [1])
        data = bytearray(b"abc")
        view = memoryview(data)
        references = sys.getrefcount(numbers)
        for _ in range(3):
            copied(numbers)
            copied(view)
        numbers.append(2)
        view.release()
        data.append(1)
        assert sys.getrefcount(numbers) == references


class Shop:
    """A class with methods."""

    def open(self) -> None:
        """Do nothing."""

    @classmethod
    def make(cls) -> None:
        """Do nothing."""


def numbers() -> Iterator[int]:
    """Give one number."""
    yield 1


async def fetch() -> None:
    """Do nothing."""


class TestCode:
    """Functions and what they give, by name and place."""

    def test_functions(self) -> None:
        """A function is told by its name with its module, and where it begins."""
        assert copied(fetch) == {
            "$type": "function",
            "$value": f"{HERE}.fetch",
            "$at": f"{__file__}:{fetch.__code__.co_firstlineno}",
        }
        assert copied(lambda: 1)["$value"].endswith("test_functions.<locals>.<lambda>")

    def test_methods(self) -> None:
        """So is a method, with the type of what it is bound to."""
        line = Shop.open.__code__.co_firstlineno
        assert copied(Shop().open) == {
            "$type": "method",
            "$value": f"{HERE}.Shop.open",
            "$of": f"{HERE}.Shop",
            "$at": f"{__file__}:{line}",
        }
        assert copied(Shop.make)["$of"] == "type"
        assert copied([].append) == {"$type": "builtin_function_or_method", "$value": "append"}
        assert copied(len)["$value"] == "len"
        assert copied(types.MethodType(functools.partial(int), 1))["$value"] == "functools.partial"

    def test_partial(self) -> None:
        """A partial call is what it is made of."""
        assert copied(functools.partial(int, "5", base=10)) == {
            "$type": "functools.partial",
            "func": {"$type": "type", "$value": "int"},
            "args": ("5",),
            "keywords": {"base": 10},
        }

    def test_generators_and_coroutines(self) -> None:
        """They are told by name, and nothing of them runs."""
        coroutine = fetch()
        assert copied(coroutine) == {"$type": "coroutine", "$value": "fetch"}
        coroutine.close()
        assert copied(numbers()) == {"$type": "generator", "$value": "numbers"}

    def test_what_leads_into_running_code(self) -> None:
        """Frames, code and tracebacks show nothing of themselves."""
        why = "it leads into running code"
        assert copied(sys._getframe()) == {"$type": "frame", "$unread": why}
        assert copied(fetch.__code__) == {"$type": "code", "$unread": why}

    def test_audit_hooks_see_nothing(self) -> None:
        """Reading all of this raises no audit event, which an application's hook would see."""
        # A hook cannot be taken out again, so it is set in another process.
        source = f"from {HERE} import audited; audited()"
        seen = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
        assert seen == "[]\n"


def audited() -> None:
    """Print the audit events about objects that copies of values of many kinds raise."""
    seen: list[str] = []
    coroutine = fetch()
    values = [fetch, Shop().open, numbers(), coroutine, sys._getframe(), fetch.__code__, memoryview(b"x"), Shop, sys]
    values += [ValueError("x"), weakref.ref(fetch), types.MappingProxyType({}), numpy.arange(2), numpy.int64(1)]
    copied(1)
    sys.addaudithook(lambda name, _: seen.append(name))
    for value in values:
        copied(value)
    print([name for name in seen if name.startswith(("object.", "code.", "sys."))])
    coroutine.close()


class TestOthers:
    """Views, locks, and what cannot be read."""

    def test_views(self) -> None:
        """What stands for another object shows it."""
        assert copied(types.MappingProxyType({"a": 1})) == {"$type": "mappingproxy", "$value": {"a": 1}}
        shop = Shop()
        reference = weakref.ref(shop)
        assert copied(reference) == {"$type": "weakref.ReferenceType", "$value": {"$type": f"{HERE}.Shop"}}
        del shop
        assert copied(reference) == {"$type": "weakref.ReferenceType", "$value": None}

    def test_locks(self) -> None:
        """A lock says whether it is held."""
        lock = threading.Lock()
        assert copied(lock) == {"$type": "_thread.lock", "locked": False}
        with lock:
            assert copied(lock) == {"$type": "_thread.lock", "locked": True}

    def test_members_that_c_gives(self) -> None:
        """Patterns, slices and files show what their types in C make readable."""
        assert copied(re.compile("a+")) == {"$type": "re.Pattern", "pattern": "a+", "flags": 32, "groups": 0}
        assert copied(slice(1, 2)) == {"$type": "slice", "start": 1, "stop": 2, "step": None}
        with Path(__file__).open(encoding="utf-8") as file:
            assert copied(file)["buffer"]["raw"]["name"] == __file__

    @pytest.mark.parametrize(
        "value",
        [iter([]), io.BytesIO(b"x"), _thread.RLock(), itertools.count(), zip(), ...],
        ids=lambda value: type(value).__name__,
    )
    def test_what_cannot_be_read(self, value: object) -> None:
        """It is told by its type, and why there is no more."""
        copy = copied(value)
        assert copy["$unread"] == UNREAD
        assert len(copy) == 2

    def test_futures(self) -> None:
        """An object of C's that belongs to an event loop is not asked."""
        loop = asyncio.new_event_loop()
        try:
            assert copied(loop.create_future())["$type"] == "_asyncio.Future"
        finally:
            loop.close()

    def test_a_very_long_number(self) -> None:
        """A decimal of a million digits says why it is not shown."""
        import decimal

        assert copied(decimal.Decimal("1" * 1_000_000)) == {
            "$type": "decimal.Decimal",
            "$unread": "it has very many digits",
        }

    def test_type_names_are_cut(self) -> None:
        """A class may have a name without end."""
        copy = copied(type("x" * 1_000_000, (), {})())
        assert copy["$type"] == f"{HERE}.{'x' * 256}…"
        assert not isinstance(copy["$type"], Mark)
