"""Several exporters behind one tracer: each gets everything, and none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import hogtrace
from hogtrace import CaptureEvent, ConfigError, Settings
from hogtrace.errors import RetryError
from hogtrace.events import read_jsonl, read_sqlite
from hogtrace.exporter_setting import ExporterSetting, build_exporter
from hogtrace.exporters import FanOutExporter, JSONLinesExporter, MemoryExporter, SQLiteExporter
from hogtrace.following import watched_file
from hogtrace.pipeline import Pipeline
from hogtrace.types import ExporterStatus, Status
from tests.hogtrace.exporters.samples import make_event, make_events, numbers
from tests.hogtrace.pipelines import accounts, put, run, until
from tests.hogtrace.unhurried import be_patient


class Gate(MemoryExporter):
    """An exporter that hangs in each batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.open = threading.Event()

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take the events, once the gate is open."""
        self.entered.set()
        self.open.wait(100)
        super().export(events)


class Broken(MemoryExporter):
    """An exporter that fails."""

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take nothing."""
        raise OSError("no route to https://me:hunter2@host/")


class Closing(MemoryExporter):
    """An exporter that counts how often it is closed, and flushed."""

    def __init__(self, answer: object = True) -> None:
        super().__init__()
        self.closed = 0
        self.flushed: list[float] = []
        self.answer = answer

    def flush(self, timeout: float) -> object:
        """Note how long it may take."""
        self.flushed.append(timeout)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        """Count it."""
        self.closed += 1


@pytest.fixture
def pipe() -> Iterator[Callable[..., Pipeline]]:
    """Give a function that makes pipelines to several exporters, which are stopped after the test."""
    made: list[Pipeline] = []

    def pipe(*exporters: Any, **options: Any) -> Pipeline:
        made.append(Pipeline(FanOutExporter(*exporters), **{"batch_delay": 0.02, **options}))
        return made[-1]

    yield pipe
    for pipeline in made:
        assert isinstance(pipeline.exporter, FanOutExporter)
        for exporter in pipeline.exporter.exporters:
            if isinstance(exporter, Gate):
                exporter.open.set()
        pipeline.stop(60)


Pipe = Callable[..., Pipeline]


def balanced(pipeline: Pipeline) -> tuple[ExporterStatus, ...]:
    """Give how the exporters do, after seeing that the accounts of each balance."""
    accounts(pipeline)
    for one in pipeline.exporters():
        assert one.captured == one.exported + one.queued + sum(one.dropped.values()), one
    return pipeline.exporters()


def test_each_exporter_gets_every_event(pipe: Pipe, tmp_path: Path) -> None:
    """In its order, into its own file, with the id that it has for all of them."""
    lines, table, one, two = (
        JSONLinesExporter(tmp_path / "a.jsonl"),
        SQLiteExporter(tmp_path / "a.sqlite"),
        MemoryExporter(),
        MemoryExporter(),
    )
    pipeline = pipe(lines, table, one, two, batch_size=7)
    put(pipeline, make_events(100))
    assert pipeline.flush(60)
    assert numbers(one.events) == numbers(two.events) == list(range(100))
    assert [event.id for event in one.events] == [event.id for event in two.events]
    assert accounts(pipeline) == (100, 100, 0, {})
    assert [(each.name, each.exported) for each in balanced(pipeline)] == [
        ("JSONLinesExporter", 100),
        ("SQLiteExporter", 100),
        ("MemoryExporter", 100),
        ("MemoryExporter", 100),
    ]
    assert pipeline.stop(60)
    assert numbers(list(read_jsonl(tmp_path / "a.jsonl"))) == list(range(100))
    assert numbers(read_sqlite(tmp_path / "a.sqlite")) == list(range(100))


def test_events_arrive_without_a_flush(pipe: Pipe) -> None:
    """The delay counts once, not once more for each exporter."""
    one, two = MemoryExporter(), MemoryExporter()
    pipeline = pipe(one, two, batch_delay=0.05)
    for number in range(5):
        pipeline.queue.put(make_event(number))
        until(lambda expected=number + 1: len(one.events) == len(two.events) == expected)


