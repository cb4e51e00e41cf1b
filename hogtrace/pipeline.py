"""From the queue to the exporter: one worker thread that hands events over in batches.

The application's threads only ever put into the queue. The worker starts at the first event, or to report; it
ends when it has had nothing to do for a while, and starts again at the next one; it is ended before a fork, so
that no thread of ours exists while the process doubles. A batch that the exporter asks to have again later is kept
and offered again. An exporter that fails, hangs or returns nonsense costs events, which are counted, and nothing else.
"""

from __future__ import annotations

import _thread
import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Final, TypedDict

from hogtrace import _state
from hogtrace._engine import CaptureEvent, EventQueue, Resource, mute_thread
from hogtrace.batches import Batch, longest_wish
from hogtrace.before_export import BeforeExport, sift
from hogtrace.errors import PartialExportError, RetryError, UnknownOutcomeError
from hogtrace.outages import Outage, warn
from hogtrace.overdue import Watch
from hogtrace.reporting import Reporter
from hogtrace.threads import Latch, await_departure, bounded, native, new_lock
from hogtrace.types import Exporter, ExporterStatus

__all__ = ["Accounts", "Pipeline"]

# Rounds of `batch_delay` without an event after which the worker ends.
_IDLE_ROUNDS: Final = 30
# Seconds between two looks at what is captured after the end.
_LATE: Final = 0.05
# Seconds between two looks at the queue when the process is about to end.
_HASTE: Final = 0.01
# How often the accounts are looked at until they are of one moment.
_LOOKS: Final = 1000
# Seconds between two looks at what another pipeline hands over, while the process waits to fork.
_GLANCE: Final = 0.0002


class Accounts(TypedDict):
    """What became of the events of a queue, at one moment."""

    captured: int
    exported: int
    queued: int
    dropped: dict[str, int]


