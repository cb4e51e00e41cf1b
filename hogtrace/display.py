"""Captured events as text for people: what the console exporter and `hogtrace show` print.

Everything that was captured passes through `value_text` or `plain` here, which turn control characters,
direction marks and whatever else a terminal might obey into visible escapes.
"""

from __future__ import annotations

import re
import textwrap
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hogtrace._engine import CaptureEvent, Mark

__all__ = [
    "account",
    "event_text",
    "is_terminal",
    "line_text",
    "plain",
    "record_text",
    "request_text",
    "short_id",
    "value_text",
]

_BOLD: Final = "1"
_DIM: Final = "2"
_RED: Final = "31"
# Colours that tell requests apart, readable on dark and on light ground alike.
_REQUEST_COLOURS: Final = tuple(f"38;5;{number}" for number in (33, 208, 35, 170, 37, 178, 99, 167, 71, 133))

_LEAST_VALUE_WIDTH: Final = 30
_MOST_NAME_WIDTH: Final = 28
_CUT: Final = "…truncated"
_CUT_STRING: Final = re.compile(r"(.+)…truncated \((\d+) characters(.*)\)", re.DOTALL)
_PATH: Final = re.compile(r".*[/\\](?=.*:\d+ )")
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def is_terminal(stream: object) -> bool:
    """Say whether `stream` writes to a terminal."""
    isatty = getattr(stream, "isatty", None)
    try:
        return bool(isatty is not None and isatty())
    except ValueError:  # it is closed
        return False


def plain(text: str) -> str:
    """Give `text` with every character that is not plainly printable as an escape."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def value_text(value: object) -> str:
    """Give a captured value on one line, much as Python would write it.

    Objects appear as `Class(field=…)`, with the class's own name alone; what was redacted or cut shows as
    such.
    """
    if isinstance(value, str):
        return _string_text(value)
    if isinstance(value, Mapping):
        return _object_text(value) if "$type" in value else _dict_text(value)
    if isinstance(value, tuple):
        return f"({_items_text(value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{_items_text(value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{_items_text(value)}}}" if value else "set()"
    return plain(repr(value))


def short_id(request_id: str) -> str:
    """Give the first characters of a request's id, enough to tell it from its neighbours."""
    return plain(request_id if len(request_id) <= 12 else request_id[:8])


def event_text(event: CaptureEvent, *, colour: bool = False, width: int | None = None) -> str:
    """Give one event as lines of text: when, where and in which request, then its values, aligned.

    The record of a request is one line. `width` is where to fold long values, in characters; None does not fold.
    """
    paint = _Paint(colour)
    request_colour = _request_colour(event.request_id)
    clock = _clock(event.timestamp)
    is_record = event.kind == "request"
    head = [paint(clock, _DIM), paint(event.point.rjust(5), _DIM)]
    if is_record:
        head.append(paint(record_text(event), _BOLD))
    else:
        head.append(_function_text(event, paint))
        if name := _request_name(event.request):
            head.append(name)
    if event.request_id is not None:
        head.append(paint(f"[{short_id(event.request_id)}]", request_colour))
    gutter = paint("▎", request_colour) if colour else ""
    body = [] if is_record else _body(event, len(clock) + 9, paint, width and width - 1)
    lines = ["  ".join(head), *body]
    return "".join(f"{gutter}{line}\n" for line in lines)


def line_text(event: CaptureEvent) -> str:
    """Give one event on one line: where, in which request, its values and what could not be captured."""
    request = [] if event.request_id is None else [f"[{short_id(event.request_id)}]"]
    if event.kind == "request":
        return " ".join([event.point, record_text(event), *request])
    head = [event.point, plain(event.function)]
    if name := _request_name(event.request):
        head.append(name)
    head += request
    wrong = {error.get("field") for error in event.errors}
    head += [f"{plain(name)}={value_text(value)}" for name, value in event.values.items() if name not in wrong]
    head += [
        f"✗ {error['field']}: {_error_text(error)}" if error.get("field") else f"✗ {_error_text(error)}"
        for error in event.errors
    ]
    return " ".join(head)


