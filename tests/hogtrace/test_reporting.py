"""What a tracer reports to its exporter: soon after something is new, now and then, at rest and at the end."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import hogtrace
from hogtrace import CaptureEvent, Tracer, reporting
from hogtrace import worker as worker_module
from hogtrace.exporters import MemoryExporter
from hogtrace.pipeline import Pipeline
from hogtrace.processes import birth_of, host_name
from hogtrace.reporting import Reporter
from hogtrace.types import Report, Status
from tests.hogtrace import shop
from tests.hogtrace.pipelines import run, until

PLACE = hogtrace.compile(f"fn:{shop.__name__}.place:entry {{ capture(order); }}", name="place")
ABSENT = hogtrace.compile("fn:absent_shop.place:entry { capture(order); }", name="absent")


@pytest.fixture(autouse=True)
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is new reported in a tenth of the time, by a thread that stays; children of these tests do neither."""
    monkeypatch.setattr(reporting, "_SOON", 0.1)
    monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 1_000_000)


class Keeper(MemoryExporter):
    """An exporter that keeps reports, too, and who brought them."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Report] = []
        self.threads: list[int] = []
        self.calls: list[str] = []

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Keep `events`."""
        super().export(events)
        self.calls.append("export")

    def report(self, report: Report) -> None:
        """Keep it."""
        self.reports.append(report)
        self.threads.append(threading.get_ident())
        self.calls.append("report")

    def rest(self) -> None:
        """Note it."""
        self.calls.append("rest")

    def close(self) -> None:
        """Note it."""
        self.calls.append("close")


def test_a_process_whose_probes_never_fire_reports_soon_by_a_thread_of_its_own() -> None:
    """Nothing is captured, and yet the exporter hears of it; the thread that installs does not do it."""
    keeper = Keeper()
    with Tracer(exporter=keeper, service="shop", release="1.2", environment="live") as tracer:
        tracer.install(PLACE)
        tracer.install(ABSENT)
        until(lambda: keeper.reports and len(keeper.reports[-1].status.probes) == 2)
        report = keeper.reports[-1]
        assert [probe.state for probe in report.status.probes] == ["installed", "pending"]
        assert report.status.captured == 0
        assert threading.get_ident() not in keeper.threads
        assert (report.process, report.host, report.birth) == (os.getpid(), host_name(), birth_of(os.getpid()))
        assert (report.service, report.release, report.environment) == ("shop", "1.2", "live")
        assert (report.exporter, report.ended, len(report.id)) == ("Keeper", False, 32)
        assert report.started <= report.time <= time.time()


def test_what_is_new_is_reported_soon() -> None:
    """A program that is taken out is, too."""
    keeper = Keeper()
    with Tracer(exporter=keeper, report_interval=3600) as tracer:
        installation = tracer.install(PLACE)
        until(lambda: keeper.reports)
        tracer.uninstall(installation)
        until(lambda: keeper.reports[-1].status.probes == ())
        assert len(keeper.reports) == 2
        shop.place("tea")
        tracer.flush(60)
    assert len(keeper.reports) == 3


def test_events_after_a_quiet_time_are_reported_soon() -> None:
    """Whoever makes a request and looks sees it, however long the interval; then that is waited for again."""
    keeper = Keeper()
    with Tracer(exporter=keeper, batch_delay=0.02, report_interval=3600) as tracer:
        tracer.install(PLACE)
        until(lambda: keeper.reports)
        for captured in (1, 2):
            shop.place("tea")
            assert tracer.flush(60)
            if captured == 1:
                until(lambda: len(keeper.reports) == 2)
                assert keeper.reports[1].status.captured == 1
        assert tracer._pipeline._worker._reporter.patience > 60
    assert [report.status.captured for report in keeper.reports] == [0, 1, 2]


