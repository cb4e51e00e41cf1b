"""Probes at lines, through a real tracer: when they fire, what they see, and where they are refused."""

import asyncio
import copy
import importlib.util
import linecache
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

import hogtrace
from hogtrace._engine import LineHook, inert_line_hook
from hogtrace.exporters.memory import MemoryExporter
from hogtrace.tracer import Tracer
from hogtrace.types import ProbeStatus

SOURCE = '''
import asyncio
import contextlib
import functools


def plain(n, *rest, flag=False):
    """Add up."""
    total = 0
    for i in range(n):
        n = n + 1; total += i

    while total > 100:
        total -= 1
    late = (
        total,
        n,
    )
    if flag:
        # nothing here
        return late
    else:
        return None


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorate
@decorate
def decorated(
    a,
):
    a += 1
    return a


def cleaning(n):
    out = []
    for i in range(n):
        try:
            if i == 0:
                continue
            if i == 1:
                out[5]
        except IndexError:
            pass
        finally:
            out.append(i)
    return out


def outer(x):
    def inner(y):
        z = x + y
        return z

    class Inside:
        attribute = 1

    return inner


def one(a): return a + 1


def numbers(stop):
    for i in range(stop):
        got = yield i
        del got


async def wait(tag, turns):
    for i in range(turns):
        await asyncio.sleep(0)
    return tag


def forgets(a):
    b = a
    del a
    del b
    return 1


class Thing:
    def method(self):
        with contextlib.suppress(KeyError):
            self.field = 1
            {}["k"]
        return self.field
'''


