"""Which function stands behind a name that decorators, descriptors and class makers have had in hand."""

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from hogtrace.targets import Found, Target

DECORATORS = """
import functools

ran = []


def forgetful(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


def with_helper(function, helper=lambda: None):
    def wrapper(*args, **kwargs):
        helper()
        return function(*args, **kwargs)
    return wrapper


def renaming(function):
    def wrapper(*args):
        return function(*args)
    wrapper.__name__, wrapper.__qualname__ = function.__name__, function.__qualname__
    return wrapper


def choosing(first):
    def decorate(second):
        def wrapper():
            return first() or second()
        return wrapper
    return decorate


class Counting:
    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


class Slotted:
    __slots__ = ("_inner",)

    def __init__(self, function):
        self._inner = [function]

    def __call__(self, *args):
        return self._inner[0](*args)


class Hostile:
    def __init__(self, function):
        object.__setattr__(self, "function", function)

    def __getattribute__(self, name):
        ran.append(name)
        return object.__getattribute__(self, name)

    def __call__(self, *args):
        return 1

    @property
    def __wrapped__(self):
        ran.append("__wrapped__")

    @property
    def __class__(self):
        ran.append("__class__")


def made_in_c(function):
    made = functools.lru_cache(function)
    del made.__wrapped__
    return made


class Task:
    def __call__(self, *args):
        return self.run(*args)


def task(function):
    return type(function.__name__, (Task,), {"run": staticmethod(function), "__module__": function.__module__})()


class Lazy:
    __slots__ = ("__local", "__args", "__dict__")

    def __init__(self, make, args):
        object.__setattr__(self, "_Lazy__local", make)
        object.__setattr__(self, "_Lazy__args", args)

    def _get_current_object(self):
        ran.append("evaluated")
        thing = self.__local(*self.__args)
        object.__setattr__(self, "__thing", thing)
        object.__delattr__(self, "_Lazy__local")
        object.__delattr__(self, "_Lazy__args")
        return thing

    @property
    def __dict__(self):
        return self._get_current_object().__dict__

    def __getattr__(self, name):
        return getattr(self._get_current_object(), name)

    def __call__(self, *args):
        return self._get_current_object()(*args)


def lazy_task(function):
    return Lazy(task, (function,))
"""
MODELS = """
import abc
import contextlib
import dataclasses
import enum
import functools
import typing
from unittest import mock
from .decorators import *


@forgetful
def plain():
    return 1


@forgetful
@with_helper
@forgetful
def stacked():
    return 1


@forgetful
@functools.lru_cache
def over_cache():
    return 1


@renaming
@renaming
def renamed():
    return 1


def helper():
    return 1


@functools.partial(with_helper, helper=helper)
def helped():
    return 1


def twice():
    return None


first_twice = twice


@choosing(first_twice)
def twice():
    return 2


@Counting
def counted():
    return 1


@Slotted
def slotted():
    return 1


@Hostile
def hostile():
    return 1


@made_in_c
def held_by_c():
    return 1


@task
def tasked():
    return 1


@lazy_task
def lazily():
    return 1


@lazy_task
def evaluated():
    return 1


class OwnTask(Task):
    def run(self):
        return 1


own_task = OwnTask()


@contextlib.contextmanager
def managed():
    yield 1


@functools.singledispatch
def shown(value):
    return "any"


@shown.register
def shown_int(value: int):
    return "int"


@typing.overload
def overloaded(value: int) -> int: ...
@typing.overload
def overloaded(value: str) -> str: ...
def overloaded(value):
    return value


@staticmethod
def static():
    return 1


mocked = mock.MagicMock()


class View:
    @classmethod
    def as_view(cls):
        def view(request):
            return cls().dispatch(request)
        view.view_class = cls
        return view

    def dispatch(self, request):
        return request


class Home(View):
    def dispatch(self, request):
        return "home"


home = Home.as_view()


def classy(function):
    def handler(self, request):
        return function(request)
    return type("Made", (View,), {"get": handler, "post": handler}).as_view()


@classy
def made(request):
    return request


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)


class Basket(metaclass=Meta):
    def __init__(self):
        self.x = 1

    @property
    def total(self):
        return self.x

    @total.setter
    def total(self, value):
        self.x = value

    @total.deleter
    def total(self):
        del self.x

    @forgetful
    def forgotten(self):
        return 1

    @staticmethod
    @forgetful
    def static(a):
        return a

    @functools.singledispatchmethod
    def dispatched(self, value):
        return value

    @functools.cached_property
    def heavy(self):
        return 1


class Abstract(abc.ABC):
    @abc.abstractmethod
    def work(self):
        return 1

    @property
    @abc.abstractmethod
    def size(self):
        return 1


class Color(enum.Enum):
    RED = 1

    def describe(self):
        return self.name


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 0

    def norm(self):
        return self.x + self.y


class Pair(typing.NamedTuple):
    a: int

    def both(self):
        return self.a


@functools.total_ordering
class Ordered:
    def __lt__(self, other):
        return True

    def __eq__(self, other):
        return True


namespace = {"__name__": __name__}
exec("def executed(a, /, b, *, c=1):\\n    return a", namespace)
executed = namespace["executed"]
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make a package `dressing` with modules `models` and `decorators`."""
    package = tmp_path / "dressing"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(MODELS)
    (package / "decorators.py").write_text(DECORATORS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("dressing.models")
    for name in [name for name in sys.modules if name.partition(".")[0] == "dressing"]:
        del sys.modules[name]


def find(text: str) -> Found:
    """Look for a target in the module."""
    return Target.parse(f"dressing.models.{text}").find()


def cell(function: Any, name: str) -> Any:
    """Give what a closure variable holds."""
    return dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))[name].cell_contents


