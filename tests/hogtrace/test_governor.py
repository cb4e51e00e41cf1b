"""The overhead budget: probes that take too much are taken out, say so, and come back.

The load is real. What takes time is waited for, with a bound on how long the test may hang alone.
"""

import _thread
import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hogtrace
from hogtrace import ConfigError, ProbeStatus, Tracer, _state, placing
from hogtrace.exporters import MemoryExporter
from hogtrace.governor import Trips
from hogtrace.installation import InstalledProbe
from hogtrace.types import Budget

GUARD = 60.0
LONG = 3600.0
DEAR = "capture(a, b=[a, a] == a, c=str(a), d=args, e=locals, f=str(a) + str(a))".replace("[a, a] == a", "a in [1, 2]")


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[types.ModuleType]:
    """Give a module with functions of its own."""
    name = f"governed_{id(request):x}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    source = """
        import time

        def f(a): return a
        def g(a): return a
        def h(a): return f(a) + g(a)

        async def fetch(a): return a

        def numbers(a):
            yield a
            yield a + 1

        def loop(n):
            total = 0
            for i in range(n):
                total += i
            return total

        def make():
            def inner(a): return a
            return inner

        class Slow:
            @property
            def nap(self): time.sleep(self.seconds); return 1
            def __init__(self, seconds): self.seconds = seconds
    """
    exec(textwrap.dedent(source), vars(module))  # noqa: S102 - our own text
    yield module
    del sys.modules[name]


class Governed:
    """A tracer with a governor, and short ways to what it does."""

    def __init__(self, app: types.ModuleType, **options: Any) -> None:
        self.app = app
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, **options)

    def probe(self, *texts: str) -> hogtrace.Installation:
        """Install a program; `APP` in it stands for the application's module."""
        text = "\n".join(texts).replace("APP", self.app.__name__)
        return self.tracer.install(hogtrace.compile(text, name="test"))

    def status(self, index: int = 0) -> ProbeStatus:
        """Give the status of one probe."""
        return self.tracer.status().probes[index]

    def is_tripped(self, index: int = 0) -> bool:
        """Whether a probe is, without a status, which would tend to it."""
        probes = [probe.linked for installation in self.tracer._installations for probe in installation._probes]
        return probes[index].tripped is not None

    def is_bare(self, name: str = "f") -> bool:
        """Whether a function has no hooks; does nothing else, where a status would tend to the probes itself."""
        return not any(type(one).__name__ in ("Site", "LineHook") for one in vars(self.app)[name].__code__.co_consts)

    def heat(self, condition: Callable[[], object], call: Callable[[], object] | None = None) -> None:
        """Call a function in a hot loop until something holds."""
        if call is None:
            call = partial(self.app.f, 1)
        deadline = time.monotonic() + GUARD
        while not condition():
            assert time.monotonic() < deadline, self.tracer.status()
            for _ in range(200):
                call()

    def end_pauses(self) -> None:
        """Have the pauses of all probes that are out be over now; how long they are by themselves is another matter."""
        self.end_pause(*(probe for installation in self.tracer._installations for probe in installation._probes))

    def end_pause(self, *probes: InstalledProbe) -> None:
        """Have the pauses of these be over now."""
        governor = self.tracer._governor
        assert governor is not None
        with _state.lock:
            for probe in probes:
                if probe.trips.until is not None:
                    probe.trips.until = time.monotonic()
        governor._wake()

    def wait_out(self, trips: int = 1, index: int = 0) -> None:
        """Wait until a probe was tripped so often, and is out of its functions."""
        self.wait(lambda: self.status(index).trips == trips and self.status(index).state == "tripped")

    def wait(self, condition: Callable[[], object]) -> None:
        """Do nothing until something holds."""
        deadline = time.monotonic() + GUARD
        while not condition():
            assert time.monotonic() < deadline, self.tracer.status()
            time.sleep(0.005)


