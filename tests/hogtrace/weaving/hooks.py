"""Hooks to weave in: one that records, and one that is as quick and as quiet as the engine's."""

import ctypes
from typing import Any


class Recorder:
    """A hook in Python that keeps what it is handed; it is its own token."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __getitem__(self, values: object) -> "Recorder":
        self.events.append(("enter", values))
        return self

    def __setitem__(self, values: object, returned: object) -> None:
        self.events.append(("return", values, returned))

    def __delitem__(self, raised: tuple[Any, ...]) -> None:
        exception, *values = raised
        self.events.append(("unwind", tuple(values), exception))

    @property
    def story(self) -> list[str]:
        """Give what happened, an unwind with the type of its exception."""
        return [event[0] if event[0] != "unwind" else type(event[2]).__name__ for event in self.events]


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


def _make_quiet_type() -> type:
    """Make a type whose item slots are functions of CPython that do nothing.

    `PyObject_SelfIter` gives its first argument back; `PyIndex_Check` gives 0, which means success here,
    because the type has no `__index__`. Neither looks at its other arguments.
    """
    api = ctypes.pythonapi
    mp_ass_subscript, mp_subscript = 3, 5  # from CPython's typeslots.h
    address = {
        mp_subscript: ctypes.cast(api.PyObject_SelfIter, ctypes.c_void_p),
        mp_ass_subscript: ctypes.cast(api.PyIndex_Check, ctypes.c_void_p),
    }
    slots = (_Slot * 3)(*((slot, function.value) for slot, function in address.items()), (0, None))
    base_type = 1 << 10  # Py_TPFLAGS_BASETYPE
    spec = _Spec(b"tests.hogtrace.weaving.hooks.QuietSlots", object.__basicsize__, 0, base_type, slots)
    api.PyType_FromSpec.restype = ctypes.py_object
    made: type = api.PyType_FromSpec(ctypes.byref(spec))
    return made


QuietSlots: Any = _make_quiet_type()


class Quiet(QuietSlots):
    """A hook that does nothing, in C: no frame, no recursion check, no allocation, like the engine's."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type["Quiet"], tuple[()]]:
        return Quiet, ()
