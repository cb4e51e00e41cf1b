"""Other tools see in probed functions what they see without the probes: tracers, profilers, debuggers, coverage."""

import asyncio
import bdb
import cProfile
import io
import linecache
import pdb
import pstats
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TypeVar

import coverage
import pytest

import hogtrace
from hogtrace.exporters import MemoryExporter

Observed = TypeVar("Observed")

SOURCE = """
import asyncio

def plain(a, b=2, *rest, key=None):
    total = a + b
    if key:
        return key
    for item in rest:
        if item == 3:
            continue
        total += item
    return total

def handles(value):
    try:
        if value:
            raise ValueError(value)
    except ValueError as error:
        caught = str(error)
    else:
        caught = "none"
    finally:
        value = 0
    return caught

def fails():
    try:
        plain(1)
    finally:
        plain(2)
    raise KeyError("k")

def generates(n):
    for i in range(n):
        yield plain(i)
    return n

async def awaits(n):
    for i in range(n):
        await asyncio.sleep(0)
    return [plain(i) for i in range(n)]

def keeps(n):
    kept = []
    for i in range(n):
        kept.append(bytes(1000 + i))
    return kept

class Box:
    def __init__(self, value):
        self.value = value

    @property
    def double(self):
        return self.value * 2

    @classmethod
    def make(cls, value):
        return cls(value)

    @staticmethod
    def count(*values):
        return len(values)

def everything():
    found = [plain(1, 2, 3, 4), plain(1, key="k"), handles(0), handles(1), list(generates(3))]
    try:
        fails()
    except KeyError as error:
        found.append(repr(error))
    waiting = awaits(2)
    waiting.send(None)
    waiting.close()
    box = Box.make(2)
    found += [box.double, Box.count(1, 2), len(keeps(3))]
    return found

def drops():
    left = generates(2)
    next(left)
    left.close()
    left = generates(2)
    next(left)
    del left
    return "dropped"
"""

DROPS = 2
"""How many generators `drops` leaves suspended."""
HIDES_ENDS = sys.version_info >= (3, 13)
"""Whether CPython may drop a suspended generator without an event: up to 3.13.9 and 3.14.0 (gh-140373)."""

PROGRAM = """
fn:sampled.**:entry { capture(args); }
fn:sampled.**:exit { capture(retval, exception, duration); }
"""


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Callable[[], ModuleType]]:
    """Give a function that loads the module anew: code that has run is optimised, and 3.11 then mistakes some lines."""
    path = tmp_path / "sampled.py"
    path.write_text(SOURCE)

    def load() -> ModuleType:
        module = ModuleType("sampled")
        module.__file__ = str(path)
        sys.modules["sampled"] = module
        exec(compile(SOURCE, str(path), "exec"), module.__dict__)  # noqa: S102 - a module from a file of this test
        return module

    yield load
    sys.modules.pop("sampled", None)
    linecache.checkcache(str(path))


@contextmanager
def probed() -> Iterator[None]:
    """Probe every function of the sampled module, and see that the probes fire."""
    exporter = MemoryExporter()
    with hogtrace.Tracer(exporter=exporter, max_overhead=None, wildcard_limit=None) as tracer:
        tracer.install(hogtrace.compile(PROGRAM))
        yield
        assert all(probe.fired for probe in tracer.status().probes)
    assert exporter.events


def both(load: Callable[[], ModuleType], observe: Callable[[ModuleType], Observed]) -> tuple[Observed, Observed]:
    """Observe the module bare and probed."""
    observe(load())  # what happens once only, such as imports, happens here
    bare = observe(load())
    module = load()
    with probed():
        return bare, observe(module)


def _file(module: ModuleType) -> str:
    return str(module.__file__)


