"""Released projects' own tests, bare and with a probe at the entry and the exit of every function.

    python -m tests.suites.projects                  the fast ones
    python -m tests.suites.projects slow             the slow ones
    python -m tests.suites.projects flask click      those

Each project is downloaded once, as it was released, and gets an environment of its own below `.suites/`. Its
tests run twice bare, and once with every call of its functions captured, queued and exported; then the outcomes and
warnings of each test are compared. A test whose bare runs differ is named and not compared. Any other difference
that is not named in `projects_differences` fails the run, and so do probes that did not fire, events that the accounts
cannot explain, and anything that HogTrace complained of.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.suites.catalogue import PROJECTS, Project
from tests.suites.environments import Environment, NotToBeHad
from tests.suites.projects_differences import DIFFERENCES

_SHARES = ("fired", "sampled_out", "not_passed", "failed", "skipped")
_ENDED = (None, 0, 1)
"""How a run ends whose tests were all run, whether they passed or not; None if nobody asked."""
_TIME = re.compile(r"\b\d\d:\d\d:\d\d\b")


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a project's tests in one run: outcomes by the tests' ids, and what failures said."""

    outcomes: Mapping[str, Sequence[str]]
    details: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] | None = None
    """What the run said of its probes at its end; None if it did not come to an end."""
    seconds: float = 0.0
    log: Path | None = None
    code: int | None = None
    """How the process ended, as `subprocess` says it; None if it was not asked."""

    @property
    def tests(self) -> int:
        """How many tests there were."""
        return sum(any("warned of" not in note for note in notes) for notes in self.outcomes.values())

    @property
    def failures(self) -> int:
        """How many of them failed."""
        return sum(any("failed" in note for note in notes) for notes in self.outcomes.values())


def run(environment: Environment, name: str, probes: Sequence[str]) -> Ended:
    """Run a project's tests with `probes`, none for a bare run; `name` is what the files about it are called."""
    project = environment.project
    journal, log = environment.home / f"{name}.jsonl", environment.home / f"{name}.log"
    arguments = [f"--journal={journal}", *(f"--probe={pattern}" for pattern in probes), *project.arguments]
    if project.runner == "pytest":
        module = ["pytest", "-p", "hogtrace_suites.pytest_plugin", "-p", "no:cacheprovider"]
    else:
        module = [f"hogtrace_suites.{project.runner}"]
    return run_tests(
        [str(environment.python), "-X", "faulthandler", "-m", *module, *arguments],
        journal=journal,
        log=log,
        timeout=project.timeout,
        cwd=environment.source / project.below,
        env=environment.variables(),
    )


def run_tests(
    command: Sequence[str], *, journal: Path, log: Path, timeout: float, cwd: Path | None, env: Mapping[str, str]
) -> Ended:
    """Run a `command` that writes down in `journal` what became of its tests, for `timeout` seconds at most.

    What it prints goes to `log`.
    """
    journal.unlink(missing_ok=True)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
        finally:
            # What it started and left behind, too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    return replace(read(journal), seconds=time.monotonic() - started, log=log, code=code)


def read(journal: Path) -> Ended:
    """Read what a run has written down."""
    outcomes: dict[str, list[str]] = {}
    details: dict[str, str] = {}
    facts = None
    for line in journal.read_text().splitlines() if journal.exists() else ():
        entry = json.loads(line)
        if "end" in entry:
            facts = entry["end"]
            continue
        # Some tests are named after the time at which they were collected.
        test = _TIME.sub("<time>", entry["test"])
        outcomes.setdefault(test, []).append(entry["outcome"])
        if entry["details"]:
            details[test] = entry["details"]
    return Ended(outcomes, details, facts)


def differing(one: Ended, other: Ended) -> set[str]:
    """Give the ids of the tests that ended in different ways."""
    names = one.outcomes.keys() | other.outcomes.keys()
    return {name for name in names if one.outcomes.get(name) != other.outcomes.get(name)}


def named(project: str, test: str) -> str | None:
    """Give the reason why a test's outcome may differ, if there is one."""
    full = f"{project}: {test}"
    return next((reason for pattern, reason in DIFFERENCES.items() if fnmatchcase(full, pattern)), None)