Make = Callable[..., Governed]


@pytest.fixture
def governed(app: types.ModuleType) -> Iterator[Make]:
    """Give what makes tracers, which are stopped after the test."""
    made: list[Governed] = []

    def make(**options: Any) -> Governed:
        made.append(Governed(app, **options))
        return made[-1]

    yield make
    for one in made:
        one.tracer.stop(GUARD)


def balanced(status: ProbeStatus) -> bool:
    """Whether the hits of a probe are all accounted for."""
    parts = status.fired + status.not_passed + status.failed + status.skipped + status.sampled_out + status.throttled
    return status.hits == parts


def test_a_hot_probe_is_taken_out(governed: Make, app: types.ModuleType) -> None:
    """By default one percent of a second is enough; the identical code is back, and the status has the figures."""
    original = app.f.__code__
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    assert app.f.__code__ is not original
    one.heat(one.is_bare)
    assert app.f.__code__ is original
    status = one.status()
    assert (status.state, status.sites, status.functions, status.trips) == ("tripped", 0, (), 1)
    assert status.reason is not None
    assert "of a thread's time" in status.reason
    assert "its budget (MAX_OVERHEAD) is 1 %; tripped once, it is put back in 60 min, after 60 min" in status.reason
    assert status.spent is not None
    assert status.spent > 0.009
    assert status.overhead is not None
    assert status.back_in is not None
    assert 0 < status.back_in <= LONG
    assert balanced(status)
    for _ in range(1000):
        app.f(9)
    assert one.status().hits == status.hits
    assert "tripped" in str(one.tracer.status())
    assert "next: let it do less" in str(one.tracer.status())


def test_a_tripped_probe_comes_back(governed: Make, app: types.ModuleType) -> None:
    """After the pause it works as before, and the status tells that it was out."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    one.heat(one.is_bare)
    one.end_pauses()
    one.wait(lambda: not one.is_bare())
    one.wait(lambda: one.status().state == "installed")
    app.f(9)
    assert one.tracer.flush(GUARD)
    assert [event.values for event in one.exporter.events] == [{"a": 9}]
    status = one.status()
    assert (status.sites, status.trips, status.back_in) == (1, 1, None)
    assert status.reason is not None
    assert "tripped once, and put back" in status.reason
    assert "MAX_OVERHEAD" in status.reason


def test_it_trips_again(governed: Make) -> None:
    """It is judged anew each time."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    for trips in (1, 2, 3):
        one.heat(one.is_tripped)
        one.wait_out(trips)
        one.end_pauses()
        one.wait(lambda: not one.is_tripped())
    assert balanced(one.status())


def test_nobody_is_needed_to_put_it_back_and_no_thread_stays(governed: Make) -> None:
    """While it is out there is one thread, which sleeps; with everything in there is none."""
    one = governed(overhead_pause=1)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    before = _thread._count()
    one.heat(one.is_bare)
    one.wait(lambda: not one.is_bare())
    # Threads that other tests have left may end meanwhile.
    one.wait(lambda: _thread._count() <= before)


