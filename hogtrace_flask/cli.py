"""`flask hogtrace check | list | status | tail`.

Flask finds the group by its entry point, so that it can say what is wrong where the application cannot be loaded
because of it; the extension adds it to `app.cli` as well, for `app.test_cli_runner()` and for command lines of the
application's own.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click
from flask.cli import NoAppException, ScriptInfo

from hogtrace import CompileError, HogTraceError, Program, Settings, display
from hogtrace.cli.options import status_options, tail_options
from hogtrace.events import Follower
from hogtrace.following import follow, status_file, watched_file
from hogtrace.standing import status_of
from hogtrace.survey import report, survey
from hogtrace_flask.trust import TRUST

if TYPE_CHECKING:
    from flask import Flask

    from hogtrace_flask.extension import Registration

__all__ = ["commands", "is_asked"]

_COLOURS: Final[dict[str, str | None]] = {
    "heading": "cyan",
    "good": "green",
    "warning": "yellow",
    "bad": "red",
    "detail": None,
}

_LATE: Final = (
    "has changed since HogTrace has read it, which has no effect: set what is in app.config, and register blueprints, "
    "before HogTrace(app) or init_app(app)"
)
_DISABLED: Final = "HogTrace is disabled by its settings: no probe would be installed"


@click.group("hogtrace")
def commands() -> None:
    """Check the probes of the application, list them, ask what they do, or watch what they capture."""


def is_asked() -> bool:
    """Say whether this process loads the application for one of these commands."""
    context = click.get_current_context(silent=True)
    while context is not None and context.command is not commands:
        context = context.parent
    return context is not None


@commands.command()
@click.option("--strict", is_flag=True, help="End with 1 for a warning, too.")
@click.option("-v", "--verbose", is_flag=True, help="Name the functions that each probe would sit in.")
@click.pass_context
def check(context: click.Context, strict: bool, verbose: bool) -> None:
    """Compile the probe files, look for what their targets name, and say what would become of each probe.

    Ends with 1 if a probe could never fire.
    """
    app, registration = _registered(context)
    settings = registration.settings
    if settings.disabled:
        click.secho(_DISABLED, fg="yellow")
        return
    _programs(settings)
    try:
        late = registration.changed(app)
        probes = survey(settings, trust=TRUST)
    except HogTraceError as error:
        raise click.ClickException(str(error)) from error
    for name in late:
        click.secho(f"warning: {name} {_LATE}", fg=_COLOURS["warning"])
    for line in report(probes, detailed=verbose):
        click.secho(line.text, fg=_COLOURS[line.kind])
    if wrong := sum(probe.is_wrong for probe in probes):
        raise click.ClickException(f"{_counted(wrong, 'probe')} of {len(probes)} could never fire")
    warnings = len(late) + sum(bool(probe.status.warnings) or probe.verdict == "waiting" for probe in probes)
    if warnings and strict:
        raise click.ClickException(_counted(warnings, "warning"))


@commands.command("list")
@click.pass_context
def list_probes(context: click.Context) -> None:
    """Show the probe files and their probes."""
    settings = _settings(context)
    if settings.disabled:
        click.secho(_DISABLED, fg="yellow")
        return
    programs = _programs(settings)
    for program in programs:
        click.secho(program.name, fg=_COLOURS["heading"])
        for probe in program.probes:
            click.echo(f"  {probe.spec.specifier}:{probe.spec.point}")
    count = sum(len(program.probes) for program in programs)
    summary = f"{_counted(count, 'probe')} in {_counted(len(programs), 'program')}"
    click.echo(summary if programs else "HOGTRACE_PROBES names no probe")


@commands.command()
@status_options
@click.pass_context
def status(context: click.Context, verbose: bool, everything: bool, as_json: bool) -> None:
    """Show what the probes of all processes do that write to HOGTRACE_EXPORTER, as each of them said last."""
    app, registration = _registered(context)
    with _plain_errors():
        path = status_file(registration.switched_on(app).exporter)
        width = display.width_of(sys.stdout)
        click.echo(status_of(path, detailed=verbose, everything=everything, as_json=as_json, width=width))


@commands.command()
@tail_options
@click.pass_context
def tail(context: click.Context, request: str | None, probe: str | None, newest: int) -> None:
    """Show events as they come into the file that HOGTRACE_EXPORTER writes, until it is interrupted."""
    app, registration = _registered(context)
    with _plain_errors():
        path = watched_file(registration.switched_on(app).exporter)
        with contextlib.suppress(KeyboardInterrupt):
            follow(Follower(path, request=request, probe=probe, newest=newest))


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what is wrong with the file that is read into a message and exit code 1."""
    try:
        yield
    except (HogTraceError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
        raise click.ClickException(told) from error


def _settings(context: click.Context) -> Settings:
    """Load the application, as Flask does, and give its settings."""
    return _registered(context)[1].settings


def _registered(context: click.Context) -> tuple[Flask, Registration]:
    """Load the application, and give it with what HogTrace keeps of it."""
    try:
        app = context.ensure_object(ScriptInfo).load_app()
    except NoAppException:
        raise
    except CompileError as error:
        raise _uncompiled(error) from error
    except HogTraceError as error:
        raise click.ClickException(str(error)) from error
    registration: Registration | None = app.extensions.get("hogtrace")
    if registration is None:
        raise click.ClickException(
            f"the Flask application {app.name!r} has no HogTrace: HogTrace(app), or hogtrace.init_app(app), adds it"
        )
    return app, registration


def _uncompiled(error: CompileError) -> click.ClickException:
    click.echo(str(error).rstrip("\n"), err=True)
    return click.ClickException("the probe files do not compile")


def _programs(settings: Settings) -> list[Program]:
    try:
        return settings.programs()
    except CompileError as error:
        raise _uncompiled(error) from error
    except HogTraceError as error:
        raise click.ClickException(str(error)) from error


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
