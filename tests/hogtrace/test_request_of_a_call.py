"""Which request the probes of a generator or coroutine see, wherever it is closed."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import hogtrace
from hogtrace import Tracer, current_store, request_scope
from hogtrace._engine import Site
from hogtrace.exporters import MemoryExporter


def parts(name: str) -> Iterator[int]:
    """Give parts without end."""
    try:
        while True:
            yield 1
    finally:
        plain(name)


async def async_parts(name: str) -> AsyncIterator[int]:
    """Give the same, asynchronously."""
    while True:
        yield 1


class Pause:
    """Something to wait for."""

    def __await__(self) -> Iterator[None]:
        """Wait once."""
        yield


async def work(name: str) -> str:
    """Wait."""
    await Pause()
    return name


def plain(name: str) -> None:
    """Do nothing."""


@pytest.fixture
def exporter() -> MemoryExporter:
    """Give an exporter that keeps its events."""
    return MemoryExporter()


@pytest.fixture
def tracer(exporter: MemoryExporter) -> Iterator[Tracer]:
    """Give a tracer that is stopped after the test."""
    with Tracer(exporter=exporter, max_overhead=None) as tracer:
        yield tracer


def install(tracer: Tracer, text: str) -> None:
    """Install probes; `HERE` stands for this module."""
    tracer.install(hogtrace.compile(text.replace("HERE", __name__)))


def seen(tracer: Tracer, exporter: MemoryExporter) -> list[tuple[str | None, dict[str, Any]]]:
    """Give the request and the fields of each capture."""
    assert tracer.flush(60)
    return [(event.request_id, event.values) for event in exporter.events if event.kind == "capture"]


PARTS = """
fn:HERE.parts:entry { $req.who = name; }
fn:HERE.parts:exit { capture(who=$req.who, cut=exception != None); $req.closed = True; }
"""


def begun(identity: str) -> Iterator[int]:
    """Give a generator that was begun in a request, which is over."""
    with request_scope(request_id=identity):
        made = parts(identity)
        next(made)
    return made


def test_a_generator_closed_outside_of_any_request(tracer: Tracer, exporter: MemoryExporter) -> None:
    """Its exit probe sees the request in which it began: what was there, and what it writes is counted."""
    install(tracer, PARTS)
    made = begun("r-1")
    assert current_store() is None
    del made
    gc.collect()
    assert seen(tracer, exporter) == [("r-1", {"who": "r-1", "cut": True})]
    assert [probe.dropped_writes for probe in tracer.status().probes] == [0, 1]


def test_a_generator_closed_in_another_request(tracer: Tracer, exporter: MemoryExporter) -> None:
    """Nothing of the two is mixed: neither what is read nor the request of the event."""
    install(tracer, PARTS)
    made = begun("r-1")
    with request_scope(request_id="r-2") as store:
        other = parts("r-2")
        next(other)
        del made
        gc.collect()
        assert store.get("closed") is None
        del other
        gc.collect()
        assert store["closed"] is True
    assert seen(tracer, exporter) == [
        ("r-1", {"who": "r-1", "cut": True}),
        ("r-2", {"who": "r-2", "cut": True}),
    ]


def test_a_generator_begun_in_no_request(tracer: Tracer, exporter: MemoryExporter) -> None:
    """It has that one in which it ends."""
    install(tracer, PARTS)
    made = parts("nobody")
    next(made)
    with request_scope(request_id="r-2") as store:
        store["who"] = "ada"
        del made
        gc.collect()
    assert seen(tracer, exporter) == [("r-2", {"who": "ada", "cut": True})]


def test_the_event_of_an_exit_names_the_request_of_the_entry(tracer: Tracer, exporter: MemoryExporter) -> None:
    """A probe that asks nothing of the request, and fires at each call, is told the right one all the same."""
    install(tracer, "fn:HERE.parts:exit { capture(name); }")
    first, second = begun("r-1"), begun("r-2")
    first.close()  # type: ignore[attr-defined]
    with request_scope(request_id="r-3"):
        second.close()  # type: ignore[attr-defined]
    assert seen(tracer, exporter) == [("r-1", {"name": "r-1"}), ("r-2", {"name": "r-2"})]


def test_an_async_generator_that_the_event_loop_closes(tracer: Tracer, exporter: MemoryExporter) -> None:
    """It does so in a task of its own, in no request."""
    install(
        tracer,
        "fn:HERE.async_parts:entry { $req.who = name; }\nfn:HERE.async_parts:exit { capture(who=$req.who); }",
    )

    async def main() -> None:
        with request_scope(request_id="r-1"):
            made = async_parts("ada")
            await anext(made)
        del made
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert seen(tracer, exporter) == [("r-1", {"who": "ada"})]


def test_a_coroutine_that_is_given_up(tracer: Tracer, exporter: MemoryExporter) -> None:
    """A coroutine that is closed from somewhere else ends in its own request."""
    install(tracer, "fn:HERE.work:entry { $req.who = name; }\nfn:HERE.work:exit { capture(who=$req.who); }")
    with request_scope(request_id="r-1"):
        running = work("ada")
        running.send(None)
        contextvars.Context().run(running.close)
    with request_scope(request_id="r-2"):
        running = work("bob")
        running.send(None)
    with pytest.raises(StopIteration):
        running.send(None)
    assert seen(tracer, exporter) == [("r-1", {"who": "ada"}), ("r-2", {"who": "bob"})]


def test_lines_that_are_reached_outside_of_any_request(tracer: Tracer, exporter: MemoryExporter) -> None:
    """A line in `finally` sees the request in which the call began, and another one where that is current."""
    install(tracer, "fn:HERE.parts:entry+6 { capture(name, who=$req.who); }")
    made = []
    for identity in ("r-1", "r-2"):
        with request_scope(request_id=identity) as store:
            store["who"] = identity
            made.append(parts(identity))
            next(made[-1])
    made.pop(0).close()  # type: ignore[attr-defined]
    with request_scope(request_id="r-3") as store:
        store["who"] = "eve"
        made.pop(0).close()  # type: ignore[attr-defined]
    assert seen(tracer, exporter) == [("r-1", {"who": "r-1", "name": "r-1"}), ("r-3", {"who": "eve", "name": "r-2"})]


def test_the_variables_live_as_long_as_the_call(tracer: Tracer) -> None:
    """A suspended generator keeps its request's store, and lets go of it at its end."""
    install(tracer, PARTS)
    with request_scope(request_id="r-1") as store:
        made = parts("ada")
        next(made)
        kept = weakref.ref(store)
    del store
    gc.collect()
    assert kept() is not None
    del made
    gc.collect()
    assert kept() is None


