"""What a probe adds to a call, side by side with a no-op decorator and a hand-written one.

    python benchmarks/call_cost.py [--rounds N] [--calls N]

Each round times every variant once, in a shuffled order, so that a noisy moment hits all of them alike. For each
variant the report gives the nanoseconds that it adds to a bare call (the median over the rounds) and the ratio to the
decorator that it competes with. Quote the ratios: absolute times belong to one machine and one hour.
"""

from __future__ import annotations

import argparse
import functools
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hogtrace
from hogtrace import CaptureEvent, Tracer
from hogtrace.request_store import request_scope

MODULE = __name__


class Discard:
    """An exporter for which every event is welcome and none is kept."""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take a batch."""

    def close(self) -> None:
        """Nothing is held."""


def bare(a: int, b: str, c: float) -> int:
    """Stand in for an application's function."""
    return a


def variant() -> Callable[..., int]:
    """Make a function of its own, so that probing one leaves the others alone."""
    namespace: dict[str, Any] = {"__name__": MODULE}
    exec("def target(a, b, c):\n    return a\n", namespace)  # noqa: S102 - our own text
    function: Callable[..., int] = namespace["target"]
    return function


def noop_decorated(function: Callable[..., int]) -> Callable[..., int]:
    """Wrap a function in the least that a decorator does."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        return function(*args, **kwargs)

    return wrapper


def hand_written(function: Callable[..., int], sink: deque[dict[str, Any]]) -> Callable[..., int]:
    """Wrap a function in what one writes by hand to record three values of each call."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        result = function(*args, **kwargs)
        sink.append({"time": time.time(), "a": args[0], "b": args[1], "c": args[2]})
        return result

    return wrapper


def probed(tracer: Tracer, name: str, probe: str) -> Callable[..., int]:
    """Put a function into this module under ``name`` and install ``probe`` on it."""
    function = variant()
    setattr(sys.modules[MODULE], name, function)
    tracer.install(hogtrace.compile(f"fn:{MODULE}.{name}:{probe}", name=name))
    (status,) = [probe for probe in tracer.status().probes if probe.program == name]
    if status.state != "installed":
        raise SystemExit(f"{name}: {status.state}: {status.reason}")
    return function


def measure(variants: dict[str, Callable[..., int]], rounds: int, calls: int) -> dict[str, float]:
    """Give, per variant, the median nanoseconds of one call."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            function = variants[name]
            loop = range(calls)
            start = time.perf_counter_ns()
            for _ in loop:
                function(1, "two", 3.0)
            times[name].append((time.perf_counter_ns() - start) / calls)
            time.sleep(0.002)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=5000)
    options = parser.parse_args()
    # Nothing is exported while the clock runs: what is compared is the application's thread.
    roomy = {"queue_events": 1_000_000, "queue_bytes": 1 << 30, "batch_size": 1_000_000}
    with Tracer(exporter=Discard(), batch_delay=60, **roomy) as tracer:
        variants = {
            "bare": bare,
            "no-op decorator": noop_decorated(variant()),
            "probe, predicate false": probed(tracer, "false", "entry / arg0 > 5 / { capture(a); }"),
            "exit probe, predicate false": probed(tracer, "leave", "exit / retval > 5 / { capture(a); }"),
            "hand-written, three values": hand_written(variant(), deque(maxlen=10_000)),
            "probe, three values captured": probed(tracer, "three", "entry { capture(a, b, c); }"),
        }
        with request_scope():
            medians = measure(variants, options.rounds, options.calls)
        status = tracer.status()
    base = medians["bare"]
    against = {
        "probe, predicate false": "no-op decorator",
        "exit probe, predicate false": "no-op decorator",
        "probe, three values captured": "hand-written, three values",
    }
    print(f"CPython {sys.version.split()[0]}, {options.rounds} rounds of {options.calls} calls")
    print("median nanoseconds added to a bare call")
    for name, median in medians.items():
        if name == "bare":
            continue
        added = median - base
        ratio = ""
        if name in against:
            ratio = f"   {added / (medians[against[name]] - base):5.2f} of {against[name]}"
        print(f"  {name:32} {added:8.1f}{ratio}")
    print(f"  events: {status.captured} captured, {dict(status.dropped) or 'none'} dropped")


if __name__ == "__main__":
    main()
