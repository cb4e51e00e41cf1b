"""The application cannot tell: cases that give the same observations bare and woven."""

import inspect
import warnings
from types import FunctionType
from typing import Any

import pytest

from tests.hogtrace.weaving.cases import CASES, TRACED, Case
from tests.hogtrace.weaving.hooks import Quiet
from tests.suites.everywhere import Weaver


def _observe(case: Case, weaver: Weaver | None) -> object:
    """Run a case, with every function in it woven if there is a weaver."""

    def load(source: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # newer versions warn of a return in finally
            code = compile(source, "<loaded>", "exec")
        space: dict[str, Any] = {"__name__": "loaded"}
        exec(weaver.tree(code) if weaver else code, space)  # noqa: S102 - that is what a case asks for
        return space

    function = case
    if weaver:
        assert isinstance(case, FunctionType)
        function = FunctionType(
            weaver.tree(case.__code__), case.__globals__, case.__name__, case.__defaults__, case.__closure__
        )
    return function(load) if inspect.signature(case).parameters else function()


@pytest.mark.parametrize("loads", ["none", "parameters", "all"])
@pytest.mark.parametrize("name", CASES)
def test_cases_are_alike_bare_and_woven(name: str, loads: str) -> None:
    """Results, exceptions, tracebacks, lines, frames, events: nothing differs."""
    if loads == "all" and name in TRACED:
        pytest.skip("a load of an unbound variable is an exception event; there is a test of its own")
    case = CASES[name]
    _observe(case, None)  # what happens once only, such as imports, happens here
    bare = _observe(case, None)
    weaver = Weaver(Quiet(), loads)
    woven = _observe(case, weaver)
    assert weaver.woven
    assert not weaver.refused
    assert woven == bare
