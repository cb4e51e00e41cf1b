"""The ways that control takes through a code object, and how deep the stack is on them."""

import opcode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from opcode import opmap, opname, stack_effect
from types import CodeType
from typing import NamedTuple, Self

from hogtrace.errors import WeaveError
from hogtrace.weave.instructions import EXTENDED_ARG, UNIT, VERSION
from hogtrace.weave.tables import Handler, read_handlers

_CACHE = opmap["CACHE"]
_RETURN_GENERATOR = opmap["RETURN_GENERATOR"]
_STOPS = frozenset(
    opmap[name]
    for name in (
        *("RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"),
        *("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
    )
    if name in opmap
)
"""After these the next instruction does not follow."""
_FORWARD = frozenset(opmap[name] for name in VERSION.forward) if VERSION else frozenset()
# END_ASYNC_FOR names a place on some versions; it does not jump there.
_BACKWARD = frozenset(opmap[name] for name in VERSION.backward if name != "END_ASYNC_FOR") if VERSION else frozenset()
_WITH_ARGUMENT = frozenset(getattr(opcode, "hasarg", range(opcode.HAVE_ARGUMENT, 256)))


class Step(NamedTuple):
    """One instruction; all places are units of the code."""

    first: int
    """Where it begins, with its prefixes."""
    following: int
    """Where the next one begins, behind its caches."""
    opcode: int
    argument: int
    target: int | None
    """Where it may jump to."""

    @property
    def name(self) -> str:
        """What the instruction is called."""
        return opname[self.opcode]

    @property
    def falls(self) -> bool:
        """Whether control may go on with the next instruction."""
        return self.opcode not in _STOPS

    def effect(self, *, jump: bool) -> int:
        """Give how many values it adds to the stack."""
        if self.opcode == _RETURN_GENERATOR:
            return 1  # 3.11 counts the value that the first resumption pushes as there from the beginning
        return stack_effect(self.opcode, self.argument if self.opcode in _WITH_ARGUMENT else None, jump=jump)


class Way(NamedTuple):
    """A way by which control comes to an instruction: from the one that begins at `source`."""

    source: int
    jumps: bool


@dataclass(frozen=True)
class Flow:
    """The instructions of a code object, by where they begin and in their order, and what joins them."""

    steps: Mapping[int, Step]
    handlers: tuple[Handler, ...]

    @classmethod
    def of(cls, code: CodeType) -> Self:
        """Read a code object."""
        return cls({step.first: step for step in _steps(code.co_code)}, tuple(read_handlers(code.co_exceptiontable)))

    @cached_property
    def depths(self) -> Mapping[int, int]:
        """How many values lie on the stack before each instruction that control can reach.

        Raises `WeaveError` where that depends on the way taken: no compiler gives such code.
        """
        covering = {first: handler for handler in self.handlers for first in range(handler.start, handler.end)}
        depths: dict[int, int] = {}
        pending = [(0, 0)]
        while pending:
            first, depth = pending.pop()
            if first in depths:
                if depths[first] != depth:
                    raise WeaveError("the stack is not as compilers leave it")
                continue
            step = self.steps.get(first)
            if step is None or depth < 0:
                raise WeaveError("the stack is not as compilers leave it")
            depths[first] = depth
            if step.falls:
                pending.append((step.following, depth + step.effect(jump=False)))
            if step.target is not None:
                pending.append((step.target, depth + step.effect(jump=True)))
            if (handler := covering.get(first)) is not None:
                pending.append((handler.target, handler.depth + handler.lasti + 1))
        return depths

    @cached_property
    def ways(self) -> Mapping[int, tuple[Way, ...]]:
        """The ways to each instruction, but those of exceptions; only from where control can be."""
        ways: dict[int, list[Way]] = {}
        for first in sorted(self.depths):
            step = self.steps[first]
            if step.falls:
                ways.setdefault(step.following, []).append(Way(first, jumps=False))
            if step.target is not None:
                ways.setdefault(step.target, []).append(Way(first, jumps=True))
        return {first: tuple(found) for first, found in ways.items()}

    @cached_property
    def raising(self) -> Mapping[int, tuple[int, ...]]:
        """For each place where a handler begins, the instructions whose exceptions it handles."""
        raising: dict[int, list[int]] = {}
        for handler in self.handlers:
            covered = (first for first in range(handler.start, handler.end) if first in self.depths)
            raising.setdefault(handler.target, []).extend(covered)
        return {target: tuple(covered) for target, covered in raising.items()}


def _steps(units: bytes) -> Iterator[Step]:
    size = len(units) // UNIT
    first = index = argument = 0
    while index < size:
        code = units[UNIT * index]
        argument = argument << 8 | units[UNIT * index + 1]
        index += 1
        if code == EXTENDED_ARG:
            continue
        while index < size and units[UNIT * index] == _CACHE:
            index += 1
        target = None
        if code in _FORWARD:
            target = index + argument
        elif code in _BACKWARD:
            target = index - argument
        yield Step(first, index, code, argument, target)
        first, argument = index, 0