def test_a_sleeping_governor_costs_no_processor_time(governed: Make) -> None:
    """The thread waits for the end of the pause without looking at anything."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry { capture(a); }")
    one.heat(one.is_bare)
    assert one.tracer.flush(GUARD)
    governor = one.tracer._governor
    assert governor is not None
    one.wait(lambda: governor._alive.locked() and governor._native_id)

    def spent() -> int:
        # The ticks of that thread alone: nobody knows what the threads of other tests are at.
        told = Path(f"/proc/self/task/{governor._native_id}/stat").read_text().rpartition(")")[2].split()
        return int(told[11]) + int(told[12])

    begun = spent()
    time.sleep(0.5)
    assert (spent() - begun) / os.sysconf("SC_CLK_TCK") < 0.3


def test_without_a_budget_nothing_trips(governed: Make) -> None:
    """Nothing is measured either."""
    one = governed(max_overhead=None, max_total_overhead=0.0001)
    one.probe(f"fn:APP.f:entry {{ {DEAR}; }}", "fn:APP.f:exit / retval.x / { }")
    one.heat(lambda: one.status().hits > 30_000)
    for status in one.tracer.status().probes:
        assert (status.state, status.trips, status.spent, status.overhead) == ("installed", 0, None, None)
        assert balanced(status)


def test_a_cool_probe_stays(governed: Make, app: types.ModuleType) -> None:
    """A few hits are timed, each, and change nothing."""
    one = governed(max_overhead=1, max_total_overhead=None)
    one.probe("fn:APP.f:entry { capture(a); }")
    for number in range(5):
        app.f(number)
    status = one.status()
    assert (status.state, status.reason, status.trips, status.fired) == ("installed", None, 0, 5)
    assert status.spent is not None
    assert status.overhead is not None
    assert status.spent > 0


def test_probes_together_are_over_and_the_dearest_goes(governed: Make, app: types.ModuleType) -> None:
    """Each alone is within its budget; of all, the one goes first that takes most."""
    one = governed(max_overhead=1.0, max_total_overhead=0.02, overhead_pause=LONG)
    one.probe("fn:APP.g:entry / a > 5 / { }", f"fn:APP.f:entry {{ {DEAR}; }}")

    def much_and_little() -> None:
        # The machine may stand still in any run, and hardly ever does in one of so few.
        for number in range(100):
            app.f(1)
            if one.is_tripped(1):
                return
            if number % 50 == 0:
                app.g(1)

    one.heat(lambda: one.is_tripped(0) or one.is_tripped(1), much_and_little)
    cheap, dear = one.tracer.status().probes
    assert one.is_bare("f")
    assert cheap.state == "installed"
    assert dear.state == "tripped"
    assert dear.reason is not None
    assert "all probes together took" in dear.reason
    assert "(MAX_TOTAL_OVERHEAD) is 2 %, and this one was the dearest" in dear.reason
    # Alone it is over as well.
    one.heat(lambda: one.is_bare("g"), lambda: app.g(1))
    assert one.status(0).state == "tripped"
    assert cheap.spent is not None
    assert dear.spent is not None
    assert dear.spent > cheap.spent


def test_the_total_counts_for_one_tracer(governed: Make, app: types.ModuleType) -> None:
    """With no total each probe counts for itself alone."""
    one = governed(max_overhead=1.0, max_total_overhead=None)
    one.probe("fn:APP.g:entry / a > 5 / { }", f"fn:APP.f:entry {{ {DEAR}; }}")
    # Far above any default, and far below all of it, which a machine that stands still might make of more.
    one.heat(lambda: one.status().hits > 1_000, lambda: (app.f(1), app.g(1), sum(range(2_000))))
    assert {status.state for status in one.tracer.status().probes} == {"installed"}


def test_the_share_is_that_of_a_thread(governed: Make, app: types.ModuleType) -> None:
    """What several threads take together may be more than the budget."""
    one = governed(max_overhead=0.2, max_total_overhead=None)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    (linked,) = [probe.linked for installation in one.tracer._installations for probe in installation._probes]

    def work() -> None:
        enough = (linked.spent or 0) + 0.04
        while (linked.spent or 0) < enough:
            app.f(1)

    for _ in range(8):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    status = one.status()
    assert (status.state, status.trips) == ("installed", 0)
    assert status.spent is not None
    assert status.spent > 0.3


def test_hot_threads_at_once(governed: Make, app: types.ModuleType) -> None:
    """Whichever thread is over, the probe goes once, for all; the accounts are exact."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.h:exit / retval > 5 / { capture(a); }", "fn:APP.f:entry { capture(a); }")
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            assert app.h(1) == 2

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        one.wait(lambda: one.is_bare("h") and one.is_bare("f"))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for status in one.tracer.status().probes:
        assert (status.state, status.trips) == ("tripped", 1)
        assert balanced(status)


