"""Reads of ordinary objects give what CPython's reads give, over a frame and in a woven call alike."""

import dataclasses
import os
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from tests.hogtrace.oracle.generator import NAMES
from tests.hogtrace.oracle.hosts import WovenCalls, in_a_frame, program_of
from tests.hogtrace.oracle.reference import agree, evaluated, shown
from tests.hogtrace.oracle.trees import Tree, literal, name

BATCHES, READS = 20, 150


class Text(str):
    """A string that overrides nothing."""


class Number(int):
    """An integer that overrides nothing."""


class Real(float):
    """A float that overrides nothing."""


class Items(list[Any]):
    """A list that overrides nothing."""


class Pair(tuple[Any, ...]):
    """A tuple that overrides nothing."""


class Table(dict[Any, Any]):
    """A dict that overrides nothing."""


class Plain:
    """An object with a dict, and with what its class has."""

    shared: Any = "of the class"

    def __init__(self, first: Any, second: Any) -> None:
        self.first = first
        self.second = second


class Derived(Plain):
    """One whose class derives from another and hides an attribute of it."""

    shared: Any = 7


class Slotted:
    """An object without a dict; a slot may be empty."""

    __slots__ = ("empty", "first", "second")

    def __init__(self, first: Any, second: Any) -> None:
        self.first = first
        self.second = second


class Mixed(Slotted):
    """One with slots and a dict."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first, second)
        self.shared = second


@dataclasses.dataclass(eq=False)
class Data:
    """A dataclass."""

    first: Any
    second: Any
    shared: Any = None


@dataclasses.dataclass(eq=False, slots=True, frozen=True)
class Frozen:
    """A dataclass with slots that cannot be changed."""

    first: Any
    second: Any


class Named(NamedTuple):
    """A tuple with names."""

    first: Any
    second: Any


class Refused(Exception):
    """An exception with attributes."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first, second)
        self.first = first
        self.second = second


ATTRIBUTES = ["first", "second", "shared", "empty", "args", "real", "absent", "errno", "start"]
KEYS: list[Any] = ["first", "k", 0, 1, -1, 5, True, None, 1.0, "absent", 2**70]


class Objects:
    """Random nested objects and reads of them, from one seed."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret is made of it

    def made(self, depth: int) -> Any:
        """Give an object that holds others."""
        draw = self.random
        if depth == 0:
            return draw.choice(
                [None, True, 3, 2.5, "text", b"bytes", Text("own"), Number(5), Real(1.5), 2**70, Text(), range(4)]
            )
        one, other = self.made(depth - 1), self.made(depth - 1)
        kinds = [Plain, Derived, Slotted, Mixed, Data, Frozen, Named, Refused]
        match draw.randrange(16):
            case 0:
                return [one, other]
            case 1:
                return (one, other, one)
            case 2:
                return Items([one, other])
            case 3:
                return Pair((one, other))
            case 4 | 5:
                return {"first": one, 1: other, None: one}
            case 6:
                return Table(k=one, first=other)
            case 7:
                return OSError(2, "no such file", "name") if draw.random() < 0.3 else ValueError(one, other)
            case _:
                return draw.choice(kinds)(one, other)

    def read(self, operands: Mapping[str, Any]) -> Tree:
        """Give a few reads, one upon the other; now and then one that the object does not have."""
        start = self.random.choice(NAMES)
        tree, value = name(start), operands[start]
        for _ in range(self.random.randint(1, 5)):
            further = self._step(tree, value)
            outcome = evaluated(further, operands)
            if outcome.kind and self.random.random() < 0.6:
                continue
            tree, value = further, outcome.value
        if self.random.random() < 0.1:
            return Tree("call", self.random.choice(["len", "bool", "int", "float"]), (tree,))
        return tree

    def _step(self, tree: Tree, value: Any) -> Tree:
        choose = self.random.choice
        if self.random.random() < 0.1 or isinstance(value, Plain | Slotted | Data | Frozen | Named | BaseException):
            return Tree("attribute", choose(ATTRIBUTES[: choose([3, 3, 5, len(ATTRIBUTES)])]), (tree,))
        if isinstance(value, list | tuple | str | bytes) and self.random.random() < 0.3:
            ends = literal(choose([0, 0, 1, -1])), literal(choose([2, -1, None]))
            return Tree("slice", "", (tree, *ends), ("given", "given"))
        known = list(value) if isinstance(value, dict) else [0, 1, -1, True]
        return Tree("item", "", (tree, literal(choose(KEYS if self.random.random() < 0.2 else known))))


def test_random_reads() -> None:
    """Attributes, items and slices of dataclasses, slots, exceptions, containers and plain subclasses are CPython's."""
    seed, woven, values, identical = os.environ.get("HOGTRACE_SEED") or random.getrandbits(32), WovenCalls(), 0, 0
    for batch in range(BATCHES):
        objects = Objects(f"{seed}/{batch}")
        operands = {key: objects.made(3) for key in NAMES}
        trees = [objects.read(operands) for _ in range(READS)]
        program = program_of([tree.probe() for tree in trees])
        framed = in_a_frame(program, READS, operands)
        called = woven.run(program, READS, operands)
        for tree, frame, call in zip(trees, framed, called, strict=True):
            expected = evaluated(tree, operands)
            if (frame.kind, frame.message) != (call.kind, call.message) or not all(
                agree(expected, got, tree, operands) for got in (frame, call)
            ):
                given = shown(operands[min(tree.names())])
                pytest.fail(
                    f"seed {seed}, batch {batch}: {tree.probe()} of {given}\n"
                    f"  CPython: {expected}\n  in a frame: {frame}\n  in a call:  {call}"
                )
            values += expected.kind is None
            identical += expected.kind is None and expected.value is frame.value is call.value
    assert values > BATCHES * READS / 3
    assert identical > values / 2, "what is read is the object itself"
