"""A batch of events on its way through the exporter, and when one that could not be taken is offered again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from hogtrace._engine import CaptureEvent, EventQueue, count_lost

__all__ = ["Batch"]

_FIRST_PAUSE: Final = 0.5  # seconds
_LONGEST_PAUSE: Final = 30.0  # seconds
_LONGEST_WISH: Final = 300.0  # seconds; no exporter is obeyed for longer


class Batch:
    """Events that were taken from the queue; whoever settles them first has the say."""

    __slots__ = ("_begun", "_open", "_pauses", "_queue", "_taken", "_wish", "next_attempt")

    next_attempt: float
    """When to offer it again, by `time.monotonic()`."""

    def __init__(self, queue: EventQueue, events: Sequence[CaptureEvent]) -> None:
        self._queue = queue
        self._taken = tuple(events)
        self._open = [True]
        self._begun = monotonic()
        self._pauses = 0
        self._wish = False
        self.next_attempt = self._begun

    def __len__(self) -> int:
        return len(self._taken)

    @property
    def events(self) -> list[CaptureEvent]:
        """The events, in a list that is the exporter's to keep or to change."""
        return list(self._taken)

    def settle(self, **outcome: Any) -> None:
        """Tell the queue what became of the events, unless that was told already."""
        try:
            self._open.pop()  # one thread alone succeeds
        except IndexError:
            return
        self._queue.settle(**outcome)
        if outcome.get("dropped"):
            count_lost(self._taken, outcome["cause"])

    def postpone(self, after: float | None, *, timeout: float) -> bool:
        """Set the time of the next attempt; give False if it has been tried for `timeout` seconds already.

        That is in `after` seconds, if the exporter knows; otherwise after a pause that doubles each time, up to 30
        seconds, of which a random part of up to a half is left out, so that many processes do not come together.
        """
        now = monotonic()
        if now - self._begun >= timeout:
            return False
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._pauses)
        self._pauses += 1
        self._wish = after is not None
        # Chance of a lower kind will do, and takes nothing from the application's own.
        wait = _JITTER.uniform(pause / 2, pause) if after is None else min(max(0.0, after), _LONGEST_WISH)
        self.next_attempt = now + wait
        return True

    def hurry(self) -> None:
        """Offer it again at once, unless the exporter has said when."""
        if not self._wish:
            self.next_attempt = monotonic()


_JITTER: Final = random.Random()  # noqa: S311 - nothing is secret here
