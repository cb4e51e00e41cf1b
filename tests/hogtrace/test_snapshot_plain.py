"""Fields that need no walk, alone and beside those that do: the values are the same either way."""

import itertools
from typing import Any

import pytest

from hogtrace import CaptureEvent, compile
from hogtrace._engine import CopyLimits, EventQueue, LinkedProbe, Redaction, Site, TrustList
from hogtrace.events import Mark
from tests.hogtrace.evaluation import fire, site_of

SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 63, 64, -64, -65, 2**31, -(2**63), 2**63 - 1, 2**63, 1.5, -0.0, float("inf"),
    "", "x", "x" * 63, "x" * 64, "x" * 65, "x" * 127, "x" * 128, "é", "\ud800", "[redacted]", "$x", "…same (a)",
]  # fmt: skip


def captured(**values: Any) -> CaptureEvent:
    """Give the event that captures these values under these names."""
    (event,) = fire(f"fn:app.f:entry {{ capture({', '.join(values)}); }}", redaction=Redaction(), **values)
    return event


@pytest.mark.parametrize("value", SCALARS, ids=ascii)
def test_alone_and_after_a_walk(value: Any) -> None:
    """A scalar before, behind and inside a container is one and the same, as Python and as JSON."""
    event = captured(a=value, b=[value], c=value)
    shown = Mark(value) if value == "[redacted]" else value
    assert event.values == {"a": shown, "b": [shown], "c": shown}
    assert repr(event.values["a"]) == repr(event.values["b"][0]) == repr(event.values["c"])
    data = event.to_dict()["values"]
    assert data["a"] == data["b"][0] == data["c"]
    assert CaptureEvent.from_json(event.to_json()) == event
    assert captured(a=value).values == {"a": shown}


@pytest.mark.parametrize("order", list(itertools.permutations("abcd")))
def test_fields_in_any_order(order: tuple[str, ...]) -> None:
    """Each field keeps its own name, wherever the walk begins."""
    values: dict[str, Any] = {"a": 1, "b": [2, "two"], "c": "three", "d": {"e": 4.0}}
    event = captured(**{name: values[name] for name in order})
    assert list(event.values) == list(order)
    assert event.values == values


@pytest.mark.parametrize("count", range(200, 270))
def test_more_than_the_room(count: int) -> None:
    """However many bytes were written before, what does not fit beside them is kept whole."""
    values = {"a": "x" * 60, "b": "y" * 60, "c": "z" * 60, "d": "w" * (count - 200), "e": 12345, "f": 1.5, "g": "end"}
    assert captured(**values).values == values
    assert captured(**values, h=[values]).values == {**values, "h": [values]}


def test_a_place_names_its_field() -> None:
    """What is met again in a later field is told by that field's name."""
    shared = {"x": 1}
    inner: list[Any] = [shared, shared]
    inner.append(inner)
    event = captured(first=1, second="two", third=inner)
    assert event.values["third"] == [{"x": 1}, "…same (third[0])", "…cycle (third)"]


def test_secrets_in_short_strings() -> None:
    """A short string is searched, too."""
    event = captured(a="Bearer abcdefgh", b="x://u:pw@h", c="bearers", d="a-b:c")
    assert event.values == {"a": "Bearer [redacted]", "b": "x://u:[redacted]@h", "c": "bearers", "d": "a-b:c"}
    (event,) = fire("fn:app.f:entry { capture(a); }", a="Bearer abcdefgh", redaction=Redaction(enabled=False))
    assert event.values == {"a": "Bearer abcdefgh"}


def test_secret_fields_beside_others() -> None:
    """A field whose name is secret is hidden between two that are not."""
    assert captured(a=1, password="x", b="two").values == {"a": 1, "password": "[redacted]", "b": "two"}  # noqa: S106 - none


def test_the_bound_of_characters() -> None:
    """A bound below that of short strings holds."""
    source = "fn:app.f:entry { capture(a, b); }"
    (event,) = fire(source, a="x" * 16, b="y" * 17, limits=CopyLimits(characters=16))
    assert event.values == {"a": "x" * 16, "b": "y" * 16 + "…truncated (17 characters)"}


def test_errors_go_with_the_next_capture() -> None:
    """An error of the run is in the first event after it, also where all of that event's fields are scalars."""
    source = "fn:app.f:entry { $call.x = a.missing; capture(a); capture(a); }"
    first, second = fire(source, a=1)
    assert [error["kind"] for error in first.errors] == ["attribute"]
    assert second.errors == []
    assert first.values == second.values == {"a": 1}


def hook(source: str, places: list[Any], keep: list[int], loads: tuple[int, int]) -> tuple[Site, EventQueue]:
    """Make the hook of an exit probe, and the queue that it fills."""
    program = compile(source)
    queue = EventQueue(on_first=lambda: None)
    probe = program.probes[0]
    linked = LinkedProbe(program, probe, queue, access="safe", trust=TrustList(), redaction=Redaction())
    return Site("app.f", [], [(linked, places)], parameters=["a"], keep=keep, loads=loads), queue


def test_the_end_of_a_call() -> None:
    """Results, exceptions and arguments that were kept, as scalars and as what must be walked, at each kind of end."""
    places = [("kept", 0), ("retval",), ("load", 0), ("exception",)]
    site, queue = hook("fn:app.f:exit { capture(arg0, retval, x, exception); }", places, [0], (1, 1))
    plain, queue_of_plain = hook("fn:app.f:exit { capture(arg0, retval, x); }", places[:3], [0], (1, 1))
    for argument, result, local in itertools.product([1, "one", [1]], [None, 2.5, {"a": 1}], [True, "☃", (3,)]):
        expected = {"arg0": argument, "retval": result, "x": local}
        site[argument][local] = result
        plain[argument][local] = result
        (event,) = queue.take(1)
        assert event.values == {**expected, "exception": None}
        (event,) = queue_of_plain.take(1)
        assert event.values == expected
        del plain[argument][ValueError("x"), local]
        (event,) = queue_of_plain.take(1)
        assert event.values == {**expected, "retval": None}


def test_a_local_that_has_no_value() -> None:
    """The field is None, and the error names it, beside fields that are plain."""
    site, queue = hook("fn:app.f:exit { capture(retval, x); }", [("retval",), ("load", 0)], [], (0, 1))
    site[site] = 1
    (event,) = queue.take(1)
    assert event.values == {"retval": 1, "x": None}
    assert [(error["field"], error["kind"]) for error in event.errors] == [("x", "name")]
    assert queue.captured == 1


def test_counts_of_a_probe_whose_body_is_one_capture() -> None:
    """Its hits, passes and events are counted as those of others are."""
    site, values, queue, probe = site_of("fn:app.f:entry / a > 1 / { capture(a); }", a=2)
    for value in [values, 1, "x", 5]:
        site[value]
    assert (probe.hits, probe.passed, probe.not_passed, probe.failed, probe.captured) == (4, 2, 1, 1, 2)
    assert [event.values["a"] for event in queue.take(10)] == [2, 5]
