"""`sample`: each request draws one number, by which all of its probes fire or do not."""

import asyncio
import contextvars
import math
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

import hogtrace
from hogtrace import ProbeExecutor, ProbeStatus, RequestLocalStore, Tracer, current_store, execute_probe, request_scope
from hogtrace.exporters import MemoryExporter
from hogtrace.request_store import scope_for
from tests.hogtrace import shop

SHOP = "tests.hogtrace.shop"
BITS = 40


def number(store: RequestLocalStore) -> int:
    """Give the number that `store` draws, in units of 2⁻⁴⁰: the greatest rate that does not let a probe fire."""
    frame = sys._getframe()
    below, above = 0, 1 << BITS
    while below + 1 < above:
        middle = (below + above) // 2
        program = hogtrace.compile(f"fn:m.f:entry {{ sample {middle}/{1 << BITS}; capture(); }}")
        if execute_probe(program, program.probes[0], frame, store) is None:
            below = middle
        else:
            above = middle
    return below


def bounds(count: int, rate: float) -> tuple[float, float]:
    """Give where a binomial count lies but for one time in 10¹¹: seven standard deviations around its mean."""
    spread = 7 * math.sqrt(count * rate * (1 - rate))
    return count * rate - spread, count * rate + spread


def balanced(probe: ProbeStatus) -> bool:
    """Say whether the accounts of a probe balance."""
    return probe.hits == probe.sampled_out + probe.not_passed + probe.failed + probe.skipped + probe.fired


