"""The development server starts anew when a probe file changes, as it does for a Python file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils.autoreload import BaseReloader, autoreload_started

from hogtrace import ConfigError
from hogtrace.sources import SUFFIX, read_source
from hogtrace_django.conf import load_settings

__all__ = ["watch_probe_files"]


def watch_probe_files() -> None:
    """Have Django's autoreloader watch what PROBES and AUTODISCOVER name, from when it starts."""
    autoreload_started.connect(_watch, dispatch_uid="hogtrace_django")


def _watch(sender: BaseReloader, **_given: Any) -> None:
    try:
        entries = load_settings().probes
    except ConfigError:
        # The system checks say what is wrong; the settings module is watched in any case.
        return
    for entry in entries:
        if "{" in entry:
            continue
        path = Path(entry).expanduser()
        if path.is_dir():
            sender.watch_dir(path, f"*{SUFFIX}")
            continue
        try:
            names = [source.name for source in read_source(entry)]
        except ConfigError:
            names = [str(path)]
        for name in names:
            sender.extra_files.add(Path(name).absolute())
