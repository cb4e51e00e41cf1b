"""What became of one attempt to send a batch, and what the answer of an HTTP server means for it."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from hogtrace.errors import ExportError

__all__ = ["Attempt", "retry_after"]

_Answer = TypeVar("_Answer")


class Attempt(Generic[_Answer]):
    """Remembers what came of an attempt in place of the library that made it, which is always told that all went well.

    So that library neither tries again nor logs anything: what is to be done is up to `take_answer`.
    """

    _result: _Answer | ExportError | None = None

    def take_answer(self) -> _Answer:
        """Give the answer that said yes, or raise what stands for the other.

        Raises `RetryError`, `UnknownOutcomeError`, `TooLargeError`, or `ExportError` for what is not wanted, or if
        nothing was asked.
        """
        result, self._result = self._result, None
        if result is None:
            raise ExportError("nothing was sent: the batch could not be encoded, or is larger than may be sent")
        if isinstance(result, ExportError):
            raise result
        return result


def retry_after(told: str | None) -> float | None:
    """Give what `Retry-After` says, in seconds from now; None if it says nothing that can be understood."""
    if told is None:
        return None
    if told.strip().isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
