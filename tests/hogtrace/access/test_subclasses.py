"""Classes that override nothing that an operator uses, and what C code would still ask of their objects."""

import datetime
import decimal
import sys
import zoneinfo
from typing import Any

import pytest

from tests.hogtrace.access.samples import refused
from tests.hogtrace.evaluation import evaluate
from tests.hogtrace.hostile import Key, counted, touches

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def untouched() -> Any:
    """See that nothing of the application ran."""
    touches.clear()
    yield
    assert touches == []


def subclass(base: type, *names: str) -> Any:
    """Make a class whose methods of those names count, and do what they did."""
    return type("Odd", (base,), {name: counted(name, getattr(base, name, None)) for name in names})


def test_datetimes_in_a_zone() -> None:
    """`ZoneInfo` asks a subclass of datetime for its fields; the engine gives it a plain copy."""
    body = {
        "hour": property(counted("hour")),
        "toordinal": counted("toordinal"),
        "utcoffset": counted("utcoffset"),
    }
    moment = type("Odd", (datetime.datetime,), body)(2024, 7, 1, 14, tzinfo=BERLIN)
    same = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
    assert evaluate("a == b", a=moment, b=same).value is True
    assert evaluate("b <= a", a=moment, b=same).value is True
    refused(evaluate("d[a]", a=moment, d={same: 1}), "__hash__")


def test_times_that_come_twice() -> None:
    """The hash of the second of two equal hours makes CPython construct an object of the class."""
    for base, arguments in [(datetime.datetime, (2024, 10, 27, 2)), (datetime.time, (2,))]:
        moment = subclass(base, "__del__")(*arguments, fold=1)
        refused(evaluate("d[a]", a=moment, d={1: 1}), "__hash__")
        assert touches == []
        del moment
        touches.clear()


def test_decimals() -> None:
    """Decimals are asked by the type's own methods."""
    number = subclass(decimal.Decimal, "is_nan", "adjusted", "__sizeof__", "as_tuple")("1.5")
    assert evaluate("a == 1.5", a=number).value is True
    assert evaluate("a < 2", a=number).value is True
    assert evaluate("int(a)", a=number).value == 1
    assert evaluate("float(a)", a=number).value == 1.5
    assert evaluate("str(a)", a=number).value == "1.5"


def test_decimals_with_getattribute() -> None:
    """Nor are they asked through their `__getattribute__`."""
    number = subclass(decimal.Decimal, "__getattribute__")("1.5")
    assert evaluate("a == 1.5", a=number).value is True
    assert evaluate("int(a)", a=number).value == 1


def test_floats_and_timedeltas() -> None:
    """A timedelta asks a float for its ratio; the engine gives it a plain one."""
    number = subclass(float, "as_integer_ratio")(1.5)
    assert evaluate("str(a * b)", a=number, b=datetime.timedelta(2)).value == "3 days, 0:00:00"
    assert evaluate("str(b / a)", a=number, b=datetime.timedelta(3)).value == "2 days, 0:00:00"


def test_differences_of_sets() -> None:
    """The difference of two sets is not an object of a class of the application, whose finaliser would run."""
    for base in (set, frozenset):
        members = subclass(base, "__del__", "copy", "__iter__", "__len__", "__contains__")(range(100))
        for _ in range(2):
            assert evaluate("type(a - b)", a=members, b={1}).value == base.__name__
        assert touches == []
        del members
        touches.clear()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a class in Python cannot give a buffer before 3.12")
@pytest.mark.parametrize("base", [bytes, bytearray])
@pytest.mark.parametrize(
    "expression", ["a in b", "a + b", "b + a", "a + c", "c + a", "a == b", "b == a", "a == c", "c == a", "a < c"]
)
def test_buffers(base: type, expression: str) -> None:
    """A class's own buffer is not asked for."""
    odd = subclass(base, "__buffer__")(b"ab")
    plain = eval(expression, {"a": base(b"ab"), "b": b"abc", "c": bytearray(b"ab")})  # noqa: S307
    assert evaluate(expression, a=odd, b=b"abc", c=bytearray(b"ab")).value == plain


@pytest.mark.filterwarnings("ignore:non-string key:RuntimeWarning")
def test_classes_with_odd_names() -> None:
    """A class whose dict has other keys than strings cannot be looked into, so its operators are not used."""
    for base in (object, list, int):
        body: dict[Any, Any] = {
            name: counted(name) for name in ("__add__", "__radd__", "__mul__", "__rmul__", "__round__")
        }
        odd = type("Odd", (base,), {**body, Key("zz"): 1})()
        touches.clear()
        for expression in ["o + 1", "1 + o", "o * 2", "2 * o", "round(o)", "o.name", "o in l", "l == m", "d[o]"]:
            given = {"o": odd, "l": [1], "m": [odd], "d": {1: 1}}
            assert evaluate(expression, **given).kind in {"refused", "type", "lookup", None}, expression
            assert touches == [], expression


def test_classes_that_change() -> None:
    """Nothing about a class is remembered: what it is at the moment of the read decides."""

    class Changing:
        def __init__(self) -> None:
            self.name = "stored"

    o = Changing()
    assert evaluate("o == o", o=o).value is True
    assert evaluate("o.name", o=o).value == "stored"
    Changing.__eq__ = counted("__eq__")  # type: ignore[method-assign]
    Changing.name = property(counted("name"))  # type: ignore[assignment]
    refused(evaluate("o == o", o=o), "Changing.__eq__")
    refused(evaluate("o.name", o=o), "Changing.name")
    Changing.__getattribute__ = counted("__getattribute__")  # type: ignore[method-assign]
    refused(evaluate("o.other", o=o), "__getattribute__")


def test_objects_that_change_their_class() -> None:
    """The class that an object has at the moment of the read decides, and `__class__` is not asked."""

    class Plain:
        name = "plain"

    class Other:
        name = property(counted("name"))
        __eq__ = counted("__eq__")  # type: ignore[assignment]

    o: Any = Plain()
    assert evaluate("o.name", o=o).value == "plain"
    o.__class__ = Other
    refused(evaluate("o.name", o=o), "Other.name")
    refused(evaluate("o == 1", o=o), "Other.__eq__")
    liar = type("Liar", (), {"__class__": property(counted("__class__"))})()
    assert evaluate("type(liar)", liar=liar).value.endswith("Liar")
