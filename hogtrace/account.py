"""Events told request by request: what the console exporter, `hogtrace show` and `hogtrace tail` print.

Here they become lines of words, each with what kind of word it is; `hogtrace.paint` makes text of these.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from hogtrace import display
from hogtrace._engine import CaptureEvent
from hogtrace.errors import ConfigError

__all__ = ["ASCII", "LAYOUTS", "UNICODE", "Account", "Glyphs", "Layout", "Line"]

Layout: TypeAlias = Literal["line", "tree"]
"""How an event is told: on one line, or with a line for each of its values."""

LAYOUTS: Final[tuple[str, ...]] = get_args(Layout)

Line: TypeAlias = list[tuple[str, str]]
"""The words of one line, each with its kind; `hogtrace.paint` has a look for each."""

_REQUEST_LOOKS: Final = 10
_LEAST_VALUE_WIDTH: Final = 24
_MOST_NAME_WIDTH: Final = 28
_MOST_FUNCTION_WIDTH: Final = 40
_NARROW: Final = 72
_SEPARATOR: Final = "  "

# How many requests that have not ended are remembered.
_REQUESTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What stands for what, beside the words."""

    branch: str
    last: str
    trunk: str
    wrong: str
    dot: str


UNICODE: Final = Glyphs("├─ ", "└─ ", "│  ", "✗", "·")
ASCII: Final = Glyphs("|- ", "`- ", "|  ", "x", "-")


class Account:
    """Tells events, those of one request under one heading.

    It remembers when a request began, so that what comes of it later is told by the same clock, until the record of
    its end has come. Raises `ConfigError` for a layout that there is not.
    """

    def __init__(self, layout: Layout = "tree") -> None:
        if layout not in LAYOUTS:
            raise ConfigError(f"layout is {layout!r}; it must be {' or '.join(map(repr, LAYOUTS))}")
        self._layout = layout
        self._begun: dict[str, float] = {}

    def tell(
        self,
        events: Iterable[CaptureEvent],
        *,
        width: int | None = None,
        glyphs: Glyphs = UNICODE,
        spaced: bool = False,
    ) -> Iterator[Line]:
        """Give `events` in lines, requests in the order in which they began.

        `width` is where to fold long values, in columns; None does not fold. `spaced` puts an empty line between.
        """
        for number, group in enumerate(_groups(events)):
            if number and spaced:
                yield []
            if group[0].request_id is None:
                yield from self._outside(group, width, glyphs)
            else:
                yield from self._request(group[0].request_id, group, width, glyphs)

    def _outside(self, events: Sequence[CaptureEvent], width: int | None, glyphs: Glyphs) -> Iterator[Line]:
        times = [display.clock(event.timestamp) for event in events]
        for event, when, head in zip(events, times, self._heads(events), strict=True):
            yield from self._event(event, [(when, "time")], [], head, width, glyphs)

    def _request(self, name: str, group: Sequence[CaptureEvent], width: int | None, glyphs: Glyphs) -> Iterator[Line]:
        end = next((event for event in group if event.kind == "request"), None)
        events = [event for event in group if event is not end]
        known = self._begun.pop(name, None)
        begun = _beginning(events, end) if known is None else known
        if end is None:
            self._begun[name] = begun
            while len(self._begun) > _REQUESTS:
                del self._begun[next(iter(self._begun))]
        colour = f"request{zlib.crc32(name.encode(errors='replace')) % _REQUEST_LOOKS}"
        yield self._heading(name, group, end, begun, colour, goes_on=known is not None)
        times = [f"+{display.milliseconds(event.timestamp - begun)}" for event in events]
        column = max(map(len, times), default=0)
        times = [when.rjust(column) for when in times]
        heads = self._heads(events)
        for number, (event, when, head) in enumerate(zip(events, times, heads, strict=True), 1):
            is_last = end is None and number == len(events)
            first, rest = (glyphs.last, "   ") if is_last else (glyphs.branch, glyphs.trunk)
            if self._layout == "line":
                first = rest = _SEPARATOR
            yield from self._event(event, [(first, colour), (when, "time")], [(rest, colour)], head, width, glyphs)
        if end is not None:
            yield [(_SEPARATOR if self._layout == "line" else glyphs.last, colour), *_ending(end, glyphs)]

    def _heading(
        self,
        name: str,
        group: Sequence[CaptureEvent],
        end: CaptureEvent | None,
        begun: float,
        colour: str,
        *,
        goes_on: bool,
    ) -> Line:
        request = {key: value for event in group for key, value in event.request.items()}
        line = [
            (display.clock(begun), "time"),
            (_SEPARATOR, ""),
            (display.request_name(request) or "a request", "title"),
        ]
        route = str(request.get("route") or "")
        # Django's have no slash at the beginning.
        if route.strip("/") not in ("", str(request.get("path")).strip("/")):
            line += [(_SEPARATOR, ""), (display.plain(route), "quiet")]
        if end is not None and end.values.get("status") is not None:
            line += [(_SEPARATOR, ""), _status(end)]
        line += [(_SEPARATOR, ""), (display.short_id(name), colour)]
        if goes_on:
            line += [(_SEPARATOR, ""), ("continued", "quiet")]
        return line

    def _heads(self, events: Sequence[CaptureEvent]) -> list[Line]:
        """Give point and function of each, aligned."""
        points = max([5, *(len(event.point) for event in events)])
        functions = [_function(event) for event in events]
        widths = [sum(display.cells(word) for word, _ in function) for function in functions]
        column = min(max(widths, default=0), _MOST_FUNCTION_WIDTH) if self._layout == "line" else 0
        return [
            [
                (f"{_SEPARATOR}{event.point.rjust(points)}{_SEPARATOR}", "time"),
                *function,
                (" " * max(0, column - width if event.values or event.errors else 0), ""),
            ]
            for event, function, width in zip(events, functions, widths, strict=True)
        ]

    def _event(
        self, event: CaptureEvent, start: Line, trunk: Line, head: Line, width: int | None, glyphs: Glyphs
    ) -> Iterator[Line]:
        line = [*start, *head]
        if self._layout == "line":
            yield from _in_line(line, _rows(event, glyphs), width)
            return
        yield line
        before = sum(display.cells(word) for word, _ in [*start, head[0]])
        taken = sum(display.cells(word) for word, _ in trunk)
        indent = before - taken if width is None or width >= _NARROW else 4
        yield from _in_columns([*trunk, (" " * indent, "")], taken + indent, _rows(event, glyphs), width)


