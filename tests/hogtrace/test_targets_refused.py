"""What cannot be probed, and what its status tells a user to name instead."""

import collections
import enum
import functools
import importlib
import json
import operator
import re
import sys
import types
from collections.abc import Iterator

import pytest

import hogtrace
from hogtrace import Tracer
from hogtrace.exporters import MemoryExporter
from hogtrace.targets import Target

HERE = __name__


class Order:
    """Have members of many kinds."""

    __slots__ = ("place",)
    __hash__ = None  # type: ignore[assignment]
    shout = str.upper
    count = staticmethod(len)
    shown = classmethod(repr)
    size = property(len)
    measured = functools.partialmethod(len)

    def pay(self) -> None:
        """Be a method."""


class Special(Order):
    """Inherit."""


class Bare:
    """Define nothing."""


class Color(enum.Enum):
    """Have a member."""

    RED = 1


Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024 - the one with a field of its own kind
binary = functools.partial(int, base=2)
ordering = functools.partial(Order)
appending = functools.partial([].append)
measured = functools.lru_cache(len)
twice = functools.partial(functools.partial(print, "a"), "b")
getter = operator.itemgetter(1)
adding = "a".__add__
one = Order()
numbers = (number for number in range(3))
nothing = None
pattern = re.compile("x")
space = types.SimpleNamespace(pay=Order.pay)

IN_C = "implemented in C; only functions written in Python can be probed, such as one that calls it"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("builtins.len", f"builtins.len is {IN_C}"),
        ("builtins.dict", f"builtins.dict is a class whose functions are {IN_C}"),
        ("builtins.dict.get", f"builtins.dict.get is {IN_C}"),
        ("datetime.datetime.now", f"datetime.datetime.now is {IN_C}"),
        ("hogtrace.compile", f"hogtrace.compile is {IN_C}"),
        ("hogtrace._engine.Site", f"hogtrace._engine.Site is a class whose functions are {IN_C}"),
        ("HERE.adding", f"HERE.adding is {IN_C}"),
        ("HERE.Order.shout", f"HERE.Order.shout is {IN_C}"),
        (
            "HERE.binary",
            f"HERE.binary is a functools.partial object that calls a class; int is a class whose functions are {IN_C}",
        ),
        (
            "HERE.ordering",
            "HERE.ordering is a functools.partial object that calls a class; HERE.Order is a class; name one of its "
            "functions, such as HERE.Order.__init__ or HERE.Order.__call__; it defines pay",
        ),
        ("HERE.appending", f"HERE.appending is a functools.partial object that calls append, which is {IN_C}"),
        ("HERE.twice", f"HERE.twice is a functools.partial object that calls print, which is {IN_C}"),
        ("HERE.measured", f"HERE.measured is a functools._lru_cache_wrapper object that calls len, which is {IN_C}"),
        ("HERE.Order.count", f"HERE.Order.count is a staticmethod object that calls len, which is {IN_C}"),
        ("HERE.Order.shown", f"HERE.Order.shown is a classmethod object that calls repr, which is {IN_C}"),
        ("HERE.Order.size", f"HERE.Order.size is a property object that calls len, which is {IN_C}"),
        (
            "HERE.Order.measured",
            f"HERE.Order.measured is a functools.partialmethod object that calls len, which is {IN_C}",
        ),
        ("HERE.getter", "HERE.getter is an operator.itemgetter object, not a function"),
        ("HERE.Order.place", "HERE.Order.place is a slot for values, not a function"),
        ("HERE.Order.__hash__", "HERE.Order.__hash__ is None, not a function"),
        ("HERE.nothing", "HERE.nothing is None, not a function"),
        (
            "HERE.Order.__init__",
            f"HERE.Order inherits '__init__'; its code is object.__init__, which is {IN_C}",
        ),
        ("HERE.Special.pay", "HERE.Special inherits 'pay'; its code is HERE.Order.pay"),
        (
            "HERE.Bare",
            "HERE.Bare is a class; name one of its functions, such as HERE.Bare.__init__ or HERE.Bare.__call__; "
            "it defines none itself",
        ),
        ("HERE.Color.RED", "HERE.Color.RED is a HERE.Color object, not a function"),
        ("HERE.one", "HERE.one is a HERE.Order object, not a function"),
        (
            "HERE.one.pay",
            "HERE.one is a HERE.Order object, which has no functions of its own; "
            "name that of its class, HERE.Order.pay",
        ),
        ("HERE.one.nothing", "HERE.one is a HERE.Order object, which has no functions of its own"),
        ("HERE.numbers.send", "HERE.numbers is a generator object, which has no functions of its own"),
        ("HERE.pattern.match", "HERE.pattern is a re.Pattern object, which has no functions of its own"),
        ("HERE.space.pay", "HERE.space is a SimpleNamespace object, which has no functions of its own"),
        ("json.loads.cls", "json.loads is a function; what is defined in it is json.loads.<locals>.cls"),
    ],
)
def test_the_status_says_why_and_what_to_name(target: str, reason: str) -> None:
    """A sentence for each kind of thing that is no function in Python."""
    assert json.loads("1") == 1
    importlib.import_module("datetime")
    with Tracer(exporter=MemoryExporter(), max_overhead=None) as tracer:
        tracer.install(hogtrace.compile(f"fn:{target.replace('HERE', HERE)}:entry {{ }}"))
        (status,) = tracer.status().probes
    assert status.state == "refused"
    assert status.reason == reason.replace("HERE", HERE)


