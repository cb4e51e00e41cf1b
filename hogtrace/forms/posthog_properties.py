"""Events as the properties of an event of PostHog's, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from hogtrace._engine import CaptureEvent

__all__ = ["event_of", "properties_of"]

_PREFIX: Final = "hogtrace_"
"""What the names of an event's fields begin with among the properties."""

_JSON: Final = "hogtrace_json"


def properties_of(fields: Mapping[str, Any], whole: str | None) -> dict[str, Any]:
    """Give the properties for what `portable` gives: an event's `fields`, and its JSON where these are not all."""
    properties = {_PREFIX + name: value for name, value in fields.items()}
    return properties if whole is None else {**properties, _JSON: whole}


def event_of(properties: Mapping[str, object]) -> CaptureEvent:
    """Give the event that has these properties. Raises `ValueError` if they are not an event's."""
    try:
        if _JSON in properties:
            return CaptureEvent.from_json(cast("str", properties[_JSON]))
        fields = {name.removeprefix(_PREFIX): value for name, value in properties.items() if name.startswith(_PREFIX)}
        return CaptureEvent.from_dict(fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"properties that are not an event's: {error}") from error
