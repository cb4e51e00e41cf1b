"""What the tests of the core package share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.hogtrace import evaluation

# A machine that stands still for a while makes no example wrong.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(params=["call", "frame"])
def each_host(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test in both hosts: `evaluate` reads the values of a call, then those of a frame."""
    with evaluation.host(request.param):
        yield
