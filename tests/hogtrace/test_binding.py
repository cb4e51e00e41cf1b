"""Binding: what a probe reads, and the slot in which a function's code keeps it."""

from collections.abc import Callable
from typing import Any

import pytest

import hogtrace
from hogtrace._engine import EventQueue, LinkedProbe, Redaction, TrustList
from hogtrace.binding import Place, bind


def sample(a: int, b: int = 2, *rest: int, c: int = 3, **more: int) -> int:
    """Have a parameter of each kind, one that is rebound, and a local."""
    b = a + c
    total = b + sum(rest)
    return total + sum(more.values())


def linked(expression: str, point: str = "exit") -> LinkedProbe:
    """Give a probe that reads an expression."""
    program = hogtrace.compile(f"fn:m.f:{point} {{ capture(x={expression}); }}")
    queue = EventQueue(on_first=lambda: None)
    return LinkedProbe(program, program.probes[0], queue, access="safe", trust=TrustList(), redaction=Redaction())


def place(expression: str, point: str = "exit", function: Callable[..., Any] = sample) -> Place:
    """Give where the one input of an expression is found."""
    binding = bind(function.__code__, [linked(expression, point)])
    ((_, (found,)),) = binding.exit if point == "exit" else binding.entry
    return found


def test_only_what_is_read_is_loaded() -> None:
    """The plan names the slots that the probes read, each once, and nothing else."""
    binding = bind(sample.__code__, [linked("c", "entry"), linked("a + c"), linked("total")])
    assert binding.plan.entry == (2,)
    assert sorted(binding.plan.exit) == [0, 2, 5]
    assert binding.keep == ()


def test_a_rebound_parameter_is_kept_from_the_entry() -> None:
    """`arg1` at exit is the call's own value, the bare name is what it is now."""
    binding = bind(sample.__code__, [linked("arg1"), linked("b")])
    assert [places for _, places in binding.exit] == [(("kept", 0),), (("load", 0),)]
    assert (binding.plan.entry, binding.keep, binding.kept_names) == ((1,), (0,), ("b",))


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("arg0", ("load", 0)),
        ("arg3", ("item", ("load", 0), 1)),
        ("rest", ("load", 0)),
        ("args", ("args", [("load", 0), ("kept", 0)], ("load", 1))),
        ("kwargs", ("kwargs", [("c", ("load", 0))], ("load", 1))),
        ("elsewhere", ("global", "elsewhere")),
        ("globals", ("globals",)),
        ("retval", ("retval",)),
        ("exception", ("exception",)),
        ("duration", ("duration",)),
    ],
)
def test_places_at_exit(expression: str, found: Place) -> None:
    """Each name has its place."""
    assert place(expression) == found


@pytest.mark.parametrize(
    ("expression", "says"), [("total", "no value yet at entry"), ("self", "no first parameter named 'self'")]
)
def test_what_is_missing_says_why(expression: str, says: str) -> None:
    """A name that has no value at the point fails in words."""
    kind, why = place(expression, "entry")
    assert kind == "missing"
    assert says in why


def test_closure_variables_are_locals() -> None:
    """A free variable and a cell are found in their slots."""

    def outer(a: int) -> Callable[[], int]:
        def inner() -> int:
            return a

        return inner

    assert place("a", "entry", outer) == ("load", 0)
    assert place("a", "entry", outer(1)) == ("load", 0)


def test_locals_at_entry_are_the_parameters() -> None:
    """At entry `locals` holds what is bound by then; at exit all slots are asked."""
    kind, pairs = place("locals", "entry")
    assert kind == "locals"
    assert [name for name, _ in pairs] == ["a", "b", "c", "rest", "more"]
    assert [name for name, _ in place("locals")[1]][-1] == "total"