def faults(probed: Ended) -> list[str]:
    """Say what is wrong with the probes of a run, whatever its tests said."""
    facts = probed.facts
    if facts is None:
        return [f"the probed run did not come to its end: exit code {probed.code}"]
    if not facts:
        return ["the probed run had no probes"]
    found = []
    for probe in facts["probes"]:
        name = f"{probe['target']}:{probe['point']}"
        if probe["state"] != "installed":
            found.append(f"{name} is {probe['state']}: {probe['reason']}")
        elif not probe["captured"]:
            found.append(f"{name} captured nothing")
        if probe["hits"] != sum(probe[name] for name in _SHARES):
            found.append(f"{name}: {probe['hits']} hits are not explained")
        if probe["errors"]:
            found.append(f"{name}: {probe['errors']} errors, the last: {probe['last_error']}")
    if facts["captured"] != facts["exported"] + facts["queued"] + sum(facts["dropped"].values()):
        found.append(f"{facts['captured']} captured events are not explained: {facts['dropped']}")
    if facts["exported"] != facts["received"]:
        found.append(f"{facts['exported']} events exported, {facts['received']} received")
    if not facts["flushed"] or facts["queued"]:
        found.append(f"{facts['queued']} events were not exported at the end")
    causes = {cause for cause, count in facts["dropped"].items() if count}
    if not causes <= {"queue_full"}:
        found.append(f"events were dropped: {facts['dropped']}")
    if facts["left"]:
        found.append(f"{facts['left']} functions did not get their code back")
    return found + [f"HogTrace said: {complaint}" for complaint in facts["complaints"]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A project's runs side by side."""

    project: Project
    bare: Ended
    probed: Ended
    unstable: Sequence[str]
    expected: Mapping[str, str]
    unexpected: Sequence[str]
    faults: Sequence[str]

    @classmethod
    def of(cls, project: Project, first: Ended, second: Ended, probed: Ended) -> "Compared":
        """Compare two bare runs and a probed one."""
        unstable = differing(first, second)
        differ = sorted(differing(first, probed) - unstable)
        expected = {test: reason for test in differ if (reason := named(project.name, test)) is not None}
        unexpected = [test for test in differ if test not in expected]
        wrong = faults(probed)
        if first.facts is None:
            wrong.append(f"the bare run did not come to its end: exit code {first.code}")
        elif not first.tests:
            wrong.append("the bare run had no tests")
        wrong += [
            f"the {name} run was broken off: exit code {ended.code}"
            for name, ended in (("bare", first), ("second bare", second), ("probed", probed))
            if ended.facts is not None and ended.code not in _ENDED
        ]
        return cls(project, first, probed, sorted(unstable), expected, unexpected, wrong)

    @property
    def ok(self) -> bool:
        """Whether nothing differs that may not."""
        return not self.unexpected and not self.faults

    def describe(self) -> str:
        """Say what differs, with the failures' own words, and what is wrong."""
        lines = [f"{self.project}: {self.bare.tests:,} tests; logs: {self.bare.log}, {self.probed.log}"]
        lines += [f"    unstable, not compared: {test}" for test in self.unstable]
        for test, reason in self.expected.items():
            lines += [f"    {self._change(test)}", f"        {reason}"]
        for test in self.unexpected:
            details = self.probed.details.get(test) or self.bare.details.get(test, "")
            lines += [
                f"    {self._change(test)}",
                "        NOT EXPECTED",
                *(f"        {line}" for line in details.splitlines()),
            ]
        return "\n".join(lines + [f"    WRONG: {fault}" for fault in self.faults])

    def _change(self, test: str) -> str:
        before, after = (
            "; ".join(notes[:5]) if (notes := ended.outcomes.get(test)) else "absent"
            for ended in (self.bare, self.probed)
        )
        return f"{test}: {before} -> {after}"

    def row(self) -> str:
        """Give its line of the table."""
        facts = self.probed.facts or {}
        probes = facts.get("probes", ())
        functions = sum(probe["sites"] for probe in probes if probe["point"] == "entry")
        dropped = sum(facts.get("dropped", {}).values())
        cells = (
            str(self.project),
            f"{self.bare.tests:,}",
            f"{self.bare.failures:,}",
            f"{functions:,}",
            f"{facts.get('captured', 0):,}",
            f"{facts.get('exported', 0):,}",
            f"{dropped:,}",
            f"{len(self.unstable):,}",
            f"{len(self.expected):,}",
            f"{len(self.unexpected):,}",
            f"{self.bare.seconds:.0f} s",
            f"{self.probed.seconds:.0f} s",
        )
        return f"| {' | '.join(cells)} |"


COLUMNS = (
    "release", "tests", "failing bare", "functions probed", "events captured", "exported", "dropped, queue full",
    "unstable", "named differences", "other differences", "bare", "probed",
)  # fmt: skip


def table(compared: Iterable[Compared]) -> str:
    """Give the results as a Markdown table."""
    head = [f"| {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * (len(COLUMNS) - 1)}"]
    return "\n".join(head + [one.row() for one in compared])


def chosen(names: Sequence[str]) -> list[Project]:
    """Give the projects that the command line asks for. Raises `SystemExit` for a name that is none."""
    groups = {
        "fast": [project for project in PROJECTS if not project.slow],
        "slow": [project for project in PROJECTS if project.slow],
        "all": list(PROJECTS),
        **{project.name: [project] for project in PROJECTS},
    }
    unknown = [name for name in names if name not in groups]
    if unknown:
        raise SystemExit(f"no suite is called {', '.join(unknown)}; there are {', '.join(groups)}")
    return list(dict.fromkeys(project for name in names or ["fast"] for project in groups[name]))


def compare(environment: Environment) -> Compared:
    """Run a project's tests twice bare and once probed, and compare."""
    project = environment.project
    first, second = run(environment, "bare", ()), run(environment, "bare-again", ())
    return Compared.of(project, first, second, run(environment, "probed", project.probes))


def main() -> int:
    """Read the command line and do what it says; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=str(__doc__).partition("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="names of projects, or fast, slow, all")
    options = parser.parse_args()
    compared, missing = [], []
    for project in chosen(options.suites):
        try:
            environment = Environment.prepare(project)
        except NotToBeHad as error:
            missing.append(f"{project}: not run: {error}")
            continue
        print(f"· {project}", file=sys.stderr, flush=True)
        result = compare(environment)
        compared.append(result)
        if result.unstable or result.expected or not result.ok:
            print(result.describe(), flush=True)
    version = ".".join(map(str, sys.version_info[:3]))
    lines = [f"CPython {version}", "", table(compared), "", *missing]
    good = [one for one in compared if one.ok]
    tests = sum(one.bare.tests for one in compared)
    verdict = "alike" if len(good) == len(compared) and not missing else "NOT ALIKE"
    lines.append(f"{len(good)} of {len(compared) + len(missing)} suites, {tests:,} tests: {verdict} bare and probed")
    print("\n".join(lines))
    return 0 if verdict == "alike" else 1


if __name__ == "__main__":
    sys.exit(main())
