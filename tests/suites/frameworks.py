"""The tests of a framework's package with each version of the framework that it is for.

    python -m tests.suites.frameworks                        every row
    python -m tests.suites.frameworks django                 the rows of one framework
    python -m tests.suites.frameworks 'django==4.2.*'        one row

A row names a version, the folder of tests, and the oldest Python that the version runs on; it runs on this Python if
that is new enough, else on another one of this machine. Each has an environment of its own below `.suites/`, with the
framework and what the tests need and nothing else, and uses the engine that is built already (of another Python, one
that is built with it first). A row for which there is no interpreter is reported as not run, and fails the whole.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.suites import interpreters
from tests.suites.environments import CACHE, ROOT
from tests.suites.interpreters import Interpreter
from tests.suites.projects import Ended, run_tests
from tests.suites.versions import FOLDERS, count

TIMEOUT = 1800
"""Seconds that the tests of one row may take."""

_TESTING = ("httpx", "pytest", "pytest-randomly", "pytest-timeout")
"""What the tests of every framework need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One version of a framework, and what its tests are.

    `requirement` is what pip is asked for; `tests` are folders or files, as pytest takes them; `needs` what they need
    besides, by the names that `pyproject.toml` has them under (or with a version of their own); `python` the oldest
    Python that the version runs on.
    """

    requirement: str
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()
    python: str = "3.11"

    @property
    def name(self) -> str:
        """The framework's name."""
        return _name(self.requirement)


_DJANGO = (
    "channels",
    "daphne",
    "djangorestframework",
    "gevent",
    "granian",
    "gunicorn",
    "hypercorn",
    "pytest-django",
    "uvicorn",
)

# pytest is configured with the settings of Django's tests, which it asks pytest-django to know.
_FLASK = ("asgiref", "django", "gevent", "granian", "gunicorn", "pytest-django")
_ASGI = ("daphne", "django", "granian", "gunicorn", "hypercorn", "pytest-django", "uvicorn", "websockets", "wsproto")
# Those that name no other framework.
_ASGI_TESTS = tuple(f"tests/hogtrace_asgi/test_{name}.py" for name in ("context", "middleware", "servers", "trust"))

ROWS = (
    Row(requirement="django==4.2.*", tests=("tests/hogtrace_django",), needs=_DJANGO),
    Row(requirement="django==5.2.*", tests=("tests/hogtrace_django",), needs=_DJANGO),
    Row(requirement="django==6.0.*", tests=("tests/hogtrace_django",), needs=_DJANGO, python="3.12"),
    Row(requirement="django==6.1.*", tests=("tests/hogtrace_django",), needs=_DJANGO, python="3.12"),
    Row(requirement="flask==2.3.*", tests=("tests/hogtrace_flask",), needs=_FLASK),
    Row(requirement="flask==3.0.*", tests=("tests/hogtrace_flask",), needs=_FLASK),
    Row(requirement="flask==3.1.*", tests=("tests/hogtrace_flask",), needs=_FLASK),
    Row(requirement="fastapi==0.112.*", tests=_ASGI_TESTS, needs=_ASGI),
    Row(requirement="fastapi==0.115.*", tests=_ASGI_TESTS, needs=_ASGI),
)
"""What there is to run."""


class Broken(Exception):
    """The environment of a row could not be made; the text says what failed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tests of one row run: an environment with its logs in `home`."""

    row: Row
    interpreter: Interpreter

    @property
    def home(self) -> Path:
        """The folder of this row."""
        version = self.row.requirement.partition("==")[2].removesuffix(".*")
        return CACHE / "frameworks" / f"{self.row.name}-{version}-{self.interpreter.minor}"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.home / "venv" / "bin" / "python"

    def prepare(self) -> None:
        """Make the environment and see to the engine, as far as something is new. Raises `Broken`."""
        self.home.mkdir(parents=True, exist_ok=True)
        wanted = "\n".join(_requirements(self.row))
        ready = self.home / "ready"
        if not (ready.exists() and ready.read_text() == wanted):
            self._run("environment", [str(self.interpreter.path), "-m", "venv", "--clear", str(self.home / "venv")])
            pip = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
            self._run("packages", [*pip, "install", *wanted.splitlines()])
            ready.write_text(wanted)
        if self.interpreter.minor != "{}.{}".format(*sys.version_info):
            self._build()

    def test(self, arguments: Sequence[str]) -> Ended:
        """Run the tests; `arguments` go to pytest."""
        journal, log = self.home / "outcomes.jsonl", self.home / "tests.log"
        # HogTrace is not installed here, so its plugin is named, too.
        plugins = ["-p", "hogtrace.pytest_plugin", "-p", "tests.suites.inside.pytest_plugin"]
        command = [str(self.python), "-m", "pytest", *plugins, f"--journal={journal}", *self.row.tests]
        return run_tests(
            [*command, *(arguments or ("-m", "not slow"))],
            journal=journal,
            log=log,
            timeout=TIMEOUT,
            cwd=ROOT,
            env=self._variables(),
        )

    def installed(self) -> Mapping[str, str]:
        """Give the version of each package in the environment, by its name."""
        command = [self.python, "-m", "pip", "--disable-pip-version-check", "list", "--format=json"]
        environment = dict(interpreters.environment(self.interpreter))
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
        return {package["name"].lower(): package["version"] for package in json.loads(done.stdout)}

    def _build(self) -> None:
        """Build the engine for an interpreter that is not this one, if it is not built; it stands beside the others."""
        target = CACHE / "versions" / self.interpreter.minor / "target"
        build = ["cargo", "build", "--quiet", "--package", "hogtrace-python", "--target-dir", str(target)]
        self._run("build", build, PYO3_PYTHON=str(self.interpreter.path))
        engine = ROOT / "hogtrace" / f"_engine{self.interpreter.suffix}"
        shutil.copyfile(target / "debug" / "lib_engine.so", engine)

    def _variables(self) -> dict[str, str]:
        return {**interpreters.environment(self.interpreter), "PYTHONDEVMODE": "1"}

    def _run(self, step: str, command: Sequence[str], **more: str) -> None:
        log = self.home / f"{step}.log"
        with log.open("wb") as output:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**interpreters.environment(self.interpreter), **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise Broken(f"{step} failed: {log}\n{log.read_text(errors='replace')[-2000:].strip()}")


