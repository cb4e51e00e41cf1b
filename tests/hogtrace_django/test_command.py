"""`manage.py hogtrace check | list | status | tail`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from hogtrace.exporters import JSONLinesExporter, SQLiteExporter
from hogtrace.types import ProbeStatus, Report, Status
from tests.hogtrace.exporters.samples import make_event
from tests.hogtrace_django import views
from tests.servers import ROOT

GOOD = "fn:tests.hogtrace_django.views.work:entry { capture(client); }\n"
MIXED = """
fn:tests.hogtrace_django.views.work:entry { capture(client); }
fn:tests.hogtrace_django.views.worc:entry { capture(client); }
fn:tests.hogtrace_django.views.work:exit { capture(cliant); }
fn:builtins.len:entry { capture(args); }
fn:sqlite3.dump._iterdump:exit { capture(duration); }
fn:no.such.module.f:exit { capture(duration); }
"""


def call(*arguments: str, **options: Any) -> str:
    """Run the command; give what it prints, without colours."""
    out = StringIO()
    call_command("hogtrace", *arguments, stdout=out, stderr=out, no_color=True, **options)
    return out.getvalue()


def failing(*arguments: str, **options: Any) -> tuple[str, str]:
    """Run the command, which must fail; give what it prints, and the error."""
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("hogtrace", *arguments, stdout=out, stderr=out, no_color=True, **options)
    return out.getvalue(), str(caught.value)


def test_check_says_that_all_is_well() -> None:
    """A probe that would be installed is said to be; nothing of it stays."""
    original = views.work.__code__
    with override_settings(HOGTRACE={"PROBES": [GOOD]}):
        text = call("check")
    assert text.splitlines() == [
        "<PROBES[0]>",
        "  installed  tests.hogtrace_django.views.work:entry",
        "1 probe: 1 installed",
    ]
    assert views.work.__code__ is original


def test_check_says_of_each_probe_what_would_become_of_it() -> None:
    """Missing and refused ones with the reason fail it; a module that exists may be imported later."""
    with override_settings(HOGTRACE={"PROBES": [MIXED]}):
        text, error = failing("check")
    verdicts = [line.split()[:2] for line in text.splitlines() if line.startswith("  ") and "warning:" not in line]
    assert verdicts == [
        ["installed", "tests.hogtrace_django.views.work:entry"],
        ["missing", "tests.hogtrace_django.views.worc:entry"],
        ["installed", "tests.hogtrace_django.views.work:exit"],
        ["refused", "builtins.len:entry"],
        ["waiting", "sqlite3.dump._iterdump:exit"],
        ["missing", "no.such.module.f:exit"],
    ]
    assert "did you mean 'work'?" in text
    assert "did you mean 'client'?" in text
    assert "implemented in C" in text
    assert error == "3 probes of 6 could never fire"
    assert "sqlite3.dump" not in sys.modules


def test_what_check_shows_is_chosen_by_verbosity() -> None:
    """With 0 only what is to be mended, with 2 the functions, too."""
    with override_settings(HOGTRACE={"PROBES": [GOOD, "fn:tests.hogtrace_django.views.*parts:exit { }"]}):
        assert call("check", verbosity=0) == ""
        assert "             in tests.hogtrace_django.views.async_parts\n" in call("check", verbosity=2)
    with override_settings(HOGTRACE={"PROBES": [MIXED]}):
        text, _ = failing("check", verbosity=0)
        assert "views.worc" in text
        assert "views.work:entry" not in text


def test_warnings_fail_it_if_that_is_asked_for() -> None:
    """As `--fail-level` of `manage.py check` has it; findings of the system checks count."""
    with override_settings(HOGTRACE={"PROBES": ["fn:tests.hogtrace_django.views.work:exit { capture(cliant); }"]}):
        assert "warning: work has no variable 'cliant'" in call("check")
        _, error = failing("check", "--fail-level", "WARNING")
    assert error == "1 warning"
    with override_settings(HOGTRACE={"PROBES": [GOOD]}, MIDDLEWARE=[]):
        assert "hogtrace.W001" in call("check")
        failing("check", fail_level="WARNING")


def test_colours_are_djangos() -> None:
    """`--force-color` gives them where there is no terminal."""
    out = StringIO()
    with override_settings(HOGTRACE={"PROBES": [GOOD]}):
        call_command("hogtrace", "check", stdout=out, force_color=True)
    assert "\x1b[32;1m  installed" in out.getvalue()


def test_check_reports_what_does_not_compile() -> None:
    """The compiler's own report, of every program."""
    with override_settings(HOGTRACE={"PROBES": ["fn:a.b:entry { capture(x=); }", "fn:a.b:entry { capture(retval); }"]}):
        text, error = failing("check")
    assert "capture(x=)" in text
    assert "capture(retval)" in text
    assert error == "the probe files do not compile"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HOGTRACE": {"PROBS": []}}, "did you mean 'PROBES'?"),
        ({"HOGTRACE": {"PROBES": ["no/such.hogtrace"]}}, "there is no file no/such.hogtrace"),
        ({"HOGTRACE": {}, "ROOT_URLCONF": "no.such.urls"}, "the URLconf no.such.urls cannot be imported"),
        ({"HOGTRACE": {}, "MIDDLEWARE": ["no.such.Middleware"]}, "the middleware no.such.Middleware cannot be"),
    ],
)
def test_check_reports_wrong_settings(settings: dict[str, Any], said: str) -> None:
    """What keeps Django from starting, and what keeps the targets from being looked for."""
    with override_settings(**settings):
        _, error = failing("check")
    assert said in error


