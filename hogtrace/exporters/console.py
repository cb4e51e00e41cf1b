"""Events for people, on a terminal or in a log."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Protocol

from hogtrace import display
from hogtrace._engine import CaptureEvent

__all__ = ["ConsoleExporter"]


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class ConsoleExporter:
    """Writes events as readable text to `stream`; None means the process's standard error at the time.

    `colour` None means: colours if the stream is a terminal and the environment variable NO_COLOR is not set.
    Each request has a colour and a short id of its own, so that its events can be told from those of other
    requests. Control characters in what was captured are shown as escapes, never sent to the terminal.
    """

    def __init__(self, stream: _Stream | None = None, colour: bool | None = None) -> None:
        self._stream = stream
        self._colour = colour

    def __repr__(self) -> str:
        return "<hogtrace.ConsoleExporter>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Write `events`, each as one line and a line for each of its values."""
        stream: _Stream | None = sys.stderr if self._stream is None else self._stream
        if stream is None:  # the process has no standard error
            return
        terminal = display.is_terminal(stream)
        colour = self._colour
        if colour is None:
            colour = terminal and not os.environ.get("NO_COLOR")
        width = shutil.get_terminal_size().columns if terminal else None
        text = "".join(display.event_text(event, colour=colour, width=width) for event in events)
        encoding = getattr(stream, "encoding", None)
        if encoding:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        stream.write(text)
        stream.flush()

    def close(self) -> None:
        """Do nothing: the stream belongs to whoever made it."""
