"""Events sent to OpenTelemetry's collector, or to whatever takes OTLP, as log records."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from hogtrace._engine import ENGINE_VERSION, CaptureEvent
from hogtrace.errors import ConfigError, ExportError
from hogtrace.exporters.checks import checked_headers, checked_seconds, host_of
from hogtrace.exporters.parts import send_in_parts

if TYPE_CHECKING:
    from hogtrace.exporters.otlp_sender import OTLPSender
    from hogtrace.forms.otlp_records import Records
    from hogtrace.types import Report

__all__ = ["OTLPExporter"]

_Protocol = Literal["http/protobuf", "grpc"]
_Compression = Literal["none", "gzip", "deflate"]

_PROTOCOLS: Final = get_args(_Protocol)
_SENDERS: Final = {
    "http/protobuf": "hogtrace.exporters.otlp_http.HTTPSender",
    "grpc": "hogtrace.exporters.otlp_grpc.GRPCSender",
}

_GRPC_NAME: Final = re.compile(r"[0-9a-z_.-]+")


class OTLPExporter:
    """Sends each batch as log records by OTLP, through OpenTelemetry's own exporters.

    `protocol` is `http/protobuf`, or `grpc`; `endpoint` the address of the server, to which `/v1/logs` is added for the
    former; `headers` are sent along; `timeout` is what one request may take, in seconds; `compression` is `gzip`,
    `none`, or `deflate` (HTTP only). What is not given is what the variables `OTEL_EXPORTER_OTLP_LOGS_…` and
    `OTEL_EXPORTER_OTLP_…` say, `headers` being added to theirs, and by default the collector on this machine, over
    HTTP. `resource` are attributes of the resource beside those of `OTEL_RESOURCE_ATTRIBUTES`; what an event knows
    itself (service, release, environment, host, process) comes before both. `logger` is the name of the
    instrumentation scope.

    A record holds all of its event: `hogtrace.events.read_otlp` reads it back. See `docs/export.md` for its form.

    Each batch is sent once. It is sent again later, by `Retry-After` or `RetryInfo` where the server says when, after
    what OTLP calls retryable (HTTP 429, 502, 503, 504; `UNAVAILABLE`, `ABORTED` and the like), and where there was no
    connection. Where the server fell silent or hung up after the batch was sent, it counts as dropped, cause `unknown`.
    What the server refuses of a batch counts as dropped, too. A batch that is too large for the server goes in halves.

    Raises `ConfigError` for what cannot be followed, or if the extra `otlp` is not installed.
    """

    fork_timeout = 0.5
    """How long a fork may wait for the connection to be ended, in seconds: gRPC has threads of its own."""

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        protocol: _Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: _Compression | None = None,
        resource: Mapping[str, str | bool | int | float] | None = None,
        logger: str = "hogtrace",
    ) -> None:
        chosen = _chosen(protocol, "PROTOCOL", _PROTOCOLS[0])
        if chosen not in _PROTOCOLS:
            raise ConfigError(f"OTLPExporter: the protocol {chosen!r} is none of {', '.join(_PROTOCOLS)}")
        packed = str(_chosen(compression, "COMPRESSION", "none")).strip().lower()
        if packed not in ("none", "gzip") and (packed != "deflate" or chosen == "grpc"):
            raise ConfigError(f"OTLPExporter: {chosen} has no compression {packed!r}; choose none or gzip")
        seconds = _seconds(timeout)
        default = "http://localhost:4317" if chosen == "grpc" else "http://localhost:4318"
        self._host = _host(_chosen(endpoint, "ENDPOINT", default), chosen)
        self._options = {
            "endpoint": endpoint,
            "headers": _checked(headers or {}, chosen),
            "timeout": seconds,
            "compression": packed,
        }
        self._resource = _attributes(resource or {})
        if not isinstance(logger, str):
            raise ConfigError("OTLPExporter: `logger` must be text")
        self._logger = logger
        module, _, name = _SENDERS[chosen].rpartition(".")
        try:
            self._make_sender = getattr(import_module(module), name)
            self._make_records = import_module("hogtrace.forms.otlp_records").make_records
        except ImportError as error:
            raise ConfigError(
                f"OTLPExporter: OpenTelemetry's SDK and exporters are not there, or too old ({error}); "
                'pip install "hogtrace[otlp]"'
            ) from None
        self._sender: OTLPSender | None = None
        self._left_behind: list[OTLPSender] = []
        self._is_cut_off = False
        # Now, for the SDK starts threads that find the resource: at the end of the interpreter it is too late for that.
        self._records: Records | None = self._new_records()
        self._parents_records = self._records

    def __repr__(self) -> str:
        return f"<hogtrace.OTLPExporter to {self._host}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Send `events`.

        Raises `RetryError`, `UnknownOutcomeError`, `PartialExportError`, or `ExportError` if they are not wanted.
        """
        with _unobserved():
            send_in_parts(events, self._send)

    def report(self, report: Report) -> None:
        """Send what HogTrace says of itself as OTLP metrics. Raises as `export` does."""
        from hogtrace.exporters.otlp_metrics import metrics_data
        from hogtrace.forms.otlp_records import resource_attributes

        own = resource_attributes({name: getattr(report, name, None) for name in _REPORTED})
        with _unobserved():
            resource = self._of_records().resource(own)
            self._connected().send_metrics(metrics_data(report, resource, self._logger))

    def rest(self) -> None:
        """End the connection until there is something to send again."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent, and be another instance of the service."""
        if self._sender is not None:
            # To end it would be to end the parent's.
            self._left_behind.append(self._sender)
            # The library would wait here for threads that are the parent's alone.
            self._is_cut_off = self._sender.has_threads
            self._sender = None
        self._records = None

    def close(self) -> None:
        """End the connection."""
        self.rest()

    def _send(self, events: Sequence[CaptureEvent]) -> int:
        records = self._of_records()
        return self._connected().send([records.record(event) for event in events])

    def _connected(self) -> OTLPSender:
        if self._is_cut_off:
            raise ExportError("the process was forked in the middle of a call over gRPC, so it cannot make any")
        if self._sender is None:
            self._sender = cast("OTLPSender", self._make_sender(**self._options))
        return self._sender

    def _of_records(self) -> Records:
        if self._records is None:
            try:
                self._records = self._new_records()
            except RuntimeError:
                # It is the end of a forked child, and no thread can be started.
                self._records = self._parents_records
        return self._records

    def _new_records(self) -> Records:
        return cast("Records", self._make_records(self._resource, self._logger, ENGINE_VERSION))


