"""BEFORE_EXPORT: functions of the application through which events pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import hogtrace
from hogtrace import CaptureEvent, ConfigError, Settings
from hogtrace.before_export import BeforeExport, build_hooks
from hogtrace.events import read_jsonl
from hogtrace.exporters import FanOutExporter, JSONLinesExporter, MemoryExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.samples import make_events, numbers
from tests.hogtrace.pipelines import accounts, put, until
from tests.hogtrace.unhurried import be_patient


def shout(event: CaptureEvent) -> CaptureEvent:
    """Write the probe's name in capitals."""
    return event.replace(probe=event.probe.upper())


def even(event: CaptureEvent) -> CaptureEvent | None:
    """Leave out events with odd numbers."""
    return event if event.values["number"] % 2 == 0 else None


def picky(event: CaptureEvent) -> CaptureEvent:
    """Fail for every third event."""
    if event.values["number"] % 3 == 0:
        raise SystemExit("not https://me:hunter2@host/")
    return event


def wrong(event: CaptureEvent) -> Any:
    """Give what is no event."""
    return event.to_dict()


def sent(exporter: Any, hooks: Sequence[BeforeExport], count: int = 12) -> tuple[int, int, int, dict[str, int]]:
    """Send events through `hooks` to `exporter`, and give the accounts."""
    pipeline = Pipeline(exporter, before_export=hooks, batch_size=5)
    put(pipeline, make_events(count))
    assert pipeline.stop(60)
    return accounts(pipeline)


def test_events_are_changed_or_left_out(tmp_path: Path) -> None:
    """One function after the other; what is left out is counted."""
    path = tmp_path / "events.jsonl"
    assert sent(JSONLinesExporter(path), [shout, even]) == (12, 6, 0, {"filtered": 6})
    events = list(read_jsonl(path))
    assert numbers(events) == [0, 2, 4, 6, 8, 10]
    assert {event.probe for event in events} == {"SHOP.ORDERS.PLACE:ENTRY"}