def record_text(event: CaptureEvent) -> str:
    """Give the record of a request on one line: `GET /orders/{id} 200 in 12.3 ms, 3 captured, 1 error`."""
    said = event.request | {name: value for name, value in event.values.items() if value is not None}
    place = [plain(str(part)) for part in (said.get("method"), said.get("route") or said.get("path")) if part]
    if said.get("status") is not None:
        place.append(plain(str(said["status"])))
    text = " ".join(place) or "A request"
    if isinstance(duration := said.get("duration"), int | float):
        text += f" in {_milliseconds(duration)}"
    if isinstance(captured := said.get("captured"), int):
        text += f", {captured:,} captured"
    if isinstance(errors := said.get("errors"), int) and errors:
        text += f", {errors:,} error{'' if errors == 1 else 's'}"
    return text


def request_text(events: Sequence[CaptureEvent], *, colour: bool = False, width: int | None = None) -> str:
    """Give the account of one request: what it was, then its captures, each with the time since the first.

    `events` are those of one request id (or of none), in the order in which they happened; there is at least
    one. Where the record of the request is among them it stands in place of what could be told without it.
    """
    paint = _Paint(colour)
    record = next((event for event in reversed(events) if event.kind == "request"), None)
    events = [event for event in events if event.kind != "request"] or events
    first, last = events[0], events[-1]
    request_colour = _request_colour(first.request_id)
    count = "1 event" if len(events) == 1 else f"{len(events)} events"
    if first.request_id is None:
        head = [paint("Outside any request", _BOLD), count, _clock(first.timestamp)]
    elif record is not None:
        head = [
            paint(record_text(record), _BOLD),
            _clock(first.timestamp),
            paint(plain(first.request_id), request_colour),
        ]
    else:
        name = next((name for event in events if (name := _request_name(event.request))), "A request")
        took = f"{count} in {_milliseconds(last.timestamp - first.timestamp)}" if events[1:] else count
        head = [
            paint(name, _BOLD),
            took,
            _clock(first.timestamp),
            paint(plain(first.request_id), request_colour),
        ]
    lines = [" · ".join(head)]
    events = [event for event in events if event.kind != "request"]
    offsets = [f"+{_milliseconds(event.timestamp - first.timestamp)}" for event in events]
    offset_width = max(map(len, offsets), default=0)
    for event, offset in zip(events, offsets, strict=True):
        where = f"{paint(event.point.rjust(5), _DIM)}  {_function_text(event, paint)}"
        lines.append(f"  {paint(offset.rjust(offset_width), _DIM)}  {where}")
        lines.extend(_body(event, offset_width + 11, paint, width and width - 1))
    gutter = paint("▎", request_colour) if colour else ""
    return "".join(f"{gutter}{line}\n" for line in lines)


def account(events: Iterable[CaptureEvent], *, colour: bool = False, width: int | None = None) -> str:
    """Give `events` grouped by request, in the order in which they began, with a blank line between."""
    groups: dict[str | None, list[CaptureEvent]] = {}
    for event in events:
        groups.setdefault(event.request_id, []).append(event)
    outside = groups.pop(None, None)
    ordered = ([outside] if outside else []) + list(groups.values())
    return "\n".join(request_text(group, colour=colour, width=width) for group in ordered)


