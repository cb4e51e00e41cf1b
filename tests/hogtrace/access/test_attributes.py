"""`object.name`: what it finds, and what it refuses."""

import array
import collections
import datetime
import os
import pathlib
import signal
import sys
import time
import types
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.hogtrace.access.samples import (
    Color,
    Fallback,
    Guarded,
    Level,
    Plain,
    Point,
    Slotted,
    refused,
)
from tests.hogtrace.evaluation import Outcome, evaluate

pytestmark = pytest.mark.usefixtures("each_host")


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

        async def asynchronous() -> AsyncIterator[None]:
            yield

        suspended = coroutine()
        with pytest.raises(ValueError, match="raised") as caught:
            raise ValueError("raised")
        for o, name in [
            (sys._getframe(), "f_back"),
            (generator.__code__, "co_code"),
            (generator(), "gi_frame"),
            (suspended, "cr_frame"),
            (asynchronous(), "ag_frame"),
            (caught.tb, "tb_frame"),
        ]:
            refused(evaluate(f"o.{name}", o=o), "no readable attributes")
        suspended.close()

    def test_what_an_error_of_the_application_holds(self) -> None:
        """The object that an `AttributeError` names is read as any other."""
        error = AttributeError("no", name="computed", obj=Plain())
        assert evaluate("o.obj.name", o=error).value == "stored"
        refused(evaluate("o.obj.computed", o=error), "is a property")

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
