"""The search for an expression on which a host and CPython disagree, and its reduction to a small one."""

from collections.abc import Iterator, Mapping
from typing import Any

from hogtrace import CompileError
from tests.hogtrace.oracle.generator import Generator
from tests.hogtrace.oracle.hosts import WovenCalls, in_a_frame, program_of
from tests.hogtrace.oracle.reference import Outcome, agree, evaluated, shown
from tests.hogtrace.oracle.trees import Tree

BATCH = 200
"""Expressions of one probe: a request has room for 256 variables."""

SPENT = "one run touches"
"""In the message of an error because the run, not the expression, has touched too much."""

STEPS = 2000
"""Evaluations that the reduction of one failure may take."""


class Search:
    """Runs random expressions on both hosts and compares them with CPython."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.woven = WovenCalls()
        self.evaluated = 0
        self.values = 0
        self.limits = 0

    def run(self, count: int) -> None:
        """Evaluate at least `count` expressions. Raises an AssertionError that tells the first difference, reduced."""
        batch = 0
        while self.evaluated < count:
            generator = Generator(f"{self.seed}/{batch}")
            self._batch([generator.expression() for _ in range(BATCH)], generator.operands, batch)
            batch += 1

    def _batch(self, trees: list[Tree], operands: Mapping[str, Any], batch: int) -> None:
        try:
            program = program_of([tree.probe() for tree in trees])
        except CompileError as error:
            # One probe has room for 4,096 instructions.
            if len(trees) == 1 or {found.code for found in error.errors} != {"HT061"}:
                raise
            for half in (trees[: len(trees) // 2], trees[len(trees) // 2 :]):
                self._batch(half, operands, batch)
            return
        framed = in_a_frame(program, len(trees), operands)
        called = self.woven.run(program, len(trees), operands)
        for tree, frame, call in zip(trees, framed, called, strict=True):
            expected = evaluated(tree, operands)
            if any(SPENT in outcome.message for outcome in (frame, call)):
                # The expressions before it have used up what one run may touch; alone it has all of that.
                expected, frame, call = self._three(tree, operands)
            self.evaluated += 1
            self.values += expected.kind is None
            self.limits += frame.kind == "limit"
            if not self._fits(expected, frame, call, tree, operands):
                raise AssertionError(self._report(tree, operands, batch))

    @staticmethod
    def _fits(expected: Outcome, frame: Outcome, call: Outcome, tree: Tree, operands: Mapping[str, Any]) -> bool:
        return (
            frame.kind == call.kind
            and frame.message == call.message
            and agree(expected, frame, tree, operands)
            and agree(expected, call, tree, operands)
        )

    def _three(self, tree: Tree, operands: Mapping[str, Any]) -> tuple[Outcome, Outcome, Outcome]:
        program = program_of([tree.probe()])
        (frame,), (call,) = in_a_frame(program, 1, operands), self.woven.run(program, 1, operands)
        return evaluated(tree, operands), frame, call

    def _differs(self, tree: Tree, operands: Mapping[str, Any]) -> bool:
        try:
            return not self._fits(*self._three(tree, operands), tree, operands)
        except CompileError:
            return False

    def _report(self, tree: Tree, operands: dict[str, Any] | Mapping[str, Any], batch: int) -> str:
        tree, operands = self._reduced(tree, dict(operands))
        expected, frame, call = self._three(tree, operands)
        given = [f"  {name} = {shown(operands[name])}" for name in sorted(tree.names())]
        return "\n".join(
            [
                f"seed {self.seed}, batch {batch}: {shown(tree.probe())}",
                *given,
                f"  CPython ({shown(tree.python())}): {expected}",
                f"  in a frame: {frame}",
                f"  in a call:  {call}",
            ]
        )

    def _reduced(self, tree: Tree, operands: dict[str, Any]) -> tuple[Tree, dict[str, Any]]:
        """Make a failing expression and its operands smaller as long as it fails."""
        steps, going = 0, True
        while going:
            going = False
            for smaller_tree, smaller_operands in _smaller(tree, operands):
                steps += 1
                if steps > STEPS:
                    return tree, operands
                if self._differs(smaller_tree, smaller_operands):
                    tree, operands, going = smaller_tree, smaller_operands, True
                    break
        return tree, operands


def _smaller(tree: Tree, operands: dict[str, Any]) -> Iterator[tuple[Tree, dict[str, Any]]]:
    for smaller in tree.smaller():
        yield smaller, operands
    for name in tree.names():
        for value in _simpler(operands[name]):
            yield tree, {**operands, name: value}


def _simpler(value: Any) -> Iterator[Any]:
    """Give values that are simpler than a container."""
    if not isinstance(value, list | tuple | dict | set | frozenset) or not value:
        return
    elements = list(value.items()) if isinstance(value, dict) else list(value)
    yield from value
    if len(elements) > 1:
        for kept in (elements[: len(elements) // 2], elements[len(elements) // 2 :], elements[1:], elements[:-1]):
            yield type(value)(kept)
