"""Probes that come and go while eight threads call and frames are suspended: all is right, and nothing is left."""

import asyncio
import gc
import itertools
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any, Self

import pytest

import hogtrace
from hogtrace import CaptureEvent, Tracer, _state, request_scope, sites
from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList
from tests.hogtrace.leftovers import made_code
from tests.hogtrace.pipelines import until

THREADS = 8
HERE = __name__


def target(a: Any, b: Any, c: Any) -> list[Any]:
    """Rebind an argument, and return or raise."""
    x = [a]
    a = b
    if c:
        raise ValueError(b)
    return x


def generator(n: int) -> Iterator[int]:
    """Be suspended."""
    yield from range(n)


async def coroutine(n: int) -> int:
    """Be suspended."""
    await asyncio.sleep(0)
    return n


def make(n: int) -> Callable[[int], tuple[int, int]]:
    """Make closures."""

    def closure(x: int) -> tuple[int, int]:
        return n, x

    return closure


class Thing:
    """Have a method and a property."""

    def method(self, a: Any) -> Any:
        """Give back."""
        return a

    @property
    def value(self) -> int:
        """Be read."""
        return 7


def factorial(n: int) -> int:
    """Recurse."""
    return 1 if n < 2 else n * factorial(n - 1)


FUNCTIONS: tuple[Any, ...] = (target, generator, coroutine, make, Thing.method, vars(Thing)["value"].fget, factorial)

PROGRAMS = [
    f"""
    fn:{HERE}.target:entry {{ $req.a = arg0; $call.x = arg0; capture(a, b, globals["__name__"]); }}
    fn:{HERE}.target:exit {{ capture(arg0, args, x, $call.x, duration, exception, locals); }}
    """,
    f"""
    fn:{HERE}.generator:exit / exception != None / {{ capture(n, duration); }}
    fn:{HERE}.generator:entry {{ capture(n); }}
    fn:{HERE}.coroutine:exit {{ capture(args, retval); }}
    """,
    f"fn:{HERE}.Thing.*:exit {{ capture(self, retval, arg0); }} fn:{HERE}.factorial:entry / n == 3 / {{ capture(n); }}",
    f"fn:{HERE}.target:exit / retval == 1 / {{ }} fn:{HERE}.factorial:exit {{ $call.n = n; capture(duration); }}",
]
NESTED = f"fn:{HERE}.make.<locals>.closure:exit {{ capture(n, x, duration); }} fn:{HERE}.make:entry {{ capture(n); }}"
SMALL = f"fn:{HERE}.target:entry / arg0 == -1 / {{ capture(a); }} fn:{HERE}.target:exit {{ $call.a = arg0; }}"


class Nowhere:
    """Take events and forget them."""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Forget them."""

    def close(self) -> None:
        """Have nothing to close."""


def _check(what: bool, about: object) -> None:
    if not what:
        raise AssertionError(about)


def _call_everything(number: int, turn: int, suspended: list[Any]) -> None:
    """Call each function once and check what it gives; leave some frames suspended for a while."""
    with request_scope():
        try:
            given = target(number, "b", turn % 3 == 0)
            _check(given == [number] and turn % 3 != 0, given)
        except ValueError as error:
            _check(error.args == ("b",) and turn % 3 == 0, error)
        _check(list(generator(3)) == [0, 1, 2], "generator")
        running = generator(2)
        _check(next(running) == 0, "generator")
        suspended.append(running)
        if len(suspended) > 20:
            # One is finished, one closed, one dropped; they began with whatever code the function had then.
            _check(list(suspended.pop(0)) == [1], "suspended generator")
            suspended.pop(0).close()
            del suspended[0]
        waiting = coroutine(turn)
        waiting.send(None)
        try:
            waiting.send(None)
        except StopIteration as stop:
            _check(stop.value == turn, stop.value)
        _check(make(number)(turn) == (number, turn), "closure")
        thing = Thing()
        _check((thing.method(turn), thing.value) == (turn, 7), "thing")
        _check(factorial(5) == 120, "factorial")


class Callers:
    """Threads that call all functions and check the results, until told to stop."""

    def __init__(self, pause: float) -> None:
        self.calls = [0] * THREADS
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._pause = pause
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]

    def _run(self, number: int) -> None:
        suspended: list[Any] = []
        try:
            while not self._stop.is_set():
                _call_everything(number, self.calls[number], suspended)
                self.calls[number] += 1
                if self._pause:
                    time.sleep(self._pause)
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self) -> Self:
        # They shall take turns more often than every 5 ms, each in the middle of something.
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0002)
        for thread in self._threads:
            thread.start()
        until(lambda: min(self.calls) > 0 or self.errors)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        sys.setswitchinterval(self._interval)


def resident() -> int:
    """Give the bytes of memory that the process has."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a file of the system
        return int(file.read().split()[1]) * 4096


