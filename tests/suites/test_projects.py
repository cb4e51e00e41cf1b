"""The comparison of suites can fail: on differences, on probes that do nothing, on runs that do not end."""

import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.suites.catalogue import Project
from tests.suites.environments import Environment
from tests.suites.projects import Compared, Ended, compare

PACKAGE = """
def used(value):
    return value

def unused():
    return None

ORIGINAL = used.__code__
"""

TESTS = """
from pathlib import Path

import small

def test_is_alike():
    assert small.used(1) == 1

def test_looks_at_its_code():
    assert small.used.__code__ is small.ORIGINAL

def test_is_unstable():
    mark = Path(__file__).with_name("mark")
    seen = mark.exists()
    mark.touch()
    assert seen
"""


def _environment(home: Path, tests: str, *, probes: tuple[str, ...] = ("small.**",)) -> Environment:
    """Make a project with one module, whose tests are `tests`."""
    project = Project("small", "1.0", (), probes, ("-p", "no:randomly", "-p", "no:django", "test_small.py"))
    environment = Environment(project, home)
    environment.source.mkdir()
    (home / "pytest.ini").write_text("[pytest]\n")
    (environment.source / "small.py").write_text(PACKAGE)
    (environment.source / "test_small.py").write_text(tests)
    venv.create(home / "venv", symlinks=True)
    environment.admit(Path(sysconfig.get_path("purelib")))
    return environment


@pytest.mark.slow
def test_differences_are_found(tmp_path: Path) -> None:
    """A test that looks at its own code object differs, one that changes by itself is left out, others are alike."""
    compared = compare(_environment(tmp_path, TESTS))
    assert compared.bare.tests == 3
    assert [test.partition("::")[2] for test in compared.unstable] == ["test_is_unstable"]
    assert [test.partition("::")[2] for test in compared.unexpected] == ["test_looks_at_its_code"]
    assert not compared.faults
    assert not compared.ok
    assert "NOT EXPECTED" in compared.describe()
    facts = compared.probed.facts
    assert facts is not None
    assert facts["captured"] == facts["exported"] == 2
    assert [probe["sites"] for probe in facts["probes"]] == [2, 2]


@pytest.mark.slow
def test_probes_that_do_nothing_are_a_fault(tmp_path: Path) -> None:
    """A suite that is alike because no probe fired has not been tested."""
    compared = compare(_environment(tmp_path, "import small\n\ndef test_nothing():\n    assert small.used\n"))
    assert not compared.unexpected
    assert compared.faults == ["small.**:entry captured nothing", "small.**:exit captured nothing"]
    assert not compared.ok


@pytest.mark.slow
def test_a_run_that_does_not_end_is_a_fault(tmp_path: Path) -> None:
    """A process that goes down takes no verdict with it."""
    compared = compare(_environment(tmp_path, "import os\n\ndef test_ends():\n    os._exit(0)\n"))
    assert "the probed run did not come to its end: exit code 0" in compared.faults
    assert not compared.ok


@pytest.mark.slow
def test_a_run_that_is_broken_off_is_a_fault(tmp_path: Path) -> None:
    """A file of tests that cannot be read stops pytest, bare and probed alike; that proves nothing."""
    environment = _environment(tmp_path, TESTS)
    (environment.source / "test_broken.py").write_text("import nothing_of_that_name\n")
    project = replace(environment.project, arguments=(*environment.project.arguments, "test_broken.py"))
    compared = compare(replace(environment, project=project))
    assert "the bare run was broken off: exit code 2" in compared.faults
    assert "the probed run was broken off: exit code 2" in compared.faults
    assert not compared.ok


def test_what_is_lost_without_a_word_is_a_fault() -> None:
    """Accounts that do not balance are found."""
    probe = {"target": "small.**", "point": "entry", "state": "installed", "reason": None, "sites": 1, "errors": 0}
    probe |= {"hits": 5, "fired": 3, "sampled_out": 0, "not_passed": 1, "failed": 0, "skipped": 0, "captured": 3}
    facts = {"probes": [probe], "captured": 3, "exported": 1, "queued": 0, "dropped": {"queue_full": 1}, "received": 1}
    facts |= {"flushed": True, "left": 1, "complaints": ["a word"]}
    ended = Ended({"a": ["call passed"]}, facts=facts)
    compared = Compared.of(Project("small", "1.0", (), ()), Ended(ended.outcomes, facts={}), ended, ended)
    assert compared.faults == [
        "small.**:entry: 5 hits are not explained",
        "3 captured events are not explained: {'queue_full': 1}",
        "1 functions did not get their code back",
        "HogTrace said: a word",
    ]
