"""What a probe adds to a call, side by side with decorators and with another tool's way of wrapping functions.

    python benchmarks/call_cost.py [--rounds N] [--calls N]

Each round times every variant once, in a shuffled order, so that a noisy moment hits all of them alike. For each
variant the report gives the nanoseconds that it adds to a bare call of the same kind (the median over the rounds) and
the ratio to what it is compared with. Quote the ratios: absolute times belong to one machine and one hour.

An event tells the task of asyncio's and the span of OpenTelemetry's in which it was captured: what three values cost
there is timed in rounds of their own, after the others, and compared with the hand-written decorator in the same place.

The other tool is ddtrace, whose debugger puts probes into functions by a wrapping context: one that does nothing is
measured. It is compared only where it can be imported; `make bench` installs what `benchmarks/requirements.txt` names
into a directory of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.metadata
import inspect
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


PLAIN = "def target(a, b, c):\n    return a\n"
COROUTINE = "async def target(a, b, c):\n    return a\n"
EXIT = "exit / retval > 5 / { capture(a); }"
BY_HAND = "hand-written, three values"
CAPTURED = "probe, three values captured"
GENERATOR = "def target(a, b, c):\n    yield b\n    return a\n"


@dataclass(frozen=True)
class Variant:
    """What is timed: a function to call, the variant without anything added, and whom it competes with."""

    function: Callable[..., object]
    base: str
    against: str = ""


def made(text: str = PLAIN) -> Callable[..., Any]:
    """Make a function of its own, so that probing one leaves the others alone."""
    namespace: dict[str, Any] = {"__name__": MODULE}
    exec(text, namespace)  # noqa: S102 - our own text
    function: Callable[..., Any] = namespace["target"]
    return function


def driven(function: Callable[..., Any]) -> Callable[..., None]:
    """Give a function that runs what a coroutine function or a generator function gives to its end."""
    end: deque[object] = deque(maxlen=0)

    def drive_generator(a: int, b: str, c: float) -> None:
        end.extend(function(a, b, c))

    def drive_coroutine(a: int, b: str, c: float) -> None:
        try:  # noqa: SIM105 - suppress() would cost as much as what is timed
            function(a, b, c).send(None)
        except StopIteration:
            pass

    return drive_coroutine if inspect.iscoroutinefunction(function) else drive_generator


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


def context_wrapped(function: Callable[..., int]) -> Callable[..., int] | None:
    """Wrap a function in ddtrace's context, doing nothing; give None where ddtrace cannot be imported."""
    try:
        from ddtrace.internal.wrapping.context import WrappingContext
    except ImportError:
        return None

    class Nothing(WrappingContext):  # type: ignore[misc, unused-ignore]  # Any where ddtrace is not installed
        pass

    Nothing(function).wrap()
    return function


def probed(tracer: Tracer, name: str, probe: str, text: str = PLAIN) -> Callable[..., Any]:
    """Put a function into this module under ``name`` and install ``probe`` on it."""
    function = made(text)
    setattr(sys.modules[MODULE], name, function)
    tracer.install(hogtrace.compile(f"fn:{MODULE}.{name}:{probe}", name=name))
    (status,) = [probe for probe in tracer.status().probes if probe.program == name]
    if status.state != "installed":
        raise SystemExit(f"{name}: {status.state}: {status.reason}")
    return function


