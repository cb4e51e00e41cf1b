"""Starts real servers on loopback ports for the tests, and ends them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent

# Seconds; guards against hanging. A server answers its first request once it has started, so the client's patience
# bounds the start too.
ANSWER_WITHIN = 60.0
STOP_WITHIN = 60.0

# How long the servers themselves wait: for requests at their end, for workers that do not say that they live, and for
# the next request of a connection, which a client must not find closed.
_GRACE = ["--graceful-timeout", "60"]
_KEEP_ALIVE = "300"


@dataclass
class Server:
    """A server that runs: where it listens, its process, and what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path
    # How it ends when it is asked to.
    exit_code: int

    @property
    def log(self) -> str:
        """All that the server has printed so far."""
        return self.log_path.read_text(errors="replace")

    def client(self) -> httpx.Client:
        """Give a client whose requests are relative to the server's URL."""
        return httpx.Client(base_url=self.url, timeout=ANSWER_WITHIN, trust_env=False)

    def stop(self) -> None:
        """Ask the server to end, and wait until it has. Raises if it ends late, or not as it should."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                # The whole group: the server's workers too, which it started.
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise AssertionError(f"the server did not end within {STOP_WITHIN} s:\n{self.log}") from None
            assert self.process.returncode == self.exit_code, self.log


@contextmanager
def gunicorn(
    app: str,
    directory: Path,
    *,
    workers: int = 1,
    threads: int = 1,
    worker: str = "sync",
    preload: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """Serve the WSGI `app` (`module:attribute`) with gunicorn; logs and sockets go to `directory`.

    `worker` is the class of its workers; more than one of `threads` makes it `gthread`.
    """
    command = [
        "gunicorn",
        "--workers",
        str(workers),
        *_GRACE,
        "--timeout",
        "300",
        "--keep-alive",
        _KEEP_ALIVE,
        "--worker-tmp-dir",
        str(directory),
    ]
    command += ["--worker-class", "gthread" if threads > 1 else worker, "--threads", str(threads)]
    command += ["--preload"] if preload else []
    with _serve([*command, app], "--bind", "fd://{fd}", directory, env, cwd, 0) as server:
        yield server


@contextmanager
def uvicorn(
    app: str,
    directory: Path,
    *,
    factory: bool = False,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """Serve the ASGI `app` (`module:attribute`; with `factory`, of what makes it); logs go to `directory`.

    `options` are more of uvicorn's own.
    """
    waits = ["--timeout-graceful-shutdown", "60", "--timeout-keep-alive", _KEEP_ALIVE]
    command = ["uvicorn", *waits, *(["--factory"] if factory else []), *options, app]
    # uvicorn dies of the signal that stopped it, once it has shut down: nothing of atexit runs.
    with _serve(command, "--fd", "{fd}", directory, env, cwd, -signal.SIGTERM) as server:
        yield server


@contextmanager
def hypercorn(app: str, directory: Path, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Serve the ASGI `app` (`module:attribute`) with hypercorn; logs go to `directory`."""
    command = ["hypercorn", *_GRACE, "--keep-alive", _KEEP_ALIVE, app]
    with _serve(command, "--bind", "fd://{fd}", directory, env, cwd, 0) as server:
        yield server


