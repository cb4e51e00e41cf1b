"""What HogTrace says of itself as OpenTelemetry's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hogtrace._engine import ENGINE_VERSION

if TYPE_CHECKING:
    from hogtrace.metrics import Metric as Figure
    from hogtrace.types import Report

__all__ = ["metrics_data"]

_SECOND = 10**9


def metrics_data(report: Report, resource: Resource, logger: str) -> MetricsData:
    """Give the figures of `report`: counters as sums since it began to count, the rest as gauges."""
    figures: dict[str, list[Figure]] = {}
    for figure in report.metrics():
        figures.setdefault(figure.name, []).append(figure)
    times = (round(report.started * _SECOND), round(report.time * _SECOND))
    metrics = [_metric(name, group, times) for name, group in figures.items()]
    scope = InstrumentationScope(logger, ENGINE_VERSION)
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, "")], "")])


def _metric(name: str, figures: Sequence[Figure], times: tuple[int, int]) -> Metric:
    points = [NumberDataPoint(dict(figure.attributes), *times, figure.value) for figure in figures]
    first = figures[0]
    data = (
        Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if first.kind == "counter" else Gauge(points)
    )
    return Metric(name, first.description, first.unit, data)