def measure(variants: dict[str, Variant], rounds: int, calls: int, settle: Callable[[], object]) -> dict[str, float]:
    """Give, per variant, the median nanoseconds of one call; `settle` is called while the clock stands."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            function = variants[name].function
            loop = range(calls)
            # The time of this thread alone: others may want the processor too.
            start = time.thread_time_ns()
            for _ in loop:
                function(1, "two", 3.0)
            times[name].append((time.thread_time_ns() - start) / calls)
            settle()
    return {name: statistics.median(values) for name, values in times.items()}


def measure_inside(measured: Callable[[], dict[str, float]]) -> dict[str, dict[str, float]]:
    """Give what is measured inside a task, a span and both: without OpenTelemetry, inside a task only."""
    # Not before: what is timed outside is a process without it.
    import asyncio

    async def in_task() -> dict[str, float]:
        return measured()

    found = {"a task": asyncio.run(in_task())}
    with contextlib.suppress(ImportError):
        from opentelemetry import trace

        span = trace.NonRecordingSpan(trace.SpanContext(1 << 127, 1 << 63, is_remote=False))
        with trace.use_span(span):
            found |= {"a span": measured(), "a task and a span": asyncio.run(in_task())}
    return found


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=5000)
    options = parser.parse_args()
    # Nothing is exported while the clock runs: what is compared is the application's thread. In between the queue is
    # emptied, as it is where the exporter keeps up; the hand-written decorator keeps its last 10,000.
    roomy = {"queue_events": 1_000_000, "queue_bytes": 1 << 30, "batch_size": 1_000_000}
    with Tracer(exporter=Discard(), max_overhead=None, batch_delay=60, **roomy) as tracer:
        variants = {
            "bare": Variant(made(), "bare"),
            "bare coroutine": Variant(driven(made(COROUTINE)), "bare coroutine"),
            "bare generator": Variant(driven(made(GENERATOR)), "bare generator"),
            "no-op decorator": Variant(noop_decorated(made()), "bare"),
            "probe, predicate false": Variant(
                probed(tracer, "false", "entry / arg0 > 5 / { capture(a); }"), "bare", "no-op decorator"
            ),
            "exit probe, predicate false": Variant(probed(tracer, "leave", EXIT), "bare", "no-op decorator"),
            "the same, on a coroutine": Variant(
                driven(probed(tracer, "coroutine", EXIT, COROUTINE)), "bare coroutine", "exit probe, predicate false"
            ),
            "the same, on a generator": Variant(
                driven(probed(tracer, "generator", EXIT, GENERATOR)), "bare generator", "exit probe, predicate false"
            ),
            BY_HAND: Variant(hand_written(made(), deque(maxlen=10_000)), "bare"),
            CAPTURED: Variant(probed(tracer, "three", "entry { capture(a, b, c); }"), "bare", BY_HAND),
        }
        wrapped = context_wrapped(made())
        if wrapped is not None:
            variants["ddtrace's context, doing nothing"] = Variant(wrapped, "bare", "no-op decorator")
        with request_scope():
            medians = measure(variants, options.rounds, options.calls, tracer.flush)
            three = {name: variants[name] for name in ("bare", BY_HAND, CAPTURED)}
            inside = measure_inside(lambda: measure(three, options.rounds, options.calls, tracer.flush))
        status = tracer.status()
    added = {name: medians[name] - medians[variant.base] for name, variant in variants.items()}
    print(f"CPython {sys.version.split()[0]}, {options.rounds} rounds of {options.calls} calls")
    print("median nanoseconds added to a bare call")
    for name, variant in variants.items():
        if name == variant.base:
            continue
        ratio = f"   {added[name] / added[variant.against]:5.2f} of {variant.against}" if variant.against else ""
        print(f"  {name:32} {added[name]:8.1f}{ratio}")
    for place, found in inside.items():
        captured = found[CAPTURED] - found["bare"]
        ratio = captured / (found[BY_HAND] - found["bare"])
        print(f"  {'the same, inside ' + place:32} {captured:8.1f}   {ratio:5.2f} of {BY_HAND}")
    print(f"  events: {status.captured} captured, {dict(status.dropped) or 'none'} dropped")
    if wrapped is None:
        print("  ddtrace is not installed: pip install -r benchmarks/requirements.txt")
    else:
        print(f"  ddtrace {importlib.metadata.version('ddtrace')}")


if __name__ == "__main__":
    main()