class Pipeline:
    """A queue of captured events and the thread that exports them.

    `exporter` takes the events and belongs to the pipeline from then on; `resource` says whose events they are.
    `max_events` and `max_bytes` bound what waits in the queue; beyond them new events are dropped, cause
    `queue_full`. A batch is handed over when `batch_size` events wait or `batch_delay` seconds have gone by, and
    holds `batch_size` events at most. One for which the exporter raises `RetryError` is offered again until
    `export_timeout` seconds have gone by since the first time. After a call that has taken `export_timeout` seconds the
    exporter counts as hanging: the batch is dropped, cause `unknown`, and there is no other call until that one has
    come back.

    `before_export` are functions that each event passes through, one after the other, before it is handed over.
    `reporter` is what the exporter is told of the tracer. With `request_records` the records of requests are among the
    events.

    An exporter that has several behind it (a method `open_branches`, which gives a pipeline for each) gets nothing
    itself: what is captured goes to all of these. Such a branch (`is_branch`) hears of forks and of the end from the
    pipeline in front of it.
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
        before_export: Sequence[BeforeExport] = (),
        is_branch: bool = False,
        request_records: bool = False,
    ) -> None:
        self._exporter = exporter
        self._reporter = reporter or Reporter()
        self._batch_size = batch_size
        self._batch_delay = batch_delay
        self._export_timeout = export_timeout
        self._before_export = tuple(before_export)
        self._is_branch = is_branch
        self._outage = Outage(type(exporter).__name__)
        self._filter_outage = Outage("BEFORE_EXPORT")
        self._watch = Watch(export_timeout)
        open_branches: Callable[..., Sequence[Pipeline]] = getattr(exporter, "open_branches", _no_branches)
        self._branches = tuple(
            open_branches(
                max_events=max_events,
                max_bytes=max_bytes,
                batch_size=batch_size,
                batch_delay=batch_delay,
                export_timeout=export_timeout,
                reporter=self._reporter,
                is_branch=True,
            )
        )
        # Called by the thread of the application that captures the first event: C code alone.
        self._start = partial(native("start_new_thread"), self._run, ())
        self.queue = EventQueue(
            max_events,
            max_bytes,
            wake_at=batch_size,
            on_first=self._start,
            resource=resource,
            request_records=request_records,
        )
        self._closing = False  # somebody asked for the end
        self._deadline = 0.0  # until when it may take
        self._closed = False  # nothing is exported any more
        self._exporter_closed = False
        self._moved = monotonic()  # when the exporter last came back
        self._reset()
        if not is_branch:
            _state.keep_account_of(self)

    def _reset(self) -> None:
        """Make what belongs to this process alone; nothing of it survives a fork."""
        self._alive = new_lock()  # held by the thread that exports
        self._ended = new_lock()  # held until the exporter is closed
        self._ended.acquire()
        self._server: int | None = None  # the id of the thread that exports
        self._native_id: int | None = None  # the system's id of the latest worker thread
        self._paused = False
        self._waiters: deque[Latch] = deque()
        self._batch: Batch | None = None  # what the exporter has in hand
        self._held: Batch | None = None  # what it asked to have again
        self._not_before = 0.0  # when it wants to be called again
        self._nudge = new_lock()  # released to end the wait for the next attempt
        self._nudge.acquire()
        self._was_interrupted = False
        self._born_in = os.getpid()

    def __repr__(self) -> str:
        return f"<hogtrace.Pipeline to {type(self._exporter).__name__}>"

    @property
    def exporter(self) -> Exporter:
        """The exporter that the events go to."""
        return self._exporter

    def exporters(self) -> tuple[ExporterStatus, ...]:
        """Say how the exporter does, or each of those that are behind it, and what became of its events."""
        if self._branches:
            return tuple(status for branch in self._branches for status in branch.exporters())
        return (
            ExporterStatus(
                name=type(self._exporter).__name__,
                state="hanging" if self._filter_outage.state == "hanging" else self._outage.state,
                **self.accounts(),
            ),
        )

    def accounts(self) -> Accounts:
        """Give the counts of the queue, all of one moment, so that they balance while others go on."""
        queue = self.queue
        for _ in range(_LOOKS):
            counts = Accounts(
                captured=queue.captured, exported=queue.exported, queued=queue.queued, dropped=queue.dropped
            )
            if counts["captured"] == counts["exported"] + counts["queued"] + sum(counts["dropped"].values()):
                break
        return counts

    def take_over(self, events: Sequence[CaptureEvent]) -> None:
        """Queue `events`, which another pipeline has exported, and have them exported soon. Nothing is copied."""
        for event in events:
            self.queue.put(event)
        self.queue.wake()

    def flush(self, timeout: float = 5.0) -> bool:
        """Have everything that was captured before this call exported, and wait for that.

        Waits `timeout` seconds at most; gives whether all of it was dealt with in that time (exported, or
        dropped and counted). Called from within the exporter it gives False at once, for it would wait for
        itself.
        """
        if any(one._is_worker() for one in (self, *self._branches)):
            return False
        return self.begin_flush(monotonic() + bounded(timeout)).wait()

    def begin_flush(self, deadline: float) -> Latch:
        """Ask for a flush until `time.monotonic()` is `deadline`; give what to wait for."""
        latch = Latch(deadline)
        self._attend(latch)
        return latch

    def _attend(self, latch: Latch) -> None:
        """Release `latch` when everything that is here now has been dealt with."""
        if self._closed:
            self._pass_on(latch, is_sound=not self.queue.queued)
            return
        self._waiters.append(latch)
        held = self._held
        if held is not None:
            held.hurry()
        self._call_worker()

    def hasten(self) -> None:
        """Export what waits now, and from now on whatever comes, without a delay: the process will end soon."""
        for one in (self, *self._branches):
            one._batch_delay = min(one._batch_delay, _HASTE)
            one._attend(Latch(monotonic()))

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
            # Whoever else waits for it finds it open, too.
            with contextlib.suppress(RuntimeError):
                self._ended.release()
            self._await_thread(deadline)
        elif not self._closed:
            self._closed = True
            warn("%s did not finish in time; what it had not taken is dropped", type(self._exporter).__name__)
            for batch, cause in [(self._batch, "unknown"), (self._held, "exporter_failed")]:
                if batch is not None:
                    batch.settle(dropped=len(batch), cause=cause)
        self._drop_waiting()
        if not in_time:
            self._begin_stop_of_branches(deadline)
        for branch in self._branches:
            in_time &= branch.end_stop(deadline, patience=patience)
        _state.forget(self)
        return in_time

    def report_soon(self) -> None:
        """Have the worker report soon what is new of the tracer, if the exporter takes reports."""
        if not self._closing and self._reporter.ask():
            self._have_reported()
        for branch in self._branches:
            branch.report_soon()

    def _begin_stop_of_branches(self, deadline: float) -> None:
        for branch in self._branches:
            branch.begin_stop(deadline)

    def pause(self) -> None:
        """Ask the worker to hand over what waits and to end, because the process is about to fork."""
        self._paused = True
        if self._alive.locked() and not self._is_worker():
            self._wake()
        for branch in self._branches:
            branch.pause()

    def wait_paused(self, since: float, timeout: float) -> None:
        """Wait until the worker's thread is gone, for `timeout` seconds from the time `since` on.

        An exporter may ask for more time by an attribute `fork_timeout`.
        """
        deadline = since + max(timeout, getattr(self._exporter, "fork_timeout", 0.0))
        if self._is_branch:
            # What has just been handed over starts a thread, which may not be seen yet.
            while self.queue.waiting and not self._alive.locked() and monotonic() < deadline:
                sleep(_GLANCE)
        if not self._is_worker():
            self._await_thread(deadline)
        for branch in self._branches:
            branch.wait_paused(since, timeout)

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""
        self._paused = False
        if self._held is not None or self._not_before > monotonic():
            self._call_worker()
        elif self._reporter.is_asked:
            self._have_reported()
        for branch in self._branches:
            branch.resume()

    def start_anew(self) -> None:
        """Begin again with nothing: the process has forked, and this is the child.

        What waited belongs to the parent, which exports it.
        """
        self._reset()
        self._watch.reset()
        self._outage.reset()
        self.queue.reset_after_fork()
        for branch in self._branches:
            branch.start_anew()
        try:
            getattr(self._exporter, "after_fork", _nothing)()
        except Exception as error:
            warn("%s failed after a fork: %s", type(self._exporter).__name__, self._outage.describe(error))
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
            try:
                self._server = _thread.get_ident()
                if lingers:
                    self._native_id = _thread.get_native_id()
                self._settle_lost()
                self._work(process, lingers=lingers)
                if self._born_in == process and not self._exporter_closed:
                    if lingers and not self._paused:
                        self._report(lingers=lingers)
                    if self._born_in == process:
                        with self._call(lingers=lingers):
                            getattr(self._exporter, "rest", _nothing)()
                self._was_interrupted = False
            except BaseException as error:
                # Nothing is expected here; if it comes, somebody goes on where this was left.
                if self._born_in == process:
                    with contextlib.suppress(BaseException):
                        self._recover(error)
            finally:
                try:
                    if self._born_in == process:
                        self._watch.leave()
                finally:
                    # Whatever ends this thread: the next event starts another one.
                    if self._born_in == process:
                        self._server = None
                        alive.release()
                        self.queue.rearm()
            if self._born_in != process:
                return
            if not self._is_wanted(lingers=lingers):
                return

    def _recover(self, error: BaseException) -> None:
        """Put the accounts right after something that nobody expected, and say so, once."""
        if not self._was_interrupted:
            warn("the export was interrupted: %s", self._outage.describe(error))
        else:
            # Not again and again without a pause.
            sleep(_LATE)
        self._was_interrupted = True
        self._settle_lost()

    def _settle_lost(self) -> None:
        """Give up what was taken by a worker that is no more, except for what is held."""
        self._batch = None
        queue, held = self.queue, self._held
        while True:
            captured = queue.captured
            lost = queue.queued - queue.waiting - (0 if held is None else len(held))
            if captured == queue.captured:
                break
        if lost > 0:
            queue.settle(dropped=lost, cause="unknown")

    def _is_wanted(self, *, lingers: bool) -> bool:
        if self._held is not None or (self.queue.waiting and self._not_before > monotonic()):
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
            if not self._may_export(closing=closing, lingers=lingers):
                if self._paused or not lingers:
                    return
                continue
            waiters = [self._waiters.popleft() for _ in range(len(self._waiters))]
            due = self.queue.waiting
            idle = 0 if due or waiters else idle + 1
            try:
                while due > 0 and not self._closed and self._held is None and self._not_before <= monotonic():
                    due -= self._export_next(min(due, self._batch_size), lingers=lingers)
                    if self._born_in != process:
                        return
            except BaseException:
                self._waiters.extendleft(reversed(waiters))
                raise
            if self._held is not None or (due > 0 and not self._closed):
                # Who waits, waits for that one too.
                self._waiters.extendleft(reversed(waiters))
                continue
            self._answer(waiters, lingers=lingers)
            if closing and not self._waiters:
                self._finish(lingers=lingers)
                return
            if (self._paused or not lingers) and not self._is_wanted(lingers=lingers):
                return
            if lingers and not self._paused and self._reporter.is_due:
                self._report(lingers=lingers)
                if self._born_in != process:
                    return

    def _await_work(self) -> None:
        held = self._held
        until = self._not_before if held is None else held.next_attempt
        if held is not None or (until > monotonic() and self.queue.waiting):
            late = self._closing and until > self._deadline
            if not (self._paused or late):
                self._nudge.acquire(timeout=bounded(until - monotonic()))
        elif not (self._waiters or self._closing or self._paused):
            self.queue.wait(min(self._batch_delay, self._reporter.patience))

    def _may_export(self, *, closing: bool, lingers: bool) -> bool:
        """Offer what is held again, if it is time; give whether the exporter may have what waits."""
        held = self._held
        if held is not None:
            if closing and (not lingers or held.next_attempt > self._deadline):
                # The end comes before the next attempt.
                self._held = None
                held.settle(dropped=len(held), cause="exporter_failed")
            elif held.next_attempt <= monotonic():
                self._held = None
                self._export(held, lingers=lingers)
        if self._held is not None:
            return False
        if self._not_before > monotonic() and self.queue.waiting:
            if closing and (not lingers or self._not_before > self._deadline):
                # It does not want them before the end.
                self._drop_waiting()
                return True
            return False
        return True

    def _export_next(self, count: int, *, lingers: bool) -> int:
        """Hand over the oldest `count` events; give how many there were."""
        events = self.queue.take(count)
        if not events:
            return count
        batch = Batch(self.queue, events, tells_probes=not self._is_branch)
        if self._before_export:
            narrowed = self._sift(batch, lingers=lingers)
            if not narrowed:
                return len(events)
            batch = narrowed
        self._export(batch, lingers=lingers)
        return len(events)

    def _sift(self, batch: Batch, *, lingers: bool) -> Batch | None:
        """Give what is left of `batch` when the application has seen its events; None if it has been given up."""
        self._batch = batch
        process = self._born_in
        with self._call(batch, self._filter_outage, lingers=lingers):
            kept, gone = sift(batch.taken, self._before_export, self._filter_outage)
        if process != self._born_in:
            return None
        self._batch = None
        self._moved = monotonic()
        return batch.narrow(kept, gone)

    @contextlib.contextmanager
    def _call(self, batch: Batch | None = None, outage: Outage | None = None, *, lingers: bool) -> Iterator[None]:
        """Have it noticed if what is called in here, with `batch` in hand, does not come back.

        `outage` tells of it, that of the exporter if it is None.
        """
        process = self._born_in
        outage = outage or self._outage
        self._watch.begin(partial(self._note_hanging, batch, outage), watched=lingers)
        try:
            yield
        finally:
            if process == self._born_in:
                self._watch.end()
                outage.come_back()

    def _note_hanging(self, batch: Batch | None, outage: Outage) -> None:
        """Give up what the exporter has in hand, while it has it: called by the watch."""
        if batch is not None:
            batch.settle(dropped=len(batch), cause="unknown")
        outage.hang(self._export_timeout)

    def _export(self, batch: Batch, *, lingers: bool) -> None:
        self._batch = batch
        process = self._born_in
        if self._closed:
            # Time was up before this batch could be seen.
            batch.settle(dropped=len(batch), cause="stopped")
            self._batch = None
            return
        try:
            with self._call(batch, lingers=lingers):
                if self._branches:
                    for branch in self._branches:
                        branch.take_over(batch.taken)
                else:
                    self._exporter.export(batch.events)
        except RetryError as error:
            if process == self._born_in:
                self._outage.begin(error, "cannot export now")
                if error.after is not None:
                    self._not_before = monotonic() + longest_wish(error.after)
                if batch.postpone(error.after, timeout=self._export_timeout):
                    self._held = batch
                else:
                    batch.settle(dropped=len(batch), cause="exporter_failed")
        except PartialExportError as error:
            if process == self._born_in:
                batch.settle_partly(error.lost, error.cause)
                self._outage.begin(error, "did not take all of a batch")
        except BaseException as error:
            # SystemExit and the like, too: an exporter may end neither the application nor this thread.
            if process == self._born_in:
                cause = "unknown" if isinstance(error, UnknownOutcomeError) else "exporter_failed"
                batch.settle(dropped=len(batch), cause=cause)
                self._outage.begin(error, "fails, and its events are dropped until it works again")
        else:
            if process == self._born_in:
                batch.settle(exported=len(batch))
                self._outage.end()
                self._reporter.hear()
        finally:
            if process == self._born_in:
                self._batch = None
                self._moved = monotonic()

    def _answer(self, waiters: Sequence[Latch], *, lingers: bool) -> None:
        """Let those go who wait for a flush, once the exporter has been asked for one, if it knows of such a thing."""
        flush = None if self._branches else getattr(self._exporter, "flush", None)
        is_sound = True
        if waiters and flush is not None:
            try:
                with self._call(lingers=lingers):
                    remaining = max(waiter.deadline for waiter in waiters) - monotonic()
                    is_sound = flush(max(0.0, remaining)) is not False
            except BaseException as error:
                is_sound = False
                self._outage.begin(error, "fails to flush")
            self._moved = monotonic()
        for waiter in waiters:
            self._pass_on(waiter, is_sound=is_sound)

    def _pass_on(self, latch: Latch, *, is_sound: bool) -> None:
        latch.share(len(self._branches))
        for branch in self._branches:
            branch._attend(latch)
        latch.release(is_sound=is_sound)

    def _finish(self, *, lingers: bool) -> None:
        """Close the exporter; the end. What comes later is counted, and goes nowhere."""
        if self._exporter_closed:
            # Somebody goes on capturing; not each of those events is worth a thread.
            sleep(_LATE)
            self._drop_waiting()
            return
        self._closed = True
        self._drop_waiting()
        process = self._born_in
        self._report(ended=True, lingers=lingers)
        if self._born_in != process:
            return
        self._begin_stop_of_branches(self._deadline)
        self._exporter_closed = True
        try:
            if not self._branches:
                with self._call(lingers=lingers):
                    self._exporter.close()
        except BaseException as error:
            warn("%s failed to close: %s", type(self._exporter).__name__, self._outage.describe(error))
        with contextlib.suppress(RuntimeError):
            self._ended.release()

    def _report(self, *, ended: bool = False, lingers: bool) -> None:
        process = self._born_in
        try:
            with self._call(lingers=lingers):
                self._reporter.report(ended=ended)
        except BaseException as error:
            if process == self._born_in and not self._reporter.failing:
                self._reporter.failing = True
                warn("%s cannot take a report: %s", type(self._exporter).__name__, self._outage.describe(error))
        else:
            self._reporter.failing = False

    def _drop_waiting(self) -> None:
        # What waits now: somebody may capture faster than this goes.
        batch = Batch(self.queue, self.queue.take(self.queue.waiting), tells_probes=not self._is_branch)
        batch.settle(dropped=len(batch), cause="stopped")

    def _is_worker(self) -> bool:
        return self._server == _thread.get_ident()

    def _await_thread(self, deadline: float) -> None:
        """Wait until the worker's thread has left the system, or `time.monotonic()` is `deadline`."""
        if await_departure(self._alive, self._native_id, deadline):
            self._native_id = None


def _nothing() -> None:
    """Stand in for what an exporter does not define."""


def _no_branches(**_: object) -> Sequence[Pipeline]:
    """Stand in for what most exporters do not define."""
    return ()
