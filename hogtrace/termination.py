"""SIGTERM: what waits is exported before the process ends by it, where nobody else would see to that.

By itself a signal ends a process without any of Python's exit handlers. So where nobody handles it, a handler of ours
flushes and then lets the signal do what it does. The one other handler that is known here is uvicorn's: that one shuts
down, puts back what was there before it, and raises the signal again. Handlers of others are left alone: they end the
process in their own way, as a rule through `atexit`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from time import monotonic
from types import FrameType, MethodType
from typing import TYPE_CHECKING, Any, Final

from hogtrace import _state
from hogtrace.pipeline import Pipeline

if TYPE_CHECKING:
    import asyncio

    from hogtrace.threads import Latch

__all__ = ["flush_on_sigterm", "forget"]

_WITHIN: Final = 2.0
"""Seconds that all flushes may take together."""

_GLANCE: Final = 0.01
"""Seconds between two looks at a server that shuts down."""

_TASK: Final = "hogtrace: flush before the end"

_Handler = Callable[[int, FrameType | None], Any]


def flush_on_sigterm(one: object) -> None:
    """See to it, for as long as `one` lives and is not forgotten, that SIGTERM loses nothing.

    Where that cannot be done, because another handler is in place or this is not the main thread, nothing is.
    """
    key = id(one)
    _state.sigterm_for[key] = weakref.ref(one, lambda _: _state.sigterm_for.pop(key, None))
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:
        _put(_flush_and_end)
    elif _is_uvicorns(before) and _put(_flush_beside_uvicorn):
        _state.uvicorns_handler = before


def forget(one: object) -> None:
    """Undo `flush_on_sigterm`; the handler goes with the last for whom it is there, if it still is."""
    _state.sigterm_for.pop(id(one), None)
    if _state.sigterm_for or threading.current_thread() is not threading.main_thread():
        return
    now = signal.getsignal(signal.SIGTERM)
    if now is _flush_and_end:
        _put(signal.SIG_DFL)
    elif now is _flush_beside_uvicorn:
        _put(_state.uvicorns_handler)
        _state.uvicorns_handler = None


def _put(handler: Any) -> bool:
    try:
        signal.signal(signal.SIGTERM, handler)
    except ValueError:
        return False  # not the main interpreter
    return True


def _is_uvicorns(handler: object) -> bool:
    module = sys.modules.get("uvicorn.server")
    return type(handler) is MethodType and module is not None and isinstance(handler.__self__, module.Server)


def _begin_flush() -> list[Latch]:
    deadline = monotonic() + _WITHIN
    return [one.begin_flush(deadline) for one in _state.alive() if isinstance(one, Pipeline)]


def _flush_and_end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a handler
    # From here on a second signal ends the process at once.
    signal.signal(number, signal.SIG_DFL)
    try:
        for latch in _begin_flush():
            latch.wait()
    finally:
        signal.raise_signal(number)
        # Still here: the first process of a container is not ended by what it does not handle.
        signal.signal(number, _flush_and_end)


def _flush_beside_uvicorn(number: int, frame: FrameType | None) -> None:
    """Let uvicorn begin its shutdown; have it wait, when all else is done, for a last flush."""
    handler: _Handler = _state.uvicorns_handler
    handler(number, frame)
    for one in _state.alive():
        if isinstance(one, Pipeline):
            one.hasten()
    # uvicorn waits for the tasks in this set, as it does for those of the application. Where a version of it has none,
    # it is left at the haste.
    with contextlib.suppress(AttributeError, RuntimeError):
        server = handler.__self__  # type: ignore[attr-defined]  # a method, as was seen
        tasks: set[asyncio.Task[object]] = server.server_state.tasks
        loop: asyncio.AbstractEventLoop = sys.modules["asyncio"].get_running_loop()
        loop.call_soon_threadsafe(_add_task, loop, tasks, server)


def _add_task(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[object]], server: Any) -> None:
    if not any(task.get_name() == _TASK for task in tasks):
        task = loop.create_task(_flush_last(tasks, server), name=_TASK)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _flush_last(tasks: set[asyncio.Task[object]], server: Any) -> None:
    """Flush when uvicorn takes no more connections, and has none left, nor tasks: no request can come after that."""
    sleep = sys.modules["asyncio"].sleep
    quiet = 0
    # Twice: a connection that was just accepted is known after the next round of the loop.
    while quiet < 2:
        accepts = any(listener.is_serving() for listener in server.servers)
        quiet = 0 if accepts or server.server_state.connections or len(tasks) > 1 else quiet + 1
        await sleep(_GLANCE)
    latches = _begin_flush()
    while latches and monotonic() < latches[0].deadline and not all(latch.is_open for latch in latches):
        await sleep(_GLANCE)
