"""The thread that exports: when there is one, what it does next, and what it is asked to do.

It starts at the first event, or to report; it ends when it has had nothing to do for a while, and starts again at the
next event; it is ended before a fork, so that no thread of ours exists while the process doubles.
"""

from __future__ import annotations

import _thread
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Final, Protocol

from hogtrace._engine import EventQueue, mute_thread
from hogtrace.delivery import Delivery
from hogtrace.outages import describe, warn
from hogtrace.reporting import Reporter
from hogtrace.threads import Latch, await_departure, bounded, new_lock

__all__ = ["Branch", "Worker"]

# Rounds of `batch_delay` without an event after which the thread ends.
_IDLE_ROUNDS: Final = 30
# Seconds between two looks at what is captured after the end.
_LATE: Final = 0.05
# Seconds between two looks at the clock while the end is waited for.
_LOOK: Final = 0.05
# Seconds between two looks at the queue when the process is about to end.
_HASTE: Final = 0.01

_NEVER: Final = float("inf")


class Branch(Protocol):
    """What the exporter only hands events on to; it has a worker of its own."""

    def attend(self, latch: Latch) -> None:
        """Release `latch` when everything that is there now has been dealt with."""

    def begin_stop(self, deadline: float) -> None:
        """Begin to end, until `time.monotonic()` is `deadline`."""


