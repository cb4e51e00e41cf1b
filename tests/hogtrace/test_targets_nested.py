"""Functions inside of functions: which code a target names, and probes in it wherever it runs."""

import asyncio
import gc
import importlib
import inspect
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import hogtrace
from hogtrace import Tracer, _state
from hogtrace.exporters import MemoryExporter
from hogtrace.targets import Found, Target
from tests.hogtrace.leftovers import made_code

FACTORY = """
import functools


def make(n):
    def inner(x):
        def deep(y):
            return x + y + n
        return deep

    class Local:
        def method(self, z):
            return z * n

        @property
        def size(self):
            return n

    double = lambda q: q * 2
    more = [lambda w: w + i for i in range(2)]
    gen = (lambda g: g for _ in range(1))
    return inner, Local, double, more, gen


def bare():
    return 1


def branches(flag):
    if flag:
        def chosen():
            return "yes"
    else:
        def chosen():
            return "no"
    return chosen


def tail():
    async def fetch(key):
        return key

    def numbers(stop):
        yield from range(stop)

    return fetch, numbers


def loud(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


@loud
def shouted(a):
    return a


class Factory:
    def build(self):
        def built(b):
            return b
        return built


before = make(10)
early = shouted
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make a module `nesting`, and see that its functions are as they were at the end."""
    (tmp_path / "nesting.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("nesting")
    codes = {name: value.__code__ for name, value in vars(module).items() if isinstance(value, FunctionType)}
    yield module
    for name, code in codes.items():
        assert getattr(module, name).__code__ is code
    assert (_state.nested, made_code(tmp_path / "nesting.py")) == ({}, [])
    del sys.modules["nesting"]


@pytest.fixture
def exporter() -> MemoryExporter:
    """Give what events go to."""
    return MemoryExporter()


@pytest.fixture
def tracer(factory: ModuleType, exporter: MemoryExporter) -> Iterator[Tracer]:
    """Give a tracer that is stopped before the functions are compared."""
    assert factory
    with Tracer(exporter=exporter, max_overhead=None) as made:
        yield made


def install(tracer: Tracer, text: str) -> hogtrace.Installation:
    """Install a program; `N.` in it stands for the module."""
    return tracer.install(hogtrace.compile(text.replace("N.", "nesting.")))


def values(tracer: Tracer, exporter: MemoryExporter) -> list[dict[str, Any]]:
    """Give the fields of all that was captured so far."""
    assert tracer.flush(60)
    return [event.values for event in exporter.events]


def find(text: str) -> Found:
    """Look for a target."""
    return Target.parse(f"nesting.{text}").find()


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("make.<locals>.inner", ["make.<locals>.inner"]),
        ("make.<locals>.inner.<locals>.deep", ["make.<locals>.inner.<locals>.deep"]),
        ("make.<locals>.Local.method", ["make.<locals>.Local.method"]),
        ("make.<locals>.Local.*", ["make.<locals>.Local.method", "make.<locals>.Local.size"]),
        ("make.<locals>.<lambda>", ["make.<locals>.<lambda>"] * 3),
        ("make.<locals>.*", ["make.<locals>.inner"]),
        ("branches.<locals>.chosen", ["branches.<locals>.chosen"] * 2),
        ("Factory.build.<locals>.built", ["Factory.build.<locals>.built"]),
        (
            "*.<locals>.*",
            [
                "make.<locals>.inner",
                "branches.<locals>.chosen",
                "branches.<locals>.chosen",
                "tail.<locals>.fetch",
                "tail.<locals>.numbers",
                "loud.<locals>.wrapper",
            ],
        ),
        ("**.<locals>.built", ["Factory.build.<locals>.built"]),
        ("*.<locals>.**.method", ["make.<locals>.Local.method"]),
    ],
)
@pytest.mark.usefixtures("factory")
def test_what_a_target_names_inside_of_functions(target: str, names: list[str]) -> None:
    """The code of functions, not of classes and comprehensions; a star matches nothing in angle brackets."""
    found = find(target)
    assert [match.qualname for match in found.functions] == names
    for match in found.functions:
        assert match.code.co_name == match.qualname.rpartition(".")[2]
    assert len({id(match.code) for match in found.functions}) == len(names)