def test_the_share_of_a_wildcard_is_over_all_its_functions(governed: Make, app: types.ModuleType) -> None:
    """It goes out of all of them, and comes back to all of them."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.*:entry / a > 5 / { capture(a); }")
    sites = one.status().sites
    assert sites > 4
    one.heat(one.is_tripped, lambda: app.h(1))
    assert one.status().state == "tripped"
    assert all(one.is_bare(name) for name in ("f", "g", "h", "make", "numbers", "fetch"))
    one.end_pauses()
    one.wait(lambda: one.status().state == "installed")
    assert one.status().sites == sites


def test_coroutines_and_generators(governed: Make, app: types.ModuleType) -> None:
    """Bodies that are suspended while the probe goes end as they would."""
    one = governed(max_overhead=0.001, overhead_pause=LONG)
    one.probe("fn:APP.fetch:exit / retval > 5 / { capture(a); }", "fn:APP.numbers:exit / a > 5 / { capture(a); }")
    suspended = app.numbers(7)
    assert next(suspended) == 7

    async def main() -> None:
        deadline = time.monotonic() + GUARD
        while not (one.is_bare("fetch") and one.is_bare("numbers")):
            assert time.monotonic() < deadline, one.tracer.status()
            for _ in range(200):
                assert await app.fetch(1) == 1
                assert list(app.numbers(1)) == [1, 2]

    asyncio.run(main())
    assert list(suspended) == [8]
    assert {status.state for status in one.tracer.status().probes} == {"tripped"}
    assert one.tracer.status().captured == 0


def test_lines(governed: Make, app: types.ModuleType) -> None:
    """A probe at a line falls silent in the midst of a loop, and comes back to its line."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.loop:entry+3 / i == 1 / { capture(i); }")
    assert app.loop(1_000_000) == sum(range(1_000_000))
    status = one.status()
    assert status.trips == 1
    assert status.hits < 1_000_000
    one.end_pauses()
    one.wait(lambda: one.status().state == "installed")
    before = one.status().hits
    assert app.loop(10) == 45
    assert one.status().hits == before + 10
    assert balanced(one.status())


def test_functions_inside_of_functions(governed: Make, app: types.ModuleType) -> None:
    """Those that exist lose the probe, and those that are made while it is out get it when it comes back."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.make.<locals>.inner:entry / a > 5 / { capture(a); }")
    inner = app.make()
    one.heat(one.is_tripped, lambda: inner(1))
    one.wait_out()
    later = app.make()
    one.end_pauses()
    one.wait(lambda: one.status().state == "installed")
    for function in (inner, later, app.make()):
        function(9)
    assert one.tracer.flush(GUARD)
    assert len(one.exporter.events) == 3


def test_a_function_that_was_replaced_gets_its_probe_back(governed: Make, app: types.ModuleType) -> None:
    """What was found once stays probed, however it is called now."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    old = app.f
    app.f = app.g
    one.tracer.rebind()
    one.heat(one.is_tripped, lambda: old(1))
    one.wait_out()
    one.end_pauses()
    one.wait(lambda: one.status().state == "installed")
    old(9)
    app.f(8)
    assert one.tracer.flush(GUARD)
    assert [event.values for event in one.exporter.events] == [{"a": 9}, {"a": 8}]


