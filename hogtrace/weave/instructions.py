"""What the weaver has to know about each version's bytecode, in one place.

Everything in `hogtrace.weave` that differs between CPython versions is a field of `Version`; the version that
runs is `VERSION`, or None where CPython is one that nobody has checked yet.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from opcode import opmap

EXTENDED_ARG = opmap["EXTENDED_ARG"]
UNIT = 2
"""Bytes of a code unit: one byte of opcode, one of argument."""


@dataclass(frozen=True, slots=True)
class Version:
    """The instruction set of one CPython version, as far as weaving meets it."""

    subscript: tuple[str, int]
    """The instruction for `a[b]` and its argument."""

    caches: dict[str, int]
    """Units of inline cache after an instruction; not named: none. Only what jumps or is inserted is
    listed."""

    forward: tuple[str, ...]
    """Jumps whose argument counts ahead from the next instruction."""

    backward: tuple[str, ...]
    """Jumps whose argument counts back from the next instruction."""

    checked_load: str
    """The instruction that loads a local and raises where it is unbound."""

    stores: tuple[str, ...]
    """Instructions that bind or unbind the local of their argument."""

    clears: tuple[str, ...]
    """Those of them that may leave the local unbound."""

    pairs: dict[str, tuple[bool, bool]]
    """Superinstructions on two locals: whether they store the one in the high, in the low four bits."""

    constant_return: bool
    """Whether RETURN_CONST exists."""

    stop_iteration_guard: bool
    """Whether a generator's body, its RESUME included, lies in a handler that turns StopIteration into
    RuntimeError."""

    resume_depth_bit: int
    """The bit of RESUME's argument by which close() skips the body's handlers; 0 where there is none."""


_STORES = ("STORE_FAST", "DELETE_FAST", "STORE_DEREF", "DELETE_DEREF")
_JUMPS_BACK = ("JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
_CONDITIONAL = ("POP_JUMP_IF_FALSE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE", "POP_JUMP_IF_TRUE")
_PAIRS = {
    "STORE_FAST_LOAD_FAST": (True, False),
    "STORE_FAST_STORE_FAST": (True, True),
}

VERSIONS: dict[tuple[int, int], Version] = {
    (3, 11): Version(
        subscript=("BINARY_SUBSCR", 0),
        caches={"BINARY_SUBSCR": 4, "STORE_SUBSCR": 1},
        forward=(
            "FOR_ITER",
            "JUMP_FORWARD",
            "JUMP_IF_FALSE_OR_POP",
            "JUMP_IF_TRUE_OR_POP",
            "POP_JUMP_FORWARD_IF_FALSE",
            "POP_JUMP_FORWARD_IF_NONE",
            "POP_JUMP_FORWARD_IF_NOT_NONE",
            "POP_JUMP_FORWARD_IF_TRUE",
            "SEND",
        ),
        backward=(
            *_JUMPS_BACK,
            "POP_JUMP_BACKWARD_IF_FALSE",
            "POP_JUMP_BACKWARD_IF_NONE",
            "POP_JUMP_BACKWARD_IF_NOT_NONE",
            "POP_JUMP_BACKWARD_IF_TRUE",
        ),
        checked_load="LOAD_FAST",
        stores=_STORES,
        clears=("DELETE_FAST",),
        pairs={},
        constant_return=False,
        stop_iteration_guard=False,
        resume_depth_bit=0,
    ),
    (3, 12): Version(
        subscript=("BINARY_SUBSCR", 0),
        caches={"BINARY_SUBSCR": 1, "STORE_SUBSCR": 1, "FOR_ITER": 1, "SEND": 1},
        forward=("FOR_ITER", "JUMP_FORWARD", "SEND", *_CONDITIONAL),
        backward=_JUMPS_BACK,
        checked_load="LOAD_FAST_CHECK",
        stores=_STORES,
        clears=("DELETE_FAST", "LOAD_FAST_AND_CLEAR"),
        pairs={},
        constant_return=True,
        stop_iteration_guard=True,
        resume_depth_bit=0,
    ),
    (3, 13): Version(
        subscript=("BINARY_SUBSCR", 0),
        caches={
            "BINARY_SUBSCR": 1,
            "STORE_SUBSCR": 1,
            "FOR_ITER": 1,
            "SEND": 1,
            "JUMP_BACKWARD": 1,
            **dict.fromkeys(_CONDITIONAL, 1),
        },
        forward=("FOR_ITER", "JUMP_FORWARD", "SEND", *_CONDITIONAL),
        backward=_JUMPS_BACK,
        checked_load="LOAD_FAST_CHECK",
        stores=_STORES,
        clears=("DELETE_FAST", "LOAD_FAST_AND_CLEAR"),
        pairs=_PAIRS,
        constant_return=True,
        stop_iteration_guard=True,
        resume_depth_bit=4,
    ),
    (3, 14): Version(
        subscript=("BINARY_OP", 26),
        caches={
            "BINARY_OP": 5,
            "STORE_SUBSCR": 1,
            "FOR_ITER": 1,
            "SEND": 1,
            "JUMP_BACKWARD": 1,
            **dict.fromkeys(_CONDITIONAL, 1),
        },
        forward=("FOR_ITER", "JUMP_FORWARD", "SEND", *_CONDITIONAL),
        # END_ASYNC_FOR does not jump, but names the end of its loop's SEND by a distance
        backward=(*_JUMPS_BACK, "END_ASYNC_FOR"),
        checked_load="LOAD_FAST_CHECK",
        stores=_STORES,
        clears=("DELETE_FAST", "LOAD_FAST_AND_CLEAR"),
        pairs=_PAIRS,
        constant_return=False,
        stop_iteration_guard=True,
        resume_depth_bit=4,
    ),
}

VERSION = VERSIONS.get(sys.version_info[:2]) if sys.implementation.name == "cpython" else None


@lru_cache(maxsize=1024)
def encode(name: str, argument: int = 0) -> bytes:
    """Give the code units of one instruction: EXTENDED_ARG as needed, the instruction, its empty caches."""
    opcode = opmap[name]
    caches = VERSION.caches.get(name, 0) if VERSION else 0
    if argument < 256:
        return bytes((opcode, argument)) + bytes(UNIT * caches)
    return prefix(argument) + bytes((opcode, argument & 255)) + bytes(UNIT * caches)


def prefix(argument: int) -> bytes:
    """Give the EXTENDED_ARG units that an instruction with this argument needs before it."""
    units = b""
    high = argument >> 8
    while high:
        units = bytes((EXTENDED_ARG, high & 255)) + units
        high >>= 8
    return units


def argument_at(code: bytes | bytearray, index: int) -> tuple[int, int]:
    """Give the argument of the instruction whose opcode is the unit `index`, and where its prefixes begin."""
    argument = code[UNIT * index + 1]
    first = index
    shift = 8
    while first and code[UNIT * (first - 1)] == EXTENDED_ARG:
        first -= 1
        argument |= code[UNIT * first + 1] << shift
        shift += 8
    return argument, first
