"""Methods of every kind, and the methods by which Python itself calls a class."""

import abc
import enum
import functools
import gc
import operator
import pickle
import weakref
from typing import Any, Generic, Protocol, TypeVar

from tests.hogtrace.callables import Call, Rows, row

T = TypeVar("T")


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)

    def __instancecheck__(cls, instance):
        return instance == 1

    def named(cls, a):
        return a

    @classmethod
    def __prepare__(mcs, name, bases, **options):
        return {"prepared": True}

    def __new__(mcs, name, bases, space, **options):
        return super().__new__(mcs, name, bases, space)

    def __init__(cls, name, bases, space, **options):
        super().__init__(name, bases, space)


class Made(metaclass=Meta):
    def __init__(self, a):
        self.a = a


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return 1

    def __set__(self, instance, value):
        pass

    def __delete__(self, instance):
        pass


class Base(abc.ABC):
    def __init_subclass__(cls, /, flag=False, **options):
        cls.flag = flag

    @abc.abstractmethod
    def abstract(self, a):
        return a + 1

    def inherited(self, a):
        return a

    @classmethod
    def make(cls):
        return cls()

    @property
    def both(self):
        return 1


class Box(Base):
    described = Descriptor()

    def __new__(cls, *args):
        return super().__new__(cls)

    def __init__(self, a=0):
        super().__init__()
        self._a = a

    def __class_getitem__(cls, item):
        return item

    def method(self, a, *, b=1):
        return a + b

    def abstract(self, a):
        return super().abstract(a) * 2

    def explicit(self, a):
        return super(Box, self).inherited(a)

    def uses_class(self):
        return __class__.__name__

    def unbound(this, a):
        return a

    def rebinds_self(self, a):
        self = a
        return self

    @staticmethod
    def static(a):
        return a

    @classmethod
    def class_method(cls, a):
        return cls.__name__, a

    @classmethod
    def make(cls):
        return super().make()

    @property
    def size(self):
        return self._a

    @size.setter
    def size(self, value):
        self._a = value

    @size.deleter
    def size(self):
        self._a = 0

    @functools.cached_property
    def heavy(self):
        return 5

    @property
    def both(self):
        return super().both

    def __private(self, a):
        return a

    def calls_private(self, a):
        return self.__private(a)

    @functools.lru_cache
    def cached(self, a):
        return a

    def of_partial(self, a, b):
        return a, b

    half = functools.partialmethod(of_partial, 1)

    @functools.singledispatchmethod
    def dispatched(self, a):
        return "any"

    @dispatched.register
    def dispatched_int(self, a: int):
        return "int"

    def numbers(self, n):
        yield from range(n)

    async def fetch(self, a):
        return a

    class Inner:
        def method(self, a):
            return a


class Child(Box):
    pass


class Python:
    """What operators and built-in functions call."""

    def __call__(self, a):
        return a

    def __eq__(self, other):
        return other == 1

    def __lt__(self, other):
        return True

    def __hash__(self):
        return 7

    def __bool__(self):
        return False

    def __len__(self):
        return 3

    def __contains__(self, item):
        return item == 1

    def __getitem__(self, key):
        return key

    def __setitem__(self, key, value):
        pass

    def __delitem__(self, key):
        pass

    def __iter__(self):
        return iter((1, 2))

    def __next__(self):
        raise StopIteration

    def __add__(self, other):
        return other

    def __radd__(self, other):
        return other

    def __iadd__(self, other):
        return self

    def __index__(self):
        return 1

    def __repr__(self):
        return "python"

    def __format__(self, spec):
        return spec

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        return True

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return name

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)

    def __dir__(self):
        return ["one"]

    def __reduce__(self):
        return Python, ()

    def __matmul__(self, other):
        return other

    def __round__(self, n=None):
        return n


class Asking:
    def __getattribute__(self, name):
        return name


class Deleted:
    def __init__(self, seen):
        self.seen = seen

    def __del__(self):
        self.seen.append("deleted")


class Slotted:
    __slots__ = ("_a", "__weakref__")

    def __init__(self, a):
        self._a = a

    def get(self):
        return self._a

    @property
    def a(self):
        return self._a


