"""The text of a target: its segments, and the names that they match."""

from __future__ import annotations

import functools
import re
from typing import Final

LOCALS: Final = "<locals>"
"""The segment that stands between a function and what is defined in it."""
LAMBDA: Final = "<lambda>"
"""The name of a function that has none."""

_SEGMENT = re.compile(r"[^\W\d]\w*|[\w*]*\*[\w*]*|<locals>|<lambda>")


def split(text: str) -> tuple[str, ...]:
    """Give the segments of a target. Raises `ValueError` for text that is none."""
    segments = tuple(text.split("."))
    for segment in segments:
        if not _SEGMENT.fullmatch(segment) or ("**" in segment and segment != "**"):
            raise ValueError(f"{text!r} is not a target: {segment!r} is no name, and no pattern for names")
    if LOCALS in (segments[0], segments[-1]) or (len(segments) == 1 and segments[0] != "**"):
        raise ValueError(f"{text!r} is not a target: write module.function")
    for before, segment in zip(("", *segments), segments, strict=False):
        if before == segment == LOCALS:
            raise ValueError(f"{text!r} is not a target: a name stands between two {LOCALS}")
        if segment == LAMBDA and LOCALS not in segments[: segments.index(LAMBDA)]:
            raise ValueError(f"{text!r} is not a target: {LAMBDA} stands only behind f.{LOCALS}")
    return segments


def is_pattern(segments: tuple[str, ...]) -> bool:
    """Whether the segments may match any number of names."""
    return any("*" in segment for segment in segments)


@functools.lru_cache(maxsize=256)
def compiled(segments: tuple[str, ...]) -> re.Pattern[str]:
    """Turn segments into the pattern for the full names that they match; stars match nothing in angle brackets."""
    names = [re.escape(segment).replace(r"\*", "[^.<]*") for segment in segments]
    *leading, last = (
        r"(?:[^.<]+\.)*" if segment == "**" else name + r"\." for segment, name in zip(segments, names, strict=True)
    )
    last = r"(?:[^.<]+\.)*[^.<]+" if segments[-1] == "**" else names[-1]
    return re.compile("".join(leading) + last)


def leads(segments: tuple[str, ...], names: list[str]) -> bool:
    """Whether a longer name that begins with `names` can match the segments."""
    for position, name in enumerate(names):
        if position == len(segments):
            return False
        segment = segments[position]
        if segment == "**":
            return True
        if segment != name and not ("*" in segment and compiled((segment,)).fullmatch(name)):
            return False
    return len(names) < len(segments)
