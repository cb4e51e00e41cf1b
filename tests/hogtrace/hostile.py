"""Objects whose methods count that they were called: a probe must leave the count at 0.

`hostile_objects` override everything at once. `one_override` goes through all names that a built-in type has and
overrides one at a time, so that everything else about the object is what the engine knows to be harmless.
"""

import collections
import contextlib
import datetime
import decimal
import pathlib
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

DUNDERS = [
    "__abs__", "__add__", "__and__", "__bool__", "__bytes__", "__call__", "__ceil__", "__complex__", "__contains__",
    "__del__", "__delitem__", "__dir__", "__divmod__", "__enter__", "__eq__", "__exit__", "__float__", "__floor__",
    "__floordiv__", "__format__", "__fspath__", "__ge__", "__getitem__", "__gt__", "__hash__", "__iadd__",
    "__index__", "__int__", "__invert__", "__iter__", "__le__", "__len__", "__length_hint__", "__lt__",
    "__matmul__", "__missing__", "__mod__", "__mul__", "__ne__", "__neg__", "__next__", "__or__", "__pos__",
    "__pow__", "__radd__", "__rdivmod__", "__reduce__", "__reduce_ex__", "__repr__", "__reversed__",
    "__rfloordiv__", "__rmod__", "__rmul__", "__round__", "__rsub__", "__rtruediv__", "__setitem__", "__sizeof__",
    "__str__", "__sub__", "__truediv__", "__trunc__", "__getattr__", "__getattribute__", "__instancecheck__",
    "__subclasscheck__", "__buffer__", "__get__", "__set__", "__copy__", "__deepcopy__", "__iter__", "__await__",
    "__aiter__", "__anext__", "__class_getitem__", "__mro_entries__", "__set_name__", "__getnewargs__",
    "__getstate__", "__setattr__", "__delattr__",
]  # fmt: skip

_NEEDED = frozenset(
    ["__new__", "__init__", "__init_subclass__", "__subclasshook__", "__class__", "__doc__", "__module__",
     "__dict__", "__slots__", "__weakref__", "__getstate__", "__reduce__", "__reduce_ex__", "__setstate__"]
)  # fmt: skip
"""What a class needs to make its objects, or what only picklers ask for."""


class Zone(datetime.tzinfo):
    """A time zone of the application."""

    def utcoffset(self, _moment: datetime.datetime | None) -> datetime.timedelta:
        """Be in Greenwich."""
        return datetime.timedelta()

    def dst(self, _moment: datetime.datetime | None) -> None:
        """Have no summer."""
        return


BASES: dict[str, Callable[[Any], Any]] = {
    "object": lambda made: made(object)(),
    "str": lambda made: made(str)("text"),
    "bytes": lambda made: made(bytes)(b"text"),
    "bytearray": lambda made: made(bytearray)(b"text"),
    "int": lambda made: made(int)(7),
    "float": lambda made: made(float)(7.5),
    "complex": lambda made: made(complex)(1 + 2j),
    "list": lambda made: made(list)([1, 2]),
    "tuple": lambda made: made(tuple)((1, 2)),
    "dict": lambda made: made(dict)({"a": 1}),
    "set": lambda made: made(set)(range(100)),
    "frozenset": lambda made: made(frozenset)(range(100)),
    "exception": lambda made: made(ValueError)("text"),
    "key error": lambda made: made(KeyError)("text"),
    "os error": lambda made: made(OSError)(2, "text"),
    "unicode error": lambda made: made(UnicodeDecodeError)("utf-8", b"x", 0, 1, "text"),
    "ordered dict": lambda made: made(collections.OrderedDict)({"a": 1}),
    "default dict": lambda made: made(collections.defaultdict)(None, {"a": 1}),
    "counter": lambda made: made(collections.Counter)("a"),
    "chain map": lambda made: made(collections.ChainMap)({"a": 1}),
    "user dict": lambda made: made(collections.UserDict)({"a": 1}),
    "deque": lambda made: made(collections.deque)([1, 2]),
    "date": lambda made: made(datetime.date)(2024, 1, 2),
    "datetime": lambda made: made(datetime.datetime)(2024, 10, 27, 2, fold=1),
    "aware datetime": lambda made: made(datetime.datetime)(
        2024, 10, 27, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1
    ),
    "datetime in a zone of the application": lambda made: datetime.datetime(2024, 10, 27, 2, tzinfo=made(Zone)()),
    "datetime in a kind of ZoneInfo": lambda made: datetime.datetime(
        2024, 10, 27, 2, tzinfo=made(zoneinfo.ZoneInfo).no_cache("Europe/Berlin")
    ),
    "time": lambda made: made(datetime.time)(1, tzinfo=datetime.UTC, fold=1),
    "timedelta": lambda made: made(datetime.timedelta)(1),
    "decimal": lambda made: made(decimal.Decimal)("1.5"),
    "uuid": lambda made: made(uuid.UUID)(int=5),
    "path": lambda made: made(pathlib.PurePosixPath)("a"),
    "module": lambda made: made(types.ModuleType)("text"),
    "namespace": lambda made: made(types.SimpleNamespace)(name=1),
    "named tuple": lambda made: made(collections.namedtuple("Pair", "name other"))(1, 2),  # noqa: PYI024
    "class": lambda made: made(type)("Class", (), {"name": 1}),
}
"""How to make an object of each kind, given what makes a class of a built-in one."""

