"""OTLP over HTTP: OpenTelemetry's exporters, one attempt each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from hogtrace.errors import UnknownOutcomeError
from hogtrace.exporters.otlp_sender import OTLPSender, Signal
from hogtrace.exporters.session import Session

__all__ = ["HTTPSender"]

_TRANSIENT: Final = frozenset((429, 502, 503, 504))
"""Answers after which the same batch may be taken later, by the specification of OTLP."""


class HTTPSender(OTLPSender):
    """Posts to `endpoint`, with `/v1/logs` or `/v1/metrics` after it; None is what the environment says."""

    has_threads = False

    def __init__(self, *, endpoint: str | None, headers: Mapping[str, str], timeout: float, compression: str) -> None:
        super().__init__(headers)
        self._endpoint = endpoint
        self._timeout = timeout
        self._compression = Compression(compression)

    def _make(self, signal: Signal, headers: Mapping[str, str]) -> tuple[Any, Session]:
        # The session that the exporter is given sees each answer.
        session = Session(_TRANSIENT, self._timeout)
        make: Any = OTLPLogExporter if signal == "logs" else OTLPMetricExporter
        exporter = make(
            endpoint=_with_path(self._endpoint, signal),
            headers=headers,
            timeout=self._timeout,
            compression=self._compression,
            session=session,
        )
        return exporter, session

    def _read(self, signal: Signal, answer: tuple[str, bytes]) -> Any:
        content_type, body = answer
        message = ExportLogsServiceResponse() if signal == "logs" else ExportMetricsServiceResponse()
        if content_type.partition(";")[0].strip().lower() == "application/x-protobuf":
            try:
                message.ParseFromString(body)
            except DecodeError:
                raise UnknownOutcomeError("the server's answer cannot be read") from None
        return message


def _with_path(endpoint: str | None, signal: str) -> str | None:
    if endpoint is None:
        return None
    base = endpoint.rstrip("/").removesuffix("/v1/logs")
    return f"{base}/v1/{signal}"
