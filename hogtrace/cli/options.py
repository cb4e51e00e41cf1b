"""Options that several commands have, the `hogtrace` command and `flask hogtrace`: the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

__all__ = ["status_options", "tail_options"]

_Command = TypeVar("_Command", bound=Callable[..., object])


def tail_options(command: _Command) -> _Command:
    """Add what `tail` takes: `request`, `probe` and `newest`."""
    for option in (
        click.option(
            "--newest",
            metavar="N",
            type=click.IntRange(min=0),
            default=10,
            show_default=True,
            help="Begin with the newest N of those that are there.",
        ),
        click.option("--probe", metavar="TEXT", help="Only events with this in their probe, target or function."),
        click.option("--request", metavar="ID", help="Only requests whose id begins with this."),
    ):
        command = option(command)
    return command


def status_options(command: _Command) -> _Command:
    """Add what `status` takes: `verbose`, `everything` and `as_json`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Give it as JSON, with all that each process said."),
        click.option("--all", "everything", is_flag=True, help="Count processes that have ended, too."),
        click.option("-v", "--verbose", is_flag=True, help="Show the status of each process, too."),
    ):
        command = option(command)
    return command
