"""`flask run` with its reloader: one process watches files and installs no probes, the other serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

# Processes on a busy machine.
pytestmark = pytest.mark.timeout(600)

SHOP = """
import os
from flask import Flask
from hogtrace_flask import HogTrace

app = Flask(__name__)
HogTrace(app, probes=["shop.hogtrace"], exporter="memory")
tracer = app.extensions["hogtrace"].tracer
print("child" if os.environ.get("WERKZEUG_RUN_MAIN") else "first", "without" if tracer is None else "with", flush=True)
"""

GOOD = "fn:shop.work:entry { capture(args); }\n"


def start(folder: Path, *options: str, program: str = GOOD) -> subprocess.Popen[str]:
    """Start the server with the application in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOGTRACE_", "FLASK_"))}
    (folder / "shop.py").write_text(SHOP)
    (folder / "shop.hogtrace").write_text(program)
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "flask", "--app", "shop", "run", "--port", "0", *options],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--debug"], ["first without", "child with"]),
        pytest.param(["--reload"], ["first without", "child with"], marks=pytest.mark.slow),
        (["--debug", "--no-reload"], ["first with"]),
        pytest.param([], ["first with"], marks=pytest.mark.slow),
    ],
)
def test_the_process_that_watches_installs_nothing(tmp_path: Path, options: list[str], expected: list[str]) -> None:
    """Only the one that serves has a tracer, whether the option or the debug mode turns the reloader on."""
    said = []
    with start(tmp_path, *options) as server:
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if line.startswith(("first", "child")):
                    said.append(line.strip())
                if "CTRL+C" in line and len(said) >= len(expected):
                    break
                if len(said) == len(expected) == 2:
                    break
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    assert said == expected


def test_what_is_wrong_is_said_before_anything_is_watched(tmp_path: Path) -> None:
    """The command fails at once, as it does for a mistake in Python."""
    with start(tmp_path, "--debug", program="fn:shop.work:entry { capture(args; }\n") as server:
        assert server.stdout is not None
        printed = server.stdout.read()
    assert server.returncode == 1
    assert "error[HT022]: `(` is not closed" in printed
    assert "Restarting" not in printed
