"""Objects of every built-in kind whose every method counts that it was called: a probe must leave the count at 0."""

from collections.abc import Callable
from typing import Any

DUNDERS = [
    "__abs__", "__add__", "__and__", "__bool__", "__bytes__", "__call__", "__ceil__", "__complex__", "__contains__",
    "__delitem__", "__dir__", "__divmod__", "__enter__", "__eq__", "__exit__", "__float__", "__floor__",
    "__floordiv__", "__format__", "__fspath__", "__ge__", "__getitem__", "__gt__", "__hash__", "__iadd__",
    "__index__", "__int__", "__invert__", "__iter__", "__le__", "__len__", "__length_hint__", "__lt__",
    "__matmul__", "__missing__", "__mod__", "__mul__", "__ne__", "__neg__", "__next__", "__or__", "__pos__",
    "__pow__", "__radd__", "__rdivmod__", "__reduce__", "__reduce_ex__", "__repr__", "__reversed__",
    "__rfloordiv__", "__rmod__", "__rmul__", "__round__", "__rsub__", "__rtruediv__", "__setitem__", "__sizeof__",
    "__str__", "__sub__", "__truediv__", "__trunc__", "__getattr__", "__getattribute__", "__instancecheck__",
    "__subclasscheck__", "__buffer__",
]  # fmt: skip

touches: list[str] = []
"""The names of the methods that were called."""


def _counted(name: str, real: Callable[..., Any] | None = None) -> Callable[..., Any]:
    def method(self: object, *arguments: object) -> Any:
        touches.append(name)
        return NotImplemented if real is None else real(self, *arguments)

    return method


class CountingMeta(type):
    """A metaclass whose methods count too."""

    # The type checker rightly finds these to be no methods of `type`; that is what is hostile about them.
    __getattribute__ = _counted("meta.__getattribute__", type.__getattribute__)  # type: ignore[assignment]
    __eq__ = _counted("meta.__eq__", type.__eq__)  # type: ignore[assignment]
    __hash__ = _counted("meta.__hash__", type.__hash__)  # type: ignore[assignment]
    __repr__ = _counted("meta.__repr__", type.__repr__)  # type: ignore[assignment]
    __bool__ = _counted("meta.__bool__")
    __len__ = _counted("meta.__len__")
    __iter__ = _counted("meta.__iter__")
    __contains__ = _counted("meta.__contains__")
    __getitem__ = _counted("meta.__getitem__")
    __instancecheck__ = _counted("meta.__instancecheck__", type.__instancecheck__)
    __subclasscheck__ = _counted("meta.__subclasscheck__", type.__subclasscheck__)
    __call__ = type.__call__


class Descriptor:
    """A data descriptor whose access counts."""

    __get__ = _counted("descriptor.__get__")
    __set__ = _counted("descriptor.__set__")


class Function:
    """A descriptor without `__set__` whose access counts."""

    __get__ = _counted("function.__get__")


def hostile_class(base: type) -> type:
    """Make a class derived from `base` that overrides all there is to override, and lies about its class."""
    body: dict[str, Any] = {
        name: _counted(name, getattr(base, name, None) if name == "__getattribute__" else None) for name in DUNDERS
    }
    body["__class__"] = property(_counted("__class__"))
    body["data"] = Descriptor()
    body["function"] = Function()
    body["computed"] = property(_counted("computed"))
    return CountingMeta(f"Hostile{base.__name__.title()}", (base,), body)


def hostile_objects() -> dict[str, Any]:
    """One object of each hostile class, by the name of the built-in type; the count is 0 afterwards."""
    made = {
        "object": hostile_class(object)(),
        "str": hostile_class(str)("text"),
        "bytes": hostile_class(bytes)(b"text"),
        "int": hostile_class(int)(7),
        "float": hostile_class(float)(7.5),
        "list": hostile_class(list)([1, 2]),
        "tuple": hostile_class(tuple)((1, 2)),
        "dict": hostile_class(dict)({"a": 1}),
        "set": hostile_class(set)(),
        "frozenset": hostile_class(frozenset)(),
        "exception": hostile_class(ValueError)("text"),
        "class": hostile_class(object),
    }
    touches.clear()
    return made
