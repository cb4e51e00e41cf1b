"""What a rotation leaves: files beside the one that is written, numbered, and compressed if that is wanted.

`events.jsonl.000017` is younger than `events.jsonl.000016.gz`; a file keeps its number for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import zlib
from pathlib import Path
from time import monotonic
from typing import Final

__all__ = ["Compression", "compressed_name_of", "name_of", "prune", "rotated_numbers", "uncompressed_files"]

_COMPRESSED: Final = ".gz"
_PART: Final = ".part"
_ENDING: Final = re.compile(rf"\.(\d{{6,}})({re.escape(_COMPRESSED)})?({re.escape(_PART)})?")
_PIECE: Final = 1 << 18  # bytes
_GZIP: Final = 31  # what zlib calls the largest window with gzip's header and checksum


def rotated_numbers(path: Path) -> range:
    """Give the numbers of the files that rotations of `path` have left, oldest first; single ones may be gone."""
    # A directory that changes while it is listed may show neither the name that goes nor the one that comes.
    found = [number for number, _ in _family(path) or _family(path)]
    first, last = min(found, default=1), max(found, default=0)
    while _is_there(path, last + 1):
        last += 1
    while first > 1 and _is_there(path, first - 1):
        first -= 1
    return range(first, last + 1)


def uncompressed_files(path: Path) -> list[Path]:
    """Give the files that rotations of `path` have left and that are not compressed, oldest first."""
    return [file for _, file in sorted(_family(path)) if file.suffix not in (_COMPRESSED, _PART)]


def name_of(path: Path, number: int) -> Path:
    """Give the name of the rotated file of that number before it is compressed."""
    return path.with_name(f"{path.name}.{number:06}")


def compressed_name_of(path: Path, number: int) -> Path:
    """Give the name of the rotated file of that number once it is compressed."""
    return path.with_name(f"{path.name}.{number:06}{_COMPRESSED}")


def prune(path: Path, keep: int) -> None:
    """Delete what rotations of `path` have left but for the newest `keep`. Raises `OSError` if that cannot be."""
    family = list(_family(path))
    kept = sorted({number for number, _ in family})[-keep:] if keep else []
    for number, file in family:
        if number not in kept:
            file.unlink(missing_ok=True)


def _is_there(path: Path, number: int) -> bool:
    # In this order: the compressed file comes before the other one goes.
    return name_of(path, number).exists() or compressed_name_of(path, number).exists()


def _family(path: Path) -> list[tuple[int, Path]]:
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


class Compression:
    """One rotated file on its way to being compressed, a little at a time.

    The compressed file appears under its name when it is whole and on the disk; then `source` is deleted. Only one
    process at a time compresses a file. Raises `BlockingIOError` if another one does, and `OSError` if the files
    cannot be opened.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._target = source.with_name(source.name + _COMPRESSED)
        self._part = source.with_name(source.name + _COMPRESSED + _PART)
        self._deflate = zlib.compressobj(wbits=_GZIP)
        self._files: list[int] = [os.open(source, os.O_RDONLY | os.O_CLOEXEC)]
        try:
            fcntl.flock(self._files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
            mode = os.fstat(self._files[0]).st_mode & 0o777
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._files.append(os.open(self._part, flags, mode))
        except BaseException:
            self._close()
            raise

    def advance(self, seconds: float) -> bool:
        """Work for about so long; give whether it is done. Raises `OSError` when it cannot be; then it is over."""
        deadline = monotonic() + seconds
        reading, writing = self._files
        try:
            while piece := os.read(reading, _PIECE):
                _write(writing, self._deflate.compress(piece))
                if monotonic() >= deadline:
                    return False
            _write(writing, self._deflate.flush())
            os.fsync(writing)
            if self._is_there():
                self._part.rename(self._target)
                self._source.unlink()
                self._close()
            else:  # it was deleted meanwhile
                self.abandon()
        except BaseException:
            self.abandon()
            raise
        return True

    def abandon(self) -> None:
        """End it with nothing done."""
        if self._files:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
            self._close()

    def let_go(self) -> None:
        """Close the files in a child, whose parent goes on with them."""
        while self._files:
            os.close(self._files.pop())

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._files[0]), self._source.stat())
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        # A child that was forked meanwhile may hold the same file, so that closing it would not be enough.
        fcntl.flock(self._files[0], fcntl.LOCK_UN)
        self.let_go()


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
