"""From the queue to the exporter: one worker thread that hands events over in batches.

The application's threads only ever put into the queue. The worker starts at the first event, ends when it has
had nothing to do for a while, and starts again at the next one; it is ended before a fork, so that no thread
of ours exists while the process doubles. A batch that the exporter asks to have again later is kept and offered
again. An exporter that fails, hangs or returns nonsense costs events, which are counted, and nothing else.
"""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
from collections import deque
from functools import partial
from time import monotonic, sleep
from typing import Final

from hogtrace import _state
from hogtrace._engine import EventQueue, Redaction, Resource, mute_thread
from hogtrace.batches import Batch
from hogtrace.errors import RetryError, UnknownOutcomeError
from hogtrace.reporting import Reporter
from hogtrace.threads import Lock, await_departure, bounded, native, new_lock
from hogtrace.types import Exporter

__all__ = ["Pipeline"]

# Rounds of `batch_delay` without an event after which the worker ends.
_IDLE_ROUNDS: Final = 30
# Seconds between two looks at what is captured after the end.
_LATE: Final = 0.05

_log = logging.getLogger("hogtrace")


class Pipeline:
    """A queue of captured events and the thread that exports them.

    `exporter` takes the events and belongs to the pipeline from then on; `resource` says whose events they are.
    `max_events` and `max_bytes` bound what waits in the queue; beyond them new events are dropped, cause
    `queue_full`. A batch is handed over when `batch_size` events wait or `batch_delay` seconds have gone by, and
    holds `batch_size` events at most. One for which the exporter raises `RetryError` is offered again until
    `export_timeout` seconds have gone by since the first time. `reporter` is what the exporter is told of the tracer.
    """

    queue: EventQueue
    """Where probes put their events. Its counts are the accounts of this pipeline."""

    def __init__(
        self,
        exporter: Exporter,
        *,
        resource: Resource | None = None,
        max_events: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
        batch_size: int = 512,
        batch_delay: float = 1.0,
        export_timeout: float = 30.0,
        reporter: Reporter | None = None,
    ) -> None:
        self._exporter = exporter
        self._reporter = reporter or Reporter()
        self._batch_size = batch_size
        self._batch_delay = batch_delay
        self._export_timeout = export_timeout
        self._scrub = Redaction().scrub
        # Called by the thread of the application that captures the first event: C code alone.
        self._start = partial(native("start_new_thread"), self._run, ())
        self.queue = EventQueue(max_events, max_bytes, wake_at=batch_size, on_first=self._start, resource=resource)
        self._closing = False  # somebody asked for the end
        self._deadline = 0.0  # until when it may take
        self._closed = False  # nothing is exported any more
        self._exporter_closed = False
        self._failing = False
        self._moved = monotonic()  # when the exporter last came back
        self._reset()
        _state.keep_account_of(self)

    def _reset(self) -> None:
        """Make what belongs to this process alone; nothing of it survives a fork."""
        self._alive = new_lock()  # held by the thread that exports
        self._ended = new_lock()  # held until the exporter is closed
        self._ended.acquire()
        self._server: int | None = None  # the id of the thread that exports
        self._native_id: int | None = None  # the system's id of the latest worker thread
        self._paused = False
        self._waiters: deque[Lock] = deque()
        self._batch: Batch | None = None  # what the exporter has in hand
        self._held: Batch | None = None  # what it asked to have again
        self._nudge = new_lock()  # released to end the wait for the next attempt
        self._nudge.acquire()
        self._born_in = os.getpid()

    def __repr__(self) -> str:
        return f"<hogtrace.Pipeline to {type(self._exporter).__name__}>"

    @property
    def exporter(self) -> Exporter:
        """The exporter that the events go to."""
        return self._exporter

    def flush(self, timeout: float = 5.0) -> bool:
        """Have everything that was captured before this call exported, and wait for that.

        Waits `timeout` seconds at most; gives whether all of it was dealt with in that time (exported, or
        dropped and counted). Called from within the exporter it gives False at once, for it would wait for
        itself.
        """
        if self._is_worker():
            return False
        if self._closed:
            return not self.queue.queued
        done = new_lock()
        done.acquire()
        self._waiters.append(done)
        held = self._held
        if held is not None:
            held.hurry()
        self._call_worker()
        return done.acquire(timeout=bounded(timeout))

    def stop(self, timeout: float = 5.0) -> bool:
        """Export what waits, close the exporter, and end.

        Takes `timeout` seconds at most. What could not be exported in that time counts as dropped: `stopped`
        if it was still waiting, `exporter_failed` if it was to be tried again, `unknown` if the exporter had it in
        hand. Gives whether everything was done
        in time. Calling it again changes nothing.
        """
        deadline = monotonic() + bounded(timeout)
        self.begin_stop(deadline)
        return self.end_stop(deadline)

    def begin_stop(self, deadline: float) -> None:
        """Ask for the end until `time.monotonic()` is `deadline`, as `stop` does, without waiting for it."""
        self._deadline = deadline
        self._closing = True
        self._moved = monotonic()
        if not self._exporter_closed and not self._is_worker():
            self._call_worker()

    def end_stop(self, deadline: float, *, patience: float = float("inf")) -> bool:
        """Wait for the end until `time.monotonic()` is `deadline`; gives whether it came by then.

        It waits no longer than `patience` seconds for one batch.
        """
        if self._is_worker():
            return False
        in_time = self._exporter_closed
        while not in_time:
            remaining = min(deadline, self._moved + patience) - monotonic()
            in_time = self._ended.acquire(timeout=bounded(remaining))
            if remaining <= 0:
                break
        if in_time:
            if not self._exporter_closed:
                self._ended.release()
            self._await_thread(deadline)
        elif not self._closed:
            self._closed = True
            _warn("%s did not finish in time; what it had not taken is dropped", type(self._exporter).__name__)
            for batch, cause in [(self._batch, "unknown"), (self._held, "exporter_failed")]:
                if batch is not None:
                    batch.settle(dropped=len(batch), cause=cause)
        self._drop_waiting()
        _state.forget(self)
        return in_time

    def report_soon(self) -> None:
        """Have the worker report soon what is new of the tracer, if the exporter takes reports."""
        if not self._closing and self._reporter.ask():
            self._have_reported()

    def pause(self) -> None:
        """Ask the worker to hand over what waits and to end, because the process is about to fork."""
        self._paused = True
        if self._alive.locked() and not self._is_worker():
            self._wake()

    def wait_paused(self, since: float, timeout: float) -> None:
        """Wait until the worker's thread is gone, for `timeout` seconds from the time `since` on.

        An exporter may ask for more time by an attribute `fork_timeout`.
        """
        if not self._is_worker():
            self._await_thread(since + max(timeout, getattr(self._exporter, "fork_timeout", 0.0)))

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""
        self._paused = False
        if self._held is not None:
            self._call_worker()
        elif self._reporter.is_asked:
            self._have_reported()

    def start_anew(self) -> None:
        """Begin again with nothing: the process has forked, and this is the child.

        What waited belongs to the parent, which exports it.
        """
        self._reset()
        self.queue.reset_after_fork()
        try:
            getattr(self._exporter, "after_fork", _nothing)()
        except Exception as error:
            _warn("%s failed after a fork: %s", type(self._exporter).__name__, self._describe(error))
        if not self._closing and self._reporter.start_anew():
            self._have_reported()

    def _have_reported(self) -> None:
        """See to it that there is a worker, unless the system gives no thread: no other reports."""
        if self._alive.locked():
            self.queue.wake()
            return
        with contextlib.suppress(RuntimeError):
            self._start()

    # What follows runs in the worker, or, where no thread can be started any more, in the thread that waits
    # for it.

    def _run(self) -> None:
        mute_thread(True)
        self._serve(lingers=True)

    def _call_worker(self) -> None:
        """See to it that somebody looks after the queue soon."""
        self._wake()
        if self._alive.locked():
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
        self.queue.wake()
        with contextlib.suppress(RuntimeError):  # it has been nudged already
            self._nudge.release()

    def _serve(self, *, lingers: bool) -> None:
        """Work until there is nothing to do, unless another thread does; then have the next event call."""
        process = self._born_in
        while self._alive.acquire(blocking=False):
            alive = self._alive
            sound = False
            try:
                self._server = _thread.get_ident()
                if lingers:
                    self._native_id = _thread.get_native_id()
                self._work(process, lingers=lingers)
                if self._born_in == process and not self._exporter_closed:
                    if lingers and not self._paused:
                        self._report()
                    if self._born_in == process:
                        getattr(self._exporter, "rest", _nothing)()
                sound = True
            except BaseException as error:
                # Nothing is expected here; if it comes, the next event starts a new worker.
                _warn("the export was interrupted: %s", self._describe(error))
            finally:
                if self._born_in == process:
                    self._server = None
                alive.release()
            if self._born_in != process:
                return
            self.queue.rearm()
            if not (sound and self._is_wanted(lingers=lingers)):
                return

    def _is_wanted(self, *, lingers: bool) -> bool:
        if self._held is not None:
            # Neither a fork waits for the next attempt, nor a thread of the application.
            return lingers and not self._paused
        if self._reporter.is_asked and lingers and not (self._paused or self._closing):
            return True
        return bool(self.queue.waiting or self._waiters or (self._closing and not self._exporter_closed))

    def _work(self, process: int, *, lingers: bool) -> None:
        idle = 0
        while idle < _IDLE_ROUNDS:
            if lingers:
                self._await_work()
            # In this order: what was captured before somebody asked is in what is due.
            closing = self._closing
            if not self._retry(closing=closing, lingers=lingers):
                if self._paused or not lingers:
                    return
                continue
            waiters = [self._waiters.popleft() for _ in range(len(self._waiters))]
            due = self.queue.waiting
            idle = 0 if due or waiters else idle + 1
            while due > 0 and not self._closed and self._held is None:
                due -= self._export_next(min(due, self._batch_size))
                if self._born_in != process:
                    return
            if self._held is not None:
                # Who waits, waits for that one too.
                self._waiters.extendleft(reversed(waiters))
                continue
            for waiter in waiters:
                waiter.release()
            if closing and not self._waiters:
                self._finish()
                return
            if (self._paused or not lingers) and not self._is_wanted(lingers=lingers):
                return
            if lingers and not self._paused and self._reporter.is_due:
                self._report()
                if self._born_in != process:
                    return

    def _await_work(self) -> None:
        held = self._held
        if held is not None:
            late = self._closing and held.next_attempt > self._deadline
            if not (self._paused or late):
                self._nudge.acquire(timeout=bounded(held.next_attempt - monotonic()))
        elif not (self._waiters or self._closing or self._paused):
            self.queue.wait(min(self._batch_delay, self._reporter.patience))

    def _retry(self, *, closing: bool, lingers: bool) -> bool:
        """Offer what is held again, if it is time; give whether nothing is held any more."""
        held = self._held
        if held is None:
            return True
        if closing and (not lingers or held.next_attempt > self._deadline):
            # The end comes before the next attempt.
            self._held = None
            held.settle(dropped=len(held), cause="exporter_failed")
        elif held.next_attempt <= monotonic():
            self._held = None
            self._export(held)
        return self._held is None

    def _export_next(self, count: int) -> int:
        """Hand over the oldest `count` events; give how many there were."""
        events = self.queue.take(count)
        if events:
            self._export(Batch(self.queue, events))
        return len(events) or count

    def _export(self, batch: Batch) -> None:
        self._batch = batch
        process = self._born_in
        try:
            self._exporter.export(batch.events)
        except RetryError as error:
            if process == self._born_in:
                self._say_failing(error, "cannot export now")
                if batch.postpone(error.after, timeout=self._export_timeout):
                    self._held = batch
                else:
                    batch.settle(dropped=len(batch), cause="exporter_failed")
        except BaseException as error:
            # SystemExit and the like, too: an exporter may end neither the application nor this thread.
            if process == self._born_in:
                cause = "unknown" if isinstance(error, UnknownOutcomeError) else "exporter_failed"
                batch.settle(dropped=len(batch), cause=cause)
                self._say_failing(error, "fails, and its events are dropped until it works again")
        else:
            if process == self._born_in:
                batch.settle(exported=len(batch))
                self._say_working()
        finally:
            if process == self._born_in:
                self._batch = None
                self._moved = monotonic()

    def _finish(self) -> None:
        """Close the exporter; the end. What comes later is counted, and goes nowhere."""
        if self._exporter_closed:
            # Somebody goes on capturing; not each of those events is worth a thread.
            sleep(_LATE)
            self._drop_waiting()
            return
        self._closed = True
        self._drop_waiting()
        process = self._born_in
        self._report(ended=True)
        if self._born_in != process:
            return
        self._exporter_closed = True
        try:
            self._exporter.close()
        except BaseException as error:
            _warn("%s failed to close: %s", type(self._exporter).__name__, self._describe(error))
        self._ended.release()

    def _report(self, *, ended: bool = False) -> None:
        process = self._born_in
        try:
            self._reporter.report(ended=ended)
        except BaseException as error:
            if process == self._born_in and not self._reporter.failing:
                self._reporter.failing = True
                _warn("%s cannot take a report: %s", type(self._exporter).__name__, self._describe(error))
        else:
            self._reporter.failing = False

    def _drop_waiting(self) -> None:
        # What waits now: somebody may capture faster than this goes.
        batch = Batch(self.queue, self.queue.take(self.queue.waiting))
        batch.settle(dropped=len(batch), cause="stopped")

    def _is_worker(self) -> bool:
        return self._server == _thread.get_ident()

    def _await_thread(self, deadline: float) -> None:
        """Wait until the worker's thread has left the system, or `time.monotonic()` is `deadline`."""
        if await_departure(self._alive, self._native_id, deadline):
            self._native_id = None

    def _say_failing(self, error: BaseException, what: str) -> None:
        if not self._failing:
            self._failing = True
            _warn("%s %s: %s", type(self._exporter).__name__, what, self._describe(error))

    def _say_working(self) -> None:
        if self._failing:
            self._failing = False
            _warn("%s works again", type(self._exporter).__name__)

    def _describe(self, error: BaseException) -> str:
        try:
            text = self._scrub(" ".join(str(error).split()))
        except Exception:
            text = "(its message cannot be shown)"
        return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _nothing() -> None:
    """Stand in for what an exporter does not define."""


def _warn(message: str, *values: object) -> None:
    try:
        _log.warning(message, *values)
    except Exception:
        # A broken logging handler is the application's affair, and must not cost events.
        return
