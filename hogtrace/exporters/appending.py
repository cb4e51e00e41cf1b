"""A file that several processes append to at a time, each batch as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from time import monotonic, sleep
from typing import Final

__all__ = ["SharedFile"]

_LONGEST_NAP: Final = 0.05  # seconds


class SharedFile:
    """The file at `path`, opened for appending and made if it is not there.

    Whoever writes to it or moves it away holds its lock, which is `flock`'s and so belongs to the file, not to its
    name. Raises `OSError` for a path that cannot be opened for writing.
    """

    is_regular: bool
    """Whether it is a file in the proper sense. Pipes and devices have no lock here, no size and no end."""

    def __init__(self, path: Path) -> None:
        try:
            is_other = not stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError:
            is_other = False
        # To see whether the last line is whole, one must read; a pipe that is read by its writer never ends.
        # And to open one that nobody reads would take until somebody does; like this it is an error.
        access = os.O_WRONLY | os.O_NONBLOCK if is_other else os.O_RDWR
        self._number = os.open(path, access | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.set_blocking(self._number, True)
        self.is_regular = stat.S_ISREG(os.fstat(self._number).st_mode)
        self._own_end = 0

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        return os.fstat(self._number).st_size

    def head(self, count: int) -> bytes:
        """Give its first bytes, at most `count`."""
        return os.pread(self._number, count, 0)

    def is_at(self, path: Path) -> bool:
        """Say whether this is still what is found at `path`."""
        try:
            there = path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self._number), there)

    def lock(self, path: Path, timeout: float) -> bool:
        """Wait until no other process has the lock, or the file is not at `path` any more.

        Gives False if neither came to be within `timeout` seconds.
        """
        if not self.is_regular:
            return True
        deadline, nap = monotonic() + timeout, 0.0005
        while True:
            try:
                # Without a limit, a process that was stopped in the middle would stop the others.
                fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not self.is_at(path):
                    return True
                if monotonic() >= deadline:
                    return False
                sleep(nap)
                nap = min(2 * nap, _LONGEST_NAP)
            else:
                return True

    def unlock(self) -> None:
        """Let others have the lock, children that were forked meanwhile and hold the same file notwithstanding."""
        if self.is_regular:
            fcntl.flock(self._number, fcntl.LOCK_UN)

    def append(self, data: bytes) -> None:
        """Write all of `data`, lines, at the end; the lock is held.

        Raises `OSError` if that cannot be; then nothing of it is in the file.
        """
        before = self.size
        if self.is_regular and before not in (0, self._own_end) and os.pread(self._number, 1, before - 1) != b"\n":
            # Somebody was killed in the middle of a line, which must not spoil the next one.
            data = b"\n" + data
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._number, rest) :]
        except BaseException:
            if self.is_regular:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._number, before)
            raise
        self._own_end = before + len(data)

    def sync(self) -> None:
        """Wait until what was written is on the disk. Raises `OSError` if that fails."""
        os.fsync(self._number)

    def close(self) -> None:
        """Close it. The lock, if this process has it, stays with children that were forked meanwhile."""
        os.close(self._number)