class Hostile:
    """Count what is asked of it."""

    asked = 0

    def __bool__(self) -> bool:
        """Count."""
        Hostile.asked += 1
        return True


class Holding:
    """Have a member that must not be asked, and no function."""

    member = Hostile()


def test_saying_why_runs_no_code_of_the_application() -> None:
    """The members of a class are looked at, not asked."""
    assert "it defines none itself" in str(Target.parse(f"{HERE}.Holding").find().refused)
    assert Hostile.asked == 0


OURS = ("hogtrace", "hogtrace_django", "hogtrace_flask", "hogtrace_asgi")


@pytest.fixture
def all_of_ours() -> Iterator[None]:
    """Have the framework packages imported."""
    before = set(sys.modules)
    for name in ("hogtrace_flask.extension", "hogtrace_asgi.middleware", "hogtrace_django.middleware"):
        importlib.import_module(name)
    yield
    assert before <= set(sys.modules)


@pytest.mark.parametrize("target", ["**", "*.**", "**.flush", "hog*.**", "*.tracer.*", "**.<locals>.*"])
@pytest.mark.usefixtures("all_of_ours")
def test_a_wildcard_for_everything_does_not_mean_hogtrace(target: str) -> None:
    """What does not name one of our packages selects none of their functions, now and at later imports."""
    wanted = Target.parse(target)
    found = {match.module.partition(".")[0] for match in wanted.find().functions}
    assert not found & set(OURS)
    assert not any(wanted.concerns(f"{package}.later") for package in OURS)
    assert found or target in ("hog*.**", "*.tracer.*")


@pytest.mark.parametrize(
    ("target", "function"),
    [
        ("hogtrace.**", "hogtrace.pipeline.Pipeline.flush"),
        ("hogtrace.*.*.flush", "hogtrace.pipeline.Pipeline.flush"),
        ("hogtrace_flask.**", "hogtrace_flask.extension.HogTrace.init_app"),
        ("hogtrace.pipeline.Pipeline.flush", "hogtrace.pipeline.Pipeline.flush"),
    ],
)
@pytest.mark.usefixtures("all_of_ours")
def test_a_target_that_names_hogtrace_means_it(target: str, function: str) -> None:
    """Who names the package gets its functions."""
    wanted = Target.parse(target)
    assert function in {match.name for match in wanted.find().functions}
    assert wanted.concerns(function.rpartition(".")[0])
