"""`EventQueue`: bounds, accounts, waiting and waking, forks."""

import functools
import gc
import itertools
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from hogtrace._engine import CaptureEvent, EventQueue, mute_thread
from tests.hogtrace.evaluation import fire


def made(text: str = "") -> CaptureEvent:
    """Make an event with that text."""
    return CaptureEvent(timestamp=1.0, program="p", probe="b", target="t", point="entry", values={"v": text})


def nothing() -> None:
    """Start nobody."""


def queue_of(max_events: int = 100, max_bytes: int = 1_000_000, wake_at: int = 10) -> EventQueue:
    """Make a queue that starts nobody."""
    return EventQueue(max_events, max_bytes, wake_at=wake_at, on_first=nothing)


def balance(queue: EventQueue) -> None:
    """Check the account."""
    assert queue.captured == queue.exported + queue.queued + sum(queue.dropped.values())


class TestBounds:
    """What fits and what does not."""

    def test_events_come_out_in_order(self) -> None:
        """Events are taken in the order in which they arrived, as many as asked for."""
        queue, events = queue_of(), [made() for _ in range(5)]
        assert all(queue.put(event) for event in events)
        assert queue.take(3) == events[:3]
        assert queue.take(10) == events[3:]
        assert queue.take(10) == []

    def test_count(self) -> None:
        """An event over the count is dropped, and counted as such."""
        queue = queue_of(max_events=3)
        assert [queue.put(made()) for _ in range(5)] == [True, True, True, False, False]
        assert queue.dropped == {"queue_full": 2}
        assert (queue.captured, queue.queued, queue.waiting) == (5, 3, 3)
        balance(queue)

    def test_bytes(self) -> None:
        """An event over the bytes is dropped; taking events makes room."""
        event = made("x" * 1000)
        queue = queue_of(max_bytes=3 * event.size)
        assert [queue.put(event) for _ in range(4)] == [True, True, True, False]
        assert queue.waiting_bytes == 3 * event.size
        queue.take(1)
        assert queue.waiting_bytes == 2 * event.size
        assert queue.put(event)
        queue.take(100)
        assert queue.waiting_bytes == 0

    def test_a_small_event_may_fit_where_a_large_one_did_not(self) -> None:
        """The bound is on what waits, not a state."""
        queue = queue_of(max_bytes=made().size * 2)
        assert not queue.put(made("x" * 1000))
        assert queue.put(made())

    @pytest.mark.parametrize("bounds", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
    def test_bounds_below_one(self, bounds: tuple[int, int, int]) -> None:
        """A queue that could hold nothing is refused."""
        with pytest.raises(ValueError, match="at least 1"):
            queue_of(*bounds)


class TestAccounts:
    """captured = exported + queued + dropped."""

    def test_settling(self) -> None:
        """What was taken stays queued until it is settled, as exported or by the cause of its loss."""
        queue = queue_of()
        for _ in range(6):
            queue.put(made())
        queue.take(5)
        assert (queue.waiting, queue.queued) == (1, 6)
        queue.settle(exported=2)
        queue.settle(dropped=1)
        queue.settle(exported=1, dropped=1, cause="unknown")
        assert (queue.exported, queue.queued) == (3, 1)
        assert queue.dropped == {"exporter_failed": 1, "unknown": 1}
        balance(queue)

    def test_settling_too_much(self) -> None:
        """More cannot be settled than was taken, and the attempt changes nothing."""
        queue = queue_of()
        queue.put(made())
        with pytest.raises(ValueError, match=r"1 \+ 0 settled of 0"):
            queue.settle(exported=1)
        queue.take(1)
        with pytest.raises(ValueError, match="settled"):
            queue.settle(exported=1, dropped=1)
        queue.settle(exported=1)
        balance(queue)

    def test_threads(self) -> None:
        """With many threads that put and take, the account balances and no event is lost or doubled."""
        queue = queue_of(max_events=200)
        taken: list[str] = []
        stop = threading.Event()

        def take() -> None:
            sizes = itertools.cycle(range(1, 50, 7))
            while not stop.is_set() or queue.waiting:
                batch = queue.take(next(sizes))
                taken.extend(event.id for event in batch)
                queue.settle(exported=len(batch) // 2, dropped=len(batch) - len(batch) // 2)

        def put() -> None:
            for _ in range(3000):
                queue.put(made())

        taker = threading.Thread(target=take)
        putters = [threading.Thread(target=put) for _ in range(4)]
        for thread in [taker, *putters]:
            thread.start()
        for thread in putters:
            thread.join()
        stop.set()
        taker.join()
        assert queue.captured == 12_000
        assert queue.queued == 0
        assert len(set(taken)) == len(taken) == 12_000 - queue.dropped.get("queue_full", 0)
        balance(queue)


class TestStarting:
    """`on_first`."""

    def test_is_called_at_the_first_event_only(self) -> None:
        """The first event starts whoever exports; the next ones do not, until the queue is armed again."""
        calls: list[int] = []
        queue = EventQueue(on_first=lambda: calls.append(1))
        assert calls == []
        queue.put(made())
        queue.put(made())
        assert calls == [1]
        queue.rearm()
        assert calls == [1]
        queue.put(made())
        assert calls == [1, 1]

    def test_an_event_that_is_dropped_starts_nobody(self) -> None:
        """A full queue has started whom it could."""
        calls: list[int] = []
        queue = EventQueue(1, on_first=lambda: calls.append(1))
        queue.put(made())
        queue.rearm()
        queue.put(made())
        assert calls == [1]

    def test_if_it_raises_the_next_event_tries_again(self) -> None:
        """A failure to start loses no event and no exception, and is tried again."""
        calls: list[int] = []

        def fail() -> None:
            calls.append(1)
            raise RuntimeError("can't start new thread")

        queue = EventQueue(on_first=fail)
        assert queue.put(made())
        assert queue.put(made())
        assert len(calls) == 2
        assert queue.waiting == 2

    def test_it_may_put(self) -> None:
        """What is started may capture events itself."""
        queues: list[EventQueue] = []
        queue = EventQueue(on_first=lambda: queues[0].put(made()))
        queues.append(queue)
        queue.put(made())
        assert queue.waiting == 2

    def test_a_queue_and_its_owner_are_collected(self) -> None:
        """An owner whose method the queue calls does not live for ever."""

        class Owner:
            def __init__(self) -> None:
                self.queue = EventQueue(on_first=self.start)

            def start(self) -> None:
                """Start nobody."""

        owner = Owner()
        gone = weakref.ref(owner)
        del owner
        gc.collect()
        assert gone() is None


def timed(wait: Callable[[], bool]) -> tuple[bool, float]:
    """Tell what `wait` gives, and how many seconds it takes."""
    started = time.monotonic()
    return wait(), time.monotonic() - started


class TestWaiting:
    """`wait` and `wake`."""

    def test_times_out(self) -> None:
        """Without events the wait ends when it was told to, and says so."""
        woken, seconds = timed(lambda: queue_of().wait(0.05))
        assert woken is False
        assert seconds >= 0.04

    @pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
    def test_no_time(self, timeout: float) -> None:
        """A wait without time only looks."""
        queue = queue_of(wake_at=1)
        assert queue.wait(timeout) is False
        queue.put(made())
        assert queue.wait(timeout) is True

    def test_few_events_do_not_wake(self) -> None:
        """Fewer events than `wake_at` leave the wait to its time."""
        queue = queue_of(wake_at=10)
        putter = threading.Timer(0.02, lambda: [queue.put(made()) for _ in range(9)])
        putter.start()
        assert queue.wait(0.15) is False
        putter.join()
        assert queue.waiting == 9
        assert queue.wait(0.01) is False

    def test_enough_events_wake(self) -> None:
        """As many events as `wake_at` end the wait at once."""
        queue = queue_of(wake_at=10)
        threading.Timer(0.02, lambda: [queue.put(made()) for _ in range(10)]).start()
        assert queue.wait(100) is True
        assert queue.wait(100) is True

    def test_more_than_fits_is_never_waited_for(self) -> None:
        """A queue that is full wakes, however many events were asked for."""
        queue = queue_of(max_events=3, wake_at=10)
        for _ in range(3):
            queue.put(made())
        assert queue.wait(100) is True

    def test_wake(self) -> None:
        """`wake` ends the wait of another thread."""
        queue = queue_of()
        threading.Timer(0.02, queue.wake).start()
        assert queue.wait(100) is True
        assert queue.wait(0.01) is False

    def test_wake_before_the_wait(self) -> None:
        """A wake that comes first is not lost, and counts once."""
        queue = queue_of()
        queue.wake()
        queue.wake()
        assert queue.wait(100) is True
        assert queue.wait(0.01) is False

    def test_other_threads_run_meanwhile(self) -> None:
        """The wait holds nothing that others need."""
        queue = queue_of()
        waiting = threading.Thread(target=queue.wait, args=(float("inf"),))
        waiting.start()
        for _ in range(9):
            time.sleep(0.01)
            queue.put(made())
        assert waiting.is_alive()
        queue.wake()
        waiting.join()

    def test_for_ever(self) -> None:
        """A wait without an end is one that `wake` ends."""
        queue = queue_of()
        threading.Timer(0.02, queue.wake).start()
        assert queue.wait(float("inf")) is True


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
class TestFork:
    """The child of a fork."""

    @staticmethod
    def in_child(check: Callable[[], bool]) -> None:
        """Check something in a child, which must not hang."""
        child = os.fork()
        if child == 0:
            signal.alarm(100)
            os._exit(0 if check() else 1)
        assert os.waitpid(child, 0)[1] == 0

    def test_reset(self) -> None:
        """The child's queue is as new; the parent's is untouched."""
        calls: list[int] = []
        queue = EventQueue(on_first=lambda: calls.append(1))
        for _ in range(5):
            queue.put(made())
        queue.take(2)

        def check() -> bool:
            queue.reset_after_fork()
            empty = (queue.captured, queue.exported, queue.queued, queue.waiting_bytes, queue.dropped) == (
                0,
                0,
                0,
                0,
                {},
            )
            queue.put(made())
            return empty and calls == [1, 1] and queue.waiting == 1

        self.in_child(check)
        assert (queue.captured, queue.queued) == (5, 5)

    def test_in_the_middle_of_everything(self) -> None:
        """Forks while other threads put, take and wait leave no lock behind."""
        queue = queue_of(max_events=50, wake_at=2)
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                queue.put(made())
                queue.settle(exported=len(queue.take(2)))

        def wait() -> None:
            while not stop.is_set():
                queue.wait(0.001)

        threads = [threading.Thread(target=target) for target in [work, work, wait]]
        for thread in threads:
            thread.start()

        def check() -> bool:
            queue.reset_after_fork()
            return queue.put(made()) and queue.put(made()) and queue.wait(60) and len(queue.take(5)) == 2

        try:
            for _ in range(50):
                self.in_child(check)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        balance(queue)


def test_a_muted_thread_captures_nothing() -> None:
    """Hooks do nothing on a thread that asked for it, and work on the others."""
    mute_thread(True)
    try:
        assert fire("fn:app.f:entry { capture(1); }") == []
        seen: list[list[CaptureEvent]] = []
        thread = threading.Thread(target=lambda: seen.append(fire("fn:app.f:entry { capture(1); }")))
        thread.start()
        thread.join()
        assert len(seen[0]) == 1
    finally:
        mute_thread(False)
    assert len(fire("fn:app.f:entry { capture(1); }")) == 1


def test_starting_with_a_plain_thread() -> None:
    """A queue can be served by a thread that a C function starts."""
    import _thread

    served = threading.Event()
    queue = EventQueue(on_first=functools.partial(_thread.start_new_thread, served.set, ()))
    queue.put(made())
    assert served.wait(60)
