"""The table of probed functions: weaving once for all, and giving back what was there."""

import copy
import pickle
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest

import hogtrace
from hogtrace import _state, sites
from hogtrace._engine import EventQueue, LinkedProbe, Redaction, Site, TrustList, inert_site
from hogtrace.errors import WeaveError
from hogtrace.sites import Inside, NestedCode
from hogtrace.weave import Plan, weave
from tests.hogtrace.leftovers import made_code


def double(x: int) -> int:
    """Be probed."""
    return 2 * x


@pytest.fixture
def queue() -> EventQueue:
    """Give a queue that nobody empties."""
    return EventQueue(on_first=lambda: None)


def linked(queue: EventQueue, text: str = "fn:m.f:exit { capture(retval); }") -> LinkedProbe:
    """Give a probe that puts into `queue`."""
    program = hogtrace.compile(text)
    return LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=Redaction())


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """See that the function has its own code after each test."""
    original = double.__code__
    yield
    assert double.__code__ is original


def test_attach_and_detach(queue: EventQueue) -> None:
    """The hook stands in the constants while probes are there, and the original comes back."""
    probe = linked(queue)
    woven = sites.attach(double, "m.double", [probe])
    assert any(type(constant) is Site for constant in double.__code__.co_consts)
    assert woven.code is double.__code__
    assert sites.carries(double, probe)
    assert double(2) == 4
    sites.detach(double, [probe])
    assert not sites.carries(double, probe)
    assert queue.captured == 1


def test_attaching_twice_changes_nothing(queue: EventQueue) -> None:
    """A probe is in a function once."""
    probe = linked(queue)
    first = sites.attach(double, "m.double", [probe])
    assert sites.attach(double, "m.double", [probe]) is first
    double(1)
    sites.detach(double, [probe])
    assert queue.captured == 1


def test_another_tools_code_is_left_alone(queue: EventQueue) -> None:
    """Code that someone else put into the function after us is not undone, nor woven twice."""
    original = double.__code__
    probe, other = linked(queue), linked(queue)
    sites.attach(double, "m.double", [probe])
    theirs = double.__code__.replace(co_name="theirs")
    double.__code__ = theirs
    try:
        with pytest.raises(WeaveError, match="another tool"):
            sites.detach(double, [probe])
        with pytest.raises(WeaveError, match="another tool"):
            sites.attach(double, "m.double", [other])
        assert double.__code__ is theirs
    finally:
        double.__code__ = original
    # With our hooks gone from it, the function starts afresh.
    sites.attach(double, "m.double", [other])
    sites.detach(double, [other])


def test_a_tool_that_puts_back_what_it_found_after_we_left(queue: EventQueue) -> None:
    """It found our code, and puts it back when the probes are gone: the next ones begin from the original."""
    original = double.__code__
    probe, other = linked(queue), linked(queue)
    ours = sites.attach(double, "m.double", [probe]).code
    double.__code__ = ours.replace(co_name="theirs")
    with pytest.raises(WeaveError, match="another tool"):
        sites.detach(double, [probe])
    probe.enabled = False
    double.__code__ = ours
    assert double(1) == 2
    sites.attach(double, "m.double", [other])
    assert double(1) == 2
    assert (probe.hits, other.hits) == (0, 1)
    sites.detach(double, [other])
    assert double.__code__ is original
    del ours
    assert made_code(__file__) == []


def test_a_tool_that_puts_back_what_it_found_before_others_came(queue: EventQueue) -> None:
    """It found code with fewer probes: all of them are put in again, in their order, and go as ever."""
    probe, other = linked(queue), linked(queue)
    ours = sites.attach(double, "m.double", [probe]).code
    sites.attach(double, "m.double", [other])
    double.__code__ = ours
    assert not sites.carries(double, other)
    sites.attach(double, "m.double", [other])
    assert sites.carries(double, probe)
    assert sites.carries(double, other)
    double(1)
    assert (probe.hits, other.hits) == (1, 1)
    double.__code__ = ours
    sites.detach(double, [probe])
    assert sites.carries(double, other)
    sites.detach(double, [other])


def enclosing() -> Callable[[int], int]:
    """Make a function."""

    def inner(x: int) -> int:
        return x

    return inner


def path_to_inner() -> tuple[CodeType, ...]:
    """Give the way to the code of what `enclosing` makes."""
    return tuple(one for one in _state.original_code(enclosing).co_consts if isinstance(one, CodeType))


