"""The names of the files that a rotation leaves beside the one that is written.

`events.jsonl.000017` is younger than `events.jsonl.000016.gz`; a file keeps its number for good.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["COMPRESSED", "PART", "compressed_name_of", "family", "name_of", "rotated_numbers", "uncompressed_files"]

COMPRESSED: Final = ".gz"
"""What the name of a compressed file ends with."""

PART: Final = ".part"
"""What follows while it is being compressed."""

_ENDING: Final = re.compile(rf"\.(\d{{6,}})({re.escape(COMPRESSED)})?({re.escape(PART)})?")


def rotated_numbers(path: Path) -> range:
    """Give the numbers of the files that rotations of `path` have left, oldest first; single ones may be gone."""
    # A directory that changes while it is listed may show neither the name that goes nor the one that comes.
    found = [number for number, _ in family(path) or family(path)]
    first, last = min(found, default=1), max(found, default=0)
    while _is_there(path, last + 1):
        last += 1
    while first > 1 and _is_there(path, first - 1):
        first -= 1
    return range(first, last + 1)


def uncompressed_files(path: Path) -> list[Path]:
    """Give the files that rotations of `path` have left and that are not compressed, oldest first."""
    return [file for _, file in sorted(family(path)) if file.suffix not in (COMPRESSED, PART)]


def name_of(path: Path, number: int) -> Path:
    """Give the name of the rotated file of that number before it is compressed."""
    return path.with_name(f"{path.name}.{number:06}")


def compressed_name_of(path: Path, number: int) -> Path:
    """Give the name of the rotated file of that number once it is compressed."""
    return path.with_name(f"{path.name}.{number:06}{COMPRESSED}")


def family(path: Path) -> list[tuple[int, Path]]:
    """Give the files that rotations of `path` have left, in any state, each with its number."""
    found = []
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.name.startswith(path.name):
                    ending = _ENDING.fullmatch(entry.name, len(path.name))
                    if ending is not None:
                        found.append((int(ending[1]), path.with_name(entry.name)))
    except FileNotFoundError:
        return []
    return found


def _is_there(path: Path, number: int) -> bool:
    # In this order: the compressed file comes before the other one goes.
    return name_of(path, number).exists() or compressed_name_of(path, number).exists()
