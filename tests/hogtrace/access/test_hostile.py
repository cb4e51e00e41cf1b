"""No code of the application runs: whatever the object, the operation, the place and the host."""

from typing import Any

import pytest

from tests.hogtrace.access.operations import ALL, BRIEF, HOSTS
from tests.hogtrace.hostile import BASES, hostile_objects, one_override


@pytest.mark.parametrize("host", HOSTS)
def test_objects_that_override_everything(host: str) -> None:
    """An object whose every method counts, in a predicate, an assignment and a capture, is not asked anything."""
    with HOSTS[host](ALL) as operations:
        for kind, o in hostile_objects().items():
            assert operations.touched(o) == [], kind
        assert operations.did() == {"installed True"}


def one_name(host: str, kind: str) -> None:
    """Do all operations with objects that are harmless but for one name of their type."""
    objects: list[Any] = []
    with HOSTS[host](BRIEF) as operations:
        for name, o in one_override(kind):
            # Kept, so that the finaliser of one does not run while another is looked at.
            objects.append(o)
            # A finaliser that the collector runs now may be that of another test's object.
            assert [touch for touch in operations.touched(o) if touch.startswith(f"{kind}.")] == [], name
        assert operations.did() == {"installed True"}
    assert len(objects) > 50


@pytest.mark.parametrize("kind", BASES)
def test_objects_that_override_one_name(kind: str) -> None:
    """What the engine lets through because the type overrides nothing that it checks is not asked by another name."""
    one_name("woven", kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BASES)
def test_objects_that_override_one_name_in_a_frame(kind: str) -> None:
    """The same for a frame in hand."""
    one_name("execute_probe", kind)
