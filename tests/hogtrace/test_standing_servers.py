"""`hogtrace status` of real servers: every worker is there, with its own counts, also after it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hogtrace.events import read_sqlite
from hogtrace.standing import status_of
from tests.servers import ANSWER_WITHIN, ROOT, gunicorn

APP = """
import os
from hogtrace import _state
from hogtrace.wsgi import HogTraceMiddleware

# How long the end of a process may take is not what this is about.
_state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 30

PROBES = '''
fn:served.work:entry { capture(number); }
fn:served.rest:entry { capture(number); }
fn:absent_module.work:entry { capture(number); }
'''

def work(number):
    pass

def rest(number):
    pass

def serve(environ, start_response):
    work(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

application = HogTraceMiddleware(
    serve,
    probes=[PROBES],
    exporter={"BACKEND": "sqlite", "OPTIONS": {"path": "events.sqlite", "timeout": 30}},
    batch_delay=0.05,
    max_overhead=None,
    report_interval=0.2,
)
"""


def asked(folder: Path, *options: str) -> str:
    """Give what `hogtrace status` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "hogtrace", "status", "events.sqlite", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def once(folder: Path, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Give what `hogtrace status --json` would say once it `holds`."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while not holds(values := json.loads(status_of(folder / "events.sqlite", as_json=True))):
        assert time.monotonic() < deadline, values
        time.sleep(0.1)
    return values


def by_process(values: dict[str, Any], target: str = "served.work") -> dict[int, int]:
    """Give the hits of that probe by the number of the process."""
    return {
        one["process"]: probe["hits"]
        for one in values["processes"]
        for probe in one["status"]["probes"]
        if probe["target"] == target
    }


def states(values: dict[str, Any]) -> Counter[str]:
    """Give how many processes are in which state."""
    return Counter(one["state"] for one in values["processes"])


@pytest.mark.parametrize("preload", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["plain", "preload"])
def test_under_gunicorn(tmp_path: Path, preload: bool) -> None:
    """Two workers before any request, after some, after one of them was killed, and after the end."""
    (tmp_path / "served.py").write_text(APP)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    # The one that loads the application first has probes, too.
    masters = 1 if preload else 0
    with gunicorn(
        "served:application", tmp_path, workers=2, preload=preload, env={"PYTHONPATH": path}, cwd=tmp_path
    ) as server:
        with server.client() as http:
            answered = Counter([int(http.get("/").text)])
        values = once(tmp_path, lambda values: states(values) == {"running": 2 + masters})
        workers = set(by_process(values)) - {server.process.pid}
        assert workers == children(server.process.pid)

        with server.client() as http:
            answered.update(int(http.get("/").text) for _ in range(30))
        values = once(tmp_path, lambda values: sum(by_process(values).values()) == 31)
        assert {process: hits for process, hits in by_process(values).items() if hits} == answered
        assert set(answered) <= workers
        values = once(tmp_path, lambda values: values["exported"] == len(read_sqlite(tmp_path / "events.sqlite")))
        assert values["captured"] == values["exported"] + values["queued"] + sum(values["dropped"].values())
        text = asked(tmp_path)
        assert text.startswith(f"{2 + masters} processes: {2 + masters} running; said ")
        assert f"installed in {2 + masters} of {2 + masters}" in text
        assert f"pending in {2 + masters} of {2 + masters}" in text
        (probe,) = [probe for probe in values["probes"] if probe["target"] == "served.rest"]
        assert (probe["hits"], probe["states"]) == (0, {"installed": 2 + masters})

        killed = min(workers)
        os.kill(killed, signal.SIGKILL)
        values = once(tmp_path, lambda values: states(values) == {"running": 2 + masters, "gone": 1})
        assert [one["process"] for one in values["processes"] if one["state"] == "gone"] == [killed]
        assert sum(by_process(values).values()) == 31
        verbose = asked(tmp_path, "-v")
        assert f"process {killed} on " in verbose
        assert "it was killed or it crashed" in verbose
        assert all(f"\nprocess {one['process']} on " in verbose for one in values["processes"])
        server.stop()

    values = json.loads(asked(tmp_path, "--json", "--all"))
    assert states(values) == {"ended": 2 + masters, "gone": 1}
    assert sum(by_process(values).values()) == 31
    assert len(read_sqlite(tmp_path / "events.sqlite")) == values["exported"]


def children(process: int) -> set[int]:
    """Give the numbers of the processes that it has started."""
    return set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