def test_a_function_that_dies_meanwhile_is_forgotten(governed: Make, app: types.ModuleType) -> None:
    """A tripped probe keeps no function alive."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    one.heat(one.is_bare)
    del app.f
    gc.collect()
    one.end_pauses()
    one.wait(lambda: one.status().state == "pending")
    assert one.status().sites == 0


def test_another_tool_comes_meanwhile(governed: Make, app: types.ModuleType) -> None:
    """Code that was put into the function while the probe was out is probed like any other."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:exit { capture(retval); }")
    one.heat(one.is_bare)
    assert one.tracer.flush(GUARD)
    app.f.__code__ = (lambda a: a + 100).__code__
    one.end_pauses()
    one.wait(lambda: one.status().state == "installed")
    seen = len(one.exporter.events)
    assert app.f(1) == 101
    assert one.tracer.flush(GUARD)
    assert [event.values for event in one.exporter.events[seen:]] == [{"retval": 101}]


def test_probes_keep_their_order(governed: Make, app: types.ModuleType) -> None:
    """One that comes back fires where it did before."""
    one = governed(max_overhead=0.01, max_total_overhead=None, overhead_pause=LONG)
    one.probe(f"fn:APP.f:entry {{ {DEAR}; }}")
    one.probe("fn:APP.f:entry / a > 5 / { capture(second=a); }")
    one.heat(one.is_tripped)
    one.wait_out()
    one.end_pauses()
    one.wait(lambda: {status.state for status in one.tracer.status().probes} == {"installed"})
    assert one.tracer.flush(GUARD)
    seen = len(one.exporter.events)
    app.f(9)
    assert one.tracer.flush(GUARD)
    assert [next(iter(event.values)) for event in one.exporter.events[seen:]] == ["a", "second"]


def test_uninstalled_while_tripped(governed: Make, app: types.ModuleType) -> None:
    """It does not come back; another probe on the function stays."""
    original = app.f.__code__
    one = governed(overhead_pause=LONG)
    hot = one.probe("fn:APP.f:entry / a > 5 / { capture(hot=a); }")
    one.heat(one.is_bare)
    one.tracer.uninstall(hot)
    one.probe("fn:APP.f:entry { capture(cool=a); }")
    one.end_pause(*hot._probes)
    governor = one.tracer._governor
    assert governor is not None
    one.wait(lambda: not governor._alive.locked())
    one.status()
    app.f(9)
    assert one.tracer.flush(GUARD)
    assert [event.values for event in one.exporter.events] == [{"cool": 9}]
    one.tracer.uninstall()
    assert app.f.__code__ is original


def test_stopped_while_tripped(governed: Make, app: types.ModuleType) -> None:
    """The thread is gone, and nothing comes back."""
    original = app.f.__code__
    before = _thread._count()
    one = governed(overhead_pause=LONG)
    hot = one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    one.heat(one.is_bare)
    one.tracer.stop(GUARD)
    assert _thread._count() <= before
    one.end_pause(*hot._probes)
    one.tracer.status()
    assert app.f.__code__ is original


