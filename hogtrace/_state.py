"""All that HogTrace keeps for the process as a whole: everything global stands in this file.

Importing it registers the one `atexit` handler and the one set of fork handlers that HogTrace has; with no
tracer alive they do nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from time import monotonic
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, Protocol

from hogtrace.threads import native

if TYPE_CHECKING:
    from hogtrace.config import Settings
    from hogtrace.sites import NestedCode, WovenFunction
    from hogtrace.tracer import Tracer

EXIT_PATIENCE: Final = 0.8
"""Seconds that the end of the process waits for exporters that do not come back."""

EXIT_TIMEOUT: Final = 5.0
"""Seconds that it waits, at most, while they take one batch after the other."""

FORK_TIMEOUT: Final = 0.05
"""Seconds that a fork waits for the worker threads to end, unless an exporter asks for more."""

TELL_TIMEOUT: Final = 1.0
"""Seconds that a fork waits, at most, for one of them to write to the log, and each of them for another."""

lock = threading.RLock()
"""Guards what is installed where. Take it as `_state.lock`: a forked child gets a new one. No probe ever
waits for it, and nothing is imported under it, because a thread that imports a module may wait for it in the
import hook."""

sharing = threading.RLock()
"""Guards `tracers`, like `lock`; making a tracer may import its exporter. Taken before `lock` only."""

woven: weakref.WeakKeyDictionary[FunctionType, WovenFunction] = weakref.WeakKeyDictionary()
"""Every function that carries probes of its own."""

nested: dict[int, NestedCode] = {}
"""The code, by the id of its original, that carries probes wherever a function is made of it, and all code that
encloses it."""

originals: dict[int, tuple[weakref.ref[CodeType], CodeType]] = {}
"""Code that was made for `woven` and `nested`, by its id, with the original that it stands for. An entry goes with
its code."""

telling = native("RLock")()
"""Held while one of HogTrace's own threads writes to the log, if it is to be had: a fork waits for that, because
the child would find the file of the handler locked for ever. Take it as `_state.telling`, with TELL_TIMEOUT."""

tracers: dict[Settings, Tracer] = {}
"""The tracers that belong to the process, by what they were asked to do."""

request_ids: tuple[int, list[str]] = (0, [])
"""Ids for requests to come, and the process that has drawn them."""

hook_costs: tuple[float, float] | None = None
"""The seconds that a hook takes besides the runs of its probes, and where no run is needed, once that was measured."""

sigterm_for: dict[int, weakref.ref[object]] = {}
"""For whom SIGTERM is handled: those that live."""

uvicorns_handler: Any = None
"""The handler of uvicorn's that ours stands in front of, once it does."""


class Background(Protocol):
    """What has a thread of its own, and has to know of forks and of the end of the process."""

    def pause(self) -> None:
        """Have the thread end soon: the process is about to fork."""

    def wait_paused(self, since: float, timeout: float) -> None:
        """Wait until it is gone, for `timeout` seconds from the time `since` on."""

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""

    def start_anew(self) -> None:
        """Begin again: the process has forked, and this is the child."""

    def begin_stop(self, deadline: float) -> None:
        """Have the thread end until `time.monotonic()` is `deadline`: the process is about to."""

    def end_stop(self, deadline: float, *, patience: float) -> object:
        """Wait for that, and no longer than `patience` seconds for one step."""


# Not a WeakSet: that one is Python code, which a probe may sit on, and this is used in the middle of a fork.
_background: dict[int, weakref.ref[Background]] = {}

# The process, a child of `multiprocessing`, that runs `_at_exit` at its end.
_ends_with_multiprocessing: int | None = None


def original_code(function: FunctionType) -> CodeType:
    """Give the code that a function has without HogTrace, unless another tool has replaced it since."""
    code = function.__code__
    carrier = woven.get(function)
    if carrier is not None and carrier.code is code:
        return carrier.original
    made = originals.get(id(code))
    return code if made is None or made[0]() is not code else made[1]


def keep_account_of(one: Background) -> None:
    """Let `one` know, for as long as it lives, of forks and of the end of the process."""
    key = id(one)
    _background[key] = weakref.ref(one, lambda _: _background.pop(key, None))
    _end_with_multiprocessing()


def forget(one: Background) -> None:
    """Undo `keep_account_of`; it is no error if there is nothing to undo."""
    _background.pop(id(one), None)


def alive() -> list[Background]:
    """Give all that `keep_account_of` was told of, as far as it lives."""
    return [one for reference in list(_background.values()) if (one := reference()) is not None]


def _before_fork() -> None:
    pausing = alive()
    for one in pausing:
        one.pause()
    since = monotonic()
    for one in pausing:
        one.wait_paused(since, FORK_TIMEOUT)
    telling.acquire(timeout=TELL_TIMEOUT)


def _after_fork_in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # it was not to be had
        telling.release()
    for one in alive():
        one.resume()


def _after_fork_in_child() -> None:
    global lock, sharing, telling
    telling = native("RLock")()
    # A thread that is not here any more may have held them.
    if not lock._is_owned():  # type: ignore[attr-defined]  # the standard library's, untold to type checkers
        lock = threading.RLock()
    if not sharing._is_owned():  # type: ignore[attr-defined]  # the same
        sharing = threading.RLock()
    for one in alive():
        one.start_anew()
    # A child of `multiprocessing` ends without `atexit`. What it runs instead is registered once it has
    # begun.
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _background:
        util.register_after_fork(sys.modules[__name__], _end_with_multiprocessing)


def _end_with_multiprocessing(_: Any = None) -> None:
    global _ends_with_multiprocessing
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is None or util is None or process.parent_process() is None:
        return
    if _ends_with_multiprocessing != os.getpid():
        _ends_with_multiprocessing = os.getpid()
        util.Finalize(None, _at_exit, exitpriority=-100)


def _at_exit() -> None:
    ending = alive()
    deadline = monotonic() + EXIT_TIMEOUT
    for one in ending:
        one.begin_stop(deadline)
    for one in ending:
        one.end_stop(deadline, patience=EXIT_PATIENCE)


atexit.register(_at_exit)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
