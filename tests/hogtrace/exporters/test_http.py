"""Events posted to a server of the standard library, on loopback."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from email.utils import formatdate
from typing import Any

import pytest

from hogtrace import CaptureEvent, ConfigError
from hogtrace.errors import ExportError, RetryError, UnknownOutcomeError
from hogtrace.exporters import HTTPExporter
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.attempts import once_connected
from tests.hogtrace.exporters.samples import make_event, make_events, numbers
from tests.hogtrace.unhurried import put_in_batches
from tests.loopback import HANG_UP, PostHandler, PostServer, serving


class Receiver(PostServer):
    """Takes what is posted; `answers` are the next answers, status and headers, and then 200."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, Message, bytes]] = []
        self.url += "/events?key=k3y"

    def events(self) -> list[CaptureEvent]:
        """Give the events of all requests."""
        bodies = [gzip.decompress(body) if "Content-Encoding" in head else body for _, head, body in self.requests]
        return [CaptureEvent.from_json(line.decode()) for body in bodies for line in body.splitlines()]


class Handler(PostHandler):
    """Reads a request and answers as it was told."""

    def take(self, body: bytes) -> None:
        """Keep the request."""
        receiver = self.server
        assert isinstance(receiver, Receiver)
        receiver.requests.append((self.path, self.headers, body))
        status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
        self.answer(status, headers, b"ok")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that listens."""
    with serving(Receiver()) as server:
        yield server


def exporter_to(url: str, **options: Any) -> HTTPExporter:
    """Give an exporter that has time enough for a machine that stands still for a while."""
    return HTTPExporter(url, timeout=60, **options)


@pytest.mark.parametrize("compress", [True, False])
def test_batches_arrive_as_lines_of_json(receiver: Receiver, compress: bool) -> None:
    """Each batch is one request, whose lines are the events; what they hold is as it was."""
    exporter = exporter_to(receiver.url, headers={"Authorization": "Bearer abc"}, compress=compress)
    events = make_events(3)
    exporter.export(events)
    exporter.export([make_event(3)])
    exporter.close()
    assert receiver.events() == [*events, make_event(3, id=receiver.events()[3].id)]
    path, headers, _ = receiver.requests[0]
    assert path == "/events?key=k3y"
    assert headers["Authorization"] == "Bearer abc"
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers.get("Content-Encoding") == ("gzip" if compress else None)
    assert headers["User-Agent"].startswith("hogtrace/")
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("secret", ["s3cret", b"s3cret"])
def test_signatures_can_be_checked(receiver: Receiver, secret: str | bytes) -> None:
    """The signature is that of the time and the body as it was sent, by the documented rule."""
    exporter_to(receiver.url, secret=secret).export(make_events(2))
    ((_, headers, body),) = receiver.requests
    moment, given = headers["X-HogTrace-Signature"].split(",")
    wanted = hmac.new(b"s3cret", moment.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert given == f"sha256={wanted}"
    assert abs(int(moment.removeprefix("t=")) - time.time()) < 100


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_be_taken_later_is_asked_for_again(receiver: Receiver, status: int) -> None:
    """An overloaded server gets the batch again."""
    receiver.answers = [(status, {})]
    with pytest.raises(RetryError, match=f"127.0.0.1 answered {status}") as caught:
        exporter_to(receiver.url).export(make_events(1))
    assert caught.value.after is None
    assert "k3y" not in str(caught.value)


@pytest.mark.parametrize(("told", "least", "most"), [("7", 7, 7), (100, 1, 100), (-100, 0, 0)])
def test_the_server_says_when(receiver: Receiver, told: str | int, least: float, most: float) -> None:
    """`Retry-After` in seconds or as a date, here so many seconds from now."""
    date = told if isinstance(told, str) else formatdate(time.time() + told, usegmt=True)
    receiver.answers = [(429, {"Retry-After": date})]
    with pytest.raises(RetryError) as caught:
        exporter_to(receiver.url).export(make_events(1))
    assert caught.value.after is not None
    assert least <= caught.value.after <= most


@pytest.mark.parametrize("told", ["soon", "", "-5", "Mon, 99 Foo 2000"])
def test_nonsense_of_a_server_says_nothing(receiver: Receiver, told: str) -> None:
    """The pause is then our own."""
    receiver.answers = [(503, {"Retry-After": told})]
    with pytest.raises(RetryError) as caught:
        exporter_to(receiver.url).export(make_events(1))
    assert caught.value.after is None


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 413, 418])
def test_what_is_not_wanted_is_dropped(receiver: Receiver, status: int) -> None:
    """It would not be wanted the next time; a redirect is not followed, for it may lead to anybody."""
    receiver.answers = [(status, {"Location": receiver.url})]
    with pytest.raises(ExportError, match=f"answered {status}") as caught:
        exporter_to(receiver.url).export(make_events(1))
    assert not isinstance(caught.value, RetryError)
    assert len(receiver.requests) == 1


def test_nobody_listens() -> None:
    """Without a connection nothing was sent, so it is tried again."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        exporter = HTTPExporter(f"http://127.0.0.1:{held.getsockname()[1]}/")
        with pytest.raises(RetryError, match=r"no connection to 127\.0\.0\.1"):
            exporter.export(make_events(1))


