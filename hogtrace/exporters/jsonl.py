"""Events as lines of JSON, appended to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hogtrace._engine import CaptureEvent, encode_lines
from hogtrace.errors import ConfigError

__all__ = ["JSONLinesExporter"]


class JSONLinesExporter:
    """Appends one line of JSON for each event to the file at `path`, which is made if it is not there.

    Each batch is one write to a file opened for appending, so several processes may write the same file. A
    file that was moved away or deleted, as log rotation does, is made again at the next batch.
    `hogtrace.events.read_jsonl` reads such files.

    Raises `ConfigError` for a path that cannot be written to.
    """

    path: Path
    """The file, as an absolute path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._torn = False
        try:
            self._file: int | None = self._open()
        except OSError as error:
            raise ConfigError(
                f"JSONLinesExporter: cannot write to {self.path}: {error.strerror}; "
                "name a file in a directory that exists and is writable"
            ) from None

    def __repr__(self) -> str:
        return f"<hogtrace.JSONLinesExporter to {str(self.path)!r}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Append `events`. Raises `OSError` when they cannot be written, or not all of them."""
        data = encode_lines(events)
        file = self._current()
        if self._torn:
            # A line cut short by a full disk must not spoil the next one.
            data = b"\n" + data
        written = os.write(file, data)
        while 0 < written < len(data):
            self._torn = True
            data = data[written:]
            written = os.write(file, data)
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _current(self) -> int:
        if self._file is not None:
            here = os.fstat(self._file)
            try:
                there = self.path.stat()
            except FileNotFoundError:
                there = None
            if there is not None and os.path.samestat(here, there):
                return self._file
            self.close()
        self._file = self._open()
        return self._file
