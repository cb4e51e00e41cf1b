"""Time for the end of a process: what the tests start in processes of their own imports this.

HogTrace gives its last exports a second or so, for people wait for a process to end. How long that is, is for the tests
of it; wherever else events are awaited from a process that has ended, a busy machine may take its time.
"""

from __future__ import annotations

from typing import Any

import hogtrace_asgi.middleware
from hogtrace import _state, termination

GUARD = 60.0
"""Seconds; against hanging."""


def _set(module: Any, *names: str) -> None:
    for name in names:
        assert isinstance(getattr(module, name), float), name
        setattr(module, name, GUARD)


_set(_state, "EXIT_PATIENCE", "EXIT_TIMEOUT")
_set(termination, "_WITHIN")
_set(hogtrace_asgi.middleware, "_FLUSH_TIMEOUT")
