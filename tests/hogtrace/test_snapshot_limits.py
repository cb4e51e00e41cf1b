"""What is too much is cut where it is too much, and marked with the true size; and copies end in time."""

import array
import collections
import decimal
import gc
import sys
import time
from typing import Any

import pytest

from hogtrace import CaptureEvent, ConfigError, Settings, Tracer
from hogtrace._engine import CopyLimits
from hogtrace.events import Mark
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.evaluation import evaluate, fire

HERE = __name__


def copied(value: object, **bounds: Any) -> Any:
    """Give the copy that a capture takes of `value`; `time` is the longest unless it is given."""
    return evaluate("v", v=value, limits=CopyLimits(**({"time": 1.0} | bounds))).value


class Node:
    """An object with fields."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def is_cut(value: object, text: str) -> bool:
    """Say whether `value` is the mark with that text."""
    return isinstance(value, Mark) and value == f"…truncated ({text})"


class TestAtTheLimit:
    """Each bound by its default and by a setting: at it nothing is cut, one past it there is a mark."""

    @pytest.mark.parametrize(
        ("bounds", "limit"),
        [({}, 1024), ({"characters": 16}, 16), ({"characters": 65_536, "bytes": 1_048_576}, 65_536)],
    )
    def test_characters(self, bounds: dict[str, int], limit: int) -> None:
        """Of a string."""
        assert copied("é" * limit, **bounds) == "é" * limit
        cut = copied("é" * (limit + 1), **bounds)
        assert cut == "é" * limit + f"…truncated ({limit + 1} characters)"
        assert isinstance(cut, Mark)
        assert copied("\ud800" * (limit + 1), **bounds) == "\ud800" * limit + f"…truncated ({limit + 1} characters)"

    @pytest.mark.parametrize(("bounds", "limit"), [({}, 1024), ({"characters": 16}, 16)])
    def test_bytes_of_a_byte_string(self, bounds: dict[str, int], limit: int) -> None:
        """It keeps its first bytes, beside a mark that bytes cannot hold."""
        assert copied(b"x" * limit, **bounds) == b"x" * limit
        mark = f"{limit + 1} bytes"
        cut = {"$value": b"x" * limit, "…truncated": mark}
        assert copied(b"x" * (limit + 1), **bounds) == {"$type": "bytes"} | cut
        assert copied(bytearray(b"x" * (limit + 1)), **bounds) == {"$type": "bytearray"} | cut

    @pytest.mark.parametrize(("bounds", "limit"), [({}, 100), ({"items": 1}, 1), ({"items": 500}, 500)])
    def test_items(self, bounds: dict[str, int], limit: int) -> None:
        """Of a container of any kind."""
        exact, more = range(limit), range(limit + 1)
        mark = f"…truncated ({limit + 1} items)"
        for kind in (list, tuple):
            assert copied(kind(exact), **bounds) == kind(exact)
            assert copied(kind(more), **bounds) == kind([*exact, mark])
        assert copied(collections.deque(more), **bounds) == [*exact, mark]
        assert copied(dict.fromkeys(more).keys(), **bounds) == [*exact, mark]
        assert copied(set(exact), **bounds) == set(exact)
        assert mark in copied(set(more), **bounds)
        assert copied(frozenset(exact), **bounds) == frozenset(exact)
        assert len(copied(frozenset(more), **bounds)) == limit + 1
        assert copied(array.array("i", more), **bounds)["$value"] == [*exact, mark]
        assert copied({str(n): n for n in exact}, **bounds) == {str(n): n for n in exact}
        cut = copied({str(n): n for n in more}, **bounds)
        assert cut == {str(n): n for n in exact} | {"…truncated": f"{limit + 1} items"}
        assert isinstance(list(cut)[-1], Mark)

    @pytest.mark.parametrize(("bounds", "limit"), [({}, 50), ({"fields": 1}, 1), ({"fields": 200}, 200)])
    def test_fields(self, bounds: dict[str, int], limit: int) -> None:
        """Of an object, in its dict and in slots together."""

        class Slotted:
            __slots__ = [f"f{n:03}" for n in range(limit + 1)]

        def fields(count: int) -> dict[str, int]:
            return {f"f{n:03}": n for n in range(count)}

        for kind in (Node, Slotted):
            exact, more = kind(), kind()
            for made, count in [(exact, limit), (more, limit + 1)]:
                for name, value in fields(count).items():
                    setattr(made, name, value)
            assert copied(exact, **bounds) == {"$type": copied(exact)["$type"]} | fields(limit)
            cut = copied(more, **bounds)
            assert cut.pop("…truncated") == f"{limit + 1} fields"
            assert len(cut) == limit + 1
        pair = collections.namedtuple("pair", list(fields(limit + 1)))  # type: ignore[misc] # noqa: PYI024
        assert copied(pair(*range(limit + 1)), **bounds)["…truncated"] == f"{limit + 1} fields"

    @pytest.mark.parametrize("depth", [1, 3, 16])
    def test_depth(self, depth: int) -> None:
        """Of containers and objects in each other."""

        def nested(count: int, inner: object) -> Any:
            for _ in range(count):
                inner = [inner]
            return inner

        def innermost(copy: Any, count: int) -> Any:
            for _ in range(count):
                (copy,) = copy
            return copy

        assert copied(nested(depth, 1), depth=depth) == nested(depth, 1)
        for value, text in [
            ([1, 2], "list of 2 items"),
            ((1,), "tuple of 1 items"),
            ({"a": 1}, "dict of 1 items"),
            ({1}, "set of 1 items"),
            (collections.deque([1]), "collections.deque of 1 items"),
            (Node(), f"{HERE}.Node"),
        ]:
            assert is_cut(innermost(copied(nested(depth, value), depth=depth), depth), text)
        # What is empty, or is told by one text, is never too deep.
        assert copied(nested(depth, []), depth=depth) == nested(depth, [])
        told = {"$type": "decimal.Decimal", "$value": "1"}
        assert copied(nested(depth, decimal.Decimal(1)), depth=depth) == nested(depth, told)

    def test_integers(self) -> None:
        """An integer that is too long to be written out is told by its size."""
        assert copied(2**4096 - 1) == 2**4096 - 1
        assert is_cut(copied(2**4096), "integer of 4097 bits")

    @pytest.mark.parametrize(("bounds", "limit"), [({}, 1000), ({"values": 10}, 10)])
    def test_values_of_an_event(self, bounds: dict[str, int], limit: int) -> None:
        """Fields, items and keys that are no strings, however they are spread."""
        pairs = {"items": 10_000, "time": 1.0} | bounds
        # The field itself is one of them.
        assert copied(list(range(limit - 1)), **pairs) == list(range(limit - 1))
        *rest, mark = copied(list(range(limit)), **pairs)
        assert rest == list(range(limit - 1))
        assert is_cut(mark, f"{limit} items")
        (event,) = fire(
            "fn:app.f:entry { capture(a=v, b=v, c=5, d=w); }",
            v=list(range(limit)),
            w="x" * 100,
            limits=CopyLimits(**pairs),
        )
        assert is_cut(event.values["b"], f"list of {limit} items")
        assert event.values["c"] == 5
        assert event.values["d"] == "x" * 64 + "…truncated (100 characters)"

    @pytest.mark.parametrize("limit", [8192, 65_536, 1_048_576])
    def test_bytes_of_an_event(self, limit: int) -> None:
        """It never has more, and fields that come too late are still there."""
        large = {f"key {n}": "☃" * 5000 for n in range(400)}
        (event,) = fire(
            "fn:app.f:entry { capture(a=v, b=v, c=5, d=v); }",
            v=large,
            limits=CopyLimits(bytes=limit, items=10_000, time=1.0),
        )
        assert limit / 2 < event.size < limit + 512
        assert event.values["c"] == 5
        assert is_cut(event.values["d"], "dict of 400 items")
        assert event.values["a"]["…truncated"] == "400 items"

    def test_settings(self) -> None:
        """Each bound is a setting by the same name, with the same default everywhere."""
        defaults = CopyLimits.RANGES
        settings = Settings()
        assert {name: getattr(settings, f"copy_{name}") for name, *_ in defaults} == {
            name: default for name, _, default, _ in defaults
        }
        environ = {f"HOGTRACE_COPY_{name.upper()}": f"{most:.0f}" for name, _, _, most in defaults}
        loaded = Settings.load({}, environ=environ)
        assert (loaded.copy_depth, loaded.copy_items, loaded.copy_time) == (16, 10_000, 1.0)
        with Tracer(exporter=MemoryExporter(), max_overhead=None, copy_depth=16, copy_items=1, copy_time=0):
            pass
        for name, least, _, most in defaults:
            for wrong in (least - 1, most + 1, "x", None, True):
                with pytest.raises(ConfigError, match=f"COPY_{name.upper()} in settings.HOGTRACE is"):
                    Settings.load({f"COPY_{name.upper()}": wrong}, environ={})
            with pytest.raises(ConfigError, match=f"copy_{name} is"):
                Tracer(exporter=MemoryExporter(), max_overhead=None, **{f"copy_{name}": most + 1})  # type: ignore[arg-type]
            with pytest.raises(ValueError, match=f"{name} is .*; it must be from"):
                CopyLimits(**{name: int(most) + 1})  # type: ignore[arg-type]


class TestMarks:
    """Cycles, shared objects, and strings that look like marks."""

    def test_cycles(self) -> None:
        """What contains itself is marked where it comes again, with the place that it comes back to."""
        cycle: list[Any] = [1]
        cycle.append(cycle)
        assert copied(cycle) == [1, "…cycle (result)"]
        assert isinstance(copied(cycle)[1], Mark)
        node = Node(inner={})
        node.inner["back to"] = node  # type: ignore[attr-defined]
        assert copied(node)["inner"] == {"back to": "…cycle (result)"}
        assert copied([node])[0]["inner"]["back to"] == "…cycle (result[0])"
        assert copied({"k": [cycle]})["k"] == [[1, '…cycle (result["k"][0])']]
        pair: tuple[Any, ...] = ([],)
        pair[0].append(pair)
        assert copied(pair) == (["…cycle (result)"],)

    def test_shared_objects(self) -> None:
        """What was copied already in the same field is marked with the place where it stands."""
        twice, node = [1], Node(a=1)
        assert copied([twice, twice]) == [[1], "…same (result[0])"]
        assert isinstance(copied([twice, twice])[1], Mark)
        assert copied({"x": node, "y": {"z": node}})["y"] == {"z": '…same (result["x"])'}
        assert copied(Node(a=node, b=[node]))["b"] == ["…same (result.a)"]
        assert copied({1: twice, 2: twice})[2] == "…same (result[1])"
        assert copied({(1,): twice, 2: twice})[2] == "…same (result[…])"

    def test_what_cannot_change_is_shown_again(self) -> None:
        """Tuples, strings and the like have no identity that anybody cares for."""
        pair, text = (1, [2]), "x" * 50
        assert copied([pair, pair]) == [(1, [2]), (1, "…same (result[0][1])")]
        assert copied([text, text]) == [text, text]
        assert copied([[], []]) == [[], []]
        empty: list[int] = []
        assert copied([empty, empty]) == [[], []]

    def test_each_field_stands_for_itself(self) -> None:
        """A field never refers to another one."""
        (event,) = fire("fn:app.f:entry { capture(a=v, b=v); }", v=[1])
        assert event.values == {"a": [1], "b": [1]}

    def test_shown_less_deep_before(self) -> None:
        """What was copied from further down, and so with less of it, is copied again."""
        inner = [[1]]
        assert copied([[inner], inner]) == [[["…truncated (list of 1 items)"]], [[1]]]

    def test_long_names_of_places_are_cut(self) -> None:
        """A place is told in few words."""
        shared: list[int] = [1]
        copy = copied({"k" * 1000: shared, "b": shared})
        assert copy["b"] == f'…same (result["{"k" * 64}…"])'

    @pytest.mark.parametrize(
        "text",
        ["…truncated (3 items)", "…truncated", "…cycle (result)", "…same (x)", "abc…truncated (5000 characters)",
         "abc…truncated (5000 characters, out of time)"],
    )  # fmt: skip
    def test_strings_that_look_like_marks(self, text: str) -> None:
        """They are told apart from marks, as values and as keys, there and back."""
        value = {"v": text, "k": {text: 1}, "l": [text]}
        event = CaptureEvent(timestamp=0.0, program="p", probe="p", target="t", point="entry", values=value)
        assert event.values == value
        assert type(event.values["v"]) is str
        form = {"$str": text}
        assert event.to_dict()["values"] == {"v": form, "k": {"$dict": [[form, 1]]}, "l": [form]}
        assert CaptureEvent.from_json(event.to_json()) == event

    def test_marks_come_back_as_marks(self) -> None:
        """From JSON, and from a copy of the values of another event."""
        (event,) = fire("fn:app.f:entry { capture(v, w); }", v=list(range(200)), w={str(n): n for n in range(200)})
        again = CaptureEvent.from_json(event.to_json())
        assert again == event
        assert isinstance(again.values["v"][-1], Mark)
        values = {"v": again.values["v"][-1]}
        made = CaptureEvent(timestamp=0.0, program="p", probe="p", target="t", point="entry", values=values)
        assert isinstance(made.values["v"], Mark)
        assert made.to_dict()["values"] == {"v": "…truncated (200 items)"}

    @pytest.mark.parametrize("text", ["…and so on", "…", "a … b", "characters)", "(5 characters)"])
    def test_other_strings_are_left_alone(self, text: str) -> None:
        """Only what could be taken for a mark is written otherwise."""
        event = CaptureEvent(timestamp=0.0, program="p", probe="p", target="t", point="entry", values={"v": text})
        assert event.to_dict()["values"] == {"v": text}


class TestTime:
    """The time of one run's copies."""

    def test_no_time_at_all(self) -> None:
        """With a budget of 0 nothing but scalars and the beginning of strings is copied, and the event says so."""
        source = "fn:app.f:entry { capture(a=1, b=v, c=w, d=x, e=y); }"
        (event,) = fire(source, v=[1, 2], w="x" * 100, x={"a": 1}, y=Node(), limits=CopyLimits(time=0.0))
        assert event.values == {
            "a": 1,
            "b": "…truncated (list of 2 items, out of time)",
            "c": "x" * 64 + "…truncated (100 characters, out of time)",
            "d": "…truncated (dict of 1 items, out of time)",
            "e": f"…truncated ({HERE}.Node, out of time)",
        }
        assert all(isinstance(event.values[name], Mark) for name in "bcde")
        (error,) = event.errors
        assert (error["field"], error["kind"]) == ("b", "limit")
        assert error["message"] == "out of time: the copies of one run stop after 0 ms"
        assert CaptureEvent.from_json(event.to_json()) == event

    def test_time_runs_out_on_the_way(self) -> None:
        """What was copied until then is kept, the rest is cut with its own mark, on every level."""
        value = {"a": 1, "big": [[["x" * 1024 for _ in range(100)] for _ in range(100)] for _ in range(10)], "b": 2}
        bounds = {"time": 0.0001, "items": 10_000, "values": 100_000, "bytes": 1_048_576}
        (event,) = fire("fn:app.f:entry { capture(v); }", v=value, limits=CopyLimits(**bounds))
        assert event.values["v"]["a"] == 1
        assert event.values["v"]["…truncated"] == "3 items, out of time"
        assert event.values["v"]["big"][-1] == "…truncated (10 items, out of time)"
        assert [error["kind"] for error in event.errors] == ["limit"]
        assert 1000 < event.size < 1_000_000

    def test_one_time_for_all_captures_of_a_run(self) -> None:
        """The second capture has what the first one left."""
        source = "fn:app.f:entry { capture(v); capture(w); }"
        big = [[["x" * 1024 for _ in range(100)] for _ in range(100)] for _ in range(10)]
        bounds = {"time": 0.0001, "items": 10_000, "values": 100_000, "bytes": 1_048_576}
        first, second = fire(source, v=big, w=[1], limits=CopyLimits(**bounds))
        assert first.errors
        assert second.values == {"w": "…truncated (list of 1 items, out of time)"}

    def test_many_small_captures_of_a_run(self) -> None:
        """Captures of which none alone is worth a look at the clock run out of time together."""
        source = f"fn:app.f:entry {{ {'capture(v);' * 9} }}"
        events = fire(source, v=[[n] for n in range(12)], limits=CopyLimits(time=0.000001))
        assert len(events) == 9
        assert events[0].values == {"v": [[n] for n in range(12)]}
        assert events[-1].values == {"v": "…truncated (list of 12 items, out of time)"}
        assert [error["kind"] for error in events[-1].errors] == ["limit"]

    def test_ordinary_events_are_not_cut(self) -> None:
        """The default is far from what they take, however busy the machine is."""
        order = Node(number=17, lines=[("tea", 2), ("milk", 1)], customer=Node(name="Ann", address=Node(town="x")))
        for _ in range(2000):
            (event,) = fire("fn:app.f:entry { capture(v, w); }", v=order, w="text")
            assert not event.errors
            assert "out of time" not in event.to_json()


class TestEnd:
    """Copies end soon, whatever they are of, and leave nothing behind."""

    @pytest.mark.parametrize("kind", ["deep", "string", "bytes", "dict", "list", "decimal", "int", "wide", "fields"])
    def test_enormous_values(self, kind: str) -> None:
        """A value of any size is copied soon."""
        value: Any = {
            "deep": lambda: __import__("functools").reduce(lambda inner, _: [inner], range(1_000_000), 1),
            "string": lambda: "x" * 200_000_000,
            "bytes": lambda: b"x" * 200_000_000,
            "dict": lambda: dict.fromkeys(range(1_000_000)),
            "list": lambda: [None] * 10_000_000,
            "decimal": lambda: decimal.Decimal("1" * 1_000_000),
            "int": lambda: 1 << 10_000_000,
            "wide": lambda: [[["x" * 1024] * 100] * 100] * 100,
            "fields": lambda: Node(**{f"f{n}": n for n in range(200_000)}),
        }[kind]()
        copied(value)
        best = min(_seconds(lambda: copied(value, time=0.001)) for _ in range(3))
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
    # The thread's own: it may have to wait for the processor.
    started = time.thread_time()
    action()
    return time.thread_time() - started