def test_a_store_that_holds_the_generator_is_no_leak(tracer: Tracer) -> None:
    """The collector sees through the call to the store."""
    install(tracer, PARTS)

    class Holder:
        made: Any = None

    with request_scope() as store:
        holder = Holder()
        holder.made = parts("ada")
        next(holder.made)
        store["holder"] = holder
        gone = weakref.ref(holder)
    del store, holder
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("probes", "enters"),
    [
        ("fn:HERE.parts:exit { capture($req.x); }", True),
        ("fn:HERE.parts:exit { sample 50%; capture(1); }", True),
        ("fn:HERE.parts:exit { capture(1); }", True),
        ("fn:HERE.parts:exit { sample 50%; capture(1); }\nfn:HERE.parts:exit / name == 1 / { capture(1); }", True),
        ("fn:HERE.parts:exit / name == 'x' / { capture(1); }", False),
        ("fn:HERE.plain:exit { capture(1); }", False),
        ("fn:HERE.plain:exit { capture($req.x); }", False),
    ],
)
def test_what_it_costs(tracer: Tracer, probes: str, enters: bool) -> None:
    """Only functions that can be closed elsewhere, and whose exit looks at the request, get a hook at the entry."""
    install(tracer, probes)
    function = parts if "parts" in probes else plain
    (site,) = (constant for constant in function.__code__.co_consts if type(constant) is Site)
    assert site.enters is enters
    assert not site.remembers
