"""What the middleware adds to a request in which nothing is captured, and what a captured event and its record add.

    python benchmarks/request_cost.py [--rounds N] [--requests N]

Each round answers the same requests by every variant once, in a shuffled order, so that a noisy moment hits all of them
alike. The applications do nothing. The report gives what is added, in microseconds (the median over the rounds), and
the ratio to a request to the same application without the middleware. `flask` is the smallest application of a
framework's: its ratio is an upper bound for real ones. What is measured is the processor time of all threads of the
process, so what exporting takes is in it, and what other processes take is not. Quote the ratios: absolute times belong
to one machine and one hour. In a larger application the same instructions take longer, because they and their data have
left the processor's caches since the request before: in Flask the middleware adds about three times what it adds to an
application that does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from hogtrace.wsgi import HogTraceMiddleware as WSGIMiddleware
from hogtrace_asgi import HogTraceMiddleware as ASGIMiddleware

Run = Callable[[int], None]


class Discard:
    """An exporter for which every event is welcome and none is kept."""

    def export(self, events: object) -> None:
        """Take a batch."""

    def close(self) -> None:
        """Nothing is held."""


def work(number: int) -> int:
    """Be probed."""
    return number


def wsgi_app(_environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer."""
    start_response("200 OK", [])
    work(1)
    return [b"x"]


async def asgi_app(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    work(1)
    await send({"type": "http.response.body", "body": b"x"})


def flask_app() -> Flask:
    """Make an application with one view."""
    app = Flask(__name__)
    app.add_url_rule("/<int:number>", "view", lambda number: str(work(number)))
    return app


def start_response(_status: str, _headers: Any, _error: Any = None) -> None:
    """Take the start of a response."""


async def send(_message: Any) -> None:
    """Take a message."""


def wsgi(app: Any) -> Run:
    """Answer requests as a WSGI server does."""

    def run(requests: int) -> None:
        for _ in range(requests):
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": "/7",
                "SCRIPT_NAME": "",
                "SERVER_NAME": "x",
                "SERVER_PORT": "80",
                "wsgi.url_scheme": "http",
            }
            body = app(environ, start_response)
            for _part in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return run


def asgi(app: Any) -> Run:
    """Answer requests as an ASGI server does."""

    async def run(requests: int) -> None:
        for _ in range(requests):
            await app({"type": "http", "method": "GET", "path": "/7", "headers": []}, None, send)

    return lambda requests: asyncio.run(run(requests))


def measure(rounds: int, requests: int) -> dict[str, tuple[float, float]]:
    """Give for each variant what it adds to its base, in microseconds, and how many times the base it takes."""
    idle: dict[str, Any] = {"probes": [], "exporter": Discard()}
    capturing: dict[str, Any] = {
        "probes": [f"fn:{__name__}.work:entry {{ capture(number); }}"],
        "exporter": Discard(),
        "max_overhead": None,
        "queue_events": 1_000_000,
    }
    bare: dict[str, Run] = {"wsgi": wsgi(wsgi_app), "asgi": asgi(asgi_app), "flask": wsgi(flask_app())}
    wrapped: dict[str, Callable[..., Run]] = {
        "wsgi": lambda **options: wsgi(WSGIMiddleware(wsgi_app, **options)),
        "asgi": lambda **options: asgi(ASGIMiddleware(asgi_app, **options)),
        "flask": lambda **options: wsgi(WSGIMiddleware(flask_app(), **options)),
    }
    variants = dict(bare)
    variants |= {f"{name}, middleware": make(**idle) for name, make in wrapped.items()}
    rates = run_rounds(variants, rounds, requests)
    # A probe on the application is there for all variants, so the requests with captures have rounds of their own.
    captured = {f"{name}, one event and its record": make(**capturing) for name, make in wrapped.items()}
    rates |= run_rounds(captured, rounds, requests)
    report = {}
    for name, rate in rates.items():
        base = rates[name.partition(",")[0]]
        report[name] = (rate - base, rate / base)
    return report


def run_rounds(variants: dict[str, Run], rounds: int, requests: int) -> dict[str, float]:
    """Give the median processor time of a request, in microseconds, by variant."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for run in variants.values():
        run(100)
    for _ in range(rounds):
        for name in random.sample(list(variants), len(variants)):
            began = time.process_time()
            variants[name](requests)
            times[name].append((time.process_time() - began) / requests * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=1_000)
    options = parser.parse_args()
    for name, (added, ratio) in measure(options.rounds, options.requests).items():
        print(f"{name:40} {added:+8.1f} µs {ratio:8.2f}")


if __name__ == "__main__":
    main()
