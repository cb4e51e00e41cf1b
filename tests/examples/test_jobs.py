"""The jobs of the examples: Celery's and RQ's in workers, a command of Django's, and a script."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hogtrace.reports import read_reports
from tests.servers import ROOT, read_events, wait_for_events

# Processes on a busy machine.
pytestmark = pytest.mark.timeout(600)

JOBS = ROOT / "examples" / "jobs"
STORE = "hogtrace.sqlite"
FIRST = {"cents": 5, "customer": "ada"}
SECOND = {"cents": 6, "customer": "ada"}


def work(folder: Path, script: str, **env: str) -> list[dict[str, Any]]:
    """Run a script beside the example, with events to a file, and give them."""
    path = folder / "events.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.patience\n{script}"],
        cwd=JOBS,
        env=environment(path) | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return wait_for_events(path, lambda events: len(events) >= 2)


def environment(path: Path) -> dict[str, str]:
    """Give the environment of a worker whose events go to `path`, and to a store beside it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOGTRACE_", "CELERY_"))}
    file = {"BACKEND": "jsonl", "OPTIONS": {"path": str(path)}}
    store = {"BACKEND": "sqlite", "OPTIONS": {"path": str(path.with_name(STORE))}}
    exporter = json.dumps([file, store])
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), str(JOBS)]), "HOGTRACE_EXPORTER": exporter}


def ended(folder: Path) -> list[bool]:
    """Say for each process that told the store of itself whether it said that it ended."""
    return [report.ended for report in read_reports(folder / STORE)]


@pytest.mark.slow
def test_a_task_is_a_request(tmp_path: Path) -> None:
    """In a worker with Celery's in-memory broker; the events have the task's id and name."""
    script = (
        "from celery.contrib.testing.worker import start_worker\n"
        "from shop_jobs import app, bill\n"
        "with start_worker(app, perform_ping_check=False, pool='solo'):\n"
        "    bill.apply_async(('ada', 11), task_id='job-7').get(timeout=60)\n"
    )
    events = work(tmp_path, script)
    assert [event["values"] for event in events] == [FIRST, SECOND]
    assert {event["request_id"] for event in events} == {"job-7"}
    assert events[0]["request"] == {"framework": "celery", "path": "shop_jobs.bill"}


def test_an_eager_task_is_a_request(tmp_path: Path) -> None:
    """So it is where tests run tasks at once."""
    script = "from shop_jobs import app, bill\napp.conf.task_always_eager = True\nbill.delay('ada', 11)\n"
    events = work(tmp_path, script)
    assert [event["values"] for event in events] == [FIRST, SECOND]


@contextmanager
def worker(folder: Path, env: dict[str, str]) -> Iterator[Path]:
    """Run a worker with two processes; give its log. At the end it is asked to stop, and does."""
    log = folder / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "shop_jobs", "worker", "--concurrency=2", "--loglevel=INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output, start_new_session=True)
    try:
        yield log
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_worker_with_processes(tmp_path: Path) -> None:
    """A real worker, forked processes and all; what waits at its end is exported."""
    path, broker = tmp_path / "events.jsonl", tmp_path / "broker"
    broker.mkdir()
    # Nothing but the end of the worker exports.
    env = environment(path) | {"BROKER": "filesystem://", "BROKER_FOLDER": str(broker), "HOGTRACE_BATCH_DELAY": "60"}
    script = "from shop_jobs import bill\nfor n in range(4): bill.apply_async(('ada', 11), task_id=f'job-{n}')\n"
    with worker(tmp_path, env) as log:
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, check=True, timeout=300)
        deadline = time.monotonic() + 60
        while log.read_text().count("succeeded") < 4:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    events = read_events(path)
    assert {event["request_id"] for event in events} == {f"job-{n}" for n in range(4)}
    assert [event["values"] for event in events].count(FIRST) == 4
    # The worker's own, two that served, and who sent the tasks.
    assert all(ended(tmp_path))
    assert len(ended(tmp_path)) >= 3


RQ = """
import fakeredis, rq, rq.worker, sys
import billing.management.commands.bill as billing
from traced_rq import TracedJob

def bill(customer):
    billing.charge(customer, 5)
    if customer == "nobody":
        raise LookupError(customer)

billing.bill = bill
bill.__module__ = billing.__name__
connection = fakeredis.FakeStrictRedis()
queue = rq.Queue(connection=connection, job_class=TracedJob)
for customer in ("ada", "nobody"):
    queue.enqueue(billing.bill, customer, job_id=f"job-{customer}")
worker = getattr(rq.worker, WORKER)([queue], connection=connection, job_class=TracedJob)
assert worker.work(burst=True, logging_level="CRITICAL")
"""
CHARGE = "billing.management.commands.bill.charge"


def probes(folder: Path) -> str:
    """Write a probe on the function that the jobs call, and give the file's name."""
    path = folder / "charge.hogtrace"
    path.write_text(
        f"fn:{CHARGE}:entry {{ $req.customer = customer; capture(customer=$req.customer, cents=cents); }}\n"
    )
    return str(path)


@pytest.mark.parametrize("worker", ["SimpleWorker", "Worker"])
def test_a_job_of_rq_is_a_request(tmp_path: Path, worker: str) -> None:
    """In the worker's own process or in a fork for each; a job that fails is one, too. Nothing waits for the end."""
    script = RQ.replace("WORKER", repr(worker))
    events = work(tmp_path, script, HOGTRACE_PROBES=probes(tmp_path), HOGTRACE_BATCH_DELAY="60")
    captured = [event for event in events if event["kind"] == "capture"]
    assert [event["values"] for event in captured] == [
        {"customer": "ada", "cents": 5},
        {"customer": "nobody", "cents": 5},
    ]
    # Of the children both; their worker captures nothing, and may be too short for a word.
    assert all(ended(tmp_path))
    assert len(ended(tmp_path)) >= (2 if worker == "Worker" else 1)
    assert [event["request_id"] for event in captured] == ["job-ada", "job-nobody"]
    path = "billing.management.commands.bill.bill"
    assert [event["request"] for event in captured] == [{"framework": "rq", "path": path}] * 2
    assert len({event["process"] for event in captured}) == (1 if worker == "SimpleWorker" else 2)


def test_a_command_of_django_is_a_request(tmp_path: Path) -> None:
    """A scope for each customer; what waits is exported when `manage.py` ends."""
    script = (
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(['manage.py', 'bill', 'ada', 'bob'])\n"
    )
    env = {"DJANGO_SETTINGS_MODULE": "billing.settings", "HOGTRACE_BATCH_DELAY": "60"}
    events = work(tmp_path, script, HOGTRACE_PROBES=probes(tmp_path), **env)
    captured = [event for event in events if event["kind"] == "capture"]
    assert [event["values"] for event in captured] == [
        {"customer": "ada", "cents": 1250},
        {"customer": "bob", "cents": 1250},
    ]
    assert len({event["request_id"] for event in captured}) == 2
    assert [event["request"] for event in captured] == [{"framework": "django", "path": "manage.py bill"}] * 2
