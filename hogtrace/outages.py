"""What is said of an exporter that does not work: once when that begins, and once when it is over."""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

from hogtrace import _state
from hogtrace._engine import Redaction

__all__ = ["ExporterState", "Outage", "describe", "warn"]

ExporterState: TypeAlias = Literal["working", "failing", "hanging"]
"""How an exporter does: as it should; it raises; it has not come back for the time that one call may take."""

_log = logging.getLogger("hogtrace")

_scrub = Redaction().scrub


class Outage:
    """Whether an exporter, or whatever `name` says, works.

    The logger `hogtrace` is told whenever that changes, never of each event.
    """

    __slots__ = ("_is_failing", "_is_hanging", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_failing = False
        self._is_hanging = False

    @property
    def state(self) -> ExporterState:
        """How it does now."""
        return "hanging" if self._is_hanging else "failing" if self._is_failing else "working"

    def begin(self, error: BaseException, what: str) -> None:
        """Note that the exporter raised `error`; `what` is what is said of it, if nothing has been said."""
        if not self._is_failing:
            self._is_failing = True
            warn("%s %s: %s", self._name, what, describe(error))

    def hang(self, seconds: float) -> None:
        """Note that a call of the exporter has taken `seconds`, and goes on."""
        if not self._is_hanging:
            self._is_hanging = True
            self._is_failing = True
            warn(
                "%s has not come back for %g s: what it has in hand counts as unknown, and it gets nothing more "
                "until it does",
                self._name,
                seconds,
            )

    def come_back(self) -> None:
        """Note that the call is over, however it ended."""
        self._is_hanging = False

    def end(self) -> None:
        """Note that the exporter has done its work."""
        if self._is_failing:
            self._is_failing = False
            warn("%s works again", self._name)

    def reset(self) -> None:
        """Forget what was: this is the child of a fork."""
        self._is_failing = self._is_hanging = False


def describe(error: BaseException) -> str:
    """Give the error's type and message on one line, without what looks like a secret."""
    try:
        text = _scrub(" ".join(str(error).split()))
    except Exception:
        text = "(its message cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def warn(message: str, *values: object) -> None:
    """Write a warning to the logger `hogtrace`; no fork happens in the midst of it, unless it takes long."""
    telling = _state.telling
    is_held = telling.acquire(timeout=_state.TELL_TIMEOUT)
    try:
        _log.warning(message, *values)
    except BaseException:
        # A broken logging handler is the application's affair, and must not cost events, nor end a thread.
        return
    finally:
        if is_held:
            telling.release()