@pytest.mark.parametrize("verb", ["check", "list"])
def test_disabled_is_said(verb: str) -> None:
    """Where nothing would be installed, there is nothing to check, and that is no failure."""
    with override_settings(HOGTRACE={"DISABLED": True, "PROBES": ["fn:a"]}):
        assert call(verb) == "HogTrace is disabled by its settings: no probe would be installed\n"


def test_list_shows_programs_and_probes(tmp_path: Path) -> None:
    """In the order of PROBES, each with its file."""
    file = tmp_path / "one.hogtrace"
    file.write_text(GOOD)
    with override_settings(HOGTRACE={"PROBES": [str(file), "fn:a.b:exit { } fn:a.*:entry { }"]}):
        assert call("list").splitlines() == [
            str(file),
            "  tests.hogtrace_django.views.work:entry",
            "<PROBES[1]>",
            "  a.b:exit",
            "  a.*:entry",
            "3 probes in 2 programs",
        ]
    with override_settings(HOGTRACE={}):
        assert call("list") == "PROBES names no probe\n"


def test_probes_of_installed_applications_are_found_if_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With AUTODISCOVER, in the order of INSTALLED_APPS, after those of PROBES; a file that these name counts once."""
    for name in ("discovered_a", "discovered_b", "discovered_c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    a, b = (tmp_path / name / "probes.hogtrace" for name in ("discovered_a", "discovered_b"))
    a.write_text("fn:a.f:exit { }\n")
    b.write_text("fn:b.f:exit { }\n")
    monkeypatch.syspath_prepend(tmp_path)
    probes = ["fn:a.b:exit { }"]
    with override_settings(INSTALLED_APPS=["discovered_b", "hogtrace_django", "discovered_c", "discovered_a"]):
        with override_settings(HOGTRACE={"PROBES": probes}):
            assert programs() == ["<PROBES[0]>"]
        with override_settings(HOGTRACE={"PROBES": probes, "AUTODISCOVER": True}):
            assert programs() == ["<PROBES[0]>", str(b), str(a)]
        with override_settings(HOGTRACE={"PROBES": [a], "AUTODISCOVER": True}):
            assert programs() == [str(a), str(b)]


def programs() -> list[str]:
    """Give the programs that are listed."""
    return [line for line in call("list").splitlines()[:-1] if not line.startswith(" ")]


@pytest.mark.parametrize(
    ("exporter", "said"),
    [
        ("console", "events go to ConsoleExporter, which writes no file"),
        ("no.such.Exporter", "cannot import no.such.Exporter"),
        ({"BACKEND": "jsonl"}, "does not say which path JSONLinesExporter writes to"),
    ],
)
def test_tail_needs_a_file(exporter: Any, said: str) -> None:
    """What goes elsewhere cannot be watched, and the message says so."""
    with override_settings(HOGTRACE={"EXPORTER": exporter}):
        assert said in failing("tail")[1]


def test_status_before_any_server_has_run(tmp_path: Path) -> None:
    """The file is named, and what there is to do."""
    options = {"path": str(tmp_path / "none.sqlite")}
    with override_settings(HOGTRACE={"EXPORTER": {"BACKEND": "sqlite", "OPTIONS": options}}):
        message = failing("status")[1]
    assert message.startswith(f"there is no file {options['path']}: no process has written it yet. Start the server")


def test_status_tells_what_processes_said_last(tmp_path: Path) -> None:
    """Of all together, of each with `-v 2`, and as JSON; also where HogTrace is switched off for this process."""
    path = tmp_path / "events.sqlite"
    exporter = SQLiteExporter(path)
    probe = ProbeStatus(program="p", probe="q", target="m.f", point="exit", state="installed", hits=7)
    status = Status(probes=(probe,))
    now = time.time()
    exporter.report(Report(status=status, id="1", process=1, host="web-1", started=now, time=now))
    exporter.close()
    given = {"EXPORTER": {"BACKEND": "sqlite", "OPTIONS": {"path": str(path)}}}
    for disabled in (False, True):
        with override_settings(HOGTRACE={**given, "DISABLED": disabled}):
            assert "installed in 1 of 1" in call("status")
            assert str(status) not in call("status")
            assert str(status) in call("status", verbosity=2)
            assert json.loads(call("status", "--json", "--all"))["probes"][0]["hits"] == 7


@pytest.mark.parametrize(
    ("verb", "said"),
    [("status", "which keeps no status of the processes"), ("tail", "which writes no file that can be followed")],
)
def test_the_switch_in_the_environment_hides_no_file(verb: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others write is looked for where EXPORTER says, and not where it would be without settings."""
    monkeypatch.setenv("HOGTRACE_DISABLED", "1")
    with override_settings(HOGTRACE={"EXPORTER": "console"}):
        assert said in failing(verb)[1]
    with override_settings(HOGTRACE={"EXPORTR": "console"}):
        assert "did you mean 'EXPORTER'?" in failing(verb)[1]