_REPORTED: Final = ("service", "release", "environment", "host", "process")


@contextmanager
def _unobserved() -> Iterator[None]:
    """Have OpenTelemetry's instrumentation of HTTP and gRPC make no spans of what is sent here."""
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        detach(token)


def _attributes(resource: object) -> dict[str, str | bool | int | float]:
    if not isinstance(resource, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str | bool | int | float) for name, value in resource.items()
    ):
        raise ConfigError("OTLPExporter: `resource` maps names to texts, numbers or truth values")
    return dict(resource)


def _chosen(given: str | None, name: str, default: str) -> str:
    """Give what an option is: as given, or as OpenTelemetry's variables have it."""
    if given is not None:
        return given
    return os.environ.get(f"OTEL_EXPORTER_OTLP_LOGS_{name}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") or default


def _seconds(given: float | None) -> float:
    if given is not None:
        return checked_seconds(given, "OTLPExporter: the timeout")
    told = _chosen(None, "TIMEOUT", "10")
    try:
        seconds = float(told)
    except ValueError:
        raise ConfigError(f"OTLPExporter: the timeout {told!r} is no number of seconds") from None
    return checked_seconds(seconds, f"OTLPExporter: the timeout {told!r}")


def _host(endpoint: object, protocol: str) -> str:
    """Give the host of an address. Raises `ConfigError` for an address that will not do."""
    schemes = ["http", "https"]
    if protocol == "grpc":
        schemes.append("grpc")
        if isinstance(endpoint, str) and "://" not in endpoint:
            endpoint = f"grpc://{endpoint}"
    return host_of(endpoint, "OTLPExporter: the endpoint", schemes=schemes, instead="`headers` an Authorization")


def _checked(headers: Mapping[str, str], protocol: str) -> dict[str, str]:
    checked = {name.lower(): value for name, value in checked_headers(headers, "OTLPExporter").items()}
    for name in checked:
        if protocol == "grpc" and (not _GRPC_NAME.fullmatch(name) or name.endswith("-bin")):
            raise ConfigError(f"OTLPExporter: the header {name!r} cannot be sent over gRPC")
    return checked
