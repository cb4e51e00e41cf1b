"""Code to insert, and what stands before an instruction where hooks of lines are called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hogtrace.errors import WeaveError
from hogtrace.weave.instructions import UNIT
from hogtrace.weave.tables import Handler


class Arrival(NamedTuple):
    """A place in a function's body where a line's hook is called, before the instruction that begins at `unit`."""

    unit: int
    past: frozenset[int]
    """Where the instructions begin from which control comes to `unit` without the hook being called."""


@dataclass(frozen=True, slots=True)
class LineCall:
    """A hook object of its own for one line of the function, the places where it is called, and what it is handed.

    `loads` are slots of the frame's locals, as in a `Plan`. With `token` the hook is handed the call's token too, which
    the plan has to leave on the stack.
    """

    hook: object
    arrivals: tuple[Arrival, ...]
    loads: tuple[int, ...] = ()
    token: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """Instructions to insert; `guards` are the handlers of loads in them that may fail, counted from the start."""

    code: bytes
    guards: tuple[Handler, ...]

    def __len__(self) -> int:
        return len(self.code) // UNIT

    def guards_at(self, place: int) -> Iterator[Handler]:
        """Give the handlers for the sequence at a place."""
        for start, end, target, depth, lasti in self.guards:
            yield Handler(place + start, place + end, place + target, depth, lasti)


@dataclass(slots=True)
class Landing:
    """What is put before one instruction for hooks of lines: a jump over some of them, then one block for each."""

    over: bytes
    blocks: list[tuple[frozenset[int], Sequence]]

    def __len__(self) -> int:
        return len(self.over) // UNIT + sum(len(block) for _, block in self.blocks)

    @property
    def code(self) -> bytes:
        """All of it."""
        return self.over + b"".join(block.code for _, block in self.blocks)

    @property
    def begin(self) -> int:
        """How far behind its start one lands who is to meet every hook."""
        return len(self.over) // UNIT

    def spared(self, source: int) -> int:
        """Give how many units of blocks control that comes from `source` leaves out."""
        skips = [source in past for past, _ in self.blocks]
        if skips != sorted(skips, reverse=True):
            raise WeaveError("the hooks of two lines are in each other's way")
        return sum(len(block) for skipped, (_, block) in zip(skips, self.blocks, strict=True) if skipped)

    def guards_at(self, place: int) -> Iterator[Handler]:
        """Give the handlers for the loads in all blocks."""
        place += self.begin
        for _, block in self.blocks:
            yield from block.guards_at(place)
            place += len(block)
