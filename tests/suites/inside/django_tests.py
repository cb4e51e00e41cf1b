"""Runs Django's tests by their own `runtests.py`, with probes from before Django is imported."""

import argparse
import runpy
import sys
from pathlib import Path

from .probing import Journal, Probing


def main() -> None:
    """Read the command line, run, and note what became of the probes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--probe", action="append", default=[])
    options, arguments = parser.parse_known_args()
    journal = Journal(options.journal)
    probing = Probing(options.probe)
    probing.start()

    from . import django_results

    django_results.journal = journal
    sys.path[0] = str(Path.cwd())
    sys.argv = ["runtests.py", "--settings=hogtrace_suites.django_settings", "--parallel=1", "--noinput", *arguments]
    code: str | int | None = 0
    try:
        runpy.run_path("runtests.py", run_name="__main__")
    except SystemExit as end:
        code = end.code
    journal.end(**probing.finish())
    sys.exit(code)


if __name__ == "__main__":
    main()