def test_without_threads_a_status_does_what_is_due(
    governed: Make, app: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives none, the probe is silent at once all the same."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    one = governed(overhead_pause=1)
    one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    (linked,) = [probe.linked for installation in one.tracer._installations for probe in installation._probes]
    one.heat(one.is_tripped)
    hits = linked.hits
    for _ in range(100):
        app.f(9)
    assert linked.hits == hits
    assert not one.is_bare()
    assert one.status().state == "tripped"
    assert one.is_bare()
    one.wait(lambda: one.status().state == "installed")


def test_one_long_run_is_chance(governed: Make, app: types.ModuleType) -> None:
    """The system, or another thread, may have held it up."""
    one = governed(access="python")
    one.probe("fn:APP.f:entry { capture(a.nap); }")
    app.f(app.Slow(0.1))
    status = one.status()
    assert (status.state, status.trips) == ("installed", 0)
    # Of a window that is over by now there may be nothing in `overhead`.
    assert status.spent is not None
    assert status.spent > 0.09


def test_long_runs_again_and_again_are_not(governed: Make, app: types.ModuleType) -> None:
    """A probe that is hit seldom, and takes long each time, trips after a few seconds."""
    one = governed(access="python", overhead_pause=LONG)
    one.probe("fn:APP.f:entry { capture(a.nap); }")
    slow = app.Slow(0.6)
    deadline = time.monotonic() + GUARD
    while not one.is_bare():
        assert time.monotonic() < deadline
        app.f(slow)
    assert one.status().state == "tripped"


def test_a_probe_that_keeps_failing_is_throttled(governed: Make, app: types.ModuleType) -> None:
    """After a thousand failures in a row one hit in a hundred is looked at; one that does not fail ends that."""
    one = governed(max_overhead=None)
    one.probe("fn:APP.f:entry / a.x / { capture(a); }")
    app.f("first")
    for number in range(999):
        app.f(number)
    status = one.status()
    assert (status.hits, status.failed, status.errors, status.throttled) == (1000, 1000, 1000, 0)
    for number in range(10_000):
        app.f(number)
    status = one.status()
    assert (status.hits, status.failed, status.throttled) == (11_000, 1100, 9900)
    assert balanced(status)
    assert status.first_error is not None
    assert status.last_error is not None
    assert "'str' object has no attribute 'x'" in status.first_error
    assert "'int' object has no attribute 'x'" in status.last_error
    text = str(one.tracer.status())
    assert "9900 not looked at, because the predicate kept failing" in text
    assert "only one hit in 100 is looked at" in text
    good = types.SimpleNamespace(x=True)
    for _ in range(150):
        app.f(good)
    status = one.status()
    assert 50 <= status.fired <= 150
    assert balanced(status)
    app.f(good)
    assert one.status().fired == status.fired + 1


def test_sampled_hits_of_a_throttled_probe(governed: Make, app: types.ModuleType) -> None:
    """What sampling leaves out says nothing about the predicate."""
    one = governed(max_overhead=None)
    one.probe("fn:APP.f:entry { sample 50%; capture(a.x); }", "fn:APP.f:entry / a.x / { sample 50%; capture(a); }")
    for number in range(9000):
        app.f(number)
    whole, failing = one.tracer.status().probes
    assert whole.throttled == 0
    assert failing.throttled > 0
    assert balanced(whole)
    assert balanced(failing)


def test_a_throttled_probe_trips_all_the_same(governed: Make) -> None:
    """The hook runs, though nothing is looked at."""
    one = governed(overhead_pause=LONG)
    one.probe("fn:APP.f:entry / a.x / { capture(a); }")
    one.heat(one.is_bare)
    status = one.status()
    assert status.state == "tripped"
    assert balanced(status)


def test_events_that_are_lost_are_told_of_each_probe(governed: Make, app: types.ModuleType) -> None:
    """By cause; the sums are those of the tracer."""
    one = governed(max_overhead=None, queue_events=10, batch_size=1, batch_delay=LONG)
    one.probe("fn:APP.f:entry { capture(a); }", "fn:APP.g:entry { capture(a); }")
    entered, full = threading.Event(), threading.Event()

    def fail(_: object) -> None:
        entered.set()
        full.wait()
        raise OSError("disk full")

    one.exporter.export = fail  # type: ignore[method-assign]
    # The exporter has the first one in hand, so that it takes no other out of the queue.
    app.f("first")
    try:
        assert entered.wait(GUARD)
        for number in range(8):
            app.f(number)
        for number in range(8):
            app.g(number)
        first, second = one.tracer.status().probes
        assert (first.dropped, second.dropped) == ({}, {"queue_full": 6})
    finally:
        full.set()
    assert one.tracer.flush(GUARD)
    status = one.tracer.status()
    first, second = status.probes
    assert first.dropped == {"exporter_failed": 9}
    assert second.dropped == {"exporter_failed": 2, "queue_full": 6}
    assert status.dropped == {"exporter_failed": 11, "queue_full": 6}
    assert "dropped: 2 exporter_failed, 6 queue_full" in str(status)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_overhead": 0}, "max_overhead is 0; it must be a share of time from 0.0001 to 1, or None"),
        ({"max_overhead": 1.5}, "max_overhead is 1.5"),
        ({"max_total_overhead": "3%"}, "max_total_overhead is a str"),
        ({"overhead_pause": 0}, "overhead_pause is 0; it must be a number of seconds from 1 to 3600"),
        ({"max_overhead": True}, "max_overhead is a bool"),
    ],
)
def test_budgets_that_are_none(options: dict[str, Any], says: str) -> None:
    """A wrong budget is an error at start."""
    with pytest.raises(ConfigError) as caught:
        Tracer(exporter=MemoryExporter(), **options)
    assert says in str(caught.value)


