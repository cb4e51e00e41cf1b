"""Captured events as text for people."""

from __future__ import annotations

from typing import Any

import pytest

from hogtrace import display
from hogtrace.events import Mark
from tests.hogtrace.exporters.samples import make_event, without_clock

REQUEST = {"method": "POST", "path": "/orders/", "framework": "django"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        (1.5, "1.5"),
        (b"\x00x", r"b'\x00x'"),
        ("plain", '"plain"'),
        ('SELECT "id"', "'SELECT \"id\"'"),
        ("both \" and '", r'''"both \" and '"'''),
        ("back\\slash", r'"back\\slash"'),
        ((1,), "(1,)"),
        ((1, "a"), '(1, "a")'),
        ([1, [2]], "[1, [2]]"),
        ({3}, "{3}"),
        (set(), "set()"),
        ({"a": 1, 2: None}, '{"a": 1, 2: None}'),
        (Mark("xxx…truncated (5000 characters)"), '"xxx"… (5,000 characters)'),
        ("xxx…truncated (5000 characters)", '"xxx…truncated (5000 characters)"'),
        ([1, Mark("…truncated (250 items)")], "[1, …truncated (250 items)]"),
        (
            {"a": Mark("…cycle (v)"), "b": Mark("[redacted]"), Mark("…truncated"): "9 items"},
            '{"a": …cycle (v), "b": [redacted], …truncated (9 items)}',
        ),
        ({"…truncated": "9 items"}, '{"…truncated": "9 items"}'),
        ({"$type": "shop.Order", "id": 1, "…truncated": "80 fields"}, "Order(id=1, …truncated (80 fields))"),
        ({"$type": "shop.Order", "$$type": "fake"}, 'Order($type="fake")'),
        ({"$type": "_io.BytesIO", "$unread": "stored in C"}, "BytesIO(<stored in C>)"),
        (
            {"$type": "numpy.ndarray", "$shape": (2, 1), "$items": "int64", "$value": [1, 2]},
            'ndarray([1, 2], shape=(2, 1), items="int64")',
        ),
        ({"$type": "function", "$value": "app.f", "$at": "app.py:3"}, 'function("app.f", at="app.py:3")'),
        (
            {
                "$type": "ValueError",
                "$message": "no",
                "$args": ("no",),
                "$cause": {"$type": "KeyError", "$message": "'k'", "$args": ("k",)},
                "$traceback": ["/srv/app/shop.py:3 place", "/srv/app/shop.py:9 main"],
            },
            """ValueError("no") at shop.py:3 place from KeyError("'k'")""",
        ),
        ({"$type": "shop.models.Order", "id": 1, "note": "x"}, 'Order(id=1, note="x")'),
        ({"$type": "builtins.ValueError", "$message": "no", "$args": ["no"]}, 'ValueError("no")'),
        ({"$type": "datetime.date", "$value": "2025-01-01"}, 'date("2025-01-01")'),
        ({"$type": "shop.Opaque"}, "Opaque()"),
    ],
)
def test_values_read_like_python(value: object, expected: str) -> None:
    """Strings are quoted, containers keep their brackets, cuts are marked as cuts."""
    assert display.value_text(value) == expected


def test_long_values_are_folded_to_the_terminals_width() -> None:
    """The rest of a value stands under its beginning, and nothing is lost."""
    sql = f"SELECT {', '.join(f'column_{number}' for number in range(20))}, last"
    lines = display.event_text(make_event(values={"sql": sql}), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 3
    assert len({len(line) - len(line.lstrip()) for line in lines[2:]}) == 1
    assert " ".join(line.strip() for line in lines[1:]).removeprefix("sql  ") == f'"{sql}"'


def test_an_account_tells_requests_one_after_the_other() -> None:
    """Events that overlapped in time are told by request, each with the time since it began."""
    a = {"request_id": "aaa", "request": REQUEST}
    b = {"request_id": "bbb", "request": {"method": "GET", "path": "/"}}
    events = [
        make_event(0, **a, values={"x": 1}),
        make_event(1, **b, values={}),
        make_event(20, **a, point="exit", function="shop.models.Order.save", values={}),
        make_event(30, values={}),
    ]
    assert without_clock(display.account(events)) == (
        "Outside any request · 1 event · TT:TT:TT.TTT\n"
        "  +0.0 ms  entry  shop.orders.place\n"
        "\n"
        "POST /orders/ · 2 events in 20.0 ms · TT:TT:TT.TTT · aaa\n"
        "   +0.0 ms  entry  shop.orders.place\n"
        "                   x  1\n"
        "  +20.0 ms   exit  shop.models.Order.save\n"
        "\n"
        "GET / · 1 event · TT:TT:TT.TTT · bbb\n"
        "  +0.0 ms  entry  shop.orders.place\n"
    )


ENDED: dict[str, Any] = {
    "point": "request",
    "program": "hogtrace",
    "probe": "request",
    "target": "request",
    "request_id": "aaa",
    "request": REQUEST,
    "values": {
        "method": "POST",
        "path": "/orders/7",
        "route": "/orders/{id}",
        "status": 200,
        "duration": 0.0123,
        "captured": 3,
        "errors": 0,
    },
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "POST /orders/{id} 200 in 12.3 ms, 3 captured"),
        ({"route": None, "errors": 1}, "POST /orders/7 200 in 12.3 ms, 3 captured, 1 error"),
        ({"route": None, "path": None, "errors": 2}, "POST /orders/ 200 in 12.3 ms, 3 captured, 2 errors"),
        ({"status": None, "duration": None, "captured": None}, "POST /orders/{id}"),
        ({"route": "/\x1b[2J"}, "POST /\\x1b[2J 200 in 12.3 ms, 3 captured"),
    ],
)
def test_the_record_of_a_request_is_one_line(changes: dict[str, object], expected: str) -> None:
    """It says what the request was, how it ended, how long it took and what came of it, as far as that is known."""
    event = make_event(20, **{**ENDED, "values": ENDED["values"] | changes})
    assert display.record_text(event) == expected
    assert without_clock(display.event_text(event)) == f"TT:TT:TT.TTT  request  {expected}  [aaa]\n"
    assert display.line_text(event) == f"request {expected} [aaa]"


def test_a_record_of_nothing_known() -> None:
    """A request without a method or a path is one all the same."""
    assert display.record_text(make_event(point="request", values={})) == "A request"


def test_an_account_tells_a_request_by_its_record() -> None:
    """The record is the head of its request, not one of the events."""
    a = {"request_id": "aaa", "request": REQUEST}
    events = [make_event(0, **a, values={}), make_event(5, **a, point="exit", values={}), make_event(20, **ENDED)]
    assert without_clock(display.account(events)) == (
        "POST /orders/{id} 200 in 12.3 ms, 3 captured · TT:TT:TT.TTT · aaa\n"
        "  +0.0 ms  entry  shop.orders.place\n"
        "  +5.0 ms   exit  shop.orders.place\n"
    )
    assert without_clock(display.account(events[2:])) == (
        "POST /orders/{id} 200 in 12.3 ms, 3 captured · TT:TT:TT.TTT · aaa\n"
    )
