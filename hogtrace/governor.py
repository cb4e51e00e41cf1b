"""What becomes of a probe that takes too much of the application's time, and the thread that sees to it.

The engine measures (`rust/python/src/governor.rs`). A probe over its budget falls silent in the very hit that
showed it, in the thread of the application, which does no more than that and one call of C code. Weaving is
done by a thread that exists only while some probe is tripped: it takes the probe out of its functions, sleeps
until the pause is over, and puts it back. Like the exporter's thread it is gone while the process forks.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from time import monotonic, perf_counter
from types import FunctionType
from typing import Any, Final

from hogtrace import _engine, _state
from hogtrace.binding import bind
from hogtrace.errors import WeaveError
from hogtrace.outages import warn
from hogtrace.threads import await_departure, bounded, native, new_lock
from hogtrace.types import Budget
from hogtrace.weave import weave

__all__ = ["Governor", "Trips"]

_LONGEST: Final = 64
"""How many times the first pause the longest is."""
_GOOD_WHILE: Final = 4
"""How many times as long as it was out a probe has to stay in for the next pause to be the first one again."""


@dataclass(slots=True)
class Trips:
    """The history of one probe that was over its budget. Times are those of `time.monotonic()`, in seconds."""

    count: int = 0
    """How often it was tripped."""
    until: float | None = None
    """When it is put back; None while it is in."""
    pause: float = 0.0
    """How long it is out, or was the last time."""
    taken: tuple[float, float | None] = (0.0, None)
    """What it took of a window, and what all probes took, in seconds, as the engine has them."""
    _back_since: float = float("-inf")

    def trip(self, budget: Budget, taken: tuple[float, float | None], now: float, *, effort: float) -> None:
        """Note that it was tripped at the time `now`, and taken out in `effort` seconds of the processor's time."""
        again = now - self._back_since < _GOOD_WHILE * self.pause
        longest = budget.pause * _LONGEST
        pause = min(self.pause * 2, longest) if again else budget.pause
        # What it takes to take it out and to put it back stays within the budget, too.
        self.pause = max(pause, 2 * effort / budget.one)
        self.count += 1
        self.taken = taken
        self.until = now + self.pause

    def put_back(self, now: float) -> None:
        """Note that it is in again."""
        self.until = None
        self._back_since = now

    def reason(self, budget: Budget, now: float) -> str | None:
        """Say what happened, with the figures, for as long as it matters; None if there is nothing to say."""
        if not self.count:
            return None
        own, together = self.taken
        window = _engine.Governor.WINDOW
        if together is None:
            why = (
                f"it took {_share(own / window)} of a thread's time ({_measured(own)} within {_set(window)}), and its "
                f"budget (MAX_OVERHEAD) is {budget.one * 100:g} %"
            )
        else:
            why = (
                f"all probes together took {_share(together / window)} of a thread's time ({_measured(together)} "
                f"within {_set(window)}), their budget (MAX_TOTAL_OVERHEAD) is {(budget.all or 1) * 100:g} %, and "
                f"this one was the dearest with {_share(own / window)}"
            )
        times = "once" if self.count == 1 else f"{self.count} times"
        if self.until is None:
            return f"tripped {times}, and put back {_measured(now - self._back_since)} ago; the last time {why}"
        comes = _measured(max(0.0, self.until - now))
        return f"{why}; tripped {times}, it is put back in {comes}, after {_set(self.pause)}"


