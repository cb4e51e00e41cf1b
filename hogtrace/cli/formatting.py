"""Probe files in canonical form: what `hogtrace fmt` does with each file."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
import tempfile
from pathlib import Path

from hogtrace import _engine

__all__ = ["difference", "formatted", "replace_text"]


def formatted(data: bytes, name: str) -> str:
    """Give the canonical text of a file's content.

    Raises `CompileError` for a program that does not compile, and `ValueError` for what is not UTF-8 text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: see byte {error.start}; save it as UTF-8") from None
    return _engine.format(text, name=name)


def difference(before: bytes, after: str, name: str) -> str:
    """Give what formatting changes, as a unified diff; empty if nothing."""
    old = before.decode("utf-8", errors="replace").splitlines(keepends=True)
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), name, f"{name} (formatted)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def replace_text(path: Path, text: str) -> None:
    """Write a file anew, so that any reader sees the old content or the new; mode and owner are kept.

    A symbolic link stays one: the file that it leads to is written. Raises `OSError`, and leaves the file as it was.
    """
    target = path.resolve()
    status = target.stat()
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if (status.st_uid, status.st_gid) != (os.getuid(), os.getgid()):
            # Only root may give files away; for others the group is kept where they are in it.
            with contextlib.suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
        Path(temporary).chmod(stat.S_IMODE(status.st_mode))
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
