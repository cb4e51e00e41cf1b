"""Objects that other threads change while a probe reads them: no error, no crash."""

import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.hogtrace.evaluation import site_of


class Plain:
    """An object of a class."""

    def __init__(self) -> None:
        self.name: Any = 1


class Other:
    """An object of another."""

    def __init__(self) -> None:
        self.name: Any = 1


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


EXPRESSIONS = (
    "d, l, s, q, od, v, o, d == e, 7 in l, 7 in d, 7 in q, len(l), l[0:3], s - q, s == s, o.name, type(o), o in l"
)


@pytest.mark.parametrize("rounds", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_containers_and_objects_that_change(rounds: int) -> None:
    """Containers grow and shrink, dicts are replaced, objects change their class, all while they are copied."""
    d: dict[Any, Any] = {n: n for n in range(200)}
    o: Any = Plain()
    given: dict[str, Any] = {
        "d": d,
        "l": list(range(200)),
        "s": set(range(200)),
        "q": deque(range(200)),
        "od": OrderedDict((n, n) for n in range(50)),
        "v": d.values(),
        "o": o,
        "e": {"a": d},
    }
    stop = threading.Event()

    def turn(n: int) -> None:
        given["l"].append(n)
        del given["l"][:2]
        given["l"].insert(0, n)
        d[n] = [n]
        d.pop(n - 150, None)
        given["s"] ^= {n, n - 100}
        given["q"].append(n)
        given["q"].popleft()
        given["od"][n] = n
        given["od"].popitem(last=False)
        o.__class__ = Other if n % 2 else Plain
        o.__dict__ = {"name": n}
        setattr(o, f"later{n % 50}", n)

    def change() -> None:
        n = 1000
        while not stop.is_set():
            n += 1
            turn(n)

    threads = [threading.Thread(target=change) for _ in range(2)]
    run_all: list[Callable[[], Any]] = []
    for expression in EXPRESSIONS.split(", "):
        site, values, queue, linked = site_of(f"fn:m.f:entry {{ capture(v={expression}); }}", **given)

        def run(site: Any = site, values: Any = values, queue: Any = queue, linked: Any = linked) -> Any:
            site[values]
            queue.settle(exported=len(queue.take(10)))
            return linked

        run_all.append(run)
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds):
            for run in run_all:
                run()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for run in run_all:
        linked = run()
        assert linked.captured == linked.hits == rounds + 1
        assert linked.defect is None