CORES = ["ctrace", "pytrace", *(["sysmon"] if sys.version_info >= (3, 12) else [])]


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("core", CORES)
def test_coverage_measures_the_same(
    sample: Callable[[], ModuleType], core: str, branch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """coverage.py counts the same lines and branches, with each of its ways to measure."""
    if core == "sysmon" and branch and sys.version_info < (3, 14):
        pytest.skip("coverage.py measures no branches that way before CPython 3.14")
    monkeypatch.setenv("COVERAGE_CORE", core)

    def observe(module: ModuleType) -> object:
        measured = coverage.Coverage(data_file=None, config_file=False, branch=branch, include=[_file(module)])
        measured.start()
        try:
            module.everything()
        finally:
            measured.stop()
        data = measured.get_data()
        lines = sorted(data.lines(_file(module)) or ())
        assert len(lines) > 30
        return lines, sorted(data.arcs(_file(module)) or ()) if branch else None

    bare, woven = both(sample, observe)
    assert woven == bare


@pytest.mark.parametrize("core", CORES)
def test_coverage_that_has_begun_goes_on(
    sample: Callable[[], ModuleType], core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that run after probes came, and after they went, are counted by coverage.py that measured before."""
    monkeypatch.setenv("COVERAGE_CORE", core)
    module = sample()
    measured = coverage.Coverage(data_file=None, config_file=False, include=[_file(module)])
    measured.start()
    try:
        module.plain(1)
        with probed():
            module.plain(1, key="k")
        module.plain(1, 2, 3)
    finally:
        measured.stop()
    lines = SOURCE.splitlines()
    counted = {lines[number - 1].strip() for number in measured.get_data().lines(_file(module)) or ()}
    assert {"total = a + b", "return key", "continue", "return total"} <= counted


def profiled(module: ModuleType, call: Callable[[], object]) -> dict[tuple[Any, Any], Any]:
    """Give how often the module's functions were called and called others, by function and caller, as cProfile counts.

    From 3.12 on it counts what other threads do too, the exporter's among them.
    """
    profile = cProfile.Profile()
    profile.runcall(call)
    stats: Any = pstats.Stats(profile, stream=io.StringIO())
    return {
        (function, caller): numbers[:2]
        for function, (_, _, _, _, callers) in stats.stats.items()
        for caller, numbers in callers.items()
        if _file(module) in (function[0], caller[0])
    }


def test_profile_counts_the_same_calls(sample: Callable[[], ModuleType]) -> None:
    """A profile by cProfile has the same calls of the same functions, in C too, by the same callers."""

    def observe(module: ModuleType) -> object:
        counted = profiled(module, module.everything)
        assert len(counted) > 20
        return counted

    bare, woven = both(sample, observe)
    assert woven == bare


def traced(module: ModuleType, setter: Callable[[Any], None], call: Callable[[], object]) -> list[object]:
    """Give the events in the module that a trace or profile function sees during a call."""
    events: list[object] = []

    def note(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename == _file(module):
            # Texts alone: objects show their addresses.
            shown = arg if isinstance(arg, (str, int, type(None))) else type(arg).__name__
            events.append((event, frame.f_code.co_qualname, frame.f_lineno, shown))
        return note

    setter(note)
    try:
        call()
    finally:
        setter(None)
    return events


@pytest.mark.parametrize("setter", [sys.settrace, sys.setprofile])
def test_trace_and_profile_functions_see_the_same(
    sample: Callable[[], ModuleType], setter: Callable[[Any], None]
) -> None:
    """The same events come, on the same lines, in the same order, with the same values."""

    def observe(module: ModuleType) -> object:
        events = traced(module, setter, module.everything)
        assert len(events) > 50
        return events

    bare, woven = both(sample, observe)
    assert woven == bare


def without(events: list[object], part: list[object]) -> tuple[list[object], int]:
    """Take `part` out of `events` wherever it stands; give what is left, and how often it stood there."""
    left: list[object] = []
    index = 0
    while index < len(events):
        if events[index : index + len(part)] == part:
            index += len(part)
        else:
            left.append(events[index])
            index += 1
    return left, (len(events) - len(left)) // len(part)


@pytest.mark.parametrize("setter", [sys.settrace, sys.setprofile])
def test_trace_and_profile_functions_see_the_end_of_a_dropped_generator(
    sample: Callable[[], ModuleType], setter: Callable[[Any], None]
) -> None:
    """Where CPython hides the end of a suspended generator, it shows with probes; all other events are the same."""

    def observe(module: ModuleType) -> list[object]:
        return traced(module, setter, module.drops)

    ending: list[object] = [("call", "generates", 35, None), ("return", "generates", 35, None)]
    if setter is sys.settrace:
        ending.insert(1, ("exception", "generates", 35, "tuple"))
    bare, woven = both(sample, observe)
    if HIDES_ENDS:
        assert without(woven, ending) == (without(bare, ending)[0], DROPS)
    else:
        assert woven == bare


def test_profile_counts_the_end_of_a_dropped_generator(sample: Callable[[], ModuleType]) -> None:
    """Where CPython hides the end of a suspended generator, cProfile counts it as a call with probes."""

    def observe(module: ModuleType) -> int:
        counted = profiled(module, module.drops)
        return sum(calls for (function, _), (_, calls) in counted.items() if function[2] == "generates")

    bare, woven = both(sample, observe)
    if HIDES_ENDS:
        assert woven == 2 * DROPS
        assert bare in (DROPS, 2 * DROPS)
    else:
        assert woven == bare


def monitored(
    module: ModuleType, kinds: tuple[str, ...], functions: Iterable[Any], call: Callable[[], object]
) -> list[object]:
    """Give the events in the module that `sys.monitoring` reports during a call, of `functions` alone if there are."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool = 4
    events: list[object] = []
    chosen = 0
    monitoring.use_tool_id(tool, "test")
    for kind in kinds:

        def note(code: Any, *args: Any, kind: str = kind) -> None:
            if code.co_filename == _file(module):
                events.append((kind, code.co_qualname, args[0] if kind == "LINE" else None))

        monitoring.register_callback(tool, getattr(monitoring.events, kind), note)
        chosen |= getattr(monitoring.events, kind)
    codes = [function.__code__ for function in functions]
    for code in codes:
        monitoring.set_local_events(tool, code, chosen)
    if not codes:
        monitoring.set_events(tool, chosen)
    try:
        call()
    finally:
        monitoring.set_events(tool, 0)
        for kind in kinds:
            monitoring.register_callback(tool, getattr(monitoring.events, kind), None)
        monitoring.free_tool_id(tool)
    return events


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
@pytest.mark.parametrize("local", [False, True])
def test_monitoring_sees_the_same(sample: Callable[[], ModuleType], local: bool) -> None:
    """The same starts, resumptions, yields, returns, lines and calls are reported, if set per code object too."""
    kinds = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "LINE", "CALL")

    def observe(module: ModuleType) -> object:
        functions = (module.plain, module.handles, module.generates, module.everything) if local else ()
        events = monitored(module, kinds, functions, module.everything)
        assert len(events) > 50
        return events

    bare, woven = both(sample, observe)
    assert woven == bare


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_monitoring_sees_the_end_of_a_dropped_generator(sample: Callable[[], ModuleType]) -> None:
    """Where CPython hides the end of a suspended generator, it is reported with probes."""

    def observe(module: ModuleType) -> list[object]:
        return monitored(module, ("PY_START", "PY_YIELD", "PY_THROW", "PY_UNWIND", "LINE"), (), module.drops)

    ending: list[object] = [("PY_THROW", "generates", None), ("PY_UNWIND", "generates", None)]
    bare, woven = both(sample, observe)
    if HIDES_ENDS:
        assert without(woven, ending) == (without(bare, ending)[0], DROPS)
    else:
        assert woven == bare


def test_debugger_shows_the_same(sample: Callable[[], ModuleType]) -> None:
    """A session with pdb prints the same: steps, stacks, arguments, locals, returns, and where it stops.

    From 3.13 on a breakpoint at a function is told with the line of its `def`, and stops where it does otherwise.
    """
    commands = """
        break plain
        break fails
        continue
        args
        where
        next
        next
        p total
        return
        up
        p a
        continue
        return
        next
        clear 1
        continue
        where
        step
        step
        next
        step
        return
        next
        next
        next
        p repr(error)
        continue
    """

    above = (f"  {Path(__file__).parent}",)
    told = re.compile(r"(?:Breakpoint|Deleted breakpoint) \d+ at .*:(\d+)")

    def observe(module: ModuleType) -> tuple[list[int], list[str]]:
        text = io.StringIO("\n".join(line.strip() for line in commands.strip().splitlines()) + "\n")
        shown = io.StringIO()
        debugger = pdb.Pdb(stdin=text, stdout=shown, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        debugger.prompt = ""
        try:
            debugger.runcall(module.everything)
        finally:
            sys.settrace(None)
            bdb.Breakpoint.clearBreakpoints()
        output = shown.getvalue()
        assert "total = a + b" in output
        assert "KeyError: 'k'" in output
        assert "--Return--" in output
        lines = re.sub(r"0x[0-9a-f]+", "0x…", output).splitlines()
        points = [int(match[1]) for match in map(told.fullmatch, lines) if match]
        return points, [line for line in lines if not (line.startswith(above) or told.fullmatch(line))]

    bare, woven = both(sample, observe)
    assert woven[1] == bare[1]
    assert bare[0] == ([5, 27, 5] if sys.version_info >= (3, 13) else [4, 26, 4])
    assert woven[0] == [4, 26, 4]


def test_memory_is_attributed_to_the_same_lines(sample: Callable[[], ModuleType]) -> None:
    """What a function allocates and keeps is on the same lines, as many blocks of the same size.

    HogTrace's own memory shows in the function's file too, on line 0: its instructions have no line.
    """

    def observe(module: ModuleType) -> object:
        tracemalloc.start(5)
        try:
            kept = module.keeps(3)
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        assert len(kept) == 3
        chosen = snapshot.filter_traces([tracemalloc.Filter(True, _file(module))])
        return {
            (stat.traceback[0].lineno, stat.count, stat.size)
            for stat in chosen.statistics("lineno")
            if stat.traceback[0].lineno
        }

    bare, woven = both(sample, observe)
    assert woven == bare


def test_tools_together_do_not_disturb_the_results(sample: Callable[[], ModuleType]) -> None:
    """Under a tracer, a profiler and coroutines of a loop, the results are the same."""

    def observe(module: ModuleType) -> object:
        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            frame.f_trace_opcodes = True
            return trace

        sys.settrace(trace)
        sys.setprofile(lambda frame, event, arg: None)
        try:
            return module.everything(), module.drops(), asyncio.run(module.awaits(2))
        finally:
            sys.settrace(None)
            sys.setprofile(None)

    bare, woven = both(sample, observe)
    assert woven == bare
