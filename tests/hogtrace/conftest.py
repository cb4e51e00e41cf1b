"""What the tests of the core package share."""

from collections.abc import Iterator

import pytest

from tests.hogtrace import evaluation


@pytest.fixture(params=["call", "frame"])
def each_host(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test in both hosts: `evaluate` reads the values of a call, then those of a frame."""
    with evaluation.host(request.param):
        yield
