"""What belongs to one call stays with it: `$call`, `duration` and kept arguments, however calls overlap."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter

# Each call has a number of its own, which the body then forgets; what the exit knows of it came from the entry.
PROBES = """
fn:HERE.TARGET:entry { $call.number = number; $call.twice = number * 2; }
fn:HERE.TARGET:exit { capture(retval, duration, number=arg0, call=$call.number, twice=$call.twice, none=$call.none); }
"""


def leaf(number: int) -> int:
    """Return at once."""
    given, number = number, -1
    return given


def recursive(number: int, depth: int) -> int:
    """Call itself twice at each level, with other numbers."""
    given, number = number, -1
    if depth:
        recursive(given * 2 + 1, depth - 1)
        recursive(given * 2 + 2, depth - 1)
    return given


def failing(number: int, depth: int) -> int:
    """Fail at the bottom; every second level catches it."""
    given, number = number, -1
    if not depth:
        raise KeyError(given)
    try:
        failing(given + 1, depth - 1)
    except KeyError:
        if depth % 2:
            raise
    return given


def generator(number: int, n: int) -> Iterator[int]:
    """Yield its number."""
    given, number = number, -1
    for _ in range(n):
        yield given


async def coroutine(number: int, pauses: int) -> int:
    """Wait, so that others run."""
    given, number = number, -1
    for _ in range(pauses):
        await asyncio.sleep(0)
    return given


async def pages(number: int, n: int) -> AsyncIterator[int]:
    """Yield its number, and wait."""
    given, number = number, -1
    for _ in range(n):
        await asyncio.sleep(0)
        yield given


def make(n: int) -> Callable[[int], int]:
    """Make a closure."""

    def closure(number: int) -> int:
        given, number = number, -1
        return given + n * 0

    return closure


def _recursion() -> int:
    recursive(0, 5)
    return 63


def _failures() -> int:
    failing(0, 6)
    return 7


def _threads() -> int:
    gate = threading.Barrier(8)

    def work(start: int) -> None:
        gate.wait()
        for number in range(start, start + 50):
            leaf(number)
            recursive(number, 1)

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 8 * 50


def _pool() -> int:
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(leaf, range(200))) == [*range(200)]
    return 200


def _interleaved() -> int:
    order = random.Random(7)  # noqa: S311 - an order, no secret
    running = [generator(number, number % 4) for number in range(40)]
    while running:
        one = order.choice(running)
        if next(one, None) is None:
            running.remove(one)
    return 40


def _across_threads() -> int:
    """Begin generators here, advance them in another thread, end them here."""
    running = [generator(number, 3) for number in range(20)]
    for one in running:
        next(one)
    thread = threading.Thread(target=lambda: [next(one) for one in reversed(running)])
    thread.start()
    thread.join()
    for one in running:
        list(one)
    return 20


def _dropped() -> int:
    running = [generator(number, 3) for number in range(20)]
    for one in running:
        next(one)
    while running:
        running.pop(len(running) // 2)
    return 20


def _gathered() -> int:
    async def main() -> None:
        assert await asyncio.gather(*(coroutine(number, number % 5) for number in range(50))) == [*range(50)]

    asyncio.run(main())
    return 50


def _loops_in_threads() -> int:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: _gathered(), range(3)))
    return 150


def _cancelled() -> int:
    async def main() -> None:
        tasks = [asyncio.create_task(coroutine(number, 1000)) for number in range(20)]
        await asyncio.sleep(0)
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    return 20


def _pages() -> int:
    async def read(number: int) -> None:
        assert [page async for page in pages(number, 4)] == [number] * 4

    async def main() -> None:
        await asyncio.gather(*(read(number) for number in range(30)))

    asyncio.run(main())
    return 30


def _closures() -> int:
    made = [make(number) for number in range(10)]
    for number in range(100):
        made[number % 10](number)
    return 100


@pytest.fixture
def exporter() -> MemoryExporter:
    """Keep what was captured."""
    return MemoryExporter()


@pytest.mark.parametrize(
    ("target", "use"),
    [
        ("recursive", _recursion),
        ("failing", _failures),
        ("leaf", _threads),
        ("leaf", _pool),
        ("generator", _interleaved),
        ("generator", _across_threads),
        ("generator", _dropped),
        ("coroutine", _gathered),
        ("coroutine", _loops_in_threads),
        ("coroutine", _cancelled),
        ("pages", _pages),
        ("make.<locals>.closure", _closures),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_call_keeps_what_is_its_own(target: str, use: Callable[[], int], exporter: MemoryExporter) -> None:
    """At each exit the number is that of the same call, though the parameter has another value by then."""
    with Tracer(exporter=exporter, max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(PROBES.replace("HERE", __name__).replace("TARGET", target)))
        began = time.monotonic()
        calls = use()
        took = time.monotonic() - began
        assert tracer.flush(60)
        entry, leave = tracer.status().probes
    assert (entry.hits, leave.hits, entry.errors, leave.errors) == (calls, calls, 0, 0)
    assert len(exporter.events) == calls
    for event in exporter.events:
        values = event.values
        assert values["number"] == values["call"] == values["twice"] / 2
        assert values["retval"] in (values["number"], None)
        assert values["none"] is None
        assert 0 <= values["duration"] <= took


def test_durations_nest(exporter: MemoryExporter) -> None:
    """A call takes as long as the calls inside of it, and a suspended one the time of its suspension."""
    with Tracer(exporter=exporter, max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(PROBES.replace("HERE", __name__).replace("TARGET", "recursive")))
        tracer.install(hogtrace.compile(PROBES.replace("HERE", __name__).replace("TARGET", "generator")))
        recursive(0, 4)
        running = generator(7, 1)
        next(running)
        time.sleep(0.02)
        next(running, None)
        assert tracer.flush(60)
    *calls, suspended = (event.values for event in exporter.events)
    durations = {values["number"]: values["duration"] for values in calls}
    for number in range(15):
        assert durations[number] >= durations[2 * number + 1] + durations[2 * number + 2]
    assert suspended["duration"] >= 0.02


GEVENT = """
from gevent import monkey
WHEN = {when!r}
if WHEN == "before":
    monkey.patch_all()
