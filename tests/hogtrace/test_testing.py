"""What tests of applications are given: `capture_events` and the fixture `hogtrace`."""

import importlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import hogtrace as package
from hogtrace import CompileError, ConfigError, Tracer
from hogtrace.testing import CapturedEvents, capture_events
from tests.looking import look

SHOP = """
def place(order, *, count=1):
    if count < 1:
        raise ValueError("nothing to place")
    return price(order) * count

def price(order):
    return len(order)
"""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give a module of an application."""
    module = ModuleType("shop_under_test")
    exec(SHOP, module.__dict__)  # noqa: S102 - the text above
    monkeypatch.setitem(sys.modules, module.__name__, module)
    functions = [module.place, module.price]
    originals = [function.__code__ for function in functions]
    yield module
    assert all(function.__code__ is original for function, original in zip(functions, originals, strict=True))


def test_events_are_there_at_once_and_after_the_block(shop: ModuleType) -> None:
    """What a probe captured can be read in the block and after it, when the function has its code back."""
    original = shop.place.__code__
    with capture_events("fn:shop_under_test.place:exit { capture(retval, order); }") as captured:
        assert shop.place.__code__ is not original
        shop.place("tea")
        assert captured.values == [{"retval": 3, "order": "tea"}]
        shop.place("tea", count=2)
        assert [event.values["retval"] for event in captured] == [3, 6]
    assert shop.place.__code__ is original
    assert len(captured) == 2
    assert captured[1].point == "exit"
    assert captured.status().captured == 2


def test_probes_can_be_added_and_events_forgotten(shop: ModuleType, tmp_path: Path) -> None:
    """A block takes further probes, from files and compiled ones too; what was captured can be forgotten."""
    file = tmp_path / "more.hogtrace"
    file.write_text("fn:shop_under_test.price:entry { capture(order); }", encoding="utf-8")
    with capture_events(file) as captured:
        captured.probe(package.compile("fn:shop_under_test.place:entry { capture(count); }"))
        shop.place("tea", count=4)
        assert captured.values == [{"count": 4}, {"order": "tea"}]
        captured.clear()
        assert captured.events == []
        shop.price("milk")
        assert captured.one().values == {"order": "milk"}


def test_one_event_and_no_other_number(shop: ModuleType) -> None:
    """Where there are none or two, the message shows the events and the state of the probes."""
    with capture_events("fn:shop_under_test.place:entry { capture(order); }") as captured:
        with pytest.raises(AssertionError, match=r"0 events were captured, not one\n") as none:
            captured.one()
        assert "installed" in str(none.value)
        shop.place("tea")
        assert captured.one().values == {"order": "tea"}
        shop.place("milk")
        with pytest.raises(AssertionError, match="2 events") as two:
            captured.one()
        assert '"tea"' in str(two.value)
        assert '"milk"' in str(two.value)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("fn:json.scanner.c_make_scanner:exit { capture(retval); }", ValueError, "is refused: "),
        ("fn:shop_under_test.place:exit", ConfigError, r"has no body; write .* \{ capture\(args\); \}"),
        ("fn:shop_under_test.place:entry { capture(retval); }", CompileError, "exit"),
        ("no/such/file.hogtrace", ConfigError, "there is no file"),
    ],
)
def test_what_cannot_be_installed_is_an_error(
    shop: ModuleType, source: str, error: type[Exception], message: str
) -> None:
    """A probe that can never fire says so at once, and nothing of it is installed."""
    with capture_events() as captured:
        with pytest.raises(error, match=message):
            captured.probe(source)
        assert captured.status().probes == ()
    with pytest.raises(error, match=message), capture_events(source):
        pytest.fail("a block with a wrong probe must not run")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shop_under_test.plaec", r"is pending: .* has no 'plaec' \(did you mean 'place'\?\)"),
        ("nowhere.place", "is pending: module nowhere is not imported"),
    ],
)
def test_what_was_never_installed_captured_nothing(shop: ModuleType, target: str, message: str) -> None:
    """As long as a probe waits for its target, to ask for its events is an error with the reason."""
    with capture_events(f"fn:{target}:exit {{ capture(retval); }}") as captured:
        shop.place("tea")
        with pytest.raises(ValueError, match=message):
            captured.one()
        assert "pending" in str(captured)


def test_a_module_that_the_test_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe may be there before the module of its target is."""
    (tmp_path / "imported_in_a_test.py").write_text("def f(x):\n    return x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with capture_events("fn:imported_in_a_test.f:entry { capture(x); }") as captured:
        module = importlib.import_module("imported_in_a_test")
        monkeypatch.delitem(sys.modules, "imported_in_a_test")
        module.f(7)
        assert captured.one().values == {"x": 7}


def test_what_was_lost_is_not_passed_over(shop: ModuleType) -> None:
    """Where events were dropped, reading the rest is an error that tells the cause."""

    class Forgetful(package.exporters.MemoryExporter):
        def export(self, events: object) -> None:
            raise OSError("gone")

    exporter = Forgetful()
    with Tracer(exporter=exporter) as tracer:
        captured = CapturedEvents(tracer, exporter)
        captured.probe("fn:shop_under_test.price:entry { capture(order); }")
        shop.price("tea")
        with pytest.raises(RuntimeError, match="not all captured events are here: 1 exporter_failed"):
            _ = captured.events


def run_pytest(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a file of tests as a project of its own has it."""
    (folder / "test_it.py").write_text(textwrap.dedent(text), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:django", "-q", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=folder)


def test_the_fixture_needs_no_set_up(tmp_path: Path) -> None:
    """Where HogTrace is installed pytest has the fixture; its probes end with the test."""
    done = run_pytest(
        tmp_path,
        """
        import textwrap

        original = textwrap.dedent.__code__

        def test_it(hogtrace):
            hogtrace.probe("fn:textwrap.dedent:entry { capture(text); }")
            assert textwrap.dedent("  a") == "a"
            assert hogtrace.one().values == {"text": "  a"}

        def test_after_it(hogtrace):
            assert textwrap.dedent.__code__ is original
            assert hogtrace.events == []
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_failing_test_shows_what_was_captured(tmp_path: Path) -> None:
    """The report of a failure has the events and the table of the probes, that of a passing test has nothing."""
    done = run_pytest(
        tmp_path,
        """
        import textwrap

        def test_it(hogtrace):
            hogtrace.probe("fn:textwrap.dedent:exit { capture(retval); }")
            assert textwrap.dedent("  abc") == "  abc"

        def test_that_passes(hogtrace):
            hogtrace.probe("fn:textwrap.dedent:exit { capture(retval); }")
        """,
    )
    assert done.returncode == 1
    assert done.stdout.count("Captured by HogTrace") == 1
    assert 'retval  "abc"' in done.stdout
    assert "installed" in done.stdout


def test_the_report_of_many_events_is_short(shop: ModuleType) -> None:
    """The latest are shown, and how many there were before."""
    with capture_events("fn:json.dumps:entry { capture(obj); }") as captured:
        for number in range(60):
            json.dumps(1000 + number)
    text = str(captured)
    assert text.startswith("(10 events before these)\n")
    assert "1009" not in text
    assert "1010" in text
    assert "1059" in text


def test_what_an_imported_frameworks_package_vouches_for_is_trusted() -> None:
    """As in the application itself; and a trust list of the test's own comes before it."""
    package = importlib.import_module("hogtrace_asgi")
    requests = importlib.import_module("starlette.requests")
    request = requests.HTTPConnection({"type": "http", "headers": [(b"x-id", b"r-1")]})
    with capture_events('fn:tests.looking.look:entry { capture(id=arg0.headers["x-id"]); }') as captured:
        look(request)
    assert captured.one().values == {"id": "r-1"}
    assert package.TRUST


def test_a_failure_is_shown_at_the_line_of_the_test(tmp_path: Path) -> None:
    """Not at HogTrace's own lines, whatever is wrong: a probe that does not compile, or cannot sit, or waits."""
    done = run_pytest(
        tmp_path,
        """
        def test_syntax(hogtrace):
            hogtrace.probe("fn:textwrap.dedent:exit { captre(retval); }")

        def test_c(hogtrace):
            hogtrace.probe("fn:math.sqrt:exit { capture(retval); }")

        def test_typo(hogtrace):
            hogtrace.probe("fn:textwrap.dedend:exit { capture(retval); }")
            hogtrace.one()

        def test_none(hogtrace):
            hogtrace.probe("fn:textwrap.dedent:exit { capture(retval); }")
            hogtrace.one()
        """,
    )
    assert done.returncode == 1
    assert "4 failed" in done.stdout
    for told in (
        "there is no statement `captre`",
        "implemented in C",
        "did you mean 'dedent'?",
        "0 events were captured",
    ):
        assert told in done.stdout
    assert "testing.py" not in done.stdout
    assert "sources.py" not in done.stdout