@pytest.mark.parametrize(
    ("exporter", "said"),
    [
        ("console", "events go to ConsoleExporter, which keeps no status of the processes"),
        ({"BACKEND": "sqlite", "OPTIONS": {"path": "/no/such.sqlite"}}, "/no/such.sqlite"),
    ],
)
def test_status_needs_a_file_that_keeps_one(exporter: Any, said: str) -> None:
    """What is missing is said."""
    with override_settings(HOGTRACE={"EXPORTER": exporter}):
        assert said in failing("status")[1]


def test_options_of_one_verb_are_refused_by_others() -> None:
    """Instead of being without effect."""
    assert failing("list", "--newest", "3")[1] == "--newest belongs to manage.py hogtrace tail"
    assert failing("tail", "--json")[1] == "--json belongs to manage.py hogtrace status"
    assert failing("check", "--all")[1] == "--all belongs to manage.py hogtrace status"
    assert "not a number" in failing("tail", "--newest", "x")[1]


@pytest.mark.timeout(600)  # a process on a busy machine
@pytest.mark.parametrize("kind", [SQLiteExporter, JSONLinesExporter], ids=["sqlite", "jsonl"])
def test_tail_prints_until_it_is_interrupted(kind: type[SQLiteExporter | JSONLinesExporter], tmp_path: Path) -> None:
    """What is there and what comes, as a user runs it, without the packages that `manage.py` does not need."""
    path = tmp_path / "events"
    exporter = kind(path)
    exporter.export([make_event(0, function="shop.first", values={"n": 1}), make_event(1, function="shop.second")])
    (tmp_path / "click.py").write_text("raise ImportError('not here')\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "hogtrace", "tail", "--newest", "1", "--no-color"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "tests.hogtrace_django.settings",
            "TAIL_PATH": str(path),
            "TAIL_BACKEND": kind.__name__,
        },
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # These tests may run in the background, where interruptions are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        seen = process.stdout.readline()
        assert "shop.second" in seen, seen
        exporter.export([make_event(2, function="shop.third", values={"n": 3})])
        while "shop.third" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        assert "shop.first" not in seen
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        exporter.close()
    assert process.returncode == 0
