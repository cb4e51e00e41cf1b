"""Which functions a target selects, and what is said of those that it cannot."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hogtrace.targets import Found, Target

MODELS = """
import functools
from .tools import imported, traced

touched = []


class Meta(type):
    def __getattribute__(cls, name):
        touched.append(name)
        return super().__getattribute__(name)


class Base:
    def inherited(self):
        return 1

    def overridden(self):
        return 1


class Order(Base, metaclass=Meta):
    def __init__(self, items):
        self.items = items

    def __getattr__(self, name):
        touched.append(name)
        raise AttributeError(name)

    def place(self):
        return len(self.items)

    @staticmethod
    def static():
        return 1

    @classmethod
    def build(cls):
        return cls([])

    @property
    def total(self):
        return 1

    @functools.cached_property
    def heavy(self):
        return 2

    @traced
    def traced_method(self):
        return 3

    @functools.lru_cache
    def cached(self):
        return 4

    partial_method = functools.partialmethod(place)

    def __private(self):
        return 5

    def overridden(self):
        return 2

    class Line:
        def price(self):
            return 1

    alias = place


def place(order):
    def inner():
        return order
    return inner


@traced
@functools.lru_cache
@traced
def decorated():
    return 1


@functools.wraps(place)
def pretender():
    return 2


def make():
    def made():
        return 3
    return made


made = make()
also_place = place
lam = lambda: 1
half = functools.partial(place, 1)


@functools.singledispatch
def dispatched(x):
    return 1


class Callable:
    def __call__(self):
        return 1


handler = Callable()
bound = Order([]).place
number = 1
builtin = len


class Trap:
    @property
    def __wrapped__(self):
        touched.append("__wrapped__")

    @property
    def __dict__(self):
        touched.append("__dict__")

    @property
    def __class__(self):
        touched.append("__class__")


trap = Trap()
touched.clear()
"""
TOOLS = """
import functools


def imported():
    return 1


def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


def create_one():
    pass