def counted() -> dict[str, int]:
    """Give what must not grow: references to what takes part, and objects."""
    gc.collect()
    counts = {
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "sites": sys.getrefcount(Site),
        "linked probes": sys.getrefcount(LinkedProbe),
    }
    for function in FUNCTIONS:
        counts[f"{function.__qualname__}"] = sys.getrefcount(function)
        counts[f"{function.__qualname__}.__code__"] = sys.getrefcount(function.__code__)
    return counts


@contextmanager
def unchanged() -> Iterator[None]:
    """See that in the end every function has its identical code, and the tables are empty."""
    closure = make(0)
    assert isinstance(closure, FunctionType)
    codes = [function.__code__ for function in FUNCTIONS]
    inner = closure.__code__
    yield
    assert all(function.__code__ is code for function, code in zip(FUNCTIONS, codes, strict=True))
    fresh = make(0)
    assert isinstance(fresh, FunctionType)
    assert closure.__code__ is inner is fresh.__code__
    assert (len(_state.woven), _state.nested, made_code(__file__)) == (0, {}, [])


def balanced(tracer: Tracer) -> None:
    """Check the accounts of a tracer at rest."""
    assert tracer.flush(60)
    status = tracer.status()
    assert status.captured == status.exported + status.queued + sum(status.dropped.values())


@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_writers_and_readers(seconds: float) -> None:
    """Two tracers install, remove, rebind and report, each in a thread of its own, while eight threads call."""
    stop = time.monotonic() + seconds
    errors: list[BaseException] = []
    rounds = [0, 0]

    def enough() -> bool:
        return min(*callers.calls, *rounds) > seconds

    def write(number: int) -> None:
        order = random.Random(number)  # noqa: S311 - an order, no secret
        programs = [hogtrace.compile(text) for text in [*PROGRAMS, NESTED]]
        try:
            with Tracer(exporter=Nowhere(), max_overhead=None, batch_delay=0.05) as tracer:
                installed: list[Any] = []
                while time.monotonic() < stop or not (enough() or errors or callers.errors):
                    rounds[number] += 1
                    if len(installed) < 4 and order.random() < 0.6:
                        # The nested ones are looked for among all objects, which takes long.
                        weights = [8, 8, 8, 8, 1]
                        installed.append(tracer.install(order.choices(programs, weights)[0]))
                    elif installed:
                        tracer.uninstall(installed.pop(order.randrange(len(installed))))
                    if order.random() < 0.1:
                        for probe in tracer.status().probes:
                            _check(probe.state == "installed" and not probe.errors, probe)
                            sums = probe.fired + probe.not_passed + probe.failed + probe.skipped + probe.sampled_out
                            _check(probe.hits - sums in range(THREADS + 1), probe)
                        tracer.rebind()
                    time.sleep(0.0002)
                tracer.uninstall()
                balanced(tracer)
        except BaseException as error:
            errors.append(error)

    with unchanged():
        with Callers(pause=0.0) as callers:
            writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
        assert errors == []
        assert callers.errors == []
        assert enough()


LONG = [pytest.mark.slow, pytest.mark.timeout(1800)]
CYCLES = [
    pytest.param([SMALL], 200, id="small"),
    pytest.param(PROGRAMS, 200, id="all"),
    pytest.param([NESTED], 15, id="nested"),
    pytest.param([SMALL], 10_000, id="small-10,000", marks=LONG),
    pytest.param(PROGRAMS, 5_000, id="all-5,000", marks=LONG),
    pytest.param([NESTED], 500, id="nested-500", marks=LONG),
]


@pytest.mark.parametrize(("texts", "cycles"), CYCLES)
def test_memory_is_flat(texts: Sequence[str], cycles: int) -> None:
    """So many times in and out by a tracer, with calls in eight threads and suspended frames."""
    programs = [hogtrace.compile(text) for text in texts]
    # What waits for the exporter is bounded to what is nothing, however busy the machine is.
    options = {"batch_delay": 0.05, "queue_events": 200, "batch_size": 50}
    with unchanged(), Tracer(exporter=Nowhere(), max_overhead=None, **options) as tracer:

        def turn(number: int, suspended: list[Any]) -> None:
            installed = tracer.install(programs[number % len(programs)])
            if number % 50 == 0:
                _call_everything(-1, number, suspended)
            tracer.uninstall(installed)

        cycle(turn, cycles, lambda: balanced(tracer))