def test_pauses_double_and_begin_again() -> None:
    """Up to 64 times the first; after a good while inside the next is the first again."""
    budget = Budget(0.01, 0.03, 10.0)
    trips = Trips()
    now = 1000.0
    pauses = []
    for _ in range(9):
        trips.trip(budget, (0.011, None), now, effort=0.0)
        assert trips.until == now + trips.pause
        pauses.append(trips.pause)
        now += trips.pause
        trips.put_back(now)
        now += 0.01
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 640, 640]
    now += 4 * 640
    trips.trip(budget, (0.011, None), now, effort=0.0)
    assert trips.pause == 10
    assert trips.count == 10


def test_what_weaving_takes_is_in_the_budget() -> None:
    """A probe in very many functions is out for longer."""
    trips = Trips()
    trips.trip(Budget(0.01, 0.03, 10.0), (0.011, None), 0.0, effort=0.5)
    assert trips.pause == 100.0


def test_what_weaving_waits_for_is_not(governed: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still while a probe is taken out, or other threads that go first, cost nothing."""
    take_out = placing.take_out

    def late(placements: Any) -> None:
        time.sleep(0.5)
        take_out(placements)

    monkeypatch.setattr(placing, "take_out", late)
    one = governed(overhead_pause=1)
    hot = one.probe("fn:APP.f:entry / a > 5 / { capture(a); }")
    one.heat(one.is_bare)
    (probe,) = hot._probes
    one.wait(lambda: probe.trips.count)
    assert 1 <= probe.trips.pause < 2 * 0.5 / 0.01


FORK = """
import _thread, os, sys, time, warnings
import hogtrace
from hogtrace.exporters import MemoryExporter

def f(a):
    return a

original = f.__code__
tracer = hogtrace.Tracer(exporter=MemoryExporter(), overhead_pause=1)
tracer.install(hogtrace.compile("fn:__main__.f:entry / a > 5 / { capture(a); }"))

def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, tracer.status()
        time.sleep(0.005)

deadline = time.monotonic() + 60
while f.__code__ is not original:
    assert time.monotonic() < deadline
    for _ in range(100):
        f(1)
child = os.fork()
# Nobody asks for a status: it comes back by itself, in both.
until(lambda: f.__code__ is not original)
until(lambda: tracer.status().probes[0].state == "installed")
f(9)
assert tracer.flush(60)
status = tracer.status()
assert status.probes[0].fired == 1, status
assert (status.captured, status.exported) == (1, 1), status
if child:
    _, ended = os.waitpid(child, 0)
    assert ended == 0
print("parent" if child else "child", flush=True)
"""


def run(script: str, *options: str) -> str:
    """Run a script in a process of its own; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", script], capture_output=True, text=True, timeout=GUARD * 2
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_fork_while_a_probe_is_out() -> None:
    """No thread of ours is there at the fork, and the probe comes back in parent and child."""
    assert sorted(run(FORK).split()) == ["child", "parent"]


def test_the_end_of_the_process_while_a_probe_is_out() -> None:
    """It ends at once, without a word."""
    before = FORK.partition("child = os.fork()")[0].replace("overhead_pause=1", "overhead_pause=3600")
    assert run(before + "print('end')") == "end\n"
