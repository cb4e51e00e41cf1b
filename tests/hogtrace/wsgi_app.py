"""A plain WSGI application, wrapped by HogTrace as its users do; its settings come from the environment."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hogtrace import _state
from hogtrace.exporters import JSONLinesExporter
from hogtrace.wsgi import HogTraceMiddleware
from tests.rendezvous import meet

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PROBES = """
fn:tests.hogtrace.wsgi_app.serve:entry { $req.client = arg0["HTTP_X_CLIENT"]; }
fn:tests.hogtrace.wsgi_app.work:entry { capture(sent=arg0, kept=$req.client); }
fn:tests.hogtrace.wsgi_app.parts:exit { capture(stream=$req.client, closed=exception != None); }
"""


def work(client: str) -> None:
    """Do nothing; a place for a probe."""


def parts(client: str) -> Iterator[bytes]:
    """Give a body in many parts; the client that leaves gets one without end."""
    for number in range(1000) if client != "cut" else count():
        work(client)
        yield b"%d\n" % number * 1000


def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer by path: `/meet` overlaps with others, `/stream` is long, `/file` is the server's to send."""
    client = environ["HTTP_X_CLIENT"]
    path = environ["PATH_INFO"]
    work(client)
    if path == "/fail":
        raise RuntimeError("the application's own failure")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/stream":
        return parts(client)
    if path == "/file":
        wrapper = environ["wsgi.file_wrapper"]
        return wrapper(io.BytesIO(b"file" * 5000))  # type: ignore[no-any-return]
    if path == "/meet":
        meet(Path(environ["HTTP_X_PLACE"]), client, int(environ["HTTP_X_COUNT"]))
        work(client)
    return [client.encode()]


if "EVENTS_PATH" in os.environ:
    # A busy machine may take its time to end, and for what the probes do.
    _state.EXIT_PATIENCE = _state.EXIT_TIMEOUT = 30  # type: ignore[misc]  # constants
    application = HogTraceMiddleware(
        serve, probes=[PROBES], exporter=JSONLinesExporter(os.environ["EVENTS_PATH"]), max_overhead=None
    )