@pytest.mark.parametrize("cycles", [2_000, pytest.param(100_000, marks=LONG)])
def test_memory_is_flat_for_the_table_of_functions(cycles: int) -> None:
    """The same without what a tracer does around it: weaving, exchanging the code, giving back the original."""
    program = hogtrace.compile(SMALL)
    queue = EventQueue(on_first=lambda: None)
    probes = [
        LinkedProbe(program, probe, queue, access="safe", trust=TrustList(), redaction=Redaction())
        for probe in program.probes
    ]

    def turn(number: int, suspended: list[Any]) -> None:
        sites.attach(target, "target", probes)
        if number % 50 == 0:
            _call_everything(-1, number, suspended)
        sites.detach(target, probes)

    with unchanged():
        cycle(turn, cycles, lambda: None)
    assert all(probe.hits > 0 for probe in probes)
    assert queue.captured == probes[0].passed


def cycle(turn: Callable[[int, list[Any]], None], cycles: int, settle: Callable[[], None]) -> None:
    """Do `turn` so many times while threads call, and see that neither memory nor any count of references grows.

    `settle` waits until nothing is on its way any more.
    """
    suspended: list[Any] = []
    # What is made once is made here: caches, buffers, threads.
    with Callers(pause=0.005):
        for number in range(cycles // 10):
            turn(number, suspended)
    suspended.clear()
    settle()
    before = counted()
    memory = []
    with Callers(pause=0.005) as callers:
        for number in range(cycles):
            turn(number, suspended)
            if number % max(cycles // 20, 1) == 0:
                memory.append(resident())
    assert callers.errors == []
    assert min(callers.calls) > 0
    del callers
    suspended.clear()
    settle()
    after = counted()
    # Fewer there may be: what other tests have left goes when it likes.
    growth = {name: after[name] - before[name] for name in before if after[name] > before[name]}
    # Names and numbers that are cached on the way; far less than one for each turn.
    for name in ("objects", "blocks"):
        assert growth.pop(name, 0) < 500 + cycles // 100, growth
    assert growth == {}
    # The first samples are of a time when buffers still grow.
    assert max(memory[len(memory) // 2 :]) - memory[len(memory) // 4] < 4 * 1024 * 1024, memory


def test_arguments_are_let_go() -> None:
    """What calls were given, and what probes kept of it, is not held once the calls are over."""
    text = f"fn:{HERE}.target:entry {{ $req.a = arg0; $call.a = args; capture(a, b); }}" + (
        f"fn:{HERE}.target:exit {{ capture(arg0, args, locals, retval, exception, $req.a, $call.a); }}"
    )
    subject, other = object(), ["other"]
    before = sys.getrefcount(subject), sys.getrefcount(other)
    with unchanged(), Tracer(exporter=Nowhere(), max_overhead=None) as tracer:
        program = hogtrace.compile(text)
        for number in itertools.count():
            installed = tracer.install(program)
            with request_scope():
                for fails in (False, True):
                    try:
                        target(subject, other, fails)
                    except ValueError:
                        assert fails
            if number == 300:
                break
            tracer.uninstall(installed)
        assert (sys.getrefcount(subject), sys.getrefcount(other)) == before
        status = tracer.status()
        assert status.captured == 301 * 4


def test_suspended_frames_of_every_age() -> None:
    """Generators that began with each of many woven codes end as they began, and their token goes with them."""
    running = []
    before = counted()
    with unchanged(), Tracer(exporter=Nowhere(), max_overhead=None) as tracer:
        for number in range(100):
            program = hogtrace.compile(
                f"fn:{HERE}.generator:entry {{ $call.n = arg0; capture(n); }}"
                f"fn:{HERE}.generator:exit {{ capture($call.n); }}"
            )
            installed = tracer.install(program)
            one = generator(number % 5 + 2)
            next(one)
            running.append((number % 5 + 2, one))
            tracer.uninstall(installed)
        for n, one in running[::2]:
            assert list(one) == [*range(1, n)]
        running.clear()
        del one, installed
        status = tracer.status()
        assert (status.captured, status.probes) == (100, ())
    after = counted()
    growth = {name: after[name] - before[name] for name in before if after[name] > before[name]}
    for name in ("objects", "blocks"):
        assert growth.pop(name, 0) < 3_000
    assert growth == {}
