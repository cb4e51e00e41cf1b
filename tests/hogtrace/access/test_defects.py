"""A panic in the engine: the call goes on, the probe is taken out, its status says so, and nobody else hears of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from hogtrace import Tracer, compile, sites
from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList
from hogtrace.exporters import MemoryExporter
from hogtrace.weave import Plan, weave


def double(x: int) -> int:
    """Be probed."""
    return 2 * x


@pytest.fixture
def queue() -> EventQueue:
    """Give a queue that nobody empties."""
    return EventQueue(on_first=lambda: None)


def linked(queue: EventQueue, source: str) -> LinkedProbe:
    """Give the one probe of `source`."""
    program = compile(source)
    return LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=Redaction())


@pytest.fixture
def woven() -> Iterator[None]:
    """Give `double` its own code back."""
    original = double.__code__
    yield
    double.__code__ = original


def broken_site(entry: list[LinkedProbe], leave: list[LinkedProbe]) -> Site:
    """Make a hook that lacks what its probes read: a defect that the engine meets with a real panic."""
    return Site(
        "m.double",
        [(probe, []) for probe in entry],
        [(probe, []) for probe in leave],
        parameters=["x"],
        keep=[],
        loads=(0, 0),
    )


@pytest.mark.usefixtures("woven")
@pytest.mark.parametrize("point", ["entry", "exit"])
def test_the_call_goes_on(queue: EventQueue, point: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The function returns and raises as it would; the other probes of the function fire; nothing is printed."""
    bad = linked(queue, f"fn:m.double:{point} {{ capture(x); }}")
    good = linked(queue, f"fn:m.double:{point} {{ capture(n=1); }}")
    probes = [bad, good]
    site = broken_site(probes, []) if point == "entry" else broken_site([], probes)
    double.__code__ = weave(double.__code__, site, Plan((), (), enters=site.enters))
    assert double(2) == 4
    assert double(3) == 6
    with pytest.raises(TypeError, match="unsupported operand"):
        double(None)  # type: ignore[arg-type]  # what it raises is the point
    assert (bad.hits, bad.failed, bad.enabled) == (1, 1, False)
    assert bad.defect is not None
    assert bad.defect.startswith("the engine failed in this probe, at ")
    assert "call_world.rs" in bad.defect
    assert (good.hits, good.failed, good.enabled, good.defect) == (3, 0, True, None)
    assert queue.captured == 3
    assert capfd.readouterr() == ("", "")


def test_status_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracer's status has the probe as failed, and says where."""
    attach = sites.attach

    def attach_badly(function: Any, name: str, probes: Any, *spots: Any) -> Any:
        woven = attach(function, name, probes, *spots)
        bad = broken_site([], list(probes))
        consts = tuple(bad if type(constant) is Site else constant for constant in function.__code__.co_consts)
        function.__code__ = function.__code__.replace(co_consts=consts)
        return woven

    monkeypatch.setattr(sites, "attach", attach_badly)
    original = double.__code__
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
        tracer.install(compile(f"fn:{__name__}.double:exit {{ capture(retval, n=x); }}"))
        try:
            assert double(2) == 4
            (probe,) = tracer.status().probes
            assert probe.state == "failed"
            assert probe.reason is not None
            assert probe.reason.startswith("the engine failed in this probe, at ")
            assert "failed" in str(tracer.status())
        finally:
            double.__code__ = original


def test_the_next_run_is_as_ever(queue: EventQueue) -> None:
    """The run of one thread leaves nothing behind for the next."""
    bad = linked(queue, "fn:m.double:entry { capture(x); }")
    site = broken_site([bad], [])
    assert site[None] is site
    after = linked(queue, "fn:m.double:entry { capture(n=1); }")
    assert broken_site([after], [])[None] is not None
    assert (after.hits, after.skipped, after.passed) == (1, 0, 1)
