"""What a hot loop loses to a probe, with the overhead budget and without it, to show that the bound holds.

    python benchmarks/overhead_bound.py [--seconds N] [--pause N]

One thread does nothing but call three copies of a function in turn, in small slices: a bare one, one whose probe has
the default budget, and one whose probe has none. What a copy takes beyond the bare one is what its probe took. It is
shown as a share of the time: of the whole run, and of its worst second. A busy machine gives the thread less than all
of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import hogtrace
from hogtrace import CaptureEvent, Tracer

SLICE = 200
PROBES = {
    "predicate false": "entry / arg0 > 5 / { capture(a); }",
    "three values captured": "entry { capture(a, b, c); }",
    "predicate fails": "entry / arg0.x > 5 / { capture(a); }",
}


class Discard:
    """An exporter for which every event is welcome and none is kept."""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take a batch."""

    def close(self) -> None:
        """Nothing is held."""


def function(name: str) -> Callable[..., int]:
    """Put a function of its own into this module."""
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(f"def {name}(a, b, c):\n    return a\n", namespace)  # noqa: S102 - our own text
    setattr(sys.modules[__name__], name, namespace[name])
    made: Callable[..., int] = namespace[name]
    return made


def timed(call: Callable[..., int]) -> int:
    """Give the nanoseconds of one slice, without those in which the thread did not run."""
    loop = range(SLICE)
    start = time.thread_time_ns()
    for _ in loop:
        call(1, "two", 3.0)
    return time.thread_time_ns() - start


def run(probe: str, seconds: float, pause: float) -> None:
    """Measure one kind of probe and print a line."""
    bare, bounded, unbounded = (function(name) for name in ("bare", "bounded", "unbounded"))
    with (
        Tracer(exporter=Discard(), overhead_pause=pause) as budget,
        Tracer(exporter=Discard(), max_overhead=None) as none,
    ):
        budget.install(hogtrace.compile(f"fn:{__name__}.bounded:{probe}"))
        none.install(hogtrace.compile(f"fn:{__name__}.unbounded:{probe}"))
        # What the copies took, in all and by the second.
        total = [0, 0, 0]
        seconds_of: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < seconds:
            second = seconds_of[int(now)]
            for index, call in enumerate((bare, bounded, unbounded)):
                took = timed(call)
                second[index] += took
                total[index] += took
        elapsed = (time.perf_counter() - begun) * 1e9
        (status,) = budget.status().probes
    added, added_without = total[1] - total[0], total[2] - total[0]
    worst = max((second[1] - second[0]) / 1e9 for second in seconds_of.values())
    estimate = (status.spent or 0) * 1e9 / added if added > 0 else float("nan")
    print(f"  {added / elapsed:8.3%} {worst:13.2%} {added_without / elapsed:15.1%} {status.trips:7} {estimate:9.2f}")


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each kind of probe")
    parser.add_argument("--pause", type=float, default=1.0, help="OVERHEAD_PAUSE; the shorter, the harder")
    options = parser.parse_args()
    print(f"CPython {sys.version.split()[0]}, {options.seconds:g} s each, first pause {options.pause:g} s")
    print("share of the thread's time that the probe took; estimate: what the status says it took, by what it took")
    print("    budget  worst second  without budget   trips  estimate")
    for name, probe in PROBES.items():
        print(f"  {name}")
        run(probe, options.seconds, options.pause)


if __name__ == "__main__":
    main()