@pytest.mark.usefixtures("factory")
def test_stars_do_not_look_inside_of_functions() -> None:
    """Without `<locals>` in the target nothing there is selected."""
    assert not [match for match in find("**").functions if "<" in match.qualname]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("make.<locals>.Local", "make.<locals>.Local is a class; name one of its functions: Local.method, Local.size"),
        ("make.<locals>.iner", "make defines no 'iner' inside of it (did you mean 'inner'?)"),
        ("bare.<locals>.x", "bare defines no function inside of it"),
        (
            "make.<locals>.inner.deep",
            "make.<locals>.inner is a function; what is defined in it is nesting.make.<locals>.inner.<locals>.deep",
        ),
    ],
)
@pytest.mark.usefixtures("factory")
def test_what_is_not_there_is_refused(target: str, reason: str) -> None:
    """The code of a function says what it defines."""
    assert find(target) == Found([], refused=f"nesting.{reason}")


def test_closures_made_from_now_on_and_those_that_exist(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """Both fire, with their free variables, and only the named function does."""
    install(tracer, "fn:N.make.<locals>.inner:entry { capture(x, n); }")
    factory.before[0](1)(2)
    after = factory.make(20)
    after[0](3)(4)
    after[1]().method(5)
    assert values(tracer, exporter) == [{"x": 1, "n": 10}, {"x": 3, "n": 20}]
    assert {event.function for event in exporter.events} == {"nesting.make.<locals>.inner"}
    (status,) = tracer.status().probes
    assert (status.state, status.sites) == ("installed", 1)
    assert status.functions == ("nesting.make.<locals>.inner:6 (seen in 1 function)",)


@pytest.mark.parametrize(
    ("probe", "use", "captured"),
    [
        ("inner.<locals>.deep:exit { capture(retval); }", lambda made: made[0](1)(2), {"retval": 13}),
        ("Local.method:exit { capture(z, self=type(self)); }", lambda made: made[1]().method(2), {"z": 2}),
        ("Local.size:exit { capture(retval); }", lambda made: made[1]().size, {"retval": 10}),
        ("<lambda>:entry { capture(q); }", lambda made: made[2](7), {"q": 7}),
        ("<lambda>:exit { capture(retval, i); }", lambda made: made[3][1](7), {"retval": 8, "i": 1}),
        ("<lambda>:entry { capture(g); }", lambda made: next(made[4])(3), {"g": 3}),
    ],
)
def test_every_kind_of_nested_function(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter, probe: str, use: Any, captured: dict[str, Any]
) -> None:
    """Several levels down, methods and properties of local classes, lambdas, in comprehensions too."""
    install(tracer, f"fn:N.make.<locals>.{probe}")
    use(factory.make(10))
    (found,) = values(tracer, exporter)
    assert found.items() >= captured.items()
    if "capture(g)" not in probe:
        # What a suspended generator defines, it defines from the code that it began with.
        use(factory.before)
        assert len(values(tracer, exporter)) == 2


def test_coroutines_and_generators_inside(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """They stay what they are."""
    install(tracer, "fn:N.tail.<locals>.*:exit { capture(done=type(exception)); }")
    fetch, numbers = factory.tail()
    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(fetch("k")) == "k"
    assert list(numbers(2)) == [0, 1]
    assert values(tracer, exporter) == [{"done": "NoneType"}] * 2


def test_the_wrappers_of_a_decorator(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """A decorator's wrapper has a name, too; what it wraps is another target."""
    install(tracer, "fn:N.loud.<locals>.wrapper:entry { capture(w=args); } fn:N.shouted:entry { capture(f=a); }")
    factory.early(1)
    factory.loud(factory.bare)()
    assert values(tracer, exporter) == [{"w": (1,)}, {"f": 1}, {"w": ()}]


def test_removal_gives_every_function_its_identical_code_back(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """The enclosing one, closures that were there, and closures that were made while it was probed."""
    inner = factory.before[0].__code__
    deep = next(one for one in inner.co_consts if inspect.iscode(one))
    installed = install(
        tracer, "fn:N.make.<locals>.inner.<locals>.deep:entry { capture(y); } fn:N.make:entry { capture(n); }"
    )
    made = factory.make(1)
    below = made[0](2)
    below(3)
    assert below.__code__ is not deep
    tracer.uninstall(installed)
    assert made[0].__code__ is inner
    assert below.__code__ is deep
    assert factory.make(1)[0].__code__ is inner
    below(4)
    assert values(tracer, exporter) == [{"n": 1}, {"y": 3}]


def test_removal_is_immediate_in_calls_that_run(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """A suspended generator keeps its code to the end, and its probe is silent."""
    installed = install(tracer, "fn:N.tail.<locals>.numbers:exit { capture(stop); }")
    running = factory.tail()[1](2)
    next(running)
    tracer.uninstall(installed)
    assert list(running) == [1]
    assert values(tracer, exporter) == []


def test_probes_on_the_enclosing_and_the_nested_function_come_and_go_alone(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """In any order, and each leaves the others."""
    original = factory.make.__code__
    texts = [
        "fn:N.make:exit { capture(make=n); }",
        "fn:N.make.<locals>.inner:exit { capture(inner=x); }",
        "fn:N.make.<locals>.inner.<locals>.deep:exit { capture(deep=y); }",
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        installed = {number: install(tracer, texts[number]) for number in order}
        for gone in (*order, None):
            exporter.clear()
            factory.make(1)[0](2)(3)
            names = [name for value in values(tracer, exporter) for name in value]
            assert names == [["make", "inner", "deep"][number] for number in sorted(installed)]
            if gone is not None:
                tracer.uninstall(installed.pop(gone))
        assert factory.make.__code__ is original


def test_a_closure_that_is_named_itself_carries_both(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """One target names the one function, another the code: they fire in the order of installation."""
    factory.only = factory.before[0]
    one = install(tracer, "fn:N.only:entry { capture(first=x); }")
    all_ = install(tracer, "fn:N.make.<locals>.inner:entry { capture(second=x); }")
    install(tracer, "fn:N.only:entry { capture(third=x); }")
    factory.only(1)
    factory.make(1)[0](2)
    assert values(tracer, exporter) == [{"first": 1}, {"second": 1}, {"third": 1}, {"second": 2}]
    exporter.clear()
    tracer.uninstall(all_)
    factory.only(3)
    tracer.uninstall(one)
    factory.only(4)
    assert values(tracer, exporter) == [{"first": 3}, {"third": 3}, {"third": 4}]


def test_a_closure_that_was_made_of_probed_code_can_be_probed_itself(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """It is not woven twice, and what it encloses is found."""
    code = install(tracer, "fn:N.make.<locals>.inner:entry { capture(code=x); }")
    factory.later = factory.make(1)[0]
    install(tracer, "fn:N.later:entry { capture(own=x); } fn:N.later.<locals>.deep:entry { capture(deep=y); }")
    factory.later(1)(2)
    assert values(tracer, exporter) == [{"code": 1}, {"own": 1}, {"deep": 2}]
    exporter.clear()
    tracer.uninstall(code)
    factory.later(1)(2)
    assert values(tracer, exporter) == [{"own": 1}, {"deep": 2}]
    tracer.uninstall()
    assert factory.later.__code__ is factory.before[0].__code__


def test_two_tracers_share_nested_code(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """Each one's removal leaves the other's probes."""
    other = MemoryExporter()
    install(tracer, "fn:N.make.<locals>.inner:entry { capture(a=x); }")
    with Tracer(exporter=other, max_overhead=None) as second:
        install(second, "fn:N.make.<locals>.inner:entry { capture(b=x); }")
        made = factory.make(1)[0]
        made(1)
        tracer.uninstall()
        made(2)
        assert (values(tracer, exporter), values(second, other)) == ([{"a": 1}], [{"b": 1}, {"b": 2}])
    assert made.__code__ is factory.before[0].__code__


def test_many_nested_functions_at_once(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """A wildcard is one change, and finds the functions that exist by another way."""
    source = "".join(f"def f{number}():\n    def g(a):\n        return a\n    return g\n" for number in range(40))
    exec(source, vars(factory))  # noqa: S102 - our own text
    made = [vars(factory)[f"f{number}"]() for number in range(40)]
    codes = [one.__code__ for one in made]
    install(tracer, "fn:N.*.<locals>.g:entry { capture(a); }")
    for number, one in enumerate(made):
        one(number)
    assert [value["a"] for value in values(tracer, exporter)] == list(range(40))
    (status,) = tracer.status().probes
    assert status.sites == 40
    tracer.uninstall()
    assert [one.__code__ for one in made] == codes


def test_a_module_that_is_not_imported_yet(tmp_path: Path, tracer: Tracer, exporter: MemoryExporter) -> None:
    """A nested function waits as any other does."""
    (tmp_path / "nesting_late.py").write_text(FACTORY)
    install(tracer, "fn:nesting_late.make.<locals>.inner:entry { capture(x); }")
    assert tracer.status().probes[0].state == "pending"
    late = importlib.import_module("nesting_late")
    try:
        late.make(1)[0](2)
        late.before[0](3)
        assert values(tracer, exporter) == [{"x": 2}, {"x": 3}]
    finally:
        tracer.uninstall()
        del sys.modules["nesting_late"]


def test_a_reload_is_followed(factory: ModuleType, tracer: Tracer, exporter: MemoryExporter) -> None:
    """The new function's code is probed, and closures of the old one still are."""
    install(tracer, "fn:N.make.<locals>.inner:entry { capture(x); }")
    old = factory.make(1)[0]
    kept = {name: value for name, value in vars(factory).items() if isinstance(value, FunctionType)}
    importlib.reload(factory)
    factory.make(1)[0](1)
    old(2)
    assert values(tracer, exporter) == [{"x": 1}, {"x": 2}]
    (status,) = tracer.status().probes
    assert status.sites == 2
    del old
    tracer.uninstall()
    vars(factory).update(kept)


def test_nothing_is_kept_alive(tracer: Tracer) -> None:
    """Neither the enclosing function nor its closures, and what is left of them goes at the next look."""
    module = ModuleType("nesting_gone")
    exec(FACTORY, vars(module))  # noqa: S102 - our own text
    sys.modules[module.__name__] = module
    install(tracer, "fn:nesting_gone.make.<locals>.inner:exit { capture(x, duration); }")
    assert tracer.status().probes[0].sites == 1
    references = [weakref.ref(module.make), weakref.ref(module.before[0])]
    del sys.modules[module.__name__], module
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    (status,) = tracer.status().probes
    assert (status.state, status.sites) == ("pending", 0)
    assert _state.nested == {}


def test_what_was_frozen_is_not_found_and_the_status_says_so(
    factory: ModuleType, tracer: Tracer, exporter: MemoryExporter
) -> None:
    """After `gc.freeze()` the collector does not show what existed; later closures are probed all the same."""
    gc.freeze()
    try:
        install(tracer, "fn:N.make.<locals>.inner:entry { capture(x); }")
        factory.before[0](1)
        factory.make(1)[0](2)
        assert values(tracer, exporter) == [{"x": 2}]
        assert any("gc.freeze()" in warning for warning in tracer.status().probes[0].warnings)
        tracer.uninstall()
    finally:
        gc.unfreeze()
    gc.collect()


def test_an_argument_that_the_nested_function_does_not_have(tracer: Tracer) -> None:
    """Its real signature is looked at when it is bound, before it is called."""
    install(tracer, "fn:N.make.<locals>.inner:entry { capture(arg3, n, xs); }")
    assert tracer.status().probes[0].warnings == (
        "make.<locals>.inner has no arg3: it takes 1 positional parameter, the last is arg0 ('x')",
        "make.<locals>.inner has no variable 'xs', and its module has none either; did you mean 'x'?",
    )
