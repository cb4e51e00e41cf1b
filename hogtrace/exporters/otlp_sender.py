"""OTLP by OpenTelemetry's own exporters, whatever they send over: one exporter for each signal, one attempt each."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.util.re import parse_env_headers

from hogtrace.errors import ExportError
from hogtrace.exporters.answers import Attempt

__all__ = ["OTLPSender", "Signal"]

Signal: TypeAlias = Literal["logs", "metrics"]
"""What is sent. Each has an address and variables of its own."""


class OTLPSender(ABC):
    """Sends to one server. `headers` go with each request, after those that OpenTelemetry's variables ask for."""

    has_threads: bool
    """Whether the library behind it has threads of its own, which a forked child does not have."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._given = headers
        self._made: dict[Signal, tuple[Any, Attempt[Any]]] = {}

    def send(self, records: Sequence[ReadableLogRecord]) -> int:
        """Send log records; give how many of them were refused. Raises what `Attempt.take_answer` raises."""
        return int(self._sent("logs", records).rejected_log_records)

    def send_metrics(self, data: MetricsData) -> None:
        """Send metrics. Raises the same, and `ExportError` for figures that were refused."""
        refused = int(self._sent("metrics", data).rejected_data_points)
        if refused > 0:
            raise ExportError(f"{refused} figures were refused")

    def close(self) -> None:
        """End the connections."""
        for exporter, _ in self._made.values():
            exporter.shutdown()
        self._made.clear()

    @abstractmethod
    def _make(self, signal: Signal, headers: Mapping[str, str]) -> tuple[Any, Attempt[Any]]:
        """Make the library's exporter, and give it with what remembers its attempts."""

    @abstractmethod
    def _read(self, signal: Signal, answer: Any) -> Any:
        """Give the message that `answer` is."""

    def _sent(self, signal: Signal, data: object) -> Any:
        """Send `data`, and give what the server says of the part that it took."""
        if signal not in self._made:
            self._made[signal] = self._make(signal, {**_environment_headers(signal), **self._given})
        exporter, attempt = self._made[signal]
        exporter.export(data)
        return self._read(signal, attempt.take_answer()).partial_success


def _environment_headers(signal: Signal) -> dict[str, str]:
    told = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS") or os.environ.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    return {name.lower(): value for name, value in parse_env_headers(told, liberal=True).items()}
