"""A real collector on loopback: Rotel, which speaks OTLP on both sides, and hands on what it takes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sysconfig
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import pytest

from tests.hogtrace.exporters.otlp_servers import Kept

__all__ = ["Collector"]


@cache
def _binary() -> tuple[Path | None, str]:
    """Give the program that the package `rotel` holds, or why there is none that runs here."""
    spec = find_spec("rotel")
    if spec is None or not spec.submodule_search_locations:
        return None, "no collector: pip install 'rotel>=0.0.1a15' (Linux, CPython before 3.14)"
    path = Path(spec.submodule_search_locations[0], "rotel-agent")
    done = subprocess.run([path, "version"], capture_output=True, text=True, env=_environment(), timeout=60)
    return (path, "") if done.returncode == 0 else (None, f"the collector does not run here: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    """Let it find Python's library, with which it is linked, and be told by nothing but its options."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROTEL_", "OTEL_"))}
    return kept | {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}


class Collector:
    """A collector that hands on to `to`, over gRPC or HTTP; it keeps its ports however often it is started."""

    def __init__(self, to: Kept, onwards: str, place: Path, *options: str) -> None:
        path, missing = _binary()
        if path is None:
            pytest.skip(missing)
        self.ports = {"grpc": _free_port(), "http/protobuf": _free_port()}
        self._log = place / "collector.log"
        self._command = [
            *(path, "start", "--pid-file", place / "collector.pid", "--batch-timeout", "20ms"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{self.ports['grpc']}"),
            *("--otlp-http-endpoint", f"127.0.0.1:{self.ports['http/protobuf']}"),
            *("--exporter", "otlp", "--otlp-exporter-endpoint", to.url, "--otlp-exporter-protocol", onwards),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.stop()

    def url(self, protocol: str) -> str:
        """Give where it takes what is sent over `protocol`."""
        return f"http://127.0.0.1:{self.ports[protocol]}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=_environment())
        deadline = time.monotonic() + 60
        for port in self.ports.values():
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """End it in the middle of what it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order: it hands on what it has."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            finally:
                self.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])
