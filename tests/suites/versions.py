"""The project's own tests on every version of CPython that it names, as far as this machine has them.

    python -m tests.suites.versions                  all versions
    python -m tests.suites.versions 3.12 3.13        those
    python -m tests.suites.versions --fetch          get what is missing from Debian first (as root)

Interpreters are looked for on PATH, among pyenv's, and in the folders that `--fetch` made below `.suites/`. Each
gets a copy of the sources, an environment and an engine of its own there, and runs the tests that are not marked as
slow, in Python's development mode. A version that is not to be had is reported as not run, and fails nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.suites import interpreters
from tests.suites.environments import CACHE, ROOT
from tests.suites.interpreters import Interpreter
from tests.suites.projects import Ended, run_tests

FOLDERS = CACHE / "debian"
TIMEOUT = 5400
"""Seconds that the tests of one version may take."""


class Broken(Exception):
    """The environment of a version could not be made; the text says what failed."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one version's tests run: `home` has a copy of the sources, an environment, and logs.

    `target` is cargo's folder.
    """

    interpreter: Interpreter
    home: Path
    target: Path

    @classmethod
    def of(cls, interpreter: Interpreter) -> "Workplace":
        """Give the place for an interpreter's tests."""
        built = CACHE / "versions" / interpreter.minor
        home = built if interpreter.is_own else interpreter.root / "hogtrace"
        return cls(interpreter, home, built / "target")

    @property
    def source(self) -> Path:
        """The copy of the sources."""
        return self.home / "source"

    @property
    def python(self) -> Path:
        """The environment's interpreter, as it is seen from this machine."""
        return self.home / "venv" / "bin" / "python"

    def prepare(self) -> None:
        """Copy the sources, make the environment and build the engine, as far as something is new. Raises `Broken`."""
        _copy_sources(self.source)
        wanted = "\n".join(_requirements(tomllib.loads((ROOT / "pyproject.toml").read_text())))
        ready = self.home / "ready"
        if not (ready.exists() and ready.read_text() == wanted):
            self._run("environment", [self.interpreter.path, "-m", "venv", "--clear", self._seen(self.home / "venv")])
            pip = [self._seen(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
            self._run("packages", [*pip, "install", *wanted.splitlines()])
            ready.write_text(wanted)
        self._announce()
        if self.interpreter.is_own:
            self._develop()
        else:
            self._build_from_outside()

    def test(self, arguments: Sequence[str]) -> Ended:
        """Run the tests; `arguments` go to pytest."""
        journal, log = self.home / "outcomes.jsonl", self.home / "tests.log"
        command = [self._seen(self.python), "-m", "pytest", "-p", "tests.suites.inside.pytest_plugin"]
        command += [f"--journal={self._seen(journal)}", *(arguments or ("-m", "not slow"))]
        # A folder's system is entered in its own root; there the working directory is to be set anew.
        go = ["sh", "-c", 'cd "$0" && exec "$@"', self._seen(self.source)]
        return run_tests(
            self.interpreter.command([*go, *command]),
            journal=journal,
            log=log,
            timeout=TIMEOUT,
            cwd=None,
            env={**interpreters.environment(self.interpreter), "PYTHONDEVMODE": "1"},
        )

    def _announce(self) -> None:
        """Let the environment find the copy, and its plugin for pytest, as if it were installed there."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        (packages,) = (self.home / "venv" / "lib").glob("python*/site-packages")
        (packages / "hogtrace-source.pth").write_text(f"{self._seen(self.source)}\n")
        facts = packages / f"{project['name']}-{project['version']}.dist-info"
        facts.mkdir(exist_ok=True)
        metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (facts / "METADATA").write_text(metadata)
        lines = []
        for group, points in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
        (facts / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def _develop(self) -> None:
        """Build the engine with this interpreter and put it into the environment, as developers do."""
        self._run(
            "build",
            [self.python.with_name("maturin"), "develop", "--skip-install"],
            cwd=self.source,
            VIRTUAL_ENV=str(self.python.parents[1]),
            PYO3_PYTHON=str(self.python),
            CARGO_TARGET_DIR=str(self.target),
        )

    def _build_from_outside(self) -> None:
        """Build the engine with this machine's Rust for an interpreter that only runs in its folder."""
        self.target.mkdir(parents=True, exist_ok=True)
        config = self.target.parent / "pyo3.cfg"
        lines = {
            "implementation": "CPython",
            "version": self.interpreter.minor,
            "shared": "true",
            "abi3": "false",
            "pointer_width": str(self.interpreter.pointer_width),
            "build_flags": "",
            "suppress_build_script_link_lines": "true",
        }
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        # cargo builds anew whenever the file is.
        if not config.exists() or config.read_text() != text:
            config.write_text(text)
        build = ["cargo", "build", "--quiet", "--package", "hogtrace-python", "--target-dir", self.target]
        _finish("build", self.home, build, cwd=ROOT, env={**os.environ, "PYO3_CONFIG_FILE": str(config)})
        built = self.target / "debug" / "lib_engine.so"
        shutil.copyfile(built, self.source / "hogtrace" / f"_engine{self.interpreter.suffix}")

    def _seen(self, path: Path) -> Path:
        return path if self.interpreter.is_own else self.interpreter.within(path)

    def _run(self, step: str, command: Sequence[str | Path], *, cwd: Path | None = None, **more: str) -> None:
        environment = {**interpreters.environment(self.interpreter), **more}
        _finish(step, self.home, self.interpreter.command(command), cwd=cwd, env=environment)


def _finish(step: str, home: Path, command: Sequence[str | Path], *, cwd: Path | None, env: Mapping[str, str]) -> None:
    log = home / f"{step}.log"
    with log.open("wb") as output:
        done = subprocess.run(
            list(command), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise Broken(f"{step} failed: {log}\n{log.read_text(errors='replace')[-2000:].strip()}")


def _copy_sources(to: Path) -> None:
    """Make `to` hold what git tracks and what it does not ignore; what is the same already stays untouched."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        old, new = ROOT / name, to / name
        if not (new.exists() and new.stat().st_mtime_ns == old.stat().st_mtime_ns):
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, new)
    # Engines and caches are no sources, and stay.
    for path in list(to.rglob("*")):
        name = str(path.relative_to(to))
        if path.is_file() and name not in names and path.suffix != ".so" and "__pycache__" not in name:
            path.unlink()


def _requirements(settings: Mapping[str, Any]) -> Iterator[str]:
    """Give what development needs, with the extras of this project resolved: it is not installed itself."""
    project = settings["project"]
    extras: Mapping[str, Sequence[str]] = project["optional-dependencies"]

    def resolve(name: str) -> Iterator[str]:
        for requirement in extras[name]:
            if requirement.startswith(f"{project['name']}["):
                for inner in requirement.partition("[")[2].rstrip("]").split(","):
                    yield from resolve(inner.strip())
            else:
                yield requirement

    yield from dict.fromkeys((*project["dependencies"], *resolve("dev")))


def named_versions() -> list[str]:
    """Give the versions that this project says it runs on."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    prefix = "Programming Language :: Python :: 3."
    return [line[len(prefix) - 2 :] for line in settings["project"]["classifiers"] if line.startswith(prefix)]


def count(ended: Ended) -> Counter[str]:
    """Count the tests of a run by how they ended."""
    counts: Counter[str] = Counter()
    for notes in ended.outcomes.values():
        outcomes = [note for note in notes if "warned of" not in note]
        for outcome in ("failed", "skipped", "passed"):
            if any(outcome in note for note in outcomes):
                counts[outcome] += 1
                break
    return counts


def row(minor: str, *cells: object) -> str:
    """Give a line of the table."""
    return "| " + " | ".join([minor, *map(str, cells)]) + " |"


def run(minor: str, interpreter: Interpreter, arguments: Sequence[str]) -> tuple[str, bool]:
    """Run the tests with one interpreter; give a line of the table, and whether all is well."""
    print(f"· {interpreter}", file=sys.stderr, flush=True)
    workplace = Workplace.of(interpreter)
    workplace.home.mkdir(parents=True, exist_ok=True)
    try:
        workplace.prepare()
    except Broken as error:
        print(f"{interpreter}: {error}", flush=True)
        return row(minor, interpreter, "", "", "", "", "could not be prepared"), False
    ended = workplace.test(arguments)
    counts = count(ended)
    for test, notes in sorted(ended.outcomes.items()):
        if any("failed" in note for note in notes):
            print(f"{interpreter}: {test}: {'; '.join(notes)}")
            print("    " + ended.details.get(test, "").replace("\n", "\n    "), flush=True)
    ok = ended.facts is not None and counts["passed"] > 0 and not counts["failed"]
    verdict = "passed" if ok else "FAILED" if ended.facts is not None else "DID NOT END"
    if not ok:
        print(f"{interpreter}: log: {ended.log}", flush=True)
    cells = (f"{counts['passed']:,}", f"{counts['failed']:,}", f"{counts['skipped']:,}", f"{ended.seconds:.0f} s")
    return row(minor, interpreter, *cells, verdict), ok


def main() -> int:
    """Read the command line and do what it says; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=str(__doc__).partition("\n")[0])
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="such as 3.12")
    parser.add_argument("--fetch", action="store_true", help="get missing interpreters from Debian, by debootstrap")
    parser.add_argument("--pytest", action="append", default=[], metavar="ARGUMENT", help="for pytest, instead of -m")
    options = parser.parse_args()
    wanted = options.versions or named_versions()
    found = interpreters.find(FOLDERS)
    lines = [
        row("version", "interpreter", "passed", "failed", "skipped", "time", "outcome"),
        row("---", "---", "---:", "---:", "---:", "---:", "---"),
    ]
    good, ran = True, 0
    for minor in wanted:
        why = "no interpreter here; --fetch gets one"
        if minor not in found and options.fetch:
            print(f"· getting Python {minor} from Debian", file=sys.stderr, flush=True)
            why = interpreters.fetch(minor, FOLDERS) or "Debian's does not run here"
            found = interpreters.find(FOLDERS)
        if minor not in found:
            lines.append(row(minor, why, "", "", "", "", "not run"))
            continue
        line, ok = run(minor, found[minor], options.pytest)
        lines.append(line)
        good, ran = good and ok, ran + 1
    print("\n".join(lines))
    return 0 if good and ran else 1


if __name__ == "__main__":
    sys.exit(main())
