"""What threads of HogTrace's own are made of: C code that starts them, locks, and word of when they are gone."""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
from time import monotonic, sleep
from typing import Any, Final

__all__ = ["Latch", "Lock", "await_departure", "bounded", "native", "new_lock"]

# Seconds between two looks at whether an ending thread has left the system.
_LEAVING: Final = 0.0002

Lock = _thread.LockType


def native(name: str) -> Any:
    """Give the system's own `_thread.<name>`: gevent's and eventlet's would make a waiting thread stop all others."""
    if (monkey := sys.modules.get("gevent.monkey")) is not None:
        return monkey.get_original("_thread", name)
    if (patcher := sys.modules.get("eventlet.patcher")) is not None:
        return getattr(patcher.original("_thread"), name)
    return getattr(_thread, name)


def new_lock() -> Lock:
    """Make a lock, with `native`."""
    lock: Lock = native("allocate_lock")()
    return lock


def bounded(timeout: float) -> float:
    """Give a number of seconds that a lock may be waited for."""
    return min(max(0.0, timeout), _thread.TIMEOUT_MAX)


class Latch:
    """What a thread waits for until `deadline` (`time.monotonic()`); one other releases it, or as many as share it."""

    __slots__ = ("_is_sound", "_left", "_lock", "deadline")

    deadline: float
    """Until when it is waited for."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = new_lock()
        self._lock.acquire()
        self._left = [True]
        self._is_sound = True

    def share(self, count: int) -> None:
        """Have it wait for `count` more; to be called by one that has not released it yet."""
        self._left += [True] * count

    def release(self, *, is_sound: bool = True) -> None:
        """Do one's part of it, or say that it cannot be done."""
        self._is_sound = self._is_sound and is_sound
        with contextlib.suppress(IndexError, RuntimeError):
            self._left.pop()
            if not self._left:
                self._lock.release()

    @property
    def is_open(self) -> bool:
        """Whether all have released it."""
        return not self._left

    def wait(self) -> bool:
        """Wait; give whether all have done their part in time."""
        return self._lock.acquire(timeout=bounded(self.deadline - monotonic())) and self._is_sound


def await_departure(alive: Lock, native_id: int | None, deadline: float) -> bool:
    """Wait until a thread has left the system, or `time.monotonic()` is `deadline`; give whether it has.

    The thread holds the lock `alive` while it works, and has the system's number `native_id`.
    """
    # Never by taking the lock: a thread that starts at this moment would find it taken, and go.
    while alive.locked() and monotonic() < deadline:
        sleep(_LEAVING)
    # The thread has run its last line of Python. CPython warns of every thread that the system still counts.
    while native_id is not None and not alive.locked() and monotonic() < deadline:
        try:
            os.stat(f"/proc/self/task/{native_id}")  # noqa: PTH116 - in the middle of a fork: C code alone
        except OSError:
            return True
        sleep(_LEAVING)
    return native_id is None and not alive.locked()