def create_two():
    pass
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make a package `shopping` with modules `models`, `tools` and, not imported, `late`."""
    package = tmp_path / "shopping"
    package.mkdir()
    (package / "__init__.py").write_text("def top():\n    return 1\n")
    (package / "models.py").write_text(MODELS)
    (package / "tools.py").write_text(TOOLS)
    (package / "late.py").write_text("def create_late():\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("shopping.models")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shopping"]:
        del sys.modules[name]


def find(text: str, limit: int | None = None) -> Found:
    """Look for a target."""
    return Target.parse(text).find(limit)


def names(found: Found) -> list[str]:
    """Give the full names of what was found."""
    return [f"{match.module}.{match.qualname}" for match in found.functions]


@pytest.mark.parametrize(
    "text",
    [
        "a.b",
        "a.b.C.m",
        "a.*.f",
        "a.**",
        "**",
        "a.create_*",
        "a.f.<locals>.g",
        "a.f.<locals>.<lambda>",
        "a.f.<locals>.C.m.<locals>.g",
        "été.f",
    ],
)
def test_targets_are_read(text: str) -> None:
    """A target's text is its segments."""
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.",
        ".a",
        "a..b",
        "a.b-c",
        "a.b c",
        "a.***",
        "a.x**",
        "*",
        "a.1b",
        "a.<locals>",
        "<locals>.a",
        "a.<lambda>",
        "a.<lambda>.<locals>.b",
        "a.f.<locals>.<locals>.g",
        "a.f.<locals>.<listcomp>",
    ],
)
def test_what_is_no_target_is_an_error(text: str) -> None:
    """The error quotes the text."""
    with pytest.raises(ValueError, match="is not a target") as caught:
        Target.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("target", "function"),
    [
        ("place", lambda m: m.place),
        ("Order.place", lambda m: m.Order.place),
        ("Order.__init__", lambda m: m.Order.__init__),
        ("Order.static", lambda m: m.Order.static),
        ("Order.build", lambda m: m.Order.build.__func__),
        ("Order.total", lambda m: vars(m.Order)["total"].fget),
        ("Order.heavy", lambda m: vars(m.Order)["heavy"].func),
        ("Order.traced_method", lambda m: m.Order.traced_method.__wrapped__),
        ("Order.cached", lambda m: m.Order.cached.__wrapped__),
        ("Order.partial_method", lambda m: m.Order.place),
        ("Order.__private", lambda m: m.Order._Order__private),
        ("Order.overridden", lambda m: m.Order.overridden),
        ("Order.Line.price", lambda m: m.Order.Line.price),
        ("Order.alias", lambda m: m.Order.place),
        ("decorated", lambda m: m.decorated.__wrapped__.__wrapped__.__wrapped__),
        ("pretender", lambda m: m.pretender),
        ("also_place", lambda m: m.place),
        ("made", lambda m: m.made),
        ("lam", lambda m: m.lam),
        ("half", lambda m: m.place),
        ("dispatched", lambda m: m.dispatched.__wrapped__),
        ("bound", lambda m: m.Order.place),
        ("imported", lambda m: m.imported),
    ],
)
def test_a_name_leads_to_the_function_whose_code_runs(
    shop: ModuleType, target: str, function: Callable[[ModuleType], object]
) -> None:
    """Past descriptors, decorators and partials, under the name that was asked for."""
    found = find(f"shopping.models.{target}")
    assert [match.function for match in found.functions] == [function(shop)]
    assert names(found) == [f"shopping.models.{target}"]
    assert found.waiting is None
    assert found.refused is None


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (
            "Order",
            "is a class; name one of its functions, such as shopping.models.Order.__init__ or shopping.",
        ),
        ("Order.Line", "is a class"),
        ("builtin", "is implemented in C"),
        ("number", "is an int object, not a function"),
        ("handler", "calling it runs shopping.models.Callable.__call__"),
        ("Order.inherited", "inherits 'inherited'; its code is shopping.models.Base.inherited"),
        ("Callable.__init__", "inherits '__init__'; its code is object.__init__"),
        ("number.real", "which has no functions of its own"),
        ("place.inner", "is a function; what is defined in it is shopping.models.place.<locals>.inner"),
        ("place.<locals>.iner", "defines no 'iner' inside of it (did you mean 'inner'?)"),
        ("also_place.<locals>.zzz", "defines no 'zzz' inside of it: inner"),
        ("dispatched.<locals>.f", "defines no function inside of it"),
        ("Order.total.setter", "is a property; its functions are shopping.models.Order.total.fget"),
        ("Order.total.fset", "the property shopping.models.Order.total has no setter"),
        ("Order.total.fget.x", "is one function of a property"),
        ("functools", "is a module; name one of its functions"),
        ("functools.reduce", "is implemented in C"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_cannot_be_probed_is_refused_with_a_reason(target: str, reason: str) -> None:
    """The reason says what to write instead, where there is something."""
    found = find(f"shopping.models.{target}")
    assert found.functions == []
    assert found.refused is not None
    assert reason in found.refused


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere.f", "module nowhere is not imported yet"),
        ("nowhere.sub.C.m", "module nowhere.sub is not imported yet"),
        ("shopping.late.create_late", "module shopping.late is not imported yet"),
        ("shopping.models.plce", "shopping.models has no 'plce' (did you mean 'place'?)"),
        ("shopping.models.Order.plaice", "shopping.models.Order has no 'plaice' (did you mean 'place'?)"),
        ("shopping.models.zzz", "shopping.models has no 'zzz'"),
        ("shopping.model.place", "shopping has no 'model' (did you mean 'models'?)"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_is_not_there_is_waited_for(target: str, reason: str) -> None:
    """A missing module or name may still come; a likely misspelling is pointed out."""
    found = find(target)
    assert found.functions == []
    assert found.refused is None
    assert found.waiting == reason


@pytest.mark.usefixtures("shop")
def test_looking_does_not_import() -> None:
    """A module that is not imported stays so."""
    before = set(sys.modules)
    find("shopping.late.create_late")
    find("shopping.**")
    assert set(sys.modules) == before


def test_looking_runs_no_code_of_the_application(shop: ModuleType) -> None:
    """No metaclass, property or __getattr__ is asked."""
    for name in (
        "Order.place",
        "Order.total",
        "Order.__private",
        "Order.nothing",
        "trap",
        "trap.x",
        "handler",
        "Trap.__wrapped__",
        "Order",
    ):
        find(f"shopping.models.{name}")
    find("shopping.**")
    assert shop.touched == []


def test_a_module_that_replaced_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object in sys.modules that is no module is not looked into."""

    class Fake:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "faked", Fake())
    assert "what stands for module faked is a tests.hogtrace.test_targets." in str(find("faked.f").waiting)
    assert find("faked.*").functions == []


def test_a_module_that_is_being_imported_is_waited_for(shop: ModuleType) -> None:
    """What is not there may come before the import ends."""
    assert shop.__spec__ is not None
    shop.__spec__._initializing = True  # type: ignore[attr-defined]
    assert find("shopping.models.later").waiting == "module shopping.models is still being imported"
    assert names(find("shopping.models.place")) == ["shopping.models.place"]


@pytest.mark.usefixtures("shop")
def test_a_lazily_imported_module_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has not run yet is not run by looking."""
    spec = importlib.util.find_spec("shopping.late")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "shopping.late", module)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert find("shopping.late.create_late").waiting == "module shopping.late is not imported yet"
    assert names(find("shopping.late.*")) == []
    assert module.create_late() is None
    assert names(find("shopping.late.create_late")) == ["shopping.late.create_late"]


@pytest.mark.usefixtures("shop")
def test_a_star_selects_the_functions_that_a_module_defines() -> None:
    """Not those that it imported, no lambdas, no closures; each once."""
    assert names(find("shopping.models.*")) == [
        "shopping.models.place",
        "shopping.models.decorated",
        "shopping.models.pretender",
        "shopping.models.make",
        "shopping.models.dispatched",
    ]


@pytest.mark.usefixtures("shop")
def test_a_star_selects_the_methods_of_a_class() -> None:
    """Those that it defines itself."""
    assert names(find("shopping.models.Order.*")) == [
        f"shopping.models.Order.{name}"
        for name in (
            "__init__",
            "__getattr__",
            "place",
            "static",
            "build",
            "total",
            "heavy",
            "traced_method",
            "cached",
            "_Order__private",
            "overridden",
        )
    ]


@pytest.mark.usefixtures("shop")
def test_a_star_in_the_middle_and_in_a_name() -> None:
    """A star matches inside one segment."""
    assert names(find("shopping.*.create_*")) == [
        "shopping.tools.create_one",
        "shopping.tools.create_two",
    ]
    assert names(find("shopping.*s.create_t*")) == ["shopping.tools.create_two"]
    assert names(find("shop*.models.*.price")) == []
    assert names(find("shop*.models.*.*.price")) == ["shopping.models.Order.Line.price"]


@pytest.mark.usefixtures("shop")
def test_two_stars_select_everything_below() -> None:
    """Functions and methods, at any depth."""
    everything = names(find("shopping.**"))
    assert "shopping.top" in everything
    assert "shopping.models.Order.Line.price" in everything
    assert "shopping.tools.create_one" in everything
    assert names(find("shopping.**.price")) == ["shopping.models.Order.Line.price"]
    assert names(find("shopping.**.top")) == ["shopping.top"]
    assert len(everything) == len(set(everything))


@pytest.mark.usefixtures("shop")
def test_a_wildcard_goes_on_waiting() -> None:
    """More modules may come."""
    assert find("shopping.*.create_*").waiting == "waits for more modules to be imported"
    assert find("nowhere.**").waiting == "no function that is imported so far is selected by nowhere.**"
    importlib.import_module("shopping.late")
    assert "shopping.late.create_late" in names(find("shopping.*.create_*"))


@pytest.mark.usefixtures("shop")
def test_above_the_limit_a_wildcard_selects_nothing() -> None:
    """The reason tells both numbers."""
    count = len(find("shopping.**").functions)
    assert len(find("shopping.**", count).functions) == count
    found = find("shopping.**", count - 1)
    assert found.functions == []
    assert found.refused == f"shopping.** selects {count} functions, above the limit of {count - 1}"


@pytest.mark.parametrize(
    ("target", "module", "concerned"),
    [
        ("a.b.C.m", "a", True),
        ("a.b.C.m", "a.b", True),
        ("a.b.C.m", "a.b.C", True),
        ("a.b.C.m", "a.b.C.m", False),
        ("a.b.C.m", "a.c", False),
        ("a.b.C.m", "b", False),
        ("a.*.f", "a.x", True),
        ("a.*.f", "a.x.y", False),
        ("a.x*.f", "a.xy", True),
        ("a.x*.f", "a.y", False),
        ("a.**", "a", True),
        ("a.**", "a.b.c.d", True),
        ("a.**.f", "a.b.c", True),
        ("a.**", "ab", False),
        ("**.f", "x.y", True),
    ],
)
def test_which_imports_concern_a_target(target: str, module: str, concerned: bool) -> None:
    """Those that may bring a function of it."""
    assert Target.parse(target).concerns(module) is concerned