def test_one_that_hangs_or_fails_holds_no_other_back(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """The others get all of it at once; what the slow one's queue cannot hold is its own loss, and counted there."""
    gate, broken, good = Gate(), Broken(), MemoryExporter()
    pipeline = pipe(gate, broken, good, max_events=100, batch_size=10, batch_delay=60, export_timeout=0.2)
    be_patient(*pipeline._branches[1:])
    put(pipeline, make_events(10))
    assert gate.entered.wait(60)
    for start in range(10, 500, 10):
        put(pipeline, [make_event(number) for number in range(start, start + 10)])
        until(lambda expected=start + 10: len(good.events) == expected)
        until(lambda expected=start + 10: pipeline.exporters()[1].dropped.get("exporter_failed") == expected)
    until(lambda: balanced(pipeline)[0].state == "hanging")
    until(lambda: balanced(pipeline)[2].exported == 500)
    hanging, failing, working = balanced(pipeline)
    assert (hanging.name, hanging.captured, hanging.exported, hanging.queued) == ("Gate", 500, 0, 100)
    assert hanging.dropped == {"unknown": 10, "queue_full": 390}
    assert (failing.state, failing.captured, failing.dropped) == ("failing", 500, {"exporter_failed": 500})
    assert (working.state, working.exported, working.dropped) == ("working", 500, {})
    assert accounts(pipeline) == (500, 500, 0, {})
    # One does not come back, and these do.
    assert not pipeline.flush(0.3)
    assert not pipeline.stop(0.5)
    hanging, _, working = balanced(pipeline)
    assert (hanging.queued, working.exported) == (0, 500)
    assert hanging.dropped == {"unknown": 20, "queue_full": 390, "stopped": 90} or hanging.dropped == {
        "unknown": 10,
        "queue_full": 390,
        "stopped": 100,
    }
    gate.open.set()
    # What it had in hand when it hung arrives late; nothing else, and nothing twice.
    until(lambda: len(gate.events) == 10)
    assert "hunter2" not in caplog.text
    assert caplog.text.count("Gate has not come back for 0.2 s") == 1
    assert caplog.text.count("Broken fails") == 1


def test_one_that_asks_for_patience_is_alone_with_it(pipe: Pipe) -> None:
    """Its batch is offered again to it, and to nobody else."""

    class Busy(MemoryExporter):
        answers = 2

        def export(self, events: Sequence[CaptureEvent]) -> None:
            if self.answers:
                self.answers -= 1
                raise RetryError("busy", after=0.1)
            super().export(events)

    busy, good = Busy(), MemoryExporter()
    pipeline = pipe(busy, good)
    put(pipeline, make_events(5))
    assert pipeline.flush(60)
    assert numbers(busy.events) == numbers(good.events) == [0, 1, 2, 3, 4]


def test_all_are_closed_once_by_a_stop(pipe: Pipe) -> None:
    """And have exported what waited."""
    exporters = [Closing() for _ in range(3)]
    pipeline = pipe(*exporters, batch_delay=60)
    put(pipeline, make_events(3))
    assert pipeline.stop(60)
    assert pipeline.stop(60)
    assert [(each.closed, numbers(each.events)) for each in exporters] == [(1, [0, 1, 2])] * 3
    put(pipeline, make_events(1))
    until(lambda: not pipeline.queue.queued)
    assert accounts(pipeline) == (4, 3, 0, {"stopped": 1})


def test_a_flush_asks_exporters_that_know_of_it(pipe: Pipe) -> None:
    """With the time that is left; if one cannot, or raises, or says no, the flush has failed."""
    good, quiet = Closing(), MemoryExporter()
    pipeline = pipe(good, quiet, batch_delay=60)
    put(pipeline, make_events(2))
    assert pipeline.flush(60)
    assert len(good.flushed) == 1
    assert 0 < good.flushed[0] <= 60
    for answer in (False, OSError("no")):
        bad = Closing(answer)
        pipeline = pipe(bad, MemoryExporter(), batch_delay=60)
        put(pipeline, make_events(2))
        assert not pipeline.flush(60)
        assert accounts(pipeline) == (2, 2, 0, {})
    alone = Pipeline(Closing(None), batch_delay=60)
    assert alone.flush(60)
    assert alone.stop(60)


def test_the_end_of_the_process_reaches_all(tmp_path: Path) -> None:
    """Nobody flushes, one hangs, and is not waited for long: the others have everything, and the process ends."""
    _, took = run(
        "from hogtrace.exporters import FanOutExporter\n"
        "class Hang:\n"
        "    def export(self, events): time.sleep(1000)\n"
        "    def close(self): time.sleep(1000)\n"
        "pipeline = Pipeline(\n"
        "    FanOutExporter(Hang(), JSONLinesExporter(sys.argv[1]), SQLiteExporter(sys.argv[2])), batch_delay=0.3)\n"
        "hanging = pipeline._branches[0]\n"
        "end_stop = hanging.end_stop\n"
        "hanging.end_stop = lambda deadline, *, patience: end_stop(deadline, patience=usual[0])\n"
        "put(pipeline, range(2000))\n"
        "print('end')",
        tmp_path / "a.jsonl",
        tmp_path / "a.sqlite",
    )
    assert took < 60
    assert numbers(list(read_jsonl(tmp_path / "a.jsonl"))) == list(range(2000))
    assert numbers(read_sqlite(tmp_path / "a.sqlite")) == list(range(2000))


def test_forks_leave_each_event_with_one_process(tmp_path: Path) -> None:
    """Parent and child export their own, to each exporter; no thread is there while the process doubles."""
    run(
        "from hogtrace.exporters import FanOutExporter\n"
        "_state.FORK_TIMEOUT = 60\n"
        "pipeline = Pipeline(\n"
        "    FanOutExporter(JSONLinesExporter(sys.argv[1]), SQLiteExporter(sys.argv[2])), batch_delay=0.01)\n"
        "for round in range(20):\n"
        "    put(pipeline, range(round * 10, round * 10 + 10))\n"
        "    time.sleep(0.003 * (round % 4))\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        put(pipeline, [1000 + round])\n"
        "        done = pipeline.stop(60)\n"
        "        os._exit(0 if done and [one.exported for one in pipeline.exporters()] == [1, 1] else 4)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "assert pipeline.stop(60)\n"
        "assert [one.exported for one in pipeline.exporters()] == [200, 200], pipeline.exporters()\n",
        tmp_path / "a.jsonl",
        tmp_path / "a.sqlite",
        options=(),
    )
    wanted = [*range(200), *range(1000, 1020)]
    assert sorted(numbers(list(read_jsonl(tmp_path / "a.jsonl")))) == wanted
    assert sorted(numbers(read_sqlite(tmp_path / "a.sqlite"))) == wanted


def test_without_a_tracer_it_is_an_exporter_like_others() -> None:
    """`export` queues for each, `flush` waits for them, `close` closes them."""
    exporters = [Closing(), Closing()]
    fan = FanOutExporter(*exporters)
    fan.export(make_events(3))
    assert fan.flush(60)
    assert [numbers(each.events) for each in exporters] == [[0, 1, 2]] * 2
    fan.export(make_events(1))
    fan.close()
    assert [(each.closed, len(each.events)) for each in exporters] == [(1, 4)] * 2
    assert [one.exported for one in fan.accounts()] == [4, 4]


def test_a_list_of_settings_makes_several_exporters(tmp_path: Path) -> None:
    """Names, mappings and objects, in code and in the environment; a list of one is that one."""
    memory = MemoryExporter()
    setting = [memory, {"BACKEND": "jsonl", "OPTIONS": {"path": str(tmp_path / "x.jsonl")}}, "logging"]
    exporter = Settings.load({"EXPORTER": setting}, environ={}).build_exporter()
    assert isinstance(exporter, FanOutExporter)
    assert [type(each).__name__ for each in exporter.exporters] == [
        "MemoryExporter",
        "JSONLinesExporter",
        "LoggingExporter",
    ]
    exporter.close()
    for text in ("memory,logging", '["memory", {"BACKEND": "logging"}]'):
        settings = Settings.load({}, environ={"HOGTRACE_EXPORTER": text})
        assert settings == Settings(exporter=ExporterSetting.read(["memory", "logging"]))
        assert hash(settings) == hash(Settings(exporter=ExporterSetting.read(["memory", "logging"])))
    assert build_exporter([memory]) is memory
    nested = FanOutExporter(FanOutExporter(memory), Closing())
    assert nested.exporters[0] is memory
    assert repr(nested) == "<hogtrace.FanOutExporter to MemoryExporter, Closing>"


def test_what_is_wrong_with_one_of_several_names_it(tmp_path: Path) -> None:
    """An error at start, without its secrets; those that were made already are closed."""
    for setting, expected in [
        ([], "EXPORTER in settings.HOGTRACE is an empty list"),
        (["memory", "consle"], "EXPORTER[1] in settings.HOGTRACE is 'consle', which is no exporter; did you mean"),
        (["memory", {"BACKEND": "jsonl", "OPTION": {}}], "EXPORTER[1] in settings.HOGTRACE has the unknown key"),
    ]:
        with pytest.raises(ConfigError) as caught:
            Settings.load({"EXPORTER": setting}, environ={})
        assert expected in str(caught.value)
    bad = [
        {"BACKEND": "jsonl", "OPTIONS": {"path": str(tmp_path / "a.jsonl")}},
        {"BACKEND": "jsonl", "OPTIONS": {"path": "/no/such/hunter2"}},
    ]
    with pytest.raises(ConfigError, match=r"EXPORTER\[1\]: .*cannot write to"):
        build_exporter(bad)
    memory = MemoryExporter()
    for given, expected in [
        ((), "one exporter or more"),
        ((memory, memory), "given twice"),
        ((memory, MemoryExporter), "the class MemoryExporter is no exporter"),
        ((memory, 7), "a int is no exporter"),
    ]:
        with pytest.raises(ConfigError, match=expected):
            FanOutExporter(*given)  # type: ignore[arg-type]  # what is refused
    assert "hunter2" not in repr(
        ExporterSetting.read([{"BACKEND": "http", "OPTIONS": {"secret": "hunter2"}}, "sqlite"])
    )


def test_the_file_that_can_be_followed_is_found_among_several(tmp_path: Path) -> None:
    """`tail` takes the first that there is, or says why there is none."""
    path = tmp_path / "a.jsonl"
    setting = ExporterSetting.read(["console", {"BACKEND": "jsonl", "OPTIONS": {"path": str(path)}}])
    assert watched_file(setting) == path
    with pytest.raises(ConfigError, match="writes no file that can be followed"):
        watched_file(ExporterSetting.read(["console", "memory"]))


def _work(value: int) -> int:
    return value


def test_a_tracer_tells_how_each_of_its_exporters_does() -> None:
    """In its status, in the text of it, and in what is kept of it; reports go to those that take them."""
    reports: list[Any] = []

    class Reported(MemoryExporter):
        def report(self, report: Any) -> None:
            reports.append(report)

    good, broken = Reported(), Broken()
    tracer = hogtrace.Tracer(exporter=[good, broken], max_overhead=None, batch_delay=0.02)
    try:
        tracer.install(hogtrace.compile(f"fn:{__name__}._work:exit {{ capture(value); }}"))
        for value in range(5):
            _work(value)
        assert tracer.flush(60)
        status = tracer.status()
        assert status.captured == status.exported == 5
        assert [(one.name, one.exported, dict(one.dropped)) for one in status.exporters] == [
            ("Reported", 5, {}),
            ("Broken", 0, {"exporter_failed": 5}),
        ]
        # The losses of one of several are no losses of the probe.
        assert not status.probes[0].dropped
        assert "exporter Broken: failing, 0 exported, 0 queued, 5 dropped (5 exporter_failed)" in str(status)
        assert Status.from_dict(status.to_dict()) == status
    finally:
        tracer.stop(60)
    assert reports[-1].ended
    assert [one.name for one in reports[-1].status.exporters] == ["Reported", "Broken"]
