"""What expressions may read of live objects, what they get, and that they run no code of the application."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import itertools
import operator
import os
import pathlib
import signal
import sys
import threading
import time
import types
import uuid
import weakref
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import pytest

from tests.hogtrace.evaluation import Outcome, evaluate
from tests.hogtrace.hostile import hostile_objects, touches

pytestmark = pytest.mark.usefixtures("each_host")


class Plain:
    """An object with what an ordinary class has."""

    constant = "of the class"
    table: ClassVar[dict[str, int]] = {"a": 1}

    def __init__(self) -> None:
        self.name = "stored"
        self.constant = "of the instance"

    @property
    def computed(self) -> str:
        """Code of the application."""
        raise AssertionError("a property ran")

    @functools.cached_property
    def cached(self) -> str:
        """Code of the application, once."""
        return "cached"

    def method(self) -> None:
        """Do nothing."""

    @staticmethod
    def static() -> None:
        """Do nothing."""


class Slotted:
    """An object without a dict."""

    __slots__ = ("empty", "filled")

    def __init__(self) -> None:
        self.filled = 1


class Fallback:
    """An object that is asked for what it does not store."""

    def __init__(self) -> None:
        self.stored = 1

    def __getattr__(self, name: str) -> str:
        raise AssertionError(f"__getattr__({name!r}) ran")


class Guarded:
    """An object that is asked for everything."""

    def __init__(self) -> None:
        self.stored = 1

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"__getattribute__({name!r}) ran")


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Level(enum.IntEnum):
    """An enumeration of numbers."""

    HIGH = 3


class Name(str):
    """A string that overrides nothing."""


class Items(list[Any]):
    """A list that overrides nothing."""


class Members(set[Any]):
    """A set that overrides nothing."""


class Pair(tuple[Any, ...]):
    """A tuple that overrides nothing."""


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


@dataclasses.dataclass
class Money:
    """A class with a comparison in Python."""

    amount: int


def refused(outcome: Outcome, *parts: str) -> None:
    """Check that it was refused, with all of `parts` in the message."""
    assert outcome.kind == "refused", outcome
    assert outcome.message is not None
    for part in parts:
        assert part in outcome.message


class TestAttributes:
    """`object.name`."""

    def test_reads_what_the_instance_stores(self) -> None:
        """An attribute in the instance's dict is read, before a plain one of the class."""
        assert evaluate("o.name", o=Plain()).value == "stored"
        assert evaluate("o.constant", o=Plain()).value == "of the instance"

    def test_reads_plain_attributes_of_the_class(self) -> None:
        """What the class stores is read through an instance."""
        assert evaluate("o.table", o=Plain()).value == {"a": 1}

    def test_reading_makes_no_dict(self) -> None:
        """The attributes of an object stay where they are: reading one allocates nothing that lasts."""
        objects = [Plain() for _ in range(3)]
        before = [sys.getsizeof(o) for o in objects]
        for o in objects:
            evaluate("o.name", o=o)
        assert [sys.getsizeof(o) for o in objects] == before

    def test_reads_attributes_of_a_dict_that_was_made(self) -> None:
        """An instance whose dict was asked for, or replaced, is read all the same."""
        asked, replaced = Plain(), Plain()
        vars(asked)["late"] = 1
        replaced.__dict__ = {"name": "new"}
        assert evaluate("o.late", o=asked).value == 1
        assert evaluate("o.name", o=replaced).value == "new"

    def test_reads_many_attributes(self) -> None:
        """An instance with more attributes than fit into its class's table is read."""
        many = Plain()
        for number in range(100):
            setattr(many, f"attribute_{number}", number)
        assert evaluate("o.attribute_99", o=many).value == 99

    def test_refuses_a_property(self) -> None:
        """A property is not run; the refusal names it and the line that would allow it."""
        outcome = evaluate("o.computed", o=Plain())
        line = f'("{Plain.__module__}.Plain", "computed", "call")'
        refused(outcome, "`Plain.computed` is a property", "code of the application", line, "TRUST")

    def test_names_the_class_that_defines_the_property(self) -> None:
        """The line to add names the class that has the property, so that it holds for all its subclasses."""
        subclass = type("Sub", (Plain,), {})
        refused(evaluate("o.computed", o=subclass()), f'"{Plain.__module__}.Plain"')

    def test_reads_a_cached_property_once_it_has_a_value(self) -> None:
        """A cached property is refused until the application has computed it."""
        o = Plain()
        refused(evaluate("o.cached", o=o), "cached property without a value")
        assert o.cached == "cached"
        assert evaluate("o.cached", o=o).value == "cached"

    def test_refuses_other_descriptors(self) -> None:
        """A descriptor written in Python is not run."""

        class Column:
            def __get__(self, instance: object, owner: object = None) -> None:
                raise AssertionError("a descriptor ran")

        refused(evaluate("o.column", o=type("Row", (), {"column": Column()})()), "`Row.column` is a descriptor")

    def test_reads_slots(self) -> None:
        """A slot is read; an empty one has no attribute."""
        assert evaluate("o.filled", o=Slotted()).value == 1
        assert evaluate("o.empty", o=Slotted()) == Outcome(
            None, "attribute", "'Slotted' object has no attribute 'empty'"
        )

    def test_says_what_is_missing_in_the_words_of_python(self) -> None:
        """A missing attribute fails as in Python."""
        assert evaluate("o.nmae", o=Plain()) == Outcome(None, "attribute", "'Plain' object has no attribute 'nmae'")

    def test_getattr_is_not_asked(self) -> None:
        """What is stored is read; what `__getattr__` would be asked for is refused."""
        assert evaluate("o.stored", o=Fallback()).value == 1
        refused(evaluate("o.other", o=Fallback()), "`Fallback.other`", "`Fallback.__getattr__` would run")

    def test_getattribute_refuses_everything(self) -> None:
        """An object that is asked for everything shows nothing."""
        refused(evaluate("o.stored", o=Guarded()), "`Guarded.__getattribute__` would run")

    def test_odd_names_in_the_dict(self) -> None:
        """A dict with other keys than strings is searched without asking them."""

        class Odd:
            asked = 0

            def __hash__(self) -> int:
                return hash("name")

            def __eq__(self, other: object) -> bool:
                type(self).asked += 1
                return NotImplemented

        o = Plain()
        vars(o)[Odd()] = 1
        Odd.asked = 0
        assert evaluate("o.name", o=o).value == "stored"
        refused(evaluate("o.absent", o=o), "not all names there are plain strings")
        assert Odd.asked == 0

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("v.real", 3),
            ("d.year", 2024),
            ("d.tzinfo", None),
            ("delta.days", 2),
            ("p.x", 1),
            ("q.maxlen", 5),
            ("e.args", ("no",)),
            ("e.errno", None),
            ("s.tm_year", 1970),
            ("c.imag", 2.0),
            ("a.typecode", "i"),
            ("r.start", 1),
        ],
    )
    def test_reads_the_built_in_types(self, expression: str, value: object) -> None:
        """Attributes of CPython's own types are read where their C code runs nothing else."""
        given = {
            "v": 3,
            "d": datetime.datetime.fromisoformat("2024-01-02"),
            "delta": datetime.timedelta(days=2),
            "p": Point(1, 2),
            "q": collections.deque(maxlen=5),
            "e": OSError("no"),
            "s": time.gmtime(0),
            "c": 1 + 2j,
            "a": array.array("i"),
            "r": range(1, 2),
        }
        assert evaluate(expression, **given) == Outcome(value, None, None)

    def test_closed_objects(self) -> None:
        """Frames, code, tracebacks, generators and coroutines show nothing."""

        def generator() -> Iterator[None]:
            yield

        async def coroutine() -> None: ...

        suspended = coroutine()
        for o, name in [
            (sys._getframe(), "f_back"),
            (generator.__code__, "co_code"),
            (generator(), "gi_frame"),
            (suspended, "cr_frame"),
        ]:
            refused(evaluate(f"o.{name}", o=o), "no readable attributes")
        suspended.close()

    def test_getters_of_other_types_are_refused(self) -> None:
        """A getter in C that may run Python code, such as that of a text file, is not run."""
        with pathlib.Path(__file__).open() as file:
            refused(evaluate("o.closed", o=file), "descriptor")
        target = Plain()
        assert evaluate("o.name", o=weakref.proxy(target)).kind == "refused"

    def test_types_and_modules_show_their_own_dict(self) -> None:
        """Of a type or a module only what its own dict stores is read."""
        subclass = type("Sub", (Plain,), {})
        assert evaluate("o.table", o=Plain).value == {"a": 1}
        assert evaluate("o.table", o=subclass).kind == "attribute"
        refused(evaluate("o.computed", o=Plain), "is a property")
        assert evaluate("o.path", o=os).value["$type"] == "module"
        assert evaluate("o.nothing", o=os).kind == "attribute"

    def test_the_getattr_of_a_module_is_not_asked(self) -> None:
        """A module's `__getattr__` is not run."""
        module = types.ModuleType("lazy")
        module.__getattr__ = lambda name: pytest.fail("ran")  # type: ignore[method-assign]  # modules may
        assert evaluate("o.thing", o=module).kind == "attribute"

    def test_members_of_enumerations(self) -> None:
        """Value and name of a member are read where it stores them, and members from their class."""
        assert evaluate("o.value", o=Color.RED).value == "red"
        assert evaluate("o.name", o=Color.RED).value == "RED"
        assert evaluate("o.value", o=Level.HIGH).value == 3
        assert evaluate("type(o.RED)", o=Color).value == f"{Color.__module__}.Color"

    def test_methods_are_bound_not_called(self) -> None:
        """A method can be named, which does nothing."""
        assert evaluate("type(o.method)", o=Plain()).value == "method"
        assert evaluate("type(o.static)", o=Plain()).value == "function"

    def test_access_python_lifts_the_rule(self) -> None:
        """With access="python" what the rules refuse is done as Python does it."""
        o = Plain()
        assert evaluate("o.cached", o=o, access="python").value == "cached"
        outcome = evaluate("o.computed", o=o, access="python")
        assert outcome.kind == "value"
        assert outcome.message == "AssertionError was raised"

    def test_an_interrupt_reaches_the_application(self) -> None:
        """An interrupt that comes while a probe runs code of the application is not lost."""

        class Slow:
            @property
            def interrupted(self) -> None:
                raise KeyboardInterrupt

        def interrupted() -> None:
            evaluate("o.interrupted", o=Slow(), access="python")
            for _ in range(1000):
                pass

        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                interrupted()
        finally:
            signal.signal(signal.SIGINT, before)

    def test_no_exception_is_left_behind(self) -> None:
        """A failing expression leaves neither an exception nor its context behind."""
        evaluate("o.nothing", o=Plain())
        assert sys.exc_info() == (None, None, None)
        with pytest.raises(ValueError, match="later") as caught:
            raise ValueError("later")
        assert caught.value.__context__ is None


