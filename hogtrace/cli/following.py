"""Events as they come, on a terminal: what `hogtrace tail` and `manage.py hogtrace tail` print."""

from __future__ import annotations

import sys
import time

from hogtrace.events import Follower
from hogtrace.exporters import ConsoleExporter

__all__ = ["follow"]


def follow(follower: Follower, *, interval: float = 0.5) -> None:
    """Print to standard output what `follower` gives, every `interval` seconds, until `KeyboardInterrupt`.

    Says so on standard error if there is no file yet. Raises what `Follower.poll` raises.
    """
    console = ConsoleExporter(sys.stdout)
    if not follower.path.exists():
        sys.stderr.write(f"waiting for {follower.path}, which is not there yet\n")
    while True:
        if events := follower.poll():
            console.export(events)
        time.sleep(interval)
