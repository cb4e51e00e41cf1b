"""OTLP over gRPC: OpenTelemetry's exporters, one attempt each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from hogtrace.errors import ConfigError, ExportError, RetryError, UnknownOutcomeError
from hogtrace.exporters.answers import Attempt
from hogtrace.exporters.otlp_sender import OTLPSender, Signal
from hogtrace.exporters.parts import TooLargeError

__all__ = ["GRPCSender"]

_LARGEST: Final = 4 * 1024 * 1024
"""What a server of gRPC takes as one message, if it was not told otherwise, in bytes."""

_TRANSIENT: Final = frozenset(
    (
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
    )
)
"""Answers after which the same batch may be taken later, by the specification of OTLP."""

_SILENT: Final = frozenset((grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED))

_BROKEN: Final = ("socket closed", "stream removed", "connection reset", "broken pipe", "goaway", "ping timeout")
"""What gRPC says of a connection that ended in the middle of a call; it calls that `UNAVAILABLE`, too."""

_SIZED: Final = frozenset((grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE))
"""What a server answers to a message that is too large: OTLP has the former, servers in Rust have the latter."""

_LARGE: Final = ("larger than max", "length too large", "exceeds max", "exceeds the max")
"""What it says then, for both mean other things, too: gRPC in C and in Go, in Rust, in Java, in .NET."""


class GRPCSender(OTLPSender):
    """Calls the server at `endpoint`; None is what the environment says."""

    has_threads = True

    def __init__(self, *, endpoint: str | None, headers: Mapping[str, str], timeout: float, compression: str) -> None:
        super().__init__(headers)
        packing = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        # A connection that does not come about fails before the call does, for then nothing was sent.
        patience = ("grpc.min_reconnect_backoff_ms", round(timeout * 500))
        self._options: dict[str, Any] = {
            "endpoint": endpoint,
            "timeout": timeout,
            "compression": packing,
            "channel_options": (patience,),
        }
        if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
            self._options["insecure"] = True

    def _make(self, signal: Signal, headers: Mapping[str, str]) -> tuple[Any, _Watched]:
        make: Any = OTLPLogExporter if signal == "logs" else OTLPMetricExporter
        exporter = make(headers=tuple(headers.items()), **self._options)
        # What it calls is watched. No public way leads there.
        client = getattr(exporter, "_client", None)
        if not hasattr(client, "Export"):
            raise ConfigError("OTLPExporter: this version of OpenTelemetry's exporter for gRPC is not known")
        watched = exporter._client = _Watched(client, str(getattr(exporter, "_endpoint", "")))
        return exporter, watched

    def _read(self, signal: Signal, answer: Any) -> Any:  # noqa: ARG002 - over gRPC an answer is a message
        return answer


class _Watched(Attempt[Any]):
    """A client that makes one attempt; whoever calls it gets no error."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._host = urlsplit(f"//{address}").hostname or address

    def Export(self, request: Any, metadata: Any = None, timeout: float | None = None) -> None:  # noqa: N802 - gRPC's name
        """Make the call, and keep what comes of it."""
        try:
            self._result = self._call(request, metadata, 10.0 if timeout is None else timeout)
        except ExportError as error:
            self._result = error.with_traceback(None)

    def _call(self, request: Any, metadata: Any, timeout: float) -> Any:
        if isinstance(request, ExportLogsServiceRequest) and request.ByteSize() > _LARGEST and _records(request) > 1:
            raise TooLargeError("the batch is larger than a server of gRPC takes")
        try:
            return self._client.Export(request=request, metadata=metadata, timeout=timeout)
        except grpc.RpcError as error:
            failure = self._judge(error)
        raise failure

    def _judge(self, error: Any) -> ExportError:
        code: grpc.StatusCode = error.code()
        told = f"{self._host} answered {code.name}"
        details = (error.details() or "").lower()
        if code in _SILENT:
            return UnknownOutcomeError(f"{self._host} did not answer in time")
        if code is grpc.StatusCode.UNAVAILABLE and "failed to connect" in details:
            return RetryError(f"no connection to {self._host}")
        if code is grpc.StatusCode.UNAVAILABLE and any(text in details for text in _BROKEN):
            return UnknownOutcomeError(f"{self._host} hung up before it answered")
        if code in _SIZED and any(text in details for text in _LARGE):
            return TooLargeError(told)
        after = _retry_after(error.trailing_metadata() or ())
        if code in _TRANSIENT or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is not None):
            return RetryError(told, after=after)
        return ExportError(told)


def _records(request: ExportLogsServiceRequest) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _retry_after(metadata: Sequence[tuple[str, str | bytes]]) -> float | None:
    """Give in how many seconds the server wants the batch again, if it says so."""
    told = dict(metadata)
    info = RetryInfo()
    try:
        if isinstance(alone := told.get("google.rpc.retryinfo-bin"), bytes):
            info.ParseFromString(alone)
            return _in_seconds(info)
        if isinstance(status := told.get("grpc-status-details-bin"), bytes):
            for detail in Status.FromString(status).details:
                if detail.Unpack(info):
                    return _in_seconds(info)
    except DecodeError:
        return None
    return None


def _in_seconds(info: RetryInfo) -> float:
    return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
