"""A status as text: it answers by itself why a probe does not fire, and says what to do."""

import re
import sys
import types
from collections.abc import Iterator

import pytest

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter
from hogtrace.types import ProbeStatus, Status


def probe_status(**given: object) -> ProbeStatus:
    """Give the status of a probe, `given` replacing what it says."""
    values = {"program": "shop.hogtrace", "probe": "p1", "target": "shop.place", "point": "entry"}
    return ProbeStatus(**{**values, "state": "installed", **given})  # type: ignore[arg-type]


def lines_of(**given: object) -> list[str]:
    """Give what stands below the table and above the events, for one probe."""
    return str(Status(probes=(probe_status(**given),))).splitlines()[2:-1]


def test_a_status_prints_as_an_aligned_table() -> None:
    """One line a probe, the numbers under each other, what to know and to do, then the account of the events."""
    status = Status(
        probes=(
            probe_status(sites=1, hits=12_000, fired=7, captured=7),
            probe_status(target="shop.pay", state="pending", reason="module shop is not imported yet"),
        ),
        captured=7,
        exported=4,
        queued=1,
        dropped={"queue_full": 2},
    )
    assert str(status).splitlines() == [
        "state      sites   hits  fired  captured  errors  probe",
        "installed      1  12000      7         7       0  shop.place:entry  shop.hogtrace",
        "pending        0      0      0         0       0  shop.pay:entry  shop.hogtrace",
        "p1: note: module shop is not imported yet",
        "p1: next: it is put in when that is there; HogTrace imports nothing itself, so see that the name is right, "
        "and that this process imports the module",
        "events: 7 captured, 4 exported, 1 queued, 2 dropped (2 queue_full)",
        "dropped queue_full: the exporter takes them slower than they come: sample, narrow the predicate, or raise "
        "QUEUE_EVENTS and QUEUE_BYTES",
    ]


def test_a_probe_that_works_needs_no_words() -> None:
    """Below the table stands only what is worth a look."""
    assert lines_of(sites=1, hits=3, fired=3, captured=3, functions=("shop.place",), spent=0.001, overhead=0.002) == []


def test_columns_that_say_nothing_are_left_out() -> None:
    """Those for samples, losses and overhead come when there is one."""
    plain = probe_status(hits=3, fired=3, captured=3, spent=0.0, overhead=0.0)
    assert "overhead" not in str(Status(probes=(plain,)))
    rich = probe_status(hits=9, fired=3, captured=3, sampled_out=6, overhead=0.0123, dropped={"queue_full": 2})
    table = str(Status(probes=(plain, rich))).splitlines()
    assert re.split(r" {2,}", table[0]) == [
        *("state", "sites", "hits", "sampled out", "fired", "captured", "dropped", "errors", "overhead", "probe"),
    ]
    assert re.split(r" {2,}", table[2])[:9] == ["installed", "0", "9", "6", "3", "3", "2", "0", "1.2%"]
    assert re.split(r" {2,}", table[1])[8] == "0.0%"


def test_a_status_says_where_a_probe_sits_and_what_it_cannot_read() -> None:
    """A few of its functions, and each warning; the target itself is not named again."""
    assert not [line for line in lines_of(functions=("shop.place",)) if "in:" in line]
    lines = lines_of(functions=tuple(f"shop.f{number}" for number in range(8)), warnings=("no arg7", "no self"))
    assert "p1: in: shop.f0, shop.f1, shop.f2, shop.f3, shop.f4 and 3 more" in lines
    assert lines.index("p1: warning: no arg7") < lines.index("p1: warning: no self")


def test_errors_are_shown_on_one_line() -> None:
    """A message of several lines does not tear the table; the last error is not shown twice."""
    lines = lines_of(hits=2, fired=2, captured=2, first_error="no key 'x'\n  in d", last_error="no key 'x'\n  in d")
    assert lines == ["p1: first error: no key 'x' in d"]
    lines = lines_of(hits=2, fired=2, captured=2, first_error="a", last_error="b")
    assert lines == ["p1: first error: a", "p1: last error: b"]


def test_the_hits_are_accounted_for() -> None:
    """Where not all fired, it says what became of the others."""
    lines = lines_of(
        hits=31, fired=1, captured=1, not_passed=2, failed=4, sampled_out=8, skipped=1, throttled=15, errors=4
    )
    assert lines[0] == (
        "p1: of 31 hits: 1 fired, 2 predicate not True, 4 predicate failed, 8 sampled out, "
        "1 skipped, inside HogTrace or another probe, 15 not looked at, because the predicate kept failing"
    )


def test_a_status_without_probes_says_so() -> None:
    """An empty tracer prints as one, not as an empty table."""
    assert str(Status()) == "no probes\nevents: 0 captured, 0 exported, 0 queued, 0 dropped"


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[types.ModuleType]:
    """Give a module with a function and a class."""
    name = f"asked_{id(request):x}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec("def f(a): return a\nclass C:\n    def m(self): return 1\n", vars(module))  # noqa: S102 - our own text
    yield module
    del sys.modules[name]


@pytest.mark.parametrize(
    ("probe", "calls", "answer"),
    [
        ("fn:absent_module.f:entry { capture(a); }", 0, "it is put in when that is there"),
        ("fn:APP.g:entry { capture(a); }", 0, "it is put in when that is there"),
        ("fn:APP.C:entry { capture(args); }", 0, "as things are it cannot sit there"),
        ("fn:APP.f:entry { capture(a); }", 0, "no call has come since it is in; call the function, in this process"),
        ("fn:APP.f:exit { capture(a); }", 0, "no call has ended since it is in"),
        ("fn:APP.f:entry / a / { capture(a); }", 3, "the predicate passes on True alone, not on what counts as true"),
        ("fn:APP.f:entry / a.x == 1 / { capture(a); }", 3, "where the predicate fails it does not fire"),
        ("fn:APP.f:entry / a.x == 1 / { capture(a); }", 2000, "its predicate kept failing, so only one hit in 100"),
        ("fn:APP.f:entry { sample 1/1000000000; capture(a); }", 3, "sample has left out all calls so far"),
        (
            "fn:APP.f:entry { $req.a = a; }",
            3,
            "it fired and made no event, for it captures nothing: right where it only sets variables",
        ),
        ("fn:APP.f:entry { $req.a = a; capture(a); }", 3, "3 writes to $req went nowhere, because no request was open"),
    ],
)
def test_each_reason_not_to_fire_has_an_answer(app: types.ModuleType, probe: str, calls: int, answer: str) -> None:
    """A real probe in that state; the text says what to do, once."""
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(probe.replace("APP", app.__name__)))
        for number in range(calls):
            app.f(number)
        text = str(tracer.status())
    assert text.count(f"next: {answer}") == 1, text
