"""The development server with its autoreloader, as `manage.py runserver` starts it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings
from django.utils.autoreload import StatReloader

from hogtrace_django.reloading import _watch
from tests.servers import ROOT, read_events

PATIENCE = 60.0  # seconds; a guard against hanging


def test_what_is_watched(tmp_path: Path) -> None:
    """Files, those that a pattern finds or that are not there yet, and the probe files of a directory; not programs."""
    (tmp_path / "some").mkdir()
    named = tmp_path / "named.hogtrace"
    for path in (named, tmp_path / "some" / "a.hogtrace", tmp_path / "some" / "a.txt"):
        path.write_text("fn:a.b:entry { }")
    absent = tmp_path / "absent.hogtrace"
    probes = [named, absent, tmp_path / "some", "fn:a.b:exit { }", str(tmp_path / "n*.hogtrace"), str(tmp_path / "z*")]
    reloader = StatReloader()
    with override_settings(HOGTRACE={"PROBES": probes}):
        _watch(reloader)
    watched = {path for path in reloader.watched_files(include_globs=True) if tmp_path in path.parents}
    assert watched >= {named, tmp_path / "some" / "a.hogtrace"}
    assert not {path for path in watched if path.suffix == ".txt"}
    assert absent in reloader.extra_files
    with override_settings(HOGTRACE={"PROBS": []}):
        _watch(StatReloader())


@contextmanager
def runserver(tmp_path: Path, port: int) -> Iterator[Path]:
    """Run Django's development server in a project with its own probe file; gives its log."""
    log_path = tmp_path / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOGTRACE", "DJANGO"))}
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "django", "runserver", f"127.0.0.1:{port}"],
            cwd=tmp_path,
            env={
                **environment,
                "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
                "DJANGO_SETTINGS_MODULE": "project_settings",
                # The end of a child that is started anew is not a warning of ours.
                "PYTHONDEVMODE": "",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield log_path
    except BaseException:
        print(log_path.read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        process.wait()


def until(wanted: Callable[[], Any]) -> Any:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if answer := wanted():
                return answer
        except (OSError, httpx.HTTPError):
            pass
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def project(tmp_path: Path) -> Path:
    """Make a project; give its probe file."""
    (tmp_path / "project_settings.py").write_text(
        "from tests.hogtrace_django.settings import *\n"
        "DEBUG = True\n"
        "HOGTRACE = {\n"
        f"    'PROBES': [{str(tmp_path / 'p.hogtrace')!r}],\n"
        f"    'EXPORTER': {{'BACKEND': 'jsonl', 'OPTIONS': {{'path': {str(tmp_path / 'events')!r}}}}},\n"
        "    'BATCH_DELAY': 0.05,\n"
        "}\n"
        "import os, builtins\n"
        f"open({str(tmp_path / 'processes')!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
    )
    return tmp_path / "p.hogtrace"


@pytest.mark.slow
def test_a_change_of_a_probe_file_takes_effect(tmp_path: Path) -> None:
    """The server starts anew with it; a mistake is reported, and the next change mends it; the parent has no probes."""
    probes = project(tmp_path)
    probes.write_text("fn:tests.hogtrace_django.views.work:entry { capture(first=client); }\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    events_path = tmp_path / "events"

    def captured(name: str) -> bool:
        httpx.get(f"http://127.0.0.1:{port}/plain", headers={"X-Client": "x"}, trust_env=False)
        time.sleep(0.2)
        return any(name in event["values"] for event in read_events(events_path))

    with runserver(tmp_path, port) as log:
        until(lambda: captured("first"))
        time.sleep(1.1)  # what changes within the resolution of the clock may go unnoticed
        probes.write_text("fn:tests.hogtrace_django.views.work:entry { capture(second=); }\n")
        until(lambda: "hogtrace.E002" in log.read_text())
        time.sleep(1.1)
        probes.write_text("fn:tests.hogtrace_django.views.work:entry { capture(third=client); }\n")
        until(lambda: captured("third"))
        processes = (tmp_path / "processes").read_text().split()
    events = read_events(events_path)
    assert "capture(second=)" in log.read_text()
    assert re.search(r"HT\d{3}", log.read_text())
    # The first to read the settings is the parent, which serves nothing and never writes an event.
    assert processes[0] not in {str(event["process"]) for event in events}
    assert len({event["process"] for event in events}) == 2