class Worker:
    """The one thread that has `delivery` export what is in `queue`, and report.

    `start` starts a thread that calls `run`. Where the system gives no more threads, whoever asks for something does
    the work instead. The thread looks at the queue when a batch is full, or after `batch_delay` seconds. A flush and
    the end are passed on to `branches`; where there are any, the exporter itself is neither flushed nor closed.
    """

    def __init__(
        self,
        queue: EventQueue,
        delivery: Delivery,
        reporter: Reporter,
        *,
        start: Callable[[], object],
        batch_delay: float,
        branches: Sequence[Branch],
    ) -> None:
        self._queue = queue
        self._delivery = delivery
        self._reporter = reporter
        self._start = start
        self._batch_delay = batch_delay
        self._branches = tuple(branches)
        self._closing = False  # somebody asked for the end
        self._deadline = 0.0  # until when it may take
        self._exporter_closed = False
        self.reset()

    def reset(self) -> None:
        """Make what belongs to this process alone; nothing of it survives a fork."""
        self._alive = new_lock()  # held by the thread that exports
        self._ended = new_lock()  # held until the exporter is closed
        self._ended.acquire()
        self._server: int | None = None  # the id of the thread that exports
        self._native_id: int | None = None  # the system's id of the latest worker thread
        self._paused = False
        self._waiters: deque[Latch] = deque()
        self._nudge = new_lock()  # released to end the wait for the next attempt
        self._nudge.acquire()
        self._was_interrupted = False

    # What follows is for all threads.

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is the one that exports."""
        return self._server == _thread.get_ident()

    @property
    def is_at_work(self) -> bool:
        """Whether some thread exports now."""
        return self._alive.locked()

    def attend(self, latch: Latch) -> None:
        """Release `latch` when everything that is here now has been dealt with."""
        if self._delivery.is_over:
            self._pass_on(latch, is_sound=not self._queue.queued)
            return
        self._waiters.append(latch)
        self._delivery.hurry()
        self._call()

    def hasten(self) -> None:
        """Export what waits now, and from now on whatever comes, without a delay."""
        self._batch_delay = min(self._batch_delay, _HASTE)
        self.attend(Latch(monotonic()))

    def report_soon(self) -> None:
        """Report soon what is new, if the exporter takes reports."""
        if not self._closing and self._reporter.ask():
            self._begin()

    def begin_end(self, deadline: float) -> None:
        """Export what waits, and close the exporter, until `time.monotonic()` is `deadline`."""
        self._deadline = deadline
        self._closing = True
        self._delivery.moved = monotonic()
        if not self._exporter_closed and not self.is_here:
            self._call()

    def await_end(self, deadline: float, patience: float) -> bool:
        """Wait for the end until `deadline`, and no longer than `patience` seconds for one step; give if it came.

        Time in which the process stood still does not count: the exporter had none of it either.
        """
        in_time = self._exporter_closed
        still = 0.0
        while not in_time:
            before = monotonic()
            remaining = min(deadline, self._delivery.moved + patience) + still - before
            in_time = self._ended.acquire(timeout=bounded(min(remaining, _LOOK)))
            if remaining <= 0:
                break
            # Whoever sleeps for so short a time and wakes up late was not let run.
            still += max(0.0, monotonic() - before - 2 * _LOOK)
        if in_time:
            # Whoever else waits for it finds it open, too.
            with contextlib.suppress(RuntimeError):
                self._ended.release()
            self.await_departure(deadline)
        return in_time

    def pause(self) -> None:
        """Hand over what waits, and end the thread, because the process is about to fork."""
        self._paused = True
        if self.is_at_work and not self.is_here:
            self._wake()

    def await_departure(self, deadline: float) -> None:
        """Wait until the thread has left the system, or `time.monotonic()` is `deadline`."""
        if not self.is_here and await_departure(self._alive, self._native_id, deadline):
            self._native_id = None

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""
        self._paused = False
        if self._delivery.next_attempt is not None:
            self._call()
        elif self._reporter.is_asked:
            self._begin()

    def report_anew(self) -> None:
        """Report as at the beginning: the process has forked, and this is the child."""
        if not self._closing and self._reporter.start_anew():
            self._begin()

    def _begin(self) -> None:
        """See to it that there is a thread, unless the system gives none: no other reports."""
        if self.is_at_work:
            self._queue.wake()
            return
        with contextlib.suppress(RuntimeError):
            self._start()

    def _call(self) -> None:
        """See to it that somebody looks after the queue soon."""
        self._wake()
        if self.is_at_work:
            # It looks once more after letting go of the lock, so it cannot miss what was asked before this.
            return
        try:
            self._start()
        except RuntimeError:
            # The interpreter is ending, or the system gives no more threads.
            mute_thread(True)
            try:
                self._serve(lingers=False)
            finally:
                mute_thread(False)

    def _wake(self) -> None:
        self._queue.wake()
        with contextlib.suppress(RuntimeError):  # it has been nudged already
            self._nudge.release()

    # What follows runs in the thread that exports: the worker's own, which lingers while there is nothing to do, or one
    # that waits for what it does.

    def run(self) -> None:
        """Work, as the thread that `start` has started."""
        mute_thread(True)
        self._serve(lingers=True)

    def _serve(self, *, lingers: bool) -> None:
        """Work until there is nothing to do, unless another thread does; then have the next event call."""
        while self._alive.acquire(blocking=False):
            # The child of a fork has another one. Should the exporter have forked, this goes on there in a copy of the
            # thread, which has nothing to do with what is the child's.
            alive = self._alive
            try:
                self._server = _thread.get_ident()
                if lingers:
                    self._native_id = _thread.get_native_id()
                self._delivery.begin(is_watched=lingers)
                self._work(lingers=lingers)
                if not self._exporter_closed:
                    if lingers and not self._paused:
                        self._delivery.report()
                    self._delivery.rest()
                self._was_interrupted = False
            except BaseException as error:
                # Nothing is expected here; if it comes, somebody goes on where this was left.
                if alive is self._alive:
                    with contextlib.suppress(BaseException):
                        self._recover(error)
            finally:
                try:
                    if alive is self._alive:
                        self._delivery.leave()
                finally:
                    # Whatever ends this thread: the next event starts another one.
                    if alive is self._alive:
                        self._server = None
                        alive.release()
                        self._queue.rearm()
            if alive is not self._alive or not self._is_wanted(lingers=lingers):
                return

    def _recover(self, error: BaseException) -> None:
        """Put the accounts right after something that nobody expected, and say so, once."""
        if not self._was_interrupted:
            warn("the export was interrupted: %s", describe(error))
        else:
            # Not again and again without a pause.
            sleep(_LATE)
        self._was_interrupted = True
        self._delivery.settle_lost()

    def _is_wanted(self, *, lingers: bool) -> bool:
        if self._delivery.next_attempt is not None:
            # Neither a fork waits for the next attempt, nor a thread of the application.
            return lingers and not self._paused
        if self._reporter.is_asked and lingers and not (self._paused or self._closing):
            return True
        return bool(self._queue.waiting or self._waiters or (self._closing and not self._exporter_closed))

    def _work(self, *, lingers: bool) -> None:
        idle = 0
        while idle < _IDLE_ROUNDS:
            if lingers:
                self._await_work()
            # In this order: what was captured before somebody asked is in what is due.
            closing = self._closing
            # Where nobody lingers, the end waits for no further attempt.
            end = _NEVER if not closing else self._deadline if lingers else 0.0
            if not self._delivery.is_open(end):
                if self._paused or not lingers:
                    return
                continue
            asked = len(self._waiters)
            due = self._queue.waiting
            idle = 0 if due or asked else idle + 1
            if not self._delivery.hand_over(due):
                # Who waits, waits for that one too.
                continue
            self._answer(asked)
            if closing and not self._waiters:
                self._finish()
                return
            if (self._paused or not lingers) and not self._is_wanted(lingers=lingers):
                return
            if lingers and not self._paused and self._reporter.is_due:
                self._delivery.report()

    def _await_work(self) -> None:
        until = self._delivery.next_attempt
        if until is not None:
            late = self._closing and until > self._deadline
            if not (self._paused or late):
                self._nudge.acquire(timeout=bounded(until - monotonic()))
        elif not (self._waiters or self._closing or self._paused):
            self._queue.wait(min(self._batch_delay, self._reporter.patience))

    def _answer(self, count: int) -> None:
        """Let the first `count` of those go who wait for a flush, once the exporter has been asked for one."""
        is_sound = True
        if count and not self._branches:
            is_sound = self._delivery.flush(max(self._waiters[index].deadline for index in range(count)))
        for _ in range(count):
            self._pass_on(self._waiters.popleft(), is_sound=is_sound)

    def _pass_on(self, latch: Latch, *, is_sound: bool) -> None:
        latch.share(len(self._branches))
        for branch in self._branches:
            branch.attend(latch)
        latch.release(is_sound=is_sound)

    def _finish(self) -> None:
        """Close the exporter; the end. What comes later is counted, and goes nowhere."""
        if self._exporter_closed:
            # Somebody goes on capturing; not each of those events is worth a thread.
            sleep(_LATE)
            self._delivery.drop_waiting()
            return
        self._delivery.end()
        self._delivery.report(ended=True)
        for branch in self._branches:
            branch.begin_stop(self._deadline)
        self._exporter_closed = True
        if not self._branches:
            self._delivery.close()
        with contextlib.suppress(RuntimeError):
            self._ended.release()