def held_function(value: object) -> object:
    """Give the one function that a value holds."""
    (function,) = (one for one in gc.get_referents(value) if isinstance(one, FunctionType))
    return function


@pytest.mark.parametrize(
    ("target", "function", "via"),
    [
        ("plain", lambda m: cell(m.plain, "function"), ".__closure__[function]"),
        (
            "stacked",
            lambda m: cell(cell(cell(m.stacked, "function"), "function"), "function"),
            ".__closure__[function]" * 3,
        ),
        ("over_cache", lambda m: cell(m.over_cache, "function").__wrapped__, ".__closure__[function].__wrapped__"),
        ("renamed", lambda m: cell(cell(m.renamed, "function"), "function"), ".__closure__[function]" * 2),
        ("helped", lambda m: cell(m.helped, "function"), ".__closure__[function]"),
        ("helper", lambda m: m.helper, ""),
        ("counted", lambda m: m.counted.function, ".function"),
        ("slotted", lambda m: m.slotted._inner[0], "._inner[0]"),
        ("hostile", lambda m: object.__getattribute__(m.hostile, "function"), ".function"),
        ("held_by_c", lambda m: held_function(m.held_by_c), ".<held>"),
        ("tasked", lambda m: m.tasked.run, ".run"),
        ("lazily", lambda m: object.__getattribute__(m.lazily, "_Lazy__args")[0], "._Lazy__args[0]"),
        ("managed", lambda m: m.managed.__wrapped__, ".__wrapped__"),
        ("shown", lambda m: m.shown.__wrapped__, ".__wrapped__"),
        ("shown_int", lambda m: m.shown_int, ""),
        ("overloaded", lambda m: m.overloaded, ""),
        ("static", lambda m: m.static.__func__, ""),
        ("home", lambda m: m.home, ""),
        (
            "made",
            lambda m: cell(cell(m.made, "cls").get, "function"),
            ".__closure__[cls].get.__closure__[function]",
        ),
        ("Home.dispatch", lambda m: m.Home.dispatch, ""),
        ("Meta.__call__", lambda m: m.Meta.__call__, ""),
        ("Basket.total", lambda m: m.Basket.total.fget, ""),
        ("Basket.total.fget", lambda m: m.Basket.total.fget, ""),
        ("Basket.total.fset", lambda m: m.Basket.total.fset, ""),
        ("Basket.total.fdel", lambda m: m.Basket.total.fdel, ""),
        ("Basket.forgotten", lambda m: cell(m.Basket.forgotten, "function"), ".__closure__[function]"),
        ("Basket.static", lambda m: cell(m.Basket.static, "function"), ".__closure__[function]"),
        ("Basket.dispatched", lambda m: vars(m.Basket)["dispatched"].func, ".func"),
        ("Basket.heavy", lambda m: vars(m.Basket)["heavy"].func, ".func"),
        ("Abstract.work", lambda m: m.Abstract.work, ""),
        ("Abstract.size", lambda m: m.Abstract.size.fget, ""),
        ("Color.describe", lambda m: m.Color.describe, ""),
        ("Point.__init__", lambda m: m.Point.__init__, ""),
        ("Point.__eq__", lambda m: m.Point.__eq__, ""),
        ("Point.__lt__", lambda m: m.Point.__lt__, ""),
        ("Point.__repr__", lambda m: m.Point.__repr__.__wrapped__, ".__wrapped__"),
        ("Point.norm", lambda m: m.Point.norm, ""),
        ("Pair.both", lambda m: m.Pair.both, ""),
        ("Pair._replace", lambda m: m.Pair._replace, ""),
        ("Ordered.__lt__", lambda m: m.Ordered.__lt__, ""),
        ("Ordered.__gt__", lambda m: m.Ordered.__gt__, ""),
        ("executed", lambda m: m.executed, ""),
    ],
)
def test_the_function_behind_a_name(
    models: ModuleType, target: str, function: Callable[[ModuleType], object], via: str
) -> None:
    """Its own code, however it was dressed; and the way there, for people."""
    found = find(target)
    assert [match.function for match in found.functions] == [function(models)]
    assert [match.via for match in found.functions] == [via]
    assert importlib.import_module("dressing.decorators").ran == [] or target == "hostile"


