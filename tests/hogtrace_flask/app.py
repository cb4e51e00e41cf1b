"""The Flask application that the tests serve."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from flask import Flask, Response, request, send_file, stream_with_context

import tests.patience  # noqa: F401 - for its effect
from hogtrace_flask import HogTrace
from tests.rendezvous import meet

hogtrace = HogTrace()


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def parts(client: str) -> Iterator[bytes]:
    """Give a body in many parts; the client that leaves gets one without end."""
    for number in range(1000) if client != "cut" else count():
        work(client)
        yield b"%d\n" % number * 1000


def torn_down() -> None:
    """Do nothing; a place for a probe at the end of a request."""


def create_app() -> Flask:
    """Make the application, as a factory does; events go to the file that the environment names."""
    app = Flask(__name__)
    app.config["HOGTRACE_PROBES"] = [str(Path(__file__).parent / "probes.hogtrace")]
    app.config["HOGTRACE_EXPORTER"] = {
        "BACKEND": "hogtrace.exporters.JSONLinesExporter",
        "OPTIONS": {"path": os.environ["EVENTS_PATH"]},
    }
    hogtrace.init_app(app)

    @app.get("/meet")
    def meeting() -> tuple[str, int]:
        client = request.headers["X-Client"]
        work(client)
        meet(Path(request.headers["X-Place"]), client, int(request.headers["X-Count"]))
        work(client)
        return client, 203

    @app.get("/stream")
    def streaming() -> Response:
        return Response(stream_with_context(parts(request.headers["X-Client"])), mimetype="text/plain")

    @app.get("/file")
    def file() -> Response:
        work(request.headers["X-Client"])
        return send_file(__file__)

    @app.get("/fail")
    def failing() -> str:
        work(request.headers["X-Client"])
        raise RuntimeError("the application's own failure")

    @app.teardown_request
    def tear_down(_error: BaseException | None) -> None:
        torn_down()

    return app