def test_the_last_report_comes_before_the_end_and_agrees_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the accounts that the tracer has in the end, and the probes as they were, with their last counts."""
    monkeypatch.setattr(reporting, "_SOON", 3600)
    keeper = Keeper()
    tracer = Tracer(exporter=keeper, batch_delay=3600, max_overhead=None)
    tracer.install(PLACE)
    for _ in range(5):
        shop.place("tea")
    probe = tracer.status().probes[0]
    tracer.stop(60)
    last = keeper.reports[-1]
    assert last.ended
    assert keeper.calls[-3:] == ["export", "report", "close"]
    accounts = tracer.status()
    assert (last.status.captured, last.status.exported, last.status.queued, last.status.dropped) == (
        accounts.captured,
        accounts.exported,
        accounts.queued,
        accounts.dropped,
    )
    assert last.status.exported == 5
    (told,) = last.status.probes
    assert (told.state, told.functions, told.hits, told.captured) == ("installed", probe.functions, 5, 5)
    assert {report.id for report in keeper.reports} == {last.id}


def test_events_that_are_dropped_at_the_end_are_in_the_last_report() -> None:
    """It comes when nothing changes any more: the accounts in it balance, without anything that waits."""

    class Failing(Keeper):
        def export(self, events: Sequence[CaptureEvent]) -> None:
            raise OSError("no")

    failing = Failing()
    with Tracer(exporter=failing) as tracer:
        tracer.install(PLACE)
        shop.place("tea")
    status = failing.reports[-1].status
    assert (status.captured, status.exported, status.queued, status.dropped) == (1, 0, 0, {"exporter_failed": 1})
    assert status.probes[0].dropped == {"exporter_failed": 1}


def test_reports_come_again_and_again_and_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as was asked while the thread is there, and just before it goes."""
    keeper = Keeper()
    with Tracer(exporter=keeper, batch_delay=0.02, report_interval=0.1) as tracer:
        tracer.install(PLACE)
        shop.place("tea")
        assert tracer.flush(60)
        until(lambda: len(keeper.reports) > 2)
        assert "rest" not in keeper.calls
        monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 1)
        until(lambda: "rest" in keeper.calls)
        calls = list(keeper.calls)
        assert calls.count("report") > 2
        assert calls[calls.index("rest") - 1] == "report"
        assert keeper.reports[calls.count("report") - 1].status.exported == 1


def test_without_an_interval_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is never, not even at the end; and no thread is started for it."""
    monkeypatch.setattr(worker_module, "_IDLE_ROUNDS", 5)
    keeper = Keeper()
    with Tracer(exporter=keeper, batch_delay=0.02, report_interval=None) as tracer:
        tracer.install(PLACE)
        assert not tracer._pipeline._worker.is_at_work
        shop.place("tea")
        until(lambda: "rest" in keeper.calls)
    assert set(keeper.calls) == {"export", "rest", "close"}


def test_an_exporter_without_reports_costs_no_thread() -> None:
    """Nothing is started before the first event."""
    with Tracer(exporter=MemoryExporter()) as tracer:
        tracer.install(PLACE)
        assert not tracer._pipeline._worker.is_at_work
        assert tracer._pipeline._worker._native_id is None


def test_a_report_that_fails_is_noted_once_and_costs_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Events go on, also where it raises what ends threads; the message shows no secret."""

    class Failing(Keeper):
        def report(self, report: Report) -> None:
            super().report(report)
            raise SystemExit if len(self.reports) > 1 else OSError("no way to https://u:hunter2@shop/")

    failing = Failing()
    with caplog.at_level(logging.WARNING, logger="hogtrace"):
        with Tracer(exporter=failing, batch_delay=0.02, report_interval=0.1) as tracer:
            tracer.install(PLACE)
            shop.place("tea")
            until(lambda: len(failing.reports) > 2)
            shop.place("tea")
            assert tracer.flush(60)
        status = tracer.status()
    assert (status.captured, status.exported, status.dropped) == (2, 2, {})
    (record,) = caplog.records
    assert record.getMessage().startswith("Failing cannot take a report: OSError: no way to https://")
    assert "hunter2" not in record.getMessage()


def test_a_report_that_hangs_does_not_hold_the_end() -> None:
    """`stop` comes back when its time is over, and says what became of the events."""
    let_go, entered = threading.Event(), threading.Event()

    class Hanging(Keeper):
        def report(self, report: Report) -> None:
            entered.set()
            let_go.wait(100)

    tracer = Tracer(exporter=Hanging())
    tracer.install(PLACE)
    assert entered.wait(60)
    shop.place("tea")
    try:
        tracer.stop(timeout=0.2)
        assert tracer._pipeline._worker.is_at_work
        assert tracer.status().dropped == {"stopped": 1}
    finally:
        let_go.set()
        until(lambda: not tracer._pipeline._worker.is_at_work)


