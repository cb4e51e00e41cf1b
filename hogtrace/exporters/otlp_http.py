"""OTLP over HTTP: OpenTelemetry's exporters, one attempt each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.util.re import parse_env_headers

from hogtrace.errors import ExportError, UnknownOutcomeError
from hogtrace.exporters.session import Session

__all__ = ["HTTPSender", "environment_headers"]

_TRANSIENT: Final = frozenset((429, 502, 503, 504))
"""Answers after which the same batch may be taken later, by the specification of OTLP."""

_Answer = TypeVar("_Answer", ExportLogsServiceResponse, ExportMetricsServiceResponse)


class HTTPSender:
    """Posts to `endpoint`, with `/v1/logs` or `/v1/metrics` after it; None is what the environment says."""

    has_threads = False

    def __init__(self, *, endpoint: str | None, headers: Mapping[str, str], timeout: float, compression: str) -> None:
        self._endpoint = endpoint
        self._given = headers
        self._timeout = timeout
        self._compression = Compression(compression)
        self._logs: tuple[OTLPLogExporter, Session] | None = None
        self._metrics: tuple[OTLPMetricExporter, Session] | None = None

    def send(self, records: Sequence[ReadableLogRecord]) -> int:
        """Send log records; give how many of them were refused. Raises what `Session.take_answer` raises."""
        if self._logs is None:
            self._logs = self._made(OTLPLogExporter, "logs")
        exporter, session = self._logs
        exporter.export(records)
        answer = _read(ExportLogsServiceResponse, *session.take_answer())
        return int(answer.partial_success.rejected_log_records)

    def send_metrics(self, data: MetricsData) -> None:
        """Send metrics. Raises what `Session.take_answer` raises, and `ExportError` for figures that were refused."""
        if self._metrics is None:
            self._metrics = self._made(OTLPMetricExporter, "metrics")
        exporter, session = self._metrics
        exporter.export(data)
        refused = _read(ExportMetricsServiceResponse, *session.take_answer()).partial_success.rejected_data_points
        if refused > 0:
            raise ExportError(f"{refused} figures were refused")

    def close(self) -> None:
        """End the connections."""
        for made in (self._logs, self._metrics):
            if made is not None:
                made[0].shutdown()
        self._logs = self._metrics = None

    def _made(self, make: Callable[..., Any], signal: str) -> tuple[Any, Session]:
        # The exporters wait and try again by themselves, and tell no more than whether it went well in the end; the
        # session that they are given sees each answer.
        session = Session(_TRANSIENT, self._timeout)
        exporter = make(
            endpoint=_with_path(self._endpoint, signal),
            headers={**environment_headers(signal), **self._given},
            timeout=self._timeout,
            compression=self._compression,
            session=session,
        )
        return exporter, session


def environment_headers(signal: str) -> dict[str, str]:
    """Give the headers that OpenTelemetry's variables ask for."""
    told = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS") or os.environ.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    return {name.lower(): value for name, value in parse_env_headers(told, liberal=True).items()}


def _with_path(endpoint: str | None, signal: str) -> str | None:
    if endpoint is None:
        return None
    base = endpoint.rstrip("/").removesuffix("/v1/logs")
    return f"{base}/v1/{signal}"


def _read(kind: type[_Answer], content_type: str, body: bytes) -> _Answer:
    answer = kind()
    if content_type.partition(";")[0].strip().lower() == "application/x-protobuf":
        try:
            answer.ParseFromString(body)
        except DecodeError:
            raise UnknownOutcomeError("the server's answer cannot be read") from None
    return answer
