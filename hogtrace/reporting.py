"""When a tracer reports of itself to its exporter, and what it says: its status, and whose it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from time import monotonic, time
from typing import Final, Protocol

from hogtrace.processes import birth_of, host_name
from hogtrace.types import Report, Status

__all__ = ["Look", "Reporter"]

# Seconds until what is new is reported: a process that installs programs mostly has more of them, and one that was
# forked may be about to become another program.
_SOON: Final = 1.0

_NEVER: Final = float("inf")


class Look(Protocol):
    """Gives a tracer's status for a report."""

    def __call__(self, *, final: bool) -> Status | None:
        """Give the status, or None if it cannot be had at this moment; the `final` one can always be."""


class Reporter:
    """Reports of one tracer to `exporter`, if that has the method `report` and `interval` is not None.

    `interval` is the time in seconds from one report to the next; `look` gives the status. `origin` has the fields of
    a report that say whose it is: `service`, `release`, `environment`. All but `ask` is for the thread that exports.
    """

    def __init__(
        self,
        exporter: object = None,
        look: Look | None = None,
        *,
        interval: float | None = None,
        origin: Mapping[str, str | None] | None = None,
    ) -> None:
        tell = getattr(exporter, "report", None)
        self._tell: Callable[[Report], object] | None = tell if callable(tell) and interval is not None else None
        self._look = look
        self._interval = interval or 0.0
        self._is_wanted = interval is not None
        self._origin = dict(origin or {})
        self._exporter = type(exporter).__name__
        self._is_of_use = False  # whether there ever was anything to report
        self.failing = False
        """Whether it was said that reports fail."""
        self._begin()

    def to(self, exporter: object) -> Reporter:
        """Give one that reports the same to `exporter`."""
        interval = self._interval if self._is_wanted else None
        return Reporter(exporter, self._look, interval=interval, origin=self._origin)

    def _begin(self) -> None:
        self._started = time()
        self._id: str | None = None
        self._birth: str | None = None
        self._asked = _NEVER  # when to report what is new, by the monotonic clock
        self._next = _NEVER  # when to report again anyway, by the same
        self._has_said = False
        self._told = 0  # how many captured events were told of
        self._is_quiet = False  # whether there was none from the last report but one to the last

    def ask(self) -> bool:
        """Have what is new reported soon; give whether it will be, which takes a thread that exports.

        Called by any thread.
        """
        if self._tell is None:
            return False
        self._is_of_use = True
        self._asked = min(self._asked, monotonic() + _SOON)
        return True

    def hear(self) -> None:
        """Have it reported soon that events come again, after a time without any."""
        if self._is_quiet:
            self._is_quiet = False
            self._asked = min(self._asked, monotonic() + _SOON)

    def start_anew(self) -> bool:
        """Begin again: the process has forked, and this is the child. Give what `ask` gives."""
        self._begin()
        return self._is_of_use and self.ask()

    @property
    def is_asked(self) -> bool:
        """Whether something new is to be reported."""
        return self._asked != _NEVER

    @property
    def patience(self) -> float:
        """For how many seconds what is new may wait; infinitely many if there is nothing."""
        return max(0.0, self._asked - monotonic())

    @property
    def is_due(self) -> bool:
        """Whether it is time for a report."""
        return self._tell is not None and min(self._asked, self._next) <= monotonic()

    def report(self, *, ended: bool = False) -> None:
        """Report; `ended` is for the last time. Raises what the exporter raises."""
        if self._tell is None or self._look is None:
            return
        # In this order: what is new from now on is reported the next time.
        self._asked = _NEVER
        self._next = monotonic() + self._interval
        status = self._look(final=ended)
        if status is None:
            self._asked = monotonic() + _SOON
            return
        if ended and not (self._has_said or status.captured):
            # A command, or a child, that ends before it was of any use.
            return
        if self._id is None:
            self._id = os.urandom(16).hex()
            self._birth = birth_of(os.getpid())
        report = Report(
            status=status,
            id=self._id,
            process=os.getpid(),
            birth=self._birth,
            host=host_name(),
            exporter=self._exporter,
            started=self._started,
            time=time(),
            ended=ended,
            **self._origin,
        )
        self._is_quiet = status.captured == self._told
        self._told = status.captured
        self._tell(report)
        self._has_said = True
