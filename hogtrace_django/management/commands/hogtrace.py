"""`manage.py hogtrace check | list | status | tail`."""

from __future__ import annotations

import contextlib
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import get_resolver
from django.utils.module_loading import import_string

from hogtrace import CompileError, ConfigError, HogTraceError, Settings, display
from hogtrace.events import Follower
from hogtrace.following import environment, follow, status_file, watched_file
from hogtrace.standing import status_of
from hogtrace.survey import report, survey
from hogtrace_django.checks import TAG
from hogtrace_django.conf import load_settings
from hogtrace_django.trust import TRUST

__all__ = ["Command"]

_VERBS = {
    "check": "compile the probe files, look for what their targets name, and say what would become of each probe",
    "list": "show the probe files and their probes",
    "status": "show what the probes of all processes do that write to EXPORTER, as each of them said last",
    "tail": "show events as they come into the file that EXPORTER writes, until it is interrupted",
}
# Options that belong to one verb, and what they are where they are not given.
_OF_VERBS: dict[str, dict[str, object]] = {
    "tail": {"request": None, "probe": None, "newest": None},
    "status": {"all": False, "json": False},
}


class Command(BaseCommand):
    """Check the probes of `settings.HOGTRACE`, list them, ask what they do, and watch what they capture.

    `check` imports what a server does when it starts, the URLconf and the middleware, installs the probes into a
    tracer of its own for a moment, and fails with `CommandError` if a probe could never fire.
    """

    help = "Check the probes of settings.HOGTRACE, list them, ask what they do, or watch what they capture."

    # Wrong settings are what `check` is to report, in its own way.
    requires_system_checks = []  # noqa: RUF012 - an instance variable to type checkers

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the verb and the options."""
        verbs = "; ".join(f"{verb}: {does}" for verb, does in _VERBS.items())
        parser.add_argument("verb", choices=_VERBS, help=verbs)
        check = parser.add_argument_group("options of check")
        check.add_argument(
            "--fail-level",
            choices=("ERROR", "WARNING"),
            default="ERROR",
            help="What makes it fail: a probe that could never fire (the default), or a warning as well.",
        )
        status = parser.add_argument_group("options of status, besides -v 2, which shows each process")
        status.add_argument("--all", action="store_true", help="Count processes that have ended, too.")
        status.add_argument("--json", action="store_true", help="Give it as JSON, with all that each process said.")
        tail = parser.add_argument_group("options of tail")
        tail.add_argument("--request", metavar="ID", help="Only requests whose id begins with this.")
        tail.add_argument("--probe", metavar="TEXT", help="Only events with this in their probe, target or function.")
        tail.add_argument(
            "--newest", metavar="N", type=_count, help="Begin with the newest N of those that are there (10)."
        )

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Do what the verb says. Raises `CommandError` for what the user can put right."""
        verb: str = options["verb"]
        for owner, defaults in _OF_VERBS.items():
            if misplaced := [name for name in defaults if verb != owner and options[name] != defaults[name]]:
                raise CommandError(f"--{misplaced[0]} belongs to manage.py hogtrace {owner}")
        hogtrace = self._settings(environment() if verb in ("status", "tail") else None)
        if hogtrace.disabled and verb in ("check", "list"):
            self.stdout.write(self.style.WARNING("HogTrace is disabled by its settings: no probe would be installed"))
        elif verb == "check":
            self._check(hogtrace, options["fail_level"], options["verbosity"])
        elif verb == "list":
            self._list(hogtrace)
        elif verb == "status":
            with _plain_errors():
                path = status_file(hogtrace.exporter)
                detailed = options["verbosity"] > 1
                width = display.width_of(self.stdout)
                self.stdout.write(
                    status_of(path, detailed=detailed, everything=options["all"], as_json=options["json"], width=width)
                )
        else:
            self._tail(hogtrace, options)

    def _settings(self, environ: Mapping[str, str] | None) -> Settings:
        try:
            return load_settings(environ)
        except ConfigError as error:
            raise CommandError(str(error)) from error

    def _check(self, hogtrace: Settings, fail_level: str, verbosity: int) -> None:
        try:
            hogtrace.programs()
        except CompileError as error:
            self.stderr.write(str(error))
            raise CommandError("the probe files do not compile") from error
        except ConfigError as error:
            raise CommandError(str(error)) from error
        _import_what_serves()
        try:
            probes = survey(hogtrace, trust=TRUST)
        except HogTraceError as error:
            raise CommandError(str(error)) from error
        paint: dict[str, Callable[[str], str]] = {
            "heading": self.style.MIGRATE_HEADING,
            "good": self.style.SUCCESS,
            "warning": self.style.WARNING,
            "bad": self.style.ERROR,
            "detail": str,
        }
        warnings = sum(bool(probe.status.warnings) or probe.verdict == "waiting" for probe in probes)
        for line in report(probes, detailed=verbosity > 1):
            if verbosity > 0 or line.kind in ("warning", "bad"):
                self.stdout.write(paint[line.kind](line.text))
        # What is wrong with the settings themselves has been said; what is left are warnings.
        for message in run_checks(tags=[TAG]):
            warnings += 1
            self.stdout.write(self.style.WARNING(str(message)))
        if wrong := sum(probe.is_wrong for probe in probes):
            raise CommandError(f"{_counted(wrong, 'probe')} of {len(probes)} could never fire")
        if warnings and fail_level == "WARNING":
            raise CommandError(f"{_counted(warnings, 'warning')}")

    def _list(self, hogtrace: Settings) -> None:
        try:
            programs = hogtrace.programs()
        except CompileError as error:
            self.stderr.write(str(error))
            raise CommandError("the probe files do not compile") from error
        except ConfigError as error:
            raise CommandError(str(error)) from error
        count = 0
        for program in programs:
            self.stdout.write(self.style.MIGRATE_HEADING(program.name))
            for probe in program.probes:
                count += 1
                self.stdout.write(f"  {probe.spec.specifier}:{probe.spec.point}")
        files = _counted(len(programs), "program")
        self.stdout.write(f"{_counted(count, 'probe')} in {files}" if programs else "PROBES names no probe")

    def _tail(self, hogtrace: Settings, options: dict[str, Any]) -> None:
        newest = 10 if options["newest"] is None else options["newest"]
        colour = False if options["no_color"] else True if options["force_color"] else None
        with _plain_errors():
            path = watched_file(hogtrace.exporter)
            if options["verbosity"] > 1:
                self.stderr.write(f"watching {path}")
            follower = Follower(path, request=options["request"], probe=options["probe"], newest=newest)
            with contextlib.suppress(KeyboardInterrupt):
                follow(follower, out=self.stdout, err=self.stderr, colour=colour)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what is wrong with the file that is read into a `CommandError`."""
    try:
        yield
    except (ConfigError, ValueError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}" if error.strerror else str(error)) from error


def _import_what_serves() -> None:
    """Import what a server imports when it starts: the middleware and the URLconf, and with it the views."""
    what = "MIDDLEWARE"
    try:
        for path in settings.MIDDLEWARE:
            what = f"the middleware {path}"
            import_string(path)
        what = f"the URLconf {settings.ROOT_URLCONF}"
        import_module(settings.ROOT_URLCONF)
        _ = get_resolver().url_patterns
    except Exception as error:
        raise CommandError(f"{what} cannot be imported: {type(error).__name__}: {error}") from error


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a number of events")
    return int(text)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