def _groups(events: Iterable[CaptureEvent]) -> list[list[CaptureEvent]]:
    """Give the events of each request together, and what happens outside of any between their beginnings."""
    groups: list[list[CaptureEvent]] = []
    requests: dict[str, list[CaptureEvent]] = {}
    for event in events:
        if event.request_id is not None:
            if event.request_id not in requests:
                requests[event.request_id] = []
                groups.append(requests[event.request_id])
            requests[event.request_id].append(event)
        elif groups and groups[-1][0].request_id is None:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def _beginning(events: Sequence[CaptureEvent], end: CaptureEvent | None) -> float:
    known = [event.timestamp for event in events]
    if end is not None:
        known.append(end.timestamp - (_number(end, "duration") or 0))
    return min(known)


def _ending(end: CaptureEvent, glyphs: Glyphs) -> Line:
    status = end.values.get("status")
    line = [("ended", "quiet") if status is None else _status(end)]
    duration, captured, errors = (_number(end, name) for name in ("duration", "captured", "errors"))
    if duration is not None:
        line += [(" in ", "quiet"), (display.milliseconds(duration), "strong")]
    if captured is not None:
        line += [(f" {glyphs.dot} {_counted(captured, 'event')}", "quiet")]
    if errors:
        line += [(f" {glyphs.dot} ", "quiet"), (_counted(errors, "error"), "wrong")]
    return line


def _status(end: CaptureEvent) -> tuple[str, str]:
    status = display.value_text(end.values["status"])
    return status, f"status{status[0]}" if status[:1] in "2345" else "strong"


def _number(event: CaptureEvent, name: str) -> float | None:
    value = event.values.get(name)
    return value if isinstance(value, int | float) else None


def _function(event: CaptureEvent) -> Line:
    """Give the function's name, with stress on its last part, or on `Class.method` as far as one can tell."""
    parts = display.plain(event.function).split(".")
    own = 2 if len(parts) > 1 and parts[-2][:1].isupper() else 1
    module = ".".join(parts[:-own])
    return [*([(f"{module}.", "quiet")] if module else []), (".".join(parts[-own:]), "function")]


def _rows(event: CaptureEvent, glyphs: Glyphs) -> list[tuple[str, str, str]]:
    """Give for each value and each error of `event` its name, its text and what kind of word that is."""
    wrong: dict[str | None, list[str]] = {}
    for error in event.errors:
        wrong.setdefault(error.get("field"), []).append(f"{glyphs.wrong} {display.error_text(error)}")
    rows = []
    for name, value in event.values.items():
        messages = wrong.pop(name, None)
        if messages:
            rows += [(display.plain(name), message, "wrong") for message in messages]
        else:
            kind = "hidden" if value == "[redacted]" else "text" if isinstance(value, str) else "value"
            rows.append((display.plain(name), display.value_text(value), kind))
    return rows + [("", message, "wrong") for messages in wrong.values() for message in messages]


def _in_columns(start: Line, used: int, rows: Sequence[tuple[str, str, str]], width: int | None) -> Iterator[Line]:
    column = min(max((display.cells(name) for name, _, _ in rows), default=0), _MOST_NAME_WIDTH)
    for name, text, kind in rows:
        taken = display.cells(name)
        room = None if width is None else max(width - used - max(column, taken) - 2, _LEAST_VALUE_WIDTH)
        first, *rest = display.folded(text, room)
        # Half a string has half its quotes, by which one would know it.
        look = "text" if rest and kind == "value" and text[0] in "\"'" else kind
        yield [*start, (name, "name"), (" " * (max(column - taken, 0) + 2), ""), (first, look)]
        for piece in rest:
            yield [*start, (" " * (column + 2), ""), (piece, look)]


def _in_line(line: Line, rows: Sequence[tuple[str, str, str]], width: int | None) -> Iterator[Line]:
    used = sum(display.cells(word) for word, _ in line)
    for name, text, kind in rows:
        label = f"{name}=" if name and kind != "wrong" else f"{name} " if name else ""
        room = display.cells(label) + display.cells(text) + 2
        if width is not None and used + room > width and used > 6:
            yield line
            line, used = [(" " * 4, "")], 4
        pieces = display.folded(text, None if width is None else max(width - used - len(label) - 2, _LEAST_VALUE_WIDTH))
        line += [(_SEPARATOR, ""), (label, "name"), (pieces[0], kind)]
        used += display.cells(label) + display.cells(pieces[0]) + 2
        for piece in pieces[1:]:
            yield line
            line, used = [(" " * 6, ""), (piece, kind)], 6 + display.cells(piece)
    yield line


def _counted(count: float, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
