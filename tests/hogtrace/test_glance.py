"""Predicates that are settled by a look at the values: what they say, and how they are counted."""

import asyncio
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

import hogtrace
from hogtrace import ProbeExecutor, ProbeStatus, RequestLocalStore, Tracer
from hogtrace._engine import Site, mute_thread
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.evaluation import site_of


class Number(int):
    """An integer that is none of exactly the built-in type."""


VALUES: list[Any] = [
    0, 5, 7, -1, 2**62, 2**63 - 1, 2**63, -(2**63), 2**70, True, False, None, 2.5, -0.0, 7.0, math.inf, math.nan,
    "7", "", [7], (), Number(7), Number(0), object(),
]  # fmt: skip
PREDICATES = [
    "a > 5", "a <= 5", "a == 7", "a != 7", "a == None", "a is None", "a is not None", "a is True", "a", "not a",
    "not not a", "a % 2 == 1", "a * 2 > 9", "a + 9223372036854775807 > 0", "-a < 0", "a / 0 == 1", "0 < a < 9",
    "a > 5 and a < 8", "a == 0 or a > 6", "a == 7 and len(a) > 0", "a == 0 or a == '7'", "a == 2.5",
    "a > 9007199254740993", "a in [7]",
]  # fmt: skip


def a_frame(a: object) -> FrameType:
    """Give a frame in which `a` has a value."""
    return sys._getframe()


def accounts(probe: ProbeStatus) -> tuple[int, int, int, int, int]:
    """Give the counts of a probe, once they are found to add up."""
    assert probe.hits == probe.skipped + probe.sampled_out + probe.not_passed + probe.failed + probe.fired
    return probe.hits, probe.not_passed, probe.failed, probe.skipped, probe.fired


@pytest.mark.parametrize("predicate", PREDICATES)
def test_a_hook_decides_as_a_run_over_a_frame(predicate: str) -> None:
    """Whether the predicate passes, gives something else, or has no value, for values of every kind."""
    source = f"fn:m.f:entry / {predicate} / {{ capture(a); }}"
    program = hogtrace.compile(source)
    for value in VALUES:
        site, handed, queue, probe = site_of(source, a=value)
        assert site[handed] is site
        executor = ProbeExecutor(program, program.probes[0], RequestLocalStore())
        captured = executor.execute(a_frame(value))
        expected = (captured is not None, captured is None and not executor.errors, bool(executor.errors))
        assert (probe.passed, probe.not_passed, probe.failed) == expected, value
        assert (probe.hits, probe.skipped, queue.captured) == (1, 0, probe.passed)


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    """Make a tracer without the limits that would take busy probes out."""
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
        yield tracer


def double(a: int, b: object = None) -> int:
    """Fail for strings, and double all else."""
    if type(a) is str:
        raise ValueError(a)
    return a * 2


async def double_later(a: int) -> int:
    """Double, after a turn of the loop."""
    await asyncio.sleep(0)
    return a * 2


def double_slowly(a: int) -> Iterator[int]:
    """Give the number, and return its double."""
    yield a
    return a * 2


def install(tracer: Tracer, *probes: str) -> None:
    """Install a program of probes in this module."""
    tracer.install(hogtrace.compile("\n".join(f"fn:{__name__}.{probe}" for probe in probes)))
    assert {probe.state for probe in tracer.status().probes} == {"installed"}


def test_each_hit_is_counted_once_for_each_probe(tracer: Tracer) -> None:
    """Where one probe of a function needs a run, the others are counted as if there were none."""
    install(
        tracer,
        "double:entry / a > 5 / {}",
        "double:entry / a == 3 / { capture(a, b); }",
        "double:entry / b == 'x' / {}",
        "double:exit / retval > 100 / {}",
        "double:exit / a < 5 and exception is None / {}",
    )
    for a, b in itertools.product(range(10), [None, "x"]):
        double(a, b)
    assert [accounts(probe) for probe in tracer.status().probes] == [
        (20, 12, 0, 0, 8),
        (20, 18, 0, 0, 2),
        (20, 10, 0, 0, 10),
        (20, 20, 0, 0, 0),
        (20, 10, 0, 0, 10),
    ]


def test_exits_by_an_exception(tracer: Tracer) -> None:
    """`retval` is None then, and `exception` is not."""
    install(
        tracer,
        "double:exit / retval is not None / {}",
        "double:exit / a is None / { capture(a, b); }",
    )
    double(1)
    with pytest.raises(ValueError, match="text"):
        double("text")  # type: ignore[arg-type]  # what it raises is the point
    assert [accounts(probe) for probe in tracer.status().probes] == [(2, 1, 0, 0, 1), (2, 2, 0, 0, 0)]


def run_coroutine(a: int) -> int:
    """Run `double_later`."""
    return asyncio.run(double_later(a))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("double", double),
        ("double_later", run_coroutine),
        ("double_slowly", lambda a: list(double_slowly(a))),
    ],
)
def test_ends_are_counted_once(tracer: Tracer, name: str, call: Callable[[int], object]) -> None:
    """In functions of all kinds, what a look settles and what it does not."""
    install(tracer, f"{name}:exit / retval > 5 / {{}}", f"{name}:entry / a > 100 / {{}}")
    for a in range(6):
        call(a)
    assert [accounts(probe) for probe in tracer.status().probes] == [(6, 3, 0, 0, 3), (6, 6, 0, 0, 0)]


def test_a_muted_thread_skips_what_would_not_pass(tracer: Tracer) -> None:
    """That nothing was looked at is told apart from a predicate that did not pass."""
    install(tracer, "double:entry / a > 5 / {}", "double:exit / retval > 50 / {}")
    mute_thread(True)
    try:
        double(1)
    finally:
        mute_thread(False)
    double(1)
    assert [accounts(probe) for probe in tracer.status().probes] == [(2, 1, 0, 1, 0)] * 2


def test_a_probe_that_is_out_counts_nothing() -> None:
    """Frames that run keep the woven code, whose probe is off."""
    site, handed, _, probe = site_of("fn:m.f:entry / a > 5 / {}", a=1)
    site[handed]
    probe.enabled = False
    assert site[handed] is site
    assert (probe.hits, probe.not_passed) == (1, 1)


def test_the_entry_alone_leaves_the_exits_as_they_were(tracer: Tracer) -> None:
    """Without a probe at the exit nothing is called there, and no handler covers the body."""
    original = double.__code__
    install(tracer, "double:entry / a > 5 / { $call.x = a; capture($call.x); }")
    woven = double.__code__
    assert woven is not original
    assert woven.co_exceptiontable == original.co_exceptiontable
    assert double(7) == 14
    assert tracer.status().captured == 1


def test_sites_have_no_subclasses() -> None:
    """The slots of the type rely on it."""
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Other", (Site,), {})
