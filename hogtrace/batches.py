"""A batch of events on its way through the exporter, and when one that could not be taken is offered again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from hogtrace._engine import CaptureEvent, EventQueue, count_lost

__all__ = ["Batch", "longest_wish"]

_FIRST_PAUSE: Final = 0.5  # seconds
_LONGEST_PAUSE: Final = 30.0  # seconds
_LONGEST_WISH: Final = 300.0  # seconds; no exporter is obeyed for longer


class Batch:
    """Events that were taken from the queue; whoever settles them first has the say."""

    __slots__ = ("_begun", "_open", "_pauses", "_queue", "_tells_probes", "_wish", "next_attempt", "taken")

    next_attempt: float
    """When to offer it again, by `time.monotonic()`."""

    taken: tuple[CaptureEvent, ...]
    """The events."""

    def __init__(self, queue: EventQueue, events: Sequence[CaptureEvent], *, tells_probes: bool = True) -> None:
        self._queue = queue
        self._tells_probes = tells_probes
        self.taken = tuple(events)
        self._open = [True]
        self._begun = monotonic()
        self._pauses = 0
        self._wish = False
        self.next_attempt = self._begun

    def __len__(self) -> int:
        return len(self.taken)

    @property
    def events(self) -> list[CaptureEvent]:
        """The events, in a list that is the exporter's to keep or to change."""
        return list(self.taken)

    def settle(self, **outcome: Any) -> None:
        """Tell the queue what became of the events, unless that was told already."""
        if self._close():
            self._tell(self.taken, **outcome)

    def settle_partly(self, lost: Sequence[CaptureEvent], cause: str) -> None:
        """Tell the queue that all events but those that are `lost` were exported, unless that was told already."""
        ids = {event.id for event in lost}
        gone = [event for event in self.taken if event.id in ids]
        kept = self.narrow([event for event in self.taken if event.id not in ids], {cause: gone})
        if kept is not None:
            kept.settle(exported=len(kept))

    def narrow(self, kept: Sequence[CaptureEvent], gone: Mapping[str, Sequence[CaptureEvent]]) -> Batch | None:
        """Give a batch of the events that are `kept`, which may be others in their place, and drop the rest.

        `gone` are those of this batch that are dropped, by cause. None if the batch has been settled.
        """
        if not self._close():
            return None
        for cause, events in gone.items():
            if events:
                self._tell(events, dropped=len(events), cause=cause)
        return Batch(self._queue, kept, tells_probes=self._tells_probes)

    def rest(self, taken: Sequence[CaptureEvent], lost: Sequence[CaptureEvent]) -> Batch | None:
        """Give what is to be offered again when some of it were `taken` and some are `lost`, which are settled.

        That is a batch that began when this one did. None if nothing is left, or this has been settled.
        """
        if not taken and not lost:
            return self
        settled = {event.id for event in taken}
        unwanted = {event.id for event in lost} - settled
        gone = [event for event in self.taken if event.id in unwanted]
        left = [event for event in self.taken if event.id not in settled | unwanted]
        batch = self.narrow(left, {"exporter_failed": gone})
        if batch is None:
            return None
        self._queue.settle(exported=len(self) - len(left) - len(gone))
        batch._begun, batch._pauses = self._begun, self._pauses
        return batch if left else None

    def _close(self) -> bool:
        try:
            self._open.pop()  # one thread alone succeeds
        except IndexError:
            return False
        return True

    def _tell(self, events: Sequence[CaptureEvent], **outcome: Any) -> None:
        self._queue.settle(**outcome)
        if outcome.get("dropped") and self._tells_probes:
            count_lost(list(events), outcome["cause"])

    def postpone(self, after: float | None, *, timeout: float) -> bool:
        """Set the time of the next attempt; give False if its time, `timeout` seconds since the first, is over then.

        That is in `after` seconds, if the exporter knows; otherwise after a pause that doubles each time, up to 30
        seconds, of which a random part of up to a half is left out, so that many processes do not come together. The
        last pause ends with the time of the batch.
        """
        now = monotonic()
        end = self._begun + timeout
        if now >= end:
            return False
        self._wish = after is not None
        if after is not None:
            self.next_attempt = now + longest_wish(after)
            return self.next_attempt <= end
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._pauses)
        self._pauses += 1
        self.next_attempt = min(now + _JITTER.uniform(pause / 2, pause), end)
        return True

    def hurry(self) -> None:
        """Offer it again at once, unless the exporter has said when."""
        if not self._wish:
            self.next_attempt = monotonic()


def longest_wish(after: float) -> float:
    """Give for how many seconds an exporter is obeyed that asks for `after`."""
    return min(max(0.0, after), _LONGEST_WISH)


# The system's own chance: the children of a fork would share the state of any other.
_JITTER: Final = random.SystemRandom()
