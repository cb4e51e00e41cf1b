"""What it costs to look for secrets in a captured dict of 100 keys, side by side with a regular expression per key.

    python benchmarks/redaction_cost.py [--rounds N] [--calls N]

Each round times every variant once, in a shuffled order. The report gives the median nanoseconds that one key adds, and
the ratio. Quote the ratios: absolute times belong to one machine and one hour.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import hogtrace
from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList

KEYS = 100
PATTERN = re.compile("password|passwd|secret|token|api_?key|auth|cookie|session|csrf|credential|jwt|dsn", re.IGNORECASE)


def capture_of(value: dict[str, int], redaction: Redaction) -> Callable[[], object]:
    """Give a function that runs a probe which captures `value`."""
    program = hogtrace.compile("fn:app.f:entry { capture(v); }")
    queue = EventQueue(on_first=lambda: None)
    linked = LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=redaction)
    site = Site("app.f", [(linked, [("load", 0)])], [], parameters=["v"], keep=[], loads=(1, 0))

    def run() -> None:
        site[value]
        queue.take(1)
        queue.settle(dropped=1)

    return run


def searched(value: dict[str, int]) -> Callable[[], object]:
    """Give a function that asks a regular expression about each key."""
    search = PATTERN.search
    return lambda: [search(key) for key in value]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    value: dict[str, Any] = {f"field_name_{number}": number for number in range(KEYS)}
    variants: dict[str, Callable[[], object]] = {
        "capture, nothing redacted": capture_of(value, Redaction(enabled=False)),
        "capture, secrets redacted": capture_of(value, Redaction()),
        "regular expression per key": searched(value),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(options.rounds):
        random.shuffle(order)
        for name in order:
            run = variants[name]
            start = time.perf_counter_ns()
            for _ in range(options.calls):
                run()
            times[name].append((time.perf_counter_ns() - start) / options.calls / KEYS)
    plain, redacted, pattern = (statistics.median(times[name]) for name in variants)
    print(
        f"CPython {sys.version.split()[0]}, a dict of {KEYS} keys, {options.rounds} rounds of {options.calls} captures"
    )
    print("median nanoseconds for each key")
    print(f"  capture, nothing redacted      {plain:8.1f}")
    print(f"  capture, secrets redacted      {redacted:8.1f}   {redacted / plain:5.2f} of that without")
    print(
        f"  what redaction adds            {redacted - plain:8.1f}   {(redacted - plain) / pattern:5.2f} of the pattern"
    )
    print(f"  regular expression per key     {pattern:8.1f}")


if __name__ == "__main__":
    main()
