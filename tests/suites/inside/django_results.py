"""Django's test runner with every outcome noted."""

# The names and arguments of the methods are unittest's.
# ruff: noqa: N802

import unittest
from typing import Any

from django.test.runner import DiscoverRunner

from .probing import Journal

journal: Journal | None = None
"""Where outcomes go: set by whoever starts the run."""


class _Result(unittest.TextTestResult):
    """A result that notes how each test ended."""

    def _note(self, test: Any, outcome: str, details: str = "") -> None:
        if journal is not None:
            journal.note(test.id(), outcome, details)

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self._note(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, "failed", self.failures[-1][1])

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._note(test, "failed with an error", self.errors[-1][1])

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, "as expected to fail")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "passed unexpectedly")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(subtest, "failed", self._exc_info_to_string(err, subtest))


class Runner(DiscoverRunner):
    """Django's runner, with that result."""

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """Give the class of the result."""
        return _Result
