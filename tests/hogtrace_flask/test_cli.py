"""`flask hogtrace check | list | status | tail`, by Flask's own command line and by an application's test runner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from flask import Flask

from hogtrace.exporters import MemoryExporter
from hogtrace_flask import HogTrace
from tests.servers import ROOT

# Processes on a busy machine.
pytestmark = pytest.mark.timeout(600)

SHOP = """
from flask import Flask
from hogtrace_flask import HogTrace

def charge(amount):
    return amount

hogtrace = HogTrace()

def create_app():
    app = Flask(__name__)
    app.config["HOGTRACE_PROBES"] = ["shop.hogtrace"]
    app.config["HOGTRACE_EXPORTER"] = {"BACKEND": "jsonl", "OPTIONS": {"path": "events.jsonl"}}
    hogtrace.init_app(app)

    @app.get("/charge/<int:amount>")
    def view(amount):
        return str(charge(amount))

    return app
"""
NOBODY = (
    "no process has said anything yet; each does within a second or two of having probes installed, unless "
    "REPORT_INTERVAL is None\n"
)
GOOD = "fn:shop.charge:entry { capture(amount); }\n"
# What the process has to say is said at its end, too.
SERVE = "import shop, tests.patience; app = shop.create_app(); app.test_client().get('/charge/7').close()"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a folder with an application and a probe file."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "shop.hogtrace").write_text(GOOD)
    return tmp_path


def environment() -> dict[str, str]:
    """Give the environment of a user of the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOGTRACE_", "FLASK_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def flask(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run Flask's own command; give its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop", "hogtrace", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


by_entry_point = pytest.mark.skipif(
    not any(found.name == "hogtrace" for found in entry_points(group="flask.commands")),
    reason="HogTrace is not installed, so Flask does not know its entry point",
)


def test_check_says_what_would_become_of_each_probe(shop: Path) -> None:
    """All is well: exit code 0."""
    code, printed = flask(shop, "check")
    assert code == 0, printed
    assert "installed  shop.charge:entry" in printed
    assert "1 probe: 1 installed" in printed


@by_entry_point
def test_check_shows_the_compilers_report(shop: Path) -> None:
    """A file that does not compile keeps the application from loading; the report is shown, not a traceback."""
    (shop / "shop.hogtrace").write_text("fn:shop.charge:entry { capture(retval); }\n")
    code, printed = flask(shop, "check")
    assert code == 1
    assert "shop.hogtrace:1:32" in printed
    assert "Error: the probe files do not compile" in printed
    assert "Traceback" not in printed


@by_entry_point
def test_check_shows_a_wrong_setting(shop: Path) -> None:
    """So does a setting that is wrong."""
    (shop / "shop.hogtrace").unlink()
    code, printed = flask(shop, "check")
    assert code == 1
    assert "there is no file shop.hogtrace" in printed
    assert "Traceback" not in printed


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """Give an application without settings; its tracer is stopped in the end."""
    app = Flask("shop", root_path=str(tmp_path))
    yield app
    registration = app.extensions.get("hogtrace")
    if registration is not None and registration.tracer is not None:
        registration.tracer.stop()


def charge(amount: int) -> int:
    """Be probed."""
    return amount


CHARGE = f"fn:{__name__}.charge:entry {{ capture(amount); }}"


def test_a_probe_that_could_never_fire_fails_the_check(app: Flask) -> None:
    """Exit code 1, and the reason."""
    wrong = f"fn:{__name__}.charg:entry {{ capture(1); }}"
    HogTrace(app, probes=[CHARGE, wrong], exporter=MemoryExporter())
    result = app.test_cli_runner().invoke(args=["hogtrace", "check", "--verbose"])
    assert result.exit_code == 1
    assert f"in {__name__}.charge" in result.output
    assert "missing" in result.output
    assert "1 probe of 2 could never fire" in result.output


def test_warnings_fail_the_check_only_if_told(app: Flask) -> None:
    """A name that the function does not have is a warning."""
    HogTrace(app, probes=[f"fn:{__name__}.charge:entry {{ capture(amoun); }}"], exporter=MemoryExporter())
    runner = app.test_cli_runner()
    result = runner.invoke(args=["hogtrace", "check"])
    assert (result.exit_code, "warning: " in result.output) == (0, True)
    assert runner.invoke(args=["hogtrace", "check", "--strict"]).exit_code == 1


def test_what_is_set_too_late_is_a_warning(app: Flask) -> None:
    """The extension has read the configuration by then."""
    HogTrace(app)
    app.config["HOGTRACE_BATCH_SIZE"] = 7
    done = app.test_cli_runner().invoke(args=["hogtrace", "check", "--strict"])
    assert done.exit_code == 1
    assert "warning: BATCH_SIZE has changed since HogTrace has read it, which has no effect" in done.output
    assert "Error: 1 warning\n" in done.output
    app.config["HOGTRACE_BATCH_SIZE"] = "many"
    done = app.test_cli_runner().invoke(args=["hogtrace", "check"])
    assert (done.exit_code, done.output) == (
        1,
        "Error: BATCH_SIZE in app.config is a str; it must be a whole number of 1 or more\n",
    )


def test_list_shows_the_probes(app: Flask, tmp_path: Path) -> None:
    """By file, with their numbers."""
    file = tmp_path / "a.hogtrace"
    file.write_text(f"{CHARGE}\nfn:{__name__}.charge:exit {{ capture(retval); }}\n")
    HogTrace(app, probes=[str(file)], exporter=MemoryExporter())
    result = app.test_cli_runner().invoke(args=["hogtrace", "list"])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        str(file),
        f"  {__name__}.charge:entry",
        f"  {__name__}.charge:exit",
        "2 probes in 1 program",
    ]


