"""What requests of a real application lose when an exporter does badly: they should lose nothing.

    python benchmarks/export_faults.py [--rounds N] [--requests N]

A Flask application under gunicorn, with threads, in one process for each variant: without HogTrace (twice, which
shows the noise), and with a probe that captures in each request and an exporter that is well, slow, refused, hanging,
answered 500 or 429, or whose disk is full or whose database somebody else has locked. Requests go to one variant
after the other, a few at a time and in a new order each time, so that all see the same machine. Shown are medians and
99th percentiles in milliseconds, their ratios to those without HogTrace, by how much the process has grown since its
first requests, in MB, and what became of the events. The queue holds 1,000 events, so that it is full where nothing
is exported. Ends with 1 if accounts do not balance, or a queue has grown beyond its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parent.parent
QUEUE = 1000
WARM = 100
LOCKED = "locked.sqlite"
SLOW = 0.3  # seconds that the slow receiver takes for a batch


class Receiver(ThreadingHTTPServer):
    """Answers what is posted with the status that the path names; `/hang` gets no answer, `/slow` a late one."""

    daemon_threads = True
    allow_reuse_address = True


class Handler(BaseHTTPRequestHandler):
    """Reads a batch, and does what the path says."""

    def do_POST(self) -> None:
        """Answer, or not."""
        self.rfile.read(int(self.headers["Content-Length"]))
        what = self.path.strip("/").partition("/")[0]
        if what == "hang":
            time.sleep(3600)
        if what == "slow":
            time.sleep(SLOW)
        self.send_response(int(what) if what.isdecimal() else 200)
        if what == "429":
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Variant:
    """A server that runs, and what was measured of it."""

    name: str
    connection: HTTPConnection
    latencies: list[float] = field(default_factory=list)
    first_resident: int = 0

    def ask(self, path: str = "/") -> bytes:
        """Make one request."""
        self.connection.request("GET", path)
        if self.connection.sock is not None:
            # Or the kernel waits 40 ms for the rest of an answer that comes in two pieces.
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.name}: {answer.status} {body!r}")
        return body

    def measure(self, count: int) -> None:
        """Make `count` requests, and note how long each takes."""
        for _ in range(count):
            begun = time.perf_counter()
            self.ask()
            self.latencies.append(time.perf_counter() - begun)

    def told(self) -> dict[str, Any]:
        """Give what the process says of itself."""
        told: dict[str, Any] = json.loads(self.ask("/accounts"))
        return told


def exporters(directory: Path, port: int, closed: int) -> dict[str, object]:
    """Give the variants: names, and the setting EXPORTER of each; None is without HogTrace."""

    def http(path: str, to: int = port) -> object:
        return {"BACKEND": "http", "OPTIONS": {"url": f"http://127.0.0.1:{to}/{path}", "timeout": 5}}

    def otlp(path: str, to: int = port) -> object:
        return {"BACKEND": "otlp", "OPTIONS": {"endpoint": f"http://127.0.0.1:{to}/{path}", "timeout": 5}}

    def posthog(path: str, to: int = port) -> object:
        options = {"project_api_key": "phc_benchmark", "host": f"http://127.0.0.1:{to}/{path}", "timeout": 5}
        return {"BACKEND": "posthog", "OPTIONS": options}

    def sqlite(path: Path) -> object:
        return {"BACKEND": "sqlite", "OPTIONS": {"path": str(path)}}

    jsonl = {"BACKEND": "jsonl", "OPTIONS": {"path": str(directory / "a.jsonl")}}
    return {
        "none": None,
        "none again": None,
        "memory": "memory",
        "jsonl": jsonl,
        "jsonl, disk full": {"BACKEND": "jsonl", "OPTIONS": {"path": "/dev/full"}},
        "sqlite": sqlite(directory / "a.sqlite"),
        "sqlite locked": sqlite(directory / LOCKED),
        "http": http("200"),
        "http refused": http("", closed),
        "http hanging": http("hang"),
        "http 500": http("500"),
        "http 429": http("429"),
        "http slow": http("slow"),
        "otlp": otlp("200"),
        "otlp refused": otlp("", closed),
        "otlp hanging": otlp("hang"),
        "otlp 503": otlp("503"),
        "posthog refused": posthog("", closed),
        "posthog hanging": posthog("hang"),
        "posthog 500": posthog("500"),
        "jsonl + http hanging": [jsonl, http("hang")],
    }


@contextmanager
def served(exporter: object, directory: Path) -> Iterator[int]:
    """Serve the application with gunicorn and that exporter; give the port."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_RUNTIME_DIR": str(directory),
        "NO_PROXY": "*",
        "HOGTRACE_QUEUE_EVENTS": str(QUEUE),
        "HOGTRACE_BATCH_DELAY": "0.1",
        "HOGTRACE_BATCH_SIZE": "100",
        "HOGTRACE_EXPORT_TIMEOUT": "5",
        "HOGTRACE_MAX_OVERHEAD": "none",
        "HOGTRACE_EXPORTER": exporter if isinstance(exporter, str) else json.dumps(exporter),
    }
    if exporter is None:
        environment["HOGTRACE_DISABLED"] = "1"
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port: int = listener.getsockname()[1]
        command = ["gunicorn", "--worker-class", "gthread", "--threads", "4"]
        command += ["--log-level", "error", "--keep-alive", "600"]
        command += ["--bind", f"fd://{listener.fileno()}", "benchmarks.faults_app:make()"]
        process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", *command],
            env=environment,
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            stderr=(directory / f"{port}.log").open("wb"),
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)


