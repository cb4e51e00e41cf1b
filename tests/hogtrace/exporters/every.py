"""Every exporter at its work, each with what it really writes to or sends to, and a way to see what has arrived."""

from __future__ import annotations

import gzip
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hogtrace.events import read_posthog, read_sqlite
from tests.hogtrace.exporters.otlp_servers import grpc_receiver, http_receiver
from tests.loopback import PostHandler, PostServer, serving

__all__ = ["EVERY", "NETWORK", "Place", "Proxy", "configure_logging", "place_of", "proxied", "told"]

LOGGER = "tests.every"


@dataclass
class Place:
    """What an exporter is made with, and what arrived there."""

    setting: Any
    """The setting EXPORTER; JSON can say it."""
    forms: Callable[[], list[dict[str, Any]]]
    """Gives the JSON forms of the events that have arrived, as they were written where they are JSON; none where they
    are not to be seen from here: in memory, and on a standard error."""

    def numbers(self) -> list[int]:
        """Give the numbers of those events."""
        return [form["values"]["number"] for form in self.forms()]


class Server(PostServer):
    """Takes what `http` and `posthog` send."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.forms: list[dict[str, Any]] = []


class Handler(PostHandler):
    """Reads a batch."""

    def take(self, body: bytes) -> None:
        """Keep what it holds, and say yes."""
        server = self.server
        assert isinstance(server, Server)
        data = gzip.decompress(body)
        if self.path == "/batch/":
            server.forms += [read_posthog(message["properties"]).to_dict() for message in json.loads(data)["batch"]]
        else:
            server.forms += [json.loads(line) for line in data.splitlines()]
        self.answer(body=b"{}")


class Proxy:
    """Stands before a server, and passes on what comes, or does what `fault` says with each connection."""

    FAULTS = ("refused", "hanging", "hanging up", "garbage", "half an answer")

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener: socket.socket | None = None
        self.fault = ""
        self._open: list[tuple[socket.socket, str]] = []
        self.is_met = threading.Event()
        """Whether something has come over a connection that is treated badly."""
        # One that is bound and does not listen keeps the port.
        self._keeper = socket.socket()
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._keeper.bind(("127.0.0.1", 0))
        self.port = self._keeper.getsockname()[1]
        self.listen()

    def listen(self) -> None:
        """Take connections at the port."""
        listener = self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Take no connections, and end those that there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.hang_up()

    def close(self) -> None:
        """Take no connections any more, and leave the port to others."""
        self.refuse()
        self._keeper.close()

    def hang_up(self, but: str | None = None) -> None:
        """End all connections, except for those that are treated with the fault `but`."""
        for one in self._open.copy():
            connection, fault = one
            if fault == but:
                continue
            self._open.remove(one)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def break_by(self, fault: str) -> None:
        """Do so with what comes now."""
        self.fault = fault
        if fault == "refused":
            self.refuse()
        else:
            self.hang_up()

    def mend(self) -> None:
        """Pass on what comes."""
        self.fault = ""
        self.hang_up(but="")
        if self._listener is None:
            self.listen()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                fault = self.fault
                self._open.append((connection, fault))
                threading.Thread(target=self._treat, args=(connection, fault), daemon=True).start()

    def _treat(self, connection: socket.socket, fault: str) -> None:
        with suppress(OSError):
            if fault in ("", "half an answer"):
                behind = socket.create_connection(("127.0.0.1", self._behind))
                self._open.append((behind, fault))
                threading.Thread(target=_pass_on, args=(connection, behind, None), daemon=True).start()
                _pass_on(behind, connection, 5 if fault else None)
                return
            if connection.recv(65536):
                self.is_met.set()
            if fault == "garbage":
                connection.sendall(b"\x00\x01 what is this\r\n\r\n")
            elif fault == "hanging":
                while connection.recv(65536):
                    pass
            connection.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket, most: int | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data[:most])
            if most is not None:
                break
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Give a proxy before the server at `url`, and its address."""
    proxy = Proxy(int(url.rpartition(":")[2]))
    try:
        yield proxy, f"http://127.0.0.1:{proxy.port}"
    finally:
        proxy.close()


def configure_logging(path: str) -> None:
    """Have what `logging` writes go to the file at `path`, a line of JSON for each event."""

    class Lines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps(getattr(record, "hogtrace"))  # noqa: B009 - no attribute of its class

    handler = logging.FileHandler(path)
    handler.setFormatter(Lines())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _lines(path: Path) -> list[dict[str, Any]]:
    # Rotated files have numbers behind their names, the newest has none.
    files = [*sorted(path.parent.glob(f"{path.name}.*")), path]
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


NETWORK = ("http", "otlp", "otlp over grpc", "posthog")
EVERY = ("console", "jsonl", "jsonl rotated", "logging", "memory", "sqlite", *NETWORK, "several")


@contextmanager
def place_of(name: str, directory: Path, *, proxy: bool = False) -> Iterator[tuple[Place, Proxy | None]]:
    """Give the place of the exporter of that name, with a proxy before its server if that is wanted."""
    with ExitStack() as stack:
        between: Proxy | None = None

        def address(url: str) -> str:
            nonlocal between
            if not proxy:
                return url
            between, changed = stack.enter_context(proxied(url))
            return changed

        def place(backend: str, forms: Callable[[], list[dict[str, Any]]], **options: object) -> Place:
            return Place({"BACKEND": backend, "OPTIONS": options}, forms)

        path = directory / name.replace(" ", "_")
        if name == "console":
            found = place("console", list, colour=False)
        elif name in ("jsonl", "jsonl rotated"):
            rotation = {"max_bytes": 50_000, "keep": None} if name == "jsonl rotated" else {}
            found = place("jsonl", lambda: _lines(path), path=str(path), **rotation)
        elif name == "logging":
            configure_logging(str(path))
            stack.callback(_close_logging)
            found = place("logging", lambda: _lines(path), logger=LOGGER)
        elif name == "memory":
            found = place("memory", list)
        elif name == "sqlite":
            found = place("sqlite", lambda: [event.to_dict() for event in read_sqlite(path)], path=str(path))
        elif name in ("http", "posthog"):
            server = stack.enter_context(serving(Server()))
            url = address(server.url)
            options = {"url": url} if name == "http" else {"host": url, "project_api_key": "phc_key"}
            found = place(name, lambda: list(server.forms), timeout=60, **options)
        elif name == "several":
            parts = [stack.enter_context(place_of(part, directory))[0] for part in ("jsonl", "http")]
            found = Place([part.setting for part in parts], parts[0].forms)
        else:
            kept = stack.enter_context(grpc_receiver() if name == "otlp over grpc" else http_receiver())
            found = place(
                "otlp",
                lambda: [event.to_dict() for event in kept.events()],
                endpoint=address(kept.url),
                protocol="grpc" if name == "otlp over grpc" else "http/protobuf",
                timeout=60,
            )
        yield found, between


def _close_logging() -> None:
    logger = logging.getLogger(LOGGER)
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = []


def told(text: str) -> list[int]:
    """Give the numbers of the events that the console shows in `text`."""
    return [int(number) for number in re.findall(r"^ +number +(\d+)$", text, re.MULTILINE)]
