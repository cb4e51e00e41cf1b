"""What an exporter is called for: batches are handed over, and each is exported, kept for later, or dropped."""

from __future__ import annotations

import _thread
import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from time import monotonic

from hogtrace._engine import CaptureEvent, EventQueue
from hogtrace.batches import Batch, longest_wish
from hogtrace.before_export import BeforeExport, sift
from hogtrace.errors import PartialExportError, RetryError, UnknownOutcomeError
from hogtrace.outages import ExporterState, Outage, describe, warn
from hogtrace.overdue import Watch
from hogtrace.reporting import Reporter
from hogtrace.types import Exporter

__all__ = ["Delivery", "ForkedError"]


class ForkedError(BaseException):
    """The exporter forked, and this is the copy of its thread in the child: what it was at is its parent's."""


class Delivery:
    """Takes events from `queue`, hands them to `exporter`, and tells the queue what became of them.

    A batch holds `batch_size` events at most. One for which the exporter raises `RetryError` is held, and offered again
    until `timeout` seconds have gone by since the first time. A call that takes longer than that hangs: its batch is
    given up. `before_export` are functions that each event passes through first; `reporter` is what reports are made
    with. With `tells_probes` a probe counts which of its events were dropped.

    Every call of the exporter is made in here, and raises `ForkedError` where the exporter forked and this is the
    child. All that has the exporter called, but for `after_fork`, is for the thread that exports.
    """

    is_over: bool
    """Whether nothing is exported any more."""
    moved: float
    """When the exporter last came back, or somebody began to wait for that, by `time.monotonic()`."""

    def __init__(
        self,
        queue: EventQueue,
        exporter: Exporter,
        *,
        batch_size: int,
        timeout: float,
        before_export: Sequence[BeforeExport],
        reporter: Reporter,
        tells_probes: bool,
    ) -> None:
        self._queue = queue
        self._exporter = exporter
        self._name = type(exporter).__name__
        self._batch_size = batch_size
        self._timeout = timeout
        self._before_export = tuple(before_export)
        self._reporter = reporter
        self._tells_probes = tells_probes
        self._outage = Outage(self._name)
        self._filter_outage = Outage("BEFORE_EXPORT")
        self._watch = Watch(timeout)
        self._is_watched = True
        self.is_over = False
        self.moved = monotonic()
        self.reset()

    def reset(self) -> None:
        """Forget what is in hand and what was wrong: this process has just begun, or is the child of a fork."""
        # Held by whoever settles what another thread may have taken: each event is settled once. A handler of signals
        # may come upon itself here.
        self._settling = _thread.RLock()
        self._in_hand: Batch | None = None  # what the exporter has
        self._held: Batch | None = None  # what it asked to have again
        self._not_before = 0.0  # when it wants to be called again
        self._is_hurried = False  # whether somebody has begun to wait since the latest attempt began
        self._watch.reset()
        self._outage.reset()
        self._filter_outage.reset()
        self._born_in = os.getpid()

    @property
    def state(self) -> ExporterState:
        """How the exporter does."""
        return "hanging" if self._filter_outage.state == "hanging" else self._outage.state

    @property
    def next_attempt(self) -> float | None:
        """When the exporter is to be called again, if it has asked for time and something is there for it; or None."""
        held = self._held
        if held is not None:
            return held.next_attempt
        return self._not_before if self._not_before > monotonic() and self._queue.waiting else None

    def hurry(self) -> None:
        """Offer what is held, or will be when the exporter comes back, at once, unless the exporter has said when."""
        self._is_hurried = True
        held = self._held
        if held is not None:
            held.hurry()

    def begin(self, *, is_watched: bool) -> None:
        """Begin to export in this thread; with `is_watched` a thread beside it notices a call that hangs."""
        self._is_watched = is_watched
        self.settle_lost()

    def leave(self) -> None:
        """End the thread beside this one."""
        self._watch.leave()

    def settle_lost(self) -> None:
        """Give up what was taken by a thread that is no more, except for what is held."""
        with self._settling:
            self._in_hand = None
            queue, held = self._queue, self._held
            while True:
                captured = queue.captured
                lost = queue.queued - queue.waiting - (0 if held is None else len(held))
                if captured == queue.captured:
                    break
            if lost > 0:
                queue.settle(dropped=lost, cause="unknown")

    def is_open(self, end: float) -> bool:
        """Offer what is held again, if it is time; give whether the exporter may have what waits.

        What it wants to have later than at `end`, by `time.monotonic()`, is given up.
        """
        held = self._held
        if held is not None:
            if held.next_attempt > end:
                self._held = None
                held.settle(dropped=len(held), cause="exporter_failed")
            elif held.next_attempt <= monotonic():
                self._held = None
                self._export(held)
        until = self.next_attempt
        if until is None:
            return True
        if self._held is not None or until <= end:
            return False
        self.drop_waiting()
        return True

    def hand_over(self, due: int) -> bool:
        """Hand over the oldest `due` events; give False if the exporter asks for time before it has taken them all."""
        while due > 0 and not self.is_over and self.next_attempt is None:
            count = min(due, self._batch_size)
            events = self._queue.take(count)
            due -= len(events) or count  # none: they have been dropped meanwhile
            batch: Batch | None = self._batch(events)
            if batch and self._before_export:
                batch = self._sift(batch)
            if batch:
                self._export(batch)
        return self._held is None and (due <= 0 or self.is_over)

    def flush(self, deadline: float) -> bool:
        """Have an exporter that queues on its own send that until `deadline`; give whether it has."""
        flush = getattr(self._exporter, "flush", None)
        if flush is None:
            return True
        try:
            with self._call():
                return flush(max(0.0, deadline - monotonic())) is not False
        except ForkedError:
            raise
        except BaseException as error:
            self._outage.begin(error, "fails to flush")
            return False

    def report(self, *, ended: bool = False) -> None:
        """Have the exporter told of the tracer; `ended` is for the last time."""
        try:
            with self._call():
                self._reporter.report(ended=ended)
        except ForkedError:
            raise
        except BaseException as error:
            if not self._reporter.failing:
                self._reporter.failing = True
                warn("%s cannot take a report: %s", self._name, describe(error))
        else:
            self._reporter.failing = False

    def rest(self) -> None:
        """Tell the exporter that nothing comes for a while."""
        with self._call():
            getattr(self._exporter, "rest", _nothing)()

    def after_fork(self) -> None:
        """Tell the exporter that this is the child of a fork."""
        try:
            getattr(self._exporter, "after_fork", _nothing)()
        except Exception as error:
            warn("%s failed after a fork: %s", self._name, describe(error))

    def close(self) -> None:
        """Close the exporter."""
        try:
            with self._call():
                self._exporter.close()
        except ForkedError:
            raise
        except BaseException as error:
            warn("%s failed to close: %s", self._name, describe(error))

    def end(self) -> None:
        """Export nothing any more."""
        self.is_over = True
        self.drop_waiting()

    def give_up(self) -> None:
        """Export nothing any more although the exporter is still at it, or wants more time."""
        if self.is_over:
            return
        self.is_over = True
        warn("%s did not finish in time; what it had not taken is dropped", self._name)
        with self._settling:
            for batch, cause in [(self._in_hand, "unknown"), (self._held, "exporter_failed")]:
                if batch is not None:
                    batch.settle(dropped=len(batch), cause=cause)

    def drop_waiting(self) -> None:
        """Drop what waits in the queue: it comes too late."""
        # What waits now: somebody may capture faster than this goes.
        with self._settling:
            batch = self._batch(self._queue.take(self._queue.waiting))
            batch.settle(dropped=len(batch), cause="stopped")

    def _batch(self, events: Sequence[CaptureEvent]) -> Batch:
        return Batch(self._queue, events, tells_probes=self._tells_probes)

    def _sift(self, batch: Batch) -> Batch | None:
        """Give what is left of `batch` when the application has seen its events; None if it has been given up."""
        self._in_hand = batch
        with self._call(batch, self._filter_outage):
            kept, gone = sift(batch.taken, self._before_export, self._filter_outage)
        self._in_hand = None
        return batch.narrow(kept, gone)

    def _export(self, batch: Batch) -> None:
        self._in_hand = batch
        if self.is_over:
            # Time was up before this batch could be seen.
            batch.settle(dropped=len(batch), cause="stopped")
        else:
            self._attempt(batch)
        self._in_hand = None

    def _attempt(self, batch: Batch) -> None:
        self._is_hurried = False
        try:
            with self._call(batch):
                self._exporter.export(batch.events)
        except ForkedError:
            raise
        except RetryError as error:
            self._outage.begin(error, "cannot export now")
            if error.after is not None:
                self._not_before = monotonic() + longest_wish(error.after)
            self._hold(batch.rest(error.taken, error.lost), error)
        except PartialExportError as error:
            batch.settle_partly(error.lost, error.cause)
            self._outage.begin(error, "did not take all of a batch")
        except BaseException as error:
            # SystemExit and the like, too: an exporter may end neither the application nor this thread.
            cause = "unknown" if isinstance(error, UnknownOutcomeError) else "exporter_failed"
            batch.settle(dropped=len(batch), cause=cause)
            self._outage.begin(error, "fails, and its events are dropped until it works again")
        else:
            batch.settle(exported=len(batch))
            self._outage.end()
            self._reporter.hear()

    def _hold(self, batch: Batch | None, error: RetryError) -> None:
        """Keep `batch` for the next attempt, or give it up if its time is over."""
        if batch is None:
            return
        if batch.postpone(error.after, timeout=self._timeout):
            self._held = batch
            if self._is_hurried:
                batch.hurry()
        else:
            batch.settle(dropped=len(batch), cause="exporter_failed")

    @contextlib.contextmanager
    def _call(self, batch: Batch | None = None, outage: Outage | None = None) -> Iterator[None]:
        """Have it noticed if what is called in here, with `batch` in hand, does not come back, or forks.

        `outage` tells of it, that of the exporter if it is None.
        """
        process = self._born_in
        outage = outage or self._outage
        self._watch.begin(partial(self._note_hanging, batch, outage), watched=self._is_watched)
        try:
            yield
        finally:
            if process != self._born_in:
                raise ForkedError
            self._watch.end()
            outage.come_back()
            self.moved = monotonic()

    def _note_hanging(self, batch: Batch | None, outage: Outage) -> None:
        """Give up what the exporter has in hand, while it has it: called by the watch."""
        if batch is not None:
            batch.settle(dropped=len(batch), cause="unknown")
        outage.hang(self._timeout)


def _nothing() -> None:
    """Stand in for what an exporter does not define."""