def test_a_lazy_object_that_was_evaluated(models: ModuleType) -> None:
    """What it was made into is found where it keeps it, and looking does not evaluate one."""
    assert models.evaluated() == 1
    assert [match.function for match in find("evaluated").functions] == [
        object.__getattribute__(models.evaluated, "__thing").run
    ]
    find("lazily")
    find("**")
    assert importlib.import_module("dressing.decorators").ran == ["evaluated"]


def test_a_hostile_decorator_is_not_run(models: ModuleType) -> None:
    """Its attributes are read from where they are stored."""
    ran = importlib.import_module("dressing.decorators").ran
    ran.clear()
    assert [match.via for match in find("hostile").functions] == [".function"]
    assert ran == []
    assert models.hostile is not None


@pytest.mark.usefixtures("models")
def test_two_functions_of_one_name_are_told_apart_by_nobody() -> None:
    """Such a target is refused; both places are named, and what to name instead."""
    found = find("twice")
    assert found.functions == []
    assert found.refused is not None
    assert "2 functions of that name" in found.refused
    assert found.refused.count("models.py:") == 2
    assert "name the wrapper, dressing.decorators.choosing.<locals>.decorate.<locals>.wrapper" in found.refused
    assert [match.name for match in find("first_twice").functions] == ["dressing.models.first_twice"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("own_task", "its work is done by dressing.models.OwnTask.run"),
        ("mocked", "calling it runs unittest.mock."),
        ("Basket", "is a class; name one of its functions"),
        ("Color.RED", "is a dressing.models.Color object, not a function"),
        ("Pair.__repr__.x", "is a function"),
        ("Home.as_view", "inherits 'as_view'; its code is dressing.models.View.as_view"),
    ],
)
@pytest.mark.usefixtures("models")
def test_what_is_no_function_says_what_to_name(target: str, reason: str) -> None:
    """An object that does its work elsewhere leads there."""
    found = find(target)
    assert found.functions == []
    assert found.refused is not None
    assert reason in found.refused


@pytest.mark.usefixtures("models")
def test_two_stars_select_what_class_makers_made_and_what_stands_behind_decorators() -> None:
    """All that the module defines, under the names that it has there."""
    names = [match.qualname for match in find("**").functions]
    assert len(names) == len(set(names))
    assert {
        "plain",
        "stacked",
        "renamed",
        "counted",
        "slotted",
        "tasked",
        "lazily",
        "Basket.total",
        "Basket.total.fset",
        "Basket.total.fdel",
        "Basket.forgotten",
        "Basket.static",
        "Basket.dispatched",
        "Point.__init__",
        "Point.__repr__",
        "Point.__lt__",
        "Pair.both",
        "Color.describe",
        "Abstract.work",
    } <= set(names)
    # Defined elsewhere, inside of another, refused, or not by this name.
    assert not {"forgetful", "home", "twice", "Ordered.__gt__", "Pair._replace", "own_task", "mocked"} & set(names)


@pytest.mark.usefixtures("models")
def test_a_name_that_is_not_where_it_was_defined_says_so() -> None:
    """The place in a status names both."""
    (match,) = find("Ordered.__gt__").functions
    assert match.place == "dressing.models.Ordered.__gt__ (defined as functools._gt_from_lt)"
    (match,) = find("forgetful").functions
    assert match.place == "dressing.models.forgetful (defined as dressing.decorators.forgetful)"
    (match,) = find("plain").functions
    assert match.place == "dressing.models.plain.__closure__[function]"
    (match,) = find("Basket.total.fset").functions
    assert match.place == "dressing.models.Basket.total.fset"