def test_no_probes_and_disabled(app: Flask) -> None:
    """Both are said."""
    HogTrace(app, exporter=MemoryExporter())
    assert "names no probe" in app.test_cli_runner().invoke(args=["hogtrace", "list"]).output
    off = Flask("off")
    HogTrace(off, disabled=True)
    for verb in ("check", "list"):
        assert "disabled" in off.test_cli_runner().invoke(args=["hogtrace", verb]).output


@by_entry_point
def test_an_application_without_the_extension(shop: Path) -> None:
    """The command is found all the same, and says what is missing."""
    (shop / "shop.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    code, printed = flask(shop, "check")
    assert code == 1
    assert "the Flask application 'shop' has no HogTrace" in printed


def test_status_needs_a_file_that_keeps_one(app: Flask) -> None:
    """Others are named, and what to do instead."""
    HogTrace(app, exporter=MemoryExporter())
    result = app.test_cli_runner().invoke(args=["hogtrace", "status"])
    assert result.exit_code == 1
    assert "MemoryExporter, which keeps no status of the processes" in result.output


@pytest.mark.parametrize(
    ("verb", "said"),
    [("status", "which keeps no status of the processes"), ("tail", "which writes no file that can be followed")],
)
def test_the_switch_in_the_environment_hides_no_file(
    app: Flask, verb: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others write is looked for where HOGTRACE_EXPORTER says, and not where it would be without settings."""
    monkeypatch.setenv("HOGTRACE_DISABLED", "1")
    app.config["HOGTRACE_EXPORTER"] = "console"
    HogTrace(app)
    assert app.extensions["hogtrace"].tracer is None
    result = app.test_cli_runner().invoke(args=["hogtrace", verb])
    assert (result.exit_code, said in result.output) == (1, True)
    app.config["HOGTRACE_EXPORTR"] = "console"
    result = app.test_cli_runner().invoke(args=["hogtrace", verb])
    assert (result.exit_code, "did you mean 'EXPORTER'?" in result.output) == (1, True)


@by_entry_point
def test_status_tells_of_other_processes(shop: Path) -> None:
    """What one that served said at its end; the command, which loads the application, never tells of itself."""
    (shop / "shop.py").write_text(
        SHOP.replace('"BACKEND": "jsonl", "OPTIONS": {"path": "events.jsonl"}', '"BACKEND": "sqlite"').replace(
            "init_app(app)\n", "init_app(app)\n    charge(1)\n"
        )
    )
    for _ in range(2):
        assert flask(shop, "status") == (0, NOBODY)
    subprocess.run([sys.executable, "-c", SERVE], cwd=shop, env=environment(), check=True, timeout=300)
    code, printed = flask(shop, "status", "-v")
    assert code == 0
    assert printed.startswith("1 process: 1 ended; said ")
    assert printed.count("shop.charge:entry  shop.hogtrace") == 2
    values = json.loads(flask(shop, "status", "--json")[1])
    assert [probe["hits"] for probe in values["probes"]] == [2]


def test_tail_needs_a_file(app: Flask) -> None:
    """An exporter that writes none cannot be followed."""
    HogTrace(app, exporter=MemoryExporter())
    result = app.test_cli_runner().invoke(args=["hogtrace", "tail"])
    assert result.exit_code == 1
    assert "MemoryExporter, which writes no file" in result.output


def test_tail_shows_events_as_they_come(shop: Path) -> None:
    """Those of another process, until it is interrupted."""
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "shop", "hogtrace", "tail"],
        cwd=shop,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # These tests may run in the background, where interruptions are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watching:
        try:
            assert watching.stdout is not None
            # The application's own exporter may have made the file when it was loaded.
            subprocess.run(
                [sys.executable, "-c", SERVE], cwd=shop, env=environment(), check=True, capture_output=True, timeout=300
            )
            shown = ""
            while "amount" not in shown:
                line = watching.stdout.readline()
                assert line, shown
                shown += line
            assert "GET /charge/7" in shown
            watching.send_signal(signal.SIGINT)
            assert watching.wait(60) == 0
        finally:
            watching.kill()