class Missing(dict):
    def __missing__(self, key):
        return key


class Color(enum.Enum):
    RED = 1
    BLUE = 2

    def describe(self, a):
        return self.name, a

    @classmethod
    def _missing_(cls, value):
        return cls.RED

    @property
    def shade(self):
        return "dark"


class Auto(enum.StrEnum):
    def _generate_next_value_(name, start, count, last_values):
        return name.lower()


class Speaks(Protocol):
    def speak(self, a: int) -> int:
        return a


class Dog(Speaks):
    pass


class Typed(Generic[T]):
    def get(self, a: T) -> T:
        return a


class Failing(Exception):
    def __init__(self, a):
        super().__init__(a)

    def __str__(self):
        return "failing"


def _outer_class(a):
    class Local:
        def method(self):
            return a

        @property
        def size(self):
            return super().__hash__() and a

    return Local


def _set(name: str, value: object) -> object:
    box = Box()
    setattr(box, name, value)
    return box._a


def _with_del() -> object:
    seen: list[str] = []
    Deleted(seen)
    return seen


def _twice_cached() -> object:
    box = Box()
    return box.heavy, box.heavy


def _cached() -> object:
    box = Box()
    return box.cached(1), box.cached(1), box.cached(2)


def _del(name: str) -> object:
    box = Box(3)
    delattr(box, name)
    return box._a


def _suppressed() -> object:
    with Python() as python:
        raise KeyError(1)
    return repr(python)


def _await(coroutine: Any) -> object:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    return None


def _in_place() -> object:
    python = Python()
    python += 1
    return repr(python)


def _item() -> None:
    python = Python()
    python[1] = 2
    del python[1]


def _subclass() -> object:
    class Flagged(Base, flag=True):
        pass

    return Flagged.flag


def _meta() -> object:
    made = Meta("Fresh", (), {"a": 1}, b=2)
    return made.__name__, "prepared" in vars(Made)


def _prepared() -> object:
    class Fresh(metaclass=Meta, flag=1):
        pass

    return Fresh.prepared


def _automatic() -> object:
    class Named(Auto):
        ONE = enum.auto()

    return [*Named]


def _descriptor() -> object:
    box = Box()
    box.described = 2
    del box.described
    return box.described


def _failing() -> object:
    try:
        raise Failing(1)
    except Failing as error:
        return str(error)


def _weak_method() -> object:
    box = Box()
    reference = weakref.WeakMethod(box.method)
    method = reference()
    assert method is not None
    return method(1)


def _slotted() -> object:
    return [Slotted(1).get(), Slotted(2).a]


def _local() -> object:
    cls = _outer_class(4)
    return cls().method(), cls().size


def _collect() -> object:
    seen: list[str] = []
    deleted = Deleted(seen)
    deleted.cycle = deleted
    del deleted
    gc.collect()
    return seen


