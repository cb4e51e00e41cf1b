"""Hostile values and programs, measured in processes of their own. The bounds are far above what a run takes."""

import sys

import pytest

from tests.suites.bounds import CASES, measure, row

SLACK = 20
"""The machine may be busy, and the engine built without optimisation."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is reset through /proc")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_ends_soon_and_takes_little(name: str) -> None:
    """One run of a probe over it takes little time and little memory."""
    found = measure(name)
    print(row(name, CASES[name], found))
    assert found.milliseconds < CASES[name].milliseconds * SLACK
    assert found.megabytes < CASES[name].megabytes