class TestTrust:
    """What the trust list adds."""

    def test_call_does_the_real_access(self) -> None:
        """An entry with the reader `call` runs the property."""

        class Order:
            @property
            def total(self) -> int:
                return 42

        name = f"{Order.__module__}.{Order.__qualname__}"
        assert evaluate("o.total", o=Order(), trust=[(name, "total", "call", "")]).value == 42
        assert evaluate("o.total", o=Order(), trust=[(name, "other", "call", "")]).kind == "refused"

    def test_stored_reads_another_attribute(self) -> None:
        """An entry with the reader `stored` reads where the framework keeps the value."""

        class Response:
            def __init__(self) -> None:
                self._status = types.SimpleNamespace(code=404)

            @property
            def status_code(self) -> int:
                raise AssertionError("a property ran")

        name = f"{Response.__module__}.{Response.__qualname__}"
        trust = [(name, "status_code", "stored", "_status.code")]
        assert evaluate("o.status_code", o=Response(), trust=trust).value == 404

        class Special(Response):
            pass

        class Own(Response):
            @property
            def status_code(self) -> int:
                raise AssertionError("a property ran")

        assert evaluate("o.status_code", o=Special(), trust=trust).value == 404
        refused(evaluate("o.status_code", o=Own(), trust=trust), "Own.status_code")

    def test_what_is_stored_wins(self) -> None:
        """The list is consulted only where the plain rules give nothing."""
        name = f"{Plain.__module__}.Plain"
        assert evaluate("o.name", o=Plain(), trust=[(name, "name", "stored", "table")]).value == "stored"

    @pytest.mark.parametrize(
        ("reader", "stored"),
        [
            ("wsgi_headers", {"HTTP_X_ID": "7", "CONTENT_TYPE": "text/html", "wsgi.input": None}),
            ("asgi_headers", {"headers": [(b"x-id", b"7"), (b"content-type", b"text/html"), (b"x-id", b"8")]}),
            ("header_list", [("X-Id", "7"), ("Content-Type", "text/html")]),
            ("header_store", {"x-id": ("X-Id", "7"), "content-type": ("Content-Type", "text/html")}),
        ],
    )
    def test_headers(self, reader: str, stored: object) -> None:
        """Headers are a mapping that ignores case, read where the framework keeps them."""

        class Request:
            def __init__(self) -> None:
                self.kept = stored

            @property
            def headers(self) -> object:
                raise AssertionError("a property ran")

        name = f"{Request.__module__}.{Request.__qualname__}"
        trust = [(name, "headers", reader, "kept")]

        def outcome(expression: str) -> Outcome:
            return evaluate(expression, o=Request(), trust=trust)

        assert outcome('o.headers["X-ID"]').value == "7"
        assert outcome('o.headers["content-type"]').value == "text/html"
        assert outcome('"x-Id" in o.headers').value is True
        assert outcome('"x-other" in o.headers').value is False
        assert outcome('o.headers["X-Other"]') == Outcome(None, "lookup", "no key 'X-Other'")
        assert outcome("bool(o.headers)").value is True
        assert outcome("len(o.headers)").value == (3 if reader == "asgi_headers" else 2)
        captured = outcome("o.headers").value
        assert {key.lower(): value for key, value in captured.items()}["content-type"] == "text/html"

    def test_items_of_an_object(self) -> None:
        """An entry for "[]" lets items, length and membership act on what its reader gives."""

        class Bag:
            def __init__(self) -> None:
                self._data = {"a": 1}

            def __getitem__(self, key: str) -> int:
                raise AssertionError("__getitem__ ran")

            __len__ = __contains__ = __getitem__

        name = f"{Bag.__module__}.{Bag.__qualname__}"
        trust = [(name, "[]", "stored", "_data")]
        refused(evaluate('o["a"]', o=Bag()), "`Bag.__getitem__`" if "." not in Bag.__qualname__ else "__getitem__")
        assert evaluate('o["a"]', o=Bag(), trust=trust).value == 1
        assert evaluate("len(o)", o=Bag(), trust=trust).value == 1
        assert evaluate('"b" in o', o=Bag(), trust=trust).value is False

    @pytest.mark.parametrize(
        "entry",
        [
            ("app.User", "name", "nothing", ""),
            ("User", "name", "call", ""),
            ("app.User", "", "call", ""),
            ("app.User", "name", "stored", ""),
        ],
    )
    def test_wrong_entries(self, entry: tuple[str, str, str, str]) -> None:
        """An entry that could never work is an error at once."""
        with pytest.raises(ValueError, match=r".+"):
            evaluate("1", trust=[entry])


