"""The pytest plugin: the fixture `hogtrace`, and what was captured in the report of a test that failed.

pytest finds it by itself where HogTrace is installed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from hogtrace.testing import CapturedEvents, capture_events

__all__ = ["hogtrace", "pytest_runtest_makereport"]

_CAPTURED = pytest.StashKey[CapturedEvents]()


@pytest.fixture
def hogtrace(request: pytest.FixtureRequest) -> Iterator[CapturedEvents]:
    """Give a test's probes and events: `hogtrace.probe("fn:…")`, `hogtrace.events`; see `hogtrace.testing`."""
    with capture_events() as captured:
        request.node.stash[_CAPTURED] = captured
        yield captured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what a failing test's probes have captured, and the state that they are in."""
    report = yield
    captured = item.stash.get(_CAPTURED, None)
    if captured is not None and report.when == "call" and report.failed:
        report.sections.append(("Captured by HogTrace", str(captured)))
    return report
