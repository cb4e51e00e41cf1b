"""The application cannot tell: cases that give the same observations bare and woven."""

import inspect
import warnings
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.hogtrace.weaving.cases import CASES, TRACED, Case
from tests.hogtrace.weaving.hooks import Quiet
from tests.suites.everywhere import Weaver


def _fresh(code: CodeType) -> CodeType:
    """Copy a tree of code objects: what has run is optimised, and 3.11 then mistakes some lines."""
    consts = tuple(_fresh(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    return code.replace(co_consts=consts)


def _observe(case: Case, change: Callable[[CodeType], CodeType]) -> object:
    """Run a case with its code, and all that it loads, changed."""

    def load(source: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # newer versions warn of a return in finally
            code = compile(source, "<loaded>", "exec")
        space: dict[str, Any] = {"__name__": "loaded"}
        exec(change(code), space)  # noqa: S102 - that is what a case asks for
        return space

    assert isinstance(case, FunctionType)
    function = FunctionType(change(case.__code__), case.__globals__, case.__name__)
    return function(load) if inspect.signature(case).parameters else function()


@pytest.mark.parametrize("loads", ["none", "token", "parameters", "all", "lines", "lines alone"])
@pytest.mark.parametrize("name", CASES)
def test_cases_are_alike_bare_and_woven(name: str, loads: str) -> None:
    """Results, exceptions, tracebacks, lines, frames, events: nothing differs."""
    if loads == "all" and name in TRACED:
        pytest.skip("a load of an unbound variable is an exception event; there is a test of its own")
    case = CASES[name]
    _observe(case, _fresh)  # what happens once only, such as imports, happens here
    bare = _observe(case, _fresh)
    weaver = Weaver(Quiet(), loads)
    woven = _observe(case, lambda code: weaver.tree(_fresh(code)))
    assert weaver.woven
    assert not weaver.refused
    assert woven == bare
