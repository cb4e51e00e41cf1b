"""The depth at which `RecursionError` comes is that of the function without a probe, whatever the probe does."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import hogtrace
from hogtrace import Tracer, request_scope
from hogtrace.exporters import MemoryExporter

LIMIT = 220
_depth = 0


def function(a: int, b: Any = None) -> None:
    """Recurse."""
    deeper_here(a)
    function(a + 1, [b])


def deeper_here(a: int) -> None:
    """Note the level, in a call that may itself be one too many."""
    global _depth
    _depth = a


def keeping(a: int, *rest: Any, c: int = 1, **named: Any) -> int:
    """Recurse, with a handler at each level that rebinds an argument."""
    global _depth
    _depth = a
    try:
        return keeping(a + 1, *rest, c=c, **named)
    finally:
        c = 2


class Recursing:
    """Recurse by operators, in C and back."""

    def __init__(self, level: int) -> None:
        self.level = level

    def method(self) -> None:
        """Recurse."""
        global _depth
        _depth = self.level
        Recursing(self.level + 1).method()

    def __repr__(self) -> str:
        global _depth
        _depth = self.level
        return repr([Recursing(self.level + 1)])

    def __eq__(self, other: object) -> bool:
        global _depth
        _depth = self.level
        return [Recursing(self.level + 1)] == [Recursing(self.level + 1)]

    __hash__ = None  # type: ignore[assignment]


def generator(a: int) -> Iterator[int]:
    """Recurse by delegation."""
    global _depth
    _depth = a
    yield from generator(a + 1)


async def coroutine(a: int) -> None:
    """Recurse by awaiting."""
    global _depth
    _depth = a
    await coroutine(a + 1)


def make(a: int) -> Callable[[], None]:
    """Make a closure that makes and calls the next."""

    def closure() -> None:
        global _depth
        _depth = a
        make(a + 1)()

    return closure


def _drive(made: Coroutine[Any, Any, None]) -> None:
    made.send(None)


USES: dict[str, Callable[[], object]] = {
    "function": lambda: function(0),
    "keeping": lambda: keeping(0, 1, d=2),
    "Recursing.method": lambda: Recursing(0).method(),
    "Recursing.__repr__": lambda: repr(Recursing(0)),
    "Recursing.__eq__": lambda: Recursing(0) == 1,
    "generator": lambda: next(generator(0)),
    "coroutine": lambda: _drive(coroutine(0)),
    "make.<locals>.closure": lambda: make(0)(),
}
PROBES = {
    "entry": "fn:TARGET:entry { capture(args); }",
    "exit": "fn:TARGET:exit { capture(retval, exception); }",
    "everything": (
        "fn:TARGET:entry / arg0 != 'x' / { $req.a = arg0; $call.a = args; capture(args, kwargs, locals, stack(64)); }"
        "fn:TARGET:exit / exception != None / { capture(args, locals, exception, duration, $call.a, stack(64)); }"
    ),
    "nothing": "fn:TARGET:entry / 1 == 2 / { } fn:TARGET:exit / 1 == 2 / { }",
}


def reached(use: Callable[[], object]) -> tuple[int, str]:
    """Give how deep a use comes, and the text of its error."""
    global _depth
    _depth = -1
    limit = sys.getrecursionlimit()
    frame, base = sys._getframe(), 0
    while frame is not None:
        frame, base = frame.f_back, base + 1  # type: ignore[assignment]
    sys.setrecursionlimit(base + LIMIT)
    try:
        use()
    except RecursionError as error:
        return _depth, str(error)
    finally:
        sys.setrecursionlimit(limit)
    return _depth, "it did not come"


@pytest.mark.parametrize("probes", PROBES)
@pytest.mark.parametrize("target", USES)
def test_the_depth_is_the_same(target: str, probes: str) -> None:
    """To the level, with the same error; every call was seen, and the probes' accounts balance."""
    use = USES[target]
    # CPython counts a level less in calls that it has optimised, so those around the function come to that first.
    for _ in range(20):
        reached(use)
    bare = reached(use)
    assert bare[0] > 20
    assert "maximum recursion depth exceeded" in bare[1]
    exporter = MemoryExporter()
    with Tracer(exporter=exporter, max_overhead=None) as tracer:
        installed = tracer.install(hogtrace.compile(PROBES[probes].replace("TARGET", f"{__name__}.{target}")))
        with request_scope():
            assert reached(use) == bare
        for probe in tracer.status().probes:
            assert probe.state == "installed"
            assert probe.hits == probe.fired + probe.not_passed + probe.failed + probe.skipped
            assert probe.skipped == 0
            assert probe.hits in (bare[0] + 1, bare[0] + 2)
        tracer.uninstall(installed)
        assert tracer.flush(60)
        status = tracer.status()
        assert status.captured == status.exported
    assert reached(use) == bare
