"""Events for the tests of what takes, stores and shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hogtrace import CaptureEvent

START = 1_700_000_000.25

ODD_VALUES: dict[str, object] = {
    "none": None,
    "yes": True,
    "count": 3,
    "large": 2**80,
    "ratio": 0.1 + 0.2,
    "nan": float("nan"),
    "text": 'quotes " and \\ and\nlines and \x00 and ünïcode 🦔',
    "items": [1, "two", [3.5, None]],
    "pairs": {"a": 1, "b": {"c": [True]}},
    "numbers": {1: "one", 2: "two"},
    "raw": b"\x00\xff",
}


def make_event(number: int = 0, /, **given: Any) -> CaptureEvent:
    """Give an event; `number` sets it and its time apart from others, `given` replaces what it is made of."""
    values: Mapping[str, object] = {"number": number}
    return CaptureEvent(
        **{
            "timestamp": START + number / 1000,
            "program": "shop.hogtrace",
            "probe": "shop.orders.place:entry",
            "target": "shop.orders.place",
            "point": "entry",
            "values": values,
            **given,
        }
    )


def make_events(count: int) -> Sequence[CaptureEvent]:
    """Give `count` events, each a millisecond after the one before."""
    return [make_event(number) for number in range(count)]


def numbers(events: Sequence[CaptureEvent]) -> list[int]:
    """Give what `make_event` was called with for each of `events`."""
    return [event.values["number"] for event in events]


def without_clock(text: str) -> str:
    """Take out the time of day, which depends on the time zone."""
    return re.sub(r"\d\d:\d\d:\d\d\.\d\d\d", "TT:TT:TT.TTT", text)
