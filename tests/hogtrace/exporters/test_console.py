"""The exporter for people, and the text it writes."""

from __future__ import annotations

import io
import os
import pty
import re
import sys

import pytest

from hogtrace import display
from hogtrace.exporters import ConsoleExporter
from tests.hogtrace.exporters.samples import ODD_VALUES, make_event, without_clock

REQUEST = {"method": "POST", "path": "/orders/", "framework": "django"}
ID = "7f3a91c2d4e54a0b8f"


def written(*events: object, **options: object) -> str:
    """Give what an exporter writes for `events`."""
    stream = io.StringIO()
    ConsoleExporter(stream, **options).export(events)  # type: ignore[arg-type]
    return stream.getvalue()


def test_an_event_is_a_headline_and_its_values_aligned() -> None:
    """Time, point, function, request and its short id; then name and value in two columns."""
    event = make_event(
        request_id=ID, request=REQUEST, values={"order": 17, "customer": "Ann", "password": "[redacted]"}
    )
    assert without_clock(written(event)) == (
        "TT:TT:TT.TTT  entry  shop.orders.place  POST /orders/  [7f3a91c2]\n"
        "                     order     17\n"
        '                     customer  "Ann"\n'
        "                     password  [redacted]\n"
    )


def test_an_event_outside_any_request_has_a_bare_headline() -> None:
    """Nothing is made up where nothing is known."""
    assert without_clock(written(make_event(values={}))) == "TT:TT:TT.TTT  entry  shop.orders.place\n"


def test_the_clock_has_milliseconds() -> None:
    """Whatever the time zone, the part of the second is what was captured."""
    assert re.match(r"\d\d:\d\d:\d\d\.250 ", written(make_event()))


def test_an_error_stands_where_its_value_would() -> None:
    """The field that failed says why; an error of no field has a line of its own."""
    errors = [
        {
            "field": "role",
            "kind": "attribute",
            "message": "User has no attribute 'role'",
            "line": 12,
            "column": 9,
        },
        {"field": None, "kind": "limit", "message": "too many variables", "line": None, "column": None},
    ]
    lines = written(make_event(values={"user": 1, "role": None}, errors=errors)).splitlines()
    assert [line.strip() for line in lines[1:]] == [
        "user  1",
        "role  ✗ User has no attribute 'role' (line 12)",
        "✗ too many variables",
    ]


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, [*range(0x20), *range(0x7F, 0xA0)]),
        "\u2028",
        "\u202e",
        "\u200b",
        "\u2066",
        "\ufeff",
        "\U000e0001",
    ],
    ids=ascii,
)
def test_control_characters_never_reach_the_terminal(character: str) -> None:
    """In a value, a key, a name, a path or an id: an escape is shown, the character is not sent."""

    def shown(text: str) -> list[str]:
        event = make_event(
            function=f"shop.{text}",
            request_id=text,
            request={"method": text, "path": text},
            values={
                text: text,
                "d": {text: [text]},
                "o": {"$type": text, text: text, "$message": text},
                "e": 1,
            },
            errors=[{"field": "e", "kind": text, "message": text, "line": 1, "column": 1}],
        )
        return (written(event) + display.account([event])).split("\n")

    lines = shown(f"a{character}b")
    assert not any(character in line for line in lines)
    assert len(lines) == len(shown("ab"))


def test_a_request_has_one_colour_and_the_next_one_another() -> None:
    """The bar at the left and the id tell overlapping requests apart."""
    first, again, other = (make_event(request_id=name, values={}) for name in ("one", "one", "three"))
    bars = [line.partition("▎")[0] for line in written(first, again, other, colour=True).splitlines()]
    assert bars[0] == bars[1] != bars[2]
    assert all(bar.startswith("\x1b[38;5;") for bar in bars)


def test_no_colour_is_sent_where_nobody_sees_it() -> None:
    """A stream that is no terminal gets plain text."""
    assert "\x1b" not in written(make_event(request_id=ID, values=ODD_VALUES))
    assert "\x1b" in written(make_event(), colour=True)


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_told_otherwise(
    variable: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR is honoured when it is set to anything."""
    monkeypatch.setenv("NO_COLOR", variable)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        ConsoleExporter(terminal).export([make_event()])
        shown = os.read(ours, 4096)
    os.close(ours)
    assert (b"\x1b[" in shown) is coloured


def test_a_stream_of_another_encoding_gets_escapes() -> None:
    """A log file in ASCII is no reason to lose events."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleExporter(stream).export([make_event(values={"é": "🦔"})])
    assert b'\\xe9  "\\U0001f994"' in raw.getvalue()


def test_standard_error_is_looked_up_each_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers replace it after the exporter is made; a process may have none."""
    exporter = ConsoleExporter()
    exporter.export([make_event()])
    assert "shop.orders.place" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stderr", None)
    exporter.export([make_event()])
    exporter.close()


def test_times_beyond_the_calendar_are_shown_as_numbers() -> None:
    """A clock that is wrong by far does not cost the event."""
    assert "1e+300" in written(make_event(timestamp=1e300))
