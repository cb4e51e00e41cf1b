"""A probe at each line fires when a mark written there would: whatever the shape of the function."""

import copy
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from hogtrace.weave import LineCall, Plan
from tests.hogtrace.lines import samples
from tests.hogtrace.lines.marks import marked, woven
from tests.hogtrace.weaving.verifier import all_slots

FILE = Path(samples.__file__)
SOURCE = FILE.read_text()


def outcome(function: Any, argument: object) -> object:
    """Give what a call returns or raises."""
    try:
        return function(copy.deepcopy(argument))
    except Exception as error:
        return type(error), error.args


def plain(code: CodeType, lines: list[LineCall]) -> Plan:
    """Plan hooks of lines alone."""
    return Plan((), (), enters=False, leaves=False, lines=tuple(lines))


def full(code: CodeType, lines: list[LineCall]) -> Plan:
    """Plan all hooks, every one of which is handed all there is."""
    slots = tuple(all_slots(code))
    return Plan(slots, slots, lines=tuple(LineCall(one.hook, one.arrivals, slots, token=True) for one in lines))


@pytest.mark.parametrize("plan", [plain, full])
@pytest.mark.parametrize("name", samples.RUNS)
def test_hooks_and_marks_tell_the_same(name: str, plan: Any) -> None:
    """The same lines in the same order, and the same outcome."""
    wanted: list[int] = []
    seen: list[int] = []
    by_marks, marks = marked(SOURCE, str(FILE), wanted)
    by_hooks, hooks = woven(SOURCE, str(FILE), seen, plan)
    assert sorted(marks) == sorted(hooks)
    runs = zip(by_marks["RUNS"][name], by_hooks["RUNS"][name], samples.RUNS[name], strict=True)
    for to_marks, to_hooks, bare in runs:
        del wanted[:], seen[:]
        expected = outcome(by_marks[name], to_marks)
        assert outcome(by_hooks[name], to_hooks) == expected
        assert seen == wanted
        assert outcome(getattr(samples, name), bare) == expected
