"""A place where requests meet, so that they overlap for certain, in whichever processes and threads."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

# Seconds to wait for the others, and between two looks.
_PATIENCE = 60.0
_PAUSE = 0.005


def meet(place: Path, name: str, count: int) -> None:
    """Wait in the directory `place` until `count` have come; `name` must be unique. Raises `TimeoutError`."""
    _come(place, name)
    deadline = time.monotonic() + _PATIENCE
    while not _complete(place, count, deadline):
        time.sleep(_PAUSE)


async def meet_async(place: Path, name: str, count: int) -> None:
    """Do the same without blocking the event loop."""
    _come(place, name)
    deadline = time.monotonic() + _PATIENCE
    while not _complete(place, count, deadline):
        await asyncio.sleep(_PAUSE)


def _come(place: Path, name: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / name).touch(exist_ok=False)


def _complete(place: Path, count: int, deadline: float) -> bool:
    here = len(list(place.iterdir()))
    if here < count and time.monotonic() > deadline:
        raise TimeoutError(f"only {here} of {count} came")
    return here >= count
