"""What becomes of rotated files: the oldest are deleted, the others compressed if that is wanted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from pathlib import Path
from time import monotonic
from typing import Final

from hogtrace.forms.rotated_files import COMPRESSED, PART, family

__all__ = ["Compression", "prune"]

_PIECE: Final = 1 << 18  # bytes
_GZIP: Final = 31  # what zlib calls the largest window with gzip's header and checksum


def prune(path: Path, keep: int) -> None:
    """Delete what rotations of `path` have left but for the newest `keep`. Raises `OSError` if that cannot be."""
    files = family(path)
    kept = sorted({number for number, _ in files})[-keep:] if keep else []
    for number, file in files:
        if number not in kept:
            file.unlink(missing_ok=True)


class Compression:
    """One rotated file on its way to being compressed, a little at a time.

    The compressed file appears under its name when it is whole and on the disk; then `source` is deleted. Only one
    process at a time compresses a file. Raises `BlockingIOError` if another one does, and `OSError` if the files
    cannot be opened.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._target = source.with_name(source.name + COMPRESSED)
        self._part = source.with_name(source.name + COMPRESSED + PART)
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
