"""Events sent to PostHog."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from string import Formatter
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from hogtrace._engine import ENGINE_VERSION, CaptureEvent, Mark
from hogtrace.errors import ConfigError, ExportError, UnknownOutcomeError
from hogtrace.exporters.checks import checked_flag, checked_seconds, host_of
from hogtrace.exporters.parts import send_in_parts
from hogtrace.forms.portable import portable
from hogtrace.forms.posthog_properties import properties_of

__all__ = ["PostHogExporter"]

_NAMES: Final = frozenset(
    ("kind", "program", "probe", "target", "function", "point", "service", "release", "environment", "host")
)
"""The fields that the name of an event may have in braces."""

_LONGEST_NAME: Final = 200  # characters, of an event and of a distinct id

_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Answers after which the same batch may be taken later."""


class PostHogExporter:
    """Sends each batch to PostHog as events, through the `posthog` package.

    `project_api_key` is that of the project, `host` the address of its ingestion. `event` is the name under which they
    come, with the fields `kind`, `program`, `probe`, `target`, `function`, `point`, `service`, `release`,
    `environment` and `host` in braces. `distinct_id` names a captured field, or else something that is known of the
    request, that holds the distinct id of the user: text or an integer. Where there is none it is the request's id, or
    the name of the service. No event makes a person profile, unless `person_profiles` is true and the distinct id is a
    user's. `properties` go with each event. `timeout` is what connecting, and each wait for the server, may take, in
    seconds.

    The properties hold all of an event, each field by its name after `hogtrace_`: `hogtrace.events.read_posthog` reads
    it back. Its `uuid` is the event's id, so that what comes twice counts once.

    An answer 408, 425, 429 or 5xx, or no connection, has the batch sent again later, by `Retry-After` where there is
    one. Where the server fell silent or hung up after the batch was sent, it counts as dropped, cause `unknown`. Any
    other answer but 2xx drops it. A batch that is too large for the server goes in halves.

    Raises `ConfigError` for what cannot be followed, or if the extra `posthog` is not installed.
    """

    def __init__(
        self,
        project_api_key: str,
        *,
        host: str = "https://us.i.posthog.com",
        event: str = "hogtrace {kind}",
        distinct_id: str | None = None,
        person_profiles: bool = False,
        properties: Mapping[str, object] | None = None,
        compress: bool = True,
        timeout: float = 15.0,
    ) -> None:
        if not isinstance(project_api_key, str) or not project_api_key.strip():
            raise ConfigError("PostHogExporter: `project_api_key` is empty; it is in the settings of the project")
        self._host_name = host_of(host, "PostHogExporter: `host`", instead="`project_api_key`")
        if distinct_id is not None and not isinstance(distinct_id, str):
            raise ConfigError("PostHogExporter: `distinct_id` must be the name of a field")
        self._timeout = checked_seconds(timeout, "PostHogExporter: `timeout`")
        self._compress = checked_flag(compress, "PostHogExporter: `compress`")
        self._profiles = checked_flag(person_profiles, "PostHogExporter: `person_profiles`")
        try:
            json.dumps(dict(properties or {}))
        except (TypeError, ValueError):
            raise ConfigError("PostHogExporter: `properties` must be what JSON can say, by name") from None
        _check_name(event)
        try:
            self._requests: Any = import_module("posthog.request")
            self._session_module: Any = import_module("hogtrace.exporters.session")
        except ImportError as error:
            raise ConfigError(
                f'PostHogExporter: the package posthog is not there ({error}); pip install "hogtrace[posthog]"'
            ) from None
        self._key = project_api_key.strip()
        self._host = str(self._requests.determine_server_host(host))
        self._event = event
        self._distinct_id = distinct_id
        self._properties = dict(properties or {})
        self._session: Any = None

    def __repr__(self) -> str:
        return f"<hogtrace.PostHogExporter to {self._host_name}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Send `events`.

        Raises `RetryError`, `UnknownOutcomeError`, `PartialExportError`, or `ExportError` if they are not wanted.
        """
        send_in_parts(events, self._send)

    def rest(self) -> None:
        """End the connection until there is something to send again."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._session = None

    def close(self) -> None:
        """End the connection."""
        self.rest()

    def _send(self, events: Sequence[CaptureEvent]) -> int:
        if self._session is None:
            self._session = self._session_module.Session(_TRANSIENT)
        # The package's client would send events one by one, or from a queue and a thread of its own, of which nobody
        # hears what came of an event. This is what it sends them with.
        self._requests.batch_post(
            self._key,
            self._host,
            gzip=self._compress,
            timeout=self._timeout,
            session=self._session,
            batch=[self._message(event) for event in events],
            historical_migration=False,
        )
        _, body = self._session.take_answer()
        _check_answer(body, self._host_name)
        return 0

    def _message(self, event: CaptureEvent) -> dict[str, Any]:
        fields, whole = portable(event)
        user = self._user(event)
        properties = {
            **self._properties,
            **properties_of(fields, whole),
            "$lib": "hogtrace",
            "$lib_version": ENGINE_VERSION,
            # The address is the server's, which says nothing of the user.
            "$geoip_disable": True,
        }
        if user is None or not self._profiles:
            properties["$process_person_profile"] = False
        message = {
            "event": self._name(fields),
            "distinct_id": (user or fields["request_id"] or fields.get("service") or "hogtrace")[:_LONGEST_NAME],
            "properties": properties,
            "uuid": _uuid(event.id),
        }
        # A time that no calendar has becomes that of its arrival.
        with contextlib.suppress(ValueError, OverflowError, OSError):
            message["timestamp"] = datetime.fromtimestamp(event.timestamp, UTC).isoformat()
        return message

    def _name(self, fields: Mapping[str, Any]) -> str:
        known = {name: fields.get(name) or "" for name in _NAMES}
        known["kind"] = known["kind"] or "capture"
        return self._event.format_map(known)[:_LONGEST_NAME]

    def _user(self, event: CaptureEvent) -> str | None:
        if self._distinct_id is None:
            return None
        for source in (event.values, event.request):
            value = source.get(self._distinct_id)
            # A mark stands for what was left out: half of a name, or a secret, is nobody's.
            if isinstance(value, str | int) and not isinstance(value, bool | Mark):
                text = str(value).encode(errors="backslashreplace").decode()
                if text and len(text) <= _LONGEST_NAME and "…truncated" not in text:
                    return text
        return None


def _check_name(event: str) -> None:
    try:
        parts = list(Formatter().parse(event))
    except (ValueError, TypeError):
        raise ConfigError(f"PostHogExporter: {event!r} is no name of an event") from None
    for _, field, form, conversion in parts:
        if field is not None and (field not in _NAMES or form or conversion):
            raise ConfigError(
                f"PostHogExporter: the name of an event cannot have {{{field}}}; choose of {sorted(_NAMES)}"
            )
    if not event.strip():
        raise ConfigError("PostHogExporter: the name of an event is empty")


def _check_answer(body: bytes, host: str) -> None:
    try:
        answer = json.loads(body)
    except ValueError:
        raise UnknownOutcomeError(f"{host} answered 200 with what is not PostHog's") from None
    limited = answer.get("quota_limited") if isinstance(answer, dict) else None
    if isinstance(limited, list) and "events" in limited:
        raise ExportError(f"{host} takes no more events: the quota is used up")


def _uuid(event_id: str) -> str:
    try:
        return str(UUID(hex=event_id))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, event_id))