def test_a_function_that_fails_costs_that_event_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted by itself, and said once."""
    exporter = MemoryExporter()
    assert sent(exporter, [even, picky]) == (12, 4, 0, {"filtered": 6, "filter_failed": 2})
    assert numbers(exporter.events) == [2, 4, 8, 10]
    (record,) = [record.getMessage() for record in caplog.records]
    assert record.startswith("BEFORE_EXPORT fails, and events for which it does are dropped: SystemExit: not")
    assert "hunter2" not in record


def test_what_is_no_event_is_not_exported(caplog: pytest.LogCaptureFixture) -> None:
    """It counts as a failure, which the log names."""
    assert sent(MemoryExporter(), [wrong]) == (12, 0, 0, {"filter_failed": 12})
    assert "TypeError: it gave an object of dict, not an event or None" in caplog.text


def test_if_nothing_is_left_the_exporter_is_not_called() -> None:
    """There are no empty batches."""

    class Counting(MemoryExporter):
        calls = 0

        def export(self, events: Sequence[CaptureEvent]) -> None:
            self.calls += 1

    exporter = Counting()
    assert sent(exporter, [lambda _event: None]) == (12, 0, 0, {"filtered": 12})
    assert exporter.calls == 0


def test_several_exporters_share_what_is_left() -> None:
    """The functions are called once for each event, before it is handed over."""
    calls: list[int] = []

    def note(event: CaptureEvent) -> CaptureEvent | None:
        calls.append(event.values["number"])
        return even(event)

    one, two = MemoryExporter(), MemoryExporter()
    assert sent(FanOutExporter(one, two), [note]) == (12, 6, 0, {"filtered": 6})
    assert numbers(one.events) == numbers(two.events) == [0, 2, 4, 6, 8, 10]
    assert calls == list(range(12))


def test_a_function_that_hangs_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    """What it was called with counts as unknown; when it comes back, all goes on."""
    gate, entered = threading.Event(), threading.Event()

    def hang(event: CaptureEvent) -> CaptureEvent:
        entered.set()
        gate.wait(100)
        return event

    exporter = MemoryExporter()
    pipeline = Pipeline(exporter, before_export=[hang], batch_size=3, batch_delay=60, export_timeout=0.1)
    put(pipeline, make_events(3))
    assert entered.wait(60)
    until(lambda: accounts(pipeline)[3] == {"unknown": 3})
    be_patient(pipeline)
    assert pipeline.exporters()[0].state == "hanging"
    put(pipeline, make_events(5)[3:])
    gate.set()
    assert pipeline.flush(60)
    assert numbers(exporter.events) == [3, 4]
    assert pipeline.exporters()[0].state == "working"
    assert caplog.text.count("BEFORE_EXPORT has not come back for 0.1 s") == 1
    assert pipeline.stop(60)
    assert accounts(pipeline) == (5, 2, 0, {"unknown": 3})


def _work(number: int) -> int:
    return number


def test_it_runs_beside_the_application() -> None:
    """In HogTrace's own thread, where probes are silent; a probe's status tells what was left out."""
    threads: set[int] = set()

    def note(event: CaptureEvent) -> CaptureEvent | None:
        threads.add(threading.get_ident())
        _work(-1)
        return even(event)

    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, before_export=note, max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(f"fn:{__name__}._work:entry {{ capture(number); }}"))
        for number in range(4):
            _work(number)
        assert tracer.flush(60)
        assert threads
        assert threading.get_ident() not in threads
        status = tracer.status()
        assert (status.captured, status.exported, status.dropped) == (4, 2, {"filtered": 2})
        assert status.probes[0].dropped == {"filtered": 2}
        assert "dropped filtered: BEFORE_EXPORT left them out" in str(status)
    assert numbers(exporter.events) == [0, 2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        (shout, (shout,)),
        (f"{__name__}.shout", (f"{__name__}.shout",)),
        ([shout, f"{__name__}.even"], (shout, f"{__name__}.even")),
    ],
)
def test_it_is_a_setting(value: object, expected: tuple[Callable[..., Any] | str, ...]) -> None:
    """A function, its path, or several; the environment has paths."""
    assert Settings.load({"BEFORE_EXPORT": value}, environ={}).before_export == expected


def test_functions_are_found_by_their_paths() -> None:
    """When the tracer is made; in the environment they are separated by commas."""
    settings = Settings.load({}, environ={"HOGTRACE_BEFORE_EXPORT": f"{__name__}.shout, {__name__}.even"})
    assert build_hooks(settings.before_export) == (shout, even)
    assert hash(settings) == hash(Settings(before_export=(f"{__name__}.shout", f"{__name__}.even")))


class Unhashable:
    """A function that cannot be part of what settings are told apart by."""

    __hash__ = None  # type: ignore[assignment]  # what the test is about

    def __call__(self, event: CaptureEvent) -> CaptureEvent:
        """Give the event."""
        return event


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "BEFORE_EXPORT in settings.HOGTRACE holds an object of int; it must be a function"),
        (["even"], "holds 'even'; it must be a function, its dotted path, or a list of them"),
        (Unhashable(), "holds an object of Unhashable, which has no hash; give a function"),
        ("no.such.function", "BEFORE_EXPORT: cannot import no.such: ModuleNotFoundError"),
        (f"{__name__}.nothing", f"BEFORE_EXPORT: the module {__name__} has no 'nothing'"),
        (f"{__name__}.__doc__", f"BEFORE_EXPORT: {__name__}.__doc__ cannot be called"),
    ],
)
def test_what_is_no_function_is_an_error_at_start(value: object, expected: str) -> None:
    """The message says where, and what to give."""
    with pytest.raises(ConfigError) as caught:
        build_hooks(Settings.load({"BEFORE_EXPORT": value}, environ={}).before_export)
    assert expected in str(caught.value)
