"""What became of each test of a run, in a form that two runs can be compared by."""

# The names and arguments of the methods are unittest's.
# ruff: noqa: N802

import json
import unittest
from pathlib import Path
from types import TracebackType
from typing import Any

_Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Outcomes(unittest.TestResult):
    """A unittest result that keeps, by a test's id, how it ended and what it said."""

    def __init__(self, progress: Path) -> None:
        super().__init__()
        self.outcomes: dict[str, list[str]] = {}
        self.details: dict[str, str] = {}
        self._progress = progress

    def startTest(self, test: unittest.TestCase) -> None:
        """Note which test runs, for the case that it takes the process down."""
        super().startTest(test)
        self._progress.write_text(test.id())

    def stopTest(self, test: unittest.TestCase) -> None:
        """Keep no test alive: some count references."""
        super().stopTest(test)
        self.failures.clear()
        self.errors.clear()

    def _note(self, test: Any, outcome: str, error: _Error | None = None) -> None:
        self.outcomes.setdefault(test.id(), []).append(outcome)
        if error is not None:
            self.details[test.id()] = self._exc_info_to_string(error, test)[-4000:]  # type: ignore[attr-defined]

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Note it."""
        self._note(test, "passed")

    def addFailure(self, test: unittest.TestCase, err: _Error) -> None:
        """Note it."""
        self._note(test, "failed", err)

    def addError(self, test: unittest.TestCase, err: _Error) -> None:
        """Note it."""
        self._note(test, "error", err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note it."""
        self._note(test, "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: _Error) -> None:
        """Note it."""
        self._note(test, "expected failure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Note it."""
        self._note(test, "unexpected success")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: _Error | None) -> None:
        """Note it, if it failed, as the test's."""
        if err is not None:
            self._note(test, "subtest failed", err)

    def write(self, path: Path, **more: object) -> None:
        """Write all of it, and `more`, as JSON."""
        path.write_text(json.dumps({"outcomes": self.outcomes, "details": self.details, **more}))


def run(name: str, progress: Path) -> Outcomes:
    """Run the tests of a module by its name; `progress` is a file that names the test that runs."""
    outcomes = Outcomes(progress)
    unittest.defaultTestLoader.loadTestsFromName(name).run(outcomes)
    return outcomes
