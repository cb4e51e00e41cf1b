"""SIGTERM: nothing that was captured is lost, and the process ends by the signal, as it would without HogTrace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hogtrace import Settings, Tracer, _state, termination
from hogtrace.events import read_jsonl
from hogtrace.exporters import MemoryExporter
from tests.hogtrace.exporters.samples import numbers
from tests.hogtrace.pipelines import until
from tests.servers import ROOT, granian, read_events, uvicorn, waitress

TRACER = """
import os, signal, sys, threading, time
import hogtrace
from hogtrace import termination
from hogtrace.exporters import JSONLinesExporter
# How long an end may take is what one test is about; in the others a busy machine may take its time.
usual, termination._WITHIN = termination._WITHIN, 1000
def work(number): return number
def wait():
    # One long sleep goes on if another thread happens to get the signal.
    while True: time.sleep(0.05)
PROBE = hogtrace.compile("fn:__main__.work:entry { capture(number); }")
def make(path, **options):
    tracer = hogtrace.Tracer(exporter=JSONLinesExporter(path), batch_delay=3600, max_overhead=None, **options)
    tracer.install(PROBE)
    return tracer
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start `script`, and wait until it has printed `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", TRACER + script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", line + process.stdout.read()
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; give the exit code and what was printed after `ready`."""
    with process:
        assert process.stdout is not None
        text = process.stdout.read()
        return process.wait(60), text


def environment(path: Path, delay: float = 1) -> dict[str, str]:
    """Give the variables by which events go to `path`, after `delay` seconds if nobody flushes."""
    exporter = {"BACKEND": "jsonl", "OPTIONS": {"path": str(path)}}
    return {"HOGTRACE_EXPORTER": json.dumps(exporter), "HOGTRACE_BATCH_DELAY": str(delay)}


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nobody handle SIGTERM in this process, for none of its tracers, and see that nobody does afterwards."""
    monkeypatch.setattr(_state, "sigterm_for", {})
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, before)


def test_a_script_ends_by_the_signal_with_everything_exported(tmp_path: Path) -> None:
    """The exit status is that of the signal; no exit handler runs, as none would without HogTrace."""
    path = tmp_path / "events.jsonl"
    process = start(
        "import atexit\n"
        "atexit.register(print, 'at exit')\n"
        "tracer = make(sys.argv[1])\n"
        "for number in range(3000): work(number)\n"
        "print('ready')\nwait()\n",
        path,
    )
    process.terminate()
    assert end(process) == (-signal.SIGTERM, "")
    assert numbers(list(read_jsonl(path))) == list(range(3000))


def test_without_the_setting_the_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Nothing of ours runs then, and what waited is lost."""
    path = tmp_path / "events.jsonl"
    process = start(
        "tracer = make(sys.argv[1], flush_on_sigterm=False)\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
        "work(1)\nprint('ready')\nwait()\n",
        path,
    )
    process.terminate()
    assert end(process)[0] == -signal.SIGTERM
    assert list(read_jsonl(path)) == []


HANG = """
class Hang:
    def export(self, events): os.write(1, b"flushing\\n"); time.sleep(1000)
    def close(self): pass
hanging = [hogtrace.Tracer(exporter=Hang(), max_overhead=None, batch_delay=3600) for _ in range(3)]
for tracer in hanging: tracer.install(PROBE)
"""


def test_hanging_exporters_cost_two_seconds() -> None:
    """All of them together."""
    process = start(HANG + "termination._WITHIN = usual\nwork(1)\nprint('ready')\nwait()\n")
    begun = time.monotonic()
    process.terminate()
    assert end(process) == (-signal.SIGTERM, "flushing\n" * 3)
    assert time.monotonic() - begun > 1.5


def test_beside_hanging_exporters_others_export(tmp_path: Path) -> None:
    """What they have is in the file while the end waits for those that hang; a second signal ends that at once."""
    path = tmp_path / "events.jsonl"
    process = start(HANG + "tracer = make(sys.argv[1])\nwork(1)\nprint('ready')\nwait()\n", path)
    process.terminate()
    until(lambda: path.exists() and numbers(list(read_jsonl(path))) == [1])
    assert process.poll() is None
    process.terminate()
    assert end(process)[0] == -signal.SIGTERM


def test_a_second_signal_ends_it_at_once() -> None:
    """Whoever is in a hurry need not wait for the flush."""
    process = start(
        "class Hang:\n"
        "    def export(self, events): os.write(1, b'flushing\\n'); time.sleep(1000)\n"
        "    def close(self): pass\n"
        "tracer = hogtrace.Tracer(exporter=Hang(), max_overhead=None, batch_delay=3600)\n"
        "tracer.install(PROBE)\n"
        "work(1)\nprint('ready')\nwait()\n"
    )
    process.terminate()
    assert process.stdout is not None
    assert process.stdout.readline() == "flushing\n"
    process.terminate()
    assert end(process)[0] == -signal.SIGTERM


def test_threads_and_forked_children_are_covered(tmp_path: Path) -> None:
    """A child keeps the handler: `multiprocessing` ends its children by SIGTERM."""
    path = tmp_path / "events.jsonl"
    process = start(
        "import multiprocessing\n"
        "def child(ready):\n"
        "    thread = threading.Thread(target=work, args=(2,))\n"
        "    thread.start(); thread.join()\n"
        "    ready.send(0)\n"
        "    wait()\n"
        "tracer = make(sys.argv[1])\n"
        "work(1)\n"
        "here, there = multiprocessing.Pipe()\n"
        "one = multiprocessing.get_context('fork').Process(target=child, args=(there,))\n"
        "one.start(); here.recv(); one.terminate(); one.join()\n"
        "assert one.exitcode == -signal.SIGTERM, one.exitcode\n"
        "print('ready')\nwait()\n",
        path,
    )
    process.terminate()
    assert end(process)[0] == -signal.SIGTERM
    assert sorted(numbers(list(read_jsonl(path)))) == [1, 2]


def test_where_the_signal_does_not_end_the_process_all_goes_on(tmp_path: Path) -> None:
    """The first process of a container is such a one; here the signal is turned off just before it comes again."""
    path = tmp_path / "events.jsonl"
    process = start(
        "tracer = make(sys.argv[1])\n"
        "def survive(number): signal.signal(number, signal.SIG_IGN); os.kill(os.getpid(), number)\n"
        "signal.raise_signal, real = survive, signal.raise_signal\n"
        "work(1)\n"
        "real(signal.SIGTERM)\n"
        "work(2)\n"
        "signal.raise_signal = real\n"
        "print('ready')\nwait()\n",
        path,
    )
    process.terminate()
    assert end(process)[0] == -signal.SIGTERM
    assert numbers(list(read_jsonl(path))) == [1, 2]


@pytest.mark.usefixtures("default")
def test_the_handler_goes_with_the_last_tracer() -> None:
    """It comes with the first that wants it, and leaves what was there before."""
    off = Tracer(exporter=MemoryExporter(), flush_on_sigterm=False)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    one, two = Tracer(exporter=MemoryExporter()), Tracer(exporter=MemoryExporter())
    assert signal.getsignal(signal.SIGTERM) is termination._flush_and_end
    one.stop()
    off.stop()
    assert signal.getsignal(signal.SIGTERM) is termination._flush_and_end
    two.stop()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("default")
def test_handlers_of_others_are_left_alone() -> None:
    """Whether they were there before or come later; so is a signal that is ignored."""

    def own(*_: object) -> None:
        """Handle it."""

    for handler in (own, signal.SIG_IGN):
        signal.signal(signal.SIGTERM, handler)
        with Tracer(exporter=MemoryExporter()):
            assert signal.getsignal(signal.SIGTERM) is handler
        assert signal.getsignal(signal.SIGTERM) is handler
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Tracer(exporter=MemoryExporter()):
        signal.signal(signal.SIGTERM, own)
    assert signal.getsignal(signal.SIGTERM) is own
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.usefixtures("default")
def test_in_another_thread_nothing_is_done() -> None:
    """Python lets only the main thread set handlers."""
    seen = []

    def work() -> None:
        with Tracer(exporter=MemoryExporter()):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_it_is_a_setting() -> None:
    """On unless it is turned off."""
    assert Settings.load({}, environ={}).flush_on_sigterm
    assert not Settings.load({}, environ={"HOGTRACE_FLUSH_ON_SIGTERM": "0"}).flush_on_sigterm


def test_waitress_loses_nothing(tmp_path: Path) -> None:
    """It handles no signals: the process is killed by SIGTERM, and still has written every event."""
    path = tmp_path / "events.jsonl"
    env = {
        "HOGTRACE_EXPORTER": f'{{"BACKEND": "jsonl", "OPTIONS": {{"path": "{path}"}}}}',
        "HOGTRACE_BATCH_DELAY": "60",
    }
    with waitress("tests.hogtrace.terminated:wsgi", tmp_path, env={**env, "WAITRESS_HANDLES": "0"}) as server:
        server.exit_code = -signal.SIGTERM
        with server.client() as client:
            assert [client.get(f"/{number}").status_code for number in range(20)] == [200] * 20
        server.stop()
    assert [event["values"]["path"] for event in read_events(path)] == [f"/{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("app", "options"),
    [
        ("tests.hogtrace.terminated:django", ["--lifespan", "off"]),
        ("tests.hogtrace.terminated:asgi", ["--lifespan", "off"]),
        ("tests.hogtrace.terminated:late", ["--lifespan", "off"]),
        ("tests.hogtrace.terminated:late", ["--lifespan", "off", "--loop", "asyncio", "--http", "h11"]),
        pytest.param("tests.hogtrace.terminated:asgi", [], marks=pytest.mark.slow),
    ],
)
def test_uvicorn_loses_nothing(tmp_path: Path, app: str, options: list[str]) -> None:
    """A request, and SIGTERM at once: every event is there, whether uvicorn's own handlers were in place or not."""
    path = tmp_path / "events.jsonl"
    env = {
        "HOGTRACE_EXPORTER": f'{{"BACKEND": "jsonl", "OPTIONS": {{"path": "{path}"}}}}',
        "HOGTRACE_BATCH_DELAY": "60",
    }
    with uvicorn(app, tmp_path, options=options, env=env) as server:
        with server.client() as client:
            assert [client.get(f"/{number}").status_code for number in range(20)] == [200] * 20
        server.stop()
    assert [event["values"]["path"] for event in read_events(path)] == [f"/{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        ("tests.hogtrace.terminated:wsgi", "wsgi"),
        pytest.param("tests.hogtrace.terminated:asgi", "asgi", marks=pytest.mark.slow),
        pytest.param("tests.hogtrace.terminated:asgi", "asginl", marks=pytest.mark.slow),
        pytest.param("tests.hogtrace.terminated:late", "asginl", marks=pytest.mark.slow),
    ],
)
def test_granian_loses_nothing(tmp_path: Path, app: str, interface: str) -> None:
    """Its workers are children of `multiprocessing`, and end without `atexit`."""
    path = tmp_path / "events.jsonl"
    env = environment(path, delay=60)
    with granian(app, tmp_path, interface=interface, workers=2, env=env) as server:
        for number in range(20):
            with server.client() as client:
                assert client.get(f"/{number}").status_code == 200
        server.stop()
    assert sorted(event["values"]["path"] for event in read_events(path)) == sorted(f"/{n}" for n in range(20))


@pytest.mark.slow
def test_the_workers_of_uvicorn_lose_nothing(tmp_path: Path) -> None:
    """They import the application when uvicorn's handlers are in place, and are ended by their parent."""
    path = tmp_path / "events.jsonl"
    options = ["--lifespan", "off", "--workers", "2"]
    with uvicorn(
        "tests.hogtrace.terminated:asgi", tmp_path, options=options, env=environment(path, delay=60)
    ) as server:
        server.exit_code = 0  # the parent's
        for number in range(20):
            with server.client() as client:
                assert client.get(f"/{number}").status_code == 200
        server.stop()
    assert sorted(event["values"]["path"] for event in read_events(path)) == sorted(f"/{n}" for n in range(20))


def test_uvicorn_loses_nothing_of_requests_that_are_under_way(tmp_path: Path) -> None:
    """What ends after the signal has come is exported too, whatever uvicorn had in its hands."""
    path = tmp_path / "events.jsonl"
    env = {
        "HOGTRACE_EXPORTER": f'{{"BACKEND": "jsonl", "OPTIONS": {{"path": "{path}"}}}}',
        "HOGTRACE_BATCH_DELAY": "60",
    }
    answers: list[int] = []

    def ask(number: int) -> None:
        with server.client() as client:
            answers.append(client.get(f"/slow/{number}").status_code)

    with uvicorn("tests.hogtrace.terminated:late", tmp_path, options=["--lifespan", "off"], env=env) as server:
        with server.client() as client:
            assert client.get("/first").status_code == 200
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        until(lambda: server.log.count("slow began") == 20)
        server.stop()
        for thread in threads:
            thread.join()
    assert answers == [200] * 20
    paths = sorted(event["values"]["path"] for event in read_events(path))
    assert paths == sorted(["/first", *(f"/slow/{number}" for number in range(20))])


@pytest.mark.slow
def test_uvicorn_loses_nothing_twenty_times(tmp_path: Path) -> None:
    """Start, one request, SIGTERM at once: 20 of 20."""
    for attempt in range(20):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        path = directory / "events.jsonl"
        env = environment(path)
        app = ("tests.hogtrace.terminated:django", "tests.hogtrace.terminated:late")[attempt % 2]
        with uvicorn(app, directory, options=["--lifespan", "off"], env=env) as server:
            with server.client() as client:
                assert client.get("/only").status_code == 200
            server.stop()
        assert [event["values"]["path"] for event in read_events(path)] == ["/only"]
