"""A proof, for one function, that its woven code is its own code with the hooks and nothing else.

The verifier decodes both code objects by itself and walks them side by side: every instruction of the
original must stand in the woven code in its order, with its argument, its position in the source, its jump
going to the same instruction and its handler being the same one, one stack level deeper where calls have a token.
What stands between must be exactly the hook sequences. Then stack depths are computed through the whole woven code.
"""

import dis
import opcode
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

from hogtrace.weave import Plan

JUMPS = frozenset(opcode.hasjrel)
ENDS = frozenset({"RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"})
ALWAYS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
LOADS = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_CONST"})
SUBSCRIPT = ("BINARY_OP", 26) if sys.version_info >= (3, 14) else ("BINARY_SUBSCR", 0)
GENERATOR_FLAGS = 0x20 | 0x80 | 0x200


@dataclass(frozen=True)
class Instruction:
    """One instruction: `start` is its first prefix, `unit` its opcode, `end` behind its caches."""

    name: str
    argument: int
    start: int
    unit: int
    end: int
    target: int | None


@dataclass(frozen=True)
class Landing:
    """What stands before an instruction for hooks of lines: where its blocks begin, each with who goes past it."""

    start: int
    blocks: tuple[tuple[frozenset[int], int], ...]
    end: int

    @property
    def begin(self) -> int:
        """Where one lands who meets every hook."""
        return self.blocks[0][1]

    def place(self, source: int) -> int:
        """Give where control that comes from an instruction of the original must go on."""
        return next((start for past, start in self.blocks if source not in past), self.end)


@dataclass(frozen=True)
class Covering:
    """The handler that covers an instruction."""

    target: int
    depth: int
    lasti: bool


def _caches(op: int) -> int:
    entries: Any = opcode._inline_cache_entries  # type: ignore[attr-defined]
    return entries.get(dis.opname[op], 0) if isinstance(entries, dict) else entries[op]


def decode(code: CodeType) -> list[Instruction]:
    """Give the instructions of a code object in their order."""
    units = code.co_code
    instructions = []
    start = unit = argument = 0
    while unit * 2 < len(units):
        op, low = units[2 * unit], units[2 * unit + 1]
        argument = argument << 8 | low
        if op == dis.EXTENDED_ARG:
            unit += 1
            continue
        end = unit + 1 + _caches(op)
        name = dis.opname[op]
        target = None
        if op in JUMPS:
            backward = "BACKWARD" in name or name == "END_ASYNC_FOR"
            target = end - argument if backward else end + argument
        instructions.append(Instruction(name, argument, start, unit, end, target))
        start = unit = end
        argument = 0
    return instructions


