"""Attempts to export with little time, on a machine that may need more than that to make a connection."""

from __future__ import annotations

import time
from collections.abc import Callable

from hogtrace.errors import RetryError

__all__ = ["once_connected"]


def once_connected(attempt: Callable[[], None]) -> None:
    """Make `attempt` until there is a connection in its time; raises what it raises then."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return attempt()
        except RetryError:
            assert time.monotonic() < deadline, "there is no connection"
