"""The weave itself: hook calls spliced into a function's code, everything else moved and left as it was.

The code is not taken apart and put together again: bytes between the places of insertion are copied, jumps,
handlers and lines are adjusted to the new distances. Every stack depth grows by one, for the token.
"""

import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from opcode import opmap, opname
from types import CodeType

from hogtrace.errors import WeaveError
from hogtrace.weave import layout
from hogtrace.weave.instructions import EXTENDED_ARG, UNIT, VERSION, Version, argument_at, encode, prefix
from hogtrace.weave.tables import Handler, carve, read_handlers, stretch_lines, write_handlers

CO_OPTIMIZED = 0x1
CO_NEWLOCALS = 0x2

_RESUME = opmap["RESUME"]
_RESUME_PLACE = 3  # the bits of RESUME's argument that say where it stands; 0: at the function's start
_RETURN_VALUE = opmap["RETURN_VALUE"]
_RETURN_CONST = opmap["RETURN_CONST"] if VERSION and VERSION.constant_return else None
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
        bytes(
            sorted(
                _FORWARD
                | _BACKWARD
                | {_RETURN_VALUE}
                | ({_RETURN_CONST} if _RETURN_CONST is not None else set())
                | ({_RESUME} if VERSION and VERSION.resume_depth_bit else set())
            )
        )
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
    closure variables. At entry the hook gets None for no slot, the value itself for one, a tuple for more. At
    exit it gets a tuple whenever there is a slot, the result before it when the function returns. A slot
    without a value gives the hook object itself.

    With `enters` false nothing is called at entry, and the hook object is every call's token; then `entry` is empty.
    """

    entry: tuple[int, ...]
    exit: tuple[int, ...]
    enters: bool = True


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
    for slot in plan.entry + plan.exit:
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

    def argument(self, moved: Callable[[int], int]) -> int:
        distance = moved(self.target) - moved(self.following)
        return -distance if self.backward else distance


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Instructions to insert; `guards` are the handlers of loads in them that may fail, counted from the start."""

    code: bytes
    guards: tuple[Handler, ...]

    def __len__(self) -> int:
        return len(self.code) // UNIT

    def guards_at(self, place: int) -> Iterator[Handler]:
        """Give the handlers for the sequence at a place."""
        for start, end, target, depth, lasti in self.guards:
            yield Handler(place + start, place + end, place + target, depth, lasti)


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
        self.cleared = layout.clears(code) if plan.exit else frozenset()
        self.boxed: set[int] = set()
        self.resume = self._read_prologue()
        self.jumps: list[_Jump] = []
        self.returns: list[int] = []
        self._read_body()
        self.stop_iteration = self._stop_iteration_handler()

    def woven(self) -> CodeType:
        """Give the woven code object."""
        enter = self._enter()
        leave = self._leave()
        unwind = self._unwind()
        moved, edits = self._lay_out(enter, leave)
        out = self._assemble(moved, edits, enter, leave)
        body = moved(self.resume + 1)
        end = len(out) // UNIT

        guards = [*enter.guards_at(body - len(enter))]
        holes = []
        for index in self.returns:
            start = moved(index) + (self.units[UNIT * index] == _LOAD_CONST)
            holes.append((start, moved(index + 1)))
            guards += leave.guards_at(start)
        guards += unwind.guards_at(end)
        handlers = carve(self._body_handlers(moved, end), holes) + guards

        out += unwind.code
        if self.stop_iteration is not None:
            # Where no token lies on the stack, the handler needs a copy for the depth that it used to have.
            copy = len(out) // UNIT
            out += _STOP_ITERATION
            first = moved(self.stop_iteration.start)
            bare = [Handler(start, stop, copy, 0, True) for start, stop in ((first, body), *holes)]
            handlers += carve(bare, [(guard.start, guard.end) for guard in guards])
        handlers.sort()

        grown = [(key, size) for key, size in edits if key != self.resume]
        tail = len(out) // UNIT - end
        blank = (self.resume + 1, len(enter))
        loads = max(1, len(self.plan.exit))
        return self.code.replace(
            co_code=bytes(out),
            co_consts=tuple(self.consts),
            co_stacksize=max(self.code.co_stacksize + 1, 1 + max(1, len(self.plan.entry)), 5 + loads),
            co_exceptiontable=write_handlers(handlers),
            co_linetable=stretch_lines(self.code.co_linetable, self.size, grown, blank, tail),
        )

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
            if opcode == _RETURN_VALUE:
                self.returns.append(index)
            elif opcode == _RETURN_CONST:
                units[UNIT * index] = _LOAD_CONST
                self.returns.append(index)
            elif opcode == _RESUME:
                units[UNIT * index + 1] &= ~self.version.resume_depth_bit
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

    def _enter(self) -> _Sequence:
        """`token = hook[values]`, or `token = hook`."""
        if not self.plan.enters:
            return _Sequence(encode("LOAD_CONST", self.hook), ())
        return self._sequence(
            [encode("LOAD_CONST", self.hook)],
            self.plan.entry,
            self._key(len(self.plan.entry), len(self.plan.entry) > 1) + encode(*self.version.subscript),
            below=1,
            at_exit=False,
        )

    def _leave(self) -> _Sequence:
        """`del token[result, *values]` with [token, result] on the stack; the result stays on it."""
        key = encode("BUILD_TUPLE", 1 + len(self.plan.exit)) if self.plan.exit else b""
        return self._sequence(
            [encode("SWAP", 2), encode("COPY", 2)],
            self.plan.exit,
            key + encode("DELETE_SUBSCR"),
            below=3,
            at_exit=True,
        )

    def _unwind(self) -> _Sequence:
        """`token[values] = exception` with [token, lasti, exception] on the stack; it is raised again."""
        return self._sequence(
            [encode("COPY", 1), encode("COPY", 4)],
            self.plan.exit,
            self._key(len(self.plan.exit), bool(self.plan.exit)) + encode("STORE_SUBSCR") + encode("RERAISE", 1),
            below=5,
            at_exit=True,
        )

    def _key(self, loads: int, packed: bool) -> bytes:
        if loads == 0:
            return encode("LOAD_CONST", self._none())
        return encode("BUILD_TUPLE", loads) if packed else b""

    def _none(self) -> int:
        for index, constant in enumerate(self.consts):
            if constant is None:
                return index
        self.consts.append(None)
        return len(self.consts) - 1

    def _sequence(
        self, before: list[bytes], slots: tuple[int, ...], after: bytes, *, below: int, at_exit: bool
    ) -> _Sequence:
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
        return _Sequence(code + after, tuple(guards))

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

    def _lay_out(self, enter: _Sequence, leave: _Sequence) -> tuple[Callable[[int], int], list[tuple[int, int]]]:
        """Decide where everything goes.

        Gives a function from old positions to new ones and the growth of the code: pairs of an old position
        and how many units come in there. A position keeps pointing to the instruction that was there, what
        was put before it included; but the entry sequence counts as part of the RESUME.
        """
        const_return = len(leave) + 1
        fixed = [(self.resume, len(enter))]
        fixed += (
            (index, len(leave) if self.units[UNIT * index] == _RETURN_VALUE else const_return) for index in self.returns
        )
        while True:
            edits = sorted(fixed + [(jump.first, jump.added) for jump in self.jumps if jump.added])
            keys = [key for key, _ in edits]
            sums = [0, *accumulate(size for _, size in edits)]

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
                return moved, edits

    def _assemble(
        self, moved: Callable[[int], int], edits: list[tuple[int, int]], enter: _Sequence, leave: _Sequence
    ) -> bytearray:
        """Copy the old code with the insertions, its jumps set to their new distances."""
        units = self.units
        inserted = {self.resume: (self.resume + 1, enter.code)}
        return_value = encode("RETURN_VALUE")
        for index in self.returns:
            if units[UNIT * index] == _RETURN_VALUE:
                inserted[index] = (index, leave.code)
            else:
                inserted[index] = (index + 1, leave.code + return_value)
        for jump in self.jumps:
            argument = jump.argument(moved)
            for index in range(jump.index, jump.first - 1, -1):
                units[UNIT * index + 1] = argument & 255
                argument >>= 8
            if jump.added:
                added = b""
                for _ in range(jump.added):
                    added = bytes((EXTENDED_ARG, argument & 255)) + added
                    argument >>= 8
                inserted[jump.first] = (jump.first, added)
        out = bytearray()
        copied = 0
        for key, _ in edits:
            position, code = inserted[key]
            out += units[UNIT * copied : UNIT * position]
            out += code
            copied = position
        out += units[UNIT * copied :]
        return out

    def _body_handlers(self, moved: Callable[[int], int], end: int) -> list[Handler]:
        """Give the handlers of the body one deeper, and between them the one that calls the hook."""
        handlers = []
        position = body = moved(self.resume + 1)
        for start, stop, target, depth, lasti in self.handlers:
            first = max(moved(start), body)
            if first > position:
                handlers.append(Handler(position, first, end, 1, True))
            position = max(moved(stop), body)
            if position > first:
                handlers.append(Handler(first, position, moved(target), depth + 1, lasti))
        if position < end:
            handlers.append(Handler(position, end, end, 1, True))
        return handlers