def _name(requirement: str) -> str:
    return requirement.partition("=")[0].partition(">")[0].partition("<")[0].partition("[")[0].strip().lower()


def _named() -> dict[str, str]:
    """Give what `pyproject.toml` asks for, by the packages' names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {_name(requirement): requirement for extra in extras.values() for requirement in extra}


def _requirements(row: Row) -> Iterator[str]:
    named = _named()
    for need in (*_TESTING, *row.needs):
        yield named.get(need, need)
    yield row.requirement


def chosen(names: Sequence[str]) -> list[Row]:
    """Give the rows that the command line asks for. Raises `SystemExit` for a name that is none."""
    known = {row.name for row in ROWS} | {row.requirement for row in ROWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no row is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [row for row in ROWS if not names or row.name in names or row.requirement in names]


def interpreter_for(row: Row, found: Mapping[str, Interpreter]) -> Interpreter | None:
    """Give this Python, if the version runs on it, else the oldest one of this machine on which it does."""
    own = "{}.{}".format(*sys.version_info)
    usable = [one for one in found.values() if one.is_own and one.version[:2] >= _pair(row.python)]
    usable.sort(key=lambda one: (one.minor != own, one.version))
    return usable[0] if usable else None


def _pair(version: str) -> tuple[int, int]:
    major, minor = map(int, version.split("."))
    return major, minor


def line(*cells: object) -> str:
    """Give a line of the table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def run(row: Row, interpreter: Interpreter, arguments: Sequence[str]) -> tuple[str, bool]:
    """Run one row; give a line of the table, and whether all is well."""
    place = Place(row, interpreter)
    print(f"· {row.requirement} on {interpreter}", file=sys.stderr, flush=True)
    try:
        place.prepare()
    except Broken as error:
        print(f"{row.requirement}: {error}", flush=True)
        return line(row.requirement, interpreter, "", "", "", "", "", "could not be prepared"), False
    ended = place.test(arguments)
    counts: Counter[str] = count(ended)
    for test, notes in sorted(ended.outcomes.items()):
        if any("failed" in note for note in notes):
            print(f"{row.requirement}: {test}: {'; '.join(notes)}")
            print("    " + ended.details.get(test, "").replace("\n", "\n    "), flush=True)
    ok = ended.facts is not None and counts["passed"] > 0 and not counts["failed"]
    if not ok:
        print(f"{row.requirement}: log: {ended.log}", flush=True)
    versions = place.installed()
    beside = ", ".join(f"{need} {versions[_name(need)]}" for need in row.needs if _name(need) in versions)
    return (
        line(
            f"{row.name} {versions[row.name]}",
            interpreter,
            f"{counts['passed']:,}",
            f"{counts['failed']:,}",
            f"{counts['skipped']:,}",
            f"{ended.seconds:.0f} s",
            beside,
            "passed" if ok else "FAILED" if ended.facts is not None else "DID NOT END",
        ),
        ok,
    )


def main() -> int:
    """Read the command line and do what it says; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=str(__doc__).partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="a framework, or a version as django==4.2.*")
    parser.add_argument("--pytest", action="append", default=[], metavar="ARGUMENT", help="for pytest, instead of -m")
    options = parser.parse_args()
    found = interpreters.find(FOLDERS)
    lines = [
        line("version", "interpreter", "passed", "failed", "skipped", "time", "with", "outcome"),
        line("---", "---", "---:", "---:", "---:", "---:", "---", "---"),
    ]
    good = True
    for row in chosen(options.rows):
        interpreter = interpreter_for(row, found)
        if interpreter is None:
            lines.append(line(row.requirement, f"no Python {row.python} or newer here", "", "", "", "", "", "not run"))
            good = False
            continue
        text, ok = run(row, interpreter, options.pytest)
        lines.append(text)
        good = good and ok
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
