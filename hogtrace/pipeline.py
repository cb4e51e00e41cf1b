"""From the queue to the exporter: what a tracer, a fork and the end of the process ask for.

The application's threads only ever put into the queue. One thread hands events over in batches (`hogtrace.worker`), and
sees what becomes of each batch (`hogtrace.delivery`). An exporter that fails, hangs or returns nonsense costs events,
which are counted, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Final, TypedDict

from hogtrace import _state
from hogtrace._engine import CaptureEvent, EventQueue, Resource
from hogtrace.before_export import BeforeExport
from hogtrace.delivery import Delivery
from hogtrace.reporting import Reporter
from hogtrace.threads import Latch, bounded, native
from hogtrace.types import Exporter, ExporterStatus
from hogtrace.worker import Worker

__all__ = ["Accounts", "Pipeline"]

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
        self._is_branch = is_branch
        reporter = reporter or Reporter()
        open_branches: Callable[..., Sequence[Pipeline]] = getattr(exporter, "open_branches", _no_branches)
        self._branches = tuple(
            open_branches(
                max_events=max_events,
                max_bytes=max_bytes,
                batch_size=batch_size,
                batch_delay=batch_delay,
                export_timeout=export_timeout,
                reporter=reporter,
                is_branch=True,
            )
        )
        # Called by the thread of the application that captures the first event: C code alone. What it starts holds on
        # to this pipeline, which so hears of forks and of the end.
        start = partial(native("start_new_thread"), self._run, ())
        self.queue = EventQueue(
            max_events,
            max_bytes,
            wake_at=batch_size,
            on_first=start,
            resource=resource,
            request_records=request_records,
        )
        self._delivery = Delivery(
            self.queue,
            exporter,
            batch_size=batch_size,
            timeout=export_timeout,
            before_export=before_export,
            reporter=reporter,
            tells_probes=not is_branch,
        )
        self._worker = Worker(
            self.queue, self._delivery, reporter, start=start, batch_delay=batch_delay, branches=self._branches
        )
        if not is_branch:
            _state.keep_account_of(self)

    def _run(self) -> None:
        self._worker.run()

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
        name = type(self._exporter).__name__
        return (ExporterStatus(name=name, state=self._delivery.state, **self.accounts()),)

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

    def report_soon(self) -> None:
        """Have the worker report soon what is new of the tracer, if the exporter takes reports."""
        self._worker.report_soon()
        for branch in self._branches:
            branch.report_soon()

    def flush(self, timeout: float = 5.0) -> bool:
        """Have everything that was captured before this call exported, and wait for that.

        Waits `timeout` seconds at most; gives whether all of it was dealt with in that time (exported, or
        dropped and counted). Called from within the exporter it gives False at once, for it would wait for
        itself.
        """
        if any(one._worker.is_here for one in (self, *self._branches)):
            return False
        return self.begin_flush(monotonic() + bounded(timeout)).wait()

    def begin_flush(self, deadline: float) -> Latch:
        """Ask for a flush until `time.monotonic()` is `deadline`; give what to wait for."""
        latch = Latch(deadline)
        self.attend(latch)
        return latch

    def attend(self, latch: Latch) -> None:
        """Release `latch` when everything that is here now has been dealt with."""
        self._worker.attend(latch)

    def hasten(self) -> None:
        """Export what waits now, and from now on whatever comes, without a delay: the process will end soon."""
        for one in (self, *self._branches):
            one._worker.hasten()

    def stop(self, timeout: float = 5.0) -> bool:
        """Export what waits, close the exporter, and end.

        Takes `timeout` seconds at most. What could not be exported in that time counts as dropped: `stopped`
        if it was still waiting, `exporter_failed` if it was to be tried again, `unknown` if the exporter had it in
        hand. Gives whether everything was done in time. Calling it again changes nothing.
        """
        deadline = monotonic() + bounded(timeout)
        self.begin_stop(deadline)
        return self.end_stop(deadline)

    def begin_stop(self, deadline: float) -> None:
        """Ask for the end until `time.monotonic()` is `deadline`, as `stop` does, without waiting for it."""
        self._worker.begin_end(deadline)

    def end_stop(self, deadline: float, *, patience: float = float("inf")) -> bool:
        """Wait for the end until `time.monotonic()` is `deadline`; gives whether it came by then.

        It waits no longer than `patience` seconds for one call of the exporter.
        """
        if self._worker.is_here:
            return False
        in_time = self._worker.await_end(deadline, patience)
        if not in_time:
            self._delivery.give_up()
        self._delivery.drop_waiting()
        if not in_time:
            for branch in self._branches:
                branch.begin_stop(deadline)
        for branch in self._branches:
            in_time &= branch.end_stop(deadline, patience=patience)
        _state.forget(self)
        return in_time

    def pause(self) -> None:
        """Ask the worker to hand over what waits and to end, because the process is about to fork."""
        for one in (self, *self._branches):
            one._worker.pause()

    def wait_paused(self, since: float, timeout: float) -> None:
        """Wait until the worker's thread is gone, for `timeout` seconds from the time `since` on.

        An exporter may ask for more time by an attribute `fork_timeout`.
        """
        deadline = since + max(timeout, getattr(self._exporter, "fork_timeout", 0.0))
        if self._is_branch:
            # What has just been handed over starts a thread, which may not be seen yet.
            while self.queue.waiting and not self._worker.is_at_work and monotonic() < deadline:
                sleep(_GLANCE)
        self._worker.await_departure(deadline)
        for branch in self._branches:
            branch.wait_paused(since, timeout)

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""
        for one in (self, *self._branches):
            one._worker.resume()

    def start_anew(self) -> None:
        """Begin again with nothing: the process has forked, and this is the child.

        What waited belongs to the parent, which exports it.
        """
        self._worker.reset()
        self._delivery.reset()
        self.queue.reset_after_fork()
        for branch in self._branches:
            branch.start_anew()
        self._delivery.after_fork()
        self._worker.report_anew()


def _no_branches(**_: object) -> Sequence[Pipeline]:
    """Stand in for what most exporters do not define."""
    return ()