@contextmanager
def daphne(app: str, directory: Path, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Serve the ASGI `app` (`module:attribute`) with daphne; logs go to `directory`."""
    with _serve(["daphne", app], "--fd", "{fd}", directory, env, cwd, 0) as server:
        yield server


@contextmanager
def granian(
    app: str,
    directory: Path,
    *,
    interface: str = "asgi",
    workers: int = 1,
    threads: int = 4,
    factory: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """Serve the `app` (`module:attribute`; with `factory`, of what makes it) with granian; logs go to `directory`.

    `threads` is how many each worker has for WSGI applications; in an ASGI worker there is one, for its loop.
    """
    command = ["granian", "--interface", interface, "--workers", str(workers), "--workers-kill-timeout", "60"]
    command += ["--blocking-threads", str(threads)] if interface == "wsgi" else []
    command += ["--factory"] if factory else []
    # granian takes no socket that is open already. One that is bound and does not listen keeps the port for it.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with _run([*command, "--port", str(port), app], port, directory, env, cwd, 0) as server:
            _await_listening(server, port)
            yield server


@contextmanager
def waitress(app: str, directory: Path, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Serve the WSGI `app` (`module:attribute`) with waitress and four threads; logs go to `directory`.

    waitress has no option for a socket that is open already, so `tests/waitress_server.py` hands it over.
    """
    with _serve(["tests.waitress_server"], app, "{fd}", directory, env, cwd, 0) as server:
        yield server


@contextmanager
def eventlet(app: str, directory: Path, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Serve the WSGI `app` (`module:function()`, which makes it) with eventlet; logs go to `directory`.

    `tests/eventlet_server.py` does what gunicorn's worker for eventlet did, which gunicorn has no more.
    """
    # Eventlet warns of itself.
    env = {**(env or {}), "PYTHONWARNINGS": "", "PYTHONDEVMODE": ""}
    with _serve(["tests.eventlet_server"], app, "{fd}", directory, env, cwd, 0) as server:
        yield server


@contextmanager
def _serve(
    command: Sequence[str],
    option: str,
    value: str,
    directory: Path,
    env: Mapping[str, str] | None,
    cwd: Path,
    exit_code: int,
) -> Iterator[Server]:
    # The listening socket is made here and handed over: no port can be lost to another process in between,
    # and a request that comes before the server is up waits in the socket's queue.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        descriptor = listener.fileno()
        port = listener.getsockname()[1]
        arguments = [*command, option, value.format(fd=descriptor)]
        with _run(arguments, port, directory, env, cwd, exit_code, inherited=[descriptor]) as server:
            # The server has it now: where it has ended nobody listens.
            listener.close()
            yield server


@contextmanager
def _run(
    command: Sequence[str],
    port: int,
    directory: Path,
    env: Mapping[str, str] | None,
    cwd: Path,
    exit_code: int,
    *,
    inherited: Sequence[int] = (),
) -> Iterator[Server]:
    log_path = directory / f"server-{port}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=cwd,
            # gunicorn keeps a control socket in the runtime directory.
            env={**_environment(), "XDG_RUNTIME_DIR": str(directory), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log_path, exit_code)
    try:
        yield server
    except BaseException:
        print(server.log)
        raise
    finally:
        server.stop()


def _await_listening(server: Server, port: int) -> None:
    deadline = time.monotonic() + ANSWER_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.process.poll() is None, server.log
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not listen") from None
            time.sleep(0.05)
        else:
            return


def _environment() -> dict[str, str]:
    """Give this process's environment, without what would set up HogTrace or Django behind a test's back.

    No overhead is too much: on a busy machine a probe may be over its budget, and would be taken out.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HOGTRACE_", "DJANGO_", "GRANIAN_", "GUNICORN_", "UVICORN_"))
    }
    path = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "HOGTRACE_MAX_OVERHEAD": "none"}


def overlap(server: Server, path: str, place: Path, names: list[str]) -> None:
    """Send one request for each of `names` and have them all wait for each other in `place` (`tests.rendezvous`)."""

    def get(name: str) -> tuple[int, str]:
        headers = {"X-Client": name, "X-Request-ID": name, "X-Place": str(place), "X-Count": str(len(names))}
        with server.client() as http:
            answer = http.get(path, headers=headers)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(get, names)) == [(203, name) for name in names]


def read_events(path: Path) -> list[dict[str, Any]]:
    """Give what was captured, from the JSON lines that a server's exporter has written to `path`, in order."""
    return _read(path, "capture")


def read_requests(path: Path) -> list[dict[str, Any]]:
    """Give the records of requests from there."""
    return _read(path, "request")


def _read(path: Path, kind: str) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [event for event in events if event["kind"] == kind]


def wait_for_events(path: Path, complete: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Give the events at `path` once they are `complete`. Raises `TimeoutError` if they do not become so."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while not complete(events := read_events(path)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(events)} events, and not those that were waited for")
        time.sleep(0.05)
    return events
