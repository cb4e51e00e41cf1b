"""Cases that are run bare and with every function in them woven, and must give equal observations.

A case is a function without parameters, or with one: `load`, which runs source text as a module and gives its
namespace. What it returns is compared. The functions inside a case are what is woven, so each case defines
its own.
"""

import traceback
from collections.abc import Callable
from typing import Any

Case = Callable[..., object]

CASES: dict[str, Case] = {}
"""Every case by its name."""

TRACED: set[str] = set()
"""The cases that count events of tracing, in which a load of an unbound variable shows."""


def case(function: Case) -> Case:
    """Make a function a case."""
    assert function.__name__ not in CASES
    CASES[function.__name__] = function
    return function


def traced(function: Case) -> Case:
    """Make a function a case that counts events of tracing."""
    TRACED.add(function.__name__)
    return case(function)


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> object:
    """Give what a call returned, or all that can be seen of the exception that it raised."""
    try:
        return "returned", call(*args, **kwargs)
    except BaseException as error:
        return "raised", describe(error)


def describe(error: BaseException | None) -> object:
    """Give all that can be seen of an exception: its text with lines and marks, its chain, its frames."""
    if error is None:
        return None
    frames = []
    tb = error.__traceback__
    while tb is not None:
        frames.append((tb.tb_frame.f_code.co_qualname, tb.tb_lineno))
        tb = tb.tb_next
    return (
        type(error).__name__,
        repr(error.args),
        "".join(traceback.format_exception(error)),
        frames,
        error.__suppress_context__,
        describe(error.__context__),
        describe(error.__cause__),
    )


from tests.hogtrace.weaving.cases import (  # noqa: E402, F401 - they register their cases
    calls,
    coroutines,
    exceptions,
    generators,
    inspection,
    shapes,
    tracing,
    variables,
)
