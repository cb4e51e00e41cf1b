"""A pytest plugin: installs the probes before the package is imported, and notes every outcome and warning."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from .probing import Journal, Probing


def pytest_addoption(parser: Any) -> None:
    """Add where outcomes go, and what is probed."""
    parser.addoption("--journal", type=Path, required=True)
    parser.addoption("--probe", action="append", default=[])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> Generator[None, None, None]:
    """Install the probes before the first file of the project is read."""
    options = early_config.known_args_namespace
    recorder = _Recorder(Journal(options.journal), Probing(options.probe))
    early_config.pluginmanager.register(recorder, "hogtrace-recorder")
    return (yield)


class _Recorder:
    """The hooks that note what happens."""

    def __init__(self, journal: Journal, probing: Probing) -> None:
        self._journal = journal
        self._probing = probing
        probing.start()

    def pytest_collectreport(self, report: Any) -> None:
        if not report.passed:
            self._journal.note(f"{report.nodeid} (collection)", report.outcome, report.longreprtext)

    def pytest_runtest_logreport(self, report: Any) -> None:
        outcome = f"{report.when} {report.outcome}"
        if hasattr(report, "wasxfail"):
            outcome += " as expected to fail"
        self._journal.note(report.nodeid, outcome, report.longreprtext if report.failed else "")

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str) -> None:
        name = warning_message.category.__name__
        self._journal.note(nodeid or "(no test)", f"{when} warned of {name}", str(warning_message.message))

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._journal.end(**self._probing.finish())
