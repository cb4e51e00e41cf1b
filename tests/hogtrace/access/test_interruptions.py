"""What the interpreter runs of the application in the middle of a probe: finalisers, callbacks, signal handlers."""

import ctypes
import functools
import gc
import operator
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import hogtrace
from hogtrace import Tracer, compile
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.evaluation import evaluate, site_of


class TimeLimit(Exception):
    """What a signal handler raises: an ordinary exception, as Celery's is."""


def note(value: object) -> object:
    """Be probed, and be called by finalisers and handlers."""
    return value


def outer(value: object, error: object = None) -> object:
    """Be probed."""
    return value


NOTE = f"fn:{__name__}.note:entry {{ capture(value); }}"
OVERWRITE = f"{NOTE} fn:{__name__}.outer:entry {{ $req.kept = value; $call.kept = value; capture(value); }}"


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    """Give a tracer."""
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as made:
        yield made


@pytest.fixture
def handle() -> Iterator[Callable[[Callable[..., None]], None]]:
    """Give what sets the handler of SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)

    def use(handler: Callable[..., None]) -> None:
        signal.signal(signal.SIGUSR1, handler)

    yield use
    signal.signal(signal.SIGUSR1, before)


def hits(tracer: Tracer, function: str) -> tuple[int, int]:
    """Give how often the probe of that function was hit, and how often of those it was skipped."""
    (status,) = [probe for probe in tracer.status().probes if probe.target.endswith(f".{function}")]
    return status.hits, status.skipped


class Finalised:
    """An object whose finaliser calls a probed function."""

    def __del__(self) -> None:
        note("finalised")


def test_finaliser_of_what_a_variable_held(tracer: Tracer) -> None:
    """What a probe lets go of is finalised when the probe has run, not in the midst of it."""
    tracer.install(compile(OVERWRITE))
    with hogtrace.request_scope() as store:
        store.set("kept", Finalised())
        outer(1)
        assert store.get("kept") == 1
        assert hits(tracer, "note") == (1, 0)


def test_callback_of_what_a_variable_held(tracer: Tracer) -> None:
    """The same for a callback of a weak reference."""
    tracer.install(compile(OVERWRITE))
    with hogtrace.request_scope() as store:
        o = Finalised()
        reference = weakref.ref(o, note)
        store.set("kept", o)
        del o
        assert reference() is not None
        outer(1)
        assert reference() is None
        assert hits(tracer, "note") == (2, 0)


def test_finaliser_in_an_allocation(tracer: Tracer) -> None:
    """A finaliser that the collector runs in an allocation of the engine is left alone, and counted.

    CPython 3.12 and later collect at other moments; then nothing needs to be skipped.
    """
    tracer.install(compile(NOTE))
    fields = ", ".join(f"v{n}=s" for n in range(20))
    site, values, queue, linked = site_of(f"fn:m.f:entry {{ capture({fields}); }}", s={1, 2})
    thresholds = gc.get_threshold()
    steps = [functools.partial(gc.set_threshold, 1), functools.partial(operator.getitem, site, values)]
    for _ in range(100):
        o = Finalised()
        vars(o)["itself"] = o
        try:
            gc.disable()
            del o
            gc.enable()
            list(map(operator.call, steps))  # all in C, so that nothing else is allocated in between
        finally:
            gc.set_threshold(*thresholds)
    gc.collect()
    hit, skipped = hits(tracer, "note")
    assert hit == 100
    assert skipped > 0 or sys.version_info >= (3, 12)
    assert (linked.hits, linked.skipped, linked.errors, queue.captured) == (100, 0, 0, 100)


def pending(number: signal.Signals, act: Callable[[], object]) -> None:
    """Do something with a signal that has come and was not looked at; all in C, so that nobody looks in between."""
    come = functools.partial(ctypes.pythonapi.PyErr_SetInterruptEx, int(number))
    list(map(operator.call, [come, act]))  # a comprehension would look


# C code looks for signals in arithmetic on large integers and in str().
LOOKS = [
    "a * a",
    "a // 7",
    "a % 1000003",
    "str(a)",
    "round(a, -300)",
    "str(e)",
    "str(1.5)",
    "str(a) == str(a)",
    "e",
    "a",
]


@pytest.mark.parametrize("raised", [TimeLimit, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("expression", LOOKS)
def test_exceptions_of_signal_handlers(handle: Any, expression: str, raised: type[BaseException]) -> None:
    """Whatever a handler raises while C code of a probe runs reaches the application, once."""
    handled = []

    def handler(*_: object) -> None:
        handled.append(1)
        raise raised

    handle(handler)
    error = OSError(2, "text", "name")
    given = {"a": 3**1200, "e": error}
    site, values, queue, linked = site_of(f"fn:m.f:entry {{ capture(v={expression}); }}", **given)
    with pytest.raises(raised):
        pending(signal.SIGUSR1, functools.partial(operator.getitem, site, values))
    assert handled == [1]
    assert linked.hits == 1
    # The next run is as if nothing had been.
    site[values]
    assert linked.hits == 2
    assert queue.captured >= 1


def test_the_handler_that_starts_python(handle: Any) -> None:
    """An exception of a handler that interrupts the start of the exporting thread reaches the application too."""

    def handler(*_: object) -> None:
        raise TimeLimit

    handle(handler)

    def start() -> None:
        signal.raise_signal(signal.SIGUSR1)

    site, values, queue, _ = site_of("fn:m.f:entry { capture(v=a); }", a=1, on_first=start)
    with pytest.raises(TimeLimit):
        site[values]
    assert queue.captured == 1


def test_an_error_of_the_engines_own_python_is_none_of_the_applications() -> None:
    """What goes wrong there otherwise is not raised into the application."""

    def start() -> None:
        raise RuntimeError("can't start new thread")

    site, values, queue, _ = site_of("fn:m.f:entry { capture(v=a); }", a=1, on_first=start)
    assert site[values] is site
    assert queue.captured == 1


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("point", ["entry", "exit"])
def test_many_signals(handle: Any, tracer: Tracer, point: str, count: int) -> None:
    """Of 1,000 exceptions that a handler raises while probed functions run, 1,000 reach the application."""
    tracer.install(
        compile(
            f"fn:{__name__}.outer:{point} / value * value // 7 != 0 / {{ capture(value, error, text=str(value)); }}"
        )
    )
    handled = 0
    caught = 0
    turn = threading.Lock()
    turn.acquire()

    def handler(*_: object) -> None:
        nonlocal handled
        handled += 1
        raise TimeLimit

    def send() -> None:
        main = threading.main_thread().ident
        assert main is not None
        while turn.acquire() and caught < count:
            signal.pthread_kill(main, signal.SIGUSR1)

    handle(handler)
    value, error = 3**1200, OSError(2, "text", "name")
    sender = threading.Thread(target=send)
    sender.start()
    while caught < count:
        try:
            turn.release()  # from here on a signal may come, and one alone
            while True:
                outer(value, error)
        except TimeLimit:
            caught += 1
    turn.release()
    sender.join()
    assert caught == handled == count


def test_a_handler_that_calls_a_probed_function(handle: Any, tracer: Tracer) -> None:
    """A handler that runs a probed function in the middle of a probe is left alone, and counted."""
    tracer.install(compile(NOTE))

    def handler(*_: object) -> None:
        note("handled")

    handle(handler)
    site, values, queue, linked = site_of("fn:m.f:entry { capture(v=a * a // 7); }", a=3**1200)
    pending(signal.SIGUSR1, functools.partial(operator.getitem, site, values))
    assert hits(tracer, "note") == (1, 1)
    assert (linked.hits, queue.captured) == (1, 1)


def test_no_exception_is_left_behind() -> None:
    """A failing expression leaves neither an exception nor its context behind."""
    evaluate("o.nothing", o=object())
    assert sys.exc_info() == (None, None, None)
    with pytest.raises(ValueError, match="later") as caught:
        raise ValueError("later")
    assert caught.value.__context__ is None
