"""Batches sent in several requests, where a server takes no large ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from hogtrace._engine import CaptureEvent
from hogtrace.errors import ExportError, PartialExportError, RetryError, UnknownOutcomeError

__all__ = ["TooLargeError", "send_in_parts"]


class TooLargeError(ExportError):
    """A request that the server finds too large: none of it was taken, and half of it may be."""


def send_in_parts(events: Sequence[CaptureEvent], send: Callable[[Sequence[CaptureEvent]], int]) -> None:
    """Send `events` through `send`, in halves where they are too large.

    `send` gives how many of the events were refused, and raises what an exporter raises, or `TooLargeError`. Raises
    what `send` raised, where `RetryError` says what was settled before, or `PartialExportError` where some were taken
    and some were not.
    """
    taken: list[CaptureEvent] = []
    lost: list[CaptureEvent] = []
    reason = ""
    pieces = [list(events)] if events else []
    while pieces:
        piece = pieces.pop()
        try:
            refused = send(piece)
        except TooLargeError as error:
            if len(piece) == 1:
                lost += piece
                reason = str(error)
            else:
                half = len(piece) // 2
                pieces += [piece[half:], piece[:half]]  # the last is the next
        except RetryError as error:
            raise RetryError(str(error), error.after, taken=taken, lost=lost) from None
        except Exception as error:
            if not taken and not lost:
                raise
            lost += [event for part in [piece, *reversed(pieces)] for event in part]
            cause: Literal["unknown", "exporter_failed"] = (
                "unknown" if isinstance(error, UnknownOutcomeError) else "exporter_failed"
            )
            raise PartialExportError(str(error), lost, cause=cause) from None
        else:
            # Which of them are refused, no server tells.
            sound = max(0, len(piece) - max(0, refused))
            taken += piece[:sound]
            if sound < len(piece):
                lost += piece[sound:]
                reason = f"{refused} events were refused"
    if lost:
        raise PartialExportError(reason, lost)