class _Paint:
    """Wraps text in a terminal's codes, or does not."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, code: str | None) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and code else text


def _body(event: CaptureEvent, indent: int, paint: _Paint, width: int | None) -> list[str]:
    """Give a line for each value and each error of `event`, more where a value has to be folded."""
    wrong: dict[str | None, list[str]] = {}
    for error in event.errors:
        wrong.setdefault(error.get("field"), []).append(_error_text(error))
    rows: list[tuple[str, str, str | None]] = []
    for name, value in event.values.items():
        messages = wrong.pop(name, None)
        if messages:
            rows.extend((plain(name), f"✗ {message}", _RED) for message in messages)
        else:
            rows.append((plain(name), value_text(value), _DIM if value == "[redacted]" else None))
    rows.extend(("", f"✗ {message}", _RED) for messages in wrong.values() for message in messages)
    column = min(max((len(name) for name, _, _ in rows), default=0), _MOST_NAME_WIDTH)
    lines = []
    for name, text, code in rows:
        start = " " * indent + paint(name.ljust(column), _DIM) + "  "
        used = indent + max(len(name), column) + 2
        for piece in _folded(text, None if width is None else max(width - used, _LEAST_VALUE_WIDTH)):
            lines.append((start + paint(piece, code)).rstrip())
            start = " " * (indent + column + 2)
    return lines


def _function_text(event: CaptureEvent, paint: _Paint) -> str:
    """Give the function's name, with stress on its last part, or on `Class.method` as far as one can tell."""
    parts = plain(event.function).split(".")
    own = 2 if len(parts) > 1 and parts[-2][:1].isupper() else 1
    module = ".".join(parts[:-own])
    return (paint(f"{module}.", _DIM) if module else "") + paint(".".join(parts[-own:]), _BOLD)


def _folded(text: str, width: int | None) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_on_hyphens=False) or [text]


def _error_text(error: Mapping[str, Any]) -> str:
    line = error.get("line")
    place = f" (line {line})" if line is not None else ""
    return plain(f"{error.get('message') or error.get('kind')}{place}")


def _request_name(request: Mapping[str, object]) -> str:
    return " ".join(plain(str(request[key])) for key in ("method", "path") if request.get(key))


def _request_colour(request_id: str | None) -> str | None:
    if request_id is None:
        return None
    return _REQUEST_COLOURS[zlib.crc32(request_id.encode(errors="replace")) % len(_REQUEST_COLOURS)]


def _clock(timestamp: float) -> str:
    try:
        shown = time.strftime("%H:%M:%S", time.localtime(timestamp))
    except (ValueError, OverflowError, OSError):
        return repr(timestamp)
    return f"{shown}.{int(timestamp % 1 * 1000):03d}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _string_text(text: str) -> str:
    if not isinstance(text, Mark):
        return _quoted(text)
    cut = _CUT_STRING.fullmatch(text)
    if cut:
        return f"{_quoted(cut[1])}… ({int(cut[2]):,} characters{plain(cut[3])})"
    return plain(text)


def _quoted(text: str) -> str:
    quote = "'" if '"' in text and "'" not in text else '"'
    escaped = plain(text.replace("\\", "\\\\"))
    return f"{quote}{escaped.replace(quote, chr(92) + quote)}{quote}"


def _items_text(items: Iterable[object]) -> str:
    return ", ".join(map(value_text, items))


def _dict_text(value: Mapping[Any, object]) -> str:
    pairs = []
    for key, item in value.items():
        if isinstance(key, Mark) and key == _CUT:
            pairs.append(f"{_CUT} ({plain(str(item))})")
        else:
            pairs.append(f"{value_text(key)}: {value_text(item)}")
    return f"{{{', '.join(pairs)}}}"


# Names that begin with `$` are ours; these tell what kind of object it is, or say no more than the rest.
_SILENT: Final = ("$type", "$value", "$message", "$name", "$args", "$traceback", "$cause", "$context")


def _object_text(value: Mapping[str, Any]) -> str:
    name = plain(str(value["$type"]).rpartition(".")[2])
    if "$unread" in value:
        return f"{name}(<{plain(str(value['$unread']))}>)"
    arguments = [value_text(value[key]) for key in ("$value", "$message") if key in value]
    for key, item in value.items():
        if key == _CUT:
            arguments.append(f"{_CUT} ({plain(str(item))})")
        elif key not in _SILENT:
            # What the application has under a name with `$` has one more.
            shown = key.removeprefix("$")
            arguments.append(f"{plain(shown)}={value_text(item)}")
    text = f"{name}({', '.join(arguments)})"
    if frames := value.get("$traceback"):
        # The event has the whole path; here its last part says enough.
        text += f" at {plain(_PATH.sub('', str(frames[0])))}"
    if "$cause" in value:
        text += f" from {value_text(value['$cause'])}"
    if "$context" in value:
        text += f" while handling {value_text(value['$context'])}"
    return text