class Bench:
    """A tracer with its exporter."""

    def __init__(self) -> None:
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None)

    def probe(self, text: str) -> None:
        """Install a program; `SHOP.` in it stands for the application's module."""
        self.tracer.install(hogtrace.compile(text.replace("SHOP.", f"{SHOP}.")))

    def events(self) -> list[hogtrace.CaptureEvent]:
        """Give all that was captured so far."""
        assert self.tracer.flush(60)
        return list(self.exporter.events)

    def statuses(self) -> tuple[ProbeStatus, ...]:
        """Give the probes' statuses; their accounts balance."""
        probes = self.tracer.status().probes
        assert all(balanced(probe) for probe in probes), probes
        return probes


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a tracer that is stopped after the test."""
    made = Bench()
    with made.tracer:
        yield made


def test_the_share_of_requests_is_the_rate(bench: Bench) -> None:
    """Of many requests a probe fires in about as many as its rate says; another one of the rate in the same ones."""
    bench.probe(
        "fn:SHOP.place:entry { sample 25%; capture(); } fn:SHOP.nothing:entry { sample 1/4; capture(); }"
        "fn:SHOP.place:exit { sample 100%; }"
    )
    count = 4000
    for _ in range(count):
        with request_scope():
            shop.place("tea")
            shop.nothing()
    first, second, always = bench.statuses()
    low, high = bounds(count, 0.25)
    assert low < first.fired < high
    assert (first.hits, first.fired + first.sampled_out) == (count, count)
    assert first.fired == second.fired
    assert (always.fired, always.sampled_out) == (count, 0)
    assert len(bench.events()) == first.fired + second.fired


def test_the_share_of_calls_is_the_rate_outside_any_request(bench: Bench) -> None:
    """Where there is no request every call draws for itself."""
    bench.probe("fn:SHOP.place:exit { sample 0.5%; } fn:SHOP.nothing:entry { sample 1/2; }")
    count = 4000
    for _ in range(count):
        shop.place("tea")
        shop.nothing()
    for probe, rate in zip(bench.statuses(), (0.005, 0.5), strict=True):
        low, high = bounds(count, rate)
        assert low < probe.fired < high


RATES = range(10, 100, 10)
ALL_RATES = " ".join(
    f"fn:SHOP.{function}:{point} {{ sample {rate}%; capture(rate={rate}); }}"
    for rate in RATES
    for function, point in (("place", "entry"), ("place", "exit"), ("fetch", "entry"), ("nothing", "exit"))
)


def test_a_request_is_sampled_as_one_in_all_of_its_threads_and_tasks(bench: Bench) -> None:
    """Threads, tasks and nested scopes that join a request fire exactly its probes: those above one number."""
    bench.probe(ALL_RATES)

    def in_thread(call: Callable[[], object]) -> None:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(call,))
        thread.start()
        thread.join()

    async def handle() -> None:
        shop.place("a")
        await asyncio.gather(*(shop.fetch("b") for _ in range(3)))
        await asyncio.create_task(shop.fetch("c"))
        await asyncio.to_thread(shop.nothing)
        in_thread(lambda: shop.place("d"))
        with request_scope(current_store()):
            shop.nothing()
        inner = scope_for({"hogtrace.store": current_store()}, request_id=None, method="", path="", framework="x")
        assert inner is not None
        with inner:
            shop.place("e")

    requests = 60
    for _ in range(requests):
        with request_scope():
            asyncio.run(handle())
    fired: dict[str | None, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for event in bench.events():
        fired[event.request_id][event.values["rate"]] += 1
    # Three calls of `place` with two probes each, four of `fetch`, two of `nothing`.
    assert all(count == 3 * 2 + 4 + 2 for rates in fired.values() for count in rates.values())
    # A probe that fires takes along all of a higher rate.
    assert all(sorted(rates) == list(RATES)[-len(rates) :] for rates in fired.values())
    assert len({len(rates) for rates in fired.values()}) > 1
    bench.statuses()


def test_a_scope_in_a_scope_draws_for_itself() -> None:
    """A scope inside a scope is a request of its own, with a number of its own."""
    with request_scope() as outer, request_scope() as inner:
        assert number(outer) != number(inner)
        assert number(outer) == number(outer)
    assert number(outer) == number(outer), "after its end too"


def test_entry_and_exit_of_a_call_agree_outside_any_request(bench: Bench) -> None:
    """One call draws once: what fires at its entry fires at its exit, under recursion, in generators, in threads."""
    bench.probe(
        "fn:SHOP.place:entry { sample 50%; capture(at=0, key=order); }"
        "fn:SHOP.place:exit { sample 50%; capture(at=1, key=order); }"
        "fn:SHOP.factorial:entry { sample 50%; capture(at=0, key=n); }"
        "fn:SHOP.factorial:exit { sample 50%; capture(at=1, key=n); }"
        "fn:SHOP.numbers:entry { sample 50%; capture(at=0, key=stop); }"
        "fn:SHOP.numbers:exit { sample 50%; capture(at=1, key=stop); }"
        "fn:SHOP.fetch:entry { sample 50%; capture(at=0, key=key); }"
        "fn:SHOP.fetch:exit { sample 50%; capture(at=1, key=key); }"
    )

    def work(name: str) -> None:
        for index in range(200):
            shop.place(f"{name} {index}")

    threads = [threading.Thread(target=work, args=(f"thread {index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(shop.Refused):
        shop.place("refused", 0)
    shop.factorial(300)
    suspended = [shop.numbers(1000 + index) for index in range(300)]
    for generator in suspended:
        next(generator)
    for generator in reversed(suspended):
        generator.close()

    async def gather() -> None:
        await asyncio.gather(*(shop.fetch(f"key {index}") for index in range(300)))

    asyncio.run(gather())
    ends: dict[int, list[object]] = {0: [], 1: []}
    for event in bench.events():
        ends[event.values["at"]].append(event.values["key"])
    assert len(ends[0]) > 100
    assert sorted(map(str, ends[0])) == sorted(map(str, ends[1]))
    bench.statuses()


def test_a_call_draws_once_for_probes_of_every_rate(bench: Bench) -> None:
    """Outside any request, of the probes of one call those above one number fire."""
    bench.probe(ALL_RATES)
    seen = set()
    for _ in range(60):
        bench.exporter.events.clear()
        shop.place("tea")
        rates = [event.values["rate"] for event in bench.events()]
        half = len(rates) // 2
        # Entry and exit alike, in the order of the source.
        assert rates[:half] == rates[half:] == list(RATES)[len(RATES) - half :]
        seen.add(half)
    assert len(seen) > 1


def test_variables_of_the_call_and_its_time_go_along(bench: Bench) -> None:
    """A sampled call still has its `$call` variables, its duration and its first arguments at the exit."""
    bench.probe(
        "fn:SHOP.rebinds:entry { sample 50%; $call.x = value; }"
        "fn:SHOP.rebinds:exit { sample 50%; capture($call.x, arg0, positive=duration >= 0); }"
    )
    for index in range(200):
        shop.rebinds(index)
    events = bench.events()
    assert len(events) > 10
    for event in events:
        assert event.values["$call.x"] == event.values["arg0"]
        assert event.values["positive"] is True


def test_the_draw_comes_before_the_predicate(bench: Bench) -> None:
    """What is sampled out is not looked at, so a predicate that fails does so in the others only."""
    bench.probe("fn:SHOP.place:entry / missing.name / { sample 50%; } fn:SHOP.place:exit / count > 1 / { sample 50%; }")
    count = 1000
    for _ in range(count):
        shop.place("tea")
    entry, leave = bench.statuses()
    low, high = bounds(count, 0.5)
    assert low < entry.failed < high
    assert low < leave.not_passed < high
    # Both go by the call's one number.
    assert (entry.sampled_out, entry.errors) == (leave.sampled_out, entry.failed)
    assert entry.sampled_out == count - entry.failed


def test_a_frame_in_hand_is_sampled_by_its_store() -> None:
    """`execute_probe` and `ProbeExecutor` go by the number of the store that they are given."""
    program = hogtrace.compile("fn:m.f:entry { sample 50%; capture(x=1); }")
    frame, probe = sys._getframe(), program.probes[0]
    fired = 0
    for _ in range(1000):
        store = RequestLocalStore()
        results = {execute_probe(program, probe, frame, store) is None for _ in range(3)}
        results.add(ProbeExecutor(program, probe, store).execute(frame) is None)
        assert len(results) == 1
        fired += not results.pop()
    low, high = bounds(1000, 0.5)
    assert low < fired < high


def test_numbers_lie_evenly() -> None:
    """Of many stores each tenth of the range gets its share."""
    tenths = [0] * 10
    for _ in range(500):
        tenths[number(RequestLocalStore()) * 10 >> BITS] += 1
    low, high = bounds(500, 0.1)
    assert all(low < count < high for count in tenths), tenths


FORK = """
import os, sys
from tests.hogtrace.test_sampling import number
from hogtrace import RequestLocalStore
shared = RequestLocalStore()
before = number(shared)
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, f"{number(shared)} {number(shared)} {number(RequestLocalStore())}".encode())
    os._exit(0)
