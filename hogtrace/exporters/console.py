"""Events for people, on a terminal or in a log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from hogtrace import display, paint
from hogtrace._engine import CaptureEvent
from hogtrace.account import Account, Layout
from hogtrace.errors import ConfigError
from hogtrace.exporters.checks import checked_flag

__all__ = ["ConsoleExporter"]


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class ConsoleExporter:
    """Writes events as readable text to `stream`; None means the process's standard error at the time.

    Events of one request that come in one batch stand under one heading: when it began, what it is, a short id. Each
    has the time since then. The record of the request's end, if there is one, closes it. With the `layout` "tree" each
    value has a line, with "line" each event has one. Control characters in what was captured are shown as escapes.

    `colour` None means: colours if the stream is a terminal, the environment variable NO_COLOR is not set, and the
    package rich is there, which the extra `console` brings. Without it the text is the same, without colours.

    Raises `ConfigError` for a layout that there is not, a `stream` that is none, and for `colour` True without rich.
    """

    def __init__(self, stream: _Stream | None = None, colour: bool | None = None, layout: Layout = "tree") -> None:
        if stream is not None and not all(callable(getattr(stream, name, None)) for name in ("write", "flush")):
            raise ConfigError("ConsoleExporter: `stream` must be an object with write(text) and flush()")
        if colour is not None:
            checked_flag(colour, "ConsoleExporter: `colour`, if it is given,")
        self._stream = stream
        self._colour = colour
        try:
            self._account = Account(layout)
        except ConfigError as error:
            raise ConfigError(f"ConsoleExporter: {error}") from None
        if colour and not paint.can_paint():
            raise ConfigError('ConsoleExporter: colours need the package rich: pip install "hogtrace[console]"')

    def __repr__(self) -> str:
        return "<hogtrace.ConsoleExporter>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Write `events`. Raises what the stream raises."""
        stream: _Stream | None = sys.stderr if self._stream is None else self._stream
        if stream is None:  # the process has no standard error
            return
        lines = self._account.tell(events, width=display.width_of(stream), glyphs=paint.glyphs_for(stream))
        coloured = paint.wants_colours(stream) if self._colour is None else self._colour
        text = paint.painted(lines) if coloured else paint.unpainted(lines)
        encoding = getattr(stream, "encoding", None)
        if encoding:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        stream.write(text)
        stream.flush()

    def close(self) -> None:
        """Do nothing: the stream belongs to whoever made it."""