def test_code_inside_of_a_function(queue: EventQueue) -> None:
    """It is exchanged where it is a constant, and in the functions that exist."""
    before, original, path = enclosing(), enclosing.__code__, path_to_inner()
    probe = linked(queue, "fn:m.f:exit { capture(x); }")
    (nested,) = sites.attach_inside([Inside(enclosing, path, "m.inner", [probe])])
    assert isinstance(nested, NestedCode)
    assert nested.original is path[-1]
    assert nested.code is before.__code__ is enclosing().__code__  # type: ignore[attr-defined]
    assert sites.carries_inside(path[-1], probe)
    assert not sites.carries(enclosing, probe)
    # The same again changes nothing.
    assert sites.attach_inside([Inside(enclosing, path, "m.inner", [probe])]) == [nested]
    assert nested.code is enclosing().__code__  # type: ignore[attr-defined]
    made = enclosing()
    sites.detach_inside([path[-1]], [probe])
    assert enclosing.__code__ is original
    assert made.__code__ is before.__code__ is path[-1]  # type: ignore[attr-defined]
    assert (_state.nested, made_code(__file__)) == ({}, [])


def test_an_enclosing_function_that_got_its_code_back_is_given_it_anew(queue: EventQueue) -> None:
    """Another tool may undo what it found; the next attempt puts the probes back."""
    original, path = enclosing.__code__, path_to_inner()
    probe = linked(queue, "fn:m.f:exit { capture(x); }")
    sites.attach_inside([Inside(enclosing, path, "m.inner", [probe])])
    enclosing.__code__ = original
    assert not sites.is_given(enclosing)
    sites.attach_inside([Inside(enclosing, path, "m.inner", [probe])])
    assert sites.is_given(enclosing)
    enclosing()(1)
    sites.detach_inside([path[-1]], [probe])
    assert enclosing.__code__ is original
    assert queue.captured == 1


def test_code_with_our_hooks_in_another_tools_hands_is_refused(queue: EventQueue) -> None:
    """What is woven already, in a copy that is not ours, is not woven again."""
    original, path = enclosing.__code__, path_to_inner()
    probe, other = linked(queue), linked(queue)
    sites.attach_inside([Inside(enclosing, path, "m.inner", [probe])])
    enclosing.__code__ = enclosing.__code__.replace(co_name="theirs")
    try:
        (refused,) = sites.attach_inside([Inside(enclosing, path_to_inner(), "m.inner", [other])])
        assert isinstance(refused, WeaveError)
        assert "another tool" in refused.reason
    finally:
        enclosing.__code__ = original
        sites.detach_inside([path[-1]], [probe])
    assert (_state.nested, made_code(__file__)) == ({}, [])


def test_hooks_pickle_as_hooks_that_do_nothing(queue: EventQueue) -> None:
    """By-value copies of a woven function's constants are inert."""
    probe = linked(queue)
    code = sites.attach(double, "m.double", [probe]).code
    (hook,) = [constant for constant in code.co_consts if type(constant) is Site]
    sites.detach(double, [probe])
    for copied in (pickle.loads(pickle.dumps(hook)), copy.deepcopy(hook)):  # noqa: S301 - our own bytes
        namespace: dict[str, Any] = {}
        exec("def f(x):\n    return x", namespace)  # noqa: S102 - our own text
        f = namespace["f"]
        f.__code__ = weave(f.__code__, copied, Plan((), ()))
        assert f(3) == 3
    assert queue.captured == 0


def test_a_pickled_function_is_found_by_name(queue: EventQueue) -> None:
    """Pickling by name is untouched."""
    probe = linked(queue)
    sites.attach(double, "m.double", [probe])
    assert pickle.loads(pickle.dumps(double)) is double  # noqa: S301 - our own bytes
    assert isinstance(hash(double.__code__), int)
    assert vars(double) == {}
    sites.detach(double, [probe])


@pytest.mark.parametrize(
    ("probe", "enters"),
    [
        ("exit { capture(retval); }", False),
        ("exit { capture(x, exception); }", False),
        ("exit { capture(duration); }", True),
        ("exit { capture($call.x); }", True),
        ("entry { }", True),
    ],
)
def test_entry_is_hooked_only_where_it_is_needed(queue: EventQueue, probe: str, enters: bool) -> None:
    """A function with exit probes alone calls nothing at its entry, unless something must be remembered."""
    linked_probe = linked(queue, f"fn:m.f:{probe}")
    code = sites.attach(double, "m.double", [linked_probe]).code
    (site,) = [constant for constant in code.co_consts if type(constant) is Site]
    assert site.enters is enters
    assert double(4) == 8
    sites.detach(double, [linked_probe])
    assert linked_probe.hits == 1


def test_inert_site_makes_no_token_of_its_own() -> None:
    """A hook without probes is its own token."""
    site = inert_site()
    assert site[None] is site
