"""The development server's reloader: which of its two processes this is."""

from __future__ import annotations

import click
from flask.cli import run_command
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

__all__ = ["is_watcher"]


def is_watcher() -> bool:
    """Say whether this process only waits for changes of files: that of `flask run` whose child serves.

    It is not known of one that calls `app.run(debug=True)` by itself.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.command is not run_command or is_running_from_reloader():
        return False
    reload: bool | None = context.params.get("reload")
    return get_debug_flag() if reload is None else reload
