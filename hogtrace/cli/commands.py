"""What the `hogtrace` command can do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hogtrace import display
from hogtrace._engine import BYTECODE_VERSION, ENGINE_VERSION
from hogtrace.errors import CompileError, ConfigError
from hogtrace.events import read_sqlite
from hogtrace.sources import compile_file

__all__ = ["hogtrace"]

_PROBE_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def hogtrace() -> None:
    """Probes for live Python web applications: check them, and read what they captured."""


@hogtrace.command()
@click.argument("files", nargs=-1, required=True, type=_PROBE_FILE, metavar="FILE…")
def check(files: tuple[Path, ...]) -> None:
    """Compile probe files and report everything that is wrong with them.

    Ends with 0 if all of them compile, with 1 otherwise.
    """
    sound = True
    for path in files:
        try:
            program = compile_file(path)
        except CompileError as error:
            sound = False
            click.echo(str(error).rstrip("\n") + "\n", err=True)
        except ConfigError as error:
            sound = False
            click.echo(str(error), err=True)
        except OSError as error:
            sound = False
            click.echo(f"{path}: {_reason(error)}", err=True)
        else:
            count = len(program.probes)
            click.echo(f"{path}: {count} probe{'' if count == 1 else 's'}, no errors")
    if not sound:
        sys.exit(1)


@hogtrace.command()
@click.argument("file", type=_PROBE_FILE)
def disasm(file: Path) -> None:
    """Show the bytecode of a probe file."""
    with _plain_errors(file):
        click.echo(compile_file(file).disassemble().rstrip("\n"))


@hogtrace.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH.sqlite")
@click.option("--request", metavar="ID", help="Only the request whose id begins with this.")
@click.option("--probe", metavar="TEXT", help="Only events with this in their probe, target or function.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Only the newest N events.",
)
def show(file: Path, request: str | None, probe: str | None, limit: int) -> None:
    """Show what was captured into a SQLite file, request by request."""
    with _plain_errors(file):
        events = read_sqlite(file, request=request, probe=probe, limit=limit + 1)
    more, events = len(events) > limit, events[-limit:]
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    text = display.account(events, colour=colour, width=width)
    click.echo(text, nl=False, color=colour)
    requests = len({event.request_id for event in events} - {None})
    summary = f"{_counted(len(events), 'event')} of {_counted(requests, 'request')}"
    if more:
        summary += f"; there are older ones: --limit {limit * 10}"
    click.echo(f"\n{summary}" if events else "Nothing was captured that fits.")


@hogtrace.command()
def version() -> None:
    """Show the versions of HogTrace, its bytecode and this Python."""
    python = ".".join(map(str, sys.version_info[:3]))
    click.echo(f"hogtrace {ENGINE_VERSION} (bytecode {BYTECODE_VERSION}, Python {python})")


@contextmanager
def _plain_errors(file: Path) -> Iterator[None]:
    """Turn what a user can do wrong into a message and exit code 1."""
    try:
        yield
    except (CompileError, ConfigError) as error:
        click.echo(str(error).rstrip("\n"), err=True)
    except OSError as error:
        click.echo(f"{file}: {_reason(error)}", err=True)
    except ValueError as error:
        click.echo(str(error), err=True)
    else:
        return
    sys.exit(1)


def _reason(error: OSError) -> str:
    return "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
