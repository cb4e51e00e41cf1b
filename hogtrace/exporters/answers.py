"""What the answer of an HTTP server means for a batch."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]


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
