"""Accounts to the event under everything at once: several exporters, hooks, attempts, parts, hangs, forks, an end."""

from __future__ import annotations

import os
import random
import threading
import time
import traceback
from collections.abc import Sequence

import pytest

from hogtrace import CaptureEvent, _state
from hogtrace.errors import PartialExportError, RetryError, UnknownOutcomeError
from hogtrace.exporters import FanOutExporter
from hogtrace.pipeline import Pipeline
from hogtrace.types import Exporter
from tests.hogtrace.exporters.samples import make_event
from tests.hogtrace.pipelines import put, until

CAUSES = {"queue_full", "exporter_failed", "unknown", "stopped", "filtered", "filter_failed"}


class Whimsical:
    """Does to a batch whatever an exporter may do."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - nothing is secret here

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Take it, or a part of it; be late; spoil the list; raise."""
        chance = self.chance
        match chance.randrange(12):
            case 0 | 1:
                raise RetryError("busy", after=chance.choice([None, None, 0, 0.01, float("nan")]))
            case 2:
                lost = events[: chance.randrange(len(events) + 1)]
                raise PartialExportError("some", lost, cause=chance.choice(["unknown", "exporter_failed"]))
            case 3:
                raise UnknownOutcomeError("silent")
            case 4:
                raise chance.choice([OSError("no"), SystemExit(), KeyboardInterrupt(), MemoryError()])
            case 5:
                time.sleep(chance.random() * 0.12)
            case 6:
                list.clear(events)  # type: ignore[arg-type]  # it was promised one of its own

    def close(self) -> None:
        """Fail now and then."""
        if self.chance.random() < 0.3:
            raise OSError("no")


def hook(event: CaptureEvent) -> CaptureEvent | None:
    """Leave out, fail, give nonsense, or change."""
    match event.values["number"] % 7:
        case 0:
            return None
        case 1:
            raise ValueError
        case 2:
            return "nonsense"  # type: ignore[return-value]
    return event.replace(values={"number": event.values["number"], "seen": True})


def settled(pipeline: Pipeline) -> bool:
    """Say whether all is accounted for, in front and behind; what comes back late changes nothing."""
    for one in (pipeline, *pipeline._branches):
        counts = one.accounts()
        assert counts["captured"] == counts["exported"] + counts["queued"] + sum(counts["dropped"].values())
        assert set(counts["dropped"]) <= CAUSES
        if counts["queued"]:
            return False
    return True


def work(pipeline: Pipeline, begin: int, count: int) -> None:
    """Capture, with little pauses."""
    for number in range(begin, begin + count, 50):
        put(pipeline, [make_event(number + more) for more in range(min(50, begin + count - number))])
        time.sleep(0.001)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 60))])
def test_everything_at_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event has one fate, in the parent and in its children, and a stop does not change that afterwards."""
    # A child that is forked while somebody writes to the log could not write to it, and these do.
    monkeypatch.setattr(_state, "TELL_TIMEOUT", 60.0)
    chance = random.Random(seed)  # noqa: S311 - nothing is secret here
    exporters: list[Exporter] = [Whimsical(seed * 10 + number) for number in range(1 + seed % 3)]
    pipeline = Pipeline(
        exporters[0] if len(exporters) == 1 else FanOutExporter(*exporters),
        batch_size=chance.choice([1, 7, 50]),
        batch_delay=0.002,
        export_timeout=0.1,
        max_events=chance.choice([20, 100_000]),
        before_export=[hook] if chance.random() < 0.6 else (),
    )
    threads = [threading.Thread(target=work, args=(pipeline, base, 300)) for base in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(chance.choice([0, 2])):
        child = os.fork()
        if not child:
            code = 1
            try:
                work(pipeline, 5000, 30)
                pipeline.stop(chance.choice([0, 0.05, 5]))
                until(lambda: settled(pipeline))
                code = 0 if pipeline.queue.captured == 30 else 2
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    for thread in threads:
        thread.join()
    pipeline.flush(chance.choice([0, 0.05, 1]))
    pipeline.stop(chance.choice([0, 0.02, 0.3, 10]))
    until(lambda: settled(pipeline))
    assert pipeline.queue.captured == 900
    before = pipeline.accounts()
    time.sleep(0.15)
    assert settled(pipeline)
    assert pipeline.accounts() == before
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    put(pipeline, [make_event(9000)])
    pipeline.stop(0.1)
    until(lambda: settled(pipeline))
    assert pipeline.accounts()["dropped"]["stopped"] == before["dropped"].get("stopped", 0) + 1
