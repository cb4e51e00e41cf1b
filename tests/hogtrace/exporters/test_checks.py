"""Options that no batch could be sent with are errors when the exporter is made, and their values are not repeated."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import pytest

from hogtrace import ConfigError
from hogtrace.exporter_setting import ExporterSetting
from hogtrace.exporters import OTLPExporter

WELL: dict[str, dict[str, object]] = {
    "console": {},
    "http": {"url": "http://127.0.0.1:9/"},
    "otlp": {"endpoint": "http://127.0.0.1:9"},
    "grpc": {"endpoint": "http://127.0.0.1:9", "protocol": "grpc"},
    "posthog": {"project_api_key": "phc_key", "host": "http://127.0.0.1:9"},
}
ADDRESS = {"http": "url", "otlp": "endpoint", "grpc": "endpoint", "posthog": "host"}
SECRET = "s3ntinel"  # noqa: S105


def refusal(name: str, options: Mapping[str, object]) -> str:
    """Give what is said of an exporter with these options beside those that are well."""
    setting = ExporterSetting.read(
        {"BACKEND": "otlp" if name == "grpc" else name, "OPTIONS": {**WELL.get(name, {}), **options}}
    )
    with pytest.raises(ConfigError) as caught:
        setting.build()
    told = str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "cannot start" not in told, "nobody has looked at it"
    return told


@pytest.mark.parametrize("name", WELL)
def test_what_is_well_is_taken(name: str) -> None:
    """Nothing is sent when an exporter is made."""
    ExporterSetting.read({"BACKEND": "otlp" if name == "grpc" else name, "OPTIONS": WELL[name]}).build().close()


@pytest.mark.parametrize("name", ADDRESS)
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (123, "must be text"),
        (f"http://127.0.0.1:9/{SECRET} b", "a blank or a control character"),
        (f"http://127.0.0.1:9/{SECRET}\r\nHost: x", "a blank or a control character"),
        (f"http://127.0.0.1:{SECRET}/", "a port that is no number from 1 to 65535"),
        ("http://127.0.0.1:99999/", "a port that is no number from 1 to 65535"),
        ("http://127.0.0.1:0/", "a port that is no number from 1 to 65535"),
        (f"http://[::1/{SECRET}", "is no address"),
        (f"http://127.0.0.1:9/€{SECRET}", "beyond ASCII behind the host"),
        (f"http://{SECRET}@127.0.0.1:9/", "a user or a password"),
        (f"ftp://127.0.0.1/{SECRET}", "must begin with http"),
        ("http:///x", "name a host"),
    ],
)
def test_addresses(name: str, address: object, expected: str) -> None:
    """An address that nothing can be sent to; what it holds may be a key."""
    assert expected in refusal(name, {ADDRESS[name]: address})


@pytest.mark.parametrize("name", ADDRESS)
@pytest.mark.parametrize("seconds", [SECRET, 0, -1, True, float("nan"), float("inf"), 1e12])
def test_times(name: str, seconds: object) -> None:
    """A time that nobody can wait for."""
    assert "must be a number of seconds, more than 0" in refusal(name, {"timeout": seconds})


@pytest.mark.parametrize("name", ["http", "otlp", "grpc"])
@pytest.mark.parametrize(
    "headers",
    [["a", "b"], {"": "x"}, {"a b": SECRET}, {"a(": SECRET}, {"a\n": SECRET}, {"ä": SECRET}, {1: "x"}, {"a": 1}]
    + [{"a": f"{SECRET}{character}"} for character in "\n\r\0€é"],
)
def test_headers(name: str, headers: object) -> None:
    """Names and values that HTTP cannot carry, or that would be two headers."""
    assert "header" in refusal(name, {"headers": headers})


@pytest.mark.parametrize("header", ["a!", "trace-bin"])
def test_headers_of_grpc(header: str) -> None:
    """It takes fewer names, and some of them hold bytes."""
    assert "over gRPC" in refusal("grpc", {"headers": {header: SECRET}})


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("http", {"secret": ""}, "`secret` must be text or bytes, and not empty"),
        ("http", {"secret": 123}, "`secret` must be text or bytes, and not empty"),
        ("http", {"compress": "no"}, "`compress` must be True or False"),
        ("otlp", {"resource": ["a"]}, "`resource` maps names to"),
        ("otlp", {"resource": {"a": object()}}, "`resource` maps names to"),
        ("otlp", {"logger": 3}, "`logger` must be text"),
        ("otlp", {"compression": 3}, "no compression '3'"),
        ("posthog", {"distinct_id": 3}, "`distinct_id` must be the name of a field"),
        ("posthog", {"compress": 1}, "`compress` must be True or False"),
        ("posthog", {"person_profiles": "no"}, "`person_profiles` must be True or False"),
        ("jsonl", {"path": 5}, "`path` must be the path of a file"),
        ("jsonl", {"path": b"events"}, "`path` must be the path of a file"),
        ("sqlite", {"path": None}, "`path` must be the path of a file"),
        ("logging", {"level": None}, "there is no level None"),
        ("logging", {"level": True}, "there is no level True"),
        ("logging", {"logger": 3}, "`logger` must be the name of a logger"),
        ("console", {"stream": "stderr"}, "`stream` must be an object with write"),
        ("console", {"colour": "no"}, "`colour`, if it is given, must be True or False"),
    ],
)
def test_what_else_cannot_be_followed(name: str, options: Mapping[str, object], expected: str) -> None:
    """Each exporter's own options."""
    assert expected in refusal(name, options)


@pytest.mark.parametrize("told", ["0", "-3", "nan", "1e12", "soon"])
def test_a_time_of_the_environment(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are looked at, too, and are no secrets."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", told)
    with pytest.raises(ConfigError, match=f"the timeout '{told}'"):
        OTLPExporter()
