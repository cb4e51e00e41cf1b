"""What exporters are given to keep to themselves, they do: through every failure, in every place where one looks."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest

import hogtrace
from hogtrace import ConfigError
from hogtrace.exporter_setting import EXPORTERS, ExporterSetting
from hogtrace.pipeline import Pipeline
from tests.hogtrace.exporters.otlp_servers import Answer, grpc_receiver
from tests.hogtrace.exporters.samples import make_events
from tests.hogtrace.pipelines import until
from tests.loopback import HANG_UP, PostHandler, PostServer, serving

SECRET = "s3ntinel"  # noqa: S105

SECRETIVE: dict[str, dict[str, Any]] = {
    "http": {
        "url": f"{{url}}/{SECRET}?key={SECRET}",
        "headers": {"Authorization": f"Basic {SECRET}"},
        "secret": SECRET,
    },
    "otlp": {"endpoint": "{url}", "headers": {"x-api-key": SECRET}},
    "posthog": {"project_api_key": f"phc_{SECRET}", "host": "{url}"},
}
"""The options that may be secrets, of each exporter that has such."""

WITHOUT = {"console", "jsonl", "logging", "memory", "sqlite"}
"""Exporters that are given nothing to keep."""


def options(name: str, url: str) -> dict[str, Any]:
    """Give the options of an exporter that sends to `url`."""
    return {key: value.format(url=url) if isinstance(value, str) else value for key, value in SECRETIVE[name].items()}


class _Parrot(PostHandler):
    """Says no, in all the ways there are, and repeats what it was told."""

    statuses = (400, 503, 302, 500, 413, HANG_UP, 429)

    def take(self, body: bytes) -> None:
        """Answer."""
        server: Any = self.server
        status = self.statuses[server.count % len(self.statuses)]
        server.count += 1
        told = f"{self.path} {self.headers} {SECRET}".encode()
        headers = {"Location": f"http://127.0.0.1/{SECRET}", "Retry-After": "0"}
        self.answer(status, headers, told, reason=SECRET)


@pytest.fixture
def parrot() -> Iterator[str]:
    """Give the address of a server that repeats what it was told."""
    server: Any = PostServer(_Parrot)
    server.count = 0
    with serving(server):
        yield server.url


def test_every_exporter_is_here() -> None:
    """One that is new has secrets, or has none."""
    assert {name for name in EXPORTERS if name not in SECRETIVE} <= WITHOUT


def fail(setting: ExporterSetting, caplog: pytest.LogCaptureFixture) -> str:
    """Let an exporter fail, and give all that can be read of it then."""
    exporter = setting.build()
    pipeline = Pipeline(exporter, batch_size=1, batch_delay=0.01)
    seen = [repr(exporter), repr(pipeline), repr(setting), str(setting)]
    with caplog.at_level(logging.DEBUG):
        # urllib3 says at this level what it asked for, and an address may hold a key.
        logging.getLogger("urllib3").setLevel(logging.INFO)
        for event in make_events(12):
            pipeline.queue.put(event)
        until(lambda: pipeline.exporters()[0].state == "failing")
        pipeline.flush(1)
        pipeline.stop(0.5)
    assert pipeline.queue.exported == 0
    for number in range(4):
        try:
            exporter.export(make_events(number + 1))
        except Exception as error:
            seen += [
                str(error),
                repr(error),
                *traceback.TracebackException.from_exception(error, capture_locals=False).format(),
            ]
            seen += [repr(error.__cause__), repr(error.__context__) if not error.__suppress_context__ else ""]
    exporter.close()
    return "\n".join([*seen, caplog.text, *(repr(record.args) for record in caplog.records)])


@pytest.mark.parametrize("name", SECRETIVE)
def test_secrets_stay_where_they_are(parrot: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A server that says no and repeats everything, and one that is not there, bring nothing to light."""
    seen = fail(ExporterSetting.read({"BACKEND": name, "OPTIONS": options(name, parrot)}), caplog)
    assert SECRET not in seen
    assert "Error" in caplog.text  # the pipeline told of the failure
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = options(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert SECRET not in fail(ExporterSetting.read({"BACKEND": name, "OPTIONS": gone}), caplog)


def test_secrets_stay_where_they_are_over_grpc(caplog: pytest.LogCaptureFixture) -> None:
    """The same of a server that speaks gRPC."""
    with grpc_receiver() as kept:
        codes = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
        kept.answers = [Answer(code) for _ in range(10) for code in codes]
        chosen = {**options("otlp", kept.url), "protocol": "grpc"}
        assert SECRET not in fail(ExporterSetting.read({"BACKEND": "otlp", "OPTIONS": chosen}), caplog)
        assert all(headers["x-api-key"] == SECRET for headers in kept.headers)


@pytest.mark.parametrize("name", SECRETIVE)
def test_secrets_stay_where_they_are_in_status(parrot: str, name: str) -> None:
    """What a tracer says of itself has none of them."""
    setting = {"BACKEND": name, "OPTIONS": options(name, parrot)}
    with hogtrace.Tracer(exporter=ExporterSetting.read(setting).build(), max_overhead=None) as tracer:
        status = tracer.status()
        assert SECRET not in f"{status} {status!r} {tracer!r} {status.to_dict()}"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("http", {"url": f"ftp://host/{SECRET}"}),
        ("http", {"headers": {"a b": SECRET}}),
        ("http", {"timeout": SECRET, "nonsense": SECRET}),
        ("otlp", {"endpoint": f"https://user:{SECRET}@host"}),
        ("otlp", {"headers": {"x": f"{SECRET}\n"}}),
        ("otlp", {"nonsense": SECRET}),
        ("posthog", {"host": f"https://user:{SECRET}@host"}),
        ("posthog", {"event": "{nothing}"}),
        ("posthog", {"nonsense": SECRET}),
    ],
)
def test_errors_at_the_start_repeat_no_secrets(name: str, wrong: Mapping[str, Any]) -> None:
    """What is wrong is named, and what it was is not said."""
    setting = ExporterSetting.read({"BACKEND": name, "OPTIONS": {**options(name, "http://host"), **wrong}})
    with pytest.raises(ConfigError) as caught:
        setting.build()
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
