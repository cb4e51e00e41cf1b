"""What the `hogtrace` command can do."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from hogtrace import _engine, display, paint
from hogtrace._engine import BYTECODE_VERSION, ENGINE_VERSION
from hogtrace.account import LAYOUTS, Account, Layout
from hogtrace.cli.formatting import difference, formatted, replace_text
from hogtrace.cli.options import status_options, tail_options
from hogtrace.errors import CODES, CompileError, ConfigError, explain
from hogtrace.events import Follower, read_sqlite
from hogtrace.following import follow
from hogtrace.sources import compile_file, read_file
from hogtrace.standing import status_of

__all__ = ["hogtrace"]

_PROBE_FILE = click.Path(dir_okay=False, path_type=Path)

_VERSION: Final = "hogtrace {} (bytecode {}, Python {}.{}.{})".format(
    ENGINE_VERSION, BYTECODE_VERSION, *sys.version_info[:3]
)
_LAYOUT = click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="tree",
    show_default=True,
    help="Each event on one line, or each value on a line of its own.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(_VERSION, message="%(version)s")
def hogtrace() -> None:
    """Probes for live Python web applications: check them, and read what they captured."""


@hogtrace.command(short_help="Compile probe files and report all that is wrong.")
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
        source = read_file(file)
        program = _engine.compile(source.text, name=source.name)
        click.echo(program.disassemble(source.text).rstrip("\n"))


@hogtrace.command("fmt")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE…",
)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; end with 1 if a file would change.")
@click.option("--diff", "show_diff", is_flag=True, help="Change nothing; show what would change.")
def fmt(files: tuple[Path, ...], only_check: bool, show_diff: bool) -> None:
    """Put probe files into canonical form.

    The file - is standard input, whose canonical text goes to standard output. A file with errors is reported and
    left as it is. Ends with 0 if all is well, with 1 if --check found a file that would change, and with 2 if a file
    has errors or cannot be read or written.
    """
    changes = failed = False
    reports_only = only_check or show_diff
    for path in files:
        is_input = str(path) == "-"
        name = "<stdin>" if is_input else str(path)
        try:
            data = sys.stdin.buffer.read() if is_input else path.read_bytes()
            text = formatted(data, name)
            is_canonical = data == text.encode()
            if show_diff:
                click.echo(difference(data, text, name), nl=False)
            if is_input and not reports_only:
                click.echo(text, nl=False)
            elif not (is_canonical or reports_only):
                replace_text(path, text)
        except OSError as error:
            failed = True
            click.echo(f"{name}: {_reason(error)}", err=True)
        except ValueError as error:
            failed = True
            click.echo(str(error).rstrip("\n") + "\n", err=True)
        else:
            if is_canonical:
                continue
            changes = True
            if reports_only or not is_input:
                click.echo(f"{name}: {'would change' if reports_only else 'changed'}", err=True)
    if failed:
        sys.exit(2)
    if only_check and changes:
        sys.exit(1)


@hogtrace.command("explain", short_help="Tell what an error code means, as HT030.")
@click.argument("code", required=False)
def explain_code(code: str | None) -> None:
    """Tell what an error code of the compiler means, as HT030; without a code, list all of them."""
    if code is None:
        for known, title in CODES.items():
            click.echo(f"{known}  {title}")
        return
    try:
        click.echo(explain(code).rstrip("\n"))
    except KeyError:
        click.echo(f"there is no error code {code}; hogtrace explain lists them", err=True)
        sys.exit(1)


@hogtrace.command(short_help="Show what was captured, request by request.")
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
@_LAYOUT
def show(file: Path, request: str | None, probe: str | None, limit: int, layout: Layout) -> None:
    """Show what was captured into a SQLite file, request by request."""
    with _plain_errors(file):
        events = read_sqlite(file, request=request, probe=probe, limit=limit + 1)
    more, events = len(events) > limit, events[-limit:]
    width = display.width_of(sys.stdout)
    lines = Account(layout).tell(events, width=width, glyphs=paint.glyphs_for(sys.stdout), spaced=True)
    colour = paint.wants_colours(sys.stdout)
    click.echo(paint.painted(lines) if colour else paint.unpainted(lines), nl=False, color=colour)
    requests = len({event.request_id for event in events} - {None})
    summary = f"{_counted(len(events), 'event')} of {_counted(requests, 'request')}"
    if more:
        summary += f"; there are older ones: --limit {limit * 10}"
    click.echo(f"\n{summary}" if events else "Nothing was captured that fits.")


@hogtrace.command(short_help="Show events as they come.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH")
@tail_options
@_LAYOUT
@click.option("--interval", metavar="SECONDS", type=click.FloatRange(min=0.01), default=0.5, hidden=True)
def tail(file: Path, request: str | None, probe: str | None, newest: int, layout: Layout, interval: float) -> None:
    """Show events as they come into a SQLite file or a file of JSON lines, until it is interrupted."""
    with _plain_errors(file), contextlib.suppress(KeyboardInterrupt):
        follow(Follower(file, request=request, probe=probe, newest=newest), interval=interval, layout=layout)


@hogtrace.command(short_help="Show what the probes of all processes do.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH.sqlite")
@status_options
def status(file: Path, verbose: bool, everything: bool, as_json: bool) -> None:
    """Show what the probes of all processes do that write to a SQLite file, as each of them said last.

    First all of them together, then what there is to know of single processes.
    """
    with _plain_errors(file):
        width = display.width_of(sys.stdout)
        click.echo(status_of(file, detailed=verbose, everything=everything, as_json=as_json, width=width))


@hogtrace.command(short_help="Show the versions.")
def version() -> None:
    """Show the versions of HogTrace, its bytecode and this Python."""
    click.echo(_VERSION)


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
