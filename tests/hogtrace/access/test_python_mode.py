"""What a program may do whose author asks for access="python", and what stays out of it."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hogtrace import RequestLocalStore, Tracer, compile, execute_probe
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.access.samples import Money, Plain
from tests.hogtrace.evaluation import evaluate


class Interrupted(BaseException):
    """An exception that only frameworks raise, as gevent's time-outs are."""


class TimeLimit(Exception):
    """An exception that a signal handler raises."""


class Order:
    """An object with properties."""

    def __init__(self, raised: BaseException | None = None) -> None:
        self.raised = raised
        self.asked: list[str] = []

    @property
    def total(self) -> int:
        """Raise, or give a number."""
        self.asked.append("total")
        if self.raised is not None:
            raise self.raised
        return 42

    @property
    def other(self) -> int:
        """Be asked."""
        self.asked.append("other")
        return 1

    @property
    def again(self) -> int:
        """Call the probed function."""
        return handle(self)

    @property
    def limited(self) -> None:
        """Be interrupted by a signal."""
        signal.raise_signal(signal.SIGUSR1)


def handle(order: Any) -> int:
    """Be probed."""
    if order is None:
        raise LookupError("no order")
    return 7


async def handle_later(order: Any) -> int:
    """Be probed."""
    await asyncio.sleep(0)
    return handle(order)


def probed(body: str, *, point: str = "entry", function: str = "handle") -> Any:
    """Give a tracer in mode `python` with one probe."""
    tracer = Tracer(exporter=MemoryExporter(), max_overhead=None, access="python")
    tracer.install(compile(f"fn:{__name__}.{function}:{point} {body}"))
    return tracer


def test_properties_and_comparisons_run() -> None:
    """What the safe rules refuse is done as Python does it."""
    with probed("{ capture(order.total, same=order == order, text=str(order.other)); }") as tracer:
        order = Order()
        assert handle(order) == 7
        (probe,) = tracer.status().probes
        assert (probe.captured, probe.errors) == (1, 0)
        assert order.asked == ["total", "other"]
    assert evaluate("a == b", a=Money(1), b=Money(1), access="python").value is True
    o = Plain()
    assert evaluate("o.cached", o=o, access="python").value == "cached"


def test_execute_probe() -> None:
    """`execute_probe` takes the mode too."""
    program = compile("fn:m.f:entry { capture(total=order.total); }")
    order = Order()
    store = RequestLocalStore()
    frame = sys._getframe()
    assert execute_probe(program, program.probes[0], frame, store, access="python") == {"total": 42}
    assert execute_probe(program, program.probes[0], frame, store) == {"total": None}
    assert order.asked == ["total"]


def test_the_status_says_so() -> None:
    """The mode stands in the status."""
    with probed("{ capture(order.total); }") as tracer:
        assert tracer.status().access == "python"
        assert 'access="python": probes may run code of the application' in str(tracer.status())
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as safe:
        assert safe.status().access == "safe"
        assert "may run" not in str(safe.status())


@pytest.mark.parametrize("raised", [ValueError("no"), StopIteration(), RecursionError(), MemoryError(), TimeLimit()])
def test_ordinary_exceptions_are_errors_of_the_expression(raised: Exception) -> None:
    """An exception of the property is the probe's affair; its text, which may hold anything, is not shown."""
    with probed("{ capture(order.total, other=order.other); }") as tracer:
        order = Order(raised)
        assert handle(order) == 7
        assert order.asked == ["total", "other"]
        (probe,) = tracer.status().probes
        assert probe.errors == 1
        assert f"{type(raised).__name__} was raised" in str(probe.last_error)


INTERRUPTIONS = [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), asyncio.CancelledError(), Interrupted()]


@pytest.mark.parametrize("raised", INTERRUPTIONS, ids=repr)
@pytest.mark.parametrize("point", ["entry", "exit"])
def test_interruptions_reach_the_application(raised: BaseException, point: str) -> None:
    """What is no `Exception` is raised in the application, and no more of its code is run before that."""
    with probed("{ capture(order.total, other=order.other); }", point=point) as tracer:
        order = Order(raised)
        with pytest.raises(type(raised)) as caught:
            handle(order)
        assert caught.value is raised
        assert order.asked == ["total"]
        assert handle(Order()) == 7
        (probe,) = tracer.status().probes
        assert (probe.hits, probe.fired, probe.skipped, probe.captured) == (2, 2, 0, 2)


def test_interruptions_at_an_exception() -> None:
    """One that comes while an exception leaves the function has that as its context."""
    with probed("{ capture(globals['ORDER'].total); }", point="exit"):
        ORDER.raised = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt) as caught:
            handle(None)
        assert type(caught.value.__context__) is LookupError


ORDER = Order()


@pytest.mark.parametrize("point", ["entry", "exit"])
def test_interruptions_in_a_coroutine(point: str) -> None:
    """A cancellation that code of the application raises in a probe cancels."""
    with probed("{ capture(order.total); }", point=point, function="handle_later"):

        async def main() -> str:
            task = asyncio.ensure_future(handle_later(Order(asyncio.CancelledError())))
            try:
                await task
            except asyncio.CancelledError:
                return "cancelled"
            return "done"

        assert asyncio.run(main()) == "cancelled"


def test_execute_probe_raises_them() -> None:
    """So does `execute_probe`."""
    program = compile("fn:m.f:entry { capture(total=order.total); }")
    order = Order(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        execute_probe(program, program.probes[0], sys._getframe(), RequestLocalStore(), access="python")
    assert order.asked == ["total"]


@pytest.fixture
def limit() -> Iterator[None]:
    """Have a signal handler that raises an ordinary exception."""

    def handler(*_: object) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("limit")
def test_exceptions_of_signal_handlers_reach_the_application() -> None:
    """What a signal handler raises in the midst of a property is not the property's, whatever its class."""
    with probed("{ capture(order.limited); }"), pytest.raises(TimeLimit):
        handle(Order())


def test_methods_that_handle_signals() -> None:
    """The same for a handler that is a method."""

    class Worker:
        def stop(self, *_: object) -> None:
            raise TimeLimit

    before = signal.signal(signal.SIGUSR1, Worker().stop)
    try:
        with probed("{ capture(order.limited); }"), pytest.raises(TimeLimit):
            handle(Order())
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_probed_functions_that_a_probe_calls() -> None:
    """A probed function that is called from within a probe's run is left alone, and counted."""
    with probed("{ capture(order.again); }") as tracer:
        assert handle(Order()) == 7
        (probe,) = tracer.status().probes
        assert (probe.hits, probe.skipped, probe.captured, probe.errors) == (2, 1, 1, 0)