class Governor:
    """The thread that looks after tripped probes.

    `tend` does what is due: it gives the seconds until it wants to be called again, or None if nothing is
    tripped. It is handed a function that says whether it shall come back at once with what it has not done yet.
    """

    engine: _engine.Governor
    """What probes are linked with."""

    def __init__(self, budget: Budget, tend: Callable[[Callable[[], bool]], float | None]) -> None:
        self.budget = budget
        self._tend = tend
        # Both are called by the thread of the application that trips a probe: C code alone.
        self._start = partial(native("start_new_thread"), self._run, ())
        self._bell = new_lock()
        self._bell.acquire()
        self._ended = False
        self._reset()
        hook, look = _hook_costs()
        self.engine = _engine.Governor(
            budget.one, budget.all, hook_cost=hook, look_cost=look, start=self._start, wake=self._bell.release
        )
        _state.keep_account_of(self)

    def _reset(self) -> None:
        self._alive = new_lock()  # held by the thread while it works
        self._native_id: int | None = None
        self._paused = False
        self._is_missed = False  # whether the thread went, for a fork, before it had nothing to do

    def pause(self) -> None:
        """Have the thread end soon, because the process is about to fork."""
        self._paused = True
        self._wake()

    def wait_paused(self, since: float, timeout: float) -> None:
        """Wait until it is gone, for `timeout` seconds from the time `since` on."""
        self._await_thread(since + timeout)

    def resume(self) -> None:
        """Undo `pause`: the process has forked, and this is the parent."""
        self._paused = False
        if self._is_missed:
            self._is_missed = False
            self._begin()

    def start_anew(self) -> None:
        """Go on: the process has forked, and this is the child. What is tripped is put back here, too."""
        # Not if nobody could be called, or was there to hear: the thread may not have begun to run.
        wanted = self._is_missed or self._alive.locked() or not self.engine.rest()
        self._reset()
        if wanted and not self._ended:
            self._begin()

    def begin_stop(self, deadline: float) -> None:  # noqa: ARG002 - it has nothing to finish
        """Have the thread end for good."""
        self._ended = True
        self._wake()

    def end_stop(self, deadline: float, *, patience: float = float("inf")) -> None:
        """Wait for that until `time.monotonic()` is `deadline`, for `patience` seconds at most."""
        self._await_thread(min(deadline, monotonic() + patience))
        _state.forget(self)

    def _await_thread(self, deadline: float) -> None:
        if self._native_id != _thread.get_native_id() and await_departure(self._alive, self._native_id, deadline):
            self._native_id = None

    def _wake(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:
            return  # it was rung already

    def _begin(self) -> None:
        try:
            self._start()
        except RuntimeError:
            # The system gives no thread; whoever asks for a status does what is due.
            return

    def _run(self) -> None:
        _engine.mute_thread(True)
        while self._alive.acquire(blocking=False):
            alive = self._alive
            self._native_id = _thread.get_native_id()
            done = True
            try:
                done = self._work()
            except Exception as error:
                warn("looking after probes that were over their budget failed: %s", type(error).__name__)
            finally:
                self._is_missed = self._paused
                alive.release()
            # Asked once more: whoever resumed meanwhile may not have seen that something is missed.
            if self._ended or self._paused or alive is not self._alive or (done and self.engine.rest()):
                return
        # There is a thread, which may sleep.
        self._wake()

    def _is_wanted_elsewhere(self) -> bool:
        return self._paused or self._ended

    def _work(self) -> bool:
        """Do what is due, when it is, and give True when nothing is out any more."""
        while not self._is_wanted_elsewhere():
            wait = self._tend(self._is_wanted_elsewhere)
            if wait is None:
                return True
            if not self._is_wanted_elsewhere():
                self._bell.acquire(timeout=bounded(wait))
        return False


def _hook_costs() -> tuple[float, float]:
    """Give the seconds that a hook takes besides the runs of its probes, and where a look at the predicate is enough.

    They are measured, once for the process.
    """
    if _state.hook_costs is None:
        # The machine runs the one; a look settles the other.
        costs = [
            _measured_cost("fn:hogtrace.bare:entry { }"),
            _measured_cost("fn:hogtrace.bare:entry / arg0 == 1 / { }"),
        ]
        hook, look = [min(max(cost, 1e-8), 1e-5) for cost in costs]
        _state.hook_costs = hook, look
    return _state.hook_costs


_CALLS: Final = 200
_ROUNDS: Final = 7


def _measured_cost(probe: str) -> float:
    def bare(value: object) -> object:
        return value

    program = _engine.compile(probe)
    linked = _engine.LinkedProbe(
        program,
        program.probes[0],
        _engine.EventQueue(1, on_first=int),
        access="safe",
        trust=_engine.TrustList(),
        redaction=_engine.Redaction(),
    )
    linked.enabled = False
    binding = bind(bare.__code__, [linked])
    site = _engine.Site("bare", binding.entry, (), parameters=("value",), keep=(), loads=(len(binding.plan.entry), 0))
    try:
        probed = FunctionType(weave(bare.__code__, site, binding.plan), {})
    except WeaveError:
        # No probe will ever sit anywhere.
        return 1e-7

    def fastest(function: Callable[[object], object]) -> float:
        return min(_duration(function) for _ in range(_ROUNDS)) / _CALLS

    return fastest(probed) - fastest(bare)


def _duration(function: Callable[[Any], object]) -> float:
    start = perf_counter()
    for _ in repeat(None, _CALLS):
        function(None)
    return perf_counter() - start


def _share(share: float) -> str:
    return f"{share * 100:.2f} %"


def _measured(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 120 else _set(seconds)


def _set(seconds: float) -> str:
    return f"{round(seconds, 1):g} s" if seconds < 120 else f"{seconds / 60:.0f} min"
