"""The exporter for people, and the text it writes."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest

from hogtrace import CaptureEvent, ConfigError, display, paint
from hogtrace.account import Account
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
    """Under the request's heading: time since it began, point, function; then name and value in two columns."""
    event = make_event(
        request_id=ID, request=REQUEST, values={"order": 17, "customer": "Ann", "password": "[redacted]"}
    )
    assert without_clock(written(event)) == (
        "TT:TT:TT.TTT  POST /orders/  7f3a91c2\n"
        "└─ +0.0 ms  entry  shop.orders.place\n"
        "                   order     17\n"
        '                   customer  "Ann"\n'
        "                   password  [redacted]\n"
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
        return (written(event) + written(event, layout="line")).split("\n")

    lines = shown(f"a{character}b")
    assert not any(character in line for line in lines)
    assert len(lines) == len(shown("ab"))


def test_a_request_has_one_colour_and_the_next_one_another() -> None:
    """Its tree and its id tell it from those that overlap with it."""
    first, again, other = (make_event(request_id=name, values={}) for name in ("one", "one", "three"))
    lines = written(first, other, again, colour=True).splitlines()
    bars = [re.match(r"\x1b\[([\d;]+)m[├└]", line) for line in lines]
    colours = [bar[1] for bar in bars if bar]
    assert len(colours) == 3
    assert colours[0] == colours[1] != colours[2]


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


END = {"kind": "request", "point": "request", "function": "request"}
OUTCOME = {"method": "POST", "path": "/orders/", "status": 201, "duration": 0.0424, "captured": 2, "errors": 1}


def overlapping() -> list[CaptureEvent]:
    """Give events of two requests at a time, one of which ends, and one of no request."""
    first = {"request_id": ID, "request": {**REQUEST, "route": "orders/"}}
    second = {"request_id": "bbb", "request": {"method": "GET", "path": "/carts/9", "route": "/carts/<id>"}}
    return [
        make_event(2, **first, values={"order": 17, "lines": [["tea", 2]]}),
        make_event(5, **second, values={}, point="exit"),
        make_event(7, values={"beat": 1}, function="jobs.tick"),
        make_event(22, **first, point="entry+12", function="shop.models.Order.save", values={"id": None}),
        make_event(42, **first, **END, values=OUTCOME),
    ]


def test_the_events_of_a_request_stand_together() -> None:
    """The record of its end gives the heading its status, and closes it with what became of it."""
    assert without_clock(written(*overlapping())) == (
        "TT:TT:TT.TTT  POST /orders/  201  7f3a91c2\n"
        "├─  +2.4 ms     entry  shop.orders.place\n"
        "│                      order  17\n"
        '│                      lines  [["tea", 2]]\n'
        "├─ +22.4 ms  entry+12  shop.models.Order.save\n"
        "│                      id  None\n"
        "└─ 201 in 42.4 ms · 2 events · 1 error\n"
        "TT:TT:TT.TTT  GET /carts/9  /carts/<id>  bbb\n"
        "└─ +0.0 ms   exit  shop.orders.place\n"
        "TT:TT:TT.TTT  entry  jobs.tick\n"
        "                     beat  1\n"
    )


def test_each_event_on_one_line() -> None:
    """The other layout: the same headings, names and values behind the function."""
    assert without_clock(written(*overlapping(), layout="line")) == (
        "TT:TT:TT.TTT  POST /orders/  201  7f3a91c2\n"
        '   +2.4 ms     entry  shop.orders.place       order=17  lines=[["tea", 2]]\n'
        "  +22.4 ms  entry+12  shop.models.Order.save  id=None\n"
        "  201 in 42.4 ms · 2 events · 1 error\n"
        "TT:TT:TT.TTT  GET /carts/9  /carts/<id>  bbb\n"
        "  +0.0 ms   exit  shop.orders.place\n"
        "TT:TT:TT.TTT  entry  jobs.tick  beat=1\n"
    )


def test_a_request_that_goes_on_in_the_next_batch_keeps_its_clock() -> None:
    """Its heading says that it is continued; once it has ended it is forgotten."""
    stream = io.StringIO()
    exporter = ConsoleExporter(stream)
    for event in (overlapping()[0], overlapping()[3], overlapping()[4], overlapping()[0]):
        exporter.export([event])
    assert [line for line in without_clock(stream.getvalue()).splitlines() if "ms" in line or "TT" in line] == [
        "TT:TT:TT.TTT  POST /orders/  7f3a91c2",
        "└─ +0.0 ms  entry  shop.orders.place",
        "TT:TT:TT.TTT  POST /orders/  7f3a91c2  continued",
        "└─ +20.0 ms  entry+12  shop.models.Order.save",
        "TT:TT:TT.TTT  POST /orders/  201  7f3a91c2  continued",
        "└─ 201 in 42.4 ms · 2 events · 1 error",
        "TT:TT:TT.TTT  POST /orders/  7f3a91c2",
        "└─ +0.0 ms  entry  shop.orders.place",
    ]


def test_requests_that_never_end_are_forgotten() -> None:
    """What is remembered of them is bounded."""
    account = Account()
    for number in range(2500):
        list(account.tell([make_event(request_id=str(number))]))
    assert len(account._begun) == 1000


def test_a_string_that_is_folded_has_its_colour_in_every_line() -> None:
    """Also where the line has but its middle, or the end of one and the beginning of the next."""
    texts = {"a": 'it\'s a "long" one, \\' * 8, "b": {"c": "https://example.com/" + "path/" * 20}, "d": "short"}
    lines = list(Account("tree").tell([make_event(values={"order": [17, texts, 17]})], width=50))
    shown = paint.painted(lines)
    plain = paint.unpainted(lines)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == plain
    looks = {piece: code for code, piece in re.findall(r"\x1b\[([0-9;]+)m([^\x1b]*)", shown)}
    pieces = [line.strip() for line in plain.splitlines()[2:]]
    middles = [piece for piece in pieces if '"' not in piece.replace('\\"', "") or piece.startswith('"https')]
    assert len(middles) >= 6
    assert {looks[piece] for piece in middles} == {"32"}
    assert looks['"short"'] == "32"
    assert looks["17"] == "1;36"


@pytest.mark.parametrize("layout", ["tree", "line"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(layout: Any, width: int) -> None:
    """Long values are folded, by blanks where there are any, and nothing of them is lost; wide characters count."""
    sql = f"SELECT {', '.join(f'column_{number}' for number in range(20))}, last"
    event = make_event(function="shop.f", request_id="r", values={"sql": sql, "tea": "お茶" * 60, "n": list(range(60))})
    lines = list(Account(layout).tell([event], width=width))
    text = paint.unpainted(lines)
    assert max(map(display.cells, text.splitlines())) <= width
    squeezed = re.sub(r"\s+", "", text)
    for part in (sql, "お茶" * 60, str(list(range(60)))):
        assert re.sub(r"\s+", "", part) in squeezed


@pytest.mark.parametrize("layout", ["tree", "line"])
def test_markup_is_shown_as_it_is(layout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like an instruction to rich, in a value, a name, a path, is text; so are links and emoji codes."""
    monkeypatch.setenv("TERM", "xterm-256color")
    odd = "[bold]x[/bold] [link=http://e]y[/link] [/nonsense] :bomb:"
    event = make_event(
        request_id=odd[:12],
        request={"method": "GET", "path": odd},
        function=odd.replace(".", ""),
        values={odd: odd, "list": [odd]},
        errors=[{"field": None, "kind": "k", "message": odd, "line": None, "column": None}],
    )
    plain, coloured = (written(event, layout=layout, colour=colour) for colour in (False, True))
    assert plain.count(odd) == 6
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", coloured), "no code but those of colours"


def test_without_rich_the_text_is_the_same_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets no colours then; asking for them is an error that says what to install."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(ConfigError, match=r'colours need the package rich: pip install "hogtrace\[console\]"'):
        ConsoleExporter(colour=True)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        ConsoleExporter(terminal).export([make_event()])
        shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert "\x1b" not in shown
    assert "number  0" in shown


def test_rich_is_imported_for_colours_alone() -> None:
    """A server whose log is a pipe does not pay for it."""
    script = (
        "import sys\nfrom hogtrace.exporters import ConsoleExporter\n"
        "from tests.hogtrace.exporters.samples import make_event\n"
        "ConsoleExporter().export([make_event()])\nassert 'rich' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stderr=subprocess.PIPE, timeout=100)


def test_a_dumb_terminal_gets_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would show them."""
    monkeypatch.setenv("TERM", "dumb")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        ConsoleExporter(terminal).export([make_event()])
        shown = os.read(ours, 4096)
    os.close(ours)
    assert b"\x1b" not in shown


def test_a_layout_that_there_is_not_is_an_error() -> None:
    """At the start."""
    with pytest.raises(ConfigError, match="ConsoleExporter: layout is 'table'; it must be 'line' or 'tree'"):
        ConsoleExporter(layout="table")  # type: ignore[arg-type]  # what must fail


def test_lines_of_an_ascii_stream_are_drawn_in_ascii() -> None:
    """Branches, marks and dots that it cannot take have others."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleExporter(stream).export(overlapping())
    shown = raw.getvalue().decode()
    assert "|-  +2.4 ms" in shown
    assert "`- 201 in 42.4 ms - 2 events - 1 error" in shown
    assert "\\u" not in shown


def test_a_stream_that_fails_says_so_and_works_again() -> None:
    """The batch is the pipeline's to count; the next one is written."""
    reading, writing = os.pipe()
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123, SIM115 - closed below, with what it could not write
    with pytest.raises(OSError, match="No space"):
        ConsoleExporter(full).export([make_event()])
    with contextlib.suppress(OSError):
        full.close()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        exporter = ConsoleExporter(pipe)
        with pytest.raises(BrokenPipeError):
            exporter.export([make_event()])
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
