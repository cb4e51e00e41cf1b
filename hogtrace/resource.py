"""Whose events a tracer's are: the service, its release, its environment, and the machine.

Settings say so, or the variables that OpenTelemetry defines for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import unquote

from hogtrace._engine import Resource
from hogtrace.errors import ConfigError

__all__ = ["read_name", "resource"]

_LONGEST: Final = 255

# The attributes in OTEL_RESOURCE_ATTRIBUTES, the one that counts first.
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "service": ("service.name",),
    "release": ("service.version",),
    "environment": ("deployment.environment.name", "deployment.environment"),
}


def read_name(value: object, where: str) -> str | None:
    """Give a name that is set: a text of 1 to 255 printable characters, or None.

    Raises `ConfigError`, which begins with `where`, for anything else.
    """
    if value is None or (isinstance(value, str) and _is_name(value)):
        return value
    shown = "empty, too long or not printable" if isinstance(value, str) else f"of type {type(value).__name__}"
    raise ConfigError(f"{where} is {shown}; it must be a text of 1 to {_LONGEST} printable characters, or None")


def resource(
    *,
    service: str | None = None,
    release: str | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resource:
    """Give whose events they are: by the arguments, and where one is None by `environ`, that of the process.

    That has OTEL_SERVICE_NAME, and OTEL_RESOURCE_ATTRIBUTES with `service.name`, `service.version` and
    `deployment.environment.name` or `deployment.environment`, percent-encoded; what is wrong in these is passed over.
    Raises `ConfigError` with all arguments that are wrong.
    """
    given: dict[str, object] = {"service": service, "release": release, "environment": environment}
    problems: list[str] = []
    names: dict[str, str | None] = {}
    for name, value in given.items():
        try:
            names[name] = read_name(value, name)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    environ = os.environ if environ is None else environ
    attributes = _attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    said = environ.get("OTEL_SERVICE_NAME", "").strip()
    if _is_name(said):
        attributes["service.name"] = said
    for name, keys in _ATTRIBUTES.items():
        if names[name] is None:
            names[name] = next((attributes[key] for key in keys if key in attributes), None)
    return Resource(**names, host=_host())


def _attributes(text: str) -> dict[str, str]:
    """Give what OTEL_RESOURCE_ATTRIBUTES says, `key=value` separated by commas, as far as it can be understood."""
    found = {}
    for pair in text.split(","):
        key, is_pair, value = pair.partition("=")
        try:
            key, value = (unquote(part.strip(), errors="strict") for part in (key, value))
        except UnicodeDecodeError:
            continue
        if is_pair and _is_name(value):
            found[key] = value
    return found


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= _LONGEST and text.isprintable()


@cache
def _host() -> str | None:
    """Give the name of the machine, asked for once."""
    try:
        name = socket.gethostname()
    except OSError:
        return None
    return name if _is_name(name) else None