def shown(variant: Variant, base: Variant, requests: int) -> tuple[str, list[str]]:
    """Give a line for a variant, and what is wrong with it."""
    times, other = variant.latencies, base.latencies
    late, usual = quantiles(times, n=100)[98], quantiles(other, n=100)[98]
    line = (
        f"{variant.name:22}{median(times) * 1e3:8.2f}{late * 1e3:8.2f}"
        f"{median(times) / median(other):9.3f}{late / usual:9.3f}"
    )
    told = variant.told()
    grown = (told["resident"] - variant.first_resident) / 1024
    line += f"{grown:8.1f}  "
    status = told["status"]
    if status is None:
        return line, []
    problems = []
    several = status["exporters"] if len(status["exporters"]) > 1 else []
    accounts = [("", status), *((f"{one['name']} ", one) for one in several)]
    texts = []
    for name, one in accounts:
        dropped = ", ".join(f"{count} {cause}" for cause, count in one["dropped"].items() if count)
        texts.append(f"{name}{one['captured']} = {one['exported']} + {one['queued']} + {sum(one['dropped'].values())}")
        if dropped:
            texts[-1] += f" ({dropped})"
        if one["captured"] != one["exported"] + one["queued"] + sum(one["dropped"].values()):
            problems.append(f"{variant.name}: {name}accounts do not balance: {one}")
        # What waits, and what is in the exporter's hands.
        if one["queued"] > QUEUE + 100:
            problems.append(f"{variant.name}: {name}{one['queued']} events wait, more than may")
    if sum(probe["captured"] for probe in status["probes"]) != requests:
        problems.append(f"{variant.name}: not one capture for each of {requests} requests: {status['probes']}")
    return line + "; ".join(texts), problems


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=80, help="how often each variant has its turn")
    parser.add_argument("--requests", type=int, default=25, help="how many requests it gets each time")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        receiver = Receiver(("127.0.0.1", 0), Handler)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as ending:
            closed = ending.getsockname()[1]
        variants = []
        for name, exporter in exporters(directory, receiver.server_port, closed).items():
            port = stack.enter_context(served(exporter, directory))
            variants.append(Variant(name, HTTPConnection("127.0.0.1", port, timeout=60)))
        for variant in variants:
            variant.told()  # so that its exporter is there
        locking = stack.enter_context(closing(sqlite3.connect(directory / LOCKED, isolation_level=None)))
        locking.execute("BEGIN EXCLUSIVE")
        for variant in variants:
            for _ in range(WARM):
                variant.ask()
            variant.first_resident = variant.told()["resident"]
        order = list(variants)
        for _ in range(options.rounds):
            random.shuffle(order)
            for variant in order:
                variant.measure(options.requests)
        head = f"{'exporter':22}{'median':>8}{'p99':>8}{'ratio':>9}{'of p99':>9}{'MB':>8}"
        print(f"{head}  captured = exported + queued + dropped")
        problems = []
        for variant in variants:
            line, found = shown(variant, variants[0], WARM + options.rounds * options.requests)
            print(line)
            problems += found
    print("\n".join(problems) or "all accounts balance, and no queue is beyond its bound")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
