"""What is looked at when an exporter is made, above all one that sends over a network, so that no batch meets it first.

Nothing here repeats a value in a message: an address or a header may be, or hold, a secret.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, TypeGuard
from urllib.parse import urlsplit

from hogtrace.errors import ConfigError

__all__ = ["checked_flag", "checked_headers", "checked_path", "checked_seconds", "host_of", "is_number", "is_whole"]

_LONGEST: Final = 86_400.0
"""Seconds; the system takes no time-outs that are much longer."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What HTTP takes as the name of a header."""


def host_of(
    url: object, what: str, *, schemes: Collection[str] = ("http", "https"), instead: str = "an Authorization"
) -> str:
    """Give the host of the address `url`, which is called `what` in messages.

    Raises `ConfigError` for one that cannot be sent to, or that holds a user or a password; `instead` says what to give
    in place of these.
    """
    if not isinstance(url, str):
        raise ConfigError(f"{what} must be text")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ConfigError(f"{what} holds a blank or a control character, which no address has")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"{what} is no address: its host cannot be understood") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise ConfigError(f"{what} must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{what} holds a user or a password; give {instead} instead")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigError(f"{what} has a port that is no number from 1 to 65535")
    if not f"{parts.path}{parts.query}{parts.fragment}".isascii():
        raise ConfigError(f"{what} holds characters beyond ASCII behind the host; write them as %XX")
    return parts.hostname


def checked_headers(headers: object, who: str) -> dict[str, str]:
    """Give a copy of `headers`. Raises `ConfigError`, which begins with `who`, for what cannot be sent."""
    if not isinstance(headers, Mapping):
        raise ConfigError(f"{who}: `headers` maps names to texts")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError(f"{who}: `headers` maps names to texts")
        if not _TOKEN.fullmatch(name):
            raise ConfigError(f"{who}: the header {name!r} cannot be sent")
        if not value.isascii() or not value.isprintable():
            raise ConfigError(f"{who}: the value of the header {name} cannot be sent")
    return dict(headers)


def checked_seconds(seconds: object, what: str) -> float:
    """Give `seconds`. Raises `ConfigError`, which begins with `what`, if that is no time to wait for."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= _LONGEST:
        return float(seconds)
    raise ConfigError(f"{what} must be a number of seconds, more than 0 and at most {_LONGEST:,.0f}")


def checked_flag(flag: object, what: str) -> bool:
    """Give `flag`. Raises `ConfigError`, which begins with `what`, if it is neither True nor False."""
    if not isinstance(flag, bool):
        raise ConfigError(f"{what} must be True or False")
    return flag


def checked_path(path: object, who: str) -> Path:
    """Give `path` as an absolute one. Raises `ConfigError`, which begins with `who`, if it is no path."""
    if isinstance(path, str | os.PathLike) and isinstance(os.fspath(path), str):
        return Path(path).absolute()
    raise ConfigError(f"{who}: `path` must be the path of a file")


def is_number(value: object) -> TypeGuard[int | float]:
    """Say whether `value` is a finite number, which True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> TypeGuard[int]:
    """Say whether `value` is a whole number, which True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)
