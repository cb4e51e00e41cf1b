"""Lines of words as text: plain, or in colours for a terminal, which the package rich makes."""

from __future__ import annotations

import importlib.util
import io
import os
import re
from collections.abc import Iterable
from typing import Final

from hogtrace import display
from hogtrace.account import ASCII, UNICODE, Glyphs, Line

__all__ = ["can_paint", "glyphs_for", "painted", "unpainted", "wants_colours"]

# Readable on dark and on light ground alike; those of requests tell neighbours apart.
_LOOKS: Final = {
    "time": "dim",
    "quiet": "dim",
    "hidden": "dim italic",
    "title": "bold",
    "strong": "bold",
    "function": "bold",
    "name": "cyan",
    "text": "green",
    "wrong": "red",
    "status2": "bold green",
    "status3": "bold cyan",
    "status4": "bold yellow",
    "status5": "bold red",
    **{
        f"request{number}": f"color({colour})"
        for number, colour in enumerate((33, 208, 35, 170, 37, 178, 99, 167, 71, 133))
    },
}

_QUOTE: Final = re.compile(r"\\.|[\"']")
"""A quote, or a character that a backslash makes no quote."""


def can_paint() -> bool:
    """Say whether the package rich is there, without which there are no colours."""
    return importlib.util.find_spec("rich") is not None


def wants_colours(stream: object) -> bool:
    """Say whether `stream` is a terminal that shows colours to somebody who has not said no to them."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return display.is_terminal(stream) and not dumb and not os.environ.get("NO_COLOR") and can_paint()


def glyphs_for(stream: object) -> Glyphs:
    """Give signs that `stream` can take."""
    encoding = getattr(stream, "encoding", None)
    try:
        if encoding:
            "├└│─✗·".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def unpainted(lines: Iterable[Line]) -> str:
    """Give `lines` as plain text."""
    return "".join("".join(word for word, _ in line).rstrip() + "\n" for line in lines)


def painted(lines: Iterable[Line]) -> str:
    """Give `lines` with the codes that make a terminal show them in colours. Raises `ImportError` without rich."""
    from rich.console import Console
    from rich.highlighter import ReprHighlighter
    from rich.text import Text

    text = io.StringIO()
    # Nothing of what was captured is markup, and the lines are folded already.
    console = Console(
        file=text, force_terminal=True, no_color=False, legacy_windows=False, markup=False, emoji=False, highlight=False
    )
    highlight = ReprHighlighter()
    quote = ""
    for line in lines:
        shown = Text()
        for word, kind in line:
            if kind == "value":
                # Half a string has half its quotes, by which rich would know it.
                parts, quote = _parts(word, quote)
                for part, is_text in parts:
                    shown.append_text(Text(part, _LOOKS["text"]) if is_text else highlight(Text(part)))
            else:
                quote = "" if kind == "name" else quote
                shown.append(word, _LOOKS.get(kind))
        shown.rstrip()
        console.print(shown, soft_wrap=True)
    return text.getvalue()


def _parts(word: str, quote: str) -> tuple[list[tuple[str, bool]], str]:
    """Take apart `word`, a line of a folded value; `quote` is that of the string that goes on in it, if one does.

    Gives each part, with whether it is the end or the beginning of such a string, and the quote of that which goes on.
    """
    begin, parts = 0, []
    goes_on = bool(quote)
    for match in _QUOTE.finditer(word):
        if match[0][0] == "\\":
            continue
        if not quote:
            quote, last = match[0], match.start()
        elif match[0] == quote:
            quote = ""
            if goes_on:
                begin, goes_on = match.end(), False
                parts.append((word[:begin], True))
    if goes_on:
        return [(word, True)], quote
    if quote:
        return [*parts, (word[begin:last], False), (word[last:], True)], quote
    return [*parts, (word[begin:], False)], quote
