"""Events as lines of JSON, appended to a file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from hogtrace._engine import CaptureEvent, encode_lines
from hogtrace.errors import ConfigError, RetryError, UnknownOutcomeError
from hogtrace.exporters.appending import SharedFile
from hogtrace.exporters.checks import checked_path, is_number, is_whole
from hogtrace.exporters.rotation import Compression, prune
from hogtrace.forms.rotated_files import name_of, rotated_numbers, uncompressed_files
from hogtrace.outages import warn

__all__ = ["JSONLinesExporter"]

_LOCK_TIMEOUT: Final = 5.0  # seconds
_SLICE: Final = 0.05  # seconds of compressing after a batch
_PAUSE: Final = 30.0  # seconds after which what failed beside the writing is tried again
_HEAD: Final = 512  # bytes in which an event's time is found
_TIMESTAMP: Final = re.compile(rb'"timestamp":([-+.\deE]+)')
_FSYNC: Final = ("never", "batch", "close")


class JSONLinesExporter:
    """Appends one line of JSON for each event to the file at `path`, which is made if it is not there.

    Several processes may write the same file: a batch is in it as a whole, or not at all. A file that was moved away
    or deleted, as log rotation does, is made again at the next batch. `hogtrace.events.read_jsonl` reads such files.

    With `max_bytes` or `max_age` the file is rotated: before a batch that would make it larger than that, or, in
    seconds, when its first event is older, it gets the next number (`events.jsonl.000001`) and a new one is begun.
    One batch may be larger than `max_bytes`. Of the files with numbers the newest `keep` stay; None keeps all.
    `compress` "gzip" compresses them, a little after each batch.

    `fsync` says when to wait for the disk: "never"; after each "batch"; or at the "close" of the file, which is also
    when it is rotated and when nothing has come for a while.

    Raises `ConfigError` for a path that cannot be written to, or options that are wrong or do nothing.
    """

    path: Path
    """The file, as an absolute path."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        max_age: float | None = None,
        keep: int | None = 5,
        compress: Literal[False, "gzip"] = False,
        fsync: Literal["never", "batch", "close"] = "never",
    ) -> None:
        self.path = checked_path(path, "JSONLinesExporter")
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._keep = keep
        self._compress = compress
        self._fsync = fsync
        self._rotates = max_bytes is not None or max_age is not None
        problems = [f"JSONLinesExporter: {problem}" for problem in self._problems()]
        if problems:
            raise ConfigError(*problems)
        self._compression: Compression | None = None
        self._untidy = self._rotates
        self._tidy_at = 0.0
        self._failing: set[str] = set()
        self._began: float | None = None
        self._file: SharedFile | None = None
        try:
            self._file = SharedFile(self.path)
        except OSError as error:
            raise ConfigError(
                f"JSONLinesExporter: cannot write to {self.path}: {error.strerror}; "
                "name a file in a directory that exists and is writable"
            ) from None
        self._check_place(self._file)

    def __repr__(self) -> str:
        return f"<hogtrace.JSONLinesExporter to {str(self.path)!r}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Append `events`.

        Raises `RetryError` where the disk is full or another process has held the file for 5 seconds,
        `UnknownOutcomeError` where `fsync` fails, and `OSError` for whatever else they cannot be written; nothing of
        them is in the file then, but for what `fsync` leaves open.
        """
        data = encode_lines(events)
        try:
            file = self._locked()
            try:
                while self._is_due(file, len(data)) and self._rotate(file):
                    file = self._locked()
                file.append(data)
            finally:
                if self._file is not None:
                    self._file.unlock()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise RetryError(f"there is no space for {self.path}") from None
            raise
        if self._fsync == "batch" and file.is_regular:
            try:
                file.sync()
            except OSError as error:
                raise UnknownOutcomeError(f"{self.path} may not be on the disk: {error.strerror}") from None
        if self._untidy:
            self._tidy()

    def close(self) -> None:
        """Close the file. What is not compressed by then, the next process compresses."""
        compression, self._compression = self._compression, None
        if compression is not None:
            compression.abandon()
        self.rest()

    def rest(self) -> None:
        """Close the file until the next batch."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if self._fsync == "close" and file.is_regular:
                file.sync()
        finally:
            file.close()

    def after_fork(self) -> None:
        """Leave to the parent what it has open, should it be in the middle of a batch."""
        file, self._file = self._file, None
        compression, self._compression = self._compression, None
        if file is not None:
            file.close()
        if compression is not None:
            compression.let_go()

    def _locked(self) -> SharedFile:
        """Give the file at the path, with its lock."""
        while True:
            file = self._file
            if file is None or not file.is_at(self.path):
                self.rest()
                self._began = None
                file = self._file = SharedFile(self.path)
            if not file.lock(self.path, _LOCK_TIMEOUT):
                raise RetryError(f"another process has held {self.path} for {_LOCK_TIMEOUT:g} seconds")
            # It may have been moved away while this one waited for the lock.
            if not file.is_regular or file.is_at(self.path):
                return file
            file.unlock()

    def _is_due(self, file: SharedFile, more: int) -> bool:
        """Say whether `file` is to be rotated before so many bytes more."""
        size = file.size if self._rotates else 0
        if not (size and file.is_regular):
            return False
        if self._max_bytes is not None and size + more > self._max_bytes:
            return True
        if self._max_age is None:
            return False
        if self._began is None:
            # Its own first event tells how old it is, to this process and to any other.
            found = _TIMESTAMP.search(file.head(_HEAD))
            self._began = time.time()
            if found is not None:
                with contextlib.suppress(ValueError):
                    self._began = float(found[1])
        # A clock that was put back must not keep it for ever.
        return abs(time.time() - self._began) >= self._max_age

    def _rotate(self, file: SharedFile) -> bool:
        """Move `file` away; the lock is held, so nobody writes to it any more. Give whether that could be done."""
        try:
            self.path.rename(name_of(self.path, rotated_numbers(self.path).stop))
        except OSError as error:
            # Better a file that is too large than events that are lost.
            self._say_failing("rotate", error)
            return False
        self._failing.discard("rotate")
        self._untidy = True
        file.unlock()
        self.rest()
        return True

    def _tidy(self) -> None:
        """Delete what is too old and compress what is not, for a moment; nothing here may cost the batch."""
        if monotonic() < self._tidy_at:
            return
        try:
            if self._compression is None and self._keep is not None:
                prune(self.path, self._keep)
            self._untidy = self._compress == "gzip" and not self._compressed()
        except OSError as error:
            self._tidy_at = monotonic() + _PAUSE
            self._say_failing("tidy up after", error)
        else:
            self._failing.discard("tidy up after")

    def _compressed(self) -> bool:
        """Compress for a moment; give whether there is nothing more to compress."""
        if self._compression is None:
            for file in uncompressed_files(self.path):
                with contextlib.suppress(BlockingIOError, FileNotFoundError):
                    self._compression = Compression(file)
                    break
            else:
                return True
        compression, self._compression = self._compression, None
        if not compression.advance(_SLICE):
            self._compression = compression
        return False

    def _say_failing(self, what: str, error: OSError) -> None:
        if what not in self._failing:
            self._failing.add(what)
            warn("JSONLinesExporter cannot %s %s: %s", what, self.path, error.strerror)

    def _problems(self) -> list[str]:
        problems = []
        if self._max_bytes is not None and not (is_whole(self._max_bytes) and self._max_bytes > 0):
            problems.append(f"max_bytes is {self._max_bytes!r}; it must be a whole number of 1 or more, or None")
        if self._max_age is not None and not (is_number(self._max_age) and self._max_age > 0):
            problems.append(f"max_age is {self._max_age!r}; it must be a number of seconds above 0, or None")
        if self._keep is not None and not (is_whole(self._keep) and self._keep >= 0):
            problems.append(f"keep is {self._keep!r}; it must be a whole number of 0 or more, or None for all")
        if self._compress not in (False, "gzip"):
            problems.append(f"compress is {self._compress!r}; it must be False or 'gzip'")
        elif self._compress and not self._rotates:
            problems.append("compress is for files that are rotated; give max_bytes or max_age, too")
        if self._fsync not in _FSYNC:
            problems.append(f"fsync is {self._fsync!r}; it must be {', '.join(map(repr, _FSYNC[:-1]))} or 'close'")
        return problems

    def _check_place(self, file: SharedFile) -> None:
        """See that the file can be rotated, if it is to be."""
        problem = None
        if not self._rotates:
            return
        if not file.is_regular:
            problem = "is no file that can be rotated; leave out max_bytes and max_age"
        elif self.path.is_symlink():
            problem = f"is a symbolic link, which cannot be rotated; name {self.path.resolve()}"
        elif not os.access(self.path.parent, os.W_OK | os.X_OK):
            problem = "cannot be rotated: this user may not write to its directory; name another one"
        if problem is not None:
            self.close()
            raise ConfigError(f"JSONLinesExporter: {self.path} {problem}")