def test_whoever_is_at_work_on_probes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread weaves, events are exported, and the report comes afterwards."""
    keeper = Keeper()
    looks: list[Status | None] = []
    with Tracer(exporter=keeper, batch_delay=0.02) as tracer:
        reporter = tracer._pipeline._worker._reporter
        look = reporter._look
        assert look is not None

        def looked(*, final: bool) -> Status | None:
            looks.append(look(final=final))
            return looks[-1]

        monkeypatch.setattr(reporter, "_look", looked)
        with hogtrace._state.lock:
            tracer.install(PLACE)
            until(lambda: looks)
            assert set(looks) == {None}
            shop.place("tea")
            until(lambda: keeper.events)
            assert not keeper.reports
        until(lambda: keeper.reports)


def test_the_last_status_is_given_even_if_the_lock_is_held() -> None:
    """With the accounts of now, and the probes as they were told the last time."""
    keeper = Keeper()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with hogtrace._state.lock:
            held.set()
            let_go.wait(100)

    tracer = Tracer(exporter=keeper)
    tracer.install(PLACE)
    until(lambda: keeper.reports)
    thread = threading.Thread(target=hold)
    shop.place("tea")
    thread.start()
    assert held.wait(60)
    try:
        assert tracer._pipeline.stop(60)
    finally:
        let_go.set()
        thread.join()
        tracer.stop()
    last = keeper.reports[-1]
    assert (last.ended, last.status.exported, len(last.status.probes)) == (True, 1, 1)


def test_two_tracers_of_one_process_are_told_apart() -> None:
    """Each has an id of its own, and counts of its own."""
    keepers = [Keeper(), Keeper()]
    with Tracer(exporter=keepers[0]) as one, Tracer(exporter=keepers[1]) as other:
        one.install(PLACE)
        shop.place("tea")
        other.install(PLACE)
        shop.place("tea")
    first, second = (keeper.reports[-1] for keeper in keepers)
    assert first.id != second.id
    assert first.process == second.process
    assert (first.status.captured, second.status.captured) == (2, 1)


def test_a_reporter_says_nothing_of_what_was_never_of_use() -> None:
    """A tracer without programs that ends has nothing to say, nor has an exporter that asks for nothing."""
    keeper = Keeper()
    Tracer(exporter=keeper).stop()
    assert not keeper.reports
    reporter = Reporter(MemoryExporter(), lambda *, final: Status(), interval=1.0)
    assert not reporter.ask()
    assert not reporter.start_anew()
    reporter.report(ended=True)


def test_a_pipeline_reports_of_no_tracer_by_itself() -> None:
    """Without a reporter the method is not called."""
    keeper = Keeper()
    pipeline = Pipeline(keeper)
    pipeline.report_soon()
    assert pipeline.stop()
    assert keeper.calls == ["close"]


FORKS = """
import hogtrace
from hogtrace import Tracer, reporting
from hogtrace.reports import read_reports
from tests.hogtrace import shop

path = sys.argv[1]
exporter = SQLiteExporter(path, timeout=60)
tracer = Tracer(exporter=exporter)
tracer.install(hogtrace.compile("fn:tests.hogtrace.shop.place:entry { capture(order); }", name="place"))
"""


def test_a_child_reports_of_itself_without_any_event(tmp_path: Path) -> None:
    """As under a server that loads the application first: parent and children are told apart by id and number."""
    text, _ = run(
        FORKS
        + """
shop.place("tea")
tracer.flush(60)
children = []
for number in range(2):
    if child := os.fork():
        children.append(child)
        continue
    if number:
        shop.place("tea")
    deadline = time.monotonic() + 60
    while os.getpid() not in [r.process for r in read_reports(path)] and time.monotonic() < deadline:
        time.sleep(0.05)
    tracer.flush(60)
    sys.exit()
for child in children:
    assert os.waitpid(child, 0)[1] == 0
tracer.stop(60)
reports = {report.process: report for report in read_reports(path)}
assert set(reports) == {os.getpid(), *children}, reports
assert len({report.id for report in reports.values()}) == 3
assert all(report.ended for report in reports.values())
assert [reports[one].status.captured for one in (os.getpid(), *children)] == [1, 0, 1]
print("end")
""",
        tmp_path / "events.sqlite",
    )
    assert text.endswith("end\n")


def test_a_child_that_ends_soon_or_becomes_another_program_says_nothing(tmp_path: Path) -> None:
    """Neither is a process of the application's; the parent's report is all there is."""
    run(
        FORKS
        + """
deadline = time.monotonic() + 60
while not read_reports(path) and time.monotonic() < deadline:
    time.sleep(0.05)
reporting._SOON = 3600
if (child := os.fork()) == 0:
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
if (child := os.fork()) == 0:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])
assert os.waitpid(child, 0)[1] == 0
tracer.stop(60)
(report,) = read_reports(path)
assert report.process == os.getpid() and report.status.probes[0].hits == 0, report
print("end")
""",
        tmp_path / "events.sqlite",
    )


def test_forks_in_a_row_do_not_wait_for_reports(tmp_path: Path) -> None:
    """A thread that has only reports to make is gone before each fork, and comes back."""
    run(
        FORKS
        + """
exporter.fork_timeout = 1000
# That is for the children; the parent has asked already.
reporting._SOON = 3600
for _ in range(20):
    if (child := os.fork()) == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
deadline = time.monotonic() + 60
while not read_reports(path) and time.monotonic() < deadline:
    time.sleep(0.05)
assert [report.process for report in read_reports(path)] == [os.getpid()]
tracer.stop(60)
print("end")
""",
        tmp_path / "events.sqlite",
    )