class Bench:
    """A tracer with its exporter, and a module whose functions are probed."""

    def __init__(self, module: ModuleType) -> None:
        self.module: Any = module
        self.exporter = MemoryExporter()
        self.tracer = Tracer(exporter=self.exporter, max_overhead=None)

    def probe(self, text: str) -> hogtrace.Installation:
        """Install a program; `M.` in it stands for the module."""
        return self.tracer.install(hogtrace.compile(text.replace("fn:M.", f"fn:{self.module.__name__}.")))

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Give the point and the fields of each event since the last time."""
        assert self.tracer.flush(60)
        events = [(event.point, event.values) for event in self.exporter.events]
        self.exporter.events.clear()
        return events

    def status(self) -> ProbeStatus:
        """Give the status of the one probe."""
        (status,) = self.tracer.status().probes
        return status


def load(path: Path, name: str) -> ModuleType:
    """Import a file under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with the source."""
    path = tmp_path / "watched_lines.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def bench(path: Path) -> Iterator[Bench]:
    """Give a tracer that is stopped after the test."""
    made = Bench(load(path, "watched_lines"))
    with made.tracer:
        yield made
    del sys.modules["watched_lines"]


def test_what_is_seen_is_what_is_there_at_that_moment(bench: Bench) -> None:
    """Bare names are what they are now, arguments what they were; the stack begins at the line."""
    bench.probe("fn:M.plain:entry+6 { capture(n, args, arg0, kwargs, total, i, locals, stack=stack(1)); }")
    bench.module.plain(3, "more", flag=True)
    ((point, values),) = bench.events()
    line = bench.module.plain.__code__.co_firstlineno + 6
    assert point == "entry+6"
    assert values == {
        "n": 6,
        "args": (3, "more"),
        "arg0": 3,
        "kwargs": {"flag": True},
        "total": 3,
        "i": 2,
        "locals": {"n": 6, "rest": ("more",), "flag": True, "total": 3, "i": 2},
        "stack": [f"{bench.module.__file__}:{line} plain"],
    }
    assert "n kept alive" in (bench.status().reason or "")


def test_a_local_without_a_value_spoils_its_own_field_only(bench: Bench) -> None:
    """One that is not bound yet, and a parameter and a local that were deleted."""
    bench.probe("fn:M.plain:entry+2 { capture(n, late); } fn:M.forgets:entry+4 { capture(a, b, arg0); }")
    bench.module.plain(1)
    bench.module.forgets(7)
    assert bench.tracer.flush(60)
    first, second = bench.exporter.events
    assert first.values == {"n": 1, "late": None}
    assert [error["message"] for error in first.errors] == ['the local "late" has no value now']
    assert second.values == {"a": None, "b": None, "arg0": 7}
    assert [error["field"] for error in second.errors] == ["a", "b"]


def test_a_loop_fires_once_and_its_body_at_each_pass(bench: Bench) -> None:
    """The line of a `for` or a `while` is that of the whole statement; several statements on a line are one."""
    bench.probe(
        "fn:M.plain:entry+3 { capture(x='for'); } fn:M.plain:entry+4 { capture(i); }"
        "fn:M.plain:entry+6 { capture(x='while'); } fn:M.plain:entry+7 { capture(total); }"
    )
    bench.module.plain(15)
    assert bench.events() == [
        ("entry+3", {"x": "for"}),
        *(("entry+4", {"i": i}) for i in range(15)),
        ("entry+6", {"x": "while"}),
        *(("entry+7", {"total": total}) for total in range(105, 100, -1)),
    ]


def test_every_copy_of_a_finally_fires(bench: Bench) -> None:
    """Left by `continue`, by an exception that is caught, and by itself."""
    bench.probe("fn:M.cleaning:entry+11 { capture(i); } fn:M.cleaning:entry+7 { capture(x='out'); }")
    assert bench.module.cleaning(4) == [0, 1, 2, 3]
    assert [values for _, values in bench.events()] == [{"i": 0}, {"x": "out"}, {"i": 1}, {"i": 2}, {"i": 3}]


def test_all_points_of_a_call_share_its_variables(bench: Bench) -> None:
    """What the entry sets, lines read and set, and the exit reads; each call has its own."""
    bench.probe(
        "fn:M.wait:entry { $call.tag = tag; }"
        "fn:M.wait:entry+2 / $call.tag == tag / { $call.last = i; }"
        "fn:M.wait:exit { capture(retval, last=$call.last, i); }".replace("last=$call.last, i", "i, last=$call.last")
    )

    async def main() -> None:
        await asyncio.gather(*(bench.module.wait(tag, tag + 1) for tag in range(4)))

    asyncio.run(main())
    assert [values for _, values in bench.events()] == [{"retval": n, "i": n, "last": n} for n in range(4)]
    statuses = bench.tracer.status().probes
    assert [status.hits for status in statuses] == [4, 10, 4]
    assert [status.errors for status in statuses] == [0, 0, 0]


def test_variables_without_a_probe_at_the_entry_or_the_exit(bench: Bench) -> None:
    """A line remembers something for the next pass of the same call."""
    bench.probe("fn:M.numbers:entry+2 { capture(i, before=$call.seen); $call.seen = i; }")
    one, two = bench.module.numbers(3), bench.module.numbers(2)
    next(one), next(two), next(one), next(two), next(one)
    two.close()
    assert [values for _, values in bench.events()] == [
        {"i": 0, "before": None},
        {"i": 0, "before": None},
        {"i": 1, "before": 0},
        {"i": 1, "before": 0},
        {"i": 2, "before": 1},
    ]


def test_probes_of_one_line_fire_in_their_order(bench: Bench) -> None:
    """Two of one program, one of another tracer; when one goes, the others stay."""
    first = bench.probe("fn:M.one:entry+0 { capture(x=1); } fn:M.one:entry+0 { capture(x=2); }")
    with Tracer(exporter=bench.exporter, max_overhead=None) as other:
        other.install(hogtrace.compile("fn:watched_lines.one:entry+0 { capture(x=3); }"))
        assert bench.module.one(1) == 2
        assert other.flush(60)
        assert sorted(values["x"] for _, values in bench.events()) == [1, 2, 3]
        bench.tracer.uninstall(first)
        bench.module.one(1)
        assert other.flush(60)
        assert [values for _, values in bench.events()] == [{"x": 3}]


def test_removal_gives_back_the_identical_code(bench: Bench) -> None:
    """Whatever was there: lines alone, with the other points, in a nested function; a running call goes on silently."""
    functions = [bench.module.plain, bench.module.numbers, bench.module.outer]
    before = [function.__code__ for function in functions]
    bench.probe("fn:M.plain:entry+2 { } fn:M.plain:entry+3 { } fn:M.plain:exit { capture(arg0); }")
    bench.probe("fn:M.numbers:entry+2 { capture(i); } fn:M.outer.<locals>.inner:entry+1 { }")
    assert all(function.__code__ is not code for function, code in zip(functions, before, strict=True))
    running = bench.module.numbers(3)
    next(running), next(running)
    assert len(bench.events()) == 2
    bench.tracer.uninstall()
    assert [function.__code__ for function in functions] == before
    assert all(function.__code__ is code for function, code in zip(functions, before, strict=True))
    assert list(running) == [2]
    assert bench.events() == []


@pytest.mark.parametrize(
    ("point", "says"),
    [
        ("plain:entry+1", 'compiled to nothing ("""Add up."""); the nearest statement starts at entry+2 (total = 0)'),
        ("plain:entry+5", "no statement starts at entry+5 (a blank line); the nearest statements start at entry+4"),
        ("plain:entry+9", "(total,); the nearest statements start at entry+8 (late = () and entry+12 (if flag:)"),
        ("plain:entry+15", "no statement starts at entry+15 (else:)"),
        ("plain:entry+0", "no statement starts at entry+0 (def plain(n, *rest, flag=False):)"),
        ("plain:entry+17", "it has no line entry+17, and ends at entry+16; the nearest statement starts at entry+16"),
        ("outer:entry+2", "entry+2 is a line of the function 'inner' that is defined in it"),
        ("outer:entry+6", "entry+6 is a line of the class 'Inside' that is defined in it"),
    ],
)
def test_lines_on_which_nothing_starts_are_refused(bench: Bench, point: str, says: str) -> None:
    """The status says why, and which lines are near."""
    bench.probe(f"fn:M.{point} {{ }}")
    status = bench.status()
    assert status.state == "refused"
    assert (status.reason or "").startswith("watched_lines.")
    assert says in (status.reason or "")
    assert status.sites == 0


def test_decorators_do_not_count(bench: Bench) -> None:
    """Lines are counted from the `def`, and a `def` over several lines is as long as it is."""
    bench.probe("fn:M.decorated:entry+3 { capture(a); }")
    assert bench.module.decorated(1) == 2
    assert bench.events() == [("entry+3", {"a": 1})]


def test_functions_inside_of_functions_have_lines_of_their_own(bench: Bench) -> None:
    """The `def` is a statement of the outer one, its body's lines are the inner one's."""
    bench.probe("fn:M.outer:entry+1 { capture(x); } fn:M.outer.<locals>.inner:entry+2 { capture(x, y, z); }")
    assert bench.module.outer(1)(2) == 3
    assert bench.events() == [("entry+1", {"x": 1}), ("entry+2", {"x": 1, "y": 2, "z": 3})]


def test_methods_and_with_blocks(bench: Bench) -> None:
    """`self` is there; a `with` fires when it is reached and not when it is left."""
    bench.probe("fn:M.Thing.method:entry+1 { capture(type(self)); } fn:M.Thing.method:entry+3 { capture(self.field); }")
    bench.module.Thing().method()
    assert [list(values.values()) for _, values in bench.events()] == [["watched_lines.Thing"], [1]]


def test_a_wildcard_judges_each_function_for_itself(bench: Bench) -> None:
    """Where there is such a line it is probed, and of the others the status says why not."""
    bench.probe("fn:M.o*:entry+1 { }")
    status = bench.status()
    assert status.state == "installed"
    assert status.functions == ("watched_lines.outer",)
    assert "watched_lines.one: it has no line entry+1, and ends at entry+0" in (status.reason or "")


def test_a_target_that_comes_later(tmp_path: Path) -> None:
    """A probe at a line waits for the import like any other."""
    path = tmp_path / "lines_to_come.py"
    path.write_text("def late(a):\n    b = a\n    return b\n")
    exporter = MemoryExporter()
    sys.path.insert(0, str(tmp_path))
    try:
        with Tracer(exporter=exporter, max_overhead=None) as tracer:
            tracer.install(hogtrace.compile("fn:lines_to_come.late:entry+2 { capture(b); }"))
            assert tracer.status().probes[0].state == "pending"
            importlib.import_module("lines_to_come").late(5)
            assert tracer.flush(60)
            assert [event.values for event in exporter.events] == [{"b": 5}]
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("lines_to_come", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def plain(n", "\ndef plain(n"),
        ("total = 0", "total = 0\n    total += 0"),
        ("    late = (\n", "    late = \\\n(\n"),
        ("total -= 1", "total  -= 1"),
        ("total = 0", "count = 0"),
        ("def plain(n, ", "def plain(m, "),
        ("    total = 0", "  total ="),
    ],
)
def test_a_source_that_has_changed_is_refused(bench: Bench, path: Path, old: str, new: str) -> None:
    """An edit that moves or renames anything of the function shows, and nothing is probed at a wrong place."""
    path.write_text(SOURCE.replace(old, new, 1))
    bench.probe("fn:M.plain:entry+3 { }")
    status = bench.status()
    assert status.state == "refused"
    assert "has changed since it was imported" in (status.reason or "") or "can parse" in (status.reason or "")


def test_an_edit_elsewhere_in_the_file_does_no_harm(bench: Bench, path: Path) -> None:
    """What stands below the function may be anything that can be parsed; a probe that sits stays."""
    installation = bench.probe("fn:M.plain:entry+2 { }")
    path.write_text(SOURCE.replace("def one(a): return a + 1", "def one(b):\n    return b"))
    bench.probe("fn:M.plain:entry+3 { } fn:M.plain:exit { }")
    assert {status.state for status in bench.tracer.status().probes} == {"installed"}
    bench.module.plain(1)
    path.write_text("nonsense (")
    bench.tracer.uninstall(installation)
    bench.module.plain(1)
    assert [status.hits for status in bench.tracer.status().probes] == [2, 2]


def test_without_a_source_lines_are_those_of_the_code(bench: Bench, path: Path) -> None:
    """N counts from the first line that the code names, decorators included, and the status says so."""
    path.unlink()
    linecache.clearcache()
    bench.probe("fn:M.decorated:entry+5 { capture(a); }")
    status = bench.status()
    assert status.state == "installed"
    assert status.warnings == (
        "watched_lines.decorated: its source cannot be found, and lines are counted from the first one of its code",
    )
    bench.module.decorated(1)
    assert bench.events() == [("entry+5", {"a": 1})]
    bench.tracer.uninstall()
    bench.probe("fn:M.plain:entry+4 { } fn:M.plain:entry+8 { } fn:M.plain:entry+11 { }")
    bench.module.plain(3)
    assert [status.hits for status in bench.tracer.status().probes] == [3, 0, 0]
    states = [(status.state, status.reason or "") for status in bench.tracer.status().probes]
    assert states[1][0] == "refused"
    assert "nothing starts at entry+8" in states[1][1]
    assert "entry+9" in states[1][1]


def test_text_that_linecache_was_given_is_a_source() -> None:
    """As notebooks and doctests give theirs."""
    source = "def given(a):\n\n    b = a\n    return b\n"
    linecache.cache["<given>"] = (len(source), None, source.splitlines(keepends=True), "<given>")
    module: Any = ModuleType("given_text")
    exec(compile(source, "<given>", "exec"), module.__dict__)  # noqa: S102
    sys.modules["given_text"] = module
    exporter = MemoryExporter()
    try:
        with Tracer(exporter=exporter, max_overhead=None) as tracer:
            tracer.install(
                hogtrace.compile("fn:given_text.given:entry+3 { capture(b); } fn:given_text.given:entry+1 { }")
            )
            module.given(4)
            states = [status.state for status in tracer.status().probes]
            assert tracer.flush(60)
    finally:
        del linecache.cache["<given>"], sys.modules["given_text"]
    assert states == ["installed", "refused"]
    assert [event.values for event in exporter.events] == [{"b": 4}]


def test_looking_for_lines_runs_no_code(tmp_path: Path) -> None:
    """Neither a loader nor a hook for warnings is called, though the source has what the parser warns of."""
    source = r"""