class TestItems:
    """`object[key]`, slices and `len`."""

    @pytest.mark.parametrize(
        ("expression", "o", "value"),
        [
            ("o[1]", collections.deque([1, 2]), 2),
            ('o["a"]', {"a": 1}, 1),
            ('o["a"]', collections.OrderedDict(a=1), 1),
            ('o["a"]', collections.defaultdict(list, a=1), 1),
            ('o["a"]', collections.Counter("a"), 1),
            ('o["a"]', {Name("a"): 1}, 1),
            ("len(o)", {"a": 1}.keys(), 1),
            ("len(o)", collections.Counter("ab"), 2),
            ("len(o)", Name("abc"), 3),
            ("o[0]", Items([1]), 1),
            ("o[:1]", Items([1, 2]), [1]),
            ("1 in o", Items([1]), True),
            ('"a" in o', collections.Counter("a"), True),
            ("1 in o", Members({1}), True),
            ("o + o", Name("abc"), "abcabc"),
            ('"x" + o', Name("abc"), "xabc"),
            ("o * 2", Pair((1, 2)), (1, 2, 1, 2)),
            ("o[0]", Pair((1, 2)), 1),
            ("o[0]", Name("abc"), "a"),
        ],
    )
    def test_built_in_containers(self, expression: str, o: object, value: object) -> None:
        """Items, slices and lengths of the built-in types are those of Python."""
        assert evaluate(expression, o=o) == Outcome(value, None, None)

    @pytest.mark.parametrize(
        ("expression", "o", "kind", "message"),
        [
            ("o[9]", [1], "lookup", "list index out of range"),
            ('o["b"]', {"a": 1}, "lookup", "no key 'b'"),
            ("o[7]", {"a": 1}, "lookup", "no key 7"),
            ('o["a"]', [1], "type", "list indices must be integers or slices, not str"),
            ("o[0]", 5, "type", "'int' object is not subscriptable"),
            ("o[0]", Plain(), "type", "'Plain' object is not subscriptable"),
            ("len(o)", 5, "type", "object of type 'int' has no len()"),
            ('o["a":]', [1], "type", "slice indices must be integers or None or have an __index__ method"),
        ],
    )
    def test_failures_in_the_words_of_python(self, expression: str, o: object, kind: str, message: str) -> None:
        """What fails in Python fails here, in the same words."""
        assert evaluate(expression, o=o) == Outcome(None, kind, message)

    def test_missing_is_not_called(self) -> None:
        """A default that code of the application makes is refused."""
        o: collections.defaultdict[str, list[int]] = collections.defaultdict(list)
        refused(evaluate('o["a"]', o=o), "__missing__")
        assert dict(o) == {}

    def test_an_unhashable_key(self) -> None:
        """A list is no key."""
        assert evaluate("o[k]", o={}, k=[]) == Outcome(None, "type", "unhashable type: 'list'")

    def test_methods_in_python_are_refused(self) -> None:
        """A container written in Python is refused, with the line that would allow it."""
        outcome = evaluate('o["a"]', o=collections.UserDict(a=1))
        refused(outcome, '("collections.UserDict", "[]", "call")')
        assert evaluate("len(o)", o=collections.UserDict(a=1)).kind == "refused"

    def test_a_dict_with_odd_keys(self) -> None:
        """A dict with keys of the application is searched without asking them."""

        class Key:
            asked = 0

            def __eq__(self, other: object) -> bool:
                type(self).asked += 1
                return NotImplemented

            def __hash__(self) -> int:
                return hash("a")

        o = {"a": 1, Key(): 2}
        Key.asked = 0
        assert evaluate('o["a"]', o=o).value == 1
        refused(evaluate('o["b"]', o=o), "__eq__")
        refused(evaluate('"b" in o', o=o), "__eq__")
        assert evaluate("o[k]", o={Plain: 5}, k=Plain).value == 5
        assert Key.asked == 0

    def test_limits(self) -> None:
        """What is too large is refused before it is touched."""
        assert evaluate("o[:]", o=[0] * 10_000).kind == "limit"
        assert evaluate("o[:]", o="x" * 100_000).kind == "limit"
        assert evaluate("o[5]", o=dict.fromkeys(range(20_000))).kind == "limit"
        assert evaluate('o["7"]', o={str(n): n for n in range(20_000)}).value == 7


