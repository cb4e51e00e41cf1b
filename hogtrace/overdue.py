"""The watch over one exporter: it notices a call that does not come back, which no thread can interrupt."""

from __future__ import annotations

import _thread
import contextlib
from collections.abc import Callable
from time import monotonic
from typing import Final

from hogtrace._engine import mute_thread
from hogtrace.threads import await_departure, bounded, native, new_lock

__all__ = ["Watch"]

# Seconds that a worker waits at its end for the thread that watched it.
_PATIENCE: Final = 0.5


class Watch:
    """A thread that sleeps beside a worker, and speaks up once a call of it has taken `timeout` seconds.

    It wakes about once in `timeout` seconds: while nothing is called it may sleep for as long, because what begins
    meanwhile is not overdue sooner.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.reset()

    def reset(self) -> None:
        """Forget the thread: this is the child of a fork, where there is none."""
        self._call: tuple[float, Callable[[], None]] | None = None
        self._bell = new_lock()  # released to end the thread
        self._alive = new_lock()  # held as long as it is there
        self._is_there = False
        self._native_id: int | None = None

    def begin(self, on_overdue: Callable[[], None], *, watched: bool = True) -> None:
        """Note that a call begins; `on_overdue` is what to do, once, when it is overdue, while it goes on.

        Starts the thread if there is none, unless the call shall not be `watched`.
        """
        self._call = monotonic(), on_overdue
        if watched and not self._is_there:
            # New ones: whoever was interrupted here may have left the others in any state.
            self._bell, self._alive = new_lock(), new_lock()
            self._bell.acquire()
            self._alive.acquire()
            self._native_id = None
            self._is_there = True
            try:
                native("start_new_thread")(self._run, (self._bell, self._alive))
            except RuntimeError:
                # The system gives no more threads: then nobody watches.
                self._is_there = False
                self._alive.release()

    def end(self) -> None:
        """Note that the call is over."""
        self._call = None

    def leave(self) -> None:
        """End the thread, and wait until it has left the system."""
        if self._is_there:
            self._is_there = False
            with contextlib.suppress(RuntimeError):
                self._bell.release()
            deadline = monotonic() + _PATIENCE
            await_departure(self._alive, None, deadline)  # until then it may have no number
            await_departure(self._alive, self._native_id, deadline)

    def _run(self, bell: _thread.LockType, alive: _thread.LockType) -> None:
        mute_thread(True)
        self._native_id = _thread.get_native_id()
        told = None
        wait = self._timeout
        try:
            while not bell.acquire(timeout=bounded(wait)):
                call = self._call
                wait = self._timeout
                if call is None or call is told:
                    continue
                wait = call[0] + self._timeout - monotonic()
                if wait <= 0:
                    told = call
                    call[1]()
                    wait = self._timeout
        finally:
            alive.release()