def odd(a):
    b = '\d', b'\d', f'{a}\d', r'\N{a}', '\N{DASH}' if 0 else 1
    return b
""".replace("DASH", "EN DASH")
    path = tmp_path / "odd_source.py"
    path.write_text(source)
    touched: list[object] = []

    class Loader:
        def __getattribute__(self, name: str) -> Any:
            touched.append(name)
            raise AttributeError(name)

    import warnings

    module: Any = ModuleType("odd_source")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102
    module.__loader__ = Loader()
    sys.modules["odd_source"] = module
    touched.clear()
    try:
        with warnings.catch_warnings(), Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
            warnings.simplefilter("error")
            warnings.showwarning = lambda *args: touched.append(args)
            tracer.install(hogtrace.compile("fn:odd_source.odd:entry+2 { }"))
            assert tracer.status().probes[0].state == "installed"
    finally:
        del sys.modules["odd_source"]
    assert touched == []


def test_one_call_draws_once_for_all_its_lines(bench: Bench) -> None:
    """Outside a request all passes, all lines and the exit of a call are seen, or none."""
    bench.probe(
        "fn:M.plain:entry+4 { sample 50%; capture(i); } fn:M.plain:entry+6 { sample 50%; capture(x='w'); }"
        "fn:M.plain:exit { sample 50%; capture(x='e'); } fn:M.plain:entry { sample 50%; capture(x='b'); }"
    )
    seen = set()
    for _ in range(60):
        bench.module.plain(4)
        seen.add(len(bench.events()))
    assert seen == {0, 7}


def test_lines_alone_draw_once_in_a_call(bench: Bench) -> None:
    """The same without a probe at the entry or the exit."""
    bench.probe("fn:M.plain:entry+4 { sample 50%; capture(i); }")
    seen = set()
    for _ in range(60):
        bench.module.plain(4)
        seen.add(len(bench.events()))
    assert seen == {0, 4}


def test_lines_in_a_request_share_its_variables(bench: Bench) -> None:
    """`$req` is the one of the request that is served."""
    bench.probe("fn:M.plain:entry+4 { $req.last = i; } fn:M.plain:exit { capture(last=$req.last); }")
    with hogtrace.request_scope():
        bench.module.plain(3)
    assert bench.events() == [("exit", {"last": 2})]


def test_what_the_application_sees(bench: Bench) -> None:
    """An exception's traceback, lines and context are as they were, with a probe on the line that raises."""

    def failing() -> tuple[object, ...]:
        with pytest.raises(IndexError) as caught:
            bench.module.cleaning.__wrapped__(2)
        entries = [(entry.name, entry.lineno) for entry in caught.traceback]
        return (*entries, caught.value.__context__, str(caught.value))

    def raw(n: int) -> list[int]:
        out: list[int] = []
        for i in range(n):
            out[i]
        return out

    bench.module.cleaning.__wrapped__ = raw
    bench.module.raw = raw
    bare = failing()
    bench.probe("fn:M.raw:entry+1 { } fn:M.raw:entry+2 { } fn:M.raw:entry+3 { capture(out, i); }")
    assert {status.state for status in bench.tracer.status().probes} == {"installed"}
    assert failing() == bare
    assert bench.events() == [("entry+3", {"out": [], "i": 0})]


def test_hooks_of_lines_are_copied_as_hooks_that_do_nothing(bench: Bench) -> None:
    """For picklers that take code by value."""
    bench.probe("fn:M.one:entry+0 { capture(a); }")
    code: CodeType = bench.module.one.__code__
    (hook,) = [constant for constant in code.co_consts if type(constant) is LineHook]
    for made in (pickle.loads(pickle.dumps(hook)), copy.copy(hook), inert_line_hook()):  # noqa: S301
        assert type(made) is LineHook
        twin: Callable[[int], int] = type(bench.module.one)(
            code.replace(co_consts=tuple(made if one is hook else one for one in code.co_consts)), {}
        )
        assert twin(1) == 2
    assert bench.events() == []