touches: list[str] = []
"""The names of the methods that were called."""


def counted(name: str, real: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Make a method that counts its calls and then does what `real` does, or nothing."""

    def method(self: object, *arguments: object, **named: object) -> Any:
        touches.append(name)
        return NotImplemented if real is None else real(self, *arguments, **named)

    return method


class CountingMeta(type):
    """A metaclass whose methods count too."""

    # The type checker rightly finds these to be no methods of `type`; that is what is hostile about them.
    __getattribute__ = counted("meta.__getattribute__", type.__getattribute__)  # type: ignore[assignment]
    __eq__ = counted("meta.__eq__", type.__eq__)  # type: ignore[assignment]
    __hash__ = counted("meta.__hash__", type.__hash__)  # type: ignore[assignment]
    __repr__ = counted("meta.__repr__", type.__repr__)  # type: ignore[assignment]
    __bool__ = counted("meta.__bool__")
    __len__ = counted("meta.__len__")
    __iter__ = counted("meta.__iter__")
    __contains__ = counted("meta.__contains__")
    __getitem__ = counted("meta.__getitem__")
    __instancecheck__ = counted("meta.__instancecheck__", type.__instancecheck__)
    __subclasscheck__ = counted("meta.__subclasscheck__", type.__subclasscheck__)
    __call__ = type.__call__


class Descriptor:
    """A data descriptor whose access counts."""

    __get__ = counted("descriptor.__get__")
    __set__ = counted("descriptor.__set__")


class Function:
    """A descriptor without `__set__` whose access counts."""

    __get__ = counted("function.__get__")


class Key:
    """A key that counts how often it is hashed and compared, with the hash of `text`."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __hash__(self) -> int:
        touches.append("key.__hash__")
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        touches.append("key.__eq__")
        return self.text == other


class TextKey(str):
    """A name that is a string, and counts all the same."""

    __hash__ = counted("name.__hash__", str.__hash__)  # type: ignore[assignment]
    __eq__ = counted("name.__eq__", str.__eq__)  # type: ignore[assignment]
    __str__ = counted("name.__str__", str.__str__)


def hostile_class(base: type) -> type:
    """Make a class derived from `base` that overrides all there is to override, and lies about its class."""
    body: dict[str, Any] = {
        name: counted(name, getattr(base, name, None) if name == "__getattribute__" else None) for name in DUNDERS
    }
    body["__class__"] = property(counted("__class__"))
    body["data"] = Descriptor()
    body["function"] = Function()
    body["computed"] = property(counted("computed"))
    return CountingMeta(f"Hostile{base.__name__.title()}", (base,), body)


def hostile_objects() -> dict[str, Any]:
    """One object of each hostile class, by the name of the built-in type; the count is 0 afterwards."""
    made = {
        "object": hostile_class(object)(),
        "str": hostile_class(str)("text"),
        "bytes": hostile_class(bytes)(b"text"),
        "bytearray": hostile_class(bytearray)(b"text"),
        "int": hostile_class(int)(7),
        "float": hostile_class(float)(7.5),
        "complex": hostile_class(complex)(1 + 2j),
        "list": hostile_class(list)([1, 2]),
        "tuple": hostile_class(tuple)((1, 2)),
        "dict": hostile_class(dict)({"a": 1}),
        "set": hostile_class(set)(),
        "frozenset": hostile_class(frozenset)(),
        "exception": hostile_class(ValueError)("text"),
        "deque": hostile_class(collections.deque)([1, 2]),
        "decimal": hostile_class(decimal.Decimal)("1.5"),
        "datetime": hostile_class(datetime.datetime)(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        "class": hostile_class(object),
    }
    touches.clear()
    return made


def _names(base: type) -> list[str]:
    """All names that a class derived from `base` can override to be asked."""
    return sorted({*dir(base), *DUNDERS} - _NEEDED)


def one_override(kind: str) -> Iterator[tuple[str, Any]]:
    """Give objects of that kind, each of a class that overrides one name alone, with that name."""
    base: list[type] = []

    def note(given: type) -> type:
        base.append(given)
        return given

    with contextlib.suppress(TypeError):  # some can only be made of a derived class
        BASES[kind](note)
    for name in _names(base[0]):
        real = getattr(base[0], name, None)
        behaves = real if callable(real) else None
        method = counted(f"{kind}.{name}", behaves)
        value = method if callable(real) or real is None else property(method)
        try:
            made = BASES[kind](lambda given, name=name, value=value: type(given)("Odd", (given,), {name: value}))
        except (TypeError, ValueError, AttributeError):  # what the type needs to make an object at all
            continue
        yield name, made