def handlers(code: CodeType) -> list[Covering | None]:
    """Give the handler that covers each unit of a code object."""
    covering: list[Covering | None] = [None] * (len(code.co_code) // 2)
    numbers = iter(code.co_exceptiontable)

    def number() -> int:
        byte = next(numbers)
        value = byte & 63
        while byte & 64:
            byte = next(numbers)
            value = value << 6 | byte & 63
        return value

    previous = 0
    while True:
        try:
            start = number()
        except StopIteration:
            return covering
        length, target, depth_lasti = number(), number(), number()
        assert previous <= start, "the exception table is not sorted, or entries overlap"
        previous = start + length
        assert previous <= len(covering), "the exception table covers more than there is"
        for unit in range(start, previous):
            covering[unit] = Covering(target, depth_lasti >> 1, bool(depth_lasti & 1))


def verify(original: CodeType, woven: CodeType, hook: object, plan: Plan) -> None:
    """Raise `AssertionError` unless `woven` is `original` with `hook` by `plan` around its body."""
    _Proof(original, woven, hook, plan).check()
    check_depths(woven)


class _Proof:
    def __init__(self, original: CodeType, woven: CodeType, hook: object, plan: Plan) -> None:
        self.original, self.woven, self.hook, self.plan = original, woven, hook, plan
        self.old, self.new = decode(original), decode(woven)
        self.at = 0  # the next instruction of the woven code
        self.matched: list[tuple[Instruction, Instruction]] = []
        self.moved: dict[int, int] = {}  # where a jump to an old instruction must lead now
        self.holes: list[tuple[int, int]] = []  # units in which no token lies on the stack
        self.guards: dict[int, Covering] = {}  # the handler of each unit of a load that may fail
        self.landings: dict[int, Landing] = {}  # the hooks of lines before old instructions
        self.depths = check_depths(original) if plan.lines else {}

    def check(self) -> None:
        """Check everything but stack depths."""
        original, woven = self.original, self.woven
        for name in dir(original):
            changed = name.startswith("co_") and name not in {
                "co_code", "co_consts", "co_stacksize", "co_exceptiontable", "co_linetable", "co_lnotab",
                "co_lines", "co_positions", "co_branches",
            }  # fmt: skip
            if changed:
                assert getattr(original, name) == getattr(woven, name), name
        count = len(original.co_consts)
        assert all(a is b for a, b in zip(original.co_consts, woven.co_consts, strict=False))
        assert woven.co_consts[count] is self.hook
        more = [id(constant) for constant in woven.co_consts[count + 1 :] if constant is not None]
        assert more == [id(line.hook) for line in self.plan.lines]
        assert woven.co_consts[count + 1 :].count(None) == len(woven.co_consts) - count - 1 - len(more) <= 1
        self._walk()
        self._tail()
        self._compare()
        self._handlers()

    def _next(self, name: str, argument: int | None = None) -> Instruction:
        instruction = self.new[self.at]
        assert instruction.name == name, (instruction, name, argument)
        assert argument is None or instruction.argument == argument, (instruction, argument)
        self.at += 1
        return instruction

    def _load(self, slot: int, depth: int, at_exit: bool) -> None:
        instruction = self.new[self.at]
        self.at += 1
        if instruction.name == "LOAD_CONST":
            assert not at_exit
            assert self.woven.co_consts[instruction.argument] is self.hook
            return
        assert instruction.name in LOADS
        assert instruction.argument == slot
        names = (
            *self.original.co_varnames,
            *(name for name in self.original.co_cellvars if name not in self.original.co_varnames),
            *self.original.co_freevars,
        )
        name = names[slot]
        boxed = name in self.original.co_cellvars or slot >= len(names) - len(self.original.co_freevars)
        assert (instruction.name == "LOAD_DEREF") == boxed, (instruction, name)
        parameter = slot < (
            self.original.co_argcount
            + self.original.co_kwonlyargcount
            + bool(self.original.co_flags & 4)
            + bool(self.original.co_flags & 8)
        )
        deleted = any(i.name in ("DELETE_FAST", "LOAD_FAST_AND_CLEAR") and i.argument == slot for i in self.old)
        if boxed or (at_exit and (not parameter or deleted)):
            assert sys.version_info < (3, 12) or instruction.name != "LOAD_FAST"
            over = self._next("JUMP_FORWARD")
            self.guards[instruction.unit] = Covering(over.end, depth, False)
            self._next("POP_TOP")
            assert self.woven.co_consts[self._next("LOAD_CONST").argument] is self.hook
            assert over.target == self.new[self.at].start

    def _enter(self) -> None:
        if not self.plan.enters and not self.plan.leaves:
            start = self.new[self.at].start
            self.entry = (start, start)
            return
        token = self._next("LOAD_CONST")
        assert self.woven.co_consts[token.argument] is self.hook
        start = token.start
        if not self.plan.enters:
            self.entry = (start, token.end)
            return
        for position, slot in enumerate(self.plan.entry):
            self._load(slot, 1 + position, at_exit=False)
        if not self.plan.entry:
            assert self.woven.co_consts[self._next("LOAD_CONST").argument] is None
        elif len(self.plan.entry) > 1:
            self._next("BUILD_TUPLE", len(self.plan.entry))
        end = self._next(*SUBSCRIPT).end
        if not self.plan.leaves:
            end = self._next("POP_TOP").end
        self.entry = (start, end)

    def _leave(self) -> None:
        start = self._next("COPY", 1).start
        self._next("SWAP", 3)
        for position, slot in enumerate(self.plan.exit):
            self._load(slot, 3 + position, at_exit=True)
        if not self.plan.exit:
            assert self.woven.co_consts[self._next("LOAD_CONST").argument] is None
        elif len(self.plan.exit) > 1:
            self._next("BUILD_TUPLE", len(self.plan.exit))
        self._next("STORE_SUBSCR")
        self.holes.append((start, self.new[self.at].end))

    def _land(self, old: Instruction, before: Instruction | None) -> None:
        """Check the hooks of lines before an old instruction."""
        calls = [
            (arrival.past, line) for line in self.plan.lines for arrival in line.arrivals if arrival.unit == old.start
        ]
        if not calls:
            return
        calls.sort(key=lambda call: len(call[0]), reverse=True)
        start = self.new[self.at].start
        over = None
        if before is not None and before.name not in ENDS | ALWAYS and before.start in calls[0][0]:
            over = self._next("JUMP_FORWARD")
        blocks = []
        for past, line in calls:
            blocks.append((past, self.new[self.at].start))
            assert self.woven.co_consts[self._next("LOAD_CONST").argument] is line.hook
            depth = self.depths[old.start] + self.plan.leaves
            if line.token:
                assert self.plan.leaves
                self._next("COPY", depth + 1)
            for position, slot in enumerate(line.loads):
                self._load(slot, depth + 1 + line.token + position, at_exit=True)
            if line.loads:
                self._next("BUILD_TUPLE", line.token + len(line.loads))
            elif not line.token:
                assert self.woven.co_consts[self._next("LOAD_CONST").argument] is None
            self._next("DELETE_SUBSCR")
        landing = self.landings[old.start] = Landing(start, tuple(blocks), self.new[self.at].start)
        if over is not None:
            assert before is not None
            assert over.target == landing.place(before.start)

    def _walk(self) -> None:
        """Match each old instruction with its new one."""
        begun = False
        before = None
        for old in self.old:
            self._land(old, before)
            before = old
            landing = self.landings.get(old.start)
            self.moved[old.start] = landing.begin if landing else self.new[self.at].start
            if not self.plan.leaves:
                new = self._next(old.name, None if old.target is not None else old.argument)
            elif old.name == "RETURN_VALUE":
                self._leave()
                new = self._next("RETURN_VALUE")
            elif old.name == "RETURN_CONST":
                new = self._next("LOAD_CONST", old.argument)
                self._leave()
                self._next("RETURN_VALUE")
            elif old.name == "RESUME":
                bit = 4 if sys.version_info >= (3, 13) else 0
                new = self._next("RESUME", old.argument & ~bit)
            else:
                new = self._next(old.name, None if old.target is not None else old.argument)
            self.matched.append((old, new))
            if old.name == "RESUME" and not begun:
                begun = True
                self._enter()
        self.end = self.new[self.at - 1].end

    def _tail(self) -> None:
        """Check the unwind sequence and the copy of the StopIteration handler."""
        self.stop_copy = None
        if not self.plan.leaves:
            assert self.at == len(self.new)
            return
        self._next("COPY", 3)
        self._next("COPY", 2)
        for position, slot in enumerate(self.plan.exit):
            self._load(slot, 5 + position, at_exit=True)
        self._next("BUILD_TUPLE", 1 + len(self.plan.exit))
        self._next("DELETE_SUBSCR")
        self._next("RERAISE", 1)
        resume = next(instruction.unit for instruction in self.old if instruction.name == "RESUME")
        if handlers(self.original)[resume] is not None:
            assert sys.version_info >= (3, 12)
            assert self.original.co_flags & GENERATOR_FLAGS
            self.stop_copy = self._next("CALL_INTRINSIC_1", 3).start
            self._next("RERAISE", 1)
        assert self.at == len(self.new)

    def _compare(self) -> None:
        """Check jumps and positions in the source."""
        old_places = list(self.original.co_positions())
        new_places = list(self.woven.co_positions())
        for old, new in self.matched:
            if old.target is not None:
                landing = self.landings.get(old.target)
                target = landing.place(old.start) if landing else self.moved[old.target]
                assert new.target == target, (old, new)
            place = old_places[old.unit]
            start = self.landings[old.start].start if old.start in self.landings else new.start
            assert new_places[start : new.end] == [place] * (new.end - start), (old, place, new)
        returns = [old for old in self.old if self.plan.leaves and old.name in ("RETURN_VALUE", "RETURN_CONST")]
        for old, (start, end) in zip(returns, self.holes, strict=True):
            assert new_places[start:end] == [old_places[old.unit]] * (end - start)
        nowhere = (None, None, None, None)
        assert set(new_places[slice(*self.entry)]) <= {nowhere}
        assert set(new_places[self.end :]) == ({nowhere} if self.plan.leaves else set())
        assert len(new_places) == len(self.woven.co_code) // 2

    def _handlers(self) -> None:
        """Check what covers each unit of the woven code."""
        old, new = handlers(self.original), handlers(self.woven)
        expected: list[Covering | None] = [None] * len(new)
        body = False
        unwind = Covering(self.end, 1, True)
        stop = Covering(self.stop_copy, 0, True) if self.stop_copy is not None else None
        for before, after in self.matched:
            covering = old[before.unit]
            if self.plan.leaves and before.name in ("RETURN_VALUE", "RETURN_CONST") and covering is not None:
                assert (covering.depth, covering.lasti) == (0, True), "a handler of the application's is at a return"
            if not self.plan.leaves:
                moved = covering and Covering(self.moved[covering.target], covering.depth, covering.lasti)
            elif not body:
                moved = stop if covering is not None else None
            elif covering is None:
                moved = unwind
            else:
                moved = Covering(self.moved[covering.target], covering.depth + 1, covering.lasti)
            first = self.landings[before.start].start if before.start in self.landings else after.start
            expected[first : after.end] = [moved] * (after.end - first)
            if before.name == "RESUME" and not body:
                body = True
                expected[slice(*self.entry)] = [moved] * (self.entry[1] - self.entry[0])
        for start, end in self.holes:
            expected[start:end] = [stop] * (end - start)
        for unit, guard in self.guards.items():
            expected[unit] = guard
        assert new == expected, [(u, a, b) for u, (a, b) in enumerate(zip(new, expected, strict=True)) if a != b]


def check_depths(code: CodeType) -> dict[int, int]:
    """Compute the depth of the stack at each instruction; raise `AssertionError` where it does not add up."""
    instructions = {instruction.start: instruction for instruction in decode(code)}
    covering = handlers(code)
    depths: dict[int, int] = {}
    pending = [(0, 0)]
    deepest = 0
    while pending:
        start, depth = pending.pop()
        assert depth >= 0, (code, start)
        deepest = max(deepest, depth)
        if start in depths:
            assert depths[start] == depth, (code, start, depths[start], depth)
            continue
        depths[start] = depth
        instruction = instructions[start]
        if instruction.name == "RETURN_VALUE":
            assert depth == 1, (code, start, depth)
        handler = covering[instruction.unit]
        if handler is not None:
            assert handler.depth <= depth, (code, start, depth, handler)
            pending.append((handler.target, handler.depth + handler.lasti + 1))
        if instruction.target is not None and instruction.name != "END_ASYNC_FOR":
            pending.append((instruction.target, depth + effect(instruction, jump=True)))
        if instruction.name not in ENDS | ALWAYS:
            pending.append((instruction.end, depth + effect(instruction, jump=False)))
    assert deepest <= code.co_stacksize, (code, deepest, code.co_stacksize)
    return depths


def effect(instruction: Instruction, *, jump: bool) -> int:
    """Give how many values an instruction adds to the stack."""
    if instruction.name == "RETURN_GENERATOR":
        return 1  # 3.11 counts the value that the first resumption pushes with the code's start
    op = dis.opmap[instruction.name]
    takes = op in dis.hasarg if sys.version_info >= (3, 12) else op >= dis.HAVE_ARGUMENT
    return dis.stack_effect(op, instruction.argument if takes else None, jump=jump)


def functions(code: CodeType) -> Iterator[CodeType]:
    """Give the code of every function in a module's code, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 3 == 3:
                yield constant
            yield from functions(constant)


def all_slots(code: CodeType) -> Sequence[int]:
    """Give the index of every local, cell and closure variable."""
    cells = [name for name in code.co_cellvars if name not in code.co_varnames]
    return range(len(code.co_varnames) + len(cells) + len(code.co_freevars))