import random, threading, time
import gevent
import hogtrace
from hogtrace import Tracer, request_scope
from hogtrace.exporters import MemoryExporter

def handle(number, pauses):
    given, number = number, -1
    for _ in range(pauses):
        inner(given)
        gevent.sleep(random.random() / 1000)
    return given

def inner(number):
    gevent.sleep(0)

def serve(number):
    with request_scope(request_id=str(number)):
        return handle(number, number % 5)

exporter = MemoryExporter()
with Tracer(exporter=exporter, max_overhead=None, batch_delay=0.01) as tracer:
    tracer.install(hogtrace.compile('''
    fn:__main__.handle:entry {{ $call.number = number; $req.number = number; }}
    fn:__main__.inner:exit {{ capture(number=arg0, req=$req.number); }}
    fn:__main__.handle:exit {{ capture(retval, duration, number=arg0, call=$call.number, req=$req.number); }}
    '''))
    jobs = [gevent.spawn(serve, number) for number in range(100)]
    gevent.joinall(jobs)
    assert [job.value for job in jobs] == [*range(100)]
    threads = [threading.Thread(target=serve, args=(number,)) for number in range(100, 110)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    gevent.joinall([gevent.spawn(serve, 110)])
    assert tracer.flush(60)
    status = tracer.status()
assert status.captured == status.exported == len(exporter.events)
assert [probe.errors for probe in status.probes] == [0, 0, 0], status
handled = [event for event in exporter.events if event.target.endswith("handle")]
assert len(handled) == 111
for event in exporter.events:
    values = event.values
    assert {{values[name] for name in values if name not in ("duration", "retval")}} == {{values["number"]}}, values
    assert event.request_id == str(values["number"])
killed = gevent.spawn(handle, 1, 10**6)
with Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
    tracer.install(hogtrace.compile("fn:__main__.handle:exit {{ capture(arg0, error=type(exception)); }}"))
    killed = gevent.spawn(handle, 1, 10**6)
    gevent.sleep(0.01)
    killed.kill()
    assert tracer.flush(60)
    assert tracer.status().probes[0].captured == 1
print("well")
"""


@pytest.mark.parametrize("when", ["before", "never"])
def test_greenlets_do_not_mix(when: str) -> None:
    """Neither calls nor requests of gevent's greenlets, with its patches and without."""
    script = GEVENT.format(when=when)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert (result.stdout, result.stderr) == ("well\n", "")