def test_a_server_that_hangs_up_or_falls_silent(receiver: Receiver) -> None:
    """The batch was sent, and nobody knows what became of it."""
    receiver.answers = [(HANG_UP, {})]
    with pytest.raises(UnknownOutcomeError, match="did not answer"):
        exporter_to(receiver.url).export(make_events(1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = HTTPExporter(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.2)
        with pytest.raises(UnknownOutcomeError, match="did not answer: TimeoutError"):
            once_connected(lambda: exporter.export(make_events(1)))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01 what is this\r\n\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_garbage_says_nothing(answer: bytes) -> None:
    """What is no answer of HTTP, or breaks off before it says yes or no, leaves it open what became of the batch."""
    with telling(answer) as url, pytest.raises(UnknownOutcomeError, match="did not answer"):
        exporter_to(url).export(make_events(1))


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 5000\r\n\r\nonly half of it", b"Transfer-Encoding: chunked\r\n\r\nffff\r\nhalf"]
)
def test_half_a_response_that_says_yes(rest: bytes) -> None:
    """The status is all that counts, and it is not waited for what nobody reads."""
    with telling(b"HTTP/1.1 200 OK\r\n" + rest) as url:
        exporter_to(url).export(make_events(1))
    with telling(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n" + rest) as url, pytest.raises(RetryError) as caught:
        exporter_to(url).export(make_events(1))
    assert caught.value.after == 7


@contextmanager
def telling(answer: bytes) -> Iterator[str]:
    """Be a server that reads one request, says `answer` whatever it was, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            link, _ = door.accept()
            with link, link.makefile("rb") as request:
                head = iter(request.readline, b"\r\n")
                length = [int(line.split()[1]) for line in head if line.lower().startswith(b"content-length:")]
                request.read(*length)
                with suppress(OSError):
                    link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
        thread.join()


def test_accounts_balance_through_all_of_it(receiver: Receiver) -> None:
    """What was asked for again arrives once, the rest is counted by its cause."""
    receiver.answers = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"}), (200, {}), (400, {}), (HANG_UP, {})]
    pipeline = Pipeline(exporter_to(receiver.url), batch_size=8, batch_delay=60)
    put_in_batches(pipeline, make_events(8), 2)
    assert pipeline.flush(60)
    queue = pipeline.queue
    assert (queue.captured, queue.exported, queue.queued) == (8, 4, 0)
    assert queue.dropped == {"exporter_failed": 2, "unknown": 2}
    assert pipeline.stop(60)
    assert [numbers([event])[0] for event in receiver.events()] == [0, 1, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("http:///events", "name a host"),
        ("https://user:pa55@host/", "holds a user or a password"),
    ],
)
def test_addresses_that_will_not_do(url: str, message: str) -> None:
    """They are errors at the start, which do not repeat a password."""
    with pytest.raises(ConfigError, match=message) as caught:
        HTTPExporter(url)
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "x"}, {"A": "b\nc"}, {"a b": "c"}, {"a": 1}, {"X-HogTrace-Signature": ""}]
)
def test_headers_that_will_not_do(headers: dict[str, str]) -> None:
    """They are errors at the start."""
    with pytest.raises(ConfigError, match="header"):
        HTTPExporter("http://host/", headers=headers)


def test_secrets_are_not_shown() -> None:
    """Neither of the address, nor of headers, nor the signature's key."""
    exporter = HTTPExporter("https://host/h00k?key=k3y", headers={"Authorization": "t0ken"}, secret="s3cret")  # noqa: S106
    assert repr(exporter) == "<hogtrace.HTTPExporter to host>"


def test_who_does_not_use_it_does_not_import_it() -> None:
    """The standard library's HTTP is not loaded with HogTrace."""
    script = (
        "import sys, hogtrace; print(json := sorted({'http.client', 'urllib.request', 'email'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100)
    assert json.loads(done.stdout.replace("'", '"')) == []
