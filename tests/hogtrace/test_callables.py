"""Every kind of callable that Python code defines, probed: what it gives, and what its probes see, once each."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

import pytest

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter
from hogtrace.targets import Target
from tests.hogtrace.callables import Row, shown

MODULES = ("parameters", "classes", "made", "dressed", "suspending", "frameworks")


def rows() -> list[Any]:
    """Give all rows of the table, with a name for each."""
    return [
        pytest.param(name, row, id=f"{module}-{number}-{row.target}")
        for module in MODULES
        for name in [f"tests.hogtrace.callables.{module}"]
        for number, row in enumerate(import_module(name).ROWS)
    ]


@pytest.fixture
def exporter() -> MemoryExporter:
    """Keep what was captured."""
    return MemoryExporter()


@pytest.fixture
def tracer(exporter: MemoryExporter) -> Iterator[Tracer]:
    """Give a tracer that is stopped after the test."""
    # Requests are large, and a slow machine copies them slowly.
    with Tracer(exporter=exporter, max_overhead=None, copy_time=1) as made:
        yield made


def appearance(function: FunctionType) -> dict[str, object]:
    """Give what tools ask of a function."""
    return {
        "signature": str(inspect.signature(function)),
        "kind": (
            inspect.iscoroutinefunction(function),
            inspect.isgeneratorfunction(function),
            inspect.isasyncgenfunction(function),
        ),
        "names": (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        "code": [
            getattr(function.__code__, name)
            for name in ("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_varnames")
        ],
        "lines": {line for *_, line in function.__code__.co_lines() if line},
        "dict": dict(vars(function)),
        "closure": function.__closure__,
        "defaults": (function.__defaults__, function.__kwdefaults__),
    }


@pytest.mark.parametrize(("module", "row"), rows())
def test_a_call_is_seen_once_and_is_as_it_was(module: str, row: Row, tracer: Tracer, exporter: MemoryExporter) -> None:
    """The result is the same; entry and exit fire once for each call, with its arguments and what it gives."""
    target = f"{module}.{row.target}"
    found = Target.parse(target).find()
    assert (found.refused, found.waiting) == (None, None)
    bare = row.use()
    functions = {match.function: (match.function.__code__, appearance(match.function)) for match in found.functions}
    installed = tracer.install(
        hogtrace.compile(
            f"fn:{target}:entry {{ capture(args, kwargs); }}"
            f"fn:{target}:exit {{ capture(args, kwargs, retval, error=type(exception)); }}"
        )
    )
    assert [(probe.state, probe.sites) for probe in tracer.status().probes] == [("installed", 1)] * 2
    assert {function: appearance(function) for function in functions} == {
        function: seen for function, (_, seen) in functions.items()
    }
    probed = row.use()
    tracer.uninstall(installed)
    assert tracer.flush(60)
    assert probed == bare == row.use()
    events = [(event.point, shown(event.values), event.errors) for event in exporter.events]
    assert [(values["args"], values["kwargs"]) for point, values, _ in events if point == "entry"] == [
        (call.args, call.kwargs) for call in row.calls
    ]
    assert sorted(
        (repr((values["args"], values["kwargs"], values["retval"], values["error"].rpartition(".")[2])))
        for point, values, _ in events
        if point == "exit"
    ) == sorted(repr((call.args, dict(call.kwargs), call.retval, call.error)) for call in row.calls)
    assert not [errors for *_, errors in events if errors]
    for function, (code, _) in functions.items():
        assert function.__code__ is code