os.wait()
print(before, number(shared), number(RequestLocalStore()), os.read(read, 1000).decode())
"""


def test_a_forked_child_draws_its_own_numbers() -> None:
    """After a fork the child's requests, one that is under way too, have other numbers than the parent's."""
    output = subprocess.run(
        [sys.executable, "-c", FORK], check=True, capture_output=True, text=True, timeout=100
    ).stdout
    before, after, new, child, child_again, child_new = map(int, output.split())
    assert before == after
    assert child == child_again
    assert len({after, new, child, child_new}) == 4


def test_the_table_shows_what_was_sampled_out(bench: Bench) -> None:
    """A status with a sampled probe in it has a column for it."""
    bench.probe("fn:SHOP.place:entry { sample 1/1000000000000; } fn:SHOP.nothing:entry { }")
    shop.nothing()
    assert "sampled" not in str(bench.tracer.status())
    for _ in range(3):
        shop.place("tea")
    table = str(bench.tracer.status()).splitlines()
    assert table[0].split() == ["state", "sites", "hits", "sampled", "out", "fired", "captured", "errors", "probe"]
    assert table[1].split()[:7] == ["installed", "1", "3", "3", "0", "0", "0"]
    assert table[2].split()[:7] == ["installed", "1", "1", "0", "1", "0", "0"]
