"""Events as OpenTelemetry's log records, and back.

What OpenTelemetry's semantic conventions have a name for has that name; the rest begins with `hogtrace.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import time_ns
from typing import Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from hogtrace._engine import CaptureEvent
from hogtrace.forms.portable import portable

__all__ = ["Records", "make_records", "read_records", "resource_attributes"]

_EVENT: Final = "hogtrace."
"""What the names of our records begin with; the event's kind follows."""

_RESOURCE: Final = {
    "service": "service.name",
    "release": "service.version",
    "environment": "deployment.environment.name",
    "host": "host.name",
    "process": "process.pid",
}
"""The fields of an event that say what made it, and their names in the resource."""

_ATTRIBUTES: Final = {
    "id": "log.record.uid",
    "function": "code.function.name",
    "thread": "thread.id",
    "thread_name": "thread.name",
}
"""Fields that OpenTelemetry has a name for."""

_REQUEST: Final = {"method": "http.request.method", "path": "url.path", "route": "http.route"}
"""The same of what is known of the request, where it is text."""

_OWN: Final = frozenset((*_RESOURCE, *_ATTRIBUTES, "kind", "timestamp", "request", "values", "trace_id", "span_id"))
"""Fields that are not attributes by their own names."""

_FIELD: Final = {name: field for field, name in (*_RESOURCE.items(), *_ATTRIBUTES.items())}
_REQUEST_KEY: Final = {name: key for key, name in _REQUEST.items()}

_REQUEST_PREFIX: Final = "hogtrace.request."
_JSON: Final = "hogtrace.json"
_NULL: Final = "hogtrace.null"
_ANSWER: Final = "http.response.status_code"

_SECOND: Final = 10**9
_NANOSECONDS: Final = range(2**64)
_MANY_RESOURCES: Final = 64


def resource_attributes(source: Mapping[str, Any]) -> dict[str, Any]:
    """Give the attributes of the resource for the fields of an event, or of a report, that are known."""
    return {name: source[field] for field, name in _RESOURCE.items() if source.get(field) is not None}


def make_records(resource: Mapping[str, Any], logger: str, version: str) -> Records:
    """Give what makes records of events, with the resource that the environment tells and `resource` adds to."""
    return Records(Resource.create(dict(resource)), InstrumentationScope(logger, version))


class Records:
    """Makes records of events; `base` is what is known of every one's resource, `scope` what makes them."""

    def __init__(self, base: Resource, scope: InstrumentationScope) -> None:
        self._base = base
        self._scope = scope
        self._resources: dict[tuple[object, ...], Resource] = {}

    def record(self, event: CaptureEvent) -> ReadableLogRecord:
        """Give the record of `event`, from which `read_records` makes an equal one."""
        fields, json = portable(event)
        resource = self.resource(resource_attributes(fields))
        attributes = dict(_attributes(fields))
        null = [field for field, name in _RESOURCE.items() if fields.get(field) is None and name in resource.attributes]
        if null:
            # What the resource says comes from elsewhere; the event itself did not know.
            attributes[_NULL] = null
        moment, exact = _nanoseconds(event.timestamp)
        if json is None and not exact:
            json = event.to_json()
        if json is not None:
            attributes[_JSON] = json
        level = SeverityNumber.WARN if fields["errors"] else SeverityNumber.INFO
        return ReadableLogRecord(
            LogRecord(
                timestamp=moment,
                observed_timestamp=time_ns(),
                context=_context(fields),
                severity_number=level,
                severity_text=level.name,
                body=fields["values"],
                attributes=attributes,
                event_name=_EVENT + fields.get("kind", "capture"),
            ),
            resource,
            self._scope,
        )

    def resource(self, attributes: Mapping[str, Any]) -> Resource:
        """Give the resource with `attributes`, which count more than what is known of every one."""
        key = tuple(attributes.items())
        resource = self._resources.get(key)
        if resource is None:
            if len(self._resources) >= _MANY_RESOURCES:
                self._resources.clear()
            resource = self._resources[key] = self._base.merge(Resource(attributes))
        return resource


def read_records(data: bytes) -> Iterator[CaptureEvent]:
    """Give the events in an `ExportLogsServiceRequest`; records that are not HogTrace's are passed over.

    Raises `ValueError` for bytes that are none, or records of ours that are no events.
    """
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(data)
    except Exception as error:
        raise ValueError(f"not an ExportLogsServiceRequest: {error}") from None
    for of_resource in request.resource_logs:
        resource = _mapping(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                if record.event_name.startswith(_EVENT):
                    yield _event(record, resource)


def _attributes(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field, value in fields.items():
        if field in _ATTRIBUTES:
            if value is not None:
                yield _ATTRIBUTES[field], value
        elif field not in _OWN and value is not None and value != []:
            yield _EVENT + field, value
    for key, value in fields["request"].items():
        name = _REQUEST.get(key)
        yield (name, value) if name is not None and isinstance(value, str) else (_REQUEST_PREFIX + key, value)
    status = fields["values"].get("status") if fields.get("kind") == "request" else None
    if isinstance(status, int) and not isinstance(status, bool):
        yield _ANSWER, status
    for field in ("trace_id", "span_id"):
        value = fields.get(field)
        if value is not None and not _is_id(field, value):
            yield _EVENT + field, value


def _context(fields: Mapping[str, Any]) -> Context:
    """Give the context of the span in which it was captured; never the one in which it is exported."""
    trace, span = (
        int(value, 16) if value is not None and _is_id(field, value) else 0
        for field, value in (("trace_id", fields.get("trace_id")), ("span_id", fields.get("span_id")))
    )
    return set_span_in_context(NonRecordingSpan(SpanContext(trace, span, is_remote=False)), Context())


def _is_id(field: str, value: str) -> bool:
    length = 32 if field == "trace_id" else 16
    return len(value) == length and not set(value) - set("0123456789abcdef") and bool(value.strip("0"))


def _nanoseconds(timestamp: float) -> tuple[int, bool]:
    """Give a time in seconds as OpenTelemetry has it, and whether it can be had back from that."""
    numerator, denominator = timestamp.as_integer_ratio()
    moment = (2 * numerator * _SECOND + denominator) // (2 * denominator)
    if moment not in _NANOSECONDS:
        return 0, False
    return moment, moment / _SECOND == timestamp


def _event(record: Any, resource: Mapping[str, Any]) -> CaptureEvent:
    attributes = _mapping(record.attributes)
    try:
        if _JSON in attributes:
            return CaptureEvent.from_json(attributes[_JSON])
        return CaptureEvent.from_dict(_fields(record, attributes, resource))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a record that is not an event: {error}") from error


def _fields(record: Any, attributes: dict[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "kind": record.event_name.removeprefix(_EVENT),
        "timestamp": record.time_unix_nano / _SECOND,
        "request_id": None,
        "request": {},
        "values": _value(record.body),
        "errors": [],
        "trace_id": record.trace_id.hex() or None,
        "span_id": record.span_id.hex() or None,
    }
    null = attributes.pop(_NULL, [])
    for name, value in (*resource.items(), *attributes.items()):
        if name in _FIELD:
            fields[_FIELD[name]] = value
        elif name in _REQUEST_KEY:
            fields["request"][_REQUEST_KEY[name]] = value
        elif name.startswith(_REQUEST_PREFIX):
            fields["request"][name.removeprefix(_REQUEST_PREFIX)] = value
        elif name.startswith(_EVENT):
            fields[name.removeprefix(_EVENT)] = value
    return fields | dict.fromkeys(null)


def _mapping(items: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = items
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _mapping(value.kvlist_value.values)
    return getattr(value, kind)
