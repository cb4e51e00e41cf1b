"""Which process is which, and whether it still runs: its number may be given again, and means nothing elsewhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["birth_of", "host_name", "is_running"]

_PROC = Path("/proc")


def host_name() -> str:
    """Give the name of this host."""
    return socket.gethostname()


def birth_of(process: int) -> str | None:
    """Give what tells the running process from every other of that number, wherever and whenever that runs.

    It is a text with the boot of the machine, the namespace that the number is of, and the time of its start in the
    system's own ticks. None if there is no such process, it has ended and nobody has taken note of it yet, or the
    system, which may be other than Linux, does not say.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115 - no path, but a name such as pid:[4026531836]
        stat = (_PROC / str(process) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the name, in brackets, which may hold anything.
    state, *others = stat.rpartition(")")[2].split()
    return None if state in "ZXx" else f"{boot} {namespace} {others[18]}"


def is_running(process: int, *, host: str | None, birth: str | None) -> bool | None:
    """Say whether the process of that number, host and birth still runs; None if that cannot be known from here.

    It can be known on the same host, in the same container, if the system tells processes apart.
    """
    if host != host_name():
        return None
    here = birth_of(os.getpid())
    if birth is None or here is None:
        return None if _exists(process) else False
    if birth.rpartition(" ")[0] != here.rpartition(" ")[0]:
        # Another machine or container of that name, or this one before it was started again.
        return None
    now = birth_of(process)
    if now is None and _exists(process) and not (_PROC / str(process)).exists():
        # The system does not show this user the processes of others.
        return None
    return now == birth


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
