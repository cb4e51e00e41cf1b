"""Captured events as text for people."""

from __future__ import annotations

from typing import Any

import pytest

from hogtrace import display
from hogtrace.events import Mark
from tests.hogtrace.exporters.samples import make_event

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


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", None, ["one two three"]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 13, ["one two three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("ab cdefghij", 4, ["ab", "cdef", "ghij"]),
        ("日本語日本語", 5, ["日本", "語日", "本語"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
        ("", 5, [""]),
    ],
)
def test_text_is_folded_by_the_columns_that_it_takes(text: str, width: int | None, expected: list[str]) -> None:
    """At blanks where there are any; nothing else is lost, and wide characters count twice."""
    assert display.folded(text, width) == expected


def test_lines_that_go_on_hang() -> None:
    """Further in, by words, and none wider than it may be; short lines and those of no terminal stay."""
    text = "state  hits  probe\ninstalled  1,000  shop.place:entry  shop.hogtrace\n\nnote: 日本語日本語日本語 is long"
    assert display.hanging(text, None) == text
    assert display.hanging(text, 80) == text
    assert display.hanging(text, 24).split("\n") == [
        "state  hits  probe",
        "installed  1,000",
        "    shop.place:entry",
        "    shop.hogtrace",
        "",
        "note: 日本語日本語日本語",
        "    is long",
    ]


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
    assert display.line_text(event) == f"request {expected} [aaa]"


def test_a_record_of_nothing_known() -> None:
    """A request without a method or a path is one all the same."""
    assert display.record_text(make_event(point="request", values={})) == "A request"


def test_dicts_with_keys_that_look_like_ours() -> None:
    """A dict of the application that has `$type` beside a key that is no text is shown as a dict."""
    assert display.value_text({"$type": "x", None: 1}) == '{"$type": "x", None: 1}'