ROWS: Rows = [
    row("Meta.__call__", lambda: Made(1).a, Call(("<Made>", 1), "<Made>")),
    row("Meta.__instancecheck__", lambda: isinstance(1, Made), Call(("<Made>", 1), True)),
    row("Meta.named", lambda: Made.named(1), Call(("<Made>", 1), 1)),
    row("Meta.__prepare__", _prepared, Call(("<Meta>", "Fresh", ()), {"prepared": True}, {"flag": 1})),
    row("Meta.__new__", _meta, Call(("<Meta>", "Fresh", (), {"a": 1}), "<Fresh>", {"b": 2})),
    row("Meta.__init__", _meta, Call(("<Fresh>", "Fresh", (), {"a": 1}), None, {"b": 2})),
    row("Made.__init__", lambda: Made(1).a, Call(("<Made>", 1))),
    row(
        "Descriptor.__set_name__",
        lambda: type("Holder", (), {"a": Descriptor()}).a,
        Call(("<Descriptor>", "<Holder>", "a")),
    ),
    row("Descriptor.__get__", _descriptor, Call(("<Descriptor>", "<Box>", "<Box>"), 1)),
    row("Descriptor.__set__", _descriptor, Call(("<Descriptor>", "<Box>", 2))),
    row("Descriptor.__delete__", _descriptor, Call(("<Descriptor>", "<Box>"))),
    row("Base.__init_subclass__", _subclass, Call(("<Flagged>", True))),
    row("Base.abstract", lambda: Box().abstract(1), Call(("<Box>", 1), 2)),
    row(
        "Base.inherited", lambda: (Box().inherited(1), Box().explicit(2)), Call(("<Box>", 1), 1), Call(("<Box>", 2), 2)
    ),
    row("Base.make", lambda: type(Box.make()).__name__, Call(("<Box>",), "<Box>")),
    row("Base.both", lambda: Box().both, Call(("<Box>",), 1)),
    row("Box.__new__", lambda: Box(1)._a, Call(("<Box>", 1), "<Box>")),
    row("Box.__new__", lambda: Child(1)._a, Call(("<Child>", 1), "<Child>")),
    row("Box.__init__", lambda: Box(1)._a, Call(("<Box>", 1))),
    row("Box.__init__", lambda: Child(1)._a, Call(("<Child>", 1))),
    row("Box.__class_getitem__", lambda: Box[1], Call(("<Box>", 1), 1)),
    row("Box.method", lambda: Box().method(1), Call(("<Box>", 1), 2, {"b": 1})),
    row("Box.method", lambda: Box.method(Box(), 1, b=2), Call(("<Box>", 1), 3, {"b": 2})),
    row("Box.method", lambda: operator.methodcaller("method", 1)(Box()), Call(("<Box>", 1), 2, {"b": 1})),
    row("Box.method", _weak_method, Call(("<Box>", 1), 2, {"b": 1})),
    row("Box.abstract", lambda: Box().abstract(1), Call(("<Box>", 1), 4)),
    row("Box.explicit", lambda: Box().explicit(1), Call(("<Box>", 1), 1)),
    row("Box.uses_class", lambda: Box().uses_class(), Call(("<Box>",), "Box")),
    row("Box.unbound", lambda: Box().unbound(1), Call(("<Box>", 1), 1)),
    row("Box.rebinds_self", lambda: Box().rebinds_self(1), Call(("<Box>", 1), 1)),
    row("Box.static", lambda: (Box.static(1), Box().static(2)), Call((1,), 1), Call((2,), 2)),
    row("Box.class_method", lambda: Child().class_method(1), Call(("<Child>", 1), ("Child", 1))),
    row("Box.make", lambda: type(Box.make()).__name__, Call(("<Box>",), "<Box>")),
    row("Box.size", lambda: Box(2).size, Call(("<Box>",), 2)),
    row("Box.size.fget", lambda: Box(2).size, Call(("<Box>",), 2)),
    row("Box.size.fset", lambda: _set("size", 3), Call(("<Box>", 3))),
    row("Box.size.fdel", lambda: _del("size"), Call(("<Box>",))),
    row("Box.heavy", _twice_cached, Call(("<Box>",), 5)),
    row("Box.both", lambda: Box().both, Call(("<Box>",), 1)),
    row("Box.__private", lambda: Box().calls_private(1), Call(("<Box>", 1), 1)),
    row("Box.cached", _cached, Call(("<Box>", 1), 1), Call(("<Box>", 2), 2)),
    row("Box.of_partial", lambda: Box().half(2), Call(("<Box>", 1, 2), (1, 2))),
    row("Box.half", lambda: Box().half(2), Call(("<Box>", 1, 2), (1, 2))),
    row("Box.dispatched", lambda: (Box().dispatched("a"), Box().dispatched(1)), Call(("<Box>", "a"), "any")),
    row("Box.dispatched_int", lambda: (Box().dispatched("a"), Box().dispatched(1)), Call(("<Box>", 1), "int")),
    row("Box.numbers", lambda: list(Box().numbers(2)), Call(("<Box>", 2))),
    row("Box.fetch", lambda: _await(Box().fetch(2)), Call(("<Box>", 2), 2)),
    row("Box.Inner.method", lambda: Box.Inner().method(2), Call(("<Inner>", 2), 2)),
    row("Python.__call__", lambda: Python()(1), Call(("<Python>", 1), 1)),
    row("Python.__eq__", lambda: Python() == 1, Call(("<Python>", 1), True)),
    row("Python.__lt__", lambda: Python() < 1, Call(("<Python>", 1), True)),
    row("Python.__hash__", lambda: hash(Python()), Call(("<Python>",), 7)),
    row("Python.__bool__", lambda: not Python(), Call(("<Python>",), False)),
    row("Python.__len__", lambda: len(Python()), Call(("<Python>",), 3)),
    row("Python.__contains__", lambda: 1 in Python(), Call(("<Python>", 1), True)),
    row("Python.__getitem__", lambda: Python()[1:2], Call(("<Python>", "<slice>"), "<slice>")),
    row("Python.__setitem__", _item, Call(("<Python>", 1, 2))),
    row("Python.__delitem__", _item, Call(("<Python>", 1))),
    row("Python.__iter__", lambda: list(Python()), Call(("<Python>",), "<tuple_iterator>")),
    row("Python.__next__", lambda: next(Python(), 5), Call(("<Python>",), error="StopIteration")),
    row("Python.__add__", lambda: Python() + 1, Call(("<Python>", 1), 1)),
    row("Python.__radd__", lambda: 1 + Python(), Call(("<Python>", 1), 1)),
    row("Python.__iadd__", _in_place, Call(("<Python>", 1), "<Python>")),
    row("Python.__index__", lambda: [1, 2][Python()], Call(("<Python>",), 1)),
    row("Python.__repr__", lambda: f"{Python()!r}", Call(("<Python>",), "python")),
    row("Python.__format__", lambda: f"{Python():x}", Call(("<Python>", "x"), "x")),
    row("Python.__enter__", _suppressed, Call(("<Python>",), "<Python>")),
    row("Python.__exit__", _suppressed, Call(("<Python>", "<KeyError>", "<KeyError>", "<traceback>"), True)),
    row("Python.__getattr__", lambda: Python().other, Call(("<Python>", "other"), "other")),
    row("Python.__setattr__", lambda: setattr(Python(), "a", 1), Call(("<Python>", "a", 1))),
    row("Python.__dir__", lambda: dir(Python()), Call(("<Python>",), ["one"])),
    row("Python.__reduce__", lambda: repr(pickle.loads(pickle.dumps(Python()))), Call(("<Python>",), ("<Python>", ()))),
    row("Python.__matmul__", lambda: Python() @ 1, Call(("<Python>", 1), 1)),
    row("Python.__round__", lambda: round(Python(), 2), Call(("<Python>", 2), 2)),
    row("Asking.__getattribute__", lambda: Asking().a, Call(("<Asking>", "a"), "a")),
    row("Deleted.__del__", _with_del, Call(("<Deleted>",))),
    row("Deleted.__del__", _collect, Call(("<Deleted>",))),
    row("Slotted.__init__", _slotted, Call(("<Slotted>", 1)), Call(("<Slotted>", 2))),
    row("Slotted.get", _slotted, Call(("<Slotted>",), 1)),
    row("Slotted.a", _slotted, Call(("<Slotted>",), 2)),
    row("Missing.__missing__", lambda: Missing()[1], Call(({}, 1), 1)),
    row("Color.describe", lambda: Color.RED.describe(1), Call(("<Color>", 1), ("RED", 1))),
    row("Color._missing_", lambda: Color(9).name, Call(("<Color>", 9), "<Color>")),
    row("Color.shade", lambda: Color.RED.shade, Call(("<Color>",), "dark")),
    row("Auto._generate_next_value_", _automatic, Call(("ONE", 1, 0, []), "one")),
    row("Speaks.speak", lambda: Dog().speak(1), Call(("<Dog>", 1), 1)),
    row("Typed.get", lambda: Typed[int]().get(1), Call(("<Typed>", 1), 1)),
    row("Failing.__init__", _failing, Call(("<Failing>", 1))),
    row("Failing.__str__", _failing, Call(("<Failing>",), "failing")),
    row("_outer_class.<locals>.Local.method", _local, Call(("<Local>",), 4)),
    row("_outer_class.<locals>.Local.size", _local, Call(("<Local>",), 4)),
]
