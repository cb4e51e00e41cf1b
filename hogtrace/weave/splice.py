"""The weave itself: hook calls spliced into a function's code, everything else moved and left as it was.

The code is not taken apart and put together again: bytes between the places of insertion are copied, jumps,
handlers and lines are adjusted to the new distances. Every stack depth grows by one, for the token.
"""

import re
import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from opcode import opmap, opname
from operator import attrgetter
from types import CodeType

from hogtrace.errors import WeaveError
from hogtrace.weave import layout
from hogtrace.weave.flow import Flow
from hogtrace.weave.instructions import EXTENDED_ARG, UNIT, VERSION, Version, argument_at, encode, prefix
from hogtrace.weave.landing import Landing, LineCall, Sequence
from hogtrace.weave.tables import Handler, carve, read_handlers, stretch_lines, write_handlers

CO_OPTIMIZED = 0x1
CO_NEWLOCALS = 0x2

_RESUME = opmap["RESUME"]
_RESUME_PLACE = 3  # the bits of RESUME's argument that say where it stands; 0: at the function's start
_RETURN_VALUE = opmap["RETURN_VALUE"]
_RETURN_CONST = opmap["RETURN_CONST"] if VERSION and VERSION.constant_return else None
_RETURNS = frozenset({_RETURN_VALUE} if _RETURN_CONST is None else {_RETURN_VALUE, _RETURN_CONST})
_MAKE_CELL = opmap["MAKE_CELL"]
_LOAD_CONST = opmap["LOAD_CONST"]
_PROLOGUE = frozenset(
    opmap[name] for name in ("EXTENDED_ARG", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP")
)
_FORWARD = frozenset(opmap[name] for name in VERSION.forward) if VERSION else frozenset()
_BACKWARD = frozenset(opmap[name] for name in VERSION.backward) if VERSION else frozenset()
_CACHES = {opmap[name]: units for name, units in VERSION.caches.items()} if VERSION else {}
_MARKS = re.compile(
    b"[%s]"
    % re.escape(
        bytes(sorted(_FORWARD | _BACKWARD | _RETURNS | ({_RESUME} if VERSION and VERSION.resume_depth_bit else set())))
    )
)
# What ends a generator's body where StopIteration leaves it.
_STOP_ITERATION = (
    encode("CALL_INTRINSIC_1", 3) + encode("RERAISE", 1) if VERSION and VERSION.stop_iteration_guard else b""
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The values that the hooks are handed: slots of the frame's locals, to load at entry and at exit.

    A slot is an index into parameters and locals (`co_varnames`), then cells that are not among them, then
    closure variables. At entry and at a return the hook gets None for no slot, the value itself for one, a tuple for
    more; when an exception leaves the body, always a tuple, the exception before the values. A slot without a value
    gives the hook object itself.

    With `enters` false nothing is called at entry, and the hook object is every call's token; then `entry` is empty.
    With `leaves` false nothing is called when the body ends, whatever the hook of the entry gives is dropped, and
    `exit` is empty: there is no token. `lines` are the hooks of lines; of two that are called at one place, the one
    with more ways past it comes first, else the one that the plan names first.
    """

    entry: tuple[int, ...]
    exit: tuple[int, ...]
    enters: bool = True
    leaves: bool = True
    lines: tuple[LineCall, ...] = ()


def weave(code: CodeType, hook: object, plan: Plan) -> CodeType:
    """Give a copy of a function's `code` that hands `hook` the values of `plan` at entry and exit.

    `code` may be woven already: the new hook then begins before and ends after the other. Raises `WeaveError`
    for code that is not a function's or has no shape that a CPython compiler gives, and on a version of
    CPython that the weaver does not know; `ValueError` for a slot that the code does not have, and for a plan that
    loads values at an entry that it does not make.
    """
    if VERSION is None:
        raise WeaveError(f"functions cannot be probed on {sys.implementation.name} {sys.version.split()[0]}")
    if ~code.co_flags & (CO_OPTIMIZED | CO_NEWLOCALS):
        raise WeaveError("the code is a module's or a class's body, not a function's")
    if plan.entry and not plan.enters:
        raise ValueError("the plan loads values at the entry, and enters nothing")
    slots = range(len(layout.slot_names(code)))
    if not plan.leaves and (plan.exit or any(line.token for line in plan.lines)):
        raise ValueError("the plan needs a token that it does not keep")
    for slot in (*plan.entry, *plan.exit, *(slot for line in plan.lines for slot in line.loads)):
        if slot not in slots:
            raise ValueError(f"{code.co_qualname} has no slot {slot}")
    return _Splice(code, hook, plan, VERSION).woven()


@dataclass(slots=True)
class _Jump:
    """A jump of the old code: all indices in units of it, but `added`, the EXTENDED_ARGs that it gains."""

    first: int
    index: int
    following: int
    target: int
    backward: bool
    added: int = 0
    beyond: int = 0
    """How far behind what was put before its target it leads."""

    def argument(self, moved: Callable[[int], int]) -> int:
        distance = moved(self.target) + self.beyond - moved(self.following)
        return -distance if self.backward else distance


@dataclass(frozen=True, slots=True)
class _Insertion:
    """Code that comes in before the old unit `position`, or prefixes of a jump; old positions above `key` move."""

    key: int
    position: int
    code: bytes
    jump: _Jump | None = None

    def __len__(self) -> int:
        return self.jump.added if self.jump else len(self.code) // UNIT

    @property
    def order(self) -> tuple[int, int]:
        """What insertions are sorted by."""
        return self.key, self.position


class _Splice:
    """One weave, step by step; each step needs those before it."""

    def __init__(self, code: CodeType, hook: object, plan: Plan, version: Version) -> None:
        self.code = code
        self.plan = plan
        self.version = version
        self.units = bytearray(code.co_code)
        self.size = len(self.units) // UNIT
        self.consts = [*code.co_consts, hook]
        self.hook = len(code.co_consts)
        self.handlers = read_handlers(code.co_exceptiontable)
        self.parameters = range(layout.parameter_count(code))
        slots = len(layout.slot_names(code))
        self.free = range(slots - len(code.co_freevars), slots)
        reads_later = plan.exit or any(line.loads for line in plan.lines)
        self.cleared = layout.clears(code) if reads_later else frozenset()
        self.boxed: set[int] = set()
        self.resume = self._read_prologue()
        self.jumps: list[_Jump] = []
        self.returns: list[int] = []
        self._read_body()
        self.stop_iteration = self._stop_iteration_handler() if plan.leaves else None
        self.landings = self._landings()

    @cached_property
    def flow(self) -> Flow:
        """The ways through the old code; only hooks of lines need them."""
        return Flow.of(self.code)

    def woven(self) -> CodeType:
        """Give the woven code object."""
        enter = self._enter()
        leave = self._leave()
        unwind = self._unwind() if self.plan.leaves else Sequence(b"", ())
        insertions = self._insertions(enter, leave)
        moved, insertions = self._lay_out(insertions)
        out = self._assemble(moved, insertions)
        body = moved(self.resume + 1)
        end = len(out) // UNIT

        guards = [*enter.guards_at(body - len(enter))]
        for unit, landing in self.landings.items():
            guards += landing.guards_at(moved(unit))
        open_places = [(guard.start, guard.end) for guard in guards]
        holes = []
        for index in self.returns:
            start = moved(index) + self._landing_size(index) + (self.units[UNIT * index] == _LOAD_CONST)
            holes.append((start, moved(index + 1)))
            guards += leave.guards_at(start)
        guards += unwind.guards_at(end)
        open_places = sorted(open_places + holes)
        handlers = carve(self._body_handlers(moved, end), open_places) + guards

        out += unwind.code
        if self.stop_iteration is not None:
            # Where no token lies on the stack, the handler needs a copy for the depth that it used to have.
            copy = len(out) // UNIT
            out += _STOP_ITERATION
            first = moved(self.stop_iteration.start)
            bare = [Handler(start, stop, copy, 0, True) for start, stop in ((first, body), *holes)]
            handlers += carve(bare, sorted((guard.start, guard.end) for guard in guards))
        handlers.sort()

        grown = [(insertion.key, len(insertion)) for insertion in insertions if insertion.key != self.resume]
        tail = len(out) // UNIT - end
        blank = (self.resume + 1, len(enter))
        return self.code.replace(
            co_code=bytes(out),
            co_consts=tuple(self.consts),
            co_stacksize=self._stack_size(),
            co_exceptiontable=write_handlers(handlers),
            co_linetable=stretch_lines(self.code.co_linetable, self.size, grown, blank, tail),
        )

    def _stack_size(self) -> int:
        sizes = [self.code.co_stacksize + self.plan.leaves, 1 + max(1, len(self.plan.entry))]
        if self.plan.leaves:
            sizes.append(5 + max(1, len(self.plan.exit)))
        for line in self.plan.lines:
            deepest = max((self.flow.depths[arrival.unit] for arrival in line.arrivals), default=0)
            sizes.append(self.plan.leaves + deepest + 1 + line.token + max(1, len(line.loads)))
        return max(sizes)

    # What the old code holds

    def _read_prologue(self) -> int:
        """Find the RESUME at which every call begins, and the variables that are cells from there on."""
        index = 0
        while index < self.size and self.units[UNIT * index] in _PROLOGUE:
            if self.units[UNIT * index] == _MAKE_CELL:
                self.boxed.add(argument_at(self.units, index)[0])
            index += 1
        if index == self.size or self.units[UNIT * index] != _RESUME or self.units[UNIT * index + 1] & _RESUME_PLACE:
            raise WeaveError("the code does not begin as compiled functions do")
        return index

    def _read_body(self) -> None:
        """Find the jumps and returns; clear the bit that lets close() skip the handlers."""
        units = self.units
        for match in _MARKS.finditer(units[::UNIT], self.resume + 1):
            index = match.start()
            opcode = units[UNIT * index]
            if opcode in _RETURNS or opcode == _RESUME:
                if not self.plan.leaves:
                    continue
                if opcode == _RESUME:
                    units[UNIT * index + 1] &= ~self.version.resume_depth_bit
                    continue
                if opcode == _RETURN_CONST:
                    units[UNIT * index] = _LOAD_CONST
                self.returns.append(index)
            else:
                argument, first = argument_at(units, index)
                following = index + 1 + _CACHES.get(opcode, 0)
                backward = opcode in _BACKWARD
                target = following - argument if backward else following + argument
                if not self.resume < target < self.size:
                    raise WeaveError(f"{opname[opcode]} leads out of the function's body")
                self.jumps.append(_Jump(first, index, following, target, backward))

    def _stop_iteration_handler(self) -> Handler | None:
        """Find the handler that covers the prologue: generators have one, on some versions."""
        for handler in self.handlers:
            if handler.target <= self.resume or handler.end > self.size or handler.target >= self.size:
                raise WeaveError("an exception handler lies outside of the function's body")
        covering = [handler for handler in self.handlers if handler.start <= self.resume]
        if not covering:
            return None
        handler = covering[0]
        shape = self.units[UNIT * handler.target :][: len(_STOP_ITERATION)]
        if len(covering) > 1 or handler.depth or not handler.lasti or shape != _STOP_ITERATION or not shape:
            raise WeaveError("an exception handler covers the function's prologue")
        return handler

    # What is inserted

    def _enter(self) -> Sequence:
        """`token = hook[values]`, or `token = hook`, or without a token `hook[values]` or nothing."""
        if not self.plan.enters:
            return Sequence(encode("LOAD_CONST", self.hook) if self.plan.leaves else b"", ())
        dropped = b"" if self.plan.leaves else encode("POP_TOP")
        return self._sequence(
            [encode("LOAD_CONST", self.hook)],
            self.plan.entry,
            self._key(self.plan.entry) + encode(*self.version.subscript) + dropped,
            below=1,
            at_exit=False,
        )

    def _leave(self) -> Sequence:
        """`token[values] = result` with [token, result] on the stack; the result stays on it."""
        return self._sequence(
            [encode("COPY", 1), encode("SWAP", 3)],
            self.plan.exit,
            self._key(self.plan.exit) + encode("STORE_SUBSCR"),
            below=3,
            at_exit=True,
        )

    def _unwind(self) -> Sequence:
        """`del token[exception, *values]` with [token, lasti, exception] on the stack; it is raised again."""
        key = encode("BUILD_TUPLE", 1 + len(self.plan.exit))
        return self._sequence(
            [encode("COPY", 3), encode("COPY", 2)],
            self.plan.exit,
            key + encode("DELETE_SUBSCR") + encode("RERAISE", 1),
            below=5,
            at_exit=True,
        )

    def _landings(self) -> dict[int, Landing]:
        """Give what is put where hooks of lines are called."""
        found: dict[int, list[tuple[frozenset[int], Sequence]]] = {}
        for line in self.plan.lines:
            self.consts.append(line.hook)
            hook = len(self.consts) - 1
            for arrival in line.arrivals:
                depth = self.flow.depths.get(arrival.unit)
                if depth is None or arrival.unit <= self.resume:
                    raise ValueError(f"no hook of a line can be called at unit {arrival.unit}")
                found.setdefault(arrival.unit, []).append((arrival.past, self._call(line, hook, depth)))
        landings = {}
        for unit, blocks in sorted(found.items()):
            blocks.sort(key=lambda block: len(block[0]), reverse=True)
            landings[unit] = Landing(b"", blocks)
        for step in self.flow.steps.values() if landings else ():
            landing = landings.get(step.following)
            if landing is not None and step.falls and (spared := landing.spared(step.first)):
                landing.over = encode("JUMP_FORWARD", spared)
        return landings

    def _call(self, line: LineCall, hook: int, depth: int) -> Sequence:
        """`del hook[token, *values]`, where `depth` values of the body lie above the token."""
        depth += self.plan.leaves
        before = [encode("LOAD_CONST", hook)]
        if line.token:
            before.append(encode("COPY", depth + 1))
        if line.loads:
            key = encode("BUILD_TUPLE", line.token + len(line.loads))
        else:
            key = b"" if line.token else encode("LOAD_CONST", self._none())
        below = depth + 1 + line.token
        return self._sequence(before, line.loads, key + encode("DELETE_SUBSCR"), below=below, at_exit=True)

    def _landing_size(self, unit: int) -> int:
        landing = self.landings.get(unit)
        return len(landing) if landing else 0

    def _key(self, slots: tuple[int, ...]) -> bytes:
        """Make one value of those of the slots."""
        if not slots:
            return encode("LOAD_CONST", self._none())
        return encode("BUILD_TUPLE", len(slots)) if len(slots) > 1 else b""

    def _none(self) -> int:
        for index, constant in enumerate(self.consts):
            if constant is None:
                return index
        self.consts.append(None)
        return len(self.consts) - 1

    def _sequence(
        self, before: list[bytes], slots: tuple[int, ...], after: bytes, *, below: int, at_exit: bool
    ) -> Sequence:
        code = b"".join(before)
        guards = []
        unbound = encode("POP_TOP") + encode("LOAD_CONST", self.hook)
        for loaded, slot in enumerate(slots):
            load, may_fail = self._load(slot, at_exit=at_exit)
            code += load
            if may_fail:
                # The hook itself stands for the value that is not there. This lies here, and not at the end of
                # the code, because a jump back would show tracers the line again.
                failed = len(code) // UNIT
                code += encode("JUMP_FORWARD", len(unbound) // UNIT)
                guards.append(Handler(failed - 1, failed, len(code) // UNIT, below + loaded, False))
                code += unbound
        return Sequence(code + after, tuple(guards))

    def _load(self, slot: int, *, at_exit: bool) -> tuple[bytes, bool]:
        """Give the instruction that loads a slot, and whether it can find it unbound."""
        if not at_exit and slot not in self.parameters and slot not in self.free:
            return encode("LOAD_CONST", self.hook), False
        if slot in self.free or slot in self.boxed:
            return encode("LOAD_DEREF", slot), True
        if slot in self.parameters and (not at_exit or slot not in self.cleared):
            return encode("LOAD_FAST", slot), False
        return encode(self.version.checked_load, slot), True

    # The new code

    def _insertions(self, enter: Sequence, leave: Sequence) -> list[_Insertion]:
        """Give all that is inserted, but prefixes of jumps."""
        insertions = [_Insertion(self.resume, self.resume + 1, enter.code)]
        insertions += (_Insertion(unit, unit, landing.code) for unit, landing in self.landings.items())
        const_leave = leave.code + encode("RETURN_VALUE")
        for index in self.returns:
            if self.units[UNIT * index] == _RETURN_VALUE:
                insertions.append(_Insertion(index, index, leave.code))
            else:
                insertions.append(_Insertion(index, index + 1, const_leave))
        return insertions

    def _lay_out(self, fixed: list[_Insertion]) -> tuple[Callable[[int], int], list[_Insertion]]:
        """Decide where everything goes.

        Gives a function from old positions to new ones, and all insertions in their order. A position keeps pointing
        to the instruction that was there, what was put before it included; but the entry sequence counts as part of
        the RESUME.
        """
        for jump in self.jumps:
            landing = self.landings.get(jump.target)
            if landing is not None:
                jump.beyond = landing.begin + landing.spared(jump.first)
        while True:
            # What comes with a jump comes behind the hook of its line.
            added = (_Insertion(jump.first, jump.first, b"", jump) for jump in self.jumps if jump.added)
            insertions = sorted([*fixed, *added], key=attrgetter("order"))
            keys = [insertion.key for insertion in insertions]
            sums = [0, *accumulate(map(len, insertions))]

            def moved(position: int, keys: list[int] = keys, sums: list[int] = sums) -> int:
                return position + sums[bisect_left(keys, position)]

            stable = True
            for jump in self.jumps:
                argument = jump.argument(moved)
                if argument > 255:
                    missing = len(prefix(argument)) // UNIT - (jump.index - jump.first) - jump.added
                    if missing > 0:
                        jump.added += missing
                        stable = False
            if stable:
                return moved, insertions

    def _assemble(self, moved: Callable[[int], int], insertions: list[_Insertion]) -> bytearray:
        """Copy the old code with the insertions, its jumps set to their new distances."""
        units = self.units
        prefixes = {}
        for jump in self.jumps:
            argument = jump.argument(moved)
            for index in range(jump.index, jump.first - 1, -1):
                units[UNIT * index + 1] = argument & 255
                argument >>= 8
            added = b""
            for _ in range(jump.added):
                added = bytes((EXTENDED_ARG, argument & 255)) + added
                argument >>= 8
            prefixes[jump.first] = added
        out = bytearray()
        copied = 0
        for insertion in insertions:
            out += units[UNIT * copied : UNIT * insertion.position]
            out += prefixes[insertion.key] if insertion.jump else insertion.code
            copied = insertion.position
        out += units[UNIT * copied :]
        return out

    def _body_handlers(self, moved: Callable[[int], int], end: int) -> list[Handler]:
        """Give the handlers of the body one deeper, and between them the one that calls the hook."""

        def target(unit: int) -> int:
            landing = self.landings.get(unit)
            return moved(unit) + (landing.begin if landing else 0)

        if not self.plan.leaves:
            return [
                Handler(moved(start), moved(stop), target(unit), depth, lasti)
                for start, stop, unit, depth, lasti in self.handlers
            ]
        handlers = []
        position = body = moved(self.resume + 1)
        for start, stop, unit, depth, lasti in self.handlers:
            first = max(moved(start), body)
            if first > position:
                handlers.append(Handler(position, first, end, 1, True))
            position = max(moved(stop), body)
            if position > first:
                handlers.append(Handler(first, position, target(unit), depth + 1, lasti))
        if position < end:
            handlers.append(Handler(position, end, end, 1, True))
        return handlers