class TestOperators:
    """Comparison, membership, truth, arithmetic."""

    # What the random expressions of test_arithmetic.py do not have.
    OTHERS: ClassVar[list[Any]] = [
        Name("abc"), Level.HIGH, Items([1]), Members({1}), Pair((1, "a")), datetime.date(2024, 1, 1),
        datetime.datetime.fromisoformat("2024-01-01"), datetime.timedelta(hours=1),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), collections.deque([1]), 1 + 2j, bytearray(b"ab"),
    ]  # fmt: skip
    BUILT_IN: ClassVar[list[Any]] = [None, True, 7, 2**70, 2.5, "abc", b"ab", (1, "a"), [1], {"a": 1}, {1}, range(3)]
    OPERATORS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "//": operator.floordiv,
        "%": operator.mod,
    }

    @pytest.mark.parametrize("sign", OPERATORS)
    def test_pairs_with_other_values(self, sign: str) -> None:
        """Subclasses, moments and the like give with each operator what CPython gives, or fail where CPython fails."""
        expression = f"a {sign} b"
        pairs = itertools.product(self.OTHERS, self.OTHERS + self.BUILT_IN)
        for a, b in (pair for one, other in pairs for pair in [(one, other), (other, one)]):
            case = f"{a!r} {sign} {b!r}"
            outcome = evaluate(expression, a=a, b=b)
            if sign == "%" and isinstance(a, str | bytes | bytearray):
                assert outcome.kind == "type", case
                continue
            try:
                expected = self.OPERATORS[sign](a, b)
            except (TypeError, ValueError, ArithmeticError):
                # Which of the two stands in the way first is not the same everywhere.
                assert outcome.kind in {"type", "value", "arithmetic", "limit", "refused"}, case
                continue
            if collections.deque in {type(a), type(b)} and sign in "+-*":
                assert outcome.kind == "refused", case
                continue
            assert outcome.kind is None, (case, outcome)
            assert evaluate(f"type({expression})", a=a, b=b).value.split(".")[-1] == type(expected).__name__, case
            if isinstance(expected, datetime.date | datetime.timedelta):
                assert evaluate(f"str({expression})", a=a, b=b).value == str(expected), case
            elif isinstance(expected, complex):
                assert outcome.value["$value"] == repr(expected), case
            elif isinstance(expected, bytearray):
                assert outcome.value == expected, case
            else:
                assert repr(outcome.value) == repr(expected), case

    @pytest.mark.parametrize("value", OTHERS, ids=repr)
    def test_truth(self, value: object) -> None:
        """The truth of such a value is Python's."""
        assert evaluate("bool(a)", a=value).value is bool(value)

    @pytest.mark.parametrize(
        ("item", "container", "found"),
        [
            ("a", {"a": 1}.keys(), True),
            (1, {"a": 1}.values(), True),
            (2, collections.deque([1, 2]), True),
            (Color.RED, [Color.RED], True),
        ],
    )
    def test_membership(self, item: object, container: object, found: bool) -> None:
        """Membership in the built-in containers is Python's."""
        assert evaluate("a in b", a=item, b=container).value is found
        assert evaluate("a not in b", a=item, b=container).value is not found

    def test_comparisons_by_identity(self) -> None:
        """Objects without a comparison of their own are equal to themselves alone."""
        o = Plain()
        assert evaluate("a == b", a=o, b=o).value is True
        assert evaluate("a == b", a=o, b=Plain()).value is False
        assert evaluate("a == 1", a=o).value is False
        assert evaluate("a == b", a=Color.RED, b=Color.RED).value is True
        assert evaluate("a == b", a=int, b=int).value is True
        assert evaluate("a < b", a=o, b=o) == Outcome(
            None, "type", "'<' not supported between instances of 'Plain' and 'Plain'"
        )

    def test_comparisons_in_python_are_refused(self) -> None:
        """A comparison that the application defines is refused, on either side, and deep inside."""
        for expression, given in [
            ("a == b", {"a": Money(1), "b": 1}),
            ("b == a", {"a": Money(1), "b": 1}),
            ("a == b", {"a": [Money(1)], "b": [Money(1)]}),
            ("a == b", {"a": {"x": Money(1)}, "b": {"x": Money(1)}}),
            ("b in a", {"a": [Money(1)], "b": 1}),
        ]:
            refused(evaluate(expression, **given), "`Money.__eq__`")
        assert evaluate("a == b", a=Money(1), b=Money(1), access="python").value is True

    def test_decimals(self) -> None:
        """Decimals are compared exactly, and the application's decimal context is left alone."""
        with decimal.localcontext() as context:
            context.clear_flags()
            price = decimal.Decimal("9.90")
            assert evaluate("a > 9", a=price).value is True
            assert evaluate("a == 9.5", a=decimal.Decimal("9.5")).value is True
            assert evaluate("a < 9.900000001", a=price).value is True
            assert evaluate("a < b", a=decimal.Decimal("nan"), b=price).value is False
            assert evaluate('a == "9.90"', a=price).value is False
            assert evaluate("float(a)", a=price).value == 9.9
            assert evaluate("int(a)", a=price).value == 9
            assert evaluate("str(a)", a=price).value == "9.90"
            refused(evaluate("a + 1", a=price), "decimal context")
            assert not any(context.flags.values())

    def test_moments_in_zones(self) -> None:
        """Aware datetimes are compared where the zone is C code, and refused where it is not."""

        class Own(datetime.tzinfo):
            def utcoffset(self, moment: object) -> datetime.timedelta:
                raise AssertionError("utcoffset ran")

        utc = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
        berlin = datetime.datetime(2024, 7, 1, 14, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
        own = datetime.datetime(2024, 7, 1, tzinfo=Own())
        assert evaluate("a == b", a=utc, b=berlin).value is True
        assert evaluate("str(a - b)", a=utc, b=berlin).value == "0:00:00"
        refused(evaluate("a == b", a=utc, b=own), "utcoffset")
        refused(evaluate("a - b", a=utc, b=own), "utcoffset")

    def test_percent_does_not_format(self) -> None:
        """`%` on a string or bytes is an error, not formatting."""
        for text in ["%s", b"%s", Name("%s")]:
            assert evaluate("a % b", a=text, b=Plain()).kind == "type"


class TestFunctions:
    """The language's own functions."""

    @pytest.mark.parametrize(
        ("expression", "o", "value"),
        [
            ("str(o)", Name("abc"), "abc"),
            ("str(o)", datetime.datetime.fromisoformat("2024-01-02T03:04:05.000006"), "2024-01-02 03:04:05.000006"),
            ("str(o)", datetime.date(2024, 1, 2), "2024-01-02"),
            ("str(o)", datetime.time(1, 2, tzinfo=datetime.UTC), "01:02:00+00:00"),
            ("str(o)", datetime.timedelta(-1, 5), "-1 day, 0:00:05"),
            ("str(o)", uuid.UUID(int=5), str(uuid.UUID(int=5))),
            ("str(o)", pathlib.PurePosixPath("/a//b/./c"), "/a/b/c"),
            ("str(o)", pathlib.PurePosixPath("a") / "b" / "../c", "a/b/../c"),
            ("str(o)", pathlib.PurePosixPath(), "."),
            ("str(o)", Color.RED, "Color.RED"),
            ("str(o)", KeyError("k"), "'k'"),
            ("str(o)", ValueError("a", 1), "('a', 1)"),
            ("str(o)", FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
            ("int(o)", Level.HIGH, 3),
            ("type(o)", Color.RED, f"{Color.__module__}.Color"),
            ("type(o)", decimal.Decimal(1), "decimal.Decimal"),
            ("abs(o)", 3 + 4j, 5.0),
        ],
    )
    def test_values(self, expression: str, o: object, value: object) -> None:
        """Each function gives what Python gives for built-in values."""
        assert evaluate(expression, o=o) == Outcome(value, None, None)

    @pytest.mark.parametrize(
        ("expression", "o", "kind"),
        [
            ("str(o)", Plain(), "type"),
            ("str(o)", Money(1), "refused"),
            ("str(o)", KeyError(Plain()), "refused"),
        ],
    )
    def test_failures(self, expression: str, o: object, kind: str) -> None:
        """Each function fails where Python fails, or where only the application knows."""
        assert evaluate(expression, o=o).kind == kind


EXPRESSIONS = [
    "o", "o.name", "o.data", "o.function", "o.computed", "o.real", "o.args", "o[0]", 'o["a"]', "o[o]", "o[1:]", "o[o:]",
    "bool(o)", "!o", "o && 1", "o == o", "o == 1", "1 == o", "o != o", "o < 1", "1 < o", 'o < "a"', "o == None",
    "o is None", "o in l", "1 in o", '"a" in o', "o in s", "o in d", 'o in "abc"', "o in r", 'o in ["a", 1]', "l == m",
    "d == e", "-o", "+o", "o + o", "o + 1", "1 + o", 'o + "a"', "o - 1", "o * 2", "2 * o", "l * o", "o / 2", "o // 2",
    "o % 2", "len(o)", "str(o)", "int(o)", "float(o)", "type(o)", "lower(o)", 'startswith(o, "a")', 'endswith("a", o)',
    "abs(o)", "min(o, 1)", "max(1, o)", "round(o)", "round(1.5, o)", "d[o]",
    'matches(o, "a")', "stack(o)", "l", "d", "x", "z", "t.name", "v.name",
]  # fmt: skip


@pytest.mark.parametrize("kind", hostile_objects())
def test_no_method_of_a_hostile_object_runs(kind: str) -> None:
    """Whatever is done with an object whose every method counts, in a predicate or in a capture, none runs."""
    o = hostile_objects()[kind]
    error = ValueError(o)
    values: dict[str, Any] = {
        "o": o,
        "l": [o, 1],
        "m": [o, 2],
        "d": {"a": o},
        "e": {"a": [o]},
        "s": {1, 2},
        "r": range(9),
        "x": error,
        "z": [("name", o), {"k": (o, [o])}],
        "t": types.SimpleNamespace(name=o),
        "v": type("Holder", (), {"name": o})(),
    }
    touches.clear()
    for expression in EXPRESSIONS:
        evaluate(expression, **values)
        assert touches == [], expression
        evaluate(f"{expression} == 3 && 1", **values)
        assert touches == [], expression


def test_concurrent_changes() -> None:
    """Containers that another thread changes meanwhile cause no error and no crash."""
    shared: dict[Any, Any] = {n: n for n in range(500)}
    items = list(range(500))
    stop = threading.Event()

    def change() -> None:
        n = 1000
        while not stop.is_set():
            n += 1
            shared[n] = n
            shared.pop(n - 400, None)
            items.append(n)
            del items[:2]
            items.insert(0, n)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            for expression in ["d", "l", "d == e", "7 in l", "l[0]"]:
                assert evaluate(expression, d=shared, e=dict(shared), l=items).kind is None
    finally:
        stop.set()
        thread.join()
