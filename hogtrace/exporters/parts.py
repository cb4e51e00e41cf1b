"""Batches sent in several requests, where a server takes no large ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from hogtrace._engine import CaptureEvent
from hogtrace.errors import ExportError, PartialExportError, RetryError, UnknownOutcomeError

__all__ = ["Parts", "TooLargeError"]


class TooLargeError(ExportError):
    """A request that the server finds too large: none of it was taken, and half of it may be."""


class Parts:
    """Sends batches through `send`, in halves where they are too large, and keeps account of the parts.

    `send` gives how many of the events were refused, and raises what an exporter raises, or `TooLargeError`. A batch
    that is offered again goes on where it stopped.
    """

    def __init__(self, send: Callable[[Sequence[CaptureEvent]], int]) -> None:
        self._send = send
        self._done: set[str] = set()
        self._lost: list[CaptureEvent] = []
        self._reason = ""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Send `events`. Raises what `send` raised, and `PartialExportError` where some were taken and some not."""
        waiting = [event for event in events if event.id not in self._done] if self._done else list(events)
        if len(waiting) == len(events):
            self._forget()
        pieces = [waiting] if waiting else []
        while pieces:
            piece = pieces.pop()
            try:
                refused = self._send(piece)
            except TooLargeError as error:
                if len(piece) == 1:
                    self._settle(piece, 1, str(error))
                    continue
                half = len(piece) // 2
                pieces += [piece[half:], piece[:half]]  # the last is the next
            except RetryError:
                # What was not sent yet is offered again; what was is known by its ids.
                raise
            except Exception as error:
                rest = [event for part in reversed(pieces) for event in part]
                self._give_up(events, [*piece, *rest], error)
            else:
                self._settle(piece, refused, f"{refused} events were refused")
        lost, reason = self._lost, self._reason
        self._forget()
        if lost:
            raise PartialExportError(reason, lost)

    def _settle(self, piece: Sequence[CaptureEvent], refused: int, reason: str) -> None:
        self._done.update(event.id for event in piece)
        if refused > 0:
            # Which of them, no server tells.
            self._lost += piece[-refused:]
            self._reason = reason

    def _give_up(self, events: Sequence[CaptureEvent], rest: Sequence[CaptureEvent], error: Exception) -> None:
        lost = [*self._lost, *rest]
        self._forget()
        if len(lost) >= len(events):
            raise error
        cause: Literal["unknown", "exporter_failed"] = (
            "unknown" if isinstance(error, UnknownOutcomeError) else "exporter_failed"
        )
        raise PartialExportError(str(error), lost, cause=cause) from None

    def _forget(self) -> None:
        self._done = set()
        self._lost = []
        self._reason = ""
