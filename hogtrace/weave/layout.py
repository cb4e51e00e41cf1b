"""Where a code object keeps its variables, and what its body does to them."""

import re
from collections.abc import Iterator
from opcode import opmap
from types import CodeType

from hogtrace.weave.instructions import UNIT, VERSION, argument_at

CO_VARARGS = 0x4
CO_VARKEYWORDS = 0x8


def slot_names(code: CodeType) -> tuple[str, ...]:
    """Name the slots in their order: parameters and locals, then other cells, then closure variables."""
    cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
    return code.co_varnames + cells + code.co_freevars


def parameter_count(code: CodeType) -> int:
    """Give how many slots, from the first, are parameters; `*args` and `**kwargs` count as one each."""
    flags = code.co_flags
    return code.co_argcount + code.co_kwonlyargcount + bool(flags & CO_VARARGS) + bool(flags & CO_VARKEYWORDS)


def rebinds(code: CodeType) -> frozenset[int]:
    """Give the parameter slots that the body may bind anew or delete, in functions inside it too.

    What is stored through a frame, `exec` or a cell object from outside cannot be seen. A comprehension's
    variable that has a parameter's name counts where CPython inlines the comprehension.
    """
    parameters = parameter_count(code)
    stored = {slot for slot in _stored(code) if slot < parameters}
    cells = {name: slot for slot, name in enumerate(code.co_varnames[:parameters]) if name in code.co_cellvars}
    if cells:
        stored.update(cells[name] for name in _stored_inside(code, frozenset(cells)))
    return frozenset(stored)


def clears(code: CodeType) -> frozenset[int]:
    """Give the slots that the body itself may leave unbound after they were bound."""
    return frozenset(_arguments(code, _CLEARS))


def _stored(code: CodeType) -> Iterator[int]:
    """Give the slots that `code` itself binds or deletes."""
    yield from _arguments(code, _STORES)
    if VERSION:
        for name, (high, low) in VERSION.pairs.items():
            for argument in _arguments(code, _pattern((name,))):
                if high:
                    yield argument >> 4
                if low:
                    yield argument & 15


def _stored_inside(code: CodeType, names: frozenset[str]) -> Iterator[str]:
    """Give those of `names`, variables of `code`, that functions defined in it bind or delete."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and (shared := names.intersection(inner.co_freevars)):
            slots = slot_names(inner)
            yield from shared.intersection(slots[slot] for slot in _stored(inner))
            yield from _stored_inside(inner, shared)


def _arguments(code: CodeType, opcodes: re.Pattern[bytes]) -> Iterator[int]:
    # Inline caches read as zeros in `co_code`, so that every second byte is an opcode or nothing.
    units = code.co_code
    for match in opcodes.finditer(units[::UNIT]):
        yield argument_at(units, match.start())[0]


def _pattern(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(b"[" + b"".join(re.escape(bytes((opmap[name],))) for name in names) + b"]")


_STORES = _pattern(VERSION.stores) if VERSION else re.compile(b"(?!)")
_CLEARS = _pattern(VERSION.clears) if VERSION else re.compile(b"(?!)")
