"""The `hogtrace` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command with the process's arguments, and end the process with its exit code.

    Without the package `click`, which the extra `cli` brings, it says how to get it and ends with code 1.
    """
    try:
        import click  # noqa: F401 - only to see whether it is there
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write('The hogtrace command needs the package click: pip install "hogtrace[cli]"\n')
        sys.exit(1)
    from hogtrace.cli.commands import hogtrace

    hogtrace(prog_name="hogtrace")
