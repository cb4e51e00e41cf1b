"""HTTP servers in a thread of the test itself, on loopback, for what posts to somebody."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

__all__ = ["HANG_UP", "PostHandler", "PostServer", "serving"]

HANG_UP = 0
"""In place of a status: the connection ends without an answer."""


class PostServer(ThreadingHTTPServer):
    """Listens on a port of its own; a `PostHandler` answers what is posted."""

    daemon_threads = True

    def __init__(self, handler: type[PostHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong here, which is not that whoever asked has gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class PostHandler(BaseHTTPRequestHandler):
    """Has what is posted dealt with by `take`; prints nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the request, unless whoever posts hangs up in the middle of it."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self.take(body)
        else:
            self.close_connection = True

    def take(self, body: bytes, /) -> None:
        """Deal with the `body` of a request, and `answer`."""
        raise NotImplementedError

    def answer(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        reason: str | None = None,
    ) -> None:
        """Answer, or hang up; a `Content-Length` among the `headers`, which may be a lie, ends the connection."""
        if status == HANG_UP:
            self.close_connection = True
            return
        self.send_response(status, reason)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection |= "Content-Length" in (headers or {})

    def log_message(self, *_: object) -> None:
        """Say nothing."""


_Server = TypeVar("_Server", bound=PostServer)


@contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    """Have `server` serve."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
