"""Captured values and events as text for people; `hogtrace.account` puts it in order.

Everything that was captured passes through `value_text` or `plain` here, which turn control characters,
direction marks and whatever else a terminal might obey into visible escapes.
"""

from __future__ import annotations

import re
import shutil
import time
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hogtrace._engine import CaptureEvent, Mark

__all__ = [
    "cells",
    "clock",
    "error_text",
    "folded",
    "hanging",
    "is_terminal",
    "line_text",
    "milliseconds",
    "plain",
    "record_text",
    "request_name",
    "short_id",
    "value_text",
    "width_of",
]

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


def width_of(stream: object) -> int | None:
    """Give how many columns the terminal has to which `stream` writes; None if it writes to none."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else None


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
        # A dict of the application that has such a key beside others that are no text is a dict.
        is_object = "$type" in value and all(isinstance(key, str) for key in value)
        return _object_text(value) if is_object else _dict_text(value)
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


def line_text(event: CaptureEvent) -> str:
    """Give one event on one line: where, in which request, its values and what could not be captured."""
    request = [] if event.request_id is None else [f"[{short_id(event.request_id)}]"]
    if event.kind == "request":
        return " ".join([event.point, record_text(event), *request])
    head = [event.point, plain(event.function)]
    if name := request_name(event.request):
        head.append(name)
    head += request
    wrong = {error.get("field") for error in event.errors}
    head += [f"{plain(name)}={value_text(value)}" for name, value in event.values.items() if name not in wrong]
    head += [
        f"✗ {error['field']}: {error_text(error)}" if error.get("field") else f"✗ {error_text(error)}"
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
        text += f" in {milliseconds(duration)}"
    if isinstance(captured := said.get("captured"), int):
        text += f", {captured:,} captured"
    if isinstance(errors := said.get("errors"), int) and errors:
        text += f", {errors:,} error{'' if errors == 1 else 's'}"
    return text


def request_name(request: Mapping[str, object]) -> str:
    """Give what is known of a request's method and path."""
    return " ".join(plain(str(request[key])) for key in ("method", "path") if request.get(key))


def milliseconds(seconds: float) -> str:
    """Give a duration in milliseconds, to a tenth."""
    return f"{seconds * 1000:,.1f} ms"


def error_text(error: Mapping[str, Any]) -> str:
    """Give what went wrong, and in which line of the probe file."""
    line = error.get("line")
    place = f" (line {line})" if line is not None else ""
    return plain(f"{error.get('message') or error.get('kind')}{place}")


def clock(timestamp: float) -> str:
    """Give a time as the clock of this place shows it, to the millisecond."""
    try:
        shown = time.strftime("%H:%M:%S", time.localtime(timestamp))
    except (ValueError, OverflowError, OSError):
        return repr(timestamp)
    return f"{shown}.{int(timestamp % 1 * 1000):03d}"


def cells(text: str) -> int:
    """Say how many columns of a terminal `text` takes, all of it printable."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def folded(text: str, width: int | None) -> list[str]:
    """Give `text` in lines of at most `width` columns, broken at blanks where there are any; None does not fold."""
    if width is None:
        return [text]
    lines: list[str] = []
    begin = 0
    while True:
        end, used = begin, 0
        while end < len(text) and (used := used + _cell(text[end])) <= width:
            end += 1
        if end == len(text):
            return [*lines, text[begin:]]
        blank = text.rfind(" ", begin + 1, end + 1)
        end = blank if blank > 0 else max(end, begin + 1)
        lines.append(text[begin:end])
        begin = end + 1 if blank > 0 else end


def hanging(text: str, width: int | None) -> str:
    """Fold each line of `text` to `width` columns, its further lines four columns further in; None does not fold."""
    lines: list[str] = []
    for line in text.split("\n"):
        first, *rest = folded(line, width)
        lines.append(first.rstrip() if rest else first)
        if rest and width is not None:
            left = line[len(first) :].lstrip()
            lines += [f"    {piece.strip()}" for piece in folded(left, max(width - 4, 1))]
    return "\n".join(lines)


def _cell(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


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
